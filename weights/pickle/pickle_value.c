/* Reading the pickle machine's tree. */
#include <stdio.h>
#include <string.h>

#include "tensor/base/mem.h"
#include "weights/pickle/pickle_int.h"

static void pool_clear(as_pool *p) {
  for (size_t i = 0; i < p->n_blocks; i++) as_free(p->block[i]);
  as_free(p->block);
}

void as_pk_free(as_pk **pk) {
  if (!*pk) return;
  pool_clear(&(*pk)->nodes);
  pool_clear(&(*pk)->cells);
  pool_clear(&(*pk)->text);
  as_free(*pk);
  *pk = NULL;
}

uint32_t as_pk_root(const as_pk *pk) {
  return pk->root;
}
size_t as_pk_nodes(const as_pk *pk) {
  return pk->nodes.count;
}

const as_pk_node *as_pk_at(const as_pk *pk, uint32_t i) {
  return (const as_pk_node *)pk->nodes.block[i >> POOL_SHIFT] + (i & (POOL_BLOCK - 1));
}

const as_pk_cell *as_pk_cell_at(const as_pk *pk, uint32_t i) {
  return (const as_pk_cell *)pk->cells.block[i >> POOL_SHIFT] + (i & (POOL_BLOCK - 1));
}

bool as_pk_is_text(const as_pk *pk, uint32_t node, const char *text) {
  const as_pk_node *n = as_pk_at(pk, node);
  size_t len = strlen(text);
  return (n->type == AS_PK_STR || n->type == AS_PK_BYTES) && n->u.bytes.n == len &&
         memcmp(n->u.bytes.p, text, len) == 0;
}

bool as_pk_is_global(const as_pk *pk, uint32_t node, const char *module, const char *name) {
  const as_pk_node *n = as_pk_at(pk, node);
  return n->type == AS_PK_GLOBAL && as_pk_is_text(pk, n->u.global.module, module) &&
         as_pk_is_text(pk, n->u.global.name, name);
}

bool as_pk_item(const as_pk *pk, uint32_t node, uint32_t i, uint32_t *value) {
  const as_pk_node *n = as_pk_at(pk, node);
  if ((n->type != AS_PK_TUPLE && n->type != AS_PK_LIST) || i >= n->u.cells.count) return false;
  uint32_t c = n->u.cells.first;
  for (; i > 0; i--) c = as_pk_cell_at(pk, c)->next;
  *value = as_pk_cell_at(pk, c)->value;
  return true;
}

bool as_pk_get(const as_pk *pk, uint32_t dict, const char *key, uint32_t *value) {
  const as_pk_node *n = as_pk_at(pk, dict);
  if (n->type != AS_PK_DICT) return false;
  bool found = false;
  for (uint32_t c = n->u.cells.first; c; c = as_pk_cell_at(pk, c)->next)
    if (as_pk_is_text(pk, as_pk_cell_at(pk, c)->key, key)) {
      *value = as_pk_cell_at(pk, c)->value;
      found = true;
    }
  return found;
}

char *as_pk_global_name(const as_pk *pk, uint32_t node, char *buf, size_t size) {
  const as_pk_node *n = as_pk_at(pk, node);
  if (n->type != AS_PK_GLOBAL) {
    snprintf(buf, size, "(object)");
    return buf;
  }
  const as_pk_node *a = as_pk_at(pk, n->u.global.module), *b = as_pk_at(pk, n->u.global.name);
  int na = a->u.bytes.n < 100 ? (int)a->u.bytes.n : 100, nb = b->u.bytes.n < 100 ? (int)b->u.bytes.n : 100;
  snprintf(buf, size, "%.*s.%.*s", na, (const char *)a->u.bytes.p, nb, (const char *)b->u.bytes.p);
  return buf;
}
