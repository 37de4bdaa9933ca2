/* Multi-crop (Caron et al. 2020): two large views and some small ones of every image; private to models/ssl.
 *
 *   2 views of side s      -> backbone --+
 *   n views of side s / 2  -> backbone --+-> projector -> u [(2 + n) B, width] -> prototypes -> logits [.., heads K]
 *
 * Views of one size pass together, so they share BatchNorm's statistics, as in the authors' wrappers; the projector sees all
 * views at once. Row v B + b is view v of image b. */
#ifndef AS_MODELS_SSL_MULTICROP_INT_H
#define AS_MODELS_SSL_MULTICROP_INT_H

#include "models/ssl/ssl_int.h"

/* The views of SwAV, DeepCluster-v2 and SeLa-v2: colours jittered at half the published strength, as SimCLR's authors have it
 * for small images. At the full one a miniature learns next to nothing in a few epochs. */
#define AS_SWAV_JITTER ",jitter=.8:.4:.4:.4:.1"
#define AS_SWAV_VIEWS                                                                                       \
  {                                                                                                         \
    "swav" AS_SWAV_JITTER, "swav" AS_SWAV_JITTER, "swav-local" AS_SWAV_JITTER, "swav-local" AS_SWAV_JITTER, \
        "swav-local" AS_SWAV_JITTER, "swav-local" AS_SWAV_JITTER, NULL                                      \
  }

enum { AS_LARGE_VIEWS = 2, AS_SMALL_VIEWS = 4 /* at most */, AS_VIEW_SIZES = 2 };

typedef struct as_crops {
  as_encoder *encoder[AS_VIEW_SIZES]; /* the second one NULL where there are no small views */
  as_encoder_pass *pass[AS_VIEW_SIZES];
  as_head *head;
  as_head_pass *head_pass;
  size_t views, batch, dim;
  float *features, *dfeatures; /* [views B, dim] */
  as_map in;                   /* what the head sees */
} as_crops;

/* Declares the backbone and a head of these layers in the student's store; sets the method's views. cfg: store, prefix,
 * layers; images and passes are filled in. small: 0 to AS_SMALL_VIEWS, else AS_E_USAGE. */
as_status as_crops_create(as_crops *c, as_ssl *s, size_t small, const as_branch_cfg *cfg, as_err *err);
/* The same with the head that SwAV, DeepCluster-v2 and SeLa-v2 have, `projector`: Linear, BN, ReLU, Linear, rows to length 1;
 * "hidden", "width" and "small-views" of the method's parameters. */
as_status as_crops_create_projector(as_crops *c, as_ssl *s, as_err *err);
void as_crops_clear(as_crops *c);
/* Out of the head: [views B, width], or of the large views alone [2 B, width]. It may be changed in place into its gradient
 * where the head ends in a product. */
const as_map *as_crops_forward(as_crops *c, bool large_alone);
/* After a forward of all views; dout is changed. */
void as_crops_backward(as_crops *c, const as_map *dout);

/* The prototypes of one or several heads, all in one matrix [heads K, width], named prototypes.0.weight. */
typedef struct as_prototypes {
  as_head *layer;
  as_head_pass *pass;
  size_t heads, k, width, slot;
  as_store *store;
  float *du; /* [rows, width] */
} as_prototypes;
as_status as_prototypes_create(as_prototypes *p, as_ssl *s, size_t heads, size_t k, size_t width, size_t rows,
                               as_err *err);
void as_prototypes_clear(as_prototypes *p);
float *as_prototypes_value(const as_prototypes *p);
/* Rows to length 1, in place: every step begins with that. */
void as_prototypes_normalise(as_prototypes *p);
/* u W^T. What comes out may be changed in place, into its gradient; u must live until the backward. */
const as_map *as_prototypes_forward(as_prototypes *p, const as_map *u);
/* du = dlogits W; adds dlogits^T u to the store's gradient. No projection for the rows' length: it is not derived. */
as_map as_prototypes_backward(as_prototypes *p, const as_map *dlogits);

/* The loss of SwAV and DINO: every view predicts the targets of the large views but its own.
 *
 *   L = mean over the n = 2 (V - 1) pairs (i, v), v != i, of the mean over images of -sum over k of q_i log P_v
 *   d L / d logits of v = sum over i != v of (P_v - q_i) / (n B tau)
 *
 * p [V B, k]: softmax(logits / tau) becomes the gradient of the logits. q [2 B, k]: targets, whose rows sum to 1. */
double as_swap_loss(const as_map *p, const float *q, size_t batch, double tau);

/* Entropy of the targets' mean over their rows, over ln k: 1 where all prototypes are named alike, 0 where one is. */
double as_target_balance(const float *q, size_t rows, size_t k);

#endif
