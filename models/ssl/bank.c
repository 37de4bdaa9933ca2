#include "models/ssl/bank_int.h"

#include <string.h>

#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"

as_status as_bank_create(as_bank *b, as_ssl *s, as_err *err) {
  const size_t heads = (size_t)as_ssl_value(s, "heads"), k = (size_t)as_ssl_value(s, "prototypes");
  const size_t width = (size_t)as_ssl_value(s, "width");
  b->images = s->o.images;
  if (k > b->images)
    return as_fail(err, AS_E_USAGE, "%s: found %zu prototypes for %zu images, wanted at most as many",
                   s->method->title, k, b->images);
  as_status st = as_crops_create_projector(&b->net, s, err);
  if (st == AS_OK)
    st = as_prototypes_create(&b->prototypes, s, heads, k, width, b->net.views * b->net.batch, err);
  if (st == AS_OK) st = as_store_make(&s->student, s->o.seed, err);
  if (st != AS_OK) return st;
  b->rows = as_calloc(2 * b->images * width, sizeof *b->rows, err);
  b->seen = as_calloc(b->images, sizeof *b->seen, err);
  b->label = as_alloc(heads * b->images, sizeof *b->label, err);
  b->count = as_alloc(k, sizeof *b->count, err);
  if (!b->rows || !b->seen || !b->label || !b->count) return AS_E_ENV;
  for (size_t i = 0; i < heads * b->images; i++) b->label[i] = AS_NO_LABEL;
  as_ssl_keep(s, b->rows, 2 * b->images * width * sizeof *b->rows, 4);
  as_ssl_keep(s, b->seen, b->images * sizeof *b->seen, 4);
  as_ssl_keep(s, b->label, heads * b->images * sizeof *b->label, 4);
  return AS_OK;
}

void as_bank_clear(as_bank *b) {
  as_crops_clear(&b->net);
  as_prototypes_clear(&b->prototypes);
  as_free(b->rows);
  as_free(b->seen);
  as_free(b->label);
  as_free(b->count);
}

const float *as_bank_rows(const as_bank *b, size_t h) {
  return b->rows + h % AS_LARGE_VIEWS * b->images * b->prototypes.width;
}

/* u: embeddings whose first rows are the large views'. */
static void remember(as_bank *b, const uint32_t *image, const as_map *u) {
  const size_t width = b->prototypes.width;
  for (size_t v = 0; v < AS_LARGE_VIEWS; v++)
    for (size_t i = 0; i < b->net.batch; i++) {
      memcpy(b->rows + (v * b->images + image[i]) * width, u->data + (v * b->net.batch + i) * width,
             width * sizeof(float));
      b->seen[image[i]] = 1;
    }
}

void as_bank_look(as_bank *b, const uint32_t *image) {
  remember(b, image, as_crops_forward(&b->net, true));
}

double as_bank_loss(const as_bank *b, const uint32_t *image, const as_map *p, double tau) {
  const size_t heads = b->prototypes.heads, k = b->prototypes.k, batch = b->net.batch;
  const size_t rows = as_map_pixels(p);
  double loss = 0.0;
  for (size_t h = 0; h < heads; h++) {
    const uint32_t *label = b->label + h * b->images;
    size_t labelled = 0;
    for (size_t r = 0; r < rows; r++) labelled += label[image[r % batch]] != AS_NO_LABEL;
    const double n = (double)labelled * (double)heads;
    const float scale = labelled ? (float)(1.0 / (n * tau)) : 0.0f;
    for (size_t r = 0; r < rows; r++) {
      float *row = p->data + (r * heads + h) * k;
      const uint32_t l = label[image[r % batch]];
      if (l == AS_NO_LABEL) {
        memset(row, 0, k * sizeof *row);
        continue;
      }
      loss -= as_log(row[l] > 0.0f ? (double)row[l] : 1e-38) / n;
      row[l] = row[l] - 1.0f;
      for (size_t j = 0; j < k; j++) row[j] = scale * row[j];
    }
  }
  return loss;
}

double as_bank_step(as_bank *b, as_ssl *s, const uint32_t *image) {
  const double tau = as_ssl_value(s, "temperature");
  const as_map *u = as_crops_forward(&b->net, false);
  const as_map *p = as_prototypes_forward(&b->prototypes, u); /* logits, then P, then their gradient */
  remember(b, image, u);
  const as_map by_head = as_map_matrix(p->data, as_map_pixels(p) * b->prototypes.heads, b->prototypes.k);
  as_ssl_softmax(&by_head, tau);
  const double loss = as_bank_loss(b, image, p, tau);
  const as_map du = as_prototypes_backward(&b->prototypes, p);
  as_crops_backward(&b->net, &du);
  return loss;
}

double as_bank_balance(const as_bank *b) {
  const size_t heads = b->prototypes.heads, k = b->prototypes.k;
  double sum = 0.0;
  for (size_t h = 0; h < heads; h++) {
    size_t all = 0;
    memset(b->count, 0, k * sizeof *b->count);
    for (size_t i = 0; i < b->images; i++) {
      const uint32_t l = b->label[h * b->images + i];
      if (l != AS_NO_LABEL) b->count[l]++, all++;
    }
    for (size_t j = 0; j < k; j++) {
      const double share = b->count[j] ? (double)b->count[j] / (double)all : 1.0;
      sum -= share * as_log(share);
    }
  }
  return sum / ((double)heads * as_log((double)k));
}
