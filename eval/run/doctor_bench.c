/* A few images of a set through a backbone and its head. */
#include <math.h>
#include <string.h>

#include "eval/learn/score.h"
#include "eval/run/doctor_int.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"

enum { BATCH = 8 };

void as_doc_outcome_clear(as_doc_outcome *o) {
  as_free(o->right);
  as_free(o->ll);
  as_free(o->top);
  memset(o, 0, sizeof *o);
}

static as_status make_outcome(as_doc_outcome *o, size_t n, as_err *err) {
  as_doc_outcome_clear(o);
  o->right = as_calloc(n, 1, err);
  o->ll = as_calloc(n, sizeof *o->ll, err);
  o->top = as_calloc(n, sizeof *o->top, err);
  return o->right && o->ll && o->top ? AS_OK : AS_E_ENV;
}

typedef struct as_doc_decode {
  const as_doc_bench *b;
  const as_doc_way *way;
  size_t first;
  bool ok[BATCH];
} as_doc_decode;

static void decode_one(void *ctx, size_t i, int worker) {
  as_doc_decode *j = ctx;
  size_t side = (size_t)j->way->preset->crop, pixels = side * side;
  float *x = j->b->images + i * pixels * 3;
  as_blob blob = {0};
  as_err err;
  (void)worker;
  j->ok[i] = as_dataset_read(j->b->ds, j->b->row[j->first + i], &blob, &err) == AS_OK &&
             as_blob_unpack(&blob, &err) == AS_OK &&
             as_preset_load(j->way->preset, blob.p, blob.n, 1, x, NULL, &err) == AS_OK;
  as_dataset_release(&blob);
  if (!j->ok[i]) memset(x, 0, pixels * 3 * sizeof *x);
  for (size_t k = 0; j->way->swap && k < pixels; k++) {
    float red = x[3 * k];
    x[3 * k] = x[3 * k + 2];
    x[3 * k + 2] = red;
  }
}

static bool is_right_class(const as_item *item, int c) {
  if (!item->labels) return item->label == c;
  for (int i = 0; i < item->n_labels; i++)
    if (item->labels[i] == c) return true;
  return false;
}

static void judge_row(const as_doc_bench *b, const float *logits, size_t at, bool ok, as_doc_outcome *o) {
  as_item item = as_dataset_item(b->ds, b->row[at]);
  double best = -INFINITY, answer = -INFINITY, sum = 0;
  o->right[at] = 0;
  o->top[at] = -1;
  o->ll[at] = (double)NAN;
  for (size_t k = 0; ok && k < b->head.n_out; k++) {
    double v = (double)logits[k];
    if (!b->allowed[k]) continue;
    if (v > best) {
      best = v;
      o->top[at] = b->class_of[k];
    }
    if (is_right_class(&item, b->class_of[k]) && v > answer) answer = v;
  }
  if (!ok || !isfinite(best)) return;
  for (size_t k = 0; k < b->head.n_out; k++)
    if (b->allowed[k]) sum += as_exp((double)logits[k] - best);
  o->right[at] = is_right_class(&item, o->top[at]);
  /* A class that the head does not know: as unlikely as the least likely float can say. */
  double ll = isfinite(answer) ? answer - best - as_log(sum) : -100.0;
  o->ll[at] = ll < -100.0 ? -100.0 : ll;
}

as_status as_doc_bench_run(as_doc_bench *b, const as_doc_way *way, as_doc_outcome *o, const as_watch *watch,
                           as_err *err) {
  as_status s = make_outcome(o, b->n, err);
  if (s == AS_OK) s = as_model_plan(way->bb->model, BATCH, err);
  for (size_t first = 0; s == AS_OK && first < b->n; first += BATCH) {
    size_t m = b->n - first < BATCH ? b->n - first : BATCH;
    as_doc_decode j = {.b = b, .way = way, .first = first};
    as_watch_progress(watch, way->what, first, b->n);
    if (as_watch_stop(watch)) return as_fail(err, AS_E_STOPPED, "stopped");
    as_par_for(m, decode_one, &j);
    as_model_forward(way->bb->model, b->images, (int)m, b->features);
    as_linhead_logits(&b->head, b->features, m, b->logits);
    for (size_t i = 0; i < m; i++) judge_row(b, b->logits + i * b->head.n_out, first + i, j.ok[i], o);
  }
  as_watch_progress(watch, way->what, b->n, b->n);
  return s;
}

void as_doc_bench_close(as_doc_bench *b) {
  as_backbone_clear(&b->bb);
  as_linhead_clear(&b->head);
  as_free(b->row);
  as_free(b->images);
  as_free(b->features);
  as_free(b->logits);
  as_free(b->class_of);
  as_free(b->allowed);
  memset(b, 0, sizeof *b);
}

/* Rows of the dataset that are tested: scored ones, evenly spread. */
static as_status choose_rows(as_doc_bench *b, int images, as_err *err) {
  size_t all = as_dataset_count(b->ds), scored = 0, want = images > 0 ? (size_t)images : 100;
  size_t *row = as_alloc(all ? all : 1, sizeof *row, err);
  if (!row) return AS_E_ENV;
  for (size_t i = 0; i < all; i++) {
    as_item item = as_dataset_item(b->ds, i);
    if (item.labels ? item.n_labels > 0 : item.label >= 0) row[scored++] = i;
  }
  b->n = want < scored ? want : scored;
  for (size_t i = 0; i < b->n; i++) row[i] = row[i * (scored / b->n) + i * (scored % b->n) / b->n];
  b->row = row;
  return b->n ? AS_OK : as_fail(err, AS_E_INPUT, "found no scored image");
}

as_status as_doc_bench_open(as_doc_bench *b, const as_doc_case *c, int images, as_err *err) {
  const as_plan_model *p = c->model;
  as_backbone_opts o = {
      .weights = p->weights.at, .recipe = p->recipe.at, .arch = p->arch, .preset = c->preset};
  memset(b, 0, sizeof *b);
  b->ds = c->ds;
  as_status s = as_backbone_open(&b->bb, &o, err);
  if (s == AS_OK)
    s = p->kind == AS_HEAD_FILE
            ? as_linhead_file(&b->head, p->head_file.at, (size_t)as_model_embed_dim(b->bb.model), err)
            : as_linhead_own(&b->head, &b->bb, err);
  if (s == AS_OK) s = choose_rows(b, images, err);
  if (s != AS_OK) return s;
  size_t side = (size_t)b->bb.preset.crop;
  b->images = as_alloc(BATCH * side * side * 3, sizeof *b->images, err);
  b->features = as_alloc((size_t)BATCH * (size_t)as_model_embed_dim(b->bb.model), sizeof *b->features, err);
  b->logits = as_alloc(BATCH * b->head.n_out, sizeof *b->logits, err);
  b->class_of = as_alloc(b->head.n_out, sizeof *b->class_of, err);
  b->allowed = as_calloc(b->head.n_out, 1, err);
  if (!b->images || !b->features || !b->logits || !b->class_of || !b->allowed) return AS_E_ENV;
  const as_voter voter = {.head = &b->head};
  if ((s = as_voter_classes(b->class_of, c->ds, &voter, err)) != AS_OK) return s;
  for (size_t k = 0; k < b->head.n_out; k++)
    b->allowed[k] = b->class_of[k] >= 0 && (!c->among || c->among[b->class_of[k]]);
  return AS_OK;
}
