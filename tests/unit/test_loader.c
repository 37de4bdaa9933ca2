/* Ordered batches: pixels, places of failed images, independence of batch and threads. */
#include "data/sets/loader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/image/jpegenc.h"
#include "tensor/base/hash/crc32.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tests/harness.h"
#include "tests/tarmake.h"

enum { IMAGES = 7, SIDE = 40, CROP = 32 };

/* A tar of seven JPEGs; number 2 is no image, number 4 is cut off. */
static const char *make_data(void) {
  static char path[512];
  tarmake a = {0};
  snprintf(path, sizeof path, "%s/loader.tar", as_test_tmp());
  for (int i = 0; i < IMAGES; i++) {
    uint8_t rgb[SIDE * SIDE * 3], *jpeg;
    size_t n;
    char name[32];
    for (int k = 0; k < SIDE * SIDE * 3; k++) rgb[k] = (uint8_t)(k * (i + 3) / 7 + (k % 3) * 40);
    if (as_jpeg_encode(&jpeg, &n, rgb, SIDE, SIDE, 90, AS_JPEG_444, NULL) != AS_OK) abort();
    snprintf(name, sizeof name, "%c/%d.jpg", i < 4 ? 'a' : 'b', i);
    if (i == 2) {
      tarmake_text(&a, name, "this is no image");
    } else {
      tarmake_file(&a, name, jpeg, i == 4 ? n / 2 : n);
    }
    as_free(jpeg);
  }
  tarmake_end(&a);
  FILE *f = fopen(path, "wb");
  if (!f || fwrite(a.p, 1, a.n, f) != a.n) abort();
  fclose(f);
  free(a.p);
  return path;
}

typedef struct outcome {
  char pixels[65];
  int batches, rows, failed;
  int forgiven;
  char why[256];
} outcome;

static outcome run(as_test *t, int batch, int lenient, int threads, size_t start) {
  outcome o = {.batches = 0};
  as_err err;
  as_dataset *ds = NULL;
  as_loader *l = NULL;
  as_preset p;
  as_sha256 sum;
  as_sha256_init(&sum);
  as_par_set_threads(threads);
  CHECK_OK(t, as_preset_parse(&p, "imagenet-bilinear,resize=36,crop=32", &err), err);
  CHECK_OK(t, as_dataset_open(&ds, &(as_dataset_opts){.path = make_data()}, &err), err);
  CHECK_OK(t, as_loader_create(&l, ds, &p, batch, lenient, start, &err), err);
  if (!l) return o;
  as_batch b;
  for (;;) {
    CHECK_OK(t, as_loader_next(l, &b, &err), err);
    if (b.n == 0) break;
    CHECK_INT(t, b.first, start + (size_t)o.rows);
    for (int i = 0; i < b.n; i++) {
      if (b.status[i] != AS_OK) {
        o.failed += 1 << (b.first + (size_t)i);
        if (!o.why[0]) snprintf(o.why, sizeof o.why, "%s", b.why[i]);
        for (int k = 0; k < CROP * CROP * 3; k++) CHECK(t, b.images[i * CROP * CROP * 3 + k] == 0);
      } else {
        if (!lenient) CHECK_STR(t, b.why[i], "");
        o.forgiven += *b.why[i] != 0;
      }
    }
    as_sha256_update_f32(&sum, b.images, (size_t)b.n * CROP * CROP * 3);
    o.rows += b.n;
    o.batches++;
  }
  as_sha256_hex(&sum, o.pixels);
  as_loader_destroy(&l);
  as_dataset_close(&ds);
  as_par_set_threads(0);
  return o;
}

static void batches(as_test *t) {
  outcome a = run(t, 3, 0, 1, 0), b = run(t, 100, 0, 3, 0), c = run(t, 1, 0, 2, 0);
  CHECK_INT(t, a.batches, 3);
  CHECK_INT(t, b.batches, 1);
  CHECK_INT(t, c.batches, 7);
  CHECK_INT(t, a.rows, IMAGES);
  CHECK_INT(t, a.failed, 1 << 2 | 1 << 4); /* in their places, and no others */
  CHECK_INT(t, a.forgiven, 0);
  CHECK(t, a.why[0] != '\0');
  CHECK_STR(t, b.pixels, a.pixels);
  CHECK_STR(t, c.pixels, a.pixels);
  outcome late = run(t, 3, 0, 2, 5), none = run(t, 3, 0, 2, IMAGES);
  CHECK_INT(t, late.rows, 2);
  CHECK_INT(t, late.failed, 0);
  CHECK_INT(t, none.rows, 0);
}

/* libjpeg shows the upper half of a cut-off file: --lenient takes it and counts the warning. */
static void lenient(as_test *t) {
  outcome strict = run(t, 4, 0, 2, 0), soft = run(t, 4, 1, 2, 0);
  CHECK_INT(t, soft.failed, 1 << 2);
  CHECK_INT(t, soft.forgiven, 1);
  CHECK(t, strcmp(soft.pixels, strict.pixels) != 0);
}

static void out_of_memory(as_test *t) {
  as_dataset *ds = NULL;
  as_loader *l;
  as_preset p;
  as_batch b;
  as_err err;
  CHECK_OK(t, as_preset_parse(&p, "imagenet-bilinear,resize=36,crop=32", &err), err);
  CHECK_OK(t, as_dataset_open(&ds, &(as_dataset_opts){.path = make_data()}, &err), err);
  if (!ds) return;
  as_par_set_threads(1);
  for (unsigned long k = 1; k < 9; k++) {
    as_mem_fail_after(k);
    as_status s = as_loader_create(&l, ds, &p, 2, 0, 0, &err);
    as_mem_fail_after(0);
    if (s == AS_OK) {
      as_loader_destroy(&l);
      break;
    }
    CHECK_INT(t, s, AS_E_ENV);
    CHECK(t, l == NULL);
  }
  CHECK_OK(t, as_loader_create(&l, ds, &p, 2, 0, 0, &err), err);
  as_mem_fail_after(1);
  CHECK_STATUS(t, as_loader_next(l, &b, &err), AS_E_ENV); /* no memory is no bad image */
  as_mem_fail_after(0);
  CHECK_INT(t, b.n, 0);
  as_loader_destroy(&l);
  as_dataset_close(&ds);
  as_par_set_threads(0);
}

/* A JPEG inside a gzip stream of stored blocks gives the pixels of the JPEG. */
static void gzipped(as_test *t) {
  static char path[512];
  tarmake a = {0};
  uint8_t rgb[SIDE * SIDE * 3], *jpeg, packed[8192];
  size_t n, m = 0;
  for (int k = 0; k < SIDE * SIDE * 3; k++) rgb[k] = (uint8_t)(k / 11);
  if (as_jpeg_encode(&jpeg, &n, rgb, SIDE, SIDE, 60, AS_JPEG_420, NULL) != AS_OK || n > 8000) abort();
  static const uint8_t head[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};
  memcpy(packed, head, 10);
  packed[10] = 1; /* one stored block, the last */
  packed[11] = (uint8_t)n;
  packed[12] = (uint8_t)(n >> 8);
  packed[13] = (uint8_t)~n;
  packed[14] = (uint8_t)(~n >> 8);
  memcpy(packed + 15, jpeg, n);
  uint32_t crc = as_crc32(0, jpeg, n);
  m = 15 + n;
  for (int k = 0; k < 4; k++) packed[m++] = (uint8_t)(crc >> 8 * k);
  for (int k = 0; k < 4; k++) packed[m++] = (uint8_t)(n >> 8 * k);
  tarmake_file(&a, "a/1.jpg", jpeg, n);
  tarmake_file(&a, "a/2.jpg", packed, m);
  tarmake_file(&a, "a/3.jpg", packed, m / 2);
  tarmake_end(&a);
  snprintf(path, sizeof path, "%s/gz.tar", as_test_tmp());
  FILE *f = fopen(path, "wb");
  if (!f || fwrite(a.p, 1, a.n, f) != a.n) abort();
  fclose(f);
  free(a.p);
  as_free(jpeg);
  as_dataset *ds = NULL;
  as_loader *l = NULL;
  as_preset p;
  as_batch b;
  as_err err;
  CHECK_OK(t, as_preset_parse(&p, "imagenet-bilinear,resize=36,crop=32", &err), err);
  CHECK_OK(t, as_dataset_open(&ds, &(as_dataset_opts){.path = path}, &err), err);
  CHECK_OK(t, as_loader_create(&l, ds, &p, 3, 0, 0, &err), err);
  if (!l) return;
  CHECK_OK(t, as_loader_next(l, &b, &err), err);
  CHECK_INT(t, b.n, 3);
  CHECK_INT(t, b.status[1], AS_OK);
  CHECK(t, memcmp(b.images, b.images + CROP * CROP * 3, sizeof(float) * CROP * CROP * 3) == 0);
  CHECK_INT(t, b.status[2], AS_E_INPUT);
  CHECK(t, strstr(b.why[2], "compressed data") != NULL);
  as_loader_destroy(&l);
  as_dataset_close(&ds);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"loader: batches in order, whatever batch and threads", batches},
                                  {"loader: lenient says which damage it forgave", lenient},
                                  {"loader: gzipped images", gzipped},
                                  {"loader: want of memory is an error of its own", out_of_memory}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
