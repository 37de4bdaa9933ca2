/* weights/state: torch's containers, plain pickles and npz, made here byte by byte; and what must be refused. */
#include <stdlib.h>

#include "tensor/base/file.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/mem.h"
#include "tests/ckptmake.h"
#include "tests/harness.h"
#include "weights/containers/state.h"

static as_status open_one(const mk_tensor *x, size_t record, as_state **s, as_str *file, as_err *err) {
  as_str p = {0};
  char *data = calloc(record + 1, 1);
  memcpy(data, mk_six, record < sizeof mk_six ? record : sizeof mk_six);
  mk_pickle_one(&p, x);
  as_str_clear(file);
  mk_torch(file, &p, data, record, NULL, 0);
  as_str_clear(&p);
  free(data);
  return as_state_open_bytes(s, file->s, file->n, "x.pth", err);
}

static void torch_zip(as_test *t) {
  as_str file = {0};
  as_state *s = NULL;
  as_err err = {AS_OK, ""};
  CHECK_OK(t, open_one(&mk_whole, 24, &s, &file, &err), err);
  if (!s) return;
  CHECK_STR(t, as_state_container(s), "torch-zip");
  CHECK_INT(t, as_state_count(s), 1);
  const as_state_entry *e = as_state_find(s, "a");
  CHECK(t, e && e->view.dtype == AS_F32 && e->view.rank == 2 && e->view.shape[1] == 3);
  CHECK(t, e && memcmp(e->view.data, mk_six, 24) == 0);
  CHECK(t, e && (const char *)e->view.data > file.s &&
               (const char *)e->view.data < file.s + file.n); /* not copied */
  CHECK(t, as_state_find(s, "b") == NULL);
  as_state_close(&s);
  as_str_clear(&file);
}

static void strides(as_test *t) {
  as_str file = {0};
  as_state *s = NULL;
  as_err err = {AS_OK, ""};
  mk_tensor x = {"FloatStorage", "0", 6, 1, 2, {2, 2}, {1, 3}, false}; /* a transposed window */
  CHECK_OK(t, open_one(&x, 24, &s, &file, &err), err);
  if (!s) return;
  float out[4];
  CHECK_OK(t, as_view_to_f32(&as_state_find(s, "a")->view, out, NULL, &err), err);
  CHECK(t, out[0] == 2 && out[1] == 5 && out[2] == 3 && out[3] == 6);
  as_state_close(&s);
  x = (mk_tensor){"FloatStorage", "0", 6, 5, 2, {1000, 1000}, {0, 0}, false}; /* one element, expanded */
  CHECK_OK(t, open_one(&x, 24, &s, &file, &err), err);
  if (s) CHECK_INT(t, as_state_find(s, "a")->view.bytes, 4);
  as_state_close(&s);
  x = (mk_tensor){"FloatStorage", "0", 0, 0, 2, {0, 5}, {5, 1}, false}; /* no element at all */
  CHECK_OK(t, open_one(&x, 0, &s, &file, &err), err);
  as_state_close(&s);
  as_str_clear(&file);
}

static void refuse_tensor(as_test *t, mk_tensor x, size_t record, const char *want) {
  as_str file = {0};
  as_state *s = NULL;
  as_err err = {AS_OK, ""};
  as_status st = open_one(&x, record, &s, &file, &err);
  if (st != AS_E_INPUT || !strstr(err.msg, want))
    as_test_fail(t, __FILE__, __LINE__, "status %d, message \"%s\" lacks \"%s\"", (int)st, err.msg, want);
  as_state_close(&s);
  as_str_clear(&file);
}

static void tensors_outside(as_test *t) {
  mk_tensor x = mk_whole;
  x.numel = 7;
  refuse_tensor(t, x, 24,
                "has 24 bytes, its storage wants 28"); /* more elements than the record (CVE-2026-24747) */
  x.numel = 5;
  refuse_tensor(t, x, 24, "wants 20");
  x.numel = INT64_MAX;
  refuse_tensor(t, x, 24, "does not fit 64 bits");
  x.numel = -1;
  refuse_tensor(t, x, 24, "persistent id");
  x = mk_whole;
  x.shape[0] = 3;
  refuse_tensor(t, x, 24, "reaches element 8 of a storage of 6");
  x = mk_whole;
  x.offset = 1;
  refuse_tensor(t, x, 24, "reaches element 6");
  x.offset = -1;
  refuse_tensor(t, x, 24, "negative storage offset");
  x.offset = INT64_MAX;
  refuse_tensor(t, x, 24, "does not fit");
  x = mk_whole;
  x.stride[0] = -3;
  refuse_tensor(t, x, 24, "negative stride");
  x.stride[0] = INT64_MAX;
  x.shape[0] = 3;
  refuse_tensor(t, x, 24, "does not fit");
  x = mk_whole;
  x.shape[0] = -2;
  refuse_tensor(t, x, 24, "negative or does not fit");
  x.shape[0] = INT64_C(1) << 62;
  x.shape[1] = INT64_C(1) << 62;
  refuse_tensor(t, x, 24, "does not fit");
  x = (mk_tensor){"FloatStorage", "0", 6, 0, 9, {1, 1, 1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1},
                  false};
  refuse_tensor(t, x, 24, "rank over 8");
  x = mk_whole;
  x.key = "17";
  refuse_tensor(t, x, 24, "archive/data/17 is not in the archive");
  x.key = "../../etc/passwd";
  refuse_tensor(t, x, 24, "is not in the archive");
  x = mk_whole;
}

/* Items set on a tensor: the stack misuse of CVE-2026-24747. */
static void items_on_tensor(as_test *t) {
  as_str p = {0}, file = {0};
  as_state *s = NULL;
  as_err err = {AS_OK, ""};
  as_str_put(&p, "\x80\x02}");
  mk_text(&p, "a");
  mk_tensor_put(&p, &mk_whole);
  as_str_put(&p, "K\x01K\x02ss.");
  mk_torch(&file, &p, mk_six, 24, NULL, 0);
  CHECK_INT(t, as_state_open_bytes(&s, file.s, file.n, "x.pth", &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "items are set on a tensor") != NULL);
  as_state_close(&s);
  as_str_clear(&p);
  as_str_clear(&file);
}

/* Names are paths of keys; objects of unknown classes are walked, remarked and never called. */
static void tree(as_test *t) {
  as_str p = {0}, file = {0};
  as_state *s = NULL;
  as_err err = {AS_OK, ""};
  as_str_put(&p, "\x80\x02}(");
  mk_text(&p, "state_dict");
  as_str_put(&p, "ccollections\nOrderedDict\n)R(");
  mk_text(&p, "module.w");
  mk_tensor_put(&p, &mk_whole);
  as_str_put(&p, "u}");
  mk_text(&p, "_metadata");
  as_str_put(&p, "}sb");
  mk_text(&p, "epoch");
  as_str_put(&p, "K\xc8");
  mk_text(&p, "args");
  as_str_put(&p, "cargparse\nNamespace\n)\x81}(");
  mk_text(&p, "lr");
  as_str_put(&p, "G\x3f\xb9\x99\x99\x99\x99\x99\x9a");
  mk_text(&p, "hidden");
  mk_tensor_put(&p, &mk_whole);
  as_str_put(&p, "ub");
  mk_text(&p, "list");
  as_str_put(&p, "](K\x01");
  mk_tensor_put(&p, &mk_whole);
  as_str_put(&p, "e");
  mk_text(&p, "p");
  as_str_put(&p, "ctorch._utils\n_rebuild_parameter\n(");
  mk_tensor_put(&p, &mk_whole);
  as_str_put(&p,
             "\x88"
             "NtR");
  as_str_put(&p, "u.");
  mk_torch(&file, &p, mk_six, 24, NULL, 0);
  CHECK_OK(t, as_state_open_bytes(&s, file.s, file.n, "x.pth", &err), err);
  if (!s) return;
  CHECK_INT(t, as_state_count(s), 4);
  CHECK(t, as_state_find(s, "state_dict/module.w") && as_state_find(s, "args/hidden") &&
               as_state_find(s, "list/1") && as_state_find(s, "p"));
  const char *const *lines = NULL;
  size_t n = as_state_remarks(s, &lines), seen = 0;
  for (size_t i = 0; i < n; i++)
    seen |= strcmp(lines[i], "epoch = 200") == 0     ? 1u
            : strcmp(lines[i], "args/lr = 0.1") == 0 ? 2u
            : strstr(lines[i], "argparse.Namespace") ? 4u
                                                     : 0u;
  CHECK_INT(t, seen, 7);
  as_state_close(&s);
  as_str_clear(&p);
  as_str_clear(&file);
}

static void legacy(as_test *t) {
  as_str b = {0};
  as_state *s = NULL;
  as_err err = {AS_OK, ""};
  mk_tensor x = mk_whole;
  x.legacy = true;
  mk_legacy_file(&b, &x, "0", 6, 24);
  CHECK_OK(t, as_state_open_bytes(&s, b.s, b.n, "x.pth.tar", &err), err);
  if (s) {
    CHECK_STR(t, as_state_container(s), "torch-legacy");
    CHECK(t, memcmp(as_state_find(s, "a")->view.data, mk_six, 24) == 0);
  }
  as_state_close(&s);
  static const struct {
    const char *keys;
    int64_t count;
    size_t bytes;
    const char *want;
  } bad[] = {{"0", 7, 24, "beyond the file"},
             {"0", INT64_MAX, 24, "beyond the file"},
             {"0", 5, 20, "wants 24"},
             {"0", 5, 24, "follow the last"},
             {"1", 6, 24, "belongs to no tensor"},
             {"", 6, 24, "follow the last"},
             {"00", 6, 24, "occurs twice"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    mk_legacy_file(&b, &x, bad[i].keys, bad[i].count, bad[i].bytes);
    as_status st = as_state_open_bytes(&s, b.s, b.n, "x.pth.tar", &err);
    if (st != AS_E_INPUT || !strstr(err.msg, bad[i].want))
      as_test_fail(t, __FILE__, __LINE__, "case %zu: status %d, message \"%s\" lacks \"%s\"", i, (int)st,
                   err.msg, bad[i].want);
    as_state_close(&s);
  }
  as_str_clear(&b);
}

/* Every prefix, and every bit flipped: a status, never a crash. Zip payloads are guarded by their CRC. */
static void damaged(as_test *t) {
  as_str files[2] = {{0}, {0}}, p = {0};
  mk_tensor x = mk_whole;
  mk_pickle_one(&p, &x);
  mk_torch(&files[0], &p, mk_six, 24, NULL, 0);
  mk_legacy_file(&files[1], &x, "0", 6, 24);
  as_state *s = NULL;
  as_err err = {AS_OK, ""};
  for (int f = 0; f < 2; f++) {
    for (size_t n = 0; n < files[f].n; n++) {
      char *copy = malloc(n ? n : 1);
      memcpy(copy, files[f].s, n);
      CHECK_INT(t, as_state_open_bytes(&s, copy, n, "x", &err), AS_E_INPUT);
      as_state_close(&s);
      free(copy);
    }
    for (size_t i = 0; i < files[f].n; i++)
      for (int bit = 0; bit < 8; bit++) {
        files[f].s[i] = (char)(files[f].s[i] ^ 1 << bit);
        as_status st = as_state_open_bytes(&s, files[f].s, files[f].n, "x", &err);
        CHECK(t, st == AS_OK || st == AS_E_INPUT);
        as_state_close(&s);
        files[f].s[i] = (char)(files[f].s[i] ^ 1 << bit);
      }
    as_str_clear(&files[f]);
  }
  as_str_clear(&p);
}

/* resnet50-0676ba61.pth: the name carries the hash. */
static void name_hash(as_test *t) {
  as_str file = {0};
  as_state *s = NULL;
  as_err err = {AS_OK, ""};
  int checked = 0;
  CHECK_OK(t, open_one(&mk_whole, 24, &s, &file, &err), err);
  if (!s) return;
  char path[600], good[16];
  snprintf(good, sizeof good, "%.8s", as_state_sha256(s));
  as_state_close(&s);
  static const char *const forms[] = {"net-%s.pth", "net-0badc0de.pth", "net-20200729.pth", "net.pth",
                                      "net-large.pth"};
  for (int i = 0; i < 5; i++) {
    char name[64];
    snprintf(name, sizeof name, i == 0 ? "net-%s.pth" : "%s", i == 0 ? good : forms[i]);
    snprintf(path, sizeof path, "%s/%s", as_test_tmp(), name);
    CHECK_OK(t, as_file_write(path, file.s, file.n, &err), err);
    CHECK_OK(t, as_state_open(&s, path, &err), err);
    CHECK_INT(t, as_state_check_name(s, &checked, &err), i == 1 ? AS_E_INPUT : AS_OK);
    CHECK_INT(t, checked, i <= 1);
    as_state_close(&s);
  }
  as_str_clear(&file);
}

/* The digest of an archive's directory: mk_torch ends with a zip64 record, which says where that is, and 42 bytes more. */
static void directory_hash(as_test *t) {
  as_str file = {0};
  as_state *s = NULL;
  as_err err = {AS_OK, ""};
  char want[65];
  CHECK_OK(t, open_one(&mk_whole, 24, &s, &file, &err), err);
  if (!s) return;
  const uint8_t *end = (const uint8_t *)file.s + file.n - 42 - 56;
  CHECK(t, memcmp(end, "PK\6\6", 4) == 0);
  as_sha256_of(file.s + as_le64(end + 48), as_le64(end + 40), want);
  CHECK_STR(t, as_state_directory(s), want);
  as_state_close(&s);
  as_str_clear(&file);
}

static void no_memory(as_test *t) {
  as_str file = {0}, p = {0};
  as_state *s = NULL;
  as_err err = {AS_OK, ""};
  mk_tensor x = mk_whole;
  mk_pickle_one(&p, &x);
  mk_torch(&file, &p, mk_six, 24, NULL, 0);
  int failed = 0;
  for (unsigned long k = 1; k < 200; k++) {
    as_mem_fail_after(k);
    as_status st = as_state_open_bytes(&s, file.s, file.n, "x", &err);
    as_mem_fail_after(0);
    CHECK(t, st == AS_OK || st == AS_E_ENV);
    failed += st == AS_E_ENV;
    as_state_close(&s);
    if (st == AS_OK) break;
  }
  CHECK(t, failed > 5);
  as_str_clear(&file);
  as_str_clear(&p);
}

static void real_file(as_test *t) {
  const char *path = as_test_shared("weights/resnet50_caffe_in1k.zip.pth");
  if (!path) {
    as_test_skip(t, "no real checkpoint");
    return;
  }
  as_state *s = NULL;
  as_err err = {AS_OK, ""};
  CHECK_OK(t, as_state_open(&s, path, &err), err);
  if (!s) return;
  CHECK_INT(t, as_state_count(s), 320);
  const as_state_entry *e = as_state_find(s, "fc.weight");
  CHECK(t, e && e->view.shape[0] == 1000 && e->view.shape[1] == 2048);
  as_state_close(&s);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"state torch zip", torch_zip},
                                  {"state strides and offsets", strides},
                                  {"state tensors outside their storage", tensors_outside},
                                  {"state items on a tensor", items_on_tensor},
                                  {"state tree of keys", tree},
                                  {"state legacy", legacy},
                                  {"state damaged files", damaged},
                                  {"state hash in the name", name_hash},
                                  {"state hash of the directory", directory_hash},
                                  {"state out of memory", no_memory},
                                  {"state real checkpoint", real_file}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
