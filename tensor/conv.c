#include "tensor/conv.h"

#include <float.h>
#include <math.h>

#include "tensor/base/checked.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/bf16_int.h"
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
static as_conv_alg choose(const as_conv_shape *s) {
  const int pads = s->pad_top | s->pad_left | s->pad_bottom | s->pad_right;
  if (s->kh == 1 && s->kw == 1 && s->stride == 1 && pads == 0) return AS_CONV_GEMM;
  if (s->kh == 3 && s->kw == 3 && s->stride == 1 && s->pad_top == 1 && s->pad_left == 1 &&
      s->pad_bottom == 1 && s->pad_right == 1 && s->h >= 8 && s->w >= 8 && s->c_in >= 16 && s->c_out >= 16)
    return AS_CONV_WINO4;
  if (s->c_in < 16 || s->kh * s->kw > AS_MAX_SEG) return AS_CONV_ROWS;
  return AS_CONV_TAPS;
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
  as_conv *c;
  const float *weight;
  const double *scale; /* or NULL */
  bool *finite;        /* [panels] */
} pack_job;

/* So many rows of a panel are transposed at once: 18 KB on the stack, 16 channels of a 3x3 kernel. */
enum { PACK_ROWS = 144 };

/* Channels per output of a panel, and the factors of its 32 outputs. */
static size_t panel_scale(const pack_job *j, size_t p, double s[AS_NR]) {
  const size_t co = (size_t)j->c->s.c_out, n = co - p * AS_NR < AS_NR ? co - p * AS_NR : AS_NR;
  for (size_t i = 0; i < AS_NR; i++) s[i] = j->scale && i < n ? j->scale[p * AS_NR + i] : 1.0;
  return n;
}

/* weight [c_out][c_in][kh][kw] to a panel whose rows run over (kernel row, kernel column, channel). */
static void pack_direct(const pack_job *j, size_t p) {
  const as_conv *c = j->c;
  const size_t ci = (size_t)c->s.c_in, taps = (size_t)c->s.kh * (size_t)c->s.kw, chain = ci * taps;
  double s[AS_NR];
  _Alignas(64) float rows[PACK_ROWS * AS_NR];
  const size_t n = panel_scale(j, p, s);
  for (size_t k = 0; k < chain; k += PACK_ROWS) {
    const size_t count = chain - k < PACK_ROWS ? chain - k : PACK_ROWS;
    as_k.packt(n, count, j->weight + p * AS_NR * chain + k, chain, rows);
    for (size_t r = 0; r < count; r++) {
      const float *from = rows + r * AS_NR;
      float *to = c->packed + (p * chain + (k + r) % taps * ci + (k + r) / taps) * AS_NR;
      for (size_t i = 0; i < AS_NR; i++) to[i] = (float)((double)from[i] * s[i]);
    }
  }
}

static void pack_wino4(const pack_job *j, size_t p) {
  enum { CHANNELS = PACK_ROWS / 9 };
  const as_conv *c = j->c;
  const size_t ci = (size_t)c->s.c_in;
  double s[AS_NR], g[9 * AS_NR], u[36 * AS_NR];
  _Alignas(64) float rows[PACK_ROWS * AS_NR];
  const size_t n = panel_scale(j, p, s);
  for (size_t ch = 0; ch < ci; ch += CHANNELS) {
    const size_t count = ci - ch < CHANNELS ? ci - ch : CHANNELS;
    as_k.packt(n, 9 * count, j->weight + (p * AS_NR * ci + ch) * 9, 9 * ci, rows);
    for (size_t k = 0; k < count; k++) {
      const float *from = rows + 9 * k * AS_NR;
      for (size_t t = 0; t < 9; t++)
        for (size_t i = 0; i < AS_NR; i++) g[t * AS_NR + i] = (double)from[t * AS_NR + i] * s[i];
      as_wino4_weights(g, u);
      for (size_t q = 0; q < 36; q++) {
        float *to = c->packed + ((p * 36 + q) * ci + ch + k) * AS_NR;
        for (size_t i = 0; i < AS_NR; i++) to[i] = (float)u[q * AS_NR + i];
      }
    }
  }
}

static void pack_panel(void *ctx, size_t p, int worker) {
  (void)worker;
  const pack_job *j = ctx;
  const as_conv *c = j->c;
  if (c->bf16) {
    j->finite[p] = as_conv_bf16_pack(c, j->weight, j->scale, p);
    return;
  }
  if (c->alg == AS_CONV_WINO4) {
    pack_wino4(j, p);
  } else {
    pack_direct(j, p);
  }
  const float *w = c->packed + p * c->chain * AS_NR;
  bool finite = true;
  for (size_t i = 0; i < c->chain * AS_NR; i++) finite &= fabsf(w[i]) <= FLT_MAX;
  j->finite[p] = finite;
}

as_status as_conv_create(as_conv **out, const as_conv_shape *shape, const float *weight, const double *scale,
                         const double *bias, as_err *err) {
  *out = NULL;
  as_status st = check_shape(shape, err);
  if (st != AS_OK) return st;
  size_t chain, floats;
  const bool wino = choose(shape) == AS_CONV_WINO4;
  const bool bf16 = as_profile_bf16() && !wino;
  const size_t panels = as_panels((size_t)shape->c_out);
  if (!as_mul_size((size_t)shape->c_in, wino ? 36 : (size_t)shape->kh * (size_t)shape->kw, &chain) ||
      !as_mul_size(bf16 ? as_bf16_pairs(chain) : chain, panels * AS_NR, &floats))
    return as_fail(err, AS_E_ENV, "convolution: %d -> %d channels, kernel %dx%d do not fit into memory",
                   shape->c_in, shape->c_out, shape->kh, shape->kw);
  if (bf16 && (st = as_bf16_check(chain, err)) != AS_OK) return st;
  as_conv *c = as_calloc(1, sizeof *c, err);
  if (!c) return AS_E_ENV;
  c->s = *shape;
  c->alg = choose(shape);
  c->bf16 = bf16;
  c->out_h = as_conv_out_h(shape);
  c->out_w = as_conv_out_w(shape);
  c->panels = panels;
  c->chain = chain;
  c->packed_floats = floats;
  c->packed = as_alloc(floats, sizeof(float), err);
  c->bias = as_calloc(panels * AS_NR, sizeof(float), err);
  if (!c->packed || !c->bias) {
    as_conv_destroy(&c);
    return AS_E_ENV;
  }
  bool *finite_panel = as_calloc(panels, sizeof *finite_panel, err);
  if (!finite_panel) {
    as_conv_destroy(&c);
    return AS_E_ENV;
  }
  pack_job job = {c, weight, scale, finite_panel};
  as_par_for(panels, pack_panel, &job);
  bool finite = true;
  for (size_t p = 0; p < panels; p++) finite = finite && finite_panel[p];
  as_free(finite_panel);
  if (bias)
    for (int i = 0; i < shape->c_out; i++) {
      c->bias[i] = (float)bias[i];
      finite = finite && isfinite(c->bias[i]);
    }
  if (!finite) {
    as_conv_destroy(&c);
    return as_fail(err, AS_E_INPUT, "convolution: found a weight that is not finite in %s",
                   bf16 ? "bf16" : "float32");
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
  return (c->packed_floats + c->panels * AS_NR) * sizeof(float);
}

const char *as_conv_algorithm(const as_conv *c) {
  switch (c->alg) {
    case AS_CONV_GEMM:
      return c->bf16 ? "gemm-bf16" : "gemm";
    case AS_CONV_TAPS:
      return c->bf16 ? "direct-bf16" : "direct";
    case AS_CONV_ROWS:
      return c->bf16 ? "direct-bf16" : "direct-rows";
    case AS_CONV_WINO4:
      return "winograd-4x4";
  }
  return "";
}

size_t as_conv_scratch(const as_conv *c, int batch) {
  return c->alg == AS_CONV_WINO4 ? as_wino4_scratch(c, batch) : c->bf16 ? 0 : as_conv_direct_scratch(c);
}

void as_conv_run(const as_conv *c, const as_tensor *in, const as_tensor *residual, as_act act,
                 const as_tensor *out, void *scratch) {
  if (c->alg == AS_CONV_WINO4) {
    as_wino4_run(c, in, residual, act, out, scratch);
  } else if (c->bf16) {
    as_conv_bf16_run(c, in, residual, act, out);
  } else {
    as_conv_direct_run(c, in, residual, act, out, scratch);
  }
}
