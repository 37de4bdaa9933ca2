#include "tensor/train/lnorm_train.h"

#include <string.h>

#include "tensor/base/par.h"
#include "tensor/kern/kernels.h"

static size_t chunks_of_rows(size_t rows) {
  return (rows + AS_CHUNK - 1) / AS_CHUNK;
}

size_t as_lnorm_grad_floats(size_t rows, size_t c) {
  return chunks_of_rows(rows) * (2 * c + c); /* dgamma, dbeta; a row of dx before the residual */
}

static void lnorm_chunk(void *ctx, size_t chunk, int worker) {
  (void)worker;
  const as_lnorm_grad *a = ctx;
  const size_t c = (size_t)a->x->c, rows = as_map_pixels(a->x);
  const size_t first = chunk * AS_CHUNK, end = first + AS_CHUNK < rows ? first + AS_CHUNK : rows;
  float *sum = a->scratch + chunk * 3 * c, *row = sum + 2 * c;
  memset(sum, 0, 2 * c * sizeof *sum);
  as_lnb_args l = {.c = c, .gamma = a->gamma, .eps = a->eps, .dgamma = sum, .dbeta = sum + c};
  for (size_t r = first; r < end; r++) {
    float *dx = a->dx->data + r * c;
    l.x = a->x->data + r * c, l.dy = a->dy->data + r * c, l.dx = a->residual ? row : dx;
    as_k.lnb(&l);
    if (a->residual) as_k.add(c, a->residual->data + r * c, row, dx);
  }
}

void as_lnorm_backward(const as_lnorm_grad *a) {
  as_lnorm_grad job = *a;
  const size_t c = (size_t)a->x->c, chunks = chunks_of_rows(as_map_pixels(a->x));
  as_par_for(chunks, lnorm_chunk, &job);
  for (size_t i = 0; i < 2 * c; i++) {
    double s = 0.0;
    for (size_t k = 0; k < chunks; k++) s += (double)a->scratch[k * 3 * c + i];
    *(i < c ? &a->dgamma[i] : &a->dbeta[i - c]) = (float)s;
  }
}
