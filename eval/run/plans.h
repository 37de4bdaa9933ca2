/* The built-in plans as text (plans_data.c, made by tests/generate.sh from plans/). */
#ifndef AS_EVAL_RUN_PLANS_H
#define AS_EVAL_RUN_PLANS_H

#include "tensor/base/embed.h"

extern const as_embedded as_plan_files[];
extern const size_t as_plan_files_count;

#endif
