/* The file, all numbers little-endian:
 *
 *   "assay.features/2\n", 64 hex digits of the key, "\n"
 *   u64 n, u64 d, u32 bytes per value (4 or 2), u32 rows of which there is something to say
 *   per such row, in order: u64 row, u32 length of the words, plus 2^31 where the row has not failed; the words
 *   [n, d] float32 or float16; failed rows are zero
 *   SHA-256 of all before, 32 bytes */
#include "eval/features/features_cache.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tensor/base/bytes.h"
#include "tensor/base/checked.h"
#include "tensor/base/file.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"
#include "tensor/base/view.h"

enum { MAGIC = 17, KEY = 64, HEADER = MAGIC + KEY + 1 + 24, SUM = 32, MAX_WHY = 4096, BUFFER = 4096 };
static const char magic[] = "assay.features/2\n";
#define FORGIVEN (1u << 31)

static char *path_of(const char *dir, const char key[65], as_err *err) {
  char name[80];
  snprintf(name, sizeof name, "%.64s.features", key);
  return as_path_join(dir, name, err);
}

/* --- reading ------------------------------------------------------------------------------------------- */

static bool read_words(as_features *f, as_reader *r, uint32_t rows) {
  for (uint32_t i = 0; i < rows; i++) {
    const uint8_t *head = as_rd_take(r, 12);
    uint64_t row = head ? as_le64(head) : 0;
    uint32_t len = head ? as_le32(head + 8) & ~FORGIVEN : 0;
    const uint8_t *why = head && len <= MAX_WHY ? as_rd_take(r, len) : NULL;
    if (!why || row >= f->n || f->failed[row] || f->why[row]) return false;
    f->failed[row] = !(as_le32(head + 8) & FORGIVEN);
    f->n_failed += f->failed[row];
    f->n_warned += !f->failed[row];
    f->why[row] = as_strndup((const char *)why, len, NULL);
  }
  return true;
}

static bool read_rows(as_features *f, as_reader *r, uint32_t bytes) {
  const uint8_t *p = as_rd_take(r, f->n * f->d * bytes);
  if (!p) return false;
  for (size_t i = 0; i < f->n; i++) {
    float *x = f->x + i * f->d;
    for (size_t j = 0; j < f->d; j++, p += bytes)
      x[j] = f->failed[i] ? as_bits_f32(0x7fc00000u)
             : bytes == 4 ? as_bits_f32(as_le32(p))
                          : as_f16_to_f32(as_le16(p));
  }
  return true;
}

static bool sum_fits(const as_file *file) {
  as_sha256 sum;
  uint8_t digest[SUM];
  as_sha256_init(&sum);
  as_sha256_update(&sum, file->data, file->size - SUM);
  as_sha256_final(&sum, digest);
  return memcmp(digest, file->data + file->size - SUM, SUM) == 0;
}

as_status as_features_cache_get(as_features *out, bool *found, const char *dir, const char key[65], size_t n,
                                size_t d, as_err *err) {
  as_file file = {0};
  size_t numel, bytes;
  memset(out, 0, sizeof *out);
  *found = false;
  char *path = path_of(dir, key, err);
  if (!path) return AS_E_ENV;
  bool there = as_path_kind_of(path) == AS_PATH_FILE && as_file_open(&file, path, NULL) == AS_OK;
  as_free(path);
  if (!there) return AS_OK;
  as_reader r = {file.data, file.size, 0};
  const uint8_t *head = file.size >= HEADER + SUM ? as_rd_take(&r, HEADER) : NULL;
  const uint8_t *num = head ? head + MAGIC + KEY + 1 : NULL;
  uint32_t width = num ? as_le32(num + 16) : 0;
  bool fits = head && memcmp(head, magic, MAGIC) == 0 && memcmp(head + MAGIC, key, KEY) == 0 &&
              as_le64(num) == n && as_le64(num + 8) == d && (width == 2 || width == 4) &&
              as_mul_size(n, d, &numel) && as_mul_size(numel, width, &bytes) && bytes <= file.size &&
              sum_fits(&file);
  as_status s = AS_OK;
  if (fits) {
    out->n = n;
    out->d = d;
    out->x = as_alloc(numel, sizeof *out->x, err);
    out->failed = as_calloc(n, 1, err);
    out->why = as_calloc(n, sizeof *out->why, err);
    if (!out->x || !out->failed || !out->why) s = AS_E_ENV;
    if (s == AS_OK)
      *found = read_words(out, &r, as_le32(num + 20)) && read_rows(out, &r, width) && as_rd_left(&r) == SUM;
  }
  as_file_close(&file);
  if (!*found) as_features_clear(out);
  return s;
}

/* --- writing ------------------------------------------------------------------------------------------- */

/* float16 holds every value of the good rows. */
static bool is_half(const as_features *f) {
  for (size_t i = 0; i < f->n; i++)
    for (size_t j = 0; !f->failed[i] && j < f->d; j++) {
      float v = f->x[i * f->d + j];
      if (as_f32_bits(as_f16_to_f32(as_f32_to_f16(v))) != as_f32_bits(v)) return false;
    }
  return true;
}

/* Into the file and the sum. */
typedef struct sink {
  as_out out;
  as_sha256 sum;
} sink;

static void put(sink *k, const void *p, size_t n) {
  if (n == 0) return;
  as_sha256_update(&k->sum, p, n);
  as_out_write(&k->out, p, n);
}

static void put_words(sink *k, const as_features *f) {
  for (size_t i = 0; i < f->n; i++) {
    uint8_t head[12];
    if (!f->failed[i] && !f->why[i]) continue;
    size_t len = f->why[i] ? strlen(f->why[i]) : 0;
    if (len > MAX_WHY) len = MAX_WHY;
    as_put_le64(head, i);
    as_put_le32(head + 8, (uint32_t)len | (f->failed[i] ? 0 : FORGIVEN));
    put(k, head, sizeof head);
    put(k, f->why[i], len);
  }
}

static void put_rows(sink *k, const as_features *f, uint32_t width) {
  uint8_t buf[BUFFER];
  size_t at = 0;
  for (size_t i = 0; i < f->n; i++)
    for (size_t j = 0; j < f->d; j++) {
      float v = f->failed[i] ? 0.0f : f->x[i * f->d + j];
      if (width == 4)
        as_put_le32(buf + at, as_f32_bits(v));
      else
        as_put_le16(buf + at, as_f32_to_f16(v));
      at += width;
      if (at + 4 > sizeof buf) {
        put(k, buf, at);
        at = 0;
      }
    }
  put(k, buf, at);
}

as_status as_features_cache_put(const as_features *f, const char *dir, const char key[65], as_err *err) {
  sink k;
  uint8_t num[24], digest[SUM];
  as_status s = as_make_dirs(dir, err);
  if (s != AS_OK) return s;
  char *path = path_of(dir, key, err);
  if (!path) return AS_E_ENV;
  s = as_out_open(&k.out, path, err);
  as_free(path);
  if (s != AS_OK) return s;
  uint32_t width = is_half(f) ? 2 : 4;
  as_sha256_init(&k.sum);
  put(&k, magic, MAGIC);
  put(&k, key, KEY);
  put(&k, "\n", 1);
  as_put_le64(num, f->n);
  as_put_le64(num + 8, f->d);
  as_put_le32(num + 16, width);
  as_put_le32(num + 20, (uint32_t)(f->n_failed + f->n_warned));
  put(&k, num, sizeof num);
  put_words(&k, f);
  put_rows(&k, f, width);
  as_sha256_final(&k.sum, digest);
  as_out_write(&k.out, digest, SUM);
  return as_out_commit(&k.out, err);
}

as_status as_features_halve(as_features *f, as_err *err) {
  for (size_t i = 0; i < f->n; i++)
    for (size_t j = 0; !f->failed[i] && j < f->d; j++) {
      float v = f->x[i * f->d + j], h = as_f16_to_f32(as_f32_to_f16(v));
      if (!isfinite(h))
        return as_fail(err, AS_E_INPUT, "row %zu: feature %zu is %g, which float16 cannot hold", i, j,
                       (double)v);
      f->x[i * f->d + j] = h;
    }
  return AS_OK;
}
