#include "eval/learn/logits.h"

#include <math.h>

/* Lanes that the compiler may run side by side: the largest of all does not depend on their order. */
float as_logits_add(size_t k, const float *b, float *z, float *low) {
  enum { LANES = 16 };
  float top[LANES], bottom[LANES];
  for (size_t l = 0; l < LANES; l++) top[l] = -INFINITY, bottom[l] = INFINITY;
  size_t c = 0;
  for (; c + LANES <= k; c += LANES)
    for (size_t l = 0; l < LANES; l++) {
      const float v = z[c + l] += b[c + l];
      top[l] = v > top[l] ? v : top[l];
      bottom[l] = v < bottom[l] ? v : bottom[l];
    }
  for (size_t l = 0; c < k; c++, l++) {
    const float v = z[c] += b[c];
    top[l] = v > top[l] ? v : top[l];
    bottom[l] = v < bottom[l] ? v : bottom[l];
  }
  for (size_t l = 1; l < LANES; l++) {
    top[0] = top[l] > top[0] ? top[l] : top[0];
    bottom[0] = bottom[l] < bottom[0] ? bottom[l] : bottom[0];
  }
  *low = bottom[0];
  return top[0];
}

size_t as_logits_find(size_t k, const float *z, float most) {
  size_t c = 0;
  while (c + 1 < k && z[c] < most) c++;
  return c;
}
