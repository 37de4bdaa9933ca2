/* bench --gemm: matrix products of the shapes that ViT-B/16 and ResNet-50 consist of. */
#define _POSIX_C_SOURCE 200809L
#include "tools/bench_gemm.h"

#include "tensor/base/clock.h"
#include "tensor/base/json.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/linear.h"
#include "tensor/tensor.h"
#include "tools/bench.h"
#include "tools/progress.h"
#include "tools/say.h"

typedef struct shape {
  const char *name;
  size_t m, n, k; /* C [m, n] = A [m, k] B^T, B [n, k] */
} shape;

/* Of ViT-B/16 the tokens of 1 and 32 images, of ResNet-50's 1x1 layers the pixels of 1 and 16. */
#define TOKENS(b)                                                               \
  {"vitb_qkv_b" #b, 197 * b, 2304, 768}, {"vitb_proj_b" #b, 197 * b, 768, 768}, \
      {"vitb_fc1_b" #b, 197 * b, 3072, 768}, {                                  \
    "vitb_fc2_b" #b, 197 * b, 768, 3072                                         \
  }
#define PIXELS(b)                                                                                 \
  {"r50_64x256@56_b" #b, 3136 * b, 64, 256}, {"r50_256x64@56_b" #b, 3136 * b, 256, 64},           \
      {"r50_128x512@28_b" #b, 784 * b, 128, 512}, {"r50_512x128@28_b" #b, 784 * b, 512, 128},     \
      {"r50_256x1024@14_b" #b, 196 * b, 256, 1024}, {"r50_1024x256@14_b" #b, 196 * b, 1024, 256}, \
      {"r50_512x2048@7_b" #b, 49 * b, 512, 2048}, {                                               \
    "r50_2048x512@7_b" #b, 49 * b, 2048, 512                                                      \
  }
static const shape shapes[] = {{"sq512", 512, 512, 512},
                               {"sq1024", 1024, 1024, 1024},
                               {"sq2048", 2048, 2048, 2048},
                               TOKENS(1),
                               TOKENS(32),
                               {"r50_64x64@56_b1", 3136, 64, 64},
                               PIXELS(1),
                               PIXELS(16)};
enum { SHAPES = sizeof shapes / sizeof *shapes };

typedef struct operands {
  const shape *s;
  float *a, *b, *c;
  as_linear *packed; /* NULL: B is packed within the call */
  size_t lda, ldc;
  void *scratch;
} operands;

static void multiply(const operands *o) {
  if (o->packed) {
    as_linear_run(
        o->packed,
        &(as_linear_args){
            .in = o->a, .ld_in = o->lda, .rows = o->s->m, .act = AS_ACT_NONE, .out = o->c, .ld_out = o->ldc});
  } else {
    as_gemm_nt(&(as_product){o->s->m, o->s->n, o->s->k, o->a, o->lda, o->b, o->s->k, o->c, o->ldc},
               o->scratch);
  }
}

static void report(as_str *out, bool jsonl, const char *impl, const operands *o, const as_spread *rate,
                   double peak) {
  const double ms = 2e-6 * (double)o->s->m * (double)o->s->n * (double)o->s->k / rate->median;
  if (!jsonl) {
    as_str_printf(out, "%-6s %-20s %6zu x %5zu x %5zu  %8.3f ms %8.1f gflop/s [%.1f, %.1f] of %d %6.1f %%\n",
                  impl, o->s->name, o->s->m, o->s->n, o->s->k, ms, rate->median, rate->low, rate->high,
                  rate->n, 100 * rate->median / peak);
    return;
  }
  as_jsonw w;
  as_jsonw_init(&w, out, true);
  as_jsonw_object(&w);
  as_jsonw_key(&w, "bench"), as_jsonw_str(&w, "gemm");
  as_jsonw_key(&w, "impl"), as_jsonw_str(&w, impl);
  as_jsonw_key(&w, "case"), as_jsonw_str(&w, o->s->name);
  as_jsonw_key(&w, "threads"), as_jsonw_i64(&w, as_par_threads());
  as_jsonw_key(&w, "unit"), as_jsonw_str(&w, "GFLOP/s");
  as_bench_put_spread(&w, rate);
  as_jsonw_key(&w, "peak"), as_jsonw_f64(&w, peak);
  as_jsonw_key(&w, "ms"), as_jsonw_f64(&w, ms);
  as_jsonw_end(&w);
  as_str_putc(out, '\n');
}

/* Both ways: weights packed beforehand and rows spaced as in a network; plain operands, B packed each time. */
static as_status one_shape(as_str *out, const as_args *args, const shape *s, double seconds, double peak,
                           as_err *err) {
  as_status st = AS_OK;
  for (int plain = 0; plain < 2 && st == AS_OK; plain++) {
    operands o = {.s = s, .lda = s->k, .ldc = s->n};
    if (!plain) o.lda = as_tensor_ld((int)s->k), o.ldc = as_tensor_ld((int)s->n);
    o.a = as_alloc(s->m * o.lda, sizeof(float), err);
    o.b = as_alloc(s->n * s->k, sizeof(float), err);
    o.c = as_calloc(s->m * o.ldc, sizeof(float), err);
    o.scratch = as_alloc(as_gemm_scratch(s->n, s->k), 1, err);
    if (!o.a || !o.b || !o.c || !o.scratch) st = AS_E_ENV;
    if (st == AS_OK) {
      for (size_t i = 0; i < s->m * o.lda; i++) o.a[i] = (float)(i % 13) / 13.0f - 0.5f;
      for (size_t i = 0; i < s->n * s->k; i++) o.b[i] = (float)(i % 7) / 7.0f - 0.5f;
      if (!plain) st = as_linear_create(&o.packed, (int)s->n, (int)s->k, o.b, NULL, err);
    }
    if (st == AS_OK) {
      multiply(&o);
      double rates[AS_BENCH_SAMPLES];
      for (int sample = 0; sample < AS_BENCH_SAMPLES; sample++) {
        double start = as_seconds(), now = start;
        size_t runs = 0;
        while (runs == 0 || now - start < seconds / (2 * AS_BENCH_SAMPLES * SHAPES)) {
          multiply(&o);
          runs++;
          now = as_seconds();
        }
        rates[sample] = 2e-9 * (double)s->m * (double)s->n * (double)s->k * (double)runs / (now - start);
      }
      const as_spread rate = as_spread_of(rates, AS_BENCH_SAMPLES);
      report(out, args->set[OPT_JSONL], plain ? "nt" : "packed", &o, &rate, peak);
    }
    as_linear_destroy(&o.packed);
    as_free(o.a), as_free(o.b), as_free(o.c), as_free(o.scratch);
  }
  return st;
}

as_status as_bench_gemm(const as_args *args, as_err *err) {
  const double seconds = as_arg_real(args, OPT_SECONDS, 3);
  const as_spread peak = as_bench_peaks();
  as_status st = AS_OK;
  for (size_t i = 0; i < SHAPES && st == AS_OK; i++) {
    as_str out = {0};
    if (i == 0) as_bench_put_machine(&out, args->set[OPT_JSONL], &peak);
    st = one_shape(&out, args, &shapes[i], seconds, peak.median, err);
    if (st == AS_OK) st = as_str_status(&out, err);
    if (st == AS_OK) as_print(&out);
    as_str_clear(&out);
  }
  return st;
}
