/* Backbones under several protocols: what is derived, the sentence, the part. */
#include <math.h>

#include "eval/report/report_parts_int.h"
#include "tensor/base/mem.h"

as_status as_sum_protocols(as_sum *s, as_err *err) {
  const size_t n = s->r->n_models;
  double *v = as_alloc(n ? n : 1, sizeof *v, err);
  if (!v) return AS_E_ENV;
  for (size_t m = 0; m < n; m++) v[m] = s->models[m].value[AS_SUM_MEAN];
  as_status st = as_protocols_find(&s->protocols, s->r, v, err);
  as_free(v);
  return st;
}

/* The backbone that is first under protocol q, of equal ones the first. */
static size_t first_under(const as_protocols *p, size_t q) {
  size_t best = 0;
  for (size_t b = 1; b < p->backbones; b++)
    if (p->rank[b * p->n + q] < p->rank[best * p->n + q]) best = b;
  return best;
}

void as_put_protocols(as_str *out, const as_sum *s) {
  const as_protocols *p = &s->protocols;
  size_t turns = 0;
  if (p->n == 0) return;
  as_str_printf(out, "By protocol: of %zu backbones under each of %zu protocols, %s is first with %s",
                p->backbones, p->n, p->backbone[p->winner], p->name[p->chosen]);
  for (size_t q = 0; q < p->n; q++) {
    const size_t first = first_under(p, q);
    if (q == p->chosen || first == p->winner) continue;
    as_str_printf(out, "%s%s with %s",
                  turns++ ? ", " : "; another is first under others: ", p->backbone[first], p->name[q]);
  }
  as_str_put(out, turns ? "." : ", and with all others.");
  const double mixed = fmax(0.0, 1.0 - p->mixed[p->winner]);
  as_str_printf(out,
                " Where each comes with a protocol of its own, another is first in %s %% of the choices.",
                as_pct(mixed < 1e-9 ? 0.0 : mixed, 1).s);
}

as_status as_part_protocols(as_sheet *sh, const as_sum *s, as_err *err) {
  const as_protocols *p = &s->protocols;
  (void)err;
  if (p->n == 0) return AS_OK;
  sh->title = "Does the protocol decide? Each backbone under each protocol";
  as_sheet_column(sh, "backbone", "backbone", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "protocol", "protocol", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "model", "model", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "mean", "mean", AS_COL_SHARE, 2, true);
  as_sheet_column(sh, "rank", "rank under\nthe protocol", AS_COL_RANK, 0, false);
  for (size_t q = 0; q < p->n; q++)
    for (size_t b = 0; b < p->backbones; b++) {
      const size_t row = as_sheet_row(sh), m = p->entry[b * p->n + q];
      as_sheet_text(sh, row, 0, p->backbone[b]);
      as_sheet_text(sh, row, 1, p->name[q]);
      as_sheet_text(sh, row, 2, as_model_name(s->r, m));
      as_sheet_number(sh, row, 3, s->models[m].value[AS_SUM_MEAN], s->models[m].mean_lo,
                      s->models[m].mean_hi);
      as_sheet_number(sh, row, 4, p->rank[b * p->n + q], NAN, NAN);
    }
  as_str_printf(
      &sh->how,
      "One backbone: the same network from the same file. Ranks are among the %zu backbones that have all "
      "%zu protocols, by the mean over the sets.",
      p->backbones, p->n);
  if (p->left)
    as_str_printf(&sh->how, " %zu model%s of backbones with several protocols %s not compared here.", p->left,
                  p->left == 1 ? "" : "s", p->left == 1 ? "is" : "are");
  return AS_OK;
}
