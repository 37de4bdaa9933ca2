#include "nn/train/optim.h"

#include <math.h>

#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"
#include "tensor/kern/kernels.h"

as_status as_optim_init(as_optim *o, const as_optim_cfg *cfg, as_store *store, as_err *err) {
  *o = (as_optim){.cfg = *cfg, .store = store};
  o->m = as_calloc(store->floats, sizeof *o->m, err);
  o->steps = as_calloc(store->n, sizeof *o->steps, err);
  if (cfg->kind == AS_OPTIM_ADAMW) o->v = as_calloc(store->floats, sizeof *o->v, err);
  if (!o->m || !o->steps || (cfg->kind == AS_OPTIM_ADAMW && !o->v)) {
    as_optim_clear(o);
    return AS_E_ENV;
  }
  return AS_OK;
}

void as_optim_clear(as_optim *o) {
  as_free(o->m);
  as_free(o->v);
  as_free(o->steps);
  *o = (as_optim){0};
}

/* In double, in index order. */
static double norm(const float *x, size_t n) {
  double s = 0.0;
  for (size_t i = 0; i < n; i++) s += (double)x[i] * (double)x[i];
  return sqrt(s);
}

static void add_decay(const as_slot *q, const float *p, float *g, float wd) {
  for (size_t i = 0; i < q->n; i++) g[i] = fmaf(wd, p[i], g[i]);
}
static void scale(const as_slot *q, float *g, float a) {
  for (size_t i = 0; i < q->n; i++) g[i] = a * g[i];
}

static void lars(const as_optim_cfg *c, const as_slot *q, const float *p, float *g, double decay) {
  if (q->rank < 2) return;
  add_decay(q, p, g, (float)decay);
  const double np = norm(p, q->n), nd = norm(g, q->n);
  if (np > 0.0 && nd > 0.0) scale(q, g, (float)(c->eta * np / nd));
}

static void larc(const as_optim_cfg *c, const as_slot *q, const float *p, float *g, double decay) {
  const double np = norm(p, q->n), ng = norm(g, q->n);
  if (!(np > 0.0 && ng > 0.0)) return;
  add_decay(q, p, g, (float)decay);
  scale(q, g, (float)(c->eta * np / (ng + decay * np + 1e-8)));
}

void as_optim_step(as_optim *o, double lr, double decay) {
  const as_optim_cfg *c = &o->cfg;
  for (size_t i = 0; i < o->store->n; i++) {
    const as_slot *q = &o->store->slot[i];
    if (!q->trained || q->absent) continue;
    float *p = as_store_value(o->store, i), *g = as_store_grad(o->store, i);
    double wd = q->rank > 1 || c->decay_all ? decay : 0.0;
    const uint32_t t = ++o->steps[i];
    if (c->kind == AS_OPTIM_ADAMW) {
      const double bias1 = 1.0 - as_pow(c->beta1, (double)t), bias2 = 1.0 - as_pow(c->beta2, (double)t);
      const as_adamw_args a = {.n = q->n,
                               .p = p,
                               .m = o->m + q->at,
                               .v = o->v + q->at,
                               .g = g,
                               .keep = (float)(1.0 - lr * wd),
                               .b1 = (float)c->beta1,
                               .c1 = (float)(1.0 - c->beta1),
                               .b2 = (float)c->beta2,
                               .c2 = (float)(1.0 - c->beta2),
                               .step = (float)(lr / bias1),
                               .root = (float)sqrt(bias2),
                               .eps = (float)c->eps};
      as_k.adamw(&a);
      continue;
    }
    if (c->kind == AS_OPTIM_LARS) lars(c, q, p, g, decay), wd = 0.0;
    if (c->kind == AS_OPTIM_LARC) larc(c, q, p, g, decay), wd = 0.0;
    const as_sgd_args a = {.n = q->n,
                           .p = p,
                           .b = o->m + q->at,
                           .g = g,
                           .lr = (float)lr,
                           .mu = (float)c->momentum,
                           .wd = (float)wd,
                           .first = t == 1,
                           .nesterov = c->nesterov};
    as_k.sgd(&a);
  }
}
