/* A set of few of the classes, and an argmax over all of them. */
#include <stdio.h>
#include <string.h>

#include "data/sets/labels.h"
#include "eval/run/doctor_int.h"

static bool is_listed(const char *name, const char *const *list, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(list[i], name) == 0) return true;
  return false;
}

/* The set whose published class list holds all classes that have images, or NULL. */
static const char *subset_of(const as_dataset *ds, const uint8_t *there, size_t present) {
  bool r = present <= as_imagenet_r_count, a = present <= as_imagenet_a_count;
  for (size_t c = 0; c < as_dataset_classes(ds) && (r || a); c++) {
    if (!there[c]) continue;
    r = r && is_listed(as_dataset_class_name(ds, c), as_imagenet_r, as_imagenet_r_count);
    a = a && is_listed(as_dataset_class_name(ds, c), as_imagenet_a, as_imagenet_a_count);
  }
  return r ? "imagenet-r" : a ? "imagenet-a" : NULL;
}

/* How many classes have images, where the argmax ran over many more; 0: nothing to be tested. */
static size_t few_classes(const as_dataset *ds) {
  size_t classes = as_dataset_classes(ds), present = 0;
  const uint8_t *there = as_dataset_present(ds);
  for (size_t k = 0; there && k < classes; k++) present += there[k];
  return as_dataset_mask(ds) || present * 2 > classes || present < 2 ? 0 : present;
}

static void put_verdict(as_doc_ctx *d, const as_doc_case *c, const as_try *t, size_t n, size_t present) {
  size_t classes = as_dataset_classes(c->ds);
  const char *list = subset_of(c->ds, as_dataset_present(c->ds), present);
  char what[160], more[120];
  /* A right answer stays right among fewer classes, so any gain is one; a list that all classes are on is no
   * accident either. */
  bool better = t->gained > t->lost && (list || t->p < 0.01);
  snprintf(what, sizeof what, "argmax over the %zu classes that have images", present);
  snprintf(more, sizeof more, ", log-likelihood %.3f%s", t->mean_ll, better ? ": BETTER" : "");
  as_doc_rate(d, what, t->right, (int64_t)n, more);
  if (better && list)
    as_doc_cause(
        d,
        "not masked: these are the %zu classes of %s, but the argmax ran over %zu; published figures "
        "are over its own classes (subset = %s, or its task)",
        present, list, classes, list);
  else if (better)
    as_str_printf(
        d->out,
        "  note: %zu of %zu classes have images; if the set is meant to be told among these, give it "
        "a subset\n",
        present, classes);
}

as_status as_doc_mask(as_doc_ctx *d, const as_doc_case *c, as_err *err) {
  size_t present = few_classes(c->ds);
  const uint8_t *there = as_dataset_present(c->ds);
  if (!present) return AS_OK;
  as_doc_bench b;
  as_doc_outcome base = {0}, o = {0};
  as_try t = {0};
  as_status s = as_doc_bench_open(&b, c, d->opts->images, err);
  as_doc_way way = {&b.bb, &b.bb.preset, false, "all classes"};
  if (s == AS_OK) s = as_doc_bench_run(&b, &way, &base, d->opts->watch, err);
  for (size_t k = 0; s == AS_OK && k < b.head.n_out; k++) b.allowed[k] = b.allowed[k] && there[b.class_of[k]];
  way.what = "these classes";
  if (s == AS_OK) s = as_doc_bench_run(&b, &way, &o, d->opts->watch, err);
  if (s == AS_OK) {
    as_try_compare(&t, &base, &o, b.n);
    put_verdict(d, c, &t, b.n, present);
  }
  as_doc_outcome_clear(&base);
  as_doc_outcome_clear(&o);
  as_doc_bench_close(&b);
  return s;
}
