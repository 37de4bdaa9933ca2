#include "eval/fingerprint.h"

#include <stdio.h>
#include <string.h>

#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/base/sha256.h"

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

as_status as_fingerprint(const as_dataset *ds, const as_watch *watch, char images[65], char labels[65],
                         as_err *err) {
  size_t n = as_dataset_count(ds);
  char(*digest)[65] = as_alloc(PER_ROUND, sizeof *digest, err);
  as_sha256 im, la;
  char num[32];
  if (!digest) return AS_E_ENV;
  as_sha256_init(&im);
  as_sha256_init(&la);
  for (size_t c = 0; c < as_dataset_classes(ds); c++) {
    const char *name = as_dataset_class_name(ds, c);
    as_sha256_update(&la, name, strlen(name) + 1);
  }
  for (size_t first = 0; first < n; first += PER_ROUND) {
    as_fp_job j = {ds, first, n - first < PER_ROUND ? n - first : PER_ROUND, digest};
    if (as_watch_stop(watch)) {
      as_free(digest);
      return as_fail(err, AS_E_STOPPED, "stopped while reading the images");
    }
    as_par_for((j.n + PER_CHUNK - 1) / PER_CHUNK, hash_chunk, &j);
    for (size_t i = 0; i < j.n; i++) {
      as_item item = as_dataset_item(ds, first + i);
      as_sha256_update(&im, item.name, strlen(item.name) + 1);
      as_sha256_update(&im, digest[i], 64);
      int k = item.labels ? item.n_labels : 1;
      for (int l = 0; l < k; l++) {
        int len = snprintf(num, sizeof num, "%d,", item.labels ? item.labels[l] : item.label);
        as_sha256_update(&la, num, (size_t)len);
      }
      as_sha256_update(&la, "\n", 1);
    }
  }
  as_sha256_hex(&im, images);
  as_sha256_hex(&la, labels);
  as_free(digest);
  return AS_OK;
}
