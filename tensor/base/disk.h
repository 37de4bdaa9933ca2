/* Files that are read while they are used. A mapped file that becomes shorter kills the process that touches the lost
 * pages, and datasets lie on disks that others write to: so their bytes are asked for by read, and a file that changed
 * under way is an error of one image. */
#ifndef AS_TENSOR_BASE_DISK_H
#define AS_TENSOR_BASE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/base/status.h"

typedef struct as_disk {
  const char *path;  /* borrowed */
  int fd;            /* -1: opened anew for every read */
  uint64_t size;     /* bytes, when it was opened */
  uint64_t which[2]; /* device and inode */
  uint8_t *owned;    /* what a pipe gave, else NULL */
} as_disk;

/* A file, or a pipe that the shell opened, which is read to its end; what as_open_read refuses is refused. */
as_status as_disk_open(as_disk *d, const char *path, as_err *err);
/* Device and inode of a regular file, and its size (NULL: not wanted): two paths with the same are one file. False: no
 * such file. */
bool as_disk_which(const char *path, uint64_t which[2], uint64_t *size);
/* Gives the descriptor back: there may be more archives than descriptors. Later reads open the file again, and fail
 * when another one has taken its place. */
void as_disk_rest(as_disk *d);
void as_disk_close(as_disk *d); /* zeroed or closed twice is fine */

/* Bytes [at, at + n); *got < n only at the end that the file had when it was opened. An earlier end: AS_E_INPUT; the
 * disk fails: AS_E_ENV. Thread-safe. */
as_status as_disk_read(const as_disk *d, uint64_t at, size_t n, uint8_t *out, size_t *got, as_err *err);

/* A part of a file as a tar: as_disk_fetch has the signature of as_tar_fetch, ctx is an as_disk_part. */
typedef struct as_disk_part {
  const as_disk *disk;
  uint64_t base, size;
} as_disk_part;
as_status as_disk_fetch(void *ctx, uint64_t at, size_t n, uint8_t *out, size_t *got, as_err *err);

/* A whole file of at most `max` bytes into a new block (as_free). */
as_status as_disk_load(const char *path, uint64_t max, uint8_t **out, size_t *n, as_err *err);

#endif
