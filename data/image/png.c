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

struct as_png {
  as_reader r;
  int lenient;
  unsigned warnings;
  char first_warning[120];
  int w, h, depth, colour, interlace, channels;
  uint8_t palette[256][3]; /* an index beyond PLTE is grey of that value, as in Pillow */
  bool has_palette;
  /* IDAT chunks as one stream */
  const uint8_t *data;
  size_t left;
  as_inflate *z;
  bool pixels_done; /* the last row is there: what follows cannot change a pixel */

  int x0, y0, x1, y1; /* the window */
  int y;              /* its row that comes next, counted from the image's top */
  uint8_t *rows;      /* [2][row_size]: filter type and bytes of a row, and the row above it */
  size_t row_size;
  uint8_t *row, *above;
  int next_row;   /* that comes from the file next */
  uint8_t *whole; /* interlaced: the window, [y1 - y0][x1 - x0][3] */
};

typedef struct png_chunk {
  uint32_t type;
  const uint8_t *p;
  size_t n;
} png_chunk;

#define TYPE(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

static as_status png_bad(const as_png *g, as_err *err, const char *what) {
  return as_fail(err, AS_E_INPUT, "png, byte %zu: %s", g->r.pos, what);
}

/* Damage that Pillow decodes without a word, because no pixel depends on it: fails in strict mode, counts in lenient mode. */
static as_status png_warn(as_png *g, as_err *err, const char *what) {
  if (g->warnings == 0) snprintf(g->first_warning, sizeof g->first_warning, "%s", what);
  g->warnings++;
  return g->lenient ? AS_OK : png_bad(g, err, what);
}

/* Length, type, data, CRC over type and data (ISO/IEC 15948 5.3). */
static as_status next_chunk(as_png *g, png_chunk *c, as_err *err) {
  const uint8_t *head = as_rd_take(&g->r, 8);
  if (!head) return png_bad(g, err, "the file is truncated: no IEND chunk");
  c->n = as_be32(head);
  c->type = as_be32(head + 4);
  for (int i = 4; i < 8; i++)
    if ((head[i] | 32) < 'a' || (head[i] | 32) > 'z')
      return png_bad(g, err, "a chunk type that is not four letters");
  if (c->n > 0x7fffffff) return png_bad(g, err, "a chunk of 2^31 bytes or more");
  const bool image = c->type == TYPE('I', 'D', 'A', 'T');
  const size_t left = as_rd_left(&g->r);
  char text[100];
  if (left < 4 || c->n > left - 4) {
    snprintf(text, sizeof text, "a %.4s chunk of %zu bytes, %zu are left", (const char *)head + 4, c->n,
             left);
    if (!image) return png_bad(g, err, text);
    as_status s = png_warn(g, err, text); /* its pixels may be whole */
    if (c->n > left) c->n = left;
    c->p = as_rd_take(&g->r, c->n);
    as_rd_take(&g->r, as_rd_left(&g->r));
    return s;
  }
  c->p = as_rd_take(&g->r, c->n);
  if (as_crc32(0, head + 4, c->n + 4) == as_be32(as_rd_take(&g->r, 4))) return AS_OK;
  snprintf(text, sizeof text, "the CRC of a %.4s chunk does not match", (const char *)head + 4);
  return image || g->pixels_done ? png_warn(g, err, text) : png_bad(g, err, text);
}

static as_status read_ihdr(as_png *g, const png_chunk *c, as_err *err) {
  if (c->type != TYPE('I', 'H', 'D', 'R') || c->n != 13)
    return png_bad(g, err, "the first chunk is not an IHDR of 13 bytes");
  uint32_t w = as_be32(c->p), h = as_be32(c->p + 4);
  int depth = c->p[8], colour = c->p[9];
  if (w == 0 || h == 0) return png_bad(g, err, "an empty image");
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
    return png_bad(g, err, "an unknown compression, filter or interlace method");
  g->w = (int)w;
  g->h = (int)h;
  g->depth = depth;
  g->colour = colour;
  g->interlace = c->p[12];
  g->channels = colour == RGB ? 3 : colour == RGBA ? 4 : colour == GREY_ALPHA ? 2 : 1;
  return AS_OK;
}

/* Everything up to the first IDAT. */
static as_status read_head(as_png *g, as_err *err) {
  const uint8_t *magic = as_rd_take(&g->r, 8);
  if (!magic || memcmp(magic, "\x89PNG\r\n\x1a\n", 8) != 0) return png_bad(g, err, "not a PNG file");
  for (int i = 0; i < 256; i++) memset(g->palette[i], i, 3);
  png_chunk c;
  as_status s = next_chunk(g, &c, err);
  if (s == AS_OK) s = read_ihdr(g, &c, err);
  while (s == AS_OK) {
    s = next_chunk(g, &c, err);
    if (s != AS_OK) return s;
    if (c.type == TYPE('I', 'D', 'A', 'T')) {
      g->data = c.p;
      g->left = c.n;
      if (g->colour == PALETTE && !g->has_palette)
        return png_bad(g, err, "a palette image without a PLTE chunk");
      return AS_OK;
    }
    if (c.type == TYPE('P', 'L', 'T', 'E')) {
      if (g->has_palette || c.n == 0 || c.n % 3 != 0 || c.n > 768)
        return png_bad(g, err, "an impossible PLTE chunk");
      memcpy(g->palette, c.p, c.n);
      g->has_palette = true;
    } else if (c.type == TYPE('I', 'E', 'N', 'D')) {
      return png_bad(g, err, "no IDAT chunk");
    } else if (!(c.type >> 24 & 32)) { /* upper case: a chunk that must be understood */
      return png_bad(g, err, "an unknown critical chunk");
    }
  }
  return s;
}

/* The next n bytes of the inflated image data. */
static as_status pull(as_png *g, uint8_t *out, size_t n, as_err *err) {
  as_inflate_io io = {g->data, g->left, out, n, false};
  while (n > 0) {
    as_status s = as_inflate_feed(g->z, &io, err);
    if (s != AS_OK) return as_fail_in(err, "png, byte %zu", g->r.pos);
    const bool moved = io.in_n != g->left || io.out_n != n;
    g->data = io.in;
    g->left = io.in_n;
    n = io.out_n;
    if (n == 0) break;
    if (io.done) return png_bad(g, err, "the image data end before the last row");
    if (!moved) {
      png_chunk c;
      s = next_chunk(g, &c, err);
      if (s != AS_OK) return s;
      if (c.type != TYPE('I', 'D', 'A', 'T'))
        return png_bad(g, err, "the IDAT chunks end before the last row");
      g->data = io.in = c.p;
      g->left = io.in_n = c.n;
    }
  }
  return AS_OK;
}

/* What is wrong behind the last row is no longer an error in lenient mode. */
static as_status tail_damage(as_png *g, as_err *err) {
  if (!g->lenient) return AS_E_INPUT;
  if (g->warnings++ == 0) snprintf(g->first_warning, sizeof g->first_warning, "%.100s", err->msg);
  return AS_OK;
}

/* After the last row: the stream's check value, the remaining chunks, IEND. Image data beyond the last row are passed
 * over, as Pillow and libpng do. A check value that is missing is like any other damage here, one that is wrong is an
 * error, as in Pillow. */
static as_status read_tail(as_png *g, as_err *err) {
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
    png_chunk c;
    as_status s = next_chunk(g, &c, err);
    if (s != AS_OK) return tail_damage(g, err);
    if (c.type == TYPE('I', 'E', 'N', 'D')) break;
    if (c.type == TYPE('I', 'D', 'A', 'T')) {
      if (!idat) return png_warn(g, err, "IDAT chunks that do not follow each other");
      g->data = c.p;
      g->left = c.n;
    } else {
      idat = false;
      if (!(c.type >> 24 & 32)) return png_warn(g, err, "an unknown or misplaced critical chunk");
    }
  }
  return ended ? AS_OK : png_warn(g, err, "the compressed image data have no end");
}

/* The one of a (left), b (above) and c (above left) that is nearest to a + b - c. Written without branches: which it is
 * comes as if by chance. */
static inline int paeth(int a, int b, int c) {
  const int p = b - c, q = a - c, r = p + q;
  const int pa = p < 0 ? -p : p, pb = q < 0 ? -q : q, pc = r < 0 ? -r : r;
  const int bc = pb <= pc ? b : c, m = pb <= pc ? pb : pc;
  return pa <= m ? a : bc;
}

/* Filters 3 and 4 with bpp bytes per pixel. A byte waits for the one bpp before it; with a constant bpp, as the callers
 * give it, the bytes of a pixel go side by side. */
static inline void unfilter_left(int type, uint8_t *row, const uint8_t *up, size_t n, size_t bpp) {
  int a[8] = {0}, c[8] = {0};
  for (size_t i = 0; i + bpp <= n; i += bpp)
#if defined(__GNUC__)
#pragma GCC unroll 4
#endif
    for (size_t k = 0; k < bpp; k++) {
      const int b = up[i + k], guess = type == 3 ? (a[k] + b) / 2 : paeth(a[k], b, c[k]);
      a[k] = row[i + k] = (uint8_t)(row[i + k] + guess);
      c[k] = b;
    }
}

/* Undoes a row's filter (ISO/IEC 15948 clause 9) of whole pixels, or of bytes where a pixel is less; n is a multiple of
 * bpp. To the left of the first pixel all bytes count as zero. */
static void unfilter(int type, uint8_t *row, const uint8_t *up, size_t n, size_t bpp) {
  if (type == 1) {
    for (size_t i = bpp; i < n; i++) row[i] = (uint8_t)(row[i] + row[i - bpp]);
  } else if (type == 2) {
    for (size_t i = 0; i < n; i++) row[i] = (uint8_t)(row[i] + up[i]);
  } else if (type != 0) {
    if (bpp == 3)
      unfilter_left(type, row, up, n, 3);
    else if (bpp == 4)
      unfilter_left(type, row, up, n, 4);
    else
      unfilter_left(type, row, up, n, bpp);
  }
}

/* Pixel x of an unfiltered row to RGB. */
static inline void png_pixel(const as_png *g, const uint8_t *row, int x, uint8_t *rgb) {
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

/* The next row of a pass of w pixels a row, into g->row + 1, unfiltered when it is wanted. */
static as_status next_row(as_png *g, int w, bool wanted, as_err *err) {
  const size_t bits = (size_t)g->channels * (size_t)g->depth, n = ((size_t)w * bits + 7) / 8;
  uint8_t *t = g->row;
  g->row = g->above;
  g->above = t;
  as_status s = pull(g, g->row, n + 1, err);
  if (s == AS_OK && g->row[0] > 4) s = png_bad(g, err, "a row with an unknown filter type");
  if (s == AS_OK && wanted) unfilter(g->row[0], g->row + 1, g->above + 1, n, (bits + 7) / 8);
  return s;
}

/* One of Adam7's passes: what of it lies in the window, to its place. */
static as_status read_pass(as_png *g, const uint8_t pass[4], as_err *err) {
  const int fx = pass[0], fy = pass[1], dx = pass[2], dy = pass[3];
  const int w = (g->w - fx + dx - 1) / dx, h = (g->h - fy + dy - 1) / dy;
  if (w <= 0 || h <= 0) return AS_OK;
  memset(g->rows, 0, 2 * g->row_size); /* a row of zeros is above the first */
  for (int k = 0; k < h; k++) {
    as_status s = next_row(g, w, true, err);
    if (s != AS_OK) return s;
    const int y = fy + k * dy;
    if (y < g->y0 || y >= g->y1) continue;
    uint8_t *out = g->whole + (size_t)(y - g->y0) * (size_t)(g->x1 - g->x0) * 3;
    for (int i = 0, x = fx; i < w; i++, x += dx)
      if (x >= g->x0 && x < g->x1) png_pixel(g, g->row + 1, i, out + (size_t)(x - g->x0) * 3);
  }
  return AS_OK;
}

static as_status read_interlaced(as_png *g, as_err *err) {
  static const uint8_t adam7[7][4] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                      {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
  g->whole = as_alloc((size_t)(g->x1 - g->x0) * (size_t)(g->y1 - g->y0), 3, err);
  as_status s = g->whole ? AS_OK : AS_E_ENV;
  for (int i = 0; s == AS_OK && i < 7; i++) s = read_pass(g, adam7[i], err);
  g->next_row = g->h;
  return s;
}

as_status as_png_open(as_png **out, const uint8_t *p, size_t n, int lenient, as_err *err) {
  *out = NULL;
  as_png *g = as_calloc(1, sizeof *g, err);
  if (!g) return AS_E_ENV;
  g->r = (as_reader){p, n, 0};
  g->lenient = lenient;
  as_status s = read_head(g, err);
  if (s != AS_OK)
    as_png_close(&g);
  else
    *out = g;
  return s;
}

void as_png_close(as_png **png) {
  as_png *g = *png;
  if (!g) return;
  as_inflate_destroy(&g->z);
  as_free(g->rows);
  as_free(g->whole);
  as_free(g);
  *png = NULL;
}

void as_png_info(const as_png *g, as_image_info *info) {
  static const char *const kinds[] = {"grey", "", "RGB", "palette", "grey + alpha", "", "RGBA"};
  memset(info, 0, sizeof *info);
  info->format = "png";
  info->w = g->w;
  info->h = g->h;
  info->components = g->channels;
  info->warnings = g->warnings;
  if (g->warnings)
    snprintf(info->detail, sizeof info->detail, "%s", g->first_warning);
  else
    snprintf(info->detail, sizeof info->detail, "%s, %d bits%s", kinds[g->colour], g->depth,
             g->interlace ? ", interlaced" : "");
}

as_status as_png_window(as_png *g, int x0, int y0, int x1, int y1, as_err *err) {
  if (g->rows || x0 < 0 || y0 < 0 || x1 > g->w || y1 > g->h || x0 >= x1 || y0 >= y1)
    return as_fail(err, AS_E_USAGE, "png: window %d,%d to %d,%d of a %d x %d image", x0, y0, x1, y1, g->w,
                   g->h);
  g->row_size = ((size_t)g->w * (size_t)g->channels * (size_t)g->depth + 7) / 8 + 1;
  if (g->row_size * (size_t)g->h / MAX_RATIO > g->r.size)
    return as_fail(err, AS_E_INPUT, "png: %d x %d pixels in a file of %zu bytes", g->w, g->h, g->r.size);
  g->x0 = x0;
  g->y0 = g->y = y0;
  g->x1 = x1;
  g->y1 = y1;
  g->rows = as_calloc(2, g->row_size, err);
  if (!g->rows) return AS_E_ENV;
  g->row = g->rows;
  g->above = g->rows + g->row_size;
  as_status s = as_inflate_create(&g->z, AS_DEFLATE_ZLIB, err);
  return s == AS_OK && g->interlace ? read_interlaced(g, err) : s;
}

as_status as_png_row(as_png *g, int pixel, uint8_t *out, as_err *err) {
  const int n = g->x1 - g->x0, y = g->y;
  if (y >= g->y1) return as_fail(err, AS_E_USAGE, "png: row %d of a window of %d", y - g->y0, g->y1 - g->y0);
  g->y++;
  for (; g->next_row <= y; g->next_row++) {
    as_status s = next_row(g, g->w, true, err);
    if (s != AS_OK) return s;
  }
  const uint8_t *whole = g->whole ? g->whole + (size_t)(y - g->y0) * (size_t)n * 3 : NULL;
  for (int x = 0; x < n; x++, out += pixel) {
    if (whole)
      memcpy(out, whole + (size_t)x * 3, 3);
    else
      png_pixel(g, g->row + 1, g->x0 + x, out);
    if (pixel == 4) out[3] = 0;
  }
  return AS_OK;
}

as_status as_png_finish(as_png *g, as_err *err) {
  for (; g->next_row < g->h; g->next_row++) {
    as_status s = next_row(g, g->w, false, err);
    if (s != AS_OK) return s;
  }
  g->pixels_done = true;
  return read_tail(g, err);
}
