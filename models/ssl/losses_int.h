/* The losses of SimCLR, Barlow Twins, VICReg and of the supervised baseline, apart from their networks: embeddings in, loss and
 * gradient out. Each stands in its method's file, below the equations; private to models/ssl. */
#ifndef AS_MODELS_SSL_LOSSES_INT_H
#define AS_MODELS_SSL_LOSSES_INT_H

#include "models/ssl/ssl_int.h"

/* simclr.c. u: [rows, width] at length 1, the two views of image i in rows i and i + rows / 2; du likewise. */
typedef struct as_contrast {
  as_mix mix;
  float *logits; /* [rows, rows]: S, then P, then G + G^T */
  void *scratch;
} as_contrast;
as_status as_contrast_create(as_contrast *c, int rows, int width, as_err *err);
void as_contrast_clear(as_contrast *c);
double as_contrast_loss(as_contrast *c, const as_map *u, double tau, float *du);

/* barlow.c. z: [rows, width] of the two views, normalised over the rows; dz likewise. */
typedef struct as_correlation {
  as_mix mix;
  float *c; /* [width, width]: C, then dC / B */
  void *scratch;
} as_correlation;
as_status as_correlation_create(as_correlation *x, int rows, int width, as_err *err);
void as_correlation_clear(as_correlation *x);
double as_correlation_loss(as_correlation *x, const as_map z[2], double lambda, float *const dz[2]);

/* vicreg.c. z: [rows, width] of the two views; dz likewise. */
typedef struct as_vicreg_weights {
  double invariance, variance, covariance;
} as_vicreg_weights;
typedef struct as_covariance {
  as_mix mix;
  float *zc;  /* [rows, width] */
  float *cov; /* [width, width] */
  float *mean, *sums;
  void *scratch;
  double deviation; /* of the last loss: the mean of min(1, std) over views and columns */
} as_covariance;
as_status as_covariance_create(as_covariance *x, int rows, int width, as_err *err);
void as_covariance_clear(as_covariance *x);
double as_vicreg_loss(as_covariance *x, const as_map z[2], const as_vicreg_weights *w, float *const dz[2]);

/* supervised.c. logits: [rows, classes], which become their own gradient; class_of: [rows]. */
double as_class_loss(const as_map *logits, const int *class_of);

#endif
