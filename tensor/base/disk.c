#define _POSIX_C_SOURCE 200809L
#include "tensor/base/disk.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tensor/base/file.h"
#include "tensor/base/mem.h"

enum { STEP = 1 << 30 }; /* read() of more than 2 GiB is not portable */

bool as_disk_which(const char *path, uint64_t which[2], uint64_t *size) {
  struct stat st;
  if (stat(path, &st) != 0 || !S_ISREG(st.st_mode)) return false;
  which[0] = (uint64_t)st.st_dev;
  which[1] = (uint64_t)st.st_ino;
  if (size) *size = (uint64_t)st.st_size;
  return true;
}

as_status as_disk_open(as_disk *d, const char *path, as_err *err) {
  as_opened o;
  *d = (as_disk){.path = path, .fd = -1};
  as_status s = as_open_read(&o, path, err);
  if (s != AS_OK) return s;
  if (!o.stream) {
    d->fd = o.fd;
    d->size = o.size;
    d->which[0] = o.which[0];
    d->which[1] = o.which[1];
    return AS_OK;
  }
  close(o.fd); /* nothing of it was read: the other end of /dev/fd/N is open as long as we hold N */
  as_file whole;
  s = as_file_open(&whole, path, err);
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
  as_opened o;
  as_status s = as_open_read(&o, d->path, err);
  if (s != AS_OK) return s;
  if (o.which[0] != d->which[0] || o.which[1] != d->which[1])
    s = as_fail(err, AS_E_INPUT, "%s: found another file in its place than was listed", d->path);
  if (s == AS_OK) s = read_fd(d, o.fd, at, *got, out, err);
  close(o.fd);
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
