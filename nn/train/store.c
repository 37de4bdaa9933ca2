#include "nn/train/store.h"

#include <stdio.h>
#include <string.h>

#include "tensor/base/checked.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tensor/kern/kernels.h"

enum { SLOT_FLOATS = 16 /* slots start on cache lines */, NAME_BYTES = 160 };

static as_status full_name(const as_store_spec *spec, char *name, size_t size, as_err *err) {
  const int len = snprintf(name, size, "%s%s%s", spec->prefix, *spec->prefix ? "." : "", spec->leaf);
  return len >= 0 && (size_t)len < size
             ? AS_OK
             : as_fail(err, AS_E_USAGE, "%s: name of a tensor over %zu bytes", spec->prefix, size - 1);
}

as_status as_store_add(as_store *s, const as_store_spec *spec, size_t *index, as_err *err) {
  char name[NAME_BYTES];
  as_status st = full_name(spec, name, sizeof name, err);
  if (st != AS_OK) return st;
  if (as_store_find(s, name) < s->n)
    return as_fail(err, AS_E_USAGE, "%s: this tensor is declared twice", name);
  st = as_grow(&s->slot, &s->cap, s->n + 1, sizeof *s->slot, err);
  if (st != AS_OK) return st;
  as_slot q = {.rank = spec->rank, .n = 1, .at = s->floats, .trained = spec->trained, .start = spec->start};
  for (int i = 0; i < spec->rank; i++) {
    q.shape[i] = spec->shape[i];
    if (spec->shape[i] < 1 || !as_mul_size(q.n, (size_t)spec->shape[i], &q.n))
      return as_fail(err, AS_E_USAGE, "%s: dimension %d is %lld", name, i, (long long)spec->shape[i]);
  }
  q.name = as_strdup(name, err);
  if (!q.name) return AS_E_ENV;
  s->floats += (q.n + SLOT_FLOATS - 1) / SLOT_FLOATS * SLOT_FLOATS;
  if (index) *index = s->n;
  s->slot[s->n++] = q;
  return AS_OK;
}

as_status as_store_want(as_store *s, const as_store_spec *spec, size_t *index, as_err *err) {
  char name[NAME_BYTES];
  const as_status st = full_name(spec, name, sizeof name, err);
  if (st != AS_OK) return st;
  *index = as_store_find(s, name);
  return *index < s->n ? AS_OK : as_store_add(s, spec, index, err);
}

/* Drawn again until it lies within two standard deviations; try k of element i has index i * 64 + k. Beyond 64 tries
 * (probability 1e-86) it is cut off. */
static double truncated(as_rng r, uint64_t i) {
  double z = 0.0;
  for (uint64_t k = 0; k < 64; k++) {
    z = as_rng_normal(r, i * 64 + k);
    if (z >= -2.0 && z <= 2.0) return z;
  }
  return z < 0 ? -2.0 : 2.0;
}

static void draw_slot(const as_slot *q, uint64_t seed, float *to) {
  const as_rng r = as_rng_make(seed, as_rng_stream(q->name));
  for (size_t i = 0; i < q->n; i++) {
    double x = q->start.a;
    if (q->start.kind == AS_START_UNIFORM) x *= 2.0 * as_rng_uniform(r, i) - 1.0;
    if (q->start.kind == AS_START_NORMAL) x *= as_rng_normal(r, i);
    if (q->start.kind == AS_START_TRUNCATED) x *= truncated(r, i);
    to[i] = (float)x;
  }
}

as_status as_store_make(as_store *s, uint64_t seed, as_err *err) {
  s->value = as_calloc(s->floats, sizeof *s->value, err);
  s->grad = as_calloc(s->floats, sizeof *s->grad, err);
  if (!s->value || !s->grad) return AS_E_ENV;
  for (size_t i = 0; i < s->n; i++) draw_slot(&s->slot[i], seed, as_store_value(s, i));
  return AS_OK;
}

void as_store_clear(as_store *s) {
  for (size_t i = 0; i < s->n; i++) as_free(s->slot[i].name);
  as_free(s->slot);
  as_free(s->value);
  as_free(s->grad);
  *s = (as_store){0};
}

size_t as_store_find(const as_store *s, const char *name) {
  size_t i = 0;
  while (i < s->n && strcmp(s->slot[i].name, name) != 0) i++;
  return i;
}

void as_store_copy(as_store *to, const as_store *from) {
  for (size_t i = 0; i < to->n; i++) {
    const size_t k = as_store_find(from, to->slot[i].name);
    if (k < from->n) memcpy(as_store_value(to, i), as_store_value(from, k), to->slot[i].n * sizeof(float));
  }
}

void as_store_ema(as_store *to, const as_store *from, double m) {
  for (size_t i = 0; i < to->n; i++) {
    const size_t k = to->slot[i].trained ? as_store_find(from, to->slot[i].name) : from->n;
    if (k < from->n)
      as_k.ema(to->slot[i].n, (float)m, (float)(1.0 - m), as_store_value(from, k), as_store_value(to, i));
  }
}

void as_store_zero_grad(as_store *s) {
  memset(s->grad, 0, s->floats * sizeof *s->grad);
}
