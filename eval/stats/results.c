#include "eval/stats/results.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/base/checked.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/mem.h"

as_status as_results_init(as_results *r, const char *title, size_t n_models, size_t n_sets, as_err *err) {
  memset(r, 0, sizeof *r);
  if (n_models == 0 || n_sets == 0)
    return as_fail(err, AS_E_USAGE, "results: found %zu models and %zu sets, wanted at least one of each",
                   n_models, n_sets);
  size_t n_cells;
  if (!as_mul_size(n_models, n_sets, &n_cells))
    return as_fail(err, AS_E_USAGE, "results: %zu models x %zu sets are too many", n_models, n_sets);
  r->title = as_strdup(title ? title : "", err);
  r->models = as_calloc(n_models, sizeof *r->models, err);
  r->sets = as_calloc(n_sets, sizeof *r->sets, err);
  r->cells = as_calloc(n_cells, sizeof *r->cells, err);
  if (!r->title || !r->models || !r->sets || !r->cells) {
    as_results_clear(r);
    return AS_E_ENV;
  }
  r->n_models = n_models;
  r->n_sets = n_sets;
  for (size_t i = 0; i < n_cells; i++) r->cells[i].top1_lo = r->cells[i].top1_hi = NAN;
  for (size_t i = 0; i < n_models; i++) r->models[i].published = NAN;
  for (size_t i = 0; i < n_sets; i++) r->sets[i].images_of = i;
  return AS_OK;
}

void as_cell_clear(as_cell *c) {
  for (size_t i = 0; i < c->n_failures; i++) {
    as_free(c->failure[i].image);
    as_free(c->failure[i].why);
  }
  as_free(c->failure);
  as_shared_clear(&c->in_train);
  as_free(c->confidence);
  as_free(c->answer);
  as_free(c->correct1);
  as_free(c->corruption_error);
  as_free(c->preset);
  as_free(c->why);
  memset(c, 0, sizeof *c);
}

as_status as_cell_failure(as_cell *c, const char *image, const char *why, as_err *err) {
  if (c->n_failures == AS_FAILURES_KEPT) return AS_OK;
  if (!c->failure && !(c->failure = as_calloc(AS_FAILURES_KEPT, sizeof *c->failure, err))) return AS_E_ENV;
  as_failure f = {as_strdup(image, err), as_strdup(why && *why ? why : "no reason recorded", err)};
  if (!f.image || !f.why) {
    as_free(f.image);
    as_free(f.why);
    return AS_E_ENV;
  }
  c->failure[c->n_failures++] = f;
  return AS_OK;
}

void as_results_clear(as_results *r) {
  for (size_t i = 0; i < r->n_models; i++) {
    as_free(r->models[i].name);
    as_free(r->models[i].note);
    as_free(r->models[i].method);
    as_free(r->models[i].family);
    as_free(r->models[i].seed);
    as_free(r->models[i].backbone);
    as_free(r->models[i].network);
    as_free(r->models[i].protocol);
    as_free(r->models[i].probe.train);
    as_free(r->models[i].published_on);
    as_free(r->models[i].published_source);
  }
  for (size_t i = 0; i < r->n_sets; i++) {
    as_free(r->sets[i].name);
    as_free(r->sets[i].rule);
    as_free(r->sets[i].task);
    as_free(r->sets[i].image);
    as_free(r->sets[i].label);
    for (size_t c = 0; c < r->sets[i].n_class_names; c++) as_free(r->sets[i].class_name[c]);
    as_free(r->sets[i].class_name);
    for (size_t c = 0; r->sets[i].class_title && c < r->sets[i].n_class_names; c++)
      as_free(r->sets[i].class_title[c]);
    as_free(r->sets[i].class_title);
    as_shared_clear(&r->sets[i].twice);
  }
  for (size_t i = 0; i < r->n_corruptions; i++) as_free(r->corruptions[i].name);
  as_free(r->corruptions);
  for (size_t i = 0; i < r->n_overlaps; i++) as_shared_clear(&r->overlaps[i].shared);
  as_free(r->overlaps);
  for (size_t i = 0; i < r->n_models * r->n_sets; i++) as_cell_clear(&r->cells[i]);
  for (size_t i = 0; i < r->n_remarks; i++) as_free(r->remarks[i]);
  as_free(r->remarks);
  as_free(r->models);
  as_free(r->sets);
  as_free(r->cells);
  as_free(r->title);
  memset(r, 0, sizeof *r);
}

as_status as_results_trained(as_results_model *m, const char *method, const char *family, const char *seed,
                             as_err *err) {
  if (!method) return AS_OK;
  m->method = as_strdup(method, err);
  m->family = as_strdup(family ? family : "", err);
  m->seed = as_strdup(seed ? seed : "", err);
  return m->method && m->family && m->seed ? AS_OK : AS_E_ENV;
}

as_status as_results_backbone(as_results_model *m, const char *backbone, const char *network,
                              const char *protocol, as_err *err) {
  if (!backbone) return AS_OK;
  m->backbone = as_strdup(backbone, err);
  m->network = as_strdup(network, err);
  m->protocol = as_strdup(protocol, err);
  return m->backbone && m->network && m->protocol ? AS_OK : AS_E_ENV;
}

as_status as_results_set_task(as_results_set *set, const char *task, const char *flavour, const char *subset,
                              const char *path, as_err *err) {
  const char *name = task;
  if (task && strcmp(task, "imagenet-v2") == 0) {
    const char *say = flavour && *flavour ? flavour : path ? path : "";
    if (strstr(say, "threshold")) name = "imagenet-v2-threshold";
    if (strstr(say, "top-images") || strstr(say, "topimages")) name = "imagenet-v2-top";
  }
  if (task && strcmp(task, "imagenet-val") == 0 && subset && *subset) {
    name = NULL; /* some classes of val: only two such choices have a name */
    if (strcmp(subset, "imagenet-r") == 0) name = "imagenet-val-r";
    if (strcmp(subset, "imagenet-a") == 0) name = "imagenet-val-a";
  }
  as_free(set->task);
  set->task = NULL;
  if (!name || !*name) return AS_OK;
  return (set->task = as_strdup(name, err)) ? AS_OK : AS_E_ENV;
}

as_status as_results_remark(as_results *r, const char *text, as_err *err) {
  /* The same sentence is often true of several cells; it stands once. */
  for (size_t i = 0; i < r->n_remarks; i++)
    if (strcmp(r->remarks[i], text) == 0) return AS_OK;
  char **grown = as_alloc(r->n_remarks + 1, sizeof *grown, err);
  if (!grown) return AS_E_ENV;
  char *copy = as_strdup(text, err);
  if (!copy) {
    as_free(grown);
    return AS_E_ENV;
  }
  if (r->n_remarks) memcpy(grown, r->remarks, r->n_remarks * sizeof *grown);
  grown[r->n_remarks] = copy;
  as_free(r->remarks);
  r->remarks = grown;
  r->n_remarks++;
  return AS_OK;
}

as_status as_results_corruption_add(as_results *r, const char *name, double reference_error, as_err *err) {
  size_t cap = r->n_corruptions;
  as_status st = as_grow(&r->corruptions, &cap, r->n_corruptions + 1, sizeof *r->corruptions, err);
  char *copy = st == AS_OK ? as_strdup(name, err) : NULL;
  if (!copy) return AS_E_ENV;
  r->corruptions[r->n_corruptions++] = (as_results_corruption){copy, reference_error};
  return AS_OK;
}

/* --- which cells may be compared ------------------------------------------------------------------------- */

static int by_class_name(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

as_status as_candidates_of(as_candidates *c, const char *const *name, size_t n, as_err *err) {
  const char **sorted = as_alloc(n ? n : 1, sizeof *sorted, err);
  if (!sorted) return AS_E_ENV;
  if (n) memcpy(sorted, name, n * sizeof *sorted);
  qsort(sorted, n, sizeof *sorted, by_class_name);
  as_sha256 sum;
  as_sha256_init(&sum);
  for (size_t i = 0; i < n; i++)
    as_sha256_update(&sum, sorted[i], strlen(sorted[i]) + 1); /* its NUL parts them */
  as_sha256_hex(&sum, c->sha256);
  c->n = n;
  as_free(sorted);
  return AS_OK;
}

bool as_candidates_same(const as_candidates *a, const as_candidates *b) {
  if (a->n == 0 || b->n == 0) return true;
  return a->n == b->n && (!*a->sha256 || !*b->sha256 || strcmp(a->sha256, b->sha256) == 0);
}

as_candidates as_results_among(const as_results *r, size_t model, size_t set) {
  as_candidates c = as_results_cell(r, model, set)->among;
  if (c.n == 0) c.n = r->sets[set].classes;
  return c;
}

/* Were all cells of the column chosen among the same classes, *among? Nearly always, and one look at each tells. */
static bool all_among_same(const as_results *r, size_t k, as_candidates *among) {
  const as_candidates *first = NULL;
  *among = (as_candidates){0};
  for (size_t m = 0; m < r->n_models; m++) {
    const as_cell *c = as_results_cell(r, m, k);
    if (!c->present) continue;
    if (!first) {
      first = &c->among;
      *among = as_results_among(r, m, k);
    } else if (c->among.n != first->n || strcmp(c->among.sha256, first->sha256) != 0) {
      return false;
    }
  }
  return true;
}

as_status as_results_apart(const as_results *r, size_t k, bool *apart, as_candidates *among, as_err *err) {
  typedef struct group {
    as_candidates of;
    size_t cells;
  } group;
  group *g = NULL;
  size_t n = 0, cap = 0;
  as_status st = AS_OK;
  as_candidates same;
  if (all_among_same(r, k, &same)) {
    memset(apart, 0, r->n_models * sizeof *apart);
    if (among) *among = same;
    return AS_OK;
  }
  /* The lists that are known by name come first: a cell that knows only how many there were joins one of
   * these, and one that knows nothing any. */
  for (int known = 2; known >= 0; known--)
    for (size_t m = 0; m < r->n_models && st == AS_OK; m++) {
      as_candidates c = as_results_among(r, m, k);
      size_t i = 0;
      if (!as_results_cell(r, m, k)->present || (*c.sha256 ? 2 : c.n ? 1 : 0) != known) continue;
      while (i < n && !as_candidates_same(&g[i].of, &c)) i++;
      if (i == n && (st = as_grow(&g, &cap, n + 1, sizeof *g, err)) == AS_OK) g[n++] = (group){.of = c};
      if (st == AS_OK) g[i].cells++;
    }
  size_t most = 0;
  for (size_t i = 1; i < n; i++)
    if (g[i].cells > g[most].cells) most = i;
  const as_candidates main = n ? g[most].of : (as_candidates){0};
  as_free(g);
  for (size_t m = 0; m < r->n_models && st == AS_OK; m++) {
    as_candidates c = as_results_among(r, m, k);
    apart[m] = as_results_cell(r, m, k)->present && !as_candidates_same(&c, &main);
  }
  if (among) *among = main;
  return st;
}

as_status as_results_comparable(const as_results *r, double *acc, as_err *err) {
  bool *apart = as_alloc(r->n_models, sizeof *apart, err);
  as_status st = apart ? AS_OK : AS_E_ENV;
  for (size_t k = 0; k < r->n_sets && st == AS_OK; k++) {
    if ((st = as_results_apart(r, k, apart, NULL, err)) != AS_OK) break;
    for (size_t m = 0; m < r->n_models; m++) {
      const as_cell *c = as_results_cell(r, m, k);
      acc[m * r->n_sets + k] = as_cell_measured(c) && !apart[m] ? c->top1 : NAN;
    }
  }
  as_free(apart);
  return st;
}

/* --- images that are there twice
 * --------------------------------------------------------------------------- */

void as_shared_clear(as_shared *s) {
  for (size_t i = 0; i < AS_SHARED_KEPT; i++) as_free(s->example[i]);
  memset(s, 0, sizeof *s);
}

as_status as_shared_add(as_shared *s, const char *image, const char *other, bool same_bytes, as_err *err) {
  size_t i = 0;
  s->known = true;
  s->n++;
  s->n_bytes += same_bytes;
  while (i < AS_SHARED_KEPT && s->example[i]) i++;
  if (i == AS_SHARED_KEPT) return AS_OK;
  as_str text = {0};
  as_str_printf(&text, "%s = %s", image, other);
  as_status st = as_str_status(&text, err);
  if (st == AS_OK && !(s->example[i] = as_strdup(as_str_c(&text), err))) st = AS_E_ENV;
  as_str_clear(&text);
  return st;
}

as_status as_results_overlap(as_results *r, size_t a, size_t b, as_shared *shared, as_err *err) {
  as_set_overlap *grown = as_alloc(r->n_overlaps + 1, sizeof *grown, err);
  if (!grown) {
    as_shared_clear(shared);
    return AS_E_ENV;
  }
  if (r->n_overlaps) memcpy(grown, r->overlaps, r->n_overlaps * sizeof *grown);
  grown[r->n_overlaps++] = (as_set_overlap){a, b, *shared};
  *shared = (as_shared){0};
  as_free(r->overlaps);
  r->overlaps = grown;
  return AS_OK;
}
