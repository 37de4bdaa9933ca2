#define _POSIX_C_SOURCE 200809L
#include "tools/outputs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "eval/run/rec.h"
#include "tensor/base/file.h"
#include "tensor/base/mem.h"
#include "tensor/base/sandbox.h"
#include "tools/say.h"

static as_status put_holding(as_str *dir, const char *file, as_err *err) {
  char *d = as_path_dir(file, err);
  if (!d) return AS_E_ENV;
  as_str_put(dir, d);
  as_free(d);
  return as_str_status(dir, err);
}

as_status as_folder_none(const as_args *a, as_str *dir, as_err *err) {
  (void)a, (void)dir, (void)err;
  return AS_OK;
}

as_status as_folder_holding(const as_args *a, as_str *dir, as_err *err) {
  return a->set[OPT_OUTPUT] ? put_holding(dir, a->text[OPT_OUTPUT], err) : AS_OK;
}

as_status as_folder_fit(const as_args *a, as_str *dir, as_err *err) {
  return as_folder_holding(a, dir, err);
}

as_status as_folder_given(const as_args *a, as_str *dir, as_err *err) {
  as_str_put(dir, as_arg_text(a, OPT_OUTPUT, ""));
  return as_str_status(dir, err);
}

static void put_plan(as_str *dir, const char *plan) {
  as_str_putn(dir, plan, strlen(plan) - (as_ends_with(plan, ".plan") ? 5 : 0));
}

as_status as_folder_slurm(const as_args *a, as_str *dir, as_err *err) {
  if (a->set[OPT_OUTPUT]) return as_folder_given(a, dir, err);
  put_plan(dir, a->operand[0]);
  as_str_put(dir, ".slurm");
  return as_str_status(dir, err);
}

as_status as_folder_run(const as_args *a, as_str *dir, as_err *err) {
  if (a->set[OPT_OUTPUT]) return as_folder_given(a, dir, err);
  put_plan(dir, a->operand[0]);
  if (a->set[OPT_SHARD])
    as_str_printf(dir, ".shard-%lld-of-%lld", (long long)a->a[OPT_SHARD], (long long)a->b[OPT_SHARD]);
  else
    as_str_put(dir, ".out");
  return as_str_status(dir, err);
}

as_status as_folder_pretrain(const as_args *a, as_str *dir, as_err *err) {
  return a->n_operands ? put_holding(dir, a->operand[0], err) : as_folder_given(a, dir, err);
}

as_status as_folder_demo(const as_args *a, as_str *dir, as_err *err) {
  as_str_put(dir, as_arg_text(a, OPT_OUTPUT, "assay-demo"));
  return as_str_status(dir, err);
}

/* Made for this process where a record lies in a folder that cannot be written. */
static char scratch[256];

bool as_folder_is_scratch(const char *dir) {
  return *scratch && strcmp(dir, scratch) == 0;
}

static as_status make_scratch(as_err *err) {
  const char *tmp = getenv("TMPDIR");
  int n = snprintf(scratch, sizeof scratch, "%s/assay-verify-XXXXXX", tmp && *tmp ? tmp : "/tmp");
  if (n > 0 && (size_t)n < sizeof scratch && mkdtemp(scratch)) return AS_OK;
  scratch[0] = 0;
  return as_fail(err, AS_E_ENV, "%s: cannot make a folder for the new results: %s; give one with -o",
                 tmp && *tmp ? tmp : "/tmp", strerror(errno));
}

as_status as_folder_verify(const as_args *a, as_str *dir, as_err *err) {
  if (a->set[OPT_OUTPUT]) return as_folder_given(a, dir, err);
  if (a->set[OPT_FILES]) return AS_OK;
  as_str name = {0};
  const char *base = as_path_base(a->operand[0]);
  const bool checkpoint = as_ends_with(base, ".safetensors");
  if (checkpoint) as_str_printf(&name, "%.*s.", (int)(strlen(base) - strlen(".safetensors")), base);
  as_str_put(&name, "verify");
  char *home = as_rec_dir(a->operand[0], err), *path = home ? as_path_join(home, as_str_c(&name), err) : NULL;
  as_status s = path && as_str_status(&name, err) == AS_OK ? AS_OK : AS_E_ENV;
  as_str_clear(&name);
  if (s == AS_OK && access(as_path_kind_of(path) == AS_PATH_DIR ? path : home, W_OK) != 0) {
    if (!*scratch) s = make_scratch(err);
    as_str_put(dir, scratch);
  } else if (s == AS_OK) {
    as_str_put(dir, path);
  }
  as_free(home);
  as_free(path);
  return s == AS_OK ? as_str_status(dir, err) : s;
}

as_status as_folder_convert(const as_args *a, as_str *dir, as_err *err) {
  return put_holding(dir, a->operand[1], err);
}

bool as_folder_keeps(as_folder_fn *folder, const as_args *a) {
  if (folder == as_folder_fit) return a->set[OPT_OUTPUT] && a->set[OPT_TRAIN];
  return folder == as_folder_run || folder == as_folder_demo || folder == as_folder_given ||
         folder == as_folder_verify || folder == as_folder_pretrain;
}

/* A file's folder, or the file itself when it is a device or a pipe. */
static as_status put_place(as_str *place, const char *file, as_err *err) {
  if (as_path_kind_of(file) != AS_PATH_OTHER) return put_holding(place, file, err);
  as_str_put(place, file);
  return as_str_status(place, err);
}

as_status as_tool_confine(const as_command *cmd, const as_args *a, as_err *err) {
  as_str place[5] = {{0}};
  const char *writable[5];
  size_t n = 0;
  bool confined;
  as_status s = AS_OK;
  if (a->set[OPT_OUTPUT] && as_path_kind_of(a->text[OPT_OUTPUT]) == AS_PATH_OTHER)
    s = put_place(&place[0], a->text[OPT_OUTPUT], err);
  else if (!a->set[OPT_CHECK] && !a->set[OPT_ESTIMATE])
    s = cmd->folder(a, &place[0], err);
  if (s == AS_OK && a->set[OPT_PREDICTIONS]) s = put_place(&place[1], a->text[OPT_PREDICTIONS], err);
  if (s == AS_OK && a->set[OPT_TRACE]) s = put_place(&place[2], a->text[OPT_TRACE], err);
  if (s == AS_OK) as_str_put(&place[3], as_arg_text(a, OPT_CACHE, ""));
  if (s == AS_OK) as_str_put(&place[4], as_arg_text(a, OPT_FIGURES, ""));
  for (size_t i = 3; s == AS_OK && i < sizeof place / sizeof *place; i++) s = as_str_status(&place[i], err);
  for (size_t i = 0; s == AS_OK && i < sizeof place / sizeof *place; i++) {
    if (place[i].n == 0) continue;
    if (as_path_kind_of(as_str_c(&place[i])) == AS_PATH_NONE) s = as_make_dirs(as_str_c(&place[i]), err);
    writable[n++] = as_str_c(&place[i]);
  }
  if (s == AS_OK) s = as_sandbox_enter(writable, n, &confined, err);
  if (s == AS_OK && !confined)
    as_note(
        "--sandbox: this kernel has no Landlock, so files can be written anywhere; no program can be started "
        "and no "
        "network used");
  for (size_t i = 0; i < sizeof place / sizeof *place; i++) as_str_clear(&place[i]);
  return s;
}
