#define _POSIX_C_SOURCE 200809L
#include "tools/progress.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tensor/base/log.h"

static struct {
  bool draw, quiet, drawn;
  char what[96];
  size_t first_done;
  double first, last;
} state;

static volatile sig_atomic_t stop_seen;

double as_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void as_progress_clear(void) {
  if (!state.drawn) return;
  fputs("\r\033[K", stderr);
  fflush(stderr);
  state.drawn = false;
}

static void on_log(void *ctx, as_log_level level, const char *line) {
  (void)ctx;
  if (state.quiet && level == AS_LOG_INFO) return;
  as_progress_clear();
  as_str text = {0};
  as_str_put_visible(&text, line);
  fprintf(stderr, "assay: %s%s\n", level == AS_LOG_WARN ? "warning: " : "", as_str_c(&text));
  as_str_clear(&text);
}

void as_note(const char *fmt, ...) {
  va_list ap;
  if (state.quiet) return;
  as_progress_clear();
  as_str line = {0}, text = {0};
  va_start(ap, fmt);
  as_str_vprintf(&line, fmt, ap);
  va_end(ap);
  as_str_put_visible(&text, as_str_c(&line));
  fprintf(stderr, "%s\n", as_str_c(&text));
  as_str_clear(&line);
  as_str_clear(&text);
}

void as_progress_setup(const as_args *args) {
  const char *when = as_arg_text(args, OPT_PROGRESS, "auto"), *term = getenv("TERM");
  state.quiet = args->set[OPT_QUIET];
  state.draw = strcmp(when, "always") == 0;
  if (strcmp(when, "auto") == 0)
    state.draw = !state.quiet && isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0);
  as_log_set(on_log, NULL);
}

static void on_progress(void *ctx, const char *what, size_t done, size_t total) {
  (void)ctx;
  if (!state.draw) return;
  double now = as_seconds();
  if (strncmp(state.what, what, sizeof state.what - 1) != 0) {
    snprintf(state.what, sizeof state.what, "%s", what);
    state.first = now;
    state.first_done = done;
  } else if (now - state.last < 0.1 && done != total) {
    return;
  }
  state.last = now;
  double spent = now - state.first;
  size_t fresh = done - state.first_done;
  fprintf(stderr, "\r\033[K%s  %zu / %zu", what, done, total);
  if (fresh > 0 && spent > 0.5) {
    double rate = (double)fresh / spent, left = (double)(total - done) / rate;
    fprintf(stderr, "  %.1f/s  %d:%02d left", rate, (int)(left / 60), (int)left % 60);
  }
  fflush(stderr);
  state.drawn = true;
  if (done == total) as_progress_clear();
}

static bool on_stop(void *ctx) {
  (void)ctx;
  return stop_seen != 0;
}

const as_watch *as_tool_watch(void) {
  static const as_watch watch = {on_progress, on_stop, NULL};
  return &watch;
}

static void on_signal(int sig) {
  (void)sig;
  if (stop_seen) _exit(130);
  stop_seen = 1;
}

static void on_bus(int sig) {
  static const char line[] = "assay: a file was cut short while it was being read\n";
  (void)sig;
  ssize_t n = write(STDERR_FILENO, line, sizeof line - 1);
  (void)n;
  _exit(4);
}

void as_signals_setup(void) {
  static const int stops[] = {SIGINT, SIGTERM, SIGUSR1, SIGXCPU};
  struct sigaction act;
  memset(&act, 0, sizeof act);
  sigemptyset(&act.sa_mask);
  act.sa_flags = SA_RESTART;
  act.sa_handler = on_signal;
  for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
    struct sigaction old;
    /* A shell that starts us in the background with SIGINT ignored means it. */
    if (sigaction(stops[i], NULL, &old) == 0 && old.sa_handler == SIG_IGN) continue;
    sigaction(stops[i], &act, NULL);
  }
  act.sa_handler = on_bus;
  sigaction(SIGBUS, &act, NULL);
  act.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &act, NULL);
}

bool as_signal_seen(void) {
  return stop_seen != 0;
}
