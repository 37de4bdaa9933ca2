/* A state through a recipe: what each tensor is called in the network.
 *
 *   file     state_dict/module.encoder_q.layer1.0.bn1.weight
 *   root     state_dict            a key under which tensors stand: names without it are OUTSIDE
 *   prefix   module.encoder_q.     names without it are FOREIGN, unless a rule with ^ knows them
 *   rules    the first that fits   DROPPED with its reason, or renamed; none fits: KEPT as it is
 *   result   layer1.0.bn1.weight   KEPT
 *
 * Rules see the name behind the prefix, those with ^ the name behind the root. That is why a rule can drop a twin that
 * stands beside the network ("drop = ^module.encoder_k.*") and why "fc.*" never means the twin's fc.
 *
 * Nothing here judges: a name that no rule knows is kept, and it is for the family's list (recipe_arch.c) or for the
 * model's specs (match.c) to say that it is unexpected. So a recipe can be tried on any file.
 *
 * Transforms change strides, not bytes: a TensorFlow kernel [h, w, in, out] is seen as [out, in, h, w] by permuting shape
 * and stride, and axes are merged where their strides allow it. Only fusing (query, key and value into qkv) makes a new
 * array, for there the parts lie apart. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/base/checked.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"
#include "weights/recipe/recipe_int.h"

enum { MAX_FUSED = 256 }; /* layers whose tensors are joined; the deepest published ViT has 48 */

/* The axes [from, to) as one. Two neighbours merge where the outer stride is the inner one times the inner length: then
 * stepping through both is one walk of equal steps. */
static bool merge_axes(const as_view *v, int from, int to, int64_t *n, int64_t *stride) {
  *n = 1;
  *stride = 1;
  for (int k = to - 1; k >= from; k--) {
    if (k == to - 1)
      *stride = v->stride[k];
    else if (v->stride[k] != v->stride[k + 1] * v->shape[k + 1])
      return false;
    if (!as_mul_i64(*n, v->shape[k], n)) return false;
  }
  return true;
}

/* The view under its new shape; false when the tensor has another rank or layout. */
static bool apply_transform(as_view *v, as_transform t) {
  as_view o = *v;
  switch (t) {
    case AS_AS_IS:
      return true;
    case AS_HWIO:
      if (v->rank != 4) return false;
      for (int k = 0; k < 4; k++) {
        static const int from[4] = {3, 2, 0, 1};
        o.shape[k] = v->shape[from[k]];
        o.stride[k] = v->stride[from[k]];
      }
      break;
    case AS_IO:
      if (v->rank != 2) return false;
      o.shape[0] = v->shape[1], o.stride[0] = v->stride[1];
      o.shape[1] = v->shape[0], o.stride[1] = v->stride[0];
      break;
    case AS_IN_REST:
      if (v->rank < 2 || !merge_axes(v, 1, v->rank, &o.shape[0], &o.stride[0])) return false;
      o.shape[1] = v->shape[0], o.stride[1] = v->stride[0];
      o.rank = 2;
      break;
    case AS_REST_OUT:
      if (v->rank < 2 || !merge_axes(v, 0, v->rank - 1, &o.shape[1], &o.stride[1])) return false;
      o.shape[0] = v->shape[v->rank - 1], o.stride[0] = v->stride[v->rank - 1];
      o.rank = 2;
      break;
    case AS_FLAT:
      if (v->rank < 1 || !merge_axes(v, 0, v->rank, &o.shape[0], &o.stride[0])) return false;
      o.rank = 1;
      break;
    case AS_SQUEEZE:
      o.rank = 0;
      for (int k = 0; k < v->rank; k++)
        if (v->shape[k] != 1) {
          o.shape[o.rank] = v->shape[k];
          o.stride[o.rank++] = v->stride[k];
        }
      if (o.rank == 0 && v->rank > 0) o.shape[0] = 1, o.stride[0] = 1, o.rank = 1;
      break;
  }
  *v = o;
  return true;
}

const char *as_recipe_root(const as_recipe *r, const as_state *s) {
  const as_state_entry *e = as_state_entries(s);
  if (r->at) {
    for (size_t k = 0; k < as_state_count(s); k++)
      if (as_recipe_sees(r, &e[k], r->at)) return r->at;
    return NULL;
  }
  for (size_t i = 0; i < r->unwrap.n; i++)
    for (size_t k = 0; k < as_state_count(s); k++) {
      if (strcmp(r->unwrap.item[i], ".") == 0 ? !strchr(e[k].name, '/') || r->unwrap.n == 1
                                              : as_recipe_sees(r, &e[k], r->unwrap.item[i]) != NULL)
        return r->unwrap.item[i];
    }
  return NULL;
}

/* The first of the recipe's prefixes that any name under the root has; "" when it asks for none, names "." as the last
 * alternative, or was sent to a place that may lie behind the prefix. */
static const char *find_prefix(const as_recipe *r, const as_state *s, const char *root) {
  const as_state_entry *e = as_state_entries(s);
  for (size_t i = 0; i < r->prefix.n; i++) {
    if (strcmp(r->prefix.item[i], ".") == 0) return "";
    for (size_t k = 0; k < as_state_count(s); k++) {
      const char *name = as_recipe_sees(r, &e[k], root);
      if (name && as_starts_with(name, r->prefix.item[i])) return r->prefix.item[i];
    }
  }
  return r->prefix.n && !r->at ? r->prefix.item[0] : "";
}

/* whole: the name under the root; name: without the prefix, or NULL when it has not the prefix. */
static as_status map_rules(as_mapped *m, const as_recipe *r, const char *whole, const char *name, int convs,
                           as_err *err) {
  char buf[1024];
  as_transform t = AS_AS_IS;
  const as_recipe_rule *rule = NULL;
  as_capture caps[AS_RECIPE_MAX_CAPTURES];
  int n = 0;
  for (size_t i = 0; i < r->n_rules && !rule; i++) {
    const char *seen = r->rules[i].whole ? whole : name;
    if (seen && as_glob(r->rules[i].from, seen, caps, &n)) rule = &r->rules[i];
  }
  m->fate = name ? AS_FATE_KEPT : AS_FATE_FOREIGN;
  if (rule && rule->kind == AS_RULE_DROP) {
    m->fate = AS_FATE_DROPPED;
    m->why = *rule->why ? rule->why : rule->from;
  } else if (rule) {
    m->fate = AS_FATE_KEPT;
    if (!as_glob_expand(rule->to, caps, n, buf, sizeof buf))
      return as_fail(err, AS_E_INPUT, "recipe %s: rename %s -> %s does not work for %.200s", r->name,
                     rule->from, rule->to, whole);
    name = buf;
    t = rule->transform;
  } else if (!name && *r->rest) {
    m->fate = AS_FATE_DROPPED;
    m->why = r->rest;
  } else if (name && *r->map && as_simclr_name(name, convs, buf, sizeof buf, &t)) {
    name = buf;
  }
  m->name = as_strdup(name ? name : whole, err);
  if (!m->name) return AS_E_ENV;
  if (m->fate == AS_FATE_KEPT && !apply_transform(&m->view, t)) {
    char shape[96];
    return as_fail(err, AS_E_INPUT, "tensor %s: shape %s cannot be turned into that of %s", m->from->name,
                   as_shape_text(m->view.shape, m->view.rank, shape, sizeof shape), m->name);
  }
  return AS_OK;
}

static int by_mapped_name(const void *a, const void *b) {
  return strcmp((*(as_mapped *const *)a)->name, (*(as_mapped *const *)b)->name);
}

static as_status sort_kept(as_mapping *m, as_err *err) {
  as_free((void *)m->by_name);
  m->by_name = as_alloc(m->n, sizeof *m->by_name, err);
  m->n_kept = 0;
  if (!m->by_name) return AS_E_ENV;
  for (size_t i = 0; i < m->n; i++)
    if (m->item[i].fate == AS_FATE_KEPT) m->by_name[m->n_kept++] = &m->item[i];
  if (m->n_kept) qsort(m->by_name, m->n_kept, sizeof *m->by_name, by_mapped_name);
  for (size_t i = 1; i < m->n_kept; i++)
    if (strcmp(m->by_name[i - 1]->name, m->by_name[i]->name) == 0)
      return as_fail(err, AS_E_INPUT, "two tensors end under the name %s: %s and %s", m->by_name[i]->name,
                     m->by_name[i - 1]->from ? m->by_name[i - 1]->from->name : "a fused one",
                     m->by_name[i]->from ? m->by_name[i]->from->name : "a fused one");
  return AS_OK;
}

static as_mapped *find_kept(const as_mapping *m, const char *name) {
  size_t lo = 0, hi = m->n_kept;
  while (lo < hi) {
    size_t mid = lo + (hi - lo) / 2;
    int c = strcmp(m->by_name[mid]->name, name);
    if (c == 0) return m->by_name[mid];
    if (c < 0)
      lo = mid + 1;
    else
      hi = mid;
  }
  return NULL;
}

const as_mapped *as_mapping_find(const as_mapping *m, const char *name) {
  return find_kept(m, name);
}

/* PATTERN with {i} -> the number i. */
static void numbered(const char *pattern, int i, char *out, size_t size) {
  const char *at = strstr(pattern, "{i}");
  if (!at)
    snprintf(out, size, "%s", pattern);
  else
    snprintf(out, size, "%.*s%d%s", (int)(at - pattern), pattern, i, at + 3);
}

/* Rows of the parts one after the other, as float32. */
static as_status fuse_one(as_mapping *m, const as_fuse *f, int i, bool *done, as_err *err) {
  as_mapped *part[AS_RECIPE_MAX_PARTS];
  char name[512];
  size_t total = 0;
  for (int k = 0; k < f->n; k++) {
    numbered(f->part[k], i, name, sizeof name);
    part[k] = find_kept(m, name);
    if (!part[k]) {
      *done = true; /* the last index, or a file without them: match says what is missing */
      return AS_OK;
    }
    size_t n = 0;
    const as_view *v = &part[k]->view, *first = &part[0]->view;
    bool same = v->rank == first->rank && v->rank > 0;
    for (int d = 1; same && d < v->rank; d++) same = v->shape[d] == first->shape[d];
    if (!same || !as_shape_numel(v->shape, v->rank, &n) || !as_add_size(total, n, &total))
      return as_fail(err, AS_E_INPUT,
                     "tensor %s does not join with %s: their shapes differ beyond the first axis", name,
                     part[0]->name);
  }
  as_status grown = as_grow(&m->block, &m->cap_blocks, m->n_blocks + 1, sizeof *m->block, err);
  if (grown != AS_OK) return grown;
  float *data = as_alloc(total, sizeof *data, err);
  if (!data) return AS_E_ENV;
  m->block[m->n_blocks++] = data;
  as_mapped fused = {.view = part[0]->view, .fate = AS_FATE_KEPT};
  fused.view.shape[0] = 0;
  size_t at = 0;
  for (int k = 0; k < f->n; k++) {
    size_t n = 0;
    (void)as_shape_numel(part[k]->view.shape, part[k]->view.rank, &n);
    as_status st = as_view_to_f32(&part[k]->view, data + at, NULL, err);
    if (st != AS_OK) return as_fail_in(err, "tensor %s", part[k]->name);
    at += n;
    fused.view.shape[0] += part[k]->view.shape[0];
    part[k]->fate = AS_FATE_FUSED;
  }
  fused.view.dtype = AS_F32;
  fused.view.data = data;
  fused.view.bytes = total * sizeof *data;
  const uint16_t one = 1;
  fused.view.big_endian = *(const uint8_t *)&one == 0; /* made on this host */
  as_view_set_contiguous(&fused.view);
  numbered(f->to, i, name, sizeof name);
  fused.name = as_strdup(name, err);
  if (!fused.name) return AS_E_ENV;
  as_status st = as_grow(&m->item, &m->cap, m->n + 1, sizeof *m->item, err);
  if (st != AS_OK) {
    as_free(fused.name);
    return st;
  }
  m->item[m->n++] = fused;
  return sort_kept(m, err); /* items may have moved */
}

as_status as_recipe_map(as_mapping *out, const as_recipe *r, const as_state *s, as_err *err) {
  memset(out, 0, sizeof *out);
  if (*r->refuse) return as_fail(err, AS_E_INPUT, "recipe %s: %s", r->name, r->refuse);
  const char *root = as_recipe_root(r, s);
  out->root = root ? root : r->at ? r->at : r->unwrap.item[0];
  out->prefix = find_prefix(r, s, out->root);
  const as_state_entry *e = as_state_entries(s);
  size_t n = as_state_count(s), prefix_n = strlen(out->prefix);
  int convs = *r->map ? as_simclr_convs(s, out->root) : 0;
  out->item = as_calloc(n, sizeof *out->item, err);
  as_status st = out->item ? AS_OK : AS_E_ENV;
  out->cap = out->item ? n : 0;
  for (size_t i = 0; i < n && st == AS_OK; i++) {
    as_mapped *m = &out->item[out->n++];
    m->from = &e[i];
    m->view = e[i].view;
    const char *name = as_recipe_sees(r, &e[i], out->root);
    if (!name) {
      m->fate = AS_FATE_OUTSIDE;
      m->name = as_strdup(e[i].name, err);
      if (!m->name) st = AS_E_ENV;
      continue;
    }
    bool has_prefix = strncmp(name, out->prefix, prefix_n) == 0;
    st = map_rules(m, r, name, has_prefix ? name + prefix_n : NULL, convs, err);
  }
  if (st == AS_OK) st = sort_kept(out, err);
  for (size_t f = 0; f < r->n_fuse && st == AS_OK; f++) {
    bool done = false;
    for (int i = 0; i < MAX_FUSED && !done && st == AS_OK; i++) {
      st = fuse_one(out, &r->fuse[f], i, &done, err);
      if (!strstr(r->fuse[f].to, "{i}")) break;
    }
  }
  if (st != AS_OK) as_mapping_clear(out);
  return st;
}

void as_mapping_clear(as_mapping *m) {
  for (size_t i = 0; i < m->n; i++) as_free(m->item[i].name);
  for (size_t i = 0; i < m->n_blocks; i++) as_free(m->block[i]);
  as_free(m->item);
  as_free(m->block);
  as_free((void *)m->by_name);
  memset(m, 0, sizeof *m);
}
