/* The images of a page: which ones are chosen, what is said of them, and what a page without them says. */
#include <string.h>

#include "eval/report/pictures_int.h"
#include "eval/report/report.h"
#include "tensor/base/mem.h"
#include "tests/harness.h"
#include "tests/reportmake.h"

/* 3 models, 2 sets of 400 images, classes 0, 2, 4, 6. A wrong answer is the next class (6: class 1), but image 0 of the
 * first set has three different answers, and image 7 is wrong everywhere although its class is easy. */
static void make_answers(as_test *t, as_results *r) {
  reportmake_whole(t, r);
  for (size_t i = 0; i < 6; i++) {
    as_cell *c = &r->cells[i];
    c->answer = as_alloc(400, sizeof *c->answer, NULL);
    for (size_t j = 0; j < 400; j++) {
      uint32_t label = r->sets[i % 2].label[j];
      c->answer[j] = c->correct1[j] == 1 ? label : label == 6 ? 1 : label + 2;
    }
  }
  for (uint32_t m = 0; m < 3; m++) {
    as_cell *c = as_results_cell(r, m, 0);
    c->answer[0] = m == 0 ? 0 : m == 1 ? 4 : 6;
    c->correct1[0] = m == 0;
    c->answer[7] = 6;
    c->correct1[7] = 0;
    c->confidence[7] = m == 1 ? .97f : .3f;
  }
}

static void chosen(as_test *t) {
  as_results r;
  as_gallery_set *g = as_calloc(1, sizeof *g, NULL);
  as_err err = {0};
  make_answers(t, &r);
  CHECK_OK(t, as_gallery_make(g, &r, 0, &err), err);
  CHECK_INT(t, g->n_models, 3);
  const as_shelf *s = g->shelf;
  CHECK_INT(t, s[AS_SHELF_SAMPLES].n, 8);
  CHECK_INT(t, s[AS_SHELF_SAMPLES].shot[0].i, 25);
  CHECK_INT(t, s[AS_SHELF_SAMPLES].shot[7].i, 375);
  CHECK_INT(t, s[AS_SHELF_SURE].shot[0].i, 7);
  CHECK_INT(t, s[AS_SHELF_SURE].shot[0].model, 1);
  CHECK_INT(t, s[AS_SHELF_SURE].shot[0].answer, 6);
  CHECK_INT(t, s[AS_SHELF_SURE].total, 1);
  CHECK_INT(t, s[AS_SHELF_SPLIT].shot[0].i, 0);
  CHECK_INT(t, s[AS_SHELF_SPLIT].shot[0].count, 3);
  /* models are right below 260, 200 and 199: from 260 on none is, nor on image 7 */
  CHECK_INT(t, s[AS_SHELF_MISSED].total, 141);
  bool there = false;
  for (size_t q = 0; q < s[AS_SHELF_MISSED].n; q++) there = there || s[AS_SHELF_MISSED].shot[q].i == 7;
  CHECK(t, there);
  /* class 6 is always taken for 1; class 4 is right in 60 of 300 answers */
  CHECK_INT(t, s[AS_SHELF_MIXED].shot[0].label, 6);
  CHECK_INT(t, s[AS_SHELF_MIXED].shot[0].answer, 1);
  CHECK_INT(t, s[AS_SHELF_MIXED].shot[0].count, 300);
  CHECK_INT(t, s[AS_SHELF_MIXED].shot[0].of, 300);
  CHECK_INT(t, s[AS_SHELF_HARD].shot[0].label, 6);
  CHECK_INT(t, s[AS_SHELF_HARD].shot[2].label, 4);
  CHECK_INT(t, s[AS_SHELF_HARD].shot[2].count, 60);
  CHECK_INT(t, s[AS_SHELF_HARD].shot[2].of, 300);
  /* a model that chose among other classes has no say */
  for (size_t m = 0; m < 3; m++) r.cells[m * 2].among.n = m == 2 ? 2 : 4;
  CHECK_OK(t, as_gallery_make(g, &r, 0, &err), err);
  CHECK_INT(t, g->n_models, 2);
  as_free(g);
  as_results_clear(&r);
}

/* Every picture once, in order; each is found. */
static void fetched(as_test *t, as_pictures *p, const as_results *r) {
  as_err err = {0};
  CHECK_OK(t, as_pictures_choose(p, r, &err), err);
  CHECK(t, p->n > 20);
  for (size_t i = 0; i < p->n; i++) {
    CHECK(t, i == 0 || p->pic[i - 1].set < p->pic[i].set || p->pic[i - 1].image < p->pic[i].image);
    CHECK(t, as_pictures_find(p, p->pic[i].set, p->pic[i].image) == &p->pic[i]);
    p->pic[i].w = p->pic[i].h = 64;
    p->pic[i].n = i % 4; /* 0 bytes: not readable */
    p->pic[i].jpeg = p->pic[i].n ? as_alloc(4, 1, &err) : NULL;
    if (p->pic[i].jpeg) memcpy(p->pic[i].jpeg, "\xFF\xD8\xFF\xE0", 4);
  }
  CHECK(t, as_pictures_find(p, 9, 0) == NULL);
}

static void page(as_test *t) {
  as_results r;
  as_pictures p = {0};
  as_str a = {0}, b = {0}, words = {0};
  as_err err = {0};
  make_answers(t, &r);
  as_free(r.sets[0].class_name[2]);
  r.sets[0].class_name[2] = as_strdup("<script>x</script>\"'\x1b[31m", &err);
  as_free(r.models[1].name);
  r.models[1].name = as_strdup("b\"><img src=http://x>", &err);
  fetched(t, &p, &r);
  const as_report_opts with = {.resamples = -1, .pictures = &p}, without = {.resamples = -1};
  CHECK_OK(t, as_report_html(&a, &r, &with, NULL, &err), err);
  CHECK_OK(t, as_report_html(&words, &r, &without, NULL, &err), err);
  const char *fault = reportmake_unbalanced(as_str_c(&a));
  if (fault) as_test_fail(t, __FILE__, __LINE__, "%s", fault);
  CHECK(t, as_is_utf8(a.s, a.n));
  CHECK(t, strstr(as_str_c(&a), "src=\"data:image/jpeg;base64,/w==\"") != NULL); /* 1 byte */
  CHECK(t, strstr(as_str_c(&a), "base64,/9g=\"") != NULL);                       /* 2 */
  CHECK(t, strstr(as_str_c(&a), "base64,/9j/\"") != NULL);                       /* 3 */
  CHECK(t, strstr(as_str_c(&a), "changed or not readable") != NULL);
  CHECK(t, strstr(as_str_c(&a), "b&quot;&gt;&lt;img src=http") != NULL);
  CHECK(t, strstr(as_str_c(&a), "<script") == NULL && strstr(as_str_c(&a), "\x1b") == NULL);
  for (const char *s = as_str_c(&a); (s = strstr(s, "<img")) != NULL; s++)
    CHECK(t, strncmp(s, "<img width=\"64\" height=\"64\" alt=\"an image of ", 45) == 0);
  /* words alone: no image, but what is taken for what */
  CHECK(t, strstr(as_str_c(&words), "<img") == NULL && strstr(as_str_c(&words), "data:") == NULL);
  CHECK(t, strstr(as_str_c(&words), "300 of 300 answers are bee") != NULL);
  /* a set that is gone says so, and the other one is shown */
  p.why[0] = as_strdup("Its images are <gone>.", &err);
  CHECK_OK(t, as_report_html(&b, &r, &with, NULL, &err), err);
  CHECK(t, strstr(as_str_c(&b), "Its images are &lt;gone&gt;.") != NULL);
  CHECK(t, strstr(as_str_c(&b), "data:image/jpeg") != NULL && b.n < a.n);
  CHECK(t, reportmake_unbalanced(as_str_c(&b)) == NULL);
  as_pictures_clear(&p);
  as_str_clear(&a);
  as_str_clear(&b);
  as_str_clear(&words);
  as_results_clear(&r);
}

/* Two models, few images, an answer that is no class, titles of wnids. */
static void odd(as_test *t) {
  as_results r;
  as_str a = {0};
  as_err err = {0};
  make_answers(t, &r);
  r.sets[0].class_title = as_calloc(3, sizeof(char *), &err);
  r.sets[0].class_title[1] = as_strdup("bumblebee", &err);
  r.cells[0].answer[399] = UINT32_MAX;
  r.sets[1].n_scored = 399; /* no cell is of these images */
  as_pictures p = {0};
  fetched(t, &p, &r);
  const as_report_opts with = {.resamples = -1, .pictures = &p};
  CHECK_OK(t, as_report_html(&a, &r, &with, NULL, &err), err);
  CHECK(t, strstr(as_str_c(&a), "answers are bumblebee") != NULL);
  CHECK(t, strstr(as_str_c(&a), "4294967295") == NULL);
  /* the first screen asks and answers, and sections read their numbers */
  static const char *const said[] = {
      "Is A better than B?",
      "How sure is the first place?",
      "On which set do they fail most?",
      "Show me",
      "Would another set change it?",
      "&nbsp;% in the mean of the models", /* on a card the sign stays with its number */
      "On val, a has 65.0 % of 400 images right",
      "a and b differ on 61 of 400 images: 61 that only the first has right, 0 only the second",
      "agree least: of 3 pairs",
      "<summary>McNemar&#39;s test</summary>"};
  for (size_t i = 0; i < sizeof said / sizeof *said; i++)
    if (!strstr(as_str_c(&a), said[i])) as_test_fail(t, __FILE__, __LINE__, "no \"%s\" in the page", said[i]);
  CHECK(t, reportmake_unbalanced(as_str_c(&a)) == NULL);
  /* every link leads somewhere */
  for (const char *s = as_str_c(&a); (s = strstr(s, "href=\"#")) != NULL;) {
    char id[40];
    s += 7;
    snprintf(id, sizeof id, "id=\"%.*s\"", (int)strcspn(s, "\""), s);
    if (!strstr(as_str_c(&a), id)) as_test_fail(t, __FILE__, __LINE__, "no %s in the page", id);
  }
  as_pictures_clear(&p);
  as_str_clear(&a);
  as_results_clear(&r);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"pictures: which images", chosen},
                                  {"pictures: the page with them, without, and hostile names", page},
                                  {"pictures: odd answers, titles of classes", odd}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
