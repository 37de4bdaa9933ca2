/* Rows of features: computed, copied or read. */
#include <string.h>

#include "data/sets/dataset.h"
#include "eval/door/lab_int.h"
#include "eval/features/feature_file.h"
#include "eval/features/feature_set.h"
#include "eval/features/features.h"
#include "eval/learn/knn.h"
#include "tensor/base/checked.h"
#include "tensor/base/mem.h"

static int rows_leave(as_lab_rows *rows, as_lab_rows **out, as_status s) {
  as_lab *lab = rows->lab;
  if (s != AS_OK) {
    as_lab_rows_close(rows);
    *out = NULL;
  }
  return as_lab_leave(lab, s);
}

/* The labels and names of classes of the images that `rows` are of. A failed image has no label: it teaches nothing. */
static as_status take_labels(as_lab_rows *rows, const as_dataset *ds, as_err *err) {
  const as_features *f = rows->features;
  const size_t classes = as_dataset_classes(ds);
  rows->label = as_alloc(f->n, sizeof *rows->label, err);
  rows->class_name = as_alloc(classes, sizeof *rows->class_name, err);
  if (!rows->label || !rows->class_name) return AS_E_ENV;
  for (size_t i = 0; i < f->n; i++) rows->label[i] = f->failed[i] ? -1 : as_dataset_item(ds, i).label;
  for (size_t c = 0; c < classes; c++) rows->class_name[c] = as_dataset_class_name(ds, c);
  rows->rows = (as_labelled){f->x, rows->label, f->n, f->d, classes, classes ? rows->class_name : NULL};
  return AS_OK;
}

int as_lab_rows_compute(as_lab_net *net, as_lab_images *images, as_lab_rows **out) {
  as_lab *lab = net->lab;
  as_lab_rows *rows = *out = as_lab_make(lab, sizeof *rows);
  if (!rows) return AS_LAB_ENV;
  rows->lab = lab;
  rows->images = images;
  as_err *err = as_lab_enter(lab);
  rows->features = as_calloc(1, sizeof *rows->features, err);
  const as_features_opts o = {.watch = &lab->watch};
  as_status s = rows->features ? as_features_run(rows->features, net->backbone.model, &net->backbone.preset,
                                                 images->ds, &o, err)
                               : AS_E_ENV;
  if (s == AS_OK) s = take_labels(rows, images->ds, err);
  return rows_leave(rows, out, s);
}

int as_lab_rows_copy(as_lab *lab, as_lab_rows **out, const float *x, const int *label, size_t n, size_t d,
                     size_t classes) {
  as_lab_rows *rows = *out = as_lab_make(lab, sizeof *rows);
  if (!rows) return AS_LAB_ENV;
  rows->lab = lab;
  as_err *err = as_lab_enter(lab);
  size_t floats;
  if (!as_mul_size(n, d, &floats) || floats == 0)
    return rows_leave(rows, out,
                      as_fail(err, AS_E_USAGE, "rows: found %zu of %zu features, wanted some", n, d));
  rows->x = as_alloc(floats, sizeof(float), err);
  rows->label = as_alloc(n, sizeof *rows->label, err);
  if (!rows->x || !rows->label) return rows_leave(rows, out, AS_E_ENV);
  memcpy(rows->x, x, floats * sizeof(float));
  for (size_t i = 0; i < n; i++) {
    rows->label[i] = label && label[i] >= 0 ? label[i] : -1;
    if (rows->label[i] >= 0 && (size_t)rows->label[i] >= classes)
      return rows_leave(
          rows, out,
          as_fail(err, AS_E_USAGE, "row %zu: found class %d, wanted below %zu", i, label[i], classes));
  }
  rows->rows = (as_labelled){rows->x, rows->label, n, d, classes, NULL};
  return rows_leave(rows, out, AS_OK);
}

int as_lab_rows_read(as_lab *lab, as_lab_rows **out, const char *path) {
  as_lab_rows *rows = *out = as_lab_make(lab, sizeof *rows);
  if (!rows) return AS_LAB_ENV;
  rows->lab = lab;
  as_err *err = as_lab_enter(lab);
  as_feature_set *f = rows->stored = as_calloc(1, sizeof *f, err);
  as_status s = f ? as_feature_set_read(f, path, err) : AS_E_ENV;
  if (s == AS_OK)
    rows->rows = (as_labelled){f->x, f->label, f->n, f->d, f->classes, (const char *const *)f->class_name};
  return rows_leave(rows, out, s);
}

int as_lab_rows_write(const as_lab_rows *rows, const char *path) {
  as_err *err = as_lab_enter(rows->lab);
  const as_features *f = rows->features;
  if (!f)
    return as_lab_leave(rows->lab, as_fail(err, AS_E_USAGE, "%s: only computed rows can be written", path));
  as_feature_file file = {0};
  as_status s = as_feature_file_open(&file, path, f->n, f->d, false, err);
  for (size_t i = 0; i < f->n && s == AS_OK; i++)
    s = as_feature_file_row(&file, f->failed[i] ? NULL : f->x + i * f->d, err);
  if (s == AS_OK) s = as_feature_file_tsv(f, rows->images->ds, path, err);
  if (s == AS_OK) s = as_feature_file_close(&file, NULL, err);
  as_feature_file_abort(&file);
  return as_lab_leave(rows->lab, s);
}

void as_lab_rows_close(as_lab_rows *rows) {
  if (!rows) return;
  if (rows->features) as_features_clear(rows->features);
  if (rows->stored) as_feature_set_clear(rows->stored);
  void *all[] = {rows->features, rows->stored, rows->x, rows->label, rows->class_name, rows};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) as_free(all[i]);
}

size_t as_lab_rows_count(const as_lab_rows *rows) {
  return rows->rows.n;
}
size_t as_lab_rows_dim(const as_lab_rows *rows) {
  return rows->rows.d;
}
const float *as_lab_rows_data(const as_lab_rows *rows) {
  return rows->rows.x;
}
int as_lab_rows_label(const as_lab_rows *rows, size_t i) {
  return rows->rows.y[i];
}

const char *as_lab_rows_why(const as_lab_rows *rows, size_t i) {
  const as_features *f = rows->features;
  if (f && f->failed[i]) return f->why[i] ? f->why[i] : "failed";
  return NULL;
}

int as_lab_rows_knn(const as_lab_rows *train, const as_lab_rows *query, int k, double temperature, int *top) {
  as_err *err = as_lab_enter(query->lab);
  as_status s = AS_OK;
  if (train->rows.d != query->rows.d)
    s = as_fail(err, AS_E_USAGE, "k-NN: found rows of %zu features, wanted %zu as in training", query->rows.d,
                train->rows.d);
  const as_knn_opts o = {.k = k, .temperature = temperature, .watch = &query->lab->watch};
  if (s == AS_OK) s = as_knn(&train->rows, &o, query->rows.x, query->rows.n, NULL, NULL, top, err);
  return as_lab_leave(query->lab, s);
}
