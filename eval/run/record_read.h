/* A finished run read back from its folder: record.json for the counts, cells/ for the images. */
#ifndef AS_EVAL_RUN_RECORD_READ_H
#define AS_EVAL_RUN_RECORD_READ_H

#include <stddef.h>

#include "eval/run/rec.h"
#include "eval/stats/results.h"
#include "tensor/base/status.h"

/* Joins n folders (or record.json files) into one set of results: models in the order given, sets in the
 * order in which they first appear. Sets of one name must be the same images with the same labels
 * (their recorded hashes), models of one name may appear once. A cell that no record has is absent
 * and says so. AS_E_INPUT: no record, an incomplete one, or sets that differ under one name. */
as_status as_records_read(as_results *out, const char *const *paths, size_t n, as_err *err);

/* Two records side by side, for comparing them: a model may be in both. The first *n_first models are a's. */
as_status as_records_read_two(as_results *out, const char *a, const char *b, size_t *n_first, as_err *err);

/* One cell of an opened record: j, of its list "cells". Its images come from the table beside the record, where
 * that is there; `of` gets what the table says of the set's images and classes where it knows nothing yet.
 * AS_E_INPUT: counts that do not add up, a table that does not agree with them. */
as_status as_rec_cell(as_cell *c, as_results_set *of, const as_rec *r, const as_json *j, as_err *err);

/* record_facts.c: small objects. What is absent leaves its target as it is. */
void as_rec_copy_digits(char to[65], const as_json *object, const char *key);
void as_rec_candidates(as_candidates *c, const as_json *object, const char *key);
as_status as_rec_shared(as_shared *s, const as_json *object, const char *key, as_err *err);
/* Which network a model is, from what a record says of it; nothing where one of them is NULL. */
typedef struct as_rec_network {
  const char *weights, *sha256, *recipe, *arch, *protocol;
} as_rec_network;
as_status as_rec_backbone(as_results_model *m, const as_rec_network *n, as_err *err);
/* p->train is owned by the caller. */
as_status as_rec_probe(as_probe_facts *p, const as_json *model, as_err *err);

#endif
