#include <math.h>
#include <string.h>

#include "data/sets/labels.h"
#include "eval/learn/linhead.h"
#include "eval/learn/score.h"
#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"
#include "tools/cmd.h"
#include "tools/common.h"
#include "tools/say.h"

enum { TOP = 5 };

/* "n01443537" and "goldfish" of a class; "" where there is none. buf holds 128. */
static void class_text(const as_dataset *ds, const as_linhead *head, int c, const char **id, char buf[128]) {
  static char number[32];
  size_t given = as_dataset_classes(ds);
  *buf = '\0';
  if ((size_t)c < given) {
    *id = as_dataset_class_name(ds, (size_t)c);
  } else if (as_linhead_class_name(head, c)) {
    *id = as_linhead_class_name(head, c);
  } else if (given == 0 && head->classes == as_wnids_count) {
    *id = as_wnids[c];
  } else {
    snprintf(number, sizeof number, "class %d", c);
    *id = number;
  }
  const char *known = as_wnid_name(*id, strlen(*id));
  if (known) snprintf(buf, 128, "%.*s", (int)strcspn(known, ","), known);
}

/* Share of the k-th class: the first one's is known, and the logits differ by the logarithm of their ratio. */
static double share_of(const as_prediction *p, int k) {
  return (double)p->confidence * exp((double)p->value[k] - (double)p->value[0]);
}

static void put_json(as_str *out, const as_args *a, const as_dataset *ds, const as_backbone *b,
                     const as_linhead *head, const as_scores *sc, const as_features *f) {
  as_jsonw w;
  as_jsonw_init(&w, out, false);
  as_jsonw_object(&w);
  as_jsonw_key(&w, "model"), as_jsonw_str(&w, as_path_base(a->text[OPT_WEIGHTS]));
  if (*b->assumed) as_jsonw_put_str(&w, "assumed", b->assumed);
  as_jsonw_key(&w, "images");
  as_jsonw_array(&w);
  for (size_t i = 0; i < sc->n; i++) {
    const as_prediction *p = &sc->row[i];
    as_jsonw_object(&w);
    as_jsonw_key(&w, "image"), as_jsonw_str(&w, as_dataset_item(ds, i).name);
    if (f->failed[i]) as_jsonw_key(&w, "failed"), as_jsonw_str(&w, f->why[i] ? f->why[i] : "failed");
    as_jsonw_key(&w, "predictions");
    as_jsonw_array(&w);
    for (int k = 0; k < TOP && p->outcome != AS_FAILED && p->top[k] >= 0; k++) {
      const char *id;
      char name[128];
      class_text(ds, head, p->top[k], &id, name);
      as_jsonw_object(&w);
      as_jsonw_key(&w, "class"), as_jsonw_i64(&w, p->top[k]);
      as_jsonw_key(&w, "id"), as_jsonw_str(&w, id);
      as_jsonw_key(&w, "name"), as_jsonw_str(&w, *name ? name : NULL);
      as_jsonw_key(&w, "share"), as_jsonw_f64(&w, share_of(p, k));
      as_jsonw_end(&w);
    }
    as_jsonw_end(&w);
    as_jsonw_end(&w);
  }
  as_jsonw_end(&w);
  as_jsonw_end(&w);
  as_str_putc(out, '\n');
}

/* One image: its five classes, a line each. Several: a line each, with the first class. */
static void put_text(as_str *out, const as_dataset *ds, const as_linhead *head, const as_scores *sc,
                     const as_features *f) {
  for (size_t i = 0; i < sc->n; i++) {
    const as_prediction *p = &sc->row[i];
    const char *image = as_dataset_item(ds, i).name;
    if (p->outcome == AS_FAILED)
      as_str_printf(out, "%s\tfailed: %s\n", image, f->why[i] ? f->why[i] : "not finite");
    for (int k = 0; k < (sc->n == 1 ? TOP : 1) && p->outcome != AS_FAILED && p->top[k] >= 0; k++) {
      const char *id;
      char name[128];
      class_text(ds, head, p->top[k], &id, name);
      as_str_printf(out, "%s\t%s%s%s %.2f\n", image, id, *name ? " " : "", name, share_of(p, k));
    }
  }
}

/* What the head takes each image for. */
static as_status print_predictions(const as_args *a, const as_dataset *ds, const as_backbone *b,
                                   const as_linhead *head, const as_scores *sc, const as_features *f,
                                   as_err *err) {
  as_str out = {0};
  if (as_dataset_classes(ds) == 0 && !head->name && head->classes == as_wnids_count)
    as_note(
        "the head has 1000 outputs: classes are named as ImageNet's in sorted order (--classes tells "
        "others)");
  if (a->set[OPT_JSON]) {
    put_json(&out, a, ds, b, head, sc, f);
  } else {
    put_text(&out, ds, head, sc, f);
  }
  as_status s = as_str_status(&out, err);
  if (s == AS_OK) as_print(&out);
  as_str_clear(&out);
  return s;
}

static as_status open_data(as_dataset **ds, const as_args *a, bool *predict, as_err *err) {
  as_dataset_opts d = as_tool_dataset_opts(a);
  if ((a->n_operands > 0) == a->set[OPT_DATA])
    return as_fail(err, AS_E_USAGE,
                   a->n_operands > 0 ? "found images and --data, wanted one of them"
                                     : "--data PATH is missing, or images in its place");
  d.files = a->operand;
  d.n_files = (size_t)a->n_operands;
  d.no_labels = a->n_operands > 0;
  as_status s = as_dataset_open(ds, &d, err);
  if (s != AS_OK) return s;
  *predict = d.no_labels || as_dataset_is_loose(*ds);
  return *predict || a->set[OPT_PREDICTIONS] ? AS_OK : as_dataset_want_labels(*ds, err);
}

/* A word that is no file is probably meant as in a plan. */
static as_status find_head_file(const char *given, as_err *err) {
  static const char *const words[] = {"own"};
  char mean[AS_MEAN_MAX];
  if (strcmp(given, words[0]) == 0 || strpbrk(given, "./") || as_path_size(given) >= 0) return AS_OK;
  return as_fail(err, AS_E_USAGE,
                 "--head: found '%s', wanted own or a file of a head (as assay probe -o writes it)%s", given,
                 as_did_you_mean(mean, given, words, 1));
}

/* Known before the images are run. */
static as_status head_fits(const as_dataset *ds, const as_voter *v, const char *data, as_err *err) {
  const size_t classes = as_dataset_classes(ds);
  uint8_t *can = as_alloc(classes ? classes : 1, 1, err);
  size_t n;
  as_status s = can ? as_score_candidates(ds, v, can, &n, err) : AS_E_ENV;
  if (s != AS_OK) as_fail_in(err, "%s on %s (--classes, or another --head)", v->head->source, data);
  as_free(can);
  return s;
}

as_status as_cmd_classify(const as_args *a, as_err *err) {
  as_dataset *ds = NULL;
  as_backbone b = {0};
  as_linhead head = {0};
  as_features f = {0};
  as_scores sc = {0};
  bool predict = false;
  const char *given = as_arg_text(a, OPT_HEAD, "own");
  as_status s = open_data(&ds, a, &predict, err);
  const char *data = a->n_operands > 0 ? a->operand[0] : a->text[OPT_DATA];
  if (s == AS_OK) s = find_head_file(given, err);
  if (s == AS_OK) s = as_tool_backbone(&b, a, false, err);
  if (s == AS_OK)
    s = strcmp(given, "own") == 0 ? as_linhead_own(&head, &b, err)
                                  : as_linhead_file(&head, given, (size_t)as_model_embed_dim(b.model), err);
  as_voter v = {.head = &head};
  if (s == AS_OK) s = head_fits(ds, &v, data, err);
  if (s == AS_OK) s = as_tool_features(&f, &b, ds, a, err);
  if (s == AS_OK) s = as_score(&sc, ds, &f, NULL, &v, NULL, err);
  if (s == AS_OK && a->set[OPT_PREDICTIONS])
    s = as_scores_write(&sc, ds, &f, NULL, a->text[OPT_PREDICTIONS], err);
  if (s == AS_OK && predict) {
    s = print_predictions(a, ds, &b, &head, &sc, &f, err);
  } else if (s == AS_OK && as_dataset_want_labels(ds, NULL) == AS_OK) {
    s = as_tool_print_cell(a, as_path_base(data), &sc.cell, &b, err);
  } else if (s == AS_OK) {
    as_note("%s: %zu images, none with a label: nothing to count", a->text[OPT_PREDICTIONS], sc.n);
  }
  for (size_t i = 0; s == AS_OK && i < f.n && !predict; i++)
    if (f.failed[i]) as_note("%s: %s", as_dataset_item(ds, i).name, f.why[i] ? f.why[i] : "failed");
  if (s == AS_OK) s = as_tool_failed(a, f.n_failed, f.n, err);
  as_scores_clear(&sc);
  as_features_clear(&f);
  as_linhead_clear(&head);
  as_backbone_clear(&b);
  as_dataset_close(&ds);
  return s;
}
