/* A backbone: from an architecture string to features.
 *
 *   create  reads the string, fixes every shape                   "resnet50:stride=v1,eps=1e-3"
 *   specs   says which tensors it needs, under the field's names
 *   load    takes them in that order, folds, packs
 *   plan    sizes all buffers for a batch
 *   forward images -> features; allocates nothing and cannot fail */
#ifndef AS_MODELS_MODEL_H
#define AS_MODELS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/base/status.h"
#include "tensor/base/view.h"

typedef struct as_model as_model;

/* arch: NAME[:key=value,...]; models/README.md lists names and keys. input_size: side of the square
 * input in pixels, 0 = the architecture's own (224 where nothing else is usual).
 * AS_E_USAGE: unknown name or key (the nearest one is named), impossible value. */
as_status as_model_create(as_model **out, const char *arch, int input_size, as_err *err);
void as_model_destroy(as_model **model);

const char *as_model_arch(const as_model *m); /* canonical: every switch spelled out */
int as_model_input_size(const as_model *m);
int as_model_embed_dim(const as_model *m);         /* floats per feature row */
const char *as_model_head_name(const as_model *m); /* "fc" or "head": the own classifier's prefix */
double as_model_gflop(const as_model *m);          /* 2 x multiply-adds of one image, counted directly */
size_t as_model_packed_bytes(const as_model *m);   /* after load */

/* The tensors wanted, without the classifier. Borrowed. */
size_t as_model_specs(const as_model *m, const as_param_spec **specs);

/* params[i] answers specs[i]; data == NULL where an optional one is absent. Shapes must be equal.
 * Borrowed for the call. A non-finite value: AS_E_INPUT naming the tensor. */
as_status as_model_load(as_model *m, const as_view *params, as_err *err);
/* The same; done(ctx, &params[i]) is called when a tensor has been read, so that its memory can go while
 * the next ones are packed: a network then needs its packed weights and one tensor, not two sets. */
as_status as_model_load_releasing(as_model *m, const as_view *params,
                                  void (*done)(void *ctx, const as_view *view), void *ctx, as_err *err);
/* Seeded values, as as_model_init_param gives them, one tensor at a time. */
as_status as_model_load_seeded(as_model *m, uint64_t seed, as_err *err);

/* Fills out (numel floats) with the seeded initial value of specs[i]; the formula is in
 * nn/init.h. */
void as_model_init_param(const as_model *m, size_t i, uint64_t seed, float *out);

/* Sizes buffers for passes of up to `batch` images (at most four per thread are held at once; forward
 * takes any number) on up to as_par_threads() threads: call it after load; may be called again. AS_E_USAGE before load. */
as_status as_model_plan(as_model *m, int batch, as_err *err);

/* images: [n, s, s, 3] float32, normalised, channels fastest, any n; features: [n, embed_dim]. Rows do not
 * depend on n, batch or threads. Uses the model's own buffers: one forward at a time. */
void as_model_forward(as_model *m, const float *images, int n, float *features);

/* Called after each layer with its name and output [1, h, w, c] made contiguous (tokens: [1, tokens, 1, c]),
 * the last one named "features"; images go one by one, all layers of the first, then of the next.
 * NULL turns it off. Slow; for --trace. */
typedef void (*as_trace_fn)(void *ctx, const char *layer, const int64_t shape[4], const float *x);
void as_model_set_trace(as_model *m, as_trace_fn fn, void *ctx);

/* Names that as_model_create knows, NULL-terminated. */
const char *const *as_model_names(void);

#endif
