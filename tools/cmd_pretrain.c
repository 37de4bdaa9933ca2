/* pretrain: a backbone from images alone. */
#include <string.h>

#include "eval/pretrain/pretrain.h"
#include "tensor/base/file.h"
#include "tensor/base/mem.h"
#include "tools/cmd.h"
#include "tools/common.h"
#include "tools/progress.h"
#include "tools/say.h"

static void say_epoch(void *ctx, const as_pretrain_epoch *e) {
  (void)ctx;
  as_str line = {0};
  as_str_printf(&line, "epoch %zu of %zu: loss %.4f, %.0f images/s", e->epoch, e->epochs, e->loss,
                e->images_per_second);
  if (e->spread >= 0) as_str_printf(&line, ", spread %.2f, rank %.1f", e->spread, e->rankme);
  if (e->knn >= 0) as_str_printf(&line, ", k-NN %.1f %%", 100.0 * e->knn);
  as_note("%s", as_str_c(&line));
  if (e->warning) as_note("warning: %s", e->warning);
  as_str_clear(&line);
}

static void say_resumed(void *ctx, size_t epoch) {
  (void)ctx;
  as_note("going on after epoch %zu", epoch);
}

/* "NAME=VALUE,NAME=VALUE"; the names point into text, which is cut up. */
static as_status read_values(as_ssl_opts *o, char *text, as_err *err) {
  for (char *p = text; p && *p;) {
    char *next = strchr(p, ','), *eq = strchr(p, '=');
    if (next) *next++ = '\0';
    if (!eq || (next && eq >= next))
      return as_fail(err, AS_E_USAGE, "--set: found \"%s\", wanted NAME=VALUE", p);
    *eq = '\0';
    if (o->n_values == AS_SSL_PARAMS) return as_fail(err, AS_E_USAGE, "--set: over %d values", AS_SSL_PARAMS);
    if (!as_parse_f64(eq + 1, &o->value[o->n_values]))
      return as_fail(err, AS_E_USAGE, "--set %s: found \"%s\", wanted a number", p, eq + 1);
    o->name[o->n_values++] = p;
    p = next;
  }
  return AS_OK;
}

/* What gives this checkpoint again, from any folder that has the data. */
static void put_command(as_str *out, const as_args *a) {
  static const as_opt_id said[] = {OPT_METHOD, OPT_ARCH, OPT_EPOCHS, OPT_BATCH,
                                   OPT_SIZE,   OPT_SEED, OPT_SET,    OPT_PRESET};
  as_str_put(out, "assay pretrain");
  for (size_t i = 0; i < sizeof said / sizeof *said; i++)
    if (a->set[said[i]]) as_str_printf(out, " --%s %s", as_option_of(said[i])->name, a->text[said[i]]);
  as_str_printf(out, " --data %s", as_path_base(a->text[OPT_DATA]));
}

as_status as_cmd_pretrain(const as_args *a, as_err *err) {
  as_pretrain_opts o = {.dir = a->text[OPT_OUTPUT],
                        .preset = as_arg_text(a, OPT_PRESET, NULL),
                        .lenient = a->set[OPT_LENIENT],
                        .monitor = 1024,
                        .watch = as_tool_watch(),
                        .epoch = say_epoch,
                        .resumed = say_resumed};
  o.ssl = (as_ssl_opts){.arch = as_arg_text(a, OPT_ARCH, "resnet18:blocks=1-1-1,base=16,stem=3x3s2"),
                        .size = (int)as_arg_int(a, OPT_SIZE, 32),
                        .batch = (int)as_arg_int(a, OPT_BATCH, 128),
                        .epochs = (size_t)as_arg_int(a, OPT_EPOCHS, 16),
                        .seed = (uint64_t)as_arg_int(a, OPT_SEED, 0)};
  as_dataset *ds = NULL;
  as_str command = {0};
  as_pretrain_result r = {0};
  char *values = as_strdup(as_arg_text(a, OPT_SET, ""), err);
  const as_dataset_opts d = as_tool_dataset_opts(a);
  as_status s = values ? as_ssl_method_find(&o.ssl.method, a->text[OPT_METHOD], err) : AS_E_ENV;
  if (s == AS_OK) s = read_values(&o.ssl, values, err);
  if (s == AS_OK) s = as_dataset_open(&ds, &d, err);
  o.data = ds;
  put_command(&command, a);
  if (s == AS_OK) s = as_str_status(&command, err);
  o.command = as_str_c(&command);
  if (s == AS_OK) s = as_pretrain(&o, &r, err);
  if (s == AS_OK && r.was_complete) as_note("%s: this training is complete already", o.dir);
  if (s == AS_OK) {
    as_str out = {0};
    as_str_printf(&out, "%s/checkpoint.safetensors: %s, %zu images, %zu epochs\n", o.dir, o.ssl.method->title,
                  r.images, o.ssl.epochs);
    as_print(&out);
    as_str_clear(&out);
    s = as_tool_failed(a, r.failed, r.images + r.failed, err);
  }
  as_dataset_close(&ds);
  as_str_clear(&command);
  as_free(values);
  return s;
}
