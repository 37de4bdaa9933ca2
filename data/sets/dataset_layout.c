/* What the names of a set's images say: where the class is in them, and which classes there are. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/sets/dataset_int.h"
#include "data/sets/labels.h"
#include "tensor/base/file.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"

enum { WNID_LEN = 9 };

as_status as_dataset_give_classes(as_dataset *ds, const as_dataset_opts *o, as_err *err) {
  if (!o->classes || !*o->classes) return AS_OK;
  bool by_value = strcmp(as_path_base(o->classes), "by-value") == 0,
       by_text = strcmp(as_path_base(o->classes), "by-text") == 0; /* a plan puts its folder in front */
  if ((by_value || by_text) && as_path_kind_of(o->classes) == AS_PATH_NONE) {
    ds->order = by_value ? AS_ORDER_BY_VALUE : AS_ORDER_BY_TEXT;
    return AS_OK;
  }
  as_status s = as_classes_read(&ds->classes, o->classes, err);
  ds->classes_given = s == AS_OK;
  return s == AS_OK ? as_dataset_warn_order(ds, o->classes, err) : s;
}

/* ---- layout ----------------------------------------------------------------------------------- */

/* The first folder of the name that is one of the 1000 wnids; *len = 0 when there is none. */
static const char *wnid_folder(const char *name, size_t *len) {
  for (const char *p = name, *slash; (slash = strchr(p, '/')) != NULL; p = slash + 1) {
    if (as_wnid_class(p, (size_t)(slash - p)) >= 0) {
      *len = WNID_LEN;
      return p;
    }
  }
  *len = 0;
  return name;
}

/* "n01440764_10026.JPEG": the class in front of the underscore. */
static bool file_class(const char *name, size_t *len) {
  if (name[0] != 'n') return false;
  size_t i = 1;
  while (name[i] >= '0' && name[i] <= '9') i++;
  *len = i;
  return i == WNID_LEN && name[i] == '_';
}

/* Is this folder one of the classes, as far as its name alone can tell? */
static bool is_class_folder(const as_dataset *ds, const char *name, size_t len) {
  if (ds->task->rule == AS_RULE_MAX && !strchr(name + len + 1, '/')) return true;
  if (ds->classes_given) return as_classes_find(&ds->classes, name, len) >= 0;
  int64_t v = as_plain_integer(name, len);
  return as_wnid_class(name, len) >= 0 || (ds->task->imagenet && v >= 0 && (size_t)v < as_wnids_count);
}

/* Cuts off leading folders that all names share. The last of them too: a set whose images lie in one folder ("images",
 * "val") has no class of that name, unless it is known as a class. */
static void strip_common(as_dataset *ds) {
  for (;;) {
    const char *first = ds->row[0].name, *slash = strchr(first, '/');
    if (!slash) return;
    size_t len = (size_t)(slash - first) + 1;
    if (is_class_folder(ds, first, len - 1)) return;
    for (size_t i = 1; i < ds->n; i++) {
      if (strncmp(ds->row[i].name, first, len) != 0) return;
    }
    for (size_t i = 0; i < ds->n; i++) ds->row[i].name += len;
  }
}

as_status as_dataset_find_layout(as_dataset *ds, const as_dataset_opts *o, as_err *err) {
  size_t in_folder = 0, by_file = 0, by_val = 0, deep = 0, len;
  const char *loose = NULL;
  if (o->no_labels || (ds->source.loose && !o->labels && ds->source.with_text == 0)) {
    if (!o->no_labels) strip_common(ds);
    ds->layout = AS_LAYOUT_UNLABELLED;
    return AS_OK;
  }
  if (ds->source.labelled && !o->labels) {
    ds->layout = AS_LAYOUT_SHARDS;
    return AS_OK;
  }
  bool corrupted =
      strcmp(ds->task->name, "imagenet-c") == 0; /* there the folders above the classes tell something */
  bool list = o->labels || ds->source.with_text > 0;
  if (!list && !corrupted) strip_common(ds);
  for (size_t i = 0; i < ds->n; i++) {
    const char *name = ds->row[i].name;
    if (strchr(name, '/')) {
      in_folder++;
    } else {
      if (!loose) loose = name;
      by_file += file_class(name, &len);
      by_val += as_val_number(name) > 0;
    }
    const char *wnid = wnid_folder(name, &len);
    deep += len > 0 && wnid != name;
  }
  if (list) {
    ds->layout = AS_LAYOUT_LIST;
  } else if (in_folder > 0 && in_folder < ds->n) {
    char more[48] = "";
    if (ds->n - in_folder > 1) snprintf(more, sizeof more, " and %zu more images", ds->n - in_folder - 1);
    return as_fail(err, AS_E_INPUT, "%s: found %s%s beside folders of images; wanted one or the other",
                   ds->path, loose, more);
  } else if (in_folder > 0 && deep > 0) {
    if (!corrupted || deep < ds->n) {
      const char *name = NULL;
      for (size_t i = 0; i < ds->n && !name; i++) {
        if (wnid_folder(ds->row[i].name, &len) != ds->row[i].name) name = ds->row[i].name;
      }
      return as_fail(
          err, AS_E_INPUT,
          "%s: %s: found class folders below another folder; wanted class folders at the top (name the "
          "folder that holds them)",
          ds->path, name);
    }
    ds->layout = AS_LAYOUT_DEEP;
  } else if (in_folder > 0) {
    ds->layout = AS_LAYOUT_FOLDERS;
  } else if (by_file == ds->n) {
    ds->layout = AS_LAYOUT_FILES;
  } else if (by_val == ds->n) {
    ds->layout = AS_LAYOUT_VAL;
  } else if (ds->source.has_side) {
    ds->layout = AS_LAYOUT_LIST;
  } else {
    ds->layout = AS_LAYOUT_UNLABELLED;
    bool by_sets = ds->task->rule == AS_RULE_ANY && o->real;
    if (ds->task->imagenet && !by_sets)
      return as_fail(err, AS_E_INPUT,
                     "%s: %s: found no label for it; wanted class folders, wnids in file names, "
                     "ILSVRC2012_val_%%08d.JPEG, or a label list (--labels)",
                     ds->path, loose);
  }
  return AS_OK;
}

const char *as_dataset_class_in(const as_dataset *ds, const as_row *r, size_t *len) {
  if (ds->layout == AS_LAYOUT_DEEP) return wnid_folder(r->name, len);
  *len = ds->layout == AS_LAYOUT_FILES ? (size_t)WNID_LEN : strcspn(r->name, "/");
  return r->name;
}

/* ---- classes ---------------------------------------------------------------------------------- */

static int names_by_bytes(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorts and leaves one of each; returns how many. */
static size_t unique(char **names, size_t n) {
  size_t kept = 0;
  if (n > 0) qsort(names, n, sizeof *names, names_by_bytes);
  for (size_t i = 0; i < n; i++) {
    if (kept > 0 && strcmp(names[i], names[kept - 1]) == 0) {
      as_free(names[i]);
    } else {
      names[kept++] = names[i];
    }
  }
  return kept;
}

/* The class names found, sorted, each once. */
static as_status found_classes(const as_dataset *ds, char ***out, size_t *n_out, as_err *err) {
  char **names = NULL;
  size_t n = 0, cap = 0, last_len = 0;
  const char *last = NULL;
  as_status s = AS_OK;
  for (size_t i = 0; i < ds->n && s == AS_OK; i++) {
    size_t len;
    const char *c = as_dataset_class_in(ds, &ds->row[i], &len);
    if (last && len == last_len && memcmp(c, last, len) == 0) continue; /* most come in runs of one class */
    last = c;
    last_len = len;
    if (n == cap && n > 0) n = unique(names, n); /* the rest do not: grow only with the classes */
    void *p = names;
    s = as_grow(&p, &cap, 2 * n + 1, sizeof *names, err);
    names = p;
    char *name = s == AS_OK ? as_strndup(c, len, err) : NULL;
    if (name) {
      names[n++] = name;
    } else {
      s = AS_E_ENV;
    }
  }
  *out = names;
  *n_out = unique(names, n);
  return s;
}

/* Parts of a data set. Were they all the classes there are, a model would be asked to tell them apart. */
static bool is_part_name(const char *name) {
  static const char *const parts[] = {"train", "training", "val",       "valid",     "validation",
                                      "dev",   "test",     "testing",   "extra",     "images",
                                      "imgs",  "img",      "unlabeled", "unlabelled"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    if (as_same_letters(name, parts[i])) return true;
  }
  return false;
}

static as_status refuse_parts(const as_dataset *ds, char *const *names, size_t n, as_err *err) {
  for (size_t i = 0; i < n; i++) {
    if (!is_part_name(names[i])) return AS_OK;
  }
  return as_fail(err, AS_E_INPUT,
                 "%s: found the folders %s%s%s%s, which are parts of a data set and no classes; wanted one "
                 "of them (%s/%s)",
                 ds->path, names[0], n > 1 ? " and " : "", n > 1 ? names[1] : "", n > 2 ? ", ..." : "",
                 ds->path, names[0]);
}

as_status as_dataset_infer_classes(as_dataset *ds, as_err *err) {
  char **names;
  size_t n;
  if (ds->classes_given) return AS_OK;
  as_status s = found_classes(ds, &names, &n, err);
  if (s == AS_OK) s = refuse_parts(ds, names, n, err);
  if (s == AS_OK)
    s = as_classes_infer(&ds->classes, ds->path, (const char *const *)names, n, ds->task->imagenet, ds->order,
                         err);
  for (size_t i = 0; i < n; i++) as_free(names[i]);
  as_free(names);
  if (s == AS_OK && !ds->classes.builtin && ds->source.empty_folder)
    s = as_fail(err, AS_E_INPUT,
                "%s: class folder %s: found no image in it; wanted one at least, or a list of the classes "
                "(--classes)",
                ds->path, ds->source.empty_folder);
  return s;
}
