#include "models/model.h"

#include <string.h>

#include "models/model_int.h"
#include "tensor/base/par.h"

/* Images of one pass. More would only push activations out of the cache: at four, the largest weights
 * are already read from memory once per four images. */
enum { MODEL_PASS = 4, MODEL_MAX_THREADS = 256 };

struct as_model {
  as_arch arch;
  char *text;
  int size;
  as_params params;
  as_net *net;
  bool loaded;
  int threads;     /* at plan; 0 before */
  int capacity;    /* images of one pass */
  as_pass *passes; /* [threads]; the first has scratch for all threads, the others for one */
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
    m->size = input_size ? input_size : resnet ? m->arch.resnet.size : m->arch.vit.size;
    as_arch_print(&m->arch, &text);
    m->text = text.failed ? NULL : as_strdup(as_str_c(&text), err);
    as_str_clear(&text);
    if (!m->text)
      st = as_fail(err, AS_E_ENV, "out of memory for the architecture %s", arch);
    else if (m->size < 1 || m->size > 4096)
      st = as_fail(err, AS_E_USAGE, "input size: found %d, wanted 1 to 4096 pixels", m->size);
    else if (resnet)
      st = as_resnet_create(&m->net, &m->arch.resnet, m->size, &m->params, err);
    else
      st = as_vit_create(&m->net, &m->arch.vit, m->size, &m->params, err);
  }
  if (st != AS_OK) as_model_destroy(&m);
  *out = m;
  return st;
}

void as_model_destroy(as_model **model) {
  as_model *m = *model;
  if (!m) return;
  if (m->net) m->net->ops->destroy(m->net);
  as_params_clear(&m->params);
  as_free(m->text);
  as_free(m->memory);
  as_free(m->passes);
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
  return m->net->ops->embed_dim(m->net);
}
const char *as_model_head_name(const as_model *m) {
  return m->net->ops->head;
}
double as_model_gflop(const as_model *m) {
  return m->net->ops->flop(m->net) * 1e-9;
}
size_t as_model_packed_bytes(const as_model *m) {
  return m->net->ops->packed_bytes(m->net);
}
const char *const *as_model_names(void) {
  return as_arch_names();
}

size_t as_model_specs(const as_model *m, const as_param_spec **specs) {
  *specs = m->params.specs;
  return m->params.n;
}

as_status as_model_load_releasing(as_model *m, const as_view *params,
                                  void (*done)(void *ctx, const as_view *view), void *ctx, as_err *err) {
  as_status st = as_params_check(&m->params, params, err);
  m->loaded = false;
  m->params.done = done;
  m->params.done_ctx = ctx;
  if (st == AS_OK) st = m->net->ops->load(m->net, &m->params, params, err);
  m->params.done = NULL;
  m->loaded = st == AS_OK;
  return st;
}

as_status as_model_load(as_model *m, const as_view *params, as_err *err) {
  return as_model_load_releasing(m, params, NULL, NULL, err);
}

as_status as_model_load_seeded(as_model *m, uint64_t seed, as_err *err) {
  m->params.seed = seed;
  m->loaded = false;
  const as_status st = m->net->ops->load(m->net, &m->params, NULL, err);
  m->loaded = st == AS_OK;
  return st;
}

void as_model_init_param(const as_model *m, size_t i, uint64_t seed, float *out) {
  const as_param_spec *s = &m->params.specs[i];
  size_t n = 1;
  for (int d = 0; d < s->rank; d++) n *= (size_t)s->shape[d];
  as_init_fill(m->params.rules[i], s->name, seed, n, out);
}

/* Lays out every pass; runs twice, first to measure. */
static void layout(as_model *m, as_arena *arena) {
  for (int i = 0; i < m->threads; i++) {
    m->passes[i].team.threads =
        i == 0 ? m->threads : 1; /* one by one they are alone, side by side of one each */
    m->net->ops->layout(m->net, m->capacity, arena, &m->passes[i]);
  }
  m->trace.buf = as_arena_take(arena, m->net->ops->trace_floats(m->net), sizeof(float));
}

as_status as_model_plan(as_model *m, int batch, as_err *err) {
  if (!m->loaded) return as_fail(err, AS_E_USAGE, "%s: planned before its weights were loaded", m->text);
  if (batch < 1) return as_fail(err, AS_E_USAGE, "batch: found %d, wanted at least 1", batch);
  as_free(m->memory);
  as_free(m->passes);
  m->memory = NULL;
  m->threads = 0;
  const int threads = as_par_threads() < MODEL_MAX_THREADS ? as_par_threads() : MODEL_MAX_THREADS;
  m->passes = as_calloc((size_t)threads, sizeof *m->passes, err);
  if (!m->passes) return AS_E_ENV;
  m->threads = threads;
  m->capacity = batch < MODEL_PASS ? batch : MODEL_PASS;

  as_arena arena = {0};
  layout(m, &arena);
  const size_t bytes = arena.used;
  if (!arena.overflow) m->memory = as_alloc(bytes, 1, err);
  if (!m->memory) {
    m->threads = 0;
    if (arena.overflow) return as_fail(err, AS_E_USAGE, "%s: buffers do not fit the address space", m->text);
    (void)as_fail_in(err, "%s: buffers for %d images", m->text, batch);
    return AS_E_ENV;
  }
  arena = (as_arena){.base = m->memory, .size = bytes};
  layout(m, &arena);
  return AS_OK;
}

typedef struct forward_job {
  const as_model *m;
  const float *images;
  float *features;
  int chunk;   /* images */
  int threads; /* within a chunk */
} forward_job;

static void forward_chunk(void *ctx, size_t chunk, int worker) {
  const forward_job *j = ctx;
  const as_model *m = j->m;
  const size_t image = (size_t)m->size * (size_t)m->size * 3, dim = (size_t)as_model_embed_dim(m);
  const size_t first = chunk * (size_t)j->chunk;
  as_pass pass = m->passes[worker];
  pass.team.threads = j->threads;
  m->net->ops->forward(m->net, &pass, j->images + first * image, j->chunk, j->features + first * dim,
                       &m->trace);
}

/* With as many images as threads or more, each thread takes whole images: no waiting at every layer, and
 * each works in its own cache. The few that are left, or a single image, are shared out within each
 * layer. An image's numbers are the same either way (NUMERICS rule 2). */
void as_model_forward(as_model *m, const float *images, int n, float *features) {
  const size_t image = (size_t)m->size * (size_t)m->size * 3, dim = (size_t)as_model_embed_dim(m);
  /* scratch was sized for the threads of the plan */
  const int threads = as_par_threads() < m->threads ? as_par_threads() : m->threads;
  int done = 0;
  while (done < n) {
    const int left = n - done;
    forward_job job = {m, images + (size_t)done * image, features + (size_t)done * dim, 1, threads};
    int chunks = 1;
    if (m->trace.fn) {
      /* one by one, so that the record does not depend on the batch */
    } else if (threads > 1 && left >= threads) {
      job.chunk =
          left / threads / 2; /* at least two rounds where there is a choice: threads rarely keep step */
      if (job.chunk > m->capacity) job.chunk = m->capacity;
      if (job.chunk < 1) job.chunk = 1;
      chunks = left / (job.chunk * threads) * threads;
      job.threads = 1;
    } else {
      job.chunk = left < m->capacity ? left : m->capacity;
    }
    as_par_for_by(threads, (size_t)chunks, forward_chunk, &job);
    done += chunks * job.chunk;
  }
}

void as_model_set_trace(as_model *m, as_trace_fn fn, void *ctx) {
  m->trace.fn = fn;
  m->trace.ctx = ctx;
}
