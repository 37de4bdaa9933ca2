/* Class orders: what would the recorded predictions be worth under another numbering of the labels? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/sets/labels.h"
#include "eval/run/doctor_int.h"
#include "eval/stats/stats.h"
#include "tensor/base/mem.h"

/* Numbers 0..n-1 in the order of their texts: 0, 1, 10, 100, 101, ... */
static int by_text(const void *a, const void *b) {
  char x[16], y[16];
  snprintf(x, sizeof x, "%d", *(const int *)a);
  snprintf(y, sizeof y, "%d", *(const int *)b);
  return strcmp(x, y);
}

/* A numbering under test. */
typedef struct as_numbering {
  const char *what, *cause;
  double rate; /* of the images that it was weighed on; 0 = not better beyond doubt */
  int64_t right, n;
  char more[96];
} as_numbering;

/* Accuracy when label l means class map[l], against the recorded numbering. */
static void weigh(as_numbering *h, const as_doc_cell *c, const int *map, size_t classes, size_t step,
                  size_t start) {
  int64_t before = 0, gained = 0, lost = 0;
  as_mcnemar t;
  h->right = h->n = 0;
  for (size_t i = start; i < c->n; i += step) {
    const as_doc_image *im = &c->image[i];
    if (im->label < 0 || (size_t)im->label >= classes) continue;
    bool was = im->top1 == im->label, is = im->top1 == map[im->label];
    h->n++;
    h->right += is;
    before += was;
    gained += is && !was;
    lost += was && !is;
  }
  as_mcnemar_counts(h->n, gained, lost, 0.95, &t);
  bool better = h->right > before && t.p_exact < 1e-4 && h->right >= before + h->n / 20;
  h->rate = better ? (double)h->right / (double)h->n : 0;
  snprintf(h->more, sizeof h->more, ", recorded %.1f %%: BETTER, p %.1g",
           h->n ? 100.0 * (double)before / (double)h->n : 0.0, t.p_exact);
}

/* The numbering that the predictions themselves suggest: of every label the class that was predicted most
 * often, learnt on every other image and weighed on the rest. Two labels of one class are no numbering: that
 * is what a network says which sees nothing. */
static as_status learnt(as_numbering *h, const as_doc_cell *c, size_t classes, as_err *err) {
  int *votes =
      as_calloc(classes * 8, sizeof *votes, err); /* the first 4 candidates of a label: class, count */
  int *map = as_alloc(classes, sizeof *map, err);
  uint8_t *taken = as_calloc(classes, 1, err);
  size_t moved = 0, voted = 0, distinct = 0;
  if (!votes || !map || !taken) {
    as_free(votes);
    as_free(map);
    as_free(taken);
    return AS_E_ENV;
  }
  for (size_t i = 0; i < c->n; i += 2) {
    const as_doc_image *im = &c->image[i];
    if (im->label < 0 || (size_t)im->label >= classes || im->top1 < 0) continue;
    int *v = votes + (size_t)im->label * 8;
    for (int k = 0; k < 4; k++)
      if (v[2 * k + 1] == 0 || v[2 * k] == im->top1) {
        v[2 * k] = im->top1;
        v[2 * k + 1]++;
        break;
      }
  }
  for (size_t l = 0; l < classes; l++) {
    int best = 0;
    map[l] = (int)l;
    for (int k = 0; k < 4; k++)
      if (votes[l * 8 + 2 * (size_t)k + 1] > best) {
        best = votes[l * 8 + 2 * (size_t)k + 1];
        map[l] = votes[l * 8 + 2 * (size_t)k];
      }
    if (!best) continue;
    voted++;
    moved += map[l] != (int)l;
    if (map[l] < (int)classes && !taken[map[l]]) {
      taken[map[l]] = 1;
      distinct++;
    }
  }
  if (moved * 4 > voted && distinct * 10 >= voted * 8) weigh(h, c, map, classes, 2, 1);
  as_free(votes);
  as_free(map);
  as_free(taken);
  return AS_OK;
}

/* Images called ILSVRC2012_val_*: their labels are known wherever the given ones come from. */
static bool known_val(as_doc_ctx *d, const as_doc_cell *c) {
  enum { CLASSES = 1000 };
  int to[CLASSES], from[CLASSES + 1];
  size_t n = 0, differ = 0, clash = 0;
  for (int i = 0; i < CLASSES; i++) to[i] = -1;
  for (int i = 0; i <= CLASSES; i++) from[i] = -1;
  int64_t right = 0, before = 0;
  for (size_t i = 0; i < c->n; i++) {
    int number = as_val_number(c->image[i].name), label = c->image[i].label;
    if (number == 0 || label < 0 || label > CLASSES) continue;
    int want = as_val_labels[number - 1];
    n++;
    differ += label != want;
    right += c->image[i].top1 == want;
    before += c->image[i].top1 == label;
    clash += (to[want] >= 0 && to[want] != label) || (from[label] >= 0 && from[label] != want);
    to[want] = label;
    from[label] = want;
  }
  if (n == 0 || differ == 0) return false;
  char more[64];
  snprintf(more, sizeof more, ", recorded %.1f %%", 100.0 * (double)before / (double)n);
  as_doc_rate(d, "the known labels of val", right, (int64_t)n, more);
  if (clash == 0 && differ * 2 > n)
    as_doc_cause(
        d,
        "class order: the labels are another numbering of the 1000 classes, as the ids of the ILSVRC2012 "
        "development kit are; class = rank of the wnid");
  else
    as_doc_cause(d, "labels: %zu of %zu are not those of the images called ILSVRC2012_val_*", differ, n);
  return true;
}

as_status as_doc_labels(as_doc_ctx *d, const as_doc_case *at, as_err *err) {
  const as_doc_cell *c = at->cell;
  enum { PLACES, TEXTS, LABELS_1, CLASSES_1, NAMED, ANY = NAMED, ALL };
  as_numbering h[ALL] = {
      {.what = "labels are places of folders 0, 1, 10, ... as text",
       .cause = "V2 folder order: folders named by numbers were sorted as text (0, 1, 10, 100, ...)"},
      {.what = "classes are places of 0, 1, 10, ... as text",
       .cause = "class order: the head's classes are numbered by text order of 0, 1, 10, 100, ..."},
      {.what = "labels count from 1", .cause = "class order: the labels count from 1, the classes from 0"},
      {.what = "predictions count from 1",
       .cause = "class order: the head's classes count from 1 (a background class comes first)"},
      {.what = "labels renumbered as the predictions suggest",
       .cause = "class order: the labels are a consistent renumbering of the head's classes"},
  };
  size_t classes = as_dataset_classes(at->ds);
  if (c->several || classes < 2 || c->n == 0 || known_val(d, c)) return AS_OK;
  int *text = as_alloc(classes, sizeof *text, err), *map = as_alloc(classes, sizeof *map, err);
  as_status s = text && map ? AS_OK : AS_E_ENV;
  if (s == AS_OK) {
    for (size_t i = 0; i < classes; i++) text[i] = (int)i;
    qsort(text, classes, sizeof *text, by_text);
    /* Folder "10" is the third in text order and got label 2: label l means class text[l]. */
    weigh(&h[PLACES], c, text, classes, 1, 0);
    for (size_t i = 0; i < classes; i++) map[text[i]] = (int)i;
    weigh(&h[TEXTS], c, map, classes, 1, 0);
    for (size_t i = 0; i < classes; i++) map[i] = (int)i - 1;
    weigh(&h[LABELS_1], c, map, classes, 1, 0);
    for (size_t i = 0; i < classes; i++) map[i] = (int)i + 1;
    weigh(&h[CLASSES_1], c, map, classes, 1, 0);
    s = learnt(&h[ANY], c, classes, err);
  }
  as_free(text);
  as_free(map);
  if (s != AS_OK) return s;
  const as_numbering *best = &h[0];
  for (size_t i = 1; i < ALL; i++)
    /* The numbering that can be anything must be clearly ahead of those that have a reason. */
    if (h[i].rate > best->rate + (i == ANY ? 0.1 : 0)) best = &h[i];
  if (best->rate > 0) {
    as_doc_rate(d, best->what, best->right, best->n, best->more);
    as_doc_cause(d, "%s", best->cause);
  }
  return AS_OK;
}
