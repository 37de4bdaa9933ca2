/* Tiers: against Holm's list and counting pair by pair, by hand, and in worlds where the truth is known. */
#include "eval/stats/tiers.h"

#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"
#include "tests/harness.h"
#include "tests/tiersim.h"

enum { MOST = 130 };

/* The definition, one by one: p values of all pairs through as_holm, then the chain of resolved models above. */
static void counts_by_list(as_test *t) {
  static double p[MOST * MOST / 2], adjusted[MOST * MOST / 2];
  double v[MOST], var[MOST];
  as_err err = {0};
  for (uint64_t s = 0; s < 24; s++) {
    as_rng g = as_rng_make(9, s);
    size_t n = s < 4 ? s : s % 3 ? MOST : 20, m = 0, resolved = 0;
    for (size_t i = 0; i < n; i++) {
      v[i] = i % 13 == 5 ? NAN : (double)as_rng_below(g, i, 40) / 40 * (s % 2 ? 1 : .3);
      var[i] = as_share_variance(v[i], s % 4 == 3 && i % 5 == 0 ? 50 : 900, 0);
      m += isnan(v[i]) ? 0 : 1;
    }
    as_tiers got;
    CHECK_OK(t, as_tiers_counts(&got, v, var, n, .05, &err), err);
    CHECK_INT(t, got.n, m);
    size_t pairs = 0;
    for (size_t i = 0; i < n; i++)
      for (size_t j = i + 1; j < n; j++)
        p[pairs++] = 2 * as_norm_cdf(-fabs(v[i] - v[j]) / sqrt(var[i] + var[j]));
    CHECK_OK(t, as_holm(p, pairs, adjusted, &err), err);
    for (size_t a = 0; a < got.n; a++) {
      size_t i = got.order[a], tier = 1, above = 0, below = 0;
      for (size_t b = 0; b < got.n; b++) {
        size_t j = got.order[b], lo = i < j ? i : j, hi = i < j ? j : i;
        bool apart = i != j && adjusted[lo * n - lo * (lo + 1) / 2 + hi - lo - 1] <= .05;
        CHECK(t, as_tiers_above(&got, j, i) == (apart && v[j] > v[i]));
        if (apart && v[j] > v[i]) tier = got.tier[j] >= tier ? got.tier[j] + 1 : tier, above++;
        below += apart && v[j] < v[i];
      }
      resolved += above;
      CHECK_INT(t, got.tier[i], tier);
      CHECK(t, got.rank_lo[i] == (double)(1 + above) && got.rank_hi[i] == (double)(m - below));
    }
    CHECK_INT(t, got.resolved, resolved);
    as_tiers_clear(&got);
  }
}

/* Three models on 1,000 images: .80, .78, .60. Neighbours: gap .02, 1.1 standard errors; gap .18, 8.9. */
static void counts_by_hand(as_test *t) {
  const double v[4] = {.60, .80, NAN, .78};
  double var[4];
  as_err err = {0};
  as_tiers got;
  for (size_t i = 0; i < 4; i++) var[i] = as_share_variance(v[i], 1000, 0);
  CHECK_NEAR(t, var[1], 801. / 1002 * 201 / 1002 / 1002, 1e-18);
  CHECK_NEAR(t, as_share_variance(.8, 1000, .01) - var[1], 1e-4 / 12, 1e-18);
  CHECK_OK(t, as_tiers_counts(&got, v, var, 4, .05, &err), err);
  CHECK(t, got.n == 3 && got.n_tiers == 2 && got.first == 2 && got.pairs == 3 && got.resolved == 2);
  CHECK(t, got.tier[1] == 1 && got.tier[3] == 1 && got.tier[0] == 2 && got.tier[2] == 0);
  CHECK(t, got.rank_lo[3] == 1 && got.rank_hi[3] == 2 && got.rank_lo[0] == 3 && isnan(got.rank_lo[2]));
  CHECK_INT(t, as_tiers_steps(&got), 1);
  CHECK_NEAR(t, got.z, 1.959963984540054, 1e-12); /* Holm's last step: one pair left */
  double times = (1.959963984540054 + .8416212335729142) * sqrt(var[1] + var[3]) / .02;
  CHECK_NEAR(t, as_tiers_need(&got, 0), times * times, 1e-9);
  CHECK(t, isnan(as_tiers_need(&got, 1)));
  as_tiers_clear(&got);
}

/* a is better than b on 40 images and worse on 10, b than c on 12 and worse on 8. */
static void paired_by_hand(as_test *t) {
  const double v[3] = {.7, .67, .666};
  as_mcnemar m[3];
  double z[3], p[3];
  as_err err = {0};
  as_tiers got;
  as_mcnemar_counts(1000, 40, 10, .95, &m[0]);
  as_mcnemar_counts(1000, 44, 10, .95, &m[1]);
  as_mcnemar_counts(1000, 12, 8, .95, &m[2]);
  for (size_t i = 0; i < 3; i++) as_mcnemar_mean(&m[i], NULL, 1, &z[i], &p[i]);
  CHECK_NEAR(t, z[0], 29 / sqrt(50), 1e-12);
  CHECK(t, p[0] == m[0].p_exact && p[2] == m[2].p_exact);
  CHECK_OK(t, as_tiers_paired(&got, v, z, p, 3, .05, &err), err);
  CHECK(t, got.n_tiers == 2 && got.first == 1 && got.resolved == 2 && got.tier[1] == 2 && got.tier[2] == 2);
  CHECK(t, got.rank_hi[0] == 1 && got.rank_lo[1] == 2 && got.rank_hi[1] == 3);
  CHECK(t, as_tiers_next(&got, 0) && !as_tiers_next(&got, 1));
  as_tiers_clear(&got);
  /* the values in another order than the test: nothing is claimed */
  const double back[3] = {.60, .67, .666};
  CHECK_OK(t, as_tiers_paired(&got, back, z, p, 3, .05, &err), err);
  CHECK_INT(t, got.resolved, 0);
  as_tiers_clear(&got);
  /* two sets that are one: the mean is that set, and so is its test, where they share every image */
  as_mcnemar twice[2] = {m[0], m[0]};
  const double shared[4] = {0, 50, 0, 0};
  double mean_z, mean_p;
  as_mcnemar_mean(twice, shared, 2, &mean_z, &mean_p);
  CHECK_NEAR(t, mean_z, (30 - .5) / sqrt(50), 1e-12);
  as_mcnemar_mean(twice, NULL, 2, &mean_z, &mean_p); /* sets of their own images */
  CHECK_NEAR(t, mean_z, (60 - 1) / sqrt(100), 1e-12);
  CHECK_NEAR(t, mean_p, 2 * as_norm_cdf(-5.9), 1e-15);
}

/* 150 worlds each: with a true rate of 5 %, more than 17 wrong ones come once in a thousand. */
static void worlds(as_test *t) {
  for (int kind = 0; kind < 4; kind++) {
    sim_kind k = {kind % 2, kind / 2 ? SIM_SETS : 1, 0, .5, kind % 2 ? .6 : 0};
    sim_tally equal = {0}, far = {0};
    for (uint64_t w = 0; w < 150; w++) sim_world(&k, w, &equal);
    k.gap = 4;
    for (uint64_t w = 0; w < 30; w++) sim_world(&k, 1000 + w, &far);
    CHECK(t, equal.wrong <= 17);
    CHECK(t, far.resolved / far.worlds > .6);
  }
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"tiers: counts against Holm's list", counts_by_list},
                                  {"tiers: counts by hand", counts_by_hand},
                                  {"tiers: paired by hand", paired_by_hand},
                                  {"tiers: worlds with a known truth", worlds}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
