/* SeLa-v2: self-labelling (Asano, Rupprecht, Vedaldi 2020, arXiv 1911.05371) in SwAV's setting (Caron et al. 2020, arXiv
 * 2006.09882, appendix).
 *
 *   start of an epoch, per head h: Q_h = Sinkhorn(bank W_h^T), over all images;  y_h = argmax of its rows
 *   V views -> backbone -> projector -> u = z / |z|;  P_h = softmax(u W_h^T / tau)
 *   L = (1 / H) sum over h of mean over all views of -log P_h[y_h]
 *
 * Gradient: du = sum over h of (P_h - one-hot) W_h / (rows H tau), dW_h = its transpose with u. The labels are as even as they
 * can be made, each prototype about N / K images: without that, one prototype for all would be a perfect solution of L.
 *
 * The code of SeLa-v2 was never published; there are two checkpoints and half a page. Followed here is what that half page
 * says: DeepCluster-v2's loop (bank, heads, loss) with Sinkhorn's labels in the place of k-means', and prototypes that are
 * trained as SwAV's (rows of length 1 before every forward, standing still in the first epoch). Not known, and so
 * chosen: hard labels as in SeLa (v1), epsilon and rounds such that the labels are even, new labels every epoch (v1:
 * 100 times in a training, at growing distances), head h on the bank of large view h mod 2. SeLa v1 raises a
 * softmax to the power lambda = 25 and stops by a tolerance; here epsilon and a fixed count (NUMERICS rule T7).
 * Bank, loss: bank_int.h; Sinkhorn: sinkhorn_int.h. It needs images x K floats more. */
#include <string.h>

#include "models/ssl/bank_int.h"
#include "models/ssl/methods_int.h"
#include "models/ssl/sinkhorn_int.h"
#include "tensor/base/mem.h"
#include "tensor/linear.h"

typedef struct sela {
  as_bank bank;
  float *scores; /* [images, K]: Sinkhorn's matrix */
  float *sums;   /* of Sinkhorn */
  void *pack;    /* of the product */
} sela;

static const as_ssl_param params[] = {
    {"heads", 3, "labellings, H", "not known (SeLa: 10)"},
    {"prototypes", 64, "labels of each, K", "3000"},
    {"width", 128, "of the embeddings", "128"},
    {"hidden", 128, "of the projector", "2048"},
    {"temperature", 0.1, "tau", "0.1"},
    {"epsilon", 0.05, "of Sinkhorn: smaller is harder", "not known (SwAV: 0.05)"},
    {"sinkhorn", 20, "rounds", "not known (SeLa: until it stands still)"},
    {"frozen", 1, "epochs in which the prototypes stand still", "1"},
    {"small-views", 0, "of half the side, 0 to 4", "4, or 0"},
    {"lr", 4e-3, "learning rate", ""},
    {NULL, 0, NULL, NULL},
};

static void sela_destroy(as_ssl *s) {
  sela *m = s->state;
  if (!m) return;
  as_bank_clear(&m->bank);
  as_free(m->scores);
  as_free(m->sums);
  as_free(m->pack);
  as_free(m);
}

static as_status sela_create(as_ssl *s, as_err *err) {
  sela *m = s->state = as_calloc(1, sizeof *m, err);
  if (!m) return AS_E_ENV;
  as_status st = as_sinkhorn_check("SeLa-v2", as_ssl_value(s, "epsilon"), as_ssl_value(s, "sinkhorn"), err);
  if (st == AS_OK) st = as_bank_create(&m->bank, s, err);
  if (st != AS_OK) return st;
  const as_map scores = as_map_matrix(NULL, m->bank.images, m->bank.prototypes.k);
  m->scores = as_alloc(as_map_floats(&scores), sizeof(float), err);
  m->sums = as_alloc(as_sinkhorn_floats(&scores), sizeof(float), err);
  m->pack = as_alloc(as_gemm_scratch(m->bank.prototypes.k, m->bank.prototypes.width), 1, err);
  return m->scores && m->sums && m->pack ? AS_OK : AS_E_ENV;
}

static void sela_look(as_ssl *s, const uint32_t *image) {
  as_bank_look(&((sela *)s->state)->bank, image);
}

/* Labels of head h: the largest assignment of each image that the bank has, of equal ones the lowest. */
static void label_images(sela *m, const as_ssl *s, size_t h) {
  const as_bank *b = &m->bank;
  const size_t k = b->prototypes.k, width = b->prototypes.width;
  const float *w = as_prototypes_value(&b->prototypes) + h * k * width;
  as_gemm_nt(&(as_product){b->images, k, width, as_bank_rows(b, h), width, w, width, m->scores, k}, m->pack);
  size_t n = 0;
  for (size_t i = 0; i < b->images; i++)
    if (b->seen[i]) memmove(m->scores + n++ * k, m->scores + i * k, k * sizeof(float));
  if (n == 0) return;
  const as_map q = as_map_matrix(m->scores, n, k);
  as_sinkhorn(&q, as_ssl_value(s, "epsilon"), (int)as_ssl_value(s, "sinkhorn"), m->sums);
  const float *row = m->scores;
  for (size_t i = 0; i < b->images; i++) {
    if (!b->seen[i]) continue;
    uint32_t best = 0;
    for (uint32_t j = 1; j < k; j++)
      if (row[j] > row[best]) best = j;
    b->label[h * b->images + i] = best;
    row += k;
  }
}

static double sela_loss(as_ssl *s, const uint32_t *image) {
  sela *m = s->state;
  as_prototypes_normalise(&m->bank.prototypes);
  if (s->step % s->per_epoch == 0) {
    for (size_t h = 0; h < m->bank.prototypes.heads; h++) label_images(m, s, h);
    s->balance = as_bank_balance(&m->bank);
  }
  s->student.slot[m->bank.prototypes.slot].absent =
      (double)s->step < as_ssl_value(s, "frozen") * (double)s->per_epoch;
  return as_bank_step(&m->bank, s, image);
}

const as_ssl_method as_ssl_sela = {
    .name = "sela",
    .title = "SeLa-v2",
    .family = "clustering",
    .about =
        "each epoch: Sinkhorn over the remembered embeddings of all images -> even labels y_h, for H heads\n"
        "2 large (and small) views -> f -> g -> u = z/|z|;  L = mean over heads and views of -log softmax(u "
        "W_h^T / tau)[y_h]\n"
        "The original was never published: DeepCluster-v2's loop, Sinkhorn's labels, prototypes trained as "
        "SwAV's.",
    .view = AS_SWAV_VIEWS,
    .params = params,
    .create = sela_create,
    .destroy = sela_destroy,
    .look = sela_look,
    .loss = sela_loss,
};
