/* tensor/base: status lines, checked sizes, memory, views, text, JSON, hashes, RNG, files. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tensor/base/bytes.h"
#include "tensor/base/checked.h"
#include "tensor/base/cpu.h"
#include "tensor/base/file.h"
#include "tensor/base/hash/crc32.h"
#include "tensor/base/hash/crc32_int.h"
#include "tensor/base/hash/hash_kernels.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/hash/sha256_int.h"
#include "tensor/base/json.h"
#include "tensor/base/lines.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/base/text.h"
#include "tensor/base/view.h"
#include "tests/harness.h"

static void status_lines(as_test *t) {
  as_err e = {AS_OK, ""};
  CHECK_STATUS(t, as_fail(&e, AS_E_INPUT, "tensor %s\n\x1b[31m", "a"), AS_E_INPUT);
  CHECK_STR(t, e.msg, "tensor a??[31m");
  CHECK_STATUS(t, as_fail_in(&e, "file %d", 7), AS_E_INPUT);
  CHECK_STR(t, e.msg, "file 7: tensor a??[31m");
  char big[3000];
  memset(big, 'x', sizeof big - 1);
  big[sizeof big - 1] = '\0';
  as_fail(&e, AS_E_ENV, "%s", big);
  CHECK_INT(t, strlen(e.msg), sizeof e.msg - 1);
  as_fail_in(&e, "%s", big);
  CHECK(t, strlen(e.msg) < sizeof e.msg);
  as_fail(&e, AS_E_ENV, "again %s", e.msg); /* an argument may be the old message */
  CHECK(t, strncmp(e.msg, "again xxx", 9) == 0);
  CHECK_STATUS(t, as_fail(NULL, AS_E_ENV, "x"), AS_E_ENV);
}

static void checked_sizes(as_test *t) {
  size_t s = 5;
  int64_t i = 5;
  CHECK(t, !as_mul_size(SIZE_MAX / 2 + 1, 2, &s) && s == 5);
  CHECK(t, as_mul_size(SIZE_MAX / 2, 2, &s) && s == SIZE_MAX - 1);
  CHECK(t, as_mul_size(0, SIZE_MAX, &s) && s == 0);
  CHECK(t, !as_add_size(SIZE_MAX, 1, &s));
  CHECK(t, !as_mul_i64(INT64_MAX / 2 + 1, 2, &i) && i == 5);
  CHECK(t, !as_mul_i64(-1, 1, &i) && !as_add_i64(INT64_MAX, 1, &i));
  size_t n = 1;
  const int64_t wrap[2] = {2, INT64_MAX}, zero[3] = {INT64_MAX, INT64_MAX, 0}, neg[1] = {-1};
  const int64_t large[3] = {INT64_MAX, INT64_MAX, 2};
  CHECK(t, as_shape_numel(wrap, 2, &n) && n == (size_t)INT64_MAX * 2);
  CHECK(t, !as_shape_numel(large, 3, &n));
  CHECK(t, as_shape_numel(zero, 3, &n) && n == 0);
  CHECK(t, !as_shape_numel(neg, 1, &n));
  CHECK(t, as_shape_numel(NULL, 0, &n) && n == 1);
}

static void memory(as_test *t) {
  as_err e;
  void *p = as_alloc(0, 8, &e);
  CHECK(t, p && (uintptr_t)p % AS_ALIGN == 0);
  as_free(p);
  CHECK(t, !as_alloc(SIZE_MAX, 2, &e) && e.status == AS_E_ENV);
  CHECK(t, !as_alloc(SIZE_MAX - 64, 1, &e));
  as_mem_fail_after(2);
  p = as_alloc(1, 1, &e);
  CHECK(t, p && !as_alloc(1, 1, &e) && !as_alloc(1, 1, &e));
  as_mem_fail_after(0);
  as_free(p);
  void *g = NULL;
  size_t cap = 0;
  CHECK_OK(t, as_grow(&g, &cap, 3, 4, &e), e);
  memcpy(g, "abcdefghijkl", 12);
  CHECK_OK(t, as_grow(&g, &cap, 1000, 4, &e), e);
  CHECK(t, cap >= 1000 && memcmp(g, "abcdefghijkl", 12) == 0);
  as_mem_fail_after(1);
  size_t before = cap;
  CHECK_STATUS(t, as_grow(&g, &cap, 100000, 4, &e), AS_E_ENV);
  as_mem_fail_after(0);
  CHECK(t, cap == before && memcmp(g, "abcdefghijkl", 12) == 0);
  as_free(g);
  as_arena a = {NULL, 0, 0, false};
  CHECK(t, !as_arena_take(&a, 3, 4) && !as_arena_take(&a, 1, 100) && a.used == 164);
  a.base = as_alloc(a.used, 1, &e);
  a.size = a.used;
  a.used = 0;
  CHECK(t, as_arena_take(&a, 3, 4) == a.base && as_arena_take(&a, 1, 100) == a.base + 64);
  CHECK(t, !as_arena_take(&a, 1, 1) && a.overflow);
  as_free(a.base);
}

static void views(as_test *t) {
  as_err e;
  /* Published binary16 values: 1, smallest subnormal, largest finite, infinity. */
  CHECK(t,
        as_f16_to_f32(0x3c00) == 1.0f && as_f16_to_f32(1) == 0x1p-24f && as_f16_to_f32(0x7bff) == 65504.0f);
  CHECK(t, isinf(as_f16_to_f32(0xfc00)) && isnan(as_f16_to_f32(0x7c01)));
  for (uint32_t h = 0; h < 65536; h++) { /* every half and bfloat16 survives the round trip */
    float f = as_f16_to_f32((uint16_t)h), b = as_bf16_to_f32((uint16_t)h);
    if (!isnan(f) && as_f32_to_f16(f) != h) as_test_fail(t, __FILE__, __LINE__, "half %04x", h);
    if (isnan(f) && !isnan(as_f16_to_f32(as_f32_to_f16(f))))
      as_test_fail(t, __FILE__, __LINE__, "half %04x", h);
    if (!isnan(b) && as_f32_to_bf16(b) != h) as_test_fail(t, __FILE__, __LINE__, "bfloat %04x", h);
  }
  for (uint32_t h = 0; h < 0x7bff; h++) { /* a midpoint goes to the even neighbour, just above it upwards */
    float lo = as_f16_to_f32((uint16_t)h), hi = as_f16_to_f32((uint16_t)(h + 1)), mid = (lo + hi) / 2;
    CHECK_INT(t, as_f32_to_f16(mid), h + (h & 1));
    CHECK_INT(t, as_f32_to_f16(as_bits_f32(as_f32_bits(mid) + 1)), h + 1);
    CHECK_INT(t, as_f32_to_f16(as_bits_f32(as_f32_bits(mid) - 1)), h);
  }
  CHECK_INT(t, as_f32_to_f16(65520.0f), 0x7c00);
  CHECK_INT(t, as_f32_to_f16(65519.0f), 0x7bff);

  /* A transposed, unaligned, big-endian int16 [2, 3] and a float32 with a NaN. */
  uint8_t raw[1 + 12] = {9, 0, 1, 0, 4, 0, 2, 0, 5, 0, 3, 255, 250};
  as_view v = {raw + 1, 12, AS_I16, true, 2, {2, 3}, {1, 2}};
  float out[6];
  size_t bad;
  CHECK_OK(t, as_view_to_f32(&v, out, &bad, &e), e);
  const float want[6] = {1, 2, 3, 4, 5, -6};
  CHECK(t, memcmp(out, want, sizeof want) == 0 && bad == 0);
  uint8_t f32[8] = {0, 0, 0x80, 0x3f, 0, 0, 0xc0, 0x7f};
  as_view w = {f32, 8, AS_F32, false, 1, {2}, {1}};
  CHECK_OK(t, as_view_to_f32(&w, out, &bad, &e), e);
  CHECK(t, out[0] == 1.0f && isnan(out[1]) && bad == 1);
  w.dtype = AS_C64;
  w.shape[0] = 1;
  CHECK_STATUS(t, as_view_to_f32(&w, out, &bad, &e), AS_E_INPUT);
  char text[64];
  CHECK_STR(t, as_shape_text(v.shape, 2, text, sizeof text), "[2, 3]");
  CHECK_STR(t, as_shape_text(v.shape, 2, text, 4), "[2,");
  CHECK(t, !as_view_is_contiguous(&v));
  as_view_set_contiguous(&v);
  CHECK(t, as_view_is_contiguous(&v) && v.stride[0] == 3);
}

static void text(as_test *t) {
  int64_t i;
  uint64_t u;
  double d;
  CHECK(t, as_parse_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &i) && i == INT64_MIN);
  CHECK(t, !as_parse_i64("9223372036854775808", INT64_MIN, INT64_MAX, &i));
  CHECK(t, !as_parse_i64("", 0, 9, &i) && !as_parse_i64("-", -9, 9, &i) && !as_parse_i64("1x", 0, 9, &i));
  CHECK(t, !as_parse_i64(" 1", 0, 9, &i) && !as_parse_i64("+1", 0, 9, &i) && !as_parse_i64("10", 0, 9, &i));
  CHECK(t, as_parse_u64("18446744073709551615", &u) && u == UINT64_MAX &&
               !as_parse_u64("18446744073709551616", &u));
  CHECK(t, as_parse_f64("1e-3", &d) && d == 1e-3 && as_parse_f64("-.5", &d) && d == -0.5 &&
               as_parse_f64("2.", &d));
  CHECK(t, !as_parse_f64("nan", &d) && !as_parse_f64("inf", &d) && !as_parse_f64("0x1p3", &d) &&
               !as_parse_f64("1e", &d));
  CHECK(t, !as_parse_f64("1e999", &d) && !as_parse_f64(".", &d) && !as_parse_f64("1 ", &d));
  char buf[32];
  as_f64_text(0.1, buf);
  CHECK_STR(t, buf, "0.1");
  as_f64_text(1.0 / 3.0, buf);
  CHECK(t, strtod(buf, NULL) == 1.0 / 3.0);
  /* the shortest that reads back, as trying every length finds it */
  as_rng g = as_rng_make(3, 1);
  for (uint64_t k = 0; k < 20000; k++) {
    uint64_t bits = as_rng_bits(g, k);
    memcpy(&d, &bits, sizeof d);
    if (k % 4 == 1) d = (double)(bits >> 40) / 1000.0;
    if (k % 4 == 2) d = -(double)(bits % 50001) / 50000.0;
    if (k % 4 == 3) d = (double)(bits % 1000) * pow(10.0, (double)(bits >> 32 & 31));
    if (!isfinite(d)) continue;
    char want[32];
    for (int n = 1; n <= 17; n++) {
      snprintf(want, sizeof want, "%.*g", n, d);
      if (strtod(want, NULL) == d) break;
    }
    as_f64_text(d, buf);
    CHECK_STR(t, buf, want);
  }
  const char *names[] = {"imagenet-bilinear", "imagenet-bicubic", "swav"};
  CHECK_STR(t, as_nearest("imagenet-bilinaer", names, 3), "imagenet-bilinear");
  CHECK_STR(t, as_nearest("swaw", names, 3), "swav");
  CHECK(t, !as_nearest("resnet", names, 3));
  CHECK_STR(t, as_nearest("wsav", names, 3), "swav"); /* two letters that changed places are one slip */
  CHECK(t, !as_nearest("wsva", names, 3));
  CHECK(t, as_is_utf8("a\xc3\xa9\xf0\x9f\x98\x80", 7) && !as_is_utf8("\xc0\x80", 2) &&
               !as_is_utf8("\xed\xa0\x80", 3));
  CHECK(t, !as_is_utf8("\xc3", 1) && !as_is_utf8("\xf4\x90\x80\x80", 4));
  as_str s = {0};
  as_str_printf(&s, "%d-%s", 5, "x");
  as_str_putc(&s, '!');
  CHECK_STR(t, as_str_c(&s), "5-x!");
  as_mem_fail_after(1);
  for (int k = 0; k < 100; k++) as_str_put(&s, "0123456789");
  as_mem_fail_after(0);
  as_err e;
  CHECK(t, s.failed);
  CHECK_STATUS(t, as_str_status(&s, &e), AS_E_ENV);
  as_str_clear(&s);
}

/* Names of any bytes: written as one printable field, and read back. */
static void escapes(as_test *t) {
  static const char *const pairs[][2] = {
      {"n01440764/a b.JPEG", "n01440764/a b.JPEG"},
      {"caf\xc3\xa9/\xe2\x82\xac\xf0\x9f\x98\x80", "caf\xc3\xa9/\xe2\x82\xac\xf0\x9f\x98\x80"},
      {"tab\tline\nfeed\r.jpg", "tab\\tline\\nfeed\\r.jpg"},
      {"\x1b[31mred\x7f", "\\x1b[31mred\\x7f"},
      {"\xc2\x9b"
       "31m",
       "\\xc2\\x9b31m"},
      {"latin1 \xe9.jpg\xc3", "latin1 \\xe9.jpg\\xc3"},
      {"back\\slash\\t", "back\\\\slash\\\\t"},
      {"\xed\xa0\x80\x01", "\\xed\\xa0\\x80\\x01"},
      {"", ""}};
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    as_str s = {0};
    as_str_put_escaped(&s, pairs[i][0]);
    CHECK_STR(t, as_str_c(&s), pairs[i][1]);
    CHECK(t, as_is_escaped(as_str_c(&s)));
    if (s.s) {
      CHECK(t, as_unescape(s.s));
      CHECK_STR(t, s.s, pairs[i][0]);
    }
    as_str_clear(&s);
  }
  static const char *const wrong[] = {"a\\b", "a\\", "\\x0", "\\x0g", "\\x00", "\\x1B"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    char copy[16];
    snprintf(copy, sizeof copy, "%s", wrong[i]);
    CHECK(t, !as_is_escaped(wrong[i]));
    CHECK(t, !as_unescape(copy));
    CHECK_STR(t, copy, wrong[i]);
  }
  CHECK(t, !as_is_escaped("a\tb") && !as_is_escaped("\xff"));
  /* every byte there and back */
  char all[256];
  for (int c = 1; c < 256; c++) all[c - 1] = (char)c;
  all[255] = '\0';
  as_str s = {0};
  as_str_put_escaped(&s, all);
  CHECK(t, as_is_utf8(s.s, s.n) && as_unescape(s.s) && strcmp(s.s, all) == 0);
  as_str_clear(&s);
  as_str_put_visible(&s, "a\\tb\n\tc\x1b[m");
  CHECK_STR(t, as_str_c(&s), "a\\tb\n\tc\\x1b[m");
  as_str_clear(&s);
  as_err err;
  as_fail(&err, AS_E_INPUT, "x\x1b\xc2\x9b\xc3\xa9");
  CHECK_STR(t, err.msg, "x???\xc3\xa9");
}

static as_status parse(const char *s, as_json_doc **doc) {
  as_err e;
  return as_json_parse(doc, s, strlen(s), &e);
}

/* Text of every editor: the same UTF-8. */
static void text_files(as_test *t) {
#define BYTES(x) x, sizeof x - 1
  static const struct {
    const char *in;
    size_t n;
    const char *want; /* NULL: refused with `why` */
    const char *why;
  } cases[] = {{BYTES("a\nb\n"), "a\nb\n", NULL},
               {BYTES("\xef\xbb\xbf"
                      "a\r\nb"),
                "a\nb", NULL},
               {BYTES("a\rb\r"), "a\nb\n", NULL},
               {BYTES("a\rb\r\nc"), "a\rb\nc", NULL},
               {BYTES("\xff\xfe"
                      "a\0\xe9\0\r\0\n\0"
                      "\x3d\xd8\x00\xde"),
                "a\xc3\xa9\n\xf0\x9f\x98\x80", NULL},
               {BYTES("\xfe\xff"
                      "\0a\x20\xac\xd8\x3d\xde\x00"),
                "a\xe2\x82\xac\xf0\x9f\x98\x80", NULL},
               {BYTES("caf\xe9"), "caf\xe9", NULL},
               {BYTES(""), "", NULL},
               {BYTES("\xef\xbb\xbf"), "", NULL},
               {BYTES("a\0b\0c\0"), NULL, "x: byte 1: found a zero byte (UTF-16 without a byte order mark?)"},
               {BYTES("abcdef\0"), NULL, "x: byte 6: found a zero byte, wanted text"},
               {BYTES("\xff\xfe\0\0a\0\0\0"), NULL, "x: found UTF-32 text"},
               {BYTES("\xff\xfe"
                      "a\0b"),
                NULL, "x: found half a character"},
               {BYTES("\xff\xfe"
                      "\x3d\xd8"
                      "a\0"),
                NULL, "x: byte 2: found half a surrogate pair"},
               {BYTES("\xff\xfe"
                      "\x00\xde"),
                NULL, "x: byte 2: found half a surrogate pair"}};
#undef BYTES
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    as_err err = {0};
    char *out;
    size_t n;
    as_status s = as_text_decode(&out, &n, cases[i].in, cases[i].n, "x", &err);
    if (cases[i].want) {
      CHECK_OK(t, s, err);
      CHECK_STR(t, out, cases[i].want);
      CHECK_INT(t, n, strlen(cases[i].want));
    } else {
      CHECK_INT(t, s, AS_E_INPUT);
      CHECK(t, strstr(err.msg, cases[i].why) != NULL);
      CHECK(t, out == NULL);
    }
    as_free(out);
  }
  char path[600];
  as_err err;
  as_lines l;
  snprintf(path, sizeof path, "%s/lines.txt", as_test_tmp());
  static const char list[] = "\xef\xbb\xbf# a list\r\n\r\n#1.jpg 3 \r\n#\r\n 2.jpg\t4\r\n";
  CHECK_OK(t, as_file_write(path, list, sizeof list - 1, &err), err);
  CHECK_OK(t, as_lines_read(&l, path, true, &err), err);
  CHECK_INT(t, l.n, 2);
  CHECK_STR(t, l.line[0], "#1.jpg 3");
  CHECK_INT(t, l.number[0], 3);
  CHECK_STR(t, l.line[1], " 2.jpg\t4");
  as_lines_clear(&l);
  CHECK_OK(t, as_lines_read(&l, path, false, &err), err);
  CHECK_INT(t, l.n, 1);
  as_lines_clear(&l);
}

static void json(as_test *t) {
  as_json_doc *d;
  as_err e;
  CHECK_STATUS(
      t, parse("{\"a\": [1, -2.5e1, \"x\\u00e9\\ud83d\\ude00\\n\"], \"b\": {\"c\": null, \"d\": true}}", &d),
      AS_OK);
  const as_json *r = as_json_root(d), *a = as_json_get(r, "a");
  int64_t i;
  CHECK(t, a && a->count == 3 && as_json_i64(a->child, &i) && i == 1);
  CHECK(t, a->child->next->number == -25.0 && !as_json_i64(a->child->next, &i));
  CHECK_STR(t, a->child->next->next->text, "x\xc3\xa9\xf0\x9f\x98\x80\n");
  CHECK(t, as_json_get(as_json_get(r, "b"), "d")->boolean && !as_json_get(r, "z") && !as_json_get(a, "a"));
  CHECK(t, !as_json_duplicate_key(d));
  as_json_free(&d);
  CHECK_STATUS(t, parse("{\"k\":1,\"l\":2,\"k\":3}", &d), AS_OK);
  CHECK_STR(t, as_json_duplicate_key(d), "k");
  as_json_free(&d);
  static const char *const wrong[] = {
      "",        "[1,]",      "{\"a\":1,}", "[01]",  "[1.]",        "[.5]", "[+1]",    "[1e]",
      "\"\\x\"", "\"a",       "[1] 2",      "{a:1}", "\"\\ud800\"", "tru",  "[1e999]", "\"\t\"",
      "\xff",    "{\"a\" 1}", "nul",        "[-]",   "\"\\u12\"",   "\"\\"};
  for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
    if (parse(wrong[k], &d) != AS_E_INPUT) as_test_fail(t, __FILE__, __LINE__, "accepted: %s", wrong[k]);
    as_json_free(&d);
  }
  char deep[200];
  memset(deep, '[', 65);
  memset(deep + 65, ']', 65);
  deep[130] = '\0';
  CHECK_STATUS(t, parse(deep, &d), AS_E_INPUT);
  CHECK_STATUS(t, as_json_parse(&d, deep + 1, 128, &e), AS_OK);
  as_json_free(&d);

  as_str s = {0};
  as_jsonw w;
  as_jsonw_init(&w, &s, false);
  as_jsonw_object(&w);
  as_jsonw_key(&w, "n");
  as_jsonw_f64(&w, 0.908);
  as_jsonw_key(&w, "v");
  as_jsonw_array(&w);
  as_jsonw_i64(&w, -1);
  as_jsonw_str(&w, "q\"\\\n\x01\xff");
  as_jsonw_end(&w);
  as_jsonw_key(&w, "e");
  as_jsonw_array(&w);
  as_jsonw_end(&w);
  as_jsonw_key(&w, "x");
  as_jsonw_f64(&w, INFINITY);
  as_jsonw_end(&w);
  CHECK_STR(t, as_str_c(&s),
            "{\n  \"n\": 0.908,\n  \"v\": [\n    -1,\n    \"q\\\"\\\\\\n\\u0001\xef\xbf\xbd\"\n  ],\n"
            "  \"e\": [],\n  \"x\": null\n}\n");
  CHECK_STATUS(t, as_json_parse(&d, s.s, s.n, &e), AS_OK);
  as_json_free(&d);
  as_str_clear(&s);
}

static void hashes(as_test *t) {
  char hex[65];
  as_sha256_of("abc", 3, hex); /* FIPS 180-4 examples */
  CHECK_STR(t, hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  as_sha256_of("", 0, hex);
  CHECK_STR(t, hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  as_sha256 s;
  as_sha256_init(&s);
  for (int i = 0; i < 1000000; i += 500) { /* a million 'a', in pieces that straddle blocks */
    char a[500];
    memset(a, 'a', sizeof a);
    as_sha256_update(&s, a, 137);
    as_sha256_update(&s, a, 363);
  }
  as_sha256_hex(&s, hex);
  CHECK_STR(t, hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  /* Long runs may take another path than single blocks: both must agree at every length. */
  static uint8_t run[1000];
  for (size_t i = 0; i < sizeof run; i++) run[i] = (uint8_t)(i * 7 + i / 64);
  for (size_t n = 0; n <= sizeof run; n += 9) {
    char other[65];
    as_sha256_of(run, n, hex);
    as_sha256_init(&s);
    for (size_t i = 0; i < n; i++) as_sha256_update(&s, run + i, 1);
    as_sha256_hex(&s, other);
    CHECK_STR(t, hex, other);
  }
  CHECK_INT(t, as_crc32(0, "123456789", 9), 0xCBF43926);
  char buf[100];
  memset(buf, 7, sizeof buf);
  for (size_t cut = 0; cut <= sizeof buf; cut++)
    CHECK_INT(t, as_crc32(as_crc32(0, buf, cut), buf + cut, sizeof buf - cut), as_crc32(0, buf, sizeof buf));
  /* Against the definition, bit by bit, around every boundary of the fast part. */
  for (size_t n = 0; n < 400; n++) {
    const uint8_t *p = run + n % 13;
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < n; i++) {
      crc ^= p[i];
      for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (0xEDB88320u & (0u - (crc & 1u)));
    }
    CHECK_INT(t, as_crc32(0, p, n), ~crc);
  }
}

/* The mask only removes, reaches the rooms below tensor/ as well, and a refused level changes nothing. */
static void cpu_mask(as_test *t) {
  static const char *const levels[] = {"ref", "portable", "neon", "avx2", "avx512", "avx512bf16"};
  as_err e;
  char words[64];
  CHECK_OK(t, as_cpu_limit(NULL, &e), e);
  const unsigned all = as_cpu_detected();
  for (unsigned bit = 1; bit < 1u << 30; bit <<= 1)
    if (bit != AS_CPU_PORTABLE) CHECK_INT(t, as_cpu_has(bit), (all & bit) != 0);
  CHECK(t, !as_cpu_has(AS_CPU_PORTABLE) || !as_cpu_has(AS_CPU_FMA));
  for (size_t l = 0; l < sizeof levels / sizeof *levels; l++) {
    if (as_cpu_limit(levels[l], &e) != AS_OK) {
      CHECK_INT(t, e.status, AS_E_ENV);
      continue;
    }
    CHECK_STR(t, as_cpu_level(), levels[l]);
    for (unsigned bit = 1; bit < 1u << 30; bit <<= 1) CHECK(t, !as_cpu_has(bit) || all & bit);
  }
  CHECK_OK(t, as_cpu_limit("ref", &e), e);
  CHECK_STATUS(t, as_cpu_limit("z80", &e), AS_E_USAGE);
  CHECK_STR(t, as_cpu_level(), "ref");
  CHECK(t, as_cpu_has(0));
  for (unsigned bit = 1; bit < 1u << 30; bit <<= 1) CHECK(t, !as_cpu_has(bit));
  CHECK(t, as_sha256_blocks_chosen() == NULL && as_crc32_fold_chosen() == NULL);
  const as_kernel_info *rows;
  const size_t n = as_hash_kernels(&rows);
  for (size_t i = 0; i < n; i++)
    CHECK_INT(t, as_kernel_in_use(rows, n, i), strcmp(rows[i].variant, "ref") == 0);
  hashes(t); /* the plain code */
  CHECK_OK(t, as_cpu_limit(NULL, &e), e);
  CHECK_INT(t, as_sha256_blocks_chosen() != NULL, as_cpu_has(AS_SHA256_X86_NEEDS));
  CHECK_INT(t, as_crc32_fold_chosen() != NULL, as_cpu_has(AS_CRC32_X86_NEEDS));
  CHECK_STR(t, as_cpu_words(0, words), "-");
  CHECK_STR(t, as_cpu_words(AS_CPU_AVX2 | AS_CPU_BMI, words), "avx2+fma+bmi+bmi2");
  CHECK(t, strlen(as_cpu_words(~0u, words)) < sizeof words);
}

/* splitmix64 seeded with a key is the fixed-key sequence: first outputs for state 1234567 (Rosetta
 * Code, "Pseudo-random numbers/Splitmix64"). */
static void rng(as_test *t) {
  as_rng r = {1234567};
  CHECK(t, as_rng_bits(r, 0) == UINT64_C(6457827717110365317));
  CHECK(t, as_rng_bits(r, 1) == UINT64_C(3203168211198807973));
  CHECK(t, as_rng_bits(r, 2) == UINT64_C(9817491932198370423));
  r = as_rng_make(1, as_rng_stream("conv1.weight"));
  double sum = 0, sq = 0, u = 0;
  for (uint64_t i = 0; i < 20000; i++) {
    double z = as_rng_normal(r, i);
    sum += z;
    sq += z * z;
    u += as_rng_uniform(r, i);
    CHECK(t, as_rng_below(r, i, 7) < 7);
  }
  CHECK_NEAR(t, sum / 20000, 0, 0.03);
  CHECK_NEAR(t, sq / 20000, 1, 0.04);
  CHECK_NEAR(t, u / 20000, 0.5, 0.01);
  uint32_t p[100];
  bool seen[100] = {false};
  as_rng_permutation(r, p, 100);
  int fixed = 0;
  for (uint32_t i = 0; i < 100; i++) {
    seen[p[i]] = true;
    fixed += p[i] == i;
  }
  for (int i = 0; i < 100; i++) CHECK(t, seen[i]);
  CHECK(t, fixed < 10);
}

static void files(as_test *t) {
  as_err e;
  char path[512], sub[256];
  snprintf(path, sizeof path, "%s/a/b/c.txt", as_test_tmp());
  snprintf(sub, sizeof sub, "%s/a/b", as_test_tmp());
  CHECK_OK(t, as_make_dirs(sub, &e), e);
  CHECK_OK(t, as_make_dirs(sub, &e), e);
  CHECK_OK(t, as_file_write(path, "hello", 5, &e), e);
  as_file f;
  CHECK_OK(t, as_file_open(&f, path, &e), e);
  CHECK(t, f.size == 5 && memcmp(f.data, "hello", 5) == 0);
  as_file_release(&f, f.data + 1, f.size - 1); /* and is there again */
  CHECK(t, f.size == 5 && memcmp(f.data, "hello", 5) == 0);
  as_file_close(&f);
  CHECK_STATUS(t, as_file_open(&f, sub, &e), AS_E_INPUT);
  CHECK_STATUS(t, as_file_open(&f, "/nowhere/x", &e), AS_E_INPUT);
  CHECK(t, strstr(e.msg, "/nowhere/x: ") != NULL);
  as_out o; /* an aborted or failed write leaves the old file and no temporary */
  CHECK_OK(t, as_out_open(&o, path, &e), e);
  as_out_printf(&o, "new %d", 1);
  as_out_abort(&o);
  CHECK_OK(t, as_out_open(&o, path, &e), e);
  as_out_write(&o, "x", 1);
  o.error = 28;
  CHECK_STATUS(t, as_out_commit(&o, &e), AS_E_ENV);
  as_names names;
  CHECK_OK(t, as_dir_list(&names, sub, &e), e);
  CHECK(t, names.n == 1 && strcmp(names.name[0], "c.txt") == 0);
  as_names_clear(&names);
  CHECK_INT(t, as_path_size(path), 5);
  /* Temporaries of processes that are gone are swept, those of living ones and other names are not. */
  const char *const left[] = {"c.txt.tmp2147483647", "c.txt.tmp1", "c.txt.tmp", "c.txt.tmp12x"};
  for (int i = 0; i < 4; i++) {
    char *p = as_path_join(sub, left[i], &e);
    CHECK_OK(t, as_file_write(p, "", 0, &e), e);
    as_free(p);
  }
  as_out_sweep(sub);
  as_out_sweep("/nowhere");
  CHECK_OK(t, as_dir_list(&names, sub, &e), e);
  CHECK_INT(t, names.n, 4);
  for (size_t i = 0; i < names.n; i++) CHECK(t, strcmp(names.name[i], left[0]) != 0);
  as_names_clear(&names);
  CHECK_STATUS(t, as_out_open(&o, "/nowhere/x", &e), AS_E_ENV);
  char *j = as_path_join("a/", "b", &e), *k = as_path_join("a", "/b", &e), *d = as_path_dir("x/y/z", &e);
  CHECK_STR(t, j, "a/b");
  CHECK_STR(t, k, "/b");
  CHECK_STR(t, d, "x/y");
  CHECK_STR(t, as_path_base("x/y"), "y");
  as_free(j), as_free(k), as_free(d);
  snprintf(path, sizeof path, "%s/empty", sub);
  CHECK_OK(t, as_file_write(path, "", 0, &e), e);
  CHECK_OK(t, as_file_open(&f, path, &e), e);
  CHECK(t, f.size == 0 && f.data);
  as_file_close(&f);
}

typedef struct counts {
  int hit[1000];
  int worker_max;
} counts;

static void count_chunk(void *ctx, size_t chunk, int worker) {
  counts *c = ctx;
  c->hit[chunk]++;
  if (worker < 0 || worker >= as_par_threads()) c->hit[chunk] = -100;
}

static void parallel(as_test *t) {
  for (int n = 1; n <= 7; n += 3) {
    counts c = {{0}, 0};
    as_par_set_threads(n);
    CHECK_INT(t, as_par_threads(), as_par_has_openmp() ? n : 1);
    as_par_for(1000, count_chunk, &c);
    for (int i = 0; i < 1000; i++) CHECK_INT(t, c.hit[i], 1);
  }
  as_par_set_threads(0);
  CHECK(t, as_par_threads() >= 1);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {
      {"status lines", status_lines},
      {"checked sizes", checked_sizes},
      {"memory", memory},
      {"views and half floats", views},
      {"text", text},
      {"text: names of any bytes", escapes},
      {"text: files of every editor", text_files},
      {"json", json},
      {"hashes", hashes},
      {"cpu: detection and mask", cpu_mask},
      {"rng", rng},
      {"files", files},
      {"parallel loops", parallel},
  };
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
