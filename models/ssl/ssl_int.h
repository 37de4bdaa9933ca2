/* What the methods share; private to models/ssl. */
#ifndef AS_MODELS_SSL_SSL_INT_H
#define AS_MODELS_SSL_SSL_INT_H

#include "models/encoder.h"
#include "models/ssl/ssl.h"
#include "nn/train/head_train.h"
#include "tensor/train/conv_train.h"

enum { AS_SSL_KEPT = 16 };

struct as_ssl {
  as_ssl_opts o; /* arch: `arch` below */
  as_str arch;   /* the one that all sizes share (as_encoder_arch) */
  const as_ssl_method *method;
  as_store student, teacher; /* teacher: empty where a method has none */
  bool evaluate_teacher;
  as_optim optim;
  as_train_schedule lr, decay, ema; /* ema: the teacher's momentum */
  size_t step, steps, per_epoch;
  double balance;   /* as_ssl_balance; set by methods with prototypes */
  double deviation; /* mean over columns of min(1, std) of the projections; -1 where they have no scale */
  as_map view[AS_SSL_VIEWS]; /* parts of the passes' image maps; set by create */
  size_t n_views;
  void *state;                    /* the method's own */
  as_ssl_block kept[AS_SSL_KEPT]; /* the method's memories, for resume */
  size_t n_kept;
};

/* ---- a network of a method: backbone and projector on one store, with passes ---- */

typedef struct as_branch {
  as_encoder *encoder;
  as_head *head;            /* or NULL */
  as_encoder_pass *pass[2]; /* forwards before the first backward */
  as_head_pass *head_pass[2];
  float *dfeatures; /* [images, dim] or NULL */
} as_branch;

/* images: of one pass; passes: 1 or 2; head may have no layers. */
typedef struct as_branch_cfg {
  as_store *store;
  int images, passes;
  bool backward, zero_gain;
  const char *prefix; /* of the head's tensors */
  const as_head_layer *layers;
  size_t n_layers;
} as_branch_cfg;
as_status as_branch_create(as_branch *b, const as_ssl *s, const as_branch_cfg *cfg, as_err *err);
void as_branch_clear(as_branch *b);
void as_branch_pack(as_branch *b, bool reverse);
/* The images that lie in pass k's map, n of them; what comes out of the head. */
const as_map *as_branch_forward(as_branch *b, int k, bool running);
/* dout is changed. */
void as_branch_backward(as_branch *b, int k, const as_map *dout);

/* All pixels of a map to another of the same sizes; the borders may differ. */
void as_map_copy(const as_map *from, const as_map *to);
/* Part of a pass's images: n from `first` on. */
as_map as_map_part(const as_map *m, int first, int n);

/* ---- products over samples ---- */

/* out [m, n] = a^T b, summed over rows by NUMERICS rule T2. a: [rows, m], b: [rows, n]. */
typedef struct as_mix {
  as_conv_train *conv;
} as_mix;
as_status as_mix_create(as_mix *x, int m, int n, size_t rows, as_err *err);
void as_mix_clear(as_mix *x);
void as_mix_run(as_mix *x, const as_map *a, const as_map *b, float *out);

/* ---- losses that several methods use ---- */

/* Rows of logits [rows, k], times 1 / tau, to softmax probabilities in place. */
void as_ssl_softmax(const as_map *logits, double tau);
/* Sum over rows of |a - b|^2 of rows at length 1 comes from cosines: for BYOL and SimSiam.
 * dp = -(scale) (z - (p . z) p) / |p| with p, z at length 1; gives sum of p . z. p: not normalised. */
double as_ssl_cosine(const as_map *p, const as_map *z, double scale, const as_map *dp);

/* Two matrices that views of the same images gave, forwarded one after the other (BatchNorm per view): sets s->view[0..1] to
 * the maps of the branch's two passes. */
void as_ssl_two_views(as_ssl *s, as_branch *b);
/* The teacher's forward of pass k on the images of the student's pass k. */
const as_map *as_ssl_teach(as_branch *teacher, const as_branch *student, int k);
/* The teacher's momentum: m0 rising to 1 by a cosine over the training. */
void as_ssl_momentum(as_ssl *s, double start);
/* A memory that resume must keep. */
void as_ssl_keep(as_ssl *s, void *data, size_t bytes, size_t width);

/* A teacher that starts as a copy of the student and follows it. */
as_status as_ssl_follow(as_ssl *s, as_err *err);

/* ---- hyper-parameters: ssl_params.c ---- */

/* Between what a parameter of this name may lie; whole: without a fraction. false: no parameter of that name. */
bool as_ssl_range(const char *param, double *least, double *most, bool *whole);
/* Every value that the options give: AS_E_USAGE for one of no parameter (the nearest is named) or out of its range. */
as_status as_ssl_check_values(const as_ssl_opts *o, as_err *err);

#endif
