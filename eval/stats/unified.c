#include "eval/stats/unified.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "eval/stats/metrics.h"
#include "eval/stats/stats.h"
#include "eval/stats/stats_order.h"
#include "tensor/base/mem.h"

/* Is a smaller value the better one? */
static bool lower_is_better(as_unified_kind k) {
  return k == AS_UNIFIED_MEAN_RANK || k == AS_UNIFIED_REF_ERROR;
}

/* Means over the sets of what a model's rank r on a set says: of the rank itself, and of the win rate. Of n
 * values, n - r is the number of strictly worse ones plus half the number of equal ones. Either may be NULL. */
static as_status rank_means(const double *acc, size_t models, size_t sets, double *mean_rank,
                            double *win_rate, as_err *err) {
  double *column = as_alloc(models, 3 * sizeof *column, err);
  if (!column) return AS_E_ENV;
  double *rank = column + models, *columns = rank + models;
  for (size_t i = 0; i < models; i++) {
    columns[i] = 0.0;
    if (mean_rank) mean_rank[i] = 0.0;
    if (win_rate) win_rate[i] = 0.0;
  }
  for (size_t j = 0; j < sets; j++) {
    size_t n = 0;
    for (size_t i = 0; i < models; i++) {
      column[i] = acc[i * sets + j];
      n += isnan(column[i]) ? 0 : 1;
    }
    as_rank_mean(column, models, rank);
    for (size_t i = 0; i < models; i++) {
      if (mean_rank) mean_rank[i] += rank[i]; /* a missing set: NaN */
      if (!win_rate || n < 2 || isnan(rank[i])) continue;
      win_rate[i] += ((double)n - rank[i]) / (double)(n - 1);
      columns[i] += 1.0;
    }
  }
  for (size_t i = 0; i < models; i++) {
    if (mean_rank) mean_rank[i] = sets ? mean_rank[i] / (double)sets : NAN;
    if (win_rate) win_rate[i] = columns[i] > 0.0 ? win_rate[i] / columns[i] : NAN;
  }
  as_free(column);
  return AS_OK;
}

static void reference_error(const double *acc, size_t models, size_t sets, const double *reference,
                            double *out) {
  for (size_t i = 0; i < models; i++) {
    double sum = 0.0;
    /* a reference without errors on a set leaves nothing to divide by: inf or NaN, as it is */
    for (size_t j = 0; j < sets; j++) sum += (1.0 - acc[i * sets + j]) / (1.0 - reference[j]);
    out[i] = sets && isfinite(sum) ? sum / (double)sets : NAN;
  }
}

as_status as_unified_all(const double *acc, size_t models, size_t sets, const double *reference,
                         double *const out[AS_UNIFIED_COUNT], as_err *err) {
  if (models == 0 || sets == 0)
    return as_fail(err, AS_E_USAGE,
                   "unified metric: found %zu models and %zu sets, wanted at least 1 of each", models, sets);
  static double (*const per_model[])(const double *, size_t) = {as_mean_arithmetic, as_mean_geometric,
                                                                as_mean_harmonic, as_worst};
  for (int k = 0; k <= AS_UNIFIED_WORST; k++)
    for (size_t i = 0; out[k] && i < models; i++) out[k][i] = per_model[k](acc + i * sets, sets);
  if (out[AS_UNIFIED_REF_ERROR])
    reference_error(acc, models, sets, reference ? reference : acc, out[AS_UNIFIED_REF_ERROR]);
  if (!out[AS_UNIFIED_MEAN_RANK] && !out[AS_UNIFIED_WIN_RATE]) return AS_OK;
  return rank_means(acc, models, sets, out[AS_UNIFIED_MEAN_RANK], out[AS_UNIFIED_WIN_RATE], err);
}

as_status as_unified_rank(as_unified_kind k, const double *value, size_t models, double *rank, as_err *err) {
  if (!lower_is_better(k)) {
    as_rank_mean(value, models, rank);
    return AS_OK;
  }
  double *v = as_alloc(models ? models : 1, sizeof *v, err);
  if (!v) return AS_E_ENV;
  for (size_t i = 0; i < models; i++) v[i] = -value[i];
  as_rank_mean(v, models, rank);
  as_free(v);
  return AS_OK;
}

/* --- subsets of the sets ------------------------------------------------------------------------------- */

enum { PAIR_MODELS = 2000, MAX_SETS = 16 };

void as_subsets_clear(as_subsets *s) {
  as_free(s->first);
  as_free(s->rank_lo);
  as_free(s->rank_hi);
  as_free(s->above);
  as_free(s->tau);
  memset(s, 0, sizeof *s);
}

/* Means over the subset `mask`; NaN for a model that lacks any set. */
static void subset_means(const double *acc, size_t models, size_t sets, size_t mask, double *mean) {
  for (size_t i = 0; i < models; i++) {
    double sum = 0.0, all = 0.0;
    size_t n = 0;
    for (size_t j = 0; j < sets; j++) {
      all += acc[i * sets + j];
      if (mask >> j & 1) {
        sum += acc[i * sets + j];
        n++;
      }
    }
    mean[i] = isnan(all) ? NAN : sum / (double)n;
  }
}

as_status as_subsets_run(const double *acc, size_t models, size_t sets, as_subsets *out, as_err *err) {
  memset(out, 0, sizeof *out);
  if (sets < 1 || sets > MAX_SETS || models < 1)
    return as_fail(err, AS_E_USAGE, "subsets: found %zu sets of %zu models, wanted 1 to %d sets", sets,
                   models, (int)MAX_SETS);
  out->models = models;
  out->sets = sets;
  out->subsets = ((size_t)1 << sets) - 1;
  bool pairs = models <= PAIR_MODELS;
  double *mean = as_alloc(3 * models, sizeof *mean, err), *full = mean + models, *rank = mean + 2 * models;
  out->first = as_calloc(models, sizeof(double), err);
  out->rank_lo = as_alloc(models, sizeof(double), err);
  out->rank_hi = as_alloc(models, sizeof(double), err);
  if (pairs) {
    out->above = as_calloc(models * models, sizeof(float), err);
    out->tau = as_alloc(out->subsets, sizeof(double), err);
  }
  if (!mean || !out->first || !out->rank_lo || !out->rank_hi || (pairs && (!out->above || !out->tau))) {
    as_free(mean);
    as_subsets_clear(out);
    return AS_E_ENV;
  }
  subset_means(acc, models, sets, out->subsets, full);
  for (size_t i = 0; i < models; i++) out->rank_lo[i] = out->rank_hi[i] = NAN;
  for (size_t mask = 1; mask <= out->subsets; mask++) {
    subset_means(acc, models, sets, mask, mean);
    as_rank_mean(mean, models, rank);
    double best = INFINITY;
    size_t firsts = 0;
    for (size_t i = 0; i < models; i++) {
      if (isnan(rank[i])) continue;
      if (!(rank[i] >= out->rank_lo[i])) out->rank_lo[i] = rank[i];
      if (!(rank[i] <= out->rank_hi[i])) out->rank_hi[i] = rank[i];
      if (rank[i] < best) {
        best = rank[i];
        firsts = 0;
      }
      firsts += rank[i] == best;
    }
    for (size_t i = 0; i < models; i++)
      if (rank[i] == best) out->first[i] += 1.0 / ((double)firsts * (double)out->subsets);
    if (!pairs) continue;
    out->tau[mask - 1] = as_kendall_tau_b(mean, full, models);
    for (size_t i = 0; i < models; i++)
      for (size_t j = 0; j < models; j++) /* counted in halves, which floats hold exactly: 2^17 at most */
        out->above[i * models + j] += mean[i] > mean[j] ? 2.0f : mean[i] == mean[j] ? 1.0f : 0.0f;
  }
  for (size_t i = 0; pairs && i < models; i++)
    for (size_t j = 0; j < models; j++) {
      float *v = &out->above[i * models + j];
      *v = isnan(full[i]) || isnan(full[j]) || i == j ? NAN : *v / (2.0f * (float)out->subsets);
      if (j < i && !isnan(*v)) {
        out->pairs++;
        out->flipped += *v > 0.0f && *v < 1.0f;
      }
    }
  as_free(mean);
  return AS_OK;
}

/* --- effective robustness ------------------------------------------------------------------------------- */

static const as_robust_line lines[] = {
    {"imagenet-v2", "val", 0.9114, -0.4813, 85},
    {"imagenet-sketch", "val", 1.0709, -2.3701, 85},
    {"imagenet-r", "val", 0.9116, -1.5999, 80},
    {"imagenet-r", "val-200", 0.6368, -2.1077, 80},
};

const as_robust_line *as_robust_find(const char *task, const char *x_axis) {
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    if (strcmp(lines[i].task, task) == 0 && strcmp(lines[i].x_axis, x_axis) == 0) return &lines[i];
  return NULL;
}

double as_robust_predict(const as_robust_line *line, double acc_base) {
  if (isnan(acc_base)) return NAN;
  return as_sigmoid(line->slope * as_logit(acc_base, 1e-6) + line->intercept);
}

double as_effective_robustness(const as_robust_line *line, double acc_base, double acc_shift) {
  return acc_shift - as_robust_predict(line, acc_base);
}

/* --- ImageNet-C ------------------------------------------------------------------------------------------ */

double as_mce(const double *error, const double *reference, size_t corruptions, size_t severities,
              double *mean_error) {
  double mce = 0.0, plain = 0.0, n = (double)severities;
  for (size_t c = 0; c < corruptions; c++) {
    double sum = 0.0;
    for (size_t s = 0; s < severities; s++) sum += error[c * severities + s];
    mce += sum / (n * reference[c]);
    plain += sum / n;
  }
  if (mean_error) *mean_error = plain / (double)corruptions;
  return mce / (double)corruptions;
}
