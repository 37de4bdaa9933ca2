#include "models/selftest.h"

#include <stdint.h>

#include "models/model.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/mem.h"
#include "tensor/runtime.h"

enum { IMAGES = 6, SELFTEST_SEED = 20 };

/* Odd sizes on purpose: 75 -> 38 -> 19 -> 10 -> 5 leaves a tail in every tile. */
static const struct {
  const char *arch;
  int size;
} nets[] = {
    {"resnet50:base=16,blocks=1-2-2", 75},
    {"vit_demo:dim=96,depth=4,heads=3,reg=1,ls=1,features=cls4+mean", 40},
};

const char *as_selftest_expected(void) {
  if (as_profile_bf16()) return "59d49fe87801b6cd152dcec9250c3ad8ef0187fb448fea3dfad0033a236cd21b";
  return "12b564ffc4393165d0f3ff66fff53d79be844e2400316493c0cb67fac5970b71"; /* f32-1 */
}

void as_selftest_images(int n, int size, float *out) {
  const uint32_t side = (uint32_t)size;
  uint32_t index = 0;
  for (uint32_t i = 0; i < (uint32_t)n; i++)
    for (uint32_t y = 0; y < side; y++)
      for (uint32_t x = 0; x < side; x++)
        for (uint32_t c = 0; c < 3; c++, index++) {
          const uint32_t smooth = (x * (i + 2) + y * 3 + c * 40 + i * 60) & 255;
          const uint32_t noise = (index * 2654435761u) >> 24;
          *out++ = (float)(2 * (int)((smooth + noise) >> 1) - 255) / 128.0f;
        }
}

static as_status hash_net(const char *arch, int size, int batch, as_sha256 *sha, as_err *err) {
  as_model *m = NULL;
  float *x = NULL, *features = NULL;
  as_status st = as_model_create(&m, arch, size, err);
  if (st == AS_OK) st = as_model_load_seeded(m, SELFTEST_SEED, err);
  if (st == AS_OK) st = as_model_plan(m, batch, err);
  if (st == AS_OK) {
    const size_t dim = (size_t)as_model_embed_dim(m), image = (size_t)size * (size_t)size * 3;
    x = as_alloc(IMAGES * image, sizeof *x, err);
    features = as_alloc(IMAGES * dim, sizeof *features, err);
    st = x && features ? AS_OK : AS_E_ENV;
    if (st == AS_OK) {
      as_selftest_images(IMAGES, size, x);
      /* In calls of `batch`, so that the boundaries between calls are part of the proof. */
      for (int i = 0; i < IMAGES; i += batch) {
        const int n = IMAGES - i < batch ? IMAGES - i : batch;
        as_model_forward(m, x + (size_t)i * image, n, features + (size_t)i * dim);
      }
      as_sha256_update_f32(sha, features, IMAGES * dim);
    }
  }
  as_free(x);
  as_free(features);
  as_model_destroy(&m);
  return st;
}

as_status as_selftest(int batch, char hex[65], as_err *err) {
  as_sha256 sha;
  as_sha256_init(&sha);
  hex[0] = '\0';
  for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
    as_status st = hash_net(nets[i].arch, nets[i].size, batch, &sha, err);
    if (st != AS_OK) return st;
  }
  as_sha256_hex(&sha, hex);
  return AS_OK;
}
