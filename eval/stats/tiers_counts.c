/* Ranks and tiers from values with variances, in n log n. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/stats/tiers_int.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"

/* The values in falling order, and for every node of a binary tree over them the smallest and the largest
 * variance below it, and the highest tier so far: node 1 is the whole, 2 i and 2 i + 1 are the halves of i. */
typedef struct margin_tree {
  double *v, *var; /* [m] in falling order of v */
  size_t m;
  double z2;
  struct span {
    double lo, hi;
    size_t tier;
  } * node;
} margin_tree;

static struct span build_margins(margin_tree *t, size_t node, size_t from, size_t to) {
  struct span a = {t->var[from], t->var[from], 0};
  if (to - from > 1) {
    size_t mid = from + (to - from) / 2;
    struct span l = build_margins(t, 2 * node, from, mid), r = build_margins(t, 2 * node + 1, mid, to);
    a.lo = fmin(l.lo, r.lo);
    a.hi = fmax(l.hi, r.hi);
  }
  return t->node[node] = a;
}

/* Of the places of a node, all on one side of place i: are all of them farther from it than the margin allows, or
 * none, or must one look closer? It is decided at once where its nearest value is too far even for its largest
 * variance, or its farthest near enough for its smallest. Rounded sums and products rise with their operands, so
 * this is what comparing one by one would say; and variances are about p (1 - p) / n, much the same for neighbours,
 * so few nodes are opened. */
typedef enum beyond { NONE_BEYOND, ALL_BEYOND, SOME_BEYOND } beyond;
static beyond look_beyond(const margin_tree *t, size_t node, size_t from, size_t to, size_t i) {
  bool above = to <= i;
  double own = t->var[i], v = t->v[i];
  double near = t->v[above ? to - 1 : from] - v, far = t->v[above ? from : to - 1] - v;
  if (near * near >= t->z2 * (own + t->node[node].hi)) return ALL_BEYOND;
  if (far * far < t->z2 * (own + t->node[node].lo)) return NONE_BEYOND;
  return to - from == 1 ? ALL_BEYOND : SOME_BEYOND; /* 1: its variance is missing */
}

/* How many of the places low..high-1 are beyond the margin of place i, which is not among them? */
static size_t count_beyond(const margin_tree *t, size_t node, size_t from, size_t to, size_t i, size_t low,
                           size_t high) {
  if (high <= from || to <= low) return 0;
  if (low <= from && to <= high) {
    beyond b = look_beyond(t, node, from, to, i);
    if (b != SOME_BEYOND) return b == ALL_BEYOND ? to - from : 0;
  }
  size_t mid = from + (to - from) / 2;
  return count_beyond(t, 2 * node, from, mid, i, low, high) +
         count_beyond(t, 2 * node + 1, mid, to, i, low, high);
}

/* The highest tier, if above `best`, of the places before i that are beyond its margin. */
static size_t tier_beyond(const margin_tree *t, size_t node, size_t from, size_t to, size_t i, size_t best) {
  if (from >= i || t->node[node].tier <= best) return best;
  if (to <= i) {
    beyond b = look_beyond(t, node, from, to, i);
    if (b != SOME_BEYOND) return b == ALL_BEYOND ? t->node[node].tier : best;
  }
  size_t mid = from + (to - from) / 2;
  best = tier_beyond(t, 2 * node, from, mid, i, best);
  return tier_beyond(t, 2 * node + 1, mid, to, i, best);
}

static void set_tier(margin_tree *t, size_t i, size_t tier) {
  for (size_t node = 1, from = 0, to = t->m;;) {
    if (t->node[node].tier < tier) t->node[node].tier = tier;
    if (to - from == 1) return;
    size_t mid = from + (to - from) / 2;
    bool right = i >= mid;
    node = 2 * node + right;
    *(right ? &from : &to) = mid;
  }
}

static void free_margins(margin_tree *t) {
  as_free(t->v);
  as_free(t->node);
}

/* order: [n], filled with the places' models; t is released with free_margins, in failure too. */
static as_status margins_make(margin_tree *t, const double *v, const double *var, size_t n, size_t *order,
                              as_err *err) {
  *t = (margin_tree){0};
  as_status st = as_falling_order(v, n, order, &t->m, err);
  size_t room = t->m ? t->m : 1;
  if (st != AS_OK) return st;
  t->v = as_alloc(room, 2 * sizeof *t->v, err);
  t->node = as_alloc(4 * room, sizeof *t->node, err);
  if (!t->v || !t->node) return AS_E_ENV;
  t->var = t->v + t->m;
  for (size_t i = 0; i < t->m; i++) {
    t->v[i] = v[order[i]];
    t->var[i] = var[order[i]];
  }
  if (t->m) build_margins(t, 1, 0, t->m);
  return AS_OK;
}

/* Place i has value and variance of the place before it, and so the same places beyond its margin: published tables
 * are rounded, and many of their models are such twins. */
static bool is_twin(const margin_tree *t, size_t i) {
  return i > 0 && t->v[i] == t->v[i - 1] && t->var[i] == t->var[i - 1];
}

/* Rank intervals at the margin of t; equal values are on neither side. */
static void ranks_beyond(const margin_tree *t, const size_t *order, double *lo, double *hi) {
  for (size_t i = 0, j; i < t->m; i = j) {
    for (j = i + 1; j < t->m && t->v[j] == t->v[i];) j++;
    for (size_t k = i; k < j; k++) {
      size_t above = k > i && is_twin(t, k) ? order[k - 1] : SIZE_MAX;
      lo[order[k]] = above != SIZE_MAX ? lo[above] : (double)(1 + count_beyond(t, 1, 0, t->m, k, 0, i));
      hi[order[k]] = above != SIZE_MAX ? hi[above] : (double)(t->m - count_beyond(t, 1, 0, t->m, k, j, t->m));
    }
  }
}

as_status as_rank_unpaired(const double *v, const double *var, size_t n, double z, double *lo, double *hi,
                           as_err *err) {
  margin_tree t = {0};
  size_t *order = as_alloc(n ? n : 1, sizeof *order, err);
  as_status st = order ? margins_make(&t, v, var, n, order, err) : AS_E_ENV;
  if (st == AS_OK) {
    t.z2 = z * z;
    for (size_t i = 0; i < n; i++) lo[i] = hi[i] = NAN;
    ranks_beyond(&t, order, lo, hi);
  }
  free_margins(&t);
  as_free(order);
  return st;
}

double as_share_variance(double p, double n, double step) {
  double q = (p * n + 1.0) / (n + 2.0);
  return q * (1.0 - q) / (n + 2.0) + step * step / 12.0;
}

static int64_t count_resolved(const margin_tree *t) {
  int64_t found = 0, own = 0; /* own: of the place at hand; an equal value is never beyond */
  for (size_t i = 0; i + 1 < t->m; i++) {
    if (!is_twin(t, i)) own = (int64_t)count_beyond(t, 1, 0, t->m, i, i + 1, t->m);
    found += own;
  }
  return found;
}

/* Holm's procedure rejects the hypotheses with the smallest p values as long as the i-th of M is at most
 * alpha / (M - i + 1). It needs no list of them: reject what is below alpha / M, R_1 hypotheses; then what is below
 * alpha / (M - R_1), R_2 of them; and so on until none is added. Every p value that falls in the step from R_k to
 * R_(k+1) has a place i > R_k and is at most alpha / (M - R_k) <= alpha / (M - i + 1), so Holm rejects it; and
 * where R stays, p_(R+1) > alpha / (M - R), so Holm stops there. A step counts the pairs beyond a margin, in
 * n log n. To stop early would reject less and stay valid, but is not needed: the margin hardly moves after the
 * second step. */
as_status as_tiers_counts(as_tiers *t, const double *v, const double *var, size_t n, double alpha,
                          as_err *err) {
  margin_tree m = {0};
  as_status st = as_tiers_init(t, n, err);
  if (st == AS_OK && !(t->v = as_alloc(n ? n : 1, 2 * sizeof *t->v, err))) st = AS_E_ENV;
  if (st == AS_OK && n) {
    t->var = t->v + n;
    memcpy(t->v, v, n * sizeof *v);
    memcpy(t->var, var, n * sizeof *var);
  }
  if (st == AS_OK) st = margins_make(&m, v, var, n, t->order, err);
  if (st == AS_OK) {
    t->n = m.m;
    t->pairs = (int64_t)m.m * ((int64_t)m.m - 1) / 2;
    for (bool more = t->pairs > 0; more;) {
      int64_t before = t->resolved;
      t->z = -as_norm_ppf(0.5 * alpha / (double)(t->pairs - before));
      m.z2 = t->z * t->z;
      t->resolved = count_resolved(&m);
      more = t->resolved > before && t->resolved < t->pairs;
    }
    ranks_beyond(&m, t->order, t->rank_lo, t->rank_hi);
    for (size_t i = 0; i < m.m; i++) {
      size_t tier = 1 + tier_beyond(&m, 1, 0, m.m, i, 0);
      set_tier(&m, i, tier);
      as_tiers_place(t, t->order[i], tier);
    }
    for (size_t i = 0; i + 1 < m.m; i++) t->step[i] = (m.v[i] - m.v[i + 1]) / sqrt(m.var[i] + m.var[i + 1]);
  }
  free_margins(&m);
  if (st != AS_OK) as_tiers_clear(t);
  return st;
}
