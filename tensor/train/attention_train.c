#include "tensor/train/attention_train.h"

#include <math.h>
#include <string.h>

#include "tensor/kern/kernels.h"

/* One head of one image at a time, on one thread. Per worker:
 *
 *   P, D     [tokens][ld]                 weights; their gradient, then that of the scores
 *   turned   [blocks][tokens][32]         P^T or D^T: the queries in blocks of 32 are segments of one chain
 *   panel    the second operand           K^T and V^T as [tokens / 32][d_head][32], the others as [d_head / 32][padded][32]
 *
 * A sum over queries runs over whole blocks of 32; the rows that fill the last one are zeros, which contribute nothing. */
enum { BLOCK = 32 };

typedef struct plan {
  size_t tokens, d_head, padded, key_panels, val_panels, ld;
  size_t d_at, turned_at, panel_at, floats; /* places in a worker's scratch; P at 0 */
} plan;

static plan plan_of(int tokens, int heads, int d) {
  plan p = {.tokens = (size_t)tokens, .d_head = (size_t)d / (size_t)heads};
  p.key_panels = (p.tokens + AS_NR - 1) / AS_NR;
  p.val_panels = (p.d_head + AS_NR - 1) / AS_NR;
  p.padded = p.key_panels * BLOCK;
  p.ld = as_tensor_ld((int)p.padded);
  const size_t square = (p.tokens * p.ld + 15) / 16 * 16;
  const size_t keys = p.key_panels * p.d_head * AS_NR, values = p.val_panels * p.padded * AS_NR;
  p.d_at = square;
  p.turned_at = 2 * square;
  p.panel_at = p.turned_at + p.key_panels * p.tokens * BLOCK;
  p.floats = p.panel_at + (keys > values ? keys : values);
  return p;
}

size_t as_attention_grad_scratch(int tokens, int heads, int d, int threads) {
  return plan_of(tokens, heads, d).floats * sizeof(float) * (size_t)threads;
}

typedef struct job {
  plan p;
  const as_tensor *qkv, *dout, *dqkv;
  size_t heads;
  float scale;
  float *scratch;
} job;

/* C[m, n] = A B: A's rows lie lda apart in each of nseg segments of k floats, `step` floats from one to the next; B is in
 * panels of [nseg * k][32]. */
typedef struct head_product {
  size_t m, n, k, nseg;
  const float *a;
  size_t lda, step;
  const float *b;
  float *c;
  size_t ldc;
} head_product;

enum { MAX_SEGMENTS = 64 };

/* Segments beyond MAX_SEGMENTS go on from the accumulators of those before. */
static void multiply_head(const head_product *h) {
  _Alignas(64) float acc[AS_MR * AS_NR];
  const float *a[MAX_SEGMENTS];
  size_t b_off[MAX_SEGMENTS];
  const size_t tiles = (h->m + AS_MR - 1) / AS_MR, panels = (h->n + AS_NR - 1) / AS_NR;
  for (size_t t = 0; t < tiles; t++)
    for (size_t p = 0; p < panels; p++) {
      const size_t row = h->m * t / tiles;
      as_gemm_args g = {.m = h->m * (t + 1) / tiles - row, .k = h->k, .a = a, .b_off = b_off, .lda = h->lda};
      g.n = h->n - p * AS_NR < AS_NR ? h->n - p * AS_NR : AS_NR;
      g.b = h->b + p * h->nseg * h->k * AS_NR;
      g.c = h->c + row * h->ldc + p * AS_NR, g.ldc = h->ldc;
      for (size_t first = 0; first < h->nseg; first += MAX_SEGMENTS) {
        const bool last = h->nseg - first <= MAX_SEGMENTS;
        g.nseg = last ? h->nseg - first : MAX_SEGMENTS;
        for (size_t s = 0; s < g.nseg; s++) {
          a[s] = h->a + (first + s) * h->step + row * h->lda;
          b_off[s] = (first + s) * h->k * AS_NR;
        }
        g.acc_in = first ? acc : NULL, g.acc_out = last ? NULL : acc;
        as_k.gemm(&g);
      }
    }
}

/* `rows` rows of d_head floats as panels [padded][32] with zeros below, for sums over these rows. */
static void copy_panels(const plan *p, const float *from, size_t ld, size_t rows, float *to) {
  memset(to, 0, p->val_panels * rows * AS_NR * sizeof *to);
  for (size_t v = 0; v < p->val_panels; v++) {
    const size_t n = p->d_head - v * AS_NR < AS_NR ? p->d_head - v * AS_NR : AS_NR;
    as_k.copyp(p->tokens, n, from + v * AS_NR, ld, to + v * rows * AS_NR, AS_NR);
  }
}

/* The same rows transposed: panels [d_head][32] of 32 tokens each, for sums over channels. */
static void turn_panels(const plan *p, const float *from, size_t ld, float *to) {
  for (size_t b = 0; b < p->key_panels; b++) {
    const size_t n = p->tokens - b * AS_NR < AS_NR ? p->tokens - b * AS_NR : AS_NR;
    as_k.packt(n, p->d_head, from + b * AS_NR * ld, ld, to + b * p->d_head * AS_NR);
  }
}

/* square [tokens][ld] by keys: [blocks of 32 queries][key][32]. */
static void turn_square(const plan *p, const float *square, float *to) {
  for (size_t b = 0; b < p->key_panels; b++) {
    const size_t n = p->tokens - b * BLOCK < BLOCK ? p->tokens - b * BLOCK : BLOCK;
    as_k.packt(n, p->tokens, square + b * BLOCK * p->ld, p->ld, to + b * p->tokens * BLOCK);
  }
}

static void reverse_head(void *ctx, size_t chunk, int worker) {
  const job *j = ctx;
  const plan *p = &j->p;
  const size_t image = chunk / j->heads, head = chunk % j->heads, d = j->heads * p->d_head;
  const size_t ld = j->qkv->ld, ld_out = j->dout->ld, ld_to = j->dqkv->ld, t = p->tokens;
  const float *q = j->qkv->data + image * t * ld + head * p->d_head, *k = q + d, *v = k + d;
  const float *dout = j->dout->data + image * t * ld_out + head * p->d_head;
  float *dq = j->dqkv->data + image * t * ld_to + head * p->d_head, *dk = dq + d, *dv = dk + d;
  float *prob = j->scratch + (size_t)worker * p->floats, *dprob = prob + p->d_at;
  float *turned = prob + p->turned_at, *panel = prob + p->panel_at;

  turn_panels(p, k, ld, panel);
  multiply_head(&(head_product){t, t, p->d_head, 1, q, ld, 0, panel, prob, p->ld});
  as_k.softmax(t, t, j->scale, prob, p->ld, prob, p->ld);

  turn_square(p, prob, turned);
  copy_panels(p, dout, ld_out, p->padded, panel);
  multiply_head(
      &(head_product){t, p->d_head, BLOCK, p->key_panels, turned, BLOCK, t * BLOCK, panel, dv, ld_to});

  turn_panels(p, v, ld, panel);
  multiply_head(&(head_product){t, t, p->d_head, 1, dout, ld_out, 0, panel, dprob, p->ld});
  for (size_t i = 0; i < t; i++)
    as_k.softb(t, j->scale, prob + i * p->ld, dprob + i * p->ld, dprob + i * p->ld);

  copy_panels(p, k, ld, t, panel);
  multiply_head(&(head_product){t, p->d_head, t, 1, dprob, p->ld, 0, panel, dq, ld_to});

  turn_square(p, dprob, turned);
  copy_panels(p, q, ld, p->padded, panel);
  multiply_head(
      &(head_product){t, p->d_head, BLOCK, p->key_panels, turned, BLOCK, t * BLOCK, panel, dk, ld_to});
}

void as_attention_backward(const as_tensor *qkv, int heads, const as_tensor *dout, const as_tensor *dqkv,
                           const as_team *team) {
  job j = {plan_of(qkv->h * qkv->w, heads, dout->c), qkv, dout, dqkv, (size_t)heads, 0.0f, team->scratch};
  j.scale = (float)(1.0 / sqrt((double)j.p.d_head));
  as_par_for_by(team->threads, (size_t)qkv->n * j.heads, reverse_head, &j);
}
