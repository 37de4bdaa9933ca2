/* Inside of inflate.
 *
 *   inflate_table.c   code lengths to tables
 *   inflate_wrap.c    headers, trailers and check values of zlib and gzip
 *   inflate.c         blocks: the decoder proper
 *   inflate_stream.c  the public face: streams, restart points, whole buffers
 */
#ifndef AS_TENSOR_BASE_PACK_INFLATE_INT_H
#define AS_TENSOR_BASE_PACK_INFLATE_INT_H

#include <stdbool.h>

#include "tensor/base/bytes.h"
#include "tensor/base/pack/inflate.h"

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

/* The caller's input while a call runs. */
typedef struct input {
  const uint8_t *p, *end;
} input;

/* ---- bits ----
 *
 * s->bits holds s->nbits bits of input, the next one lowest, as RFC 1951 packs them. nbits is never above 63.
 *
 * With 8 bytes ahead, refill ORs a whole little-endian word in above the valid bits and counts as many whole bytes as
 * fit: nbits becomes 56 | (nbits & 7), at least 56, and the pointer moves by (63 - nbits) / 8 bytes. What of the word
 * stands above nbits are the next bytes' own bits; the next refill ORs the same values over them, which changes
 * nothing. Only near the end of the input, where bytes go in one by one, must they be cleared first (forget). */

static inline void forget(as_inflate *s) {
  s->bits &= ((uint64_t)1 << s->nbits) - 1;
}

static inline void refill(as_inflate *s, input *in) {
  if (in->end - in->p >= 8) {
    s->bits |= as_le64(in->p) << s->nbits;
    in->p += (63 - s->nbits) >> 3;
    s->nbits |= 56;
    return;
  }
  forget(s);
  while (s->nbits <= 56 && in->p < in->end) {
    s->bits |= (uint64_t)*in->p++ << s->nbits;
    s->nbits += 8;
  }
}

static inline uint32_t peek(const as_inflate *s, unsigned n) {
  return (uint32_t)(s->bits & (((uint64_t)1 << n) - 1));
}
static inline void drop(as_inflate *s, unsigned n) {
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

static inline uint8_t *buffer_of(as_inflate *s) {
  return s->buf ? s->buf : s->win;
}

/* Fills s->lit, s->dist or s->pre; see inflate_table.c. */
typedef enum as_inflate_code { AS_CODE_LIT, AS_CODE_DIST, AS_CODE_PRE } as_inflate_code;
bool as_inflate_build(as_inflate *s, as_inflate_code which, const uint8_t *lens, unsigned n, bool one_ok);

/* Runs until input or room is missing, the stream is done or the data are bad (*why). */
verdict as_inflate_run(as_inflate *s, input *in, const char **why);
/* The phases outside the blocks: P_ZLIB_HEADER to P_GZ_HCRC, P_TRAILER, P_BETWEEN. V_DONE: go on with the phase that
 * s has now; in P_BETWEEN, when s stays there, the stream is done. */
verdict as_inflate_wrap(as_inflate *s, input *in, const char **why);
void as_inflate_sum_up(as_inflate *s); /* brings s->check up to s->pos */

#endif
