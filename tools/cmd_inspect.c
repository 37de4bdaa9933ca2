/* inspect: the kind of file is told by its content, never by its name. */
#include <stdio.h>
#include <string.h>

#include "data/image/image.h"
#include "data/image/preset.h"
#include "data/sets/dataset.h"
#include "eval/features/npy.h"
#include "models/model.h"
#include "tensor/base/bytes.h"
#include "tensor/base/file.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/json.h"
#include "tensor/base/mem.h"
#include "tensor/base/pack/zip_disk.h"
#include "tensor/base/text.h"
#include "tools/cmd.h"
#include "tools/common.h"
#include "tools/say.h"
#include "tools/values.h"
#include "weights/containers/state.h"
#include "weights/match.h"
#include "weights/recipe/recipe.h"

static void put_shape(as_jsonw *w, const as_view *v) {
  as_jsonw_key(w, "shape");
  as_jsonw_array(w);
  for (int i = 0; i < v->rank; i++) as_jsonw_i64(w, v->shape[i]);
  as_jsonw_end(w);
}

/* What the file is once a recipe has read it; all of it optional. */
typedef struct finding {
  const as_recipe *r;
  as_recipe *owned;
  char assumed[AS_RECIPE_ASSUMED];
  char arch[512]; /* as the model prints it, or as far as it got */
  char head[200];
  as_match m;
  bool matched; /* counts and report of m are filled */
  as_err why;   /* the first thing that does not fit */
} finding;

/* The classifier inside the file, or the file as a classifier. */
static void find_head(finding *f, as_state *st) {
  as_view w, b;
  as_err none = {0};
  const char *name = f->r ? as_recipe_head(f->r) : NULL;
  if (f->r ? !*name : !as_match_only_head(st)) return;
  if (as_match_head(&w, &b, st, f->r, name, &none) == AS_OK)
    snprintf(f->head, sizeof f->head, "%s: %lld classes on %lld features",
             f->r ? name : "nothing but a classifier", (long long)w.shape[0], (long long)w.shape[1]);
}

/* Recipe, architecture and a match without loading: seconds are not spent on a look. */
static void find_recipe(finding *f, as_state *st, const char *recipe) {
  as_model *model = NULL;
  as_preset preset;
  const as_param_spec *specs;
  const as_recipe_wish wish = {.name = recipe};
  as_status s = as_recipe_choose(&f->r, &f->owned, st, &wish, f->assumed, &f->why);
  if (s == AS_OK) s = as_preset_parse(&preset, as_recipe_preset(f->r), &f->why);
  if (s == AS_OK) s = as_recipe_resolve_arch(f->r, st, preset.crop, f->arch, sizeof f->arch, &f->why);
  if (s == AS_OK) s = as_model_create(&model, f->arch, preset.crop, &f->why);
  if (s == AS_OK) {
    size_t n = as_model_specs(model, &specs);
    snprintf(f->arch, sizeof f->arch, "%s", as_model_arch(model));
    if (as_match_params(&f->m, st, f->r, specs, n, &f->why) == AS_OK)
      (void)as_match_nonfinite(&f->m, specs, &f->why);
    f->matched = true;
  }
  find_head(f, st);
  as_model_destroy(&model);
}

static void checkpoint_json(as_str *out, as_state *st, const finding *f) {
  const as_state_entry *e = as_state_entries(st);
  const char *const *lines;
  size_t n_lines = as_state_remarks(st, &lines);
  as_jsonw w;
  as_jsonw_init(&w, out, false);
  as_jsonw_object(&w);
  as_jsonw_text(&w, "file", as_state_path(st));
  as_jsonw_text(&w, "container", as_state_container(st));
  as_jsonw_text(&w, "sha256", as_state_sha256(st));
  if (*as_state_directory(st)) as_jsonw_text(&w, "directory_sha256", as_state_directory(st));
  as_jsonw_text(&w, "recipe", f->r ? as_recipe_name(f->r) : NULL);
  if (f->r) {
    as_jsonw_text(&w, "title", as_recipe_title(f->r));
    as_jsonw_text(&w, "architecture", f->arch);
    as_jsonw_text(&w, "preset", as_recipe_preset(f->r));
  }
  if (*f->assumed) as_jsonw_text(&w, "assumed", f->assumed);
  if (*f->head) as_jsonw_text(&w, "head", f->head);
  if (f->matched) {
    const struct {
      const char *name;
      size_t n;
    } counts[] = {{"used", f->m.used},       {"renamed", f->m.renamed},       {"dropped", f->m.dropped},
                  {"missing", f->m.missing}, {"unexpected", f->m.unexpected}, {"nonfinite", f->m.nonfinite}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
      as_jsonw_key(&w, counts[i].name);
      as_jsonw_i64(&w, (int64_t)counts[i].n);
    }
  }
  if (*f->why.msg) as_jsonw_text(&w, "problem", f->why.msg);
  as_jsonw_key(&w, "tensors");
  as_jsonw_array(&w);
  for (size_t i = 0; i < as_state_count(st); i++) {
    as_jsonw_object(&w);
    as_jsonw_text(&w, "name", e[i].name);
    as_jsonw_text(&w, "dtype", as_dtype_name(e[i].view.dtype));
    put_shape(&w, &e[i].view);
    if (e[i].opaque) as_jsonw_text(&w, "opaque", e[i].opaque);
    as_jsonw_end(&w);
  }
  as_jsonw_end(&w);
  as_jsonw_key(&w, "remarks");
  as_jsonw_array(&w);
  for (size_t i = 0; i < n_lines; i++) as_jsonw_str(&w, lines[i]);
  as_jsonw_end(&w);
  as_jsonw_end(&w);
  as_str_putc(out, '\n');
}

/* Published lines that speak of a file of this name, or all when none does. */
static void put_published(as_str *out, const as_recipe *r, const char *path) {
  const char *const *lines;
  const size_t n = as_recipe_published(r, &lines);
  char start[300];
  snprintf(start, sizeof start, "%.250s | ", as_path_base(path));
  bool own = false;
  for (size_t i = 0; i < n; i++) own = own || as_starts_with(lines[i], start);
  for (size_t i = 0; i < n; i++)
    if (!own || as_starts_with(lines[i], start)) as_str_printf(out, "published:    %s\n", lines[i]);
}

static void checkpoint_text(as_str *out, as_state *st, const finding *f) {
  const as_state_entry *e = as_state_entries(st);
  const char *const *lines;
  size_t n_lines = as_state_remarks(st, &lines);
  char shape[96];
  double elements = 0;
  as_str_printf(out, "%s: %s, sha256 %s\n", as_state_path(st), as_state_container(st), as_state_sha256(st));
  if (*as_state_directory(st)) as_str_printf(out, "the zip's directory: sha256 %s\n", as_state_directory(st));
  for (size_t i = 0; i < as_state_count(st); i++) {
    size_t numel = 0;
    if (as_shape_numel(e[i].view.shape, e[i].view.rank, &numel)) elements += (double)numel;
    as_str_printf(out, "%-56s %-9s %s%s%s\n", e[i].name, as_dtype_name(e[i].view.dtype),
                  as_shape_text(e[i].view.shape, e[i].view.rank, shape, sizeof shape), e[i].opaque ? " " : "",
                  e[i].opaque ? e[i].opaque : "");
  }
  as_str_printf(out, "%zu tensors, %.0f elements\n", as_state_count(st), elements);
  for (size_t i = 0; i < n_lines; i++) as_str_printf(out, "also: %s\n", lines[i]);
  if (f->r) {
    as_str_printf(out, "recipe:       %s (%s)\n", as_recipe_name(f->r), as_recipe_title(f->r));
    if (*as_recipe_note(f->r)) as_str_printf(out, "note:         %s\n", as_recipe_note(f->r));
    if (*f->assumed) as_str_printf(out, "assumed:      %s\n", f->assumed);
    as_str_printf(out, "architecture: %s\npreset:       %s\n", f->arch, as_recipe_preset(f->r));
    if (f->matched)
      as_str_printf(out,
                    "tensors:      %zu used, %zu of them under another name, %zu dropped, %zu missing, %zu "
                    "unexpected, %zu values not finite\n",
                    f->m.used, f->m.renamed, f->m.dropped, f->m.missing, f->m.unexpected, f->m.nonfinite);
    as_str_printf(out, "head:         %s\n", *f->head ? f->head : "none of its own");
    if (*as_recipe_probe(f->r)) as_str_printf(out, "probe:        %s\n", as_recipe_probe(f->r));
    put_published(out, f->r, as_state_path(st));
    if (*f->why.msg) as_str_printf(out, "problem:      %s\n", f->why.msg);
  } else if (*f->head) {
    as_str_printf(out, "recipe:       none is needed\nhead:         %s (--head)\n", f->head);
  } else {
    as_str_printf(out, "recipe:       none (%s)\n", f->why.msg);
  }
}

/* NAME or NAME:INDICES. */
static as_status put_tensor(as_str *out, const as_state *st, const char *place, as_err *err) {
  const char *colon = strrchr(place, ':'), *end = colon ? colon : place + strlen(place);
  as_str name = {0};
  as_str_printf(&name, "%.*s", (int)(end - place), place);
  const as_state_entry *e = as_state_find(st, as_str_c(&name));
  as_status s = AS_OK;
  if (e)
    s = as_values_put(out, &e->view, *end ? end + 1 : "", err);
  else
    s = as_fail(err, AS_E_USAGE, "--values: found '%s', wanted a tensor of %s, such as %s", as_str_c(&name),
                as_state_path(st), as_state_count(st) ? as_state_entries(st)->name : "");
  as_str_clear(&name);
  return s;
}

static as_status inspect_checkpoint(as_str *out, const as_args *a, as_err *err) {
  as_state *st = NULL;
  as_status s = as_state_open(&st, a->operand[0], err);
  if (s == AS_OK && a->set[OPT_VALUES]) {
    s = put_tensor(out, st, a->text[OPT_VALUES], err);
    as_state_close(&st);
  }
  if (s != AS_OK || a->set[OPT_VALUES]) return s;
  finding *f = as_calloc(1, sizeof *f, err);
  if (!f) {
    s = AS_E_ENV;
  } else {
    find_recipe(f, st, as_arg_text(a, OPT_RECIPE, NULL));
    if (f->why.status == AS_E_USAGE && !f->r) { /* --recipe names none */
      *err = f->why;
      s = AS_E_USAGE;
    } else if (a->set[OPT_JSON]) {
      checkpoint_json(out, st, f);
    } else {
      checkpoint_text(out, st, f);
    }
    as_match_clear(&f->m);
    as_recipe_destroy(&f->owned);
    as_free(f);
  }
  as_state_close(&st);
  return s;
}

static as_status inspect_image(as_str *out, const as_args *a, const as_file *f, as_err *err) {
  as_image_info info;
  as_image im = {0};
  as_status s = a->set[OPT_VALUES] ? as_image_decode(&im, f->data, f->size, 0, &info, err)
                                   : as_image_probe(&info, f->data, f->size, err);
  if (s != AS_OK) return as_fail_in(err, "%s", a->operand[0]), s;
  if (a->set[OPT_VALUES]) {
    s = as_values_put_pixels(out, &im, a->text[OPT_VALUES], err);
    as_image_clear(&im);
    return s;
  }
  if (a->set[OPT_JSON]) {
    as_jsonw w;
    as_jsonw_init(&w, out, false);
    as_jsonw_object(&w);
    as_jsonw_text(&w, "file", a->operand[0]);
    as_jsonw_text(&w, "format", info.format);
    as_jsonw_key(&w, "width"), as_jsonw_i64(&w, info.w);
    as_jsonw_key(&w, "height"), as_jsonw_i64(&w, info.h);
    as_jsonw_key(&w, "components"), as_jsonw_i64(&w, info.components);
    as_jsonw_text(&w, "detail", info.detail);
    as_jsonw_end(&w);
    as_str_putc(out, '\n');
  } else {
    as_str_printf(out, "%s: %s, %d x %d, %s\n", a->operand[0], info.format, info.w, info.h, info.detail);
  }
  return AS_OK;
}

static as_status inspect_npy(as_str *out, const as_args *a, as_err *err) {
  as_npy npy;
  char shape[96];
  as_status s = as_npy_open(&npy, a->operand[0], err);
  if (s != AS_OK) return s;
  if (a->set[OPT_VALUES]) {
    s = as_values_put(out, &npy.view, a->text[OPT_VALUES], err);
  } else if (a->set[OPT_JSON]) {
    as_jsonw w;
    as_jsonw_init(&w, out, false);
    as_jsonw_object(&w);
    as_jsonw_text(&w, "file", a->operand[0]);
    as_jsonw_text(&w, "format", "npy");
    as_jsonw_text(&w, "dtype", as_dtype_name(npy.view.dtype));
    put_shape(&w, &npy.view);
    as_jsonw_end(&w);
    as_str_putc(out, '\n');
  } else {
    as_str_printf(out, "%s: npy, %s, %s\n", a->operand[0], as_dtype_name(npy.view.dtype),
                  as_shape_text(npy.view.shape, npy.view.rank, shape, sizeof shape));
  }
  as_npy_close(&npy);
  return s;
}

/* A folder or an archive of images: what a dataset made of it would hold. */
static as_status inspect_dataset(as_str *out, const as_args *a, as_err *err) {
  as_dataset *ds = NULL;
  if (a->set[OPT_VALUES])
    return as_fail(err, AS_E_USAGE, "%s: --values wants an image, an array or a checkpoint", a->operand[0]);
  as_dataset_opts o = {.path = a->operand[0]};
  as_status s = as_dataset_open(&ds, &o, err);
  if (s != AS_OK) return s;
  if (a->set[OPT_JSON]) {
    as_jsonw w;
    as_jsonw_init(&w, out, false);
    as_jsonw_object(&w);
    as_jsonw_text(&w, "file", a->operand[0]);
    as_jsonw_text(&w, "format", "images");
    as_jsonw_key(&w, "images"), as_jsonw_u64(&w, as_dataset_count(ds));
    as_jsonw_key(&w, "classes"), as_jsonw_u64(&w, as_dataset_classes(ds));
    as_jsonw_key(&w, "members");
    as_jsonw_array(&w);
    for (size_t i = 0; i < as_dataset_count(ds); i++) {
      as_item item = as_dataset_item(ds, i);
      as_jsonw_object(&w);
      as_jsonw_text(&w, "name", item.name);
      as_jsonw_key(&w, "label"), as_jsonw_i64(&w, item.label);
      as_jsonw_end(&w);
    }
    as_jsonw_end(&w);
    as_jsonw_end(&w);
    as_str_putc(out, '\n');
  } else {
    as_str_printf(out, "%s: %zu images, %zu classes\n", a->operand[0], as_dataset_count(ds),
                  as_dataset_classes(ds));
    for (size_t i = 0; i < as_dataset_count(ds); i++) {
      as_item item = as_dataset_item(ds, i);
      as_str_printf(out, "%s\t%d\n", item.name, item.label);
    }
  }
  as_dataset_close(&ds);
  return AS_OK;
}

static bool is_tar(const as_file *f) {
  return f->size > 512 && memcmp(f->data + 257, "ustar", 5) == 0;
}

/* Torch's oldest container begins with one of its four members. */
static bool is_torch_tar(const as_file *f) {
  static const char *const first[] = {"sys_info", "pickle", "storages", "tensors"};
  for (size_t i = 0; i < sizeof first / sizeof *first; i++)
    if (memcmp(f->data, first[i], strlen(first[i]) + 1) == 0) return is_tar(f);
  return false;
}

as_status as_cmd_inspect(const as_args *a, as_err *err) {
  static const uint8_t png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  const char *path = a->operand[0];
  as_str out = {0};
  as_file f = {0};
  as_status s;
  if (a->set[OPT_VALUES] && a->set[OPT_JSON])
    return as_fail(err, AS_E_USAGE, "--values prints text; found --json beside it");
  if (as_path_kind_of(path) == AS_PATH_DIR) {
    s = inspect_dataset(&out, a, err);
  } else if ((s = as_file_open(&f, path, err)) == AS_OK) {
    bool gzip = f.size > 2 && f.data[0] == 0x1f && f.data[1] == 0x8b;
    if ((f.size > 2 && f.data[0] == 0xff && f.data[1] == 0xd8) || (f.size > 8 && memcmp(f.data, png, 8) == 0))
      s = inspect_image(&out, a, &f, err);
    else if (f.size > 6 && memcmp(f.data, "\x93NUMPY", 6) == 0)
      s = inspect_npy(&out, a, err);
    else if ((is_tar(&f) && !is_torch_tar(&f)) || gzip) {
      /* What holds no images is tried as a checkpoint, which also says what else an archive may be. */
      as_err first = {0};
      if ((s = inspect_dataset(&out, a, &first)) != AS_OK) {
        const bool images = !strstr(first.msg, "no image") && !strstr(first.msg, "no tar header");
        s = inspect_checkpoint(&out, a, err);
        if (s != AS_OK && images) *err = first;
      }
    } else {
      s = inspect_checkpoint(&out, a, err);
      if (s != AS_OK && as_zip_is(f.data, f.size) && inspect_dataset(&out, a, NULL) == AS_OK) s = AS_OK;
    }
  }
  if (s == AS_OK) s = as_str_status(&out, err);
  if (s == AS_OK) as_print(&out);
  as_str_clear(&out);
  as_file_close(&f);
  return s;
}
