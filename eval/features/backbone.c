#include "eval/features/backbone.h"

#include <stdio.h>
#include <string.h>

#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "weights/containers/safetensors.h"

/* Recipe, preset and architecture; `unhashed`: without the file's SHA-256. */
static as_status choose(as_backbone *b, const as_backbone_opts *o, bool unhashed, as_err *err) {
  as_status s = AS_OK;
  if (o->given) {
    b->recipe = o->given;
  } else {
    const as_recipe_wish wish = {
        .name = o->recipe, .arch = o->arch, .preset = o->preset, .unhashed = unhashed};
    s = as_recipe_choose(&b->recipe, &b->owned, b->state, &wish, b->assumed, err);
  }
  if (s != AS_OK) return s;
  const char *preset = o->preset ? o->preset : as_recipe_preset(b->recipe);
  if ((s = as_preset_parse(&b->preset, preset, err)) != AS_OK) return s;
  as_preset_text(&b->preset, b->preset_text, sizeof b->preset_text);
  if (o->arch) {
    if (strlen(o->arch) >= sizeof b->arch)
      return as_fail(err, AS_E_USAGE, "architecture '%.60s...' is too long", o->arch);
    snprintf(b->arch, sizeof b->arch, "%s", o->arch);
    return AS_OK;
  }
  return as_recipe_resolve_arch(b->recipe, b->state, b->preset.crop, b->arch, sizeof b->arch, err);
}

static void release(void *state, const as_view *view) {
  as_state_release(state, view);
}

static as_status match_and_load(as_backbone *b, as_err *err) {
  as_str_clear(&b->report);
  const as_param_spec *specs;
  size_t n = as_model_specs(b->model, &specs);
  as_match m = {0};
  as_status s = as_match_params(&m, b->state, b->recipe, specs, n, err);
  as_str_put(&b->report, as_str_c(&m.report));
  b->used = m.used;
  b->renamed = m.renamed;
  b->dropped = m.dropped;
  b->missing = m.missing;
  b->unexpected = m.unexpected;
  as_state_release(b->state, NULL); /* what the checks have read */
  if (s == AS_OK && (s = as_model_load_releasing(b->model, m.views, release, b->state, err)) != AS_OK)
    as_fail_in(err, "%s", as_state_path(b->state));
  as_match_clear(&m);
  return s;
}

static as_status make_and_load(as_backbone *b, as_err *err) {
  as_status s = as_model_create(&b->model, b->arch, b->preset.crop, err);
  if (s == AS_OK) s = match_and_load(b, err);
  if (s == AS_OK) s = as_str_status(&b->report, err);
  return s;
}

/* ---- loading while the file is hashed ----
 *
 * Where the SHA-256 is wanted, it decides about the recipe before anything else does, is one long chain, and takes as long
 * as all the rest of the start. Where there is a second thread, it loads meanwhile what the keys alone tell. That is kept if
 * the digest leads to the same choice, as it does for nearly every file; else, or if it failed, it counts for nothing. */

enum { WORTH_IT = 16 << 20 }; /* bytes of tensors */

typedef struct race {
  as_backbone *guess;
  const as_backbone_opts *opts;
  int threads; /* of the caller */
  bool loaded;
} race;

static void run_side(void *ctx, size_t side, int worker) {
  (void)worker;
  race *j = ctx;
  if (side == 0) {
    (void)as_state_sha256(j->guess->state);
  } else {
    as_err unsaid = {0};
    const int before = as_par_use(j->threads); /* the model plans for as many */
    j->loaded =
        choose(j->guess, j->opts, true, &unsaid) == AS_OK && make_and_load(j->guess, &unsaid) == AS_OK;
    as_par_use(before);
  }
}

static bool is_worth_it(const as_state *state, const as_backbone_opts *o) {
  size_t bytes = 0;
  const bool chosen = o->recipe || o->given;
  if (!o->digest && !as_state_name_promises(state) && (chosen || !as_recipe_wants_digest(state)))
    return false;
  for (size_t i = 0; i < as_state_count(state); i++) {
    const size_t more = as_state_entries(state)[i].view.bytes;
    bytes = more < WORTH_IT ? bytes + more : WORTH_IT;
    if (bytes >= WORTH_IT) return as_par_threads() > 1;
  }
  return false;
}

static bool chose_the_same(const as_backbone *a, const as_backbone *b) {
  char of_a[65], of_b[65];
  as_recipe_digest(a->recipe, of_a);
  as_recipe_digest(b->recipe, of_b);
  return strcmp(of_a, of_b) == 0 && strcmp(a->arch, b->arch) == 0 &&
         strcmp(a->preset_text, b->preset_text) == 0;
}

/* Leaves of the guess what holds beside b's choice: its model. */
static bool keep_guess(as_backbone *b, as_backbone *guess, bool loaded) {
  const bool keep = loaded && chose_the_same(b, guess);
  if (keep) {
    b->model = guess->model, guess->model = NULL;
    b->report = guess->report, guess->report = (as_str){0};
    b->used = guess->used, b->renamed = guess->renamed, b->dropped = guess->dropped;
    b->missing = guess->missing, b->unexpected = guess->unexpected;
  }
  guess->state = NULL; /* b's */
  as_backbone_clear(guess);
  return keep;
}

as_status as_backbone_open(as_backbone *b, const as_backbone_opts *opts, as_err *err) {
  memset(b, 0, sizeof *b);
  as_backbone guess = {0};
  race j = {.guess = &guess, .opts = opts, .threads = as_par_threads()};
  as_status s = as_state_open(&b->state, opts->weights, err);
  guess.state = b->state;
  if (s == AS_OK && is_worth_it(b->state, opts)) as_par_for_by(2, 2, run_side, &j);
  if (s == AS_OK) s = as_state_check_name(b->state, NULL, err);
  if (s == AS_OK) s = choose(b, opts, false, err);
  if (!keep_guess(b, &guess, s == AS_OK && j.loaded) && s == AS_OK) s = make_and_load(b, err);
  if (s != AS_OK) {
    as_str report = b->report;
    b->report = (as_str){0};
    as_backbone_clear(b);
    b->report = report;
  }
  return s;
}

void as_backbone_clear(as_backbone *b) {
  as_model_destroy(&b->model);
  as_recipe_destroy(&b->owned);
  as_state_close(&b->state);
  as_str_clear(&b->report);
  memset(b, 0, sizeof *b);
}

as_status as_backbone_use_preset(as_backbone *b, const char *preset, as_err *err) {
  as_preset p;
  as_model *model = NULL;
  as_status s = as_preset_parse(&p, preset, err);
  if (s != AS_OK) return s;
  if (p.crop != b->preset.crop) {
    if ((s = as_model_create(&model, as_model_arch(b->model), p.crop, err)) != AS_OK) return s;
    as_model_destroy(&b->model);
    b->model = model;
    if ((s = match_and_load(b, err)) != AS_OK) return s;
  }
  b->preset = p;
  as_preset_text(&p, b->preset_text, sizeof b->preset_text);
  return AS_OK;
}

as_status as_backbone_write_seeded(const char *path, const char *arch, uint64_t seed, as_err *err) {
  as_model *model = NULL;
  as_named_view *named = NULL;
  const as_param_spec *specs = NULL;
  size_t n = 0;
  char seed_text[32], preset[64];
  as_status s = as_model_create(&model, arch, 0, err);
  if (s == AS_OK) {
    n = as_model_specs(model, &specs);
    if (!(named = as_calloc(n, sizeof *named, err))) s = AS_E_ENV;
  }
  size_t kept = 0;
  for (size_t i = 0; s == AS_OK && i < n; i++) {
    size_t numel = 0;
    if (specs[i].optional) continue;
    if (!as_shape_numel(specs[i].shape, specs[i].rank, &numel)) {
      s = as_fail(err, AS_E_USAGE, "%s: tensor %s is too large", arch, specs[i].name);
      break;
    }
    float *x = as_alloc(numel, sizeof *x, err);
    if (!x) {
      s = AS_E_ENV;
      break;
    }
    as_model_init_param(model, i, seed, x);
    as_named_view *v = &named[kept++];
    v->name = specs[i].name;
    v->view.data = x;
    v->view.bytes = numel * sizeof *x;
    v->view.dtype = AS_F32;
    v->view.rank = specs[i].rank;
    memcpy(v->view.shape, specs[i].shape, sizeof v->view.shape);
    as_view_set_contiguous(&v->view);
    const union {
      uint32_t word;
      unsigned char first;
    } order = {1};
    v->view.big_endian = order.first == 0; /* x is in the host's order */
  }
  if (s == AS_OK) {
    snprintf(seed_text, sizeof seed_text, "%llu", (unsigned long long)seed);
    /* The usual proportion of resize to crop, 256 to 224. */
    int side = as_model_input_size(model);
    snprintf(preset, sizeof preset, "imagenet-bilinear,resize=%d,crop=%d", (side * 8 + 3) / 7, side);
    const char *meta[] = {"assay.arch",   as_model_arch(model),
                          "assay.preset", side == 224 ? "imagenet-bilinear" : preset,
                          "assay.seed",   seed_text};
    s = as_safetensors_write(path, named, kept, meta, 3, err);
  }
  for (size_t i = 0; i < kept; i++) {
    void *x;
    memcpy(&x, &named[i].view.data, sizeof x);
    as_free(x);
  }
  as_free(named);
  as_model_destroy(&model);
  return s;
}
