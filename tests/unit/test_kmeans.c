/* k-means against Lloyd's rounds written out plainly in double; rows left out; empty clusters; any threads. */
#include <stdlib.h>

#include "models/ssl/kmeans.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/runtime.h"
#include "tests/harness.h"

enum { N = 2500, D = 5, K = 7, ROUNDS = 6 };

/* Blobs of unequal sizes; every 11th row is left out. */
typedef struct points {
  float x[N * D];
  uint32_t seen[N];
} points;

static void draw_points(points *p) {
  const as_rng r = as_rng_make(1, as_rng_stream("points"));
  for (size_t i = 0; i < N; i++) {
    const size_t blob = i % 9 < 4 ? 0 : i % 9 - 3;
    p->seen[i] = i % 11 != 0;
    for (size_t j = 0; j < D; j++)
      p->x[i * D + j] = (float)(as_rng_normal(r, i * D + j) + 4.0 * as_rng_normal(r, 1000000 + blob * D + j));
  }
}

static double closeness(const float *x, const double *c, bool spherical) {
  double dot = 0, square = 0;
  for (size_t j = 0; j < D; j++) dot += (double)x[j] * c[j], square += c[j] * c[j];
  return spherical ? dot : dot - square / 2;
}

/* Rounds from the centroids c on; the last assignment goes to label. */
static void plain_rounds(const points *p, double *c, bool spherical, int rounds, uint32_t *label) {
  for (int round = 0; round <= rounds; round++) {
    double sum[K * D] = {0};
    size_t count[K] = {0};
    for (size_t i = 0; i < N; i++) {
      label[i] = AS_KMEANS_NONE;
      if (!p->seen[i]) continue;
      label[i] = 0;
      for (uint32_t k = 1; k < K; k++)
        if (closeness(p->x + i * D, c + k * D, spherical) >
            closeness(p->x + i * D, c + label[i] * D, spherical))
          label[i] = k;
      count[label[i]]++;
      for (size_t j = 0; j < D; j++) sum[label[i] * D + j] += (double)p->x[i * D + j];
    }
    for (size_t k = 0; k < K && round < rounds; k++) {
      double norm = 0;
      for (size_t j = 0; j < D && count[k]; j++) c[k * D + j] = sum[k * D + j] / (double)count[k];
      for (size_t j = 0; j < D; j++) norm += c[k * D + j] * c[k * D + j];
      for (size_t j = 0; j < D && count[k] && spherical; j++) c[k * D + j] /= sqrt(norm);
    }
  }
}

static void against_plain(as_test *t) {
  static points p;
  static uint32_t label[N], want_label[N], first_label[N];
  float centroid[K * D], first[K * D];
  double want[K * D];
  as_err err = {0};
  as_kmeans *m = NULL;
  draw_points(&p);
  CHECK_OK(t, as_kmeans_create(&m, N, D, K, &err), err);
  for (int spherical = 0; spherical < 2; spherical++)
    for (int threads = 1; threads <= 3; threads++) {
      as_par_set_threads(threads);
      as_kmeans_job j = {.x = p.x, .n = N, .seen = p.seen, .k = K, .spherical = spherical == 1};
      j.dice = as_rng_make(7, 0), j.centroid = centroid, j.label = label;
      as_kmeans_run(m, &j); /* no rounds: the start alone, which are rows that count */
      for (size_t k = 0; k < K; k++) {
        size_t from = N;
        for (size_t i = 0; i < N; i++)
          if (memcmp(p.x + i * D, centroid + k * D, D * sizeof(float)) == 0) from = i;
        CHECK(t, from < N && p.seen[from]);
      }
      for (size_t i = 0; i < K * D; i++) want[i] = (double)centroid[i];
      j.rounds = ROUNDS;
      as_kmeans_run(m, &j);
      plain_rounds(&p, want, j.spherical, ROUNDS, want_label);
      CHECK(t, memcmp(label, want_label, sizeof label) == 0);
      for (size_t i = 0; i < K * D; i++) CHECK_NEAR(t, (double)centroid[i], want[i], 1e-5);
      if (threads > 1)
        CHECK(t, memcmp(first, centroid, sizeof first) == 0 && memcmp(first_label, label, sizeof label) == 0);
      memcpy(first, centroid, sizeof first);
      memcpy(first_label, label, sizeof label);
    }
  as_kmeans_destroy(&m);
}

/* Three points, two of them equal, three clusters: the third has no row, stays, and the lower of two equal centroids wins. */
static void empty_cluster(as_test *t) {
  const float x[3] = {1, 1, 5};
  float centroid[3];
  uint32_t label[3];
  as_err err = {0};
  as_kmeans *m = NULL;
  CHECK_OK(t, as_kmeans_create(&m, 3, 1, 3, &err), err);
  const as_kmeans_job j = {
      .x = x, .n = 3, .k = 3, .rounds = 4, .dice = as_rng_make(0, 0), .centroid = centroid, .label = label};
  as_kmeans_run(m, &j);
  CHECK(t, label[0] == label[1] && label[2] != label[0]);
  CHECK(t, centroid[label[0]] == 1.0f && centroid[label[2]] == 5.0f);
  for (uint32_t k = 0; k < 3; k++) CHECK(t, centroid[k] == 1.0f || centroid[k] == 5.0f);
  for (uint32_t k = 0; k < label[0]; k++) CHECK(t, centroid[k] == 5.0f);
  as_kmeans_destroy(&m);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"Lloyd's rounds in double", against_plain},
                                  {"a cluster without rows", empty_cluster}};
  as_err err = {0};
  if (as_init(&(as_init_opts){getenv("ASSAY_CPU"), 0, NULL}, &err) != AS_OK) return 4;
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
