/* The records of a zip archive (PKWARE APPNOTE 6.3.10; section numbers are its). Private to tensor/base/pack. */
#ifndef AS_TENSOR_BASE_PACK_ZIP_INT_H
#define AS_TENSOR_BASE_PACK_ZIP_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/base/status.h"

enum {
  AS_ZIP_LOCAL = 30,   /* 4.3.7, fixed part of a local header */
  AS_ZIP_CENTRAL = 46, /* 4.3.12, of an entry of the central directory */
  AS_ZIP_END = 22,     /* 4.3.16, of the end record */
  AS_ZIP_END64 = 56,   /* 4.3.14 */
  AS_ZIP_LOCATOR = 20, /* 4.3.15 */
  /* an end record with the longest comment, and the zip64 records before it */
  AS_ZIP_TAIL = AS_ZIP_END + 65535 + AS_ZIP_LOCATOR + AS_ZIP_END64
};
#define AS_ZIP_SIG_LOCAL UINT32_C(0x04034b50)

enum { AS_ZIP_ENCRYPTED = 0x2041, AS_ZIP_DESCRIPTOR = 0x0008 }; /* flags: 4.4.4 */

typedef struct as_zip_directory {
  uint64_t offset, size, count;
} as_zip_directory;

typedef struct as_zip_central {
  const uint8_t *name; /* [name_n], borrowed */
  size_t name_n;
  size_t length; /* of the whole entry */
  uint64_t at;   /* of the local header */
  uint64_t packed, size;
  uint32_t crc;
  uint16_t method, flags;
  uint16_t mode; /* of the file, where a Unix program made the archive; else 0 */
} as_zip_central;

/* "LABEL: zip archive, byte N: WHAT"; AS_E_INPUT. */
as_status as_zip_bad(as_err *err, const char *label, uint64_t at, const char *what);

/* Where the central directory is, from the archive's last n bytes (AS_ZIP_TAIL, or all that there are), which begin
 * at `base`. The end record must close the archive, and the directory fill the space before it. */
as_status as_zip_find_directory(as_zip_directory *dir, const char *label, const uint8_t *tail, size_t n,
                                uint64_t base, uint64_t most, as_err *err);

/* One entry of the directory: h[left] begins with it, `at` is its place in the archive. Sizes are believable: stored
 * ones equal, deflated ones within deflate's ratio. */
as_status as_zip_read_central(as_zip_central *c, const char *label, const uint8_t *h, uint64_t left,
                              uint64_t at, as_err *err);

/* 4.5.3, zip64 values among the extra fields x[n]: in this order, those whose 32-bit field is all ones. `offset` may
 * be NULL. */
bool as_zip64_extra(const uint8_t *x, size_t n, uint64_t *usize, uint64_t *csize, uint64_t *offset);

#endif
