/* The wrappers of deflate: zlib (RFC 1950) and gzip (RFC 1952), their headers, trailers and check values. */
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

void as_inflate_sum_up(as_inflate *s) {
  const uint8_t *p = buffer_of(s) + s->summed;
  size_t n = s->pos - s->summed;
  if (s->format == AS_DEFLATE_ZLIB) s->check = adler32(s->check, p, n);
  if (s->format == AS_DEFLATE_GZIP) s->check = as_crc32(s->check, p, n);
  s->summed = s->pos;
}

static verdict zlib_header(as_inflate *s, input *in, const char **why) {
  NEED(16);
  unsigned cmf = peek(s, 8), flg = peek(s, 16) >> 8;
  if ((cmf & 15) != 8 || cmf >> 4 > 7 || (cmf << 8 | flg) % 31 != 0) BAD("not a zlib stream");
  if (flg & 32) BAD("a zlib stream with a preset dictionary");
  drop(s, 16);
  s->phase = P_BLOCK;
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

verdict as_inflate_wrap(as_inflate *s, input *in, const char **why) {
  if (s->phase == P_ZLIB_HEADER) return zlib_header(s, in, why);
  if (s->phase == P_TRAILER) return trailer(s, in, why);
  if (s->phase != P_BETWEEN) return gzip_header(s, in, why);
  /* Zeros between or after members are padding (tape blocks); anything that does not begin a member is not part
   * of the stream. */
  if (s->nbits < 8) refill(s, in);
  while (s->nbits >= 8 && peek(s, 8) == 0) {
    drop(s, 8);
    if (s->nbits < 8) refill(s, in);
  }
  if (s->nbits >= 8 && peek(s, 8) == 0x1f) start_member(s);
  return V_DONE;
}
