#define _POSIX_C_SOURCE 200809L
#include "tensor/base/par.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#ifdef _OPENMP
#include <omp.h>
#endif

static int threads; /* 0 until set; see as_par_threads */

bool as_par_has_openmp(void) {
#ifdef _OPENMP
  return true;
#else
  return false;
#endif
}

void as_par_prepare(void) {
#if defined(_OPENMP)
  (void)omp_get_max_threads();
#if defined(__clang__)
  /* LLVM's runtime has now left a note in shared memory by which a second copy of it in the process would be
   * noticed. At its end it looks for the note and removes it, which it may not be allowed to by then. */
  char note[96];
  snprintf(note, sizeof note, "/dev/shm/__KMP_REGISTERED_LIB_%ld_%ld", (long)getpid(), (long)getuid());
  (void)unlink(note);
#endif
#endif
}

int as_par_processors(void) {
#ifdef _OPENMP
  return omp_get_num_procs(); /* respects the affinity mask */
#elif defined(_SC_NPROCESSORS_ONLN)
  long n = sysconf(_SC_NPROCESSORS_ONLN);
  return n > 0 && n < 65536 ? (int)n : 1;
#else
  return 1;
#endif
}

void as_par_set_threads(int n) {
  threads = n < 1 ? as_par_processors() : n;
  if (!as_par_has_openmp()) threads = 1;
}

static _Thread_local int own_threads;

int as_par_use(int n) {
  const int before = own_threads;
  own_threads = n > 0 && !as_par_has_openmp() ? 1 : n;
  return before;
}

int as_par_threads(void) {
  if (own_threads > 0) return own_threads;
  if (threads == 0) as_par_set_threads(0);
  return threads;
}

#ifdef _OPENMP
enum { MAX_SHARES = 64 };

/* The next chunk of one worker's share; a cache line each. */
typedef struct share {
  _Alignas(64) atomic_size_t next;
} share;

/* Each worker has a run of neighbouring chunks of its own, so that what it wrote in one loop is in its
 * cache when it reads the same place in the next; whoever is done helps the others. */
static void run_shares(size_t chunks, as_par_fn fn, void *ctx, int n) {
  share shares[MAX_SHARES];
  const size_t count = (size_t)n;
  for (size_t i = 0; i < count; i++) atomic_init(&shares[i].next, chunks * i / count);
#pragma omp parallel num_threads(n)
  {
    const int worker = omp_get_thread_num();
    for (size_t turn = 0; turn < count; turn++) {
      const size_t whose = ((size_t)worker + turn) % count, end = chunks * (whose + 1) / count;
      for (size_t i; (i = atomic_fetch_add(&shares[whose].next, 1)) < end;) fn(ctx, i, worker);
    }
  }
}
#endif

void as_par_for(size_t chunks, as_par_fn fn, void *ctx) {
  as_par_for_by(0, chunks, fn, ctx);
}

void as_par_for_by(int n, size_t chunks, as_par_fn fn, void *ctx) {
#ifdef _OPENMP
  if (n < 1) n = as_par_threads();
  if (n > 1 && chunks > 1 && !omp_in_parallel()) {
    if (n <= MAX_SHARES && chunks <= SIZE_MAX / MAX_SHARES) {
      run_shares(chunks, fn, ctx, n);
      return;
    }
    long last = (long)chunks;
#pragma omp parallel for schedule(dynamic, 1) num_threads(n)
    for (long i = 0; i < last; i++) fn(ctx, (size_t)i, omp_get_thread_num());
    return;
  }
#else
  (void)n;
#endif
  for (size_t i = 0; i < chunks; i++) fn(ctx, i, 0);
}
