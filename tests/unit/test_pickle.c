/* weights/pickle: every opcode of protocols 0 to 5 gives the value Python gives; hostile streams end cleanly. */
#include <stdlib.h>
#include <time.h>

#include "tests/ckptmake.h"
#include "tests/harness.h"
#include "weights/containers/state.h"
#include "weights/pickle/pickle.h"

static as_pk *load(as_test *t, const char *p, size_t n) {
  as_pk *pk = NULL;
  as_err err = {AS_OK, ""};
  size_t used = 0;
  CHECK_OK(t, as_pk_load(&pk, (const uint8_t *)p, n, &used, "test", &err), err);
  if (pk) CHECK_INT(t, used, n);
  return pk;
}
#define LOAD(t, s) load(t, s, sizeof(s) - 1)

static const as_pk_node *root(const as_pk *pk) {
  return as_pk_at(pk, as_pk_root(pk));
}

static void check_int(as_test *t, const char *p, size_t n, long long want) {
  as_pk *pk = load(t, p, n);
  if (!pk) return;
  CHECK_INT(t, root(pk)->type, AS_PK_INT);
  CHECK_INT(t, root(pk)->u.i, want);
  as_pk_free(&pk);
}
#define INT(t, s, want) check_int(t, s, sizeof(s) - 1, want)

static void integers(as_test *t) {
  INT(t, "I42\n.", 42);
  INT(t, "I-7\n.", -7);
  INT(t, "L123456789012L\n.", 123456789012LL);
  INT(t, "K\xff.", 255);
  INT(t, "M\x01\x02.", 513);
  INT(t, "J\xff\xff\xff\xff.", -1);
  INT(t, "\x80\x02\x8a\x00.", 0);
  INT(t, "\x80\x02\x8a\x01\xff.", -1);
  INT(t, "\x80\x02\x8a\x02\xff\x00.", 255);
  INT(t, "\x80\x02\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80.", (long long)INT64_MIN);
  INT(t, "\x8b\x02\x00\x00\x00\x39\x30.", 12345);
}

static void scalars(as_test *t) {
  as_pk *pk = LOAD(t, "I01\n.");
  CHECK(t, pk && root(pk)->type == AS_PK_BOOL && root(pk)->u.i == 1);
  as_pk_free(&pk);
  pk = LOAD(t, "\x89.");
  CHECK(t, pk && root(pk)->type == AS_PK_BOOL && root(pk)->u.i == 0);
  as_pk_free(&pk);
  pk = LOAD(t, "N.");
  CHECK(t, pk && root(pk)->type == AS_PK_NONE);
  as_pk_free(&pk);
  pk = LOAD(t, "G\x3f\xf8\x00\x00\x00\x00\x00\x00.");
  CHECK(t, pk && root(pk)->u.f == 1.5);
  as_pk_free(&pk);
  pk = LOAD(t, "F-2.5e3\n.");
  CHECK(t, pk && root(pk)->u.f == -2500);
  as_pk_free(&pk);
  pk = LOAD(t, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."); /* torch's magic number */
  CHECK(t, pk && root(pk)->type == AS_PK_BIGINT && root(pk)->u.bytes.n == 10);
  as_pk_free(&pk);
}

static void check_text(as_test *t, const char *p, size_t n, const char *want) {
  as_pk *pk = load(t, p, n);
  if (pk && !as_pk_is_text(pk, as_pk_root(pk), want))
    as_test_fail(t, __FILE__, __LINE__, "text is \"%.*s\", not \"%s\"", (int)root(pk)->u.bytes.n,
                 (const char *)root(pk)->u.bytes.p, want);
  as_pk_free(&pk);
}
#define TEXT(t, s, want) check_text(t, s, sizeof(s) - 1, want)

static void strings(as_test *t) {
  TEXT(t, "S'it\\'s \\x41\\101\\n\\\\'\n.", "it's AA\n\\");
  TEXT(t, "S\"plain\"\n.", "plain");
  TEXT(t, "Vplain\n.", "plain");
  TEXT(t, "V\\u00e9\\U0001f600\n.", "\xc3\xa9\xf0\x9f\x98\x80");
  TEXT(t, "V\xe9\n.", "\xc3\xa9");
  TEXT(t, "T\x03\0\0\0abc.", "abc");
  TEXT(t,
       "U\x03"
       "abc.",
       "abc");
  TEXT(t, "X\x03\0\0\0abc.", "abc");
  TEXT(t,
       "\x8c\x03"
       "abc.",
       "abc");
  TEXT(t, "\x8d\x03\0\0\0\0\0\0\0abc.", "abc");
  TEXT(t, "B\x03\0\0\0abc.", "abc");
  TEXT(t,
       "C\x03"
       "abc.",
       "abc");
  TEXT(t, "\x8e\x03\0\0\0\0\0\0\0abc.", "abc");
  TEXT(t, "\x96\x03\0\0\0\0\0\0\0abc.", "abc");
}

/* {"a": 1, "b": (2, 3)} as Python writes it under each protocol. */
static void dicts(as_test *t) {
  static const struct {
    const char *p;
    size_t n;
  } same[] = {
#define P(s) {s, sizeof(s) - 1}
      P("(dp0\nVa\np1\nI1\nsVb\np2\n(I2\nI3\ntp3\ns."),
      P("}q\x00(X\x01\0\0\0aq\x01K\x01X\x01\0\0\0bq\x02(K\x02K\x03tq\x03u."),
      P("\x80\x02}q\x00(X\x01\0\0\0aq\x01K\x01X\x01\0\0\0bq\x02K\x02K\x03\x86q\x03u."),
      P("\x80\x04\x95\x10\0\0\0\0\0\0\0}\x94(\x8c\x01"
        "a\x94K\x01\x8c\x01"
        "b\x94K\x02K\x03\x86\x94u."),
#undef P
  };
  for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
    as_pk *pk = load(t, same[i].p, same[i].n);
    if (!pk) continue;
    uint32_t a = 0, b = 0, x = 0;
    CHECK(t, as_pk_get(pk, as_pk_root(pk), "a", &a) && as_pk_at(pk, a)->u.i == 1);
    CHECK(t, as_pk_get(pk, as_pk_root(pk), "b", &b) && as_pk_item(pk, b, 1, &x) && as_pk_at(pk, x)->u.i == 3);
    CHECK(t, !as_pk_get(pk, as_pk_root(pk), "c", &a) && !as_pk_item(pk, b, 2, &x));
    as_pk_free(&pk);
  }
}

static void containers(as_test *t) {
  as_pk *pk = LOAD(t, "(lp0\nI1\naI2\na.");
  CHECK(t, pk && root(pk)->type == AS_PK_LIST && root(pk)->u.cells.count == 2);
  as_pk_free(&pk);
  pk = LOAD(t,
            "](K\x01K\x02K\x03"
            "e.");
  CHECK(t, pk && root(pk)->u.cells.count == 3);
  as_pk_free(&pk);
  pk = LOAD(t, "\x8f(K\x01K\x02\x90.");
  CHECK(t, pk && root(pk)->type == AS_PK_SET && root(pk)->u.cells.count == 2);
  as_pk_free(&pk);
  pk = LOAD(t, "(K\x01K\x02\x91.");
  CHECK(t, pk && root(pk)->type == AS_PK_SET);
  as_pk_free(&pk);
  pk = LOAD(t,
            "K\x01\x85"
            "0K\x01K\x02K\x03\x87.");
  CHECK(t, pk && root(pk)->type == AS_PK_TUPLE && root(pk)->u.cells.count == 3);
  as_pk_free(&pk);
  pk = LOAD(t,
            "(K\x01"
            "1K\x02"
            "2\x86."); /* POP_MARK, DUP */
  uint32_t x = 0;
  CHECK(t, pk && as_pk_item(pk, as_pk_root(pk), 0, &x) && as_pk_at(pk, x)->u.i == 2);
  as_pk_free(&pk);
}

static void objects(as_test *t) {
  static const struct {
    const char *p;
    size_t n;
  } same[] = {
#define P(s) {s, sizeof(s) - 1}
      P("cmod\ncls\n(K\x05tR."),
      P("\x80\x02"
        "cmod\ncls\nK\x05\x85\x81."),
      P("(K\x05imod\ncls\n."),
      P("(cmod\ncls\nK\x05o."),
      P("\x80\x04\x8c\x03mod\x8c\x03"
        "cls\x93K\x05\x85R."),
      P("\x80\x04\x8c\x03mod\x8c\x03"
        "cls\x93K\x05\x85}\x92."),
      P("cmod\ncls\n(K\x05tR}X\x01\0\0\0xK\x01sb."),
#undef P
  };
  for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
    as_pk *pk = load(t, same[i].p, same[i].n);
    if (!pk) continue;
    uint32_t v = 0;
    char name[64];
    CHECK_INT(t, root(pk)->type, AS_PK_OBJECT);
    CHECK(t, as_pk_is_global(pk, root(pk)->u.object.callee, "mod", "cls"));
    CHECK_STR(t, as_pk_global_name(pk, root(pk)->u.object.callee, name, sizeof name), "mod.cls");
    CHECK(t, as_pk_item(pk, root(pk)->u.object.args, 0, &v) && as_pk_at(pk, v)->u.i == 5);
    as_pk_free(&pk);
  }
}

static void refused(as_test *t, const char *p, size_t n, const char *want) {
  as_pk *pk = NULL;
  as_err err = {AS_OK, ""};
  char *copy = malloc(n ? n : 1);
  memcpy(copy, p, n);
  CHECK_INT(t, as_pk_load(&pk, (const uint8_t *)copy, n, NULL, "test", &err), AS_E_INPUT);
  if (!strstr(err.msg, want))
    as_test_fail(t, __FILE__, __LINE__, "message \"%s\" lacks \"%s\"", err.msg, want);
  as_pk_free(&pk);
  free(copy);
}
#define REFUSED(t, s, want) refused(t, s, sizeof(s) - 1, want)

static void malformed(as_test *t) {
  REFUSED(t, "", "end before STOP");
  REFUSED(t, ".", "stack is empty");
  REFUSED(t, "N", "end before STOP");
  REFUSED(t, "(.", "inside an open mark");
  REFUSED(t, "\xff.", "not an opcode");
  REFUSED(t, "\x80\x06N.", "protocol above 5");
  REFUSED(t, "K", "end inside an opcode");
  REFUSED(t,
          "X\xff\xff\xff\x7f"
          "abc.",
          "beyond the bytes");
  REFUSED(t,
          "\x8d\xff\xff\xff\xff\xff\xff\xff\xff"
          "abc.",
          "beyond the bytes");
  REFUSED(t, "\x8b\xff\xff\xff\xff.", "beyond the bytes");
  REFUSED(t, "\x95\xff\xff\xff\xff\xff\xff\xff\x7f.", "frame");
  REFUSED(t, "h\x00.", "never set");
  REFUSED(t, "Nr\xff\xff\xff\xff.", "memo number");
  REFUSED(t, "Np999999999999\n.", "memo number");
  REFUSED(t, "K\x01K\x02s.", "more values");
  REFUSED(t, "K\x01K\x02K\x03s.", "not a dict");
  REFUSED(t, "]K\x02K\x03s.", "not a dict");
  REFUSED(t,
          "}K\x02"
          "a.",
          "not a list");
  REFUSED(t, "}(K\x01u.", "odd number");
  REFUSED(t,
          "(K\x01"
          "d.",
          "odd number");
  REFUSED(t, "K\x01)R.", "not a class");
  REFUSED(t, "ca\nb\nK\x01R.", "not a tuple");
  REFUSED(t,
          "}K\x01"
          "b.",
          "not an object");
  REFUSED(t, "\x82\x01.", "extension");
  REFUSED(t, "\x97.", "out-of-band");
  REFUSED(t, "K\x01(\x85.", "more values than");
  REFUSED(t, "u.", "mark");
  REFUSED(t, "I12x\n.", "number");
  REFUSED(t, "S'abc\n.", "quotes");
  REFUSED(t, "S'\\q'\n.", "escape");
  REFUSED(t, "V\\uzzzz\n.", "escape");
  REFUSED(t, "Vabc", "no end");
  REFUSED(t, "K\x01K\x02\x93.", "not a string");
}

/* A stream of a million opcodes of one kind ends in a refusal or a value, fast and within its budget. */
static void floods(as_test *t) {
  enum { N = 20 << 20 };
  static const char ops[] = "N]}(K2)\x8f";
  char *p = malloc(N + 2);
  for (size_t k = 0; k < sizeof ops - 1; k++) {
    as_pk *pk = NULL;
    as_err err = {AS_OK, ""};
    memset(p, ops[k], N);
    p[0] = 'N';
    p[N] = '.';
    clock_t from = clock();
    as_status st = as_pk_load(&pk, (const uint8_t *)p, N + 1, NULL, "flood", &err);
    CHECK_INT(t, st, AS_E_INPUT);
    CHECK(t, (double)(clock() - from) / CLOCKS_PER_SEC < 5);
    as_pk_free(&pk);
  }
  free(p);
}

static as_status open_pickle(const as_str *b, as_err *err) {
  as_state *s = NULL;
  as_status st = as_state_open_bytes(&s, b->s, b->n, "x.pkl", err);
  as_state_close(&s);
  return st;
}

/* l1 = [l0, l0]; l2 = [l1, l1]; ...: 2^40 leaves when unfolded. */
static void billion_laughs(as_test *t) {
  as_str b = {0};
  as_err err = {AS_OK, ""};
  as_str_put(&b, "\x80\x02]q");
  as_str_putc(&b, 0);
  for (int i = 0; i < 40; i++) {
    as_str_put(&b, "](h");
    as_str_putc(&b, (char)i);
    as_str_putc(&b, 'h');
    as_str_putc(&b, (char)i);
    as_str_put(&b, "eq");
    as_str_putc(&b, (char)(i + 1));
  }
  as_str_putc(&b, '.');
  CHECK_INT(t, open_pickle(&b, &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "unfolds") != NULL);
  as_str_clear(&b);
}

static void deep(as_test *t) {
  as_str b = {0};
  as_err err = {AS_OK, ""};
  as_str_put(&b, "\x80\x02]");
  for (int i = 0; i < 200000; i++) as_str_putc(&b, '\x85'); /* a tuple around a tuple around .. */
  as_str_putc(&b, '.');
  CHECK_INT(t, open_pickle(&b, &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "nests deeper") != NULL);
  as_str_clear(&b);
  as_str_put(&b,
             "\x80\x02]q"
             "1h1a."); /* a list that holds itself */
  CHECK_INT(t, open_pickle(&b, &err), AS_E_INPUT);
  as_str_clear(&b);
}

static void calls(as_test *t) {
  static const char *const bad[] = {"os\nsystem",        "posix\nsystem",        "nt\nsystem",
                                    "subprocess\nPopen", "builtins\neval",       "builtins\nexec",
                                    "__builtin__\neval", "builtins\n__import__", "runpy\nrun_path",
                                    "socket\nsocket",    "os.path\nx",           "importlib\nimport_module"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    as_str b = {0};
    as_err err = {AS_OK, ""};
    as_str_printf(&b,
                  "\x80\x02"
                  "c%s\n",
                  bad[i]);
    mk_text(&b, "touch /tmp/assay-was-here");
    as_str_put(&b, "\x85R0}.");
    CHECK_INT(t, open_pickle(&b, &err), AS_E_INPUT);
    CHECK(t, strstr(err.msg, "nothing was run") != NULL);
    as_str_clear(&b);
  }
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"pickle integers", integers},
                                  {"pickle scalars", scalars},
                                  {"pickle strings", strings},
                                  {"pickle dicts under every protocol", dicts},
                                  {"pickle containers", containers},
                                  {"pickle objects are data", objects},
                                  {"pickle malformed", malformed},
                                  {"pickle floods", floods},
                                  {"pickle billion laughs", billion_laughs},
                                  {"pickle nesting", deep},
                                  {"pickle calls", calls}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
