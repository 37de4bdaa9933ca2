/* The features cache: what goes in comes out, and nothing else does. */
#include "eval/features/features_cache.h"

#include <stdio.h>

#include "tensor/base/bytes.h"
#include "tensor/base/file.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"
#include "tests/harness.h"

enum { N = 37, D = 19 };
static const char key[65] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void make(as_features *f) {
  as_rng r = as_rng_make(5, 1);
  memset(f, 0, sizeof *f);
  f->n = N;
  f->d = D;
  f->x = as_alloc(N * D, sizeof(float), NULL);
  f->failed = as_calloc(N, 1, NULL);
  f->why = as_calloc(N, sizeof *f->why, NULL);
  for (size_t i = 0; i < N * D; i++) f->x[i] = (float)as_rng_normal(r, i) * (i % 3 ? 1.0f : 1e-5f);
  f->x[3] = -0.0f;
  static const int bad[] = {0, 7, N - 1};
  for (int k = 0; k < 3; k++) {
    f->failed[bad[k]] = 1;
    f->why[bad[k]] = k == 1 ? NULL : as_strdup("an image that is no image", NULL);
    f->n_failed++;
    for (int j = 0; j < D; j++) f->x[bad[k] * D + j] = as_bits_f32(0x7fc00000u);
  }
  f->why[9] = as_strdup("2 warnings, such as: a damaged one", NULL);
  f->n_warned = 1;
}

static bool same(const as_features *a, const as_features *b) {
  bool ok = a->n == b->n && a->d == b->d && a->n_failed == b->n_failed && a->n_warned == b->n_warned &&
            memcmp(a->failed, b->failed, N) == 0 && memcmp(a->x, b->x, N * D * sizeof(float)) == 0;
  for (size_t i = 0; ok && i < N; i++)
    ok = strcmp(a->why[i] ? a->why[i] : "", b->why[i] ? b->why[i] : "") == 0;
  return ok;
}

static char dir[1024], file[1200];

static void names(const char *sub) {
  snprintf(dir, sizeof dir, "%s/cache-%s", as_test_tmp(), sub);
  snprintf(file, sizeof file, "%s/%s.features", dir, key);
  remove(file);
}

static bool get(as_test *t, as_features *g, const char *k, size_t n, size_t d) {
  bool found;
  as_err err;
  CHECK_OK(t, as_features_cache_get(g, &found, dir, k, n, d, &err), err);
  if (!found) CHECK(t, g->x == NULL && g->n == 0);
  return found;
}

static void round_trip(as_test *t) {
  as_features f, g;
  as_err err;
  names("trip");
  make(&f);
  CHECK(t, !get(t, &g, key, N, D)); /* not even the folder */
  CHECK_OK(t, as_features_cache_put(&f, dir, key, &err), err);
  CHECK(t, get(t, &g, key, N, D) && same(&f, &g));
  as_features_clear(&g);
  int64_t full = as_path_size(file);
  CHECK_OK(t, as_features_halve(&f, &err), err);
  CHECK_OK(t, as_features_cache_put(&f, dir, key, &err), err);
  CHECK_INT(t, (int)(full - as_path_size(file)), N * D * 2);
  CHECK(t, get(t, &g, key, N, D) && same(&f, &g));
  as_features_clear(&g);
  f.x[2 * D] = 65519.0f; /* the largest float that float16 rounds to a number */
  CHECK_OK(t, as_features_halve(&f, &err), err);
  CHECK(t, f.x[2 * D] == 65504.0f);
  f.x[2 * D] = 65520.0f;
  CHECK_STATUS(t, as_features_halve(&f, &err), AS_E_INPUT);
  as_features_clear(&f);
  remove(file);
  remove(dir);
}

static void damaged(as_test *t) {
  static const char other[65] = "1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
  as_features f, g;
  as_file m;
  as_err err;
  names("damaged");
  make(&f);
  CHECK_OK(t, as_features_cache_put(&f, dir, key, &err), err);
  CHECK(t, !get(t, &g, key, N + 1, D) && !get(t, &g, key, N, D + 1) && !get(t, &g, key, D, N) &&
               !get(t, &g, other, N, D));
  CHECK_OK(t, as_file_open(&m, file, &err), err);
  uint8_t *copy = as_alloc(m.size, 1, NULL);
  size_t size = m.size;
  memcpy(copy, m.data, size);
  as_file_close(&m);
  for (size_t i = 0; i < size; i += i < 200 ? 1 : 61) { /* any one byte */
    copy[i] ^= 1;
    CHECK_OK(t, as_file_write(file, copy, size, &err), err);
    CHECK(t, !get(t, &g, key, N, D));
    copy[i] ^= 1;
  }
  for (size_t cut = 0; cut < size; cut += 97) { /* any end */
    CHECK_OK(t, as_file_write(file, copy, cut, &err), err);
    CHECK(t, !get(t, &g, key, N, D));
  }
  CHECK_OK(t, as_file_write(file, copy, size, &err), err);
  CHECK(t, get(t, &g, key, N, D) && same(&f, &g));
  as_features_clear(&g);
  as_features_clear(&f);
  as_free(copy);
  remove(file);
  remove(dir);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"features cache: round trip, float32 and float16", round_trip},
                                  {"features cache: damage is not found", damaged}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
