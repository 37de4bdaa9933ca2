/* Branches, products over samples and the small pieces of losses that methods share. */
#include <math.h>
#include <string.h>

#include "models/ssl/ssl_int.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/kern/kernels.h"

as_status as_branch_create(as_branch *b, const as_ssl *s, const as_branch_cfg *cfg, as_err *err) {
  *b = (as_branch){0};
  const as_encoder_cfg e = {s->o.arch, s->o.size, cfg->images, cfg->zero_gain};
  as_status st = as_encoder_create(&b->encoder, &e, cfg->store, err);
  if (st != AS_OK) return st;
  const int dim = as_encoder_dim(b->encoder);
  const size_t rows = (size_t)cfg->images;
  if (cfg->n_layers)
    st = as_head_create(&b->head, cfg->prefix, dim, cfg->layers, cfg->n_layers, rows, cfg->store, err);
  for (int k = 0; k < cfg->passes && st == AS_OK; k++) {
    st = as_encoder_pass_create(&b->pass[k], b->encoder, cfg->backward, err);
    if (st == AS_OK && b->head) st = as_head_pass_create(&b->head_pass[k], b->head, cfg->backward, err);
  }
  if (st == AS_OK && cfg->backward) {
    b->dfeatures = as_alloc(rows * (size_t)dim, sizeof(float), err);
    if (!b->dfeatures) st = AS_E_ENV;
  }
  if (st != AS_OK) as_branch_clear(b);
  return st;
}

void as_branch_clear(as_branch *b) {
  for (int k = 0; k < 2; k++) {
    as_head_pass_destroy(&b->head_pass[k]);
    as_encoder_pass_destroy(&b->pass[k]);
  }
  as_head_destroy(&b->head);
  as_encoder_destroy(&b->encoder);
  as_free(b->dfeatures);
  *b = (as_branch){0};
}

void as_branch_pack(as_branch *b, bool reverse) {
  as_encoder_pack(b->encoder, reverse);
  if (b->head) as_head_pack(b->head, reverse);
}

const as_map *as_branch_forward(as_branch *b, int k, bool running) {
  const as_map *f = as_encoder_forward(b->pass[k], running);
  return b->head ? as_head_forward(b->head_pass[k], f, running) : f;
}

void as_branch_backward(as_branch *b, int k, const as_map *dout) {
  if (!b->head) {
    as_encoder_backward(b->pass[k], dout);
    return;
  }
  const as_map d = as_map_matrix(b->dfeatures, as_map_pixels(dout), (size_t)as_encoder_dim(b->encoder));
  as_head_backward(b->head_pass[k], dout, &d);
  as_encoder_backward(b->pass[k], &d);
}

void as_map_copy(const as_map *from, const as_map *to) {
  for (size_t i = 0; i < (size_t)from->n; i++)
    for (size_t y = 0; y < (size_t)from->h; y++)
      memcpy(as_map_at(to, i, y, 0), as_map_at(from, i, y, 0),
             (size_t)from->w * (size_t)from->c * sizeof(float));
}

void as_ssl_two_views(as_ssl *s, as_branch *b) {
  s->n_views = 2;
  for (int v = 0; v < 2; v++) s->view[v] = *as_encoder_images(b->pass[v], s->o.batch);
}

const as_map *as_ssl_teach(as_branch *teacher, const as_branch *student, int k) {
  const as_map *from = as_encoder_images(student->pass[k], as_encoder_count(student->pass[k]));
  as_map_copy(from, as_encoder_images(teacher->pass[k], from->n));
  return as_branch_forward(teacher, k, true);
}

void as_ssl_momentum(as_ssl *s, double start) {
  s->ema = (as_train_schedule){.kind = AS_SCHEDULE_COSINE, .start = start, .end = 1.0, .steps = s->steps};
}

void as_ssl_keep(as_ssl *s, void *data, size_t bytes, size_t width) {
  s->kept[s->n_kept++] = (as_ssl_block){data, bytes, width};
}

as_map as_map_part(const as_map *m, int first, int n) {
  as_map part = *m;
  part.data = as_map_at(m, (size_t)first, 0, 0);
  part.n = n;
  return part;
}

as_status as_mix_create(as_mix *x, int m, int n, size_t rows, as_err *err) {
  const as_conv_shape s = {.h = 1, .w = 1, .c_in = n, .c_out = m, .kh = 1, .kw = 1, .stride = 1};
  return as_conv_train_create(&x->conv, &s, rows, err);
}
void as_mix_clear(as_mix *x) {
  as_conv_train_destroy(&x->conv);
}
void as_mix_run(as_mix *x, const as_map *a, const as_map *b, float *out) {
  as_conv_train_grad_weight(x->conv, b, a, out);
}

typedef struct soft_job {
  const as_map *m;
  float scale;
} soft_job;

static void soft_row(void *ctx, size_t row, int worker) {
  (void)worker;
  const soft_job *j = ctx;
  float *x = j->m->data + row * (size_t)j->m->c;
  as_k.softmax(1, (size_t)j->m->c, j->scale, x, 0, x, 0);
}

void as_ssl_softmax(const as_map *logits, double tau) {
  soft_job j = {logits, (float)(1.0 / tau)};
  as_par_for(as_map_pixels(logits), soft_row, &j);
}

double as_ssl_cosine(const as_map *p, const as_map *z, double scale, const as_map *dp) {
  const size_t c = (size_t)p->c, rows = as_map_pixels(p);
  double total = 0.0;
  for (size_t r = 0; r < rows; r++) {
    const float *a = p->data + r * c, *b = z->data + r * c;
    float *d = dp->data + r * c;
    double aa = 0.0, bb = 0.0, ab = 0.0;
    for (size_t i = 0; i < c; i++) {
      aa += (double)a[i] * (double)a[i];
      bb += (double)b[i] * (double)b[i];
      ab += (double)a[i] * (double)b[i];
    }
    const double na = fmax(sqrt(aa), 1e-12), nb = fmax(sqrt(bb), 1e-12), cosine = ab / (na * nb);
    total += cosine;
    for (size_t i = 0; i < c; i++)
      d[i] = (float)(-scale * ((double)b[i] / nb - cosine * ((double)a[i] / na)) / na);
  }
  return total;
}

as_status as_ssl_follow(as_ssl *s, as_err *err) {
  const as_status st = as_store_make(&s->teacher, s->o.seed, err);
  if (st == AS_OK) as_store_copy(&s->teacher, &s->student);
  return st;
}
