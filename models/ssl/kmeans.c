#include "models/ssl/kmeans.h"

#include <string.h>

#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/kern/kernels.h"
#include "tensor/linear.h"

enum { CHUNK = 256 /* rows of a float chain, rule T2 */, BLOCK = 4 * CHUNK /* rows of a product */ };

struct as_kmeans {
  size_t d;
  uint32_t *order; /* [n] */
  float *score;    /* [BLOCK, k] */
  float *half;     /* [k] |c|^2 / 2, or 0 */
  void *pack;
  float *part; /* [k, d] sums of one chunk */
  double *sum; /* [k, d] */
  size_t *count, *in_part;
};

as_status as_kmeans_create(as_kmeans **out, size_t n, size_t d, size_t k, as_err *err) {
  *out = NULL;
  as_kmeans *m = as_calloc(1, sizeof *m, err);
  if (!m) return AS_E_ENV;
  m->d = d;
  m->order = as_alloc(n, sizeof *m->order, err);
  m->score = as_alloc(BLOCK * k, sizeof *m->score, err);
  m->half = as_alloc(k, sizeof *m->half, err);
  m->pack = as_alloc(as_gemm_scratch(k, d), 1, err);
  m->part = as_calloc(k * d, sizeof *m->part, err);
  m->sum = as_alloc(k * d, sizeof *m->sum, err);
  m->count = as_alloc(k, sizeof *m->count, err);
  m->in_part = as_calloc(k, sizeof *m->in_part, err);
  if (!m->order || !m->score || !m->half || !m->pack || !m->part || !m->sum || !m->count || !m->in_part)
    as_kmeans_destroy(&m);
  *out = m;
  return m ? AS_OK : AS_E_ENV;
}

void as_kmeans_destroy(as_kmeans **kmeans) {
  as_kmeans *m = *kmeans;
  if (!m) return;
  void *all[] = {m->order, m->score, m->half, m->pack, m->part, m->sum, m->count, m->in_part, m};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) as_free(all[i]);
  *kmeans = NULL;
}

static bool row_counts(const as_kmeans_job *j, size_t row) {
  return !j->seen || j->seen[row];
}

static void start_at_rows(as_kmeans *m, const as_kmeans_job *j) {
  as_rng_permutation(j->dice, m->order, j->n);
  size_t c = 0;
  for (size_t i = 0; i < j->n && c < j->k; i++)
    if (row_counts(j, m->order[i]))
      memcpy(j->centroid + c++ * m->d, j->x + m->order[i] * m->d, m->d * sizeof(float));
}

typedef struct nearest_job {
  const as_kmeans *m;
  const as_kmeans_job *j;
  size_t first; /* row of the block */
} nearest_job;

static void nearest_of_row(void *ctx, size_t i, int worker) {
  (void)worker;
  const nearest_job *b = ctx;
  const float *score = b->m->score + i * b->j->k;
  uint32_t best = AS_KMEANS_NONE;
  float most = 0.0f;
  for (size_t c = 0; row_counts(b->j, b->first + i) && c < b->j->k; c++) {
    const float s = score[c] - b->m->half[c];
    if (c == 0 || s > most) best = (uint32_t)c, most = s;
  }
  b->j->label[b->first + i] = best;
}

static void assign_rows(as_kmeans *m, const as_kmeans_job *j) {
  const size_t d = m->d, k = j->k;
  for (size_t c = 0; c < k; c++) {
    double square = 0.0;
    for (size_t i = 0; i < d; i++) square += (double)j->centroid[c * d + i] * (double)j->centroid[c * d + i];
    m->half[c] = j->spherical ? 0.0f : (float)(0.5 * square);
  }
  for (size_t first = 0; first < j->n; first += BLOCK) {
    const size_t rows = j->n - first < BLOCK ? j->n - first : BLOCK;
    as_gemm_nt(&(as_product){rows, k, d, j->x + first * d, d, j->centroid, d, m->score, k}, m->pack);
    nearest_job b = {m, j, first};
    as_par_for(rows, nearest_of_row, &b);
  }
}

/* The chunk's sums go to the sums in double. */
static void close_chunk(as_kmeans *m, size_t k) {
  for (size_t c = 0; c < k; c++) {
    if (!m->in_part[c]) continue;
    float *part = m->part + c * m->d;
    for (size_t i = 0; i < m->d; i++) m->sum[c * m->d + i] += (double)part[i];
    memset(part, 0, m->d * sizeof *part);
    m->count[c] += m->in_part[c];
    m->in_part[c] = 0;
  }
}

static void move_centroids(as_kmeans *m, const as_kmeans_job *j) {
  const size_t d = m->d;
  memset(m->sum, 0, j->k * d * sizeof *m->sum);
  memset(m->count, 0, j->k * sizeof *m->count);
  for (size_t row = 0; row < j->n; row++) {
    const uint32_t c = j->label[row];
    if (row % CHUNK == 0) close_chunk(m, j->k);
    if (c == AS_KMEANS_NONE) continue;
    as_k.add(d, m->part + c * d, j->x + row * d, m->part + c * d);
    m->in_part[c]++;
  }
  close_chunk(m, j->k);
  for (size_t c = 0; c < j->k; c++) {
    if (!m->count[c]) continue;
    float *to = j->centroid + c * d;
    for (size_t i = 0; i < d; i++) to[i] = (float)(m->sum[c * d + i] / (double)m->count[c]);
    if (j->spherical) as_k.l2norm(d, to, to);
  }
}

void as_kmeans_run(as_kmeans *m, const as_kmeans_job *j) {
  start_at_rows(m, j);
  for (int round = 0; round < j->rounds; round++) {
    assign_rows(m, j);
    move_centroids(m, j);
  }
  assign_rows(m, j);
}
