/* Made values, views and options for the tests of the methods; tests/golden/make_ssl.py has the same. */
#ifndef AS_TESTS_UNIT_SSL_MADE_H
#define AS_TESTS_UNIT_SSL_MADE_H

#include <math.h>
#include <string.h>

#include "models/ssl/ssl_int.h"
#include "tests/harness.h"

enum { BATCH = 8, SIZE = 16 };

static inline double made(size_t t, size_t i) {
  return ((double)((i * 37 + t * 11 + i / 64 * 29) % 64) - 31.5) / 32.0;
}

static inline void fill_views(as_ssl *s) {
  for (size_t v = 0; v < as_ssl_views(s); v++) {
    const as_map m = as_ssl_view(s, v);
    const size_t n = (size_t)m.h;
    for (size_t i = 0; i < (size_t)m.n; i++)
      for (size_t y = 0; y < n; y++)
        for (size_t x = 0; x < n; x++)
          for (size_t c = 0; c < 3; c++)
            as_map_at(&m, i, y, x)[c] =
                (float)(made(5 + 3 * v, ((i * n + y) * n + x) * 3 + c) + made(9, i) * made(2 + v, y));
  }
}

static inline void fill_store(as_store *store) {
  for (size_t i = 0; i < store->n; i++) {
    const as_slot *q = &store->slot[i];
    const bool matrix = q->rank > 1, weight = strstr(q->name, "weight") != NULL;
    const double scale = matrix ? sqrt(2.0 / (double)(q->n / (size_t)q->shape[0])) : weight ? 0.2 : 0.1;
    for (size_t k = 0; q->trained && k < q->n; k++)
      as_store_value(store, i)[k] =
          (float)((!matrix && weight ? 1.0 : 0.0) + scale * made(strlen(q->name), k));
  }
}

/* Options that the script has, for those methods that know them. */
static inline as_ssl *open_network(as_test *t, const char *name, const char *arch, size_t epochs,
                                   bool head_bn) {
  const struct {
    const char *name;
    double value;
  } wanted[] = {{"lr", 0.1},          {"weight-decay", 1e-3}, {"optimizer", 0},  {"momentum", 0.9},
                {"width", 12},        {"hidden", 20},         {"narrow", 6},     {"temperature", 0.2},
                {"lambda", 0.02},     {"queue", 16},          {"group", 8},      {"prototypes", 14},
                {"bottleneck", 10},   {"clusters-1", 3},      {"clusters-2", 5}, {"clusters-3", 4},
                {"frozen", 0},        {"queue-from", 0},      {"heads", 2},      {"words", 16},
                {"words-a-step", 4},  {"small-views", 4},     {"ema", 0.9},      {"tau-teacher", 0.05},
                {"head-bn", head_bn}, {"covariance", 1}};
  static int label[40];
  for (int i = 0; i < 40; i++) label[i] = (i / 5 * 3 + 1) % 6;
  as_ssl_opts o = {.method = as_ssl_method_named(name),
                   .arch = arch,
                   .size = SIZE,
                   .batch = BATCH,
                   .images = 40,
                   .label = label,
                   .classes = 6,
                   .epochs = epochs,
                   .seed = 3};
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    const as_ssl_param *p = o.method->params;
    while (p->name && strcmp(p->name, wanted[i].name) != 0) p++;
    if (!p->name && i > 3) continue;
    o.name[o.n_values] = wanted[i].name, o.value[o.n_values++] = wanted[i].value;
  }
  as_ssl *s = NULL;
  as_err err = {0};
  CHECK_OK(t, as_ssl_create(&s, &o, &err), err);
  return s;
}

static inline as_ssl *open_method(as_test *t, const char *name) {
  return open_network(t, name, "resnet18:blocks=1-1-1,base=4,stem=3x3s2", 2, false);
}

/* Image i of the batch of a step: five steps see all 40. */
static inline uint32_t image_at(size_t i, size_t step) {
  return (uint32_t)((i * 5 + step) % 40);
}

/* Made rows of the script, at length 1; no two alike. */
static inline void unit_rows(float *to, size_t rows, size_t width, double (*value)(size_t t, size_t i),
                             size_t t) {
  for (size_t r = 0; r < rows; r++) {
    double norm = 0;
    for (size_t i = 0; i < width; i++) norm += value(t, r * width + i) * value(t, r * width + i);
    for (size_t i = 0; i < width; i++) to[r * width + i] = (float)(value(t, r * width + i) / sqrt(norm));
  }
}

/* Steps on the made views, before the first one all images where the method wants that; the last loss. */
static inline double take_steps(as_ssl *s, int steps) {
  double loss = 0;
  for (size_t k = 0; as_ssl_wants_look(s) && k < 5; k++) {
    uint32_t image[BATCH];
    for (size_t i = 0; i < BATCH; i++) image[i] = image_at(i, k);
    fill_views(s);
    for (size_t v = 0; v < as_ssl_views(s); v++) as_ssl_view(s, v).data[0] += (float)k;
    as_ssl_look(s, image);
  }
  for (int k = 0; k < steps; k++) {
    uint32_t image[BATCH];
    for (size_t i = 0; i < BATCH; i++) image[i] = image_at(i, as_ssl_step_done(s));
    fill_views(s);
    as_ssl_step(s, image, &loss);
  }
  return loss;
}

#endif
