#define _POSIX_C_SOURCE 200809L
#include "tensor/base/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tensor/base/file.h"
#include "tensor/base/mem.h"

enum { STEP = 1 << 30 }; /* read() of more than 2 GiB is not portable */

static as_status open_fd(const char *path, int *fd, struct stat *st, as_err *err) {
  *fd = open(path, O_RDONLY | O_CLOEXEC);
  if (*fd < 0)
    return as_fail(err, errno == EMFILE || errno == ENFILE || errno == ENOMEM ? AS_E_ENV : AS_E_INPUT,
                   "%s: cannot open: %s", path, strerror(errno));
  if (fstat(*fd, st) == 0) return AS_OK;
  as_status s = as_fail(err, AS_E_ENV, "%s: cannot stat: %s", path, strerror(errno));
  close(*fd);
  *fd = -1;
  return s;
}

bool as_disk_which(const char *path, uint64_t which[2], uint64_t *size) {
  struct stat st;
  if (stat(path, &st) != 0 || !S_ISREG(st.st_mode)) return false;
  which[0] = (uint64_t)st.st_dev;
  which[1] = (uint64_t)st.st_ino;
  if (size) *size = (uint64_t)st.st_size;
  return true;
}

as_status as_disk_open(as_disk *d, const char *path, as_err *err) {
  struct stat st;
  int fd;
  *d = (as_disk){.path = path, .fd = -1};
  if (stat(path, &st) != 0 || S_ISREG(st.st_mode)) { /* a pipe must not be opened twice */
    as_status s = open_fd(path, &fd, &st, err);
    if (s != AS_OK) return s;
    d->fd = fd;
    d->size = (uint64_t)st.st_size;
    d->which[0] = (uint64_t)st.st_dev;
    d->which[1] = (uint64_t)st.st_ino;
    return AS_OK;
  }
  as_file whole; /* says what is wrong with a folder, and reads a pipe */
  as_status s = as_file_open(&whole, path, err);
  if (s != AS_OK) return s;
  d->owned = as_alloc(whole.size + 1, 1, err);
  if (d->owned) {
    memcpy(d->owned, whole.data, whole.size);
    d->size = whole.size;
  }
  as_file_close(&whole);
  return d->owned ? AS_OK : AS_E_ENV;
}

void as_disk_rest(as_disk *d) {
  if (d->path && d->fd >= 0) close(d->fd);
  d->fd = -1;
}

void as_disk_close(as_disk *d) {
  as_disk_rest(d);
  as_free(d->owned);
  *d = (as_disk){.fd = -1};
}

static as_status read_fd(const as_disk *d, int fd, uint64_t at, size_t n, uint8_t *out, as_err *err) {
  for (size_t got = 0; got < n;) {
    ssize_t r = pread(fd, out + got, n - got < STEP ? n - got : STEP, (off_t)(at + got));
    if (r < 0 && errno == EINTR) continue;
    if (r < 0)
      return as_fail(err, AS_E_ENV, "%s: byte %" PRIu64 ": read failed: %s", d->path, at + got,
                     strerror(errno));
    if (r == 0)
      return as_fail(err, AS_E_INPUT,
                     "%s: found the end at byte %" PRIu64 ", it had %" PRIu64
                     " bytes when it was opened: it became shorter while it was read",
                     d->path, at + got, d->size);
    got += (size_t)r;
  }
  return AS_OK;
}

as_status as_disk_read(const as_disk *d, uint64_t at, size_t n, uint8_t *out, size_t *got, as_err *err) {
  *got = at >= d->size ? 0 : d->size - at < n ? (size_t)(d->size - at) : n;
  if (*got == 0) return AS_OK;
  if (d->owned) {
    memcpy(out, d->owned + at, *got);
    return AS_OK;
  }
  if (d->fd >= 0) return read_fd(d, d->fd, at, *got, out, err);
  struct stat st;
  int fd;
  as_status s = open_fd(d->path, &fd, &st, err);
  if (s != AS_OK) return s;
  if ((uint64_t)st.st_dev != d->which[0] || (uint64_t)st.st_ino != d->which[1])
    s = as_fail(err, AS_E_INPUT, "%s: found another file in its place than was listed", d->path);
  if (s == AS_OK) s = read_fd(d, fd, at, *got, out, err);
  close(fd);
  return s;
}

as_status as_disk_fetch(void *ctx, uint64_t at, size_t n, uint8_t *out, size_t *got, as_err *err) {
  const as_disk_part *p = ctx;
  *got = 0;
  if (at >= p->size) return AS_OK;
  return as_disk_read(p->disk, p->base + at, p->size - at < n ? (size_t)(p->size - at) : n, out, got, err);
}

as_status as_disk_load(const char *path, uint64_t max, uint8_t **out, size_t *n, as_err *err) {
  as_disk d;
  *out = NULL;
  *n = 0;
  as_status s = as_disk_open(&d, path, err);
  if (s == AS_OK && d.size > max)
    s = as_fail(err, AS_E_INPUT, "%s: found %" PRIu64 " bytes, wanted at most %" PRIu64, path, d.size, max);
  if (s == AS_OK && d.owned) {
    *out = d.owned;
    *n = (size_t)d.size;
    d.owned = NULL;
  } else if (s == AS_OK) {
    *out = as_alloc((size_t)d.size + 1, 1, err);
    s = *out ? as_disk_read(&d, 0, (size_t)d.size, *out, n, err) : AS_E_ENV;
    if (s != AS_OK) {
      as_free(*out);
      *out = NULL;
    }
  }
  as_disk_close(&d);
  return s;
}
