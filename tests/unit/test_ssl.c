/* One step of each method against PyTorch in float64 (tests/golden/make_ssl.py), the same bits for any threads, resume from
 * the blocks that a method keeps. */
#include <stdio.h>
#include <stdlib.h>

#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/kern/kernels.h"
#include "tensor/runtime.h"
#include "tests/harness.h"
#include "tests/unit/ssl_made.h"

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

static double wave(size_t t, size_t i) {
  return sin((double)t + 0.37 * (double)(i * i % 9973));
}

/* PCL: three sets of made rows as prototypes, over made concentrations. */
static void fill_prototypes(as_ssl *s) {
  static const size_t sizes[3] = {3, 5, 4};
  float *w = s->kept[4].data;
  uint32_t *label = s->kept[5].data;
  for (size_t k = 0; k < 3; k++, label += 40) {
    unit_rows(w, sizes[k], 12, made, 7 + k);
    for (size_t c = 0; c < sizes[k]; c++)
      for (size_t i = 0; i < 12; i++) *w++ /= (float)(0.1 + 0.02 * (double)c);
    for (size_t i = 0; i < BATCH; i++) label[image_at(i, 0)] = (uint32_t)((i + k) % sizes[k]);
  }
  *(uint64_t *)s->kept[6].data = 1;
}

/* Memories as the script has them, and prototypes at length 1. */
static void fill_memories(as_ssl *s, const char *name) {
  if (strcmp(name, "moco") == 0 || strcmp(name, "pcl") == 0) unit_rows(s->kept[0].data, 16, 12, made, 6);
  if (strcmp(name, "pcl") == 0) fill_prototypes(s);
  for (size_t i = 0; i < 16 * 16 && strcmp(name, "obow") == 0; i++)
    ((float *)s->kept[0].data)[i] = (float)fmax(0.0, wave(3, i));
  if (strcmp(name, "swav") == 0) {
    for (size_t i = 0; i < 2; i++) unit_rows((float *)s->kept[0].data + i * 16 * 12, 16, 12, wave, 1 + i);
    *(uint64_t *)s->kept[1].data = 16;
  }
  if (s->method->look) { /* a bank without image 10 */
    for (size_t i = 0; i < 2; i++) unit_rows((float *)s->kept[0].data + i * 40 * 12, 40, 12, wave, 1 + i);
    for (size_t i = 0; i < 40; i++) ((uint32_t *)s->kept[1].data)[i] = i != 10;
  }
  const size_t i = as_store_find(&s->student, "prototypes.0.weight");
  if (i == s->student.n) return;
  float *w = as_store_value(&s->student, i);
  for (size_t r = 0; r < (size_t)s->student.slot[i].shape[0]; r++) as_k.l2norm(12, w + r * 12, w + r * 12);
}

/* One step of a method as the golden has it under `name`; whether its loss was there. */
static bool check_step(as_test *t, const char *text, const as_ssl_method *method, const char *name,
                       bool head_bn) {
  as_ssl *s = open_network(t, method->name, "resnet18:blocks=1-1-1,base=4,stem=3x3s2", 2, head_bn);
  if (!s) return false;
  bool known = false;
  fill_store(&s->student);
  if (s->teacher.value) as_store_copy(&s->teacher, &s->student);
  fill_memories(s, method->name);
  fill_views(s);
  float *before = as_alloc(s->student.floats, sizeof(float), NULL);
  memcpy(before, s->student.value, s->student.floats * sizeof(float));
  uint32_t image[BATCH];
  double loss;
  for (size_t i = 0; i < BATCH; i++) image[i] = image_at(i, 0);
  as_ssl_step(s, image, &loss);
  size_t seen = 0, trained = 0;
  for (size_t i = 0; i < s->student.n; i++) trained += s->student.slot[i].trained;
  if (!method->loss) { /* untrained: it stays as it is */
    CHECK(t, loss == 0 && memcmp(before, s->student.value, s->student.floats * sizeof(float)) == 0);
    known = true, seen = trained;
  }
  for (const char *line = text; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
    char of[16], tensor[64];
    int skip = 0;
    if (sscanf(line, "%15s %63s %n", of, tensor, &skip) != 2 || strcmp(of, name) != 0) continue;
    if (strcmp(tensor, "loss") == 0) {
      CHECK_NEAR(t, loss / strtod(line + skip, NULL), 1.0, 1e-5);
      known = true;
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
  return known;
}

static void one_step(as_test *t) {
  size_t bytes;
  char *text = (char *)as_test_read(as_test_golden("ssl.tsv"), &bytes);
  CHECK(t, text != NULL);
  for (size_t k = 0; text && as_ssl_methods[k]; k++)
    CHECK(t, check_step(t, text, as_ssl_methods[k], as_ssl_methods[k]->name, false));
  CHECK(t, text && check_step(t, text, as_ssl_method_named("moco"), "moco-bn", true));
  free(text);
}

/* Other views in every step, the script's; step from 1. */
static void fill_step(as_ssl *s, size_t step) {
  fill_views(s);
  for (size_t v = 0; v < as_ssl_views(s); v++) {
    const as_map m = as_ssl_view(s, v);
    const size_t row = (size_t)m.w * 3;
    for (size_t i = 0; i < (size_t)m.n; i++)
      for (size_t k = 0; k < (size_t)m.h * row; k++) {
        const size_t at = i * (size_t)m.h * row + k;
        as_map_at(&m, i, k / row, 0)[k % row] +=
            (float)(0.5 * sin((double)step + 0.37 * (double)(at * at % 9973)));
      }
  }
}

/* The whole update of every tensor after 20 steps of SGD, four epochs, to 1e-3 of its length, and 1e-7: a bias in front of
 * BatchNorm has no gradient, it only decays. The rate is small because a larger one would test nothing: rounding then
 * moves some ReLU across 0 early, and PyTorch in float32 differs from PyTorch in double as much. */
static void twenty_steps(as_test *t) {
  static const char *const methods[] = {"simclr", "byol", "dino", "dino-bn", "moco-v3"};
  size_t bytes, all, tensors = 0;
  char *text = (char *)as_test_read(as_test_golden("ssl_steps.tsv"), &bytes);
  float *want = (float *)(void *)as_test_read(as_test_golden("ssl_steps.f32"), &all), *next = want;
  CHECK(t, text && want);
  for (size_t k = 0; text && want && k < sizeof methods / sizeof *methods; k++) {
    const bool head_bn = strcmp(methods[k], "dino-bn") == 0;
    as_ssl *s =
        open_network(t, head_bn ? "dino" : methods[k], "resnet18:blocks=1-1,base=4,stem=3x3s2", 4, head_bn);
    if (!s) return;
    double loss = 0;
    s->lr.start = 0.003;
    fill_store(&s->student);
    if (s->teacher.value) as_store_copy(&s->teacher, &s->student);
    float *before = as_alloc(s->student.floats, sizeof(float), NULL);
    memcpy(before, s->student.value, s->student.floats * sizeof(float));
    for (size_t step = 0; step < 20; step++) {
      uint32_t image[BATCH];
      for (size_t i = 0; i < BATCH; i++) image[i] = image_at(i, step);
      fill_step(s, step + 1);
      as_ssl_step(s, image, &loss);
    }
    for (const char *line = text; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
      char method[16], tensor[64], value[32];
      if (sscanf(line, "%15s %63s %31s", method, tensor, value) != 3 || strcmp(method, methods[k]) != 0)
        continue;
      if (strcmp(tensor, "loss") == 0) {
        CHECK_NEAR(t, loss / strtod(value, NULL), 1.0, 1e-4);
        continue;
      }
      const size_t i = as_store_find(&s->student, tensor), n = strtoul(value, NULL, 10);
      CHECK(t, i < s->student.n && s->student.slot[i].n == n);
      if (i == s->student.n || (size_t)(next - want + (ptrdiff_t)n) * sizeof *want > all) break;
      const float *from = before + s->student.slot[i].at, *to = as_store_value(&s->student, i);
      double wrong = 0, norm = 0;
      for (size_t e = 0; e < n; e++, next++) {
        const double d = (double)to[e] - (double)from[e] - (double)*next;
        wrong += d * d, norm += (double)*next * (double)*next;
      }
      if (getenv("ASSAY_SHOW"))
        printf("# %s %s: %g of %g\n", methods[k], tensor, sqrt(wrong / norm), sqrt(norm));
      if (!(norm > 0 && sqrt(wrong) < 1e-3 * sqrt(norm) + 1e-7))
        as_test_fail(t, __FILE__, __LINE__, "%s %s: update off by %g of its length %g", methods[k], tensor,
                     sqrt(wrong / norm), sqrt(norm));
      tensors++;
    }
    as_free(before);
    as_ssl_destroy(&s);
  }
  CHECK_INT(t, (size_t)(next - want) * sizeof *want, all);
  CHECK(t, tensors > 50);
  free(text), free(want);
}

/* The second step moves a teacher by its momentum m: t = m t + (1 - m) s, s before the step (whose keys it makes) or after it.
 * MoCo and PCL keep m, the others raise it to 1 by a cosine over ten steps. */
static void teachers_follow(as_test *t) {
  size_t seen = 0;
  for (size_t k = 0; as_ssl_methods[k]; k++) {
    const char *name = as_ssl_methods[k]->name;
    const bool last = strcmp(name, "byol") == 0 || strcmp(name, "dino") == 0;
    const bool keeps = strcmp(name, "moco") == 0 || strcmp(name, "pcl") == 0;
    const double m = keeps ? 0.9 : 1 - 0.1 * (1 + cos(acos(-1.0) / 10)) / 2;
    as_ssl *s = open_method(t, name);
    (void)take_steps(s, 1);
    const size_t n = s->teacher.value ? s->teacher.floats : 0, n_student = s->student.floats;
    float *slow = as_alloc(n + 1, sizeof *slow, NULL), *quick = as_alloc(n_student, sizeof *quick, NULL);
    if (n) memcpy(slow, s->teacher.value, n * sizeof *slow);
    memcpy(quick, s->student.value, n_student * sizeof *quick);
    (void)take_steps(s, 1);
    for (size_t i = 0; n && i < s->teacher.n; i++) {
      const as_slot *q = &s->teacher.slot[i];
      const size_t from = as_store_find(&s->student, q->name);
      if (!q->trained || from == s->student.n) continue;
      const float *target = last ? as_store_value(&s->student, from) : quick + s->student.slot[from].at;
      double wrong = 0, far = 0;
      for (size_t e = 0; e < q->n; e++) {
        const double want = m * (double)slow[q->at + e] + (1 - m) * (double)target[e];
        wrong = fmax(wrong, fabs((double)as_store_value(&s->teacher, i)[e] - want));
        far = fmax(far, fabs((double)slow[q->at + e] - (double)target[e]));
      }
      if (!(wrong < 1e-6)) as_test_fail(t, __FILE__, __LINE__, "%s %s: off by %g", name, q->name, wrong);
      seen += far > 1e-4;
    }
    as_free(slow), as_free(quick);
    as_ssl_destroy(&s);
  }
  CHECK(t, seen > 60); /* tensors that had anything to follow */
}

/* Into the second epoch, at whose start some methods cluster. */
static void same_bits(as_test *t) {
  for (size_t k = 0; as_ssl_methods[k]; k++) {
    float *first = NULL;
    for (int threads = 1; threads <= 3; threads++) {
      as_par_set_threads(threads);
      as_ssl *s = open_method(t, as_ssl_methods[k]->name);
      (void)take_steps(s, 7);
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

/* Six steps, then the blocks go into a fresh method that takes the seventh. */
static void resume(as_test *t) {
  for (size_t k = 0; as_ssl_methods[k]; k++) {
    as_ssl *a = open_method(t, as_ssl_methods[k]->name), *b = open_method(t, as_ssl_methods[k]->name);
    as_ssl_block from[32], to[32];
    (void)take_steps(a, 6);
    const size_t n = as_ssl_blocks(a, from, 32);
    CHECK_INT(t, as_ssl_blocks(b, to, 32), n);
    for (size_t i = 0; i < n; i++) {
      CHECK_INT(t, to[i].bytes, from[i].bytes);
      memcpy(to[i].data, from[i].data, from[i].bytes);
    }
    const double la = take_steps(a, 1), lb = take_steps(b, 1);
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
  static const struct {
    const char *name;
    double value;
    const char *wanted;
  } odd[] = {{"temperature", -1, "SimCLR: temperature: found -1, wanted 0.0001 to 1000"},
             {"temperature", (double)NAN, "wanted 0.0001 to 1000"},
             {"lr", -0.1, "lr: found -0.1, wanted 0 to 1e+30"},
             {"warm-up", -1, "wanted 0 to 1e+09"},
             {"momentum", 1.5, "wanted 0 to 1"},
             {"optimizer", 4, "optimizer: found 4, wanted a whole number from 0 to 3"},
             {"width", 0.5, "wanted a whole number from 1 to 1e+06"},
             {"width", 1e300, "wanted a whole number from 1 to 1e+06"}};
  for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
    o.name[0] = odd[i].name, o.value[0] = odd[i].value;
    CHECK_STATUS(t, as_ssl_create(&s, &o, &err), AS_E_USAGE);
    if (!strstr(err.msg, odd[i].wanted)) as_test_fail(t, __FILE__, __LINE__, "%s", err.msg);
  }
  /* every parameter of every method has a range, and its default lies in it */
  for (size_t k = 0; as_ssl_methods[k]; k++) {
    const as_ssl_param *p;
    for (size_t i = 0; (p = as_ssl_param_at(as_ssl_methods[k], i)) != NULL; i++) {
      double least, most;
      bool whole;
      const bool good = as_ssl_range(p->name, &least, &most, &whole) && p->value >= least &&
                        p->value <= most && (!whole || p->value == floor(p->value));
      if (!good) as_test_fail(t, __FILE__, __LINE__, "%s: %s", as_ssl_methods[k]->name, p->name);
    }
  }
  o.n_values = 0, o.images = 7;
  CHECK_STATUS(t, as_ssl_create(&s, &o, &err), AS_E_USAGE);
  o.images = 40, o.epochs = 0;
  CHECK_STATUS(t, as_ssl_create(&s, &o, &err), AS_E_USAGE);
  o.method = as_ssl_method_named("pcl"), o.epochs = 2, o.batch = 8;
  o.name[0] = "clusters-2", o.value[0] = 41, o.n_values = 1;
  CHECK_STATUS(t, as_ssl_create(&s, &o, &err), AS_E_USAGE);
  CHECK(t, strstr(err.msg, "clusters-2: found 41, wanted 2..40") != NULL);
  int label[40] = {0};
  o.method = as_ssl_method_named("supervised"), o.n_values = 0;
  CHECK_STATUS(t, as_ssl_create(&s, &o, &err), AS_E_USAGE);
  CHECK(t, strstr(err.msg, "40 of 40 images without a class") != NULL);
  o.label = label, o.classes = 2, label[7] = -1, label[8] = 2;
  CHECK_STATUS(t, as_ssl_create(&s, &o, &err), AS_E_USAGE);
  CHECK(t, strstr(err.msg, "2 of 40 images without a class") != NULL);
  CHECK(t, as_ssl_method_named("simclear") == NULL);
}

/* A method's own default stands before the common one, and every parameter is listed once. */
static void defaults(as_test *t) {
  static const struct {
    const char *method;
    double lr;
  } wanted[] = {{"simclr", 6e-3}, {"vicreg", 2e-3}, {"supervised", 4e-3}, {"untrained", 2e-3}};
  for (size_t k = 0; k < sizeof wanted / sizeof *wanted; k++) {
    const as_ssl_method *m = as_ssl_method_named(wanted[k].method);
    const as_ssl_param *p, *q;
    int found = 0;
    for (size_t i = 0; (p = as_ssl_param_at(m, i)) != NULL; i++) {
      if (strcmp(p->name, "lr") == 0) {
        found++;
        CHECK(t, p->value == wanted[k].lr);
      }
      for (size_t j = 0; j < i && (q = as_ssl_param_at(m, j)) != NULL; j++)
        CHECK(t, strcmp(p->name, q->name) != 0);
    }
    CHECK(t, found == 1);
  }
  as_ssl *s = NULL;
  as_err err = {0};
  const as_ssl_opts o = {.method = as_ssl_method_named("simclr"),
                         .arch = "resnet18:blocks=1-1,base=4,stem=3x3s2",
                         .size = 16,
                         .batch = 8,
                         .images = 40,
                         .epochs = 1};
  CHECK_OK(t, as_ssl_create(&s, &o, &err), err);
  CHECK(t, as_ssl_rate(s) == 6e-3);
  as_ssl_destroy(&s);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"one step of each method against PyTorch", one_step},
                                  {"20 steps of SimCLR, BYOL, DINO, MoCo v3 against PyTorch", twenty_steps},
                                  {"teachers follow", teachers_follow},
                                  {"same bits for any threads", same_bits},
                                  {"a run goes on from its blocks", resume},
                                  {"what is refused", refusals},
                                  {"defaults", defaults}};
  as_err err = {0};
  if (as_init(&(as_init_opts){getenv("ASSAY_CPU"), 0, NULL}, &err) != AS_OK) return 4;
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
