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

as_status as_fail(as_err *err, as_status status, const char *fmt, ...) {
  if (err) {
    char msg[sizeof err->msg]; /* apart, because an argument may be err->msg itself */
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    clean_line(msg);
    memcpy(err->msg, msg, strlen(msg) + 1);
    err->status = status;
  }
  return status;
}

as_status as_fail_in(as_err *err, const char *fmt, ...) {
  if (!err) return AS_E_INPUT;
  char prefix[sizeof err->msg], old[sizeof err->msg];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(prefix, sizeof prefix, fmt, ap);
  va_end(ap);
  clean_line(prefix);
  memcpy(old, err->msg, sizeof old);
  size_t n = strlen(prefix);
  if (n > sizeof err->msg - 3) n = sizeof err->msg - 3;
  memcpy(err->msg, prefix, n);
  memcpy(err->msg + n, ": ", 3);
  size_t left = sizeof err->msg - n - 3, m = strlen(old);
  if (m > left) m = left;
  memcpy(err->msg + n + 2, old, m);
  err->msg[n + 2 + m] = '\0';
  return err->status;
}
