/* Lists of labels (--labels). Whatever made the list, it is one of these:
 *
 *   65                                    a label per line, in the order of names; for images of ILSVRC2012's validation
 *                                         set, 50,000 lines in the order of their numbers
 *   val_1.JPEG n01443537                  a name and a label, in any order; blanks, tabs (Tiny-ImageNet's
 *   val_1,n01443537 85 1 499 272          val_annotations.txt) or commas (Kaggle's LOC_val_solution.csv) between
 *   bear  n02132136                       a folder and a label: for all images in it. Several folders may go to one
 *   bear  n02133161                       class, and one folder to several, which then are all right
 *
 * A name is that of the image in the set, or its last part, with or without suffix, or one of its folders. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "data/sets/dataset_int.h"
#include "data/sets/devkit.h"
#include "data/sets/labels.h"
#include "tensor/base/disk.h"
#include "tensor/base/file.h"
#include "tensor/base/lines.h"
#include "tensor/base/log.h"
#include "tensor/base/mem.h"
#include "tensor/base/pack/gzip.h"
#include "tensor/base/text.h"

enum { WNID_LEN = 9 };

/* ---- the development kit ---------------------------------------------------------------------- */

/* Its archive in the place of a list: it knows images by their number, and labels them with ranks among the 1000. */
static as_status label_devkit(as_dataset *ds, const char *path, as_err *err) {
  uint16_t *labels = as_alloc(as_val_labels_count, sizeof *labels, err);
  as_status s = labels ? as_devkit_labels(path, labels, err) : AS_E_ENV;
  if (s == AS_OK && !ds->classes_given) s = as_classes_imagenet(&ds->classes, err);
  if (s == AS_OK && ds->classes.n != as_wnids_count)
    s = as_fail(err, AS_E_INPUT, "%s: its labels are ranks among %zu classes; --classes has %zu", path,
                as_wnids_count, ds->classes.n);
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

/* ---- classes and labels of texts -------------------------------------------------------------- */

/* A class by index or by name; -1. */
static int32_t class_of_text(const as_dataset *ds, const char *text) {
  size_t len = strlen(text);
  int64_t v = as_plain_integer(text, len);
  if (v >= 0 && (size_t)v < ds->classes.n) return (int32_t)v;
  return (int32_t)as_classes_find(&ds->classes, text, len);
}

static int texts_by_bytes(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Without a list of classes, labels that are numbers are ranks among the 1000, and other texts are the classes. */
static as_status classes_of_texts(as_dataset *ds, const char *path, const char *const *text, size_t n,
                                  as_err *err) {
  size_t numbers = 0, kept = 0;
  if (ds->classes_given) return AS_OK;
  for (size_t i = 0; i < n; i++) numbers += as_plain_integer(text[i], strlen(text[i])) >= 0;
  if (numbers > 0 || ds->task->imagenet) return as_classes_imagenet(&ds->classes, err);
  const char **sorted = as_alloc(n + 1, sizeof *sorted, err);
  if (!sorted) return AS_E_ENV;
  if (n > 0) {
    memcpy(sorted, text, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, texts_by_bytes);
  }
  for (size_t i = 0; i < n; i++) {
    if (i == 0 || strcmp(sorted[i], sorted[kept - 1]) != 0) sorted[kept++] = sorted[i];
  }
  as_status s = as_classes_infer(&ds->classes, path, sorted, kept, false, ds->order, err);
  if (s == AS_OK && !ds->classes.builtin)
    as_log_line(AS_LOG_INFO, "%s: classes are the %zu different labels in it (%s, ...)", path, kept,
                sorted[0]);
  as_free(sorted);
  return s;
}

static as_status bad_label(const as_dataset *ds, const char *path, size_t line, const char *text,
                           as_err *err) {
  return as_fail(err, AS_E_INPUT, "%s: line %zu: found label \"%s\", wanted 0..%zu or a class name%s", path,
                 line, text, ds->classes.n - 1,
                 as_plain_integer(text, strlen(text)) == (int64_t)ds->classes.n
                     ? " (do they count from 1? ILSVRC2012 ids are no class numbers)"
                     : "");
}

/* ---- a label per line ------------------------------------------------------------------------- */

static as_status label_by_line(as_dataset *ds, const char *path, const as_lines *l, as_err *err) {
  size_t numbered = 0, skip = 0;
  for (size_t i = 0; i < ds->n; i++) numbered += as_val_number(ds->row[i].name) > 0;
  bool by_number = numbered == ds->n && l->n == as_val_labels_count;
  if (!by_number && l->n == ds->n + 1 &&
      (as_same_letters(l->line[0], "label") || as_same_letters(l->line[0], "class")))
    skip = 1;
  if (!by_number && l->n - skip != ds->n)
    return as_fail(err, AS_E_INPUT,
                   "%s: found %zu label%s, wanted %zu, one for each image of %s in the order of names", path,
                   l->n - skip, l->n - skip == 1 ? "" : "s", ds->n, ds->path);
  as_status s = classes_of_texts(ds, path, (const char *const *)l->line + skip, l->n - skip, err);
  for (size_t i = 0; i < ds->n && s == AS_OK; i++) {
    size_t at = by_number ? (size_t)as_val_number(ds->row[i].name) - 1 : i + skip;
    ds->row[i].label = class_of_text(ds, l->line[at]);
    if (ds->row[i].label < 0) s = bad_label(ds, path, l->number[at], l->line[at], err);
  }
  return s;
}

/* ---- names and labels ------------------------------------------------------------------------- */

/* How the two are parted. Which it is shows by which gives names of images. */
typedef enum parting { PART_TAB, PART_COMMA, PART_LAST_BLANK, PART_FIRST_BLANK, PARTINGS } parting;

typedef struct named {
  const char *key; /* escaped, as names of images are */
  const char *label;
  uint32_t order;  /* of its line among those of the list */
  uint32_t images; /* that it names one by one */
  size_t line;
  bool used;
} named;

typedef struct name_list {
  named *item; /* [n], sorted by key, then by line */
  size_t n;
  char *text;     /* keys and labels, each NUL-terminated */
  size_t hits;    /* images that have an item */
  size_t missing; /* the first image that has none */
} name_list;

static void clear_names(name_list *l) {
  as_free(l->item);
  as_free(l->text);
  memset(l, 0, sizeof *l);
}

/* A field of s up to `stop` or the end, blanks around and quotes about it cut; *next behind the stop. */
static size_t take_list_field(const char *s, char stop, const char **field, const char **next) {
  while (*s == ' ') s++;
  bool quoted = *s == '"' && stop == ',';
  const char *end = quoted ? strchr(++s, '"') : strchr(s, stop);
  if (!end) end = s + strlen(s);
  *field = s;
  size_t n = (size_t)(end - s);
  const char *behind = strchr(end, stop);
  *next = behind ? behind + 1 : NULL;
  while (!quoted && n > 0 && s[n - 1] == ' ') n--;
  return n;
}

/* Cuts a line in two; false: it has no second part. */
static bool part_line(const char *line, parting how, const char **key, size_t *key_n, const char **label,
                      size_t *label_n) {
  const char *next;
  size_t n = strlen(line);
  if (how == PART_TAB || how == PART_COMMA) {
    char stop = how == PART_TAB ? '\t' : ',';
    *key_n = take_list_field(line, stop, key, &next);
    if (!next) return false;
    *label_n = take_list_field(next, stop, label, &next);
    /* Kaggle: the wnid, and boxes behind it */
    if (*label_n > WNID_LEN && (*label)[WNID_LEN] == ' ' && as_wnid_class(*label, WNID_LEN) >= 0)
      *label_n = WNID_LEN;
    return *key_n > 0 && *label_n > 0;
  }
  while (*line == ' ' || *line == '\t') line++, n--;
  size_t cut = how == PART_FIRST_BLANK ? strcspn(line, " \t") : n;
  while (how == PART_LAST_BLANK && cut > 0 && !strchr(" \t,", line[cut - 1])) cut--;
  *key = line;
  *label = line + cut + strspn(line + cut, " \t");
  *label_n = strcspn(*label, " \t");
  *key_n = cut;
  while (*key_n > 0 && strchr(" \t,", line[*key_n - 1])) --*key_n;
  return *key_n > 0 && *label_n > 0;
}

static int by_key_then_line(const void *a, const void *b) {
  const named *x = a, *y = b;
  int c = strcmp(x->key, y->key);
  return c ? c : (x->order > y->order) - (x->order < y->order);
}

/* The first item with this key of len bytes, or NULL. */
static named *find_named(const name_list *l, const char *key, size_t len) {
  size_t lo = 0, hi = l->n;
  while (lo < hi) {
    size_t mid = lo + (hi - lo) / 2;
    int c = strncmp(l->item[mid].key, key, len);
    if (c < 0) {
      lo = mid + 1;
    } else {
      hi = mid;
    }
  }
  return lo < l->n && strncmp(l->item[lo].key, key, len) == 0 && l->item[lo].key[len] == '\0' ? &l->item[lo]
                                                                                              : NULL;
}

/* The item that names this image most closely: all of its name, the last part, that without suffix, a folder above it
 * by its path or by its own name, the nearest first. */
static named *item_of(const name_list *l, const char *name, bool *by_folder) {
  const char *base = as_path_base(name), *dot = strrchr(base, '.');
  size_t len = strlen(name);
  *by_folder = false;
  named *it = find_named(l, name, len);
  if (!it && base > name) it = find_named(l, base, strlen(base));
  if (!it && dot) it = find_named(l, base, (size_t)(dot - base));
  for (const char *end = base; !it && end > name;) {
    end--; /* at the slash behind a folder */
    const char *start = end;
    while (start > name && start[-1] != '/') start--;
    it = find_named(l, name, (size_t)(end - name));
    if (!it) it = find_named(l, start, (size_t)(end - start));
    *by_folder = true;
    end = start;
  }
  return it;
}

static as_status part_list(name_list *out, const as_dataset *ds, const as_lines *l, parting how,
                           as_err *err) {
  as_str text = {0};
  memset(out, 0, sizeof *out);
  out->item = as_alloc(l->n + 1, sizeof *out->item, err);
  size_t *at = as_alloc(l->n + 1, 2 * sizeof *at, err);
  if (!out->item || !at) {
    as_free(at);
    return AS_E_ENV;
  }
  for (size_t i = 0; i < l->n; i++) {
    const char *key, *label;
    size_t key_n, label_n;
    if (!part_line(l->line[i], how, &key, &key_n, &label, &label_n)) continue;
    at[2 * out->n] = text.n;
    as_str_putn(&text, key, key_n);
    if (text.s && !as_is_escaped(text.s + at[2 * out->n])) {
      char *raw = as_strndup(key, key_n, NULL);
      text.n = at[2 * out->n];
      if (raw) as_str_put_escaped(&text, raw);
      text.failed = text.failed || !raw;
      as_free(raw);
    }
    as_str_putc(&text, '\0');
    at[2 * out->n + 1] = text.n;
    as_str_putn(&text, label, label_n);
    as_str_putc(&text, '\0');
    out->item[out->n++] = (named){.order = (uint32_t)i, .line = l->number[i]};
  }
  as_status s = as_str_status(&text, err);
  for (size_t i = 0; i < out->n && s == AS_OK; i++) {
    out->item[i].key = text.s + at[2 * i];
    out->item[i].label = text.s + at[2 * i + 1];
  }
  as_free(at);
  out->text = text.s;
  if (s != AS_OK) return s;
  if (out->n > 0) qsort(out->item, out->n, sizeof *out->item, by_key_then_line);
  out->missing = ds->n;
  for (size_t i = 0; i < ds->n; i++) {
    bool by_folder;
    if (item_of(out, ds->row[i].name, &by_folder)) {
      out->hits++;
    } else if (out->missing == ds->n) {
      out->missing = i;
    }
  }
  return AS_OK;
}

static bool is_head(const named *it) {
  static const char *const words[] = {"label",    "class",  "target", "predictionstring",
                                      "category", "synset", "wnid"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    if (as_same_letters(it->label, words[i])) return it->order == 0;
  }
  return false;
}

static as_status infer_from_names(as_dataset *ds, const char *path, const name_list *l, as_err *err) {
  const char **text = as_alloc(l->n + 1, sizeof *text, err);
  size_t n = 0;
  if (!text) return AS_E_ENV;
  for (size_t i = 0; i < l->n; i++) {
    if (!is_head(&l->item[i])) text[n++] = l->item[i].label;
  }
  as_status s = classes_of_texts(ds, path, text, n, err);
  as_free(text);
  return s;
}

/* The labels of all items with the key of `it`; several different ones are a set. */
static as_status label_row(as_dataset *ds, const char *path, const name_list *l, const named *it, as_row *r,
                           as_err *err) {
  size_t first = ds->n_reals;
  for (const named *k = it; k < l->item + l->n && strcmp(k->key, it->key) == 0; k++) {
    int32_t c = class_of_text(ds, k->label);
    if (c < 0) return bad_label(ds, path, k->line, k->label, err);
    bool again = false; /* as a number and as a name */
    for (size_t i = first; i < ds->n_reals; i++) again = again || ds->real[i] == c;
    if (again) continue;
    void *p = ds->real;
    as_status s = as_grow(&p, &ds->reals_cap, ds->n_reals + 1, sizeof *ds->real, err);
    ds->real = p;
    if (s != AS_OK) return s;
    ds->real[ds->n_reals++] = c;
  }
  if (ds->n_reals > UINT32_MAX) return as_fail(err, AS_E_INPUT, "%s: found too many labels", path);
  r->label = ds->real[first];
  r->real = (uint32_t)first;
  r->n_real = (uint32_t)(ds->n_reals - first);
  return AS_OK;
}

/* Label sets stay only when an image has several labels. Then answers are chosen among the classes that the list
 * knows: "bear" is told from "cat", and not from all that is neither. */
static as_status settle_sets(as_dataset *ds, const name_list *l, as_err *err) {
  for (size_t i = 0; i < ds->n && !ds->has_real; i++) ds->has_real = ds->row[i].n_real > 1;
  for (size_t i = 0; i < ds->n && !ds->has_real; i++) ds->row[i].n_real = ds->row[i].real = 0;
  if (!ds->has_real) {
    ds->n_reals = 0;
    return AS_OK;
  }
  ds->mask = as_calloc(ds->classes.n, 1, err);
  if (!ds->mask) return AS_E_ENV;
  for (size_t i = 0; i < l->n; i++) {
    int32_t c = class_of_text(ds, l->item[i].label);
    if (c >= 0) ds->mask[c] = 1;
  }
  return AS_OK;
}

/* Which items name images. An item that is there twice is an error, and so are two images of one name when the list
 * tells no more than that. */
static as_status use_names(const as_dataset *ds, const char *path, const name_list *l, bool *folders,
                           as_err *err) {
  *folders = false;
  for (size_t i = 1; i < l->n; i++) {
    const named *it = &l->item[i];
    if (strcmp(it->key, it[-1].key) == 0 && strcmp(it->label, it[-1].label) == 0)
      return as_fail(err, AS_E_INPUT, "%s: line %zu: found %s a second time", path, it->line, it->key);
  }
  for (size_t i = 0; i < ds->n; i++) {
    bool by_folder;
    named *it = item_of(l, ds->row[i].name, &by_folder);
    for (named *k = it; k && k < l->item + l->n && strcmp(k->key, it->key) == 0; k++) k->used = true;
    *folders = *folders || (it && by_folder);
    if (it && !by_folder && it->images++ > 0)
      return as_fail(err, AS_E_INPUT,
                     "%s: line %zu: found %s, which several images of %s are called (%s, ...)", path,
                     it->line, it->key, ds->path, ds->row[i].name);
  }
  return AS_OK;
}

static as_status label_by_names(as_dataset *ds, const char *path, name_list *l, as_err *err) {
  size_t unused = 0;
  const named *first = NULL;
  as_status s = use_names(ds, path, l, &ds->labelled_by_folder, err);
  for (size_t i = 0; i < l->n; i++) {
    const named *it = &l->item[i];
    if (it->used || is_head(it)) continue;
    if (!first || it->order < first->order) first = it;
    unused++;
  }
  if (s == AS_OK && l->hits < ds->n && first)
    s = as_fail(err, AS_E_INPUT,
                "%s: line %zu: found %s, which is no image of %s; %zu of its %zu images have no label (%s)",
                path, first->line, first->key, ds->path, ds->n - l->hits, ds->n, ds->row[l->missing].name);
  else if (s == AS_OK && l->hits < ds->n)
    s = as_fail(err, AS_E_INPUT, "%s: found labels for %zu of the %zu images of %s, none for %s", path,
                l->hits, ds->n, ds->path, ds->row[l->missing].name);
  if (s == AS_OK) s = infer_from_names(ds, path, l, err);
  for (size_t i = 0; i < ds->n && s == AS_OK; i++) {
    bool by_folder;
    s = label_row(ds, path, l, item_of(l, ds->row[i].name, &by_folder), &ds->row[i], err);
  }
  if (s == AS_OK && unused > 0)
    as_log_line(AS_LOG_INFO, "%s: %zu labels are of images that %s does not have (line %zu: %s)", path,
                unused, ds->path, first->line, first->key);
  return s == AS_OK ? settle_sets(ds, l, err) : s;
}

as_status as_dataset_label_lines(as_dataset *ds, const char *path, const as_lines *l, as_err *err) {
  as_status s = l->n > 0 ? AS_OK : as_fail(err, AS_E_INPUT, "%s: found no label", path);
  name_list best = {0};
  for (int how = 0; how < PARTINGS && s == AS_OK && best.hits < ds->n; how++) {
    name_list list;
    s = part_list(&list, ds, l, (parting)how, err);
    if (s == AS_OK && list.hits > best.hits) {
      name_list t = best;
      best = list;
      list = t;
    }
    clear_names(&list);
  }
  if (s == AS_OK) s = best.hits > 0 ? label_by_names(ds, path, &best, err) : label_by_line(ds, path, l, err);
  clear_names(&best);
  if (s == AS_OK && ds->task->imagenet && ds->classes.n != as_wnids_count)
    s = as_fail(err, AS_E_INPUT, "%s: found %zu classes, wanted the %zu of task %s", path, ds->classes.n,
                as_wnids_count, ds->task->name);
  return s;
}

as_status as_dataset_label_texts(as_dataset *ds, as_err *err) {
  const char **text = as_alloc(ds->n + 1, sizeof *text, err);
  if (!text) return AS_E_ENV;
  for (size_t i = 0; i < ds->n; i++) text[i] = ds->source.pool + ds->source.entry[ds->row[i].entry].text;
  as_status s = classes_of_texts(ds, ds->path, text, ds->n, err);
  for (size_t i = 0; i < ds->n && s == AS_OK; i++) {
    ds->row[i].label = class_of_text(ds, text[i]);
    if (ds->row[i].label < 0)
      s = as_fail(err, AS_E_INPUT, "%s: %s: found label \"%s\", wanted 0..%zu or a class name", ds->path,
                  ds->row[i].name, text[i], ds->classes.n - 1);
  }
  as_free(text);
  return s;
}

as_status as_dataset_label_list(as_dataset *ds, const char *path, as_err *err) {
  as_lines l;
  as_disk d = {.fd = -1};
  uint8_t magic[3];
  size_t got = 0;
  as_status s = AS_OK;
  if (as_path_kind_of(path) == AS_PATH_FILE) { /* a pipe can be read once only */
    s = as_disk_open(&d, path, err);
    if (s == AS_OK) s = as_disk_read(&d, 0, sizeof magic, magic, &got, err);
    as_disk_close(&d);
  }
  if (s == AS_OK && as_gzip_is(magic, got)) return label_devkit(ds, path, err);
  if (s == AS_OK) s = as_lines_read(&l, path, true, err);
  if (s != AS_OK) return s;
  s = as_dataset_label_lines(ds, path, &l, err);
  as_lines_clear(&l);
  return s;
}
