#include "eval/features/feature_file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/features/npy.h"
#include "tensor/base/bytes.h"
#include "tensor/base/checked.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"
#include "tensor/base/view.h"
#include "tensor/runtime.h"

static const char *suffix_of(const char *path) {
  return as_ends_with(path, ".npy") ? ".npy" : as_ends_with(path, ".safetensors") ? ".safetensors" : NULL;
}

/* The header of a safetensors file with this one tensor: u64 its length, then JSON, padded to 8 bytes. */
static void put_safetensors_header(as_feature_file *f, size_t bytes) {
  char text[256];
  uint8_t length[8];
  int n = snprintf(
      text, sizeof text,
      "{\"__metadata__\":{\"assay.profile\":\"%s\"},\"features\":{\"dtype\":\"%s\",\"shape\":[%zu,%zu],"
      "\"data_offsets\":[0,%zu]}}",
      as_profile_name(), f->half ? "F16" : "F32", f->n, f->d, bytes);
  while (n % 8 && (size_t)n + 1 < sizeof text) text[n++] = ' ';
  as_put_le64(length, (uint64_t)n);
  as_out_write(&f->out, length, sizeof length);
  as_out_write(&f->out, text, (size_t)n);
}

static void release(as_feature_file *f) {
  as_free(f->buf);
  as_free(f->wide);
  memset(f, 0, sizeof *f);
}

as_status as_feature_file_open(as_feature_file *f, const char *path, size_t n, size_t d, bool half,
                               as_err *err) {
  size_t numel, bytes;
  memset(f, 0, sizeof *f);
  const char *suffix = suffix_of(path);
  if (!suffix) return as_fail(err, AS_E_USAGE, "%s: wanted a name that ends in .npy or .safetensors", path);
  if (!as_mul_size(n, d, &numel) || !as_mul_size(numel, half ? 2 : 4, &bytes))
    return as_fail(err, AS_E_ENV, "%s: %zu rows of %zu features: too many", path, n, d);
  f->n = n;
  f->d = d;
  f->half = half;
  f->buf = as_alloc(d, half ? 2 : 4, err);
  f->wide = as_alloc(d, sizeof *f->wide, err);
  as_status s = f->buf && f->wide ? as_out_open(&f->out, path, err) : AS_E_ENV;
  if (s != AS_OK) {
    release(f);
    return s;
  }
  as_sha256_init(&f->sum);
  if (strcmp(suffix, ".npy") == 0) {
    const int64_t shape[2] = {(int64_t)n, (int64_t)d};
    char head[256];
    as_out_write(&f->out, head, as_npy_header(half ? AS_F16 : AS_F32, shape, 2, head));
  } else {
    put_safetensors_header(f, bytes);
  }
  return AS_OK;
}

as_status as_feature_file_row(void *file, const float *x, as_err *err) {
  as_feature_file *f = file;
  for (size_t j = 0; j < f->d; j++) {
    float v = x ? x[j] : as_bits_f32(0x7fc00000u);
    if (f->half) {
      uint16_t h = x ? as_f32_to_f16(v) : 0x7e00;
      if (x && !isfinite(as_f16_to_f32(h)))
        return as_fail(err, AS_E_INPUT, "row %zu: feature %zu is %g, which float16 cannot hold", f->rows, j,
                       (double)v);
      as_put_le16(f->buf + 2 * j, h);
      v = x ? as_f16_to_f32(h) : v;
    } else {
      as_put_le32(f->buf + 4 * j, as_f32_bits(v));
    }
    f->wide[j] = v;
  }
  as_sha256_update_f32(&f->sum, f->wide, f->d);
  as_out_write(&f->out, f->buf, f->d * (f->half ? 2 : 4));
  f->rows++;
  return f->out.error ? as_fail(err, AS_E_ENV, "%s: %s", f->out.path, strerror(f->out.error)) : AS_OK;
}

as_status as_feature_file_close(as_feature_file *f, char hex[65], as_err *err) {
  if (f->rows != f->n) {
    as_status s = as_fail(err, AS_E_ENV, "%s: found %zu rows, wanted %zu", f->out.path, f->rows, f->n);
    as_feature_file_abort(f);
    return s;
  }
  if (hex) as_sha256_hex(&f->sum, hex);
  as_status s = as_out_commit(&f->out, err);
  release(f);
  return s;
}

void as_feature_file_abort(as_feature_file *f) {
  if (f->buf) as_out_abort(&f->out);
  release(f);
}

as_status as_feature_file_tsv(const as_features *f, const as_dataset *ds, const char *path, as_err *err) {
  const char *suffix = suffix_of(path);
  if (!suffix) return as_fail(err, AS_E_USAGE, "%s: wanted a name that ends in .npy or .safetensors", path);
  char *stem = as_strndup(path, strlen(path) - strlen(suffix), err);
  as_str tsv = {0};
  if (!stem) return AS_E_ENV;
  as_str_printf(&tsv, "%s.tsv", stem);
  as_free(stem);
  as_out o;
  as_status s = as_str_status(&tsv, err);
  if (s == AS_OK && (s = as_out_open(&o, as_str_c(&tsv), err)) == AS_OK) {
    as_out_printf(&o, "row\tname\tlabel\tclass\tstatus%s\n", f->n_warned ? "\tremark" : "");
    for (size_t i = 0; i < f->n; i++) {
      as_item item = as_dataset_item(ds, i);
      as_out_printf(&o, "%zu\t%s\t", i, item.name);
      if (item.label >= 0) as_out_printf(&o, "%d", item.label);
      as_out_printf(&o, "\t%s", item.label >= 0 ? as_dataset_class_name(ds, (size_t)item.label) : "");
      const char *why = f->why[i] ? f->why[i] : "";
      as_out_printf(&o, "\t%s%s", f->failed[i] ? "failed: " : "ok", f->failed[i] ? why : "");
      if (f->n_warned) as_out_printf(&o, "\t%s", f->failed[i] ? "" : why);
      as_out_printf(&o, "\n");
    }
    s = as_out_commit(&o, err);
  }
  as_str_clear(&tsv);
  return s;
}
