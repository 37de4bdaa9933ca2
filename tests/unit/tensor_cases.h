/* What the tests of the drivers share: numbers, and a body run for each instruction set and thread count. */
#ifndef AS_TESTS_UNIT_TENSOR_CASES_H
#define AS_TESTS_UNIT_TENSOR_CASES_H

#include <stddef.h>
#include <stdint.h>

#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/runtime.h"
#include "tests/blocks.h"
#include "tests/harness.h"

static const char *const cpus[] = {"ref", "portable", "avx2", "avx512", "neon"};

static float *random_floats(size_t n, uint64_t stream) {
  float *x = as_alloc(n, sizeof *x, NULL);
  const as_rng r = as_rng_make(7, stream);
  for (size_t i = 0; i < n; i++) x[i] = (float)(as_rng_uniform(r, i) * 2.0 - 1.0);
  return x;
}

static float *filled(size_t n) {
  float *x = as_alloc(n, sizeof *x, NULL);
  for (size_t i = 0; i < n; i++) x[i] = -12345.0f;
  return x;
}

/* Runs body for each instruction set and thread count; on three threads as if nothing fitted into any cache. */
static void each_cpu(as_test *t, void (*body)(as_test *, const char *)) {
  as_err err;
  for (size_t c = 0; c < sizeof cpus / sizeof *cpus; c++)
    for (int threads = 1; threads <= 3; threads += 2) {
      const as_init_opts opts = {cpus[c], threads, NULL};
      if (as_init(&opts, &err) != AS_OK) continue;
      if (threads == 3) fit_nothing();
      body(t, cpus[c]);
    }
  CHECK_OK(t, as_init(NULL, &err), err);
}

static float relu(float x) {
  return x <= 0.0f ? 0.0f : x;
}

/* A team of the threads of the process; free the scratch. */
static as_team team_with(size_t bytes) {
  const as_team team = {as_par_threads(), bytes ? as_alloc(bytes, 1, NULL) : NULL};
  return team;
}

#endif
