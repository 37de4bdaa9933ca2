/* run and demo: both end in the very same as_run. */
#include <stdio.h>
#include <string.h>

#include "data/world/world.h"
#include "eval/run/run.h"
#include "tensor/base/file.h"
#include "tensor/base/mem.h"
#include "tools/cmd.h"
#include "tools/common.h"
#include "tools/epochs.h"
#include "tools/outputs.h"
#include "tools/progress.h"
#include "tools/say.h"
#include "tools/signals.h"

static as_run_opts run_opts(const as_args *a, const char *dir) {
  return (as_run_opts){.dir = dir,
                       .batch = (int)as_arg_int(a, OPT_BATCH, 0),
                       .lenient = a->set[OPT_LENIENT],
                       .partial = a->set[OPT_PARTIAL],
                       .cache = as_arg_text(a, OPT_CACHE, NULL),
                       .keep = !a->set[OPT_KEEP]    ? 0
                               : a->a[OPT_KEEP] > 0 ? a->a[OPT_KEEP]
                                                    : -1,
                       .start = a->set[OPT_FORCE] ? AS_RUN_FRESH : AS_RUN_CONTINUE,
                       .report = as_tool_report_opts(a),
                       .build = as_tool_build(),
                       .watch = as_tool_watch(),
                       .training = as_tool_training_tell};
}

static as_status print_table(const as_results *r, const as_run_opts *o, as_err *err) {
  as_str out = {0};
  as_status s = as_report_text(&out, r, &o->report, err);
  if (s == AS_OK) s = as_str_status(&out, err);
  if (s == AS_OK) as_print(&out);
  as_str_clear(&out);
  return s;
}

/* record.json as it stands in the folder. */
static as_status print_record(const char *dir, as_err *err) {
  char *path = as_path_join(dir, "record.json", err);
  as_file f = {0};
  as_status s = path ? as_file_open(&f, path, err) : AS_E_ENV;
  as_str text = {0};
  if (s == AS_OK) {
    as_str_putn(&text, (const char *)f.data, f.size);
    as_print(&text);
  }
  as_str_clear(&text);
  as_file_close(&f);
  as_free(path);
  return s;
}

/* plan NULL: the operands are shards. */
static as_status compute(const as_args *a, const as_plan *plan, const as_run_opts *given, as_err *err) {
  as_results res = {0};
  as_report_cache cache = {0}; /* what the written tables derived serves the printed one */
  as_run_opts opts = *given, *o = &opts;
  opts.report.cache = &cache;
  opts.report.brief = true; /* table.txt and report.html have the rest */
  as_err printing = {0};
  double start = as_seconds();
  as_status s = plan ? as_run(plan, o, &res, err) : as_merge(a->operand, (size_t)a->n_operands, o, &res, err);
  /* Failed images and models leave results, which are shown; the status stays. */
  if (res.cells) {
    as_status p = a->set[OPT_JSON] ? print_record(o->dir, &printing) : print_table(&res, o, &printing);
    as_note("%zu models x %zu sets in %.1f s: %s/report.html", res.n_models, res.n_sets, as_seconds() - start,
            o->dir);
    if (s == AS_OK && p != AS_OK) {
      s = p;
      *err = printing;
    }
  }
  if (s == AS_E_STOPPED) as_fail_in(err, "%s is kept, the same command goes on from there", o->dir);
  as_report_cache_clear(&cache);
  as_results_clear(&res);
  return s;
}

as_status as_cmd_run(const as_args *a, as_err *err) {
  as_plan plan;
  as_str dir = {0}, out = {0};
  as_status s = as_plan_open(&plan, a->operand[0], err);
  if (s != AS_OK) return s;
  s = as_folder_run(a, &dir, err);
  as_run_opts o = run_opts(a, as_str_c(&dir));
  if (s == AS_OK && (a->set[OPT_CHECK] || a->set[OPT_ESTIMATE] || a->set[OPT_URLS])) {
    as_check_form form = a->set[OPT_URLS] ? AS_CHECK_URLS : a->set[OPT_JSON] ? AS_CHECK_JSON : AS_CHECK_TEXT;
    s = as_run_check(&plan, &o, form, &out, err);
    as_print(&out);
  } else if (s == AS_OK && a->set[OPT_SHARD]) {
    s = as_run_shard(&plan, &o, a->a[OPT_SHARD], a->b[OPT_SHARD], err);
    if (s == AS_OK) as_note("%s is finished; assay merge puts all of them together", as_str_c(&dir));
    if (s == AS_E_STOPPED) as_fail_in(err, "%s is kept, the same command goes on from there", as_str_c(&dir));
  } else if (s == AS_OK) {
    s = compute(a, &plan, &o, err);
  }
  as_str_clear(&out);
  as_str_clear(&dir);
  as_plan_clear(&plan);
  return s;
}

as_status as_cmd_merge(const as_args *a, as_err *err) {
  as_run_opts o = run_opts(a, a->text[OPT_OUTPUT]);
  as_roots roots = {0};
  as_status s = as_tool_roots(&roots, a, err);
  o.roots = &roots;
  if (s == AS_OK) s = compute(a, NULL, &o, err);
  as_roots_clear(&roots);
  return s;
}

/* The demo's models: small enough that six of them and five sets take seconds. */
static const struct {
  const char *name, *arch;
  const char *head;
  bool quick; /* also part of --quick */
} demo_models[] = {
    {"resnet-a", "resnet_demo", "probe", true},
    {"resnet-b", "resnet_demo:base=12", "probe", false},
    {"resnet-c", "resnet_demo:blocks=1-1-1,base=12", "probe", false},
    {"vit-a", "vit_demo", "probe", true},
    {"vit-b", "vit_demo:dim=144,depth=3", "probe", false},
    {"vit-a-knn", NULL, "knn", true}, /* the weights of the one before the last */
};

static const char demo_note[] =
    "The backbones of this demo have seeded random weights: nobody trained them. The numbers show how the "
    "study works, not what any method is worth.";

static as_status write_models(const char *dir, uint64_t seed, bool quick, as_err *err) {
  as_str path = {0};
  as_status s = AS_OK;
  for (size_t i = 0; s == AS_OK && i < sizeof demo_models / sizeof *demo_models; i++) {
    if (!demo_models[i].arch || (quick && !demo_models[i].quick)) continue;
    as_str_clear(&path);
    as_str_printf(&path, "%s/weights/%s.safetensors", dir, demo_models[i].name);
    if ((s = as_str_status(&path, err)) == AS_OK)
      s = as_backbone_write_seeded(as_str_c(&path), demo_models[i].arch, seed + i, err);
  }
  as_str_clear(&path);
  return s;
}

static as_status write_plan(const char *dir, bool quick, as_str *path, as_err *err) {
  static const char *const sets[] = {"val", "v2", "rendition", "sketch"};
  as_str t = {0};
  as_str_printf(&t,
                "# The study in miniature: a drawn world, seeded backbones. Written by `assay demo`;\n"
                "# `assay run` on this file does the same again.\n"
                "[benchmark]\nname = demo\nunified = mean-top1\nremark = %s\n\n",
                demo_note);
  as_str_put(
      &t,
      "[dataset train]\ntask = folder\npath = world/train\nclasses = world/classes.txt\nrole = train\n\n");
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
    as_str_printf(&t, "[dataset %s]\ntask = folder\npath = world/%s\nclasses = world/classes.txt\n\n",
                  sets[i], sets[i]);
    if (i == 0)
      as_str_put(&t,
                 "[dataset real]                  # the images of val with every right label\n"
                 "task = folder\npath = world/val\nclasses = world/classes.txt\nreal = world/real.json\n\n");
  }
  for (size_t i = 0; i < sizeof demo_models / sizeof *demo_models; i++) {
    const char *arch = demo_models[i].arch, *file = demo_models[i].name;
    if (quick && !demo_models[i].quick) continue;
    if (!arch) {
      file = "vit-a";
      arch = "vit_demo";
    }
    as_str_printf(
        &t, "[model %s]\nweights = weights/%s.safetensors\nhead = %s\n%snote = %s, seeded random weights\n\n",
        demo_models[i].name, file, demo_models[i].head,
        strcmp(demo_models[i].head, "probe") == 0 ? "c = 0.1\n" : "", arch);
  }
  as_str_printf(path, "%s/demo.plan", dir);
  as_status s = as_str_status(&t, err);
  if (s == AS_OK) s = as_str_status(path, err);
  if (s == AS_OK) s = as_file_write(as_str_c(path), as_str_c(&t), t.n, err);
  as_str_clear(&t);
  return s;
}

as_status as_cmd_demo(const as_args *a, as_err *err) {
  as_str folder = {0};
  as_status s = as_folder_demo(a, &folder, err);
  const char *dir = as_str_c(&folder);
  uint64_t seed = (uint64_t)as_arg_int(a, OPT_SEED, 0);
  bool quick = a->set[OPT_QUICK];
  as_world_opts world = {.seed = seed};
  as_str path = {0}, sub = {0};
  as_plan plan = {0};
  double start = as_seconds();
  if (quick) {
    for (int i = 0; i < AS_WORLD_SETS; i++) world.per_class[i] = i == AS_WORLD_TRAIN ? 12 : 6;
    world.per_class[AS_WORLD_CORRUPTED] = world.per_class[AS_WORLD_CONFLICT] = -1;
  }
  as_str_printf(&sub, "%s/weights", dir);
  if (s == AS_OK) s = as_str_status(&sub, err);
  if (s == AS_OK) s = as_make_dirs(as_str_c(&sub), err);
  if (s == AS_OK) as_note("drawing the image world in %s/world", dir);
  as_str_clear(&sub);
  as_str_printf(&sub, "%s/world", dir);
  if (s == AS_OK) s = as_world_write(as_str_c(&sub), &world, err);
  if (s == AS_OK && as_signal_seen())
    s = as_fail(err, AS_E_STOPPED, "stopped; the same command starts again");
  if (s == AS_OK) s = write_models(dir, seed, quick, err);
  if (s == AS_OK) s = write_plan(dir, quick, &path, err);
  if (s == AS_OK) s = as_plan_read(&plan, as_str_c(&path), err);
  if (s == AS_OK) {
    as_run_opts o = run_opts(a, dir);
    as_note("%s\nplan %s; world and weights took %.1f s", demo_note, as_str_c(&path), as_seconds() - start);
    s = compute(a, &plan, &o, err);
  }
  as_plan_clear(&plan);
  as_str_clear(&path);
  as_str_clear(&sub);
  as_str_clear(&folder);
  return s;
}
