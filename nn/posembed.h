/* Resampling of a stored position embedding to another grid, by the two rules that DINOv2 ships
 * (dinov2/models/vision_transformer.py, interpolate_pos_encoding; ATen UpSampleKernel). Computed in
 * double and rounded once. */
#ifndef AS_NN_POSEMBED_H
#define AS_NN_POSEMBED_H

#include <stddef.h>

#include "tensor/base/status.h"

typedef enum as_pos_rule {
  /* interpolate(scale_factor=(to + 0.1) / from, bicubic): src = (dst + .5) from / (to + .1) - .5, four taps
   * of the cubic with a = -0.75, clamped at the border, no antialiasing */
  AS_POS_SCALE,
  /* interpolate(size=to, bicubic, antialias=True): centre (dst + .5) from / to, the cubic with a = -0.5
   * stretched when it shrinks, weights normalised, taps outside left out */
  AS_POS_EXACT
} as_pos_rule;

/* in: [from * from, dim] row-major; out: [to * to, dim]. */
as_status as_posembed_resize(as_pos_rule rule, int from, int to, int dim, const float *in, float *out,
                             as_err *err);

/* The same made ready, for training: applied at every step, and its transpose to gradients. */
typedef struct as_posembed {
  size_t from, to, dim;
  double *m;   /* [to, from], the same for rows and columns */
  double *tmp; /* between the two directions */
} as_posembed;
as_status as_posembed_init(as_posembed *p, as_pos_rule rule, int from, int to, int dim, as_err *err);
void as_posembed_clear(as_posembed *p);
void as_posembed_apply(const as_posembed *p, const float *in, float *out);
/* dout: [to * to, dim]; din: [from * from, dim], written. */
void as_posembed_reverse(const as_posembed *p, const float *dout, float *din);

#endif
