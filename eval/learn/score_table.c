/* What is written of scores. */
#include <math.h>

#include "eval/learn/score.h"
#include "tensor/base/file.h"
#include "tensor/base/mem.h"

as_status as_score_describe(as_results_set *set, const as_dataset *ds, as_err *err) {
  size_t n = as_dataset_count(ds), classes = as_dataset_classes(ds), at = 0;
  set->label = as_alloc(n ? n : 1, sizeof *set->label, err);
  set->class_name = as_calloc(classes ? classes : 1, sizeof *set->class_name, err);
  if (!set->label || !set->class_name) return AS_E_ENV;
  for (size_t i = 0; i < n; i++) {
    as_item item = as_dataset_item(ds, i);
    if ((item.labels ? item.n_labels > 0 : item.label >= 0))
      set->label[at++] = (uint32_t)(item.labels ? item.labels[0] : item.label);
  }
  set->n_scored = at;
  for (size_t c = 0; c < classes; c++) {
    if (!(set->class_name[c] = as_strdup(as_dataset_class_name(ds, c), err))) return AS_E_ENV;
    set->n_class_names = c + 1;
  }
  return AS_OK;
}

as_status as_score_write_classes(const as_results_set *set, const char *path, as_err *err) {
  as_out o;
  as_status s = as_out_open(&o, path, err);
  if (s != AS_OK) return s;
  for (size_t c = 0; c < set->n_class_names; c++) as_out_printf(&o, "%s\n", set->class_name[c]);
  return as_out_commit(&o, err);
}

as_status as_scores_write(const as_scores *s, const as_dataset *ds, const as_features *f, const size_t *rows,
                          const char *path, as_err *err) {
  as_out o;
  as_status st = as_out_open(&o, path, err);
  if (st != AS_OK) return st;
  as_out_printf(&o, "name\tlabel\ttop5\tlogits5\tstatus\tconfidence\n");
  for (size_t i = 0; i < s->n; i++) {
    as_item item = as_dataset_item(ds, i);
    const as_prediction *p = &s->row[i];
    as_out_printf(&o, "%s\t", item.name);
    if (item.labels) {
      for (int k = 0; k < item.n_labels; k++) as_out_printf(&o, "%s%d", k ? "," : "", item.labels[k]);
    } else if (item.label >= 0) {
      as_out_printf(&o, "%d", item.label);
    }
    as_out_printf(&o, "\t");
    for (int k = 0; k < 5 && p->top[k] >= 0; k++) as_out_printf(&o, "%s%d", k ? "," : "", p->top[k]);
    as_out_printf(&o, "\t");
    for (int k = 0; k < 5 && p->top[k] >= 0; k++)
      as_out_printf(&o, "%s%.6g", k ? "," : "", (double)p->value[k]);
    const char *why = f->why[rows ? rows[i] : i];
    if (p->outcome == AS_FAILED)
      as_out_printf(&o, "\tfailed: %s\t\n", why ? why : "");
    else if (isnan(p->confidence))
      as_out_printf(&o, "\t%s\t\n", p->outcome == AS_UNSCORED ? "unscored" : "ok");
    else
      as_out_printf(&o, "\t%s\t%.6g\n", p->outcome == AS_UNSCORED ? "unscored" : "ok", (double)p->confidence);
  }
  return as_out_commit(&o, err);
}
