#include "tools/epochs.h"

#include "tools/progress.h"
#include "tools/say.h"

enum { MONITOR_IMAGES = 1024 };

static void say_epoch(void *ctx, const as_pretrain_epoch *e) {
  (void)ctx;
  as_str line = {0};
  as_str_printf(&line, "epoch %zu of %zu: loss %.4f, %.0f images/s", e->epoch, e->epochs, e->loss,
                e->images_per_second);
  if (e->spread >= 0) as_str_printf(&line, ", spread %.2f, rank %.1f", e->spread, e->rankme);
  if (e->knn >= 0) as_str_printf(&line, ", k-NN %.1f %%", 100.0 * e->knn);
  as_note("%s", as_str_c(&line));
  if (e->warning) as_note("warning: %s", e->warning);
  as_str_clear(&line);
}

static void say_resumed(void *ctx, size_t epoch) {
  (void)ctx;
  as_note("going on after epoch %zu", epoch);
}

void as_tool_training_tell(as_pretrain_opts *o) {
  o->monitor = MONITOR_IMAGES;
  o->watch = as_tool_watch();
  o->epoch = say_epoch;
  o->resumed = say_resumed;
}
