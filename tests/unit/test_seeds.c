/* Methods and their seeds: against SciPy (tests/golden/methods.py), and the winner against trying all choices. */
#include "eval/stats/seeds.h"

#include <stdio.h>
#include <stdlib.h>

#include "eval/stats/stats.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tests/harness.h"

enum { METHODS = 12, SEEDS = 3, VALUES = METHODS * SEEDS };

static bool is_near(double got, double want) {
  return fabs(got - want) <= 1e-10 * fabs(want);
}

static void layout_as_scipy(as_test *t) {
  FILE *f = fopen(as_test_golden("methods.tsv"), "rb");
  CHECK(t, f != NULL);
  if (!f) return;
  static char line[512];
  double v[VALUES];
  size_t of[VALUES], n = 0, method = 0, pair = 0, floors = 0;
  as_oneway g = {0};
  as_err err = {0};
  while (fgets(line, sizeof line, f)) {
    double x[3] = {NAN, NAN, NAN};
    char *p = line + strcspn(line, "\t"), *end;
    for (int i = 0; i < 3; i++, p = end) {
      double y = strtod(p, &end);
      if (end > p) x[i] = y;
    }
    if (strncmp(line, "value", 5) == 0) {
      for (int i = 0; i < 3; i++, n++) v[n] = x[i], of[n] = n / SEEDS;
      if (n == VALUES) CHECK_OK(t, as_oneway_test(&g, v, of, n, METHODS, &err), err);
    } else if (strncmp(line, "pooled", 6) == 0) {
      CHECK(t, is_near(g.pooled, x[0]) && g.df == 24 && g.pairs == 66);
    } else if (strncmp(line, "method", 6) == 0) {
      CHECK(t, is_near(g.mean[method], x[0]) && is_near(g.sd[method], x[1]) && g.size[method] == SEEDS);
      method++;
    } else if (strncmp(line, "pair", 4) == 0) {
      CHECK(t, is_near(g.t[pair], x[0]) && is_near(g.p[pair], x[1]) && is_near(g.adjusted[pair], x[2]));
      pair++;
    } else if (strncmp(line, "half_mean", 9) == 0) {
      CHECK(t, is_near(as_oneway_half(&g, SEEDS, .95), x[0]));
    } else if (strncmp(line, "half_difference", 15) == 0) {
      CHECK(t, is_near(as_oneway_half(&g, SEEDS / 2., .95), x[0]));
    } else if (strncmp(line, "permutation", 11) == 0) {
      CHECK_NEAR(t, as_permutation_floor((size_t)x[0], (size_t)x[1]), x[2], 1e-12);
      floors++;
    }
  }
  fclose(f);
  CHECK(t, method == METHODS && pair == 66 && floors == 3);
  as_oneway_clear(&g);
}

/* What is missing takes no part; a method of one seed borrows the deviation of the others; without any there is no
 * test. */
static void layout_of_few(as_test *t) {
  const double v[] = {1, 3, 5, NAN, 7}, same[] = {2, 2, 5, 5, NAN};
  const size_t of[] = {0, 0, 1, 1, 9}, twos[] = {0, 0, 1, 1, 0};
  as_oneway g;
  as_err err = {0};
  CHECK_OK(t, as_oneway_test(&g, v, of, 5, 3, &err), err);
  CHECK(t, g.size[0] == 2 && g.size[1] == 1 && g.size[2] == 0 && g.df == 1 && g.pairs == 1);
  CHECK(t, g.mean[0] == 2 && g.sd[0] == sqrt(2) && isnan(g.sd[1]) && isnan(g.mean[2]));
  CHECK_NEAR(t, g.t[0], -3 / (sqrt(2) * sqrt(1.5)), 1e-15); /* t of 1 degree: p = 1 - 2 atan(t) / pi */
  CHECK_NEAR(t, g.p[0], 1 - 2 * atan(sqrt(3)) / 3.14159265358979324, 1e-12);
  CHECK(t, isnan(g.t[1]) && isnan(g.p[2]));
  as_oneway_clear(&g);
  CHECK_OK(t, as_oneway_test(&g, same, twos, 5, 2, &err), err);
  CHECK(t, g.pooled == 0 && g.pairs == 0 && isnan(g.t[0]) && isnan(as_oneway_half(&g, 2, .95)));
  as_oneway_clear(&g);
  CHECK_OK(t, as_oneway_test(&g, v, of, 0, 0, &err), err);
  CHECK(t, g.pairs == 0 && g.df == 0);
  as_oneway_clear(&g);
}

/* Every choice of one seed of each method, one after the other. */
static void try_all(const double *v, const double *other, size_t others, const size_t *of, double *first) {
  size_t seed[4], n = 0, chosen[4];
  for (size_t g = 0; g < 4; g++) first[g] = 0;
  for (size_t c = 0; c < 81; c++) {
    size_t at = c, ties = 0;
    for (size_t g = 0; g < 4; g++, at /= 3) seed[g] = at % 3;
    for (size_t g = 0; g < 4; g++)
      for (size_t i = 0, k = 0; i < 12; i++)
        if (of[i] == g && k++ == seed[g]) chosen[g] = i;
    double best = -1;
    for (size_t g = 0; g < 4; g++) best = fmax(best, v[chosen[g]]);
    for (size_t g = 0; g < 4; g++) ties += v[chosen[g]] == best;
    for (size_t g = 0; g < 4; g++) {
      bool leads = v[chosen[g]] == best;
      for (size_t k = 0; k < others; k++)
        for (size_t o = 0; o < 4; o++)
          leads = leads && other[chosen[o] * others + k] <= other[chosen[g] * others + k];
      first[g] += leads ? 1. / (double)ties : 0;
    }
    n++;
  }
  for (size_t g = 0; g < 4; g++) first[g] /= (double)n;
}

static void winner_as_by_hand(as_test *t) {
  double v[12], other[24], got[4], want[4];
  size_t of[12];
  as_err err = {0};
  for (uint64_t s = 0; s < 60; s++) {
    as_rng g = as_rng_make(16, s);
    for (size_t i = 0; i < 12; i++) {
      of[i] = (i * 5 + s) % 4;
      v[i] = (double)as_rng_below(g, i, s % 2 ? 4 : 1000); /* half of the worlds are full of ties */
      for (size_t k = 0; k < 2; k++)
        other[2 * i + k] = (double)as_rng_below(g, 100 + 2 * i + k, s % 3 ? 50 : 3);
    }
    double sum = 0;
    for (size_t others = 0; others <= 2; others += 2) {
      CHECK_OK(t, as_seed_winner(v, others ? other : NULL, others, of, 12, 4, got, &err), err);
      try_all(v, other, others, of, want);
      for (size_t k = 0; k < 4; k++) CHECK_NEAR(t, got[k], want[k], 1e-13);
      for (size_t k = 0; k < 4 && !others; k++) sum += got[k];
    }
    CHECK_NEAR(t, sum, 1, 1e-13);
  }
}

static void set_model(as_results *r, size_t m, const char *name, const char *method, const char *seed,
                      as_err *err) {
  r->models[m].name = as_strdup(name, err);
  as_results_trained(&r->models[m], method, "", seed, err);
}

static void who_is_of_whom(as_test *t) {
  static const struct {
    const char *name, *method, *seed;
    const char *want; /* method, or NULL */
  } model[] = {{"dino-s0", "dino", "0", "dino"},
               {"dino-s1", "dino", "1", "dino"},
               {"dino-s0-knn", "dino", "0", "dino-knn"},
               {"dino-s1-knn", "dino", "1", "dino-knn"},
               {"first try", "byol", "3", "byol"},
               {"second", "byol", "7", "byol"},
               {"again", "byol", "7", NULL}, /* the same seed once more */
               {"untrained", NULL, NULL, NULL},
               {"swav-s1", NULL, NULL, "swav"}, /* a published table: by name alone */
               {"swav-s2", NULL, NULL, "swav"},
               {"vit-s8", NULL, NULL, NULL}, /* patches */
               {"vit-s16", NULL, NULL, NULL},
               {"moco-s1", NULL, NULL, NULL},
               {"pcl-s5", "pcl", "2", "pcl"}, /* the training knows better */
               {"-s0", NULL, NULL, NULL},
               {"x-s", NULL, NULL, NULL}};
  enum { N = sizeof model / sizeof *model };
  as_results r;
  as_methods m;
  as_err err = {0};
  CHECK_OK(t, as_results_init(&r, "t", N, 1, &err), err);
  for (size_t i = 0; i < N; i++) set_model(&r, i, model[i].name, model[i].method, model[i].seed, &err);
  CHECK_OK(t, as_methods_find(&m, &r, &err), err);
  CHECK(t, m.n == 5 && m.left == 7);
  for (size_t i = 0; i < N; i++) {
    CHECK(t, (m.of[i] < m.n) == (model[i].want != NULL));
    if (m.of[i] < m.n) CHECK_STR(t, m.name[m.of[i]], model[i].want);
  }
  as_methods_clear(&m);
  r.n_models = 1; /* one seed: nothing to say of methods */
  CHECK_OK(t, as_methods_find(&m, &r, &err), err);
  CHECK(t, m.n == 0 && !m.of);
  as_methods_clear(&m);
  r.n_models = N;
  as_results_clear(&r);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"12 methods of 3 seeds as SciPy has them", layout_as_scipy},
                                  {"missing values, single seeds, no deviation", layout_of_few},
                                  {"the crowned seed, by trying all choices", winner_as_by_hand},
                                  {"which model is a training of which method", who_is_of_whom}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
