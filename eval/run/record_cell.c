/* One cell read back: its counts from the record, its images from the table beside it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/sets/tasks.h"
#include "eval/run/record_read.h"
#include "eval/stats/metrics.h"
#include "tensor/base/mem.h"
#include "tensor/base/tsv.h"

/* The first number of the top-5 column: the class that is given. */
static uint32_t first_answer(const as_tsv *t) {
  const char *top = t->field[AS_COL_TOP];
  uint32_t v = 0;
  size_t n = 0;
  while (n < t->size[AS_COL_TOP] && n < 9 && top[n] >= '0' && top[n] <= '9')
    v = 10 * v + (uint32_t)(top[n++] - '0');
  return n ? v : UINT32_MAX;
}

/* Is the first number of the top-5 column one of the comma-joined labels? */
static bool first_is_right(const as_tsv *t) {
  const char *top = t->field[AS_COL_TOP], *comma = memchr(top, ',', t->size[AS_COL_TOP]);
  size_t n = comma ? (size_t)(comma - top) : t->size[AS_COL_TOP];
  for (const char *p = t->field[AS_COL_LABEL], *end = p + t->size[AS_COL_LABEL]; n > 0 && p < end;) {
    const char *c = memchr(p, ',', (size_t)(end - p));
    size_t m = (size_t)((c ? c : end) - p);
    if (m == n && memcmp(p, top, n) == 0) return true;
    p = c ? c + 1 : end;
  }
  return false;
}

static as_status keep_failure(as_cell *c, const as_tsv *t, as_err *err) {
  static const char lead[] = "failed: ";
  const char *status = t->field[AS_COL_STATUS];
  size_t n = t->size[AS_COL_STATUS];
  if (n >= sizeof lead - 1 && memcmp(status, lead, sizeof lead - 1) == 0) {
    status += sizeof lead - 1;
    n -= sizeof lead - 1;
  }
  char *image = as_strndup(t->field[AS_COL_NAME], t->size[AS_COL_NAME], err),
       *why = as_strndup(status, n, err);
  as_status s = image && why ? as_cell_failure(c, image, why, err) : AS_E_ENV;
  as_free(image);
  as_free(why);
  return s;
}

/* The confidence column; NaN where it is empty. false: no number from 0 to 1. */
static bool read_confidence(const as_tsv *t, float *out) {
  char text[32];
  double v = (double)NAN;
  size_t n = t->size[AS_COL_CONFIDENCE];
  if (n >= sizeof text) return false;
  memcpy(text, t->field[AS_COL_CONFIDENCE], n);
  text[n] = 0;
  if (n > 0 && (!as_parse_f64(text, &v) || v < 0.0 || v > 1.0)) return false;
  *out = (float)v;
  return true;
}

/* What a table says of the set's images, for the set that has nothing of it yet. */
typedef struct as_table_images {
  uint32_t *label, *image; /* [n_expected] owned */
  size_t rows;             /* images of the table, scored or not */
} as_table_images;

/* Takes what the set lacks. */
static void describe_set(as_results_set *set, as_table_images *from, size_t n_scored) {
  if (!set->image) {
    set->image = from->image;
    set->n_images = from->rows;
    from->image = NULL;
  }
  if (!set->label) {
    set->label = from->label;
    set->n_scored = n_scored;
    from->label = NULL;
  }
  as_free(from->image);
  as_free(from->label);
}

static as_status read_table_rows(as_cell *c, as_table_images *images, as_tsv *t, const char *path,
                                 as_err *err) {
  int64_t at = 0, right = 0, failed = 0;
  /* Tables of older versions have no column of confidences. */
  bool confident = as_tsv_next(t) && t->n > AS_COL_CONFIDENCE;
  while (as_tsv_next(t)) {
    images->rows++;
    if (t->size[AS_COL_LABEL] == 0) continue; /* images without an answer are in no count */
    if (at++ == c->n_expected) break;
    size_t k = (size_t)at - 1;
    bool ok = as_tsv_is(t, AS_COL_STATUS, "ok");
    int label = as_tsv_number(t, AS_COL_LABEL);
    c->correct1[k] = !ok ? 2 : first_is_right(t);
    c->answer[k] = ok ? first_answer(t) : UINT32_MAX;
    right += c->correct1[k] == 1;
    failed += !ok;
    images->image[k] = (uint32_t)(images->rows - 1);
    images->label[k] = label < 0 ? 0 : (uint32_t)label;
    if (confident && !read_confidence(t, &c->confidence[k]))
      return as_fail(err, AS_E_INPUT, "%s: line %zu: found no confidence from 0 to 1", path, t->number);
    as_status s = ok ? AS_OK : keep_failure(c, t, err);
    if (s != AS_OK) return s;
  }
  if (!confident) {
    as_free(c->confidence);
    c->confidence = NULL;
  }
  if (at == c->n_expected && right == c->top1_correct && failed == c->n_failed) return AS_OK;
  return as_fail(err, AS_E_INPUT,
                 "%s: found %lld images, %lld right, %lld failed; the record says %lld, %lld, %lld", path,
                 (long long)at, (long long)right, (long long)failed, (long long)c->n_expected,
                 (long long)c->top1_correct, (long long)c->n_failed);
}

/* Right or wrong per image; what does not agree with the counts is refused. The first table of a set also says
 * which class each image has. */
static as_status read_images(as_cell *c, as_results_set *set, const as_file *f, const char *path,
                             as_err *err) {
  as_tsv t;
  size_t n = (size_t)c->n_expected;
  as_table_images images = {as_alloc(n, sizeof *images.label, err), as_alloc(n, sizeof *images.image, err),
                            0};
  as_status s = AS_OK;
  c->correct1 = as_alloc(n, 1, err);
  c->confidence = as_alloc(n, sizeof *c->confidence, err);
  c->answer = as_alloc(n, sizeof *c->answer, err);
  if (!c->correct1 || !c->confidence || !c->answer || !images.label || !images.image) s = AS_E_ENV;
  as_tsv_open(&t, f->data, f->size);
  if (s == AS_OK) s = read_table_rows(c, &images, &t, path, err);
  if (s == AS_OK) {
    describe_set(set, &images, n);
  } else {
    as_free(images.label);
    as_free(images.image);
  }
  return s;
}

/* The names of a set's classes, one per line. */
static as_status read_classes(as_results_set *set, const as_file *f, as_err *err) {
  as_tsv t;
  size_t cap = 0;
  as_status s = AS_OK;
  as_tsv_open(&t, f->data, f->size);
  while (s == AS_OK && as_tsv_next(&t)) {
    size_t n = set->n_class_names;
    s = as_grow(&set->class_name, &cap, n + 1, sizeof *set->class_name, err);
    if (s == AS_OK && !(set->class_name[n] = as_strndup(t.line, t.line_n, err))) s = AS_E_ENV;
    if (s == AS_OK) set->n_class_names = n + 1;
  }
  return s;
}

/* "corruption_error": {name: [error at severity 1, ..., 5]}; null = no such images. */
static as_status read_corruptions(as_cell *c, const as_rec *r, const as_json *cell, as_err *err) {
  const as_json *all = as_json_get(cell, "corruption_error");
  if (!all || all->type != AS_JSON_OBJECT) return AS_OK;
  c->corruption_error = as_alloc(AS_CORRUPTIONS * AS_SEVERITIES, sizeof(double), err);
  if (!c->corruption_error) return AS_E_ENV;
  for (int k = 0; k < AS_CORRUPTIONS; k++) {
    const as_json *of = as_json_get(all, as_corruptions[k].name);
    const as_json *v = of && of->type == AS_JSON_ARRAY && of->count == AS_SEVERITIES ? of->child : NULL;
    for (int i = 0; i < AS_SEVERITIES; i++) {
      if (!v || (v->type != AS_JSON_NULL && !(v->type == AS_JSON_NUMBER && v->number >= 0 && v->number <= 1)))
        return as_fail(err, AS_E_INPUT, "%s: corruption_error of %s: found no five errors from 0 to 1",
                       r->path, as_corruptions[k].name);
      c->corruption_error[k * AS_SEVERITIES + i] = v->type == AS_JSON_NUMBER ? v->number : (double)NAN;
      v = v->next;
    }
  }
  return AS_OK;
}

static bool read_counts(as_cell *c, const as_json *j) {
  return as_rec_count(j, "n_expected", &c->n_expected) && as_rec_count(j, "n_used", &c->n_used) &&
         as_rec_count(j, "n_failed", &c->n_failed) && as_rec_count(j, "top1_correct", &c->top1_correct) &&
         as_rec_count(j, "top5_correct", &c->top5_correct) && c->n_expected <= 1 << 30 &&
         c->n_used <= c->n_expected && c->n_failed == c->n_expected - c->n_used &&
         c->top1_correct <= c->top5_correct && c->top5_correct <= c->n_used;
}

as_status as_rec_cell(as_cell *c, as_results_set *of, const as_rec *r, const as_json *j, as_err *err) {
  const char *model = as_rec_text(j, "model"), *set = as_rec_text(j, "dataset"), *why = as_rec_text(j, "why");
  if (why) return (c->why = as_strdup(why, err)) ? AS_OK : AS_E_ENV;
  if (!read_counts(c, j))
    return as_fail(err, AS_E_INPUT, "%s: cell %s on %s: found counts that do not add up", r->path, model,
                   set);
  c->present = c->has_top5 = true;
  if (c->n_used > 0) {
    c->top1 = (double)c->top1_correct / (double)c->n_used;
    c->top5 = (double)c->top5_correct / (double)c->n_used;
    as_wilson(c->top1_correct, c->n_used, 0.95, &c->top1_lo, &c->top1_hi);
  }
  as_rec_copy_digits(c->features_sha256, j, "features_sha256");
  as_rec_copy_digits(c->logits_sha256, j, "logits_sha256");
  as_rec_candidates(&c->among, j, "among");
  as_rec_candidates(&c->own, j, "own");
  as_rec_count(j, "n_hopeless", &c->n_hopeless);
  as_rec_count(j, "own_used", &c->own_used);
  as_rec_count(j, "own_correct", &c->own_correct);
  as_status s = as_rec_shared(&c->in_train, j, "in_train", err);
  if (s == AS_OK) s = read_corruptions(c, r, j, err);
  const char *preset = as_rec_text(j, "preset");
  if (s == AS_OK && preset && !(c->preset = as_strdup(preset, err))) s = AS_E_ENV;
  /* A record that travels alone still has its counts. */
  if (s == AS_OK && as_rec_has_file(r, "cells/%s--%s.tsv", model, set)) {
    char *path = as_rec_file_path(r, err, "cells/%s--%s.tsv", model, set);
    as_file f = {0};
    s = path ? as_rec_file(r, &f, err, "cells/%s--%s.tsv", model, set) : AS_E_ENV;
    if (s == AS_OK) s = read_images(c, of, &f, path, err);
    as_file_close(&f);
    as_free(path);
  }
  if (s == AS_OK && !of->class_name && as_rec_has_file(r, "cells/%s.classes", set)) {
    as_file f = {0};
    s = as_rec_file(r, &f, err, "cells/%s.classes", set);
    if (s == AS_OK) s = read_classes(of, &f, err);
    as_file_close(&f);
  }
  return s;
}
