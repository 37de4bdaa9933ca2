/* The section of report.html that shows images: what each set is, and on which images of it the models are sure and
 * wrong, disagree, all fail, and what they take for what. Where an image cannot be shown, words stand in its place. */
#include <string.h>

#include "eval/report/pictures_int.h"
#include "eval/report/report_html_int.h"
#include "tensor/base/mem.h"

static const char *const shelf_title[AS_SHELVES] = {
    NULL,
    "Sure and wrong",
    "The models disagree most",
    "No model is right",
    "What is taken for what",
    "The hardest classes",
};

static void put_base64(as_str *out, const uint8_t *p, size_t n) {
  static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < n; i += 3) {
    const uint32_t v =
        (uint32_t)p[i] << 16 | (uint32_t)(i + 1 < n ? p[i + 1] : 0) << 8 | (i + 2 < n ? p[i + 2] : 0);
    const char four[4] = {digit[v >> 18], digit[v >> 12 & 63], i + 1 < n ? digit[v >> 6 & 63] : '=',
                          i + 2 < n ? digit[v & 63] : '='};
    as_str_putn(out, four, sizeof four);
  }
}

static void put_class(const as_html *h, size_t k, uint32_t c) {
  as_html_text(h, c == UINT32_MAX ? "no class" : as_class_title(h->r, k, c).s);
}

/* Can anything of the set be shown? */
static bool has_images(const as_html *h, size_t k) {
  return h->pictures && k < h->pictures->n_sets && !h->pictures->why[k];
}

static void put_image(const as_html *h, size_t k, const as_shot *shot) {
  if (!has_images(h, k)) return;
  const as_picture *p = as_pictures_find(h->pictures, k, as_shot_image(h->r, k, shot->i));
  if (!p || !p->jpeg) {
    as_str_put(h->out, "<i>changed or not readable</i>");
    return;
  }
  as_str_printf(h->out, "<img width=\"%d\" height=\"%d\" alt=\"an image of ", p->w, p->h);
  put_class(h, k, shot->label);
  as_str_put(h->out, "\" src=\"data:image/jpeg;base64,");
  put_base64(h->out, p->jpeg, p->n);
  as_str_put(h->out, "\"/>");
}

/* "is rocket; resnet-a is 98 % sure: sailboat" */
static void put_caption(const as_html *h, size_t k, as_shelf_kind kind, const as_shot *s) {
  as_str_put(h->out, "<span><b>");
  put_class(h, k, s->label);
  as_str_put(h->out, "</b>");
  switch (kind) {
    case AS_SHELF_SURE:
      as_str_put(h->out, " ");
      as_html_text(h, as_model_name(h->r, s->model));
      as_str_printf(h->out, " is %s&nbsp;%% sure: ", as_pct(s->sure, s->sure > 0.99 ? 1 : 0).s);
      put_class(h, k, s->answer);
      break;
    case AS_SHELF_SPLIT:
      as_str_printf(h->out, " %lld different answers", (long long)s->count);
      break;
    case AS_SHELF_MISSED:
      as_str_printf(h->out, " %lld of %lld say ", (long long)s->count, (long long)s->of);
      put_class(h, k, s->answer);
      break;
    case AS_SHELF_MIXED:
      if (s->label == s->answer) {
        as_str_put(h->out, " itself");
        break;
      }
      as_str_printf(h->out, " %lld of %lld answers are ", (long long)s->count, (long long)s->of);
      put_class(h, k, s->answer);
      break;
    case AS_SHELF_HARD:
      as_str_printf(h->out, " %s&nbsp;%% right", as_pct((double)s->count / (double)s->of, 1).s);
      break;
    default:
      break;
  }
  as_str_put(h->out, "</span>");
}

/* What each model answers, behind the picture. */
static void put_answers(const as_html *h, size_t k, size_t i, const size_t *model, size_t n) {
  as_str_put(h->out, "<details><summary>answers</summary><small>");
  for (size_t q = 0; q < n; q++) {
    const as_cell *c = as_results_cell(h->r, model[q], k);
    if (q) as_str_put(h->out, "<br>");
    as_html_text(h, as_model_name(h->r, model[q]));
    as_str_put(h->out, ": ");
    put_class(h, k, c->answer[i]);
    if (c->correct1[i] == 1) as_str_put(h->out, " &#10003;");
  }
  as_str_put(h->out, "</small></details>");
}

static void put_shelf(const as_html *h, size_t k, as_shelf_kind kind, const as_shelf *s, const size_t *model,
                      size_t n) {
  as_str_put(h->out, "<div class=\"shots\">");
  for (size_t q = 0; q < s->n; q++) {
    const as_shot *shot = &s->shot[q];
    if (!has_images(h, k) && q > 0 &&
        (kind == AS_SHELF_HARD ? shot->label == s->shot[q - 1].label : shot->label == shot->answer))
      continue; /* it would say nothing new */
    as_str_put(h->out, "<div class=\"shot\">");
    put_image(h, k, shot);
    put_caption(h, k, kind, shot);
    if (kind == AS_SHELF_SPLIT && n <= 24) put_answers(h, k, shot->i, model, n);
    as_str_put(h->out, "</div>\n");
  }
  as_str_put(h->out, "</div>\n");
}

static void put_shelf_words(const as_html *h, as_shelf_kind kind, const as_gallery_set *g, size_t images) {
  const as_shelf *s = &g->shelf[kind];
  as_str_put(h->out, "<p class=\"how\">");
  switch (kind) {
    case AS_SHELF_SURE:
      as_str_printf(
          h->out,
          "The wrong answers of the highest confidence, at most one per image. Wrong at 90&nbsp;%% or more: "
          "%lld of %lld answers.",
          (long long)s->total, (long long)images * (long long)g->n_models);
      break;
    case AS_SHELF_SPLIT:
      as_str_printf(h->out, "The images on which the fewest of %zu models give the same answer.",
                    g->n_models);
      break;
    case AS_SHELF_MISSED:
      as_str_printf(
          h->out,
          "%lld of %zu images are wrong in all %zu models; first those on which most agree on the wrong "
          "class: look whether the label is right.",
          (long long)s->total, images, g->n_models);
      break;
    case AS_SHELF_MIXED:
      as_str_put(
          h->out,
          "The most frequent confusions, all models together: an image that most of them mistake, and one "
          "that is what they say.");
      break;
    default:
      as_str_put(h->out, "The classes with the smallest share of right answers, all models together.");
      break;
  }
  as_str_put(h->out, "</p>\n");
}

/* One set's shelves, folded away but for the first set's. */
static void put_set(const as_html *h, size_t k, const as_gallery_set *g, const size_t *model, size_t n,
                    bool open) {
  as_str_printf(h->out, "<details class=\"set\"%s><summary>", open ? " open" : "");
  as_html_text(h, as_html_set(h, k));
  as_str_put(h->out, ": where its models fail</summary>\n");
  for (int j = AS_SHELF_SURE; j < AS_SHELVES; j++) {
    const bool words = j == AS_SHELF_MIXED || j == AS_SHELF_HARD;
    if (g->shelf[j].n == 0 || (!words && !has_images(h, k))) continue;
    as_str_printf(h->out, "<h4>%s</h4>\n", shelf_title[j]);
    put_shelf_words(h, (as_shelf_kind)j, g, h->r->sets[k].n_scored);
    put_shelf(h, k, (as_shelf_kind)j, &g->shelf[j], model, n);
  }
  as_str_put(h->out, "</details>\n");
}

static void put_samples(const as_html *h, size_t k, const as_gallery_set *g) {
  const as_results_set *set = &h->r->sets[k];
  as_str facts = {0};
  as_put_set_facts(&facts, h->s, k);
  as_str_put(h->out, "<div class=\"strip\"><p><b>");
  as_html_text(h, as_html_set(h, k));
  as_str_put(h->out, "</b> <span class=\"how\">");
  as_html_text(h, as_str_c(&facts));
  as_str_put(h->out, "</span></p>\n");
  if (facts.failed) h->out->failed = true;
  as_str_clear(&facts);
  if (h->pictures->why[k]) {
    as_str_put(h->out, "<p class=\"how\">");
    as_html_text(h, h->pictures->why[k]);
    as_str_put(h->out, "</p>\n");
  } else if (set->images_of != k && set->images_of < h->r->n_sets) {
    as_str_put(h->out, "<p class=\"how\">The images of ");
    as_html_text(h, as_html_set(h, set->images_of));
    as_str_put(h->out, ", under another rule.</p>\n");
  } else {
    put_shelf(h, k, AS_SHELF_SAMPLES, &g->shelf[AS_SHELF_SAMPLES], NULL, 0);
  }
  as_str_put(h->out, "</div>\n");
}

bool as_html_has_pictures(const as_html *h) {
  for (size_t k = 0; k < h->r->n_sets && k < AS_PICTURE_SETS; k++)
    for (size_t m = 0; h->r->sets[k].label && m < h->r->n_models; m++)
      if (as_results_cell(h->r, m, k)->answer) return true;
  return false;
}

void as_html_pictures(const as_html *h, as_err *err) {
  const size_t sets = h->r->n_sets < AS_PICTURE_SETS ? h->r->n_sets : AS_PICTURE_SETS;
  if (!as_html_has_pictures(h)) return;
  as_gallery_set *g = as_calloc(sets, sizeof *g, err);
  size_t *model = as_alloc(h->r->n_models, sizeof *model, err), n = 0;
  as_status s = g && model ? AS_OK : AS_E_ENV;
  for (size_t k = 0; s == AS_OK && k < sets; k++) s = as_gallery_make(&g[k], h->r, k, err);
  as_str_printf(h->out, "<section id=\"pictures\"><h2>%s</h2>\n",
                h->pictures ? "Look at the images" : "What is taken for what");
  if (h->pictures) as_str_put(h->out, "<h3>What is each set?</h3>\n");
  for (size_t k = 0; s == AS_OK && h->pictures && k < sets; k++)
    if (g[k].n_models) put_samples(h, k, &g[k]);
  if (h->pictures) as_str_put(h->out, "<h3>Where do the models fail?</h3>\n");
  for (size_t k = 0, first = 1; s == AS_OK && k < sets; k++) {
    if (!g[k].n_models) continue;
    s = as_gallery_models(h->r, k, model, &n, err);
    if (s == AS_OK) put_set(h, k, &g[k], model, n, first);
    first = 0;
  }
  if (sets < h->r->n_sets)
    as_str_printf(h->out, "<p class=\"how\">The first %zu of %zu sets.</p>\n", sets, h->r->n_sets);
  as_str_put(h->out, "</section>\n");
  if (s != AS_OK) h->out->failed = true;
  as_free(g);
  as_free(model);
}
