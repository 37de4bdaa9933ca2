#include "eval/run/thumbs.h"

#include <stdio.h>
#include <string.h>

#include "data/image/image.h"
#include "data/image/jpegenc.h"
#include "data/image/resize.h"
#include "data/sets/labels.h"
#include "eval/run/plan.h"
#include "eval/run/prints.h"
#include "eval/run/rec.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/log.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/base/tsv.h"

enum { QUALITY = 80 };

typedef struct thumb_job {
  as_picture *pic; /* [n] of one set */
  const as_dataset *ds;
  const as_tsv *print; /* [n] the line of each, of when it was measured; NULL: not asked */
} thumb_job;

/* A side of the small image: never larger than the image's own, at least one pixel. */
static int small_side(int side, int longer) {
  if (longer <= AS_PICTURE_SIDE) return side;
  int v = (int)(((int64_t)side * AS_PICTURE_SIDE + longer / 2) / longer);
  return v > 0 ? v : 1;
}

static as_status make_thumb(as_picture *p, const as_image *im) {
  const int longer = im->w > im->h ? im->w : im->h;
  p->w = small_side(im->w, longer);
  p->h = small_side(im->h, longer);
  uint8_t *rgb = as_alloc((size_t)p->w * (size_t)p->h, 3, NULL);
  as_status s =
      rgb ? as_resize_rgb(im->rgb, im->w, im->h, AS_FILTER_BICUBIC, rgb, p->w, p->h, NULL) : AS_E_ENV;
  if (s == AS_OK) s = as_jpeg_encode(&p->jpeg, &p->n, rgb, p->w, p->h, QUALITY, AS_JPEG_420, NULL);
  as_free(rgb);
  return s;
}

/* Is it the image that was measured: its name, and the bytes of its file? */
static bool is_the_same(const thumb_job *j, size_t i, const as_blob *blob) {
  char sha[65];
  if (!j->print) return true;
  if (!as_tsv_is(&j->print[i], AS_PRINT_NAME, as_dataset_item(j->ds, j->pic[i].image).name)) return false;
  as_sha256_of(blob->p, blob->n, sha);
  return as_tsv_is(&j->print[i], AS_PRINT_SHA, sha);
}

static void take_thumb(void *ctx, size_t i, int worker) {
  thumb_job *j = ctx;
  as_blob blob = {0};
  as_image im = {0};
  (void)worker;
  if (j->pic[i].image < as_dataset_count(j->ds) &&
      as_dataset_read(j->ds, j->pic[i].image, &blob, NULL) == AS_OK && is_the_same(j, i, &blob) &&
      as_blob_unpack(&blob, NULL) == AS_OK && as_image_decode(&im, blob.p, blob.n, 1, NULL, NULL) == AS_OK)
    make_thumb(&j->pic[i], &im);
  as_image_clear(&im);
  as_dataset_release(&blob);
}

as_status as_thumbs_set(as_pictures *p, size_t k, const as_dataset *ds, const as_file *prints, as_err *err) {
  size_t from = 0, n = 0;
  while (from < p->n && p->pic[from].set < k) from++;
  while (from + n < p->n && p->pic[from + n].set == k) n++;
  thumb_job j = {.pic = p->pic + from, .ds = ds};
  as_tsv *line = prints && n ? as_calloc(n, sizeof *line, err) : NULL;
  if (prints && n && !line) return AS_E_ENV;
  if (line) {
    as_tsv t;
    size_t at = 0;
    as_tsv_open(&t, prints->data, prints->size);
    as_tsv_next(&t);
    for (uint32_t row = 0; at < n && as_tsv_next(&t); row++)
      if (row == j.pic[at].image) line[at++] = t;
    j.print = line;
  }
  as_par_for(n, take_thumb, &j);
  as_free(line);
  return AS_OK;
}

static as_status say_gone(as_pictures *p, size_t k, const char *set, const as_err *why, as_err *err) {
  as_log_line(AS_LOG_WARN, "the page goes without images of %s: %s", set, why->msg);
  p->why[k] = as_strdup(
      "Its images are not where they lay when it was measured (--root OLD=NEW says where they are), "
      "so that none are shown.",
      err);
  return p->why[k] ? AS_OK : AS_E_ENV;
}

/* The sets of one record that no earlier one had. */
static as_status fetch_record(as_pictures *p, const as_results *r, bool *done, const as_rec *rec,
                              const as_roots *roots, as_err *err) {
  as_plan plan = {0};
  as_err why = {0};
  as_status opened = as_rec_plan(rec, roots, &plan, NULL, &why), s = AS_OK;
  for (const as_json *d = as_rec_list(rec, "datasets"); s == AS_OK && d; d = d->next) {
    const char *name = as_rec_text(d, "name");
    size_t k = 0, i = 0;
    while (k < r->n_sets && strcmp(r->sets[k].name, name) != 0) k++;
    if (k == r->n_sets || done[k]) continue;
    done[k] = true;
    while (i < plan.n_datasets && strcmp(plan.datasets[i].name, name) != 0) i++;
    as_dataset *ds = NULL;
    as_file prints = {0};
    const as_dataset_opts o =
        i < plan.n_datasets ? as_plan_dataset_opts(&plan.datasets[i]) : (as_dataset_opts){0};
    as_status there = opened != AS_OK ? opened
                      : i == plan.n_datasets
                          ? as_fail(&why, AS_E_INPUT, "%s: its plan does not have the set", rec->path)
                          : as_dataset_open(&ds, &o, &why);
    if (there == AS_OK) there = as_rec_file(rec, &prints, &why, "prints/dataset-%s.tsv", name);
    if (there == AS_OK)
      s = as_thumbs_set(p, k, ds, &prints, err);
    else
      s = say_gone(p, k, name, &why, err);
    as_file_close(&prints);
    as_dataset_close(&ds);
  }
  as_plan_clear(&plan);
  return s;
}

as_status as_thumbs_records(as_pictures *p, const as_results *r, const char *const *paths, size_t n,
                            const as_roots *roots, as_err *err) {
  bool *done = as_calloc(r->n_sets, sizeof *done, err);
  as_status s = done ? AS_OK : AS_E_ENV;
  for (size_t i = 0; s == AS_OK && i < n; i++) {
    as_rec rec = {0};
    s = as_rec_open(&rec, paths[i], AS_REC_RUN, err);
    if (s == AS_OK) s = fetch_record(p, r, done, &rec, roots, err);
    as_rec_close(&rec);
  }
  as_free(done);
  return s;
}

/* The usual name of a wnid: up to the comma. */
static size_t usual_name(const char *name) {
  return strcspn(name, ",");
}

/* Do two of the 1000 share it (crane the bird, crane the machine)? */
static bool is_shared(const char *name, size_t n) {
  size_t same = 0;
  for (size_t i = 0; i < as_wnid_names_count; i++)
    same += usual_name(as_wnid_names[i]) == n && memcmp(as_wnid_names[i], name, n) == 0;
  return same > 1;
}

as_status as_title_classes(as_results *r, as_err *err) {
  for (size_t k = 0; k < r->n_sets; k++) {
    as_results_set *set = &r->sets[k];
    for (size_t c = 0; c < set->n_class_names; c++) {
      const char *id = set->class_name[c], *name = as_wnid_name(id, strlen(id));
      char title[96];
      if (!name) continue;
      if (!set->class_title &&
          !(set->class_title = as_calloc(set->n_class_names, sizeof *set->class_title, err)))
        return AS_E_ENV;
      const size_t n = usual_name(name);
      if (is_shared(name, n))
        snprintf(title, sizeof title, "%.*s (%s)", (int)n, name, id);
      else
        snprintf(title, sizeof title, "%.*s", (int)n, name);
      if (!(set->class_title[c] = as_strdup(title, err))) return AS_E_ENV;
    }
  }
  return AS_OK;
}
