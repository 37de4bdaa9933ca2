#include <string.h>

#include "eval/features/backbone.h"
#include "tensor/base/file.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"
#include "tools/cmd.h"
#include "tools/common.h"
#include "tools/say.h"
#include "weights/containers/safetensors.h"

/* A contiguous copy of v, float32 unless it counts steps; its data is owned by the caller. */
static as_status clean_copy(as_named_view *out, const char *name, const as_view *v, as_err *err) {
  const union {
    uint32_t word;
    unsigned char first;
  } order = {1};
  size_t numel;
  if (!as_shape_numel(v->shape, v->rank, &numel))
    return as_fail(err, AS_E_INPUT, "tensor %s: too large", name);
  memset(out, 0, sizeof *out);
  out->name = name;
  if (v->dtype == AS_I64 && v->rank == 0 && v->bytes >= 8) {
    void *count = as_alloc(1, 8, err);
    if (!count) return AS_E_ENV;
    out->view = *v;
    out->view.data = memcpy(count, v->data, 8);
    out->view.bytes = 8;
    return AS_OK;
  }
  float *x = as_alloc(numel, sizeof *x, err);
  if (!x) return AS_E_ENV;
  as_status s = as_view_to_f32(v, x, NULL, err);
  if (s != AS_OK) {
    as_free(x);
    return as_fail_in(err, "tensor %s", name), s;
  }
  out->view.data = x;
  out->view.bytes = numel * sizeof *x;
  out->view.dtype = AS_F32;
  out->view.big_endian = order.first == 0;
  out->view.rank = v->rank;
  memcpy(out->view.shape, v->shape, sizeof out->view.shape);
  as_view_set_contiguous(&out->view);
  return AS_OK;
}

static void free_copies(as_named_view *t, size_t n) {
  for (size_t i = 0; t && i < n; i++) {
    void *x;
    memcpy(&x, &t[i].view.data, sizeof x);
    as_free(x);
  }
  as_free(t);
}

/* Where the tensors come from: of a file that assay wrote, what stands in it, so that converting twice gives
 * the same bytes. */
static void provenance(const as_backbone *b, const char **source, const char **sha256) {
  *source = as_state_meta(b->state, "assay.source");
  *sha256 = as_state_meta(b->state, "assay.source_sha256");
  if (*source && *sha256) return;
  *source = as_path_base(as_state_path(b->state));
  *sha256 = as_state_sha256(b->state);
}

typedef struct written {
  size_t tensors, nonfinite;
} written;

static as_status write_clean(const as_backbone *b, const char *path, written *done, as_err *err) {
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
  const char *source, *sha256;
  provenance(b, &source, &sha256);
  const char *meta[] = {"assay.arch",   as_model_arch(b->model), "assay.preset",
                        b->preset_text, "assay.recipe",          as_recipe_name(b->recipe),
                        "assay.head",   with_head ? head : "",   "assay.source",
                        source,         "assay.source_sha256",   sha256};
  if (s == AS_OK) s = as_safetensors_write(path, t, kept, meta, sizeof meta / sizeof *meta / 2, err);
  done->tensors = kept;
  done->nonfinite = m.nonfinite;
  as_match_clear(&m);
  as_str_clear(&weight);
  as_str_clear(&bias);
  free_copies(t, kept);
  return s;
}

as_status as_cmd_convert(const as_args *a, as_err *err) {
  as_backbone_opts o = {.weights = a->operand[0],
                        .recipe = as_arg_text(a, OPT_RECIPE, NULL),
                        .arch = as_arg_text(a, OPT_ARCH, NULL),
                        .preset = as_arg_text(a, OPT_PRESET, NULL),
                        .digest = true};
  as_backbone b = {0};
  as_str out = {0};
  written done = {0};
  if (!as_ends_with(a->operand[1], ".safetensors"))
    return as_fail(err, AS_E_USAGE, "found '%s', wanted an output name that ends in .safetensors",
                   a->operand[1]);
  as_status s = as_backbone_open(&b, &o, err);
  if (s == AS_OK) {
    as_str_printf(&out, "%s: %s, recipe %s\n", a->operand[0], as_model_arch(b.model),
                  as_recipe_name(b.recipe));
    if (*b.assumed) as_str_printf(&out, "assumed: %s\n", b.assumed);
    s = write_clean(&b, a->operand[1], &done, err);
  }
  /* What the matching said is the result also when it failed. */
  as_str_put(&out, as_str_c(&b.report));
  if (s == AS_OK)
    as_str_printf(&out,
                  "%zu used, %zu renamed, %zu dropped, %zu missing, %zu unexpected, %zu values not finite\n"
                  "%s: %zu tensors\n",
                  b.used, b.renamed, b.dropped, b.missing, b.unexpected, done.nonfinite, a->operand[1],
                  done.tensors);
  if (!out.failed) as_print(&out);
  as_str_clear(&out);
  as_str_clear(&b.report);
  as_backbone_clear(&b);
  return s;
}
