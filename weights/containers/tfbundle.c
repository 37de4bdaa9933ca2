/* TensorFlow V2 checkpoints ("tensor bundles"): PREFIX.index, a sorted table of names, and
 * PREFIX.data-00000-of-0000N, the bytes.
 *
 *   index: blocks | metaindex block | index block | footer (48 bytes)
 *   block: entries (shared, unshared, value length as varints; key tail; value) | restarts | trailer
 *
 * Table format: leveldb doc/table_format.md (tensorflow/core/lib/io/table*.cc); entries are
 * BundleEntryProto, the entry "" is BundleHeaderProto (tensorflow/core/protobuf/tensor_bundle.proto).
 * TensorFlow writes the table uncompressed. CRC-32C of blocks and tensors is verified. */
#include <stdio.h>
#include <string.h>

#include "tensor/base/bytes.h"
#include "tensor/base/checked.h"
#include "tensor/base/hash/crc32c.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"
#include "weights/containers/state_int.h"

#define TABLE_MAGIC UINT64_C(0xdb4775248b80fb57)
enum { FOOTER = 48, TRAILER = 5, KEY_MAX = 4096 };

bool as_tf_is_index(const uint8_t *d, size_t n) {
  return n >= FOOTER && as_le64(d + n - 8) == TABLE_MAGIC;
}

typedef struct bundle {
  as_state *s;
  const uint8_t *data; /* the index file */
  size_t size;
  const uint8_t **shard; /* [n_shards] mapped data files */
  size_t *shard_size;
  uint64_t n_shards;
  bool have_header;
  as_err *err;
} bundle;

static bool varint(as_reader *r, uint64_t *out) {
  uint64_t v = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const uint8_t *b = as_rd_take(r, 1);
    if (!b) return false;
    v |= (uint64_t)(*b & 0x7f) << shift;
    if (!(*b & 0x80)) {
      *out = v;
      return true;
    }
  }
  return false;
}

static as_status refuse_index(bundle *b, size_t at, const char *what) {
  return as_fail(b->err, AS_E_INPUT, "%s: TensorFlow index, byte %zu: %s", b->s->path, at, what);
}

/* A block's payload, its trailer checked. */
static as_status open_block(bundle *b, uint64_t offset, uint64_t size, as_reader *out) {
  if (offset > b->size || size > b->size - offset || b->size - offset - size < TRAILER)
    return refuse_index(b, b->size, "a block lies outside the file (truncated?)");
  const uint8_t *p = b->data + offset, *trailer = p + size;
  if (trailer[0] != 0) return refuse_index(b, (size_t)offset, "a compressed block; TensorFlow writes none");
  if (as_crc32c_mask(as_crc32c(as_crc32c(0, p, (size_t)size), trailer, 1)) != as_le32(trailer + 1))
    return refuse_index(b, (size_t)offset, "a block's CRC-32C differs (damaged file)");
  *out = (as_reader){p, (size_t)size, 0};
  return AS_OK;
}

typedef as_status (*entry_fn)(bundle *b, const char *key, size_t n, as_reader value);

static as_status each_entry(bundle *b, as_reader block, entry_fn fn) {
  size_t at = (size_t)(block.data - b->data);
  if (block.size < 4) return refuse_index(b, at, "a block without restarts");
  uint64_t restarts = as_le32(block.data + block.size - 4);
  if (restarts > (block.size - 4) / 4)
    return refuse_index(b, at, "a block of more restarts than it has room for");
  block.size -= 4 + (size_t)restarts * 4;
  char key[KEY_MAX];
  size_t key_n = 0;
  while (as_rd_left(&block)) {
    uint64_t shared = 0, tail = 0, len = 0;
    if (!varint(&block, &shared) || !varint(&block, &tail) || !varint(&block, &len) || shared > key_n ||
        tail > KEY_MAX - shared || tail > as_rd_left(&block))
      return refuse_index(b, at + block.pos, "a damaged entry");
    memcpy(key + shared, as_rd_take(&block, (size_t)tail), (size_t)tail);
    key_n = (size_t)(shared + tail);
    if (len > as_rd_left(&block)) return refuse_index(b, at + block.pos, "an entry reaches beyond its block");
    as_reader value = {as_rd_take(&block, (size_t)len), (size_t)len, 0};
    as_status st = fn(b, key, key_n, value);
    if (st != AS_OK) return st;
  }
  return AS_OK;
}

/* ---- protocol buffers: tag = field << 3 | wire type ---- */

typedef struct field {
  uint64_t number;
  unsigned wire;
  uint64_t value;  /* wire types 0 and 5 */
  as_reader bytes; /* wire type 2 */
} field;

static bool next_field(as_reader *r, field *f) {
  uint64_t tag = 0, n = 0;
  if (!varint(r, &tag)) return false;
  f->number = tag >> 3;
  f->wire = (unsigned)(tag & 7);
  const uint8_t *p = NULL;
  switch (f->wire) {
    case 0:
      return varint(r, &f->value);
    case 1:
      p = as_rd_take(r, 8);
      if (p) f->value = as_le64(p);
      return p != NULL;
    case 2:
      if (!varint(r, &n) || n > as_rd_left(r)) return false;
      f->bytes = (as_reader){as_rd_take(r, (size_t)n), (size_t)n, 0};
      return true;
    case 5:
      p = as_rd_take(r, 4);
      if (p) f->value = as_le32(p);
      return p != NULL;
    default:
      return false;
  }
}

/* tensorflow/core/framework/types.proto */
static bool tf_dtype(uint64_t t, as_dtype *out) {
  static const struct {
    unsigned tf;
    as_dtype dtype;
  } map[] = {{1, AS_F32},  {2, AS_F64},  {3, AS_I32},  {4, AS_U8},    {5, AS_I16},
             {6, AS_I8},   {8, AS_C64},  {9, AS_I64},  {10, AS_BOOL}, {14, AS_BF16},
             {17, AS_U16}, {19, AS_F16}, {22, AS_U32}, {23, AS_U64}};
  for (size_t i = 0; i < sizeof map / sizeof *map; i++)
    if (map[i].tf == t) {
      *out = map[i].dtype;
      return true;
    }
  return false;
}

/* TensorShapeProto: repeated dim = 2 { size = 1 }. */
static bool read_shape(as_reader r, as_view *v) {
  field f, d;
  while (as_rd_left(&r)) {
    if (!next_field(&r, &f)) return false;
    if (f.number != 2 || f.wire != 2) continue;
    uint64_t size = 0; /* proto3 leaves a zero out */
    while (as_rd_left(&f.bytes)) {
      if (!next_field(&f.bytes, &d)) return false;
      if (d.number == 1 && d.wire == 0) size = d.value;
    }
    if (v->rank == AS_MAX_RANK || size > INT64_MAX) return false;
    v->shape[v->rank++] = (int64_t)size;
  }
  return true;
}

static as_status on_header(bundle *b, as_reader value) {
  field f;
  b->n_shards = 0;
  uint64_t endian = 0;
  while (as_rd_left(&value)) {
    if (!next_field(&value, &f)) return refuse_index(b, 0, "the header entry is damaged");
    if (f.number == 1 && f.wire == 0) b->n_shards = f.value;
    if (f.number == 2 && f.wire == 0) endian = f.value;
  }
  if (b->n_shards < 1 || b->n_shards > AS_STATE_MAX_FILES)
    return refuse_index(b, 0, "a number of shards outside 1 to 1024");
  if (endian != 0)
    return refuse_index(b, 0, "a big-endian bundle, which TensorFlow itself does not read elsewhere");
  b->shard = as_calloc((size_t)b->n_shards, sizeof *b->shard, b->err);
  b->shard_size = as_calloc((size_t)b->n_shards, sizeof *b->shard_size, b->err);
  if (!b->shard || !b->shard_size) return AS_E_ENV;
  b->have_header = true;
  return AS_OK;
}

/* Shard names follow from the index's own path and the count, never from content. */
static as_status open_shard(bundle *b, uint64_t i) {
  if (b->shard[i]) return AS_OK;
  size_t n = strlen(b->s->path);
  if (!as_ends_with(b->s->path, ".index"))
    return as_fail(b->err, AS_E_INPUT,
                   "%s: a TensorFlow index whose name does not end in .index; its data files cannot be named",
                   b->s->path);
  as_str name = {0};
  as_str_printf(&name, "%.*s.data-%05u-of-%05u", (int)(n - 6), b->s->path, (unsigned)i,
                (unsigned)b->n_shards);
  as_status st = as_str_status(&name, b->err);
  if (st == AS_OK) st = as_state_map(b->s, as_str_c(&name), &b->shard[i], &b->shard_size[i], b->err);
  as_str_clear(&name);
  return st;
}

static as_status on_entry(bundle *b, const char *key, size_t n, as_reader value) {
  if (n == 0) return b->have_header ? refuse_index(b, 0, "two header entries") : on_header(b, value);
  if (!b->have_header) return refuse_index(b, 0, "no header entry");
  as_view v = {0};
  field f;
  uint64_t type = 0, shard = 0, offset = 0, size = 0, crc = 0;
  bool sliced = false, shape_ok = true;
  while (as_rd_left(&value)) {
    if (!next_field(&value, &f))
      return as_fail(b->err, AS_E_INPUT, "%s: tensor %.*s: its entry is damaged", b->s->path, (int)n, key);
    if (f.number == 1 && f.wire == 0) type = f.value;
    if (f.number == 2 && f.wire == 2) shape_ok = read_shape(f.bytes, &v);
    if (f.number == 3 && f.wire == 0) shard = f.value;
    if (f.number == 4 && f.wire == 0) offset = f.value;
    if (f.number == 5 && f.wire == 0) size = f.value;
    if (f.number == 6 && f.wire == 5) crc = f.value;
    if (f.number == 7) sliced = true;
  }
  if (!tf_dtype(type, &v.dtype) || sliced) /* strings (the object graph), variants, partitioned variables */
    return as_state_remark(b->s, b->err, "%.*s: %s, not read", (int)n, key,
                           sliced ? "a partitioned variable" : "no array of numbers");
  size_t numel = 0, want = 0;
  if (!shape_ok || !as_shape_numel(v.shape, v.rank, &numel) ||
      !as_mul_size(numel, as_dtype_size(v.dtype), &want) || want != size)
    return as_fail(b->err, AS_E_INPUT, "%s: tensor %.*s: its shape does not fill its %llu bytes", b->s->path,
                   (int)n, key, (unsigned long long)size);
  if (shard >= b->n_shards)
    return as_fail(b->err, AS_E_INPUT, "%s: tensor %.*s: shard %llu of %llu", b->s->path, (int)n, key,
                   (unsigned long long)shard, (unsigned long long)b->n_shards);
  as_status st = open_shard(b, shard);
  if (st != AS_OK) return st;
  if (offset > b->shard_size[shard] || size > b->shard_size[shard] - offset)
    return as_fail(b->err, AS_E_INPUT,
                   "%s: tensor %.*s: bytes %llu to %llu lie outside its data file of %zu (truncated?)",
                   b->s->path, (int)n, key, (unsigned long long)offset, (unsigned long long)(offset + size),
                   b->shard_size[shard]);
  as_view_set_contiguous(&v);
  v.data = b->shard[shard] + offset;
  v.bytes = want;
  if (as_crc32c_mask(as_crc32c(0, v.data, want)) != crc)
    return as_fail(b->err, AS_E_INPUT, "%s: tensor %.*s: its CRC-32C differs (damaged file)", b->s->path,
                   (int)n, key);
  return as_state_add(b->s, key, n, &v, b->err);
}

static as_status on_block(bundle *b, const char *key, size_t n, as_reader value) {
  (void)key;
  (void)n;
  uint64_t offset = 0, size = 0;
  as_reader block;
  if (!varint(&value, &offset) || !varint(&value, &size)) return refuse_index(b, 0, "a damaged block handle");
  as_status st = open_block(b, offset, size, &block);
  return st == AS_OK ? each_entry(b, block, on_entry) : st;
}

as_status as_state_read_tf_bundle(as_state *s, const uint8_t *data, size_t size, as_err *err) {
  bundle b = {.s = s, .data = data, .size = size, .err = err};
  s->container = "tf-bundle";
  as_reader footer = {data + size - FOOTER, FOOTER - 8, 0};
  uint64_t meta[2], offset = 0, length = 0;
  as_reader block;
  as_status st = AS_OK;
  if (!varint(&footer, &meta[0]) || !varint(&footer, &meta[1]) || !varint(&footer, &offset) ||
      !varint(&footer, &length))
    st = refuse_index(&b, size - FOOTER, "a damaged footer");
  if (st == AS_OK) st = open_block(&b, offset, length, &block);
  if (st == AS_OK) st = each_entry(&b, block, on_block);
  as_free((void *)b.shard);
  as_free(b.shard_size);
  return st;
}
