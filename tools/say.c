#define _POSIX_C_SOURCE 200809L
#include "tools/say.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tensor/base/log.h"

static bool quiet, lost; /* lost: a result, for want of memory */
static volatile sig_atomic_t lined;

/* The folder "/" is there in every process and can be opened for reading alone: reads from it fail as well as
 * writes. A result that goes nowhere is an error, as it is with a closed descriptor. */
void as_say_open(void) {
  for (int fd = 0; fd <= STDERR_FILENO; fd++)
    if (fcntl(fd, F_GETFD) == -1 && errno == EBADF && open("/", O_RDONLY) != fd) _exit(AS_E_ENV);
}

/* HEAD and TEXT on standard error, once everything that was printed is out. */
static void put_line(const char *head, const char *text) {
  as_str line = {0};
  as_str_put_visible(&line, text);
  fflush(stdout);
  as_say_unline();
  fprintf(stderr, "%s%s\n", head, as_str_c(&line));
  as_str_clear(&line);
}

static void on_log(void *ctx, as_log_level level, const char *line) {
  (void)ctx;
  if (!quiet || level != AS_LOG_INFO) put_line(level == AS_LOG_WARN ? "assay: warning: " : "assay: ", line);
}

void as_say_quiet(bool q) {
  quiet = q;
  as_log_set(on_log, NULL);
}

void as_print(const as_str *text) {
  as_str safe = {0};
  as_say_unline();
  as_str_put_visible(&safe, as_str_c(text));
  lost = lost || text->failed || safe.failed;
  fwrite(as_str_c(&safe), 1, safe.n, stdout);
  as_str_clear(&safe);
}

void as_note(const char *fmt, ...) {
  as_str line = {0};
  va_list ap;
  if (quiet) return;
  va_start(ap, fmt);
  as_str_vprintf(&line, fmt, ap);
  va_end(ap);
  put_line("", as_str_c(&line));
  as_str_clear(&line);
}

void as_caution(const char *fmt, ...) {
  as_str line = {0};
  va_list ap;
  va_start(ap, fmt);
  as_str_vprintf(&line, fmt, ap);
  va_end(ap);
  put_line("", as_str_c(&line));
  as_str_clear(&line);
}

int as_complain(const char *command, as_status status, const as_err *err) {
  char head[64];
  snprintf(head, sizeof head, "assay%s%s: ", command ? " " : "", command ? command : "");
  put_line(head, err->msg);
  return (int)status;
}

void as_say_line(const char *text) {
  fflush(stdout);
  fprintf(stderr, "\r\033[K%s", text);
  fflush(stderr);
  lined = 1;
}

void as_say_unline(void) {
  if (!lined) return;
  fputs("\r\033[K", stderr);
  fflush(stderr);
  lined = 0;
}

bool as_say_lined(void) {
  return lined != 0;
}

int as_say_close(int code) {
  as_say_unline();
  errno = 0;
  if (fflush(stdout) == 0 && !ferror(stdout) && !lost) return code;
  if (errno == EPIPE) return code;
  const char *why = lost ? "out of memory" : errno ? strerror(errno) : "write error";
  fprintf(stderr, "assay: standard output: %s\n", why);
  return code == 0 ? AS_E_ENV : code;
}
