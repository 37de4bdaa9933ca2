/* Two feature files, of which one teaches and the other asks: whether their numbers mean the same classes, and whether
 * the questions were in the lesson. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/features/feature_set_int.h"
#include "tensor/base/bytes.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/base/view.h"

/* --- classes ------------------------------------------------------------------------------------------------- */

typedef struct named {
  const char *name;
  size_t number;
} named;

static int by_name(const void *a, const void *b) {
  return strcmp(((const named *)a)->name, ((const named *)b)->name);
}

/* The named classes of a set, sorted by name; *n of them. NULL: out of memory. */
static named *sort_classes(const as_feature_set *f, size_t *n, as_err *err) {
  named *list = as_alloc(f->classes ? f->classes : 1, sizeof *list, err);
  *n = 0;
  for (size_t c = 0; list && c < f->classes; c++)
    if (f->class_name[c]) list[(*n)++] = (named){f->class_name[c], c};
  if (list) qsort(list, *n, sizeof *list, by_name);
  return list;
}

static const named *find_class(const named *list, size_t n, const char *name) {
  const named key = {name, 0};
  return bsearch(&key, list, n, sizeof key, by_name);
}

/* Does one number have two names, or one name two numbers? */
static bool orders_differ(const as_feature_set *a, const named *of_a, size_t n_a, const as_feature_set *b) {
  for (size_t c = 0; c < b->classes; c++) {
    if (!b->class_name[c]) continue;
    const named *same = find_class(of_a, n_a, b->class_name[c]);
    if (same ? same->number != c : c < a->classes && a->class_name[c]) return true;
  }
  return false;
}

/* Room for `classes` classes; the new ones have no name. */
static as_status widen(as_feature_set *f, size_t classes, as_err *err) {
  if (classes <= f->classes) return AS_OK;
  if (f->class_name) {
    char **wide = as_calloc(classes, sizeof *wide, err);
    if (!wide) return AS_E_ENV;
    memcpy(wide, f->class_name, f->classes * sizeof *wide);
    as_free(f->class_name);
    f->class_name = wide;
  }
  f->classes = classes;
  return AS_OK;
}

/* The rows of b by a's numbers; classes that a has not come behind. */
static as_status renumber(as_feature_set *a, as_feature_set *b, const named *of_a, size_t n_a, as_err *err) {
  const size_t old = b->classes;
  size_t classes = a->classes;
  int *to = as_alloc(old ? old : 1, sizeof *to, err);
  if (!to) return AS_E_ENV;
  for (size_t c = 0; c < old; c++) {
    const named *same = b->class_name[c] ? find_class(of_a, n_a, b->class_name[c]) : NULL;
    to[c] = (int)(same ? same->number : b->class_name[c] ? classes++ : 0);
  }
  char **name = as_calloc(classes, sizeof *name, err);
  as_status s = name ? widen(a, classes, err) : AS_E_ENV;
  if (s == AS_OK) {
    for (size_t i = 0; i < b->n; i++)
      if (b->label[i] >= 0) b->label[i] = to[b->label[i]];
    for (size_t c = 0; c < old; c++)
      if (b->class_name[c]) name[to[c]] = b->class_name[c];
    as_free(b->class_name);
    b->class_name = name;
    b->classes = classes;
    b->numbers = a->numbers;
    name = NULL;
  }
  as_free(name);
  as_free(to);
  return s;
}

static as_status match_names(as_feature_pair *out, as_feature_set *train, as_feature_set *test, as_err *err) {
  size_t n;
  named *list = sort_classes(train, &n, err);
  if (!list) return AS_E_ENV;
  as_status s = AS_OK;
  if (train->numbers != test->numbers || orders_differ(train, list, n, test)) {
    s = renumber(train, test, list, n, err);
    out->renumbered = true;
  }
  as_free(list);
  return s;
}

static as_status match_classes(as_feature_pair *out, as_feature_set *train, as_feature_set *test,
                               as_err *err) {
  if (train->classes == 0 || test->classes == 0) return AS_OK; /* one has no labels */
  if (!train->numbers && !test->numbers) return as_feature_set_join_texts(train, test, err);
  as_status s = AS_OK;
  if (train->class_name && test->class_name)
    s = match_names(out, train, test, err);
  else if (train->numbers != test->numbers)
    return as_fail(err, AS_E_INPUT,
                   "found class numbers as labels in one feature set and names in the other, and no column "
                   "class that says what the numbers mean");
  const size_t classes = train->classes > test->classes ? train->classes : test->classes;
  if (s == AS_OK) s = widen(train, classes, err);
  return s == AS_OK ? widen(test, classes, err) : s;
}

/* --- folders ---------------------------------------------------------------------------------------------------- */

/* An image's folder, when its name has one: where data lie by class it is the class. */
typedef struct foldered {
  const char *name;
  size_t length;
  int label;
} foldered;

static int by_folder(const void *a, const void *b) {
  const foldered *p = a, *q = b;
  const size_t least = p->length < q->length ? p->length : q->length;
  const int c = memcmp(p->name, q->name, least);
  if (c) return c;
  return p->length != q->length ? (p->length < q->length ? -1 : 1)
                                : (p->label > q->label) - (p->label < q->label);
}

static bool same_folder(const foldered *a, const foldered *b) {
  return a->length == b->length && memcmp(a->name, b->name, a->length) == 0;
}

static int by_label(const void *a, const void *b) {
  const foldered *p = a, *q = b;
  return (p->label > q->label) - (p->label < q->label);
}

/* The folders of a set in rising order, each with its label; *n: 0 where they are not its classes one to one. */
static foldered *list_folders(const as_feature_set *f, size_t *n, as_err *err) {
  foldered *list = as_alloc(f->n, sizeof *list, err);
  size_t kept = 0;
  bool classes = true;
  *n = 0;
  if (!list) return NULL;
  for (size_t i = 0; i < f->n; i++) {
    const char *slash = strrchr(f->name[i], '/');
    if (f->label[i] < 0) continue;
    classes = classes && slash;
    list[(*n)++] = (foldered){f->name[i], slash ? (size_t)(slash - f->name[i]) : 0, f->label[i]};
  }
  qsort(list, *n, sizeof *list, by_folder);
  for (size_t i = 0; classes && i < *n; i++) {
    if (i > 0 && same_folder(&list[i], &list[i - 1]))
      classes = list[i].label == list[i - 1].label;
    else
      list[kept++] = list[i];
  }
  *n = classes && kept > 1 ? kept : 0;
  qsort(list, *n, sizeof *list, by_label);
  for (size_t i = 1; i < *n; i++)
    if (list[i].label == list[i - 1].label) classes = false;
  qsort(list, *n, sizeof *list, by_folder);
  if (!classes) *n = 0;
  return list;
}

/* Where no column names the classes: folders of one name whose labels differ. */
static as_status compare_folders(as_feature_pair *out, const as_feature_set *train,
                                 const as_feature_set *test, as_err *err) {
  size_t n, m;
  foldered *a = list_folders(train, &n, err), *b = a ? list_folders(test, &m, err) : NULL;
  if (!a || !b) {
    as_free(a);
    return AS_E_ENV;
  }
  for (size_t i = 0, j = 0; i < n && j < m && !*out->order;) {
    if (same_folder(&a[i], &b[j]) && a[i].label != b[j].label)
      snprintf(out->order, sizeof out->order,
               "images in folder %.*s have label %d in one and %d in the other",
               (int)(a[i].length < 300 ? a[i].length : 300), a[i].name, a[i].label, b[j].label);
    const foldered x = {a[i].name, a[i].length, 0}, y = {b[j].name, b[j].length, 0};
    const int c = by_folder(&x, &y);
    i += c <= 0;
    j += c >= 0;
  }
  as_free(a);
  as_free(b);
  return AS_OK;
}

static as_status count_unknown(as_feature_pair *out, const as_feature_set *train, const as_feature_set *test,
                               as_err *err) {
  bool *known = as_calloc(train->classes ? train->classes : 1, sizeof *known, err);
  if (!known) return AS_E_ENV;
  for (size_t i = 0; i < train->n; i++)
    if (train->label[i] >= 0) known[train->label[i]] = true;
  for (size_t i = 0; i < test->n; i++) out->n_unknown += test->label[i] >= 0 && !known[test->label[i]];
  as_free(known);
  return AS_OK;
}

/* --- rows ------------------------------------------------------------------------------------------------------- */

typedef struct row_hash {
  uint64_t hash;
  size_t row;
} row_hash;

typedef struct hash_job {
  const as_feature_set *f;
  row_hash *out;
  bool half; /* rows as float16 holds them */
} hash_job;

enum { CHUNK = 256 };

static uint32_t bits_of(float v, bool half) {
  return half ? (uint32_t)as_f32_to_f16(v) : as_f32_bits(v);
}

static void hash_rows(void *ctx, size_t chunk, int worker) {
  (void)worker;
  const hash_job *j = ctx;
  for (size_t i = chunk * CHUNK; i < j->f->n && i < (chunk + 1) * CHUNK; i++) {
    const float *x = j->f->x + i * j->f->d;
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a over words */
    for (size_t k = 0; k < j->f->d; k++) h = (h ^ bits_of(x[k], j->half)) * 0x100000001b3u, h ^= h >> 29;
    j->out[i] = (row_hash){h, i};
  }
}

static int by_hash(const void *a, const void *b) {
  const row_hash *p = a, *q = b;
  if (p->hash != q->hash) return p->hash < q->hash ? -1 : 1;
  return (p->row > q->row) - (p->row < q->row);
}

/* Sorted by hash; NULL: out of memory. */
static row_hash *sort_rows(const as_feature_set *f, bool half, as_err *err) {
  row_hash *list = as_alloc(f->n, sizeof *list, err);
  hash_job j = {f, list, half};
  if (!list) return NULL;
  as_par_for((f->n + CHUNK - 1) / CHUNK, hash_rows, &j);
  qsort(list, f->n, sizeof *list, by_hash);
  return list;
}

/* Row i of f and row k of g, neither failed. */
static bool same_row(const as_feature_set *f, size_t i, const as_feature_set *g, size_t k, bool half) {
  const float *a = f->x + i * f->d, *b = g->x + k * g->d;
  for (size_t j = 0; j < f->d; j++)
    if (a[j] - a[j] != 0.0f || bits_of(a[j], half) != bits_of(b[j], half)) return false;
  return !half || strcmp(f->name[i], g->name[k]) == 0;
}

static void note_shared(as_feature_pair *out, const as_feature_set *train, size_t k,
                        const as_feature_set *test, size_t i) {
  const bool same_name = strcmp(train->name[k], test->name[i]) == 0;
  if (out->n_shared++ == 0 || i < out->example_row) {
    out->example_row = i;
    snprintf(out->example[0], sizeof out->example[0], "%s", test->name[i]);
    snprintf(out->example[1], sizeof out->example[1], "%s", train->name[k]);
  }
  out->n_same_name += same_name;
  out->n_other_label += train->label[k] != test->label[i];
}

static as_status find_shared_rows(as_feature_pair *out, const as_feature_set *train,
                                  const as_feature_set *test, as_err *err) {
  const bool half = train->half != test->half;
  row_hash *a = sort_rows(train, half, err), *b = a ? sort_rows(test, half, err) : NULL;
  if (!a || !b) {
    as_free(a);
    return AS_E_ENV;
  }
  for (size_t j = 0, first = 0; j < test->n; j++) {
    const size_t i = b[j].row;
    size_t best = train->n;
    while (first < train->n && a[first].hash < b[j].hash) first++;
    for (size_t k = first; k < train->n && a[k].hash == b[j].hash; k++) {
      const size_t row = a[k].row;
      if (!same_row(test, i, train, row, half)) continue;
      if (best == train->n || strcmp(train->name[row], test->name[i]) == 0) best = row;
    }
    if (best < train->n) note_shared(out, train, best, test, i);
    out->n_repeated += j > 0 && b[j - 1].hash == b[j].hash && same_row(test, i, test, b[j - 1].row, false);
  }
  as_free(a);
  as_free(b);
  return AS_OK;
}

as_status as_feature_pair_match(as_feature_pair *out, as_feature_set *train, as_feature_set *test,
                                as_err *err) {
  memset(out, 0, sizeof *out);
  as_status s = match_classes(out, train, test, err);
  if (s == AS_OK && !(train->class_name && test->class_name)) s = compare_folders(out, train, test, err);
  if (s == AS_OK) s = count_unknown(out, train, test, err);
  return s == AS_OK ? find_shared_rows(out, train, test, err) : s;
}
