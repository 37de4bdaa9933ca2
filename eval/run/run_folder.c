#define _POSIX_C_SOURCE 200809L
#include "eval/run/run_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "eval/run/prints.h"
#include "tensor/base/log.h"
#include "tensor/base/mem.h"

static const char *const parts[] = {"cells", "heads", "prints"};
enum { PARTS = sizeof parts / sizeof *parts };

/* DIR/FORMAT */
static char *path_in(const char *dir, as_err *err, const char *fmt, va_list ap) {
  as_str path = {0};
  char name[256];
  vsnprintf(name, sizeof name, fmt, ap);
  as_str_printf(&path, "%s/%s", dir, name);
  char *p = as_str_status(&path, err) == AS_OK ? as_strdup(as_str_c(&path), err) : NULL;
  as_str_clear(&path);
  return p;
}

static char *path_of(const char *dir, as_err *err, const char *fmt, ...) AS_PRINTF(3, 4);
static char *path_of(const char *dir, as_err *err, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  char *p = path_in(dir, err, fmt, ap);
  va_end(ap);
  return p;
}

/* ---- the lock ----------------------------------------------------------------------------------------- */

/* A lock of fcntl: the system drops it when its process ends, however that ends. */
static int lock_whole(int fd) {
  struct flock l;
  memset(&l, 0, sizeof l);
  l.l_type = F_WRLCK;
  l.l_whence = SEEK_SET;
  return fcntl(fd, F_SETLK, &l);
}

static as_status say_holder(const char *dir, int fd, as_err *err) {
  char who[200] = "";
  ssize_t n = pread(fd, who, sizeof who - 1, 0);
  who[n > 0 ? n : 0] = 0;
  who[strcspn(who, "\n")] = 0;
  return as_fail(err, AS_E_ENV,
                 "%s: %s works in this folder; wanted it alone (wait, or give another with -o)", dir,
                 *who ? who : "another process");
}

static void write_holder(int fd) {
  struct utsname host;
  char who[200];
  int n = snprintf(who, sizeof who, "process %ld on %.100s\n", (long)getpid(),
                   uname(&host) == 0 ? host.nodename : "this machine");
  if (ftruncate(fd, 0) != 0 || pwrite(fd, who, (size_t)n, 0) != n) return; /* the lock holds without a name */
}

/* The holder removes the file when it is done: a process that opened it before may then lock a file that has no name any
 * more. It looks, and tries again. */
static as_status take_lock(as_run_folder *f, as_err *err) {
  char *path = path_of(f->dir, err, "lock");
  if (!path) return AS_E_ENV;
  as_status s = AS_OK;
  for (bool again = true; again;) {
    struct stat mine, named;
    again = false;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) {
      s = as_fail(err, AS_E_ENV, "%s: cannot write: %s", path, strerror(errno));
    } else if (lock_whole(fd) == 0) {
      again = fstat(fd, &mine) != 0 || stat(path, &named) != 0 || mine.st_ino != named.st_ino ||
              mine.st_dev != named.st_dev;
      if (!again) f->lock = fd;
    } else if (errno == EACCES || errno == EAGAIN) {
      s = say_holder(f->dir, fd, err);
    } else {
      as_log_line(AS_LOG_WARN, "%s: cannot be locked here (%s): see to it that one run at a time uses it",
                  f->dir, strerror(errno));
      f->lock = fd;
    }
    if (fd >= 0 && f->lock != fd) close(fd);
  }
  if (s == AS_OK) write_holder(f->lock);
  as_free(path);
  return s;
}

static void drop_lock(as_run_folder *f) {
  if (f->lock < 0) return;
  char *path = path_of(f->dir, NULL, "lock");
  if (path) unlink(path);
  as_free(path);
  close(f->lock);
  f->lock = -1;
}

/* ---- moving ------------------------------------------------------------------------------------------- */

/* Removes the entries of DIR/PART that end in `suffix`, but those for which `stays` holds (NULL: none); and the folder
 * when nothing is left in it. */
static void sweep_part(const char *dir, const char *part, const char *suffix,
                       bool (*stays)(const void *ctx, const char *name), const void *ctx) {
  as_names names = {0};
  char *path = path_of(dir, NULL, "%s", part);
  if (path && as_dir_list(&names, path, NULL) == AS_OK) {
    for (size_t i = 0; i < names.n; i++) {
      bool stay = !as_ends_with(names.name[i], suffix) || (stays && stays(ctx, names.name[i]));
      char *file = stay ? NULL : path_of(path, NULL, "%s", names.name[i]);
      if (file) unlink(file);
      as_free(file);
    }
    as_names_clear(&names);
    rmdir(path); /* fails where files stay */
  }
  as_free(path);
}

/* Files that the run before had and the new one has not. */
static void remove_stale(const char *dir, const as_rec *now) {
  char *path = path_of(dir, NULL, "record.json");
  as_rec old = {0};
  if (path && as_path_kind_of(path) == AS_PATH_FILE && as_rec_open(&old, path, AS_REC_RUN, NULL) == AS_OK)
    for (const as_json *e = as_rec_list(&old, "files"); e; e = e->next) {
      const char *name = as_rec_text(e, "name");
      char *file =
          as_rec_find(now, "files", "name", name, NULL, NULL) ? NULL : path_of(dir, NULL, "%s", name);
      if (file) unlink(file);
      as_free(file);
    }
  as_rec_close(&old);
  as_free(path);
}

static void sync_folder(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return; /* folders that cannot be synced are no reason to fail */
  fsync(fd);
  close(fd);
}

static as_status move_over(const char *dir, const char *work, const char *name, as_err *err) {
  char *from = path_of(work, err, "%s", name), *to = path_of(dir, err, "%s", name);
  as_status s = from && to ? AS_OK : AS_E_ENV;
  if (s == AS_OK && rename(from, to) != 0 && errno != ENOENT) /* ENOENT: it is in its place */
    s = as_fail(err, AS_E_ENV, "%s: cannot write: %s", to, strerror(errno));
  as_free(from);
  as_free(to);
  return s;
}

/* Files of work/ take their places. Before record.json has moved, the order does not matter to readers; that it is the
 * last one on the disk, too, is what the syncs are for. */
static as_status switch_over(const char *dir, const char *work, const as_rec *now, as_err *err) {
  as_status s = AS_OK;
  for (size_t i = 0; s == AS_OK && i < PARTS; i++) {
    char *part = path_of(dir, err, "%s", parts[i]);
    s = part ? as_make_dirs(part, err) : AS_E_ENV;
    as_free(part);
  }
  for (const as_json *e = as_rec_list(now, "files"); s == AS_OK && e; e = e->next)
    s = move_over(dir, work, as_rec_text(e, "name"), err);
  if (s != AS_OK) return s;
  remove_stale(dir, now);
  for (size_t i = 0; i < PARTS; i++) {
    char *part = path_of(dir, NULL, "%s", parts[i]);
    if (part) sync_folder(part);
    if (part) rmdir(part); /* fails where files are */
    as_free(part);
  }
  sync_folder(dir);
  if ((s = move_over(dir, work, "record.json", err)) == AS_OK) sync_folder(dir);
  return s;
}

/* A killed process may have left a finished run in work/ whose files are not all moved. */
static as_status finish_switch(const as_run_folder *f, as_err *err) {
  as_rec r = {0};
  char *path = path_of(f->work, err, "record.json");
  if (!path) return AS_E_ENV;
  as_status s = AS_OK;
  if (as_path_kind_of(path) == AS_PATH_FILE && (s = as_rec_open(&r, f->dir, AS_REC_RUN, err)) == AS_OK)
    s = switch_over(f->dir, f->work, &r, err);
  as_rec_close(&r);
  as_free(path);
  return s;
}

/* ---- open and close ----------------------------------------------------------------------------------- */

static void sweep_temps(const as_run_folder *f) {
  const char *const dirs[] = {f->dir, f->work};
  for (size_t d = 0; d < 2; d++) {
    as_out_sweep(dirs[d]);
    for (size_t i = 0; i < PARTS; i++) {
      char *part = path_of(dirs[d], NULL, "%s", parts[i]);
      if (part) as_out_sweep(part);
      as_free(part);
    }
  }
}

as_status as_run_folder_open(as_run_folder *f, const char *dir, as_run_start start, as_err *err) {
  memset(f, 0, sizeof *f);
  f->start = start;
  f->lock = -1;
  f->dir = as_strdup(dir, err);
  f->work = path_of(dir, err, "work");
  if (!f->dir || !f->work) return AS_E_ENV;
  as_status s = as_make_dirs(dir, err);
  if (s == AS_OK) s = take_lock(f, err);
  if (s == AS_OK) s = finish_switch(f, err);
  if (s == AS_OK) sweep_temps(f);
  if (s == AS_OK && start == AS_RUN_FRESH) {
    as_run_folder_discard(f);
    sweep_part(dir, "work", ".rows", NULL, NULL);
  }
  for (size_t i = 0; s == AS_OK && i < PARTS; i++) {
    char *part = path_of(f->work, err, "%s", parts[i]);
    s = part ? as_make_dirs(part, err) : AS_E_ENV;
    as_free(part);
  }
  char *record = s == AS_OK && start == AS_RUN_CONTINUE ? path_of(dir, err, "record.json") : NULL;
  as_err why = {0};
  if (record && as_path_kind_of(record) == AS_PATH_FILE) {
    f->stands = as_rec_open(&f->old, dir, AS_REC_RUN, &why) == AS_OK;
    if (!f->stands) as_log_line(AS_LOG_WARN, "%s; nothing is taken over from it", why.msg);
  }
  as_free(record);
  return s;
}

void as_run_folder_close(as_run_folder *f) {
  if (!f->dir) return;
  for (size_t i = 0; f->work && f->lock >= 0 && i < PARTS; i++) {
    char *part = path_of(f->work, NULL, "%s", parts[i]);
    if (part) rmdir(part); /* those that nothing was written to */
    as_free(part);
  }
  if (f->work && f->lock >= 0) rmdir(f->work);
  drop_lock(f);
  as_rec_close(&f->old);
  for (size_t i = 0; i < f->n_files; i++) as_free(f->file[i].name);
  as_free(f->file);
  as_free(f->dir);
  as_free(f->work);
  memset(f, 0, sizeof *f);
  f->lock = -1;
}

void as_run_folder_remove(const char *dir) {
  static const char *const files[] = {"table.txt", "table.csv", "report.html", "place.json", "record.json"};
  static const char *const suffix[] = {"cells",        ".tsv",   "cells", ".classes", "heads",
                                       ".safetensors", "prints", ".tsv",  "rows",     ".rows"};
  for (size_t i = 0; i < sizeof suffix / sizeof *suffix; i += 2)
    sweep_part(dir, suffix[i], suffix[i + 1], NULL, NULL);
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    char *path = path_of(dir, NULL, "%s", files[i]);
    if (path) unlink(path);
    as_free(path);
  }
  rmdir(dir);
}

/* ---- files -------------------------------------------------------------------------------------------- */

char *as_run_folder_new(const as_run_folder *f, as_err *err, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  char *p = path_in(f->work, err, fmt, ap);
  va_end(ap);
  return p;
}

bool as_run_folder_has(const as_run_folder *f, const char *fmt, ...) {
  char name[256], hex[65];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(name, sizeof name, fmt, ap);
  va_end(ap);
  const as_json *e = f->stands ? as_rec_find(&f->old, "files", "name", name, NULL, NULL) : NULL;
  const char *sha = e ? as_rec_digits(e, "sha256") : NULL;
  char *path = sha ? path_of(f->dir, NULL, "%s", name) : NULL;
  bool same = path && as_file_sha256(path, hex, NULL) == AS_OK && strcmp(hex, sha) == 0;
  as_free(path);
  return same;
}

as_status as_run_folder_add(as_run_folder *f, as_err *err, const char *fmt, ...) {
  char name[256];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(name, sizeof name, fmt, ap);
  va_end(ap);
  as_status s = as_grow(&f->file, &f->cap_files, f->n_files + 1, sizeof *f->file, err);
  if (s != AS_OK) return s;
  as_run_file *file = &f->file[f->n_files];
  char *path = path_of(f->work, err, "%s", name);
  if (path && as_path_kind_of(path) != AS_PATH_FILE) {
    as_free(path);
    path = path_of(f->dir, err, "%s", name);
  }
  file->name = as_strdup(name, err);
  s = path && file->name ? as_file_sha256(path, file->sha256, err) : AS_E_ENV;
  if (s == AS_OK && !*file->sha256) s = as_fail(err, AS_E_ENV, "%s: is gone", path);
  as_free(path);
  f->n_files++;
  return s;
}

static as_status write_record(const as_run_folder *f, const as_str *record, as_err *err) {
  char *path = path_of(f->work, err, "record.json");
  as_status s = path ? as_file_write(path, record->s, record->n, err) : AS_E_ENV;
  as_free(path);
  return s;
}

/* All of work/ but the rows. */
void as_run_folder_discard(const as_run_folder *f) {
  static const char *const files[] = {"table.txt", "table.csv", "report.html"};
  for (size_t i = 0; i < PARTS; i++) sweep_part(f->work, parts[i], "", NULL, NULL);
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    char *path = path_of(f->work, NULL, "%s", files[i]);
    if (path) unlink(path);
    as_free(path);
  }
}

as_status as_run_folder_finish(as_run_folder *f, const as_str *record, as_err *err) {
  as_rec r = {0};
  as_status s = write_record(f, record, err);
  if (s == AS_OK) s = as_rec_open(&r, f->dir, AS_REC_RUN, err);
  if (s == AS_OK) s = switch_over(f->dir, f->work, &r, err);
  as_rec_close(&r);
  if (s == AS_OK) as_run_folder_discard(f);
  return s;
}

/* ---- rows --------------------------------------------------------------------------------------------- */

char *as_run_folder_rows(const as_run_folder *f, const char key[65], as_err *err) {
  char *kept = path_of(f->dir, err, "rows/%.32s.rows", key);
  if (kept && (f->start != AS_RUN_CONTINUE || as_path_kind_of(kept) != AS_PATH_FILE)) {
    as_free(kept);
    kept = path_of(f->work, err, "%.32s.rows", key);
  }
  return kept;
}

typedef struct as_kept_rows {
  const char (*key)[65];
  const bool *keep;
  size_t n;
} as_kept_rows;

static bool is_kept(const void *ctx, const char *name) {
  const as_kept_rows *k = ctx;
  for (size_t i = 0; i < k->n; i++)
    if (k->keep[i] && strncmp(name, k->key[i], 32) == 0) return true;
  return false;
}

void as_run_folder_keep_rows(const as_run_folder *f, const char (*key)[65], size_t n, int64_t most,
                             int64_t *kept, size_t *left) {
  bool *keep = as_calloc(n, sizeof *keep, NULL);
  char *rows = path_of(f->dir, NULL, "rows");
  bool made = keep && rows && most > 0 && as_make_dirs(rows, NULL) == AS_OK;
  *kept = 0;
  *left = 0;
  for (size_t i = 0; made && i < n; i++) {
    bool again = false; /* models of the same weights share their rows */
    for (size_t k = 0; k < i; k++) again = again || strcmp(key[k], key[i]) == 0;
    char *from = as_run_folder_rows(f, key[i], NULL), *to = path_of(f->dir, NULL, "rows/%.32s.rows", key[i]);
    int64_t size = from ? as_path_size(from) : -1;
    if (!again && size >= 0 && to) {
      keep[i] = *kept + size <= most && (strcmp(from, to) == 0 || rename(from, to) == 0);
      if (keep[i]) *kept += size;
      *left += !keep[i];
    }
    as_free(from);
    as_free(to);
  }
  as_kept_rows k = {key, keep, keep ? n : 0};
  sweep_part(f->dir, "rows", ".rows", is_kept, &k);
  sweep_part(f->dir, "work", ".rows", NULL, NULL);
  as_free(keep);
  as_free(rows);
}
