/* Parallel loops. par.c is the only file of the project with OpenMP pragmas; without OpenMP the
 * chunks run in order on the caller's thread. */
#ifndef AS_TENSOR_BASE_PAR_H
#define AS_TENSOR_BASE_PAR_H

#include <stdbool.h>
#include <stddef.h>

/* Handles one chunk. `worker` is in [0, as_par_threads()) and unique among the chunks that run at
 * the same moment: index per-thread scratch with it, and nothing else. */
typedef void (*as_par_fn)(void *ctx, size_t chunk, int worker);

/* Calls fn for every chunk in [0, chunks), in any order, and returns when all are done. The number
 * of chunks must follow from the problem, never from the thread count, and a chunk may write only
 * what is its own: then results cannot depend on threads. Do not nest: a call from inside a chunk
 * runs serially as worker 0, whose scratch may be in use. */
void as_par_for(size_t chunks, as_par_fn fn, void *ctx);
/* The same with workers below `threads`, whose number it is at most; 1: in order on the caller's thread; 0: those of
 * the process. */
void as_par_for_by(int threads, size_t chunks, as_par_fn fn, void *ctx);

/* Who does one call of a driver, handed down by whoever planned it: how many threads at most, and scratch for
 * that many. A pass that runs inside a parallel loop hands down a team of one. */
typedef struct as_team {
  int threads;   /* 0: as_par_threads() */
  void *scratch; /* as the driver's ..._scratch(..., threads) says, 64-byte aligned; NULL where it says 0 */
} as_team;

/* Threads of the process, set when it starts; n < 1 means the number of processors available. Without
 * OpenMP it is always 1. */
void as_par_set_threads(int n);
int as_par_threads(void);
/* Another number for what the calling thread does from now on, 0 = that of the process; returns what it was. For
 * programs in which several threads compute side by side, each with workers of its own. */
int as_par_use(int n);
int as_par_processors(void); /* usable by this process */
bool as_par_has_openmp(void);
/* Has the OpenMP runtime do what it does once per process, short of starting threads; for a process that
 * is about to give up rights. */
void as_par_prepare(void);

#endif
