/* A packed convolution, and the algorithms that it can be packed for: a row of functions each. */
#ifndef AS_TENSOR_CONV_INT_H
#define AS_TENSOR_CONV_INT_H

#include "tensor/conv.h"
#include "tensor/multiply_int.h"

/* weight [c_out][c_in][kh][kw] and the factor of each output, or NULL for 1. */
typedef struct as_conv_weights {
  const float *weight;
  const double *scale;
} as_conv_weights;

typedef struct as_conv_alg {
  const char *name;
  bool bf16; /* inputs and weights rounded to bf16 (profile bf16-1) */
  /* Rows of 32 floats in a packed panel, for an output that is a sum of `chain` products. */
  size_t (*panel_rows)(size_t chain);
  /* Panel p of the weights, 32 outputs, to c->packed. work: pack_floats floats of this thread's own. False where a
   * packed weight is not finite. */
  bool (*pack)(const as_conv *c, const as_conv_weights *w, size_t p, float *work);
  size_t pack_floats;
  size_t (*scratch)(const as_conv *c, int batch, int threads); /* bytes of a run */
  void (*run)(const as_conv *c, const as_conv_args *args, const as_team *team);
  /* Two layers of this algorithm in one pass, or NULL. */
  void (*pair)(const as_conv *first, const as_conv_args *a, const as_conv *second, const as_conv_args *b,
               const as_team *team);
} as_conv_alg;

/* conv_direct.c */
extern const as_conv_alg as_conv_gemm; /* 1x1, stride 1: pixels are rows of a GEMM */
extern const as_conv_alg as_conv_taps; /* a segment of c_in per kernel tap; padded taps left out */
extern const as_conv_alg
    as_conv_rows; /* few channels: a segment of kw * c_in per kernel row, on packed pixels */
/* winograd.c */
extern const as_conv_alg as_conv_wino4; /* F(4x4, 3x3) */
/* conv_bf16.c */
extern const as_conv_alg as_conv_gemm_bf16;
extern const as_conv_alg as_conv_window_bf16; /* the window of each output is gathered */

struct as_conv {
  as_conv_shape s;
  const as_conv_alg *alg;
  int out_h, out_w;
  size_t panels;
  size_t chain;        /* products per output: kh * kw * c_in */
  size_t panel_floats; /* of a packed panel */
  float *packed;       /* [panels][panel_floats / 32][32] */
  float *bias;         /* [panels * 32] */
};

/* What the products of all algorithms share: everything but tiles and rows. */
static inline as_multiply as_conv_product(const as_conv *c, const as_conv_args *args) {
  as_multiply mm = {0};
  mm.n = (size_t)c->s.c_out;
  mm.k = c->chain;
  mm.packed = c->packed;
  mm.panel_floats = c->panel_floats;
  mm.bias = c->bias;
  mm.residual = args->residual ? args->residual->data : NULL;
  mm.ld_res = args->residual ? args->residual->ld : 0;
  mm.act = args->act;
  mm.out = args->out->data;
  mm.ld_out = args->out->ld;
  return mm;
}

/* Outputs of panel p, at most 32, and their factors. */
static inline size_t as_conv_panel_scale(const as_conv *c, const as_conv_weights *w, size_t p,
                                         double s[AS_NR]) {
  const size_t co = (size_t)c->s.c_out, n = co - p * AS_NR < AS_NR ? co - p * AS_NR : AS_NR;
  for (size_t i = 0; i < AS_NR; i++) s[i] = w->scale && i < n ? w->scale[p * AS_NR + i] : 1.0;
  return n;
}

#endif
