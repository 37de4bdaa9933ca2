#include "eval/run/record.h"

#include <math.h>
#include <string.h>

#include "data/sets/tasks.h"
#include "eval/stats/unified.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/runtime.h"

static void put(as_jsonw *w, const char *key, const char *value) {
  as_jsonw_key(w, key);
  as_jsonw_str(w, value);
}

static void put_n(as_jsonw *w, const char *key, size_t value) {
  as_jsonw_key(w, key);
  as_jsonw_u64(w, value);
}

/* Absent texts stay absent. */
static void put_if(as_jsonw *w, const char *key, const char *value) {
  if (value && *value) put(w, key, value);
}

/* ImageNet-C: mCE (relative to AlexNet) and the plain mean error beside it, and what they are made of. */
static void put_corruptions(as_jsonw *w, const as_cell *c) {
  double reference[AS_CORRUPTIONS], mean_error;
  if (!c->corruption_error) return;
  for (int k = 0; k < AS_CORRUPTIONS; k++) reference[k] = as_corruptions[k].alexnet_error;
  as_jsonw_key(w, "mce"); /* null unless every corruption is there at every severity */
  as_jsonw_f64(w, as_mce(c->corruption_error, reference, AS_CORRUPTIONS, AS_SEVERITIES, &mean_error));
  as_jsonw_key(w, "mean_corruption_error");
  as_jsonw_f64(w, mean_error);
  as_jsonw_key(w, "corruption_error");
  as_jsonw_object(w);
  for (int k = 0; k < AS_CORRUPTIONS; k++) {
    as_jsonw_key(w, as_corruptions[k].name);
    as_jsonw_array(w);
    for (int v = 0; v < AS_SEVERITIES; v++) as_jsonw_f64(w, c->corruption_error[k * AS_SEVERITIES + v]);
    as_jsonw_end(w);
  }
  as_jsonw_end(w);
}

as_status as_record_corruptions(as_results *res, as_err *err) {
  as_status s = AS_OK;
  res->n_severities = AS_SEVERITIES;
  for (int k = 0; s == AS_OK && k < AS_CORRUPTIONS; k++)
    s = as_results_corruption_add(res, as_corruptions[k].name, as_corruptions[k].alexnet_error, err);
  return s;
}

void as_record_cell(as_jsonw *w, const char *model, const char *dataset, const as_cell *c) {
  as_jsonw_object(w);
  put(w, "model", model);
  put(w, "dataset", dataset);
  put(w, "profile", as_profile_name());
  if (!c->present) {
    put(w, "why", c->why);
    as_jsonw_end(w);
    return;
  }
  put_n(w, "n_expected", (size_t)c->n_expected);
  put_n(w, "n_used", (size_t)c->n_used);
  put_n(w, "n_failed", (size_t)c->n_failed);
  put_n(w, "top1_correct", (size_t)c->top1_correct);
  put_n(w, "top5_correct", (size_t)c->top5_correct);
  /* Without a scored image there is no accuracy: null, not 0. */
  double none = c->n_used > 0 ? 0.0 : (double)NAN;
  as_jsonw_key(w, "top1");
  as_jsonw_f64(w, c->top1 + none);
  as_jsonw_key(w, "top5");
  as_jsonw_f64(w, c->top5 + none);
  as_jsonw_key(w, "top1_ci95");
  as_jsonw_array(w);
  as_jsonw_f64(w, c->top1_lo + none);
  as_jsonw_f64(w, c->top1_hi + none);
  as_jsonw_end(w);
  put_if(w, "preset", c->preset);
  put_corruptions(w, c);
  put(w, "features_sha256", c->features_sha256);
  put(w, "logits_sha256", c->logits_sha256);
  as_jsonw_end(w);
}

static void put_model(as_jsonw *w, const as_plan_model *p, const as_model_record *m) {
  as_jsonw_object(w);
  put(w, "name", p->name);
  put_if(w, "note", p->note);
  put_if(w, "why", m->why);
  if (p->published > 0) {
    as_jsonw_key(w, "published");
    as_jsonw_f64(w, p->published / 100);
    put_if(w, "published_on", p->published_on);
    put_if(w, "source", p->source);
  }
  put(w, "weights", p->weights.at);
  put_if(w, "weights_sha256", m->weights_sha256);
  put_if(w, "container", m->container);
  put_if(w, "recipe", m->recipe);
  put_if(w, "arch", m->arch);
  put_if(w, "preset", m->preset);
  put_if(w, "assumed", m->assumed);
  put_if(w, "head", m->head);
  put_if(w, "head_sha256", m->head_sha256);
  put_if(w, "head_file_sha256", m->head_file_sha256);
  put_if(w, "recipe_file_sha256", m->recipe_sha256);
  put_n(w, "tensors_used", m->used);
  put_n(w, "tensors_renamed", m->renamed);
  put_n(w, "tensors_dropped", m->dropped);
  put_n(w, "embed_dim", m->embed_dim);
  as_jsonw_key(w, "gflop");
  as_jsonw_f64(w, m->gflop);
  as_jsonw_end(w);
}

static void put_dataset(as_jsonw *w, const as_plan_dataset *p, const as_dataset_record *d,
                        const as_results *res) {
  as_jsonw_object(w);
  put(w, "name", p->name);
  put(w, "role", p->train ? "train" : "test");
  put_if(w, "why", d->why);
  put_if(w, "task", d->task);
  put(w, "path", p->path.at);
  put_if(w, "labels", p->labels.at);
  put_if(w, "real", p->real.at);
  put_if(w, "classes_file", p->classes.at);
  put_if(w, "subset", p->subset.at);
  put_if(w, "labels_file_sha256", d->labels_file);
  put_if(w, "real_file_sha256", d->real_file);
  put_if(w, "classes_file_sha256", d->classes_file);
  put_if(w, "subset_file_sha256", d->subset_file);
  put_if(w, "flavour", p->flavour);
  put_if(w, "preset", p->preset);
  put_n(w, "images", d->images);
  put_n(w, "classes", d->classes);
  for (size_t i = 0; !p->train && i < res->n_sets; i++) {
    if (strcmp(res->sets[i].name, p->name) != 0) continue;
    put(w, "rule", res->sets[i].rule);
    put_n(w, "scored_classes", res->sets[i].classes);
    as_jsonw_key(w, "base");
    as_jsonw_bool(w, i == res->base);
  }
  put(w, "images_sha256", d->images_sha256);
  put(w, "labels_sha256", d->labels_sha256);
  as_jsonw_end(w);
}

/* The unified metric: the mean of top-1 over the scored sets, each by its own rule. */
static void put_unified(as_jsonw *w, const as_record *r) {
  const as_results *res = r->results;
  as_jsonw_object(w);
  put(w, "metric", r->plan->unified);
  put(w, "definition", "assay's own: arithmetic mean of top-1 over the sets, each by its own rule");
  as_jsonw_key(w, "models");
  as_jsonw_array(w);
  for (size_t m = 0; m < res->n_models; m++) {
    double sum = 0;
    bool whole = true;
    for (size_t s = 0; s < res->n_sets; s++) {
      const as_cell *c = as_results_cell(res, m, s);
      whole = whole && c->present && c->n_used > 0;
      sum += c->top1;
    }
    as_jsonw_object(w);
    put(w, "model", res->models[m].name);
    as_jsonw_key(w, "value");
    as_jsonw_f64(w, whole ? sum / (double)res->n_sets : (double)NAN);
    as_jsonw_end(w);
  }
  as_jsonw_end(w);
  as_jsonw_end(w);
}

as_status as_record_json(as_str *out, const as_record *r, as_err *err) {
  as_jsonw w;
  char hex[65];
  const as_results *res = r->results;
  as_jsonw_init(&w, out, false);
  as_jsonw_object(&w);
  put(&w, "schema", "assay.record/1");
  put(&w, "profile", as_profile_name());
  put(&w, "version", r->build->version);
  put(&w, "commit", r->build->commit);
  put(&w, "compiler", r->build->compiler);
  put(&w, "cpu", as_cpu_name());
  put(&w, "kernels", as_cpu_name());
  put_n(&w, "threads", (size_t)as_par_threads());
  as_jsonw_key(&w, "lenient");
  as_jsonw_bool(&w, r->lenient);
  if (r->partial) {
    as_jsonw_key(&w, "partial");
    as_jsonw_bool(&w, true);
  }
  put(&w, "name", r->plan->name);
  put(&w, "plan_file", r->plan->path);
  as_sha256_of(r->plan->text, r->plan->text_n, hex);
  put(&w, "plan_sha256", hex);
  put(&w, "plan", r->plan->text);
  put(&w, "protocol", r->plan->protocol);
  as_jsonw_key(&w, "models");
  as_jsonw_array(&w);
  for (size_t i = 0; i < r->plan->n_models; i++) put_model(&w, &r->plan->models[i], &r->models[i]);
  as_jsonw_end(&w);
  as_jsonw_key(&w, "datasets");
  as_jsonw_array(&w);
  for (size_t i = 0; i < r->plan->n_datasets; i++)
    put_dataset(&w, &r->plan->datasets[i], &r->datasets[i], res);
  as_jsonw_end(&w);
  as_jsonw_key(&w, "cells");
  as_jsonw_array(&w);
  for (size_t m = 0; m < res->n_models; m++)
    for (size_t s = 0; s < res->n_sets; s++)
      as_record_cell(&w, res->models[m].name, res->sets[s].name, as_results_cell(res, m, s));
  as_jsonw_end(&w);
  as_jsonw_key(&w, "unified");
  put_unified(&w, r);
  as_jsonw_key(&w, "remarks");
  as_jsonw_array(&w);
  for (size_t i = 0; i < res->n_remarks; i++) as_jsonw_str(&w, res->remarks[i]);
  as_jsonw_end(&w);
  as_jsonw_key(&w, "complete");
  as_jsonw_bool(&w, res->complete);
  as_jsonw_end(&w);
  as_str_putc(out, '\n');
  return as_str_status(out, err);
}

void as_record_summary(as_str *out, const as_record *r) {
  as_str_printf(out, "assay %s (commit %s, %s), numerics profile %s, kernels %s, %d threads\n",
                r->build->version, r->build->commit, r->build->compiler, as_profile_name(), as_cpu_name(),
                as_par_threads());
  for (size_t i = 0; i < r->plan->n_models; i++) {
    const as_model_record *m = &r->models[i];
    as_str_printf(out, "\nmodel %s\n  weights %s\n  sha256  %s\n", r->plan->models[i].name,
                  r->plan->models[i].weights.at, m->weights_sha256 ? m->weights_sha256 : "");
    as_str_printf(out, "  recipe  %s\n  arch    %s\n  preset  %s\n  head    %s\n", m->recipe ? m->recipe : "",
                  m->arch ? m->arch : "", m->preset ? m->preset : "", m->head ? m->head : "");
    if (m->assumed && *m->assumed) as_str_printf(out, "  assumed %s\n", m->assumed);
  }
  for (size_t i = 0; i < r->plan->n_datasets; i++) {
    const as_dataset_record *d = &r->datasets[i];
    as_str_printf(out, "\ndataset %s (%s)\n  path    %s\n  images  %zu, sha256 %s\n  labels  sha256 %s\n",
                  r->plan->datasets[i].name, d->task ? d->task : "", r->plan->datasets[i].path.at, d->images,
                  d->images_sha256, d->labels_sha256);
  }
  as_str_put(out, "\nplan\n");
  as_str_put(out, r->plan->text);
}

void as_model_record_clear(as_model_record *m) {
  char *texts[] = {m->weights_sha256, m->container,   m->recipe,           m->arch, m->preset, m->assumed,
                   m->head,           m->head_sha256, m->head_file_sha256, m->why};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) as_free(texts[i]);
  memset(m, 0, sizeof *m);
}

void as_dataset_record_clear(as_dataset_record *d) {
  as_free(d->task);
  as_free(d->why);
  memset(d, 0, sizeof *d);
}
