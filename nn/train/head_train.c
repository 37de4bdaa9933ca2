#include "nn/train/head_train.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/kern/kernels.h"
#include "tensor/train/bnorm_train.h"
#include "tensor/train/conv_train.h"

/* A layer and its tensors in the store; NONE where it has none. */
typedef struct unit {
  as_head_layer cfg;
  int n_in, n_out;
  as_conv_train *conv;                         /* linear, cosine */
  size_t weight, bias, gamma, beta, mean, var; /* places in the store */
  float *unit_rows;                            /* cosine: the weight's rows at length 1 */
  float *d;            /* gradients before they are added: weights, or gamma and beta */
  float *ones, *zeros; /* BN without gain, without offset */
} unit;
#define NO_TENSOR ((size_t)-1)

struct as_head {
  as_store *store;
  size_t n, rows;
  unit *unit; /* [n] */
};

struct as_head_pass {
  as_head *h;
  const as_map *in;
  as_map *out, *grad; /* [n]; grad[i]: of out[i - 1], that is of unit i's input (grad[0] unused) */
  as_bnorm_train **bn;
  float *sums; /* bias gradients: as_map_sum's scratch, then the sum */
};

/* ---- building ---- */

/* Tensor `leaf` of layer i, n_in wide in its last dimension where it is a matrix. */
typedef struct place {
  as_head *h;
  char prefix[96];
  as_err *err;
} place;

static place place_of(as_head *h, const char *prefix, size_t i, as_err *err) {
  place at = {.h = h, .err = err};
  (void)snprintf(at.prefix, sizeof at.prefix, "%s.%zu", prefix, i);
  return at;
}

static as_status want(const place *at, const char *leaf, as_start start, bool trained, int rank,
                      const int64_t *shape, size_t *index) {
  const as_store_spec spec = {at->prefix, leaf, start, trained, rank, shape};
  return as_store_want(at->h->store, &spec, index, at->err);
}

static as_status make_product(as_head *h, const char *prefix, size_t i, as_err *err) {
  unit *u = &h->unit[i];
  const as_head_layer *c = &u->cfg;
  const int64_t shape[2] = {c->width, u->n_in};
  const double bound = 1.0 / sqrt((double)u->n_in);
  const place at = place_of(h, prefix, i, err);
  const as_start drawn = {AS_START_UNIFORM, bound}, small = {AS_START_TRUNCATED, c->truncated};
  as_status st = want(&at, "weight", c->truncated > 0 ? small : drawn, true, 2, shape, &u->weight);
  if (st == AS_OK && c->bias)
    st = want(&at, "bias", c->truncated > 0 ? (as_start){AS_START_CONSTANT, 0.0} : drawn, true, 1, shape,
              &u->bias);
  const size_t weights = (size_t)c->width * (size_t)u->n_in;
  u->d = as_alloc(weights, sizeof(float), err);
  u->unit_rows = c->kind == AS_HEAD_COSINE ? as_alloc(weights, sizeof(float), err) : NULL;
  if (st == AS_OK && (!u->d || (c->kind == AS_HEAD_COSINE && !u->unit_rows))) st = AS_E_ENV;
  const as_conv_shape s = {.h = 1, .w = 1, .c_in = u->n_in, .c_out = c->width, .kh = 1, .kw = 1, .stride = 1};
  return st == AS_OK ? as_conv_train_create(&u->conv, &s, h->rows, err) : st;
}

static as_status make_bn(as_head *h, const char *prefix, size_t i, as_err *err) {
  unit *u = &h->unit[i];
  const place at = place_of(h, prefix, i, err);
  const int64_t shape[1] = {u->n_in};
  const as_start one = {AS_START_CONSTANT, 1.0}, zero = {AS_START_CONSTANT, 0.0};
  as_status st = AS_OK;
  if (u->cfg.gain) st = want(&at, "weight", one, true, 1, shape, &u->gamma);
  if (st == AS_OK && u->cfg.offset) st = want(&at, "bias", zero, true, 1, shape, &u->beta);
  if (st == AS_OK) st = want(&at, "running_mean", zero, false, 1, shape, &u->mean);
  if (st == AS_OK) st = want(&at, "running_var", one, false, 1, shape, &u->var);
  const size_t n = (size_t)u->n_in;
  u->d = as_alloc(2 * n, sizeof(float), err);
  u->ones = as_alloc(n, sizeof(float), err);
  u->zeros = as_calloc(n, sizeof(float), err);
  if (!u->d || !u->ones || !u->zeros) return AS_E_ENV;
  for (size_t k = 0; k < n; k++) u->ones[k] = 1.0f;
  return st;
}

as_status as_head_create(as_head **out, const char *prefix, int n_in, const as_head_layer *layers,
                         size_t n_layers, size_t rows, as_store *store, as_err *err) {
  *out = NULL;
  as_head *h = as_calloc(1, sizeof *h, err);
  if (!h) return AS_E_ENV;
  h->store = store, h->n = n_layers, h->rows = rows;
  h->unit = as_calloc(n_layers, sizeof *h->unit, err);
  as_status st = h->unit ? AS_OK : AS_E_ENV;
  for (size_t i = 0; i < n_layers && st == AS_OK; i++) {
    unit *u = &h->unit[i];
    const bool product = layers[i].kind == AS_HEAD_LINEAR || layers[i].kind == AS_HEAD_COSINE;
    *u = (unit){.cfg = layers[i], .n_in = n_in, .n_out = product ? layers[i].width : n_in};
    u->weight = u->bias = u->gamma = u->beta = u->mean = u->var = NO_TENSOR;
    if (product) st = make_product(h, prefix, i, err);
    if (layers[i].kind == AS_HEAD_BN) st = make_bn(h, prefix, i, err);
    n_in = u->n_out;
  }
  if (st != AS_OK)
    as_head_destroy(&h);
  else
    *out = h;
  return st;
}

void as_head_destroy(as_head **head) {
  as_head *h = *head;
  if (!h) return;
  for (size_t i = 0; h->unit && i < h->n; i++) {
    as_conv_train_destroy(&h->unit[i].conv);
    as_free(h->unit[i].d);
    as_free(h->unit[i].unit_rows);
    as_free(h->unit[i].ones);
    as_free(h->unit[i].zeros);
  }
  as_free(h->unit);
  as_free(h);
  *head = NULL;
}

void as_head_pack(as_head *h, bool reverse) {
  for (size_t i = 0; i < h->n; i++) {
    unit *u = &h->unit[i];
    if (!u->conv) continue;
    const float *w = as_store_value(h->store, u->weight);
    if (u->unit_rows) {
      const size_t n = (size_t)u->n_in;
      for (size_t r = 0; r < (size_t)u->n_out; r++) as_k.l2norm(n, w + r * n, u->unit_rows + r * n);
      w = u->unit_rows;
    }
    as_conv_train_pack(u->conv, w, u->bias == NO_TENSOR ? NULL : as_store_value(h->store, u->bias), reverse);
  }
}

/* ---- a pass ---- */

as_status as_head_pass_create(as_head_pass **out, as_head *h, bool backward, as_err *err) {
  *out = NULL;
  as_head_pass *p = as_calloc(1, sizeof *p, err);
  if (!p) return AS_E_ENV;
  p->h = h;
  p->out = as_calloc(h->n, sizeof *p->out, err);
  p->grad = as_calloc(h->n, sizeof *p->grad, err);
  p->bn = as_calloc(h->n, sizeof *p->bn, err);
  as_status st = p->out && p->grad && p->bn ? AS_OK : AS_E_ENV;
  size_t sums = 0; /* the widest layer needs most */
  for (size_t i = 0; i < h->n && st == AS_OK; i++) {
    const unit *u = &h->unit[i];
    p->out[i] =
        as_map_matrix(as_alloc(h->rows * (size_t)u->n_out, sizeof(float), err), h->rows, (size_t)u->n_out);
    if (backward && i)
      p->grad[i] =
          as_map_matrix(as_alloc(h->rows * (size_t)u->n_in, sizeof(float), err), h->rows, (size_t)u->n_in);
    if (!p->out[i].data || (backward && i && !p->grad[i].data)) st = AS_E_ENV;
    if (st == AS_OK && u->cfg.kind == AS_HEAD_BN)
      st = as_bnorm_train_create(&p->bn[i], u->n_in, 1e-5, h->rows, err);
    const size_t s = as_map_sum_floats(&p->out[i]) + (size_t)u->n_out;
    if (s > sums) sums = s;
  }
  if (st == AS_OK && backward) {
    p->sums = as_alloc(sums, sizeof(float), err);
    if (!p->sums) st = AS_E_ENV;
  }
  if (st != AS_OK)
    as_head_pass_destroy(&p);
  else
    *out = p;
  return st;
}

void as_head_pass_destroy(as_head_pass **pass) {
  as_head_pass *p = *pass;
  if (!p) return;
  for (size_t i = 0; i < p->h->n; i++) {
    if (p->out) as_free(p->out[i].data);
    if (p->grad) as_free(p->grad[i].data);
    if (p->bn) as_bnorm_train_destroy(&p->bn[i]);
  }
  as_free(p->out);
  as_free(p->grad);
  as_free(p->bn);
  as_free(p->sums);
  as_free(p);
  *pass = NULL;
}

/* What works row by row, or on all elements alike. */
typedef struct rows_job {
  as_head_kind kind;
  size_t c;
  const float *in, *out, *dout; /* dout: backward */
  float *to;
  size_t rows, ranges;
} rows_job;

static void rows_range(void *ctx, size_t range, int worker) {
  (void)worker;
  const rows_job *j = ctx;
  const size_t r0 = j->rows * range / j->ranges, r1 = j->rows * (range + 1) / j->ranges;
  for (size_t r = r0; r < r1; r++) {
    const float *in = j->in + r * j->c, *out = j->out + r * j->c, *d = j->dout ? j->dout + r * j->c : NULL;
    float *to = j->to + r * j->c;
    if (j->kind == AS_HEAD_RELU) {
      if (d)
        as_k.relub(j->c, out, d, to);
      else
        as_k.relu(j->c, in, to);
    } else if (j->kind == AS_HEAD_GELU) {
      if (d)
        as_k.gelub(j->c, in, d, to);
      else
        as_k.gelu(j->c, in, to);
    } else {
      if (d)
        as_k.l2b(j->c, in, d, to);
      else
        as_k.l2norm(j->c, in, to);
    }
  }
}

static void run_head_rows(const unit *u, const as_map *in, const as_map *out, const as_map *dout,
                          const as_map *to) {
  rows_job j = {u->cfg.kind, (size_t)u->n_in, in->data, out->data, dout ? dout->data : NULL, to->data, 0, 16};
  j.rows = as_map_pixels(in);
  as_par_for(j.ranges, rows_range, &j);
}

const as_map *as_head_forward(as_head_pass *p, const as_map *in, bool running) {
  const as_head *h = p->h;
  const int rows = (int)as_map_pixels(in);
  p->in = in;
  for (size_t i = 0; i < h->n; i++) {
    const unit *u = &h->unit[i];
    const as_map *from = i ? &p->out[i - 1] : in, *to = &p->out[i];
    p->out[i].w = rows;
    if (i) p->grad[i].w = rows;
    if (u->conv) {
      as_conv_train_forward(u->conv, from, to);
    } else if (u->cfg.kind == AS_HEAD_BN) {
      const float *gain = u->gamma == NO_TENSOR ? u->ones : as_store_value(h->store, u->gamma);
      const float *offset = u->beta == NO_TENSOR ? u->zeros : as_store_value(h->store, u->beta);
      as_bnorm_train_forward(p->bn[i], from, gain, offset, NULL, false, to);
      if (running)
        as_bnorm_train_running(p->bn[i], as_store_value(h->store, u->mean), as_store_value(h->store, u->var));
    } else {
      run_head_rows(u, from, to, NULL, to);
    }
  }
  return &p->out[h->n - 1];
}

static void add_to(const as_store *s, size_t at, const float *more) {
  as_k.add(s->slot[at].n, as_store_grad(s, at), more, as_store_grad(s, at));
}

static void reverse_product(as_head_pass *p, const unit *u, const as_map *from, const as_map *dout,
                            const as_map *din) {
  const as_store *s = p->h->store;
  as_conv_train_grad_weight(u->conv, from, dout, u->d);
  if (u->unit_rows) { /* through the normalisation of each weight row */
    const float *w = as_store_value(s, u->weight);
    const size_t n = (size_t)u->n_in;
    for (size_t r = 0; r < (size_t)u->n_out; r++) as_k.l2b(n, w + r * n, u->d + r * n, u->d + r * n);
  }
  add_to(s, u->weight, u->d);
  if (u->bias != NO_TENSOR) {
    float *sum = p->sums + as_map_sum_floats(dout);
    as_map_sum(dout, sum, p->sums);
    add_to(s, u->bias, sum);
  }
  if (din) as_conv_train_grad_input(u->conv, dout, NULL, din);
}

void as_head_backward(as_head_pass *p, const as_map *dout, const as_map *din) {
  const as_head *h = p->h;
  for (size_t i = h->n; i-- > 0;) {
    const unit *u = &h->unit[i];
    const as_map *from = i ? &p->out[i - 1] : p->in, *to = i ? &p->grad[i] : din;
    if (u->conv) {
      reverse_product(p, u, from, dout, to);
    } else if (u->cfg.kind == AS_HEAD_BN) {
      as_bnorm_train_backward(p->bn[i], from, NULL, dout, to ? to : dout, u->d, u->d + u->n_in);
      if (u->gamma != NO_TENSOR) add_to(h->store, u->gamma, u->d);
      if (u->beta != NO_TENSOR) add_to(h->store, u->beta, u->d + u->n_in);
    } else if (to) {
      run_head_rows(u, from, &p->out[i], dout, to);
    }
    dout = to;
    if (!dout) return;
  }
}
