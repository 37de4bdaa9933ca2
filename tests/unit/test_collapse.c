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
#define TOY_BASE "4"
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
  as_status (*prepare)(as_ssl *s); /* of both runs, or NULL */
  bool embeds;                     /* the method's state begins with the branch that makes z */
  fact_kind fact;
  double bound;
  bool above; /* healthy runs are above the bound */
} row;

/* A queue of normal numbers that nobody brought to length 1 (lightly-ai/lightly#1009). */
static void spoil_queue(as_ssl *s) {
  float *queue = s->kept[0].data;
  const double width = as_ssl_value(s, "width");
  for (size_t i = 0; i < s->kept[0].bytes / sizeof *queue; i++) queue[i] *= (float)sqrt(width);
}

/* ---- losses of which a part is missing; the networks stay those of the method ---- */

static void replace_loss(as_ssl *s, double (*loss)(as_ssl *s, const uint32_t *image)) {
  static as_ssl_method broken;
  broken = *s->method;
  broken.loss = loss;
  s->method = &broken;
}

/* SimCLR's numerator alone: -u_i . u_j / tau of the two views of an image. */
static double attract(as_ssl *s, const uint32_t *image) {
  (void)image;
  as_branch *net = s->state;
  as_branch_pack(net, true);
  const as_map *u = as_branch_forward(net, 0, true);
  const size_t n = as_map_pixels(u), d = (size_t)u->c;
  const double scale = 1.0 / ((double)n * as_ssl_value(s, "temperature"));
  float *du = as_alloc(n * d, sizeof *du, NULL);
  double loss = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < d; k++) {
      const double other = (double)u->data[(i + n / 2) % n * d + k];
      loss -= scale * (double)u->data[i * d + k] * other;
      du[i * d + k] = (float)(-2 * scale * other);
    }
  const as_map m = as_map_matrix(du, n, d);
  as_branch_backward(net, 0, &m);
  as_free(du);
  return loss;
}
static void drop_negatives(as_ssl *s) {
  replace_loss(s, attract);
}

/* The states of SimSiam and BYOL begin so. */
typedef struct siamese {
  as_branch net;
  as_head *predictor;
  as_head_pass *predict[2];
} siamese;
typedef struct with_teacher {
  as_branch online, target;
} with_teacher;

/* A matrix like m, to be freed. */
static as_map like(const as_map *m) {
  return as_map_matrix(as_alloc(as_map_floats(m), sizeof(float), NULL), as_map_pixels(m), (size_t)m->c);
}

/* SimSiam whose gradient goes into both sides of the cosine, with and without the predictor. */
static double both_sides(as_ssl *s, bool predictor, bool stop) {
  siamese *m = s->state;
  const double batch = (double)s->o.batch;
  const as_map *z[2], *p[2];
  as_map dp[2], dz[2], own;
  double cosines = 0;
  as_branch_pack(&m->net, true);
  as_head_pack(m->predictor, true);
  for (int v = 0; v < 2; v++) {
    z[v] = as_branch_forward(&m->net, v, true);
    p[v] = predictor ? as_head_forward(m->predict[v], z[v], true) : z[v];
    dp[v] = like(z[v]), dz[v] = like(z[v]);
  }
  own = like(z[0]);
  for (int v = 0; v < 2; v++) {
    cosines += as_ssl_cosine(p[v], z[1 - v], 0.5 / batch, &dp[v]);
    (void)as_ssl_cosine(z[1 - v], p[v], 0.5 / batch, &dz[1 - v]);
  }
  for (int v = 0; v < 2; v++) {
    if (predictor) as_head_backward(m->predict[v], &dp[v], &own);
    const float *from = predictor ? own.data : dp[v].data;
    for (size_t i = 0; i < as_map_floats(&own); i++) dz[v].data[i] = from[i] + (stop ? 0.0f : dz[v].data[i]);
    as_branch_backward(&m->net, v, &dz[v]);
  }
  for (int v = 0; v < 2; v++) as_free(dp[v].data), as_free(dz[v].data);
  as_free(own.data);
  return -0.5 * cosines / batch;
}
static double without_stop(as_ssl *s, const uint32_t *image) {
  (void)image;
  return both_sides(s, true, false);
}
static double without_predictor(as_ssl *s, const uint32_t *image) {
  (void)image;
  return both_sides(s, false, true);
}
static void drop_stop(as_ssl *s) {
  replace_loss(s, without_stop);
}
static void drop_predictor(as_ssl *s) {
  replace_loss(s, without_predictor);
}

/* BYOL whose embeddings themselves go to the teacher's. */
static double follow_teacher(as_ssl *s, const uint32_t *image) {
  (void)image;
  with_teacher *m = s->state;
  const double batch = (double)s->o.batch;
  const as_map *p[2], *z[2];
  double cosines = 0;
  as_branch_pack(&m->online, true);
  as_branch_pack(&m->target, false);
  for (int v = 0; v < 2; v++) {
    p[v] = as_branch_forward(&m->online, v, true);
    z[v] = as_ssl_teach(&m->target, &m->online, v);
  }
  for (int v = 0; v < 2; v++) {
    const as_map dp = like(p[v]);
    cosines += as_ssl_cosine(p[v], z[1 - v], 2.0 / batch, &dp);
    as_branch_backward(&m->online, v, &dp);
    as_free(dp.data);
  }
  return 4.0 - 2.0 * cosines / batch;
}
static void drop_predictor_of_byol(as_ssl *s) {
  replace_loss(s, follow_teacher);
}

/* The projector of SimCLR or SimSiam without its last BatchNorm, which hides a collapse: it spreads what differs by rounding
 * alone. */
static as_status drop_output_bn(as_ssl *s) {
  as_branch *b = s->state;
  const int width = (int)as_ssl_value(s, "width"), dim = as_encoder_dim(b->encoder);
  const bool normalises = strcmp(s->method->name, "simclr") == 0;
  const as_head_layer layers[] = {{.kind = AS_HEAD_LINEAR, .width = width},
                                  {.kind = AS_HEAD_BN, .gain = true, .offset = true},
                                  {.kind = AS_HEAD_RELU},
                                  {.kind = AS_HEAD_LINEAR, .width = width},
                                  {.kind = AS_HEAD_L2}};
  const size_t rows = (size_t)as_encoder_count(b->pass[0]);
  as_head_pass_destroy(&b->head_pass[0]);
  as_head_pass_destroy(&b->head_pass[1]);
  as_head_destroy(&b->head);
  as_status st =
      as_head_create(&b->head, "projector", dim, layers, normalises ? 5 : 4, rows, &s->student, NULL);
  for (int v = 0; v < 2 && st == AS_OK && b->pass[v]; v++)
    st = as_head_pass_create(&b->head_pass[v], b->head, true, NULL);
  return st;
}

#define SGD                                                \
  {"optimizer", 0}, {"lr", 0.1}, {"weight-decay", 5e-4}, { \
    "width", 32                                            \
  }
static const row rows[] = {
    {"SimCLR: no negatives",
     "simclr",
     4,
     {SGD},
     {0},
     drop_negatives,
     drop_output_bn,
     true,
     SPREAD,
     0.45,
     true},
    {"SimSiam: no stop-gradient",
     "simsiam",
     6,
     {SGD, {"narrow", 16}},
     {0},
     drop_stop,
     drop_output_bn,
     true,
     SPREAD,
     0.45,
     true},
    {"SimSiam: no predictor",
     "simsiam",
     6,
     {SGD, {"narrow", 16}},
     {0},
     drop_predictor,
     drop_output_bn,
     true,
     SPREAD,
     0.45,
     true},
    {"BYOL: no predictor",
     "byol",
     6,
     {SGD, {"hidden", 64}, {"ema", 0.9}},
     {0},
     drop_predictor_of_byol,
     NULL,
     true,
     SPREAD,
     0.45,
     true},
    {"DINO: targets that are not sharpened",
     "dino",
     6,
     {{"lr", 0.01}, {"prototypes", 32}, {"tau-teacher", 0.04}, {"centre", 0.9}, {"head-bn", 1}, {"ema", 0.9}},
     {"tau-teacher", 1},
     NULL,
     NULL,
     false,
     LOSS,
     3,
     false},
    {"MoCo: a start queue that is not normalised",
     "moco",
     2,
     {SGD, {"queue", 512}, {"temperature", 0.1}},
     {0},
     spoil_queue,
     NULL,
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
     NULL,
     true,
     FIRST_LOSS,
     6.24,
     false},
    {"MoCo: keys by the query encoder",
     "moco",
     6,
     {SGD, {"queue", 512}, {"temperature", 0.1}, {"ema", 0.9}, {"head-bn", 0}}, /* with BatchNorm it holds */
     {"ema", 0},
     NULL,
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
     NULL,
     true,
     CORRELATION,
     0.8,
     false},
    {"VICReg: no variance term",
     "vicreg",
     6,
     {SGD, {"variance", 25}, {"covariance", 1}},
     {"variance", 0},
     NULL,
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
     NULL,
     true,
     CORRELATION,
     0.8,
     false},
    {"DINO: no centring",
     "dino",
     6,
     {{"lr", 0.01},
      {"prototypes", 32},
      {"tau-teacher", 0.04},
      {"centre", 0.9},
      {"small-views", 4},
      {"head-bn", 0},
      {"ema", 0.97}},
     {"centre", 1},
     NULL,
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
     NULL,
     false,
     BALANCE,
     0.8,
     true},
    {"OBoW: soft codes",
     "obow",
     6,
     {{"optimizer", 0}, {"lr", 0.1}, {"delta", 10}},
     {"delta", 0.01},
     NULL,
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
    CHECK(t, !r->prepare || r->prepare(s) == AS_OK);
    if (broken && r->spoil) r->spoil(s);
    facts[LOSS] = toy_train(s, r->epochs, &facts[FIRST_LOSS]);
    if (r->embeds) look_at(as_branch_forward(s->state, 0, false), facts);
    facts[BALANCE] = as_ssl_balance(s);
    /* What pretrain tells its user: nothing of a healthy run; what the method can see of a broken one. */
    if (!broken)
      CHECK(t, !as_ssl_collapse(s));
    else if (r->fact == DEVIATION || (r->fact == BALANCE && r->bound <= 0.5))
      CHECK(t, as_ssl_collapse(s) != NULL);
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
