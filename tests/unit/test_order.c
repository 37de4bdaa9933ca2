/* Ranks, pairs and the translation curve: known values, and against counting pair by pair. */
#include "eval/stats/stats_order.h"

#include <stdlib.h>

#include "eval/stats/stats_translation.h"
#include "eval/stats/tiers.h"
#include "tensor/base/math/rng.h"
#include "tests/harness.h"

static void kendall(as_test *t) {
  const double a[5] = {1, 2, 3, 4, NAN}, b[5] = {1, 3, 2, 4, 0}, c[5] = {2, 2, 2, 2, 2};
  CHECK_NEAR(t, as_kendall_tau_b(a, b, 5), 4.0 / 6, 1e-15);
  CHECK_NEAR(t, as_kendall_tau_b(a, a, 5), 1, 0);
  CHECK(t, isnan(as_kendall_tau_b(a, c, 5)));
  /* ties: 1 1 2 against 1 2 3: score 2, untied pairs 2 and 3 */
  const double x[3] = {1, 1, 2}, y[3] = {1, 2, 3};
  CHECK_NEAR(t, as_kendall_tau_b(x, y, 3), 2 / sqrt(6), 1e-15);
}

static void translation(as_test *t) {
  const double base[5] = {.700, .702, .710, .710, NAN}, shift[5] = {.50, .49, .53, .49, .4};
  const double edges[3] = {0, .005, 1};
  as_translation_bin b[2];
  as_err err;
  CHECK_OK(t, as_translation(base, shift, 5, edges, 2, .95, b, &err), err);
  /* gaps: 01 .002 flipped; 02 .010 kept; 03 .010 flipped; 12 .008 kept; 13 .008 tied; 23 tied on the base */
  CHECK(t, b[0].pairs == 1 && b[0].kept == 0 && b[0].models == 2 && b[0].share == 0);
  CHECK(t, b[1].pairs == 4 && b[1].kept == 2 && b[1].tied == 1 && b[1].models == 4);
  CHECK_NEAR(t, b[1].share, 2.5 / 4, 1e-15);
  CHECK(t, b[1].lo < .3 && b[1].hi > .9); /* four pairs of four models say next to nothing */
  /* 30 models, worked out apart from this code: jackknife size 277.74 of 378 pairs, 57 of 57 */
  double u[30], v[30];
  for (int i = 0; i < 30; i++) {
    u[i] = .5 + .002 * i;
    v[i] = .4 + .001 * i + .001 * (i * 7 % 11);
  }
  CHECK_OK(t, as_translation(u, v, 30, edges, 2, .95, b, &err), err);
  CHECK(t, b[0].pairs == 57 && b[0].kept == 32 && b[1].pairs == 378 && b[1].kept == 358);
  CHECK_NEAR(t, b[0].lo, .43278009454231503, 1e-12);
  CHECK_NEAR(t, b[1].lo, .914142333480003, 1e-12);
  CHECK_NEAR(t, b[1].hi, .9678388385261574, 1e-12);
  /* every pair kept: the interval must not pretend that pairs are independent */
  double x[40], y[40];
  for (int i = 0; i < 40; i++) y[i] = x[i] = .5 + .001 * i;
  CHECK_OK(t, as_translation(x, y, 40, edges, 2, .95, b, &err), err);
  CHECK(t, b[1].share == 1 && b[1].hi == 1 && b[1].lo < .85 && b[1].lo > .8); /* 20 disjoint pairs */
}

static void rising(as_test *t) {
  const double v[9] = {0.5, INFINITY, -0.0, -3, 0.0, 1e-310, -INFINITY, 0.5, -1e-310};
  const size_t right[9] = {6, 3, 8, 2, 4, 5, 0, 7, 1}; /* -0 is 0; equal ones stay in their order */
  as_keyed s[9], tmp[9];
  for (size_t i = 0; i < 9; i++) s[i] = (as_keyed){v[i], i};
  as_sort_rising(s, tmp, 9);
  for (size_t i = 0; i < 9; i++) CHECK(t, s[i].at == right[i] && s[i].v == v[right[i]]);
  as_sort_rising(s, tmp, 0);
  for (size_t i = 0; i < 9; i++)
    s[i] = (as_keyed){1 + 0x1p-52 * (double)(i * 4 % 9), i}; /* the last byte alone */
  as_sort_rising(s, tmp, 9);
  for (size_t i = 1; i < 9; i++) CHECK(t, s[i - 1].v < s[i].v);
  s[0] = (as_keyed){-2, 4};
  as_sort_rising(s, tmp, 1);
  CHECK(t, s[0].v == -2 && s[0].at == 4);
}

/* n accuracies with many ties (a grid of `steps`), every eleventh one missing. */
static void draw(double *v, size_t n, uint64_t steps, uint64_t stream) {
  as_rng g = as_rng_make(5, stream);
  for (size_t i = 0; i < n; i++) v[i] = i % 11 == 7 ? NAN : (double)as_rng_below(g, i, steps) / (double)steps;
}

enum { MOST = 700 };
static const size_t sizes[] = {0, 1, 2, 5, 64, 65, 200, MOST};
enum { N_SIZES = sizeof sizes / sizeof *sizes };

static void ranks_by_counting(as_test *t) {
  double v[MOST], rank[MOST];
  for (uint64_t s = 0; s < N_SIZES * 3; s++) {
    size_t n = sizes[s / 3];
    draw(v, n, s % 3 == 0 ? 4 : s % 3 == 1 ? 300 : 1u << 30, s);
    as_rank_mean(v, n, rank);
    for (size_t i = 0; i < n; i++) {
      double above = 0, equal = 0;
      for (size_t j = 0; j < n; j++) above += v[j] > v[i], equal += v[j] == v[i];
      CHECK(t, isnan(v[i]) ? isnan(rank[i]) : rank[i] == above + (equal + 1) / 2);
    }
  }
}

static void pairs_by_counting(as_test *t) {
  double x[MOST], y[MOST];
  for (uint64_t s = 0; s < N_SIZES * 3; s++) {
    size_t n = sizes[s / 3];
    draw(x, n, s % 3 == 0 ? 4 : 300, 2 * s);
    draw(y, n, s % 3 == 1 ? 5 : 1000, 2 * s + 1);
    if (n > 3) y[3] = NAN;
    as_order_pairs got = as_order_count(x, y, n), want = {0};
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < i; j++) {
        if (isnan(x[i]) || isnan(x[j]) || isnan(y[i]) || isnan(y[j])) continue;
        want.pairs++;
        want.tied_x += x[i] == x[j];
        want.tied_y += y[i] == y[j];
        want.same += (x[i] > x[j] && y[i] > y[j]) || (x[i] < x[j] && y[i] < y[j]);
        want.opposite += (x[i] > x[j] && y[i] < y[j]) || (x[i] < x[j] && y[i] > y[j]);
      }
    CHECK(t, memcmp(&got, &want, sizeof got) == 0);
  }
}

/* Two rules for one thing: whoever is beyond the margin, one by one. */
static void unpaired_by_counting(as_test *t) {
  double v[MOST], var[MOST], lo[MOST], hi[MOST];
  const double z = 1.96;
  as_err err = {0};
  for (uint64_t s = 0; s < N_SIZES * 3; s++) {
    size_t n = sizes[s / 3];
    draw(v, n, s % 3 == 0 ? 20 : 1000, s);
    for (size_t i = 0; i < n; i++) var[i] = s % 3 == 2 && i % 5 == 0 ? .02 : v[i] * (1 - v[i]) / 3000;
    CHECK_OK(t, as_rank_unpaired(v, var, n, z, lo, hi, &err), err);
    for (size_t i = 0; i < n; i++) {
      size_t above = 0, below = 0, all = 0;
      for (size_t j = 0; j < n; j++) {
        double d = v[j] - v[i];
        if (isnan(v[j])) continue;
        all++;
        if (j == i || d * d < z * z * (var[i] + var[j])) continue;
        above += d > 0;
        below += d < 0;
      }
      CHECK(t, isnan(v[i]) ? isnan(lo[i]) && isnan(hi[i])
                           : lo[i] == (double)(above + 1) && hi[i] == (double)(all - below));
    }
  }
}

static void translation_by_counting(as_test *t) {
  double x[MOST], y[MOST];
  const double edges[] = {0, .002, .05, .05000001, .3, .9};
  enum { BINS = 5 };
  as_err err = {0};
  for (uint64_t s = 0; s < N_SIZES * 4; s++) {
    size_t n = sizes[s / 4], from = s % 4 == 3; /* without the bins' first edge */
    as_translation_bin got[BINS];
    draw(x, n, s % 2 ? 20 : 5000, 2 * s);
    draw(y, n, s % 3 ? 1000 : 6, 2 * s + 1);
    if (n > 5) y[5] = NAN;
    CHECK_OK(t, as_translation(x, y, n, edges + from, BINS - from, .95, got, &err), err);
    for (size_t b = 0; b < BINS - from; b++) {
      int64_t pairs = 0, kept = 0, tied = 0, models = 0;
      for (size_t i = 0; i < n; i++) {
        int64_t own = 0;
        for (size_t j = 0; j < n; j++) {
          double gap = fabs(x[i] - x[j]);
          if (isnan(gap) || isnan(y[i]) || isnan(y[j]) || gap == 0) continue;
          if (gap < edges[b + from] || gap >= edges[b + from + 1]) continue;
          own++;
          if (j > i) continue;
          pairs++;
          tied += y[i] == y[j];
          kept += y[i] != y[j] && (x[i] > x[j]) == (y[i] > y[j]);
        }
        models += own > 0;
      }
      CHECK_INT(t, got[b].pairs, pairs);
      CHECK_INT(t, got[b].kept, kept);
      CHECK_INT(t, got[b].tied, tied);
      CHECK_INT(t, got[b].models, models);
    }
  }
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"order: Kendall tau-b", kendall},
                                  {"order: rising, by bytes", rising},
                                  {"order: translation curve", translation},
                                  {"order: ranks by counting", ranks_by_counting},
                                  {"order: pairs by counting", pairs_by_counting},
                                  {"order: rank intervals by counting", unpaired_by_counting},
                                  {"order: translation curve by counting", translation_by_counting}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
