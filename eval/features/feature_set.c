/* The .tsv beside the array says which row is which image, and what became of it. */
#include "eval/features/feature_set.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/features/feature_set_int.h"
#include "tensor/base/lines.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"
#include "weights/containers/state.h"

static void drop_names(as_feature_set *f) {
  for (size_t c = 0; f->class_name && c < f->classes; c++) as_free(f->class_name[c]);
  as_free(f->class_name);
  f->class_name = NULL;
}

void as_feature_set_clear(as_feature_set *f) {
  for (size_t i = 0; i < f->n; i++) {
    if (f->name) as_free(f->name[i]);
    if (f->label_name) as_free(f->label_name[i]);
  }
  drop_names(f);
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
  f->half = v->dtype == AS_F16;
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

enum { ROW, NAME, LABEL, CLASS, STATUS, KNOWN, MOST_COLUMNS = 32, MOST_NAMED = 1 << 24 };

/* What the header line says: the place of each known column, -1 where it is missing. */
typedef struct columns {
  int at[KNOWN], last;
} columns;

static as_status read_header(columns *c, const char *line, const char *end, const char *path, as_err *err) {
  static const char *const known[KNOWN] = {"row", "name", "label", "class", "status"};
  const char *p = line, *field;
  size_t len;
  *c = (columns){{-1, -1, -1, -1, -1}, 0};
  for (int i = 0; i < MOST_COLUMNS && next_field(&p, end, &field, &len); i++)
    for (int k = 0; k < KNOWN; k++)
      if (strlen(known[k]) == len && memcmp(known[k], field, len) == 0 && c->at[k] < 0)
        c->at[k] = c->last = i;
  for (int k = 0; k < KNOWN; k++)
    if (k != CLASS && c->at[k] < 0)
      return as_fail(err, AS_E_INPUT, "%s: line 1: wanted the columns row, name, label, status; found no %s",
                     path, known[k]);
  return AS_OK;
}

/* The line's row number, not listed before. */
static as_status read_number(const as_feature_set *f, const char *text, size_t n, const char *path,
                             size_t number, size_t *out, as_err *err) {
  char digits[24];
  int64_t row;
  snprintf(digits, sizeof digits, "%.*s", (int)(n < sizeof digits ? n : sizeof digits - 1), text);
  if (!as_parse_i64(digits, 0, (int64_t)f->n - 1, &row))
    return as_fail(err, AS_E_INPUT, "%s: line %zu: found row \"%s\", wanted 0 to %zu", path, number, digits,
                   f->n - 1);
  if (f->name[row])
    return as_fail(err, AS_E_INPUT, "%s: line %zu: row %lld is listed twice", path, number, (long long)row);
  *out = (size_t)row;
  return AS_OK;
}

/* class_of: [n] class name of each row, owned, or NULL without that column. */
static as_status read_line(as_feature_set *f, const columns *c, const char *line, const char *end,
                           char **class_of, const char *path, size_t number, as_err *err) {
  const char *field[MOST_COLUMNS], *p = line;
  size_t len[MOST_COLUMNS], row = 0;
  for (int i = 0; i <= c->last; i++)
    if (!next_field(&p, end, &field[i], &len[i]))
      return as_fail(err, AS_E_INPUT, "%s: line %zu: found %d fields, wanted at least %d, as in line 1", path,
                     number, i, c->last + 1);
  as_status s = read_number(f, field[c->at[ROW]], len[c->at[ROW]], path, number, &row, err);
  if (s != AS_OK) return s;
  const char *status = field[c->at[STATUS]];
  const bool ok = len[c->at[STATUS]] == 2 && memcmp(status, "ok", 2) == 0;
  f->n_failed += !ok;
  f->name[row] = as_strndup(field[c->at[NAME]], len[c->at[NAME]], err);
  f->label_name[row] = as_strndup(field[c->at[LABEL]], len[c->at[LABEL]], err);
  if (!f->name[row] || !f->label_name[row]) return AS_E_ENV;
  if (class_of && !(class_of[row] = as_strndup(field[c->at[CLASS]], len[c->at[CLASS]], err))) return AS_E_ENV;
  f->label[row] = ok ? 0 : -1; /* numbered when all are known */
  for (size_t k = 0; ok && k < f->d; k++) {
    float v = f->x[row * f->d + k];
    if (v - v != 0.0f)
      return as_fail(err, AS_E_INPUT, "%s: row %zu (%s) is \"ok\" but its feature %zu is not finite", path,
                     row, f->name[row], k);
  }
  return AS_OK;
}

static as_status read_rows(as_feature_set *f, char ***class_of, const char *path, as_err *err) {
  char *text;
  size_t n;
  as_status s = as_text_load(&text, &n, path, UINT64_MAX, err);
  if (s != AS_OK) return s;
  const char *p = text, *stop = p + n;
  size_t number = 0, rows = 0;
  columns c;
  if (n == 0) s = read_header(&c, p, p, path, err);
  while (s == AS_OK && p < stop) {
    const char *nl = memchr(p, '\n', (size_t)(stop - p));
    const char *end = nl ? nl : stop;
    if (++number == 1) {
      s = read_header(&c, p, end, path, err);
      if (s == AS_OK && c.at[CLASS] >= 0 && !(*class_of = as_calloc(f->n, sizeof **class_of, err)))
        s = AS_E_ENV;
    } else if (end > p) {
      s = read_line(f, &c, p, end, *class_of, path, number, err);
      rows++;
    }
    p = nl ? nl + 1 : stop;
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

/* Numbers by their texts among names[n], which become the classes. */
static as_status number_by_text(as_feature_set *f, const char *const *names, size_t n, as_err *err) {
  drop_names(f);
  number_rows(f, names, n);
  f->classes = n;
  f->class_name = as_calloc(n ? n : 1, sizeof *f->class_name, err);
  if (!f->class_name) return AS_E_ENV;
  for (size_t c = 0; c < n; c++)
    if (!(f->class_name[c] = as_strdup(names[c], err))) return AS_E_ENV;
  return AS_OK;
}

as_status as_feature_set_join_texts(as_feature_set *a, as_feature_set *b, as_err *err) {
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
  as_status s = number_by_text(a, names, kept, err);
  if (s == AS_OK && b) s = number_by_text(b, names, kept, err);
  as_free(names);
  return s;
}

/* What the rows say of their classes' names, by number. */
static as_status name_classes(as_feature_set *f, char *const *class_of, const char *path, as_err *err) {
  if (f->classes > MOST_NAMED) return AS_OK;
  f->class_name = as_calloc(f->classes ? f->classes : 1, sizeof *f->class_name, err);
  if (!f->class_name) return AS_E_ENV;
  for (size_t i = 0; i < f->n; i++) {
    int64_t c;
    if (!is_label(f->label_name[i]) || !is_label(class_of[i])) continue;
    as_parse_i64(f->label_name[i], -1, 1000000000, &c);
    if (c < 0) continue;
    char **name = &f->class_name[c];
    if (*name && strcmp(*name, class_of[i]) != 0)
      return as_fail(err, AS_E_INPUT, "%s: row %zu: found class %lld named %s, which was %s before", path, i,
                     (long long)c, class_of[i], *name);
    if (!*name && !(*name = as_strdup(class_of[i], err))) return AS_E_ENV;
  }
  return AS_OK;
}

/* Names that two classes share say nothing. */
static as_status drop_shared_names(as_feature_set *f, as_err *err) {
  const char **sorted = as_alloc(f->classes ? f->classes : 1, sizeof *sorted, err);
  size_t n = 0;
  bool shared = false;
  if (!sorted) return AS_E_ENV;
  for (size_t c = 0; c < f->classes; c++)
    if (f->class_name[c]) sorted[n++] = f->class_name[c];
  qsort(sorted, n, sizeof *sorted, by_text);
  for (size_t i = 1; i < n; i++) shared = shared || strcmp(sorted[i - 1], sorted[i]) == 0;
  as_free(sorted);
  if (!shared && n > 0) return AS_OK;
  drop_names(f);
  return AS_OK;
}

/* One set by itself: numbers are the classes, or the distinct texts in bytewise order. */
static as_status number_set(as_feature_set *f, char *const *class_of, const char *path, as_err *err) {
  f->numbers = has_numbers(f) != 0;
  if (!f->numbers) return as_feature_set_join_texts(f, NULL, err);
  number_rows(f, NULL, 0);
  as_status s = class_of ? name_classes(f, class_of, path, err) : AS_OK;
  return s == AS_OK && f->class_name ? drop_shared_names(f, err) : s;
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
  char **class_of = NULL;
  if (s == AS_OK) s = read_rows(out, &class_of, as_str_c(&tsv), err);
  if (s == AS_OK) s = number_set(out, class_of, as_str_c(&tsv), err);
  for (size_t i = 0; class_of && i < out->n; i++) as_free(class_of[i]);
  as_free(class_of);
  as_str_clear(&tsv);
  if (s != AS_OK) as_feature_set_clear(out);
  return s;
}
