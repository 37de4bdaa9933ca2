#include "eval/stats/protocols.h"

#include <stdlib.h>
#include <string.h>

#include "eval/stats/seeds.h"
#include "eval/stats/stats_order.h"
#include "tensor/base/mem.h"

/* Every backbone and every protocol that is there, numbered in the order of the models. */
typedef struct census {
  size_t backbones, protocols;
  size_t *backbone, *protocol; /* [models] number, SIZE_MAX: unknown, or no value */
  size_t *entry;               /* [backbones * protocols] model, SIZE_MAX: none */
  bool *common, *taken;        /* [backbones] has all protocols that are taken; [protocols] is taken */
} census;

static void clear_census(census *c) {
  as_free(c->backbone);
  as_free(c->protocol);
  as_free(c->entry);
  as_free(c->common);
  as_free(c->taken);
}

/* The number of text[m] among those before it, a new one where it is the first. */
static size_t number_of(const as_results *r, size_t m, bool backbone, const size_t *number, size_t *count) {
  const as_results_model *x = r->models;
  for (size_t i = 0; i < m; i++)
    if (number[i] != SIZE_MAX &&
        strcmp(backbone ? x[i].backbone : x[i].protocol, backbone ? x[m].backbone : x[m].protocol) == 0)
      return number[i];
  return (*count)++;
}

static as_status take_census(census *c, const as_results *r, const double *v, as_err *err) {
  const size_t n = r->n_models ? r->n_models : 1;
  c->backbone = as_alloc(n, sizeof *c->backbone, err);
  c->protocol = as_alloc(n, sizeof *c->protocol, err);
  if (!c->backbone || !c->protocol) return AS_E_ENV;
  for (size_t m = 0; m < r->n_models; m++) {
    const bool known = r->models[m].backbone && r->models[m].protocol && isfinite(v[m]);
    c->backbone[m] = c->protocol[m] = SIZE_MAX;
    if (!known) continue;
    c->backbone[m] = number_of(r, m, true, c->backbone, &c->backbones);
    c->protocol[m] = number_of(r, m, false, c->protocol, &c->protocols);
  }
  const size_t cells = c->backbones * c->protocols;
  c->entry = as_alloc(cells ? cells : 1, sizeof *c->entry, err);
  c->common = as_calloc(c->backbones ? c->backbones : 1, sizeof *c->common, err);
  c->taken = as_calloc(c->protocols ? c->protocols : 1, sizeof *c->taken, err);
  if (!c->entry || !c->common || !c->taken) return AS_E_ENV;
  for (size_t i = 0; i < cells; i++) c->entry[i] = SIZE_MAX;
  for (size_t m = r->n_models; m-- > 0;)
    if (c->backbone[m] != SIZE_MAX) c->entry[c->backbone[m] * c->protocols + c->protocol[m]] = m;
  return AS_OK;
}

/* How many of the common backbones have protocol p. */
static size_t common_under(const census *c, size_t p) {
  size_t n = 0;
  for (size_t b = 0; b < c->backbones; b++) n += c->common[b] && c->entry[b * c->protocols + p] != SIZE_MAX;
  return n;
}

/* Takes protocols while two backbones have all of them; returns how many. */
static size_t take_protocols(census *c) {
  size_t n = 0;
  for (size_t b = 0; b < c->backbones; b++) c->common[b] = true;
  for (;;) {
    size_t best = SIZE_MAX, most = 1;
    for (size_t p = 0; p < c->protocols; p++) {
      const size_t have = c->taken[p] ? 0 : common_under(c, p);
      if (have > most) most = have, best = p;
    }
    if (best == SIZE_MAX) return n;
    c->taken[best] = true;
    for (size_t b = 0; b < c->backbones; b++)
      c->common[b] = c->common[b] && c->entry[b * c->protocols + best] != SIZE_MAX;
    n++;
  }
}

static as_status protocols_room(as_protocols *p, as_err *err) {
  const size_t cells = p->n * p->backbones;
  p->name = as_alloc(p->n, sizeof *p->name, err);
  p->backbone = as_alloc(p->backbones, sizeof *p->backbone, err);
  p->entry = as_alloc(cells, sizeof *p->entry, err);
  p->rank = as_alloc(cells, sizeof *p->rank, err);
  p->other = as_calloc(p->backbones, sizeof *p->other, err);
  p->mixed = as_calloc(p->backbones, sizeof *p->mixed, err);
  return p->name && p->backbone && p->entry && p->rank && p->other && p->mixed ? AS_OK : AS_E_ENV;
}

/* The compared part of the census, and what the models of it are called. */
static void fill_entries(as_protocols *p, const census *c, const as_results *r) {
  size_t row = 0;
  for (size_t b = 0; b < c->backbones; b++) {
    size_t col = 0, all = 0;
    for (size_t q = 0; q < c->protocols; q++) all += c->entry[b * c->protocols + q] != SIZE_MAX;
    if (all > 1) p->left += all - (c->common[b] ? p->n : 0);
    if (!c->common[b]) continue;
    for (size_t q = 0; q < c->protocols; q++) {
      if (!c->taken[q]) continue;
      const size_t m = p->entry[row * p->n + col] = c->entry[b * c->protocols + q];
      p->name[col++] = r->models[m].protocol;
      if (col == 1) p->backbone[row] = r->models[m].network;
    }
    row++;
  }
}

/* Two files may share a name; then the backbones go by their first models. */
static void part_names(as_protocols *p, const as_results *r) {
  for (size_t a = 0; a < p->backbones; a++)
    for (size_t b = 0; b < a; b++) {
      if (strcmp(r->models[p->entry[a * p->n]].network, r->models[p->entry[b * p->n]].network) != 0) continue;
      p->backbone[a] = r->models[p->entry[a * p->n]].name;
      p->backbone[b] = r->models[p->entry[b * p->n]].name;
    }
}

/* Ranks under each protocol, and who is first by those that were not chosen. column: [2 * backbones]. */
static void fill_ranks(as_protocols *p, const double *v, double *column) {
  double *rank = column + p->backbones;
  for (size_t b = 0; b < p->backbones; b++)
    for (size_t q = 0; q < p->n; q++)
      if (v[p->entry[b * p->n + q]] > v[p->entry[p->winner * p->n + p->chosen]]) p->winner = b, p->chosen = q;
  for (size_t q = 0; q < p->n; q++) {
    double best = -INFINITY, ties = 0;
    for (size_t b = 0; b < p->backbones; b++) {
      column[b] = v[p->entry[b * p->n + q]];
      if (column[b] > best) best = column[b], ties = 0;
      ties += column[b] == best;
    }
    as_rank_mean(column, p->backbones, rank);
    for (size_t b = 0; b < p->backbones; b++) {
      p->rank[b * p->n + q] = rank[b];
      if (q != p->chosen && column[b] == best) p->other[b] += 1.0 / (ties * (double)(p->n - 1));
    }
  }
}

/* One protocol for each backbone: as one seed for each method. */
static as_status choose_each(as_protocols *p, const double *v, as_err *err) {
  const size_t n = p->n * p->backbones;
  size_t *of = as_alloc(n, sizeof *of, err);
  double *value = as_alloc(n, sizeof *value, err);
  as_status s = of && value ? AS_OK : AS_E_ENV;
  for (size_t i = 0; s == AS_OK && i < n; i++) {
    of[i] = i / p->n;
    value[i] = v[p->entry[i]];
  }
  if (s == AS_OK) s = as_seed_winner(value, NULL, 0, of, n, p->backbones, p->mixed, err);
  as_free(of);
  as_free(value);
  return s;
}

as_status as_protocols_find(as_protocols *p, const as_results *r, const double *v, as_err *err) {
  census c = {0};
  *p = (as_protocols){0};
  as_status s = take_census(&c, r, v, err);
  const size_t n = s == AS_OK ? take_protocols(&c) : 0;
  if (n > 1) {
    p->n = n;
    for (size_t b = 0; b < c.backbones; b++) p->backbones += c.common[b];
    double *column = as_alloc(p->backbones, 2 * sizeof *column, err);
    s = column ? protocols_room(p, err) : AS_E_ENV;
    if (s == AS_OK) {
      fill_entries(p, &c, r);
      part_names(p, r);
      fill_ranks(p, v, column);
      s = choose_each(p, v, err);
    }
    as_free(column);
  }
  clear_census(&c);
  if (s != AS_OK) as_protocols_clear(p);
  return s;
}

void as_protocols_clear(as_protocols *p) {
  as_free(p->name);
  as_free(p->backbone);
  as_free(p->entry);
  as_free(p->rank);
  as_free(p->other);
  as_free(p->mixed);
  *p = (as_protocols){0};
}
