#define _DEFAULT_SOURCE /* madvise */
#include "tensor/base/mem.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#endif

#include "tensor/base/checked.h"

static unsigned long fail_countdown; /* 0 = off; test hook, see as_mem_fail_after */

void as_mem_fail_after(unsigned long n) {
  fail_countdown = n;
}

static void *no_memory(size_t count, size_t size, as_err *err) {
  as_fail(err, AS_E_ENV, "out of memory: %zu x %zu bytes wanted", count, size);
  return NULL;
}

/* Weights and activations are streamed: huge pages keep the hardware prefetchers going across 4 KiB and
 * save page faults (4 to 5 % of a ResNet-50). Blocks of this size begin at one; a hint for the whole ones
 * inside, so that no memory beyond the block is taken. */
enum { HUGE_PAGE = 2 << 20 };

static void *huge_block(size_t bytes) {
#ifdef MADV_HUGEPAGE
  void *p;
  if (posix_memalign(&p, HUGE_PAGE, bytes) != 0) return NULL;
  (void)madvise(p, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
  return p;
#else
  return aligned_alloc(AS_ALIGN, bytes);
#endif
}

/* Bytes of text need no alignment, and small blocks that have one cost the allocator much: it cuts each out of a larger
 * one and joins what is left again. */
enum { SMALL_TEXT = 1024 };

static void *block_of(size_t count, size_t size, bool text, as_err *err) {
  size_t bytes, padded;
  if (!as_mul_size(count, size, &bytes) || !as_add_size(bytes, 2 * AS_ALIGN, &padded))
    return no_memory(count, size, err);
  if (fail_countdown != 0) {
    if (fail_countdown == 1) return no_memory(count, size, err);
    fail_countdown--;
  }
  void *p;
  if (text && bytes > 0 && bytes < SMALL_TEXT) {
    p = malloc(bytes);
    return p ? p : no_memory(count, size, err);
  }
  /* aligned_alloc wants a multiple of the alignment, and 0 bytes must still be a block. */
  bytes = (bytes + AS_ALIGN - 1) / AS_ALIGN * AS_ALIGN;
  p = bytes >= HUGE_PAGE ? huge_block(bytes) : aligned_alloc(AS_ALIGN, bytes ? bytes : AS_ALIGN);
  if (!p) return no_memory(count, size, err);
  return p;
}

void *as_alloc(size_t count, size_t size, as_err *err) {
  return block_of(count, size, false, err);
}

void *as_calloc(size_t count, size_t size, as_err *err) {
  void *p = as_alloc(count, size, err);
  if (p) memset(p, 0, count * size);
  return p;
}

void as_free(void *p) {
  free(p);
}

as_status as_grow(void *array, size_t *cap, size_t need, size_t size, as_err *err) {
  void *old;
  memcpy(&old, array, sizeof old);
  if (need <= *cap && old) return AS_OK;
  size_t want = *cap < 8 ? 8 : *cap;
  while (want < need) {
    if (want > SIZE_MAX / 2) {
      want = need;
      break;
    }
    want *= 2;
  }
  void *grown = block_of(want, size, size == 1, err);
  if (!grown) return AS_E_ENV;
  if (old) {
    memcpy(grown, old, *cap * size);
    as_free(old);
  }
  memcpy(array, &grown, sizeof grown);
  *cap = want;
  return AS_OK;
}

char *as_strndup(const char *s, size_t n, as_err *err) {
  if (n == SIZE_MAX) return no_memory(n, 1, err);
  char *p = block_of(n + 1, 1, true, err);
  if (!p) return NULL;
  memcpy(p, s, n);
  p[n] = '\0';
  return p;
}

char *as_strdup(const char *s, as_err *err) {
  return as_strndup(s, strlen(s), err);
}

#if defined(__linux__)
/* The number behind `key` in a file of the system's; INFINITY: none there ("max", too). */
static double system_number(const char *path, const char *key) {
  char line[256];
  unsigned long long v;
  double found = INFINITY;
  FILE *f = fopen(path, "r");
  while (f && found == INFINITY && fgets(line, sizeof line, f))
    if (strncmp(line, key, strlen(key)) == 0 && sscanf(line + strlen(key), "%llu", &v) == 1)
      found = (double)v;
  if (f) fclose(f);
  return found;
}

/* What can be freed counts as free. A container's limit holds for all of it, so it is only an upper bound. */
double as_mem_spare(void) {
  double spare = 1024.0 * system_number("/proc/meminfo", "MemAvailable:");
  spare = fmin(spare, system_number("/sys/fs/cgroup/memory.max", ""));
  spare = fmin(spare, system_number("/sys/fs/cgroup/memory/memory.limit_in_bytes", ""));
  struct rlimit r;
  const double pages = system_number("/proc/self/statm", "");
  if (getrlimit(RLIMIT_AS, &r) == 0 && r.rlim_cur != RLIM_INFINITY && pages < INFINITY)
    spare = fmin(spare, fmax((double)r.rlim_cur - pages * (double)sysconf(_SC_PAGESIZE), 0.0));
  return spare;
}
#else
double as_mem_spare(void) {
  return (double)INFINITY;
}
#endif

void *as_arena_take(as_arena *a, size_t count, size_t size) {
  size_t bytes, end;
  size_t at = (a->used + AS_ALIGN - 1) / AS_ALIGN * AS_ALIGN;
  if (a->overflow || at < a->used || !as_mul_size(count, size, &bytes) || !as_add_size(at, bytes, &end) ||
      (a->base && end > a->size)) {
    a->overflow = true;
    return NULL;
  }
  a->used = end;
  return a->base ? a->base + at : NULL;
}
