/* Seeded initial values.
 *
 * Every tensor is drawn uniformly from an interval [lo, hi) that follows from its role and shape:
 *
 *   value[i] = (float)(lo + (hi - lo) * as_rng_uniform(as_rng_make(seed, as_rng_stream(name)), i))
 *
 * computed in double, rounded once; i is the row-major element index, name the full parameter name.
 * It uses only integer operations, + * / sqrt, so another program (tests/golden/make_models.py) gets the
 * same bits without sharing a line of code. Values depend on name and index alone: not on the order of the
 * parameters nor on what else the model has.
 *
 *   role                        lo, hi                                        source
 *   convolution weight          -+ sqrt(6 / (c_in kh kw))                     Kaiming uniform (He et al. 2015), fan in
 *   linear and patch weight     -+ sqrt(6 / (fan_in + fan_out))               Xavier uniform (Glorot, Bengio 2010)
 *   convolution, linear bias    -0.05, 0.05
 *   BatchNorm weight            0.5, 1.5
 *     the one that closes a residual branch   0.1, 0.3                        keeps deep untrained nets bounded
 *   BatchNorm bias, running_mean  -0.2, 0.2
 *   BatchNorm running_var       0.5, 1.5
 *   num_batches_tracked         0, 0
 *   LayerNorm weight, bias      0.75, 1.25 and -0.1, 0.1
 *   cls_token, pos_embed, register_tokens   -0.5, 0.5
 *   LayerScale gamma            0.1, 0.6
 *
 * Affine parameters and running statistics are deliberately not 1 and 0, so that a test with such
 * weights notices when one of them is ignored. */
#ifndef AS_NN_INIT_H
#define AS_NN_INIT_H

#include <stddef.h>
#include <stdint.h>

typedef struct as_init_rule {
  double lo, hi;
} as_init_rule;

as_init_rule as_init_between(double lo, double hi);
as_init_rule as_init_kaiming(double fan_in);
as_init_rule as_init_xavier(double fan_in, double fan_out);

/* Fills out[0..n). Parallel over chunks. */
void as_init_fill(as_init_rule rule, const char *name, uint64_t seed, size_t n, float *out);

#endif
