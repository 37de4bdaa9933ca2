#include "tensor/linear.h"

#include <math.h>
#include <string.h>

#include "tensor/base/checked.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/bf16_int.h"
#include "tensor/blocking.h"
#include "tensor/multiply_int.h"
#include "tensor/runtime.h"

struct as_linear {
  size_t n_out, n_in;
  bool bf16;     /* packed: pairs of bf16 [panels][(n_in + 1) / 2][32][2] */
  float *packed; /* [panels][n_in][32] */
  float *bias;   /* [panels * 32] */
};

/* Floats of a packed column. */
static size_t chain(const as_linear *l) {
  return l->bf16 ? as_bf16_pairs(l->n_in) : l->n_in;
}

typedef struct pack_job {
  size_t n, k, ldb;
  const float *b;
  float *packed;
  bool *finite; /* [panels], of a layer's weights */
} pack_job;

static void pack_panel(void *ctx, size_t p, int worker) {
  (void)worker;
  const pack_job *j = ctx;
  const size_t n = j->n - p * AS_NR < AS_NR ? j->n - p * AS_NR : AS_NR;
  as_k.packt(n, j->k, j->b + p * AS_NR * j->ldb, j->ldb, j->packed + p * j->k * AS_NR);
}

/* A layer's weights, which must be finite: seen while the panel is in cache. */
static void pack_panel_layer(void *ctx, size_t p, int worker) {
  const pack_job *j = ctx;
  float bad[AS_NR] = {0};
  pack_panel(ctx, p, worker);
  as_gather_bad(j->packed + p * j->k * AS_NR, j->k, bad);
  j->finite[p] = as_none_bad(bad);
}

/* The same of B that is stored k rows of n: a row of a panel is there in one piece. */
static void pack_panel_rows(void *ctx, size_t p, int worker) {
  (void)worker;
  const pack_job *j = ctx;
  const size_t n = j->n - p * AS_NR;
  const float *from = j->b + p * AS_NR;
  float *to = j->packed + p * j->k * AS_NR;
  for (size_t k = 0; k < j->k; k++, from += j->ldb, to += AS_NR) {
    if (n >= AS_NR) {
      memcpy(to, from, AS_NR * sizeof *to);
    } else {
      memcpy(to, from, n * sizeof *to);
      memset(to + n, 0, (AS_NR - n) * sizeof *to);
    }
  }
}

static float weight_at(const void *ctx, size_t k, size_t j) {
  const pack_job *panel = ctx;
  return panel->b[j * panel->ldb + k];
}

static void pack_panel_bf16(void *ctx, size_t p, int worker) {
  (void)worker;
  const pack_job *j = ctx;
  const size_t n = j->n - p * AS_NR < AS_NR ? j->n - p * AS_NR : AS_NR;
  const pack_job panel = {n, j->k, j->ldb, j->b + p * AS_NR * j->ldb, NULL, NULL};
  j->finite[p] = as_bf16_pack(n, j->k, weight_at, &panel, j->packed + p * as_bf16_pairs(j->k) * AS_NR);
}

static as_status create(as_linear **out, int n_out, int n_in, const float *weight, const float *bias,
                        bool layer, as_err *err) {
  const bool bf16 = layer && as_profile_bf16();
  *out = NULL;
  if (n_out < 1 || n_in < 1)
    return as_fail(err, AS_E_USAGE, "linear: found %d outputs of %d inputs, wanted at least 1 of each", n_out,
                   n_in);
  as_status st = bf16 ? as_bf16_check((size_t)n_in, err) : AS_OK;
  if (st != AS_OK) return st;
  as_linear *l = as_calloc(1, sizeof *l, err);
  if (!l) return AS_E_ENV;
  l->n_out = (size_t)n_out;
  l->n_in = (size_t)n_in;
  l->bf16 = bf16;
  const size_t panels = as_panels(l->n_out);
  size_t floats;
  if (!as_mul_size(panels * AS_NR, chain(l), &floats)) {
    as_linear_destroy(&l);
    return as_fail(err, AS_E_ENV, "linear: %d x %d weights do not fit into memory", n_out, n_in);
  }
  l->packed = as_alloc(floats, sizeof(float), err);
  l->bias = as_calloc(panels * AS_NR, sizeof(float), err);
  bool *finite = layer ? as_calloc(panels, sizeof *finite, err) : NULL;
  if (!l->packed || !l->bias || (layer && !finite)) {
    as_free(finite);
    as_linear_destroy(&l);
    return AS_E_ENV;
  }
  pack_job job = {l->n_out, l->n_in, l->n_in, weight, l->packed, finite};
  as_par_for(panels, bf16 ? pack_panel_bf16 : layer ? pack_panel_layer : pack_panel, &job);
  for (size_t p = 0; layer && p < panels && st == AS_OK; p++)
    if (!finite[p])
      st = as_fail(err, AS_E_INPUT, "linear: found a weight that is not finite in %s",
                   bf16 ? "bf16" : "float32");
  as_free(finite);
  if (st != AS_OK) {
    as_linear_destroy(&l);
    return st;
  }
  if (bias) memcpy(l->bias, bias, l->n_out * sizeof(float));
  *out = l;
  return AS_OK;
}

as_status as_linear_create(as_linear **out, int n_out, int n_in, const float *weight, const float *bias,
                           as_err *err) {
  return create(out, n_out, n_in, weight, bias, false, err);
}

as_status as_linear_create_layer(as_linear **out, int n_out, int n_in, const float *weight, const float *bias,
                                 as_err *err) {
  return create(out, n_out, n_in, weight, bias, true, err);
}

void as_linear_refill(as_linear *l, const float *weight) {
  pack_job job = {l->n_out, l->n_in, l->n_in, weight, l->packed, NULL};
  as_par_for(as_panels(l->n_out), pack_panel, &job);
}

float *as_linear_panels(as_linear *l) {
  return l->packed;
}

void as_linear_destroy(as_linear **linear) {
  if (!linear || !*linear) return;
  as_free((*linear)->packed);
  as_free((*linear)->bias);
  as_free(*linear);
  *linear = NULL;
}

size_t as_linear_packed_bytes(const as_linear *l) {
  return as_panels(l->n_out) * AS_NR * (chain(l) + 1) * sizeof(float);
}

size_t as_linear_scratch(const as_linear *l, int threads) {
  return l->bf16 ? as_bf16_scratch(threads) : 0;
}

void as_linear_run(const as_linear *l, const as_linear_args *args) {
  const as_row_source rows = {args->in, args->ld_in, args->rows, as_row_tiles(args->rows)};
  as_multiply mm = {0};
  mm.tiles = rows.tiles;
  mm.tile = as_tile_rows;
  mm.ctx = &rows;
  mm.k = l->n_in;
  mm.lda = args->ld_in;
  mm.n = (args->end ? args->end : l->n_out) - args->first;
  mm.panel_floats = chain(l) * AS_NR;
  mm.packed = l->packed + args->first * chain(l);
  mm.bias = l->bias + args->first;
  mm.gamma = args->gamma ? args->gamma + args->first : NULL;
  mm.residual = args->residual ? args->residual + args->first : NULL;
  mm.ld_res = args->ld_res;
  mm.act = args->act;
  mm.out = args->out + args->first;
  mm.ld_out = args->ld_out;
  if (l->bf16) {
    const as_bf16_plain plain = {args->in, args->ld_in, l->n_in};
    as_bf16_run(&mm, &(as_bf16_rows){as_bf16_fill_plain, &plain, args->rows}, args->team);
    return;
  }
  as_multiply_run(&mm, args->team ? args->team->threads : 0);
}

/* A plain product packs as many panels of B at a time as fit into as_blocks.packed, a share of the last-level cache. Rows of
 * A that are a multiple of 2 KB apart would meet in a few sets of the first cache (half the speed): they
 * are copied, in blocks that stay in cache, where enough panels follow to pay for it. */
enum { COPY_ROWS = 28 * AS_MR, COPY_K = 256, COPY_PANELS = 4 };

static size_t panels_at_once(size_t n, size_t k) {
  const size_t panel = (k ? k : 1) * AS_NR * sizeof(float), all = as_panels(n);
  const size_t fit = as_blocks.packed / panel;
  return fit < 1 ? 1 : fit < all ? fit : all;
}

static size_t copy_ld(size_t k) {
  return (k + 15) / 16 * 16 + 16;
}

size_t as_gemm_scratch(size_t n, size_t k) {
  const size_t copy = k >= COPY_K && as_panels(n) >= COPY_PANELS ? COPY_ROWS * copy_ld(k) : 0;
  return (panels_at_once(n, k) * (k ? k : 1) * AS_NR + copy) * sizeof(float);
}

typedef struct copy_job {
  const float *a;
  size_t lda, rows, k;
  float *to;
} copy_job;

static void copy_rows(void *ctx, size_t chunk, int worker) {
  (void)worker;
  const copy_job *j = ctx;
  const size_t first = chunk * AS_MR, end = j->rows - first > AS_MR ? first + AS_MR : j->rows;
  for (size_t i = first; i < end; i++)
    memcpy(j->to + i * copy_ld(j->k), j->a + i * j->lda, j->k * sizeof(float));
}

/* pack_b packs columns of B, step_b from one to the next. */
static void multiply_plain(const as_product *p, as_par_fn pack_b, size_t step_b, void *pack) {
  const size_t m = p->m, n = p->n, k = p->k;
  const size_t step = panels_at_once(n, k) * AS_NR;
  const bool copy = k >= COPY_K && as_panels(n) >= COPY_PANELS && p->lda * sizeof(float) % 2048 == 0;
  float *copied = (float *)pack + panels_at_once(n, k) * (k ? k : 1) * AS_NR;
  for (size_t j = 0; j < n; j += step) {
    const size_t cols = n - j < step ? n - j : step;
    pack_job job = {cols, k, p->ldb, p->b + j * step_b, pack, NULL};
    as_par_for(as_panels(cols), pack_b, &job);
    for (size_t first = 0; first < m; first += copy ? COPY_ROWS : m) {
      as_row_source rows = {p->a, p->lda, m, as_row_tiles(m)};
      if (copy) {
        copy_job cj = {p->a + first * p->lda, p->lda, m - first < COPY_ROWS ? m - first : COPY_ROWS, k,
                       copied};
        as_par_for((cj.rows + AS_MR - 1) / AS_MR, copy_rows, &cj);
        rows = (as_row_source){copied, copy_ld(k), cj.rows, as_row_tiles(cj.rows)};
      }
      as_multiply mm = {0};
      mm.tiles = rows.tiles;
      mm.tile = as_tile_rows;
      mm.ctx = &rows;
      mm.k = k;
      mm.lda = rows.lda;
      mm.n = cols;
      mm.packed = pack;
      mm.panel_floats = k * AS_NR;
      mm.out = p->c + first * p->ldc + j;
      mm.ld_out = p->ldc;
      as_multiply_run(&mm, 0);
    }
  }
}

void as_gemm_nt(const as_product *p, void *pack) {
  multiply_plain(p, pack_panel, p->ldb, pack);
}

void as_gemm_nn(const as_product *p, void *pack) {
  multiply_plain(p, pack_panel_rows, 1, pack);
}
