/* What the kernel tests share: buffers between guard pages, values, a case run on ref and on a variant, and
 * gemm's cases (gemm16 takes the same arguments). */
#ifndef AS_TEST_KERNEL_CASES_H
#define AS_TEST_KERNEL_CASES_H

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tensor/kern/kernels.h"
#include "tensor/kern/ref/bf16_ref.h"
#include "tensor/runtime.h"
#include "tests/harness.h"

#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif

/* ---- guarded buffers ---- */

static const uint32_t canary = 0x4bad5eed; /* a float of 2.3e7 */

enum { MOST_FLOATS = 1 << 16, BUFFERS = 10 };

typedef struct buffer {
  float *map;  /* MOST_FLOATS floats between the guards */
  float *data; /* the case's floats */
  size_t n;    /* from data to the last one */
} buffer;

static buffer pool[BUFFERS];

static float *map_guarded(void) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = MOST_FLOATS * sizeof(float);
  char *p = mmap(NULL, bytes + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return NULL;
  mprotect(p, page, PROT_NONE);
  mprotect(p + page + bytes, page, PROT_NONE);
  return (float *)(void *)(p + page);
}

/* n floats at the start (end == 0) or the end of buffer i; 64-byte aligned where asked. */
static buffer *place(size_t i, size_t n, int end, int aligned) {
  buffer *b = &pool[i];
  if (!b->map) b->map = map_guarded();
  if (!b->map || n > MOST_FLOATS) abort();
  b->n = n;
  b->data = end ? b->map + (MOST_FLOATS - n) : b->map;
  if (aligned) b->data = b->map + (size_t)(b->data - b->map) / 16 * 16;
  /* The neighbourhood is enough: a stray access is near or hits a guard. */
  const size_t at = (size_t)(b->data - b->map), lo = at < 256 ? 0 : at - 256;
  const size_t hi = at + n + 256 > MOST_FLOATS ? MOST_FLOATS : at + n + 256;
  for (size_t k = lo; k < hi; k++) memcpy(b->map + k, &canary, 4);
  return b;
}

static uint32_t bits(float x) {
  uint32_t u;
  memcpy(&u, &x, 4);
  return u;
}

/* Floats around and between rows (rows of cols, ld apart) that lost their canary. */
static size_t lost_canaries(const buffer *b, size_t rows, size_t cols, size_t ld) {
  const size_t at = (size_t)(b->data - b->map), lo = at < 256 ? 0 : at - 256;
  const size_t hi = at + b->n + 256 > MOST_FLOATS ? MOST_FLOATS : at + b->n + 256;
  size_t lost = 0;
  for (size_t k = lo; k < hi; k++) {
    const int inside = k >= at && k < at + b->n && (k - at) / ld < rows && (k - at) % ld < cols;
    if (!inside) lost += bits(b->map[k]) != canary;
  }
  return lost;
}

/* ---- values ---- */

typedef enum values { NORMAL, SPECIAL, TINY, MODES } values;
static uint64_t counter;

static float value(values mode) {
  const as_rng r = as_rng_make(99, (uint64_t)mode);
  const uint64_t u = as_rng_bits(r, counter++);
  const float x = (float)((double)(u >> 11) * 0x1p-52 - 1.0);
  static const float odd[] = {0.0f,      -0.0f,      INFINITY, -INFINITY, NAN,
                              0x1p-149f, -0x1p-140f, 3e38f,    -3e38f,    0x1p-126f};
  if (mode == SPECIAL && u % 16 == 0) return odd[u / 16 % 10];
  if (mode == TINY) return x * 0x1p-70f; /* products are denormal */
  return x;
}

static void fill(buffer *b, size_t rows, size_t cols, size_t ld, values mode) {
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < cols; c++) b->data[r * ld + c] = value(mode);
}

/* Pairs of bf16 with values as above. */
static inline void fill16(buffer *b, size_t rows, size_t cols, size_t ld, values mode) {
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < cols; c++) {
      uint16_t pair[2];
      for (int e = 0; e < 2; e++) {
        const float x = value(mode);
        uint32_t u;
        memcpy(&u, &x, 4);
        pair[e] = (uint16_t)(u >> 16); /* cut, so that denormals are kept */
      }
      memcpy(b->data + r * ld + c, pair, 4);
    }
}

static size_t span(size_t rows, size_t cols, size_t ld) {
  return rows ? (rows - 1) * ld + cols : 0;
}

static int same(float a, float b) {
  return bits(a) == bits(b) || (a != a && b != b);
}

/* ---- running a case ---- */

static sigjmp_buf back;
static volatile sig_atomic_t caught;
static void on_signal(int s) {
  caught = s;
  siglongjmp(back, 1);
}

static void catch_signals(void) {
  struct sigaction sa;
  memset(&sa, 0, sizeof sa);
  sa.sa_handler = on_signal;
  sa.sa_flags = SA_NODEFER;
  static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
  for (size_t i = 0; i < 4; i++) sigaction(signals[i], &sa, NULL);
}

/* A case: what to call, and its single output matrix. */
typedef struct probe {
  const char *op, *variant;
  char what[160];
  as_fn_any *fn, *ref;
  void (*call)(as_fn_any *fn, void *args);
  void *args;
  buffer *out;
  size_t rows, cols, ld;
} probe;

static float *snapshot, *expected; /* MOST_FLOATS each */

/* Calls ref, then fn on the same start; compares. False once a kernel has failed: one line suffices. */
static int check(as_test *t, const probe *p) {
  if (!snapshot) snapshot = as_alloc(MOST_FLOATS, 4, NULL);
  if (!expected) expected = as_alloc(MOST_FLOATS, 4, NULL);
  const size_t bytes = p->out->n * sizeof(float);
  memcpy(snapshot, p->out->data, bytes);
  if (sigsetjmp(back, 1)) {
    as_test_fail(t, __FILE__, __LINE__, "%s %s: signal %d: %s", p->op, p->variant, (int)caught, p->what);
    return 0;
  }
  p->call(p->ref, p->args);
  size_t lost = lost_canaries(p->out, p->rows, p->cols, p->ld);
  memcpy(expected, p->out->data, bytes);
  memcpy(p->out->data, snapshot, bytes);
  p->call(p->fn, p->args);
  lost += lost_canaries(p->out, p->rows, p->cols, p->ld);
  if (lost) {
    as_test_fail(t, __FILE__, __LINE__, "%s %s: %zu floats written outside: %s", p->op, p->variant, lost,
                 p->what);
    return 0;
  }
  for (size_t r = 0; r < p->rows; r++)
    for (size_t c = 0; c < p->cols; c++) {
      const float got = p->out->data[r * p->ld + c], want = expected[r * p->ld + c];
      if (same(got, want)) continue;
      as_test_fail(t, __FILE__, __LINE__, "%s %s: row %zu column %zu is %a, not %a: %s", p->op, p->variant, r,
                   c, (double)got, (double)want, p->what);
      return 0;
    }
  return 1;
}

/* Calls body for every variant of op that this CPU runs, ref included (its canaries count). */
static void each_variant(as_test *t, const char *op, int (*body)(as_test *, probe *)) {
  const as_kernel_info *e;
  const size_t n = as_tensor_kernels(&e);
  const unsigned have = as_cpu_detected();
  as_fn_any *ref = NULL;
  size_t seen = 0;
  catch_signals();
  for (size_t i = 0; i < n; i++) {
    if (strcmp(e[i].op, op) != 0) continue;
    seen++;
    if (strcmp(e[i].variant, "ref") == 0) ref = e[i].fn;
    if (e[i].needs & ~have) continue;
    probe p = {op, e[i].variant, "", e[i].fn, ref, NULL, NULL, NULL, 0, 0, 0};
    counter = 0;
    body(t, &p);
  }
  CHECK(t, seen > 0);
}

/* ---- gemm ---- */

static inline void call_gemm(as_fn_any *fn, void *args) {
  ((as_fn_gemm *)fn)(args);
}

/* flags: 1 acc_in, 2 bias, 4 acc_out, 8 gamma, 16 residual, 32 relu, 64 residual is c, 128 acc in place */
static inline int gemm_case(as_test *t, probe *p, size_t m, size_t n, size_t k, size_t nseg, unsigned flags,
                            int end, values mode) {
  const size_t lda = k + (counter % 3), ldc = n + counter % 5, ldr = n + counter % 2;
  const float *a[3];
  size_t off[3];
  buffer *ab[3];
  as_gemm_args g = {0};
  const size_t panels = strcmp(p->op, "pair") == 0 ? 2 : 1;
  buffer *b = place(0, panels * (nseg && k ? nseg * k : 1) * AS_NR, end, 1);
  void (*const fill_in)(buffer *, size_t, size_t, size_t, values) =
      strcmp(p->op, "gemm16") == 0 ? fill16 : fill;
  fill_in(b, 1, panels * nseg * k * AS_NR, 1, mode == TINY ? TINY : NORMAL);
  for (size_t s = 0; s < nseg; s++) {
    ab[s] = place(1 + s, k ? span(m, k, lda) : 1, end, 0);
    if (k) fill_in(ab[s], m, k, lda, mode);
    a[s] = ab[s]->data;
    off[s] = (nseg - 1 - s) * k * AS_NR; /* not in order of memory */
  }
  g.m = m, g.n = n, g.k = k, g.nseg = nseg, g.a = a, g.b_off = off, g.b = b->data, g.lda = lda;
  g.ahead = counter % 2 ? b->data : NULL; /* a hint */
  if (flags & 1) {
    buffer *q = place(4, m * AS_NR, end, 0);
    fill(q, 1, m * AS_NR, 1, mode);
    g.acc_in = q->data;
  }
  if (flags & 2) {
    buffer *q = place(5, panels * AS_NR, end, 0);
    fill(q, 1, panels * AS_NR, 1, mode);
    g.bias = q->data;
  }
  if (flags & 8) {
    buffer *q = place(6, AS_NR, end, 0);
    fill(q, 1, AS_NR, 1, mode);
    g.gamma = q->data;
  }
  if (flags & 16) {
    buffer *q = place(7, span(m, n, ldr), end, 0);
    fill(q, m, n, ldr, mode);
    g.residual = q->data;
    g.ldr = ldr;
  }
  g.relu = (flags & 32) != 0;
  p->call = call_gemm;
  p->args = &g;
  p->rows = m;
  if (flags & 4) {
    p->out = place(8, m * AS_NR, end, 0);
    p->cols = p->ld = AS_NR;
    g.acc_out = p->out->data;
    if (flags & 128) {
      fill(p->out, 1, m * AS_NR, 1, mode);
      g.acc_in = g.acc_out;
    }
  } else {
    p->out = place(8, span(m, n, ldc), end, 0);
    p->cols = n;
    p->ld = ldc;
    g.c = p->out->data;
    g.ldc = ldc;
    if (flags & 64) {
      fill(p->out, m, n, ldc, mode);
      g.residual = g.c;
      g.ldr = ldc;
    }
  }
  snprintf(p->what, sizeof p->what, "m %zu n %zu k %zu x %zu flags %u %s values %d", m, n, k, nseg, flags,
           end ? "end" : "start", (int)mode);
  return check(t, p);
}

static inline int gemm_all(as_test *t, probe *p) {
  static const size_t ks[] = {1, 2, 3, 4, 5, 8, 19};
  static const unsigned flags[] = {0,       2,           2 | 32,     1,           4,          1 | 4,
                                   4 | 128, 2 | 16 | 32, 2 | 8 | 16, 2 | 64 | 32, 2 | 8 | 64, 1 | 32};
  size_t f = 0;
  for (size_t m = 1; m <= AS_MR; m++)
    for (size_t n = 1; n <= AS_NR; n++)
      for (int end = 0; end < 2; end++)
        for (int mode = 0; mode < MODES; mode++, f++) {
          if (!gemm_case(t, p, m, n, ks[f % 7], 1 + f % 5 / 4, flags[f % 12], end, (values)mode)) return 0;
          if (!gemm_case(t, p, m, n, ks[f / 7 % 7], f % 4 == 3 ? 0 : 1 + f % 3, flags[f / 12 % 12], end,
                         (values)mode))
            return 0;
        }
  return gemm_case(t, p, 14, 32, 300, 3, 2 | 32, 1, NORMAL) &&
         gemm_case(t, p, 12, 32, 300, 3, 4, 1, NORMAL) && gemm_case(t, p, 13, 31, 301, 2, 2, 1, SPECIAL);
}

/* Two panels: every count of rows, odd and even chains, every epilogue that it has. */
static inline int pair_all(as_test *t, probe *p) {
  static const size_t chains[] = {0, 1, 2, 3, 8, 64, 67};
  for (size_t m = 1; m <= AS_MR; m++)
    for (size_t k = 0; k < sizeof chains / sizeof *chains; k++)
      for (unsigned flags = 0; flags < 128; flags++) {
        if (flags & ~(2u | 16 | 32 | 64)) continue;
        if (!gemm_case(t, p, m, 2 * AS_NR, chains[k], 1, flags, (int)(counter & 1),
                       counter % 3 ? NORMAL : SPECIAL))
          return 0;
        if (!gemm_case(t, p, m, 2 * AS_NR, chains[k], 1, flags, (int)(counter & 1), TINY)) return 0;
      }
  return 1;
}

#endif
