/* The inner loops in portable C, and which ones this CPU gets. */
#include "data/image/image_kernels.h"
#include "data/image/jpeg_block_int.h"
#include "data/image/jpeg_int.h"

static int block(as_jpeg *j, const j_table *dc, const j_table *ac, const j_pair *pair, j_bits *bits,
                 int *pred, int16_t *coef) {
  return j_block(j, dc, ac, pair, bits, pred, coef);
}
static void skip(as_jpeg *j, const j_table *dc, const j_table *ac, const j_pair *pair, j_bits *bits,
                 int *pred) {
  j_skip_block(j, dc, ac, pair, bits, pred);
}

/* All three take the samples [0, w) of a row whose ends are either the image's ends or not looked at. */
static void up_h2(const uint8_t *in, int w, uint8_t *out) {
  for (int i = 0; i < w; i++) {
    int s = 3 * in[i];
    out[2 * i] = (uint8_t)(i > 0 ? (s + in[i - 1] + 1) >> 2 : in[i]);
    out[2 * i + 1] = (uint8_t)(i < w - 1 ? (s + in[i + 1] + 2) >> 2 : in[i]);
  }
}

static void up_h2v2(const uint8_t *near, const uint8_t *far, int w, uint8_t *out) {
  int before = 0, now = 3 * near[0] + far[0];
  for (int i = 0; i < w; i++) {
    int after = i < w - 1 ? 3 * near[i + 1] + far[i + 1] : now;
    out[2 * i] = (uint8_t)((3 * now + (i > 0 ? before : now) + 8) >> 4);
    out[2 * i + 1] = (uint8_t)((3 * now + after + 7) >> 4);
    before = now;
    now = after;
  }
}

static void up_v2(const uint8_t *near, const uint8_t *far, int w, int bias, uint8_t *out) {
  for (int i = 0; i < w; i++) out[i] = (uint8_t)((3 * near[i] + far[i] + bias) >> 2);
}

static void ycc(const uint8_t *y, const uint8_t *cb, const uint8_t *cr, int n, int pixel, uint8_t *out) {
  for (int i = 0; i < n; i++, out += pixel) {
    j_ycc_to_rgb(y[i], cb[i], cr[i], out);
    if (pixel == 4) out[3] = 0;
  }
}

const j_kernels *as_jpeg_kernels(void) {
  static const j_kernels portable = {block, skip, as_jpeg_idct_c, up_h2, up_h2v2, up_v2, ycc};
  const j_kernels *x86 = as_cpu_has(AS_JPEG_X86_NEEDS) ? as_jpeg_kernels_x86() : NULL;
  return x86 ? x86 : &portable;
}
