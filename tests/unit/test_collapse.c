/* Collapses that are provoked, a row each: the same toy, seed and steps; the healthy run passes the bound that the broken
 * one fails, and both are asserted. What shows the collapse differs: the loss, the spread of normalised embeddings
 * (1 isotropic, 0 one point), their raw deviation, the correlation of their columns, the balance of targets.
 *
 * ASSAY_SHOW=1 prints the figures. */
#include <stdio.h>
#include <stdlib.h>

#include "models/ssl/obow_int.h"
#include "tensor/base/mem.h"
#include "tensor/runtime.h"
#include "tests/harness.h"
#include "tests/unit/ssl_toy.h"

enum { FACTS = 6 };
typedef enum fact_kind { FIRST_LOSS, LOSS, SPREAD, DEVIATION, CORRELATION, BALANCE } fact_kind;
static const char *const fact_name[FACTS] = {"first loss",    "loss",        "spread",
                                             "raw deviation", "correlation", "balance"};

/* Embeddings z [n, d] of the last step: their spread, raw deviation, rms correlation of different columns. */
static void look_at(const as_map *z, double facts[FACTS]) {
  const size_t n = as_map_pixels(z), d = (size_t)z->c;
  double *u = as_alloc(n * d, sizeof *u, NULL), *column = as_calloc(d, sizeof *column, NULL);
  double spread = 0, deviation = 0, square = 0;
  for (size_t r = 0; r < n; r++) {
    double norm = 0;
    for (size_t i = 0; i < d; i++) norm += (double)z->data[r * d + i] * (double)z->data[r * d + i];
    for (size_t i = 0; i < d; i++) u[r * d + i] = (double)z->data[r * d + i] / fmax(sqrt(norm), 1e-12);
  }
  for (int raw = 0; raw < 2; raw++) {
    for (size_t i = 0; i < d; i++) {
      double mean = 0, var = 0;
      for (size_t r = 0; r < n; r++) mean += (raw ? (double)z->data[r * d + i] : u[r * d + i]) / (double)n;
      for (size_t r = 0; r < n; r++) {
        const double x = (raw ? (double)z->data[r * d + i] : u[r * d + i]) - mean;
        var += x * x / (double)n;
        if (raw) u[r * d + i] = x;
      }
      *(raw ? &deviation : &spread) += sqrt(var) / (double)d;
      column[i] = sqrt(var * (double)n);
    }
  }
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < i; j++) {
      double c = 0;
      for (size_t r = 0; r < n; r++) c += u[r * d + i] * u[r * d + j];
      c /= fmax(column[i] * column[j], 1e-12);
      square += 2 * c * c;
    }
  facts[SPREAD] = spread * sqrt((double)d);
  facts[DEVIATION] = deviation;
  facts[CORRELATION] = sqrt(square / (double)(d * (d - 1)));
  as_free(u);
  as_free(column);
}

/* How a run is broken: by a parameter, or by what is done to it before its first step. */
typedef struct row {
  const char *name, *method;
  size_t epochs;
  toy_setting set[TOY_SETTINGS], wrong; /* wrong.name NULL: by `spoil` */
  void (*spoil)(as_ssl *s);
  bool embeds; /* the method's state begins with the branch that makes z */
  fact_kind fact;
  double bound;
  bool above; /* healthy runs are above the bound */
} row;

/* A queue of normal numbers that nobody brought to length 1 (lightly issue 1009). */
static void spoil_queue(as_ssl *s) {
  float *queue = s->kept[0].data;
  const double width = as_ssl_value(s, "width");
  for (size_t i = 0; i < s->kept[0].bytes / sizeof *queue; i++) queue[i] *= (float)sqrt(width);
}

#define SGD                                                \
  {"optimizer", 0}, {"lr", 0.1}, {"weight-decay", 5e-4}, { \
    "width", 32                                            \
  }
static const row rows[] = {
    {"MoCo: a start queue that is not normalised",
     "moco",
     2,
     {SGD, {"queue", 512}, {"temperature", 0.1}},
     {0},
     spoil_queue,
     true,
     FIRST_LOSS,
     6.24,
     false},
    {"PCL: a start queue that is not normalised",
     "pcl",
     2,
     {SGD, {"queue", 512}, {"temperature", 0.1}},
     {0},
     spoil_queue,
     true,
     FIRST_LOSS,
     6.24,
     false},
    {"MoCo: keys by the query encoder",
     "moco",
     6,
     {SGD, {"queue", 512}, {"temperature", 0.1}, {"ema", 0.9}},
     {"ema", 0},
     NULL,
     true,
     SPREAD,
     0.1,
     true},
    {"Barlow Twins: lambda 0",
     "barlow",
     6,
     {SGD, {"lambda", 0.02}},
     {"lambda", 0},
     NULL,
     true,
     CORRELATION,
     0.6,
     false},
    {"VICReg: no variance term",
     "vicreg",
     6,
     {SGD, {"variance", 25}},
     {"variance", 0},
     NULL,
     true,
     DEVIATION,
     0.3,
     true},
    {"VICReg: no covariance term",
     "vicreg",
     6,
     {SGD, {"covariance", 1}},
     {"covariance", 0},
     NULL,
     true,
     CORRELATION,
     0.6,
     false},
    {"DINO: no centring",
     "dino",
     6,
     {{"lr", 0.01}, {"prototypes", 32}, {"tau-teacher", 0.04}, {"centre", 0.9}},
     {"centre", 1},
     NULL,
     false,
     BALANCE,
     0.5,
     true},
    {"OBoW: words that stay",
     "obow",
     8,
     {{"optimizer", 0}, {"lr", 0.1}, {"words", 256}, {"words-a-step", 32}},
     {"words-a-step", 0},
     NULL,
     false,
     BALANCE,
     0.85,
     true},
    {"OBoW: soft codes",
     "obow",
     6,
     {{"optimizer", 0}, {"lr", 0.1}, {"delta", 10}},
     {"delta", 0.01},
     NULL,
     false,
     LOSS,
     0.1,
     true},
};

static void run_row(as_test *t, const row *r) {
  for (int broken = 0; broken < 2; broken++) {
    toy_setting set[TOY_SETTINGS];
    double facts[FACTS] = {0};
    memcpy(set, r->set, sizeof set);
    for (size_t i = 0; broken && r->wrong.name && set[i].name; i++)
      if (strcmp(set[i].name, r->wrong.name) == 0) set[i] = r->wrong;
    as_ssl *s = toy_open(t, r->method, r->epochs, set);
    if (!s) return;
    if (broken && r->spoil) r->spoil(s);
    facts[LOSS] = toy_train(s, r->epochs, &facts[FIRST_LOSS]);
    if (r->embeds) look_at(as_branch_forward(s->state, 0, false), facts);
    facts[BALANCE] = as_ssl_balance(s);
    if (getenv("ASSAY_SHOW")) {
      printf("# %-42s %-7s", r->name, broken ? "broken" : "healthy");
      for (size_t k = 0; k < FACTS; k++) printf("  %s %.4g", fact_name[k], facts[k]);
      printf("\n"), fflush(stdout);
    }
    if ((facts[r->fact] > r->bound) != (r->above != (broken == 1)))
      as_test_fail(t, __FILE__, __LINE__, "%s, %s: %s is %g, the bound %g", r->name,
                   broken ? "broken" : "healthy", fact_name[r->fact], facts[r->fact], r->bound);
    as_ssl_destroy(&s);
  }
}

static void run_named(as_test *t) {
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (strcmp(rows[i].name, t->name) == 0) run_row(t, &rows[i]);
}

int main(int argc, char **argv) {
  as_case cases[sizeof rows / sizeof *rows];
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) cases[i] = (as_case){rows[i].name, run_named};
  as_err err = {0};
  if (as_init(&(as_init_opts){getenv("ASSAY_CPU"), 1, NULL}, &err) != AS_OK) return 4;
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
