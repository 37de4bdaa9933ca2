/* Methods as groups of trainings: who belongs to whom, the one-way layout, and the choice of a seed. */
#include "eval/stats/seeds.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/stats/stats.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"

/* --- which models are of which method -------------------------------------------------------------------- */

typedef struct training {
  char *method; /* owned */
  int64_t seed;
  bool recorded; /* the seed is known from the training, not from the name alone */
  size_t model;
} training;

/* Where the last "-sDIGITS" of a name begins, before '-', '.' or the end; NULL without. */
static const char *find_seed(const char *name, int64_t *seed, const char **rest) {
  const char *found = NULL;
  for (const char *p = name; (p = strstr(p, "-s")) != NULL; p++) {
    size_t digits = strspn(p + 2, "0123456789");
    char text[19] = "";
    if (p == name || digits == 0 || digits >= sizeof text || !strchr("-.", p[2 + digits])) continue;
    memcpy(text, p + 2, digits);
    if (!as_parse_i64(text, 0, INT64_MAX, seed)) continue;
    found = p;
    *rest = p + 2 + digits;
  }
  return found;
}

/* Do two models come under different protocols? Then those of one protocol alone are trainings of one method. */
static bool has_protocols(const as_results *r) {
  const char *first = NULL;
  for (size_t m = 0; m < r->n_models; m++) {
    const char *p = r->models[m].protocol;
    if (p && first && strcmp(p, first) != 0) return true;
    if (!first) first = p;
  }
  return false;
}

/* *t gets a method of its own, or NULL: the model is no training that is known. */
static as_status read_training(training *t, const as_results_model *m, bool protocols, as_err *err) {
  int64_t known = -1;
  const char *rest = NULL, *cut = m->name ? find_seed(m->name, &t->seed, &rest) : NULL;
  t->recorded = m->method && m->seed && as_parse_i64(m->seed, 0, INT64_MAX, &known);
  if (cut && (!t->recorded || t->seed == known)) {
    as_str stem = {0};
    as_str_printf(&stem, "%.*s%s", (int)(cut - m->name), m->name, rest);
    as_status st = as_str_status(&stem, err);
    t->method = st == AS_OK ? as_strdup(as_str_c(&stem), err) : NULL;
    as_str_clear(&stem);
  } else if (t->recorded) {
    as_str name = {0};
    t->seed = known;
    as_str_put(&name, m->method);
    if (protocols && m->protocol) as_str_printf(&name, " (%s)", m->protocol);
    if (as_str_status(&name, err) == AS_OK) t->method = as_strdup(as_str_c(&name), err);
    as_str_clear(&name);
  } else {
    return AS_OK;
  }
  return t->method ? AS_OK : AS_E_ENV;
}

static int by_method_and_seed(const void *a, const void *b) {
  const training *x = a, *y = b;
  int names = strcmp(x->method, y->method);
  if (names) return names;
  if (x->seed != y->seed) return x->seed < y->seed ? -1 : 1;
  return x->model < y->model ? -1 : x->model > y->model;
}

/* t[n] of one name, by rising seed: are they the trainings of one method? *seeds: different ones. */
static bool is_method(const training *t, size_t n, size_t *seeds) {
  bool recorded = true, counted = t[0].seed <= 1;
  *seeds = 0;
  for (size_t i = 0; i < n; i++) {
    recorded = recorded && t[i].recorded;
    counted = counted && (i == 0 || t[i].seed - t[i - 1].seed <= 1);
    *seeds += i == 0 || t[i].seed != t[i - 1].seed;
  }
  return recorded || (counted && *seeds > 1);
}

static as_status add_method(as_methods *m, const training *t, size_t n, size_t seeds, as_err *err) {
  m->name[m->n] = as_strdup(t[0].method, err);
  if (!m->name[m->n]) return AS_E_ENV;
  for (size_t i = 0; i < n; i++)
    if (i == 0 || t[i].seed != t[i - 1].seed) m->of[t[i].model] = m->n;
  m->seeds[m->n++] = seeds;
  return AS_OK;
}

as_status as_methods_find(as_methods *m, const as_results *r, as_err *err) {
  *m = (as_methods){0};
  const size_t room = r->n_models ? r->n_models : 1;
  const bool protocols = has_protocols(r);
  size_t n = 0, most = 0;
  training *t = as_calloc(room, sizeof *t, err);
  m->of = as_alloc(room, sizeof *m->of, err);
  m->seeds = as_alloc(room, sizeof *m->seeds, err);
  m->name = as_calloc(room, sizeof *m->name, err);
  as_status st = t && m->of && m->seeds && m->name ? AS_OK : AS_E_ENV;
  for (size_t i = 0; st == AS_OK && i < r->n_models; i++) {
    m->of[i] = SIZE_MAX;
    t[n].model = i;
    st = read_training(&t[n], &r->models[i], protocols, err);
    n += t[n].method != NULL;
  }
  if (st == AS_OK) qsort(t, n, sizeof *t, by_method_and_seed);
  for (size_t from = 0, to; st == AS_OK && from < n; from = to) {
    size_t seeds;
    for (to = from + 1; to < n && strcmp(t[from].method, t[to].method) == 0;) to++;
    if (!is_method(t + from, to - from, &seeds)) continue;
    if (seeds > most) most = seeds;
    st = add_method(m, t + from, to - from, seeds, err);
  }
  for (size_t i = 0; i < n; i++) as_free(t[i].method);
  as_free(t);
  if (st != AS_OK || most < 2) {
    as_methods_clear(m);
    return st;
  }
  for (size_t i = 0; i < r->n_models; i++) m->left += m->of[i] == SIZE_MAX;
  return AS_OK;
}

void as_methods_clear(as_methods *m) {
  for (size_t i = 0; i < m->n; i++) as_free(m->name[i]);
  as_free(m->name);
  as_free(m->of);
  as_free(m->seeds);
  *m = (as_methods){0};
}

/* --- the one-way layout ------------------------------------------------------------------------------------ */

static as_status oneway_room(as_oneway *g, size_t groups, as_err *err) {
  const size_t pairs = groups * (groups - (groups > 0)) / 2;
  *g = (as_oneway){.n = groups, .pooled = NAN};
  g->size = as_calloc(groups ? groups : 1, sizeof *g->size, err);
  g->mean = as_calloc(groups ? groups : 1, sizeof *g->mean, err);
  g->sd = as_calloc(groups ? groups : 1, sizeof *g->sd, err);
  g->t = as_alloc(pairs ? pairs : 1, sizeof *g->t, err);
  g->p = as_alloc(pairs ? pairs : 1, sizeof *g->p, err);
  g->adjusted = as_alloc(pairs ? pairs : 1, sizeof *g->adjusted, err);
  return g->size && g->mean && g->sd && g->t && g->p && g->adjusted ? AS_OK : AS_E_ENV;
}

/* Means, deviations, and what they have in common; two passes, so that equal values have no deviation at all. */
static void fill_moments(as_oneway *g, const double *v, const size_t *of, size_t values) {
  double squares = 0.0;
  for (size_t i = 0; i < values; i++) {
    if (of[i] >= g->n || isnan(v[i])) continue;
    g->size[of[i]]++;
    g->mean[of[i]] += v[i];
  }
  for (size_t k = 0; k < g->n; k++) g->mean[k] = g->size[k] ? g->mean[k] / (double)g->size[k] : NAN;
  for (size_t i = 0; i < values; i++) {
    if (of[i] >= g->n || isnan(v[i])) continue;
    const double d = v[i] - g->mean[of[i]];
    g->sd[of[i]] += d * d;
  }
  for (size_t k = 0; k < g->n; k++) {
    if (g->size[k] > 0) g->df += (double)(g->size[k] - 1);
    squares += g->sd[k];
    g->sd[k] = g->size[k] > 1 ? sqrt(g->sd[k] / (double)(g->size[k] - 1)) : NAN;
  }
  if (g->df > 0.0) g->pooled = sqrt(squares / g->df);
}

as_status as_oneway_test(as_oneway *g, const double *v, const size_t *of, size_t values, size_t groups,
                         as_err *err) {
  as_status st = oneway_room(g, groups, err);
  if (st == AS_OK) fill_moments(g, v, of, values);
  size_t at = 0;
  for (size_t a = 0; st == AS_OK && a < groups; a++)
    for (size_t b = a + 1; b < groups; b++, at++) {
      g->t[at] = g->p[at] = NAN;
      if (!(g->pooled > 0.0) || g->size[a] == 0 || g->size[b] == 0) continue;
      const double each = 1.0 / (double)g->size[a] + 1.0 / (double)g->size[b];
      g->t[at] = (g->mean[a] - g->mean[b]) / (g->pooled * sqrt(each));
      g->p[at] = as_t_two_sided(g->t[at], g->df);
      g->pairs++;
    }
  if (st == AS_OK) st = as_holm(g->p, at, g->adjusted, err);
  if (st != AS_OK) as_oneway_clear(g);
  return st;
}

void as_oneway_clear(as_oneway *g) {
  as_free(g->size);
  as_free(g->mean);
  as_free(g->sd);
  as_free(g->t);
  as_free(g->p);
  as_free(g->adjusted);
  *g = (as_oneway){0};
}

double as_oneway_half(const as_oneway *g, double n, double confidence) {
  if (!(g->pooled > 0.0)) return NAN;
  return as_t_quantile(1.0 - confidence, g->df) * g->pooled / sqrt(n);
}

double as_permutation_floor(size_t a, size_t b) {
  double ways = 1.0;
  for (size_t i = 1; i <= b; i++) ways = ways * (double)(a + i) / (double)i;
  return fmin(1.0, 2.0 / ways);
}

/* --- the choice of a seed ------------------------------------------------------------------------------------ */

typedef struct choice {
  const double *v, *other;
  size_t others, values;
  const size_t *of;
} choice;

static bool is_chosen_from(const choice *c, size_t i, size_t group) {
  bool there = c->of[i] == group && !isnan(c->v[i]);
  for (size_t k = 0; there && k < c->others; k++) there = !isnan(c->other[i * c->others + k]);
  return there;
}

/* Of the values of a group: which part lies below value x, and which equals it, being above it on no other column.
 * Returns how many there are. */
static size_t opponents(const choice *c, size_t x, size_t group, double *below, double *equal) {
  size_t n = 0;
  *below = *equal = 0.0;
  for (size_t i = 0; i < c->values; i++) {
    if (!is_chosen_from(c, i, group)) continue;
    bool behind = true;
    for (size_t k = 0; k < c->others; k++)
      behind = behind && c->other[i * c->others + k] <= c->other[x * c->others + k];
    *below += behind && c->v[i] < c->v[x];
    *equal += behind && c->v[i] == c->v[x];
    n++;
  }
  if (n > 0) *below /= (double)n, *equal /= (double)n;
  return n;
}

/* The share of the other methods' choices that leave x first. tie[t], which has room for `groups`: the chance that none
 * is above and t are equal, one method after the other; of t + 1 equal ones each has an equal part of the place. */
static double share_of(const choice *c, size_t x, size_t groups, double *tie) {
  size_t ties = 0;
  double below, equal, share = 0.0;
  tie[0] = 1.0;
  for (size_t o = 0; o < groups; o++) {
    if (o == c->of[x] || opponents(c, x, o, &below, &equal) == 0) continue;
    if (equal > 0.0) tie[++ties] = 0.0;
    for (size_t t = ties + 1; t-- > 0;) tie[t] = tie[t] * below + (t > 0 ? tie[t - 1] * equal : 0.0);
  }
  for (size_t t = 0; t <= ties; t++) share += tie[t] / (double)(t + 1);
  return share;
}

as_status as_seed_winner(const double *v, const double *other, size_t others, const size_t *of, size_t values,
                         size_t groups, double *first, as_err *err) {
  const choice c = {v, other, others, values, of};
  double *tie = as_alloc(groups + 1, sizeof *tie, err);
  if (!tie) return AS_E_ENV;
  for (size_t g = 0; g < groups; g++) {
    size_t n = 0;
    first[g] = 0.0;
    for (size_t i = 0; i < values; i++) {
      if (!is_chosen_from(&c, i, g)) continue;
      first[g] += share_of(&c, i, groups, tie);
      n++;
    }
    if (n > 0) first[g] /= (double)n;
  }
  as_free(tie);
  return AS_OK;
}
