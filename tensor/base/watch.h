/* How long work in eval/ reports its progress and learns that it should stop. */
#ifndef AS_TENSOR_BASE_WATCH_H
#define AS_TENSOR_BASE_WATCH_H

#include <stdbool.h>
#include <stddef.h>

/* Both functions may be NULL and are called from the main thread, between batches. */
typedef struct as_watch {
  void (*progress)(void *ctx, const char *what, size_t done, size_t total);
  bool (*stop)(void *ctx); /* true: finish what is under way, save, return AS_E_STOPPED */
  void *ctx;
} as_watch;

static inline void as_watch_progress(const as_watch *w, const char *what, size_t done, size_t total) {
  if (w && w->progress) w->progress(w->ctx, what, done, total);
}
static inline bool as_watch_stop(const as_watch *w) {
  return w && w->stop && w->stop(w->ctx);
}

#endif
