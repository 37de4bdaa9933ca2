/* What is no JPEG or PNG is refused by its name; large images go to the tensor row by row, in little memory. */
#define _DEFAULT_SOURCE
#include "data/image/image.h"

#include <math.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "data/image/preset.h"
#include "tensor/base/bytes.h"
#include "tensor/base/hash/crc32.h"
#include "tests/harness.h"

#define BYTES(s) (const uint8_t *)(s), sizeof(s) - 1

static void names(as_test *t) {
  static const struct {
    const uint8_t *p;
    size_t n;
    const char *word;
  } files[] = {
      {BYTES("GIF89a\1\0\1\0"), "a GIF image"},
      {BYTES("GIF87a"), "a GIF image"},
      {BYTES("BM\x46\0\0\0\0\0\0\0"), "a BMP image"},
      {BYTES("II*\0\x08\0\0\0"), "a TIFF image"},
      {BYTES("MM\0*\0\0\0\x08"), "a TIFF image"},
      {BYTES("II+\0\x08\0\0\0"), "a BigTIFF image"},
      {BYTES("RIFF\x24\0\0\0WEBPVP8 "), "a WebP image"},
      {BYTES("\0\0\0\x18"
             "ftypheic\0\0\0\0"),
       "a HEIC image"},
      {BYTES("\0\0\0\x18"
             "ftypheix\0\0\0\0"),
       "a HEIC image"},
      {BYTES("\0\0\0\x1c"
             "ftypavif\0\0\0\0"),
       "an AVIF image"},
      {BYTES("\0\0\0\x1c"
             "ftypmif1\0\0\0\0"),
       "HEIC or AVIF"},
      {BYTES("\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14"), "a JPEG 2000 image"},
      {BYTES("\xff\x4f\xff\x51\0\x2f"), "a JPEG 2000 image"},
      {BYTES("\0\0\0\x0cJXL \r\n\x87\n"), "a JPEG XL image"},
      {BYTES("\xff\x0a\xfa\x1f"), "a JPEG XL image"},
      {BYTES("8BPS\0\1"), "a Photoshop document"},
      {BYTES("<!DOCTYPE html><html>"), "HTML"},
      {BYTES("\r\n  <html>"), "HTML"},
      {BYTES("\xef\xbb\xbf<?xml"), "HTML"},
      {BYTES("{\"error\": 404}"), "JSON"},
      {BYTES("version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"},
      {BYTES("\x1f\x8b\x08\0"), "gzip"},
      {BYTES("PK\3\4\x14\0"), "a zip archive"},
      {BYTES("\x89PNG\n\x1a\n\0\0"), "text-mode"},
      {BYTES("\xff\xd8"), "ff d8"},
      {BYTES("\0\0\0\0\0\0\0\0"), "nothing but zeros"},
      {BYTES(""), "empty"},
  };
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    as_err err;
    as_image im;
    as_image_info info;
    for (int lenient = 0; lenient < 2; lenient++) {
      CHECK_STATUS(t, as_image_decode(&im, files[i].p, files[i].n, lenient, NULL, &err), AS_E_INPUT);
      if (!strstr(err.msg, files[i].word))
        as_test_fail(t, __FILE__, __LINE__, "%zu: wanted \"%s\": %s", i, files[i].word, err.msg);
    }
    CHECK_STATUS(t, as_image_probe(&info, files[i].p, files[i].n, &err), AS_E_INPUT);
    /* cut anywhere: still refused, never read past the end */
    for (size_t cut = 0; cut < files[i].n; cut++) {
      uint8_t *part = malloc(cut + 1);
      memcpy(part, files[i].p, cut);
      CHECK_STATUS(t, as_image_decode(&im, part, cut, 0, NULL, &err), AS_E_INPUT);
      free(part);
    }
  }
}

enum { SIDE = 8192, LIMIT_KB = 24 * 1024 };

/* A grey JPEG of SIDE x SIDE pixels whose blocks take two bits each: DC difference 0, end of block. */
static uint8_t *large_jpeg(size_t *n) {
  static const uint8_t head[] = {
      0xff, 0xd8, 0xff, 0xdb, 0, 67, 0, /* a quantisation table of 64 ones follows */
  };
  static const uint8_t rest[] = {
      0xff, 0xc0, 0, 11, 8,    SIDE >> 8, SIDE & 255, SIDE >> 8, SIDE & 255, 1, 1, 0x11, 0, /* frame */
      0xff, 0xc4, 0, 20, 0x00, 1,         0,          0,         0,          0, 0, 0,    0,
      0,    0,    0, 0,  0,    0,         0,          0,         0, /* DC codes */
      0xff, 0xc4, 0, 20, 0x10, 1,         0,          0,         0,          0, 0, 0,    0,
      0,    0,    0, 0,  0,    0,         0,          0,         0,             /* AC codes */
      0xff, 0xda, 0, 8,  1,    1,         0,          0,         63,         0, /* scan */
  };
  const size_t data = (size_t)(SIDE / 8) * (SIDE / 8) / 4;
  *n = sizeof head + 64 + sizeof rest + data + 2;
  uint8_t *p = calloc(*n, 1);
  memcpy(p, head, sizeof head);
  memset(p + sizeof head, 1, 64);
  memcpy(p + sizeof head + 64, rest, sizeof rest);
  p[*n - 2] = 0xff, p[*n - 1] = 0xd9;
  return p;
}

static uint8_t *put_chunk(uint8_t *p, const char *type, const uint8_t *body, size_t n) {
  as_put_be32(p, (uint32_t)n);
  memcpy(p + 4, type, 4);
  if (body != p + 8 && n) memcpy(p + 8, body, n);
  as_put_be32(p + 8 + n, as_crc32(0, p + 4, n + 4));
  return p + n + 12;
}

/* A black RGB PNG of SIDE x SIDE pixels: one literal 0, then matches of 258 zeros at distance 1 (13 bits each). */
static uint8_t *large_png(size_t *n) {
  static const uint8_t ihdr[13] = {0, 0, SIDE >> 8, SIDE & 255, 0, 0, SIDE >> 8, SIDE & 255, 8, 2, 0, 0, 0};
  const size_t raw = (size_t)SIDE * (SIDE * 3 + 1), matches = (raw - 1) / 258, single = (raw - 1) % 258;
  uint8_t *file = calloc(matches * 13 / 8 + single + 200, 1), *p = file;
  memcpy(p, "\x89PNG\r\n\x1a\n", 8);
  p = put_chunk(p + 8, "IHDR", ihdr, sizeof ihdr);
  uint8_t *z = p + 8;
  size_t bit = 16;
  z[0] = 0x78, z[1] = 0x01;
#define PUT(code, bits) \
  for (int k = (bits)-1; k >= 0; k--, bit++) z[bit / 8] |= (uint8_t)(((code) >> k & 1u) << bit % 8)
  PUT(6u, 3); /* the last block (1), fixed codes (01, low bit first) */
  for (size_t i = 0; i < single + 1; i++) {
    PUT(0x30u, 8);
  }
  for (size_t i = 0; i < matches; i++) {
    PUT(0xc5u << 5, 13);
  }
  PUT(0u, 7);
#undef PUT
  size_t size = (bit + 7) / 8;
  as_put_be32(z + size, (uint32_t)(raw % 65521) << 16 | 1);
  p = put_chunk(p, "IDAT", z, size + 4);
  p = put_chunk(p, "IEND", NULL, 0);
  *n = (size_t)(p - file);
  return file;
}

static long peak_kb(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return u.ru_maxrss;
}

static void large(as_test *t, uint8_t *file, size_t n, float want) {
  static const char *const presets[] = {"imagenet-bilinear,mean=0,std=1", "byol,mean=0,std=1"};
  float *out = calloc((size_t)224 * 224 * 3, sizeof *out);
  for (size_t i = 0; i < 2; i++) {
    as_err err;
    as_preset p;
    as_image_info info;
    CHECK_OK(t, as_preset_parse(&p, presets[i], &err), err);
    const long before = peak_kb();
    CHECK_OK(t, as_preset_load(&p, file, n, 0, out, &info, &err), err);
#if !defined(__SANITIZE_ADDRESS__)
    const long more = peak_kb() - before;
    if (more > LIMIT_KB) as_test_fail(t, __FILE__, __LINE__, "%s: %ld KB more at the peak", presets[i], more);
#else
    (void)before;
#endif
    CHECK_INT(t, info.w, SIDE);
    for (size_t k = 0; k < (size_t)224 * 224 * 3 && t->failures == 0; k++)
      CHECK(t, fabsf(out[k] - want) < 1e-6f);
  }
  free(out);
  free(file);
}

static void large_images(as_test *t) {
  size_t n;
  uint8_t *jpeg = large_jpeg(&n);
  large(t, jpeg, n, 128.0f / 255);
  uint8_t *png = large_png(&n);
  large(t, png, n, 0.0f);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {
      {"image: other formats are refused by name", names},
      {"image: 8192 x 8192 pixels in little memory", large_images},
  };
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
