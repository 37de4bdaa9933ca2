/* Activations: float32, [n, h, w, c], channels fastest, pixels `ld` floats apart.
 * Token sequences are [n, tokens, 1, embed_dim]. */
#ifndef AS_TENSOR_TENSOR_H
#define AS_TENSOR_TENSOR_H

#include <stddef.h>

typedef struct as_tensor {
  float *data; /* borrowed, 64-byte aligned; floats c..ld-1 of a pixel are padding, never read */
  int n, h, w, c;
  size_t ld; /* floats from one pixel to the next, >= c; images are h * w * ld floats apart */
} as_tensor;

/* The pixel stride that an activation of c channels should have: rounded up to whole cache lines
 * and kept off multiples of large powers of two, whose rows would fall into the same cache sets. */
size_t as_tensor_ld(int c);

typedef enum as_act { AS_ACT_NONE, AS_ACT_RELU, AS_ACT_GELU, AS_ACT_SILU } as_act;

#endif
