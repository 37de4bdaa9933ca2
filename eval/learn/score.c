#include "eval/learn/score.h"

#include <math.h>
#include <string.h>

#include "data/sets/tasks.h"
#include "eval/stats/metrics.h"
#include "tensor/base/checked.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"

enum { ROWS = 1024 }; /* rows scored at a time */

/* One call's working state. Arrays over outputs: what the head gives, or for k-NN the classes of its training
 * rows. */
typedef struct scoring {
  const as_voter *v;
  const as_dataset *ds;
  size_t outputs, d;
  int *class_of;     /* [outputs] class of the dataset, -1 = none of them, or none that could win */
  uint8_t *own;      /* [outputs] 1: the voter may choose it */
  uint8_t *may;      /* [outputs] 1: and it is among the classes that were asked for */
  bool narrowed;     /* may is less than own */
  float *x, *logits; /* [ROWS, d], [ROWS, outputs] */
  int *top;          /* [ROWS, 5] answers of k-NN, as outputs */
  int *own_top;      /* the same over own, where narrowed */
} scoring;

static size_t outputs_of(const as_voter *v) {
  return v->head ? v->head->n_out : v->train->classes;
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

/* --- which classes could win ---------------------------------------------------------------------------- */

static as_status no_class_in_common(const as_dataset *ds, size_t outputs, const char *const *name,
                                    as_err *err) {
  if (!name)
    return as_fail(err, AS_E_INPUT, "none of the head's %zu classes is a class of the dataset", outputs);
  return as_fail(
      err, AS_E_INPUT,
      "none of the head's %zu classes (%.60s, ...) is a class of the dataset (%.60s, ...); wanted common "
      "names, which a file of classes can give",
      outputs, name[0], as_dataset_class_name(ds, 0));
}

as_status as_voter_classes(int *class_of, const as_dataset *ds, const as_voter *v, as_err *err) {
  const size_t classes = as_dataset_classes(ds), outputs = outputs_of(v);
  const size_t known = v->head ? v->head->classes : v->train->classes;
  const char *const *name = v->head ? (const char *const *)v->head->name : v->train->class_name;
  const uint8_t *allowed = as_dataset_mask(ds);
  size_t open = 0;
  if (classes != 0 && name) {
    for (size_t i = 0; i < outputs; i++) class_of[i] = as_dataset_class_find(ds, name[i]);
  } else if (classes != 0 && known != classes) {
    return as_fail(
        err, AS_E_INPUT,
        "the head knows %zu classes, the dataset has %zu; wanted the same list, or a head that knows them "
        "by name",
        known, classes);
  } else {
    for (size_t i = 0; i < outputs; i++)
      class_of[i] = v->head && v->head->class_of ? v->head->class_of[i] : (int)i;
  }
  for (size_t i = 0; i < outputs; i++) {
    const int c = class_of[i];
    if (c >= 0 && classes != 0 && ((size_t)c >= classes || (allowed && !allowed[c]))) class_of[i] = -1;
  }
  if (!v->head) { /* a class without a neighbour never gets a vote */
    uint8_t *there = as_calloc(outputs, 1, err);
    if (!there) return AS_E_ENV;
    for (size_t i = 0; i < v->train->n; i++)
      if (v->train->y[i] >= 0) there[v->train->y[i]] = 1;
    for (size_t i = 0; i < outputs; i++)
      if (!there[i]) class_of[i] = -1;
    as_free(there);
  }
  for (size_t i = 0; i < outputs; i++) open += class_of[i] >= 0;
  return open > 0 ? AS_OK : no_class_in_common(ds, outputs, classes ? name : NULL, err);
}

as_status as_score_candidates(const as_dataset *ds, const as_voter *voter, uint8_t *can, size_t *n,
                              as_err *err) {
  size_t classes = as_dataset_classes(ds), outputs = outputs_of(voter);
  *n = 0;
  int *class_of = as_alloc(outputs, sizeof *class_of, err);
  if (!class_of) return AS_E_ENV;
  as_status s = as_voter_classes(class_of, ds, voter, err);
  memset(can, 0, classes);
  for (size_t i = 0; s == AS_OK && i < outputs; i++)
    if (class_of[i] >= 0 && (size_t)class_of[i] < classes) can[class_of[i]] = 1;
  for (size_t c = 0; c < classes; c++) *n += can[c];
  as_free(class_of);
  return s;
}

/* The classes that a mask over outputs lets win, for the cell; and, unless NULL, as bytes per class. */
static as_status name_candidates(as_candidates *out, const scoring *k, const uint8_t *mask, uint8_t *can,
                                 as_err *err) {
  size_t classes = as_dataset_classes(k->ds), n = 0;
  if (classes == 0) return AS_OK;
  const char **name = as_alloc(classes, sizeof *name, err);
  uint8_t *seen = as_calloc(classes, 1, err);
  as_status s = name && seen ? AS_OK : AS_E_ENV;
  for (size_t i = 0; s == AS_OK && i < k->outputs; i++)
    if (mask[i]) seen[k->class_of[i]] = 1;
  for (size_t c = 0; s == AS_OK && c < classes; c++)
    if (seen[c]) name[n++] = as_dataset_class_name(k->ds, c);
  if (s == AS_OK) s = as_candidates_of(out, name, n, err);
  if (s == AS_OK && can) memcpy(can, seen, classes);
  as_free(name);
  as_free(seen);
  return s;
}

/* Images whose right answers are all outside what could win. */
static as_status count_hopeless(as_cell *cell, const scoring *k, as_err *err) {
  size_t classes = as_dataset_classes(k->ds);
  uint8_t *can = as_calloc(classes ? classes : 1, 1, err);
  if (!can) return AS_E_ENV;
  as_status s = name_candidates(&cell->among, k, k->may, can, err);
  if (s == AS_OK && k->narrowed) s = name_candidates(&cell->own, k, k->own, NULL, err);
  for (size_t i = 0; s == AS_OK && classes && i < as_dataset_count(k->ds); i++) {
    as_item item = as_dataset_item(k->ds, i);
    bool hope = !has_answer(&item);
    if (!item.labels && item.label >= 0) hope = (size_t)item.label < classes && can[item.label];
    for (int j = 0; item.labels && j < item.n_labels; j++)
      hope |= (size_t)item.labels[j] < classes && can[item.labels[j]];
    cell->n_hopeless += !hope;
  }
  as_free(can);
  return s;
}

/* --- predictions ------------------------------------------------------------------------------------------ */

/* The probability of the first class: a softmax over the outputs that may win, or the share of the votes.
 * One chain of additions in the order of the outputs: the same on every machine. */
static float confidence_of(const scoring *k, const float *logits, float best) {
  double sum = 0.0;
  for (size_t i = 0; i < k->outputs; i++) {
    if (!k->may[i] || isnan(logits[i])) continue;
    sum += k->v->head ? as_exp((double)logits[i] - (double)best) : (double)logits[i];
  }
  double p = (k->v->head ? 1.0 : (double)best) / sum;
  return isfinite(p) ? (float)p : NAN; /* infinite logits, no votes */
}

/* Outputs of m rows into k->logits, and the answers of k-NN. */
static as_status run_voter(scoring *k, size_t m, as_err *err) {
  const as_voter *v = k->v;
  if (v->head) {
    as_linhead_logits(v->head, k->x, m, k->logits);
    return AS_OK;
  }
  as_status s = as_knn(v->train, &v->knn, k->x, m, k->may, k->logits, k->top, err);
  if (s == AS_OK && k->narrowed) s = as_knn(v->train, &v->knn, k->x, m, k->own, NULL, k->own_top, err);
  return s;
}

/* The answers for row i of those at hand. *own: the first one over all of the voter's candidates. */
static void predict(const scoring *k, size_t i, as_prediction *p, int *own) {
  const float *logits = k->logits + i * k->outputs;
  int five[5];
  if (k->v->head) {
    float value[5];
    as_top5(logits, k->outputs, k->may, p->top, p->value);
    if (k->narrowed) as_top5(logits, k->outputs, k->own, five, value);
  } else {
    memcpy(p->top, k->top + 5 * i, sizeof p->top);
    for (int j = 0; j < 5; j++) p->value[j] = p->top[j] >= 0 ? logits[p->top[j]] : 0.0f;
    if (k->narrowed) memcpy(five, k->own_top + 5 * i, sizeof five);
  }
  if (p->top[0] >= 0) p->confidence = confidence_of(k, logits, p->value[0]);
  *own = !k->narrowed ? -1 : five[0] >= 0 ? k->class_of[five[0]] : -1;
  for (int j = 0; j < 5; j++)
    if (p->top[j] >= 0) p->top[j] = k->class_of[p->top[j]];
}

/* Row i into the counts. */
static void count_row(as_scores *out, size_t i, const as_item *item, bool failed, int own) {
  as_prediction *p = &out->row[i];
  p->scored = has_answer(item);
  p->outcome = AS_UNSCORED;
  if (p->scored)
    out->cell.n_expected++;
  else
    out->n_unscored++;
  if (failed) {
    p->outcome = AS_FAILED;
    if (p->scored) out->cell.n_failed++;
    return;
  }
  if (!p->scored) return;
  p->outcome = p->top[0] >= 0 && is_answer(item, p->top[0]) ? AS_RIGHT : AS_WRONG;
  for (int k = 0; k < 5; k++)
    if (p->top[k] >= 0 && is_answer(item, p->top[k])) p->in5 = 1;
  out->cell.n_used++;
  out->cell.top1_correct += p->outcome == AS_RIGHT;
  out->cell.top5_correct += p->in5;
  out->cell.own_correct += own >= 0 && is_answer(item, own);
}

/* Images first .. first + m - 1, by their feature rows. */
static as_status score_rows(as_scores *out, scoring *k, const as_features *f, const size_t *rows,
                            size_t first, size_t m, as_sha256 *sum, as_err *err) {
  for (size_t i = 0; i < m; i++) {
    size_t r = rows ? rows[first + i] : first + i;
    if (f->failed[r])
      memset(k->x + i * k->d, 0, k->d * sizeof *k->x); /* keeps its place; its votes are thrown away below */
    else
      memcpy(k->x + i * k->d, f->x + r * k->d, k->d * sizeof *k->x);
  }
  as_status s = run_voter(k, m, err);
  for (size_t i = 0; s == AS_OK && i < m; i++) {
    as_prediction *p = &out->row[first + i];
    as_item item = as_dataset_item(k->ds, first + i);
    size_t r = rows ? rows[first + i] : first + i;
    int own = -1;
    for (int j = 0; j < 5; j++) p->top[j] = -1;
    p->confidence = NAN;
    if (!f->failed[r]) {
      as_sha256_update_f32(sum, k->logits + i * k->outputs, k->outputs);
      predict(k, i, p, &own);
    }
    count_row(out, first + i, &item, f->failed[r], own);
    if (f->failed[r] && p->scored) s = as_cell_failure(&out->cell, item.name, f->why[r], err);
  }
  return s;
}

/* --- the cell ---------------------------------------------------------------------------------------------- */

/* ImageNet-C: the error of each corruption at each severity, by the folders in the images' names. */
static as_status score_corruptions(as_scores *out, const as_dataset *ds, as_err *err) {
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
static as_status finish_cell(as_scores *out, as_err *err) {
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

static void close_scoring(scoring *k) {
  void *all[] = {k->class_of, k->own, k->may, k->x, k->logits, k->top, k->own_top};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) as_free(all[i]);
}

static as_status open_scoring(scoring *k, const uint8_t *among, as_err *err) {
  size_t numel, open = 0;
  if (!as_mul_size(ROWS, k->outputs, &numel))
    return as_fail(err, AS_E_INPUT, "head: found %zu classes", k->outputs);
  k->class_of = as_alloc(k->outputs, sizeof *k->class_of, err);
  k->own = as_alloc(k->outputs, 1, err);
  k->may = as_alloc(k->outputs, 1, err);
  k->x = as_alloc(ROWS * k->d, sizeof *k->x, err);
  k->logits = as_alloc(numel, sizeof *k->logits, err);
  k->top = as_alloc(ROWS * 5, sizeof *k->top, err);
  k->own_top = as_alloc(ROWS * 5, sizeof *k->own_top, err);
  if (!k->class_of || !k->own || !k->may || !k->x || !k->logits || !k->top || !k->own_top) return AS_E_ENV;
  as_status s = as_voter_classes(k->class_of, k->ds, k->v, err);
  if (s != AS_OK) return s;
  for (size_t i = 0; i < k->outputs; i++) {
    k->own[i] = k->class_of[i] >= 0;
    k->may[i] = k->own[i] && (!among || among[k->class_of[i]]);
    open += k->may[i];
    k->narrowed |= k->may[i] != k->own[i];
  }
  return open > 0 ? AS_OK
                  : as_fail(err, AS_E_INPUT,
                            "none of the head's %zu classes is among those that are compared", k->outputs);
}

as_status as_score(as_scores *out, const as_dataset *ds, const as_features *f, const size_t *rows,
                   const as_voter *voter, const uint8_t *among, as_err *err) {
  scoring k = {.v = voter, .ds = ds, .outputs = outputs_of(voter), .d = f->d};
  size_t n = as_dataset_count(ds), wanted = voter->head ? voter->head->d : voter->train->d;
  as_sha256 sum;
  memset(out, 0, sizeof *out);
  if (wanted != f->d)
    return as_fail(err, AS_E_INPUT, "the head wants %zu features per image, found %zu", wanted, f->d);
  out->n = n;
  out->row = as_calloc(n, sizeof *out->row, err);
  as_status s = out->row ? open_scoring(&k, among, err) : AS_E_ENV;
  as_sha256_init(&sum);
  for (size_t first = 0; s == AS_OK && first < n; first += ROWS) {
    if (!voter->head) as_watch_progress(voter->knn.watch, "looking for neighbours", first, n);
    s = score_rows(out, &k, f, rows, first, n - first < ROWS ? n - first : ROWS, &sum, err);
  }
  if (s == AS_OK) s = finish_cell(out, err);
  if (s == AS_OK) s = count_hopeless(&out->cell, &k, err);
  if (s == AS_OK) s = score_corruptions(out, ds, err);
  if (k.narrowed) out->cell.own_used = out->cell.n_used;
  as_sha256_hex(&sum, out->cell.logits_sha256);
  as_features_sha256(f, rows, n, out->cell.features_sha256);
  close_scoring(&k);
  if (s != AS_OK) as_scores_clear(out);
  return s;
}

void as_scores_clear(as_scores *s) {
  as_free(s->row);
  as_cell_clear(&s->cell);
  memset(s, 0, sizeof *s);
}
