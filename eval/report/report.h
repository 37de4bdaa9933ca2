/* The results as people read them. All of these append to `out` and are pure functions of `r`. */
#ifndef AS_EVAL_REPORT_REPORT_H
#define AS_EVAL_REPORT_REPORT_H

#include "eval/report/figures.h"
#include "eval/report/pictures.h"
#include "eval/stats/results.h"
#include "tensor/base/json.h"
#include "tensor/base/status.h"
#include "tensor/base/text.h"

/* What was derived from results for one report, kept for the next one of the same results: bootstrap and
 * tests take seconds where there are many images. Start with {0}. */
typedef struct as_report_cache {
  struct as_sum *sum; /* owned */
} as_report_cache;
void as_report_cache_clear(as_report_cache *c);

typedef struct as_report_opts {
  int width;     /* columns of the terminal, 0 = 100 */
  bool ascii;    /* no characters beyond ASCII */
  uint64_t seed; /* of the bootstrap */
  int resamples; /* 0 = 2000, negative = no bootstrap */
  bool by_class; /* bootstrap: whole classes are drawn instead of images */
  bool brief;    /* text: accuracy, changes, the unified metric, gaps and remarks alone */
  const char
      *part; /* one part alone ("pairs", ...; as_report_part_names), or "all"; NULL: what fits the format */
  const as_pictures *pictures; /* HTML: of these results (as_pictures_choose), fetched; NULL: words alone */
  bool no_images;              /* who writes a page fetches none */
  as_report_cache
      *cache; /* or NULL; must not outlive the results, nor serve other results, seeds, resamples */
} as_report_opts;

/* The parts that as_report_opts.part may name, comma-joined. */
const char *as_report_part_names(void);
/* A sentence when there is no such part; NULL otherwise. part may be NULL. */
as_status as_report_part_check(const char *part, as_err *err);

/* Two runs on the same images, paired: models of one name in both, or every model of the first with every one
 * of the second where no name is shared. The first n_first models are the first run's. As text
 * on out, or as an array of rows on w where that is not NULL. *rows: cells on the same images; without any no
 * text is written, and an empty array. */
as_status as_report_paired(as_str *out, as_jsonw *w, const as_results *r, size_t n_first,
                           const as_report_opts *opts, size_t *rows, as_err *err);

as_status as_report_text(as_str *out, const as_results *r, const as_report_opts *opts, as_err *err);
as_status as_report_csv(as_str *out, const as_results *r, const as_report_opts *opts, as_err *err);
as_status as_report_json(as_str *out, const as_results *r, const as_report_opts *opts, as_err *err);
/* One table with all sets and the unified metric, for pull requests and papers (LaTeX: booktabs). */
as_status as_report_markdown(as_str *out, const as_results *r, const as_report_opts *opts, as_err *err);
as_status as_report_latex(as_str *out, const as_results *r, const as_report_opts *opts, as_err *err);
/* One self-contained file: inline CSS and SVG, no script, light and dark. `provenance` is
 * preformatted text (record summary) for its last section, or NULL. */
as_status as_report_html(as_str *out, const as_results *r, const as_report_opts *opts, const char *provenance,
                         as_err *err);
/* Every chart of that page. Start with figures {0}; release with as_figures_clear, in failure too. */
as_status as_report_figures(as_figures *figures, const as_results *r, const as_report_opts *opts,
                            as_err *err);

#endif
