/* What the multiply-adds of this core reach when nothing else limits them: chains of fused multiply-adds that depend on
 * nothing but themselves, all in registers, at the widest vectors in use. A core has two such units at most on x86 (four of
 * 128 bits on some ARM cores) and gives a result four or five cycles later, so that ten chains keep two units busy and
 * sixteen four. A GEMM tile in the first cache reaches less than this (it also loads), so the tile is no measure of the core. */
#include "tensor/base/clock.h"
#include "tensor/base/cpu.h"
#include "tensor/base/par.h"
#include "tensor/kern/kernels.h"
#include "tools/bench.h"

#if AS_HAVE_X86
#include <immintrin.h>
#elif AS_HAVE_NEON
#include <arm_neon.h>
#endif

enum { STEPS = 60000, TRIES = 40, MOST_LANES = 16 };

/* STEPS times `chains` multiply-adds of vectors of `lanes` floats: some 0.2 ms, much longer than threads take to meet. `sum`
 * keeps compilers from leaving them out. */
typedef struct fma_loop {
  void (*run)(float sum[MOST_LANES]);
  int chains, lanes;
} fma_loop;

/* x = x y + z with y just below 1: values stay near 1, where every CPU is quick. */
#define FACTOR 0.9990234375f
#define ADDEND 0.0009765625f

#if AS_HAVE_X86
__attribute__((target("avx512f"))) static void run_avx512(float sum[MOST_LANES]) {
  enum { CHAINS = 12 };
  const __m512 y = _mm512_set1_ps(FACTOR), z = _mm512_set1_ps(ADDEND);
  __m512 x[CHAINS];
  for (int i = 0; i < CHAINS; i++) x[i] = _mm512_set1_ps(1.0f + (float)i);
  for (int step = 0; step < STEPS; step++) {
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++) x[i] = _mm512_fmadd_ps(x[i], y, z);
  }
  for (int i = 1; i < CHAINS; i++) x[0] = _mm512_add_ps(x[0], x[i]);
  _mm512_storeu_ps(sum, x[0]);
}

__attribute__((target("avx2,fma"))) static void run_avx2(float sum[MOST_LANES]) {
  enum { CHAINS = 12 };
  const __m256 y = _mm256_set1_ps(FACTOR), z = _mm256_set1_ps(ADDEND);
  __m256 x[CHAINS];
  for (int i = 0; i < CHAINS; i++) x[i] = _mm256_set1_ps(1.0f + (float)i);
  for (int step = 0; step < STEPS; step++) {
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++) x[i] = _mm256_fmadd_ps(x[i], y, z);
  }
  for (int i = 1; i < CHAINS; i++) x[0] = _mm256_add_ps(x[0], x[i]);
  _mm256_storeu_ps(sum, x[0]);
}
#elif AS_HAVE_NEON
static void run_neon(float sum[MOST_LANES]) {
  enum { CHAINS = 20 };
  const float32x4_t y = vdupq_n_f32(FACTOR), z = vdupq_n_f32(ADDEND);
  float32x4_t x[CHAINS];
  for (int i = 0; i < CHAINS; i++) x[i] = vdupq_n_f32(1.0f + (float)i);
  for (int step = 0; step < STEPS; step++) {
#pragma GCC unroll 20
    for (int i = 0; i < CHAINS; i++) x[i] = vfmaq_f32(y, x[i], z);
  }
  for (int i = 1; i < CHAINS; i++) x[0] = vaddq_f32(x[0], x[i]);
  vst1q_f32(sum, x[0]);
}
#endif

/* Where the kernels in use are no vectors with fused multiply-adds, what a tile with operands in the first cache reaches is
 * all that can be said. */
enum { TILE_K = 128, TILE_RUNS = 40 };

static void run_tile(float sum[MOST_LANES]) {
  static const float ab[(AS_MR + AS_NR) * TILE_K];
  _Alignas(64) float c[AS_MR * AS_NR];
  const float *a = ab;
  const size_t zero = 0;
  as_gemm_args g = {.m = AS_MR, .n = AS_NR, .k = TILE_K, .nseg = 1, .a = &a, .b_off = &zero, .lda = TILE_K};
  g.b = ab + AS_MR * TILE_K;
  g.c = c;
  g.ldc = AS_NR;
  for (int i = 0; i < TILE_RUNS; i++) as_k.gemm(&g);
  for (int i = 0; i < MOST_LANES; i++) sum[i] = c[i];
}

static fma_loop choose_loop(double *flop) {
  fma_loop l = {0};
#if AS_HAVE_X86
  if (as_cpu_has(AS_CPU_AVX512))
    l = (fma_loop){run_avx512, 12, 16};
  else if (as_cpu_has(AS_CPU_AVX2))
    l = (fma_loop){run_avx2, 12, 8};
#elif AS_HAVE_NEON
  if (as_cpu_has(AS_CPU_NEON)) l = (fma_loop){run_neon, 20, 4};
#endif
  *flop = 2.0 * STEPS * l.chains * l.lanes;
  if (l.run) return l;
  *flop = 2.0 * TILE_RUNS * AS_MR * AS_NR * TILE_K;
  return (fma_loop){.run = run_tile};
}

static void peak_chunk(void *ctx, size_t chunk, int worker) {
  (void)chunk, (void)worker;
  volatile float kept;
  float sum[MOST_LANES];
  ((const fma_loop *)ctx)->run(sum);
  kept = sum[0];
  (void)kept;
}

double as_bench_peak(void) {
  const size_t threads = (size_t)as_par_threads();
  double flop, best = 0;
  fma_loop loop = choose_loop(&flop);
  for (int k = 0; k < TRIES; k++) {
    const double start = as_seconds();
    as_par_for(threads, peak_chunk, &loop);
    const double t = as_seconds() - start;
    const double rate = 1e-9 * flop * (double)threads / t;
    if (t > 0 && rate > best) best = rate;
  }
  return best;
}
