/* What the features look like while they are being learned: their spread, their effective rank, and how often the nearest
 * labelled images agree. Features come from the inference network (model.h) on the plain images. */
#include <math.h>
#include <string.h>

#include "eval/learn/knn.h"
#include "eval/pretrain/pretrain_int.h"
#include "models/model.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"

enum { MONITOR_BATCH = 32 };

struct as_monitor {
  const as_gallery *g;
  as_preset preset;
  as_model *model;
  size_t n, d;
  uint32_t *which; /* [n] images of the gallery */
  float *pixels;   /* [MONITOR_BATCH, side, side, 3] */
  float *features; /* [n, d] */
  double *gram;    /* [d, d] */
  int *label;      /* [n] */
  size_t labelled;
  const uint32_t *now; /* of the batch in work */
};

as_status as_monitor_create(as_monitor **out, const as_gallery *g, const char *arch, const as_preset *preset,
                            size_t images, as_err *err) {
  *out = NULL;
  as_monitor *m = as_calloc(1, sizeof *m, err);
  if (!m) return AS_E_ENV;
  m->g = g, m->preset = *preset, m->n = images < g->n ? images : g->n;
  as_status s = as_model_create(&m->model, arch, preset->crop, err);
  if (s == AS_OK) {
    m->d = (size_t)as_model_embed_dim(m->model);
    uint32_t *order = as_alloc(g->n, sizeof *order, err);
    m->which = as_alloc(m->n, sizeof *m->which, err);
    m->label = as_alloc(m->n, sizeof *m->label, err);
    m->pixels = as_alloc(MONITOR_BATCH * (size_t)preset->crop * (size_t)preset->crop * 3, sizeof(float), err);
    m->features = as_alloc(m->n * m->d, sizeof(float), err);
    m->gram = as_alloc(m->d * m->d, sizeof(double), err);
    if (!order || !m->which || !m->label || !m->pixels || !m->features || !m->gram) s = AS_E_ENV;
    if (s == AS_OK) as_rng_permutation(as_rng_make(0, as_rng_stream("monitor")), order, g->n);
    for (size_t i = 0; s == AS_OK && i < m->n; i++) {
      m->which[i] = order[i];
      m->label[i] = as_dataset_item(g->data, g->item[order[i]]).label;
      m->labelled += m->label[i] >= 0;
    }
    as_free(order);
  }
  if (s != AS_OK)
    as_monitor_destroy(&m);
  else
    *out = m;
  return s;
}

void as_monitor_destroy(as_monitor **monitor) {
  as_monitor *m = *monitor;
  if (!m) return;
  as_model_destroy(&m->model);
  as_free(m->which);
  as_free(m->label);
  as_free(m->pixels);
  as_free(m->features);
  as_free(m->gram);
  as_free(m);
  *monitor = NULL;
}

static void prepare(void *ctx, size_t i, int worker) {
  (void)worker;
  as_monitor *m = ctx;
  const size_t size = (size_t)m->preset.crop * (size_t)m->preset.crop * 3;
  as_image im;
  bool owned = false;
  as_status s = as_gallery_get(m->g, m->now[i], &im, &owned, NULL);
  if (s == AS_OK) s = as_preset_tensor(&m->preset, &im, m->pixels + i * size, NULL);
  if (s != AS_OK) memset(m->pixels + i * size, 0, size * sizeof(float)); /* it was readable at the start */
  if (owned) as_image_clear(&im);
}

static as_status load_backbone(as_monitor *m, const as_store *store, as_err *err) {
  const as_param_spec *spec;
  const size_t n = as_model_specs(m->model, &spec);
  as_view *views = as_calloc(n, sizeof *views, err);
  if (!views) return AS_E_ENV;
  const union {
    uint32_t word;
    unsigned char first;
  } order = {1};
  for (size_t i = 0; i < n; i++) {
    const size_t k = as_store_find(store, spec[i].name);
    if (k == store->n) continue; /* num_batches_tracked */
    as_view *v = &views[i];
    v->data = as_store_value(store, k), v->bytes = store->slot[k].n * sizeof(float), v->dtype = AS_F32;
    v->big_endian = order.first == 0, v->rank = spec[i].rank;
    memcpy(v->shape, spec[i].shape, sizeof v->shape);
    as_view_set_contiguous(v);
  }
  as_status s = as_model_load(m->model, views, err);
  as_free(views);
  if (s == AS_OK) s = as_model_plan(m->model, MONITOR_BATCH, err);
  return s;
}

/* Eigenvalues of the symmetric a [d, d] onto its diagonal: cyclic Jacobi rotations, a fixed number of sweeps. */
static void eigenvalues(double *a, size_t d) {
  for (int sweep = 0; sweep < 12; sweep++)
    for (size_t p = 0; p < d; p++)
      for (size_t q = p + 1; q < d; q++) {
        const double apq = a[p * d + q];
        if (apq == 0.0) continue;
        const double theta = (a[q * d + q] - a[p * d + p]) / (2.0 * apq);
        const double t = (theta >= 0 ? 1.0 : -1.0) / (fabs(theta) + sqrt(theta * theta + 1.0));
        const double c = 1.0 / sqrt(t * t + 1.0), s = t * c;
        for (size_t k = 0; k < d; k++) {
          const double x = a[k * d + p], y = a[k * d + q];
          a[k * d + p] = c * x - s * y;
          a[k * d + q] = s * x + c * y;
        }
        for (size_t k = 0; k < d; k++) {
          const double x = a[p * d + k], y = a[q * d + k];
          a[p * d + k] = c * x - s * y;
          a[q * d + k] = s * x + c * y;
        }
      }
}

/* exp(entropy of the singular values' shares), of the matrix as it is (not centred). */
static double rankme(as_monitor *m) {
  const size_t d = m->d;
  memset(m->gram, 0, d * d * sizeof *m->gram);
  for (size_t r = 0; r < m->n; r++) {
    const float *x = m->features + r * d;
    for (size_t i = 0; i < d; i++)
      for (size_t j = 0; j < d; j++) m->gram[i * d + j] += (double)x[i] * (double)x[j];
  }
  eigenvalues(m->gram, d);
  double sum = 0.0, entropy = 0.0;
  for (size_t i = 0; i < d; i++) sum += m->gram[i * d + i] > 0 ? sqrt(m->gram[i * d + i]) : 0.0;
  for (size_t i = 0; i < d && sum > 0.0; i++) {
    const double p = (m->gram[i * d + i] > 0 ? sqrt(m->gram[i * d + i]) : 0.0) / sum + 1e-7;
    entropy -= p * as_log(p);
  }
  return as_exp(entropy);
}

static double spread(const as_monitor *m) {
  const size_t d = m->d;
  double mean_dev = 0.0;
  for (size_t j = 0; j < d; j++) {
    double sum = 0.0, square = 0.0;
    for (size_t r = 0; r < m->n; r++) {
      const float *x = m->features + r * d;
      double norm = 0.0;
      for (size_t i = 0; i < d; i++) norm += (double)x[i] * (double)x[i];
      const double u = (double)x[j] / fmax(sqrt(norm), 1e-12);
      sum += u, square += u * u;
    }
    const double n = (double)m->n, var = square / n - sum / n * (sum / n);
    mean_dev += sqrt(var > 0 ? var : 0.0) / (double)d;
  }
  return sqrt((double)d) * mean_dev;
}

/* The first half are neighbours, the second half asks. */
static as_status neighbours(as_monitor *m, double *knn, as_err *err) {
  const size_t half = m->n / 2, asked = m->n - half, classes = as_dataset_classes(m->g->data);
  if (m->labelled < m->n || classes == 0 || half == 0) return AS_OK;
  int *top = as_alloc(asked * 5, sizeof *top, err);
  if (!top) return AS_E_ENV;
  const as_labelled train = {.x = m->features, .n = half, .d = m->d, .y = m->label, .classes = classes};
  const as_status s =
      as_knn(&train, &(as_knn_opts){0}, m->features + half * m->d, asked, NULL, NULL, top, err);
  size_t right = 0;
  for (size_t i = 0; i < asked; i++) right += top[i * 5] == m->label[half + i];
  if (s == AS_OK) *knn = (double)right / (double)asked;
  as_free(top);
  return s;
}

as_status as_monitor_look(as_monitor *m, const as_store *backbone, as_pretrain_epoch *e, as_err *err) {
  as_status s = load_backbone(m, backbone, err);
  for (size_t first = 0; s == AS_OK && first < m->n; first += MONITOR_BATCH) {
    const size_t n = m->n - first < MONITOR_BATCH ? m->n - first : MONITOR_BATCH;
    m->now = m->which + first;
    as_par_for(n, prepare, m);
    as_model_forward(m->model, m->pixels, (int)n, m->features + first * m->d);
  }
  if (s != AS_OK) return s;
  e->spread = spread(m);
  e->rankme = rankme(m);
  if (e->spread < 0.25) e->warning = "the features of different images are nearly the same: a collapse";
  return neighbours(m, &e->knn, err);
}
