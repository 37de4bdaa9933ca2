/* What the container readers share: the state under construction, and their entry points. */
#ifndef AS_WEIGHTS_CONTAINERS_STATE_INT_H
#define AS_WEIGHTS_CONTAINERS_STATE_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/base/file.h"
#include "tensor/base/status.h"
#include "weights/containers/state.h"

enum {
  AS_STATE_MAX_ENTRIES = 200000, /* the largest published checkpoint (with optimizer) holds some 5,000 */
  AS_STATE_MAX_NAME = 4096,      /* bytes of a tensor's name */
  AS_STATE_MAX_REMARKS = 400,    /* lines kept; the rest is counted */
  AS_STATE_MAX_FILES = 1024      /* shards */
};

struct as_state {
  char *path;
  as_file file;
  const char *container; /* static text */
  char sha256[65];       /* "" until asked for */
  char directory[65];    /* as_state_directory; of the outermost archive */

  as_state_entry *entries; /* names owned */
  size_t n, cap;
  const as_state_entry **by_name; /* sealed: the entries, names ascending */

  char **remarks;
  size_t n_remarks, cap_remarks, more_remarks;

  char trouble[512]; /* "" or what as_state_trouble says; the first is kept */

  char **meta;             /* pairs: key, value */
  size_t n_meta, cap_meta; /* in strings */

  void **blocks; /* memory that views point into (inflated members, decoded strings) */
  size_t n_blocks, cap_blocks;

  as_file *files; /* further mapped files (shards) */
  size_t n_files, cap_files;
};

/* An empty state for the file at `path`, and the end of its making: sorts the index by name, refuses a name that occurs
 * twice and a file without any tensor. */
as_status as_state_create(as_state **out, const char *path, as_err *err);
as_status as_state_seal(as_state *s, as_err *err);

/* Fills in the entries' plain and bare names (wrappers.c). */
as_status as_state_shorten_names(as_state *s, as_err *err);

/* Adds a tensor; the name is copied. Refuses names that are too long or hold a NUL, too many
 * tensors, and views that were not checked (asserted). */
as_status as_state_add(as_state *s, const char *name, size_t n, const as_view *view, as_err *err);
/* The same for a tensor that is not an array of dense numbers: its shape as far as it is known (else rank 0), and what
 * it is, which is copied. */
as_status as_state_add_opaque(as_state *s, const char *name, size_t n, int rank, const int64_t *shape,
                              const char *what, as_err *err);
/* Adds a remark line (control bytes become '?'); beyond the limit lines are only counted. */
as_status as_state_remark(as_state *s, as_err *err, const char *fmt, ...) AS_PRINTF(3, 4);
as_status as_state_add_meta(as_state *s, const char *key, const char *value, as_err *err);
/* Maps a further file of the same checkpoint; the slot lives as long as the state. */
as_status as_state_map(as_state *s, const char *path, const uint8_t **data, size_t *size, as_err *err);

/* The checkpoint that an archive was packed around: bytes that live as long as the state. */
typedef struct as_inner {
  const uint8_t *data; /* NULL: there is none */
  size_t size;
  char label[512]; /* "ARCHIVE: MEMBER" */
} as_inner;

/* Readers: each fills `s` from [data, data + size), which lives as long as the state; `label` names the file (and
 * member) in messages. Which one a file wants is state_open.c's to say; no reader calls another's. */
/* torch's zip and npz are read; of an archive around one checkpoint *inner is filled instead. */
as_status as_state_read_zip(as_state *s, const uint8_t *data, size_t size, const char *label, as_inner *inner,
                            as_err *err);
as_status as_state_read_safetensors(as_state *s, const uint8_t *data, size_t size, const char *label,
                                    as_err *err);
as_status as_state_read_legacy(as_state *s, const uint8_t *data, size_t size, const char *label, as_err *err);
as_status as_state_read_torch_tar(as_state *s, const uint8_t *data, size_t size, const char *label,
                                  as_err *err);
as_status as_state_read_pickle(as_state *s, const uint8_t *data, size_t size, const char *label, as_err *err);
/* One .npy array of an npz, added under `name`. */
as_status as_state_read_npy(as_state *s, const uint8_t *data, size_t size, const char *name,
                            const char *label, as_err *err);
/* The data files of an index are its siblings, named after the state's path. */
as_status as_state_read_tf_bundle(as_state *s, const uint8_t *data, size_t size, as_err *err);
/* A model.safetensors.index.json: shards are its siblings. */
as_status as_state_read_shards(as_state *s, const uint8_t *data, size_t size, const char *path, as_err *err);

/* Refusals of what is no checkpoint or another tool's (foreign.c): AS_E_INPUT naming it and what to do.
 * _named returns AS_OK for bytes that are of no kind by their magic; _refuse always fails, quoting text. */
as_status as_foreign_named(const uint8_t *data, size_t size, const char *label, as_err *err);
as_status as_foreign_refuse(const uint8_t *data, size_t size, const char *label, as_err *err);
as_status as_foreign_tar(const uint8_t *data, const char *label, as_err *err);

/* True when the bytes end as a TensorFlow V2 index table does. */
bool as_tf_is_index(const uint8_t *data, size_t size);

#endif
