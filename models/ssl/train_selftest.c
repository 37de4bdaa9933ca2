#include "models/ssl/train_selftest.h"

#include <string.h>

#include "models/selftest.h"
#include "models/ssl/ssl.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/mem.h"

enum { BATCH = 10, SIDE = 20, STEPS = 3 };

/* 20 pixels: maps of 10, 5 and 3 (1 for local views), with tails in every tile; 10 images: the last chunk of every sum over
 * samples is a part. The transformer has grids of 4 and 2, eleven channels a head, 340 tokens in a pass. */
#define RESNET "resnet18:blocks=1-1-1,base=5,stem=3x3s2"
#define VIT "vit_demo:patch=5,dim=22,depth=2,heads=2,mlp=37"
static const struct {
  const char *method, *arch;
  double optimizer, lr;
} trainings[] = {{"simclr", RESNET, 3, 0.002},
                 {"dino", RESNET, 1, 0.5},
                 {"barlow", RESNET, 0, 0.05},
                 {"dino", VIT, 3, 0.002}};

const char *as_train_selftest_expected(void) {
  return "e7e8ce518c39d7d4339ec57d0420f567e3f166994b091068ca9b72694efdb665";
}

/* The images of selftest.h, other ones for every view and step. */
static as_status fill_views(as_ssl *s, int step, as_err *err) {
  const int n = BATCH * (int)as_ssl_views(s);
  const size_t image = SIDE * SIDE * 3;
  float *x = as_alloc((size_t)n * image, sizeof *x, err);
  if (!x) return AS_E_ENV;
  as_selftest_images(n, SIDE, x);
  for (size_t v = 0; v < as_ssl_views(s); v++) {
    const as_map m = as_ssl_view(s, v);
    for (size_t i = 0; i < BATCH; i++)
      for (size_t y = 0; y < (size_t)m.h; y++)
        memcpy(as_map_at(&m, i, y, 0),
               x + ((v + i * as_ssl_views(s) + (size_t)step) % (size_t)n) * image + y * SIDE * 3,
               (size_t)m.w * 3 * sizeof *x);
  }
  as_free(x);
  return AS_OK;
}

static as_status hash_training(size_t k, as_sha256 *sha, as_err *err) {
  as_ssl *s = NULL;
  const as_ssl_opts o = {.method = as_ssl_method_named(trainings[k].method),
                         .arch = trainings[k].arch,
                         .size = SIDE,
                         .batch = BATCH,
                         .images = BATCH,
                         .epochs = STEPS,
                         .seed = 20,
                         .name = {"optimizer", "lr"},
                         .value = {trainings[k].optimizer, trainings[k].lr},
                         .n_values = 2};
  as_status st = as_ssl_create(&s, &o, err);
  for (int step = 0; step < STEPS && st == AS_OK; step++) {
    const uint32_t image[BATCH] = {0};
    double loss;
    st = fill_views(s, step, err);
    if (st == AS_OK) as_ssl_step(s, image, &loss);
  }
  if (st == AS_OK) {
    const as_store *b = as_ssl_backbone(s);
    as_sha256_update_f32(sha, b->value, b->floats);
  }
  as_ssl_destroy(&s);
  return st;
}

as_status as_train_selftest(char hex[65], as_err *err) {
  as_sha256 sha;
  as_sha256_init(&sha);
  hex[0] = '\0';
  for (size_t k = 0; k < sizeof trainings / sizeof *trainings; k++) {
    const as_status st = hash_training(k, &sha, err);
    if (st != AS_OK) return st;
  }
  as_sha256_hex(&sha, hex);
  return AS_OK;
}
