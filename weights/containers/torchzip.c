/* Zip archives of weights: torch's container, npz, and archives around one checkpoint.
 *
 * torch's (since 1.6, caffe2/serialize/inline_container.h) is a zip of stored members under one folder:
 *
 *   archive/data.pkl      the object; a storage is a persistent id ("storage", class, key, location, elements)
 *   archive/data/0        the bytes of the storage with the key "0": aligned to 64, as the machine held them
 *   archive/byteorder     "little" or "big" (since 2.1; little before)
 *   archive/version       "3"
 *   archive/constants.pkl, code/..   only where the archive is a program (TorchScript)
 *
 * The folder is named after the file that was saved, so it is found by its data.pkl. A record's length must be exactly
 * what the storage's class and count come to: torch itself checks neither that nor the CRC (CVE-2026-24747 read beyond a
 * short record). Stored members are used where they lie in the mapped file; packed ones are inflated once, when the first
 * tensor asks for them. Tensors share storages freely, with strides and offsets of their own; tree_tensor.c checks that
 * each one's last element lies inside. */
#include <stdio.h>
#include <string.h>

#include "tensor/base/hash/sha256.h"
#include "tensor/base/mem.h"
#include "tensor/base/pack/zip.h"
#include "tensor/base/text.h"
#include "weights/containers/state_int.h"
#include "weights/containers/tree.h"

enum { MAX_PACKED_PICKLE = 32 << 20 }; /* the largest published ones have some 2 MiB */

typedef struct torch_zip {
  const as_zip *zip;
  const char *root; /* "archive/" */
  size_t root_n;
  const uint8_t **open; /* [zip->n]: records inflated so far; tensors may share one */
} torch_zip;

static as_status find_storage(as_tree *t, const char *key, uint64_t want, as_storage *out, as_err *err) {
  const torch_zip *z = t->ctx;
  char name[AS_ZIP_MAX_NAME + 160];
  snprintf(name, sizeof name, "%.*sdata/%s", (int)z->root_n, z->root, key);
  const as_zip_entry *e = as_zip_find(z->zip, name);
  if (!e && want == 0) {
    out->data = (const uint8_t *)"";
    return AS_OK;
  }
  if (!e)
    return as_fail(err, AS_E_INPUT, "%s: tensor %s: its record %s is not in the archive", t->label,
                   as_str_c(&t->path), name);
  if (e->size != want)
    return as_fail(err, AS_E_INPUT, "%s: tensor %s: record %s has %llu bytes, its storage wants %llu",
                   t->label, as_str_c(&t->path), name, (unsigned long long)e->size, (unsigned long long)want);
  const uint8_t **open = &z->open[e - z->zip->entries];
  if (!*open) {
    void *block = NULL;
    as_status st = as_zip_read(z->zip, e, 0, open, &block, err);
    if (st == AS_OK && block) st = as_state_keep(t->state, block, err);
    if (st != AS_OK) return st;
  }
  out->data = *open;
  out->bytes = (size_t)e->size;
  return AS_OK;
}

/* Record `root`name as text of at most size - 1 bytes, "" when absent. */
static as_status small_record(const as_zip *z, const char *root, size_t root_n, const char *name, char *buf,
                              size_t size, as_err *err) {
  char full[AS_ZIP_MAX_NAME + 32];
  snprintf(full, sizeof full, "%.*s%s", (int)root_n, root, name);
  buf[0] = 0;
  const as_zip_entry *e = as_zip_find(z, full);
  if (!e || e->size >= size) return AS_OK;
  const uint8_t *p = NULL;
  void *block = NULL;
  as_status st = as_zip_read(z, e, 1, &p, &block, err);
  if (st != AS_OK) return st;
  memcpy(buf, p, (size_t)e->size);
  buf[e->size] = 0;
  as_free(block);
  return AS_OK;
}

static as_status read_torch(as_state *s, const as_zip *z, const as_zip_entry *pkl, const char *label,
                            as_err *err) {
  torch_zip ctx = {z, pkl->name, strlen(pkl->name) - strlen("data.pkl"), NULL};
  as_tree t = {.state = s, .label = label, .storage = find_storage, .ctx = &ctx};
  char order[16];
  s->container = "torch-zip";
  as_status st = small_record(z, ctx.root, ctx.root_n, "byteorder", order, sizeof order, err);
  if (st != AS_OK) return st;
  if (order[0] && strcmp(order, "little") != 0 && strcmp(order, "big") != 0)
    return as_fail(err, AS_E_INPUT, "%s: record byteorder says \"%s\"; wanted little or big", label, order);
  t.big_endian = order[0] == 'b';
  char constants[AS_ZIP_MAX_NAME + 32];
  snprintf(constants, sizeof constants, "%.*sconstants.pkl", (int)ctx.root_n, ctx.root);
  if (as_zip_find(z, constants))
    return as_fail(
        err, AS_E_INPUT,
        "%s: this is a TorchScript archive, a program that would have to be run: save its weights alone, "
        "torch.save(torch.jit.load(FILE).state_dict(), \"weights.pth\")",
        label);
  const uint8_t *p = NULL;
  void *block = NULL;
  if (pkl->method != 0 && pkl->size > MAX_PACKED_PICKLE)
    st = as_fail(err, AS_E_INPUT, "%s: %s: a compressed pickle of %llu bytes; at most 32 MiB are unpacked",
                 label, pkl->name, (unsigned long long)pkl->size);
  else
    st = as_zip_read(z, pkl, 1, &p, &block, err);
  if (st == AS_OK && block) st = as_state_keep(s, block, err);
  if (st != AS_OK) return st;
  char member[512];
  snprintf(member, sizeof member, "%.300s: data.pkl", label);
  as_pk *pk = NULL;
  size_t used = 0;
  st = as_pk_load(&pk, p, (size_t)pkl->size, &used, member, err);
  if (st != AS_OK) return st;
  t.pk = pk;
  if (used != pkl->size)
    st = as_fail(err, AS_E_INPUT, "%s: %llu bytes follow the pickle's STOP", member,
                 (unsigned long long)(pkl->size - used));
  if (st == AS_OK) {
    ctx.open = as_calloc(z->n, sizeof *ctx.open, err);
    st = ctx.open ? as_tree_walk(&t, as_pk_root(pk), err) : AS_E_ENV;
  }
  as_free((void *)ctx.open);
  as_pk_free(&pk);
  return st;
}

static as_status read_npz(as_state *s, const as_zip *z, const char *label, as_err *err) {
  s->container = "npz";
  for (size_t i = 0; i < z->n; i++) {
    const as_zip_entry *e = &z->entries[i];
    size_t n = strlen(e->name);
    if (!as_ends_with(e->name, ".npy")) {
      if (e->size == 0) continue; /* a folder */
      return as_fail(err, AS_E_INPUT, "%s: member %s beside .npy members; wanted an npz of arrays only",
                     label, e->name);
    }
    const uint8_t *p = NULL;
    void *block = NULL;
    as_status st = as_zip_read(z, e, 0, &p, &block, err);
    if (st == AS_OK && block) st = as_state_keep(s, block, err);
    if (st != AS_OK) return st;
    char name[AS_ZIP_MAX_NAME + 1];
    memcpy(name, e->name, n - 4);
    name[n - 4] = 0;
    st = as_state_read_npy(s, p, (size_t)e->size, name, label, err);
    if (st != AS_OK) return st;
  }
  return AS_OK;
}

static bool is_checkpoint_name(const char *name) {
  return as_ends_with(name, ".pth.tar") || as_ends_with(name, ".pth") || as_ends_with(name, ".pt") ||
         as_ends_with(name, ".tar") || as_ends_with(name, ".pkl") || as_ends_with(name, ".bin") ||
         as_ends_with(name, ".torch") || as_ends_with(name, ".safetensors") || as_ends_with(name, ".npz");
}

/* The archive around one checkpoint (OBoW's releases). */
static as_status open_wrapped(as_state *s, const as_zip *z, const char *label, as_inner *inner, as_err *err) {
  const as_zip_entry *hit = NULL;
  size_t hits = 0, tf = 0;
  for (size_t i = 0; i < z->n; i++) {
    const as_zip_entry *e = &z->entries[i];
    if (as_ends_with(e->name, ".index")) tf++;
    if (e->size > 0 && is_checkpoint_name(e->name) && !as_starts_with(e->name, "__MACOSX/")) {
      hit = e;
      hits++;
    }
  }
  if (as_zip_find(z, "model.weights.h5"))
    return as_fail(
        err, AS_E_INPUT,
        "%s: this is a Keras archive (.keras): load it in Keras and save its weights as .npz or .safetensors "
        "under torchvision's or timm's names",
        label);
  if (tf && !hits)
    return as_fail(err, AS_E_INPUT,
                   "%s: a zip around a TensorFlow checkpoint; unpack it and name the .index file", label);
  if (hits != 1)
    return as_fail(err, AS_E_INPUT,
                   "%s: a zip archive of %zu members with %zu checkpoints among them; wanted torch's "
                   "(with data.pkl), an npz, or an archive around one checkpoint",
                   label, z->n, hits);
  const uint8_t *p = NULL;
  void *block = NULL;
  as_status st = as_zip_read(z, hit, 0, &p, &block, err);
  if (st == AS_OK && block) st = as_state_keep(s, block, err);
  if (st == AS_OK) st = as_state_remark(s, err, "read from the zip member %s", hit->name);
  if (st != AS_OK) return st;
  inner->data = p;
  inner->size = (size_t)hit->size;
  snprintf(inner->label, sizeof inner->label, "%.250s: %.250s", label, hit->name);
  return AS_OK;
}

as_status as_state_read_zip(as_state *s, const uint8_t *data, size_t size, const char *label, as_inner *inner,
                            as_err *err) {
  as_zip z;
  as_status st = as_zip_open(&z, data, size, label, err);
  if (st != AS_OK) return st;
  st = as_zip_verify(&z, err);
  if (!s->directory[0]) as_sha256_of(z.directory, z.directory_bytes, s->directory);
  const as_zip_entry *pkl = NULL;
  bool npy = false;
  for (size_t i = 0; i < z.n; i++) {
    const char *name = z.entries[i].name, *slash = strchr(name, '/');
    /* torch: ROOT/data.pkl, where ROOT is the first part of the first member's name */
    if (slash && strcmp(slash, "/data.pkl") == 0) {
      if (pkl && st == AS_OK)
        st = as_fail(err, AS_E_INPUT, "%s: two records data.pkl (%s, %s)", label, pkl->name, name);
      pkl = &z.entries[i];
    }
    if (as_ends_with(name, ".npy")) npy = true;
  }
  if (st == AS_OK) {
    if (pkl)
      st = read_torch(s, &z, pkl, label, err);
    else if (npy)
      st = read_npz(s, &z, label, err);
    else
      st = open_wrapped(s, &z, label, inner, err);
  }
  as_zip_close(&z);
  return st;
}
