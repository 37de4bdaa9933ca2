/* The tensors of a network in training: values and gradients under the field's names, in two blocks of memory.
 *
 * Layers declare their tensors while a network is built (as_store_add), then as_store_make takes the memory and draws
 * the start values. A tensor's value is a function of (seed, its full name, index), as nn/init.h has it, so it does not
 * depend on what else the network has. Running buffers of BatchNorm are tensors that are not trained. */
#ifndef AS_NN_TRAIN_STORE_H
#define AS_NN_TRAIN_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/base/status.h"

/* How a tensor starts; `a` is the half width, or the standard deviation. */
typedef enum as_start_kind {
  AS_START_CONSTANT,  /* a everywhere */
  AS_START_UNIFORM,   /* -a .. a; torch's Linear and Conv2d: a = 1 / sqrt(fan_in) */
  AS_START_NORMAL,    /* torchvision's ResNet convolutions: a = sqrt(2 / (kh kw c_out)) */
  AS_START_TRUNCATED, /* normal, drawn again beyond two standard deviations; ViTs and DINO's head: a = 0.02 */
} as_start_kind;

typedef struct as_start {
  as_start_kind kind;
  double a;
} as_start;

typedef struct as_slot {
  char *name; /* owned */
  int rank;
  int64_t shape[4];
  size_t n, at; /* floats; offset into value and grad */
  bool trained; /* false: a running buffer */
  bool absent;  /* no gradient in this step: neither decay nor momentum nor a step (set by the method) */
  as_start start;
} as_slot;

typedef struct as_store {
  as_slot *slot; /* [n] */
  size_t n, cap;
  size_t floats;       /* of each block */
  float *value, *grad; /* [floats] after as_store_make, 64-byte aligned, as each slot is; else NULL */
} as_store;

/* What a tensor is to be: PREFIX.LEAF (LEAF alone where prefix is ""). */
typedef struct as_store_spec {
  const char *prefix, *leaf;
  as_start start;
  bool trained;
  int rank;
  const int64_t *shape; /* [rank]; borrowed for the call */
} as_store_spec;
/* Appends the tensor; *index (may be NULL) gets its place. A name that is there already is AS_E_USAGE. Before
 * as_store_make only. */
as_status as_store_add(as_store *s, const as_store_spec *spec, size_t *index, as_err *err);
/* The same, or the place of the tensor that has the name already. */
as_status as_store_want(as_store *s, const as_store_spec *spec, size_t *index, as_err *err);
/* Takes the memory and draws the values; gradients are zero. */
as_status as_store_make(as_store *s, uint64_t seed, as_err *err);
void as_store_clear(as_store *s);

static inline float *as_store_value(const as_store *s, size_t i) {
  return s->value + s->slot[i].at;
}
static inline float *as_store_grad(const as_store *s, size_t i) {
  return s->grad + s->slot[i].at;
}
/* The slot of that full name, or s->n. */
size_t as_store_find(const as_store *s, const char *name);

/* Values of every tensor of `from` that `to` has under the same name, buffers included. Shapes must agree. */
void as_store_copy(as_store *to, const as_store *from);
/* t = m t + (1 - m) o over the trained tensors of `to` that `from` has under the same name; buffers are never averaged
 * (each network keeps the statistics of what it saw). m: in double, rounded once; 1 - m likewise. */
void as_store_ema(as_store *to, const as_store *from, double m);
void as_store_zero_grad(as_store *s);

#endif
