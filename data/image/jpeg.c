/* JPEG markers and headers (T.81 annex B), and the order of decoding.
 *
 * What is an error and what is a warning follows libjpeg (jdmarker.c, jdinput.c, jdapimin.c): an
 * error is always refused, a warning only in strict mode. */
#include "data/image/jpeg.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "data/image/jpeg_int.h"
#include "data/image/jpeg_tables.h"
#include "tensor/base/checked.h"
#include "tensor/base/mem.h"

enum {
  M_SOF0 = 0xc0,
  M_SOF1 = 0xc1,
  M_SOF2 = 0xc2,
  M_DHT = 0xc4,
  M_SOF15 = 0xcf,
  M_JPG = 0xc8,
  M_DAC = 0xcc,
  M_RST0 = 0xd0,
  M_RST7 = 0xd7,
  M_SOI = 0xd8,
  M_EOI = 0xd9,
  M_SOS = 0xda,
  M_DQT = 0xdb,
  M_DNL = 0xdc,
  M_DRI = 0xdd,
  M_APP0 = 0xe0,
  M_APP14 = 0xee,
  M_APP15 = 0xef,
  M_COM = 0xfe,
  M_TEM = 0x01
};

static int simd = 1;
void as_jpeg_simd(int on) {
  simd = on;
}

as_status j_bad(const as_jpeg *j, as_err *err, const char *fmt, ...) {
  char text[400];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  return as_fail(err, AS_E_INPUT, "jpeg, byte %zu: %s", j->pos, text);
}

as_status j_warn(as_jpeg *j, as_err *err, const char *fmt, ...) {
  char text[100];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  if (j->warnings == 0) snprintf(j->first_warning, sizeof j->first_warning, "%s", text);
  if (j->warnings < 1000000) j->warnings++;
  return j->lenient ? AS_OK : as_fail(err, AS_E_INPUT, "jpeg, byte %zu: %s", j->pos, text);
}

/* The parameters of a marker segment, without its length bytes. */
static as_status segment(as_jpeg *j, as_reader *r, as_err *err) {
  if (j->n - j->pos < 2) return j_bad(j, err, "the file ends inside a marker segment");
  size_t len = as_be16(j->src + j->pos);
  if (len < 2) return j_bad(j, err, "a marker segment of length %zu, at least 2 is needed", len);
  if (len > j->n - j->pos)
    return j_bad(j, err, "a marker segment of %zu bytes, %zu are left", len, j->n - j->pos);
  *r = (as_reader){j->src + j->pos + 2, len - 2, 0};
  j->pos += len;
  return AS_OK;
}

static as_status read_dqt(as_jpeg *j, as_err *err) {
  as_reader r;
  as_status s = segment(j, &r, err);
  while (s == AS_OK && as_rd_left(&r) > 0) {
    const uint8_t *head = as_rd_take(&r, 1);
    int wide = *head >> 4 ? 2 : 1, id = *head & 15;
    const uint8_t *q = as_rd_take(&r, (size_t)64 * (size_t)wide);
    if (id > 3) return j_bad(j, err, "quantisation table %d, at most 3 is legal", id);
    if (!q) return j_bad(j, err, "a quantisation table segment ends too early");
    for (int i = 0; i < 64; i++) j->dqt[id][j_natural[i]] = wide == 2 ? as_be16(q + 2 * i) : q[i];
    j->has_dqt[id] = true;
  }
  return s;
}

static as_status read_dht(as_jpeg *j, as_err *err) {
  as_reader r;
  as_status s = segment(j, &r, err);
  while (s == AS_OK && as_rd_left(&r) > 0) {
    const uint8_t *head = as_rd_take(&r, 17);
    if (!head) return j_bad(j, err, "a Huffman table segment ends too early");
    int id = head[0] & 15, kind = head[0] >> 4;
    size_t count = 0;
    for (int i = 1; i <= 16; i++) count += head[i];
    const uint8_t *val = count <= 256 ? as_rd_take(&r, count) : NULL;
    if (!val) return j_bad(j, err, "a Huffman table of %zu codes, %zu bytes are left", count, as_rd_left(&r));
    if (kind > 1 || id > 3) return j_bad(j, err, "Huffman table class %d number %d", kind, id);
    j_dht *t = kind ? &j->ac[id] : &j->dc[id];
    memset(t, 0, sizeof *t);
    t->present = true;
    memcpy(t->bits + 1, head + 1, 16);
    memcpy(t->val, val, count);
  }
  return s;
}

static as_status read_dri(as_jpeg *j, as_err *err) {
  as_reader r;
  as_status s = segment(j, &r, err);
  if (s != AS_OK) return s;
  if (r.size != 2) return j_bad(j, err, "a restart interval segment of %zu bytes, 2 are wanted", r.size);
  j->restart_interval = as_be16(r.data);
  return AS_OK;
}

/* APP0 "JFIF" and APP14 "Adobe" decide the colour space; everything else is passed over, EXIF and
 * its orientation too. */
static as_status read_app(as_jpeg *j, int marker, as_err *err) {
  as_reader r;
  as_status s = segment(j, &r, err);
  if (s != AS_OK) return s;
  if (marker == M_APP0 && r.size >= 14 && memcmp(r.data, "JFIF", 5) == 0) j->saw_jfif = true;
  if (marker == M_APP14 && r.size >= 12 && memcmp(r.data, "Adobe", 5) == 0) {
    j->saw_adobe = true;
    j->adobe_transform = r.data[11];
  }
  return AS_OK;
}

static as_status read_frame(as_jpeg *j, int marker, as_err *err) {
  if (marker > M_SOF2) {
    const char *what = marker >= 0xc9 ? "arithmetic-coded" : marker == 0xc3 ? "lossless" : "hierarchical";
    return j_bad(j, err, "%s JPEG (SOF%d); baseline and progressive Huffman-coded files are read", what,
                 marker - M_SOF0);
  }
  as_reader r;
  as_status s = segment(j, &r, err);
  if (s != AS_OK) return s;
  const uint8_t *f = as_rd_take(&r, 6);
  if (j->saw_frame) return j_bad(j, err, "a second frame header");
  if (!f) return j_bad(j, err, "a frame header that ends too early");
  j->saw_frame = true;
  j->progressive = marker == M_SOF2;
  j->h = as_be16(f + 1);
  j->w = as_be16(f + 3);
  j->ncomp = f[5];
  if (f[0] != 8) return j_bad(j, err, "%d bits per sample, 8 are read", f[0]);
  if (j->w == 0 || j->h == 0 || j->ncomp == 0)
    return j_bad(j, err, "an empty image, %d x %d, %d components", j->w, j->h, j->ncomp);
  if (as_rd_left(&r) != (size_t)j->ncomp * 3) return j_bad(j, err, "a frame header of the wrong length");
  if (j->ncomp == 2 || j->ncomp > 4) return j_bad(j, err, "%d components; 1, 3 and 4 are read", j->ncomp);
  if (j->w > AS_JPEG_MAX_SIDE || j->h > AS_JPEG_MAX_SIDE || (int64_t)j->w * j->h > AS_JPEG_MAX_PIXELS)
    return j_bad(j, err, "%d x %d pixels, the limit is %d a side and %lld in all", j->w, j->h,
                 AS_JPEG_MAX_SIDE, (long long)AS_JPEG_MAX_PIXELS);
  j->hmax = j->vmax = 1;
  for (int i = 0; i < j->ncomp; i++) {
    const uint8_t *c = as_rd_take(&r, 3);
    j_comp *k = &j->comp[i];
    k->id = c[0];
    k->h = c[1] >> 4;
    k->v = c[1] & 15;
    k->tq = c[2];
    if (k->h < 1 || k->h > 4 || k->v < 1 || k->v > 4)
      return j_bad(j, err, "sampling factors %d x %d, 1 to 4 are legal", k->h, k->v);
    if (k->h > j->hmax) j->hmax = k->h;
    if (k->v > j->vmax) j->vmax = k->v;
  }
  int mcus_w = (j->w + 8 * j->hmax - 1) / (8 * j->hmax), mcus_h = (j->h + 8 * j->vmax - 1) / (8 * j->vmax);
  for (int i = 0; i < j->ncomp; i++) {
    j_comp *k = &j->comp[i];
    k->w = (j->w * k->h + j->hmax - 1) / j->hmax;
    k->rows = (j->h * k->v + j->vmax - 1) / j->vmax;
    k->blocks_w = (k->w + 7) / 8;
    k->blocks_h = (k->rows + 7) / 8;
    k->padded_w = mcus_w * k->h + 1;
    k->padded_h = mcus_h * k->v;
    memset(k->coef_bits, -1, sizeof k->coef_bits);
  }
  return j_up_plan(j, err);
}

/* What libjpeg's default_decompress_parms guesses. */
static void choose_colour(as_jpeg *j) {
  const j_comp *c = j->comp;
  if (j->ncomp == 1) {
    j->colour = J_GRAY;
  } else if (j->ncomp == 4) {
    j->colour = !j->saw_adobe || j->adobe_transform == 0 ? J_CMYK : J_YCCK;
  } else if (j->saw_jfif) {
    j->colour = J_YCC;
  } else if (j->saw_adobe) {
    j->colour = j->adobe_transform == 0 ? J_RGB : J_YCC;
  } else {
    j->colour = c[0].id == 'R' && c[1].id == 'G' && c[2].id == 'B' ? J_RGB : J_YCC;
  }
}

static as_status read_scan_header(as_jpeg *j, as_err *err) {
  as_reader r;
  as_status s = segment(j, &r, err);
  if (s != AS_OK) return s;
  if (!j->saw_frame) return j_bad(j, err, "a scan before the frame header");
  const uint8_t *p = r.data;
  int n = r.size > 0 ? p[0] : 0;
  if (n < 1 || n > 4 || r.size != (size_t)n * 2 + 4)
    return j_bad(j, err, "a scan header of the wrong length");
  if (++j->scans > AS_JPEG_MAX_SCANS) return j_bad(j, err, "more than %d scans", AS_JPEG_MAX_SCANS);
  const j_comp *taken[4] = {NULL, NULL, NULL, NULL};
  j->nscan = n;
  for (int i = 0; i < n; i++) {
    int id = p[1 + 2 * i], at = 0;
    /* libjpeg's rule: the component with this id whose own slot is still free. */
    while (at < j->ncomp && (j->comp[at].id != id || taken[at])) at++;
    bool twice = false;
    for (int k = 0; at < j->ncomp && k < i; k++) twice = twice || j->scan[k] == &j->comp[at];
    if (at == j->ncomp || twice)
      return j_bad(j, err, "a scan names component %d, which the frame does not have or the scan has already",
                   id);
    j_comp *c = &j->comp[at];
    taken[i] = j->scan[i] = c;
    c->dc_table = p[2 + 2 * i] >> 4;
    c->ac_table = p[2 + 2 * i] & 15;
  }
  p += 1 + 2 * n;
  j->ss = p[0];
  j->se = p[1];
  j->ah = p[2] >> 4;
  j->al = p[2] & 15;
  j->next_restart = 0;
  if (j->scans == 1) {
    j->multi_scan = j->progressive || n < j->ncomp;
    choose_colour(j);
  }
  int blocks = 0;
  for (int i = 0; i < n; i++) blocks += j->scan[i]->h * j->scan[i]->v;
  if (n > 1 && blocks > 10) return j_bad(j, err, "%d blocks in an MCU, at most 10 are legal", blocks);
  for (int i = 0; i < n; i++) {
    j_comp *c = j->scan[i];
    if (c->has_quant) continue;
    if (c->tq > 3 || !j->has_dqt[c->tq])
      return j_bad(j, err, "component %d uses quantisation table %d, which is not defined", c->id, c->tq);
    for (int k = 0; k < 64; k++) {
      int q = (int16_t)j->dqt[c->tq][k]; /* libjpeg-turbo multiplies by a short */
      c->quant[k] = j->dqt[c->tq][k];
      c->quant[64 + k] = (uint16_t)(q == 0 ? 32768 : 16383 / (q < 0 ? -q : q));
    }
    c->has_quant = true;
  }
  return AS_OK;
}

/* Markers up to the next scan or the end of the image. */
static as_status read_markers(as_jpeg *j, int *found, as_err *err) {
  for (;;) {
    int m = 0;
    as_status s = j_next_marker(j, &m, err);
    if (s != AS_OK) return s;
    if (m == M_SOS || m == M_EOI) {
      *found = m;
      if (m == M_EOI) j->saw_eoi = true;
      return m == M_SOS ? read_scan_header(j, err) : AS_OK;
    }
    as_reader skipped;
    if (m == M_SOI)
      s = j_bad(j, err, "a second start-of-image marker");
    else if (m == M_DHT)
      s = read_dht(j, err);
    else if (m == M_DQT)
      s = read_dqt(j, err);
    else if (m == M_DRI)
      s = read_dri(j, err);
    else if (m == M_DAC || m == M_DNL || m == M_COM)
      s = segment(j, &skipped, err);
    else if (m == M_JPG)
      s = j_bad(j, err, "marker 0x%02x is reserved", (unsigned)m);
    else if (m >= M_SOF0 && m <= M_SOF15)
      s = read_frame(j, m, err);
    else if (m >= M_APP0 && m <= M_APP15)
      s = read_app(j, m, err);
    else if (m != M_TEM && (m < M_RST0 || m > M_RST7))
      s = j_bad(j, err, "marker 0x%02x is not known", (unsigned)m);
    if (s != AS_OK) return s;
  }
}

as_status as_jpeg_open(as_jpeg **out, const uint8_t *p, size_t n, int lenient, as_err *err) {
  *out = NULL;
  as_jpeg *j = as_calloc(1, sizeof *j, err);
  if (!j) return AS_E_ENV;
  j->src = p;
  j->n = n;
  j->lenient = lenient;
  j->k = simd ? j_kernels_best() : j_kernels_c();
  as_status s = AS_OK;
  int found = 0;
  if (n < 3 || p[0] != 0xff || p[1] != M_SOI) s = j_bad(j, err, "not a JPEG file");
  j->pos = 2;
  if (s == AS_OK) s = read_markers(j, &found, err);
  if (s == AS_OK && found != M_SOS) s = j_bad(j, err, "the file ends before the first scan");
  if (s != AS_OK) {
    as_jpeg_close(&j);
    return s;
  }
  *out = j;
  return AS_OK;
}

void as_jpeg_close(as_jpeg **jp) {
  as_jpeg *j = *jp;
  if (!j) return;
  for (int i = 0; i < 4; i++) {
    as_free(j->comp[i].coef);
    as_free(j->comp[i].last);
    as_free(j->comp[i].plane);
  }
  as_free(j->tables);
  as_free(j->pairs);
  as_free(j->seg);
  as_free(j->rows);
  as_free(j);
  *jp = NULL;
}

void as_jpeg_info(const as_jpeg *j, as_image_info *info) {
  memset(info, 0, sizeof *info);
  info->format = "jpeg";
  info->w = j->w;
  info->h = j->h;
  info->components = j->ncomp;
  info->warnings = j->warnings;
  const j_comp *c = j->comp;
  static const struct {
    int h, v;
    const char *name;
  } names[] = {{1, 1, "4:4:4"}, {2, 1, "4:2:2"}, {2, 2, "4:2:0"},
               {1, 2, "4:4:0"}, {4, 1, "4:1:1"}, {4, 2, "4:1:0"}};
  char layout[48] = "grey";
  if (j->ncomp > 1) {
    const char *name = NULL;
    bool plain = c[1].h == 1 && c[1].v == 1 && c[2].h == 1 && c[2].v == 1;
    for (size_t i = 0; plain && i < sizeof names / sizeof *names; i++)
      if (c[0].h == names[i].h && c[0].v == names[i].v) name = names[i].name;
    if (name)
      snprintf(layout, sizeof layout, "%s", name);
    else
      snprintf(layout, sizeof layout, "sampling %dx%d %dx%d %dx%d", c[0].h, c[0].v, c[1].h, c[1].v, c[2].h,
               c[2].v);
  }
  if (j->warnings)
    snprintf(info->detail, sizeof info->detail, "%s", j->first_warning);
  else
    snprintf(info->detail, sizeof info->detail, "%s, %s, %d component%s",
             j->progressive ? "progressive" : "baseline", layout, j->ncomp, j->ncomp == 1 ? "" : "s");
}

/* The samples of a component that the window needs, one more on each side for the triangle filters,
 * in whole blocks. */
static void plan_window(as_jpeg *j, j_comp *c) {
  int64_t a = (int64_t)j->x0 * c->h / j->hmax - 1, b = ((int64_t)j->x1 * c->h + j->hmax - 1) / j->hmax + 1;
  c->bx0 = a < 0 ? 0 : (int)(a / 8);
  c->bx1 = b > c->w ? c->blocks_w : (int)((b + 7) / 8);
  a = (int64_t)j->y0 * c->v / j->vmax - 1;
  b = ((int64_t)j->y1 * c->v + j->vmax - 1) / j->vmax + 1;
  c->by0 = a < 0 ? 0 : (int)(a / 8);
  c->by1 = b > c->rows ? c->blocks_h : (int)((b + 7) / 8);
}

static as_status allocate(as_jpeg *j, as_err *err) {
  size_t widest = 0;
  for (int i = 0; i < j->ncomp; i++) {
    j_comp *c = &j->comp[i];
    plan_window(j, c);
    c->stride = (size_t)c->padded_w * 8 + 64; /* kernels may read, never use, a vector past the end */
    if (c->stride > widest) widest = c->stride;
    c->group_w = J_GROUP * c->h + 1;
    size_t samples, blocks = (size_t)(j->multi_scan ? c->padded_w : c->group_w);
    if (!as_mul_size(c->stride, (size_t)c->padded_h * 8, &samples) || !as_add_size(samples, 64, &samples) ||
        !as_mul_size(blocks, (size_t)(j->multi_scan ? c->padded_h : c->v), &blocks) ||
        blocks > SIZE_MAX / 128 - 1)
      return j_bad(j, err, "too large an image");
    c->plane = as_alloc(samples, 1, err);
    c->coef = c->plane
                  ? (j->multi_scan ? as_calloc(blocks * 64 + 64, 2, err) : as_alloc(blocks * 64 + 64, 2, err))
                  : NULL;
    if (!c->coef) return AS_E_ENV;
    if (!j->multi_scan) {
      c->last = as_alloc(blocks, 1, err);
      if (!c->last) return AS_E_ENV;
    }
  }
  j->row_size = (size_t)(j->x1 - j->x0) + widest + 256;
  j->rows = as_alloc(6, j->row_size, err);
  j->seg = as_alloc(j->n + J_PAD + 16, 1, err);
  j->tables = as_alloc(8, sizeof *j->tables, err);
  j->pairs = as_alloc((size_t)4 << J_PAIR, sizeof *j->pairs, err);
  return j->rows && j->seg && j->tables && j->pairs ? AS_OK : AS_E_ENV;
}

/* A few bytes cannot hold many blocks: each needs a bit at least. Keeps a tiny file that declares a
 * huge image from costing memory. */
static bool plausible(const as_jpeg *j) {
  int64_t least = INT64_MAX;
  for (int i = 0; i < j->ncomp; i++) {
    int64_t blocks = (int64_t)j->comp[i].blocks_w * j->comp[i].blocks_h;
    if (blocks < least) least = blocks;
  }
  return least / 8 <= (int64_t)j->n;
}

static as_status prepare_tables(as_jpeg *j, bool dc, bool ac, as_err *err) {
  for (int i = 0; i < j->nscan; i++) {
    const j_comp *c = j->scan[i];
    if ((dc && c->dc_table > 3) || (ac && c->ac_table > 3))
      return j_bad(j, err, "a scan uses Huffman table %d, at most 3 is legal",
                   c->dc_table > 3 ? c->dc_table : c->ac_table);
    bool dc_done = false, ac_done = false;
    for (int k = 0; k < i; k++) {
      dc_done = dc_done || j->scan[k]->dc_table == c->dc_table;
      ac_done = ac_done || j->scan[k]->ac_table == c->ac_table;
    }
    as_status s = AS_OK;
    if (dc && !dc_done) s = j_table_build(j, j->table_dc[c->dc_table], &j->dc[c->dc_table], true, err);
    if (s == AS_OK && ac && !ac_done)
      s = j_table_build(j, j->table_ac[c->ac_table], &j->ac[c->ac_table], false, err);
    if (s != AS_OK) return s;
    if (ac && !ac_done && !j->progressive)
      j_pair_build(j->pairs + ((size_t)c->ac_table << J_PAIR), j->table_ac[c->ac_table]);
  }
  return AS_OK;
}

/* Parameters of a progressive scan: T.81 G.1.1.1, checked as libjpeg does. */
static as_status check_progression(as_jpeg *j, as_err *err) {
  bool dc = j->ss == 0;
  if ((dc ? j->se != 0 : j->ss > j->se || j->se > 63 || j->nscan != 1) ||
      (j->ah != 0 && j->al != j->ah - 1) || j->al > 13)
    return j_bad(j, err, "impossible progressive scan: coefficients %d to %d, bits %d to %d", j->ss, j->se,
                 j->ah, j->al);
  for (int i = 0; i < j->nscan; i++) {
    int8_t *bits = j->scan[i]->coef_bits;
    bool odd = !dc && bits[0] < 0;
    for (int k = j->ss; k <= j->se; k++) {
      odd = odd || j->ah != (bits[k] < 0 ? 0 : bits[k]);
      bits[k] = (int8_t)j->al;
    }
    if (odd) {
      as_status s = j_warn(j, err, "progressive scans out of order");
      if (s != AS_OK) return s;
    }
  }
  return AS_OK;
}

static as_status read_scan(as_jpeg *j, as_err *err) {
  as_status s = AS_OK;
  bool dc = true, ac = true;
  if (j->progressive) {
    s = check_progression(j, err);
    dc = j->ss == 0 && j->ah == 0;
    ac = j->ss != 0;
  }
  if (s == AS_OK) s = prepare_tables(j, dc, ac, err);
  if (s != AS_OK) return s;
  for (int i = 0; i < j->nscan; i++) j->scan[i]->pred = 0;
  j->eobrun = 0;
  j->to_go = j->restart_interval;
  j->starved = j->bad_code = false;
  j_segment_start(j);
  s = j->progressive ? j_scan_progressive(j, err) : j_scan_baseline(j, !j->multi_scan, err);
  /* libjpeg's reader is up to 7 bytes ahead when a scan ends, and drops those without a word. */
  size_t left = j_segment_left(j);
  if (s == AS_OK && left > 7 && !j->starved) s = j_warn(j, err, "%zu unused bytes after a scan", left);
  return s;
}

/* libjpeg smooths block edges of a progressive image whose low AC coefficients are not all there
 * (jdcoefct.c smoothing_ok). That is not done here: such a file is incomplete, and counts as damaged. */
static as_status check_complete(as_jpeg *j, as_err *err) {
  for (int i = 0; j->progressive && i < j->ncomp; i++)
    for (int k = 0; k < 10; k++)
      if (j->comp[i].coef_bits[k] != 0) return j_warn(j, err, "the progressive scans are incomplete");
  return AS_OK;
}

/* Motion JPEG frames leave the standard Huffman tables out; libjpeg-turbo supplies them. */
static void supply_tables(as_jpeg *j) {
  for (int t = 0; t < 2 && !j->progressive; t++) {
    j_dht *dc = &j->dc[t], *ac = &j->ac[t];
    if (!dc->present) {
      dc->present = true;
      memcpy(dc->bits + 1, as_jpeg_std_dc_bits[t], 16);
      memcpy(dc->val, as_jpeg_std_dc_val[t], 12);
    }
    if (!ac->present) {
      ac->present = true;
      memcpy(ac->bits + 1, as_jpeg_std_ac_bits[t], 16);
      memcpy(ac->val, as_jpeg_std_ac_val[t], 162);
    }
  }
}

as_status as_jpeg_decode(as_jpeg *j, int x0, int y0, int x1, int y1, as_err *err) {
  if (j->decoded || x0 < 0 || y0 < 0 || x1 > j->w || y1 > j->h || x0 >= x1 || y0 >= y1)
    return as_fail(err, AS_E_USAGE, "jpeg: window %d,%d to %d,%d of a %d x %d image", x0, y0, x1, y1, j->w,
                   j->h);
  if (!plausible(j)) return j_bad(j, err, "%d x %d pixels in a file of %zu bytes", j->w, j->h, j->n);
  j->decoded = true;
  j->x0 = x0;
  j->y0 = y0;
  j->x1 = x1;
  j->y1 = y1;
  as_status s = allocate(j, err);
  for (int i = 0; s == AS_OK && i < 4; i++) {
    j->table_dc[i] = &j->tables[i];
    j->table_ac[i] = &j->tables[4 + i];
  }
  supply_tables(j);
  if (s == AS_OK) s = read_scan(j, err);
  while (s == AS_OK && !j->saw_eoi) {
    int found = 0;
    s = read_markers(j, &found, err);
    if (s != AS_OK || found == M_EOI) break;
    if (!j->multi_scan) return j_bad(j, err, "a second scan in a file whose first holds everything");
    s = read_scan(j, err);
  }
  if (s == AS_OK) s = check_complete(j, err);
  if (s != AS_OK || !j->multi_scan) return s;
  for (int i = 0; i < j->ncomp; i++) {
    j_comp *c = &j->comp[i];
    /* A component that no scan brought has no table: libjpeg multiplies by zeros. */
    for (int by = c->by0; by < c->by1; by++)
      j_idct_row(j, c, c->coef + (size_t)by * (size_t)c->padded_w * 64, NULL, by, 0, c->blocks_w);
  }
  return AS_OK;
}
