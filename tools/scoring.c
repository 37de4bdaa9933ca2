/* The scoring of a head or of k-NN on the rows of a feature file, and its print. */
#include "tools/scoring.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/stats/metrics.h"
#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tensor/base/mem.h"
#include "tools/common.h"
#include "tools/progress.h"
#include "tools/say.h"

static void note_pair(const as_feature_pair *p, const as_feature_set *test) {
  if (p->n_shared)
    as_note("warning: %zu of %zu test rows are training rows too (%s is %s)%s", p->n_shared, test->n,
            p->example[0], p->example[1], p->n_other_label ? ", some with another label" : "");
  if (p->n_repeated) as_note("warning: %zu of %zu test rows repeat another one", p->n_repeated, test->n);
  if (p->renumbered) as_note("the two files number their classes differently; classes are matched by name");
  if (*p->order)
    as_note("warning: %s: the two files may number their classes differently, and say no names", p->order);
  if (p->n_unknown)
    as_note("warning: %zu of %zu test rows are of classes that no training row has, and count as wrong",
            p->n_unknown, test->n);
}

as_status as_scoring_read(as_feature_set *train, as_feature_set *test, as_feature_pair *pair,
                          const as_args *a, as_err *err) {
  as_status s = as_feature_set_read(train, a->text[OPT_TRAIN], err);
  if (s == AS_OK && a->set[OPT_TEST]) {
    s = as_feature_set_read(test, a->text[OPT_TEST], err);
    if (s == AS_OK && test->d != train->d)
      s = as_fail(err, AS_E_INPUT, "%s: found %zu features per row, wanted %zu as in %s", a->text[OPT_TEST],
                  test->d, train->d, a->text[OPT_TRAIN]);
    if (s == AS_OK) s = as_feature_pair_match(pair, train, test, err);
    if (s == AS_OK) note_pair(pair, test);
  }
  size_t labelled = 0;
  for (size_t i = 0; s == AS_OK && i < train->n; i++) labelled += train->label[i] >= 0;
  if (s == AS_OK && labelled == 0)
    s = as_fail(err, AS_E_INPUT, "%s: found no labelled row, wanted at least one", a->text[OPT_TRAIN]);
  return s;
}

as_labelled as_scoring_rows(const as_feature_set *f) {
  return (as_labelled){.x = f->x,
                       .y = f->label,
                       .n = f->n,
                       .d = f->d,
                       .classes = f->classes,
                       .class_name = (const char *const *)f->class_name};
}

/* [n_out] the class of the test rows that each output of a head means: by name where both have names, else by number.
 * What the rows do not have gets a number of its own, which no row has. Release with as_free. */
static int *classes_of_head(const as_linhead *head, const as_feature_set *test, as_err *err) {
  const bool named = head->name && test->class_name;
  int *class_of = as_alloc(head->n_out, sizeof *class_of, err);
  for (size_t i = 0; class_of && i < head->n_out; i++) {
    class_of[i] = named ? (int)(test->classes + i) : head->class_of ? head->class_of[i] : (int)i;
    for (size_t c = 0; named && c < test->classes; c++)
      if (test->class_name[c] && strcmp(test->class_name[c], head->name[i]) == 0) class_of[i] = (int)c;
  }
  return class_of;
}

/* One row of --predictions, and its part of the counts. */
static void put_row(as_tally *t, as_out *o, const as_feature_set *test, size_t i, const int top[5],
                    const float value[5], bool failed) {
  int y = test->label[i];
  /* A failed row had a label if its text says so. */
  bool expected = y >= 0 || (failed && test->label_name[i][0] && strcmp(test->label_name[i], "-") != 0);
  t->n_expected += expected;
  t->n_failed += failed && expected;
  if (!failed && y >= 0) {
    t->n_used++;
    t->top1 += top[0] == y;
    for (int k = 0; k < 5; k++) t->top5 += top[k] == y;
  }
  if (!o) return;
  as_out_printf(o, "%s\t", test->name[i]);
  if (t->pair.renumbered && y >= 0) /* in the numbers of the answers beside it */
    as_out_printf(o, "%d\t", y);
  else
    as_out_printf(o, "%s\t", test->label_name[i]);
  for (int k = 0; !failed && k < 5 && top[k] >= 0; k++) as_out_printf(o, "%s%d", k ? "," : "", top[k]);
  as_out_printf(o, "\t");
  for (int k = 0; !failed && k < 5 && top[k] >= 0; k++)
    as_out_printf(o, "%s%.6g", k ? "," : "", (double)value[k]);
  as_out_printf(o, "\t%s\n", failed ? "failed" : y < 0 ? "unscored" : "ok");
}

static bool row_failed(const as_feature_set *f, size_t i) {
  /* The reader gives failed rows label -1; their features are NaN, or not to be trusted. */
  if (f->label[i] >= 0) return false;
  for (size_t k = 0; k < f->d; k++)
    if (!isfinite(f->x[i * f->d + k])) return true;
  return false;
}

/* How near the fit came to its minimum, under the names of a record. */
static void put_fit(as_jsonw *w, const as_origin *o) {
  if (!(o->c > 0.0)) return;
  as_jsonw_key(w, "fit");
  as_jsonw_object(w);
  as_jsonw_put_f64(w, "c", o->c);
  as_jsonw_put_f64(w, "loss", o->fit.loss);
  as_jsonw_put_f64(w, "bound", o->fit.bound);
  as_jsonw_put_f64(w, "gradient", o->fit.gradient);
  as_jsonw_put_i64(w, "iterations", o->fit.iterations);
  as_jsonw_put_bool(w, "converged", o->fit.converged);
  as_jsonw_end(w);
}

static void put_origin(as_jsonw *w, const as_origin *o) {
  if (o->protocol) {
    as_str text = {0};
    as_protocol_text(o->protocol, &text);
    as_jsonw_put_str(w, "protocol", o->protocol->name);
    as_jsonw_put_str(w, "protocol_text", as_str_c(&text));
    as_jsonw_put_str(w, "protocol_source", o->protocol->source);
    as_jsonw_put_bool(w, "augmented_crops", o->crops);
    if (o->crops) as_jsonw_put_u64(w, "n_train_failed", o->n_failed);
    as_jsonw_put_u64(w, "seed", o->seed);
    as_str_clear(&text);
  }
  put_fit(w, o);
  if (!o->path) return;
  const as_path_result *r = o->path;
  as_jsonw_put_f64(w, "c", o->c);
  as_jsonw_put_u64(w, "seed", o->seed);
  as_jsonw_put_u64(w, "n_fit", r->n_fit);
  as_jsonw_put_u64(w, "n_held_out", r->n_held);
  as_jsonw_key(w, "path");
  as_jsonw_array(w);
  for (size_t i = 0; i < r->n; i++) {
    as_jsonw_object(w);
    as_jsonw_put_f64(w, "c", r->point[i].c);
    as_jsonw_put_i64(w, "held_out_correct", r->point[i].correct);
    as_jsonw_put_f64(w, "held_out_loss", r->point[i].mean_loss);
    as_jsonw_put_i64(w, "iterations", r->point[i].fit.iterations);
    as_jsonw_put_bool(w, "converged", r->point[i].fit.converged);
    as_jsonw_end(w);
  }
  as_jsonw_end(w);
}

static void put_path(as_str *out, const as_path_result *r) {
  as_str_printf(out, "%-12s %-24s %-10s %s\n", "C", "held-out top-1", "loss", "iterations");
  for (size_t i = 0; i < r->n; i++) {
    const as_path_point *p = &r->point[i];
    char right[48];
    snprintf(right, sizeof right, "%lld / %zu = %.2f %%", (long long)p->correct, r->n_held,
             100.0 * (double)p->correct / (double)r->n_held);
    as_str_printf(out, "%-12.4g %-24s %-10.4f %d%s%s\n", p->c, right, p->mean_loss, p->fit.iterations,
                  p->fit.converged ? "" : " (not converged)", i == r->best ? "  <- chosen" : "");
  }
}

static void put_pair(as_jsonw *w, const as_feature_pair *p) {
  as_jsonw_key(w, "in_train");
  as_jsonw_object(w);
  as_jsonw_put_u64(w, "rows", p->n_shared);
  as_jsonw_put_u64(w, "same_name", p->n_same_name);
  as_jsonw_put_u64(w, "other_label", p->n_other_label);
  if (p->n_shared) as_jsonw_put_str(w, "example", p->example[0]);
  as_jsonw_end(w);
  as_jsonw_put_u64(w, "rows_repeated", p->n_repeated);
  as_jsonw_put_u64(w, "rows_of_unknown_class", p->n_unknown);
  as_jsonw_put_bool(w, "renumbered_by_name", p->renumbered);
  if (*p->order) as_jsonw_put_str(w, "class_order", p->order);
}

static void put_tally(as_jsonw *w, const as_args *a, const as_tally *t, const double ci[2]) {
  const double none = t->n_used > 0 ? 0.0 : (double)NAN, n = t->n_used > 0 ? (double)t->n_used : 1.0;
  as_jsonw_put_str(w, "test", a->text[OPT_TEST]);
  as_jsonw_put_i64(w, "n_expected", t->n_expected);
  as_jsonw_put_i64(w, "n_used", t->n_used);
  as_jsonw_put_i64(w, "n_failed", t->n_failed);
  as_jsonw_put_i64(w, "top1_correct", t->top1);
  as_jsonw_put_i64(w, "top5_correct", t->top5);
  as_jsonw_put_f64(w, "top1", (double)t->top1 / n + none);
  as_jsonw_put_f64(w, "top5", (double)t->top5 / n + none);
  as_jsonw_key(w, "top1_ci95");
  as_jsonw_array(w);
  as_jsonw_f64(w, ci[0]);
  as_jsonw_f64(w, ci[1]);
  as_jsonw_end(w);
  if (a->set[OPT_TRAIN]) put_pair(w, &t->pair);
}

as_status as_scoring_print(const as_args *a, const char *method, const as_origin *origin, const as_tally *t,
                           as_err *err) {
  as_str out = {0};
  double ci[2] = {(double)NAN, (double)NAN};
  if (t && t->n_used > 0) as_wilson(t->top1, t->n_used, 0.95, &ci[0], &ci[1]);
  if (a->set[OPT_JSON]) {
    as_jsonw w;
    as_jsonw_init(&w, &out, false);
    as_jsonw_object(&w);
    as_jsonw_put_str(&w, "method", method);
    if (origin) put_origin(&w, origin);
    if (a->set[OPT_HEAD])
      as_jsonw_put_str(&w, "head", a->text[OPT_HEAD]);
    else
      as_jsonw_put_str(&w, "train", a->text[a->set[OPT_TRAIN] ? OPT_TRAIN : OPT_DATA]);
    if (t) put_tally(&w, a, t, ci);
    as_jsonw_end(&w);
    as_str_putc(&out, '\n');
  } else if (t) {
    if (origin && origin->path) put_path(&out, origin->path);
    as_str_printf(&out, "%s\n%-10s %lld expected, %lld used, %lld failed\n", method, "rows",
                  (long long)t->n_expected, (long long)t->n_used, (long long)t->n_failed);
    as_tool_rate(&out, "top-1", t->top1, t->n_used, ci);
    as_tool_rate(&out, "top-5", t->top5, t->n_used, NULL);
    if (t->pair.n_shared)
      as_str_printf(&out, "%-10s %zu of these rows are training rows too: no test of what was learned\n",
                    "in train", t->pair.n_shared);
  }
  as_status s = as_str_status(&out, err);
  if (s == AS_OK) as_print(&out);
  as_str_clear(&out);
  return s;
}

as_status as_scoring(const as_args *a, const as_feature_set *train, const as_feature_set *test,
                     const as_linhead *head, const as_knn_opts *knn, as_tally *t, as_err *err) {
  enum { ROWS = 4096 };
  const as_labelled rows = as_scoring_rows(train);
  size_t outputs = head ? head->n_out : train->classes;
  float *scores = as_alloc(outputs * ROWS, sizeof *scores, err),
        *x = as_alloc(ROWS * test->d, sizeof *x, err);
  int *top = as_alloc(5 * ROWS, sizeof *top, err), *class_of = head ? classes_of_head(head, test, err) : NULL;
  as_out out = {0}, *o = NULL;
  as_status s = scores && x && top && (class_of || !head) ? AS_OK : AS_E_ENV;
  if (s == AS_OK && a->set[OPT_PREDICTIONS] &&
      (s = as_out_open(&out, a->text[OPT_PREDICTIONS], err)) == AS_OK) {
    o = &out;
    as_out_printf(o, "name\tlabel\ttop5\tlogits5\tstatus\n");
  }
  for (size_t first = 0; s == AS_OK && first < test->n; first += ROWS) {
    size_t n = test->n - first < ROWS ? test->n - first : ROWS;
    bool failed[ROWS];
    as_watch_progress(as_tool_watch(), "rows", first, test->n);
    if (as_watch_stop(as_tool_watch())) {
      s = as_fail(err, AS_E_STOPPED, "stopped; nothing was written");
      break;
    }
    memcpy(x, test->x + first * test->d, n * test->d * sizeof *x);
    for (size_t i = 0; i < n; i++)
      if ((failed[i] = row_failed(test, first + i))) memset(x + i * test->d, 0, test->d * sizeof *x);
    if (head)
      as_linhead_logits(head, x, n, scores);
    else
      s = as_knn(&rows, knn, x, n, NULL, scores, top, err);
    for (size_t i = 0; s == AS_OK && i < n; i++) {
      int five[5];
      float value[5];
      if (head) {
        as_top5(scores + i * outputs, outputs, NULL, five, value);
      } else { /* fewer than five where fewer classes have a vote */
        memcpy(five, top + 5 * i, sizeof five);
        for (int k = 0; k < 5; k++) value[k] = five[k] >= 0 ? scores[i * outputs + (size_t)five[k]] : 0.0f;
      }
      for (int k = 0; head && k < 5; k++)
        if (five[k] >= 0) five[k] = class_of[five[k]];
      put_row(t, o, test, first + i, five, value, failed[i]);
    }
  }
  as_watch_progress(as_tool_watch(), "rows", test->n, test->n);
  if (o && s == AS_OK)
    s = as_out_commit(o, err);
  else if (o)
    as_out_abort(o);
  as_free(scores);
  as_free(x);
  as_free(top);
  as_free(class_of);
  return s;
}
