/* Label sets (ReaL) and class subsets. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "data/sets/dataset_int.h"
#include "data/sets/labels.h"
#include "tensor/base/json.h"
#include "tensor/base/lines.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"

/* ---- ReaL ------------------------------------------------------------------------------------- */

static as_status set_of(as_dataset *ds, const char *path, as_row *r, const as_json *list, as_err *err) {
  if (list->type != AS_JSON_ARRAY)
    return as_fail(err, AS_E_INPUT, "%s: labels of %s: wanted a list of class numbers", path, r->name);
  r->real = (uint32_t)ds->n_reals;
  r->n_real = (uint32_t)list->count;
  if (list->count > UINT32_MAX || ds->n_reals + list->count > UINT32_MAX)
    return as_fail(err, AS_E_INPUT, "%s: found too many labels", path);
  void *p = ds->real;
  as_status s = as_grow(&p, &ds->reals_cap, ds->n_reals + list->count + 1, sizeof *ds->real, err);
  ds->real = p;
  if (s != AS_OK) return s;
  for (const as_json *v = list->child; v; v = v->next) {
    int64_t c;
    if (!as_json_i64(v, &c) || c < 0 || (uint64_t)c >= ds->classes.n)
      return as_fail(err, AS_E_INPUT, "%s: labels of %s: found %s, wanted class numbers 0..%zu", path,
                     r->name, v->text ? v->text : "no number", ds->classes.n - 1);
    ds->real[ds->n_reals++] = (int)c;
  }
  return AS_OK;
}

/* Members of an object, sorted by key: as_json_get walks a list. */
static int by_key(const void *a, const void *b) {
  return strcmp((*(const as_json *const *)a)->key, (*(const as_json *const *)b)->key);
}
static int find_key(const void *key, const void *member) {
  const char *k = key;
  return strcmp(k, (*(const as_json *const *)member)->key);
}

static as_status sets_by_name(as_dataset *ds, const char *path, const as_json *root, as_err *err) {
  const as_json **sorted = as_alloc(root->count + 1, sizeof *sorted, err);
  if (!sorted) return AS_E_ENV;
  size_t n = 0;
  as_status s = AS_OK;
  for (const as_json *v = root->child; v; v = v->next) sorted[n++] = v;
  qsort(sorted, n, sizeof *sorted, by_key);
  for (size_t i = 0; i < ds->n && s == AS_OK; i++) {
    as_row *r = &ds->row[i];
    char *name = as_strdup(r->name, err); /* keys are text as it is */
    if (!name) {
      s = AS_E_ENV;
      break;
    }
    as_unescape(name);
    const char *slash = strrchr(name, '/');
    const as_json **v = bsearch(name, sorted, n, sizeof *sorted, find_key);
    if (!v && slash) v = bsearch(slash + 1, sorted, n, sizeof *sorted, find_key);
    as_free(name);
    s = v ? set_of(ds, path, r, *v, err)
          : as_fail(err, AS_E_INPUT, "%s: found no labels for image %s of %s", path, r->name, ds->path);
  }
  as_free(sorted);
  return s;
}

/* real.json of google-research/reassessed-imagenet: entry i is for ILSVRC2012_val_(i + 1). Other
 * images: in the order of names. */
static as_status sets_by_order(as_dataset *ds, const char *path, const as_json *root, as_err *err) {
  const as_json **list = as_alloc(root->count + 1, sizeof *list, err);
  if (!list) return AS_E_ENV;
  size_t n = 0, numbered = 0;
  as_status s = AS_OK;
  for (const as_json *v = root->child; v; v = v->next) list[n++] = v;
  for (size_t i = 0; i < ds->n; i++) numbered += as_val_number(ds->row[i].name) > 0;
  bool by_number = numbered == ds->n;
  size_t want = by_number ? as_val_labels_count : ds->n;
  if (n != want)
    s = as_fail(err, AS_E_INPUT, "%s: found %zu label sets, wanted %zu%s", path, n, want,
                by_number ? ", one for each ILSVRC2012_val image"
                          : " (images not called ILSVRC2012_val_*: one each)");
  for (size_t i = 0; i < ds->n && s == AS_OK; i++) {
    as_row *r = &ds->row[i];
    s = set_of(ds, path, r, list[by_number ? (size_t)as_val_number(r->name) - 1 : i], err);
  }
  as_free(list);
  return s;
}

as_status as_dataset_read_real(as_dataset *ds, const char *path, as_err *err) {
  as_json_doc *doc;
  if (ds->classes.n == 0)
    return as_fail(err, AS_E_USAGE,
                   "%s: label sets (%s) want the list of classes that they number: --classes", ds->path,
                   path);
  as_status s = as_json_load(&doc, path, err);
  if (s != AS_OK) return s;
  const as_json *root = as_json_root(doc);
  if (root->type == AS_JSON_OBJECT) {
    s = sets_by_name(ds, path, root, err);
  } else if (root->type == AS_JSON_ARRAY) {
    s = sets_by_order(ds, path, root, err);
  } else {
    s = as_fail(err, AS_E_INPUT, "%s: wanted a list of label lists, or an object name -> label list", path);
  }
  as_json_free(&doc);
  ds->has_real = s == AS_OK;
  return s;
}

/* ---- subsets ---------------------------------------------------------------------------------- */

static as_status mask_class(as_dataset *ds, const char *where, size_t number, const char *name, as_err *err) {
  size_t len = strlen(name);
  int64_t v = as_plain_integer(name, len);
  int c = v >= 0 && (size_t)v < ds->classes.n ? (int)v : as_classes_find(&ds->classes, name, len);
  if (c < 0 && strcspn(name, " \t,") == 9) c = as_classes_find(&ds->classes, name, 9);
  if (c < 0)
    return as_fail(err, AS_E_INPUT, "%s: line %zu: found \"%s\", which is none of the %zu classes of %s",
                   where, number, name, ds->classes.n, ds->path);
  ds->mask[c] = 1;
  return AS_OK;
}

/* A word that is neither a built-in subset nor a file is probably a slip. */
static as_status find_subset_file(const char *subset, as_err *err) {
  static const char *const names[] = {"imagenet-r", "imagenet-a"};
  char mean[AS_MEAN_MAX];
  if (strpbrk(subset, "./") || as_path_size(subset) >= 0) return AS_OK;
  return as_fail(err, AS_E_USAGE, "subset: found '%s', wanted imagenet-r, imagenet-a or a file of classes%s",
                 subset, as_did_you_mean(mean, subset, names, sizeof names / sizeof *names));
}

as_status as_dataset_read_subset(as_dataset *ds, const char *subset, as_err *err) {
  const char *const *list = NULL;
  size_t n = 0;
  as_lines l = {0};
  as_status s = AS_OK;
  if (strcmp(subset, "imagenet-r") == 0) {
    list = as_imagenet_r;
    n = as_imagenet_r_count;
  } else if (strcmp(subset, "imagenet-a") == 0) {
    list = as_imagenet_a;
    n = as_imagenet_a_count;
  } else {
    s = find_subset_file(subset, err);
    if (s == AS_OK) s = as_lines_read(&l, subset, false, err);
    n = l.n;
    if (s == AS_OK && n == 0) s = as_fail(err, AS_E_INPUT, "%s: found no class", subset);
  }
  if (s == AS_OK && ds->mask)
    s = as_fail(err, AS_E_USAGE, "%s: its list of labels says already which classes may win, no subset",
                ds->path);
  if (s == AS_OK && ds->classes.n == 0)
    s = as_fail(err, AS_E_USAGE, "%s: a class subset (%s) wants labelled data", ds->path, subset);
  if (s == AS_OK) {
    ds->mask = as_calloc(ds->classes.n, 1, err);
    if (!ds->mask) s = AS_E_ENV;
  }
  for (size_t i = 0; i < n && s == AS_OK; i++)
    s = mask_class(ds, subset, list ? i + 1 : l.number[i], list ? list[i] : l.line[i], err);
  as_lines_clear(&l);
  return s;
}
