#include <string.h>

#include "eval/backbone.h"
#include "tensor/base/mem.h"
#include "tools/commands.h"
#include "tools/common.h"
#include "weights/safetensors.h"

/* A contiguous float32 copy of v; its data is owned by the caller. */
static as_status clean_copy(as_named_view *out, const char *name, const as_view *v, as_err *err) {
  const union {
    uint32_t word;
    unsigned char first;
  } order = {1};
  size_t numel;
  if (!as_shape_numel(v->shape, v->rank, &numel))
    return as_fail(err, AS_E_INPUT, "tensor %s: too large", name);
  float *x = as_alloc(numel, sizeof *x, err);
  if (!x) return AS_E_ENV;
  as_status s = as_view_to_f32(v, x, NULL, err);
  if (s != AS_OK) {
    as_free(x);
    return as_fail_in(err, "tensor %s", name), s;
  }
  memset(out, 0, sizeof *out);
  out->name = name;
  out->view.data = x;
  out->view.bytes = numel * sizeof *x;
  out->view.dtype = AS_F32;
  out->view.big_endian = order.first == 0;
  out->view.rank = v->rank;
  memcpy(out->view.shape, v->shape, sizeof out->view.shape);
  as_view_set_contiguous(&out->view);
  return AS_OK;
}

static void release(as_named_view *t, size_t n) {
  for (size_t i = 0; t && i < n; i++) {
    void *x;
    memcpy(&x, &t[i].view.data, sizeof x);
    as_free(x);
  }
  as_free(t);
}

static as_status write_clean(const as_backbone *b, const char *path, size_t *written, as_err *err) {
  const as_param_spec *specs;
  size_t n = as_model_specs(b->model, &specs), kept = 0;
  const char *head = as_model_head_name(b->model);
  as_named_view *t = as_calloc(n + 2, sizeof *t, err);
  as_match m = {0};
  as_str weight = {0}, bias = {0};
  as_view w, c;
  as_err ignored = {0};
  bool with_head = false;
  as_str_printf(&weight, "%s.weight", head);
  as_str_printf(&bias, "%s.bias", head);
  as_status s = t ? as_match_params(&m, b->state, b->recipe, specs, n, err) : AS_E_ENV;
  for (size_t i = 0; s == AS_OK && i < n; i++)
    if (m.views[i].data && (s = clean_copy(&t[kept], specs[i].name, &m.views[i], err)) == AS_OK) kept++;
  /* The own classifier goes along where there is one. */
  if (s == AS_OK && as_match_head(&w, &c, b->state, b->recipe, head, &ignored) == AS_OK) {
    with_head = true;
    if ((s = clean_copy(&t[kept], as_str_c(&weight), &w, err)) == AS_OK) kept++;
    if (s == AS_OK && (s = clean_copy(&t[kept], as_str_c(&bias), &c, err)) == AS_OK) kept++;
  }
  const char *meta[] = {"assay.arch",   as_model_arch(b->model),   "assay.preset", b->preset_text,
                        "assay.recipe", as_recipe_name(b->recipe), "assay.head",   with_head ? head : ""};
  if (s == AS_OK) s = as_safetensors_write(path, t, kept, meta, 4, err);
  *written = kept;
  as_match_clear(&m);
  as_str_clear(&weight);
  as_str_clear(&bias);
  release(t, kept);
  return s;
}

as_status as_cmd_convert(const as_args *a, as_err *err) {
  as_backbone_opts o = {a->operand[0], as_arg_text(a, OPT_RECIPE, NULL), as_arg_text(a, OPT_ARCH, NULL),
                        as_arg_text(a, OPT_PRESET, NULL)};
  as_backbone b = {0};
  as_str out = {0};
  size_t written = 0;
  if (!as_ends_with(a->operand[1], ".safetensors"))
    return as_fail(err, AS_E_USAGE, "found '%s', wanted an output name that ends in .safetensors",
                   a->operand[1]);
  as_status s = as_backbone_open(&b, &o, err);
  if (s == AS_OK) {
    as_str_printf(&out, "%s: %s, recipe %s\n", a->operand[0], as_model_arch(b.model),
                  as_recipe_name(b.recipe));
    if (*b.assumed) as_str_printf(&out, "assumed: %s\n", b.assumed);
    s = write_clean(&b, a->operand[1], &written, err);
  }
  /* What the matching said is the result also when it failed. */
  as_str_put(&out, as_str_c(&b.report));
  if (s == AS_OK)
    as_str_printf(&out, "%zu used, %zu renamed, %zu dropped, %zu missing, %zu unexpected\n%s: %zu tensors\n",
                  b.used, b.renamed, b.dropped, b.missing, b.unexpected, a->operand[1], written);
  if (!out.failed) as_print(&out);
  as_str_clear(&out);
  as_str_clear(&b.report);
  as_backbone_clear(&b);
  return s;
}
