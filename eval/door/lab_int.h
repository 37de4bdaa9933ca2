/* What the files of the door share: a lab, and how a call enters and leaves it. */
#ifndef AS_EVAL_DOOR_LAB_INT_H
#define AS_EVAL_DOOR_LAB_INT_H

#include <stdatomic.h>

#include "eval/assay.h"
#include "eval/features/backbone.h"
#include "eval/learn/labelled.h"
#include "tensor/base/status.h"
#include "tensor/base/watch.h"

struct as_lab {
  as_err err;
  as_lab_options o;
  as_watch watch;
  atomic_int stopped;
  int outer; /* the thread's number of threads outside the call under way */
};

struct as_lab_net {
  as_lab *lab;
  as_backbone backbone;
};

struct as_lab_images {
  as_lab *lab;
  struct as_dataset *ds;
};

struct as_lab_rows {
  as_lab *lab;
  struct as_features *features;  /* computed, or NULL */
  struct as_feature_set *stored; /* read, or NULL */
  const as_lab_images *images;   /* of computed ones */
  float *x;                      /* copied, or NULL */
  int *label;                    /* copied or computed, or NULL */
  const char **class_name;       /* [classes] of computed ones, or NULL */
  as_labelled rows;              /* what heads and neighbours see */
};

/* Every call that computes begins with as_lab_enter, which has this thread use the lab's number of threads, and ends
 * with as_lab_leave, which takes that back and says the status as the caller knows it. */
as_err *as_lab_enter(as_lab *lab);
int as_lab_leave(as_lab *lab, as_status s);
/* Memory that is 0; NULL with the lab's message. */
void *as_lab_make(as_lab *lab, size_t size);
/* Copies a caller's options, as many bytes as both know; the rest is 0. from: NULL = none. AS_E_USAGE: no size. */
as_status as_lab_take_options(void *to, size_t size, const void *from, as_err *err);

#endif
