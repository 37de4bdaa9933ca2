/* The pickle machine: pools, stack, marks, memo, and what the opcodes build from them.
 *
 * A pickle is a program for a stack machine. Most opcodes push a value or pop some and push what they make of them:
 *
 *   }            push an empty dict                         stack:  {}
 *   (            mark: remember the height of the stack     stack:  {} |
 *   X "a"        push a string                              stack:  {} | "a"
 *   K 1          push a small integer                       stack:  {} | "a" 1
 *   u            SETITEMS: everything above the mark are    stack:  {"a": 1}
 *                keys and values of the dict below it
 *   .            STOP: the top of the stack is the result
 *
 * Marks nest, so they are a stack of heights (m->marks). What lies below the last mark belongs to an opcode yet to come,
 * so no pop may reach below it (as_vm_above_mark); popping to a mark removes both.
 *
 * The memo is a second memory by number: PUT keeps the top of the stack under a number, GET pushes it again. That is how
 * a pickle says that two tensors share a storage, and how a graph with cycles is written; so the result is a graph, and
 * whoever walks it bounds depth and visits (AS_PK_MAX_DEPTH, tree.h). Here a value is a node number, pushing it twice
 * copies nothing, and no opcode follows a node to another, so that the machine itself needs no such bound.
 *
 * Why nothing can be run. In Python, GLOBAL imports a module and REDUCE calls a function: that is the whole danger of
 * pickles. Here GLOBAL makes a node that holds two strings, REDUCE a node that holds the numbers of callee and arguments.
 * There is no import, no table of functions that a name could select, and no opcode whose effect leaves these pools. What
 * a node means is decided by the reader of the finished tree, which compares names with those of torch's and numpy's own
 * constructors and treats every other call as data.
 *
 * Why nothing can be exhausted. A pickle of a few bytes can ask for much (a memo number of 2^32, a length of 2^63), or run
 * long. Each allocation is charged against AS_PK_MAX_MEMORY before it is made; lengths are compared with the bytes that
 * are left before anything is reserved; a memo number above the count of opcodes run so far is refused, since a pickler
 * numbers them from 0; opcodes are counted against AS_PK_MAX_OPS, and each takes constant time apart from the values that
 * it takes off the stack, which an earlier opcode has paid for. A full checkpoint of 5,000 tensors uses a sixth of it. */
#include <string.h>

#include "tensor/base/mem.h"
#include "weights/pickle/pickle_int.h"

as_status as_vm_refuse(as_vm *m, const char *what) {
  return as_fail(m->err, AS_E_INPUT, "%s: pickle, byte %zu: %s", m->label, m->at, what);
}

/* Every allocation is charged before it is made. */
static as_status charge(as_vm *m, size_t bytes) {
  if (bytes > AS_PK_MAX_MEMORY - m->pk->memory)
    return as_vm_refuse(m, "the values need more than 32 MiB; no checkpoint does");
  m->pk->memory += bytes;
  return AS_OK;
}

static as_status pool_take(as_vm *m, as_pool *p, size_t size, uint32_t *index) {
  if (p->count == p->n_blocks << POOL_SHIFT) {
    as_status st = charge(m, size << POOL_SHIFT);
    if (st == AS_OK) st = as_grow(&p->block, &p->cap_blocks, p->n_blocks + 1, sizeof *p->block, m->err);
    if (st != AS_OK) return st;
    void *block = as_alloc(POOL_BLOCK, size, m->err);
    if (!block) return AS_E_ENV;
    p->block[p->n_blocks++] = block;
  }
  *index = (uint32_t)p->count++;
  return AS_OK;
}

as_pk_node *as_vm_node_at(as_pk *pk, uint32_t i) {
  return (as_pk_node *)pk->nodes.block[i >> POOL_SHIFT] + (i & (POOL_BLOCK - 1));
}

static as_pk_cell *cell_at(as_pk *pk, uint32_t i) {
  return (as_pk_cell *)pk->cells.block[i >> POOL_SHIFT] + (i & (POOL_BLOCK - 1));
}

as_status as_vm_new_node(as_vm *m, as_pk_type type, uint32_t *index) {
  as_status st = pool_take(m, &m->pk->nodes, sizeof(as_pk_node), index);
  if (st != AS_OK) return st;
  as_pk_node *n = as_vm_node_at(m->pk, *index);
  memset(n, 0, sizeof *n);
  n->type = (uint8_t)type;
  return AS_OK;
}

/* A decoded string of n bytes, owned by the tree. */
as_status as_vm_new_text(as_vm *m, size_t n, uint8_t **out) {
  as_status st = charge(m, n + 64);
  as_pool *p = &m->pk->text;
  if (st == AS_OK) st = as_grow(&p->block, &p->cap_blocks, p->n_blocks + 1, sizeof *p->block, m->err);
  if (st != AS_OK) return st;
  *out = as_alloc(n, 1, m->err);
  if (!*out) return AS_E_ENV;
  p->block[p->n_blocks++] = *out;
  return AS_OK;
}

/* ---- stack ---- */

as_status as_vm_push(as_vm *m, uint32_t node) {
  if (m->n_stack == m->cap_stack) {
    as_status st = charge(m, (m->cap_stack ? m->cap_stack : 64) * sizeof *m->stack);
    if (st == AS_OK) st = as_grow(&m->stack, &m->cap_stack, m->n_stack + 1, sizeof *m->stack, m->err);
    if (st != AS_OK) return st;
  }
  m->stack[m->n_stack++] = node;
  return AS_OK;
}

/* Values above the last mark; a pop may not reach below it. */
size_t as_vm_above_mark(const as_vm *m) {
  return m->n_stack - (m->n_marks ? m->marks[m->n_marks - 1] : 0);
}

as_status as_vm_pop(as_vm *m, uint32_t *node) {
  if (as_vm_above_mark(m) == 0) return as_vm_refuse(m, "the opcode wants a value, and the stack is empty");
  *node = m->stack[--m->n_stack];
  return AS_OK;
}

as_status as_vm_top(as_vm *m, uint32_t *node) {
  if (as_vm_above_mark(m) == 0) return as_vm_refuse(m, "the opcode wants a value, and the stack is empty");
  *node = m->stack[m->n_stack - 1];
  return AS_OK;
}

as_status as_vm_push_mark(as_vm *m) {
  if (m->n_marks >= AS_PK_MAX_MARKS) return as_vm_refuse(m, "more than 65536 open marks");
  as_status st = as_grow(&m->marks, &m->cap_marks, m->n_marks + 1, sizeof *m->marks, m->err);
  if (st != AS_OK) return st;
  m->marks[m->n_marks++] = m->n_stack;
  return AS_OK;
}

/* Takes everything above the last mark: it stays in place at stack[*from, *from + *n) until the next
 * push, while the stack has already shrunk to *from. */
as_status as_vm_pop_to_mark(as_vm *m, size_t *from, size_t *n) {
  if (m->n_marks == 0) return as_vm_refuse(m, "the opcode wants a mark, and none is open");
  *from = m->marks[--m->n_marks];
  *n = m->n_stack - *from;
  m->n_stack = *from;
  return AS_OK;
}

/* ---- values ---- */

as_status as_vm_push_new(as_vm *m, as_pk_type type, as_pk_node **node) {
  uint32_t i = 0;
  as_status st = as_vm_new_node(m, type, &i);
  if (st == AS_OK) st = as_vm_push(m, i);
  if (st == AS_OK) *node = as_vm_node_at(m->pk, i);
  return st;
}

as_status as_vm_push_int(as_vm *m, int64_t v) {
  as_pk_node *n = NULL;
  as_status st = as_vm_push_new(m, AS_PK_INT, &n);
  if (st == AS_OK) n->u.i = v;
  return st;
}

as_status as_vm_push_bytes(as_vm *m, as_pk_type type, const uint8_t *p, size_t size) {
  as_pk_node *n = NULL;
  as_status st = as_vm_push_new(m, type, &n);
  if (st != AS_OK) return st;
  n->u.bytes.p = p;
  n->u.bytes.n = size;
  return AS_OK;
}

as_status as_vm_push_float(as_vm *m, double v) {
  as_pk_node *n = NULL;
  as_status st = as_vm_push_new(m, AS_PK_FLOAT, &n);
  if (st == AS_OK) n->u.f = v;
  return st;
}

as_status as_vm_add_cell(as_vm *m, uint32_t container, uint32_t key, uint32_t value) {
  if (m->pk->cells.count == 0) { /* cell 0 stays unused: 0 ends a chain */
    uint32_t zero = 0;
    as_status st = pool_take(m, &m->pk->cells, sizeof(as_pk_cell), &zero);
    if (st != AS_OK) return st;
  }
  uint32_t c = 0;
  as_status st = pool_take(m, &m->pk->cells, sizeof(as_pk_cell), &c);
  if (st != AS_OK) return st;
  *cell_at(m->pk, c) = (as_pk_cell){key, value, 0};
  as_pk_node *n = as_vm_node_at(m->pk, container);
  if (n->u.cells.last)
    cell_at(m->pk, n->u.cells.last)->next = c;
  else
    n->u.cells.first = c;
  n->u.cells.last = c;
  n->u.cells.count++;
  return AS_OK;
}

/* A container of stack[from, from + n): TUPLE, LIST, SET; DICT takes pairs. */
as_status as_vm_make_container(as_vm *m, as_pk_type type, size_t from, size_t n, uint32_t *out) {
  as_status st = as_vm_new_node(m, type, out);
  size_t step = type == AS_PK_DICT ? 2 : 1;
  if (n % step) return as_vm_refuse(m, "a dict of an odd number of keys and values");
  for (size_t i = 0; i < n && st == AS_OK; i += step)
    st = as_vm_add_cell(m, *out, step == 2 ? m->stack[from + i] : 0, m->stack[from + i + step - 1]);
  return st;
}

as_status as_vm_push_marked(as_vm *m, as_pk_type type) {
  size_t from = 0, n = 0;
  uint32_t node = 0;
  as_status st = as_vm_pop_to_mark(m, &from, &n);
  if (st == AS_OK) st = as_vm_make_container(m, type, from, n, &node);
  return st == AS_OK ? as_vm_push(m, node) : st;
}

as_status as_vm_push_tuple(as_vm *m, size_t n) {
  if (as_vm_above_mark(m) < n) return as_vm_refuse(m, "a tuple of more values than the stack holds");
  uint32_t node = 0;
  m->n_stack -= n;
  as_status st = as_vm_make_container(m, AS_PK_TUPLE, m->n_stack, n, &node);
  return st == AS_OK ? as_vm_push(m, node) : st;
}

as_status as_vm_push_global(as_vm *m, uint32_t module, uint32_t name) {
  if (as_vm_node_at(m->pk, module)->type != AS_PK_STR || as_vm_node_at(m->pk, name)->type != AS_PK_STR)
    return as_vm_refuse(m, "a global whose module or name is not a string");
  as_pk_node *n = NULL;
  as_status st = as_vm_push_new(m, AS_PK_GLOBAL, &n);
  if (st != AS_OK) return st;
  n->u.global.module = module;
  n->u.global.name = name;
  return AS_OK;
}

/* What would have been a call. */
as_status as_vm_push_object(as_vm *m, uint32_t callee, uint32_t args) {
  as_pk_type c = (as_pk_type)as_vm_node_at(m->pk, callee)->type;
  if (c != AS_PK_GLOBAL && c != AS_PK_OBJECT && c != AS_PK_PERSID)
    return as_vm_refuse(m, "something that is not a class or function is called");
  if (as_vm_node_at(m->pk, args)->type != AS_PK_TUPLE)
    return as_vm_refuse(m, "a call whose arguments are not a tuple");
  as_pk_node *n = NULL;
  as_status st = as_vm_push_new(m, AS_PK_OBJECT, &n);
  if (st != AS_OK) return st;
  n->u.object.callee = callee;
  n->u.object.args = args;
  return AS_OK;
}

/* The dict (or list) that items for `target` go to: itself, or an object's own. Typed: nothing else
 * takes items. */
static as_status item_target(as_vm *m, uint32_t target, as_pk_type type, uint32_t *out) {
  as_pk_node *n = as_vm_node_at(m->pk, target);
  if (n->type == type) {
    *out = target;
    return AS_OK;
  }
  if (n->type != AS_PK_OBJECT)
    return as_vm_refuse(m, type == AS_PK_DICT ? "items are set on something that is not a dict"
                                              : "values are appended to something that is not a list");
  uint32_t own = type == AS_PK_DICT ? n->u.object.items : n->u.object.list;
  if (!own) {
    as_status st = as_vm_new_node(m, type, &own);
    if (st != AS_OK) return st;
    n = as_vm_node_at(m->pk, target);
    if (type == AS_PK_DICT)
      n->u.object.items = own;
    else
      n->u.object.list = own;
  }
  *out = own;
  return AS_OK;
}

static as_status add_items(as_vm *m, as_pk_type type, size_t from, size_t n) {
  uint32_t target = 0, own = 0;
  as_status st = as_vm_top(m, &target);
  if (st == AS_OK) st = item_target(m, target, type, &own);
  if (st != AS_OK) return st;
  size_t step = type == AS_PK_DICT ? 2 : 1;
  if (n % step) return as_vm_refuse(m, "an odd number of keys and values");
  for (size_t i = 0; i < n && st == AS_OK; i += step)
    st = as_vm_add_cell(m, own, step == 2 ? m->stack[from + i] : 0, m->stack[from + i + step - 1]);
  return st;
}

as_status as_vm_add_marked(as_vm *m, as_pk_type type) {
  size_t from = 0, n = 0;
  as_status st = as_vm_pop_to_mark(m, &from, &n);
  return st == AS_OK ? add_items(m, type, from, n) : st;
}

as_status as_vm_add_top(as_vm *m, as_pk_type type) {
  size_t n = type == AS_PK_DICT ? 2 : 1;
  if (as_vm_above_mark(m) < n + 1)
    return as_vm_refuse(m, "the opcode wants more values than the stack holds");
  m->n_stack -= n;
  return add_items(m, type, m->n_stack, n);
}

as_status as_vm_build(as_vm *m) {
  uint32_t state = 0, target = 0;
  as_status st = as_vm_pop(m, &state);
  if (st == AS_OK) st = as_vm_top(m, &target);
  if (st != AS_OK) return st;
  as_pk_node *n = as_vm_node_at(m->pk, target);
  if (n->type != AS_PK_OBJECT) return as_vm_refuse(m, "a state is set on something that is not an object");
  n->u.object.state = state;
  return AS_OK;
}

/* ---- memo ---- */

/* A pickler numbers memo slots from 0, one per put, so a number above the opcodes run so far is
 * hostile; this also bounds the memory. */
as_status as_vm_put(as_vm *m, uint64_t slot) {
  uint32_t node = 0;
  as_status st = as_vm_top(m, &node);
  if (st != AS_OK) return st;
  if (slot > m->ops) return as_vm_refuse(m, "a memo number beyond the opcodes run so far");
  if (slot >= m->cap_memo) {
    size_t old = m->cap_memo;
    st = charge(m, (slot + 1 > old * 2 ? slot + 1 - old : old) * sizeof *m->memo);
    if (st == AS_OK) st = as_grow(&m->memo, &m->cap_memo, (size_t)slot + 1, sizeof *m->memo, m->err);
    if (st != AS_OK) return st;
    memset(m->memo + old, 0, (m->cap_memo - old) * sizeof *m->memo);
  }
  m->memo[slot] = node + 1;
  if (slot >= m->n_memo) m->n_memo = (size_t)slot + 1;
  return AS_OK;
}

as_status as_vm_get(as_vm *m, uint64_t slot) {
  if (slot >= m->n_memo || !m->memo[slot]) return as_vm_refuse(m, "a memo slot is read that was never set");
  return as_vm_push(m, m->memo[slot] - 1);
}
