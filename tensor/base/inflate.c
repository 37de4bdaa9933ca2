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
#include "tensor/base/inflate.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "tensor/base/bytes.h"
#include "tensor/base/crc32.h"
#include "tensor/base/mem.h"

enum {
  HISTORY = 32768, /* the farthest a match may reach back */
  ROOM = 98304,    /* streaming: bytes decoded before the buffer slides */
  LIT_BITS = 11,   /* bits looked up at once for literals and lengths */
  DIST_BITS = 9,
  LIT_TABLE = 2400, /* 2342 is the most that 288 symbols with an 11-bit root need; building checks it */
  DIST_TABLE = 640
};

/* A table entry: bits 0-4 code length, 5-8 kind, 9-13 number of extra bits (or, for a link, the
 * sub-table's index bits), 16-31 literal, base value or sub-table start. */
enum { K_LITERAL = 0, K_BASE = 1, K_END = 2, K_LINK = 3, K_BAD = 4 };
#define ENTRY(len, kind, extra, value) \
  ((uint32_t)(len) | (uint32_t)(kind) << 5 | (uint32_t)(extra) << 9 | (uint32_t)(value) << 16)
#define E_LEN(e) ((e)&31u)
#define E_KIND(e) ((e) >> 5 & 15u)
#define E_EXTRA(e) ((e) >> 9 & 31u)
#define E_VALUE(e) ((e) >> 16)

typedef enum phase {
  P_ZLIB_HEADER,
  P_GZ_HEADER,
  P_GZ_EXTRA_LEN,
  P_GZ_EXTRA,
  P_GZ_NAME,
  P_GZ_COMMENT,
  P_GZ_HCRC,
  P_BLOCK,
  P_STORED,
  P_DYN_COUNTS,
  P_DYN_PRE,
  P_DYN_LENS,
  P_CODES,
  P_MATCH,
  P_TRAILER,
  P_BETWEEN, /* gzip: a member has ended, another may follow */
  P_DONE
} phase;

struct as_inflate {
  as_inflate_format format;
  phase phase;
  bool last; /* the current block is the last of its member */
  uint64_t bits;
  unsigned nbits;
  uint8_t *buf; /* direct mode: the caller's output; NULL = win */
  size_t cap, pos;
  size_t member; /* where the member's output starts in buf: no match reaches before it */
  size_t summed; /* output before this is in `check` */
  size_t given;  /* streaming: output before this was delivered */
  uint32_t check;
  uint64_t member_bytes; /* output of the member before buf (streaming) */
  uint64_t in_total;     /* for messages */
  unsigned gz_flags, left, match_dist;
  unsigned n_lit, n_dist, n_pre, i_len;
  uint8_t lens[320];
  uint32_t lit[LIT_TABLE];
  uint32_t dist[DIST_TABLE];
  uint32_t pre[128];
  uint8_t win[HISTORY + ROOM];
};

typedef enum verdict { V_INPUT, V_FULL, V_DONE, V_BAD } verdict;

static const uint16_t len_base[29] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                      31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
static const uint8_t len_extra[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                      2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
static const uint16_t dist_base[30] = {1,    2,    3,    4,    5,    7,    9,    13,    17,    25,
                                       33,   49,   65,   97,   129,  193,  257,  385,   513,   769,
                                       1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};

static uint32_t lit_entry(unsigned sym, unsigned len) {
  if (sym < 256) return ENTRY(len, K_LITERAL, 0, sym);
  if (sym == 256) return ENTRY(len, K_END, 0, 0);
  if (sym > 285) return ENTRY(len, K_BAD, 0, 0); /* 286, 287 exist in the fixed code only */
  return ENTRY(len, K_BASE, len_extra[sym - 257], len_base[sym - 257]);
}
static uint32_t dist_entry(unsigned sym, unsigned len) {
  if (sym > 29) return ENTRY(len, K_BAD, 0, 0);
  return ENTRY(len, K_BASE, sym < 4 ? 0 : (sym >> 1) - 1, dist_base[sym]);
}
static uint32_t pre_entry(unsigned sym, unsigned len) {
  return ENTRY(len, K_LITERAL, 0, sym);
}

/* Lookup table of a canonical code; codes arrive least significant bit first, so indices are
 * bit-reversed codes. Codes longer than `root` go through a link to a sub-table that is as wide as
 * the longest code with that prefix. False: over-subscribed, or incomplete where that is not
 * allowed (a single one-bit code may be: `one_ok`), or no code at all (likewise `one_ok`: such a
 * table holds only bad entries and hurts when it is used). */
static bool build(uint32_t *table, size_t size, unsigned root, const uint8_t *lens, unsigned n, bool one_ok,
                  uint32_t (*entry)(unsigned sym, unsigned len)) {
  unsigned count[16] = {0}, first[16], max = 0;
  for (unsigned i = 0; i < n; i++) {
    count[lens[i]]++;
    if (lens[i] > max) max = lens[i];
  }
  long space = 1;
  unsigned code = 0;
  for (unsigned l = 1; l <= 15; l++) {
    space = space * 2 - (long)count[l];
    if (space < 0) return false;
    first[l] = code;
    code = (code + count[l]) << 1;
  }
  if (space > 0 && (max > 1 || !one_ok)) return false;
  for (size_t i = 0; i < (size_t)1 << root; i++) table[i] = ENTRY(1, K_BAD, 0, 0);
  size_t next = (size_t)1 << root;
  for (unsigned len = 1; len <= max; len++) {
    for (unsigned s = 0; s < n; s++) {
      if (lens[s] != len) continue;
      unsigned c = first[len]++, r = 0;
      count[len]--; /* from here on: codes not placed yet, what a sub-table may still receive */
      for (unsigned b = 0; b < len; b++) r |= (c >> b & 1u) << (len - 1 - b);
      if (len <= root) {
        uint32_t e = entry(s, len);
        for (size_t i = r; i < (size_t)1 << root; i += (size_t)1 << len) table[i] = e;
        continue;
      }
      size_t low = r & ((1u << root) - 1);
      if (E_KIND(table[low]) != K_LINK) {
        /* Symbols come in order of length, so this prefix's codes of length `len` and more fill
         * a sub-table; find how deep it must be. */
        unsigned deep = len - root;
        long open = 1L << deep;
        for (;;) {
          open -= (long)count[root + deep] + (root + deep == len); /* may still fall under this prefix */
          if (open <= 0 || root + deep >= max) break;
          deep++;
          open *= 2;
        }
        if (next + ((size_t)1 << deep) > size) return false;
        table[low] = ENTRY(root, K_LINK, deep, next);
        for (size_t i = 0; i < (size_t)1 << deep; i++) table[next + i] = ENTRY(1, K_BAD, 0, 0);
        next += (size_t)1 << deep;
      }
      unsigned deep = E_EXTRA(table[low]);
      if (len - root > deep) return false;
      uint32_t e = entry(s, len - root);
      for (size_t i = r >> root; i < (size_t)1 << deep; i += (size_t)1 << (len - root))
        table[E_VALUE(table[low]) + i] = e;
    }
  }
  return true;
}

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

static uint8_t *buffer(as_inflate *s) {
  return s->buf ? s->buf : s->win;
}

static void sum_up(as_inflate *s) {
  const uint8_t *p = buffer(s) + s->summed;
  size_t n = s->pos - s->summed;
  if (s->format == AS_DEFLATE_ZLIB) s->check = adler32(s->check, p, n);
  if (s->format == AS_DEFLATE_GZIP) s->check = as_crc32(s->check, p, n);
  s->summed = s->pos;
}

/* The caller's input while a call runs. */
typedef struct input {
  const uint8_t *p, *end;
} input;

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

static as_status bad(const as_inflate *s, as_err *err, const char *what) {
  return as_fail(err, AS_E_INPUT, "deflate data: %s (near compressed byte %llu)", what,
                 (unsigned long long)s->in_total);
}

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
  uint8_t *buf = buffer(s);
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
      buffer(s)[s->pos++] = (uint8_t)E_VALUE(e);
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
  if (!build(s->lit, LIT_TABLE, LIT_BITS, s->lens, s->n_lit, true, lit_entry))
    BAD("an impossible literal / length code");
  if (!build(s->dist, DIST_TABLE, DIST_BITS, s->lens + s->n_lit, s->n_dist, true, dist_entry))
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
  build(s->lit, LIT_TABLE, LIT_BITS, s->lens, 288, false, lit_entry);
  build(s->dist, DIST_TABLE, DIST_BITS, s->lens + 288, 32, false, dist_entry);
  s->phase = P_CODES;
  return V_DONE;
}

static verdict stored(as_inflate *s, input *in) {
  while (s->left > 0) {
    if (s->pos == s->cap) return V_FULL;
    if (s->nbits >= 8) { /* first what the bit buffer holds */
      buffer(s)[s->pos++] = (uint8_t)s->bits;
      drop(s, 8);
      s->left--;
      continue;
    }
    s->bits = 0; /* nbits is 0 here: drop the look-ahead that refill left above it */
    size_t n = s->left, have = (size_t)(in->end - in->p), room = s->cap - s->pos;
    if (n > have) n = have;
    if (n > room) n = room;
    if (n == 0) return V_INPUT;
    memcpy(buffer(s) + s->pos, in->p, n);
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
  sum_up(s);
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
static verdict run(as_inflate *s, input *in, const char **why) {
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
        if (!build(s->pre, 128, 7, s->lens, 19, false, pre_entry)) BAD("an impossible code-length code");
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
        copy_match(buffer(s) + s->pos, s->match_dist, n);
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

as_status as_inflate_clone(as_inflate **out, const as_inflate *s, as_err *err) {
  *out = as_alloc(1, sizeof **out, err);
  if (!*out) return AS_E_ENV;
  memcpy(*out, s, sizeof **out);
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
  sum_up(s);
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

as_status as_inflate_feed(as_inflate *s, const uint8_t *in_p, size_t in_n, size_t *in_used, uint8_t *out,
                          size_t out_n, size_t *out_got, int *done, as_err *err) {
  const uint8_t *start = in_n > 0 ? in_p : s->win;
  input in = {start, start + in_n};
  size_t got = 0;
  const char *why = "";
  *in_used = *out_got = 0;
  *done = 0;
  verdict v;
  do {
    if (s->pos == s->cap && s->given == s->pos) { /* keep the history, make room */
      sum_up(s);
      size_t cut = s->pos - HISTORY;
      memmove(s->win, s->win + cut, HISTORY);
      slide_by(s, cut);
    }
    v = run(s, &in, &why);
    size_t n = s->pos - s->given;
    if (n > out_n - got) n = out_n - got;
    if (n > 0) memcpy(out + got, s->win + s->given, n);
    s->given += n;
    got += n;
  } while (v == V_FULL && s->given == s->pos && got < out_n);
  settle(s, &in, start, v);
  *in_used = (size_t)(in.p - start);
  *out_got = got;
  if (v == V_BAD) return bad(s, err, why);
  *done = v == V_DONE && s->given == s->pos;
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
  verdict v = run(s, &in, &why);
  settle(s, &in, start, v);
  if (in_used) *in_used = (size_t)(in.p - start);
  if (v == V_BAD)
    st = bad(s, err, why);
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
