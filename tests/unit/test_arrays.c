/* weights/containers: arrays without torch, in plain pickles and npz. */
#include <stdlib.h>

#include "tests/ckptmake.h"
#include "tests/harness.h"
#include "weights/containers/state.h"

/* {"w": numpy.core.multiarray._reconstruct(ndarray, (0,), b'b') with its state}, a float16 array [2, 1]. */
static void numpy_pickle(as_test *t) {
  as_str b = {0};
  as_state *s = NULL;
  as_err err = {AS_OK, ""};
  for (int kind = 0; kind < 3;
       kind++) { /* bytes as they are; as Latin-1 text (protocol 2 under Python 3); big-endian, Fortran */
    as_str_clear(&b);
    as_str_put(&b, "\x80\x03}");
    mk_text(&b, "w");
    as_str_put(&b, "cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n");
#define PUT(text) as_str_putn(&b, text, sizeof(text) - 1)
    PUT("K\0\x85"
        "C\x01"
        "b\x87R(K\x01K\x02K\x01\x86"
        "cnumpy\ndtype\n");
    mk_text(&b, "f2");
    PUT("K\0K\x01\x87R(K\x03");
    mk_text(&b, kind == 2 ? ">" : "<");
    PUT("NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb");
#undef PUT
    as_str_putc(&b, kind == 2 ? '\x88' : '\x89');
    if (kind == 1) {
      as_str_put(&b, "c_codecs\nencode\n");
      mk_text(&b,
              "\xc2\x80\xc3\xbf"
              "AB"); /* 80 ff 41 42 */
      mk_text(&b, "latin1");
      as_str_put(&b, "\x86R");
    } else {
      as_str_put(&b,
                 "C\x04\x80\xff"
                 "AB");
    }
    as_str_put(&b, "tbs.");
    CHECK_OK(t, as_state_open_bytes(&s, b.s, b.n, "x.pkl", &err), err);
    if (!s) continue;
    CHECK_STR(t, as_state_container(s), "pickle");
    const as_view *v = &as_state_find(s, "w")->view;
    CHECK(t, v->dtype == AS_F16 && v->rank == 2 && v->shape[0] == 2 &&
                 memcmp(v->data,
                        "\x80\xff"
                        "AB",
                        4) == 0);
    CHECK_INT(t, v->big_endian, kind == 2);
    as_state_close(&s);
  }
  as_str_clear(&b);
}

static void npy(as_str *out, const char *header, size_t bytes) {
  as_str_putn(out, "\x93NUMPY\x01\0", 8);
  mk_le16(out, (unsigned)strlen(header));
  as_str_put(out, header);
  for (size_t i = 0; i < bytes; i++) as_str_putc(out, (char)i);
}

static void npz(as_test *t) {
  static const struct {
    const char *header;
    size_t bytes;
    const char *want;
  } tries[] = {{"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", 24, NULL},
               {"{'shape': (6,), 'fortran_order': True, 'descr': '|u1'}", 6, NULL},
               {"{'descr': '<f8', 'fortran_order': False, 'shape': (), }", 8, NULL},
               {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 23, "does not fill"},
               {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 25, "does not fill"},
               {"{'descr': '|O', 'fortran_order': False, 'shape': (2, 3), }", 24, "dtype"},
               {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999), }", 24,
                "does not fill"},
               {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", 4, "header"},
               {"{'descr': '<f4', 'descr': '<f4', 'shape': (1,), }", 4, "header"},
               {"{'descr': '<f4', 'shape': (1,), }", 4, "header"},
               {"{'descr': '<f4', 'fortran_order': os.system('x'), 'shape': (1,), }", 4, "header"}};
  for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
    as_str a = {0}, file = {0};
    as_state *s = NULL;
    as_err err = {AS_OK, ""};
    npy(&a, tries[i].header, tries[i].bytes);
    const mk_member m = {.name = "Transformer/w.npy", .data = a.s, .size = a.n, .zip64 = 1};
    const mk_zip z = {.m = &m, .n = 1};
    mk_zip_write(&file, &z);
    as_status st = as_state_open_bytes(&s, file.s, file.n, "x.npz", &err);
    if (tries[i].want)
      CHECK(t, st == AS_E_INPUT && strstr(err.msg, tries[i].want));
    else
      CHECK_OK(t, st, err);
    if (s) CHECK(t, as_state_find(s, "Transformer/w") != NULL);
    as_state_close(&s);
    as_str_clear(&a);
    as_str_clear(&file);
  }
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"arrays numpy pickle", numpy_pickle}, {"arrays npz", npz}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
