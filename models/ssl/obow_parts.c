/* Bags of words and the loss of who predicts them. */
#include <math.h>
#include <string.h>

#include "models/ssl/obow_int.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/kern/kernels.h"
#include "tensor/linear.h"

as_status as_bags_create(as_bags *b, size_t images, size_t positions, size_t k, size_t f, as_err *err) {
  const size_t rows = images * positions;
  *b = (as_bags){.images = images, .positions = positions, .k = k, .f = f};
  b->x = as_alloc(rows * f, sizeof *b->x, err);
  b->words = as_alloc(k * f, sizeof *b->words, err);
  b->target = as_alloc(images * k, sizeof *b->target, err);
  b->score = as_alloc(rows * k, sizeof *b->score, err);
  b->squares = as_alloc(k, sizeof *b->squares, err);
  b->nearest = as_alloc(rows, sizeof *b->nearest, err);
  b->pack = as_alloc(as_gemm_scratch(k, f), 1, err);
  return b->x && b->words && b->target && b->score && b->squares && b->nearest && b->pack ? AS_OK : AS_E_ENV;
}

void as_bags_clear(as_bags *b) {
  void *all[] = {b->x, b->words, b->target, b->score, b->squares, b->nearest, b->pack};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) as_free(all[i]);
  *b = (as_bags){0};
}

static float square_of(const float *x, size_t n) {
  double sum = 0.0;
  for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
  return (float)sum;
}

/* |x - word|^2 = |x|^2 - (2 x . word - |word|^2): the bracket is what codes need, since softmax does not see |x|^2. */
static void score_row(void *ctx, size_t row, int worker) {
  (void)worker;
  as_bags *b = ctx;
  float *score = b->score + row * b->k, most = 0.0f;
  for (size_t c = 0; c < b->k; c++) {
    score[c] = 2.0f * score[c] - b->squares[c];
    if (c == 0 || score[c] > most) most = score[c];
  }
  b->nearest[row] = fmaxf(square_of(b->x + row * b->f, b->f) - most, 0.0f);
}

typedef struct code_job {
  as_bags *b;
  float scale;
} code_job;

static void bag_of_image(void *ctx, size_t image, int worker) {
  (void)worker;
  const code_job *j = ctx;
  const as_bags *b = j->b;
  float *target = b->target + image * b->k;
  for (size_t p = 0; p < b->positions; p++) {
    float *code = b->score + (image * b->positions + p) * b->k;
    as_k.softmax(1, b->k, j->scale, code, 0, code, 0);
    for (size_t c = 0; c < b->k; c++) target[c] = p && target[c] > code[c] ? target[c] : code[c];
  }
  double sum = 0.0;
  for (size_t c = 0; c < b->k; c++) sum += (double)target[c];
  for (size_t c = 0; c < b->k; c++) target[c] = (float)((double)target[c] / sum);
}

void as_bags_fill(as_bags *b, double delta, double keep) {
  const size_t rows = b->images * b->positions;
  for (size_t c = 0; c < b->k; c++) b->squares[c] = square_of(b->words + c * b->f, b->f);
  as_gemm_nt(&(as_product){rows, b->k, b->f, b->x, b->f, b->words, b->f, b->score, b->k}, b->pack);
  as_par_for(rows, score_row, b);
  double sum = 0.0;
  for (size_t r = 0; r < rows; r++) sum += (double)b->nearest[r];
  b->mu = keep * b->mu + (1.0 - keep) * (sum / (double)rows);
  code_job j = {b, (float)(delta / fmax(b->mu, 1e-12))};
  as_par_for(b->images, bag_of_image, &j);
}

double as_bags_balance(const as_bags *b) {
  double entropy = 0.0;
  for (size_t c = 0; c < b->k; c++) {
    double mean = 0.0;
    for (size_t i = 0; i < b->images; i++) mean += (double)b->target[i * b->k + c] / (double)b->images;
    if (mean > 0.0) entropy -= mean * as_log(mean);
  }
  return entropy / as_log((double)b->k);
}

as_status as_bag_loss_create(as_bag_loss *l, size_t rows, size_t k, size_t f, as_err *err) {
  const size_t a = as_gemm_scratch(k, f), b = as_gemm_scratch(f, k);
  *l = (as_bag_loss){.k = k};
  l->logits = as_alloc(rows * k, sizeof *l->logits, err);
  l->df = as_alloc(rows * f, sizeof *l->df, err);
  l->dw = as_alloc(k * f, sizeof *l->dw, err);
  l->pack = as_alloc(a > b ? a : b, 1, err);
  if (!l->logits || !l->df || !l->dw || !l->pack) return AS_E_ENV;
  return as_mix_create(&l->mix, (int)k, (int)f, rows, err);
}

void as_bag_loss_clear(as_bag_loss *l) {
  as_mix_clear(&l->mix);
  void *all[] = {l->logits, l->df, l->dw, l->pack};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) as_free(all[i]);
  *l = (as_bag_loss){0};
}

double as_bag_loss_run(as_bag_loss *l, const as_map *f, const as_map *w, const float *target, size_t images,
                       double kappa) {
  const size_t rows = as_map_pixels(f), d = (size_t)f->c, k = l->k;
  as_gemm_nt(&(as_product){rows, k, d, f->data, d, w->data, d, l->logits, k}, l->pack);
  const as_map g = as_map_matrix(l->logits, rows, k);
  as_ssl_softmax(&g, 1.0 / kappa);
  double loss = 0.0;
  const float scale = (float)(kappa / (double)rows);
  for (size_t r = 0; r < rows; r++) {
    const float *t = target + r % images * k;
    float *p = l->logits + r * k;
    for (size_t c = 0; c < k; c++) {
      if (t[c] > 0.0f)
        loss += (double)t[c] * (as_log((double)t[c]) - as_log(p[c] > 0.0f ? (double)p[c] : 1e-38));
      p[c] = scale * (p[c] - t[c]); /* kappa G */
    }
  }
  as_gemm_nn(&(as_product){rows, d, k, l->logits, k, w->data, d, l->df, d}, l->pack);
  as_mix_run(&l->mix, &g, f, l->dw);
  return loss / (double)rows;
}
