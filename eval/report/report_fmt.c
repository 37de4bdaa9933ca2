#include "eval/report/report_fmt.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* What %.*f gives, for numbers as tables have them; false: too large or too many decimals. Exactly: with
 * p = v 10^decimals rounded to a double, below 2^52, half an integer is a multiple of p's last bit, so that the error
 * of p, at most half that bit, can only matter where p lies just half way; fma tells it there, and without one an
 * even digit wins. */
static bool fix_small(char *s, double v, int decimals) {
  static const double scales[] = {1, 10, 100, 1000, 1e4, 1e5, 1e6};
  if (decimals < 0 || decimals > 6 || !(fabs(v) < 1e9)) return false;
  const double scale = scales[decimals], p = fabs(v) * scale;
  uint64_t units = (uint64_t)p;
  const double over = p - (double)units;
  if (over > 0.5) {
    units++;
  } else if (over == 0.5) {
    const double rest = fma(fabs(v), scale, -p);
    units += rest > 0.0 || (rest == 0.0 && (units & 1));
  }
  if (v < 0.0 && units) *s++ = '-';
  char digits[20];
  int n = 0;
  for (; units || n <= decimals; units /= 10) digits[n++] = (char)('0' + units % 10);
  while (n > 0) {
    *s++ = digits[--n];
    if (n == decimals && n > 0) *s++ = '.';
  }
  *s = 0;
  return true;
}

as_num as_fix(double v, int decimals) {
  as_num n;
  if (!isfinite(v)) {
    strcpy(n.s, "-");
    return n;
  }
  if (fix_small(n.s, v, decimals)) return n;
  /* %.*f of a double is exactly rounded in every libc of today; only the point depends on the locale. */
  snprintf(n.s, sizeof n.s, "%.*f", decimals, fabs(v) < 1e20 ? v : (v < 0 ? -1e20 : 1e20));
  for (char *p = n.s; *p; p++)
    if (*p == ',') *p = '.';
  if (n.s[0] == '-' && strspn(n.s + 1, "0.") == strlen(n.s + 1)) memmove(n.s, n.s + 1, strlen(n.s));
  return n;
}

as_num as_fix_signed(double v, int decimals) {
  as_num n = as_fix(v, decimals);
  if (!isfinite(v) || n.s[0] == '-' || strspn(n.s, "0.") == strlen(n.s)) return n;
  memmove(n.s + 1, n.s, strlen(n.s) + 1);
  n.s[0] = '+';
  return n;
}

as_num as_digits(double v, int digits) {
  as_num n;
  if (!isfinite(v)) return as_fix(v, 0);
  snprintf(n.s, sizeof n.s, "%.*g", digits, v);
  for (char *p = n.s; *p; p++)
    if (*p == ',') *p = '.';
  return n;
}

as_num as_pct(double fraction, int decimals) {
  return as_fix(100.0 * fraction, decimals);
}

as_num as_p_text(double p) {
  as_num n;
  snprintf(n.s, sizeof n.s, "%s", p < 0.0001 ? "< 0.0001" : "= ");
  if (!(p < 0.0001)) snprintf(n.s, sizeof n.s, "= %.40s", as_fix(p, 4).s);
  return n;
}

as_num as_rank_text(double rank) {
  return as_fix(rank, rank == floor(rank) ? 0 : 1);
}

/* One code point from *p (never past the NUL); broken input gives -1 and moves one byte. */
static long next_code(const char **p) {
  const unsigned char *s = (const unsigned char *)*p;
  if (s[0] < 0x80) {
    *p += 1;
    return s[0];
  }
  int more = s[0] < 0xC2 ? -1 : s[0] < 0xE0 ? 1 : s[0] < 0xF0 ? 2 : s[0] < 0xF5 ? 3 : -1;
  long c = more <= 0 ? s[0] : s[0] & (0x3F >> more);
  for (int i = 1; i <= more; i++) {
    if ((s[i] & 0xC0) != 0x80) {
      more = -1;
      break;
    }
    c = c << 6 | (s[i] & 0x3F);
  }
  if (more < 0 || (more == 2 && (c < 0x800 || (c >= 0xD800 && c < 0xE000))) ||
      (more == 3 && (c < 0x10000 || c > 0x10FFFF))) {
    *p += 1;
    return -1;
  }
  *p += more + 1;
  return c;
}

/* What a terminal or a reader would take for something else than a character: controls, bytes that are no
 * UTF-8, line separators, and what turns the direction of writing. */
static bool is_unsafe(long c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 || (c >= 0x202A && c <= 0x202E) ||
         (c >= 0x2066 && c <= 0x2069);
}

static size_t code_columns(long c, size_t bytes) {
  if (c == '\t' || c == '\n' || c == '\r') return 2;
  if (is_unsafe(c)) return 4 * bytes;
  if ((c >= 0x300 && c < 0x370) || (c >= 0x200B && c <= 0x200F) || (c >= 0xFE00 && c <= 0xFE0F)) return 0;
  if ((c >= 0x1100 && c < 0x1160) || (c >= 0x2E80 && c < 0xA4D0) || (c >= 0xAC00 && c < 0xD7A4) ||
      (c >= 0xF900 && c < 0xFB00) || (c >= 0xFE30 && c < 0xFE70) || (c >= 0xFF00 && c < 0xFF61) ||
      (c >= 0x1F300 && c < 0x1F650) || (c >= 0x1F900 && c < 0x1FA00) || (c >= 0x20000 && c < 0x40000))
    return 2;
  return 1;
}

/* How many characters of printable ASCII s begins with. */
static size_t ascii_run(const char *s) {
  size_t n = 0;
  while (s[n] >= 0x20 && s[n] < 0x7F) n++;
  return n;
}

size_t as_text_columns(const char *s) {
  size_t n = 0;
  for (;;) {
    size_t run = ascii_run(s);
    n += run;
    s += run;
    if (!*s) break;
    const char *start = s;
    long c = next_code(&s);
    n += code_columns(c, (size_t)(s - start));
  }
  return n;
}

/* A code point as it may be printed: unsafe ones as \t, \n, \r or \xHH for each byte; with ascii likewise
 * those beyond it, but for the signs that the report itself uses. */
static void put_code(as_str *out, const char *s, size_t bytes, long c, bool ascii) {
  bool foreign = ascii && c > 0x7E;
  if (foreign && (c == 0x2013 || c == 0x2212 || c == 0x2020 || c == 0x2021)) {
    as_str_putc(out, c == 0x2020 ? '+' : c == 0x2021 ? '#' : '-');
  } else if (!is_unsafe(c) && !foreign) {
    as_str_putn(out, s, bytes);
  } else if (c == '\t' || c == '\n' || c == '\r') {
    as_str_put(out, c == '\t' ? "\\t" : c == '\n' ? "\\n" : "\\r");
  } else {
    for (size_t i = 0; i < bytes; i++) as_str_printf(out, "\\x%02x", (unsigned)(unsigned char)s[i]);
  }
}

/* The code points [from, to) of a name, made printable. */
static void put_codes(as_str *out, const char *s, size_t from, size_t to, bool ascii) {
  for (size_t i = 0; *s && i < to; i++) {
    const char *start = s;
    size_t run = i < from ? 0 : ascii_run(s);
    if (run > to - i) run = to - i;
    if (run > 0) {
      as_str_putn(out, s, run);
      s += run;
      i += run - 1;
      continue;
    }
    long c = next_code(&s);
    if (i >= from) put_code(out, start, (size_t)(s - start), c, ascii);
  }
}

/* Columns of the code points that a shortened name keeps. */
static size_t kept_columns(const char *name, size_t head, size_t tail, size_t codes, bool ascii) {
  as_str part = {0};
  put_codes(&part, name, 0, head, ascii);
  put_codes(&part, name, codes - tail, codes, ascii);
  size_t columns = as_text_columns(as_str_c(&part));
  as_str_clear(&part);
  return columns;
}

void as_put_name(as_str *out, const char *name, size_t max, bool ascii) {
  if (!name) name = "";
  if (!name[ascii_run(name)] && (max == 0 || strlen(name) <= max)) {
    as_str_put(out, name);
    return;
  }
  size_t codes = 0;
  for (const char *p = name; *p; codes++) next_code(&p);
  if (max == 0 || kept_columns(name, codes, 0, codes, ascii) <= max) {
    put_codes(out, name, 0, codes, ascii);
    return;
  }
  size_t dots = ascii ? 2 : 1, keep = max > dots ? max - dots : 1;
  size_t tail = keep / 2 < codes ? keep / 2 : codes, head = keep - keep / 2;
  if (head > codes - tail) head = codes - tail;
  /* Wide characters take two columns each, escapes more: drop code points until it fits. */
  while (kept_columns(name, head, tail, codes, ascii) > keep && head + tail > 1) {
    if (head >= tail)
      head--;
    else
      tail--;
  }
  put_codes(out, name, 0, head, ascii);
  as_str_put(out, ascii ? ".." : "\xE2\x80\xA6");
  put_codes(out, name, codes - tail, codes, ascii);
}

void as_put_lines(as_str *out, const char *text) {
  while (*text) {
    const char *start = text;
    long c = next_code(&text);
    if (c == '\n')
      as_str_putc(out, '\n');
    else
      put_code(out, start, (size_t)(text - start), c, false);
  }
}

static bool is_markup(char c) {
  return c == '&' || c == '<' || c == '>' || c == '"' || c == '\'';
}

void as_put_html(as_str *out, const char *text) {
  if (!text) return;
  for (;;) {
    size_t run = 0;
    while (text[run] >= 0x20 && text[run] < 0x7F && !is_markup(text[run])) run++;
    as_str_putn(out, text, run);
    text += run;
    if (!*text) return;
    const char *start = text;
    long c = next_code(&text);
    switch (c) {
      case '&':
        as_str_put(out, "&amp;");
        break;
      case '<':
        as_str_put(out, "&lt;");
        break;
      case '>':
        as_str_put(out, "&gt;");
        break;
      case '"':
        as_str_put(out, "&quot;");
        break;
      case '\'':
        as_str_put(out, "&#39;");
        break;
      default:
        if (c == '\n' || c == '\t')
          as_str_putc(out, (char)c);
        else if (c == 0xFFFE || c == 0xFFFF) /* no characters of XML */
          as_str_put(out, "\xEF\xBF\xBD");
        else
          put_code(out, start, (size_t)(text - start), c, false);
    }
  }
}

void as_put_csv(as_str *out, const char *text) {
  if (!text) return;
  as_str clean = {0};
  as_put_name(&clean, text, 0, false);
  const char *s = as_str_c(&clean);
  bool quoted = strpbrk(s, ",\"") || *s == ' ' || (*s && s[strlen(s) - 1] == ' ');
  if (quoted) as_str_putc(out, '"');
  for (; *s; s++) {
    if (*s == '"') as_str_putc(out, '"');
    as_str_putc(out, *s);
  }
  if (quoted) as_str_putc(out, '"');
  if (clean.failed) out->failed = true;
  as_str_clear(&clean);
}

void as_put_wrapped(as_str *out, const char *text, size_t width, const char *first, const char *indent,
                    bool ascii) {
  size_t column = as_text_columns(first), start = as_text_columns(indent);
  as_str_put(out, first);
  bool any = false;
  while (*text) {
    text += strspn(text, " \t\r\n");
    size_t n = strcspn(text, " \t\r\n");
    if (n == 0) break;
    as_str raw = {0}, word = {0};
    as_str_putn(&raw, text, n);
    as_put_name(&word, as_str_c(&raw), 0, ascii);
    size_t need = as_text_columns(as_str_c(&word));
    if (any && column + 1 + need > width) {
      as_str_putc(out, '\n');
      as_str_put(out, indent);
      column = start;
      any = false;
    }
    if (any) as_str_putc(out, ' ');
    as_str_put(out, as_str_c(&word));
    column += need + (any ? 1 : 0);
    any = true;
    if (raw.failed || word.failed) out->failed = true;
    as_str_clear(&raw);
    as_str_clear(&word);
    text += n;
  }
  as_str_putc(out, '\n');
}
