/* Small objects of a record, read back as record.c writes them. */
#include <stdio.h>
#include <string.h>

#include "eval/run/record_read.h"
#include "tensor/base/file.h"
#include "tensor/base/mem.h"

void as_rec_copy_digits(char to[65], const as_json *object, const char *key) {
  const char *text = as_rec_digits(object, key);
  snprintf(to, 65, "%s", text ? text : "");
}

void as_rec_candidates(as_candidates *c, const as_json *object, const char *key) {
  const as_json *of = as_json_get(object, key);
  int64_t n = 0;
  if (!of || !as_rec_count(of, "classes", &n)) return;
  c->n = (size_t)n;
  as_rec_copy_digits(c->sha256, of, "sha256");
}

as_status as_rec_shared(as_shared *s, const as_json *object, const char *key, as_err *err) {
  const as_json *of = as_json_get(object, key);
  if (!of || !as_rec_count(of, "images", &s->n)) return AS_OK;
  s->known = true;
  as_rec_count(of, "same_bytes", &s->n_bytes);
  const as_json *list = as_json_get(of, "examples");
  int k = 0;
  for (const as_json *e = list && list->type == AS_JSON_ARRAY ? list->child : NULL; e; e = e->next)
    if (e->type == AS_JSON_STRING && k < AS_SHARED_KEPT && !(s->example[k++] = as_strdup(e->text, err)))
      return AS_E_ENV;
  return AS_OK;
}

static double number_in(const as_json *object, const char *key) {
  const as_json *v = as_json_get(object, key);
  return v && v->type == AS_JSON_NUMBER ? v->number : 0.0;
}

as_status as_rec_probe(as_probe_facts *p, const as_json *model, as_err *err) {
  const as_json *of = as_json_get(model, "probe"), *done = as_json_get(of, "converged");
  const char *train = of ? as_rec_text(of, "train") : NULL;
  if (!of || of->type != AS_JSON_OBJECT) return AS_OK;
  *p = (as_probe_facts){.known = true,
                        .c = number_in(of, "c"),
                        .loss = number_in(of, "loss"),
                        .bound = number_in(of, "bound"),
                        .gradient = number_in(of, "gradient"),
                        .converged = done && done->boolean};
  as_rec_count(of, "n_train", &p->n_train);
  as_rec_count(of, "iterations", &p->iterations);
  if (train && !(p->train = as_strdup(train, err))) return AS_E_ENV;
  return AS_OK;
}

as_status as_rec_backbone(as_results_model *m, const as_rec_network *n, as_err *err) {
  static const char *const suffixes[] = {".safetensors", ".pth.tar", ".pth", ".pt", ".npz", ".pkl", ".bin"};
  as_str key = {0}, name = {0};
  if (!n->weights || !n->sha256 || !n->recipe || !n->arch || !n->protocol) return AS_OK;
  as_str_printf(&key, "%s %s %s", n->sha256, n->recipe, n->arch);
  const char *base = as_path_base(n->weights), *colon = strchr(base, ':'); /* pretrain:NAME */
  as_str_put(&name, colon ? colon + 1 : base);
  for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
    if (!as_ends_with(as_str_c(&name), suffixes[i]) || name.n == strlen(suffixes[i])) continue;
    name.n -= strlen(suffixes[i]);
    name.s[name.n] = 0;
    break;
  }
  as_status s = as_str_status(&key, err);
  if (s == AS_OK) s = as_str_status(&name, err);
  if (s == AS_OK) s = as_results_backbone(m, as_str_c(&key), as_str_c(&name), n->protocol, err);
  as_str_clear(&key);
  as_str_clear(&name);
  return s;
}
