#include "data/sets/loader.h"

#include <string.h>

#include "tensor/base/bytes.h"
#include "tensor/base/checked.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/mem.h"
#include "tensor/base/pack/gzip.h"
#include "tensor/base/par.h"

enum { MAX_UNPACKED = 1 << 26 };

/* What one image leaves behind. */
typedef struct slot {
  as_err err;
  uint64_t bytes;
  uint8_t digest[32];
} slot;

struct as_loader {
  const as_dataset *ds;
  as_preset preset;
  int batch, lenient;
  size_t next, first;
  size_t pixels; /* crop * crop * 3 */
  float *images;
  slot *slots;
  as_status *status;
  const char **why;
  unsigned *warnings;
  as_sha256 sum;
};

as_status as_loader_create(as_loader **out, const as_dataset *ds, const as_preset *preset, int batch,
                           int lenient, size_t start, as_err *err) {
  *out = NULL;
  if (batch < 1) return as_fail(err, AS_E_USAGE, "batch %d: wanted 1 or more", batch);
  as_loader *l = as_calloc(1, sizeof *l, err);
  if (!l) return AS_E_ENV;
  size_t rows = (size_t)batch, side = (size_t)preset->crop, pixels, all;
  if (start <= as_dataset_count(ds) && rows > as_dataset_count(ds) - start && start < as_dataset_count(ds))
    rows = as_dataset_count(ds) - start; /* a batch larger than the data needs no more memory than that */
  l->ds = ds;
  l->preset = *preset;
  l->batch = (int)rows;
  l->lenient = lenient;
  l->next = start;
  as_status s = AS_OK;
  if (preset->crop < 1 || !as_mul_size(side, side, &pixels) || !as_mul_size(pixels, 3, &pixels) ||
      !as_mul_size(pixels, rows, &all)) {
    s = as_fail(err, AS_E_USAGE, "batch %d of images of side %d: too large", batch, preset->crop);
  } else {
    l->pixels = pixels;
    l->images = as_alloc(all, sizeof *l->images, err);
    l->slots = as_alloc(rows, sizeof *l->slots, err);
    l->status = as_alloc(rows, sizeof *l->status, err);
    l->why = as_alloc(rows, sizeof *l->why, err);
    l->warnings = as_alloc(rows, sizeof *l->warnings, err);
    if (!l->images || !l->slots || !l->status || !l->why || !l->warnings) s = AS_E_ENV;
  }
  as_sha256_init(&l->sum);
  if (s != AS_OK) as_loader_destroy(&l);
  *out = l;
  return s;
}

void as_loader_destroy(as_loader **loader) {
  as_loader *l = *loader;
  if (!l) return;
  as_free(l->images);
  as_free(l->slots);
  as_free(l->status);
  as_free(l->why);
  as_free(l->warnings);
  as_free(l);
  *loader = NULL;
}

static as_status load_image(as_loader *l, size_t row, slot *s) {
  as_blob blob;
  as_image_info info = {0};
  as_status st = as_dataset_read(l->ds, l->first + row, &blob, &s->err);
  if (st != AS_OK) return st;
  as_sha256 sum;
  as_sha256_init(&sum);
  as_sha256_update(&sum, blob.p, blob.n);
  as_sha256_final(&sum, s->digest);
  s->bytes = blob.n;
  uint8_t *plain = NULL;
  const uint8_t *p = blob.p;
  size_t n = blob.n;
  if (as_gzip_is(p, n)) { /* a few files of full ImageNet are gzipped JPEGs */
    st = as_unpack(AS_DEFLATE_GZIP, p, n, MAX_UNPACKED, &plain, &n, &s->err);
    p = plain;
  }
  if (st == AS_OK) {
    st = as_preset_load(&l->preset, p, n, l->lenient, l->images + row * l->pixels, &info, &s->err);
  }
  as_free(plain);
  as_dataset_release(&blob);
  if (st == AS_OK) l->warnings[row] = info.warnings;
  return st;
}

static void load_row(void *ctx, size_t row, int worker) {
  as_loader *l = ctx;
  slot *s = &l->slots[row];
  (void)worker;
  memset(s, 0, sizeof *s);
  s->bytes = UINT64_MAX;
  l->warnings[row] = 0;
  l->status[row] = load_image(l, row, s);
  if (l->status[row] != AS_OK) memset(l->images + row * l->pixels, 0, l->pixels * sizeof *l->images);
}

as_status as_loader_next(as_loader *l, as_batch *b, as_err *err) {
  memset(b, 0, sizeof *b);
  size_t count = as_dataset_count(l->ds);
  size_t n = l->next >= count ? 0 : count - l->next < (size_t)l->batch ? count - l->next : (size_t)l->batch;
  l->first = b->first = l->next;
  b->n = (int)n;
  b->images = l->images;
  b->status = l->status;
  b->why = l->why;
  b->warnings = l->warnings;
  as_par_for(n, load_row, l);
  for (size_t i = 0; i < n; i++) {
    const slot *s = &l->slots[i];
    as_item item = as_dataset_item(l->ds, l->first + i);
    if (l->status[i] == AS_E_ENV) {
      b->n = 0;
      return as_fail(err, AS_E_ENV, "%s: %s", item.name, s->err.msg);
    }
    l->why[i] = l->status[i] == AS_OK ? "" : s->err.msg;
    uint8_t size[8];
    as_put_le64(size, s->bytes);
    as_sha256_update(&l->sum, item.name, strlen(item.name) + 1);
    as_sha256_update(&l->sum, size, sizeof size);
    as_sha256_update(&l->sum, s->digest, sizeof s->digest);
  }
  l->next += n;
  return AS_OK;
}

void as_loader_fingerprint(const as_loader *loader, char hex[65]) {
  as_sha256 sum = loader->sum;
  as_sha256_hex(&sum, hex);
}
