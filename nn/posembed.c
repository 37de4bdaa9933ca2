#include "nn/posembed.h"

#include <math.h>
#include <stddef.h>

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

as_status as_posembed_resize(as_pos_rule rule, int from, int to, int dim, const float *in, float *out,
                             as_err *err) {
  const size_t f = (size_t)from, t = (size_t)to, d = (size_t)dim;
  double *m = as_alloc(t * f, sizeof *m, err);         /* [to, from], the same for rows and columns */
  double *tmp = as_alloc(f * t * d, sizeof *tmp, err); /* [from rows, to columns, dim] */
  if (!m || !tmp) {
    as_free(m);
    as_free(tmp);
    return AS_E_ENV;
  }
  for (int i = 0; i < to; i++) {
    if (rule == AS_POS_SCALE)
      weights_scale(from, to, i, m + (size_t)i * f);
    else
      weights_exact(from, to, i, m + (size_t)i * f);
  }
  for (size_t y = 0; y < f; y++)
    for (size_t x = 0; x < t; x++)
      for (size_t c = 0; c < d; c++) {
        double sum = 0;
        for (size_t k = 0; k < f; k++) sum += m[x * f + k] * (double)in[(y * f + k) * d + c];
        tmp[(y * t + x) * d + c] = sum;
      }
  for (size_t y = 0; y < t; y++)
    for (size_t x = 0; x < t; x++)
      for (size_t c = 0; c < d; c++) {
        double sum = 0;
        for (size_t k = 0; k < f; k++) sum += m[y * f + k] * tmp[(k * t + x) * d + c];
        out[(y * t + x) * d + c] = (float)sum;
      }
  as_free(m);
  as_free(tmp);
  return AS_OK;
}
