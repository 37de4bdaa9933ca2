#include "eval/stats/stats_translation.h"

#include <math.h>
#include <stdbool.h>

#include "eval/stats/metrics.h"
#include "eval/stats/stats_order.h"
#include "tensor/base/mem.h"

const double as_translation_edges[AS_TRANSLATION_BINS + 1] = {0.0,  0.001, 0.0025, 0.005, 0.01,
                                                              0.02, 0.03,  0.05,   0.10,  1.0};

/* Counts in half pairs: 2 = kept, 1 = tied on the variant. */
typedef struct tally {
  int64_t pairs, half;
} tally;

/* Variance of the share by the delete-one jackknife over models (Efron and Stein 1981): leaving out model
 * i takes its pairs away. The sample size at which independent pairs would vary as much is
 * share (1 - share) / variance. */
static double equal_size(const tally *of, size_t n, const tally *all, int64_t models) {
  double share = 0.5 * (double)all->half / (double)all->pairs, mean = 0.0, var = 0.0;
  /* no pair or every pair kept: nothing varies; the models could form at most this many pairs without
   * sharing one */
  double least = fmax(1.0, floor(0.5 * (double)models));
  size_t m = 0;
  for (int pass = 0; pass < 2; pass++)
    for (size_t i = 0; i < n; i++) {
      int64_t left = all->pairs - of[i].pairs;
      if (of[i].pairs == 0 || left == 0) continue;
      double without = 0.5 * (double)(all->half - of[i].half) / (double)left;
      if (pass == 0) {
        mean += without;
        m++;
      } else {
        var += (without - mean / (double)m) * (without - mean / (double)m);
      }
    }
  if (m < 3 || !(var > 0.0)) return fmin((double)all->pairs, least);
  var *= (double)(m - 1) / (double)m;
  double size = share * (1.0 - share) / var;
  if (!(size > 0.0)) return fmin((double)all->pairs, least);
  return fmin(fmax(size, 1.0), (double)all->pairs);
}

/* --- counting the pairs ---------------------------------------------------------------------------------- */

/* A model with both values. */
typedef struct runner {
  double x;        /* on the base */
  size_t model;    /* its number */
  uint32_t y_rank; /* place of its value on the variant among the different ones, 0 = the lowest */
} runner;

/* Where the gap of model i passes an edge: its partners are less than the edge away from place p on (below
 * it), or up to place p (above it). */
typedef struct border {
  size_t i, p;
} border;

/* In rising order of the base the partners of a model whose gap lies in a bin stand side by side, once below
 * and once above it. So all that is asked of them is differences of "how many of the first p models have a
 * lower, how many an equal value on the variant?", with p where the gap passes an edge. One sweep answers
 * these in order of p; for one edge and side p rises with i. */
typedef struct sweep {
  runner *run; /* [n] by rising base */
  size_t n, bins;
  const double *edges;
  /* Counts of the first p models, [n] by y_rank: with that very rank; of lower ones in the same block of 2^block ranks;
   * and in all blocks before a block. Some 80 questions are asked for each model that is counted in, so a question
   * reads two numbers, and counting in writes up to a block and a number for every block, both about sqrt(n). */
  uint32_t *plain, *within, *before;
  unsigned block;
  border *edge[2]; /* [bins + 1] below, above */
  tally *of;       /* [bins * n] by place in run */
  as_translation_bin *out;
} sweep;

static void count_in(sweep *w, uint32_t rank) {
  const size_t mine = rank >> w->block, end = (mine + 1) << w->block;
  w->plain[rank]++;
  for (size_t r = (size_t)rank + 1; r < end && r < w->n; r++) w->within[r]++;
  for (size_t b = mine + 1; b <= w->n >> w->block; b++) w->before[b]++;
}

static int64_t count_lower(const sweep *w, uint32_t rank) {
  return (int64_t)w->before[rank >> w->block] + w->within[rank];
}

/* Moves b->p to the border of model b->i. A gap of exactly 0 is in no bin. */
static void find_border(const sweep *w, border *b, double edge, bool above) {
  const runner *r = w->run;
  if (above) {
    if (b->p < b->i) b->p = b->i;
    while (b->p < w->n && !(r[b->p].x - r[b->i].x >= edge && r[b->p].x > r[b->i].x)) b->p++;
  } else {
    while (b->p < b->i && r[b->i].x - r[b->p].x >= edge && r[b->i].x > r[b->p].x) b->p++;
  }
}

/* Edge e parts bin e - 1 from bin e: what the first p models say to model i is taken from the one and added
 * to the other. A partner below keeps its place if its value on the variant is lower, one above if it is
 * higher. */
static void answer_border(sweep *w, size_t e, const border *b, bool above) {
  const runner *r = &w->run[b->i];
  int64_t p = (int64_t)b->p, lower = count_lower(w, r->y_rank), equal = w->plain[r->y_rank];
  int64_t half = above ? 2 * p - 2 * lower - equal : 2 * lower + equal;
  for (int side = 0; side < 2; side++) { /* the bin above the edge, the bin below it */
    if (side == 0 ? e == w->bins : e == 0) continue;
    size_t bin = e - (size_t)side;
    int64_t sign = (side == 0) != above ? 1 : -1;
    tally *t = &w->of[bin * w->n + b->i];
    t->pairs += sign * p;
    t->half += sign * half;
    if (!above) continue; /* every pair once */
    w->out[bin].pairs += sign * p;
    w->out[bin].tied += sign * equal;
    w->out[bin].kept += sign * half; /* for now: 2 kept + tied */
  }
}

static void count_pairs(sweep *w) {
  for (size_t p = 0; p <= w->n; p++) {
    for (int above = 0; above < 2; above++)
      for (size_t e = 0; e <= w->bins; e++)
        for (border *b = &w->edge[above][e]; b->i < w->n; b->i++) {
          find_border(w, b, w->edges[e], above);
          if (b->p > p) break;
          answer_border(w, e, b, above);
        }
    if (p < w->n) count_in(w, w->run[p].y_rank);
  }
  for (size_t b = 0; b < w->bins; b++) w->out[b].kept = (w->out[b].kept - w->out[b].tied) / 2;
}

/* Fills run and n with the models that have both values; s: [2 n], rank: [n], both for use here alone. */
static void line_up(sweep *w, const double *base, const double *shift, size_t n, as_keyed *s,
                    uint32_t *rank) {
  for (size_t i = 0; i < n; i++)
    if (isfinite(base[i]) && isfinite(shift[i])) s[w->n++] = (as_keyed){shift[i], i};
  as_sort_rising(s, s + n, w->n);
  uint32_t y_rank = 0;
  for (size_t i = 0; i < w->n; i++) {
    if (i > 0 && shift[s[i].at] > shift[s[i - 1].at]) y_rank++;
    rank[s[i].at] = y_rank;
    s[i].v = base[s[i].at];
  }
  as_sort_rising(s, s + n, w->n);
  for (size_t i = 0; i < w->n; i++) w->run[i] = (runner){s[i].v, s[i].at, rank[s[i].at]};
}

as_status as_translation(const double *base, const double *shift, size_t n, const double *edges, size_t bins,
                         double confidence, as_translation_bin *out, as_err *err) {
  const size_t room = n ? n : 1;
  sweep w = {.bins = bins, .edges = edges, .out = out};
  while (n >> w.block > (size_t)1 << w.block) w.block++;
  w.of = as_calloc(room * (bins ? bins : 1), sizeof *w.of, err);
  w.run = as_calloc(room, sizeof *w.run, err);
  w.plain = as_calloc(room, 2 * sizeof *w.plain, err);
  w.before = as_calloc((n >> w.block) + 1, sizeof *w.before, err);
  w.edge[0] = as_calloc(bins + 1, 2 * sizeof *w.edge[0], err);
  as_keyed *keys = as_alloc(room, 2 * sizeof *keys, err);
  uint32_t *rank = as_alloc(room, sizeof *rank, err);
  tally *one = as_calloc(room, sizeof *one, err); /* [n] a bin's, by model */
  bool ok = w.of && w.run && w.plain && w.before && w.edge[0] && keys && rank && one;
  if (ok) {
    w.within = w.plain + room;
    w.edge[1] = w.edge[0] + bins + 1;
    for (size_t b = 0; b < bins; b++)
      out[b] = (as_translation_bin){.gap_lo = edges[b], .gap_hi = edges[b + 1]};
    line_up(&w, base, shift, n, keys, rank);
    count_pairs(&w);
  }
  for (size_t b = 0; ok && b < bins; b++) {
    as_translation_bin *o = &out[b];
    o->share = o->lo = o->hi = NAN;
    for (size_t i = 0; i < w.n; i++) {
      one[w.run[i].model] = w.of[b * w.n + i];
      o->models += w.of[b * w.n + i].pairs > 0;
    }
    if (o->pairs == 0) continue;
    tally all = {o->pairs, 2 * o->kept + o->tied};
    o->share = 0.5 * (double)all.half / (double)all.pairs;
    as_wilson_share(o->share, equal_size(one, n, &all, o->models), confidence, &o->lo, &o->hi);
  }
  as_free(w.of);
  as_free(w.run);
  as_free(w.plain);
  as_free(w.before);
  as_free(w.edge[0]);
  as_free(keys);
  as_free(rank);
  as_free(one);
  return ok ? AS_OK : AS_E_ENV;
}
