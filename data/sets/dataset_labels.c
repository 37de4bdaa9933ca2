/* From names to labels: layout, classes, label lists. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "data/sets/dataset_int.h"
#include "data/sets/devkit.h"
#include "data/sets/labels.h"
#include "tensor/base/lines.h"
#include "tensor/base/log.h"
#include "tensor/base/mem.h"
#include "tensor/base/pack/gzip.h"
#include "tensor/base/text.h"

enum { WNID_LEN = 9 };

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

/* Cuts off leading folders that all names share, as long as class folders are left below. */
static void strip_common(as_dataset *ds) {
  for (;;) {
    const char *first = ds->row[0].name, *slash = strchr(first, '/');
    if (!slash) return;
    size_t len = (size_t)(slash - first) + 1;
    if (as_wnid_class(first, len - 1) >= 0) return;
    for (size_t i = 0; i < ds->n; i++) {
      const char *name = ds->row[i].name;
      if (strncmp(name, first, len) != 0 || !strchr(name + len, '/')) return;
    }
    for (size_t i = 0; i < ds->n; i++) ds->row[i].name += len;
  }
}

as_status as_dataset_find_layout(as_dataset *ds, const as_dataset_opts *o, as_err *err) {
  size_t in_folder = 0, by_file = 0, by_val = 0, deep = 0, len;
  const char *loose = NULL;
  if (ds->source.labelled && !o->labels) {
    ds->layout = AS_LAYOUT_SHARDS;
    return AS_OK;
  }
  bool corrupted =
      strcmp(ds->task->name, "imagenet-c") == 0; /* there the folders above the classes tell something */
  if (!o->labels && !corrupted) strip_common(ds);
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
  if (o->labels) {
    ds->layout = AS_LAYOUT_LIST;
  } else if (in_folder > 0 && in_folder < ds->n) {
    return as_fail(err, AS_E_INPUT,
                   "%s: found %s and %zu more images beside class folders; wanted one or the other", ds->path,
                   loose, ds->n - in_folder - 1);
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

/* The class name of a row inside its name. */
static const char *class_of(const as_dataset *ds, const as_row *r, size_t *len) {
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
    const char *c = class_of(ds, &ds->row[i], &len);
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

static as_status infer_classes(as_dataset *ds, as_err *err) {
  char **names;
  size_t n;
  as_status s = found_classes(ds, &names, &n, err);
  if (s == AS_OK)
    s = as_classes_infer(&ds->classes, ds->path, (const char *const *)names, n, ds->task->imagenet, err);
  for (size_t i = 0; i < n; i++) as_free(names[i]);
  as_free(names);
  if (s == AS_OK && !ds->classes.builtin && ds->source.empty_folder)
    s = as_fail(err, AS_E_INPUT,
                "%s: class folder %s: found no image in it; wanted one at least, or a list of the classes "
                "(--classes)",
                ds->path, ds->source.empty_folder);
  return s;
}

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
    const char *name = class_of(ds, r, &len);
    int64_t v = c->integers ? as_plain_integer(name, len) : -1;
    r->order = v > 0 ? v : 0;
    r->label = c->integers && c->builtin ? (int32_t)v : as_classes_find(c, name, len);
    if (r->label < 0 || (size_t)r->label >= c->n)
      return as_fail(err, AS_E_INPUT, "%s: %s: found class %.*s, which is none of the %zu classes", ds->path,
                     r->name, (int)(len > 64 ? 64 : len), name, c->n);
  }
  return AS_OK;
}

as_status as_dataset_label(as_dataset *ds, const as_dataset_opts *o, as_err *err) {
  as_status s = AS_OK;
  bool by_name =
      ds->layout == AS_LAYOUT_FOLDERS || ds->layout == AS_LAYOUT_DEEP || ds->layout == AS_LAYOUT_FILES;
  if (ds->task->rule == AS_RULE_MAX && ds->layout == AS_LAYOUT_FOLDERS)
    return as_dataset_label_objectnet(ds, err);
  if (ds->layout == AS_LAYOUT_UNLABELLED)
    return ds->task->imagenet ? as_classes_imagenet(&ds->classes, err) : AS_OK;
  if (o->classes) {
    s = as_classes_read(&ds->classes, o->classes, err);
  } else if (by_name) {
    s = infer_classes(ds, err);
  } else {
    s = as_classes_imagenet(&ds->classes, err);
  }
  if (s != AS_OK) return s;
  if (ds->task->imagenet && ds->classes.n != as_wnids_count)
    return as_fail(err, AS_E_INPUT, "%s: found %zu classes, wanted the %zu of task %s",
                   o->classes ? o->classes : ds->path, ds->classes.n, as_wnids_count, ds->task->name);
  if (ds->layout == AS_LAYOUT_DEEP && (s = keep_corruptions(ds, err)) != AS_OK) return s;
  if (by_name) return label_by_name(ds, err);
  for (size_t i = 0; i < ds->n && ds->layout == AS_LAYOUT_VAL; i++)
    ds->row[i].label = as_val_labels[as_val_number(ds->row[i].name) - 1];
  for (size_t i = 0; i < ds->n && ds->layout == AS_LAYOUT_SHARDS; i++) {
    as_row *r = &ds->row[i];
    r->label = ds->source.entry[r->entry].label;
    if ((size_t)r->label >= ds->classes.n)
      return as_fail(err, AS_E_INPUT,
                     "%s: %s: found label %d, wanted 0..%zu (or a longer list of classes: --classes)",
                     ds->path, r->name, r->label, ds->classes.n - 1);
  }
  return AS_OK;
}

/* ---- a list of labels ------------------------------------------------------------------------- */

/* A class by index or by name; -1. */
static int32_t class_of_text(const as_dataset *ds, const char *text, size_t len) {
  int64_t v = as_plain_integer(text, len);
  if (v >= 0) return (size_t)v < ds->classes.n ? (int32_t)v : -1;
  return (int32_t)as_classes_find(&ds->classes, text, len);
}

static int key_to_row(const void *key, const void *row) {
  const char *k = key;
  return strcmp(k, ((const as_row *)row)->name);
}

/* "name label" or "name,label", in any order: rows are found by name. */
static as_status label_pair(as_dataset *ds, const char *path, size_t number, char *line, as_err *err) {
  size_t n = strlen(line), cut = n;
  while (cut > 0 && line[cut - 1] != ' ' && line[cut - 1] != '\t' && line[cut - 1] != ',') cut--;
  const char *label = line + cut;
  while (cut > 0 && (line[cut - 1] == ' ' || line[cut - 1] == '\t' || line[cut - 1] == ',')) cut--;
  line[cut] = '\0';
  as_str name = {0}; /* as a person writes it, or else as a table of ours has it */
  as_str_put_escaped(&name, line);
  as_row *r = bsearch(as_str_c(&name), ds->row, ds->n, sizeof *ds->row, key_to_row);
  if (!r) r = bsearch(line, ds->row, ds->n, sizeof *ds->row, key_to_row);
  as_str_clear(&name);
  if (!r)
    return as_fail(err, AS_E_INPUT, "%s: line %zu: found %s, which is no image of %s", path, number, line,
                   ds->path);
  if (r->label >= 0)
    return as_fail(err, AS_E_INPUT, "%s: line %zu: found %s a second time", path, number, line);
  r->label = class_of_text(ds, label, strlen(label));
  if (r->label < 0)
    return as_fail(err, AS_E_INPUT, "%s: line %zu: found label \"%s\", wanted 0..%zu or a class name", path,
                   number, label, ds->classes.n - 1);
  return AS_OK;
}

/* The development kit's archive in the place of a list: it knows images by their number. */
static as_status label_devkit(as_dataset *ds, const char *path, as_err *err) {
  uint16_t *labels = as_alloc(as_val_labels_count, sizeof *labels, err);
  as_status s = labels ? as_devkit_labels(path, labels, err) : AS_E_ENV;
  for (size_t i = 0; i < ds->n && s == AS_OK; i++) {
    as_row *r = &ds->row[i];
    int v = as_val_number(r->name);
    if (v == 0) {
      s = as_fail(err, AS_E_INPUT,
                  "%s: %s: wanted ILSVRC2012_val_%%08d, which the development kit has labels for", ds->path,
                  r->name);
    } else {
      r->label = labels[v - 1];
    }
  }
  as_free(labels);
  return s;
}

as_status as_dataset_label_list(as_dataset *ds, const char *path, as_err *err) {
  as_lines l;
  as_file f;
  as_status s = as_file_open(&f, path, err);
  if (s != AS_OK) return s;
  bool devkit = as_gzip_is(f.data, f.size);
  as_file_close(&f);
  if (devkit) return label_devkit(ds, path, err);
  s = as_lines_read(&l, path, true, err);
  if (s != AS_OK) return s;
  size_t first = 0;
  if (l.n == ds->n + 1 && strncmp(l.line[0], "ImageId", 7) == 0) first = 1;
  bool pairs = l.n > first && class_of_text(ds, l.line[first], strlen(l.line[first])) < 0 &&
               strpbrk(l.line[first], " \t,") != NULL;
  if (l.n - first != ds->n)
    s = as_fail(err, AS_E_INPUT,
                "%s: found %zu labels, wanted %zu, one for each image of %s in the order of names", path,
                l.n - first, ds->n, ds->path);
  for (size_t i = 0; i < ds->n && s == AS_OK; i++) {
    char *line = l.line[i + first];
    if (pairs) {
      s = label_pair(ds, path, l.number[i + first], line, err);
      continue;
    }
    ds->row[i].label = class_of_text(ds, line, strlen(line));
    if (ds->row[i].label < 0)
      s = as_fail(err, AS_E_INPUT, "%s: line %zu: found label \"%s\", wanted 0..%zu or a class name%s", path,
                  l.number[i + first], line, ds->classes.n - 1,
                  as_plain_integer(line, strlen(line)) == (int64_t)ds->classes.n
                      ? " (do they count from 1? ILSVRC2012 ids are no class numbers)"
                      : "");
  }
  as_lines_clear(&l);
  return s;
}
