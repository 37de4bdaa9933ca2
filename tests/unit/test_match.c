/* weights/match: strictness, the report, heads. */
#include <stdlib.h>

#include "models/model.h"
#include "tests/ckptmake.h"
#include "tests/harness.h"
#include "weights/match.h"

static const int r50[4] = {3, 4, 6, 3}, tiny[4] = {1, 1, 1, 1};
#define ARCH "resnet50:blocks=1-1-1-1,base=2"

/* The file through a recipe against the model's specs; the caller clears m and closes s. */
static as_status match(as_test *t, mk_st *st, const char *recipe, as_match *m, as_state **s, char **file,
                       as_err *err) {
  size_t n = 0;
  as_model *model = NULL;
  as_recipe *r = NULL;
  const as_param_spec *specs = NULL;
  *file = mk_st_file(st, &n);
  memset(m, 0, sizeof *m);
  CHECK_OK(t, as_state_open_bytes(s, *file, n, "x.pth", err), *err);
  CHECK_OK(t, as_recipe_parse(&r, recipe, strlen(recipe), "test.recipe", err), *err);
  CHECK_OK(t, as_model_create(&model, ARCH, 32, err), *err);
  if (t->failures) return AS_E_CHECK;
  size_t ns = as_model_specs(model, &specs);
  as_status status = as_match_params(m, *s, r, specs, ns, err);
  as_model_destroy(&model);
  as_recipe_destroy(&r);
  return status;
}

#define HEAD_RECIPE "arch = resnet*\npreset = caffe\nhead = fc\n"

static void all_used(as_test *t) {
  mk_st st = {.unit = 4};
  as_match m;
  as_state *s = NULL;
  as_err err = {AS_OK, ""};
  char *file = NULL;
  mk_resnet(&st, "", 2, tiny, 7);
  CHECK_OK(t, match(t, &st, HEAD_RECIPE, &m, &s, &file, &err), err);
  CHECK_INT(t, m.used, 5 + 4 * 20); /* conv1 and bn1; per block four convolutions and four norms */
  CHECK_INT(t, m.renamed + m.dropped + m.missing + m.unexpected + m.nonfinite, 0);
  CHECK(t, strstr(as_str_c(&m.report), "head        fc.weight") != NULL);
  as_view w, b;
  as_recipe *r = NULL;
  CHECK_OK(t, as_recipe_parse(&r, HEAD_RECIPE, sizeof HEAD_RECIPE - 1, "r", &err), err);
  CHECK_OK(t, as_match_head(&w, &b, s, r, "fc", &err), err);
  CHECK(t, w.shape[0] == 7 && w.shape[1] == 64 && b.shape[0] == 7);
  as_recipe_destroy(&r);
  as_match_clear(&m);
  as_state_close(&s);
  free(file);
}

static void offends(as_test *t, mk_st *st, const char *recipe, const char *want, const char *line) {
  as_match m;
  as_state *s = NULL;
  as_err err = {AS_OK, ""};
  char *file = NULL;
  as_status status = match(t, st, recipe, &m, &s, &file, &err);
  if (status != AS_E_INPUT || !strstr(err.msg, want))
    as_test_fail(t, __FILE__, __LINE__, "status %d, message \"%s\" lacks \"%s\"", (int)status, err.msg, want);
  if (!strstr(as_str_c(&m.report), line))
    as_test_fail(t, __FILE__, __LINE__, "report lacks \"%s\":\n%s", line, as_str_c(&m.report));
  as_match_clear(&m);
  as_state_close(&s);
  free(file);
}

/* Gives one tensor another shape; all later offsets move by `bytes`. */
static void resize(mk_st *st, const char *name, const char *from, const char *to, uint64_t bytes) {
  as_str old = st->header;
  char quoted[64];
  snprintf(quoted, sizeof quoted, "\"%s\"", name);
  const char *at = strstr(old.s, quoted), *shape = strstr(at, from), *p = strstr(shape, "offsets\":[") + 10;
  st->header = (as_str){0};
  as_str_putn(&st->header, old.s, (size_t)(shape - old.s));
  as_str_put(&st->header, to);
  as_str_putn(&st->header, shape + strlen(from), (size_t)(p - shape) - strlen(from));
  for (bool first = true; p; first = false) {
    char *end = NULL;
    unsigned long long a = strtoull(p, &end, 10), b = strtoull(end + 1, &end, 10);
    as_str_printf(&st->header, "%llu,%llu", a + (first ? 0 : bytes), b + bytes);
    p = strstr(end, "offsets\":[");
    as_str_putn(&st->header, end, p ? (size_t)(p + 10 - end) : strlen(end));
    if (p) p += 10;
  }
  st->at += bytes;
  as_str_clear(&old);
}

static void wrong_files(as_test *t) {
  static const char flat[] = "arch = resnet*\npreset = caffe\n";
  mk_st st = {.unit = 4};
  const int64_t w[2] = {4, 4};
  /* one tensor missing: bn1.weight stands under another name */
  mk_resnet(&st, "", 2, tiny, 0);
  char *at = strstr(st.header.s, "layer4.0.bn3.bias");
  memcpy(at, "layer4.0.bn3.bais", 17);
  offends(t, &st, flat, "layer4.0.bn3.bias is missing (and 1 more)", "unexpected  layer4.0.bn3.bais");
  /* one shape off: the stem's norm is given three channels by moving a boundary between two tensors */
  mk_resnet(&st, "", 2, tiny, 0);
  resize(&st, "bn1.weight", "[2]", "[3]", 4);
  offends(t, &st, flat, "tensor bn1.weight: found [3], wanted [2]",
          "misfit      tensor bn1.weight: found [3], wanted [2]");
  /* one extra tensor */
  mk_resnet(&st, "", 2, tiny, 0);
  mk_st_add(&st, "", "extra.weight", 2, w);
  offends(t, &st, flat, "tensor extra.weight is unexpected", "unexpected  extra.weight");
  /* a head that the recipe does not speak of */
  mk_resnet(&st, "", 2, tiny, 7);
  offends(t, &st, flat, "fc.weight is unexpected (and 1 more)", "unexpected  fc.weight");
  /* the prefix twice: it is stripped once, from the start */
  mk_resnet(&st, "module.module.", 2, tiny, 0);
  offends(t, &st, "arch = resnet*\npreset = caffe\nprefix = module.\n", "conv1.weight is missing",
          "unexpected  module.module.conv1.weight");
  /* deeper than the model */
  mk_resnet(&st, "", 2, r50, 0);
  offends(t, &st, flat, "unexpected", "unexpected  layer1.1.conv1.weight");
}

static void report(as_test *t) {
  static const char recipe[] =
      "arch = resnet*\npreset = caffe\nunwrap = state_dict\nprefix = module.q.\ndrop = proj.* -- projector\n"
      "drop = ^module.k.* -- twin\nrename = neck.bn9.* -> bn1.{1}\n";
  mk_st st = {.unit = 4};
  as_match m;
  as_state *s = NULL;
  as_err err = {AS_OK, ""};
  char *file = NULL;
  const int64_t w[2] = {4, 4};
  mk_resnet(&st, "state_dict/module.q.", 2, tiny, 0);
  mk_st_add(&st, "state_dict/module.q.", "proj.0.weight", 2, w);
  mk_st_add(&st, "state_dict/module.k.", "conv1.weight", 2, w);
  mk_st_add(&st, "optimizer/state/0/", "momentum_buffer", 2, w);
  mk_st_add(&st, "optimizer/state/1/", "momentum_buffer", 2, w);
  CHECK_OK(t, match(t, &st, recipe, &m, &s, &file, &err), err);
  const char *text = as_str_c(&m.report);
  CHECK(t, strstr(text, "dropped     proj.0.weight: projector") != NULL);
  CHECK(t, strstr(text, "dropped     module.k.conv1.weight: twin") != NULL);
  CHECK(t, strstr(text, "dropped     optimizer: 2 tensors outside state_dict") != NULL);
  CHECK_INT(t, m.dropped, 4);
  CHECK_INT(t, m.used, 85);
  as_match_clear(&m);
  as_state_close(&s);
  free(file);
}

static void nonfinite(as_test *t) {
  mk_st st = {.unit = 4};
  as_match m;
  as_state *s = NULL;
  as_err err = {AS_OK, ""};
  char *file = NULL;
  mk_resnet(&st, "", 2, tiny, 7);
  size_t header = st.header.n + 2;
  CHECK_INT(t, match(t, &st, HEAD_RECIPE, &m, &s, &file, &err), AS_OK);
  as_match_clear(&m);
  as_put_le32((uint8_t *)file + 8 + header, 0x7fc00000);     /* NaN, in conv1.weight */
  as_put_le32((uint8_t *)file + 8 + header + 8, 0xff800000); /* -Inf */
  as_model *model = NULL;
  as_recipe *r = NULL;
  const as_param_spec *specs = NULL;
  CHECK_OK(t, as_recipe_parse(&r, HEAD_RECIPE, sizeof HEAD_RECIPE - 1, "r", &err), err);
  CHECK_OK(t, as_model_create(&model, ARCH, 32, &err), err);
  size_t n = as_model_specs(model, &specs);
  CHECK_OK(t, as_match_params(&m, s, r, specs, n, &err), err);
  CHECK_OK(t, as_match_nonfinite(&m, specs, &err), err);
  CHECK_INT(t, m.nonfinite, 2);
  CHECK(t, strstr(as_str_c(&m.report), "non-finite  conv1.weight: 2 values") != NULL);
  as_match_clear(&m);
  as_model_destroy(&model);
  as_recipe_destroy(&r);
  as_state_close(&s);
  free(file);
}

static void lone_heads(as_test *t) {
  static const struct {
    const char *prefix, *want; /* want NULL: found */
  } tries[] = {{"state_dict/module.linear.", NULL},
               {"", NULL},
               {"classifier/module.", NULL},
               {"fc.", NULL},
               {"layer1.0.conv1.", "holds no head"}};
  const int64_t w[2] = {10, 16}, b[1] = {10}, c[1] = {10};
  for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
    mk_st st = {.unit = 4};
    mk_st_add(&st, tries[i].prefix, "weight", 2, w);
    mk_st_add(&st, tries[i].prefix, "bias", 1, b);
    mk_st_add(&st, "", "classes", 1, c);
    mk_st_add(&st, "optimizer/state/0/", "momentum_buffer", 2, w);
    size_t n = 0;
    char *file = mk_st_file(&st, &n);
    as_state *s = NULL;
    as_err err = {AS_OK, ""};
    as_view ww, bb;
    CHECK_OK(t, as_state_open_bytes(&s, file, n, "head.pth", &err), err);
    as_status status = as_match_head(&ww, &bb, s, NULL, NULL, &err);
    if (tries[i].want)
      CHECK(t, status == AS_E_INPUT && strstr(err.msg, tries[i].want));
    else
      CHECK(t, status == AS_OK && ww.shape[1] == 16 && bb.shape[0] == 10);
    as_state_close(&s);
    free(file);
  }
}

/* MAE's linear probe: y = W (x - mean) / sqrt(var + eps) + b becomes one classifier. */
static void folded_head(as_test *t) {
  static const char recipe[] =
      "arch = vit*\npreset = caffe\nhead = head\nheadnorm = head_norm 0.5\nrename = head.0.* -> "
      "head_norm.{1}\n"
      "rename = head.1.* -> head.{1}\n";
  const float mean[2] = {1, -2}, var[2] = {3.5f, 15.5f}, w[6] = {1, 2, 3, 4, 5, 6}, b[3] = {10, 20, 30};
  const float want_w[6] = {.5f, .5f, 1.5f, 1, 2.5f, 1.5f}, want_b[3] = {10.5f, 20.5f, 30.5f};
  const int64_t two[1] = {2}, three[1] = {3}, three_two[2] = {3, 2};
  for (int wrong = 0; wrong < 2; wrong++) {
    mk_st st = {.unit = 4};
    mk_st_add(&st, "", "head.0.running_mean", 1, wrong ? three : two);
    mk_st_add(&st, "", "head.0.running_var", 1, two);
    mk_st_add(&st, "", "head.1.weight", 2, three_two);
    mk_st_add(&st, "", "head.1.bias", 1, three);
    size_t n = 0;
    char *file = mk_st_file(&st, &n);
    float *data = (float *)(void *)calloc(14, sizeof *data);
    memcpy(data, mean, sizeof mean);
    memcpy(data + 2, var, sizeof var);
    memcpy(data + 4, w, sizeof w);
    memcpy(data + 10, b, sizeof b);
    for (int i = 0; i < 13 && !wrong; i++) {
      uint32_t bits;
      memcpy(&bits, &data[i], 4);
      as_put_le32((uint8_t *)file + n - 52 + 4 * i, bits);
    }
    free(data);
    as_state *s = NULL;
    as_recipe *r = NULL;
    as_err err = {AS_OK, ""};
    as_view ww, bb;
    CHECK_OK(t, as_state_open_bytes(&s, file, n, "x", &err), err);
    CHECK_OK(t, as_recipe_parse(&r, recipe, sizeof recipe - 1, "mine", &err), err);
    as_status status = as_match_head(&ww, &bb, s, r, "head", &err);
    if (wrong) {
      CHECK(t, status == AS_E_INPUT && strstr(err.msg, "head_norm.running_mean") != NULL);
    } else {
      CHECK_OK(t, status, err);
      float got_w[6] = {0}, got_b[3] = {0};
      CHECK_OK(t, as_view_to_f32(&ww, got_w, NULL, &err), err);
      CHECK_OK(t, as_view_to_f32(&bb, got_b, NULL, &err), err);
      CHECK(t, memcmp(got_w, want_w, sizeof got_w) == 0);
      CHECK(t, memcmp(got_b, want_b, sizeof got_b) == 0);
    }
    as_recipe_destroy(&r);
    as_state_close(&s);
    free(file);
  }
}

/* num_batches_tracked is a scalar; some writers store one element. Nothing else may differ in rank. */
static void counters(as_test *t) {
  mk_st st = {.unit = 4};
  as_match m;
  as_state *s = NULL;
  as_err err = {AS_OK, ""};
  char *file = NULL;
  const int64_t one[1] = {1}, two[1] = {2};
  mk_resnet(&st, "", 2, tiny, 7);
  mk_st_add(&st, "", "bn1.num_batches_tracked", 1, one);
  CHECK_OK(t, match(t, &st, HEAD_RECIPE, &m, &s, &file, &err), err);
  CHECK_INT(t, m.used, 5 + 4 * 20 + 1);
  as_match_clear(&m);
  as_state_close(&s);
  free(file);
  mk_resnet(&st, "", 2, tiny, 7);
  mk_st_add(&st, "", "bn1.num_batches_tracked", 1, two);
  offends(t, &st, HEAD_RECIPE, "bn1.num_batches_tracked: found [2], wanted []", "misfit");
}

static void real_file(as_test *t) {
  const char *path = as_test_shared("weights/resnet50_caffe_in1k.zip.pth");
  if (!path) {
    as_test_skip(t, "no real checkpoint");
    return;
  }
  as_state *s = NULL;
  as_err err = {AS_OK, ""};
  const as_recipe *r = NULL;
  as_recipe *owned = NULL;
  as_model *model = NULL;
  const as_param_spec *specs = NULL;
  as_match m;
  CHECK_OK(t, as_state_open(&s, path, &err), err);
  CHECK_OK(t, as_recipe_named(&r, &owned, "resnet50_caffe", &err), err);
  char arch[AS_RECIPE_ARCH];
  CHECK_OK(t, as_recipe_resolve_arch(r, s, 0, arch, sizeof arch, &err), err);
  CHECK_OK(t, as_model_create(&model, arch, 0, &err), err);
  if (t->failures) return;
  size_t n = as_model_specs(model, &specs);
  CHECK_OK(t, as_match_params(&m, s, r, specs, n, &err), err);
  CHECK_INT(t, m.used, 318);
  CHECK_INT(t, m.nonfinite + m.missing + m.unexpected + m.dropped, 0);
  as_match_clear(&m);
  as_model_destroy(&model);
  as_state_close(&s);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"match all used", all_used},     {"match wrong files", wrong_files},
                                  {"match report", report},         {"match non-finite", nonfinite},
                                  {"match lone heads", lone_heads}, {"match folded head", folded_head},
                                  {"match counters", counters},     {"match real checkpoint", real_file}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
