/* A checkpoint as its file holds it: named tensors, whatever the container. Opening verifies the
 * container; nothing in the file is ever run, and no path inside it is ever opened. */
#ifndef AS_WEIGHTS_CONTAINERS_STATE_H
#define AS_WEIGHTS_CONTAINERS_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/base/status.h"
#include "tensor/base/view.h"

typedef struct as_state as_state;

typedef struct as_state_entry {
  const char *name; /* path of keys from the top of the file, joined by '/': "state_dict/module.fc.weight" */
  const char
      *plain; /* the same without the wrappers that torch.compile, FSDP and activation checkpoints leave */
  const char *bare; /* and without "module." (DataParallel, moving averages), wherever it stands */
  as_view view;     /* borrowed from the state */
  const char *
      opaque; /* why this tensor's values are not dense numbers ("quantised (torch._utils._rebuild_qtensor)"): its
                         view is AS_OPAQUE, a shape without bytes; else NULL */
} as_state_entry;

/* path: the file as published, told apart by content: torch zip, torch legacy, torch tar, plain
 * pickle of arrays, npz, safetensors, a zip around one of these; the .index (or the prefix) of a
 * TensorFlow V2 checkpoint; a safetensors shard index or its folder.
 * AS_E_INPUT: missing, damaged, foreign, or holding no tensor. */
as_status as_state_open(as_state **out, const char *path, as_err *err);
/* The same from memory that outlives the state (tests, fuzzing). `label` stands for the path. */
as_status as_state_open_bytes(as_state **out, const void *data, size_t size, const char *label, as_err *err);
void as_state_close(as_state **state);

/* Hands over a block from as_alloc that views of this state point into; freed with the state, or here when it cannot
 * be kept (AS_E_ENV). */
as_status as_state_keep(as_state *s, void *block, as_err *err);

const char *as_state_path(const as_state *s);
const char *as_state_container(const as_state *s); /* "torch-zip", "safetensors", ... */
const char *as_state_sha256(as_state *s);          /* of the file; 64 hex digits, computed once */
/* Of a zip archive the SHA-256 of its central directory, else "". The directory holds length and CRC-32 of every member, and
 * opening has compared them with the members, so that it tells a file that is known from any other as well as the digest of
 * all bytes does, short of a forgery, at none of its cost. */
const char *as_state_directory(const as_state *s);
/* Where the file name carries the hash (resnet50-0676ba61.pth, the torch.hub convention: 8 or more
 * hex digits of the SHA-256 before the suffix), compares. AS_E_INPUT on a difference; *checked (may
 * be NULL) tells whether the name held one. */
as_status as_state_check_name(as_state *s, int *checked, as_err *err);
bool as_state_name_promises(const as_state *s); /* whether as_state_check_name will want the digest */
size_t as_state_count(const as_state *s);
const as_state_entry *as_state_entries(const as_state *s);                /* in file order */
const as_state_entry *as_state_find(const as_state *s, const char *name); /* or NULL */
/* Cuts the wrappers out of a name or pattern, in place: those of plain names, with `ddp` those of bare ones. */
void as_wrappers_cut(char *name, bool ddp);

/* The bytes of a view of this state, or of the whole file where view is NULL, need not stay in memory: they
 * come back when they are read again. Does nothing where the file is not mapped or was inflated. */
void as_state_release(const as_state *s, const as_view *view);

/* What else the file holds (opaque classes, scalars, metadata), a line each, for inspect. */
size_t as_state_remarks(const as_state *s, const char *const **lines);

/* Where the file holds a network in a form that is not read (a whole pickled module), what it is and what to do, else
 * "". Its tensors are not among the entries. */
const char *as_state_trouble(const as_state *s);

/* Value of a key of safetensors' __metadata__, or NULL. */
const char *as_state_meta(const as_state *s, const char *key);

#endif
