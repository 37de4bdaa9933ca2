/* `assay run --estimate`: what is measured on samples, and what it says of the whole. A sample goes through the same
 * functions as the run, on images from several places of its set. */
#define _POSIX_C_SOURCE 200809L
#include <string.h>
#include <sys/resource.h>

#include "eval/learn/sgd.h"
#include "eval/run/check_int.h"
#include "tensor/base/clock.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"

enum {
  PLACES = 3,        /* of a set that are looked at */
  PRINTED = 192,     /* images hashed at each */
  BATCHES = 64,      /* images run at each, at most; in batches */
  HEAD_ROWS = 4096,  /* generated rows that heads are timed on */
  TRIED_STEPS = 12,  /* of L-BFGS */
  USUAL_STEPS = 40,  /* of L-BFGS until it is done: 17 to 53 at C = 1, eval/learn/MEASURED.md */
  TRIED_QUERIES = 64 /* of k-NN */
};
#define SAMPLE_SECONDS 0.5

as_spent as_spent_now(void) {
  return (as_spent){as_seconds(), as_cpu_seconds()};
}

void as_spent_add(as_spent *sum, double times, as_spent a, as_spent b) {
  sum->wall += times * (b.wall - a.wall);
  sum->cpu += times * (b.cpu - a.cpu);
}

static const as_spent nothing = {0, 0};

double as_cost_peak(void) {
  struct rusage u;
  return getrusage(RUSAGE_SELF, &u) == 0 ? 1024.0 * (double)u.ru_maxrss : 0; /* Linux counts in KiB */
}

/* ---- images ------------------------------------------------------------------------------------------- */

/* Where sample `place` of n things begins, when each has `size` of them. */
static size_t sample_start(size_t n, size_t size, size_t place) {
  const size_t middle = n / PLACES * place + n / PLACES / 2, half = size / 2;
  const size_t from = middle > half ? middle - half : 0;
  return from + size > n ? n - size : from;
}

as_status as_cost_print(as_spent *image, const as_dataset *ds, bool pixels, as_err *err) {
  const size_t n = as_dataset_count(ds), size = n < PRINTED * PLACES ? n : PRINTED;
  const size_t places = size == n ? 1 : PLACES;
  as_image_print *print = as_calloc(size ? size : 1, sizeof *print, err);
  as_status s = print ? AS_OK : AS_E_ENV;
  *image = nothing;
  for (size_t i = 0; s == AS_OK && size > 0 && i < places; i++) {
    const as_spent start = as_spent_now();
    s = as_twins_print(print, ds, size == n ? 0 : sample_start(n, size, i), size, pixels, err);
    as_spent_add(image, 1.0 / (double)(size * places), start, as_spent_now());
  }
  as_free(print);
  return s;
}

/* The run of one sample, as its watch sees it: the first batch finds everything cold. */
typedef struct as_sampling {
  size_t batch, warm, done;
  as_spent start, first, last;
} as_sampling;

static void see_batch(void *ctx, const char *what, size_t done, size_t total) {
  as_sampling *t = ctx;
  (void)what, (void)total;
  t->done = done;
  t->last = as_spent_now();
  if (t->warm == 0) t->first = t->last;
  if (t->warm == 0) t->warm = done;
}

static bool saw_enough(void *ctx) {
  const as_sampling *t = ctx;
  return t->warm > 0 && t->done >= t->warm + 2 * t->batch && t->last.wall - t->first.wall > SAMPLE_SECONDS;
}

/* Adds what the images of one place take to *sum and their number to *images. */
static as_status sample_rows(as_spent *sum, size_t *images, as_open_model *o, const as_dataset *ds,
                             size_t place, const as_run_opts *opts, as_err *err) {
  const size_t n = as_dataset_count(ds), batch = (size_t)as_features_batch(opts->batch);
  const size_t size = n < batch * BATCHES ? n : batch * BATCHES;
  as_sampling t = {.batch = batch, .start = as_spent_now()};
  const as_watch watch = {.progress = see_batch, .stop = saw_enough, .ctx = &t};
  as_features f = {0};
  const size_t from = sample_start(n, size, place);
  const as_features_opts fo = {
      .batch = opts->batch, .lenient = opts->lenient, .from = from, .to = from + size, .watch = &watch};
  as_status s = as_features_run(&f, o->bb.model, &o->bb.preset, ds, &fo, err);
  as_features_clear(&f);
  if (s != AS_OK && s != AS_E_STOPPED) return s;
  const bool cold = t.done <= t.warm; /* there was one batch */
  as_spent_add(sum, 1, cold ? t.start : t.first, t.last);
  *images += cold ? t.done : t.done - t.warm;
  return AS_OK;
}

as_status as_cost_rows(as_check *c, as_spent *image, size_t m, as_open_model *o, const as_run_group *g,
                       as_err *err) {
  const as_dataset *ds = c->in.set[g->lead].ds;
  as_str t = {0};
  as_rate r = {.image = {0, 0}};
  as_spent sum = {0, 0};
  size_t images = 0;
  as_str_printf(&t, "%s\n%s\n%zu", c->in.models[m].arch, g->preset, g->lead);
  as_sha256_of(as_str_c(&t), t.n, r.key);
  as_str_clear(&t);
  for (size_t i = 0; i < c->n_rates; i++)
    if (strcmp(c->rate[i].key, r.key) == 0) {
      *image = c->rate[i].image;
      return AS_OK;
    }
  as_status s = as_backbone_use_preset(&o->bb, g->preset, err);
  for (size_t i = 0; s == AS_OK && as_dataset_count(ds) > 0 && i < PLACES; i++)
    s = sample_rows(&sum, &images, o, ds, i, c->in.opts, err);
  if (images) as_spent_add(&r.image, 1.0 / (double)images, nothing, sum);
  if (s == AS_OK) s = as_grow(&c->rate, &c->cap_rates, c->n_rates + 1, sizeof *c->rate, err);
  if (s == AS_OK) c->rate[c->n_rates++] = r;
  *image = r.image;
  return s;
}

/* ---- heads -------------------------------------------------------------------------------------------- */

/* Generated rows: uniform noise, and one feature that tells a class from its neighbours. */
typedef struct as_made_rows {
  float *x;
  int *y;
  size_t n, d, classes;
} as_made_rows;

static as_status make_rows(as_made_rows *r, size_t n, size_t d, size_t classes, as_err *err) {
  const as_rng rng = as_rng_make(0, as_rng_stream("estimate"));
  *r = (as_made_rows){as_alloc(n * d, sizeof(float), err), as_alloc(n, sizeof(int), err), n, d, classes};
  if (!r->x || !r->y) return AS_E_ENV;
  for (size_t i = 0; i < n * d; i++) r->x[i] = (float)as_rng_uniform(rng, i);
  for (size_t i = 0; i < n; i++) r->x[i * d + i % classes % d] += 1;
  for (size_t i = 0; i < n; i++) r->y[i] = (int)(i % classes);
  return AS_OK;
}

static void free_rows(as_made_rows *r) {
  as_free(r->x);
  as_free(r->y);
}

static as_labelled as_rows(const as_made_rows *r) {
  return (as_labelled){.x = r->x, .y = r->y, .n = r->n, .d = r->d, .classes = r->classes};
}

/* Seconds of a step of L-BFGS on these rows. */
static as_status time_step(as_spent *step, const as_made_rows *r, as_err *err) {
  const as_labelled rows = as_rows(r);
  const as_probe_opts o = {.max_iter = TRIED_STEPS};
  as_linhead h = {0};
  as_probe_result res = {0};
  const as_spent start = as_spent_now();
  as_status s = as_linhead_fit(&h, &rows, &o, &res, err);
  as_spent_add(step, 1.0 / (res.iterations > 0 ? res.iterations : 1), start, as_spent_now());
  as_linhead_clear(&h);
  return s;
}

/* Seconds of a row in an epoch of a protocol. */
static as_status time_sample(as_spent *sample, const as_made_rows *r, const as_protocol *p, as_err *err) {
  as_sgd *sgd = NULL;
  const size_t m = r->n < (size_t)p->batch ? r->n : (size_t)p->batch;
  as_status s = as_sgd_create(&sgd, p, r->n, r->d, r->classes, 0, err);
  if (s == AS_OK) as_sgd_step(sgd, r->x, r->y, m, 1e-3);
  const as_spent start = as_spent_now();
  as_spent end = start;
  size_t steps = 0;
  while (s == AS_OK && (steps < 2 || end.wall - start.wall < SAMPLE_SECONDS)) {
    as_sgd_step(sgd, r->x, r->y, m, 1e-3);
    end = as_spent_now();
    steps++;
  }
  if (s == AS_OK) as_spent_add(sample, 1.0 / (double)(steps * m), start, end);
  as_sgd_destroy(&sgd);
  return s;
}

/* Seconds of one image against one row of the training set. */
static as_status time_pair(as_spent *pair, const as_made_rows *r, as_knn_opts opts, as_err *err) {
  const as_labelled rows = as_rows(r);
  int top[TRIED_QUERIES * 5];
  const size_t queries = r->n < TRIED_QUERIES ? r->n : TRIED_QUERIES;
  const as_spent start = as_spent_now();
  as_status s = as_knn(&rows, &opts, r->x, queries, NULL, NULL, top, err);
  as_spent_add(pair, 1.0 / ((double)queries * (double)r->n), start, as_spent_now());
  return s;
}

static as_status cost_probe(as_check *c, as_spent *whole, const as_plan_model *p, const as_made_rows *r,
                            double rows, const as_open_model *o, as_spent crop, as_err *err) {
  const char *name = as_plan_protocol(c->in.plan, p);
  as_spent one = {0, 0};
  if (strcmp(name, "lbfgs") == 0) {
    as_path_opts path = {0};
    double at;
    as_status s = p->c ? as_path_parse(p->c, &at, &path, err) : AS_OK;
    if (s == AS_OK) s = time_step(&one, r, err);
    as_spent_add(whole, (path.count + 1.0) * USUAL_STEPS * rows / (double)r->n, nothing, one);
    return s;
  }
  const as_protocol *how = strcmp(name, "per-framework") == 0
                               ? as_protocol_of_recipe(as_recipe_name(o->bb.recipe))
                               : as_protocol_named(name);
  if (!how) return AS_OK; /* what does not fit is said elsewhere */
  as_status s = time_sample(&one, r, how, err);
  as_spent_add(whole, rows * how->epochs, nothing, one);
  if (c->in.plan->crops && how->crops) as_spent_add(whole, rows * how->epochs, nothing, crop);
  return s;
}

as_status as_cost_head(as_check *c, as_spent *whole, size_t m, const as_open_model *o, as_spent crop,
                       as_err *err) {
  const as_plan *plan = c->in.plan;
  const size_t train = as_plan_train_index(plan, m);
  if (train == SIZE_MAX || !c->in.set[train].ds) return AS_OK;
  const as_dataset *ds = c->in.set[train].ds;
  const size_t classes = as_dataset_classes(ds), rows = as_dataset_count(ds);
  if (classes < 2 || rows < classes) return AS_OK;
  size_t n = rows < HEAD_ROWS ? rows : HEAD_ROWS;
  if (n < 2 * classes) n = 2 * classes;
  as_made_rows r;
  as_status s = make_rows(&r, n, (size_t)as_model_embed_dim(o->bb.model), classes, err);
  if (s == AS_OK && plan->models[m].kind == AS_HEAD_PROBE)
    s = cost_probe(c, whole, &plan->models[m], &r, (double)rows, o, crop, err);
  if (s == AS_OK && plan->models[m].kind == AS_HEAD_KNN) {
    as_spent pair = {0, 0};
    s = time_pair(&pair, &r, as_plan_knn(&plan->models[m]), err);
    for (size_t i = 0; i < plan->n_datasets; i++)
      if (!plan->datasets[i].train && c->in.set[i].ds)
        as_spent_add(whole, (double)as_dataset_count(c->in.set[i].ds) * (double)rows, nothing, pair);
  }
  free_rows(&r);
  return s;
}

/* ---- sums --------------------------------------------------------------------------------------------- */

as_spent as_run_cost_task(const as_run_cost *c) {
  as_spent s = c->opening;
  as_spent_add(&s, 1.0 / (double)c->tasks, nothing, c->rows);
  if (c->tasks > 1) {
    as_spent_add(&s, 1, nothing, c->opening); /* --check comes first */
    as_spent_add(&s, 1, nothing, c->bytes);
    return s;
  }
  as_spent_add(&s, 1, nothing, c->pixels);
  as_spent_add(&s, 1, nothing, c->heads);
  as_spent_add(&s, 1, nothing, c->ending);
  return s;
}

as_spent as_run_cost_merge(const as_run_cost *c) {
  as_spent s = nothing;
  if (c->tasks == 1) return s;
  as_spent_add(&s, 1, nothing, c->opening);
  as_spent_add(&s, 1, nothing, c->pixels);
  as_spent_add(&s, 1, nothing, c->heads);
  as_spent_add(&s, 1, nothing, c->ending);
  return s;
}

static as_spent cost_with(const as_run_cost *c, double tasks) {
  as_spent s = c->training;
  as_spent_add(&s, tasks, nothing, as_run_cost_task(c));
  as_spent_add(&s, 1, nothing, as_run_cost_merge(c));
  return s;
}

as_spent as_run_cost_wall(const as_run_cost *c) {
  return cost_with(c, 1);
}

as_spent as_run_cost_sum(const as_run_cost *c) {
  return cost_with(c, (double)c->tasks);
}
