#include "tensor/base/text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/base/checked.h"
#include "tensor/base/mem.h"

void as_str_clear(as_str *s) {
  as_free(s->s);
  memset(s, 0, sizeof *s);
}

enum { DRAIN_AT = 1 << 20 };

/* Hands on all up to the last line feed; a line that is longer than a MiB waits for its end. */
static void drain_lines(as_str *s) {
  size_t n = s->n;
  while (n > 0 && s->s[n - 1] != '\n') n--;
  s->full = n ? DRAIN_AT : 2 * s->n;
  if (n == 0) return;
  const char next = s->s[n];
  s->s[n] = '\0';
  s->drain(s->ctx, s->s, n);
  s->s[n] = next;
  memmove(s->s, s->s + n, s->n - n + 1);
  s->n -= n;
}

static bool drain_due(const as_str *s) {
  return s->drain && s->n >= (s->full ? s->full : DRAIN_AT);
}

static bool grow_text(as_str *s, size_t n) {
  size_t need;
  if (s->failed) return false;
  if (drain_due(s)) drain_lines(s);
  if (n < s->cap && s->n < s->cap - n) return true;
  if (!as_add_size(s->n, n, &need) || !as_add_size(need, 1, &need) ||
      as_grow(&s->s, &s->cap, need, 1, NULL) != AS_OK) {
    s->failed = true;
    return false;
  }
  return true;
}

/* Room for n more bytes and the NUL. Nearly always it is there, and then no call is made. */
static inline bool reserve(as_str *s, size_t n) {
  return (n < s->cap && s->n < s->cap - n && !s->failed && !drain_due(s)) || grow_text(s, n);
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
  if (!reserve(s, 1)) return;
  s->s[s->n++] = c;
  s->s[s->n] = '\0';
}
const char *as_str_c(const as_str *s) {
  return s->s ? s->s : "";
}

void as_str_vprintf(as_str *s, const char *fmt, va_list ap) {
  if (s->failed) return;
  if (drain_due(s)) drain_lines(s);
  va_list again;
  va_copy(again, ap);
  size_t spare = s->cap - s->n; /* usually enough, then it is formatted once */
  int n = vsnprintf(spare ? s->s + s->n : NULL, spare, fmt, ap);
  if (spare && (n < 0 || (size_t)n >= spare)) s->s[s->n] = '\0';
  if (n < 0) {
    s->failed = true;
  } else if ((size_t)n < spare) {
    s->n += (size_t)n;
  } else if (reserve(s, (size_t)n)) {
    vsnprintf(s->s + s->n, (size_t)n + 1, fmt, again);
    s->n += (size_t)n;
  }
  va_end(again);
}

void as_str_printf(as_str *s, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  as_str_vprintf(s, fmt, ap);
  va_end(ap);
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

/* How many slips lie between two names of at most 63 bytes: a letter too many, one missing, another, or two neighbours
 * that changed places (Damerau's distance, no letter touched twice). Longer names count as far. */
static size_t slips(const char *a, const char *b) {
  size_t n = strlen(a), m = strlen(b), rows[3][64], *before = rows[0], *above = rows[1], *row = rows[2];
  if (n > 63 || m > 63) return SIZE_MAX;
  for (size_t j = 0; j <= m; j++) row[j] = j;
  for (size_t i = 1; i <= n; i++) {
    size_t *oldest = before;
    before = above, above = row, row = oldest;
    row[0] = i;
    for (size_t j = 1; j <= m; j++) {
      size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);
      if (above[j] + 1 < best) best = above[j] + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped && before[j - 2] + 1 < best) best = before[j - 2] + 1;
      row[j] = best;
    }
  }
  return row[m];
}

const char *as_nearest(const char *s, const char *const *names, size_t n) {
  const char *best = NULL;
  size_t least = strlen(s) / 3 > 1 ? strlen(s) / 3 : 1;
  for (size_t i = 0; i < n; i++) {
    size_t d = slips(s, names[i]);
    if (d < least || (d == least && !best)) {
      least = d;
      best = names[i];
    }
  }
  return best;
}

const char *as_did_you_mean(char out[AS_MEAN_MAX], const char *s, const char *const *names, size_t n) {
  const char *near = as_nearest(s, names, n);
  out[0] = '\0';
  if (near) snprintf(out, AS_MEAN_MAX, "; did you mean '%s'?", near);
  return out;
}

bool as_starts_with(const char *s, const char *prefix) {
  return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool as_ends_with(const char *s, const char *suffix) {
  size_t n = strlen(s), m = strlen(suffix);
  return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool as_same_letters(const char *a, const char *b) {
  while (*a && lower(*a) == lower(*b)) a++, b++;
  return *a == *b;
}

/* Bytes of the UTF-8 character at p, of n that are left; 0 = none (overlong forms, surrogates, stray bytes). */
static size_t utf8_length(const unsigned char *p, size_t n) {
  unsigned c = p[0], more;
  uint32_t code, least;
  if (c < 0x80) return 1;
  if (c >= 0xc2 && c <= 0xdf)
    more = 1, code = c & 31u, least = 0x80;
  else if ((c & 0xf0) == 0xe0)
    more = 2, code = c & 15u, least = 0x800;
  else if (c >= 0xf0 && c <= 0xf4)
    more = 3, code = c & 7u, least = 0x10000;
  else
    return 0;
  if (more >= n) return 0;
  for (unsigned i = 1; i <= more; i++) {
    if ((p[i] & 0xc0) != 0x80) return 0;
    code = code << 6 | (p[i] & 63u);
  }
  return code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? 0 : more + 1;
}

size_t as_put_utf8(char *to, uint32_t c) {
  if (c < 0x80) {
    to[0] = (char)c;
    return 1;
  }
  static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
  const size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  for (size_t i = n - 1; i > 0; i--, c >>= 6) to[i] = (char)(0x80 | (c & 0x3f));
  to[0] = (char)(lead[n] | c);
  return n;
}

bool as_is_utf8(const char *s, size_t n) {
  for (size_t i = 0, k; i < n; i += k) {
    k = utf8_length((const unsigned char *)s + i, n - i);
    if (k == 0) return false;
  }
  return true;
}

/* ---- escapes ---------------------------------------------------------------------------------- */

static size_t bounded_length(const char *p, size_t most) {
  size_t n = 0;
  while (n < most && p[n]) n++;
  return n;
}

/* Bytes of the character at p that can be shown; 0: control characters (C0, DEL, and C1, which some terminals obey
 * in UTF-8 too) and what is no UTF-8. */
static size_t printable_length(const char *p) {
  const unsigned char *u = (const unsigned char *)p;
  if (u[0] < 0x20 || u[0] == 0x7f || (u[0] == 0xc2 && u[1] >= 0x80 && u[1] <= 0x9f)) return 0;
  return utf8_length(u, bounded_length(p, 4));
}

/* `plain`: characters that stay although they have an escape. */
static void put_safe(as_str *s, const char *text, const char *plain) {
  for (const char *p = text; *p;) {
    const char *run = p;
    for (size_t k; *p; p += k)
      if ((k = strchr(plain, *p) ? 1 : *p == '\\' ? 0 : printable_length(p)) == 0) break;
    as_str_putn(s, run, (size_t)(p - run));
    if (!*p) break;
    as_str_putc(s, '\\');
    if (*p == '\\') {
      as_str_putc(s, '\\');
    } else if (*p == '\t' || *p == '\n' || *p == '\r') {
      as_str_putc(s, *p == '\t' ? 't' : *p == '\n' ? 'n' : 'r');
    } else {
      as_str_printf(s, "x%02x", (unsigned)(unsigned char)*p);
    }
    p++;
  }
}

void as_str_put_escaped(as_str *s, const char *text) {
  put_safe(s, text, "");
}
void as_str_put_visible(as_str *s, const char *text) {
  put_safe(s, text, "\\\n\t");
}

static int hex_digit(char c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that the escape at p (a backslash) stands for, and its length; 0: no escape, or one of a NUL. */
static size_t read_escape(const char *p, char *byte) {
  switch (p[1]) {
    case '\\':
      *byte = '\\';
      return 2;
    case 't':
      *byte = '\t';
      return 2;
    case 'n':
      *byte = '\n';
      return 2;
    case 'r':
      *byte = '\r';
      return 2;
    case 'x':
      break;
    default:
      return 0;
  }
  int hi = hex_digit(p[2]), lo = hi < 0 ? -1 : hex_digit(p[3]);
  if (lo < 0 || hi + lo == 0) return 0;
  *byte = (char)(hi << 4 | lo);
  return 4;
}

bool as_unescape(char *text) {
  char byte, *to = text;
  for (const char *p = text; *p;) {
    size_t k = *p == '\\' ? read_escape(p, &byte) : 1;
    if (k == 0) return false;
    p += k;
  }
  for (const char *p = text; *p;) {
    size_t k = *p == '\\' ? read_escape(p, &byte) : 1;
    *to++ = k > 1 ? byte : *p;
    p += k;
  }
  *to = '\0';
  return true;
}

bool as_is_escaped(const char *text) {
  char byte;
  for (const char *p = text; *p;) {
    size_t k = *p == '\\' ? read_escape(p, &byte) : printable_length(p);
    if (k == 0) return false;
    p += k;
  }
  return true;
}
