/* Images that are there twice, as the record counts them. */
#include "eval/run/doctor_int.h"

static const char *first_example(const as_json *shared) {
  const as_json *list = as_json_get(shared, "examples");
  return list && list->child && list->child->type == AS_JSON_STRING ? list->child->text : "";
}

void as_doc_training_images(as_doc_ctx *d, const as_json *cell) {
  const as_json *shared = as_json_get(cell, "in_train");
  int64_t n = 0, all = 0;
  if (!shared || !as_rec_count(shared, "images", &n) || n == 0) return;
  as_rec_count(cell, "n_expected", &all);
  as_doc_cause(d, "training images: %lld of the %lld images that are scored are in the training set too (%s)",
               (long long)n, (long long)all, first_example(shared));
}

/* n of the `all` images of a set: few are named, and do not make its numbers wrong. */
static void put_twins(as_doc_ctx *d, int64_t n, int64_t all, const char *text) {
  if (n * 100 >= all)
    as_doc_cause(d, "%s", text);
  else
    as_str_printf(d->out, "  note: %s\n", text);
}

static int64_t images_of(const as_rec *rec, const char *set) {
  int64_t n = 0;
  const as_json *of = set ? as_rec_find(rec, "datasets", "name", set, NULL, NULL) : NULL;
  if (of) as_rec_count(of, "images", &n);
  return n;
}

void as_doc_twins(as_doc_ctx *d, const as_rec *rec) {
  for (const as_json *set = as_rec_list(rec, "datasets"); set; set = set->next) {
    const as_json *twice = as_json_get(set, "twice");
    int64_t n = 0;
    const char *name = as_rec_text(set, "name");
    as_str text = {0};
    if (!name || !twice || !as_rec_count(twice, "images", &n) || n == 0) continue;
    as_str_printf(&text, "twins: %lld of the %lld images of %s are there more than once (%s)", (long long)n,
                  (long long)images_of(rec, name), name, first_example(twice));
    as_str_printf(d->out, "set %s\n", name);
    put_twins(d, n, images_of(rec, name), as_str_c(&text));
    as_str_clear(&text);
  }
  for (const as_json *o = as_rec_list(rec, "overlaps"); o; o = o->next) {
    const as_json *shared = as_json_get(o, "shared");
    const char *name = as_rec_text(o, "dataset"), *other = as_rec_text(o, "other");
    int64_t n = 0;
    as_str text = {0};
    if (!name || !other || !shared || !as_rec_count(shared, "images", &n) || n == 0) continue;
    as_str_printf(&text,
                  "twins: %lld of the %lld images of %s are in %s too, and averages count them twice (%s)",
                  (long long)n, (long long)images_of(rec, name), name, other, first_example(shared));
    as_str_printf(d->out, "sets %s and %s\n", other, name);
    put_twins(d, n, images_of(rec, name), as_str_c(&text));
    as_str_clear(&text);
  }
}
