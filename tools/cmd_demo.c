/* demo: the whole study in miniature. It draws a world, finds, trains or seeds backbones, writes a plan, and is run. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "data/world/world.h"
#include "eval/pretrain/training.h"
#include "eval/run/run.h"
#include "tensor/base/clock.h"
#include "tensor/base/file.h"
#include "tensor/base/mem.h"
#include "tools/cmd.h"
#include "tools/common.h"
#include "tools/outputs.h"
#include "tools/progress.h"
#include "tools/running.h"
#include "tools/say.h"
#include "tools/signals.h"

typedef struct as_demo {
  const as_args *args;
  const char *dir;
  uint64_t seed;
  bool quick, train;
  as_str from;   /* folder of pre-trained backbones; empty: none was found */
  as_names file; /* what is in it */
} as_demo;

enum { QUICK_METHODS = 3 };

static const char untrained_note[] =
    "The backbones of this demo have seeded random weights: nobody trained them. The numbers show how the "
    "study works, not what any method is worth.";
static const char trained_note[] =
    "The backbones of this demo are miniatures: small networks, pre-trained for minutes on drawn pictures. "
    "The numbers "
    "show how methods are compared, not what any of them is worth on photographs.";

/* ---- pre-trained backbones ---- */

/* The checkpoints in a folder, sorted by name. */
static void list_checkpoints(as_names *out, const char *dir) {
  if (as_path_kind_of(dir) != AS_PATH_DIR || as_dir_list(out, dir, NULL) != AS_OK) return;
  size_t kept = 0;
  for (size_t i = 0; i < out->n; i++)
    if (as_ends_with(out->name[i], ".safetensors")) {
      char *name = out->name[i];
      out->name[i] = out->name[kept];
      out->name[kept++] = name;
    }
  for (size_t i = kept; i < out->n; i++) as_free(out->name[i]);
  out->n = kept;
}

/* Beside the binary, where `make install` puts them, and in the source tree. */
static as_status find_backbones(as_demo *d, as_str *looked, as_err *err) {
  static const char *const beside[] = {"miniature", "../share/assay/miniature", "../weights/miniature"};
  char exe[1024];
  const bool told = as_tool_program(exe, sizeof exe);
  char *home = as_path_dir(exe, err);
  if (!home) return AS_E_ENV;
  for (size_t i = 0; d->file.n == 0 && i <= sizeof beside / sizeof *beside; i++) {
    const bool last = i == sizeof beside / sizeof *beside;
    if (!last && !told) continue;
    as_str_clear(&d->from);
    as_str_printf(&d->from, "%s%s%s", last ? "" : home, last ? "" : "/",
                  last ? "weights/miniature" : beside[i]);
    as_names_clear(&d->file);
    list_checkpoints(&d->file, as_str_c(&d->from));
    as_str_printf(looked, "%s%s", i ? ", " : "", as_str_c(&d->from));
  }
  as_free(home);
  if (d->file.n == 0) as_str_clear(&d->from);
  return as_str_status(looked, err);
}

/* Where a checkpoint stands in the table of methods; those that are no method come last. */
static size_t rank_of_method(const char *file) {
  size_t i = 0;
  for (; as_ssl_methods[i]; i++) {
    const size_t n = strlen(as_ssl_methods[i]->name);
    if (strncmp(file, as_ssl_methods[i]->name, n) == 0 && (file[n] == '.' || file[n] == '-')) return i;
  }
  return i;
}

static void sort_backbones(as_names *file) {
  for (size_t i = 1; i < file->n; i++)
    for (size_t k = i; k > 0 && rank_of_method(file->name[k - 1]) > rank_of_method(file->name[k]); k--) {
      char *name = file->name[k];
      file->name[k] = file->name[k - 1];
      file->name[k - 1] = name;
    }
}

/* A note of one line: what the checkpoint says of its training. */
static void put_origin(as_str *t, const char *path) {
  as_state *state = NULL;
  if (as_state_open(&state, path, NULL) == AS_OK) {
    const char *method = as_state_meta(state, "assay.method"), *seed = as_state_meta(state, "assay.seed");
    const as_ssl_method *m = method ? as_ssl_method_named(method) : NULL;
    int64_t s = 0;
    if (m && seed && as_parse_i64(seed, 0, INT64_MAX, &s))
      as_str_printf(t, "note = %s (%s), seed %lld\n", m->title, m->family, (long long)s);
  }
  as_state_close(&state);
}

/* Copies a found backbone into the demo's folder, which then holds all that its plan names. */
static as_status take_backbone(const as_demo *d, as_str *t, const char *file, as_err *err) {
  char *from = as_path_join(as_str_c(&d->from), file, err);
  as_str to = {0};
  as_file f = {0};
  as_str_printf(&to, "%s/weights/%s", d->dir, file);
  as_status s = from ? as_str_status(&to, err) : AS_E_ENV;
  if (s == AS_OK) s = as_file_open(&f, from, err);
  if (s == AS_OK) s = as_file_write(as_str_c(&to), f.data, f.size, err);
  as_str_printf(t, "[model %.*s]\nweights = weights/%s\nhead = probe\nc = 1\n",
                (int)(strlen(file) - strlen(".safetensors")), file, file);
  if (s == AS_OK) put_origin(t, from);
  as_str_putc(t, '\n');
  as_file_close(&f);
  as_free(from);
  as_str_clear(&to);
  return s;
}

/* The same network before its training, which every training must beat. */
static as_status put_untrained(const as_demo *d, as_str *t, as_err *err) {
  as_str path = {0};
  as_str_printf(&path, "%s/weights/untrained.safetensors", d->dir);
  as_status s = as_str_status(&path, err);
  if (s == AS_OK) s = as_backbone_write_seeded(as_str_c(&path), AS_TRAINING_ARCH, d->seed, err);
  as_str_clear(&path);
  as_str_put(t,
             "[model untrained]\nweights = weights/untrained.safetensors\nhead = probe\nc = 1\n"
             "preset = imagenet-bilinear,resize=40,crop=40\nnote = seeded random weights, the floor\n\n");
  return s;
}

static as_status put_found(const as_demo *d, as_str *t, as_err *err) {
  as_status s = AS_OK;
  bool untrained = false;
  for (size_t i = 0; s == AS_OK && i < d->file.n; i++) {
    if (d->quick && i >= QUICK_METHODS) continue;
    untrained = untrained || as_starts_with(d->file.name[i], "untrained");
    s = take_backbone(d, t, d->file.name[i], err);
  }
  return s == AS_OK && !untrained ? put_untrained(d, t, err) : s;
}

/* A training for each method and seed, and the model that takes it. */
static as_status put_trainings(const as_demo *d, as_str *t, as_err *err) {
  const int64_t seeds = as_arg_int(d->args, OPT_SEEDS, 1);
  for (size_t i = 0; as_ssl_methods[i] && (!d->quick || i < QUICK_METHODS); i++)
    for (int64_t k = 0; k < seeds; k++) {
      const as_ssl_method *m = as_ssl_methods[i];
      as_str name = {0};
      as_str_put(&name, m->name);
      if (seeds > 1) as_str_printf(&name, "-s%lld", (long long)k);
      as_str_printf(t, "[pretrain %s]\nmethod = %s\nseed = %lld\nprecision = float16\n", as_str_c(&name),
                    m->name, (long long)k);
      as_str_printf(t, "data = world:seed=%llu%s\n", (unsigned long long)d->seed,
                    d->quick ? ",per-class=16\nepochs = 1" : "");
      as_str_printf(t,
                    "[model %s]\nweights = pretrain:%s\nhead = probe\nc = 1\nnote = %s (%s), seed %lld\n\n",
                    as_str_c(&name), as_str_c(&name), m->title, m->family, (long long)k);
      if (name.failed) t->failed = true;
      as_str_clear(&name);
    }
  return !d->quick && as_ssl_method_named("untrained") ? AS_OK : put_untrained(d, t, err);
}

/* ---- seeded backbones: nobody trained them ---- */

/* Small enough that six of them and five sets take seconds; --quick takes those that have a smaller twin. */
static const struct {
  const char *name, *arch, *quick, *head;
  const char *weights; /* whose; NULL: its own */
} seeded[] = {
    {"resnet-a", "resnet_demo", "resnet_demo:base=8,blocks=1-1-1", "probe", NULL},
    {"resnet-b", "resnet_demo:base=12", NULL, "probe", NULL},
    {"resnet-c", "resnet_demo:blocks=1-1-1,base=12", NULL, "probe", NULL},
    {"vit-a", "vit_demo", "vit_demo:dim=48,depth=2,heads=3", "probe", NULL},
    {"vit-b", "vit_demo:dim=144,depth=3", NULL, "probe", NULL},
    {"vit-a-knn", "vit_demo", "vit_demo:dim=48,depth=2,heads=3", "knn", "vit-a"},
};

static as_status put_seeded(const as_demo *d, as_str *t, as_err *err) {
  as_str path = {0};
  as_status s = AS_OK;
  for (size_t i = 0; s == AS_OK && i < sizeof seeded / sizeof *seeded; i++) {
    const char *arch = d->quick ? seeded[i].quick : seeded[i].arch;
    const char *file = seeded[i].weights ? seeded[i].weights : seeded[i].name;
    if (!arch) continue;
    as_str_clear(&path);
    as_str_printf(&path, "%s/weights/%s.safetensors", d->dir, file);
    s = as_str_status(&path, err);
    if (s == AS_OK && !seeded[i].weights)
      s = as_backbone_write_seeded(as_str_c(&path), arch, d->seed + i, err);
    as_str_printf(
        t, "[model %s]\nweights = weights/%s.safetensors\nhead = %s\n%snote = %s, seeded random weights\n\n",
        seeded[i].name, file, seeded[i].head, strcmp(seeded[i].head, "probe") == 0 ? "c = 0.1\n" : "", arch);
  }
  as_str_clear(&path);
  return s;
}

/* ---- the whole ---- */

static bool is_trained(const as_demo *d) {
  return d->train || d->file.n > 0;
}

static void put_sets(const as_demo *d, as_str *t) {
  static const char *const sets[] = {"val", "v2", "rendition", "sketch"};
  as_str_printf(t,
                "# The study in miniature: a drawn world, %s backbones. Written by `assay demo`;\n"
                "# `assay run` on this file does the same again.\n"
                "[benchmark]\nname = demo\nunified = mean-top1\nremark = %s\n\n",
                is_trained(d) ? "pre-trained" : "seeded", is_trained(d) ? trained_note : untrained_note);
  as_str_put(
      t, "[dataset train]\ntask = folder\npath = world/train\nclasses = world/classes.txt\nrole = train\n\n");
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
    as_str_printf(t, "[dataset %s]\ntask = folder\npath = world/%s\nclasses = world/classes.txt\n\n", sets[i],
                  sets[i]);
    if (i == 0)
      as_str_put(t,
                 "[dataset real]                  # the images of val with every right label\n"
                 "task = folder\npath = world/val\nclasses = world/classes.txt\nreal = world/real.json\n\n");
  }
}

static as_status write_plan(const as_demo *d, as_str *path, as_err *err) {
  as_str t = {0};
  put_sets(d, &t);
  as_status s = d->train        ? put_trainings(d, &t, err)
                : d->file.n > 0 ? put_found(d, &t, err)
                                : put_seeded(d, &t, err);
  as_str_printf(path, "%s/demo.plan", d->dir);
  if (s == AS_OK) s = as_str_status(&t, err);
  if (s == AS_OK) s = as_str_status(path, err);
  if (s == AS_OK) s = as_file_write(as_str_c(path), as_str_c(&t), t.n, err);
  as_str_clear(&t);
  return s;
}

/* The pictures that probes learn from and that are scored; what a training sees is drawn for it. */
static as_status draw_world(const as_demo *d, as_err *err) {
  as_world_opts w = {.seed = d->seed, .size = is_trained(d) ? 48 : d->quick ? 32 : 0};
  for (int i = 0; i < AS_WORLD_SETS; i++)
    w.per_class[i] = i > AS_WORLD_SKETCH   ? -1
                     : d->quick            ? (i == AS_WORLD_TRAIN ? 12 : 6)
                     : !is_trained(d)      ? 0
                     : i == AS_WORLD_TRAIN ? 50
                                           : 100;
  as_str path = {0};
  as_str_printf(&path, "%s/weights", d->dir);
  as_status s = as_str_status(&path, err);
  if (s == AS_OK) s = as_make_dirs(as_str_c(&path), err);
  as_str_clear(&path);
  as_str_printf(&path, "%s/world", d->dir);
  if (s == AS_OK) s = as_str_status(&path, err);
  if (s == AS_OK) as_note("drawing the image world in %s", as_str_c(&path));
  if (s == AS_OK) s = as_world_write(as_str_c(&path), &w, err);
  if (s == AS_OK && as_signal_seen())
    s = as_fail(err, AS_E_STOPPED, "stopped; the same command starts again");
  as_str_clear(&path);
  return s;
}

/* How long the trainings take is said before the first one starts. */
static as_status say_cost(const as_plan *plan, as_err *err) {
  size_t todo;
  double seconds;
  if (plan->n_pretrain == 0) return AS_OK;
  const as_status s = as_run_train_cost(&todo, &seconds, plan, err);
  if (s == AS_OK && todo)
    as_note(
        "%zu of %zu trainings to do, about %.1f min; each is kept once it is done, and the same command goes "
        "on "
        "after a cut",
        todo, plan->n_pretrain, seconds / 60);
  return s;
}

static as_status choose_backbones(as_demo *d, as_err *err) {
  const as_args *a = d->args;
  as_str looked = {0};
  d->train = a->set[OPT_DEMO_TRAIN];
  if (d->train && a->set[OPT_UNTRAINED])
    return as_fail(err, AS_E_USAGE, "--train and --untrained: wanted one of them");
  if (a->set[OPT_SEEDS] && !d->train) return as_fail(err, AS_E_USAGE, "--seeds is for --train");
  if (d->train || a->set[OPT_UNTRAINED]) return AS_OK;
  const as_status s = find_backbones(d, &looked, err);
  if (s == AS_OK && d->file.n == 0)
    as_note(
        "found no pre-trained backbones (%s): these are untrained, as with --untrained; --train makes some",
        as_str_c(&looked));
  if (s == AS_OK && d->file.n > 0) as_note("pre-trained backbones from %s", as_str_c(&d->from));
  sort_backbones(&d->file);
  as_str_clear(&looked);
  return s;
}

as_status as_cmd_demo(const as_args *a, as_err *err) {
  as_str folder = {0}, path = {0};
  as_plan plan = {0};
  const double start = as_seconds();
  as_status s = as_folder_demo(a, &folder, err);
  as_demo d = {.args = a,
               .dir = as_str_c(&folder),
               .seed = (uint64_t)as_arg_int(a, OPT_SEED, 0),
               .quick = a->set[OPT_QUICK]};
  if (s == AS_OK) s = choose_backbones(&d, err);
  if (s == AS_OK) s = draw_world(&d, err);
  if (s == AS_OK) s = write_plan(&d, &path, err);
  if (s == AS_OK) s = as_plan_read(&plan, as_str_c(&path), err);
  if (s == AS_OK) {
    const as_run_opts o = as_tool_run_opts(a, d.dir);
    as_note("%s\nplan %s; world and weights took %.1f s", is_trained(&d) ? trained_note : untrained_note,
            as_str_c(&path), as_seconds() - start);
    s = say_cost(&plan, err);
    if (s == AS_OK) s = as_tool_run(a, &plan, &o, err);
  }
  as_plan_clear(&plan);
  as_names_clear(&d.file);
  as_str_clear(&d.from);
  as_str_clear(&path);
  as_str_clear(&folder);
  return s;
}
