/* DEFLATE decoder: RFC 1951 inside zlib (RFC 1950) or gzip (RFC 1952) wrappers.
 *
 * One resumable core (run) reads bits from the caller's input and writes into a linear buffer whose
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

#include "tensor/base/bytes.h"
#include "tensor/base/hash/crc32.h"
#include "tensor/base/pack/inflate_int.h"

static void start_member(as_inflate *s) {
  s->member = s->summed = s->pos;
  s->member_bytes = 0;
  s->last = false;
  s->left = 0;
  s->check = s->format == AS_DEFLATE_ZLIB ? 1 : 0;
  s->phase = s->format == AS_DEFLATE_RAW    ? P_BLOCK
             : s->format == AS_DEFLATE_ZLIB ? P_ZLIB_HEADER
                                            : P_GZ_HEADER;
}

void as_inflate_reset(as_inflate *s) {
  s->bits = 0;
  s->nbits = 0;
  s->pos = s->given = 0;
  s->in_total = 0;
  start_member(s);
}

static uint32_t adler32(uint32_t adler, const uint8_t *p, size_t n) {
  uint32_t a = adler & 0xffff, b = adler >> 16;
  while (n > 0) {
    size_t k = n < 5552 ? n : 5552; /* the most additions before b could pass 2^32 (RFC 1950) */
    n -= k;
    while (k-- > 0) {
      a += *p++;
      b += a;
    }
    a %= 65521;
    b %= 65521;
  }
  return b << 16 | a;
}

uint8_t *as_inflate_buffer(as_inflate *s) {
  return s->buf ? s->buf : s->win;
}

void as_inflate_sum_up(as_inflate *s) {
  const uint8_t *p = as_inflate_buffer(s) + s->summed;
  size_t n = s->pos - s->summed;
  if (s->format == AS_DEFLATE_ZLIB) s->check = adler32(s->check, p, n);
  if (s->format == AS_DEFLATE_GZIP) s->check = as_crc32(s->check, p, n);
  s->summed = s->pos;
}

/* Clears what lies above the valid bits (nbits is never more than 63). */
static void forget(as_inflate *s) {
  s->bits &= ((uint64_t)1 << s->nbits) - 1;
}

static void refill(as_inflate *s, input *in) {
  if (in->end - in->p >= 8) {
    s->bits |= as_le64(in->p) << s->nbits;
    in->p += (63 - s->nbits) >> 3;
    s->nbits |= 56;
    /* Bits above nbits are the next bytes' own bits: the next refill ORs the same values in. */
    return;
  }
  forget(s);
  while (s->nbits <= 56 && in->p < in->end) {
    s->bits |= (uint64_t)*in->p++ << s->nbits;
    s->nbits += 8;
  }
}

static uint32_t peek(const as_inflate *s, unsigned n) {
  return (uint32_t)(s->bits & (((uint64_t)1 << n) - 1));
}
static void drop(as_inflate *s, unsigned n) {
  s->bits >>= n;
  s->nbits -= n;
}

#define NEED(n)                           \
  do {                                    \
    if (s->nbits < (n)) {                 \
      refill(s, in);                      \
      if (s->nbits < (n)) return V_INPUT; \
    }                                     \
  } while (0)

#define BAD(what)  \
  do {             \
    *why = (what); \
    return V_BAD;  \
  } while (0)

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

/* Compressed data of one block while both input and output have ample room: no bounds to check per
 * symbol. Leaves with everything in the state; run() goes on symbol by symbol. */
static bool fast(as_inflate *s, input *in, const char **why) {
  uint8_t *buf = as_inflate_buffer(s);
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

static verdict codes(as_inflate *s, input *in, const char **why) {
  while (s->phase == P_CODES) {
    if (in->end - in->p >= 16 && s->cap - s->pos > 258 + 8) {
      if (!fast(s, in, why)) return V_BAD;
      continue;
    }
    refill(s, in);
    uint64_t bits = s->bits;
    unsigned len;
    uint32_t e = lookup(s->lit, LIT_BITS, bits, &len);
    if (len > s->nbits) return V_INPUT;
    if (E_KIND(e) == K_LITERAL) {
      if (s->pos == s->cap) return V_FULL;
      as_inflate_buffer(s)[s->pos++] = (uint8_t)E_VALUE(e);
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

/* Code lengths of a dynamic block, then its tables. */
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

static verdict stored(as_inflate *s, input *in) {
  while (s->left > 0) {
    if (s->pos == s->cap) return V_FULL;
    if (s->nbits >= 8) { /* first what the bit buffer holds */
      as_inflate_buffer(s)[s->pos++] = (uint8_t)s->bits;
      drop(s, 8);
      s->left--;
      continue;
    }
    s->bits = 0; /* nbits is 0 here: drop the look-ahead that refill left above it */
    size_t n = s->left, have = (size_t)(in->end - in->p), room = s->cap - s->pos;
    if (n > have) n = have;
    if (n > room) n = room;
    if (n == 0) return V_INPUT;
    memcpy(as_inflate_buffer(s) + s->pos, in->p, n);
    s->pos += n;
    in->p += n;
    s->left -= (unsigned)n;
  }
  s->phase = s->last ? P_TRAILER : P_BLOCK;
  return V_DONE;
}

static verdict trailer(as_inflate *s, input *in, const char **why) {
  unsigned skip = s->nbits & 7;
  if (s->format == AS_DEFLATE_RAW) {
    drop(s, skip);
    s->phase = P_DONE;
    return V_DONE;
  }
  as_inflate_sum_up(s);
  if (s->format == AS_DEFLATE_ZLIB) {
    NEED(skip + 32);
    uint32_t v = (uint32_t)(s->bits >> skip);
    uint32_t want = v >> 24 | (v >> 8 & 0xff00) | (v << 8 & 0xff0000) | v << 24;
    if (s->check != want) BAD("the Adler-32 check value does not match");
    drop(s, skip + 32);
    s->phase = P_DONE;
    return V_DONE;
  }
  /* gzip: CRC-32, then the size modulo 2^32; together 64 bits, so in two steps. `left` remembers
   * that the first is done. */
  if (s->left == 0) {
    NEED(skip + 32);
    if (s->check != (uint32_t)(s->bits >> skip)) BAD("the CRC-32 check value does not match");
    drop(s, skip + 32);
    s->left = 1;
  }
  NEED(32);
  uint64_t size = s->member_bytes + (s->pos - s->member);
  if ((uint32_t)size != (uint32_t)s->bits) BAD("the size in the gzip trailer does not match");
  drop(s, 32);
  s->left = 0;
  s->phase = P_BETWEEN;
  return V_DONE;
}

static verdict gzip_header(as_inflate *s, input *in, const char **why) {
  switch (s->phase) {
    case P_GZ_HEADER: /* ID1 ID2 CM FLG MTIME(4) XFL OS; in two steps because 80 bits do not fit */
      if (s->left == 0) {
        NEED(32);
        uint32_t v = (uint32_t)s->bits;
        if ((v & 0xffff) != 0x8b1f) BAD("not gzip data");
        if ((v >> 16 & 0xff) != 8 || v >> 29 != 0) BAD("a gzip header with an unknown method or flag");
        s->gz_flags = v >> 24;
        drop(s, 32);
        s->left = 1;
      }
      NEED(48);
      drop(s, 48);
      s->left = 0;
      s->phase = P_GZ_EXTRA_LEN;
      break;
    case P_GZ_EXTRA_LEN:
      if (s->gz_flags & 4) {
        NEED(16);
        s->left = peek(s, 16);
        drop(s, 16);
      }
      s->phase = P_GZ_EXTRA;
      break;
    case P_GZ_EXTRA:
      for (; s->left > 0; s->left--) {
        NEED(8);
        drop(s, 8);
      }
      s->phase = P_GZ_NAME;
      break;
    case P_GZ_NAME:
    case P_GZ_COMMENT:
      if (s->gz_flags & (s->phase == P_GZ_NAME ? 8u : 16u)) {
        NEED(8);
        unsigned c = peek(s, 8);
        drop(s, 8);
        if (c != 0) break;
      }
      s->phase = s->phase == P_GZ_NAME ? P_GZ_COMMENT : P_GZ_HCRC;
      break;
    default: /* P_GZ_HCRC: the header's own 16-bit check is skipped, as most readers do */
      if (s->gz_flags & 2) {
        NEED(16);
        drop(s, 16);
      }
      s->phase = P_BLOCK;
      break;
  }
  return V_DONE;
}

/* Runs until input or room is missing, the stream is done or the data are bad. */
verdict as_inflate_run(as_inflate *s, input *in, const char **why) {
  for (;;) {
    verdict v = V_DONE;
    switch (s->phase) {
      case P_ZLIB_HEADER: {
        NEED(16);
        unsigned cmf = peek(s, 8), flg = peek(s, 16) >> 8;
        if ((cmf & 15) != 8 || cmf >> 4 > 7 || (cmf << 8 | flg) % 31 != 0) BAD("not a zlib stream");
        if (flg & 32) BAD("a zlib stream with a preset dictionary");
        drop(s, 16);
        s->phase = P_BLOCK;
        break;
      }
      case P_GZ_HEADER:
      case P_GZ_EXTRA_LEN:
      case P_GZ_EXTRA:
      case P_GZ_NAME:
      case P_GZ_COMMENT:
      case P_GZ_HCRC:
        v = gzip_header(s, in, why);
        break;
      case P_BLOCK:
        v = block_header(s, in, why);
        break;
      case P_STORED:
        v = stored(s, in);
        break;
      case P_DYN_COUNTS:
        NEED(14);
        s->n_lit = 257 + peek(s, 5);
        s->n_dist = 1 + (peek(s, 10) >> 5);
        s->n_pre = 4 + (peek(s, 14) >> 10);
        if (s->n_lit > 286 || s->n_dist > 30) BAD("more length or distance codes than exist");
        drop(s, 14);
        memset(s->lens, 0, sizeof s->lens);
        s->i_len = 0;
        s->phase = P_DYN_PRE;
        break;
      case P_DYN_PRE: {
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
        break;
      }
      case P_DYN_LENS:
        v = dynamic_lengths(s, in, why);
        break;
      case P_CODES:
        v = codes(s, in, why);
        break;
      case P_MATCH: {
        size_t n = s->left, room = s->cap - s->pos;
        if (n > room) n = room;
        copy_match(as_inflate_buffer(s) + s->pos, s->match_dist, n);
        s->pos += n;
        s->left -= (unsigned)n;
        if (s->left > 0) return V_FULL;
        s->phase = P_CODES;
        break;
      }
      case P_TRAILER:
        v = trailer(s, in, why);
        break;
      case P_BETWEEN:
        /* Zeros between or after members are padding (tape blocks); anything that does not begin
         * a member is not part of the stream. */
        if (s->nbits < 8) refill(s, in);
        if (s->nbits < 8) return V_DONE;
        if (peek(s, 8) == 0) {
          drop(s, 8);
          break;
        }
        if (peek(s, 8) != 0x1f) return V_DONE;
        start_member(s);
        break;
      case P_DONE:
        return V_DONE;
    }
    if (v != V_DONE) return v;
  }
}
