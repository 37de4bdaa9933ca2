#include "eval/learn/probe_path.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/base/math/dmath.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"
#include "tensor/linear.h"

enum { BLOCK = 1024 };
static const double on_the_way = 1e-4; /* tolerance of the fits that only choose */

static bool read_c(const char *s, size_t n, double *v) {
  char text[64];
  if (n == 0 || n >= sizeof text) return false;
  memcpy(text, s, n);
  text[n] = 0;
  return as_parse_f64(text, v) && *v >= 1e-12 && *v <= 1e12;
}

/* Every 0 replaced by its default; count stays. */
static as_path_opts resolve_path(as_path_opts opts) {
  const as_probe_opts o = as_probe_resolve((as_probe_opts){.max_iter = opts.max_iter, .tol = opts.tol});
  if (!(opts.held_out > 0.0)) as_parse_f64(AS_HELD_OUT_DEFAULT, &opts.held_out);
  opts.max_iter = o.max_iter;
  opts.tol = o.tol;
  return opts;
}

as_status as_path_parse(const char *text, double *c, as_path_opts *path, as_err *err) {
  *c = 0.0;
  path->count = 0;
  if (strcmp(text, "path") == 0) text = AS_PATH_DEFAULT;
  const char *a = strchr(text, ':'), *b = a ? strchr(a + 1, ':') : NULL;
  int64_t count;
  if (!a && read_c(text, strlen(text), c)) return AS_OK;
  if (b && read_c(text, (size_t)(a - text), &path->from) && read_c(a + 1, (size_t)(b - a - 1), &path->to) &&
      as_parse_i64(b + 1, 2, 1000, &count) && path->from < path->to) {
    path->count = (int)count;
    return AS_OK;
  }
  return as_fail(err, AS_E_USAGE,
                 "found C '%s', wanted a number from 1e-12 to 1e12, FROM:TO:N with N of 2 to 1000, or path",
                 text);
}

typedef struct draw {
  int label;
  uint64_t bits;
  size_t row;
} draw;

static int by_class(const void *a, const void *b) {
  const draw *p = a, *q = b;
  if (p->label != q->label) return p->label < q->label ? -1 : 1;
  if (p->bits != q->bits) return p->bits < q->bits ? -1 : 1;
  return p->row < q->row ? -1 : p->row > q->row;
}

/* fit: [n] y, -1 in held-out rows; held: the other way round. */
static as_status split_rows(const int *y, size_t n, const as_path_opts *o, int *fit, int *held,
                            as_path_result *r, as_err *err) {
  as_rng rng = as_rng_make(o->seed, as_rng_stream("probe.held-out"));
  draw *k = as_alloc(n ? n : 1, sizeof *k, err);
  size_t rows = 0;
  if (!k) return AS_E_ENV;
  for (size_t i = 0; i < n; i++) {
    fit[i] = y[i];
    held[i] = -1;
    if (y[i] >= 0) k[rows++] = (draw){y[i], as_rng_bits(rng, i), i};
  }
  qsort(k, rows, sizeof *k, by_class);
  for (size_t a = 0, b; a < rows; a = b) {
    for (b = a; b < rows && k[b].label == k[a].label;) b++;
    size_t take = (size_t)((double)(b - a) * o->held_out);
    if (take < 1) take = 1;
    if (take > b - a - 1) take = b - a - 1; /* a class keeps at least one row */
    for (size_t i = a; i < a + take; i++) {
      held[k[i].row] = k[i].label;
      fit[k[i].row] = -1;
    }
    r->n_held += take;
    r->n_fit += b - a - take;
  }
  as_free(k);
  return r->n_held > 0
             ? AS_OK
             : as_fail(err, AS_E_INPUT, "probe: no class has two rows, so none can be held out to choose C");
}

/* Right answers and loss of a head on the rows with held >= 0. */
static as_status score_held_out(const as_labelled *rows, const int *held, const float *weight,
                                const float *bias, as_path_point *point, as_err *err) {
  const size_t n = rows->n, d = rows->d, classes = rows->classes;
  as_linear *head = NULL;
  float *x = as_alloc(BLOCK * d, sizeof *x, err), *z = as_alloc(BLOCK * classes, sizeof *z, err);
  int label[BLOCK];
  as_status s = x && z ? as_linear_create(&head, (int)classes, (int)d, weight, bias, err) : AS_E_ENV;
  double loss = 0.0;
  size_t m = 0, all = 0;
  for (size_t i = 0; s == AS_OK && i < n; i++) {
    if (held[i] >= 0) {
      memcpy(x + m * d, rows->x + i * d, d * sizeof *x);
      label[m++] = held[i];
      all++;
    }
    if (m < BLOCK && i + 1 < n) continue;
    as_linear_args a = {.in = x, .ld_in = d, .rows = m, .act = AS_ACT_NONE, .out = z, .ld_out = classes};
    if (m > 0) as_linear_run(head, &a);
    for (size_t j = 0; j < m; j++) {
      const float *row = z + j * classes;
      size_t top = 0;
      double sum = 0.0;
      for (size_t c = 1; c < classes; c++)
        if (row[c] > row[top]) top = c;
      for (size_t c = 0; c < classes; c++) sum += as_exp((double)row[c] - (double)row[top]);
      loss += as_log(sum) + (double)row[top] - (double)row[label[j]];
      point->correct += top == (size_t)label[j];
    }
    m = 0;
  }
  point->mean_loss = all ? loss / (double)all : 0.0;
  as_linear_destroy(&head);
  as_free(x);
  as_free(z);
  return s;
}

/* Where a path stands, beside the fit at hand. */
typedef struct path_walk {
  const as_path_opts *opts;
  as_path_result *r;
  float *weight, *bias; /* of the fit before */
  size_t numel, classes;
} path_walk;

static void keep_path(void *ctx, as_keep *k) {
  path_walk *w = ctx;
  as_path_result *r = w->r;
  as_keep_block(k, r->point, (size_t)w->opts->count * sizeof *r->point);
  as_keep_block(k, &r->n, sizeof r->n);
  as_keep_block(k, &r->best, sizeof r->best);
  as_keep_block(k, w->weight, w->numel * sizeof *w->weight);
  as_keep_block(k, w->bias, w->classes * sizeof *w->bias);
  if (r->n > (size_t)w->opts->count || r->best >= (size_t)w->opts->count) as_keep_fail(k, AS_E_INPUT);
}

/* All values of C on the rows in `fit`, each from the one before. */
static as_status fit_path(path_walk *w, const as_labelled *fit, const int *held, as_err *err) {
  const as_path_opts *opts = w->opts;
  as_path_result *r = w->r;
  as_probe *probe = NULL;
  as_probe_opts o = {.max_iter = opts->max_iter, .tol = on_the_way, .keep = opts->keep};
  const double step = as_log(opts->to / opts->from) / (double)(opts->count - 1);
  as_status s = r->n < (size_t)opts->count ? as_probe_open(&probe, fit, 0, err) : AS_OK;
  for (int i = (int)r->n; s == AS_OK && i < opts->count; i++) {
    as_path_point *p = &r->point[i];
    o.c = p->c = i == 0                 ? opts->from
                 : i == opts->count - 1 ? opts->to
                                        : opts->from * as_exp(step * (double)i);
    o.start_weight = i > 0 ? w->weight : NULL;
    o.start_bias = i > 0 ? w->bias : NULL;
    s = as_probe_run(probe, &o, w->weight, w->bias, &p->fit, err);
    if (s == AS_OK) s = score_held_out(fit, held, w->weight, w->bias, p, err);
    if (p->correct > r->point[r->best].correct) r->best = (size_t)i;
    r->n = (size_t)i + 1;
  }
  as_probe_close(&probe);
  return s;
}

static as_status walk_path(path_walk *w, const as_labelled *rows, const int *fit, const int *held,
                           as_err *err) {
  as_labelled part = *rows;
  bool found;
  part.y = fit;
  as_status s = as_keep_enter(w->opts->keep, keep_path, w, &found, err);
  if (s != AS_OK) return s;
  s = fit_path(w, &part, held, err);
  if (s == AS_OK) { /* from 0: the result depends on the chosen C alone */
    as_probe_opts last = {.c = w->r->point[w->r->best].c,
                          .max_iter = w->opts->max_iter,
                          .tol = w->opts->tol,
                          .keep = w->opts->keep};
    s = as_probe_fit(rows, &last, w->weight, w->bias, &w->r->fit, err);
  }
  as_keep_leave(w->opts->keep);
  return s;
}

as_status as_path_fit(const as_labelled *rows, const as_path_opts *asked, float *weight, float *bias,
                      as_path_result *r, as_err *err) {
  const as_path_opts resolved = resolve_path(*asked), *opts = &resolved;
  const size_t n = rows->n;
  memset(r, 0, sizeof *r);
  if (opts->count < 2 || !(opts->from > 0.0) || !(opts->to > opts->from) || !(opts->held_out < 1.0))
    return as_fail(err, AS_E_USAGE,
                   "probe: found a path of %d values from %g to %g, wanted at least 2, increasing",
                   opts->count, opts->from, opts->to);
  int *fit = as_alloc(n ? n : 1, sizeof *fit, err), *held = as_alloc(n ? n : 1, sizeof *held, err);
  r->point = as_calloc((size_t)opts->count, sizeof *r->point, err);
  as_status s = fit && held && r->point ? split_rows(rows->y, n, opts, fit, held, r, err) : AS_E_ENV;
  path_walk w = {opts, r, weight, bias, rows->classes * rows->d, rows->classes};
  if (s == AS_OK) s = walk_path(&w, rows, fit, held, err);
  as_free(fit);
  as_free(held);
  if (s != AS_OK) as_path_clear(r);
  return s;
}

void as_path_clear(as_path_result *r) {
  as_free(r->point);
  memset(r, 0, sizeof *r);
}

const char *as_path_text(const as_path_opts *opts, const as_path_result *r, char *buf, size_t size) {
  snprintf(buf, size, "of %d from %g to %g by %zu held-out rows, seed %llu", opts->count, opts->from,
           opts->to, r->n_held, (unsigned long long)opts->seed);
  return buf;
}
