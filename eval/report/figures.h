/* The charts of a page as files of their own, each with the numbers that it is drawn from. */
#ifndef AS_EVAL_REPORT_FIGURES_H
#define AS_EVAL_REPORT_FIGURES_H

#include <stddef.h>

#include "tensor/base/status.h"
#include "tensor/base/text.h"

typedef struct as_figure {
  as_str
      name; /* "ranks", "against-v2": of a-z, 0-9, '.', '_' and '-', different from all others; a file's name
                  without suffix */
  as_str svg; /* stands alone: the style is in it */
  as_str csv; /* a row per mark; accuracies are fractions, an empty field is nothing drawn */
} as_figure;

/* Start with {0}. */
typedef struct as_figures {
  as_figure *figure; /* [n] as they come on the page; owned */
  size_t n, cap;
} as_figures;

/* Another figure, empty but for its name: NAME, or NAME-OF where `of` (any text) is not NULL. Stays in place until the
 * next call. NULL: out of memory. */
as_figure *as_figures_add(as_figures *f, const char *name, const char *of);
/* Without the figure that was added last. */
void as_figures_drop_last(as_figures *f);
void as_figures_clear(as_figures *f);

/* NAME.svg and NAME.csv of every figure into the folder `dir`, which is made where it is missing. A file of such a name
 * that begins otherwise than the figure does is somebody else's: AS_E_USAGE, and nothing is written. */
as_status as_figures_write(const as_figures *f, const char *dir, as_err *err);

#endif
