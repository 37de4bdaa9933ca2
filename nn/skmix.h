/* Selective kernels as SimCLR v2 has them (google-research/simclr resnet.py, sk_conv2d; Li et al. 2019): a 3x3
 * convolution gives two streams a and b of c channels each; what they have in common, pooled, decides per channel
 * how much of each goes on.
 *
 *   g = mean over pixels of (a + b)          [c]
 *   z = relu(bn(fc1 g))                      [mid], mid = max(c / 16, 32)
 *   m = fc2 z                                [2 c]
 *   w = softmax over the pair (m[k], m[c + k])
 *   out = w[k] a + w[c + k] b */
#ifndef AS_NN_SKMIX_H
#define AS_NN_SKMIX_H

#include <stddef.h>

#include "nn/params.h"
#include "tensor/base/status.h"
#include "tensor/tensor.h"

typedef struct as_skmix {
  int c, mid;
  double eps;
  size_t param;                     /* index of fc1.weight; bn.* and fc2.weight follow it */
  float *fc1, *fc2;                 /* [mid, c], [2 c, mid], after load */
  float *gamma, *beta, *mean, *var; /* [mid] */
} as_skmix;

/* Names PREFIX.fc1.weight [mid, c, 1, 1], PREFIX.bn.*, PREFIX.fc2.weight [2 c, mid, 1, 1]. */
as_status as_skmix_declare(as_skmix *l, const char *prefix, int c, double eps, as_params *params,
                           as_err *err);
as_status as_skmix_load(as_skmix *l, const as_params *params, const as_view *views, as_err *err);
/* Bytes for passes of up to n images. */
size_t as_skmix_scratch(const as_skmix *l, int n);
/* in: [n, h, w, 2 c], out: [n, h, w, c]; they may not share memory. */
void as_skmix_forward(const as_skmix *l, const as_tensor *in, const as_tensor *out, void *scratch);
void as_skmix_clear(as_skmix *l);
double as_skmix_flop(const as_skmix *l, int h, int w); /* of one image */

/* Mean of 2x2 windows at stride 1, the last row and column of windows cut at the border (TensorFlow's SAME, which does
 * not count the padding): the shortcut of these networks' first stage. in, out: [n, h, w, c]. */
void as_avgpool_2x2_same(const as_tensor *in, const as_tensor *out);

#endif
