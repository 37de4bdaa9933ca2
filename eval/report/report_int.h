/* What the report writers share: the derived numbers (as_sum), and number and name formatting. */
#ifndef AS_EVAL_REPORT_REPORT_INT_H
#define AS_EVAL_REPORT_REPORT_INT_H

#include <string.h>

#include "eval/report/report.h"
#include "eval/report/report_fmt.h"
#include "eval/report/report_pairs.h"
#include "eval/report/report_sheet.h"
#include "eval/stats/lottery.h"
#include "eval/stats/metrics.h"
#include "eval/stats/protocols.h"
#include "eval/stats/seeds.h"
#include "eval/stats/stats_boot.h"
#include "eval/stats/table.h"
#include "eval/stats/tiers.h"
#include "eval/stats/unified.h"
#include "tensor/base/json.h"

/* One measured accuracy, ready to print. Fractions; NaN = unknown. */
typedef struct as_sum_cell {
  bool ok; /* there is an accuracy that may be compared with the others of its set; otherwise `why` (borrowed,
                 never NULL) says why not */
  bool apart; /* not ok, but measured: another set of classes could win. Shown, in no ranking and no test */
  const char *why;
  double acc;              /* top-1; NaN unless ok */
  double shown, lo, hi;    /* top-1 and its 95 % interval, also of a cell that stands apart */
  double floor;            /* accuracy if every failed image had been wrong; `shown` when none failed */
  double drop;             /* acc on this set minus acc on the base set, of the same model */
  double drop_lo, drop_hi; /* Newcombe 1998, method 10, from the two Wilson intervals */
  double rank;             /* 1 = best of this set; ties share the mean of their places */
  double rank_lo, rank_hi; /* 95 % interval, see as_sum.bootstrapped; NaN without counts */
} as_sum_cell;

/* The ways to make one number of many that stand beside each other. */
enum { AS_SUM_MEAN = AS_UNIFIED_MEAN, AS_SUM_RANK = AS_UNIFIED_MEAN_RANK, AS_SUM_N = AS_UNIFIED_COUNT };
extern const char *const as_sum_names[AS_SUM_N];
extern const char *const as_sum_heads[AS_SUM_N];   /* short, for tables */
extern const char *const as_sum_meaning[AS_SUM_N]; /* one sentence each */

typedef struct as_sum_model {
  bool whole; /* every set has an accuracy; only then the values below exist */
  double value[AS_SUM_N];
  double rank[AS_SUM_N];            /* among the whole models */
  double mean_lo, mean_hi;          /* 95 % interval of the mean */
  double rank_lo, rank_hi, p_first; /* of the mean; p_first from the bootstrap, NaN without it */
} as_sum_model;

/* Counts per class of one set. */
typedef struct as_sum_classes {
  size_t n;              /* classes that have an image */
  uint32_t *number;      /* [n] of the class */
  int64_t *images;       /* [n] scored, failed ones included */
  int64_t *right, *used; /* [n * n_models] */
} as_sum_classes;

/* Methods with seeds as units. Columns: the sets, then the mean over them. */
typedef struct as_method_sum {
  as_methods methods; /* n = 0: no method has two seeds; then nothing below exists */
  as_oneway *layout;  /* [columns] */
  as_tiers *tiers;    /* [columns] of the methods */
  double
      *first; /* [columns * methods] share of the choices of one seed for each method in which it is first */
  double *kept; /* [columns * methods] the same on the base, and first here, too */
} as_method_sum;

typedef struct as_sum {
  const as_results *r;
  as_sum_cell *cells; /* [n_models * n_sets] */
  as_sum_model *models;
  size_t *order; /* models by falling mean, the incomplete ones last; ties in the given order */
  size_t n_whole, n_failed_cells, n_absent, n_apart;
  as_candidates *among; /* [n_sets] the classes among which those cells of a set chose that are compared */
  char **notes; /* [n_notes] sentences that must stand under every table, beside the results' remarks */
  size_t n_notes;
  bool any_interval, any_drop;
  bool bootstrapped; /* rank intervals come from resampling; else from unpaired comparisons: one more than
                        the models that are better by more than the 95 % margin of two independent
                        samples, up to all but those that are worse */
  bool any_rank_interval;
  int resamples;       /* of the bootstrap */
  bool by_class;       /* it drew classes */
  as_boot boot;        /* empty unless bootstrapped */
  as_pair_tests pairs; /* n_tested = 0: no per-image results, or too many models */
  as_table_stats stats;
  double *tau;                 /* [n_sets * n_sets] Kendall tau-b between sets */
  as_calibration *calibration; /* [n_models * n_sets], n = 0 where unknown; NULL: none at all */
  as_tiers *tiers;             /* [n_sets + 1] of each set, then of the mean; n = 0: nothing to test with */
  as_sum_classes *classes;     /* [n_sets]; n = 0 where unknown */
  as_method_sum by_method;
  as_protocols protocols; /* by the mean over the sets */
  as_set_lottery lottery; /* models as in stats.whole; first = NULL: under 2 whole models or 3 sets */
} as_sum;

enum { AS_PAIR_MODELS = 100 }; /* above, no tests of pairs: they would be more than anyone reads */

as_status as_sum_make(as_sum *s, const as_results *r, const as_report_opts *opts, as_err *err);
/* Fills the intervals of means and ranks where per-image results are there; as_sum_make calls it. */
as_status as_sum_bootstrap(as_sum *s, const as_report_opts *opts, as_err *err);
/* Which pool of images set k is scored on (stream), and which of them (image, or NULL: all in order); the rest of
 * *set is left alone. */
void as_sum_pool(const as_sum *s, size_t k, as_boot_set *set);
/* Tiers of every set and of the mean, where counts or images are there; as_sum_make calls it, after the pairs. */
as_status as_sum_tiers(as_sum *s, as_err *err);
void as_sum_tiers_clear(as_sum *s);
/* Methods and seeds, where there are several of one; as_sum_make calls it. */
as_status as_sum_methods(as_sum *s, as_err *err);
void as_sum_methods_clear(as_sum *s);
/* What the seeds say of methods, as sentences; nothing below two methods. */
void as_put_methods_decision(as_str *out, const as_sum *s);
/* Backbones under several protocols, where there are some; as_sum_make calls it. */
as_status as_sum_protocols(as_sum *s, as_err *err);
/* Who is first under which protocol, as sentences; nothing where no backbone has two. */
void as_put_protocols(as_str *out, const as_sum *s);
/* The sets drawn again, where there are enough; as_sum_make calls it. */
as_status as_sum_lottery(as_sum *s, uint64_t seed, as_err *err);
/* What the tiers say, as sentences: how many neighbours are resolved, who shares the first place, how many images
 * would resolve the rest. Empty below two models. */
void as_put_decision(as_str *out, const as_sum *s);
/* What every report begins with, a paragraph each, which may be empty: who is first and how sure; what would change it;
 * who is first under which protocol; what the seeds say of methods. */
typedef struct as_words {
  const char *key; /* in JSON */
  void (*put)(as_str *out, const as_sum *s);
} as_words;
extern const as_words as_first_words[];
extern const size_t as_first_word_count;
/* The tier of a model on a set (set < n_sets) or by the mean: "2", "" where there is none. */
as_num as_tier_text(const as_sum *s, size_t model, size_t set);
bool as_sum_any_tier(const as_sum *s, size_t set);
void as_sum_clear(as_sum *s);
/* Per class, calibration (report_images.c). */
as_status as_sum_images(as_sum *s, as_err *err);
void as_sum_images_clear(as_sum *s);
/* as_sum_make through opts->cache; give back with as_sum_drop. */
as_status as_sum_take(as_sum **s, const as_results *r, const as_report_opts *opts, as_err *err);
void as_sum_drop(as_sum *s, const as_report_opts *opts);

/* The parts of a report besides the table of accuracies. A part without rows does not apply. */
typedef struct as_part {
  const char *id;
  as_status (*build)(as_sheet *sheet, const as_sum *s, as_err *err);
  bool data;   /* for programs and for who asks: not in text and markup unless named */
  bool by_row; /* filled row after row, with its title before them: rows may go as they come */
} as_part;
extern const as_part as_parts[];
extern const size_t as_part_count;
const as_part *as_part_find(const char *id);

typedef enum as_layout_format { AS_LAYOUT_TEXT, AS_LAYOUT_MARKDOWN, AS_LAYOUT_LATEX } as_layout_format;
typedef struct as_layout {
  as_layout_format format;
  size_t width; /* text */
  bool ascii;
  const char *skip; /* ids that stand elsewhere on the page, or NULL */
} as_layout;
/* only: the id of one part, "all", or NULL: those that people read. AS_E_USAGE: nothing for a named part. */
as_status as_layout_parts(as_str *out, const as_sum *s, const as_layout *l, const char *only, as_err *err);
as_status as_layout_csv(as_str *out, const as_sum *s, const char *part, as_err *err);
/* The member "parts" of the object that is open. */
as_status as_layout_json(as_jsonw *w, const as_sum *s, const char *only, as_err *err);
/* Does the option name a part other than the table of cells? */
static inline bool as_one_part(const as_report_opts *o) {
  return o && o->part && strcmp(o->part, "all") != 0 && strcmp(o->part, "cells") != 0;
}

static inline const as_sum_cell *as_sum_at(const as_sum *s, size_t model, size_t set) {
  return &s->cells[model * s->r->n_sets + set];
}

/* Why a cell is absent, or how many of its images failed and the first of them with its reason; nothing for a
 * whole cell. */
void as_put_reason(as_str *out, const as_cell *c, const as_sum_cell *d);

/* report_notes.c: what must be said of cells that are not like the others of their column. */
as_status as_sum_notes(as_sum *s, as_err *err);
/* The marks that stand beside a cell's accuracy, each explained by a note: * images failed, a dagger (+)
 * stands apart, a double dagger (#) images of the training set, a section sign (=) images that are there twice. */
void as_put_marks(as_str *out, const as_sum *s, size_t model, size_t set, bool ascii);
/* What a set is, in one line: its rule, over how many classes, how many images. */
void as_put_set_facts(as_str *out, const as_sum *s, size_t set);
/* "ok", "absent", or what is the matter, joined by '+': failures, apart, twins, in-train. */
void as_put_status(as_str *out, const as_sum *s, size_t model, size_t set);

/* Names that were never set print as "?". */
static inline const char *as_model_name(const as_results *r, size_t m) {
  return r->models[m].name ? r->models[m].name : "?";
}
static inline const char *as_set_name(const as_results *r, size_t k) {
  return r->sets[k].name ? r->sets[k].name : "?";
}

/* How the interval of the mean was made, as a sentence; "" when there is none. */
const char *as_sum_interval_note(const as_sum *s);

/* Name of class c of a set: "n01440764", or its number. */
as_num as_class_text(const as_results *r, size_t set, uint32_t c);
/* What people call it: "goldfish"; else the same. */
as_num as_class_title(const as_results *r, size_t set, uint32_t c);
/* Decimals that the intervals of these results can carry: 2, or 1 when sets are small. */
int as_sum_decimals(const as_sum *s);

/* A member of the object that is open. */
static inline void as_put_json_f64(as_jsonw *w, const char *key, double v) {
  as_jsonw_key(w, key);
  as_jsonw_f64(w, v);
}
static inline void as_put_json_i64(as_jsonw *w, const char *key, int64_t v) {
  as_jsonw_key(w, key);
  as_jsonw_i64(w, v);
}
/* The members of an assay.table/1 object; the caller opens and closes the object. */
as_status as_report_json_body(as_jsonw *w, const as_sum *s, const char *part, as_err *err);

#endif
