/* The training kernels on 16 float lanes; see rows_wide.h for what the includer defines. Bits: kern/ref/train_ref.c. */

/* Passes over maps are bound by memory: what lies a page ahead, where the hardware stops to look ahead, is called into L2. 2 KB
 * ahead is too late, 8 KB too early. */
#define WIDE_AHEAD(p, write) __builtin_prefetch((p) + 1024, write, 2)

/* Columns j .. j + n - 1 (n <= 16) of all rows at a time: the accumulator stays in a register. Where c is a
 * multiple of 64, four chains run side by side to hide the latency of an addition. */
AS_ALWAYS_INLINE v16 wide_sqdiff(v16 x, v16 mean, v16 acc) {
  const v16 d = v16_sub(x, mean);
  return v16_fma(d, d, acc);
}

void AS_WIDE(colsum)(size_t rows, size_t c, const float *x, size_t ld, float *sum) {
  size_t j = 0;
  for (; j + 64 <= c; j += 64) {
    v16 a = v16_load(sum + j), b = v16_load(sum + j + 16), d = v16_load(sum + j + 32),
        e = v16_load(sum + j + 48);
    for (size_t i = 0; i < rows; i++) {
      const float *p = x + i * ld + j;
      for (size_t l = 0; l < 64; l += 16) WIDE_AHEAD(p + l, 0);
      a = v16_add(a, v16_load(p)), b = v16_add(b, v16_load(p + 16));
      d = v16_add(d, v16_load(p + 32)), e = v16_add(e, v16_load(p + 48));
    }
    v16_store(sum + j, a), v16_store(sum + j + 16, b), v16_store(sum + j + 32, d), v16_store(sum + j + 48, e);
  }
  for (; j < c; j += 16) {
    const size_t n = c - j < 16 ? c - j : 16;
    v16 a = v16_get(sum + j, n);
    for (size_t i = 0; i < rows; i++) a = v16_add(a, v16_get(x + i * ld + j, n));
    v16_put(sum + j, n, a);
  }
}

void AS_WIDE(colsq)(size_t rows, size_t c, const float *x, size_t ld, const float *mean, float *sum) {
  size_t j = 0;
  for (; j + 64 <= c; j += 64) {
    v16 a = v16_load(sum + j), b = v16_load(sum + j + 16), d = v16_load(sum + j + 32),
        e = v16_load(sum + j + 48);
    const v16 ma = v16_load(mean + j), mb = v16_load(mean + j + 16), md = v16_load(mean + j + 32),
              me = v16_load(mean + j + 48);
    for (size_t i = 0; i < rows; i++) {
      const float *p = x + i * ld + j;
      for (size_t l = 0; l < 64; l += 16) WIDE_AHEAD(p + l, 0);
      a = wide_sqdiff(v16_load(p), ma, a), b = wide_sqdiff(v16_load(p + 16), mb, b);
      d = wide_sqdiff(v16_load(p + 32), md, d), e = wide_sqdiff(v16_load(p + 48), me, e);
    }
    v16_store(sum + j, a), v16_store(sum + j + 16, b), v16_store(sum + j + 32, d), v16_store(sum + j + 48, e);
  }
  for (; j < c; j += 16) {
    const size_t n = c - j < 16 ? c - j : 16;
    const v16 m = v16_get(mean + j, n);
    v16 a = v16_get(sum + j, n);
    for (size_t i = 0; i < rows; i++) a = wide_sqdiff(v16_get(x + i * ld + j, n), m, a);
    v16_put(sum + j, n, a);
  }
}

void AS_WIDE(addd)(size_t n, const float *x, double *total) {
  size_t i = 0;
  for (; i + 16 <= n; i += 16) v16_addd(total + i, v16_load(x + i));
  for (; i < n; i++) total[i] = total[i] + (double)x[i];
}

/* BatchNorm's passes are bound by memory: whole rows are walked, which is half as fast again as 16 columns at a time, though
 * the vectors of the channels are then loaded anew. With up to 16 channels both are one, and those stay in registers. */
AS_ALWAYS_INLINE void wide_bnfwd(const as_bnorm_args *a, size_t i, size_t j, size_t n, v16 mean, v16 rstd,
                                 v16 gamma, v16 beta) {
  WIDE_AHEAD(a->x + i * a->ldx + j, 0);
  WIDE_AHEAD(a->out + i * a->ldy + j, 1);
  const v16 xh = v16_mul(v16_sub(v16_get(a->x + i * a->ldx + j, n), mean), rstd);
  v16 y = v16_fma(xh, gamma, beta);
  if (a->residual) y = v16_add(v16_get(a->residual + i * a->ldr + j, n), y);
  if (a->relu) y = v16_relu(y);
  v16_put(a->out + i * a->ldy + j, n, y);
}

void AS_WIDE(bnfwd)(const as_bnorm_args *a) {
  if (a->c <= 16) {
    const v16 mean = v16_get(a->mean, a->c), rstd = v16_get(a->rstd, a->c);
    const v16 gamma = v16_get(a->gamma, a->c), beta = v16_get(a->beta, a->c);
    for (size_t i = 0; i < a->rows; i++) wide_bnfwd(a, i, 0, a->c, mean, rstd, gamma, beta);
    return;
  }
  for (size_t i = 0; i < a->rows; i++)
    for (size_t j = 0; j < a->c; j += 16) {
      const size_t n = a->c - j < 16 ? a->c - j : 16;
      wide_bnfwd(a, i, j, n, v16_get(a->mean + j, n), v16_get(a->rstd + j, n), v16_get(a->gamma + j, n),
                 v16_get(a->beta + j, n));
    }
}

/* The channel vectors of the backward passes. gamma and beta are zeros where nothing reads them. */
typedef struct wide_channels {
  v16 mean, rstd, gamma, beta;
} wide_channels;

AS_ALWAYS_INLINE wide_channels wide_bnorm_channels(const as_bnorm_args *a, size_t j, size_t n, int relu) {
  const wide_channels c = {v16_get(a->mean + j, n), v16_get(a->rstd + j, n),
                           relu ? v16_get(a->gamma + j, n) : v16_set1(0.0f),
                           relu ? v16_get(a->beta + j, n) : v16_set1(0.0f)};
  return c;
}

AS_ALWAYS_INLINE v16 wide_zeroed(v16 y, v16 dy) {
  const v16 zero = v16_set1(0.0f);
  return v16_select_le(y, zero, zero, dy);
}

/* Columns j .. j + n - 1 of row i. READ: y is given; RELU: it is made again. Both are constants in every call. */
AS_ALWAYS_INLINE void wide_bnsum(const as_bnorm_args *a, size_t i, size_t j, size_t n, const wide_channels *c,
                                 int READ, int RELU, v16 *sum, v16 *sumx) {
  float *dy = a->dy + i * a->lddy + j;
  if (READ)
    WIDE_AHEAD(dy, 1);
  else
    WIDE_AHEAD(dy, 0);
  WIDE_AHEAD(a->x + i * a->ldx + j, 0);
  v16 g = v16_get(dy, n);
  const v16 xh = v16_mul(v16_sub(v16_get(a->x + i * a->ldx + j, n), c->mean), c->rstd);
  if (READ) {
    WIDE_AHEAD(a->y + i * a->ldy + j, 0);
    g = wide_zeroed(v16_get(a->y + i * a->ldy + j, n), g);
    v16_put(dy, n, g);
  } else if (RELU) {
    g = wide_zeroed(v16_fma(xh, c->gamma, c->beta), g);
  }
  *sum = v16_add(*sum, g);
  *sumx = v16_fma(g, xh, *sumx);
}

AS_ALWAYS_INLINE void wide_bnsum_rows(const as_bnorm_args *a, int READ, int RELU) {
  size_t j = 0;
  for (; j + 32 <= a->c; j += 32) { /* what the registers of all have room for */
    const wide_channels c0 = wide_bnorm_channels(a, j, 16, RELU),
                        c1 = wide_bnorm_channels(a, j + 16, 16, RELU);
    v16 s0 = v16_load(a->sum + j), s1 = v16_load(a->sum + j + 16);
    v16 x0 = v16_load(a->sumx + j), x1 = v16_load(a->sumx + j + 16);
    for (size_t i = 0; i < a->rows; i++) {
      wide_bnsum(a, i, j, 16, &c0, READ, RELU, &s0, &x0);
      wide_bnsum(a, i, j + 16, 16, &c1, READ, RELU, &s1, &x1);
    }
    v16_store(a->sum + j, s0), v16_store(a->sum + j + 16, s1);
    v16_store(a->sumx + j, x0), v16_store(a->sumx + j + 16, x1);
  }
  for (; j < a->c; j += 16) {
    const size_t n = a->c - j < 16 ? a->c - j : 16;
    const wide_channels c = wide_bnorm_channels(a, j, n, RELU);
    v16 s = v16_get(a->sum + j, n), sx = v16_get(a->sumx + j, n);
    for (size_t i = 0; i < a->rows; i++) wide_bnsum(a, i, j, n, &c, READ, RELU, &s, &sx);
    v16_put(a->sum + j, n, s);
    v16_put(a->sumx + j, n, sx);
  }
}

void AS_WIDE(bnsum)(const as_bnorm_args *a) {
  if (a->y)
    wide_bnsum_rows(a, 1, 0);
  else if (a->relu)
    wide_bnsum_rows(a, 0, 1);
  else
    wide_bnsum_rows(a, 0, 0);
}

AS_ALWAYS_INLINE void wide_bnbwd(const as_bnorm_args *a, size_t i, size_t j, size_t n, const wide_channels *c,
                                 int RELU, v16 k, v16 meang, v16 meanx) {
  const v16 xh = v16_mul(v16_sub(v16_get(a->x + i * a->ldx + j, n), c->mean), c->rstd);
  WIDE_AHEAD(a->x + i * a->ldx + j, 0);
  WIDE_AHEAD(a->dy + i * a->lddy + j, 1);
  v16 g = v16_get(a->dy + i * a->lddy + j, n);
  if (RELU) g = wide_zeroed(v16_fma(xh, c->gamma, c->beta), g);
  v16_put(a->out + i * a->ldy + j, n, v16_mul(k, v16_fma(v16_neg(xh), meanx, v16_sub(g, meang))));
}

AS_ALWAYS_INLINE void wide_bnbwd_rows(const as_bnorm_args *a, int RELU) {
  if (a->c <= 16) {
    const wide_channels c = wide_bnorm_channels(a, 0, a->c, RELU);
    const v16 k = v16_get(a->k, a->c), meang = v16_get(a->meang, a->c), meanx = v16_get(a->meanx, a->c);
    for (size_t i = 0; i < a->rows; i++) wide_bnbwd(a, i, 0, a->c, &c, RELU, k, meang, meanx);
    return;
  }
  for (size_t i = 0; i < a->rows; i++)
    for (size_t j = 0; j < a->c; j += 16) {
      const size_t n = a->c - j < 16 ? a->c - j : 16;
      const wide_channels c = wide_bnorm_channels(a, j, n, RELU);
      wide_bnbwd(a, i, j, n, &c, RELU, v16_get(a->k + j, n), v16_get(a->meang + j, n),
                 v16_get(a->meanx + j, n));
    }
}

void AS_WIDE(bnbwd)(const as_bnorm_args *a) {
  if (a->relu)
    wide_bnbwd_rows(a, 1);
  else
    wide_bnbwd_rows(a, 0);
}

void AS_WIDE(copyp)(size_t rows, size_t n, const float *in, size_t ld, float *out, size_t ldo) {
  if (n == 32) {
    for (size_t i = 0; i < rows; i++) {
      v16_store(out + i * ldo, v16_load(in + i * ld));
      v16_store(out + i * ldo + 16, v16_load(in + i * ld + 16));
    }
  } else if (n >= 16) {
    for (size_t i = 0; i < rows; i++) {
      v16_store(out + i * ldo, v16_load(in + i * ld));
      v16_storen(out + i * ldo + 16, n - 16, v16_loadn(in + i * ld + 16, n - 16));
    }
  } else {
    for (size_t i = 0; i < rows; i++) v16_storen(out + i * ldo, n, v16_loadn(in + i * ld, n));
  }
}

/* A loop over n floats in steps of 16; STEP uses i and k (16, or what is left). */
#define AS_WIDE_EACH(n, STEP)                  \
  {                                            \
    size_t i = 0;                              \
    for (; i + 16 <= (n); i += 16) STEP(i, 16) \
    if (i < (n)) STEP(i, (n)-i)                \
  }

void AS_WIDE(relub)(size_t n, const float *y, const float *dy, float *dx) {
  const v16 zero = v16_set1(0.0f);
#define STEP(i, k) v16_put(dx + (i), k, v16_select_le(v16_get(y + (i), k), zero, zero, v16_get(dy + (i), k)));
  AS_WIDE_EACH(n, STEP)
#undef STEP
}

void AS_WIDE(gelub)(size_t n, const float *x, const float *dy, float *dx) {
  const v16 half = v16_set1(0.5f), minus = v16_set1(-0.5f);
#define STEP(i, k)                                                                       \
  {                                                                                      \
    const v16 v = v16_get(x + (i), k);                                                   \
    const v16 cdf = v16_fma(half, wide_erf(v16_mul(v, v16_set1(0x1.6a09e6p-1f))), half); \
    const v16 e = wide_exp(v16_mul(v16_mul(minus, v), v));                               \
    const v16 pdf = v16_mul(e, v16_set1(0x1.988454p-2f));                                \
    v16_put(dx + (i), k, v16_mul(v16_get(dy + (i), k), v16_fma(v, pdf, cdf)));           \
  }
  AS_WIDE_EACH(n, STEP)
#undef STEP
}

void AS_WIDE(softb)(size_t c, float scale, const float *p, const float *dy, float *dx) {
  v16 l = v16_set1(0.0f);
#define STEP(i, k) l = v16_fma(v16_get(dy + (i), k), v16_get(p + (i), k), l);
  AS_WIDE_EACH(c, STEP)
#undef STEP
  const v16 s = v16_set1(v16_fold(l)), sc = v16_set1(scale);
#define STEP(i, k)                                                      \
  {                                                                     \
    const v16 d = v16_sub(v16_get(dy + (i), k), s);                     \
    v16_put(dx + (i), k, v16_mul(sc, v16_mul(v16_get(p + (i), k), d))); \
  }
  AS_WIDE_EACH(c, STEP)
#undef STEP
}

void AS_WIDE(l2b)(size_t c, const float *x, const float *dy, float *dx) {
  v16 l = v16_set1(0.0f);
#define STEP(i, k)                     \
  {                                    \
    const v16 v = v16_get(x + (i), k); \
    l = v16_fma(v, v, l);              \
  }
  AS_WIDE_EACH(c, STEP)
#undef STEP
  const float norm = sqrtf(v16_fold(l));
  const v16 d = v16_set1(norm < 1e-12f ? 1e-12f : norm);
  if (norm < 1e-12f) {
#define STEP(i, k) v16_put(dx + (i), k, v16_div(v16_get(dy + (i), k), d));
    AS_WIDE_EACH(c, STEP)
#undef STEP
    return;
  }
  l = v16_set1(0.0f);
#define STEP(i, k) l = v16_fma(v16_get(dy + (i), k), v16_div(v16_get(x + (i), k), d), l);
  AS_WIDE_EACH(c, STEP)
#undef STEP
  const v16 s = v16_neg(v16_set1(v16_fold(l)));
#define STEP(i, k)                                                         \
  {                                                                        \
    const v16 u = v16_div(v16_get(x + (i), k), d);                         \
    v16_put(dx + (i), k, v16_div(v16_fma(s, u, v16_get(dy + (i), k)), d)); \
  }
  AS_WIDE_EACH(c, STEP)
#undef STEP
}

void AS_WIDE(lnb)(const as_lnb_args *a) {
  const size_t c = a->c;
  const float n = (float)c;
  const v16 zero = v16_set1(0.0f);
  v16 l = zero, lx = zero;
#define STEP(i, k) l = v16_add(l, v16_get(a->x + (i), k));
  AS_WIDE_EACH(c, STEP)
#undef STEP
  const v16 mean = v16_set1(v16_fold(l) / n);
  l = zero;
#define STEP(i, k)                                                           \
  {                                                                          \
    const v16 d = v16_keepn(v16_sub(v16_get(a->x + (i), k), mean), k, zero); \
    l = v16_fma(d, d, l);                                                    \
  }
  AS_WIDE_EACH(c, STEP)
#undef STEP
  const v16 rstd = v16_set1(1.0f / sqrtf(v16_fold(l) / n + a->eps));
  l = zero;
#define STEP(i, k)                                                                                 \
  {                                                                                                \
    const v16 g = v16_mul(v16_get(a->dy + (i), k), v16_get(a->gamma + (i), k));                    \
    l = v16_add(l, g);                                                                             \
    lx = v16_fma(g, v16_keepn(v16_mul(v16_sub(v16_get(a->x + (i), k), mean), rstd), k, zero), lx); \
  }
  AS_WIDE_EACH(c, STEP)
#undef STEP
  const v16 s = v16_set1(v16_fold(l) / n), t = v16_set1(v16_fold(lx) / n);
#define STEP(i, k)                                                             \
  {                                                                            \
    const v16 dy = v16_get(a->dy + (i), k);                                    \
    const v16 xh = v16_mul(v16_sub(v16_get(a->x + (i), k), mean), rstd);       \
    v16_put(a->dgamma + (i), k, v16_fma(dy, xh, v16_get(a->dgamma + (i), k))); \
    v16_put(a->dbeta + (i), k, v16_add(v16_get(a->dbeta + (i), k), dy));       \
    const v16 g = v16_sub(v16_mul(dy, v16_get(a->gamma + (i), k)), s);         \
    v16_put(a->dx + (i), k, v16_mul(rstd, v16_fma(v16_neg(xh), t, g)));        \
  }
  AS_WIDE_EACH(c, STEP)
#undef STEP
}

void AS_WIDE(sgd)(const as_sgd_args *a) {
  const v16 wd = v16_set1(a->wd), mu = v16_set1(a->mu), lr = v16_set1(-a->lr);
#define STEP(i, k)                                                                    \
  {                                                                                   \
    const v16 p = v16_get(a->p + (i), k), d = v16_fma(wd, p, v16_get(a->g + (i), k)); \
    const v16 b = a->first ? d : v16_fma(mu, v16_get(a->b + (i), k), d);              \
    v16_put(a->b + (i), k, b);                                                        \
    v16_put(a->p + (i), k, v16_fma(lr, a->nesterov ? v16_fma(mu, b, d) : b, p));      \
  }
  AS_WIDE_EACH(a->n, STEP)
#undef STEP
}

void AS_WIDE(adamw)(const as_adamw_args *a) {
  const v16 keep = v16_set1(a->keep), b1 = v16_set1(a->b1), c1 = v16_set1(a->c1), b2 = v16_set1(a->b2);
  const v16 c2 = v16_set1(a->c2), step = v16_set1(a->step), root = v16_set1(a->root), eps = v16_set1(a->eps);
#define STEP(i, k)                                                                   \
  {                                                                                  \
    const v16 g = v16_get(a->g + (i), k), p = v16_mul(v16_get(a->p + (i), k), keep); \
    const v16 m = v16_fma(b1, v16_get(a->m + (i), k), v16_mul(c1, g));               \
    const v16 v = v16_fma(b2, v16_get(a->v + (i), k), v16_mul(v16_mul(c2, g), g));   \
    const v16 r = v16_add(v16_div(v16_sqrt(v), root), eps);                          \
    v16_put(a->m + (i), k, m);                                                       \
    v16_put(a->v + (i), k, v);                                                       \
    v16_put(a->p + (i), k, v16_sub(p, v16_mul(step, v16_div(m, r))));                \
  }
  AS_WIDE_EACH(a->n, STEP)
#undef STEP
}

void AS_WIDE(ema)(size_t n, float m, float c, const float *o, float *t) {
  const v16 vm = v16_set1(m), vc = v16_set1(c);
#define STEP(i, k) v16_put(t + (i), k, v16_fma(vm, v16_get(t + (i), k), v16_mul(vc, v16_get(o + (i), k))));
  AS_WIDE_EACH(n, STEP)
#undef STEP
}
#undef AS_WIDE_EACH
