#include "eval/run/prints.h"

#include <stdio.h>
#include <string.h>

#include "tensor/base/file.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"

enum { PER_CHUNK = 8, PER_ROUND = 1024 }; /* images per parallel chunk, and between two looks at the watch */

typedef struct as_fp_job {
  const as_dataset *ds;
  size_t first, n;
  char (*digest)[65];
} as_fp_job;

static void hash_chunk(void *ctx, size_t chunk, int worker) {
  as_fp_job *j = ctx;
  size_t from = chunk * PER_CHUNK, to = from + PER_CHUNK < j->n ? from + PER_CHUNK : j->n;
  (void)worker;
  for (size_t i = from; i < to; i++) {
    as_blob blob = {0};
    as_err err = {0};
    if (as_dataset_read(j->ds, j->first + i, &blob, &err) == AS_OK) {
      as_sha256_of(blob.p, blob.n, j->digest[i]);
      as_dataset_release(&blob);
    } else {
      memset(j->digest[i], '0', 64);
      j->digest[i][64] = 0;
    }
  }
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

as_status as_fingerprint(const as_dataset *ds, const as_watch *watch, const char *path, char images[65],
                         char labels[65], as_err *err) {
  size_t n = as_dataset_count(ds);
  char(*digest)[65] = as_alloc(PER_ROUND, sizeof *digest, err);
  as_sha256 im, la;
  as_out out = {0};
  as_status s = digest ? AS_OK : AS_E_ENV;
  if (s == AS_OK && path && (s = as_out_open(&out, path, err)) == AS_OK)
    as_out_printf(&out, "name\tsha256\tlabel\n");
  as_sha256_init(&im);
  as_sha256_init(&la);
  for (size_t c = 0; c < as_dataset_classes(ds); c++) {
    const char *name = as_dataset_class_name(ds, c);
    as_sha256_update(&la, name, strlen(name) + 1);
  }
  for (size_t first = 0; s == AS_OK && first < n; first += PER_ROUND) {
    as_fp_job j = {ds, first, n - first < PER_ROUND ? n - first : PER_ROUND, digest};
    if (as_watch_stop(watch)) s = as_fail(err, AS_E_STOPPED, "stopped while reading the images");
    if (s != AS_OK) break;
    as_par_for((j.n + PER_CHUNK - 1) / PER_CHUNK, hash_chunk, &j);
    for (size_t i = 0; i < j.n; i++) {
      as_item item = as_dataset_item(ds, first + i);
      as_sha256_update(&im, item.name, strlen(item.name) + 1);
      as_sha256_update(&im, digest[i], 64);
      add_labels(&la, &item);
      if (!path) continue;
      as_out_printf(&out, "%s\t%s\t", item.name, digest[i]);
      put_labels(&out, &item);
      as_out_printf(&out, "\n");
    }
  }
  as_sha256_hex(&im, images);
  as_sha256_hex(&la, labels);
  as_free(digest);
  if (!path) return s;
  if (s == AS_OK) return as_out_commit(&out, err);
  as_out_abort(&out);
  return s;
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
