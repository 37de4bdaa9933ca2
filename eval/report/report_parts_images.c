/* The parts of a report that look below the counts: calibration, classes, corruptions, failures, and the
 * published figures beside the measured ones. */
#include <math.h>
#include <string.h>

#include "eval/report/report_parts_int.h"
#include "eval/stats/metrics.h"
#include "tensor/base/mem.h"

as_status as_part_published(as_sheet *sh, const as_sum *s, as_err *err) {
  (void)err;
  const as_results *r = s->r;
  bool any = false;
  for (size_t m = 0; m < r->n_models; m++) any = any || isfinite(r->models[m].published);
  if (!any) return AS_OK;
  sh->title = "Published beside measured";
  as_sheet_column(sh, "model", "model", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "dataset", "set", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "published", "published", AS_COL_SHARE, 2, false);
  as_sheet_column(sh, "measured", "measured", AS_COL_SHARE, 2, true);
  as_sheet_column(sh, "difference", "difference", AS_COL_POINTS, 2, false);
  as_sheet_column(sh, "source", "source", AS_COL_TEXT, 0, false);
  for (size_t i = 0; i < r->n_models; i++) {
    size_t m = s->order[i], k = 0;
    const as_results_model *d = &r->models[m];
    if (!isfinite(d->published)) continue;
    size_t row = as_sheet_row(sh);
    as_sheet_text(sh, row, 0, as_model_name(r, m));
    as_sheet_text(sh, row, 1, d->published_on ? d->published_on : "");
    as_sheet_number(sh, row, 2, d->published, NAN, NAN);
    as_sheet_text(sh, row, 5, d->published_source ? d->published_source : "");
    while (k < r->n_sets && d->published_on && strcmp(as_set_name(r, k), d->published_on) != 0) k++;
    if (k == r->n_sets || !d->published_on) continue;
    const as_sum_cell *c = as_sum_at(s, m, k);
    const as_cell *cell = as_results_cell(r, m, k);
    double top1 = c->shown, lo = c->lo, hi = c->hi;
    if (cell->own.n > 0 && cell->own_used > 0) { /* published figures are over all of a head's classes */
      top1 = (double)cell->own_correct / (double)cell->own_used;
      as_wilson(cell->own_correct, cell->own_used, 0.95, &lo, &hi);
    }
    as_sheet_number(sh, row, 3, top1, lo, hi);
    as_sheet_number(sh, row, 4, top1 - d->published, NAN, NAN);
  }
  as_str_put(&sh->how, "Measured minus published, in points; published figures as their authors give them.");
  return AS_OK;
}

as_status as_part_top5(as_sheet *sh, const as_sum *s, as_err *err) {
  (void)err;
  const as_results *r = s->r;
  bool any = false;
  for (size_t i = 0; i < r->n_models * r->n_sets; i++)
    any = any || (as_cell_measured(&r->cells[i]) && r->cells[i].has_top5);
  if (!any) return AS_OK;
  sh->title = "Top-5 accuracy";
  as_sheet_column(sh, "model", "model", AS_COL_TEXT, 0, false);
  for (size_t k = 0; k < r->n_sets; k++) as_sheet_named(sh, as_set_name(r, k), AS_COL_SHARE, 2, true);
  for (size_t i = 0; i < r->n_models; i++) {
    size_t row = as_sheet_row(sh), m = s->order[i];
    as_sheet_text(sh, row, 0, as_model_name(r, m));
    for (size_t k = 0; k < r->n_sets; k++) {
      const as_cell *c = as_results_cell(r, m, k);
      double lo = NAN, hi = NAN;
      if (!as_cell_measured(c) || !c->has_top5) continue;
      if (c->n_used > 0) as_wilson(c->top5_correct, c->n_used, 0.95, &lo, &hi);
      as_sheet_number(sh, row, k + 1, c->top5, lo, hi);
    }
  }
  return AS_OK;
}

as_status as_part_calibration(as_sheet *sh, const as_sum *s, as_err *err) {
  (void)err;
  const as_results *r = s->r;
  if (!s->calibration) return AS_OK;
  sh->title = "Calibration: expected calibration error (ECE) in points";
  as_sheet_column(sh, "model", "model", AS_COL_TEXT, 0, false);
  for (size_t k = 0; k < r->n_sets; k++) as_sheet_named(sh, as_set_name(r, k), AS_COL_SHARE, 1, false);
  for (size_t i = 0; i < r->n_models; i++) {
    size_t row = as_sheet_row(sh), m = s->order[i];
    as_sheet_text(sh, row, 0, as_model_name(r, m));
    for (size_t k = 0; k < r->n_sets; k++)
      as_sheet_number(sh, row, k + 1, s->calibration[m * r->n_sets + k].ece, NAN, NAN);
  }
  as_str_printf(
      &sh->how,
      "ECE over %d bins of equal width. Confidence: the softmax of the first class over the classes that "
      "may win (k-NN: its share of the votes). A probe's confidence depends on its regularisation.",
      AS_CALIBRATION_BINS);
  return AS_OK;
}

as_status as_part_reliability(as_sheet *sh, const as_sum *s, as_err *err) {
  (void)err;
  const as_results *r = s->r;
  if (!s->calibration) return AS_OK;
  sh->title = "Reliability: accuracy by confidence";
  as_sheet_column(sh, "model", "model", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "dataset", "set", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "bin_lo", "confidence from", AS_COL_SHARE, 1, false);
  as_sheet_column(sh, "bin_hi", "to", AS_COL_SHARE, 1, false);
  as_sheet_column(sh, "n", "images", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "confidence", "mean confidence", AS_COL_SHARE, 1, false);
  as_sheet_column(sh, "accuracy", "accuracy", AS_COL_SHARE, 1, true);
  for (size_t i = 0; i < r->n_models; i++)
    for (size_t k = 0; k < r->n_sets; k++) {
      const as_calibration *c = &s->calibration[s->order[i] * r->n_sets + k];
      for (int b = 0; b < AS_CALIBRATION_BINS; b++) {
        if (c->bin[b].n == 0) continue;
        size_t row = as_sheet_row(sh);
        double lo, hi, n = (double)c->bin[b].n;
        as_wilson_share(c->bin[b].accuracy, n, 0.95, &lo, &hi);
        as_sheet_text(sh, row, 0, as_model_name(r, s->order[i]));
        as_sheet_text(sh, row, 1, as_set_name(r, k));
        as_sheet_number(sh, row, 2, (double)b / AS_CALIBRATION_BINS, NAN, NAN);
        as_sheet_number(sh, row, 3, (double)(b + 1) / AS_CALIBRATION_BINS, NAN, NAN);
        as_sheet_number(sh, row, 4, n, NAN, NAN);
        as_sheet_number(sh, row, 5, c->bin[b].confidence, NAN, NAN);
        as_sheet_number(sh, row, 6, c->bin[b].accuracy, lo, hi);
      }
    }
  return AS_OK;
}

as_status as_part_classes(as_sheet *sh, const as_sum *s, as_err *err) {
  (void)err;
  const as_results *r = s->r;
  bool any = false, titled = false;
  for (size_t k = 0; k < r->n_sets; k++) {
    any = any || s->classes[k].n > 0;
    titled = titled || r->sets[k].class_title;
  }
  if (!any) return AS_OK;
  sh->title = "Top-1 per class";
  as_sheet_column(sh, "dataset", "set", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "class", "class", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "class_name", "name", AS_COL_TEXT, 0, false);
  if (titled) as_sheet_column(sh, "class_title", "called", AS_COL_TEXT, 0, false);
  const size_t at_images = titled ? 4 : 3;
  as_sheet_column(sh, "images", "images", AS_COL_COUNT, 0, false);
  for (size_t i = 0; i < r->n_models; i++)
    as_sheet_named(sh, as_model_name(r, s->order[i]), AS_COL_SHARE, 1, false);
  for (size_t k = 0; k < r->n_sets; k++) {
    const as_sum_classes *d = &s->classes[k];
    for (size_t c = 0; c < d->n; c++) {
      size_t row = as_sheet_row(sh);
      as_sheet_text(sh, row, 0, as_set_name(r, k));
      as_sheet_number(sh, row, 1, (double)d->number[c], NAN, NAN);
      as_sheet_text(sh, row, 2, as_class_text(r, k, d->number[c]).s);
      if (titled) as_sheet_text(sh, row, 3, as_class_title(r, k, d->number[c]).s);
      as_sheet_number(sh, row, at_images, (double)d->images[c], NAN, NAN);
      for (size_t i = 0; i < r->n_models; i++) {
        size_t at = c * r->n_models + s->order[i];
        if (d->used[at] > 0)
          as_sheet_number(sh, row, at_images + 1 + i, (double)d->right[at] / (double)d->used[at], NAN, NAN);
      }
    }
  }
  as_str_put(&sh->how, "An image with several right labels counts for the first of them.");
  return AS_OK;
}

as_status as_part_corruptions(as_sheet *sh, const as_sum *s, as_err *err) {
  (void)err;
  const as_results *r = s->r;
  size_t kinds = r->n_corruptions, severities = r->n_severities;
  bool any = false, whole = true, narrowed = false;
  for (size_t i = 0; i < r->n_models * r->n_sets; i++) {
    const double *e = r->cells[i].corruption_error;
    any = any || e;
    narrowed = narrowed || (e && !as_cell_among_all(&r->cells[i], r->sets[i % r->n_sets].classes));
    for (size_t j = 0; e && j < kinds * severities; j++) whole = whole && isfinite(e[j]);
  }
  if (!any) return AS_OK;
  sh->title = "Corruptions: mCE, and the plain error";
  as_sheet_column(sh, "model", "model", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "dataset", "set", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "mce", "mCE", AS_COL_SHARE, 1, false);
  as_sheet_column(sh, "mean_error", "mean error", AS_COL_SHARE, 1, false);
  for (size_t c = 0; c < kinds; c++) as_sheet_named(sh, r->corruptions[c].name, AS_COL_SHARE, 1, false);
  double *reference = as_alloc(kinds ? kinds : 1, sizeof *reference, err);
  if (!reference) return AS_E_ENV;
  for (size_t c = 0; c < kinds; c++) reference[c] = r->corruptions[c].reference_error;
  for (size_t i = 0; i < r->n_models; i++)
    for (size_t k = 0; k < r->n_sets; k++) {
      const double *e = as_results_cell(r, s->order[i], k)->corruption_error;
      if (!e) continue;
      size_t row = as_sheet_row(sh);
      double sum = 0.0, n = 0.0;
      for (size_t c = 0; c < kinds; c++) {
        double of = 0.0, m = 0.0;
        for (size_t v = 0; v < severities; v++) {
          double x = e[c * severities + v];
          if (!isfinite(x)) continue;
          of += x;
          m += 1.0;
        }
        if (m > 0.0) as_sheet_number(sh, row, 4 + c, of / m, NAN, NAN);
        sum += of;
        n += m;
      }
      as_sheet_text(sh, row, 0, as_model_name(r, s->order[i]));
      as_sheet_text(sh, row, 1, as_set_name(r, k));
      /* NaN unless all of them are there */
      as_sheet_number(sh, row, 2, as_mce(e, reference, kinds, severities, NULL), NAN, NAN);
      as_sheet_number(sh, row, 3, n > 0.0 ? sum / n : NAN, NAN, NAN);
    }
  as_free(reference);
  as_str_put(
      &sh->how,
      "mCE (Hendrycks and Dietterich 2019): each corruption's error over its five severities divided by "
      "AlexNet's, averaged over the 15; lower is better. Mean error and the columns by corruption are not "
      "divided by anything.");
  if (!whole) as_str_put(&sh->how, " Without all 15 corruptions at 5 severities there is no mCE.");
  if (narrowed)
    as_str_put(
        &sh->how,
        " AlexNet chose among all classes of the set: the mCE of models that chose among fewer is no figure "
        "to hold against published ones.");
  return AS_OK;
}

as_status as_part_probes(as_sheet *sh, const as_sum *s, as_err *err) {
  (void)err;
  const as_results *r = s->r;
  bool any = false;
  for (size_t m = 0; m < r->n_models; m++) any = any || r->models[m].probe.known;
  if (!any) return AS_OK;
  sh->title = "How the probes were fitted";
  as_sheet_column(sh, "model", "model", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "train", "training set", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "n_train", "images", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "c", "C", AS_COL_DIGITS, 4, false);
  as_sheet_column(sh, "loss", "loss", AS_COL_DIGITS, 7, false);
  as_sheet_column(sh, "bound", "at most above\nits minimum", AS_COL_DIGITS, 2, false);
  as_sheet_column(sh, "gradient", "largest\ngradient", AS_COL_DIGITS, 2, false);
  as_sheet_column(sh, "iterations", "iterations", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "converged", "converged", AS_COL_TEXT, 0, false);
  for (size_t i = 0; i < r->n_models; i++) {
    const as_probe_facts *p = &r->models[s->order[i]].probe;
    if (!p->known) continue;
    const double v[] = {(double)p->n_train, p->c, p->loss, p->bound, p->gradient, (double)p->iterations};
    size_t row = as_sheet_row(sh);
    as_sheet_text(sh, row, 0, as_model_name(r, s->order[i]));
    as_sheet_text(sh, row, 1, p->train ? p->train : "");
    for (size_t c = 0; c < sizeof v / sizeof *v; c++) as_sheet_number(sh, row, c + 2, v[c], NAN, NAN);
    as_sheet_text(sh, row, 8, p->converged ? "yes" : "NO");
  }
  as_str_put(
      &sh->how,
      "Loss: the sum over the images plus |W|^2 / (2 C), as minimised. Bound: the part of it by which it may "
      "lie above its minimum. Gradient: of the mean loss.");
  return AS_OK;
}

/* The cells with failed images. */
as_status as_part_gaps(as_sheet *sh, const as_sum *s, as_err *err) {
  (void)err;
  const as_results *r = s->r;
  if (s->n_failed_cells == 0) return AS_OK;
  int dec = as_sum_decimals(s);
  sh->title = "Cells with images that could not be used";
  as_sheet_column(sh, "model", "model", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "dataset", "set", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "n_expected", "expected", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "n_used", "used", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "n_failed", "failed", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "top1", "top-1", AS_COL_SHARE, dec, false);
  as_sheet_column(sh, "top1_failed_wrong", "failed = wrong", AS_COL_SHARE, dec, false);
  for (size_t m = 0; m < r->n_models; m++)
    for (size_t k = 0; k < r->n_sets; k++) {
      const as_cell *c = as_results_cell(r, m, k);
      const as_sum_cell *d = as_sum_at(s, m, k);
      if (c->n_failed <= 0) continue;
      size_t row = as_sheet_row(sh);
      as_sheet_text(sh, row, 0, as_model_name(r, m));
      as_sheet_text(sh, row, 1, as_set_name(r, k));
      as_sheet_number(sh, row, 2, (double)c->n_expected, NAN, NAN);
      as_sheet_number(sh, row, 3, (double)c->n_used, NAN, NAN);
      as_sheet_number(sh, row, 4, (double)c->n_failed, NAN, NAN);
      as_sheet_number(sh, row, 5, d->shown, NAN, NAN);
      as_sheet_number(sh, row, 6, d->floor, NAN, NAN);
    }
  as_str_put(&sh->how,
             "Accuracies are over the images used; the last column counts every failed image as wrong.");
  return AS_OK;
}

/* Every failed image and every absent cell, with its reason. */
as_status as_part_failures(as_sheet *sh, const as_sum *s, as_err *err) {
  (void)err;
  const as_results *r = s->r;
  if (s->n_failed_cells == 0 && s->n_absent == 0) return AS_OK;
  sh->title = "What failed or is missing, and why";
  as_sheet_column(sh, "model", "model", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "dataset", "set", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "what", "what", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "reason", "reason", AS_COL_TEXT, 0, false);
  for (size_t m = 0; m < r->n_models; m++)
    for (size_t k = 0; k < r->n_sets; k++) {
      const as_cell *c = as_results_cell(r, m, k);
      const as_sum_cell *d = as_sum_at(s, m, k);
      size_t lines = c->n_failures + (d->ok ? 0 : 1);
      bool more = c->n_failed > (int64_t)c->n_failures;
      for (size_t i = 0; i < lines + (more ? 1 : 0); i++) {
        size_t row = as_sheet_row(sh);
        as_str rest = {0};
        as_sheet_text(sh, row, 0, as_model_name(r, m));
        as_sheet_text(sh, row, 1, as_set_name(r, k));
        if (i < c->n_failures) {
          as_sheet_text(sh, row, 2, c->failure[i].image);
          as_sheet_text(sh, row, 3, c->failure[i].why);
        } else if (i < lines) {
          as_sheet_text(sh, row, 2, "the whole cell");
          as_sheet_text(sh, row, 3, d->why);
        } else {
          as_str_printf(&rest, "%s%lld images", c->n_failures ? "another " : "",
                        (long long)(c->n_failed - (int64_t)c->n_failures));
          as_sheet_text(sh, row, 2, as_str_c(&rest));
          as_sheet_text(sh, row, 3, "see the table of its images");
        }
        as_str_clear(&rest);
      }
    }
  return AS_OK;
}
