/* Builds small tar archives in memory for the tests of data/. */
#ifndef AS_TESTS_TARMAKE_H
#define AS_TESTS_TARMAKE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/base/status.h"

typedef struct tarmake {
  uint8_t *p;
  size_t n, cap;
} tarmake;

static inline void tarmake_put(tarmake *t, const void *p, size_t n) {
  if (t->n + n > t->cap) {
    t->cap = 2 * (t->n + n);
    t->p = realloc(t->p, t->cap);
    if (!t->p) abort();
  }
  if (p)
    memcpy(t->p + t->n, p, n);
  else
    memset(t->p + t->n, 0, n);
  t->n += n;
}

static inline void tarmake_pad(tarmake *t) {
  tarmake_put(t, NULL, (512 - t->n % 512) % 512);
}

static inline void tarmake_sum(uint8_t *h) {
  unsigned sum = 0;
  memset(h + 148, ' ', 8);
  for (int i = 0; i < 512; i++) sum += h[i];
  snprintf((char *)h + 148, 8, "%06o", sum & 0777777);
}

/* A header alone; size_field NULL: octal of size. magic: "ustar\0" "00" or GNU's "ustar  ". */
static inline uint8_t *tarmake_header(tarmake *t, const char *name, char type, size_t size,
                                      const char *magic8) {
  uint8_t h[512] = {0};
  size_t len = strlen(name);
  memcpy(h, name, len < 100 ? len : 100);
  memcpy(h + 100, "0000644", 7);
  snprintf((char *)h + 124, 12, "%011lo", (unsigned long)(size & 0xffffffff));
  h[156] = (uint8_t)type;
  memcpy(h + 257, magic8, 8);
  tarmake_sum(h);
  tarmake_put(t, h, sizeof h);
  return t->p + t->n - sizeof h;
}

static inline void tarmake_file(tarmake *t, const char *name, const void *p, size_t n) {
  tarmake_header(t, name, '0', n, "ustar\00000");
  tarmake_put(t, p, n);
  tarmake_pad(t);
}

static inline void tarmake_text(tarmake *t, const char *name, const char *text) {
  tarmake_file(t, name, text, strlen(text));
}

/* A link: '1' hard, '2' symbolic. */
static inline void tarmake_link(tarmake *t, const char *name, char type, const char *target) {
  uint8_t *h = tarmake_header(t, name, type, 0, "ustar\00000");
  memcpy(h + 157, target, strlen(target) < 100 ? strlen(target) : 100);
  tarmake_sum(h);
}

static inline void tarmake_end(tarmake *t) {
  tarmake_put(t, NULL, 1024);
}

/* An archive in memory as the source of an as_tar: an as_tar_fetch, ctx is a tarmake_memory. */
typedef struct tarmake_memory {
  const uint8_t *p;
  size_t n;
} tarmake_memory;

static inline as_status tarmake_fetch(void *ctx, uint64_t at, size_t n, uint8_t *out, size_t *got,
                                      as_err *err) {
  const tarmake_memory *m = ctx;
  (void)err;
  *got = at >= m->n ? 0 : m->n - (size_t)at < n ? m->n - (size_t)at : n;
  if (*got > 0) memcpy(out, m->p + at, *got);
  return AS_OK;
}

#endif
