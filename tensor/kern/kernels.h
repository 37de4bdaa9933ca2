/* The kernels: one function type per op with its contract, and the table that as_init fills.
 *
 * Drivers (conv.c, linear.c, ...) cut a problem into tiles and rows and call these; a kernel holds no
 * loop over threads, no allocation and no global, and touches no byte outside the extents stated
 * here. kern/ref defines every op; the other variants give the same bits (class EXACT), which
 * tests/unit/test_kernels.c checks. Pointers need only float alignment unless stated. */
#ifndef AS_TENSOR_KERN_KERNELS_H
#define AS_TENSOR_KERN_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "tensor/base/cpu.h"
#include "tensor/kern/kernels_train.h"

/* A GEMM tile: at most 14 rows by one panel of 32 columns. 14 x 32 floats are 28 of the 32 vector
 * registers of AVX-512; ResNet-50's map widths (56, 28, 14, 2 x 7) are exact multiples of 14. */
enum { AS_MR = 14, AS_NR = 32 };

/* gemm: one tile, every element one chain in increasing (segment, k).
 *
 *            k                      32                     acc  = acc_in | bias | +0
 *      +-----------+  m      +-------------+ k             acc  = fma(a[s][i][k], b[s][k][j], acc)
 *      | a[s]  lda |    x    | b + b_off[s]|               acc_out given: store acc raw, done
 *      +-----------+         +-------------+               t    = acc + 0     (-0 becomes +0)
 *                                                          t    = gamma * t            if gamma
 *                                                          t    = residual + t         if residual
 *                                                          c    = relu ? max(t, 0) : t
 * Segments are pieces of one chain: the rows of segment s start at a[s], lda floats apart, and its
 * weights are k x 32 floats at b + b_off[s]. nseg may be 0 (epilogue alone).
 * Extents: m 1..14, n 1..32. b, bias, gamma, acc_in, acc_out have full rows of 32 floats, b is
 * 64-byte aligned; residual and c are touched in columns 0..n-1 only.
 * Aliasing: c may be residual, acc_out may be acc_in; otherwise no overlap with what is read. */
typedef struct as_gemm_args {
  size_t m, n, k, nseg;
  const float *const *a; /* [nseg] */
  const size_t *b_off;   /* [nseg], floats */
  const float *b;
  size_t lda;
  const float *acc_in;   /* [m][32] or NULL */
  const float *bias;     /* [32] or NULL; used when acc_in is NULL */
  float *acc_out;        /* [m][32] or NULL */
  const float *gamma;    /* [32] or NULL */
  const float *residual; /* m rows, ldr floats apart, or NULL */
  size_t ldr;
  int relu;
  float *c; /* m rows, ldc floats apart */
  size_t ldc;
  const float *ahead; /* NULL, or where the next tile's rows begin: a hint to bring them nearer */
} as_gemm_args;
typedef void as_fn_gemm(const as_gemm_args *g);

/* pair: gemm over two whole panels, b and b + 32 k, for short chains. n = 64 and nseg = 1; bias has 64 floats; no gamma, acc_in
 * or acc_out. */
typedef void as_fn_pair(const as_gemm_args *g);

/* gemm16: gemm with bf16 inputs. The arguments are those of gemm, but each float of a and b is a pair of
 * bf16 (elements 2i and 2i + 1 of the chain, in this order in memory), and k, lda and b_off count pairs.
 * The chain takes the second element of a pair first, as the instruction VDPBF16PS does:
 *   acc = step(a[2i + 1], b[2i + 1], acc)   acc = step(a[2i], b[2i], acc)
 * step(a, b, acc) is fma(a, b, acc) rounded once to nearest even, in which denormal a, b and acc count as
 * zeros of their sign and a result that would be below 2^-126 if the exponent were unbounded becomes a
 * zero of its sign. The epilogue is gemm's (gradual underflow). kern/ref/bf16_ref.h. */
typedef void as_fn_gemm16(const as_gemm_args *g);

/* tobf16: rows x n floats, ld apart, to bf16, ldo apart: nearest even, denormals to zeros of their sign,
 * NaN to a quiet NaN, too large to infinity. Any n; exactly n elements of each row are written. */
typedef void as_fn_tobf16(size_t rows, size_t n, const float *in, size_t ld, uint16_t *out, size_t ldo);

/* wino_in: V = B^T d B of one 6x6 tile for c channels, F(4x4, 3x3), points 0, +-3/4, +-3/2, inf.
 * d[y][x] is at in + (y - y0) * row + (x - x0) * ld where y0 <= y < y1 and x0 <= x < x1, zero
 * elsewhere (the padding belongs to the tile). Columns first, then rows; one 1-d transform of d0..d5 is
 *   e  = fma(-9/4, d2, d4)    o  = fma(-9/4, d1, d3)
 *   e' = fma(-9/16, d2, d4)   o' = fma(-9/16, d1, d3)
 *   v0 = fma(81/64, d0, fma(-45/16, d2, d4))
 *   v1 = fma(3/4, o, e)    v2 = fma(-3/4, o, e)   v3 = fma(3/2, o', e')   v4 = fma(-3/2, o', e')
 *   v5 = fma(81/64, d1, fma(-45/16, d3, d5))
 * Position p = 6 * i + j of channel ch goes to v[p * pos + ch]. v does not overlap in. */
typedef struct as_wino_in_args {
  const float *in; /* d[y0][x0] */
  size_t row, ld;
  int y0, y1, x0, x1; /* 0 <= y0 <= y1 <= 6, likewise x */
  size_t c;
  float *v;
  size_t pos;
} as_wino_in_args;
typedef void as_fn_wino_in(const as_wino_in_args *w);

/* wino_out: Y = A^T m A of one tile, 4x4 outputs for n <= 32 channels, then the epilogue. Position p
 * of channel j is m[p * pos + j]. Columns first, then rows; one 1-d transform of m0..m5:
 *   s = m1 + m2   d = m1 - m2   s' = m3 + m4   d' = m3 - m4
 *   y0 = (m0 + s) + s'            y1 = fma(3/2, d', 3/4 * d)
 *   y2 = fma(9/4, s', 9/16 * s)   y3 = fma(27/8, d', 27/64 * d) + m5
 * then t = (y + bias) + 0; t = residual + t if residual; relu if asked. Writes the rows y < h and
 * columns x < w of the tile to c + y * row + x * ld. residual may be c. */
typedef struct as_wino_out_args {
  const float *m;
  size_t pos;
  size_t n;
  const float *bias; /* [32] */
  const float *residual;
  size_t res_row, res_ld;
  int relu;
  float *c;
  size_t row, ld;
  int h, w; /* 1..4 */
} as_wino_out_args;
typedef void as_fn_wino_out(const as_wino_out_args *w);

/* A window of rows x cols pixels (>= 1 of each) of c channels at in, to one pixel. max: NaN if any
 * input is NaN, of equal values the first. mean: one chain per channel from +0 in (row, column)
 * order, divided by `count`. */
typedef struct as_window_args {
  const float *in;
  size_t rows, cols, row, ld; /* floats between rows and between columns */
  size_t c;
  float count; /* mean only */
  float *out;
} as_window_args;
typedef void as_fn_maxwin(const as_window_args *w);
typedef void as_fn_meanwin(const as_window_args *w);

/* Rows of c >= 1 contiguous floats; out may be in. Sums by NUMERICS rule 3: 16 lanes, then halves.
 * layernorm: two passes; mean = sum / c, var = sum of squares / c, rstd = 1 / sqrt(var + eps),
 *            out = fma((x - mean) * rstd, gamma, beta).
 * softmax:   s = scale * x, scale > 0; exp(s - max) / sum; of `rows` rows, ld and ldo floats apart. A row with a NaN becomes
 *            NaN throughout.
 * l2norm:    x / max(sqrt(sum x^2), 1e-12). */
typedef void as_fn_layernorm(size_t c, const float *in, const float *gamma, const float *beta, float eps,
                             float *out);
typedef void as_fn_softmax(size_t rows, size_t c, float scale, const float *in, size_t ld, float *out,
                           size_t ldo);
typedef void as_fn_l2norm(size_t c, const float *in, float *out);

/* Elementwise over n >= 0 floats; out may be (exactly) an input. The functions: kern/ref/fmath_ref.h. */
typedef void as_fn_relu(size_t n, const float *in, float *out);
typedef void as_fn_gelu(size_t n, const float *in, float *out);
typedef void as_fn_silu(size_t n, const float *in, float *out);
typedef void as_fn_exp(size_t n, const float *in, float *out);
typedef void as_fn_erf(size_t n, const float *in, float *out);
typedef void as_fn_add(size_t n, const float *a, const float *b, float *out);

/* packt: a transposed panel. out[k][j] = in[j * ld + k] for j < n, 0 for n <= j < 32; n 1..32. */
typedef void as_fn_packt(size_t n, size_t k, const float *in, size_t ld, float *out);

/* clang-format off */
#define AS_OPS(X)                                                                                          \
  X(gemm) X(pair) X(gemm16) X(tobf16) X(packt) X(wino_in) X(wino_out) X(maxwin) X(meanwin)                         \
  X(layernorm) X(softmax) X(l2norm) X(relu) X(gelu) X(silu) X(exp) X(erf) X(add) AS_TRAIN_OPS(X)
/* clang-format on */

typedef struct as_kernels {
#define AS_FIELD(op) as_fn_##op *op;
  AS_OPS(AS_FIELD)
#undef AS_FIELD
  size_t rows; /* at most AS_MR: how many gemm is best given where a driver may choose */
  bool pairs;  /* pair is quicker than gemm twice */
} as_kernels;

/* Kernels in use: the ref ones until as_kernels_choose. */
extern as_kernels as_k;

/* Fills as_k: per op the last line of kernels.def whose needs tensor/base/cpu.h grants now. */
void as_kernels_choose(void);
/* Strikes off those instructions of this CPU that do not do what their kernel needs (as_cpu_refute). */
void as_kernels_probe(void);
/* Whether a gemm16 kernel gives ref's bits on the cases where a CPU might do otherwise: order within a pair, both
 * roundings, denormals in and out. */
bool as_bf16_agrees(as_fn_gemm16 *fn);
/* The lines of kernels.def, in its order; returns how many. */
size_t as_tensor_kernels(const as_kernel_info **rows);

/* Asks for a cache line that will be read; changes nothing else. */
#if defined(__GNUC__) || defined(__clang__)
#define AS_PREFETCH(p) __builtin_prefetch(p, 0, 2)
#else
#define AS_PREFETCH(p) ((void)(p))
#endif

#define AS_KERNEL(op, variant, needs) as_fn_##op as_k_##op##_##variant;
#include "tensor/kern/kernels.def"
#undef AS_KERNEL

#endif
