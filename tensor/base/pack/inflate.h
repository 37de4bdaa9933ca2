/* DEFLATE (RFC 1951), zlib (RFC 1950) and gzip (RFC 1952) decoding. Here rather than in data/,
 * because zip archives of weights and PNG and gzip files of data both need it, and those two rooms
 * never see each other. */
#ifndef AS_TENSOR_BASE_PACK_INFLATE_H
#define AS_TENSOR_BASE_PACK_INFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/base/status.h"

/* Streaming state: one window, no allocation. Init, then feed; each call consumes input and gives
 * output as far as both reach. */
typedef struct as_inflate as_inflate;
typedef enum as_inflate_format { AS_DEFLATE_RAW, AS_DEFLATE_ZLIB, AS_DEFLATE_GZIP } as_inflate_format;

as_status as_inflate_create(as_inflate **out, as_inflate_format format, as_err *err);
void as_inflate_destroy(as_inflate **s);
void as_inflate_reset(as_inflate *s);

/* Restart points of an indexed gzip file: tables and 32 KB of history, 46 KB in all when nothing is
 * pending. Save at any place; restore as often as wanted. The block from save is
 * released with as_free; it is for this process alone. */
as_status as_inflate_save(uint8_t **out, as_inflate *s, as_err *err);
as_status as_inflate_restore(as_inflate **out, const uint8_t *saved, as_err *err);
/* Decoded bytes that as_inflate_feed would give without looking at its input. */
size_t as_inflate_pending(const as_inflate *s);

/* What a call may take and fill; the call moves both on. */
typedef struct as_inflate_io {
  const uint8_t *in;
  size_t in_n;
  uint8_t *out;
  size_t out_n;
  bool
      done; /* set by the call: the last block and its trailer were checked (gzip: of every member; members that
              * follow each other are one stream) */
} as_inflate_io;
/* As far as both reach. Neither moved and not done: more input is needed (the data are cut off if there is none).
 * Damage: AS_E_INPUT. */
as_status as_inflate_feed(as_inflate *s, as_inflate_io *io, as_err *err);

/* Whole buffer at once: out must be filled exactly (out_n known, as in zip); less or more output,
 * or input that ends early, is AS_E_INPUT. *in_used (may be NULL) tells where the stream ended. */
as_status as_inflate_all(as_inflate_format format, const uint8_t *in, size_t in_n, size_t *in_used,
                         uint8_t *out, size_t out_n, as_err *err);

#endif
