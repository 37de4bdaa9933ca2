/* Presets: torchvision's tensors for generated pictures (tests/golden/make_presets.py), text, the byte path. */
#include "data/image/preset.h"

#include <stdio.h>
#include <stdlib.h>

#include "data/image/jpegenc.h"
#include "data/image/preset_tf.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/mem.h"
#include "tests/harness.h"

/* Must equal picture() of make_presets.py. */
static as_image picture(int w, int h) {
  uint8_t *p = malloc((size_t)w * (size_t)h * 3);
  for (uint32_t y = 0, i = 0; y < (uint32_t)h; y++)
    for (uint32_t x = 0; x < (uint32_t)w; x++)
      for (uint32_t c = 0; c < 3; c++)
        p[i++] = (uint8_t)(x * 7 + y * 13 + (x * y >> 3) + c * 50 +
                           ((x * 2654435761u + y * 40503u + c) >> 24) % 61);
  return (as_image){p, w, h};
}

static void hash_f32(const float *x, size_t n, char hex[65]) {
  as_sha256 s;
  as_sha256_init(&s);
  as_sha256_update_f32(&s, x, n);
  as_sha256_hex(&s, hex);
}

static void golden(as_test *t) {
  size_t n, count = 0;
  char *list = (char *)as_test_read(as_test_golden("presets.tsv"), &n);
  CHECK(t, list != NULL);
  if (!list) return;
  for (char *line = list, *end; (end = memchr(line, '\n', n - (size_t)(line - list))) != NULL;
       line = end + 1) {
    int w, h;
    char name[128], hash[80], got[65];
    *end = 0;
    if (sscanf(line, "tensor\t%d\t%d\t%127[^\t]\t%79s", &w, &h, name, hash) != 4) continue;
    as_err err;
    as_preset p;
    as_image im = picture(w, h);
    CHECK_OK(t, as_preset_parse(&p, name, &err), err);
    size_t m = (size_t)p.crop * (size_t)p.crop * 3;
    float *out = malloc(m * sizeof *out);
    CHECK_OK(t, as_preset_tensor(&p, &im, out, &err), err);
    hash_f32(out, m, got);
    if (strcmp(got, hash) != 0) as_test_fail(t, __FILE__, __LINE__, "%d x %d %s: %s", w, h, name, got);
    free(out);
    free(im.rgb);
    count++;
  }
  CHECK_INT(t, count, 60);
  free(list);
}

/* Bytes straight to the tensor = decode, then preset; for every preset, JPEG of both kinds. */
static void from_bytes(as_test *t) {
  static const int sizes[][2] = {{500, 333}, {200, 301}, {31, 90}, {640, 40}};
  for (size_t k = 0; k < 4; k++) {
    as_image im = picture(sizes[k][0], sizes[k][1]);
    uint8_t *jpeg;
    size_t n;
    as_err err;
    CHECK_OK(t, as_jpeg_encode(&jpeg, &n, im.rgb, im.w, im.h, 80, k % 2 ? AS_JPEG_444 : AS_JPEG_420, &err),
             err);
    free(im.rgb);
    CHECK_OK(t, as_image_decode(&im, jpeg, n, 0, NULL, &err), err);
    for (const char *const *name = as_preset_names(); *name; name++) {
      as_preset p;
      as_image_info info;
      CHECK_OK(t, as_preset_parse(&p, *name, &err), err);
      size_t m = (size_t)p.crop * (size_t)p.crop * 3;
      float *a = malloc(m * sizeof *a), *b = malloc(m * sizeof *b);
      CHECK_OK(t, as_preset_tensor(&p, &im, a, &err), err);
      CHECK_OK(t, as_preset_load(&p, jpeg, n, 0, b, &info, &err), err);
      CHECK_INT(t, info.w, im.w);
      if (memcmp(a, b, m * sizeof *a) != 0)
        as_test_fail(t, __FILE__, __LINE__, "%s on %d x %d differs", *name, im.w, im.h);
      CHECK_STATUS(t, as_preset_load(&p, jpeg, n - 2, 0, b, &info, &err), AS_E_INPUT);
      free(a);
      free(b);
    }
    as_image_clear(&im);
    as_free(jpeg);
  }
}

static void text(as_test *t) {
  char line[256], again[256];
  as_err err;
  as_preset p, q;
  size_t n = 0;
  for (const char *const *name = as_preset_names(); *name; name++, n++) {
    CHECK_OK(t, as_preset_parse(&p, *name, &err), err);
    CHECK_STR(t, p.name, *name);
    as_preset_text(&p, line, sizeof line);
    CHECK_OK(t, as_preset_parse(&q, line, &err), err);
    CHECK_STR(t, as_preset_text(&q, again, sizeof again), line);
    CHECK_STR(t, q.name, *name);
  }
  CHECK_INT(t, n, 10);
  CHECK_OK(t, as_preset_parse(&p, "swav", &err), err);
  CHECK_STR(t, as_preset_text(&p, line, sizeof line),
            "swav,resize=256,filter=bilinear,crop=224,mean=0.485:0.456:0.406,std=0.228:0.224:0.225");
  CHECK_OK(t, as_preset_parse(&p, "imagenet-bilinear,crop=96,resize=110", &err), err);
  CHECK_STR(t, as_preset_text(&p, line, sizeof line),
            "custom,resize=110,filter=bilinear,crop=96,mean=0.485:0.456:0.406,std=0.229:0.224:0.225");
  CHECK_OK(t, as_preset_parse(&q, line, &err), err);
  CHECK_INT(t, q.crop, 96);
  CHECK_OK(t, as_preset_parse(&p, "resize=64, crop=56, mean=0.5, std=0.25", &err), err);
  CHECK_NEAR(t, p.mean[2], 0.5, 0);
  CHECK_STATUS(t, as_preset_parse(&p, "imagenet-bilinaer", &err), AS_E_USAGE);
  CHECK(t, strstr(err.msg, "'imagenet-bilinear'") != NULL);
  static const char *const wrong[] = {"",
                                      "swav,crop=0",
                                      "swav,crop=x",
                                      "swav,std=0",
                                      "swav,mean=1:2",
                                      "swav,byol",
                                      "swav,speed=3",
                                      "swav,filter=nearest",
                                      "simclr,crop=300",
                                      "simclr,filter=box",
                                      "caffe,geometry=squash,resize=0"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    as_status s = as_preset_parse(&p, wrong[i], &err);
    if (s != AS_E_USAGE) as_test_fail(t, __FILE__, __LINE__, "'%s': status %d", wrong[i], (int)s);
  }
}

/* Values that can be worked out by hand. */
static void by_hand(as_test *t) {
  as_err err;
  as_preset p;
  uint8_t grey[9 * 9 * 3], out[12 * 12 * 3];
  float f[12 * 12 * 3];
  memset(grey, 200, sizeof grey);
  as_image im = {grey, 9, 9};
  /* padding: 12 - 9 = 3 zeros, one before and two after */
  CHECK_OK(t, as_preset_parse(&p, "resize=0,crop=12", &err), err);
  CHECK_OK(t, as_preset_pixels(&p, &im, out, &err), err);
  for (int i = 0; i < 12; i++) CHECK_INT(t, out[(5 * 12 + i) * 3], i >= 1 && i < 10 ? 200 : 0);
  for (int i = 0; i < 12; i++) CHECK_INT(t, out[(i * 12 + 5) * 3 + 2], i >= 1 && i < 10 ? 200 : 0);
  /* trim: what is cut never reaches the result */
  memset(grey, 10, 9 * 3);
  CHECK_OK(t, as_preset_parse(&p, "resize=12,crop=12,trim=1", &err), err);
  CHECK_OK(t, as_preset_pixels(&p, &im, out, &err), err);
  CHECK_INT(t, out[0], 200);
  CHECK_OK(t, as_preset_parse(&p, "resize=12,crop=12,trim=5", &err), err);
  CHECK_STATUS(t, as_preset_pixels(&p, &im, out, &err), AS_E_INPUT);
  /* normalisation */
  memset(out, 51, sizeof out);
  CHECK_OK(t, as_preset_parse(&p, "resize=12,crop=12,mean=0.1,std=0.5", &err), err);
  as_preset_normalize(&p, out, f);
  CHECK_NEAR(t, f[5], (51.0f / 255.0f - 0.1f) / 0.5f, 0);
  CHECK_OK(t, as_preset_parse(&p, "caffe,crop=12", &err), err);
  as_preset_normalize(&p, out, f);
  CHECK_NEAR(t, f[4], 51.0f - 116.779f, 0);
  /* TensorFlow's resizes: a constant image stays constant, and outside taps do not leak in */
  memset(grey, 200, sizeof grey);
  for (int g = 0; g < 2; g++) {
    CHECK_OK(t, as_preset_parse(&p, g ? "byol,resize=12,crop=12" : "simclr,resize=12,crop=12", &err), err);
    CHECK_OK(t, as_preset_tensor(&p, &im, f, &err), err);
    for (int i = 0; i < 12 * 12; i++) CHECK_NEAR(t, f[i * 3] * p.std[0] + p.mean[0], 200.0 / 255, 1e-6);
  }
  CHECK_STATUS(t, as_preset_pixels(&p, &im, out, &err), AS_E_USAGE);
}

/* The largest difference of the resized grey picture from published values. */
static double tf_error(as_test *t, const uint8_t *grey, int w, int h, int half_pixel, const float *want,
                       int ow, int oh) {
  uint8_t rgb[6 * 6 * 3];
  float got[8 * 8 * 3];
  as_err err;
  double worst = 0;
  for (int i = 0; i < w * h * 3; i++) rgb[i] = grey[i / 3];
  as_image im = {rgb, w, h};
  as_pixel_source src = {.im = &im, .w = w};
  const as_tf_plan plan = {w, h, ow, oh, half_pixel, 1.0f};
  CHECK_OK(t, as_tf_resize(&plan, as_pixel_source_next, &src, got, &err), err);
  for (int i = 0; i < ow * oh * 3; i++) {
    double d = fabs((double)got[i] - (double)want[i / 3]);
    if (d > worst) worst = d;
  }
  return worst;
}

/* What TensorFlow's own tests expect (tensorflow/python/ops/image_ops_test.py): testResizeUpBicubic of the legacy op,
 * rounded to integers there, and the BICUBIC row of testResizeUp with half-pixel centres, to 4 decimals. */
static void tensorflow(as_test *t) {
  static const uint8_t legacy[36] = {128, 128, 64,  64,  128, 128, 64,  64,  64, 64, 128, 128,
                                     64,  64,  128, 128, 50,  50,  100, 100, 50, 50, 100, 100,
                                     50,  50,  100, 100, 50,  50,  100, 100, 50, 50, 100, 100};
  static const float legacy_want[64] = {
      128, 135, 96, 55, 64, 114, 134, 128, 78, 81, 68,  52,  57,  118, 144, 136, 55,  49,  79,  109, 103, 89,
      83,  84,  74, 70, 95, 122, 115, 69,  49, 55, 100, 105, 75,  43,  50,  89,  105, 100, 57,  54,  74,  96,
      91,  65,  55, 58, 70, 69,  75,  81,  80, 72, 69,  70,  105, 112, 75,  36,  45,  92,  111, 105};
  static const uint8_t modern[6] = {64, 32, 32, 64, 50, 100};
  static const float modern_want[24] = {70.1453f, 59.0252f, 36.9748f, 25.8547f, 59.3195f, 53.3386f,
                                        41.4789f, 35.4981f, 36.383f,  41.285f,  51.0051f, 55.9071f,
                                        30.2232f, 42.151f,  65.8032f, 77.731f,  41.6492f, 55.823f,
                                        83.9288f, 98.1026f, 47.0363f, 62.2744f, 92.4903f, 107.7284f};
  CHECK(t, tf_error(t, legacy, 6, 6, 0, legacy_want, 8, 8) <= 0.5001);
  CHECK(t, tf_error(t, modern, 2, 3, 1, modern_want, 4, 6) < 1e-4);
  /* and the two are not each other */
  CHECK(t, tf_error(t, legacy, 6, 6, 1, legacy_want, 8, 8) > 5);
  CHECK(t, tf_error(t, modern, 2, 3, 0, modern_want, 4, 6) > 5);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {
      {"preset: tensors as torchvision's", golden},
      {"preset: bytes to tensor = decode, then preset", from_bytes},
      {"preset: names and text", text},
      {"preset: worked out by hand", by_hand},
      {"preset: TensorFlow's own test vectors", tensorflow},
  };
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
