/* The one place where anything is said: results on standard output, everything else on standard error. What was
 * printed stands in the output before a message follows on the other stream, also where both are one file. */
#ifndef AS_TOOLS_SAY_H
#define AS_TOOLS_SAY_H

#include <stdbool.h>

#include "tensor/base/status.h"
#include "tensor/base/text.h"

/* Opens descriptors 0 to 2 where the caller closed them, so that no file that is opened later becomes a standard
 * stream: reading from them and writing to them fails. First of all. */
void as_say_open(void);
void as_say_quiet(bool quiet); /* no remarks: -q */

void as_print(const as_str *text); /* a result; whether it arrived is told by as_say_close */
/* A remark, a line of its own, unless -q. */
void as_note(const char *fmt, ...) AS_PRINTF(1, 2);
/* The same, -q or not: what the results cannot be read without. */
void as_caution(const char *fmt, ...) AS_PRINTF(1, 2);
/* "assay COMMAND: MESSAGE" (command NULL: "assay: MESSAGE"); returns the exit code. */
int as_complain(const char *command, as_status status, const as_err *err);
/* A line that the next one replaces, for progress on a terminal; as_say_unline removes it. */
void as_say_line(const char *text);
void as_say_unline(void);
bool as_say_lined(void); /* is one drawn? For the signal handler */

/* Standard output must have been taken in full; `code`, or 4 when it was not. A reader that went away is no error. */
int as_say_close(int code);

#endif
