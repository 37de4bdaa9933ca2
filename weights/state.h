/* A checkpoint as its file holds it: named tensors, whatever the container. Opening verifies the
 * container; nothing in the file is ever run, and no path inside it is ever opened. */
#ifndef AS_WEIGHTS_STATE_H
#define AS_WEIGHTS_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "tensor/base/status.h"
#include "tensor/base/view.h"

typedef struct as_state as_state;

typedef struct as_state_entry {
  const char *name; /* path of keys from the top of the file, joined by '/': "state_dict/module.fc.weight" */
  as_view view;     /* borrowed from the state */
} as_state_entry;

/* AS_E_INPUT: missing, damaged, foreign, or holding no tensor. */
as_status as_state_open(as_state **out, const char *path, as_err *err);
void as_state_close(as_state **state);

const char *as_state_path(const as_state *s);
const char *as_state_container(const as_state *s); /* "torch-zip", "safetensors", ... */
const char *as_state_sha256(as_state *s);          /* of the file; 64 hex digits, computed once */
size_t as_state_count(const as_state *s);
const as_state_entry *as_state_entries(const as_state *s); /* in file order */
const as_state_entry *as_state_find(const as_state *s, const char *name); /* or NULL */

/* What else the file holds (opaque classes, scalars, metadata), a line each, for inspect. */
size_t as_state_remarks(const as_state *s, const char *const **lines);

#endif
