/* Samples to RGB rows: chroma upsampling (libjpeg's jdsample.c), colour (jdcolor.c), and Pillow's
 * way from CMYK to RGB (Convert.c). */
#include <string.h>

#include "data/image/jpeg_int.h"

/* Which filter libjpeg-turbo takes for a component: triangle ("fancy") filters for 2:1, plain
 * repetition for the other whole ratios and for components of at most two columns. */
as_status as_jpeg_up_plan(as_jpeg *j, as_err *err) {
  for (int i = 0; i < j->ncomp; i++) {
    j_comp *c = &j->comp[i];
    bool h1 = c->h == j->hmax, v1 = c->v == j->vmax, h2 = c->h * 2 == j->hmax, v2 = c->v * 2 == j->vmax;
    if (j->ncomp == 1 || (h1 && v1))
      c->up = J_UP_NONE;
    else if (h2 && v1)
      c->up = c->w > 2 ? J_UP_H2 : J_UP_BOX;
    else if (h1 && v2)
      c->up = J_UP_V2;
    else if (h2 && v2)
      c->up = c->w > 2 ? J_UP_H2V2 : J_UP_BOX;
    else if (j->hmax % c->h == 0 && j->vmax % c->v == 0)
      c->up = J_UP_BOX;
    else
      return as_jpeg_bad(j, err, "sampling ratio %d:%d by %d:%d, whole ratios are read", j->hmax, c->h,
                         j->vmax, c->v);
  }
  return AS_OK;
}

/* The two rows of samples that row y of the image is made of. The nearer one counts three quarters; beyond the first
 * and last real row they repeat. Without a filter downwards both are the same. */
static void rows_of(const as_jpeg *j, const j_comp *c, int y, int *near, int *far) {
  const bool two = c->up == J_UP_V2 || c->up == J_UP_H2V2;
  *near = *far = c->up == J_UP_BOX ? y / (j->vmax / c->v) : two ? y / 2 : y;
  if (!two) return;
  *far = y & 1 ? *near + 1 : *near - 1;
  if (*far < 0) *far = 0;
  if (*far >= c->rows) *far = c->rows - 1;
}

int as_jpeg_up_needs(const as_jpeg *j, int y) {
  int last = 0;
  for (int i = 0; i < j->ncomp; i++) {
    const j_comp *c = &j->comp[i];
    int near, far;
    rows_of(j, c, y, &near, &far);
    if (far < near) far = near;
    if (far / c->step > last) last = far / c->step;
  }
  return last;
}

/* Row y of a component at full size; returns where pixel x0 is. `scratch` holds one row. */
static const uint8_t *full_row(const as_jpeg *j, const j_comp *c, int y, uint8_t *scratch) {
  int near, far;
  rows_of(j, c, y, &near, &far);
  const uint8_t *p = c->ring + (size_t)(near % (3 * c->step)) * c->stride;
  const uint8_t *q = c->ring + (size_t)(far % (3 * c->step)) * c->stride;
  if (c->up == J_UP_NONE) return p + j->x0;
  if (c->up == J_UP_BOX) {
    const int fx = j->hmax / c->h;
    for (int x = j->x0; x < j->x1; x++) scratch[x - j->x0] = p[x / fx];
    return scratch;
  }
  if (c->up == J_UP_V2) {
    j->k->up_v2(p + j->x0, q + j->x0, j->x1 - j->x0, y & 1 ? 2 : 1, scratch);
    return scratch;
  }
  int a = j->x0 / 2 - 1, b = (j->x1 + 1) / 2 + 1;
  if (a < 0) a = 0;
  if (b > c->w) b = c->w;
  if (c->up == J_UP_H2)
    j->k->up_h2(p + a, b - a, scratch);
  else
    j->k->up_h2v2(p + a, q + a, b - a, scratch);
  return scratch + (j->x0 - 2 * a);
}

/* Pillow: CMYK files are inverted whatever their markers say, then R = K - C * K / 255. */
static inline uint8_t ink(int c, int k) {
  int t = (255 - c) * k + 128;
  return j_clamp8(k - (((t >> 8) + t) >> 8));
}

void as_jpeg_up_row(as_jpeg *j, int y, int pixel, uint8_t *out) {
  const uint8_t *s[4];
  const int n = j->x1 - j->x0;
  for (int i = 0; i < j->ncomp; i++)
    s[i] = full_row(j, &j->comp[i], y, j->rows + (size_t)i * j->row_size + 32);
  if (j->colour == J_YCC) {
    j->k->ycc(s[0], s[1], s[2], n, pixel, out);
    return;
  }
  for (int i = 0; i < n; i++, out += pixel) {
    if (pixel == 4) out[3] = 0;
    if (j->colour == J_GRAY) {
      out[0] = out[1] = out[2] = s[0][i];
    } else if (j->colour == J_RGB) {
      out[0] = s[0][i], out[1] = s[1][i], out[2] = s[2][i];
    } else {
      uint8_t c[3] = {s[0][i], s[1][i], s[2][i]};
      if (j->colour == J_YCCK) { /* libjpeg: C, M, Y = 255 - R, G, B */
        j_ycc_to_rgb(s[0][i], s[1][i], s[2][i], c);
        for (int k = 0; k < 3; k++) c[k] = (uint8_t)(255 - c[k]);
      }
      for (int k = 0; k < 3; k++) out[k] = ink(c[k], s[3][i]);
    }
  }
}
