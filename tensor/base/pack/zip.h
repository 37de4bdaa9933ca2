/* Zip archives in memory (APPNOTE 6.3.x): the central directory read strictly, members borrowed
 * where they are stored and inflated where they are deflated.
 *
 *   [local header][payload][descriptor]  ...  [central directory][zip64 record, locator][end record]
 *
 * Refused: anything on which two readers could disagree (local and central name, method or size that
 * differ, overlapping members, duplicate names, bytes before the first member or after the end
 * record), encrypted or multi-volume archives, methods other than stored and deflate, absolute names
 * and names with "..". */
#ifndef AS_TENSOR_BASE_PACK_ZIP_H
#define AS_TENSOR_BASE_PACK_ZIP_H

#include <stddef.h>
#include <stdint.h>

#include "tensor/base/status.h"

enum { AS_ZIP_MAX_ENTRIES = 200000, AS_ZIP_MAX_NAME = 4096 };

typedef struct as_zip_entry {
  const char *name;    /* NUL-terminated copy */
  const uint8_t *data; /* payload as it lies in the archive; borrowed */
  uint64_t packed;     /* its size */
  uint64_t size;       /* size after decompression */
  uint32_t crc;        /* of the decompressed bytes */
  uint16_t method;     /* 0 stored, 8 deflate */
} as_zip_entry;

typedef struct as_zip {
  as_zip_entry *entries; /* in the order of the central directory */
  size_t n;
  const as_zip_entry **by_name;
  char *names;
  const char *label;        /* borrowed; names the archive in messages */
  const uint8_t *directory; /* the central directory as it lies in the archive; borrowed */
  size_t directory_bytes;
} as_zip;

/* data must outlive z. AS_E_INPUT with the byte offset of what is wrong. */
as_status as_zip_open(as_zip *z, const uint8_t *data, size_t size, const char *label, as_err *err);
void as_zip_close(as_zip *z);
const as_zip_entry *as_zip_find(const as_zip *z, const char *name); /* or NULL */

/* The member's bytes: borrowed from the archive when stored (*block NULL), else inflated into *block
 * (from as_alloc, the caller's to free). verify 0 leaves a stored member's CRC-32 unread. */
as_status as_zip_read(const as_zip *z, const as_zip_entry *e, int verify, const uint8_t **bytes, void **block,
                      as_err *err);

/* CRC-32 of every stored member, on all threads. The message names the first bad one. */
as_status as_zip_verify(const as_zip *z, as_err *err);

#endif
