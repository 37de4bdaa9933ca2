/* The backward passes of LayerNorm and attention: every bit as the rules say, for any threads. */
#include <stdlib.h>

#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/kern/kernels.h"
#include "tensor/runtime.h"
#include "tensor/train/attention_train.h"
#include "tensor/train/lnorm_train.h"
#include "tests/harness.h"

static double drawn(size_t stream, size_t i) {
  return as_rng_uniform(as_rng_make(91, stream), i) * 2.0 - 1.0;
}

/* Rule T2: 600 rows are three chunks. */
static void lnorm_by_the_rules(as_test *t) {
  enum { ROWS = 600, C = 21 };
  float *x = as_alloc(ROWS * C, sizeof *x, NULL), *dy = as_alloc(ROWS * C, sizeof *dy, NULL);
  float *dx = as_alloc(ROWS * C, sizeof *dx, NULL), *want = as_alloc(ROWS * C, sizeof *want, NULL);
  float *res = as_alloc(ROWS * C, sizeof *res, NULL), gamma[C], sums[2 * C], part[2 * C] = {0};
  double total[2 * C] = {0};
  for (size_t i = 0; i < ROWS * C; i++)
    x[i] = (float)drawn(1, i), dy[i] = (float)drawn(2, i), res[i] = (float)drawn(4, i);
  for (size_t i = 0; i < C; i++) gamma[i] = (float)drawn(3, i);
  for (size_t r = 0; r < ROWS; r++) {
    as_k.lnb(&(as_lnb_args){C, x + r * C, gamma, dy + r * C, 1e-6f, want + r * C, part, part + C});
    for (size_t i = 0; i < C; i++) want[r * C + i] = res[r * C + i] + want[r * C + i];
    if ((r + 1) % AS_CHUNK && r + 1 < ROWS) continue;
    for (size_t i = 0; i < 2 * C; i++) total[i] += (double)part[i], part[i] = 0.0f;
  }
  float *scratch = as_alloc(as_lnorm_grad_floats(ROWS, C), sizeof *scratch, NULL);
  const as_map mx = as_map_matrix(x, ROWS, C), md = as_map_matrix(dy, ROWS, C),
               mr = as_map_matrix(res, ROWS, C);
  const as_map to = as_map_matrix(dx, ROWS, C);
  for (int threads = 1; threads <= 3; threads += 2) {
    as_par_set_threads(threads);
    as_lnorm_backward(&(as_lnorm_grad){&mx, &md, &mr, &to, gamma, 1e-6f, sums, sums + C, scratch});
    CHECK(t, memcmp(dx, want, ROWS * C * sizeof *dx) == 0);
    for (size_t i = 0; i < 2 * C; i++) CHECK(t, sums[i] == (float)total[i]);
  }
  as_free(x), as_free(dy), as_free(dx), as_free(want), as_free(res), as_free(scratch);
}

/* Rule T1: chains over queries, keys and channels, rising. */
static void attention_by_the_rules(as_test *t) {
  enum { T = 37, DH = 5, LD = 3 * DH };
  float x[T * LD], dy[T * DH], dx[T * LD], p[T][T], d[T][T];
  for (size_t i = 0; i < T * LD; i++) x[i] = (float)drawn(1, i);
  for (size_t i = 0; i < T * DH; i++) dy[i] = (float)drawn(2, i);
  const float scale = (float)(1.0 / sqrt((double)DH));
  for (size_t i = 0; i < T; i++) {
    for (size_t j = 0; j < T; j++) {
      float s = 0.0f, g = 0.0f;
      for (size_t e = 0; e < DH; e++) s = fmaf(x[i * LD + e], x[j * LD + DH + e], s);
      for (size_t e = 0; e < DH; e++) g = fmaf(dy[i * DH + e], x[j * LD + 2 * DH + e], g);
      p[i][j] = s + 0.0f, d[i][j] = g + 0.0f;
    }
    as_k.softmax(1, T, scale, p[i], T, p[i], T);
    as_k.softb(T, scale, p[i], d[i], d[i]);
  }
  for (int threads = 1; threads <= 3; threads += 2) {
    as_par_set_threads(threads);
    const as_tensor qkv = {x, 1, T, 1, LD, LD}, to = {dx, 1, T, 1, LD, LD}, dout = {dy, 1, T, 1, DH, DH};
    const as_team team = {threads, as_alloc(as_attention_grad_scratch(T, 1, DH, threads), 1, NULL)};
    as_attention_backward(&qkv, 1, &dout, &to, &team);
    as_free(team.scratch);
    for (size_t i = 0; i < T; i++)
      for (size_t e = 0; e < DH; e++) {
        float q = 0.0f, k = 0.0f, v = 0.0f;
        for (size_t j = 0; j < T; j++) {
          q = fmaf(d[i][j], x[j * LD + DH + e], q);
          k = fmaf(d[j][i], x[j * LD + e], k);
          v = fmaf(p[j][i], dy[j * DH + e], v);
        }
        CHECK(t, dx[i * LD + e] == q && dx[i * LD + DH + e] == k && dx[i * LD + 2 * DH + e] == v);
      }
  }
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"LayerNorm by the rules", lnorm_by_the_rules},
                                  {"attention by the rules", attention_by_the_rules}};
  as_err err = {0};
  if (as_init(&(as_init_opts){getenv("ASSAY_CPU"), 0, NULL}, &err) != AS_OK) return 4;
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
