/* Entropy-coded segments: code tables, unstuffing, restart markers, baseline blocks.
 *
 * A segment, the bytes between two markers, is first copied with its stuffed zeros removed and with
 * zero bytes after its end. The bit reader then needs no test for 0xFF, eight bytes arrive with one
 * load, and running off the end reads zeros, which is what libjpeg feeds when data are missing. */
#include <string.h>

#include "data/image/jpeg_block_int.h"
#include "data/image/jpeg_int.h"

const uint8_t j_natural[80] = {0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,
                               12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28,
                               35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
                               58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
                               63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63};

const uint8_t j_natural_after[160] = {
    0,  0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
    41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30,
    37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63, 63, 63, 63, 63,
    63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64};

as_status j_table_build(const as_jpeg *j, j_table *t, const j_dht *dht, bool dc, as_err *err) {
  if (!dht->present) return j_bad(j, err, "a scan uses a Huffman table that the file does not define");
  memset(t->look, 0, sizeof t->look);
  memcpy(t->val, dht->val, sizeof t->val);
  int32_t code = 0;
  int k = 0;
  bool started = false;
  for (int len = 1; len <= 16; len++) {
    t->offset[len] = k - code;
    for (int i = 0; i < dht->bits[len]; i++, k++, code++) {
      if (k > 255 || code >= 1 << len) return j_bad(j, err, "a Huffman table has more codes than fit");
      int sym = dht->val[k];
      if (dc && sym > 15)
        return j_bad(j, err, "a DC Huffman table holds the value %d, at most 15 is legal", sym);
      if (len > J_LOOK) continue;
      int run = dc ? 0 : sym >> 4, size = sym & 15;
      int advance = dc || size ? run + 1 : run == 15 ? 0 : J_EOB_SKIP;
      uint32_t e = (uint32_t)(len + size) | (uint32_t)len << 8 | (uint32_t)((64 - size) & 63) << 16 |
                   (uint32_t)advance << 24;
      for (int f = 0; f < 1 << (J_LOOK - len); f++) t->look[(code << (J_LOOK - len)) + f] = e;
    }
    t->maxcode[len] = dht->bits[len] ? code - 1 : -1;
    started = started || dht->bits[len];
    /* No code is all ones (T.81 C.2); this also finds tables with too many codes. */
    if (started && dht->bits[len] && code >= 1 << len)
      return j_bad(j, err, "a Huffman table has more codes than fit");
    code <<= 1;
  }
  t->maxcode[17] = INT32_MAX;
  return AS_OK;
}

_Static_assert(J_PAIR >= J_LOOK && J_PAIR <= 15, "entries have four bits for where values begin");
void j_pair_build(j_pair *pair, const j_table *ac) {
  const uint32_t *look = ac->look;
  for (uint32_t i = 0; i < 1u << J_PAIR; i++) {
    const uint32_t a = look[i >> (J_PAIR - J_LOOK)], used = a & 255, code = a >> 8 & 255;
    pair[i] = 0;
    if (a >> 24 == 0) continue;
    uint32_t b = 0; /* the second symbol */
    if (a >> 24 < J_EOB_SKIP && used < J_PAIR) {
      b = look[(i << used & ((1u << J_PAIR) - 1)) >> (J_PAIR - J_LOOK)];
      if (b >> 24 == 0 || (b >> 8 & 255) > J_PAIR - used) b = 0;
    }
    const uint32_t both = used + (b & 255), from = b ? used + (b >> 8 & 255) : code;
    pair[i] = both | a >> 24 << J_PAIR_A | b >> 24 << J_PAIR_B | code << J_PAIR_FROM_A |
              (used - code) << J_PAIR_SIZE_A | from << J_PAIR_FROM_B;
  }
}

/* Copies to seg until a marker (0xFF followed by neither 0 nor 0xFF) or the end of the file. */
void j_segment_start(as_jpeg *j) {
  size_t out = 0, at = j->pos;
  int marker = j->unread;
  while (marker == 0 && at < j->n) {
    const uint8_t *p = j->src + at, *ff = memchr(p, 0xff, j->n - at);
    size_t run = ff ? (size_t)(ff - p) : j->n - at;
    memcpy(j->seg + out, p, run);
    out += run;
    at += run;
    if (!ff) break;
    while (at < j->n && j->src[at] == 0xff) at++; /* fill bytes are legal before a marker */
    if (at == j->n) break;
    if (j->src[at] == 0)
      j->seg[out++] = 0xff;
    else
      marker = j->src[at];
    at++;
  }
  memset(j->seg + out, 0, J_PAD);
  j->seg_n = out;
  j->pos = at;
  j->unread = marker;
  j->bits = (j_bits){0, 0, j->seg};
}

/* Bits that were taken. */
static size_t taken(const as_jpeg *j) {
  return (size_t)(j->bits.p - j->seg) * 8 - (size_t)j->bits.n;
}

size_t j_segment_left(const as_jpeg *j) {
  size_t used = (taken(j) + 7) / 8;
  return used < j->seg_n ? j->seg_n - used : 0;
}
bool j_segment_over(const as_jpeg *j) {
  return taken(j) > j->seg_n * 8;
}

as_status j_after_mcu(as_jpeg *j, as_err *err) {
  if (j->bad_code) {
    j->bad_code = false;
    as_status s = j_warn(j, err, "an entropy-coded segment holds a code that is not in its Huffman table");
    if (s != AS_OK) return s;
  }
  if (!j->starved && j_segment_over(j)) {
    j->starved = true;
    return j_warn(j, err, "an entropy-coded segment ends too early");
  }
  return AS_OK;
}

as_status j_next_marker(as_jpeg *j, int *marker, as_err *err) {
  if (j->unread) {
    *marker = j->unread;
    j->unread = 0;
    return AS_OK;
  }
  size_t skipped = 0, at = j->pos;
  for (;;) {
    while (at < j->n && j->src[at] != 0xff) at++, skipped++;
    while (at < j->n && j->src[at] == 0xff) at++;
    if (at >= j->n) break;
    if (j->src[at++] != 0) {
      *marker = j->src[at - 1];
      j->pos = at;
      return skipped ? j_warn(j, err, "%zu foreign bytes before marker 0x%02x", skipped, (unsigned)*marker)
                     : AS_OK;
    }
    skipped += 2;
  }
  j->pos = j->n;
  *marker = 0xd9;
  return j_warn(j, err, "the file is truncated: no end-of-image marker");
}

/* libjpeg's jpeg_resync_to_restart: a marker at most two ahead of the wanted one is kept (the data
 * between are missing), one at most two behind is skipped, anything farther off is taken as the
 * wanted one, a marker of another kind is kept. */
static as_status resync(as_jpeg *j, int wanted, as_err *err) {
  as_status s =
      j_warn(j, err, "restart marker %d expected, marker 0x%02x found", wanted, (unsigned)j->unread);
  while (s == AS_OK) {
    int m = j->unread, d = (m - 0xd0 - wanted) & 7;
    if (m >= 0xc0) {
      if (m < 0xd0 || m > 0xd7 || d == 1 || d == 2) return AS_OK;
      if (d != 7 && d != 6) {
        j->unread = 0;
        return AS_OK;
      }
    }
    j->unread = 0;
    s = j_next_marker(j, &m, err);
    j->unread = m;
  }
  return s;
}

as_status j_restart(as_jpeg *j, as_err *err) {
  as_status s = AS_OK;
  size_t left = j_segment_left(j);
  if (left) s = j_warn(j, err, "%zu unused bytes before restart marker %d", left, j->next_restart);
  if (s == AS_OK && j->unread == 0) { /* the segment ended with the file */
    int m;
    s = j_next_marker(j, &m, err);
    j->unread = m;
  }
  if (s != AS_OK) return s;
  if (j->unread == 0xd0 + j->next_restart)
    j->unread = 0;
  else
    s = resync(j, j->next_restart, err);
  if (s != AS_OK) return s;
  j->next_restart = (j->next_restart + 1) & 7;
  if (j->unread == 0) j->starved = false;
  j_segment_start(j);
  for (int i = 0; i < j->nscan; i++) j->scan[i]->pred = 0;
  j->eobrun = 0;
  j->to_go = j->restart_interval;
  return AS_OK;
}

int j_slow_symbol(as_jpeg *j, const j_table *t, j_bits *b) {
  for (int len = 1; len <= 16; len++) {
    int32_t code = (int32_t)(b->buf >> (64 - len));
    if (code <= t->maxcode[len]) {
      j_drop(b, len);
      return t->val[(code + t->offset[len]) & 255];
    }
  }
  j_drop(b, 17); /* as libjpeg: it has read one bit more than the longest code */
  j->bad_code = true;
  return 0;
}

int j_slow_ac(as_jpeg *j, const j_table *t, j_bits *b, int k, int16_t *coef) {
  int sym = j_slow_symbol(j, t, b), run = sym >> 4, size = sym & 15;
  if (size == 0) return run == 15 ? k + 16 : k + J_EOB_SKIP;
  int v = j_extend(j_take(b, size), size);
  k += run;
  if (coef) coef[j_natural[k]] = (int16_t)v;
  return k + 1;
}

int j_block_c(as_jpeg *j, const j_table *dc, const j_table *ac, const j_pair *pair, j_bits *bits, int *pred,
              int16_t *coef) {
  return j_block(j, dc, ac, pair, bits, pred, coef);
}
void j_skip_c(as_jpeg *j, const j_table *dc, const j_table *ac, const j_pair *pair, j_bits *bits, int *pred) {
  j_skip_block(j, dc, ac, pair, bits, pred);
}

/* One block of an MCU, as it moves along a row. */
typedef struct slot {
  j_comp *c;
  const j_table *dc, *ac;
  const j_pair *pair;
  int16_t *coef; /* where it goes */
  uint8_t *last; /* likewise, in streams */
  int bx, step;  /* block column; blocks from MCU to MCU */
  int from, to;  /* the columns that are wanted, none outside the wanted rows */
} slot;

/* The blocks of MCU m0 of a row, in their order (T.81 A.2); a scan of one component has MCUs of one block. In
 * streams the group's coefficients begin with m0. At most 10. */
static int plan_slots(const as_jpeg *j, int row, int m0, bool stream, slot slots[10]) {
  const bool single = j->nscan == 1;
  int n = 0;
  for (int i = 0; i < j->nscan; i++) {
    j_comp *c = j->scan[i];
    const int nh = single ? 1 : c->h, nv = single ? 1 : c->v;
    for (int y = 0; y < nv; y++)
      for (int x = 0; x < nh; x++) {
        slot *s = &slots[n++];
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
static as_status mcu_group(as_jpeg *j, int row, int m0, int m1, bool stream, as_err *err) {
  slot slots[10];
  const int n = plan_slots(j, row, m0, stream, slots);
  for (int i = 0; stream && i < j->nscan; i++) {
    j_comp *c = j->scan[i];
    size_t blocks = (size_t)c->group_w * (size_t)(j->nscan == 1 ? 1 : c->v);
    memset(c->coef, 0, blocks * 64 * sizeof *c->coef);
    memset(c->last, 1, blocks);
  }
  for (int m = m0; m < m1; m++) {
    if (j->restart_interval && j->to_go == 0) {
      as_status s = j_restart(j, err);
      if (s != AS_OK) return s;
    }
    if (j->restart_interval) j->to_go--;
    for (int i = 0; i < n; i++) {
      slot *s = &slots[i];
      if (!j->starved) {
        if (s->bx >= s->from && s->bx < s->to) {
          int last = j->k->block(j, s->dc, s->ac, s->pair, &j->bits, &s->c->pred, s->coef);
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
      as_status s = j_after_mcu(j, err);
      if (s != AS_OK) return s;
    }
  }
  for (int i = 0; stream && i < j->nscan; i++) {
    j_comp *c = j->scan[i];
    const int nh = j->nscan == 1 ? 1 : c->h, nv = j->nscan == 1 ? 1 : c->v;
    for (int y = 0; y < nv; y++) {
      size_t at = (size_t)y * (size_t)c->group_w;
      j_idct_row(j, c, c->coef + at * 64, c->last + at, row * nv + y, m0 * nh, (m1 - m0) * nh);
    }
  }
  return AS_OK;
}

as_status j_scan_baseline(as_jpeg *j, bool stream, as_err *err) {
  const bool single = j->nscan == 1;
  const int mcus = single ? j->scan[0]->blocks_w : (j->w + 8 * j->hmax - 1) / (8 * j->hmax);
  const int rows = single ? j->scan[0]->blocks_h : (j->h + 8 * j->vmax - 1) / (8 * j->vmax);
  for (int row = 0; row < rows; row++)
    for (int m = 0; m < mcus; m += J_GROUP) {
      as_status s = mcu_group(j, row, m, m + J_GROUP < mcus ? m + J_GROUP : mcus, stream, err);
      if (s != AS_OK) return s;
    }
  return AS_OK;
}
