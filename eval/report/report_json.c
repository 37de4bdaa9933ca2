/* Schema assay.table/1. Accuracies are fractions, shortest text that reads back as the same double;
 * unknown is null. */
#include <math.h>

#include "eval/report/report_int.h"
#include "tensor/base/json.h"

static void put_json_interval(as_jsonw *w, const char *key, double lo, double hi) {
  as_jsonw_key(w, key);
  if (!isfinite(lo) || !isfinite(hi)) {
    as_jsonw_null(w);
    return;
  }
  as_jsonw_array(w);
  as_jsonw_f64(w, lo);
  as_jsonw_f64(w, hi);
  as_jsonw_end(w);
}

static void put_json_text(as_jsonw *w, const char *key, const char *v) {
  as_jsonw_key(w, key);
  as_jsonw_str(w, v && *v ? v : NULL);
}

static void put_count(as_jsonw *w, const char *key, size_t n) {
  as_jsonw_key(w, key);
  if (n)
    as_jsonw_u64(w, n);
  else
    as_jsonw_null(w);
}

/* Among how many classes the cell chose; where that is fewer than its model knows, the counts over all of
 * them. */
static void put_candidates(as_jsonw *w, const as_sum *s, size_t m, size_t k) {
  const as_cell *c = as_results_cell(s->r, m, k);
  put_count(w, "classes", as_results_among(s->r, m, k).n);
  put_json_text(w, "classes_sha256", c->among.sha256);
  as_put_json_i64(w, "n_hopeless", c->n_hopeless);
  as_jsonw_key(w, "own");
  if (c->own.n == 0) {
    as_jsonw_null(w);
    return;
  }
  as_jsonw_object(w);
  put_count(w, "classes", c->own.n);
  put_json_text(w, "classes_sha256", c->own.sha256);
  as_put_json_i64(w, "n_used", c->own_used);
  as_put_json_i64(w, "top1_correct", c->own_correct);
  as_put_json_f64(w, "top1", c->own_used > 0 ? (double)c->own_correct / (double)c->own_used : NAN);
  as_jsonw_end(w);
}

/* null: nobody has looked. */
static void put_shared(as_jsonw *w, const char *key, const as_shared *d) {
  as_jsonw_key(w, key);
  if (!d->known) {
    as_jsonw_null(w);
    return;
  }
  as_jsonw_object(w);
  as_put_json_i64(w, "n", d->n);
  as_put_json_i64(w, "n_bytes", d->n_bytes);
  as_jsonw_key(w, "examples");
  as_jsonw_array(w);
  for (size_t i = 0; i < AS_SHARED_KEPT && d->example[i]; i++) as_jsonw_str(w, d->example[i]);
  as_jsonw_end(w);
  as_jsonw_end(w);
}

static void put_json_cell(as_jsonw *w, const as_sum *s, size_t m, size_t k) {
  const as_cell *c = as_results_cell(s->r, m, k);
  const as_sum_cell *d = as_sum_at(s, m, k);
  as_jsonw_object(w);
  put_json_text(w, "model", as_model_name(s->r, m));
  put_json_text(w, "dataset", as_set_name(s->r, k));
  as_str reason = {0};
  as_put_status(&reason, s, m, k);
  put_json_text(w, "status", as_str_c(&reason));
  as_str_clear(&reason);
  as_put_reason(&reason, c, d);
  put_json_text(w, "reason", as_str_c(&reason));
  if (reason.failed) w->out->failed = true;
  as_str_clear(&reason);
  as_put_json_i64(w, "n_expected", c->n_expected);
  as_put_json_i64(w, "n_used", c->n_used);
  as_put_json_i64(w, "n_failed", c->n_failed);
  as_jsonw_key(w, "top1_correct");
  if (as_cell_measured(c) && c->n_used > 0)
    as_jsonw_i64(w, c->top1_correct);
  else
    as_jsonw_null(w);
  as_jsonw_key(w, "top5_correct");
  if (as_cell_measured(c) && c->n_used > 0 && c->has_top5)
    as_jsonw_i64(w, c->top5_correct);
  else
    as_jsonw_null(w);
  as_put_json_f64(w, "top1", d->shown);
  as_put_json_f64(w, "top5", as_cell_measured(c) && c->has_top5 ? c->top5 : NAN);
  put_json_interval(w, "top1_ci95", d->lo, d->hi);
  as_put_json_f64(w, "top1_failed_wrong", d->floor);
  as_put_json_f64(w, "change", d->drop);
  put_json_interval(w, "change_ci95", d->drop_lo, d->drop_hi);
  as_put_json_f64(w, "rank", d->rank);
  put_count(w, "tier", as_sum_any_tier(s, k) ? s->tiers[k].tier[m] : 0);
  as_put_json_f64(w, "top1_step", c->top1_step);
  put_candidates(w, s, m, k);
  put_shared(w, "in_train", &c->in_train);
  put_json_text(w, "features_sha256", c->features_sha256);
  put_json_text(w, "logits_sha256", c->logits_sha256);
  as_jsonw_end(w);
}

/* What the numbers decide, in words. */
static void put_decisions(as_jsonw *w, const as_sum *s) {
  for (size_t i = 0; i < as_first_word_count; i++) {
    as_str text = {0};
    as_first_words[i].put(&text, s);
    if (text.n || i == 0) put_json_text(w, as_first_words[i].key, as_str_c(&text));
    if (text.failed) w->out->failed = true;
    as_str_clear(&text);
  }
}

as_status as_report_json_body(as_jsonw *w, const as_sum *s, const char *part, as_err *err) {
  static const char *const keys[AS_SUM_N] = {"mean",      "geometric", "harmonic",      "worst",
                                             "mean_rank", "win_rate",  "relative_error"};
  const as_results *r = s->r;
  put_json_text(w, "schema", "assay.table/1");
  put_json_text(w, "title", r->title);
  as_jsonw_key(w, "complete");
  as_jsonw_bool(w, r->complete);
  put_json_text(w, "base", as_set_name(r, r->base));
  put_decisions(w, s);
  as_jsonw_key(w, "models");
  as_jsonw_array(w);
  for (size_t m = 0; m < r->n_models; m++) {
    as_jsonw_object(w);
    put_json_text(w, "name", as_model_name(r, m));
    put_json_text(w, "note", r->models[m].note);
    as_jsonw_end(w);
  }
  as_jsonw_end(w);
  as_jsonw_key(w, "datasets");
  as_jsonw_array(w);
  for (size_t k = 0; k < r->n_sets; k++) {
    as_jsonw_object(w);
    put_json_text(w, "name", as_set_name(r, k));
    put_json_text(w, "rule", r->sets[k].rule);
    as_put_json_i64(w, "classes", (int64_t)r->sets[k].classes);
    put_count(w, "compared_over", s->among[k].n);
    put_shared(w, "twice", &r->sets[k].twice);
    as_jsonw_end(w);
  }
  as_jsonw_end(w);
  as_jsonw_key(w, "cells");
  as_jsonw_array(w);
  for (size_t m = 0; m < r->n_models; m++)
    for (size_t k = 0; k < r->n_sets; k++) put_json_cell(w, s, m, k);
  as_jsonw_end(w);
  as_jsonw_key(w, "unified");
  as_jsonw_object(w);
  put_json_text(w, "definition",
                "arithmetic mean of top-1 over the sets, each by its own rule; assay's own definition");
  as_jsonw_key(w, "models");
  as_jsonw_array(w);
  for (size_t i = 0; i < r->n_models; i++) {
    const as_sum_model *m = &s->models[s->order[i]];
    as_jsonw_object(w);
    put_json_text(w, "model", as_model_name(r, s->order[i]));
    as_jsonw_key(w, "complete");
    as_jsonw_bool(w, m->whole);
    as_put_json_f64(w, "unified", m->value[AS_SUM_MEAN]);
    put_json_interval(w, "unified_ci95", m->mean_lo, m->mean_hi);
    as_put_json_f64(w, "rank", m->rank[AS_SUM_MEAN]);
    put_json_interval(w, "rank_ci95", m->rank_lo, m->rank_hi);
    put_count(w, "tier", as_sum_any_tier(s, r->n_sets) ? s->tiers[r->n_sets].tier[s->order[i]] : 0);
    as_put_json_f64(w, "p_first", m->p_first);
    for (int j = 1; j < AS_SUM_N; j++) as_put_json_f64(w, keys[j], m->value[j]);
    as_jsonw_end(w);
  }
  as_jsonw_end(w);
  as_jsonw_end(w);
  as_jsonw_key(w, "remarks");
  as_jsonw_array(w);
  for (size_t i = 0; i < r->n_remarks; i++) as_jsonw_str(w, r->remarks[i]);
  for (size_t i = 0; i < s->n_notes; i++) as_jsonw_str(w, s->notes[i]);
  as_jsonw_end(w);
  as_jsonw_key(w, "overlaps");
  as_jsonw_array(w);
  for (size_t i = 0; i < r->n_overlaps; i++) {
    as_jsonw_object(w);
    put_json_text(w, "first", as_set_name(r, r->overlaps[i].a));
    put_json_text(w, "second", as_set_name(r, r->overlaps[i].b));
    put_shared(w, "shared", &r->overlaps[i].shared);
    as_jsonw_end(w);
  }
  as_jsonw_end(w);
  return as_layout_json(w, s, part && strcmp(part, "cells") == 0 ? NULL : part, err);
}

as_status as_report_json(as_str *out, const as_results *r, const as_report_opts *opts, as_err *err) {
  as_sum *s;
  as_status st = as_sum_take(&s, r, opts, err);
  if (st != AS_OK) return st;
  as_jsonw w;
  as_jsonw_init(&w, out, false);
  as_jsonw_object(&w);
  st = as_report_json_body(&w, s, opts ? opts->part : NULL, err);
  as_jsonw_end(&w);
  as_str_putc(out, '\n');
  as_sum_drop(s, opts);
  return st == AS_OK ? as_str_status(out, err) : st;
}
