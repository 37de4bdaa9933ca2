/* safetensors: the reader against the format's rules (the cases of safetensors' own test-suite among them), the writer
 * against the reader. */
#include <stdlib.h>

#include "tensor/base/file.h"
#include "tests/ckptmake.h"
#include "tests/harness.h"
#include "weights/containers/safetensors.h"
#include "weights/containers/state.h"

static void make(as_str *b, const char *header, size_t data) {
  as_str_clear(b);
  mk_le64(b, strlen(header));
  as_str_put(b, header);
  for (size_t i = 0; i < data; i++) as_str_putc(b, (char)(i + 1));
}

static char *copy_of(const as_str *b) { /* its own block, so that a sanitizer sees a byte read too many */
  char *copy = malloc(b->n ? b->n : 1);
  memcpy(copy, b->s, b->n);
  return copy;
}

/* Opens and closes; *n (may be NULL) gets the number of tensors. */
static as_status open_it(const as_str *b, size_t *n, as_err *err) {
  as_state *s = NULL;
  char *copy = copy_of(b);
  as_status st = as_state_open_bytes(&s, copy, b->n, "x.safetensors", err);
  if (s && n) *n = as_state_count(s);
  as_state_close(&s);
  free(copy);
  return st;
}

static void refused(as_test *t, const char *header, size_t data, const char *want) {
  as_str b = {0};
  as_err err = {AS_OK, ""};
  make(&b, header, data);
  as_status st = open_it(&b, NULL, &err);
  if (st != AS_E_INPUT || !strstr(err.msg, want))
    as_test_fail(t, __FILE__, __LINE__, "%s: status %d, message \"%s\" lacks \"%s\"", header, (int)st,
                 err.msg, want);
  as_str_clear(&b);
}

#define T(name, shape, a, b) \
  "\"" name "\":{\"dtype\":\"F32\",\"shape\":[" shape "],\"data_offsets\":[" #a "," #b "]}"

static void accepted(as_test *t, const char *header, size_t data, size_t n) {
  as_str b = {0};
  as_err err = {AS_OK, ""};
  size_t got = 0;
  make(&b, header, data);
  CHECK_OK(t, open_it(&b, &got, &err), err);
  CHECK_INT(t, got, n);
  as_str_clear(&b);
}

static void reads(as_test *t) {
  accepted(t, "{" T("a", "2,2", 0, 16) "}", 16, 1);
  accepted(t, "{" T("a", "2,2", 0, 16) "}   ", 16, 1);
  accepted(t, "  {" T("a", "2,2", 0, 16) "}", 16, 1);
  accepted(t, "{" T("a", "", 0, 4) "}", 4, 1);                          /* a scalar */
  accepted(t, "{" T("a", "2,0", 0, 0) "," T("b", "1", 0, 4) "}", 4, 2); /* an empty tensor */
  accepted(t, "{" T("b", "1", 4, 8) "," T("a", "1", 0, 4) "}", 8, 2);   /* any order in the header */
  accepted(t, "{\"__metadata__\":{\"format\":\"pt\"}," T("a", "1", 0, 4) "}", 4, 1);
  accepted(t, "{\"a\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[0,6]}}", 6, 1);
}

static void refuses(as_test *t) {
  refused(t, "{" T("a", "2,2", 0, 16) "}", 15, "wants 16 bytes inside the file");
  refused(t, "{" T("a", "2,2", 0, 16) "}", 17, "follow the last tensor");
  refused(t, "{" T("a", "1", 4, 8) "}", 8, "hole");
  refused(t, "{" T("a", "1", 0, 4) "," T("b", "1", 8, 12) "}", 12, "hole");
  refused(t, "{" T("a", "2", 0, 8) "," T("b", "2", 4, 12) "}", 12, "overlap");
  refused(t, "{" T("a", "2", 0, 8) "," T("b", "2", 0, 8) "}", 8, "overlap");
  refused(t, "{" T("a", "2,2", 0, 8) "}", 8, "wants 16");
  refused(t, "{" T("a", "1", 8, 4) "}", 8, "wants 4");
  refused(t, "{" T("a", "1", 0, 4) "," T("a", "1", 4, 8) "}", 8, "twice");
  refused(t, "{" T("a", "2,18446744073709551614", 0, 16) "}", 16, "list of counts");
  refused(t, "{" T("a", "2,9223372036854775807", 0, 16) "}", 16, "does not fit");
  refused(t, "{" T("a", "4611686018427387905,4", 0, 16) "}", 16, "does not fit");
  refused(t, "{" T("a", "-1", 0, 4) "}", 4, "list of counts");
  refused(t, "{" T("a", "1.5", 0, 4) "}", 4, "list of counts");
  refused(t, "{" T("a", "1,1,1,1,1,1,1,1,1", 0, 4) "}", 4, "rank");
  refused(t, "{" T("a", "1", 0, 4.0) "}", 4, "two counts");
  refused(t, "{\"a\":{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "F31");
  refused(t, "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "entry");
  refused(t, "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4, "entry");
  refused(t, "{\"a\":[]}", 0, "entry");
  refused(t, "{\"__metadata__\":{\"a\":1}," T("a", "1", 0, 4) "}", 4, "not a string");
  refused(t, "{\"__metadata__\":[]," T("a", "1", 0, 4) "}", 4, "not an object");
  refused(t, "{}", 0, "no tensor");
  refused(t, "{" T("a", "1", 0, 4) "} x", 4, "header");
  refused(t, "{" T("a\xff", "1", 0, 4) "}", 4, "header");
}

/* Ten tensors that all claim one range (an attack of safetensors' own suite). */
static void ten_on_one(as_test *t) {
  as_str h = {0};
  for (int i = 0; i < 10; i++)
    as_str_printf(&h, "%c\"t%d\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}", i ? ',' : '{',
                  i);
  as_str_putc(&h, '}');
  refused(t, as_str_c(&h), 16, "overlap");
  as_str_clear(&h);
}

static void lengths(as_test *t) {
  as_str b = {0};
  as_err err = {AS_OK, ""};
  static const uint64_t bad[] = {100000001, 1000, UINT64_C(1) << 39, 0};
  for (size_t i = 0; i < 4; i++) {
    make(&b, "{" T("a", "1", 0, 4) "}", 4);
    as_put_le64((uint8_t *)b.s, bad[i]);
    CHECK_INT(t, open_it(&b, NULL, &err), AS_E_INPUT);
  }
  make(&b, "{" T("a", "1", 0, 4) "}", 4);
  for (size_t n = 0; n < b.n; n++) {
    as_str cut = b;
    cut.n = n;
    CHECK_INT(t, open_it(&cut, NULL, &err), AS_E_INPUT);
  }
  as_str_clear(&b);
}

/* A header of 20 MB that opens an object every seven bytes is refused before it is parsed. */
static void flood(as_test *t) {
  as_str h = {0}, b = {0};
  as_err err = {AS_OK, ""};
  for (int i = 0; i < 2000000; i++) as_str_printf(&h, "%c\"%d\":{}", i ? ',' : '{', i);
  as_str_putc(&h, '}');
  make(&b, as_str_c(&h), 0);
  CHECK_INT(t, open_it(&b, NULL, &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "values") != NULL);
  as_str_clear(&h);
  as_str_clear(&b);
}

/* Views of every kind are written row-major and little-endian; the same input gives the same bytes; reading and writing
 * again changes nothing. */
static void round_trip(as_test *t) {
  static const uint8_t raw[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  as_view plain = {.data = raw, .bytes = 12, .dtype = AS_U8, .rank = 2, .shape = {3, 4}, .stride = {4, 1}};
  as_view turned = plain;
  turned.shape[0] = 4, turned.shape[1] = 3, turned.stride[0] = 1, turned.stride[1] = 4;
  as_view swapped = {
      .data = raw, .bytes = 12, .dtype = AS_F32, .big_endian = true, .rank = 1, .shape = {3}, .stride = {1}};
  as_view scalar = {.data = raw, .bytes = 8, .dtype = AS_I64, .rank = 0};
  const as_named_view all[4] = {
      {"plain", plain}, {"turned", turned}, {"swapped", swapped}, {"sca\"lar", scalar}};
  const char *const meta[4] = {"format", "pt", "source", "a \"quoted\" name"};
  char a[512], b[512];
  snprintf(a, sizeof a, "%s/a.safetensors", as_test_tmp());
  snprintf(b, sizeof b, "%s/b.safetensors", as_test_tmp());
  as_err err = {AS_OK, ""};
  as_state *s = NULL;
  CHECK_OK(t, as_safetensors_write(a, all, 4, meta, 2, &err), err);
  CHECK_OK(t, as_state_open(&s, a, &err), err);
  if (!s) return;
  CHECK_INT(t, as_state_count(s), 4);
  CHECK_STR(t, as_state_container(s), "safetensors");
  CHECK_STR(t, as_state_meta(s, "source"), "a \"quoted\" name");
  const as_state_entry *e = as_state_find(s, "turned");
  static const uint8_t want[12] = {1, 5, 9, 2, 6, 10, 3, 7, 11, 4, 8, 12};
  CHECK(t, e && e->view.shape[0] == 4 && memcmp(e->view.data, want, 12) == 0);
  e = as_state_find(s, "swapped");
  static const uint8_t want2[12] = {4, 3, 2, 1, 8, 7, 6, 5, 12, 11, 10, 9};
  CHECK(t, e && memcmp(e->view.data, want2, 12) == 0);
  CHECK(t, as_state_find(s, "sca\"lar") && as_state_find(s, "sca\"lar")->view.rank == 0);
  CHECK(t, ((uintptr_t)as_state_entries(s)[0].view.data) % 64 == 0); /* a map of the file is aligned */
  as_named_view again[4];
  for (size_t i = 0; i < 4; i++)
    again[i] = (as_named_view){as_state_entries(s)[i].name, as_state_entries(s)[i].view};
  CHECK_OK(t, as_safetensors_write(b, again, 4, meta, 2, &err), err);
  size_t na = 0, nb = 0;
  unsigned char *pa = as_test_read(a, &na), *pb = as_test_read(b, &nb);
  CHECK(t, pa && pb && na == nb && memcmp(pa, pb, na) == 0);
  free(pa);
  free(pb);
  as_state_close(&s);
}

/* Shards: found beside their index, compared with it, never opened by a name from inside. */
static void shards(as_test *t) {
  static const uint8_t raw[4] = {1, 2, 3, 4};
  as_view v = {.data = raw, .bytes = 4, .dtype = AS_U8, .rank = 1, .shape = {4}, .stride = {1}};
  char path[512], index[512];
  as_err err = {AS_OK, ""};
  as_state *s = NULL;
  for (int i = 1; i <= 2; i++) {
    snprintf(path, sizeof path, "%s/m-0000%d-of-00002.safetensors", as_test_tmp(), i);
    const as_named_view one = {i == 1 ? "a" : "b", v};
    CHECK_OK(t, as_safetensors_write(path, &one, 1, NULL, 0, &err), err);
  }
  snprintf(index, sizeof index, "%s/m.safetensors.index.json", as_test_tmp());
  static const struct {
    const char *json, *want; /* want NULL: opens */
  } tries[] = {
      {"{\"weight_map\":{\"a\":\"m-00001-of-00002.safetensors\",\"b\":\"m-00002-of-00002.safetensors\"}}",
       NULL},
      {"{\"weight_map\":{\"a\":\"m-00002-of-00002.safetensors\",\"b\":\"m-00002-of-00002.safetensors\"}}",
       "the index says"},
      {"{\"weight_map\":{\"a\":\"../../etc/passwd\",\"b\":\"m-00002-of-00002.safetensors\"}}",
       "the index says"},
      {"{\"weight_map\":{\"a\":\"m-00001-of-00002.safetensors\"}}", "nowhere"},
      {"{\"weight_map\":{\"a\":\"m-00001-of-00002.safetensors\",\"b\":\"m-00002-of-00002.safetensors\",\"c\":"
       "\"x\"}}",
       "lists 3"},
      {"{\"weight\":{}}", "weight_map"},
      {"{\"weight_map\":{\"a\":\"pytorch_model-00001-of-00002.bin\"}}",
       "only safetensors shards are joined"}};
  for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
    CHECK_OK(t, as_file_write(index, tries[i].json, strlen(tries[i].json), &err), err);
    as_status st = as_state_open(&s, index, &err);
    if (tries[i].want)
      CHECK(t, st == AS_E_INPUT && strstr(err.msg, tries[i].want));
    else
      CHECK(t, st == AS_OK && as_state_count(s) == 2 &&
                   strcmp(as_state_container(s), "safetensors-shards") == 0);
    as_state_close(&s);
  }
  /* as editors on Windows save it: a byte order mark, lines that end in CR LF, UTF-16 */
  for (int kind = 0; kind < 3; kind++) {
    as_str text = {0};
    if (kind == 0) as_str_put(&text, "\xef\xbb\xbf");
    if (kind == 1) as_str_put(&text, "\r\n\r\n");
    if (kind == 2) as_str_put(&text, "\xff\xfe");
    for (const char *p = tries[0].json; *p; p++) {
      as_str_putc(&text, *p);
      if (kind == 2) as_str_putc(&text, 0);
    }
    CHECK_OK(t, as_file_write(index, text.s, text.n, &err), err);
    CHECK_OK(t, as_state_open(&s, index, &err), err);
    if (s) CHECK_INT(t, as_state_count(s), 2);
    as_state_close(&s);
    as_str_clear(&text);
  }
}

int main(int argc, char **argv) {
  static const as_case cases[] = {
      {"safetensors reads", reads},           {"safetensors refuses", refuses},
      {"safetensors ten on one", ten_on_one}, {"safetensors lengths", lengths},
      {"safetensors flood", flood},           {"safetensors round trip", round_trip},
      {"safetensors shards", shards}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
