#include "tools/engines.h"

#include <stdlib.h>
#include <string.h>

#include "tensor/base/text.h"

/* The variables of an engine. Where it says first, last and step, these give the number of tasks; an engine whose tasks
 * are counted from `base` and that says only the last one has its first at `base`. */
typedef struct as_engine {
  const char *name, *index, *first, *last, *step, *count; /* NULL: the engine does not say */
  int64_t base;
} as_engine;

/* Slurm: sbatch(1), job arrays. SGE and LSF: qsub(1) -t and bsub(1) -J, which count from 1. PBS: OpenPBS says
 * PBS_ARRAY_INDEX, Torque PBS_ARRAYID. Kubernetes: a Job with completionMode Indexed. */
static const as_engine engines[] = {
    {"Slurm", "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX", "SLURM_ARRAY_TASK_STEP",
     "SLURM_ARRAY_TASK_COUNT", 0},
    {"SGE", "SGE_TASK_ID", "SGE_TASK_FIRST", "SGE_TASK_LAST", "SGE_TASK_STEPSIZE", NULL, 1},
    {"LSF", "LSB_JOBINDEX", NULL, "LSB_JOBINDEX_END", "LSB_JOBINDEX_STEP", NULL, 1},
    {"PBS", "PBS_ARRAY_INDEX", NULL, NULL, NULL, NULL, 0},
    {"Torque", "PBS_ARRAYID", NULL, NULL, NULL, NULL, 0},
    {"Kubernetes", "JOB_COMPLETION_INDEX", NULL, NULL, NULL, NULL, 0}};

#define MOST INT64_C(1000000) /* parts of --shard */

/* The value of a variable. SGE says "undefined" and LSF 0 outside of arrays, as if they said nothing. */
static const char *told(const as_engine *e, const char *name) {
  const char *v = name ? getenv(name) : NULL;
  if (!v || !*v || strcmp(v, "undefined") == 0) return NULL;
  return e->base == 1 && name == e->index && strcmp(v, "0") == 0 ? NULL : v;
}

static as_status read_index(const as_engine *e, const char *name, int64_t otherwise, int64_t *out,
                            as_err *err) {
  const char *v = told(e, name);
  *out = otherwise;
  if (!v || as_parse_i64(v, 0, INT32_MAX, out)) return AS_OK;
  return as_fail(err, AS_E_USAGE, "%s: found '%.40s', wanted a whole number", name, v);
}

/* The one engine that has numbered this process. */
static as_status find_engine(const as_engine **found, as_err *err) {
  *found = NULL;
  for (size_t i = 0; i < sizeof engines / sizeof *engines; i++) {
    if (!told(&engines[i], engines[i].index)) continue;
    if (*found)
      return as_fail(err, AS_E_USAGE, "--shard auto: found %s and %s, wanted one of them; say I/N",
                     (*found)->index, engines[i].index);
    *found = &engines[i];
  }
  if (*found) return AS_OK;
  return as_fail(err, AS_E_USAGE,
                 "--shard auto: found no task of an array (Slurm, PBS, SGE, LSF, an indexed Kubernetes Job), "
                 "wanted its number in the environment; say I/N");
}

/* I and N from what the engine says of the whole array. */
static as_status number_both(const as_engine *e, int64_t index, int64_t *shard, int64_t *shards,
                             as_err *err) {
  int64_t first, last, step, count;
  as_status s = read_index(e, e->first, e->base, &first, err);
  if (s == AS_OK) s = read_index(e, e->last, -1, &last, err);
  if (s == AS_OK) s = read_index(e, e->step, 1, &step, err);
  if (s != AS_OK) return s;
  if (last < 0)
    return as_fail(err, AS_E_USAGE, "--shard auto: %s does not say how many tasks there are; say auto/N",
                   e->name);
  if (step < 1) step = 1;
  const int64_t n = last < first ? 0 : (last - first) / step + 1;
  s = read_index(e, e->count, n, &count, err);
  if (s != AS_OK) return s;
  if (index < first || index > last || (index - first) % step != 0 || count != n)
    return as_fail(err, AS_E_USAGE,
                   "--shard auto: found task %lld of an array from %lld to %lld in steps of %lld with %lld "
                   "tasks, which has gaps; say auto/N",
                   (long long)index, (long long)first, (long long)last, (long long)step, (long long)count);
  *shard = (index - first) / step;
  *shards = n;
  return AS_OK;
}

as_status as_engine_task(const char *text, int64_t *shard, int64_t *shards, as_err *err) {
  const char *slash = strchr(text, '/');
  const as_engine *e;
  int64_t index;
  if (slash && !as_parse_i64(slash + 1, 1, MOST, shards))
    return as_fail(err, AS_E_USAGE, "--shard: found '%s', wanted auto/N, for example auto/8", text);
  as_status s = find_engine(&e, err);
  if (s == AS_OK) s = read_index(e, e->index, 0, &index, err);
  if (s != AS_OK) return s;
  if (!slash) return number_both(e, index, shard, shards, err);
  *shard = index - e->base;
  if (*shard >= 0 && *shard < *shards) return AS_OK;
  return as_fail(err, AS_E_USAGE, "--shard: found %s=%lld, wanted %lld to %lld for %s", e->index,
                 (long long)index, (long long)e->base, (long long)(*shards - 1 + e->base), text);
}
