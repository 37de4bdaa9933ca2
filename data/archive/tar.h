/* tar archives, read forward: ustar (POSIX.1-1988), GNU long names and base-256 numbers, pax
 * (POSIX.1-2001 path and size records), and the old format without magic. Nothing is unpacked;
 * members are listed with the place of their bytes. Names are labels: they never become paths. */
#ifndef AS_DATA_ARCHIVE_TAR_H
#define AS_DATA_ARCHIVE_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/base/status.h"
#include "tensor/base/text.h"

enum { AS_TAR_BLOCK = 512, AS_TAR_NAME_MAX = 4096, AS_TAR_PAX_MAX = 1 << 20 };

/* Gives bytes [at, at + n) of the archive into out. Calls come with at never decreasing. *got < n
 * only at the end of the archive. */
typedef as_status (*as_tar_fetch)(void *ctx, uint64_t at, size_t n, uint8_t *out, size_t *got, as_err *err);

typedef struct as_tar {
  const char *path; /* for messages, borrowed */
  as_tar_fetch fetch;
  void *ctx;
  uint64_t size;               /* of the archive, UINT64_MAX when not known beforehand (gzip) */
  uint64_t next;               /* offset of the next header */
  as_str name, link;           /* of the current member */
  as_str long_name, long_link; /* announced by 'L', 'K' and 'x' for the member to come */
  as_str pax_name, pax_link;
  uint64_t pax_size;
  bool has_pax_size, done;
  bool marked; /* at its end: two zero blocks, or one, say so; else its bytes ended */
} as_tar;

typedef struct as_tar_member {
  const char *name; /* without leading "./" and "/"; borrowed until the next call */
  uint64_t at;      /* offset of the bytes in the archive */
  uint64_t size;
  bool file;        /* a regular file; otherwise a folder, a link or a device */
  const char *link; /* what a link leads to, NULL for others; borrowed */
  bool
      hard; /* a hard link: `link` is the name of an earlier member. Else it is a path from this member's folder on */
} as_tar_member;

void as_tar_init(as_tar *t, const char *path, as_tar_fetch fetch, void *ctx, uint64_t size);
void as_tar_clear(as_tar *t);

/* The next member; *got = false at the end (two zero blocks, one, or the end of the bytes at a
 * member's boundary). A damaged header or a member that reaches past the end: AS_E_INPUT with the
 * byte offset. */
as_status as_tar_next(as_tar *t, as_tar_member *m, bool *got, as_err *err);

/* After the last member: how many bytes follow the end of the archive and are not all zero, and where they begin.
 * Reads all that is left. */
as_status as_tar_rest(as_tar *t, uint64_t *at, uint64_t *n, as_err *err);

/* Whether these 512 bytes are a header: the checksum is right. */
bool as_tar_is_header(const uint8_t block[AS_TAR_BLOCK]);

#endif
