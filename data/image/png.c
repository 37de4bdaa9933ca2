#include "data/image/png.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "tensor/base/bytes.h"
#include "tensor/base/hash/crc32.h"
#include "tensor/base/mem.h"
#include "tensor/base/pack/inflate.h"

/* Deflate cannot shrink anything by more than this (RFC 1951: 258 bytes from two bits): a file that
 * is smaller than its pixels divided by it is refused before memory is taken. */
enum { MAX_RATIO = 1032 };

enum { GREY = 0, RGB = 2, PALETTE = 3, GREY_ALPHA = 4, RGBA = 6 };

typedef struct png {
  as_reader r;
  int w, h, depth, colour, interlace, channels;
  uint8_t palette[256][3];
  bool has_palette;
  /* IDAT chunks as one stream */
  const uint8_t *data;
  size_t left;
  as_inflate *z;
} png;

typedef struct chunk {
  uint32_t type;
  const uint8_t *p;
  size_t n;
} chunk;

#define TYPE(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

static as_status bad(const png *g, as_err *err, const char *what) {
  return as_fail(err, AS_E_INPUT, "png, byte %zu: %s", g->r.pos, what);
}

/* Length, type, data, CRC over type and data (ISO/IEC 15948 5.3). */
static as_status next_chunk(png *g, chunk *c, as_err *err) {
  const uint8_t *head = as_rd_take(&g->r, 8);
  if (!head) return bad(g, err, "the file is truncated: no IEND chunk");
  c->n = as_be32(head);
  c->type = as_be32(head + 4);
  for (int i = 4; i < 8; i++)
    if ((head[i] | 32) < 'a' || (head[i] | 32) > 'z')
      return bad(g, err, "a chunk type that is not four letters");
  if (c->n > 0x7fffffff) return bad(g, err, "a chunk of 2^31 bytes or more");
  c->p = as_rd_take(&g->r, c->n);
  const uint8_t *crc = c->p ? as_rd_take(&g->r, 4) : NULL;
  if (!crc)
    return as_fail(err, AS_E_INPUT, "png, byte %zu: a %.4s chunk of %zu bytes, %zu are left", g->r.pos,
                   (const char *)head + 4, c->n, as_rd_left(&g->r));
  if (as_crc32(0, head + 4, c->n + 4) != as_be32(crc))
    return as_fail(err, AS_E_INPUT, "png, byte %zu: the CRC of a %.4s chunk does not match", g->r.pos,
                   (const char *)head + 4);
  return AS_OK;
}

static as_status read_ihdr(png *g, const chunk *c, as_err *err) {
  if (c->type != TYPE('I', 'H', 'D', 'R') || c->n != 13)
    return bad(g, err, "the first chunk is not an IHDR of 13 bytes");
  uint32_t w = as_be32(c->p), h = as_be32(c->p + 4);
  int depth = c->p[8], colour = c->p[9];
  if (w == 0 || h == 0) return bad(g, err, "an empty image");
  if (w > AS_PNG_MAX_SIDE || h > AS_PNG_MAX_SIDE || (int64_t)w * h > AS_PNG_MAX_PIXELS)
    return as_fail(err, AS_E_INPUT, "png: %lu x %lu pixels, the limit is %d a side and %lld in all",
                   (unsigned long)w, (unsigned long)h, AS_PNG_MAX_SIDE, (long long)AS_PNG_MAX_PIXELS);
  bool pow2 = depth == 1 || depth == 2 || depth == 4, wide = depth == 8 || depth == 16;
  bool legal = colour == GREY                                            ? pow2 || wide
               : colour == PALETTE                                       ? pow2 || depth == 8
               : colour == RGB || colour == GREY_ALPHA || colour == RGBA ? wide
                                                                         : false;
  if (!legal)
    return as_fail(err, AS_E_INPUT, "png: colour type %d with %d bits does not exist", colour, depth);
  if (c->p[10] != 0 || c->p[11] != 0 || c->p[12] > 1)
    return bad(g, err, "an unknown compression, filter or interlace method");
  g->w = (int)w;
  g->h = (int)h;
  g->depth = depth;
  g->colour = colour;
  g->interlace = c->p[12];
  g->channels = colour == RGB ? 3 : colour == RGBA ? 4 : colour == GREY_ALPHA ? 2 : 1;
  return AS_OK;
}

/* Everything up to the first IDAT. */
static as_status read_head(png *g, const uint8_t *p, size_t n, as_err *err) {
  memset(g, 0, sizeof *g);
  g->r = (as_reader){p, n, 0};
  const uint8_t *magic = as_rd_take(&g->r, 8);
  if (!magic || memcmp(magic, "\x89PNG\r\n\x1a\n", 8) != 0) return bad(g, err, "not a PNG file");
  chunk c;
  as_status s = next_chunk(g, &c, err);
  if (s == AS_OK) s = read_ihdr(g, &c, err);
  while (s == AS_OK) {
    s = next_chunk(g, &c, err);
    if (s != AS_OK) return s;
    if (c.type == TYPE('I', 'D', 'A', 'T')) {
      g->data = c.p;
      g->left = c.n;
      if (g->colour == PALETTE && !g->has_palette) return bad(g, err, "a palette image without a PLTE chunk");
      return AS_OK;
    }
    if (c.type == TYPE('P', 'L', 'T', 'E')) {
      if (g->has_palette || c.n == 0 || c.n % 3 != 0 || c.n > 768)
        return bad(g, err, "an impossible PLTE chunk");
      memcpy(g->palette, c.p, c.n);
      g->has_palette = true;
    } else if (c.type == TYPE('I', 'E', 'N', 'D')) {
      return bad(g, err, "no IDAT chunk");
    } else if (!(c.type >> 24 & 32)) { /* upper case: a chunk that must be understood */
      return bad(g, err, "an unknown critical chunk");
    }
  }
  return s;
}

/* The next n bytes of the inflated image data. */
static as_status pull(png *g, uint8_t *out, size_t n, as_err *err) {
  as_inflate_io io = {g->data, g->left, out, n, false};
  while (n > 0) {
    as_status s = as_inflate_feed(g->z, &io, err);
    if (s != AS_OK) return as_fail_in(err, "png, byte %zu", g->r.pos);
    const bool moved = io.in_n != g->left || io.out_n != n;
    g->data = io.in;
    g->left = io.in_n;
    n = io.out_n;
    if (n == 0) break;
    if (io.done) return bad(g, err, "the image data end before the last row");
    if (!moved) {
      chunk c;
      s = next_chunk(g, &c, err);
      if (s != AS_OK) return s;
      if (c.type != TYPE('I', 'D', 'A', 'T')) return bad(g, err, "the IDAT chunks end before the last row");
      g->data = io.in = c.p;
      g->left = io.in_n = c.n;
    }
  }
  return AS_OK;
}

/* After the last row: the stream's check value, the remaining chunks, IEND. Image data beyond the
 * last row are passed over, as Pillow and libpng do. */
static as_status read_tail(png *g, as_err *err) {
  bool idat = true, ended = false;
  uint8_t spill[256];
  for (;;) {
    while (idat && !ended) {
      as_inflate_io io = {g->data, g->left, spill, sizeof spill, false};
      as_status s = as_inflate_feed(g->z, &io, err);
      if (s != AS_OK) return as_fail_in(err, "png, byte %zu", g->r.pos);
      const bool took = io.in_n != g->left;
      g->data = io.in;
      g->left = io.in_n;
      ended = io.done || io.out_n < sizeof spill;
      if (!took) break;
    }
    chunk c;
    as_status s = next_chunk(g, &c, err);
    if (s != AS_OK) return s;
    if (c.type == TYPE('I', 'E', 'N', 'D')) break;
    if (c.type == TYPE('I', 'D', 'A', 'T')) {
      if (!idat) return bad(g, err, "IDAT chunks that do not follow each other");
      g->data = c.p;
      g->left = c.n;
    } else {
      idat = false;
      if (!(c.type >> 24 & 32)) return bad(g, err, "an unknown or misplaced critical chunk");
    }
  }
  return ended ? AS_OK : bad(g, err, "the compressed image data have no end");
}

/* Undoes a row's filter (ISO/IEC 15948 clause 9); bpp = bytes per complete pixel, at least 1. */
static bool unfilter(int type, uint8_t *row, const uint8_t *up, size_t n, size_t bpp) {
  switch (type) {
    case 0:
      return true;
    case 1:
      for (size_t i = bpp; i < n; i++) row[i] = (uint8_t)(row[i] + row[i - bpp]);
      return true;
    case 2:
      for (size_t i = 0; i < n; i++) row[i] = (uint8_t)(row[i] + up[i]);
      return true;
    case 3:
      for (size_t i = 0; i < n; i++) row[i] = (uint8_t)(row[i] + ((i >= bpp ? row[i - bpp] : 0) + up[i]) / 2);
      return true;
    case 4:
      for (size_t i = 0; i < n; i++) {
        int a = i >= bpp ? row[i - bpp] : 0, b = up[i], c = i >= bpp ? up[i - bpp] : 0;
        int pa = b > c ? b - c : c - b, pb = a > c ? a - c : c - a, pc = a + b - 2 * c;
        if (pc < 0) pc = -pc;
        row[i] = (uint8_t)(row[i] + (pa <= pb && pa <= pc ? a : pb <= pc ? b : c));
      }
      return true;
    default:
      return false;
  }
}

/* Pixel x of an unfiltered row to RGB. */
static inline void pixel(const png *g, const uint8_t *row, int x, uint8_t *rgb) {
  size_t i = (size_t)x;
  if (g->depth < 8) {
    unsigned per = 8u / (unsigned)g->depth, at = (per - 1 - (unsigned)x % per) * (unsigned)g->depth;
    unsigned max = (1u << g->depth) - 1, v = (unsigned)row[i / per] >> at & max;
    if (g->colour == PALETTE)
      memcpy(rgb, g->palette[v], 3);
    else
      rgb[0] = rgb[1] = rgb[2] = (uint8_t)(v * (255 / max));
    return;
  }
  const size_t step = g->depth == 16 ? 2 : 1; /* big-endian: the high byte comes first */
  const uint8_t *p = row + i * (size_t)g->channels * step;
  if (g->colour == PALETTE) {
    memcpy(rgb, g->palette[*p], 3);
  } else if (g->colour == RGB || g->colour == RGBA) {
    rgb[0] = p[0];
    rgb[1] = p[step];
    rgb[2] = p[2 * step];
  } else if (g->colour == GREY && step == 2) {
    rgb[0] = rgb[1] = rgb[2] = p[0] ? 255 : p[1];
  } else {
    rgb[0] = rgb[1] = rgb[2] = p[0];
  }
}

/* One pass: the whole image, or one of Adam7's seven. */
static as_status read_pass(png *g, uint8_t *rgb, uint8_t *rows, int x0, int y0, int dx, int dy, as_err *err) {
  int w = (g->w - x0 + dx - 1) / dx, h = (g->h - y0 + dy - 1) / dy;
  if (w <= 0 || h <= 0) return AS_OK;
  size_t bits = (size_t)g->channels * (size_t)g->depth, n = ((size_t)w * bits + 7) / 8, bpp = (bits + 7) / 8;
  uint8_t *row = rows, *up = rows + n + 1;
  memset(up, 0, n + 1);
  for (int y = 0; y < h; y++) {
    as_status s = pull(g, row, n + 1, err);
    if (s != AS_OK) return s;
    if (!unfilter(row[0], row + 1, up + 1, n, bpp)) return bad(g, err, "a row with an unknown filter type");
    uint8_t *out = rgb + ((size_t)(y0 + y * dy) * (size_t)g->w + (size_t)x0) * 3;
    for (int x = 0; x < w; x++, out += (size_t)dx * 3) pixel(g, row + 1, x, out);
    uint8_t *t = row;
    row = up;
    up = t;
  }
  return AS_OK;
}

static as_status read_pixels(png *g, uint8_t *rgb, uint8_t *rows, as_err *err) {
  static const uint8_t adam7[7][4] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                      {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
  if (!g->interlace) return read_pass(g, rgb, rows, 0, 0, 1, 1, err);
  as_status s = AS_OK;
  for (int i = 0; s == AS_OK && i < 7; i++)
    s = read_pass(g, rgb, rows, adam7[i][0], adam7[i][1], adam7[i][2], adam7[i][3], err);
  return s;
}

static void fill_info(const png *g, as_image_info *info) {
  static const char *const names[] = {"grey", "", "RGB", "palette", "grey + alpha", "", "RGBA"};
  memset(info, 0, sizeof *info);
  info->format = "png";
  info->w = g->w;
  info->h = g->h;
  info->components = g->channels;
  snprintf(info->detail, sizeof info->detail, "%s, %d bits%s", names[g->colour], g->depth,
           g->interlace ? ", interlaced" : "");
}

as_status as_png_decode(as_image *out, const uint8_t *p, size_t n, as_image_info *info, as_err *err) {
  png g;
  memset(out, 0, sizeof *out);
  as_status s = read_head(&g, p, n, err);
  if (s != AS_OK) return s;
  size_t row = ((size_t)g.w * (size_t)g.channels * (size_t)g.depth + 7) / 8 + 1;
  if (row * (size_t)g.h / MAX_RATIO > n)
    return as_fail(err, AS_E_INPUT, "png: %d x %d pixels in a file of %zu bytes", g.w, g.h, n);
  uint8_t *rgb = as_alloc((size_t)g.w * (size_t)g.h, 3, err);
  uint8_t *rows = rgb ? as_alloc(2, row, err) : NULL;
  s = rows ? as_inflate_create(&g.z, AS_DEFLATE_ZLIB, err) : AS_E_ENV;
  if (s == AS_OK) s = read_pixels(&g, rgb, rows, err);
  if (s == AS_OK) s = read_tail(&g, err);
  as_inflate_destroy(&g.z);
  as_free(rows);
  if (s != AS_OK) {
    as_free(rgb);
    return s;
  }
  *out = (as_image){rgb, g.w, g.h};
  if (info) fill_info(&g, info);
  return AS_OK;
}

as_status as_png_probe(as_image_info *info, const uint8_t *p, size_t n, as_err *err) {
  png g;
  as_status s = read_head(&g, p, n, err);
  if (s == AS_OK) fill_info(&g, info);
  return s;
}
