/* Scoring rules and the numbers of one cell. */
#ifndef AS_EVAL_STATS_METRICS_H
#define AS_EVAL_STATS_METRICS_H

#include <stddef.h>
#include <stdint.h>

/* The five highest logits, ties to the lowest class; mask (bytes per class, 0 = left out) may be NULL.
 * top[i] = -1 where fewer than 5 classes remain. A NaN ranks nowhere: callers fail such images. */
void as_top5(const float *logits, size_t classes, const uint8_t *mask, int top[5], float value[5]);

/* Wilson score interval (Wilson 1927) for k of n; confidence as a fraction, usually 0.95. */
void as_wilson(int64_t k, int64_t n, double confidence, double *lo, double *hi);
/* The same at a share p of an effective sample size n; NaN when n <= 0. */
void as_wilson_share(double p, double n, double confidence, double *lo, double *hi);
/* Clopper-Pearson (1934), the exact interval. NaN when n <= 0, for both. */
void as_clopper_pearson(int64_t k, int64_t n, double confidence, double *lo, double *hi);

/* Unified metrics over the accuracies of one model on s sets (fractions). assay's own definitions. A
 * NaN gives NaN, an accuracy of 0 a geometric and harmonic mean of 0; the whole menu: eval/stats/unified.h. */
double as_mean_arithmetic(const double *acc, size_t s);
double as_mean_geometric(const double *acc, size_t s);
double as_mean_harmonic(const double *acc, size_t s);
double as_worst(const double *acc, size_t s);

/* Calibration: does a model that is p sure answer p of the images rightly? Expected calibration error over
 * bins of equal width (Naeini et al. 2015, Guo et al. 2017): sum over bins of n_b / n |accuracy - mean
 * confidence|. A confidence on a border counts in the lower bin, as there. */
enum { AS_CALIBRATION_BINS = 15 };
typedef struct as_calibration {
  int64_t n;                        /* images with a confidence and an outcome */
  double accuracy, confidence, ece; /* NaN when n = 0 */
  struct {
    int64_t n;
    double confidence, accuracy; /* means; NaN when n = 0 */
  } bin[AS_CALIBRATION_BINS];
} as_calibration;
/* correct: 1 right, 0 wrong, else not scored; confidence: [n] in [0, 1], NaN = none. */
void as_calibrate(const uint8_t *correct, const float *confidence, size_t n, as_calibration *out);

#endif
