#include "models/encoder.h"

#include "models/encoder_int.h"

as_status as_encoder_create(as_encoder **out, const as_encoder_cfg *cfg, as_store *store, as_err *err) {
  *out = NULL;
  as_arch arch;
  const as_status st = as_arch_parse(&arch, cfg->arch, err);
  if (st != AS_OK) return st;
  as_encoder_cfg c = *cfg;
  c.arch = NULL; /* borrowed for the call */
  if (!c.size) c.size = arch.family == AS_FAMILY_VIT ? arch.vit.size : arch.resnet.size;
  return arch.family == AS_FAMILY_VIT ? as_vit_encoder_create(out, &arch, &c, store, err)
                                      : as_resnet_encoder_create(out, &arch, &c, store, err);
}

as_status as_encoder_arch(const char *arch, int size, as_str *out, as_err *err) {
  as_arch a;
  const as_status st = as_arch_parse(&a, arch, err);
  if (st != AS_OK) return st;
  if (a.family != AS_FAMILY_VIT || (a.vit.posgrid && a.vit.resize != AS_RESIZE_NONE)) {
    as_str_put(out, arch);
    return as_str_status(out, err);
  }
  if (!a.vit.posgrid) a.vit.posgrid = size / a.vit.patch;
  if (a.vit.resize == AS_RESIZE_NONE) a.vit.resize = AS_RESIZE_SCALE;
  as_arch_print(&a, out);
  return as_str_status(out, err);
}

int as_encoder_side(const char *arch, int most) {
  as_arch a;
  const bool patches =
      as_arch_parse(&a, arch, NULL) == AS_OK && a.family == AS_FAMILY_VIT && a.vit.patch < most;
  return patches ? most - most % a.vit.patch : most;
}

void as_encoder_destroy(as_encoder **encoder) {
  if (*encoder) (*encoder)->ops->destroy(*encoder);
  *encoder = NULL;
}

int as_encoder_dim(const as_encoder *e) {
  return e->dim;
}

void as_encoder_pack(as_encoder *e, bool reverse) {
  e->ops->pack(e, reverse);
}

as_status as_encoder_pass_create(as_encoder_pass **out, as_encoder *e, bool backward, as_err *err) {
  return e->ops->pass_create(out, e, backward, err);
}

void as_encoder_pass_destroy(as_encoder_pass **pass) {
  if (*pass) (*pass)->e->ops->pass_destroy(*pass);
  *pass = NULL;
}

as_map *as_encoder_images(as_encoder_pass *p, int n) {
  p->n = p->images->n = n;
  p->features.w = n;
  p->e->ops->resize(p);
  return p->images;
}

int as_encoder_count(const as_encoder_pass *p) {
  return p->n;
}

const as_map *as_encoder_forward(as_encoder_pass *p, bool running) {
  p->e->ops->forward(p, running);
  return &p->features;
}

const as_map *as_encoder_last_map(const as_encoder_pass *p) {
  return p->last;
}

void as_encoder_backward(as_encoder_pass *p, const as_map *dfeatures) {
  p->e->ops->backward(p, dfeatures);
}
