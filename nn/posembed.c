#include "nn/posembed.h"

#include <math.h>

#include "tensor/base/mem.h"

/* Keys' cubic convolution kernel with the free parameter a. */
static double cubic(double x, double a) {
  x = fabs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

/* Row `to` of the [to, from] interpolation matrix: weights of every source position. */
static void weights_scale(int from, int to, int dst, double *w) {
  const double ratio = (double)from / ((double)to + 0.1);
  const double src = (dst + 0.5) * ratio - 0.5;
  const int first = (int)floor(src);
  for (int i = 0; i < from; i++) w[i] = 0;
  for (int k = -1; k <= 2; k++) {
    int at = first + k;
    at = at < 0 ? 0 : at >= from ? from - 1 : at;
    w[at] += cubic(src - (first + k), -0.75);
  }
}

static void weights_exact(int from, int to, int dst, double *w) {
  const double ratio = (double)from / to, stretch = ratio > 1 ? ratio : 1;
  const double centre = (dst + 0.5) * ratio, support = 2 * stretch;
  int lo = (int)(centre - support + 0.5), hi = (int)(centre + support + 0.5);
  if (centre - support + 0.5 < 0) lo = 0;
  if (hi > from) hi = from;
  double sum = 0;
  for (int i = 0; i < from; i++) w[i] = 0;
  for (int i = lo; i < hi; i++) sum += w[i] = cubic((i + 0.5 - centre) / stretch, -0.5);
  for (int i = lo; i < hi; i++) w[i] /= sum;
}

as_status as_posembed_init(as_posembed *p, as_pos_rule rule, int from, int to, int dim, as_err *err) {
  const size_t f = (size_t)from, t = (size_t)to;
  *p = (as_posembed){.from = f, .to = t, .dim = (size_t)dim};
  p->m = as_alloc(t * f, sizeof *p->m, err);
  p->tmp = as_alloc(f * t * p->dim, sizeof *p->tmp, err);
  if (!p->m || !p->tmp) {
    as_posembed_clear(p);
    return AS_E_ENV;
  }
  for (int i = 0; i < to; i++) {
    if (rule == AS_POS_SCALE)
      weights_scale(from, to, i, p->m + (size_t)i * f);
    else
      weights_exact(from, to, i, p->m + (size_t)i * f);
  }
  return AS_OK;
}

void as_posembed_clear(as_posembed *p) {
  as_free(p->m);
  as_free(p->tmp);
  *p = (as_posembed){0};
}

/* out[i, j] = sum over k, l of w[i, k] w[j, l] in[k, l], first along rows, then along columns; w[i, k] is at
 * m[i * step_i + k * step_k]. in: [f, f, dim], out: [t, t, dim]. */
typedef struct grid_product {
  size_t f, t, step_i, step_k;
} grid_product;

static void multiply_grid(const as_posembed *p, const grid_product *g, const float *in, float *out) {
  const size_t f = g->f, t = g->t, d = p->dim;
  for (size_t y = 0; y < f; y++)
    for (size_t x = 0; x < t; x++)
      for (size_t c = 0; c < d; c++) {
        double sum = 0;
        for (size_t k = 0; k < f; k++)
          sum += p->m[x * g->step_i + k * g->step_k] * (double)in[(y * f + k) * d + c];
        p->tmp[(y * t + x) * d + c] = sum;
      }
  for (size_t y = 0; y < t; y++)
    for (size_t x = 0; x < t; x++)
      for (size_t c = 0; c < d; c++) {
        double sum = 0;
        for (size_t k = 0; k < f; k++)
          sum += p->m[y * g->step_i + k * g->step_k] * p->tmp[(k * t + x) * d + c];
        out[(y * t + x) * d + c] = (float)sum;
      }
}

void as_posembed_apply(const as_posembed *p, const float *in, float *out) {
  multiply_grid(p, &(grid_product){p->from, p->to, p->from, 1}, in, out);
}

void as_posembed_reverse(const as_posembed *p, const float *dout, float *din) {
  multiply_grid(p, &(grid_product){p->to, p->from, 1, p->from}, dout, din);
}

as_status as_posembed_resize(as_pos_rule rule, int from, int to, int dim, const float *in, float *out,
                             as_err *err) {
  as_posembed p;
  const as_status st = as_posembed_init(&p, rule, from, to, dim, err);
  if (st == AS_OK) as_posembed_apply(&p, in, out);
  if (st == AS_OK) as_posembed_clear(&p);
  return st;
}
