/* A packed convolution, shared by conv.c (choice, packing), conv_direct.c and winograd.c. */
#ifndef AS_TENSOR_CONV_INT_H
#define AS_TENSOR_CONV_INT_H

#include "tensor/conv.h"
#include "tensor/multiply_int.h"

typedef enum as_conv_alg {
  AS_CONV_GEMM, /* 1x1, stride 1: pixels are rows of a GEMM */
  AS_CONV_TAPS, /* implicit GEMM, a segment of c_in per kernel tap; padded taps left out */
  AS_CONV_ROWS, /* few input channels: a segment of kw * c_in per kernel row, on packed pixels */
  AS_CONV_WINO4 /* F(4x4, 3x3) */
} as_conv_alg;

struct as_conv {
  as_conv_shape s;
  as_conv_alg alg;
  bool bf16; /* inputs and weights rounded to bf16 (profile bf16-1, all but Winograd) */
  int out_h, out_w;
  size_t panels, chain; /* chain: floats of A per output (one Winograd position: c_in) */
  float *packed; /* [panels][chain][32]; Winograd: [panels][36][c_in][32]; bf16: [panels][pairs][32][2] */
  size_t packed_floats;
  float *bias; /* [panels * 32] */
};

size_t as_conv_direct_scratch(const as_conv *c);
void as_conv_direct_run(const as_conv *c, const as_tensor *in, const as_tensor *res, as_act act,
                        const as_tensor *out, float *scratch);

/* conv_bf16.c. Packs panel p; false where a weight is not finite in bf16. */
bool as_conv_bf16_pack(const as_conv *c, const float *weight, const double *scale, size_t p);
void as_conv_bf16_run(const as_conv *c, const as_tensor *in, const as_tensor *res, as_act act,
                      const as_tensor *out);
void as_conv_bf16_run_pair(const as_conv *first, const as_tensor *in, const as_tensor *residual, as_act act,
                           const as_tensor *mid, const as_conv *second, as_act act2, const as_tensor *out);

/* U = G g G^T of 32 3x3 filters side by side, in double: g [9][32], u [36][32]. */
void as_wino4_weights(const double *g, double *u);
size_t as_wino4_scratch(const as_conv *c, int batch);
void as_wino4_run(const as_conv *c, const as_tensor *in, const as_tensor *res, as_act act,
                  const as_tensor *out, float *scratch);

#endif
