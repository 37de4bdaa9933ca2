/* Features and the labels of their rows (eval/features/npy.h): the .tsv beside the array says which row is which
 * image, and what became of it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/features/npy.h"
#include "tensor/base/lines.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"
#include "weights/containers/state.h"

void as_feature_set_clear(as_feature_set *f) {
  for (size_t i = 0; i < f->n; i++) {
    if (f->name) as_free(f->name[i]);
    if (f->label_name) as_free(f->label_name[i]);
  }
  as_free(f->name);
  as_free(f->label_name);
  as_free(f->wide);
  as_npy_close(&f->npy);
  as_free(f->label);
  memset(f, 0, sizeof *f);
}

/* Floats of this machine, one after another, where a pointer may point to them. */
static bool is_plain(const as_view *v) {
  const union {
    uint32_t word;
    unsigned char first;
  } order = {1};
  return v->dtype == AS_F32 && v->big_endian == (order.first == 0) && v->stride[1] == 1 &&
         v->stride[0] == v->shape[1] && (uintptr_t)v->data % sizeof(float) == 0;
}

static as_status take_array(as_feature_set *f, const as_view *v, const char *path, as_err *err) {
  char text[128];
  if (v->rank != 2 || v->shape[0] < 1 || v->shape[1] < 1)
    return as_fail(err, AS_E_INPUT, "%s: found features of shape %s, wanted [n, d]", path,
                   as_shape_text(v->shape, v->rank, text, sizeof text));
  /* the view's elements are in the file, so n * d and n <= n * d fit into a size */
  size_t n = (size_t)v->shape[0], d = (size_t)v->shape[1];
  f->label = as_alloc(n, sizeof(int), err);
  f->name = as_calloc(n, sizeof(char *), err);
  f->label_name = as_calloc(n, sizeof(char *), err);
  if (!f->label || !f->name || !f->label_name) return AS_E_ENV;
  f->n = n;
  f->d = d;
  if (v->data && v->data == f->npy.view.data && is_plain(v)) {
    f->x = v->data;
    return AS_OK;
  }
  f->x = f->wide = as_alloc(n * d, sizeof(float), err);
  if (!f->x) return AS_E_ENV;
  if (as_view_to_f32(v, f->wide, NULL, err) != AS_OK) return as_fail_in(err, "%s", path);
  return AS_OK;
}

static as_status read_array(as_feature_set *f, const char *path, as_err *err) {
  if (!as_ends_with(path, ".safetensors")) {
    as_status s = as_npy_open(&f->npy, path, err);
    if (s == AS_OK) s = take_array(f, &f->npy.view, path, err);
    if (f->wide) as_npy_close(&f->npy);
    return s;
  }
  as_state *state = NULL;
  as_status s = as_state_open(&state, path, err);
  if (s != AS_OK) return s;
  const as_state_entry *e = as_state_find(state, "features");
  if (!e && as_state_count(state) == 1) e = as_state_entries(state);
  if (e) {
    s = take_array(f, &e->view, path, err);
  } else {
    s = as_fail(err, AS_E_INPUT, "%s: found %zu tensors, none named features", path, as_state_count(state));
  }
  as_state_close(&state);
  return s;
}

/* The next tab-separated field of [*p, end); false at the end of the line. */
static bool next_field(const char **p, const char *end, const char **field, size_t *n) {
  if (*p > end) return false;
  const char *tab = memchr(*p, '\t', (size_t)(end - *p));
  *field = *p;
  *n = (size_t)((tab ? tab : end) - *p);
  *p = (tab ? tab : end) + 1;
  return true;
}

static as_status read_line(as_feature_set *f, const char *line, const char *end, const char *path,
                           size_t number, as_err *err) {
  const char *field[4];
  size_t len[4];
  const char *p = line;
  for (int i = 0; i < 4; i++)
    if (!next_field(&p, end, &field[i], &len[i]))
      return as_fail(err, AS_E_INPUT, "%s: line %zu: found %d fields, wanted row, name, label, status", path,
                     number, i);
  char digits[24];
  int64_t row;
  if (len[0] >= sizeof digits) len[0] = sizeof digits - 1;
  memcpy(digits, field[0], len[0]);
  digits[len[0]] = 0;
  if (!as_parse_i64(digits, 0, (int64_t)f->n - 1, &row))
    return as_fail(err, AS_E_INPUT, "%s: line %zu: found row \"%s\", wanted 0 to %zu", path, number, digits,
                   f->n - 1);
  if (f->name[row])
    return as_fail(err, AS_E_INPUT, "%s: line %zu: row %lld is listed twice", path, number, (long long)row);
  bool ok = len[3] == 2 && memcmp(field[3], "ok", 2) == 0;
  f->n_failed += !ok;
  f->name[row] = as_strndup(field[1], len[1], err);
  f->label_name[row] = as_strndup(field[2], len[2], err);
  if (!f->name[row] || !f->label_name[row]) return AS_E_ENV;
  f->label[row] = ok ? 0 : -1; /* numbered when all are known */
  if (ok)
    for (size_t k = 0; k < f->d; k++) {
      float v = f->x[(size_t)row * f->d + k];
      if (v - v != 0.0f)
        return as_fail(err, AS_E_INPUT, "%s: row %lld (%s) is \"ok\" but its feature %zu is not finite", path,
                       (long long)row, f->name[row], k);
    }
  return AS_OK;
}

static as_status read_rows(as_feature_set *f, const char *path, as_err *err) {
  char *text;
  size_t n;
  as_status s = as_text_load(&text, &n, path, UINT64_MAX, err);
  if (s != AS_OK) return s;
  const char *p = text, *stop = p + n;
  size_t number = 0, rows = 0;
  while (s == AS_OK && p < stop) {
    const char *nl = memchr(p, '\n', (size_t)(stop - p));
    const char *end = nl ? nl : stop;
    const char *next = nl ? nl + 1 : stop;
    if (end > p && end[-1] == '\r') end--;
    number++;
    if (number == 1) {
      static const char head[] = "row\tname\tlabel\tstatus";
      if ((size_t)(end - p) < sizeof head - 1 || memcmp(p, head, sizeof head - 1) != 0)
        s = as_fail(err, AS_E_INPUT, "%s: line 1: wanted the columns row, name, label, status", path);
    } else if (end > p) {
      s = read_line(f, p, end, path, number, err);
      rows++;
    }
    p = next;
  }
  as_free(text);
  if (s == AS_OK && rows != f->n)
    s = as_fail(err, AS_E_INPUT, "%s: found %zu rows, wanted the array's %zu", path, rows, f->n);
  return s;
}

/* A label that is there: not empty, not "-". */
static bool is_label(const char *s) {
  return s[0] && strcmp(s, "-") != 0;
}

/* 1: every label is a class number; 0: at least one is a name; -1: there is no label at all. */
static int has_numbers(const as_feature_set *f) {
  int any = -1;
  for (size_t i = 0; i < f->n; i++) {
    int64_t v;
    if (!is_label(f->label_name[i])) continue;
    if (!as_parse_i64(f->label_name[i], -1, 1000000000, &v)) return 0;
    any = 1;
  }
  return any;
}

static int by_text(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void number_rows(as_feature_set *f, const char *const *names, size_t n) {
  f->classes = 0;
  for (size_t i = 0; i < f->n; i++) {
    const char *text = f->label_name[i];
    bool failed = f->label[i] < 0;
    int64_t v = -1;
    if (is_label(text)) {
      if (names) {
        const char *const *at = bsearch(&text, names, n, sizeof *names, by_text);
        v = at ? (int64_t)(at - names) : -1;
      } else {
        as_parse_i64(text, -1, 1000000000, &v);
      }
    }
    /* a class counts also when all its images failed */
    if (v >= (int64_t)f->classes) f->classes = (size_t)v + 1;
    f->label[i] = failed ? -1 : (int)v;
  }
}

/* Numbers the rows of one or two sets over the union of their label names. */
static as_status number_by_name(as_feature_set *a, as_feature_set *b, as_err *err) {
  size_t total = a->n + (b ? b->n : 0), n = 0, kept = 0;
  const char **names = as_alloc(total, sizeof *names, err);
  if (!names) return AS_E_ENV;
  for (int k = 0; k < 2; k++) {
    const as_feature_set *f = k == 0 ? a : b;
    for (size_t i = 0; f && i < f->n; i++)
      if (is_label(f->label_name[i])) names[n++] = f->label_name[i];
  }
  qsort(names, n, sizeof *names, by_text);
  for (size_t i = 0; i < n; i++)
    if (i == 0 || strcmp(names[i], names[kept - 1]) != 0) names[kept++] = names[i];
  number_rows(a, names, kept);
  if (b) {
    number_rows(b, names, kept);
    a->classes = b->classes = kept;
  }
  as_free(names);
  return AS_OK;
}

as_status as_feature_set_read(as_feature_set *out, const char *npy_path, as_err *err) {
  memset(out, 0, sizeof *out);
  size_t stem = as_ends_with(npy_path, ".npy")           ? strlen(npy_path) - 4
                : as_ends_with(npy_path, ".safetensors") ? strlen(npy_path) - 12
                                                         : 0;
  if (stem == 0)
    return as_fail(err, AS_E_INPUT, "%s: wanted a feature file that ends in .npy or .safetensors", npy_path);
  as_str tsv = {0};
  as_str_putn(&tsv, npy_path, stem);
  as_str_put(&tsv, ".tsv");
  as_status s = as_str_status(&tsv, err);
  if (s == AS_OK) s = read_array(out, npy_path, err);
  if (s == AS_OK) s = read_rows(out, as_str_c(&tsv), err);
  if (s == AS_OK) {
    if (has_numbers(out) != 0) {
      number_rows(out, NULL, 0);
    } else {
      s = number_by_name(out, NULL, err);
    }
  }
  as_str_clear(&tsv);
  if (s != AS_OK) as_feature_set_clear(out);
  return s;
}

as_status as_feature_set_align(as_feature_set *a, as_feature_set *b, as_err *err) {
  int na = has_numbers(a), nb = has_numbers(b);
  if (na == 0 && nb == 0) return number_by_name(a, b, err);
  if (na == 0 || nb == 0) {
    if (na < 0 || nb < 0) return AS_OK; /* one has no labels: nothing to align */
    return as_fail(err, AS_E_INPUT,
                   "found class numbers as labels in one feature set and names in the other");
  }
  size_t classes = a->classes > b->classes ? a->classes : b->classes;
  a->classes = b->classes = classes;
  return AS_OK;
}
