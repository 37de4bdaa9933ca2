/* Do tiers keep their word? 1,000 worlds for each definition, size of the gap and kind of mean: the share of worlds
 * in which any resolved pair is truly equal or reversed, and the share of true gaps that are resolved.
 *
 *   make build/libassay.a && cc -std=c11 -O2 -I. tests/bench/bench_tiers.c build/libassay.a -fopenmp -lm && ./a.out
 *
 * Exits with 1 if a share of wrong worlds is above 6.4 % (5 % and its sampling error over 1,000 worlds), or a power
 * at 4 standard errors below 0.6. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/tiersim.h"

int main(int argc, char **argv) {
  int worlds = argc > 1 ? atoi(argv[1]) : 1000, bad = 0;
  static const double gaps[] = {0, 1, 2, 4}, levels[] = {0.5, 0.92};
  printf("%-8s %-5s %-8s %-5s %10s %8s\n", "test", "sets", "accuracy", "gap", "any wrong", "power");
  for (int paired = 0; paired < 2; paired++)
    for (size_t sets = 1; sets <= SIM_SETS; sets += SIM_SETS - 1)
      for (size_t l = 0; l < 2; l++)
        for (size_t g = 0; g < 4; g++) {
          sim_kind k = {paired, sets, gaps[g], levels[l], paired ? 0.6 : 0.0};
          sim_tally t = {0};
          for (int w = 0; w < worlds; w++)
            sim_world(&k, ((((uint64_t)paired * 4 + sets) * 2 + l) * 4 + g) * 100000 + (uint64_t)w, &t);
          double wrong = (double)t.wrong / worlds, power = t.resolved / worlds;
          bad = bad || wrong > 0.064 || (gaps[g] > 3 && power < 0.6);
          printf("%-8s %-5zu %-8.2f %-5.0f %9.1f%% %8.3f\n", paired ? "paired" : "counts", sets, levels[l],
                 gaps[g], 100 * wrong, power);
        }
  return bad;
}
