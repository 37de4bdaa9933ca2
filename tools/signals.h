/* What ends the program from outside. */
#ifndef AS_TOOLS_SIGNALS_H
#define AS_TOOLS_SIGNALS_H

#include <stdbool.h>

/* SIGINT, SIGTERM, SIGUSR1 and SIGXCPU stop `command`. One that keeps its work (`keeps`) is told by
 * as_signal_seen, finishes what is under way and says how to go on, exit code 75; it is given five seconds for that. A
 * second signal ends it at once. Any other command ends at the first: its unfinished files are removed, exit code 130.
 * SIGPIPE is ignored (a closed pipe ends the program quietly), SIGBUS (a mapped file was cut short under us) gives
 * one line and exit code 4. `command` must live as long as the program. */
void as_signals_setup(const char *command, bool keeps);
bool as_signal_seen(void);

#endif
