/* Vision transformers with pre-norm blocks (Dosovitskiy et al. 2021; timm/models/vision_transformer.py).
 *
 *   image -> patch convolution + position --+
 *   cls + position (made at load) ----------+--> tokens x: [n, prefix + grid^2, 1, dim]
 *   registers ------------------------------+
 *
 *   block:  y = norm1(x);  x += ls1 * proj(attention(qkv(y)));  y = norm2(x);  x += ls2 * mlp(y)
 *
 * Where the features are class tokens alone, nobody reads the patches that the last block would make: it
 * computes k and v of all tokens and the rest for the class token (7 % of the network saved; same bits).
 *
 * Order of tokens: class token, registers, patches row by row. Names and order of the tensors are timm's;
 * ls1, ls2, register_tokens, w12 and w3 are DINOv2's. */
#include <stdio.h>
#include <string.h>

#include "models/model_int.h"
#include "nn/convbn.h"
#include "nn/dense.h"
#include "nn/lnorm.h"
#include "nn/mha.h"
#include "nn/mlp.h"
#include "nn/posembed.h"
#include "tensor/base/checked.h"
#include "tensor/pool.h"

enum { NAME_BYTES = 48 };

/* Buffers of a pass. Y holds normed tokens and the heads' output; WIDE qkv and the hidden layer, which
 * are never needed together; POOLED two rows of features per image. */
enum { X, Y, WIDE, IMAGE, POOLED };

typedef struct vit_block {
  as_lnorm norm1, norm2;
  as_mha attn;
  as_mlp mlp;
  size_t gamma1_param, gamma2_param;
  float *gamma1, *gamma2; /* NULL without LayerScale */
} vit_block;

typedef struct vit {
  as_net base;
  as_vit_cfg cfg;
  int size, grid, prefix, tokens, dim;
  size_t cls_param, pos_param, reg_param;
  as_convbn patch;
  vit_block *blocks;
  as_lnorm norm;      /* `norm` or `fc_norm`; unused with norm=none */
  float *prefix_rows; /* [prefix, dim]: class token with its position, registers */
  as_tensor pos;      /* [1, grid, grid, dim]: positions of the patches, owned */
} vit;

/* ---- building ---- */

static bool wants_cls(const as_vit_cfg *c) {
  return c->features != AS_FEATURES_MEAN;
}
static bool wants_mean(const as_vit_cfg *c) {
  return c->features != AS_FEATURES_CLS && c->features != AS_FEATURES_CLS4;
}
/* From how many last blocks class tokens are taken. */
static int cls_blocks(const as_vit_cfg *c) {
  if (!wants_cls(c)) return 0;
  return c->features == AS_FEATURES_CLS4 || c->features == AS_FEATURES_CLS4_MEAN ? 4 : 1;
}

static as_status check(const as_vit_cfg *c, int size, as_err *err) {
  if (c->dim % c->heads)
    return as_fail(err, AS_E_USAGE, "dim=%d is not a multiple of heads=%d", c->dim, c->heads);
  if (size % c->patch)
    return as_fail(err, AS_E_USAGE, "images of %d pixels: wanted a multiple of patch=%d", size, c->patch);
  if (!c->cls && wants_cls(c))
    return as_fail(err, AS_E_USAGE, "cls=0 leaves no class token: wanted features=mean");
  if (cls_blocks(c) > c->depth)
    return as_fail(err, AS_E_USAGE, "four class tokens want depth >= 4, found %d", c->depth);
  if (c->norm == AS_NORM_FC && c->features != AS_FEATURES_MEAN && c->features != AS_FEATURES_CLS)
    return as_fail(err, AS_E_USAGE, "norm=fc wants features=mean or features=cls");
  const int grid = size / c->patch;
  if (c->posgrid && c->posgrid != grid && c->resize == AS_RESIZE_NONE)
    return as_fail(
        err, AS_E_USAGE,
        "the position embedding is stored for a grid of %d, input size %d has %d: wanted resize=scale or "
        "resize=exact",
        c->posgrid, size, grid);
  if (grid > 1024)
    return as_fail(err, AS_E_USAGE, "input size %d with patch=%d: more than 2^20 tokens", size, c->patch);
  return AS_OK;
}

static as_status declare_block(vit *net, vit_block *b, int index, as_params *params, as_err *err) {
  const as_vit_cfg *c = &net->cfg;
  const as_init_rule rule = as_init_between(0.1, 0.6);
  char name[7][NAME_BYTES];
  static const char *const leaf[7] = {"norm1", "attn", "ls1", "norm2", "mlp", "ls2", ""};
  for (int i = 0; i < 7; i++) (void)snprintf(name[i], sizeof name[i], "blocks.%d.%s", index, leaf[i]);

  as_status st = as_lnorm_declare(&b->norm1, name[0], c->dim, c->eps, params, err);
  if (st == AS_OK) st = as_mha_declare(&b->attn, name[1], c->dim, c->heads, c->qkvbias != 0, params, err);
  if (st == AS_OK && c->ls)
    st = as_params_add(params, &(as_param_want){name[2], "gamma", rule, 1, {c->dim}, false}, &b->gamma1_param,
                       err);
  if (st == AS_OK) st = as_lnorm_declare(&b->norm2, name[3], c->dim, c->eps, params, err);
  if (st == AS_OK)
    st = as_mlp_declare(&b->mlp, name[4], c->dim, c->mlp, c->ffn == AS_FFN_SWIGLU, params, err);
  if (st == AS_OK && c->ls)
    st = as_params_add(params, &(as_param_want){name[5], "gamma", rule, 1, {c->dim}, false}, &b->gamma2_param,
                       err);
  return st;
}

static void clear_loaded(vit *net) {
  for (int i = 0; net->blocks && i < net->cfg.depth; i++) {
    as_free(net->blocks[i].gamma1);
    as_free(net->blocks[i].gamma2);
    net->blocks[i].gamma1 = net->blocks[i].gamma2 = NULL;
  }
  as_free(net->prefix_rows);
  as_free(net->pos.data);
  net->prefix_rows = net->pos.data = NULL;
}

static void vit_destroy(as_net *base) {
  vit *net = (vit *)base;
  clear_loaded(net);
  for (int i = 0; net->blocks && i < net->cfg.depth; i++) {
    vit_block *b = &net->blocks[i];
    as_lnorm_clear(&b->norm1);
    as_lnorm_clear(&b->norm2);
    as_mha_clear(&b->attn);
    as_mlp_clear(&b->mlp);
  }
  as_lnorm_clear(&net->norm);
  as_convbn_clear(&net->patch);
  as_free(net->blocks);
  as_free(net);
}

static as_status declare_all(vit *net, as_params *params, as_err *err) {
  const as_vit_cfg *c = &net->cfg;
  const int stored = c->posgrid ? c->posgrid : net->grid;
  const as_init_rule rule = as_init_between(-0.5, 0.5);
  as_status st = AS_OK;
  if (c->cls)
    st = as_params_add(params, &(as_param_want){"", "cls_token", rule, 3, {1, 1, c->dim}, false},
                       &net->cls_param, err);
  if (st == AS_OK)
    st = as_params_add(
        params,
        &(as_param_want){"", "pos_embed", rule, 3, {1, (int64_t)stored * stored + c->poscls, c->dim}, false},
        &net->pos_param, err);
  if (st == AS_OK && c->reg)
    st = as_params_add(params, &(as_param_want){"", "register_tokens", rule, 3, {1, c->reg, c->dim}, false},
                       &net->reg_param, err);
  if (st != AS_OK) return st;
  const as_convbn_cfg patch = {
      .shape = {net->size, net->size, 3, c->dim, c->patch, c->patch, c->patch, 0, 0, 0, 0},
      .conv = "patch_embed.proj",
      .act = AS_ACT_NONE,
  };
  st = as_convbn_declare(&net->patch, &patch, params, err);
  for (int i = 0; i < c->depth && st == AS_OK; i++) st = declare_block(net, &net->blocks[i], i, params, err);
  if (st == AS_OK && c->norm != AS_NORM_NONE)
    st =
        as_lnorm_declare(&net->norm, c->norm == AS_NORM_FC ? "fc_norm" : "norm", c->dim, c->eps, params, err);
  return st;
}

/* ---- loading ---- */

/* Class token + its position (one rounding), registers, and the patches' positions at this grid. */
static as_status load_tokens(vit *net, const as_params *params, const as_view *views, as_err *err) {
  const as_vit_cfg *c = &net->cfg;
  const size_t dim = (size_t)c->dim, g = (size_t)net->grid;
  const int stored = c->posgrid ? c->posgrid : net->grid;
  float *cls = NULL, *pos = NULL, *reg = NULL, *sized = NULL;
  as_status st = as_params_read(params, views, net->pos_param, &pos, err);
  if (st == AS_OK && c->cls) st = as_params_read(params, views, net->cls_param, &cls, err);
  if (st == AS_OK && c->reg) st = as_params_read(params, views, net->reg_param, &reg, err);
  if (st == AS_OK) {
    net->pos = (as_tensor){NULL, 1, net->grid, net->grid, c->dim, as_tensor_ld(c->dim)};
    net->pos.data = as_alloc(g * g, net->pos.ld * sizeof(float), err);
    net->prefix_rows = as_alloc((size_t)net->prefix, dim * sizeof(float), err);
    if (!net->pos.data || !net->prefix_rows) st = AS_E_ENV;
  }
  const float *patches = st == AS_OK ? pos + (c->poscls ? dim : 0) : NULL;
  if (st == AS_OK && stored != net->grid) {
    sized = as_alloc(g * g, dim * sizeof(float), err);
    const as_pos_rule rule = c->resize == AS_RESIZE_SCALE ? AS_POS_SCALE : AS_POS_EXACT;
    st = sized ? as_posembed_resize(rule, stored, net->grid, c->dim, patches, sized, err) : AS_E_ENV;
    patches = sized;
  }
  if (st == AS_OK) {
    for (size_t p = 0; p < g * g; p++)
      memcpy(net->pos.data + p * net->pos.ld, patches + p * dim, dim * sizeof(float));
    if (c->cls)
      for (size_t i = 0; i < dim; i++) net->prefix_rows[i] = c->poscls ? cls[i] + pos[i] : cls[i];
    if (c->reg) memcpy(net->prefix_rows + (c->cls ? dim : 0), reg, (size_t)c->reg * dim * sizeof(float));
  }
  as_free(cls);
  as_free(pos);
  as_free(reg);
  as_free(sized);
  return st;
}

static as_status vit_load(as_net *base, const as_params *params, const as_view *views, as_err *err) {
  vit *net = (vit *)base;
  clear_loaded(net);
  as_status st = load_tokens(net, params, views, err);
  if (st == AS_OK) st = as_convbn_load(&net->patch, params, views, err);
  for (int i = 0; i < net->cfg.depth && st == AS_OK; i++) {
    vit_block *b = &net->blocks[i];
    st = as_lnorm_load(&b->norm1, params, views, err);
    if (st == AS_OK) st = as_mha_load(&b->attn, params, views, err);
    if (st == AS_OK && net->cfg.ls) st = as_params_read(params, views, b->gamma1_param, &b->gamma1, err);
    if (st == AS_OK) st = as_lnorm_load(&b->norm2, params, views, err);
    if (st == AS_OK) st = as_mlp_load(&b->mlp, params, views, err);
    if (st == AS_OK && net->cfg.ls) st = as_params_read(params, views, b->gamma2_param, &b->gamma2, err);
  }
  if (st == AS_OK && net->cfg.norm != AS_NORM_NONE) st = as_lnorm_load(&net->norm, params, views, err);
  return st;
}

/* ---- running ---- */

static as_tensor tokens_in(const vit *net, const as_pass *pass, int buffer, int n, int c) {
  return (as_tensor){pass->buf[buffer], n, net->tokens, 1, c, as_tensor_ld(c)};
}

static void vit_layout(const as_net *base, int batch, as_arena *arena, as_pass *pass) {
  const vit *net = (const vit *)base;
  const as_vit_cfg *c = &net->cfg;
  const size_t ld = as_tensor_ld(c->dim), ld_qkv = as_tensor_ld(3 * c->dim);
  const size_t ld_mlp = as_tensor_ld(as_mlp_width(&net->blocks[0].mlp));
  const size_t rows = (size_t)batch * (size_t)net->tokens;
  pass->buf[X] = as_arena_take(arena, rows, ld * sizeof(float));
  pass->buf[Y] = as_arena_take(arena, rows, ld * sizeof(float));
  pass->buf[WIDE] = as_arena_take(arena, rows, (ld_qkv > ld_mlp ? ld_qkv : ld_mlp) * sizeof(float));
  pass->buf[IMAGE] = as_arena_take(arena, (size_t)net->size * (size_t)net->size * 3, sizeof(float));
  pass->buf[POOLED] = as_arena_take(arena, 2 * (size_t)batch * (size_t)c->dim, sizeof(float));
  const int threads = pass->team.threads;
  size_t most = as_conv_scratch(net->patch.conv, 1, threads);
  const size_t block[2] = {as_mha_scratch(&net->blocks[0].attn, net->tokens, threads),
                           as_mlp_scratch(&net->blocks[0].mlp, threads)};
  for (int i = 0; i < 2; i++) most = block[i] > most ? block[i] : most;
  pass->team.scratch = as_arena_take(arena, most, 1);
}

/* Tokens of all images: patch chain + position, prefix rows as they were made at load. */
static void embed(const vit *net, const as_pass *pass, const float *images, const as_tensor *x) {
  const size_t floats = (size_t)net->size * (size_t)net->size * 3, dim = (size_t)net->cfg.dim;
  const as_tensor in = {pass->buf[IMAGE], 1, net->size, net->size, 3, 3};
  for (int i = 0; i < x->n; i++) {
    float *first = x->data + (size_t)i * (size_t)net->tokens * x->ld;
    for (size_t p = 0; p < (size_t)net->prefix; p++)
      memcpy(first + p * x->ld, net->prefix_rows + p * dim, dim * sizeof(float));
    memcpy(in.data, images + (size_t)i * floats, floats * sizeof(float));
    const as_tensor out = {first + (size_t)net->prefix * x->ld, 1, net->grid, net->grid, net->cfg.dim, x->ld};
    as_convbn_forward(&net->patch, &in, &net->pos, &out, &pass->team);
  }
}

static void run_block(const vit *net, const as_pass *pass, int index, const as_tensor *x, const as_tensor *y,
                      const as_tracer *trace) {
  const vit_block *b = &net->blocks[index];
  const as_tensor qkv = tokens_in(net, pass, WIDE, x->n, 3 * net->cfg.dim);
  const as_tensor hidden = tokens_in(net, pass, WIDE, x->n, as_mlp_width(&b->mlp));
  const size_t rows = (size_t)x->n * (size_t)net->tokens;
  char name[7][NAME_BYTES] = {""};
  if (trace->fn) {
    static const char *const leaf[7] = {"norm1", "attn.qkv",   "attn.heads", "attn",
                                        "norm2", "mlp.hidden", "mlp"};
    for (int i = 0; i < 7; i++) (void)snprintf(name[i], sizeof name[i], "blocks.%d.%s", index, leaf[i]);
  }
  as_lnorm_forward(&b->norm1, rows, x->data, x->ld, y->data, y->ld);
  as_trace_tensor(trace, name[0], y);
  as_mha_project_in(&b->attn, y, &qkv, &pass->team);
  as_trace_tensor(trace, name[1], &qkv);
  as_mha_attend(&b->attn, &qkv, y, &pass->team);
  as_trace_tensor(trace, name[2], y);
  as_mha_project_out(&b->attn, y, b->gamma1, x, &pass->team);
  as_trace_tensor(trace, name[3], x);
  as_lnorm_forward(&b->norm2, rows, x->data, x->ld, y->data, y->ld);
  as_trace_tensor(trace, name[4], y);
  as_mlp_expand(&b->mlp, y, &hidden, &pass->team);
  as_trace_tensor(trace, name[5], &hidden);
  as_mlp_project(&b->mlp, &hidden, b->gamma2, x, &pass->team);
  as_trace_tensor(trace, name[6], x);
}

/* The first token of every image, as a tensor of one token. */
static as_tensor first_tokens(const as_tensor *t) {
  return (as_tensor){t->data, t->n, 1, 1, t->c, t->ld * (size_t)t->h};
}

/* The last block where only class tokens are wanted: of x, only their rows are right afterwards. */
static void run_cls_block(const vit *net, const as_pass *pass, const as_tensor *x, const as_tensor *y) {
  const vit_block *b = &net->blocks[net->cfg.depth - 1];
  const as_tensor qkv = tokens_in(net, pass, WIDE, x->n, 3 * net->cfg.dim);
  const as_tensor hidden = tokens_in(net, pass, WIDE, x->n, as_mlp_width(&b->mlp));
  const as_tensor x1 = first_tokens(x), y1 = first_tokens(y), hidden1 = first_tokens(&hidden);
  const size_t n = (size_t)x->n;
  as_lnorm_forward(&b->norm1, n * (size_t)net->tokens, x->data, x->ld, y->data, y->ld);
  as_mha_project_in_first(&b->attn, y, &qkv, &pass->team);
  as_mha_attend_first(&b->attn, &qkv, y, &pass->team);
  as_mha_project_out(&b->attn, &y1, b->gamma1, &x1, &pass->team);
  as_lnorm_forward(&b->norm2, n, x1.data, x1.ld, y1.data, y1.ld);
  as_mlp_expand(&b->mlp, &y1, &hidden1, &pass->team);
  as_mlp_project(&b->mlp, &hidden1, b->gamma2, &x1, &pass->team);
}

/* The class token of every image of x, normed if the model norms tokens, into rows of out. */
static void take_cls(const vit *net, const as_tensor *x, float *out, size_t ld_out) {
  const size_t image = (size_t)net->tokens * x->ld, n = (size_t)x->n, dim = (size_t)net->cfg.dim;
  if (net->cfg.norm == AS_NORM_FINAL) {
    as_lnorm_forward(&net->norm, n, x->data, image, out, ld_out);
    return;
  }
  for (size_t i = 0; i < n; i++) memcpy(out + i * ld_out, x->data + i * image, dim * sizeof(float));
}

static void take_mean(const vit *net, const as_tensor *x, const as_tensor *y, float *out, size_t ld_out) {
  const bool normed = net->cfg.norm == AS_NORM_FINAL;
  if (normed)
    as_lnorm_forward(&net->norm, (size_t)x->n * (size_t)net->tokens, x->data, x->ld, y->data, y->ld);
  as_mean_tokens(normed ? y : x, net->prefix, out, ld_out);
}

static void vit_forward(const as_net *base, const as_pass *pass, const float *images, int n, float *features,
                        const as_tracer *trace) {
  const vit *net = (const vit *)base;
  const as_vit_cfg *c = &net->cfg;
  const size_t dim = (size_t)c->dim, ld = (size_t)net->dim;
  const int taken = cls_blocks(c);
  const as_tensor x = tokens_in(net, pass, X, n, c->dim), y = tokens_in(net, pass, Y, n, c->dim);
  embed(net, pass, images, &x);
  as_trace_tensor(trace, "patch_embed", &x);
  for (int i = 0; i < c->depth; i++) {
    if (i == c->depth - 1 && !wants_mean(c) && !trace->fn)
      run_cls_block(net, pass, &x, &y);
    else
      run_block(net, pass, i, &x, &y, trace);
    const int slot = i - (c->depth - taken);
    if (slot >= 0 && c->features != AS_FEATURES_CLS_MEAN_INTERLEAVED)
      take_cls(net, &x, features + (size_t)slot * dim, ld);
  }
  if (c->features == AS_FEATURES_CLS_MEAN_INTERLEAVED) {
    float *cls = pass->buf[POOLED], *mean = cls + (size_t)n * dim;
    take_cls(net, &x, cls, dim);
    take_mean(net, &x, &y, mean, dim);
    for (size_t i = 0; i < (size_t)n * dim; i++) {
      features[2 * i] = cls[i];
      features[2 * i + 1] = mean[i];
    }
  } else if (wants_mean(c)) {
    take_mean(net, &x, &y, features + (size_t)taken * dim, ld);
  }
  if (c->norm == AS_NORM_FC) as_lnorm_forward(&net->norm, (size_t)n, features, ld, features, ld);
  const as_tensor row = {features, 1, 1, 1, net->dim, ld};
  as_trace_tensor(trace, "features", &row);
}

static int vit_dim(const as_net *base) {
  const vit *net = (const vit *)base;
  return net->dim;
}

static double vit_flop(const as_net *base) {
  const vit *net = (const vit *)base;
  double sum = as_convbn_flop(&net->patch);
  for (int i = 0; i < net->cfg.depth; i++)
    sum += as_mha_flop(&net->blocks[i].attn, net->tokens) + as_mlp_flop(&net->blocks[i].mlp, net->tokens);
  return sum;
}

static size_t dense_bytes(const as_dense *d) {
  return d->linear ? as_linear_packed_bytes(d->linear) : 0;
}

static size_t vit_packed(const as_net *base) {
  const vit *net = (const vit *)base;
  size_t sum = net->patch.conv ? as_conv_packed_bytes(net->patch.conv) : 0;
  for (int i = 0; i < net->cfg.depth; i++) {
    const vit_block *b = &net->blocks[i];
    sum += dense_bytes(&b->attn.qkv) + dense_bytes(&b->attn.proj) + dense_bytes(&b->mlp.first) +
           dense_bytes(&b->mlp.second);
  }
  return sum;
}

static size_t vit_trace_floats(const as_net *base) {
  const vit *net = (const vit *)base;
  size_t c = 3 * (size_t)net->cfg.dim, width = (size_t)as_mlp_width(&net->blocks[0].mlp);
  if (width > c) c = width;
  if ((size_t)net->dim > c) c = (size_t)net->dim;
  return (size_t)net->tokens * c;
}

as_status as_vit_create(as_net **out, const as_vit_cfg *cfg, int size, as_params *params, as_err *err) {
  static const as_net_ops ops = {vit_destroy, vit_load,   vit_layout,       vit_forward, vit_dim,
                                 vit_flop,    vit_packed, vit_trace_floats, "head"};
  *out = NULL;
  as_status st = check(cfg, size, err);
  if (st != AS_OK) return st;
  vit *net = as_calloc(1, sizeof *net, err);
  if (!net) return AS_E_ENV;
  net->base.ops = &ops;
  net->cfg = *cfg;
  net->size = size;
  net->grid = size / cfg->patch;
  net->prefix = cfg->cls + cfg->reg;
  net->tokens = net->prefix + net->grid * net->grid;
  net->dim = cfg->dim * (cls_blocks(cfg) + (wants_mean(cfg) ? 1 : 0));
  net->blocks = as_calloc((size_t)cfg->depth, sizeof *net->blocks, err);
  st = net->blocks ? declare_all(net, params, err) : AS_E_ENV;
  if (st != AS_OK) {
    vit_destroy(&net->base);
    return st;
  }
  *out = &net->base;
  return AS_OK;
}
