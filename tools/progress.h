/* Progress and remarks on standard error; signals. */
#ifndef AS_TOOLS_PROGRESS_H
#define AS_TOOLS_PROGRESS_H

#include <stdbool.h>

#include "tensor/base/watch.h"
#include "tools/cli.h"

/* Decides from --progress, -q and the terminal whether progress is drawn, and routes as_log_line. */
void as_progress_setup(const as_args *args);
/* Removes the line that is being drawn, so that a message can follow. */
void as_progress_clear(void);
/* A remark, unless -q. */
void as_note(const char *fmt, ...) AS_PRINTF(1, 2);
/* For library calls: draws progress, stops on a signal. */
const as_watch *as_tool_watch(void);

/* First SIGINT, SIGTERM, SIGUSR1, SIGXCPU: as_watch's stop becomes true. Second: exit 130 at once.
 * SIGPIPE is ignored (a closed pipe ends the program quietly), SIGBUS (a mapped file was cut short
 * under us) gives one line and exit 4. */
void as_signals_setup(void);
bool as_signal_seen(void);

/* Wall clock in seconds, from an arbitrary start. */
double as_seconds(void);

#endif
