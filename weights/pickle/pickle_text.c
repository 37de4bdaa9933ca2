/* The two text encodings of protocol 0: Lib/pickle.py, save_str under Python 2 (repr) and
 * raw-unicode-escape (Objects/unicodeobject.c). */
#include <string.h>

#include "tensor/base/text.h"
#include "weights/pickle/pickle_int.h"

static int hex_value(uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

static bool hex_run(const uint8_t *p, size_t left, size_t digits, uint32_t *out) {
  if (left < digits) return false;
  uint32_t v = 0;
  for (size_t i = 0; i < digits; i++) {
    int h = hex_value(p[i]);
    if (h < 0) return false;
    v = v << 4 | (uint32_t)h;
  }
  *out = v;
  return true;
}

const char *as_pk_unescape(const uint8_t *p, size_t n, uint8_t *out, size_t *written) {
  static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
  size_t k = 0;
  for (size_t i = 0; i < n; i++) {
    if (p[i] != '\\') {
      out[k++] = p[i];
      continue;
    }
    if (++i >= n) return "a string ends inside an escape";
    const char *at = p[i] ? strchr(from, p[i]) : NULL;
    uint32_t v = 0;
    if (at) {
      out[k++] = (uint8_t)to[at - from];
    } else if (p[i] == 'x' && hex_run(p + i + 1, n - i - 1, 2, &v)) {
      out[k++] = (uint8_t)v;
      i += 2;
    } else if (p[i] >= '0' && p[i] <= '7') {
      size_t stop = i + 3;
      for (; i < n && i < stop && p[i] >= '0' && p[i] <= '7'; i++) v = v * 8 + (uint32_t)(p[i] - '0');
      out[k++] = (uint8_t)v;
      i--;
    } else {
      return "a string holds an unknown escape";
    }
  }
  *written = k;
  return NULL;
}

const char *as_pk_unescape_unicode(const uint8_t *p, size_t n, uint8_t *out, size_t *written) {
  size_t k = 0;
  for (size_t i = 0; i < n; i++) {
    uint32_t v = p[i];
    if (p[i] == '\\' && i + 1 < n && (p[i + 1] == 'u' || p[i + 1] == 'U')) {
      size_t digits = p[i + 1] == 'u' ? 4 : 8;
      if (!hex_run(p + i + 2, n - i - 2, digits, &v) || v > 0x10ffff) return "a string holds a bad escape";
      i += 1 + digits;
    }
    k += as_put_utf8((char *)out + k, v);
  }
  *written = k;
  return NULL;
}
