/* PCL v2 (Li et al. 2021, arXiv 2005.04966; salesforce/PCL).
 *
 *   MoCo v2, and from the second epoch on, at each epoch's start: the images' embeddings by f_k -> k-means at M sizes
 *   -> prototypes c_s at length 1, each with a concentration phi_s, and for every image the prototype that it belongs to
 *   L = InfoNCE + (1 / M) sum over the sizes of mean of -log softmax_s(q . c_s / phi_s)[own]
 *
 *   phi_s = mean distance of its n_s embeddings to the cluster's mean / ln(n_s + 10)     tight clusters: small
 *   (n_s < 2: the largest); cut to its 10th and 90th percentile; scaled so that the mean over s is tau
 *
 * The distances are to the plain mean of the cluster, which is brought to length 1 afterwards. Gradient: MoCo's, and
 * (1 / (M B)) sum over s of (P - Y)_s c_s / phi_s. With w_s = c_s / phi_s both are plain products with w.
 *
 * What differs from the authors' code. They embed the training images without augmentation before each epoch, in
 * evaluation mode; here the keys of the steps are kept, one row an image, as DeepCluster-v2 does: up to an epoch old, but
 * no extra pass. They sample 16,384 negative prototypes; with at most a few hundred clusters all are taken, as the
 * paper's sum has it, and so two images of one cluster share a column instead of fighting each other (salesforce/PCL#5).
 * k-means starts once, not five times. phi is at least tau / 100. An image that no step has seen yet has no prototype, and only InfoNCE. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/ssl/kmeans.h"
#include "models/ssl/methods_int.h"
#include "models/ssl/moco_int.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"
#include "tensor/kern/kernels.h"
#include "tensor/linear.h"

enum { SIZES = 3 };

typedef struct pcl {
  as_moco moco;
  size_t n, sizes, all;                 /* images; sizes in use (M), clusters of all sizes together */
  size_t clusters[SIZES], first[SIZES]; /* of a size; its first row in w */
  float *bank;                          /* [n, d] keys */
  uint32_t *seen;                       /* [n] 1: the row is filled */
  float *w;                             /* [all, d] prototypes c_s / phi_s */
  uint32_t *label;                      /* [SIZES, n] row within the size, or AS_KMEANS_NONE */
  uint64_t clustered;                   /* times; 0: InfoNCE alone */
  as_kmeans *kmeans;
  double *phi, *sorted; /* [largest size] */
  size_t *count;        /* likewise */
  float *logits, *more; /* [B, largest size], [B, d] */
  void *scratch;
} pcl;

static const as_ssl_param params[] = {
    AS_MOCO_PARAMS(0.2, "16384"),
    {"clusters-1", 32, "clusters of the first k-means", "25000"},
    {"clusters-2", 64, "of the second; 0: none", "50000"},
    {"clusters-3", 128, "of the third; 0: none", "100000"},
    {"cluster-from", 1, "epochs by InfoNCE alone", "20"},
    {"rounds", 20, "of k-means", "20, best of 5 starts"},
    {NULL, 0, NULL, NULL},
};

static void pcl_destroy(as_ssl *s) {
  pcl *m = s->state;
  if (!m) return;
  as_moco_clear(&m->moco);
  as_kmeans_destroy(&m->kmeans);
  void *all[] = {m->bank,  m->seen,   m->w,    m->label,   m->phi, m->sorted,
                 m->count, m->logits, m->more, m->scratch, m};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) as_free(all[i]);
}

static size_t larger(size_t a, size_t b) {
  return a > b ? a : b;
}

/* The sizes, and the largest of them. */
static as_status read_sizes(pcl *m, const as_ssl *s, size_t *most, as_err *err) {
  const double wanted[SIZES] = {as_ssl_value(s, "clusters-1"), as_ssl_value(s, "clusters-2"),
                                as_ssl_value(s, "clusters-3")};
  const size_t seen = s->per_epoch * (size_t)s->o.batch; /* in the first epoch */
  for (size_t i = 0; i < SIZES; i++) {
    if (wanted[i] == 0.0 && i) continue;
    if (!(wanted[i] >= 2.0 && wanted[i] <= (double)seen))
      return as_fail(err, AS_E_USAGE, "PCL: clusters-%zu: found %g, wanted 2..%zu, the images of an epoch",
                     i + 1, wanted[i], seen);
    m->clusters[m->sizes] = (size_t)wanted[i];
    m->first[m->sizes] = m->all;
    m->all += m->clusters[m->sizes];
    *most = larger(*most, m->clusters[m->sizes++]);
  }
  if (as_ssl_value(s, "cluster-from") < 1.0)
    return as_fail(err, AS_E_USAGE,
                   "PCL: cluster-from: found %g, wanted at least 1: k-means needs an epoch's keys",
                   as_ssl_value(s, "cluster-from"));
  return AS_OK;
}

static as_status pcl_create(as_ssl *s, as_err *err) {
  pcl *m = s->state = as_calloc(1, sizeof *m, err);
  if (!m) return AS_E_ENV;
  size_t most = 0;
  as_status st = read_sizes(m, s, &most, err);
  if (st == AS_OK) st = as_moco_create(&m->moco, s, err);
  if (st != AS_OK) return st;
  const size_t batch = (size_t)s->o.batch, d = m->moco.d;
  m->n = s->o.images;
  m->bank = as_calloc(m->n * d, sizeof *m->bank, err);
  m->seen = as_calloc(m->n, sizeof *m->seen, err);
  m->w = as_calloc(m->all * d, sizeof *m->w, err);
  m->label = as_calloc(SIZES * m->n, sizeof *m->label, err);
  m->phi = as_alloc(most, sizeof *m->phi, err);
  m->sorted = as_alloc(most, sizeof *m->sorted, err);
  m->count = as_alloc(most, sizeof *m->count, err);
  m->logits = as_alloc(batch * most, sizeof *m->logits, err);
  m->more = as_alloc(batch * d, sizeof *m->more, err);
  m->scratch = as_alloc(larger(as_gemm_scratch(most, d), as_gemm_scratch(d, most)), 1, err);
  if (!m->bank || !m->seen || !m->w || !m->label || !m->phi || !m->sorted || !m->count || !m->logits ||
      !m->more || !m->scratch)
    return AS_E_ENV;
  as_ssl_keep(s, m->bank, m->n * d * sizeof *m->bank, 4);
  as_ssl_keep(s, m->seen, m->n * sizeof *m->seen, 4);
  as_ssl_keep(s, m->w, m->all * d * sizeof *m->w, 4);
  as_ssl_keep(s, m->label, SIZES * m->n * sizeof *m->label, 4);
  as_ssl_keep(s, &m->clustered, sizeof m->clustered, 8);
  return as_kmeans_create(&m->kmeans, m->n, d, most, err);
}

/* ---- clusters ---- */

static int by_phi(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Of sorted values, between neighbours by a straight line, as numpy's default. */
static double percentile(const double *sorted, size_t n, double share) {
  const double at = share * (double)(n - 1);
  const size_t i = (size_t)at;
  return i + 1 < n ? sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

/* phi of k clusters from the embeddings and the clusters' means. */
static void find_concentrations(pcl *m, const float *mean, const uint32_t *label, size_t k, double tau) {
  const size_t d = m->moco.d;
  for (size_t c = 0; c < k; c++) m->phi[c] = 0.0, m->count[c] = 0;
  for (size_t i = 0; i < m->n; i++) {
    if (label[i] == AS_KMEANS_NONE) continue;
    const float *x = m->bank + i * d, *c = mean + label[i] * d;
    double square = 0.0;
    for (size_t j = 0; j < d; j++) square += ((double)x[j] - (double)c[j]) * ((double)x[j] - (double)c[j]);
    m->phi[label[i]] += sqrt(square);
    m->count[label[i]]++;
  }
  double most = 0.0, sum = 0.0;
  for (size_t c = 0; c < k; c++) {
    const double n = (double)m->count[c];
    m->phi[c] = m->count[c] > 1 ? m->phi[c] / n / as_log(n + 10.0) : -1.0;
    if (m->phi[c] > most) most = m->phi[c];
  }
  for (size_t c = 0; c < k; c++) m->sorted[c] = m->phi[c] = m->phi[c] < 0.0 ? most : m->phi[c];
  qsort(m->sorted, k, sizeof *m->sorted, by_phi);
  const double lo = percentile(m->sorted, k, 0.1), hi = percentile(m->sorted, k, 0.9);
  for (size_t c = 0; c < k; c++) sum += m->phi[c] = fmin(fmax(m->phi[c], lo), hi);
  /* Clusters of equal embeddings have distance 0: phi stays a divisor. */
  for (size_t c = 0; c < k; c++)
    m->phi[c] = sum > 0.0 ? fmax(tau * m->phi[c] / (sum / (double)k), 0.01 * tau) : tau;
}

/* Entropy of the clusters' sizes over ln k: 1 where all are alike. */
static double evenness(const pcl *m, size_t k) {
  double all = 0.0, entropy = 0.0;
  for (size_t c = 0; c < k; c++) all += (double)m->count[c];
  for (size_t c = 0; c < k; c++)
    if (m->count[c]) entropy -= (double)m->count[c] / all * as_log((double)m->count[c] / all);
  return entropy / as_log((double)k);
}

/* At every size; the balance is that of the least even one. */
static void find_prototypes(pcl *m, as_ssl *s) {
  const size_t d = m->moco.d;
  s->balance = 1.0;
  for (size_t i = 0; i < m->sizes; i++) {
    float *w = m->w + m->first[i] * d;
    uint32_t *label = m->label + i * m->n;
    as_kmeans_run(m->kmeans, &(as_kmeans_job){.x = m->bank,
                                              .n = m->n,
                                              .seen = m->seen,
                                              .k = m->clusters[i],
                                              .rounds = (int)as_ssl_value(s, "rounds"),
                                              .dice = as_rng_make(s->o.seed, as_rng_stream("pcl.kmeans") +
                                                                                 s->step * SIZES + i),
                                              .centroid = w,
                                              .label = label});
    find_concentrations(m, w, label, m->clusters[i], as_ssl_value(s, "temperature"));
    s->balance = fmin(s->balance, evenness(m, m->clusters[i]));
    for (size_t c = 0; c < m->clusters[i]; c++) {
      as_k.l2norm(d, w + c * d, w + c * d);
      for (size_t j = 0; j < d; j++) w[c * d + j] = (float)((double)w[c * d + j] / m->phi[c]);
    }
  }
  m->clustered++;
}

/* ---- the loss ---- */

/* The prototypes' part; adds its gradient to dq. */
static double prototype_loss(pcl *m, const as_map *q, const uint32_t *image) {
  const size_t batch = as_map_pixels(q), d = m->moco.d;
  double loss = 0.0;
  for (size_t i = 0; i < m->sizes; i++) {
    const size_t k = m->clusters[i];
    const float *w = m->w + m->first[i] * d;
    const uint32_t *label = m->label + i * m->n;
    as_gemm_nt(&(as_product){batch, k, d, q->data, d, w, d, m->logits, k}, m->scratch);
    const as_map p = as_map_matrix(m->logits, batch, k);
    as_ssl_softmax(&p, 1.0);
    const double part = 1.0 / ((double)m->sizes * (double)batch);
    for (size_t b = 0; b < batch; b++) {
      float *row = m->logits + b * k;
      const uint32_t own = label[image[b]];
      if (own == AS_KMEANS_NONE) {
        memset(row, 0, k * sizeof *row);
        continue;
      }
      loss -= part * as_log(row[own] > 0.0f ? (double)row[own] : 1e-38);
      row[own] -= 1.0f;
      for (size_t j = 0; j < k; j++) row[j] = (float)part * row[j];
    }
    as_gemm_nn(&(as_product){batch, d, k, m->logits, k, w, d, m->more, d}, m->scratch);
    as_k.add(batch * d, m->moco.dq, m->more, m->moco.dq);
  }
  return loss;
}

static double pcl_loss(as_ssl *s, const uint32_t *image) {
  pcl *m = s->state;
  const size_t d = m->moco.d, batch = (size_t)s->o.batch;
  if (s->step % s->per_epoch == 0 && (double)(s->step / s->per_epoch) >= as_ssl_value(s, "cluster-from"))
    find_prototypes(m, s);
  const as_map *q = as_moco_forward(&m->moco, s);
  double loss = as_moco_infonce(&m->moco, q, as_ssl_value(s, "temperature"));
  if (m->clustered) loss += prototype_loss(m, q, image);
  const as_map dq = as_map_matrix(m->moco.dq, batch, d);
  as_branch_backward(&m->moco.query, 0, &dq);
  as_moco_enqueue(&m->moco);
  for (size_t b = 0; b < batch; b++) {
    memcpy(m->bank + image[b] * d, m->moco.keys + b * d, d * sizeof *m->bank);
    m->seen[image[b]] = 1;
  }
  return loss;
}

const as_ssl_method as_ssl_pcl = {
    .name = "pcl",
    .title = "PCL v2",
    .family = "clustering",
    .about =
        "MoCo v2, and each epoch: the images' keys -> k-means at M sizes -> prototypes c, concentrations "
        "phi\n"
        "L = InfoNCE + (1 / M) sum of mean of -log softmax(q . c / phi)[own prototype]\n"
        "Here: keys of the steps instead of another pass over the images; all prototypes are negatives.",
    .view = {"moco", "moco", NULL},
    .params = params,
    .create = pcl_create,
    .destroy = pcl_destroy,
    .loss = pcl_loss,
};
