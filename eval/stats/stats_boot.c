/* The paired bootstrap (Efron 1979; Koehn 2004 compares systems by it).
 *
 * What is resampled. The question is: other images of the same kind, the same trained models; how would the
 * table look? So images are drawn, with replacement, as many as there are. Nothing is said of training anew.
 *
 * Pairing. A drawn image brings its outcome for all models, right or wrong. Two models that err on the same
 * hard images then rise and fall together, and the interval of their difference is as narrow as the images
 * allow; intervals of each model by itself would be too wide to tell them apart.
 *
 * Strata and pools. Sets are drawn apart from each other, each in its own size. But val and ReaL are the same
 * images with other labels: sets of one `stream` are one pool, one draw of an image counts in each of them
 * that scores it, and the sum of a model's errors on both is as correlated as it is in truth.
 *
 * Clusters. Where images of one class are not independent (the renditions of ImageNet-R, say), whole classes
 * are drawn instead: a class brings all its images, and the size of a resample varies. That is the honest,
 * wider interval when the question is about other classes, too.
 *
 * Speed. An accuracy needs only sums, so images with the same outcome for every model, on every set of the
 * pool, are one unit with a count: of twelve models on five sets of 50,000 images some thousand patterns are
 * left. A resample draws n image numbers, counts them by unit, and passes once over the units.
 *
 * The same numbers on any machine. Draw i of resample r is number r n + i of the counter generator whose key
 * is the seed and whose stream is the pool's: it does not matter which thread makes which resample. Counts
 * are integers below 2^53, so their sums in double are exact in any order. Each resample is ranked by itself,
 * which gives the distribution of ranks and of being first directly.
 *
 * Intervals are percentiles of the resamples (type 7 of Hyndman and Fan 1996, R's and NumPy's default). A
 * rank's ends are ranks that occurred, rounded outward: 2.3 is no rank. Percentile intervals of an accuracy
 * are too narrow where errors are few; the cells' own intervals are Wilson's for that reason. */
#include "eval/stats/stats_boot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/stats/stats_order.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"

/* --- units --------------------------------------------------------------------------------------------- */

/* A pool of images and the sets that score them. Columns of its tables: every set of the pool times every
 * model, set by set. */
typedef struct stratum {
  size_t *set; /* [n_sets] */
  size_t n_sets, cols;
  size_t draws;      /* images, or clusters */
  uint32_t *unit_of; /* [draws] NULL = the draw is the unit */
  size_t units;
  uint32_t *right; /* [units * cols] images of the unit that the model has right */
  uint32_t *used;  /* [units * cols] and that it was scored on */
  uint32_t *size;  /* [units] how often the sample itself holds the unit */
  as_rng rng;
} stratum;

/* The images of a pool: which image of each set one is. */
typedef struct pool {
  uint32_t *at;      /* [n * n_sets] index of the image in the set + 1, 0 = the set does not score it */
  uint32_t *cluster; /* [n], or NULL */
  size_t n, clusters;
} pool;

static void free_pool(pool *p) {
  as_free(p->at);
  as_free(p->cluster);
}

/* Only classes that have an image can be drawn: of -R's 200, not of 1000. */
static as_status dense_clusters(pool *p, as_err *err) {
  uint32_t *number = as_calloc(p->clusters, sizeof *number, err);
  if (!number) return AS_E_ENV;
  size_t n = 0;
  for (size_t i = 0; i < p->n; i++) number[p->cluster[i]] = 1;
  for (size_t c = 0; c < p->clusters; c++)
    if (number[c]) number[c] = (uint32_t)n++;
  for (size_t i = 0; i < p->n; i++) p->cluster[i] = number[p->cluster[i]];
  p->clusters = n;
  as_free(number);
  return AS_OK;
}

/* Images that no set of the pool scores are left out: what is drawn always counts somewhere. */
static as_status pool_make(pool *p, const stratum *st, const as_boot_set *sets, as_err *err) {
  size_t most = 0;
  bool by_class = false;
  for (size_t k = 0; k < st->n_sets; k++) {
    const as_boot_set *s = &sets[st->set[k]];
    for (size_t i = 0; i < s->n; i++) {
      size_t id = s->image ? s->image[i] : i;
      if (id >= UINT32_MAX - 1)
        return as_fail(err, AS_E_USAGE, "bootstrap: set %zu: found image number %zu", st->set[k], id);
      if (id >= most) most = id + 1;
    }
    by_class = by_class || s->cluster;
    if (s->cluster && s->clusters == 0)
      return as_fail(err, AS_E_USAGE, "bootstrap: set %zu has no clusters", st->set[k]);
    if (s->cluster && s->clusters > p->clusters) p->clusters = s->clusters;
  }
  uint32_t *rank = as_calloc(most, sizeof *rank, err); /* place of an image among the scored ones + 1 */
  if (!rank) return AS_E_ENV;
  for (size_t k = 0; k < st->n_sets; k++) {
    const as_boot_set *s = &sets[st->set[k]];
    for (size_t i = 0; i < s->n; i++) rank[s->image ? s->image[i] : i] = 1;
  }
  for (size_t i = 0; i < most; i++)
    if (rank[i]) rank[i] = (uint32_t)++p->n;
  p->at = as_calloc(p->n * st->n_sets, sizeof *p->at, err);
  if (by_class) p->cluster = as_alloc(p->n, sizeof *p->cluster, err);
  as_status status = p->at && (!by_class || p->cluster) ? AS_OK : AS_E_ENV;
  for (size_t i = 0; status == AS_OK && by_class && i < p->n; i++) p->cluster[i] = UINT32_MAX;
  for (size_t k = 0; status == AS_OK && k < st->n_sets; k++) {
    const as_boot_set *s = &sets[st->set[k]];
    for (size_t i = 0; status == AS_OK && i < s->n; i++) {
      size_t id = rank[s->image ? s->image[i] : i] - 1;
      p->at[id * st->n_sets + k] = (uint32_t)i + 1;
      if (!s->cluster) continue;
      if (s->cluster[i] >= s->clusters)
        status =
            as_fail(err, AS_E_USAGE, "bootstrap: image %zu of set %zu has cluster %lu, wanted less than %zu",
                    i, st->set[k], (unsigned long)s->cluster[i], s->clusters);
      else if (p->cluster[id] == UINT32_MAX)
        p->cluster[id] = s->cluster[i];
    }
  }
  for (size_t i = 0; status == AS_OK && by_class && i < p->n; i++)
    if (p->cluster[i] == UINT32_MAX)
      status = as_fail(err, AS_E_USAGE, "bootstrap: an image of set %zu has no cluster", st->set[0]);
  if (status == AS_OK && by_class) status = dense_clusters(p, err);
  as_free(rank);
  return status;
}

/* What column c says of an image: 1 right, 0 wrong, 2 not scored. */
static uint8_t outcome_of(const stratum *st, const as_boot_set *sets, const pool *p, size_t models,
                          size_t image, size_t c) {
  size_t k = c / models;
  uint32_t at = p->at[image * st->n_sets + k];
  const uint8_t *correct = sets[st->set[k]].correct[c % models];
  return at && correct && correct[at - 1] <= 1 ? correct[at - 1] : 2;
}

static as_status reserve_units(stratum *st, size_t units, as_err *err) {
  st->units = units;
  st->right = as_calloc(units * st->cols, sizeof *st->right, err);
  st->used = as_calloc(units * st->cols, sizeof *st->used, err);
  st->size = as_calloc(units, sizeof *st->size, err);
  return st->right && st->used && st->size ? AS_OK : AS_E_ENV;
}

static as_status clusters_to_units(stratum *st, const as_boot_set *sets, const pool *p, size_t models,
                                   as_err *err) {
  st->draws = p->clusters;
  as_status s = reserve_units(st, p->clusters, err);
  for (size_t i = 0; s == AS_OK && i < p->n; i++)
    for (size_t c = 0; c < st->cols; c++) {
      uint8_t v = outcome_of(st, sets, p, models, i, c);
      st->right[p->cluster[i] * st->cols + c] += v == 1;
      st->used[p->cluster[i] * st->cols + c] += v <= 1;
    }
  for (size_t u = 0; s == AS_OK && u < st->units; u++) st->size[u] = 1;
  return s;
}

/* Finds the images with equal outcome vectors: a hash table of the vectors seen, by open addressing; slot =
 * unit + 1, 0 = free. */
static as_status images_to_units(stratum *st, const as_boot_set *sets, const pool *p, size_t models,
                                 as_err *err) {
  size_t slots = 16;
  while (slots < 2 * p->n) slots *= 2;
  uint32_t *table = as_calloc(slots, sizeof *table, err);
  uint32_t *first = as_alloc(p->n, sizeof *first, err); /* [units] an image with the pattern */
  uint8_t *row = as_alloc(p->n * st->cols, 1, err);
  st->unit_of = as_alloc(p->n, sizeof *st->unit_of, err);
  st->draws = p->n;
  as_status s = table && first && row && st->unit_of ? AS_OK : AS_E_ENV;
  size_t units = 0, cols = st->cols;
  for (size_t i = 0; s == AS_OK && i < p->n; i++) {
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t c = 0; c < cols; c++) {
      row[i * cols + c] = outcome_of(st, sets, p, models, i, c);
      h = (h ^ row[i * cols + c]) * 0x100000001b3u;
    }
    size_t slot = (size_t)(h ^ h >> 32) & (slots - 1);
    while (table[slot] && memcmp(row + i * cols, row + first[table[slot] - 1] * cols, cols) != 0)
      slot = (slot + 1) & (slots - 1);
    if (!table[slot]) {
      first[units] = (uint32_t)i;
      table[slot] = (uint32_t)++units;
    }
    st->unit_of[i] = table[slot] - 1;
  }
  if (s == AS_OK) s = reserve_units(st, units, err);
  for (size_t u = 0; s == AS_OK && u < units; u++)
    for (size_t c = 0; c < cols; c++) {
      uint8_t v = row[first[u] * cols + c];
      st->right[u * cols + c] = v == 1;
      st->used[u * cols + c] = v <= 1;
    }
  for (size_t i = 0; s == AS_OK && i < p->n; i++) st->size[st->unit_of[i]]++;
  as_free(table);
  as_free(first);
  as_free(row);
  return s;
}

/* --- one resample -------------------------------------------------------------------------------------- */

typedef struct boot {
  const stratum *st;
  size_t strata, sets, models, max_units;
  double *acc;      /* [resamples + 1][models * sets]; the last is the sample itself */
  double *metric;   /* [resamples + 1][AS_UNIFIED_COUNT][models] */
  double *rank;     /* the same shape */
  double *set_rank; /* [resamples + 1][models * sets] */
  size_t resamples;
  bool *failed; /* [resamples + 1] */
} boot;

static void accuracies_of_draw(const stratum *st, const uint32_t *count, size_t models, size_t sets,
                               double *right, double *acc) {
  double *used = right + st->cols;
  memset(right, 0, 2 * st->cols * sizeof *right);
  for (size_t u = 0; u < st->units; u++) {
    if (count[u] == 0) continue;
    double n = (double)count[u]; /* sums of integers below 2^53: exact in any order */
    for (size_t c = 0; c < st->cols; c++) {
      right[c] += n * (double)st->right[u * st->cols + c];
      used[c] += n * (double)st->used[u * st->cols + c];
    }
  }
  for (size_t c = 0; c < st->cols; c++)
    acc[c % models * sets + st->set[c / models]] = used[c] > 0.0 ? right[c] / used[c] : NAN;
}

/* Resample r into row r of the boot's tables; row b->resamples is the sample itself, through the same sums,
 * so that the value of an interval and its ends cannot differ by rounding. Ranks are of this resample: by
 * each set, and by each unified metric. */
static void draw_resample(void *ctx, size_t r, int worker) {
  (void)worker;
  boot *b = ctx;
  uint32_t *count = as_alloc(b->max_units, sizeof *count, NULL);
  double *tmp = as_alloc(2 * b->models * b->sets, sizeof *tmp, NULL);
  double *acc = b->acc + r * b->models * b->sets;
  b->failed[r] = !count || !tmp;
  for (size_t k = 0; k < b->strata && !b->failed[r]; k++) {
    const stratum *st = &b->st[k];
    if (r == b->resamples) {
      memcpy(count, st->size, st->units * sizeof *count);
    } else {
      memset(count, 0, st->units * sizeof *count);
      uint64_t base = (uint64_t)r * st->draws;
      for (size_t i = 0; i < st->draws; i++) {
        uint64_t at = as_rng_below(st->rng, base + i, st->draws);
        count[st->unit_of ? st->unit_of[at] : at]++;
      }
    }
    accuracies_of_draw(st, count, b->models, b->sets, tmp, acc);
  }
  for (size_t s = 0; s < b->sets && !b->failed[r]; s++) {
    double *rank = b->set_rank + r * b->models * b->sets;
    for (size_t m = 0; m < b->models; m++) tmp[m] = acc[m * b->sets + s];
    as_rank_mean(tmp, b->models, tmp + b->models);
    for (size_t m = 0; m < b->models; m++) rank[m * b->sets + s] = tmp[b->models + m];
  }
  if (!b->failed[r]) {
    double *out[AS_UNIFIED_COUNT];
    for (int k = 0; k < AS_UNIFIED_COUNT; k++)
      out[k] = b->metric + (r * AS_UNIFIED_COUNT + (size_t)k) * b->models;
    b->failed[r] = as_unified_all(acc, b->models, b->sets, NULL, out, NULL) != AS_OK;
    for (int k = 0; k < AS_UNIFIED_COUNT && !b->failed[r]; k++)
      b->failed[r] = as_unified_rank((as_unified_kind)k, out[k], b->models, b->rank + (out[k] - b->metric),
                                     NULL) != AS_OK;
  }
  as_free(count);
  as_free(tmp);
}

/* --- intervals ------------------------------------------------------------------------------------------ */

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The confidence interval of v[n] (sorted in place; NaN left out). attained: only values that occur. */
static as_interval percentile_interval(double *v, size_t n, double value, double confidence, bool attained) {
  as_interval out = {value, NAN, NAN};
  size_t m = 0;
  for (size_t i = 0; i < n; i++)
    if (!isnan(v[i])) v[m++] = v[i];
  if (m == 0 || isnan(value)) return out;
  qsort(v, m, sizeof *v, by_value);
  double tail = 0.5 * (1.0 - confidence);
  for (int side = 0; side < 2; side++) {
    double at = (side ? 1.0 - tail : tail) * (double)(m - 1), low = floor(at), q;
    size_t i = (size_t)low;
    if (attained) { /* outward */
      q = side ? v[low < at && i + 1 < m ? i + 1 : i] : v[i];
    } else {
      q = i + 1 < m ? v[i] + (at - low) * (v[i + 1] - v[i]) : v[i];
    }
    *(side ? &out.hi : &out.lo) = q;
  }
  return out;
}

/* Column `at` of rows `width` long, through tmp. */
static as_interval column_interval(const double *x, size_t width, size_t at, size_t n, double *tmp,
                                   double confidence, bool attained) {
  for (size_t r = 0; r < n; r++) tmp[r] = x[r * width + at];
  return percentile_interval(tmp, n, x[n * width + at], confidence, attained);
}

static void summarize_resamples(const boot *b, as_boot *out, double *tmp) {
  size_t n = b->resamples, cells = b->models * b->sets, width = AS_UNIFIED_COUNT * b->models;
  for (size_t c = 0; c < cells; c++) {
    out->acc[c] = column_interval(b->acc, cells, c, n, tmp, out->confidence, false);
    out->set_rank[c] = column_interval(b->set_rank, cells, c, n, tmp, out->confidence, true);
  }
  for (size_t k = 0; k < AS_UNIFIED_COUNT; k++)
    for (size_t m = 0; m < b->models; m++) {
      out->metric[k][m] =
          column_interval(b->metric, width, k * b->models + m, n, tmp, out->confidence, false);
      out->rank[k][m] = column_interval(b->rank, width, k * b->models + m, n, tmp, out->confidence, true);
    }
  for (size_t r = 0; r < n; r++) {
    for (size_t k = 0; k < AS_UNIFIED_COUNT; k++) {
      const double *rank = b->rank + r * width + k * b->models;
      double best = INFINITY, firsts = 0.0;
      for (size_t m = 0; m < b->models; m++)
        if (rank[m] < best) best = rank[m];
      for (size_t m = 0; m < b->models; m++) firsts += rank[m] == best;
      for (size_t m = 0; m < b->models; m++)
        if (rank[m] == best) out->first[k][m] += 1.0 / (firsts * (double)n);
    }
    for (size_t m = 0; m < b->models; m++)
      out->replicate[r * b->models + m] = (float)b->metric[r * width + m];
  }
}

void as_boot_clear(as_boot *b) {
  as_free(b->acc);
  as_free(b->set_rank);
  as_free(b->replicate);
  for (int k = 0; k < AS_UNIFIED_COUNT; k++) {
    as_free(b->metric[k]);
    as_free(b->rank[k]);
    as_free(b->first[k]);
  }
  memset(b, 0, sizeof *b);
}

static as_status reserve_out(as_boot *out, as_err *err) {
  size_t cells = out->models * out->sets;
  out->acc = as_calloc(cells, sizeof *out->acc, err);
  out->set_rank = as_calloc(cells, sizeof *out->set_rank, err);
  out->replicate = as_calloc((size_t)out->resamples * out->models, sizeof *out->replicate, err);
  bool ok = out->acc && out->set_rank && out->replicate;
  for (int k = 0; k < AS_UNIFIED_COUNT; k++) {
    out->metric[k] = as_calloc(out->models, sizeof(as_interval), err);
    out->rank[k] = as_calloc(out->models, sizeof(as_interval), err);
    out->first[k] = as_calloc(out->models, sizeof(double), err);
    ok = ok && out->metric[k] && out->rank[k] && out->first[k];
  }
  return ok ? AS_OK : AS_E_ENV;
}

/* One stratum per stream, in the order in which the streams first come. */
static as_status make_strata(boot *b, stratum *st, const as_boot_set *sets, uint64_t seed, as_err *err) {
  for (size_t k = 0; k < b->sets; k++) {
    size_t j = 0;
    if (sets[k].n == 0 || sets[k].n > UINT32_MAX - 1)
      return as_fail(err, AS_E_USAGE, "bootstrap: set %zu has %zu images, wanted at least 1", k, sets[k].n);
    while (j < b->strata && sets[st[j].set[0]].stream != sets[k].stream) j++;
    if (j == b->strata) {
      st[j].set = as_alloc(b->sets, sizeof *st[j].set, err);
      if (!st[j].set) return AS_E_ENV;
      st[j].rng = as_rng_make(seed, sets[k].stream);
      b->strata++;
    }
    st[j].set[st[j].n_sets++] = k;
  }
  as_status s = AS_OK;
  for (size_t j = 0; s == AS_OK && j < b->strata; j++) {
    pool p = {0};
    st[j].cols = st[j].n_sets * b->models;
    s = pool_make(&p, &st[j], sets, err);
    if (s == AS_OK)
      s = p.cluster ? clusters_to_units(&st[j], sets, &p, b->models, err)
                    : images_to_units(&st[j], sets, &p, b->models, err);
    free_pool(&p);
    if (st[j].units > b->max_units) b->max_units = st[j].units;
  }
  return s;
}

static as_status run_resamples(boot *b, stratum *st, const as_boot_set *sets, uint64_t seed, as_boot *out,
                               as_err *err) {
  as_status s = reserve_out(out, err);
  if (s == AS_OK) s = make_strata(b, st, sets, seed, err);
  if (s != AS_OK) return s;
  size_t rows = b->resamples + 1, cells = b->models * b->sets;
  b->acc = as_alloc(rows * cells, sizeof(double), err);
  b->set_rank = as_alloc(rows * cells, sizeof(double), err);
  b->metric = as_alloc(rows * AS_UNIFIED_COUNT * b->models, sizeof(double), err);
  b->rank = as_alloc(rows * AS_UNIFIED_COUNT * b->models, sizeof(double), err);
  b->failed = as_calloc(rows, sizeof(bool), err);
  double *tmp = as_alloc(rows, sizeof *tmp, err);
  s = b->acc && b->set_rank && b->metric && b->rank && b->failed && tmp ? AS_OK : AS_E_ENV;
  if (s == AS_OK) {
    b->st = st;
    as_par_for(rows, draw_resample, b);
    for (size_t r = 0; r < rows && s == AS_OK; r++)
      if (b->failed[r]) s = as_fail(err, AS_E_ENV, "bootstrap: out of memory");
  }
  if (s == AS_OK) summarize_resamples(b, out, tmp);
  as_free(tmp);
  return s;
}

as_status as_boot_run(const as_boot_set *sets, size_t n_sets, size_t models, const as_boot_opts *opts,
                      as_boot *out, as_err *err) {
  memset(out, 0, sizeof *out);
  if (n_sets == 0 || models == 0)
    return as_fail(err, AS_E_USAGE, "bootstrap: found %zu models and %zu sets, wanted at least 1 of each",
                   models, n_sets);
  out->models = models;
  out->sets = n_sets;
  out->resamples = opts && opts->resamples > 0 ? opts->resamples : 2000;
  out->confidence = opts && opts->confidence > 0.0 ? opts->confidence : 0.95;
  boot b = {0};
  b.sets = n_sets;
  b.models = models;
  b.resamples = (size_t)out->resamples;
  stratum *st = as_calloc(n_sets, sizeof *st, err);
  as_status s = st ? run_resamples(&b, st, sets, opts ? opts->seed : 0, out, err) : AS_E_ENV;
  for (size_t k = 0; st && k < n_sets; k++) {
    as_free(st[k].set);
    as_free(st[k].unit_of);
    as_free(st[k].right);
    as_free(st[k].used);
    as_free(st[k].size);
  }
  as_free(st);
  as_free(b.acc);
  as_free(b.set_rank);
  as_free(b.metric);
  as_free(b.rank);
  as_free(b.failed);
  if (s != AS_OK) as_boot_clear(out);
  return s;
}

as_status as_boot_difference(const as_boot *b, size_t i, size_t j, as_interval *diff, double *above,
                             as_err *err) {
  if (i >= b->models || j >= b->models)
    return as_fail(err, AS_E_USAGE, "bootstrap: found models %zu and %zu, wanted less than %zu", i, j,
                   b->models);
  size_t n = (size_t)b->resamples;
  double *tmp = as_alloc(n, sizeof *tmp, err), wins = 0.0;
  if (!tmp) return AS_E_ENV;
  for (size_t r = 0; r < n; r++) {
    tmp[r] = (double)b->replicate[r * b->models + i] - (double)b->replicate[r * b->models + j];
    wins += isnan(tmp[r]) ? NAN : tmp[r] > 0.0 ? 1.0 : tmp[r] == 0.0 ? 0.5 : 0.0;
  }
  *above = wins / (double)n;
  double value = b->metric[AS_UNIFIED_MEAN][i].value - b->metric[AS_UNIFIED_MEAN][j].value;
  *diff = percentile_interval(tmp, n, value, b->confidence, false);
  as_free(tmp);
  return AS_OK;
}
