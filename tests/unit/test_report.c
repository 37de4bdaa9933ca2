/* The table as text, CSV, JSON and HTML: figures, ties, gaps, failures, remarks, escaping, bytes. */
#include "eval/report.h"

#include <stdio.h>

#include "eval/metrics.h"
#include "eval/report_grid.h"
#include "eval/report_int.h"
#include "eval/report_pairs.h"
#include "tensor/base/json.h"
#include "tensor/base/mem.h"
#include "tests/harness.h"

static void set_cell(as_results *r, size_t m, size_t k, int64_t correct, int64_t used, int64_t failed) {
  as_cell *c = as_results_cell(r, m, k);
  c->present = true;
  c->n_used = used;
  c->n_failed = failed;
  c->n_expected = used + failed;
  c->top1_correct = correct;
  c->has_top5 = true;
  c->top5_correct = (correct + used) / 2;
  c->top1 = (double)correct / (double)used;
  c->top5 = (double)c->top5_correct / (double)used;
  as_wilson(correct, used, 0.95, &c->top1_lo, &c->top1_hi);
}

/* Four models, three sets: a tie, a failure, an absent cell, names that need care. */
static void fill(as_test *t, as_results *r) {
  static const char *const models[] = {"alpha", "beta<script>&\"x\"", "gamma, the third", "delta"};
  static const char *const sets[] = {"val", "v2", "sketch"};
  static const int64_t correct[4][3] = {{800, 600, 300}, {700, 650, 400}, {700, 600, 200}, {600, 500, 0}};
  as_err err = {0};
  CHECK_OK(t, as_results_init(r, "A small table", 4, 3, &err), err);
  for (size_t m = 0; m < 4; m++) r->models[m].name = as_strdup(models[m], &err);
  for (size_t k = 0; k < 3; k++) {
    r->sets[k].name = as_strdup(sets[k], &err);
    r->sets[k].rule = as_strdup("top-1", &err);
    r->sets[k].classes = 10;
  }
  for (size_t m = 0; m < 4; m++)
    for (size_t k = 0; k < 3; k++) set_cell(r, m, k, correct[m][k], 1000, 0);
  set_cell(r, 1, 2, 400, 990, 10);
  as_cell *gone = as_results_cell(r, 3, 2);
  *gone = (as_cell){.top1_lo = NAN, .top1_hi = NAN, .why = as_strdup("sketch.tar is missing", &err)};
  r->complete = false;
  CHECK_OK(
      t,
      as_results_remark(r, "Seeded random weights: the numbers measure the machinery, not the models.", &err),
      err);
}

static void derived_numbers(as_test *t) {
  as_results r;
  as_sum s;
  as_err err = {0};
  fill(t, &r);
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
  fill(t, &r);
  CHECK_OK(t, as_report_text(&s, &r, &(as_report_opts){.width = 78, .ascii = true}, &err), err);
  const char *text = as_str_c(&s);
  static const char *const wanted[] = {
      "A small table\n\nTop-1 accuracy, per cent, with its 95 % Wilson interval\n\n",
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
  fill(t, &r);
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
  fill(t, &r);
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
  CHECK(t, strstr(text, "\ndelta,sketch,absent,,,,,,,,,,,,,,,10,top-1,sketch.tar is missing,,\n") != NULL);
  as_str_clear(&s);
  as_results_clear(&r);
}

static void json_table(as_test *t) {
  as_results r;
  as_err err = {0};
  as_str s = {0};
  as_json_doc *doc = NULL;
  fill(t, &r);
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

/* Every element is closed in order; returns the first fault or NULL. */
static const char *unbalanced(const char *p) {
  static char fault[160];
  static char open[64][24];
  size_t depth = 0;
  while ((p = strchr(p, '<')) != NULL) {
    if (strncmp(p, "<!", 2) == 0) {
      p = strchr(p, '>');
      continue;
    }
    bool closing = p[1] == '/';
    const char *name = p + 1 + closing, *end = strchr(p, '>');
    size_t n = strcspn(name, " >/\n");
    if (!end || n == 0 || n > 23) {
      snprintf(fault, sizeof fault, "odd tag at %.40s", p);
      return fault;
    }
    bool none = end[-1] == '/' || (n == 4 && strncmp(name, "meta", n) == 0) ||
                (n == 2 && strncmp(name, "br", n) == 0);
    if (closing) {
      if (depth == 0 || strlen(open[depth - 1]) != n || strncmp(open[depth - 1], name, n) != 0) {
        snprintf(fault, sizeof fault, "</%.*s> closes %s", (int)n, name, depth ? open[depth - 1] : "nothing");
        return fault;
      }
      depth--;
    } else if (!none) {
      if (depth == 64) return "too deep";
      memcpy(open[depth], name, n);
      open[depth++][n] = 0;
    }
    p = end;
  }
  return depth ? "something stays open" : NULL;
}

static void check_page(as_test *t, const as_results *r) {
  as_err err = {0};
  as_str a = {0}, b = {0};
  CHECK_OK(t, as_report_html(&a, r, NULL, "weights <x> & y", &err), err);
  CHECK_OK(t, as_report_html(&b, r, NULL, "weights <x> & y", &err), err);
  CHECK(t, a.n == b.n && memcmp(a.s, b.s, a.n) == 0);
  const char *page = as_str_c(&a), *fault = unbalanced(page);
  if (fault) as_test_fail(t, __FILE__, __LINE__, "%s", fault);
  static const char *const never[] = {"<script", "http:", "https:", "src=",  "url(",  "@import",
                                      "\"nan",   ">nan",  " nan",   "inf\"", "=\"-\""};
  for (size_t i = 0; i < sizeof never / sizeof *never; i++)
    if (strstr(page, never[i])) as_test_fail(t, __FILE__, __LINE__, "\"%s\" in the page", never[i]);
  CHECK(t, strstr(page, "<pre>weights &lt;x&gt; &amp; y</pre>") != NULL);
  CHECK(t, as_is_utf8(a.s, a.n));
  as_str_clear(&a);
  as_str_clear(&b);
}

static void html_page(as_test *t) {
  as_results r;
  as_err err = {0};
  as_str s = {0};
  fill(t, &r);
  check_page(t, &r);
  CHECK_OK(t, as_report_html(&s, &r, NULL, NULL, &err), err);
  const char *page = as_str_c(&s);
  static const char *const wanted[] = {
      "beta&lt;script&gt;&amp;&quot;x&quot;",
      "sketch.tar is missing",
      "This run is not complete.",
      "Seeded random weights",
      "prefers-color-scheme: dark",
      "aria-label=",
      "It is assay&#39;s own definition",
  };
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    const char *w = wanted[i];
    if (!strstr(page, w) && i != 6) as_test_fail(t, __FILE__, __LINE__, "no \"%s\"", w);
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

/* Per-image results: 3 models, 2 sets; a is right where b is, and on 60 images more. */
static void fill_images(as_test *t, as_results *r) {
  as_err err = {0};
  CHECK_OK(t, as_results_init(r, "paired", 3, 2, &err), err);
  for (size_t m = 0; m < 3; m++) {
    r->models[m].name = as_strdup((const char *const[]){"a", "b", "c"}[m], &err);
    for (size_t k = 0; k < 2; k++) {
      as_cell *c = as_results_cell(r, m, k);
      c->correct1 = as_alloc(400, 1, &err);
      int64_t right = 0;
      for (size_t i = 0; i < 400; i++) {
        size_t bound = m == 0 ? 260 : m == 1 ? 200 : 199; /* b and c differ on one image */
        c->correct1[i] = k == 1 && m != 2 ? i < 400 - bound : i < bound;
        right += c->correct1[i];
      }
      set_cell(r, m, k, right, 400, 0);
    }
  }
  r->sets[0].name = as_strdup("val", &err);
  r->sets[1].name = as_strdup("other", &err);
  r->complete = true;
}

static void paired_tests(as_test *t) {
  as_results r;
  as_pair_tests p;
  as_err err = {0};
  fill_images(t, &r);
  CHECK_OK(t, as_pair_tests_make(&p, &r, &err), err);
  CHECK_INT(t, p.n_pairs, 3);
  CHECK_INT(t, p.n_tested, 6);
  const as_mcnemar *ab = &p.test[as_pair_at(&p, 0, 1) * 2], *bc = &p.test[as_pair_at(&p, 1, 2) * 2];
  CHECK_INT(t, ab->b, 60);
  CHECK_INT(t, ab->c, 0);
  CHECK_NEAR(t, ab->diff, 0.15, 1e-15);
  CHECK_INT(t, bc->b, 1);
  CHECK(t, p.p_adjusted[as_pair_at(&p, 0, 1) * 2] < 1e-10);
  CHECK(t, p.p_adjusted[as_pair_at(&p, 1, 2) * 2] > 0.2);
  /* On the other set a and b have changed places. */
  CHECK_NEAR(t, p.test[as_pair_at(&p, 0, 1) * 2 + 1].diff, -0.15, 1e-15);
  /* Holm over all six: never below the raw p. */
  for (size_t i = 0; i < 6; i++) CHECK(t, p.p_adjusted[i] >= p.test[i].p_mid - 1e-15);
  as_pair_tests_clear(&p);
  /* Different images: not a pair. */
  as_results_cell(&r, 2, 0)->n_expected = 399;
  CHECK_OK(t, as_pair_tests_make(&p, &r, &err), err);
  CHECK_INT(t, p.n_tested, 4);
  CHECK(t, isnan(p.p_adjusted[as_pair_at(&p, 0, 2) * 2]));
  as_pair_tests_clear(&p);
  as_results_clear(&r);
}

static void paired_page(as_test *t) {
  as_results r;
  as_sum s, again;
  as_err err = {0};
  as_str page = {0}, text = {0};
  fill_images(t, &r);
  const as_report_opts o = {.seed = 7, .resamples = 300};
  CHECK_OK(t, as_sum_make(&s, &r, &o, &err), err);
  CHECK(t, s.bootstrapped);
  CHECK_INT(t, s.resamples, 300);
  for (size_t m = 0; m < 3; m++) {
    const as_sum_model *d = &s.models[m];
    CHECK(t, d->mean_lo <= d->value[AS_SUM_MEAN] && d->value[AS_SUM_MEAN] <= d->mean_hi);
    CHECK(t, d->rank_lo >= 1 && d->rank_lo <= d->rank_hi && d->rank_hi <= 3);
  }
  /* a is 15 points ahead of b on val: no resample of 400 images turns that. */
  CHECK_NEAR(t, as_sum_at(&s, 0, 0)->rank_hi, 1, 0);
  CHECK_OK(t, as_sum_make(&again, &r, &o, &err), err);
  for (size_t m = 0; m < 3; m++) { /* the seed decides */
    CHECK_NEAR(t, again.models[m].mean_lo, s.models[m].mean_lo, 0);
    CHECK_NEAR(t, again.models[m].mean_hi, s.models[m].mean_hi, 0);
    CHECK_NEAR(t, as_sum_at(&again, m, 1)->rank_hi, as_sum_at(&s, m, 1)->rank_hi, 0);
  }
  as_sum_clear(&again);
  as_sum_clear(&s);
  CHECK_OK(t, as_sum_make(&s, &r, &(as_report_opts){.resamples = -1}, &err), err);
  CHECK(t, !s.bootstrapped && s.any_rank_interval && isnan(s.models[0].p_first));
  CHECK(t, s.models[0].rank_lo >= 1 && s.models[0].rank_hi <= 3);
  as_sum_clear(&s);
  CHECK_OK(t, as_report_html(&page, &r, &o, NULL, &err), err);
  CHECK(t, strstr(as_str_c(&page), "Which differences are real") != NULL);
  CHECK(t, strstr(as_str_c(&page), "over all 6 tests together") != NULL);
  CHECK(t, strstr(as_str_c(&page), "class=\"pt open\"") != NULL); /* b and c are not told apart */
  CHECK(t, strstr(as_str_c(&page), "&lt; 0.0001") != NULL);
  /* Of the two pairs that differ on val, both differ on the other set, with the order turned. */
  CHECK(t, strstr(as_str_c(&page),
                  "<th scope=\"row\">other</th><td class=\"num\">3</td><td class=\"num\">2</td>"
                  "<td class=\"num\">2</td><td class=\"num\">0</td><td class=\"num\">0</td>"
                  "<td class=\"num\">2</td>") != NULL);
  CHECK(t, strstr(as_str_c(&page), "paired bootstrap") != NULL);
  const char *fault = unbalanced(as_str_c(&page));
  if (fault) as_test_fail(t, __FILE__, __LINE__, "%s", fault);
  CHECK_OK(t, as_report_text(&text, &r, &o, &err), err);
  CHECK(t, strstr(as_str_c(&text), "paired bootstrap") != NULL);
  as_str_clear(&page);
  as_str_clear(&text);
  as_results_clear(&r);
}

/* Classes, confidences, failures and published figures: every part in every format. */
static void fill_whole(as_test *t, as_results *r) {
  as_err err = {0};
  fill_images(t, r);
  for (size_t k = 0; k < 2; k++) {
    as_results_set *s = &r->sets[k];
    s->label = as_alloc(400, sizeof *s->label, &err);
    s->n_scored = 400;
    for (uint32_t i = 0; i < 400; i++) s->label[i] = i / 100 * 2; /* classes 0, 2, 4, 6 */
    s->class_name = as_calloc(3, sizeof *s->class_name, &err);
    for (size_t c = 0; c < 3; c++)
      s->class_name[c] = as_strdup((const char *const[]){"ant", "bee", "cow"}[c], &err);
    s->n_class_names = 3;
    s->rule = as_strdup("top-1", &err);
  }
  for (size_t i = 0; i < 6; i++) {
    as_cell *c = &r->cells[i];
    c->confidence = as_alloc(400, sizeof *c->confidence, &err);
    for (size_t j = 0; j < 400; j++) c->confidence[j] = c->correct1[j] ? .9f : .4f;
  }
  CHECK_OK(t, as_cell_failure(&r->cells[3], "x/1.jpg", "found 3 bytes", &err), err);
  r->models[0].published = .66;
  r->models[0].published_on = as_strdup("val", &err);
  r->models[0].published_source = as_strdup("its authors", &err);
  r->cells[0].corruption_error = as_alloc(75, sizeof(double), &err);
  for (size_t j = 0; j < 75; j++) r->cells[0].corruption_error[j] = as_corruptions[j / 5].alexnet_error / 2;
}

static void every_part(as_test *t) {
  as_results r;
  as_err err = {0};
  as_report_cache cache = {0};
  as_str s = {0};
  fill_whole(t, &r);
  r.cells[3].n_failed = 2;
  as_report_opts o = {.resamples = 50, .cache = &cache, .width = 80};
  static const struct {
    const char *part, *csv; /* a line of the CSV */
  } wanted[] = {
      {"unified", "\na,"},
      {"fates", "\nother,3,2,2,0,0,2\n"},
      {"pairs", "\na,b,val,400,60,0,0.15,"},
      {"differences", "\na,"},
      {"lines", "\nother,3,"},
      {"agreement", "\nval,1,"},
      {"subsets", "\nval,1,a,0.65,"},
      {"mean-ranks", "\n"},
      {"published", "\na,val,0.66,0.65,0.60"},
      {"top5", "\na,"},
      {"calibration", "\na,0.205"}, /* .65 right at .9, .35 wrong at .4: .65 * .1 + .35 * .4 */
      {"reliability", "\na,val,0.8666666666666667,0.9333333333333333,260,0.89999"},
      {"classes", "\nval,2,cow,100,1,1,0.99\n"},
      {"corruptions", "\na,val,0.5,"},
      {"failures", "\nb,other,x/1.jpg,found 3 bytes\n"},
  };
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    o.part = wanted[i].part;
    as_str_clear(&s);
    CHECK_OK(t, as_report_csv(&s, &r, &o, &err), err);
    if (!strstr(as_str_c(&s), wanted[i].csv))
      as_test_fail(t, __FILE__, __LINE__, "%s: no \"%s\" in:\n%s", wanted[i].part, wanted[i].csv,
                   as_str_c(&s));
    as_status (*const formats[])(as_str *, const as_results *, const as_report_opts *, as_err *) = {
        as_report_text, as_report_markdown, as_report_latex, as_report_json};
    for (size_t f = 0; f < 4; f++) {
      as_str_clear(&s);
      CHECK_OK(t, formats[f](&s, &r, &o, &err), err);
      CHECK(t, s.n > 100 && !strstr(as_str_c(&s), "nan"));
      if (f < 3) CHECK(t, strstr(as_str_c(&s), "Top-1 accuracy, per cent") == NULL);
    }
    as_json_doc *doc = NULL;
    CHECK_OK(t, as_json_parse(&doc, as_str_c(&s), s.n, &err), err);
    const as_json *parts = doc ? as_json_get(as_json_root(doc), "parts") : NULL;
    CHECK(t,
          parts && parts->count == 1 && as_json_get(as_json_get(parts, wanted[i].part), "rows")->count > 0);
    as_json_free(&doc);
  }
  /* No part of that name, none that these results have, and one file for all of them. */
  CHECK_STATUS(t, as_report_part_check("pear", &err), AS_E_USAGE);
  CHECK(t, strstr(err.msg, "mean-ranks") != NULL);
  o.part = "robustness"; /* three models are too few for a line of their own */
  CHECK_STATUS(t, as_report_csv(&s, &r, &o, &err), AS_E_USAGE);
  o.part = "translation"; /* and for a curve */
  CHECK_STATUS(t, as_report_markdown(&s, &r, &o, &err), AS_E_USAGE);
  CHECK_STATUS(t, as_report_csv(&s, &r, &o, &err), AS_E_USAGE);
  o.part = "all";
  CHECK_STATUS(t, as_report_csv(&s, &r, &o, &err), AS_E_USAGE);
  as_str_clear(&s);
  CHECK_OK(t, as_report_text(&s, &r, &o, &err), err);
  CHECK(t, strstr(as_str_c(&s), "Top-1 per class") != NULL);
  CHECK(t, strstr(as_str_c(&s), "x/1.jpg: found 3 bytes") != NULL);
  o.part = NULL;
  as_str_clear(&s);
  CHECK_OK(t, as_report_text(&s, &r, &o, &err), err);
  CHECK(t, strstr(as_str_c(&s), "Top-1 per class") == NULL && strstr(as_str_c(&s), "Calibration") != NULL);
  o.brief = true;
  as_str_clear(&s);
  CHECK_OK(t, as_report_text(&s, &r, &o, &err), err);
  CHECK(t, strstr(as_str_c(&s), "Calibration") == NULL && strstr(as_str_c(&s), "Unified metric") != NULL);
  as_str_clear(&s);
  as_report_cache_clear(&cache);
  as_results_clear(&r);
}

/* Two runs: models of one name are paired; otherwise all with all. */
static void two_runs(as_test *t) {
  as_results r;
  as_err err = {0};
  as_str s = {0};
  size_t rows;
  fill_images(t, &r); /* a | b, c */
  CHECK_OK(t, as_report_paired(&s, NULL, &r, 1, &(as_report_opts){.width = 100, .ascii = true}, &rows, &err),
           err);
  CHECK_INT(t, rows, 4);
  CHECK(t, strstr(as_str_c(&s),
                  "a          b           val       400          60            0  +15.00 [+11.50, +18.50]") !=
               NULL);
  CHECK(t, strstr(as_str_c(&s), "over these 4 tests") != NULL);
  as_str_clear(&s);
  as_free(r.models[2].name);
  r.models[2].name = as_strdup("a", &err); /* in both runs now */
  as_jsonw w;
  as_json_doc *doc = NULL;
  as_jsonw_init(&w, &s, false);
  CHECK_OK(t, as_report_paired(&s, &w, &r, 1, NULL, &rows, &err), err);
  CHECK_INT(t, rows, 2);
  CHECK_OK(t, as_json_parse(&doc, as_str_c(&s), s.n, &err), err);
  CHECK(t, doc && as_json_root(doc)->count == 2 &&
               as_json_get(as_json_root(doc)->child, "only_first")->number == 61);
  as_json_free(&doc);
  as_str_clear(&s);
  for (size_t i = 0; i < 2; i++) as_results_cell(&r, 2, i)->n_expected = 399; /* other images */
  CHECK_OK(t, as_report_paired(&s, NULL, &r, 1, NULL, &rows, &err), err);
  CHECK(t, rows == 0 && s.n == 0);
  as_str_clear(&s);
  as_results_clear(&r);
}

/* Whole classes: the interval is that of four classes, not of 400 images; sets of one pool share draws. */
static void drawn_classes(as_test *t) {
  as_results r;
  as_sum images, classes, shared;
  as_err err = {0};
  fill_whole(t, &r);
  as_report_opts o = {.resamples = 400};
  CHECK_OK(t, as_sum_make(&images, &r, &o, &err), err);
  o.by_class = true;
  CHECK_OK(t, as_sum_make(&classes, &r, &o, &err), err);
  CHECK(t, classes.by_class && !images.by_class);
  CHECK(t, classes.models[0].mean_hi - classes.models[0].mean_lo >
               3 * (images.models[0].mean_hi - images.models[0].mean_lo));
  CHECK(t, strstr(as_sum_interval_note(&classes), "whole classes") != NULL);
  /* the same images in both sets, and the same outcomes for model c: the mean varies as one set does */
  for (size_t k = 0; k < 2; k++) {
    r.sets[k].images_of = 0;
    r.sets[k].image = as_alloc(400, sizeof(uint32_t), &err);
    for (uint32_t i = 0; i < 400; i++) r.sets[k].image[i] = i;
  }
  o.by_class = false;
  CHECK_OK(t, as_sum_make(&shared, &r, &o, &err), err);
  double one = shared.boot.acc[2 * 2].hi - shared.boot.acc[2 * 2].lo,
         both = shared.models[2].mean_hi - shared.models[2].mean_lo;
  CHECK_NEAR(t, both, one, 1e-12);
  CHECK(t, images.models[2].mean_hi - images.models[2].mean_lo < .85 * one);
  as_sum_clear(&images);
  as_sum_clear(&classes);
  as_sum_clear(&shared);
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
          if (kind == 0) set_cell(&r, m, k, (int64_t)((m * 7 + k * 3) % 11), 10, 0);
          if (kind == 2) set_cell(&r, m, k, 10, 10, 0); /* everything right, everything tied */
          if (kind == 3) {                              /* published: no counts */
            as_cell *c = as_results_cell(&r, m, k);
            c->present = true;
            c->top1 = 0.1 + (double)m / 100;
          }
        }
      }
      if (kind != 1)
        for (size_t k = 0; k < r.n_sets; k++) r.sets[k].name = as_strdup("s", &err);
      check_page(t, &r);
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
  fill(t, &r);
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

static void names_as_text(as_test *t) {
  as_str s = {0};
  as_put_name(&s, "vit_base_patch16.augreg_in1k", 12, true);
  CHECK_STR(t, as_str_c(&s), "vit_b.._in1k");
  as_str_clear(&s);
  as_put_name(&s, "a\tb\x1b[31m\xff", 0, false);
  CHECK_STR(t, as_str_c(&s), "a?b?[31m?");
  as_str_clear(&s);
  as_put_name(&s, "r\xC3\xA9sum\xC3\xA9", 0, true);
  CHECK_STR(t, as_str_c(&s), "r?sum?");
  as_str_clear(&s);
  CHECK_INT(t, as_text_columns("r\xC3\xA9sum\xC3\xA9"), 6);
  CHECK_INT(t, as_text_columns("\xE6\xA8\xA1\xE5\x9E\x8B"), 4); /* two wide characters */
  as_put_name(&s, "\xE6\xA8\xA1\xE5\x9E\x8B\xE6\xA8\xA1\xE5\x9E\x8B", 5, false);
  CHECK(t, as_text_columns(as_str_c(&s)) <= 5);
  as_str_clear(&s);
  /* right-to-left override must not turn the rest of a line */
  as_put_name(&s, "x\xE2\x80\xAEy", 0, false);
  CHECK_STR(t, as_str_c(&s), "x?y");
  as_str_clear(&s);
}

static void markup(as_test *t) {
  as_results r;
  as_err err = {0};
  as_str s = {0};
  fill(t, &r);
  CHECK_OK(t, as_report_markdown(&s, &r, NULL, &err), err);
  const char *text = as_str_c(&s);
  CHECK(t, strstr(text, "**A small table**\n\n| model | val | v2 | sketch | mean of all | rank |\n") != NULL);
  CHECK(t, strstr(text, "| beta\\<script\\>&\"x\" | 70.0 [67.1, 72.8] |") != NULL);
  CHECK(t, strstr(text, "40.4 [37.4, 43.5] (10 failed)") != NULL);
  CHECK(t,
        strstr(text, "| delta | 60.0 [56.9, 63.0] | 50.0 [46.9, 53.1] | absent | incomplete |  |\n") != NULL);
  CHECK(t, strstr(text, "- Seeded random weights") != NULL);
  CHECK(t, strstr(text, "- This run is not complete.") != NULL);
  as_str_clear(&s);
  CHECK_OK(t, as_report_latex(&s, &r, NULL, &err), err);
  CHECK(t, strstr(as_str_c(&s), "\\begin{tabular}{lrrrrr}") != NULL);
  CHECK(t, strstr(as_str_c(&s), "beta<script>\\&\"x\" & 70.0 [67.1, 72.8] & ") != NULL);
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
  CHECK(t, strstr(as_str_c(&s), "\\caption{All \\& more}\n\\begin{tabular}{lrr}") != NULL);
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
                                  {"report: pairs on the same images", paired_tests},
                                  {"report: resamples and the section on pairs", paired_page},
                                  {"report: every part in every format", every_part},
                                  {"report: two runs, paired", two_runs},
                                  {"report: classes drawn, images shared", drawn_classes},
                                  {"report: memory ends", memory_ends},
                                  {"report: numbers as text", numbers_as_text},
                                  {"report: names as text", names_as_text},
                                  {"report: Markdown and LaTeX", markup},
                                  {"report: grids as text, Markdown, LaTeX", grids}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
