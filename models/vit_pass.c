/* The transformer of vit.c in training: the same kernels in the same order, so that its features are those of inference bit
 * for bit, and every step backwards.
 *
 *   tokens x0 = [cls + pos; patches + pos]
 *   block:     y = norm1(x);  mid = x + proj(attention(qkv(y)));  y = norm2(mid);  x' = mid + fc2(gelu(fc1(y)))
 *   features:  norm of the class token, or the mean of the normed patches
 *
 * Of a block a pass keeps x, qkv, the heads' output, mid and the hidden layer before its GELU (8 to 10 times the tokens); norms,
 * GELU and the attention's weights are cheap beside the products and computed again. In reverse g is the gradient of the
 * tokens: both terms of a residual sum get it, and the branch adds what comes out of its norm.
 *
 * A pass that will not be run backwards has one set of these buffers for all its blocks. */
#include <string.h>

#include "models/vit_train_int.h"
#include "tensor/attention.h"
#include "tensor/base/mem.h"
#include "tensor/kern/kernels.h"
#include "tensor/norm.h"
#include "tensor/pool.h"
#include "tensor/train/attention_train.h"
#include "tensor/train/lnorm_train.h"

enum { CHUNK_FLOATS = 16384 };

/* What the backward pass of a block reads, [rows, ...]. */
typedef struct kept {
  float *x, *qkv, *heads, *mid, *hidden;
} kept;

typedef struct vit_pass {
  as_encoder_pass base;
  as_vit_encoder *e;
  size_t rows; /* tokens of all images of this forward */
  as_map images;
  kept *kept;     /* [depth + 1]; of the last one x alone */
  float *patches; /* [images, grid^2, dim] */
  float *y;       /* [rows, dim] normed tokens */
  float *gelu;    /* [rows, mlp] */
  float *last;    /* [images, dim] class tokens before the norm */
  float *g, *dy;  /* backward: [rows, dim] gradients of the tokens, and inside a branch */
  float *wide;    /* backward: [rows, mlp or 3 dim] */
  unsigned char *memory;
} vit_pass;

/* ---- a pass ---- */

static void take_buffers(vit_pass *p, bool backward, as_arena *a) {
  const as_vit_encoder *e = p->e;
  const size_t dim = (size_t)e->vit.dim, mlp = (size_t)e->vit.mlp, images = (size_t)e->base.cfg.images;
  const size_t rows = images * (size_t)e->tokens, f = sizeof(float), depth = (size_t)e->vit.depth;
  p->images.data = as_arena_take(a, as_map_floats(&p->images), f);
  p->base.features.data = as_arena_take(a, images * dim, f);
  p->last = as_arena_take(a, images * dim, f);
  p->patches = as_arena_take(a, images * (size_t)(e->grid * e->grid) * dim, f);
  p->y = as_arena_take(a, rows * dim, f);
  p->gelu = as_arena_take(a, rows * mlp, f);
  for (size_t i = 0; i <= depth; i++) {
    kept *k = &p->kept[i];
    if (i && !backward) {
      *k = p->kept[0];
      continue;
    }
    k->x = as_arena_take(a, rows * dim, f);
    if (i == depth) break;
    k->qkv = as_arena_take(a, rows * 3 * dim, f);
    k->heads = as_arena_take(a, rows * dim, f);
    k->mid = as_arena_take(a, rows * dim, f);
    k->hidden = as_arena_take(a, rows * mlp, f);
  }
  if (!backward) return;
  p->g = as_arena_take(a, rows * dim, f);
  p->dy = as_arena_take(a, rows * dim, f);
  p->wide = as_arena_take(a, rows * as_vit_wide(&e->vit), f);
}

void as_vit_pass_destroy(as_encoder_pass *base) {
  vit_pass *p = (vit_pass *)base;
  as_free(p->kept);
  as_free(p->memory);
  as_free(p);
}

as_status as_vit_pass_create(as_encoder_pass **out, as_encoder *base, bool backward, as_err *err) {
  *out = NULL;
  as_vit_encoder *e = (as_vit_encoder *)base;
  vit_pass *p = as_calloc(1, sizeof *p, err);
  if (!p) return AS_E_ENV;
  p->e = e, p->base.e = base;
  p->images = (as_map){NULL, base->cfg.images, base->cfg.size, base->cfg.size, 3, 0};
  p->base.images = &p->images;
  p->base.features = as_map_matrix(NULL, (size_t)base->cfg.images, (size_t)base->dim);
  p->kept = as_calloc((size_t)e->vit.depth + 1, sizeof *p->kept, err);
  as_arena a = {0};
  if (p->kept) {
    take_buffers(p, backward, &a);
    p->memory = a.overflow ? NULL : as_alloc(a.used, 1, err);
    if (a.overflow)
      (void)as_fail(err, AS_E_ENV, "a pass over %d images: more memory than there is", base->cfg.images);
  }
  if (!p->memory) {
    as_vit_pass_destroy(&p->base);
    return AS_E_ENV;
  }
  a = (as_arena){.base = p->memory, .size = a.used};
  take_buffers(p, backward, &a);
  as_map_place(&p->images, p->images.data);
  *out = &p->base;
  return AS_OK;
}

void as_vit_pass_resize(as_encoder_pass *base) {
  vit_pass *p = (vit_pass *)base;
  p->rows = (size_t)base->n * (size_t)p->e->tokens;
}

/* ---- forward ---- */

static as_map token_rows(const vit_pass *p, float *x, int c) {
  return as_map_matrix(x, p->rows, (size_t)c);
}
static as_tensor tokens_of(const vit_pass *p, float *x, int c) {
  return (as_tensor){x, p->base.n, p->e->tokens, 1, c, (size_t)c};
}

static void run_norm(const as_vit_encoder *e, const as_vit_affine *l, size_t rows, const float *x, float *y) {
  const size_t dim = (size_t)e->vit.dim;
  const as_layernorm_weights w = {e->vit.dim, as_vit_value(e, l->gamma), as_vit_value(e, l->beta),
                                  (float)e->vit.eps};
  as_layernorm(&w, rows, x, dim, y, dim);
}

static void embed_image(void *ctx, size_t image, int worker) {
  (void)worker;
  const vit_pass *p = ctx;
  const as_vit_encoder *e = p->e;
  const size_t dim = (size_t)e->vit.dim, floats = (size_t)(e->grid * e->grid) * dim;
  float *x = p->kept[0].x + image * (size_t)e->tokens * dim;
  if (e->prefix) memcpy(x, e->first, dim * sizeof *x);
  as_k.add(floats, e->positions, p->patches + image * floats, x + (size_t)e->prefix * dim);
}

static as_map patch_map(const vit_pass *p) {
  return (as_map){p->patches, p->base.n, p->e->grid, p->e->grid, p->e->vit.dim, 0};
}

static void run_train_block(const vit_pass *p, int i) {
  const as_vit_encoder *e = p->e;
  const as_vit_block *b = &e->blocks[i];
  const kept *k = &p->kept[i];
  const int dim = e->vit.dim, mlp = e->vit.mlp;
  const as_map x = token_rows(p, k->x, dim), y = token_rows(p, p->y, dim), mid = token_rows(p, k->mid, dim);
  const as_map qkv = token_rows(p, k->qkv, 3 * dim), heads = token_rows(p, k->heads, dim);
  const as_map hidden = token_rows(p, k->hidden, mlp), gelu = token_rows(p, p->gelu, mlp);
  const as_map next = token_rows(p, p->kept[i + 1].x, dim);
  const as_tensor tq = tokens_of(p, k->qkv, 3 * dim), th = tokens_of(p, k->heads, dim);
  run_norm(e, &b->norm1, p->rows, k->x, p->y);
  as_conv_train_forward(b->qkv.conv, &y, &qkv);
  as_attention_run(&tq, e->vit.heads, e->tokens, &th, &e->team);
  as_conv_train_forward_add(b->proj.conv, &heads, &x, &mid);
  run_norm(e, &b->norm2, p->rows, k->mid, p->y);
  as_conv_train_forward(b->fc1.conv, &y, &hidden);
  as_activate(AS_ACT_GELU, p->rows * (size_t)mlp, k->hidden, p->gelu);
  as_conv_train_forward_add(b->fc2.conv, &gelu, &mid, &next);
}

void as_vit_pass_forward(as_encoder_pass *base, bool running) {
  (void)running; /* no buffers */
  vit_pass *p = (vit_pass *)base;
  const as_vit_encoder *e = p->e;
  const size_t dim = (size_t)e->vit.dim, n = (size_t)base->n;
  const as_map patches = patch_map(p);
  as_conv_train_forward(e->patch.conv, &p->images, &patches);
  as_par_for(n, embed_image, p);
  for (int i = 0; i < e->vit.depth; i++) run_train_block(p, i);
  const float *x = p->kept[e->vit.depth].x;
  if (e->vit.features == AS_FEATURES_MEAN) {
    const as_tensor y = tokens_of(p, p->y, e->vit.dim);
    run_norm(e, &e->norm, p->rows, x, p->y);
    as_mean_tokens(&y, e->prefix, base->features.data, dim);
    return;
  }
  for (size_t i = 0; i < n; i++) memcpy(p->last + i * dim, x + i * (size_t)e->tokens * dim, dim * sizeof *x);
  run_norm(e, &e->norm, n, p->last, base->features.data);
}

/* ---- backward ---- */

static void add_grad(const as_vit_encoder *e, size_t at, const float *more) {
  float *g = as_store_grad(e->base.store, at);
  as_k.add(e->base.store->slot[at].n, g, more, g);
}

/* Weight and bias; then din, where somebody wants it. */
static void reverse_product(const as_vit_encoder *e, const as_vit_product *d, const as_map *in,
                            const as_map *dout, const as_map *din) {
  as_conv_train_grad_weight(d->conv, in, dout, e->dweight);
  add_grad(e, d->weight, e->dweight);
  if (d->bias != AS_VIT_NONE) {
    as_map_sum(dout, e->sum, e->scratch);
    add_grad(e, d->bias, e->sum);
  }
  if (din) as_conv_train_grad_input(d->conv, dout, NULL, din);
}

/* dx = residual + what dy gives through the norm of x. */
static void reverse_norm(const as_vit_encoder *e, const as_vit_affine *l, const as_map *x, const as_map *dy,
                         const as_map *residual, const as_map *dx) {
  const size_t dim = (size_t)e->vit.dim;
  as_lnorm_backward(&(as_lnorm_grad){.x = x,
                                     .dy = dy,
                                     .residual = residual,
                                     .dx = dx,
                                     .gamma = as_vit_value(e, l->gamma),
                                     .eps = (float)e->vit.eps,
                                     .dgamma = e->sum,
                                     .dbeta = e->sum + dim,
                                     .scratch = e->scratch});
  add_grad(e, l->gamma, e->sum);
  add_grad(e, l->beta, e->sum + dim);
}

typedef struct gelu_job {
  const float *x;
  float *dy;
  size_t n;
} gelu_job;

static void gelu_chunk(void *ctx, size_t chunk, int worker) {
  (void)worker;
  const gelu_job *j = ctx;
  const size_t at = chunk * CHUNK_FLOATS, n = j->n - at < CHUNK_FLOATS ? j->n - at : CHUNK_FLOATS;
  as_k.gelub(n, j->x + at, j->dy + at, j->dy + at);
}

static void reverse_block(const vit_pass *p, int i) {
  const as_vit_encoder *e = p->e;
  const as_vit_block *b = &e->blocks[i];
  const kept *k = &p->kept[i];
  const int dim = e->vit.dim, mlp = e->vit.mlp;
  const as_map x = token_rows(p, k->x, dim), y = token_rows(p, p->y, dim), mid = token_rows(p, k->mid, dim);
  const as_map heads = token_rows(p, k->heads, dim), gelu = token_rows(p, p->gelu, mlp);
  const as_map g = token_rows(p, p->g, dim), dy = token_rows(p, p->dy, dim);
  const as_map dhidden = token_rows(p, p->wide, mlp), dqkv = token_rows(p, p->wide, 3 * dim);
  gelu_job through = {k->hidden, p->wide, p->rows * (size_t)mlp};

  as_activate(AS_ACT_GELU, through.n, k->hidden, p->gelu);
  reverse_product(e, &b->fc2, &gelu, &g, &dhidden);
  as_par_for((through.n + CHUNK_FLOATS - 1) / CHUNK_FLOATS, gelu_chunk, &through);
  run_norm(e, &b->norm2, p->rows, k->mid, p->y);
  reverse_product(e, &b->fc1, &y, &dhidden, &dy);
  reverse_norm(e, &b->norm2, &mid, &dy, &g, &g);

  const as_tensor tq = tokens_of(p, k->qkv, 3 * dim), td = tokens_of(p, p->dy, dim);
  const as_tensor tdq = tokens_of(p, p->wide, 3 * dim);
  reverse_product(e, &b->proj, &heads, &g, &dy);
  as_attention_backward(&tq, e->vit.heads, &td, &tdq, &e->team);
  run_norm(e, &b->norm1, p->rows, k->x, p->y);
  reverse_product(e, &b->qkv, &y, &dqkv, &dy);
  reverse_norm(e, &b->norm1, &x, &dy, &g, &g);
}

/* From the features to the tokens behind the last block. */
static void reverse_features(const vit_pass *p, const as_map *dfeatures) {
  const as_vit_encoder *e = p->e;
  const size_t dim = (size_t)e->vit.dim, n = (size_t)p->base.n, tokens = (size_t)e->tokens;
  const size_t prefix = (size_t)e->prefix;
  if (e->vit.features == AS_FEATURES_MEAN) {
    const as_map x = token_rows(p, p->kept[e->vit.depth].x, e->vit.dim), g = token_rows(p, p->g, e->vit.dim);
    const float count = (float)(tokens - prefix);
    for (size_t r = 0; r < p->rows; r++)
      for (size_t i = 0; i < dim; i++)
        p->g[r * dim + i] = r % tokens < prefix ? 0.0f : dfeatures->data[r / tokens * dim + i] / count;
    reverse_norm(e, &e->norm, &x, &g, NULL, &g);
    return;
  }
  const as_map last = as_map_matrix(p->last, n, dim), dlast = as_map_matrix(p->dy, n, dim);
  reverse_norm(e, &e->norm, &last, dfeatures, NULL, &dlast);
  memset(p->g, 0, p->rows * dim * sizeof *p->g);
  for (size_t i = 0; i < n; i++) memcpy(p->g + i * tokens * dim, p->dy + i * dim, dim * sizeof *p->g);
}

/* Class token and positions get the sum over images, the patch convolution each patch. */
static void reverse_embed(const vit_pass *p) {
  const as_vit_encoder *e = p->e;
  const size_t dim = (size_t)e->vit.dim, n = (size_t)p->base.n, prefix = (size_t)e->prefix * dim;
  const size_t floats = (size_t)(e->grid * e->grid) * dim;
  const as_map by_image = as_map_matrix(p->g, n, prefix + floats), patches = patch_map(p);
  as_map_sum(&by_image, e->sum, e->scratch);
  if (e->prefix) add_grad(e, e->cls, e->sum);
  float *dpos = as_store_grad(e->base.store, e->pos);
  if (e->vit.poscls) {
    as_k.add(dim, dpos, e->sum, dpos);
    dpos += dim;
  }
  const float *dgrid = e->sum + prefix;
  if (e->resized) {
    as_posembed_reverse(&e->resize, dgrid, e->dstored);
    as_k.add(e->resize.from * e->resize.from * dim, dpos, e->dstored, dpos);
  } else {
    as_k.add(floats, dpos, dgrid, dpos);
  }
  for (size_t i = 0; i < n; i++)
    memcpy(p->patches + i * floats, p->g + i * (prefix + floats) + prefix, floats * sizeof *p->g);
  reverse_product(e, &e->patch, &p->images, &patches, NULL);
}

void as_vit_pass_backward(as_encoder_pass *base, const as_map *dfeatures) {
  const vit_pass *p = (const vit_pass *)base;
  reverse_features(p, dfeatures);
  for (int i = p->e->vit.depth; i-- > 0;) reverse_block(p, i);
  reverse_embed(p);
}
