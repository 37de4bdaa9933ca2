#define _POSIX_C_SOURCE 200809L
/* verify: the promise of a record, put to the test. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "eval/run/rec.h"
#include "eval/run/run.h"
#include "tensor/base/file.h"
#include "tensor/base/lines.h"
#include "tensor/base/mem.h"
#include "tools/cmd.h"
#include "tools/common.h"
#include "tools/differ.h"
#include "tools/outputs.h"
#include "tools/progress.h"
#include "tools/say.h"
#include "tools/start.h"

/* What may differ between two machines that agree on every number. */
static const char *const environment[] = {"version", "commit", "compiler", "cpu", "kernels", "threads", NULL};

/* The new results must not replace the ones they are compared with. */
static bool same_folder(const char *a, const char *b) {
  struct stat x, y;
  return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* The plan on disk may have been edited since. */
static void check_plan_file(as_diff *d, const as_rec *rec) {
  const char *path = as_rec_text(rec->root, "plan_file");
  const as_json *text = as_json_get(rec->root, "plan");
  char *now;
  size_t n;
  if (as_path_kind_of(path) != AS_PATH_FILE) {
    as_note("%s is gone; the recorded text is verified", path);
    return;
  }
  if (as_text_load(&now, &n, path, UINT64_MAX, NULL) != AS_OK) return;
  if (n != text->text_len || memcmp(now, text->text, n) != 0) {
    as_note("%s has changed since; the recorded text is verified", path);
    as_diff_lines(d, path, text->text, text->text_len, now, n);
  }
  as_free(now);
}

/* Where the label of an image stands in the plan's label file: the line that begins with its name, or
 * the line of its place among all images. */
static void note_label(void *ctx, const char *name, const char *column, char *buf, size_t size) {
  const as_plan_dataset *p = ctx;
  as_file f = {0};
  as_dataset *ds = NULL;
  if (strcmp(column, "label") != 0) return;
  if (p->real.at) snprintf(buf, size, " (%s)", p->real.at);
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
  if (q < end) snprintf(buf, size, " (%s line %zu)", p->labels.at, line);
  as_file_close(&f);
}

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

/* Names the images, labels and tensors that are not what they were. */
static void compare_prints(as_diff *d, const as_plan *plan, const char *old, const char *now, as_err *err) {
  static const char *const kinds[] = {"dataset", "model", "head"};
  for (int k = 0; k < 3; k++) {
    for (size_t i = 0; i < (k == 0 ? plan->n_datasets : plan->n_models); i++) {
      const char *name = k == 0 ? plan->datasets[i].name : plan->models[i].name;
      as_str a = {0}, b = {0}, what = {0};
      as_str_printf(&a, "%s/prints/%s-%s.tsv", old, kinds[k], name);
      as_str_printf(&b, "%s/prints/%s-%s.tsv", now, kinds[k], name);
      as_str_printf(&what, "%ss[%s].%s", kinds[k], name, k == 0 ? "images" : "tensors");
      bool there = as_diff_tables(d, as_str_c(&what), as_str_c(&a), as_str_c(&b), k == 0 ? note_label : NULL,
                                  k == 0 ? &plan->datasets[i] : NULL, err);
      if (!there && k == 0) as_note("%s: absent, so changed images cannot be told apart", as_str_c(&a));
      as_str_clear(&a);
      as_str_clear(&b);
      as_str_clear(&what);
    }
  }
}

static bool flag_of(const as_rec *rec, const char *key) {
  const as_json *v = as_json_get(rec->root, key);
  return v && v->boolean;
}

static as_status rerun(const as_args *a, const as_rec *rec, const char *dir, as_diff *d, as_err *err) {
  as_plan plan = {0};
  as_status s = use_profile(a, rec, err);
  if (s == AS_OK) s = as_rec_plan(rec, &plan, err);
  if (s != AS_OK) return s;
  check_plan_file(d, rec);
  as_results res = {0};
  as_run_opts o = {.dir = dir,
                   .batch = (int)as_arg_int(a, OPT_BATCH, 0),
                   .lenient = flag_of(rec, "lenient"),
                   .partial = flag_of(rec, "partial"),
                   .build = as_tool_build(),
                   .watch = as_tool_watch()};
  s = as_run(&plan, &o, &res, err);
  as_err ignored = {0};
  compare_prints(d, &plan, rec->dir, dir, &ignored);
  /* Failed images are a result like any other: the comparison says whether they failed then, too. */
  if (s == AS_E_INPUT && res.cells) s = AS_OK;
  as_results_clear(&res);
  as_plan_clear(&plan);
  return s;
}

as_status as_cmd_verify(const as_args *a, as_err *err) {
  as_str to = {0}, out = {0};
  as_rec old = {0}, now = {0};
  as_diff d = {.skip = environment};
  as_status s = as_rec_open(&old, a->operand[0], AS_REC_RUN, err);
  if (s == AS_OK) s = as_folder_verify(a, &to, err);
  const char *dir = as_str_c(&to);
  if (s == AS_OK && same_folder(dir, old.dir))
    s = as_fail(err, AS_E_USAGE, "-o: %s holds the record itself, wanted another folder", dir);
  if (s == AS_OK) s = rerun(a, &old, dir, &d, err);
  if (s == AS_OK) s = as_rec_open(&now, dir, AS_REC_RUN, err);
  if (s == AS_OK) {
    as_diff_json(&d, old.root, now.root);
    as_str_put(&out, as_str_c(&d.lines));
    if (d.n > AS_DIFF_SHOWN) as_str_printf(&out, "and %zu more\n", d.n - AS_DIFF_SHOWN);
    if (d.n == 0) as_str_printf(&out, "verified: every field of %s came out the same\n", old.path);
    if ((s = as_str_status(&out, err)) == AS_OK) as_print(&out);
  } else if (d.n) {
    as_note("%s", as_str_c(&d.lines));
  }
  if (s == AS_OK && d.n)
    s = as_fail(err, AS_E_CHECK, "%zu field%s of %s came out differently (recorded | now)", d.n,
                d.n > 1 ? "s" : "", old.path);
  as_str_clear(&d.lines);
  as_str_clear(&out);
  as_str_clear(&to);
  as_rec_close(&old);
  as_rec_close(&now);
  return s;
}
