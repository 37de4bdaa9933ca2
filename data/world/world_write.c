/* The world on disk. Pictures are plain files: they can be drawn again, so they are not synced one by
 * one; classes.txt and real.json come last and atomically, and stand for a whole world. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "data/image/jpegenc.h"
#include "data/world/world_int.h"
#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/base/text.h"

typedef struct truth {
  int labels[4], n;
} truth;

typedef struct job {
  const char *dir;
  as_world_opts o;
  truth *val, *conflict; /* [classes * per_class of the set] */
  as_err *err;           /* [chunks] */
} job;

static as_status write_plain(const char *path, const void *p, size_t n, as_err *err) {
  FILE *f = fopen(path, "wb");
  if (!f) return as_fail(err, AS_E_ENV, "%s: cannot write: %s", path, strerror(errno));
  int bad = fwrite(p, 1, n, f) != n;
  bad |= fclose(f) != 0;
  return bad ? as_fail(err, AS_E_ENV, "%s: cannot write %zu bytes: %s", path, n, strerror(errno)) : AS_OK;
}

/* All pictures of one class of one set. */
static as_status draw_folder(job *j, as_world_set set, size_t c, as_err *err) {
  int size = j->o.size, count = j->o.per_class[set];
  size_t pixels = (size_t)size * (size_t)size;
  char dir[64], stem[32], name[96];
  if (count == 0) return AS_OK;
  snprintf(dir, sizeof dir, "%s/%s", as_world_set_name(set), as_world_class_name(c));
  char *folder = as_path_join(j->dir, dir, err);
  uint8_t *rgb = as_alloc(pixels, 3, err), *ink = as_alloc(pixels, 1, err);
  as_canvas canvas = {size, rgb, ink};
  as_status s = folder && rgb && ink ? as_make_dirs(folder, err) : AS_E_ENV;
  for (int i = 0; i < count && s == AS_OK; i++) {
    truth t = {{0}, 0};
    uint8_t *jpeg = NULL;
    size_t n = 0;
    s = as_world_picture(&j->o, set, c, i, &canvas, t.labels, &t.n, err);
    if (s != AS_OK) break;
    if (set == AS_WORLD_VAL) j->val[c * (size_t)count + (size_t)i] = t;
    if (set == AS_WORLD_CONFLICT) j->conflict[c * (size_t)count + (size_t)i] = t;
    snprintf(stem, sizeof stem, "%s", as_world_set_name(set));
    if (set == AS_WORLD_CORRUPTED) as_world_damage_name(i, stem);
    snprintf(name, sizeof name, "%s_%04d.jpg", stem, i + 1);
    char *path = as_path_join(folder, name, err);
    s = path ? as_jpeg_encode(&jpeg, &n, rgb, size, size, j->o.quality, AS_JPEG_420, err) : AS_E_ENV;
    if (s == AS_OK) s = write_plain(path, jpeg, n, err);
    as_free(jpeg);
    as_free(path);
  }
  as_free(folder);
  as_free(rgb);
  as_free(ink);
  return s;
}

static void draw_chunk(void *ctx, size_t chunk, int worker) {
  job *j = ctx;
  size_t classes = (size_t)j->o.classes;
  (void)worker;
  as_err *err = &j->err[chunk];
  err->status = AS_OK;
  err->status = draw_folder(j, (as_world_set)(chunk / classes), chunk % classes, err);
}

/* {"CLASS/SET_0001.jpg": [class, ...], ...} */
static as_status write_truth(const job *j, as_world_set set, const truth *truths, const char *file,
                             as_err *err) {
  as_str text = {0};
  as_jsonw w;
  int count = j->o.per_class[set];
  if (count == 0) return AS_OK;
  as_jsonw_init(&w, &text, true);
  as_jsonw_object(&w);
  for (size_t c = 0; c < (size_t)j->o.classes; c++) {
    for (int i = 0; i < count; i++) {
      char key[96];
      const truth *t = &truths[c * (size_t)count + (size_t)i];
      snprintf(key, sizeof key, "%s/%s_%04d.jpg", as_world_class_name(c), as_world_set_name(set), i + 1);
      as_jsonw_key(&w, key);
      as_jsonw_array(&w);
      for (int k = 0; k < t->n; k++) as_jsonw_i64(&w, t->labels[k]);
      as_jsonw_end(&w);
    }
  }
  as_jsonw_end(&w);
  as_str_putc(&text, '\n');
  as_status s = as_str_status(&text, err);
  char *path = as_path_join(j->dir, file, err);
  if (s == AS_OK) s = path ? as_file_write(path, text.s, text.n, err) : AS_E_ENV;
  as_free(path);
  as_str_clear(&text);
  return s;
}

static as_status write_classes(const job *j, as_err *err) {
  as_str names = {0};
  for (size_t c = 0; c < (size_t)j->o.classes; c++) as_str_printf(&names, "%s\n", as_world_class_name(c));
  as_status s = as_str_status(&names, err);
  char *path = as_path_join(j->dir, "classes.txt", err);
  if (s == AS_OK) s = path ? as_file_write(path, names.s, names.n, err) : AS_E_ENV;
  as_free(path);
  as_str_clear(&names);
  return s;
}

/* One picture of each class in each set, on one sheet: a row per set. */
static as_status write_overview(const job *j, as_err *err) {
  size_t size = (size_t)j->o.size, classes = (size_t)j->o.classes, gap = 4, step = size + gap;
  size_t w = classes * step + gap, h = AS_WORLD_SETS * step + gap, n = 0;
  uint8_t *sheet = as_alloc(w * h, 3, err), *rgb = as_alloc(size * size, 3, err),
          *ink = as_alloc(size, size, err);
  uint8_t *jpeg = NULL;
  char *path = as_path_join(j->dir, "overview.jpg", err);
  as_canvas canvas = {j->o.size, rgb, ink};
  as_status s = sheet && rgb && ink && path ? AS_OK : AS_E_ENV;
  if (s == AS_OK) memset(sheet, 255, 3 * w * h);
  for (size_t set = 0; set < AS_WORLD_SETS && s == AS_OK; set++) {
    for (size_t c = 0; c < classes && s == AS_OK; c++) {
      truth t;
      s = as_world_picture(&j->o, (as_world_set)set, c, (int)c, &canvas, t.labels, &t.n, err);
      for (size_t y = 0; y < size; y++)
        memcpy(sheet + 3 * ((gap + set * step + y) * w + gap + c * step), rgb + 3 * y * size, 3 * size);
    }
  }
  if (s == AS_OK) s = as_jpeg_encode(&jpeg, &n, sheet, (int)w, (int)h, 92, AS_JPEG_444, err);
  if (s == AS_OK) s = write_plain(path, jpeg, n, err);
  as_free(sheet);
  as_free(rgb);
  as_free(ink);
  as_free(jpeg);
  as_free(path);
  return s;
}

as_status as_world_write(const char *dir, const as_world_opts *opts, as_err *err) {
  job j = {.dir = dir, .o = *opts};
  as_status s = as_world_resolve(&j.o, err);
  if (s == AS_OK) s = as_make_dirs(dir, err);
  if (s != AS_OK) return s;
  size_t classes = (size_t)j.o.classes, chunks = classes * AS_WORLD_SETS;
  j.val = as_calloc(classes * (size_t)j.o.per_class[AS_WORLD_VAL] + 1, sizeof *j.val, err);
  j.conflict = as_calloc(classes * (size_t)j.o.per_class[AS_WORLD_CONFLICT] + 1, sizeof *j.conflict, err);
  j.err = as_calloc(chunks, sizeof *j.err, err);
  s = j.val && j.conflict && j.err ? AS_OK : AS_E_ENV;
  if (s == AS_OK) {
    as_par_for(chunks, draw_chunk, &j);
    for (size_t i = 0; i < chunks && s == AS_OK; i++) {
      if (j.err[i].status != AS_OK) s = as_fail(err, j.err[i].status, "%s", j.err[i].msg);
    }
  }
  if (s == AS_OK) s = write_overview(&j, err);
  if (s == AS_OK) s = write_truth(&j, AS_WORLD_VAL, j.val, "real.json", err);
  if (s == AS_OK) s = write_truth(&j, AS_WORLD_CONFLICT, j.conflict, "texture.json", err);
  if (s == AS_OK) s = write_classes(&j, err);
  as_free(j.val);
  as_free(j.conflict);
  as_free(j.err);
  return s;
}
