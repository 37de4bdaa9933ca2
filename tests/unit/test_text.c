/* tensor/base: text, names of any bytes, text files of every editor, JSON. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>

#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tensor/base/lines.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"
#include "tests/harness.h"

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
  for (uint64_t k = 0; k < 40000; k++) {
    uint64_t bits = as_rng_bits(g, k);
    memcpy(&d, &bits, sizeof d);
    if (k % 8 == 1) d = (double)(bits >> 40) / 1000.0;
    if (k % 8 == 2) d = -(double)(bits % 50001) / 50000.0;
    if (k % 8 == 3) d = (double)(bits % 1000) * pow(10.0, (double)(bits >> 32 & 31));
    if (k % 8 == 4) d = ldexp(1.0, (int)(k / 8 % 2098) - 1074); /* powers of two, the smallest ones too */
    if (k % 8 == 5) d = ldexp((double)(bits % 4096) + 0.5, (int)(bits >> 40) % 120 - 60);
    if (k % 8 == 6) d = ldexp((double)(bits >> 12), -1074); /* subnormal */
    if (k % 8 == 7) d = (double)(bits >> 11) * 0x1p-53;
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
  char mean[AS_MEAN_MAX];
  CHECK_STR(t, as_did_you_mean(mean, "swaw", names, 3), "; did you mean 'swav'?");
  CHECK_STR(t, as_did_you_mean(mean, "resnet", names, 3), "");
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

typedef struct drained {
  as_str all;
  size_t pieces, broken; /* pieces that end within a line, or are not ended by a NUL */
} drained;

static void take_piece(void *ctx, const char *piece, size_t n) {
  drained *d = ctx;
  d->pieces++;
  d->broken += n == 0 || piece[n - 1] != '\n' || piece[n] != 0;
  as_str_putn(&d->all, piece, n);
}

/* A text that hands its lines on is the same text, and stays small; a line of 3 MiB goes in one piece. */
static void drains(as_test *t) {
  drained got = {{0}, 0, 0};
  as_str kept = {0}, s = {.drain = take_piece, .ctx = &got};
  for (size_t i = 0; i < 1000000; i++) {
    const bool in_long = i > 100000 && i < 300000;
    as_str_printf(&kept, in_long ? "%zu and more, " : "%zu\n", i);
    as_str_printf(&s, in_long ? "%zu and more, " : "%zu\n", i);
  }
  CHECK(t, got.pieces > 1 && got.broken == 0);
  CHECK(t, s.n < got.all.n && got.all.n > 3u << 20);
  as_str_putn(&got.all, s.s, s.n);
  CHECK(t, !s.failed && got.all.n == kept.n && memcmp(got.all.s, kept.s, kept.n) == 0);
  as_str_clear(&s);
  as_str_clear(&kept);
  as_str_clear(&got.all);
}

/* The fewest digits of %g that read back as the same number, also where a short way is taken. */
static void numbers(as_test *t) {
  const as_rng g = as_rng_make(5, 0);
  for (uint64_t i = 0; i < 60000; i++) {
    char got[32], want[32];
    double v = (double)as_rng_below(g, 2 * i, 1000000007) / 1e9;
    const double scale[] = {1, 10, 1e-3, 1e6, 1e-6, 1};
    v *= scale[i % 6];
    if (i % 3 == 0) v = (double)as_rng_below(g, 2 * i, 100000) / (i % 2 ? 1e4 : 1e5); /* decimals */
    if (i % 7 == 0) v = (double)as_rng_below(g, 2 * i + 1, 30);
    if (i % 5 == 0) v = -v;
    if (i % 11 == 0) v = nextafter(v, i % 2 ? 100 : -100); /* their neighbours */
    as_f64_text(v, got);
    for (int digits = 1; digits <= 17; digits++) {
      snprintf(want, sizeof want, "%.*g", digits, v);
      if (strtod(want, NULL) == v) break;
    }
    if (strcmp(got, want) != 0) as_test_fail(t, __FILE__, __LINE__, "found %s, wanted %s", got, want);
  }
}

int main(int argc, char **argv) {
  static const as_case cases[] = {
      {"text", text},
      {"text: names of any bytes", escapes},
      {"text: files of every editor", text_files},
      {"text: lines handed on", drains},
      {"text: numbers in the fewest digits", numbers},
      {"json", json},
  };
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
