#include "data/image/jpegenc.h"

#include <string.h>

#include "data/image/jpeg_tables.h"
#include "tensor/base/bytes.h"
#include "tensor/base/checked.h"
#include "tensor/base/mem.h"

static const uint8_t zigzag[64] = {0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,
                                   12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28,
                                   35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
                                   58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

typedef struct code {
  uint16_t bits;
  uint8_t len;
} code;

typedef struct writer {
  uint8_t *p;
  size_t n, cap;
  uint32_t buf; /* bits not written yet, in the low `have` bits */
  int have;
  as_status status;
  as_err *err;
  int quant[2][64];
  code dc[2][12], ac[2][256];
} writer;

static void put_bytes(writer *w, const void *p, size_t n) {
  if (w->status != AS_OK) return;
  void *grown = w->p;
  w->status = as_grow(&grown, &w->cap, w->n + n, 1, w->err);
  w->p = grown;
  if (w->status != AS_OK) return;
  memcpy(w->p + w->n, p, n);
  w->n += n;
}

static void put8(writer *w, unsigned v) {
  put_bytes(w, &(uint8_t){(uint8_t)v}, 1);
}
static void put16(writer *w, unsigned v) {
  put_bytes(w, (uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

static void put_bits(writer *w, unsigned v, int n) {
  w->buf = w->buf << n | v;
  w->have += n;
  while (w->have >= 8) {
    unsigned byte = w->buf >> (w->have - 8) & 255;
    put8(w, byte);
    if (byte == 255) put8(w, 0);
    w->have -= 8;
  }
}

/* Canonical codes from counts and values (T.81 C.2); `step` spreads nothing, values index directly. */
static void make_codes(code *out, const uint8_t bits[16], const uint8_t *val) {
  unsigned next = 0;
  for (int len = 1; len <= 16; len++) {
    for (int i = 0; i < bits[len - 1]; i++) out[*val++] = (code){(uint16_t)next++, (uint8_t)len};
    next <<= 1;
  }
}

/* libjpeg's quality scale: 50 = the standard tables, linear above, hyperbolic below; baseline entries
 * stay within 1..255. */
static void make_quant(writer *w, int quality) {
  int scale = quality < 50 ? 5000 / quality : 200 - quality * 2;
  for (int t = 0; t < 2; t++)
    for (int i = 0; i < 64; i++) {
      int q = (as_jpeg_std_quant[t][i] * scale + 50) / 100;
      w->quant[t][i] = q < 1 ? 1 : q > 255 ? 255 : q;
    }
}

static void write_header(writer *w, int width, int height, as_jpeg_chroma chroma) {
  static const uint8_t jfif[] = {0xff, 0xd8, 0xff, 0xe0, 0, 16, 'J', 'F', 'I', 'F',
                                 0,    1,    1,    0,    0, 1,  0,   1,   0,   0};
  put_bytes(w, jfif, sizeof jfif);
  for (unsigned t = 0; t < 2; t++) {
    put16(w, 0xffdb);
    put16(w, 67);
    put8(w, t);
    for (int i = 0; i < 64; i++) put8(w, (unsigned)w->quant[t][zigzag[i]]);
  }
  put16(w, 0xffc0);
  put16(w, 17);
  put8(w, 8);
  put16(w, (unsigned)height);
  put16(w, (unsigned)width);
  put8(w, 3);
  for (unsigned c = 0; c < 3; c++) {
    put8(w, c + 1);
    put8(w, c == 0 && chroma == AS_JPEG_420 ? 0x22 : 0x11);
    put8(w, c > 0);
  }
  for (unsigned t = 0; t < 2; t++) {
    put16(w, 0xffc4);
    put16(w, 2 + 17 + 12);
    put8(w, t);
    put_bytes(w, as_jpeg_std_dc_bits[t], 16);
    put_bytes(w, as_jpeg_std_dc_val[t], 12);
    put16(w, 0xffc4);
    put16(w, 2 + 17 + 162);
    put8(w, 0x10 | t);
    put_bytes(w, as_jpeg_std_ac_bits[t], 16);
    put_bytes(w, as_jpeg_std_ac_val[t], 162);
  }
  static const uint8_t sos[] = {0xff, 0xda, 0, 12, 3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0};
  put_bytes(w, sos, sizeof sos);
}

/* v / 2^n rounded half up, for negative v too. */
static inline int32_t descale(int32_t v, int n) {
  v += 1 << (n - 1);
  return v >= 0 ? v >> n : -((-v + (1 << n) - 1) >> n);
}

/* One 1-D pass of the forward DCT (Loeffler, Ligtenberg, Moschytz; 13-bit constants as in the decoder).
 * `up`: extra bits kept after the first pass (positive) or removed after the second (negative). */
static void fdct_pass(int32_t *d, int step, int first) {
  int32_t x[8];
  for (int i = 0; i < 8; i++) x[i] = d[i * step];
  int32_t s0 = x[0] + x[7], s1 = x[1] + x[6], s2 = x[2] + x[5], s3 = x[3] + x[4];
  int32_t d0 = x[0] - x[7], d1 = x[1] - x[6], d2 = x[2] - x[5], d3 = x[3] - x[4];
  int32_t a = s0 + s3, b = s0 - s3, c = s1 + s2, e = s1 - s2;
  const int n = first ? 13 - 2 : 13 + 2;
  d[0] = first ? (a + c) * 4 : descale(a + c, 2);
  d[4 * step] = first ? (a - c) * 4 : descale(a - c, 2);
  int32_t z = (e + b) * 4433;
  d[2 * step] = descale(z + b * 6270, n);
  d[6 * step] = descale(z - e * 15137, n);
  int32_t z1 = d3 + d0, z2 = d2 + d1, z3 = d3 + d1, z4 = d2 + d0, z5 = (z3 + z4) * 9633;
  d3 *= 2446, d2 *= 16819, d1 *= 25172, d0 *= 12299;
  z1 *= -7373, z2 *= -20995, z3 = z3 * -16069 + z5, z4 = z4 * -3196 + z5;
  d[7 * step] = descale(d3 + z1 + z3, n);
  d[5 * step] = descale(d2 + z2 + z4, n);
  d[3 * step] = descale(d1 + z2 + z3, n);
  d[1 * step] = descale(d0 + z1 + z4, n);
}

static int magnitude_bits(int v) {
  int n = 0;
  for (unsigned u = (unsigned)(v < 0 ? -v : v); u; u >>= 1) n++;
  return n;
}

static void put_value(writer *w, int v, int n) {
  put_bits(w, (unsigned)(v < 0 ? v + (1 << n) - 1 : v), n);
}

/* samples: 8 x 8 less 128. The transform leaves coefficients 8 times too large; the division by
 * 8 q rounds half away from zero. */
static void write_block(writer *w, int32_t *samples, int table, int *pred) {
  for (int i = 0; i < 8; i++) fdct_pass(samples + i * 8, 1, 1);
  for (int i = 0; i < 8; i++) fdct_pass(samples + i, 8, 0);
  int q[64];
  for (int i = 0; i < 64; i++) {
    int32_t v = samples[zigzag[i]], div = w->quant[table][zigzag[i]] * 8;
    q[i] = v < 0 ? -((-v + div / 2) / div) : (v + div / 2) / div;
  }
  int diff = q[0] - *pred, n = magnitude_bits(diff);
  *pred = q[0];
  put_bits(w, w->dc[table][n].bits, w->dc[table][n].len);
  put_value(w, diff, n);
  int run = 0;
  for (int i = 1; i < 64; i++) {
    if (q[i] == 0) {
      run++;
      continue;
    }
    for (; run > 15; run -= 16) put_bits(w, w->ac[table][0xf0].bits, w->ac[table][0xf0].len);
    n = magnitude_bits(q[i]);
    code c = w->ac[table][run << 4 | n];
    put_bits(w, c.bits, c.len);
    put_value(w, q[i], n);
    run = 0;
  }
  if (run > 0) put_bits(w, w->ac[table][0].bits, w->ac[table][0].len);
}

/* RGB to Y, Cb, Cr of JFIF in 16-bit fixed point; all three land in 0..255. */
static void ycc(const uint8_t *rgb, int out[3]) {
  int r = rgb[0], g = rgb[1], b = rgb[2];
  out[0] = (19595 * r + 38470 * g + 7471 * b + 32768) >> 16;
  out[1] = (-11059 * r - 21709 * g + 32768 * b + (128 << 16) + 32767) >> 16;
  out[2] = (32768 * r - 27439 * g - 5329 * b + (128 << 16) + 32767) >> 16;
}

/* The MCU's samples at (x0, y0); beyond the right and lower edge the last pixel repeats. */
static void write_mcu(writer *w, const uint8_t *rgb, int width, int height, int x0, int y0, int side,
                      int pred[3]) {
  int plane[3][16 * 16];
  for (int y = 0; y < side; y++)
    for (int x = 0; x < side; x++) {
      int px = x0 + x < width ? x0 + x : width - 1, py = y0 + y < height ? y0 + y : height - 1, v[3];
      ycc(rgb + ((size_t)py * (size_t)width + (size_t)px) * 3, v);
      for (int c = 0; c < 3; c++) plane[c][y * side + x] = v[c] - 128;
    }
  int32_t block[64];
  for (int by = 0; by < side; by += 8)
    for (int bx = 0; bx < side; bx += 8) {
      for (int i = 0; i < 64; i++) block[i] = plane[0][(by + i / 8) * side + bx + i % 8];
      write_block(w, block, 0, &pred[0]);
    }
  for (int c = 1; c < 3; c++) {
    for (int i = 0; i < 64; i++) {
      const int *p = plane[c] + (i / 8) * (side / 8) * side + (i % 8) * (side / 8);
      /* 4:2:0: the mean of four; the rounding alternates by column so that it does not drift */
      int bias = 512 + 1 + (i & 1); /* 512 = 4 * 128 keeps the sum positive for the shift */
      block[i] = side == 8 ? p[0] : ((p[0] + p[1] + p[side] + p[side + 1] + bias) >> 2) - 128;
    }
    write_block(w, block, 1, &pred[c]);
  }
}

as_status as_jpeg_encode(uint8_t **out, size_t *n, const uint8_t *rgb, int w, int h, int quality,
                         as_jpeg_chroma chroma, as_err *err) {
  *out = NULL;
  *n = 0;
  if (w < 1 || h < 1 || w > 65500 || h > 65500 || quality < 1 || quality > 100)
    return as_fail(err, AS_E_USAGE,
                   "jpeg writer: %d x %d pixels at quality %d; sides of 1 to 65500 and qualities of 1 to 100 "
                   "are possible",
                   w, h, quality);
  writer *wr = as_calloc(1, sizeof *wr, err);
  if (!wr) return AS_E_ENV;
  wr->err = err;
  make_quant(wr, quality);
  for (int t = 0; t < 2; t++) {
    make_codes(wr->dc[t], as_jpeg_std_dc_bits[t], as_jpeg_std_dc_val[t]);
    make_codes(wr->ac[t], as_jpeg_std_ac_bits[t], as_jpeg_std_ac_val[t]);
  }
  write_header(wr, w, h, chroma);
  const int side = chroma == AS_JPEG_420 ? 16 : 8;
  int pred[3] = {0, 0, 0};
  for (int y = 0; y < h && wr->status == AS_OK; y += side)
    for (int x = 0; x < w; x += side) write_mcu(wr, rgb, w, h, x, y, side, pred);
  put_bits(wr, 127, 7); /* ones up to the byte boundary; whole bytes only come out */
  put16(wr, 0xffd9);
  as_status s = wr->status;
  if (s == AS_OK) {
    *out = wr->p;
    *n = wr->n;
  } else {
    as_free(wr->p);
  }
  as_free(wr);
  return s;
}
