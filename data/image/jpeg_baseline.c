/* Baseline scans: the blocks of each MCU, in groups that stay in the level-1 cache. */
#include <string.h>

#include "data/image/jpeg_int.h"

/* One block of an MCU, as it moves along a row. */
typedef struct block_slot {
  j_comp *c;
  const j_table *dc, *ac;
  const j_pair *pair;
  int16_t *coef; /* where it goes */
  uint8_t *last; /* likewise, in streams */
  int bx, step;  /* block column; blocks from MCU to MCU */
  int from, to;  /* the columns that are wanted, none outside the wanted rows */
} block_slot;

/* The blocks of MCU m0 of a row, in their order (T.81 A.2); a scan of one component has MCUs of one block. In
 * streams the group's coefficients begin with m0. At most 10. */
static int plan_slots(const as_jpeg *j, int row, int m0, block_slot slots[10]) {
  const bool single = j->nscan == 1, stream = !j->multi_scan;
  int n = 0;
  for (int i = 0; i < j->nscan; i++) {
    j_comp *c = j->scan[i];
    const int nh = single ? 1 : c->h, nv = single ? 1 : c->v;
    for (int y = 0; y < nv; y++)
      for (int x = 0; x < nh; x++) {
        block_slot *s = &slots[n++];
        const int by = row * nv + y;
        s->c = c;
        s->dc = j->table_dc[c->dc_table];
        s->ac = j->table_ac[c->ac_table];
        s->pair = j->pairs + ((size_t)c->ac_table << J_PAIR);
        s->bx = m0 * nh + x;
        s->step = nh;
        s->from = stream ? c->bx0 : 0;
        s->to = !stream ? c->padded_w : by < c->by0 || by >= c->by1 ? 0 : c->bx1;
        const size_t at = stream ? (size_t)y * (size_t)c->group_w + (size_t)x
                                 : (size_t)by * (size_t)c->padded_w + (size_t)s->bx;
        s->coef = c->coef + at * 64;
        s->last = stream ? c->last + at : NULL;
      }
  }
  return n;
}

/* MCUs [m0, m1) of a row: entropy decoding, and the samples of what has come when it is a stream. */
static as_status mcu_group(as_jpeg *j, int row, int m0, int m1, as_err *err) {
  const bool stream = !j->multi_scan;
  block_slot slots[10];
  const int n = plan_slots(j, row, m0, slots);
  for (int i = 0; stream && i < j->nscan; i++) {
    j_comp *c = j->scan[i];
    size_t blocks = (size_t)c->group_w * (size_t)(j->nscan == 1 ? 1 : c->v);
    memset(c->coef, 0, blocks * 64 * sizeof *c->coef);
    memset(c->last, 1, blocks);
  }
  for (int m = m0; m < m1; m++) {
    if (j->restart_interval && j->to_go == 0) {
      as_status s = as_jpeg_restart(j, err);
      if (s != AS_OK) return s;
    }
    if (j->restart_interval) j->to_go--;
    for (int i = 0; i < n; i++) {
      block_slot *s = &slots[i];
      if (!j->starved) {
        if (s->bx >= s->from && s->bx < s->to) {
          const int16_t next = s->coef[64]; /* in a later scan it holds what an earlier one brought */
          int last = j->k->block(j, s->dc, s->ac, s->pair, &j->bits, &s->c->pred, s->coef);
          s->coef[64] = next;
          if (stream) *s->last = (uint8_t)last;
        } else {
          j->k->skip(j, s->dc, s->ac, s->pair, &j->bits, &s->c->pred);
        }
      }
      s->bx += s->step;
      s->coef += s->step * 64;
      if (stream) s->last += s->step;
    }
    if (j->starved) continue;
    if (j->bad_code || j->bits.p > j->seg + j->seg_n) {
      as_status s = as_jpeg_after_mcu(j, err);
      if (s != AS_OK) return s;
    }
  }
  for (int i = 0; stream && i < j->nscan; i++) {
    j_comp *c = j->scan[i];
    const int nh = j->nscan == 1 ? 1 : c->h, nv = j->nscan == 1 ? 1 : c->v;
    for (int y = 0; y < nv; y++) {
      size_t at = (size_t)y * (size_t)c->group_w;
      as_jpeg_idct_row(j, c, c->coef + at * 64, c->last + at, row * nv + y, m0 * nh, (m1 - m0) * nh);
    }
  }
  return AS_OK;
}

as_status as_jpeg_baseline_row(as_jpeg *j, int row, as_err *err) {
  as_status s = AS_OK;
  for (int m = 0; s == AS_OK && m < j->mcus_w; m += J_GROUP)
    s = mcu_group(j, row, m, m + J_GROUP < j->mcus_w ? m + J_GROUP : j->mcus_w, err);
  return s;
}
