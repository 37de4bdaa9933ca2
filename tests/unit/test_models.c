/* Backbones against PyTorch's features (tests/golden/make_models.py), and what must not change them. */
#include "models/model.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "models/selftest.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/runtime.h"
#include "tests/harness.h"

enum { SEED = 7 };

/* Seeded weights for every tensor of m; release with clear_weights. */
static as_view *make_weights(as_test *t, const as_model *m) {
  const as_param_spec *specs;
  const size_t n = as_model_specs(m, &specs);
  as_view *v = as_calloc(n, sizeof *v, NULL);
  for (size_t i = 0; v && i < n; i++) {
    size_t numel;
    if (!as_shape_numel(specs[i].shape, specs[i].rank, &numel)) {
      as_test_fail(t, __FILE__, __LINE__, "shape of %s", specs[i].name);
      continue;
    }
    float *data = as_alloc(numel, sizeof *data, NULL);
    as_model_init_param(m, i, SEED, data);
    v[i] = (as_view){.data = data, .bytes = numel * sizeof *data, .dtype = AS_F32, .rank = specs[i].rank};
    const uint16_t probe = 1;
    v[i].big_endian = *(const unsigned char *)&probe == 0;
    memcpy(v[i].shape, specs[i].shape, sizeof specs[i].shape);
    as_view_set_contiguous(&v[i]);
  }
  return v;
}

static void clear_weights(const as_model *m, as_view *v) {
  const as_param_spec *specs;
  const size_t n = as_model_specs(m, &specs);
  for (size_t i = 0; v && i < n; i++) as_free((void *)(uintptr_t)v[i].data);
  as_free(v);
}

/* A model with seeded weights, planned; NULL after a failed check. */
static as_model *make_model(as_test *t, const char *arch, int size, int batch) {
  as_err err = {0};
  as_model *m = NULL;
  CHECK_OK(t, as_model_create(&m, arch, size, &err), err);
  if (!m) return NULL;
  as_view *w = make_weights(t, m);
  CHECK_OK(t, as_model_load(m, w, &err), err);
  CHECK_OK(t, as_model_plan(m, batch, &err), err);
  clear_weights(m, w);
  if (t->failures) as_model_destroy(&m);
  return m;
}

static double relative(const float *a, const float *b, size_t n) {
  double diff = 0, norm = 0;
  for (size_t i = 0; i < n; i++) {
    diff += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    norm += (double)b[i] * (double)b[i];
  }
  return sqrt(diff / norm);
}

static float little_endian_f32(const unsigned char *p) {
  uint32_t u = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
  float f;
  memcpy(&f, &u, sizeof f);
  return f;
}

/* One case: features within 1e-5 of PyTorch's, and not further from the float64 truth. */
static void one_golden(as_test *t, const char *name, const char *arch, int size, int n, int dim,
                       const unsigned char *golden) {
  as_model *m = make_model(t, arch, size, n);
  if (!m) {
    as_test_fail(t, __FILE__, __LINE__, "%s: no model", name);
    return;
  }
  CHECK_INT(t, as_model_embed_dim(m), dim);
  const size_t count = (size_t)n * (size_t)dim, pixels = (size_t)n * (size_t)size * (size_t)size * 3;
  float *x = as_alloc(pixels, sizeof *x, NULL), *got = as_alloc(count, sizeof *got, NULL);
  float *torch = as_alloc(count, sizeof *torch, NULL), *truth = as_alloc(count, sizeof *truth, NULL);
  as_selftest_images(n, size, x);
  for (size_t i = 0; i < count; i++) {
    torch[i] = little_endian_f32(golden + 4 * i);
    truth[i] = little_endian_f32(golden + 4 * (count + i));
  }
  if (as_model_embed_dim(m) == dim) {
    as_model_forward(m, x, n, got);
    const double a = relative(got, torch, count), b = relative(got, truth, count);
    if (getenv("ASSAY_TEST_VERBOSE"))
      printf("%s: %.3g from PyTorch, %.3g from float64 (PyTorch %.3g)\n", name, a, b,
             relative(torch, truth, count));
    if (!(a < 1e-5)) as_test_fail(t, __FILE__, __LINE__, "%s: %.3g from PyTorch", name, a);
    if (!(b < 3e-6)) as_test_fail(t, __FILE__, __LINE__, "%s: %.3g from float64", name, b);
  }
  as_free(x);
  as_free(got);
  as_free(torch);
  as_free(truth);
  as_model_destroy(&m);
}

/* Cases of models.tsv with input size above (or not above) 100 pixels. */
static void goldens(as_test *t, bool large) {
  unsigned char *data = NULL;
  size_t bytes = 0, offset = 0;
  data = as_test_read(as_test_golden("models.f32"), &bytes);
  FILE *tsv = fopen(as_test_golden("models.tsv"), "r");
  char line[512], name[64], arch[256];
  int size, n, dim, cases = 0;
  CHECK(t, data && tsv);
  while (data && tsv && fgets(line, sizeof line, tsv)) {
    if (sscanf(line, "%63[^\t]\t%255[^\t]\t%d\t%d\t%d", name, arch, &size, &n, &dim) != 5) {
      as_test_fail(t, __FILE__, __LINE__, "models.tsv: %s", line);
      break;
    }
    const size_t block = (size_t)n * (size_t)dim * 8;
    CHECK(t, offset + block <= bytes);
    if (offset + block > bytes) break;
    if ((size > 100) == large) one_golden(t, name, arch, size, n, dim, data + offset);
    offset += block;
    cases++;
  }
  CHECK(t, cases > 30);
  CHECK_INT(t, offset, bytes);
  if (tsv) fclose(tsv);
  free(data);
}

static void small_goldens(as_test *t) {
  goldens(t, false);
}
static void large_goldens(as_test *t) {
  if (strcmp(as_cpu_name(), "ref") == 0) {
    as_test_skip(t, "the reference kernels need minutes for this");
    return;
  }
  goldens(t, true);
}

/* A weight that is not finite is found while it is packed, in each kind of layer, and counted for the message. */
static void refused_values(as_test *t) {
  static const char *const arch[] = {"vit_demo:dim=32,depth=1,heads=1", "resnet_demo"};
  for (size_t net = 0; net < 2; net++) {
    as_err err = {0};
    as_model *m = NULL;
    CHECK_OK(t, as_model_create(&m, arch[net], 32, &err), err);
    if (!m) return;
    const as_param_spec *specs;
    const size_t n = as_model_specs(m, &specs);
    as_view *w = make_weights(t, m);
    for (size_t i = 0; i < n; i++) {
      char want[160];
      size_t numel;
      if (specs[i].optional || !as_shape_numel(specs[i].shape, specs[i].rank, &numel)) continue;
      float *last = (float *)(uintptr_t)w[i].data + numel - 1, keep = *last;
      *last = NAN;
      snprintf(want, sizeof want, "tensor %s: 1 of %zu values are not finite", specs[i].name, numel);
      CHECK_STATUS(t, as_model_load(m, w, &err), AS_E_INPUT);
      CHECK_STR(t, err.msg, want);
      *last = keep;
    }
    CHECK_OK(t, as_model_load(m, w, &err), err);
    clear_weights(m, w);
    as_model_destroy(&m);
  }
}

static void refused_weights(as_test *t) {
  as_err err = {0};
  as_model *m = NULL;
  CHECK_OK(t, as_model_create(&m, "resnet_demo", 32, &err), err);
  if (!m) return;
  CHECK_STATUS(t, as_model_plan(m, 1, &err), AS_E_USAGE); /* not loaded yet */
  as_view *w = make_weights(t, m);

  w[7].shape[0]++;
  CHECK_STATUS(t, as_model_load(m, w, &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "layer1.0.bn1.weight") && strstr(err.msg, "[17]") && strstr(err.msg, "[16]"));
  w[7].shape[0]--;

  const void *data = w[6].data;
  w[6].data = NULL;
  CHECK_STATUS(t, as_model_load(m, w, &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "layer1.0.conv1.weight") && strstr(err.msg, "missing"));
  w[6].data = data;

  float *first = (float *)(uintptr_t)w[6].data, keep = first[3];
  first[3] = (float)INFINITY;
  CHECK_STATUS(t, as_model_load(m, w, &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "layer1.0.conv1.weight") && strstr(err.msg, "not finite"));
  first[3] = keep;

  float *var = (float *)(uintptr_t)w[4].data;
  keep = var[0];
  var[0] = -1.0f;
  CHECK_STATUS(t, as_model_load(m, w, &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "bn1.running_var") != NULL);
  var[0] = keep;

  data = w[5].data;
  w[5].data = NULL; /* num_batches_tracked may be absent */
  CHECK_OK(t, as_model_load(m, w, &err), err);
  w[5].data = data;
  clear_weights(m, w);
  as_model_destroy(&m);
}

typedef struct given_back {
  int calls, twice;
} given_back;

/* What has been read may vanish at once. */
static void spoil(void *ctx, const as_view *v) {
  given_back *g = ctx;
  float *x = (float *)(uintptr_t)v->data;
  g->calls++;
  if (v->bytes && isnan(x[0])) g->twice++;
  for (size_t i = 0; i < v->bytes / sizeof *x; i++) x[i] = NAN;
}

/* Weights that are given back while others are packed, and seeded ones: the same features. */
static void loaded_piece_by_piece(as_test *t) {
  static const char *const archs[] = {"resnet_demo", "vit_demo:ls=1,reg=2,ffn=swiglu",
                                      "resnet50:base=8,blocks=1-1-1,stem=deep,down=avg,sk=1"};
  for (size_t a = 0; a < sizeof archs / sizeof *archs; a++) {
    as_err err = {0};
    as_model *plain = make_model(t, archs[a], 64, 1), *m = NULL;
    CHECK_OK(t, as_model_create(&m, archs[a], 64, &err), err);
    if (!plain || !m) return;
    float x[64 * 64 * 3], want[1024], got[1024];
    const size_t dim = (size_t)as_model_embed_dim(m);
    CHECK(t, dim <= 1024);
    as_selftest_images(1, 64, x);
    as_model_forward(plain, x, 1, want);

    const as_param_spec *specs;
    const size_t n = as_model_specs(m, &specs);
    int required = 0;
    for (size_t i = 0; i < n; i++) required += !specs[i].optional;
    as_view *w = make_weights(t, m);
    given_back g = {0, 0};
    CHECK_OK(t, as_model_load_releasing(m, w, spoil, &g, &err), err);
    CHECK_INT(t, g.calls, required);
    CHECK_INT(t, g.twice, 0);
    clear_weights(m, w);
    CHECK_OK(t, as_model_plan(m, 1, &err), err);
    as_model_forward(m, x, 1, got);
    CHECK(t, memcmp(want, got, dim * sizeof *got) == 0);

    CHECK_OK(t, as_model_load_seeded(m, SEED, &err), err);
    CHECK_OK(t, as_model_plan(m, 1, &err), err);
    as_model_forward(m, x, 1, got);
    CHECK(t, memcmp(want, got, dim * sizeof *got) == 0);
    as_model_destroy(&plain);
    as_model_destroy(&m);
  }
}

/* Features do not depend on the batch, on how many images come at once, or on threads. */
static void same_bits(as_test *t) {
  static const char *const archs[] = {"resnet_demo", "resnet50:base=16,blocks=1-1-1",
                                      "vit_demo:features=cls4+mean", "vit_demo:ffn=swiglu,mlp=100",
                                      "resnet50:base=16,blocks=1-1,stem=deep,down=avg,sk=1"};
  const int before = as_par_threads();
  enum { N = 11, SIZE = 40 };
  for (size_t a = 0; a < sizeof archs / sizeof *archs; a++) {
    as_par_set_threads(1);
    as_model *m = make_model(t, archs[a], SIZE, 1);
    if (!m) continue;
    as_err err = {0};
    const size_t dim = (size_t)as_model_embed_dim(m), image = SIZE * SIZE * 3;
    float *x = as_alloc(N * image, sizeof *x, NULL);
    float *want = as_alloc(N * dim, sizeof *want, NULL), *got = as_alloc(N * dim, sizeof *got, NULL);
    as_selftest_images(N, SIZE, x);
    as_model_forward(m, x, N, want);
    CHECK(t, memcmp(want, want + dim, dim * sizeof *want) != 0);
    for (int threads = 1; threads <= 3; threads++) {
      static const int batches[] = {1, 3, 8, 16};
      as_par_set_threads(threads);
      for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
        CHECK_OK(t, as_model_plan(m, batches[b], &err), err);
        memset(got, 0xff, N * dim * sizeof *got);
        as_model_forward(m, x, N, got);
        if (memcmp(got, want, N * dim * sizeof *got) != 0)
          as_test_fail(t, __FILE__, __LINE__, "%s: other bits with %d threads, batch %d", archs[a], threads,
                       batches[b]);
      }
    }
    /* More threads than were planned for. */
    as_par_set_threads(1);
    CHECK_OK(t, as_model_plan(m, 8, &err), err);
    as_par_set_threads(3);
    memset(got, 0xff, N * dim * sizeof *got);
    as_model_forward(m, x, N, got);
    CHECK(t, memcmp(got, want, N * dim * sizeof *got) == 0);
    as_free(x);
    as_free(want);
    as_free(got);
    as_model_destroy(&m);
  }
  as_par_set_threads(before);
}

static void documented_hash(as_test *t) {
  const int before = as_par_threads();
  char hex[65];
  as_err err = {0};
  for (int threads = 1; threads <= 3; threads++) {
    as_par_set_threads(threads);
    CHECK_OK(t, as_selftest(2 * threads - 1, hex, &err), err);
    CHECK_STR(t, hex, as_selftest_expected());
  }
  as_par_set_threads(before);
}

typedef struct trace_log {
  int calls;
  char first[64], last[64];
  float features[512];
  bool bad;
} trace_log;

static void on_trace(void *ctx, const char *layer, const int64_t shape[4], const float *x) {
  trace_log *log = ctx;
  if (log->calls++ == 0) (void)snprintf(log->first, sizeof log->first, "%s", layer);
  (void)snprintf(log->last, sizeof log->last, "%s", layer);
  if (shape[0] != 1 || shape[1] < 1 || shape[2] < 1 || shape[3] < 1) log->bad = true;
  for (int64_t i = 0; i < shape[1] * shape[2] * shape[3]; i++)
    if (!isfinite(x[i])) log->bad = true;
  if (strcmp(layer, "features") == 0) memcpy(log->features, x, (size_t)shape[3] * sizeof *x);
}

static void traced(as_test *t) {
  static const struct {
    const char *arch, *first;
    int calls;
  } nets[] = {{"resnet_demo", "conv1", 1 + 4 * 4 + 1},
              {"vit_demo", "patch_embed", 1 + 4 * 7 + 1}, /* without a trace, its last block is cut short */
              {"vit_demo:ls=1,reg=2,ffn=swiglu,features=cls4", "patch_embed", 1 + 4 * 7 + 1},
              {"vit_demo:features=mean", "patch_embed", 1 + 4 * 7 + 1}};
  for (size_t i = 0; i < 4; i++) {
    as_model *m = make_model(t, nets[i].arch, 64, 2);
    if (!m) return;
    float *x = as_alloc(2 * 64 * 64 * 3, sizeof *x, NULL), plain[1024], with[1024];
    trace_log log = {0};
    const size_t dim = (size_t)as_model_embed_dim(m);
    CHECK(t, dim <= 512);
    as_selftest_images(2, 64, x);
    as_model_forward(m, x, 2, plain);
    as_model_set_trace(m, on_trace, &log);
    as_model_forward(m, x, 2, with);
    CHECK(t, memcmp(plain, with, 2 * dim * sizeof *plain) == 0);
    CHECK(t, memcmp(plain + dim, log.features, dim * sizeof *plain) == 0);
    CHECK_INT(t, log.calls, 2 * nets[i].calls);
    CHECK_STR(t, log.first, nets[i].first);
    CHECK_STR(t, log.last, "features");
    CHECK(t, !log.bad);
    as_model_set_trace(m, NULL, NULL);
    as_model_forward(m, x, 2, with);
    CHECK_INT(t, log.calls, 2 * nets[i].calls);
    as_free(x);
    as_model_destroy(&m);
  }
}

/* Every allocation may fail; nothing leaks and nothing crashes. */
static void out_of_memory(as_test *t) {
  static const char *const archs[] = {"resnet_demo", "vit_demo:ls=1,reg=2"};
  for (size_t a = 0; a < 2; a++) {
    for (unsigned long k = 1; k < 100000; k += k < 40 ? 1 : 37) {
      as_err err = {0};
      as_model *m = NULL;
      as_mem_fail_after(k);
      as_status st = as_model_create(&m, archs[a], 32, &err);
      as_mem_fail_after(0);
      CHECK(t, st == AS_OK ? m != NULL : st == AS_E_ENV && m == NULL && err.msg[0]);
      as_model_destroy(&m);
      if (st == AS_OK) break;
    }
    as_model *m = NULL;
    as_err err = {0};
    CHECK_OK(t, as_model_create(&m, archs[a], 32, &err), err);
    if (!m) return;
    as_view *w = make_weights(t, m);
    bool done = false;
    for (unsigned long k = 1; k < 100000 && !done; k += k < 20 ? 1 : 29) {
      as_mem_fail_after(k);
      as_status st = as_model_load(m, w, &err);
      if (st == AS_OK) st = as_model_plan(m, 2, &err);
      as_mem_fail_after(0);
      CHECK(t, st == AS_OK || st == AS_E_ENV);
      done = st == AS_OK;
    }
    CHECK(t, done);
    clear_weights(m, w);
    as_model_destroy(&m);
  }
}

int main(int argc, char **argv) {
  static const as_case cases[] = {
      {"small nets, every switch, against PyTorch", small_goldens},
      {"ResNet-50, ViT-S/16, ViT-B/16 against PyTorch", large_goldens},
      {"refused weights", refused_weights},
      {"values that are not finite, in every tensor", refused_values},
      {"loaded piece by piece", loaded_piece_by_piece},
      {"same bits for any batch and threads", same_bits},
      {"the documented hash", documented_hash},
      {"trace", traced},
      {"out of memory", out_of_memory},
  };
  as_err err = {0};
  if (as_init(NULL, &err) != AS_OK) {
    fprintf(stderr, "%s\n", err.msg);
    return 4;
  }
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
