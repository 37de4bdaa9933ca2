/* A small pre-training on a drawn world: the same checkpoint bytes for any threads and after a cut; what is refused; the
 * checkpoint runs like any other. */
#include <stdio.h>
#include <stdlib.h>

#include "data/world/world.h"
#include "eval/features/backbone.h"
#include "eval/pretrain/pretrain.h"
#include "tensor/base/file.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/runtime.h"
#include "tests/harness.h"

static char train_dir[512];

static void path_of(char *to, size_t n, const char *name) {
  (void)snprintf(to, n, "%s/%s", as_test_tmp(), name);
}

typedef struct stopper {
  int left; /* steps until stop */
  size_t resumed;
} stopper;
static bool stop_now(void *ctx) {
  stopper *s = ctx;
  return s->left >= 0 && s->left-- == 0;
}
static void on_resume(void *ctx, size_t epoch) {
  ((stopper *)ctx)->resumed = epoch;
}

static const char resnet[] = "resnet18:blocks=1-1,base=4,stem=3x3s2";
static const char *arch = resnet;

static as_status train(as_test *t, const char *method, const char *dir, stopper *stop, double lr,
                       as_pretrain_result *r, as_err *err) {
  as_dataset *ds = NULL;
  char out[600];
  path_of(out, sizeof out, dir);
  CHECK_OK(t, as_dataset_open(&ds, &(as_dataset_opts){.path = train_dir}, err), *err);
  const as_watch watch = {.stop = stop_now, .ctx = stop};
  as_pretrain_opts o = {.ssl = {.method = as_ssl_method_named(method),
                                .arch = arch,
                                .size = 16,
                                .batch = 16,
                                .epochs = 3,
                                .seed = 5,
                                .name = {"lr", "clusters-1", "clusters-2", "clusters-3"},
                                .value = {lr, 5, 8, 16},
                                .n_values = strcmp(method, "pcl") == 0 ? 4 : 1},
                        .data = ds,
                        .dir = out,
                        .monitor = 40,
                        .watch = &watch,
                        .resumed = on_resume,
                        .ctx = stop};
  const as_status s = as_pretrain(&o, r, err);
  as_dataset_close(&ds);
  return s;
}

static void hash_of(as_test *t, const char *dir, const char *file, char hex[65]) {
  char path[700];
  as_file f;
  as_err err = {0};
  (void)snprintf(path, sizeof path, "%s/%s/%s", as_test_tmp(), dir, file);
  CHECK_OK(t, as_file_open(&f, path, &err), err);
  as_sha256_of(f.data, f.size, hex);
  as_file_close(&f);
}

/* With one thread; with three and a cut in the second epoch. */
static void train_twice(as_test *t, const char *method, const char *dir, const char *dir_cut) {
  char one[65], two[65], log_one[65], log_two[65];
  as_pretrain_result r;
  as_err err = {0};
  stopper none = {.left = -1};
  as_par_set_threads(1);
  CHECK_OK(t, train(t, method, dir, &none, 0.01, &r, &err), err);
  CHECK_INT(t, r.images, 96);
  CHECK(t, !r.was_complete);
  hash_of(t, dir, "checkpoint.safetensors", one);
  hash_of(t, dir, "log.tsv", log_one);
  as_par_set_threads(3);
  /* Six steps an epoch; a bank is filled by six batches before the first one. */
  stopper cut = {.left = as_ssl_method_named(method)->look ? 15 : 9};
  CHECK_STATUS(t, train(t, method, dir_cut, &cut, 0.01, &r, &err), AS_E_STOPPED);
  cut.left = -1;
  CHECK_OK(t, train(t, method, dir_cut, &cut, 0.01, &r, &err), err);
  CHECK_INT(t, cut.resumed, 1);
  hash_of(t, dir_cut, "checkpoint.safetensors", two);
  hash_of(t, dir_cut, "log.tsv", log_two);
  CHECK_STR(t, two, one);
  CHECK_STR(t, log_two, log_one);
  /* Once more: there is nothing to do. */
  CHECK_OK(t, train(t, method, dir_cut, &cut, 0.01, &r, &err), err);
  CHECK(t, r.was_complete);
}

static void same_bytes(as_test *t) {
  train_twice(t, "simclr", "one", "two");
  /* Those whose memories a cut must carry. */
  train_twice(t, "deepcluster", "deep", "deepcut");
  train_twice(t, "sela", "self", "selfcut");
}

/* Queues, banks, clusters, words: all that these remember is in the state. */
static void memories(as_test *t) {
  train_twice(t, "pcl", "pcl1", "pcl2");
  train_twice(t, "obow", "obow1", "obow2");
  train_twice(t, "moco-v3", "v31", "v32");
}

/* A transformer: small views have a smaller grid of positions, evaluation a larger one (20 pixels). */
static void transformer(as_test *t) {
  arch = "vit_demo:patch=4,dim=12,depth=2,heads=3,mlp=20";
  train_twice(t, "dino", "vit", "vitcut");
  train_twice(t, "moco-v3", "vit3", "vit3cut");
  arch = resnet;
  char path[700];
  as_backbone b = {0};
  as_err err = {0};
  (void)snprintf(path, sizeof path, "%s/vit/checkpoint.safetensors", as_test_tmp());
  CHECK_OK(t, as_backbone_open(&b, &(as_backbone_opts){.weights = path}, &err), err);
  CHECK_INT(t, b.preset.crop, 20);
  if (b.model) CHECK(t, strstr(as_model_arch(b.model), "posgrid=4,resize=scale") != NULL);
  as_backbone_clear(&b);
}

static void other_training(as_test *t) {
  as_pretrain_result r;
  as_err err = {0};
  stopper cut = {.left = 9};
  CHECK_STATUS(t, train(t, "byol", "three", &cut, 0.01, &r, &err), AS_E_STOPPED);
  cut.left = -1;
  CHECK_STATUS(t, train(t, "byol", "three", &cut, 0.02, &r, &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "another training") != NULL);
  char state[700];
  (void)snprintf(state, sizeof state, "%s/three/state", as_test_tmp());
  FILE *f = fopen(state, "r+b");
  CHECK(t, f && fseek(f, 2000, SEEK_SET) == 0 && fputc('x', f) != EOF && fclose(f) == 0);
  CHECK_STATUS(t, train(t, "byol", "three", &cut, 0.01, &r, &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "damaged") != NULL);
}

static void every_method_runs(as_test *t) {
  for (size_t k = 0; as_ssl_methods[k]; k++) {
    as_pretrain_result r;
    as_err err = {0};
    stopper none = {.left = -1};
    CHECK_OK(t, train(t, as_ssl_methods[k]->name, as_ssl_methods[k]->name, &none, 0.003, &r, &err), err);
    char path[700];
    (void)snprintf(path, sizeof path, "%s/%s/checkpoint.safetensors", as_test_tmp(), as_ssl_methods[k]->name);
    as_backbone b = {0};
    CHECK_OK(t, as_backbone_open(&b, &(as_backbone_opts){.weights = path}, &err), err);
    CHECK_INT(t, b.preset.crop, 20);
    as_backbone_clear(&b);
  }
}

static void diverging(as_test *t) {
  as_pretrain_result r;
  as_err err = {0};
  stopper none = {.left = -1};
  CHECK_STATUS(t, train(t, "vicreg", "four", &none, 1e30, &r, &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "not finite") != NULL);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"the same bytes for any threads and after a cut", same_bytes},
                                  {"what methods remember, after a cut", memories},
                                  {"a transformer", transformer},
                                  {"a state of another training, a damaged one", other_training},
                                  {"every method leaves a backbone that runs", every_method_runs},
                                  {"a loss that is not finite", diverging}};
  as_err err = {0};
  if (as_init(&(as_init_opts){getenv("ASSAY_CPU"), 0, NULL}, &err) != AS_OK) return 4;
  char world[400];
  path_of(world, sizeof world, "world");
  const as_world_opts w = {.size = 32, .per_class = {6, -1, -1, -1, -1}};
  if (as_world_write(world, &w, &err) != AS_OK) return 4;
  (void)snprintf(train_dir, sizeof train_dir, "%s/train", world);
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
