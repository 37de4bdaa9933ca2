#define _POSIX_C_SOURCE 200809L
#include "eval/features/features.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "data/sets/loader.h"
#include "eval/features/rowlog.h"
#include "tensor/base/bytes.h"
#include "tensor/base/checked.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"

/* x is NULL for a failed row. */
static void take_row(as_features *f, size_t i, const float *x, const char *why) {
  float *row = f->x ? f->x + i * f->d : NULL;
  if (why) f->why[i] = as_strdup(why, NULL); /* without memory for the words the row is still what it is */
  if (x) {
    if (row) memcpy(row, x, f->d * sizeof *row);
    f->n_warned += why != NULL;
    return;
  }
  for (size_t k = 0; row && k < f->d; k++) row[k] = as_bits_f32(0x7fc00000u);
  f->failed[i] = 1;
  f->n_failed++;
}

static void found_row(void *ctx, size_t i, const float *x, const char *why) {
  take_row(ctx, i, x, why);
}

static bool all_finite(const float *x, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (!isfinite(x[i])) return false;
  return true;
}

static as_status run_batches(as_features *f, as_model *model, as_loader *loader, as_rowlog *log,
                             const as_features_opts *o, size_t done, float *buf, as_err *err) {
  time_t synced = time(NULL);
  as_batch b;
  for (;;) {
    as_watch_progress(o->watch, o->what ? o->what : "images", done, f->n);
    if (done == f->n) return AS_OK;
    if (as_watch_stop(o->watch))
      return as_fail(err, AS_E_STOPPED, "stopped after %zu of %zu images", done, f->n);
    as_status s = as_loader_next(loader, &b, err);
    if (s != AS_OK) return s;
    if (b.n == 0 || b.first != o->from + done)
      return as_fail(err, AS_E_ENV, "loader: found a batch of %d at image %zu, wanted image %zu of %zu", b.n,
                     b.first, o->from + done, o->from + f->n);
    /* The last batch of a shard reaches into the next one. */
    int m = (size_t)b.n > f->n - done ? (int)(f->n - done) : b.n;
    as_model_forward(model, b.images, m, buf);
    for (int i = 0; i < m; i++) {
      const float *x = buf + (size_t)i * f->d;
      const char *why = *b.why[i] ? b.why[i] : NULL;
      if (b.status[i] != AS_OK) {
        x = NULL;
        if (!why) why = "failed";
      } else if (!all_finite(x, f->d)) {
        x = NULL;
        why = "features are not finite";
      }
      take_row(f, done + (size_t)i, x, why);
      if (o->row && (s = o->row(o->row_ctx, x, err)) != AS_OK) return s;
      if (log) as_rowlog_put(log, x, why);
    }
    done += (size_t)m;
    if (log) {
      time_t now = time(NULL);
      int durable = now - synced >= 5 || done == f->n;
      if (durable) synced = now;
      if ((s = as_rowlog_flush(log, durable, err)) != AS_OK) return s;
    }
  }
}

int as_features_batch(int asked) {
  int64_t n = asked;
  if (asked <= 0) as_parse_i64(AS_BATCH_DEFAULT, 1, INT32_MAX, &n);
  return (int)n;
}

as_status as_features_run(as_features *out, as_model *model, const as_preset *preset, const as_dataset *ds,
                          const as_features_opts *opts, as_err *err) {
  int batch = as_features_batch(opts->batch);
  as_rowlog log = {0};
  as_loader *loader = NULL;
  float *buf = NULL;
  size_t numel = 0;
  memset(out, 0, sizeof *out);
  size_t n = opts->to ? opts->to - opts->from : as_dataset_count(ds), d = (size_t)as_model_embed_dim(model);
  if ((size_t)batch > n && n > 0) batch = (int)n;
  if (!as_mul_size(n, d, &numel)) return as_fail(err, AS_E_ENV, "%zu images x %zu features: too many", n, d);
  as_status s = as_model_plan(model, batch, err);
  if (s != AS_OK) return s;
  out->n = n;
  out->d = d;
  if (!opts->row) out->x = as_alloc(numel, sizeof *out->x, err);
  out->failed = as_calloc(n, 1, err);
  out->why = as_calloc(n, sizeof *out->why, err);
  buf = as_alloc((size_t)batch * d, sizeof *buf, err);
  if ((!out->x && !opts->row) || !out->failed || !out->why || !buf) s = AS_E_ENV;
  if (s == AS_OK && opts->log) s = as_rowlog_open(&log, opts->log, opts->key, d, n, found_row, out, err);
  out->n_replayed = log.next;
  if (s == AS_OK && log.next < n && opts->replay)
    s = as_fail(err, AS_E_INPUT,
                "%zu of %zu rows are there, wanted all: weights, images or plan have changed", log.next, n);
  if (s == AS_OK && log.next < n)
    s = as_loader_create(&loader, ds, preset, batch, opts->lenient, opts->from + log.next, err);
  if (s == AS_OK && loader)
    s = run_batches(out, model, loader, opts->log ? &log : NULL, opts, log.next, buf, err);
  as_loader_destroy(&loader);
  as_rowlog_close(&log);
  as_free(buf);
  if (s != AS_OK) as_features_clear(out);
  return s;
}

void as_features_clear(as_features *f) {
  for (size_t i = 0; f->why && i < f->n; i++) as_free(f->why[i]);
  as_free(f->why);
  as_free(f->x);
  as_free(f->failed);
  memset(f, 0, sizeof *f);
}

void as_features_sha256(const as_features *f, const size_t *rows, size_t n, char hex[65]) {
  as_sha256 sum;
  as_sha256_init(&sum);
  for (size_t i = 0; i < n; i++) as_sha256_update_f32(&sum, f->x + (rows ? rows[i] : i) * f->d, f->d);
  as_sha256_hex(&sum, hex);
}
