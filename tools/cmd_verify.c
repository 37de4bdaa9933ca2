#define _POSIX_C_SOURCE 200809L
/* verify: the promise of a record, put to the test. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "eval/run/run.h"
#include "tensor/base/file.h"
#include "tensor/base/mem.h"
#include "tools/commands.h"
#include "tools/common.h"
#include "tools/differ.h"
#include "tools/outputs.h"
#include "tools/progress.h"

/* What may differ between two machines that agree on every number. */
static const char *const environment[] = {"version", "commit", "compiler", "cpu", "kernels", "threads", NULL};

/* The new results must not replace the ones they are compared with. */
static bool same_folder(const char *a, const char *b) {
  struct stat x, y;
  return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static as_status text_of(const as_json *root, const char *key, const char *path, const as_json **out,
                         as_err *err) {
  *out = as_json_get(root, key);
  if (*out && (*out)->type == AS_JSON_STRING && strlen((*out)->text) == (*out)->text_len) return AS_OK;
  return as_fail(err, AS_E_INPUT, "%s: found no text \"%s\", wanted a record (assay.record/1)", path, key);
}

static as_status parse(as_json_doc **doc, as_file *f, const char *path, as_err *err) {
  as_status s = as_file_open(f, path, err);
  if (s == AS_OK && (s = as_json_parse(doc, (const char *)f->data, f->size, err)) != AS_OK)
    as_fail_in(err, "%s", path);
  return s;
}

/* The plan on disk may have been edited since. */
static void check_plan_file(as_diff *d, const char *path, const as_json *text) {
  as_file f = {0};
  if (as_path_kind_of(path) != AS_PATH_FILE) {
    as_note("%s is gone; the recorded text is verified", path);
    return;
  }
  if (as_file_open(&f, path, NULL) != AS_OK) return;
  if (f.size != text->text_len || memcmp(f.data, text->text, f.size) != 0) {
    as_note("%s has changed since; the recorded text is verified", path);
    as_diff_lines(d, path, text->text, text->text_len, (const char *)f.data, f.size);
  }
  as_file_close(&f);
}

/* Where the label of an image stands in the plan's label file: the line that begins with its name, or
 * the line of its place among all images. */
static void note_label(void *ctx, const char *name, const char *column, char *buf, size_t size) {
  const as_plan_dataset *p = ctx;
  as_file f = {0};
  as_dataset *ds = NULL;
  if (strcmp(column, "label") != 0) return;
  if (p->real) snprintf(buf, size, " (%s)", p->real);
  if (!p->labels || p->real || as_file_open(&f, p->labels, NULL) != AS_OK) return;
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
  if (q < end) snprintf(buf, size, " (%s line %zu)", p->labels, line);
  as_file_close(&f);
}

/* The record's numbers are those of its numerics profile: that one is used, and no other may be asked for. */
static as_status use_profile(const as_args *a, const as_json *root, const char *record, as_err *err) {
  const as_json *profile;
  const char *given = as_arg_text(a, OPT_PROFILE, NULL);
  as_status s = text_of(root, "profile", record, &profile, err);
  if (s == AS_OK && given && strcmp(given, profile->text) != 0)
    s = as_fail(err, AS_E_USAGE, "--profile: found %s, but %s was made with %s", given, record,
                profile->text);
  if (s == AS_OK && (s = as_tool_start(a, profile->text, err)) != AS_OK) as_fail_in(err, "%s", record);
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

static as_status rerun(const as_args *a, const as_json *root, const char *record, const char *home,
                       const char *dir, as_diff *d, as_err *err) {
  const as_json *schema, *text, *file;
  as_plan plan;
  as_status s = text_of(root, "schema", record, &schema, err);
  if (s == AS_OK && strcmp(schema->text, "assay.record/1") != 0)
    s = as_fail(err, AS_E_INPUT, "%s: found schema \"%s\", wanted \"assay.record/1\"", record, schema->text);
  if (s == AS_OK) s = use_profile(a, root, record, err);
  if (s == AS_OK) s = text_of(root, "plan", record, &text, err);
  if (s == AS_OK) s = text_of(root, "plan_file", record, &file, err);
  if (s == AS_OK) s = as_plan_parse(&plan, text->text, text->text_len, file->text, err);
  if (s != AS_OK) return s;
  check_plan_file(d, file->text, text);
  const as_json *lenient = as_json_get(root, "lenient"), *partial = as_json_get(root, "partial");
  as_results res = {0};
  as_run_opts o = {.dir = dir,
                   .batch = (int)as_arg_int(a, OPT_BATCH, 0),
                   .lenient = lenient && lenient->boolean,
                   .partial = partial && partial->boolean,
                   .build = as_tool_build(),
                   .watch = as_tool_watch()};
  s = as_run(&plan, &o, &res, err);
  as_err ignored = {0};
  compare_prints(d, &plan, home, dir, &ignored);
  /* Failed images are a result like any other: the comparison says whether they failed then, too. */
  if (s == AS_E_INPUT && res.cells) s = AS_OK;
  as_results_clear(&res);
  as_plan_clear(&plan);
  return s;
}

as_status as_cmd_verify(const as_args *a, as_err *err) {
  const char *given = a->operand[0];
  bool folder = as_path_kind_of(given) == AS_PATH_DIR;
  char *record = folder ? as_path_join(given, "record.json", err) : as_strdup(given, err);
  char *home = folder ? as_strdup(given, err) : as_path_dir(given, err);
  char *again = NULL;
  as_str to = {0};
  as_json_doc *old = NULL, *now = NULL;
  as_file fo = {0}, fn = {0};
  as_diff d = {.skip = environment};
  as_status s = record && home ? parse(&old, &fo, record, err) : AS_E_ENV;
  if (s == AS_OK) {
    const char *dir = as_folder_verify(a, &to, err) == AS_OK ? as_str_c(&to) : NULL;
    again = dir ? as_path_join(dir, "record.json", err) : NULL;
    if (again && same_folder(dir, home))
      s = as_fail(err, AS_E_USAGE, "-o: %s holds the record itself, wanted another folder", dir);
    else
      s = again ? rerun(a, as_json_root(old), record, home, dir, &d, err) : AS_E_ENV;
  }
  if (s == AS_OK) s = parse(&now, &fn, again, err);
  if (s == AS_OK) {
    as_str out = {0};
    as_diff_json(&d, as_json_root(old), as_json_root(now));
    as_str_put(&out, as_str_c(&d.lines));
    if (d.n > AS_DIFF_SHOWN) as_str_printf(&out, "and %zu more\n", d.n - AS_DIFF_SHOWN);
    if (d.n == 0) as_str_printf(&out, "verified: every field of %s came out the same\n", record);
    if ((s = as_str_status(&out, err)) == AS_OK) as_print(&out);
    as_str_clear(&out);
  }
  if (s != AS_OK && d.n) as_note("%s", as_str_c(&d.lines));
  if (s == AS_OK && d.n)
    s = as_fail(err, AS_E_CHECK, "%zu field%s of %s came out differently (recorded | now)", d.n,
                d.n > 1 ? "s" : "", record);
  as_str_clear(&d.lines);
  as_json_free(&old);
  as_json_free(&now);
  as_file_close(&fo);
  as_file_close(&fn);
  as_free(record);
  as_free(home);
  as_str_clear(&to);
  as_free(again);
  return s;
}
