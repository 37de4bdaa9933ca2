#include "tensor/train/map.h"

#include <string.h>

#include "tensor/base/par.h"
#include "tensor/kern/kernels.h"

void as_map_place(as_map *m, float *memory) {
  memset(memory, 0, as_map_floats(m) * sizeof *memory);
  m->data = memory + (size_t)m->border * (as_map_row(m) + (size_t)m->c);
}

size_t as_map_run(const as_map *m, size_t at, size_t most, float **first) {
  const size_t w = (size_t)m->w, h = (size_t)m->h;
  const size_t image = at / (w * h), y = at / w % h, x = at % w;
  *first = as_map_at(m, image, y, x);
  const size_t run = m->border ? w - x : as_map_pixels(m) - at;
  return run < most ? run : most;
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
  const size_t c = (size_t)j->m->c, end = as_map_pixels(j->m);
  float *sum = j->partial + chunk * c, *p;
  memset(sum, 0, c * sizeof *sum);
  for (size_t at = chunk * AS_CHUNK, left = AS_CHUNK; left > 0 && at < end;) {
    const size_t run = as_map_run(j->m, at, left, &p);
    as_k.colsum(run, c, p, c, sum);
    at += run, left -= run;
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
