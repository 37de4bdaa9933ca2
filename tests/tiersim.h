/* Worlds in which it is known which models are equal: what is resolved there, and how often wrongly?
 *
 * SIM_MODELS models: a half truly equal, the others better by a gap, again truly equal among themselves; gap 0 makes
 * all of them equal. An image's outcome is with probability `common` the same for all models, else each model's
 * own. Two sets share their images and four of five outcomes, as val and ReaL do; a third has its own. */
#ifndef AS_TESTS_TIERSIM_H
#define AS_TESTS_TIERSIM_H

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "eval/stats/tiers.h"
#include "tensor/base/math/rng.h"

enum { SIM_MODELS = 10, SIM_SETS = 3, SIM_PAIRS = SIM_MODELS * (SIM_MODELS - 1) / 2, SIM_IMAGES = 1200 };
static const size_t sim_n[SIM_SETS] = {SIM_IMAGES, SIM_IMAGES, 700};
static const double sim_kept = 0.8; /* outcomes of the second set that are the first's */

typedef struct sim_tally {
  int worlds, wrong; /* worlds with a pair that is resolved and equal, or reversed */
  double resolved;   /* share of the pairs with a true gap that are resolved, summed over the worlds */
} sim_tally;
typedef struct sim_kind {
  bool paired;   /* definition */
  size_t sets;   /* 1: one set; SIM_SETS: the mean of all */
  double gap;    /* in standard errors of a pair's difference under the definition */
  double p;      /* accuracy of the lesser models */
  double common; /* 0 makes independent samples */
} sim_kind;

/* Standard error of the difference of two models with accuracies about p, as the definition sees it. */
static double sim_error(const sim_kind *k) {
  double own = k->paired ? 2.0 * (1.0 - k->common) * k->p * (1.0 - k->p) : 2.0 * k->p * (1.0 - k->p),
         var = 0.0;
  for (size_t s = 0; s < k->sets; s++) var += own / (double)sim_n[s];
  if (k->sets > 1) var += 2.0 * (k->paired ? sim_kept : 1.0) * own / (double)sim_n[0];
  return sqrt(var) / (double)k->sets;
}

static uint8_t sim_right[SIM_SETS][SIM_MODELS][SIM_IMAGES];

static void sim_draw(const sim_kind *k, uint64_t world, size_t better) {
  double gap = k->gap * sim_error(k) / (1.0 - k->common);
  as_rng g = as_rng_make(77, world);
  uint64_t at = 0;
  for (size_t s = 0; s < k->sets; s++)
    for (size_t i = 0; i < sim_n[s]; i++) {
      bool same = as_rng_uniform(g, at++) < k->common, kept = s == 1 && as_rng_uniform(g, at++) < sim_kept;
      bool outcome = as_rng_uniform(g, at++) < k->p;
      for (size_t m = 0; m < SIM_MODELS; m++) {
        double p = k->p + (m >= better ? gap : 0.0);
        bool right = kept ? sim_right[0][m][i] : same ? outcome : as_rng_uniform(g, at) < p;
        at++;
        sim_right[s][m][i] = right;
      }
    }
}

static void sim_counts(const sim_kind *k, double acc[SIM_SETS][SIM_MODELS], const double *v, as_tiers *t) {
  double var[SIM_MODELS], sd;
  for (size_t m = 0; m < SIM_MODELS; m++) {
    var[m] = as_share_variance(acc[0][m], (double)sim_n[0], 0);
    if (k->sets == 1) continue;
    sd = sqrt(var[m]) + sqrt(as_share_variance(acc[1][m], (double)sim_n[1], 0));
    var[m] = (sd * sd + as_share_variance(acc[2][m], (double)sim_n[2], 0)) / (SIM_SETS * SIM_SETS);
  }
  as_tiers_counts(t, v, var, SIM_MODELS, 0.05, NULL);
}

static void sim_paired(const sim_kind *k, const double *v, as_tiers *t) {
  double z[SIM_PAIRS], p[SIM_PAIRS];
  for (size_t i = 0, at = 0; i < SIM_MODELS; i++)
    for (size_t j = i + 1; j < SIM_MODELS; j++, at++) {
      as_mcnemar test[SIM_SETS];
      double shared[SIM_SETS * SIM_SETS] = {0};
      for (size_t s = 0; s < k->sets; s++)
        as_mcnemar_images(sim_right[s][i], sim_right[s][j], sim_n[s], 0.95, &test[s]);
      for (size_t x = 0; k->sets > 1 && x < sim_n[0]; x++)
        shared[1] += (sim_right[0][i][x] - sim_right[0][j][x]) * (sim_right[1][i][x] - sim_right[1][j][x]);
      as_mcnemar_mean(test, shared, k->sets, &z[at], &p[at]);
    }
  as_tiers_paired(t, v, z, p, SIM_MODELS, 0.05, NULL);
}

/* One more world into the tally. */
static void sim_world(const sim_kind *k, uint64_t world, sim_tally *tally) {
  double acc[SIM_SETS][SIM_MODELS] = {{0}}, v[SIM_MODELS] = {0};
  size_t better = k->gap > 0 ? SIM_MODELS / 2 : SIM_MODELS, found = 0;
  as_tiers t = {0};
  bool wrong = false;
  sim_draw(k, world, better);
  for (size_t s = 0; s < k->sets; s++)
    for (size_t m = 0; m < SIM_MODELS; m++) {
      size_t right = 0;
      for (size_t i = 0; i < sim_n[s]; i++) right += sim_right[s][m][i];
      acc[s][m] = (double)right / (double)sim_n[s];
      v[m] += acc[s][m] / (double)k->sets;
    }
  if (k->paired)
    sim_paired(k, v, &t);
  else
    sim_counts(k, acc, v, &t);
  for (size_t i = 0; i < SIM_MODELS; i++)
    for (size_t j = 0; j < SIM_MODELS; j++) {
      if (!as_tiers_above(&t, i, j)) continue;
      if (i >= better && j < better)
        found++;
      else
        wrong = true;
    }
  tally->worlds++;
  tally->wrong += wrong;
  tally->resolved += (double)found / (double)(SIM_MODELS / 2 * (SIM_MODELS / 2));
  as_tiers_clear(&t);
}

#endif
