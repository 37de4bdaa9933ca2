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
#include <stdlib.h>
#include <string.h>

#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
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

typedef struct search {
  const float *train, *query;
  const int *label;
  const size_t *used; /* [n] rows of train that have a label */
  size_t n, n_query, d, classes, k;
  double temperature, *norm_t, *norm_q;
  float margin;          /* 2 E, rounded up */
  float *tile, *qn, *tn; /* similarities, normalised blocks */
  void *pack;
  size_t q0, nq, t0, nt; /* the block in work */
  finder *find;          /* [QUERIES] */
  float *scores;
  int *top;
} search;

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

static void norms(const float *x, const size_t *used, size_t n, size_t d, double *norm) {
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

static float threshold(const search *s, const finder *f) {
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
  search *s = ctx;
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

static int nearer(const void *a, const void *b) {
  const ranked *p = a, *q = b;
  if (p->s != q->s) return p->s > q->s ? -1 : 1;
  return p->row < q->row ? -1 : p->row > q->row;
}

static void vote(void *ctx, size_t q, int worker) {
  (void)worker;
  search *s = ctx;
  finder *f = &s->find[q];
  size_t row = s->q0 + q;
  int *top = s->top + 5 * row;
  const float *x = s->query + row * s->d;
  for (int i = 0; i < 5; i++) top[i] = -1;
  if (s->scores) memset(s->scores + row * s->classes, 0, s->classes * sizeof(float));
  if (f->failed || !isfinite(s->norm_q[row])) return;
  prune(f, threshold(s, f));
  ranked *r = as_alloc(f->n, sizeof *r, NULL);
  size_t k = s->k < f->n ? s->k : f->n;
  struct {
    int label;
    double votes;
  } *sum = as_alloc(k ? k : 1, sizeof *sum, NULL);
  if (!r || !sum) {
    f->failed = true;
    as_free(r);
    as_free(sum);
    return;
  }
  for (size_t i = 0; i < f->n; i++) {
    const float *t = s->train + s->used[f->cand[i].row] * s->d;
    double dot = 0.0;
    for (size_t c = 0; c < s->d; c++) dot += (double)x[c] * (double)t[c];
    r[i].s = dot / (fmax(s->norm_q[row], 1e-12) * fmax(s->norm_t[f->cand[i].row], 1e-12));
    r[i].row = f->cand[i].row;
  }
  qsort(r, f->n, sizeof *r, nearer);
  size_t labels = 0;
  for (size_t i = 0; i < k; i++) { /* nearest first: the sums have one order */
    int label = s->label[s->used[r[i].row]];
    size_t at = 0;
    while (at < labels && sum[at].label != label) at++;
    if (at == labels) {
      sum[labels].label = label;
      sum[labels++].votes = 0.0;
    }
    sum[at].votes += as_exp(r[i].s / s->temperature);
  }
  for (int place = 0; place < 5; place++) {
    size_t best = labels;
    for (size_t i = 0; i < labels; i++)
      if (sum[i].votes >= 0.0 && (best == labels || sum[i].votes > sum[best].votes ||
                                  (sum[i].votes == sum[best].votes && sum[i].label < sum[best].label)))
        best = i;
    if (best == labels) break;
    top[place] = sum[best].label;
    if (s->scores) s->scores[row * s->classes + (size_t)sum[best].label] = (float)sum[best].votes;
    sum[best].votes = -1.0; /* taken */
  }
  for (size_t i = 0; s->scores && i < labels; i++)
    if (sum[i].votes >= 0.0) s->scores[row * s->classes + (size_t)sum[i].label] = (float)sum[i].votes;
  as_free(r);
  as_free(sum);
}

/* --- blocks -------------------------------------------------------------------------------------------- */

static void gather_row(void *ctx, size_t i, int worker) {
  (void)worker;
  search *s = ctx;
  memcpy(s->tn + i * s->d, s->train + s->used[s->t0 + i] * s->d, s->d * sizeof(float));
}

static as_status run_block(search *s, as_err *err) {
  for (size_t q = 0; q < s->nq; q++) s->find[q].found = s->find[q].n = 0;
  as_l2_normalize(s->nq, (int)s->d, s->query + s->q0 * s->d, s->d, s->qn, s->d);
  for (s->t0 = 0; s->t0 < s->n; s->t0 += TRAIN) {
    s->nt = s->n - s->t0 < TRAIN ? s->n - s->t0 : TRAIN;
    as_par_for(s->nt, gather_row, s);
    as_l2_normalize(s->nt, (int)s->d, s->tn, s->d, s->tn, s->d);
    as_gemm_nt(s->nq, s->nt, s->d, s->qn, s->d, s->tn, s->d, s->tile, TRAIN, s->pack);
    as_par_for(s->nq, scan_query, s);
  }
  as_par_for(s->nq, vote, s);
  for (size_t q = 0; q < s->nq; q++)
    if (s->find[q].failed) return as_fail(err, AS_E_ENV, "k-NN: out of memory for the candidates");
  return AS_OK;
}

static as_status prepare(search *s, size_t *used, size_t n_train, as_err *err) {
  for (size_t i = 0; i < n_train; i++) {
    if (s->label[i] < 0) continue;
    if ((size_t)s->label[i] >= s->classes)
      return as_fail(err, AS_E_USAGE, "k-NN: training row %zu has class %d, wanted less than %zu", i,
                     s->label[i], s->classes);
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
  norms(s->train, s->used, s->n, s->d, s->norm_t);
  norms(s->query, NULL, s->n_query, s->d, s->norm_q);
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

as_status as_knn(const float *train, const int *train_label, size_t n_train, const float *query,
                 size_t n_query, size_t d, size_t classes, int k, double temperature, float *scores, int *top,
                 as_err *err) {
  if (k < 1 || d < 1 || classes < 1 || !(temperature >= 0.002))
    return as_fail(err, AS_E_USAGE,
                   "k-NN: found k = %d, T = %g, %zu classes, wanted k >= 1, T >= 0.002, classes >= 1", k,
                   temperature, classes);
  if (n_query == 0) return AS_OK;
  size_t *used = as_alloc(n_train ? n_train : 1, sizeof *used, err);
  if (!used) return AS_E_ENV;
  search s = {0};
  s.train = train;
  s.query = query;
  s.label = train_label;
  s.used = used;
  s.n_query = n_query;
  s.d = d;
  s.classes = classes;
  s.k = (size_t)k;
  s.temperature = temperature;
  s.scores = scores;
  s.top = top;
  as_status st = prepare(&s, used, n_train, err);
  for (s.q0 = 0; st == AS_OK && s.q0 < n_query; s.q0 += QUERIES) {
    s.nq = n_query - s.q0 < QUERIES ? n_query - s.q0 : QUERIES;
    st = run_block(&s, err);
  }
  for (size_t q = 0; s.find && q < QUERIES; q++) {
    as_free(s.find[q].best);
    as_free(s.find[q].cand);
  }
  as_free(s.find);
  as_free(s.norm_t);
  as_free(s.norm_q);
  as_free(s.tile);
  as_free(s.qn);
  as_free(s.tn);
  as_free(s.pack);
  as_free(used);
  return st;
}
