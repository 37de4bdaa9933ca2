#include "tensor/base/status.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Names and strings from files end up in messages: a control byte there must not break the
 * one-line rule or drive a terminal. */
static void clean_line(char *s) {
  for (; *s; s++) {
    unsigned char c = (unsigned char)*s;
    bool c1 =
        c == 0xc2 && (unsigned char)s[1] >= 0x80 && (unsigned char)s[1] <= 0x9f; /* ESC [ as one character */
    if (c < 0x20 || c == 0x7f || c1) *s = '?';
    if (c1) *++s = '?';
  }
}

/* Copies text into the message, of `size` bytes. A path can be longer than a message; what is wrong stands at the
 * end and what it is about at the beginning, so a text that does not fit loses its middle. */
static void fit_line(char *msg, size_t size, const char *text) {
  static const char gap[] = " ... ";
  size_t n = strlen(text), head = size / 3, tail = size - head - sizeof gap;
  if (n < size) {
    memcpy(msg, text, n + 1);
    return;
  }
  const char *rest = text + n - tail;
  while (head > 0 && (text[head] & 0xc0) == 0x80) head--; /* no half character of UTF-8 on either side */
  while ((*rest & 0xc0) == 0x80) rest++;
  memcpy(msg, text, head);
  memcpy(msg + head, gap, sizeof gap - 1);
  memcpy(msg + head + sizeof gap - 1, rest, strlen(rest) + 1);
}

enum { LONGEST = 8192 }; /* PATH_MAX twice: beyond that the end is lost */

as_status as_fail(as_err *err, as_status status, const char *fmt, ...) {
  if (err) {
    char text[LONGEST]; /* apart, because an argument may be err->msg itself */
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    clean_line(text);
    fit_line(err->msg, sizeof err->msg, text);
    err->status = status;
  }
  return status;
}

as_status as_fail_in(as_err *err, const char *fmt, ...) {
  if (!err) return AS_E_INPUT;
  char text[LONGEST + sizeof err->msg + 2];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, LONGEST, fmt, ap);
  va_end(ap);
  clean_line(text);
  strcat(text, ": ");
  strcat(text, err->msg);
  fit_line(err->msg, sizeof err->msg, text);
  return err->status;
}
