/* The process confined by its kernel: what a damaged parser could still do is little. Linux only. */
#ifndef AS_TENSOR_BASE_SANDBOX_H
#define AS_TENSOR_BASE_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "tensor/base/status.h"

/* From here on, for the calling thread and all threads it starts, until the process ends:
 *   - system calls outside a short list fail with EPERM: no program is started, no process forked or
 *     signalled, no socket opened, no memory made executable (seccomp);
 *   - files are created, changed, renamed and removed beneath the n paths of `writable` alone, which
 *     must exist; reading stays as it was (Landlock). Where the kernel has no Landlock,
 *     *files_confined is false and the rest holds.
 * Call it before the first parallel loop: threads that run already are not confined. AS_E_ENV when the
 * kernel cannot filter system calls; nothing is confined then. Cannot be undone.
 * Sources: seccomp(2), landlock(7). */
as_status as_sandbox_enter(const char *const *writable, size_t n, bool *files_confined, as_err *err);

#endif
