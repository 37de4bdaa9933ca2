#include "data/image/resize.h"

#include <math.h>
#include <string.h>

#include "data/image/image_kernels.h"
#include "data/image/resize_int.h"
#include "tensor/base/checked.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"

static bool simd = true;
void as_resize_simd(int on) {
  simd = on != 0;
}

/* The filters as Pillow writes them, in double. */
static double box(double x) {
  return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
}
static double triangle(double x) {
  if (x < 0.0) x = -x;
  return x < 1.0 ? 1.0 - x : 0.0;
}
static double cubic(double x) { /* a = -0.5 */
  const double a = -0.5;
  if (x < 0.0) x = -x;
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}
static double sinc(double x) {
  if (x == 0.0) return 1.0;
  x = x * 3.14159265358979323846;
  return as_sin(x) / x;
}
static double lanczos3(double x) {
  return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
}

static const struct {
  double (*f)(double);
  double support;
} filters[] = {
    [AS_FILTER_BOX] = {box, 0.5},
    [AS_FILTER_BILINEAR] = {triangle, 1.0},
    [AS_FILTER_BICUBIC] = {cubic, 2.0},
    [AS_FILTER_LANCZOS] = {lanczos3, 3.0},
};

/* Where output i looks: precompute_coeffs of Resample.c. The order of operations is Pillow's, here and
 * below, and decides the last bit. */
static double find_inputs(as_resize_axis *a, int i, double scale, double support) {
  const double center = (a->from + i + 0.5) * scale;
  int lo = (int)(center - support + 0.5), hi = (int)(center + support + 0.5);
  if (lo < 0) lo = 0;
  if (hi > a->in) hi = a->in;
  a->first[i] = lo;
  a->n[i] = hi - lo;
  return center;
}

/* Coefficients of output i: precompute_coeffs, normalize_coeffs_8bpc. */
static void coefficients(as_resize_axis *a, int i, as_filter filter, double center, double ss, double *w) {
  const int lo = a->first[i], n = a->n[i];
  double sum = 0.0;
  for (int x = 0; x < n; x++) {
    w[x] = filters[filter].f((x + lo - center + 0.5) * ss);
    sum += w[x];
  }
  int32_t *k = a->k + (size_t)i * (size_t)a->taps;
  memset(k, 0, (size_t)a->taps * sizeof *k);
  for (int x = 0; x < n; x++) {
    double v = w[x];
    if (sum != 0.0) v /= sum;
    v *= 1 << AS_RESIZE_BITS;
    k[x] = (int32_t)(v < 0 ? v - 0.5 : v + 0.5);
  }
  /* For the SIMD rows: k = 2048 high + low. Per four taps 32 words: low parts of taps 0 and 1 four
   * times (R, G, B, padding), of taps 2 and 3 four times, then the high parts alike. */
  int16_t *split = a->split + (size_t)i * (size_t)a->taps * 8;
  for (int t = 0; t < a->taps; t++) {
    int32_t low = (int32_t)((uint32_t)k[t] & 2047), high = (k[t] - low) / 2048;
    int16_t *to = split + t / 4 * 32 + t % 4 / 2 * 8 + t % 2;
    for (int c = 0; c < 4; c++) {
      to[c * 2] = (int16_t)low;
      to[16 + c * 2] = (int16_t)high;
    }
  }
}

static bool allocate(as_resize_axis *a, size_t count, as_err *err) {
  size_t n;
  if (!as_mul_size(count, (size_t)a->taps, &n)) return false;
  a->k = as_alloc(n, sizeof *a->k, err);
  a->split = a->k ? as_alloc(n, 8 * sizeof *a->split, err) : NULL;
  return a->split != NULL;
}

as_status as_resize_axis_init(as_resize_axis *a, int in, int out, int from, int count, as_filter filter,
                              as_err *err) {
  *a = (as_resize_axis){.in = in, .out = out, .from = from, .count = count, .copy = in == out};
  a->lo = from;
  a->hi = from + count;
  if (a->copy) return AS_OK;
  const double scale = (double)in / out, filterscale = scale < 1.0 ? 1.0 : scale;
  const double support = filters[filter].support * filterscale;
  a->first = as_alloc((size_t)count, sizeof *a->first, err);
  a->n = a->first ? as_alloc((size_t)count, sizeof *a->n, err) : NULL;
  if (a->n) {
    a->lo = in;
    a->hi = 0;
    for (int i = 0; i < count; i++) {
      find_inputs(a, i, scale, support);
      if (a->first[i] < a->lo) a->lo = a->first[i];
      if (a->first[i] + a->n[i] > a->hi) a->hi = a->first[i] + a->n[i];
      if (a->n[i] > a->taps) a->taps = a->n[i];
    }
    a->taps = (a->taps + 3) / 4 * 4;
  }
  double *w = a->n && allocate(a, (size_t)count, err) ? as_alloc((size_t)a->taps, sizeof *w, err) : NULL;
  if (!w) {
    as_resize_axis_clear(a);
    return AS_E_ENV;
  }
  for (int i = 0; i < count; i++)
    coefficients(a, i, filter, find_inputs(a, i, scale, support), 1.0 / filterscale, w);
  as_free(w);
  return AS_OK;
}

void as_resize_axis_clear(as_resize_axis *a) {
  as_free(a->first);
  as_free(a->n);
  as_free(a->k);
  as_free(a->split);
  a->first = a->n = a->k = NULL;
  a->split = NULL;
}

static const as_resize_kernels *kernels(void) {
  static const as_resize_kernels portable = {as_resize_row_c, as_resize_column_c};
  const as_resize_kernels *x86 = simd && as_cpu_has(AS_RESIZE_X86_NEEDS) ? as_resize_kernels_x86() : NULL;
  return x86 ? x86 : &portable;
}

void as_resize_row(const as_resize_axis *a, const uint8_t *in, uint8_t *out) {
  if (!a->copy) {
    kernels()->row(a, in, out);
    return;
  }
  for (int i = 0; i < a->count; i++) memcpy(out + (size_t)i * 3, in + (size_t)i * 4, 3);
}

void as_resize_column(const as_resize_axis *a, int i, const uint8_t *rows, size_t stride, size_t bytes,
                      uint8_t *out) {
  if (a->copy) {
    memcpy(out, rows + (size_t)i * stride, bytes);
    return;
  }
  kernels()->column(rows + (size_t)(a->first[i] - a->lo) * stride, stride, a->k + (size_t)i * (size_t)a->taps,
                    a->n[i], bytes, out);
}

as_status as_resize_rgb(const uint8_t *in, int w, int h, as_filter filter, uint8_t *out, int out_w, int out_h,
                        as_err *err) {
  as_resize_axis ax, ay;
  as_status s = as_resize_axis_init(&ax, w, out_w, 0, out_w, filter, err);
  if (s != AS_OK) return s;
  s = as_resize_axis_init(&ay, h, out_h, 0, out_h, filter, err);
  if (s != AS_OK) {
    as_resize_axis_clear(&ax);
    return s;
  }
  const size_t stride = (size_t)out_w * 3;
  uint8_t *row = as_alloc(((size_t)w + (size_t)ax.taps) * 4 + 16, 1, err), *mid = NULL;
  if (row) mid = as_alloc(stride * (size_t)(ay.hi - ay.lo) + 16, 1, err);
  if (mid) {
    for (int y = ay.lo; y < ay.hi; y++) {
      const uint8_t *p = in + ((size_t)y * (size_t)w + (size_t)ax.lo) * 3;
      for (int x = 0; x < ax.hi - ax.lo; x++) memcpy(row + (size_t)x * 4, p + (size_t)x * 3, 3);
      as_resize_row(&ax, row, mid + (size_t)(y - ay.lo) * stride);
    }
    for (int y = 0; y < out_h; y++) as_resize_column(&ay, y, mid, stride, stride, out + (size_t)y * stride);
  }
  s = mid ? AS_OK : AS_E_ENV;
  as_free(row);
  as_free(mid);
  as_resize_axis_clear(&ax);
  as_resize_axis_clear(&ay);
  return s;
}
