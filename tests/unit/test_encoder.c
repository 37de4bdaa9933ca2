/* Backbones in training against PyTorch in float64 (tests/golden/make_encoder.py): features, every gradient, running
 * buffers; the same bits for any threads; agreement with inference on trained values. */
#include <stdio.h>
#include <stdlib.h>

#include "models/encoder.h"
#include "models/model.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/base/view.h"
#include "tensor/runtime.h"
#include "tests/harness.h"

enum { IMAGES = 6 };

static double made(size_t t, size_t i) {
  return ((double)((i * 37 + t * 11 + i / 64 * 29) % 64) - 31.5) / 32.0;
}

typedef struct net_case {
  const char *name, *arch;
  int size;
} net_case;
static const net_case nets[] = {
    {"basic", "resnet18:blocks=1-1-1,base=4,stem=3x3s2", 16},
    {"bottle", "resnet50:blocks=2-1,base=4,down=avg", 32},
    {"vit", "vit_demo:patch=4,dim=24,depth=2,heads=3", 16},
    {"vitmean",
     "vit_demo:patch=4,dim=20,depth=1,heads=2,mlp=36,cls=0,qkvbias=0,posgrid=3,"
     "resize=scale,features=mean",
     16},
    {"vitlocal", "vit_demo:patch=4,dim=24,depth=1,heads=2,mlp=40,posgrid=4,resize=exact", 8}};
enum { NETS = sizeof nets / sizeof *nets, RESNETS = 2 };

typedef struct trained {
  as_store store;
  as_encoder *e;
  as_encoder_pass *p;
  const as_map *features;
} trained;

static void fill_images(as_map *m) {
  const size_t s = (size_t)m->h;
  for (size_t n = 0; n < (size_t)m->n; n++)
    for (size_t y = 0; y < s; y++)
      for (size_t x = 0; x < s; x++)
        for (size_t c = 0; c < 3; c++)
          as_map_at(m, n, y, x)[c] =
              (float)(made(5, ((n * s + y) * s + x) * 3 + c) + made(9, n) * made(2, y));
}

/* One forward and one backward on the values of the script. */
static bool train_once(as_test *t, const net_case *q, trained *r) {
  as_err err = {0};
  const as_encoder_cfg cfg = {q->arch, q->size, IMAGES, false};
  CHECK_OK(t, as_encoder_create(&r->e, &cfg, &r->store, &err), err);
  CHECK_OK(t, as_store_make(&r->store, 1, &err), err);
  CHECK_OK(t, as_encoder_pass_create(&r->p, r->e, true, &err), err);
  if (!r->p) return false;
  for (size_t i = 0; i < r->store.n; i++) {
    const as_slot *s = &r->store.slot[i];
    const bool matrix = s->rank > 1, weight = strstr(s->name, "weight") != NULL;
    const double scale = matrix ? sqrt(2.0 / (double)(s->n / (size_t)s->shape[0])) : weight ? 0.2 : 0.1;
    for (size_t k = 0; s->trained && k < s->n; k++)
      as_store_value(&r->store, i)[k] =
          (float)((!matrix && weight ? 1.0 : 0.0) + scale * made(strlen(s->name), k));
  }
  as_encoder_pack(r->e, true);
  fill_images(as_encoder_images(r->p, IMAGES));
  r->features = as_encoder_forward(r->p, true);
  const size_t n = (size_t)IMAGES * (size_t)as_encoder_dim(r->e);
  float *w = as_alloc(n, sizeof *w, NULL);
  for (size_t k = 0; k < n; k++) w[k] = (float)made(7, k);
  const as_map dfeatures = as_map_matrix(w, IMAGES, (size_t)as_encoder_dim(r->e));
  as_store_zero_grad(&r->store);
  as_encoder_backward(r->p, &dfeatures);
  as_free(w);
  return true;
}

static void finish(trained *r) {
  as_encoder_pass_destroy(&r->p);
  as_encoder_destroy(&r->e);
  as_store_clear(&r->store);
}

/* got [n] against a line of the golden: its norm and its first elements. */
static void compare_line(as_test *t, const char *line, const char *name, const float *got, size_t n) {
  double norm = 0, want[9] = {0};
  for (size_t i = 0; i < n; i++) norm += (double)got[i] * (double)got[i];
  const char *p = line;
  for (int tabs = 0; tabs < 2; tabs++) p = strchr(p, '\t') + 1;
  for (size_t i = 0; i < 9 && i <= n; i++) want[i] = strtod(p, (char **)(uintptr_t)&p);
  if (fabs(sqrt(norm) / want[0] - 1.0) > 1e-4)
    as_test_fail(t, __FILE__, __LINE__, "%s: norm %g, not %g", name, sqrt(norm), want[0]);
  for (size_t i = 0; i < 8 && i < n; i++)
    if (fabs((double)got[i] - want[i + 1]) > 1e-4 * want[0])
      as_test_fail(t, __FILE__, __LINE__, "%s[%zu] is %g, not %g", name, i, (double)got[i], want[i + 1]);
}

static void against_pytorch(as_test *t) {
  size_t bytes;
  char *text = (char *)as_test_read(as_test_golden("encoder.tsv"), &bytes);
  CHECK(t, text != NULL);
  for (size_t k = 0; text && k < NETS; k++) {
    trained r = {0};
    size_t seen = 0;
    if (!train_once(t, &nets[k], &r)) return;
    for (char *line = text, *next; line && *line; line = next) {
      next = strchr(line, '\n');
      if (next) *next++ = '\0';
      char net[16], name[64];
      if (sscanf(line, "%15s %63s", net, name) == 2 && strcmp(net, nets[k].name) == 0) {
        const size_t i = as_store_find(&r.store, name);
        if (strcmp(name, "features") == 0)
          compare_line(t, line, name, r.features->data, (size_t)IMAGES * (size_t)as_encoder_dim(r.e)), seen++;
        else if (i == r.store.n)
          as_test_fail(t, __FILE__, __LINE__, "no tensor %s", name);
        else
          compare_line(t, line, name,
                       r.store.slot[i].trained ? as_store_grad(&r.store, i) : as_store_value(&r.store, i),
                       r.store.slot[i].n),
              seen++;
      }
      if (next) next[-1] = '\n';
    }
    CHECK_INT(t, seen, r.store.n + 1);
    finish(&r);
  }
  free(text);
}

static void same_bits(as_test *t) {
  for (size_t k = 0; k < NETS; k++) {
    trained one = {0}, three = {0};
    as_par_set_threads(1);
    if (!train_once(t, &nets[k], &one)) return;
    as_par_set_threads(3);
    if (!train_once(t, &nets[k], &three)) return;
    CHECK(t, memcmp(one.store.grad, three.store.grad, one.store.floats * sizeof(float)) == 0);
    CHECK(t, memcmp(one.store.value, three.store.value, one.store.floats * sizeof(float)) == 0);
    finish(&one);
    finish(&three);
  }
}

/* Inference folds BatchNorm with the running buffers. With buffers that are the batch's own statistics it must give what the
 * training pass gave; the variance of the buffer is n / (n - 1) times the batch's, which is taken back here. */
static void same_as_inference(as_test *t) {
  trained r = {0};
  as_err err = {0};
  if (!train_once(t, &nets[0], &r)) return;
  as_model *m = NULL;
  CHECK_OK(t, as_model_create(&m, nets[0].arch, nets[0].size, &err), err);
  const as_param_spec *spec;
  const size_t n = as_model_specs(m, &spec);
  as_view *views = as_calloc(n, sizeof *views, NULL);
  for (size_t i = 0; i < n; i++) {
    const size_t k = as_store_find(&r.store, spec[i].name);
    if (k == r.store.n) continue; /* num_batches_tracked */
    views[i].data = as_store_value(&r.store, k), views[i].bytes = r.store.slot[k].n * sizeof(float);
    views[i].rank = r.store.slot[k].rank;
    memcpy(views[i].shape, r.store.slot[k].shape, sizeof r.store.slot[k].shape);
    as_view_set_contiguous(&views[i]);
    const char *name = spec[i].name;
    const bool mean = strstr(name, "running_mean") != NULL, var = strstr(name, "running_var") != NULL;
    const double side = strstr(name, "layer2")   ? 4
                        : strstr(name, "layer3") ? 2
                                                 : 8,
                 pixels = IMAGES * side * side;
    for (size_t j = 0; j < r.store.slot[k].n; j++) {
      float *v = &as_store_value(&r.store, k)[j];
      if (mean) *v = *v / 0.1f;
      if (var) *v = (float)(((double)*v - 0.9) / 0.1 * (pixels - 1) / pixels);
    }
  }
  CHECK_OK(t, as_model_load(m, views, &err), err);
  CHECK_OK(t, as_model_plan(m, IMAGES, &err), err);
  as_map *in = as_encoder_images(r.p, IMAGES);
  float images[IMAGES * 16 * 16 * 3], features[IMAGES * 16];
  for (size_t i = 0; i < IMAGES; i++)
    for (size_t y = 0; y < 16; y++)
      memcpy(images + (i * 16 + y) * 48, as_map_at(in, i, y, 0), 48 * sizeof(float));
  as_model_forward(m, images, IMAGES, features);
  for (size_t i = 0; i < IMAGES * 16; i++)
    CHECK_NEAR(t, (double)features[i], (double)r.features->data[i], 2e-5);
  as_free(views);
  as_model_destroy(&m);
  finish(&r);
}

/* A transformer has no running statistics: training's features are those of inference, bit for bit. */
static void same_bits_as_inference(as_test *t) {
  for (size_t k = RESNETS; k < NETS; k++) {
    trained r = {0};
    as_err err = {0};
    as_model *m = NULL;
    if (!train_once(t, &nets[k], &r)) return;
    CHECK_OK(t, as_model_create(&m, nets[k].arch, nets[k].size, &err), err);
    const as_param_spec *spec;
    const size_t n = as_model_specs(m, &spec), side = (size_t)nets[k].size, row = side * 3;
    as_view *views = as_calloc(n, sizeof *views, NULL);
    for (size_t i = 0; i < n; i++) {
      const size_t at = as_store_find(&r.store, spec[i].name);
      views[i].data = as_store_value(&r.store, at), views[i].bytes = r.store.slot[at].n * sizeof(float);
      views[i].rank = r.store.slot[at].rank;
      memcpy(views[i].shape, r.store.slot[at].shape, sizeof r.store.slot[at].shape);
      as_view_set_contiguous(&views[i]);
    }
    CHECK_OK(t, as_model_load(m, views, &err), err);
    CHECK_OK(t, as_model_plan(m, IMAGES, &err), err);
    float images[IMAGES * 16 * 16 * 3], features[IMAGES * 32];
    as_map *in = as_encoder_images(r.p, IMAGES);
    for (size_t i = 0; i < IMAGES; i++)
      for (size_t y = 0; y < side; y++)
        memcpy(images + (i * side + y) * row, as_map_at(in, i, y, 0), row * sizeof(float));
    as_model_forward(m, images, IMAGES, features);
    CHECK(t, memcmp(features, r.features->data,
                    (size_t)IMAGES * (size_t)as_encoder_dim(r.e) * sizeof(float)) == 0);
    as_free(views);
    as_model_destroy(&m);
    finish(&r);
  }
}

/* The string under which several sizes share their tensors. */
static void shared_arch(as_test *t) {
  static const struct {
    const char *arch, *want;
  } rows[] = {{"resnet18:base=4", "resnet18:base=4"},
              {"vit_demo:patch=4,posgrid=7,resize=exact", "vit_demo:patch=4,posgrid=7,resize=exact"},
              {"vit_demo:patch=4", "posgrid=8,resize=scale"},
              {"vit_demo:patch=4,resize=exact", "posgrid=8,resize=exact"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    as_str s = {0};
    as_err err = {0};
    CHECK_OK(t, as_encoder_arch(rows[i].arch, 32, &s, &err), err);
    CHECK(t, strstr(as_str_c(&s), rows[i].want) != NULL);
    as_str_clear(&s);
  }
}

static void refusals(as_test *t) {
  as_err err = {0};
  as_store s = {0};
  as_encoder *e = NULL;
  CHECK_STATUS(t, as_encoder_create(&e, &(as_encoder_cfg){"resnet50:down=avg,sk=1", 0, 2, false}, &s, &err),
               AS_E_USAGE);
  CHECK_STATUS(t, as_encoder_create(&e, &(as_encoder_cfg){"resnet51", 0, 2, false}, &s, &err), AS_E_USAGE);
  static const char *const vits[] = {"ls=1",   "reg=2", "ffn=swiglu", "norm=none", "features=cls+mean",
                                     "heads=5"};
  for (size_t i = 0; i < sizeof vits / sizeof *vits; i++) {
    char arch[64];
    (void)snprintf(arch, sizeof arch, "vit_demo:%s", vits[i]);
    CHECK_STATUS(t, as_encoder_create(&e, &(as_encoder_cfg){arch, 0, 2, false}, &s, &err), AS_E_USAGE);
  }
  CHECK(t, e == NULL);
  as_store_clear(&s);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"features, gradients, buffers against PyTorch", against_pytorch},
                                  {"same bits for any threads", same_bits},
                                  {"inference agrees", same_as_inference},
                                  {"a transformer: inference's bits", same_bits_as_inference},
                                  {"one architecture for several sizes", shared_arch},
                                  {"what cannot be trained", refusals}};
  as_err err = {0};
  if (as_init(&(as_init_opts){getenv("ASSAY_CPU"), 0, NULL}, &err) != AS_OK) return 4;
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
