/* A row per cell; accuracies as fractions. Unknown is empty, never 0. */
#include <math.h>

#include "eval/report/report_int.h"

static void put_csv_fraction(as_str *out, double v) {
  as_str_putc(out, ',');
  if (isfinite(v)) as_str_put(out, as_fix(v, 6).s);
}

static void put_csv_text(as_str *out, const char *s) {
  as_str_putc(out, ',');
  as_put_csv(out, s);
}

as_status as_report_csv(as_str *out, const as_results *r, const as_report_opts *opts, as_err *err) {
  /* No column of the cells comes from the bootstrap: without a cache there is none. */
  const as_report_opts plain = {.resamples = -1};
  bool one = opts && opts->part && strcmp(opts->part, "cells") != 0;
  if (!one && (!opts || !opts->cache)) opts = &plain;
  as_sum *sum;
  as_status st = as_sum_take(&sum, r, opts, err);
  if (st != AS_OK) return st;
  if (one) {
    st = as_layout_csv(out, sum, opts->part, err);
    as_sum_drop(sum, opts);
    return st;
  }
  as_str_put(
      out,
      "model,dataset,status,n_expected,n_used,n_failed,top1_correct,top5_correct,top1,top1_lo,top1_hi,top5,"
      "top1_failed_wrong,change,change_lo,change_hi,rank,tier,top1_step,classes,rule,reason,features_sha256,"
      "logits_"
      "sha256\n");
  for (size_t m = 0; m < r->n_models; m++) {
    for (size_t k = 0; k < r->n_sets; k++) {
      const as_cell *c = as_results_cell(r, m, k);
      const as_sum_cell *d = as_sum_at(sum, m, k);
      as_put_csv(out, as_model_name(r, m));
      put_csv_text(out, as_set_name(r, k));
      as_str_putc(out, ',');
      as_put_status(out, sum, m, k);
      bool counted = c->n_expected > 0;
      if (counted)
        as_str_printf(out, ",%lld,%lld,%lld", (long long)c->n_expected, (long long)c->n_used,
                      (long long)c->n_failed);
      else
        as_str_put(out, ",,,");
      as_str_putc(out, ',');
      if (as_cell_measured(c) && c->n_used > 0) as_str_printf(out, "%lld", (long long)c->top1_correct);
      as_str_putc(out, ',');
      if (as_cell_measured(c) && c->n_used > 0 && c->has_top5)
        as_str_printf(out, "%lld", (long long)c->top5_correct);
      put_csv_fraction(out, d->shown);
      put_csv_fraction(out, d->lo);
      put_csv_fraction(out, d->hi);
      put_csv_fraction(out, as_cell_measured(c) && c->has_top5 ? c->top5 : NAN);
      put_csv_fraction(out, d->floor);
      put_csv_fraction(out, d->drop);
      put_csv_fraction(out, d->drop_lo);
      put_csv_fraction(out, d->drop_hi);
      as_str_putc(out, ',');
      if (isfinite(d->rank)) as_str_put(out, as_rank_text(d->rank).s);
      as_str_printf(out, ",%s,", as_tier_text(sum, m, k).s);
      if (c->top1_step > 0.0) as_str_put(out, as_digits(c->top1_step, 3).s);
      as_str_putc(out, ',');
      size_t classes = as_results_among(r, m, k).n;
      if (classes) as_str_printf(out, "%zu", classes);
      put_csv_text(out, r->sets[k].rule);
      as_str reason = {0};
      as_put_reason(&reason, c, d);
      put_csv_text(out, as_str_c(&reason));
      if (reason.failed) out->failed = true;
      as_str_clear(&reason);
      put_csv_text(out, c->features_sha256);
      put_csv_text(out, c->logits_sha256);
      as_str_putc(out, '\n');
    }
  }
  as_sum_drop(sum, opts);
  return as_str_status(out, err);
}
