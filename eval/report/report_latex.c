/* Text for LaTeX: what it means by a character is escaped, and what pdfTeX has no glyph for does not stop it. */
#include <string.h>

#include "eval/report/report_fmt.h"
#include "eval/report/report_grid.h"

/* What a document in LaTeX's default encodings (UTF-8 in, OT1 and TS1 out) sets without another package, from the first
 * to the last: the declared characters of ot1enc.dfu and ts1enc.dfu. */
static bool is_set(uint32_t c) {
  static const uint16_t range[][2] = {{0xA1, 0xCF},     {0xD1, 0xDD},     {0xDF, 0xEF},     {0xF1, 0xFD},
                                      {0xFF, 0x103},    {0x106, 0x10F},   {0x112, 0x117},   {0x11A, 0x125},
                                      {0x128, 0x12D},   {0x130, 0x137},   {0x139, 0x13E},   {0x141, 0x148},
                                      {0x14C, 0x165},   {0x168, 0x171},   {0x174, 0x17E},   {0x2010, 0x2015},
                                      {0x2018, 0x2019}, {0x201C, 0x201D}, {0x2020, 0x2022}, {0x2026, 0x2026},
                                      {0x20AC, 0x20AC}, {0x2122, 0x2122}, {0x2190, 0x2193}};
  for (size_t i = 0; i < sizeof range / sizeof *range; i++)
    if (c >= range[i][0] && c <= range[i][1]) return true;
  return false;
}

/* The character that begins at s, of valid UTF-8, beyond ASCII; returns its bytes. */
static size_t take_beyond_ascii(const char *s, uint32_t *c) {
  const unsigned char *u = (const unsigned char *)s;
  const size_t n = *u >= 0xF0 ? 4 : *u >= 0xE0 ? 3 : 2;
  *c = *u & (0x7Fu >> n);
  for (size_t i = 1; i < n; i++) *c = *c << 6 | (u[i] & 0x3Fu);
  return n;
}

static size_t put_beyond_ascii(as_str *out, const char *s) {
  uint32_t c;
  const size_t n = take_beyond_ascii(s, &c);
  if (c == 0x2212)
    as_str_put(out, "$-$");
  else if (c == 0x2264 || c == 0x2265)
    as_str_put(out, c == 0x2264 ? "$\\leq$" : "$\\geq$");
  else if (is_set(c))
    as_str_putn(out, s, n);
  else
    as_str_printf(out, "\\assaychar{%04X}{%.*s}", (unsigned)c, (int)n, s);
  return n;
}

/* Would TeX join c and the one that follows to one sign: --, ``, '', ,,, ?` and !` ? */
static bool is_joined(char c, char next) {
  return (c == next && strchr("-`',", c) != NULL) || ((c == '?' || c == '!') && next == '`');
}

void as_put_latex(as_str *out, const char *text) {
  static const struct {
    char c;
    const char *as;
  } words[] = {{'\\', "\\textbackslash{}"},
               {'~', "\\textasciitilde{}"},
               {'^', "\\textasciicircum{}"},
               {'<', "\\textless{}"},
               {'>', "\\textgreater{}"},
               {'|', "\\textbar{}"},
               {'\n', " "}};
  as_str clean = {0};
  as_put_lines(&clean, text);
  for (const char *s = as_str_c(&clean); *s; s++) {
    size_t i = 0, n = sizeof words / sizeof *words;
    while (i < n && words[i].c != *s) i++;
    if ((unsigned char)*s >= 0x80) {
      s += put_beyond_ascii(out, s) - 1;
      continue;
    }
    if (strchr("&%$#_{}", *s)) as_str_putc(out, '\\');
    if (i < n)
      as_str_put(out, words[i].as);
    else
      as_str_putc(out, *s);
    if (is_joined(*s, s[1])) as_str_put(out, "{}");
  }
  if (clean.failed) out->failed = true;
  as_str_clear(&clean);
}

void as_put_latex_head(as_str *out, const char *body) {
  as_str_put(out, "% needs \\usepackage{booktabs");
  if (strstr(body, "\\resizebox")) as_str_put(out, ",graphicx");
  if (strstr(body, "\\begin{longtable}")) as_str_put(out, ",longtable");
  as_str_put(out, "}\n");
  if (strstr(body, "\\assaychar{"))
    as_str_put(out,
               "% Characters that pdfTeX has no glyph for: as they are in XeLaTeX and LuaLaTeX, else by "
               "their number.\n"
               "\\providecommand{\\assaychar}[2]{\\ifdefined\\Umathchar #2\\else U+#1\\fi}\n");
}
