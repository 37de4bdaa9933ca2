/* F(4x4, 3x3): 36 products of a tile's transformed input with transformed weights give 16 outputs, which is a
 * quarter of the 16 x 9 multiplications.
 *
 * In one dimension. A product of polynomials of degree 3 and 2 has degree 5. It is fixed by its values at five points
 * p and by its leading coefficient (the "point" infinity), and a value is the product of the factors' values: six
 * multiplications instead of twelve (Toom, Cook). With M(x) = prod (x - p) over the five points, interpolation writes
 * the product as
 *   sum over p of  a(p) g(p) / N_p * M(x) / (x - p)  +  a3 g2 * M(x),       N_p = prod over q != p of (p - q).
 * That is a linear map c = C [(A a) . (G g)] with A the powers of the points, G g the values g(p) / N_p and C the
 * coefficients of M(x) / (x - p). A filter is the transpose of a product (Winograd): four outputs y_i = sum_k d_(i+k) g_k
 * of six inputs d are
 *   y = A^T [(G g) . (C^T d)].
 *
 * Points 0, +-3/4, +-3/2 and infinity. With a = 3/4, b = 3/2: a^2 + b^2 = 45/16, a^2 b^2 = 81/64, and C^T d, A^T m are
 *   v0   = d4 - 45/16 d2 + 81/64 d0                              M(x) / x = (x^2 - a^2)(x^2 - b^2)
 *   v1,2 = (d4 - 9/4 d2) +- 3/4 (d3 - 9/4 d1)                    x (x +- a)(x^2 - b^2)
 *   v3,4 = (d4 - 9/16 d2) +- 3/2 (d3 - 9/16 d1)                  x (x +- b)(x^2 - a^2)
 *   v5   = d5 - 45/16 d3 + 81/64 d1                              M(x)
 *   y_i  = m0 0^i + a^i (m1 + (-1)^i m2) + b^i (m3 + (-1)^i m4), and m5 in y3
 * with N_0 = a^2 b^2 = 81/64, N_+-a = 2 a^2 (a^2 - b^2) = -243/128, N_+-b = 2 b^2 (b^2 - a^2) = 243/32.
 * A tile is the same in both dimensions, one after the other: V = C^T d C, U = G g G^T, Y = A^T (sum U . V) A, the sum
 * over input channels, which is where the products are.
 *
 * Why these points. The transforms multiply rounding errors by about the sums of their rows. 0, +-1, +-2, the usual
 * ones, have powers up to 8 in A and 5 in C; points near 1 that keep apart have smaller ones on both sides, and these
 * two are short binary fractions: half the error at the same speed. tensor/NUMERICS.md, rule 8, has what is left of it,
 * and fixes the order of every step (kern/kernels.h, wino_in and wino_out).
 *
 * Blocks of tiles go through all three steps while in L2:
 *
 *   in  --wino_in-->  V [36][tiles][c_in + 16]  --36 GEMMs per panel-->  M [36][tiles][32]  --wino_out-->  out
 */
#include "tensor/base/par.h"
#include "tensor/blocking.h"
#include "tensor/conv_int.h"

/* G g in double, columns first, then rows; in each 1-d transform
 *   u0 = g0 64/81   u1,2 = -((g0 + 9/16 g2) +- 3/4 g1) 128/243   u3,4 = ((g0 + 9/4 g2) +- 3/2 g1) 32/243   u5 = g2
 * The multiplications by powers of two are exact, so each value is rounded at its sums and its division. */
static void weight_1d(const double *restrict g, size_t step, double *restrict u, size_t ustep) {
  for (size_t i = 0; i < AS_NR; i++) {
    const double g0 = g[i], g1 = g[step + i], g2 = g[2 * step + i];
    const double e = g0 + 0.5625 * g2, o = 0.75 * g1, e2 = g0 + 2.25 * g2, o2 = 1.5 * g1;
    u[i] = g0 * 64.0 / 81.0;
    u[ustep + i] = (e + o) * -128.0 / 243.0;
    u[2 * ustep + i] = (e - o) * -128.0 / 243.0;
    u[3 * ustep + i] = (e2 + o2) * 32.0 / 243.0;
    u[4 * ustep + i] = (e2 - o2) * 32.0 / 243.0;
    u[5 * ustep + i] = g2;
  }
}

/* U = G g G^T of 32 3x3 filters side by side, in double: g [9][32], u [36][32]. */
static void weight_2d(const double *g, double *u) {
  double t[18 * AS_NR];
  for (size_t x = 0; x < 3; x++) weight_1d(g + x * AS_NR, 3 * AS_NR, t + x * AS_NR, 3 * AS_NR);
  for (size_t y = 0; y < 6; y++) weight_1d(t + 3 * y * AS_NR, AS_NR, u + 6 * y * AS_NR, AS_NR);
}

/* A thread's scratch for packing: the filters of 16 input channels transposed (18 KB), and of one channel the
 * scaled filters g and their transforms u, in double (12 KB). */
enum { PACK_CHANNELS = 16, PACK_FLOATS = (9 * PACK_CHANNELS + 2 * (9 + 36)) * AS_NR };

static size_t wino4_rows(size_t chain) { /* 36 instead of 9 weights per filter */
  return chain / 9 * 36;
}

static bool pack_wino4(const as_conv *c, const as_conv_weights *w, size_t p, float *work) {
  const size_t ci = (size_t)c->s.c_in;
  double s[AS_NR], *g = (double *)(void *)work, *u = g + 9 * AS_NR;
  float bad[AS_NR] = {0};
  float *rows = work + 2 * (9 + 36) * AS_NR;
  const size_t n = as_conv_panel_scale(c, w, p, s);
  for (size_t ch = 0; ch < ci; ch += PACK_CHANNELS) {
    const size_t count = ci - ch < PACK_CHANNELS ? ci - ch : PACK_CHANNELS;
    as_k.packt(n, 9 * count, w->weight + (p * AS_NR * ci + ch) * 9, 9 * ci, rows);
    for (size_t k = 0; k < count; k++) {
      const float *from = rows + 9 * k * AS_NR;
      for (size_t t = 0; t < 9; t++)
        for (size_t i = 0; i < AS_NR; i++) g[t * AS_NR + i] = (double)from[t * AS_NR + i] * s[i];
      weight_2d(g, u);
      for (size_t q = 0; q < 36; q++) {
        float *to = c->packed + ((p * 36 + q) * ci + ch + k) * AS_NR;
        for (size_t i = 0; i < AS_NR; i++) to[i] = (float)u[q * AS_NR + i];
        as_gather_bad(to, 1, bad);
      }
    }
  }
  return as_none_bad(bad);
}

/* V of a block should stay in L2 beside a panel's 36 matrices: with 128 channels 290 KB (14 tiles) and 590 KB. Where the
 * panel alone does not fit (1 MiB: from 228 channels on), it comes from L3 for each block, and 28 tiles halve that. */
typedef struct geometry {
  size_t tiles_x, tiles_y, per_image;
  size_t tiles;        /* in all images */
  size_t blocks, most; /* of at most `most` tiles */
  size_t ld_v, v_floats, m_floats;
  bool shared; /* few blocks: V of all is made first, then panels are shared out */
} geometry;

enum { FEW_BLOCKS = 4 };

static geometry measure(const as_conv *c, int batch) {
  geometry g;
  g.tiles_x = ((size_t)c->out_w + 3) / 4;
  g.tiles_y = ((size_t)c->out_h + 3) / 4;
  g.per_image = g.tiles_x * g.tiles_y;
  g.tiles = g.per_image * (size_t)batch;
  const size_t want = 36 * (size_t)c->s.c_in * AS_NR * sizeof(float) > as_blocks.wino_panel ? 28 : 14;
  g.blocks = (g.tiles + want - 1) / want;
  g.most = (g.tiles + g.blocks - 1) / (g.blocks ? g.blocks : 1);
  g.ld_v = as_tensor_ld(c->s.c_in);
  g.shared = g.blocks <= FEW_BLOCKS;
  g.v_floats = 36 * (g.shared ? g.tiles : g.most) * g.ld_v;
  g.m_floats = 36 * g.most * AS_NR;
  return g;
}

static size_t wino4_scratch(const as_conv *c, int batch, int n_threads) {
  const size_t threads = (size_t)n_threads;
  size_t most = 0;
  /* Runs over fewer images than planned cut their blocks differently. */
  for (int b = 1; b <= batch; b++) {
    const geometry g = measure(c, b);
    const size_t floats = g.shared ? g.v_floats + threads * g.m_floats : threads * (g.v_floats + g.m_floats);
    if (floats > most) most = floats;
  }
  return most * sizeof(float);
}

typedef struct job {
  const as_conv *c;
  const as_tensor *in, *res, *out;
  as_act act;
  geometry g;
  float *scratch;
  size_t panel_chunks;
} job;

/* V of tiles t0..t1-1 of the whole batch; tile t0 comes first, position p at v + p * pos. */
static void transform(const job *j, size_t t0, size_t t1, float *v, size_t pos) {
  const as_conv_shape *s = &j->c->s;
  as_wino_in_args w = {0};
  w.ld = j->in->ld;
  w.row = (size_t)s->w * w.ld;
  w.c = (size_t)s->c_in;
  w.pos = pos;
  for (size_t t = t0; t < t1; t++) {
    const size_t image = t / j->g.per_image, at = t % j->g.per_image;
    const int y = (int)(at / j->g.tiles_x) * 4 - s->pad_top, x = (int)(at % j->g.tiles_x) * 4 - s->pad_left;
    w.y0 = y < 0 ? -y : 0;
    w.x0 = x < 0 ? -x : 0;
    w.y1 = y + 6 > s->h ? s->h - y : 6;
    w.x1 = x + 6 > s->w ? s->w - x : 6;
    w.in = j->in->data + (image * (size_t)s->h + (size_t)(y + w.y0)) * w.row + (size_t)(x + w.x0) * w.ld;
    w.v = v + (t - t0) * j->g.ld_v;
    as_k.wino_in(&w);
  }
}

/* Products and inverse of tiles t0..t1-1 for panels p0..p1-1; v as transform left it. */
static void products(const job *j, size_t t0, size_t t1, size_t p0, size_t p1, const float *v, size_t pos,
                     float *m) {
  const as_conv *c = j->c;
  const size_t count = t1 - t0, subs = as_row_tiles(count), ci = (size_t)c->s.c_in, zero = 0;
  const size_t mpos = count * AS_NR;
  for (size_t p = p0; p < p1; p++) {
    as_gemm_args g = {0};
    g.nseg = 1;
    g.k = ci;
    g.lda = j->g.ld_v;
    g.b_off = &zero;
    g.n = AS_NR;
    g.ldc = AS_NR;
    for (size_t q = 0; q < 36; q++) {
      g.b = c->packed + (p * 36 + q) * ci * AS_NR;
      for (size_t sub = 0; sub < subs; sub++) {
        const size_t first = count * sub / subs;
        const float *a = v + q * pos + first * g.lda;
        g.m = count * (sub + 1) / subs - first;
        g.a = &a;
        g.c = m + q * mpos + first * AS_NR;
        as_k.gemm(&g);
      }
    }
    const size_t col = p * AS_NR, width = (size_t)c->s.c_out - col;
    as_wino_out_args w = {0};
    w.pos = mpos;
    w.n = width < AS_NR ? width : AS_NR;
    w.bias = c->bias + col;
    w.relu = j->act == AS_ACT_RELU;
    w.ld = j->out->ld;
    w.row = (size_t)c->out_w * w.ld;
    for (size_t t = t0; t < t1; t++) {
      const size_t image = t / j->g.per_image, at = t % j->g.per_image;
      const size_t y = at / j->g.tiles_x * 4, x = at % j->g.tiles_x * 4;
      const size_t pixel = (image * (size_t)c->out_h + y) * (size_t)c->out_w + x;
      w.m = m + (t - t0) * AS_NR;
      w.h = c->out_h - (int)y < 4 ? c->out_h - (int)y : 4;
      w.w = c->out_w - (int)x < 4 ? c->out_w - (int)x : 4;
      w.c = j->out->data + pixel * w.ld + col;
      if (j->res) {
        w.residual = j->res->data + pixel * j->res->ld + col;
        w.res_ld = j->res->ld;
        w.res_row = (size_t)c->out_w * w.res_ld;
      }
      as_k.wino_out(&w);
      if (j->act == AS_ACT_GELU || j->act == AS_ACT_SILU) {
        as_fn_gelu *fn = j->act == AS_ACT_GELU ? as_k.gelu : as_k.silu;
        for (int r = 0; r < w.h; r++)
          for (int q = 0; q < w.w; q++) {
            float *px = w.c + (size_t)r * w.row + (size_t)q * w.ld;
            fn(w.n, px, px);
          }
      }
    }
  }
}

static size_t block_start(const geometry *g, size_t b) {
  return g->tiles * b / g->blocks;
}

static void whole_block(void *ctx, size_t b, int worker) {
  const job *j = ctx;
  const geometry *g = &j->g;
  const size_t t0 = block_start(g, b), t1 = block_start(g, b + 1), pos = (t1 - t0) * g->ld_v;
  float *v = j->scratch + (size_t)worker * (g->v_floats + g->m_floats);
  transform(j, t0, t1, v, pos);
  products(j, t0, t1, 0, j->c->panels, v, pos, v + g->v_floats);
}

/* Shared V, [36][tiles][ld_v]: first four tiles a chunk, then (block, run of panels). */
static void shared_input(void *ctx, size_t chunk, int worker) {
  (void)worker;
  const job *j = ctx;
  const size_t t0 = chunk * 4, t1 = t0 + 4 < j->g.tiles ? t0 + 4 : j->g.tiles;
  transform(j, t0, t1, j->scratch + t0 * j->g.ld_v, j->g.tiles * j->g.ld_v);
}

static void shared_panels(void *ctx, size_t chunk, int worker) {
  const job *j = ctx;
  const geometry *g = &j->g;
  const size_t b = chunk / j->panel_chunks, pc = chunk % j->panel_chunks, t0 = block_start(g, b);
  products(j, t0, block_start(g, b + 1), j->c->panels * pc / j->panel_chunks,
           j->c->panels * (pc + 1) / j->panel_chunks, j->scratch + t0 * g->ld_v, g->tiles * g->ld_v,
           j->scratch + g->v_floats + (size_t)worker * g->m_floats);
}

static void run_wino4(const as_conv *c, const as_conv_args *args, const as_team *team) {
  job j = {c, args->in, args->residual, args->out, args->act, measure(c, args->in->n), team->scratch, 1};
  if (j.g.tiles == 0) return;
  if (!j.g.shared) {
    as_par_for_by(team->threads, j.g.blocks, whole_block, &j);
    return;
  }
  j.panel_chunks = c->panels < 8 ? c->panels : 8;
  as_par_for_by(team->threads, (j.g.tiles + 3) / 4, shared_input, &j);
  as_par_for_by(team->threads, j.g.blocks * j.panel_chunks, shared_panels, &j);
}

const as_conv_alg as_conv_wino4 = {.name = "winograd-4x4",
                                   .panel_rows = wino4_rows,
                                   .pack = pack_wino4,
                                   .pack_floats = PACK_FLOATS,
                                   .scratch = wino4_scratch,
                                   .run = run_wino4};
