/* eval/svg: scales, ticks, label spreading and placement, the bytes of marks. */
#include "eval/report/svg.h"

#include <string.h>

#include "eval/report/curves.h"

#include "tests/harness.h"

static void linear_scale(as_test *t) {
  as_svg_scale s = as_svg_scale_make(0, 1, 100, 200, false);
  CHECK_NEAR(t, as_svg_at(&s, 0.5), 150, 1e-9);
  CHECK(t, as_svg_at(&s, 0) > 100 && as_svg_at(&s, 1) < 200); /* a margin on both sides */
  double tick[8];
  size_t n = as_svg_ticks(&s, tick, 8);
  CHECK_INT(t, n, 6); /* 0, 0.2, ... 1 */
  CHECK_NEAR(t, tick[0], 0, 0);
  CHECK_NEAR(t, tick[1], 0.2, 1e-15);
  CHECK_INT(t, as_svg_tick_decimals(tick, n, 0.01), 0);
  s = as_svg_scale_make(0.5, 0.5, 0, 10, false); /* one value */
  CHECK(t, s.lo < 0.5 && s.hi > 0.5);
  s = as_svg_scale_make(INFINITY, -INFINITY, 0, 10, false); /* none */
  CHECK(t, s.lo < s.hi);
}

static void logit_scale(as_test *t) {
  as_svg_scale s = as_svg_scale_make(0.1, 0.9, 400, 0, true); /* pixels may fall */
  CHECK_NEAR(t, as_svg_at(&s, 0.5), 200, 1e-9);               /* symmetric */
  /* logit distances: 0.5 to 0.75 is ln 3, as far as 0.75 to 0.9. */
  double a = as_svg_at(&s, 0.5), b = as_svg_at(&s, 0.75), c = as_svg_at(&s, 0.9);
  CHECK_NEAR(t, a - b, b - c, 1e-9);
  CHECK(t, a > b);
  double tick[12];
  size_t n = as_svg_ticks(&s, tick, 12);
  CHECK(t, n >= 3 && n <= 12);
  for (size_t i = 1; i < n; i++) CHECK(t, tick[i] > tick[i - 1]);
  /* The ends of the unit interval stay finite. */
  s = as_svg_scale_make(0, 1, 0, 100, true);
  CHECK(t, s.lo > 0 && s.hi < 1);
  CHECK(t, isfinite(as_svg_at(&s, 0)) && isfinite(as_svg_at(&s, 1)));
  /* A narrow range takes linear ticks. */
  s = as_svg_scale_make(0.761, 0.768, 0, 100, true);
  CHECK(t, as_svg_ticks(&s, tick, 8) >= 3);
  CHECK(t, as_svg_tick_decimals(tick, 2, 0.01) >= 1);
}

static void tick_counts(as_test *t) {
  double tick[8];
  for (double width = 1e-4; width < 2; width *= 1.7) {
    for (size_t max = 2; max <= 8; max++) {
      as_svg_scale s = as_svg_scale_make(-0.37, -0.37 + width, 0, 100, false);
      size_t n = as_svg_ticks(&s, tick, max);
      CHECK(t, n <= max);
      for (size_t i = 0; i < n; i++) CHECK(t, tick[i] >= s.lo - 1e-12 && tick[i] <= s.hi + 1e-12);
    }
  }
}

static void spread(as_test *t) {
  double y[] = {10, 10, 10, 50};
  as_svg_spread(y, 4, 15, 0, 100);
  for (size_t i = 1; i < 4; i++) CHECK(t, y[i] - y[i - 1] >= 15 - 1e-9);
  CHECK_NEAR(t, y[0], 10, 0);
  double z[] = {95, 96, 97};
  as_svg_spread(z, 3, 15, 0, 100); /* pushed back from the end */
  CHECK_NEAR(t, z[2], 100, 1e-9);
  CHECK_NEAR(t, z[0], 70, 1e-9);
}

static void placement(as_test *t) {
  as_svg_box store[40];
  as_svg_boxes b = {store, 0, 40, {0, 0, 200, 200}};
  double x, y, drawn[6][2];
  size_t n = 0;
  /* Six labels at one point: those that get a place do not overlap and stay inside. */
  for (int i = 0; i < 6; i++)
    if (as_svg_place(&b, (as_svg_mark){100, 100, 4}, 50, 12, &x, &y)) {
      drawn[n][0] = x;
      drawn[n++][1] = y;
    }
  CHECK(t, n >= 4);
  for (size_t i = 0; i < n; i++) {
    CHECK(t, drawn[i][0] >= 0 && drawn[i][0] + 50 <= 200);
    for (size_t j = i + 1; j < n; j++)
      CHECK(t, fabs(drawn[i][0] - drawn[j][0]) >= 50 || fabs(drawn[i][1] - drawn[j][1]) >= 12);
  }
  /* No place in a frame that is too small. */
  as_svg_boxes none = {store, 0, 40, {0, 0, 40, 40}};
  CHECK(t, !as_svg_place(&none, (as_svg_mark){5, 5, 4}, 50, 12, &x, &y));
}

static void marks(as_test *t) {
  as_str s = {0};
  as_svg_line(&s, 0, 1.25, -0.01, 3, "grid");
  CHECK_STR(t, as_str_c(&s), "<line class=\"grid\" x1=\"0.0\" y1=\"1.2\" x2=\"0.0\" y2=\"3.0\"/>\n");
  as_str_clear(&s);
  as_svg_text(&s, 1, 2, 'e', "n", "<a&b>", 0);
  CHECK_STR(t, as_str_c(&s),
            "<text class=\"n\" x=\"1.0\" y=\"2.0\" text-anchor=\"end\">&lt;a&amp;b&gt;</text>\n");
  as_str_clear(&s);
  double x[] = {0, 10, 20, 30}, y[] = {5, NAN, 7, 9};
  as_svg_polyline(&s, x, y, 4, "l");
  CHECK_STR(t, as_str_c(&s), "<path class=\"l\" d=\"M0.0 5.0M20.0 7.0L30.0 9.0\"/>\n");
  as_str_clear(&s);
}

static size_t count_of(const char *text, const char *what) {
  size_t n = 0;
  for (const char *p = text; (p = strstr(p, what)) != NULL; p++) n++;
  return n;
}

/* A panel per curve that was measured, a dot per epoch in which it was, and a file that stands alone. */
static void curves(as_test *t) {
  const double loss[3] = {3, 2, 1.5}, none[3] = {NAN, NAN, NAN}, late[3] = {NAN, 0.1, 0.2};
  const as_curve c[] = {{"loss", loss}, {"k-NN <top-1>", late}, {"rank", none}};
  as_str out = {0};
  as_curves_svg(&out, "a & b", c, 3, 3);
  CHECK(t, !out.failed);
  const char *s = as_str_c(&out);
  CHECK(t, strncmp(s, "<svg xmlns=\"http://www.w3.org/2000/svg\"", 39) == 0);
  CHECK_INT(t, count_of(s, "class=\"frame\""), 2);
  CHECK_INT(t, count_of(s, "<circle"), 5);
  CHECK_INT(t, count_of(s, "prefers-color-scheme") + count_of(s, "var("), 0); /* one palette, in words */
  CHECK(t, strstr(s, "a &amp; b") && strstr(s, "k-NN &lt;top-1&gt;") && !strstr(s, "rank<"));
  CHECK(t, !strstr(s, "nan"));
  as_str_clear(&out);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"svg: linear scale and ticks", linear_scale},
                                  {"svg: logit scale", logit_scale},
                                  {"svg: never more ticks than asked, none outside", tick_counts},
                                  {"svg: labels spread", spread},
                                  {"svg: labels find free places", placement},
                                  {"svg: marks as bytes", marks},
                                  {"svg: curves of a training", curves}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
