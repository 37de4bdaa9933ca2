/* What can only be judged when the whole plan is read. */
#include <stdio.h>
#include <string.h>

#include "eval/learn/probe_path.h"
#include "eval/learn/protocol.h"
#include "eval/pretrain/training.h"
#include "eval/run/plan_int.h"
#include "tensor/base/file.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"

/* The names of the scored sets, borrowed from the plan. */
typedef struct as_set_names {
  const char **name; /* owned */
  size_t n;
} as_set_names;

static bool is_scored_set(const as_set_names *sets, const char *name) {
  for (size_t i = 0; i < sets->n; i++)
    if (strcmp(sets->name[i], name) == 0) return true;
  return false;
}

static bool is_hash(const char *h) {
  size_t max = as_starts_with(h, "sha256:") ? 64 : as_starts_with(h, "md5:") ? 32 : 0;
  const char *digits = max ? strchr(h, ':') + 1 : h;
  size_t n = strspn(digits, "0123456789abcdef");
  return max && !digits[n] && n >= 8 && n <= max;
}

static as_status check_protocol(const as_plan_reader *r, const char *where, const char *name) {
  const char *names[64] = {"lbfgs", "per-framework"};
  size_t n = 2;
  if (!name || strcmp(name, names[0]) == 0 || strcmp(name, names[1]) == 0 || as_protocol_named(name))
    return AS_OK;
  for (size_t i = 0; i < as_protocol_count() && n < sizeof names / sizeof *names; i++)
    names[n++] = as_protocol_at(i)->name;
  const char *near = as_nearest(name, names, n);
  return near ? as_plan_fail(r, "%s: protocol '%s' is not known; did you mean %s?", where, name, near)
              : as_plan_fail(r, "%s: protocol '%s' is not known (assay probe -h lists them)", where, name);
}

/* What a fitted probe is told must make sense together. */
static as_status check_probe(const as_plan_reader *r, const as_plan_model *m) {
  as_path_opts path = {0};
  double c = 0;
  as_err e = {0};
  char where[120];
  const char *protocol = as_plan_protocol(r->plan, m);
  snprintf(where, sizeof where, "[model %s]", m->name);
  if ((m->protocol || m->c) && m->kind != AS_HEAD_PROBE)
    return as_plan_fail(r, "%s: %s is for head = probe", where, m->c ? "c" : "protocol");
  if ((m->c || m->max_iter) && strcmp(protocol, "lbfgs") != 0)
    return as_plan_fail(r, "%s: c and max-iter are for protocol = lbfgs, found %s", where, protocol);
  if (m->c && as_path_parse(m->c, &c, &path, &e) != AS_OK) return as_plan_fail(r, "%s: %s", where, e.msg);
  return check_protocol(r, where, m->protocol);
}

/* A published figure must belong to a set that the plan scores; without a word it is the base set's. */
static as_status check_published(const as_plan_reader *r, as_plan_model *m, const as_set_names *sets) {
  const char *name = m->name, *on = m->published_on;
  if (m->hash && !is_hash(m->hash))
    return as_plan_fail(r, "[model %s]: hash: found '%s', wanted sha256: or md5: and 8 or more hex digits",
                        name, m->hash);
  if (on && !(m->published > 0)) return as_plan_fail(r, "[model %s]: published-on without published", name);
  if (!(m->published > 0)) return AS_OK;
  if (!on) {
    m->published_on = as_strdup(r->plan->base ? r->plan->base : sets->name[0], r->err);
    return m->published_on ? AS_OK : AS_E_ENV;
  }
  if (is_scored_set(sets, on)) return AS_OK;
  const char *near = as_nearest(on, sets->name, sets->n);
  return near ? as_plan_fail(r, "[model %s]: published-on = %s is no scored dataset; did you mean %s?", name,
                             on, near)
              : as_plan_fail(r, "[model %s]: published-on = %s is no scored dataset", name, on);
}

/* head = own, probe, knn, or a file. A file's name that is a slip of one of the words is asked about. */
static as_status read_head_word(const as_plan_reader *r, as_plan_model *m) {
  static const char *const words[] = {"own", "probe", "knn"};
  static const as_plan_head kinds[] = {AS_HEAD_OWN, AS_HEAD_PROBE, AS_HEAD_KNN};
  enum { WORDS = sizeof words / sizeof *words };
  m->kind = AS_HEAD_OWN;
  if (!m->head) return AS_OK;
  for (int i = 0; i < WORDS; i++) {
    if (strcmp(m->head, words[i]) != 0) continue;
    m->kind = kinds[i];
    return AS_OK;
  }
  const char *near = strpbrk(m->head, "./") ? NULL : as_nearest(m->head, words, WORDS);
  if (near)
    return as_plan_fail(r, "[model %s]: head: found '%s'; did you mean %s? (a file of that name: ./%s)",
                        m->name, m->head, near, m->head);
  m->kind = AS_HEAD_FILE;
  return as_plan_put_path(r, &m->head_file, m->head);
}

/* A training's folder is the plan's business alone, so that all runs of the plan find it. */
static as_status check_pretrain(const as_plan_reader *r, as_plan_pretrain *t) {
  as_plan_path place = {0};
  as_str said = {0};
  if (!t->method) return as_plan_fail(r, "[pretrain %s] has no method", t->name);
  if (!t->data.at) return as_plan_fail(r, "[pretrain %s] has no data", t->name);
  if (as_training_is_world(t->data.said)) {
    as_free(t->data.at);
    if (!(t->data.at = as_strdup(t->data.said, r->err))) return AS_E_ENV;
  }
  as_str_printf(&said, "pretrained/%s", t->name);
  as_status s = as_str_status(&said, r->err);
  if (s == AS_OK) s = as_plan_put_path(r, &place, as_str_c(&said));
  t->dir = place.at;
  as_free(place.said);
  as_str_clear(&said);
  if (s == AS_OK) t->checkpoint = as_path_join(t->dir, "checkpoint.safetensors", r->err);
  return s == AS_OK && !t->checkpoint ? AS_E_ENV : s;
}

/* weights = pretrain:NAME is that training's checkpoint. */
static as_status find_training(const as_plan_reader *r, as_plan_model *m) {
  const as_plan_pretrain *t = as_plan_training_of(r->plan, m);
  if (!t)
    return as_plan_fail(r, "[model %s]: weights = %s, but the plan has no [pretrain %s]", m->name,
                        m->weights.said, m->weights.said + strlen(AS_PLAN_TRAINED));
  as_free(m->weights.at);
  return (m->weights.at = as_strdup(t->checkpoint, r->err)) ? AS_OK : AS_E_ENV;
}

static as_status no_train_set(const as_plan_reader *r, const as_plan_model *m) {
  if (!m->train)
    return as_plan_fail(r, "[model %s]: head = %s wants a dataset with role = train", m->name, m->head);
  const as_plan *p = r->plan;
  const char **names = as_alloc(p->n_datasets + 1, sizeof *names, r->err);
  char mean[AS_MEAN_MAX];
  size_t n = 0;
  if (!names) return AS_E_ENV;
  for (size_t i = 0; i < p->n_datasets; i++)
    if (p->datasets[i].train) names[n++] = p->datasets[i].name;
  as_did_you_mean(mean, m->train, names, n);
  as_free(names);
  return as_plan_fail(r, "[model %s]: train = %s is no dataset with role = train%s", m->name, m->train, mean);
}

static as_status check_model(const as_plan_reader *r, as_plan_model *m, size_t n_training) {
  if (!m->weights.at) return as_plan_fail(r, "[model %s] has no weights", m->name);
  if (as_starts_with(m->weights.said, AS_PLAN_TRAINED)) {
    const as_status found = find_training(r, m);
    if (found != AS_OK) return found;
  }
  as_status s = read_head_word(r, m);
  if (s != AS_OK) return s;
  if (m->kind != AS_HEAD_PROBE && m->kind != AS_HEAD_KNN)
    return m->train ? as_plan_fail(r, "[model %s]: train is for head = probe and head = knn", m->name)
                    : AS_OK;
  if (!as_plan_train_set(r->plan, m)) return no_train_set(r, m);
  if (!m->train && n_training > 1)
    return as_plan_fail(r, "[model %s]: the plan has %zu training sets; say which with train = NAME", m->name,
                        n_training);
  return AS_OK;
}

static as_status check_benchmark(as_plan_reader *r, const as_set_names *sets) {
  as_plan *p = r->plan;
  r->line = 1;
  as_status s = check_protocol(r, "[benchmark]", p->protocol);
  if (s != AS_OK) return s;
  if (p->n_models == 0) return as_plan_fail(r, "found no [model NAME], wanted at least one");
  if (sets->n == 0) return as_plan_fail(r, "found no dataset to score, wanted at least one");
  if (p->unified && strcmp(p->unified, "mean-top1") != 0)
    return as_plan_fail(r, "unified: found '%s', wanted mean-top1", p->unified);
  if (!p->base || is_scored_set(sets, p->base)) return AS_OK;
  const char *near = as_nearest(p->base, sets->name, sets->n);
  return near ? as_plan_fail(r, "base: found '%s'; did you mean '%s'?", p->base, near)
              : as_plan_fail(r, "base: found '%s', which is no scored dataset of this plan", p->base);
}

/* What the plan leaves open is settled here, once. */
static as_status fill_defaults(const as_plan_reader *r) {
  as_plan *p = r->plan;
  if (!p->unified && !(p->unified = as_strdup("mean-top1", r->err))) return AS_E_ENV;
  if (!p->protocol && !(p->protocol = as_strdup("lbfgs", r->err))) return AS_E_ENV;
  if (p->name) return AS_OK;
  const char *file = as_path_base(p->path), *dot = strrchr(file, '.');
  p->name = as_strndup(file, dot && dot != file ? (size_t)(dot - file) : strlen(file), r->err);
  return p->name ? AS_OK : AS_E_ENV;
}

as_status as_plan_check(as_plan_reader *r) {
  as_plan *p = r->plan;
  as_set_names sets = {as_calloc(p->n_datasets, sizeof *sets.name, r->err), 0};
  as_status s = sets.name ? fill_defaults(r) : AS_E_ENV;
  for (size_t i = 0; s == AS_OK && i < p->n_datasets; i++) {
    const as_plan_dataset *d = &p->datasets[i];
    r->line = d->line;
    if (!d->path.at) s = as_plan_fail(r, "[dataset %s] has no path", d->name);
    if (!d->train) sets.name[sets.n++] = d->name;
  }
  for (size_t i = 0; s == AS_OK && i < p->n_pretrain; i++) {
    r->line = p->pretrain[i].line;
    s = check_pretrain(r, &p->pretrain[i]);
  }
  for (size_t i = 0; s == AS_OK && i < p->n_models; i++) {
    r->line = p->models[i].line;
    s = check_model(r, &p->models[i], p->n_datasets - sets.n);
  }
  if (s == AS_OK) s = check_benchmark(r, &sets);
  for (size_t i = 0; s == AS_OK && i < p->n_models; i++) {
    r->line = p->models[i].line;
    s = check_published(r, &p->models[i], &sets);
    if (s == AS_OK) s = check_probe(r, &p->models[i]);
  }
  as_free(sets.name);
  return s;
}
