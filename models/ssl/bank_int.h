/* Labels from a memory: what DeepCluster-v2 and SeLa-v2 share; private to models/ssl.
 *
 *   bank [2, images, width]: the latest embedding that each image's large views had, up to an epoch old
 *   at the start of an epoch each of H heads gives every image one of its K labels: the method's own part
 *   steps: all views of an image must name its label
 *
 *   L = (1 / H) sum over h of the mean, over the rows whose image has a label, of -log P_h[label],  P_h = softmax(u W_h^T / tau)
 *   d L / d logits of h = (P_h - one-hot) / (rows with a label * H * tau), 0 in the other rows
 *
 * Without any label in a batch the loss is 0 (torch's mean over nothing would be NaN). The bank is filled by one pass before
 * the first step, as in the authors' code; an image that the incomplete last batch left out keeps the row it had. */
#ifndef AS_MODELS_SSL_BANK_INT_H
#define AS_MODELS_SSL_BANK_INT_H

#include "models/ssl/multicrop_int.h"

#define AS_NO_LABEL UINT32_MAX

typedef struct as_bank {
  as_crops net;
  as_prototypes prototypes; /* of all heads */
  size_t images;
  float *rows;     /* [2, images, width] */
  uint32_t *seen;  /* [images] 1: the bank has the image */
  uint32_t *label; /* [heads, images], or AS_NO_LABEL */
  size_t *count;   /* [K] */
} as_bank;

/* Networks from the parameters "hidden", "width", "small-views", "heads", "prototypes"; the student's store; memories that
 * resume keeps, in the order rows, seen, label. AS_E_USAGE: more prototypes than images. */
as_status as_bank_create(as_bank *b, as_ssl *s, as_err *err);
void as_bank_clear(as_bank *b);
/* The rows that head h learns from: those of one large view. */
const float *as_bank_rows(const as_bank *b, size_t h);
/* A pass without gradient that fills the bank: as_ssl_method.look. */
void as_bank_look(as_bank *b, const uint32_t *image);
/* Forward, loss, backward; then the bank takes the new embeddings. */
double as_bank_step(as_bank *b, as_ssl *s, const uint32_t *image);
/* The loss above alone. p [rows, heads K]: softmax of each head's logits becomes the gradient of the logits. image: of
 * the batch; row v B + b shows image[b]. */
double as_bank_loss(const as_bank *b, const uint32_t *image, const as_map *p, double tau);
/* Mean over heads of the entropy of the labels, over ln K. */
double as_bank_balance(const as_bank *b);

#endif
