/* The work is in the sums, so images with the same outcome for every model are one unit: five sets of
 * 50,000 images and twelve models leave some thousand units, and a resample is n draws of a unit
 * number and one pass over the units. */
#include "eval/stats_boot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/metrics.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/base/rng.h"

/* --- units --------------------------------------------------------------------------------------------- */

typedef struct stratum {
  size_t draws;      /* images, or clusters */
  uint32_t *unit_of; /* [draws] NULL = the draw is the unit */
  size_t units;
  uint32_t *right; /* [units * models] images of the unit that the model has right */
  uint32_t *used;  /* [units * models] and that it was scored on */
  uint32_t *size;  /* [units] how often the sample itself holds the unit */
  as_rng rng;
} stratum;

static uint8_t outcome(const as_boot_set *set, size_t model, size_t i) {
  return set->correct[model] && set->correct[model][i] <= 1 ? set->correct[model][i] : 2;
}

static as_status reserve_units(stratum *st, size_t units, size_t models, as_err *err) {
  st->units = units;
  st->right = as_calloc(units * models, sizeof *st->right, err);
  st->used = as_calloc(units * models, sizeof *st->used, err);
  st->size = as_calloc(units, sizeof *st->size, err);
  return st->right && st->used && st->size ? AS_OK : AS_E_ENV;
}

static as_status clusters_to_units(stratum *st, const as_boot_set *set, size_t models, size_t at,
                                   as_err *err) {
  if (set->clusters == 0) return as_fail(err, AS_E_USAGE, "bootstrap: set %zu has no clusters", at);
  st->draws = set->clusters;
  as_status s = reserve_units(st, set->clusters, models, err);
  for (size_t i = 0; s == AS_OK && i < set->n; i++) {
    if (set->cluster[i] >= set->clusters)
      return as_fail(err, AS_E_USAGE, "bootstrap: image %zu of set %zu has cluster %lu, wanted less than %zu",
                     i, at, (unsigned long)set->cluster[i], set->clusters);
    for (size_t m = 0; m < models; m++) {
      uint8_t v = outcome(set, m, i);
      st->right[set->cluster[i] * models + m] += v == 1;
      st->used[set->cluster[i] * models + m] += v <= 1;
    }
  }
  for (size_t u = 0; s == AS_OK && u < st->units; u++) st->size[u] = 1;
  return s;
}

/* Open addressing over the outcome vectors; slot = unit + 1, 0 = free. */
static as_status images_to_units(stratum *st, const as_boot_set *set, size_t models, as_err *err) {
  size_t slots = 16;
  while (slots < 2 * set->n) slots *= 2;
  uint32_t *table = as_calloc(slots, sizeof *table, err);
  uint32_t *first = as_alloc(set->n, sizeof *first, err); /* [units] an image with the pattern */
  st->unit_of = as_alloc(set->n, sizeof *st->unit_of, err);
  st->draws = set->n;
  as_status s = table && first && st->unit_of ? AS_OK : AS_E_ENV;
  size_t units = 0;
  for (size_t i = 0; s == AS_OK && i < set->n; i++) {
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t m = 0; m < models; m++) h = (h ^ outcome(set, m, i)) * 0x100000001b3u;
    size_t slot = (size_t)(h ^ h >> 32) & (slots - 1);
    for (; table[slot]; slot = (slot + 1) & (slots - 1)) {
      size_t j = first[table[slot] - 1], m = 0;
      while (m < models && outcome(set, m, i) == outcome(set, m, j)) m++;
      if (m == models) break;
    }
    if (!table[slot]) {
      first[units] = (uint32_t)i;
      table[slot] = (uint32_t)++units;
    }
    st->unit_of[i] = table[slot] - 1;
  }
  if (s == AS_OK) s = reserve_units(st, units, models, err);
  for (size_t u = 0; s == AS_OK && u < units; u++)
    for (size_t m = 0; m < models; m++) {
      uint8_t v = outcome(set, m, first[u]);
      st->right[u * models + m] = v == 1;
      st->used[u * models + m] = v <= 1;
    }
  for (size_t i = 0; s == AS_OK && i < set->n; i++) st->size[st->unit_of[i]]++;
  as_free(table);
  as_free(first);
  return s;
}

/* --- one resample -------------------------------------------------------------------------------------- */

typedef struct boot {
  const stratum *st;
  size_t sets, models, max_units;
  double *acc;      /* [resamples + 1][models * sets]; the last is the sample itself */
  double *metric;   /* [resamples + 1][AS_UNIFIED_COUNT][models] */
  double *rank;     /* the same shape */
  double *set_rank; /* [resamples + 1][models * sets] */
  size_t resamples;
  bool *failed; /* [resamples + 1] */
} boot;

static void accuracies(const stratum *st, const uint32_t *count, size_t models, size_t sets, size_t set,
                       double *right, double *acc) {
  double *used = right + models;
  memset(right, 0, 2 * models * sizeof *right);
  for (size_t u = 0; u < st->units; u++) {
    if (count[u] == 0) continue;
    double c = (double)count[u]; /* sums of integers below 2^53: exact in any order */
    for (size_t m = 0; m < models; m++) {
      right[m] += c * (double)st->right[u * models + m];
      used[m] += c * (double)st->used[u * models + m];
    }
  }
  for (size_t m = 0; m < models; m++) acc[m * sets + set] = used[m] > 0.0 ? right[m] / used[m] : NAN;
}

static void resample(void *ctx, size_t r, int worker) {
  (void)worker;
  boot *b = ctx;
  uint32_t *count = as_alloc(b->max_units, sizeof *count, NULL);
  double *tmp = as_alloc(2 * b->models, sizeof *tmp, NULL);
  double *acc = b->acc + r * b->models * b->sets;
  b->failed[r] = !count || !tmp;
  for (size_t s = 0; s < b->sets && !b->failed[r]; s++) {
    const stratum *st = &b->st[s];
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
    accuracies(st, count, b->models, b->sets, s, tmp, acc);
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
static as_interval interval(double *v, size_t n, double value, double confidence, bool attained) {
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
static as_interval column(const double *x, size_t width, size_t at, size_t n, double *tmp, double confidence,
                          bool attained) {
  for (size_t r = 0; r < n; r++) tmp[r] = x[r * width + at];
  return interval(tmp, n, x[n * width + at], confidence, attained);
}

static void summarize(const boot *b, as_boot *out, double *tmp) {
  size_t n = b->resamples, cells = b->models * b->sets, width = AS_UNIFIED_COUNT * b->models;
  for (size_t c = 0; c < cells; c++) {
    out->acc[c] = column(b->acc, cells, c, n, tmp, out->confidence, false);
    out->set_rank[c] = column(b->set_rank, cells, c, n, tmp, out->confidence, true);
  }
  for (size_t k = 0; k < AS_UNIFIED_COUNT; k++)
    for (size_t m = 0; m < b->models; m++) {
      out->metric[k][m] = column(b->metric, width, k * b->models + m, n, tmp, out->confidence, false);
      out->rank[k][m] = column(b->rank, width, k * b->models + m, n, tmp, out->confidence, true);
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

static as_status run(boot *b, stratum *st, const as_boot_set *sets, uint64_t seed, as_boot *out,
                     as_err *err) {
  as_status s = reserve_out(out, err);
  for (size_t k = 0; s == AS_OK && k < b->sets; k++) {
    if (sets[k].n == 0 || sets[k].n > UINT32_MAX - 1)
      return as_fail(err, AS_E_USAGE, "bootstrap: set %zu has %zu images, wanted at least 1", k, sets[k].n);
    st[k].rng = as_rng_make(seed, sets[k].stream);
    s = sets[k].cluster ? clusters_to_units(&st[k], &sets[k], b->models, k, err)
                        : images_to_units(&st[k], &sets[k], b->models, err);
    if (st[k].units > b->max_units) b->max_units = st[k].units;
  }
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
    as_par_for(rows, resample, b);
    for (size_t r = 0; r < rows && s == AS_OK; r++)
      if (b->failed[r]) s = as_fail(err, AS_E_ENV, "bootstrap: out of memory");
  }
  if (s == AS_OK) summarize(b, out, tmp);
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
  as_status s = st ? run(&b, st, sets, opts ? opts->seed : 0, out, err) : AS_E_ENV;
  for (size_t k = 0; st && k < n_sets; k++) {
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
  *diff = interval(tmp, n, value, b->confidence, false);
  as_free(tmp);
  return AS_OK;
}
