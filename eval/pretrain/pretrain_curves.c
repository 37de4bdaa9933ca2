/* curves.svg from the lines of log.tsv: they are what a resumed training still knows of its first epochs. */
#include <math.h>
#include <string.h>

#include "eval/pretrain/pretrain_int.h"
#include "eval/report/curves.h"
#include "tensor/base/file.h"
#include "tensor/base/mem.h"

/* The columns of log.tsv that are drawn. */
static const struct {
  size_t column;
  const char *name;
  double unit;
} drawn[] = {{1, "loss", 1},
             {5, "k-NN top-1, %", 100},
             {4, "RankMe (effective rank of the features)", 1},
             {2, "learning rate", 1}};
enum { CURVES = sizeof drawn / sizeof *drawn };

/* Cell `column` of a line as a number; NaN where it is empty. */
static double cell_of(const char *line, size_t n, size_t column) {
  char text[64];
  double v;
  for (; column > 0; column--) {
    const char *tab = memchr(line, '\t', n);
    if (!tab) return NAN;
    n -= (size_t)(tab + 1 - line);
    line = tab + 1;
  }
  const char *tab = memchr(line, '\t', n);
  n = tab ? (size_t)(tab - line) : n;
  if (n >= sizeof text) return NAN;
  memcpy(text, line, n);
  text[n] = '\0';
  return as_parse_f64(text, &v) ? v : NAN;
}

as_status as_pretrain_save_curves(const char *path, const char *title, const as_str *log, as_err *err) {
  const char *text = as_str_c(log), *line = strchr(text, '\n');
  size_t epochs = 0;
  for (const char *p = line; p; p = strchr(p + 1, '\n')) epochs++;
  if (epochs < 2) return AS_OK;
  epochs--; /* line feeds, less the header's */
  double *v = as_alloc(CURVES * epochs, sizeof *v, err);
  if (!v) return AS_E_ENV;
  for (size_t e = 0; e < epochs; e++) {
    const char *start = line + 1;
    line = strchr(start, '\n');
    for (size_t k = 0; k < CURVES; k++)
      v[k * epochs + e] = drawn[k].unit * cell_of(start, (size_t)(line - start), drawn[k].column);
  }
  as_curve curve[CURVES];
  for (size_t k = 0; k < CURVES; k++) curve[k] = (as_curve){drawn[k].name, v + k * epochs};
  as_str out = {0};
  as_curves_svg(&out, title, curve, CURVES, epochs);
  as_status s = as_str_status(&out, err);
  if (s == AS_OK) s = as_file_write(path, as_str_c(&out), out.n, err);
  as_str_clear(&out);
  as_free(v);
  return s;
}
