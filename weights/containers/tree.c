#include "weights/containers/tree.h"

#include <stdio.h>
#include <string.h>

#include "tensor/base/checked.h"
#include "tensor/base/text.h"

/* ---- calls that no data needs ---- */

/* Nothing is ever called, so this list guards nothing: it tells the user that the file is hostile
 * instead of passing over it. Whole modules, then single names. */
static const char *const hostile_modules[] = {"os",     "posix",  "nt",     "sys",       "subprocess",
                                              "pty",    "popen2", "runpy",  "socket",    "multiprocessing",
                                              "shutil", "bdb",    "pdb",    "ctypes",    "importlib",
                                              "pip",    "timeit", "urllib", "webbrowser"};
static const char *const hostile_builtins[] = {"eval", "exec",  "compile", "execfile", "__import__",
                                               "open", "input", "apply",   "globals",  "breakpoint"};

static bool head_is(const as_pk *pk, uint32_t text, const char *module) {
  const as_pk_node *n = as_pk_at(pk, text);
  size_t len = strlen(module);
  return n->u.bytes.n >= len && memcmp(n->u.bytes.p, module, len) == 0 &&
         (n->u.bytes.n == len || n->u.bytes.p[len] == '.');
}

static as_status refuse_calls(as_tree *t, as_err *err) {
  const as_pk *pk = t->pk;
  for (uint32_t i = 0; i < as_pk_nodes(pk); i++) {
    const as_pk_node *n = as_pk_at(pk, i);
    if (n->type != AS_PK_OBJECT) continue;
    const as_pk_node *g = as_pk_at(pk, n->u.object.callee);
    if (g->type != AS_PK_GLOBAL) continue;
    bool hostile = false;
    for (size_t k = 0; k < sizeof hostile_modules / sizeof *hostile_modules && !hostile; k++)
      hostile = head_is(pk, g->u.global.module, hostile_modules[k]);
    if (as_pk_is_text(pk, g->u.global.module, "builtins") ||
        as_pk_is_text(pk, g->u.global.module, "__builtin__"))
      for (size_t k = 0; k < sizeof hostile_builtins / sizeof *hostile_builtins && !hostile; k++)
        hostile = head_is(pk, g->u.global.name, hostile_builtins[k]);
    if (hostile) {
      char name[256];
      return as_fail(
          err, AS_E_INPUT,
          "%s: the pickle calls %s, which no checkpoint needs; nothing was run, and the file is refused",
          t->label, as_pk_global_name(pk, n->u.object.callee, name, sizeof name));
    }
  }
  return AS_OK;
}

/* ---- tensors ---- */

static as_status interpret_value(as_tree *t, uint32_t node, int depth, as_view *out, bool *is, as_err *err);

static as_status interpret_call(as_tree *t, uint32_t callee, uint32_t args, uint32_t state, int depth,
                                as_view *out, bool *is, as_err *err) {
  const as_pk *pk = t->pk;
  uint32_t a = 0, b = 0;
  *is = false;
  if (as_pk_at(pk, callee)->type != AS_PK_GLOBAL) return AS_OK;
  if (as_pk_is_global(pk, callee, "torch._utils", "_rebuild_tensor_v2") ||
      as_pk_is_global(pk, callee, "torch._utils", "_rebuild_tensor")) {
    *is = true;
    return as_tree_rebuild(t, args, false, out, err);
  }
  if (as_pk_is_global(pk, callee, "torch._utils", "_rebuild_tensor_v3")) {
    *is = true;
    return as_tree_rebuild(t, args, true, out, err);
  }
  if (as_pk_is_global(pk, callee, "torch._utils", "_rebuild_parameter") ||
      as_pk_is_global(pk, callee, "torch._utils", "_rebuild_parameter_with_state") ||
      as_pk_is_global(pk, callee, "torch._utils", "_rebuild_device_tensor_from_numpy") ||
      as_pk_is_global(pk, callee, "torch.nn.parameter", "Parameter") ||
      as_pk_is_global(pk, callee, "torch.nn.parameter", "Buffer") ||
      as_pk_is_global(pk, callee, "torch.autograd.variable", "Variable"))
    return as_pk_item(pk, args, 0, &a) ? interpret_value(t, a, depth + 1, out, is, err) : AS_OK;
  /* torch._tensor._rebuild_from_type_v2(function, class, arguments, state) */
  if (as_pk_is_global(pk, callee, "torch._tensor", "_rebuild_from_type_v2") && as_pk_item(pk, args, 0, &a) &&
      as_pk_item(pk, args, 2, &b) && depth < 4)
    return interpret_call(t, a, b, 0, depth + 1, out, is, err);
  as_status st = as_tree_numpy(t, callee, args, state, out, is, err);
  if (st == AS_OK && !*is) *is = as_tree_opaque(t, callee, args, out);
  return st;
}

/* *is: the node stands for a tensor, and out describes it. */
static as_status interpret_value(as_tree *t, uint32_t node, int depth, as_view *out, bool *is, as_err *err) {
  const as_pk_node *n = as_pk_at(t->pk, node);
  *is = false;
  if (depth > 4) return AS_OK; /* Parameter(Parameter(...)): nobody writes that */
  if (n->type == AS_PK_PERSID && t->tensor) return t->tensor(t, n->u.object.callee, out, is, err);
  if (n->type != AS_PK_OBJECT) return AS_OK;
  as_status st =
      interpret_call(t, n->u.object.callee, n->u.object.args, n->u.object.state, depth, out, is, err);
  if (st == AS_OK && *is && (n->u.object.items || n->u.object.list))
    return as_tree_refuse(t, "items are set on a tensor", err);
  return st;
}

/* ---- the walk ---- */

static as_status walk_value(as_tree *t, uint32_t node, int depth, as_err *err);

static as_status walk_under(as_tree *t, const uint8_t *key, size_t n, uint32_t node, int depth, as_err *err) {
  size_t old = t->path.n;
  if (old + n > 2 * AS_STATE_MAX_NAME) return as_tree_refuse(t, "a path of keys of over 8192 bytes", err);
  if (old) as_str_putc(&t->path, '/');
  as_str_putn(&t->path, (const char *)key, n);
  as_status st = as_str_status(&t->path, err);
  if (st == AS_OK) st = walk_value(t, node, depth + 1, err);
  t->path.n = old;
  if (t->path.s) t->path.s[old] = 0;
  return st;
}

static as_status walk_dict(as_tree *t, uint32_t dict, int depth, as_err *err) {
  const as_pk *pk = t->pk;
  as_status st = AS_OK;
  for (uint32_t c = as_pk_at(pk, dict)->u.cells.first; c && st == AS_OK; c = as_pk_cell_at(pk, c)->next) {
    const as_pk_cell *cell = as_pk_cell_at(pk, c);
    const as_pk_node *k = as_pk_at(pk, cell->key);
    char number[32];
    if (k->type == AS_PK_STR || k->type == AS_PK_BYTES) {
      st = walk_under(t, k->u.bytes.p, k->u.bytes.n, cell->value, depth, err);
    } else if (k->type == AS_PK_INT) {
      int n = snprintf(number, sizeof number, "%lld", (long long)k->u.i);
      st = walk_under(t, (const uint8_t *)number, (size_t)n, cell->value, depth, err);
    } else {
      int n = snprintf(number, sizeof number, "(key)%u", c);
      st = walk_under(t, (const uint8_t *)number, (size_t)n, cell->value, depth, err);
    }
  }
  return st;
}

static as_status walk_sequence(as_tree *t, uint32_t seq, int depth, as_err *err) {
  const as_pk *pk = t->pk;
  as_status st = AS_OK;
  unsigned i = 0;
  for (uint32_t c = as_pk_at(pk, seq)->u.cells.first; c && st == AS_OK; c = as_pk_cell_at(pk, c)->next, i++) {
    uint32_t v = as_pk_cell_at(pk, c)->value;
    uint8_t type = as_pk_at(pk, v)->type;
    if (type < AS_PK_TUPLE || type == AS_PK_GLOBAL) { /* scalars in lists are nobody's tensors */
      t->visits++;
      continue;
    }
    char number[16];
    int n = snprintf(number, sizeof number, "%u", i);
    st = walk_under(t, (const uint8_t *)number, (size_t)n, v, depth, err);
  }
  return st;
}

static bool is_mapping(const as_pk *pk, uint32_t callee) {
  return as_pk_is_global(pk, callee, "collections", "OrderedDict") ||
         as_pk_is_global(pk, callee, "collections", "defaultdict") ||
         as_pk_is_global(pk, callee, "collections", "Counter");
}

/* Small objects that are plain data: not worth a remark. */
static bool is_plain(const as_pk *pk, uint32_t callee) {
  return as_pk_is_global(pk, callee, "torch", "Size") || as_pk_is_global(pk, callee, "torch", "device") ||
         as_pk_is_global(pk, callee, "_codecs", "encode") || as_pk_is_global(pk, callee, "builtins", "set") ||
         as_pk_is_global(pk, callee, "__builtin__", "set") || as_pk_is_global(pk, callee, "numpy", "dtype");
}

static as_status remark_class(as_tree *t, uint32_t callee, as_err *err) {
  for (size_t i = 0; i < t->n_seen; i++) {
    char a[256], b[256];
    if (t->seen[i] == callee) return AS_OK;
    if (strcmp(as_pk_global_name(t->pk, t->seen[i], a, sizeof a),
               as_pk_global_name(t->pk, callee, b, sizeof b)) == 0)
      return AS_OK;
  }
  if (t->n_seen < sizeof t->seen / sizeof *t->seen) t->seen[t->n_seen++] = callee;
  char name[256];
  return as_state_remark(t->state, err, "%s: an object of %s, read as data and never called",
                         t->path.n ? as_str_c(&t->path) : "(top)",
                         as_pk_global_name(t->pk, callee, name, sizeof name));
}

/* torch.nn.Module's state: the module itself was pickled, with the name of its class, instead of its state_dict. */
static bool is_module(const as_pk *pk, const as_pk_node *object) {
  uint32_t part = 0;
  return object->u.object.state && as_pk_get(pk, object->u.object.state, "_parameters", &part) &&
         as_pk_get(pk, object->u.object.state, "_modules", &part);
}

/* Keeps what such an object is for whoever finds no network in the file. */
static as_status note_trouble(as_tree *t, uint32_t callee, bool module, as_err *err) {
  char name[256];
  as_state *s = t->state;
  if (!s->trouble[0] && module)
    snprintf(
        s->trouble, sizeof s->trouble,
        "%.100s is a whole pickled module (%.120s), whose code would have to be run: save its weights alone, "
        "torch.save(model.state_dict(), \"weights.pth\")",
        t->path.n ? as_str_c(&t->path) : "this", as_pk_global_name(t->pk, callee, name, sizeof name));
  else if (!s->trouble[0])
    snprintf(
        s->trouble, sizeof s->trouble,
        "this is the index of a distributed checkpoint, whose shards (.distcp) are not joined: python -m "
        "torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER weights.pth");
  return module ? as_state_remark(s, err, "%s", s->trouble) : AS_OK;
}

static as_status walk_object(as_tree *t, uint32_t node, int depth, as_err *err) {
  const as_pk *pk = t->pk;
  as_view view;
  bool is = false;
  size_t remarks = t->state->n_remarks;
  as_status st = interpret_value(t, node, 0, &view, &is, err);
  if (st != AS_OK) return st;
  if (is && view.dtype == AS_OPAQUE)
    return as_state_add_opaque(t->state, as_str_c(&t->path), t->path.n, view.rank, view.shape, t->what, err);
  if (is) return as_state_add(t->state, as_str_c(&t->path), t->path.n, &view, err);
  if (remarks != t->state->n_remarks) return AS_OK; /* already said why it is not a tensor */
  const as_pk_node *n = as_pk_at(pk, node);
  if (n->type == AS_PK_PERSID) return AS_OK;
  if (is_plain(pk, n->u.object.callee)) return AS_OK;
  if (is_mapping(pk, n->u.object.callee)) {
    /* OrderedDict([[key, value], ...]) of old protocols, else its items; its state is _metadata. */
    uint32_t pairs = 0, k = 0, v = 0;
    if (as_pk_item(pk, n->u.object.args, 0, &pairs) && as_pk_at(pk, pairs)->type == AS_PK_LIST)
      for (uint32_t c = as_pk_at(pk, pairs)->u.cells.first; c && st == AS_OK;
           c = as_pk_cell_at(pk, c)->next) {
        uint32_t pair = as_pk_cell_at(pk, c)->value;
        if (!as_pk_item(pk, pair, 0, &k) || !as_pk_item(pk, pair, 1, &v) ||
            as_pk_at(pk, k)->type != AS_PK_STR)
          continue;
        const as_pk_node *key = as_pk_at(pk, k);
        st = walk_under(t, key->u.bytes.p, key->u.bytes.n, v, depth, err);
      }
    return st == AS_OK && n->u.object.items ? walk_dict(t, n->u.object.items, depth, err) : st;
  }
  if (is_module(pk, n)) return note_trouble(t, n->u.object.callee, true, err);
  if (as_pk_is_global(pk, n->u.object.callee, "torch.distributed.checkpoint.metadata", "Metadata"))
    return note_trouble(t, n->u.object.callee, false, err);
  st = remark_class(t, n->u.object.callee, err);
  /* A wrapper around one dict is that dict; other arguments are numbered. */
  uint32_t only = 0;
  const as_pk_node *args = as_pk_at(pk, n->u.object.args);
  if (st == AS_OK && args->u.cells.count == 1 && as_pk_item(pk, n->u.object.args, 0, &only) &&
      as_pk_at(pk, only)->type == AS_PK_DICT)
    st = walk_dict(t, only, depth, err);
  else if (st == AS_OK)
    st = walk_sequence(t, n->u.object.args, depth, err);
  if (st == AS_OK && n->u.object.state) {
    const as_pk_node *state = as_pk_at(pk, n->u.object.state);
    if (state->type == AS_PK_DICT) st = walk_dict(t, n->u.object.state, depth, err);
    if (state->type == AS_PK_TUPLE) st = walk_sequence(t, n->u.object.state, depth, err);
  }
  if (st == AS_OK && n->u.object.items) st = walk_dict(t, n->u.object.items, depth, err);
  if (st == AS_OK && n->u.object.list) st = walk_sequence(t, n->u.object.list, depth, err);
  return st;
}

static as_status remark_scalar(as_tree *t, const as_pk_node *n, as_err *err) {
  const char *path = t->path.n ? as_str_c(&t->path) : "(top)";
  switch (n->type) {
    case AS_PK_BOOL:
      return as_state_remark(t->state, err, "%s = %s", path, n->u.i ? "true" : "false");
    case AS_PK_INT:
      return as_state_remark(t->state, err, "%s = %lld", path, (long long)n->u.i);
    case AS_PK_FLOAT: {
      char text[32];
      as_f64_text(n->u.f, text);
      return as_state_remark(t->state, err, "%s = %s", path, text);
    }
    case AS_PK_STR: {
      int len = n->u.bytes.n < 200 ? (int)n->u.bytes.n : 200;
      return as_state_remark(t->state, err, "%s = \"%.*s\"", path, len, (const char *)n->u.bytes.p);
    }
    default:
      return AS_OK;
  }
}

static as_status walk_value(as_tree *t, uint32_t node, int depth, as_err *err) {
  const as_pk_node *n = as_pk_at(t->pk, node);
  t->visits += AS_TREE_WALK_COST;
  if (t->visits > AS_TREE_MAX_VISITS)
    return as_fail(err, AS_E_INPUT,
                   "%s: the pickle unfolds to more than %d values, or 4 times as many scalars", t->label,
                   AS_TREE_MAX_VISITS / AS_TREE_WALK_COST);
  if (depth > AS_PK_MAX_DEPTH)
    return as_fail(err, AS_E_INPUT, "%s: the pickle nests deeper than %d levels", t->label,
                   (int)AS_PK_MAX_DEPTH);
  switch ((as_pk_type)n->type) {
    case AS_PK_DICT:
      return walk_dict(t, node, depth, err);
    case AS_PK_TUPLE:
    case AS_PK_LIST:
    case AS_PK_SET:
      return walk_sequence(t, node, depth, err);
    case AS_PK_OBJECT:
    case AS_PK_PERSID:
      return walk_object(t, node, depth, err);
    default:
      return depth <= 2 ? remark_scalar(t, n, err) : AS_OK;
  }
}

as_status as_tree_walk(as_tree *t, uint32_t root, as_err *err) {
  as_status st = refuse_calls(t, err);
  if (st == AS_OK) st = walk_value(t, root, 0, err);
  as_str_clear(&t->path);
  return st;
}
