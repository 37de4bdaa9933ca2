/* What may be wrong with the input, one change at a time. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/run/doctor_int.h"
#include "eval/stats/stats.h"

typedef struct as_try_list {
  as_try *item; /* [AS_DOC_TRIES] */
  size_t n;
} as_try_list;

/* NULL: the list is full, or holds that preset already. */
static as_try *add_try(as_try_list *l, const as_preset *p, const char *kind) {
  char mine[256], other[256];
  if (l->n == AS_DOC_TRIES) return NULL;
  as_preset_text(p, mine, sizeof mine);
  for (size_t i = 0; i < l->n; i++) {
    as_preset_text(&l->item[i].preset, other, sizeof other);
    if (!l->item[i].swap && !l->item[i].is_twin && strcmp(mine, other) == 0) return NULL;
  }
  as_try *t = &l->item[l->n++];
  memset(t, 0, sizeof *t);
  t->preset = *p;
  snprintf(t->preset.name, sizeof t->preset.name, "custom");
  snprintf(t->kind, sizeof t->kind, "%s", kind);
  return t;
}

/* The same without a look at the preset: what differs is not in it. */
static as_try *add_other(as_try_list *l, const as_preset *p, const char *kind) {
  if (l->n == AS_DOC_TRIES) return NULL;
  as_try *t = &l->item[l->n++];
  memset(t, 0, sizeof *t);
  t->preset = *p;
  snprintf(t->kind, sizeof t->kind, "%s", kind);
  return t;
}

static const char *filter_name(as_filter f) {
  static const char *const names[] = {"box", "bilinear", "bicubic", "lanczos"};
  return names[f];
}

static void norm_text(const as_preset *p, char *buf, size_t size) {
  snprintf(buf, size, "mean %.4g %.4g %.4g, std %.4g %.4g %.4g%s", (double)p->mean[0], (double)p->mean[1],
           (double)p->mean[2], (double)p->std[0], (double)p->std[1], (double)p->std[2],
           p->caffe ? " of 0..255" : "");
}

static void copy_norm(as_preset *p, const as_preset *from) {
  p->caffe = from->caffe;
  memcpy(p->mean, from->mean, sizeof p->mean);
  memcpy(p->std, from->std, sizeof p->std);
}

static bool same_norm(const as_preset *a, const as_preset *b) {
  char x[120], y[120];
  norm_text(a, x, sizeof x);
  norm_text(b, y, sizeof y);
  return strcmp(x, y) == 0;
}

/* Where the run left the recipe's own preset, each part by itself and all together. */
static void add_deviations(as_try_list *l, const as_preset *p, const as_preset *q) {
  char text[120];
  as_try *t;
  as_preset x;
  int parts = 0;
  if (p->filter != q->filter && q->resize > 0) {
    parts++;
    x = *p;
    x.filter = q->filter;
    if ((t = add_try(l, &x, "filter")) != NULL) {
      snprintf(t->what, sizeof t->what, "filter %s, as its recipe says", filter_name(q->filter));
      t->deviation = true;
    }
  }
  if (p->resize != q->resize || p->trim != q->trim || p->geometry != q->geometry) {
    parts++;
    x = *p;
    x.resize = q->resize;
    x.trim = q->trim;
    x.geometry = q->geometry;
    if ((t = add_try(l, &x, "crop")) != NULL) {
      snprintf(t->what, sizeof t->what, "resize %d before the crop of %d, as its recipe says", q->resize,
               p->crop);
      t->deviation = true;
    }
  }
  if (!same_norm(p, q)) {
    parts++;
    x = *p;
    copy_norm(&x, q);
    norm_text(q, text, sizeof text);
    if ((t = add_try(l, &x, "normalisation")) != NULL) {
      snprintf(t->what, sizeof t->what, "%s, as its recipe says", text);
      t->deviation = true;
    }
  }
  if (parts > 1 && p->crop == q->crop && (t = add_try(l, q, "preprocessing")) != NULL) {
    snprintf(t->what, sizeof t->what, "the whole preset of its recipe");
    t->deviation = true;
  }
}

static void add_usual(as_try_list *l, const as_preset *p) {
  static const char *const norms[] = {"imagenet-bilinear", "timm-half", "simclr", "caffe"};
  static const int sizes[] = {224, 232, 248, 256};
  char text[120];
  as_try *t;
  as_preset x, named;
  as_err ignored;
  for (size_t i = 0; i < sizeof norms / sizeof *norms; i++) {
    if (as_preset_parse(&named, norms[i], &ignored) != AS_OK || same_norm(&named, p)) continue;
    x = *p;
    copy_norm(&x, &named);
    norm_text(&x, text, sizeof text);
    if ((t = add_try(l, &x, "normalisation")) != NULL) snprintf(t->what, sizeof t->what, "%s", text);
  }
  if ((t = add_other(l, p, "BGR")) != NULL) {
    t->swap = true;
    snprintf(t->what, sizeof t->what, "channels in the order B, G, R");
  }
  x = *p;
  x.filter = p->filter == AS_FILTER_BICUBIC ? AS_FILTER_BILINEAR : AS_FILTER_BICUBIC;
  if (p->resize > 0 && (t = add_try(l, &x, "filter")) != NULL)
    snprintf(t->what, sizeof t->what, "filter %s", filter_name(x.filter));
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    x = *p;
    x.resize = (p->crop * sizes[i] + 112) / 224;
    if (x.resize == p->resize || (t = add_try(l, &x, "crop")) == NULL) continue;
    snprintf(t->what, sizeof t->what, "resize %d before the crop of %d", x.resize, p->crop);
  }
}

static void add_twins(as_try_list *l, const as_backbone *bb) {
  as_twin twins[AS_TWIN_MAX];
  size_t n = as_recipe_twins(twins, bb->recipe, bb->state);
  for (size_t i = 0; i < n; i++) {
    as_try *t = add_other(l, &bb->preset, "weights");
    if (!t) return;
    t->is_twin = true;
    t->twin = twins[i];
    snprintf(t->what, sizeof t->what, "the network called %.60s instead of %.60s", twins[i].other,
             twins[i].used);
  }
}

size_t as_doc_tries(as_try list[AS_DOC_TRIES], const as_backbone *bb) {
  as_try_list l = {list, 0};
  as_preset own;
  as_err ignored;
  if (as_preset_parse(&own, as_recipe_preset(bb->recipe), &ignored) == AS_OK)
    add_deviations(&l, &bb->preset, &own);
  add_usual(&l, &bb->preset);
  add_twins(&l, bb);
  return l.n;
}

void as_try_compare(as_try *t, const as_doc_outcome *base, const as_doc_outcome *o, size_t n) {
  double sum = 0, sq = 0, ll = 0;
  size_t k = 0;
  as_mcnemar m;
  t->right = t->gained = t->lost = 0;
  for (size_t i = 0; i < n; i++) {
    t->right += o->right[i];
    t->gained += o->right[i] && !base->right[i];
    t->lost += base->right[i] && !o->right[i];
    if (!isfinite(o->ll[i]) || !isfinite(base->ll[i])) continue;
    double d = o->ll[i] - base->ll[i];
    sum += d;
    sq += d * d;
    ll += o->ll[i];
    k++;
  }
  double mean = k ? sum / (double)k : 0, var = k > 1 ? (sq - sum * mean) / (double)(k - 1) : 0;
  t->mean_ll = k ? ll / (double)k : (double)NAN;
  t->z = var > 0 ? mean / sqrt(var / (double)k) : 0;
  as_mcnemar_counts((int64_t)n, t->gained, t->lost, 0.95, &m);
  t->p = m.p_exact;
  t->done = true;
}
