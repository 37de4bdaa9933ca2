/* Training of linear heads by the frameworks' optimisers, against PyTorch (tests/golden/sgd.py); the table of
 * protocols; one result for any number of threads. */
#include "eval/learn/sgd.h"

#include <stdio.h>
#include <stdlib.h>

#include "tensor/base/math/rng.h"
#include "tensor/base/par.h"
#include "tensor/runtime.h"
#include "tests/harness.h"

enum { N = 700, D = 33, K = 5, SEED = 3 };
static float x[N * D];
static int y[N];

static void make_data(void) {
  as_rng r0 = as_rng_make(11, 0), r1 = as_rng_make(11, 1), r2 = as_rng_make(11, 2);
  for (int i = 0; i < N; i++) {
    y[i] = (int)(as_rng_uniform(r0, (uint64_t)i) * K);
    for (int j = 0; j < D; j++) {
      float centre = (float)as_rng_uniform(r1, (uint64_t)(y[i] * D + j));
      float noise = (float)as_rng_uniform(r2, (uint64_t)(i * D + j));
      x[i * D + j] = (centre + 2.0f * noise) + 3.0f;
    }
  }
}

/* The cases of tests/golden/sgd.py. */
static const as_protocol cases_[] = {
    {.name = "sgd",
     .lr = 0.01,
     .batch = 300,
     .epochs = 4,
     .schedule = AS_COSINE_EPOCH,
     .momentum = 0.9,
     .weight_decay = 1e-2},
    {.name = "nesterov",
     .lr = 0.01,
     .batch = 256,
     .epochs = 4,
     .schedule = AS_STEP,
     .milestone = {2, 3},
     .factor = 0.1,
     .momentum = 0.9,
     .nesterov = true},
    {.name = "lars",
     .optimizer = AS_LARS,
     .lr = 2,
     .batch = 300,
     .epochs = 4,
     .schedule = AS_COSINE_STEP,
     .warmup = 1,
     .momentum = 0.9,
     .weight_decay = 1e-3,
     .trust = 0.02,
     .batch_norm = 1e-6},
    {.name = "larc",
     .optimizer = AS_LARC,
     .lr = 2,
     .batch = 300,
     .epochs = 4,
     .schedule = AS_COSINE_EPOCH,
     .momentum = 0.9,
     .weight_decay = 1e-2,
     .trust = 0.02},
};
enum { CASES = sizeof cases_ / sizeof *cases_ };

static void pytorch(as_test *t) {
  make_data();
  FILE *f = fopen(as_test_golden("sgd.tsv"), "rb");
  CHECK(t, f != NULL);
  if (!f) return;
  static char line[2048];
  int rows = 0;
  while (fgets(line, sizeof line, f)) {
    double v[1 + 3 * K], loss = 0;
    char *p = strchr(line, '\t');
    CHECK(t, p != NULL && rows < CASES);
    if (!p || rows >= CASES) break;
    *p++ = 0;
    const as_protocol *c = &cases_[rows];
    CHECK_STR(t, c->name, line);
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) v[i] = strtod(p, &p);
    float w[K * D], b[K];
    as_err err;
    CHECK_OK(t,
             as_sgd_fit(c, &(as_labelled){.x = x, .y = y, .n = N, .d = D, .classes = K}, SEED, NULL, w, b,
                        &loss, &err),
             err);
    CHECK_NEAR(t, loss / v[0], 1, 2e-6);
    for (int k = 0; k < K; k++) {
      CHECK_NEAR(t, (double)b[k], v[1 + k], 1e-5 * (1 + fabs(v[1 + k])));
      CHECK_NEAR(t, (double)w[k * D], v[1 + K + k], 1e-5 * (0.01 + fabs(v[1 + K + k])));
      CHECK_NEAR(t, (double)w[k * D + 7], v[1 + 2 * K + k], 1e-5 * (0.01 + fabs(v[1 + 2 * K + k])));
    }
    rows++;
  }
  fclose(f);
  CHECK_INT(t, rows, CASES);
}

static void threads(as_test *t) {
  make_data();
  for (int c = 0; c < CASES; c++) {
    float w[3][K * D], b[3][K];
    double loss[3];
    as_err err;
    for (int i = 0; i < 3; i++) {
      as_par_set_threads(i + 1);
      CHECK_OK(t,
               as_sgd_fit(&cases_[c], &(as_labelled){.x = x, .y = y, .n = N, .d = D, .classes = K}, SEED,
                          NULL, w[i], b[i], &loss[i], &err),
               err);
      CHECK(t, memcmp(w[i], w[0], sizeof w[0]) == 0 && memcmp(b[i], b[0], sizeof b[0]) == 0 &&
                   loss[i] == loss[0]);
    }
    as_par_set_threads(1);
    CHECK_OK(t,
             as_sgd_fit(&cases_[c], &(as_labelled){.x = x, .y = y, .n = N, .d = D, .classes = K}, SEED + 1,
                        NULL, w[1], b[1], &loss[1], &err),
             err);
    CHECK(t, memcmp(w[1], w[0], sizeof w[0]) != 0); /* the seed does something */
  }
}

/* Rates as the authors' code gives them. */
static void schedules(as_test *t) {
  const as_protocol *moco = as_protocol_named("moco"), *swav = as_protocol_named("swav");
  CHECK(t, moco && swav && !as_protocol_named("swa") && !as_protocol_named(""));
  if (!moco || !swav) return;
  CHECK_NEAR(t, as_protocol_lr(moco, 59, 7, 10), 30, 1e-12);
  CHECK_NEAR(t, as_protocol_lr(moco, 60, 0, 10), 3, 1e-12);
  CHECK_NEAR(t, as_protocol_lr(moco, 99, 9, 10), 0.3, 1e-12);
  CHECK_NEAR(t, as_protocol_lr(swav, 0, 9, 10), 0.3, 1e-15);
  CHECK_NEAR(t, as_protocol_lr(swav, 50, 3, 10), 0.15, 1e-15);
  CHECK_NEAR(t, as_protocol_lr(swav, 99, 0, 10), 0.3 * 0.5 * (1 + cos(3.14159265358979323846 * 0.99)), 1e-15);
  const as_protocol *mae = as_protocol_named("mae"), *fixed = as_protocol_named("fixed");
  CHECK(t, mae && fixed);
  if (!mae || !fixed) return;
  CHECK_NEAR(t, as_protocol_lr(mae, 0, 0, 10), 0, 0);
  CHECK_NEAR(t, as_protocol_lr(mae, 5, 5, 10), 6.4 * 0.55, 1e-12);
  CHECK_NEAR(t, as_protocol_lr(mae, 10, 0, 10), 6.4, 1e-12);
  CHECK_NEAR(t, as_protocol_lr(mae, 50, 0, 10), 3.2, 1e-12);
  for (size_t i = 0; i < as_protocol_count(); i++) {
    const as_protocol *p = as_protocol_at(i);
    as_str s = {0};
    as_protocol_text(p, &s);
    CHECK(t, as_protocol_named(p->name) == p && p->source && p->lr > 0 && p->batch > 0 && p->epochs > 0);
    CHECK(t, strlen(as_str_c(&s)) > 20);
    as_str_clear(&s);
  }
  CHECK(t, as_protocol_at(as_protocol_count()) == NULL);
  static const char *const of[][2] = {{"swav", "swav"},
                                      {"moco-v1", "moco"},
                                      {"moco-v2", "moco"},
                                      {"pcl-v2", "pcl"},
                                      {"moco-v3-r50-linear", "moco-v3"},
                                      {"moco-v3-vits", "moco-v3-vit"},
                                      {"dino-vits", "dino"},
                                      {"dino-r50-full", "dino-r50"},
                                      {"deepcluster-v2", "deepcluster-v2"},
                                      {"sela-v2", "sela-v2"},
                                      {"simclr-v1", "simclr"},
                                      {"byol", "byol"},
                                      {"simsiam-linear", "simsiam"},
                                      {"obow", "obow"},
                                      {"barlowtwins", "barlowtwins"},
                                      {"vicreg-full", "vicreg"},
                                      {"mae", "mae"}};
  for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
    const as_protocol *p = as_protocol_of_recipe(of[i][0]);
    CHECK(t, p != NULL);
    if (p) CHECK_STR(t, p->name, of[i][1]);
  }
  CHECK(t, !as_protocol_of_recipe("resnet50") && !as_protocol_of_recipe("dinov2-reg") &&
               !as_protocol_of_recipe("deepcluster-2018"));
}

static void refused(as_test *t) {
  make_data();
  float w[K * D], b[K];
  as_err err;
  CHECK_STATUS(t,
               as_sgd_fit(&cases_[0], &(as_labelled){.x = x, .y = y, .n = N, .d = D, .classes = 1}, 0, NULL,
                          w, b, NULL, &err),
               AS_E_USAGE);
  CHECK_STATUS(t,
               as_sgd_fit(&cases_[0], &(as_labelled){.x = x, .y = y, .n = 0, .d = D, .classes = K}, 0, NULL,
                          w, b, NULL, &err),
               AS_E_USAGE);
  as_protocol wild = cases_[0];
  wild.lr = 1e30;
  CHECK_STATUS(t,
               as_sgd_fit(&wild, &(as_labelled){.x = x, .y = y, .n = N, .d = D, .classes = K}, 0, NULL, w, b,
                          NULL, &err),
               AS_E_INPUT);
  CHECK(t, strstr(err.msg, "not finite") != NULL);
}

int main(int argc, char **argv) {
  as_err err;
  as_init_opts one = {NULL, 1, NULL};
  if (as_init(&one, &err) != AS_OK) return 1;
  static const as_case cases[] = {{"sgd: PyTorch's steps", pytorch},
                                  {"sgd: one result for any threads", threads},
                                  {"sgd: protocols and their rates", schedules},
                                  {"sgd: impossible input", refused}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
