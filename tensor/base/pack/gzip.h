/* Random access to a gzip file (RFC 1952): one forward pass notes restart points, after which any
 * range is read by decoding from the nearest point before it. */
#ifndef AS_TENSOR_BASE_PACK_GZIP_H
#define AS_TENSOR_BASE_PACK_GZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/base/disk.h"
#include "tensor/base/pack/inflate.h"
#include "tensor/base/status.h"

typedef struct as_gzip as_gzip;

/* Opens the file; reads nothing yet. */
as_status as_gzip_open(as_gzip **out, const char *path, as_err *err);
/* The same for a file that is open; it is taken over, also on failure. */
as_status as_gzip_take(as_gzip **out, as_disk disk, as_err *err);
void as_gzip_close(as_gzip **g);

/* The forward pass, with the signature of as_tar_fetch: bytes [at, at + n) of the decoded data, at
 * never decreasing. *got < n only at the end. Damage, and a file that became shorter: AS_E_INPUT. */
as_status as_gzip_fetch(void *gzip, uint64_t at, size_t n, uint8_t *out, size_t *got, as_err *err);

/* Bytes [at, at + n), which the forward pass has gone over. Thread-safe. */
as_status as_gzip_read(const as_gzip *g, uint64_t at, size_t n, uint8_t *out, as_err *err);

/* A whole compressed buffer into a new one of at most `max` bytes (as_free); where the size is not
 * known beforehand. */
as_status as_unpack(as_inflate_format format, const uint8_t *p, size_t n, size_t max, uint8_t **out,
                    size_t *out_n, as_err *err);

bool as_gzip_is(const uint8_t *p, size_t n); /* magic 1f 8b 08 */

#endif
