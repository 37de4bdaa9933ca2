#include "tensor/train/map.h"

#include <string.h>

#include "tensor/base/par.h"
#include "tensor/kern/kernels.h"

void as_map_place(as_map *m, float *memory) {
  memset(memory, 0, as_map_floats(m) * sizeof *memory);
  m->data = memory + (size_t)m->border * (as_map_row(m) + (size_t)m->c);
}

static size_t chunks_of(const as_map *m) {
  return (as_map_pixels(m) + AS_CHUNK - 1) / AS_CHUNK;
}

size_t as_map_sum_floats(const as_map *m) {
  return chunks_of(m) * (size_t)m->c;
}

typedef struct sum_job {
  const as_map *m;
  float *partial; /* [chunks][c] */
} sum_job;

static void sum_chunk(void *ctx, size_t chunk, int worker) {
  (void)worker;
  const sum_job *j = ctx;
  const size_t c = (size_t)j->m->c, first = chunk * AS_CHUNK, most = as_map_pixels(j->m) - first;
  float *sum = j->partial + chunk * c, *p;
  memset(sum, 0, c * sizeof *sum);
  as_spot at = as_map_spot(j->m, first);
  for (size_t left = most < AS_CHUNK ? most : AS_CHUNK, run; left > 0; left -= run) {
    run = as_map_run(j->m, at, left, &p);
    as_k.colsum(run, c, p, c, sum);
    as_map_walk(j->m, &at, run);
  }
}

void as_map_sum(const as_map *m, float *sum, float *scratch) {
  sum_job j = {m, scratch};
  const size_t c = (size_t)m->c, chunks = chunks_of(m);
  as_par_for(chunks, sum_chunk, &j);
  for (size_t i = 0; i < c; i++) {
    double s = 0.0;
    for (size_t k = 0; k < chunks; k++) s += (double)scratch[k * c + i];
    sum[i] = (float)s;
  }
}
