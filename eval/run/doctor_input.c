/* Counter-tests on a few images: the same weights and head with one thing changed at a time. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/sets/labels.h"
#include "eval/run/doctor_int.h"
#include "eval/stats/metrics.h"
#include "eval/stats/stats.h"
#include "tensor/base/math/dmath.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "weights/recipe/recipe_data.h"

enum { BATCH = 8, MAX_TRIES = 40 };

typedef struct as_try {
  char what[160]; /* what is changed, for the line */
  char kind[160]; /* what the cause would be called */
  as_preset preset;
  bool swap;             /* channels in the order B, G, R */
  bool deviation;        /* the recipe itself says so, the run did otherwise */
  const char *from, *to; /* twin: words exchanged in the recipe */
  /* what came out */
  bool done;
  int64_t right, gained, lost;
  double mean_ll, z, p;
} as_try;

typedef struct as_doc_bench {
  as_backbone bb;
  as_linhead head;
  const as_dataset *ds;
  const as_doc_cell *cell;
  size_t *row; /* dataset rows under test */
  size_t n;
  float *images, *features, *logits;
  uint8_t *allowed; /* [outputs] */
} as_doc_bench;

typedef struct as_doc_outcome {
  uint8_t *right; /* [n] */
  double *ll;     /* [n] log-likelihood of the right class, NaN = failed */
  int *top;       /* [n] */
} as_doc_outcome;

static void outcome_clear(as_doc_outcome *o) {
  as_free(o->right);
  as_free(o->ll);
  as_free(o->top);
  memset(o, 0, sizeof *o);
}

static as_status outcome_make(as_doc_outcome *o, size_t n, as_err *err) {
  o->right = as_calloc(n, 1, err);
  o->ll = as_calloc(n, sizeof *o->ll, err);
  o->top = as_calloc(n, sizeof *o->top, err);
  return o->right && o->ll && o->top ? AS_OK : AS_E_ENV;
}

/* ---- running ------------------------------------------------------------------------------------------ */

typedef struct as_doc_decode {
  const as_doc_bench *b;
  const as_preset *preset;
  size_t first;
  bool swap, ok[BATCH];
} as_doc_decode;

static void decode_one(void *ctx, size_t i, int worker) {
  as_doc_decode *j = ctx;
  size_t side = (size_t)j->preset->crop, pixels = side * side;
  float *x = j->b->images + i * pixels * 3;
  as_blob blob = {0};
  as_err err;
  (void)worker;
  j->ok[i] = as_dataset_read(j->b->ds, j->b->row[j->first + i], &blob, &err) == AS_OK &&
             as_blob_unpack(&blob, &err) == AS_OK &&
             as_preset_load(j->preset, blob.p, blob.n, 1, x, NULL, &err) == AS_OK;
  as_dataset_release(&blob);
  if (!j->ok[i]) memset(x, 0, pixels * 3 * sizeof *x);
  for (size_t k = 0; j->swap && k < pixels; k++) {
    float red = x[3 * k];
    x[3 * k] = x[3 * k + 2];
    x[3 * k + 2] = red;
  }
}

static int class_of(const as_doc_bench *b, size_t output) {
  return b->head.class_of ? b->head.class_of[output] : (int)output;
}

static bool is_answer(const as_item *item, int c) {
  if (!item->labels) return item->label == c;
  for (int i = 0; i < item->n_labels; i++)
    if (item->labels[i] == c) return true;
  return false;
}

static void judge(const as_doc_bench *b, const float *logits, size_t at, bool ok, as_doc_outcome *o) {
  as_item item = as_dataset_item(b->ds, b->row[at]);
  double best = -INFINITY, answer = -INFINITY, sum = 0;
  o->right[at] = 0;
  o->top[at] = -1;
  o->ll[at] = (double)NAN;
  for (size_t k = 0; ok && k < b->head.n_out; k++) {
    double v = (double)logits[k];
    if (!b->allowed[k]) continue;
    if (v > best) {
      best = v;
      o->top[at] = class_of(b, k);
    }
    if (is_answer(&item, class_of(b, k)) && v > answer) answer = v;
  }
  if (!ok || !isfinite(best)) return;
  for (size_t k = 0; k < b->head.n_out; k++)
    if (b->allowed[k]) sum += as_exp((double)logits[k] - best);
  o->right[at] = is_answer(&item, o->top[at]);
  /* A class that the head does not know: as unlikely as the least likely float can say. */
  double ll = isfinite(answer) ? answer - best - as_log(sum) : -100.0;
  o->ll[at] = ll < -100.0 ? -100.0 : ll;
}

static as_status run_rows(as_doc_bench *b, as_backbone *bb, const as_preset *p, bool swap, as_doc_outcome *o,
                          const as_watch *watch, const char *what, as_err *err) {
  as_status s = as_model_plan(bb->model, BATCH, err);
  for (size_t first = 0; s == AS_OK && first < b->n; first += BATCH) {
    size_t m = b->n - first < BATCH ? b->n - first : BATCH;
    as_doc_decode j = {.b = b, .preset = p, .first = first, .swap = swap};
    as_watch_progress(watch, what, first, b->n);
    if (as_watch_stop(watch)) return as_fail(err, AS_E_STOPPED, "stopped");
    as_par_for(m, decode_one, &j);
    as_model_forward(bb->model, b->images, (int)m, b->features);
    as_linhead_logits(&b->head, b->features, m, b->logits);
    for (size_t i = 0; i < m; i++) judge(b, b->logits + i * b->head.n_out, first + i, j.ok[i], o);
  }
  as_watch_progress(watch, what, b->n, b->n);
  return s;
}

static void bench_close(as_doc_bench *b) {
  as_backbone_clear(&b->bb);
  as_linhead_clear(&b->head);
  as_free(b->row);
  as_free(b->images);
  as_free(b->features);
  as_free(b->logits);
  as_free(b->allowed);
  memset(b, 0, sizeof *b);
}

/* Rows of the dataset that are tested: scored ones, evenly spread. */
static as_status choose_rows(as_doc_bench *b, int images, as_err *err) {
  size_t all = as_dataset_count(b->ds), scored = 0, want = images > 0 ? (size_t)images : 100;
  size_t *row = as_alloc(all ? all : 1, sizeof *row, err);
  if (!row) return AS_E_ENV;
  for (size_t i = 0; i < all; i++) {
    as_item item = as_dataset_item(b->ds, i);
    if (item.labels ? item.n_labels > 0 : item.label >= 0) row[scored++] = i;
  }
  b->n = want < scored ? want : scored;
  for (size_t i = 0; i < b->n; i++) row[i] = row[i * (scored / b->n) + i * (scored % b->n) / b->n];
  b->row = row;
  return AS_OK;
}

static as_status bench_open(as_doc_bench *b, const as_doc_ctx *d, const as_plan_model *p, const char *preset,
                            const as_doc_cell *c, as_dataset *ds, as_err *err) {
  as_backbone_opts o = {.weights = p->weights, .recipe = p->recipe, .arch = p->arch, .preset = preset};
  memset(b, 0, sizeof *b);
  b->ds = ds;
  b->cell = c;
  as_status s = as_backbone_open(&b->bb, &o, err);
  if (s == AS_OK)
    s = p->kind == AS_HEAD_FILE
            ? as_linhead_file(&b->head, p->head, (size_t)as_model_embed_dim(b->bb.model), err)
            : as_linhead_own(&b->head, &b->bb, err);
  if (s == AS_OK) s = choose_rows(b, d->opts->images, err);
  if (s != AS_OK) return s;
  size_t side = (size_t)b->bb.preset.crop, classes = as_dataset_classes(ds);
  b->images = as_alloc(BATCH * side * side * 3, sizeof *b->images, err);
  b->features = as_alloc((size_t)BATCH * (size_t)as_model_embed_dim(b->bb.model), sizeof *b->features, err);
  b->logits = as_alloc(BATCH * b->head.n_out, sizeof *b->logits, err);
  b->allowed = as_calloc(b->head.n_out, 1, err);
  if (!b->images || !b->features || !b->logits || !b->allowed) return AS_E_ENV;
  const uint8_t *mask = as_dataset_mask(ds);
  for (size_t k = 0; k < b->head.n_out; k++) {
    int at = class_of(b, k);
    b->allowed[k] = at >= 0 && (classes == 0 || ((size_t)at < classes && (!mask || mask[at])));
  }
  return AS_OK;
}

/* ---- hypotheses --------------------------------------------------------------------------------------- */

static as_try *add(as_try *list, size_t *n, const as_preset *p, const char *kind) {
  as_try *t = &list[*n];
  if (*n == MAX_TRIES) return NULL;
  char mine[256], other[256];
  as_preset_text(p, mine, sizeof mine);
  for (size_t i = 0; i < *n; i++) {
    as_preset_text(&list[i].preset, other, sizeof other);
    if (!list[i].swap && !list[i].from && strcmp(mine, other) == 0) return NULL;
  }
  memset(t, 0, sizeof *t);
  t->preset = *p;
  snprintf(t->preset.name, sizeof t->preset.name, "custom");
  snprintf(t->kind, sizeof t->kind, "%s", kind);
  ++*n;
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

static void take_norm(as_preset *p, const as_preset *from) {
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
static void add_deviations(as_try *list, size_t *n, const as_preset *p, const as_preset *q) {
  char text[120];
  as_try *t;
  as_preset x;
  int parts = 0;
  if (p->filter != q->filter && q->resize > 0) {
    parts++;
    x = *p;
    x.filter = q->filter;
    if ((t = add(list, n, &x, "filter")) != NULL) {
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
    if ((t = add(list, n, &x, "crop")) != NULL) {
      snprintf(t->what, sizeof t->what, "resize %d before the crop of %d, as its recipe says", q->resize,
               p->crop);
      t->deviation = true;
    }
  }
  if (!same_norm(p, q)) {
    parts++;
    x = *p;
    take_norm(&x, q);
    norm_text(q, text, sizeof text);
    if ((t = add(list, n, &x, "normalisation")) != NULL) {
      snprintf(t->what, sizeof t->what, "%s, as its recipe says", text);
      t->deviation = true;
    }
  }
  if (parts > 1 && p->crop == q->crop && (t = add(list, n, q, "preprocessing")) != NULL) {
    snprintf(t->what, sizeof t->what, "the whole preset of its recipe");
    t->deviation = true;
  }
}

static void add_usual(as_try *list, size_t *n, const as_preset *p) {
  static const char *const norms[] = {"imagenet-bilinear", "timm-half", "simclr", "caffe"};
  static const int sizes[] = {224, 232, 248, 256};
  char text[120];
  as_try *t;
  as_preset x, named;
  as_err ignored;
  for (size_t i = 0; i < sizeof norms / sizeof *norms; i++) {
    if (as_preset_parse(&named, norms[i], &ignored) != AS_OK || same_norm(&named, p)) continue;
    x = *p;
    take_norm(&x, &named);
    norm_text(&x, text, sizeof text);
    if ((t = add(list, n, &x, "normalisation")) != NULL) snprintf(t->what, sizeof t->what, "%s", text);
  }
  if (*n < MAX_TRIES) {
    t = &list[(*n)++];
    memset(t, 0, sizeof *t);
    t->preset = *p;
    t->swap = true;
    snprintf(t->kind, sizeof t->kind, "BGR");
    snprintf(t->what, sizeof t->what, "channels in the order B, G, R");
  }
  x = *p;
  x.filter = p->filter == AS_FILTER_BICUBIC ? AS_FILTER_BILINEAR : AS_FILTER_BICUBIC;
  if (p->resize > 0 && (t = add(list, n, &x, "filter")) != NULL)
    snprintf(t->what, sizeof t->what, "filter %s", filter_name(x.filter));
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    x = *p;
    x.resize = (p->crop * sizes[i] + 112) / 224;
    if (x.resize == p->resize || (t = add(list, n, &x, "crop")) == NULL) continue;
    snprintf(t->what, sizeof t->what, "resize %d before the crop of %d", x.resize, p->crop);
  }
}

/* Checkpoints that hold two networks: words of the recipe by which the other one is found. */
static const char *const twins[][2] = {
    {"encoder_q", "encoder_k"}, {"base_encoder", "momentum_encoder"}, {"teacher", "student"},
    {"online_", "target_"},     {"base_model", "ema_model"},          {"backbone", "momentum_backbone"},
    {"model_ema", "model"},     {"target_encoder", "encoder"},
};

static char *exchange(const char *text, const char *a, const char *b, as_err *err) {
  as_str out = {0};
  size_t na = strlen(a), nb = strlen(b);
  for (const char *p = text; *p;) {
    /* The longer word first: one may hold the other. */
    bool ha = strncmp(p, a, na) == 0, hb = strncmp(p, b, nb) == 0;
    if (ha && (!hb || na >= nb)) {
      as_str_put(&out, b);
      p += na;
    } else if (hb) {
      as_str_put(&out, a);
      p += nb;
    } else {
      as_str_putc(&out, *p++);
    }
  }
  char *s = as_str_status(&out, err) == AS_OK ? as_strdup(as_str_c(&out), err) : NULL;
  as_str_clear(&out);
  return s;
}

static void add_twins(as_try *list, size_t *n, const as_doc_bench *b) {
  const as_embedded *e =
      as_embedded_find(as_recipe_files, as_recipe_files_count, as_recipe_name(b->bb.recipe));
  char *text = e ? as_embedded_text(e, NULL, NULL) : NULL;
  for (size_t i = 0; text && i < sizeof twins / sizeof *twins && *n < MAX_TRIES; i++) {
    for (int way = 0; way < 2; way++) {
      const char *from = twins[i][way], *to = twins[i][!way];
      bool there = false;
      if (!strstr(text, from)) continue;
      for (size_t k = 0; k < as_state_count(b->bb.state) && !there; k++)
        there = strstr(as_state_entries(b->bb.state)[k].name, to) != NULL;
      if (!there || *n == MAX_TRIES) continue;
      as_try *t = &list[(*n)++];
      memset(t, 0, sizeof *t);
      t->preset = b->bb.preset;
      t->from = from;
      t->to = to;
      snprintf(t->kind, sizeof t->kind, "weights");
      snprintf(t->what, sizeof t->what, "the network called %s instead of %s", to, from);
      break;
    }
  }
  as_free(text);
}

/* The same file through a recipe whose words are exchanged; false when nothing fits that way. */
static bool open_twin(as_backbone *bb, const as_plan_model *p, const as_doc_bench *b, const as_try *t) {
  const as_embedded *e =
      as_embedded_find(as_recipe_files, as_recipe_files_count, as_recipe_name(b->bb.recipe));
  as_err ignored;
  char *text = e ? as_embedded_text(e, NULL, NULL) : NULL;
  char *other = text ? exchange(text, t->from, t->to, NULL) : NULL;
  as_backbone_opts o = {.weights = p->weights,
                        .recipe = "twin",
                        .recipe_text = other,
                        .arch = as_model_arch(b->bb.model),
                        .preset = b->bb.preset_text};
  memset(bb, 0, sizeof *bb);
  bool ok = other && as_backbone_open(bb, &o, &ignored) == AS_OK &&
            as_model_embed_dim(bb->model) == as_model_embed_dim(b->bb.model);
  as_free(text);
  as_free(other);
  return ok;
}

/* ---- comparison --------------------------------------------------------------------------------------- */

static void compare(as_try *t, const as_doc_outcome *base, const as_doc_outcome *o, size_t n) {
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

/* Is the alternative better beyond doubt? What the recipe says itself needs less evidence than a guess. */
static bool convincing(const as_try *t, size_t n) {
  if (!t->done) return false;
  bool strong = t->gained > t->lost && t->p < 1e-3 && t->gained - t->lost >= (int64_t)(n / 20);
  if (strong) return true;
  if (t->deviation) return t->z > 2 && t->gained >= t->lost;
  return t->from && t->z > 4 && t->gained >= t->lost;
}

static void tell(as_doc_ctx *d, const as_try *t, size_t n, bool better) {
  char more[120];
  snprintf(more, sizeof more, ", log-likelihood %.3f%s", t->mean_ll, better ? ": BETTER" : "");
  as_doc_rate(d, t->what, t->right, (int64_t)n, more);
}

static void verdict(as_doc_ctx *d, as_try *list, size_t n_tries, const as_doc_bench *b, int64_t before) {
  const as_try *best = NULL;
  bool deviates = false;
  for (size_t i = 0; i < n_tries; i++) {
    bool good = convincing(&list[i], b->n);
    deviates = deviates || list[i].deviation;
    if (list[i].done) tell(d, &list[i], b->n, good);
    if (good && (!best || list[i].mean_ll > best->mean_ll)) best = &list[i];
  }
  if (best) {
    as_doc_cause(
        d, "%s: %s gives %lld of %zu instead of %lld (gained %lld, lost %lld, p %.1g; log-likelihood z %.1f)",
        best->kind, best->what, (long long)best->right, b->n, (long long)before, (long long)best->gained,
        (long long)best->lost, best->p, best->z);
  } else {
    for (size_t i = 0; i < n_tries; i++)
      if (list[i].deviation && list[i].done) {
        as_str_printf(
            d->out,
            "  POSSIBLE CAUSE  %s: %s; the run did otherwise, %zu images are too few to see a difference\n",
            list[i].kind, list[i].what, b->n);
        ++*d->causes;
      }
    if (!deviates) as_str_put(d->out, "  no other preprocessing or network is better on these images\n");
  }
}

as_status as_doc_input(as_doc_ctx *d, const as_plan *plan, size_t model, const char *preset,
                       const as_doc_cell *c, as_dataset *ds, as_err *err) {
  const as_plan_model *p = &plan->models[model];
  as_doc_bench b;
  as_doc_outcome base = {0}, o = {0};
  as_preset own;
  as_status s = bench_open(&b, d, p, preset, c, ds, err);
  as_try *list = as_calloc(MAX_TRIES, sizeof *list, err);
  size_t n = 0;
  if (s == AS_OK && b.n == 0) s = as_fail(err, AS_E_INPUT, "%s: found no scored image", p->name);
  if (s == AS_OK && !list) s = AS_E_ENV;
  if (s == AS_OK) s = outcome_make(&base, b.n, err);
  if (s == AS_OK) s = outcome_make(&o, b.n, err);
  if (s == AS_OK) s = run_rows(&b, &b.bb, &b.bb.preset, false, &base, d->opts->watch, "as recorded", err);
  if (s == AS_OK) {
    as_try was = {.preset = b.bb.preset};
    size_t same = 0, known = 0;
    compare(&was, &base, &base, b.n);
    for (size_t i = 0; i < b.n; i++) {
      const char *name = as_dataset_item(ds, b.row[i]).name;
      size_t at = b.row[i] < c->n && strcmp(c->image[b.row[i]].name, name) == 0 ? b.row[i] : SIZE_MAX;
      for (size_t k = 0; at == SIZE_MAX && k < c->n; k++)
        if (strcmp(c->image[k].name, name) == 0) at = k;
      if (at == SIZE_MAX) continue;
      known++;
      same += c->image[at].top1 == base.top[i];
    }
    as_str_printf(d->out, "  %zu images again: the recorded prediction %zu of %zu times\n", b.n, same, known);
    if (same < known)
      as_doc_cause(d,
                   "the record cannot be re-made: weights, images or code have changed since (assay verify "
                   "names which)");
    snprintf(was.what, sizeof was.what, "as recorded");
    tell(d, &was, b.n, false);
    if (as_preset_parse(&own, as_recipe_preset(b.bb.recipe), err) == AS_OK)
      add_deviations(list, &n, &b.bb.preset, &own);
    add_usual(list, &n, &b.bb.preset);
    add_twins(list, &n, &b);
    for (size_t i = 0; s == AS_OK && i < n; i++) {
      as_backbone twin = {0};
      if (list[i].from) {
        if (open_twin(&twin, p, &b, &list[i]))
          s = run_rows(&b, &twin, &b.bb.preset, false, &o, d->opts->watch, list[i].what, err);
        else
          list[i].what[0] = 0;
        as_backbone_clear(&twin);
        if (!list[i].what[0]) continue;
      } else {
        s = run_rows(&b, &b.bb, &list[i].preset, list[i].swap, &o, d->opts->watch, list[i].what, err);
      }
      if (s == AS_OK) compare(&list[i], &base, &o, b.n);
    }
    if (s == AS_OK) verdict(d, list, n, &b, was.right);
  }
  outcome_clear(&base);
  outcome_clear(&o);
  as_free(list);
  bench_close(&b);
  return s;
}

static bool listed(const char *name, const char *const *list, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(list[i], name) == 0) return true;
  return false;
}

/* The set whose published class list holds all classes that have images, or NULL. */
static const char *subset_of(const as_dataset *ds, const uint8_t *there, size_t present) {
  bool r = present <= as_imagenet_r_count, a = present <= as_imagenet_a_count;
  for (size_t c = 0; c < as_dataset_classes(ds) && (r || a); c++) {
    if (!there[c]) continue;
    r = r && listed(as_dataset_class_name(ds, c), as_imagenet_r, as_imagenet_r_count);
    a = a && listed(as_dataset_class_name(ds, c), as_imagenet_a, as_imagenet_a_count);
  }
  return r ? "imagenet-r" : a ? "imagenet-a" : NULL;
}

as_status as_doc_mask(as_doc_ctx *d, const as_plan *plan, size_t model, const char *preset,
                      const as_doc_cell *c, as_dataset *ds, as_err *err) {
  size_t classes = as_dataset_classes(ds), present = 0;
  const uint8_t *there = as_dataset_present(ds);
  for (size_t k = 0; there && k < classes; k++) present += there[k];
  if (!there || as_dataset_mask(ds) || present * 2 > classes || present < 2) return AS_OK;
  as_doc_bench b;
  as_doc_outcome base = {0}, o = {0};
  as_status s = bench_open(&b, d, &plan->models[model], preset, c, ds, err);
  if (s == AS_OK) s = outcome_make(&base, b.n, err);
  if (s == AS_OK) s = outcome_make(&o, b.n, err);
  if (s == AS_OK) s = run_rows(&b, &b.bb, &b.bb.preset, false, &base, d->opts->watch, "all classes", err);
  for (size_t k = 0; s == AS_OK && k < b.head.n_out; k++) {
    int at = class_of(&b, k);
    b.allowed[k] = at >= 0 && (size_t)at < classes && there[at];
  }
  if (s == AS_OK) s = run_rows(&b, &b.bb, &b.bb.preset, false, &o, d->opts->watch, "these classes", err);
  if (s == AS_OK) {
    as_try t = {0};
    compare(&t, &base, &o, b.n);
    snprintf(t.what, sizeof t.what, "argmax over the %zu classes that have images", present);
    const char *list = subset_of(ds, there, present);
    /* A right answer stays right among fewer classes, so any gain is one; a list that all classes are on
     * is no accident either. */
    bool better = t.gained > t.lost && (list || t.p < 0.01);
    tell(d, &t, b.n, better);
    if (better && list)
      as_doc_cause(
          d,
          "not masked: these are the %zu classes of %s, but the argmax ran over %zu; published figures are "
          "over its own classes (subset = %s, or its task)",
          present, list, classes, list);
    else if (better)
      as_str_printf(d->out,
                    "  note: %zu of %zu classes have images; if the set is meant to be told among these, "
                    "give it a subset\n",
                    present, classes);
  }
  outcome_clear(&base);
  outcome_clear(&o);
  bench_close(&b);
  return s;
}
