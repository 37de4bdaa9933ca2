/* Schema assay.table/1, with what only whole tables have: lines, rank correlation, translation curves. */
#include <math.h>

#include "eval/report/report_int.h"
#include "eval/report/table_out.h"

static void put_set(as_jsonw *w, const as_table *t, const as_table_stats *st, size_t k) {
  const as_table_set_stats *d = &st->set[k];
  as_jsonw_object(w);
  as_jsonw_key(w, "dataset");
  as_jsonw_str(w, as_set_name(&t->r, k));
  as_put_json_i64(w, "models", (int64_t)d->models);
  as_jsonw_key(w, "line");
  as_jsonw_object(w);
  as_jsonw_key(w, "source");
  as_jsonw_str(w, d->line ? "imagenet-testbed" : "this table");
  as_put_json_f64(w, "slope", d->line ? d->line->slope : d->fit.slope);
  as_put_json_f64(w, "intercept", d->line ? d->line->intercept : d->fit.intercept);
  as_jsonw_end(w);
  as_put_json_f64(w, "fit_slope", d->fit.slope);
  as_put_json_f64(w, "fit_intercept", d->fit.intercept);
  as_put_json_f64(w, "fit_r", d->fit.r);
  as_put_json_f64(w, "spearman", d->spearman);
  as_put_json_f64(w, "kendall", d->kendall);
  as_jsonw_key(w, "translation");
  as_jsonw_array(w);
  for (size_t b = 0; b < st->n_bins; b++) {
    const as_translation_bin *c = &d->bins[b];
    as_jsonw_object(w);
    as_put_json_f64(w, "gap_lo", c->gap_lo);
    as_put_json_f64(w, "gap_hi", c->gap_hi);
    as_put_json_i64(w, "pairs", c->pairs);
    as_put_json_i64(w, "kept", c->kept);
    as_put_json_i64(w, "tied", c->tied);
    as_put_json_f64(w, "share", c->share);
    as_put_json_f64(w, "share_lo", c->lo);
    as_put_json_f64(w, "share_hi", c->hi);
    as_jsonw_end(w);
  }
  as_jsonw_end(w);
  as_jsonw_key(w, "effective_robustness");
  as_jsonw_array(w);
  for (size_t m = 0; m < t->r.n_models; m++) {
    if (!isfinite(st->rho[m * t->r.n_sets + k])) continue;
    as_jsonw_object(w);
    as_jsonw_key(w, "model");
    as_jsonw_str(w, as_model_name(&t->r, m));
    as_put_json_f64(w, "rho", st->rho[m * t->r.n_sets + k]);
    as_jsonw_end(w);
  }
  as_jsonw_end(w);
  as_jsonw_end(w);
}

as_status as_table_json(as_str *out, const as_table *t, const as_report_opts *opts, as_err *err) {
  as_sum *s;
  as_status status = as_sum_take(&s, &t->r, opts, err);
  if (status != AS_OK) return status;
  as_jsonw w;
  as_jsonw_init(&w, out, false);
  as_jsonw_object(&w);
  status = as_report_json_body(&w, s, opts ? opts->part : NULL, err);
  as_put_json_i64(&w, "rows", (int64_t)t->n_rows);
  as_put_json_i64(&w, "names", (int64_t)t->n_names);
  as_jsonw_key(&w, "duplicates");
  as_jsonw_array(&w);
  for (size_t i = 0; i < t->n_duplicates; i++) as_jsonw_str(&w, t->duplicates[i]);
  as_jsonw_end(&w);
  as_jsonw_key(&w, "against_base");
  as_jsonw_array(&w);
  for (size_t k = 0; k < t->r.n_sets; k++)
    if (k != t->r.base) put_set(&w, t, &s->stats, k);
  as_jsonw_end(&w);
  as_jsonw_end(&w);
  as_str_putc(out, '\n');
  as_sum_drop(s, opts);
  return status == AS_OK ? as_str_status(out, err) : status;
}
