/* The lottery of sets: against trying all draws, and by hand. */
#include "eval/stats/lottery.h"

#include "tensor/base/math/rng.h"
#include "tests/harness.h"

enum { MODELS = 7, MOST_SETS = 6 };

/* Every one of the sets^sets draws, over all models. */
static void try_all(const double *acc, size_t sets, double *first) {
  size_t draws = 1;
  for (size_t k = 0; k < sets; k++) draws *= sets;
  for (size_t m = 0; m < MODELS; m++) first[m] = 0;
  for (size_t d = 0; d < draws; d++) {
    double mean[MODELS] = {0}, best = 0, ties = 0;
    for (size_t m = 0; m < MODELS; m++) {
      for (size_t i = 0, code = d; i < sets; i++, code /= sets) mean[m] += acc[m * sets + code % sets];
      best = fmax(best, mean[m]);
    }
    for (size_t m = 0; m < MODELS; m++) ties += mean[m] > best - 1e-9;
    for (size_t m = 0; m < MODELS; m++)
      if (mean[m] > best - 1e-9) first[m] += 1 / (ties * (double)draws);
  }
}

/* Up to five sets the shares are exact; above, within five standard errors. Half of the worlds are full of ties. */
static void draws_as_all(as_test *t) {
  double acc[MODELS * MOST_SETS], want[MODELS];
  as_err err = {0};
  for (uint64_t s = 0; s < 40; s++) {
    const as_rng g = as_rng_make(21, s);
    const size_t sets = 2 + s % 5;
    for (size_t i = 0; i < MODELS * sets; i++)
      acc[i] = .5 + (double)as_rng_below(g, i, s % 2 ? 5 : 1000) / (s % 2 ? 50 : 5000);
    as_set_lottery l;
    CHECK_OK(t, as_set_lottery_run(acc, MODELS, sets, s, &l, &err), err);
    CHECK(t, l.exact == (sets < 6) && (sets < 6 || l.draws == 10000));
    try_all(acc, sets, want);
    double sum = 0;
    for (size_t m = 0; m < MODELS; m++) {
      CHECK_NEAR(t, l.first[m], want[m], l.exact ? 1e-12 : 5 * sqrt(want[m] * (1 - want[m]) / 10000) + 1e-12);
      sum += l.first[m];
    }
    CHECK_NEAR(t, sum, 1, 1e-9);
    for (size_t k = 0; k < sets; k++) { /* left out: nobody's mean over the others is higher */
      double best = -1, got = 0, winner = 0;
      for (size_t m = 0; m < MODELS; m++) {
        double mean = 0;
        for (size_t j = 0; j < sets; j++) mean += j == k ? 0 : acc[m * sets + j] / (double)(sets - 1);
        best = fmax(best, mean);
        got = m == l.without[k] ? mean : got;
        winner = m == l.winner ? mean : winner;
      }
      CHECK_NEAR(t, got, best, 1e-12);
      CHECK_NEAR(t, l.lead[k], best - winner, 1e-12);
    }
    as_set_lottery_clear(&l);
  }
}

/* Two models, three sets: a leads by 9 on the first, b by 2 and 3 on the others. b is first in a draw without the first set:
 * (2 / 3)^3 of them. Without the first set b is first, by 2.5. */
static void by_hand(as_test *t) {
  const double acc[6] = {.59, .50, .50, .50, .52, .53};
  as_set_lottery l;
  as_err err = {0};
  CHECK_OK(t, as_set_lottery_run(acc, 2, 3, 0, &l, &err), err);
  CHECK(t, l.winner == 0 && l.draws == 27 && l.exact);
  CHECK_NEAR(t, l.first[1], 8. / 27, 1e-12);
  CHECK(t, l.without[0] == 1 && l.without[1] == 0 && l.without[2] == 0 && l.lead[1] == 0);
  CHECK_NEAR(t, l.lead[0], .025, 1e-12);
  as_set_lottery_clear(&l);
  CHECK_INT(t, as_set_lottery_run(acc, 1, 3, 0, &l, &err), AS_E_USAGE);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"sets drawn again and left out, by trying all", draws_as_all},
                                  {"two models, three sets", by_hand}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
