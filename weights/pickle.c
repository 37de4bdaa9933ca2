/* The pickle machine: pools and opcodes. */
#include "weights/pickle.h"

#include <math.h>
#include <string.h>

#include "tensor/base/bytes.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"
#include "weights/pickle_int.h"

typedef struct vm {
  as_pk *pk;
  as_reader in;
  const char *label;
  as_err *err;
  size_t at;  /* offset of the current opcode */
  size_t ops; /* executed so far, the current one included */
  uint32_t *stack;
  size_t n_stack, cap_stack;
  size_t *marks; /* stack heights */
  size_t n_marks, cap_marks;
  uint32_t *memo; /* node + 1; 0 = unset */
  size_t n_memo, cap_memo;
  uint32_t next_memo; /* for MEMOIZE */
} vm;

static as_status refuse(vm *m, const char *what) {
  return as_fail(m->err, AS_E_INPUT, "%s: pickle, byte %zu: %s", m->label, m->at, what);
}

/* Every allocation is charged before it is made. */
static as_status charge(vm *m, size_t bytes) {
  if (bytes > AS_PK_MAX_MEMORY - m->pk->memory)
    return refuse(m, "the values need more than 64 MiB; no checkpoint does");
  m->pk->memory += bytes;
  return AS_OK;
}

static as_status pool_take(vm *m, pool *p, size_t size, uint32_t *index) {
  if (p->count == p->n_blocks << POOL_SHIFT) {
    as_status st = charge(m, size << POOL_SHIFT);
    if (st == AS_OK)
      st = as_grow((void **)&p->block, &p->cap_blocks, p->n_blocks + 1, sizeof *p->block, m->err);
    if (st != AS_OK) return st;
    void *block = as_alloc(POOL_BLOCK, size, m->err);
    if (!block) return AS_E_ENV;
    p->block[p->n_blocks++] = block;
  }
  *index = (uint32_t)p->count++;
  return AS_OK;
}

static as_pk_node *node_at(as_pk *pk, uint32_t i) {
  return (as_pk_node *)pk->nodes.block[i >> POOL_SHIFT] + (i & (POOL_BLOCK - 1));
}

static as_pk_cell *cell_at(as_pk *pk, uint32_t i) {
  return (as_pk_cell *)pk->cells.block[i >> POOL_SHIFT] + (i & (POOL_BLOCK - 1));
}

static as_status new_node(vm *m, as_pk_type type, uint32_t *index) {
  as_status st = pool_take(m, &m->pk->nodes, sizeof(as_pk_node), index);
  if (st != AS_OK) return st;
  as_pk_node *n = node_at(m->pk, *index);
  memset(n, 0, sizeof *n);
  n->type = (uint8_t)type;
  return AS_OK;
}

/* A decoded string of n bytes, owned by the tree. */
static as_status new_text(vm *m, size_t n, uint8_t **out) {
  as_status st = charge(m, n + 64);
  pool *p = &m->pk->text;
  if (st == AS_OK)
    st = as_grow((void **)&p->block, &p->cap_blocks, p->n_blocks + 1, sizeof *p->block, m->err);
  if (st != AS_OK) return st;
  *out = as_alloc(n, 1, m->err);
  if (!*out) return AS_E_ENV;
  p->block[p->n_blocks++] = *out;
  return AS_OK;
}

/* ---- stack ---- */

static as_status push(vm *m, uint32_t node) {
  if (m->n_stack == m->cap_stack) {
    as_status st = charge(m, (m->cap_stack ? m->cap_stack : 64) * sizeof *m->stack);
    if (st == AS_OK)
      st = as_grow((void **)&m->stack, &m->cap_stack, m->n_stack + 1, sizeof *m->stack, m->err);
    if (st != AS_OK) return st;
  }
  m->stack[m->n_stack++] = node;
  return AS_OK;
}

/* Values above the last mark; a pop may not reach below it. */
static size_t above_mark(const vm *m) {
  return m->n_stack - (m->n_marks ? m->marks[m->n_marks - 1] : 0);
}

static as_status pop(vm *m, uint32_t *node) {
  if (above_mark(m) == 0) return refuse(m, "the opcode wants a value, and the stack is empty");
  *node = m->stack[--m->n_stack];
  return AS_OK;
}

static as_status top(vm *m, uint32_t *node) {
  if (above_mark(m) == 0) return refuse(m, "the opcode wants a value, and the stack is empty");
  *node = m->stack[m->n_stack - 1];
  return AS_OK;
}

static as_status push_mark(vm *m) {
  if (m->n_marks >= AS_PK_MAX_MARKS) return refuse(m, "more than 65536 open marks");
  as_status st = as_grow((void **)&m->marks, &m->cap_marks, m->n_marks + 1, sizeof *m->marks, m->err);
  if (st != AS_OK) return st;
  m->marks[m->n_marks++] = m->n_stack;
  return AS_OK;
}

/* Takes everything above the last mark: it stays in place at stack[*from, *from + *n) until the next
 * push, while the stack has already shrunk to *from. */
static as_status pop_to_mark(vm *m, size_t *from, size_t *n) {
  if (m->n_marks == 0) return refuse(m, "the opcode wants a mark, and none is open");
  *from = m->marks[--m->n_marks];
  *n = m->n_stack - *from;
  m->n_stack = *from;
  return AS_OK;
}

/* ---- values ---- */

static as_status push_new(vm *m, as_pk_type type, as_pk_node **node) {
  uint32_t i = 0;
  as_status st = new_node(m, type, &i);
  if (st == AS_OK) st = push(m, i);
  if (st == AS_OK) *node = node_at(m->pk, i);
  return st;
}

static as_status push_int(vm *m, int64_t v) {
  as_pk_node *n = NULL;
  as_status st = push_new(m, AS_PK_INT, &n);
  if (st == AS_OK) n->u.i = v;
  return st;
}

static as_status push_bytes(vm *m, as_pk_type type, const uint8_t *p, size_t size) {
  as_pk_node *n = NULL;
  as_status st = push_new(m, type, &n);
  if (st != AS_OK) return st;
  n->u.bytes.p = p;
  n->u.bytes.n = size;
  return AS_OK;
}

static as_status push_float(vm *m, double v) {
  as_pk_node *n = NULL;
  as_status st = push_new(m, AS_PK_FLOAT, &n);
  if (st == AS_OK) n->u.f = v;
  return st;
}

static as_status add_cell(vm *m, uint32_t container, uint32_t key, uint32_t value) {
  if (m->pk->cells.count == 0) { /* cell 0 stays unused: 0 ends a chain */
    uint32_t zero = 0;
    as_status st = pool_take(m, &m->pk->cells, sizeof(as_pk_cell), &zero);
    if (st != AS_OK) return st;
  }
  uint32_t c = 0;
  as_status st = pool_take(m, &m->pk->cells, sizeof(as_pk_cell), &c);
  if (st != AS_OK) return st;
  *cell_at(m->pk, c) = (as_pk_cell){key, value, 0};
  as_pk_node *n = node_at(m->pk, container);
  if (n->u.cells.last)
    cell_at(m->pk, n->u.cells.last)->next = c;
  else
    n->u.cells.first = c;
  n->u.cells.last = c;
  n->u.cells.count++;
  return AS_OK;
}

/* A container of stack[from, from + n): TUPLE, LIST, SET; DICT takes pairs. */
static as_status make_container(vm *m, as_pk_type type, size_t from, size_t n, uint32_t *out) {
  as_status st = new_node(m, type, out);
  size_t step = type == AS_PK_DICT ? 2 : 1;
  if (n % step) return refuse(m, "a dict of an odd number of keys and values");
  for (size_t i = 0; i < n && st == AS_OK; i += step)
    st = add_cell(m, *out, step == 2 ? m->stack[from + i] : 0, m->stack[from + i + step - 1]);
  return st;
}

static as_status push_marked(vm *m, as_pk_type type) {
  size_t from = 0, n = 0;
  uint32_t node = 0;
  as_status st = pop_to_mark(m, &from, &n);
  if (st == AS_OK) st = make_container(m, type, from, n, &node);
  return st == AS_OK ? push(m, node) : st;
}

static as_status push_tuple(vm *m, size_t n) {
  if (above_mark(m) < n) return refuse(m, "a tuple of more values than the stack holds");
  uint32_t node = 0;
  m->n_stack -= n;
  as_status st = make_container(m, AS_PK_TUPLE, m->n_stack, n, &node);
  return st == AS_OK ? push(m, node) : st;
}

static as_status push_global(vm *m, uint32_t module, uint32_t name) {
  if (node_at(m->pk, module)->type != AS_PK_STR || node_at(m->pk, name)->type != AS_PK_STR)
    return refuse(m, "a global whose module or name is no string");
  as_pk_node *n = NULL;
  as_status st = push_new(m, AS_PK_GLOBAL, &n);
  if (st != AS_OK) return st;
  n->u.global.module = module;
  n->u.global.name = name;
  return AS_OK;
}

/* What would have been a call. */
static as_status push_object(vm *m, uint32_t callee, uint32_t args) {
  as_pk_type c = (as_pk_type)node_at(m->pk, callee)->type;
  if (c != AS_PK_GLOBAL && c != AS_PK_OBJECT && c != AS_PK_PERSID)
    return refuse(m, "something that is no class or function is called");
  if (node_at(m->pk, args)->type != AS_PK_TUPLE) return refuse(m, "a call whose arguments are no tuple");
  as_pk_node *n = NULL;
  as_status st = push_new(m, AS_PK_OBJECT, &n);
  if (st != AS_OK) return st;
  n->u.object.callee = callee;
  n->u.object.args = args;
  return AS_OK;
}

/* The dict (or list) that items for `target` go to: itself, or an object's own. Typed: nothing else
 * takes items. */
static as_status item_target(vm *m, uint32_t target, as_pk_type type, uint32_t *out) {
  as_pk_node *n = node_at(m->pk, target);
  if (n->type == type) {
    *out = target;
    return AS_OK;
  }
  if (n->type != AS_PK_OBJECT)
    return refuse(m, type == AS_PK_DICT ? "items are set on something that is no dict"
                                        : "values are appended to something that is no list");
  uint32_t own = type == AS_PK_DICT ? n->u.object.items : n->u.object.list;
  if (!own) {
    as_status st = new_node(m, type, &own);
    if (st != AS_OK) return st;
    n = node_at(m->pk, target);
    if (type == AS_PK_DICT)
      n->u.object.items = own;
    else
      n->u.object.list = own;
  }
  *out = own;
  return AS_OK;
}

static as_status add_items(vm *m, as_pk_type type, size_t from, size_t n) {
  uint32_t target = 0, own = 0;
  as_status st = top(m, &target);
  if (st == AS_OK) st = item_target(m, target, type, &own);
  if (st != AS_OK) return st;
  size_t step = type == AS_PK_DICT ? 2 : 1;
  if (n % step) return refuse(m, "an odd number of keys and values");
  for (size_t i = 0; i < n && st == AS_OK; i += step)
    st = add_cell(m, own, step == 2 ? m->stack[from + i] : 0, m->stack[from + i + step - 1]);
  return st;
}

static as_status add_marked(vm *m, as_pk_type type) {
  size_t from = 0, n = 0;
  as_status st = pop_to_mark(m, &from, &n);
  return st == AS_OK ? add_items(m, type, from, n) : st;
}

static as_status add_top(vm *m, as_pk_type type) {
  size_t n = type == AS_PK_DICT ? 2 : 1;
  if (above_mark(m) < n + 1) return refuse(m, "the opcode wants more values than the stack holds");
  m->n_stack -= n;
  return add_items(m, type, m->n_stack, n);
}

static as_status build(vm *m) {
  uint32_t state = 0, target = 0;
  as_status st = pop(m, &state);
  if (st == AS_OK) st = top(m, &target);
  if (st != AS_OK) return st;
  as_pk_node *n = node_at(m->pk, target);
  if (n->type != AS_PK_OBJECT) return refuse(m, "a state is set on something that is no object");
  n->u.object.state = state;
  return AS_OK;
}

/* ---- memo ---- */

/* A pickler numbers memo slots from 0, one per put, so a number above the opcodes run so far is
 * hostile; this also bounds the memory. */
static as_status put(vm *m, uint64_t slot) {
  uint32_t node = 0;
  as_status st = top(m, &node);
  if (st != AS_OK) return st;
  if (slot > m->ops) return refuse(m, "a memo number beyond the opcodes run so far");
  if (slot >= m->cap_memo) {
    size_t old = m->cap_memo;
    st = charge(m, (slot + 1 > old * 2 ? slot + 1 - old : old) * sizeof *m->memo);
    if (st == AS_OK) st = as_grow((void **)&m->memo, &m->cap_memo, (size_t)slot + 1, sizeof *m->memo, m->err);
    if (st != AS_OK) return st;
    memset(m->memo + old, 0, (m->cap_memo - old) * sizeof *m->memo);
  }
  m->memo[slot] = node + 1;
  if (slot >= m->n_memo) m->n_memo = (size_t)slot + 1;
  return AS_OK;
}

static as_status get(vm *m, uint64_t slot) {
  if (slot >= m->n_memo || !m->memo[slot]) return refuse(m, "a memo slot is read that was never set");
  return push(m, m->memo[slot] - 1);
}

/* ---- arguments ---- */

static as_status take(vm *m, size_t n, const uint8_t **p) {
  *p = as_rd_take(&m->in, n);
  return *p ? AS_OK : refuse(m, "the bytes end inside an opcode (truncated?)");
}

static as_status take_counted(vm *m, size_t width, const uint8_t **p, size_t *n) {
  const uint8_t *c = NULL;
  as_status st = take(m, width, &c);
  if (st != AS_OK) return st;
  uint64_t v = width == 1 ? c[0] : width == 4 ? as_le32(c) : as_le64(c);
  if (v > as_rd_left(&m->in)) return refuse(m, "a length reaches beyond the bytes that are left");
  *n = (size_t)v;
  return take(m, *n, p);
}

/* A line without its newline. */
static as_status take_line(vm *m, const uint8_t **p, size_t *n) {
  const uint8_t *from = m->in.data + m->in.pos;
  const uint8_t *nl = memchr(from, '\n', as_rd_left(&m->in));
  if (!nl) return refuse(m, "a line of text has no end");
  *p = from;
  *n = (size_t)(nl - from);
  m->in.pos += *n + 1;
  if (*n > 0 && from[*n - 1] == '\r') --*n;
  return AS_OK;
}

static bool line_number(const uint8_t *p, size_t n, int64_t *out) {
  char buf[24];
  if (n == 0 || n >= sizeof buf) return false;
  memcpy(buf, p, n);
  buf[n] = 0;
  return as_parse_i64(buf, INT64_MIN, INT64_MAX, out);
}

static as_status op_int_line(vm *m, bool is_long) {
  const uint8_t *p = NULL;
  size_t n = 0;
  as_status st = take_line(m, &p, &n);
  if (st != AS_OK) return st;
  if (!is_long && n == 2 && p[0] == '0' && (p[1] == '0' || p[1] == '1')) {
    as_pk_node *b = NULL;
    st = push_new(m, AS_PK_BOOL, &b);
    if (st == AS_OK) b->u.i = p[1] == '1';
    return st;
  }
  size_t digits = n;
  if (is_long && digits > 0 && p[digits - 1] == 'L') digits--;
  int64_t v = 0;
  if (line_number(p, digits, &v)) return push_int(m, v);
  for (size_t i = 0; i < digits; i++)
    if (!(p[i] >= '0' && p[i] <= '9') && !(i == 0 && p[i] == '-')) return refuse(m, "a number is no number");
  if (digits == 0) return refuse(m, "a number is no number");
  return push_bytes(m, AS_PK_BIGINT, p, digits);
}

static as_status op_float_line(vm *m) {
  const uint8_t *p = NULL;
  size_t n = 0;
  as_status st = take_line(m, &p, &n);
  if (st != AS_OK) return st;
  char buf[64];
  double v = 0;
  if (n >= sizeof buf) return refuse(m, "a number of over 63 digits");
  memcpy(buf, p, n);
  buf[n] = 0;
  if (strcmp(buf, "inf") == 0) return push_float(m, (double)INFINITY);
  if (strcmp(buf, "-inf") == 0) return push_float(m, -(double)INFINITY);
  if (strcmp(buf, "nan") == 0) return push_float(m, (double)NAN);
  if (!as_parse_f64(buf, &v)) return refuse(m, "a number is no number");
  return push_float(m, v);
}

/* LONG1, LONG4: little-endian two's complement of n bytes. */
static as_status op_long(vm *m, size_t width) {
  const uint8_t *p = NULL;
  size_t n = 0;
  as_status st = take_counted(m, width, &p, &n);
  if (st != AS_OK) return st;
  if (n > 8) return push_bytes(m, AS_PK_BIGINT, p, n);
  uint64_t v = n > 0 && p[n - 1] & 0x80 ? UINT64_MAX : 0;
  for (size_t i = 0; i < n; i++) v = (v & ~(UINT64_C(0xff) << 8 * i)) | (uint64_t)p[i] << 8 * i;
  return push_int(m, (int64_t)v);
}

/* STRING: a quoted literal with Python's escapes. */
static as_status op_string_line(vm *m) {
  const uint8_t *p = NULL;
  size_t n = 0;
  as_status st = take_line(m, &p, &n);
  if (st != AS_OK) return st;
  if (n < 2 || (p[0] != '\'' && p[0] != '"') || p[n - 1] != p[0])
    return refuse(m, "a string without its quotes");
  p++;
  n -= 2;
  if (!memchr(p, '\\', n)) return push_bytes(m, AS_PK_STR, p, n);
  uint8_t *out = NULL;
  size_t k = 0;
  st = new_text(m, n, &out);
  if (st != AS_OK) return st;
  const char *wrong = as_pk_unescape(p, n, out, &k);
  return wrong ? refuse(m, wrong) : push_bytes(m, AS_PK_STR, out, k);
}

/* UNICODE: raw-unicode-escape. */
static as_status op_unicode_line(vm *m) {
  const uint8_t *p = NULL;
  size_t n = 0;
  as_status st = take_line(m, &p, &n);
  if (st != AS_OK) return st;
  bool plain = true;
  for (size_t i = 0; i < n && plain; i++) plain = p[i] < 0x80 && p[i] != '\\';
  if (plain) return push_bytes(m, AS_PK_STR, p, n);
  uint8_t *out = NULL;
  size_t k = 0;
  st = new_text(m, 2 * n, &out); /* a Latin-1 byte becomes two; an escape of 6 or 10 at most three or four */
  if (st != AS_OK) return st;
  const char *wrong = as_pk_unescape_unicode(p, n, out, &k);
  return wrong ? refuse(m, wrong) : push_bytes(m, AS_PK_STR, out, k);
}

static as_status op_global_lines(vm *m) {
  const uint8_t *mod = NULL, *name = NULL;
  size_t nm = 0, nn = 0;
  uint32_t a = 0, b = 0;
  as_status st = take_line(m, &mod, &nm);
  if (st == AS_OK) st = take_line(m, &name, &nn);
  if (st == AS_OK) st = push_bytes(m, AS_PK_STR, mod, nm);
  if (st == AS_OK) st = pop(m, &a);
  if (st == AS_OK) st = push_bytes(m, AS_PK_STR, name, nn);
  if (st == AS_OK) st = pop(m, &b);
  return st == AS_OK ? push_global(m, a, b) : st;
}

/* INST: module and name as lines, arguments from the mark. OBJ: class and arguments from the mark. */
static as_status op_inst(vm *m) {
  uint32_t cls = 0, args = 0;
  as_status st = op_global_lines(m);
  if (st == AS_OK) st = pop(m, &cls);
  if (st == AS_OK) st = push_marked(m, AS_PK_TUPLE);
  if (st == AS_OK) st = pop(m, &args);
  return st == AS_OK ? push_object(m, cls, args) : st;
}

static as_status op_obj(vm *m) {
  size_t from = 0, n = 0;
  as_status st = pop_to_mark(m, &from, &n);
  if (st != AS_OK) return st;
  if (n == 0) return refuse(m, "OBJ without a class");
  uint32_t cls = m->stack[from], args = 0;
  st = make_container(m, AS_PK_TUPLE, from + 1, n - 1, &args);
  return st == AS_OK ? push_object(m, cls, args) : st;
}

static as_status op_call(vm *m, bool with_kwargs) {
  uint32_t callee = 0, args = 0, kwargs = 0;
  as_status st = with_kwargs ? pop(m, &kwargs) : AS_OK; /* NEWOBJ_EX; keyword arguments are not kept */
  if (st == AS_OK) st = pop(m, &args);
  if (st == AS_OK) st = pop(m, &callee);
  return st == AS_OK ? push_object(m, callee, args) : st;
}

static as_status op_persid(vm *m, bool line) {
  uint32_t id = 0;
  as_status st = AS_OK;
  if (line) {
    const uint8_t *p = NULL;
    size_t n = 0;
    st = take_line(m, &p, &n);
    if (st == AS_OK) st = push_bytes(m, AS_PK_STR, p, n);
  }
  if (st == AS_OK) st = pop(m, &id);
  as_pk_node *node = NULL;
  if (st == AS_OK) st = push_new(m, AS_PK_PERSID, &node);
  if (st == AS_OK) node->u.object.callee = id;
  return st;
}

static as_status op_bool(vm *m, int v) {
  as_pk_node *n = NULL;
  as_status st = push_new(m, AS_PK_BOOL, &n);
  if (st == AS_OK) n->u.i = v;
  return st;
}

static as_status op_bytes(vm *m, as_pk_type type, size_t width) {
  const uint8_t *p = NULL;
  size_t n = 0;
  as_status st = take_counted(m, width, &p, &n);
  return st == AS_OK ? push_bytes(m, type, p, n) : st;
}

static as_status op_empty(vm *m, as_pk_type type) {
  as_pk_node *n = NULL;
  return push_new(m, type, &n);
}

static as_status op_memo_line(vm *m, bool is_put) {
  const uint8_t *p = NULL;
  size_t n = 0;
  int64_t v = 0;
  as_status st = take_line(m, &p, &n);
  if (st != AS_OK) return st;
  if (!line_number(p, n, &v) || v < 0) return refuse(m, "a memo number is no number");
  return is_put ? put(m, (uint64_t)v) : get(m, (uint64_t)v);
}

static as_status op_fixed(vm *m, uint8_t op) {
  static const uint8_t widths[][2] = {{'J', 4}, {'K', 1}, {'M', 2}, {'G', 8},
                                      {'h', 1}, {'j', 4}, {'q', 1}, {'r', 4}};
  size_t width = 0;
  for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
    if (widths[i][0] == op) width = widths[i][1];
  const uint8_t *p = NULL;
  as_status st = take(m, width, &p);
  if (st != AS_OK) return st;
  switch (op) {
    case 'J':
      return push_int(m, (int32_t)as_le32(p));
    case 'K':
      return push_int(m, p[0]);
    case 'M':
      return push_int(m, as_le16(p));
    case 'G':
      return push_float(m, as_bits_f64(as_be64(p)));
    case 'h':
      return get(m, p[0]);
    case 'j':
      return get(m, as_le32(p));
    case 'q':
      return put(m, p[0]);
    default:
      return put(m, as_le32(p));
  }
}

/* clang-format off: one line per opcode */
static as_status step(vm *m, uint8_t op) {
  uint32_t a = 0, b = 0;
  size_t from = 0, n = 0;
  const uint8_t *p = NULL;
  as_status st = AS_OK;
  switch (op) {
    case 0x80: /* PROTO */
      st = take(m, 1, &p);
      return st == AS_OK && *p > 5 ? refuse(m, "protocol above 5") : st;
    case 0x95: /* FRAME: a hint about reading; its length must at least be true */
      st = take(m, 8, &p);
      return st == AS_OK && as_le64(p) > as_rd_left(&m->in) ? refuse(m, "a frame reaches beyond the file")
                                                            : st;
    case '(':
      return push_mark(m);
    case '0': /* POP: of an empty frame, the mark itself */
      if (above_mark(m) == 0 && m->n_marks > 0) return pop_to_mark(m, &from, &n);
      return pop(m, &a);
    case '1':
      return pop_to_mark(m, &from, &n);
    case '2':
      st = top(m, &a);
      return st == AS_OK ? push(m, a) : st;
    case 'N':
      return push(m, 0);
    case 0x88:
      return op_bool(m, 1);
    case 0x89:
      return op_bool(m, 0);
    case 'I':
      return op_int_line(m, false);
    case 'L':
      return op_int_line(m, true);
    case 'F':
      return op_float_line(m);
    case 'J':
    case 'K':
    case 'M':
    case 'G':
    case 'h':
    case 'j':
    case 'q':
    case 'r':
      return op_fixed(m, op);
    case 0x8a:
      return op_long(m, 1);
    case 0x8b:
      return op_long(m, 4);
    case 'S':
      return op_string_line(m);
    case 'V':
      return op_unicode_line(m);
    case 'T':
      return op_bytes(m, AS_PK_STR, 4);
    case 'U':
      return op_bytes(m, AS_PK_STR, 1);
    case 'X':
      return op_bytes(m, AS_PK_STR, 4);
    case 0x8c:
      return op_bytes(m, AS_PK_STR, 1);
    case 0x8d:
      return op_bytes(m, AS_PK_STR, 8);
    case 'B':
      return op_bytes(m, AS_PK_BYTES, 4);
    case 'C':
      return op_bytes(m, AS_PK_BYTES, 1);
    case 0x8e:
      return op_bytes(m, AS_PK_BYTES, 8);
    case 0x96:
      return op_bytes(m, AS_PK_BYTES, 8); /* BYTEARRAY8 */
    case ')':
      return op_empty(m, AS_PK_TUPLE);
    case ']':
      return op_empty(m, AS_PK_LIST);
    case '}':
      return op_empty(m, AS_PK_DICT);
    case 0x8f:
      return op_empty(m, AS_PK_SET);
    case 't':
      return push_marked(m, AS_PK_TUPLE);
    case 'l':
      return push_marked(m, AS_PK_LIST);
    case 'd':
      return push_marked(m, AS_PK_DICT);
    case 0x91:
      return push_marked(m, AS_PK_SET); /* FROZENSET */
    case 0x85:
      return push_tuple(m, 1);
    case 0x86:
      return push_tuple(m, 2);
    case 0x87:
      return push_tuple(m, 3);
    case 's':
      return add_top(m, AS_PK_DICT);
    case 'u':
      return add_marked(m, AS_PK_DICT);
    case 'a':
      return add_top(m, AS_PK_LIST);
    case 'e':
      return add_marked(m, AS_PK_LIST);
    case 0x90: /* ADDITEMS */
      st = pop_to_mark(m, &from, &n);
      if (st == AS_OK) st = top(m, &a);
      if (st == AS_OK && node_at(m->pk, a)->type != AS_PK_SET)
        return refuse(m, "values are added to something that is no set");
      for (size_t i = 0; i < n && st == AS_OK; i++) st = add_cell(m, a, 0, m->stack[from + i]);
      return st;
    case 'c':
      return op_global_lines(m);
    case 0x93: /* STACK_GLOBAL */
      st = pop(m, &b);
      if (st == AS_OK) st = pop(m, &a);
      return st == AS_OK ? push_global(m, a, b) : st;
    case 'R':
    case 0x81:
      return op_call(m, false); /* REDUCE, NEWOBJ */
    case 0x92:
      return op_call(m, true);
    case 'i':
      return op_inst(m);
    case 'o':
      return op_obj(m);
    case 'b':
      return build(m);
    case 'P':
      return op_persid(m, true);
    case 'Q':
      return op_persid(m, false);
    case 'p':
      return op_memo_line(m, true);
    case 'g':
      return op_memo_line(m, false);
    case 0x94: /* MEMOIZE */
      return put(m, m->next_memo++);
    case 0x82:
    case 0x83:
    case 0x84:
      return refuse(m, "an extension code of copyreg; its meaning is not in the file");
    case 0x97:
    case 0x98:
      return refuse(m, "an out-of-band buffer; its bytes are not in the file");
    default:
      return as_fail(m->err, AS_E_INPUT, "%s: pickle, byte %zu: 0x%02x is no opcode", m->label, m->at, op);
  }
}
/* clang-format on */

static as_status run(vm *m) {
  uint32_t none = 0;
  as_status st = new_node(m, AS_PK_NONE, &none); /* node 0 */
  while (st == AS_OK) {
    m->at = m->in.pos;
    const uint8_t *op = as_rd_take(&m->in, 1);
    if (!op) return refuse(m, "the bytes end before STOP (truncated?)");
    if (++m->ops > AS_PK_MAX_OPS) return refuse(m, "more than 16 million opcodes");
    if (*op == '.') {
      if (m->n_marks > 0) return refuse(m, "STOP inside an open mark");
      return pop(m, &m->pk->root);
    }
    st = step(m, *op);
  }
  return st;
}

as_status as_pk_load(as_pk **out, const uint8_t *data, size_t size, size_t *used, const char *label,
                     as_err *err) {
  *out = NULL;
  as_pk *pk = as_calloc(1, sizeof *pk, err);
  if (!pk) return AS_E_ENV;
  vm m = {.pk = pk, .in = {data, size, 0}, .label = label, .err = err};
  as_status st = run(&m);
  as_free(m.stack);
  as_free(m.marks);
  as_free(m.memo);
  if (used) *used = m.in.pos;
  if (st != AS_OK)
    as_pk_free(&pk);
  else
    *out = pk;
  return st;
}
