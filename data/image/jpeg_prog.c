/* Progressive scans (T.81 annex G): DC first and refinement, AC first and refinement.
 *
 * Coefficients of the whole image are kept; every scan adds bits to them: a "first" scan brings coefficients
 * ss..se without their al lowest bits, each "refinement" one bit more (ah = al + 1).
 *
 * EOBRUN. An AC scan has one component and often nothing to say for many blocks in a row. Its symbol (run, 0) with
 * run < 15 means: this block's band ends here, and so do the next 2^run - 1 + (run bits) blocks' whole bands.
 * j->eobrun counts the blocks that are still covered; it crosses rows, and ends with the restart interval.
 *
 * Refinement. A coefficient that is not zero yet gets one correction bit whenever the index passes it, also inside a run
 * and inside an EOBRUN; a run counts only coefficients that are still zero. New coefficients are +1 or -1, times 2^al.
 * One symbol can thus be followed by up to 63 correction bits, hence the refills inside the loops.
 *
 * Damage is treated as in libjpeg's jdphuff.c: what is missing stays as it is, and a warning is noted. */
#include "data/image/jpeg_int.h"
#include "data/image/jpeg_tables.h"

static void dc_first(as_jpeg *j, j_comp *c, int16_t *coef) {
  j_bits b = j->bits;
  j_refill(&b);
  uint32_t e = j->table_dc[c->dc_table]->look[b.buf >> (64 - J_LOOK)];
  int size = (int)(64 - (e >> 16 & 63)) & 63;
  if (e)
    j_drop(&b, (int)(e >> 8 & 255));
  else
    size = as_jpeg_slow_symbol(j, j->table_dc[c->dc_table], &b);
  int diff = j_extend(j_take(&b, size), size);
  c->pred = (int)((unsigned)c->pred + (unsigned)diff);
  coef[0] = (int16_t)((unsigned)c->pred << j->al);
  j->bits = b;
}

static void dc_refine(as_jpeg *j, int16_t *coef) {
  j_refill(&j->bits);
  if (j_take(&j->bits, 1)) coef[0] = (int16_t)((unsigned)coef[0] | 1u << j->al);
}

/* Next symbol of an AC table, code only. */
static inline int ac_symbol(as_jpeg *j, const j_table *t, j_bits *b) {
  uint32_t e = t->look[b->buf >> (64 - J_LOOK)];
  if (e >= 1u << 24 && e < (uint32_t)J_EOB_SKIP << 24) { /* byte 3 = run + 1 */
    j_drop(b, (int)(e >> 8 & 255));
    return (int)((e >> 24) - 1) << 4 | (int)(64 - (e >> 16 & 63));
  }
  return as_jpeg_slow_symbol(j, t, b);
}

static void ac_first(as_jpeg *j, j_comp *c, int16_t *coef) {
  if (j->eobrun > 0) {
    j->eobrun--;
    return;
  }
  const j_table *t = j->table_ac[c->ac_table];
  j_bits b = j->bits;
  for (int k = j->ss; k <= j->se; k++) {
    j_refill(&b);
    int sym = ac_symbol(j, t, &b), run = sym >> 4, size = sym & 15;
    if (size == 0) {
      if (run == 15) {
        k += 15;
        continue;
      }
      j->eobrun = (1u << run) - 1 + j_take(&b, run);
      break;
    }
    k += run;
    int v = j_extend(j_take(&b, size), size);
    coef[as_jpeg_natural[k]] = (int16_t)((unsigned)v << j->al);
  }
  j->bits = b;
}

/* One correction bit for a coefficient that is known already. */
static inline void correct(int16_t *c, unsigned bit, int p1) {
  if (bit && (*c & p1) == 0) *c = (int16_t)(*c >= 0 ? *c + p1 : *c - p1);
}

static void ac_refine(as_jpeg *j, j_comp *c, int16_t *coef) {
  const j_table *t = j->table_ac[c->ac_table];
  const int p1 = (int)(1u << j->al);
  j_bits b = j->bits;
  int k = j->ss;
  if (j->eobrun == 0) {
    for (; k <= j->se; k++) {
      j_refill(&b);
      int sym = ac_symbol(j, t, &b), run = sym >> 4, value = 0;
      if (sym & 15) {
        if ((sym & 15) != 1) j->bad_code = true;
        value = j_take(&b, 1) ? p1 : -p1;
      } else if (run != 15) {
        j->eobrun = (1u << run) + j_take(&b, run);
        break;
      }
      /* Skip `run` coefficients that are still zero; those that are not get a bit each. */
      for (; k <= j->se; k++) {
        int16_t *at = coef + as_jpeg_natural[k];
        if (*at != 0) {
          if (b.n == 0) j_refill(&b);
          correct(at, j_take(&b, 1), p1);
        } else if (--run < 0) {
          break;
        }
      }
      if (value) coef[as_jpeg_natural[k]] = (int16_t)value;
    }
  }
  if (j->eobrun > 0) {
    for (; k <= j->se; k++) {
      int16_t *at = coef + as_jpeg_natural[k];
      if (*at == 0) continue;
      if (b.n == 0) j_refill(&b);
      correct(at, j_take(&b, 1), p1);
    }
    j->eobrun--;
  }
  j->bits = b;
}

/* One block of the scan. */
static inline void one_block(as_jpeg *j, j_comp *c, int16_t *coef) {
  const bool dc = j->ss == 0, refine = j->ah != 0;
  if (dc && refine)
    dc_refine(j, coef);
  else if (dc)
    dc_first(j, c, coef);
  else if (refine)
    ac_refine(j, c, coef);
  else
    ac_first(j, c, coef);
  const uint8_t *limit = j->seg + j->seg_n + J_SLACK;
  if (j->bits.p > limit) j->bits.p = limit;
}

as_status as_jpeg_progressive_row(as_jpeg *j, int row, as_err *err) {
  const bool single = j->nscan == 1;
  for (int m = 0; m < j->mcus_w; m++) {
    if (j->restart_interval && j->to_go == 0) {
      as_status s = as_jpeg_restart(j, err);
      if (s != AS_OK) return s;
    }
    if (j->restart_interval) j->to_go--;
    if (j->starved) continue;
    for (int i = 0; i < j->nscan; i++) {
      j_comp *c = j->scan[i];
      const int nh = single ? 1 : c->h, nv = single ? 1 : c->v;
      for (int y = 0; y < nv; y++) {
        size_t at = (size_t)(row * nv + y) * (size_t)c->padded_w + (size_t)m * (size_t)nh;
        for (int x = 0; x < nh; x++) one_block(j, c, c->coef + (at + (size_t)x) * 64);
      }
    }
    if (j->bad_code || j->bits.p > j->seg + j->seg_n) {
      as_status s = as_jpeg_after_mcu(j, err);
      if (s != AS_OK) return s;
    }
  }
  return AS_OK;
}
