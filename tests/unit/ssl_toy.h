/* A toy training for the tests of collapse: ten kinds of small images, a network of two blocks, TOY_BASE channels wide. */
#ifndef AS_TESTS_UNIT_SSL_TOY_H
#define AS_TESTS_UNIT_SSL_TOY_H

#include "models/ssl/ssl_int.h"
#include "tensor/base/math/rng.h"
#include "tests/harness.h"

#ifndef TOY_BASE
#define TOY_BASE "8"
#endif

enum { TOY_BATCH = 32, TOY_IMAGES = 320, TOY_SIZE = 16, TOY_KINDS = 10, TOY_SETTINGS = 12 };

typedef struct toy_setting {
  const char *name; /* NULL ends */
  double value;
} toy_setting;

static inline as_ssl *toy_open(as_test *t, const char *method, size_t epochs, const toy_setting *set) {
  as_ssl_opts o = {.method = as_ssl_method_named(method),
                   .arch = "resnet18:blocks=1-1,base=" TOY_BASE ",stem=3x3s2",
                   .size = TOY_SIZE,
                   .batch = TOY_BATCH,
                   .images = TOY_IMAGES,
                   .epochs = epochs,
                   .seed = 1};
  for (; set[o.n_values].name; o.n_values++)
    o.name[o.n_values] = set[o.n_values].name, o.value[o.n_values] = set[o.n_values].value;
  as_ssl *s = NULL;
  as_err err = {0};
  CHECK_OK(t, as_ssl_create(&s, &o, &err), err);
  return s;
}

/* Each kind is a coarse pattern; a view is shifted and noisy. */
static inline void toy_views(as_ssl *s, const uint32_t *image, uint64_t draw) {
  enum { CELLS = TOY_KINDS * 5 * 5 * 3 };
  static float pattern[CELLS];
  const as_rng kinds = as_rng_make(4, as_rng_stream("kinds")),
               dice = as_rng_make(draw, as_rng_stream("views"));
  uint64_t n = 0;
  for (size_t i = CELLS; pattern[0] == 0.0f && i-- > 0;) pattern[i] = (float)as_rng_normal(kinds, i);
  for (size_t v = 0; v < as_ssl_views(s); v++) {
    const as_map m = as_ssl_view(s, v);
    for (size_t i = 0; i < TOY_BATCH; i++) {
      const uint64_t dx = as_rng_below(dice, n++, 4), dy = as_rng_below(dice, n++, 4);
      for (size_t y = 0; y < (size_t)m.h; y++)
        for (size_t x = 0; x < (size_t)m.w; x++)
          for (size_t c = 0; c < 3; c++) {
            const uint64_t cell = (image[i] % TOY_KINDS * 5 + (y + dy) / 4) * 5 + (x + dx) / 4;
            as_map_at(&m, i, y, x)[c] =
                (float)((double)pattern[cell * 3 + c] + 1.7 * (as_rng_uniform(dice, n++) - 0.5));
          }
    }
  }
}

/* The loss of the last epoch; *first that of the first step. */
static inline double toy_train(as_ssl *s, size_t epochs, double *first) {
  uint32_t order[TOY_IMAGES];
  double loss = 0, sum = 0;
  uint64_t draw = 0;
  for (uint32_t i = 0; i < TOY_IMAGES; i++) order[i] = i;
  for (size_t from = 0; as_ssl_wants_look(s) && from < TOY_IMAGES; from += TOY_BATCH) {
    toy_views(s, order + from, ++draw);
    as_ssl_look(s, order + from);
  }
  for (size_t epoch = 0; epoch < epochs; epoch++) {
    as_rng_permutation(as_rng_make(epoch, 1), order, TOY_IMAGES);
    sum = 0;
    for (size_t step = 0; step < TOY_IMAGES / TOY_BATCH; step++) {
      toy_views(s, order + step * TOY_BATCH, ++draw);
      as_ssl_step(s, order + step * TOY_BATCH, &loss);
      if (epoch == 0 && step == 0) *first = loss;
      sum += loss;
    }
  }
  return sum / (TOY_IMAGES / TOY_BATCH);
}

#endif
