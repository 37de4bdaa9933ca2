#define _POSIX_C_SOURCE 200809L
#include "tools/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tensor/base/clock.h"
#include "tools/say.h"
#include "tools/signals.h"

static struct {
  bool draw;      /* one line that is drawn over and over, on a terminal */
  double every;   /* seconds between lines of their own; 0: none */
  double last;    /* when something was shown */
  char what[192]; /* the step, */
  double step;    /* when it began */
  size_t first;   /* and with how much done */
  double part;    /* of all the work; negative: nobody said */
  double began, first_part;
} state = {.part = -1};

as_status as_progress_setup(const as_args *args, as_err *err) {
  const char *when = as_arg_text(args, OPT_PROGRESS, "auto"), *term = getenv("TERM");
  const bool terminal = isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0);
  const bool quiet = args->set[OPT_QUIET];
  state.last = as_seconds();
  if (strcmp(when, "auto") == 0) {
    state.draw = terminal;
    state.every = terminal ? 0 : 60;
  } else if (strcmp(when, "never") == 0) {
    return AS_OK;
  } else if (strcmp(when, "always") == 0) {
    state.draw = true;
  } else if (!as_parse_f64(when, &state.every) || state.every < 0.01 || state.every > 1e6) {
    return as_fail(err, AS_E_USAGE,
                   "--progress: found '%s', wanted auto, never, always or a number of seconds", when);
  }
  if (quiet) state.draw = false, state.every = 0;
  return AS_OK;
}

static void put_left(as_str *line, double seconds) {
  const long s = seconds < 1e8 ? (long)seconds : 100000000;
  if (s >= 3600)
    as_str_printf(line, "  %ld:%02ld:%02ld left", s / 3600, s / 60 % 60, s % 60);
  else
    as_str_printf(line, "  %ld:%02ld left", s / 60, s % 60);
}

static void on_part(void *ctx, double part) {
  (void)ctx;
  if (state.part < 0) {
    state.began = as_seconds();
    state.first_part = part;
  }
  state.part = part;
}

static void on_progress(void *ctx, const char *what, size_t done, size_t total) {
  (void)ctx;
  const double now = as_seconds();
  if (!state.draw && state.every <= 0) return;
  const bool fresh = strncmp(state.what, what, sizeof state.what - 1) != 0;
  if (fresh) {
    snprintf(state.what, sizeof state.what, "%s", what);
    state.step = now;
    state.first = done;
  }
  if (state.draw ? !fresh && now - state.last < 0.1 && done != total : now - state.last < state.every) return;
  state.last = now;
  as_str line = {0};
  as_str_printf(&line, "%s  %zu / %zu", what, done, total);
  const double spent = now - state.step;
  const double rate = done > state.first && spent > 0.5 ? (double)(done - state.first) / spent : 0;
  if (rate > 0) as_str_printf(&line, "  %.1f/s", rate);
  if (state.part >= 0) {
    const double fraction = state.part - state.first_part;
    as_str_printf(&line, "  all %.0f %%", 100 * state.part);
    if (fraction > 0 && now - state.began > 0.5)
      put_left(&line, (now - state.began) / fraction * (1 - state.part));
  } else if (rate > 0) {
    put_left(&line, (double)(total - done) / rate);
  }
  if (state.draw && done < total)
    as_say_line(as_str_c(&line));
  else if (state.draw)
    as_say_unline();
  else
    as_note("%s", as_str_c(&line));
  as_str_clear(&line);
}

static bool on_stop(void *ctx) {
  (void)ctx;
  return as_signal_seen();
}

const as_watch *as_tool_watch(void) {
  static const as_watch watch = {on_progress, on_part, on_stop, NULL};
  return &watch;
}
