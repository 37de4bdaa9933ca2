/* The pickle machine's pools, shared by its two files. */
#ifndef AS_WEIGHTS_PICKLE_INT_H
#define AS_WEIGHTS_PICKLE_INT_H

#include "weights/pickle.h"

/* Pools grow by whole blocks, so that numbers stay valid and nothing is ever copied. */
enum { POOL_SHIFT = 10, POOL_BLOCK = 1 << POOL_SHIFT };

typedef struct pool {
  void **block;
  size_t n_blocks, cap_blocks;
  size_t count; /* elements in use */
} pool;

struct as_pk {
  pool nodes, cells, text; /* text: decoded strings, one allocation each in text.block */
  size_t memory;           /* bytes charged so far */
  uint32_t root;
};

/* Decoded text into out; NULL, or what is wrong with it. out holds n bytes (escapes never grow). */
const char *as_pk_unescape(const uint8_t *p, size_t n, uint8_t *out, size_t *written);
/* \uXXXX and \UXXXXXXXX mean something, other bytes are Latin-1; the result is UTF-8. out holds 2 n. */
const char *as_pk_unescape_unicode(const uint8_t *p, size_t n, uint8_t *out, size_t *written);

#endif
