#include "tensor/attention.h"

#include <math.h>
#include <string.h>

#include "tensor/multiply_int.h"

/* One head of one image at a time, on one thread: softmax(Q K^T / sqrt(d_head)) V.
 *
 *   14 queries  x  K^T panels  ->  14 rows of scores  -- softmax -->  14 rows of weights  x  V panels  ->  14 rows of out
 *
 * The rows of scores are whole, so softmax sees all keys at once and nothing is rescaled (NUMERICS rule 5); 14 of
 * them stay in L1. K and V of a head are brought into the panels of the product once and serve all its queries: K
 * must be transposed, V only copied. Per worker: K^T as panels [keys / 32][d_head][32], V as panels [d_head / 32][tokens][32], and the
 * scores of 14 queries, whose rows are kept off multiples of large powers of two. */
typedef struct layout {
  size_t tokens, d_head, key_panels, val_panels, ld_scores;
  size_t v_at, s_at, floats; /* offsets in floats; K at 0 */
} layout;

static layout layout_of(int tokens, int heads, int d) {
  layout l;
  l.tokens = (size_t)tokens;
  l.d_head = (size_t)d / (size_t)heads;
  l.key_panels = as_panels(l.tokens);
  l.val_panels = as_panels(l.d_head);
  l.ld_scores = as_tensor_ld((int)(l.key_panels * AS_NR));
  l.v_at = l.key_panels * l.d_head * AS_NR;
  l.s_at = l.v_at + l.val_panels * l.tokens * AS_NR;
  l.floats = l.s_at + AS_MR * l.ld_scores;
  return l;
}

size_t as_attention_scratch(int tokens, int heads, int d, int threads) {
  return layout_of(tokens, heads, d).floats * sizeof(float) * (size_t)threads;
}

typedef struct job {
  layout l;
  const as_tensor *qkv, *out;
  size_t heads, queries;
  float scale;
  float *scratch;
} job;

static void one_head(void *ctx, size_t chunk, int worker) {
  const job *j = ctx;
  const layout *l = &j->l;
  const size_t image = chunk / j->heads, head = chunk % j->heads, d = j->heads * l->d_head;
  const size_t ld = j->qkv->ld, dh = l->d_head;
  const float *q = j->qkv->data + image * l->tokens * ld + head * dh, *k = q + d, *v = k + d;
  float *out = j->out->data + image * l->tokens * j->out->ld + head * dh;
  float *kp = j->scratch + (size_t)worker * l->floats, *vp = kp + l->v_at, *s = kp + l->s_at;

  for (size_t p = 0; p < l->key_panels; p++) {
    const size_t n = l->tokens - p * AS_NR < AS_NR ? l->tokens - p * AS_NR : AS_NR;
    as_k.packt(n, dh, k + p * AS_NR * ld, ld, kp + p * dh * AS_NR);
  }
  for (size_t p = 0; p < l->val_panels; p++) {
    const size_t n = dh - p * AS_NR < AS_NR ? dh - p * AS_NR : AS_NR;
    float *to = vp + p * l->tokens * AS_NR;
    as_k.copyp(l->tokens, n, v + p * AS_NR, ld, to, AS_NR);
    for (size_t t = 0; n < AS_NR && t < l->tokens; t++)
      memset(to + t * AS_NR + n, 0, (AS_NR - n) * sizeof *to);
  }

  const size_t tiles = as_row_tiles(j->queries), zero = 0;
  const bool more = head + 1 < j->heads;
  for (size_t t = 0; t < tiles; t++) {
    const size_t first = j->queries * t / tiles;
    const float *a = q + first * ld;
    as_gemm_args g = {0};
    g.m = j->queries * (t + 1) / tiles - first;
    if (more) /* the next head's q, k and v stand beside this one's, in short pieces far apart */
      for (size_t i = first; i < first + g.m; i++)
        for (size_t e = 0; e < dh; e += 16) {
          AS_PREFETCH(q + i * ld + dh + e);
          AS_PREFETCH(k + i * ld + dh + e);
          AS_PREFETCH(v + i * ld + dh + e);
        }
    g.nseg = 1;
    g.b_off = &zero;
    g.a = &a;
    g.k = dh;
    g.lda = ld;
    g.ldc = l->ld_scores;
    for (size_t p = 0; p < l->key_panels; p++) {
      g.n = l->tokens - p * AS_NR < AS_NR ? l->tokens - p * AS_NR : AS_NR;
      g.b = kp + p * dh * AS_NR;
      g.c = s + p * AS_NR;
      as_k.gemm(&g);
    }
    as_k.softmax(g.m, l->tokens, j->scale, s, l->ld_scores, s, l->ld_scores);
    a = s;
    g.k = l->tokens;
    g.lda = l->ld_scores;
    g.ldc = j->out->ld;
    for (size_t p = 0; p < l->val_panels; p++) {
      g.n = dh - p * AS_NR < AS_NR ? dh - p * AS_NR : AS_NR;
      g.b = vp + p * l->tokens * AS_NR;
      g.c = out + first * j->out->ld + p * AS_NR;
      as_k.gemm(&g);
    }
  }
}

void as_attention_run(const as_tensor *qkv, int heads, int queries, const as_tensor *out,
                      const as_team *team) {
  const int tokens = qkv->h * qkv->w;
  job j = {layout_of(tokens, heads, out->c), qkv, out, (size_t)heads, (size_t)queries, 0.0f, team->scratch};
  j.scale = (float)(1.0 / sqrt((double)j.l.d_head));
  as_par_for_by(team->threads, (size_t)qkv->n * j.heads, one_head, &j);
}
