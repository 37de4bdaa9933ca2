/* probe: fits a linear head to features, or through a backbone to crops, or takes one of before, and scores it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tensor/base/clock.h"
#include "tensor/base/mem.h"
#include "tools/cmd.h"
#include "tools/common.h"
#include "tools/progress.h"
#include "tools/say.h"
#include "tools/scoring.h"

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
  const as_labelled rows = as_scoring_rows(train);
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
    if (s == AS_OK) s = as_scoring_read(&train, &test, &t.pair, a, err);
    if (s == AS_OK) s = fit_head(&head, &origin, &path, c, &points, &train, keep, err);
  }
  if (s == AS_OK && a->set[OPT_OUTPUT]) s = as_linhead_write(&head, a->text[OPT_OUTPUT], err);
  if (s == AS_OK && a->set[OPT_TEST]) s = as_scoring(a, &train, &test, &head, NULL, &t, err);
  if (s == AS_OK) s = as_scoring_print(a, head.source, &origin, a->set[OPT_TEST] ? &t : NULL, err);
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
