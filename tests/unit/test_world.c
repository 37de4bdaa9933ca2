/* The image world: the same bytes everywhere, readable files, labels that fit the pictures. */
#include "data/world/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/image/image.h"
#include "data/sets/dataset.h"
#include "data/world/canvas.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/par.h"
#include "tests/harness.h"

/* Digest over a few pictures of every set and class. */
static void same_everywhere(as_test *t) {
  const as_world_opts o = {.seed = 7, .size = 48};
  uint8_t rgb[48 * 48 * 3];
  as_sha256 sum;
  as_err err;
  char hex[65];
  int labels[4], n;
  as_sha256_init(&sum);
  for (int set = 0; set < AS_WORLD_SETS; set++) {
    for (size_t c = 0; c < as_world_classes(); c++) {
      for (int i = 0; i < (set == AS_WORLD_CORRUPTED ? 20 : 3); i++) {
        CHECK_OK(t, as_world_draw(&o, (as_world_set)set, c, i, rgb, labels, &n, &err), err);
        as_sha256_update(&sum, rgb, sizeof rgb);
        for (int k = 0; k < n; k++) as_sha256_update(&sum, (uint8_t[]){(uint8_t)labels[k]}, 1);
      }
    }
  }
  as_sha256_hex(&sum, hex);
  /* of our own making: a change of any drawing changes it, and nothing else may */
  CHECK_STR(t, hex, "2fb8407c17c4c57677ecb8c4a6dde65967e92056beb321821a402399fd8b47a8");
}

static void primitives(as_test *t) {
  CHECK_INT(t, as_isin(256), 16384);
  CHECK_INT(t, as_isin(768), -16384);
  CHECK_INT(t, as_isin(-256), -16384);
  CHECK_INT(t, as_icos(0), 16384);
  for (int a = 0; a < 1024; a++) {
    double want = sin(a * 3.14159265358979 / 512) * 16384;
    if (fabs(as_isin(a) - want) > 0.002 * 16384)
      as_test_fail(t, __FILE__, __LINE__, "sin(%d) is %d", a, as_isin(a));
  }
  for (uint64_t v = 0; v < 70000; v += 7) {
    uint64_t r = as_isqrt(v);
    if (r * r > v || (r + 1) * (r + 1) <= v)
      as_test_fail(t, __FILE__, __LINE__, "isqrt(%d) is %d", (int)v, (int)r);
  }
  CHECK_INT(t, as_isqrt(UINT64_MAX), 4294967295u);
  as_color red = as_hsv(0, 255, 255), cyan = as_hsv(768, 255, 255), wrapped = as_hsv(-768, 255, 255);
  CHECK(t, red.r == 255 && red.g == 0 && red.b == 0);
  CHECK(t, cyan.r == 0 && cyan.g == 255 && cyan.b == 255 && wrapped.b == 255 && wrapped.r == 0);
}

/* A rectangle's coverage is exact in quarters, a full one is opaque, and nothing is drawn outside. */
static void coverage(as_test *t) {
  uint8_t rgb[16 * 16 * 3] = {0}, ink[16 * 16];
  as_canvas c = {16, rgb, ink};
  as_paint white = {.color = {255, 255, 255}, .alpha = 256};
  const as_point box[4] = {
      {4 * 256 + 128, 4 * 256}, {8 * 256, 4 * 256}, {8 * 256, 8 * 256}, {4 * 256 + 128, 8 * 256}};
  as_canvas_fill(&c, box, 4, &white);
  CHECK_INT(t, rgb[3 * (5 * 16 + 4)], 128);
  CHECK_INT(t, rgb[3 * (5 * 16 + 5)], 255);
  CHECK_INT(t, rgb[3 * (5 * 16 + 8)], 0);
  CHECK_INT(t, rgb[3 * (8 * 16 + 5)], 0);
  CHECK_INT(t, rgb[3 * (3 * 16 + 5)], 0);
  /* far outside on every side: no write, no crash */
  const as_point far_off[3] = {{-90000, -90000}, {900000, -50000}, {-50000, 900000}};
  as_canvas_fill(&c, far_off, 3, &white);
  as_canvas_stroke(&c, far_off, 3, 1, 5000, &white);
  CHECK_INT(t, rgb[0], 255);
}

static double distance(const uint8_t *a, const uint8_t *b, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
  return sqrt(sum / (double)n);
}

/* Each kind of damage leaves val's picture further behind with each severity, and acts as its name says. */
static void damage(as_test *t) {
  enum { BYTES = 48 * 48 * 3 };
  const as_world_opts o = {.seed = 7, .size = 48};
  uint8_t val[BYTES], got[BYTES], again[BYTES];
  double mean[20] = {0}, rough[20] = {0}, plain_rough = 0;
  int labels[4], n;
  as_err err = {0};
  for (size_t c = 0; c < as_world_classes(); c++) {
    for (int k = 0; k < 20; k++) {
      CHECK_OK(t, as_world_draw(&o, AS_WORLD_VAL, c, k, val, labels, &n, &err), err);
      CHECK_OK(t, as_world_draw(&o, AS_WORLD_CORRUPTED, c, k, got, labels, &n, &err), err);
      CHECK_OK(t, as_world_draw(&o, AS_WORLD_CORRUPTED, c, k, again, labels, &n, &err), err);
      CHECK(t, memcmp(got, again, BYTES) == 0);
      mean[k] += distance(val, got, BYTES);
      rough[k] += distance(got, got + 3, BYTES - 3);
      plain_rough += distance(val, val + 3, BYTES - 3) / 20;
    }
  }
  for (int k = 0; k < 4; k++)
    for (int s = 1; s < 5; s++)
      if (mean[4 * s + k] <= mean[4 * s - 4 + k])
        as_test_fail(t, __FILE__, __LINE__, "kind %d: %.1f at severity %d, %.1f at %d", k, mean[4 * s + k],
                     s + 1, mean[4 * s - 4 + k], s);
  for (int s = 0; s < 5; s++) {
    CHECK(t, rough[4 * s] > plain_rough);                                       /* noise */
    CHECK(t, rough[4 * s + 1] < plain_rough && rough[4 * s + 2] < plain_rough); /* blur, contrast */
  }
}

/* The conflict set: the shape's class decides the outline, the skin's the colours. */
static void conflict(as_test *t) {
  const as_world_opts o = {.seed = 7, .size = 48};
  uint8_t rgb[48 * 48 * 3];
  int labels[4], n, seen[64] = {0};
  as_err err = {0};
  for (int i = 0; i < 200; i++) {
    CHECK_OK(t, as_world_draw(&o, AS_WORLD_CONFLICT, 4, i, rgb, labels, &n, &err), err);
    CHECK_INT(t, n, 1);
    CHECK(t, labels[0] != 4 && labels[0] >= 0 && labels[0] < (int)as_world_classes());
    seen[labels[0]]++;
  }
  for (size_t c = 0; c < as_world_classes(); c++) CHECK(t, (seen[c] > 0) == (c != 4));
}

static void on_disk(as_test *t) {
  char dir[512], path[600], real[600], first[65] = "";
  as_err err;
  const as_world_opts o = {.seed = 3, .size = 40, .classes = 5, .per_class = {4, 40, 3, 3, -1, 20, 12}};
  for (int threads = 1; threads <= 3; threads += 2) {
    snprintf(dir, sizeof dir, "%s/w%d", as_test_tmp(), threads);
    as_par_set_threads(threads);
    CHECK_OK(t, as_world_write(dir, &o, &err), err);
    snprintf(path, sizeof path, "%s/val", dir);
    snprintf(real, sizeof real, "%s/real.json", dir);
    as_dataset *ds = NULL;
    CHECK_OK(t, as_dataset_open(&ds, &(as_dataset_opts){.path = path, .real = real}, &err), err);
    if (!ds) return;
    CHECK_INT(t, as_dataset_count(ds), 200);
    CHECK_INT(t, as_dataset_classes(ds), 5);
    CHECK_STR(t, as_dataset_class_name(ds, 4), as_world_class_name(4));
    CHECK_STR(t, as_dataset_item(ds, 0).name, "balloon/val_0001.jpg");
    int none = 0, several = 0, agree = 0, broken = 0;
    as_sha256 sum;
    char hex[65];
    as_sha256_init(&sum);
    for (size_t i = 0; i < as_dataset_count(ds); i++) {
      as_item item = as_dataset_item(ds, i);
      as_blob b;
      as_image im = {0};
      none += item.n_labels == 0;
      several += item.n_labels > 1;
      for (int k = 0; k < item.n_labels; k++) agree += item.labels[k] == item.label;
      if (as_dataset_read(ds, i, &b, &err) != AS_OK) {
        broken++;
        continue;
      }
      broken += as_image_decode(&im, b.p, b.n, 0, NULL, &err) != AS_OK || im.w != 40 || im.h != 40;
      as_sha256_update(&sum, b.p, b.n);
      as_image_clear(&im);
      as_dataset_release(&b);
    }
    as_sha256_hex(&sum, hex);
    CHECK_INT(t, broken, 0);
    /* about 3 % hidden, 25 % with a second thing, 3 % mislabelled: all must occur, none may dominate */
    CHECK(t, none >= 1 && none <= 20);
    CHECK(t, several >= 25 && several <= 80);
    CHECK(t, agree >= 170 && agree <= 198);
    if (first[0]) CHECK_STR(t, hex, first);
    memcpy(first, hex, sizeof first);
    as_dataset_close(&ds);
    snprintf(path, sizeof path, "%s/sketch", dir);
    CHECK_STATUS(t, as_dataset_open(&ds, &(as_dataset_opts){.path = path}, &err), AS_E_INPUT);
    snprintf(path, sizeof path, "%s/corrupted", dir);
    CHECK_OK(t, as_dataset_open(&ds, &(as_dataset_opts){.path = path}, &err), err);
    CHECK_INT(t, as_dataset_count(ds), 100);
    CHECK_INT(t, as_dataset_classes(ds), 5);
    CHECK_STR(t, as_dataset_item(ds, 0).name, "balloon/blur-1_0002.jpg");
    as_dataset_close(&ds);
    snprintf(path, sizeof path, "%s/conflict", dir);
    snprintf(real, sizeof real, "%s/texture.json", dir);
    CHECK_OK(t, as_dataset_open(&ds, &(as_dataset_opts){.path = path, .real = real}, &err), err);
    CHECK_INT(t, as_dataset_count(ds), 60);
    for (size_t i = 0; i < as_dataset_count(ds); i++) /* one skin each, of another class than the shape */
      CHECK(t, as_dataset_item(ds, i).n_labels == 1 &&
                   as_dataset_item(ds, i).labels[0] != as_dataset_item(ds, i).label);
    as_dataset_close(&ds);
  }
  as_par_set_threads(0);
  CHECK_STATUS(t, as_world_write(dir, &(as_world_opts){.size = 20}, &err), AS_E_USAGE);
  CHECK_STR(t, err.msg, "image size 20: wanted 32..512 pixels");
  CHECK_STATUS(t, as_world_write(dir, &(as_world_opts){.classes = 99}, &err), AS_E_USAGE);
  CHECK_STATUS(t, as_world_write(dir, &(as_world_opts){.per_class = {-2}}, &err), AS_E_USAGE);
  snprintf(path, sizeof path, "%s/classes.txt", dir);
  CHECK_STATUS(t, as_world_write(path, &(as_world_opts){.size = 32}, &err), AS_E_ENV);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"world: the same pictures everywhere", same_everywhere},
                                  {"world: integer sine, root, colours", primitives},
                                  {"world: coverage and clipping", coverage},
                                  {"world: twenty kinds of damage", damage},
                                  {"world: texture against shape", conflict},
                                  {"world: files, classes and ReaL labels", on_disk}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
