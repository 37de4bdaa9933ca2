/* DEFLATE decoder (RFC 1951): the blocks.
 *
 * One resumable core reads bits from the caller's input and writes into a linear buffer whose
 * earlier bytes are the match history. For a whole-buffer call that buffer is the caller's output;
 * for streaming it is an internal one that slides. Every step of the state machine is atomic: it
 * looks at the bits it needs, and if some are missing it consumes nothing and asks for more input.
 * The longest item is a match, 15 + 5 + 15 + 13 = 48 bits, so a 64-bit bit buffer always suffices.
 *
 * What counts as damage follows zlib's inflate: over-subscribed codes, incomplete codes (except a
 * single code of one bit), more than 286 length or 30 distance codes, a block without an end code,
 * distances before the start of the member, wrong check values. */
#include "tensor/base/pack/inflate.h"

#include <string.h>

#include "tensor/base/pack/inflate_int.h"

/* The next symbol's entry with its full code length, from a table whose codes may be longer than
 * the bits at hand; *need is what it takes. */
static uint32_t lookup(const uint32_t *table, unsigned root, uint64_t bits, unsigned *len) {
  uint32_t e = table[bits & ((1u << root) - 1)];
  *len = E_LEN(e);
  if (E_KIND(e) == K_LINK) {
    e = table[E_VALUE(e) + (size_t)(bits >> root & ((1u << E_EXTRA(e)) - 1))];
    *len = root + E_LEN(e);
  }
  return e;
}

/* Copies inside the buffer, forwards, so that a distance below the length repeats. */
static void copy_match(uint8_t *dst, size_t dist, size_t n) {
  const uint8_t *src = dst - dist;
  if (dist >= n) {
    memcpy(dst, src, n);
  } else if (dist == 1) {
    memset(dst, *src, n);
  } else {
    while (n-- > 0) *dst++ = *src++;
  }
}

/* Compressed data of one block while both input and output have ample room: no bounds to check per symbol. Leaves with
 * everything in the state; block_codes goes on symbol by symbol. Why no check is missing:
 *
 *   input   A turn begins with 16 bytes ahead and refills at most twice, each time by at most 7 bytes; a refill wants 8
 *           ahead, and 16 - 7 are more. So each refill leaves at least 56 bits.
 *   bits    Up to three literals take 3 x 15 = 45 of them, and then the turn ends or the bits are filled up again. A match
 *           takes a length code, its extra bits, a distance code, its extra bits: 15 + 5 + 15 + 13 = 48.
 *   output  A turn begins with more than 258 + 8 bytes free: two literals and a match of at most 258 bytes, whose
 *           copy in pieces of 8 writes at most 264. */
static bool quick_codes(as_inflate *s, input *in, const char **why) {
  uint8_t *buf = buffer_of(s);
  size_t pos = s->pos;
  const size_t stop = s->cap >= 258 + 8 ? s->cap - 258 - 8 : 0;
  bool ok = true;
  while (in->end - in->p >= 16 && pos < stop) {
    refill(s, in);
    unsigned len;
    uint32_t e = lookup(s->lit, LIT_BITS, s->bits, &len);
    if (E_KIND(e) == K_LITERAL) { /* up to three literals of at most 15 bits per refill */
      buf[pos++] = (uint8_t)E_VALUE(e);
      drop(s, len);
      e = lookup(s->lit, LIT_BITS, s->bits, &len);
      if (E_KIND(e) == K_LITERAL) {
        buf[pos++] = (uint8_t)E_VALUE(e);
        drop(s, len);
        e = lookup(s->lit, LIT_BITS, s->bits, &len);
        if (E_KIND(e) == K_LITERAL) {
          buf[pos++] = (uint8_t)E_VALUE(e);
          drop(s, len);
          continue;
        }
      }
      refill(s, in);
    }
    if (E_KIND(e) == K_END) {
      drop(s, len);
      s->phase = s->last ? P_TRAILER : P_BLOCK;
      break;
    }
    if (E_KIND(e) != K_BASE) {
      *why = "a length code that does not exist";
      ok = false;
      break;
    }
    drop(s, len);
    size_t n = E_VALUE(e) + (size_t)peek(s, E_EXTRA(e));
    drop(s, E_EXTRA(e));
    e = lookup(s->dist, DIST_BITS, s->bits, &len);
    if (E_KIND(e) != K_BASE) {
      *why = "a distance code that does not exist";
      ok = false;
      break;
    }
    drop(s, len);
    size_t d = E_VALUE(e) + (size_t)peek(s, E_EXTRA(e));
    drop(s, E_EXTRA(e));
    if (d > pos - s->member) {
      *why = "a match that starts before the data";
      ok = false;
      break;
    }
    if (d >= 8) { /* eight bytes at a time; up to 7 bytes too many land inside the reserve */
      uint8_t *q = buf + pos;
      for (size_t i = 0; i < n; i += 8) memcpy(q + i, q + i - d, 8);
    } else {
      copy_match(buf + pos, d, n);
    }
    pos += n;
  }
  s->pos = pos;
  return ok;
}

static verdict block_codes(as_inflate *s, input *in, const char **why) {
  while (s->phase == P_CODES) {
    if (in->end - in->p >= 16 && s->cap - s->pos > 258 + 8) {
      if (!quick_codes(s, in, why)) return V_BAD;
      continue;
    }
    refill(s, in);
    uint64_t bits = s->bits;
    unsigned len;
    uint32_t e = lookup(s->lit, LIT_BITS, bits, &len);
    if (len > s->nbits) return V_INPUT;
    if (E_KIND(e) == K_LITERAL) {
      if (s->pos == s->cap) return V_FULL;
      buffer_of(s)[s->pos++] = (uint8_t)E_VALUE(e);
      drop(s, len);
      continue;
    }
    if (E_KIND(e) == K_END) {
      drop(s, len);
      s->phase = s->last ? P_TRAILER : P_BLOCK;
      break;
    }
    if (E_KIND(e) != K_BASE) BAD("a length code that does not exist");
    unsigned used = len + E_EXTRA(e);
    if (used > s->nbits) return V_INPUT;
    unsigned n = E_VALUE(e) + (unsigned)(bits >> len & (((uint64_t)1 << E_EXTRA(e)) - 1));
    bits >>= used;
    e = lookup(s->dist, DIST_BITS, bits, &len);
    if (used + len > s->nbits) return V_INPUT;
    if (E_KIND(e) != K_BASE) BAD("a distance code that does not exist");
    if (used + len + E_EXTRA(e) > s->nbits) return V_INPUT;
    size_t d = E_VALUE(e) + (size_t)(bits >> len & (((uint64_t)1 << E_EXTRA(e)) - 1));
    if (d > s->pos - s->member) BAD("a match that starts before the data");
    drop(s, used + len + E_EXTRA(e));
    s->left = n;
    s->match_dist = (unsigned)d;
    s->phase = P_MATCH;
    break;
  }
  return V_DONE;
}

/* A dynamic block describes its two codes by the lengths of their words, run-length coded (RFC 1951 3.2.7): the number of
 * lengths, then the code in which they are written, then they. */
static verdict dynamic_counts(as_inflate *s, input *in, const char **why) {
  NEED(14);
  s->n_lit = 257 + peek(s, 5);
  s->n_dist = 1 + (peek(s, 10) >> 5);
  s->n_pre = 4 + (peek(s, 14) >> 10);
  if (s->n_lit > 286 || s->n_dist > 30) BAD("more length or distance codes than exist");
  drop(s, 14);
  memset(s->lens, 0, sizeof s->lens);
  s->i_len = 0;
  s->phase = P_DYN_PRE;
  return V_DONE;
}

static verdict dynamic_code(as_inflate *s, input *in, const char **why) {
  static const uint8_t order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
  for (; s->i_len < s->n_pre; s->i_len++) {
    NEED(3);
    s->lens[order[s->i_len]] = (uint8_t)peek(s, 3);
    drop(s, 3);
  }
  if (!as_inflate_build(s, AS_CODE_PRE, s->lens, 19, false)) BAD("an impossible code-length code");
  memset(s->lens, 0, sizeof s->lens);
  s->i_len = 0;
  s->phase = P_DYN_LENS;
  return V_DONE;
}

static verdict dynamic_lengths(as_inflate *s, input *in, const char **why) {
  while (s->i_len < s->n_lit + s->n_dist) {
    refill(s, in);
    uint32_t e = s->pre[s->bits & 127];
    unsigned len = E_LEN(e), sym = E_VALUE(e);
    if (len > s->nbits) return V_INPUT;
    if (E_KIND(e) == K_BAD) BAD("a code-length code that does not exist");
    if (sym < 16) {
      drop(s, len);
      s->lens[s->i_len++] = (uint8_t)sym;
      continue;
    }
    unsigned extra = sym == 16 ? 2 : sym == 17 ? 3 : 7;
    if (len + extra > s->nbits) return V_INPUT;
    drop(s, len);
    unsigned n = (sym == 18 ? 11 : 3) + peek(s, extra);
    drop(s, extra);
    if (sym == 16 && s->i_len == 0) BAD("a repeated code length without a first one");
    if (n > s->n_lit + s->n_dist - s->i_len) BAD("more code lengths than codes");
    memset(s->lens + s->i_len, sym == 16 ? s->lens[s->i_len - 1] : 0, n);
    s->i_len += n;
  }
  if (s->lens[256] == 0) BAD("a block without an end code");
  if (!as_inflate_build(s, AS_CODE_LIT, s->lens, s->n_lit, true)) BAD("an impossible literal / length code");
  if (!as_inflate_build(s, AS_CODE_DIST, s->lens + s->n_lit, s->n_dist, true))
    BAD("an impossible distance code");
  s->phase = P_CODES;
  return V_DONE;
}

static verdict block_header(as_inflate *s, input *in, const char **why) {
  NEED(3);
  unsigned type = peek(s, 3) >> 1;
  if (type == 3) BAD("block type 3");
  if (type == 0) {
    unsigned skip = (s->nbits - 3) & 7; /* to the byte boundary: whole bytes only are ever added */
    NEED(3 + skip + 32);
    uint64_t v = s->bits >> (3 + skip);
    unsigned n = (unsigned)(v & 0xffff);
    if ((v >> 16 & 0xffff) != (n ^ 0xffffu)) BAD("a stored block whose length does not match its complement");
    s->last = peek(s, 1);
    drop(s, 3 + skip + 32);
    s->left = n;
    s->phase = P_STORED;
    return V_DONE;
  }
  s->last = peek(s, 1);
  drop(s, 3);
  if (type == 2) {
    s->phase = P_DYN_COUNTS;
    return V_DONE;
  }
  memset(s->lens, 8, 144); /* the fixed code, RFC 1951 3.2.6 */
  memset(s->lens + 144, 9, 112);
  memset(s->lens + 256, 7, 24);
  memset(s->lens + 280, 8, 8);
  memset(s->lens + 288, 5, 32);
  as_inflate_build(s, AS_CODE_LIT, s->lens, 288, false);
  as_inflate_build(s, AS_CODE_DIST, s->lens + 288, 32, false);
  s->phase = P_CODES;
  return V_DONE;
}

static verdict block_stored(as_inflate *s, input *in) {
  while (s->left > 0) {
    if (s->pos == s->cap) return V_FULL;
    if (s->nbits >= 8) { /* first what the bit buffer holds */
      buffer_of(s)[s->pos++] = (uint8_t)s->bits;
      drop(s, 8);
      s->left--;
      continue;
    }
    s->bits = 0; /* nbits is 0 here: drop the look-ahead that refill left above it */
    size_t n = s->left, have = (size_t)(in->end - in->p), room = s->cap - s->pos;
    if (n > have) n = have;
    if (n > room) n = room;
    if (n == 0) return V_INPUT;
    memcpy(buffer_of(s) + s->pos, in->p, n);
    s->pos += n;
    in->p += n;
    s->left -= (unsigned)n;
  }
  s->phase = s->last ? P_TRAILER : P_BLOCK;
  return V_DONE;
}

/* What is left of a match when the output was full. */
static verdict block_match(as_inflate *s) {
  size_t n = s->left, room = s->cap - s->pos;
  if (n > room) n = room;
  copy_match(buffer_of(s) + s->pos, s->match_dist, n);
  s->pos += n;
  s->left -= (unsigned)n;
  if (s->left > 0) return V_FULL;
  s->phase = P_CODES;
  return V_DONE;
}

verdict as_inflate_run(as_inflate *s, input *in, const char **why) {
  for (;;) {
    verdict v = V_DONE;
    switch (s->phase) {
      case P_BLOCK:
        v = block_header(s, in, why);
        break;
      case P_STORED:
        v = block_stored(s, in);
        break;
      case P_DYN_COUNTS:
        v = dynamic_counts(s, in, why);
        break;
      case P_DYN_PRE:
        v = dynamic_code(s, in, why);
        break;
      case P_DYN_LENS:
        v = dynamic_lengths(s, in, why);
        break;
      case P_CODES:
        v = block_codes(s, in, why);
        break;
      case P_MATCH:
        v = block_match(s);
        break;
      case P_DONE:
        return V_DONE;
      case P_BETWEEN:
        v = as_inflate_wrap(s, in, why);
        if (s->phase == P_BETWEEN) return v; /* no other member begins */
        break;
      default:
        v = as_inflate_wrap(s, in, why);
        break;
    }
    if (v != V_DONE) return v;
  }
}
