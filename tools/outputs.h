/* Where a command writes: known before it runs, for the default folders and for --sandbox. */
#ifndef AS_TOOLS_OUTPUTS_H
#define AS_TOOLS_OUTPUTS_H

#include "tools/cli.h"

/* Appends the folder in which the command's result appears; nothing when it leaves none. AS_E_ENV: out of
 * memory. */
typedef as_status as_folder_fn(const as_args *a, as_str *dir, as_err *err);
as_folder_fn as_folder_none;
as_folder_fn as_folder_holding;  /* -o is a file: the folder that holds it */
as_folder_fn as_folder_fit;      /* the same, and the state of a fit beside it */
as_folder_fn as_folder_given;    /* -o is the folder */
as_folder_fn as_folder_run;      /* -o, else PLAN without .plan, with .out or .shard-I-of-N */
as_folder_fn as_folder_slurm;    /* -o, else PLAN without .plan, with .slurm */
as_folder_fn as_folder_pretrain; /* -o, else where the plan is */
as_folder_fn as_folder_demo;     /* -o, else assay-demo */
as_folder_fn
    as_folder_verify; /* -o, else verify/ beside the record or NAME.verify/ beside a checkpoint, else one that is made for this process */
as_folder_fn as_folder_convert; /* that of the second operand */

/* Was this folder made for this process alone? */
bool as_folder_is_scratch(const char *dir);
/* Does a command that was stopped keep there what it has done: in a folder that is the result, or beside a head? */
bool as_folder_keeps(as_folder_fn *folder, const as_args *a);

/* --sandbox: confines the process (tensor/base/sandbox.h) so that it can write in the command's folder, which
 * is created, and where --predictions, --trace, --cache and --figures go. Says so when the kernel cannot confine
 * files. AS_E_ENV when it cannot confine anything. */
as_status as_tool_confine(const as_command *cmd, const as_args *a, as_err *err);

#endif
