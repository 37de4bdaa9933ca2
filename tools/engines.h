/* Which task of how many this process is, by the word of whatever engine started it. */
#ifndef AS_TOOLS_ENGINES_H
#define AS_TOOLS_ENGINES_H

#include <stdint.h>

#include "tensor/base/status.h"

/* `text` is "auto", where the environment must say both numbers, or "auto/N", where it says the task's own alone. *shard
 * is from 0, whatever the engine counts from. AS_E_USAGE: no task of an array, of none that says how many they are, of
 * more than one, or outside of N. */
as_status as_engine_task(const char *text, int64_t *shard, int64_t *shards, as_err *err);

#endif
