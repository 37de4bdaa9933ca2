/* The table as text, CSV, JSON and HTML: figures, ties, gaps, failures, remarks, escaping, bytes. */
#include "eval/report/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/report/report_grid.h"
#include "eval/report/report_int.h"
#include "eval/stats/metrics.h"
#include "tensor/base/json.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tests/harness.h"
#include "tests/reportmake.h"

static void derived_numbers(as_test *t) {
  as_results r;
  as_sum s;
  as_err err = {0};
  reportmake_small(t, &r);
  CHECK_OK(t, as_sum_make(&s, &r, &(as_report_opts){0}, &err), err);
  CHECK_INT(t, s.n_whole, 3);
  CHECK_INT(t, s.n_absent, 1);
  CHECK_INT(t, s.n_failed_cells, 1);
  /* Ties share the mean place. */
  CHECK_NEAR(t, as_sum_at(&s, 0, 0)->rank, 1, 0);
  CHECK_NEAR(t, as_sum_at(&s, 1, 0)->rank, 2.5, 0);
  CHECK_NEAR(t, as_sum_at(&s, 2, 0)->rank, 2.5, 0);
  CHECK_NEAR(t, as_sum_at(&s, 3, 0)->rank, 4, 0);
  CHECK(t, isnan(as_sum_at(&s, 3, 2)->rank));
  CHECK_STR(t, as_sum_at(&s, 3, 2)->why, "sketch.tar is missing");
  /* Change and its Newcombe interval, by hand from the Wilson limits of 800 and 600 of 1000:
   * [0.774092, 0.823627] and [0.569311, 0.629927]. */
  const as_sum_cell *c = as_sum_at(&s, 0, 1);
  CHECK_NEAR(t, c->drop, -0.2, 1e-15);
  double l1, u1, l0, u0;
  as_wilson(600, 1000, 0.95, &l1, &u1);
  as_wilson(800, 1000, 0.95, &l0, &u0);
  CHECK_NEAR(t, c->drop_lo, -0.2 - sqrt((0.6 - l1) * (0.6 - l1) + (u0 - 0.8) * (u0 - 0.8)), 1e-15);
  CHECK_NEAR(t, c->drop_hi, -0.2 + sqrt((u1 - 0.6) * (u1 - 0.6) + (0.8 - l0) * (0.8 - l0)), 1e-15);
  CHECK(t, isnan(as_sum_at(&s, 0, 0)->drop));
  /* Failed images: accuracy over the images used, and with every failed one wrong. */
  CHECK_NEAR(t, as_sum_at(&s, 1, 2)->acc, 400.0 / 990.0, 1e-15);
  CHECK_NEAR(t, as_sum_at(&s, 1, 2)->floor, 0.4, 1e-15);
  /* The means of alpha: 0.8, 0.6, 0.3. */
  const as_sum_model *a = &s.models[0];
  CHECK_NEAR(t, a->value[AS_SUM_MEAN], 1.7 / 3, 1e-15);
  CHECK_NEAR(t, a->value[AS_UNIFIED_GEOMETRIC], cbrt(0.8 * 0.6 * 0.3), 1e-14);
  CHECK_NEAR(t, a->value[AS_UNIFIED_HARMONIC], 3 / (1 / 0.8 + 1 / 0.6 + 1 / 0.3), 1e-14);
  CHECK_NEAR(t, a->value[AS_UNIFIED_WORST], 0.3, 1e-15);
  CHECK(t, !s.models[3].whole && isnan(s.models[3].value[AS_SUM_MEAN]));
  CHECK(t, a->mean_lo < a->value[AS_SUM_MEAN] && a->mean_hi > a->value[AS_SUM_MEAN]);
  /* Order: by the mean; the incomplete model last. */
  CHECK_INT(t, s.order[0], 1);
  CHECK_INT(t, s.order[1], 0);
  CHECK_INT(t, s.order[2], 2);
  CHECK_INT(t, s.order[3], 3);
  as_sum_clear(&s);
  as_results_clear(&r);
}

static void text_table(as_test *t) {
  as_results r;
  as_err err = {0};
  as_str s = {0};
  reportmake_small(t, &r);
  CHECK_OK(t, as_report_text(&s, &r, &(as_report_opts){.width = 78, .ascii = true}, &err), err);
  const char *text = as_str_c(&s);
  static const char *const wanted[] = {
      ("A small table\n\nOf 2 neighbouring pairs by the mean, 1 is resolved; the first place is shared\n"
       "by beta<script>&\"x\" and alpha (first in 71.4, 28.6 % of the 7 subsets of the\nsets)."),
      "\n\nTop-1 accuracy, per cent, with its 95 % Wilson interval\n\n",
      "model                         val               v2            sketch\n",
      "beta<script>&\"x\"  70.0  67.1-72.8  65.0  62.0-67.9  *40.4  37.4-43.5\n",
      "delta             60.0  56.9-63.0  50.0  46.9-53.1            absent\n",
      "beta<script>&\"x\"  sketch      1000   990      10   40.4            40.0\n",
      "  delta on sketch: sketch.tar is missing\n",
      "  val: top-1, argmax over 10 classes, 1000 images (base)\n",
      "  * This run is not complete.\n",
      "  * Seeded random weights: the numbers measure the machinery, not the models.\n",
      "assay's own definition",
      "alpha                1 (1-1)     -20.0  2.5 (2-3) -1.5\n",
      "  * Intervals of the mean and of ranks come from the counts alone",
  };
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
    if (!strstr(text, wanted[i])) as_test_fail(t, __FILE__, __LINE__, "no \"%s\" in:\n%s", wanted[i], text);
  for (const char *p = text; *p; p++) CHECK(t, *p == '\n' || (*p >= ' ' && *p < 127));
  /* No line is wider than asked or ends in a space. */
  for (const char *p = text; *p;) {
    size_t n = strcspn(p, "\n");
    CHECK(t, n <= 78);
    CHECK(t, n == 0 || p[n - 1] != ' ');
    p += n + (p[n] != 0);
  }
  as_str_clear(&s);
  as_results_clear(&r);
}

static void narrow_terminal(as_test *t) {
  as_results r;
  as_err err = {0};
  as_str s = {0};
  reportmake_small(t, &r);
  CHECK_OK(t, as_report_text(&s, &r, &(as_report_opts){.width = 46}, &err), err);
  for (const char *p = as_str_c(&s); *p;) {
    size_t n = strcspn(p, "\n");
    as_str line = {0};
    as_str_putn(&line, p, n);
    if (as_text_columns(as_str_c(&line)) > 46)
      as_test_fail(t, __FILE__, __LINE__, "too wide: %s", as_str_c(&line));
    as_str_clear(&line);
    p += n + (p[n] != 0);
  }
  as_str_clear(&s);
  as_results_clear(&r);
}

static void csv_rows(as_test *t) {
  as_results r;
  as_err err = {0};
  as_str s = {0};
  reportmake_small(t, &r);
  CHECK_OK(t, as_report_csv(&s, &r, NULL, &err), err);
  const char *text = as_str_c(&s);
  size_t lines = 0;
  for (const char *p = text; *p; p++) lines += *p == '\n';
  CHECK_INT(t, lines, 13);
  CHECK(t, strstr(text, "alpha,val,ok,1000,1000,0,800,900,0.800000,0.774") != NULL);
  CHECK(t,
        strstr(text, "\n\"beta<script>&\"\"x\"\"\",sketch,failures,1000,990,10,400,695,0.404040,") != NULL);
  CHECK(t, strstr(text, "\n\"gamma, the third\",val,") != NULL);
  CHECK(t, strstr(text, ",10,top-1,10 of 1000 images failed,,\n") != NULL);
  CHECK(t, strstr(text, "\ndelta,sketch,absent,,,,,,,,,,,,,,,,,10,top-1,sketch.tar is missing,,\n") != NULL);
  as_str_clear(&s);
  as_results_clear(&r);
}

static void json_table(as_test *t) {
  as_results r;
  as_err err = {0};
  as_str s = {0};
  as_json_doc *doc = NULL;
  reportmake_small(t, &r);
  CHECK_OK(t, as_report_json(&s, &r, NULL, &err), err);
  CHECK_OK(t, as_json_parse(&doc, as_str_c(&s), s.n, &err), err);
  if (doc) {
    const as_json *root = as_json_root(doc), *cells = as_json_get(root, "cells"), *c = cells->child;
    CHECK_STR(t, as_json_get(root, "schema")->text, "assay.table/1");
    CHECK_INT(t, cells->count, 12);
    CHECK_STR(t, as_json_get(c, "model")->text, "alpha");
    CHECK_NEAR(t, as_json_get(c, "top1")->number, 0.8, 0);
    CHECK_NEAR(t, as_json_get(c, "top1_ci95")->child->number, r.cells[0].top1_lo, 0);
    for (size_t i = 0; i < 11; i++) c = c->next;
    CHECK_STR(t, as_json_get(c, "status")->text, "absent");
    CHECK_STR(t, as_json_get(c, "reason")->text, "sketch.tar is missing");
    CHECK(t, as_json_get(c, "top1")->type == AS_JSON_NULL);
    const as_json *models = as_json_get(as_json_get(root, "unified"), "models");
    CHECK_STR(t, as_json_get(models->child, "model")->text, "beta<script>&\"x\"");
    CHECK(t, !as_json_get(root, "complete")->boolean);
    CHECK_INT(t, as_json_get(root, "remarks")->count, 1);
  }
  as_json_free(&doc);
  as_str_clear(&s);
  as_results_clear(&r);
}

static void html_page(as_test *t) {
  as_results r;
  as_err err = {0};
  as_str s = {0};
  reportmake_small(t, &r);
  reportmake_check_page(t, &r);
  CHECK_OK(t, as_report_html(&s, &r, NULL, NULL, &err), err);
  const char *page = as_str_c(&s);
  static const char *const wanted[] = {
      "beta&lt;script&gt;&amp;&quot;x&quot;",
      "sketch.tar is missing",
      "This run is not complete.",
      "Seeded random weights",
      "prefers-color-scheme: dark",
      "aria-label=",
  };
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    const char *w = wanted[i];
    if (!strstr(page, w)) as_test_fail(t, __FILE__, __LINE__, "no \"%s\"", w);
  }
  CHECK(t, strstr(page, "assay's own definition") != NULL);
  CHECK(t, strstr(page, "Provenance</h2>") == NULL);
  /* A table stands behind each chart: as many details or table links as figures without one. */
  size_t figures = 0, tables = 0;
  for (const char *p = page; (p = strstr(p, "<figure>")) != NULL; p++) figures++;
  for (const char *p = page; (p = strstr(p, "<table")) != NULL; p++) tables++;
  CHECK(t, figures >= 5 && tables >= 5);
  as_str_clear(&s);
  as_results_clear(&r);
}

/* The odd shapes: one model, one set, nothing present, no counts, no names, very many. */
static void html_shapes(as_test *t) {
  static const size_t shapes[][2] = {{1, 1}, {1, 3}, {3, 1}, {2, 2}, {70, 3}, {3, 9}};
  as_err err = {0};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    for (int kind = 0; kind < 4; kind++) {
      as_results r;
      CHECK_OK(t, as_results_init(&r, kind == 1 ? "" : "t", shapes[i][0], shapes[i][1], &err), err);
      r.base = shapes[i][1] - 1;
      for (size_t m = 0; m < r.n_models; m++) {
        for (size_t k = 0; k < r.n_sets; k++) {
          if (kind == 0) reportmake_cell(&r, m, k, (int64_t)((m * 7 + k * 3) % 11), 10, 0);
          if (kind == 2) reportmake_cell(&r, m, k, 10, 10, 0); /* everything right, everything tied */
          if (kind == 3) {                                     /* published: no counts */
            as_cell *c = as_results_cell(&r, m, k);
            c->present = true;
            c->top1 = 0.1 + (double)m / 100;
          }
        }
      }
      if (kind != 1)
        for (size_t k = 0; k < r.n_sets; k++) r.sets[k].name = as_strdup("s", &err);
      reportmake_check_page(t, &r);
      as_str s = {0};
      CHECK_OK(t, as_report_text(&s, &r, NULL, &err), err);
      CHECK_OK(t, as_report_csv(&s, &r, NULL, &err), err);
      CHECK(t, strstr(as_str_c(&s), "nan") == NULL);
      as_str_clear(&s);
      as_results_clear(&r);
    }
  }
}

static void memory_ends(as_test *t) {
  as_results r;
  as_err err = {0};
  reportmake_small(t, &r);
  for (unsigned long n = 1; n < 2000; n = n < 40 ? n + 1 : n * 5 / 4) {
    as_str s = {0};
    as_mem_fail_after(n);
    as_status st = as_report_html(&s, &r, NULL, "p", &err);
    as_mem_fail_after(0);
    CHECK(t, st == AS_OK || st == AS_E_ENV);
    if (n < 20) CHECK_INT(t, st, AS_E_ENV);
    as_str_clear(&s);
    as_mem_fail_after(n);
    st = as_report_text(&s, &r, NULL, &err);
    as_mem_fail_after(0);
    CHECK(t, st == AS_OK || st == AS_E_ENV);
    as_str_clear(&s);
  }
  as_results_clear(&r);
}

static void numbers_as_text(as_test *t) {
  CHECK_STR(t, as_fix(-0.001, 2).s, "0.00");
  CHECK_STR(t, as_fix(1.005, 1).s, "1.0");
  CHECK_STR(t, as_fix(NAN, 2).s, "-");
  CHECK_STR(t, as_fix_signed(1.25, 1).s, "+1.2");
  CHECK_STR(t, as_fix_signed(0.01, 1).s, "0.0");
  CHECK_STR(t, as_pct(0.7513, 2).s, "75.13");
  CHECK_STR(t, as_rank_text(3).s, "3");
  CHECK_STR(t, as_rank_text(2.5).s, "2.5");
}

/* Rounded as printf rounds: random numbers, numbers just half way, and their neighbours on both sides. */
static void numbers_as_printf(as_test *t) {
  as_rng g = as_rng_make(11, 0);
  for (uint64_t i = 0; i < 4000; i++) {
    const int decimals = (int)(i % 8); /* 7: more than the short cut knows */
    const double half = (double)as_rng_below(g, i, 4000) / 2.0 / pow(10.0, decimals);
    const double tried[] = {half, nextafter(half, 9e9), nextafter(half, -1), -half, half * 1e7 + 0.0625};
    for (size_t k = 0; k < sizeof tried / sizeof *tried; k++) {
      char right[64];
      snprintf(right, sizeof right, "%.*f", decimals, tried[k]);
      const bool zero = strspn(right, "-0.") == strlen(right);
      CHECK_STR(t, as_fix(tried[k], decimals).s, right + (zero && right[0] == '-'));
    }
  }
  CHECK_STR(t, as_fix(0.125, 2).s, "0.12");
  CHECK_STR(t, as_fix(0.375, 2).s, "0.38");
  CHECK_STR(t, as_fix(999999999.75, 0).s, "1000000000");
  CHECK_STR(t, as_fix(5e-324, 6).s, "0.000000");
}

static void names_as_text(as_test *t) {
  as_str s = {0};
  as_put_name(&s, "vit_base_patch16.augreg_in1k", 12, true);
  CHECK_STR(t, as_str_c(&s), "vit_b.._in1k");
  as_str_clear(&s);
  as_put_name(&s, "a\tb\x1b[31m\xff", 0, false);
  CHECK_STR(t, as_str_c(&s), "a\\tb\\x1b[31m\\xff");
  as_str_clear(&s);
  as_put_name(&s, "r\xC3\xA9sum\xC3\xA9", 0, true);
  CHECK_STR(t, as_str_c(&s), "r\\xc3\\xa9sum\\xc3\\xa9");
  as_str_clear(&s);
  CHECK_INT(t, as_text_columns("r\xC3\xA9sum\xC3\xA9"), 6);
  CHECK_INT(t, as_text_columns("\xE6\xA8\xA1\xE5\x9E\x8B"), 4); /* two wide characters */
  as_put_name(&s, "\xE6\xA8\xA1\xE5\x9E\x8B\xE6\xA8\xA1\xE5\x9E\x8B", 5, false);
  CHECK(t, as_text_columns(as_str_c(&s)) <= 5);
  as_str_clear(&s);
  /* right-to-left override must not turn the rest of a line */
  as_put_name(&s, "x\xE2\x80\xAEy", 0, false);
  CHECK_STR(t, as_str_c(&s), "x\\xe2\\x80\\xaey");
  as_str_clear(&s);
}

static void markup(as_test *t) {
  as_results r;
  as_err err = {0};
  as_str s = {0};
  reportmake_small(t, &r);
  CHECK_OK(t, as_report_markdown(&s, &r, NULL, &err), err);
  const char *text = as_str_c(&s);
  CHECK(t, strstr(text, "**A small table**\n\nOf 2 neighbouring pairs by the mean, 1 is resolved;") != NULL);
  CHECK(t, strstr(text, "\n\n| model | val | v2 | sketch | mean of all | rank | tier |\n") != NULL);
  CHECK(t, strstr(text, "| beta\\<script\\>\\&\"x\" | 70.0 [67.1, 72.8] |") != NULL);
  CHECK(t, strstr(text, "40.4 [37.4, 43.5] (10 failed)") != NULL);
  CHECK(t, strstr(text, "| delta | 60.0 [56.9, 63.0] | 50.0 [46.9, 53.1] | absent | incomplete |  |  |\n") !=
               NULL);
  CHECK(t, strstr(text, "- Seeded random weights") != NULL);
  CHECK(t, strstr(text, "- This run is not complete.") != NULL);
  as_str_clear(&s);
  CHECK_OK(t, as_report_latex(&s, &r, NULL, &err), err);
  CHECK(t, strstr(as_str_c(&s), "\\begin{tabular}{lrrrrrr}") != NULL);
  CHECK(t,
        strstr(as_str_c(&s), "beta\\textless{}script\\textgreater{}\\&\"x\" & 70.0 [67.1, 72.8] & ") != NULL);
  CHECK(t, strstr(as_str_c(&s), "% Seeded random weights") != NULL);
  as_str_clear(&s);
  as_results_clear(&r);
}

static void grids(as_test *t) {
  as_grid g;
  as_err err = {0};
  as_str s = {0};
  CHECK_OK(t, as_grid_init(&g, 2, 3, &err), err);
  as_grid_head(&g, 0, "model");
  as_grid_head(&g, 1, "a_b");
  as_grid_head(&g, 2, "top\nline");
  as_grid_put(&g, 0, 0, "%s", "x|y");
  as_grid_put(&g, 0, 1, "%d", 7);
  as_grid_put(&g, 1, 0, "%s", "50%");
  as_grid_put(&g, 1, 2, "%s", "1\n22");
  CHECK_INT(t, as_grid_width(&g), 5 + 2 + 3 + 2 + 4);
  as_grid_text(&s, &g, 80, true);
  CHECK_STR(t, as_str_c(&s),
            "model  a_b   top\n            line\n----------------\nx|y      7\n50%            1\n"
            "              22\n");
  as_str_clear(&s);
  as_grid_text(&s, &g, 11, true); /* one column at a time, the first again */
  CHECK(t, strstr(as_str_c(&s), "\n\nmodel   top\n") != NULL);
  as_str_clear(&s);
  as_grid_markdown(&s, &g);
  CHECK_STR(
      t, as_str_c(&s),
      "| model | a\\_b | top<br>line |\n| :--- | ---: | ---: |\n| x\\|y | 7 |  |\n| 50% |  | 1<br>22 |\n");
  as_str_clear(&s);
  as_grid_latex(&s, &g, "All & more");
  CHECK(t, strstr(as_str_c(&s), "\\caption{All \\& more}\n\\resizebox{") &&
               strstr(as_str_c(&s), "\\begin{tabular}{lrr}"));
  CHECK(t, strstr(as_str_c(&s), "50\\% &  & 1 22 \\\\\n") != NULL);
  as_str_clear(&s);
  as_grid_clear(&g);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"report: changes, ranks with ties, means", derived_numbers},
                                  {"report: the table as text", text_table},
                                  {"report: a narrow terminal", narrow_terminal},
                                  {"report: CSV, a row per cell", csv_rows},
                                  {"report: JSON assay.table/1", json_table},
                                  {"report: HTML is well-formed, escaped, self-contained", html_page},
                                  {"report: HTML of odd shapes", html_shapes},
                                  {"report: memory ends", memory_ends},
                                  {"report: numbers as text", numbers_as_text},
                                  {"report: numbers rounded as printf rounds", numbers_as_printf},
                                  {"report: names as text", names_as_text},
                                  {"report: Markdown and LaTeX", markup},
                                  {"report: grids as text, Markdown, LaTeX", grids}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
