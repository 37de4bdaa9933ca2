/* From a pickle's value tree to named tensors: walks dicts, lists and objects, and knows the handful
 * of constructors that stand for tensors (torch's rebuild functions, numpy's). Everything else is an
 * opaque node: its class is remarked once, and what it holds is walked like a dict.
 *
 * Used by the torch and pickle readers. */
#ifndef AS_WEIGHTS_CONTAINERS_TREE_H
#define AS_WEIGHTS_CONTAINERS_TREE_H

#include "tensor/base/text.h"
#include "weights/containers/state_int.h"
#include "weights/pickle/pickle.h"

enum {
  AS_TREE_MAX_VISITS = 4 << 20, /* what is visited; a tree that shares nodes can unfold exponentially */
  AS_TREE_WALK_COST = 4         /* of a container or a named value; a scalar in a list costs one */
};

/* A storage: a run of elements that tensors are cut from. */
typedef struct as_storage {
  const uint8_t *data;
  size_t bytes;
  as_dtype dtype; /* as its class says; AS_OPAQUE: one that is not read */
  bool untyped;   /* the class says bytes; the tensor brings its own dtype */
  size_t unit;    /* bytes per element; 0 = not known */
  bool big_endian;
  uint64_t numel;
} as_storage;

typedef struct as_tree as_tree;
struct as_tree {
  as_state *state;
  const as_pk *pk;
  const char *label;
  /* Bytes of the storage called key, which must be exactly `want` of them; NULL: the container has no
   * storages. */
  as_status (*storage)(as_tree *t, const char *key, uint64_t want, as_storage *out, as_err *err);
  /* The tensor behind a persistent id that is no storage (torch's tar format), or NULL. */
  as_status (*tensor)(as_tree *t, uint32_t id, as_view *out, bool *is, as_err *err);
  void *ctx; /* the container's */
  bool big_endian;

  /* private */
  size_t visits;
  as_str path;
  uint32_t seen[64]; /* classes remarked so far */
  char what[256];    /* of the last opaque tensor: "quantised (torch._utils._rebuild_qtensor)" */
  size_t n_seen;
};

/* Adds every tensor under root to the state. AS_E_INPUT: a tensor outside its storage, a tree deeper
 * than AS_PK_MAX_DEPTH or larger than AS_TREE_MAX_VISITS when unfolded, a call that no data needs. */
as_status as_tree_walk(as_tree *t, uint32_t root, as_err *err);

/* Fails with the tensor's path before `what`. */
as_status as_tree_refuse(as_tree *t, const char *what, as_err *err);

/* torch's share (tree_tensor.c). The arguments of torch._utils._rebuild_tensor and _v2, or of _v3. Of a dtype that is
 * not read *out is opaque, and t->what says why. */
as_status as_tree_rebuild(as_tree *t, uint32_t args, bool v3, as_view *out, as_err *err);
/* Is this the constructor of a tensor whose values are not an array of dense numbers? Then *out is opaque. */
bool as_tree_opaque(as_tree *t, uint32_t callee, uint32_t args, as_view *out);
/* Class of a storage ("FloatStorage", in any module). */
void as_tree_storage_class(const as_tree *t, uint32_t cls, as_storage *out);
/* A strided window of a storage, every element checked to lie inside. what names it in messages. */
as_status as_tree_cut(as_tree *t, const as_storage *st, int rank, const int64_t *shape, const int64_t *stride,
                      int64_t offset, as_view *out, as_err *err);

/* numpy's share (tree_numpy.c): arrays and scalars. *is says whether the call makes an array. */
as_status as_tree_numpy(as_tree *t, uint32_t callee, uint32_t args, uint32_t state, as_view *out, bool *is,
                        as_err *err);
/* "<f4" and the like. */
bool as_numpy_dtype(const char *descr, size_t n, as_dtype *dtype, bool *big_endian);

#endif
