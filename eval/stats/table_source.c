/* Which columns of a table are accuracies. A column that is none must not become a data set, and one that is
 * left out is named: it may be one after all. */
#include <math.h>
#include <string.h>

#include "eval/stats/table_int.h"
#include "tensor/base/file.h"
#include "tensor/base/mem.h"

/* --- names ----------------------------------------------------------------------------------------------- */

/* Lower-case letters and digits alone: "Top-1 (%)" -> "top1". */
static void plain_name(const char *name, char out[64]) {
  size_t n = 0;
  for (; *name && n < 63; name++) {
    char c = *name >= 'A' && *name <= 'Z' ? (char)(*name + 32) : *name;
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) out[n++] = c;
  }
  out[n] = 0;
}

/* pandas calls columns without a name "Unnamed: 3" when it reads them again. */
static bool has_name(const char *name) {
  return *name && !as_starts_with(name, "Unnamed: ");
}

static bool is_one_of(const char *name, const char *const *list, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(name, list[i]) == 0) return true;
  return false;
}
#define IS_ONE_OF(name, list) is_one_of(name, list, sizeof(list) / sizeof *(list))

/* Figures that stand beside accuracies, by their names: exactly so, begun so or ended so; some where the
 * values are integers. */
static bool names_a_figure(const char *name, bool integers) {
  static const char *const numbers[] = {"id",  "idx",    "index", "n",   "no",      "nr",
                                        "num", "number", "place", "pos", "position"};
  static const char *const whole[] = {
      "ap",      "area",  "auc",   "auroc",     "average",     "avg",         "batch",   "bs",      "ci",
      "conf",    "date",  "delta", "depth",     "dim",         "ece",         "epoch",   "epochs",  "f1",
      "fps",     "gap",   "heads", "imgsize",   "input",       "layers",      "loss",    "lr",      "macs",
      "map",     "mce",   "mean",  "median",    "memory",      "miou",        "nfailed", "nll",     "nused",
      "overall", "p",     "patch", "patchsize", "prob",        "probability", "res",     "rmse",    "se",
      "seed",    "size",  "std",   "sum",       "temperature", "time",        "total",   "unified", "wd",
      "weight",  "width", "year"};
  static const char *const begin[] = {
      "acc5",         "activations", "batchsize",  "brier",         "ci95",    "confidence",   "croppct",
      "cropsize",     "embeddim",    "flop",       "gflop",         "gmac",    "imagecount",   "imagesize",
      "imagesper",    "imgspersec",  "inference",  "interpolation", "latency", "learningrate", "macts",
      "mflop",        "mparam",      "nepochs",    "nimages",       "nparam",  "numparam",     "param",
      "rank",         "released",    "resolution", "samplesper",    "speed",   "throughput",   "top5",
      "trainingtime", "warmup",      "weightdecay"};
  static const char *const end[] = {"acc5",   "confidence", "diff",   "ece",  "err",   "error", "errors",
                                    "gflops", "hi95",       "lo95",   "loss", "lower", "rank",  "sigma",
                                    "std",    "stddev",     "stderr", "top5", "upper"};
  char p[64];
  plain_name(name, p);
  if (IS_ONE_OF(p, whole) || ((name[0] == '#' || IS_ONE_OF(p, numbers)) && integers)) return true;
  for (size_t i = 0; i < sizeof begin / sizeof *begin; i++)
    if (as_starts_with(p, begin[i])) return true;
  for (size_t i = 0; i < sizeof end / sizeof *end; i++)
    if (as_ends_with(p, end[i])) return true;
  return false;
}

/* The first column of one of these plain names, or csv.cols. */
static size_t find_column(const as_csv *c, const char *const *names, size_t n) {
  char p[64];
  for (size_t k = 0; k < n; k++)
    for (size_t i = 0; i < c->cols; i++) {
      plain_name(as_csv_at(c, 0, i), p);
      if (strcmp(p, names[k]) == 0) return i;
    }
  return c->cols;
}
#define FIND_COLUMN(c, names) find_column(c, names, sizeof(names) / sizeof *(names))

/* --- what a column holds
 * ----------------------------------------------------------------------------------- */

typedef struct column_facts {
  size_t numbers, texts;
  size_t bad_row; /* the first field that is no accuracy: text, or a number beyond 0 to 100; 0 = none */
  double most;
  bool percent, spread;
  bool integers;
  int decimals; /* the most; zeros at the end are often left out */
  bool counts;  /* the values are 0, 1, 2, ... or 1, 2, 3, ...: a number of the row, or a rank */
} column_facts;

static column_facts look_at(const as_csv *c, size_t col) {
  column_facts f = {.integers = true, .counts = true};
  double first = NAN;
  for (size_t r = 1; r < c->rows; r++) {
    as_field d = as_field_read(as_csv_at(c, r, col), c->separator);
    if (d.kind == AS_FIELD_NOTHING) continue;
    bool good = d.kind == AS_FIELD_NUMBER && d.v >= 0 && d.v <= 100;
    if (!good && f.bad_row == 0) f.bad_row = r;
    if (d.kind == AS_FIELD_TEXT) {
      f.texts++;
      continue;
    }
    if (f.numbers == 0) first = d.v;
    f.integers = f.integers && d.v == floor(d.v);
    f.counts = f.counts && d.v == first + (double)f.numbers && (first == 0 || first == 1);
    f.numbers++;
    if (d.decimals > f.decimals) f.decimals = d.decimals;
    if (good) f.most = fmax(f.most, d.v);
    f.percent = f.percent || d.percent;
    f.spread = f.spread || d.spread;
  }
  f.counts = f.counts && f.numbers > 2;
  return f;
}

static bool asked_for(const as_table_opts *o, const char *name) {
  if (o->base && strcmp(o->base, name) == 0) return true;
  for (size_t i = 0; o->sets && i < o->n_sets; i++)
    if (strcmp(o->sets[i], name) == 0) return true;
  return false;
}

/* A field as a message quotes it: its first 40 bytes, no half character. */
static void put_quoted_field(as_str *out, const char *text) {
  size_t n = strlen(text);
  if (n > 40)
    for (n = 40; n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80;) n--;
  as_str_putc(out, '\'');
  as_str_putn(out, text, n);
  as_str_put(out, text[n] ? "...'" : "'");
}

/* Adds the column to the list, with the reason. */
static void put_left_out(as_str *list, const as_csv *c, size_t col, const char *why) {
  const char *name = as_csv_at(c, 0, col);
  as_str_put(list, list->n ? ", " : "");
  if (has_name(name))
    as_str_put(list, name);
  else
    as_str_printf(list, "column %zu", col + 1);
  as_str_printf(list, " (%s)", why);
}

/* Why a column of a wide table is no set; empty where it is one. */
static void why_no_set(as_str *why, const as_table_source *s, const as_table_opts *o, size_t col,
                       const column_facts *f) {
  const as_csv *c = &s->csv;
  const char *name = as_csv_at(c, 0, col);
  bool again = false;
  for (size_t i = 0; i < col; i++) again = again || strcmp(as_csv_at(c, 0, i), name) == 0;
  if (!has_name(name)) {
    as_str_put(why, "no name");
  } else if (again) {
    as_str_put(why, "the name is there before");
  } else if (asked_for(o, name) || as_set_facts_find(name)) {
    return;
  } else if (names_a_figure(name, f->integers)) {
    as_str_put(why, "no set by its name");
  } else if (f->bad_row) {
    as_str_printf(why, "line %zu holds ", c->line[f->bad_row]);
    put_quoted_field(why, as_csv_at(c, f->bad_row, col));
  } else if (f->counts) {
    as_str_put(why, "it counts the rows");
  }
}

static as_status choose_columns(as_table_source *s, const as_table_opts *o, as_err *err) {
  const as_csv *c = &s->csv;
  as_str left = {0}, odd = {0}, spread = {0};
  column_facts *f = as_calloc(c->cols, sizeof *f, err);
  if (!f) return AS_E_ENV;
  bool percent = false;
  for (size_t i = 0; i < c->cols; i++) {
    if (i == s->model || i == s->size) continue;
    f[i] = look_at(c, i);
    as_str why = {0};
    if (s->kind == AS_TABLE_WIDE) why_no_set(&why, s, o, i, &f[i]);
    s->is_set[i] = s->kind == AS_TABLE_WIDE ? why.n == 0 : i == s->top1;
    if (s->is_set[i]) percent = percent || f[i].most > 1 || f[i].percent;
    if (why.n && f[i].numbers + f[i].texts > 0) put_left_out(&left, c, i, as_str_c(&why));
    as_str_clear(&why);
  }
  for (size_t i = 0; i < c->cols; i++) {
    const char *name = as_csv_at(c, 0, i);
    if (!s->is_set[i]) continue;
    s->scale[i] = percent ? 0.01 : 1;
    s->step[i] = s->scale[i];
    for (int d = 0; d < f[i].decimals && d < 20; d++) s->step[i] /= 10;
    if (f[i].spread) as_str_printf(&spread, "%s%s", spread.n ? ", " : "", name);
    if (!percent || f[i].percent || f[i].most > 1 || f[i].most <= 0 || s->kind != AS_TABLE_WIDE) continue;
    /* at most 1 where others are per cent: a share, a confidence, or a hard set */
    if (asked_for(o, name) || as_set_facts_find(name)) {
      as_str_printf(&odd, "%s%s", odd.n ? ", " : "", name);
    } else {
      s->is_set[i] = false;
      put_left_out(&left, c, i, "at most 1 where the others are per cent");
    }
  }
  const char *file = as_path_base(c->path);
  if (left.n) as_str_printf(&s->remarks, "%s: columns left out: %s.\n", file, as_str_c(&left));
  if (odd.n)
    as_str_printf(&s->remarks,
                  "%s: %s: at most 1 where the other columns are per cent; read as per cent, too.\n", file,
                  as_str_c(&odd));
  if (spread.n)
    as_str_printf(&s->remarks, "%s: %s: the values have uncertainties behind them, which are left out.\n",
                  file, as_str_c(&spread));
  as_status st = left.failed || odd.failed || spread.failed ? AS_E_ENV : as_str_status(&s->remarks, err);
  as_str_clear(&left);
  as_str_clear(&odd);
  as_str_clear(&spread);
  as_free(f);
  return st;
}

/* --- the file
 * ------------------------------------------------------------------------------------------------ */

/* "dir/results-imagenet-real.csv" -> "imagenet-real". */
static char *set_of_path(const char *path, as_err *err) {
  const char *base = as_path_base(path);
  if (as_starts_with(base, "results-")) base += strlen("results-");
  const char *dot = strrchr(base, '.');
  return as_strndup(base, dot && dot > base ? (size_t)(dot - base) : strlen(base), err);
}

static bool has_known_set(const as_csv *c) {
  for (size_t i = 0; i < c->cols; i++)
    if (as_set_facts_find(as_csv_at(c, 0, i))) return true;
  return false;
}

static as_status find_columns(as_table_source *s, as_err *err) {
  static const char *const model[] = {"model", "models", "modelname", "method", "network"};
  static const char *const size[] = {"imgsize"};
  static const char *const top1[] = {"top1"}, *const other_top1[] = {"top1acc", "top1accuracy", "acc1",
                                                                     "accuracy", "acc"};
  static const char *const top5[] = {"top5"}, *const other_top5[] = {"top5acc", "top5accuracy", "acc5"};
  static const char *const dataset[] = {"dataset"};
  const as_csv *c = &s->csv;
  s->model = FIND_COLUMN(c, model);
  s->size = FIND_COLUMN(c, size);
  s->top1 = FIND_COLUMN(c, top1);
  s->top5 = FIND_COLUMN(c, top5);
  s->dataset = FIND_COLUMN(c, dataset);
  if (s->top1 == c->cols && !has_known_set(c)) s->top1 = FIND_COLUMN(c, other_top1);
  if (s->top5 == c->cols) s->top5 = FIND_COLUMN(c, other_top5);
  s->used = as_csv_column(c, "n_used");
  s->failed = as_csv_column(c, "n_failed");
  s->correct = as_csv_column(c, "top1_correct");
  s->classes = as_csv_column(c, "classes");
  if (s->model == c->cols || c->cols < 2)
    return as_fail(err, AS_E_INPUT,
                   "%s: line %zu: found a head without a column 'model', wanted model,img_size,top1 or "
                   "model,SET,SET,... or model,dataset,top1",
                   c->path, c->line[0]);
  s->kind = s->top1 == c->cols ? AS_TABLE_WIDE : s->dataset < c->cols ? AS_TABLE_CELLS : AS_TABLE_TIMM;
  return AS_OK;
}

/* One set per file: what looks like another set's accuracies is named. */
static void name_other_sets(as_table_source *s) {
  const as_csv *c = &s->csv;
  as_str list = {0};
  for (size_t i = 0; i < c->cols; i++) {
    const char *name = as_csv_at(c, 0, i);
    if (i == s->model || i == s->size || i == s->top1 || i == s->top5 || !has_name(name)) continue;
    column_facts f = look_at(c, i);
    if (names_a_figure(name, f.integers)) continue;
    if (f.numbers > 0 && f.bad_row == 0 && f.most > 1)
      put_left_out(&list, c, i, "beside top1, a file is one set");
  }
  if (list.n)
    as_str_printf(&s->remarks, "%s: columns left out: %s.\n", as_path_base(c->path), as_str_c(&list));
  if (list.failed) s->remarks.failed = true;
  as_str_clear(&list);
}

as_status as_table_source_open(as_table_source *s, const char *path, const as_table_opts *opts, as_err *err) {
  memset(s, 0, sizeof *s);
  as_status st = as_csv_read(&s->csv, path, err);
  if (st == AS_OK) st = find_columns(s, err);
  if (st != AS_OK) return st;
  s->is_set = as_calloc(s->csv.cols, sizeof *s->is_set, err);
  s->scale = as_calloc(s->csv.cols, sizeof *s->scale, err);
  s->step = as_calloc(s->csv.cols, sizeof *s->step, err);
  if (!s->is_set || !s->scale || !s->step) return AS_E_ENV;
  for (size_t r = 1; r < s->csv.rows; r++)
    if (!*as_csv_at(&s->csv, r, s->model))
      return as_fail(err, AS_E_INPUT, "%s: line %zu: column %s: found nothing, wanted the name of a model",
                     path, s->csv.line[r], as_csv_at(&s->csv, 0, s->model));
  if (s->kind == AS_TABLE_TIMM && !(s->set_name = set_of_path(path, err))) return AS_E_ENV;
  if (s->kind == AS_TABLE_TIMM) name_other_sets(s);
  return choose_columns(s, opts, err);
}

void as_table_source_clear(as_table_source *s) {
  as_csv_clear(&s->csv);
  as_free(s->set_name);
  as_free(s->is_set);
  as_free(s->scale);
  as_free(s->step);
  as_str_clear(&s->remarks);
}

as_status as_table_source_value(const as_table_source *s, size_t row, size_t col, double *v, as_err *err) {
  const char *text = as_csv_at(&s->csv, row, col);
  as_field f = as_field_read(text, s->csv.separator);
  *v = NAN;
  if (f.kind == AS_FIELD_NOTHING) return AS_OK;
  if (f.kind == AS_FIELD_TEXT || f.v < 0 || f.v > 100)
    return as_fail(err, AS_E_INPUT, "%s: line %zu: column %s: found '%s', wanted an accuracy from 0 to 100",
                   s->csv.path, s->csv.line[row], as_csv_at(&s->csv, 0, col), text);
  *v = f.v * (f.percent ? 0.01 : s->scale[s->top1 < s->csv.cols ? s->top1 : col]);
  return AS_OK;
}
