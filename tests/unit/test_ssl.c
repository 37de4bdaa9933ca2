/* One step of each method against PyTorch in float64 (tests/golden/make_ssl.py), the same bits for any threads, resume from
 * the blocks that a method keeps. */
#include <stdio.h>
#include <stdlib.h>

#include "models/ssl/ssl_int.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/kern/kernels.h"
#include "tensor/runtime.h"
#include "tests/harness.h"

enum { BATCH = 8, SIZE = 16 };

static double made(size_t t, size_t i) {
  return ((double)((i * 37 + t * 11 + i / 64 * 29) % 64) - 31.5) / 32.0;
}

static void fill_views(as_ssl *s) {
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

static void fill_store(as_store *store) {
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
static as_ssl *open_method(as_test *t, const char *name) {
  static const struct {
    const char *name;
    double value;
  } wanted[] = {{"lr", 0.1},        {"weight-decay", 1e-3}, {"optimizer", 0},  {"momentum", 0.9},
                {"width", 12},      {"hidden", 20},         {"narrow", 6},     {"temperature", 0.2},
                {"lambda", 0.02},   {"queue", 16},          {"group", 8},      {"prototypes", 14},
                {"bottleneck", 10}, {"frozen", 0},          {"queue-from", 0}, {"heads", 2}};
  as_ssl_opts o = {.method = as_ssl_method_named(name),
                   .arch = "resnet18:blocks=1-1-1,base=4,stem=3x3s2",
                   .size = SIZE,
                   .batch = BATCH,
                   .images = 40,
                   .epochs = 2,
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

/* One line of the golden against the update of a tensor. */
static void compare_update(as_test *t, const char *method, const char *name, const char *numbers,
                           const float *before, const float *after, size_t n) {
  char *p = (char *)(uintptr_t)numbers;
  double norm = 0;
  const double want = strtod(p, &p);
  for (size_t i = 0; i < n; i++)
    norm += ((double)after[i] - (double)before[i]) * ((double)after[i] - (double)before[i]);
  norm = sqrt(norm);
  const double slack = 1e-4 * want + 2e-6; /* a float's own rounding of p1 */
  if (fabs(norm - want) > slack)
    as_test_fail(t, __FILE__, __LINE__, "%s %s: norm of the update %g, not %g", method, name, norm, want);
  for (size_t i = 0; i < 8 && i < n; i++) {
    const double w = strtod(p, &p), got = (double)after[i] - (double)before[i];
    if (fabs(got - w) > slack)
      as_test_fail(t, __FILE__, __LINE__, "%s %s[%zu]: update %g, not %g", method, name, i, got, w);
  }
}

/* Made rows of the script, at length 1; no two alike. */
static void unit_rows(float *to, size_t rows, size_t width, double (*value)(size_t t, size_t i), size_t t) {
  for (size_t r = 0; r < rows; r++) {
    double norm = 0;
    for (size_t i = 0; i < width; i++) norm += value(t, r * width + i) * value(t, r * width + i);
    for (size_t i = 0; i < width; i++) to[r * width + i] = (float)(value(t, r * width + i) / sqrt(norm));
  }
}
static double wave(size_t t, size_t i) {
  return sin((double)t + 0.37 * (double)(i * i % 9973));
}

/* Memories as the script has them, and prototypes at length 1. */
static void fill_memories(as_ssl *s, const char *name) {
  if (strcmp(name, "moco") == 0) unit_rows(s->kept[0].data, 16, 12, made, 6);
  if (strcmp(name, "swav") == 0) {
    for (size_t i = 0; i < 2; i++) unit_rows((float *)s->kept[0].data + i * 16 * 12, 16, 12, wave, 1 + i);
    *(uint64_t *)s->kept[1].data = 16;
  }
  const size_t i = as_store_find(&s->student, "prototypes.0.weight");
  if (i == s->student.n) return;
  float *w = as_store_value(&s->student, i);
  for (size_t r = 0; r < (size_t)s->student.slot[i].shape[0]; r++) as_k.l2norm(12, w + r * 12, w + r * 12);
}

static void one_step(as_test *t) {
  size_t bytes, methods = 0;
  char *text = (char *)as_test_read(as_test_golden("ssl.tsv"), &bytes);
  CHECK(t, text != NULL);
  for (size_t k = 0; text && as_ssl_methods[k]; k++) {
    const char *name = as_ssl_methods[k]->name;
    as_ssl *s = open_method(t, name);
    if (!s) return;
    fill_store(&s->student);
    if (s->teacher.value) as_store_copy(&s->teacher, &s->student);
    fill_memories(s, name);
    fill_views(s);
    float *before = as_alloc(s->student.floats, sizeof(float), NULL);
    memcpy(before, s->student.value, s->student.floats * sizeof(float));
    uint32_t image[BATCH];
    double loss;
    for (size_t i = 0; i < BATCH; i++) image[i] = (uint32_t)(i * 5);
    as_ssl_step(s, image, &loss);
    size_t seen = 0, trained = 0;
    for (size_t i = 0; i < s->student.n; i++) trained += s->student.slot[i].trained;
    for (const char *line = text; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
      char method[16], tensor[64];
      int skip = 0;
      if (sscanf(line, "%15s %63s %n", method, tensor, &skip) != 2 || strcmp(method, name) != 0) continue;
      if (strcmp(tensor, "loss") == 0) {
        CHECK_NEAR(t, loss / strtod(line + skip, NULL), 1.0, 1e-5);
        methods++;
        continue;
      }
      const size_t i = as_store_find(&s->student, tensor);
      if (i == s->student.n) {
        as_test_fail(t, __FILE__, __LINE__, "%s: no tensor %s", name, tensor);
        continue;
      }
      compare_update(t, name, tensor, line + skip, before + s->student.slot[i].at,
                     as_store_value(&s->student, i), s->student.slot[i].n);
      seen++;
    }
    CHECK_INT(t, seen, trained);
    as_free(before);
    as_ssl_destroy(&s);
  }
  CHECK(t, methods >= 8);
  free(text);
}

static void same_bits(as_test *t) {
  for (size_t k = 0; as_ssl_methods[k]; k++) {
    float *first = NULL;
    for (int threads = 1; threads <= 3; threads += 2) {
      as_par_set_threads(threads);
      as_ssl *s = open_method(t, as_ssl_methods[k]->name);
      uint32_t image[BATCH];
      double loss;
      for (size_t i = 0; i < BATCH; i++) image[i] = (uint32_t)(i * 5);
      for (int step = 0; step < 3; step++) {
        fill_views(s);
        as_ssl_step(s, image, &loss);
      }
      if (first && memcmp(first, s->student.value, s->student.floats * sizeof(float)) != 0)
        as_test_fail(t, __FILE__, __LINE__, "%s: other bits with %d threads", as_ssl_methods[k]->name,
                     threads);
      if (!first) {
        first = as_alloc(s->student.floats, sizeof(float), NULL);
        memcpy(first, s->student.value, s->student.floats * sizeof(float));
      }
      as_ssl_destroy(&s);
    }
    as_free(first);
  }
}

/* Two steps, then the blocks go into a fresh method that takes the third. */
static void resume(as_test *t) {
  for (size_t k = 0; as_ssl_methods[k]; k++) {
    as_ssl *a = open_method(t, as_ssl_methods[k]->name), *b = open_method(t, as_ssl_methods[k]->name);
    as_ssl_block from[32], to[32];
    uint32_t image[BATCH];
    double la, lb;
    for (size_t i = 0; i < BATCH; i++) image[i] = (uint32_t)(i * 4 + 1);
    fill_views(a);
    fill_views(b);
    as_ssl_step(a, image, &la);
    as_ssl_step(a, image, &la);
    const size_t n = as_ssl_blocks(a, from, 32);
    CHECK_INT(t, as_ssl_blocks(b, to, 32), n);
    for (size_t i = 0; i < n; i++) {
      CHECK_INT(t, to[i].bytes, from[i].bytes);
      memcpy(to[i].data, from[i].data, from[i].bytes);
    }
    as_ssl_step(a, image, &la);
    as_ssl_step(b, image, &lb);
    CHECK(t, la == lb && memcmp(a->student.value, b->student.value, a->student.floats * sizeof(float)) == 0);
    as_ssl_destroy(&a);
    as_ssl_destroy(&b);
  }
}

static void refusals(as_test *t) {
  as_ssl *s = NULL;
  as_err err = {0};
  as_ssl_opts o = {.method = as_ssl_method_named("simclr"),
                   .arch = "resnet18:blocks=1-1,base=4,stem=3x3s2",
                   .size = 16,
                   .batch = 8,
                   .images = 40,
                   .epochs = 1,
                   .name = {"temperatur"},
                   .value = {1},
                   .n_values = 1};
  CHECK_STATUS(t, as_ssl_create(&s, &o, &err), AS_E_USAGE);
  CHECK(t, strstr(err.msg, "temperature") != NULL);
  o.n_values = 0, o.images = 7;
  CHECK_STATUS(t, as_ssl_create(&s, &o, &err), AS_E_USAGE);
  o.images = 40, o.epochs = 0;
  CHECK_STATUS(t, as_ssl_create(&s, &o, &err), AS_E_USAGE);
  CHECK(t, as_ssl_method_named("simclear") == NULL);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"one step of each method against PyTorch", one_step},
                                  {"same bits for any threads", same_bits},
                                  {"a run goes on from its blocks", resume},
                                  {"what is refused", refusals}};
  as_err err = {0};
  if (as_init(&(as_init_opts){getenv("ASSAY_CPU"), 0, NULL}, &err) != AS_OK) return 4;
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
