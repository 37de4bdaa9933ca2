/* Layers: the formula of seeded weights, BatchNorm folding, gating, resampled position embeddings. */
#include <stdint.h>

#include "nn/convbn.h"
#include "nn/init.h"
#include "nn/lnorm.h"
#include "nn/mlp.h"
#include "nn/params.h"
#include "nn/posembed.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/runtime.h"
#include "tests/harness.h"

/* Values of make_models.py's `uniform` for ("conv1.weight", seed 7): printed by that script's formula. */
static void init_formula(as_test *t) {
  enum { N = 70000 }; /* more than one chunk */
  float *out = as_alloc(N, sizeof *out, NULL), *again = as_alloc(N, sizeof *again, NULL);
  as_init_fill(as_init_kaiming(147), "conv1.weight", 7, N, out);
  CHECK_NEAR(t, out[0], -0.17973089218139648, 0);
  CHECK_NEAR(t, out[1], 0.18244639039039612, 0);
  CHECK_NEAR(t, out[69999], 0.03028015047311783, 0);
  const double bound = sqrt(6.0 / 147);
  double sum = 0, squares = 0;
  for (int i = 0; i < N; i++) {
    CHECK(t, fabs((double)out[i]) <= bound);
    sum += (double)out[i];
    squares += (double)out[i] * (double)out[i];
  }
  CHECK_NEAR(t, sum / N, 0, 5 * bound / sqrt(3.0 * N));
  CHECK_NEAR(t, squares / N, bound * bound / 3, 0.01 * bound * bound);
  as_init_fill(as_init_kaiming(147), "conv1.weight", 8, N, again);
  CHECK(t, memcmp(out, again, sizeof *out) != 0);
  as_init_fill(as_init_kaiming(147), "conv2.weight", 7, N, again);
  CHECK(t, memcmp(out, again, sizeof *out) != 0);
  /* A prefix of a tensor is the same numbers. */
  as_init_fill(as_init_kaiming(147), "conv1.weight", 7, 10, again);
  CHECK(t, memcmp(out, again, 10 * sizeof *out) == 0);
  as_init_fill(as_init_between(0, 0), "bn1.num_batches_tracked", 7, 1, out);
  CHECK(t, out[0] == 0.0f);
  as_free(out);
  as_free(again);
}

static as_view view_f32(const float *data, int rank, const int64_t *shape) {
  const uint16_t probe = 1;
  as_view v = {
      .data = data, .dtype = AS_F32, .rank = rank, .big_endian = *(const unsigned char *)&probe == 0};
  size_t n = 1;
  for (int i = 0; i < rank; i++) {
    v.shape[i] = shape[i];
    n *= (size_t)shape[i];
  }
  v.bytes = n * sizeof *data;
  as_view_set_contiguous(&v);
  return v;
}

/* One channel by hand: y = gamma (w x - mean) / sqrt(var + eps) + beta. A large eps shows whether it is used. */
static void batchnorm_folds(as_test *t) {
  as_err err = {0};
  as_params p = {0};
  as_convbn l;
  const as_convbn_cfg cfg = {.shape = {1, 1, 2, 1, 1, 1, 1, 0, 0, 0, 0}, .conv = "c", .bn = "b", .eps = 0.25};
  CHECK_OK(t, as_convbn_declare(&l, &cfg, &p, &err), err);
  CHECK_INT(t, p.n, 6);
  CHECK_STR(t, p.specs[0].name, "c.weight");
  CHECK_STR(t, p.specs[4].name, "b.running_var");
  CHECK(t, p.specs[5].optional);
  const float w[2] = {2, -3}, gamma = 4, beta = 0.5f, mean = 10, var = 3.75f;
  const int64_t ws[4] = {1, 2, 1, 1}, one[1] = {1};
  as_view v[6] = {view_f32(w, 4, ws),      view_f32(&gamma, 1, one), view_f32(&beta, 1, one),
                  view_f32(&mean, 1, one), view_f32(&var, 1, one),   {0}};
  CHECK_OK(t, as_params_check(&p, v, &err), err);
  CHECK_OK(t, as_convbn_load(&l, &p, v, &err), err);
  float *x = as_calloc(16, sizeof *x, NULL), *y = as_calloc(16, sizeof *y, NULL);
  x[0] = 7;
  x[1] = 1;
  const as_tensor in = {x, 1, 1, 1, 2, 16}, out = {y, 1, 1, 1, 1, 16};
  if (l.conv) as_convbn_forward(&l, &in, NULL, &out, &(as_team){0});
  CHECK_NEAR(t, y[0], 4.0 * (2 * 7 - 3 * 1 - 10) / 2 + 0.5, 0);
  CHECK_NEAR(t, as_convbn_flop(&l), 4, 0);

  const float bad = -0.25f; /* var + eps = 0 */
  v[4] = view_f32(&bad, 1, one);
  CHECK_STATUS(t, as_convbn_load(&l, &p, v, &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "b.running_var") && strstr(err.msg, "-0.25"));
  as_convbn_clear(&l);
  as_params_clear(&p);
  as_free(x);
  as_free(y);
}

/* w3(SiLU(u) v) with identity-like weights. */
static void gated_mlp(as_test *t) {
  as_err err = {0};
  as_params p = {0};
  as_mlp l;
  CHECK_OK(t, as_mlp_declare(&l, "m", 1, 1, true, &p, &err), err);
  CHECK_INT(t, as_mlp_width(&l), 2);
  CHECK_STR(t, p.specs[0].name, "m.w12.weight");
  CHECK_STR(t, p.specs[2].name, "m.w3.weight");
  const float w12[2] = {2, 3}, b12[2] = {0, 1}, w3 = 0.5f, b3 = 0;
  const int64_t s12[2] = {2, 1}, s2[1] = {2}, s3[2] = {1, 1}, s1[1] = {1};
  const as_view v[4] = {view_f32(w12, 2, s12), view_f32(b12, 1, s2), view_f32(&w3, 2, s3),
                        view_f32(&b3, 1, s1)};
  CHECK_OK(t, as_mlp_load(&l, &p, v, &err), err);
  enum { ROWS = 20 };
  float *x = as_calloc(ROWS * 16, sizeof *x, NULL), *h = as_calloc(ROWS * 16, sizeof *h, NULL);
  for (int i = 0; i < ROWS; i++) x[16 * i] = (float)i / 4 - 2;
  const as_tensor in = {x, 1, ROWS, 1, 1, 16}, hidden = {h, 1, ROWS, 1, 2, 16};
  as_mlp_expand(&l, &in, &hidden, &(as_team){0});
  as_mlp_project(&l, &hidden, NULL, &in, &(as_team){0});
  for (int i = 0; i < ROWS; i++) {
    const double a = i / 4.0 - 2, u = 2 * a, v2 = 3 * a + 1;
    CHECK_NEAR(t, x[16 * i], a + 0.5 * (u / (1 + exp(-u))) * v2, 2e-6);
  }
  as_mlp_clear(&l);
  as_params_clear(&p);
  as_free(x);
  as_free(h);
}

/* Both rules reproduce a constant; `exact` also reproduces a grid at its own size and keeps a ramp's slope. */
static void position_rules(as_test *t) {
  as_err err = {0};
  enum { FROM = 37, TO = 16 };
  float *in = as_alloc(FROM * FROM * 2, sizeof *in, NULL),
        *out = as_alloc(FROM * FROM * 2, sizeof *out, NULL);
  for (int y = 0; y < FROM; y++)
    for (int x = 0; x < FROM; x++) {
      in[2 * (y * FROM + x)] = 3.5f;
      in[2 * (y * FROM + x) + 1] = (float)x;
    }
  static const as_pos_rule rules[2] = {AS_POS_SCALE, AS_POS_EXACT};
  for (int r = 0; r < 2; r++) {
    CHECK_OK(t, as_posembed_resize(rules[r], FROM, TO, 2, in, out, &err), err);
    for (int i = 0; i < TO * TO; i++) CHECK_NEAR(t, out[2 * i], 3.5, 1e-6);
    /* Inside, a ramp maps to about the source position of the pixel's centre (a = -0.75 ripples by 0.05). */
    const double ratio = r == 0 ? FROM / (TO + 0.1) : (double)FROM / TO;
    for (int x = 4; x < 12; x++) CHECK_NEAR(t, out[2 * (5 * TO + x) + 1], (x + 0.5) * ratio - 0.5, 0.06);
  }
  CHECK_OK(t, as_posembed_resize(AS_POS_EXACT, FROM, FROM, 2, in, out, &err), err);
  for (int i = 0; i < FROM * FROM * 2; i++) CHECK_NEAR(t, out[i], (double)in[i], 1e-5);
  as_free(in);
  as_free(out);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {
      {"seeded values by the formula", init_formula},
      {"BatchNorm folded", batchnorm_folds},
      {"gated network", gated_mlp},
      {"position embedding rules", position_rules},
  };
  as_err err = {0};
  if (as_init(NULL, &err) != AS_OK) return 4;
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
