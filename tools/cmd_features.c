#include <string.h>

#include "eval/features/feature_file.h"
#include "eval/features/features.h"
#include "tensor/base/json.h"
#include "tensor/runtime.h"
#include "tools/cmd.h"
#include "tools/common.h"
#include "tools/say.h"

static as_status print(const as_args *a, as_backbone *b, const as_features *f, bool half, const char *hex,
                       as_err *err) {
  as_str out = {0};
  if (a->set[OPT_JSON]) {
    as_jsonw w;
    as_jsonw_init(&w, &out, false);
    as_jsonw_object(&w);
    as_jsonw_key(&w, "file"), as_jsonw_str(&w, a->text[OPT_OUTPUT]);
    as_jsonw_key(&w, "n"), as_jsonw_u64(&w, f->n);
    as_jsonw_key(&w, "d"), as_jsonw_u64(&w, f->d);
    as_jsonw_key(&w, "dtype"), as_jsonw_str(&w, half ? "f16" : "f32");
    as_jsonw_key(&w, "n_failed"), as_jsonw_u64(&w, f->n_failed);
    as_jsonw_key(&w, "features_sha256"), as_jsonw_str(&w, hex);
    as_jsonw_key(&w, "weights_sha256"), as_jsonw_str(&w, as_state_sha256(b->state));
    as_jsonw_key(&w, "recipe"), as_jsonw_str(&w, as_recipe_name(b->recipe));
    as_jsonw_key(&w, "arch"), as_jsonw_str(&w, as_model_arch(b->model));
    as_jsonw_key(&w, "preset"), as_jsonw_str(&w, b->preset_text);
    if (*b->assumed) as_jsonw_put_str(&w, "assumed", b->assumed);
    as_jsonw_key(&w, "profile"), as_jsonw_str(&w, as_profile_name());
    as_jsonw_end(&w);
    as_str_putc(&out, '\n');
  } else {
    as_str_printf(&out, "%s: [%zu, %zu] %s, %zu failed, features sha256 %s\n", a->text[OPT_OUTPUT], f->n,
                  f->d, half ? "float16" : "float32", f->n_failed, hex);
  }
  as_status s = as_str_status(&out, err);
  if (s == AS_OK) as_print(&out);
  as_str_clear(&out);
  return s;
}

as_status as_cmd_features(const as_args *a, as_err *err) {
  static const char *const suffixes[] = {".npy", ".safetensors", NULL};
  as_dataset *ds = NULL;
  as_backbone b = {0};
  as_features f = {0};
  as_feature_file file = {0};
  char hex[65];
  const char *path = a->text[OPT_OUTPUT];
  bool half = strcmp(as_arg_text(a, OPT_DTYPE, "f32"), "f16") == 0;
  as_dataset_opts d = as_tool_dataset_opts(a);
  as_status s = as_cli_suffix(OPT_OUTPUT, path, suffixes, err);
  if (s == AS_OK) s = as_dataset_open(&ds, &d, err);
  if (s == AS_OK) s = as_tool_backbone(&b, a, a->set[OPT_JSON], err);
  if (s == AS_OK)
    s = as_feature_file_open(&file, path, as_dataset_count(ds), (size_t)as_model_embed_dim(b.model), half,
                             err);
  if (s == AS_OK) s = as_tool_features_to(&f, &b, ds, a, as_feature_file_row, &file, err);
  if (s == AS_OK) s = as_feature_file_tsv(&f, ds, path, err);
  if (s == AS_OK) s = as_feature_file_close(&file, hex, err);
  if (s == AS_OK) s = print(a, &b, &f, half, hex, err);
  if (s == AS_OK) s = as_tool_failed(a, f.n_failed, f.n, err);
  as_feature_file_abort(&file);
  as_features_clear(&f);
  as_backbone_clear(&b);
  as_dataset_close(&ds);
  return s;
}
