/* Stores, optimisers and schedules: written-out steps in double, and the goldens of tests/golden/make_optim.py. */
#include <stdio.h>
#include <stdlib.h>

#include "nn/train/optim.h"
#include "nn/train/schedule.h"
#include "tensor/base/math/rng.h"
#include "tensor/runtime.h"
#include "tests/harness.h"

static void make_store(as_test *t, as_store *s) {
  as_err err = {0};
  const int64_t matrix[2] = {3, 5}, row[1] = {7};
  CHECK_OK(
      t,
      as_store_add(s, &(as_store_spec){"fc", "weight", (as_start){AS_START_UNIFORM, 0.4}, true, 2, matrix},
                   NULL, &err),
      err);
  CHECK_OK(t,
           as_store_add(s, &(as_store_spec){"fc", "bias", (as_start){AS_START_NORMAL, 0.1}, true, 1, row},
                        NULL, &err),
           err);
  CHECK_OK(
      t,
      as_store_add(s, &(as_store_spec){"bn", "running_var", (as_start){AS_START_CONSTANT, 1}, false, 1, row},
                   NULL, &err),
      err);
  CHECK_STATUS(t, as_store_add(s, &(as_store_spec){"fc", "bias", (as_start){0}, true, 1, row}, NULL, &err),
               AS_E_USAGE);
  CHECK_OK(t, as_store_make(s, 3, &err), err);
}

/* Parameters and gradients that a script can repeat: small integers over powers of two. */
static float made(size_t tensor, size_t i, size_t step) {
  return (float)((int)((i * 37 + tensor * 11 + step * 53) % 64) - 31) / 64.0f;
}

typedef struct golden_case {
  const char *name;
  as_optim_cfg cfg;
} golden_case;
static const golden_case golden_cases[] = {
    {"sgd", {AS_OPTIM_SGD, 0.9, false, 0, 0, 0, 0, true}},
    {"nesterov", {AS_OPTIM_SGD, 0.9, true, 0, 0, 0, 0, true}},
    {"lars", {AS_OPTIM_LARS, 0.9, false, 0.001, 0, 0, 0, 0}},
    {"larc", {AS_OPTIM_LARC, 0.9, false, 0.001, 0, 0, 0, 0}},
    {"adamw", {AS_OPTIM_ADAMW, 0, false, 0, 0.9, 0.999, 1e-8, true}},
};

/* Lines "case tensor index value" after five steps. */
static void goldens(as_test *t) {
  size_t n, lines = 0;
  char *text = (char *)as_test_read(as_test_golden("optim.tsv"), &n);
  CHECK(t, text != NULL);
  if (!text) return;
  for (size_t k = 0; k < sizeof golden_cases / sizeof *golden_cases; k++) {
    as_store s = {0};
    as_optim o;
    as_err err = {0};
    make_store(t, &s);
    CHECK_OK(t, as_optim_init(&o, &golden_cases[k].cfg, &s, &err), err);
    for (size_t i = 0; i < 2; i++)
      for (size_t j = 0; j < s.slot[i].n; j++) as_store_value(&s, i)[j] = made(i, j, 0);
    for (size_t step = 1; step <= 5; step++) {
      for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < s.slot[i].n; j++) as_store_grad(&s, i)[j] = made(i, j, step);
      as_optim_step(&o, 0.3 / (double)step, 0.05);
    }
    for (char *p = text; *p;) {
      char name[16];
      unsigned tensor, at;
      double want;
      if (sscanf(p, "%15s %u %u %lf", name, &tensor, &at, &want) == 4 &&
          strcmp(name, golden_cases[k].name) == 0) {
        CHECK_NEAR(t, (double)as_store_value(&s, tensor)[at], want, 1e-6);
        lines++;
      }
      char *end = strchr(p, '\n');
      if (!end) break;
      p = end + 1;
    }
    as_optim_clear(&o);
    as_store_clear(&s);
  }
  CHECK_INT(t, lines, 5 * 22);
  free(text);
}

static void absent(as_test *t) {
  as_store s = {0};
  as_optim o;
  as_err err = {0};
  make_store(t, &s);
  CHECK_OK(t, as_optim_init(&o, &golden_cases[0].cfg, &s, &err), err);
  const float before = as_store_value(&s, 0)[3], var = as_store_value(&s, 2)[0];
  for (size_t j = 0; j < s.floats; j++) s.grad[j] = 1.0f;
  s.slot[0].absent = true;
  as_optim_step(&o, 0.1, 0.5);
  CHECK(t, as_store_value(&s, 0)[3] == before && o.m[s.slot[0].at + 3] == 0.0f && o.steps[0] == 0);
  CHECK(t, as_store_value(&s, 2)[0] == var && o.steps[1] == 1);
  as_optim_clear(&o);
  as_store_clear(&s);
}

static void stores(as_test *t) {
  as_store a = {0}, b = {0};
  make_store(t, &a);
  make_store(t, &b);
  CHECK(t, memcmp(a.value, b.value, a.floats * sizeof *a.value) == 0); /* by name and seed */
  double most = 0;
  for (size_t i = 0; i < a.slot[0].n; i++) most = fmax(most, fabs((double)as_store_value(&a, 0)[i]));
  CHECK(t, most > 0.2 && most <= 0.4);
  for (size_t i = 0; i < a.floats; i++) a.value[i] = 1.0f, b.value[i] = 2.0f;
  as_store_ema(&a, &b, 0.9);
  CHECK_NEAR(t, (double)as_store_value(&a, 0)[0], 1.1, 1e-6);
  CHECK(t, as_store_value(&a, 2)[0] == 1.0f); /* a buffer */
  as_store_copy(&a, &b);
  CHECK(t, as_store_value(&a, 0)[1] == 2.0f && as_store_value(&a, 2)[0] == 2.0f);
  as_store_clear(&a);
  as_store_clear(&b);
}

static void schedules(as_test *t) {
  as_train_schedule s = {.kind = AS_SCHEDULE_COSINE, .start = 2.0, .end = 0.5, .steps = 110, .warm_up = 10};
  CHECK_NEAR(t, as_schedule_at(&s, 0), 0.0, 1e-15);
  CHECK_NEAR(t, as_schedule_at(&s, 5), 1.0, 1e-15);
  CHECK_NEAR(t, as_schedule_at(&s, 10), 2.0, 1e-15);
  CHECK_NEAR(t, as_schedule_at(&s, 60), 1.25, 1e-15);
  CHECK_NEAR(t, as_schedule_at(&s, 109), 0.5 + 1.5 * 0.5 * (1 + cos(0.99 * acos(-1.0))), 1e-14);
  s.warm_includes_end = true, s.warm_from = 0.2;
  CHECK_NEAR(t, as_schedule_at(&s, 0), 0.2, 1e-15);
  CHECK_NEAR(t, as_schedule_at(&s, 9), 2.0, 1e-15);
  s = (as_train_schedule){
      .kind = AS_SCHEDULE_COSINE, .start = 1, .steps = 100, .per_epoch = 25, .by_epoch = true};
  CHECK_NEAR(t, as_schedule_at(&s, 24), 1.0, 1e-15);
  CHECK_NEAR(t, as_schedule_at(&s, 50), 0.5, 1e-15);
  CHECK_NEAR(t, as_schedule_at(&s, 74), 0.5, 1e-15);
  s = (as_train_schedule){.kind = AS_SCHEDULE_STEPS, .start = 1, .steps = 100};
  CHECK_NEAR(t, as_schedule_at(&s, 59), 1.0, 0);
  CHECK_NEAR(t, as_schedule_at(&s, 60), 0.1, 0);
  CHECK_NEAR(t, as_schedule_at(&s, 80), 0.01, 0);
  s = (as_train_schedule){.kind = AS_SCHEDULE_LINEAR, .start = 0.04, .end = 0.07, .steps = 31};
  CHECK_NEAR(t, as_schedule_at(&s, 30), 0.07, 1e-15);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"five steps of each optimiser against PyTorch", goldens},
                                  {"a tensor without a gradient keeps its state", absent},
                                  {"values by name and seed, EMA, copies", stores},
                                  {"schedules", schedules}};
  as_err err = {0};
  if (as_init(NULL, &err) != AS_OK) return 4;
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
