#include <math.h>
#include <string.h>

#include "eval/stats/table_int.h"

static bool is_nothing(const char *s) {
  static const char *const words[] = {
      "",    "-",    "--",   "\xE2\x80\x93", "\xE2\x80\x94", "\xE2\x88\x92", "?",    "nan", "na",
      "n/a", "n.a.", "none", "null",         "nil",          "missing",      "#n/a", "tbd"};
  char low[16];
  size_t n = strlen(s);
  if (n >= sizeof low) return false;
  for (size_t i = 0; i <= n; i++) low[i] = s[i] >= 'A' && s[i] <= 'Z' ? (char)(s[i] + 32) : s[i];
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strcmp(low, words[i]) == 0) return true;
  return false;
}

/* Cuts blanks, no-break ones too, from both ends of s[n]; returns where the text begins. */
static char *trim_field(char *s) {
  size_t n = strlen(s);
  for (;;) {
    if (*s == ' ' || *s == '\t')
      s++, n--;
    else if (n >= 2 && memcmp(s, "\xC2\xA0", 2) == 0)
      s += 2, n -= 2;
    else if (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t'))
      s[--n] = 0;
    else if (n >= 2 && memcmp(s + n - 2, "\xC2\xA0", 2) == 0)
      s[n -= 2] = 0;
    else
      return s;
  }
}

/* Cuts "+- 0.2" in its spellings, and "(0.2)". */
static bool cut_spread(char *s) {
  static const char *const signs[] = {"\xC2\xB1", "+-", "+/-", "("};
  for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
    char *at = strstr(s, signs[i]);
    if (!at || at == s) continue;
    if (*at == '(' && s[strlen(s) - 1] != ')') continue;
    while (at > s && strchr(" (\\", at[-1])) at--;
    *at = 0;
    return true;
  }
  return false;
}

/* Commas: groups of three digits are thousands, anything else is a decimal comma; where fields are parted by
 * semicolons it always is one. */
static bool settle_commas(char *s, char separator) {
  char *first = strchr(s, ','), *out = s;
  if (!first) return true;
  size_t lead = (size_t)(first - s) - (*s == '-');
  bool groups = separator != ';' && lead >= 1 && lead <= 3 && *(first - lead) != '0';
  for (const char *p = first; groups && *p == ','; p += 4)
    groups = strspn(p + 1, "0123456789") >= 3 && (p[4] == ',' || p[4] == '.' || p[4] == 0);
  if (groups) {
    for (const char *p = s; *p; p++)
      if (*p != ',') *out++ = *p;
    *out = 0;
    return true;
  }
  if (strchr(first + 1, ',') || strchr(s, '.')) return false;
  *first = '.';
  return true;
}

as_field as_field_read(const char *text, char separator) {
  as_field f = {.kind = AS_FIELD_TEXT, .v = NAN};
  char copy[64], *s = copy;
  if (strlen(text) >= sizeof copy) return f;
  strcpy(copy, text);
  s = trim_field(s);
  if (is_nothing(s)) {
    f.kind = AS_FIELD_NOTHING;
    return f;
  }
  f.spread = cut_spread(s);
  size_t n = strlen(s);
  if (n > 0 && s[n - 1] == '%') {
    s[n - 1] = 0;
    f.percent = true;
    s = trim_field(s);
  }
  if (settle_commas(s, separator) && as_parse_f64(s, &f.v)) f.kind = AS_FIELD_NUMBER;
  const char *point = strchr(s, '.');
  if (point) f.decimals = (int)strspn(point + 1, "0123456789");
  return f;
}
