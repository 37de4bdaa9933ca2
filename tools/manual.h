/* What the option and command tables say, as a manual page and as shell completions. */
#ifndef AS_TOOLS_MANUAL_H
#define AS_TOOLS_MANUAL_H

#include "tools/cli.h"

void as_manual_page(as_str *out); /* roff, man(7) */
void as_completion_bash(as_str *out);
void as_completion_zsh(as_str *out);
void as_completion_fish(as_str *out);

#endif
