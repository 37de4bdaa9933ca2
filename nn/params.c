#include "nn/params.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "tensor/base/mem.h"
#include "tensor/base/text.h"

void as_params_clear(as_params *p) {
  for (size_t i = 0; i < p->n; i++) as_free((void *)(uintptr_t)p->specs[i].name);
  as_free(p->specs);
  as_free(p->rules);
  memset(p, 0, sizeof *p);
}

as_status as_params_add(as_params *p, const as_param_want *want, size_t *index, as_err *err) {
  as_status st = as_grow(&p->specs, &p->cap_specs, p->n + 1, sizeof *p->specs, err);
  if (st == AS_OK) st = as_grow(&p->rules, &p->cap_rules, p->n + 1, sizeof *p->rules, err);
  if (st != AS_OK) return st;

  as_str name = {0};
  as_str_printf(&name, "%s%s%s", want->prefix, *want->prefix ? "." : "", want->leaf);
  char *copy = name.failed ? NULL : as_strdup(as_str_c(&name), NULL);
  as_str_clear(&name);
  if (!copy) return as_fail(err, AS_E_ENV, "out of memory for the name of %s.%s", want->prefix, want->leaf);

  as_param_spec *s = &p->specs[p->n];
  memset(s, 0, sizeof *s);
  s->name = copy;
  s->rank = want->rank;
  s->optional = want->optional;
  for (int i = 0; i < want->rank; i++) s->shape[i] = want->shape[i];
  p->rules[p->n] = want->rule;
  if (index) *index = p->n;
  p->n++;
  return AS_OK;
}

as_status as_params_check(const as_params *p, const as_view *views, as_err *err) {
  for (size_t i = 0; i < p->n; i++) {
    const as_param_spec *s = &p->specs[i];
    const as_view *v = &views[i];
    if (s->optional) continue; /* never used: num_batches_tracked, [] or [1] */
    if (!v->data) return as_fail(err, AS_E_INPUT, "tensor %s is missing", s->name);
    bool same = v->rank == s->rank;
    for (int d = 0; same && d < s->rank; d++) same = v->shape[d] == s->shape[d];
    if (!same) {
      char found[128], wanted[128];
      return as_fail(err, AS_E_INPUT, "tensor %s: found shape %s, wanted %s", s->name,
                     as_shape_text(v->shape, v->rank, found, sizeof found),
                     as_shape_text(s->shape, s->rank, wanted, sizeof wanted));
    }
  }
  return AS_OK;
}

static as_status bad_values(as_err *err, const as_param_spec *s, size_t bad, size_t n) {
  return as_fail(err, AS_E_INPUT, "tensor %s: %zu of %zu values are not finite", s->name, bad, n);
}

as_status as_params_read(const as_params *p, const as_view *views, size_t index, float **out, as_err *err) {
  const as_param_spec *s = &p->specs[index];
  size_t n, bad = 0;
  *out = NULL;
  if (!as_shape_numel(s->shape, s->rank, &n))
    return as_fail(err, AS_E_USAGE, "tensor %s: shape too large", s->name);
  float *buf = as_alloc(n, sizeof *buf, err);
  if (!buf) return AS_E_ENV;
  if (!views) {
    as_init_fill(p->rules[index], s->name, p->seed, n, buf);
    *out = buf;
    return AS_OK;
  }
  as_status st = as_view_to_f32(&views[index], buf, &bad, err);
  if (p->done) p->done(p->done_ctx, &views[index]);
  if (st != AS_OK) {
    as_fail_in(err, "tensor %s", s->name);
  } else if (bad) {
    st = bad_values(err, s, bad, n);
  }
  if (st != AS_OK) {
    as_free(buf);
    return st;
  }
  *out = buf;
  return AS_OK;
}

/* Float32 of the host's byte order, row-major and aligned. */
static bool usable_in_place(const as_view *v) {
  const uint16_t probe = 1;
  const bool big = *(const unsigned char *)&probe == 0;
  return v->dtype == AS_F32 && v->big_endian == big && (uintptr_t)v->data % sizeof(float) == 0 &&
         as_view_is_contiguous(v);
}

as_status as_params_see(const as_params *p, const as_view *views, size_t index, as_values *out, as_err *err) {
  *out = (as_values){0};
  if (!views || !usable_in_place(&views[index])) {
    const as_status st = as_params_read(p, views, index, &out->owned, err);
    out->x = out->owned;
    return st;
  }
  out->x = views[index].data;
  out->view = &views[index];
  return AS_OK;
}

void as_params_leave(const as_params *p, as_values *v) {
  if (v->view && p->done) p->done(p->done_ctx, v->view);
  as_free(v->owned);
  *v = (as_values){0};
}

as_status as_params_blame(const as_params *p, size_t index, const as_values *v, as_status st, as_err *err) {
  const as_param_spec *s = &p->specs[index];
  size_t n, bad = 0;
  if (st == AS_E_INPUT && as_shape_numel(s->shape, s->rank, &n))
    for (size_t i = 0; i < n; i++) bad += fabsf(v->x[i]) <= FLT_MAX ? 0u : 1u;
  if (bad) return bad_values(err, s, bad, n);
  if (err) (void)as_fail_in(err, "tensor %s", s->name);
  return st;
}
