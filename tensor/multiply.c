#include "tensor/multiply_int.h"

#include "tensor/base/par.h"
#include "tensor/blocking.h"

/* Weights up to as_blocks.weights stay in a core's L2 while pixel tiles stream past them; larger ones are read once per block of
 * pixel tiles, panel by panel. A block of 28 tiles, whatever the caches: of a weight that came from far away 784 flops are
 * made then, and more would leave threads without work. */
enum { BLOCK_TILES = 28, WANTED_CHUNKS = 32 };
/* Chains up to which two panels at once are quicker, weights being in L2. */
enum { PAIR_K = 128 };

void as_tile_rows(const void *ctx, size_t index, as_tile *t) {
  const as_row_source *r = ctx;
  t->first = r->m * index / r->tiles;
  t->m = r->m * (index + 1) / r->tiles - t->first;
  t->nseg = 1;
  t->a[0] = r->a + t->first * r->lda;
  t->b_off[0] = 0;
  t->parts = 0;
}

static void activate_rows(as_act act, size_t m, size_t n, float *c, size_t ldc) {
  as_fn_gelu *fn = act == AS_ACT_GELU ? as_k.gelu : as_k.silu;
  for (size_t i = 0; i < m; i++) fn(n, c + i * ldc, c + i * ldc);
}

/* What all panels of a tile share. */
static void begin(const as_multiply *mm, const as_tile *t, as_gemm_args *g) {
  *g = (as_gemm_args){0};
  g->m = t->m;
  g->k = mm->k;
  g->lda = mm->lda;
  g->nseg = t->nseg;
  g->a = t->a;
  g->b_off = t->b_off;
  g->ldr = mm->ld_res;
  g->relu = mm->act == AS_ACT_RELU;
  g->ldc = mm->ld_out;
}

/* Pieces of the chain with their own rows go through accumulators in memory; then the epilogue alone. */
static void pieces(const as_tile *t, const as_gemm_args *g) {
  _Alignas(64) float acc[AS_MR * AS_NR];
  as_gemm_args part = *g;
  for (size_t i = 0; i < t->m; i++)
    for (size_t j = 0; j < AS_NR; j++) acc[i * AS_NR + j] = g->bias ? g->bias[j] : 0.0f;
  part.nseg = 1;
  for (size_t p = 0; p < t->parts; p++) {
    part.m = t->part[p].rows;
    part.a = &t->part[p].a;
    const size_t off = t->part[p].b_off;
    part.b_off = &off;
    part.acc_in = part.acc_out = acc + (size_t)t->part[p].row * AS_NR;
    as_k.gemm(&part);
  }
  part = *g;
  part.nseg = 0;
  part.acc_in = acc;
  as_k.gemm(&part);
}

/* One tile by one panel, or by two with as_k.pair; begin was called. */
static void one(const as_multiply *mm, const as_tile *t, size_t panel, size_t panels, bool act_now,
                as_gemm_args *g) {
  float gamma[AS_NR];
  const size_t col = panel * AS_NR;
  g->n = mm->n - col < panels * AS_NR ? mm->n - col : panels * AS_NR;
  g->b = mm->packed + panel * mm->panel_floats;
  g->bias = mm->bias ? mm->bias + col : NULL;
  g->c = mm->out + t->first * mm->ld_out + col;
  if (mm->residual) g->residual = mm->residual + t->first * mm->ld_res + col;
  if (mm->gamma) {
    for (size_t j = 0; j < AS_NR; j++) gamma[j] = j < g->n ? mm->gamma[col + j] : 0.0f;
    g->gamma = gamma;
  }
  if (t->parts) {
    pieces(t, g);
  } else if (mm->bf16) {
    as_k.gemm16(g);
  } else if (panels == 2) {
    as_k.pair(g);
  } else {
    as_k.gemm(g);
  }
  if (act_now) activate_rows(mm->act, g->m, g->n, g->c, g->ldc);
}

void as_multiply_block(const as_multiply *mm, size_t t0, size_t t1, size_t p0, size_t p1, bool panel_outer) {
  as_tile tile;
  as_gemm_args g;
  const bool act = mm->act == AS_ACT_GELU || mm->act == AS_ACT_SILU;
  /* The rows of the next tile follow those of this one where tiles are runs of pixels. */
  const bool rows = mm->tile == as_tile_rows;
  if (panel_outer) {
    /* The last tiles of a panel call the next one nearer, each a half: two where the rows stay in L2 anyway, else one. */
    const size_t panels = as_panels(mm->n);
    const size_t calls = (t1 - t0) * AS_MR * mm->k * sizeof(float) <= as_blocks.weights ? 2 : 1;
    for (size_t p = p0; p < p1; p++)
      for (size_t t = t0; t < t1; t++) {
        mm->tile(mm->ctx, t, &tile);
        begin(mm, &tile, &g);
        if (rows && t + calls < t1) {
          g.ahead = tile.a[0] + tile.m * mm->lda;
        } else if (rows && p + 1 < panels) {
          g.ahead = mm->packed + (p + 1) * mm->panel_floats + (calls + t - t1) * mm->panel_floats / 2;
        }
        one(mm, &tile, p, 1, act, &g);
      }
    return;
  }
  for (size_t t = t0; t < t1; t++) {
    mm->tile(mm->ctx, t, &tile);
    begin(mm, &tile, &g);
    if (rows && t + 1 < mm->tiles) g.ahead = tile.a[0] + tile.m * mm->lda;
    const bool pairs =
        as_k.pairs && mm->k <= PAIR_K && tile.nseg == 1 && !tile.parts && !mm->gamma && !mm->bf16;
    for (size_t p = p0, wide; p < p1; p += wide) {
      wide = pairs && p + 2 <= p1 && (p + 2) * AS_NR <= mm->n ? 2 : 1;
      one(mm, &tile, p, wide, false, &g);
      g.ahead = NULL; /* asked for once */
    }
    if (act) {
      const size_t col = p0 * AS_NR, end = p1 * AS_NR < mm->n ? p1 * AS_NR : mm->n;
      activate_rows(mm->act, tile.m, end - col, mm->out + tile.first * mm->ld_out + col, mm->ld_out);
    }
  }
}

typedef struct grid {
  const as_multiply *mm;
  size_t tile_chunks, panel_chunks, panels;
  bool panel_outer;
} grid;

static void multiply_chunk(void *ctx, size_t chunk, int worker) {
  (void)worker;
  const grid *g = ctx;
  const size_t tc = chunk / g->panel_chunks, pc = chunk % g->panel_chunks;
  as_multiply_block(g->mm, g->mm->tiles * tc / g->tile_chunks, g->mm->tiles * (tc + 1) / g->tile_chunks,
                    g->panels * pc / g->panel_chunks, g->panels * (pc + 1) / g->panel_chunks, g->panel_outer);
}

void as_multiply_run(const as_multiply *mm, int threads) {
  if (mm->tiles == 0 || mm->n == 0) return;
  grid g = {mm, 1, 1, as_panels(mm->n), false};
  g.panel_outer = g.panels * mm->panel_floats * sizeof(float) > as_blocks.weights;
  if (g.panel_outer) {
    g.tile_chunks = (mm->tiles + BLOCK_TILES - 1) / BLOCK_TILES;
  } else {
    g.tile_chunks = mm->tiles < 2 * WANTED_CHUNKS ? mm->tiles : 2 * WANTED_CHUNKS;
  }
  if (g.tile_chunks < WANTED_CHUNKS) {
    g.panel_chunks = (WANTED_CHUNKS + g.tile_chunks - 1) / g.tile_chunks;
    if (g.panel_chunks > g.panels) g.panel_chunks = g.panels;
  }
  as_par_for_by(threads, g.tile_chunks * g.panel_chunks, multiply_chunk, &g);
}

typedef struct pair {
  const as_multiply *first, *second;
  size_t chunks;
} pair;

static void multiply_pair_chunk(void *ctx, size_t chunk, int worker) {
  (void)worker;
  const pair *p = ctx;
  const size_t tiles = p->first->tiles;
  for (size_t t = tiles * chunk / p->chunks; t < tiles * (chunk + 1) / p->chunks; t++) {
    as_multiply_block(p->first, t, t + 1, 0, as_panels(p->first->n), false);
    as_multiply_block(p->second, t, t + 1, 0, as_panels(p->second->n), false);
  }
}

void as_multiply_run_pair(const as_multiply *first, const as_multiply *second, int threads) {
  pair p = {first, second, first->tiles < 2 * WANTED_CHUNKS ? first->tiles : 2 * WANTED_CHUNKS};
  as_par_for_by(threads, p.chunks, multiply_pair_chunk, &p);
}
