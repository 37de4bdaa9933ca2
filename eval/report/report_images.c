/* What needs the images one by one: calibration, accuracy per class. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/report/report_int.h"
#include "tensor/base/checked.h"
#include "tensor/base/mem.h"

as_num as_class_title(const as_results *r, size_t set, uint32_t c) {
  as_num n = as_class_text(r, set, c);
  const as_results_set *s = &r->sets[set];
  if (s->class_title && c < s->n_class_names && s->class_title[c])
    snprintf(n.s, sizeof n.s, "%.47s", s->class_title[c]);
  return n;
}

as_num as_class_text(const as_results *r, size_t set, uint32_t c) {
  as_num n;
  const as_results_set *s = &r->sets[set];
  if (c < s->n_class_names)
    snprintf(n.s, sizeof n.s, "%.47s", s->class_name[c]);
  else
    snprintf(n.s, sizeof n.s, "class %lu", (unsigned long)c);
  return n;
}

static as_status count_right_by_class(as_sum *s, size_t k, as_err *err) {
  const as_results *r = s->r;
  const as_results_set *set = &r->sets[k];
  as_sum_classes *d = &s->classes[k];
  uint32_t most = 0;
  if (!set->label || set->n_scored == 0) return AS_OK;
  for (size_t i = 0; i < set->n_scored; i++) most = set->label[i] > most ? set->label[i] : most;
  if (most > 10000000) return AS_OK; /* labels that are no class numbers */
  size_t all = (size_t)most + 1, cells = 0;
  uint32_t *place = as_calloc(all, sizeof *place, err);
  if (!place) return AS_E_ENV;
  for (size_t i = 0; i < set->n_scored; i++) place[set->label[i]] = 1;
  for (size_t c = 0; c < all; c++)
    if (place[c]) place[c] = (uint32_t)d->n++;
  as_status st = as_mul_size(d->n, r->n_models, &cells) ? AS_OK : as_fail(err, AS_E_ENV, "too many classes");
  if (st == AS_OK) {
    d->number = as_alloc(d->n, sizeof *d->number, err);
    d->images = as_calloc(d->n, sizeof *d->images, err);
    d->right = as_calloc(cells, sizeof *d->right, err);
    d->used = as_calloc(cells, sizeof *d->used, err);
    if (!d->number || !d->images || !d->right || !d->used) st = AS_E_ENV;
  }
  for (size_t i = 0; st == AS_OK && i < set->n_scored; i++) {
    size_t c = place[set->label[i]];
    d->number[c] = set->label[i];
    d->images[c]++;
    for (size_t m = 0; m < r->n_models; m++) {
      const as_cell *cell = as_results_cell(r, m, k);
      if (!as_sum_at(s, m, k)->ok || !cell->correct1 || cell->n_expected != (int64_t)set->n_scored ||
          cell->correct1[i] > 1)
        continue;
      d->used[c * r->n_models + m]++;
      d->right[c * r->n_models + m] += cell->correct1[i];
    }
  }
  as_free(place);
  return st;
}

as_status as_sum_images(as_sum *s, as_err *err) {
  const as_results *r = s->r;
  bool any = false;
  for (size_t i = 0; i < r->n_models * r->n_sets; i++)
    any = any || (r->cells[i].confidence && r->cells[i].correct1);
  if (any && !(s->calibration = as_calloc(r->n_models * r->n_sets, sizeof *s->calibration, err)))
    return AS_E_ENV;
  for (size_t i = 0; any && i < r->n_models * r->n_sets; i++) {
    const as_cell *c = &r->cells[i];
    bool have = as_cell_measured(c) && c->confidence && c->correct1;
    as_calibrate(c->correct1, c->confidence, have ? (size_t)c->n_expected : 0, &s->calibration[i]);
  }
  s->classes = as_calloc(r->n_sets, sizeof *s->classes, err);
  as_status st = s->classes ? AS_OK : AS_E_ENV;
  for (size_t k = 0; st == AS_OK && k < r->n_sets; k++) st = count_right_by_class(s, k, err);
  return st;
}

void as_sum_images_clear(as_sum *s) {
  as_free(s->calibration);
  for (size_t k = 0; s->classes && k < s->r->n_sets; k++) {
    as_free(s->classes[k].number);
    as_free(s->classes[k].images);
    as_free(s->classes[k].right);
    as_free(s->classes[k].used);
  }
  as_free(s->classes);
}
