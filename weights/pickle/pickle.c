/* The opcodes: how each reads its argument, and which part of the machine (pickle_vm.c) it turns. Arguments are of four
 * kinds: a fixed number of bytes, a length and that many bytes, a line of text (protocol 0), or none. */
#include "weights/pickle/pickle.h"

#include <math.h>
#include <string.h>

#include "tensor/base/mem.h"
#include "tensor/base/text.h"
#include "weights/pickle/pickle_int.h"

/* ---- arguments ---- */

static as_status take_bytes(as_vm *m, size_t n, const uint8_t **p) {
  *p = as_rd_take(&m->in, n);
  return *p ? AS_OK : as_vm_refuse(m, "the bytes end inside an opcode (truncated?)");
}

static as_status take_counted(as_vm *m, size_t width, const uint8_t **p, size_t *n) {
  const uint8_t *c = NULL;
  as_status st = take_bytes(m, width, &c);
  if (st != AS_OK) return st;
  uint64_t v = width == 1 ? c[0] : width == 4 ? as_le32(c) : as_le64(c);
  if (v > as_rd_left(&m->in)) return as_vm_refuse(m, "a length reaches beyond the bytes that are left");
  *n = (size_t)v;
  return take_bytes(m, *n, p);
}

/* A line without its newline. */
static as_status take_line(as_vm *m, const uint8_t **p, size_t *n) {
  const uint8_t *from = m->in.data + m->in.pos;
  const uint8_t *nl = memchr(from, '\n', as_rd_left(&m->in));
  if (!nl) return as_vm_refuse(m, "a line of text has no end");
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

static as_status op_int_line(as_vm *m, bool is_long) {
  const uint8_t *p = NULL;
  size_t n = 0;
  as_status st = take_line(m, &p, &n);
  if (st != AS_OK) return st;
  if (!is_long && n == 2 && p[0] == '0' && (p[1] == '0' || p[1] == '1')) {
    as_pk_node *b = NULL;
    st = as_vm_push_new(m, AS_PK_BOOL, &b);
    if (st == AS_OK) b->u.i = p[1] == '1';
    return st;
  }
  size_t digits = n;
  if (is_long && digits > 0 && p[digits - 1] == 'L') digits--;
  int64_t v = 0;
  if (line_number(p, digits, &v)) return as_vm_push_int(m, v);
  for (size_t i = 0; i < digits; i++)
    if (!(p[i] >= '0' && p[i] <= '9') && !(i == 0 && p[i] == '-'))
      return as_vm_refuse(m, "the text of a number is not one");
  if (digits == 0) return as_vm_refuse(m, "the text of a number is not one");
  return as_vm_push_bytes(m, AS_PK_BIGINT, p, digits);
}

static as_status op_float_line(as_vm *m) {
  const uint8_t *p = NULL;
  size_t n = 0;
  as_status st = take_line(m, &p, &n);
  if (st != AS_OK) return st;
  char buf[64];
  double v = 0;
  if (n >= sizeof buf) return as_vm_refuse(m, "a number of over 63 digits");
  memcpy(buf, p, n);
  buf[n] = 0;
  if (strcmp(buf, "inf") == 0) return as_vm_push_float(m, (double)INFINITY);
  if (strcmp(buf, "-inf") == 0) return as_vm_push_float(m, -(double)INFINITY);
  if (strcmp(buf, "nan") == 0) return as_vm_push_float(m, (double)NAN);
  if (!as_parse_f64(buf, &v)) return as_vm_refuse(m, "the text of a number is not one");
  return as_vm_push_float(m, v);
}

/* LONG1, LONG4: little-endian two's complement of n bytes. */
static as_status op_long(as_vm *m, size_t width) {
  const uint8_t *p = NULL;
  size_t n = 0;
  as_status st = take_counted(m, width, &p, &n);
  if (st != AS_OK) return st;
  if (n > 8) return as_vm_push_bytes(m, AS_PK_BIGINT, p, n);
  uint64_t v = n > 0 && p[n - 1] & 0x80 ? UINT64_MAX : 0;
  for (size_t i = 0; i < n; i++) v = (v & ~(UINT64_C(0xff) << 8 * i)) | (uint64_t)p[i] << 8 * i;
  return as_vm_push_int(m, (int64_t)v);
}

/* STRING: a quoted literal with Python's escapes. */
static as_status op_string_line(as_vm *m) {
  const uint8_t *p = NULL;
  size_t n = 0;
  as_status st = take_line(m, &p, &n);
  if (st != AS_OK) return st;
  if (n < 2 || (p[0] != '\'' && p[0] != '"') || p[n - 1] != p[0])
    return as_vm_refuse(m, "a string without its quotes");
  p++;
  n -= 2;
  if (!memchr(p, '\\', n)) return as_vm_push_bytes(m, AS_PK_STR, p, n);
  uint8_t *out = NULL;
  size_t k = 0;
  st = as_vm_new_text(m, n, &out);
  if (st != AS_OK) return st;
  const char *wrong = as_pk_unescape(p, n, out, &k);
  return wrong ? as_vm_refuse(m, wrong) : as_vm_push_bytes(m, AS_PK_STR, out, k);
}

/* UNICODE: raw-unicode-escape. */
static as_status op_unicode_line(as_vm *m) {
  const uint8_t *p = NULL;
  size_t n = 0;
  as_status st = take_line(m, &p, &n);
  if (st != AS_OK) return st;
  bool plain = true;
  for (size_t i = 0; i < n && plain; i++) plain = p[i] < 0x80 && p[i] != '\\';
  if (plain) return as_vm_push_bytes(m, AS_PK_STR, p, n);
  uint8_t *out = NULL;
  size_t k = 0;
  st = as_vm_new_text(m, 2 * n,
                      &out); /* a Latin-1 byte becomes two; an escape of 6 or 10 at most three or four */
  if (st != AS_OK) return st;
  const char *wrong = as_pk_unescape_unicode(p, n, out, &k);
  return wrong ? as_vm_refuse(m, wrong) : as_vm_push_bytes(m, AS_PK_STR, out, k);
}

static as_status op_global_lines(as_vm *m) {
  const uint8_t *mod = NULL, *name = NULL;
  size_t nm = 0, nn = 0;
  uint32_t a = 0, b = 0;
  as_status st = take_line(m, &mod, &nm);
  if (st == AS_OK) st = take_line(m, &name, &nn);
  if (st == AS_OK) st = as_vm_push_bytes(m, AS_PK_STR, mod, nm);
  if (st == AS_OK) st = as_vm_pop(m, &a);
  if (st == AS_OK) st = as_vm_push_bytes(m, AS_PK_STR, name, nn);
  if (st == AS_OK) st = as_vm_pop(m, &b);
  return st == AS_OK ? as_vm_push_global(m, a, b) : st;
}

/* INST: module and name as lines, arguments from the mark. OBJ: class and arguments from the mark. */
static as_status op_inst(as_vm *m) {
  uint32_t cls = 0, args = 0;
  as_status st = op_global_lines(m);
  if (st == AS_OK) st = as_vm_pop(m, &cls);
  if (st == AS_OK) st = as_vm_push_marked(m, AS_PK_TUPLE);
  if (st == AS_OK) st = as_vm_pop(m, &args);
  return st == AS_OK ? as_vm_push_object(m, cls, args) : st;
}

static as_status op_obj(as_vm *m) {
  size_t from = 0, n = 0;
  as_status st = as_vm_pop_to_mark(m, &from, &n);
  if (st != AS_OK) return st;
  if (n == 0) return as_vm_refuse(m, "OBJ without a class");
  uint32_t cls = m->stack[from], args = 0;
  st = as_vm_make_container(m, AS_PK_TUPLE, from + 1, n - 1, &args);
  return st == AS_OK ? as_vm_push_object(m, cls, args) : st;
}

static as_status op_call(as_vm *m, bool with_kwargs) {
  uint32_t callee = 0, args = 0, kwargs = 0;
  as_status st = with_kwargs ? as_vm_pop(m, &kwargs) : AS_OK; /* NEWOBJ_EX; keyword arguments are not kept */
  if (st == AS_OK) st = as_vm_pop(m, &args);
  if (st == AS_OK) st = as_vm_pop(m, &callee);
  return st == AS_OK ? as_vm_push_object(m, callee, args) : st;
}

static as_status op_persid(as_vm *m, bool line) {
  uint32_t id = 0;
  as_status st = AS_OK;
  if (line) {
    const uint8_t *p = NULL;
    size_t n = 0;
    st = take_line(m, &p, &n);
    if (st == AS_OK) st = as_vm_push_bytes(m, AS_PK_STR, p, n);
  }
  if (st == AS_OK) st = as_vm_pop(m, &id);
  as_pk_node *node = NULL;
  if (st == AS_OK) st = as_vm_push_new(m, AS_PK_PERSID, &node);
  if (st == AS_OK) node->u.object.callee = id;
  return st;
}

static as_status op_bool(as_vm *m, int v) {
  as_pk_node *n = NULL;
  as_status st = as_vm_push_new(m, AS_PK_BOOL, &n);
  if (st == AS_OK) n->u.i = v;
  return st;
}

static as_status op_bytes(as_vm *m, as_pk_type type, size_t width) {
  const uint8_t *p = NULL;
  size_t n = 0;
  as_status st = take_counted(m, width, &p, &n);
  return st == AS_OK ? as_vm_push_bytes(m, type, p, n) : st;
}

static as_status op_empty(as_vm *m, as_pk_type type) {
  as_pk_node *n = NULL;
  return as_vm_push_new(m, type, &n);
}

static as_status op_memo_line(as_vm *m, bool is_put) {
  const uint8_t *p = NULL;
  size_t n = 0;
  int64_t v = 0;
  as_status st = take_line(m, &p, &n);
  if (st != AS_OK) return st;
  if (!line_number(p, n, &v) || v < 0) return as_vm_refuse(m, "a memo number is not a number");
  return is_put ? as_vm_put(m, (uint64_t)v) : as_vm_get(m, (uint64_t)v);
}

static as_status op_fixed(as_vm *m, uint8_t op) {
  static const uint8_t widths[][2] = {{'J', 4}, {'K', 1}, {'M', 2}, {'G', 8},
                                      {'h', 1}, {'j', 4}, {'q', 1}, {'r', 4}};
  size_t width = 0;
  for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
    if (widths[i][0] == op) width = widths[i][1];
  const uint8_t *p = NULL;
  as_status st = take_bytes(m, width, &p);
  if (st != AS_OK) return st;
  switch (op) {
    case 'J':
      return as_vm_push_int(m, (int32_t)as_le32(p));
    case 'K':
      return as_vm_push_int(m, p[0]);
    case 'M':
      return as_vm_push_int(m, as_le16(p));
    case 'G':
      return as_vm_push_float(m, as_bits_f64(as_be64(p)));
    case 'h':
      return as_vm_get(m, p[0]);
    case 'j':
      return as_vm_get(m, as_le32(p));
    case 'q':
      return as_vm_put(m, p[0]);
    default:
      return as_vm_put(m, as_le32(p));
  }
}

/* Long because it is a table written as a switch: one case per opcode. */
static as_status run_opcode(as_vm *m, uint8_t op) {
  uint32_t a = 0, b = 0;
  size_t from = 0, n = 0;
  const uint8_t *p = NULL;
  as_status st = AS_OK;
  switch (op) {
    case 0x80: /* PROTO */
      st = take_bytes(m, 1, &p);
      return st == AS_OK && *p > 5 ? as_vm_refuse(m, "protocol above 5") : st;
    case 0x95: /* FRAME: a hint about reading; its length must at least be true */
      st = take_bytes(m, 8, &p);
      return st == AS_OK && as_le64(p) > as_rd_left(&m->in)
                 ? as_vm_refuse(m, "a frame reaches beyond the file")
                 : st;
    case '(':
      return as_vm_push_mark(m);
    case '0': /* POP: of an empty frame, the mark itself */
      if (as_vm_above_mark(m) == 0 && m->n_marks > 0) return as_vm_pop_to_mark(m, &from, &n);
      return as_vm_pop(m, &a);
    case '1':
      return as_vm_pop_to_mark(m, &from, &n);
    case '2':
      st = as_vm_top(m, &a);
      return st == AS_OK ? as_vm_push(m, a) : st;
    case 'N':
      return as_vm_push(m, 0);
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
      return as_vm_push_marked(m, AS_PK_TUPLE);
    case 'l':
      return as_vm_push_marked(m, AS_PK_LIST);
    case 'd':
      return as_vm_push_marked(m, AS_PK_DICT);
    case 0x91:
      return as_vm_push_marked(m, AS_PK_SET); /* FROZENSET */
    case 0x85:
      return as_vm_push_tuple(m, 1);
    case 0x86:
      return as_vm_push_tuple(m, 2);
    case 0x87:
      return as_vm_push_tuple(m, 3);
    case 's':
      return as_vm_add_top(m, AS_PK_DICT);
    case 'u':
      return as_vm_add_marked(m, AS_PK_DICT);
    case 'a':
      return as_vm_add_top(m, AS_PK_LIST);
    case 'e':
      return as_vm_add_marked(m, AS_PK_LIST);
    case 0x90: /* ADDITEMS */
      st = as_vm_pop_to_mark(m, &from, &n);
      if (st == AS_OK) st = as_vm_top(m, &a);
      if (st == AS_OK && as_vm_node_at(m->pk, a)->type != AS_PK_SET)
        return as_vm_refuse(m, "values are added to something that is not a set");
      for (size_t i = 0; i < n && st == AS_OK; i++) st = as_vm_add_cell(m, a, 0, m->stack[from + i]);
      return st;
    case 'c':
      return op_global_lines(m);
    case 0x93: /* STACK_GLOBAL */
      st = as_vm_pop(m, &b);
      if (st == AS_OK) st = as_vm_pop(m, &a);
      return st == AS_OK ? as_vm_push_global(m, a, b) : st;
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
      return as_vm_build(m);
    case 'P':
      return op_persid(m, true);
    case 'Q':
      return op_persid(m, false);
    case 'p':
      return op_memo_line(m, true);
    case 'g':
      return op_memo_line(m, false);
    case 0x94: /* MEMOIZE */
      return as_vm_put(m, m->next_memo++);
    case 0x82:
    case 0x83:
    case 0x84:
      return as_vm_refuse(m, "an extension code of copyreg; its meaning is not in the file");
    case 0x97:
    case 0x98:
      return as_vm_refuse(m, "an out-of-band buffer; its bytes are not in the file");
    default:
      return as_fail(m->err, AS_E_INPUT, "%s: pickle, byte %zu: 0x%02x is not an opcode", m->label, m->at,
                     op);
  }
}

static as_status run_pickle(as_vm *m) {
  uint32_t none = 0;
  as_status st = as_vm_new_node(m, AS_PK_NONE, &none); /* node 0 */
  while (st == AS_OK) {
    m->at = m->in.pos;
    const uint8_t *op = as_rd_take(&m->in, 1);
    if (!op) return as_vm_refuse(m, "the bytes end before STOP (truncated?)");
    if (++m->ops > AS_PK_MAX_OPS) return as_vm_refuse(m, "more than 8 million opcodes");
    if (*op == '.') {
      if (m->n_marks > 0) return as_vm_refuse(m, "STOP inside an open mark");
      return as_vm_pop(m, &m->pk->root);
    }
    st = run_opcode(m, *op);
  }
  return st;
}

as_status as_pk_load(as_pk **out, const uint8_t *data, size_t size, size_t *used, const char *label,
                     as_err *err) {
  *out = NULL;
  as_pk *pk = as_calloc(1, sizeof *pk, err);
  if (!pk) return AS_E_ENV;
  as_vm m = {.pk = pk, .in = {data, size, 0}, .label = label, .err = err};
  as_status st = run_pickle(&m);
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
