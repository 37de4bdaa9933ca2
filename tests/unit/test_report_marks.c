/* Cells that are not like the others of their column: among other classes, on images of the training set, by
 * a probe that did not converge; sets with an image twice. In every format, in no ranking. */
#include <stdlib.h>

#include "eval/report/report_int.h"
#include "tests/reportmake.h"

/* a, b, c on val and other (reportmake_images): on val c chose among 40 classes and not among 1000; b was
 * scored over fewer than it knows; a learned from images of other. */
static void make(as_test *t, as_results *r) {
  as_err err = {0};
  as_shared s = {0};
  reportmake_images(t, r);
  r->sets[0].classes = r->sets[1].classes = 1000;
  r->sets[0].rule = as_strdup("top-1 over 1000 classes", &err);
  for (size_t m = 0; m < 3; m++) {
    as_results_cell(r, m, 0)->among = (as_candidates){m == 2 ? 40 : 1000, {0}};
    as_results_cell(r, m, 1)->among = (as_candidates){1000, {0}};
  }
  as_results_cell(r, 2, 0)->n_hopeless = 7;
  as_cell *b = as_results_cell(r, 1, 1);
  b->own = (as_candidates){1203, {0}};
  b->own_used = 400;
  b->own_correct = 116;
  for (int i = 0; i < 9; i++)
    CHECK_OK(t, as_shared_add(&as_results_cell(r, 0, 1)->in_train, "other/x.jpg", "train/y.jpg", i < 5, &err),
             err);
  CHECK_OK(t, as_shared_add(&r->sets[1].twice, "p.jpg", "q.jpg", true, &err), err);
  CHECK_OK(t, as_shared_add(&s, "p.jpg", "v.jpg", true, &err), err);
  CHECK_OK(t, as_results_overlap(r, 0, 1, &s, &err), err);
  r->models[1].probe = (as_probe_facts){.known = true,
                                        .c = 100,
                                        .loss = 12.5,
                                        .bound = 3e-4,
                                        .gradient = 2.5e-7,
                                        .n_train = 800,
                                        .iterations = 1000,
                                        .converged = false};
  r->models[1].probe.train = as_strdup("learn", &err);
}

static const char *const said[] = {
    "on val: c chose among 40 classes, the other models among 1000.",
    "neither ranked nor tested against the others",
    "val: of 7 of 400 images no right answer is among the 40 classes that can win for c",
    "other: scored over the 1000 classes that every model of the column knows. b over all 1203 of its own: "
    "29.00 %.",
    "on other: 9 of 400 images are in the training set of a (5 of them the same files, the others the same "
    "pixels: "
    "other/x.jpg = train/y.jpg",
    "in other: 1 image is there more than once (the same files: p.jpg = q.jpg)",
    ": val and other share 1 image (the same files: p.jpg = v.jpg)",
    "Not converged: the probe of b ended before the loss was at its minimum; it may lie 0.0300 % above it.",
};

static void ranks_and_tests(as_test *t) {
  as_results r;
  as_sum s;
  as_err err = {0};
  make(t, &r);
  CHECK_OK(t, as_sum_make(&s, &r, &(as_report_opts){.resamples = 50}, &err), err);
  CHECK_INT(t, s.n_apart, 1);
  CHECK_INT(t, s.n_absent, 0);
  CHECK_INT(t, s.among[0].n, 1000);
  CHECK(t, as_sum_at(&s, 2, 0)->apart && isnan(as_sum_at(&s, 2, 0)->rank) && isnan(as_sum_at(&s, 2, 0)->acc));
  CHECK_NEAR(t, as_sum_at(&s, 2, 0)->shown, 199. / 400, 1e-15);
  CHECK_NEAR(t, as_sum_at(&s, 1, 0)->rank, 2, 0); /* of two */
  CHECK(t, isnan(as_sum_at(&s, 2, 1)->drop));     /* from a base that it does not share */
  CHECK(t, !s.models[2].whole && isnan(s.models[2].value[AS_SUM_MEAN]) && s.n_whole == 2);
  for (size_t a = 0; a < 2; a++) CHECK_INT(t, s.pairs.test[as_pair_at(&s.pairs, a, 2) * 2].n, 0);
  CHECK_INT(t, s.pairs.test[as_pair_at(&s.pairs, 0, 1) * 2].n, 400);
  CHECK_INT(t, s.pairs.test[as_pair_at(&s.pairs, 0, 2) * 2 + 1].n, 400); /* on the other set they are alike */
  CHECK(t, s.bootstrapped && isnan(as_sum_at(&s, 2, 0)->rank_lo));
  CHECK_INT(t, s.stats.n_whole, 2);
  CHECK_INT(t, s.stats.set[1].models, 2); /* of the fit against the base */
  CHECK(t, isnan(s.models[2].p_first));
  as_sum_clear(&s);

  /* without images: rank intervals from the counts leave it out too */
  for (size_t i = 0; i < 6; i++) {
    as_free(r.cells[i].correct1);
    r.cells[i].correct1 = NULL;
  }
  CHECK_OK(t, as_sum_make(&s, &r, &(as_report_opts){0}, &err), err);
  CHECK(t, !s.bootstrapped && isnan(as_sum_at(&s, 2, 0)->rank_lo) && as_sum_at(&s, 1, 0)->rank_hi <= 2);
  as_sum_clear(&s);
  as_results_clear(&r);
}

typedef as_status (*writer)(as_str *out, const as_results *r, const as_report_opts *opts, as_err *err);

static as_status html(as_str *out, const as_results *r, const as_report_opts *opts, as_err *err) {
  return as_report_html(out, r, opts, NULL, err);
}

/* The text with every run of white space as one blank and Markdown's and LaTeX's backslashes gone. */
static char *plain(const char *s) {
  char *out = malloc(strlen(s) + 1);
  size_t n = 0;
  for (; out && *s; s++) {
    bool blank = *s == ' ' || *s == '\n';
    if (*s == '\\' || (blank && n > 0 && out[n - 1] == ' ')) continue;
    out[n++] = blank ? ' ' : *s;
  }
  if (out) out[n] = 0;
  return out;
}

static void words_in_every_format(as_test *t) {
  static const struct {
    writer write;
    bool ascii;
    const char *marked, *trained;
  } v[] = {{as_report_text, false,
            "\xE2\x80\xA0"
            "49.8",
            "\xE2\x80\xA1"
            "35.0"},
           {as_report_text, true, "+49.8", "#35.0"},
           {as_report_json, false, "\"status\": \"apart+twins\"", "\"status\": \"twins+in-train\""},
           {html, false, "\xE2\x80\xA0 49.8", "\xE2\x80\xA1 35.0"},
           {as_report_markdown, false, "\xE2\x80\xA0 49.8", "\xE2\x80\xA1 35.0"},
           {as_report_latex, false, "\xE2\x80\xA0 49.8", "\xE2\x80\xA1 35.0"}};
  as_results r;
  as_err err = {0};
  make(t, &r);
  for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
    as_str out = {0};
    as_report_opts o = {.ascii = v[i].ascii, .resamples = 20, .width = 120};
    CHECK_OK(t, v[i].write(&out, &r, &o, &err), err);
    char *text = plain(as_str_c(&out));
    for (size_t k = 0; k < sizeof said / sizeof *said; k++)
      if (!strstr(text, said[k]))
        as_test_fail(t, __FILE__, __LINE__, "writer %zu does not say: %s", i, said[k]);
    if (!strstr(text, v[i].marked) || !strstr(text, v[i].trained))
      as_test_fail(t, __FILE__, __LINE__, "writer %zu does not mark: %s, %s", i, v[i].marked, v[i].trained);
    if (v[i].write == as_report_text)
      CHECK(t, strstr(text, "top-1 over 1000 classes, 400 images (base)") != NULL);
    CHECK(t,
          strstr(text, "100") && strstr(text, "12.5") && strstr(text, "2.5e-07")); /* the probe's figures */
    free(text);
    as_str_clear(&out);
  }
  as_results_clear(&r);
}

static void csv(as_test *t) {
  as_results r;
  as_err err = {0};
  as_str out = {0};
  make(t, &r);
  CHECK_OK(t, as_report_csv(&out, &r, NULL, &err), err);
  const char *c = strstr(as_str_c(&out), "\nc,val,apart+twins,400,400,0,199,"),
             *a = strstr(as_str_c(&out), "\na,other,twins+in-train,");
  CHECK(t, c != NULL && a != NULL);
  if (c) CHECK(t, strstr(c, ",0.497500,,,,,,,40,top-1 over 1000 classes,other classes could win") != NULL);
  if (a) CHECK(t, strstr(a, "9 of 400 images are in the training set") != NULL);
  as_str_clear(&out);
  as_report_opts o = {.part = "probes"};
  CHECK_OK(t, as_report_csv(&out, &r, &o, &err), err);
  CHECK_STR(t, as_str_c(&out),
            "model,train,n_train,c,loss,bound,gradient,iterations,converged\n"
            "b,learn,800,1e+02,12.5,0.0003,2.5e-07,1000,NO\n");
  as_str_clear(&out);
  as_results_clear(&r);
}

/* Two records beside each other: no test between answers among different classes. */
static void paired(as_test *t) {
  as_results r;
  as_err err = {0};
  as_str out = {0};
  size_t rows = 0;
  make(t, &r);
  CHECK_OK(t, as_report_paired(&out, NULL, &r, 2, NULL, &rows, &err), err);
  CHECK_INT(t, rows, 2); /* a and b against c on the other set; not on val */
  char *text = plain(as_str_c(&out));
  CHECK(t, strstr(text, "2 pairs are left out: they chose among different classes.") != NULL);
  free(text);
  as_str_clear(&out);
  as_results_clear(&r);
}

static void memory(as_test *t) {
  as_results r;
  as_err err = {0};
  make(t, &r);
  for (unsigned long n = 1; n < 120; n++) {
    as_sum s;
    as_mem_fail_after(n);
    as_status st = as_sum_make(&s, &r, &(as_report_opts){.resamples = -1}, &err);
    as_mem_fail_after(0);
    if (st == AS_OK) as_sum_clear(&s);
    CHECK(t, st == AS_OK || st == AS_E_ENV);
  }
  as_results_clear(&r);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"marks: no rank and no test between different classes", ranks_and_tests},
                                  {"marks: said in every format", words_in_every_format},
                                  {"marks: CSV", csv},
                                  {"marks: two records", paired},
                                  {"marks: memory ends", memory}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
