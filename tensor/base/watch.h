/* How long work in eval/ reports its progress and learns that it should stop. */
#ifndef AS_TENSOR_BASE_WATCH_H
#define AS_TENSOR_BASE_WATCH_H

#include <stdbool.h>
#include <stddef.h>

/* Each function may be NULL; they are called from the main thread, between batches. */
typedef struct as_watch {
  void (*progress)(void *ctx, const char *what, size_t done, size_t total);
  void (*part)(void *ctx, double part); /* of all the work, 0 to 1; comes before the progress it belongs to */
  bool (*stop)(void *ctx);              /* true: finish what is under way, save, return AS_E_STOPPED */
  void *ctx;
} as_watch;

static inline void as_watch_progress(const as_watch *w, const char *what, size_t done, size_t total) {
  if (w && w->progress) w->progress(w->ctx, what, done, total);
}
static inline void as_watch_part(const as_watch *w, double part) {
  if (w && w->part) w->part(w->ctx, part);
}
static inline bool as_watch_stop(const as_watch *w) {
  return w && w->stop && w->stop(w->ctx);
}

#endif
