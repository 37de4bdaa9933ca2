/* .npy files: NumPy's own (tests/golden/npy.py), ours, and damaged ones; feature sets. */
#include <stdio.h>
#include <stdlib.h>

#include "eval/features/feature_set.h"
#include "tests/harness.h"

static void path_in(char *out, size_t size, const char *name) {
  snprintf(out, size, "%s/%s", as_test_tmp(), name);
}

static void numpy_files(as_test *t) {
  static const char *const name[] = {"f4", "f4be", "f8",      "f2", "i8", "i4be",
                                     "u1", "i2",   "fortran", "v2", "v3"};
  as_err err;
  for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
    char rel[64];
    snprintf(rel, sizeof rel, "npy/%s.npy", name[i]);
    as_npy a;
    CHECK_OK(t, as_npy_open(&a, as_test_golden(rel), &err), err);
    if (!a.view.data) continue;
    CHECK(t, a.view.rank == 3 && a.view.shape[0] == 2 && a.view.shape[1] == 3 && a.view.shape[2] == 4);
    float x[24];
    CHECK_OK(t, as_view_to_f32(&a.view, x, NULL, &err), err);
    for (int k = 0; k < 24; k++) CHECK_NEAR(t, (double)x[k], fabs((double)k - 5), 0);
    as_npy_close(&a);
    as_npy_close(&a);
  }
  as_npy a;
  CHECK_OK(t, as_npy_open(&a, as_test_golden("npy/scalar.npy"), &err), err);
  CHECK(t, a.view.rank == 0 && a.view.bytes == 4);
  as_npy_close(&a);
  CHECK_OK(t, as_npy_open(&a, as_test_golden("npy/empty.npy"), &err), err);
  CHECK(t, a.view.rank == 2 && a.view.shape[0] == 0 && a.view.bytes == 0);
  as_npy_close(&a);
  CHECK_STATUS(t, as_npy_open(&a, as_test_golden("npy/object.npy"), &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "'|O'") && strstr(err.msg, "object.npy"));
  CHECK_STATUS(t, as_npy_open(&a, as_test_golden("npy/struct.npy"), &err), AS_E_INPUT);
  CHECK_STATUS(t, as_npy_open(&a, "/nowhere/x.npy", &err), AS_E_INPUT);
}

/* The writer gives NumPy's bytes exactly: f4.npy read and written again is the same file. */
static void writer(as_test *t) {
  as_err err;
  float x[24];
  for (int k = 0; k < 24; k++) x[k] = (float)abs(k - 5);
  static const int64_t shape[3] = {2, 3, 4};
  char path[4096];
  path_in(path, sizeof path, "w.npy");
  CHECK_OK(t, as_npy_write_f32(path, x, shape, 3, &err), err);
  size_t na, nb;
  unsigned char *a = as_test_read(as_test_golden("npy/f4.npy"), &na), *b = as_test_read(path, &nb);
  CHECK(t, a && b && na == nb && memcmp(a, b, na) == 0);
  free(a);
  free(b);
  x[3] = -NAN;
  CHECK_OK(t, as_npy_write_f32(path, x, shape, 3, &err), err);
  b = as_test_read(path, &nb);
  CHECK(t, b && nb == 128 + 96 && memcmp(b + 128 + 12, "\x00\x00\xc0\x7f", 4) == 0);
  free(b);
  char head[256];
  static const int64_t big[8] = {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX,
                                 INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};
  CHECK_INT(t, as_npy_header(AS_F32, big, 8, head), 256);
  static const int64_t one[1] = {7};
  CHECK_INT(t, as_npy_header(AS_F32, one, 1, head), 128);
  CHECK(t, memcmp(head + 10, "{'descr': '<f4', 'fortran_order': False, 'shape': (7,), }", 57) == 0);
  CHECK_INT(t, as_npy_header(AS_F32, one, 0, head), 128);
  CHECK_STATUS(t, as_npy_write_f32("/nowhere/x.npy", x, shape, 3, &err), AS_E_ENV);
}

/* Headers that must be refused; each differs from a good one in one thing. */
static void damaged(as_test *t) {
  static const char *const head[] = {
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }", /* good */
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (4), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, -2), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 2), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387905, 4), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,4), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), 'x': 1}",
      "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }",
      "{'descr': '<f4', 'shape': (2, 2), }",
      "{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 2), }",
      "{'descr': '=f4', 'fortran_order': False, 'shape': (2, 2), }",
      "{'descr': '|f4', 'fortran_order': False, 'shape': (2, 2), }",
      "{'descr': '<c8', 'fortran_order': False, 'shape': (1, 2), }",
      "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 2), }",
      "{'descr': '<f\\x34', 'fortran_order': False, 'shape': (2, 2), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), } + x",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2)",
      "{'descr': '<f4' 'fortran_order': False, 'shape': (2, 2), }",
      "['descr', '<f4']",
      "",
  };
  as_err err;
  for (size_t i = 0; i < sizeof head / sizeof *head; i++) {
    unsigned char *buf = malloc(10 + 200 + 16); /* exact size: ASan sees any step past the end */
    size_t n = strlen(head[i]);
    memcpy(buf, "\x93NUMPY\x01\x00", 8);
    buf[8] = (unsigned char)n;
    buf[9] = 0;
    memcpy(buf + 10, head[i], n);
    memset(buf + 10 + n, 0, 16);
    unsigned char *exact = malloc(10 + n + 16);
    memcpy(exact, buf, 10 + n + 16);
    as_view v;
    as_status s = as_npy_parse(&v, exact, 10 + n + 16, "mem", &err);
    if ((s == AS_OK) != (i == 0)) as_test_fail(t, __FILE__, __LINE__, "status %d for %s", (int)s, head[i]);
    if (i == 0)
      for (size_t cut = 0; cut < 10 + n + 16; cut++) { /* every truncation is refused */
        unsigned char *part = malloc(cut ? cut : 1);
        memcpy(part, exact, cut);
        CHECK_STATUS(t, as_npy_parse(&v, part, cut, "mem", &err), AS_E_INPUT);
        free(part);
      }
    free(exact);
    free(buf);
  }
}

static void write_text(const char *name, const char *text) {
  char path[4096];
  path_in(path, sizeof path, name);
  FILE *f = fopen(path, "wb");
  if (!f) return;
  fputs(text, f);
  fclose(f);
}

static as_status read_with(const char *tsv, as_feature_set *f, as_err *err) {
  char path[4096];
  static const int64_t shape[2] = {3, 2};
  static const float x[6] = {1, 2, 3, 4, NAN, 6};
  path_in(path, sizeof path, "f.npy");
  as_status s = as_npy_write_f32(path, x, shape, 2, err);
  write_text("f.tsv", tsv);
  return s == AS_OK ? as_feature_set_read(f, path, err) : s;
}

#define HEAD "row\tname\tlabel\tstatus\n"
static void feature_sets(as_test *t) {
  as_err err = {0};
  as_feature_set f, g;
  as_feature_pair pair;
  CHECK_OK(t, read_with(HEAD "1\tb.jpg\t4\tok\n0\ta.jpg\t2\tok\n2\tc\t7\tfailed: cut\n", &f, &err), err);
  CHECK(t, f.n == 3 && f.d == 2 && f.n_failed == 1 && f.classes == 8);
  CHECK(t, f.label[0] == 2 && f.label[1] == 4 && f.label[2] == -1 && f.x[2] == 3.0f);
  CHECK_STR(t, f.name[0], "a.jpg");
  CHECK_OK(t, read_with(HEAD "0\ta\t\tok\r\n1\tb\t11\tok\r\n2\tc\t\tfailed: cut\r\n", &g, &err), err);
  CHECK(t, g.label[0] == -1 && g.label[1] == 11 && g.classes == 12);
  CHECK_OK(t, as_feature_pair_match(&pair, &f, &g, &err), err);
  CHECK(t, f.classes == 12 && f.label[0] == 2);
  as_feature_set_clear(&g);
  CHECK_OK(t, read_with(HEAD "0\ta\tn2\tok\n1\tb\tn1\tok\n2\tc\tn9\tfailed\n", &g, &err), err);
  CHECK(t, g.label[0] == 1 && g.label[1] == 0 && g.label[2] == -1 && g.classes == 3);
  CHECK_STATUS(t, as_feature_pair_match(&pair, &f, &g, &err), AS_E_INPUT);
  as_feature_set_clear(&f);
  CHECK_OK(t, read_with(HEAD "0\ta\tn2\tok\n1\tb\tn3\tok\n2\tc\tn0\tfailed\n", &f, &err), err);
  CHECK_OK(t, as_feature_pair_match(&pair, &f, &g, &err), err);
  CHECK(t, f.classes == 5 && g.classes == 5 && f.label[0] == 2 && f.label[1] == 3 && g.label[0] == 2);
  CHECK(t, g.label[1] == 1 && g.label[2] == -1 && f.label[2] == -1);
  as_feature_set_clear(&f);
  as_feature_set_clear(&g);
  as_feature_set_clear(&g);
  static const char *const bad[] = {"",
                                    "row\tname\n",
                                    HEAD "0\ta\t1\tok\n",
                                    HEAD "0\ta\t1\tok\n0\tb\t1\tok\n2\tc\t1\tfailed\n",
                                    HEAD "0\ta\t1\tok\n1\tb\t1\tok\n3\tc\t1\tfailed\n",
                                    HEAD "0\ta\t1\tok\n1\tb\t1\n2\tc\t1\tfailed\n",
                                    HEAD "0\ta\t1\tok\n1\tb\t1\tok\n2\tc\t1\tok\n", /* row 2 is not finite */
                                    HEAD "0\ta\t1\tok\n1\tb\t1\tok\n2\tc\t1\tbad\n2\tc\t1\tbad\n",
                                    HEAD "-1\ta\t1\tok\n"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    CHECK_STATUS(t, read_with(bad[i], &f, &err), AS_E_INPUT);
    CHECK(t, f.x == NULL && strstr(err.msg, "f.tsv"));
  }
  CHECK_STATUS(t, as_feature_set_read(&f, "features.bin", &err), AS_E_INPUT);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"npy: NumPy's files", numpy_files},
                                  {"npy: written bytes", writer},
                                  {"npy: damaged files", damaged},
                                  {"feature sets", feature_sets}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
