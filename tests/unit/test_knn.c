/* Weighted k-NN against a plain double search written here: random, tied, degenerate and huge data. */
#include <stdlib.h>

#include "eval/learn/knn.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/par.h"
#include "tensor/runtime.h"
#include "tests/harness.h"

typedef struct near {
  double s;
  size_t row;
} near;

static int nearer(const void *a, const void *b) {
  const near *p = a, *q = b;
  if (p->s != q->s) return p->s > q->s ? -1 : 1;
  return p->row < q->row ? -1 : 1;
}

static double norm(const float *x, size_t d) {
  double s = 0;
  for (size_t i = 0; i < d; i++) s += (double)x[i] * (double)x[i];
  return fmax(sqrt(s), 1e-12);
}

/* The definition, straight: every similarity in double, sorted, k votes, classes by vote. */
static void plain(const as_labelled *rows, const float *q, int k, double temp, const uint8_t *may_win,
                  float *scores, int *top) {
  const float *t = rows->x;
  const int *label = rows->y;
  size_t n = rows->n, d = rows->d, classes = rows->classes;
  if (k == 0) k = 20; /* the defaults, by DINO's eval_knn.py */
  if (temp == 0) temp = 0.07;
  near *all = malloc(n * sizeof *all);
  double *votes = calloc(classes, sizeof *votes);
  size_t m = 0;
  for (size_t i = 0; i < n; i++) {
    if (label[i] < 0) continue;
    double dot = 0;
    for (size_t c = 0; c < d; c++) dot += (double)q[c] * (double)t[i * d + c];
    all[m].s = dot / (norm(q, d) * norm(t + i * d, d));
    all[m++].row = i;
  }
  qsort(all, m, sizeof *all, nearer);
  for (size_t i = 0; i < m && i < (size_t)k; i++) votes[label[all[i].row]] += as_exp(all[i].s / temp);
  for (size_t c = 0; c < classes; c++) scores[c] = (float)votes[c];
  for (int p = 0; p < 5; p++) {
    size_t best = classes;
    for (size_t c = 0; c < classes; c++)
      if (votes[c] > 0 && (!may_win || may_win[c]) && (best == classes || votes[c] > votes[best])) best = c;
    top[p] = best < classes ? (int)best : -1;
    if (best < classes) votes[best] = 0;
  }
  free(all);
  free(votes);
}

static void compare(as_test *t, const float *train, const int *label, size_t n, const float *query, size_t nq,
                    size_t d, size_t classes, as_knn_opts opts, const uint8_t *may_win) {
  float *got = malloc(nq * classes * sizeof *got), *want = malloc(classes * sizeof *want);
  int *top = malloc(nq * 5 * sizeof *top), top_want[5];
  as_err err;
  const as_labelled rows = {.x = train, .y = label, .n = n, .d = d, .classes = classes};
  CHECK_OK(t, as_knn(&rows, &opts, query, nq, may_win, got, top, &err), err);
  for (size_t i = 0; i < nq; i++) {
    plain(&rows, query + i * d, opts.k, opts.temperature, may_win, want, top_want);
    CHECK(t, memcmp(top + 5 * i, top_want, sizeof top_want) == 0);
    CHECK(t, memcmp(got + i * classes, want, classes * sizeof *want) == 0);
  }
  free(got);
  free(want);
  free(top);
}

static void fill(float *x, size_t n, uint64_t stream, float offset) {
  as_rng r = as_rng_make(5, stream);
  for (size_t i = 0; i < n; i++) x[i] = (float)as_rng_normal(r, i) + offset;
}

enum { N = 3000, Q = 40, D = 67, CLASSES = 11 };
static float train[N * D], query[Q * D];
static int label[N];

static void random_data(as_test *t) {
  fill(train, N * D, 1, 0.5f); /* a common mean: similarities crowd near 0.2 */
  fill(query, Q * D, 2, 0.5f);
  for (int i = 0; i < N; i++) label[i] = i % 13 < CLASSES ? i % 13 : -1;
  compare(t, train, label, N, query, Q, D, CLASSES, (as_knn_opts){.k = 20}, NULL);
  compare(t, train, label, N, query, Q, D, CLASSES, (as_knn_opts){.k = 1}, NULL);
  compare(t, train, label, 17, query, Q, D, CLASSES, (as_knn_opts){.k = 200}, NULL); /* k beyond the rows */
}

/* Duplicated rows, and rows that differ in the last bit of one float: float similarities tie or swap. */
static void ties(as_test *t) {
  fill(train, N * D, 3, 0.0f);
  for (int i = 300; i < N; i++) memcpy(train + i * D, train + (i % 300) * D, D * sizeof(float));
  for (int i = 0; i < N; i += 3) train[i * D + i % D] *= 1.0f + 0x1p-23f;
  for (int i = 0; i < N; i++) label[i] = (i * 7) % CLASSES;
  for (int i = 0; i < Q; i++) memcpy(query + i * D, train + i * 5 * D, D * sizeof(float));
  compare(t, train, label, N, query, Q, D, CLASSES, (as_knn_opts){.k = 7}, NULL);
  for (int i = 0; i < N * D; i++) train[i] = 1.0f; /* one and the same row everywhere */
  compare(t, train, label, N, query, 3, D, CLASSES, (as_knn_opts){.k = 20}, NULL);
}

static as_status nearest(size_t classes, int k, double temperature, int *top, as_err *err) {
  const as_labelled rows = {.x = train, .y = label, .n = N, .d = D, .classes = classes};
  const as_knn_opts o = {.k = k, .temperature = temperature};
  return as_knn(&rows, &o, query, 4, NULL, NULL, top, err);
}

static void odd_values(as_test *t) {
  fill(train, N * D, 4, 0.0f);
  fill(query, Q * D, 6, 0.0f);
  for (int i = 0; i < N; i++) label[i] = i % CLASSES;
  memset(train, 0, 20 * D * sizeof(float)); /* zero vectors are at distance 1 of everything */
  memset(query, 0, D * sizeof(float));
  compare(t, train, label, N, query, Q, D, CLASSES, (as_knn_opts){.k = 20}, NULL);
  /* the nearest of query 3, but its squares overflow float: the float product sees nothing of it */
  for (int i = 0; i < D; i++) train[500 * D + i] = 1e30f * query[3 * D + i];
  for (int i = 0; i < D; i++) train[501 * D + i] *= 1e-30f;
  compare(t, train, label, N, query, 5, D, CLASSES, (as_knn_opts){.k = 20}, NULL);
  int top[5 * Q];
  as_err err;
  query[D] = NAN;
  query[2 * D] = INFINITY;
  CHECK_OK(t, nearest(CLASSES, 20, 0.07, top, &err), err);
  CHECK(t, top[0] >= 0 && top[5] == -1 && top[9] == -1 && top[10] == -1 && top[15] >= 0);
  CHECK_STATUS(t, nearest(CLASSES, -1, 0.07, top, &err), AS_E_USAGE);
  CHECK_STATUS(t, nearest(CLASSES, 5, 0.001, top, &err), AS_E_USAGE);
  CHECK_STATUS(t, nearest(4, 5, 0.07, top, &err), AS_E_USAGE);
  train[7 * D + 3] = NAN;
  CHECK_STATUS(t, nearest(CLASSES, 5, 0.07, top, &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "row 7") != NULL);
  label[7] = -1;
  CHECK_OK(t, nearest(CLASSES, 5, 0.07, top, &err), err);
}

/* A class without a vote is no answer: k = 3 gives at most three. A class that may not win still votes. */
static void answers(as_test *t) {
  static const uint8_t may_win[CLASSES] = {1, 0, 1, 0, 0, 1, 1, 0, 1, 1, 1};
  int top[5 * Q];
  as_err err;
  fill(train, N * D, 7, 0.3f);
  fill(query, Q * D, 8, 0.3f);
  for (int i = 0; i < N; i++) label[i] = i % CLASSES;
  for (int k = 1; k <= 6; k++) {
    int most = 0;
    CHECK_OK(t, nearest(CLASSES, k, 0.07, top, &err), err);
    for (int q = 0; q < 4; q++) {
      int n = 0;
      while (n < 5 && top[5 * q + n] >= 0) n++;
      for (int i = n; i < 5; i++) CHECK_INT(t, top[5 * q + i], -1);
      most = n > most ? n : most;
      CHECK(t, n >= 1 && n <= k);
    }
    CHECK(t, k > 3 || most > 1 || k == 1);
  }
  compare(t, train, label, N, query, Q, D, CLASSES, (as_knn_opts){0}, NULL);
  compare(t, train, label, N, query, Q, D, CLASSES, (as_knn_opts){.k = 30}, may_win);
  compare(t, train, label, N, query, Q, D, CLASSES, (as_knn_opts){.k = 2}, may_win);
}

/* exp(1 / T) beyond float32: the scores stay finite and in the order of the votes. */
static void cold(as_test *t) {
  const as_labelled rows = {.x = train, .y = label, .n = N, .d = D, .classes = CLASSES};
  const as_knn_opts o = {.k = 20, .temperature = 0.005};
  static float scores[Q * CLASSES];
  int top[5 * Q], want[5];
  float ignored[CLASSES];
  as_err err;
  fill(train, N * D, 9, 0.5f);
  for (int i = 0; i < N; i++) label[i] = i % CLASSES;
  for (int i = 0; i < Q * D; i++) query[i] = train[i * 3] + 0.01f * train[i + 1]; /* one is very near */
  memcpy(query, train + 8 * D, D * sizeof *query);
  CHECK_OK(t, as_knn(&rows, &o, query, Q, NULL, scores, top, &err), err);
  for (int q = 0; q < Q; q++) {
    plain(&rows, query + q * D, o.k, o.temperature, NULL, ignored, want);
    CHECK(t, memcmp(top + 5 * q, want, sizeof want) == 0);
    for (int c = 0; c < CLASSES; c++)
      CHECK(t,
            isfinite(scores[q * CLASSES + c]) && scores[q * CLASSES + c] <= scores[q * CLASSES + top[5 * q]]);
  }
  CHECK_INT(t, top[0], 8);
  CHECK(t, scores[8] >= 0.999f && scores[8] < 1.1f);
}

static void defaults(as_test *t) {
  char text[64];
  as_knn_opts o = as_knn_resolve((as_knn_opts){0});
  CHECK(t, o.k == 20 && o.temperature == 0.07);
  CHECK_STR(t, as_knn_text((as_knn_opts){0}, text), "k 20, T 0.07");
  CHECK_STR(t, as_knn_text((as_knn_opts){.k = 5, .temperature = 0.1}, text), "k 5, T 0.1");
}

int main(int argc, char **argv) {
  as_err err;
  if (as_init(NULL, &err) != AS_OK) return 1;
  static const as_case cases[] = {{"knn: random features", random_data},
                                  {"knn: ties", ties},
                                  {"knn: odd values", odd_values},
                                  {"knn: no answer without a vote, nor of a class that may not win", answers},
                                  {"knn: a temperature that float32 does not hold", cold},
                                  {"knn: what is in force", defaults}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
