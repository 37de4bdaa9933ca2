/* Text: a growing string, strict number parsing, near-miss names. */
#ifndef AS_TENSOR_BASE_TEXT_H
#define AS_TENSOR_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/base/status.h"

/* Growing string. An allocation failure is sticky (`failed`); check once at the end. */
typedef struct as_str {
  char *s; /* NUL-terminated; NULL until the first put (as_str_c gives "") */
  size_t n;
  size_t cap;
  bool failed;
  /* Where whole lines go, NUL-terminated, when a MiB of text has come together; NULL: it stays here. What is left at the
   * end is the owner's to write. Who looks back beyond the line that is being written must not be given such a text. */
  void (*drain)(void *ctx, const char *text, size_t n);
  void *ctx;
  size_t full; /* private */
} as_str;

void as_str_clear(as_str *s);
void as_str_put(as_str *s, const char *text);
void as_str_putn(as_str *s, const char *text, size_t n);
void as_str_putc(as_str *s, char c);
void as_str_printf(as_str *s, const char *fmt, ...) AS_PRINTF(2, 3);
void as_str_vprintf(as_str *s, const char *fmt, va_list ap) AS_PRINTF(2, 0);
const char *as_str_c(const as_str *s);
/* AS_E_ENV if an allocation failed on the way. */
as_status as_str_status(const as_str *s, as_err *err);

/* The whole of s must be a number in range; no sign tricks, no trailing bytes, no locale. */
bool as_parse_i64(const char *s, int64_t min, int64_t max, int64_t *out);
bool as_parse_u64(const char *s, uint64_t *out);
/* Decimal floating point ("1e-3", "-2.5"), finite. */
bool as_parse_f64(const char *s, double *out);

/* Shortest text that reads back as the same double ("0.1", "1e-06"). */
void as_f64_text(double v, char buf[32]);

/* The entry of names[n] that s was most likely meant to be, by the number of slips: letters too many, missing, other or
 * two neighbours swapped. NULL when none is near enough (more than max(1, length / 3) slips). */
const char *as_nearest(const char *s, const char *const *names, size_t n);
/* "; did you mean 'NAME'?" with the nearest name, or "": the end of a message about a word from a list. Returns out. */
enum { AS_MEAN_MAX = 128 };
const char *as_did_you_mean(char out[AS_MEAN_MAX], const char *s, const char *const *names, size_t n);

bool as_starts_with(const char *s, const char *prefix);
bool as_ends_with(const char *s, const char *suffix);
bool as_same_letters(const char *a, const char *b); /* equal but for the case of A to Z */
bool as_is_utf8(const char *s, size_t n);
/* Writes code point c as UTF-8; returns the number of bytes, 1 to 4. */
size_t as_put_utf8(char *to, uint32_t c);

/* Names from files as one field of one line. Escaped text is printable UTF-8 without tabs or line ends: a backslash
 * becomes two, a tab \t, a line feed \n, a carriage return \r, and every other control character or byte that is no
 * UTF-8 \xHH. A data set escapes the names of its images and classes when it is opened, so what tables, records and
 * messages hold of them is safe to write, to read back and to print. Other names (of tensors, say) are for those who
 * read them to escape. */
void as_str_put_escaped(as_str *s, const char *text);
/* Back again, in place. False, and text as it was: a backslash in it begins none of these escapes. */
bool as_unescape(char *text);
/* Could as_str_put_escaped have written this? */
bool as_is_escaped(const char *text);
/* For a terminal: the same, but backslashes, tabs and line feeds stay: what is shown may be escaped already, and may
 * be a table of several lines. */
void as_str_put_visible(as_str *s, const char *text);

#endif
