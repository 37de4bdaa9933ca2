/* verify of a checkpoint. */
#ifndef AS_TOOLS_RETRAIN_H
#define AS_TOOLS_RETRAIN_H

#include "tools/cli.h"

/* Trains the operand, a checkpoint of pretrain, again as its metadata say and compares, byte by byte. */
as_status as_tool_retrain(const as_args *a, as_err *err);

#endif
