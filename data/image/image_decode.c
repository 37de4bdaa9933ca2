/* Any image: which format it is, and its decoder behind one face. What is no JPEG or PNG is refused by name. */
#include "data/image/image.h"

#include <string.h>

#include "data/image/jpeg.h"
#include "data/image/png.h"
#include "tensor/base/mem.h"

typedef enum format { FORMAT_OTHER, FORMAT_JPEG, FORMAT_PNG } format;

/* What else is found under an image's name: bytes at an offset, and what they are. The first that fits is named, so
 * that longer signatures stand before shorter ones. */
static const struct {
  size_t at, n;
  const char *bytes, *name;
} others[] = {
    {0, 6, "GIF87a", "a GIF image"},
    {0, 6, "GIF89a", "a GIF image"},
    {8, 4, "WEBP", "a WebP image"},
    {4, 8, "ftypavif", "an AVIF image"},
    {4, 8, "ftypavis", "an AVIF image"},
    {4, 7, "ftyphei", "a HEIC image"},
    {4, 7, "ftyphev", "a HEIC image"},
    {4, 8, "ftypmif1", "a HEIF image (HEIC or AVIF)"},
    {4, 8, "ftypmsf1", "a HEIF image (HEIC or AVIF)"},
    {0, 12, "\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image"},
    {0, 4, "\xff\x4f\xff\x51", "a JPEG 2000 image"},
    {0, 12, "\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image"},
    {0, 2, "\xff\x0a", "a JPEG XL image"},
    {0, 4, "II*\0", "a TIFF image"},
    {0, 4, "MM\0*", "a TIFF image"},
    {0, 4, "II+\0", "a BigTIFF image"},
    {0, 4, "MM\0+", "a BigTIFF image"},
    {0, 4, "8BPS", "a Photoshop document"},
    {0, 4, "\x76\x2f\x31\x01", "an OpenEXR image"},
    {0, 4, "qoif", "a QOI image"},
    {0, 4, "\x8aMNG", "an MNG image"},
    {0, 4, "\x8bJNG", "a JNG image"},
    {0, 4, "\0\0\1\0", "a Windows icon"},
    {0, 2, "BM", "a BMP image"},
};
/* The same for what is no image at all. */
static const struct {
  size_t n;
  const char *bytes, *what;
} strangers[] = {
    {2, "\x1f\x8b", "gzip data"},
    {4, "PK\3\4", "a zip archive"},
    {6,
     "\xfd"
     "7zXZ\0",
     "xz data"},
    {4, "\x28\xb5\x2f\xfd", "zstd data"},
    {3, "BZh", "bzip2 data"},
    {4, "%PDF", "a PDF document"},
    {4, "RIFF", "a RIFF file (sound or video)"},
    {23, "version https://git-lfs", "a Git LFS pointer, not the file itself: run \"git lfs pull\""},
    {1, "<", "a text of HTML or XML (an error page of a download?)"},
    {1, "{", "a JSON text (an error message of a download?)"},
};

/* Past a byte-order mark and white space, before which texts may begin. */
static size_t text_begin(const uint8_t *p, size_t n) {
  size_t i = n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
  while (i < n && (p[i] == ' ' || (p[i] >= 9 && p[i] <= 13))) i++;
  return i;
}

static bool all_zero(const uint8_t *p, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (p[i]) return false;
  return true;
}

static format refuse(const uint8_t *p, size_t n, as_err *err) {
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (n >= others[i].at + others[i].n && memcmp(p + others[i].at, others[i].bytes, others[i].n) == 0) {
      as_fail(err, AS_E_INPUT,
              "image: found %s; JPEG and PNG are read. Convert it to PNG, which keeps every pixel",
              others[i].name);
      return FORMAT_OTHER;
    }
  const char *what = n == 0           ? "an empty file"
                     : all_zero(p, n) ? "nothing but zeros (an unfinished download?)"
                                      : NULL;
  const size_t skip = text_begin(p, n);
  for (size_t i = 0; !what && i < sizeof strangers / sizeof *strangers; i++)
    if (n - skip >= strangers[i].n && memcmp(p + skip, strangers[i].bytes, strangers[i].n) == 0)
      what = strangers[i].what;
  if (what)
    as_fail(err, AS_E_INPUT, "image: found %s, wanted JPEG or PNG", what);
  else
    as_fail(err, AS_E_INPUT,
            "image: begins with bytes %02x %02x %02x %02x, JPEG (ff d8 ff) or PNG (89 50 4e 47) wanted", p[0],
            n > 1 ? p[1] : 0u, n > 2 ? p[2] : 0u, n > 3 ? p[3] : 0u);
  return FORMAT_OTHER;
}

static format sniff(const uint8_t *p, size_t n, as_err *err) {
  if (n >= 3 && p[0] == 0xff && p[1] == 0xd8 && p[2] == 0xff) return FORMAT_JPEG;
  if (n >= 8 && memcmp(p, "\x89PNG\r\n\x1a\n", 8) == 0) return FORMAT_PNG;
  if (n < 4 || (p[0] & 0x7f) != 9 || memcmp(p + 1, "PNG", 3) != 0) return refuse(p, n, err);
  as_fail(err, AS_E_INPUT,
          "image: the PNG signature is damaged (89 50 4e 47 0d 0a 1a 0a wanted), as by a text-mode transfer");
  return FORMAT_OTHER;
}

struct as_image_rows {
  as_jpeg *jpeg; /* one of the two */
  as_png *png;
};

as_status as_image_rows_open(as_image_rows **out, const uint8_t *p, size_t n, int lenient,
                             as_image_info *info, as_err *err) {
  *out = NULL;
  memset(info, 0, sizeof *info);
  const format f = sniff(p, n, err);
  if (f == FORMAT_OTHER) return AS_E_INPUT;
  as_image_rows *r = as_calloc(1, sizeof *r, err);
  if (!r) return AS_E_ENV;
  as_status s = f == FORMAT_JPEG ? as_jpeg_open(&r->jpeg, p, n, lenient, err)
                                 : as_png_open(&r->png, p, n, lenient, err);
  if (s != AS_OK) {
    as_free(r);
    return s;
  }
  f == FORMAT_JPEG ? as_jpeg_info(r->jpeg, info) : as_png_info(r->png, info);
  *out = r;
  return AS_OK;
}

void as_image_rows_close(as_image_rows **rows) {
  if (!*rows) return;
  as_jpeg_close(&(*rows)->jpeg);
  as_png_close(&(*rows)->png);
  as_free(*rows);
  *rows = NULL;
}

as_status as_image_rows_window(as_image_rows *r, int x0, int y0, int x1, int y1, as_err *err) {
  return r->jpeg ? as_jpeg_window(r->jpeg, x0, y0, x1, y1, err) : as_png_window(r->png, x0, y0, x1, y1, err);
}

as_status as_image_rows_next(as_image_rows *r, int pixel, uint8_t *out, as_err *err) {
  return r->jpeg ? as_jpeg_row(r->jpeg, pixel, out, err) : as_png_row(r->png, pixel, out, err);
}

as_status as_image_rows_finish(as_image_rows *r, as_image_info *info, as_err *err) {
  as_status s = r->jpeg ? as_jpeg_finish(r->jpeg, err) : as_png_finish(r->png, err);
  if (info) r->jpeg ? as_jpeg_info(r->jpeg, info) : as_png_info(r->png, info);
  return s;
}

as_status as_image_decode(as_image *out, const uint8_t *p, size_t n, int lenient, as_image_info *info,
                          as_err *err) {
  as_image_rows *rows = NULL;
  as_image_info head;
  memset(out, 0, sizeof *out);
  as_status s = as_image_rows_open(&rows, p, n, lenient, &head, err);
  if (s == AS_OK) s = as_image_rows_window(rows, 0, 0, head.w, head.h, err);
  if (s == AS_OK) {
    *out = (as_image){as_alloc((size_t)head.w * (size_t)head.h, 3, err), head.w, head.h};
    if (!out->rgb) s = AS_E_ENV;
  }
  for (int y = 0; s == AS_OK && y < head.h; y++)
    s = as_image_rows_next(rows, 3, out->rgb + (size_t)y * (size_t)head.w * 3, err);
  if (s == AS_OK) s = as_image_rows_finish(rows, &head, err);
  if (s != AS_OK) as_image_clear(out);
  if (info) *info = head;
  as_image_rows_close(&rows);
  return s;
}

as_status as_image_probe(as_image_info *info, const uint8_t *p, size_t n, as_err *err) {
  as_image_rows *rows;
  as_status s = as_image_rows_open(&rows, p, n, 1, info, err);
  as_image_rows_close(&rows);
  return s;
}

void as_image_clear(as_image *im) {
  as_free(im->rgb);
  memset(im, 0, sizeof *im);
}
