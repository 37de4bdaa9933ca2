/* Images that are bare pixels in a file of many (CIFAR, STL-10) become PNG files in memory, so that everything behind
 * the data set sees what it sees elsewhere: encoded images. Rows without filter, in a stored block of deflate. */
#include <string.h>

#include "data/sets/source_int.h"
#include "tensor/base/bytes.h"
#include "tensor/base/hash/crc32.h"
#include "tensor/base/mem.h"

/* RFC 1950, 8.2. */
static uint32_t adler32(const uint8_t *p, size_t n) {
  uint32_t a = 1, b = 0;
  for (size_t i = 0; i < n; i++) {
    a = (a + p[i]) % 65521;
    b = (b + a) % 65521;
  }
  return b << 16 | a;
}

static void put_be32(uint8_t *p, uint32_t v) {
  p[0] = (uint8_t)(v >> 24), p[1] = (uint8_t)(v >> 16), p[2] = (uint8_t)(v >> 8), p[3] = (uint8_t)v;
}

/* Length, type, CRC around n bytes that are in place at p + 8; returns what follows. */
static uint8_t *close_chunk(uint8_t *p, const char *type, size_t n) {
  put_be32(p, (uint32_t)n);
  memcpy(p + 4, type, 4);
  put_be32(p + 8 + n, as_crc32(0, p + 4, n + 4));
  return p + 12 + n;
}

/* Planes R, G, B of side x side bytes; by_column: each column's bytes follow each other, not each row's. */
static void put_rows(uint8_t *to, const uint8_t *planes, size_t side, bool by_column) {
  for (size_t y = 0; y < side; y++) {
    *to++ = 0; /* no filter */
    for (size_t x = 0; x < side; x++) {
      for (size_t c = 0; c < 3; c++)
        *to++ = planes[c * side * side + (by_column ? x * side + y : y * side + x)];
    }
  }
}

static size_t side_of(int record) {
  return record == AS_RECORD_STL ? 96 : record == AS_RECORD_CIFAR ? 32 : 0;
}

as_status as_record_to_png(as_blob *blob, as_err *err) {
  size_t side = side_of(blob->record), raw = side * (1 + 3 * side);
  if (blob->n != side * side * 3) return as_fail(err, AS_E_INPUT, "found %zu bytes of pixels", blob->n);
  size_t size = 8 + (12 + 13) + (12 + 2 + 5 + raw + 4) + 12;
  uint8_t *png = as_alloc(size, 1, err), *p = png;
  if (!png) return AS_E_ENV;
  memcpy(p, "\x89PNG\r\n\x1a\n", 8);
  p += 8;
  put_be32(p + 8, (uint32_t)side);
  put_be32(p + 12, (uint32_t)side);
  memcpy(p + 16, "\x08\x02\x00\x00\x00", 5); /* 8 bits, RGB */
  p = close_chunk(p, "IHDR", 13);
  uint8_t *z = p + 8;
  memcpy(z, "\x78\x01\x01", 3); /* zlib; one stored block, the last: raw is below 64 KiB */
  as_put_le16(z + 3, (uint16_t)raw);
  as_put_le16(z + 5, (uint16_t)~raw);
  put_rows(z + 7, blob->p, side, blob->record == AS_RECORD_STL);
  put_be32(z + 7 + raw, adler32(z + 7, raw));
  p = close_chunk(p, "IDAT", 7 + raw + 4);
  close_chunk(p, "IEND", 0);
  as_free(blob->owned);
  *blob = (as_blob){.p = png, .n = size, .owned = png};
  return AS_OK;
}
