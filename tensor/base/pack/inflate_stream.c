/* The calls of inflate.h around the decoder in inflate.c: streams, restart points, whole buffers. */
#include "tensor/base/pack/inflate.h"

#include <string.h>

#include "tensor/base/bytes.h"
#include "tensor/base/mem.h"
#include "tensor/base/pack/inflate_int.h"

static as_status damaged(const as_inflate *s, as_err *err, const char *what) {
  return as_fail(err, AS_E_INPUT, "deflate data: %s (near compressed byte %llu)", what,
                 (unsigned long long)s->in_total);
}

/* Whole bytes that were read ahead in this call go back to the caller, but for those that an
 * unfinished item waits with. */
static void unread(as_inflate *s, input *in, const uint8_t *start) {
  while (s->nbits >= 8 && in->p > start) {
    s->nbits -= 8;
    in->p--;
  }
  forget(s);
}

static void settle(as_inflate *s, input *in, const uint8_t *start, verdict v) {
  if (v == V_INPUT)
    forget(s);
  else
    unread(s, in, start);
  s->in_total += (uint64_t)(in->p - start);
}

as_status as_inflate_create(as_inflate **out, as_inflate_format format, as_err *err) {
  *out = NULL;
  as_inflate *s = as_alloc(1, sizeof *s, err);
  if (!s) return AS_E_ENV;
  s->format = format;
  s->buf = NULL;
  s->cap = sizeof s->win;
  as_inflate_reset(s);
  *out = s;
  return AS_OK;
}

/* The window in front of what is kept is gone: positions in it move down by `cut`. */
static void slide_by(as_inflate *s, size_t cut) {
  s->member_bytes += cut > s->member ? cut - s->member : 0;
  s->member = s->member > cut ? s->member - cut : 0;
  s->pos -= cut;
  s->summed -= cut;
  s->given -= cut;
}

/* What as_inflate_save leaves: this, the struct up to its window, and the part of the window. */
typedef struct saved_head {
  size_t cut, kept;
} saved_head;

as_status as_inflate_save(uint8_t **out, as_inflate *s, as_err *err) {
  as_inflate_sum_up(s);
  size_t state = offsetof(as_inflate, win);
  saved_head h = {.cut = s->pos > HISTORY ? s->pos - HISTORY : 0};
  if (s->given < h.cut) h.cut = s->given;
  h.kept = s->pos - h.cut;
  uint8_t *p = as_alloc(sizeof h + state + h.kept, 1, err);
  if (!p) return AS_E_ENV;
  memcpy(p, &h, sizeof h);
  memcpy(p + sizeof h, s, state);
  memcpy(p + sizeof h + state, s->win + h.cut, h.kept);
  *out = p;
  return AS_OK;
}

as_status as_inflate_restore(as_inflate **out, const uint8_t *saved, as_err *err) {
  size_t state = offsetof(as_inflate, win);
  saved_head h;
  as_inflate *s = as_alloc(1, sizeof *s, err);
  if (!s) return AS_E_ENV;
  memcpy(&h, saved, sizeof h);
  memcpy(s, saved + sizeof h, state);
  memcpy(s->win, saved + sizeof h + state, h.kept);
  slide_by(s, h.cut);
  *out = s;
  return AS_OK;
}

size_t as_inflate_pending(const as_inflate *s) {
  return s->pos - s->given;
}

void as_inflate_destroy(as_inflate **s) {
  as_free(*s);
  *s = NULL;
}

as_status as_inflate_feed(as_inflate *s, as_inflate_io *io, as_err *err) {
  const uint8_t *start = io->in_n > 0 ? io->in : s->win; /* never NULL */
  input in = {start, start + io->in_n};
  const char *why = "";
  verdict v;
  do {
    if (s->pos == s->cap && s->given == s->pos) { /* keep the history, make room */
      as_inflate_sum_up(s);
      size_t cut = s->pos - HISTORY;
      memmove(s->win, s->win + cut, HISTORY);
      slide_by(s, cut);
    }
    v = as_inflate_run(s, &in, &why);
    size_t n = s->pos - s->given;
    if (n > io->out_n) n = io->out_n;
    if (n > 0) {
      memcpy(io->out, s->win + s->given, n);
      io->out += n;
      io->out_n -= n;
    }
    s->given += n;
  } while (v == V_FULL && s->given == s->pos && io->out_n > 0);
  settle(s, &in, start, v);
  const size_t used = (size_t)(in.p - start);
  if (used > 0) io->in += used;
  io->in_n -= used;
  io->done = v == V_DONE && s->given == s->pos;
  if (v == V_BAD) return damaged(s, err, why);
  return AS_OK;
}

as_status as_inflate_all(as_inflate_format format, const uint8_t *in_p, size_t in_n, size_t *in_used,
                         uint8_t *out, size_t out_n, as_err *err) {
  static const uint8_t none[1];
  uint8_t empty[1];
  as_inflate *s;
  as_status st = as_inflate_create(&s, format, err);
  if (st != AS_OK) return st;
  s->buf = out_n > 0 ? out : empty;
  s->cap = out_n;
  const uint8_t *start = in_n > 0 ? in_p : none;
  input in = {start, start + in_n};
  const char *why = "";
  verdict v = as_inflate_run(s, &in, &why);
  settle(s, &in, start, v);
  if (in_used) *in_used = (size_t)(in.p - start);
  if (v == V_BAD)
    st = damaged(s, err, why);
  else if (v == V_INPUT)
    st = as_fail(err, AS_E_INPUT, "deflate data: end of input after %zu bytes, %zu of %zu bytes decoded",
                 in_n, s->pos, out_n);
  else if (v == V_FULL)
    st = as_fail(err, AS_E_INPUT, "deflate data: more than the %zu bytes that were declared", out_n);
  else if (s->pos != out_n)
    st = as_fail(err, AS_E_INPUT, "deflate data: %zu bytes decoded, %zu were declared", s->pos, out_n);
  as_inflate_destroy(&s);
  return st;
}
