/* TensorFlow V2 checkpoints and torch's tar container, written here byte by byte. */
#include <stdlib.h>

#include "tensor/base/file.h"
#include "tensor/base/hash/crc32c.h"
#include "tests/ckptmake.h"
#include "tests/harness.h"
#include "weights/containers/state.h"

/* RFC 3720, appendix B.4; the check value of the Rocksoft catalogue. */
static void crc(as_test *t) {
  uint8_t b[32];
  CHECK_INT(t, as_crc32c(0, "123456789", 9), 0xe3069283);
  memset(b, 0, 32);
  CHECK_INT(t, as_crc32c(0, b, 32), 0x8a9136aa);
  memset(b, 0xff, 32);
  CHECK_INT(t, as_crc32c(0, b, 32), 0x62a8ab43);
  for (int i = 0; i < 32; i++) b[i] = (uint8_t)i;
  CHECK_INT(t, as_crc32c(0, b, 32), 0x46dd794e);
  uint8_t *big = malloc(10007); /* the table path against the bit path, in pieces */
  for (int i = 0; i < 10007; i++) big[i] = (uint8_t)(i * 7 + i / 256);
  uint32_t whole = as_crc32c(0, big, 10007), piece = 0;
  for (int i = 0; i < 10007; i += 1000)
    piece = as_crc32c(piece, big + i, (size_t)(10007 - i < 1000 ? 10007 - i : 1000));
  CHECK_INT(t, whole, piece);
  free(big);
}

static void varint(as_str *b, uint64_t v) {
  for (; v >= 128; v >>= 7) as_str_putc(b, (char)(v | 128));
  as_str_putc(b, (char)v);
}

typedef struct tf_entry {
  const char *name;
  int dtype; /* 1 float */
  int rank;
  int64_t shape[4];
  uint64_t offset, size;
  int shard;
} tf_entry;

static const uint8_t payload[24] = {0, 0, 128, 63, 0, 0,  0,  64, 1,  2,  3,  4,
                                    5, 6, 7,   8,  9, 10, 11, 12, 13, 14, 15, 16};

static void tf_value(as_str *v, const tf_entry *e) {
  as_str shape = {0};
  for (int i = 0; i < e->rank; i++) {
    as_str d = {0};
    as_str_putc(&d, 8);
    varint(&d, (uint64_t)e->shape[i]);
    as_str_putc(&shape, 0x12);
    varint(&shape, d.n);
    as_str_putn(&shape, d.s, d.n);
    as_str_clear(&d);
  }
  as_str_putc(v, 8);
  varint(v, (uint64_t)e->dtype);
  as_str_putc(v, 0x12);
  varint(v, shape.n);
  as_str_putn(v, shape.n ? shape.s : "", shape.n);
  as_str_putc(v, 0x18);
  varint(v, (uint64_t)e->shard);
  as_str_putc(v, 0x20);
  varint(v, e->offset);
  as_str_putc(v, 0x28);
  varint(v, e->size);
  as_str_putc(v, 0x35);
  mk_le32(v, as_crc32c_mask(as_crc32c(0, payload + (e->offset < 24 ? e->offset : 0),
                                      e->offset < 24 && e->size <= 24 - e->offset ? e->size : 0)));
  as_str_clear(&shape);
}

static void tf_block(as_str *out, const as_str *block, as_str *handle) {
  varint(handle, out->n);
  varint(handle, block->n);
  as_str_putn(out, block->s, block->n);
  as_str_putc(out, 0);
  mk_le32(out, as_crc32c_mask(as_crc32c(as_crc32c(0, block->s, block->n), "", 1)));
}

/* The index of n entries, the second onwards with their first letters shared. */
static void tf_index(as_str *out, const tf_entry *e, size_t n, uint64_t shards) {
  as_str block = {0}, handle = {0}, meta = {0}, empty = {0}, footer = {0}, index = {0};
  as_str head = {0};
  as_str_putc(&head, 8);
  varint(&head, shards);
  as_str_putn(&block, "\0\0", 2);
  varint(&block, head.n);
  as_str_putn(&block, head.s, head.n);
  const char *last = "";
  for (size_t i = 0; i < n; i++) {
    as_str v = {0};
    size_t shared = 0;
    while (last[shared] && last[shared] == e[i].name[shared]) shared++;
    tf_value(&v, &e[i]);
    varint(&block, shared);
    varint(&block, strlen(e[i].name) - shared);
    varint(&block, v.n);
    as_str_put(&block, e[i].name + shared);
    as_str_putn(&block, v.s, v.n);
    as_str_clear(&v);
    last = e[i].name;
  }
  mk_le32(&block, 0);
  mk_le32(&block, 1);
  tf_block(out, &block, &handle);
  mk_le32(&empty, 0);
  mk_le32(&empty, 1);
  tf_block(out, &empty, &meta);
  varint(&index, 0);
  varint(&index, 1);
  varint(&index, handle.n);
  as_str_putc(&index, 'z');
  as_str_putn(&index, handle.s, handle.n);
  mk_le32(&index, 0);
  mk_le32(&index, 1);
  as_str_putn(&footer, meta.s, meta.n);
  tf_block(out, &index, &footer);
  while (footer.n < 40) as_str_putc(&footer, 0);
  as_str_putn(out, footer.s, 40);
  mk_le64(out, UINT64_C(0xdb4775248b80fb57));
  as_str *const all[] = {&block, &handle, &meta, &empty, &footer, &index, &head};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) as_str_clear(all[i]);
}

static as_status tf_open(as_test *t, const tf_entry *e, size_t n, uint64_t shards, size_t data, as_state **s,
                         as_err *err) {
  char index[600], shard[600];
  as_str out = {0};
  tf_index(&out, e, n, shards);
  snprintf(index, sizeof index, "%s/model.ckpt-7.index", as_test_tmp());
  snprintf(shard, sizeof shard, "%s/model.ckpt-7.data-00000-of-00001", as_test_tmp());
  CHECK_OK(t, as_file_write(index, out.s, out.n, err), *err);
  CHECK_OK(t, as_file_write(shard, payload, data, err), *err);
  as_str_clear(&out);
  index[strlen(index) - 6] = 0; /* the prefix alone names the checkpoint too */
  return as_state_open(s, index, err);
}

static void bundle(as_test *t) {
  static const tf_entry two[2] = {{"base_model/conv2d/kernel", 1, 2, {1, 2}, 0, 8, 0},
                                  {"base_model/conv2d_1/kernel", 1, 1, {4}, 8, 16, 0}};
  as_state *s = NULL;
  as_err err = {AS_OK, ""};
  CHECK_OK(t, tf_open(t, two, 2, 1, 24, &s, &err), err);
  if (s) {
    CHECK_STR(t, as_state_container(s), "tf-bundle");
    CHECK_INT(t, as_state_count(s), 2);
    const as_state_entry *e = as_state_find(s, "base_model/conv2d_1/kernel");
    CHECK(t, e && e->view.shape[0] == 4 && memcmp(e->view.data, payload + 8, 16) == 0);
    as_state_close(&s);
  }
  static const struct {
    tf_entry e;
    uint64_t shards;
    size_t data;
    const char *want;
  } bad[] = {{{"w", 1, 1, {4}, 8, 16, 0}, 1, 23, "lie outside"},
             {{"w", 1, 1, {4}, UINT64_MAX, 16, 0}, 1, 24, "lie outside"},
             {{"w", 1, 1, {5}, 0, 16, 0}, 1, 24, "does not fill"},
             {{"w", 1, 2, {INT64_MAX, INT64_MAX}, 0, 16, 0}, 1, 24, "does not fill"},
             {{"w", 1, 1, {4}, 0, 16, 1}, 1, 24, "shard 1 of 1"},
             {{"w", 1, 1, {4}, 0, 16, 0}, 0, 24, "number of shards"},
             {{"w", 1, 1, {4}, 0, 16, 0}, 100000, 24, "number of shards"},
             {{"w", 7, 1, {4}, 0, 16, 0}, 1, 24, "no tensor"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    as_status st = tf_open(t, &bad[i].e, 1, bad[i].shards, bad[i].data, &s, &err);
    if (st != AS_E_INPUT || !strstr(err.msg, bad[i].want))
      as_test_fail(t, __FILE__, __LINE__, "case %zu: status %d, message \"%s\" lacks \"%s\"", i, (int)st,
                   err.msg, bad[i].want);
    as_state_close(&s);
  }
  /* a shard that is not there: its name follows from the index's own */
  CHECK_INT(t, tf_open(t, two, 1, 2, 24, &s, &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "model.ckpt-7.data-00000-of-00002") != NULL);
}

/* One bit anywhere in the index: seen by the CRC-32C of its block, or by the footer's checks. */
static void bundle_damaged(as_test *t) {
  static const tf_entry one = {"w", 1, 1, {4}, 8, 16, 0};
  char index[600];
  as_str out = {0};
  as_state *s = NULL;
  as_err err = {AS_OK, ""};
  CHECK_OK(t, tf_open(t, &one, 1, 1, 24, &s, &err), err);
  as_state_close(&s);
  tf_index(&out, &one, 1, 1);
  snprintf(index, sizeof index, "%s/model.ckpt-7.index", as_test_tmp());
  for (size_t i = 0; i + 48 < out.n; i++) {
    out.s[i] = (char)(out.s[i] ^ 4);
    as_status st = as_state_open_bytes(&s, out.s, out.n, index, &err);
    bool meta = st == AS_OK; /* the empty metaindex block is not read */
    CHECK(t, st == AS_E_INPUT || (meta && as_state_count(s) == 1));
    as_state_close(&s);
    out.s[i] = (char)(out.s[i] ^ 4);
  }
  as_str_clear(&out);
}

/* ---- tar ---- */

static void tar_member(as_str *b, const char *name, const as_str *data) {
  char h[512] = {0};
  snprintf(h, 100, "%s", name);
  snprintf(h + 124, 12, "%011o", (unsigned)data->n);
  h[156] = '0';
  memcpy(h + 257, "ustar", 6);
  as_str_putn(b, h, 512);
  as_str_putn(b, data->s, data->n);
  while (b->n % 512) as_str_putc(b, 0);
}

static void tar_make(as_str *file, int64_t count, int64_t rows, int rank) {
  as_str sys = {0}, pk = {0}, te = {0}, st = {0};
  as_str_put(&sys, "\x80\x02}.");
  as_str_put(&st, "\x80\x02K\x01.");
  as_str_put(&st,
             "\x80\x02K\x07"
             "X\x03");
  as_str_putn(&st, "\0\0\0cpu", 6);
  as_str_put(&st, "ctorch\nFloatStorage\n\x87.");
  mk_le64(&st, (uint64_t)count);
  as_str_putn(&st, (const char *)payload, 24);
  as_str_put(&st, "\x80\x02].");
  as_str_put(&te,
             "\x80\x02K\x01.\x80\x02K\x09K\x07"
             "ctorch\nFloatTensor\n\x87.");
  mk_le32(&te, (uint64_t)rank);
  mk_le32(&te, 0);
  mk_le64(&te, (uint64_t)rows);
  mk_le64(&te, 3);
  mk_le64(&te, 3);
  mk_le64(&te, 1);
  mk_le64(&te, 0);
  as_str_put(&pk, "\x80\x02}X\x01");
  as_str_putn(&pk, "\0\0\0wK\x09Qs.", 9);
  tar_member(file, "sys_info", &sys);
  tar_member(file, "pickle", &pk);
  tar_member(file, "tensors", &te);
  tar_member(file, "storages", &st);
  for (int i = 0; i < 1024; i++) as_str_putc(file, 0);
  as_str *const all[] = {&sys, &pk, &te, &st};
  for (size_t i = 0; i < 4; i++) as_str_clear(all[i]);
}

static void torch_tar(as_test *t) {
  static const struct {
    int64_t count, rows;
    int rank;
    const char *want;
  } tries[] = {{6, 2, 2, NULL},       {6, 3, 2, "reaches element 8"},       {6, -1, 2, "negative"},
               {7, 2, 2, "storage"},  {INT64_MAX, 2, 2, "beyond the file"}, {6, 2, 9, "rank over 8"},
               {6, 2, 4, "truncated"}};
  for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
    as_str b = {0};
    as_state *s = NULL;
    as_err err = {AS_OK, ""};
    tar_make(&b, tries[i].count, tries[i].rows, tries[i].rank);
    as_status st = as_state_open_bytes(&s, b.s, b.n, "old.pth", &err);
    if (tries[i].want ? st != AS_E_INPUT || !strstr(err.msg, tries[i].want) : st != AS_OK)
      as_test_fail(t, __FILE__, __LINE__, "case %zu: status %d, message \"%s\"", i, (int)st, err.msg);
    if (s) {
      CHECK_STR(t, as_state_container(s), "torch-tar");
      const as_state_entry *e = as_state_find(s, "w");
      CHECK(t, e && e->view.shape[0] == 2 && e->view.shape[1] == 3 && memcmp(e->view.data, payload, 24) == 0);
    }
    as_state_close(&s);
    as_str_clear(&b);
  }
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"bundle crc32c", crc},
                                  {"bundle tensors", bundle},
                                  {"bundle damaged", bundle_damaged},
                                  {"bundle torch tar", torch_tar}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
