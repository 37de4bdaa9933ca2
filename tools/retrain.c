/* verify of a checkpoint: the same training once more, from the words in its metadata. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "eval/pretrain/training.h"
#include "tensor/base/file.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/mem.h"
#include "tools/differ.h"
#include "tools/epochs.h"
#include "tools/outputs.h"
#include "tools/retrain.h"
#include "tools/say.h"

/* Would the new checkpoint replace the one that it is compared with? */
static as_status refuse_home(const char *file, const char *dir, as_err *err) {
  struct stat x, y;
  char *home = as_path_dir(file, err);
  if (!home) return AS_E_ENV;
  const bool same = stat(home, &x) == 0 && stat(dir, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
  as_free(home);
  return same ? as_fail(err, AS_E_USAGE, "-o: %s holds the checkpoint itself, wanted another folder", dir)
              : AS_OK;
}

static void compare_tensors(as_diff *d, const as_state *old, const as_state *now) {
  const as_state_entry *e = as_state_entries(old);
  for (size_t i = 0; i < as_state_count(old); i++) {
    const as_state_entry *x = as_state_find(now, e[i].name);
    if (x && e[i].view.bytes == x->view.bytes && e[i].view.dtype == x->view.dtype &&
        memcmp(e[i].view.data, x->view.data, e[i].view.bytes) == 0)
      continue;
    char a[65], b[65] = "absent";
    as_sha256_of(e[i].view.data, e[i].view.bytes, a);
    if (x) as_sha256_of(x->view.data, x->view.bytes, b);
    a[12] = b[12] = '\0';
    as_diff_add(d, e[i].name, a, b);
  }
  const as_state_entry *y = as_state_entries(now);
  for (size_t i = 0; i < as_state_count(now); i++)
    if (!as_state_find(old, y[i].name)) as_diff_add(d, y[i].name, "absent", "there");
}

static const char *const told[] = {"assay.arch",   "assay.command", "assay.data",   "assay.family",
                                   "assay.images", "assay.method",  "assay.preset", "assay.profile",
                                   "assay.seed",   "assay.training"};

/* What differs is named: tensors first, then what the metadata say. */
static as_status compare(as_diff *d, const as_state *old, const char *path, as_err *err) {
  as_file a = {0}, b = {0};
  as_state *now = NULL;
  as_status s = as_file_open(&a, as_state_path(old), err);
  if (s == AS_OK) s = as_file_open(&b, path, err);
  if (s == AS_OK) s = as_state_open(&now, path, err);
  if (s == AS_OK && (a.size != b.size || memcmp(a.data, b.data, a.size) != 0)) {
    compare_tensors(d, old, now);
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
      const char *x = as_state_meta(old, told[i]), *y = as_state_meta(now, told[i]);
      if (strcmp(x ? x : "", y ? y : "") != 0) as_diff_add(d, told[i], x ? x : "", y ? y : "");
    }
    if (d->n == 0) as_diff_add(d, "the file", "its bytes", "others, with equal tensors and metadata");
  }
  as_state_close(&now);
  as_file_close(&a);
  as_file_close(&b);
  return s;
}

static as_status train_again(const as_args *a, const as_state *old, const char *dir, as_diff *d, as_str *out,
                             as_err *err) {
  as_training t;
  as_training_open o = {0};
  as_pretrain_result r = {0};
  char *owned = NULL, *world = as_path_join(dir, "world", err), *path = NULL;
  as_status s = world ? as_training_of_checkpoint(&t, &owned, old, err) : AS_E_ENV;
  if (s == AS_OK && !a->set[OPT_DATA] && !t.data.path)
    s = as_fail(err, AS_E_USAGE, "%s was trained with %s; say with --data where these images are",
                as_state_path(old), t.data_said);
  if (s == AS_OK) {
    t.data.path = as_arg_text(a, OPT_DATA, t.data.path);
    t.data.classes = as_arg_text(a, OPT_CLASSES, NULL);
    t.data.labels = as_arg_text(a, OPT_LABELS, NULL);
    s = as_training_start(&o, &t, world, err);
  }
  if (s == AS_OK) {
    as_note("%s: training again, %s", as_state_path(old), t.command);
    as_tool_training_tell(&o.opts);
    o.opts.dir = dir;
    path = as_path_join(dir, "checkpoint.safetensors", err);
    s = path ? AS_OK : AS_E_ENV;
    if (s == AS_OK) (void)remove(path); /* what an earlier verify left proves nothing */
  }
  if (s == AS_OK) s = as_pretrain(&o.opts, &r, err);
  if (s == AS_OK) s = compare(d, old, path, err);
  if (s == AS_OK && d->n == 0)
    as_str_printf(out,
                  "verified: %s trained again on %zu images (%zu epoch%s, seed %llu) gave the same file, %zu "
                  "tensors and all metadata\n",
                  o.opts.ssl.method->title, r.images, o.opts.ssl.epochs, o.opts.ssl.epochs == 1 ? "" : "s",
                  (unsigned long long)o.opts.ssl.seed, as_state_count(old));
  as_training_close(&o);
  as_free(owned);
  as_free(world);
  as_free(path);
  return s;
}

as_status as_tool_retrain(const as_args *a, as_err *err) {
  const char *file = a->operand[0];
  as_state *old = NULL;
  as_str dir = {0}, out = {0};
  as_diff d = {0};
  as_status s = as_state_open(&old, file, err);
  if (s == AS_OK) s = as_folder_verify(a, &dir, err);
  if (s == AS_OK) s = refuse_home(file, as_str_c(&dir), err);
  if (s == AS_OK) s = train_again(a, old, as_str_c(&dir), &d, &out, err);
  if (s == AS_E_STOPPED) as_fail_in(err, "%s is kept, the same command goes on from there", as_str_c(&dir));
  if (s == AS_OK) {
    as_str_put(&out, as_str_c(&d.lines));
    if (d.n > AS_DIFF_SHOWN) as_str_printf(&out, "and %zu more\n", d.n - AS_DIFF_SHOWN);
    if ((s = as_str_status(&out, err)) == AS_OK) as_print(&out);
  }
  if (s == AS_OK && d.n == 0 && !a->set[OPT_OUTPUT]) as_training_remove(as_str_c(&dir));
  if (s == AS_OK && d.n)
    s = as_fail(err, AS_E_CHECK, "%zu thing%s of %s differ%s (in the file | trained again)", d.n,
                d.n > 1 ? "s" : "", file, d.n > 1 ? "" : "s");
  as_state_close(&old);
  as_str_clear(&d.lines);
  as_str_clear(&dir);
  as_str_clear(&out);
  return s;
}
