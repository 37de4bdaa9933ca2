/* Backbones under several protocols: which models are one backbone, ranks, and who would have been crowned, by hand. */
#include "eval/stats/protocols.h"

#include "eval/stats/seeds.h"
#include "tests/reportmake.h"

/* A model by its backbone, file, protocol, and its mean. */
typedef struct entry {
  const char *backbone, *network, *protocol;
  double v;
} entry;

static void make(as_test *t, as_results *r, const entry *e, size_t n, double *v) {
  as_err err = {0};
  CHECK_OK(t, as_results_init(r, "protocols", n, 1, &err), err);
  for (size_t m = 0; m < n; m++) {
    char name[24];
    snprintf(name, sizeof name, "m%zu", m); /* names say nothing */
    r->models[m].name = as_strdup(name, &err);
    CHECK_OK(t, as_results_backbone(&r->models[m], e[m].backbone, e[m].network, e[m].protocol, &err), err);
    v[m] = e[m].v;
  }
}

/* A and B under three protocols, C under two, one model twice, one backbone alone, one unknown, one without a value.
 * By probe: A .9, B .8, C .7. By k-NN: B .6, A and C .5. By swav: B .99, A .95. */
static void by_hand(as_test *t) {
  static const entry e[] = {{"A", "a", "probe", .9}, {"B", "b", "probe", .8},  {"C", "c", "probe", .7},
                            {"A", "a", "k-NN", .5},  {"B", "b", "k-NN", .6},   {"C", "c", "k-NN", .5},
                            {"A", "a", "swav", .95}, {"B", "b", "swav", .99},  {"B", "b", "probe", .1},
                            {"D", "d", "own", .99},  {NULL, NULL, NULL, .999}, {"E", "e", "probe", NAN}};
  enum { N = sizeof e / sizeof *e };
  double v[N];
  as_results r = {0};
  as_protocols p;
  as_err err = {0};
  make(t, &r, e, N, v);
  CHECK_OK(t, as_protocols_find(&p, &r, v, &err), err);
  /* swav is taken third: A and B still have all. C then has no place. */
  CHECK_INT(t, p.n, 3);
  CHECK_INT(t, p.backbones, 2);
  CHECK_INT(t, p.left, 2); /* the models of C */
  CHECK_STR(t, p.backbone[p.winner], "b");
  CHECK_STR(t, p.name[p.chosen], "swav");
  CHECK_INT(t, p.entry[1 * 3 + 0], 1); /* the first of B's two probes */
  CHECK_NEAR(t, p.rank[0 * 3 + 0], 1, 0);
  CHECK_NEAR(t, p.rank[0 * 3 + 1], 2, 0);
  CHECK_NEAR(t, p.rank[0 * 3 + 2], 2, 0);
  CHECK_NEAR(t, p.other[p.winner], .5, 1e-12); /* by k-NN, not by the probe */
  /* A has .9 .5 .95, B .8 .6 .99: of the nine pairs A is above in (.9 > .8, .6), (.95 > .8, .6) */
  CHECK_NEAR(t, p.mixed[p.winner], 5. / 9, 1e-12);
  CHECK_NEAR(t, p.mixed[0], 4. / 9, 1e-12);
  as_protocols_clear(&p);
  as_results_clear(&r);
}

/* Equal values share the place; two files of one name go by their models; no two of each: nothing. */
static void ties_and_nothing(as_test *t) {
  static const entry e[] = {
      {"A", "w", "x", .5}, {"B", "w", "x", .4}, {"A", "w", "y", .3}, {"B", "w", "y", .3}};
  static const entry one[] = {{"A", "a", "x", .5}, {"A", "a", "y", .4}, {"B", "b", "x", .3}};
  double v[4];
  as_results r = {0}, q = {0};
  as_protocols p;
  as_err err = {0};
  make(t, &r, e, 4, v);
  CHECK_OK(t, as_protocols_find(&p, &r, v, &err), err);
  CHECK_INT(t, p.n, 2);
  CHECK_STR(t, p.backbone[0], "m0");
  CHECK_STR(t, p.backbone[1], "m1");
  CHECK_NEAR(t, p.rank[1], 1.5, 0);
  CHECK_NEAR(t, p.other[0], .5, 1e-12);
  CHECK_NEAR(t, p.other[1], .5, 1e-12);
  CHECK_NEAR(t, p.mixed[0], (1 + 1 + .5) / 4, 1e-12); /* .5 > .4 .3; .3 = .3 */
  as_protocols_clear(&p);
  make(t, &q, one, 3, v);
  CHECK_OK(t, as_protocols_find(&p, &q, v, &err), err);
  CHECK_INT(t, p.n, 0);
  as_protocols_clear(&p);
  as_results_clear(&r);
  as_results_clear(&q);
}

/* Two trainings under two protocols each are two methods of two seeds, not one of four. */
static void seeds_apart(as_test *t) {
  static const entry e[] = {
      {"A", "a", "x", .5}, {"A", "a", "y", .4}, {"B", "b", "x", .3}, {"B", "b", "y", .2}};
  double v[4];
  as_results r = {0};
  as_methods m;
  as_err err = {0};
  make(t, &r, e, 4, v);
  for (size_t i = 0; i < 4; i++)
    CHECK_OK(t, as_results_trained(&r.models[i], "dino", "distillation", i < 2 ? "0" : "1", &err), err);
  CHECK_OK(t, as_methods_find(&m, &r, &err), err);
  CHECK_INT(t, m.n, 2);
  CHECK_STR(t, m.name[0], "dino (x)");
  CHECK_INT(t, m.seeds[0], 2);
  CHECK(t, m.of[0] == m.of[2] && m.of[1] == m.of[3] && m.of[0] != m.of[1]);
  as_methods_clear(&m);
  as_results_clear(&r);
}

/* Two backbones, two protocols, three sets: a is first by the probe, b by k-NN; in every format. */
static void reported(as_test *t) {
  static const entry e[] = {{"A", "net-a", "probe, C 1", 0},
                            {"B", "net-b", "probe, C 1", 0},
                            {"A", "net-a", "k-NN, k 20, T 0.07", 0},
                            {"B", "net-b", "k-NN, k 20, T 0.07", 0}};
  static const int64_t right[4][3] = {{900, 800, 700}, {800, 700, 600}, {500, 400, 300}, {600, 500, 400}};
  double v[4];
  as_results one = {0}, r = {0};
  as_err err = {0};
  make(t, &one, e, 4, v);
  CHECK_OK(t, as_results_init(&r, "two by two", 4, 3, &err), err);
  for (size_t m = 0; m < 4; m++) {
    r.models[m].name = as_strdup(one.models[m].name, &err);
    CHECK_OK(t, as_results_backbone(&r.models[m], e[m].backbone, e[m].network, e[m].protocol, &err), err);
    CHECK_OK(t, as_results_trained(&r.models[m], m % 2 ? "moco" : "simclr", "contrastive", "0", &err), err);
    for (size_t k = 0; k < 3; k++) reportmake_cell(&r, m, k, right[m][k], 1000, 0);
  }
  for (size_t k = 0; k < 3; k++) r.sets[k].name = as_strdup((const char *const[]){"x", "y", "z"}[k], &err);
  r.complete = true;
  static const char words[] =
      "By protocol: of 2 backbones under each of 2 protocols, net-a is first with probe, C 1; another is "
      "first under others: net-b with k-NN, k 20, T 0.07. Where each comes with a protocol of its own, "
      "another is first in 50.0 % of the choices.";
  const as_report_opts wide = {.width = 1000}, part = {.part = "protocols"}, lottery = {.part = "lottery"};
  as_str out = {0};
  CHECK_OK(t, as_report_text(&out, &r, &wide, &err), err);
  CHECK(t, strstr(as_str_c(&out), words) != NULL);
  CHECK(t, strstr(as_str_c(&out), "Does the protocol decide?") != NULL);
  as_str_clear(&out);
  CHECK_OK(t, as_report_markdown(&out, &r, NULL, &err), err);
  CHECK(t, strstr(as_str_c(&out), words) != NULL);
  CHECK(t, strstr(as_str_c(&out), "| net-b | k-NN, k 20, T 0.07 | m3 | 50.00 ") != NULL);
  as_str_clear(&out);
  CHECK_OK(t, as_report_csv(&out, &r, &part, &err), err);
  CHECK(t, strstr(as_str_c(&out), "net-b,\"k-NN, k 20, T 0.07\",m3,0.5,") != NULL);
  as_str_clear(&out);
  CHECK_OK(t, as_report_csv(&out, &r, &lottery, &err),
           err); /* of one other protocol; of 2 x 2 choices b leads in 2: both */
  CHECK(t, strstr(as_str_c(&out), "another protocol for all,1,1,net-b\n") != NULL);
  CHECK(t, strstr(as_str_c(&out), "a protocol of its own for each backbone,4,0.5,net-b\n") != NULL);
  as_str_clear(&out);
  CHECK_OK(t, as_report_json(&out, &r, NULL, &err), err);
  CHECK(t, strstr(as_str_c(&out), "\"protocols\": {") &&
               strstr(as_str_c(&out), "\"decision_protocols\": \"By protocol"));
  as_str_clear(&out);
  reportmake_check_page(t, &r);
  CHECK_OK(t, as_report_html(&out, &r, NULL, NULL, &err), err);
  CHECK(t, strstr(as_str_c(&out), "<section id=\"protocols\">") && strstr(as_str_c(&out), words));
  CHECK(t, strstr(as_str_c(&out), ": 2 methods, with probe, C 1. One seed each") !=
               NULL); /* k-NN is no second seed */
  as_str_clear(&out);
  as_results_clear(&one);
  as_results_clear(&r);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"protocols: by hand", by_hand},
                                  {"protocols: ties, and nothing to compare", ties_and_nothing},
                                  {"protocols: seeds stay apart", seeds_apart},
                                  {"protocols: reported", reported}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
