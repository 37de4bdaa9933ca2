/* A benchmark plan, from files to results. */
#ifndef AS_EVAL_RUN_RUN_H
#define AS_EVAL_RUN_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "eval/pretrain/pretrain.h"
#include "eval/report/report.h"
#include "eval/run/plan.h"
#include "eval/run/record.h"
#include "eval/run/run_folder.h"
#include "eval/stats/results.h"
#include "tensor/base/status.h"
#include "tensor/base/text.h"
#include "tensor/base/watch.h"

typedef struct as_run_opts {
  const char *dir; /* output folder, made if absent */
  int batch;       /* 0 = 8 */
  bool lenient;
  bool partial;      /* models and sets that are missing or do not fit keep their place, with the reason */
  const char *cache; /* folder of features kept across runs (features_cache.h), or NULL */
  int64_t
      keep; /* bytes of feature rows kept in dir/rows for the next run; 0 = AS_RUN_KEEP, negative = none */
  as_run_start start;
  int64_t tasks;         /* as_run_check: rates are measured, for so many machines; 0 = a quick look */
  const as_roots *roots; /* as_merge: data that lies elsewhere than when the shards were made; or NULL */
  bool replay;           /* every feature row must be there: nothing is computed (as_merge) */
  as_report_opts report;
  as_build_info build;
  const as_watch *watch;
  void (*training)(
      as_pretrain_opts *o); /* sets monitor, watch and callbacks of a training of the plan; or NULL */
} as_run_opts;

#define AS_RUN_KEEP (INT64_C(4) << 30)

/* Validates every file of the plan first, then computes and leaves in dir record.json, cells/MODEL--DATASET.tsv,
 * heads/, prints/, table.txt, table.csv and report.html. The folder is one process's at a time, and a finished run in it
 * stands until the next one is finished (run_folder.h). What is there is taken over: of a run that was cut off its rows,
 * heads and cells, of a finished one those that the same build made from the same inputs. A run that would leave what
 * stands already writes nothing. It ends with the same bytes as one from nothing.
 *
 * `results` is filled (clear it with as_results_clear) also when AS_E_INPUT says that images failed:
 * everything is written then, and the message counts them. AS_E_STOPPED: the watch said so. AS_E_ENV: another process
 * works in the folder. AS_E_USAGE: the folder holds another benchmark's run.
 *
 * With opts->partial, models and sets whose files are missing or do not fit are left out: their cells
 * are absent and say why, results->complete is false, everything is written, and the status is that of
 * the first of them. */
as_status as_run(const as_plan *plan, const as_run_opts *opts, as_results *results, as_err *err);

/* Part `shard` (from 0) of `shards` of the work: of every backbone run, the images that fall to it. Leaves
 * in dir the rows (rows/), the hashes (prints/) and shard.json (assay.shard/1); resumes like as_run.
 * AS_E_USAGE: opts->partial; dir is another part's. AS_E_INPUT: a training of the plan is not done yet (as_run_train). */
as_status as_run_shard(const as_plan *plan, const as_run_opts *opts, int64_t shard, int64_t shards,
                       as_err *err);

/* Joins the n folders that as_run_shard left to what as_run would have left, byte for byte. The plan's
 * datasets and weights must be in place (they are hashed again); no backbone is run. AS_E_INPUT: shards of
 * different plans, weights, images, profiles; missing, double or unfinished ones; all are named. */
as_status as_merge(const char *const *paths, size_t n, const as_run_opts *opts, as_results *results,
                   as_err *err);

/* The trainings of the plan that are not done yet, one after the other, each into pretrained/NAME in the plan's folder.
 * as_run does the same first. A checkpoint that says the words of its section is taken as it is (verify trains again).
 * AS_E_STOPPED: the same call goes on from there. */
as_status as_run_train(const as_plan *plan, const as_run_opts *opts, as_err *err);
/* How many they are, and about how long they take here: a small training of each kind tells, a second or two for each. */
as_status as_run_train_cost(size_t *todo, double *seconds, const as_plan *plan, as_err *err);

/* Seconds by the clock, and of all processors. */
typedef struct as_spent {
  double wall, cpu;
} as_spent;

/* What a run takes on machines like this one, with the threads that are set: seconds on one machine, but `rows`, which
 * is divided among the tasks. */
typedef struct as_run_cost {
  int64_t tasks; /* 1: one run; more: as_run_shard in each and as_merge */
  int threads;   /* of each */
  size_t trainings;
  as_spent training; /* first of all */
  as_spent opening;  /* of sets and models */
  as_spent bytes;    /* hashes of all images, in every task */
  as_spent rows;     /* backbones, with decoding */
  as_spent pixels;   /* hashes of all images and of what is decoded, once */
  as_spent heads;    /* fitted, and neighbours sought */
  as_spent ending;   /* statistics, tables and the page, and all files that are written */
  double disk, task_memory, merge_memory; /* bytes */
} as_run_cost;
/* One task; what comes after all of them (tasks 1: nothing); from the first to the last; of all machines together. */
as_spent as_run_cost_task(const as_run_cost *c);
as_spent as_run_cost_merge(const as_run_cost *c);
as_spent as_run_cost_wall(const as_run_cost *c);
as_spent as_run_cost_sum(const as_run_cost *c);
/* Checks the plan, and measures on samples of its images what opts->tasks machines take. */
as_status as_run_estimate(as_run_cost *cost, const as_plan *plan, const as_run_opts *opts, as_err *err);

typedef enum as_check_form { AS_CHECK_TEXT, AS_CHECK_JSON, AS_CHECK_URLS } as_check_form;

/* Validates alone, and appends what it found: a line per dataset and model, shared work, memory, disk
 * and, from one timed batch per model or from what opts->tasks asks for, how long the whole will take. Every problem is listed; the
 * status is that of the first. AS_CHECK_URLS: only an address per file that is missing, for wget -i; files that must be
 * asked for are remarks. */
as_status as_run_check(const as_plan *plan, const as_run_opts *opts, as_check_form form, as_str *out,
                       as_err *err);

#endif
