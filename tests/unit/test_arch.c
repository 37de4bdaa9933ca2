/* models/arch: architectures as text, by their own names and by those of timm and torchvision. */
#include "models/arch.h"

#include <stdint.h>
#include <stdio.h>

#include "models/model.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"
#include "tests/harness.h"

static void prints(as_test *t, const char *text, const char *want) {
  as_arch a, b;
  as_str one = {0}, two = {0};
  as_err err = {AS_OK, ""};
  CHECK_OK(t, as_arch_parse(&a, text, &err), err);
  CHECK_OK(t, as_arch_parse(&b, want, &err), err);
  as_arch_print(&a, &one);
  as_arch_print(&b, &two);
  CHECK_STR(t, as_str_c(&one), as_str_c(&two));
  as_str_clear(&one);
  as_str_clear(&two);
}

static void named(as_test *t) {
  prints(t, "vit_tiny_patch16_224", "vit_tiny:patch=16");
  prints(t, "vit_tiny_patch16_224.augreg_in21k_ft_in1k", "vit_tiny:patch=16");
  prints(t, "vit_small_patch14_dinov2.lvd142m", "vit_small:patch=14,ls=1,posgrid=37,resize=exact");
  prints(t, "vit_base_patch14_reg4_dinov2", "vit_base:patch=14,ls=1,reg=4,poscls=0,posgrid=37,resize=exact");
  prints(t, "vit_base_patch16_384:norm=fc,features=mean",
         "vit_base:patch=16,posgrid=24,norm=fc,features=mean");
  prints(t, "resnet50.tv_in1k", "resnet50");
  prints(t, "resnet50.fb_ssl_yfcc100m_ft_in1k:stride=v1", "resnet50:stride=v1");
  prints(t, "resnet50d.ra2_in1k", "resnet50:stem=deep,down=avg");
  prints(t, "wide_resnet50_2.tv2_in1k", "wide_resnet50_2");
  prints(t, "vit_h_14", "vit_huge");
}

/* Every alias parses, gives the size that it is named for, and hides no name of ours. */
static void all(as_test *t) {
  for (size_t i = 0; as_arch_alias_at(i); i++) {
    const as_arch_alias *k = as_arch_alias_at(i);
    as_arch a;
    as_err err = {AS_OK, ""};
    CHECK_OK(t, as_arch_parse(&a, k->name, &err), err);
    const int size = a.family == AS_FAMILY_VIT ? a.vit.size : a.resnet.size;
    CHECK_INT(t, size, k->size);
    if (a.family == AS_FAMILY_VIT && a.vit.posgrid) CHECK_INT(t, a.vit.posgrid * a.vit.patch, k->size);
    for (const char *const *n = as_arch_names(); *n; n++) CHECK(t, strcmp(*n, k->name) != 0);
  }
}

static void unknown(as_test *t) {
  static const char *const names[][2] = {{"vit_tinny_patch16_224", "nearest: vit_tiny_patch16_224"},
                                         {"resnet5o.tv_in1k", "no architecture \"resnet5o.tv_in1k\""},
                                         {"efficientnet_b0.ra_in1k", "no architecture"},
                                         {".tv_in1k", "no architecture"}};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    as_arch a;
    as_err err = {AS_OK, ""};
    CHECK_INT(t, as_arch_parse(&a, names[i][0], &err), AS_E_USAGE);
    if (!strstr(err.msg, names[i][1]))
      as_test_fail(t, __FILE__, __LINE__, "message \"%s\" lacks \"%s\"", err.msg, names[i][1]);
  }
}

static void names_of_torchvision_and_timm(as_test *t) {
  as_err err = {0};
  as_model *m = NULL;
  const as_param_spec *s;
  CHECK_OK(t, as_model_create(&m, "resnet50", 0, &err), err);
  if (!m) return;
  CHECK_INT(t, as_model_specs(m, &s), 318);
  CHECK_STR(t, s[0].name, "conv1.weight");
  CHECK_STR(t, s[5].name, "bn1.num_batches_tracked");
  CHECK(t, s[5].optional && s[5].rank == 0);
  CHECK_STR(t, s[6].name, "layer1.0.conv1.weight");
  CHECK_STR(t, s[24].name, "layer1.0.downsample.0.weight");
  CHECK_STR(t, s[25].name, "layer1.0.downsample.1.weight");
  CHECK_STR(t, s[317].name, "layer4.2.bn3.num_batches_tracked");
  CHECK_INT(t, as_model_embed_dim(m), 2048);
  CHECK_INT(t, as_model_input_size(m), 224);
  CHECK_STR(t, as_model_head_name(m), "fc");
  CHECK_NEAR(t, as_model_gflop(m), 8.174, 0.01); /* 4.089 GMAC with fc (torchvision docs: 4.09) */
  as_model_destroy(&m);

  CHECK_OK(t, as_model_create(&m, "vits16", 0, &err), err);
  if (!m) return;
  CHECK_INT(t, as_model_specs(m, &s), 150);
  CHECK_STR(t, s[0].name, "cls_token");
  CHECK_STR(t, s[1].name, "pos_embed");
  CHECK_INT(t, s[1].shape[1], 197);
  CHECK_STR(t, s[2].name, "patch_embed.proj.weight");
  CHECK_STR(t, s[4].name, "blocks.0.norm1.weight");
  CHECK_STR(t, s[6].name, "blocks.0.attn.qkv.weight");
  CHECK_INT(t, s[6].shape[0], 1152);
  CHECK_STR(t, s[14].name, "blocks.0.mlp.fc2.weight");
  CHECK_STR(t, s[149].name, "norm.bias");
  CHECK_STR(t, as_model_head_name(m), "head");
  as_model_destroy(&m);

  /* DINOv2 S/14: 175 tensors with mask_token, which no inference needs. */
  CHECK_OK(t, as_model_create(&m, "vits14:ls=1,posgrid=37,resize=scale", 224, &err), err);
  if (!m) return;
  CHECK_INT(t, as_model_specs(m, &s), 174);
  CHECK_INT(t, s[1].shape[1], 1370);
  as_model_destroy(&m);
}

static void architecture_lines(as_test *t) {
  as_err err = {0};
  as_model *m = NULL, *again = NULL;
  CHECK_OK(t, as_model_create(&m, "resnet50:stride=v1,eps=1e-3,width=2", 0, &err), err);
  if (!m) return;
  CHECK_STR(t, as_model_arch(m),
            "resnet50:block=bottleneck,blocks=3-4-6-3,base=64,width=2,inner=1,stem=7x7,down=conv,stride=v1,"
            "pad=torch,"
            "sk=0,eps=0.001");
  CHECK_OK(t, as_model_create(&again, as_model_arch(m), 0, &err), err);
  if (again) CHECK_STR(t, as_model_arch(again), as_model_arch(m));
  as_model_destroy(&again);
  as_model_destroy(&m);
  for (const char *const *name = as_model_names(); *name; name++) {
    CHECK_OK(t, as_model_create(&m, *name, 0, &err), err);
    if (m) CHECK_OK(t, as_model_create(&again, as_model_arch(m), 0, &err), err);
    if (m && again) CHECK_STR(t, as_model_arch(again), as_model_arch(m));
    as_model_destroy(&again);
    as_model_destroy(&m);
  }
}

static void refused_architectures(as_test *t) {
  static const struct {
    const char *arch;
    int size;
    const char *says;
  } bad[] = {
      {"resnet51", 0, "resnet50"},
      {"", 0, "no architecture"},
      {"resnet50:strid=v1", 0, "stride"},
      {"resnet50:stride=v2", 0, "v1.5 | v1"},
      {"resnet50:stride", 0, "key=value"},
      {"resnet50:", 0, "key=value"},
      {"resnet50:width=0", 0, "from 1 to 16"},
      {"resnet50:width=2x", 0, "from 1 to 16"},
      {"resnet50:blocks=3-4-", 0, "counts"},
      {"resnet50:blocks=1-1-1-1-1-1-1-1-1", 0, "counts"},
      {"resnet50:blocks=", 0, "counts"},
      {"resnet50:eps=0", 0, "above 0"},
      {"resnet50:eps=nan", 0, "above 0"},
      {"resnet18:stride=v1", 0, "bottleneck"},
      {"resnet18:inner=2", 0, "bottleneck"},
      {"resnet50:base=1024,width=16", 0, "channels"},
      {"resnet50:down=avg", 225, "even"},
      {"resnet50:sk=1", 0, "down=avg"},
      {"resnet18:sk=1,down=avg", 0, "bottleneck"},
      {"resnet50", -1, "pixels"},
      {"resnet50", 100000, "pixels"},
      {"vits16:heads=5", 0, "multiple of heads"},
      {"vits16", 225, "multiple of patch"},
      {"vits16:cls=0", 0, "features=mean"},
      {"vits16:depth=3,features=cls4", 0, "depth"},
      {"vits16:norm=fc,features=cls4", 0, "norm=fc"},
      {"vits16:posgrid=37", 0, "resize=scale"},
      {"vits16:dim=-384", 0, "integer"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    as_err err = {0};
    as_model *m = NULL;
    CHECK_STATUS(t, as_model_create(&m, bad[i].arch, bad[i].size, &err), AS_E_USAGE);
    CHECK(t, m == NULL);
    if (!strstr(err.msg, bad[i].says))
      as_test_fail(t, __FILE__, __LINE__, "%s: \"%s\" does not say \"%s\"", bad[i].arch, err.msg,
                   bad[i].says);
    as_model_destroy(&m);
  }
}

/* Any text gives a model or a message; what gives a model prints as itself. */
static void any_text(as_test *t) {
  static const char *const nets[] = {"resnet50", "resnet18", "vits16", "vit_demo", "resnet_dem", ""};
  static const char *const pairs[] = {
      "stride=v1",     "stem=deep",    "down=avg",   "pad=same", "blocks=1-2",
      "blocks=1-",     "width=2",      "inner=2",    "base=8",   "base=99999",
      "heads=3",       "heads=5",      "dim=48",     "patch=8",  "features=mean",
      "features=cls4", "cls=0",        "reg=3",      "norm=fc",  "posgrid=7",
      "resize=exact",  "resize=scale", "ffn=swiglu", "mlp=40",   "eps=1e-3",
      "eps=0x1p-3",    "ls=1",         "",           "=",        "depth=2",
      "stem=3x3",      "\xff\x01=1"};
  enum { NETS = sizeof nets / sizeof *nets, PAIRS = sizeof pairs / sizeof *pairs };
  const as_rng rng = as_rng_make(1, 2);
  int made = 0;
  for (uint64_t i = 0; i < 4000; i++) {
    char text[256];
    size_t len = (size_t)snprintf(text, sizeof text, "%s", nets[as_rng_below(rng, 16 * i, NETS)]);
    const uint64_t n = as_rng_below(rng, 16 * i + 1, 5);
    for (uint64_t k = 0; k < n; k++)
      len += (size_t)snprintf(text + len, sizeof text - len, "%c%s", k ? ',' : ':',
                              pairs[as_rng_below(rng, 16 * i + 2 + k, PAIRS)]);
    if (i % 7 == 0 && len > 0)
      text[as_rng_below(rng, 16 * i + 9, len)] = (char)(33 + as_rng_below(rng, 16 * i + 10, 90));
    as_err err = {0};
    as_model *m = NULL, *again = NULL;
    const as_status st = as_model_create(&m, text, (int)(i % 5) * 24, &err);
    if (st != AS_OK) {
      if (m || !err.msg[0] || st != AS_E_USAGE)
        as_test_fail(t, __FILE__, __LINE__, "\"%s\": %d %s", text, (int)st, err.msg);
      continue;
    }
    made++;
    CHECK_OK(t, as_model_create(&again, as_model_arch(m), as_model_input_size(m), &err), err);
    if (again) CHECK_STR(t, as_model_arch(again), as_model_arch(m));
    CHECK(t, as_model_embed_dim(m) > 0 && as_model_gflop(m) > 0);
    as_model_destroy(&again);
    as_model_destroy(&m);
  }
  CHECK(t, made > 200 && made < 3000);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {
      {"arch names", named},
      {"arch aliases", all},
      {"arch unknown", unknown},
      {"parameter names of torchvision and timm", names_of_torchvision_and_timm},
      {"architecture lines", architecture_lines},
      {"refused architectures", refused_architectures},
      {"any text as an architecture", any_text},
  };
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
