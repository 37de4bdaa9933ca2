/* info and selftest: what this program is, and whether it computes what it should. */
#include <stdio.h>
#include <string.h>

#include "data/augment/colour.h"
#include "data/image/image_kernels.h"
#include "data/image/preset.h"
#include "eval/run/plan.h"
#include "eval/run/plans.h"
#include "models/model.h"
#include "models/selftest.h"
#include "models/ssl/ssl.h"
#include "models/ssl/train_selftest.h"
#include "tensor/base/cpu.h"
#include "tensor/base/hash/hash_kernels.h"
#include "tensor/base/json.h"
#include "tensor/base/par.h"
#include "tensor/kern/kernels.h"
#include "tensor/runtime.h"
#include "tools/bench.h"
#include "tools/cmd.h"
#include "tools/manual.h"
#include "tools/say.h"
#include "tools/version.h"
#include "weights/recipe/recipe.h"

static void put_names(as_jsonw *w, const char *key, const char *const *names) {
  as_jsonw_key(w, key);
  as_jsonw_array(w);
  for (; *names; names++) as_jsonw_str(w, *names);
  as_jsonw_end(w);
}

/* The kernels of every room that has some. */
static size_t (*const kernel_rooms[])(const as_kernel_info **) = {as_tensor_kernels, as_hash_kernels,
                                                                  as_image_kernels, as_augment_kernels};
enum { KERNEL_ROOMS = sizeof kernel_rooms / sizeof *kernel_rooms };

static void put_kernels(as_jsonw *w) {
  as_jsonw_key(w, "kernels");
  as_jsonw_array(w);
  for (size_t room = 0; room < KERNEL_ROOMS; room++) {
    const as_kernel_info *k;
    const size_t n = kernel_rooms[room](&k);
    for (size_t i = 0; i < n; i++) {
      char needs[64];
      as_jsonw_object(w);
      as_jsonw_text(w, "op", k[i].op);
      as_jsonw_text(w, "variant", k[i].variant);
      as_jsonw_text(w, "needs", as_cpu_words(k[i].needs, needs));
      as_jsonw_key(w, "available"), as_jsonw_bool(w, !(k[i].needs & ~as_cpu_detected()));
      as_jsonw_key(w, "selected"), as_jsonw_bool(w, as_kernel_in_use(k, n, i));
      as_jsonw_end(w);
    }
  }
  as_jsonw_end(w);
}

static void list_kernels(as_str *out) {
  as_str_printf(out, "\n%-14s%-12s%s\n", "kernel", "variant", "needs");
  for (size_t room = 0; room < KERNEL_ROOMS; room++) {
    const as_kernel_info *k;
    const size_t n = kernel_rooms[room](&k);
    for (size_t i = 0; i < n; i++) {
      char needs[64];
      const bool available = !(k[i].needs & ~as_cpu_detected()), used = as_kernel_in_use(k, n, i);
      as_str_printf(out, "%-14s%-12s%-20s%s\n", k[i].op, k[i].variant, as_cpu_words(k[i].needs, needs),
                    used        ? "in use"
                    : available ? ""
                                : "not on this CPU");
    }
  }
}

static void info_json(as_str *out) {
  as_jsonw w;
  as_jsonw_init(&w, out, false);
  as_jsonw_object(&w);
  as_jsonw_text(&w, "version", AS_VERSION);
  as_jsonw_text(&w, "commit", as_commit_text());
  as_jsonw_text(&w, "compiler", as_compiler_text());
  as_jsonw_text(&w, "profile", as_profile_name());
  as_jsonw_key(&w, "profiles");
  as_jsonw_array(&w);
  for (const as_profile_info *p = as_profile_list(); p->name; p++) as_jsonw_str(&w, p->name);
  as_jsonw_end(&w);
  as_jsonw_text(&w, "cpu", as_cpu_name());
  as_jsonw_key(&w, "openmp"), as_jsonw_bool(&w, as_par_has_openmp());
  as_jsonw_key(&w, "threads"), as_jsonw_i64(&w, as_par_threads());
  as_jsonw_key(&w, "processors"), as_jsonw_i64(&w, as_par_processors());
  as_jsonw_text(&w, "selftest_sha256", as_selftest_expected());
  put_names(&w, "architectures", as_model_names());
  put_names(&w, "presets", as_preset_names());
  as_jsonw_key(&w, "recipes");
  as_jsonw_array(&w);
  for (size_t i = 0; i < as_recipe_builtin_count(); i++)
    as_jsonw_str(&w, as_recipe_name(as_recipe_builtin(i)));
  as_jsonw_end(&w);
  put_kernels(&w);
  as_jsonw_end(&w);
  as_str_putc(out, '\n');
}

static void list(as_str *out, const char *title, const char *const *names) {
  size_t column = 14;
  as_str_printf(out, "%-14s", title);
  for (; *names; names++) {
    if (column + strlen(*names) > 100) {
      as_str_printf(out, "\n%-14s", "");
      column = 14;
    }
    as_str_printf(out, "%s ", *names);
    column += strlen(*names) + 1;
  }
  as_str_putc(out, '\n');
}

static void info_text(as_str *out, bool kernels) {
  as_str_printf(out, "%-14s%s (commit %s, %s)\n", "assay", AS_VERSION, as_commit_text(), as_compiler_text());
  for (const as_profile_info *p = as_profile_list(); p->name; p++)
    as_str_printf(out, "%-14s%s%s: %s\n", p == as_profile_list() ? "profiles" : "", p->name,
                  strcmp(p->name, as_profile_name()) == 0 ? " (in use)" : "", p->about);
  as_str_printf(out, "%-14s%s, %d processors\n", "cpu", as_cpu_name(), as_par_processors());
  as_str_printf(out, "%-14s%d (%s)\n", "threads", as_par_threads(),
                as_par_has_openmp() ? "OpenMP" : "built without OpenMP");
  list(out, "architectures", as_model_names());
  list(out, "presets", as_preset_names());
  as_str_printf(out, "%-14s", "recipes");
  for (size_t i = 0; i < as_recipe_builtin_count(); i++)
    as_str_printf(out, "%s%s", i ? " " : "", as_recipe_name(as_recipe_builtin(i)));
  as_str_printf(out, "\n%-14s", "plans");
  for (size_t i = 0; i < as_plan_files_count; i++)
    as_str_printf(out, "%s%s", i ? " " : "", as_plan_files[i].name);
  as_str_putc(out, '\n');
  if (kernels) list_kernels(out);
}

/* A built-in plan as its file, to be copied and changed. */
static as_status print_plan(const char *name, as_err *err) {
  as_plan plan;
  as_str out = {0};
  as_status s = as_plan_open(&plan, name, err);
  if (s != AS_OK) return s;
  as_str_putn(&out, plan.text, plan.text_n);
  if ((s = as_str_status(&out, err)) == AS_OK) as_print(&out);
  as_str_clear(&out);
  as_plan_clear(&plan);
  return s;
}

static as_status print_manual(const as_args *a, as_err *err) {
  as_str out = {0};
  if (a->set[OPT_MAN])
    as_manual_page(&out);
  else if (strcmp(a->text[OPT_COMPLETION], "bash") == 0)
    as_completion_bash(&out);
  else if (strcmp(a->text[OPT_COMPLETION], "zsh") == 0)
    as_completion_zsh(&out);
  else
    as_completion_fish(&out);
  as_status s = as_str_status(&out, err);
  if (s == AS_OK) as_print(&out);
  as_str_clear(&out);
  return s;
}

static void put_params(as_str *out, const as_ssl_method *m) {
  const as_ssl_param *p;
  for (size_t i = 0; (p = as_ssl_param_at(m, i)) != NULL; i++) {
    as_str_printf(out, "  %-14s %-10.6g %s", p->name, p->value, p->about);
    if (*p->published) as_str_printf(out, "%spublished: %s", *p->about ? "; " : "", p->published);
    as_str_putc(out, '\n');
  }
}

/* A method: its equations, its views, its parameters with what they are here and in the authors' code. */
static as_status print_method(const char *name, as_err *err) {
  const as_ssl_method *m;
  as_status s = as_ssl_method_find(&m, name, err);
  if (s != AS_OK) return s;
  as_str out = {0};
  as_str_printf(&out, "%s (%s)\n\n%s\n\nviews:", m->title, m->family, m->about);
  for (size_t v = 0; m->view[v]; v++) as_str_printf(&out, " %s", m->view[v]);
  if (!m->view[0]) as_str_put(&out, " none");
  as_str_put(&out, "\n\nparameters (--set NAME=VALUE):\n");
  put_params(&out, m);
  s = as_str_status(&out, err);
  if (s == AS_OK) as_print(&out);
  as_str_clear(&out);
  return s;
}

as_status as_cmd_info(const as_args *a, as_err *err) {
  as_str out = {0};
  if (a->set[OPT_PLAN]) return print_plan(a->text[OPT_PLAN], err);
  if (a->set[OPT_METHOD]) return print_method(a->text[OPT_METHOD], err);
  if (a->set[OPT_MAN] || a->set[OPT_COMPLETION]) return print_manual(a, err);
  if (a->set[OPT_JSON])
    info_json(&out);
  else
    info_text(&out, a->set[OPT_KERNELS]);
  as_status s = as_str_status(&out, err);
  if (s == AS_OK) as_print(&out);
  as_str_clear(&out);
  return s;
}

/* How fast this machine is at what it computes right: batch 8, about a second per network. */
static as_status selftest_speed(as_str *out, as_jsonw *w, as_err *err) {
  static const char *const nets[] = {"resnet50", "vits16", "vitb16"};
  const double peak = as_bench_peak();
  if (w)
    as_jsonw_key(w, "peak_gflops"), as_jsonw_f64(w, peak);
  else
    as_str_printf(out, "\nfloat32 multiply-adds  %.0f GFLOP/s on %d threads\n", peak, as_par_threads());
  if (w) as_jsonw_key(w, "images_per_second"), as_jsonw_object(w);
  as_status s = AS_OK;
  for (size_t i = 0; s == AS_OK && i < sizeof nets / sizeof *nets; i++) {
    as_bench b;
    if ((s = as_bench_open(&b, nets[i], 8, err)) != AS_OK) break;
    const double rate = as_bench_rate(&b, 1);
    if (w)
      as_jsonw_key(w, nets[i]), as_jsonw_f64(w, rate);
    else
      as_str_printf(out, "%-9s batch 8      %.2f images/s\n", nets[i], rate);
    as_bench_close(&b);
  }
  if (w) as_jsonw_end(w);
  return s;
}

as_status as_cmd_selftest(const as_args *a, as_err *err) {
  char hex[65];
  const char *want = as_selftest_expected();
  as_status s = as_selftest((int)as_arg_int(a, OPT_BATCH, 2), hex, err);
  if (s != AS_OK) return s;
  char trained[AS_TRAIN_PARTS][65];
  const char *differs = strcmp(hex, want) != 0 ? "features" : NULL, *found = hex, *wanted = want;
  for (as_train_part p = 0; p < AS_TRAIN_PARTS; p++) {
    if ((s = as_train_selftest(p, trained[p], err)) != AS_OK) return s;
    if (!differs && strcmp(trained[p], as_train_selftest_expected(p)) != 0)
      differs = as_train_selftest_name(p), found = trained[p], wanted = as_train_selftest_expected(p);
  }
  const bool same = !differs;
  as_str out = {0};
  if (a->set[OPT_JSON]) {
    as_jsonw w;
    as_jsonw_init(&w, &out, false);
    as_jsonw_object(&w);
    as_jsonw_text(&w, "profile", as_profile_name());
    as_jsonw_text(&w, "cpu", as_cpu_name());
    as_jsonw_key(&w, "threads"), as_jsonw_i64(&w, as_par_threads());
    as_jsonw_text(&w, "sha256", hex);
    as_jsonw_text(&w, "documented", want);
    for (as_train_part p = 0; p < AS_TRAIN_PARTS; p++) {
      char key[40];
      (void)snprintf(key, sizeof key, "%s_sha256", as_train_selftest_name(p));
      as_jsonw_text(&w, key, trained[p]);
      (void)snprintf(key, sizeof key, "%s_documented", as_train_selftest_name(p));
      as_jsonw_text(&w, key, as_train_selftest_expected(p));
    }
    as_jsonw_key(&w, "same"), as_jsonw_bool(&w, same);
    if (a->set[OPT_BENCH]) s = selftest_speed(&out, &w, err);
    as_jsonw_end(&w);
    as_str_putc(&out, '\n');
  } else {
    as_str_printf(&out, "profile     %s, kernels %s, %d threads\n", as_profile_name(), as_cpu_name(),
                  as_par_threads());
    as_str_printf(&out, "computed    %s\ndocumented  %s\n", hex, want);
    for (as_train_part p = 0; p < AS_TRAIN_PARTS; p++)
      as_str_printf(&out, "%-11s %s\ndocumented  %s\n", as_train_selftest_name(p), trained[p],
                    as_train_selftest_expected(p));
    as_str_printf(
        &out, "%s\n",
        same ? "the same bits" : "DIFFERENT: this build does not compute what the profile promises");
    if (a->set[OPT_BENCH]) s = selftest_speed(&out, NULL, err);
  }
  if (s == AS_OK && (s = as_str_status(&out, err)) == AS_OK) as_print(&out);
  as_str_clear(&out);
  if (s != AS_OK) return s;
  return differs ? as_fail(err, AS_E_CHECK, "%s: found %s, wanted %s", differs, found, wanted) : AS_OK;
}
