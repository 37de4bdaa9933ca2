#include "tensor/base/lines.h"

#include <string.h>

#include "tensor/base/bytes.h"
#include "tensor/base/checked.h"
#include "tensor/base/disk.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"

enum { LIST_MAX = 1 << 28 };

/* UTF-16 behind its mark. Every unit becomes at most three bytes, a pair of surrogates four. */
static as_status from_utf16(char *to, size_t *n_out, const uint8_t *p, size_t n, bool big, const char *name,
                            as_err *err) {
  size_t at = 0;
  if (n % 2) return as_fail(err, AS_E_INPUT, "%s: found half a character at the end of UTF-16 text", name);
  for (size_t i = 0; i < n; i += 2) {
    uint32_t c = big ? (uint32_t)p[i] << 8 | p[i + 1] : as_le16(p + i);
    if (c >= 0xd800 && c <= 0xdfff) {
      uint32_t low = i + 4 > n ? 0 : big ? (uint32_t)p[i + 2] << 8 | p[i + 3] : as_le16(p + i + 2);
      if (c > 0xdbff || low < 0xdc00 || low > 0xdfff)
        return as_fail(err, AS_E_INPUT, "%s: byte %zu: found half a surrogate pair in UTF-16 text", name,
                       i + 2);
      c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
      i += 2;
    }
    at += as_put_utf8(to + at, c);
  }
  *n_out = at;
  return AS_OK;
}

/* "\r\n" to "\n"; a file without any "\n" has old Macintosh lines, which end in "\r". */
static size_t unify_line_ends(char *s, size_t n) {
  bool has_lf = memchr(s, '\n', n) != NULL;
  size_t at = 0;
  for (size_t i = 0; i < n; i++) {
    if (s[i] == '\r' && has_lf && i + 1 < n && s[i + 1] == '\n') continue;
    s[at++] = s[i] == '\r' && !has_lf ? '\n' : s[i];
  }
  return at;
}

as_status as_text_decode(char **out, size_t *out_n, const void *bytes, size_t n, const char *name,
                         as_err *err) {
  const uint8_t *p = bytes;
  bool little = n >= 2 && p[0] == 0xff && p[1] == 0xfe, big = n >= 2 && p[0] == 0xfe && p[1] == 0xff;
  size_t room, used = 0;
  *out = NULL;
  *out_n = 0;
  if (little && n >= 4 && p[2] == 0 && p[3] == 0)
    return as_fail(err, AS_E_INPUT, "%s: found UTF-32 text, wanted UTF-8 or UTF-16", name);
  if (!as_mul_size(n, 2, &room) || !as_add_size(room, 1, &room))
    return as_fail(err, AS_E_ENV, "%s: too large", name);
  char *s = as_alloc(little || big ? room : n + 1, 1, err);
  as_status st = AS_OK;
  if (!s) return AS_E_ENV;
  if (little || big) {
    st = from_utf16(s, &used, p + 2, n - 2, big, name, err);
  } else {
    size_t mark = n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    used = n - mark;
    if (used > 0) memcpy(s, p + mark, used);
  }
  const char *zero = st == AS_OK ? memchr(s, 0, used) : NULL;
  if (zero) {
    bool half = (zero - s) < 2 && used >= 4; /* every other byte of Western text in UTF-16 is zero */
    st = as_fail(err, AS_E_INPUT, "%s: byte %zu: found a zero byte%s, wanted text", name, (size_t)(zero - s),
                 half ? " (UTF-16 without a byte order mark?)" : "");
  }
  if (st != AS_OK) {
    as_free(s);
    return st;
  }
  used = unify_line_ends(s, used);
  s[used] = '\0';
  *out = s;
  *out_n = used;
  return AS_OK;
}

as_status as_text_load(char **out, size_t *out_n, const char *path, uint64_t most, as_err *err) {
  uint8_t *p;
  size_t n;
  *out = NULL;
  *out_n = 0;
  as_status s = as_disk_load(path, most, &p, &n, err);
  if (s != AS_OK) return s;
  s = as_text_decode(out, out_n, p, n, path, err);
  as_free(p);
  return s;
}

static as_status add_line(as_lines *l, char *line, size_t number, as_err *err) {
  void *p = l->line, *q = l->number;
  as_status s = as_grow(&p, &l->cap, l->n + 1, sizeof *l->line, err);
  l->line = p;
  if (s == AS_OK) s = as_grow(&q, &l->number_cap, l->n + 1, sizeof *l->number, err);
  l->number = q;
  if (s != AS_OK) return s;
  l->line[l->n] = line;
  l->number[l->n++] = number;
  return AS_OK;
}

as_status as_lines_take(as_lines *l, char *text, bool names, as_err *err) {
  size_t number = 0;
  as_status s = AS_OK;
  memset(l, 0, sizeof *l);
  l->text = text;
  for (char *p = text; s == AS_OK && *p;) {
    char *end = strchr(p, '\n'), *next = end ? end + 1 : p + strlen(p);
    if (!end) end = next;
    number++;
    while (end > p && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r')) end--;
    *end = '\0';
    bool comment = *p == '#' && (!names || p[1] == '\0' || p[1] == ' ' || p[1] == '\t');
    if (end > p && !comment) s = add_line(l, p, number, err);
    p = next;
  }
  if (s != AS_OK) as_lines_clear(l);
  return s;
}

as_status as_lines_read(as_lines *l, const char *path, bool names, as_err *err) {
  char *text;
  size_t n;
  memset(l, 0, sizeof *l);
  as_status s = as_text_load(&text, &n, path, LIST_MAX, err);
  return s == AS_OK ? as_lines_take(l, text, names, err) : s;
}

void as_lines_clear(as_lines *l) {
  as_free(l->text);
  as_free(l->line);
  as_free(l->number);
  memset(l, 0, sizeof *l);
}
