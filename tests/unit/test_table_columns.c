/* Tables as people have them: which columns are sets, what a number is, what is left out and said. */
#include <stdio.h>
#include <stdlib.h>

#include "eval/report/report_int.h"
#include "eval/report/report_names.h"
#include "eval/report/table_out.h"
#include "eval/stats/table_int.h"
#include "tensor/base/file.h"
#include "tensor/base/mem.h"
#include "tests/harness.h"

static char path[512];

static const char *write_table(as_test *t, const char *text, size_t n) {
  as_err err = {0};
  snprintf(path, sizeof path, "%s/some.csv", as_test_tmp());
  CHECK_OK(t, as_file_write(path, text, n, &err), err);
  return path;
}

static void fields(as_test *t) {
  static const struct {
    const char *text;
    char separator;
    as_field_kind kind;
    double v;
  } f[] = {{"76.13", ',', AS_FIELD_NUMBER, 76.13},
           {" 76.13\xC2\xA0", ',', AS_FIELD_NUMBER, 76.13},
           {"76,13", ';', AS_FIELD_NUMBER, 76.13},
           {"76,130", ';', AS_FIELD_NUMBER, 76.13},
           {"76,13", ',', AS_FIELD_NUMBER, 76.13},
           {"25,557", ',', AS_FIELD_NUMBER, 25557},
           {"1,234,567.5", ',', AS_FIELD_NUMBER, 1234567.5},
           {"0,913", '\t', AS_FIELD_NUMBER, 0.913},
           {"76.1%", ',', AS_FIELD_NUMBER, 76.1},
           {"76.1 %", ',', AS_FIELD_NUMBER, 76.1},
           {"76.1 \xC2\xB1 0.2", ',', AS_FIELD_NUMBER, 76.1},
           {"76.1+-0.2", ',', AS_FIELD_NUMBER, 76.1},
           {"76.1 (0.2)", ',', AS_FIELD_NUMBER, 76.1},
           {"7.6e1", ',', AS_FIELD_NUMBER, 76},
           {"", ',', AS_FIELD_NOTHING, 0},
           {"  ", ',', AS_FIELD_NOTHING, 0},
           {"-", ',', AS_FIELD_NOTHING, 0},
           {"\xE2\x80\x94", ',', AS_FIELD_NOTHING, 0},
           {"NaN", ',', AS_FIELD_NOTHING, 0},
           {"N/A", ',', AS_FIELD_NOTHING, 0},
           {"Infinity", ',', AS_FIELD_TEXT, 0},
           {"inf", ',', AS_FIELD_TEXT, 0},
           {"1.234,5", ';', AS_FIELD_TEXT, 0},
           {"76,1,3", ',', AS_FIELD_TEXT, 0},
           {"12 345", ',', AS_FIELD_TEXT, 0},
           {"76.1*", ',', AS_FIELD_TEXT, 0},
           {"seventy", ',', AS_FIELD_TEXT, 0},
           {",5", ',', AS_FIELD_NUMBER, .5}};
  for (size_t i = 0; i < sizeof f / sizeof *f; i++) {
    as_field got = as_field_read(f[i].text, f[i].separator);
    if (got.kind != f[i].kind || (got.kind == AS_FIELD_NUMBER && fabs(got.v - f[i].v) > 1e-12 * fabs(f[i].v)))
      as_test_fail(t, __FILE__, __LINE__, "'%s' is %d %.17g", f[i].text, (int)got.kind, got.v);
  }
}

/* What the same four accuracies of two sets look like in other people's files: the sets, and the words about
 * the rest. */
static const struct {
  const char *what, *text, *says;
} variants[] = {
    {"as it should be", "model,val,v2\na,75.3,62.5\nb,71.1,58\n", NULL},
    {"pandas' index", ",model,val,v2\n0,a,75.3,62.5\n1,b,71.1,58\n", "column 1 (no name)"},
    {"pandas' index, twice", "Unnamed: 0,model,val,v2\n0,a,75.3,62.5\n1,b,71.1,58\n", "column 1 (no name)"},
    {"a trailing comma", "model,val,v2,\na,75.3,62.5,\nb,71.1,58,\n", NULL},
    {"a trailing comma in the head", "model,val,v2,\na,75.3,62.5\nb,71.1,58\n", NULL},
    {"a trailing comma in the rows", "model,val,v2\na,75.3,62.5,\nb,71.1,58,\n", NULL},
    {"semicolons, decimal commas", "model;val;v2\na;75,3;62,5\nb;71,1;58\n", NULL},
    {"semicolons, decimal points", "model;val;v2\na;75.3;62.5\nb;71.1;58\n", NULL},
    {"tabs", "model\tval\tv2\na\t75.3\t62.5\nb\t71.1\t58\n", NULL},
    {"Excel's first line", "sep=;\nmodel;val;v2\na;75,3;62,5\nb;71,1;58\n", NULL},
    {"a byte order mark", "\xEF\xBB\xBFmodel,val,v2\r\na,75.3,62.5\r\nb,71.1,58\r\n", NULL},
    {"comments", "# from: somewhere, by someone\n#\nmodel,val,v2\na,75.3,62.5\nb,71.1,58\n", NULL},
    {"blanks", "model , val , v2\na , 75.3 , 62.5\n b, 71.1,58\n", NULL},
    {"rows of commas", "model,val,v2\n,,\na,75.3,62.5\nb,71.1,58\n,,\n", NULL},
    {"other spellings", "Model,val,v2\na,75.3,62.5\nb,71.1,58\n", NULL},
    {"methods", "Method,val,v2\na,75.3,62.5\nb,71.1,58\n", NULL},
    {"per cent signs", "model,val,v2\na,75.3%,62.5 %\nb,71.1%,58%\n", NULL},
    {"fractions", "model,val,v2\na,.753,.625\nb,.711,.58\n", NULL},
    {"uncertainties", "model,val,v2\na,75.3 \xC2\xB1 0.1,62.5\nb,71.1 \xC2\xB1 0.2,58\n",
     "val: the values have uncertainties"},
    {"parameters with thousands",
     "model,params,val,v2\na,\"25,557,032\",75.3,62.5\nb,\"5,717,416\",71.1,58\n",
     "params (no set by its name)"},
    {"parameters in millions", "model,val,Params (M),v2\na,75.3,25.6,62.5\nb,71.1,5.7,58\n",
     "Params (M) (no set by its name)"},
    {"FLOPs", "model,GFLOPs,val,v2\na,4.1,75.3,62.5\nb,1.3,71.1,58\n", "GFLOPs (no set by its name)"},
    {"a rank", "rank,model,val,v2\n1,a,75.3,62.5\n2,b,71.1,58\n", "rank (no set by its name)"},
    {"a rank called #", "#,model,val,v2\n1,a,75.3,62.5\n2,b,71.1,58\n", "# (no set by its name)"},
    {"a rank of a set", "model,val,val_rank,v2\na,75.3,1,62.5\nb,71.1,2,58\n",
     "val_rank (no set by its name)"},
    {"a mean", "model,val,v2,mean\na,75.3,62.5,68.9\nb,71.1,58,64.5\n", "mean (no set by its name)"},
    {"Average", "model,val,v2,Average\na,75.3,62.5,68.9\nb,71.1,58,64.5\n", "Average (no set by its name)"},
    {"a confidence", "model,val,confidence,v2\na,75.3,.85,62.5\nb,71.1,.9,58\n",
     "confidence (no set by its name)"},
    {"a share", "model,val,score,v2\na,75.3,.85,62.5\nb,71.1,.9,58\n",
     "score (at most 1 where the others are per cent)"},
    {"an error", "model,val,val_err,v2\na,75.3,24.7,62.5\nb,71.1,28.9,58\n", "val_err (no set by its name)"},
    {"top-5", "model,val,Top-5,v2\na,75.3,92.1,62.5\nb,71.1,90,58\n", "Top-5 (no set by its name)"},
    {"a year", "model,year,val,v2\na,2020,75.3,62.5\nb,2021,71.1,58\n", "year (no set by its name)"},
    {"an unknown figure", "model,tokens,val,v2\na,197,75.3,62.5\nb,50,71.1,58\n",
     "tokens (line 2 holds '197')"},
    {"words", "model,paper,val,v2\na,\"Caron, 2021\",75.3,62.5\nb,-,71.1,58\n",
     "paper (line 2 holds 'Caron, 2021')"},
    {"infinities", "model,ratio,val,v2\na,Infinity,75.3,62.5\nb,2.5,71.1,58\n",
     "ratio (line 2 holds 'Infinity')"},
    {"a name that is there twice", "model,val,v2,val\na,75.3,62.5,11\nb,71.1,58,12\n",
     "val (the name is there before)"},
    {"gaps", "model,val,v2\na,75.3,62.5\nb,71.1,58\nc,-,NaN\nd,,n/a\n", NULL},
};

static void check_two_sets(as_test *t, const char *what, const char *says) {
  as_table tab;
  as_err err = {0};
  const char *files[] = {path};
  as_status st = as_table_read(&tab, &(as_table_opts){.files = files, .n_files = 1}, &err);
  if (st != AS_OK) {
    as_test_fail(t, __FILE__, __LINE__, "%s: %s", what, err.msg);
    return;
  }
  bool good = tab.r.n_sets == 2 && tab.r.n_models == 2 && strcmp(tab.r.sets[0].name, "val") == 0 &&
              strcmp(tab.r.sets[1].name, "v2") == 0 && strcmp(tab.r.models[0].name, "a") == 0;
  static const double want[] = {.753, .625, .711, .58};
  for (size_t i = 0; good && i < 4; i++) good = fabs(tab.r.cells[i].top1 - want[i]) < 1e-12;
  if (!good)
    as_test_fail(t, __FILE__, __LINE__, "%s: %zu sets, the first '%s'", what, tab.r.n_sets,
                 tab.r.sets[0].name);
  bool said = says == NULL;
  for (size_t i = 0; i < tab.r.n_remarks; i++) {
    said = said || strstr(tab.r.remarks[i], says) != NULL;
    if (!says && strstr(tab.r.remarks[i], "left out"))
      as_test_fail(t, __FILE__, __LINE__, "%s: %s", what, tab.r.remarks[i]);
  }
  if (!said) as_test_fail(t, __FILE__, __LINE__, "%s: not said: %s", what, says);
  /* in every format */
  as_str out = {0};
  for (int f = 0; says && f < 5; f++) {
    as_str_clear(&out);
    as_report_opts o = {.width = 1000};
    CHECK_OK(t,
             f == 0   ? as_table_text(&out, &tab, &o, 0, &err)
             : f == 1 ? as_table_json(&out, &tab, &o, &err)
             : f == 2 ? as_report_html(&out, &tab.r, &o, NULL, &err)
             : f == 3 ? as_report_markdown(&out, &tab.r, &o, &err)
                      : as_report_latex(&out, &tab.r, &o, &err),
             err);
    if (!strstr(as_str_c(&out), "left out"))
      as_test_fail(t, __FILE__, __LINE__, "%s: format %d says nothing", what, f);
  }
  as_str_clear(&out);
  as_table_clear(&tab);
}

static void columns(as_test *t) {
  for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
    write_table(t, variants[i].text, strlen(variants[i].text));
    check_two_sets(t, variants[i].what, variants[i].says);
  }
}

/* What Excel calls "Unicode text": UTF-16 with tabs. */
static void utf16(as_test *t) {
  static const char text[] = "model\tval\tv2\r\na\t75,3\t62,5\r\nb\t71,1\t58\r\n";
  char wide[2 * sizeof text];
  for (int big = 0; big < 2; big++) {
    memcpy(wide, big ? "\xFE\xFF" : "\xFF\xFE", 2);
    for (size_t i = 0; text[i]; i++) {
      wide[2 + 2 * i + (size_t)(big != 0)] = text[i];
      wide[3 + 2 * i - (size_t)(big != 0)] = 0;
    }
    write_table(t, wide, 2 * sizeof text);
    check_two_sets(t, "UTF-16", NULL);
  }
}

static void choices(as_test *t) {
  as_table tab;
  as_err err = {0};
  const char *files[] = {path}, *mean[] = {"mean"}, *tokens[] = {"tokens"};
  static const char text[] = "model,val,mean,tokens\na,75.3,62.5,196\nb,71.1,58,50\n";
  write_table(t, text, strlen(text));
  /* whoever asks for a column gets it, if it holds accuracies */
  CHECK_OK(
      t, as_table_read(&tab, &(as_table_opts){.files = files, .n_files = 1, .sets = mean, .n_sets = 1}, &err),
      err);
  CHECK(t, tab.r.n_sets == 2 && strcmp(tab.r.sets[1].name, "mean") == 0);
  as_table_clear(&tab);
  CHECK_STATUS(
      t,
      as_table_read(&tab, &(as_table_opts){.files = files, .n_files = 1, .sets = tokens, .n_sets = 1}, &err),
      AS_E_INPUT);
  CHECK(t, strstr(err.msg, "line 2: column tokens: found '196'") != NULL);
  static const struct {
    const char *text, *says;
  } bad[] = {{"model,params\na,25.5\n", "found no column of accuracies"},
             {"model,val\n,70\n", "line 2: column model: found nothing"},
             {"model,val\na,70,80\n", "line 2: found 3 fields, wanted 2"},
             {"model,val,v2\na,70\n", "line 2: found 2 fields, wanted 3"},
             {"model,val\na,inf\n", "line 2: column val: found 'inf'"},
             {"model,val\na,seventy\n", "line 2: column val: found 'seventy'"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    write_table(t, bad[i].text, strlen(bad[i].text));
    CHECK_STATUS(t, as_table_read(&tab, &(as_table_opts){.files = files, .n_files = 1}, &err), AS_E_INPUT);
    if (!strstr(err.msg, bad[i].says)) as_test_fail(t, __FILE__, __LINE__, "%s", err.msg);
  }
  /* one set per file: another one beside top1 is named */
  static const char two[] = "model,top1,top5,sketch\na,70,90,30\n";
  write_table(t, two, strlen(two));
  CHECK_OK(t, as_table_read(&tab, &(as_table_opts){.files = files, .n_files = 1}, &err), err);
  CHECK(t, tab.r.n_sets == 1 && tab.r.n_remarks > 0);
  bool said = false;
  for (size_t i = 0; i < tab.r.n_remarks; i++)
    said = said || strstr(tab.r.remarks[i], "sketch (beside top1") != NULL;
  CHECK(t, said);
  as_table_clear(&tab);
  /* a known hard set in fractions among per cents: said, not guessed */
  static const char mixed[] = "model,val,imagenet-a\na,70,0.02\nb,71,0.9\n";
  write_table(t, mixed, strlen(mixed));
  CHECK_OK(t, as_table_read(&tab, &(as_table_opts){.files = files, .n_files = 1}, &err), err);
  said = false;
  for (size_t i = 0; i < tab.r.n_remarks; i++)
    said = said ||
           strstr(tab.r.remarks[i], "imagenet-a: at most 1 where the other columns are per cent") != NULL;
  CHECK(t, said && fabs(as_results_cell(&tab.r, 1, 1)->top1 - .009) < 1e-15);
  as_table_clear(&tab);
}

/* Heads and rows that are shortened still tell columns and models apart. */
static void short_names(as_test *t) {
  static const char *const names[] = {
      "imagenet-c.brightness.1_in-memory", "imagenet-c.brightness.2_in-memory", "short",
      "imagenet-c.brightness.1_in-memory", "imagenet-c.contrast_high.1_in-memory"};
  as_short_names s;
  as_err err = {0};
  CHECK_OK(t, as_short_names_make(&s, names, 5, 18, true, &err), err);
  for (size_t i = 0; i < 5; i++)
    for (size_t j = 0; j < i; j++)
      CHECK(t, (strcmp(names[i], names[j]) == 0) ==
                   (strcmp(as_short_names_at(&s, i), as_short_names_at(&s, j)) == 0));
  CHECK_STR(t, as_short_names_at(&s, 2), "short");
  CHECK(t, as_text_columns(as_short_names_at(&s, 4)) <= 30);
  as_short_names_clear(&s);

  as_table tab;
  as_str out = {0};
  const char *files[] = {path};
  static const char text[] =
      "model,val,imagenet-c.brightness.1_in-memory,imagenet-c.brightness.2_in-memory\n"
      "some_long_name_of_a_network_224.first_in1k,75.3,62.5,50\n"
      "some_long_name_of_a_network_448.first_in1k,71.1,58,49\nc,60,50,40\nd,59,49,48\n";
  write_table(t, text, strlen(text));
  CHECK_OK(t, as_table_read(&tab, &(as_table_opts){.files = files, .n_files = 1}, &err), err);
  CHECK_OK(t, as_table_text(&out, &tab, &(as_report_opts){.width = 60, .ascii = true}, 0, &err), err);
  static const char *const apart[] = {"1_in-memory", "2_in-memory", "24.first", "48.first"};
  for (size_t i = 0; i < 4; i++)
    if (!strstr(as_str_c(&out), apart[i]))
      as_test_fail(t, __FILE__, __LINE__, "%s is nowhere in: %s", apart[i], as_str_c(&out));
  as_str_clear(&out);
  as_table_clear(&tab);
}

static void memory(as_test *t) {
  as_err err = {0};
  const char *files[] = {path};
  static const char text[] = ",model,val,rank,v2,long\n0,a,75.3,1,62.5,.5\n1,b,71.1,2,58,.6\n";
  write_table(t, text, strlen(text));
  bool whole = false;
  for (unsigned long n = 1; n < 400 && !whole; n++) {
    as_table tab;
    as_mem_fail_after(n);
    as_status st = as_table_read(&tab, &(as_table_opts){.files = files, .n_files = 1}, &err);
    as_mem_fail_after(0);
    CHECK(t, st == AS_OK || st == AS_E_ENV);
    if (st == AS_OK) as_table_clear(&tab);
    whole = st == AS_OK;
  }
  CHECK(t, whole);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"columns: fields as people write them", fields},
                                  {"columns: tables as people have them", columns},
                                  {"columns: UTF-16", utf16},
                                  {"columns: choices and refusals", choices},
                                  {"columns: shortened names stay apart", short_names},
                                  {"columns: memory ends", memory}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
