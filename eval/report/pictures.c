#include "eval/report/pictures.h"

#include <stdlib.h>
#include <string.h>

#include "eval/report/pictures_int.h"
#include "tensor/base/mem.h"

/* Confidences decide which images are shown, and are compared alone: the same choice on every machine. Ties go to the
 * earlier image. */
enum { SAMPLES = 8, SURE = 6, SPLIT = 6, MISSED = 6, MIXED = 4, HARD = 4 };

/* What is known of one set, while its shelves are filled. */
typedef struct set_view {
  const as_results *r;
  const as_results_set *set;
  const as_cell **cell; /* [n_models] */
  size_t *model;        /* [n_models] of the results */
  size_t n_models, n;   /* n: scored images */
} set_view;

/* An image that may stand on a shelf. */
typedef struct candidate {
  int64_t first; /* by falling first, then second, then rising place */
  double second;
  as_shot shot;
} candidate;

static int by_candidate(const void *a, const void *b) {
  const candidate *x = a, *y = b;
  if (x->first != y->first) return x->first > y->first ? -1 : 1;
  if (x->second != y->second) return x->second > y->second ? -1 : 1;
  return x->shot.i < y->shot.i ? -1 : x->shot.i > y->shot.i;
}

/* The best `most` of them, of every class one before any has a second. */
static void fill_shelf(as_shelf *s, candidate *c, size_t n, size_t most) {
  if (n) qsort(c, n, sizeof *c, by_candidate);
  for (int round = 0; round < 2; round++)
    for (size_t i = 0; i < n && s->n < most; i++) {
      bool there = false;
      for (size_t j = 0; j < s->n && !there; j++)
        there = s->shot[j].i == c[i].shot.i || (round == 0 && s->shot[j].label == c[i].shot.label);
      if (!there) s->shot[s->n++] = c[i].shot;
    }
}

static double confidence_of(const as_cell *c, size_t i) {
  return c->confidence && c->confidence[i] >= 0 ? (double)c->confidence[i] : 0;
}

static void choose_samples(as_shelf *s, const set_view *v) {
  for (size_t j = 0; j < SAMPLES && j < v->n; j++) {
    size_t i = v->n < SAMPLES ? j : (2 * j + 1) * v->n / (2 * SAMPLES);
    s->shot[s->n++] = (as_shot){.i = i, .label = v->set->label[i]};
  }
}

static void choose_sure(as_shelf *s, const set_view *v, candidate *c) {
  size_t n = 0;
  for (size_t i = 0; i < v->n; i++) {
    double most = -1;
    size_t who = 0;
    for (size_t m = 0; m < v->n_models; m++) {
      double p = confidence_of(v->cell[m], i);
      if (v->cell[m]->correct1[i] != 0 || !v->cell[m]->confidence) continue;
      s->total += p >= 0.9;
      if (p > most) most = p, who = m;
    }
    if (most > 0)
      c[n++] = (candidate){.second = most,
                           .shot = {.i = i,
                                    .label = v->set->label[i],
                                    .answer = v->cell[who]->answer[i],
                                    .model = v->model[who],
                                    .sure = most}};
  }
  fill_shelf(s, c, n, SURE);
}

/* How many models give the same answer as model m on image i. */
static int64_t same_answer(const set_view *v, size_t m, size_t i) {
  int64_t n = 0;
  for (size_t q = 0; q < v->n_models; q++) n += v->cell[q]->answer[i] == v->cell[m]->answer[i];
  return n;
}

static void choose_split(as_shelf *s, const set_view *v, candidate *c) {
  size_t n = 0;
  for (size_t i = 0; i < v->n && v->n_models > 1; i++) {
    candidate k = {.shot = {.i = i, .label = v->set->label[i]}};
    bool whole = true;
    for (size_t m = 0; m < v->n_models; m++) {
      bool first = true;
      for (size_t q = 0; q < m && first; q++) first = v->cell[q]->answer[i] != v->cell[m]->answer[i];
      whole = whole && v->cell[m]->correct1[i] <= 1;
      k.shot.count += first;
      k.first -= same_answer(v, m, i); /* ordered pairs that agree */
      k.second += confidence_of(v->cell[m], i);
    }
    if (whole && k.shot.count > 1) c[n++] = k;
  }
  fill_shelf(s, c, n, SPLIT);
}

static void choose_missed(as_shelf *s, const set_view *v, candidate *c) {
  size_t n = 0;
  for (size_t i = 0; i < v->n && v->n_models > 1; i++) {
    candidate k = {.shot = {.i = i, .label = v->set->label[i], .of = (int64_t)v->n_models}};
    bool missed = true;
    for (size_t m = 0; m < v->n_models && missed; m++) {
      missed = v->cell[m]->correct1[i] == 0;
      int64_t same = missed ? same_answer(v, m, i) : 0;
      if (same > k.first) k.first = same, k.shot.answer = v->cell[m]->answer[i];
      k.second += confidence_of(v->cell[m], i);
    }
    if (!missed) continue;
    k.shot.count = k.first;
    c[n++] = k;
  }
  s->total = (int64_t)n;
  fill_shelf(s, c, n, MISSED);
}

typedef struct confusion {
  uint64_t pair; /* label, then answer */
  int64_t count;
} confusion;

static int rising_pair(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

static int falling_count(const void *a, const void *b) {
  const confusion *x = a, *y = b;
  if (x->count != y->count) return x->count > y->count ? -1 : 1;
  return x->pair < y->pair ? -1 : x->pair > y->pair;
}

/* The image of class `label` that most models answer with `answer`; ties: the surest. false: there is none. */
static bool clearest(as_shot *shot, const set_view *v, uint32_t label, uint32_t answer) {
  int64_t most = 0;
  double sure = 0;
  for (size_t i = 0; i < v->n; i++) {
    int64_t n = 0;
    double p = 0;
    if (v->set->label[i] != label) continue;
    for (size_t m = 0; m < v->n_models; m++) {
      if (v->cell[m]->answer[i] != answer) continue;
      n++;
      p += confidence_of(v->cell[m], i);
    }
    if (n > most || (n == most && n && p > sure)) most = n, sure = p, shot->i = i;
  }
  shot->label = label;
  shot->answer = answer;
  return most > 0;
}

static as_status choose_mixed(as_shelf *s, const set_view *v, as_err *err) {
  uint64_t *pair = as_alloc(v->n * v->n_models + 1, sizeof *pair, err);
  confusion *seen = pair ? as_alloc(v->n * v->n_models + 1, sizeof *seen, err) : NULL;
  size_t n = 0, kinds = 0;
  for (size_t m = 0; seen && m < v->n_models; m++)
    for (size_t i = 0; i < v->n; i++)
      if (v->cell[m]->correct1[i] == 0) pair[n++] = (uint64_t)v->set->label[i] << 32 | v->cell[m]->answer[i];
  if (n) qsort(pair, n, sizeof *pair, rising_pair);
  for (size_t i = 0; i < n; i++) {
    if (i == 0 || pair[i] != pair[i - 1]) seen[kinds++] = (confusion){pair[i], 0};
    seen[kinds - 1].count++;
  }
  if (kinds) qsort(seen, kinds, sizeof *seen, falling_count);
  for (size_t q = 0; q < kinds && q < MIXED; q++) {
    uint32_t label = (uint32_t)(seen[q].pair >> 32), answer = (uint32_t)seen[q].pair;
    int64_t of = 0;
    for (size_t m = 0; m < v->n_models; m++)
      for (size_t i = 0; i < v->n; i++) of += v->set->label[i] == label && v->cell[m]->correct1[i] <= 1;
    as_shot a = {.count = seen[q].count, .of = of}, b = a;
    if (!clearest(&a, v, label, answer)) continue;
    s->shot[s->n++] = a;
    if (clearest(&b, v, answer, answer)) s->shot[s->n++] = b;
  }
  as_free(pair);
  as_free(seen);
  return seen ? AS_OK : AS_E_ENV;
}

static as_status choose_hard(as_shelf *s, const set_view *v, as_err *err) {
  uint32_t most = 0;
  for (size_t i = 0; i < v->n; i++) most = v->set->label[i] > most ? v->set->label[i] : most;
  if (most > 10000000) return AS_OK; /* labels that are no class numbers */
  int64_t *right = as_calloc((size_t)most + 1, 2 * sizeof *right, err);
  bool *taken = as_calloc((size_t)most + 1, sizeof *taken, err);
  for (size_t m = 0; right && taken && m < v->n_models; m++)
    for (size_t i = 0; i < v->n; i++) {
      if (v->cell[m]->correct1[i] > 1) continue;
      right[2 * v->set->label[i]] += v->cell[m]->correct1[i];
      right[2 * v->set->label[i] + 1]++;
    }
  for (size_t q = 0; right && taken && q < HARD; q++) {
    size_t best = (size_t)most + 1;
    for (size_t c = 0; c <= most; c++) {
      const int64_t *x = right + 2 * c, *y = best <= most ? right + 2 * best : NULL;
      if (taken[c] || x[1] == 0) continue;
      double a = (double)x[0] * (double)(y ? y[1] : 1), b = y ? (double)y[0] * (double)x[1] : 0;
      if (!y || a < b || (a == b && x[1] > y[1])) best = c;
    }
    if (best > most) break;
    taken[best] = true;
    for (size_t i = 0, n = 0; i < v->n && n < 2; i++)
      if (v->set->label[i] == best) {
        s->shot[s->n++] =
            (as_shot){.i = i, .label = (uint32_t)best, .count = right[2 * best], .of = right[2 * best + 1]};
        n++;
      }
  }
  as_status st = right && taken ? AS_OK : AS_E_ENV;
  as_free(right);
  as_free(taken);
  return st;
}

as_status as_gallery_models(const as_results *r, size_t k, size_t *models, size_t *n, as_err *err) {
  bool *apart = as_calloc(r->n_models, sizeof *apart, err);
  as_status s = apart ? as_results_apart(r, k, apart, NULL, err) : AS_E_ENV;
  *n = 0;
  for (size_t m = 0; s == AS_OK && m < r->n_models; m++) {
    const as_cell *c = as_results_cell(r, m, k);
    if (as_cell_measured(c) && !apart[m] && c->answer && c->correct1 && r->sets[k].label &&
        c->n_expected == (int64_t)r->sets[k].n_scored)
      models[(*n)++] = m;
  }
  as_free(apart);
  return s;
}

as_status as_gallery_make(as_gallery_set *g, const as_results *r, size_t k, as_err *err) {
  set_view v = {.r = r, .set = &r->sets[k], .n = r->sets[k].n_scored};
  memset(g, 0, sizeof *g);
  if (!v.set->label || v.n == 0) return AS_OK;
  v.model = as_alloc(r->n_models, sizeof *v.model, err);
  v.cell = as_alloc(r->n_models, sizeof *v.cell, err);
  candidate *c = as_alloc(v.n, sizeof *c, err);
  as_status s = v.model && v.cell && c ? as_gallery_models(r, k, v.model, &v.n_models, err) : AS_E_ENV;
  if (s == AS_OK && v.n_models > 0) {
    g->n_models = v.n_models;
    for (size_t m = 0; m < v.n_models; m++) v.cell[m] = as_results_cell(r, v.model[m], k);
    choose_samples(&g->shelf[AS_SHELF_SAMPLES], &v);
    choose_sure(&g->shelf[AS_SHELF_SURE], &v, c);
    choose_split(&g->shelf[AS_SHELF_SPLIT], &v, c);
    choose_missed(&g->shelf[AS_SHELF_MISSED], &v, c);
    s = choose_mixed(&g->shelf[AS_SHELF_MIXED], &v, err);
    if (s == AS_OK) s = choose_hard(&g->shelf[AS_SHELF_HARD], &v, err);
  }
  as_free(c);
  as_free(v.cell);
  as_free(v.model);
  return s;
}

static int by_place(const void *a, const void *b) {
  const as_picture *x = a, *y = b;
  if (x->set != y->set) return x->set < y->set ? -1 : 1;
  return x->image < y->image ? -1 : x->image > y->image;
}

as_status as_pictures_choose(as_pictures *p, const as_results *r, as_err *err) {
  size_t sets = r->n_sets < AS_PICTURE_SETS ? r->n_sets : AS_PICTURE_SETS, most = AS_SHELVES * AS_SHELF_MOST,
         n = 0;
  as_gallery_set *g = as_alloc(1, sizeof *g, err);
  *p = (as_pictures){.pic = as_calloc(sets * most + 1, sizeof *p->pic, err),
                     .why = as_calloc(r->n_sets + 1, sizeof *p->why, err),
                     .n_sets = r->n_sets};
  as_status s = g && p->pic && p->why ? AS_OK : AS_E_ENV;
  for (size_t k = 0; s == AS_OK && k < sets; k++) {
    s = as_gallery_make(g, r, k, err);
    for (size_t j = 0; s == AS_OK && j < AS_SHELVES; j++)
      for (size_t q = 0; q < g->shelf[j].n; q++)
        p->pic[n++] = (as_picture){.set = k, .image = as_shot_image(r, k, g->shelf[j].shot[q].i)};
  }
  if (n) qsort(p->pic, n, sizeof *p->pic, by_place);
  for (size_t i = 0; i < n; i++)
    if (p->n == 0 || by_place(&p->pic[i], &p->pic[p->n - 1]) != 0) p->pic[p->n++] = p->pic[i];
  as_free(g);
  return s;
}

const as_picture *as_pictures_find(const as_pictures *p, size_t set, uint32_t image) {
  const as_picture key = {.set = set, .image = image};
  return p && p->n ? bsearch(&key, p->pic, p->n, sizeof key, by_place) : NULL;
}

void as_pictures_clear(as_pictures *p) {
  for (size_t i = 0; i < p->n; i++) as_free(p->pic[i].jpeg);
  for (size_t k = 0; p->why && k < p->n_sets; k++) as_free(p->why[k]);
  as_free(p->pic);
  as_free(p->why);
  memset(p, 0, sizeof *p);
}
