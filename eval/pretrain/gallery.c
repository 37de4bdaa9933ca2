#include <string.h>

#include "eval/pretrain/pretrain_int.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"

enum { KEPT_BYTES = 256 << 20, BLOCK = 256 };

typedef struct load_job {
  as_gallery *g;
  size_t first;
  as_image image[BLOCK];
  as_status status[BLOCK];
  char sha[BLOCK][65];
  as_err err[BLOCK];
} load_job;

static as_status decode_item(const as_gallery *g, size_t item, as_image *im, char *sha, as_err *err) {
  as_blob blob;
  *im = (as_image){0};
  as_status s = as_dataset_read(g->data, item, &blob, err);
  if (s != AS_OK) return s;
  if (sha) as_sha256_of(blob.p, blob.n, sha);
  s = as_blob_unpack(&blob, err);
  if (s == AS_OK) s = as_image_decode(im, blob.p, blob.n, g->lenient, NULL, err);
  as_dataset_release(&blob);
  return s;
}

static void load_one(void *ctx, size_t i, int worker) {
  (void)worker;
  load_job *j = ctx;
  j->sha[i][0] = '\0';
  j->status[i] = decode_item(j->g, j->first + i, &j->image[i], j->sha[i], &j->err[i]);
}

static as_status take_block(as_gallery *g, load_job *j, size_t n, size_t *kept, bool lenient, as_err *err) {
  as_status s = AS_OK;
  for (size_t i = 0; i < n; i++) {
    const as_item it = as_dataset_item(g->data, j->first + i);
    as_str_printf(&g->list, "%s\t%s\t%s\n", it.name, j->sha[i], j->status[i] == AS_OK ? "ok" : "failed");
    if (j->status[i] != AS_OK) {
      g->failed++;
      if (s == AS_OK && (!lenient || j->status[i] == AS_E_ENV))
        s = as_fail(err, j->status[i], "%s: %s", it.name, j->err[i].msg);
      continue;
    }
    const size_t bytes = (size_t)j->image[i].w * (size_t)j->image[i].h * 3;
    g->item[g->n] = (uint32_t)(j->first + i);
    g->label[g->n] = it.label;
    if (s == AS_OK && *kept + bytes <= KEPT_BYTES) {
      *kept += bytes;
      g->image[g->n] = j->image[i];
    } else {
      as_image_clear(&j->image[i]);
    }
    g->n++;
  }
  return s;
}

static as_status hash_labels(as_gallery *g, as_err *err) {
  as_str text = {0};
  for (size_t i = 0; i < g->n; i++) as_str_printf(&text, "%d\n", g->label[i]);
  const as_status s = as_str_status(&text, err);
  if (s == AS_OK) as_sha256_of(as_str_c(&text), text.n, g->labels_sha256);
  as_str_clear(&text);
  return s;
}

as_status as_gallery_open(as_gallery *g, const as_dataset *data, bool lenient, const as_watch *watch,
                          as_err *err) {
  const size_t all = as_dataset_count(data);
  *g = (as_gallery){.data = data, .lenient = lenient};
  g->item = as_alloc(all ? all : 1, sizeof *g->item, err);
  g->label = as_alloc(all ? all : 1, sizeof *g->label, err);
  g->image = as_calloc(all ? all : 1, sizeof *g->image, err);
  load_job *j = as_alloc(1, sizeof *j, err);
  as_status s = g->item && g->label && g->image && j ? AS_OK : AS_E_ENV;
  size_t kept = 0;
  as_str_put(&g->list, "name\tsha256\tstatus\n");
  for (size_t first = 0; s == AS_OK && first < all; first += BLOCK) {
    const size_t n = all - first < BLOCK ? all - first : BLOCK;
    as_watch_progress(watch, "images", first, all);
    if (as_watch_stop(watch)) {
      s = as_fail(err, AS_E_STOPPED, "stopped while reading images");
      break;
    }
    j->g = g, j->first = first;
    as_par_for(n, load_one, j);
    s = take_block(g, j, n, &kept, lenient, err);
  }
  as_free(j);
  if (s == AS_OK) s = as_str_status(&g->list, err);
  if (s == AS_OK) as_sha256_of(as_str_c(&g->list), g->list.n, g->list_sha256);
  if (s == AS_OK) s = hash_labels(g, err);
  if (s != AS_OK) as_gallery_close(g);
  return s;
}

void as_gallery_close(as_gallery *g) {
  for (size_t i = 0; g->image && i < g->n; i++) as_image_clear(&g->image[i]);
  as_free(g->image);
  as_free(g->item);
  as_free(g->label);
  as_str_clear(&g->list);
  *g = (as_gallery){0};
}

as_status as_gallery_get(const as_gallery *g, size_t i, as_image *im, bool *owned, as_err *err) {
  *im = g->image[i];
  *owned = !im->rgb;
  return im->rgb ? AS_OK : decode_item(g, g->item[i], im, NULL, err);
}
