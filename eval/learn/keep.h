/* What a fit that is stopped goes on from: its state, in a file beside the result. A state that goes on gives the bits of a
 * fit that was never stopped. */
#ifndef AS_EVAL_LEARN_KEEP_H
#define AS_EVAL_LEARN_KEEP_H

#include <stdbool.h>
#include <stddef.h>

#include "eval/learn/labelled.h"
#include "tensor/base/status.h"
#include "tensor/base/watch.h"

/* NULL, where every call takes an as_keep: nothing is kept, and nobody watches. */
typedef struct as_keep as_keep;

/* path: the file, made when there is something to keep; NULL: none. Both arguments are borrowed. AS_E_ENV. */
as_status as_keep_create(as_keep **out, const char *path, const as_watch *watch, as_err *err);
/* done: the result stands, and the file is removed. */
void as_keep_destroy(as_keep **k, bool done);

/* What is going to be fitted: `how` names all that the result depends on beside the rows, which are read once. A file of
 * the same work is taken over, another one is not: it is replaced. AS_E_ENV. */
as_status as_keep_begin(as_keep *k, const as_labelled *rows, const char *how, as_err *err);

/* Hands every block of a state to as_keep_block, always in the same order: to be written, or to be read into. */
typedef void as_keep_fn(void *ctx, as_keep *k);
void as_keep_block(as_keep *k, void *p, size_t bytes);
bool as_keep_reads(const as_keep *k);
/* s: what was read makes no sense (AS_E_INPUT), or finds no memory (AS_E_ENV). */
void as_keep_fail(as_keep *k, as_status s);
as_status as_keep_status(const as_keep *k); /* of the blocks so far */

/* Work begins whose state `visit` knows; inside other work, whose state comes first. *found: it was read, and the work is
 * to go on from there. AS_E_INPUT, AS_E_ENV. as_keep_leave ends the innermost. */
as_status as_keep_enter(as_keep *k, as_keep_fn *visit, void *ctx, bool *found, as_err *err);
void as_keep_leave(as_keep *k);

/* A moment at which work can be left, from the main thread. The state is written where enough has been done since the
 * last time, or where the watch says stop. True: leave; as_keep_left says why. */
bool as_keep_pause(as_keep *k, const char *what, size_t done, size_t total);
/* AS_E_STOPPED, or why the state could not be written. */
as_status as_keep_left(const as_keep *k, as_err *err);

#endif
