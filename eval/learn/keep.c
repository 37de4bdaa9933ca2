/* The file: "assay.fit/2\n", the key as 64 hex digits, "\n", the blocks as they lie in memory, and the CRC-32 of all that
 * as le32. The key is a SHA-256 over what is fitted and on which rows, and over how this machine writes numbers. */
#include "eval/learn/keep.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "tensor/base/bytes.h"
#include "tensor/base/clock.h"
#include "tensor/base/file.h"
#include "tensor/base/hash/crc32.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/log.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"

enum { HEAD = 12 + 64 + 1, TAIL = 4, DEEPEST = 4, CHUNK = 256 };
static const char magic[] = "assay.fit/2\n";

/* Writing may take a twentieth of the time, and happens at most every other second. */
static const double often = 2.0, share = 20.0;

struct as_keep {
  const char *path;
  const as_watch *watch;
  char key[65];
  struct {
    as_keep_fn *visit;
    void *ctx;
  } work[DEEPEST];
  int depth;
  as_out out;   /* while a state is written */
  as_file file; /* until a found state has been read to its end */
  bool reads;
  size_t at; /* in the file */
  uint32_t crc;
  double saved, cost; /* when the last one was written, in seconds; and how long that took */
  as_status status;   /* of the blocks */
  as_err why;         /* why the work was left */
};

as_status as_keep_create(as_keep **out, const char *path, const as_watch *watch, as_err *err) {
  as_keep *k = *out = as_calloc(1, sizeof *k, err);
  if (!k) return AS_E_ENV;
  k->path = path;
  k->watch = watch;
  return AS_OK;
}

void as_keep_destroy(as_keep **k, bool done) {
  if (*k) as_file_close(&(*k)->file);
  if (*k && done && (*k)->path) (void)remove((*k)->path);
  as_free(*k);
  *k = NULL;
}

/* --- the key ------------------------------------------------------------------------------------------------ */

typedef struct print_job {
  const as_labelled *rows;
  uint64_t *print; /* of every chunk of rows */
} print_job;

static void print_rows(void *ctx, size_t chunk, int worker) {
  (void)worker;
  const print_job *j = ctx;
  const as_labelled *r = j->rows;
  const size_t end = (chunk + 1) * CHUNK < r->n ? (chunk + 1) * CHUNK : r->n;
  uint64_t h[4] = {1, 2, 3, 4};
  for (size_t i = chunk * CHUNK; i < end; i++) {
    const float *x = r->x + i * r->d;
    if (r->y[i] < 0) continue;
    for (size_t c = 0; c < r->d; c++) {
      h[c % 4] = (h[c % 4] ^ as_f32_bits(x[c])) * 0x100000001b3u;
      h[c % 4] ^= h[c % 4] >> 29;
    }
  }
  j->print[chunk] = h[0];
  for (int i = 1; i < 4; i++) j->print[chunk] = (j->print[chunk] ^ h[i]) * 0x9e3779b97f4a7c15u;
}

static as_status make_key(as_keep *k, const as_labelled *rows, const char *how, as_err *err) {
  const size_t chunks = (rows->n + CHUNK - 1) / CHUNK;
  print_job j = {rows, as_alloc(chunks ? chunks : 1, sizeof *j.print, err)};
  if (!j.print) return AS_E_ENV;
  as_par_for(chunks, print_rows, &j);
  char size[128];
  const double pi = 3.14159;
  const int n =
      snprintf(size, sizeof size, "%zu %zu %zu %zu", sizeof(size_t), rows->n, rows->d, rows->classes);
  as_sha256 sum;
  as_sha256_init(&sum);
  as_sha256_update(&sum, how, strlen(how) + 1);
  as_sha256_update(&sum, size, (size_t)n);
  as_sha256_update(&sum, &pi, sizeof pi);
  as_sha256_update(&sum, rows->y, rows->n * sizeof *rows->y);
  as_sha256_update(&sum, j.print, chunks * sizeof *j.print);
  as_sha256_hex(&sum, k->key);
  as_free(j.print);
  return AS_OK;
}

static void put_head(const as_keep *k, uint8_t head[HEAD]) {
  memcpy(head, magic, 12);
  memcpy(head + 12, k->key, 64);
  head[HEAD - 1] = '\n';
}

as_status as_keep_begin(as_keep *k, const as_labelled *rows, const char *how, as_err *err) {
  uint8_t head[HEAD];
  if (!k || !k->path) return AS_OK;
  as_status s = make_key(k, rows, how, err);
  if (s != AS_OK) return s;
  k->saved = as_seconds();
  if (as_path_kind_of(k->path) != AS_PATH_FILE || as_file_open(&k->file, k->path, NULL) != AS_OK)
    return AS_OK;
  put_head(k, head);
  const as_file *f = &k->file;
  k->reads = f->size >= HEAD + TAIL && memcmp(f->data, head, HEAD) == 0 &&
             as_crc32(0, f->data, f->size - TAIL) == as_le32(f->data + f->size - TAIL);
  k->at = HEAD;
  if (k->reads)
    as_log_line(AS_LOG_INFO, "%s: goes on from there", k->path);
  else
    as_file_close(&k->file);
  return AS_OK;
}

/* --- blocks ------------------------------------------------------------------------------------------------- */

void as_keep_block(as_keep *k, void *p, size_t bytes) {
  if (!k->reads) {
    as_out_write(&k->out, p, bytes);
    k->crc = as_crc32(k->crc, p, bytes);
    return;
  }
  if (k->status == AS_OK && bytes > k->file.size - TAIL - k->at) k->status = AS_E_INPUT;
  if (k->status != AS_OK) {
    memset(p, 0, bytes);
    return;
  }
  memcpy(p, k->file.data + k->at, bytes);
  k->at += bytes;
}

bool as_keep_reads(const as_keep *k) {
  return k->reads;
}

void as_keep_fail(as_keep *k, as_status s) {
  if (k->status == AS_OK) k->status = s;
}

as_status as_keep_status(const as_keep *k) {
  return k->status;
}

/* --- work --------------------------------------------------------------------------------------------------- */

as_status as_keep_enter(as_keep *k, as_keep_fn *visit, void *ctx, bool *found, as_err *err) {
  *found = false;
  if (!k) return AS_OK;
  k->work[k->depth].visit = visit;
  k->work[k->depth++].ctx = ctx;
  if (!k->reads) return AS_OK;
  *found = true;
  visit(ctx, k);
  const bool ends = k->at == k->file.size - TAIL;
  if (ends || k->status != AS_OK) {
    k->reads = false;
    as_file_close(&k->file);
  }
  if (k->status == AS_OK) return AS_OK;
  as_keep_leave(k);
  return k->status == AS_E_ENV
             ? as_fail(err, AS_E_ENV, "%s: no memory for the state that is kept there", k->path)
             : as_fail(err, AS_E_INPUT, "%s: found no state of this fit; remove it to start anew", k->path);
}

void as_keep_leave(as_keep *k) {
  if (k) k->depth--;
}

static as_status save(as_keep *k) {
  uint8_t head[HEAD], tail[TAIL];
  const double start = as_seconds();
  as_status s = as_out_open(&k->out, k->path, &k->why);
  if (s != AS_OK) return s;
  put_head(k, head);
  as_out_write(&k->out, head, HEAD);
  k->crc = as_crc32(0, head, HEAD);
  for (int i = 0; i < k->depth; i++) k->work[i].visit(k->work[i].ctx, k);
  as_put_le32(tail, k->crc);
  as_out_write(&k->out, tail, TAIL);
  s = as_out_commit(&k->out, &k->why);
  k->saved = as_seconds();
  k->cost = k->saved - start;
  return s;
}

bool as_keep_pause(as_keep *k, const char *what, size_t done, size_t total) {
  if (!k) return false;
  as_watch_progress(k->watch, what, done, total);
  const bool stop = as_watch_stop(k->watch);
  if (!k->path) {
    if (stop) as_fail(&k->why, AS_E_STOPPED, "stopped; nothing was written");
    return stop;
  }
  const double least = share * k->cost > often ? share * k->cost : often;
  if (!stop && as_seconds() - k->saved < least) return false;
  if (save(k) != AS_OK) return true;
  if (stop)
    as_fail(&k->why, AS_E_STOPPED, "stopped; %s is kept, the same command goes on from there", k->path);
  return stop;
}

as_status as_keep_left(const as_keep *k, as_err *err) {
  if (err) *err = k->why;
  return k->why.status;
}
