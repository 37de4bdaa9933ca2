#include "eval/stats/stats_translation.h"

#include <math.h>

#include "eval/stats/metrics.h"
#include "tensor/base/mem.h"

const double as_translation_edges[AS_TRANSLATION_BINS + 1] = {0.0,  0.001, 0.0025, 0.005, 0.01,
                                                              0.02, 0.03,  0.05,   0.10,  1.0};

/* Counts in half pairs: 2 = kept, 1 = tied on the variant. */
typedef struct tally {
  int64_t pairs, half;
} tally;

/* Variance of the share by the delete-one jackknife over models (Efron and Stein 1981): leaving out model
 * i takes its pairs away. The sample size at which independent pairs would vary as much is
 * share (1 - share) / variance. */
static double equal_size(const tally *of, size_t n, const tally *all, int64_t models) {
  double share = 0.5 * (double)all->half / (double)all->pairs, mean = 0.0, var = 0.0;
  /* no pair or every pair kept: nothing varies; the models could form at most this many pairs without
   * sharing one */
  double least = fmax(1.0, floor(0.5 * (double)models));
  size_t m = 0;
  for (int pass = 0; pass < 2; pass++)
    for (size_t i = 0; i < n; i++) {
      int64_t left = all->pairs - of[i].pairs;
      if (of[i].pairs == 0 || left == 0) continue;
      double without = 0.5 * (double)(all->half - of[i].half) / (double)left;
      if (pass == 0) {
        mean += without;
        m++;
      } else {
        var += (without - mean / (double)m) * (without - mean / (double)m);
      }
    }
  if (m < 3 || !(var > 0.0)) return fmin((double)all->pairs, least);
  var *= (double)(m - 1) / (double)m;
  double size = share * (1.0 - share) / var;
  if (!(size > 0.0)) return fmin((double)all->pairs, least);
  return fmin(fmax(size, 1.0), (double)all->pairs);
}

as_status as_translation(const double *base, const double *shift, size_t n, const double *edges, size_t bins,
                         double confidence, as_translation_bin *out, as_err *err) {
  tally *of = as_calloc((n ? n : 1) * (bins ? bins : 1), sizeof *of, err);
  if (!of) return AS_E_ENV;
  for (size_t b = 0; b < bins; b++) {
    as_translation_bin zero = {0};
    out[b] = zero;
    out[b].gap_lo = edges[b];
    out[b].gap_hi = edges[b + 1];
  }
  for (size_t i = 0; i < n; i++) {
    if (isnan(base[i]) || isnan(shift[i])) continue;
    for (size_t j = 0; j < i; j++) {
      double gap = base[i] - base[j], moved = shift[i] - shift[j];
      if (isnan(gap) || isnan(moved) || gap == 0.0) continue;
      if (gap < 0.0) {
        gap = -gap;
        moved = -moved;
      }
      size_t b = 0;
      while (b < bins && gap >= edges[b + 1]) b++;
      if (b == bins || gap < edges[0]) continue;
      as_translation_bin *o = &out[b];
      int64_t half = moved > 0.0 ? 2 : moved == 0.0 ? 1 : 0;
      o->pairs++;
      o->kept += half == 2;
      o->tied += half == 1;
      o->mean_base_gap += gap;
      o->mean_shift_gap += moved;
      of[b * n + i].pairs++;
      of[b * n + j].pairs++;
      of[b * n + i].half += half;
      of[b * n + j].half += half;
    }
  }
  for (size_t b = 0; b < bins; b++) {
    as_translation_bin *o = &out[b];
    o->share = o->lo = o->hi = NAN;
    for (size_t i = 0; i < n; i++) o->models += of[b * n + i].pairs > 0;
    if (o->pairs == 0) {
      o->mean_base_gap = o->mean_shift_gap = NAN;
      continue;
    }
    tally all = {o->pairs, 2 * o->kept + o->tied};
    o->share = 0.5 * (double)all.half / (double)all.pairs;
    o->mean_base_gap /= (double)o->pairs;
    o->mean_shift_gap /= (double)o->pairs;
    as_wilson_share(o->share, equal_size(of + b * n, n, &all, o->models), confidence, &o->lo, &o->hi);
  }
  as_free(of);
  return AS_OK;
}
