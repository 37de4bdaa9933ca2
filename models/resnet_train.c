/* The ResNet of resnet_plan.c in training. Inference reuses ten buffers; here every step keeps its output, because the
 * backward pass reads it. A value is what one step leaves behind: 0 is the image, k + 1 the output of step k.
 *
 *   step k:   z = convolution of the input value,   y = relu(batchnorm(z) + residual value)
 *   reverse:  g(y) -> BatchNorm backward -> g(z) -> weight gradient;  input gradient, added to what the input value's
 *             later readers have left there
 *
 * Where a block adds its input in place, the gradient of the sum is the gradient of both terms: the shortcut's part is
 * not copied, the input value just points at it. */
#include <math.h>
#include <string.h>

#include "models/encoder_int.h"
#include "models/resnet_int.h"
#include "tensor/base/mem.h"
#include "tensor/kern/kernels.h"
#include "tensor/train/bnorm_train.h"
#include "tensor/train/conv_train.h"
#include "tensor/train/pool_train.h"

/* Of a convolution step: its layer and the places of its tensors in the store. */
typedef struct layer {
  as_conv_train *conv;
  size_t weight, gamma, beta, mean, var;
  float *dweight,
      *dgamma; /* [weights], [2 c_out]: gamma's, then beta's; before they are added to the store */
} layer;

/* What a step reads, by value. */
typedef struct link {
  size_t in, res; /* res: NONE without one */
  int border;     /* of the output map: what its readers need */
} link;
enum { NONE = -1 };
#define NO_VALUE ((size_t)NONE)

typedef struct resnet_encoder {
  as_encoder base;
  as_resnet *net;
  as_params params; /* names and shapes only */
  layer *layers;    /* [net->n_convs] */
  link *links;      /* [net->n_steps] */
  int image_border;
} resnet_encoder;

typedef struct resnet_pass {
  as_encoder_pass base;
  const resnet_encoder *e;
  as_map *value; /* [n_steps + 1] */
  as_map *conv;  /* [n_steps] z of convolution steps */
  as_map *
      grad; /* [n_steps] gradient of value k + 1; also g(z), where the residual does not need g(y) any more */
  as_map *gconv;       /* [n_steps] g(z) of steps with a residual */
  as_bnorm_train **bn; /* [n_steps] */
  float **memory;      /* [4 n_steps + 1] what the maps lie in */
  const as_map **at;   /* [n_steps + 1] backward: where a value's gradient is at the moment, or NULL */
} resnet_pass;

/* ---- building ---- */

static as_status want(as_store *s, const as_param_spec *p, as_start start, bool trained, size_t *at,
                      as_err *err) {
  const as_store_spec spec = {"", p->name, start, trained, p->rank, p->shape};
  return as_store_want(s, &spec, at, err);
}

static as_status declare_layer(resnet_encoder *e, size_t i, bool closes, as_err *err) {
  const as_convbn *c = &e->net->convs[i];
  const as_param_spec *spec = &e->params.specs[c->param];
  layer *l = &e->layers[i];
  const double fan_out = (double)c->shape.kh * c->shape.kw * c->shape.c_out;
  const as_start one = {AS_START_CONSTANT, 1.0}, zero = {AS_START_CONSTANT, 0.0};
  as_status st =
      want(e->base.store, spec, (as_start){AS_START_NORMAL, sqrt(2.0 / fan_out)}, true, &l->weight, err);
  if (st == AS_OK)
    st = want(e->base.store, spec + 1, closes && e->base.cfg.zero_gain ? zero : one, true, &l->gamma, err);
  if (st == AS_OK) st = want(e->base.store, spec + 2, zero, true, &l->beta, err);
  if (st == AS_OK) st = want(e->base.store, spec + 3, zero, false, &l->mean, err);
  if (st == AS_OK) st = want(e->base.store, spec + 4, one, false, &l->var, err);
  return st;
}

static as_status make_layer(resnet_encoder *e, size_t i, as_err *err) {
  const as_convbn *c = &e->net->convs[i];
  layer *l = &e->layers[i];
  const size_t pixels =
      (size_t)e->base.cfg.images * (size_t)as_conv_out_h(&c->shape) * (size_t)as_conv_out_w(&c->shape);
  const size_t weights = (size_t)(c->shape.c_in * c->shape.c_out * c->shape.kh * c->shape.kw);
  l->dweight = as_alloc(weights, sizeof(float), err);
  l->dgamma = as_alloc(2 * (size_t)c->shape.c_out, sizeof(float), err);
  if (!l->dweight || !l->dgamma) return AS_E_ENV;
  return as_conv_train_create(&l->conv, &c->shape, pixels, err);
}

static int larger(int a, int b) {
  return a > b ? a : b;
}

/* Follows the buffers through the steps: which value does each step read? */
static void link_steps(resnet_encoder *e) {
  const as_resnet *net = e->net;
  size_t value[2 * AS_RESNET_SEG_BUFS + 1] = {0};
  int *border_of_image = &e->image_border;
  for (size_t k = 0; k < net->n_steps; k++) {
    const as_step *s = &net->steps[k];
    link *l = &e->links[k];
    l->in = s->in == AS_BUF_IMAGE ? 0 : value[s->in];
    l->res = s->res == AS_BUF_NONE ? NO_VALUE : value[s->res];
    if (s->kind == AS_STEP_CONV) {
      int *border = l->in ? &e->links[l->in - 1].border : border_of_image;
      *border = larger(*border, as_conv_train_border_in(&net->convs[s->conv].shape));
    }
    value[s->out] = k + 1;
  }
}

static bool closes_a_branch(const as_resnet *net, size_t conv) {
  for (size_t k = 0; k < net->n_steps; k++)
    if (net->steps[k].kind == AS_STEP_CONV && net->steps[k].conv == conv)
      return net->steps[k].res != AS_BUF_NONE;
  return false;
}

static as_status fill_encoder(resnet_encoder *e, const as_arch *arch, as_err *err) {
  if (arch->resnet.sk)
    return as_fail(err, AS_E_USAGE, "%s: found sk=1, wanted an architecture that can be trained", arch->name);
  as_status st = as_resnet_build(&e->net, &arch->resnet, e->base.cfg.size, &e->params, err);
  if (st != AS_OK) return st;
  e->base.dim = e->net->dim;
  e->layers = as_calloc(e->net->n_convs, sizeof *e->layers, err);
  e->links = as_calloc(e->net->n_steps, sizeof *e->links, err);
  if (!e->layers || !e->links) return AS_E_ENV;
  link_steps(e);
  for (size_t i = 0; i < e->net->n_convs && st == AS_OK; i++) {
    st = declare_layer(e, i, closes_a_branch(e->net, i), err);
    if (st == AS_OK) st = make_layer(e, i, err);
  }
  return st;
}

static void resnet_train_destroy(as_encoder *base) {
  resnet_encoder *e = (resnet_encoder *)base;
  for (size_t i = 0; e->layers && i < e->net->n_convs; i++) {
    as_conv_train_destroy(&e->layers[i].conv);
    as_free(e->layers[i].dweight);
    as_free(e->layers[i].dgamma);
  }
  as_free(e->layers);
  as_free(e->links);
  if (e->net) as_resnet_destroy(e->net);
  as_params_clear(&e->params);
  as_free(e);
}

static void resnet_train_pack(as_encoder *base, bool reverse) {
  resnet_encoder *e = (resnet_encoder *)base;
  for (size_t i = 0; i < e->net->n_convs; i++)
    as_conv_train_pack(e->layers[i].conv, as_store_value(base->store, e->layers[i].weight), NULL, reverse);
}

/* ---- a pass ---- */

static as_status place_map(resnet_pass *p, as_map *m, as_map_size s, int border, size_t slot, as_err *err) {
  *m = (as_map){NULL, p->e->base.cfg.images, s.h, s.w, s.c, border};
  p->memory[slot] = as_alloc(as_map_floats(m), sizeof(float), err);
  if (!p->memory[slot]) return AS_E_ENV;
  as_map_place(m, p->memory[slot]);
  return AS_OK;
}

static as_status place_step(resnet_pass *p, size_t k, bool backward, as_err *err) {
  const as_resnet *net = p->e->net;
  const as_step *s = &net->steps[k];
  const size_t at = 1 + 4 * k;
  const bool conv = s->kind == AS_STEP_CONV;
  const int reach = conv ? as_conv_train_border_out(&net->convs[s->conv].shape) : 0;
  as_status st = place_map(p, &p->value[k + 1], s->to, p->e->links[k].border, at, err);
  if (st == AS_OK && conv) st = place_map(p, &p->conv[k], s->to, 0, at + 1, err);
  if (st == AS_OK && conv)
    st = as_bnorm_train_create(&p->bn[k], s->to.c, net->cfg.eps, as_map_pixels(&p->conv[k]), err);
  if (st == AS_OK && backward)
    st = place_map(p, &p->grad[k], s->to, s->res == AS_BUF_NONE ? reach : 0, at + 2, err);
  if (st == AS_OK && backward && s->res != AS_BUF_NONE)
    st = place_map(p, &p->gconv[k], s->to, reach, at + 3, err);
  return st;
}

static void resnet_pass_destroy(as_encoder_pass *base) {
  resnet_pass *p = (resnet_pass *)base;
  const size_t steps = p->e->net->n_steps;
  for (size_t k = 0; p->bn && k < steps; k++) as_bnorm_train_destroy(&p->bn[k]);
  for (size_t k = 0; p->memory && k < 4 * steps + 1; k++) as_free(p->memory[k]);
  void *all[] = {p->value, p->conv, p->grad, p->gconv, p->bn, p->at, p->memory, base->features.data, p};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) as_free(all[i]);
}

static as_status resnet_pass_create(as_encoder_pass **out, as_encoder *base, bool backward, as_err *err) {
  *out = NULL;
  const resnet_encoder *e = (const resnet_encoder *)base;
  const size_t steps = e->net->n_steps;
  resnet_pass *p = as_calloc(1, sizeof *p, err);
  if (!p) return AS_E_ENV;
  p->e = e, p->base.e = base;
  p->value = as_calloc(steps + 1, sizeof *p->value, err);
  p->conv = as_calloc(steps, sizeof *p->conv, err);
  p->grad = as_calloc(steps, sizeof *p->grad, err);
  p->gconv = as_calloc(steps, sizeof *p->gconv, err);
  p->bn = as_calloc(steps, sizeof *p->bn, err);
  p->at = as_calloc(steps + 1, sizeof *p->at, err);
  p->memory = as_calloc(4 * steps + 1, sizeof *p->memory, err);
  const size_t images = (size_t)base->cfg.images, dim = (size_t)base->dim;
  p->base.features = as_map_matrix(as_alloc(images * dim, sizeof(float), err), images, dim);
  as_status st =
      p->value && p->conv && p->grad && p->gconv && p->bn && p->at && p->memory && p->base.features.data
          ? AS_OK
          : AS_E_ENV;
  const as_map_size image = {base->cfg.size, base->cfg.size, 3};
  if (st == AS_OK) st = place_map(p, &p->value[0], image, e->image_border, 0, err);
  for (size_t k = 0; k < steps && st == AS_OK; k++) st = place_step(p, k, backward, err);
  if (st != AS_OK) {
    resnet_pass_destroy(&p->base);
    return st;
  }
  p->base.images = &p->value[0], p->base.last = &p->value[steps];
  *out = &p->base;
  return AS_OK;
}

static void resnet_pass_resize(as_encoder_pass *base) {
  resnet_pass *p = (resnet_pass *)base;
  const size_t steps = p->e->net->n_steps;
  for (size_t k = 0; k < steps; k++)
    p->value[k + 1].n = p->conv[k].n = p->grad[k].n = p->gconv[k].n = base->n;
}

/* ---- forward ---- */

static void resnet_train_forward(as_encoder_pass *base, bool running) {
  resnet_pass *p = (resnet_pass *)base;
  const resnet_encoder *e = p->e;
  const as_store *store = base->e->store;
  const as_resnet *net = e->net;
  for (size_t k = 0; k < net->n_steps; k++) {
    const as_step *s = &net->steps[k];
    const link *l = &e->links[k];
    if (s->kind != AS_STEP_CONV) {
      as_pool_train_forward(&s->pool, s->kind == AS_STEP_MAXPOOL, &p->value[l->in], &p->value[k + 1]);
      continue;
    }
    const layer *c = &e->layers[s->conv];
    as_conv_train_forward(c->conv, &p->value[l->in], &p->conv[k]);
    as_bnorm_train_forward(p->bn[k], &p->conv[k], as_store_value(store, c->gamma),
                           as_store_value(store, c->beta), l->res == NO_VALUE ? NULL : &p->value[l->res],
                           net->convs[s->conv].act == AS_ACT_RELU, &p->value[k + 1]);
    if (running)
      as_bnorm_train_running(p->bn[k], as_store_value(store, c->mean), as_store_value(store, c->var));
  }
  as_mean_train_forward(&p->value[net->n_steps], &base->features);
}

/* ---- backward ---- */

static void add_to(float *grad, const float *more, size_t n) {
  as_k.add(n, grad, more, grad);
}

static void clear_map(const as_map *m) {
  for (size_t i = 0; i < (size_t)m->n; i++)
    for (size_t y = 0; y < (size_t)m->h; y++)
      memset(as_map_at(m, i, y, 0), 0, (size_t)m->w * (size_t)m->c * sizeof(float));
}

static void reverse_conv(resnet_pass *p, size_t k) {
  const resnet_encoder *e = p->e;
  const as_store *store = e->base.store;
  const as_step *s = &e->net->steps[k];
  const link *l = &e->links[k];
  const layer *c = &e->layers[s->conv];
  const as_conv_shape *shape = &e->net->convs[s->conv].shape;
  const size_t weights = (size_t)(shape->c_in * shape->c_out * shape->kh * shape->kw),
               co = (size_t)shape->c_out;
  const as_map *g = p->at[k + 1];
  const as_map *gz = l->res == NO_VALUE ? &p->grad[k] : &p->gconv[k];
  as_bnorm_train_backward(p->bn[k], &p->conv[k], &p->value[k + 1], g, gz, c->dgamma, c->dgamma + co);
  add_to(as_store_grad(store, c->gamma), c->dgamma, co);
  add_to(as_store_grad(store, c->beta), c->dgamma + co, co);
  as_conv_train_grad_weight(c->conv, &p->value[l->in], gz, c->dweight);
  add_to(as_store_grad(store, c->weight), c->dweight, weights);
  if (l->res != NO_VALUE) p->at[l->res] = g; /* a block's input is read by nothing later */
  if (l->in == 0) return;
  const as_map *before = p->at[l->in], *to = before ? before : &p->grad[l->in - 1];
  as_conv_train_grad_input(c->conv, gz, before, to);
  p->at[l->in] = to;
}

static void reverse_pool(resnet_pass *p, size_t k) {
  const as_step *s = &p->e->net->steps[k];
  const link *l = &p->e->links[k];
  if (!p->at[l->in]) {
    clear_map(&p->grad[l->in - 1]);
    p->at[l->in] = &p->grad[l->in - 1];
  }
  as_pool_train_backward(&s->pool, s->kind == AS_STEP_MAXPOOL, &p->value[l->in], &p->value[k + 1],
                         p->at[k + 1], p->at[l->in]);
}

static void resnet_train_backward(as_encoder_pass *base, const as_map *dfeatures) {
  resnet_pass *p = (resnet_pass *)base;
  const size_t steps = p->e->net->n_steps;
  for (size_t k = 0; k <= steps; k++) p->at[k] = NULL;
  as_mean_train_backward(dfeatures, &p->grad[steps - 1]);
  p->at[steps] = &p->grad[steps - 1];
  for (size_t k = steps; k-- > 0;) {
    if (p->e->net->steps[k].kind == AS_STEP_CONV)
      reverse_conv(p, k);
    else
      reverse_pool(p, k);
  }
}

as_status as_resnet_encoder_create(as_encoder **out, const as_arch *arch, const as_encoder_cfg *cfg,
                                   as_store *store, as_err *err) {
  static const as_encoder_ops ops = {resnet_train_destroy, resnet_train_pack,  resnet_pass_create,
                                     resnet_pass_destroy,  resnet_pass_resize, resnet_train_forward,
                                     resnet_train_backward};
  *out = NULL;
  resnet_encoder *e = as_calloc(1, sizeof *e, err);
  if (!e) return AS_E_ENV;
  e->base = (as_encoder){.ops = &ops, .store = store, .cfg = *cfg};
  const as_status st = fill_encoder(e, arch, err);
  if (st != AS_OK) {
    resnet_train_destroy(&e->base);
    return st;
  }
  *out = &e->base;
  return AS_OK;
}
