#include "nn/skmix.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"

enum { NAME_BYTES = 64 };

as_status as_skmix_declare(as_skmix *l, const char *prefix, int c, double eps, as_params *params,
                           as_err *err) {
  const int mid = c / 16 > 32 ? c / 16 : 32;
  *l = (as_skmix){.c = c, .mid = mid, .eps = eps};
  char name[3][NAME_BYTES];
  static const char *const part[3] = {"fc1", "bn", "fc2"};
  for (int i = 0; i < 3; i++) (void)snprintf(name[i], NAME_BYTES, "%.50s.%s", prefix, part[i]);
  as_status st = as_params_add(
      params, &(as_param_want){name[0], "weight", as_init_kaiming((double)c), 4, {mid, c, 1, 1}, false},
      &l->param, err);
  const struct {
    const char *leaf;
    double lo, hi;
  } bn[] = {
      {"weight", 0.5, 1.5}, {"bias", -0.2, 0.2}, {"running_mean", -0.2, 0.2}, {"running_var", 0.5, 1.5}};
  for (size_t i = 0; i < sizeof bn / sizeof *bn && st == AS_OK; i++)
    st = as_params_add(
        params, &(as_param_want){name[1], bn[i].leaf, as_init_between(bn[i].lo, bn[i].hi), 1, {mid}, false},
        NULL, err);
  if (st == AS_OK)
    st = as_params_add(params,
                       &(as_param_want){.prefix = name[1],
                                        .leaf = "num_batches_tracked",
                                        .rule = as_init_between(0, 0),
                                        .optional = true},
                       NULL, err);
  if (st == AS_OK)
    st = as_params_add(
        params,
        &(as_param_want){
            name[2], "weight", as_init_kaiming((double)mid), 4, {2 * (int64_t)c, mid, 1, 1}, false},
        NULL, err);
  return st;
}

as_status as_skmix_load(as_skmix *l, const as_params *params, const as_view *views, as_err *err) {
  as_skmix_clear(l);
  float **const slot[6] = {&l->fc1, &l->gamma, &l->beta, &l->mean, &l->var, &l->fc2};
  static const size_t at[6] = {0, 1, 2, 3, 4, 6}; /* 5 counts steps */
  as_status st = AS_OK;
  for (int i = 0; i < 6 && st == AS_OK; i++)
    st = as_params_read(params, views, l->param + at[i], slot[i], err);
  for (int i = 0; i < l->mid && st == AS_OK; i++)
    if (!((double)l->var[i] + l->eps > 0))
      st = as_fail(err, AS_E_INPUT, "tensor %s: channel %d: found variance %.9g, wanted > -%g",
                   params->specs[l->param + 4].name, i, (double)l->var[i], l->eps);
  return st;
}

/* Per image, in double: g [c], z [mid], w [c]. */
static size_t doubles(const as_skmix *l) {
  return 2 * (size_t)l->c + (size_t)l->mid;
}

size_t as_skmix_scratch(const as_skmix *l, int n) {
  return (size_t)n * doubles(l) * sizeof(double);
}

typedef struct mix_job {
  const as_skmix *l;
  const as_tensor *in, *out;
  double *scratch;
} mix_job;

/* One chain per channel over the pixels, then one per unit over its inputs: no order depends on the threads. */
static void mix_image(void *ctx, size_t image, int worker) {
  (void)worker;
  const mix_job *j = ctx;
  const as_skmix *l = j->l;
  const size_t c = (size_t)l->c, mid = (size_t)l->mid, pixels = (size_t)j->in->h * (size_t)j->in->w;
  const float *in = j->in->data + image * pixels * j->in->ld;
  float *out = j->out->data + image * pixels * j->out->ld;
  double *g = j->scratch + image * doubles(l), *z = g + c, *w = z + mid;
  memset(g, 0, c * sizeof *g);
  for (size_t p = 0; p < pixels; p++) {
    const float *a = in + p * j->in->ld, *b = a + c;
    for (size_t k = 0; k < c; k++) g[k] += (double)a[k] + (double)b[k];
  }
  for (size_t k = 0; k < c; k++) g[k] /= (double)pixels;
  for (size_t i = 0; i < mid; i++) {
    double sum = 0;
    for (size_t k = 0; k < c; k++) sum += (double)l->fc1[i * c + k] * g[k];
    const double s = (double)l->gamma[i] / sqrt((double)l->var[i] + l->eps);
    const double v = (sum - (double)l->mean[i]) * s + (double)l->beta[i];
    z[i] = v > 0 ? v : 0;
  }
  for (size_t k = 0; k < c; k++) {
    double ma = 0, mb = 0;
    for (size_t i = 0; i < mid; i++) {
      ma += (double)l->fc2[k * mid + i] * z[i];
      mb += (double)l->fc2[(c + k) * mid + i] * z[i];
    }
    w[k] = 1 / (1 + as_exp(mb - ma)); /* the pair's softmax; b gets the rest */
  }
  for (size_t p = 0; p < pixels; p++) {
    const float *a = in + p * j->in->ld, *b = a + c;
    float *o = out + p * j->out->ld;
    for (size_t k = 0; k < c; k++) o[k] = (float)(w[k] * (double)a[k] + (1 - w[k]) * (double)b[k]);
  }
}

void as_skmix_forward(const as_skmix *l, const as_tensor *in, const as_tensor *out, void *scratch) {
  mix_job j = {l, in, out, scratch};
  as_par_for((size_t)in->n, mix_image, &j);
}

void as_skmix_clear(as_skmix *l) {
  float **const slot[6] = {&l->fc1, &l->gamma, &l->beta, &l->mean, &l->var, &l->fc2};
  for (int i = 0; i < 6; i++) {
    as_free(*slot[i]);
    *slot[i] = NULL;
  }
}

double as_skmix_flop(const as_skmix *l, int h, int w) {
  return 2.0 * l->c * l->mid * 3 + 6.0 * h * w * l->c;
}

static void same_row(void *ctx, size_t row, int worker) {
  (void)worker;
  const mix_job *j = ctx;
  const as_tensor *in = j->in;
  const size_t h = (size_t)in->h, w = (size_t)in->w, c = (size_t)in->c;
  const size_t down = row % h + 1 < h ? w : 0; /* the row below, or none */
  for (size_t x = 0; x < w; x++) {
    const float *a = in->data + (row * w + x) * in->ld;
    float *o = j->out->data + (row * w + x) * j->out->ld;
    const size_t right = x + 1 < w ? in->ld : 0, below = down * in->ld;
    const float inv = 1.0f / (float)((right ? 2 : 1) * (below ? 2 : 1)); /* 1, 1/2 or 1/4: exact */
    for (size_t k = 0; k < c; k++) {
      float sum = a[k];
      if (right) sum += a[right + k];
      if (below) sum += a[below + k];
      if (right && below) sum += a[below + right + k];
      o[k] = sum * inv;
    }
  }
}

void as_avgpool_2x2_same(const as_tensor *in, const as_tensor *out) {
  mix_job j = {NULL, in, out, NULL};
  as_par_for((size_t)in->n * (size_t)in->h, same_row, &j);
}
