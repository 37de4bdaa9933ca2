/* weights/recipe: the syntax, every built-in recipe, and the rule by which a file finds its own. The states are made in
 * memory; tensors are zeros of one byte, for only names and shapes matter here. */
#include <stdlib.h>

#include "tensor/base/file.h"
#include "tests/ckptmake.h"
#include "tests/harness.h"
#include "weights/recipe/recipe.h"
#include "weights/recipe/recipe_int.h"
#include "weights/recipe/twin.h"

static const int r50[4] = {3, 4, 6, 3};

static as_state *open_st(as_test *t, mk_st *st, char **file) {
  as_state *s = NULL;
  as_err err = {AS_OK, ""};
  size_t n = 0;
  *file = mk_st_file(st, &n);
  CHECK_OK(t, as_state_open_bytes(&s, *file, n, "x.pth", &err), err);
  return s;
}

/* recipe NULL: must be refused, with `arch` in the message. */
static void finds_for(as_test *t, mk_st *st, const char *preset, const char *recipe, const char *arch,
                      const char *assumed) {
  char *file = NULL;
  as_state *s = open_st(t, st, &file);
  const as_recipe *r = NULL;
  as_recipe *owned = NULL;
  as_err err = {AS_OK, ""};
  char text[AS_RECIPE_ASSUMED] = "", got[AS_RECIPE_ARCH] = "";
  if (!s) return;
  as_status status = as_recipe_choose(&r, &owned, s, &(as_recipe_wish){.preset = preset}, text, &err);
  if (!recipe) {
    CHECK_INT(t, status, AS_E_INPUT);
    if (!strstr(err.msg, arch))
      as_test_fail(t, __FILE__, __LINE__, "message \"%s\" lacks \"%s\"", err.msg, arch);
  } else {
    CHECK_OK(t, status, err);
    if (r) {
      CHECK_STR(t, as_recipe_name(r), recipe);
      CHECK_OK(t, as_recipe_resolve_arch(r, s, 0, got, sizeof got, &err), err);
      CHECK_STR(t, got, arch);
      if (!strstr(text, assumed) || (!*assumed && *text))
        as_test_fail(t, __FILE__, __LINE__, "%s: assumed \"%s\" lacks \"%s\"", recipe, text, assumed);
    }
  }
  as_recipe_destroy(&owned);
  as_state_close(&s);
  free(file);
}
static void finds(as_test *t, mk_st *st, const char *recipe, const char *arch, const char *assumed) {
  finds_for(t, st, NULL, recipe, arch, assumed);
}

static void globs(as_test *t) {
  as_capture c[AS_RECIPE_MAX_CAPTURES];
  int n = 0;
  CHECK(t, as_glob("fc.*", "fc.weight", c, &n) && n == 1 && c[0].n == 6);
  CHECK(t, !as_glob("fc.*", "xfc.weight", NULL, NULL)); /* anchored */
  CHECK(t, !as_glob("fc", "fc.weight", NULL, NULL));
  CHECK(t, as_glob("layer%.%.conv%.weight", "layer3.22.conv1.weight", c, &n) && n == 3 && c[1].n == 2);
  CHECK(t, !as_glob("layer%.conv", "layer.conv", NULL, NULL)); /* at least one digit */
  CHECK(t, as_glob("*.a.*", "x.a.y.a.z", c, &n) && c[0].n == 5);
  CHECK(t, as_glob("*", "", NULL, NULL));
}

static void parse_fails(as_test *t, const char *text, const char *want) {
  as_recipe *r = NULL;
  as_err err = {AS_OK, ""};
  CHECK_INT(t, as_recipe_parse(&r, text, strlen(text), "mine.recipe", &err), AS_E_INPUT);
  if (!strstr(err.msg, want))
    as_test_fail(t, __FILE__, __LINE__, "message \"%s\" lacks \"%s\"", err.msg, want);
  as_recipe_destroy(&r);
}

#define DIGITS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void syntax(as_test *t) {
  as_recipe *r = NULL;
  as_err err = {AS_OK, ""};
  static const char good[] =
      "# comment\narch = resnet50\n\npreset=caffe\r\n drop = a.* b.* -- why not\nrename = x.% -> y.{1+2} : "
      "io\n"
      "published = f | linear | 70 | - | src\nhead = fc?\n";
  CHECK_OK(t, as_recipe_parse(&r, good, sizeof good - 1, "dir/mine.recipe", &err), err);
  if (r) {
    const char *const *lines = NULL;
    CHECK_STR(t, as_recipe_name(r), "mine");
    CHECK_STR(t, as_recipe_preset(r), "caffe");
    CHECK_STR(t, as_recipe_head(r), "fc");
    CHECK(t, r->head_optional && r->n_rules == 3 && strcmp(r->rules[1].why, "why not") == 0);
    CHECK(t, r->rules[2].transform == AS_IO && strcmp(r->rules[2].to, "y.{1+2}") == 0);
    CHECK_INT(t, as_recipe_published(r, &lines), 1);
    CHECK_STR(t, lines[0], "f | linear | 70 | - | src");
  }
  as_recipe_destroy(&r);
  parse_fails(t, "arch = a\n", "preset");
  parse_fails(t, "preset = a\n", "arch");
  parse_fails(t, "arch = a\narch = b\npreset = c\n", "line 2: given twice");
  parse_fails(t, "arch = a\npreste = b\n", "nearest: preset");
  parse_fails(t, "arch a\n", "key = value");
  parse_fails(t, "arch = a\npreset = b\nrename = x y\n", "FROM -> TO");
  parse_fails(t, "arch = a\npreset = b\nrename = x -> y : upside-down\n", "hwio");
  parse_fails(t, "arch = a\npreset = b\nknown = md5:1234\n", "sha256");
  parse_fails(t, "arch = a\npreset = b\nknown = sha256:12G4567890\n", "hex");
  parse_fails(t, "arch = a\npreset = b\nknown = directory:" DIGITS "\n", "wanted sha256:HEX before");
  parse_fails(t, "arch = a\npreset = b\nknown = sha256:12345678 directory:1234\n", "64 hex digits");
  parse_fails(t, "arch = a\npreset = b\nknown = sha256:12345678 directory:" DIGITS " directory:" DIGITS "\n",
              "wanted sha256:HEX before");
  parse_fails(t, "arch = a\npreset = b\ngeneric = maybe\n", "yes or no");
  parse_fails(t, "arch = a\npreset = b\nheadnorm = n\n", "NAME EPS");
  parse_fails(t, "arch = a\npreset = b\nheadnorm = n 0\n", "NAME EPS");
  parse_fails(t, "arch = a\npreset = b\nwhere = f.pth | somewhere\n", "FILE | URL");
}

/* A recipe file as editors on Windows save it: a byte order mark, CR LF, UTF-16. */
static void as_saved(as_test *t) {
  static const char text[] = "# mine\narch = resnet50\npreset = swav\nprefix = q.\n";
  char path[512];
  snprintf(path, sizeof path, "%s/mine.recipe", as_test_tmp());
  for (int kind = 0; kind < 4; kind++) {
    as_str file = {0};
    as_recipe *owned = NULL;
    const as_recipe *r = NULL;
    as_err err = {AS_OK, ""};
    if (kind == 1) as_str_put(&file, "\xef\xbb\xbf");
    if (kind == 2) as_str_put(&file, "\xff\xfe");
    if (kind == 3) as_str_put(&file, "\xfe\xff");
    for (const char *p = text; *p; p++) {
      if (kind == 3) as_str_putc(&file, 0);
      if (*p == '\n' && kind < 2) as_str_putc(&file, '\r');
      as_str_putc(&file, *p);
      if (kind == 2) as_str_putc(&file, 0);
    }
    CHECK_OK(t, as_file_write(path, file.s, file.n, &err), err);
    CHECK_OK(t, as_recipe_named(&r, &owned, path, &err), err);
    if (r) {
      CHECK_STR(t, as_recipe_preset(r), "swav");
      CHECK(t, r->prefix.n == 1 && strcmp(r->prefix.item[0], "q.") == 0);
    }
    as_recipe_destroy(&owned);
    as_str_clear(&file);
  }
}

/* Every built-in recipe parses, has what a user wants to know, and its renames fill in. */
static void builtin(as_test *t) {
  size_t n = as_recipe_builtin_count();
  CHECK(t, n >= 50);
  for (size_t i = 0; i < n; i++) {
    const as_recipe *r = as_recipe_builtin(i);
    CHECK(t, r != NULL);
    if (!r) continue;
    CHECK(t, *r->title);
    if (i) CHECK(t, strcmp(as_recipe_name(as_recipe_builtin(i - 1)), as_recipe_name(r)) < 0);
    for (size_t k = 0; k < r->published.n; k++) {
      int bars = 0;
      for (const char *p = r->published.item[k]; *p; p++) bars += *p == '|';
      if (bars != 4) as_test_fail(t, __FILE__, __LINE__, "%s: %s", r->name, r->published.item[k]);
    }
  }
  const as_recipe *r = NULL;
  as_recipe *owned = NULL;
  as_err err = {AS_OK, ""};
  char url[AS_RECIPE_URL];
  r = as_recipe_of_file("weights/swav_800ep_eval_linear.pth.tar", url);
  CHECK(t, r && strcmp(as_recipe_name(r), "swav") == 0);
  CHECK_STR(t, url, "https://dl.fbaipublicfiles.com/deepcluster/swav_800ep_eval_linear.pth.tar");
  r = as_recipe_of_file("moco_v2_800ep_pretrain.pth.tar", url); /* the remark behind the address is cut off */
  CHECK(t, r && r->where.n == 2 && as_ends_with(r->where.item[1], "| md5 a04e12f8"));
  CHECK(t, as_ends_with(url, "/moco_v2_800ep_pretrain.pth.tar"));
  r = as_recipe_of_file("checkpoint_0099.pth.tar", url); /* known with its folder */
  CHECK(t, r && strcmp(as_recipe_name(r), "simsiam") == 0);
  CHECK(t, as_recipe_of_file("swav_800ep", url) == NULL && url[0] == 0);
  CHECK_OK(t, as_recipe_named(&r, &owned, "swav", &err), err);
  CHECK_STR(t, as_recipe_preset(r), "swav");
  CHECK_INT(t, as_recipe_named(&r, &owned, "swv", &err), AS_E_USAGE);
  CHECK(t, strstr(err.msg, "swav") != NULL);
  CHECK_INT(t, as_recipe_named(&r, &owned, "/nonexistent.recipe", &err), AS_E_INPUT);
}

static void moco(mk_st *st, bool mlp, int64_t queue) {
  mk_resnet(st, "state_dict/module.encoder_q.", 2, r50, 0);
  mk_resnet(st, "state_dict/module.encoder_k.", 2, r50, 0);
  const int64_t q[2] = {2, queue}, w[2] = {4, 4}, one = 1;
  mk_st_add(st, "state_dict/module.", "queue", 2, q);
  mk_st_add(st, "state_dict/module.", "queue_ptr", 1, &one);
  mk_st_add(st, "state_dict/module.encoder_q.", mlp ? "fc.2.weight" : "fc.weight", 2, w);
  mk_st_add(st, "optimizer/state/0/", "momentum_buffer", 2, w);
}

static void moco_and_pcl(as_test *t) {
  mk_st st = {.at = 0};
  moco(&st, false, 65536);
  finds(t, &st, "moco-v1", "resnet50:base=2", "encoder_k");
  moco(&st, true, 65536);
  finds(t, &st, "moco-v2", "resnet50:base=2", "encoder_k");
  moco(&st, false, 16384);
  finds(t, &st, "pcl-v1", "resnet50:base=2", "encoder_k");
  moco(&st, true, 16384);
  finds(t, &st, "pcl-v2", "resnet50:base=2", "encoder_k");
  moco(&st, true, 4096); /* somebody's own training */
  finds(t, &st, "moco-queue", "resnet50:base=2", "encoder_k");
}

static void swav(as_test *t) {
  mk_st st = {.at = 0};
  const int64_t w[2] = {4, 4};
  mk_resnet(&st, "module.", 2, r50, 0);
  mk_st_add(&st, "module.", "projection_head.0.weight", 2, w);
  mk_st_add(&st, "module.", "prototypes.weight", 2, w);
  finds(t, &st, "swav", "resnet50:base=2", ".228"); /* the file cannot tell: stated, with the alternative */
  mk_resnet(&st, "module.", 2, r50, 0);
  mk_st_add(&st, "module.", "projection_head.0.weight", 2, w);
  mk_st_add(&st, "module.", "prototypes.prototypes0.weight", 2, w);
  finds(t, &st, "deepcluster-v2", "resnet50:base=2", "sela-v2");
}

/* CLI.md: flat ResNet-50 files without fc fit Barlow Twins, VICReg and DINO at once, and their presets differ. */
static void flat_without_fc(as_test *t) {
  mk_st st = {.at = 0};
  mk_resnet(&st, "", 64, r50, 0);
  finds(t, &st, NULL,
        "barlowtwins (imagenet-bilinear), dino-r50 (imagenet-bicubic), vicreg (imagenet-bilinear)", "");
  mk_resnet(&st, "", 64, r50, 0);
  finds_for(t, &st, "imagenet-bicubic", "dino-r50", "resnet50", "barlowtwins, vicreg fit");
  mk_resnet(&st, "", 64, r50, 0);
  finds_for(t, &st, "caffe", "barlowtwins", "resnet50", "dino-r50, vicreg fit");
}

static void generic(as_test *t) {
  static const int r18ish[4] = {2, 2, 2, 2}, r101[4] = {3, 4, 23, 3};
  mk_st st = {.at = 0};
  mk_resnet(&st, "", 64, r50, 10);
  finds(t, &st, "resnet50", "resnet50", "v1.5");
  mk_resnet(&st, "model/module.", 64, r50, 10);
  finds(t, &st, "resnet50", "resnet50", "v1.5");
  mk_resnet(&st, "", 2, r101, 10);
  finds(t, &st, "resnet", "resnet101:base=2", "v1.5");
  mk_resnet(&st, "", 6, r18ish, 10);
  finds(t, &st, "resnet", "resnet50:blocks=2-2-2-2,base=6", "v1.5");
  mk_vit(&st, "", 192, 12, 16, 197, false, 10);
  finds(t, &st, "vit", "vit_tiny:patch=16", "heads");
  mk_vit(&st, "", 128, 2, 8, 1 + 81, true, 10);
  finds(t, &st, "vit", "vit_base:patch=8,dim=128,depth=2,heads=2,ls=1,posgrid=9", "heads");
}

/* What tells ViTs of one shape apart, and what does not. */
static void vits(as_test *t) {
  mk_st st = {.at = 0};
  const int64_t w[2] = {4, 4}, mask[3] = {1, 1, 768};
  mk_vit(&st, "", 384, 1, 16, 197, false, 0);
  finds(t, &st, "dino-vits", "vit_base:patch=16,dim=384,depth=1,heads=6,resize=scale,features=cls4",
        "6 heads");
  mk_vit(&st, "state_dict/module.base_encoder.", 384, 1, 16, 197, false, 0);
  mk_st_add(&st, "state_dict/module.momentum_encoder.", "cls_token", 2, w);
  finds(t, &st, "moco-v3-vits", "vit_base:patch=16,dim=384,depth=1,heads=6,heads=12", "12 heads");
  mk_vit(&st, "model/", 768, 1, 16, 197, false, 0);
  mk_st_add(&st, "model/", "mask_token", 3, mask);
  mk_st_add(&st, "model/", "decoder_embed.weight", 2, w);
  finds(t, &st, "mae", "vit_base:patch=16,dim=768,depth=1,heads=12", "class token");
  mk_vit(&st, "model/", 768, 1, 16, 197, false, 10);
  finds(t, &st, "deit", "vit_base:patch=16,dim=768,depth=1,heads=12", "");
  mk_vit(&st, "", 384, 1, 14, 1 + 37 * 37, true, 0);
  mk_st_add(&st, "", "mask_token", 2, w);
  finds(t, &st, "dinov2",
        "vit_base:patch=14,dim=384,depth=1,heads=6,ls=1,posgrid=37,resize=scale,features=cls+mean",
        "1-layer");
}

/* Widths whose heads are not of 64: ViT-H and I-JEPA's g have 16. */
static void wide_heads(as_test *t) {
  mk_st st = {.at = 0};
  mk_vit(&st, "", 1280, 1, 14, 257, false, 10);
  finds(t, &st, "vit", "vit_base:patch=14,dim=1280,depth=1,heads=16", "heads");
  mk_vit(&st, "", 1408, 1, 14, 257, false, 10);
  finds(t, &st, "vit", "vit_base:patch=14,dim=1408,depth=1,heads=16", "heads");
  mk_vit(&st, "", 1024, 1, 14, 257, false, 10);
  finds(t, &st, "vit", "vit_base:patch=14,dim=1024,depth=1,heads=16", "heads");
  mk_vit(&st, "", 1536, 1, 14, 257, false, 10);
  finds(t, &st, "vit", "vit_base:patch=14,dim=1536,depth=1,heads=24", "heads");
}

/* Layouts that are known and not computed are refused by name. */
static void refusals(as_test *t) {
  mk_st st = {.at = 0};
  const int64_t w[2] = {4, 4}, token[3] = {1, 1, 192};
  mk_vit(&st, "model/", 192, 12, 16, 198, false, 10);
  mk_st_add(&st, "model/", "dist_token", 3, token);
  mk_st_add(&st, "model/", "head_dist.weight", 2, w);
  finds(t, &st, NULL, "a distilled DeiT: two class tokens", "");
  mk_resnet(&st, "model/module.encoder1.", 2, r50, 0);
  mk_resnet(&st, "model/module.encoder2.", 2, r50, 0);
  finds(t, &st, NULL, "CMC: two half-width networks", "");
  mk_st_add(&st, "state_dict/", "sobel.0.weight", 2, w);
  mk_st_add(&st, "state_dict/", "features.module.0.weight", 2, w);
  finds(t, &st, NULL, "DeepCluster of 2018", "");
  const int64_t stem[4] = {12, 3, 3, 3};
  mk_st_add(&st, "state_dict/module.base_encoder.", "patch_embed.proj.0.weight", 4, stem);
  mk_st_add(&st, "state_dict/module.base_encoder.", "blocks.0.attn.qkv.weight", 2, w);
  finds(t, &st, NULL, "convolutional stem", "");
  as_recipe *r = NULL;
  as_err err = {AS_OK, ""};
  CHECK_OK(t, as_recipe_parse(&r, "refuse = x\nneed = y\n", 20, "mine.recipe", &err), err);
  as_recipe_destroy(&r);
}

/* No recipe fits: the nearest one and the tensor that it does not know are named. */
static void nearest(as_test *t) {
  mk_st st = {.at = 0};
  const int64_t w[2] = {4, 4};
  moco(&st, true, 65536);
  mk_st_add(&st, "state_dict/module.", "extra.weight", 2, w);
  finds(t, &st, NULL, "does not know state_dict/module.extra.weight", "");
  mk_st_add(&st, "", "embedding.weight", 2, w);
  finds(t, &st, NULL, "no recipe fits its 1 tensors", "");
  mk_st_add(&st, "base_model/conv2d/", "kernel", 2, w);
  mk_st_add(&st, "base_model/conv2d_1/", "kernel", 2, w);
  finds(t, &st, NULL, "selective kernels", "");
}

/* SimCLR numbers its layers as the graph made them; with selective kernels convolutions and norms part. */
static void simclr_names(as_test *t) {
  static const struct {
    const char *name;
    int convs;
    const char *want; /* NULL: none of them */
  } tries[] = {{"conv2d/kernel", 53, "conv1.weight"},
               {"conv2d_1/kernel", 53, "layer1.0.downsample.0.weight"},
               {"conv2d_2/kernel", 53, "layer1.0.conv1.weight"},
               {"conv2d_5/kernel", 53, "layer1.1.conv1.weight"},
               {"conv2d_52/kernel", 53, "layer4.2.conv3.weight"},
               {"conv2d_53/kernel", 53, NULL},
               {"batch_normalization_1/gamma", 53, "layer1.0.downsample.1.weight"},
               {"batch_normalization_52/moving_variance", 53, "layer4.2.bn3.running_var"},
               {"conv2d_2/kernel", 87, "conv1.6.weight"},
               {"conv2d_3/kernel", 87, "layer1.0.downsample.1.weight"},
               {"conv2d_5/kernel", 87, "layer1.0.conv2.weight"},
               {"conv2d_6/kernel", 87, "layer1.0.sk.fc1.weight"},
               {"conv2d_7/kernel", 87, "layer1.0.sk.fc2.weight"},
               {"conv2d_8/kernel", 87, "layer1.0.conv3.weight"},
               {"conv2d_9/kernel", 87, "layer1.1.conv1.weight"},
               {"conv2d_86/kernel", 87, "layer4.2.conv3.weight"},
               {"batch_normalization_1/beta", 87, "conv1.4.bias"},
               {"batch_normalization_2/beta", 87, "bn1.bias"},
               {"batch_normalization_3/beta", 87, "layer1.0.downsample.2.bias"},
               {"batch_normalization_6/moving_mean", 87, "layer1.0.sk.bn.running_mean"},
               {"batch_normalization_8/gamma", 87, "layer1.1.bn1.weight"},
               {"batch_normalization_70/gamma", 87, "layer4.2.bn3.weight"},
               {"batch_normalization_71/gamma", 87, NULL},
               {"conv2d_171/kernel", 172, "layer4.2.conv3.weight"},
               {"conv2d_256/kernel", 257, "layer4.2.conv3.weight"},
               {"conv2d/kernel", 54, NULL}};
  for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
    char name[128], out[128] = "";
    as_transform tr = AS_AS_IS;
    snprintf(name, sizeof name, "base_model/%s", tries[i].name);
    bool found = as_simclr_name(name, tries[i].convs, out, sizeof out, &tr);
    CHECK(t, found == (tries[i].want != NULL));
    if (found && tries[i].want) CHECK_STR(t, out, tries[i].want);
    if (found) CHECK(t, (tr == AS_HWIO) == (strncmp(tries[i].name, "conv2d", 6) == 0));
  }
}

/* assay's own files say what they are. */
static void metadata(as_test *t) {
  mk_st st = {.at = 0};
  as_str_put(&st.header,
             "\"__metadata__\":{\"assay.arch\":\"resnet50:base=2\",\"assay.preset\":\"swav\",\"assay."
             "recipe\":\"mine\","
             "\"assay.head\":\"fc\"}");
  mk_resnet(&st, "", 2, r50, 0);
  finds(t, &st, "mine", "resnet50:base=2", "");
}

/* All bytes are hashed only where the digest can decide: for the torchvision layout, some of whose files are known by it. */
static void hashes_asked(as_test *t) {
  static const struct {
    const char *prefix;
    int64_t classes;
    bool asked;
  } cases[] = {{"", 10, true},                      /* torchvision's own */
               {"", 0, true},                       /* VICReg's, Barlow Twins' */
               {"model/module.backbone.", 0, true}, /* Barlow Twins' full checkpoint */
               {"module.encoder_q.", 0, false},
               {"state_dict/student.", 0, false}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    mk_st st = {.at = 0};
    char *file = NULL;
    mk_resnet(&st, cases[i].prefix, 2, r50, cases[i].classes);
    as_state *s = open_st(t, &st, &file);
    if (s && as_recipe_wants_digest(s) != cases[i].asked)
      as_test_fail(t, __FILE__, __LINE__, "names with \"%s\": the digest is %swanted", cases[i].prefix,
                   cases[i].asked ? "not " : "");
    as_state_close(&s);
    free(file);
  }
}

static void by_hash(as_test *t) {
  const char *path = as_test_shared("weights/resnet50_caffe_in1k.zip.pth");
  if (!path) {
    as_test_skip(t, "no real checkpoint");
    return;
  }
  as_state *s = NULL;
  as_err err = {AS_OK, ""};
  const as_recipe *r = NULL;
  as_recipe *owned = NULL;
  char assumed[AS_RECIPE_ASSUMED], arch[AS_RECIPE_ARCH];
  CHECK_OK(t, as_state_open(&s, path, &err), err);
  if (!s) return;
  CHECK(t, !as_recipe_wants_digest(s)); /* the zip's directory says it */
  CHECK_OK(t, as_recipe_choose(&r, &owned, s, NULL, assumed, &err), err);
  CHECK_STR(t, as_recipe_name(r), "resnet50_caffe");
  CHECK(t, as_starts_with(as_state_sha256(s), r->known.item[0]));
  CHECK_STR(t, as_recipe_preset(r), "caffe");
  CHECK_STR(t, assumed, "");
  CHECK_OK(t, as_recipe_resolve_arch(r, s, 0, arch, sizeof arch, &err), err);
  CHECK_STR(t, arch, "resnet50:stride=v1,eps=1e-3");
  as_state_close(&s);
}

/* The momentum twin through the query encoder's recipe, and nothing where there is no second whole network. */
static void twins(as_test *t) {
  mk_st st = {.at = 0};
  as_err err = {AS_OK, ""};
  as_twin twin[AS_TWIN_MAX];
  const as_recipe *r = NULL;
  as_recipe *owned = NULL, *other = NULL;
  char *file = NULL;
  CHECK_OK(t, as_recipe_named(&r, &owned, "moco-v2", &err), err);
  moco(&st, true, 65536);
  as_state *s = open_st(t, &st, &file);
  size_t n = as_recipe_twins(twin, r, s);
  CHECK_INT(t, n, 1);
  if (n == 1) {
    as_mapping m = {0};
    CHECK_STR(t, twin[0].used, "state_dict/encoder_q.");
    CHECK_STR(t, twin[0].other, "state_dict/encoder_k.");
    CHECK_OK(t, as_recipe_twin(&other, r, &twin[0], &err), err);
    CHECK_OK(t, as_recipe_map(&m, other, s, &err), err);
    const as_mapped *conv1 = as_mapping_find(&m, "conv1.weight");
    CHECK(t, conv1 != NULL);
    if (conv1) CHECK_STR(t, conv1->from->name, "state_dict/module.encoder_k.conv1.weight");
    as_mapping_clear(&m);
    as_recipe_destroy(&other);
  }
  as_state_close(&s);
  free(file);
  const int64_t bias[1] = {2};
  mk_resnet(&st, "state_dict/module.encoder_q.", 2, r50, 0);
  mk_st_add(&st, "state_dict/module.encoder_k.", "bn1.bias", 1, bias); /* no whole network */
  s = open_st(t, &st, &file);
  CHECK_INT(t, as_recipe_twins(twin, r, s), 0);
  snprintf(twin[0].used, sizeof twin[0].used, "nobody");
  twin[0].place = false;
  CHECK_INT(t, as_recipe_twin(&other, r, &twin[0], &err), AS_E_INPUT);
  as_state_close(&s);
  free(file);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"recipe patterns", globs},
                                  {"recipe syntax", syntax},
                                  {"recipe as saved", as_saved},
                                  {"recipe built-in", builtin},
                                  {"recipe moco and pcl", moco_and_pcl},
                                  {"recipe swav family", swav},
                                  {"recipe flat without fc", flat_without_fc},
                                  {"recipe generic", generic},
                                  {"recipe vits", vits},
                                  {"recipe nearest", nearest},
                                  {"recipe metadata", metadata},
                                  {"recipe hashes asked for", hashes_asked},
                                  {"recipe by hash", by_hash},
                                  {"recipe wide heads", wide_heads},
                                  {"recipe refusals", refusals},
                                  {"recipe simclr names", simclr_names},
                                  {"recipe twins", twins}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
