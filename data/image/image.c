#include "data/image/image.h"

#include <string.h>

#include "data/image/jpeg.h"
#include "data/image/png.h"
#include "tensor/base/checked.h"
#include "tensor/base/mem.h"

enum { KIND_OTHER, KIND_JPEG, KIND_PNG };

static int sniff(const uint8_t *p, size_t n, as_err *err) {
  if (n >= 3 && p[0] == 0xff && p[1] == 0xd8 && p[2] == 0xff) return KIND_JPEG;
  if (n >= 8 && memcmp(p, "\x89PNG\r\n\x1a\n", 8) == 0) return KIND_PNG;
  if (n >= 4 && (p[0] & 0x7f) == 9 && p[1] == 'P' && p[2] == 'N' && p[3] == 'G')
    as_fail(
        err, AS_E_INPUT,
        "image: the PNG signature is damaged (89 50 4e 47 0d 0a 1a 0a wanted), as by a text-mode transfer");
  else if (n == 0)
    as_fail(err, AS_E_INPUT, "image: the file is empty");
  else if (n >= 2 && p[0] == 0x1f && p[1] == 0x8b)
    as_fail(err, AS_E_INPUT, "image: gzip data, JPEG or PNG wanted");
  else
    as_fail(err, AS_E_INPUT,
            "image: begins with bytes %02x %02x %02x %02x, JPEG (ff d8 ff) or PNG (89 50 4e 47) wanted", p[0],
            n > 1 ? p[1] : 0u, n > 2 ? p[2] : 0u, n > 3 ? p[3] : 0u);
  return KIND_OTHER;
}

static as_status decode_jpeg(as_image *out, const uint8_t *p, size_t n, int lenient, as_image_info *info,
                             as_err *err) {
  as_jpeg *j;
  as_status s = as_jpeg_open(&j, p, n, lenient, err);
  if (s != AS_OK) return s;
  as_image_info head;
  as_jpeg_info(j, &head);
  s = as_jpeg_decode(j, 0, 0, head.w, head.h, err);
  if (info) as_jpeg_info(j, info);
  if (s == AS_OK) {
    out->rgb = as_alloc((size_t)head.w * (size_t)head.h, 3, err);
    if (!out->rgb) s = AS_E_ENV;
  }
  if (s == AS_OK) {
    out->w = head.w;
    out->h = head.h;
    for (int y = 0; y < head.h; y++) as_jpeg_row(j, y, 3, out->rgb + (size_t)y * (size_t)head.w * 3);
  }
  as_jpeg_close(&j);
  return s;
}

as_status as_image_decode(as_image *out, const uint8_t *p, size_t n, int lenient, as_image_info *info,
                          as_err *err) {
  memset(out, 0, sizeof *out);
  if (info) memset(info, 0, sizeof *info);
  int kind = sniff(p, n, err);
  if (kind == KIND_JPEG) return decode_jpeg(out, p, n, lenient, info, err);
  if (kind == KIND_PNG) return as_png_decode(out, p, n, info, err);
  return AS_E_INPUT;
}

as_status as_image_probe(as_image_info *info, const uint8_t *p, size_t n, as_err *err) {
  memset(info, 0, sizeof *info);
  int kind = sniff(p, n, err);
  if (kind == KIND_PNG) return as_png_probe(info, p, n, err);
  if (kind != KIND_JPEG) return AS_E_INPUT;
  as_jpeg *j;
  as_status s = as_jpeg_open(&j, p, n, 1, err);
  if (s != AS_OK) return s;
  as_jpeg_info(j, info);
  as_jpeg_close(&j);
  return AS_OK;
}

void as_image_clear(as_image *im) {
  as_free(im->rgb);
  memset(im, 0, sizeof *im);
}
