/* The training kernels, dgemm of the probe among them: every variant against ref, as test_kernels.c does it; ref against double. */
#define _DEFAULT_SOURCE
#define _POSIX_C_SOURCE 200809L
#include "tensor/kern/kernels.h"

#include "tests/unit/kernel_cases.h"

/* What a case hands to its call; where a kernel has several outputs they lie one behind the other in `out`, so that
 * one comparison sees all of them. */
typedef struct train_args {
  size_t rows, c, ld;
  const float *in[5];
  float *out;
  int flag;
} train_args;

/* ---- sums over rows ---- */

static void call_colsum(as_fn_any *fn, void *v) {
  const train_args *a = v;
  ((as_fn_colsum *)fn)(a->rows, a->c, a->in[0], a->ld, a->out);
}
static void call_colsq(as_fn_any *fn, void *v) {
  const train_args *a = v;
  ((as_fn_colsq *)fn)(a->rows, a->c, a->in[0], a->ld, a->in[1], a->out);
}
static void call_copyp(as_fn_any *fn, void *v) {
  const train_args *a = v;
  ((as_fn_copyp *)fn)(a->rows, a->c, a->in[0], a->ld, a->out, AS_NR);
}

static int columns_all(as_test *t, probe *p) {
  const int copy = strcmp(p->op, "copyp") == 0;
  p->call = copy ? call_copyp : strcmp(p->op, "colsq") == 0 ? call_colsq : call_colsum;
  for (size_t c = 1; c <= (copy ? 32u : 150u); c = c < 40 ? c + 1 : c == 40 ? 63 : c + 13)
    for (size_t rows = 0; rows <= 9; rows += 3)
      for (int end = 0; end < 2; end++)
        for (int mode = 0; mode < MODES; mode++) {
          train_args a = {rows, c, c + counter % 3, {0}, NULL, 0};
          buffer *x = place(0, span(rows, c, a.ld), end, 0), *m = place(1, c, end, 0);
          fill(x, rows, c, a.ld, (values)mode);
          fill(m, 1, c, 1, (values)mode);
          p->rows = copy ? rows : 1, p->cols = c, p->ld = copy ? AS_NR : c;
          p->out = place(8, span(p->rows, c, p->ld), end, 0);
          fill(p->out, p->rows, c, p->ld, NORMAL);
          a.in[0] = x->data, a.in[1] = m->data, a.out = p->out->data;
          p->args = &a;
          snprintf(p->what, sizeof p->what, "rows %zu c %zu values %d", rows, c, mode);
          if (!check(t, p)) return 0;
        }
  return 1;
}

static void columns_exact(as_test *t) {
  each_variant(t, "colsum", columns_all);
  each_variant(t, "colsq", columns_all);
  each_variant(t, "copyp", columns_all);
}

static void call_gemmt(as_fn_any *fn, void *v) {
  ((as_fn_gemmt *)fn)(v);
}

/* Two segments of different lengths, each in a buffer of its own. */
static int products_all(as_test *t, probe *p) {
  p->call = call_gemmt;
  for (size_t m = 1; m <= AS_MR; m++)
    for (size_t n = AS_NR / 2; n <= AS_NR; n += AS_NR / 2)
      for (int end = 0; end < 2; end++)
        for (int mode = 0; mode < MODES; mode++) {
          const size_t k[2] = {counter % 4, 5 + counter % 7}, lda = m + counter % 3, ldb = n + counter % 5;
          buffer *a0 = place(0, span(k[0], m, lda), end, 0), *a1 = place(1, span(k[1], m, lda), end, 0);
          buffer *b0 = place(2, span(k[0], n, ldb), end, 0), *b1 = place(3, span(k[1], n, ldb), end, 0);
          fill(a0, k[0], m, lda, (values)mode);
          fill(a1, k[1], m, lda, (values)mode);
          fill(b0, k[0], n, ldb, (values)mode);
          fill(b1, k[1], n, ldb, (values)mode);
          p->rows = m, p->cols = n, p->ld = AS_NR;
          p->out = place(8, span(m, n, AS_NR), end, 0);
          fill(p->out, m, n, AS_NR, NORMAL);
          const float *a[2] = {a0->data, a1->data}, *b[2] = {b0->data, b1->data};
          as_gemmt_args g = {.m = m, .n = n, .nseg = 2, .k = k, .a = a, .lda = lda, .b = b, .ldb = ldb};
          g.c = p->out->data;
          p->args = &g;
          snprintf(p->what, sizeof p->what, "m %zu n %zu k %zu + %zu, b %zu apart, values %d", m, n, k[0],
                   k[1], ldb, mode);
          if (!check(t, p)) return 0;
        }
  return 1;
}

static void products_exact(as_test *t) {
  each_variant(t, "gemmt", products_all);
}

/* Totals in double: their upper and lower halves are the two rows compared; what lies behind them must stay. */
typedef struct dgemm_args {
  size_t m, k, lda, ldc;
  const double *a, *b;
  double *c;
} dgemm_args;

static void call_dgemm(as_fn_any *fn, void *args) {
  const dgemm_args *g = args;
  ((as_fn_dgemm *)fn)(g->m, g->k, g->a, g->lda, g->b, g->c, g->ldc);
}

/* n doubles in buffer i, with all of their digits; products of TINY ones are denormal. */
static double *place_doubles(size_t i, size_t n, int end, values mode) {
  double *x = (double *)(void *)place(i, 2 * n, end, 0)->data;
  for (size_t j = 0; j < n; j++)
    x[j] = (double)value(mode) * (1 + (double)value(NORMAL) * 0x1p-24) * (mode == TINY ? 0x1p-450 : 1.0);
  return x;
}

static int dgemm_all(as_test *t, probe *p) {
  for (size_t m = 0; m <= 19; m++)
    for (size_t k = 0; k <= 130; k = k < 6 ? k + 1 : 3 * k - 7)
      for (int end = 0; end < 2; end++)
        for (int mode = 0; mode < MODES; mode++) {
          dgemm_args g = {m, k, k + counter % 4, AS_ND + counter % 3, NULL, NULL, NULL};
          g.a = place_doubles(0, m && k ? span(m, k, g.lda) : 1, end, (values)mode);
          g.b = place_doubles(1, k ? k * AS_ND : 1, end, (values)mode);
          g.c = place_doubles(8, m ? span(m, AS_ND, g.ldc) : 1, end, (values)mode);
          p->out = &pool[8], p->rows = 1, p->cols = p->ld = pool[8].n, p->call = call_dgemm, p->args = &g;
          snprintf(p->what, sizeof p->what, "m %zu k %zu values %d", m, k, mode);
          if (!check(t, p)) return 0;
        }
  return 1;
}
static void dgemm_exact(as_test *t) {
  each_variant(t, "dgemm", dgemm_all);
}

static void call_addd(as_fn_any *fn, void *v) {
  const train_args *a = v;
  enum { BEHIND = 16 };
  double total[150 + BEHIND];
  for (size_t i = 0; i < a->c + BEHIND; i++) total[i] = i < a->c ? (double)a->out[i] * (1 + 0x1p-30) : 7.0;
  ((as_fn_addd *)fn)(a->c, a->in[0], total);
  size_t kept = 0;
  while (kept < BEHIND && total[a->c + kept] == 7.0) kept++;
  for (size_t i = 0; i < a->c; i++) {
    a->out[i] = kept == BEHIND ? (float)total[i] : 12345.0f;
    a->out[a->c + i] = (float)(total[i] - (double)a->out[i]);
  }
}

static int addd_all(as_test *t, probe *p) {
  p->call = call_addd;
  for (size_t c = 1; c < 150; c++)
    for (int end = 0; end < 2; end++) {
      train_args a = {1, c, c, {0}, NULL, 0};
      buffer *x = place(0, c, end, 0);
      fill(x, 1, c, c, NORMAL);
      p->rows = 2, p->cols = c, p->ld = c;
      p->out = place(8, 2 * c, end, 0);
      fill(p->out, 2, c, c, NORMAL);
      a.in[0] = x->data, a.out = p->out->data;
      p->args = &a;
      snprintf(p->what, sizeof p->what, "c %zu", c);
      if (!check(t, p)) return 0;
    }
  return 1;
}

static void addd_exact(as_test *t) {
  each_variant(t, "addd", addd_all);
}

/* ---- BatchNorm ---- */

static void call_bnfwd(as_fn_any *fn, void *v) {
  ((as_fn_bnfwd *)fn)(v);
}

static int bnfwd_all(as_test *t, probe *p) {
  for (size_t c = 1; c <= 70; c = c < 35 ? c + 1 : c + 7)
    for (int flags = 0; flags < 8; flags++) /* 1 residual, 2 relu, 4 in place */
      for (int end = 0; end < 2; end++) {
        const values mode = (values)((c + (size_t)flags) % MODES);
        const size_t rows = 1 + counter % 4, ld = c + counter % 3;
        buffer *x = place(0, span(rows, c, ld), end, 0), *r = place(1, span(rows, c, ld), end, 0);
        as_bnorm_args a = {.rows = rows, .c = c, .x = x->data, .ldx = ld};
        const float **channel[4] = {&a.mean, &a.rstd, &a.gamma, &a.beta};
        for (size_t i = 0; i < 4; i++) {
          buffer *b = place(2 + i, c, end, 0);
          fill(b, 1, c, 1, NORMAL);
          *channel[i] = b->data;
        }
        fill(x, rows, c, ld, mode);
        fill(r, rows, c, ld, mode);
        if (flags & 1) a.residual = r->data, a.ldr = ld;
        a.relu = (flags & 2) != 0;
        p->out = flags & 4 ? x : place(8, span(rows, c, ld), end, 0);
        a.out = p->out->data, a.ldy = ld;
        p->rows = rows, p->cols = c, p->ld = ld, p->call = call_bnfwd, p->args = &a;
        snprintf(p->what, sizeof p->what, "rows %zu c %zu flags %d values %d", rows, c, flags, (int)mode);
        if (!check(t, p)) return 0;
      }
  return 1;
}

/* out: dy [rows * c], sum [c], sumx [c] */
/* In channel 0 xh gamma + beta is 2^-46, and 0 if the product is rounded first: whether a mask is fused shows there alone. */
static void plant_edge(buffer *x, buffer *mean, buffer *rstd, buffer *gamma, buffer *beta) {
  x->data[0] = gamma->data[0] = 1.0f + 0x1p-23f;
  mean->data[0] = 0.0f, rstd->data[0] = 1.0f;
  beta->data[0] = -1.0f - 0x1p-22f;
}

static void call_bnsum(as_fn_any *fn, void *v) {
  ((as_fn_bnsum *)fn)(v);
}

static int bnsum_all(as_test *t, probe *p) {
  for (size_t c = 1; c <= 70; c = c < 35 ? c + 1 : c + 7)
    for (int relu = 0; relu < 3; relu++) /* none, y is read, y is made again */
      for (int end = 0; end < 2; end++) {
        const values mode = (values)((c + (size_t)relu) % MODES);
        const size_t rows = 1 + counter % 4, ld = c + counter % 3;
        buffer *x = place(0, span(rows, c, ld), end, 0), *y = place(1, span(rows, c, ld), end, 0);
        fill(x, rows, c, ld, mode);
        fill(y, rows, c, ld, NORMAL);
        p->out = place(8, rows * c + 2 * c, end, 0);
        fill(p->out, 1, p->out->n, 1, mode);
        as_bnorm_args a = {.rows = rows, .c = c, .x = x->data, .ldx = ld, .relu = relu == 2};
        const float **channel[4] = {&a.mean, &a.rstd, &a.gamma, &a.beta};
        buffer *b[4];
        for (size_t i = 0; i < (relu == 2 ? 4u : 2u); i++) {
          b[i] = place(2 + i, c, end, 0);
          fill(b[i], 1, c, 1, NORMAL);
          *channel[i] = b[i]->data;
        }
        if (relu == 2) plant_edge(x, b[0], b[1], b[2], b[3]);
        a.y = relu == 1 ? y->data : NULL, a.ldy = ld, a.dy = p->out->data, a.lddy = c;
        a.sum = a.dy + rows * c, a.sumx = a.sum + c;
        p->rows = 1, p->cols = p->ld = p->out->n, p->call = call_bnsum, p->args = &a;
        snprintf(p->what, sizeof p->what, "rows %zu c %zu relu %d values %d", rows, c, relu, (int)mode);
        if (!check(t, p)) return 0;
      }
  return 1;
}

static void call_bnbwd(as_fn_any *fn, void *v) {
  ((as_fn_bnbwd *)fn)(v);
}

static int bnbwd_all(as_test *t, probe *p) {
  for (size_t c = 1; c <= 70; c = c < 35 ? c + 1 : c + 7)
    for (int where = 0; where < 6; where++) /* apart, dx is dy, dx is x; the same behind a ReLU */
      for (int end = 0; end < 2; end++) {
        const values mode = (values)((c + (size_t)where) % MODES);
        const size_t rows = 1 + counter % 4, ld = c + counter % 3;
        buffer *x = place(0, span(rows, c, ld), end, 0), *dy = place(1, span(rows, c, ld), end, 0);
        fill(x, rows, c, ld, mode);
        fill(dy, rows, c, ld, mode);
        as_bnorm_args a = {.rows = rows, .c = c, .x = x->data, .ldx = ld, .dy = dy->data, .lddy = ld};
        const float **channel[7] = {&a.mean, &a.rstd, &a.k, &a.meang, &a.meanx, &a.gamma, &a.beta};
        a.relu = where >= 3;
        buffer *b[7];
        for (size_t i = 0; i < (a.relu ? 7u : 5u); i++) {
          b[i] = place(2 + i, c, end, 0);
          fill(b[i], 1, c, 1, NORMAL);
          *channel[i] = b[i]->data;
        }
        if (a.relu) plant_edge(x, b[0], b[1], b[5], b[6]);
        p->out = where % 3 == 0 ? place(9, span(rows, c, ld), end, 0) : where % 3 == 1 ? dy : x;
        a.out = p->out->data, a.ldy = ld;
        p->rows = rows, p->cols = c, p->ld = ld, p->call = call_bnbwd, p->args = &a;
        snprintf(p->what, sizeof p->what, "rows %zu c %zu where %d values %d", rows, c, where, (int)mode);
        if (!check(t, p)) return 0;
      }
  return 1;
}

static void bnorm_exact(as_test *t) {
  each_variant(t, "bnfwd", bnfwd_all);
  each_variant(t, "bnsum", bnsum_all);
  each_variant(t, "bnbwd", bnbwd_all);
}

/* ---- rows and elements ---- */

static void call_pair(as_fn_any *fn, void *v) {
  const train_args *a = v;
  ((as_fn_relub *)fn)(a->c, a->in[0], a->in[1], a->out);
}
static void call_softb(as_fn_any *fn, void *v) {
  const train_args *a = v;
  ((as_fn_softb *)fn)(a->c, 0.3f, a->in[0], a->in[1], a->out);
}
static void call_ema(as_fn_any *fn, void *v) {
  const train_args *a = v;
  ((as_fn_ema *)fn)(a->c, 0.99f, 1.0f - 0.99f, a->in[0], a->out);
}
/* out: dx, dgamma, dbeta */
static void call_lnb(as_fn_any *fn, void *v) {
  const train_args *a = v;
  const as_lnb_args l = {a->c, a->in[0], a->in[2], a->in[1], 1e-6f, a->out, a->out + a->c, a->out + 2 * a->c};
  ((as_fn_lnb *)fn)(&l);
}
/* out: p, b */
static void call_sgd(as_fn_any *fn, void *v) {
  const train_args *a = v;
  const as_sgd_args s = {a->c, a->out, a->out + a->c,      a->in[0],          0.03f,
                         0.9f, 1e-4f,  (a->flag & 1) != 0, (a->flag & 2) != 0};
  ((as_fn_sgd *)fn)(&s);
}
/* out: p, m, v */
static void call_adamw(as_fn_any *fn, void *v) {
  const train_args *a = v;
  const as_adamw_args w = {
      a->c,  a->out, a->out + a->c, a->out + 2 * a->c, a->in[0], 0.9999f, 0.9f, 0.1f, 0.999f, 0.001f,
      0.02f, 0.3f,   1e-8f};
  ((as_fn_adamw *)fn)(&w);
}

static int elements_all(as_test *t, probe *p) {
  static const struct {
    const char *op;
    void (*call)(as_fn_any *fn, void *v);
    size_t outputs;
  } ops[] = {{"relub", call_pair, 1},  {"gelub", call_pair, 1}, {"l2b", call_pair, 1},
             {"softb", call_softb, 1}, {"ema", call_ema, 1},    {"lnb", call_lnb, 3},
             {"sgd", call_sgd, 2},     {"adamw", call_adamw, 3}};
  size_t o = 0;
  while (strcmp(ops[o].op, p->op) != 0) o++;
  p->call = ops[o].call;
  for (size_t n = 1; n <= 210; n = n < 70 ? n + 1 : n + 19)
    for (int end = 0; end < 2; end++)
      for (int mode = 0; mode < MODES; mode++)
        for (int flag = 0; flag < 4; flag++) {
          train_args a = {1, n, n, {0}, NULL, flag};
          for (size_t i = 0; i < 3; i++) {
            buffer *b = place(i, n, end, 0);
            fill(b, 1, n, 1, (values)mode);
            a.in[i] = b->data;
          }
          p->out = place(8, n * ops[o].outputs, end, 0);
          fill(p->out, 1, p->out->n, 1, (values)mode);
          a.out = p->out->data;
          p->rows = 1, p->cols = p->ld = p->out->n, p->args = &a;
          snprintf(p->what, sizeof p->what, "n %zu flag %d values %d", n, flag, mode);
          if (!check(t, p)) return 0;
        }
  return 1;
}

static void elements_exact(as_test *t) {
  static const char *const ops[] = {"relub", "gelub", "l2b", "softb", "ema", "lnb", "sgd", "adamw"};
  for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) each_variant(t, ops[i], elements_all);
}

/* ---- ref against central differences and written-out steps, in double ---- */

enum { N = 37 };

static double draw(uint64_t i) {
  return as_rng_uniform(as_rng_make(11, 3), i) * 2.0 - 1.0;
}

/* sum_i w_i f_i(x) for the row functions, all in double. */
static double row_loss(const char *op, const double *x, const double *w) {
  double sum = 0, norm = 0, mean = 0, var = 0, most = -1e300, part = 0;
  for (int i = 0; i < N; i++) norm += x[i] * x[i], mean += x[i] / N, most = fmax(most, 0.3 * x[i]);
  for (int i = 0; i < N; i++) var += (x[i] - mean) * (x[i] - mean) / N, part += exp(0.3 * x[i] - most);
  for (int i = 0; i < N; i++) {
    const double f = strcmp(op, "gelub") == 0   ? 0.5 * x[i] * erfc(-x[i] * 0.70710678118654752440)
                     : strcmp(op, "l2b") == 0   ? x[i] / sqrt(norm)
                     : strcmp(op, "softb") == 0 ? exp(0.3 * x[i] - most) / part
                                                : (x[i] - mean) / sqrt(var + 1e-6) * (1.0 + 0.1 * i) + 0.2;
    sum += w[i] * f;
  }
  return sum;
}

static void reverse_rows(as_test *t) {
  static const char *const ops[] = {"gelub", "l2b", "softb", "lnb"};
  for (size_t o = 0; o < 4; o++) {
    double x[N], w[N];
    float xf[N], wf[N], p[N], dx[N], gamma[N], dgamma[N] = {0}, dbeta[N] = {0};
    for (int i = 0; i < N; i++) {
      xf[i] = (float)(2.0 * draw((uint64_t)i)), x[i] = (double)xf[i];
      wf[i] = (float)draw((uint64_t)i + 100), w[i] = (double)wf[i];
      gamma[i] = (float)(1.0 + 0.1 * i);
    }
    if (o == 0) as_k_gelub_ref(N, xf, wf, dx);
    if (o == 1) as_k_l2b_ref(N, xf, wf, dx);
    if (o == 2) {
      as_k_softmax_ref(1, N, 0.3f, xf, N, p, N);
      as_k_softb_ref(N, 0.3f, p, wf, dx);
    }
    if (o == 3) as_k_lnb_ref(&(as_lnb_args){N, xf, gamma, wf, 1e-6f, dx, dgamma, dbeta});
    double scale = 0;
    for (int i = 0; i < N; i++) scale = fmax(scale, fabs((double)dx[i]));
    for (int i = 0; i < N; i++) {
      const double h = 1e-5, at = x[i];
      x[i] = at + h;
      const double up = row_loss(ops[o], x, w);
      x[i] = at - h;
      const double down = row_loss(ops[o], x, w);
      x[i] = at;
      CHECK_NEAR(t, (double)dx[i] / scale, (up - down) / (2 * h) / scale, 1e-5);
    }
  }
}

/* Three steps with given gradients, written out in double as torch.optim documents them. */
static void optimiser_steps(as_test *t) {
  float p[N], b[N], g[N], q[N], m[N] = {0}, v[N] = {0};
  double pd[N], bd[N] = {0}, qd[N], md[N] = {0}, vd[N] = {0};
  for (int i = 0; i < N; i++) pd[i] = qd[i] = (double)(p[i] = q[i] = (float)draw((uint64_t)i));
  for (int s = 1; s <= 3; s++) {
    for (int i = 0; i < N; i++) {
      g[i] = (float)draw((uint64_t)(1000 * s + i));
      const double d = (double)g[i] + 1e-2 * pd[i], gd = (double)g[i];
      bd[i] = s == 1 ? d : 0.9 * bd[i] + d;
      pd[i] -= 0.1 * (d + 0.9 * bd[i]);
      qd[i] *= 1 - 0.01 * 0.1;
      md[i] = 0.9 * md[i] + 0.1 * gd;
      vd[i] = 0.999 * vd[i] + 0.001 * gd * gd;
      qd[i] -= 0.01 / (1 - pow(0.9, s)) * md[i] / (sqrt(vd[i]) / sqrt(1 - pow(0.999, s)) + 1e-8);
    }
    as_k_sgd_ref(&(as_sgd_args){N, p, b, g, 0.1f, 0.9f, 1e-2f, s == 1, 1});
    as_k_adamw_ref(&(as_adamw_args){N, q, m, v, g, (float)(1 - 0.01 * 0.1), 0.9f, (float)(1 - 0.9), 0.999f,
                                    (float)(1 - 0.999), (float)(0.01 / (1 - pow(0.9, s))),
                                    (float)sqrt(1 - pow(0.999, s)), 1e-8f});
  }
  for (int i = 0; i < N; i++) {
    CHECK_NEAR(t, (double)p[i], pd[i], 1e-6);
    CHECK_NEAR(t, (double)q[i], qd[i], 1e-6);
  }
}

int main(int argc, char **argv) {
  static const as_case cases[] = {
      {"sums over rows and strips", columns_exact},
      {"gemmt: products over rows", products_exact},
      {"dgemm: all tails", dgemm_exact},
      {"addd: every length, both halves of the doubles", addd_exact},
      {"BatchNorm", bnorm_exact},
      {"rows, elements, optimisers", elements_exact},
      {"reverse rows against central differences", reverse_rows},
      {"optimiser steps against double", optimiser_steps},
  };
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
