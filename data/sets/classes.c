#include "data/sets/classes_int.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "data/sets/labels.h"
#include "tensor/base/json.h"
#include "tensor/base/lines.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"

enum { WNID_LEN = 9, MAX_CLASSES = 1 << 20, LIST_MAX = 1 << 28 };

int64_t as_plain_integer(const char *s, size_t len) {
  int64_t v = 0;
  if (len == 0 || len > 9 || (len > 1 && s[0] == '0')) return -1;
  for (size_t i = 0; i < len; i++) {
    if (s[i] < '0' || s[i] > '9') return -1;
    v = v * 10 + (s[i] - '0');
  }
  return v;
}

/* ---- the table of names ----------------------------------------------------------------------- */

void as_classes_clear(as_classes *c) {
  for (size_t i = 0; i < c->n && !c->builtin; i++) as_free(c->name[i]);
  as_free(c->name);
  as_free(c->by_name);
  memset(c, 0, sizeof *c);
}

/* The name of the next class, in escaped form. */
static as_status add_class(as_classes *c, const char *name, size_t len, as_err *err) {
  void *p = c->name;
  as_status s = as_grow(&p, &c->cap, c->n + 1, sizeof *c->name, err);
  c->name = p;
  if (s != AS_OK) return s;
  char *copy = as_strndup(name, len, err);
  if (!copy) return AS_E_ENV;
  if (!as_is_escaped(copy)) { /* folder names are escaped already, and so are lists that a run has written */
    as_str text = {0};
    as_str_put_escaped(&text, copy);
    as_free(copy);
    if ((s = as_str_status(&text, err)) != AS_OK) {
      as_str_clear(&text);
      return s;
    }
    copy = text.s;
  }
  c->name[c->n++] = copy;
  return AS_OK;
}

typedef struct ranked {
  const char *name;
  uint32_t index;
} ranked;

static int ranked_by_name(const void *a, const void *b) {
  const ranked *x = a, *y = b;
  int c = strcmp(x->name, y->name);
  return c ? c : (x->index > y->index) - (x->index < y->index);
}

/* Fills by_name; a name given twice is an error. */
static as_status rank_names(as_classes *c, const char *where, as_err *err) {
  ranked *r = as_alloc(c->n, sizeof *r, err);
  c->by_name = as_alloc(c->n, sizeof *c->by_name, err);
  as_status s = r && c->by_name ? AS_OK : AS_E_ENV;
  if (s == AS_OK) {
    for (size_t i = 0; i < c->n; i++) r[i] = (ranked){c->name[i], (uint32_t)i};
    qsort(r, c->n, sizeof *r, ranked_by_name);
    for (size_t i = 0; i < c->n; i++) {
      c->by_name[i] = r[i].index;
      if (i > 0 && strcmp(r[i].name, r[i - 1].name) == 0 && s == AS_OK)
        s = as_fail(err, AS_E_INPUT, "%s: found class %s twice (as %u and %u)", where, r[i].name,
                    r[i - 1].index, r[i].index);
    }
  }
  as_free(r);
  return s;
}

int as_classes_find(const as_classes *c, const char *name, size_t len) {
  size_t lo = 0, hi = c->n;
  while (lo < hi) {
    size_t mid = lo + (hi - lo) / 2;
    const char *other = c->name[c->by_name[mid]];
    int d = strncmp(name, other, len);
    if (d == 0 && other[len] == '\0') return (int)c->by_name[mid];
    if (d < 0 || d == 0) {
      hi = mid;
    } else {
      lo = mid + 1;
    }
  }
  return -1;
}

as_status as_classes_imagenet(as_classes *c, as_err *err) {
  memset(c, 0, sizeof *c);
  c->builtin = true;
  c->name = as_alloc(as_wnids_count, sizeof *c->name, err);
  c->by_name = as_alloc(as_wnids_count, sizeof *c->by_name, err);
  if (!c->name || !c->by_name) {
    as_classes_clear(c);
    return AS_E_ENV;
  }
  c->n = c->cap = as_wnids_count;
  for (size_t i = 0; i < c->n; i++) {
    c->name[i] = (char *)(uintptr_t)as_wnids[i]; /* never written: builtin */
    c->by_name[i] = (uint32_t)i;                 /* the list is sorted */
  }
  return AS_OK;
}

/* ---- class files ------------------------------------------------------------------------------ */

static as_status classes_from_json(as_classes *c, const char *path, const as_json *root, as_err *err) {
  as_status s = AS_OK;
  if (root->count == 0 || root->count > MAX_CLASSES)
    return as_fail(err, AS_E_INPUT, "%s: found %zu classes, wanted 1..%d", path, root->count, MAX_CLASSES);
  if (root->type == AS_JSON_ARRAY) {
    for (const as_json *v = root->child; v && s == AS_OK; v = v->next) {
      if (v->type != AS_JSON_STRING || strlen(v->text) != v->text_len || v->text_len == 0)
        return as_fail(err, AS_E_INPUT, "%s: entry %zu: wanted a class name", path, c->n);
      s = add_class(c, v->text, v->text_len, err);
    }
    return s;
  }
  c->name = as_calloc(root->count, sizeof *c->name, err);
  if (!c->name) return AS_E_ENV;
  c->n = c->cap = root->count; /* as_free takes NULL, so a hole is no harm on the way out */
  for (const as_json *v = root->child; v; v = v->next) {
    int64_t i;
    if (!as_json_i64(v, &i) || i < 0 || (uint64_t)i >= c->n || strlen(v->key) != v->key_len)
      return as_fail(err, AS_E_INPUT, "%s: class %s: wanted an index 0..%zu", path, v->key, c->n - 1);
    if (c->name[i])
      return as_fail(err, AS_E_INPUT, "%s: index %" PRId64 ": found %s and %s", path, i, c->name[i], v->key);
    c->name[i] = as_strndup(v->key, v->key_len, err);
    if (!c->name[i]) return AS_E_ENV;
  }
  return AS_OK;
}

static bool looks_like_wnid(const char *s, size_t n) {
  if (n != WNID_LEN || s[0] != 'n') return false;
  for (size_t i = 1; i < n; i++) {
    if (s[i] < '0' || s[i] > '9') return false;
  }
  return true;
}

static as_status classes_from_lines(as_classes *c, const char *path, const as_lines *l, as_err *err) {
  as_status s = AS_OK;
  if (l->n == 0) s = as_fail(err, AS_E_INPUT, "%s: found no class name", path);
  for (size_t i = 0; i < l->n && s == AS_OK; i++) {
    size_t first = strcspn(l->line[i], " \t,");
    s = add_class(c, l->line[i], looks_like_wnid(l->line[i], first) ? first : strlen(l->line[i]), err);
  }
  return s;
}

as_status as_classes_read(as_classes *c, const char *path, as_err *err) {
  char *text;
  size_t n;
  memset(c, 0, sizeof *c);
  as_status s = as_text_load(&text, &n, path, LIST_MAX, err);
  if (s != AS_OK) return s;
  char first = text[strspn(text, " \t\n")];
  if (first == '{' || first == '[') {
    as_json_doc *doc;
    s = as_json_parse(&doc, text, n, err);
    as_free(text);
    if (s != AS_OK) return as_fail_in(err, "%s", path);
    s = classes_from_json(c, path, as_json_root(doc), err);
    as_json_free(&doc);
  } else {
    as_lines l;
    s = as_lines_take(&l, text, false, err);
    if (s == AS_OK) s = classes_from_lines(c, path, &l, err);
    as_lines_clear(&l);
  }
  if (s == AS_OK) s = rank_names(c, path, err);
  if (s != AS_OK) as_classes_clear(c);
  return s;
}

as_status as_classes_of_lines(as_classes *c, const char *where, const as_lines *l, as_err *err) {
  memset(c, 0, sizeof *c);
  as_status s = classes_from_lines(c, where, l, err);
  if (s == AS_OK) s = rank_names(c, where, err);
  if (s != AS_OK) as_classes_clear(c);
  return s;
}

/* ---- from the names found --------------------------------------------------------------------- */

static int by_integer(const void *a, const void *b) {
  const char *x = *(char *const *)a, *y = *(char *const *)b;
  int64_t v = as_plain_integer(x, strlen(x)), w = as_plain_integer(y, strlen(y));
  return (v > w) - (v < w);
}

/* Which of 0..999 is not among names[n], n > 0 numbers below 1000. */
static int64_t first_missing(const char *const *names, size_t n) {
  for (size_t v = 0;; v++) {
    bool there = false;
    for (size_t i = 0; i < n && !there; i++)
      there = as_plain_integer(names[i], strlen(names[i])) == (int64_t)v;
    if (!there) return (int64_t)v;
  }
}

/* Names that are numbers, bytewise sorted in c->name, into the order wanted. */
static as_status order_numbers(as_classes *c, const char *where, as_class_order order, as_err *err) {
  size_t differ = 0;
  while (differ + 1 < c->n && by_integer(&c->name[differ], &c->name[differ + 1]) < 0) differ++;
  if (differ + 1 >= c->n) return AS_OK; /* one order */
  char *text = c->name[differ + 1];     /* "10" comes before "2" */
  if (order == AS_ORDER_BY_TEXT) return AS_OK;
  c->integers = true;
  qsort(c->name, c->n, sizeof *c->name, by_integer);
  if (order == AS_ORDER_BY_VALUE) return AS_OK;
  size_t value = 0;
  while (c->name[value] != text) value++;
  return as_fail(
      err, AS_E_INPUT,
      "%s: found %zu class folders that are numbers, and two orders for them: by value %s is class %zu, "
      "sorted as text (torchvision) class %zu; wanted --classes by-value, --classes by-text, or a list%s",
      where, c->n, text, value, differ + 1,
      c->n == as_wnids_count && strcmp(c->name[0], "1") == 0
          ? " (ILSVRC2012 ids count from 1, and are in neither order)"
          : "");
}

as_status as_classes_infer(as_classes *c, const char *where, const char *const *names, size_t n,
                           bool imagenet, as_class_order order, as_err *err) {
  size_t known = 0, numbers = 0, below_1000 = 0;
  const char *stranger = NULL, *no_index = NULL;
  for (size_t i = 0; i < n; i++) {
    size_t len = strlen(names[i]);
    int64_t v = as_plain_integer(names[i], len);
    bool is_index = v >= 0 && (size_t)v < as_wnids_count;
    numbers += v >= 0;
    below_1000 += is_index;
    if (!is_index && !no_index) no_index = names[i];
    if (as_wnid_class(names[i], len) >= 0) {
      known++;
    } else if (!stranger) {
      stranger = names[i];
    }
  }
  memset(c, 0, sizeof *c);
  if (known == n) return as_classes_imagenet(c, err);
  if (below_1000 == n && (imagenet || n == as_wnids_count) && order != AS_ORDER_BY_TEXT) {
    as_status s = as_classes_imagenet(c, err);
    c->integers = true;
    return s;
  }
  if (known > 0 || (imagenet && below_1000 == 0))
    return as_fail(
        err, AS_E_INPUT,
        "%s: class %s: found a class that is none of ImageNet's 1000 (%zu others are); wanted their wnids, "
        "or a list of the classes (--classes)",
        where, stranger, known);
  if (imagenet)
    return as_fail(err, AS_E_INPUT,
                   "%s: class %s: found a class that is no number 0..999, as %zu others are%s", where,
                   no_index, below_1000,
                   strcmp(no_index, "1000") == 0 ? " (ILSVRC2012 ids count from 1, in another order)" : "");
  if (below_1000 == n && n >= as_wnids_count / 2 && order == AS_ORDER_ASK)
    return as_fail(err, AS_E_INPUT,
                   "%s: found %zu class folders of the numbers 0..999 (%" PRId64
                   " is missing); wanted all, or the task "
                   "imagenet-v2, or a list of the classes (--classes)",
                   where, n, first_missing(names, n));
  as_status s = AS_OK;
  for (size_t i = 0; i < n && s == AS_OK; i++) s = add_class(c, names[i], strlen(names[i]), err);
  if (s == AS_OK && numbers == n) s = order_numbers(c, where, order, err);
  if (s == AS_OK) s = rank_names(c, where, err);
  if (s != AS_OK) as_classes_clear(c);
  return s;
}
