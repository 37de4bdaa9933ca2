#include "tensor/conv.h"

#include <math.h>

#include "tensor/base/checked.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/bf16_int.h"
#include "tensor/blocking.h"
#include "tensor/conv_int.h"
#include "tensor/runtime.h"

int as_conv_out_h(const as_conv_shape *s) {
  return (s->h + s->pad_top + s->pad_bottom - s->kh) / s->stride + 1;
}
int as_conv_out_w(const as_conv_shape *s) {
  return (s->w + s->pad_left + s->pad_right - s->kw) / s->stride + 1;
}

/* The table of NUMERICS rule 8: by shape alone, because Winograd's rounding differs from the chain's.
 * F(4x4, 3x3) pays from 8x8 maps on: 7x7 would fill 8x8 tiles with 23 % padding, and at 512 channels
 * its 38 MB of transformed weights would stream from memory. */
static const as_conv_alg *algorithm_for(const as_conv_shape *s, bool bf16) {
  const int pads = s->pad_top | s->pad_left | s->pad_bottom | s->pad_right;
  if (s->kh == 1 && s->kw == 1 && s->stride == 1 && pads == 0)
    return bf16 ? &as_conv_gemm_bf16 : &as_conv_gemm;
  if (s->kh == 3 && s->kw == 3 && s->stride == 1 && s->pad_top == 1 && s->pad_left == 1 &&
      s->pad_bottom == 1 && s->pad_right == 1 && s->h >= 8 && s->w >= 8 && s->c_in >= 16 && s->c_out >= 16)
    return &as_conv_wino4;
  if (bf16) return &as_conv_window_bf16;
  return s->c_in < 16 || s->kh * s->kw > AS_MAX_SEG ? &as_conv_rows : &as_conv_taps;
}

static as_status check_shape(const as_conv_shape *s, as_err *err) {
  const int lim = 1 << 20;
  if (s->h < 1 || s->w < 1 || s->c_in < 1 || s->c_out < 1 || s->kh < 1 || s->kw < 1 || s->stride < 1 ||
      s->h > lim || s->w > lim || s->c_in > lim || s->c_out > lim || s->kh > AS_MAX_SEG || s->kw > lim ||
      s->stride > lim || s->pad_top < 0 || s->pad_left < 0 || s->pad_bottom < 0 || s->pad_right < 0 ||
      s->pad_top >= s->kh || s->pad_bottom >= s->kh || s->pad_left >= s->kw || s->pad_right >= s->kw ||
      s->h + s->pad_top + s->pad_bottom < s->kh || s->w + s->pad_left + s->pad_right < s->kw)
    return as_fail(
        err, AS_E_USAGE,
        "convolution: found %dx%d map, %d -> %d channels, kernel %dx%d, stride %d, padding %d %d %d %d; "
        "wanted positive sizes, a kernel of at most %d rows that fits, padding below the kernel",
        s->h, s->w, s->c_in, s->c_out, s->kh, s->kw, s->stride, s->pad_top, s->pad_left, s->pad_bottom,
        s->pad_right, AS_MAX_SEG);
  return AS_OK;
}

typedef struct pack_job {
  const as_conv *c;
  as_conv_weights w;
  float *work;  /* [threads][pack_floats] */
  bool *finite; /* [panels] */
} pack_job;

static void pack_panel(void *ctx, size_t p, int worker) {
  const pack_job *j = ctx;
  const as_conv_alg *alg = j->c->alg;
  j->finite[p] = alg->pack(j->c, &j->w, p, j->work + (size_t)worker * alg->pack_floats);
}

static as_status pack_all(as_conv *c, const as_conv_weights *w, const double *bias, as_err *err) {
  pack_job job = {c, *w, NULL, as_calloc(c->panels, sizeof *job.finite, err)};
  if (job.finite) job.work = as_alloc((size_t)as_par_threads() * c->alg->pack_floats, sizeof *job.work, err);
  bool finite = job.work != NULL;
  if (finite) as_par_for(c->panels, pack_panel, &job);
  for (size_t p = 0; p < c->panels && finite; p++) finite = job.finite[p];
  for (int i = 0; bias && i < c->s.c_out; i++) {
    c->bias[i] = (float)bias[i];
    finite = finite && isfinite(c->bias[i]);
  }
  const as_status st = job.work ? AS_OK : AS_E_ENV;
  as_free(job.work);
  as_free(job.finite);
  if (st != AS_OK || finite) return st;
  return as_fail(err, AS_E_INPUT, "convolution: found a weight that is not finite in %s",
                 c->alg->bf16 ? "bf16" : "float32");
}

as_status as_conv_create(as_conv **out, const as_conv_shape *shape, const float *weight, const double *scale,
                         const double *bias, as_err *err) {
  *out = NULL;
  as_status st = check_shape(shape, err);
  if (st != AS_OK) return st;
  const as_conv_alg *alg = algorithm_for(shape, as_profile_bf16());
  const size_t panels = as_panels((size_t)shape->c_out);
  size_t chain, panel_floats, floats;
  if (!as_mul_size((size_t)shape->c_in, (size_t)shape->kh * (size_t)shape->kw, &chain) ||
      !as_mul_size(alg->panel_rows(chain), AS_NR, &panel_floats) ||
      !as_mul_size(panel_floats, panels, &floats))
    return as_fail(err, AS_E_ENV, "convolution: %d -> %d channels, kernel %dx%d do not fit into memory",
                   shape->c_in, shape->c_out, shape->kh, shape->kw);
  if (alg->bf16 && (st = as_bf16_check(chain, err)) != AS_OK) return st;
  as_conv *c = as_calloc(1, sizeof *c, err);
  if (!c) return AS_E_ENV;
  *c = (as_conv){.s = *shape,
                 .alg = alg,
                 .out_h = as_conv_out_h(shape),
                 .out_w = as_conv_out_w(shape),
                 .panels = panels,
                 .chain = chain,
                 .panel_floats = panel_floats};
  c->packed = as_alloc(floats, sizeof(float), err);
  c->bias = as_calloc(panels * AS_NR, sizeof(float), err);
  st = c->packed && c->bias ? pack_all(c, &(as_conv_weights){weight, scale}, bias, err) : AS_E_ENV;
  if (st != AS_OK) {
    as_conv_destroy(&c);
    return st;
  }
  *out = c;
  return AS_OK;
}

void as_conv_destroy(as_conv **conv) {
  if (!conv || !*conv) return;
  as_free((*conv)->packed);
  as_free((*conv)->bias);
  as_free(*conv);
  *conv = NULL;
}

size_t as_conv_packed_bytes(const as_conv *c) {
  return c->panels * (c->panel_floats + AS_NR) * sizeof(float);
}

const char *as_conv_algorithm(const as_conv *c) {
  return c->alg->name;
}

size_t as_conv_scratch(const as_conv *c, int batch, int threads) {
  return c->alg->scratch ? c->alg->scratch(c, batch, threads) : 0;
}

void as_conv_run(const as_conv *c, const as_conv_args *args, const as_team *team) {
  c->alg->run(c, args, team);
}

/* Both weights and a few tiles in L2. */
bool as_conv_pairs(const as_conv *a, const as_conv *b) {
  return a->alg->pair && a->alg == b->alg && a->s.c_out == b->s.c_in && a->s.h == b->s.h &&
         a->s.w == b->s.w &&
         (a->panels * a->panel_floats + b->panels * b->panel_floats) * sizeof(float) <= as_blocks.pair;
}

void as_conv_run_pair(const as_conv *first, const as_conv_args *a, const as_conv *second,
                      const as_conv_args *b, const as_team *team) {
  first->alg->pair(first, a, second, b, team);
}
