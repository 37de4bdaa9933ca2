/* What others ask of a plan. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "eval/learn/probe.h"
#include "eval/learn/probe_path.h"
#include "eval/run/plan_int.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"

as_status as_plan_fail(const as_plan_reader *r, const char *fmt, ...) {
  char text[768];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  return as_fail(r->err, AS_E_INPUT, "%s:%d: %s", r->plan->path, r->line, text);
}

bool as_plan_is_name(const char *s) {
  size_t n = strlen(s);
  if (n == 0 || n > 80 || s[0] == '.') return false;
  for (size_t i = 0; i < n; i++) {
    char c = s[i];
    bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
              c == '_' || c == '+' || c == '-';
    if (!ok) return false;
  }
  return strstr(s, "--") == NULL;
}

/* Puts `to` where `from` begins a path in text: what stands before it is no part of one. */
static void put_replaced(as_str *out, const char *text, const char *from, const char *to) {
  const size_t n = strlen(from);
  for (const char *p = text; *p;) {
    const bool begins = p == text || !strchr("/._-", p[-1]);
    const bool here = n > 0 && begins && strncmp(p, from, n) == 0;
    if (here) {
      as_str_put(out, to);
      p += n;
    } else {
      as_str_putc(out, *p++);
    }
  }
}

char *as_plan_portable(const as_plan *plan, const char *text, as_err *err) {
  as_str now = {0}, next = {0};
  as_str_put(&now, text);
  for (size_t i = 0; i < plan->n_datasets + plan->n_models; i++) {
    const as_plan_dataset *d = i < plan->n_datasets ? &plan->datasets[i] : NULL;
    const as_plan_model *m = d ? NULL : &plan->models[i - plan->n_datasets];
    const as_plan_path *const paths[] = {d ? &d->path : &m->weights, d ? &d->labels : &m->recipe,
                                         d ? &d->real : &m->head_file, d ? &d->classes : NULL,
                                         d ? &d->subset : NULL};
    for (size_t k = 0; k < sizeof paths / sizeof *paths; k++) {
      if (!paths[k] || !paths[k]->at || strcmp(paths[k]->at, paths[k]->said) == 0) continue;
      as_str_clear(&next);
      put_replaced(&next, as_str_c(&now), paths[k]->at, paths[k]->said);
      as_str swap = now;
      now = next;
      next = swap;
    }
  }
  char *made = as_str_status(&now, err) == AS_OK ? as_strdup(as_str_c(&now), err) : NULL;
  as_str_clear(&now);
  as_str_clear(&next);
  return made;
}

const as_plan_pretrain *as_plan_training_of(const as_plan *plan, const as_plan_model *m) {
  const char *name =
      as_starts_with(m->weights.said, AS_PLAN_TRAINED) ? m->weights.said + strlen(AS_PLAN_TRAINED) : NULL;
  for (size_t i = 0; name && i < plan->n_pretrain; i++)
    if (strcmp(plan->pretrain[i].name, name) == 0) return &plan->pretrain[i];
  return NULL;
}

const char *as_plan_protocol(const as_plan *plan, const as_plan_model *m) {
  return m->protocol ? m->protocol : plan->protocol;
}

static void put_probe(as_str *out, const as_plan *plan, const as_plan_model *m) {
  const char *protocol = as_plan_protocol(plan, m);
  as_probe_opts fit = {0};
  as_path_opts path = {0};
  if (strcmp(protocol, "lbfgs") != 0)
    as_str_printf(out, "probe, %s%s", protocol, plan->crops ? " on crops" : "");
  else if (m->c && (as_path_parse(m->c, &fit.c, &path, NULL) != AS_OK || path.count > 0))
    as_str_printf(out, "probe, C by held-out rows (%s)", m->c);
  else
    as_str_printf(out, "probe, C %.6g", as_probe_resolve(fit).c);
  if (m->max_iter) as_str_printf(out, ", at most %d iterations", m->max_iter);
}

void as_plan_put_head(as_str *out, const as_plan *plan, const as_plan_model *m) {
  char knn[64];
  if (m->kind == AS_HEAD_PROBE)
    put_probe(out, plan, m);
  else if (m->kind == AS_HEAD_KNN)
    as_str_printf(out, "k-NN, %s", as_knn_text(as_plan_knn(m), knn));
  else
    as_str_put(out, m->kind == AS_HEAD_OWN ? "own head" : "head in a file");
  if (m->train) as_str_printf(out, ", on %s", m->train);
  if (m->preset) as_str_printf(out, ", preset %s", m->preset);
}

as_knn_opts as_plan_knn(const as_plan_model *m) {
  return (as_knn_opts){.k = m->k, .temperature = m->temperature};
}

as_dataset_opts as_plan_dataset_opts(const as_plan_dataset *p) {
  return (as_dataset_opts){.path = p->path.at,
                           .want_labels = true,
                           .task = p->task,
                           .classes = p->classes.at,
                           .labels = p->labels.at,
                           .real = p->real.at,
                           .subset = p->subset.at,
                           .flavour = p->flavour,
                           .limit = p->limit,
                           .per_class_from = p->per_class[0],
                           .per_class_to = p->per_class[1]};
}

const as_plan_dataset *as_plan_train_set(const as_plan *plan, const as_plan_model *m) {
  if (m->kind != AS_HEAD_PROBE && m->kind != AS_HEAD_KNN) return NULL;
  for (size_t i = 0; i < plan->n_datasets; i++) {
    const as_plan_dataset *d = &plan->datasets[i];
    if (d->train && (!m->train || strcmp(d->name, m->train) == 0)) return d;
  }
  return NULL;
}

size_t as_plan_train_index(const as_plan *plan, size_t m) {
  const as_plan_dataset *t = as_plan_train_set(plan, &plan->models[m]);
  return t ? (size_t)(t - plan->datasets) : SIZE_MAX;
}
