#include "eval/learn/protocol.h"

#include <string.h>

#include "tensor/base/math/dmath.h"

#define SGD_COMMON .optimizer = AS_SGD, .momentum = 0.9, .crops = true, .scale_low = 0.08

/* Where a source gives a rate per 256 images, .lr is that times batch / 256. */
static const as_protocol table[] = {
    {.name = "fixed",
     SGD_COMMON,
     .lr = 0.4,
     .batch = 1024,
     .epochs = 100,
     .schedule = AS_COSINE_STEP,
     .warmup = 5,
     .source = "one recipe for all: Marks et al. 2024 (ssl_eval_protocols run_linear_probe.py): lr 0.1 x "
               "batch / 256"},
    {.name = "deepcluster-v2",
     SGD_COMMON,
     .lr = 0.3,
     .batch = 256,
     .epochs = 100,
     .schedule = AS_COSINE_EPOCH,
     .weight_decay = 1e-6,
     .source = "swav eval_linear.py (8 x 32 images)"},
    {.name = "sela-v2",
     SGD_COMMON,
     .lr = 0.3,
     .batch = 256,
     .epochs = 100,
     .schedule = AS_COSINE_EPOCH,
     .weight_decay = 1e-6,
     .source = "swav eval_linear.py (8 x 32 images)"},
    {.name = "swav",
     SGD_COMMON,
     .lr = 0.3,
     .batch = 256,
     .epochs = 100,
     .schedule = AS_COSINE_EPOCH,
     .weight_decay = 1e-6,
     .source = "swav eval_linear.py (8 x 32 images)"},
    {.name = "simclr",
     SGD_COMMON,
     .lr = 1.6,
     .batch = 4096,
     .epochs = 90,
     .schedule = AS_COSINE_STEP,
     .weight_decay = 1e-6,
     .nesterov = true,
     .source = "simclr README (lr 0.1 x batch / 256, no warm-up), model_util.py (Nesterov)"},
    {.name = "moco",
     SGD_COMMON,
     .lr = 30,
     .batch = 256,
     .epochs = 100,
     .schedule = AS_STEP,
     .milestone = {60, 80},
     .factor = 0.1,
     .source = "moco main_lincls.py, README (v1, v2)"},
    {.name = "moco-v3",
     SGD_COMMON,
     .lr = 0.4,
     .batch = 1024,
     .epochs = 90,
     .schedule = AS_COSINE_EPOCH,
     .source = "moco-v3 main_lincls.py (ResNet-50: lr 0.1 x batch / 256)"},
    {.name = "moco-v3-vit",
     SGD_COMMON,
     .lr = 12,
     .batch = 1024,
     .epochs = 90,
     .schedule = AS_COSINE_EPOCH,
     .source = "moco-v3 CONFIG.md (ViT: lr 3 x batch / 256)"},
    {.name = "pcl",
     SGD_COMMON,
     .lr = 5,
     .batch = 256,
     .epochs = 100,
     .schedule = AS_STEP,
     .milestone = {60, 80},
     .factor = 0.1,
     .source = "PCL eval_cls_imagenet.py"},
    {.name = "byol",
     SGD_COMMON,
     .lr = 0.8,
     .batch = 1024,
     .epochs = 80,
     .schedule = AS_COSINE_STEP,
     .nesterov = true,
     .init = AS_INIT_LECUN,
     .bicubic = true,
     .source =
         "byol configs/eval.py: lr 0.2 x batch / 256; the batch of 1024 is assumed (an argument there)"},
    {.name = "simsiam",
     .optimizer = AS_LARC,
     .momentum = 0.9,
     .trust = 0.001,
     .crops = true,
     .scale_low = 0.08,
     .lr = 1.6,
     .batch = 4096,
     .epochs = 90,
     .schedule = AS_COSINE_EPOCH,
     .source = "simsiam main_lincls.py --lars (apex LARC, trust 0.001, no clipping; lr 0.1 x batch / 256)"},
    {.name = "obow",
     SGD_COMMON,
     .lr = 10,
     .batch = 1024,
     .epochs = 100,
     .schedule = AS_COSINE_EPOCH,
     .source = "obow README (ImageNet: no BatchNorm)"},
    {.name = "dino",
     SGD_COMMON,
     .lr = 0.004,
     .batch = 1024,
     .epochs = 100,
     .schedule = AS_COSINE_EPOCH,
     .source = "dino eval_linear.py (8 x 128 images, lr 0.001 x batch / 256)"},
    {.name = "dino-r50",
     SGD_COMMON,
     .lr = 0.3,
     .batch = 256,
     .epochs = 100,
     .schedule = AS_COSINE_EPOCH,
     .weight_decay = 1e-6,
     .source = "facebookresearch/dino#131: the ResNet-50's log starts at lr 0.3, SwAV's recipe"},
    {.name = "barlowtwins",
     SGD_COMMON,
     .lr = 0.3,
     .batch = 256,
     .epochs = 100,
     .schedule = AS_COSINE_EPOCH,
     .weight_decay = 1e-6,
     .source = "barlowtwins evaluate.py"},
    {.name = "vicreg",
     SGD_COMMON,
     .lr = 0.02,
     .batch = 256,
     .epochs = 100,
     .schedule = AS_COSINE_EPOCH,
     .weight_decay = 1e-6,
     .source = "vicreg README (--lr-head 0.02), evaluate.py"},
    {.name = "mae",
     .optimizer = AS_LARS,
     .momentum = 0.9,
     .trust = 0.001,
     .crops = true,
     .scale_low = 0.08,
     .bicubic = true,
     .lr = 6.4,
     .batch = 16384,
     .epochs = 90,
     .schedule = AS_COSINE_STEP,
     .warmup = 10,
     .batch_norm = 1e-6,
     .source = "mae main_linprobe.py, FINETUNE.md (lr 0.1 x batch / 256), util/lars.py"},
    {.name = "pycontrast",
     .optimizer = AS_SGD,
     .momentum = 0.9,
     .crops = true,
     .scale_low = 0.2,
     .lr = 30,
     .batch = 256,
     .epochs = 60,
     .schedule = AS_STEP,
     .milestone = {30, 40, 50},
     .factor = 0.2,
     .source = "PyContrast options/test_options.py (crops from 0.2 on)"},
};
enum { COUNT = sizeof table / sizeof *table };

size_t as_protocol_count(void) {
  return COUNT;
}

const as_protocol *as_protocol_at(size_t i) {
  return i < COUNT ? &table[i] : NULL;
}

const as_protocol *as_protocol_named(const char *name) {
  for (size_t i = 0; i < COUNT; i++)
    if (strcmp(table[i].name, name) == 0) return &table[i];
  return NULL;
}

const as_protocol *as_protocol_of_recipe(const char *recipe) {
  /* by the longest name that starts the recipe's, so that dino-r50 is not dino */
  static const struct {
    const char *prefix, *protocol;
  } of[] = {{"swav", "swav"},
            {"deepcluster-v2", "deepcluster-v2"},
            {"sela", "sela-v2"},
            {"simclr", "simclr"},
            {"moco-v3", "moco-v3-vit"},
            {"moco-v3-r50", "moco-v3"},
            {"moco", "moco"},
            {"pcl", "pcl"},
            {"byol", "byol"},
            {"simsiam", "simsiam"},
            {"obow", "obow"},
            {"dino", "dino"},
            {"dino-r50", "dino-r50"},
            {"barlowtwins", "barlowtwins"},
            {"vicreg", "vicreg"},
            {"mae", "mae"},
            {"pycontrast", "pycontrast"}};
  const char *best = NULL;
  size_t longest = 0;
  if (strncmp(recipe, "dinov2", 6) == 0) return NULL; /* a search over 13 rates and 4 feature sets */
  for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
    size_t n = strlen(of[i].prefix);
    if (n > longest && strncmp(recipe, of[i].prefix, n) == 0) {
      longest = n;
      best = of[i].protocol;
    }
  }
  return best ? as_protocol_named(best) : NULL;
}

void as_protocol_text(const as_protocol *p, as_str *out) {
  static const char *const optimizer[] = {"sgd", "lars", "larc"};
  static const char *const schedule[] = {"steps", "cosine per epoch", "cosine per step"};
  char lr[32], wd[32], mu[32], trust[32];
  as_f64_text(p->lr, lr);
  as_f64_text(p->weight_decay, wd);
  as_f64_text(p->momentum, mu);
  as_f64_text(p->trust, trust);
  as_str_printf(out, "%s lr %s batch %d, %d epochs, %s", optimizer[p->optimizer], lr, p->batch, p->epochs,
                schedule[p->schedule]);
  for (int i = 0; i < 3 && p->milestone[i] > 0; i++)
    as_str_printf(out, "%s%d", i ? "," : " at ", p->milestone[i]);
  if (p->schedule == AS_STEP) {
    char factor[32];
    as_f64_text(p->factor, factor);
    as_str_printf(out, " x %s", factor);
  }
  if (p->warmup > 0) as_str_printf(out, ", warm-up %d", (int)p->warmup);
  as_str_printf(out, ", momentum %s%s, weight decay %s", mu, p->nesterov ? " nesterov" : "", wd);
  if (p->optimizer != AS_SGD) as_str_printf(out, ", trust %s", trust);
  if (p->batch_norm > 0) as_str_printf(out, ", BatchNorm before the head");
}

double as_protocol_lr(const as_protocol *p, int epoch, size_t step, size_t steps_per_epoch) {
  double at = (double)epoch;
  if (p->schedule == AS_STEP) {
    double lr = p->lr;
    for (int i = 0; i < 3 && p->milestone[i] > 0; i++)
      if (epoch >= p->milestone[i]) lr *= p->factor;
    return lr;
  }
  if (p->schedule == AS_COSINE_STEP) at += (double)step / (double)steps_per_epoch;
  if (at < p->warmup) return p->lr * at / p->warmup;
  return 0.5 * p->lr *
         (1.0 + as_cos(3.14159265358979323846 * (at - p->warmup) / ((double)p->epochs - p->warmup)));
}
