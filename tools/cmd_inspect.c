/* inspect: the kind of file is told by its content, never by its name. */
#include <stdio.h>
#include <string.h>

#include "data/dataset.h"
#include "data/image.h"
#include "eval/npy.h"
#include "tensor/base/bytes.h"
#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tensor/base/sha256.h"
#include "tools/commands.h"
#include "tools/common.h"
#include "tools/progress.h"
#include "weights/recipe.h"
#include "weights/state.h"

static void put(as_jsonw *w, const char *key, const char *value) {
  as_jsonw_key(w, key);
  as_jsonw_str(w, value);
}

static void put_shape(as_jsonw *w, const as_view *v) {
  as_jsonw_key(w, "shape");
  as_jsonw_array(w);
  for (int i = 0; i < v->rank; i++) as_jsonw_i64(w, v->shape[i]);
  as_jsonw_end(w);
}

static void checkpoint_json(as_str *out, as_state *st, const char *recipe, const char *assumed) {
  const as_state_entry *e = as_state_entries(st);
  const char *const *lines;
  size_t n_lines = as_state_remarks(st, &lines);
  as_jsonw w;
  as_jsonw_init(&w, out, false);
  as_jsonw_object(&w);
  put(&w, "file", as_state_path(st));
  put(&w, "container", as_state_container(st));
  put(&w, "sha256", as_state_sha256(st));
  put(&w, "recipe", recipe);
  if (*assumed) put(&w, "assumed", assumed);
  as_jsonw_key(&w, "tensors");
  as_jsonw_array(&w);
  for (size_t i = 0; i < as_state_count(st); i++) {
    as_jsonw_object(&w);
    put(&w, "name", e[i].name);
    put(&w, "dtype", as_dtype_name(e[i].view.dtype));
    put_shape(&w, &e[i].view);
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

static void checkpoint_text(as_str *out, as_state *st, const char *recipe, const char *assumed) {
  const as_state_entry *e = as_state_entries(st);
  const char *const *lines;
  size_t n_lines = as_state_remarks(st, &lines);
  char shape[96];
  double elements = 0;
  as_str_printf(out, "%s: %s, sha256 %s\n", as_state_path(st), as_state_container(st), as_state_sha256(st));
  for (size_t i = 0; i < as_state_count(st); i++) {
    size_t numel = 0;
    if (as_shape_numel(e[i].view.shape, e[i].view.rank, &numel)) elements += (double)numel;
    as_str_printf(out, "%-56s %-9s %s\n", e[i].name, as_dtype_name(e[i].view.dtype),
                  as_shape_text(e[i].view.shape, e[i].view.rank, shape, sizeof shape));
  }
  as_str_printf(out, "%zu tensors, %.0f elements\n", as_state_count(st), elements);
  for (size_t i = 0; i < n_lines; i++) as_str_printf(out, "also: %s\n", lines[i]);
  as_str_printf(out, "recipe: %s\n", recipe);
  if (*assumed) as_str_printf(out, "assumed: %s\n", assumed);
}

static as_status inspect_checkpoint(as_str *out, const as_args *a, as_err *err) {
  as_state *st = NULL;
  const as_recipe *r = NULL;
  char assumed[512] = "", none[1100];
  as_err why = {0};
  as_status s = as_state_open(&st, a->operand[0], err);
  if (s != AS_OK) return s;
  const char *recipe;
  if (as_recipe_choose(&r, st, assumed, &why) == AS_OK) {
    recipe = as_recipe_name(r);
  } else {
    snprintf(none, sizeof none, "none (%s)", why.msg);
    recipe = none;
  }
  if (a->set[OPT_JSON])
    checkpoint_json(out, st, r ? recipe : NULL, assumed);
  else
    checkpoint_text(out, st, recipe, assumed);
  as_state_close(&st);
  return AS_OK;
}

static as_status inspect_image(as_str *out, const as_args *a, const as_file *f, as_err *err) {
  as_image_info info;
  as_status s = as_image_probe(&info, f->data, f->size, err);
  if (s != AS_OK) return as_fail_in(err, "%s", a->operand[0]), s;
  if (a->set[OPT_JSON]) {
    as_jsonw w;
    as_jsonw_init(&w, out, false);
    as_jsonw_object(&w);
    put(&w, "file", a->operand[0]);
    put(&w, "format", info.format);
    as_jsonw_key(&w, "width"), as_jsonw_i64(&w, info.w);
    as_jsonw_key(&w, "height"), as_jsonw_i64(&w, info.h);
    as_jsonw_key(&w, "components"), as_jsonw_i64(&w, info.components);
    put(&w, "detail", info.detail);
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
  if (a->set[OPT_JSON]) {
    as_jsonw w;
    as_jsonw_init(&w, out, false);
    as_jsonw_object(&w);
    put(&w, "file", a->operand[0]);
    put(&w, "format", "npy");
    put(&w, "dtype", as_dtype_name(npy.view.dtype));
    put_shape(&w, &npy.view);
    as_jsonw_end(&w);
    as_str_putc(out, '\n');
  } else {
    as_str_printf(out, "%s: npy, %s, %s\n", a->operand[0], as_dtype_name(npy.view.dtype),
                  as_shape_text(npy.view.shape, npy.view.rank, shape, sizeof shape));
  }
  as_npy_close(&npy);
  return AS_OK;
}

/* A folder or an archive of images: what a dataset made of it would hold. */
static as_status inspect_dataset(as_str *out, const as_args *a, as_err *err) {
  as_dataset *ds = NULL;
  as_dataset_opts o = {.path = a->operand[0]};
  as_status s = as_dataset_open(&ds, &o, err);
  if (s != AS_OK) return s;
  if (a->set[OPT_JSON]) {
    as_jsonw w;
    as_jsonw_init(&w, out, false);
    as_jsonw_object(&w);
    put(&w, "file", a->operand[0]);
    put(&w, "format", "images");
    as_jsonw_key(&w, "images"), as_jsonw_u64(&w, as_dataset_count(ds));
    as_jsonw_key(&w, "classes"), as_jsonw_u64(&w, as_dataset_classes(ds));
    as_jsonw_key(&w, "members");
    as_jsonw_array(&w);
    for (size_t i = 0; i < as_dataset_count(ds); i++) {
      as_item item = as_dataset_item(ds, i);
      as_jsonw_object(&w);
      put(&w, "name", item.name);
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

as_status as_cmd_inspect(const as_args *a, as_err *err) {
  static const uint8_t png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  const char *path = a->operand[0];
  as_str out = {0};
  as_file f = {0};
  as_status s;
  if (as_path_kind_of(path) == AS_PATH_DIR) {
    s = inspect_dataset(&out, a, err);
  } else if ((s = as_file_open(&f, path, err)) == AS_OK) {
    bool gzip = f.size > 2 && f.data[0] == 0x1f && f.data[1] == 0x8b;
    if ((f.size > 2 && f.data[0] == 0xff && f.data[1] == 0xd8) || (f.size > 8 && memcmp(f.data, png, 8) == 0))
      s = inspect_image(&out, a, &f, err);
    else if (f.size > 6 && memcmp(f.data, "\x93NUMPY", 6) == 0)
      s = inspect_npy(&out, a, err);
    else if (is_tar(&f) || gzip) {
      /* Torch's oldest container is a tar, too; what holds no images is tried as a checkpoint. */
      as_err first = {0};
      if ((s = inspect_dataset(&out, a, &first)) != AS_OK && inspect_checkpoint(&out, a, err) == AS_OK)
        s = AS_OK;
      else if (s != AS_OK)
        *err = first;
    } else {
      s = inspect_checkpoint(&out, a, err);
    }
  }
  if (s == AS_OK) s = as_str_status(&out, err);
  if (s == AS_OK) as_print(&out);
  as_str_clear(&out);
  as_file_close(&f);
  return s;
}
