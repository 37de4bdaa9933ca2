/* A linear classifier on features: a checkpoint's own, a file's, or a fitted probe's. */
#ifndef AS_EVAL_LEARN_LINHEAD_H
#define AS_EVAL_LEARN_LINHEAD_H

#include <stddef.h>

#include "eval/features/backbone.h"
#include "eval/learn/crops.h"
#include "eval/learn/probe.h"
#include "eval/learn/probe_path.h"
#include "eval/learn/protocol.h"
#include "tensor/base/status.h"
#include "tensor/linear.h"

typedef struct as_linhead {
  float *weight; /* [n_out, d], owned */
  float *bias;   /* [n_out], owned */
  size_t n_out, d;
  size_t classes; /* of the class list that class_of points into */
  int *class_of;  /* [n_out] class of each output, increasing; owned; NULL = output i is class i */
  char **name;    /* [n_out] what each output's class is called; owned; NULL = known by number alone */
  as_linear *packed;
  char source[360]; /* "own (fc)", "file h.pth", "probe: 10 classes, 8000 rows, C 1, 57 iterations" */
} as_linhead;

/* The checkpoint's own classifier. AS_E_INPUT when there is none or it does not fit. */
as_status as_linhead_own(as_linhead *h, const as_backbone *b, as_err *err);
/* A file that holds weight and bias (as_match_head), and where it comes from as_linhead_write the classes by number
 * and, in its metadata, by name. d: features that the backbone gives. */
as_status as_linhead_file(as_linhead *h, const char *path, size_t d, as_err *err);
/* Fits a probe. A keep of the options, here and below, is new: the fit begins it. Only classes that have a row get an output; where rows->class_name tells, the head knows them by name.
 * AS_E_INPUT: fewer than two classes. */
as_status as_linhead_fit(as_linhead *h, const as_labelled *rows, const as_probe_opts *opts,
                         as_probe_result *result, as_err *err);
/* The same with C chosen on a held-out part (eval/learn/probe_path.h). Release result with as_path_clear. */
as_status as_linhead_path(as_linhead *h, const as_labelled *rows, const as_path_opts *opts,
                          as_path_result *result, as_err *err);
/* The same by a protocol's optimiser, on features that do not change: where the protocol trains on crops
 * (p->crops), `source` says that these were fixed. */
as_status as_linhead_protocol(as_linhead *h, const as_labelled *rows, const as_protocol *p, uint64_t seed,
                              as_keep *keep, as_err *err);
/* The same on new crops of the images of ds in every epoch, through the backbone. Images that cannot be read
 * are left out and counted in *failed. */
as_status as_linhead_crops(as_linhead *h, const as_protocol *p, as_backbone *b, const as_dataset *ds,
                           const as_crops_opts *opts, size_t *failed, as_err *err);
/* Names the classes of its outputs; class_name: [h->classes]. */
as_status as_linhead_name(as_linhead *h, const char *const *class_name, as_err *err);
/* What class c is called; NULL: not known, or the head has no output for it. Borrowed. */
const char *as_linhead_class_name(const as_linhead *h, int c);
/* weight, bias and classes as safetensors, and the classes' names in its metadata ("assay.classes": a JSON list, an
 * entry per output). */
as_status as_linhead_write(const as_linhead *h, const char *path, as_err *err);
/* SHA-256 over weight, bias and class_of. */
void as_linhead_sha256(const as_linhead *h, char hex[65]);
void as_linhead_clear(as_linhead *h);

/* x: [n, d] to logits: [n, n_out]. Cannot fail. */
void as_linhead_logits(const as_linhead *h, const float *x, size_t n, float *logits);

#endif
