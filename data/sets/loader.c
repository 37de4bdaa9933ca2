#include "data/sets/loader.h"

#include <stdio.h>
#include <string.h>

#include "tensor/base/checked.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"

struct as_loader {
  const as_dataset *ds;
  as_preset preset;
  int batch, lenient;
  size_t next, first;
  size_t pixels; /* crop * crop * 3 */
  float *images;
  as_err *errs; /* [batch] */
  as_status *status;
  const char **why;
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
    l->errs = as_alloc(rows, sizeof *l->errs, err);
    l->status = as_alloc(rows, sizeof *l->status, err);
    l->why = as_alloc(rows, sizeof *l->why, err);
    if (!l->images || !l->errs || !l->status || !l->why) s = AS_E_ENV;
  }
  if (s != AS_OK) as_loader_destroy(&l);
  *out = l;
  return s;
}

void as_loader_destroy(as_loader **loader) {
  as_loader *l = *loader;
  if (!l) return;
  as_free(l->images);
  as_free(l->errs);
  as_free(l->status);
  as_free(l->why);
  as_free(l);
  *loader = NULL;
}

static as_status load_image(as_loader *l, size_t row, as_err *err) {
  as_blob blob;
  as_image_info info = {0};
  as_status st = as_dataset_read(l->ds, l->first + row, &blob, err);
  if (st != AS_OK) return st;
  st = as_blob_unpack(&blob, err);
  if (st == AS_OK) {
    st = as_preset_load(&l->preset, blob.p, blob.n, l->lenient, l->images + row * l->pixels, &info, err);
  }
  as_dataset_release(&blob);
  if (st == AS_OK) err->msg[0] = 0;
  if (st == AS_OK && info.warnings)
    snprintf(err->msg, sizeof err->msg, "%u warning%s, such as: %s", info.warnings,
             info.warnings == 1 ? "" : "s", info.detail);
  return st;
}

static void load_row(void *ctx, size_t row, int worker) {
  as_loader *l = ctx;
  (void)worker;
  l->status[row] = load_image(l, row, &l->errs[row]);
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
  as_par_for(n, load_row, l);
  for (size_t i = 0; i < n; i++) {
    if (l->status[i] == AS_E_ENV) {
      b->n = 0;
      return as_fail(err, AS_E_ENV, "%s: %s", as_dataset_item(l->ds, l->first + i).name, l->errs[i].msg);
    }
    l->why[i] = l->errs[i].msg;
  }
  l->next += n;
  return AS_OK;
}
