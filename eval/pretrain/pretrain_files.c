#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/pretrain/pretrain_int.h"
#include "models/model.h"
#include "tensor/base/file.h"
#include "tensor/base/hash/crc32.h"
#include "tensor/base/mem.h"
#include "weights/containers/safetensors.h"
#include "weights/containers/state.h"

enum { MAX_BLOCKS = 64 };
static const char magic[] = "assay.pretrain-state/1\n";

as_status as_pretrain_identity(as_str *out, const as_pretrain_opts *o, const as_ssl *ssl, const as_gallery *g,
                               const char *preset, as_err *err) {
  const as_ssl_opts *s = &o->ssl;
  as_str_printf(
      out,
      "profile=%s method=%s arch=%s size=%d batch=%d epochs=%zu seed=%llu precision=%s preset=%s images=%s",
      AS_TRAIN_PROFILE, s->method->name, s->arch, s->size, s->batch, s->epochs, (unsigned long long)s->seed,
      o->half ? "float16" : "float32", preset, g->list_sha256);
  if (s->method->labels) as_str_printf(out, " labels=%s", g->labels_sha256);
  const as_ssl_param *p;
  for (size_t i = 0; (p = as_ssl_param_at(s->method, i)) != NULL; i++) {
    char value[32];
    if (as_ssl_param_is_later(s->method, p->name) && as_ssl_value(ssl, p->name) == 0) continue;
    as_f64_text(as_ssl_value(ssl, p->name), value);
    as_str_printf(out, " %s=%s", p->name, value);
  }
  return as_str_status(out, err);
}

/* The file: magic, identity and its newline, byte-order word, log length and log, then every block as its length and its
 * bytes in the host's order, then a CRC-32 of all that. It is for this machine and its kind: another byte order is
 * refused. */
typedef struct writer {
  as_out out;
  uint32_t crc;
} writer;

static void put(writer *w, const void *p, size_t n) {
  as_out_write(&w->out, p, n);
  w->crc = as_crc32(w->crc, p, n);
}
static void put_size(writer *w, size_t n) {
  const uint64_t v = n;
  put(w, &v, sizeof v);
}

as_status as_pretrain_save_state(const char *path, as_ssl *ssl, const char *identity, const as_str *log,
                                 as_err *err) {
  writer w = {.crc = 0};
  as_ssl_block block[MAX_BLOCKS];
  const size_t n = as_ssl_blocks(ssl, block, MAX_BLOCKS);
  const uint32_t order = 0x01020304;
  as_status s = as_out_open(&w.out, path, err);
  if (s != AS_OK) return s;
  put(&w, magic, sizeof magic - 1);
  put(&w, identity, strlen(identity));
  put(&w, "\n", 1);
  put(&w, &order, sizeof order);
  put_size(&w, log->n);
  put(&w, as_str_c(log), log->n);
  for (size_t i = 0; i < n; i++) {
    put_size(&w, block[i].bytes);
    put(&w, block[i].data, block[i].bytes);
  }
  const uint32_t crc = w.crc;
  as_out_write(&w.out, &crc, sizeof crc);
  return as_out_commit(&w.out, err);
}

static bool take(const as_file *f, size_t *at, void *to, size_t n) {
  if (f->size - *at < n) return false;
  memcpy(to, f->data + *at, n);
  *at += n;
  return true;
}

static as_status read_state(const as_file *f, const char *path, as_ssl *ssl, const char *identity,
                            as_str *log, as_err *err) {
  const size_t head = sizeof magic - 1, len = strlen(identity);
  uint32_t crc, order;
  if (f->size < head + 4 || memcmp(f->data, magic, head) != 0)
    return as_fail(err, AS_E_INPUT, "%s: found no state of a pre-training", path);
  memcpy(&crc, f->data + f->size - 4, 4);
  if (as_crc32(0, f->data, f->size - 4) != crc) return as_fail(err, AS_E_INPUT, "%s: damaged (CRC-32)", path);
  if (f->size < head + len + 1 || memcmp(f->data + head, identity, len) != 0 || f->data[head + len] != '\n')
    return as_fail(err, AS_E_INPUT,
                   "%s: the state of another training (other options or images); take another folder", path);
  size_t at = head + len + 1;
  uint64_t n;
  if (!take(f, &at, &order, 4) || order != 0x01020304)
    return as_fail(err, AS_E_INPUT, "%s: written on a machine of another byte order", path);
  if (!take(f, &at, &n, 8) || f->size - at < n) return as_fail(err, AS_E_INPUT, "%s: cut off", path);
  as_str_putn(log, (const char *)f->data + at, (size_t)n);
  at += (size_t)n;
  as_ssl_block block[MAX_BLOCKS];
  const size_t blocks = as_ssl_blocks(ssl, block, MAX_BLOCKS);
  for (size_t i = 0; i < blocks; i++)
    if (!take(f, &at, &n, 8) || n != block[i].bytes || !take(f, &at, block[i].data, block[i].bytes))
      return as_fail(err, AS_E_INPUT, "%s: block %zu does not fit", path, i);
  return as_str_status(log, err);
}

as_status as_pretrain_load_state(const char *path, as_ssl *ssl, const char *identity, as_str *log,
                                 bool *found, as_err *err) {
  *found = as_path_kind_of(path) == AS_PATH_FILE;
  if (!*found) return AS_OK;
  as_file f;
  as_status s = as_file_open(&f, path, err);
  if (s != AS_OK) return s;
  s = read_state(&f, path, ssl, identity, log, err);
  as_file_close(&f);
  return s;
}

/* BatchNorm's statistics stay float32 (a variance may be below float16's range); the rest is rounded to even. */
static bool keeps_float32(const char *name) {
  return as_ends_with(name, ".running_mean") || as_ends_with(name, ".running_var");
}

static bool host_is_big_endian(void) {
  const union {
    uint32_t word;
    unsigned char first;
  } order = {1};
  return order.first == 0;
}

/* The view's floats as float16 into `to`. */
static as_status halve(as_named_view *v, uint16_t *to, as_err *err) {
  const float *from = v->view.data;
  const size_t n = v->view.bytes / sizeof *from;
  for (size_t i = 0; i < n; i++) {
    to[i] = as_f32_to_f16(from[i]);
    if (isfinite(from[i]) && !isfinite(as_f16_to_f32(to[i])))
      return as_fail(err, AS_E_INPUT,
                     "%s: found the weight %g, which is beyond float16; train without --half", v->name,
                     (double)from[i]);
  }
  v->view.data = to;
  v->view.bytes = n * sizeof *to;
  v->view.dtype = AS_F16;
  return AS_OK;
}

/* What the architecture needs, out of the store, as the file will hold it. room [store->floats]: for halves. */
static as_status name_tensors(as_named_view *named, size_t *kept, const as_model *model,
                              const as_store *store, uint16_t *room, as_err *err) {
  const as_param_spec *spec;
  const size_t n = as_model_specs(model, &spec);
  as_status s = AS_OK;
  *kept = 0;
  for (size_t i = 0; s == AS_OK && i < n; i++) {
    const size_t k = as_store_find(store, spec[i].name);
    if (k == store->n) continue; /* num_batches_tracked */
    as_named_view *v = &named[(*kept)++];
    v->name = spec[i].name;
    v->view = (as_view){.data = as_store_value(store, k),
                        .bytes = store->slot[k].n * sizeof(float),
                        .dtype = AS_F32,
                        .big_endian = host_is_big_endian(),
                        .rank = spec[i].rank};
    memcpy(v->view.shape, spec[i].shape, sizeof v->view.shape);
    as_view_set_contiguous(&v->view);
    if (!room || keeps_float32(v->name)) continue;
    s = halve(v, room, err);
    room += store->slot[k].n;
  }
  return s;
}

as_status as_pretrain_save_checkpoint(const char *path, const as_pretrain_opts *o, const as_ssl *ssl,
                                      const as_gallery *g, const char *preset, const char *identity,
                                      as_err *err) {
  as_model *model = NULL;
  const as_store *store = as_ssl_backbone(ssl);
  as_status s = as_model_create(&model, as_ssl_arch(ssl), o->ssl.size, err);
  if (s != AS_OK) return s;
  const as_param_spec *spec;
  size_t kept = 0;
  as_named_view *named = as_calloc(as_model_specs(model, &spec), sizeof *named, err);
  uint16_t *room = o->half ? as_alloc(store->floats, sizeof *room, err) : NULL;
  s = named && (room || !o->half) ? name_tensors(named, &kept, model, store, room, err) : AS_E_ENV;
  char seed[32];
  (void)snprintf(seed, sizeof seed, "%llu", (unsigned long long)o->ssl.seed);
  const char *meta[] = {"assay.arch",     as_model_arch(model),
                        "assay.command",  o->command ? o->command : "",
                        "assay.data",     o->data_said ? o->data_said : "",
                        "assay.family",   o->ssl.method->family,
                        "assay.images",   g->list_sha256,
                        "assay.method",   o->ssl.method->name,
                        "assay.preset",   preset,
                        "assay.profile",  AS_TRAIN_PROFILE,
                        "assay.seed",     seed,
                        "assay.training", identity};
  if (s == AS_OK) s = as_safetensors_write(path, named, kept, meta, sizeof meta / sizeof *meta / 2, err);
  as_free(named);
  as_free(room);
  as_model_destroy(&model);
  return s;
}

bool as_pretrain_is_complete(const char *path, const char *identity) {
  if (as_path_kind_of(path) != AS_PATH_FILE) return false;
  as_state *state = NULL;
  bool same = false;
  if (as_state_open(&state, path, NULL) == AS_OK) {
    const char *text = as_state_meta(state, "assay.training");
    same = text && strcmp(text, identity) == 0;
  }
  as_state_close(&state);
  return same;
}
