#include "eval/learn/score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/sets/tasks.h"
#include "eval/learn/knn.h"
#include "eval/stats/metrics.h"
#include "tensor/base/checked.h"
#include "tensor/base/file.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"

enum { ROWS = 1024 }; /* rows scored at a time */

static int class_of_output(const as_voter *v, size_t output) {
  int c = v->head && v->head->class_of ? v->head->class_of[output] : (int)output;
  return v->to_class ? v->to_class[c] : c;
}

static bool is_answer(const as_item *item, int c) {
  if (!item->labels) return item->label == c;
  for (int i = 0; i < item->n_labels; i++)
    if (item->labels[i] == c) return true;
  return false;
}

static bool has_answer(const as_item *item) {
  return item->labels ? item->n_labels > 0 : item->label >= 0;
}

/* Which outputs may win: they mean a class of the dataset, and its mask lets that class take part. */
static as_status make_mask(uint8_t **mask, const as_dataset *ds, const as_voter *v, size_t outputs,
                           as_err *err) {
  size_t classes = as_dataset_classes(ds), open = 0;
  const uint8_t *allowed = as_dataset_mask(ds);
  *mask = as_alloc(outputs, 1, err);
  if (!*mask) return AS_E_ENV;
  for (size_t i = 0; i < outputs; i++) {
    int c = class_of_output(v, i);
    bool inside = c >= 0 && (classes == 0 || ((size_t)c < classes && (!allowed || allowed[c])));
    (*mask)[i] = inside;
    open += inside;
  }
  if (open == 0)
    return as_fail(err, AS_E_INPUT, "none of the head's %zu classes is a class of the dataset", outputs);
  return AS_OK;
}

/* The probability of the first class: a softmax over the outputs that may win, or the share of the votes.
 * One chain of additions in the order of the outputs: the same on every machine. */
static float confidence_of(const as_voter *v, const float *logits, size_t outputs, const uint8_t *mask,
                           float best) {
  double sum = 0.0;
  for (size_t i = 0; i < outputs; i++) {
    if (!mask[i] || isnan(logits[i])) continue;
    sum += v->head ? as_exp((double)logits[i] - (double)best) : (double)logits[i];
  }
  double p = (v->head ? 1.0 : (double)best) / sum;
  return isfinite(p) ? (float)p : NAN; /* infinite logits, no votes */
}

static void judge(as_scores *out, size_t i, const as_item *item, bool failed) {
  as_prediction *p = &out->row[i];
  bool scored = has_answer(item);
  p->scored = scored;
  p->outcome = AS_UNSCORED;
  if (scored)
    out->cell.n_expected++;
  else
    out->n_unscored++;
  if (failed) {
    p->outcome = AS_FAILED;
    if (scored) out->cell.n_failed++;
    return;
  }
  if (!scored) return;
  p->outcome = p->top[0] >= 0 && is_answer(item, p->top[0]) ? AS_RIGHT : AS_WRONG;
  for (int k = 0; k < 5; k++)
    if (p->top[k] >= 0 && is_answer(item, p->top[k])) p->in5 = 1;
  out->cell.n_used++;
  out->cell.top1_correct += p->outcome == AS_RIGHT;
  out->cell.top5_correct += p->in5;
}

static as_status vote(const as_voter *v, const float *x, size_t n, size_t outputs, float *logits, int *top,
                      as_err *err) {
  if (v->head) {
    as_linhead_logits(v->head, x, n, logits);
    return AS_OK;
  }
  return as_knn(v->train->x, v->train_label, v->train->n, x, n, v->train->d, outputs, v->k > 0 ? v->k : 20,
                v->temperature > 0 ? v->temperature : 0.07, logits, top, err);
}

/* ImageNet-C: the error of each corruption at each severity, by the folders in the images' names. */
static as_status by_corruption(as_scores *out, const as_dataset *ds, as_err *err) {
  enum { CELLS = AS_CORRUPTIONS * AS_SEVERITIES };
  int64_t used[CELLS] = {0}, wrong[CELLS] = {0};
  if (strcmp(as_dataset_task(ds), "imagenet-c") != 0) return AS_OK;
  out->cell.corruption_error = as_alloc(CELLS, sizeof(double), err);
  if (!out->cell.corruption_error) return AS_E_ENV;
  for (size_t i = 0; i < out->n; i++) {
    int severity = 0, c = as_corruption_of(as_dataset_item(ds, i).name, &severity);
    if (c < 0 || c >= AS_CORRUPTIONS || severity < 1 || severity > AS_SEVERITIES) continue;
    int at = c * AS_SEVERITIES + severity - 1;
    used[at] += out->row[i].outcome <= AS_RIGHT;
    wrong[at] += out->row[i].outcome == AS_WRONG;
  }
  for (int k = 0; k < CELLS; k++)
    out->cell.corruption_error[k] = used[k] ? (double)wrong[k] / (double)used[k] : (double)NAN;
  return AS_OK;
}

/* Counts, fractions, interval and the per-image bytes, once every row is judged. */
static as_status finish(as_scores *out, as_err *err) {
  as_cell *c = &out->cell;
  c->present = true;
  c->has_top5 = true;
  c->correct1 = as_alloc((size_t)c->n_expected, 1, err);
  c->confidence = as_alloc((size_t)c->n_expected, sizeof *c->confidence, err);
  if (!c->correct1 || !c->confidence) return AS_E_ENV;
  size_t at = 0;
  /* An unscored image is in neither count; a failed one that had an answer is. */
  for (size_t i = 0; i < out->n; i++) {
    if (!out->row[i].scored) continue;
    c->confidence[at] = out->row[i].confidence;
    c->correct1[at++] = out->row[i].outcome;
  }
  as_wilson(c->top1_correct, c->n_used, 0.95, &c->top1_lo, &c->top1_hi);
  if (c->n_used > 0) {
    c->top1 = (double)c->top1_correct / (double)c->n_used;
    c->top5 = (double)c->top5_correct / (double)c->n_used;
  }
  return AS_OK;
}

as_status as_score(as_scores *out, const as_dataset *ds, const as_features *f, const size_t *rows,
                   const as_voter *voter, as_err *err) {
  size_t n = as_dataset_count(ds), outputs = voter->head ? voter->head->n_out : voter->train_classes, numel;
  size_t voter_classes = voter->head ? voter->head->classes : voter->train_classes;
  float *x = NULL, *logits = NULL;
  int *top = NULL;
  uint8_t *mask = NULL;
  as_sha256 sum;
  memset(out, 0, sizeof *out);
  if (!voter->to_class && as_dataset_classes(ds) != 0 && voter_classes != as_dataset_classes(ds))
    return as_fail(err, AS_E_INPUT, "the head knows %zu classes, the dataset has %zu; wanted the same list",
                   voter_classes, as_dataset_classes(ds));
  if ((voter->head && voter->head->d != f->d) || (voter->train && voter->train->d != f->d))
    return as_fail(err, AS_E_INPUT, "the head wants %zu features per image, found %zu",
                   voter->head ? voter->head->d : voter->train->d, f->d);
  if (!as_mul_size(ROWS, outputs, &numel))
    return as_fail(err, AS_E_INPUT, "head: found %zu classes", outputs);
  out->n = n;
  out->row = as_calloc(n, sizeof *out->row, err);
  x = as_alloc(ROWS * f->d, sizeof *x, err);
  logits = as_alloc(numel, sizeof *logits, err);
  top = as_alloc(ROWS * 5, sizeof *top, err);
  as_status s = out->row && x && logits && top ? make_mask(&mask, ds, voter, outputs, err) : AS_E_ENV;
  as_sha256_init(&sum);
  for (size_t first = 0; s == AS_OK && first < n; first += ROWS) {
    size_t m = n - first < ROWS ? n - first : ROWS;
    for (size_t i = 0; i < m; i++) {
      size_t r = rows ? rows[first + i] : first + i;
      if (f->failed[r])
        memset(x + i * f->d, 0, f->d * sizeof *x); /* keeps its place; its votes are thrown away below */
      else
        memcpy(x + i * f->d, f->x + r * f->d, f->d * sizeof *x);
    }
    if ((s = vote(voter, x, m, outputs, logits, top, err)) != AS_OK) break;
    for (size_t i = 0; i < m; i++) {
      as_prediction *p = &out->row[first + i];
      as_item item = as_dataset_item(ds, first + i);
      bool failed = f->failed[rows ? rows[first + i] : first + i] != 0;
      for (int k = 0; k < 5; k++) p->top[k] = -1;
      p->confidence = NAN;
      if (!failed) {
        as_sha256_update_f32(&sum, logits + i * outputs, outputs);
        as_top5(logits + i * outputs, outputs, mask, p->top, p->value);
        if (p->top[0] >= 0)
          p->confidence = confidence_of(voter, logits + i * outputs, outputs, mask, p->value[0]);
        for (int k = 0; k < 5; k++)
          if (p->top[k] >= 0) p->top[k] = class_of_output(voter, (size_t)p->top[k]);
      }
      judge(out, first + i, &item, failed);
      if (failed && p->scored && s == AS_OK)
        s = as_cell_failure(&out->cell, item.name, f->why[rows ? rows[first + i] : first + i], err);
    }
  }
  if (s == AS_OK) s = finish(out, err);
  if (s == AS_OK) s = by_corruption(out, ds, err);
  as_sha256_hex(&sum, out->cell.logits_sha256);
  as_features_sha256(f, rows, n, out->cell.features_sha256);
  as_free(x);
  as_free(logits);
  as_free(top);
  as_free(mask);
  if (s != AS_OK) as_scores_clear(out);
  return s;
}

void as_scores_clear(as_scores *s) {
  as_free(s->row);
  as_cell_clear(&s->cell);
  memset(s, 0, sizeof *s);
}

as_status as_score_describe(as_results_set *set, const as_dataset *ds, as_err *err) {
  size_t n = as_dataset_count(ds), classes = as_dataset_classes(ds), at = 0;
  set->label = as_alloc(n ? n : 1, sizeof *set->label, err);
  set->class_name = as_calloc(classes ? classes : 1, sizeof *set->class_name, err);
  if (!set->label || !set->class_name) return AS_E_ENV;
  for (size_t i = 0; i < n; i++) {
    as_item item = as_dataset_item(ds, i);
    if (has_answer(&item)) set->label[at++] = (uint32_t)(item.labels ? item.labels[0] : item.label);
  }
  set->n_scored = at;
  for (size_t c = 0; c < classes; c++) {
    if (!(set->class_name[c] = as_strdup(as_dataset_class_name(ds, c), err))) return AS_E_ENV;
    set->n_class_names = c + 1;
  }
  return AS_OK;
}

as_status as_score_write_classes(const as_results_set *set, const char *path, as_err *err) {
  as_out o;
  as_status s = as_out_open(&o, path, err);
  if (s != AS_OK) return s;
  for (size_t c = 0; c < set->n_class_names; c++) as_out_printf(&o, "%s\n", set->class_name[c]);
  return as_out_commit(&o, err);
}

as_status as_scores_write(const as_scores *s, const as_dataset *ds, const as_features *f, const size_t *rows,
                          const char *path, as_err *err) {
  as_out o;
  as_status st = as_out_open(&o, path, err);
  if (st != AS_OK) return st;
  as_out_printf(&o, "name\tlabel\ttop5\tlogits5\tstatus\tconfidence\n");
  for (size_t i = 0; i < s->n; i++) {
    as_item item = as_dataset_item(ds, i);
    const as_prediction *p = &s->row[i];
    as_out_printf(&o, "%s\t", item.name);
    if (item.labels) {
      for (int k = 0; k < item.n_labels; k++) as_out_printf(&o, "%s%d", k ? "," : "", item.labels[k]);
    } else if (item.label >= 0) {
      as_out_printf(&o, "%d", item.label);
    }
    as_out_printf(&o, "\t");
    for (int k = 0; k < 5 && p->top[k] >= 0; k++) as_out_printf(&o, "%s%d", k ? "," : "", p->top[k]);
    as_out_printf(&o, "\t");
    for (int k = 0; k < 5 && p->top[k] >= 0; k++)
      as_out_printf(&o, "%s%.6g", k ? "," : "", (double)p->value[k]);
    const char *why = f->why[rows ? rows[i] : i];
    if (p->outcome == AS_FAILED)
      as_out_printf(&o, "\tfailed: %s\t\n", why ? why : "");
    else if (isnan(p->confidence))
      as_out_printf(&o, "\t%s\t\n", p->outcome == AS_UNSCORED ? "unscored" : "ok");
    else
      as_out_printf(&o, "\t%s\t%.6g\n", p->outcome == AS_UNSCORED ? "unscored" : "ok", (double)p->confidence);
  }
  return as_out_commit(&o, err);
}

typedef struct as_named_class {
  const char *name;
  int c;
} as_named_class;

static int by_name(const void *a, const void *b) {
  return strcmp(((const as_named_class *)a)->name, ((const as_named_class *)b)->name);
}

as_status as_class_map(const as_dataset *from, const as_dataset *to, int **map, int *same, as_err *err) {
  size_t nf = as_dataset_classes(from), nt = as_dataset_classes(to);
  as_named_class *names = as_alloc(nt ? nt : 1, sizeof *names, err);
  *map = as_alloc(nf ? nf : 1, sizeof **map, err);
  if (!names || !*map) {
    as_free(names);
    as_free(*map);
    *map = NULL;
    return AS_E_ENV;
  }
  for (size_t c = 0; c < nt; c++) names[c] = (as_named_class){as_dataset_class_name(to, c), (int)c};
  qsort(names, nt, sizeof *names, by_name);
  *same = nf == nt;
  for (size_t c = 0; c < nf; c++) {
    as_named_class key = {as_dataset_class_name(from, c), 0};
    const as_named_class *hit = nt ? bsearch(&key, names, nt, sizeof *names, by_name) : NULL;
    (*map)[c] = hit ? hit->c : -1;
    if ((*map)[c] != (int)c) *same = 0;
  }
  as_free(names);
  return AS_OK;
}
