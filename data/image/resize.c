#include "data/image/resize.h"

#include <math.h>
#include <string.h>

#include "data/image/image_kernels.h"
#include "data/image/resize_int.h"
#include "tensor/base/checked.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"

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
  const as_resize_kernels *x86 = as_cpu_has(AS_RESIZE_X86_NEEDS) ? as_resize_kernels_x86() : NULL;
  return x86 ? x86 : &portable;
}

static void resize_row(const as_resize_axis *a, const uint8_t *in, uint8_t *out) {
  if (!a->copy) {
    kernels()->row(a, in, out);
    return;
  }
  for (int i = 0; i < a->count; i++) memcpy(out + (size_t)i * 3, in + (size_t)i * 4, 3);
}

/* Source rows that have gone through the horizontal pass and that an output row still needs. */
typedef struct sliding {
  uint8_t *rows;
  size_t stride;
  int room, n; /* rows that fit, rows that are there */
  int first;   /* source row of rows[0] */
} sliding;

/* Moves on to source row `first` and beyond it to `first` + n. `row` is scratch for one source row. */
static as_status slide(sliding *s, int first, int n, const as_resize_axis *ax, uint8_t *row, as_row_fn *next,
                       void *ctx, as_err *err) {
  while (s->first + s->n < first + n) {
    if (s->n == s->room) {
      const int gone = first - s->first < s->n ? first - s->first : s->n;
      memmove(s->rows, s->rows + (size_t)gone * s->stride, (size_t)(s->n - gone) * s->stride);
      s->first += gone;
      s->n -= gone;
    }
    as_status st = next(ctx, row, err);
    if (st != AS_OK) return st;
    resize_row(ax, row, s->rows + (size_t)s->n++ * s->stride);
  }
  return AS_OK;
}

as_status as_resize_rows(const as_resize_axis *ax, const as_resize_axis *ay, as_row_fn *next, void *ctx,
                         uint8_t *out, size_t pitch, as_err *err) {
  const size_t bytes = (size_t)ax->count * 3, width = (size_t)(ax->hi - ax->lo) * 4;
  const size_t slack = (size_t)ax->taps * 4 + 64; /* kernels read past the end what counts for nothing */
  sliding s = {.stride = bytes + 16, .room = 2 * (ay->copy ? 1 : ay->taps) + 8, .first = ay->lo};
  if (s.room > ay->hi - ay->lo) s.room = ay->hi - ay->lo;
  uint8_t *row = as_alloc(width + slack, 1, err);
  s.rows = row ? as_alloc(s.stride * (size_t)s.room + 64, 1, err) : NULL;
  as_status st = s.rows ? AS_OK : AS_E_ENV;
  if (row) memset(row + width, 0, slack);
  for (int i = 0; st == AS_OK && i < ay->count; i++, out += pitch) {
    const int first = ay->copy ? ay->lo + i : ay->first[i], n = ay->copy ? 1 : ay->n[i];
    st = slide(&s, first, n, ax, row, next, ctx, err);
    if (st != AS_OK) break;
    const uint8_t *from = s.rows + (size_t)(first - s.first) * s.stride;
    if (ay->copy)
      memcpy(out, from, bytes);
    else
      kernels()->column(from, s.stride, ay->k + (size_t)i * (size_t)ay->taps, n, bytes, out);
  }
  as_free(row);
  as_free(s.rows);
  return st;
}

typedef struct rgb_rows {
  const uint8_t *p;
  size_t stride;
  int n;
} rgb_rows;

static as_status next_rgb(void *ctx, uint8_t *row, as_err *err) {
  rgb_rows *r = ctx;
  (void)err;
  for (int x = 0; x < r->n; x++) {
    memcpy(row + (size_t)x * 4, r->p + (size_t)x * 3, 3);
    row[(size_t)x * 4 + 3] = 0;
  }
  r->p += r->stride;
  return AS_OK;
}

as_status as_resize_rgb(const uint8_t *in, int w, int h, as_filter filter, uint8_t *out, int out_w, int out_h,
                        as_err *err) {
  as_resize_axis ax = {0}, ay = {0};
  as_status s = as_resize_axis_init(&ax, w, out_w, 0, out_w, filter, err);
  if (s == AS_OK) s = as_resize_axis_init(&ay, h, out_h, 0, out_h, filter, err);
  const size_t stride = (size_t)w * 3;
  rgb_rows rows = {in + (size_t)ay.lo * stride + (size_t)ax.lo * 3, stride, ax.hi - ax.lo};
  if (s == AS_OK) s = as_resize_rows(&ax, &ay, next_rgb, &rows, out, (size_t)out_w * 3, err);
  as_resize_axis_clear(&ax);
  as_resize_axis_clear(&ay);
  return s;
}
