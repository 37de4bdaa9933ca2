#include "tensor/bf16_int.h"

#include <string.h>

#include "tensor/base/par.h"
#include "tensor/blocking.h"
#include "tensor/kern/ref/bf16_ref.h"

/* Rows of A in bf16, scratch of the thread that fills it: at most 448 KB, less where L2 is small. One row of 114 k pairs fits; 14
 * rows of a chain of 16 k elements. The limit is the profile's, the same on every CPU. */
enum { BLOCK_FLOATS = 112 * 1024, WANTED_CHUNKS = 32, LEAST_PANELS = 4 };

as_status as_bf16_check(size_t k, as_err *err) {
  if (as_bf16_pairs(k) + 32 <= BLOCK_FLOATS) return AS_OK;
  return as_fail(err, AS_E_USAGE, "profile bf16-1: found a sum of %zu products, wanted at most %d", k,
                 2 * (BLOCK_FLOATS - 32));
}

size_t as_bf16_scratch(int threads) {
  return (size_t)threads * BLOCK_FLOATS * sizeof(float);
}

bool as_bf16_pack(size_t n, size_t k, as_bf16_weight *at, const void *ctx, float *to) {
  unsigned char *out = (unsigned char *)to;
  bool finite = true;
  for (size_t i = 0; i < 2 * as_bf16_pairs(k); i++)
    for (size_t j = 0; j < AS_NR; j++) {
      const uint16_t w = i < k && j < n ? as_bf16_of(at(ctx, i, j)) : 0;
      finite = finite && (w & 0x7f80) != 0x7f80;
      memcpy(out + ((i / 2 * AS_NR + j) * 2 + i % 2) * sizeof w, &w, sizeof w);
    }
  return finite;
}

void as_bf16_fill_plain(const void *ctx, size_t first, size_t m, uint16_t *to, size_t ld16) {
  const as_bf16_plain *p = ctx;
  as_k.tobf16(m, p->k, p->a + first * p->lda, p->lda, to, ld16);
  if (p->k % 2)
    for (size_t i = 0; i < m; i++) memset(to + i * ld16 + p->k, 0, 2);
}

/* Rows first..first + m - 1 of A, filled, by panels p0..p1-1. */
static void block(const as_multiply *mm, const as_bf16_rows *a, size_t first, size_t m, size_t p0, size_t p1,
                  bool panel_outer, float *memory, size_t ld) {
  a->fill(a->ctx, first, m, (uint16_t *)(void *)memory, 2 * ld);
  const as_row_source rows = {memory, ld, m, as_row_tiles(m)};
  as_multiply part = *mm;
  part.bf16 = true;
  part.tiles = rows.tiles;
  part.tile = as_tile_rows;
  part.ctx = &rows;
  part.k = as_bf16_pairs(mm->k);
  part.lda = ld;
  part.out = mm->out + first * mm->ld_out;
  if (mm->residual) part.residual = mm->residual + first * mm->ld_res;
  as_multiply_block(&part, 0, part.tiles, p0, p1, panel_outer);
}

/* Floats from one row of the block to the next. */
static size_t row_stride(const as_multiply *mm) {
  const size_t pairs = as_bf16_pairs(mm->k);
  return as_tensor_ld((int)pairs) <= BLOCK_FLOATS ? as_tensor_ld((int)pairs) : pairs;
}

static size_t rows_that_fit(const as_multiply *mm) {
  const size_t stride = row_stride(mm), most = BLOCK_FLOATS / stride;
  const size_t fit = as_blocks.bf16_rows / sizeof(float) / stride, rows = fit < 1      ? 1
                                                                          : fit < most ? fit
                                                                                       : most;
  return rows > AS_MR ? rows / AS_MR * AS_MR : rows;
}

typedef struct grid {
  const as_multiply *mm;
  const as_bf16_rows *a;
  float *scratch; /* [threads][BLOCK_FLOATS] */
  size_t blocks, block_chunks, panel_chunks, panels;
  bool panel_outer;
} grid;

static void bf16_chunk(void *ctx, size_t chunk, int worker) {
  const grid *g = ctx;
  const size_t bc = chunk / g->panel_chunks, pc = chunk % g->panel_chunks, m = g->a->m;
  float *memory = g->scratch + (size_t)worker * BLOCK_FLOATS;
  for (size_t b = g->blocks * bc / g->block_chunks; b < g->blocks * (bc + 1) / g->block_chunks; b++) {
    const size_t first = m * b / g->blocks, last = m * (b + 1) / g->blocks;
    block(g->mm, g->a, first, last - first, g->panels * pc / g->panel_chunks,
          g->panels * (pc + 1) / g->panel_chunks, g->panel_outer, memory, row_stride(g->mm));
  }
}

/* Small weights stay in L2 while tiles of rows are filled and multiplied one by one; larger ones are read
 * once per block of as many rows as fit. Filling costs 1/8 of the product with one panel, and each part of the
 * panels fills the same rows anew: a chunk takes several panels, and there are no more parts than threads can use. */
void as_bf16_run(const as_multiply *mm, const as_bf16_rows *a, const as_team *team) {
  if (a->m == 0 || mm->n == 0) return;
  grid g = {mm, a, team->scratch, 1, 1, 1, as_panels(mm->n), false};
  g.panel_outer = g.panels * mm->panel_floats * sizeof(float) > as_blocks.bf16_weights;
  size_t rows = rows_that_fit(mm);
  if (!g.panel_outer && rows > AS_MR) rows = AS_MR;
  g.blocks = (a->m + rows - 1) / rows;
  g.block_chunks = g.blocks < 2 * WANTED_CHUNKS ? g.blocks : 2 * WANTED_CHUNKS;
  const size_t threads = (size_t)(team->threads > 0 ? team->threads : as_par_threads());
  const size_t wanted = threads == 1 ? 1 : 8 * threads < WANTED_CHUNKS ? 8 * threads : WANTED_CHUNKS;
  if (g.block_chunks < wanted) {
    const size_t most = (g.panels + LEAST_PANELS - 1) / LEAST_PANELS;
    g.panel_chunks = (wanted + g.block_chunks - 1) / g.block_chunks;
    if (g.panel_chunks > most) g.panel_chunks = most;
  }
  as_par_for_by(team->threads, g.block_chunks * g.panel_chunks, bf16_chunk, &g);
}

typedef struct pair {
  const as_multiply *first, *second;
  const as_bf16_rows *a, *between;
  float *scratch; /* [threads][BLOCK_FLOATS] */
  size_t blocks, chunks;
} pair;

static void bf16_pair_chunk(void *ctx, size_t chunk, int worker) {
  const pair *p = ctx;
  float *memory = p->scratch + (size_t)worker * BLOCK_FLOATS;
  for (size_t b = p->blocks * chunk / p->chunks; b < p->blocks * (chunk + 1) / p->chunks; b++) {
    const size_t first = p->a->m * b / p->blocks, m = p->a->m * (b + 1) / p->blocks - first;
    block(p->first, p->a, first, m, 0, as_panels(p->first->n), false, memory, row_stride(p->first));
    block(p->second, p->between, first, m, 0, as_panels(p->second->n), false, memory, row_stride(p->second));
  }
}

void as_bf16_run_pair(const as_multiply *first, const as_bf16_rows *a, const as_multiply *second,
                      const as_bf16_rows *between, const as_team *team) {
  pair p = {first, second, a, between, team->scratch, as_row_tiles(a->m), 0};
  p.chunks = p.blocks < 2 * WANTED_CHUNKS ? p.blocks : 2 * WANTED_CHUNKS;
  as_par_for_by(team->threads, p.chunks, bf16_pair_chunk, &p);
}
