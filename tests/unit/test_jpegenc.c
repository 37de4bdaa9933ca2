/* The JPEG writer: what it writes decodes to nearly the picture, and its bytes never change. */
#include "data/image/jpegenc.h"

#include <stdlib.h>

#include "data/image/image.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/mem.h"
#include "tests/harness.h"

static uint8_t *picture(int w, int h) {
  uint8_t *p = malloc((size_t)w * (size_t)h * 3);
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      uint8_t *q = p + (y * w + x) * 3;
      q[0] = (uint8_t)(x * 255 / w);
      q[1] = (uint8_t)(y * 255 / h);
      q[2] = (uint8_t)(x / 8 % 2 ? 180 : 60);
    }
  return p;
}

static void round_trip(as_test *t) {
  static const int sizes[][2] = {{64, 48}, {1, 1}, {17, 33}, {8, 9}, {100, 7}};
  for (size_t k = 0; k < 5; k++)
    for (int chroma = 0; chroma < 2; chroma++)
      for (int quality = 1; quality <= 100; quality += 33) {
        int w = sizes[k][0], h = sizes[k][1];
        uint8_t *in = picture(w, h), *file;
        size_t n;
        as_err err;
        as_image im;
        as_image_info info;
        CHECK_OK(t, as_jpeg_encode(&file, &n, in, w, h, quality, (as_jpeg_chroma)chroma, &err), err);
        CHECK_OK(t, as_image_decode(&im, file, n, 0, &info, &err), err);
        CHECK_STR(t, info.detail, chroma ? "baseline, 4:2:0, 3 components" : "baseline, 4:4:4, 3 components");
        CHECK_INT(t, im.w, w);
        CHECK_INT(t, im.h, h);
        double sum = 0;
        for (int i = 0; i < w * h * 3; i++) sum += abs(im.rgb[i] - in[i]);
        double mean = sum / (w * h * 3);
        double bound = quality == 100 ? (chroma ? 14 : 1) : quality >= 67 ? 16 : quality >= 34 ? 20 : 50;
        if (!(mean <= bound))
          as_test_fail(t, __FILE__, __LINE__, "%d x %d q %d chroma %d: mean error %g", w, h, quality, chroma,
                       mean);
        as_image_clear(&im);
        as_free(file);
        free(in);
      }
}

/* The demo's data set is named by the hash of its files: these bytes are part of the product. The
 * picture's sides are multiples of 16, where libjpeg-turbo 2.1.5 (by Pillow) writes the same bytes. */
static void stable(as_test *t) {
  static const struct {
    int quality, chroma;
    const char *hash;
  } want[] = {{90, 1, "6a395313af8690c484ea0195eb73f205ff1b9366b0a1fadbb6d3262e73cbb9d3"},
              {75, 0, "c1daf7bf34a911172f7730ecadf2f4444af95ef5f215590e1848023fb2db1d93"},
              {5, 1, "4f788b5431fc3ff5e1b6fb9c200f4d57673b23f8c011ac87ef53291ab563cbf4"}};
  uint8_t *in = picture(64, 48);
  for (size_t i = 0; i < 3; i++) {
    uint8_t *file;
    size_t n;
    as_err err;
    char got[65];
    CHECK_OK(t, as_jpeg_encode(&file, &n, in, 64, 48, want[i].quality, (as_jpeg_chroma)want[i].chroma, &err),
             err);
    as_sha256_of(file, n, got);
    CHECK_STR(t, got, want[i].hash);
    as_free(file);
  }
  free(in);
}

static void refusals(as_test *t) {
  uint8_t *file, px[3] = {1, 2, 3};
  size_t n;
  as_err err;
  CHECK_STATUS(t, as_jpeg_encode(&file, &n, px, 0, 1, 90, AS_JPEG_444, &err), AS_E_USAGE);
  CHECK_STATUS(t, as_jpeg_encode(&file, &n, px, 1, 70000, 90, AS_JPEG_444, &err), AS_E_USAGE);
  CHECK_STATUS(t, as_jpeg_encode(&file, &n, px, 1, 1, 0, AS_JPEG_444, &err), AS_E_USAGE);
  CHECK_STATUS(t, as_jpeg_encode(&file, &n, px, 1, 1, 101, AS_JPEG_444, &err), AS_E_USAGE);
  for (unsigned long k = 1; k < 3; k++) {
    as_mem_fail_after(k);
    CHECK_STATUS(t, as_jpeg_encode(&file, &n, px, 1, 1, 50, AS_JPEG_444, &err), AS_E_ENV);
    as_mem_fail_after(0);
  }
}

int main(int argc, char **argv) {
  static const as_case cases[] = {
      {"jpeg writer: round trip", round_trip},
      {"jpeg writer: the same bytes", stable},
      {"jpeg writer: refusals", refusals},
  };
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
