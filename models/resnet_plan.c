/* From a configuration to the list of steps (resnet_int.h), with the tensors of every layer declared. */
#include <stdio.h>
#include <string.h>

#include "models/resnet_int.h"

enum {
  MAX_CHANNELS = 65536,
  EARLY_BYTES = 2 << 20 /* a stage whose input is larger runs image by image */
};

typedef struct builder {
  as_resnet *net;
  as_params *params;
  as_err *err;
  as_status status; /* first failure; later calls do nothing */
  as_map_size at;   /* map in buffer `cur` */
  int cur;          /* AS_BUF_X or AS_BUF_Y of the moment */
} builder;

/* TensorFlow's SAME: out = ceil(in / stride), the odd pixel of padding goes to the end. */
static void same_padding(int in, int k, int stride, int *before, int *after) {
  int out = (in + stride - 1) / stride;
  int total = (out - 1) * stride + k - in;
  if (total < 0) total = 0;
  *before = total / 2;
  *after = total - total / 2;
}

static as_step *add_step(builder *b, as_step_kind kind, int in, int res, int out, as_map_size from,
                         as_map_size to, const char *name) {
  as_resnet *net = b->net;
  if (b->status == AS_OK)
    b->status = as_grow((void **)&net->steps, &net->cap_steps, net->n_steps + 1, sizeof *net->steps, b->err);
  if (b->status == AS_OK && (to.h < 1 || to.w < 1))
    b->status =
        as_fail(b->err, AS_E_USAGE, "input size %d is too small: nothing is left at %s", net->size, name);
  if (b->status == AS_OK && to.c > MAX_CHANNELS)
    b->status =
        as_fail(b->err, AS_E_USAGE, "%s: found %d channels, wanted at most %d", name, to.c, MAX_CHANNELS);
  if (b->status != AS_OK) return NULL;
  as_step *s = &net->steps[net->n_steps++];
  *s = (as_step){.kind = kind, .in = in, .res = res, .out = out, .from = from, .to = to};
  (void)snprintf(s->name, sizeof s->name, "%s", name);
  return s;
}

/* A convolution over a map. */
typedef struct layer_size {
  as_map_size in;
  int c_out, kernel, stride;
} layer_size;

/* Declares the tensors of one convolution and gives its index; its step comes separately, because
 * the order of the state dict is not the order of execution. */
static size_t declare_conv(builder *b, layer_size size, as_act act, bool closes, const char *conv,
                           const char *bn, as_map_size *to) {
  as_resnet *net = b->net;
  const as_map_size in = size.in;
  const int k = size.kernel, stride = size.stride;
  as_conv_shape s = {
      .h = in.h, .w = in.w, .c_in = in.c, .c_out = size.c_out, .kh = k, .kw = k, .stride = stride};
  if (net->cfg.pad == AS_PAD_SAME) {
    same_padding(in.h, k, stride, &s.pad_top, &s.pad_bottom);
    same_padding(in.w, k, stride, &s.pad_left, &s.pad_right);
  } else {
    s.pad_top = s.pad_left = s.pad_bottom = s.pad_right = (k - 1) / 2;
  }
  *to = (as_map_size){(in.h + s.pad_top + s.pad_bottom - k) / stride + 1,
                      (in.w + s.pad_left + s.pad_right - k) / stride + 1, size.c_out};
  if (b->status == AS_OK)
    b->status = as_grow((void **)&net->convs, &net->cap_convs, net->n_convs + 1, sizeof *net->convs, b->err);
  if (b->status != AS_OK) return 0;
  const as_convbn_cfg cfg = {s, conv, bn, net->cfg.eps, closes, act};
  b->status = as_convbn_declare(&net->convs[net->n_convs], &cfg, b->params, b->err);
  return net->n_convs++;
}

static void conv_step(builder *b, size_t conv, int in, int res, int out, as_map_size from, as_map_size to,
                      const char *name) {
  as_step *s = add_step(b, AS_STEP_CONV, in, res, out, from, to, name);
  if (s) s->conv = conv;
}

static size_t declare_mix(builder *b, int c, const char *block) {
  as_resnet *net = b->net;
  char name[AS_RESNET_NAME_BYTES];
  (void)snprintf(name, sizeof name, "%.30s.sk", block);
  if (b->status == AS_OK)
    b->status = as_grow(&net->mixes, &net->cap_mixes, net->n_mixes + 1, sizeof *net->mixes, b->err);
  if (b->status != AS_OK) return 0;
  b->status = as_skmix_declare(&net->mixes[net->n_mixes], name, c, net->cfg.eps, b->params, b->err);
  return net->n_mixes++;
}

static void build_stem(builder *b) {
  const as_resnet_cfg *cfg = &b->net->cfg;
  const int c = cfg->base * cfg->width;
  const bool pooled = cfg->stem == AS_STEM_7X7 || cfg->stem == AS_STEM_DEEP;
  const as_map_size image = {b->net->size, b->net->size, 3};
  as_map_size m1, m2;
  size_t i;
  if (cfg->stem == AS_STEM_DEEP) {
    const int half = c / 2 > 0 ? c / 2 : 1;
    i = declare_conv(b, (layer_size){image, half, 3, 2}, AS_ACT_RELU, false, "conv1.0", "conv1.1", &m1);
    conv_step(b, i, AS_BUF_IMAGE, AS_BUF_NONE, AS_BUF_T1, image, m1, "conv1.0");
    i = declare_conv(b, (layer_size){m1, half, 3, 1}, AS_ACT_RELU, false, "conv1.3", "conv1.4", &m2);
    conv_step(b, i, AS_BUF_T1, AS_BUF_NONE, AS_BUF_T2, m1, m2, "conv1.3");
    i = declare_conv(b, (layer_size){m2, c, 3, 1}, AS_ACT_RELU, false, "conv1.6", "bn1", &m1);
    conv_step(b, i, AS_BUF_T2, AS_BUF_NONE, AS_BUF_T1, m2, m1, "conv1");
  } else {
    const int kernel = pooled ? 7 : 3, stride = cfg->stem == AS_STEM_3X3 ? 1 : 2;
    i = declare_conv(b, (layer_size){image, c, kernel, stride}, AS_ACT_RELU, false, "conv1", "bn1", &m1);
    conv_step(b, i, AS_BUF_IMAGE, AS_BUF_NONE, pooled ? AS_BUF_T1 : AS_BUF_X, image, m1, "conv1");
  }
  b->at = m1;
  if (!pooled || b->status != AS_OK) return;

  as_pool_shape p = {.kh = 3, .kw = 3, .stride = 2};
  if (cfg->pad == AS_PAD_TORCH) {
    p.pad_top = p.pad_left = p.pad_bottom = p.pad_right = 1;
  } else {
    same_padding(m1.h, 3, 2, &p.pad_top, &p.pad_bottom);
    same_padding(m1.w, 3, 2, &p.pad_left, &p.pad_right);
  }
  m2 = (as_map_size){(m1.h + p.pad_top + p.pad_bottom - 3) / 2 + 1,
                     (m1.w + p.pad_left + p.pad_right - 3) / 2 + 1, c};
  as_step *s = add_step(b, AS_STEP_MAXPOOL, AS_BUF_T1, AS_BUF_NONE, AS_BUF_X, m1, m2, "maxpool");
  if (s) s->pool = p;
  b->at = m2;
}

/* ---- a residual block ---- */

/* What follows from the configuration and from the map that the block gets. */
typedef struct block {
  char name[24];                          /* "layer2.0" */
  bool deep, sk;                          /* bottleneck; selective kernels in its middle */
  int inner, outer, stride;               /* channels inside and after the block */
  bool project, avg, pooled;              /* the shortcut is a convolution; behind an average pool; of 2x2 */
  as_map_size in, mid1, mid2, mixed, out; /* along the main path */
  as_map_size down_in;                    /* what the shortcut's convolution reads */
  size_t conv1, conv2, conv3, down, mix;  /* indices of the layers */
} block;

static block shape_block(const builder *b, int stage, int index) {
  const as_resnet_cfg *cfg = &b->net->cfg;
  const int planes = (cfg->base << stage) * cfg->width;
  block k = {.deep = cfg->block == AS_BLOCK_BOTTLENECK, .in = b->at, .down_in = b->at};
  (void)snprintf(k.name, sizeof k.name, "layer%d.%d", stage + 1, index);
  k.sk = k.deep && cfg->sk;
  k.inner = k.deep ? planes * cfg->inner : planes;
  k.outer = k.deep ? 4 * planes : planes;
  k.stride = stage > 0 && index == 0 ? 2 : 1;
  k.project = k.stride != 1 || b->at.c != k.outer;
  k.avg = k.project && cfg->down == AS_DOWN_AVG;
  k.pooled = k.avg && k.stride == 2;
  if (k.pooled) k.down_in = (as_map_size){k.in.h / 2, k.in.w / 2, k.in.c};
  return k;
}

/* A convolution of the block and its BatchNorm by their last names. */
static size_t declare_in(builder *b, const block *k, const char *conv, const char *bn, layer_size size,
                         as_act act, bool closes, as_map_size *to) {
  char names[2][AS_RESNET_NAME_BYTES];
  (void)snprintf(names[0], sizeof names[0], "%s.%s", k->name, conv);
  (void)snprintf(names[1], sizeof names[1], "%s.%s", k->name, bn);
  return declare_conv(b, size, act, closes, names[0], names[1], to);
}

/* The tensors in the order of the state dict: the main path, then the shortcut. In ResNet-D the shortcut is a
 * Sequential of pool, convolution and BatchNorm, so that its numbers are one higher. */
static void declare_block(builder *b, block *k) {
  const as_resnet_cfg *cfg = &b->net->cfg;
  const bool v1 = cfg->stride == AS_STRIDE_V1;
  const int inner = k->inner, outer = k->outer, s = k->stride;
  if (k->deep) {
    k->conv1 = declare_in(b, k, "conv1", "bn1", (layer_size){k->in, inner, 1, v1 ? s : 1}, AS_ACT_RELU, false,
                          &k->mid1);
    k->conv2 =
        declare_in(b, k, "conv2", "bn2", (layer_size){k->mid1, k->sk ? 2 * inner : inner, 3, v1 ? 1 : s},
                   AS_ACT_RELU, false, &k->mid2);
    if (k->sk) k->mix = declare_mix(b, inner, k->name);
    k->mixed = (as_map_size){k->mid2.h, k->mid2.w, inner};
    k->conv3 =
        declare_in(b, k, "conv3", "bn3", (layer_size){k->mixed, outer, 1, 1}, AS_ACT_RELU, true, &k->out);
  } else {
    k->conv1 =
        declare_in(b, k, "conv1", "bn1", (layer_size){k->in, inner, 3, s}, AS_ACT_RELU, false, &k->mid1);
    k->conv2 =
        declare_in(b, k, "conv2", "bn2", (layer_size){k->mid1, outer, 3, 1}, AS_ACT_RELU, true, &k->out);
  }
  if (!k->project) return;
  if (k->pooled && b->status == AS_OK && (k->in.h % 2 || k->in.w % 2))
    b->status = as_fail(b->err, AS_E_USAGE, "input size %d: down=avg wants even maps, found %dx%d at %s",
                        b->net->size, k->in.h, k->in.w, k->name);
  as_map_size to = {0, 0, 0};
  k->down =
      declare_in(b, k, k->avg ? "downsample.1" : "downsample.0", k->avg ? "downsample.2" : "downsample.1",
                 (layer_size){k->down_in, outer, 1, k->avg ? 1 : s}, AS_ACT_NONE, false, &to);
  if (b->status == AS_OK && (to.h != k->out.h || to.w != k->out.w))
    b->status = as_fail(b->err, AS_E_USAGE, "input size %d does not fit: %s", b->net->size, k->name);
}

static void conv_in(builder *b, const block *k, size_t conv, const char *leaf, int in, int out,
                    as_map_size from, as_map_size to) {
  char name[AS_RESNET_NAME_BYTES];
  (void)snprintf(name, sizeof name, "%s.%s", k->name, leaf);
  conv_step(b, conv, in, AS_BUF_NONE, out, from, to, name);
}

/* The shortcut into buffer `out`. The free buffer of the main path takes the pooled map: T1 in a bottleneck, whose
 * second convolution has read it; T2 in a basic block, which still needs T1. SimCLR v2 pools at stride 1, too. */
static void shortcut_steps(builder *b, const block *k, int in, int out) {
  const int pooled = k->deep ? AS_BUF_T1 : AS_BUF_T2;
  const bool same = k->avg && !k->pooled && k->sk;
  char name[AS_RESNET_NAME_BYTES];
  (void)snprintf(name, sizeof name, "%s.pool", k->name);
  if (k->pooled) {
    as_step *s = add_step(b, AS_STEP_AVGPOOL, in, AS_BUF_NONE, pooled, k->in, k->down_in, name);
    if (s) s->pool = (as_pool_shape){.kh = 2, .kw = 2, .stride = 2};
  }
  if (same) (void)add_step(b, AS_STEP_AVGPOOL_SAME, in, AS_BUF_NONE, pooled, k->in, k->in, name);
  conv_in(b, k, k->down, k->avg ? "downsample.1" : "downsample.0", k->pooled || same ? pooled : in, out,
          k->down_in, k->out);
}

/* The main path over T1 and T2; the shortcut in place, or in the other of X and Y. */
static void build_block(builder *b, int stage, int index) {
  block k = shape_block(b, stage, index);
  declare_block(b, &k);
  const int cur = b->cur, other = cur == AS_BUF_X ? AS_BUF_Y : AS_BUF_X, res = k.project ? other : cur;
  conv_in(b, &k, k.conv1, "conv1", cur, AS_BUF_T1, k.in, k.mid1);
  if (k.deep) conv_in(b, &k, k.conv2, "conv2", AS_BUF_T1, AS_BUF_T2, k.mid1, k.mid2);
  if (k.project) shortcut_steps(b, &k, cur, other);
  if (k.sk) {
    char name[AS_RESNET_NAME_BYTES];
    (void)snprintf(name, sizeof name, "%.30s.sk", k.name);
    as_step *s = add_step(b, AS_STEP_MIX, AS_BUF_T2, AS_BUF_NONE, AS_BUF_T1, k.mid2, k.mixed, name);
    if (s) s->conv = k.mix;
  }
  if (k.deep) {
    conv_step(b, k.conv3, k.sk ? AS_BUF_T1 : AS_BUF_T2, res, res, k.mixed, k.out, k.name);
  } else {
    conv_step(b, k.conv2, AS_BUF_T1, res, res, k.mid1, k.out, k.name);
  }
  b->cur = res;
  b->at = k.out;
}

/* From step `split` on, buffers are the late segment's; the last early step writes into them. */
static void split_segments(as_resnet *net, size_t split) {
  net->split = split;
  for (size_t i = split; i < net->n_steps; i++) {
    as_step *s = &net->steps[i];
    if (s->in != AS_BUF_IMAGE) s->in += AS_RESNET_SEG_BUFS;
    if (s->res != AS_BUF_NONE) s->res += AS_RESNET_SEG_BUFS;
    s->out += AS_RESNET_SEG_BUFS;
  }
  if (split < net->n_steps)
    net->steps[split - 1].out = net->steps[split].in;
  else
    net->steps[split - 1].out += AS_RESNET_SEG_BUFS; /* no late step: the result is kept for the mean */
  for (size_t i = 0; i < net->n_steps; i++) {
    const as_step *s = &net->steps[i];
    size_t n = (size_t)s->to.h * (size_t)s->to.w * as_tensor_ld(s->to.c);
    if (n > net->floats[s->out]) net->floats[s->out] = n;
  }
}

void as_resnet_destroy(as_resnet *net) {
  for (size_t i = 0; i < net->n_convs; i++) as_convbn_clear(&net->convs[i]);
  for (size_t i = 0; i < net->n_mixes; i++) as_skmix_clear(&net->mixes[i]);
  as_free(net->convs);
  as_free(net->mixes);
  as_free(net->steps);
  as_free(net);
}

as_status as_resnet_build(as_resnet **out, const as_resnet_cfg *cfg, int size, as_params *params,
                          as_err *err) {
  *out = NULL;
  if (cfg->inner != 1 && cfg->block != AS_BLOCK_BOTTLENECK)
    return as_fail(err, AS_E_USAGE, "inner=%d wants block=bottleneck", cfg->inner);
  if (cfg->stride == AS_STRIDE_V1 && cfg->block != AS_BLOCK_BOTTLENECK)
    return as_fail(err, AS_E_USAGE, "stride=v1 wants block=bottleneck");
  if (cfg->sk && (cfg->block != AS_BLOCK_BOTTLENECK || cfg->down != AS_DOWN_AVG))
    return as_fail(err, AS_E_USAGE, "sk=1 wants block=bottleneck and down=avg");
  as_resnet *net = as_calloc(1, sizeof *net, err);
  if (!net) return AS_E_ENV;
  net->cfg = *cfg;
  net->size = size;
  builder b = {.net = net, .params = params, .err = err, .status = AS_OK, .cur = AS_BUF_X};
  build_stem(&b);
  size_t split = 0;
  for (int stage = 0; stage < cfg->stages.n && b.status == AS_OK; stage++) {
    size_t bytes = (size_t)b.at.h * (size_t)b.at.w * as_tensor_ld(b.at.c) * sizeof(float);
    if (stage > 0 && bytes > EARLY_BYTES)
      split = 0; /* this stage is early too */
    else if (split == 0 && stage > 0)
      split = net->n_steps;
    for (int i = 0; i < cfg->stages.blocks[stage] && b.status == AS_OK; i++) build_block(&b, stage, i);
  }
  if (b.status != AS_OK) {
    as_resnet_destroy(net);
    return b.status;
  }
  split_segments(net, split ? split : net->n_steps);
  net->last = b.at;
  net->dim = b.at.c;
  *out = net;
  return AS_OK;
}
