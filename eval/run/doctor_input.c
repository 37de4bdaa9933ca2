/* Counter-tests on a few images: the same weights and head with one thing changed at a time. */
#include <stdio.h>
#include <string.h>

#include "eval/run/doctor_int.h"
#include "tensor/base/mem.h"

/* Is the alternative better beyond doubt? What the recipe says itself needs less evidence than a guess. */
static bool convincing(const as_try *t, size_t n) {
  if (!t->done) return false;
  bool strong = t->gained > t->lost && t->p < 1e-3 && t->gained - t->lost >= (int64_t)(n / 20);
  if (strong) return true;
  if (t->deviation) return t->z > 2 && t->gained >= t->lost;
  return t->is_twin && t->z > 4 && t->gained >= t->lost;
}

static void put_try(as_doc_ctx *d, const as_try *t, size_t n, bool better) {
  char more[120];
  snprintf(more, sizeof more, ", log-likelihood %.3f%s", t->mean_ll, better ? ": BETTER" : "");
  as_doc_rate(d, t->what, t->right, (int64_t)n, more);
}

static void put_verdict(as_doc_ctx *d, as_try *list, size_t n_tries, const as_doc_bench *b, int64_t before) {
  const as_try *best = NULL;
  bool deviates = false;
  for (size_t i = 0; i < n_tries; i++) {
    bool good = convincing(&list[i], b->n);
    deviates = deviates || list[i].deviation;
    if (list[i].done) put_try(d, &list[i], b->n, good);
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

/* How many of the images under test are predicted as the record has it, of those that it knows. */
static void count_same(const as_doc_bench *b, const as_doc_cell *c, const as_doc_outcome *o, size_t *same,
                       size_t *known) {
  *same = *known = 0;
  for (size_t i = 0; i < b->n; i++) {
    const char *name = as_dataset_item(b->ds, b->row[i]).name;
    size_t at = b->row[i] < c->n && strcmp(c->image[b->row[i]].name, name) == 0 ? b->row[i] : SIZE_MAX;
    for (size_t k = 0; at == SIZE_MAX && k < c->n; k++)
      if (strcmp(c->image[k].name, name) == 0) at = k;
    if (at == SIZE_MAX) continue;
    ++*known;
    *same += c->image[at].top1 == o->top[i];
  }
}

/* The recorded way once more: what all others are compared with. */
static as_status run_recorded(as_doc_ctx *d, as_doc_bench *b, const as_doc_cell *c, as_doc_outcome *base,
                              as_try *was, as_err *err) {
  as_doc_way way = {&b->bb, &b->bb.preset, false, "as recorded"};
  size_t same, known;
  as_status s = as_doc_bench_run(b, &way, base, d->opts->watch, err);
  if (s != AS_OK) return s;
  as_try_compare(was, base, base, b->n);
  count_same(b, c, base, &same, &known);
  as_str_printf(d->out, "  %zu images again: the recorded prediction %zu of %zu times\n", b->n, same, known);
  if (same < known)
    as_doc_cause(d,
                 "the record cannot be re-made: weights, images or code have changed since (assay verify "
                 "names which)");
  snprintf(was->what, sizeof was->what, "as recorded");
  put_try(d, was, b->n, false);
  return AS_OK;
}

/* The other network of the same file. */
static as_status open_twin(as_backbone *bb, as_recipe **recipe, const as_plan_model *p, const as_doc_bench *b,
                           const as_twin *twin, as_err *err) {
  as_status s = as_recipe_twin(recipe, b->bb.recipe, twin, err);
  as_backbone_opts o = {.weights = p->weights.at,
                        .given = *recipe,
                        .arch = as_model_arch(b->bb.model),
                        .preset = b->bb.preset_text};
  return s == AS_OK ? as_backbone_open(bb, &o, err) : s;
}

static as_status run_try(as_doc_bench *b, const as_plan_model *p, as_try *t, const as_doc_outcome *base,
                         const as_watch *watch, as_err *err) {
  as_backbone twin = {0};
  as_recipe *recipe = NULL;
  as_doc_outcome o = {0};
  as_doc_way way = {&b->bb, &t->preset, t->swap, t->what};
  as_status s = AS_OK;
  if (t->is_twin) {
    as_err ignored;
    if (open_twin(&twin, &recipe, p, b, &t->twin, &ignored) == AS_OK &&
        as_model_embed_dim(twin.model) == as_model_embed_dim(b->bb.model))
      way.bb = &twin;
    else
      way.bb = NULL; /* it does not fit; nothing is to be said of it */
  }
  if (way.bb) s = as_doc_bench_run(b, &way, &o, watch, err);
  if (way.bb && s == AS_OK) as_try_compare(t, base, &o, b->n);
  as_doc_outcome_clear(&o);
  as_backbone_clear(&twin);
  as_recipe_destroy(&recipe);
  return s;
}

as_status as_doc_input(as_doc_ctx *d, const as_doc_case *c, as_err *err) {
  as_doc_bench b;
  as_doc_outcome base = {0};
  as_try was = {0}, *list = as_calloc(AS_DOC_TRIES, sizeof *list, err);
  as_status s = as_doc_bench_open(&b, c, d->opts->images, err);
  if (s == AS_OK && !list) s = AS_E_ENV;
  if (s == AS_OK) s = run_recorded(d, &b, c->cell, &base, &was, err);
  size_t n = s == AS_OK ? as_doc_tries(list, &b.bb) : 0;
  for (size_t i = 0; s == AS_OK && i < n; i++)
    s = run_try(&b, c->model, &list[i], &base, d->opts->watch, err);
  if (s == AS_OK) put_verdict(d, list, n, &b, was.right);
  as_doc_outcome_clear(&base);
  as_free(list);
  as_doc_bench_close(&b);
  return s;
}
