/* Tensors whose values are not dense numbers (quantised, sparse, nested, meta, of a class of its own) and whole numbers in
 * a weight's place: named for what they are, refused where a network or a head wants them, never passed over. */
#include <stdlib.h>

#include "models/model.h"
#include "tests/ckptmake.h"
#include "tests/harness.h"
#include "weights/match.h"

static const mk_tensor four = {"FloatStorage", "0", 4, 0, 2, {2, 2}, {2, 1}, false};

/* Pickles of one opaque tensor, as torch 1.13 to 2.x write them (tests/oracle/odd_checkpoints.py makes real ones). */
typedef struct odd {
  const char *name, *what; /* what: a part of what it is called */
  void (*put)(as_str *b);
  int rank; /* of the shape that is told, -1 = none */
} odd;

static void put_storage(as_str *b, const char *storage) {
  as_str_put(b, "(");
  mk_text(b, "storage");
  as_str_printf(b, "ctorch\n%s\n", storage);
  mk_text(b, "0");
  mk_text(b, "cpu");
  mk_int(b, 4);
  as_str_put(b, "tQ");
}
static void put_shape(as_str *b) {
  const int64_t shape[2] = {2, 2}, stride[2] = {2, 1};
  mk_int(b, 0);
  mk_tuple(b, 2, shape);
  mk_tuple(b, 2, stride);
}
static void qtensor(as_str *b) {
  as_str_put(b, "ctorch._utils\n_rebuild_qtensor\n(");
  put_storage(b, "QInt8Storage");
  put_shape(b);
  as_str_put(b, "(ctorch\nper_tensor_affine\nK\1K\1t\x89Nt");
  as_str_put(b, "R");
}
static void sparse(as_str *b) {
  const int64_t shape[2] = {2, 2};
  as_str_put(b, "ctorch._utils\n_rebuild_sparse_tensor\n(ctorch.serialization\n_get_layout\n(");
  mk_text(b, "torch.sparse_coo");
  as_str_put(b, "tR(");
  mk_tensor_put(b, &four);
  mk_tensor_put(b, &four);
  as_str_put(b, "ctorch\nSize\n(");
  mk_tuple(b, 2, shape);
  as_str_put(b, "tRttR");
}
static void sparse_csr(as_str *b) {
  const int64_t shape[2] = {2, 2};
  as_str_put(b, "ctorch._utils\n_rebuild_sparse_csr_tensor\n(ctorch.serialization\n_get_layout\n(");
  mk_text(b, "torch.sparse_csr");
  as_str_put(b, "tR(");
  mk_tensor_put(b, &four);
  mk_tensor_put(b, &four);
  mk_tensor_put(b, &four);
  mk_tuple(b, 2, shape);
  as_str_put(b, "ttR");
}
static void meta(as_str *b) {
  const int64_t shape[2] = {2, 2}, stride[2] = {2, 1};
  as_str_put(b, "ctorch._utils\n_rebuild_meta_tensor_no_storage\n(ctorch\nfloat32\n");
  mk_tuple(b, 2, shape);
  mk_tuple(b, 2, stride);
  as_str_put(b, "\x89tR");
}
static void nested(as_str *b) {
  as_str_put(b, "ctorch._utils\n_rebuild_nested_tensor\n(");
  mk_tensor_put(b, &four);
  mk_tensor_put(b, &four);
  mk_tensor_put(b, &four);
  mk_tensor_put(b, &four);
  as_str_put(b, "tR");
}
static void subclass(as_str *b) {
  const int64_t shape[2] = {2, 2}, stride[2] = {2, 1};
  as_str_put(
      b,
      "ctorch._utils\n_rebuild_wrapper_subclass\n(ctorchao.dtypes\nAffineQuantizedTensor\nctorch\nfloat32\n");
  mk_tuple(b, 2, shape);
  mk_tuple(b, 2, stride);
  as_str_putn(b, "K\0NNtR", 6);
}
static void sharded(as_str *b) {
  as_str_put(b, "ctorch.distributed._shard.sharded_tensor.api\nShardedTensor\n)\x81}");
  mk_text(b, "local");
  mk_tensor_put(b, &four);
  as_str_put(b, "sb");
}
static void newer(as_str *b) {
  as_str_put(b, "ctorch._utils\n_rebuild_something_new\n(");
  mk_tensor_put(b, &four);
  as_str_put(b, "tR");
}
static void lazy(as_str *b) {
  as_str_put(b, "ctorch.nn.parameter\nUninitializedParameter\n)R");
}
static void complex128(as_str *b) {
  mk_tensor x = four;
  x.storage = "ComplexDoubleStorage";
  mk_tensor_put(b, &x);
}
static void unknown_storage(as_str *b) {
  mk_tensor x = four;
  x.storage = "QUInt4x2Storage";
  mk_tensor_put(b, &x);
}
static void in_parameter(as_str *b) {
  as_str_put(b, "ctorch._utils\n_rebuild_parameter\n(");
  qtensor(b);
  as_str_put(b, "\x88Nt");
  as_str_put(b, "R");
}

static const odd odds[] = {
    {"qint8", "quantised (torch._utils._rebuild_qtensor)", qtensor, 2},
    {"coo", "sparse (torch._utils._rebuild_sparse_tensor)", sparse, 2},
    {"csr", "sparse (torch._utils._rebuild_sparse_csr_tensor)", sparse_csr, 2},
    {"meta", "a meta tensor, which has no values", meta, 2},
    {"nested", "nested (torch._utils._rebuild_nested_tensor)", nested, 0},
    {"sharded", "ShardedTensor", sharded, 0},
    {"newer", "_rebuild_something_new", newer, 0},
    {"lazy", "UninitializedParameter", lazy, 0},
    {"complex128", "of a dtype that is not read (torch.ComplexDoubleStorage)", complex128, 2},
    {"quint4x2", "of a dtype that is not read (torch.QUInt4x2Storage)", unknown_storage, 2},
    {"parameter", "quantised", in_parameter, 2},
    {"subclass", "_rebuild_wrapper_subclass", subclass, 2}};

/* {"w": the odd one, "b": a plain one} */
static as_status open_odd(const odd *o, const char *w, const char *b, as_state **s, as_str *file,
                          as_err *err) {
  static const uint8_t zeros[16];
  as_str p = {0};
  as_str_put(&p, "\x80\x02}(");
  mk_text(&p, w);
  o->put(&p);
  mk_text(&p, b);
  mk_tensor_put(&p, &four);
  as_str_put(&p, "u.");
  as_str_clear(file);
  mk_torch(file, &p, zeros, sizeof zeros, NULL, 0);
  as_str_clear(&p);
  return as_state_open_bytes(s, file->s, file->n, "x.pth", err);
}

static void listed(as_test *t) {
  for (size_t i = 0; i < sizeof odds / sizeof *odds; i++) {
    as_state *s = NULL;
    as_str file = {0};
    as_err err = {AS_OK, ""};
    CHECK_OK(t, open_odd(&odds[i], "w", "b", &s, &file, &err), err);
    if (!s) continue;
    const as_state_entry *e = as_state_find(s, "w");
    CHECK_INT(t, as_state_count(s), 2); /* nothing of its insides is a tensor of the file */
    CHECK(t, e && e->opaque && e->view.dtype == AS_OPAQUE && e->view.bytes == 0);
    if (e && e->opaque && !strstr(e->opaque, odds[i].what))
      as_test_fail(t, __FILE__, __LINE__, "%s: \"%s\" lacks \"%s\"", odds[i].name, e->opaque, odds[i].what);
    if (e) CHECK_INT(t, e->view.rank, odds[i].rank);
    float out[4];
    if (e) CHECK_INT(t, as_view_to_f32(&e->view, out, NULL, &err), AS_E_INPUT);
    CHECK(t, as_state_find(s, "b") && !as_state_find(s, "b")->opaque);
    as_state_close(&s);
    as_str_clear(&file);
  }
}

/* As a head's weight, as its bias, and where no recipe fits. */
static void heads(as_test *t) {
  for (size_t i = 0; i < sizeof odds / sizeof *odds; i++) {
    as_state *s = NULL;
    as_str file = {0};
    as_err err = {AS_OK, ""};
    as_view w, b;
    const as_recipe *r = NULL;
    as_recipe *owned = NULL;
    char assumed[AS_RECIPE_ASSUMED];
    for (int bias = 0; bias <= 1; bias++) {
      CHECK_OK(
          t,
          open_odd(&odds[i], bias ? "fc.bias" : "fc.weight", bias ? "fc.weight" : "fc.bias", &s, &file, &err),
          err);
      if (!s) continue;
      CHECK_INT(t, as_match_head(&w, &b, s, NULL, NULL, &err), AS_E_INPUT);
      if (odds[i].rank == 2 && !strstr(err.msg, odds[i].what))
        as_test_fail(t, __FILE__, __LINE__, "%s: \"%s\" lacks \"%s\"", odds[i].name, err.msg, odds[i].what);
      CHECK(t, !as_match_only_head(s));
      CHECK_INT(t, as_recipe_choose(&r, &owned, s, NULL, assumed, &err), AS_E_INPUT);
      if (!strstr(err.msg, odds[i].what) || !strstr(err.msg, "wanted a dense float tensor"))
        as_test_fail(t, __FILE__, __LINE__, "%s: \"%s\" lacks \"%s\"", odds[i].name, err.msg, odds[i].what);
      as_state_close(&s);
    }
    as_str_clear(&file);
  }
}

/* A legacy file whose storages are quantised can still be walked to its end. */
static void legacy(as_test *t) {
  static const char *const classes[] = {"QInt8Storage", "QInt32Storage", "ComplexDoubleStorage",
                                        "QUInt4x2Storage"};
  static const size_t unit[] = {1, 4, 16, 0};
  for (int i = 0; i < 4; i++) {
    as_str b = {0};
    as_state *s = NULL;
    as_err err = {AS_OK, ""};
    mk_tensor x = four;
    x.storage = classes[i];
    x.legacy = true;
    as_str_putn(&b, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.",
                25);
    as_str_put(&b, "\x80\x02}");
    mk_text(&b, "w");
    mk_tensor_put(&b, &x);
    as_str_put(&b, "s.\x80\x02](");
    mk_text(&b, "0");
    as_str_put(&b, "e.");
    mk_le64(&b, 4);
    for (size_t k = 0; k < 4 * (unit[i] ? unit[i] : 1); k++) as_str_putc(&b, 0);
    as_status st = as_state_open_bytes(&s, b.s, b.n, "x.pth", &err);
    if (unit[i]) {
      CHECK_OK(t, st, err);
      if (s) CHECK(t, as_state_find(s, "w")->opaque != NULL);
    } else {
      CHECK_INT(t, st, AS_E_INPUT);
      CHECK(t, strstr(err.msg, "a size that is not known") != NULL);
    }
    as_state_close(&s);
    as_str_clear(&b);
  }
}

/* Dynamic quantisation packs a layer's tensors into a tuple: fc._packed_params._packed_params/0. */
static void packed(as_test *t) {
  as_str file = {0}, p = {0};
  as_state *s = NULL;
  as_err err = {AS_OK, ""};
  const as_recipe *r = NULL;
  as_recipe *owned = NULL;
  char assumed[AS_RECIPE_ASSUMED];
  static const char *const names[] = {"conv1.weight", "bn1.weight", "layer1.0.conv1.weight"};
  static const uint8_t zeros[16];
  mk_tensor conv = four;
  conv.rank = 4;
  for (int i = 0; i < 4; i++) conv.shape[i] = conv.stride[i] = 1;
  as_str_put(&p, "\x80\x02}(");
  for (int i = 0; i < 3; i++) {
    mk_text(&p, names[i]);
    mk_tensor_put(&p, &conv);
  }
  mk_text(&p, "fc._packed_params._packed_params");
  qtensor(&p);
  mk_tensor_put(&p, &four);
  as_str_put(&p, "\x86u.");
  mk_torch(&file, &p, zeros, sizeof zeros, NULL, 0);
  CHECK_OK(t, as_state_open_bytes(&s, file.s, file.n, "x.pth", &err), err);
  CHECK_OK(t, as_recipe_choose(&r, &owned, s, NULL, assumed, &err), err);
  if (s && r) {
    as_match m = {0};
    const as_param_spec specs[] = {{"conv1.weight", 4, {1, 1, 1, 1}, false},
                                   {"bn1.weight", 4, {1, 1, 1, 1}, false},
                                   {"layer1.0.conv1.weight", 4, {1, 1, 1, 1}, false}};
    CHECK_INT(t, as_match_params(&m, s, r, specs, 3, &err), AS_E_INPUT);
    if (!strstr(err.msg, "fc._packed_params._packed_params/0 is quantised"))
      as_test_fail(t, __FILE__, __LINE__, "message \"%s\"", err.msg);
    as_match_clear(&m);
  }
  as_recipe_destroy(&owned);
  as_state_close(&s);
  as_str_clear(&file);
  as_str_clear(&p);
}

/* A network of whole numbers: what bitsandbytes, GPTQ and the like leave. Counters may be integers. */
static void whole_numbers(as_test *t) {
  static const int tiny[4] = {1, 1, 1, 1};
  static const char *const codes[][2] = {{"I32", "int32"}, {"U32", "uint32"}};
  for (int i = 0; i < 2; i++) {
    mk_st st = {.unit = 4};
    as_state *s = NULL;
    as_err err = {AS_OK, ""};
    as_model *model = NULL;
    const as_recipe *r = NULL;
    as_recipe *owned = NULL;
    const as_param_spec *specs = NULL;
    char assumed[AS_RECIPE_ASSUMED], want[128];
    size_t n = 0;
    mk_resnet(&st, "", 2, tiny, 10);
    char *at = strstr(strstr(st.header.s, "layer2.0.conv2.weight"), "F32");
    memcpy(at, codes[i][0], 3);
    char *file = mk_st_file(&st, &n);
    CHECK_OK(t, as_state_open_bytes(&s, file, n, "x.safetensors", &err), err);
    CHECK_OK(t, as_recipe_choose(&r, &owned, s, NULL, assumed, &err), err);
    CHECK_OK(t, as_model_create(&model, "resnet50:blocks=1-1-1-1,base=2", 32, &err), err);
    as_match m = {0};
    const size_t n_specs = as_model_specs(model, &specs);
    CHECK_INT(t, as_match_params(&m, s, r, specs, n_specs, &err), AS_E_INPUT);
    snprintf(want, sizeof want,
             "tensor layer2.0.conv2.weight: found %s (quantised?), wanted a dense float tensor", codes[i][1]);
    if (!strstr(err.msg, want)) as_test_fail(t, __FILE__, __LINE__, "\"%s\" lacks \"%s\"", err.msg, want);
    as_match_clear(&m);
    as_model_destroy(&model);
    as_recipe_destroy(&owned);
    as_state_close(&s);
    free(file);
  }
}

/* A whole network whose one convolution is quantised: refused with the tensor, and its head is not a file of its own. */
static void only_heads(as_test *t) {
  static const struct {
    const char *name;
    int rank;
    bool only;
  } tries[] = {{"optimizer/state/0/momentum_buffer", 2, true},
               {"norm.running_mean", 1, true},
               {"epoch", 0, true},
               {"conv1.weight", 4, false},
               {"layers.0.weight", 2, false},
               {"classifier.weight", 2, false}};
  for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
    mk_st st = {.unit = 4};
    as_state *s = NULL;
    as_err err = {AS_OK, ""};
    size_t n = 0;
    const int64_t w[2] = {5, 3}, b[1] = {5}, other[4] = {2, 3, 1, 1};
    mk_st_add(&st, "state_dict/module.", "linear.weight", 2, w);
    mk_st_add(&st, "state_dict/module.", "linear.bias", 1, b);
    mk_st_add(&st, "", tries[i].name, tries[i].rank, other);
    char *file = mk_st_file(&st, &n);
    CHECK_OK(t, as_state_open_bytes(&s, file, n, "x", &err), err);
    if (s) CHECK(t, as_match_only_head(s) == tries[i].only);
    as_state_close(&s);
    free(file);
  }
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"opaque listed", listed},
                                  {"opaque heads", heads},
                                  {"opaque legacy", legacy},
                                  {"opaque packed", packed},
                                  {"opaque whole numbers", whole_numbers},
                                  {"opaque only a head", only_heads}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
