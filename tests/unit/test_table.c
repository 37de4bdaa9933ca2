/* eval/table: CSV as published, joins, duplicates, refusals; the testbed's and timm's real tables. */
#include "eval/stats/table.h"

#include <stdio.h>
#include <stdlib.h>

#include "eval/report/report_int.h"
#include "eval/report/table_out.h"
#include "eval/stats/table_csv_int.h"
#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tensor/base/mem.h"
#include "tests/harness.h"

static char paths[8][512];

static const char *write_file(as_test *t, int slot, const char *name, const char *text) {
  as_err err = {0};
  snprintf(paths[slot], sizeof paths[slot], "%s/%s", as_test_tmp(), name);
  CHECK_OK(t, as_file_write(paths[slot], text, strlen(text), &err), err);
  return paths[slot];
}

static void csv_rules(as_test *t) {
  as_csv c;
  as_err err = {0};
  const char *p =
      write_file(t, 0, "a.csv", "\xEF\xBB\xBFmodel,x\r\n\r\n\"a, \"\"b\"\"\nc\",\"1,013.01\"\r\nlast,");
  CHECK_OK(t, as_csv_read(&c, p, &err), err);
  CHECK_INT(t, c.rows, 3);
  CHECK_INT(t, c.cols, 2);
  CHECK_STR(t, as_csv_at(&c, 0, 0), "model");
  CHECK_STR(t, as_csv_at(&c, 1, 0), "a, \"b\"\nc");
  CHECK_STR(t, as_csv_at(&c, 1, 1), "1,013.01");
  CHECK_STR(t, as_csv_at(&c, 2, 1), "");
  CHECK_INT(t, c.line[1], 3);
  CHECK_INT(t, c.line[2], 5); /* the quoted field holds a line end */
  CHECK_INT(t, as_csv_column(&c, "x"), 1);
  CHECK_INT(t, as_csv_column(&c, "y"), 2);
  as_csv_clear(&c);
  static const struct {
    const char *text, *says;
  } bad[] = {{"a,b\n1\n", "line 2: found 1 fields, wanted 2"},
             {"a,\"b\n", "line 1: a quoted field does not end"},
             {"a,\"b\"c\n", "line 1: found 'c' after"},
             {"a,b\"c\n", "line 1: found a quote"},
             {"", "found no line of text"},
             {"a,\xFF\n", "no UTF-8"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    CHECK_STATUS(t, as_csv_read(&c, write_file(t, 0, "bad.csv", bad[i].text), &err), AS_E_INPUT);
    CHECK(t, strstr(err.msg, "bad.csv") != NULL);
    if (!strstr(err.msg, bad[i].says)) as_test_fail(t, __FILE__, __LINE__, "%s", err.msg);
  }
}

static const char one[] =
    "model,img_size,top1,top5\nr50,224,76.130,92.862\nvit,224,80.000,95.000\nvit,384,82.000,96.000\nr50,224,"
    "11.000,22.000\n";
static const char two[] = "model,img_size,top1\nvit,384,60.000\nr50,224,24.000\nother,224,10.000\n";

static void joins(as_test *t) {
  as_table tab;
  as_err err = {0};
  const char *files[] = {write_file(t, 0, "results-imagenet.csv", one),
                         write_file(t, 1, "results-sketch.csv", two)};
  as_table_opts o = {.files = files, .n_files = 2};
  CHECK_OK(t, as_table_read(&tab, &o, &err), err);
  CHECK_INT(t, tab.r.n_sets, 2);
  CHECK_STR(t, tab.r.sets[0].name, "imagenet"); /* the base */
  CHECK_STR(t, tab.r.sets[1].name, "sketch");
  CHECK_INT(t, tab.r.n_models, 4);
  CHECK_INT(t, tab.n_rows, 4);
  CHECK_INT(t, tab.n_names, 3);
  CHECK_STR(t, tab.r.models[0].name, "r50");
  CHECK_STR(t, tab.r.models[1].name, "vit @224"); /* two sizes: told apart */
  CHECK_STR(t, tab.r.models[2].name, "vit @384");
  CHECK_NEAR(t, as_results_cell(&tab.r, 0, 0)->top1, 0.7613, 1e-15);
  CHECK_INT(t, as_results_cell(&tab.r, 0, 0)->top1_correct, 38065);
  CHECK_NEAR(t, as_results_cell(&tab.r, 0, 0)->top1_lo, 0.757543, 1e-6);
  CHECK_NEAR(t, as_results_cell(&tab.r, 2, 1)->top1, 0.6, 1e-15);
  /* Facts hold for the real set alone, not for anything of its name. */
  CHECK(t, as_set_facts_of(&tab.r, 0) == as_set_facts_find("imagenet"));
  as_results_cell(&tab.r, 0, 0)->n_expected = 96;
  CHECK(t, as_set_facts_of(&tab.r, 0) == NULL);
  as_results_cell(&tab.r, 0, 0)->n_expected = 50000;
  tab.r.sets[0].classes = 16;
  CHECK(t, as_set_facts_of(&tab.r, 0) == NULL);
  CHECK(t, !as_results_cell(&tab.r, 1, 1)->present);
  CHECK(t, !as_results_cell(&tab.r, 3, 0)->present);
  CHECK_INT(t, tab.n_duplicates, 1);
  CHECK_STR(t, tab.duplicates[0], "results-imagenet.csv: line 5: r50 at 224 on imagenet again");
  as_table_clear(&tab);
}

/* Many sizes of one model: rows that meet in the index stay apart. */
static void many_sizes(as_test *t) {
  enum { ROWS = 3000 };
  as_table tab;
  as_err err = {0};
  as_str s = {0};
  as_str_put(&s, "model,img_size,top1\n");
  for (int i = 0; i < ROWS; i++) as_str_printf(&s, "m,%d,%d.5\n", i, i % 90);
  const char *files[] = {write_file(t, 0, "results-x.csv", as_str_c(&s))};
  CHECK_OK(t, as_table_read(&tab, &(as_table_opts){.files = files, .n_files = 1}, &err), err);
  CHECK_INT(t, tab.n_rows, ROWS);
  CHECK_INT(t, tab.n_names, 1);
  CHECK_INT(t, tab.n_duplicates, 0);
  CHECK_STR(t, tab.r.models[ROWS - 1].name, "m @2999");
  CHECK_NEAR(t, as_results_cell(&tab.r, ROWS - 1, 0)->top1, (2999 % 90 + 0.5) / 100, 1e-12);
  as_str_clear(&s);
  as_table_clear(&tab);
}

static void wide_and_cells(as_test *t) {
  as_table tab;
  as_err err = {0};
  const char *wide[] = {
      write_file(t, 0, "wide.csv", "model,foo,val,bar\na,0.5,0.7,\nb,0.25,0.6,0.125\nc,,,\n")};
  as_table_opts o = {.files = wide, .n_files = 1};
  CHECK_OK(t, as_table_read(&tab, &o, &err), err);
  CHECK_STR(t, tab.r.sets[0].name, "val");
  CHECK_INT(t, tab.r.n_sets, 3);
  CHECK_INT(t, tab.r.n_models, 2);                            /* c has no value at all */
  CHECK_NEAR(t, as_results_cell(&tab.r, 0, 1)->top1, 0.5, 0); /* fractions stay */
  CHECK_INT(t, as_results_cell(&tab.r, 0, 1)->n_used, 0);     /* unknown size: no count is invented */
  CHECK(t, isnan(as_results_cell(&tab.r, 0, 1)->top1_lo));
  as_table_clear(&tab);
  const char *cells[] = {
      write_file(t, 1, "table.csv",
                 "model,dataset,n_used,n_failed,top1_correct,top1\na,val,100,2,75,0.75\na,v2,50,0,30,0.6\n")};
  o = (as_table_opts){.files = cells, .n_files = 1, .base = "val"};
  CHECK_OK(t, as_table_read(&tab, &o, &err), err);
  CHECK_INT(t, tab.r.n_sets, 2);
  CHECK_INT(t, as_results_cell(&tab.r, 0, 0)->n_used, 100);
  CHECK_INT(t, as_results_cell(&tab.r, 0, 0)->n_failed, 2);
  CHECK_NEAR(t, as_results_cell(&tab.r, 0, 1)->top1, 0.6, 1e-15);
  as_table_clear(&tab);
}

static void refusals(as_test *t) {
  as_table tab;
  as_err err = {0};
  const char *files[] = {write_file(t, 0, "wide.csv", "model,sketch,val\na,50,70\n")};
  const char *wrong[] = {"skech"};
  as_table_opts o = {.files = files, .n_files = 1, .sets = wrong, .n_sets = 1};
  CHECK_STATUS(t, as_table_read(&tab, &o, &err), AS_E_USAGE);
  CHECK(t, strstr(err.msg, "did you mean 'sketch'") != NULL);
  o = (as_table_opts){.files = files, .n_files = 1, .base = "nowhere-near"};
  CHECK_STATUS(t, as_table_read(&tab, &o, &err), AS_E_USAGE);
  CHECK_STATUS(t, as_table_read(&tab, &(as_table_opts){0}, &err), AS_E_USAGE);
  static const struct {
    const char *text, *says;
  } bad[] = {{"name,top1\na,50\n", "without a column 'model'"},
             {"model,top1\na,fifty\n", "line 2: column top1: found 'fifty'"},
             {"model,top1\na,101\n", "found '101'"},
             {"model,top1\na,-1\n", "found '-1'"},
             {"model,top1\na,inf\n", "found 'inf'"},
             {"model,top1\n", "found no model"},
             {"model,val\na,\n", "found no accuracy"}};
  o = (as_table_opts){.files = files, .n_files = 1};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    files[0] = write_file(t, 0, "bad.csv", bad[i].text);
    CHECK_STATUS(t, as_table_read(&tab, &o, &err), AS_E_INPUT);
    if (!strstr(err.msg, bad[i].says) || !strstr(err.msg, "bad.csv"))
      as_test_fail(t, __FILE__, __LINE__, "%s", err.msg);
  }
  files[0] = "/nowhere/at/all.csv";
  CHECK_STATUS(t, as_table_read(&tab, &o, &err), AS_E_INPUT);
}

static void memory_ends(as_test *t) {
  as_err err = {0};
  const char *files[] = {write_file(t, 0, "results-imagenet.csv", one),
                         write_file(t, 1, "results-sketch.csv", two)};
  as_table_opts o = {.files = files, .n_files = 2};
  bool whole = false;
  for (unsigned long n = 1; n < 400 && !whole; n++) {
    as_table tab;
    as_mem_fail_after(n);
    as_status st = as_table_read(&tab, &o, &err);
    as_mem_fail_after(0);
    CHECK(t, st == AS_OK || st == AS_E_ENV);
    if (st == AS_OK) as_table_clear(&tab);
    whole = st == AS_OK;
  }
  CHECK(t, whole);
}

static size_t model_named(const as_results *r, const char *name) {
  for (size_t m = 0; m < r->n_models; m++)
    if (strcmp(r->models[m].name, name) == 0) return m;
  return r->n_models;
}

/* The study's claim on public numbers: SwAV falls behind on Sketch and R, not on V2. The fits are
 * those of the testbed's own table. */
static void testbed(as_test *t) {
  const char *path = as_test_shared("published/imagenet_testbed_top1.csv");
  if (!path) {
    as_test_skip(t, "no published tables");
    return;
  }
  as_table tab;
  as_table_stats st;
  as_err err = {0};
  const char *sets[] = {"imagenetv2-matched-frequency", "imagenet-r", "imagenet-sketch"};
  as_table_opts o = {.files = &path, .n_files = 1, .base = "val", .sets = sets, .n_sets = 3};
  CHECK_OK(t, as_table_read(&tab, &o, &err), err);
  CHECK_OK(t, as_table_stats_make(&st, &tab.r, tab.facts, &err), err);
  size_t m = model_named(&tab.r, "resnet50_swav"), s = model_named(&tab.r, "resnet50_simsiam");
  CHECK(t, m < tab.r.n_models && s < tab.r.n_models);
  static const double swav[] = {-0.67, -5.56, -4.61}, simsiam[] = {0.02, -0.01, 1.18};
  for (size_t k = 1; k < 4; k++) {
    CHECK_NEAR(t, 100 * st.rho[m * 4 + k], swav[k - 1], 0.02);
    CHECK_NEAR(t, 100 * st.rho[s * 4 + k], simsiam[k - 1], 0.02);
    CHECK(t, st.set[k].line != NULL);
  }
  as_table_stats_clear(&st);
  as_str text = {0};
  CHECK_OK(t, as_table_text(&text, &tab, &(as_report_opts){.width = 160, .ascii = true}, 0, &err), err);
  const char *row = strstr(as_str_c(&text), "\nresnet50_swav ");
  CHECK(t, row != NULL);
  if (row) {
    char line[256] = {0};
    strncpy(line, row + 1, strcspn(row + 1, "\n") < 255 ? strcspn(row + 1, "\n") : 255);
    CHECK(t, strstr(line, "62.35  -0.7") && strstr(line, "30.21  -5.6") && strstr(line, "18.93  -4.6"));
  }
  as_str_clear(&text);
  /* the same from the part, at full precision */
  CHECK_OK(t, as_report_csv(&text, &tab.r, &(as_report_opts){.part = "robustness"}, &err), err);
  CHECK(t,
        strncmp(as_str_c(&text), "model,imagenetv2-matched-frequency,imagenet-r,imagenet-sketch\n", 62) == 0);
  CHECK(t, strstr(as_str_c(&text), "\nresnet50_swav,-0.006") != NULL);
  as_str_clear(&text);
  CHECK_OK(t, as_report_markdown(&text, &tab.r, &(as_report_opts){.part = "robustness"}, &err), err);
  CHECK(t, strstr(as_str_c(&text), "| resnet50\\_swav | -0.7 | -5.6 | -4.6 |") != NULL);
  CHECK(t, strstr(as_str_c(&text), "x = val (1000 classes)") != NULL);
  as_str_clear(&text);
  as_table_clear(&tab);
}

/* The lines that effective robustness is measured from, fitted again from the testbed's table: slope and
 * intercept to four decimals. tests/golden/testbed_standard.txt: the 85 models that the testbed's
 * plotting/model_types.py calls standard; the five without a value on -R leave 80. (The file's last
 * revision was not at hand: two ResNet-50 baselines less and the self-supervised models and a small ViT
 * more than in its revision a62fafab give all eight published coefficients, and no other choice of that
 * size does.) */
static void testbed_lines(as_test *t) {
  const char *path = as_test_shared("published/imagenet_testbed_top1.csv");
  size_t size;
  char *list = (char *)as_test_read(as_test_golden("testbed_standard.txt"), &size);
  if (!path || !list) {
    free(list);
    as_test_skip(t, "no published tables");
    return;
  }
  static const struct {
    const char *base, *set;
    size_t models;
    double slope, intercept, r;
  } v[] = {{"val", "imagenetv2-matched-frequency", 85, .9114, -.4813, .998},
           {"val", "imagenet-sketch", 85, 1.0709, -2.3701, .932},
           {"val", "imagenet-r", 80, .9116, -1.5999, .937},
           {"val-on-imagenet-r-classes", "imagenet-r", 80, .6368, -2.1077, .943}};
  for (size_t i = 0; i < 4; i++) {
    as_table tab;
    as_err err = {0};
    as_table_opts o = {.files = &path, .n_files = 1, .base = v[i].base, .sets = &v[i].set, .n_sets = 1};
    CHECK_OK(t, as_table_read(&tab, &o, &err), err);
    double x[100], y[100];
    size_t n = 0;
    for (const char *p = list; p < list + size; p += strcspn(p, "\n") + 1) {
      char name[128];
      snprintf(name, sizeof name, "%.*s", (int)strcspn(p, "\n"), p);
      size_t m = model_named(&tab.r, name);
      CHECK(t, n < 100);
      if (n == 100) break;
      const as_cell *a =
          m < tab.r.n_models ? as_results_cell(&tab.r, m, 0) : NULL; /* no value on either set */
      const as_cell *b = a ? as_results_cell(&tab.r, m, 1) : NULL;
      x[n] = a && a->present ? a->top1 : NAN;
      y[n++] = b && b->present ? b->top1 : NAN;
    }
    as_fit f;
    CHECK_OK(t, as_fit_logit(x, y, n, 1e-6, &f, &err), err);
    CHECK_INT(t, f.n, v[i].models);
    CHECK_NEAR(t, f.slope, v[i].slope, 5e-5);
    CHECK_NEAR(t, f.intercept, v[i].intercept, 5e-5);
    CHECK_NEAR(t, f.r, v[i].r, 5e-4);
    const as_robust_line *line = as_robust_find(tab.facts[1]->task, i == 3 ? "val-200" : "val");
    CHECK(t, line && fabs(line->slope - f.slope) < 5e-5 && fabs(line->intercept - f.intercept) < 5e-5);
    as_table_clear(&tab);
  }
  free(list);
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* timm's eight files: 1,556 rows, 1,266 names; correlations as SciPy gives them. */
static void timm(as_test *t) {
  static const char *const names[] = {"imagenet",   "imagenet-real",   "imagenetv2-matched-frequency",
                                      "sketch",     "imagenet-r",      "imagenet-r-clean",
                                      "imagenet-a", "imagenet-a-clean"};
  const char *files[8];
  for (int i = 0; i < 8; i++) {
    char name[128];
    snprintf(name, sizeof name, "published/results-%s.csv", names[i]);
    const char *p = as_test_shared(name);
    if (!p) {
      as_test_skip(t, "no published tables");
      return;
    }
    snprintf(paths[i], sizeof paths[i], "%s", p);
    files[i] = paths[i];
  }
  as_table tab;
  as_table_stats st;
  as_err err = {0};
  const char *sets[] = {"imagenet-real", "imagenetv2-matched-frequency", "sketch", "imagenet-r",
                        "imagenet-a"};
  as_table_opts o = {.files = files, .n_files = 8, .sets = sets, .n_sets = 5};
  CHECK_OK(t, as_table_read(&tab, &o, &err), err);
  /* Every file has 1,556 rows of 1,266 names. The -A file lacks resnet50.tv_in1k and has resmlp_24_224.fb_dino,
   * the other seven the other way round: 1,557 rows of 1,267 names together, 1,555 rows in all. */
  CHECK_INT(t, tab.n_rows, 1557);
  CHECK_INT(t, tab.n_names, 1267);
  CHECK_INT(t, tab.file_rows_lo, 1556);
  CHECK_INT(t, tab.file_rows_hi, 1556);
  CHECK_INT(t, tab.n_duplicates, 0);
  CHECK_OK(t, as_table_stats_make(&st, &tab.r, tab.facts, &err), err);
  static const double kendall[] = {0.929, 0.942, 0.805, 0.805, 0.886},
                      spearman[] = {0.992, 0.995, 0.946, 0.943, 0.981},
                      slope[] = {0.941, 0.916, 1.373, 1.378, 3.768};
  for (size_t k = 1; k < 6; k++) {
    const as_table_set_stats *d = &st.set[k];
    CHECK_NEAR(t, d->kendall, kendall[k - 1], 0.002);
    CHECK_NEAR(t, d->spearman, spearman[k - 1], 0.002);
    CHECK_NEAR(t, d->fit.slope, slope[k - 1], 0.01);
    int64_t pairs = 0;
    for (size_t b = 0; b < AS_TRANSLATION_BINS; b++) {
      pairs += d->bins[b].pairs;
      CHECK(t, d->bins[b].lo <= d->bins[b].share && d->bins[b].share <= d->bins[b].hi);
    }
    CHECK(t, pairs > 1200000 && pairs <= 1557 * 1556 / 2);
    /* Large gaps translate better than small ones. */
    CHECK(t, d->bins[7].share > d->bins[0].share + 0.2);
  }
  CHECK_INT(t, st.n_whole, 1555);
  as_table_stats_clear(&st);
  /* the row that a loader is checked with */
  static const double tv[] = {.76156, .82969, .63190, .24064, .36157};
  size_t m = model_named(&tab.r, "resnet50.tv_in1k @224");
  if (m == tab.r.n_models) m = model_named(&tab.r, "resnet50.tv_in1k");
  CHECK(t, m < tab.r.n_models);
  for (size_t k = 0; m < tab.r.n_models && k < 5; k++)
    CHECK_NEAR(t, as_results_cell(&tab.r, m, k)->top1, tv[k], 1e-9);
  /* How blunt ranks are: from how many others a model is not told apart without its images, in the median. */
  static const double within[] = {120, 157.5, 251, 62, 83, 64};
  as_sum s;
  CHECK_OK(t, as_sum_make(&s, &tab.r, &(as_report_opts){0}, &err), err);
  for (size_t k = 0; k < 6; k++) {
    static double width[2000];
    size_t n = 0;
    for (size_t i = 0; i < tab.r.n_models; i++) {
      const as_sum_cell *c = as_sum_at(&s, i, k);
      if (c->ok) width[n++] = c->rank_hi - c->rank_lo;
    }
    qsort(width, n, sizeof *width, by_size);
    CHECK_NEAR(t, (width[(n - 1) / 2] + width[n / 2]) / 2, within[k], 0);
  }
  as_sum_clear(&s);
  as_table_clear(&tab);
}

static void json(as_test *t) {
  as_table tab;
  as_err err = {0};
  as_str s = {0};
  as_json_doc *doc = NULL;
  const char *files[] = {write_file(t, 0, "results-imagenet.csv", one),
                         write_file(t, 1, "results-sketch.csv", two)};
  CHECK_OK(t, as_table_read(&tab, &(as_table_opts){.files = files, .n_files = 2}, &err), err);
  CHECK_OK(t, as_table_json(&s, &tab, NULL, &err), err);
  CHECK_OK(t, as_json_parse(&doc, as_str_c(&s), s.n, &err), err);
  if (doc) {
    const as_json *root = as_json_root(doc);
    CHECK_STR(t, as_json_get(root, "schema")->text, "assay.table/1");
    CHECK_INT(t, as_json_get(root, "duplicates")->count, 1);
    CHECK_STR(t, as_json_get(as_json_get(as_json_get(root, "against_base")->child, "line"), "source")->text,
              "imagenet-testbed");
  }
  as_json_free(&doc);
  as_str_clear(&s);
  as_table_clear(&tab);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"table: CSV rules", csv_rules},
                                  {"table: files join on model and size, duplicates are reported", joins},
                                  {"table: many sizes of one model", many_sizes},
                                  {"table: wide tables and tables of cells", wide_and_cells},
                                  {"table: refusals", refusals},
                                  {"table: memory ends", memory_ends},
                                  {"table: JSON", json},
                                  {"table: effective robustness on the testbed's table", testbed},
                                  {"table: the testbed's lines, fitted again", testbed_lines},
                                  {"table: timm's 1,556 rows", timm}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
