#include "models/model.h"

#include <string.h>

#include "models/model_int.h"

/* Images that go through the network together. More would only push activations out of the cache: at
 * eight the largest weights are already read from memory once per eight images. */
enum { MODEL_GROUP = 8 };

struct as_model {
  as_arch arch;
  char *text;
  int size;
  as_params params;
  const as_net_ops *ops;
  as_net *net;
  bool loaded;
  int group; /* images per pass; 0 before plan */
  void *memory;
  as_tracer trace;
};

as_status as_model_create(as_model **out, const char *arch, int input_size, as_err *err) {
  *out = NULL;
  as_model *m = as_calloc(1, sizeof *m, err);
  if (!m) return AS_E_ENV;
  as_status st = as_arch_parse(&m->arch, arch, err);
  if (st == AS_OK) {
    const bool resnet = m->arch.family == AS_FAMILY_RESNET;
    as_str text = {0};
    m->ops = resnet ? &as_resnet_ops : &as_vit_ops;
    m->size = input_size ? input_size : resnet ? m->arch.resnet.size : m->arch.vit.size;
    as_arch_print(&m->arch, &text);
    m->text = text.failed ? NULL : as_strdup(as_str_c(&text), err);
    as_str_clear(&text);
    if (!m->text)
      st = as_fail(err, AS_E_ENV, "out of memory for the architecture %s", arch);
    else if (m->size < 1 || m->size > 4096)
      st = as_fail(err, AS_E_USAGE, "input size: found %d, wanted 1 to 4096 pixels", m->size);
    else if (resnet)
      st = as_resnet_build(&m->net, &m->arch.resnet, m->size, &m->params, err);
    else
      st = as_vit_build(&m->net, &m->arch.vit, m->size, &m->params, err);
  }
  if (st != AS_OK) as_model_destroy(&m);
  *out = m;
  return st;
}

void as_model_destroy(as_model **model) {
  as_model *m = *model;
  if (!m) return;
  if (m->net) m->ops->destroy(m->net);
  as_params_clear(&m->params);
  as_free(m->text);
  as_free(m->memory);
  as_free(m);
  *model = NULL;
}

const char *as_model_arch(const as_model *m) {
  return m->text;
}
int as_model_input_size(const as_model *m) {
  return m->size;
}
int as_model_embed_dim(const as_model *m) {
  return m->ops->embed_dim(m->net);
}
const char *as_model_head_name(const as_model *m) {
  return m->ops->head;
}
double as_model_gflop(const as_model *m) {
  return m->ops->flop(m->net) * 1e-9;
}
size_t as_model_packed_bytes(const as_model *m) {
  return m->ops->packed_bytes(m->net);
}
const char *const *as_model_names(void) {
  return as_arch_names();
}

size_t as_model_specs(const as_model *m, const as_param_spec **specs) {
  *specs = m->params.specs;
  return m->params.n;
}

as_status as_model_load(as_model *m, const as_view *params, as_err *err) {
  as_status st = as_params_check(&m->params, params, err);
  m->loaded = false;
  if (st == AS_OK) st = m->ops->load(m->net, &m->params, params, err);
  m->loaded = st == AS_OK;
  return st;
}

void as_model_init_param(const as_model *m, size_t i, uint64_t seed, float *out) {
  const as_param_spec *s = &m->params.specs[i];
  size_t n = 1;
  for (int d = 0; d < s->rank; d++) n *= (size_t)s->shape[d];
  as_init_fill(m->params.rules[i], s->name, seed, n, out);
}

as_status as_model_plan(as_model *m, int batch, as_err *err) {
  if (!m->loaded) return as_fail(err, AS_E_USAGE, "%s: planned before its weights were loaded", m->text);
  if (batch < 1) return as_fail(err, AS_E_USAGE, "batch: found %d, wanted at least 1", batch);
  const int group = batch < MODEL_GROUP ? batch : MODEL_GROUP;
  as_free(m->memory);
  m->memory = NULL;
  m->group = 0;

  as_arena arena = {0};
  m->ops->layout(m->net, group, &arena);
  (void)as_arena_take(&arena, m->ops->trace_floats(m->net), sizeof(float));
  if (arena.overflow) return as_fail(err, AS_E_USAGE, "%s: buffers do not fit the address space", m->text);
  const size_t bytes = arena.used;
  m->memory = as_alloc(bytes, 1, err);
  if (!m->memory) {
    (void)as_fail_in(err, "%s: buffers for %d images", m->text, group);
    return AS_E_ENV;
  }

  arena = (as_arena){.base = m->memory, .size = bytes};
  m->ops->layout(m->net, group, &arena);
  m->trace.buf = as_arena_take(&arena, m->ops->trace_floats(m->net), sizeof(float));
  m->group = group;
  return AS_OK;
}

void as_model_forward(as_model *m, const float *images, int n, float *features) {
  const size_t image = (size_t)m->size * (size_t)m->size * 3, dim = (size_t)as_model_embed_dim(m);
  /* Traced images run one by one, so that the record does not depend on the batch. */
  const int step = m->trace.fn ? 1 : m->group;
  for (int i = 0; i < n; i += step) {
    const int k = n - i < step ? n - i : step;
    m->ops->forward(m->net, images + (size_t)i * image, k, features + (size_t)i * dim, &m->trace);
  }
}

void as_model_set_trace(as_model *m, as_trace_fn fn, void *ctx) {
  m->trace.fn = fn;
  m->trace.ctx = ctx;
}

/* ---- shared by the families ---- */

as_tensor as_tensor_image(const as_tensor *t, int i) {
  as_tensor one = *t;
  one.data = t->data + (size_t)i * (size_t)t->h * (size_t)t->w * t->ld;
  one.n = 1;
  return one;
}

as_tensor as_tensor_take(as_arena *arena, int n, int h, int w, int c) {
  as_tensor t = {.n = n, .h = h, .w = w, .c = c, .ld = as_tensor_ld(c)};
  t.data = as_arena_take(arena, (size_t)n * (size_t)h * (size_t)w, t.ld * sizeof(float));
  return t;
}

void as_trace_tensor(const as_tracer *trace, const char *layer, const as_tensor *t) {
  if (!trace->fn) return;
  const int64_t shape[4] = {t->n, t->h, t->w, t->c};
  const size_t pixels = (size_t)t->n * (size_t)t->h * (size_t)t->w, c = (size_t)t->c;
  for (size_t p = 0; p < pixels; p++) memcpy(trace->buf + p * c, t->data + p * t->ld, c * sizeof(float));
  trace->fn(trace->ctx, layer, shape, trace->buf);
}
