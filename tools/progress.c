#define _POSIX_C_SOURCE 200809L
#include "tools/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/say.h"
#include "tools/signals.h"

static struct {
  bool draw;
  char what[96];
  size_t first_done;
  double first, last;
} state;

double as_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void as_progress_setup(const as_args *args) {
  const char *when = as_arg_text(args, OPT_PROGRESS, "auto"), *term = getenv("TERM");
  state.draw = strcmp(when, "always") == 0;
  if (strcmp(when, "auto") == 0)
    state.draw = !args->set[OPT_QUIET] && isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0);
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
  char line[256];
  int n = snprintf(line, sizeof line, "%s  %zu / %zu", what, done, total);
  if (fresh > 0 && spent > 0.5 && n > 0 && (size_t)n < sizeof line) {
    double rate = (double)fresh / spent, left = (double)(total - done) / rate;
    snprintf(line + n, sizeof line - (size_t)n, "  %.1f/s  %d:%02d left", rate, (int)(left / 60),
             (int)left % 60);
  }
  as_say_line(line);
  if (done == total) as_say_unline();
}

static bool on_stop(void *ctx) {
  (void)ctx;
  return as_signal_seen();
}

const as_watch *as_tool_watch(void) {
  static const as_watch watch = {on_progress, on_stop, NULL};
  return &watch;
}
