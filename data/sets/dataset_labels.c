/* From names, numbers and shards to labels. Lists of labels are in label_list.c. */
#include <string.h>

#include "data/sets/dataset_int.h"
#include "data/sets/labels.h"
#include "tensor/base/log.h"

/* ImageNet-C: the four extra corruptions are no part of the benchmark. */
static as_status keep_corruptions(as_dataset *ds, as_err *err) {
  size_t kept = 0, extra = 0;
  for (size_t i = 0; i < ds->n; i++) {
    int severity, k = as_corruption_of(ds->row[i].name, &severity);
    if (k < 0)
      return as_fail(err, AS_E_INPUT,
                     "%s: %s: found no corruption and severity in its path, wanted fog/3/n01440764/...",
                     ds->path, ds->row[i].name);
    extra += k == AS_CORRUPTIONS;
    if (k < AS_CORRUPTIONS) ds->row[kept++] = ds->row[i];
  }
  if (kept == 0)
    return as_fail(err, AS_E_INPUT,
                   "%s: found only the extra corruptions, wanted some of the %d of the benchmark", ds->path,
                   AS_CORRUPTIONS);
  if (extra > 0)
    as_log_line(AS_LOG_INFO, "%s: %zu images of the extra corruptions were left out", ds->path, extra);
  ds->n = kept;
  return AS_OK;
}

/* Label by folder or file name. */
static as_status label_by_name(as_dataset *ds, as_err *err) {
  const as_classes *c = &ds->classes;
  for (size_t i = 0; i < ds->n; i++) {
    as_row *r = &ds->row[i];
    size_t len;
    const char *name = as_dataset_class_in(ds, r, &len);
    int64_t v = c->integers ? as_plain_integer(name, len) : -1;
    r->order = v > 0 ? v : 0;
    r->label = c->integers && c->builtin ? (int32_t)v : as_classes_find(c, name, len);
    if (r->label < 0 || (size_t)r->label >= c->n)
      return as_fail(err, AS_E_INPUT, "%s: %s: found class %.*s, which is none of the %zu classes", ds->path,
                     r->name, (int)(len > 64 ? 64 : len), name, c->n);
  }
  return AS_OK;
}

/* The validation image of this number, among the classes of the set, which may be fewer or in another order. */
static as_status label_by_number(as_dataset *ds, as_row *r, as_err *err) {
  const char *wnid = as_wnids[as_val_labels[as_val_number(r->name) - 1]];
  r->label = as_classes_find(&ds->classes, wnid, strlen(wnid));
  /* a list of names in the place of the 1000 wnids */
  if (r->label < 0 && ds->classes.n == as_wnids_count &&
      as_wnid_class(ds->classes.name[0], strlen(ds->classes.name[0])) < 0)
    r->label = as_val_labels[as_val_number(r->name) - 1];
  if (r->label >= 0) return AS_OK;
  return as_fail(err, AS_E_INPUT, "%s: %s: its class is %s, which is none of the %zu classes (%s, ...)",
                 ds->path, r->name, wnid, ds->classes.n, ds->classes.name[0]);
}

as_status as_dataset_label(as_dataset *ds, const as_dataset_opts *o, as_err *err) {
  as_status s = AS_OK;
  bool by_name =
      ds->layout == AS_LAYOUT_FOLDERS || ds->layout == AS_LAYOUT_DEEP || ds->layout == AS_LAYOUT_FILES;
  if (ds->task->rule == AS_RULE_MAX && ds->layout == AS_LAYOUT_FOLDERS)
    return as_dataset_label_objectnet(ds, err);
  if (ds->layout == AS_LAYOUT_LIST) return AS_OK; /* labels come by name, when rows are in order */
  if (ds->layout == AS_LAYOUT_UNLABELLED)
    return ds->task->imagenet && !ds->classes_given ? as_classes_imagenet(&ds->classes, err) : AS_OK;
  if (by_name) {
    s = as_dataset_infer_classes(ds, err);
  } else if (!ds->classes_given) {
    s = ds->source.class_names.n > 0
            ? as_classes_of_lines(&ds->classes, ds->path, &ds->source.class_names, err)
            : as_classes_imagenet(&ds->classes, err);
  }
  if (s != AS_OK) return s;
  if (ds->task->imagenet && ds->classes.n != as_wnids_count)
    return as_fail(err, AS_E_INPUT, "%s: found %zu classes, wanted the %zu of task %s",
                   ds->classes_given ? o->classes : ds->path, ds->classes.n, as_wnids_count, ds->task->name);
  if (ds->layout == AS_LAYOUT_DEEP && (s = keep_corruptions(ds, err)) != AS_OK) return s;
  if (by_name) return label_by_name(ds, err);
  for (size_t i = 0; i < ds->n && ds->layout == AS_LAYOUT_VAL && s == AS_OK; i++)
    s = label_by_number(ds, &ds->row[i], err);
  for (size_t i = 0; i < ds->n && ds->layout == AS_LAYOUT_SHARDS && s == AS_OK; i++) {
    as_row *r = &ds->row[i];
    r->label = ds->source.entry[r->entry].label;
    if ((size_t)r->label >= ds->classes.n)
      s = as_fail(err, AS_E_INPUT,
                  "%s: %s: found label %d, wanted 0..%zu (or a longer list of classes: --classes)", ds->path,
                  r->name, r->label, ds->classes.n - 1);
  }
  return s;
}
