#include "models/ssl/ssl.h"

#include <string.h>

#include "models/ssl/ssl_int.h"
#include "tensor/base/mem.h"

static as_status check_labels(const as_ssl_opts *o, as_err *err) {
  size_t without = 0;
  for (size_t i = 0; i < o->images; i++)
    without += !o->label || o->label[i] < 0 || (size_t)o->label[i] >= o->classes;
  if (without)
    return as_fail(err, AS_E_USAGE, "%s: found %zu of %zu images without a class, wanted labels of all",
                   o->method->title, without, o->images);
  return AS_OK;
}

static as_status check_options(const as_ssl_opts *o, as_err *err) {
  const as_status s = as_ssl_check_values(o, err);
  if (s != AS_OK) return s;
  if (o->batch < 2) return as_fail(err, AS_E_USAGE, "batch: found %d, wanted at least 2 images", o->batch);
  if (o->images < (size_t)o->batch)
    return as_fail(err, AS_E_USAGE, "found %zu images, wanted at least a batch of %d", o->images, o->batch);
  if (o->epochs < 1) return as_fail(err, AS_E_USAGE, "epochs: found 0, wanted at least 1");
  return o->method->labels ? check_labels(o, err) : AS_OK;
}

static as_status make_optimiser(as_ssl *s, as_err *err) {
  const as_optim_cfg c = {.kind = (as_optim_kind)as_ssl_value(s, "optimizer"),
                          .momentum = as_ssl_value(s, "momentum"),
                          .eta = 0.001,
                          .beta1 = 0.9,
                          .beta2 = 0.999,
                          .eps = 1e-8,
                          .decay_all = true};
  const size_t warm = (size_t)(as_ssl_value(s, "warm-up") * (double)s->per_epoch);
  s->lr = (as_train_schedule){.kind = AS_SCHEDULE_COSINE,
                              .start = as_ssl_value(s, "lr"),
                              .end = as_ssl_value(s, "lr-end"),
                              .steps = s->steps,
                              .per_epoch = s->per_epoch,
                              .warm_up = warm < s->steps ? warm : s->steps - 1};
  s->decay = (as_train_schedule){.kind = AS_SCHEDULE_CONSTANT, .start = as_ssl_value(s, "weight-decay")};
  return as_optim_init(&s->optim, &c, &s->student, err);
}

as_status as_ssl_create(as_ssl **out, const as_ssl_opts *opts, as_err *err) {
  *out = NULL;
  as_status st = check_options(opts, err);
  if (st != AS_OK) return st;
  as_ssl *s = as_calloc(1, sizeof *s, err);
  if (!s) return AS_E_ENV;
  s->o = *opts;
  if (!s->o.local_size) s->o.local_size = s->o.size / 2;
  s->method = opts->method;
  s->balance = s->deviation = -1.0;
  s->per_epoch = opts->images / (size_t)opts->batch;
  s->steps = s->per_epoch * opts->epochs;
  st = as_encoder_arch(opts->arch, opts->size, &s->arch, err);
  s->o.arch = as_str_c(&s->arch);
  if (st == AS_OK) st = s->method->create(s, err); /* declares, then makes the stores */
  if (st == AS_OK) st = make_optimiser(s, err);
  if (st != AS_OK)
    as_ssl_destroy(&s);
  else
    *out = s;
  return st;
}

void as_ssl_destroy(as_ssl **ssl) {
  as_ssl *s = *ssl;
  if (!s) return;
  s->method->destroy(s);
  as_str_clear(&s->arch);
  as_optim_clear(&s->optim);
  as_store_clear(&s->student);
  as_store_clear(&s->teacher);
  as_free(s);
  *ssl = NULL;
}

size_t as_ssl_per_epoch(const as_ssl *s) {
  return s->per_epoch;
}
size_t as_ssl_step_done(const as_ssl *s) {
  return s->step;
}
double as_ssl_rate(const as_ssl *s) {
  return as_schedule_at(&s->lr, s->step);
}
double as_ssl_balance(const as_ssl *s) {
  return s->balance;
}
const char *as_ssl_collapse(const as_ssl *s) {
  if (s->balance >= 0.0 && s->balance < 0.5) return "the targets name few of the prototypes: a collapse";
  if (s->deviation >= 0.0 && s->deviation < 0.25)
    return "the projections of different images are nearly the same: a collapse";
  return NULL;
}

as_map as_ssl_view(as_ssl *s, size_t v) {
  return s->view[v];
}
size_t as_ssl_views(const as_ssl *s) {
  return s->n_views;
}

bool as_ssl_wants_look(const as_ssl *s) {
  return s->method->look && s->step == 0;
}
void as_ssl_look(as_ssl *s, const uint32_t *image) {
  s->method->look(s, image);
}

void as_ssl_step(as_ssl *s, const uint32_t *image, double *loss) {
  *loss = 0.0;
  if (!s->method->loss) {
    s->step++;
    return;
  }
  as_store_zero_grad(&s->student);
  *loss = s->method->loss(s, image);
  as_optim_step(&s->optim, as_schedule_at(&s->lr, s->step), as_schedule_at(&s->decay, s->step));
  if (s->method->after) s->method->after(s);
  s->step++;
}

const char *as_ssl_arch(const as_ssl *s) {
  return s->o.arch;
}

const as_store *as_ssl_backbone(const as_ssl *s) {
  return s->evaluate_teacher ? &s->teacher : &s->student;
}

size_t as_ssl_blocks(as_ssl *s, as_ssl_block *out, size_t max) {
  as_ssl_block all[6 + AS_SSL_KEPT];
  size_t n = 0;
  all[n++] = (as_ssl_block){&s->step, sizeof s->step, sizeof s->step};
  all[n++] = (as_ssl_block){s->student.value, s->student.floats * sizeof(float), 4};
  if (s->teacher.value) all[n++] = (as_ssl_block){s->teacher.value, s->teacher.floats * sizeof(float), 4};
  all[n++] = (as_ssl_block){s->optim.m, s->student.floats * sizeof(float), 4};
  if (s->optim.v) all[n++] = (as_ssl_block){s->optim.v, s->student.floats * sizeof(float), 4};
  all[n++] = (as_ssl_block){s->optim.steps, s->student.n * sizeof(uint32_t), 4};
  for (size_t i = 0; i < s->n_kept; i++) all[n++] = s->kept[i];
  for (size_t i = 0; i < n && i < max; i++) out[i] = all[i];
  return n;
}
