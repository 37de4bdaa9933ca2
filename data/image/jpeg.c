/* The order of decoding. A file whose first scan holds everything is a stream: entropy decoding goes on by one row
 * of MCUs whenever a row of pixels needs samples that have not come. Of any other file all scans are read first, into
 * coefficients, and only the inverse DCT goes on row by row. Either way a component's samples live in a ring of three
 * rows of MCUs: the one that is shown, and one before and behind it for the triangle filters. */
#include "data/image/jpeg.h"

#include <stdio.h>
#include <string.h>

#include "data/image/jpeg_int.h"
#include "data/image/jpeg_tables.h"
#include "tensor/base/checked.h"
#include "tensor/base/mem.h"

as_status as_jpeg_open(as_jpeg **out, const uint8_t *p, size_t n, int lenient, as_err *err) {
  *out = NULL;
  as_jpeg *j = as_calloc(1, sizeof *j, err);
  if (!j) return AS_E_ENV;
  j->src = p;
  j->n = n;
  j->lenient = lenient;
  j->k = as_jpeg_kernels();
  as_status s = AS_OK;
  int found = 0;
  if (n < 3 || p[0] != 0xff || p[1] != J_M_SOI) s = as_jpeg_bad(j, err, "not a JPEG file");
  j->pos = 2;
  if (s == AS_OK) s = as_jpeg_read_markers(j, &found, err);
  if (s == AS_OK && found != J_M_SOS) s = as_jpeg_bad(j, err, "the file ends before the first scan");
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
    as_free(j->comp[i].ring);
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
  info->decoder_dependent = j->decoder_dependent;
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

static as_status allocate_component(const as_jpeg *j, j_comp *c, as_err *err) {
  /* In a stream of one component an MCU is one block, whatever its sampling factors say (T.81 A.2.2). */
  c->step = j->nscan == 1 && !j->multi_scan ? 8 : 8 * c->v;
  c->stride = (size_t)c->padded_w * 8 + 64; /* kernels may read, never use, a vector past the end */
  c->group_w = J_GROUP * c->h + 1;
  size_t samples, blocks = (size_t)(j->multi_scan ? c->padded_w : c->group_w);
  if (!as_mul_size(c->stride, 3 * (size_t)c->step, &samples) || !as_add_size(samples, 64, &samples) ||
      !as_mul_size(blocks, (size_t)(j->multi_scan ? c->padded_h : c->v), &blocks) ||
      blocks > SIZE_MAX / 128 - 1)
    return as_jpeg_bad(j, err, "too large an image");
  c->ring = as_alloc(samples, 1, err);
  if (!c->ring) return AS_E_ENV;
  c->coef = j->multi_scan ? as_calloc(blocks * 64 + 64, 2, err) : as_alloc(blocks * 64 + 64, 2, err);
  if (!c->coef) return AS_E_ENV;
  if (j->multi_scan) return AS_OK;
  c->last = as_alloc(blocks, 1, err);
  return c->last ? AS_OK : AS_E_ENV;
}

static as_status allocate(as_jpeg *j, as_err *err) {
  size_t widest = 0;
  for (int i = 0; i < j->ncomp; i++) {
    j_comp *c = &j->comp[i];
    plan_window(j, c);
    as_status s = allocate_component(j, c, err);
    if (s != AS_OK) return s;
    if (c->stride > widest) widest = c->stride;
  }
  j->row_size = (size_t)(j->x1 - j->x0) + widest + 256;
  j->rows = as_alloc(6, j->row_size, err);
  j->seg = as_alloc(j->n + J_PAD + 16, 1, err);
  j->tables = as_alloc(8, sizeof *j->tables, err);
  j->pairs = as_alloc((size_t)4 << J_PAIR, sizeof *j->pairs, err);
  if (!j->rows || !j->seg || !j->tables || !j->pairs) return AS_E_ENV;
  for (int i = 0; i < 4; i++) {
    j->table_dc[i] = &j->tables[i];
    j->table_ac[i] = &j->tables[4 + i];
  }
  return AS_OK;
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
      return as_jpeg_bad(j, err, "a scan uses Huffman table %d, at most 3 is legal",
                         c->dc_table > 3 ? c->dc_table : c->ac_table);
    bool dc_done = false, ac_done = false;
    for (int k = 0; k < i; k++) {
      dc_done = dc_done || j->scan[k]->dc_table == c->dc_table;
      ac_done = ac_done || j->scan[k]->ac_table == c->ac_table;
    }
    as_status s = AS_OK;
    if (dc && !dc_done) s = as_jpeg_table_build(j, j->table_dc[c->dc_table], &j->dc[c->dc_table], true, err);
    if (s == AS_OK && ac && !ac_done)
      s = as_jpeg_table_build(j, j->table_ac[c->ac_table], &j->ac[c->ac_table], false, err);
    if (s != AS_OK) return s;
    if (ac && !ac_done && !j->progressive)
      as_jpeg_pair_build(j->pairs + ((size_t)c->ac_table << J_PAIR), j->table_ac[c->ac_table]);
  }
  return AS_OK;
}

/* Parameters of a progressive scan: T.81 G.1.1.1, checked as libjpeg does. */
static as_status check_progression(as_jpeg *j, as_err *err) {
  bool dc = j->ss == 0;
  if ((dc ? j->se != 0 : j->ss > j->se || j->se > 63 || j->nscan != 1) ||
      (j->ah != 0 && j->al != j->ah - 1) || j->al > 13)
    return as_jpeg_bad(j, err, "impossible progressive scan: coefficients %d to %d, bits %d to %d", j->ss,
                       j->se, j->ah, j->al);
  for (int i = 0; i < j->nscan; i++) {
    int8_t *bits = j->scan[i]->coef_bits;
    bool odd = !dc && bits[0] < 0;
    for (int k = j->ss; k <= j->se; k++) {
      odd = odd || j->ah != (bits[k] < 0 ? 0 : bits[k]);
      bits[k] = (int8_t)j->al;
    }
    if (odd) {
      as_status s = as_jpeg_warn(j, err, "progressive scans out of order");
      if (s != AS_OK) return s;
    }
  }
  return AS_OK;
}

static as_status begin_scan(as_jpeg *j, as_err *err) {
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
  const bool single = j->nscan == 1;
  j->mcus_w = single ? j->scan[0]->blocks_w : (j->w + 8 * j->hmax - 1) / (8 * j->hmax);
  j->mcus_h = single ? j->scan[0]->blocks_h : (j->h + 8 * j->vmax - 1) / (8 * j->vmax);
  as_jpeg_segment_start(j);
  return AS_OK;
}

static as_status end_scan(as_jpeg *j, as_err *err) {
  /* libjpeg's reader is up to 7 bytes ahead when a scan ends, and drops those without a word. */
  const size_t left = as_jpeg_segment_left(j);
  return left > 7 && !j->starved ? as_jpeg_warn(j, err, "%zu unused bytes after a scan", left) : AS_OK;
}

/* libjpeg smooths block edges of a progressive image whose low AC coefficients are not all there
 * (jdcoefct.c smoothing_ok). That is not done here: such a file is incomplete, and counts as damaged. */
static as_status check_complete(as_jpeg *j, as_err *err) {
  for (int i = 0; j->progressive && i < j->ncomp; i++)
    for (int k = 0; k < 10; k++)
      if (j->comp[i].coef_bits[k] != 0)
        return as_jpeg_warn_dependent(j, err, "the progressive scans are incomplete");
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

/* The scans of a file that is not a stream, into coefficients. */
static as_status read_scans(as_jpeg *j, as_err *err) {
  as_status s = AS_OK;
  for (int found = J_M_SOS; s == AS_OK && found == J_M_SOS;) {
    s = begin_scan(j, err);
    for (int row = 0; s == AS_OK && row < j->mcus_h; row++)
      s = j->progressive ? as_jpeg_progressive_row(j, row, err) : as_jpeg_baseline_row(j, row, err);
    if (s == AS_OK) s = end_scan(j, err);
    if (s == AS_OK) s = as_jpeg_read_markers(j, &found, err);
  }
  return s == AS_OK ? check_complete(j, err) : s;
}

as_status as_jpeg_window(as_jpeg *j, int x0, int y0, int x1, int y1, as_err *err) {
  if (j->rows || x0 < 0 || y0 < 0 || x1 > j->w || y1 > j->h || x0 >= x1 || y0 >= y1)
    return as_fail(err, AS_E_USAGE, "jpeg: window %d,%d to %d,%d of a %d x %d image", x0, y0, x1, y1, j->w,
                   j->h);
  if (!plausible(j)) return as_jpeg_bad(j, err, "%d x %d pixels in a file of %zu bytes", j->w, j->h, j->n);
  j->x0 = x0;
  j->y0 = j->y = y0;
  j->x1 = x1;
  j->y1 = y1;
  as_status s = allocate(j, err);
  supply_tables(j);
  if (s == AS_OK) s = j->multi_scan ? read_scans(j, err) : begin_scan(j, err);
  return s;
}

/* Samples of one more row of MCUs. */
static as_status next_mcus(as_jpeg *j, as_err *err) {
  const int row = j->next_mcus++;
  if (!j->multi_scan) return as_jpeg_baseline_row(j, row, err);
  for (int i = 0; i < j->ncomp; i++) {
    j_comp *c = &j->comp[i];
    /* A component that no scan brought has no table: libjpeg multiplies by zeros. */
    for (int by = row * c->v; by < (row + 1) * c->v; by++)
      as_jpeg_idct_row(j, c, c->coef + (size_t)by * (size_t)c->padded_w * 64, NULL, by, 0, c->blocks_w);
  }
  return AS_OK;
}

as_status as_jpeg_row(as_jpeg *j, int pixel, uint8_t *out, as_err *err) {
  const int y = j->y, last = as_jpeg_up_needs(j, y);
  if (y >= j->y1) return as_fail(err, AS_E_USAGE, "jpeg: row %d of a window of %d", y - j->y0, j->y1 - j->y0);
  j->y++;
  while (j->next_mcus <= last) {
    as_status s = next_mcus(j, err);
    if (s != AS_OK) return s;
  }
  as_jpeg_up_row(j, y, pixel, out);
  return AS_OK;
}

as_status as_jpeg_finish(as_jpeg *j, as_err *err) {
  as_status s = AS_OK;
  while (s == AS_OK && !j->multi_scan && j->next_mcus < j->mcus_h) s = next_mcus(j, err);
  if (s == AS_OK && !j->multi_scan) {
    int found = 0;
    s = end_scan(j, err);
    if (s == AS_OK) s = as_jpeg_read_markers(j, &found, err);
    if (s == AS_OK && found == J_M_SOS)
      return as_jpeg_bad(j, err, "a second scan in a file whose first holds everything");
  }
  if (s == AS_OK && j->idct_overflow)
    s = as_jpeg_warn_dependent(j, err, "coefficients too large for the inverse DCT");
  return s;
}
