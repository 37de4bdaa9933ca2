/* A data-only pickle machine, protocols 0 to 5. It builds a tree of values and never calls anything:
 * REDUCE, NEWOBJ, OBJ, INST and BUILD make object nodes that record what would have been called,
 * with which arguments. What the nodes mean is for the reader of the tree to say (tree.h).
 *
 *   bytes --> opcodes --> stack of node numbers --> nodes: value | container (cells) | object
 *
 * Node numbers are 32-bit indices into a pool; strings are borrowed from the input where they stand
 * there as they are. Nothing here recurses: nesting costs memory that is counted against a budget.
 *
 * Opcodes and their arguments: CPython Lib/pickletools.py; semantics: Lib/pickle.py. */
#ifndef AS_WEIGHTS_PICKLE_PICKLE_H
#define AS_WEIGHTS_PICKLE_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/base/status.h"

enum {
  AS_PK_MAX_OPS = 8 << 20,     /* opcodes of one pickle */
  AS_PK_MAX_MEMORY = 32 << 20, /* bytes of nodes, cells, stack, memo and decoded text */
  AS_PK_MAX_MARKS = 1 << 16,   /* open marks */
  AS_PK_MAX_DEPTH = 64         /* for whoever walks the tree */
};

typedef enum as_pk_type {
  AS_PK_NONE,
  AS_PK_BOOL,   /* i */
  AS_PK_INT,    /* i */
  AS_PK_BIGINT, /* bytes: two's complement, little-endian, more than 8 of them; or decimal text */
  AS_PK_FLOAT,  /* f */
  AS_PK_BYTES,  /* bytes */
  AS_PK_STR,    /* bytes: UTF-8 (surrogates passed through), or a Python-2 str as it is */
  AS_PK_TUPLE,  /* cells */
  AS_PK_LIST,   /* cells */
  AS_PK_DICT,   /* cells with keys, in order of insertion, a key may recur */
  AS_PK_SET,    /* cells */
  AS_PK_GLOBAL, /* module, name: STR nodes */
  AS_PK_OBJECT, /* callee called with args; state, items, list are what was added later */
  AS_PK_PERSID  /* callee: the id that stands for an object outside the pickle */
} as_pk_type;

/* 0 stands for "none" wherever a node number is optional; node 0 itself is the value None. */
typedef struct as_pk_node {
  uint8_t type;
  union {
    int64_t i;
    double f;
    struct {
      const uint8_t *p;
      size_t n;
    } bytes;
    struct {
      uint32_t first, last, count; /* cells; 0 = none */
    } cells;
    struct {
      uint32_t module, name;
    } global;
    struct {
      uint32_t callee, args, state, items, list;
    } object;
  } u;
} as_pk_node;

typedef struct as_pk_cell {
  uint32_t key, value; /* key: dicts only */
  uint32_t next;       /* 0 ends the chain */
} as_pk_cell;

typedef struct as_pk as_pk;

/* Runs one pickle from the start of data. *used tells where STOP left off. label names the file and
 * member in messages. AS_E_INPUT with the byte offset: unknown opcode, bytes that end early, stack
 * misuse, budget exceeded. data must outlive the result. */
as_status as_pk_load(as_pk **out, const uint8_t *data, size_t size, size_t *used, const char *label,
                     as_err *err);
void as_pk_free(as_pk **pk);

uint32_t as_pk_root(const as_pk *pk);
size_t as_pk_nodes(const as_pk *pk);
const as_pk_node *as_pk_at(const as_pk *pk, uint32_t node);
const as_pk_cell *as_pk_cell_at(const as_pk *pk, uint32_t cell);

/* STR or BYTES equal to text. */
bool as_pk_is_text(const as_pk *pk, uint32_t node, const char *text);
/* GLOBAL with this module and name. */
bool as_pk_is_global(const as_pk *pk, uint32_t node, const char *module, const char *name);
/* The i-th value of a tuple or list; false when there is none. */
bool as_pk_item(const as_pk *pk, uint32_t node, uint32_t i, uint32_t *value);
/* Value of a dict's text key (the last one set); false when there is none. */
bool as_pk_get(const as_pk *pk, uint32_t dict, const char *key, uint32_t *value);
/* "collections.OrderedDict" of a global, "(object)" otherwise; truncated to fit; returns buf. */
char *as_pk_global_name(const as_pk *pk, uint32_t node, char *buf, size_t size);

#endif
