/* Small checkpoints made in memory for the tests of weights/: zip archives (well-formed unless told otherwise), torch
 * pickles, safetensors. Everything goes into an as_str, which may hold any bytes. */
#ifndef AS_TESTS_CKPTMAKE_H
#define AS_TESTS_CKPTMAKE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/base/bytes.h"
#include "tensor/base/hash/crc32.h"
#include "tensor/base/text.h"

static inline void mk_le16(as_str *b, unsigned v) {
  uint8_t p[2];
  as_put_le16(p, (uint16_t)v);
  as_str_putn(b, (const char *)p, 2);
}
static inline void mk_le32(as_str *b, uint64_t v) {
  uint8_t p[4];
  as_put_le32(p, (uint32_t)v);
  as_str_putn(b, (const char *)p, 4);
}
static inline void mk_le64(as_str *b, uint64_t v) {
  uint8_t p[8];
  as_put_le64(p, v);
  as_str_putn(b, (const char *)p, 8);
}

/* ---- zip ---- */

typedef struct mk_member {
  const char *name;
  const char *data;
  size_t size;
  int method;             /* 0, or 8 with packed bytes in data and the real size in `real` */
  size_t real;            /* size after inflating, method 8 */
  uint32_t real_crc;      /* of the inflated bytes, method 8 */
  unsigned flags;         /* 8: descriptor, as torch writes */
  const char *local_name; /* another name in the local header */
  uint32_t crc_xor;       /* damages the CRC everywhere */
  long offset_add;        /* moves the directory's pointer to the local header */
  int zip64;              /* sizes in a zip64 field */
  unsigned mode;          /* of a Unix file: 0120777 is a symbolic link */
} mk_member;

typedef struct mk_zip {
  const mk_member *m;
  size_t n;
  const char *prefix;  /* bytes before the first member */
  const char *comment; /* of the archive */
  int zip64;           /* write a zip64 end record and locator */
  long count_add;      /* lie about the number of members */
} mk_zip;

static inline void mk_zip_extra(as_str *b, const mk_member *m, uint64_t usize) {
  if (!m->zip64) return;
  mk_le16(b, 1);
  mk_le16(b, 16);
  mk_le64(b, usize);
  mk_le64(b, m->size);
}

/* Long because it writes one record of the format after the other: local headers and data, directory, ends. */
static inline void mk_zip_write(as_str *b, const mk_zip *z) {
  uint64_t at[64];
  if (z->prefix) as_str_put(b, z->prefix);
  for (size_t i = 0; i < z->n; i++) {
    const mk_member *m = &z->m[i];
    const char *name = m->local_name ? m->local_name : m->name;
    uint64_t usize = m->method ? m->real : m->size;
    uint32_t crc = (m->method ? m->real_crc : as_crc32(0, m->data, m->size)) ^ m->crc_xor;
    bool later = (m->flags & 8) != 0;
    at[i] = b->n;
    mk_le32(b, 0x04034b50);
    mk_le16(b, 20);
    mk_le16(b, m->flags);
    mk_le16(b, (unsigned)m->method);
    mk_le32(b, 0);
    mk_le32(b, later ? 0 : crc);
    mk_le32(b, later ? 0 : m->zip64 ? UINT32_MAX : m->size);
    mk_le32(b, later ? 0 : m->zip64 ? UINT32_MAX : usize);
    mk_le16(b, (unsigned)strlen(name));
    mk_le16(b, !later && m->zip64 ? 20 : 0);
    as_str_put(b, name);
    if (!later) mk_zip_extra(b, m, usize);
    as_str_putn(b, m->data, m->size);
    if (later) {
      mk_le32(b, 0x08074b50);
      mk_le32(b, crc);
      mk_le32(b, m->size);
      mk_le32(b, usize);
    }
  }
  uint64_t dir = b->n;
  for (size_t i = 0; i < z->n; i++) {
    const mk_member *m = &z->m[i];
    uint64_t usize = m->method ? m->real : m->size;
    uint32_t crc = (m->method ? m->real_crc : as_crc32(0, m->data, m->size)) ^ m->crc_xor;
    mk_le32(b, 0x02014b50);
    mk_le16(b, m->mode ? 0x314 : 20);
    mk_le16(b, 20);
    mk_le16(b, m->flags);
    mk_le16(b, (unsigned)m->method);
    mk_le32(b, 0);
    mk_le32(b, crc);
    mk_le32(b, m->zip64 ? UINT32_MAX : m->size);
    mk_le32(b, m->zip64 ? UINT32_MAX : usize);
    mk_le16(b, (unsigned)strlen(m->name));
    mk_le16(b, m->zip64 ? 20 : 0);
    mk_le16(b, 0);
    mk_le16(b, 0);
    mk_le16(b, 0);
    mk_le32(b, (uint64_t)m->mode << 16);
    mk_le32(b, (uint64_t)((int64_t)at[i] + m->offset_add));
    as_str_put(b, m->name);
    mk_zip_extra(b, m, usize);
  }
  uint64_t size = b->n - dir, count = (uint64_t)((long)z->n + z->count_add);
  if (z->zip64) {
    uint64_t end64 = b->n;
    mk_le32(b, 0x06064b50);
    mk_le64(b, 44);
    mk_le16(b, 45);
    mk_le16(b, 45);
    mk_le32(b, 0);
    mk_le32(b, 0);
    mk_le64(b, count);
    mk_le64(b, count);
    mk_le64(b, size);
    mk_le64(b, dir);
    mk_le32(b, 0x07064b50);
    mk_le32(b, 0);
    mk_le64(b, end64);
    mk_le32(b, 1);
  }
  mk_le32(b, 0x06054b50);
  mk_le16(b, 0);
  mk_le16(b, 0);
  mk_le16(b, z->zip64 ? 0xffff : (unsigned)count);
  mk_le16(b, z->zip64 ? 0xffff : (unsigned)count);
  mk_le32(b, z->zip64 ? UINT32_MAX : size);
  mk_le32(b, z->zip64 ? UINT32_MAX : dir);
  mk_le16(b, z->comment ? (unsigned)strlen(z->comment) : 0);
  if (z->comment) as_str_put(b, z->comment);
}

/* ---- torch pickles, protocol 2 ---- */

static inline void mk_text(as_str *b, const char *s) { /* BINUNICODE */
  as_str_putc(b, 'X');
  mk_le32(b, strlen(s));
  as_str_put(b, s);
}
static inline void mk_int(as_str *b, int64_t v) { /* LONG1 of 8 bytes */
  as_str_putn(b, "\x8a\x08", 2);
  mk_le64(b, (uint64_t)v);
}
static inline void mk_tuple(as_str *b, int n, const int64_t *v) {
  as_str_putc(b, '(');
  for (int i = 0; i < n; i++) mk_int(b, v[i]);
  as_str_putc(b, 't');
}

typedef struct mk_tensor {
  const char *storage; /* class: "FloatStorage" */
  const char *key;
  int64_t numel; /* of the storage */
  int64_t offset;
  int rank;
  int64_t shape[10], stride[10];
  bool legacy; /* adds the view item to the persistent id */
} mk_tensor;

static inline void mk_tensor_put(as_str *b, const mk_tensor *t) {
  as_str_put(b, "ctorch._utils\n_rebuild_tensor_v2\n((");
  mk_text(b, "storage");
  as_str_printf(b, "ctorch\n%s\n", t->storage);
  mk_text(b, t->key);
  mk_text(b, "cpu");
  mk_int(b, t->numel);
  if (t->legacy) as_str_putc(b, 'N');
  as_str_put(b, "tQ");
  mk_int(b, t->offset);
  mk_tuple(b, t->rank, t->shape);
  mk_tuple(b, t->rank, t->stride);
  as_str_put(b,
             "\x89"
             "ccollections\nOrderedDict\n)RtR");
}

/* A torch zip around one pickle and up to two records data/0, data/1. */
static inline void mk_torch(as_str *out, const as_str *pickle, const void *r0, size_t n0, const void *r1,
                            size_t n1) {
  const mk_member m[4] = {{.name = "archive/data.pkl", .data = pickle->s, .size = pickle->n, .flags = 0x808},
                          {.name = "archive/data/0", .data = r0, .size = n0, .flags = 0x808},
                          {.name = "archive/version", .data = "3\n", .size = 2, .flags = 0x808},
                          {.name = "archive/data/1", .data = r1, .size = n1, .flags = 0x808}};
  const mk_zip z = {.m = m, .n = r1 ? 4 : 3, .zip64 = 1};
  mk_zip_write(out, &z);
}

/* ---- one tensor "a" of six floats, in a zip or a legacy file ---- */

/* 1.0f to 6.0f, little-endian as files hold them. */
static const uint8_t mk_six[24] = {0, 0, 0x80, 0x3f, 0, 0, 0,    0x40, 0, 0, 0x40, 0x40,
                                   0, 0, 0x80, 0x40, 0, 0, 0xa0, 0x40, 0, 0, 0xc0, 0x40};
static const mk_tensor mk_whole = {"FloatStorage", "0", 6, 0, 2, {2, 3}, {3, 1}, false};

/* {"a": tensor} as protocol 2 writes it. */
static inline void mk_pickle_one(as_str *b, const mk_tensor *x) {
  as_str_put(b, "\x80\x02}");
  mk_text(b, "a");
  mk_tensor_put(b, x);
  as_str_put(b, "s.");
}

static inline void mk_legacy_head(as_str *b) {
  as_str_putn(b, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);
  as_str_putn(b, "\x80\x02M\xe9\x03.", 6);
  as_str_put(b, "\x80\x02}");
  mk_text(b, "little_endian");
  as_str_put(b, "\x88s.");
}

static inline void mk_legacy_file(as_str *b, const mk_tensor *x, const char *keys, int64_t count,
                                  size_t bytes) {
  as_str_clear(b);
  mk_legacy_head(b);
  mk_pickle_one(b, x);
  as_str_put(b, "\x80\x02](");
  for (; *keys; keys++) {
    const char k[2] = {*keys, 0};
    mk_text(b, k);
  }
  as_str_put(b, "e.");
  mk_le64(b, (uint64_t)count);
  as_str_putn(b, (const char *)mk_six, bytes);
}

/* ---- safetensors of zeros: "name shape;name shape;.." collected one by one ---- */

typedef struct mk_st {
  as_str header;
  uint64_t at;
  size_t unit;       /* bytes per element: 1 (U8) or 4 (F32) */
  const char *under; /* put before every name */
} mk_st;

static inline void mk_st_add(mk_st *s, const char *prefix, const char *name, int rank, const int64_t *shape) {
  uint64_t n = s->unit ? s->unit : 1;
  as_str_printf(&s->header, "%s\"%s%s%s\":{\"dtype\":\"%s\",\"shape\":[", s->header.n ? "," : "",
                s->under ? s->under : "", prefix, name, s->unit == 4 ? "F32" : "U8");
  for (int i = 0; i < rank; i++) {
    as_str_printf(&s->header, "%s%lld", i ? "," : "", (long long)shape[i]);
    n *= (uint64_t)shape[i];
  }
  as_str_printf(&s->header, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)s->at,
                (unsigned long long)(s->at + n));
  s->at += n;
}

/* The file: free with free(). */
static inline char *mk_st_file(mk_st *s, size_t *n) {
  *n = 8 + s->header.n + 2 + (size_t)s->at;
  char *p = calloc(*n, 1);
  as_put_le64((uint8_t *)p, s->header.n + 2);
  p[8] = '{';
  memcpy(p + 9, as_str_c(&s->header), s->header.n);
  p[9 + s->header.n] = '}';
  as_str_clear(&s->header);
  s->at = 0;
  return p;
}

/* torchvision's ResNet: bottlenecks. */
static inline void mk_resnet(mk_st *s, const char *prefix, int64_t base, const int *blocks, int64_t classes) {
  char name[64];
#define ADD(nm, ...)                                                                        \
  mk_st_add(s, prefix, nm, (int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), \
            (const int64_t[]){__VA_ARGS__})
#define BN(nm, c)                                                                        \
  do {                                                                                   \
    static const char *const part[] = {"weight", "bias", "running_mean", "running_var"}; \
    for (int k_ = 0; k_ < 4; k_++) {                                                     \
      char full_[96];                                                                    \
      snprintf(full_, sizeof full_, "%s.%s", nm, part[k_]);                              \
      ADD(full_, c);                                                                     \
    }                                                                                    \
  } while (0)
  ADD("conv1.weight", base, 3, 7, 7);
  BN("bn1", base);
  int64_t in = base;
  for (int st = 0; st < 4; st++)
    for (int b = 0; b < blocks[st]; b++) {
      int64_t w = base << st;
      const int64_t shapes[3][4] = {{w, in, 1, 1}, {w, w, 3, 3}, {4 * w, w, 1, 1}};
      for (int c = 0; c < 3; c++) {
        snprintf(name, sizeof name, "layer%d.%d.conv%d.weight", st + 1, b, c + 1);
        mk_st_add(s, prefix, name, 4, shapes[c]);
        snprintf(name, sizeof name, "layer%d.%d.bn%d", st + 1, b, c + 1);
        BN(name, shapes[c][0]);
      }
      if (b == 0) {
        snprintf(name, sizeof name, "layer%d.0.downsample.0.weight", st + 1);
        ADD(name, 4 * w, in, 1, 1);
        snprintf(name, sizeof name, "layer%d.0.downsample.1", st + 1);
        BN(name, 4 * w);
      }
      in = 4 * w;
    }
  if (classes) {
    ADD("fc.weight", classes, in);
    ADD("fc.bias", classes);
  }
#undef BN
}

/* timm's ViT. */
static inline void mk_vit(mk_st *s, const char *prefix, int64_t dim, int depth, int64_t patch, int64_t rows,
                          bool ls, int64_t classes) {
  char name[64];
  ADD("cls_token", 1, 1, dim);
  ADD("pos_embed", 1, rows, dim);
  ADD("patch_embed.proj.weight", dim, 3, patch, patch);
  ADD("patch_embed.proj.bias", dim);
  for (int i = 0; i < depth; i++) {
    const struct {
      const char *name;
      int64_t a, b;
    } rowsof[] = {{"norm1.weight", dim, 0},
                  {"norm1.bias", dim, 0},
                  {"attn.qkv.weight", 3 * dim, dim},
                  {"attn.qkv.bias", 3 * dim, 0},
                  {"attn.proj.weight", dim, dim},
                  {"attn.proj.bias", dim, 0},
                  {"norm2.weight", dim, 0},
                  {"norm2.bias", dim, 0},
                  {"mlp.fc1.weight", 4 * dim, dim},
                  {"mlp.fc1.bias", 4 * dim, 0},
                  {"mlp.fc2.weight", dim, 4 * dim},
                  {"mlp.fc2.bias", dim, 0},
                  {"ls1.gamma", dim, 0},
                  {"ls2.gamma", dim, 0}};
    for (size_t k = 0; k < (ls ? 14u : 12u); k++) {
      snprintf(name, sizeof name, "blocks.%d.%s", i, rowsof[k].name);
      const int64_t shape[2] = {rowsof[k].a, rowsof[k].b};
      mk_st_add(s, prefix, name, rowsof[k].b ? 2 : 1, shape);
    }
  }
  ADD("norm.weight", dim);
  ADD("norm.bias", dim);
  if (classes) {
    ADD("head.weight", classes, dim);
    ADD("head.bias", classes);
  }
}
#undef ADD

#endif
