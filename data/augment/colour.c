/* A compiler may not make a choice of a conditional operation on floats by itself, because the operation might trap: where a
 * loop has to choose it multiplies by 0 or 1.
 *
 * Every loop works on blocks of 16 pixels that the compiler turns into vectors; the arithmetic of a pixel is the same in
 * blocks and in what is left over, so the bits do not depend on where a block begins. */
#include "data/augment/colour.h"

#include <math.h>
#include <string.h>

#include "data/augment/colour_int.h"
#include "tensor/base/math/dmath.h"

enum { BLOCK = 16 };

/* STEP(i) for i in 0..n-1, in blocks. */
#define EACH(n, STEP)                      \
  {                                        \
    size_t at = 0;                         \
    for (; at + BLOCK <= (n); at += BLOCK) \
      for (size_t j = 0; j < BLOCK; j++) { \
        STEP(at + j)                       \
      }                                    \
    for (; at < (n); at++) {               \
      STEP(at)                             \
    }                                      \
  }

static inline float clamp01(float x) {
  const float low = x < 0.0f ? 0.0f : x;
  return low > 1.0f ? 1.0f : low;
}
/* The same by sums with absolute values, exact at both ends: gcc makes branches of clamps inside longer expressions. */
static inline float ramp(float x) {
  const float above = 0.5f * (x + fabsf(x)), rest = 1.0f - above;
  return 1.0f - 0.5f * (rest + fabsf(rest));
}
static inline float grey_of(float r, float g, float b) {
  return 0.2989f * r + 0.587f * g + 0.114f * b;
}

/* AVX2 where there is one; colour_x86.c. */
static const as_colour_kernels *kernels(void) {
  static const as_colour_kernels portable = {as_colour_scale_c, as_colour_saturate_c, as_colour_hue_c,
                                             as_colour_weigh_c, as_colour_split_c,    as_colour_join_c};
  const as_colour_kernels *x86 = as_cpu_has(AS_COLOUR_X86_NEEDS) ? as_colour_kernels_x86() : NULL;
  return x86 ? x86 : &portable;
}

size_t as_augment_kernels(const as_kernel_info **rows) {
  static const as_kernel_info list[] = {
    {"colour", "ref", 0, NULL},
#if AS_HAVE_X86
    {"colour", "x86", AS_COLOUR_X86_NEEDS, NULL},
#endif
  };
  *rows = list;
  return sizeof list / sizeof *list;
}

void as_colour_scale_c(size_t n, float f, float add, float *restrict x) {
#define STEP(i) x[i] = clamp01(f * x[i] + add);
  EACH(n, STEP)
#undef STEP
}

static void scale_planes(const as_planes *p, float f, float add) {
  const as_colour_kernels *k = kernels();
  k->scale(p->n, f, add, p->r);
  k->scale(p->n, f, add, p->g);
  k->scale(p->n, f, add, p->b);
}

void as_colour_brightness(const as_planes *p, double f) {
  scale_planes(p, (float)f, 0.0f);
}

static double grey_sum(size_t n, const float *restrict r, const float *restrict g, const float *restrict b) {
  double sum = 0.0;
  for (size_t i = 0; i < n; i++) sum += (double)grey_of(r[i], g[i], b[i]);
  return sum;
}

void as_colour_contrast(const as_planes *p, double f) {
  const float mean = (float)(grey_sum(p->n, p->r, p->g, p->b) / (double)p->n), add = (float)(1.0 - f) * mean;
  scale_planes(p, (float)f, add);
}

void as_colour_saturate_c(size_t n, float f, float rest, float *restrict r, float *restrict g,
                          float *restrict b) {
#define STEP(i)                                     \
  const float v = rest * grey_of(r[i], g[i], b[i]); \
  r[i] = clamp01(f * r[i] + v);                     \
  g[i] = clamp01(f * g[i] + v);                     \
  b[i] = clamp01(f * b[i] + v);
  EACH(n, STEP)
#undef STEP
}

void as_colour_saturation(const as_planes *p, double f) {
  kernels()->saturate(p->n, (float)f, (float)(1.0 - f), p->r, p->g, p->b);
}

/* Hue, counted in sixths: (g - b) / c around red, 2 + (b - r) / c around green, 4 + (r - g) / c around blue, c the
 * spread between the largest and the smallest channel; turned and brought back to 0..6. From there a channel is
 * most - c (1 - w), where w is 1 in the third of the circle around its own colour, falls to 0 within a sixth on both
 * sides, and is 0 opposite. Grey pixels have c = 0 and keep their value. Questions (is it the largest? below 0? at least 6?) are steep
 * ramps cut to 0..1. */
void as_colour_hue_c(size_t n, float turn, float *restrict r, float *restrict g, float *restrict b) {
#define STEP(i)                                                                                              \
  const float x = r[i], y = g[i], z = b[i];                                                                  \
  const float xy = x > y ? x : y, most = xy > z ? xy : z;                                                    \
  const float lo = x < y ? x : y, least = lo < z ? lo : z, c = most - least;                                 \
  const float red = ramp((x - most) * 1e30f + 1.0f), green = (1.0f - red) * ramp((y - most) * 1e30f + 1.0f); \
  const float blue = 1.0f - red - green;                                                                     \
  const float over = red * (y - z) + green * (z - x) + blue * (x - y);                                       \
  const float moved = 2.0f * green + 4.0f * blue + over / (c + ramp(1.0f - c * 1e30f)) + turn;               \
  const float up = moved + 6.0f * ramp(moved * -1e30f);                                                      \
  const float six = up - 6.0f * ramp((up - 6.0f) * 1e30f + 1.0f);                                            \
  r[i] = ramp(most - c * (1.0f - ramp(fabsf(six - 3.0f) - 1.0f)));                                           \
  g[i] = ramp(most - c * (1.0f - ramp(2.0f - fabsf(six - 2.0f))));                                           \
  b[i] = ramp(most - c * (1.0f - ramp(2.0f - fabsf(six - 4.0f))));
  EACH(n, STEP)
#undef STEP
}

void as_colour_hue(const as_planes *p, double turn) {
  kernels()->hue(p->n, (float)(6.0 * turn), p->r, p->g, p->b);
}

static void make_grey(size_t n, float *restrict r, float *restrict g, float *restrict b) {
#define STEP(i)                              \
  const float v = grey_of(r[i], g[i], b[i]); \
  r[i] = v, g[i] = v, b[i] = v;
  EACH(n, STEP)
#undef STEP
}

void as_colour_grey(const as_planes *p) {
  make_grey(p->n, p->r, p->g, p->b);
}

static void solarise_plane(size_t n, float *restrict x) {
#define STEP(i)                              \
  const float above = (float)(x[i] >= 0.5f); \
  x[i] = above + (1.0f - 2.0f * above) * x[i];
  EACH(n, STEP)
#undef STEP
}

void as_colour_solarise(const as_planes *p) {
  solarise_plane(p->n, p->r);
  solarise_plane(p->n, p->g);
  solarise_plane(p->n, p->b);
}

void as_colour_weigh_c(size_t n, const float *restrict x, size_t step, const float *restrict k, int radius,
                       float *restrict out) {
#define STEP(i) out[i] = k[0] * x[i];
  EACH(n, STEP)
#undef STEP
  for (int t = 1; t <= radius; t++) {
    const float f = k[t];
    const float *restrict before = x - (size_t)t * step, *restrict after = x + (size_t)t * step;
#define STEP(i) out[i] += f * (before[i] + after[i]);
    EACH(n, STEP)
#undef STEP
  }
}

void as_colour_split_c(size_t n, const uint8_t *restrict rgb, bool flip, float *restrict r, float *restrict g,
                       float *restrict b) {
  for (size_t i = 0; i < n; i++) {
    const uint8_t *from = rgb + 3 * (flip ? n - 1 - i : i);
    r[i] = (float)from[0] / 255.0f, g[i] = (float)from[1] / 255.0f, b[i] = (float)from[2] / 255.0f;
  }
}

void as_colour_join_c(const as_planes *p, const float mean[3], const float std[3], float *restrict out) {
  for (size_t i = 0; i < p->n; i++, out += 3) {
    out[0] = (p->r[i] - mean[0]) / std[0];
    out[1] = (p->g[i] - mean[1]) / std[1];
    out[2] = (p->b[i] - mean[2]) / std[2];
  }
}

void as_colour_split(size_t n, const uint8_t *rgb, bool flip, float *r, float *g, float *b) {
  kernels()->split(n, rgb, flip, r, g, b);
}

void as_colour_join(const as_planes *p, const float mean[3], const float std[3], float *out) {
  kernels()->join(p, mean, std, out);
}

static void blur_plane(float *x, size_t side, const float *k, int radius, float *wide) {
  const size_t edge = (size_t)radius, line = side + 2 * edge;
  for (size_t y = 0; y < side; y++) { /* rows, with their ends replicated */
    float *row = x + y * side;
    for (size_t i = 0; i < edge; i++) wide[i] = row[0], wide[edge + side + i] = row[side - 1];
    memcpy(wide + edge, row, side * sizeof *row);
    kernels()->weigh(side, wide + edge, 1, k, radius, row);
  }
  for (size_t y = 0; y < line; y++) { /* columns: all at once, row by row */
    const size_t from = y < edge ? 0 : y - edge < side ? y - edge : side - 1;
    memcpy(wide + y * side, x + from * side, side * sizeof *x);
  }
  for (size_t y = 0; y < side; y++)
    kernels()->weigh(side, wide + (y + edge) * side, side, k, radius, x + y * side);
}

void as_colour_blur(const as_planes *p, int side, double sigma, float *scratch) {
  double weight[AS_BLUR_RADIUS + 1], sum = 0.0;
  float k[AS_BLUR_RADIUS + 1];
  int radius = (int)(3.0 * sigma);
  if ((double)radius < 3.0 * sigma) radius++;
  if (radius > AS_BLUR_RADIUS) radius = AS_BLUR_RADIUS;
  for (int t = 0; t <= radius; t++) {
    weight[t] = as_exp(-(double)(t * t) / (2.0 * sigma * sigma));
    sum += t ? 2.0 * weight[t] : weight[t];
  }
  for (int t = 0; t <= radius; t++) k[t] = (float)(weight[t] / sum);
  blur_plane(p->r, (size_t)side, k, radius, scratch);
  blur_plane(p->g, (size_t)side, k, radius, scratch);
  blur_plane(p->b, (size_t)side, k, radius, scratch);
}
