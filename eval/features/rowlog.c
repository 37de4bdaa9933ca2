#define _POSIX_C_SOURCE 200809L
#include "eval/features/rowlog.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tensor/base/bytes.h"
#include "tensor/base/file.h"
#include "tensor/base/hash/crc32.h"
#include "tensor/base/mem.h"

enum { HEADER = 13 + 64 + 1 + 4, HEAD = 12, TAIL = 4, MAX_WHY = 1023 };
enum { FEATURES, FAILED, REMARK }; /* kinds of records */
static const char magic[] = "assay.rows/2\n";

/* Whole, undamaged records from the start of the file; returns where the good part ends. */
static size_t replay(as_rowlog *log, const as_file *f, size_t n, as_rowlog_fn found, void *ctx, float *row) {
  as_reader r = {f->data, f->size, HEADER};
  while (log->next < n) {
    size_t start = r.pos;
    const uint8_t *head = as_rd_take(&r, HEAD);
    if (!head) return start;
    uint32_t kind = as_le32(head + 4), bytes = as_le32(head + 8);
    const size_t x_bytes = kind == FAILED ? 0 : 4 * log->d;
    bool sane = as_le32(head) == (uint32_t)log->next && kind <= REMARK && bytes >= x_bytes &&
                bytes - x_bytes <= (kind == FEATURES ? 0 : MAX_WHY);
    const uint8_t *body = sane ? as_rd_take(&r, bytes) : NULL;
    const uint8_t *tail = body ? as_rd_take(&r, TAIL) : NULL;
    if (!tail || as_le32(tail) != as_crc32(0, head, HEAD + bytes)) return start;
    char why[MAX_WHY + 1];
    memcpy(why, body + x_bytes, bytes - x_bytes);
    why[bytes - x_bytes] = 0;
    for (size_t i = 0; i < x_bytes / 4; i++) row[i] = as_bits_f32(as_le32(body + 4 * i));
    found(ctx, log->next, kind == FAILED ? NULL : row, kind == FEATURES ? NULL : why);
    log->next++;
  }
  return r.pos;
}

static void make_header(uint8_t header[HEADER], const char key[65], size_t d) {
  memcpy(header, magic, 13);
  memcpy(header + 13, key, 64);
  header[77] = '\n';
  as_put_le32(header + 78, (uint32_t)d);
}

as_status as_rowlog_read(const char *path, const char key[65], size_t d, size_t n, as_rowlog_fn found,
                         void *ctx, size_t *rows, as_err *err) {
  uint8_t header[HEADER];
  as_file f = {0};
  as_rowlog log = {.d = d};
  *rows = 0;
  as_status s = as_file_open(&f, path, err);
  if (s != AS_OK) return s;
  make_header(header, key, d);
  float *row = as_alloc(d ? d : 1, sizeof *row, err);
  if (!row) {
    s = AS_E_ENV;
  } else if (f.size < HEADER || memcmp(f.data, header, HEADER) != 0) {
    s = as_fail(err, AS_E_INPUT, "%s: found rows of something else, wanted key %.16s..., %zu features", path,
                key, d);
  } else {
    replay(&log, &f, n, found, ctx, row);
    *rows = log.next;
  }
  as_free(row);
  as_file_close(&f);
  return s;
}

as_status as_rowlog_open(as_rowlog *log, const char *path, const char key[65], size_t d, size_t n,
                         as_rowlog_fn found, void *ctx, as_err *err) {
  uint8_t header[HEADER];
  size_t keep = 0;
  memset(log, 0, sizeof *log);
  log->d = d;
  make_header(header, key, d);
  if (as_path_kind_of(path) == AS_PATH_FILE) {
    as_file f = {0};
    as_status s = as_file_open(&f, path, err);
    if (s != AS_OK) return s;
    if (f.size >= HEADER && memcmp(f.data, header, HEADER) == 0) {
      float *row = as_alloc(d ? d : 1, sizeof *row, err);
      if (!row) {
        as_file_close(&f);
        return AS_E_ENV;
      }
      keep = replay(log, &f, n, found, ctx, row);
      as_free(row);
    }
    as_file_close(&f);
  }
  log->f = fopen(path, keep ? "r+b" : "wb");
  if (!log->f) return as_fail(err, AS_E_ENV, "%s: %s", path, strerror(errno));
  if (keep) {
    if (ftruncate(fileno(log->f), (off_t)keep) != 0 || fseeko(log->f, 0, SEEK_END) != 0) {
      as_status s = as_fail(err, AS_E_ENV, "%s: %s", path, strerror(errno));
      as_rowlog_close(log);
      return s;
    }
    return AS_OK;
  }
  if (fwrite(header, 1, HEADER, log->f) != HEADER) log->error = errno ? errno : EIO;
  return as_rowlog_flush(log, 1, err);
}

void as_rowlog_put(as_rowlog *log, const float *x, const char *why) {
  const size_t x_bytes = x ? 4 * log->d : 0;
  size_t len = why ? strlen(why) : 0;
  uint8_t head[HEAD], word[4];
  if (len > MAX_WHY) len = MAX_WHY;
  as_put_le32(head, (uint32_t)log->next++);
  as_put_le32(head + 4, !x ? FAILED : why ? REMARK : FEATURES);
  as_put_le32(head + 8, (uint32_t)(x_bytes + len));
  uint32_t crc = as_crc32(0, head, HEAD);
  size_t wrote = fwrite(head, 1, HEAD, log->f);
  for (size_t i = 0; i < x_bytes / 4; i++) {
    as_put_le32(word, as_f32_bits(x[i]));
    crc = as_crc32(crc, word, 4);
    wrote += fwrite(word, 1, 4, log->f);
  }
  if (len) {
    crc = as_crc32(crc, why, len);
    wrote += fwrite(why, 1, len, log->f);
  }
  as_put_le32(word, crc);
  wrote += fwrite(word, 1, TAIL, log->f);
  if (wrote != HEAD + x_bytes + len + TAIL && !log->error) log->error = errno ? errno : EIO;
}

as_status as_rowlog_flush(as_rowlog *log, int durable, as_err *err) {
  if (fflush(log->f) != 0 && !log->error) log->error = errno;
  if (durable && fsync(fileno(log->f)) != 0 && !log->error && errno != EINVAL) log->error = errno;
  return log->error ? as_fail(err, AS_E_ENV, "log of computed rows: %s", strerror(log->error)) : AS_OK;
}

void as_rowlog_close(as_rowlog *log) {
  if (log->f) fclose(log->f);
  log->f = NULL;
}
