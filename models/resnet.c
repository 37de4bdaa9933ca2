/* ResNets at work: loading, buffers, the steps one after the other. */
#include <string.h>

#include "models/resnet_int.h"
#include "tensor/base/checked.h"

static as_status resnet_load(as_net *base, const as_params *params, const as_view *views, as_err *err) {
  as_resnet *net = (as_resnet *)base;
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

static size_t scratch_bytes(const as_resnet *net, size_t first, size_t last, int batch, int threads) {
  size_t most = 0;
  for (size_t i = first; i < last; i++) {
    if (net->steps[i].kind != AS_STEP_CONV && net->steps[i].kind != AS_STEP_MIX) continue;
    const bool mix = net->steps[i].kind == AS_STEP_MIX;
    const as_conv *conv = mix ? NULL : net->convs[net->steps[i].conv].conv;
    size_t n = mix    ? as_skmix_scratch(&net->mixes[net->steps[i].conv], batch)
               : conv ? as_conv_scratch(conv, batch, threads)
                      : 0;
    if (n > most) most = n;
  }
  return most;
}

static void resnet_layout(const as_net *base, int batch, as_arena *arena, as_pass *pass) {
  const as_resnet *net = (const as_resnet *)base;
  for (int b = 0; b < 2 * AS_RESNET_SEG_BUFS; b++) {
    size_t n = net->floats[b];
    if (b >= AS_RESNET_SEG_BUFS && !as_mul_size(n, (size_t)batch, &n)) arena->overflow = true;
    pass->buf[b] = as_arena_take(arena, n, sizeof(float));
  }
  pass->buf[AS_BUF_IMAGE] = as_arena_take(arena, (size_t)net->size * (size_t)net->size * 3, sizeof(float));
  const size_t early = scratch_bytes(net, 0, net->split, 1, pass->team.threads);
  const size_t late = scratch_bytes(net, net->split, net->n_steps, batch, pass->team.threads);
  pass->team.scratch = as_arena_take(arena, early > late ? early : late, 1);
}

/* A step's tensor in buffer `id`: n images, from `image` on where the buffer holds the whole pass. */
static as_tensor tensor_in(const as_pass *pass, int id, as_map_size m, int image, int n) {
  as_tensor t = {.data = pass->buf[id], .n = n, .h = m.h, .w = m.w, .c = m.c, .ld = as_tensor_ld(m.c)};
  if (id == AS_BUF_IMAGE)
    t.ld = 3;
  else if (id >= AS_RESNET_SEG_BUFS)
    t.data += (size_t)image * (size_t)m.h * (size_t)m.w * t.ld;
  return t;
}

static void run_steps(const as_resnet *net, const as_pass *pass, size_t first, size_t last, int image, int n,
                      const as_tracer *trace) {
  for (size_t i = first; i < last; i++) {
    const as_step *s = &net->steps[i], *next = i + 1 < last ? s + 1 : NULL;
    const as_tensor in = tensor_in(pass, s->in, s->from, image, n);
    const as_tensor out = tensor_in(pass, s->out, s->to, image, n);
    if (s->kind == AS_STEP_CONV) {
      as_tensor res = {0};
      if (s->res != AS_BUF_NONE) res = tensor_in(pass, s->res, s->to, image, n);
      const as_tensor *residual = s->res != AS_BUF_NONE ? &res : NULL;
      const as_convbn *l = &net->convs[s->conv];
      /* A block's last 1x1 and the next one's first: its output is read while in cache. */
      if (next && next->kind == AS_STEP_CONV && next->in == s->out && next->res == AS_BUF_NONE &&
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
    } else if (s->kind == AS_STEP_MAXPOOL) {
      as_maxpool(&s->pool, &in, &out);
    } else if (s->kind == AS_STEP_AVGPOOL) {
      as_avgpool(&s->pool, &in, &out);
    } else if (s->kind == AS_STEP_AVGPOOL_SAME) {
      as_avgpool_2x2_same(&in, &out);
    } else {
      as_skmix_forward(&net->mixes[s->conv], &in, &out, pass->team.scratch);
    }
    as_trace_tensor(trace, s->name, &out);
  }
}

static void resnet_forward(const as_net *base, const as_pass *pass, const float *images, int n,
                           float *features, const as_tracer *trace) {
  const as_resnet *net = (const as_resnet *)base;
  const size_t floats = (size_t)net->size * (size_t)net->size * 3;
  for (int i = 0; i < n; i++) {
    memcpy(pass->buf[AS_BUF_IMAGE], images + (size_t)i * floats, floats * sizeof(float));
    run_steps(net, pass, 0, net->split, i, 1, trace);
  }
  run_steps(net, pass, net->split, net->n_steps, 0, n, trace);

  const as_tensor last = tensor_in(pass, net->steps[net->n_steps - 1].out, net->last, 0, n);
  as_global_avgpool(&last, features, (size_t)net->dim);
  const as_tensor row = {features, 1, 1, 1, net->dim, (size_t)net->dim};
  as_trace_tensor(trace, "features", &row);
}

static int resnet_dim(const as_net *base) {
  const as_resnet *net = (const as_resnet *)base;
  return net->dim;
}

static double resnet_flop(const as_net *base) {
  const as_resnet *net = (const as_resnet *)base;
  double sum = 0;
  for (size_t i = 0; i < net->n_convs; i++) sum += as_convbn_flop(&net->convs[i]);
  for (size_t i = 0; i < net->n_steps; i++)
    if (net->steps[i].kind == AS_STEP_MIX)
      sum += as_skmix_flop(&net->mixes[net->steps[i].conv], net->steps[i].to.h, net->steps[i].to.w);
  return sum;
}

static size_t resnet_packed(const as_net *base) {
  const as_resnet *net = (const as_resnet *)base;
  size_t sum = 0;
  for (size_t i = 0; i < net->n_convs; i++)
    if (net->convs[i].conv) sum += as_conv_packed_bytes(net->convs[i].conv);
  return sum;
}

static size_t resnet_trace_floats(const as_net *base) {
  const as_resnet *net = (const as_resnet *)base;
  size_t most = (size_t)net->dim;
  for (size_t i = 0; i < net->n_steps; i++) {
    const as_map_size m = net->steps[i].to;
    size_t n = (size_t)m.h * (size_t)m.w * (size_t)m.c;
    if (n > most) most = n;
  }
  return most;
}

static void resnet_destroy(as_net *base) {
  as_resnet_destroy((as_resnet *)base);
}

as_status as_resnet_create(as_net **out, const as_resnet_cfg *cfg, int size, as_params *params, as_err *err) {
  static const as_net_ops ops = {resnet_destroy, resnet_load,         resnet_layout,
                                 resnet_forward, resnet_dim,          resnet_flop,
                                 resnet_packed,  resnet_trace_floats, "fc"};
  as_resnet *net;
  *out = NULL;
  const as_status st = as_resnet_build(&net, cfg, size, params, err);
  if (st != AS_OK) return st;
  net->base.ops = &ops;
  *out = &net->base;
  return AS_OK;
}
