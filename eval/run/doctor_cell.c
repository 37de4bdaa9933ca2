/* The recorded predictions of a cell. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/run/doctor_int.h"
#include "tensor/base/mem.h"
#include "tensor/base/tsv.h"

as_status as_doc_read(as_doc_cell *c, const as_rec *rec, const char *model, const char *set, as_err *err) {
  as_file f = {0};
  as_tsv t;
  double sum = 0;
  size_t known = 0;
  memset(c, 0, sizeof *c);
  as_status s = as_rec_file(rec, &f, err, "cells/%s--%s.tsv", model, set);
  if (s != AS_OK) return s;
  as_tsv_open(&t, f.data, f.size);
  as_tsv_next(&t); /* the header */
  while (s == AS_OK && as_tsv_next(&t)) {
    if ((s = as_grow(&c->image, &c->cap, c->n + 1, sizeof *c->image, err)) != AS_OK) break;
    as_doc_image *im = &c->image[c->n];
    im->name = as_strndup(t.field[AS_COL_NAME], t.size[AS_COL_NAME], err);
    im->label = as_tsv_number(&t, AS_COL_LABEL);
    im->top1 = as_tsv_number(&t, AS_COL_TOP);
    c->several = c->several || memchr(t.field[AS_COL_LABEL], ',', t.size[AS_COL_LABEL]);
    char sure[32];
    double v;
    snprintf(sure, sizeof sure, "%.*s",
             (int)(t.size[AS_COL_CONFIDENCE] < 31 ? t.size[AS_COL_CONFIDENCE] : 31),
             t.field[AS_COL_CONFIDENCE]);
    if (as_parse_f64(sure, &v)) {
      sum += v;
      known++;
    }
    if (!im->name) s = AS_E_ENV;
    c->n++;
  }
  as_file_close(&f);
  c->sure = known ? sum / (double)known : (double)NAN;
  if (s != AS_OK) as_doc_clear(c);
  return s;
}

void as_doc_clear(as_doc_cell *c) {
  for (size_t i = 0; i < c->n; i++) as_free(c->image[i].name);
  as_free(c->image);
  memset(c, 0, sizeof *c);
}
