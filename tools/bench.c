#include "tools/bench.h"

#include "models/selftest.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/kern/kernels.h"
#include "tools/progress.h"

as_status as_bench_open(as_bench *b, const char *net, int batch, as_err *err) {
  *b = (as_bench){.batch = batch};
  as_status s = as_model_create(&b->model, net, 0, err);
  if (s == AS_OK) s = as_model_load_seeded(b->model, 1, err);
  if (s == AS_OK) s = as_model_plan(b->model, batch, err);
  if (s == AS_OK) {
    size_t side = (size_t)as_model_input_size(b->model);
    b->images = as_alloc((size_t)batch * side * side * 3, sizeof *b->images, err);
    b->rows = as_alloc((size_t)batch * (size_t)as_model_embed_dim(b->model), sizeof *b->rows, err);
    if (!b->images || !b->rows)
      s = AS_E_ENV;
    else
      as_selftest_images(batch, (int)side, b->images);
  }
  if (s == AS_OK)
    as_model_forward(b->model, b->images, batch, b->rows); /* page in, warm up */
  else
    as_bench_close(b);
  return s;
}

double as_bench_rate(as_bench *b, double seconds) {
  double start = as_seconds(), now = start;
  size_t done = 0;
  while (done == 0 || now - start < seconds) {
    as_model_forward(b->model, b->images, b->batch, b->rows);
    done += (size_t)b->batch;
    now = as_seconds();
  }
  return (double)done / (now - start);
}

void as_bench_close(as_bench *b) {
  as_free(b->images);
  as_free(b->rows);
  as_model_destroy(&b->model);
  *b = (as_bench){0};
}

/* A tile whose operands stay in the first cache: what the kernel can do. */
enum { PEAK_K = 128, PEAK_RUNS = 200 };

static void peak_chunk(void *ctx, size_t chunk, int worker) {
  (void)chunk, (void)worker;
  const float *ab = ctx;
  _Alignas(64) float c[AS_MR * AS_NR];
  const float *a = ab;
  const size_t zero = 0;
  as_gemm_args g = {.m = AS_MR, .n = AS_NR, .k = PEAK_K, .nseg = 1, .a = &a, .b_off = &zero, .lda = PEAK_K};
  g.b = ab + AS_MR * PEAK_K;
  g.c = c;
  g.ldc = AS_NR;
  for (int i = 0; i < PEAK_RUNS; i++) as_k.gemm(&g);
}

double as_bench_peak(void) {
  float *ab = as_calloc((AS_MR + AS_NR) * PEAK_K, sizeof *ab, NULL);
  if (!ab) return 0;
  const size_t threads = (size_t)as_par_threads();
  double best = 0;
  for (int k = 0; k < 40; k++) {
    const double start = as_seconds();
    as_par_for(threads, peak_chunk, ab);
    const double t = as_seconds() - start;
    const double rate = 2e-9 * AS_MR * AS_NR * PEAK_K * PEAK_RUNS * (double)threads / (t > 0 ? t : 1);
    if (rate > best) best = rate;
  }
  as_free(ab);
  return best;
}
