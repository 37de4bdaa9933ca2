/* ResNets as a list of steps over eight buffers.
 *
 *   image -> [ stem, early stages: one image at a time, buffers X Y T1 T2 ]
 *         -> [ late stages: all images of the pass, another X Y T1 T2 ] -> mean -> features
 *
 * Early maps are large and their weights small: run image by image they stay in cache. Late stages have
 * the weights (layer4 of a ResNet-50: 60 MB), which a pass reads once instead of once per image. Where
 * the line is drawn changes no bit.
 *
 * A block reads X and leaves its result in X: identity blocks add in place; the others build the
 * shortcut in Y, add there, and the two names swap. Names and order of the tensors are torchvision's
 * (torchvision/models/resnet.py), ResNet-D's are timm's (timm/models/resnet.py). */
#include <stdio.h>
#include <string.h>

#include "models/model_int.h"
#include "nn/convbn.h"
#include "nn/skmix.h"
#include "tensor/base/checked.h"
#include "tensor/pool.h"

enum {
  X,
  Y,
  T1,
  T2,
  SEG_BUFS,             /* buffers of one segment; ids SEG_BUFS.. belong to the late one */
  IMAGE = 2 * SEG_BUFS, /* aligned copy of the input */
  NO_BUF = -1,
  NAME_BYTES = 40,
  MAX_CHANNELS = 65536,
  EARLY_BYTES = 2 << 20 /* a stage whose input is larger runs image by image */
};

typedef enum step_kind { STEP_CONV, STEP_MAXPOOL, STEP_AVGPOOL, STEP_AVGPOOL_SAME, STEP_MIX } step_kind;

typedef struct map_size {
  int h, w, c;
} map_size;

typedef struct step {
  step_kind kind;
  size_t conv; /* index into convs, or into mixes */
  as_pool_shape pool;
  int in, res, out; /* buffer ids */
  map_size from, to;
  char name[NAME_BYTES];
} step;

struct as_net {
  as_resnet_cfg cfg;
  int size, dim;
  as_convbn *convs;
  size_t n_convs, cap_convs;
  as_skmix *mixes; /* selective kernels, one per block */
  size_t n_mixes, cap_mixes;
  step *steps;
  size_t n_steps, cap_steps;
  size_t split;                /* steps before it run image by image */
  map_size last;               /* the map that is averaged */
  size_t floats[2 * SEG_BUFS]; /* of one image in each buffer */
};

/* ---- building ---- */

typedef struct builder {
  as_net *net;
  as_params *params;
  as_err *err;
  as_status status; /* first failure; later calls do nothing */
  map_size at;      /* map in buffer `cur` */
  int cur;          /* X or Y of the moment */
} builder;

/* TensorFlow's SAME: out = ceil(in / stride), the odd pixel of padding goes to the end. */
static void same_padding(int in, int k, int stride, int *before, int *after) {
  int out = (in + stride - 1) / stride;
  int total = (out - 1) * stride + k - in;
  if (total < 0) total = 0;
  *before = total / 2;
  *after = total - total / 2;
}

static step *add_step(builder *b, step_kind kind, int in, int res, int out, map_size from, map_size to,
                      const char *name) {
  as_net *net = b->net;
  if (b->status == AS_OK)
    b->status = as_grow((void **)&net->steps, &net->cap_steps, net->n_steps + 1, sizeof *net->steps, b->err);
  if (b->status == AS_OK && (to.h < 1 || to.w < 1))
    b->status =
        as_fail(b->err, AS_E_USAGE, "input size %d is too small: nothing is left at %s", net->size, name);
  if (b->status == AS_OK && to.c > MAX_CHANNELS)
    b->status =
        as_fail(b->err, AS_E_USAGE, "%s: found %d channels, wanted at most %d", name, to.c, MAX_CHANNELS);
  if (b->status != AS_OK) return NULL;
  step *s = &net->steps[net->n_steps++];
  *s = (step){.kind = kind, .in = in, .res = res, .out = out, .from = from, .to = to};
  (void)snprintf(s->name, sizeof s->name, "%s", name);
  return s;
}

/* Declares the tensors of one convolution and gives its index; its step comes separately, because
 * the order of the state dict is not the order of execution. */
static size_t declare_conv(builder *b, map_size in, int c_out, int k, int stride, as_act act, bool closes,
                           const char *conv, const char *bn, map_size *to) {
  as_net *net = b->net;
  as_conv_shape s = {.h = in.h, .w = in.w, .c_in = in.c, .c_out = c_out, .kh = k, .kw = k, .stride = stride};
  if (net->cfg.pad == AS_PAD_SAME) {
    same_padding(in.h, k, stride, &s.pad_top, &s.pad_bottom);
    same_padding(in.w, k, stride, &s.pad_left, &s.pad_right);
  } else {
    s.pad_top = s.pad_left = s.pad_bottom = s.pad_right = (k - 1) / 2;
  }
  *to = (map_size){(in.h + s.pad_top + s.pad_bottom - k) / stride + 1,
                   (in.w + s.pad_left + s.pad_right - k) / stride + 1, c_out};
  if (b->status == AS_OK)
    b->status = as_grow((void **)&net->convs, &net->cap_convs, net->n_convs + 1, sizeof *net->convs, b->err);
  if (b->status != AS_OK) return 0;
  const as_convbn_cfg cfg = {s, conv, bn, net->cfg.eps, closes, act};
  b->status = as_convbn_declare(&net->convs[net->n_convs], &cfg, b->params, b->err);
  return net->n_convs++;
}

static void conv_step(builder *b, size_t conv, int in, int res, int out, map_size from, map_size to,
                      const char *name) {
  step *s = add_step(b, STEP_CONV, in, res, out, from, to, name);
  if (s) s->conv = conv;
}

static size_t declare_mix(builder *b, int c, const char *block) {
  as_net *net = b->net;
  char name[NAME_BYTES];
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
  const map_size image = {b->net->size, b->net->size, 3};
  map_size m1, m2;
  size_t i;
  if (cfg->stem == AS_STEM_DEEP) {
    const int half = c / 2 > 0 ? c / 2 : 1;
    i = declare_conv(b, image, half, 3, 2, AS_ACT_RELU, false, "conv1.0", "conv1.1", &m1);
    conv_step(b, i, IMAGE, NO_BUF, T1, image, m1, "conv1.0");
    i = declare_conv(b, m1, half, 3, 1, AS_ACT_RELU, false, "conv1.3", "conv1.4", &m2);
    conv_step(b, i, T1, NO_BUF, T2, m1, m2, "conv1.3");
    i = declare_conv(b, m2, c, 3, 1, AS_ACT_RELU, false, "conv1.6", "bn1", &m1);
    conv_step(b, i, T2, NO_BUF, T1, m2, m1, "conv1");
  } else {
    const bool small = cfg->stem == AS_STEM_3X3;
    i = declare_conv(b, image, c, small ? 3 : 7, small ? 1 : 2, AS_ACT_RELU, false, "conv1", "bn1", &m1);
    conv_step(b, i, IMAGE, NO_BUF, small ? X : T1, image, m1, "conv1");
  }
  b->at = m1;
  if (cfg->stem == AS_STEM_3X3 || b->status != AS_OK) return;

  as_pool_shape p = {.kh = 3, .kw = 3, .stride = 2};
  if (cfg->pad == AS_PAD_TORCH) {
    p.pad_top = p.pad_left = p.pad_bottom = p.pad_right = 1;
  } else {
    same_padding(m1.h, 3, 2, &p.pad_top, &p.pad_bottom);
    same_padding(m1.w, 3, 2, &p.pad_left, &p.pad_right);
  }
  m2 = (map_size){(m1.h + p.pad_top + p.pad_bottom - 3) / 2 + 1,
                  (m1.w + p.pad_left + p.pad_right - 3) / 2 + 1, c};
  step *s = add_step(b, STEP_MAXPOOL, T1, NO_BUF, X, m1, m2, "maxpool");
  if (s) s->pool = p;
  b->at = m2;
}

/* One residual block: main path over T1 and T2, shortcut in place or in the other of X and Y. */
static void build_block(builder *b, int stage, int index) {
  const as_resnet_cfg *cfg = &b->net->cfg;
  const bool deep = cfg->block == AS_BLOCK_BOTTLENECK;
  const int planes = (cfg->base << stage) * cfg->width;
  const int inner = deep ? planes * cfg->inner : planes, outer = deep ? 4 * planes : planes;
  const int stride = stage > 0 && index == 0 ? 2 : 1;
  const bool project = stride != 1 || b->at.c != outer;
  const map_size in = b->at;
  map_size m1, m2 = {0, 0, 0}, mixed = m2, out, md = in, mp = in;
  size_t c1, c2, c3 = 0, cd = 0, mix = 0;
  const bool sk = deep && cfg->sk;
  char p[24], n[10][NAME_BYTES];
  (void)snprintf(p, sizeof p, "layer%d.%d", stage + 1, index);
  static const char *const leaf[10] = {"conv1", "bn1",          "conv2",        "bn2",          "conv3",
                                       "bn3",   "downsample.0", "downsample.1", "downsample.2", "pool"};
  for (int i = 0; i < 10; i++) (void)snprintf(n[i], sizeof n[i], "%s.%s", p, leaf[i]);

  if (deep) {
    const bool v1 = cfg->stride == AS_STRIDE_V1;
    c1 = declare_conv(b, in, inner, 1, v1 ? stride : 1, AS_ACT_RELU, false, n[0], n[1], &m1);
    c2 = declare_conv(b, m1, sk ? 2 * inner : inner, 3, v1 ? 1 : stride, AS_ACT_RELU, false, n[2], n[3], &m2);
    if (sk) mix = declare_mix(b, inner, p);
    mixed = (map_size){m2.h, m2.w, inner};
    c3 = declare_conv(b, mixed, outer, 1, 1, AS_ACT_RELU, true, n[4], n[5], &out);
  } else {
    c1 = declare_conv(b, in, inner, 3, stride, AS_ACT_RELU, false, n[0], n[1], &m1);
    c2 = declare_conv(b, m1, outer, 3, 1, AS_ACT_RELU, true, n[2], n[3], &out);
  }
  const bool avg = project && cfg->down == AS_DOWN_AVG;
  const bool pooled = avg && stride == 2;
  if (project) {
    if (pooled) {
      mp = (map_size){in.h / 2, in.w / 2, in.c};
      if (b->status == AS_OK && (in.h % 2 || in.w % 2))
        b->status = as_fail(b->err, AS_E_USAGE, "input size %d: down=avg wants even maps, found %dx%d at %s",
                            b->net->size, in.h, in.w, p);
    }
    cd = declare_conv(b, mp, outer, 1, avg ? 1 : stride, AS_ACT_NONE, false, n[avg ? 7 : 6], n[avg ? 8 : 7],
                      &md);
  }
  if (b->status == AS_OK && project && (md.h != out.h || md.w != out.w))
    b->status = as_fail(b->err, AS_E_USAGE, "input size %d does not fit: %s", b->net->size, p);

  const int cur = b->cur, other = cur == X ? Y : X;
  const int res = project ? other : cur;
  conv_step(b, c1, cur, NO_BUF, T1, in, m1, n[0]);
  if (deep) conv_step(b, c2, T1, NO_BUF, T2, m1, m2, n[2]);
  if (pooled) { /* T1 is free again in a bottleneck; a basic block still needs it */
    step *s = add_step(b, STEP_AVGPOOL, cur, NO_BUF, deep ? T1 : T2, in, mp, n[9]);
    if (s) s->pool = (as_pool_shape){.kh = 2, .kw = 2, .stride = 2};
  }
  if (project && avg && !pooled && sk) { /* SimCLR v2 pools at stride 1, too */
    (void)add_step(b, STEP_AVGPOOL_SAME, cur, NO_BUF, T1, in, in, n[9]);
    conv_step(b, cd, T1, NO_BUF, other, in, md, n[7]);
  } else if (project)
    conv_step(b, cd, pooled ? (deep ? T1 : T2) : cur, NO_BUF, other, mp, md, n[avg ? 7 : 6]);
  if (sk) {
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof name, "%.30s.sk", p);
    step *s = add_step(b, STEP_MIX, T2, NO_BUF, T1, m2, mixed, name);
    if (s) s->conv = mix;
  }
  if (deep)
    conv_step(b, c3, sk ? T1 : T2, res, res, mixed, out, p);
  else
    conv_step(b, c2, T1, res, res, m1, out, p);
  b->cur = res;
  b->at = out;
}

/* From step `split` on, buffers are the late segment's; the last early step writes into them. */
static void split_segments(as_net *net, size_t split) {
  net->split = split;
  for (size_t i = split; i < net->n_steps; i++) {
    step *s = &net->steps[i];
    if (s->in != IMAGE) s->in += SEG_BUFS;
    if (s->res != NO_BUF) s->res += SEG_BUFS;
    s->out += SEG_BUFS;
  }
  if (split < net->n_steps)
    net->steps[split - 1].out = net->steps[split].in;
  else
    net->steps[split - 1].out += SEG_BUFS; /* no late step: the result is kept for the mean */
  for (size_t i = 0; i < net->n_steps; i++) {
    const step *s = &net->steps[i];
    size_t n = (size_t)s->to.h * (size_t)s->to.w * as_tensor_ld(s->to.c);
    if (n > net->floats[s->out]) net->floats[s->out] = n;
  }
}

static void resnet_destroy(as_net *net) {
  for (size_t i = 0; i < net->n_convs; i++) as_convbn_clear(&net->convs[i]);
  for (size_t i = 0; i < net->n_mixes; i++) as_skmix_clear(&net->mixes[i]);
  as_free(net->convs);
  as_free(net->mixes);
  as_free(net->steps);
  as_free(net);
}

as_status as_resnet_build(as_net **out, const as_resnet_cfg *cfg, int size, as_params *params, as_err *err) {
  *out = NULL;
  if (cfg->inner != 1 && cfg->block != AS_BLOCK_BOTTLENECK)
    return as_fail(err, AS_E_USAGE, "inner=%d wants block=bottleneck", cfg->inner);
  if (cfg->stride == AS_STRIDE_V1 && cfg->block != AS_BLOCK_BOTTLENECK)
    return as_fail(err, AS_E_USAGE, "stride=v1 wants block=bottleneck");
  if (cfg->sk && (cfg->block != AS_BLOCK_BOTTLENECK || cfg->down != AS_DOWN_AVG))
    return as_fail(err, AS_E_USAGE, "sk=1 wants block=bottleneck and down=avg");
  as_net *net = as_calloc(1, sizeof *net, err);
  if (!net) return AS_E_ENV;
  net->cfg = *cfg;
  net->size = size;
  builder b = {.net = net, .params = params, .err = err, .status = AS_OK, .cur = X};
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
    resnet_destroy(net);
    return b.status;
  }
  split_segments(net, split ? split : net->n_steps);
  net->last = b.at;
  net->dim = b.at.c;
  *out = net;
  return AS_OK;
}

/* ---- running ---- */

static as_status resnet_load(as_net *net, const as_params *params, const as_view *views, as_err *err) {
  for (size_t i = 0; i < net->n_convs; i++) {
    as_status st = as_convbn_load(&net->convs[i], params, views, err);
    if (st != AS_OK) return st;
  }
  for (size_t i = 0; i < net->n_mixes; i++) {
    as_status st = as_skmix_load(&net->mixes[i], params, views, err);
    if (st != AS_OK) return st;
  }
  return AS_OK;
}

static size_t scratch_bytes(const as_net *net, size_t first, size_t last, int batch, int threads) {
  size_t most = 0;
  for (size_t i = first; i < last; i++) {
    if (net->steps[i].kind != STEP_CONV && net->steps[i].kind != STEP_MIX) continue;
    const bool mix = net->steps[i].kind == STEP_MIX;
    const as_conv *conv = mix ? NULL : net->convs[net->steps[i].conv].conv;
    size_t n = mix    ? as_skmix_scratch(&net->mixes[net->steps[i].conv], batch)
               : conv ? as_conv_scratch(conv, batch, threads)
                      : 0;
    if (n > most) most = n;
  }
  return most;
}

static void resnet_layout(const as_net *net, int batch, as_arena *arena, as_pass *pass) {
  for (int b = 0; b < 2 * SEG_BUFS; b++) {
    size_t n = net->floats[b];
    if (b >= SEG_BUFS && !as_mul_size(n, (size_t)batch, &n)) arena->overflow = true;
    pass->buf[b] = as_arena_take(arena, n, sizeof(float));
  }
  pass->buf[IMAGE] = as_arena_take(arena, (size_t)net->size * (size_t)net->size * 3, sizeof(float));
  const size_t early = scratch_bytes(net, 0, net->split, 1, pass->team.threads);
  const size_t late = scratch_bytes(net, net->split, net->n_steps, batch, pass->team.threads);
  pass->team.scratch = as_arena_take(arena, early > late ? early : late, 1);
}

/* A step's tensor in buffer `id`: n images, from `image` on where the buffer holds the whole pass. */
static as_tensor tensor_in(const as_pass *pass, int id, map_size m, int image, int n) {
  as_tensor t = {.data = pass->buf[id], .n = n, .h = m.h, .w = m.w, .c = m.c, .ld = as_tensor_ld(m.c)};
  if (id == IMAGE)
    t.ld = 3;
  else if (id >= SEG_BUFS)
    t.data += (size_t)image * (size_t)m.h * (size_t)m.w * t.ld;
  return t;
}

static void run_steps(const as_net *net, const as_pass *pass, size_t first, size_t last, int image, int n,
                      const as_tracer *trace) {
  for (size_t i = first; i < last; i++) {
    const step *s = &net->steps[i], *next = i + 1 < last ? s + 1 : NULL;
    const as_tensor in = tensor_in(pass, s->in, s->from, image, n);
    const as_tensor out = tensor_in(pass, s->out, s->to, image, n);
    if (s->kind == STEP_CONV) {
      as_tensor res = {0};
      if (s->res != NO_BUF) res = tensor_in(pass, s->res, s->to, image, n);
      const as_tensor *residual = s->res != NO_BUF ? &res : NULL;
      const as_convbn *l = &net->convs[s->conv];
      /* A block's last 1x1 and the next one's first: its output is read while in cache. */
      if (next && next->kind == STEP_CONV && next->in == s->out && next->res == NO_BUF &&
          next->out != s->in && next->out != s->res && next->out != s->out &&
          as_conv_pairs(l->conv, net->convs[next->conv].conv)) {
        const as_convbn *l2 = &net->convs[next->conv];
        const as_tensor out2 = tensor_in(pass, next->out, next->to, image, n);
        as_conv_run_pair(l->conv, &(as_conv_args){&in, residual, l->act, &out}, l2->conv,
                         &(as_conv_args){&out, NULL, l2->act, &out2}, &pass->team);
        as_trace_tensor(trace, s->name, &out);
        as_trace_tensor(trace, next->name, &out2);
        i++;
        continue;
      }
      as_convbn_forward(l, &in, residual, &out, &pass->team);
    } else if (s->kind == STEP_MAXPOOL) {
      as_maxpool(&s->pool, &in, &out);
    } else if (s->kind == STEP_AVGPOOL) {
      as_avgpool(&s->pool, &in, &out);
    } else if (s->kind == STEP_AVGPOOL_SAME) {
      as_avgpool_2x2_same(&in, &out);
    } else {
      as_skmix_forward(&net->mixes[s->conv], &in, &out, pass->team.scratch);
    }
    as_trace_tensor(trace, s->name, &out);
  }
}

static void resnet_forward(const as_net *net, const as_pass *pass, const float *images, int n,
                           float *features, const as_tracer *trace) {
  const size_t floats = (size_t)net->size * (size_t)net->size * 3;
  for (int i = 0; i < n; i++) {
    memcpy(pass->buf[IMAGE], images + (size_t)i * floats, floats * sizeof(float));
    run_steps(net, pass, 0, net->split, i, 1, trace);
  }
  run_steps(net, pass, net->split, net->n_steps, 0, n, trace);

  const as_tensor last = tensor_in(pass, net->steps[net->n_steps - 1].out, net->last, 0, n);
  as_global_avgpool(&last, features, (size_t)net->dim);
  const as_tensor row = {features, 1, 1, 1, net->dim, (size_t)net->dim};
  as_trace_tensor(trace, "features", &row);
}

static int resnet_dim(const as_net *net) {
  return net->dim;
}

static double resnet_flop(const as_net *net) {
  double sum = 0;
  for (size_t i = 0; i < net->n_convs; i++) sum += as_convbn_flop(&net->convs[i]);
  for (size_t i = 0; i < net->n_steps; i++)
    if (net->steps[i].kind == STEP_MIX)
      sum += as_skmix_flop(&net->mixes[net->steps[i].conv], net->steps[i].to.h, net->steps[i].to.w);
  return sum;
}

static size_t resnet_packed(const as_net *net) {
  size_t sum = 0;
  for (size_t i = 0; i < net->n_convs; i++)
    if (net->convs[i].conv) sum += as_conv_packed_bytes(net->convs[i].conv);
  return sum;
}

static size_t resnet_trace_floats(const as_net *net) {
  size_t most = (size_t)net->dim;
  for (size_t i = 0; i < net->n_steps; i++) {
    const map_size m = net->steps[i].to;
    size_t n = (size_t)m.h * (size_t)m.w * (size_t)m.c;
    if (n > most) most = n;
  }
  return most;
}

const as_net_ops as_resnet_ops = {resnet_destroy, resnet_load,         resnet_layout,
                                  resnet_forward, resnet_dim,          resnet_flop,
                                  resnet_packed,  resnet_trace_floats, "fc"};
