/* k-means with a fixed number of rounds, for methods that learn from clusters (DeepCluster-v2, PCL; Lloyd 1982).
 *
 *   start at k rows drawn at random;  repeat: every row to its nearest centroid, every centroid to its rows' mean;
 *   at last, every row to its nearest centroid once more
 *
 * Nearest is the largest x . c - |c|^2 / 2, of equal ones the lowest; spherical: the largest x . c, and centroids are brought
 * back to length 1. A centroid without rows stays where it is. Means are sums over samples by NUMERICS rule T2, the rounds
 * a fixed count by T7: the result is the same for any threads. */
#ifndef AS_MODELS_SSL_KMEANS_H
#define AS_MODELS_SSL_KMEANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/base/math/rng.h"
#include "tensor/base/status.h"

#define AS_KMEANS_NONE UINT32_MAX

typedef struct as_kmeans as_kmeans;

/* Memory for up to n rows of d floats and k clusters; as_kmeans_run takes no more and cannot fail. */
as_status as_kmeans_create(as_kmeans **out, size_t n, size_t d, size_t k, as_err *err);
void as_kmeans_destroy(as_kmeans **kmeans);

typedef struct as_kmeans_job {
  const float *x; /* [n, d] */
  size_t n;
  const uint32_t *seen; /* [n]: rows with 0 are left out; NULL: all rows count. At least k rows must count. */
  size_t k;
  int rounds;
  bool spherical;
  as_rng dice;     /* of the start */
  float *centroid; /* out: [k, d] */
  uint32_t *label; /* out: [n]; AS_KMEANS_NONE of rows left out */
} as_kmeans_job;
void as_kmeans_run(as_kmeans *m, const as_kmeans_job *j);

#endif
