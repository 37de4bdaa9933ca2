#include <string.h>

#include "tensor/base/par.h"
#include "tensor/train/conv_train_int.h"

enum {
  BLOCK = 32, /* rows that packt turns over at once */
  BLOCKS = AS_CHUNK / BLOCK
};

/* ---- weight gradient ----
 *
 * One chunk of 256 output pixels is a product of [c_out x 256] by [256 x k], where row r of the second factor is the
 * patch of the input that pixel r saw. The patches are copied into panels (the second operand of the tile), the
 * gradient is turned over in blocks of 32 pixels (the first operand: eight segments of one chain). The rest of the last
 * chunk is filled with zeros, which contribute nothing. */

typedef struct weight_job {
  as_conv_train *c;
  const as_map *in, *dout;
  as_map grid;                 /* the output pixels, as rows of patches */
  size_t pixels, chunks, base; /* base: first chunk of the window */
} weight_job;

/* `run` patches from output pixel `at` on into rows row.. of the panels p0..p1-1. */
static void copy_patches(const weight_job *j, as_spot at, size_t run, size_t row, size_t p0, size_t p1,
                         float *panels) {
  const as_conv_shape *s = &j->c->s;
  const size_t piece = (size_t)(s->kw * s->c_in), step = (size_t)(s->stride * s->c_in);
  const float *from = j->in->data + at.image * as_map_image(j->in) +
                      at.y * (size_t)s->stride * as_map_row(j->in) + at.x * step;
  from -= (size_t)s->pad_top * as_map_row(j->in) + (size_t)s->pad_left * (size_t)s->c_in;
  for (size_t ky = 0; ky < (size_t)s->kh; ky++, from += as_map_row(j->in)) {
    size_t col = ky * piece, end = as_conv_smaller(col + piece, p1 * AS_NR);
    const size_t start = col;
    if (col < p0 * AS_NR) col = p0 * AS_NR;
    while (col < end) {
      const size_t n = as_conv_smaller(end - col, AS_NR - col % AS_NR);
      as_k.copyp(run, n, from + (col - start), step,
                 panels + ((col / AS_NR - p0) * AS_CHUNK + row) * AS_NR + col % AS_NR);
      col += n;
    }
  }
}

/* The chunk's gradient turned over; returns how many blocks of 32 it takes. */
static size_t turn(const weight_job *j, size_t first, size_t rows, float *memory) {
  const size_t co = (size_t)j->c->s.c_out;
  float *compact = memory, *blocks = memory + AS_CHUNK * co, *p;
  const float *from = compact;
  as_spot at = as_map_spot(j->dout, first);
  for (size_t done = 0, run; done < rows; done += run) {
    run = as_map_run(j->dout, at, rows - done, &p);
    if (run == rows) {
      from = p;
      break;
    }
    memcpy(compact + done * co, p, run * co * sizeof *p);
    as_map_walk(j->dout, &at, run);
  }
  size_t b = 0;
  for (size_t row = 0; row < rows; row += BLOCK, b++)
    as_k.packt(as_conv_smaller(rows - row, BLOCK), co, from + row * co, co, blocks + b * co * BLOCK);
  return b;
}

/* The chunk's tiles by panels p0..p1-1, of which `panels` has the patches: to out, or added to the total. */
static void multiply_panels(const weight_job *j, size_t blocks, size_t p0, size_t p1, const float *panels,
                            int worker, float *out) {
  as_conv_train *c = j->c;
  const size_t co = (size_t)c->s.c_out, tiles = (co + AS_MR - 1) / AS_MR;
  const float *turned = c->turned + (size_t)worker * 2 * AS_CHUNK * co + AS_CHUNK * co;
  float *small = c->tile + (size_t)worker * AS_MR * AS_NR;
  const float *a[BLOCKS];
  size_t b_off[BLOCKS];
  for (size_t s = 0; s < blocks; s++) b_off[s] = s * BLOCK * AS_NR;
  for (size_t p = p0; p < p1; p++)
    for (size_t t = 0; t < tiles; t++) {
      const size_t o = co * t / tiles, m = co * (t + 1) / tiles - o;
      for (size_t s = 0; s < blocks; s++) a[s] = turned + (s * co + o) * BLOCK;
      as_gemm_args g = {.m = m, .n = AS_NR, .k = BLOCK, .nseg = blocks, .a = a, .b_off = b_off, .lda = BLOCK};
      g.b = panels + (p - p0) * AS_CHUNK * AS_NR;
      g.c = out ? out + (p * co + o) * AS_NR : small;
      g.ldc = AS_NR;
      as_k.gemm(&g);
      if (!out) as_k.addd(m * AS_NR, small, c->total + (p * co + o) * AS_NR);
    }
}

/* Chunk `chunk` by the panels of a part: each tile goes to out (floats, panels of c_out x 32), or is added to total. */
static void weight_chunk(const weight_job *j, size_t chunk, size_t part, int worker, float *out) {
  const as_conv_train *c = j->c;
  const size_t first = chunk * AS_CHUNK, rows = as_conv_smaller(j->pixels - first, AS_CHUNK);
  const size_t all = as_conv_panels(c->k), last = all * (part + 1) / c->parts;
  float *panels = c->patches + (size_t)worker * AS_CONV_GROUP * AS_CHUNK * AS_NR;
  const size_t blocks = turn(j, first, rows, c->turned + (size_t)worker * 2 * AS_CHUNK * (size_t)c->s.c_out);
  for (size_t p0 = all * part / c->parts, p1; p0 < last; p0 = p1) {
    p1 = as_conv_smaller(p0 + AS_CONV_GROUP, last);
    as_spot at = as_map_spot(&j->grid, first);
    for (size_t done = 0, run; done < rows; done += run) {
      run = as_conv_smaller((size_t)j->grid.w - at.x, rows - done);
      copy_patches(j, at, run, done, p0, p1, panels);
      as_map_walk(&j->grid, &at, run);
    }
    for (size_t p = p0; p < p1 && rows < blocks * BLOCK; p++)
      memset(panels + ((p - p0) * AS_CHUNK + rows) * AS_NR, 0,
             (blocks * BLOCK - rows) * AS_NR * sizeof(float));
    multiply_panels(j, blocks, p0, p1, panels, worker, out);
  }
}

static void part_alone(void *ctx, size_t part, int worker) {
  const weight_job *j = ctx;
  for (size_t chunk = 0; chunk < j->chunks; chunk++) weight_chunk(j, chunk, part, worker, NULL);
}

static void window_part(void *ctx, size_t at, int worker) {
  const weight_job *j = ctx;
  const size_t chunk = at / j->c->parts, sum = as_conv_panels(j->c->k) * (size_t)j->c->s.c_out * AS_NR;
  weight_chunk(j, j->base + chunk, at % j->c->parts, worker, j->c->partial + chunk * sum);
}

/* Panel p of the window's chunks, in order, into the total. */
static void add_window(void *ctx, size_t p, int worker) {
  (void)worker;
  const weight_job *j = ctx;
  const size_t part = (size_t)j->c->s.c_out * AS_NR, sum = as_conv_panels(j->c->k) * part;
  const size_t n = as_conv_smaller(j->chunks - j->base, j->c->window);
  double *to = j->c->total + p * part;
  for (size_t k = 0; k < n; k++) as_k.addd(part, j->c->partial + k * sum + p * part, to);
}

void as_conv_train_grad_weight(as_conv_train *c, const as_map *in, const as_map *dout, float *dweight) {
  const as_conv_shape *s = &c->s;
  const size_t co = (size_t)s->c_out, ci = (size_t)s->c_in, taps = (size_t)(s->kh * s->kw);
  const size_t panels = as_conv_panels(c->k);
  memset(c->total, 0, panels * co * AS_NR * sizeof *c->total);
  const as_map row = as_map_flat(in);
  weight_job j = {.c = c, .in = in, .dout = dout, .pixels = as_map_pixels(dout)};
  j.grid = *dout;
  if (as_conv_is_flat(c, in, in)) j.in = &row, j.grid = as_map_flat(dout);
  j.chunks = (j.pixels + AS_CHUNK - 1) / AS_CHUNK;
  if (c->window == 0) {
    as_par_for(c->parts, part_alone, &j);
  } else {
    for (; j.base < j.chunks; j.base += c->window) {
      as_par_for(as_conv_smaller(j.chunks - j.base, c->window) * c->parts, window_part, &j);
      as_par_for(panels, add_window, &j);
    }
  }
  for (size_t o = 0; o < co; o++)
    for (size_t t = 0; t < taps; t++)
      for (size_t i = 0; i < ci; i++) {
        const size_t col = t * ci + i;
        dweight[(o * ci + i) * taps + t] = (float)c->total[(col / AS_NR * co + o) * AS_NR + col % AS_NR];
      }
}
