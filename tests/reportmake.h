/* Results to report on, made by hand, and what every page of them must be. */
#ifndef AS_TESTS_REPORTMAKE_H
#define AS_TESTS_REPORTMAKE_H

#include <stdio.h>

#include "data/sets/tasks.h"
#include "eval/report/report.h"
#include "eval/stats/metrics.h"
#include "tensor/base/mem.h"
#include "tests/harness.h"

static inline void reportmake_cell(as_results *r, size_t m, size_t k, int64_t correct, int64_t used,
                                   int64_t failed) {
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
static inline void reportmake_small(as_test *t, as_results *r) {
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
    for (size_t k = 0; k < 3; k++) reportmake_cell(r, m, k, correct[m][k], 1000, 0);
  reportmake_cell(r, 1, 2, 400, 990, 10);
  as_cell *gone = as_results_cell(r, 3, 2);
  *gone = (as_cell){.top1_lo = NAN, .top1_hi = NAN, .why = as_strdup("sketch.tar is missing", &err)};
  r->complete = false;
  CHECK_OK(
      t,
      as_results_remark(r, "Seeded random weights: the numbers measure the machinery, not the models.", &err),
      err);
}

/* Every element is closed in order; returns the first fault or NULL. */
static inline const char *reportmake_unbalanced(const char *p) {
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

static inline void reportmake_check_page(as_test *t, const as_results *r) {
  as_err err = {0};
  as_str a = {0}, b = {0};
  CHECK_OK(t, as_report_html(&a, r, NULL, "weights <x> & y", &err), err);
  CHECK_OK(t, as_report_html(&b, r, NULL, "weights <x> & y", &err), err);
  CHECK(t, a.n == b.n && memcmp(a.s, b.s, a.n) == 0);
  const char *page = as_str_c(&a), *fault = reportmake_unbalanced(page);
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

/* Per-image results: 3 models, 2 sets; a is right where b is, and on 60 images more. */
static inline void reportmake_images(as_test *t, as_results *r) {
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
      reportmake_cell(r, m, k, right, 400, 0);
    }
  }
  r->sets[0].name = as_strdup("val", &err);
  r->sets[1].name = as_strdup("other", &err);
  r->complete = true;
}

/* Classes, confidences, failures and published figures: every part in every format. */
static inline void reportmake_whole(as_test *t, as_results *r) {
  as_err err = {0};
  reportmake_images(t, r);
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
  for (size_t k = 0; k < 15; k++)
    CHECK_OK(t, as_results_corruption_add(r, as_corruptions[k].name, as_corruptions[k].alexnet_error, &err),
             err);
  r->n_severities = 5;
  r->cells[0].corruption_error = as_alloc(75, sizeof(double), &err);
  for (size_t j = 0; j < 75; j++) r->cells[0].corruption_error[j] = as_corruptions[j / 5].alexnet_error / 2;
}

#endif
