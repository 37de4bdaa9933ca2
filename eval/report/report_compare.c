/* Two runs beside each other: what differs between them, image by image. */
#include <math.h>
#include <string.h>

#include "eval/report/report_int.h"
#include "tensor/base/mem.h"

enum { MOST = 400 }; /* pairs of models and sets */

typedef struct duel {
  size_t a, b, set;
  as_mcnemar test;
} duel;

static bool shared_name(const as_results *r, size_t n_first) {
  for (size_t i = 0; i < n_first; i++)
    for (size_t j = n_first; j < r->n_models; j++)
      if (strcmp(as_model_name(r, i), as_model_name(r, j)) == 0) return true;
  return false;
}

/* *apart: pairs on the same images that are not compared, since other classes could win. */
static size_t find_duels(const as_results *r, size_t n_first, duel *d, size_t *apart) {
  bool named = shared_name(r, n_first);
  size_t n = 0;
  for (size_t i = 0; i < n_first; i++)
    for (size_t j = n_first; j < r->n_models; j++)
      for (size_t k = 0; k < r->n_sets && n < MOST; k++) {
        const as_cell *a = as_results_cell(r, i, k), *b = as_results_cell(r, j, k);
        if (named && strcmp(as_model_name(r, i), as_model_name(r, j)) != 0) continue;
        if (!a->correct1 || !b->correct1 || a->n_expected != b->n_expected) continue;
        as_candidates x = as_results_among(r, i, k), y = as_results_among(r, j, k);
        if (!as_candidates_same(&x, &y)) {
          ++*apart;
          continue;
        }
        d[n] = (duel){.a = i, .b = j, .set = k};
        as_mcnemar_images(a->correct1, b->correct1, (size_t)a->n_expected, 0.95, &d[n].test);
        if (d[n].test.n > 0) n++;
      }
  return n;
}

static void fill_paired_sheet(as_sheet *sh, const as_results *r, const duel *d, size_t n,
                              const double *adjusted) {
  sh->title = "Paired: the first run against the second on the same images";
  as_sheet_column(sh, "first", "first run", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "second", "second run", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "dataset", "set", AS_COL_TEXT, 0, false);
  as_sheet_column(sh, "n", "images", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "only_first", "only first\nright", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "only_second", "only second\nright", AS_COL_COUNT, 0, false);
  as_sheet_column(sh, "difference", "first minus second", AS_COL_POINTS, 2, true);
  as_sheet_column(sh, "p_mid", "p mid", AS_COL_P, 4, false);
  as_sheet_column(sh, "p_holm", "p Holm", AS_COL_P, 4, false);
  for (size_t i = 0; i < n; i++) {
    size_t row = as_sheet_row(sh);
    const as_mcnemar *t = &d[i].test;
    as_sheet_text(sh, row, 0, as_model_name(r, d[i].a));
    as_sheet_text(sh, row, 1, as_model_name(r, d[i].b));
    as_sheet_text(sh, row, 2, as_set_name(r, d[i].set));
    as_sheet_number(sh, row, 3, (double)t->n, NAN, NAN);
    as_sheet_number(sh, row, 4, (double)t->b, NAN, NAN);
    as_sheet_number(sh, row, 5, (double)t->c, NAN, NAN);
    as_sheet_number(sh, row, 6, t->diff, t->lo, t->hi);
    as_sheet_number(sh, row, 7, t->p_mid, NAN, NAN);
    as_sheet_number(sh, row, 8, adjusted[i], NAN, NAN);
  }
  as_str_printf(
      &sh->how,
      "McNemar's mid-p test, Holm-corrected over these %zu tests; 95 %% interval of the paired difference.",
      n);
}

/* The answer, before its table: how many pairs differ, and of the clearest one by how much and in how many images. */
static void put_paired_answer(as_str *out, const as_results *r, const duel *d, size_t n,
                              const double *adjusted) {
  const double level = 0.05;
  size_t differ = 0, clearest = 0;
  int64_t flipped = 0, images = 0;
  for (size_t i = 0; i < n; i++) {
    differ += adjusted[i] < level;
    flipped += d[i].test.b + d[i].test.c;
    images += d[i].test.n;
    if (d[i].test.p_mid < d[clearest].test.p_mid) clearest = i;
  }
  const as_mcnemar *t = &d[clearest].test;
  as_str_printf(out, "Of %zu pair%s on the same images, ", n, n == 1 ? "" : "s");
  if (differ)
    as_str_printf(out, "%zu %s (McNemar's mid-p, Holm, 5 %%); ", differ, differ == 1 ? "differs" : "differ");
  else
    as_str_put(out, "none differs (McNemar's mid-p, Holm, 5 %); ");
  as_str_printf(out, "%lld of %lld answers flipped between right and wrong.", (long long)flipped,
                (long long)images);
  if (t->b + t->c == 0) return;
  as_str_printf(
      out,
      " The clearest: %s against %s on %s, %s points [%s, %s], p %s; %lld images only the first has "
      "right, %lld only the second.",
      as_model_name(r, d[clearest].a), as_model_name(r, d[clearest].b), as_set_name(r, d[clearest].set),
      as_fix_signed(100 * t->diff, 2).s, as_fix_signed(100 * t->lo, 2).s, as_fix_signed(100 * t->hi, 2).s,
      as_p_text(adjusted[clearest]).s, (long long)t->b, (long long)t->c);
}

as_status as_report_paired(as_str *out, as_jsonw *w, const as_results *r, size_t n_first,
                           const as_report_opts *opts, size_t *rows, as_err *err) {
  duel *d = as_alloc(MOST, sizeof *d, err);
  double *p = as_alloc(2 * MOST, sizeof *p, err);
  as_sheet sh = {.id = "paired"};
  as_grid g;
  size_t width = opts && opts->width > 0 ? (size_t)opts->width : 100;
  as_status st = d && p ? AS_OK : AS_E_ENV;
  size_t apart = 0;
  *rows = st == AS_OK ? find_duels(r, n_first, d, &apart) : 0;
  for (size_t i = 0; i < *rows; i++) p[i] = d[i].test.p_mid;
  if (st == AS_OK && *rows > 0) st = as_holm(p, *rows, p + MOST, err);
  if (st == AS_OK && *rows > 0) {
    fill_paired_sheet(&sh, r, d, *rows, p + MOST);
    if (apart) as_str_printf(&sh.how, " %zu pairs are left out: they chose among different classes.", apart);
    if (sh.failed) st = as_fail(err, AS_E_ENV, "report: out of memory");
    if (st == AS_OK && w) {
      as_jsonw_array(w);
      for (size_t i = 0; i < sh.n_rows; i++) as_sheet_json_row(w, &sh, i);
      as_jsonw_end(w);
    } else if (st == AS_OK &&
               (st = as_sheet_grid(&sh, &g, width / 4, opts && opts->ascii, false, err)) == AS_OK) {
      as_str answer = {0};
      put_paired_answer(&answer, r, d, *rows, p + MOST);
      as_put_wrapped(out, as_str_c(&answer), width, "", "", opts && opts->ascii);
      if (answer.failed) out->failed = true;
      as_str_clear(&answer);
      as_str_printf(out, "\n%s\n\n", sh.title);
      as_grid_text(out, &g, width, opts && opts->ascii);
      as_put_wrapped(out, as_str_c(&sh.how), width, "", "", opts && opts->ascii);
      as_grid_clear(&g);
    }
  }
  if (w && (st != AS_OK || *rows == 0)) {
    as_jsonw_array(w);
    as_jsonw_end(w);
  }
  as_sheet_clear(&sh);
  as_free(d);
  as_free(p);
  return st == AS_OK ? as_str_status(out, err) : st;
}
