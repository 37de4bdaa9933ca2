#define _POSIX_C_SOURCE 200809L
#include "tools/common.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "data/sets/tasks.h"
#include "tensor/base/file.h"
#include "tools/progress.h"
#include "tools/say.h"
#include "tools/trace.h"
#include "tools/version.h"

as_dataset_opts as_tool_dataset_opts(const as_args *a) {
  as_dataset_opts o = {.path = as_arg_text(a, OPT_DATA, NULL),
                       .task = as_arg_text(a, OPT_TASK, NULL),
                       .classes = as_arg_text(a, OPT_CLASSES, NULL),
                       .labels = as_arg_text(a, OPT_LABELS, NULL),
                       .real = as_arg_text(a, OPT_REAL, NULL),
                       .subset = as_arg_text(a, OPT_SUBSET, NULL),
                       .flavour = as_arg_text(a, OPT_FLAVOUR, NULL),
                       .limit = as_arg_int(a, OPT_LIMIT, 0)};
  if (a->set[OPT_PER_CLASS]) {
    o.per_class_from = a->a[OPT_PER_CLASS];
    o.per_class_to = a->b[OPT_PER_CLASS];
  }
  if (a->set[OPT_SHARD]) {
    o.shard = a->a[OPT_SHARD];
    o.shards = a->b[OPT_SHARD];
  }
  return o;
}

as_status as_tool_backbone(as_backbone *b, const as_args *a, bool digest, as_err *err) {
  as_backbone_opts o = {.weights = as_arg_text(a, OPT_WEIGHTS, NULL),
                        .recipe = as_arg_text(a, OPT_RECIPE, NULL),
                        .arch = as_arg_text(a, OPT_ARCH, NULL),
                        .preset = as_arg_text(a, OPT_PRESET, NULL),
                        .digest = digest};
  as_status s = as_backbone_open(b, &o, err);
  const as_task *task = a->set[OPT_TASK] && !o.preset ? as_task_find(a->text[OPT_TASK]) : NULL;
  if (s != AS_OK || !task || !task->preset) return s;
  /* A set that asks for its own geometry gets it, with the model's normalisation, as in a run. */
  as_preset p;
  char text[256];
  s = as_preset_parse(&p, task->preset, err);
  if (s != AS_OK) return s;
  p.caffe = b->preset.caffe;
  memcpy(p.mean, b->preset.mean, sizeof p.mean);
  memcpy(p.std, b->preset.std, sizeof p.std);
  return as_backbone_use_preset(b, as_preset_text(&p, text, sizeof text), err);
}

as_status as_tool_features(as_features *f, as_backbone *b, const as_dataset *ds, const as_args *a,
                           as_err *err) {
  return as_tool_features_to(f, b, ds, a, NULL, NULL, err);
}

as_status as_tool_features_to(as_features *f, as_backbone *b, const as_dataset *ds, const as_args *a,
                              as_features_row_fn *row, void *ctx, as_err *err) {
  as_trace *trace = NULL;
  as_status s = AS_OK;
  as_note("recipe %s: %s", as_recipe_name(b->recipe), as_model_arch(b->model));
  as_note("preset %s", b->preset_text);
  if (*b->assumed) as_caution("assumed: %s", b->assumed);
  if (a->set[OPT_TRACE]) s = as_trace_open(&trace, a->text[OPT_TRACE], b->model, err);
  as_features_opts o = {.batch = (int)as_arg_int(a, OPT_BATCH, 0),
                        .lenient = a->set[OPT_LENIENT],
                        .what = "images",
                        .watch = as_tool_watch(),
                        .row = row,
                        .row_ctx = ctx};
  if (s == AS_OK) s = as_features_run(f, b->model, &b->preset, ds, &o, err);
  if (trace) {
    as_err later = {0};
    as_status t = as_trace_close(&trace, b->model, s == AS_OK, &later);
    if (s == AS_OK && t != AS_OK) {
      s = t;
      *err = later;
    }
  }
  if (s == AS_OK && f->n_warned) as_note("%zu images decoded with a warning", f->n_warned);
  return s;
}

as_status as_tool_roots(as_roots *r, const as_args *a, as_err *err) {
  as_status s = AS_OK;
  for (int i = 0; s == AS_OK && i < a->n_listed; i++)
    if (a->listed[i].id == OPT_ROOT) s = as_roots_add(r, a->listed[i].text, err);
  return s;
}

bool as_tool_program(char *path, size_t size) {
  const ssize_t n = readlink("/proc/self/exe", path, size - 1);
  path[n > 0 ? n : 0] = '\0';
  return n > 0;
}

as_build_info as_tool_build(void) {
  return (as_build_info){AS_VERSION, as_commit_text(), as_compiler_text()};
}

/* The locale's own words, without setlocale: the library must not depend on it. */
static bool utf8_terminal(void) {
  const char *names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
  for (int i = 0; i < 3; i++) {
    const char *v = getenv(names[i]);
    if (v && *v) return strstr(v, "UTF-8") || strstr(v, "utf8") || strstr(v, "UTF8") || strstr(v, "utf-8");
  }
  return false;
}

as_report_opts as_tool_report_opts(const as_args *a) {
  as_report_opts o = {.width = (int)as_arg_int(a, OPT_WIDTH, 0),
                      .ascii = a->set[OPT_ASCII],
                      .no_images = a->set[OPT_NO_IMAGES]};
  o.seed = (uint64_t)as_arg_int(a, OPT_SEED, 0);
  o.resamples = (int)as_arg_int(a, OPT_RESAMPLES, 0);
  if (isatty(STDOUT_FILENO)) {
    struct winsize w;
    if (!o.width && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col >= 40) o.width = w.ws_col;
    if (!utf8_terminal()) o.ascii = true;
  }
  return o;
}

as_status as_tool_figures(const as_results *r, const as_report_opts *o, const as_args *a, as_err *err) {
  const char *dir = a->text[OPT_FIGURES];
  as_figures f = {0};
  if (!dir) return AS_OK;
  as_status s = as_report_figures(&f, r, o, err);
  if (s == AS_OK) s = as_figures_write(&f, dir, err);
  if (s == AS_OK) as_note("%s: %zu figures, each as .svg and .csv", dir, f.n);
  as_figures_clear(&f);
  return s;
}

static void to_file(void *ctx, const char *text, size_t n) {
  as_out_write(&((as_sink *)ctx)->file, text, n);
}

static void to_screen(void *ctx, const char *text, size_t n) {
  (void)ctx;
  const as_str lines = {.s = (char *)text, .n = n};
  as_print(&lines);
}

as_status as_sink_open(as_sink *sink, const as_args *a, as_err *err) {
  *sink = (as_sink){.to_file = a->set[OPT_OUTPUT]};
  sink->text.drain = sink->to_file ? to_file : to_screen;
  sink->text.ctx = sink;
  return sink->to_file ? as_out_open(&sink->file, a->text[OPT_OUTPUT], err) : AS_OK;
}

as_status as_sink_close(as_sink *sink, as_status s, as_err *err) {
  if (s == AS_OK) s = as_str_status(&sink->text, err);
  if (s == AS_OK) sink->text.drain(sink, as_str_c(&sink->text), sink->text.n);
  if (s == AS_OK && sink->to_file)
    s = as_out_commit(&sink->file, err);
  else if (sink->to_file)
    as_out_abort(&sink->file);
  as_str_clear(&sink->text);
  return s;
}

void as_tool_rate(as_str *out, const char *name, int64_t k, int64_t n, const double *interval) {
  as_str_printf(out, "%-10s %lld / %lld", name, (long long)k, (long long)n);
  if (n > 0) as_str_printf(out, " = %.2f %%", 100.0 * (double)k / (double)n);
  if (n > 0 && interval)
    as_str_printf(out, "  (95 %% interval %.2f to %.2f)", 100 * interval[0], 100 * interval[1]);
  as_str_putc(out, '\n');
}

as_status as_tool_print_cell(const as_args *a, const char *dataset, const as_cell *c, const as_backbone *b,
                             as_err *err) {
  const char *model = as_path_base(a->text[OPT_WEIGHTS]);
  const as_cell_origin origin = {.assumed = b->assumed};
  as_str out = {0};
  if (a->set[OPT_JSON]) {
    as_jsonw w;
    as_jsonw_init(&w, &out, false);
    as_record_cell(&w, model, dataset, c, &origin);
    as_str_putc(&out, '\n');
  } else {
    const double interval[2] = {c->top1_lo, c->top1_hi};
    as_str_printf(&out, "%s on %s\n", model, dataset);
    as_str_printf(&out, "%-10s %lld expected, %lld used, %lld failed\n", "images", (long long)c->n_expected,
                  (long long)c->n_used, (long long)c->n_failed);
    as_tool_rate(&out, "top-1", c->top1_correct, c->n_used, interval);
    as_tool_rate(&out, "top-5", c->top5_correct, c->n_used, NULL);
    as_str_printf(&out, "%-10s sha256 %s\n", "features", c->features_sha256);
    as_str_printf(&out, "%-10s sha256 %s\n", "logits", c->logits_sha256);
  }
  as_status s = as_str_status(&out, err);
  if (s == AS_OK) as_print(&out);
  as_str_clear(&out);
  return s;
}

as_status as_tool_failed(const as_args *a, size_t failed, size_t all, as_err *err) {
  if (failed == 0) return AS_OK;
  if (a->set[OPT_LENIENT]) {
    as_note("%zu of %zu images failed", failed, all);
    return AS_OK;
  }
  return as_fail(err, AS_E_INPUT, "%zu of %zu images failed; the results are written and count them", failed,
                 all);
}

as_status as_tool_format(const char **format, const as_args *a, as_err *err) {
  static const char *const known[][2] = {{"txt", "text"},  {"csv", "csv"},     {"json", "json"},
                                         {"html", "html"}, {"md", "markdown"}, {"tex", "latex"}};
  const char *output = as_arg_text(a, OPT_OUTPUT, "x.txt"), *dot = strrchr(output, '.');
  const char *named = as_arg_text(a, OPT_FORMAT, a->set[OPT_JSON] ? "json" : NULL);
  const char *said = named ? named : dot ? dot + 1 : "";
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    *format = known[i][1];
    if (strcmp(said, known[i][0]) == 0 || (named && strcmp(said, *format) == 0)) return AS_OK;
  }
  return as_fail(err, AS_E_USAGE,
                 "-o: found '%s', wanted a name that ends in .txt, .csv, .json, .html, .md or .tex", output);
}
