/* The factor is of 1 + Z^T Z (a column per feature) or, by
 *
 *   (1 + Z^T Z)^-1 = 1 - Z^T (1 + Z Z^T)^-1 Z,
 *
 * of 1 + Z Z^T (a column per row), whichever is smaller. Neither has an eigenvalue below 1, so no pivot of Cholesky's
 * method is below 1 either: where rounding says otherwise, 1 is nearer to the truth. */
#include "eval/learn/probe_factor.h"

#include <math.h>
#include <string.h>

#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/linear.h"

enum {
  SIDE = 64,   /* columns of a factor that are made together */
  DEPTH = 512, /* rows of Z that are summed together */
  TALL = 16    /* rows of Z that are gathered side by side, so that their cache lines stay near */
};

/* --- vectors ------------------------------------------------------------------------------------------------- */

/* Sixteen chains, the elements past the last 16 behind them. */
#if defined(__GNUC__)
typedef float quad __attribute__((vector_size(16)));

static inline quad load(const float *p) {
  quad q;
  memcpy(&q, p, sizeof q);
  return q;
}

static float dot_floats(size_t n, const float *a, const float *b) {
  quad s[4] = {{0}};
  size_t i = 0;
  for (; i + 16 <= n; i += 16)
    for (size_t k = 0; k < 4; k++) s[k] += load(a + i + 4 * k) * load(b + i + 4 * k);
  const quad t = (s[0] + s[1]) + (s[2] + s[3]);
  float sum = (t[0] + t[1]) + (t[2] + t[3]);
  for (; i < n; i++) sum += a[i] * b[i];
  return sum;
}

/* out += by a */
static void add_floats(size_t n, float by, const float *a, float *out) {
  const quad c = {by, by, by, by};
  size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    quad t = load(out + i) + c * load(a + i);
    memcpy(out + i, &t, sizeof t);
  }
  for (; i < n; i++) out[i] += by * a[i];
}
#else
static float dot_floats(size_t n, const float *a, const float *b) {
  float s[16] = {0}, t[4];
  size_t i = 0;
  for (; i + 16 <= n; i += 16)
    for (size_t k = 0; k < 16; k++) s[k] += a[i + k] * b[i + k];
  for (size_t k = 0; k < 4; k++) t[k] = (s[k] + s[k + 4]) + (s[k + 8] + s[k + 12]);
  float sum = (t[0] + t[1]) + (t[2] + t[3]);
  for (; i < n; i++) sum += a[i] * b[i];
  return sum;
}

static void add_floats(size_t n, float by, const float *a, float *out) {
  for (size_t i = 0; i < n; i++) out[i] += by * a[i];
}
#endif

/* --- the factor ------------------------------------------------------------------------------------------------ */

/* n rows of Z from the one at `first` on: z[i][j], d + 1 apart, or transposed: z[j][i], n apart. */
static void gather_rows(const as_probe_problem *p, const as_probe_block *b, size_t first, size_t n,
                        bool transposed, float *z) {
  const size_t d = p->d, step = transposed ? 1 : d + 1, down = transposed ? n : 1;
  for (size_t i0 = 0; i0 < n; i0 += TALL) {
    const size_t rows = n - i0 < TALL ? n - i0 : TALL;
    const float *x[TALL];
    float by[TALL];
    for (size_t i = 0; i < rows; i++) {
      x[i] = as_probe_row(p, b->row[first + i0 + i]);
      by[i] = b->root[first + i0 + i] * (float)b->weight_scale;
      z[(i0 + i) * step + d * down] = b->root[first + i0 + i] * (float)b->bias_scale;
    }
    if (transposed) {
      for (size_t j = 0; j < d; j++)
        for (size_t i = 0; i < rows; i++) z[j * n + i0 + i] = by[i] * (x[i][j] - p->mean[j]);
    } else {
      for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < d; j++) z[(i0 + i) * step + j] = by[i] * (x[i][j] - p->mean[j]);
    }
  }
}

/* factor += A A^T, lower triangle, strip by strip; a: [side, depth]. */
static void add_gram(as_probe_block *b, const float *a, size_t depth, float *strip, void *pack) {
  const size_t n = b->side;
  for (size_t j0 = 0; j0 < n; j0 += SIDE) {
    const size_t cols = n - j0 < SIDE ? n - j0 : SIDE, rows = n - j0;
    const float *from = a + j0 * depth;
    as_gemm_nt(&(as_product){rows, cols, depth, from, depth, from, depth, strip, SIDE}, pack);
    for (size_t i = 0; i < rows; i++)
      for (size_t j = 0; j < cols && j <= i; j++) b->factor[(j0 + i) * n + j0 + j] += strip[i * SIDE + j];
  }
}

/* In place, the lower triangle alone. Strip by strip: what the strips before contribute as one product, then the
 * strip's own columns. */
static void factorise(as_probe_block *b, float *strip, void *pack) {
  const size_t n = b->side;
  float *a = b->factor;
  for (size_t j0 = 0; j0 < n; j0 += SIDE) {
    const size_t cols = n - j0 < SIDE ? n - j0 : SIDE, rows = n - j0;
    if (j0 > 0) {
      as_gemm_nt(&(as_product){rows, cols, j0, a + j0 * n, n, a + j0 * n, n, strip, SIDE}, pack);
      for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols && j <= i; j++) a[(j0 + i) * n + j0 + j] -= strip[i * SIDE + j];
    }
    for (size_t j = 0; j < cols; j++) {
      float *own = a + (j0 + j) * n + j0;
      const float pivot = own[j] - dot_floats(j, own, own);
      own[j] = pivot > 1.0f ? sqrtf(pivot) : 1.0f;
      for (size_t i = j + 1; i < rows; i++) {
        float *other = a + (j0 + i) * n + j0;
        other[j] = (other[j] - dot_floats(j, other, own)) / own[j];
      }
    }
  }
}

as_status as_probe_block_build(as_probe_block *b, const as_probe_problem *p, bool shared) {
  const size_t wide = p->d + 1, n = b->side;
  if (b->rows == 0) return AS_OK;
  const size_t deepest = n > wide ? n : wide, depth = deepest > DEPTH ? deepest : DEPTH;
  float *z = as_alloc(b->by_feature ? wide * DEPTH : b->rows * wide, sizeof *z, NULL);
  float *strip = as_alloc(n * SIDE, sizeof *strip, NULL);
  void *pack = as_alloc(as_gemm_scratch(SIDE, depth), 1, NULL);
  b->factor = as_calloc(n * n, sizeof *b->factor, NULL);
  const bool room = z && strip && pack && b->factor;
  for (size_t first = 0; room && first < b->rows; first += DEPTH) {
    if (!b->by_feature) {
      gather_rows(p, b, 0, b->rows, false, z);
      add_gram(b, z, wide, strip, pack);
      break;
    }
    const size_t rows = b->rows - first < DEPTH ? b->rows - first : DEPTH;
    gather_rows(p, b, first, rows, true, z);
    add_gram(b, z, rows, strip, pack);
  }
  if (room) {
    for (size_t i = 0; i < n; i++) b->factor[i * n + i] += 1.0f;
    factorise(b, strip, pack);
  }
  if (room && shared && !b->by_feature) {
    b->z = z;
    z = NULL;
  }
  as_free(z);
  as_free(strip);
  as_free(pack);
  return room ? AS_OK : AS_E_ENV;
}

size_t as_probe_block_side(size_t rows, size_t d) {
  return rows < d + 1 ? rows : d + 1;
}

double as_probe_block_cost(size_t rows, size_t d) {
  const double side = (double)as_probe_block_side(rows, d), large = (double)(rows < d + 1 ? d + 1 : rows);
  return side * side * (0.5 * large + side / 6.0);
}

as_status as_probe_block_reserve(as_probe_block *b, size_t rows, size_t d, as_err *err) {
  b->rows = rows;
  b->by_feature = rows > d + 1;
  b->side = as_probe_block_side(rows, d);
  b->row = as_alloc(rows ? rows : 1, sizeof *b->row, err);
  b->root = as_alloc(rows ? rows : 1, sizeof *b->root, err);
  return b->row && b->root ? AS_OK : AS_E_ENV;
}

void as_probe_block_clear(as_probe_block *b) {
  as_free(b->row);
  as_free(b->root);
  as_free(b->factor);
  as_free(b->z);
  memset(b, 0, sizeof *b);
}

/* --- one vector ------------------------------------------------------------------------------------------------- */

/* v = L^-1 v for `n` columns of a factor whose rows are ld apart. */
static void solve_forward(size_t n, const float *l, size_t ld, float *v) {
  for (size_t i = 0; i < n; i++) v[i] = (v[i] - dot_floats(i, l + i * ld, v)) / l[i * ld + i];
}

/* v = L^-T v */
static void solve_backward(size_t n, const float *l, size_t ld, float *v) {
  for (size_t i = n; i-- > 0;) {
    v[i] /= l[i * ld + i];
    add_floats(i, -v[i], l + i * ld, v);
  }
}

void as_probe_block_solve(const as_probe_block *b, const as_probe_problem *p, float *v, float *room) {
  const size_t d = p->d, n = b->side;
  if (b->rows == 0) return;
  if (b->by_feature) {
    solve_forward(n, b->factor, n, v);
    solve_backward(n, b->factor, n, v);
    return;
  }
  /* v - Z^T (L L^T)^-1 Z v; Z v = root (weight_scale (x . v - mean . v) + bias_scale v_d) */
  const float ws = (float)b->weight_scale, bs = (float)b->bias_scale, of_mean = dot_floats(d, p->mean, v);
  float sum = 0.0f;
  for (size_t i = 0; i < b->rows; i++)
    room[i] = b->root[i] * (ws * (dot_floats(d, as_probe_row(p, b->row[i]), v) - of_mean) + bs * v[d]);
  solve_forward(n, b->factor, n, room);
  solve_backward(n, b->factor, n, room);
  for (size_t i = 0; i < b->rows; i++) {
    const float by = room[i] * b->root[i];
    add_floats(d, -by * ws, as_probe_row(p, b->row[i]), v);
    sum += by;
  }
  add_floats(d, sum * ws, p->mean, v);
  v[d] -= sum * bs;
}

/* --- many vectors ------------------------------------------------------------------------------------------------ */

typedef struct many_job {
  const as_probe_block *b;
  float *v; /* [k], ld apart */
  size_t ld, first, cols;
  bool backward;
} many_job;

static void solve_strip(void *ctx, size_t c, int worker) {
  (void)worker;
  const many_job *j = ctx;
  const size_t n = j->b->side;
  const float *l = j->b->factor + j->first * n + j->first;
  float *v = j->v + c * j->ld + j->first;
  if (j->backward)
    solve_backward(j->cols, l, n, v);
  else
    solve_forward(j->cols, l, n, v);
}

/* All k vectors of `side` elements, ld apart, strip by strip of the factor: what the other strips contribute as one
 * product. */
static void solve_many(const as_probe_block *b, size_t k, float *v, size_t ld, float *strip, void *pack) {
  const size_t n = b->side, strips = (n + SIDE - 1) / SIDE;
  many_job j = {.b = b, .v = v, .ld = ld};
  for (size_t pass = 0; pass < 2; pass++)
    for (size_t s = 0; s < strips; s++) {
      j.backward = pass == 1;
      j.first = (j.backward ? strips - 1 - s : s) * SIDE;
      j.cols = n - j.first < SIDE ? n - j.first : SIDE;
      const size_t next = j.first + j.cols;
      const float *rows = b->factor + j.first * n;
      if (s > 0 && !j.backward)
        as_gemm_nt(&(as_product){k, j.cols, j.first, v, ld, rows, n, strip, SIDE}, pack);
      if (s > 0 && j.backward)
        as_gemm_nn(
            &(as_product){k, j.cols, n - next, v + next, ld, b->factor + next * n + j.first, n, strip, SIDE},
            pack);
      for (size_t c = 0; s > 0 && c < k; c++)
        for (size_t i = 0; i < j.cols; i++) v[c * ld + j.first + i] -= strip[c * SIDE + i];
      as_par_for(k, solve_strip, &j);
    }
}

static size_t round_up(size_t bytes) {
  return (bytes + 63) / 64 * 64;
}

size_t as_probe_block_room(const as_probe_block *b, const as_probe_problem *p, size_t k) {
  const size_t wide = p->d + 1;
  size_t pack = as_gemm_scratch(SIDE, b->side);
  if (!b->by_feature) { /* Z as the second matrix, both ways */
    if (as_gemm_scratch(b->rows, wide) > pack) pack = as_gemm_scratch(b->rows, wide);
    if (as_gemm_scratch(wide, b->rows) > pack) pack = as_gemm_scratch(wide, b->rows);
  }
  return round_up(k * SIDE * sizeof(float)) + round_up(k * b->side * sizeof(float)) +
         round_up(k * wide * sizeof(float)) + pack;
}

void as_probe_block_solve_all(const as_probe_block *b, const as_probe_problem *p, size_t k, float *v,
                              void *room) {
  const size_t wide = p->d + 1;
  char *at = room;
  if (b->rows == 0) return;
  float *strip = (float *)(void *)at;
  at += round_up(k * SIDE * sizeof(float));
  float *t = (float *)(void *)at;
  at += round_up(k * b->side * sizeof(float));
  float *back = (float *)(void *)at;
  at += round_up(k * wide * sizeof(float));
  if (b->by_feature) {
    solve_many(b, k, v, wide, strip, at);
    return;
  }
  as_gemm_nt(&(as_product){k, b->rows, wide, v, wide, b->z, wide, t, b->side}, at);
  solve_many(b, k, t, b->side, strip, at);
  as_gemm_nn(&(as_product){k, wide, b->rows, t, b->side, b->z, wide, back, wide}, at);
  for (size_t i = 0; i < k * wide; i++) v[i] -= back[i];
}
