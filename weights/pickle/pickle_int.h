/* The pickle machine's pools, shared by its two files. */
#ifndef AS_WEIGHTS_PICKLE_PICKLE_INT_H
#define AS_WEIGHTS_PICKLE_PICKLE_INT_H

#include "tensor/base/bytes.h"
#include "weights/pickle/pickle.h"

/* Pools grow by whole blocks, so that numbers stay valid and nothing is ever copied. */
enum { POOL_SHIFT = 10, POOL_BLOCK = 1 << POOL_SHIFT };

typedef struct as_pool {
  void **block;
  size_t n_blocks, cap_blocks;
  size_t count; /* elements in use */
} as_pool;

struct as_pk {
  as_pool nodes, cells, text; /* text: decoded strings, one allocation each in text.block */
  size_t memory;              /* bytes charged so far */
  uint32_t root;
};

/* The machine while it runs. */
typedef struct as_vm {
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
} as_vm;

as_status as_vm_refuse(as_vm *m, const char *what);
as_pk_node *as_vm_node_at(as_pk *pk, uint32_t i);
as_status as_vm_new_node(as_vm *m, as_pk_type type, uint32_t *index);
as_status as_vm_new_text(as_vm *m, size_t n, uint8_t **out);
as_status as_vm_push(as_vm *m, uint32_t node);
size_t as_vm_above_mark(const as_vm *m);
as_status as_vm_pop(as_vm *m, uint32_t *node);
as_status as_vm_top(as_vm *m, uint32_t *node);
as_status as_vm_push_mark(as_vm *m);
as_status as_vm_pop_to_mark(as_vm *m, size_t *from, size_t *n);
as_status as_vm_push_new(as_vm *m, as_pk_type type, as_pk_node **node);
as_status as_vm_push_int(as_vm *m, int64_t v);
as_status as_vm_push_bytes(as_vm *m, as_pk_type type, const uint8_t *p, size_t size);
as_status as_vm_push_float(as_vm *m, double v);
as_status as_vm_add_cell(as_vm *m, uint32_t container, uint32_t key, uint32_t value);
as_status as_vm_make_container(as_vm *m, as_pk_type type, size_t from, size_t n, uint32_t *out);
as_status as_vm_push_marked(as_vm *m, as_pk_type type);
as_status as_vm_push_tuple(as_vm *m, size_t n);
as_status as_vm_push_global(as_vm *m, uint32_t module, uint32_t name);
as_status as_vm_push_object(as_vm *m, uint32_t callee, uint32_t args);
as_status as_vm_add_marked(as_vm *m, as_pk_type type);
as_status as_vm_add_top(as_vm *m, as_pk_type type);
as_status as_vm_build(as_vm *m);
as_status as_vm_put(as_vm *m, uint64_t slot);
as_status as_vm_get(as_vm *m, uint64_t slot);

/* Decoded text into out; NULL, or what is wrong with it. out holds n bytes (escapes never grow). */
const char *as_pk_unescape(const uint8_t *p, size_t n, uint8_t *out, size_t *written);
/* \uXXXX and \UXXXXXXXX mean something, other bytes are Latin-1; the result is UTF-8. out holds 2 n. */
const char *as_pk_unescape_unicode(const uint8_t *p, size_t n, uint8_t *out, size_t *written);

#endif
