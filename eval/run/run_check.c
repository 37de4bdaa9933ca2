/* `assay run --check`: everything that can be known before the first result. */
#define _POSIX_C_SOURCE 200809L
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "data/sets/check.h"
#include "eval/run/check_int.h"
#include "tensor/base/file.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"

/* Bytes that may be read to look for images that are there twice. */
#define QUICK_BYTES ((uint64_t)256 << 20)

static void add_line(as_check *c, as_check_kind kind, const char *about, const char *text) {
  if (as_grow(&c->line, &c->cap, c->n + 1, sizeof *c->line, NULL) != AS_OK) return;
  as_check_line *l = &c->line[c->n++];
  memset(l, 0, sizeof *l);
  l->kind = kind;
  snprintf(l->about, sizeof l->about, "%s", about);
  l->text = as_strdup(text, NULL);
}

static void add_problem(as_check *c, const char *about, as_status s, const as_err *e) {
  add_line(c, AS_CHECK_PROBLEM, about, e->msg);
  if (c->problems++ == 0) {
    c->status = s;
    c->first = *e;
  }
}

static void add_note(as_check *c, as_check_kind kind, const char *about, const char *fmt, ...)
    AS_PRINTF(4, 5);
static void add_note(as_check *c, as_check_kind kind, const char *about, const char *fmt, ...) {
  char text[700];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  add_line(c, kind, about, text);
}

/* A file that is not there, and where it can be had: by the plan, or by the recipe that knows it. hash: as the plan has
 * it, or NULL. */
static void add_missing(as_check *c, const char *about, const as_plan_path *path, const char *where,
                        const char *hash) {
  char url[AS_RECIPE_URL];
  if (!path->at || as_path_kind_of(path->at) != AS_PATH_NONE) return;
  if (!where && as_recipe_of_file(path->at, url)) where = url;
  add_line(c, AS_CHECK_MISSING, about, where ? where : "");
  as_check_line *l = c->n ? &c->line[c->n - 1] : NULL;
  if (!l) return;
  l->path = path->said;
  l->hash = hash;
}

/* ---- sets --------------------------------------------------------------------------------------------- */

/* Is it the set that its task names? What is wrong is a problem; images that a run would count as failed are warned of;
 * the rest is said. */
static void check_content(as_check *c, const as_plan_dataset *p) {
  as_dataset_opts o = as_plan_dataset_opts(p);
  as_findings found = {0};
  as_err e = {0};
  as_status st = as_dataset_check(&found, &o, true, &e);
  if (st != AS_OK) {
    as_fail_in(&e, "dataset %s", p->name);
    add_problem(c, p->name, st, &e);
  }
  for (size_t i = 0; i < found.n; i++) {
    if (found.item[i].level == AS_FINDING_WRONG) {
      as_fail(&e, AS_E_INPUT, "dataset %s: %s", p->name, found.item[i].text);
      add_problem(c, p->name, AS_E_INPUT, &e);
    } else {
      add_line(c, found.item[i].level == AS_FINDING_DAMAGED ? AS_CHECK_WARNING : AS_CHECK_NOTE, p->name,
               found.item[i].text);
    }
  }
  as_findings_clear(&found);
}

/* What hashing its images takes; sets of the same path that follow copy the hashes. */
static as_status measure_set(as_check *c, size_t i, as_err *err) {
  const as_dataset *ds = c->in.set[i].ds;
  as_spent bytes = {0, 0}, pixels = {0, 0}, none = {0, 0};
  for (size_t e = 0; e < i; e++)
    if (c->in.set[e].ds && strcmp(c->in.plan->datasets[e].path.at, c->in.plan->datasets[i].path.at) == 0 &&
        as_dataset_count(c->in.set[e].ds) >= as_dataset_count(ds))
      return AS_OK;
  as_status s = as_cost_print(&bytes, ds, false, err);
  if (s == AS_OK) s = as_cost_print(&pixels, ds, true, err);
  as_spent_add(&c->cost.bytes, (double)as_dataset_count(ds), none, bytes);
  as_spent_add(&c->cost.pixels, (double)as_dataset_count(ds), none, pixels);
  return s;
}

static void check_set(as_check *c, size_t i) {
  const as_plan_dataset *p = &c->in.plan->datasets[i];
  const as_plan_path *const files[] = {&p->path, &p->labels, &p->classes};
  as_err e = {0};
  const as_spent start = as_spent_now();
  as_status st = as_inputs_open_set(&c->in, i, &e);
  as_spent_add(&c->cost.opening, 1, start, as_spent_now());
  if (st == AS_OK && c->in.opts->tasks) st = measure_set(c, i, &e);
  if (st == AS_OK) {
    const as_dataset *ds = c->in.set[i].ds;
    add_note(c, AS_CHECK_SET, p->name, "%8zu images  %5zu classes  %s%s", as_dataset_count(ds),
             as_dataset_classes(ds), as_dataset_task(ds), p->train ? ", for training" : "");
    check_content(c, p);
    return;
  }
  add_problem(c, p->name, st, &e);
  for (size_t k = 0; k < sizeof files / sizeof *files; k++)
    add_missing(c, p->name, files[k], k == 0 ? p->where : NULL, NULL);
  add_missing(c, p->name, &p->real, p->real_where, NULL);
}

/* Images that are there twice, as far as a look at equal files tells: those of set `a` that set `b` has too, or, with
 * b = a, that it has more than once. */
static void check_twins(as_check *c, size_t a, size_t b, uint64_t most) {
  const as_plan_dataset *p = &c->in.plan->datasets[a], *q = &c->in.plan->datasets[b];
  const as_dataset *x = c->in.set[a].ds, *y = c->in.set[b].ds;
  as_twins twins = {0};
  if (!x || !y || as_twins_quick(&twins, x, a == b ? NULL : y, most, NULL) != AS_OK) return;
  const size_t n = as_dataset_count(x);
  /* All of both: the same images by design, such as val and ReaL, which no statistic takes for two samples. */
  const bool same_images = !q->train && a != b && twins.n == n && n == as_dataset_count(y);
  if (twins.n && !same_images) {
    as_str where = {0};
    if (a == b)
      as_str_put(&where, "there more than once");
    else
      as_str_printf(&where, "in %s%s too", q->train ? "the training set " : "", q->name);
    add_note(c, AS_CHECK_WARNING, p->name, "%zu%s of its %zu images are %s, the first: %.200s", twins.n,
             twins.whole ? "" : " or more", n, as_str_c(&where), as_dataset_item(x, twins.pair[0].a).name);
    as_str_clear(&where);
  }
  as_twins_clear(&twins);
}

/* A scored set against the training sets, itself, and the scored sets before it. */
static void check_shared(as_check *c, size_t set) {
  const as_plan *plan = c->in.plan;
  const uint64_t part = QUICK_BYTES / (1 + plan->n_datasets * plan->n_datasets / 2);
  for (size_t i = 0; i < plan->n_datasets; i++)
    if (plan->datasets[i].train) check_twins(c, set, i, QUICK_BYTES);
  for (size_t i = 0; i <= set; i++)
    if (!plan->datasets[i].train) check_twins(c, set, i, part);
}

/* ---- models ------------------------------------------------------------------------------------------- */

/* Seconds per image of the model at hand, from one batch of zeros; 0 when memory ends. */
static double time_batch(as_model *m, int batch, as_err *err) {
  size_t side = (size_t)as_model_input_size(m), dim = (size_t)as_model_embed_dim(m);
  float *images = as_calloc((size_t)batch * side * side * 3, sizeof *images, err);
  float *rows = as_alloc((size_t)batch * dim, sizeof *rows, err);
  double seconds = 0;
  if (images && rows && as_model_plan(m, batch, err) == AS_OK) {
    const as_spent start = as_spent_now();
    as_model_forward(m, images, batch, rows);
    seconds = (as_spent_now().wall - start.wall) / batch;
  }
  as_free(images);
  as_free(rows);
  return seconds;
}

/* A head must know the classes of every set that it scores. */
static void check_classes(as_check *c, size_t m, const as_open_model *o) {
  for (size_t i = 0; i < c->in.plan->n_datasets; i++) {
    as_err e = {0};
    as_status s = as_inputs_choose(&c->in, m, i, o, &e);
    if (s != AS_OK) add_problem(c, c->in.plan->models[m].name, s, &e);
  }
}

static bool same_choice(const as_choice *a, const as_choice *b, size_t classes) {
  return a->n == b->n && memcmp(a->can, b->can, classes) == 0;
}

/* Models that choose among different classes of a set are rivals over the common ones only. */
static void check_choices(as_check *c, size_t set) {
  const as_plan *plan = c->in.plan;
  const as_dataset_record *d = &c->in.datasets[set];
  size_t first = SIZE_MAX;
  for (size_t m = 0; m < plan->n_models; m++) {
    const as_choice *other = &c->in.choice[m * plan->n_datasets + set];
    if (other->n == 0) continue;
    if (first == SIZE_MAX) first = m;
    const as_choice *own = &c->in.choice[first * plan->n_datasets + set];
    if (same_choice(own, other, d->classes)) continue;
    as_str how = {0};
    if (d->common)
      as_str_printf(&how, "all are compared over the %zu that every model knows", d->n_common);
    else
      as_str_put(&how,
                 "no two classes are known to all of them, so that they stand apart, neither ranked nor "
                 "tested against each other");
    add_note(c, AS_CHECK_WARNING, plan->datasets[set].name,
             "%s chooses among %zu classes and %s among %s%zu: %s", plan->models[first].name, own->n,
             plan->models[m].name, own->n == other->n ? "other " : "", other->n, as_str_c(&how));
    as_str_clear(&how);
    return;
  }
}

/* A run of the backbone that another model of the same weights makes too counts once. */
static bool is_counted(as_check *c, size_t m, const as_run_group *g) {
  const as_model_record *r = &c->in.models[m];
  as_str t = {0};
  char hex[65];
  as_str_printf(&t, "%s\n%s\n%s\n%s\n%zu", r->weights_sha256, r->recipe_digest, r->arch, g->preset, g->lead);
  as_sha256_of(as_str_c(&t), t.n, hex);
  as_str_clear(&t);
  for (size_t i = 0; i < c->n_counted; i++)
    if (strcmp(c->counted[i], hex) == 0) return true;
  if (as_grow(&c->counted, &c->cap_counted, c->n_counted + 1, sizeof *c->counted, NULL) == AS_OK)
    memcpy(c->counted[c->n_counted++], hex, sizeof hex);
  return false;
}

/* What the model takes, from samples; fresh[g]: images of group g that no model before it runs. */
static as_status measure_model(as_check *c, size_t m, as_open_model *o, const as_groups *g,
                               const size_t *fresh, as_err *err) {
  const size_t train = as_plan_train_index(c->in.plan, m);
  as_spent crop = {0, 0}, none = {0, 0}, before = c->cost.rows, head = {0, 0};
  as_status s = AS_OK;
  for (size_t i = 0; s == AS_OK && i < g->n; i++) {
    as_spent image = {0, 0};
    const bool learned = train != SIZE_MAX && g->place[train].group == i;
    if (!fresh[i] && !learned) continue;
    s = as_cost_rows(c, &image, m, o, &g->group[i], err);
    as_spent_add(&c->cost.rows, (double)fresh[i], none, image);
    if (learned) crop = image;
  }
  if (s == AS_OK) s = as_cost_head(c, &head, m, o, crop, err);
  as_spent_add(&c->cost.heads, 1, none, head);
  c->model[m].seconds = c->cost.rows.wall - before.wall + head.wall;
  return s;
}

static void estimate(as_check *c, size_t m, as_open_model *o, const as_groups *g) {
  as_model *model = o->bb.model;
  const size_t dim = (size_t)as_model_embed_dim(model);
  as_err e = {0};
  size_t *fresh = as_calloc(g->n ? g->n : 1, sizeof *fresh, &e);
  if (!fresh) {
    add_problem(c, "memory", AS_E_ENV, &e);
    return;
  }
  as_check_model *out = &c->model[m];
  for (size_t i = 0; i < c->in.plan->n_datasets; i++) out->sets += as_groups_needs(&c->in, m, i);
  out->runs = g->n;
  out->gflop = as_model_gflop(model);
  for (size_t i = 0; i < g->n; i++) {
    const size_t n = as_dataset_count(c->in.set[g->group[i].lead].ds);
    out->images += n;
    if (!is_counted(c, m, &g->group[i])) fresh[i] = n;
    out->fresh += fresh[i];
  }
  if (c->in.opts->tasks) {
    const as_status s = measure_model(c, m, o, g, fresh, &e);
    if (s != AS_OK) add_problem(c, c->in.plan->models[m].name, s, &e);
  } else if (out->fresh) {
    out->seconds = time_batch(model, as_features_batch(c->in.opts->batch), &e) * (double)out->fresh;
  }
  as_free(fresh);
  c->seconds += out->seconds;
  c->disk += 4.0 * (double)(out->fresh * dim);
  const double memory = 4.0 * (double)(out->images * dim) + (double)as_model_packed_bytes(model);
  if (memory > c->memory) c->memory = memory;
}

/* The models that take its weights cannot run before. A step sees two views of an image, forward and backward, which is
 * some six times the work of a forward pass, with less decoding: half of it is not too little. */
static void guess_models(as_check *c, const as_plan_pretrain *t, double per_image) {
  const as_plan *plan = c->in.plan;
  for (size_t m = 0; m < plan->n_models; m++)
    for (size_t i = 0; as_plan_training_of(plan, &plan->models[m]) == t && i < plan->n_datasets; i++)
      if (as_groups_needs(&c->in, m, i)) {
        const double seconds = 0.5 * per_image * (double)as_dataset_count(c->in.set[i].ds);
        c->cost.rows.wall += seconds;
        c->cost.rows.cpu += seconds * as_par_threads();
      }
}

/* A training that is not done yet, and how long it takes. */
static void check_training(as_check *c, size_t i) {
  const as_plan_pretrain *p = &c->in.plan->pretrain[i];
  as_training_cost *cost = &c->training[i];
  as_err e = {0};
  bool done = false;
  as_status s = as_train_state(&done, c->in.plan, p, &e);
  if (s == AS_OK && done) {
    add_note(c, AS_CHECK_TRAINING, p->name, "done, %s", p->checkpoint);
    return;
  }
  if (s == AS_OK) s = as_train_cost(c->training, c->in.plan, i, &e);
  if (s != AS_OK) {
    add_problem(c, p->name, s, &e);
    return;
  }
  add_note(c, AS_CHECK_TRAINING, p->name, "%s, %zu images, %zu epochs, about %.0f s", cost->title,
           cost->images, cost->epochs, cost->drawing + cost->seconds);
  c->seconds += cost->drawing + cost->seconds;
  c->cost.trainings++;
  c->cost.training.wall += cost->drawing + cost->seconds;
  c->cost.training.cpu += (cost->drawing + cost->seconds) * as_par_threads();
  guess_models(c, p, cost->seconds / ((double)cost->images * (double)cost->epochs));
}

static void check_model(as_check *c, size_t m) {
  const as_plan_model *p = &c->in.plan->models[m];
  const as_plan_pretrain *t = as_plan_training_of(c->in.plan, p);
  if (t && as_path_kind_of(t->checkpoint) == AS_PATH_NONE) {
    add_note(c, AS_CHECK_NOTE, p->name, "model %s is checked once [pretrain %s] is done", p->name, t->name);
    return;
  }
  as_check_model *out = &c->model[m];
  as_open_model o;
  as_groups g;
  as_err e = {0};
  const as_spent start = as_spent_now();
  as_status s = as_inputs_try_model(&c->in, m, &o, &g, &e);
  /* A run opens it, hashes its tensors and opens it again. */
  as_spent_add(&c->cost.opening, 3, start, as_spent_now());
  if (s != AS_OK) {
    add_problem(c, p->name, s, &e);
    add_missing(c, p->name, &p->weights, p->where, p->hash);
    add_missing(c, p->name, &p->head_file, p->head_where, NULL);
    return;
  }
  out->open = true;
  add_line(c, AS_CHECK_MODEL, p->name, ""); /* what is said of it stands in its record and in `out` */
  check_classes(c, m, &o);
  bool all = true;
  for (size_t i = 0; i < c->in.plan->n_datasets; i++) all = all && c->in.set[i].ds;
  if (all) estimate(c, m, &o, &g);
  as_groups_clear(&g);
  as_open_model_clear(&o);
}

/* ---- the whole ---------------------------------------------------------------------------------------- */

static void check_disk(as_check *c) {
  struct statvfs fs;
  const char *dir = as_path_kind_of(c->in.opts->dir) == AS_PATH_DIR ? c->in.opts->dir : ".";
  if (statvfs(dir, &fs) != 0 || (double)fs.f_bavail * (double)fs.f_frsize >= c->disk) return;
  as_err e = {0};
  as_fail(&e, AS_E_ENV, "%s: found %.1f GB of free disk, wanted %.1f GB", c->in.opts->dir,
          (double)fs.f_bavail * (double)fs.f_frsize / 1e9, c->disk / 1e9);
  add_problem(c, "disk", AS_E_ENV, &e);
}

/* Files alone: what is not there, without opening anything. */
static void list_missing(as_check *c) {
  const as_plan *plan = c->in.plan;
  for (size_t i = 0; i < plan->n_datasets; i++) {
    const as_plan_dataset *p = &plan->datasets[i];
    add_missing(c, p->name, &p->path, p->where, NULL);
    add_missing(c, p->name, &p->real, p->real_where, NULL);
  }
  for (size_t i = 0; i < plan->n_models; i++) {
    const as_plan_model *p = &plan->models[i];
    add_missing(c, p->name, &p->weights, p->where, p->hash);
    add_missing(c, p->name, &p->head_file, p->head_where, NULL);
  }
}

/* Files that a run writes, each for itself: hashes of what it read, rows that the backbone gave, heads and cells with what is
 * said of them, tables and record. */
static size_t count_files(const as_check *c) {
  size_t files = c->in.plan->n_datasets + 4;
  for (size_t m = 0; m < c->in.plan->n_models; m++) files += 1 + c->model[m].runs + 2 * c->model[m].sets;
  return files;
}

/* What is measured, put together. A merge has its own copy of the rows, and a probe up to two of those that it learns
 * from, of a GiB at most. */
static void sum_cost(as_check *c) {
  as_run_cost *k = &c->cost;
  const double peak = as_cost_peak(), gib = (double)(1 << 30);
  k->tasks = c->in.opts->tasks;
  k->threads = as_par_threads();
  k->disk = k->tasks > 1 ? 2 * c->disk : c->disk;
  k->task_memory = peak + c->memory / (double)k->tasks;
  k->merge_memory = peak + c->memory + 2 * (c->memory < gib ? c->memory : gib);
  c->seconds = as_run_cost_wall(k).wall;
}

static void check_all(as_check *c) {
  const as_plan *plan = c->in.plan;
  for (size_t i = 0; i < plan->n_datasets; i++) check_set(c, i);
  for (size_t i = 0; i < plan->n_datasets; i++)
    if (!plan->datasets[i].train) check_shared(c, i);
  for (size_t i = 0; i < plan->n_pretrain; i++) check_training(c, i);
  for (size_t m = 0; m < plan->n_models; m++) check_model(c, m);
  as_err e = {0};
  as_status s = as_inputs_find_common(&c->in, &e);
  if (s != AS_OK) add_problem(c, "memory", s, &e);
  for (size_t i = 0; i < plan->n_datasets; i++) check_choices(c, i);
  check_disk(c);
  if (s == AS_OK && c->in.opts->tasks && c->problems == 0) {
    s = as_cost_ending(&c->cost.ending, &c->in, count_files(c), &e);
    if (s != AS_OK) add_problem(c, "memory", s, &e);
  }
  if (c->in.opts->tasks) sum_cost(c);
}

static as_status check_open(as_check *c, const as_plan *plan, const as_run_opts *opts, as_err *err) {
  *c = (as_check){.status = AS_OK};
  as_status s = as_inputs_init(&c->in, plan, opts, err);
  c->model = as_calloc(plan->n_models, sizeof *c->model, err);
  c->training = as_calloc(plan->n_pretrain ? plan->n_pretrain : 1, sizeof *c->training, err);
  return s == AS_OK && (!c->model || !c->training) ? AS_E_ENV : s;
}

static void check_close(as_check *c) {
  for (size_t i = 0; i < c->n; i++) as_free(c->line[i].text);
  as_free(c->line);
  as_free(c->model);
  as_free(c->training);
  as_free(c->counted);
  as_free(c->rate);
  as_inputs_clear(&c->in);
}

as_status as_run_estimate(as_run_cost *cost, const as_plan *plan, const as_run_opts *opts, as_err *err) {
  as_check c;
  as_status s = check_open(&c, plan, opts, err);
  if (s == AS_OK) check_all(&c);
  if (s == AS_OK && (s = c.status) != AS_OK && err) *err = c.first;
  *cost = c.cost;
  check_close(&c);
  return s;
}

as_status as_run_check(const as_plan *plan, const as_run_opts *opts, as_check_form form, as_str *out,
                       as_err *err) {
  as_check c;
  as_status s = check_open(&c, plan, opts, err);
  if (s == AS_OK && form == AS_CHECK_URLS)
    list_missing(&c);
  else if (s == AS_OK)
    check_all(&c);
  if (s == AS_OK) {
    as_check_write(&c, form, out);
    s = c.status;
    if (s != AS_OK && err) *err = c.first;
    if (s == AS_OK) s = as_str_status(out, err);
  }
  check_close(&c);
  return s;
}
