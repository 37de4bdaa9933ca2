/* weights/recipe: networks under wrappers and in places, second networks, and what the shapes of ViTs tell. A file under a
 * wrapper must be read as the same tensors without it. */
#include <stdlib.h>

#include "tests/ckptmake.h"
#include "tests/harness.h"
#include "weights/recipe/recipe.h"
#include "weights/recipe/recipe_int.h"
#include "weights/recipe/twin.h"

static const int one_each[4] = {1, 1, 1, 1};

typedef struct made {
  mk_st st;
  char *file;
  as_state *s;
  const as_recipe *r;
  as_recipe *owned;
  as_status status;
  as_err err;
  char assumed[AS_RECIPE_ASSUMED], arch[AS_RECIPE_ARCH];
} made;

/* The choice and the architecture for st's file. */
static void choose(as_test *t, made *m, const as_recipe_wish *wish) {
  size_t n = 0;
  m->file = mk_st_file(&m->st, &n);
  m->err = (as_err){AS_OK, ""};
  m->arch[0] = 0;
  CHECK_OK(t, as_state_open_bytes(&m->s, m->file, n, "x.pth", &m->err), m->err);
  if (!m->s) return;
  m->status = as_recipe_choose(&m->r, &m->owned, m->s, wish, m->assumed, &m->err);
  if (m->status == AS_OK && !(wish && wish->arch))
    m->status = as_recipe_resolve_arch(m->r, m->s, 224, m->arch, sizeof m->arch, &m->err);
}

static void drop(made *m) {
  as_recipe_destroy(&m->owned);
  as_state_close(&m->s);
  free(m->file);
}

static void lacks(as_test *t, int line, const char *text, const char *want) {
  if (!strstr(text, want)) as_test_fail(t, __FILE__, line, "\"%s\" lacks \"%s\"", text, want);
}
#define HAS(text, want) lacks(t, __LINE__, text, want)

/* The raw name of the tensor that becomes `name` in the network. */
static const char *origin(const made *m, as_mapping *map, const char *name) {
  if (as_recipe_map(map, m->r, m->s, NULL) != AS_OK) return "(not mapped)";
  const as_mapped *hit = as_mapping_find(map, name);
  return hit && hit->from ? hit->from->name : "(none)";
}

/* Wrappers around the whole, in every container of names that people have sent. */
static void wrappers(as_test *t) {
  static const char *const around[] = {"module.",
                                       "_orig_mod.",
                                       "module._orig_mod.",
                                       "_orig_mod.module.",
                                       "module.module.",
                                       "state_dict/_orig_mod.",
                                       "state_dict/model.",
                                       "state_dict/model._orig_mod.",
                                       "state_dict/net.module.",
                                       "state_dict/encoder.module.",
                                       "_fsdp_wrapped_module.",
                                       "_forward_module.module.",
                                       "model_state_dict/",
                                       "module/",
                                       "module/module.",
                                       "net/",
                                       "net.",
                                       "model.0.",
                                       "1.",
                                       "0.module.1.",
                                       "checkpoint/state_dict/backbone.",
                                       "a/b/c/d.e.f."};
  for (size_t i = 0; i < sizeof around / sizeof *around; i++) {
    made m = {0};
    as_mapping map = {0};
    char want[128];
    mk_resnet(&m.st, around[i], 2, one_each, 10);
    choose(t, &m, NULL);
    CHECK_OK(t, m.status, m.err);
    if (m.status == AS_OK) {
      CHECK_STR(t, as_recipe_name(m.r), "resnet");
      CHECK_STR(t, m.arch, "resnet50:blocks=1-1-1-1,base=2");
      snprintf(want, sizeof want, "%sfc.weight", around[i]);
      CHECK_STR(t, origin(&m, &map, "fc.weight"), want);
      as_mapping_clear(&map);
    }
    drop(&m);
  }
}

/* Wrappers within: one block compiled, one checkpointed, one in DataParallel. */
static void wrappers_within(as_test *t) {
  static const char *const within[] = {"_orig_mod.", "_checkpoint_wrapped_module.", "_fsdp_wrapped_module.",
                                       "module.", "_fpw_module.module."};
  for (size_t i = 0; i < sizeof within / sizeof *within; i++) {
    made m = {0};
    as_mapping map = {0};
    as_str renamed = {0};
    mk_vit(&m.st, "state_dict/", 64, 2, 16, 197, false, 10);
    for (const char *p = m.st.header.s; *p;) {
      if (as_starts_with(p, "blocks.1.")) {
        as_str_printf(&renamed, "blocks.1.%s", within[i]);
        p += strlen("blocks.1.");
      } else {
        as_str_putc(&renamed, *p++);
      }
    }
    as_str_clear(&m.st.header);
    m.st.header = renamed;
    choose(t, &m, NULL);
    CHECK_OK(t, m.status, m.err);
    if (m.status == AS_OK) {
      CHECK_STR(t, as_recipe_name(m.r), "vit");
      CHECK_STR(t, m.arch, "vit_base:patch=16,dim=64,depth=2,heads=1");
      HAS(origin(&m, &map, "blocks.1.mlp.fc2.bias"), within[i]);
      as_mapping_clear(&map);
    }
    drop(&m);
  }
}

/* What only a wrapper tells apart keeps it. */
static void wrappers_that_matter(as_test *t) {
  made m = {0};
  const int64_t w[1] = {4};
  mk_resnet(&m.st, "", 2, one_each, 10);
  mk_st_add(&m.st, "module.", "bn1.weight", 1, w);
  choose(t, &m, NULL);
  CHECK_INT(t, m.status, AS_E_INPUT);
  HAS(m.err.msg, "no recipe fits");
  drop(&m);
}

/* Published layouts count wrappers for nothing as well: MoCo without DataParallel, and compiled. */
static void published(as_test *t) {
  static const char *const around[] = {"state_dict/", "state_dict/_orig_mod.module.",
                                       "state_dict/module.module."};
  for (size_t i = 0; i < sizeof around / sizeof *around; i++) {
    made m = {0};
    char name[128];
    const int64_t queue[2] = {128, 65536}, w[2] = {4, 4};
    as_mapping map = {0};
    snprintf(name, sizeof name, "%sencoder_q.", around[i]);
    mk_resnet(&m.st, name, 2, one_each, 0);
    mk_st_add(&m.st, name, "fc.2.weight", 2, w);
    snprintf(name, sizeof name, "%sencoder_k.", around[i]);
    mk_resnet(&m.st, name, 2, one_each, 0);
    mk_st_add(&m.st, around[i], "queue", 2, queue);
    choose(t, &m, NULL);
    CHECK_OK(t, m.status, m.err);
    if (m.status == AS_OK) {
      CHECK_STR(t, as_recipe_name(m.r), "moco-v2");
      HAS(origin(&m, &map, "conv1.weight"), "encoder_q.conv1.weight");
      as_mapping_clear(&map);
    }
    drop(&m);
  }
}

/* A network with other things beside it; where it stands is said. */
static void one_network(as_test *t) {
  made m = {0};
  const int64_t w[2] = {4, 4};
  mk_resnet(&m.st, "state_dict/model.backbone.", 2, one_each, 0);
  mk_st_add(&m.st, "state_dict/model.", "projector.0.weight", 2, w);
  mk_st_add(&m.st, "state_dict/", "criterion.weight", 2, w);
  mk_st_add(&m.st, "optimizer_states/0/", "exp_avg", 2, w);
  choose(t, &m, NULL);
  CHECK_OK(t, m.status, m.err);
  HAS(m.assumed, "the network under state_dict/model.backbone is used");
  drop(&m);
  /* profilers' counts are nobody's tensors */
  m = (made){0};
  mk_resnet(&m.st, "", 2, one_each, 10);
  mk_st_add(&m.st, "", "total_ops", 1, w);
  mk_st_add(&m.st, "", "layer1.0.conv1.total_params", 1, w);
  mk_st_add(&m.st, "", "n_averaged", 1, w);
  choose(t, &m, NULL);
  CHECK_OK(t, m.status, m.err);
  drop(&m);
}

/* Two networks that could both be meant: asked, with what to type; what is typed works. */
static void two_networks(as_test *t) {
  made m = {0};
  as_mapping map = {0};
  mk_resnet(&m.st, "nets/a.", 2, one_each, 10);
  mk_resnet(&m.st, "nets/b.", 2, one_each, 10);
  choose(t, &m, NULL);
  CHECK_INT(t, m.status, AS_E_INPUT);
  HAS(m.err.msg, "2 whole networks stand in it, under nets/a., nets/b.");
  HAS(m.err.msg, "--recipe NAME@PLACE, as resnet@nets/a.");
  drop(&m);
  m = (made){0};
  mk_resnet(&m.st, "nets/a.", 2, one_each, 10);
  mk_resnet(&m.st, "nets/b.", 2, one_each, 10);
  choose(t, &m, &(as_recipe_wish){.name = "resnet@nets/b."});
  CHECK_OK(t, m.status, m.err);
  if (m.status == AS_OK) CHECK_STR(t, origin(&m, &map, "fc.bias"), "nets/b.fc.bias");
  HAS(m.assumed, "nets/b is used; nets/a, a complete network, is left out (--recipe resnet@nets/a)");
  as_mapping_clear(&map);
  drop(&m);
}

/* A second complete network is said, with the words that take it instead. */
static void second_networks(as_test *t) {
  static const struct {
    const char *one, *two, *want;
  } tries[] = {
      {"state_dict/", "state_dict_ema/",
       "state_dict is used; state_dict_ema, a complete network, is left out"},
      {"model/", "model_ema/", "--recipe resnet@model_ema"},
      {"state_dict/", "model/", "state_dict is used; model, a complete network, is left out"},
      {"state_dict/module.", "ema/module.", "linear@ema)"},
      {"state_dict/", "ema_state_dict/module.", "--recipe resnet@ema_state_dict"},
      {"state_dict/model.", "state_dict/ema_model.", "state_dict/ema_model, a complete network, is left out"},
      {"net/", "net_ema/", "net is used; net_ema, a complete"},
      {"state_dict/online_network.", "state_dict/target_network.", "state_dict/target_network, a complete"},
      {"model/", "swa/", "--recipe resnet@swa"},
      {"", "ema/", "(top) is used; ema, a complete network, is left out (--recipe resnet@ema)"},
      {"state_dict/backbone.", "state_dict/momentum_backbone.", "momentum_backbone, a complete network"},
      {"ema/", "state_dict/", "state_dict is used; ema, a complete"}};
  for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
    made m = {0};
    as_mapping map = {0};
    mk_resnet(&m.st, tries[i].one, 2, one_each, 10);
    mk_resnet(&m.st, tries[i].two, 2, one_each, 10);
    choose(t, &m, NULL);
    CHECK_OK(t, m.status, m.err);
    HAS(m.assumed, tries[i].want);
    const char *hint = strstr(m.assumed, "left out (--recipe ");
    char name[128] = "";
    if (hint) snprintf(name, sizeof name, "%.*s", (int)strcspn(hint + 19, ")"), hint + 19);
    as_recipe *other = NULL;
    const as_recipe *r = NULL;
    CHECK_OK(t, as_recipe_named(&r, &other, name, &m.err), m.err);
    if (r && as_recipe_map(&map, r, m.s, &m.err) == AS_OK) {
      const as_mapped *conv1 = as_mapping_find(&map, "conv1.weight");
      CHECK(t, conv1 && conv1->from);
      as_mapping_clear(&map);
    }
    as_recipe_destroy(&other);
    drop(&m);
  }
  /* half a network is none */
  made m = {0};
  const int64_t w[4] = {2, 3, 7, 7};
  mk_resnet(&m.st, "state_dict/", 2, one_each, 10);
  mk_st_add(&m.st, "state_dict_ema/", "conv1.weight", 4, w);
  choose(t, &m, NULL);
  CHECK_OK(t, m.status, m.err);
  CHECK(t, !strstr(m.assumed, "left out"));
  drop(&m);
}

/* The twin that doctor runs, by place. */
static void twin_by_place(as_test *t) {
  made m = {0};
  as_twin twin[AS_TWIN_MAX];
  as_recipe *other = NULL;
  as_mapping map = {0};
  mk_vit(&m.st, "model/", 64, 1, 16, 197, false, 10);
  mk_vit(&m.st, "model_ema/module.", 64, 1, 16, 197, false, 10);
  choose(t, &m, NULL);
  CHECK_OK(t, m.status, m.err);
  CHECK_INT(t, as_recipe_twins(twin, m.r, m.s), 1);
  CHECK(t, twin[0].place);
  CHECK_OK(t, as_recipe_twin(&other, m.r, &twin[0], &m.err), m.err);
  m.r = other;
  CHECK_STR(t, origin(&m, &map, "cls_token"), "model_ema/module.cls_token");
  as_mapping_clear(&map);
  as_recipe_destroy(&other);
  drop(&m);
}

/* A recipe by name reads wrapped files as well. */
static void named(as_test *t) {
  made m = {0};
  mk_resnet(&m.st, "module/net._orig_mod.", 2, one_each, 10);
  choose(t, &m, &(as_recipe_wish){.name = "resnet"});
  CHECK_OK(t, m.status, m.err);
  HAS(m.assumed, "the network under module/net is used");
  drop(&m);
  as_recipe *owned = NULL;
  const as_recipe *r = NULL;
  as_err err = {AS_OK, ""};
  CHECK_INT(t, as_recipe_named(&r, &owned, "resnett@x", &err), AS_E_USAGE);
  CHECK_INT(t, as_recipe_named(&r, &owned, "./dir@x/r.recipe", &err), AS_E_INPUT); /* a file */
  char one[65], two[65];
  CHECK_OK(t, as_recipe_named(&r, &owned, "resnet@a", &err), err);
  CHECK_STR(t, as_recipe_place(r), "a");
  as_recipe_digest(r, one);
  as_recipe_destroy(&owned);
  CHECK_OK(t, as_recipe_named(&r, &owned, "resnet@b", &err), err);
  as_recipe_digest(r, two);
  as_recipe_destroy(&owned);
  CHECK(t, strcmp(one, two) != 0);
}

/* ---- shapes of ViTs ---- */

typedef struct vit_try {
  const char *what;
  int64_t dim, rows;
  bool cls, norm, fc_norm;
  const char *want_arch, *want_assumed; /* want_arch NULL: refused with this message */
} vit_try;

static void put_vit(mk_st *st, const vit_try *v) {
  mk_vit(st, "", v->dim, 1, 16, v->rows, false, 10);
  const char *swap[3][2] = {{v->cls ? NULL : "\"cls_token\"", "\"blocks.0.attn.q_unused\""},
                            {v->norm ? NULL : "\"norm.weight\"", "\"fc_norm.weight\""},
                            {v->norm ? NULL : "\"norm.bias\"", "\"fc_norm.bias\""}};
  for (int i = v->fc_norm || v->norm ? 0 : 3; i < 3; i++) {
    char *at = swap[i][0] ? strstr(st->header.s, swap[i][0]) : NULL;
    if (!at) continue;
    as_str out = {0};
    as_str_putn(&out, st->header.s, (size_t)(at - st->header.s));
    as_str_put(&out, swap[i][1]);
    as_str_put(&out, at + strlen(swap[i][0]));
    as_str_clear(&st->header);
    st->header = out;
  }
}

static void vit_shapes(as_test *t) {
  static const vit_try tries[] = {
      {"a plain one", 64, 197, true, true, false, "vit_base:patch=16,dim=64,depth=1,heads=1",
       "heads of 64, the class token as feature"},
      {"fc_norm", 64, 197, true, false, true,
       "vit_base:patch=16,dim=64,depth=1,heads=1,norm=fc,features=mean",
       "the mean of the patch tokens as feature"},
      {"no row for the class token", 64, 196, true, true, false,
       "vit_base:patch=16,dim=64,depth=1,heads=1,poscls=0", "the class token"},
      {"heads unknown", 96, 197, true, true, false, NULL,
       "tensor patch_embed.proj.weight is 96 wide, no multiple of 64: the number of attention heads is not "
       "in the file; "
       "give --arch vit_base:patch=16,dim=96,depth=1,heads=N"},
      {"heads unknown, narrow", 32, 197, true, true, false, NULL, "is 32 wide, no multiple of 64"},
      {"384 pixels", 64, 577, true, true, false, NULL,
       "tensor pos_embed holds 24 x 24 positions, those of images of 384 at patch 16; the preset takes 224: "
       "give --preset "
       "imagenet-bicubic,resize=384,crop=384, or resample them: --arch "
       "vit_base:patch=16,dim=64,depth=1,heads=1,posgrid=24,resize=exact"},
      {"12 x 16 patches", 64, 193, true, true, false, NULL,
       "tensor pos_embed: found [1, 193, 64], wanted [1, rows, 64] with a row per patch of a square grid"},
      {"rows for registers", 64, 201, true, true, false, NULL, "tensor pos_embed: found [1, 201, 64]"}};
  for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
    made m = {0};
    put_vit(&m.st, &tries[i]);
    choose(t, &m, NULL);
    if (tries[i].want_arch) {
      CHECK_OK(t, m.status, m.err);
      CHECK_STR(t, m.arch, tries[i].want_arch);
      HAS(m.assumed, tries[i].want_assumed);
    } else {
      CHECK_INT(t, m.status, AS_E_INPUT);
      HAS(m.err.msg, tries[i].want_assumed);
      CHECK(t, as_starts_with(m.err.msg, "x.pth: "));
    }
    drop(&m);
  }
}

/* Without a class token there is only the mean; without a final norm none is applied, and it is said. */
static void vit_parts(as_test *t) {
  static const struct {
    const char *leave; /* tensors whose names begin so are left out */
    const char *arch, *said;
  } tries[] = {
      {"cls_token", "vit_base:patch=16,dim=64,depth=1,heads=1,cls=0,poscls=0,features=mean",
       "the mean of the patch tokens as feature"},
      {"norm.", "vit_base:patch=16,dim=64,depth=1,heads=1,norm=none", "no final norm (the file holds none)"}};
  for (size_t i = 0; i < 2; i++) {
    made m = {0}, all = {0};
    mk_vit(&all.st, "", 64, 1, 16, i == 0 ? 196 : 197, false, 10);
    as_str header = {0};
    uint64_t at = 0;
    for (char *p = all.st.header.s; p;) { /* entries one by one, offsets counted again */
      char *next = strstr(p, "]},\"");
      const size_t n = next ? (size_t)(next - p) + 2 : strlen(p);
      char *off = strstr(p, "offsets\":[") + 10, *comma = NULL;
      const unsigned long long a = strtoull(off, &comma, 10), b = strtoull(comma + 1, NULL, 10);
      if (strncmp(p + 1, tries[i].leave, strlen(tries[i].leave)) != 0) {
        as_str_printf(&header, "%s%.*s%llu,%llu]}", header.n ? "," : "", (int)(off - p), p,
                      (unsigned long long)at, (unsigned long long)at + (b - a));
        at += b - a;
      }
      p = next ? p + n + 1 : NULL;
    }
    as_str_clear(&all.st.header);
    m.st.header = header;
    m.st.at = at;
    choose(t, &m, NULL);
    CHECK_OK(t, m.status, m.err);
    CHECK_STR(t, m.arch, tries[i].arch);
    HAS(m.assumed, tries[i].said);
    drop(&m);
  }
}

/* ---- other libraries' names ---- */

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
    made m = {0};
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
    choose(t, &m, NULL);
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
    drop(&m);
  }
}

/* Names of a ResNet, one block a stage: FROM with its number of stages and layers filled in. */
static void renamed_resnet(made *m, const char *const (*names)[2], size_t n, const char *prefix) {
  mk_st st = {.at = 0};
  mk_resnet(&st, "", 2, one_each, 10);
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
  made m = {0};
  renamed_resnet(&m, names, 7, "");
  choose(t, &m, NULL);
  CHECK_OK(t, m.status, m.err);
  if (m.status == AS_OK) CHECK_STR(t, as_recipe_name(m.r), "resnet-children");
  CHECK_STR(t, m.arch, "resnet50:blocks=1-1-1-1,base=2");
  drop(&m);
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
    made m = {0};
    as_mapping map = {0};
    renamed_resnet(&m, names, sizeof names / sizeof *names, prefixes[i]);
    choose(t, &m, NULL);
    CHECK_OK(t, m.status, m.err);
    if (m.status == AS_OK) {
      CHECK_STR(t, as_recipe_name(m.r), "hf-resnet");
      HAS(origin(&m, &map, "layer3.0.conv2.weight"), "encoder.stages.2.layers.0.layer.1.convolution.weight");
      CHECK(t, as_mapping_find(&map, "fc.weight") != NULL);
      as_mapping_clear(&map);
    }
    CHECK_STR(t, m.arch, "resnet50:blocks=1-1-1-1,base=2");
    drop(&m);
  }
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"place wrappers", wrappers},
                                  {"place wrappers within", wrappers_within},
                                  {"place wrappers that matter", wrappers_that_matter},
                                  {"place published layouts", published},
                                  {"place one network", one_network},
                                  {"place two networks", two_networks},
                                  {"place second networks", second_networks},
                                  {"place twin", twin_by_place},
                                  {"place by name", named},
                                  {"place vit shapes", vit_shapes},
                                  {"place vit parts", vit_parts},
                                  {"place hugging face", hugging_face},
                                  {"place hugging face resnet", hugging_face_resnet},
                                  {"place numbered children", numbered_children}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
