/* weights/recipe: networks under wrappers and in places, second networks, and what the shapes of ViTs tell. A file under a
 * wrapper must be read as the same tensors without it. */
#include <stdlib.h>

#include "tests/ckptmake.h"
#include "tests/harness.h"
#include "tests/recipemake.h"
#include "weights/recipe/mapping.h"
#include "weights/recipe/twin.h"

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
    mk_choice m = {0};
    as_mapping map = {0};
    char want[128];
    mk_resnet(&m.st, around[i], 2, mk_one_each, 10);
    mk_choose(t, &m, NULL);
    CHECK_OK(t, m.status, m.err);
    if (m.status == AS_OK) {
      CHECK_STR(t, as_recipe_name(m.r), "resnet");
      CHECK_STR(t, m.arch, "resnet50:blocks=1-1-1-1,base=2");
      snprintf(want, sizeof want, "%sfc.weight", around[i]);
      CHECK_STR(t, mk_origin(&m, &map, "fc.weight"), want);
      as_mapping_clear(&map);
    }
    mk_choice_drop(&m);
  }
}

/* Wrappers within: one block compiled, one checkpointed, one in DataParallel. */
static void wrappers_within(as_test *t) {
  static const char *const within[] = {"_orig_mod.", "_checkpoint_wrapped_module.", "_fsdp_wrapped_module.",
                                       "module.", "_fpw_module.module."};
  for (size_t i = 0; i < sizeof within / sizeof *within; i++) {
    mk_choice m = {0};
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
    mk_choose(t, &m, NULL);
    CHECK_OK(t, m.status, m.err);
    if (m.status == AS_OK) {
      CHECK_STR(t, as_recipe_name(m.r), "vit");
      CHECK_STR(t, m.arch, "vit_base:patch=16,dim=64,depth=2,heads=1");
      HAS(mk_origin(&m, &map, "blocks.1.mlp.fc2.bias"), within[i]);
      as_mapping_clear(&map);
    }
    mk_choice_drop(&m);
  }
}

/* What only a wrapper tells apart keeps it. */
static void wrappers_that_matter(as_test *t) {
  mk_choice m = {0};
  const int64_t w[1] = {4};
  mk_resnet(&m.st, "", 2, mk_one_each, 10);
  mk_st_add(&m.st, "module.", "bn1.weight", 1, w);
  mk_choose(t, &m, NULL);
  CHECK_INT(t, m.status, AS_E_INPUT);
  HAS(m.err.msg, "no recipe fits");
  mk_choice_drop(&m);
}

/* Published layouts count wrappers for nothing as well: MoCo without DataParallel, and compiled. */
static void published(as_test *t) {
  static const char *const around[] = {"state_dict/", "state_dict/_orig_mod.module.",
                                       "state_dict/module.module."};
  for (size_t i = 0; i < sizeof around / sizeof *around; i++) {
    mk_choice m = {0};
    char name[128];
    const int64_t queue[2] = {128, 65536}, w[2] = {4, 4};
    as_mapping map = {0};
    snprintf(name, sizeof name, "%sencoder_q.", around[i]);
    mk_resnet(&m.st, name, 2, mk_one_each, 0);
    mk_st_add(&m.st, name, "fc.2.weight", 2, w);
    snprintf(name, sizeof name, "%sencoder_k.", around[i]);
    mk_resnet(&m.st, name, 2, mk_one_each, 0);
    mk_st_add(&m.st, around[i], "queue", 2, queue);
    mk_choose(t, &m, NULL);
    CHECK_OK(t, m.status, m.err);
    if (m.status == AS_OK) {
      CHECK_STR(t, as_recipe_name(m.r), "moco-v2");
      HAS(mk_origin(&m, &map, "conv1.weight"), "encoder_q.conv1.weight");
      as_mapping_clear(&map);
    }
    mk_choice_drop(&m);
  }
}

/* A network with other things beside it; where it stands is said. */
static void one_network(as_test *t) {
  mk_choice m = {0};
  const int64_t w[2] = {4, 4};
  mk_resnet(&m.st, "state_dict/model.backbone.", 2, mk_one_each, 0);
  mk_st_add(&m.st, "state_dict/model.", "projector.0.weight", 2, w);
  mk_st_add(&m.st, "state_dict/", "criterion.weight", 2, w);
  mk_st_add(&m.st, "optimizer_states/0/", "exp_avg", 2, w);
  mk_choose(t, &m, NULL);
  CHECK_OK(t, m.status, m.err);
  HAS(m.assumed, "the network under state_dict/model.backbone is used");
  mk_choice_drop(&m);
  /* profilers' counts are nobody's tensors */
  m = (mk_choice){0};
  mk_resnet(&m.st, "", 2, mk_one_each, 10);
  mk_st_add(&m.st, "", "total_ops", 1, w);
  mk_st_add(&m.st, "", "layer1.0.conv1.total_params", 1, w);
  mk_st_add(&m.st, "", "n_averaged", 1, w);
  mk_choose(t, &m, NULL);
  CHECK_OK(t, m.status, m.err);
  mk_choice_drop(&m);
}

/* Two networks that could both be meant: asked, with what to type; what is typed works. */
static void two_networks(as_test *t) {
  mk_choice m = {0};
  as_mapping map = {0};
  mk_resnet(&m.st, "nets/a.", 2, mk_one_each, 10);
  mk_resnet(&m.st, "nets/b.", 2, mk_one_each, 10);
  mk_choose(t, &m, NULL);
  CHECK_INT(t, m.status, AS_E_INPUT);
  HAS(m.err.msg, "2 whole networks stand in it, under nets/a., nets/b.");
  HAS(m.err.msg, "--recipe NAME@PLACE, as resnet@nets/a.");
  mk_choice_drop(&m);
  m = (mk_choice){0};
  mk_resnet(&m.st, "nets/a.", 2, mk_one_each, 10);
  mk_resnet(&m.st, "nets/b.", 2, mk_one_each, 10);
  mk_choose(t, &m, &(as_recipe_wish){.name = "resnet@nets/b."});
  CHECK_OK(t, m.status, m.err);
  if (m.status == AS_OK) CHECK_STR(t, mk_origin(&m, &map, "fc.bias"), "nets/b.fc.bias");
  HAS(m.assumed, "nets/b is used; nets/a, a complete network, is left out (--recipe resnet@nets/a)");
  as_mapping_clear(&map);
  mk_choice_drop(&m);
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
    mk_choice m = {0};
    as_mapping map = {0};
    mk_resnet(&m.st, tries[i].one, 2, mk_one_each, 10);
    mk_resnet(&m.st, tries[i].two, 2, mk_one_each, 10);
    mk_choose(t, &m, NULL);
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
    mk_choice_drop(&m);
  }
  /* half a network is none */
  mk_choice m = {0};
  const int64_t w[4] = {2, 3, 7, 7};
  mk_resnet(&m.st, "state_dict/", 2, mk_one_each, 10);
  mk_st_add(&m.st, "state_dict_ema/", "conv1.weight", 4, w);
  mk_choose(t, &m, NULL);
  CHECK_OK(t, m.status, m.err);
  CHECK(t, !strstr(m.assumed, "left out"));
  mk_choice_drop(&m);
}

/* LitEma keeps its averages under names without dots: no recipe reads them, and they are not passed over. */
static void squeezed_copy(as_test *t) {
  static const char mark[] = "\"state_dict/model_ema.";
  mk_choice m = {0};
  as_str header = {0};
  mk_resnet(&m.st, "state_dict/model.", 2, mk_one_each, 10);
  mk_resnet(&m.st, "state_dict/model_ema.", 2, mk_one_each, 10);
  for (const char *p = m.st.header.s; *p;) {
    if (!as_starts_with(p, mark)) {
      as_str_putc(&header, *p++);
      continue;
    }
    as_str_put(&header, mark);
    for (p += sizeof mark - 1; *p != '"'; p++)
      if (*p != '.') as_str_putc(&header, *p);
  }
  as_str_clear(&m.st.header);
  m.st.header = header;
  mk_choose(t, &m, NULL);
  CHECK_OK(t, m.status, m.err);
  HAS(m.assumed, "a copy of the network (a moving average?) under names like state_dict/model_ema.");
  mk_choice_drop(&m);
}

/* The twin that doctor runs, by place. */
static void twin_by_place(as_test *t) {
  mk_choice m = {0};
  as_twin twin[AS_TWIN_MAX];
  as_recipe *other = NULL;
  as_mapping map = {0};
  mk_vit(&m.st, "model/", 64, 1, 16, 197, false, 10);
  mk_vit(&m.st, "model_ema/module.", 64, 1, 16, 197, false, 10);
  mk_choose(t, &m, NULL);
  CHECK_OK(t, m.status, m.err);
  CHECK_INT(t, as_recipe_twins(twin, m.r, m.s), 1);
  CHECK(t, twin[0].place);
  CHECK_OK(t, as_recipe_twin(&other, m.r, &twin[0], &m.err), m.err);
  m.r = other;
  CHECK_STR(t, mk_origin(&m, &map, "cls_token"), "model_ema/module.cls_token");
  as_mapping_clear(&map);
  as_recipe_destroy(&other);
  mk_choice_drop(&m);
}

/* A recipe by name reads wrapped files as well. */
static void named(as_test *t) {
  mk_choice m = {0};
  mk_resnet(&m.st, "module/net._orig_mod.", 2, mk_one_each, 10);
  mk_choose(t, &m, &(as_recipe_wish){.name = "resnet"});
  CHECK_OK(t, m.status, m.err);
  HAS(m.assumed, "the network under module/net is used");
  mk_choice_drop(&m);
  as_recipe *owned = NULL;
  const as_recipe *r = NULL;
  as_err err = {AS_OK, ""};
  CHECK_INT(t, as_recipe_named(&r, &owned, "resnett@x", &err), AS_E_USAGE);
  CHECK_INT(t, as_recipe_named(&r, &owned, "./dir@x/r.recipe", &err), AS_E_INPUT); /* a file */
  char one[65], two[65];
  CHECK_OK(t, as_recipe_named(&r, &owned, "resnet@a", &err), err);
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

/* within: "model/" or "", in front of every name. */
static void put_vit(mk_st *st, const vit_try *v, const char *within) {
  mk_vit(st, within, v->dim, 1, 16, v->rows, false, 10);
  const char *swap[3][2] = {{v->cls ? NULL : "cls_token", "blocks.0.attn.q_unused"},
                            {v->norm ? NULL : "norm.weight", "fc_norm.weight"},
                            {v->norm ? NULL : "norm.bias", "fc_norm.bias"}};
  for (int i = v->fc_norm || v->norm ? 0 : 3; i < 3; i++) {
    char from[64];
    if (!swap[i][0]) continue;
    snprintf(from, sizeof from, "\"%s%s\"", within, swap[i][0]);
    char *at = strstr(st->header.s, from);
    if (!at) continue;
    as_str out = {0};
    as_str_putn(&out, st->header.s, (size_t)(at - st->header.s));
    as_str_printf(&out, "\"%s%s\"", within, swap[i][1]);
    as_str_put(&out, at + strlen(from));
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
    mk_choice m = {0};
    put_vit(&m.st, &tries[i], "");
    mk_choose(t, &m, NULL);
    if (tries[i].want_arch) {
      CHECK_OK(t, m.status, m.err);
      CHECK_STR(t, m.arch, tries[i].want_arch);
      HAS(m.assumed, tries[i].want_assumed);
    } else {
      CHECK_INT(t, m.status, AS_E_INPUT);
      HAS(m.err.msg, tries[i].want_assumed);
      CHECK(t, as_starts_with(m.err.msg, "x.pth: "));
    }
    mk_choice_drop(&m);
  }
}

/* A recipe that says the norm and the feature itself: they are not said a second time. */
static void vit_recipe_keys(as_test *t) {
  const vit_try mae = {"fc_norm", 64, 197, true, false, true, NULL, NULL};
  mk_choice m = {0};
  put_vit(&m.st, &mae, "model/");
  mk_choose(t, &m, NULL);
  CHECK_OK(t, m.status, m.err);
  CHECK_STR(t, m.arch, "vit_base:patch=16,dim=64,depth=1,heads=1,norm=fc,features=mean");
  mk_choice_drop(&m);
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
    mk_choice m = {0}, all = {0};
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
    mk_choose(t, &m, NULL);
    CHECK_OK(t, m.status, m.err);
    CHECK_STR(t, m.arch, tries[i].arch);
    HAS(m.assumed, tries[i].said);
    mk_choice_drop(&m);
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
                                  {"place squeezed copy", squeezed_copy},
                                  {"place twin", twin_by_place},
                                  {"place by name", named},
                                  {"place vit shapes", vit_shapes},
                                  {"place vit keys of a recipe", vit_recipe_keys},
                                  {"place vit parts", vit_parts}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
