/* Inside of the JPEG decoder: the state that its files share. Reading order:
 *
 *   jpeg.c           open, scans one after the other, close
 *   jpeg_head.c      markers, frame and scan headers
 *   jpeg_segment.c   the bytes between two markers: unstuffing, running dry, restarts
 *   jpeg_huff.c      code tables, and what the fast loop leaves over
 *   jpeg_block_int.h the fast loop: one baseline block
 *   jpeg_baseline.c  baseline scans, MCU by MCU
 *   jpeg_prog.c      the four kinds of progressive scan
 *   jpeg_idct.c      coefficients to samples
 *   jpeg_up.c        samples to RGB rows: upsampling, colour
 *   jpeg_kernels.c   the inner loops in portable C, and which ones this CPU gets
 *   jpeg_x86.c       the inner loops with BMI2 and AVX2
 */
#ifndef AS_DATA_IMAGE_JPEG_INT_H
#define AS_DATA_IMAGE_JPEG_INT_H

#include "data/image/jpeg.h"
#include "tensor/base/bytes.h"

enum {
  J_LOOK = 10,    /* bits of a code looked up at once */
  J_GROUP = 8,    /* baseline: MCUs whose coefficients wait for the IDCT together */
  J_PAIR = 10,    /* bits in which up to two AC symbols are looked up at once */
  J_PAD = 640,    /* zero bytes after a segment: one block takes at most 64 x 31 bits = 248 bytes */
  J_SLACK = 320,  /* the reader may stand this far past the end (see j_clamp) */
  J_EOB_SKIP = 80 /* an end-of-block entry moves the index this far: past every real index */
};

/* A Huffman table as it came (T.81 B.2.4.2). */
typedef struct j_dht {
  bool present;
  uint8_t bits[17]; /* number of codes of each length, [1..16] */
  uint8_t val[256];
} j_dht;

/* The same for decoding. A look entry, by byte: 0 code + value bits, 1 code bits, 2 64 less
 * value bits (0 for none), 3 by how much the coefficient index advances: run + 1, J_EOB_SKIP, or 0 when the entry
 * needs thought (no code of at most J_LOOK bits, or a run of 16 zeros). In DC tables byte 3 is 1. */
typedef struct j_table {
  uint32_t look[1 << J_LOOK];
  int32_t maxcode[18]; /* largest code of each length, -1 if none; [17] a stopper */
  int32_t offset[17];  /* val index = code + offset[length] */
  uint8_t val[256];
} j_table;

/* Up to two AC symbols at once, by the next J_PAIR bits: both codes and the first one's value bits lie within
 * them. From the lowest bit: 6 the bits of both; 7 the advance (as in look) of the first and 7 of the second;
 * 4 code bits and 4 value bits of the first; 4 where the second's value begins. Where only one fits, the second
 * repeats it and advances by 0. The whole is 0 when the entry needs thought. Small, because the level-1 cache
 * also holds the coefficients. */
typedef uint32_t j_pair;
enum { J_PAIR_A = 6, J_PAIR_B = 13, J_PAIR_FROM_A = 20, J_PAIR_SIZE_A = 24, J_PAIR_FROM_B = 28 };

/* Bit reader over unstuffed bytes; the next bit is the top bit of buf. */
typedef struct j_bits {
  uint64_t buf;
  int n; /* valid bits in buf; what lies below them is either zero or the true next bits */
  const uint8_t *p;
} j_bits;

typedef struct j_comp {
  int id, h, v, tq;
  int w, rows;            /* samples that exist: ceil(W * h / hmax), likewise */
  int blocks_w, blocks_h; /* blocks that hold them */
  int padded_w, padded_h; /* blocks in whole MCUs; each row has one more, for end-of-block stores */
  bool has_quant;
  /* [0, 64): quantisers in natural order, taken over at the component's first scan; [64, 128): for each
   * the largest |coefficient| whose product stays below 2^14 (jpeg_x86.c) */
  uint16_t quant[128];
  int dc_table, ac_table;
  int pred;
  /* Several scans: the whole image, [padded_h][padded_w][64]. One scan: a group of MCUs, [v][group_w][64], and per
   * block of it index + 1 of the last coefficient that came (zigzag). */
  int16_t *coef;
  uint8_t *last;
  int group_w;   /* J_GROUP MCUs and one more block, for end-of-block stores */
  int step;      /* rows of samples that a row of MCUs brings */
  uint8_t *ring; /* [3 * step][stride]: sample row y is row y modulo 3 * step */
  size_t stride;
  int bx0, bx1, by0, by1; /* blocks that the window needs */
  int up;                 /* how jpeg_up.c brings it to full size */
  int8_t coef_bits[64];   /* progressive: known down to this bit, -1 = nothing yet */
} j_comp;

typedef struct j_kernels {
  int (*block)(as_jpeg *j, const j_table *dc, const j_table *ac, const j_pair *pair, j_bits *bits, int *pred,
               int16_t *coef);
  void (*skip)(as_jpeg *j, const j_table *dc, const j_table *ac, const j_pair *pair, j_bits *bits, int *pred);
  /* `count` neighbouring blocks; dst advances by 8 samples per block. last as in j_comp, or NULL: not known.
   * False: see jpeg_idct.c. */
  bool (*idct)(const int16_t *coef, const uint8_t *last, const uint16_t *quant, uint8_t *dst, size_t stride,
               int count);
  void (*up_h2)(const uint8_t *in, int w, uint8_t *out);                         /* 2:1 across */
  void (*up_h2v2)(const uint8_t *near, const uint8_t *far, int w, uint8_t *out); /* 2:1 both ways */
  void (*up_v2)(const uint8_t *near, const uint8_t *far, int w, int bias, uint8_t *out);
  void (*ycc)(const uint8_t *y, const uint8_t *cb, const uint8_t *cr, int n, int pixel, uint8_t *out);
} j_kernels;

enum { J_GRAY, J_RGB, J_YCC, J_CMYK, J_YCCK };

/* Markers (T.81 table B.1). */
enum {
  J_M_SOF0 = 0xc0,
  J_M_SOF1 = 0xc1,
  J_M_SOF2 = 0xc2,
  J_M_DHT = 0xc4,
  J_M_SOF15 = 0xcf,
  J_M_JPG = 0xc8,
  J_M_DAC = 0xcc,
  J_M_RST0 = 0xd0,
  J_M_RST7 = 0xd7,
  J_M_SOI = 0xd8,
  J_M_EOI = 0xd9,
  J_M_SOS = 0xda,
  J_M_DQT = 0xdb,
  J_M_DNL = 0xdc,
  J_M_DRI = 0xdd,
  J_M_APP0 = 0xe0,
  J_M_APP14 = 0xee,
  J_M_APP15 = 0xef,
  J_M_COM = 0xfe,
  J_M_TEM = 0x01
};

struct as_jpeg {
  const uint8_t *src;
  size_t n, pos;
  int lenient;
  unsigned warnings;
  char first_warning[120];
  const j_kernels *k;

  int w, h, ncomp, hmax, vmax;
  bool progressive, saw_frame, saw_jfif, saw_adobe, multi_scan;
  int adobe_transform, colour;
  j_comp comp[4];
  j_dht dc[4], ac[4];
  bool has_dqt[4];
  uint16_t dqt[4][64];
  unsigned restart_interval;

  /* the scan that is being read */
  int scans, nscan;
  j_comp *scan[4];
  int ss, se, ah, al;
  int mcus_w, mcus_h;                 /* MCUs in a row, rows of them */
  j_table *table_dc[4], *table_ac[4]; /* [4] each, by table number; owned as one block */
  j_table *tables;
  j_pair *pairs; /* [4][1 << J_PAIR], of table_ac; baseline only */

  /* the segment (between two markers) that is being read */
  uint8_t *seg; /* unstuffed copy, then J_PAD zeros */
  size_t seg_n;
  j_bits bits;
  int unread;     /* marker that ended the segment; 0 = none read */
  bool starved;   /* the segment is used up: what is missing stays zero */
  bool bad_code;  /* a code that is not in its table */
  unsigned to_go; /* MCUs until the next restart marker */
  int next_restart;
  unsigned eobrun;

  int x0, y0, x1, y1; /* the window */
  int y;              /* its row that comes next, counted from the image's top */
  int next_mcus;      /* row of MCUs whose samples come next */
  uint8_t *rows;      /* scratch of jpeg_up.c: 4 component rows and 2 more, row_size bytes each */
  size_t row_size;
  bool idct_overflow;     /* a wanted block held a value of more than 16 bits */
  bool decoder_dependent; /* as in as_image_info */
};

/* jpeg_err.c: damage fails in strict mode and is counted in lenient mode; an error always fails. */
as_status as_jpeg_warn(as_jpeg *j, as_err *err, const char *fmt, ...) AS_PRINTF(3, 4);
as_status as_jpeg_bad(const as_jpeg *j, as_err *err, const char *fmt, ...) AS_PRINTF(3, 4);
/* Damage that decoders turn into different pixels; it is what as_jpeg_info tells before any other. */
as_status as_jpeg_warn_dependent(as_jpeg *j, as_err *err, const char *what);

/* jpeg_head.c: markers up to the next scan, whose header is read too, or the end of the image (*found). */
as_status as_jpeg_read_markers(as_jpeg *j, int *found, as_err *err);

/* jpeg_huff.c */
as_status as_jpeg_table_build(const as_jpeg *j, j_table *t, const j_dht *dht, bool dc, as_err *err);
void as_jpeg_pair_build(j_pair *pair, const j_table *ac);
int as_jpeg_slow_symbol(as_jpeg *j, const j_table *t, j_bits *b); /* any code length; bad codes give 0 */
/* One AC symbol of the slow kind; returns the new index. coef may be NULL. */
int as_jpeg_slow_ac(as_jpeg *j, const j_table *t, j_bits *b, int k, int16_t *coef);

/* jpeg_segment.c */
void as_jpeg_segment_start(as_jpeg *j);             /* unstuffs from pos to the next marker */
size_t as_jpeg_segment_left(const as_jpeg *j);      /* whole bytes not used */
as_status as_jpeg_restart(as_jpeg *j, as_err *err); /* at the end of a restart interval */
/* After each MCU: if the segment ran dry, warns once and lets the rest of it be zero. */
as_status as_jpeg_after_mcu(as_jpeg *j, as_err *err);
as_status as_jpeg_next_marker(as_jpeg *j, int *marker, as_err *err);

/* jpeg_baseline.c, jpeg_prog.c: one row of MCUs of the scan. Of a stream the samples are made at once. */
as_status as_jpeg_baseline_row(as_jpeg *j, int row, as_err *err);
as_status as_jpeg_progressive_row(as_jpeg *j, int row, as_err *err);

/* jpeg_idct.c. False: a value did not fit 16 bits; the samples are Pillow's all the same. */
bool as_jpeg_idct_c(const int16_t *coef, const uint8_t *last, const uint16_t *quant, uint8_t *dst,
                    size_t stride, int count);
bool as_jpeg_idct_flat(const int16_t *coef, const uint16_t *quant, uint8_t *dst, size_t stride);
/* What the window needs of blocks [bx, bx + n) of block row `by` into the plane; coef and last (or NULL) point at
 * the first. */
void as_jpeg_idct_row(as_jpeg *j, j_comp *c, const int16_t *coef, const uint8_t *last, int by, int bx, int n);

/* jpeg_up.c */
enum { J_UP_NONE, J_UP_H2, J_UP_V2, J_UP_H2V2, J_UP_BOX };
as_status as_jpeg_up_plan(as_jpeg *j, as_err *err);
/* The last row of MCUs whose samples image row y needs; that row, whose samples are there. */
int as_jpeg_up_needs(const as_jpeg *j, int y);
void as_jpeg_up_row(as_jpeg *j, int y, int pixel, uint8_t *out);

/* jpeg_kernels.c: the portable ones, or the best that the CPU has and its mask leaves (cpu.h); jpeg_x86.c: AVX2 and BMI2, NULL off x86-64. */
const j_kernels *as_jpeg_kernels(void);
const j_kernels *as_jpeg_kernels_x86(void);

static inline void j_refill(j_bits *b) {
  b->buf |= as_be64(b->p) >> b->n;
  b->p += (63 - b->n) >> 3;
  b->n |= 56;
}
static inline void j_drop(j_bits *b, int n) {
  b->buf <<= n;
  b->n -= n;
}
/* n in 0..16, with that many valid bits. */
static inline unsigned j_take(j_bits *b, int n) {
  unsigned v = (unsigned)(b->buf >> 1 >> (63 - n));
  j_drop(b, n);
  return v;
}
/* The value of n bits as T.81 F.2.2.1 extends it; n = 0 gives 0. */
static inline int j_extend(unsigned v, int n) {
  return (int)v + ((v >> (n > 0 ? n - 1 : 0) & 1) ? 0 : 1 - (1 << n));
}

static inline uint8_t j_clamp8(int v) {
  return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}
/* Fixed point of 16 bits: 1.40200, 0.34414, 0.71414, 1.77200. */
static inline void j_ycc_to_rgb(int y, int cb, int cr, uint8_t rgb[3]) {
  cb -= 128;
  cr -= 128;
  rgb[0] = j_clamp8(y + ((91881 * cr + 32768) >> 16));
  rgb[1] = j_clamp8(y + ((-22554 * cb - 46802 * cr + 32768) >> 16));
  rgb[2] = j_clamp8(y + ((116130 * cb + 32768) >> 16));
}

#endif
