/* What --check found: as text, as JSON, or as addresses of what is missing. */
#include <string.h>

#include "eval/run/check_int.h"
#include "tensor/base/file.h"
#include "tensor/base/log.h"

static void put_bytes(as_str *out, double bytes) {
  if (bytes < 1e6)
    as_str_printf(out, "%.0f kB", bytes / 1e3);
  else if (bytes < 1e9)
    as_str_printf(out, "%.1f MB", bytes / 1e6);
  else
    as_str_printf(out, "%.1f GB", bytes / 1e9);
}

static void put_time(as_str *out, double seconds) {
  if (seconds < 90)
    as_str_printf(out, "%.1f s", seconds);
  else if (seconds < 5400)
    as_str_printf(out, "%.1f min", seconds / 60);
  else
    as_str_printf(out, "%.1f h", seconds / 3600);
}

/* ---- text --------------------------------------------------------------------------------------------- */

static size_t model_of(const as_check *c, const char *name) {
  size_t m = 0;
  while (m < c->in.plan->n_models && strcmp(c->in.plan->models[m].name, name) != 0) m++;
  return m;
}

static void put_model(as_str *out, const as_check *c, size_t m) {
  const as_plan_model *p = &c->in.plan->models[m];
  const as_model_record *r = &c->in.models[m];
  const as_check_model *k = &c->model[m];
  as_str_printf(out, "model    %-16s recipe %s, %s\n", p->name, r->recipe, r->arch);
  as_str_printf(out, "         %-16s preset %s\n", "", r->preset);
  as_str_printf(out, "         %-16s %zu tensors used, %zu renamed, %zu dropped; head %s\n", "", r->used,
                r->renamed, r->dropped, r->head ? r->head : p->head);
  if (r->assumed && *r->assumed) as_str_printf(out, "         %-16s assumed: %s\n", "", r->assumed);
  if (p->published > 0)
    as_str_printf(out, "         %-16s published: %.1f %% top-1 on %s%s%s\n", "", p->published,
                  p->published_on, p->source ? ", " : "", p->source ? p->source : "");
  if (k->runs == 0) return;
  as_str_printf(out, "         %-16s %zu sets in %zu runs of the backbone, %zu images, %.2f gflop each, ", "",
                k->sets, k->runs, k->images, k->gflop);
  if (k->fresh < k->images)
    as_str_printf(out, "%zu of them shared with another model, ", k->images - k->fresh);
  as_str_put(out, "about ");
  put_time(out, k->seconds);
  as_str_put(out, c->cost.tasks ? ", measured\n" : " without decoding\n");
}

static void put_cost(as_str *out, const as_run_cost *k) {
  as_str_put(out, "takes    ");
  put_time(out, as_run_cost_wall(k).wall);
  as_str_printf(out, " on %lld machine%s like this one, %d thread%s each: %.2f core-hours, %.2f GB of disk\n",
                (long long)k->tasks, k->tasks > 1 ? "s" : "", k->threads, k->threads > 1 ? "s" : "",
                as_run_cost_sum(k).wall * k->threads / 3600, k->disk / 1e9);
  as_str_put(out, "        ");
  if (k->trainings) {
    as_str_printf(out, " %zu training%s ", k->trainings, k->trainings > 1 ? "s" : "");
    put_time(out, k->training.wall);
    as_str_put(out, ", then");
  }
  as_str_put(out, k->tasks > 1 ? " a task " : " the run ");
  put_time(out, as_run_cost_task(k).wall);
  as_str_printf(out, " in %.2f GB of memory", (k->tasks > 1 ? k->task_memory : k->merge_memory) / 1e9);
  if (k->tasks > 1) {
    as_str_put(out, ", then the merge ");
    put_time(out, as_run_cost_merge(k).wall);
    as_str_printf(out, " in %.2f GB", k->merge_memory / 1e9);
  }
  as_str_put(out, "\n         of which backbones ");
  put_time(out, k->rows.wall / (double)k->tasks);
  as_str_put(out, ", hashes of the images ");
  put_time(out, k->tasks > 1 ? k->bytes.wall : k->pixels.wall);
  as_str_put(out, ", heads ");
  put_time(out, k->heads.wall);
  as_str_put(out, ", statistics and files ");
  put_time(out, k->ending.wall);
  as_str_put(out, "; ");
  put_time(out, as_run_cost_sum(k).cpu);
  as_str_put(out, " of processor time in all\n");
}

static void put_as_text(as_str *out, const as_check *c) {
  for (size_t i = 0; i < c->n; i++) {
    const as_check_line *l = &c->line[i];
    switch (l->kind) {
      case AS_CHECK_SET:
        as_str_printf(out, "dataset  %-16s %s\n", l->about, l->text);
        break;
      case AS_CHECK_MODEL:
        put_model(out, c, model_of(c, l->about));
        break;
      case AS_CHECK_TRAINING:
        as_str_printf(out, "pretrain %-16s %s\n", l->about, l->text);
        break;
      case AS_CHECK_NOTE:
        as_str_printf(out, "         %-16s %s\n", "", l->text);
        break;
      case AS_CHECK_WARNING:
        as_str_printf(out, "WARNING  %s: %s\n", l->about, l->text);
        break;
      case AS_CHECK_PROBLEM:
        as_str_printf(out, "PROBLEM  %s\n", l->text);
        break;
      case AS_CHECK_MISSING:
        if (*l->text)
          as_str_printf(out, "         %-16s %s: published at %s\n", "", as_path_base(l->path), l->text);
        break;
    }
  }
  as_str_put(out, "needs    ");
  put_bytes(out, c->disk);
  as_str_put(out, " of disk while it runs, ");
  put_bytes(out, c->memory);
  as_str_put(out, " of memory besides buffers, about ");
  put_time(out, c->seconds);
  as_str_put(out, "\n");
  if (c->cost.tasks) put_cost(out, &c->cost);
  if (c->problems)
    as_str_printf(out, "%zu problem%s found\n", c->problems, c->problems > 1 ? "s" : "");
  else
    as_str_put(out, "no problem found\n");
}

/* ---- JSON --------------------------------------------------------------------------------------------- */

/* The lines of one kind about one thing (NULL: about anything), as a list of texts. */
static void put_lines(as_jsonw *w, const char *key, const as_check *c, as_check_kind kind,
                      const char *about) {
  as_jsonw_key(w, key);
  as_jsonw_array(w);
  for (size_t i = 0; i < c->n; i++)
    if (c->line[i].kind == kind && (!about || strcmp(c->line[i].about, about) == 0))
      as_jsonw_str(w, c->line[i].text);
  as_jsonw_end(w);
}

static void put_json_set(as_jsonw *w, const as_check *c, size_t i) {
  const as_run_set *s = &c->in.set[i];
  as_jsonw_object(w);
  as_jsonw_put_str(w, "name", s->plan->name);
  as_jsonw_put_str(w, "role", s->plan->train ? "train" : "test");
  as_jsonw_put_bool(w, "opens", s->ds != NULL);
  if (s->ds) {
    as_jsonw_put_str(w, "task", s->record->task);
    as_jsonw_put_u64(w, "images", s->record->images);
    as_jsonw_put_u64(w, "classes", s->record->classes);
    if (s->record->common) as_jsonw_put_u64(w, "compared_over", s->record->n_common);
  }
  put_lines(w, "notes", c, AS_CHECK_NOTE, s->plan->name);
  as_jsonw_end(w);
}

/* Among how many classes of each set the model chooses, where that is known. */
static void put_choices(as_jsonw *w, const as_check *c, size_t m) {
  const as_plan *plan = c->in.plan;
  as_jsonw_key(w, "chooses_among");
  as_jsonw_object(w);
  for (size_t i = 0; i < plan->n_datasets; i++) {
    const size_t n = c->in.choice[m * plan->n_datasets + i].n;
    if (n) as_jsonw_put_u64(w, plan->datasets[i].name, n);
  }
  as_jsonw_end(w);
}

static void put_json_model(as_jsonw *w, const as_check *c, size_t m) {
  const as_plan_model *p = &c->in.plan->models[m];
  const as_model_record *r = &c->in.models[m];
  const as_check_model *k = &c->model[m];
  as_jsonw_object(w);
  as_jsonw_put_str(w, "name", p->name);
  as_jsonw_put_bool(w, "opens", k->open);
  if (k->open) {
    as_jsonw_put_str(w, "recipe", r->recipe);
    as_jsonw_put_str(w, "arch", r->arch);
    as_jsonw_put_str(w, "preset", r->preset);
    as_jsonw_put_str(w, "head", r->head ? r->head : p->head);
    if (r->assumed && *r->assumed) as_jsonw_put_str(w, "assumed", r->assumed);
    as_jsonw_put_u64(w, "tensors_used", r->used);
    as_jsonw_put_u64(w, "tensors_renamed", r->renamed);
    as_jsonw_put_u64(w, "tensors_dropped", r->dropped);
    as_jsonw_put_u64(w, "sets", k->sets);
    as_jsonw_put_u64(w, "backbone_runs", k->runs);
    as_jsonw_put_u64(w, "images", k->images);
    as_jsonw_put_u64(w, "images_not_shared", k->fresh);
    as_jsonw_put_f64(w, "gflop", k->gflop);
    as_jsonw_put_f64(w, "seconds", k->seconds);
    put_choices(w, c, m);
  }
  as_jsonw_end(w);
}

/* The address in a text that says where something is published: up to the first blank. */
static size_t address_in(const char *where, const char **at) {
  const char *p = strstr(where, "https://");
  if (!p) p = strstr(where, "http://");
  *at = p ? p : where;
  return p ? strcspn(p, " \t,;)") : 0;
}

static void put_json_missing(as_jsonw *w, const as_check *c) {
  as_jsonw_key(w, "missing");
  as_jsonw_array(w);
  for (size_t i = 0; i < c->n; i++) {
    const as_check_line *l = &c->line[i];
    if (l->kind != AS_CHECK_MISSING) continue;
    as_jsonw_object(w);
    as_jsonw_put_str(w, "for", l->about);
    as_jsonw_put_str(w, "path", l->path);
    if (*l->text) as_jsonw_put_str(w, "where", l->text);
    if (l->hash) as_jsonw_put_str(w, "hash", l->hash);
    as_jsonw_end(w);
  }
  as_jsonw_end(w);
}

/* Seconds; core_seconds are those of all machines with all their threads, cpu_seconds what processors really do. */
static void put_json_cost(as_jsonw *w, const as_run_cost *k) {
  as_jsonw_key(w, "estimate");
  as_jsonw_object(w);
  as_jsonw_put_i64(w, "tasks", k->tasks);
  as_jsonw_put_i64(w, "threads", k->threads);
  as_jsonw_put_f64(w, "wall_seconds", as_run_cost_wall(k).wall);
  as_jsonw_put_f64(w, "core_seconds", as_run_cost_sum(k).wall * k->threads);
  as_jsonw_put_f64(w, "cpu_seconds", as_run_cost_sum(k).cpu);
  as_jsonw_put_f64(w, "training_seconds", k->training.wall);
  as_jsonw_put_f64(w, "task_seconds", as_run_cost_task(k).wall);
  as_jsonw_put_f64(w, "merge_seconds", as_run_cost_merge(k).wall);
  as_jsonw_put_f64(w, "ending_seconds", k->ending.wall);
  as_jsonw_put_f64(w, "disk_bytes", k->disk);
  as_jsonw_put_f64(w, "task_memory_bytes", k->task_memory);
  as_jsonw_put_f64(w, "merge_memory_bytes", k->merge_memory);
  as_jsonw_end(w);
}

static void put_as_json(as_str *out, const as_check *c) {
  as_jsonw w;
  as_jsonw_init(&w, out, false);
  as_jsonw_object(&w);
  as_jsonw_put_str(&w, "schema", "assay.check/1");
  as_jsonw_put_str(&w, "plan", c->in.plan->name);
  as_jsonw_key(&w, "datasets");
  as_jsonw_array(&w);
  for (size_t i = 0; i < c->in.plan->n_datasets; i++) put_json_set(&w, c, i);
  as_jsonw_end(&w);
  put_lines(&w, "trainings", c, AS_CHECK_TRAINING, NULL);
  as_jsonw_key(&w, "models");
  as_jsonw_array(&w);
  for (size_t m = 0; m < c->in.plan->n_models; m++) put_json_model(&w, c, m);
  as_jsonw_end(&w);
  put_lines(&w, "warnings", c, AS_CHECK_WARNING, NULL);
  put_lines(&w, "problems", c, AS_CHECK_PROBLEM, NULL);
  put_json_missing(&w, c);
  as_jsonw_key(&w, "needs");
  as_jsonw_object(&w);
  as_jsonw_put_f64(&w, "disk_bytes", c->disk);
  as_jsonw_put_f64(&w, "memory_bytes", c->memory);
  as_jsonw_put_f64(&w, "seconds", c->seconds);
  as_jsonw_end(&w);
  if (c->cost.tasks) put_json_cost(&w, &c->cost);
  as_jsonw_put_bool(&w, "ok", c->problems == 0);
  as_jsonw_end(&w);
}

/* ---- addresses ---------------------------------------------------------------------------------------- */

/* A line per missing file that one address gives: ADDRESS#sha256=..., which wget -i and curl take as it is, and whoever
 * looks at the fragment can check. Other files are named as remarks: somebody must ask for them. */
static void put_as_urls(as_str *out, const as_check *c) {
  for (size_t i = 0; i < c->n; i++) {
    const as_check_line *l = &c->line[i];
    const char *at, *base = l->path ? as_path_base(l->path) : "";
    if (l->kind != AS_CHECK_MISSING) continue;
    bool again = false; /* val and ReaL want the same images */
    for (size_t k = 0; k < i; k++)
      again = again || (c->line[k].path && strcmp(c->line[k].path, l->path) == 0);
    if (again) continue;
    const size_t n = address_in(l->text, &at), m = strlen(base);
    if (n > m && memcmp(at + n - m, base, m) == 0 && at[n - m - 1] == '/') {
      as_str_putn(out, at, n);
      const char *colon = l->hash ? strchr(l->hash, ':') : NULL;
      if (colon) as_str_printf(out, "#%.*s=%s", (int)(colon - l->hash), l->hash, colon + 1);
      as_str_putc(out, '\n');
    } else {
      as_log_line(AS_LOG_INFO, "%s: %s: %s%s", l->about, l->path, *l->text ? "see " : "no address is known",
                  l->text);
    }
  }
}

void as_check_write(const as_check *c, as_check_form form, as_str *out) {
  if (form == AS_CHECK_URLS)
    put_as_urls(out, c);
  else if (form == AS_CHECK_JSON)
    put_as_json(out, c);
  else
    put_as_text(out, c);
}
