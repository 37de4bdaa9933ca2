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
typedef struct short_training {
  const char *method, *arch;
  const char *name[6]; /* of its hyper-parameters */
  double value[6];
} short_training;

static const short_training basic[] = {
    {"simclr", RESNET, {"optimizer", "lr", "temperature"}, {3, 0.002, 0.2}},
    {"dino",
     RESNET,
     {"optimizer", "lr", "small-views", "head-bn", "ema", "tau-teacher"},
     {1, 0.5, 4, 0, 0.97, 0.05}},
    {"barlow", RESNET, {"optimizer", "lr"}, {0, 0.05}},
    {"dino",
     VIT,
     {"optimizer", "lr", "small-views", "head-bn", "ema", "tau-teacher"},
     {3, 0.002, 4, 0, 0.97, 0.05}},
};
/* Every step is an epoch here: labels are made anew before each. */
static const short_training clustering[] = {
    {"swav", RESNET, {"optimizer", "lr", "prototypes", "small-views", "queue"}, {3, 0.002, 7, 4, 10}},
    {"deepcluster", RESNET, {"optimizer", "lr", "prototypes", "small-views"}, {0, 0.05, 7, 4}},
    {"sela", RESNET, {"optimizer", "lr", "prototypes", "small-views"}, {2, 0.5, 7, 1}},
};
static const struct {
  const char *name, *expected;
  const short_training *training;
  size_t n;
} parts[AS_TRAIN_PARTS] = {
    {"trained", "e7e8ce518c39d7d4339ec57d0420f567e3f166994b091068ca9b72694efdb665", basic,
     sizeof basic / sizeof *basic},
    {"clustered", "7bf0c0e36a9a88a4d795977aa43ba266c1da9986408a122c5d7501c5b45f8211", clustering,
     sizeof clustering / sizeof *clustering},
};

const char *as_train_selftest_name(as_train_part part) {
  return parts[part].name;
}
const char *as_train_selftest_expected(as_train_part part) {
  return parts[part].expected;
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

static as_status hash_training(const short_training *t, as_sha256 *sha, as_err *err) {
  as_ssl *s = NULL;
  as_ssl_opts o = {.method = as_ssl_method_named(t->method),
                   .arch = t->arch,
                   .size = SIDE,
                   .batch = BATCH,
                   .images = BATCH,
                   .epochs = STEPS,
                   .seed = 20};
  for (; o.n_values < 6 && t->name[o.n_values]; o.n_values++)
    o.name[o.n_values] = t->name[o.n_values], o.value[o.n_values] = t->value[o.n_values];
  as_status st = as_ssl_create(&s, &o, err);
  uint32_t image[BATCH];
  for (uint32_t i = 0; i < BATCH; i++) image[i] = i;
  if (st == AS_OK && as_ssl_wants_look(s)) {
    st = fill_views(s, STEPS, err);
    if (st == AS_OK) as_ssl_look(s, image);
  }
  for (int step = 0; step < STEPS && st == AS_OK; step++) {
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

as_status as_train_selftest(as_train_part part, char hex[65], as_err *err) {
  as_sha256 sha;
  as_sha256_init(&sha);
  hex[0] = '\0';
  for (size_t k = 0; k < parts[part].n; k++) {
    const as_status st = hash_training(&parts[part].training[k], &sha, err);
    if (st != AS_OK) return st;
  }
  as_sha256_hex(&sha, hex);
  return AS_OK;
}
