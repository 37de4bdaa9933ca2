/* The trainings of a plan: what its models take by weights = pretrain:NAME. */
#include <string.h>

#include "eval/pretrain/training.h"
#include "eval/run/run_int.h"
#include "tensor/base/file.h"
#include "tensor/base/hash/crc32.h"
#include "tensor/base/log.h"
#include "tensor/base/mem.h"

/* A section of the plan in the words of training.h; texts are borrowed. */
static as_training training_of(const as_plan_pretrain *p) {
  return (as_training){.method = p->method,
                       .arch = p->arch,
                       .preset = p->preset,
                       .values = p->set,
                       .size = p->size,
                       .batch = p->batch,
                       .epochs = p->epochs,
                       .seed = p->seed,
                       .half = p->half,
                       .data = {.path = p->data.at,
                                .labels = p->labels.at,
                                .classes = p->classes.at,
                                .limit = p->limit,
                                .per_class_from = p->per_class[0],
                                .per_class_to = p->per_class[1]}};
}

as_status as_train_state(bool *done, const as_plan *plan, const as_plan_pretrain *p, as_err *err) {
  const as_training t = training_of(p);
  as_str said = {0}, command = {0};
  as_status s = as_training_words(&t, &said, &command, err);
  if (s == AS_OK) *done = as_training_is_done(p->checkpoint, &t, as_str_c(&command));
  if (s != AS_OK) as_fail_in(err, "%s:%d: [pretrain %s]", plan->path, p->line, p->name);
  as_str_clear(&said);
  as_str_clear(&command);
  return s;
}

/* Trainings on the same world share its images: pretrained/world-CRC beside them. */
static char *world_of(const as_plan_pretrain *p, as_err *err) {
  as_str name = {0};
  const char *words = p->data.said;
  as_str_printf(&name, "../world-%08x", (unsigned)as_crc32(0, words, strlen(words)));
  char *path = as_str_status(&name, err) == AS_OK ? as_path_join(p->dir, as_str_c(&name), err) : NULL;
  as_str_clear(&name);
  return path;
}

static as_status train_one(const as_plan_pretrain *p, const as_run_opts *opts, as_err *err) {
  const as_training t = training_of(p);
  as_training_open o = {0};
  as_pretrain_result r;
  char *world = world_of(p, err);
  as_status s = world ? as_make_dirs(p->dir, err) : AS_E_ENV;
  if (s == AS_OK) s = as_training_start(&o, &t, world, err);
  if (s == AS_OK) {
    as_log_line(AS_LOG_INFO, "%s: %s", p->name, o.opts.command);
    o.opts.watch = opts->watch;
    if (opts->training) opts->training(&o.opts);
    o.opts.dir = p->dir;
    s = as_pretrain(&o.opts, &r, err);
  }
  as_training_close(&o);
  as_free(world);
  return s;
}

as_status as_run_train(const as_plan *plan, const as_run_opts *opts, as_err *err) {
  as_status s = AS_OK;
  size_t before = 0;
  for (size_t i = 0; s == AS_OK && i < plan->n_pretrain; i++) {
    bool done;
    s = as_train_state(&done, plan, &plan->pretrain[i], err);
    before += s == AS_OK && done;
    if (s != AS_OK || done) continue;
    const as_training t = training_of(&plan->pretrain[i]);
    s = as_training_try(&t, err); /* all of them before the first one runs */
    if (s != AS_OK) as_fail_in(err, "[pretrain %s]", plan->pretrain[i].name);
  }
  if (before) as_log_line(AS_LOG_INFO, "%zu of %zu trainings are there already", before, plan->n_pretrain);
  for (size_t i = 0; s == AS_OK && i < plan->n_pretrain; i++) {
    const as_plan_pretrain *p = &plan->pretrain[i];
    bool done;
    s = as_train_state(&done, plan, p, err);
    if (s != AS_OK || done) continue;
    s = train_one(p, opts, err);
    if (s != AS_OK) as_fail_in(err, "[pretrain %s]", p->name);
  }
  return s;
}

static bool same_text(const char *a, const char *b) {
  return a == b || (a && b && strcmp(a, b) == 0);
}

/* The same work for the computer: all but the seed. */
static bool same_work(const as_plan_pretrain *a, const as_plan_pretrain *b) {
  return same_text(a->method, b->method) && same_text(a->arch, b->arch) && same_text(a->set, b->set) &&
         same_text(a->data.at, b->data.at) && a->size == b->size && a->batch == b->batch &&
         a->epochs == b->epochs && a->limit == b->limit && a->per_class[0] == b->per_class[0] &&
         a->per_class[1] == b->per_class[1];
}

/* Does training i find its world drawn, by one before it that is still to do or by an earlier run? */
static bool finds_world(const as_training_cost *cost, const as_plan *plan, size_t i) {
  const as_plan_pretrain *p = &plan->pretrain[i];
  for (size_t k = 0; k < i; k++)
    if (cost[k].title && same_text(plan->pretrain[k].data.at, p->data.at)) return true;
  char *world = world_of(p, NULL);
  const bool drawn = world && as_training_is_drawn(world, p->data.at);
  as_free(world);
  return drawn;
}

as_status as_train_cost(as_training_cost *cost, const as_plan *plan, size_t i, as_err *err) {
  const as_training t = training_of(&plan->pretrain[i]);
  size_t k = 0;
  while (k < i && !(cost[k].title && same_work(&plan->pretrain[k], &plan->pretrain[i]))) k++;
  as_status s = AS_OK;
  if (k < i)
    cost[i] = cost[k];
  else
    s = as_training_estimate(&cost[i], &t, err);
  if (s != AS_OK)
    as_fail_in(err, "[pretrain %s]", plan->pretrain[i].name);
  else if (finds_world(cost, plan, i))
    cost[i].drawing = 0;
  return s;
}

as_status as_run_train_cost(size_t *todo, double *seconds, const as_plan *plan, as_err *err) {
  as_training_cost *cost = as_calloc(plan->n_pretrain ? plan->n_pretrain : 1, sizeof *cost, err);
  as_status s = cost ? AS_OK : AS_E_ENV;
  *todo = 0;
  *seconds = 0;
  for (size_t i = 0; s == AS_OK && i < plan->n_pretrain; i++) {
    bool done;
    s = as_train_state(&done, plan, &plan->pretrain[i], err);
    if (s != AS_OK || done) continue;
    s = as_train_cost(cost, plan, i, err);
    if (s != AS_OK) break;
    (*todo)++;
    *seconds += cost[i].drawing + cost[i].seconds;
  }
  as_free(cost);
  return s;
}

as_status as_inputs_train(as_inputs *in, as_err *err) {
  bool todo = false;
  as_status s = AS_OK;
  for (size_t i = 0; s == AS_OK && i < in->plan->n_pretrain; i++) {
    bool done;
    s = as_train_state(&done, in->plan, &in->plan->pretrain[i], err);
    todo = todo || !done;
  }
  /* What does not fit is told before hours of training. */
  for (size_t m = 0; s == AS_OK && todo && !in->opts->partial && m < in->plan->n_models; m++) {
    as_open_model o;
    as_groups g;
    if (as_plan_training_of(in->plan, &in->plan->models[m])) continue;
    if ((s = as_inputs_try_model(in, m, &o, &g, err)) != AS_OK) break;
    as_groups_clear(&g);
    as_open_model_clear(&o);
  }
  if (s == AS_OK && todo) s = as_run_train(in->plan, in->opts, err);
  return s == AS_OK ? as_inputs_try_models(in, err) : s;
}
