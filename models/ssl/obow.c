/* OBoW (Gidaris et al. 2021, arXiv 2012.11552; valeoai/obow), with words from the last feature map.
 *
 *   teacher(whole image) -> map -> codes = softmax over words of -delta d / mu,  d = |x - word|^2
 *                              -> largest over the positions -> divided by its sum: t, the image's bag of words
 *   student(crops) -> f (mean over its map, not normalised) -> p = softmax(kappa f . w_k),   w = G(words)
 *   L = mean over the crops of KL(t || p)
 *
 *   mu:     slow mean of the distance to the nearest word, so that delta has no unit
 *   words:  a queue of single positions of earlier teacher maps; the oldest few are replaced after each step
 *   G:      L2, Linear 2F, BN, ReLU, Linear F, L2: it makes the weights of the student's last layer from the words, which
 *           change under it. BatchNorm's batch is the K words.
 *
 * Order within a step, as the authors': student with the old words; teacher moves (m from m0 to 1 by a cosine), then its
 * forward in training mode; distances to the old words; mu; codes with the new mu; the queue last. What is evaluated is the
 * student.
 *
 * Gradient: G_r = (p - t)_r / rows;  df = kappa G w;  dw = kappa G^T f, a sum over samples (rule T2); then back through G's
 * layers, not into the words.
 *
 * What differs here. One level instead of two (the paper's "vanilla" has one, too). Two crops, no patches. The authors cut a
 * border of one cell off the teacher's map and take words as means of 3x3 cells; at 32 pixels the last map is 4x4, so the
 * defaults are cut=0, average=0, and larger maps can have both. They replace K / 32 words a step, one from each image of the
 * batch; so does this, from the first images of the batch. */
#include <math.h>
#include <string.h>

#include "models/ssl/methods_int.h"
#include "models/ssl/obow_int.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tensor/kern/kernels.h"

enum { CROPS = 2 };

typedef struct obow {
  as_bags bags; /* first: the tests look into it */
  as_branch student, teacher;
  as_head *generator;
  as_head_pass *generate;
  as_bag_loss loss;
  uint64_t next;     /* the word that is replaced next */
  size_t fresh;      /* words a step */
  int cut, averaged; /* cells cut off; side of the map of means, or 0 */
} obow;

static const as_ssl_param params[] = {
    {"words", 256, "K", "8192 a level"},
    {"words-a-step", 8, "replaced after each step", "256 = K / 32"},
    {"kappa", 5, "of the prediction, fixed", "5 (ResNet-18), 8 (ResNet-50)"},
    {"delta", 10, "of the codes: larger is harder", "10 (ResNet-18), 15 (ResNet-50)"},
    {"mu-ema", 0.99, "momentum of the mean nearest distance", "0.99"},
    {"cut", 0, "cells cut off at the map's border", "1"},
    {"average", 0, "1: words are means of 3x3 cells", "1"},
    {"ema", 0.97, "the teacher's first momentum", "0.99"},
    {"lr", 4e-3, "learning rate", ""},
    {NULL, 0, NULL, NULL},
};

static void obow_destroy(as_ssl *s) {
  obow *m = s->state;
  if (!m) return;
  as_head_pass_destroy(&m->generate);
  as_head_destroy(&m->generator);
  as_branch_clear(&m->student);
  as_branch_clear(&m->teacher);
  as_bags_clear(&m->bags);
  as_bag_loss_clear(&m->loss);
  as_free(m);
}

static as_status make_obow_networks(obow *m, as_ssl *s, size_t words, as_err *err) {
  as_branch_cfg cfg = {.store = &s->student, .images = CROPS * s->o.batch, .passes = 1, .backward = true};
  as_status st = as_branch_create(&m->student, s, &cfg, err);
  if (st != AS_OK) return st;
  const int f = as_encoder_dim(m->student.encoder);
  const as_head_layer layers[] = {{.kind = AS_HEAD_L2},
                                  {.kind = AS_HEAD_LINEAR, .width = 2 * f},
                                  {.kind = AS_HEAD_BN, .gain = true, .offset = true},
                                  {.kind = AS_HEAD_RELU},
                                  {.kind = AS_HEAD_LINEAR, .width = f, .bias = true},
                                  {.kind = AS_HEAD_L2}};
  st = as_head_create(&m->generator, "generator", f, layers, sizeof layers / sizeof *layers, words,
                      &s->student, err);
  if (st == AS_OK) st = as_head_pass_create(&m->generate, m->generator, true, err);
  if (st == AS_OK) st = as_store_make(&s->student, s->o.seed, err);
  cfg = (as_branch_cfg){.store = &s->teacher, .images = s->o.batch, .passes = 1};
  if (st == AS_OK) st = as_branch_create(&m->teacher, s, &cfg, err);
  return st == AS_OK ? as_ssl_follow(s, err) : st;
}

/* The map must leave something to choose among. */
static as_status check_map(obow *m, const as_ssl *s, const as_map *map, as_err *err) {
  if (!map)
    return as_fail(err, AS_E_USAGE, "OBoW: %s: found a transformer, wanted a network with feature maps",
                   s->o.arch);
  m->cut = (int)as_ssl_value(s, "cut");
  const bool average = as_ssl_value(s, "average") != 0.0;
  const int left = map->h - 2 * m->cut, least = average ? 3 : 2;
  if (m->cut < 0 || left < least)
    return as_fail(err, AS_E_USAGE,
                   "OBoW: found a last map of %dx%d with cut=%d, average=%d; wanted at least %dx%d: larger "
                   "views or a smaller cut",
                   map->h, map->w, m->cut, average, least + 2 * m->cut, least + 2 * m->cut);
  m->averaged = average ? left - 2 : 0;
  return AS_OK;
}

static as_status check_words(const as_ssl *s, as_err *err) {
  const double words = as_ssl_value(s, "words"), fresh = as_ssl_value(s, "words-a-step");
  if (!(words >= 2.0 && words <= 1e6 && fresh >= 0.0 && fresh <= (double)s->o.batch) ||
      (fresh > 0.0 && fmod(words, fresh) != 0.0))
    return as_fail(err, AS_E_USAGE,
                   "OBoW: found words=%g, words-a-step=%g; wanted words a step up to the batch of %d that "
                   "divide the words",
                   words, fresh, s->o.batch);
  return AS_OK;
}

static as_status obow_create(as_ssl *s, as_err *err) {
  obow *m = s->state = as_calloc(1, sizeof *m, err);
  if (!m) return AS_E_ENV;
  const size_t words = (size_t)as_ssl_value(s, "words");
  m->fresh = (size_t)as_ssl_value(s, "words-a-step");
  as_status st = check_words(s, err);
  if (st == AS_OK) st = make_obow_networks(m, s, words, err);
  if (st != AS_OK) return st;
  const as_map *map = as_encoder_last_map(m->teacher.pass[0]);
  st = check_map(m, s, map, err);
  if (st != AS_OK) return st;
  const size_t side = (size_t)(map->h - 2 * m->cut), f = (size_t)map->c;
  st = as_bags_create(&m->bags, (size_t)s->o.batch, side * side, words, f, err);
  if (st == AS_OK) st = as_bag_loss_create(&m->loss, (size_t)(CROPS * s->o.batch), words, f, err);
  if (st != AS_OK) return st;
  const as_rng r = as_rng_make(s->o.seed, as_rng_stream("obow.words"));
  for (size_t i = 0; i < words * f; i++) m->bags.words[i] = (float)fmax(as_rng_normal(r, i), 0.0);
  m->bags.mu = 0.5;
  as_ssl_keep(s, m->bags.words, words * f * sizeof *m->bags.words, 4);
  as_ssl_keep(s, &m->bags.mu, sizeof m->bags.mu, 8);
  as_ssl_keep(s, &m->next, sizeof m->next, 8);
  as_ssl_momentum(s, as_ssl_value(s, "ema"));
  s->n_views = 1 + CROPS;
  s->view[0] = *as_encoder_images(m->teacher.pass[0], s->o.batch);
  const as_map *crops = as_encoder_images(m->student.pass[0], CROPS * s->o.batch);
  for (int v = 0; v < CROPS; v++) s->view[1 + v] = as_map_part(crops, v * s->o.batch, s->o.batch);
  return AS_OK;
}

/* The inside of the map, an image's positions row by row. */
static void gather_positions(const as_map *map, int cut, float *rows) {
  const size_t c = (size_t)map->c, from = (size_t)cut, side = (size_t)(map->h - 2 * cut);
  for (size_t i = 0; i < (size_t)map->n; i++)
    for (size_t y = 0; y < side; y++, rows += side * c)
      memcpy(rows, as_map_at(map, i, from + y, from), side * c * sizeof *rows);
}

/* The oldest words become positions of this step's maps, one drawn from each of the first images. */
static void replace_words(obow *m, const as_ssl *s) {
  const size_t c = m->bags.f, side = (size_t)sqrt((double)m->bags.positions), wide = (size_t)m->averaged;
  const as_rng r = as_rng_make(s->o.seed, as_rng_stream("obow.positions") + s->step);
  for (size_t i = 0; i < m->fresh; i++) {
    const float *x = m->bags.x + i * m->bags.positions * c;
    float *to = m->bags.words + m->next * c;
    const size_t at = (size_t)as_rng_below(r, i, wide ? wide * wide : m->bags.positions);
    if (wide)
      as_k.meanwin(&(as_window_args){.in = x + (at / wide * side + at % wide) * c,
                                     .rows = 3,
                                     .cols = 3,
                                     .row = side * c,
                                     .ld = c,
                                     .c = c,
                                     .count = 9,
                                     .out = to});
    else
      memcpy(to, x + at * c, c * sizeof *to);
    m->next = (m->next + 1) % m->bags.k;
  }
}

static double obow_loss(as_ssl *s, const uint32_t *image) {
  (void)image;
  obow *m = s->state;
  const size_t rows = (size_t)(CROPS * s->o.batch), k = m->bags.k, f = m->bags.f;
  const as_map words = as_map_matrix(m->bags.words, k, f), df = as_map_matrix(m->loss.df, rows, f),
               dw = as_map_matrix(m->loss.dw, k, f);
  as_branch_pack(&m->student, true);
  as_head_pack(m->generator, true);
  const as_map *features = as_branch_forward(&m->student, 0, true);
  const as_map *w = as_head_forward(m->generate, &words, true);
  as_store_ema(&s->teacher, &s->student, as_schedule_at(&s->ema, s->step));
  as_branch_pack(&m->teacher, false);
  (void)as_branch_forward(&m->teacher, 0, true);
  gather_positions(as_encoder_last_map(m->teacher.pass[0]), m->cut, m->bags.x);
  as_bags_fill(&m->bags, as_ssl_value(s, "delta"), as_ssl_value(s, "mu-ema"));
  s->balance = as_bags_balance(&m->bags);
  const double loss =
      as_bag_loss_run(&m->loss, features, w, m->bags.target, m->bags.images, as_ssl_value(s, "kappa"));
  as_head_backward(m->generate, &dw, NULL);
  as_branch_backward(&m->student, 0, &df);
  replace_words(m, s);
  return loss;
}

const as_ssl_method as_ssl_obow = {
    .name = "obow",
    .title = "OBoW",
    .family = "distillation",
    .about =
        "whole image -> teacher (EMA) -> map -> soft words -> largest over positions -> t, its bag of words\n"
        "crops -> student -> f;  w = G(words);  L = mean of KL(t || softmax(kappa f w^T))\n"
        "Here: one level, two crops, few words; nothing cut off a map of 4x4 and no averaging.",
    .view = {"none,flip=.5", "moco", "moco", NULL},
    .params = params,
    .create = obow_create,
    .destroy = obow_destroy,
    .loss = obow_loss,
};
