/* DeepCluster-v2 (Caron et al. 2020, arXiv 2006.09882, appendix; facebookresearch/swav).
 *
 *   start of an epoch, per head h: spherical k-means on the bank -> centroids W_h, a label y_h for every image
 *   V views -> backbone -> projector -> u = z / |z|;  P_h = softmax(u W_h^T / tau)
 *   L = (1 / H) sum over h of mean over all views of -log P_h[y_h]
 *
 * Gradient: du = sum over h of (P_h - one-hot) W_h / (rows H tau). The centroids are not trained: they are what k-means found,
 * until the next epoch. Against DeepCluster (2018), whose classifier had to learn anew every epoch what the clusters were
 * called, they are the classifier themselves. Nothing balances the clusters: what holds them apart is that k-means starts
 * afresh at K rows, and that a cluster without rows keeps its centroid.
 *
 * Bank, loss: bank_int.h. Head h clusters the bank of large view h mod 2. The dice of the start are the epoch's and the
 * head's. Where the bank has fewer images than K there are no labels and no loss (never after the first pass). */
#include "models/ssl/bank_int.h"
#include "models/ssl/kmeans.h"
#include "models/ssl/methods_int.h"
#include "tensor/base/mem.h"

typedef struct deepcluster {
  as_bank bank;
  as_kmeans *kmeans;
} deepcluster;

static const as_ssl_param params[] = {
    {"heads", 3, "clusterings, H", "3"},
    {"prototypes", 64, "clusters of each, K", "3000"},
    {"width", 128, "of the embeddings", "128"},
    {"hidden", 128, "of the projector", "2048"},
    {"temperature", 0.1, "tau", "0.1"},
    {"rounds", 10, "of k-means", "10"},
    {"small-views", 0, "of half the side, 0 to 4", "4 or 6"},
    {"lr", 4e-3, "learning rate", ""},
    {NULL, 0, NULL, NULL},
};

static void deepcluster_destroy(as_ssl *s) {
  deepcluster *m = s->state;
  if (!m) return;
  as_bank_clear(&m->bank);
  as_kmeans_destroy(&m->kmeans);
  as_free(m);
}

static as_status deepcluster_create(as_ssl *s, as_err *err) {
  deepcluster *m = s->state = as_calloc(1, sizeof *m, err);
  if (!m) return AS_E_ENV;
  const as_status st = as_bank_create(&m->bank, s, err);
  if (st != AS_OK) return st;
  return as_kmeans_create(&m->kmeans, m->bank.images, m->bank.prototypes.width, m->bank.prototypes.k, err);
}

static void deepcluster_look(as_ssl *s, const uint32_t *image) {
  as_bank_look(&((deepcluster *)s->state)->bank, image);
}

/* Centroids and labels of an epoch. */
static void cluster_bank(deepcluster *m, as_ssl *s) {
  as_bank *b = &m->bank;
  const size_t heads = b->prototypes.heads, k = b->prototypes.k, epoch = s->step / s->per_epoch;
  size_t seen = 0;
  for (size_t i = 0; i < b->images; i++) seen += b->seen[i];
  if (seen < k) return;
  for (size_t h = 0; h < heads; h++)
    as_kmeans_run(
        m->kmeans,
        &(as_kmeans_job){.x = as_bank_rows(b, h),
                         .n = b->images,
                         .seen = b->seen,
                         .k = k,
                         .rounds = (int)as_ssl_value(s, "rounds"),
                         .spherical = true,
                         .dice = as_rng_make(s->o.seed, as_rng_stream("deepcluster") + epoch * heads + h),
                         .centroid = as_prototypes_value(&b->prototypes) + h * k * b->prototypes.width,
                         .label = b->label + h * b->images});
  s->balance = as_bank_balance(b);
}

static double deepcluster_loss(as_ssl *s, const uint32_t *image) {
  deepcluster *m = s->state;
  if (s->step % s->per_epoch == 0) cluster_bank(m, s);
  s->student.slot[m->bank.prototypes.slot].absent = true;
  return as_bank_step(&m->bank, s, image);
}

const as_ssl_method as_ssl_deepcluster = {
    .name = "deepcluster",
    .title = "DeepCluster-v2",
    .family = "clustering",
    .about =
        "each epoch: spherical k-means on remembered embeddings -> centroids W_h, labels y_h, for H heads\n"
        "2 large (and small) views -> f -> g -> u = z/|z|;  L = mean over heads and views of -log softmax(u "
        "W_h^T / tau)[y_h]\n"
        "Here: few clusters, no small views (--set small-views=4 has them), milder colour jitter.",
    .view = AS_SWAV_VIEWS,
    .params = params,
    .create = deepcluster_create,
    .destroy = deepcluster_destroy,
    .look = deepcluster_look,
    .loss = deepcluster_loss,
};
