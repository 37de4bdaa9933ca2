/* Blocked exact search: queries by training rows in tiles of one GEMM, candidates by threshold, then
 * the few that could be among the k nearest again in double.
 *
 * The margin. u = 2^-24. as_l2_normalize sums d squares in 16 lanes, so the norm has a relative error of at
 * most (d / 32 + 5) u, an element of the normalised row one u more; the product of two rows is one chain
 * with an error of at most d u sum|a_i b_i| <= d u (1 + small). Together |float - exact| <= E with
 *   E = 1.01 u (d + 2 (d / 32 + 6)),
 * as long as no square overflows or vanishes: rows with a norm outside [1e-15, 1e15] switch the
 * shortcut off (E = infinity: every row is a candidate). If f_k is the k-th largest float similarity, k rows
 * have an exact one of at least f_k - E, so a row with f < f_k - 2 E is not among the k nearest. */
#include "eval/learn/knn.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/base/text.h"
#include "tensor/linear.h"
#include "tensor/norm.h"

enum {
  QUERIES =
      4096, /* so many that bringing a block of training rows into shape costs little beside its products */
  TRAIN = 2048,
  NORM_ROWS = 256
};

typedef struct candidate {
  float f;
  uint32_t row; /* position in the list of used rows */
} candidate;

typedef struct ranked {
  double s;
  uint32_t row;
} ranked;

/* What one query has found so far. */
typedef struct finder {
  float *best; /* [k] heap of the largest float similarities, smallest at [0] */
  size_t found;
  candidate *cand;
  size_t n, cap;
  bool failed; /* out of memory */
} finder;

typedef struct knn_search {
  const as_labelled *train;
  const float *query;
  const size_t *used; /* [n] rows of train that have a label */
  size_t n, n_query, d, k;
  double temperature, shift; /* a vote is exp((similarity - shift) / temperature) */
  const uint8_t *may_win;
  double *norm_t, *norm_q;
  float margin;          /* 2 E, rounded up */
  float *tile, *qn, *tn; /* similarities, normalised blocks */
  void *pack;
  size_t q0, nq, t0, nt; /* the block in work */
  finder *find;          /* [QUERIES] */
  float *scores;
  int *top;
  const as_watch *watch;
} knn_search;

/* --- norms -------------------------------------------------------------------------------------------- */

typedef struct norm_job {
  const float *x;
  const size_t *used;
  size_t n, d;
  double *norm; /* NaN or inf where the row is not finite */
} norm_job;

static void norm_rows(void *ctx, size_t chunk, int worker) {
  (void)worker;
  const norm_job *j = ctx;
  for (size_t i = chunk * NORM_ROWS; i < j->n && i < (chunk + 1) * NORM_ROWS; i++) {
    const float *x = j->x + (j->used ? j->used[i] : i) * j->d;
    double sum = 0.0;
    for (size_t c = 0; c < j->d; c++) sum += (double)x[c] * (double)x[c];
    j->norm[i] = sqrt(sum);
  }
}

static void take_norms(const float *x, const size_t *used, size_t n, size_t d, double *norm) {
  norm_job j = {x, used, n, d, norm};
  as_par_for((n + NORM_ROWS - 1) / NORM_ROWS, norm_rows, &j);
}

/* --- candidates --------------------------------------------------------------------------------------- */

static void heap_put(finder *f, size_t k, float v) {
  size_t i;
  if (f->found < k) { /* sift up */
    i = f->found++;
    while (i > 0 && f->best[(i - 1) / 2] > v) {
      f->best[i] = f->best[(i - 1) / 2];
      i = (i - 1) / 2;
    }
  } else { /* replace the smallest, sift down */
    i = 0;
    for (;;) {
      size_t c = 2 * i + 1;
      if (c + 1 < k && f->best[c + 1] < f->best[c]) c++;
      if (c >= k || f->best[c] >= v) break;
      f->best[i] = f->best[c];
      i = c;
    }
  }
  f->best[i] = v;
}

static float threshold(const knn_search *s, const finder *f) {
  return f->found < s->k ? -INFINITY : f->best[0] - s->margin;
}

static void prune(finder *f, float low) {
  size_t kept = 0;
  for (size_t i = 0; i < f->n; i++)
    if (f->cand[i].f >= low) f->cand[kept++] = f->cand[i];
  f->n = kept;
}

static void scan_query(void *ctx, size_t q, int worker) {
  (void)worker;
  knn_search *s = ctx;
  finder *f = &s->find[q];
  const float *sim = s->tile + q * TRAIN;
  float low = threshold(s, f);
  if (f->failed) return;
  for (size_t i = 0; i < s->nt; i++) {
    float v = sim[i];
    if (!(v >= low)) continue; /* NaN: the query is not finite */
    if (f->found < s->k || v > f->best[0]) {
      heap_put(f, s->k, v);
      low = threshold(s, f);
    }
    if (f->n == f->cap) {
      prune(f, low);
      /* growing only when at least half survives keeps the total work linear */
      if (f->n >= f->cap / 2) {
        void *p = f->cand;
        f->failed = as_grow(&p, &f->cap, 2 * f->n + 64, sizeof *f->cand, NULL) != AS_OK;
        f->cand = p;
        if (f->failed) return;
      }
    }
    f->cand[f->n].f = v;
    f->cand[f->n++].row = (uint32_t)(s->t0 + i);
  }
}

/* --- exact order and votes ------------------------------------------------------------------------------ */

/* Votes of one class. */
typedef struct tally {
  int label;
  double votes; /* negative once it has its place among the answers */
} tally;

static int nearer(const void *a, const void *b) {
  const ranked *p = a, *q = b;
  if (p->s != q->s) return p->s > q->s ? -1 : 1;
  return p->row < q->row ? -1 : p->row > q->row;
}

/* The query's candidates by their exact similarity, nearest first. */
static void rank_candidates(const knn_search *s, const finder *f, size_t row, ranked *r) {
  const float *x = s->query + row * s->d;
  for (size_t i = 0; i < f->n; i++) {
    const float *t = s->train->x + s->used[f->cand[i].row] * s->d;
    double dot = 0.0;
    for (size_t c = 0; c < s->d; c++) dot += (double)x[c] * (double)t[c];
    r[i].s = dot / (fmax(s->norm_q[row], 1e-12) * fmax(s->norm_t[f->cand[i].row], 1e-12));
    r[i].row = f->cand[i].row;
  }
  qsort(r, f->n, sizeof *r, nearer);
}

/* Sums the votes of the k nearest by class, nearest first so that each sum has one order; returns how many
 * classes have one. */
static size_t count_votes(const knn_search *s, const ranked *r, size_t k, tally *sum) {
  size_t labels = 0;
  for (size_t i = 0; i < k; i++) {
    int label = s->train->y[s->used[r[i].row]];
    size_t at = 0;
    while (at < labels && sum[at].label != label) at++;
    if (at == labels) sum[labels++] = (tally){label, 0.0};
    sum[at].votes += as_exp((r[i].s - s->shift) / s->temperature);
  }
  return labels;
}

/* The up to five classes with most votes among those that may win; equal votes to the lower class. */
static void place_answers(const knn_search *s, tally *sum, size_t labels, int top[5]) {
  for (int place = 0; place < 5; place++) {
    size_t best = labels;
    for (size_t i = 0; i < labels; i++) {
      if (sum[i].votes < 0.0 || (s->may_win && !s->may_win[sum[i].label])) continue;
      if (best == labels || sum[i].votes > sum[best].votes ||
          (sum[i].votes == sum[best].votes && sum[i].label < sum[best].label))
        best = i;
    }
    if (best == labels) return;
    top[place] = sum[best].label;
    sum[best].votes = -1.0;
  }
}

static void answer_query(void *ctx, size_t q, int worker) {
  (void)worker;
  knn_search *s = ctx;
  finder *f = &s->find[q];
  size_t row = s->q0 + q;
  int *top = s->top + 5 * row;
  float *scores = s->scores ? s->scores + row * s->train->classes : NULL;
  for (int i = 0; i < 5; i++) top[i] = -1;
  if (scores) memset(scores, 0, s->train->classes * sizeof *scores);
  if (f->failed || !isfinite(s->norm_q[row])) return;
  prune(f, threshold(s, f));
  size_t k = s->k < f->n ? s->k : f->n;
  ranked *r = as_alloc(f->n, sizeof *r, NULL);
  tally *sum = as_alloc(k ? k : 1, sizeof *sum, NULL);
  f->failed = !r || !sum;
  if (!f->failed) {
    rank_candidates(s, f, row, r);
    size_t labels = count_votes(s, r, k, sum);
    for (size_t i = 0; scores && i < labels; i++) scores[sum[i].label] = (float)sum[i].votes;
    place_answers(s, sum, labels, top);
  }
  as_free(r);
  as_free(sum);
}

/* --- blocks -------------------------------------------------------------------------------------------- */

static void gather_row(void *ctx, size_t i, int worker) {
  (void)worker;
  knn_search *s = ctx;
  memcpy(s->tn + i * s->d, s->train->x + s->used[s->t0 + i] * s->d, s->d * sizeof(float));
}

static as_status run_block(knn_search *s, as_err *err) {
  for (size_t q = 0; q < s->nq; q++) s->find[q].found = s->find[q].n = 0;
  as_l2_normalize(s->nq, (int)s->d, s->query + s->q0 * s->d, s->d, s->qn, s->d);
  for (s->t0 = 0; s->t0 < s->n; s->t0 += TRAIN) {
    if (as_watch_stop(s->watch)) return as_fail(err, AS_E_STOPPED, "stopped while looking for neighbours");
    s->nt = s->n - s->t0 < TRAIN ? s->n - s->t0 : TRAIN;
    as_par_for(s->nt, gather_row, s);
    as_l2_normalize(s->nt, (int)s->d, s->tn, s->d, s->tn, s->d);
    as_gemm_nt(&(as_product){s->nq, s->nt, s->d, s->qn, s->d, s->tn, s->d, s->tile, TRAIN}, s->pack);
    as_par_for(s->nq, scan_query, s);
  }
  as_par_for(s->nq, answer_query, s);
  for (size_t q = 0; q < s->nq; q++)
    if (s->find[q].failed) return as_fail(err, AS_E_ENV, "k-NN: out of memory for the candidates");
  return AS_OK;
}

static as_status prepare_search(knn_search *s, size_t *used, as_err *err) {
  const as_labelled *t = s->train;
  for (size_t i = 0; i < t->n; i++) {
    if (t->y[i] < 0) continue;
    if ((size_t)t->y[i] >= t->classes)
      return as_fail(err, AS_E_USAGE, "k-NN: training row %zu has class %d, wanted less than %zu", i, t->y[i],
                     t->classes);
    used[s->n++] = i;
  }
  if (s->n == 0) return as_fail(err, AS_E_USAGE, "k-NN: found no training row with a label");
  if (s->n > UINT32_MAX) return as_fail(err, AS_E_USAGE, "k-NN: more than 2^32 training rows");
  if (s->k > s->n) s->k = s->n;
  size_t queries = s->n_query < QUERIES ? s->n_query : QUERIES;
  s->norm_t = as_alloc(s->n, sizeof(double), err);
  s->norm_q = as_alloc(s->n_query, sizeof(double), err);
  s->tile = as_alloc(queries * TRAIN, sizeof(float), err);
  s->qn = as_alloc(queries * s->d, sizeof(float), err);
  s->tn = as_alloc(TRAIN * s->d, sizeof(float), err);
  s->pack = as_alloc(as_gemm_scratch(TRAIN, s->d), 1, err);
  s->find = as_calloc(QUERIES, sizeof *s->find, err);
  if (!s->norm_t || !s->norm_q || !s->tile || !s->qn || !s->tn || !s->pack || !s->find) return AS_E_ENV;
  for (size_t q = 0; q < queries; q++) {
    s->find[q].best = as_alloc(s->k, sizeof(float), err);
    if (!s->find[q].best) return AS_E_ENV;
  }
  take_norms(t->x, s->used, s->n, s->d, s->norm_t);
  take_norms(s->query, NULL, s->n_query, s->d, s->norm_q);
  bool in_range = true;
  for (size_t i = 0; i < s->n; i++) {
    if (!isfinite(s->norm_t[i]))
      return as_fail(err, AS_E_INPUT, "k-NN: training row %zu is not finite", s->used[i]);
    in_range &= s->norm_t[i] == 0.0 || (s->norm_t[i] >= 1e-15 && s->norm_t[i] <= 1e15);
  }
  for (size_t i = 0; i < s->n_query; i++)
    in_range &=
        !isfinite(s->norm_q[i]) || s->norm_q[i] == 0.0 || (s->norm_q[i] >= 1e-15 && s->norm_q[i] <= 1e15);
  double d = (double)s->d, e = 1.01 * 0x1p-24 * (d + 2.0 * (d / 32.0 + 6.0));
  /* one more ulp: the subtraction best - margin rounds too */
  s->margin = in_range ? (float)(2.0 * e + 0x1p-22) : INFINITY;
  return AS_OK;
}

/* Below this temperature exp(1 / T) is near the end of float32. */
static const double coldest_plain = 0.0125;

as_knn_opts as_knn_resolve(as_knn_opts opts) {
  if (opts.k == 0) opts.k = 20;
  if (opts.temperature == 0.0) opts.temperature = 0.07;
  return opts;
}

const char *as_knn_text(as_knn_opts opts, char buf[64]) {
  char number[32];
  opts = as_knn_resolve(opts);
  as_f64_text(opts.temperature, number);
  snprintf(buf, 64, "k %d, T %s", opts.k, number);
  return buf;
}

static void release_search(knn_search *s) {
  for (size_t q = 0; s->find && q < QUERIES; q++) {
    as_free(s->find[q].best);
    as_free(s->find[q].cand);
  }
  as_free(s->find);
  as_free(s->norm_t);
  as_free(s->norm_q);
  as_free(s->tile);
  as_free(s->qn);
  as_free(s->tn);
  as_free(s->pack);
}

as_status as_knn(const as_labelled *train, const as_knn_opts *opts, const float *query, size_t n_query,
                 const uint8_t *may_win, float *scores, int *top, as_err *err) {
  const as_knn_opts o = as_knn_resolve(*opts);
  if (o.k < 1 || train->d < 1 || train->classes < 1 || !(o.temperature >= 0.002))
    return as_fail(err, AS_E_USAGE,
                   "k-NN: found k = %d, T = %g, %zu classes, wanted k >= 1, T >= 0.002, classes >= 1", o.k,
                   o.temperature, train->classes);
  if (n_query == 0) return AS_OK;
  size_t *used = as_alloc(train->n ? train->n : 1, sizeof *used, err);
  if (!used) return AS_E_ENV;
  knn_search s = {.train = train,
                  .query = query,
                  .used = used,
                  .n_query = n_query,
                  .d = train->d,
                  .k = (size_t)o.k,
                  .temperature = o.temperature,
                  .watch = o.watch,
                  .shift = o.temperature < coldest_plain ? 1.0 : 0.0,
                  .may_win = may_win,
                  .scores = scores,
                  .top = top};
  as_status st = prepare_search(&s, used, err);
  for (s.q0 = 0; st == AS_OK && s.q0 < n_query; s.q0 += QUERIES) {
    s.nq = n_query - s.q0 < QUERIES ? n_query - s.q0 : QUERIES;
    st = run_block(&s, err);
  }
  release_search(&s);
  as_free(used);
  return st;
}
