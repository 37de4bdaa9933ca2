#include "eval/stats/stats_order.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "tensor/base/mem.h"

/* Up to so many values are compared pair by pair, which needs no memory; so are more where there is none. */
enum { FEW = 64 };

/* The bits of v as a number that rises with it: the sign bit of the positive ones turned, all bits of the negative.
 * -0 counts as 0. */
static uint64_t rising_bits(double v) {
  uint64_t bits;
  v += 0.0;
  memcpy(&bits, &v, sizeof bits);
  return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

void as_sort_rising(as_keyed *s, as_keyed *tmp, size_t n) {
  as_keyed *from = s, *to = tmp;
  for (int shift = 0; shift < 64 && n; shift += 8) {
    size_t count[256] = {0};
    for (size_t i = 0; i < n; i++) count[rising_bits(from[i].v) >> shift & 255]++;
    if (count[rising_bits(from[0].v) >> shift & 255] == n) continue; /* the same byte in all */
    for (size_t b = 0, start = 0, c; b < 256; b++, start += c) {
      c = count[b];
      count[b] = start;
    }
    for (size_t i = 0; i < n; i++) to[count[rising_bits(from[i].v) >> shift & 255]++] = from[i];
    as_keyed *sorted = to;
    to = from;
    from = sorted;
  }
  if (from != s) memcpy(s, from, n * sizeof *s);
}

/* The values that are there, negated, the highest first; *m = how many. NULL: no memory. */
static as_keyed *falling(const double *v, size_t n, size_t *m) {
  as_keyed *s = as_alloc(n ? n : 1, 2 * sizeof *s, NULL);
  *m = 0;
  for (size_t i = 0; s && i < n; i++)
    if (!isnan(v[i])) s[(*m)++] = (as_keyed){-v[i], i};
  if (s) as_sort_rising(s, s + n, *m);
  return s;
}

as_status as_falling_order(const double *v, size_t n, size_t *order, size_t *m, as_err *err) {
  as_keyed *s = falling(v, n, m);
  if (!s) return as_fail(err, AS_E_ENV, "order: out of memory");
  for (size_t i = 0; i < *m; i++) order[i] = s[i].at;
  as_free(s);
  return AS_OK;
}

void as_rank_mean(const double *v, size_t n, double *rank) {
  size_t m = 0;
  as_keyed *s = n > FEW ? falling(v, n, &m) : NULL;
  if (s) {
    for (size_t i = 0; i < n; i++) rank[i] = NAN;
    for (size_t i = 0, j; i < m; i = j) {
      for (j = i + 1; j < m && s[j].v == s[i].v;) j++;
      for (size_t k = i; k < j; k++) rank[s[k].at] = (double)i + 0.5 * (double)(j - i + 1);
    }
    as_free(s);
    return;
  }
  for (size_t i = 0; i < n; i++) {
    if (isnan(v[i])) {
      rank[i] = NAN;
      continue;
    }
    size_t above = 0, equal = 0;
    for (size_t j = 0; j < n; j++) {
      above += v[j] > v[i];
      equal += v[j] == v[i];
    }
    rank[i] = (double)above + 0.5 * (double)(equal + 1);
  }
}

/* --- two orders ------------------------------------------------------------------------------------------- */

typedef struct point {
  double x, y;
} point;

static int64_t pairs_of(size_t n) {
  return (int64_t)n * ((int64_t)n - 1) / 2;
}

/* Merge sort of p[n] by y; returns the inversions, pairs that stand in falling order of y. */
static int64_t sort_counting(point *p, point *tmp, size_t n) {
  if (n < 2) return 0;
  size_t half = n / 2, i = 0, j = half;
  int64_t count = sort_counting(p, tmp, half) + sort_counting(p + half, tmp, n - half);
  for (size_t k = 0; k < n; k++) {
    bool right = i == half || (j < n && p[j].y < p[i].y);
    if (right) count += (int64_t)(half - i); /* it passes all that are left of the left half */
    tmp[k] = right ? p[j++] : p[i++];
  }
  memcpy(p, tmp, n * sizeof *p);
  return count;
}

/* p[n]: by rising x, and where x ties by rising y. Knight 1966. In the order of x, and of y where x ties, the pairs in opposite order are the inversions of y:
 * ties of x stand in rising order of y and give none. */
static as_order_pairs count_sorted(point *p, point *tmp, size_t n) {
  as_order_pairs c = {.pairs = pairs_of(n)};
  int64_t tied_both = 0;
  for (size_t i = 0, j; i < n; i = j) {
    for (j = i + 1; j < n && p[j].x == p[i].x;) j++;
    c.tied_x += pairs_of(j - i);
    for (size_t k = i, l; k < j; k = l) {
      for (l = k + 1; l < j && p[l].y == p[k].y;) l++;
      tied_both += pairs_of(l - k);
    }
  }
  c.opposite = sort_counting(p, tmp, n);
  for (size_t i = 0, j; i < n; i = j) {
    for (j = i + 1; j < n && p[j].y == p[i].y;) j++;
    c.tied_y += pairs_of(j - i);
  }
  c.same = c.pairs - c.tied_x - c.tied_y + tied_both - c.opposite;
  return c;
}

as_order_pairs as_order_count(const double *x, const double *y, size_t n) {
  point *p = n > FEW ? as_alloc(2 * n, sizeof *p, NULL) : NULL;
  as_keyed *s = p ? as_alloc(2 * n, sizeof *s, NULL) : NULL;
  as_order_pairs c = {0};
  if (s) {
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
      if (!isnan(x[i]) && !isnan(y[i])) s[m++] = (as_keyed){y[i], i};
    as_sort_rising(s, s + n, m);
    for (size_t i = 0; i < m; i++) s[i].v = x[s[i].at];
    as_sort_rising(s, s + n, m);
    for (size_t i = 0; i < m; i++) p[i] = (point){s[i].v, y[s[i].at]};
    c = count_sorted(p, p + n, m);
  }
  const bool sorted = s;
  as_free(p);
  as_free(s);
  if (sorted) return c;
  for (size_t i = 1; i < n; i++) {
    if (isnan(x[i]) || isnan(y[i])) continue;
    for (size_t j = 0; j < i; j++) {
      if (isnan(x[j]) || isnan(y[j])) continue;
      int a = (x[i] > x[j]) - (x[i] < x[j]), b = (y[i] > y[j]) - (y[i] < y[j]);
      c.pairs++;
      c.tied_x += a == 0;
      c.tied_y += b == 0;
      c.same += a * b > 0;
      c.opposite += a * b < 0;
    }
  }
  return c;
}

double as_kendall_tau_b(const double *x, const double *y, size_t n) {
  as_order_pairs c = as_order_count(x, y, n);
  int64_t nx = c.pairs - c.tied_x, ny = c.pairs - c.tied_y;
  if (nx == 0 || ny == 0) return NAN;
  return (double)(c.same - c.opposite) / sqrt((double)nx * (double)ny);
}
