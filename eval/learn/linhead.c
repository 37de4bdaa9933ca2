#include "eval/learn/linhead.h"

#include <stdio.h>
#include <string.h>

#include "eval/learn/sgd.h"
#include "tensor/base/checked.h"
#include "tensor/base/file.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/json.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"
#include "weights/containers/safetensors.h"

void as_linhead_sha256(const as_linhead *h, char hex[65]) {
  as_sha256 sum;
  as_sha256_init(&sum);
  as_sha256_update_f32(&sum, h->weight, h->n_out * h->d);
  as_sha256_update_f32(&sum, h->bias, h->n_out);
  for (size_t i = 0; h->class_of && i < h->n_out; i++) {
    uint32_t c = (uint32_t)h->class_of[i];
    uint8_t le[4] = {(uint8_t)c, (uint8_t)(c >> 8), (uint8_t)(c >> 16), (uint8_t)(c >> 24)};
    as_sha256_update(&sum, le, 4);
  }
  as_sha256_hex(&sum, hex);
}

/* The packed form, once weight and bias stand. */
static as_status finish_head(as_linhead *h, as_err *err) {
  return as_linear_create(&h->packed, (int)h->n_out, (int)h->d, h->weight, h->bias, err);
}

static as_status from_views(as_linhead *h, const as_view *w, const as_view *b, const char *path, size_t d,
                            as_err *err) {
  char shape[96];
  size_t numel = 0, bad_w = 0, bad_b = 0;
  /* A 1x1 convolution's weight [classes, d, 1, 1] is the same thing. */
  bool fits = w->rank >= 2 && w->shape[0] >= 1 && w->shape[0] <= 1 << 24 && w->shape[1] == (int64_t)d &&
              b->rank == 1 && b->shape[0] == w->shape[0];
  for (int i = 2; i < w->rank; i++) fits = fits && w->shape[i] == 1;
  if (!fits || !as_mul_size((size_t)w->shape[0], d, &numel))
    return as_fail(err, AS_E_INPUT, "%s: head: found weight %s, wanted [classes, %zu] and a bias [classes]",
                   path, as_shape_text(w->shape, w->rank, shape, sizeof shape), d);
  h->n_out = h->classes = (size_t)w->shape[0];
  h->d = d;
  h->weight = as_alloc(numel, sizeof(float), err);
  h->bias = as_alloc(h->n_out, sizeof(float), err);
  if (!h->weight || !h->bias) return AS_E_ENV;
  as_status s = as_view_to_f32(w, h->weight, &bad_w, err);
  if (s == AS_OK) s = as_view_to_f32(b, h->bias, &bad_b, err);
  if (s != AS_OK) return as_fail_in(err, "%s: head", path), s;
  if (bad_w || bad_b)
    return as_fail(err, AS_E_INPUT, "%s: head: found %zu values that are NaN or infinite, wanted none", path,
                   bad_w + bad_b);
  return AS_OK;
}

as_status as_linhead_own(as_linhead *h, const as_backbone *b, as_err *err) {
  as_view w, bias;
  memset(h, 0, sizeof *h);
  const char *name = as_model_head_name(b->model);
  as_status s = as_match_head(&w, &bias, b->state, b->recipe, name, err);
  if (s == AS_OK)
    s = from_views(h, &w, &bias, as_state_path(b->state), (size_t)as_model_embed_dim(b->model), err);
  if (s == AS_OK) s = finish_head(h, err);
  snprintf(h->source, sizeof h->source, "own (%s)", name);
  if (s != AS_OK) as_linhead_clear(h);
  return s;
}

/* The `classes` tensor of as_linhead_write: [n_out] increasing class indices, and their number. */
static as_status read_classes(as_linhead *h, const as_state *st, as_err *err) {
  const as_state_entry *e = as_state_find(st, "classes");
  if (!e) return AS_OK;
  char shape[96];
  if (e->view.rank != 1 || e->view.shape[0] != (int64_t)h->n_out + 1)
    return as_fail(err, AS_E_INPUT, "%s: tensor classes: found %s, wanted [%zu]", as_state_path(st),
                   as_shape_text(e->view.shape, e->view.rank, shape, sizeof shape), h->n_out + 1);
  float *v = as_alloc(h->n_out + 1, sizeof *v, err);
  h->class_of = as_alloc(h->n_out, sizeof *h->class_of, err);
  if (!v || !h->class_of) {
    as_free(v);
    return AS_E_ENV;
  }
  as_status s = as_view_to_f32(&e->view, v, NULL, err);
  for (size_t i = 0; s == AS_OK && i <= h->n_out; i++) {
    bool ok = v[i] >= 0 && v[i] < 1 << 24 && (i == 0 || v[i] > v[i - 1]);
    if (!ok)
      s = as_fail(err, AS_E_INPUT,
                  "%s: tensor classes: element %zu: found %g, wanted increasing class indices",
                  as_state_path(st), i, (double)v[i]);
    else if (i < h->n_out)
      h->class_of[i] = (int)v[i];
    else
      h->classes = (size_t)v[i];
  }
  as_free(v);
  return s;
}

/* ---- names --------------------------------------------------------------------------------------------- */

static const char names_key[] = "assay.classes";

as_status as_linhead_name(as_linhead *h, const char *const *class_name, as_err *err) {
  if (!(h->name = as_calloc(h->n_out, sizeof *h->name, err))) return AS_E_ENV;
  for (size_t i = 0; i < h->n_out; i++)
    if (!(h->name[i] = as_strdup(class_name[h->class_of ? (size_t)h->class_of[i] : i], err))) return AS_E_ENV;
  return AS_OK;
}

const char *as_linhead_class_name(const as_linhead *h, int c) {
  if (!h->name || c < 0) return NULL;
  if (!h->class_of) return (size_t)c < h->n_out ? h->name[c] : NULL;
  size_t from = 0, to = h->n_out; /* class_of rises */
  while (from < to) {
    const size_t mid = from + (to - from) / 2;
    if (h->class_of[mid] < c)
      from = mid + 1;
    else
      to = mid;
  }
  return from < h->n_out && h->class_of[from] == c ? h->name[from] : NULL;
}

/* The names in the metadata, if it has any. */
static as_status read_names(as_linhead *h, const as_state *st, as_err *err) {
  const char *text = as_state_meta(st, names_key);
  as_json_doc *doc;
  if (!text) return AS_OK;
  as_status s = as_json_parse(&doc, text, strlen(text), err);
  if (s != AS_OK) return as_fail_in(err, "%s: metadata %s", as_state_path(st), names_key), s;
  const as_json *list = as_json_root(doc);
  bool good = list->type == AS_JSON_ARRAY && list->count == h->n_out;
  if (good && !(h->name = as_calloc(h->n_out, sizeof *h->name, err))) s = AS_E_ENV;
  size_t i = 0;
  for (const as_json *e = list->child; s == AS_OK && good && e; e = e->next) {
    good = e->type == AS_JSON_STRING && e->text_len > 0 && strlen(e->text) == e->text_len;
    if (good && !(h->name[i++] = as_strdup(e->text, err))) s = AS_E_ENV;
  }
  if (s == AS_OK && !good)
    s = as_fail(err, AS_E_INPUT, "%s: metadata %s: wanted a list of %zu names, one for each output",
                as_state_path(st), names_key, h->n_out);
  as_json_free(&doc);
  return s;
}

static void put_names(as_str *out, const as_linhead *h) {
  as_jsonw w;
  as_jsonw_init(&w, out, true);
  as_jsonw_array(&w);
  for (size_t i = 0; i < h->n_out; i++) as_jsonw_str(&w, h->name[i]);
  as_jsonw_end(&w);
}

/* -------------------------------------------------------------------------------------------------------- */

as_status as_linhead_file(as_linhead *h, const char *path, size_t d, as_err *err) {
  as_state *st = NULL;
  as_view w, b;
  memset(h, 0, sizeof *h);
  as_status s = as_state_open(&st, path, err);
  if (s == AS_OK) s = as_match_head(&w, &b, st, NULL, NULL, err);
  if (s == AS_OK) s = from_views(h, &w, &b, path, d, err);
  if (s == AS_OK) s = read_classes(h, st, err);
  if (s == AS_OK) s = read_names(h, st, err);
  if (s == AS_OK) s = finish_head(h, err);
  as_state_close(&st);
  snprintf(h->source, sizeof h->source, "file %s", as_path_base(path));
  if (s != AS_OK) as_linhead_clear(h);
  return s;
}

/* Classes that have a row get an output: h's class_of and room for weight and bias. compact: the same rows with
 * outputs for classes, their y (owned) negative where they are left out. */
static as_status take_classes(as_linhead *h, const as_labelled *rows, as_labelled *compact, int **y,
                              size_t *used, as_err *err) {
  const size_t classes = rows->classes, n = rows->n;
  as_status s = AS_OK;
  memset(h, 0, sizeof *h);
  *used = 0;
  int *slot = as_alloc(classes ? classes : 1, sizeof *slot, err); /* class -> output, -1 = none */
  int *out = *y = as_alloc(n ? n : 1, sizeof *out, err);
  h->class_of = as_alloc(classes ? classes : 1, sizeof *h->class_of, err);
  if (!slot || !out || !h->class_of) s = AS_E_ENV;
  if (s == AS_OK) {
    for (size_t c = 0; c < classes; c++) slot[c] = -1;
    for (size_t i = 0; i < n; i++)
      if (rows->y[i] >= 0 && (size_t)rows->y[i] < classes) slot[rows->y[i]] = 0;
    for (size_t c = 0; c < classes; c++)
      if (slot[c] == 0) {
        slot[c] = (int)h->n_out;
        h->class_of[h->n_out++] = (int)c;
      }
    for (size_t i = 0; i < n; i++) {
      out[i] = rows->y[i] >= 0 && (size_t)rows->y[i] < classes ? slot[rows->y[i]] : -1;
      *used += out[i] >= 0;
    }
    if (h->n_out < 2)
      s = as_fail(err, AS_E_INPUT, "probe: found %zu classes among %zu labelled rows, wanted at least 2",
                  h->n_out, *used);
  }
  if (s == AS_OK) {
    h->classes = classes;
    h->d = rows->d;
    h->weight = as_calloc(h->n_out * h->d, sizeof(float), err);
    h->bias = as_calloc(h->n_out, sizeof(float), err);
    if (!h->weight || !h->bias) s = AS_E_ENV;
    bool named = rows->class_name != NULL;
    for (size_t i = 0; named && i < h->n_out; i++) named = rows->class_name[h->class_of[i]] != NULL;
    if (s == AS_OK && named) s = as_linhead_name(h, rows->class_name, err);
    *compact = (as_labelled){.x = rows->x, .y = out, .n = n, .d = rows->d, .classes = h->n_out};
  }
  as_free(slot);
  return s;
}

/* The end of every fit: releases y, and the head where it failed. */
static as_status close_fit(as_linhead *h, int *y, as_status s, as_err *err) {
  as_free(y);
  if (s == AS_OK) s = finish_head(h, err);
  if (s != AS_OK) as_linhead_clear(h);
  return s;
}

as_status as_linhead_fit(as_linhead *h, const as_labelled *rows, const as_probe_opts *opts,
                         as_probe_result *result, as_err *err) {
  as_labelled compact;
  int *y = NULL;
  size_t used;
  char how[160];
  const as_probe_opts o = as_probe_resolve(*opts);
  snprintf(how, sizeof how, "lbfgs %a %a %a %d", o.c, o.tol, o.target, o.max_iter);
  as_status s = take_classes(h, rows, &compact, &y, &used, err);
  if (s == AS_OK) s = as_keep_begin(o.keep, &compact, how, err);
  if (s == AS_OK) s = as_probe_fit(&compact, &o, h->weight, h->bias, result, err);
  if (s == AS_OK)
    snprintf(h->source, sizeof h->source, "probe: %zu classes, %zu rows, C %g, %d iterations%s", h->n_out,
             used, o.c, result->iterations, result->converged ? "" : ", not converged");
  return close_fit(h, y, s, err);
}

as_status as_linhead_path(as_linhead *h, const as_labelled *rows, const as_path_opts *opts,
                          as_path_result *result, as_err *err) {
  as_labelled compact;
  int *y = NULL;
  size_t used;
  char text[160], how[256];
  memset(result, 0, sizeof *result);
  snprintf(how, sizeof how, "path %a %a %d %a %llu %a %d", opts->from, opts->to, opts->count, opts->held_out,
           (unsigned long long)opts->seed, opts->tol, opts->max_iter);
  as_status s = take_classes(h, rows, &compact, &y, &used, err);
  if (s == AS_OK) s = as_keep_begin(opts->keep, &compact, how, err);
  if (s == AS_OK) s = as_path_fit(&compact, opts, h->weight, h->bias, result, err);
  if (s == AS_OK)
    snprintf(h->source, sizeof h->source, "probe: %zu classes, %zu rows, C %g (%s), %d iterations%s",
             h->n_out, used, result->point[result->best].c, as_path_text(opts, result, text, sizeof text),
             result->fit.iterations, result->fit.converged ? "" : ", not converged");
  s = close_fit(h, y, s, err);
  if (s != AS_OK) as_path_clear(result);
  return s;
}

as_status as_linhead_protocol(as_linhead *h, const as_labelled *rows, const as_protocol *p, uint64_t seed,
                              as_keep *keep, as_err *err) {
  as_labelled compact;
  int *y = NULL;
  size_t used;
  char how[512];
  as_str text = {0};
  as_protocol_text(p, &text);
  as_status s = as_str_status(&text, err);
  if (s == AS_OK) s = take_classes(h, rows, &compact, &y, &used, err);
  if (s == AS_OK) {
    snprintf(how, sizeof how, "%s %llu %.400s", p->name, (unsigned long long)seed, as_str_c(&text));
    s = as_keep_begin(keep, &compact, how, err);
  }
  if (s == AS_OK) s = as_sgd_fit(p, &compact, seed, keep, h->weight, h->bias, NULL, err);
  if (s == AS_OK)
    snprintf(h->source, sizeof h->source,
             "protocol %s on fixed features: %zu classes, %zu rows, seed %llu; %s", p->name, h->n_out, used,
             (unsigned long long)seed, as_str_c(&text));
  as_str_clear(&text);
  return close_fit(h, y, s, err);
}

as_status as_linhead_crops(as_linhead *h, const as_protocol *p, as_backbone *b, const as_dataset *ds,
                           const as_crops_opts *opts, size_t *failed, as_err *err) {
  as_labelled rows = {.n = as_dataset_count(ds),
                      .d = (size_t)as_model_embed_dim(b->model),
                      .classes = as_dataset_classes(ds)};
  as_labelled compact;
  int *y = NULL;
  size_t used;
  as_str text = {0};
  memset(h, 0, sizeof *h);
  int *label = as_alloc(rows.n ? rows.n : 1, sizeof *label, err);
  const char **name = as_alloc(rows.classes ? rows.classes : 1, sizeof *name, err);
  if (!label || !name) {
    as_free(label);
    as_free(name);
    return AS_E_ENV;
  }
  for (size_t i = 0; i < rows.n; i++) label[i] = as_dataset_item(ds, i).label;
  for (size_t c = 0; c < rows.classes; c++) name[c] = as_dataset_class_name(ds, c);
  rows.y = label;
  rows.class_name = name;
  as_protocol_text(p, &text);
  as_status s = as_str_status(&text, err);
  if (s == AS_OK) s = take_classes(h, &rows, &compact, &y, &used, err);
  if (s == AS_OK) {
    const as_crops_images images = {.ds = ds, .y = y, .classes = h->n_out};
    s = as_crops_fit(p, b, &images, opts, h->weight, h->bias, failed, err);
  }
  if (s == AS_OK)
    snprintf(h->source, sizeof h->source,
             "protocol %s on crops: %zu classes, %zu images, %zu failed, seed %llu; %s", p->name, h->n_out,
             used, *failed, (unsigned long long)opts->seed, as_str_c(&text));
  as_free(label);
  as_free(name);
  as_str_clear(&text);
  return close_fit(h, y, s, err);
}

static as_view f32_view(const float *x, int rank, size_t a, size_t b) {
  as_view v = {0};
  const union {
    uint32_t word;
    unsigned char first;
  } order = {1};
  v.data = x;
  v.bytes = (rank == 2 ? a * b : a) * sizeof *x;
  v.dtype = AS_F32;
  v.big_endian = order.first == 0;
  v.rank = rank;
  v.shape[0] = (int64_t)a;
  v.shape[1] = (int64_t)b;
  as_view_set_contiguous(&v);
  return v;
}

as_status as_linhead_write(const as_linhead *h, const char *path, as_err *err) {
  /* Class indices are below 2^24, so float32 holds them exactly; the last entry is their number. */
  float *classes = as_alloc(h->n_out + 1, sizeof *classes, err);
  if (!classes) return AS_E_ENV;
  for (size_t i = 0; i < h->n_out; i++) classes[i] = h->class_of ? (float)h->class_of[i] : (float)i;
  classes[h->n_out] = (float)h->classes;
  const as_named_view t[] = {{"bias", f32_view(h->bias, 1, h->n_out, 1)},
                             {"classes", f32_view(classes, 1, h->n_out + 1, 1)},
                             {"weight", f32_view(h->weight, 2, h->n_out, h->d)}};
  as_str names = {0};
  if (h->name) put_names(&names, h);
  const char *meta[] = {"assay.source", h->source, names_key, as_str_c(&names)};
  as_status s = as_str_status(&names, err);
  if (s == AS_OK) s = as_safetensors_write(path, t, 3, meta, h->name ? 2 : 1, err);
  as_str_clear(&names);
  as_free(classes);
  return s;
}

void as_linhead_clear(as_linhead *h) {
  as_linear_destroy(&h->packed);
  as_free(h->weight);
  as_free(h->bias);
  as_free(h->class_of);
  for (size_t i = 0; h->name && i < h->n_out; i++) as_free(h->name[i]);
  as_free(h->name);
  memset(h, 0, sizeof *h);
}

void as_linhead_logits(const as_linhead *h, const float *x, size_t n, float *logits) {
  as_linear_args a = {
      .in = x, .ld_in = h->d, .rows = n, .act = AS_ACT_NONE, .out = logits, .ld_out = h->n_out};
  as_linear_run(h->packed, &a);
}
