/* What is said of a training while it runs. */
#ifndef AS_TOOLS_EPOCHS_H
#define AS_TOOLS_EPOCHS_H

#include "eval/pretrain/pretrain.h"

/* Watch, monitor, and a line for each epoch on standard error. */
void as_tool_training_tell(as_pretrain_opts *o);

#endif
