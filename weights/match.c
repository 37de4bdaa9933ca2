/* Strict matching, and heads. */
#include "weights/match.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tensor/base/bytes.h"
#include "tensor/base/checked.h"
#include "tensor/base/mem.h"
#include "weights/recipe/mapping.h"

/* A counter (num_batches_tracked) is a scalar, or, from some writers, one element. */
static bool fits_spec(as_view *v, const as_param_spec *p) {
  if (p->rank == 0 && p->optional && v->rank == 1 && v->shape[0] == 1) v->rank = 0;
  if (v->rank != p->rank) return false;
  for (int k = 0; k < v->rank; k++)
    if (v->shape[k] != p->shape[k]) return false;
  return true;
}

typedef struct matcher {
  as_match *out;
  const as_recipe *r;
  const as_mapping *map;
  char first[600]; /* the first offender */
  size_t offenders;
} matcher;

static void offend(matcher *m, const char *line) {
  if (m->offenders++ == 0) snprintf(m->first, sizeof m->first, "%s", line);
}

/* A tensor without dense numbers is named for what it is, never passed over: what is wanted is there, and unreadable. */
static void refuse_opaque(matcher *m, const as_mapped *t) {
  char line[600];
  snprintf(line, sizeof line, "tensor %.300s is %.200s, wanted a dense float tensor", t->from->name,
           t->from->opaque);
  as_str_printf(&m->out->report, "opaque      %s\n", line);
  offend(m, line);
}

/* Weights are floats; counters (optional scalars) may be integers. Whole numbers in a weight's place are what some
 * quantiser left, and mean nothing without its scales. */
static bool is_float(as_dtype t) {
  return t == AS_F32 || t == AS_F64 || t == AS_F16 || t == AS_BF16;
}

static void fill_slot(matcher *m, const as_mapped *t, const as_param_spec *spec, as_view *slot) {
  char line[600], found[96], want[96];
  as_view view = t->view;
  if (t->from && t->from->opaque) {
    refuse_opaque(m, t);
    return;
  }
  if (!fits_spec(&view, spec)) {
    snprintf(line, sizeof line, "tensor %.200s: found %s, wanted %s", t->from ? t->from->name : t->name,
             as_shape_text(t->view.shape, t->view.rank, found, sizeof found),
             as_shape_text(spec->shape, spec->rank, want, sizeof want));
    as_str_printf(&m->out->report, "misfit      %s\n", line);
    offend(m, line);
    return;
  }
  if (!is_float(view.dtype) && !(spec->rank == 0 && spec->optional)) {
    snprintf(line, sizeof line, "tensor %.200s: found %s (quantised?), wanted a dense float tensor",
             t->from ? t->from->name : t->name, as_dtype_name(view.dtype));
    as_str_printf(&m->out->report, "misfit      %s\n", line);
    offend(m, line);
    return;
  }
  if (t->view.dtype != AS_F32 && t->view.dtype != AS_I64)
    as_str_printf(&m->out->report, "converted   %s: %s to float32\n", spec->name,
                  as_dtype_name(t->view.dtype));
  if (!t->from || !as_ends_with(t->from->bare, t->name)) {
    m->out->renamed++;
    as_str_printf(&m->out->report, "renamed     %s: from %s\n", spec->name,
                  t->from ? t->from->name : "several, joined");
  }
  m->out->used++;
  *slot = view;
}

static void unexpected(matcher *m, const as_mapped *t) {
  char line[600];
  const char *name = t->from ? t->from->name : t->name;
  m->out->unexpected++;
  snprintf(line, sizeof line, "tensor %.300s is unexpected", name);
  as_str_printf(&m->out->report, "unexpected  %s\n", name);
  offend(m, line);
}

/* Tensors that no spec asked for. Those outside the root are counted by their first key. */
static void report_rest(matcher *m, const bool *taken) {
  const as_mapping *map = m->map;
  char group[128] = "";
  size_t in_group = 0;
  for (size_t i = 0; i <= map->n; i++) {
    const as_mapped *t = i < map->n ? &map->item[i] : NULL;
    char key[128] = "";
    if (t && t->fate == AS_FATE_OUTSIDE)
      snprintf(key, sizeof key, "%.*s", (int)strcspn(t->name, "/") < 120 ? (int)strcspn(t->name, "/") : 120,
               t->name);
    if (in_group && (!t || strcmp(key, group) != 0)) {
      as_str_printf(&m->out->report, "dropped     %s: %zu tensor%s outside %s\n", group, in_group,
                    in_group == 1 ? "" : "s", *map->root ? map->root : "the top");
      in_group = 0;
    }
    if (!t) break;
    switch (t->fate) {
      case AS_FATE_OUTSIDE:
        snprintf(group, sizeof group, "%s", key);
        in_group++;
        m->out->dropped++;
        break;
      case AS_FATE_FOREIGN:
        if (as_name_counts(t->name))
          m->out->dropped++;
        else
          unexpected(m, t);
        break;
      case AS_FATE_DROPPED:
        m->out->dropped++;
        as_str_printf(&m->out->report, "dropped     %s: %s\n", t->name, t->why);
        break;
      case AS_FATE_FUSED:
        break;
      case AS_FATE_KEPT:
        if (taken[i]) break;
        if (t->from && t->from->opaque) {
          refuse_opaque(m, t);
        } else if (as_recipe_is_head(m->r, t->name)) {
          as_str_printf(&m->out->report, "head        %s: the file's own classifier\n", t->name);
        } else if (as_name_counts(t->name)) {
          m->out->dropped++;
          as_str_printf(&m->out->report, "dropped     %s: %s\n", t->name, as_name_counts(t->name));
        } else {
          unexpected(m, t);
        }
    }
  }
}

as_status as_match_params(as_match *out, const as_state *s, const as_recipe *r, const as_param_spec *specs,
                          size_t n_specs, as_err *err) {
  memset(out, 0, sizeof *out);
  as_mapping *map = as_calloc(1, sizeof *map, err);
  if (!map) return AS_E_ENV;
  as_status st = as_recipe_map(map, r, s, err);
  if (st != AS_OK) {
    as_free(map);
    return as_fail_in(err, "%s", as_state_path(s));
  }
  out->map = map;
  matcher m = {.out = out, .r = r, .map = map};
  bool *taken = as_calloc(map->n, sizeof *taken, err);
  out->views = as_calloc(n_specs, sizeof *out->views, err);
  out->n_views = n_specs;
  if (!taken || !out->views) st = AS_E_ENV;
  for (size_t i = 0; i < n_specs && st == AS_OK; i++) {
    const as_mapped *t = as_mapping_find(map, specs[i].name);
    if (t) {
      taken[t - map->item] = true;
      fill_slot(&m, t, &specs[i], &out->views[i]);
    } else if (!specs[i].optional) {
      char line[600];
      out->missing++;
      snprintf(line, sizeof line, "tensor %.200s is missing", specs[i].name);
      as_str_printf(&out->report, "missing     %s\n", specs[i].name);
      offend(&m, line);
    }
  }
  if (st == AS_OK) report_rest(&m, taken);
  as_free(taken);
  if (st == AS_OK) st = as_str_status(&out->report, err);
  if (st == AS_OK && m.offenders) {
    char more[64] = "";
    if (m.offenders > 1) snprintf(more, sizeof more, " (and %zu more)", m.offenders - 1);
    st = as_fail(err, AS_E_INPUT, "%s: recipe %s: %s%s", as_state_path(s), as_recipe_name(r), m.first, more);
  }
  return st;
}

/* NaN and Inf of a tensor: all exponent bits set. Contiguous little-endian floats are read in place. */
static as_status count_nonfinite(const as_view *v, size_t *n, as_err *err) {
  size_t numel = 0;
  *n = 0;
  if (v->dtype != AS_F32 && v->dtype != AS_F64 && v->dtype != AS_F16 && v->dtype != AS_BF16) return AS_OK;
  if (!as_shape_numel(v->shape, v->rank, &numel))
    return as_fail(err, AS_E_INPUT, "a shape that does not fit");
  if (v->dtype == AS_F32 && !v->big_endian && as_view_is_contiguous(v)) {
    const uint8_t *p = v->data;
    for (size_t i = 0; i < numel; i++) *n += (as_le32(p + 4 * i) & 0x7f800000u) == 0x7f800000u;
    return AS_OK;
  }
  float *tmp = as_alloc(numel, sizeof *tmp, err);
  if (!tmp) return AS_E_ENV;
  as_status st = as_view_to_f32(v, tmp, n, err);
  as_free(tmp);
  return st;
}

as_status as_match_nonfinite(as_match *m, const as_param_spec *specs, as_err *err) {
  for (size_t i = 0; i < m->n_views; i++) {
    size_t n = 0;
    if (!m->views[i].data) continue;
    const as_status st = count_nonfinite(&m->views[i], &n, err);
    if (st != AS_OK) return as_fail_in(err, "tensor %s", specs[i].name);
    if (n) as_str_printf(&m->report, "non-finite  %s: %zu values\n", specs[i].name, n);
    m->nonfinite += n;
  }
  return AS_OK;
}

void as_match_clear(as_match *m) {
  as_free(m->views);
  as_str_clear(&m->report);
  if (m->map) {
    as_mapping_clear(m->map);
    as_free(m->map);
  }
  memset(m, 0, sizeof *m);
}

/* ---- heads ---- */

static as_status check_head(const as_state_entry *weight, const as_state_entry *bias, const as_view *w,
                            const as_view *b, const char *path, as_err *err) {
  const as_state_entry *const both[2] = {weight, bias};
  for (int i = 0; i < 2; i++)
    if (both[i]->opaque || !is_float(both[i]->view.dtype))
      return as_fail(err, AS_E_INPUT, "%s: tensor %s is %s, wanted a dense float tensor", path, both[i]->name,
                     both[i]->opaque ? both[i]->opaque : as_dtype_name(both[i]->view.dtype));
  if (w->rank != 2 || b->rank != 1 || b->shape[0] != w->shape[0]) {
    char ws[96], bs[96];
    return as_fail(err, AS_E_INPUT,
                   "%s: head %s: found weight %s and bias %s, wanted [classes, d] and [classes]", path,
                   weight->name, as_shape_text(w->shape, w->rank, ws, sizeof ws),
                   as_shape_text(b->shape, b->rank, bs, sizeof bs));
  }
  return AS_OK;
}

/* "module.linear.weight" is a head's, "layer1.0.conv1.weight" is not. */
static bool head_name(const char *name) {
  static const char *const ends[] = {"linear.weight", "fc.weight", "head.weight", "classifier.weight"};
  const char *base = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
  if (strcmp(base, "weight") == 0 || strcmp(base, "module.weight") == 0) return true;
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    size_t n = strlen(base), k = strlen(ends[i]);
    if (n >= k && strcmp(base + n - k, ends[i]) == 0 && (n == k || base[n - k - 1] == '.')) return true;
  }
  return false;
}

static as_status lone_head(as_view *weight, as_view *bias, const as_state *s, as_err *err) {
  const as_state_entry *e = as_state_entries(s), *hit = NULL;
  for (size_t i = 0; i < as_state_count(s); i++) {
    if (e[i].view.rank != 2 || !head_name(e[i].name)) continue;
    if (hit)
      return as_fail(err, AS_E_INPUT, "%s: two tensors could be the head's weight: %s and %s",
                     as_state_path(s), hit->name, e[i].name);
    hit = &e[i];
  }
  if (!hit)
    return as_fail(
        err, AS_E_INPUT,
        "%s: holds no head; wanted weight [classes, d] and bias [classes], or module.linear.weight "
        "and its like",
        as_state_path(s));
  size_t n = strlen(hit->name) - strlen("weight");
  as_str name = {0};
  as_str_printf(&name, "%.*sbias", (int)n, hit->name);
  const as_state_entry *b = as_state_find(s, as_str_c(&name));
  as_str_clear(&name);
  if (!b) return as_fail(err, AS_E_INPUT, "%s: head %s has no bias beside it", as_state_path(s), hit->name);
  *weight = hit->view;
  *bias = b->view;
  return check_head(hit, b, weight, bias, as_state_path(s), err);
}

bool as_match_only_head(const as_state *s) {
  const as_state_entry *e = as_state_entries(s);
  size_t heads = 0;
  for (size_t i = 0; i < as_state_count(s); i++) {
    if (as_starts_with(e[i].name, "optim")) continue;
    if (e[i].view.rank > 2 || e[i].opaque || (e[i].view.rank == 2 && !head_name(e[i].name))) return false;
    heads += e[i].view.rank == 2;
  }
  return heads == 1;
}

/* A BatchNorm without scale and shift, then the classifier: one classifier. W'[c,j] = W[c,j] / sqrt(var_j + eps),
 * b'[c] = b[c] - sum_j W'[c,j] mean_j, in double. The state keeps the new arrays. */
static as_status fold_norm(as_view *weight, as_view *bias, as_state *s, const as_recipe *r,
                           const as_mapping *m, as_err *err) {
  char full[256];
  double eps = 0;
  const char *norm = as_recipe_headnorm(r, &eps);
  snprintf(full, sizeof full, "%.200s.running_mean", norm);
  const as_mapped *mean = as_mapping_find(m, full);
  snprintf(full, sizeof full, "%.200s.running_var", norm);
  const as_mapped *var = as_mapping_find(m, full);
  const size_t rows = (size_t)weight->shape[0], d = (size_t)weight->shape[1];
  if (!mean || !var || mean->view.rank != 1 || var->view.rank != 1 ||
      mean->view.shape[0] != weight->shape[1] || var->view.shape[0] != weight->shape[1])
    return as_fail(err, AS_E_INPUT, "%s: wanted %s.running_mean and .running_var [%zu] before the classifier",
                   as_state_path(s), norm, d);
  size_t n = 0;
  if (!as_mul_size(rows, d, &n) || !as_add_size(n, rows, &n) || !as_add_size(n, 2 * d, &n))
    return as_fail(err, AS_E_INPUT, "%s: classifier too large", as_state_path(s));
  float *w = as_alloc(n, sizeof *w, err);
  if (!w) return AS_E_ENV;
  as_status st = as_state_keep(s, w, err);
  if (st != AS_OK) return st;
  float *b = w + rows * d, *mu = b + rows, *v = mu + d;
  st = as_view_to_f32(weight, w, NULL, err);
  if (st == AS_OK) st = as_view_to_f32(bias, b, NULL, err);
  if (st == AS_OK) st = as_view_to_f32(&mean->view, mu, NULL, err);
  if (st == AS_OK) st = as_view_to_f32(&var->view, v, NULL, err);
  if (st != AS_OK) return as_fail_in(err, "%s: classifier", as_state_path(s));
  for (size_t c = 0; c < rows; c++) {
    double shift = 0;
    for (size_t j = 0; j < d; j++) {
      const double k = (double)w[c * d + j] / sqrt((double)v[j] + eps);
      shift += k * (double)mu[j];
      w[c * d + j] = (float)k;
    }
    b[c] = (float)((double)b[c] - shift);
  }
  const union {
    uint32_t word;
    unsigned char first;
  } order = {1};
  as_view *const made[2] = {weight, bias};
  for (int i = 0; i < 2; i++) {
    made[i]->data = i ? b : w;
    made[i]->bytes = (i ? rows : rows * d) * sizeof *w;
    made[i]->dtype = AS_F32;
    made[i]->big_endian = order.first == 0;
    as_view_set_contiguous(made[i]);
  }
  return AS_OK;
}

as_status as_match_head(as_view *weight, as_view *bias, as_state *s, const as_recipe *r, const char *name,
                        as_err *err) {
  if (!name || !r) return lone_head(weight, bias, s, err);
  as_mapping m;
  as_status st = as_recipe_map(&m, r, s, err);
  if (st != AS_OK) return as_fail_in(err, "%s", as_state_path(s));
  const char *const tries[] = {*as_recipe_head(r) ? as_recipe_head(r) : name, name};
  const as_mapped *w = NULL, *b = NULL;
  char full[256];
  for (size_t i = 0; i < 2 && !w; i++) {
    snprintf(full, sizeof full, "%.200s.weight", tries[i]);
    w = as_mapping_find(&m, full);
    snprintf(full, sizeof full, "%.200s.bias", tries[i]);
    b = as_mapping_find(&m, full);
  }
  if (!w || !b || !w->from || !b->from) {
    st =
        as_fail(err, AS_E_INPUT, "%s: holds no classifier %s.weight and %s.bias of its own; give --head FILE",
                as_state_path(s), tries[0], tries[0]);
  } else {
    *weight = w->view; /* into the state: only fused tensors belong to the mapping */
    *bias = b->view;
    st = check_head(w->from, b->from, weight, bias, as_state_path(s), err);
    double eps = 0;
    if (st == AS_OK && *as_recipe_headnorm(r, &eps)) st = fold_norm(weight, bias, s, r, &m, err);
  }
  as_mapping_clear(&m);
  return st;
}
