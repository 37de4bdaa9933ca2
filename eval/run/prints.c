#include "eval/run/prints.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/base/file.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/base/tsv.h"

enum { PER_ROUND = 1024 }; /* images between two looks at the watch */

/* ---- images ------------------------------------------------------------------------------------------- */

static void to_hex(const uint8_t digest[32], char hex[65]) {
  static const char digits[] = "0123456789abcdef";
  for (int i = 0; i < 32; i++) {
    hex[2 * i] = digits[digest[i] >> 4];
    hex[2 * i + 1] = digits[digest[i] & 15];
  }
  hex[64] = 0;
}

static bool from_hex(const char *hex, size_t n, uint8_t digest[32]) {
  if (n != 64) return false;
  for (size_t i = 0; i < 64; i++) {
    const char c = hex[i];
    const int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (v < 0) return false;
    digest[i / 2] = (uint8_t)(i % 2 ? digest[i / 2] | v : v << 4);
  }
  return true;
}

/* A line of an older table of images. */
typedef struct as_known_image {
  const char *name;
  size_t n;
  as_image_print print;
} as_known_image;

static int by_known_name(const void *a, const void *b) {
  const as_known_image *x = a, *y = b;
  int c = memcmp(x->name, y->name, x->n < y->n ? x->n : y->n);
  return c ? c : (x->n > y->n) - (x->n < y->n);
}

/* The images of a table, sorted by name; none where it cannot be read or has no column of pixels. Names point into
 * the file. */
static as_known_image *read_known(const char *path, as_file *file, size_t *count) {
  as_known_image *known = NULL;
  size_t n = 0, cap = 0;
  as_tsv t;
  *count = 0;
  if (!path || as_path_kind_of(path) != AS_PATH_FILE || as_file_open(file, path, NULL) != AS_OK) return NULL;
  as_tsv_open(&t, file->data, file->size);
  as_tsv_next(&t);
  while (as_tsv_next(&t)) {
    if (as_grow(&known, &cap, n + 1, sizeof *known, NULL) != AS_OK) break;
    as_known_image *k = &known[n];
    k->name = t.field[AS_PRINT_NAME];
    k->n = t.size[AS_PRINT_NAME];
    n += from_hex(t.field[AS_PRINT_SHA], t.size[AS_PRINT_SHA], k->print.bytes) &&
         from_hex(t.field[AS_PRINT_PIXELS], t.size[AS_PRINT_PIXELS], k->print.pixels);
  }
  if (n) qsort(known, n, sizeof *known, by_known_name);
  *count = n;
  return known;
}

/* The pixels of an image whose bytes the older table has; false: they must be decoded. */
static bool take_known(as_image_print *p, const char *name, const as_known_image *known, size_t n) {
  as_known_image key = {.name = name, .n = strlen(name)};
  const as_known_image *k = n ? bsearch(&key, known, n, sizeof *known, by_known_name) : NULL;
  if (!k || memcmp(k->print.bytes, p->bytes, sizeof p->bytes) != 0) return false;
  memcpy(p->pixels, k->print.pixels, sizeof p->pixels);
  return true;
}

/* Images first .. first + n - 1. */
static as_status print_round(as_image_print *out, const as_dataset *ds, size_t first, size_t n, bool pixels,
                             const as_known_image *known, size_t n_known, as_err *err) {
  as_status s = as_twins_print(out, ds, first, n, pixels && !n_known, err);
  for (size_t i = 0; s == AS_OK && pixels && n_known && i < n;) {
    size_t end = i;
    while (end < n && !take_known(&out[end], as_dataset_item(ds, first + end).name, known, n_known)) end++;
    if (end > i) s = as_twins_print(out + i, ds, first + i, end - i, true, err);
    i = end + 1;
  }
  return s;
}

as_status as_prints_images(as_image_print *out, const as_dataset *ds, bool pixels, const char *older,
                           const as_watch *watch, const char *what, as_err *err) {
  size_t n = as_dataset_count(ds), n_known = 0;
  as_file file = {0};
  as_known_image *known = pixels ? read_known(older, &file, &n_known) : NULL;
  as_status s = AS_OK;
  for (size_t first = 0; s == AS_OK && first < n; first += PER_ROUND) {
    as_watch_progress(watch, what, first, n);
    if (as_watch_stop(watch))
      s = as_fail(err, AS_E_STOPPED, "stopped while reading the images");
    else
      s = print_round(out + first, ds, first, n - first < PER_ROUND ? n - first : PER_ROUND, pixels, known,
                      n_known, err);
  }
  if (s == AS_OK) as_watch_progress(watch, what, n, n);
  as_free(known);
  as_file_close(&file);
  return s;
}

/* label, or the labels of an image that has several right ones, comma-joined. */
static void put_labels(as_out *o, const as_item *item) {
  if (item->labels) {
    for (int l = 0; l < item->n_labels; l++) as_out_printf(o, "%s%d", l ? "," : "", item->labels[l]);
  } else if (item->label >= 0) {
    as_out_printf(o, "%d", item->label);
  }
}

static void add_labels(as_sha256 *sum, const as_item *item) {
  char num[32];
  int k = item->labels ? item->n_labels : 1;
  for (int l = 0; l < k; l++) {
    int len = snprintf(num, sizeof num, "%d,", item->labels ? item->labels[l] : item->label);
    as_sha256_update(sum, num, (size_t)len);
  }
  as_sha256_update(sum, "\n", 1);
}

as_status as_prints_set(const as_dataset *ds, const as_image_print *print, const char *path, char images[65],
                        char labels[65], as_err *err) {
  as_sha256 im, la;
  as_out out = {0};
  char hex[65], pixels[65];
  as_status s = as_out_open(&out, path, err);
  if (s != AS_OK) return s;
  as_out_printf(&out, "name\tsha256\tlabel\tpixels\n");
  as_sha256_init(&im);
  as_sha256_init(&la);
  for (size_t c = 0; c < as_dataset_classes(ds); c++) {
    const char *name = as_dataset_class_name(ds, c);
    as_sha256_update(&la, name, strlen(name) + 1);
  }
  for (size_t i = 0; i < as_dataset_count(ds); i++) {
    as_item item = as_dataset_item(ds, i);
    to_hex(print[i].bytes, hex);
    to_hex(print[i].pixels, pixels);
    as_sha256_update(&im, item.name, strlen(item.name) + 1);
    as_sha256_update(&im, hex, 64);
    add_labels(&la, &item);
    as_out_printf(&out, "%s\t%s\t", item.name, hex);
    put_labels(&out, &item);
    as_out_printf(&out, "\t%s\n", pixels);
  }
  as_sha256_hex(&im, images);
  as_sha256_hex(&la, labels);
  return as_out_commit(&out, err);
}

/* ---- checkpoints ------------------------------------------------------------------------------------- */

typedef struct as_tensor_job {
  const as_state_entry *entry;
  char (*digest)[65];
} as_tensor_job;

/* Elements of a strided view, row-major, innermost dimension last. */
static void hash_strided(as_sha256 *sum, const as_view *v, const uint8_t *at, int dim, size_t size) {
  if (dim == v->rank) {
    as_sha256_update(sum, at, size);
    return;
  }
  for (int64_t i = 0; i < v->shape[dim]; i++)
    hash_strided(sum, v, at + (size_t)i * (size_t)v->stride[dim] * size, dim + 1, size);
}

static void hash_tensor(void *ctx, size_t i, int worker) {
  as_tensor_job *j = ctx;
  const as_view *v = &j->entry[i].view;
  size_t n = 0, size = as_dtype_size(v->dtype);
  as_sha256 sum;
  (void)worker;
  as_sha256_init(&sum);
  if (!as_shape_numel(v->shape, v->rank, &n) || v->dtype == AS_OPAQUE) n = 0; /* checked when they are made */
  if (n && as_view_is_contiguous(v))
    as_sha256_update(&sum, v->data, n * size);
  else if (n)
    hash_strided(&sum, v, v->data, 0, size);
  as_sha256_hex(&sum, j->digest[i]);
}

as_status as_prints_tensors(const as_state *s, const char *path, as_err *err) {
  size_t n = as_state_count(s);
  char(*digest)[65] = as_alloc(n ? n : 1, sizeof *digest, err);
  as_tensor_job j = {as_state_entries(s), digest};
  as_out out;
  if (!digest) return AS_E_ENV;
  as_par_for(n, hash_tensor, &j);
  as_status st = as_out_open(&out, path, err);
  if (st == AS_OK) {
    as_out_printf(&out, "tensor\tdtype\tshape\tsha256\n");
    for (size_t i = 0; i < n; i++) {
      const as_view *v = &j.entry[i].view;
      char shape[160];
      as_out_printf(&out, "%s\t%s\t%s\t%s\n", j.entry[i].name, as_dtype_name(v->dtype),
                    as_shape_text(v->shape, v->rank, shape, sizeof shape), digest[i]);
    }
    st = as_out_commit(&out, err);
  }
  as_free(digest);
  return st;
}

as_status as_file_sha256(const char *path, char hex[65], as_err *err) {
  as_file f = {0};
  hex[0] = 0;
  if (!path || as_path_kind_of(path) != AS_PATH_FILE) return AS_OK;
  as_status s = as_file_open(&f, path, err);
  if (s != AS_OK) return s;
  as_sha256_of(f.data, f.size, hex);
  as_file_close(&f);
  return AS_OK;
}
