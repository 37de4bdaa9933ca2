#include "eval/run/record.h"

#include <math.h>
#include <string.h>

#include "data/sets/tasks.h"
#include "eval/stats/unified.h"
#include "tensor/base/file.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/runtime.h"

/* Absent texts stay absent. */
static void put_known(as_jsonw *w, const char *key, const char *value) {
  if (value && *value) as_jsonw_put_str(w, key, value);
}

/* ImageNet-C: mCE (relative to AlexNet) and the plain mean error beside it, and what they are made of. AlexNet chose among
 * all classes: the mCE of a model that had fewer to choose among is not comparable with published ones, and says so. */
static void put_corruptions(as_jsonw *w, const as_cell *c, size_t classes) {
  double reference[AS_CORRUPTIONS], mean_error;
  if (!c->corruption_error) return;
  for (int k = 0; k < AS_CORRUPTIONS; k++) reference[k] = as_corruptions[k].alexnet_error;
  as_jsonw_key(w, "mce"); /* null unless every corruption is there at every severity */
  as_jsonw_f64(w, as_mce(c->corruption_error, reference, AS_CORRUPTIONS, AS_SEVERITIES, &mean_error));
  as_jsonw_put_bool(w, "mce_comparable", as_cell_among_all(c, classes));
  as_jsonw_put_f64(w, "mean_corruption_error", mean_error);
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

/* Which classes could win. */
static void put_candidates(as_jsonw *w, const char *key, const as_candidates *c) {
  if (c->n == 0) return;
  as_jsonw_key(w, key);
  as_jsonw_object(w);
  as_jsonw_put_u64(w, "classes", c->n);
  put_known(w, "sha256", c->sha256);
  as_jsonw_end(w);
}

static void put_shared(as_jsonw *w, const char *key, const as_shared *s) {
  if (!s->known) return;
  as_jsonw_key(w, key);
  as_jsonw_object(w);
  as_jsonw_put_i64(w, "images", s->n);
  if (s->n) {
    as_jsonw_put_i64(w, "same_bytes", s->n_bytes);
    as_jsonw_key(w, "examples");
    as_jsonw_array(w);
    for (int i = 0; i < AS_SHARED_KEPT && s->example[i]; i++) as_jsonw_str(w, s->example[i]);
    as_jsonw_end(w);
  }
  as_jsonw_end(w);
}

void as_record_head(as_jsonw *w, const char *head, const char *sha256, const as_probe_facts *facts) {
  put_known(w, "head", head);
  put_known(w, "head_sha256", sha256);
  if (!facts->known) return;
  as_jsonw_key(w, "probe");
  as_jsonw_object(w);
  put_known(w, "train", facts->train);
  as_jsonw_put_i64(w, "n_train", facts->n_train);
  as_jsonw_put_f64(w, "c", facts->c);
  as_jsonw_put_f64(w, "loss", facts->loss);
  as_jsonw_put_f64(w, "bound", facts->bound);
  as_jsonw_put_f64(w, "gradient", facts->gradient);
  as_jsonw_put_i64(w, "iterations", facts->iterations);
  as_jsonw_put_bool(w, "converged", facts->converged);
  as_jsonw_end(w);
}

void as_record_cell(as_jsonw *w, const char *model, const char *dataset, const as_cell *c,
                    const as_cell_origin *origin) {
  as_jsonw_object(w);
  as_jsonw_put_str(w, "model", model);
  as_jsonw_put_str(w, "dataset", dataset);
  as_jsonw_put_str(w, "profile", as_profile_name());
  if (!c->present) {
    as_jsonw_put_str(w, "why", c->why);
    as_jsonw_end(w);
    return;
  }
  as_jsonw_put_i64(w, "n_expected", c->n_expected);
  as_jsonw_put_i64(w, "n_used", c->n_used);
  as_jsonw_put_i64(w, "n_failed", c->n_failed);
  as_jsonw_put_i64(w, "top1_correct", c->top1_correct);
  as_jsonw_put_i64(w, "top5_correct", c->top5_correct);
  /* Without a scored image there is no accuracy: null, not 0. */
  double none = c->n_used > 0 ? 0.0 : (double)NAN;
  as_jsonw_put_f64(w, "top1", c->top1 + none);
  as_jsonw_put_f64(w, "top5", c->top5 + none);
  as_jsonw_key(w, "top1_ci95");
  as_jsonw_array(w);
  as_jsonw_f64(w, c->top1_lo + none);
  as_jsonw_f64(w, c->top1_hi + none);
  as_jsonw_end(w);
  put_known(w, "preset", c->preset);
  put_corruptions(w, c, origin ? origin->classes : 0);
  as_jsonw_put_str(w, "features_sha256", c->features_sha256);
  as_jsonw_put_str(w, "logits_sha256", c->logits_sha256);
  put_candidates(w, "among", &c->among);
  if (c->n_hopeless) as_jsonw_put_i64(w, "n_hopeless", c->n_hopeless);
  put_candidates(w, "own", &c->own);
  if (c->own.n) as_jsonw_put_i64(w, "own_used", c->own_used);
  if (c->own.n) as_jsonw_put_i64(w, "own_correct", c->own_correct);
  put_shared(w, "in_train", &c->in_train);
  if (origin) put_known(w, "forgiven", origin->forgiven);
  if (origin) put_known(w, "assumed", origin->assumed);
  if (origin) put_known(w, "key", origin->key);
  as_jsonw_end(w);
}

static void put_model(as_jsonw *w, const as_plan *plan, const as_plan_model *p, const as_model_record *m) {
  as_str protocol = {0};
  as_jsonw_object(w);
  as_jsonw_put_str(w, "name", p->name);
  put_known(w, "note", p->note);
  put_known(w, "why", m->why);
  if (p->published > 0) {
    as_jsonw_put_f64(w, "published", p->published / 100);
    put_known(w, "published_on", p->published_on);
    put_known(w, "source", p->source);
  }
  as_jsonw_put_str(w, "weights", p->weights.said);
  put_known(w, "weights_sha256", m->weights_sha256);
  put_known(w, "method", m->method);
  put_known(w, "family", m->family);
  put_known(w, "seed", m->train_seed);
  put_known(w, "training", m->training);
  put_known(w, "container", m->container);
  put_known(w, "recipe", m->recipe);
  put_known(w, "arch", m->arch);
  put_known(w, "preset", m->preset);
  put_known(w, "assumed", m->assumed);
  as_plan_put_head(&protocol, plan, p);
  put_known(w, "protocol", as_str_c(&protocol));
  as_str_clear(&protocol);
  as_record_head(w, m->head, m->head_sha256, &m->probe);
  put_known(w, "head_key", m->head_key);
  put_known(w, "head_file_sha256", m->head_file_sha256);
  put_known(w, "recipe_file_sha256", m->recipe_sha256);
  as_jsonw_put_u64(w, "tensors_used", m->used);
  as_jsonw_put_u64(w, "tensors_renamed", m->renamed);
  as_jsonw_put_u64(w, "tensors_dropped", m->dropped);
  as_jsonw_put_u64(w, "embed_dim", m->embed_dim);
  as_jsonw_put_f64(w, "gflop", m->gflop);
  as_jsonw_end(w);
}

/* The classes over which models that know different ones are compared. */
static void put_common(as_jsonw *w, const as_dataset_record *d, const as_results_set *set) {
  if (!d->common) return;
  as_jsonw_key(w, "compared_over");
  as_jsonw_array(w);
  for (size_t c = 0; c < d->classes && c < set->n_class_names; c++)
    if (d->common[c]) as_jsonw_str(w, set->class_name[c]);
  as_jsonw_end(w);
}

static void put_dataset(as_jsonw *w, const as_plan_dataset *p, const as_dataset_record *d,
                        const as_results *res) {
  as_jsonw_object(w);
  as_jsonw_put_str(w, "name", p->name);
  as_jsonw_put_str(w, "role", p->train ? "train" : "test");
  put_known(w, "why", d->why);
  put_known(w, "task", d->task);
  as_jsonw_put_str(w, "path", p->path.said);
  put_known(w, "labels", p->labels.said);
  put_known(w, "real", p->real.said);
  put_known(w, "classes_file", p->classes.said);
  put_known(w, "subset", p->subset.said);
  put_known(w, "labels_file_sha256", d->labels_file);
  put_known(w, "real_file_sha256", d->real_file);
  put_known(w, "classes_file_sha256", d->classes_file);
  put_known(w, "subset_file_sha256", d->subset_file);
  put_known(w, "flavour", p->flavour);
  put_known(w, "preset", p->preset);
  as_jsonw_put_u64(w, "images", d->images);
  as_jsonw_put_u64(w, "classes", d->classes);
  for (size_t i = 0; !p->train && i < res->n_sets; i++) {
    if (strcmp(res->sets[i].name, p->name) != 0) continue;
    as_jsonw_put_str(w, "rule", res->sets[i].rule);
    as_jsonw_put_u64(w, "scored_classes", res->sets[i].classes);
    as_jsonw_put_bool(w, "base", i == res->base);
    put_shared(w, "twice", &res->sets[i].twice);
    put_common(w, d, &res->sets[i]);
  }
  as_jsonw_put_str(w, "images_sha256", d->images_sha256);
  as_jsonw_put_str(w, "labels_sha256", d->labels_sha256);
  as_jsonw_end(w);
}

/* The unified metric: the mean of top-1 over the scored sets, each by its own rule; none for a model that is not
 * measured on all of them among the same classes as the others. */
static as_status put_unified(as_jsonw *w, const as_record *r, as_err *err) {
  const as_results *res = r->results;
  double *acc = as_alloc(res->n_models * res->n_sets, sizeof *acc, err);
  as_status s = acc ? as_results_comparable(res, acc, err) : AS_E_ENV;
  as_jsonw_object(w);
  as_jsonw_put_str(w, "metric", r->plan->unified);
  as_jsonw_put_str(w, "definition",
                   "assay's own: arithmetic mean of top-1 over the sets, each by its own rule");
  as_jsonw_key(w, "models");
  as_jsonw_array(w);
  for (size_t m = 0; s == AS_OK && m < res->n_models; m++) {
    double sum = 0;
    for (size_t k = 0; k < res->n_sets; k++)
      sum += as_results_cell(res, m, k)->n_used > 0 ? acc[m * res->n_sets + k] : (double)NAN;
    as_jsonw_object(w);
    as_jsonw_put_str(w, "model", res->models[m].name);
    as_jsonw_put_f64(w, "value", sum / (double)res->n_sets);
    as_jsonw_end(w);
  }
  as_jsonw_end(w);
  as_jsonw_end(w);
  as_free(acc);
  return s;
}

void as_record_plan(as_jsonw *w, const as_plan *plan) {
  char hex[65];
  as_sha256_of(plan->text, plan->text_n, hex);
  as_jsonw_put_str(w, "plan_file", as_path_base(plan->path));
  as_jsonw_put_str(w, "plan_sha256", hex);
  as_jsonw_put_str(w, "plan", plan->text);
}

static void put_files(as_jsonw *w, const as_record *r) {
  as_jsonw_key(w, "files");
  as_jsonw_array(w);
  for (size_t i = 0; i < r->n_files; i++) {
    as_jsonw_object(w);
    as_jsonw_put_str(w, "name", r->files[i].name);
    as_jsonw_put_str(w, "sha256", r->files[i].sha256);
    as_jsonw_end(w);
  }
  as_jsonw_end(w);
}

static void put_overlaps(as_jsonw *w, const as_results *res) {
  if (res->n_overlaps == 0) return;
  as_jsonw_key(w, "overlaps");
  as_jsonw_array(w);
  for (size_t i = 0; i < res->n_overlaps; i++) {
    const as_set_overlap *o = &res->overlaps[i];
    as_jsonw_object(w);
    as_jsonw_put_str(w, "dataset", res->sets[o->b].name);
    as_jsonw_put_str(w, "other", res->sets[o->a].name);
    put_shared(w, "shared", &o->shared);
    as_jsonw_end(w);
  }
  as_jsonw_end(w);
}

static void put_lists(as_jsonw *w, const as_record *r) {
  const as_results *res = r->results;
  as_jsonw_key(w, "models");
  as_jsonw_array(w);
  for (size_t i = 0; i < r->plan->n_models; i++) put_model(w, r->plan, &r->plan->models[i], &r->models[i]);
  as_jsonw_end(w);
  as_jsonw_key(w, "datasets");
  as_jsonw_array(w);
  for (size_t i = 0; i < r->plan->n_datasets; i++)
    put_dataset(w, &r->plan->datasets[i], &r->datasets[i], res);
  as_jsonw_end(w);
  as_jsonw_key(w, "cells");
  as_jsonw_array(w);
  for (size_t m = 0; m < res->n_models; m++)
    for (size_t s = 0; s < res->n_sets; s++)
      as_record_cell(w, res->models[m].name, res->sets[s].name, as_results_cell(res, m, s),
                     &r->origin[m * res->n_sets + s]);
  as_jsonw_end(w);
}

/* The last member: the SHA-256 of all before its line, so that a record tells by itself that it was changed. */
static void seal(as_str *out) {
  char hex[65];
  as_sha256_of(as_str_c(out), out->n, hex);
  as_str_printf(out, "  \"%s\": \"%s\"\n}\n", AS_RECORD_SEAL, hex);
}

as_status as_record_json(as_str *out, const as_record *r, as_err *err) {
  as_jsonw w;
  const as_results *res = r->results;
  as_jsonw_init(&w, out, false);
  as_jsonw_object(&w);
  as_jsonw_put_str(&w, "schema", "assay.record/1");
  as_jsonw_put_str(&w, "profile", as_profile_name());
  as_jsonw_put_str(&w, "version", r->build->version);
  as_jsonw_put_str(&w, "commit", r->build->commit);
  as_jsonw_put_str(&w, "compiler", r->build->compiler);
  as_jsonw_put_str(&w, "cpu", as_cpu_name());
  as_jsonw_put_str(&w, "kernels", as_cpu_name());
  as_jsonw_put_u64(&w, "threads", (size_t)as_par_threads());
  as_jsonw_put_bool(&w, "lenient", r->lenient);
  if (r->partial) as_jsonw_put_bool(&w, "partial", true);
  if (r->no_images) as_jsonw_put_bool(&w, "no_images", true);
  as_jsonw_put_u64(&w, "statistics_seed", r->seed);
  if (r->resamples) as_jsonw_put_i64(&w, "resamples", r->resamples);
  as_jsonw_put_str(&w, "name", r->plan->name);
  as_record_plan(&w, r->plan);
  as_jsonw_put_str(&w, "protocol", r->plan->protocol);
  put_lists(&w, r);
  put_overlaps(&w, res);
  as_jsonw_key(&w, "unified");
  as_status s = put_unified(&w, r, err);
  as_jsonw_key(&w, "remarks");
  as_jsonw_array(&w);
  for (size_t i = 0; i < res->n_remarks; i++) as_jsonw_str(&w, res->remarks[i]);
  as_jsonw_end(&w);
  put_files(&w, r);
  as_jsonw_put_bool(&w, "complete", res->complete);
  as_jsonw_end(&w);
  if (s == AS_OK) s = as_str_status(out, err);
  if (s != AS_OK) return s;
  while (out->s[out->n - 1] == '\n' || out->s[out->n - 1] == '}')
    out->n--; /* its end; a last member follows */
  as_str_put(out, ",\n");
  seal(out);
  return as_str_status(out, err);
}

void as_record_summary(as_str *out, const as_record *r) {
  as_str_printf(out, "assay %s (commit %s), numerics profile %s; the machine stands in record.json\n",
                r->build->version, r->build->commit, as_profile_name());
  for (size_t i = 0; i < r->plan->n_models; i++) {
    const as_model_record *m = &r->models[i];
    as_str_printf(out, "\nmodel %s\n  weights %s\n  sha256  %s\n", r->plan->models[i].name,
                  r->plan->models[i].weights.said, m->weights_sha256 ? m->weights_sha256 : "");
    as_str_printf(out, "  recipe  %s\n  arch    %s\n  preset  %s\n  head    %s\n", m->recipe ? m->recipe : "",
                  m->arch ? m->arch : "", m->preset ? m->preset : "", m->head ? m->head : "");
    if (m->assumed && *m->assumed) as_str_printf(out, "  assumed %s\n", m->assumed);
    if (m->training && *m->training) as_str_printf(out, "  trained %s\n", m->training);
  }
  for (size_t i = 0; i < r->plan->n_datasets; i++) {
    const as_dataset_record *d = &r->datasets[i];
    as_str_printf(out, "\ndataset %s (%s)\n  path    %s\n  images  %zu, sha256 %s\n  labels  sha256 %s\n",
                  r->plan->datasets[i].name, d->task ? d->task : "", r->plan->datasets[i].path.said,
                  d->images, d->images_sha256, d->labels_sha256);
  }
  as_str_put(out, "\nplan\n");
  as_str_put(out, r->plan->text);
}

void as_model_record_clear(as_model_record *m) {
  char *texts[] = {
      m->method, m->family, m->train_seed, m->training, m->weights_sha256, m->container,        m->recipe,
      m->arch,   m->preset, m->assumed,    m->head,     m->head_sha256,    m->head_file_sha256, m->why};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) as_free(texts[i]);
  memset(m, 0, sizeof *m);
}

void as_dataset_record_clear(as_dataset_record *d) {
  as_free(d->task);
  as_free(d->common);
  as_free(d->why);
  memset(d, 0, sizeof *d);
}
