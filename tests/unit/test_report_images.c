/* Reports of per-image results: pairs, resamples, classes, every part in every format. */
#include <stdio.h>

#include "eval/report/report.h"
#include "eval/report/report_grid.h"
#include "eval/report/report_int.h"
#include "eval/report/report_pairs.h"
#include "eval/stats/metrics.h"
#include "tensor/base/json.h"
#include "tensor/base/mem.h"
#include "tests/harness.h"
#include "tests/reportmake.h"

static void paired_tests(as_test *t) {
  as_results r;
  as_pair_tests p;
  as_err err = {0};
  reportmake_images(t, &r);
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
  reportmake_images(t, &r);
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
  const char *fault = reportmake_unbalanced(as_str_c(&page));
  if (fault) as_test_fail(t, __FILE__, __LINE__, "%s", fault);
  CHECK_OK(t, as_report_text(&text, &r, &o, &err), err);
  CHECK(t, strstr(as_str_c(&text), "paired bootstrap") != NULL);
  as_str_clear(&page);
  as_str_clear(&text);
  as_results_clear(&r);
}

static void every_part(as_test *t) {
  as_results r;
  as_err err = {0};
  as_report_cache cache = {0};
  as_str s = {0};
  reportmake_whole(t, &r);
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
  reportmake_images(t, &r); /* a | b, c */
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
  reportmake_whole(t, &r);
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

int main(int argc, char **argv) {
  static const as_case cases[] = {{"report: pairs on the same images", paired_tests},
                                  {"report: resamples and the section on pairs", paired_page},
                                  {"report: every part in every format", every_part},
                                  {"report: two runs, paired", two_runs},
                                  {"report: classes drawn, images shared", drawn_classes}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
