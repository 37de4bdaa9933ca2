/* The bytes between two markers.
 *
 * Unstuffing. In entropy-coded data a byte 0xff is written ff 00, so that no marker can be met by chance. A segment, the
 * bytes up to the next marker, is first copied with these zeros removed, and J_PAD zero bytes after it. The bit reader
 * then needs no test for 0xff, takes 8 bytes with one load, and reads zeros where data are missing, which is what libjpeg
 * feeds. The reader may be past the end by less than one MCU's bits before anybody looks: j_clamp moves it back
 * among the zeros after each block, so that it stays inside the padding.
 *
 * Running dry. After an MCU, ran_dry compares the bits taken with the bits that were there. If more were taken, a
 * warning is noted and `starved` is set: the blocks up to the next restart marker stay zero, as in libjpeg.
 *
 * Restarts. After every restart_interval MCUs the encoder ends the segment with the marker RSTm, m = 0..7 in turn, and
 * starts again with DC predictions and the end-of-band run at zero. Damage cannot spread over it; after damage, though,
 * the marker that comes may be another one. `next_restart` is the m that is due, and resync decides as libjpeg does. */
#include <string.h>

#include "data/image/jpeg_int.h"

/* Copies to seg up to a marker (0xff followed by neither 0 nor 0xff) or the end of the file. */
void as_jpeg_segment_start(as_jpeg *j) {
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
static size_t bits_taken(const as_jpeg *j) {
  return (size_t)(j->bits.p - j->seg) * 8 - (size_t)j->bits.n;
}

size_t as_jpeg_segment_left(const as_jpeg *j) {
  size_t used = (bits_taken(j) + 7) / 8;
  return used < j->seg_n ? j->seg_n - used : 0;
}
static bool ran_dry(const as_jpeg *j) {
  return bits_taken(j) > j->seg_n * 8;
}

as_status as_jpeg_after_mcu(as_jpeg *j, as_err *err) {
  if (j->bad_code) {
    j->bad_code = false;
    as_status s =
        as_jpeg_warn(j, err, "an entropy-coded segment holds a code that is not in its Huffman table");
    if (s != AS_OK) return s;
  }
  if (!j->starved && ran_dry(j)) {
    j->starved = true;
    return as_jpeg_warn(j, err, "an entropy-coded segment ends too early");
  }
  return AS_OK;
}

as_status as_jpeg_next_marker(as_jpeg *j, int *marker, as_err *err) {
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
      return skipped
                 ? as_jpeg_warn(j, err, "%zu foreign bytes before marker 0x%02x", skipped, (unsigned)*marker)
                 : AS_OK;
    }
    skipped += 2;
  }
  j->pos = j->n;
  *marker = J_M_EOI;
  return as_jpeg_warn(j, err, "the file is truncated: no end-of-image marker");
}

/* libjpeg's jpeg_resync_to_restart: a marker at most two ahead of the wanted one is kept (the data
 * between are missing), one at most two behind is skipped, anything farther off is taken as the
 * wanted one, a marker of another kind is kept. */
static as_status resync(as_jpeg *j, int wanted, as_err *err) {
  as_status s =
      as_jpeg_warn(j, err, "restart marker %d expected, marker 0x%02x found", wanted, (unsigned)j->unread);
  while (s == AS_OK) {
    int m = j->unread, d = (m - J_M_RST0 - wanted) & 7;
    if (m >= 0xc0) {
      if (m < J_M_RST0 || m > J_M_RST7 || d == 1 || d == 2) return AS_OK;
      if (d != 7 && d != 6) {
        j->unread = 0;
        return AS_OK;
      }
    }
    j->unread = 0;
    s = as_jpeg_next_marker(j, &m, err);
    j->unread = m;
  }
  return s;
}

as_status as_jpeg_restart(as_jpeg *j, as_err *err) {
  as_status s = AS_OK;
  size_t left = as_jpeg_segment_left(j);
  if (left) s = as_jpeg_warn(j, err, "%zu unused bytes before restart marker %d", left, j->next_restart);
  if (s == AS_OK && j->unread == 0) { /* the segment ended with the file */
    int m;
    s = as_jpeg_next_marker(j, &m, err);
    j->unread = m;
  }
  if (s != AS_OK) return s;
  if (j->unread == J_M_RST0 + j->next_restart)
    j->unread = 0;
  else
    s = resync(j, j->next_restart, err);
  if (s != AS_OK) return s;
  j->next_restart = (j->next_restart + 1) & 7;
  if (j->unread == 0) j->starved = false;
  as_jpeg_segment_start(j);
  for (int i = 0; i < j->nscan; i++) j->scan[i]->pred = 0;
  j->eobrun = 0;
  j->to_go = j->restart_interval;
  return AS_OK;
}
