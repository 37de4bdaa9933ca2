/* The transformer of vit.c in training: its tensors, layers and the values of a step. vit_pass.c runs it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "models/model_int.h"
#include "models/vit_train_int.h"
#include "tensor/attention.h"
#include "tensor/base/mem.h"
#include "tensor/train/attention_train.h"
#include "tensor/train/lnorm_train.h"

enum { NAME_BYTES = 64 };

/* ---- building ---- */

static size_t slot_of(const as_vit_encoder *e, int block, const char *leaf) {
  char name[NAME_BYTES];
  if (block < 0)
    (void)snprintf(name, sizeof name, "%s", leaf);
  else
    (void)snprintf(name, sizeof name, "blocks.%d.%s", block, leaf);
  const size_t at = as_store_find(e->base.store, name);
  return at < e->base.store->n ? at : AS_VIT_NONE;
}

/* As DINO's vision_transformer.py starts them: linear layers, tokens and positions from a truncated normal of deviation
 * 0.02, biases at 0, norms at 1 and 0; the patch convolution as torch's own. */
static as_start start_of(const as_vit_cfg *c, const as_param_spec *p) {
  const bool gain = strstr(p->name, "norm") && strstr(p->name, "weight");
  if (strstr(p->name, "patch_embed"))
    return (as_start){AS_START_UNIFORM, 1.0 / sqrt(3.0 * (double)c->patch * (double)c->patch)};
  if (p->rank > 1) return (as_start){AS_START_TRUNCATED, 0.02};
  return (as_start){AS_START_CONSTANT, gain ? 1.0 : 0.0};
}

/* Names and shapes are what the network of inference declares. */
static as_status declare_tensors(as_vit_encoder *e, as_err *err) {
  as_params params = {0};
  as_net *net = NULL;
  as_status st = as_vit_create(&net, &e->vit, e->base.cfg.size, &params, err);
  for (size_t i = 0; i < params.n && st == AS_OK; i++) {
    const as_param_spec *p = &params.specs[i];
    const as_store_spec spec = {"", p->name, start_of(&e->vit, p), true, p->rank, p->shape};
    size_t at;
    st = as_store_want(e->base.store, &spec, &at, err);
  }
  if (net) net->ops->destroy(net);
  as_params_clear(&params);
  return st;
}

static as_status make_product(as_vit_encoder *e, as_vit_product *d, int block, const char *name, int n_in,
                              int n_out, as_err *err) {
  char leaf[NAME_BYTES];
  const as_conv_shape s = {.h = 1, .w = 1, .c_in = n_in, .c_out = n_out, .kh = 1, .kw = 1, .stride = 1};
  (void)snprintf(leaf, sizeof leaf, "%s.weight", name);
  d->weight = slot_of(e, block, leaf);
  (void)snprintf(leaf, sizeof leaf, "%s.bias", name);
  d->bias = slot_of(e, block, leaf);
  return as_conv_train_create(&d->conv, &s, (size_t)e->base.cfg.images * (size_t)e->tokens, err);
}

static as_status make_block(as_vit_encoder *e, int i, as_err *err) {
  as_vit_block *b = &e->blocks[i];
  const int dim = e->vit.dim, mlp = e->vit.mlp;
  b->norm1 = (as_vit_affine){slot_of(e, i, "norm1.weight"), slot_of(e, i, "norm1.bias")};
  b->norm2 = (as_vit_affine){slot_of(e, i, "norm2.weight"), slot_of(e, i, "norm2.bias")};
  as_status st = make_product(e, &b->qkv, i, "attn.qkv", dim, 3 * dim, err);
  if (st == AS_OK) st = make_product(e, &b->proj, i, "attn.proj", dim, dim, err);
  if (st == AS_OK) st = make_product(e, &b->fc1, i, "mlp.fc1", dim, mlp, err);
  return st == AS_OK ? make_product(e, &b->fc2, i, "mlp.fc2", mlp, dim, err) : st;
}

static size_t most(size_t a, size_t b) {
  return a > b ? a : b;
}

static as_status make_vit_scratch(as_vit_encoder *e, as_err *err) {
  const as_vit_cfg *c = &e->vit;
  const size_t dim = (size_t)c->dim, grid = (size_t)(e->grid * e->grid);
  const size_t images = (size_t)e->base.cfg.images, rows = images * (size_t)e->tokens;
  const size_t wide = as_vit_wide(c), token_row = (size_t)e->tokens * dim;
  const int stored = c->posgrid ? c->posgrid : e->grid, threads = as_par_threads();
  const as_map widest = as_map_matrix(NULL, rows, wide), by_image = as_map_matrix(NULL, images, token_row);
  const size_t floats =
      most(most(as_map_sum_floats(&widest), as_map_sum_floats(&by_image)), as_lnorm_grad_floats(rows, dim));
  e->first = as_calloc(dim, sizeof(float), err);
  e->positions = as_alloc(grid * dim, sizeof(float), err);
  e->dstored = as_alloc((size_t)(stored * stored) * dim, sizeof(float), err);
  e->dweight = as_alloc(most(dim * wide, 3 * dim * (size_t)(c->patch * c->patch)), sizeof(float), err);
  e->sum = as_alloc(most(wide, token_row), sizeof(float), err);
  e->scratch = as_alloc(floats, sizeof(float), err);
  e->team.threads = threads;
  e->team.scratch = as_alloc(most(as_attention_scratch(e->tokens, c->heads, c->dim, threads),
                                  as_attention_grad_scratch(e->tokens, c->heads, c->dim, threads)),
                             1, err);
  if (!e->first || !e->positions || !e->dstored || !e->dweight || !e->sum || !e->scratch || !e->team.scratch)
    return AS_E_ENV;
  e->resized = stored != e->grid;
  const as_pos_rule rule = c->resize == AS_RESIZE_SCALE ? AS_POS_SCALE : AS_POS_EXACT;
  return e->resized ? as_posembed_init(&e->resize, rule, stored, e->grid, c->dim, err) : AS_OK;
}

static as_status check_trainable(const as_arch *a, as_err *err) {
  const as_vit_cfg *c = &a->vit;
  const char *found = c->ls                      ? "ls=1"
                      : c->reg                   ? "registers"
                      : c->ffn != AS_FFN_GELU    ? "ffn=swiglu"
                      : c->norm != AS_NORM_FINAL ? "another norm than final"
                      : c->features != AS_FEATURES_CLS && c->features != AS_FEATURES_MEAN ? "several features"
                                                                                          : NULL;
  if (!found) return AS_OK;
  return as_fail(err, AS_E_USAGE,
                 "%s: found %s, wanted a transformer that can be trained (ls=0, reg=0, ffn=gelu, norm=final, "
                 "features=cls or mean)",
                 a->name, found);
}

static as_status fill_vit(as_vit_encoder *e, as_err *err) {
  const as_vit_cfg *c = &e->vit;
  as_status st = declare_tensors(e, err); /* as_vit_create checks the configuration */
  if (st != AS_OK) return st;
  e->base.dim = c->dim;
  e->grid = e->base.cfg.size / c->patch;
  e->prefix = c->cls;
  e->tokens = e->prefix + e->grid * e->grid;
  e->cls = slot_of(e, -1, "cls_token"), e->pos = slot_of(e, -1, "pos_embed");
  e->norm = (as_vit_affine){slot_of(e, -1, "norm.weight"), slot_of(e, -1, "norm.bias")};
  e->patch.weight = slot_of(e, -1, "patch_embed.proj.weight");
  e->patch.bias = slot_of(e, -1, "patch_embed.proj.bias");
  const int size = e->base.cfg.size;
  const as_conv_shape patch = {
      .h = size, .w = size, .c_in = 3, .c_out = c->dim, .kh = c->patch, .kw = c->patch, .stride = c->patch};
  const size_t patches = (size_t)e->base.cfg.images * (size_t)(e->grid * e->grid);
  st = as_conv_train_create(&e->patch.conv, &patch, patches, err);
  e->blocks = as_calloc((size_t)c->depth, sizeof *e->blocks, err);
  if (st == AS_OK && !e->blocks) st = AS_E_ENV;
  for (int i = 0; i < c->depth && st == AS_OK; i++) st = make_block(e, i, err);
  return st == AS_OK ? make_vit_scratch(e, err) : st;
}

static void vit_train_destroy(as_encoder *base) {
  as_vit_encoder *e = (as_vit_encoder *)base;
  for (int i = 0; e->blocks && i < e->vit.depth; i++) {
    as_vit_block *b = &e->blocks[i];
    as_conv_train_destroy(&b->qkv.conv);
    as_conv_train_destroy(&b->proj.conv);
    as_conv_train_destroy(&b->fc1.conv);
    as_conv_train_destroy(&b->fc2.conv);
  }
  as_conv_train_destroy(&e->patch.conv);
  as_posembed_clear(&e->resize);
  void *all[] = {e->blocks, e->first,   e->positions,    e->dstored, e->dweight,
                 e->sum,    e->scratch, e->team.scratch, e};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) as_free(all[i]);
}

/* ---- the values of a step ---- */

static void pack_product(const as_vit_encoder *e, const as_vit_product *d, bool reverse) {
  as_conv_train_pack(d->conv, as_vit_value(e, d->weight), as_vit_value(e, d->bias), reverse);
}

static void vit_train_pack(as_encoder *base, bool reverse) {
  as_vit_encoder *e = (as_vit_encoder *)base;
  const size_t dim = (size_t)e->vit.dim, grid = (size_t)(e->grid * e->grid);
  const float *pos = as_vit_value(e, e->pos), *cls = as_vit_value(e, e->cls);
  const float *patches = pos + (e->vit.poscls ? dim : 0);
  for (size_t i = 0; cls && i < dim; i++) e->first[i] = e->vit.poscls ? cls[i] + pos[i] : cls[i];
  if (e->resized)
    as_posembed_apply(&e->resize, patches, e->positions);
  else
    memcpy(e->positions, patches, grid * dim * sizeof *patches);
  pack_product(e, &e->patch, false);
  for (int i = 0; i < e->vit.depth; i++) {
    const as_vit_block *b = &e->blocks[i];
    pack_product(e, &b->qkv, reverse);
    pack_product(e, &b->proj, reverse);
    pack_product(e, &b->fc1, reverse);
    pack_product(e, &b->fc2, reverse);
  }
}

as_status as_vit_encoder_create(as_encoder **out, const as_arch *arch, const as_encoder_cfg *cfg,
                                as_store *store, as_err *err) {
  static const as_encoder_ops ops = {vit_train_destroy,   vit_train_pack,     as_vit_pass_create,
                                     as_vit_pass_destroy, as_vit_pass_resize, as_vit_pass_forward,
                                     as_vit_pass_backward};
  *out = NULL;
  as_status st = check_trainable(arch, err);
  if (st != AS_OK) return st;
  as_vit_encoder *e = as_calloc(1, sizeof *e, err);
  if (!e) return AS_E_ENV;
  e->base = (as_encoder){.ops = &ops, .store = store, .cfg = *cfg};
  e->vit = arch->vit;
  st = fill_vit(e, err);
  if (st != AS_OK) {
    vit_train_destroy(&e->base);
    return st;
  }
  *out = &e->base;
  return AS_OK;
}
