/* weights/recipe: the names of other libraries (Hugging Face, a Sequential of children). */
#include <stdlib.h>

#include "tests/ckptmake.h"
#include "tests/harness.h"
#include "tests/recipemake.h"
#include "weights/recipe/mapping.h"

static void put_rows(mk_st *st, const char *prefix, const char *const *names, const int64_t (*shape)[4],
                     size_t n) {
  for (size_t i = 0; i < n; i++) {
    int rank = 0;
    while (rank < 4 && shape[i][rank]) rank++;
    mk_st_add(st, prefix, names[i], rank, shape[i]);
  }
}

/* transformers' ViTModel, one layer. */
static void hf_vit(mk_st *st, const char *prefix, bool dinov2) {
  static const char *const vit[] = {"embeddings.cls_token",
                                    "embeddings.position_embeddings",
                                    "embeddings.patch_embeddings.projection.weight",
                                    "embeddings.patch_embeddings.projection.bias",
                                    "encoder.layer.0.attention.attention.query.weight",
                                    "encoder.layer.0.attention.attention.query.bias",
                                    "encoder.layer.0.attention.attention.key.weight",
                                    "encoder.layer.0.attention.attention.key.bias",
                                    "encoder.layer.0.attention.attention.value.weight",
                                    "encoder.layer.0.attention.attention.value.bias",
                                    "encoder.layer.0.attention.output.dense.weight",
                                    "encoder.layer.0.attention.output.dense.bias",
                                    "layernorm.weight",
                                    "layernorm.bias"};
  static const int64_t vit_shape[][4] = {{1, 1, 64}, {1, 197, 64}, {64, 3, 16, 16}, {64}, {64, 64}, {64},
                                         {64, 64},   {64},         {64, 64},        {64}, {64, 64}, {64},
                                         {64},       {64}};
  static const char *const plain[] = {
      "encoder.layer.0.layernorm_before.weight",   "encoder.layer.0.layernorm_before.bias",
      "encoder.layer.0.layernorm_after.weight",    "encoder.layer.0.layernorm_after.bias",
      "encoder.layer.0.intermediate.dense.weight", "encoder.layer.0.intermediate.dense.bias",
      "encoder.layer.0.output.dense.weight",       "encoder.layer.0.output.dense.bias"};
  static const char *const dino[] = {"encoder.layer.0.norm1.weight",
                                     "encoder.layer.0.norm1.bias",
                                     "encoder.layer.0.norm2.weight",
                                     "encoder.layer.0.norm2.bias",
                                     "encoder.layer.0.mlp.fc1.weight",
                                     "encoder.layer.0.mlp.fc1.bias",
                                     "encoder.layer.0.mlp.fc2.weight",
                                     "encoder.layer.0.mlp.fc2.bias",
                                     "encoder.layer.0.layer_scale1.lambda1",
                                     "encoder.layer.0.layer_scale2.lambda1",
                                     "embeddings.mask_token"};
  static const int64_t shape[][4] = {{64},      {64}, {64}, {64}, {256, 64}, {256},
                                     {64, 256}, {64}, {64}, {64}, {1, 64}};
  put_rows(st, prefix, vit, vit_shape, 14);
  put_rows(st, prefix, dinov2 ? dino : plain, shape, dinov2 ? 11 : 8);
}

static void hugging_face(as_test *t) {
  static const struct {
    const char *prefix;
    bool dinov2, registers, classifier, decoder;
    const char *recipe, *arch;
  } tries[] = {
      {"", false, false, false, false, "hf-vit", "vit_base:patch=16,dim=64,depth=1,heads=1,eps=1e-12"},
      {"vit.", false, false, true, false, "hf-vit", "vit_base:patch=16,dim=64,depth=1,heads=1,eps=1e-12"},
      {"vit.", false, false, false, true, "hf-mae", "vit_base:patch=16,dim=64,depth=1,heads=1,eps=1e-12"},
      {"state_dict/model.vit.", false, false, false, false, "hf-vit",
       "vit_base:patch=16,dim=64,depth=1,heads=1,eps=1e-12"},
      {"", true, false, false, false, "hf-dinov2",
       "vit_base:patch=16,dim=64,depth=1,heads=1,ls=1,resize=scale,features=cls+mean"},
      {"dinov2.", true, false, true, false, "hf-dinov2",
       "vit_base:patch=16,dim=64,depth=1,heads=1,ls=1,resize=scale,features=cls+mean"},
      {"dinov2_with_registers.", true, true, true, false, "hf-dinov2-reg",
       "vit_base:patch=16,dim=64,depth=1,heads=1,reg=4,ls=1,resize=exact,features=cls+mean"}};
  for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
    mk_choice m = {0};
    as_mapping map = {0};
    m.st.unit = 4;
    const int64_t reg[3] = {1, 4, 64}, w[2] = {10, 64}, b[1] = {10};
    hf_vit(&m.st, tries[i].prefix, tries[i].dinov2);
    if (tries[i].registers) mk_st_add(&m.st, tries[i].prefix, "embeddings.register_tokens", 3, reg);
    if (tries[i].decoder) mk_st_add(&m.st, "", "decoder.mask_token", 3, reg);
    if (tries[i].classifier) {
      mk_st_add(&m.st, "", "classifier.weight", 2, w);
      mk_st_add(&m.st, "", "classifier.bias", 1, b);
    }
    mk_choose(t, &m, NULL);
    CHECK_OK(t, m.status, m.err);
    if (m.status == AS_OK) {
      CHECK_STR(t, as_recipe_name(m.r), tries[i].recipe);
      CHECK_STR(t, m.arch, tries[i].arch);
      HAS(m.assumed, "assumed");
      CHECK_OK(t, as_recipe_map(&map, m.r, m.s, &m.err), m.err);
      const as_mapped *qkv = as_mapping_find(&map, "blocks.0.attn.qkv.weight");
      CHECK(t, qkv && qkv->view.shape[0] == 192 && qkv->view.shape[1] == 64);
      CHECK(t, !tries[i].classifier || as_mapping_find(&map, "head.weight"));
      as_mapping_clear(&map);
    }
    mk_choice_drop(&m);
  }
}

/* Names of a ResNet, one block a stage: FROM with its number of stages and layers filled in. */
static void renamed_resnet(mk_choice *m, const char *const (*names)[2], size_t n, const char *prefix) {
  mk_st st = {.at = 0};
  mk_resnet(&st, "", 2, mk_one_each, 10);
  for (const char *p = st.header.s; *p;) {
    size_t k = 0;
    while (k < n && !(p[-(p != st.header.s)] == '"' && as_starts_with(p, names[k][0]))) k++;
    if (k < n) {
      as_str_printf(&m->st.header, "%s%s", strcmp(names[k][0], "fc.") == 0 ? "" : prefix, names[k][1]);
      p += strlen(names[k][0]);
    } else {
      as_str_putc(&m->st.header, *p++);
    }
  }
  m->st.at = st.at;
  as_str_clear(&st.header);
}

static void numbered_children(as_test *t) {
  static const char *const names[][2] = {{"conv1.", "0."},  {"bn1.", "1."},    {"layer1.", "4."},
                                         {"layer2.", "5."}, {"layer3.", "6."}, {"layer4.", "7."},
                                         {"fc.", "9."}};
  mk_choice m = {0};
  renamed_resnet(&m, names, 7, "");
  mk_choose(t, &m, NULL);
  CHECK_OK(t, m.status, m.err);
  if (m.status == AS_OK) CHECK_STR(t, as_recipe_name(m.r), "resnet-children");
  CHECK_STR(t, m.arch, "resnet50:blocks=1-1-1-1,base=2");
  mk_choice_drop(&m);
}

static void hugging_face_resnet(as_test *t) {
#define BLOCK(l, s)                                                                            \
  {"layer" l ".0.conv1.", "encoder.stages." s ".layers.0.layer.0.convolution."},               \
      {"layer" l ".0.bn1.", "encoder.stages." s ".layers.0.layer.0.normalization."},           \
      {"layer" l ".0.conv2.", "encoder.stages." s ".layers.0.layer.1.convolution."},           \
      {"layer" l ".0.bn2.", "encoder.stages." s ".layers.0.layer.1.normalization."},           \
      {"layer" l ".0.conv3.", "encoder.stages." s ".layers.0.layer.2.convolution."},           \
      {"layer" l ".0.bn3.", "encoder.stages." s ".layers.0.layer.2.normalization."},           \
      {"layer" l ".0.downsample.0.", "encoder.stages." s ".layers.0.shortcut.convolution."}, { \
    "layer" l ".0.downsample.1.", "encoder.stages." s ".layers.0.shortcut.normalization."      \
  }
  static const char *const names[][2] = {{"conv1.", "embedder.embedder.convolution."},
                                         {"bn1.", "embedder.embedder.normalization."},
                                         BLOCK("1", "0"),
                                         BLOCK("2", "1"),
                                         BLOCK("3", "2"),
                                         BLOCK("4", "3"),
                                         {"fc.", "classifier.1."}};
#undef BLOCK
  static const char *const prefixes[] = {"resnet.", ""};
  for (int i = 0; i < 2; i++) {
    mk_choice m = {0};
    as_mapping map = {0};
    renamed_resnet(&m, names, sizeof names / sizeof *names, prefixes[i]);
    mk_choose(t, &m, NULL);
    CHECK_OK(t, m.status, m.err);
    if (m.status == AS_OK) {
      CHECK_STR(t, as_recipe_name(m.r), "hf-resnet");
      HAS(mk_origin(&m, &map, "layer3.0.conv2.weight"),
          "encoder.stages.2.layers.0.layer.1.convolution.weight");
      CHECK(t, as_mapping_find(&map, "fc.weight") != NULL);
      as_mapping_clear(&map);
    }
    CHECK_STR(t, m.arch, "resnet50:blocks=1-1-1-1,base=2");
    mk_choice_drop(&m);
  }
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"layouts hugging face", hugging_face},
                                  {"layouts hugging face resnet", hugging_face_resnet},
                                  {"layouts numbered children", numbered_children}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
