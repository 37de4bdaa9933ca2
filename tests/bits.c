/* The cells of tests/check-bits.sh that one build can run, in one process: features of the self-test's networks under
 * every given setting, and a short training, compared with their documented SHA-256.
 *
 *   bits LABEL PROFILES CPUS THREADS BATCHES     comma-separated lists; "skip" where this CPU lacks an instruction set
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/selftest.h"
#include "models/ssl/train_selftest.h"
#include "tensor/base/par.h"
#include "tensor/runtime.h"

enum { MOST = 16 };

static int split(char *list, char *part[MOST]) {
  int n = 0;
  for (char *p = strtok(list, ","); p && n < MOST; p = strtok(NULL, ",")) part[n++] = p;
  return n;
}

/* The training has its own batches, and float32 whatever the profile: once per processor and number of threads. */
static as_status check_training(as_err *err) {
  for (as_train_part p = 0; p < AS_TRAIN_PARTS; p++) {
    char hex[65];
    const as_status s = as_train_selftest(p, hex, err);
    if (s != AS_OK) return s;
    if (strcmp(hex, as_train_selftest_expected(p)) != 0)
      return as_fail(err, AS_E_CHECK, "%s: found %s, wanted %s", as_train_selftest_name(p), hex,
                     as_train_selftest_expected(p));
  }
  return AS_OK;
}

int main(int argc, char **argv) {
  char *profile[MOST], *cpu[MOST], *threads[MOST], *batch[MOST];
  if (argc != 6) return 2;
  const int profiles = split(argv[2], profile), cpus = split(argv[3], cpu),
            n_threads = split(argv[4], threads);
  const int batches = split(argv[5], batch);
  int failed = 0;
  for (int p = 0; p < profiles; p++)
    for (int c = 0; c < cpus; c++)
      for (int t = 0; t < n_threads; t++)
        for (int b = 0; b < batches; b++) {
          as_err err = {0};
          char hex[65] = "";
          const as_init_opts opts = {.cpu = cpu[c], .threads = atoi(threads[t]), .profile = profile[p]};
          const char *result = "ok";
          as_status s = as_init(&opts, &err);
          if (s == AS_E_ENV) {
            result = "skip";
          } else {
            if (s == AS_OK) s = as_selftest(atoi(batch[b]), hex, &err);
            if (s == AS_OK && as_par_threads() != (as_par_has_openmp() ? opts.threads : 1))
              s = as_fail(&err, AS_E_ENV, "found %d threads, wanted %s", as_par_threads(), threads[t]);
            if (s == AS_OK && strcmp(hex, as_selftest_expected()) != 0)
              s = as_fail(&err, AS_E_CHECK, "found %s, wanted %s", hex, as_selftest_expected());
            if (s == AS_OK && b == 0 && p == 0) s = check_training(&err);
            if (s != AS_OK) result = "not ok", failed = 1;
          }
          printf("%s %s, %s, %s, %s threads, batch %s%s%s\n", result, argv[1], profile[p], cpu[c], threads[t],
                 batch[b], err.msg[0] ? ": " : "", err.msg);
          fflush(stdout);
        }
  return failed;
}
