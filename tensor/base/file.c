#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE /* madvise */
#include "tensor/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tensor/base/mem.h"
#include "tensor/base/text.h"

/* What a pipe gives is kept in memory; one without end must not take all of it. */
#define STREAM_MAX ((uint64_t)1 << 34)

/* ---- reading ---------------------------------------------------------------------------------- */

/* What a path leads to that is no file: NULL for one that may be read. A pipe may when the shell opened it: reading
 * it ends when its writer does, while a named one would be waited for. */
static const char *not_a_file(const char *path, mode_t mode) {
  bool handed = as_starts_with(path, "/dev/fd/") || as_starts_with(path, "/proc/self/fd/") ||
                strcmp(path, "/dev/stdin") == 0;
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return handed ? NULL : "a named pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return S_ISREG(mode) ? NULL : "a device";
}

as_status as_open_read(as_opened *o, const char *path, as_err *err) {
  struct stat st;
  memset(o, 0, sizeof *o);
  o->fd = -1;
  const char *what = stat(path, &st) == 0 ? not_a_file(path, st.st_mode) : NULL;
  if (what) return as_fail(err, AS_E_INPUT, "%s: found %s, wanted a file", path, what);
  /* O_NONBLOCK: should a named pipe have taken its place since, opening it does not wait */
  o->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (o->fd < 0)
    return as_fail(err, errno == EMFILE || errno == ENFILE || errno == ENOMEM ? AS_E_ENV : AS_E_INPUT,
                   "%s: cannot open: %s", path, strerror(errno));
  as_status s = AS_OK;
  if (fstat(o->fd, &st) != 0) {
    s = as_fail(err, AS_E_ENV, "%s: cannot stat: %s", path, strerror(errno));
  } else if ((what = not_a_file(path, st.st_mode)) != NULL) {
    s = as_fail(err, AS_E_INPUT, "%s: found %s, wanted a file", path, what);
  } else if (S_ISFIFO(st.st_mode)) {
    o->stream = true;
    (void)fcntl(o->fd, F_SETFL, 0); /* its writer may be slower than we are */
  } else {
    o->size = (uint64_t)st.st_size;
    o->which[0] = (uint64_t)st.st_dev;
    o->which[1] = (uint64_t)st.st_ino;
  }
  if (s == AS_OK) return AS_OK;
  close(o->fd);
  o->fd = -1;
  return s;
}

/* Reads a pipe to its end. */
static as_status read_stream(as_file *f, int fd, const char *path, as_err *err) {
  void *buf = NULL;
  size_t cap = 0, n = 0;
  for (;;) {
    if (as_grow(&buf, &cap, n + 65536, 1, err) != AS_OK) break;
    ssize_t got = read(fd, (unsigned char *)buf + n, cap - n);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      as_fail(err, AS_E_ENV, "%s: read failed: %s", path, strerror(errno));
      break;
    }
    if (got == 0) {
      f->data = f->owned = buf;
      f->size = n;
      return AS_OK;
    }
    n += (size_t)got;
    if (n > STREAM_MAX) {
      as_fail(err, AS_E_INPUT, "%s: found over %llu bytes in a pipe, wanted a file", path,
              (unsigned long long)STREAM_MAX);
      as_free(buf);
      return AS_E_INPUT;
    }
  }
  as_free(buf);
  return AS_E_ENV;
}

as_status as_file_open(as_file *f, const char *path, as_err *err) {
  static const uint8_t empty[1];
  as_opened o;
  memset(f, 0, sizeof *f);
  as_status s = as_open_read(&o, path, err);
  if (s != AS_OK) return s;
  if (o.stream) {
    s = read_stream(f, o.fd, path, err);
  } else if (o.size == 0) {
    f->data = empty;
  } else if (o.size > SIZE_MAX) {
    s = as_fail(err, AS_E_ENV, "%s: too large to map: %" PRIu64 " bytes", path, o.size);
  } else {
    void *p = mmap(NULL, (size_t)o.size, PROT_READ, MAP_PRIVATE, o.fd, 0);
    if (p == MAP_FAILED) {
      s = as_fail(err, AS_E_ENV, "%s: cannot map %" PRIu64 " bytes: %s", path, o.size, strerror(errno));
    } else {
      f->data = f->map = p;
      f->size = (size_t)o.size;
    }
  }
  close(o.fd);
  return s;
}

void as_file_close(as_file *f) {
  if (f->map) munmap(f->map, f->size);
  as_free(f->owned);
  memset(f, 0, sizeof *f);
}

void as_file_release(const as_file *f, const void *p, size_t n) {
#ifdef MADV_DONTNEED
  if (!f->map || n == 0) return;
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), at = (size_t)((const uint8_t *)p - f->data);
  const size_t first = at / page * page; /* pages that are shared with a neighbour come back */
  (void)madvise((char *)f->map + first, at - first + n, MADV_DONTNEED);
#else
  (void)f, (void)p, (void)n;
#endif
}

void as_file_expect(const void *p, size_t n, as_access how) {
#ifdef MADV_WILLNEED
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), over = (size_t)((uintptr_t)p % page);
  const int advice = how == AS_ACCESS_SOON        ? MADV_WILLNEED
                     : how == AS_ACCESS_SCATTERED ? MADV_RANDOM
                                                  : MADV_NORMAL;
  if (n > 0) (void)madvise((void *)((uintptr_t)p - over), over + n, advice);
#else
  (void)p, (void)n, (void)how;
#endif
}

/* ---- paths and folders ------------------------------------------------------------------------ */

as_path_kind as_path_kind_of(const char *path) {
  struct stat st;
  if (stat(path, &st) != 0) return AS_PATH_NONE;
  if (S_ISREG(st.st_mode)) return AS_PATH_FILE;
  return S_ISDIR(st.st_mode) ? AS_PATH_DIR : AS_PATH_OTHER;
}

int64_t as_path_size(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && S_ISREG(st.st_mode) ? (int64_t)st.st_size : -1;
}

static const char *home;

void as_path_set_home(const char *dir) {
  home = dir && *dir ? dir : NULL;
}

char *as_path_join(const char *dir, const char *name, as_err *err) {
  if (home && name[0] == '~' && name[1] == '/') {
    dir = home;
    name += 2;
  }
  if (!dir || !*dir || *name == '/') return as_strdup(name, err);
  size_t n = strlen(dir), m = strlen(name);
  char *p = as_alloc(n + m + 2, 1, err);
  if (!p) return NULL;
  memcpy(p, dir, n);
  if (dir[n - 1] != '/') p[n++] = '/';
  memcpy(p + n, name, m + 1);
  return p;
}

const char *as_path_base(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

char *as_path_dir(const char *path, as_err *err) {
  const char *slash = strrchr(path, '/');
  if (!slash) return as_strdup(".", err);
  return as_strndup(path, slash == path ? 1 : (size_t)(slash - path), err);
}

as_status as_make_dirs(const char *path, as_err *err) {
  char *p = as_strdup(path, err);
  as_status s = AS_OK;
  if (!p) return AS_E_ENV;
  for (char *at = p + 1; s == AS_OK; at++) {
    if (*at != '/' && *at != '\0') continue;
    char end = *at;
    *at = '\0';
    const int why = mkdir(p, 0777) == 0 ? 0 : errno; /* before another call changes it */
    if (why && as_path_kind_of(p) != AS_PATH_DIR)
      s = as_fail(err, AS_E_ENV, "%s: cannot create the folder: %s", p, strerror(why));
    *at = end;
    if (!end) break;
  }
  as_free(p);
  return s;
}

static int by_bytes(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b); /* strcmp compares as unsigned char */
}

as_status as_dir_list(as_names *out, const char *path, as_err *err) {
  as_status s = AS_OK;
  struct dirent *e;
  memset(out, 0, sizeof *out);
  DIR *d = opendir(path);
  if (!d) return as_fail(err, AS_E_INPUT, "%s: cannot open the folder: %s", path, strerror(errno));
  while (errno = 0, (e = readdir(d)) != NULL) {
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    s = as_grow(&out->name, &out->cap, out->n + 1, sizeof *out->name, err);
    if (s != AS_OK) break;
    out->name[out->n] = as_strdup(e->d_name, err);
    if (!out->name[out->n]) {
      s = AS_E_ENV;
      break;
    }
    out->n++;
  }
  if (s == AS_OK && errno)
    s = as_fail(err, AS_E_ENV, "%s: cannot read the folder: %s", path, strerror(errno));
  closedir(d);
  if (s != AS_OK)
    as_names_clear(out);
  else if (out->n)
    qsort(out->name, out->n, sizeof *out->name, by_bytes);
  return s;
}

void as_names_clear(as_names *names) {
  for (size_t i = 0; i < names->n; i++) as_free(names->name[i]);
  as_free(names->name);
  memset(names, 0, sizeof *names);
}

/* ---- atomic output ---------------------------------------------------------------------------- */

/* The temporaries of the outputs that are open, for as_out_abandon. One beyond the table is swept by the next
 * run instead. */
static char *volatile open_temps[64];

static void put_temp(char *from, char *to) {
  for (size_t i = 0; i < sizeof open_temps / sizeof *open_temps; i++)
    if (open_temps[i] == from) {
      open_temps[i] = to;
      return;
    }
}

void as_out_abandon(void) {
  for (size_t i = 0; i < sizeof open_temps / sizeof *open_temps; i++)
    if (open_temps[i]) unlink(open_temps[i]);
}

/* Forgets the temporary, which is renamed or removed. */
static void drop_temp(as_out *o) {
  if (!o->temp) return;
  put_temp(o->temp, NULL);
  as_free(o->temp);
  o->temp = NULL;
}

/* Removes from dir the temporaries of processes that are gone from this machine; base NULL: of every output. */
static void sweep(const char *dir, const char *base) {
  DIR *d = opendir(dir);
  struct dirent *e;
  while (d && (e = readdir(d)) != NULL) {
    const char *dot = strrchr(e->d_name, '.');
    int64_t pid;
    if (!dot || !as_starts_with(dot, ".tmp") || !as_parse_i64(dot + 4, 1, INT32_MAX, &pid)) continue;
    if (base && ((size_t)(dot - e->d_name) != strlen(base) || !as_starts_with(e->d_name, base))) continue;
    if (kill((pid_t)pid, 0) != 0 && errno == ESRCH) (void)unlinkat(dirfd(d), e->d_name, 0);
  }
  if (d) closedir(d);
}

void as_out_sweep(const char *dir) {
  sweep(dir, NULL);
}

as_status as_out_open(as_out *o, const char *path, as_err *err) {
  memset(o, 0, sizeof *o);
  size_t n = strlen(path);
  /* A device or a pipe is written to, never replaced. */
  if (as_path_kind_of(path) == AS_PATH_OTHER) {
    if (!(o->path = as_strdup(path, err))) return AS_E_ENV;
    if ((o->f = fopen(path, "wb")) != NULL) return AS_OK;
    as_fail(err, AS_E_ENV, "%s: cannot write: %s", path, strerror(errno));
    as_out_abort(o);
    return AS_E_ENV;
  }
  o->path = as_strdup(path, err);
  o->temp = as_alloc(n + 40, 1, err);
  if (!o->path || !o->temp) {
    as_out_abort(o);
    return AS_E_ENV;
  }
  char *dir = as_path_dir(path, NULL);
  if (dir) sweep(dir, as_path_base(path));
  as_free(dir);
  /* O_EXCL with the process number: two runs never share a temporary, a stale one of a killed run
   * with the same number is replaced. */
  snprintf(o->temp, n + 40, "%s.tmp%ld", path, (long)getpid());
  put_temp(NULL, o->temp);
  int fd = open(o->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0 && errno == EEXIST && unlink(o->temp) == 0)
    fd = open(o->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd >= 0 && !(o->f = fdopen(fd, "wb"))) close(fd);
  if (!o->f) {
    as_fail(err, AS_E_ENV, "%s: cannot write: %s", path, strerror(errno));
    if (fd >= 0) unlink(o->temp);
    drop_temp(o);
    as_out_abort(o);
    return AS_E_ENV;
  }
  return AS_OK;
}

void as_out_write(as_out *o, const void *p, size_t n) {
  if (o->error || n == 0) return;
  if (fwrite(p, 1, n, o->f) != n) o->error = errno ? errno : EIO;
}

void as_out_printf(as_out *o, const char *fmt, ...) {
  va_list ap;
  if (o->error) return;
  va_start(ap, fmt);
  if (vfprintf(o->f, fmt, ap) < 0) o->error = errno ? errno : EIO;
  va_end(ap);
}

/* Makes the rename durable. Folders that cannot be opened or synced (some network file systems) are
 * no reason to fail: the file itself is on disk. */
static void sync_folder_of(const char *path) {
  char *dir = as_path_dir(path, NULL);
  int fd = dir ? open(dir, O_RDONLY | O_CLOEXEC) : -1;
  if (fd >= 0) {
    fsync(fd);
    close(fd);
  }
  as_free(dir);
}

as_status as_out_commit(as_out *o, as_err *err) {
  if (!o->error && fflush(o->f) != 0) o->error = errno;
  if (!o->error && fsync(fileno(o->f)) != 0 && errno != EINVAL && errno != EROFS) o->error = errno;
  if (fclose(o->f) != 0 && !o->error) o->error = errno;
  o->f = NULL;
  if (!o->error && o->temp && rename(o->temp, o->path) != 0) o->error = errno;
  as_status s = AS_OK;
  if (o->error) {
    s = as_fail(err, AS_E_ENV, "%s: cannot write: %s", o->path, strerror(o->error));
  } else if (o->temp) {
    drop_temp(o); /* renamed: nothing left to remove */
    sync_folder_of(o->path);
  }
  as_out_abort(o);
  return s;
}

void as_out_abort(as_out *o) {
  if (o->f) fclose(o->f);
  if (o->temp) unlink(o->temp);
  drop_temp(o);
  as_free(o->path);
  memset(o, 0, sizeof *o);
}

as_status as_file_write(const char *path, const void *p, size_t n, as_err *err) {
  as_out o;
  as_status s = as_out_open(&o, path, err);
  if (s != AS_OK) return s;
  as_out_write(&o, p, n);
  return as_out_commit(&o, err);
}
