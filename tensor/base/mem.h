/* Memory: 64-byte aligned blocks with checked sizes, and a bump arena for plan-then-run code. */
#ifndef AS_TENSOR_BASE_MEM_H
#define AS_TENSOR_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

#include "tensor/base/status.h"

enum { AS_ALIGN = 64 };

/* count * size bytes, 64-byte aligned. A request of 0 bytes gives a valid unique pointer.
 * Overflow or exhaustion: NULL, and err (may be NULL) gets AS_E_ENV. Release with as_free. */
void *as_alloc(size_t count, size_t size, as_err *err);
void *as_calloc(size_t count, size_t size, as_err *err); /* zero-filled */
void as_free(void *p);                                   /* NULL is fine */

/* Grows the array at which a pointer points. `array` is the address of that pointer, whatever its type
 * (`&list->item`; it is read and written as bytes, so no cast is needed): NULL with *cap 0, or from
 * as_alloc. Afterwards it holds at least `need` elements of `size` bytes and *cap says how many; it
 * doubles. Contents up to the old capacity are kept; on failure nothing changes. */
as_status as_grow(void *array, size_t *cap, size_t need, size_t size, as_err *err);

/* A copy of n bytes plus a NUL, or of a C string. Release with as_free. */
char *as_strndup(const char *s, size_t n, as_err *err);
char *as_strdup(const char *s, as_err *err);

/* Bytes that can still be had, as far as the system tells (Linux); INFINITY: it does not. */
double as_mem_spare(void);

/* Bump arena. With base == NULL it only measures: takes return NULL and `used` grows; then
 * allocate `used` bytes, set base and size, reset used to 0 and run the same takes again. */
typedef struct as_arena {
  unsigned char *base; /* 64-byte aligned, borrowed */
  size_t size;
  size_t used;
  bool overflow; /* a size did not fit; sticky */
} as_arena;

/* count * size bytes at a 64-byte boundary, uninitialised; NULL while measuring or on overflow. */
void *as_arena_take(as_arena *a, size_t count, size_t size);

/* Test hook: the n-th allocation from now (1 = the next one) and all later ones fail; 0 turns it
 * off. Counts are process-wide. */
void as_mem_fail_after(unsigned long n);

#endif
