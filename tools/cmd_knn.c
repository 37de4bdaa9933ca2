/* knn and probe: both learn from one feature file and are scored on another. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/features/feature_set.h"
#include "eval/learn/knn.h"
#include "eval/learn/linhead.h"
#include "eval/stats/metrics.h"
#include "tensor/base/clock.h"
#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tensor/base/mem.h"
#include "tools/cmd.h"
#include "tools/common.h"
#include "tools/progress.h"
#include "tools/say.h"

typedef struct as_tally {
  int64_t n_expected, n_failed, n_used, top1, top5, unlabelled;
  as_feature_pair pair; /* what the two files have in common */
} as_tally;

static void note_pair(const as_feature_pair *p, const as_feature_set *test) {
  if (p->n_shared)
    as_note("warning: %zu of %zu test rows are training rows too (%s is %s)%s", p->n_shared, test->n,
            p->example[0], p->example[1], p->n_other_label ? ", some with another label" : "");
  if (p->n_repeated) as_note("warning: %zu of %zu test rows repeat another one", p->n_repeated, test->n);
  if (p->renumbered) as_note("the two files number their classes differently; classes are matched by name");
  if (*p->order)
    as_note("warning: %s: the two files may number their classes differently, and say no names", p->order);
  if (p->n_unknown)
    as_note("warning: %zu of %zu test rows are of classes that no training row has, and count as wrong",
            p->n_unknown, test->n);
}

static as_status read_pair(as_feature_set *train, as_feature_set *test, as_feature_pair *pair,
                           const as_args *a, as_err *err) {
  as_status s = as_feature_set_read(train, a->text[OPT_TRAIN], err);
  if (s == AS_OK && a->set[OPT_TEST]) {
    s = as_feature_set_read(test, a->text[OPT_TEST], err);
    if (s == AS_OK && test->d != train->d)
      s = as_fail(err, AS_E_INPUT, "%s: found %zu features per row, wanted %zu as in %s", a->text[OPT_TEST],
                  test->d, train->d, a->text[OPT_TRAIN]);
    if (s == AS_OK) s = as_feature_pair_match(pair, train, test, err);
    if (s == AS_OK) note_pair(pair, test);
  }
  size_t labelled = 0;
  for (size_t i = 0; s == AS_OK && i < train->n; i++) labelled += train->label[i] >= 0;
  if (s == AS_OK && labelled == 0)
    s = as_fail(err, AS_E_INPUT, "%s: found no labelled row, wanted at least one", a->text[OPT_TRAIN]);
  return s;
}

static as_labelled labelled(const as_feature_set *f) {
  return (as_labelled){.x = f->x,
                       .y = f->label,
                       .n = f->n,
                       .d = f->d,
                       .classes = f->classes,
                       .class_name = (const char *const *)f->class_name};
}

/* [n_out] the class of the test rows that each output of a head means: by name where both have names, else by number.
 * What the rows do not have gets a number of its own, which no row has. Release with as_free. */
static int *classes_of_head(const as_linhead *head, const as_feature_set *test, as_err *err) {
  const bool named = head->name && test->class_name;
  int *class_of = as_alloc(head->n_out, sizeof *class_of, err);
  for (size_t i = 0; class_of && i < head->n_out; i++) {
    class_of[i] = named ? (int)(test->classes + i) : head->class_of ? head->class_of[i] : (int)i;
    for (size_t c = 0; named && c < test->classes; c++)
      if (test->class_name[c] && strcmp(test->class_name[c], head->name[i]) == 0) class_of[i] = (int)c;
  }
  return class_of;
}

/* A head of before, for rows that it did not learn from here. */
static as_status open_head(as_linhead *head, as_feature_set *test, const as_args *a, as_err *err) {
  as_status s = as_feature_set_read(test, a->text[OPT_TEST], err);
  if (s == AS_OK) s = as_linhead_file(head, a->text[OPT_HEAD], test->d, err);
  if (s != AS_OK || (head->name && test->class_name)) return s;
  if (test->classes > head->classes)
    return as_fail(
        err, AS_E_INPUT,
        "%s: the head knows %zu classes, %s has %zu; wanted the same list, or names of classes in both",
        a->text[OPT_HEAD], head->classes, a->text[OPT_TEST], test->classes);
  as_note("%s has no names of classes: they are matched by number",
          a->text[head->name ? OPT_TEST : OPT_HEAD]);
  return AS_OK;
}

/* One row of --predictions, and its part of the counts. */
static void put_row(as_tally *t, as_out *o, const as_feature_set *test, size_t i, const int top[5],
                    const float value[5], bool failed) {
  int y = test->label[i];
  /* A failed row had a label if its text says so. */
  bool expected = y >= 0 || (failed && test->label_name[i][0] && strcmp(test->label_name[i], "-") != 0);
  t->n_expected += expected;
  t->n_failed += failed && expected;
  t->unlabelled += !expected;
  if (!failed && y >= 0) {
    t->n_used++;
    t->top1 += top[0] == y;
    for (int k = 0; k < 5; k++) t->top5 += top[k] == y;
  }
  if (!o) return;
  as_out_printf(o, "%s\t", test->name[i]);
  if (t->pair.renumbered && y >= 0) /* in the numbers of the answers beside it */
    as_out_printf(o, "%d\t", y);
  else
    as_out_printf(o, "%s\t", test->label_name[i]);
  for (int k = 0; !failed && k < 5 && top[k] >= 0; k++) as_out_printf(o, "%s%d", k ? "," : "", top[k]);
  as_out_printf(o, "\t");
  for (int k = 0; !failed && k < 5 && top[k] >= 0; k++)
    as_out_printf(o, "%s%.6g", k ? "," : "", (double)value[k]);
  as_out_printf(o, "\t%s\n", failed ? "failed" : y < 0 ? "unscored" : "ok");
}

static bool row_failed(const as_feature_set *f, size_t i) {
  /* The reader gives failed rows label -1; their features are NaN, or not to be trusted. */
  if (f->label[i] >= 0) return false;
  for (size_t k = 0; k < f->d; k++)
    if (!isfinite(f->x[i * f->d + k])) return true;
  return false;
}

/* How a probe came about, beside its name. NULL (c: 0) where it does not apply. */
typedef struct as_origin {
  const as_protocol *protocol;
  const as_path_result *path;
  const as_path_opts *path_opts;
  as_probe_result fit; /* of L-BFGS, on all rows */
  double c;            /* at which */
  uint64_t seed;
  bool crops;
  size_t n_failed; /* training images that could not be read */
} as_origin;

/* How near the fit came to its minimum, under the names of a record. */
static void put_fit(as_jsonw *w, const as_origin *o) {
  if (!(o->c > 0.0)) return;
  as_jsonw_key(w, "fit");
  as_jsonw_object(w);
  as_jsonw_put_f64(w, "c", o->c);
  as_jsonw_put_f64(w, "loss", o->fit.loss);
  as_jsonw_put_f64(w, "bound", o->fit.bound);
  as_jsonw_put_f64(w, "gradient", o->fit.gradient);
  as_jsonw_put_i64(w, "iterations", o->fit.iterations);
  as_jsonw_put_bool(w, "converged", o->fit.converged);
  as_jsonw_end(w);
}

static void put_origin(as_jsonw *w, const as_origin *o) {
  if (o->protocol) {
    as_str text = {0};
    as_protocol_text(o->protocol, &text);
    as_jsonw_put_str(w, "protocol", o->protocol->name);
    as_jsonw_put_str(w, "protocol_text", as_str_c(&text));
    as_jsonw_put_str(w, "protocol_source", o->protocol->source);
    as_jsonw_put_bool(w, "augmented_crops", o->crops);
    if (o->crops) as_jsonw_put_u64(w, "n_train_failed", o->n_failed);
    as_jsonw_put_u64(w, "seed", o->seed);
    as_str_clear(&text);
  }
  put_fit(w, o);
  if (!o->path) return;
  const as_path_result *r = o->path;
  as_jsonw_put_f64(w, "c", o->c);
  as_jsonw_put_u64(w, "seed", o->seed);
  as_jsonw_put_u64(w, "n_fit", r->n_fit);
  as_jsonw_put_u64(w, "n_held_out", r->n_held);
  as_jsonw_key(w, "path");
  as_jsonw_array(w);
  for (size_t i = 0; i < r->n; i++) {
    as_jsonw_object(w);
    as_jsonw_put_f64(w, "c", r->point[i].c);
    as_jsonw_put_i64(w, "held_out_correct", r->point[i].correct);
    as_jsonw_put_f64(w, "held_out_loss", r->point[i].mean_loss);
    as_jsonw_put_i64(w, "iterations", r->point[i].fit.iterations);
    as_jsonw_put_bool(w, "converged", r->point[i].fit.converged);
    as_jsonw_end(w);
  }
  as_jsonw_end(w);
}

static void put_path(as_str *out, const as_path_result *r) {
  as_str_printf(out, "%-12s %-24s %-10s %s\n", "C", "held-out top-1", "loss", "iterations");
  for (size_t i = 0; i < r->n; i++) {
    const as_path_point *p = &r->point[i];
    char right[48];
    snprintf(right, sizeof right, "%lld / %zu = %.2f %%", (long long)p->correct, r->n_held,
             100.0 * (double)p->correct / (double)r->n_held);
    as_str_printf(out, "%-12.4g %-24s %-10.4f %d%s%s\n", p->c, right, p->mean_loss, p->fit.iterations,
                  p->fit.converged ? "" : " (not converged)", i == r->best ? "  <- chosen" : "");
  }
}

static void put_pair(as_jsonw *w, const as_feature_pair *p) {
  as_jsonw_key(w, "in_train");
  as_jsonw_object(w);
  as_jsonw_put_u64(w, "rows", p->n_shared);
  as_jsonw_put_u64(w, "same_name", p->n_same_name);
  as_jsonw_put_u64(w, "other_label", p->n_other_label);
  if (p->n_shared) as_jsonw_put_str(w, "example", p->example[0]);
  as_jsonw_end(w);
  as_jsonw_put_u64(w, "rows_repeated", p->n_repeated);
  as_jsonw_put_u64(w, "rows_of_unknown_class", p->n_unknown);
  as_jsonw_put_bool(w, "renumbered_by_name", p->renumbered);
  if (*p->order) as_jsonw_put_str(w, "class_order", p->order);
}

static void put_tally(as_jsonw *w, const as_args *a, const as_tally *t, const double ci[2]) {
  const double none = t->n_used > 0 ? 0.0 : (double)NAN, n = t->n_used > 0 ? (double)t->n_used : 1.0;
  as_jsonw_put_str(w, "test", a->text[OPT_TEST]);
  as_jsonw_put_i64(w, "n_expected", t->n_expected);
  as_jsonw_put_i64(w, "n_used", t->n_used);
  as_jsonw_put_i64(w, "n_failed", t->n_failed);
  as_jsonw_put_i64(w, "top1_correct", t->top1);
  as_jsonw_put_i64(w, "top5_correct", t->top5);
  as_jsonw_put_f64(w, "top1", (double)t->top1 / n + none);
  as_jsonw_put_f64(w, "top5", (double)t->top5 / n + none);
  as_jsonw_key(w, "top1_ci95");
  as_jsonw_array(w);
  as_jsonw_f64(w, ci[0]);
  as_jsonw_f64(w, ci[1]);
  as_jsonw_end(w);
  if (a->set[OPT_TRAIN]) put_pair(w, &t->pair);
}

/* t: NULL where nothing was scored; then JSON alone has something to say. */
static as_status print_tally(const as_args *a, const char *method, const as_origin *origin, const as_tally *t,
                             as_err *err) {
  as_str out = {0};
  double ci[2] = {(double)NAN, (double)NAN};
  if (t && t->n_used > 0) as_wilson(t->top1, t->n_used, 0.95, &ci[0], &ci[1]);
  if (a->set[OPT_JSON]) {
    as_jsonw w;
    as_jsonw_init(&w, &out, false);
    as_jsonw_object(&w);
    as_jsonw_put_str(&w, "method", method);
    if (origin) put_origin(&w, origin);
    if (a->set[OPT_HEAD])
      as_jsonw_put_str(&w, "head", a->text[OPT_HEAD]);
    else
      as_jsonw_put_str(&w, "train", a->text[a->set[OPT_TRAIN] ? OPT_TRAIN : OPT_DATA]);
    if (t) put_tally(&w, a, t, ci);
    as_jsonw_end(&w);
    as_str_putc(&out, '\n');
  } else if (t) {
    if (origin && origin->path) put_path(&out, origin->path);
    as_str_printf(&out, "%s\n%-10s %lld expected, %lld used, %lld failed\n", method, "rows",
                  (long long)t->n_expected, (long long)t->n_used, (long long)t->n_failed);
    as_tool_rate(&out, "top-1", t->top1, t->n_used, ci);
    as_tool_rate(&out, "top-5", t->top5, t->n_used, NULL);
    if (t->pair.n_shared)
      as_str_printf(&out, "%-10s %zu of these rows are training rows too: no test of what was learned\n",
                    "in train", t->pair.n_shared);
  }
  as_status s = as_str_status(&out, err);
  if (s == AS_OK) as_print(&out);
  as_str_clear(&out);
  return s;
}

/* Scores all test rows, votes from a head or from k-NN, a block of rows at a time. */
static as_status score(const as_args *a, const as_feature_set *train, const as_feature_set *test,
                       const as_linhead *head, const as_knn_opts *knn, as_tally *t, as_err *err) {
  enum { ROWS = 4096 };
  const as_labelled rows = labelled(train);
  size_t outputs = head ? head->n_out : train->classes;
  float *scores = as_alloc(outputs * ROWS, sizeof *scores, err),
        *x = as_alloc(ROWS * test->d, sizeof *x, err);
  int *top = as_alloc(5 * ROWS, sizeof *top, err), *class_of = head ? classes_of_head(head, test, err) : NULL;
  as_out out = {0}, *o = NULL;
  as_status s = scores && x && top && (class_of || !head) ? AS_OK : AS_E_ENV;
  if (s == AS_OK && a->set[OPT_PREDICTIONS] &&
      (s = as_out_open(&out, a->text[OPT_PREDICTIONS], err)) == AS_OK) {
    o = &out;
    as_out_printf(o, "name\tlabel\ttop5\tlogits5\tstatus\n");
  }
  for (size_t first = 0; s == AS_OK && first < test->n; first += ROWS) {
    size_t n = test->n - first < ROWS ? test->n - first : ROWS;
    bool failed[ROWS];
    as_watch_progress(as_tool_watch(), "rows", first, test->n);
    if (as_watch_stop(as_tool_watch())) {
      s = as_fail(err, AS_E_STOPPED, "stopped; nothing was written");
      break;
    }
    memcpy(x, test->x + first * test->d, n * test->d * sizeof *x);
    for (size_t i = 0; i < n; i++)
      if ((failed[i] = row_failed(test, first + i))) memset(x + i * test->d, 0, test->d * sizeof *x);
    if (head)
      as_linhead_logits(head, x, n, scores);
    else
      s = as_knn(&rows, knn, x, n, NULL, scores, top, err);
    for (size_t i = 0; s == AS_OK && i < n; i++) {
      int five[5];
      float value[5];
      if (head) {
        as_top5(scores + i * outputs, outputs, NULL, five, value);
      } else { /* fewer than five where fewer classes have a vote */
        memcpy(five, top + 5 * i, sizeof five);
        for (int k = 0; k < 5; k++) value[k] = five[k] >= 0 ? scores[i * outputs + (size_t)five[k]] : 0.0f;
      }
      for (int k = 0; head && k < 5; k++)
        if (five[k] >= 0) five[k] = class_of[five[k]];
      put_row(t, o, test, first + i, five, value, failed[i]);
    }
  }
  as_watch_progress(as_tool_watch(), "rows", test->n, test->n);
  if (o && s == AS_OK)
    s = as_out_commit(o, err);
  else if (o)
    as_out_abort(o);
  as_free(scores);
  as_free(x);
  as_free(top);
  as_free(class_of);
  return s;
}

as_status as_cmd_knn(const as_args *a, as_err *err) {
  as_feature_set train = {0}, test = {0};
  as_tally t = {0};
  const as_knn_opts o = {.k = (int)as_arg_int(a, OPT_K, 0),
                         .temperature = as_arg_real(a, OPT_TEMPERATURE, 0)};
  char method[96], text[64];
  snprintf(method, sizeof method, "k-NN, %s", as_knn_text(o, text));
  as_status s = read_pair(&train, &test, &t.pair, a, err);
  if (s == AS_OK) s = score(a, &train, &test, NULL, &o, &t, err);
  if (s == AS_OK) s = print_tally(a, method, NULL, &t, err);
  as_feature_set_clear(&train);
  as_feature_set_clear(&test);
  return s;
}

static as_status unknown_protocol(const char *name, bool crops, as_err *err) {
  const char *names[64] = {"lbfgs"};
  size_t n = 1;
  for (size_t i = 0; i < as_protocol_count() && n < 64; i++) names[n++] = as_protocol_at(i)->name;
  const char *near = as_nearest(name, names + crops, n - crops);
  if (near) return as_fail(err, AS_E_USAGE, "--protocol: found '%s'; did you mean '%s'?", name, near);
  return as_fail(err, AS_E_USAGE, "--protocol: found '%s', wanted %sfixed or a framework's (assay probe -h)",
                 name, crops ? "" : "lbfgs, ");
}

/* What the options ask for, checked before a file is opened: a protocol by name, or L-BFGS at one C (*c, 0: the
 * default) or along a path of them. */
static as_status read_method(as_origin *origin, as_path_opts *path, double *c, const as_args *a,
                             as_err *err) {
  const bool crops = a->set[OPT_WEIGHTS];
  const char *name = as_arg_text(a, OPT_PROTOCOL, crops ? "fixed" : "lbfgs");
  origin->seed = (uint64_t)as_arg_int(a, OPT_SEED, 0);
  origin->crops = crops;
  if (crops || strcmp(name, "lbfgs") != 0) {
    if (!(origin->protocol = as_protocol_named(name))) return unknown_protocol(name, crops, err);
    if (a->set[OPT_C] || a->set[OPT_TOL] || a->set[OPT_MAX_ITER] || a->set[OPT_HELD_OUT])
      return as_fail(err, AS_E_USAGE, "--c, --tol, --max-iter and --held-out are for --protocol lbfgs");
    return AS_OK;
  }
  as_err why;
  if (a->set[OPT_C] && as_path_parse(a->text[OPT_C], c, path, &why) != AS_OK)
    return as_fail(err, AS_E_USAGE, "--c: %s", why.msg);
  if (path->count == 0 && (a->set[OPT_HELD_OUT] || a->set[OPT_SEED]))
    return as_fail(err, AS_E_USAGE, "--held-out and --seed are for --c path, --c FROM:TO:N and protocols");
  path->held_out = as_arg_real(a, OPT_HELD_OUT, 0);
  path->seed = origin->seed;
  path->max_iter = (int)as_arg_int(a, OPT_MAX_ITER, 0);
  path->tol = as_arg_real(a, OPT_TOL, 0);
  return AS_OK;
}

/* The loss is not proved to be at its minimum: how far it may be, and whether more steps may help. */
static void note_not_converged(const as_probe_result *r, const as_path_opts *path) {
  const as_probe_opts o = as_probe_resolve((as_probe_opts){.max_iter = path->max_iter, .tol = path->tol});
  char far[64] = "an unknown part";
  if (r->bound < INFINITY) snprintf(far, sizeof far, "at most %.1e of it", r->bound);
  as_note(
      "warning: the fit did not converge: after %d iterations its loss is %s above the minimum, wanted %g%s",
      r->iterations, far, o.tol, r->iterations >= o.max_iter ? "; --max-iter allows more" : "");
}

/* The head that the options ask for, on fixed features. */
static as_status fit_head(as_linhead *head, as_origin *origin, const as_path_opts *path, double c,
                          as_path_result *points, const as_feature_set *train, as_keep *keep, as_err *err) {
  const as_labelled rows = labelled(train);
  const double start = as_seconds();
  as_probe_result res = {0};
  as_status s;
  if (origin->protocol) {
    s = as_linhead_protocol(head, &rows, origin->protocol, origin->seed, keep, err);
    if (s == AS_OK) as_note("%s; %.1f s", head->source, as_seconds() - start);
    if (s == AS_OK) as_note("protocol from %s", origin->protocol->source);
    return s;
  }
  if (path->count == 0) {
    as_probe_opts o = {.c = c, .max_iter = path->max_iter, .tol = path->tol, .keep = keep};
    s = as_linhead_fit(head, &rows, &o, &res, err);
    origin->c = as_probe_resolve(o).c;
  } else {
    as_path_opts kept = *path;
    kept.keep = keep;
    s = as_linhead_path(head, &rows, &kept, points, err);
    origin->path = points;
    origin->path_opts = path;
    res = points->fit;
    if (s == AS_OK) origin->c = points->point[points->best].c;
    if (s == AS_OK && (points->best == 0 || points->best + 1 == points->n))
      as_note("warning: the best C, %g, is at the end of its range", points->point[points->best].c);
  }
  if (s != AS_OK) return s;
  origin->fit = res;
  as_note("%s, loss %.9g; %.1f s, %d sums over all rows in float and %d in double", head->source, res.loss,
          as_seconds() - start, res.evaluations, res.exact);
  if (!res.converged) note_not_converged(&res, path);
  return AS_OK;
}

/* Through the backbone, on new crops in every epoch. */
static as_status fit_crops(as_linhead *head, as_origin *origin, as_feature_set *test, const as_args *a,
                           as_err *err) {
  as_dataset *ds = NULL;
  as_backbone b = {0};
  if (!a->set[OPT_DATA])
    return as_fail(err, AS_E_USAGE, "wanted --data, the images to train on, with --weights");
  as_dataset_opts d = as_tool_dataset_opts(a);
  as_crops_opts o = {.seed = origin->seed,
                     .batch = (int)as_arg_int(a, OPT_BATCH, 0),
                     .lenient = a->set[OPT_LENIENT],
                     .watch = as_tool_watch()};
  as_status s = as_dataset_open(&ds, &d, err);
  if (s == AS_OK) s = as_tool_backbone(&b, a, false, err);
  if (s == AS_OK && a->set[OPT_TEST]) {
    s = as_feature_set_read(test, a->text[OPT_TEST], err);
    if (s == AS_OK && test->d != (size_t)as_model_embed_dim(b.model))
      s = as_fail(err, AS_E_INPUT, "%s: found %zu features per row, wanted the backbone's %d",
                  a->text[OPT_TEST], test->d, as_model_embed_dim(b.model));
  }
  if (s == AS_OK) s = as_linhead_crops(head, origin->protocol, &b, ds, &o, &origin->n_failed, err);
  if (s == AS_OK) as_note("%s", head->source);
  if (s == AS_OK) as_note("protocol from %s", origin->protocol->source);
  as_backbone_clear(&b);
  as_dataset_close(&ds);
  return s;
}

/* A fit that is stopped leaves its state beside the head. */
static as_status open_keep(as_keep **keep, as_str *state, const as_args *a, as_err *err) {
  bool file = a->set[OPT_OUTPUT] && as_path_kind_of(a->text[OPT_OUTPUT]) != AS_PATH_OTHER;
  if (file) as_str_printf(state, "%s.state", a->text[OPT_OUTPUT]);
  as_status s = as_str_status(state, err);
  return s == AS_OK ? as_keep_create(keep, file ? as_str_c(state) : NULL, as_tool_watch(), err) : s;
}

as_status as_cmd_probe(const as_args *a, as_err *err) {
  static const char *const suffixes[] = {".safetensors", NULL};
  as_feature_set train = {0}, test = {0};
  as_linhead head = {0};
  as_tally t = {0};
  as_origin origin = {0};
  as_path_opts path = {0};
  as_path_result points = {0};
  if (!a->set[OPT_TEST] && !a->set[OPT_OUTPUT])
    return as_fail(err, AS_E_USAGE, "wanted --test F2.npy to score the probe, or -o HEAD to keep it");
  if (a->set[OPT_OUTPUT] && as_cli_suffix(OPT_OUTPUT, a->text[OPT_OUTPUT], suffixes, err) != AS_OK)
    return AS_E_USAGE;
  if (a->set[OPT_TRAIN] + a->set[OPT_WEIGHTS] + a->set[OPT_HEAD] != 1)
    return as_fail(err, AS_E_USAGE,
                   "wanted --train F.npy, --weights W with --data D to train on crops, or --head H as it is");
  if (a->set[OPT_HEAD] && (a->set[OPT_OUTPUT] || a->set[OPT_PROTOCOL] || a->set[OPT_C]))
    return as_fail(err, AS_E_USAGE,
                   "--head is scored as it is; -o, --protocol and --c are for heads that are fitted");
  double c = 0.0;
  as_str state = {0};
  as_keep *keep = NULL;
  as_status s = read_method(&origin, &path, &c, a, err);
  if (s != AS_OK) return s;
  if (a->set[OPT_HEAD]) {
    s = open_head(&head, &test, a, err);
  } else if (a->set[OPT_WEIGHTS]) {
    s = fit_crops(&head, &origin, &test, a, err);
  } else {
    s = open_keep(&keep, &state, a, err);
    if (s == AS_OK) s = read_pair(&train, &test, &t.pair, a, err);
    if (s == AS_OK) s = fit_head(&head, &origin, &path, c, &points, &train, keep, err);
  }
  if (s == AS_OK && a->set[OPT_OUTPUT]) s = as_linhead_write(&head, a->text[OPT_OUTPUT], err);
  if (s == AS_OK && a->set[OPT_TEST]) s = score(a, &train, &test, &head, NULL, &t, err);
  if (s == AS_OK) s = print_tally(a, head.source, &origin, a->set[OPT_TEST] ? &t : NULL, err);
  if (s == AS_OK && origin.n_failed > 0 && !a->set[OPT_LENIENT])
    s = as_fail(err, AS_E_INPUT, "%zu training images could not be read; the head was fitted without them",
                origin.n_failed);
  as_keep_destroy(&keep, s == AS_OK);
  as_str_clear(&state);
  as_path_clear(&points);
  as_linhead_clear(&head);
  as_feature_set_clear(&train);
  as_feature_set_clear(&test);
  return s;
}
