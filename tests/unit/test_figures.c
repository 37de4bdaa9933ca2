/* The charts as files: what is in the CSV file is what is drawn. A mark's place and its number must be one straight line,
 * so the positions are read back from the picture and compared with the numbers. */
#include <math.h>
#include <stdlib.h>

#include "eval/report/report.h"
#include "eval/stats/stats.h"
#include "tensor/base/file.h"
#include "tests/reportmake.h"

enum { MOST = 400, COLUMNS = 8 };

typedef struct numbers {
  size_t n;
  char text[MOST][COLUMNS][40];
  double v[MOST][COLUMNS]; /* NaN: no number */
} numbers;

/* The rows of a CSV file, without its head. */
static size_t read_rows(const char *csv, numbers *out) {
  const char *p = strchr(csv, '\n');
  out->n = 0;
  while (p && *++p && out->n < MOST) {
    for (size_t c = 0; c < COLUMNS; c++) {
      char *end;
      const size_t quote = *p == '"', len = quote ? strcspn(p + 1, "\"") : strcspn(p, ",\n");
      snprintf(out->text[out->n][c], sizeof out->text[0][0], "%.*s", (int)len, p + quote);
      out->v[out->n][c] = strtod(p, &end);
      if (end == p) out->v[out->n][c] = NAN;
      p += len + 2 * quote;
      if (*p == ',') p++;
    }
    out->n++;
    p = strchr(p, '\n');
  }
  return out->n;
}

/* The circles of a picture in the order of drawing. */
static size_t read_circles(const char *svg, double *x, double *y) {
  size_t n = 0;
  for (const char *p = svg; n < MOST && (p = strstr(p, "<circle")) != NULL; p++, n++) {
    x[n] = strtod(strstr(p, "cx=\"") + 4, NULL);
    y[n] = strtod(strstr(p, "cy=\"") + 4, NULL);
  }
  return n;
}

/* Are the pixels of n marks a straight line of their numbers, but for the rounding to a tenth? */
static bool is_straight(const double *pixel, const double *v, size_t n) {
  size_t lo = 0, hi = 0;
  for (size_t i = 0; i < n; i++) {
    if (v[i] < v[lo]) lo = i;
    if (v[i] > v[hi]) hi = i;
  }
  if (n < 2 || !(v[hi] > v[lo])) return false;
  const double slope = (pixel[hi] - pixel[lo]) / (v[hi] - v[lo]);
  if (fabs(slope) < 1e-6) return false;
  for (size_t i = 0; i < n; i++)
    if (!(fabs(pixel[lo] + slope * (v[i] - v[lo]) - pixel[i]) <= 0.2)) return false;
  return true;
}

static const as_figure *find(as_test *t, const as_figures *f, const char *name) {
  for (size_t i = 0; i < f->n; i++)
    if (strcmp(as_str_c(&f->figure[i].name), name) == 0) return &f->figure[i];
  as_test_fail(t, __FILE__, __LINE__, "no figure %s", name);
  return NULL;
}

static numbers table;
static double cx[MOST], cy[MOST], value[MOST], pixel[MOST];

/* Dots in panels: value in column 3, panel in column 2, drawn in the order of the rows. */
static void check_dots(as_test *t, const as_figures *f, const char *name) {
  const as_figure *g = find(t, f, name);
  if (!g) return;
  const size_t rows = read_rows(as_str_c(&g->csv), &table), circles = read_circles(as_str_c(&g->svg), cx, cy);
  size_t at = 0, straight = 0, panels = 0;
  for (size_t i = 0; i < rows;) {
    size_t n = 0, j = i;
    for (; j < rows && strcmp(table.text[j][2], table.text[i][2]) == 0; j++) {
      if (strcmp(table.text[j][0], "median") == 0) continue;
      value[n] = table.v[j][3];
      pixel[n++] = cx[at++];
    }
    straight += is_straight(pixel, value, n);
    panels++;
    i = j;
  }
  CHECK_INT(t, at, circles);
  CHECK(t, panels > 0);
  if (straight != panels) as_test_fail(t, __FILE__, __LINE__, "%s: dots are not where the numbers are", name);
}

/* Lines of ranks: the last line is drawn first, and ranks no farther down than there are lines are evenly spaced. */
static void check_ranks(as_test *t, const as_figures *f, const char *name, size_t cols) {
  const as_figure *g = find(t, f, name);
  if (!g) return;
  const size_t rows = read_rows(as_str_c(&g->csv), &table), circles = read_circles(as_str_c(&g->svg), cx, cy);
  CHECK_INT(t, rows, circles);
  CHECK_INT(t, rows % cols, 0);
  for (size_t i = 0; i < rows; i++) {
    const size_t line = rows / cols - 1 - i / cols;
    value[i] = table.v[line * cols + i % cols][2];
  }
  CHECK(t, is_straight(cy, value, rows));
}

/* Two axes, in columns a and b; logit or not; back: the last row is drawn first. Rows of other marks than `mark` in
 * column 0 are lines. */
typedef struct plot {
  const char *name, *mark;
  size_t a, b;
  bool logit, back;
} plot;

static void check_plot(as_test *t, const as_figures *f, const plot *p) {
  const as_figure *g = find(t, f, p->name);
  if (!g) return;
  static double u[MOST], v[MOST];
  const size_t rows = read_rows(as_str_c(&g->csv), &table), circles = read_circles(as_str_c(&g->svg), cx, cy);
  size_t n = 0;
  for (size_t i = 0; i < rows; i++) {
    const size_t row = p->back ? rows - 1 - i : i;
    if (p->mark && strcmp(table.text[row][0], p->mark) != 0) continue;
    u[n] = p->logit ? as_logit(table.v[row][p->a], 1e-9) : table.v[row][p->a];
    v[n] = p->logit ? as_logit(table.v[row][p->b], 1e-9) : table.v[row][p->b];
    n++;
  }
  CHECK_INT(t, n, circles);
  if (!is_straight(cx, u, n) || !is_straight(cy, v, n))
    as_test_fail(t, __FILE__, __LINE__, "%s: marks are not where the numbers are", p->name);
}

/* Every picture alone: XML, the style in it, the light palette in words, nothing that is loaded. */
static void check_alone(as_test *t, const as_figures *f) {
  static const char *const never[] = {"var(", "@media", "nan", "inf\"", "href", "<script", "url(", ":root"};
  for (size_t i = 0; i < f->n; i++) {
    const char *svg = as_str_c(&f->figure[i].svg), *csv = as_str_c(&f->figure[i].csv);
    const char *fault = reportmake_unbalanced(svg);
    if (fault) as_test_fail(t, __FILE__, __LINE__, "%s: %s", as_str_c(&f->figure[i].name), fault);
    for (size_t k = 0; k < sizeof never / sizeof *never; k++)
      if (strstr(svg, never[k]))
        as_test_fail(t, __FILE__, __LINE__, "%s: found %s", as_str_c(&f->figure[i].name), never[k]);
    CHECK(t,
          strncmp(svg, "<!--", 4) == 0 && strstr(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\"") != NULL);
    CHECK(t, strstr(svg, ".pt .dot { fill: #0067a5;") != NULL);
    CHECK(t, strchr(csv, '\n') && strchr(csv, '\n')[1] && !strstr(csv, "nan"));
  }
}

/* Five models on three sets, counts alone: the charts that published tables have. */
static void counts(as_test *t) {
  static const int64_t right[5][3] = {
      {810, 640, 300}, {760, 650, 410}, {700, 560, 200}, {650, 430, 260}, {500, 380, 90}};
  as_results r = {0};
  as_figures f = {0};
  as_err err = {0};
  CHECK_OK(t, as_results_init(&r, "counts", 5, 3, &err), err);
  for (size_t m = 0; m < 5; m++) {
    r.models[m].name = as_strdup((const char *const[]){"a", "b", "c", "d", "e"}[m], &err);
    for (size_t k = 0; k < 3; k++) reportmake_cell(&r, m, k, right[m][k], 1000, 0);
  }
  for (size_t k = 0; k < 3; k++)
    r.sets[k].name = as_strdup((const char *const[]){"val", "V2/x", "v2:x"}[k], &err);
  r.complete = true;
  CHECK_OK(t, as_report_figures(&f, &r, NULL, &err), err);
  check_alone(t, &f);
  check_dots(t, &f, "change");
  check_dots(t, &f, "unified");
  check_dots(t, &f, "robustness");
  check_ranks(t, &f, "ranks", 4);
  check_ranks(t, &f, "summaries", 7);
  check_plot(t, &f, &(plot){"against-v2-x", "dot", 2, 5, true, true});
  check_plot(t, &f, &(plot){"against-v2-x-2", "dot", 2, 5, true, true}); /* two sets, one plain name */
  const as_figure *g = find(t, &f, "change");
  if (g) CHECK(t, strstr(as_str_c(&g->csv), "dot,a,V2/x,-0.17") != NULL); /* 0.64 - 0.81 */
  g = find(t, &f, "translation");
  if (g) CHECK(t, strncmp(as_str_c(&g->csv), "set,gap_lo,gap_hi,pairs,share,share_lo,share_hi\n", 48) == 0);
  as_figures_clear(&f);
  as_results_clear(&r);
}

/* With images: calibration, classes, neighbours. */
static void images(as_test *t) {
  as_results r = {0};
  as_figures f = {0};
  as_err err = {0};
  reportmake_whole(t, &r);
  CHECK_OK(t, as_report_figures(&f, &r, NULL, &err), err);
  check_alone(t, &f);
  check_dots(t, &f, "neighbours");
  const as_figure *g = find(t, &f, "calibration-val");
  if (g) { /* each model: .4 sure and wrong, .9 sure and right */
    CHECK(t, strstr(as_str_c(&g->csv), "a,0.4000000059604645,0,140\n") != NULL);
    CHECK(t, strstr(as_str_c(&g->csv), "a,0.8999999761581421,1,260\n") != NULL);
    CHECK(t, strstr(as_str_c(&g->svg), ">b</text>") != NULL); /* alone, it names its lines */
  }
  g = find(t, &f, "classes-val");
  if (g)
    CHECK(t, strstr(as_str_c(&g->csv), "a,0,0\n") != NULL && strstr(as_str_c(&g->csv), "a,1,1\n") != NULL);
  as_figures_clear(&f);
  as_results_clear(&r);
}

/* Files: written, written again, and refused over somebody else's, all or nothing. */
static void files(as_test *t) {
  as_figures f = {0};
  as_err err = {0};
  as_str dir = {0}, path = {0};
  const char *names[] = {"A b/../c", "\xE6\x97\xA5", "\xE6\x9C\xAC", NULL};
  for (size_t i = 0; i < 4; i++) {
    as_figure *g = as_figures_add(&f, "x", names[i]);
    if (!g) as_test_fail(t, __FILE__, __LINE__, "no figure");
    if (!g) return;
    as_str_put(&g->svg, "<!-- own -->\n<svg/>\n");
    as_str_put(&g->csv, "a,b\n1,2\n");
  }
  CHECK_STR(t, as_str_c(&f.figure[0].name), "x-a-b-..-c");
  CHECK_STR(t, as_str_c(&f.figure[1].name), "x");
  CHECK_STR(t, as_str_c(&f.figure[2].name), "x-2");
  CHECK_STR(t, as_str_c(&f.figure[3].name), "x-3");
  as_str_printf(&dir, "%s/figures", as_test_tmp());
  CHECK_OK(t, as_figures_write(&f, as_str_c(&dir), &err), err);
  CHECK_OK(t, as_figures_write(&f, as_str_c(&dir), &err), err);
  as_str_printf(&path, "%s/x-3.csv", as_str_c(&dir));
  CHECK_OK(t, as_file_write(as_str_c(&path), "c,d\n", 4, &err), err);
  as_str_put(&f.figure[0].svg, "more");
  CHECK_STATUS(t, as_figures_write(&f, as_str_c(&dir), &err), AS_E_USAGE);
  CHECK(t, strstr(err.msg, "x-3.csv") != NULL);
  as_file file;
  as_str_clear(&path);
  as_str_printf(&path, "%s/x-a-b-..-c.svg", as_str_c(&dir));
  CHECK_OK(t, as_file_open(&file, as_str_c(&path), &err), err);
  CHECK_INT(t, file.size, 20); /* nothing was written */
  as_file_close(&file);
  as_names left = {0};
  CHECK_OK(t, as_dir_list(&left, as_str_c(&dir), &err), err);
  CHECK_INT(t, left.n, 8);
  as_names_clear(&left);
  as_str_clear(&path);
  as_str_clear(&dir);
  as_figures_clear(&f);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"figures: of counts, marks and numbers", counts},
                                  {"figures: of images", images},
                                  {"figures: as files", files}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
