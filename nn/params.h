/* The list of tensors that a model wants: layers declare theirs while the model is built, and read
 * them back by index when weights arrive. */
#ifndef AS_NN_PARAMS_H
#define AS_NN_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nn/init.h"
#include "tensor/base/status.h"
#include "tensor/base/view.h"

/* Told when a tensor's values are no longer needed: a load reads a tensor once. */
typedef void (*as_params_done)(void *ctx, const as_view *view);

typedef struct as_params {
  as_param_spec *specs; /* [n]; names owned here */
  as_init_rule *rules;  /* [n] */
  size_t n, cap_specs, cap_rules;
  uint64_t seed;       /* of the values, where views are NULL */
  as_params_done done; /* or NULL */
  void *done_ctx;
} as_params;

void as_params_clear(as_params *p);

/* One tensor that a layer wants: PREFIX.LEAF, or LEAF alone when prefix is "". */
typedef struct as_param_want {
  const char *prefix, *leaf;
  as_init_rule rule;
  int rank;
  int64_t shape[4];
  bool optional;
} as_param_want;
/* Appends it. *index (may be NULL) gets its place. */
as_status as_params_add(as_params *p, const as_param_want *want, size_t *index, as_err *err);

/* Every required view is there and has exactly its spec's shape; AS_E_INPUT naming the tensor. */
as_status as_params_check(const as_params *p, const as_view *views, as_err *err);

/* views[index] as float32 in row-major order, in memory that the caller frees with as_free; with views
 * NULL the seeded values. AS_E_INPUT when a value is not finite. */
as_status as_params_read(const as_params *p, const as_view *views, size_t index, float **out, as_err *err);

/* The same values to look at for a while, where they stand if they are float32 in row-major order there (a
 * mapped file: no copy), and then not yet looked at: whoever packs them sees what is not finite, and asks
 * as_params_blame for the message. End it with as_params_leave, also after a failure or on a zeroed as_values. */
typedef struct as_values {
  const float *x;
  float *owned;        /* private */
  const as_view *view; /* private */
} as_values;
as_status as_params_see(const as_params *p, const as_view *views, size_t index, as_values *out, as_err *err);
void as_params_leave(const as_params *p, as_values *v);
/* A layer did not take the values of tensor `index` and said so in st and err: names the tensor, and how many of its
 * values are not finite if there are such. Returns st. */
as_status as_params_blame(const as_params *p, size_t index, const as_values *v, as_status st, as_err *err);

#endif
