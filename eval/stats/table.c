#include "eval/stats/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/stats/metrics.h"
#include "eval/stats/table_int.h"
#include "tensor/base/checked.h"
#include "tensor/base/file.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"

enum { MOST_SETS = 16, MOST_NAMES = 4096 };

/* Growing list of owned strings, found by value. */
typedef struct set_names {
  char **name;
  size_t n, cap;
} set_names;

static as_status add_set_name(set_names *l, const char *name, as_err *err) {
  for (size_t i = 0; i < l->n; i++)
    if (strcmp(l->name[i], name) == 0) return AS_OK;
  if (l->n == MOST_NAMES)
    return as_fail(err, AS_E_INPUT, "found more than %d sets in the tables", MOST_NAMES);
  as_status st = as_grow(&l->name, &l->cap, l->n + 1, sizeof *l->name, err);
  if (st != AS_OK) return st;
  l->name[l->n] = as_strdup(name, err);
  if (!l->name[l->n]) return AS_E_ENV;
  l->n++;
  return AS_OK;
}

static void clear_set_names(set_names *l) {
  for (size_t i = 0; i < l->n; i++) as_free(l->name[i]);
  as_free(l->name);
  memset(l, 0, sizeof *l);
}

/* Rows by (model, size): open addressing on FNV-1a; keys are borrowed from the CSV files. */
typedef struct row_key {
  const char *model, *size;
} row_key;
typedef struct row_index {
  row_key *key;
  size_t n, cap;
  size_t *slot; /* [slots] row + 1, 0 = free */
  size_t slots; /* a power of two, at least twice the rows */
} row_index;

static size_t hash_of(const char *a, const char *b) {
  uint64_t h = 1469598103934665603u;
  for (; *a; a++) h = (h ^ (unsigned char)*a) * 1099511628211u;
  h = (h ^ 0xFF) * 1099511628211u;
  for (; *b; b++) h = (h ^ (unsigned char)*b) * 1099511628211u;
  return (size_t)(h ^ h >> 29);
}

static as_status index_make(row_index *x, size_t rows, as_err *err) {
  x->slots = 64;
  while (x->slots / 2 < rows) x->slots *= 2;
  x->slot = as_calloc(x->slots, sizeof *x->slot, err);
  return x->slot ? AS_OK : AS_E_ENV;
}

static as_status index_row(row_index *x, const char *model, const char *size, size_t *row, as_err *err) {
  size_t i = hash_of(model, size) & (x->slots - 1);
  for (; x->slot[i]; i = (i + 1) & (x->slots - 1)) {
    const row_key *k = &x->key[x->slot[i] - 1];
    if (strcmp(k->model, model) == 0 && strcmp(k->size, size) == 0) {
      *row = x->slot[i] - 1;
      return AS_OK;
    }
  }
  as_status st = as_grow(&x->key, &x->cap, x->n + 1, sizeof *x->key, err);
  if (st != AS_OK) return st;
  x->key[x->n] = (row_key){model, size};
  *row = x->n++;
  x->slot[i] = x->n;
  return AS_OK;
}

static as_status list_sets(const as_table_source *s, set_names *sets, as_err *err) {
  as_status st = AS_OK;
  if (s->kind == AS_TABLE_TIMM) return add_set_name(sets, s->set_name, err);
  if (s->kind == AS_TABLE_WIDE) {
    for (size_t c = 0; c < s->csv.cols && st == AS_OK; c++)
      if (s->is_set[c]) st = add_set_name(sets, as_csv_at(&s->csv, 0, c), err);
    return st;
  }
  for (size_t r = 1; r < s->csv.rows && st == AS_OK; r++)
    st = add_set_name(sets, as_csv_at(&s->csv, r, s->dataset), err);
  return st;
}

static as_status choose_sets(const set_names *all, const as_table_opts *o, set_names *chosen, as_err *err) {
  const char *const *names = (const char *const *)all->name;
  const char *base = o->base;
  if (all->n == 0)
    return as_fail(err, AS_E_INPUT, "%s: found no column of accuracies%s", o->files[0],
                   o->n_files > 1 ? ", nor in the other files" : "");
  for (size_t i = 0; !base && i < all->n; i++)
    if (strcmp(names[i], "val") == 0 || strcmp(names[i], "imagenet") == 0) base = names[i];
  if (!base) base = names[0];
  as_status st = add_set_name(chosen, base, err);
  for (size_t i = 0; st == AS_OK && o->sets && i < o->n_sets; i++) st = add_set_name(chosen, o->sets[i], err);
  /* Without a choice the clean halves of A and R stay out: their images are val's and would count twice. */
  if (!o->sets && all->n > MOST_SETS)
    return as_fail(err, AS_E_USAGE, "found %zu sets, wanted a choice of at most %d: --sets SET,SET,...",
                   all->n, MOST_SETS);
  for (size_t i = 0; st == AS_OK && !o->sets && i < all->n; i++) {
    const as_set_facts *f = as_set_facts_find(names[i]);
    if (!f || !as_starts_with(f->task, "imagenet-val-")) st = add_set_name(chosen, names[i], err);
  }
  if (st != AS_OK) return st;
  if (chosen->n > MOST_SETS)
    return as_fail(err, AS_E_USAGE, "found %zu sets, wanted at most %d", chosen->n, MOST_SETS);
  for (size_t i = 0; i < chosen->n; i++) {
    bool there = false;
    for (size_t j = 0; j < all->n; j++) there = there || strcmp(names[j], chosen->name[i]) == 0;
    if (there) continue;
    const char *near = as_nearest(chosen->name[i], names, all->n);
    if (near)
      return as_fail(err, AS_E_USAGE, "no set '%s' in the tables; did you mean '%s'?", chosen->name[i], near);
    return as_fail(err, AS_E_USAGE, "no set '%s' in the tables; the first is '%s' of %zu", chosen->name[i],
                   names[0], all->n);
  }
  return AS_OK;
}

static size_t place_of_set(const set_names *sets, const char *name) {
  for (size_t i = 0; i < sets->n; i++)
    if (strcmp(sets->name[i], name) == 0) return i;
  return sets->n;
}

static as_status add_duplicate(as_table *t, const as_table_source *s, size_t row, const char *set,
                               as_err *err) {
  as_str text = {0};
  as_str_printf(&text, "%s: line %zu: %s", as_path_base(s->csv.path), s->csv.line[row],
                as_csv_at(&s->csv, row, s->model));
  if (s->size < s->csv.cols) as_str_printf(&text, " at %s", as_csv_at(&s->csv, row, s->size));
  as_str_printf(&text, " on %s again", set);
  as_status st = as_str_status(&text, err);
  if (st == AS_OK) st = as_grow(&t->duplicates, &t->cap_duplicates, t->n_duplicates + 1, sizeof(char *), err);
  char *copy = st == AS_OK ? as_strdup(as_str_c(&text), err) : NULL;
  as_str_clear(&text);
  if (!copy) return AS_E_ENV;
  t->duplicates[t->n_duplicates++] = copy;
  return AS_OK;
}

/* The table of a run says among how many classes a cell chose, and how many images its head has learned
 * from. */
static void read_marks(const as_table_source *s, size_t row, as_cell *c) {
  const as_csv *csv = &s->csv;
  int64_t n;
  if (s->classes < csv->cols && as_parse_i64(as_csv_at(csv, row, s->classes), 1, INT32_MAX, &n))
    c->among.n = (size_t)n;
  size_t step = as_csv_column(csv, "top1_step");
  if (step < csv->cols && !as_parse_f64(as_csv_at(csv, row, step), &c->top1_step)) c->top1_step = 0.0;
  if (!(c->top1_step >= 0.0 && c->top1_step <= 1.0)) c->top1_step = 0.0;
  size_t status = as_csv_column(csv, "status"), reason = as_csv_column(csv, "reason");
  if (status == csv->cols || reason == csv->cols || !strstr(as_csv_at(csv, row, status), "in-train")) return;
  /* "...; 9 of 400 images are in the training set" */
  const char *text = as_csv_at(csv, row, reason), *at = strstr(text, " images are in the training set");
  while (at && at > text && at[-1] != ';') at--;
  c->in_train.known = true;
  c->in_train.n = at ? strtoll(at, NULL, 10) : 0;
}

/* The count behind an accuracy that was rounded to a multiple of step, of n images: the only one that rounds to it,
 * where the step is finer than an image; else the nearest, known to within half a step. An accuracy that no count
 * of n images rounds to comes from other images or from a mean of runs: its step stays, too. */
static void recover_count(as_cell *c, int64_t n, double step) {
  double images = c->top1 * (double)n, nearest = as_rint(images);
  c->n_used = c->n_expected = n;
  c->top1_correct = (int64_t)nearest;
  bool one = step * (double)n <= 1.0 && fabs(images - nearest) <= 0.5001 * step * (double)n + 1e-6;
  c->top1_step = one ? 0.0 : step;
}

typedef struct reading {
  double top1, top5, step;
} reading;

/* One accuracy. Where the size of the set is known, the count behind it is too. */
static as_status fill_table_cell(as_table *t, const as_table_source *s, size_t row, size_t set, size_t model,
                                 const reading *d, as_err *err) {
  as_cell *c = as_results_cell(&t->r, model, set);
  double top1 = d->top1, top5 = d->top5;
  if (!isfinite(top1)) return AS_OK;
  if (c->present) return add_duplicate(t, s, row, t->r.sets[set].name, err);
  c->present = true;
  c->top1 = top1;
  c->has_top5 = isfinite(top5);
  c->top5 = c->has_top5 ? top5 : 0;
  const as_csv *csv = &s->csv;
  if (s->kind == AS_TABLE_CELLS) read_marks(s, row, c);
  size_t used = s->used, failed = s->failed, correct = s->correct;
  if (s->kind == AS_TABLE_CELLS && used < csv->cols && correct < csv->cols && failed < csv->cols) {
    int64_t n, k, f;
    if (as_parse_i64(as_csv_at(csv, row, used), 1, INT64_MAX / 4, &n) &&
        as_parse_i64(as_csv_at(csv, row, correct), 0, n, &k) &&
        as_parse_i64(as_csv_at(csv, row, failed), 0, INT64_MAX / 4, &f)) {
      c->n_used = n;
      c->n_failed = f;
      c->n_expected = n + f;
      c->top1_correct = k;
      if (!(c->top1_step > 0.0)) c->top1 = (double)k / (double)n;
    }
  } else if (t->facts[set]) {
    recover_count(c, t->facts[set]->images, d->step);
    if (c->has_top5) c->top5_correct = (int64_t)as_rint(c->top5 * (double)c->n_used);
  }
  if (c->n_used > 0) as_wilson(c->top1_correct, c->n_used, 0.95, &c->top1_lo, &c->top1_hi);
  return AS_OK;
}

static as_status fill_source(as_table *t, const as_table_source *s, const set_names *chosen, row_index *rows,
                             as_err *err) {
  as_status st = AS_OK;
  for (size_t r = 1; r < s->csv.rows && st == AS_OK; r++) {
    size_t model;
    const char *size = s->size < s->csv.cols ? as_csv_at(&s->csv, r, s->size) : "";
    st = index_row(rows, as_csv_at(&s->csv, r, s->model), size, &model, err);
    for (size_t c = 0; c < s->csv.cols && st == AS_OK; c++) {
      if (!s->is_set[c]) continue;
      size_t set = place_of_set(chosen, s->kind == AS_TABLE_WIDE   ? as_csv_at(&s->csv, 0, c)
                                        : s->kind == AS_TABLE_TIMM ? s->set_name
                                                                   : as_csv_at(&s->csv, r, s->dataset));
      if (set == chosen->n) continue;
      reading d = {.top5 = NAN, .step = s->step[c]};
      st = as_table_source_value(s, r, c, &d.top1, err);
      if (st == AS_OK && s->kind != AS_TABLE_WIDE && s->top5 < s->csv.cols)
        st = as_table_source_value(s, r, s->top5, &d.top5, err);
      if (st == AS_OK) st = fill_table_cell(t, s, r, set, model, &d, err);
    }
  }
  return st;
}

static int by_model_name(const void *a, const void *b) {
  return strcmp((*(const row_key *const *)a)->model, (*(const row_key *const *)b)->model);
}

/* "name", or "name @448" where a name comes at several sizes. */
static as_status name_models(as_table *t, const row_index *rows, as_err *err) {
  const row_key **sorted = as_alloc(rows->n, sizeof *sorted, err);
  if (!sorted) return AS_E_ENV;
  for (size_t i = 0; i < rows->n; i++) sorted[i] = &rows->key[i];
  qsort(sorted, rows->n, sizeof *sorted, by_model_name);
  as_status st = AS_OK;
  for (size_t i = 0, j; i < rows->n && st == AS_OK; i = j) {
    for (j = i + 1; j < rows->n && strcmp(sorted[i]->model, sorted[j]->model) == 0;) j++;
    t->n_names++;
    for (size_t k = i; k < j && st == AS_OK; k++) {
      as_str name = {0};
      as_str_put(&name, sorted[k]->model);
      if (j - i > 1 && *sorted[k]->size) as_str_printf(&name, " @%s", sorted[k]->size);
      st = as_str_status(&name, err);
      as_results_model *m = &t->r.models[sorted[k] - rows->key];
      if (st == AS_OK && !(m->name = as_strdup(as_str_c(&name), err))) st = AS_E_ENV;
      as_str_clear(&name);
    }
  }
  as_free(sorted);
  return st;
}

/* Takes out the models without any accuracy on the chosen sets. */
static void drop_empty(as_table *t) {
  as_results *r = &t->r;
  size_t kept = 0;
  for (size_t m = 0; m < r->n_models; m++) {
    bool any = false;
    for (size_t k = 0; k < r->n_sets; k++) any = any || as_results_cell(r, m, k)->present;
    if (!any) {
      as_free(r->models[m].name);
      r->models[m].name = NULL;
      continue;
    }
    if (kept != m) {
      r->models[kept] = r->models[m];
      memcpy(as_results_cell(r, kept, 0), as_results_cell(r, m, 0), r->n_sets * sizeof *r->cells);
      memset(&r->models[m], 0, sizeof r->models[m]);
    }
    kept++;
  }
  r->n_models = kept;
}

static as_status describe_sets(as_table *t, const set_names *chosen, as_err *err) {
  bool inferred = false;
  for (size_t k = 0; k < chosen->n; k++) {
    const as_set_facts *f = t->facts[k] = as_set_facts_like(chosen->name[k]);
    as_results_set *set = &t->r.sets[k];
    set->name = as_strdup(chosen->name[k], err);
    set->rule = as_strdup(f ? f->rule : "as published", err);
    if (!set->name || !set->rule) return AS_E_ENV;
    set->classes = f ? f->classes : 0;
    inferred = inferred || f;
  }
  as_status st =
      as_results_remark(&t->r,
                        "Published accuracies: assay has not run these models. Images are shared, but which "
                        "ones each model got right is not known, so no paired test is possible.",
                        err);
  if (st == AS_OK && inferred)
    st = as_results_remark(
        &t->r,
        "Counts and intervals follow from the published accuracy and the known number of images "
        "of the set.",
        err);
  return st;
}

/* What the cells say of the number of classes is truer than what a set's name does. */
static as_status settle_classes(as_table *t, as_err *err) {
  bool *apart = as_alloc(t->r.n_models, sizeof *apart, err);
  as_status st = apart ? AS_OK : AS_E_ENV;
  for (size_t k = 0; k < t->r.n_sets && st == AS_OK; k++) {
    as_candidates among;
    bool any = false;
    for (size_t m = 0; m < t->r.n_models; m++) any = any || as_results_cell(&t->r, m, k)->among.n > 0;
    if (any) st = as_results_apart(&t->r, k, apart, &among, err);
    if (any && st == AS_OK) t->r.sets[k].classes = among.n;
  }
  as_free(apart);
  return st;
}

static as_status keep_remarks(as_table *t, const as_table_source *s, as_err *err) {
  as_status st = AS_OK;
  const char *p = as_str_c(&s->remarks);
  for (size_t n = strcspn(p, "\n"); st == AS_OK && *p; p += n + 1, n = strcspn(p, "\n")) {
    char *line = as_strndup(p, n, err);
    st = line ? as_results_remark(&t->r, line, err) : AS_E_ENV;
    as_free(line);
  }
  return st;
}

static as_status join_sources(as_table *t, const as_table_opts *o, as_table_source *src, size_t n_src,
                              as_err *err) {
  set_names all = {0}, chosen = {0};
  row_index rows = {0};
  size_t total = 0;
  as_status st = AS_OK;
  for (size_t i = 0; i < n_src && st == AS_OK; i++) {
    size_t own = src[i].csv.rows - 1;
    total += src[i].csv.rows;
    if (i == 0 || own < t->file_rows_lo) t->file_rows_lo = own;
    if (own > t->file_rows_hi) t->file_rows_hi = own;
    st = list_sets(&src[i], &all, err);
  }
  if (st == AS_OK) st = choose_sets(&all, o, &chosen, err);
  if (st == AS_OK) st = index_make(&rows, total, err);
  /* Rows first, cells second: the number of models is known only then. */
  for (size_t i = 0; i < n_src && st == AS_OK; i++) {
    for (size_t r = 1, row; r < src[i].csv.rows && st == AS_OK; r++)
      st = index_row(&rows, as_csv_at(&src[i].csv, r, src[i].model),
                     src[i].size < src[i].csv.cols ? as_csv_at(&src[i].csv, r, src[i].size) : "", &row, err);
  }
  if (st == AS_OK && rows.n == 0)
    st = as_fail(err, AS_E_INPUT, "%s: found no model, wanted a row per model", o->files[0]);
  if (st == AS_OK) st = as_results_init(&t->r, "Published accuracies", rows.n, chosen.n, err);
  if (st == AS_OK && !(t->facts = as_calloc(chosen.n, sizeof *t->facts, err))) st = AS_E_ENV;
  if (st == AS_OK) st = describe_sets(t, &chosen, err);
  for (size_t i = 0; i < n_src && st == AS_OK; i++) st = keep_remarks(t, &src[i], err);
  for (size_t i = 0; i < n_src && st == AS_OK; i++) st = fill_source(t, &src[i], &chosen, &rows, err);
  if (st == AS_OK) st = settle_classes(t, err);
  if (st == AS_OK) st = name_models(t, &rows, err);
  if (st == AS_OK) {
    t->n_rows = rows.n;
    drop_empty(t);
    t->r.complete = true;
    if (t->r.n_models == 0)
      st = as_fail(err, AS_E_INPUT, "%s: found no accuracy on the chosen sets", o->files[0]);
  }
  clear_set_names(&all);
  clear_set_names(&chosen);
  as_free(rows.key);
  as_free(rows.slot);
  return st;
}

as_status as_table_read(as_table *t, const as_table_opts *opts, as_err *err) {
  memset(t, 0, sizeof *t);
  if (opts->n_files == 0) return as_fail(err, AS_E_USAGE, "found no CSV file, wanted at least one");
  as_table_source *src = as_calloc(opts->n_files, sizeof *src, err);
  if (!src) return AS_E_ENV;
  as_status st = AS_OK;
  for (size_t i = 0; i < opts->n_files && st == AS_OK; i++)
    st = as_table_source_open(&src[i], opts->files[i], opts, err);
  if (st == AS_OK) st = join_sources(t, opts, src, opts->n_files, err);
  for (size_t i = 0; i < opts->n_files; i++) as_table_source_clear(&src[i]);
  as_free(src);
  if (st != AS_OK) as_table_clear(t);
  return st;
}

void as_table_clear(as_table *t) {
  as_results_clear(&t->r);
  as_free((void *)t->facts);
  for (size_t i = 0; i < t->n_duplicates; i++) as_free(t->duplicates[i]);
  as_free(t->duplicates);
  memset(t, 0, sizeof *t);
}
