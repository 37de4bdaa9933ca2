/* Backbones and data sets. */
#include <string.h>

#include "data/sets/dataset.h"
#include "eval/door/lab_int.h"
#include "tensor/base/mem.h"

enum { NET_BATCH = 8 }; /* images that are held at once; changes no bit */

int as_lab_net_open(as_lab *lab, as_lab_net **out, const char *path, const as_lab_net_options *options) {
  as_lab_net_options o;
  as_lab_net *net = *out = as_lab_make(lab, sizeof *net);
  if (!net) return AS_LAB_ENV;
  net->lab = lab;
  as_err *err = as_lab_enter(lab);
  as_status s = as_lab_take_options(&o, sizeof o, options, err);
  const as_backbone_opts b = {.weights = path, .recipe = o.recipe, .arch = o.arch, .preset = o.preset};
  if (s == AS_OK) s = as_backbone_open(&net->backbone, &b, err);
  if (s == AS_OK) s = as_model_plan(net->backbone.model, NET_BATCH, err);
  if (s == AS_OK && net->backbone.assumed[0] && lab->o.remark)
    lab->o.remark(lab->o.ctx, net->backbone.assumed);
  if (s != AS_OK) {
    as_lab_net_close(net);
    *out = NULL;
  }
  return as_lab_leave(lab, s);
}

void as_lab_net_close(as_lab_net *net) {
  if (!net) return;
  as_backbone_clear(&net->backbone);
  as_free(net);
}

size_t as_lab_net_dim(const as_lab_net *net) {
  return (size_t)as_model_embed_dim(net->backbone.model);
}
size_t as_lab_net_side(const as_lab_net *net) {
  return (size_t)as_model_input_size(net->backbone.model);
}
const char *as_lab_net_arch(const as_lab_net *net) {
  return as_model_arch(net->backbone.model);
}
const char *as_lab_net_recipe(const as_lab_net *net) {
  return as_recipe_name(net->backbone.recipe);
}
const char *as_lab_net_preset(const as_lab_net *net) {
  return net->backbone.preset_text;
}
const char *as_lab_net_assumed(const as_lab_net *net) {
  return net->backbone.assumed;
}
const char *as_lab_net_sha256(const as_lab_net *net) {
  return as_state_sha256(net->backbone.state);
}

/* features of one prepared tensor, which is released. */
static int run_one(as_lab_net *net, as_status s, float *tensor, float *features) {
  if (s == AS_OK) as_model_forward(net->backbone.model, tensor, 1, features);
  as_free(tensor);
  return as_lab_leave(net->lab, s);
}

static float *input_of(as_lab_net *net, as_err *err) {
  const size_t side = as_lab_net_side(net);
  return as_alloc(side * side * 3, sizeof(float), err);
}

int as_lab_net_encoded(as_lab_net *net, const void *bytes, size_t n, float *features) {
  as_err *err = as_lab_enter(net->lab);
  float *tensor = input_of(net, err);
  return run_one(net,
                 tensor ? as_preset_load(&net->backbone.preset, bytes, n, 0, tensor, NULL, err) : AS_E_ENV,
                 tensor, features);
}

int as_lab_net_rgb(as_lab_net *net, const uint8_t *rgb, int width, int height, float *features) {
  as_err *err = as_lab_enter(net->lab);
  if (width < 1 || height < 1)
    return as_lab_leave(
        net->lab, as_fail(err, AS_E_USAGE, "pixels: found %d x %d, wanted at least 1 x 1", width, height));
  float *tensor = input_of(net, err);
  as_image im = {.w = width, .h = height};
  as_status s = AS_E_ENV;
  /* A copy, as an image owns its pixels and may change them. */
  if (tensor && (im.rgb = as_alloc((size_t)width * (size_t)height, 3, err)) != NULL) {
    memcpy(im.rgb, rgb, (size_t)width * (size_t)height * 3);
    s = as_preset_tensor(&net->backbone.preset, &im, tensor, err);
  }
  as_image_clear(&im);
  return run_one(net, s, tensor, features);
}

int as_lab_net_tensor(as_lab_net *net, const float *images, size_t n, float *features) {
  const size_t side = as_lab_net_side(net), dim = as_lab_net_dim(net);
  as_err *err = as_lab_enter(net->lab);
  for (size_t done = 0; done < n;) {
    const size_t m = n - done < NET_BATCH ? n - done : NET_BATCH;
    if (as_watch_stop(&net->lab->watch))
      return as_lab_leave(net->lab, as_fail(err, AS_E_STOPPED, "stopped after %zu of %zu images", done, n));
    as_model_forward(net->backbone.model, images + done * side * side * 3, (int)m, features + done * dim);
    done += m;
  }
  return as_lab_leave(net->lab, AS_OK);
}

int as_lab_images_open(as_lab *lab, as_lab_images **out, const char *path,
                       const as_lab_images_options *options) {
  as_lab_images_options o;
  as_lab_images *images = *out = as_lab_make(lab, sizeof *images);
  if (!images) return AS_LAB_ENV;
  images->lab = lab;
  as_err *err = as_lab_enter(lab);
  as_status s = as_lab_take_options(&o, sizeof o, options, err);
  const as_dataset_opts d = {.path = path,
                             .task = o.task,
                             .classes = o.classes,
                             .labels = o.labels,
                             .real = o.real,
                             .subset = o.subset,
                             .limit = o.limit,
                             .per_class_from = o.per_class_from,
                             .per_class_to = o.per_class_to};
  if (s == AS_OK) s = as_dataset_open(&images->ds, &d, err);
  if (s != AS_OK) {
    as_lab_images_close(images);
    *out = NULL;
  }
  return as_lab_leave(lab, s);
}

void as_lab_images_close(as_lab_images *images) {
  if (!images) return;
  as_dataset_close(&images->ds);
  as_free(images);
}

size_t as_lab_images_count(const as_lab_images *images) {
  return as_dataset_count(images->ds);
}
size_t as_lab_images_classes(const as_lab_images *images) {
  return as_dataset_classes(images->ds);
}
const char *as_lab_images_name(const as_lab_images *images, size_t i) {
  return as_dataset_item(images->ds, i).name;
}
int as_lab_images_label(const as_lab_images *images, size_t i) {
  return as_dataset_item(images->ds, i).label;
}
const char *as_lab_images_class(const as_lab_images *images, size_t c) {
  return as_dataset_class_name(images->ds, c);
}
