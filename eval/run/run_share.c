/* How much of the whole run is done, for the time that is left. */
#include <string.h>

#include "eval/run/run_int.h"

double as_share_work(const as_run_share *s, const as_inputs *in, size_t m, const as_run_group *g) {
  for (size_t e = 0; e < m; e++)
    for (size_t k = 0; k < s->jobs[e].groups.n; k++)
      if (strcmp(s->jobs[e].groups.group[k].key, g->key) == 0) return 0;
  return in->models[m].gflop * (double)as_dataset_count(in->set[g->lead].ds);
}

static void on_progress(void *ctx, const char *what, size_t done, size_t total) {
  as_run_share *s = ctx;
  const double here = total ? s->group * (double)done / (double)total : 0;
  if (s->total > 0) as_watch_part(s->outer, (s->before + here) / s->total);
  as_watch_progress(s->outer, what, done, total);
}

static bool on_stop(void *ctx) {
  const as_run_share *s = ctx;
  return as_watch_stop(s->outer);
}

const as_watch *as_share_watch(as_run_share *s, const as_inputs *in, size_t m, const as_run_group *g) {
  s->before += s->group;
  s->group = as_share_work(s, in, m, g);
  s->watch = (as_watch){on_progress, NULL, on_stop, s};
  return &s->watch;
}
