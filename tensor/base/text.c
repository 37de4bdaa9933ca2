#include "tensor/base/text.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/base/checked.h"
#include "tensor/base/mem.h"

void as_str_clear(as_str *s) {
  as_free(s->s);
  memset(s, 0, sizeof *s);
}

/* Room for n more bytes and the NUL. */
static bool reserve(as_str *s, size_t n) {
  size_t need;
  if (s->failed) return false;
  if (!as_add_size(s->n, n, &need) || !as_add_size(need, 1, &need) ||
      as_grow(&s->s, &s->cap, need, 1, NULL) != AS_OK) {
    s->failed = true;
    return false;
  }
  return true;
}

void as_str_putn(as_str *s, const char *text, size_t n) {
  if (!reserve(s, n)) return;
  if (n) memcpy(s->s + s->n, text, n);
  s->n += n;
  s->s[s->n] = '\0';
}

void as_str_put(as_str *s, const char *text) {
  as_str_putn(s, text, strlen(text));
}
void as_str_putc(as_str *s, char c) {
  as_str_putn(s, &c, 1);
}
const char *as_str_c(const as_str *s) {
  return s->s ? s->s : "";
}

void as_str_printf(as_str *s, const char *fmt, ...) {
  va_list ap, again;
  va_start(ap, fmt);
  va_copy(again, ap);
  int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  if (n < 0)
    s->failed = true;
  else if (reserve(s, (size_t)n)) {
    vsnprintf(s->s + s->n, (size_t)n + 1, fmt, again);
    s->n += (size_t)n;
  }
  va_end(again);
}

as_status as_str_status(const as_str *s, as_err *err) {
  return s->failed ? as_fail(err, AS_E_ENV, "out of memory for text") : AS_OK;
}

bool as_parse_u64(const char *s, uint64_t *out) {
  uint64_t v = 0;
  if (!*s) return false;
  for (; *s; s++) {
    if (*s < '0' || *s > '9') return false;
    unsigned d = (unsigned)(*s - '0');
    if (v > (UINT64_MAX - d) / 10) return false;
    v = v * 10 + d;
  }
  *out = v;
  return true;
}

bool as_parse_i64(const char *s, int64_t min, int64_t max, int64_t *out) {
  bool neg = *s == '-';
  uint64_t u;
  if (!as_parse_u64(s + neg, &u) || u > (uint64_t)INT64_MAX + (neg ? 1u : 0u)) return false;
  int64_t v = !neg ? (int64_t)u : u == 0 ? 0 : -(int64_t)(u - 1) - 1;
  if (v < min || v > max) return false;
  *out = v;
  return true;
}

bool as_parse_f64(const char *s, double *out) {
  /* The grammar is checked here, because strtod also takes "inf", hex and leading blanks. The
   * library never calls setlocale, so strtod reads a point. */
  const char *p = s + (*s == '-' || *s == '+');
  int digits = 0;
  for (; *p >= '0' && *p <= '9'; p++) digits++;
  if (*p == '.')
    for (p++; *p >= '0' && *p <= '9'; p++) digits++;
  if (digits == 0) return false;
  if (*p == 'e' || *p == 'E') {
    p++;
    if (*p == '-' || *p == '+') p++;
    if (*p < '0' || *p > '9') return false;
    while (*p >= '0' && *p <= '9') p++;
  }
  if (*p) return false;
  double v = strtod(s, NULL);
  if (!isfinite(v)) return false;
  *out = v;
  return true;
}

void as_f64_text(double v, char buf[32]) {
  for (int digits = 1; digits <= 17; digits++) {
    snprintf(buf, 32, "%.*g", digits, v);
    if (strtod(buf, NULL) == v) return;
  }
}

/* Levenshtein distance of two names of at most 63 bytes; longer ones count as far. */
static size_t edit_distance(const char *a, const char *b) {
  size_t n = strlen(a), m = strlen(b), row[64];
  if (n > 63 || m > 63) return SIZE_MAX;
  for (size_t j = 0; j <= m; j++) row[j] = j;
  for (size_t i = 1; i <= n; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= m; j++) {
      size_t best = diagonal + (a[i - 1] != b[j - 1]);
      if (row[j] + 1 < best) best = row[j] + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      diagonal = row[j];
      row[j] = best;
    }
  }
  return row[m];
}

const char *as_nearest(const char *s, const char *const *names, size_t n) {
  const char *best = NULL;
  size_t least = strlen(s) / 3 > 1 ? strlen(s) / 3 : 1;
  for (size_t i = 0; i < n; i++) {
    size_t d = edit_distance(s, names[i]);
    if (d < least || (d == least && !best)) {
      least = d;
      best = names[i];
    }
  }
  return best;
}

bool as_starts_with(const char *s, const char *prefix) {
  return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool as_ends_with(const char *s, const char *suffix) {
  size_t n = strlen(s), m = strlen(suffix);
  return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

bool as_is_utf8(const char *s, size_t n) {
  const unsigned char *p = (const unsigned char *)s;
  for (size_t i = 0; i < n;) {
    unsigned c = p[i++], more = 0;
    uint32_t code = c, least = 0;
    if (c < 0x80) continue;
    if (c >= 0xc2 && c <= 0xdf)
      more = 1, code = c & 31u, least = 0x80;
    else if ((c & 0xf0) == 0xe0)
      more = 2, code = c & 15u, least = 0x800;
    else if (c >= 0xf0 && c <= 0xf4)
      more = 3, code = c & 7u, least = 0x10000;
    else
      return false;
    if (more > n - i) return false;
    for (; more; more--, i++) {
      if ((p[i] & 0xc0) != 0x80) return false;
      code = code << 6 | (p[i] & 63u);
    }
    if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
  }
  return true;
}
