#define _POSIX_C_SOURCE 200809L
#include "tools/signals.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tensor/base/file.h"
#include "tensor/base/status.h"
#include "tools/say.h"

static const char *command_name;
static bool command_keeps;
static volatile sig_atomic_t stop_seen;

/* A line from inside a signal handler, where no stream may be touched. */
static void put_raw(const char *text) {
  size_t n = strlen(text);
  while (n > 0) {
    ssize_t done = write(STDERR_FILENO, text, n);
    if (done <= 0) return;
    text += done;
    n -= (size_t)done;
  }
}

static void end_at_once(const char *why, int code) {
  as_out_abandon();
  if (as_say_lined()) put_raw("\r\033[K");
  put_raw("assay ");
  put_raw(command_name);
  put_raw(why);
  _exit(code);
}

enum { PATIENCE = 5 }; /* seconds */

static void on_signal(int sig) {
  (void)sig;
  if (stop_seen || !command_keeps) end_at_once(": stopped\n", 130);
  stop_seen = 1;
  alarm(PATIENCE);
}

/* In the middle of a long step: what is finished is on disk, as after a kill. */
static void on_alarm(int sig) {
  (void)sig;
  end_at_once(": stopped; the same command goes on from there\n", AS_E_STOPPED);
}

static void on_bus(int sig) {
  (void)sig;
  end_at_once(": a file was cut short while it was being read\n", AS_E_ENV);
}

void as_signals_setup(const char *command, bool keeps) {
  static const int stops[] = {SIGINT, SIGTERM, SIGUSR1, SIGXCPU};
  struct sigaction act;
  command_name = command;
  command_keeps = keeps;
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
  act.sa_handler = on_alarm;
  if (keeps) sigaction(SIGALRM, &act, NULL);
  act.sa_handler = on_bus;
  sigaction(SIGBUS, &act, NULL);
  act.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &act, NULL);
}

bool as_signal_seen(void) {
  return stop_seen != 0;
}
