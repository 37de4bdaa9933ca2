/* OBoW's two halves as plain functions of arrays: bags of words, and the loss of who predicts them. Private to models/ssl;
 * the equations stand in obow.c. */
#ifndef AS_MODELS_SSL_OBOW_INT_H
#define AS_MODELS_SSL_OBOW_INT_H

#include "models/ssl/ssl_int.h"

typedef struct as_bags {
  size_t images, positions, k, f;
  float *x;       /* [images * positions, f] the teacher's map */
  float *words;   /* [k, f] */
  double mu;      /* slow mean of the distance to the nearest word */
  float *target;  /* [images, k] the bags; each sums to 1 */
  float *score;   /* [images * positions, k] 2 x . word - |word|^2, then codes */
  float *squares; /* [k] |word|^2 */
  float *nearest; /* [images * positions] squared distance */
  void *pack;
} as_bags;
as_status as_bags_create(as_bags *b, size_t images, size_t positions, size_t k, size_t f, as_err *err);
void as_bags_clear(as_bags *b);
/* From x and words: mu = keep mu + (1 - keep) mean nearest, then the target. */
void as_bags_fill(as_bags *b, double delta, double keep);
/* Entropy of the mean bag over ln k. */
double as_bags_balance(const as_bags *b);

typedef struct as_bag_loss {
  size_t k;
  as_mix mix;
  float *logits, *df, *dw; /* [rows, k], [rows, f], [k, f] */
  void *pack;
} as_bag_loss;
as_status as_bag_loss_create(as_bag_loss *l, size_t rows, size_t k, size_t f, as_err *err);
void as_bag_loss_clear(as_bag_loss *l);
/* Mean over the rows r of f of KL(target[r mod images] || softmax(kappa f w^T)); gradients into df, dw. */
double as_bag_loss_run(as_bag_loss *l, const as_map *f, const as_map *w, const float *target, size_t images,
                       double kappa);

#endif
