/* verify: the promise of a record, put to the test (of a checkpoint: retrain.h). */
#define _POSIX_C_SOURCE 200809L
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "eval/run/prints.h"
#include "eval/run/rec.h"
#include "eval/run/run.h"
#include "tensor/base/file.h"
#include "tensor/base/lines.h"
#include "tensor/base/mem.h"
#include "tools/cmd.h"
#include "tools/common.h"
#include "tools/differ.h"
#include "tools/epochs.h"
#include "tools/outputs.h"
#include "tools/progress.h"
#include "tools/retrain.h"
#include "tools/say.h"
#include "tools/start.h"

/* What may differ between two machines that agree on every number; files are compared one by one, and the hash of the
 * record is that of all this. */
static const char *const environment[] = {"version", "commit",       "compiler", "cpu", "kernels",
                                          "threads", AS_RECORD_SEAL, "files",    NULL};

typedef struct as_verify {
  const as_args *args;
  as_rec old, now;
  as_plan plan;
  as_diff diff;
  size_t files; /* that were looked at */
  bool layout;  /* the same version made both: tables and page must be the same bytes, too */
} as_verify;

/* ---- files ------------------------------------------------------------------------------------------- */

/* The files that were changed or are gone since the run, by their hashes alone. */
static void on_file(void *ctx, const char *name, const char *recorded, const char *now) {
  as_verify *v = ctx;
  v->files++;
  if (!now) as_diff_add(&v->diff, name, "there", "gone");
  if (now && strcmp(recorded, now) != 0) {
    char was[40], is[40];
    snprintf(was, sizeof was, "sha256 %.12s...", recorded);
    snprintf(is, sizeof is, "%.12s..., changed since the run", now);
    as_diff_add(&v->diff, name, was, is);
  }
}

static as_status check_files(as_verify *v, as_err *err) {
  if (as_rec_check_seal(&v->old) == AS_SEAL_BROKEN)
    as_diff_add(&v->diff, "record.json", "as it was written", "changed since");
  return as_rec_check_files(&v->old, on_file, v, err);
}

/* ---- names for what differs -------------------------------------------------------------------------- */

/* The plan on disk may have been edited since. */
static void check_plan_file(as_verify *v) {
  const char *name = as_rec_text(v->old.root, "plan_file");
  const as_json *text = as_json_get(v->old.root, "plan");
  char *path = as_path_join(v->plan.dir, as_path_base(name), NULL), *now;
  size_t n;
  if (!path || as_path_kind_of(path) != AS_PATH_FILE) {
    as_note("%s is gone; the recorded text is verified", name);
  } else if (as_text_load(&now, &n, path, UINT64_MAX, NULL) == AS_OK) {
    if (n != text->text_len || memcmp(now, text->text, n) != 0) {
      as_note("%s has changed since; the recorded text is verified", name);
      as_diff_lines(&v->diff, name, text->text, text->text_len, now, n);
    }
    as_free(now);
  }
  as_free(path);
}

/* Where the label of an image stands in the plan's label file: the line that begins with its name, or
 * the line of its place among all images. */
static void note_label(void *ctx, const char *name, const char *column, char *buf, size_t size) {
  const as_plan_dataset *p = ctx;
  as_file f = {0};
  as_dataset *ds = NULL;
  if (strcmp(column, "label") != 0) return;
  if (p->real.at) snprintf(buf, size, " (%s)", p->real.said);
  if (!p->labels.at || p->real.at || as_file_open(&f, p->labels.at, NULL) != AS_OK) return;
  as_dataset_opts o = as_plan_dataset_opts(p);
  o.limit = o.per_class_from = o.per_class_to = 0;
  o.subset = NULL;
  size_t at = SIZE_MAX, line = 1, entry = 0;
  if (as_dataset_open(&ds, &o, NULL) == AS_OK)
    for (size_t i = 0; i < as_dataset_count(ds) && at == SIZE_MAX; i++)
      if (strcmp(as_dataset_item(ds, i).name, name) == 0) at = i;
  as_dataset_close(&ds);
  const char *q = (const char *)f.data, *end = q + f.size, *base = as_path_base(name);
  for (; q < end; line++) {
    const char *nl = memchr(q, '\n', (size_t)(end - q)), *stop = nl ? nl : end;
    const char *names[2] = {name, base};
    bool hit = false, blank = true;
    for (const char *c = q; c < stop; c++) blank = blank && (*c == ' ' || *c == '\t' || *c == '\r');
    for (int k = 0; k < 2 && !hit; k++) {
      size_t n = strlen(names[k]);
      hit = (size_t)(stop - q) > n && memcmp(q, names[k], n) == 0 && (q[n] == ' ' || q[n] == '\t');
    }
    if (hit || (!blank && entry++ == at && !memchr(q, ' ', (size_t)(stop - q)))) break;
    q = nl ? nl + 1 : end;
  }
  if (q < end) snprintf(buf, size, " (%s line %zu)", p->labels.said, line);
  as_file_close(&f);
}

/* "cells/a--val.tsv" -> "cells[a on val]", "prints/dataset-val.tsv" -> "datasets[val].images" */
static void name_table(const char *file, char *what, size_t size, const char **set) {
  static const char *const kinds[][3] = {{"prints/dataset-", "datasets", ".images"},
                                         {"prints/model-", "models", ".tensors"},
                                         {"prints/head-", "heads", ".tensors"},
                                         {"cells/", "cells", ".images"}};
  static char name[200];
  *set = NULL;
  snprintf(what, size, "%s", file);
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if (!as_starts_with(file, kinds[i][0])) continue;
    snprintf(name, sizeof name, "%s", file + strlen(kinds[i][0]));
    char *dot = strrchr(name, '.'), *parts = strstr(name, "--");
    if (dot) *dot = 0;
    if (i == 0) *set = name;
    if (i == 3 && parts)
      snprintf(what, size, "%s[%.*s on %s]%s", kinds[i][1], (int)(parts - name), name, parts + 2,
               kinds[i][2]);
    else
      snprintf(what, size, "%s[%s]%s", kinds[i][1], name, kinds[i][2]);
    return;
  }
}

static const as_plan_dataset *dataset_named(const as_plan *plan, const char *name) {
  for (size_t i = 0; name && i < plan->n_datasets; i++)
    if (strcmp(plan->datasets[i].name, name) == 0) return &plan->datasets[i];
  return NULL;
}

/* A file of the run against the same one made again. */
static void compare_file(as_verify *v, const char *name) {
  as_file x = {0}, y = {0};
  char what[300];
  const char *set;
  name_table(name, what, sizeof what, &set);
  const bool table = as_ends_with(name, ".tsv"), layout = !strchr(name, '/');
  if (layout && !v->layout) return;
  if (as_rec_file(&v->old, &x, NULL, "%s", name) != AS_OK ||
      as_rec_file(&v->now, &y, NULL, "%s", name) != AS_OK) {
    as_diff_add(&v->diff, what, x.data ? "there" : "gone", y.data ? "there" : "absent");
  } else if (x.size != y.size || memcmp(x.data, y.data, x.size) != 0) {
    if (table)
      as_diff_tables(&v->diff, what, &x, &y, set ? note_label : NULL,
                     (void *)(uintptr_t)dataset_named(&v->plan, set));
    else if (as_ends_with(name, ".safetensors"))
      as_diff_add(&v->diff, what, "the recorded head", "another one");
    else
      as_diff_lines(&v->diff, what, (const char *)x.data, x.size, (const char *)y.data, y.size);
  }
  as_file_close(&x);
  as_file_close(&y);
}

/* Every file of either run, as it is now. */
static void compare_files(as_verify *v) {
  for (const as_json *e = as_rec_list(&v->now, "files"); e; e = e->next)
    compare_file(v, as_rec_text(e, "name"));
  for (const as_json *e = as_rec_list(&v->old, "files"); e; e = e->next)
    if (!as_rec_find(&v->now, "files", "name", as_rec_text(e, "name"), NULL, NULL))
      as_diff_add(&v->diff, as_rec_text(e, "name"), "there", "absent");
}

/* ---- once more --------------------------------------------------------------------------------------- */

/* The record's numbers are those of its numerics profile: that one is used, and no other may be asked for. */
static as_status use_profile(const as_args *a, const as_rec *rec, as_err *err) {
  const char *profile = as_rec_text(rec->root, "profile"), *given = as_arg_text(a, OPT_PROFILE, NULL);
  if (given && strcmp(given, profile) != 0)
    return as_fail(err, AS_E_USAGE, "--profile: found %s, but %s was made with %s", given, rec->path,
                   profile);
  as_status s = as_tool_start(a, profile, err);
  if (s != AS_OK) as_fail_in(err, "%s", rec->path);
  return s;
}

static bool flag_of(const as_rec *rec, const char *key) {
  const as_json *v = as_json_get(rec->root, key);
  return v && v->boolean;
}

/* The new results must not replace the ones they are compared with. */
static bool same_folder(const char *a, const char *b) {
  struct stat x, y;
  return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static as_status rerun(as_verify *v, const char *dir, as_err *err) {
  as_results res = {0};
  int64_t seed = 0, resamples = 0;
  as_rec_count(v->old.root, "statistics_seed", &seed);
  as_rec_count(v->old.root, "resamples", &resamples);
  as_run_opts o = {.dir = dir,
                   .batch = (int)as_arg_int(v->args, OPT_BATCH, 0),
                   .lenient = flag_of(&v->old, "lenient"),
                   .partial = flag_of(&v->old, "partial"),
                   .keep = -1,
                   .start = AS_RUN_REDO,
                   .report = {.seed = (uint64_t)seed,
                              .resamples = (int)resamples,
                              .no_images = flag_of(&v->old, "no_images")},
                   .build = as_tool_build(),
                   .watch = as_tool_watch(),
                   .training = as_tool_training_tell};
  as_status s = as_run(&v->plan, &o, &res, err);
  /* Failed images are a result like any other: the comparison says whether they failed then, too. */
  if (s == AS_E_INPUT && res.cells) s = AS_OK;
  as_results_clear(&res);
  return s;
}

static as_status compute(as_verify *v, as_err *err) {
  as_roots roots = {0};
  as_str to = {0};
  bool moved = false;
  as_status s = as_tool_roots(&roots, v->args, err);
  if (s == AS_OK) s = as_folder_verify(v->args, &to, err);
  const char *dir = as_str_c(&to);
  if (s == AS_OK && same_folder(dir, v->old.dir))
    s = as_fail(err, AS_E_USAGE, "-o: %s holds the record itself, wanted another folder", dir);
  if (s == AS_OK) s = use_profile(v->args, &v->old, err);
  if (s == AS_OK) s = as_rec_plan(&v->old, &roots, &v->plan, &moved, err);
  if (s == AS_OK && moved)
    as_note("weights and images are read where they lay when the run was made, %s", v->plan.dir);
  if (s == AS_OK) check_plan_file(v);
  if (s == AS_OK) s = rerun(v, dir, err);
  if (s == AS_OK) s = as_rec_open(&v->now, dir, AS_REC_RUN, err);
  if (s == AS_OK) {
    const char *then = as_rec_text(v->old.root, "commit"), *version = as_rec_text(v->old.root, "version");
    v->layout = then && version && strcmp(then, as_tool_build().commit) == 0 &&
                strcmp(version, as_tool_build().version) == 0;
    v->diff.older = !v->layout;
    as_diff_json(&v->diff, v->old.root, v->now.root);
    if (v->diff.lacks.n) as_note("the other version did not record %s", as_str_c(&v->diff.lacks));
    compare_files(v);
    if (s == AS_OK && !v->layout)
      as_note("made by another version: its tables and page are held against their hashes, not made again");
  }
  as_rec_close(&v->now);
  /* What came out the same is of no use any more; -o keeps it. */
  if (as_folder_is_scratch(dir) || (s == AS_OK && v->diff.n == 0 && !v->args->set[OPT_OUTPUT]))
    as_run_folder_remove(dir);
  as_str_clear(&to);
  as_roots_clear(&roots);
  return s;
}

static size_t count_in(const as_rec *r, const char *list) {
  return as_json_get(r->root, list)->count;
}

/* One line sums up. */
static void put_sum(const as_verify *v, as_str *out) {
  if (v->args->set[OPT_FILES])
    as_str_printf(out, "verified: %zu files are as recorded; nothing was computed\n", v->files);
  else
    as_str_printf(out, "verified: %zu cells of %zu models and %zu files came out the same, every field%s%s\n",
                  count_in(&v->old, "cells"), count_in(&v->old, "models"), v->files,
                  v->diff.lacks.n ? " that was recorded; not recorded then: " : "", as_str_c(&v->diff.lacks));
}

as_status as_cmd_verify(const as_args *a, as_err *err) {
  if (as_ends_with(a->operand[0], ".safetensors")) return as_tool_retrain(a, err);
  as_verify v = {.args = a, .diff = {.skip = environment}};
  as_str out = {0};
  as_status s = as_rec_open(&v.old, a->operand[0], AS_REC_RUN, err);
  if (s == AS_OK && a->set[OPT_FILES] && !as_rec_list(&v.old, "files"))
    s = as_fail(err, AS_E_INPUT, "%s: found no hashes of files, which older versions did not record",
                v.old.path);
  if (s == AS_OK) s = check_files(&v, err);
  if (s == AS_OK && !a->set[OPT_FILES]) s = compute(&v, err);
  if (s == AS_OK) {
    as_str_put(&out, as_str_c(&v.diff.lines));
    if (v.diff.n > AS_DIFF_SHOWN) as_str_printf(&out, "and %zu more\n", v.diff.n - AS_DIFF_SHOWN);
    if (v.diff.n == 0) put_sum(&v, &out);
    if ((s = as_str_status(&out, err)) == AS_OK) as_print(&out);
  } else if (v.diff.n) {
    as_note("%s", as_str_c(&v.diff.lines));
  }
  if (s == AS_OK && v.diff.n)
    s = as_fail(err, AS_E_CHECK, "%zu thing%s of %s differ%s (recorded | now)", v.diff.n,
                v.diff.n > 1 ? "s" : "", v.old.path, v.diff.n > 1 ? "" : "s");
  as_str_clear(&v.diff.lines);
  as_str_clear(&v.diff.lacks);
  as_str_clear(&out);
  as_plan_clear(&v.plan);
  as_rec_close(&v.old);
  return s;
}
