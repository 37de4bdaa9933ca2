#include "eval/run/rec_pack.h"

#include <string.h>

#include "data/archive/tar.h"
#include "tensor/base/mem.h"
#include "tensor/base/pack/gzip.h"
#include "tensor/base/text.h"

enum { BYTES_MAX = 1 << 30 };

typedef struct packed {
  char *name; /* in the archive; owned */
  uint8_t *data;
  size_t n;
} packed;

struct as_rec_pack {
  packed *file;
  size_t n, cap;
  size_t bytes; /* of all of them */
  char *folder; /* of record.json, without a slash at the end */
};

bool as_rec_pack_is(const uint8_t *p, size_t n) {
  return as_gzip_is(p, n) || (n >= AS_TAR_BLOCK && as_tar_is_header(p));
}

/* Where the name of a run's file begins in a member's name; NULL: runs write no such file. */
static const char *run_name(const char *name) {
  static const char *const folders[] = {"cells", "heads", "prints"};
  static const char *const files[] = {"record.json", "place.json", "table.txt", "table.csv", "report.html"};
  const char *base = as_path_base(name), *at = base;
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    if (strcmp(base, files[i]) == 0) return base;
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
    const size_t n = strlen(folders[i]);
    if ((size_t)(base - name) <= n) continue;
    at = base - n - 1;
    if (memcmp(at, folders[i], n) == 0 && (at == name || at[-1] == '/')) return at;
  }
  return NULL;
}

/* What runs move to their places last; in a finished one it is empty or gone. */
static bool is_work(const char *name, const char *at) {
  const char *work = "work/";
  return at - name >= 5 && memcmp(at - 5, work, 5) == 0 && (at - name == 5 || at[-6] == '/');
}

static as_status take_member(as_rec_pack *p, as_tar *t, const as_tar_member *m, as_err *err) {
  size_t got = 0;
  if (m->size > BYTES_MAX - p->bytes)
    return as_fail(err, AS_E_INPUT, "%s: found over %d bytes of a run's files, wanted less", t->path,
                   (int)BYTES_MAX);
  as_status s = as_grow(&p->file, &p->cap, p->n + 1, sizeof *p->file, err);
  if (s != AS_OK) return s;
  packed *f = &p->file[p->n];
  *f = (packed){.n = (size_t)m->size};
  f->name = as_strdup(m->name, err);
  f->data = as_alloc(f->n ? f->n : 1, 1, err);
  p->n++;
  p->bytes += f->n;
  if (!f->name || !f->data) return AS_E_ENV;
  s = t->fetch(t->ctx, m->at, f->n, f->data, &got, err);
  if (s == AS_OK && got < f->n)
    s = as_fail(err, AS_E_INPUT, "%s: %s: found its first %zu bytes, wanted %zu", t->path, f->name, got,
                f->n);
  return s;
}

/* The folder of the one record. */
static as_status find_folder(as_rec_pack *p, const char *path, as_err *err) {
  for (size_t i = 0; i < p->n; i++) {
    const char *name = p->file[i].name, *at = run_name(name);
    if (strcmp(at, "record.json") != 0) continue;
    if (is_work(name, at))
      return as_fail(err, AS_E_INPUT,
                     "%s: found %s, a run that was cut off before its files were in their places; wanted a "
                     "finished one (the same assay run finishes it)",
                     path, name);
    if (p->folder)
      return as_fail(err, AS_E_INPUT, "%s: found a run in %s and one in %s, wanted one", path, p->folder,
                     name);
    if (!(p->folder = as_strndup(name, at > name ? (size_t)(at - name) - 1 : 0, err))) return AS_E_ENV;
  }
  return p->folder ? AS_OK
                   : as_fail(err, AS_E_INPUT, "%s: found no record.json in it, wanted a finished run", path);
}

/* An archive that lies in memory. */
static as_status fetch_bytes(void *ctx, uint64_t at, size_t n, uint8_t *out, size_t *got, as_err *err) {
  const as_file *f = ctx;
  (void)err;
  *got = at >= f->size ? 0 : f->size - at < n ? (size_t)(f->size - at) : n;
  if (*got) memcpy(out, f->data + at, *got);
  return AS_OK;
}

static as_status read_members(as_rec_pack *p, as_tar *t, as_err *err) {
  as_status s = AS_OK;
  for (bool got = true; s == AS_OK && got;) {
    as_tar_member m;
    s = as_tar_next(t, &m, &got, err);
    if (s == AS_OK && got && m.file && run_name(m.name)) s = take_member(p, t, &m, err);
  }
  return s;
}

as_status as_rec_pack_open(as_rec_pack **out, const char *path, as_err *err) {
  as_file f = {0};
  as_gzip *gzip = NULL;
  as_tar t = {0};
  as_rec_pack *p = *out = as_calloc(1, sizeof *p, err);
  as_status s = p ? as_file_open(&f, path, err) : AS_E_ENV;
  const bool packed_twice = s == AS_OK && as_gzip_is(f.data, f.size);
  if (packed_twice) s = as_gzip_open(&gzip, path, err);
  if (s == AS_OK && packed_twice)
    as_tar_init(&t, path, as_gzip_fetch, gzip, UINT64_MAX);
  else if (s == AS_OK)
    as_tar_init(&t, path, fetch_bytes, &f, f.size);
  if (s == AS_OK) s = read_members(p, &t, err);
  if (s == AS_OK) s = find_folder(p, path, err);
  as_tar_clear(&t);
  as_gzip_close(&gzip);
  as_file_close(&f);
  if (s != AS_OK) as_rec_pack_close(out);
  return s;
}

void as_rec_pack_close(as_rec_pack **pack) {
  as_rec_pack *p = *pack;
  if (!p) return;
  for (size_t i = 0; i < p->n; i++) {
    as_free(p->file[i].name);
    as_free(p->file[i].data);
  }
  as_free(p->file);
  as_free(p->folder);
  as_free(p);
  *pack = NULL;
}

const char *as_rec_pack_folder(const as_rec_pack *p) {
  return p->folder;
}

bool as_rec_pack_find(const as_rec_pack *p, const char *name, as_file *f) {
  const size_t n = strlen(p->folder);
  for (size_t i = p->n; i-- > 0;) { /* of members of one name the last is what unpacking leaves */
    const char *have = p->file[i].name;
    if (n && (strncmp(have, p->folder, n) != 0 || have[n] != '/')) continue;
    if (strcmp(have + (n ? n + 1 : 0), name) != 0) continue;
    *f = (as_file){.data = p->file[i].data, .size = p->file[i].n};
    return true;
  }
  return false;
}
