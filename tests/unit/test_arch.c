/* models/arch: the names of timm and torchvision, with and without a tag. */
#include "models/arch.h"
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

int main(int argc, char **argv) {
  static const as_case cases[] = {{"arch names", named}, {"arch aliases", all}, {"arch unknown", unknown}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
