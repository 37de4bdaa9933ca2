#define _POSIX_C_SOURCE 200809L
#include "tensor/base/clock.h"

#include <time.h>

static double seconds_of(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double as_seconds(void) {
  return seconds_of(CLOCK_MONOTONIC);
}

double as_cpu_seconds(void) {
  return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}
