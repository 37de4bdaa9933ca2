/* Which images stand on which shelf of the page, and what is said of each. */
#ifndef AS_EVAL_REPORT_PICTURES_INT_H
#define AS_EVAL_REPORT_PICTURES_INT_H

#include "eval/report/pictures.h"

typedef enum as_shelf_kind {
  AS_SHELF_SAMPLES, /* evenly spread over the scored images, which are ordered by class: what is this set? */
  AS_SHELF_SURE,    /* wrong answers by falling confidence */
  AS_SHELF_SPLIT,   /* by falling number of pairs of models that give different answers */
  AS_SHELF_MISSED,  /* no model is right; first those on which most give the same wrong answer */
  AS_SHELF_MIXED, /* pairs (class, answer) by falling number of such answers: an image of it, and one of the answer */
  AS_SHELF_HARD, /* classes by rising share of right answers, two images each */
  AS_SHELVES
} as_shelf_kind;
enum { AS_SHELF_MOST = 10, AS_PICTURE_SETS = 12 }; /* later sets have no pictures, and the page says so */

typedef struct as_shot {
  size_t i;        /* which of the set's scored images */
  uint32_t label;  /* its class */
  uint32_t answer; /* SURE: of `model`; MISSED, MIXED: the wrong answer meant */
  size_t model;    /* SURE */
  double sure;     /* SURE: confidence */
  int64_t count,
      of; /* SPLIT: different answers of models; MISSED: models that give `answer`, of all; MIXED: answers of this
                        kind of all for the class; HARD: right answers of all */
} as_shot;

typedef struct as_shelf {
  as_shot shot[AS_SHELF_MOST];
  size_t n;
  int64_t total; /* MISSED: images that no model has right. SURE: wrong answers at 90 % or more */
} as_shelf;

typedef struct as_gallery_set {
  as_shelf shelf[AS_SHELVES];
  size_t n_models; /* whose answers are known and comparable */
} as_gallery_set;

/* Everything of set k that is on shelves; empty where the images' answers are not known. */
as_status as_gallery_make(as_gallery_set *g, const as_results *r, size_t k, as_err *err);
/* The models whose answers count on set k: models[n_models] of the results, *n of them. */
as_status as_gallery_models(const as_results *r, size_t k, size_t *models, size_t *n, as_err *err);
/* Which of the set's images the scored one is. */
static inline uint32_t as_shot_image(const as_results *r, size_t k, size_t i) {
  return r->sets[k].image ? r->sets[k].image[i] : (uint32_t)i;
}

#endif
