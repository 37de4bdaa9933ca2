/* Zip archives on disk, a member at a time: what images come in. The directory is read once; a member's own header is
 * read with its bytes. More liberal than zip.h, because names are labels here, and members that nobody asks for do not
 * matter: any names, any number of members, methods and encryption that are refused when such a member is read. */
#ifndef AS_TENSOR_BASE_PACK_ZIP_DISK_H
#define AS_TENSOR_BASE_PACK_ZIP_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/base/disk.h"
#include "tensor/base/status.h"

typedef struct as_zip_member {
  size_t name; /* offset in names */
  uint64_t at; /* of its local header */
  uint64_t packed, size;
  uint32_t crc; /* of the decompressed bytes */
  uint16_t method, flags;
  bool link; /* a symbolic link, whose bytes are the path that it leads to */
} as_zip_member;

typedef struct as_zip_disk {
  as_zip_member *member; /* in the order of the directory, without folders */
  size_t n;
  char *names; /* each NUL-terminated */
} as_zip_disk;

bool as_zip_is(const uint8_t *p, size_t n); /* begins like one: with a member, or empty */

/* Lists the archive, which is the whole file. AS_E_INPUT with the byte offset of what is wrong: a damaged or truncated
 * archive, several volumes. */
as_status as_zip_disk_open(as_zip_disk *z, const as_disk *disk, as_err *err);
void as_zip_disk_close(as_zip_disk *z);

/* All bytes of a member into out[size of it]. AS_E_INPUT: encrypted, packed by a method other than deflate, damaged
 * (CRC-32). Thread-safe. */
as_status as_zip_disk_read(const as_zip_disk *z, const as_disk *disk, size_t i, uint8_t *out, as_err *err);

#endif
