#include "tensor/norm.h"

#include "tensor/base/par.h"
#include "tensor/kern/kernels.h"

/* About this many floats per chunk: long enough to pay for its start, short enough to share out. */
enum { CHUNK_FLOATS = 16384 };

typedef enum row_op { LAYERNORM, SOFTMAX, L2 } row_op;

typedef struct row_job {
  row_op op;
  size_t rows, per_chunk, c;
  const float *in, *gamma, *beta;
  float eps;
  float *out;
  size_t ld_in, ld_out;
} row_job;

static void rows_chunk(void *ctx, size_t chunk, int worker) {
  (void)worker;
  const row_job *j = ctx;
  const size_t end = (chunk + 1) * j->per_chunk < j->rows ? (chunk + 1) * j->per_chunk : j->rows;
  for (size_t r = chunk * j->per_chunk; r < end; r++) {
    const float *in = j->in + r * j->ld_in;
    float *out = j->out + r * j->ld_out;
    switch (j->op) {
      case LAYERNORM:
        as_k.layernorm(j->c, in, j->gamma, j->beta, j->eps, out);
        break;
      case SOFTMAX:
        as_k.softmax(1, j->c, 1.0f, in, 0, out, 0);
        break;
      case L2:
        as_k.l2norm(j->c, in, out);
        break;
    }
  }
}

static void run_rows(row_job *j) {
  if (j->rows == 0 || j->c == 0) return;
  j->per_chunk = j->c < CHUNK_FLOATS ? CHUNK_FLOATS / j->c : 1;
  as_par_for((j->rows + j->per_chunk - 1) / j->per_chunk, rows_chunk, j);
}

void as_layernorm(const as_layernorm_weights *w, size_t rows, const float *in, size_t ld_in, float *out,
                  size_t ld_out) {
  row_job j = {LAYERNORM, rows, 1, (size_t)w->c, in, w->gamma, w->beta, w->eps, out, ld_in, ld_out};
  run_rows(&j);
}

void as_softmax(size_t rows, int c, const float *in, size_t ld_in, float *out, size_t ld_out) {
  row_job j = {SOFTMAX, rows, 1, (size_t)c, in, NULL, NULL, 0.0f, out, ld_in, ld_out};
  run_rows(&j);
}

void as_l2_normalize(size_t rows, int c, const float *in, size_t ld_in, float *out, size_t ld_out) {
  row_job j = {L2, rows, 1, (size_t)c, in, NULL, NULL, 0.0f, out, ld_in, ld_out};
  run_rows(&j);
}

typedef struct flat_job {
  as_fn_relu *fn;
  size_t n;
  const float *in;
  float *out;
} flat_job;

static void flat_chunk(void *ctx, size_t chunk, int worker) {
  (void)worker;
  const flat_job *j = ctx;
  const size_t at = chunk * CHUNK_FLOATS;
  const size_t n = j->n - at < CHUNK_FLOATS ? j->n - at : CHUNK_FLOATS;
  j->fn(n, j->in + at, j->out + at);
}

static void copy_floats(size_t n, const float *in, float *out) {
  if (in == out) return;
  for (size_t i = 0; i < n; i++) out[i] = in[i];
}

void as_activate(as_act act, size_t n, const float *in, float *out) {
  flat_job j = {copy_floats, n, in, out};
  switch (act) {
    case AS_ACT_NONE:
      break;
    case AS_ACT_RELU:
      j.fn = as_k.relu;
      break;
    case AS_ACT_GELU:
      j.fn = as_k.gelu;
      break;
    case AS_ACT_SILU:
      j.fn = as_k.silu;
      break;
  }
  as_par_for((n + CHUNK_FLOATS - 1) / CHUNK_FLOATS, flat_chunk, &j);
}
