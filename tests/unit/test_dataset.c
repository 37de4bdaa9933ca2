/* Layouts, classes, labels, selection: over folders and archives made here, and the shared real data. */
#include "data/sets/dataset.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "data/sets/labels.h"
#include "data/sets/tasks.h"
#include "tensor/base/file.h"
#include "tensor/base/hash/sha256.h"
#include "tests/ckptmake.h"
#include "tests/harness.h"
#include "tests/tarmake.h"

static char path_buf[32][512];
static int path_next;

/* tmp/name, good for 32 calls. */
static const char *at_tmp(const char *name) {
  char *p = path_buf[path_next++ % 32];
  snprintf(p, sizeof path_buf[0], "%s/%s", as_test_tmp(), name);
  return p;
}

static const char *put_file(const char *name, const void *p, size_t n) {
  as_err err;
  const char *path = at_tmp(name);
  char *dir = as_path_dir(path, &err);
  if (!dir || as_make_dirs(dir, &err) != AS_OK || as_file_write(path, p, n, &err) != AS_OK) abort();
  free(dir);
  return path;
}

static const char *put_text(const char *name, const char *text) {
  return put_file(name, text, strlen(text));
}

static const char *put_tar(const char *name, tarmake *a) {
  tarmake_end(a);
  const char *path = put_file(name, a->p, a->n);
  free(a->p);
  memset(a, 0, sizeof *a);
  return path;
}

/* "name:label=bytes;" of every item. */
static const char *listing(as_test *t, const as_dataset_opts *o) {
  static char out[16384];
  as_dataset *ds;
  as_err err = {0};
  size_t at = 0;
  out[0] = '\0';
  if (as_dataset_open(&ds, o, &err) != AS_OK) {
    snprintf(out, sizeof out, "error %d: %s", (int)err.status, err.msg);
    return out;
  }
  for (size_t i = 0; i < as_dataset_count(ds) && at < sizeof out - 300; i++) {
    as_item item = as_dataset_item(ds, i);
    as_blob blob;
    CHECK_OK(t, as_dataset_read(ds, i, &blob, &err), err);
    at += (size_t)snprintf(out + at, sizeof out - at, "%s:%d", item.name, item.label);
    for (int k = 0; item.labels && k <= item.n_labels; k++)
      at += (size_t)snprintf(out + at, sizeof out - at, k < item.n_labels ? ",%d" : "]", item.labels[k % 8]);
    at += (size_t)snprintf(out + at, sizeof out - at, "=%.*s;", (int)blob.n, (const char *)blob.p);
    as_dataset_release(&blob);
  }
  as_dataset_close(&ds);
  return out;
}

static void wants(as_test *t, const as_dataset_opts *o, const char *want, int line) {
  const char *got = listing(t, o);
  if (strcmp(got, want) != 0) as_test_fail(t, __FILE__, line, "got  %s\nwant %s", got, want);
}
#define WANTS(t, want, ...) wants(t, &(as_dataset_opts){__VA_ARGS__}, want, __LINE__)

static void fails(as_test *t, const as_dataset_opts *o, as_status status, const char *what, int line) {
  const char *got = listing(t, o);
  char head[16];
  snprintf(head, sizeof head, "error %d:", (int)status);
  if (strncmp(got, head, strlen(head)) != 0 || !strstr(got, what))
    as_test_fail(t, __FILE__, line, "got \"%s\", wanted \"%s ... %s\"", got, head, what);
}
#define FAILS(t, status, what, ...) fails(t, &(as_dataset_opts){__VA_ARGS__}, status, what, __LINE__)

static void facts(as_test *t) {
  CHECK_INT(t, as_wnids_count, 1000);
  CHECK_INT(t, as_val_labels_count, 50000);
  CHECK_INT(t, as_val_labels[0] * 1000000 + as_val_labels[1] * 1000 + as_val_labels[2], 65970230);
  int per_class[1000] = {0}, odd = 0;
  for (size_t i = 0; i < as_val_labels_count; i++) per_class[as_val_labels[i]]++;
  for (int c = 0; c < 1000; c++) odd += per_class[c] != 50;
  CHECK_INT(t, odd, 0);
  for (size_t i = 1; i < 1000; i++) CHECK(t, strcmp(as_wnids[i - 1], as_wnids[i]) < 0);
  for (size_t i = 0; i < 1000; i++) CHECK_INT(t, as_wnid_class(as_wnids[i], 9), i);
  CHECK_INT(t, as_wnid_class("n00000000", 9), -1);
  CHECK_INT(t, as_wnid_class("n0144076", 8), -1);
  CHECK_INT(t, as_imagenet_a_count, 200);
  CHECK_INT(t, as_imagenet_r_count, 200);
  CHECK_INT(t, as_wnid_class(as_imagenet_a[0], 9), 6);
  CHECK_INT(t, as_wnid_class(as_imagenet_r[199], 9), 988);
  CHECK_INT(t, as_val_number("val/ILSVRC2012_val_00000003.JPEG"), 3);
  CHECK_INT(t, as_val_number("ILSVRC2012_val_00050001.JPEG"), 0);
  CHECK_INT(t, as_val_number("ILSVRC2012_val_0000003.JPEG"), 0);
}

static void folders(as_test *t) {
  put_text("f/dog/b.jpg", "B");
  put_text("f/dog/a.png", "A");
  put_text("f/cat/deep/c.JPEG", "C");
  put_text("f/cat/notes.txt", "no image");
  put_text("f/cat/._c.jpg", "no image");
  const char *f = at_tmp("f");
  WANTS(t, "cat/deep/c.JPEG:0=C;dog/a.png:1=A;dog/b.jpg:1=B;", .path = f);
  WANTS(t, "cat/deep/c.JPEG:1=C;dog/a.png:0=A;dog/b.jpg:0=B;", .path = f,
        .classes = put_text("c.txt", "# order\ndog\ncat\n\nbird\n"));
  WANTS(t, "cat/deep/c.JPEG:2=C;dog/a.png:0=A;dog/b.jpg:0=B;", .path = f,
        .classes = put_text("c.json", "{\"cat\": 2, \"dog\": 0, \"x\": 1}"));
  FAILS(t, AS_E_INPUT, "class dog, which is none of the 2 classes", .path = f,
        .classes = put_text("c2.txt", "cat\nbird\n"));
  FAILS(t, AS_E_INPUT, "class cat twice", .path = f, .classes = put_text("c3.txt", "cat\ncat\n"));
  as_err err;
  CHECK_OK(t, as_make_dirs(at_tmp("f/empty"), &err), err);
  FAILS(t, AS_E_INPUT, "class folder empty: found no image", .path = f);
  put_text("f/loose.jpg", "L");
  FAILS(t, AS_E_INPUT, "found loose.jpg and 0 more images beside class folders", .path = f);
  FAILS(t, AS_E_INPUT, "nowhere: cannot open", .path = at_tmp("nowhere"));
  FAILS(t, AS_E_INPUT, "neither a folder nor an archive", .path = at_tmp("f/cat/notes.txt"));
  put_text("none/x.txt", "");
  FAILS(t, AS_E_INPUT, "found no image among 1 files (the first is x.txt)", .path = at_tmp("none"));
}

/* Names of any bytes are written so that they read back, and what lies behind them is found all the same. */
static void odd_names(as_test *t) {
  put_text("odd/a\tb/1\n.jpg", "1");
  put_text("odd/a\tb/caf\xc3\xa9.jpg", "2");
  put_text("odd/c\xe9/back\\slash.jpg", "3");
  put_text("odd/c\xe9/\x1b[31m.jpg", "4");
  WANTS(t,
        "a\\tb/1\\n.jpg:0=1;a\\tb/caf\xc3\xa9.jpg:0=2;c\\xe9/\\x1b[31m.jpg:1=4;c\\xe9/back\\\\slash.jpg:1=3;",
        .path = at_tmp("odd"));
  /* class lists as people write them, and as a run writes them */
  const char *other =
      "a\\tb/1\\n.jpg:1=1;a\\tb/caf\xc3\xa9.jpg:1=2;c\\xe9/\\x1b[31m.jpg:0=4;c\\xe9/back\\\\slash.jpg:0=3;";
  WANTS(t, other, .path = at_tmp("odd"), .classes = put_text("odd1.txt", "c\xe9\na\tb\n"));
  WANTS(t, other, .path = at_tmp("odd"), .classes = put_text("odd2.txt", "c\\xe9\na\\tb\n"));
  tarmake a = {0};
  tarmake_text(&a, "x\ty.jpg", "1");
  tarmake_text(&a, "back\\slash.jpg", "2");
  tarmake_text(&a, "x\\ty.jpg", "3");
  const char *tar = put_tar("odd.tar", &a);
  WANTS(t, "back\\\\slash.jpg:5=2;x\\\\ty.jpg:7=3;x\\ty.jpg:6=1;", .path = tar,
        .labels = put_text("odd3.txt", "x\ty.jpg 6\nback\\slash.jpg 5\nx\\\\ty.jpg 7\n"));
  WANTS(
      t, "back\\\\slash.jpg:5,5]=2;x\\\\ty.jpg:7,7]=3;x\\ty.jpg:6,6]=1;", .path = tar,
      .task = "imagenet-hard",
      .real = put_text("odd.json", "{\"back\\\\slash.jpg\": [5], \"x\\ty.jpg\": [6], \"x\\\\ty.jpg\": [7]}"));
}

static void imagenet_names(as_test *t) {
  put_text("in/n01443537/x.jpg", "1");
  put_text("in/n01440764/y.jpg", "0");
  WANTS(t, "n01440764/y.jpg:0=0;n01443537/x.jpg:1=1;", .path = at_tmp("in"));
  put_text("in/n99999999/x.jpg", "?");
  FAILS(t, AS_E_INPUT, "class n99999999: found a class that is none of ImageNet's 1000 (2 others are)",
        .path = at_tmp("in"));
  put_text("flat/n01443537_a_goldfish.jpg", "g");
  put_text("flat/n01440764_tench.JPEG", "t");
  WANTS(t, "n01440764_tench.JPEG:0=t;n01443537_a_goldfish.jpg:1=g;", .path = at_tmp("flat"));
  put_text("val/ILSVRC2012_val_00000002.JPEG", "2");
  put_text("val/ILSVRC2012_val_00000001.JPEG", "1");
  WANTS(t, "ILSVRC2012_val_00000001.JPEG:65=1;ILSVRC2012_val_00000002.JPEG:970=2;", .path = at_tmp("val"));
  put_text("root/train/n01440764/x.jpg", "");
  put_text("root/val/n01440764/x.jpg", "");
  FAILS(t, AS_E_INPUT, "class folders below another folder", .path = at_tmp("root"));
}

static void integers(as_test *t) {
  char name[64];
  as_err err;
  as_dataset *ds;
  for (int i = 0; i < 1000; i++) {
    snprintf(name, sizeof name, "v2/top/%d/%x.jpeg", i, (unsigned)i);
    put_text(name, "v");
  }
  CHECK_OK(t, as_dataset_open(&ds, &(as_dataset_opts){.path = at_tmp("v2")}, &err), err);
  if (!ds) return;
  CHECK_INT(t, as_dataset_count(ds), 1000);
  CHECK_STR(t, as_dataset_class_name(ds, 10), as_wnids[10]);
  int wrong = 0;
  for (size_t i = 0; i < 1000; i++) wrong += as_dataset_item(ds, i).label != (int)i;
  CHECK_INT(t, wrong, 0); /* as text, "10" would come before "2" */
  CHECK_STR(t, as_dataset_item(ds, 10).name, "10/a.jpeg");
  as_dataset_close(&ds);
  remove(at_tmp("v2/top/17/11.jpeg"));
  remove(at_tmp("v2/top/17"));
  FAILS(t, AS_E_INPUT, "999 class folders of the numbers 0..999 (17 is missing)", .path = at_tmp("v2"));
  CHECK_OK(t, as_dataset_open(&ds, &(as_dataset_opts){.path = at_tmp("v2"), .task = "imagenet-v2"}, &err),
           err);
  if (ds) CHECK_INT(t, as_dataset_item(ds, 17).label, 18);
  as_dataset_close(&ds);
  /* other numbers have two orders, unless both are one */
  put_text("digits/10/a.png", "x");
  put_text("digits/2/a.png", "y");
  put_text("digits/1/a.png", "z");
  FAILS(t, AS_E_INPUT,
        "by value 2 is class 1, sorted as text (torchvision) class 2; wanted --classes by-value",
        .path = at_tmp("digits"));
  WANTS(t, "1/a.png:0=z;2/a.png:1=y;10/a.png:2=x;", .path = at_tmp("digits"), .classes = "by-value");
  WANTS(t, "1/a.png:0=z;10/a.png:1=x;2/a.png:2=y;", .path = at_tmp("digits"), .classes = "by-text");
  WANTS(t, "1/a.png:1=z;10/a.png:2=x;2/a.png:0=y;", .path = at_tmp("digits"),
        .classes = put_text("digits.txt", "2\n1\n10\n"));
  remove(at_tmp("digits/10/a.png"));
  remove(at_tmp("digits/10"));
  WANTS(t, "1/a.png:0=z;2/a.png:1=y;", .path = at_tmp("digits"));
}

static void archives(as_test *t) {
  tarmake a = {0}, inner = {0}, outer = {0};
  tarmake_text(&a, "./set/n01443537/b.jpg", "B");
  tarmake_text(&a, "./set/n01440764/z.jpg", "Z");
  tarmake_text(&a, "./set/README", "x");
  tarmake_text(&a, "./set/n01440764/a.jpg", "A");
  const char *path = put_tar("a.tar", &a);
  WANTS(t, "n01440764/a.jpg:0=A;n01440764/z.jpg:0=Z;n01443537/b.jpg:1=B;", .path = path);
  /* names are labels: one that climbs is a class like another, and is never opened */
  tarmake_text(&a, "../../etc/p.jpg", "P");
  tarmake_text(&a, "x/q.jpg", "Q");
  WANTS(t, "../../etc/p.jpg:0=P;x/q.jpg:1=Q;", .path = put_tar("climb.tar", &a),
        .classes = put_text("climb.txt", "..\nx\n"));
  /* the train archive: a tar of one tar per class */
  tarmake_text(&inner, "n01443537_1.JPEG", "g1");
  tarmake_text(&inner, "n01443537_10.JPEG", "g10");
  tarmake_end(&inner);
  tarmake_file(&outer, "n01443537.tar", inner.p, inner.n);
  free(inner.p);
  memset(&inner, 0, sizeof inner);
  tarmake_text(&inner, "n01440764_7.JPEG", "t7");
  tarmake_file(&outer, "n01440764.tar", inner.p, inner.n);
  put_file("classes/n01440764.tar", inner.p, inner.n);
  free(inner.p);
  const char *train =
      "n01440764/n01440764_7.JPEG:0=t7;n01443537/n01443537_1.JPEG:1=g1;"
      "n01443537/n01443537_10.JPEG:1=g10;";
  WANTS(t, train, .path = put_tar("train.tar", &outer));
  WANTS(t, "n01440764/n01440764_7.JPEG:0=t7;", .path = at_tmp("classes"));
  tarmake_text(&a, "n01440764/a.jpg", "1");
  tarmake_text(&a, "n01440764/a.jpg", "2");
  FAILS(t, AS_E_INPUT, "two members called n01440764/a.jpg", .path = put_tar("twice.tar", &a));
  tarmake_text(&a, "n01440764/a.jpg", "1");
  a.p[3] ^= 1;
  FAILS(t, AS_E_INPUT, "neither a folder nor an archive", .path = put_tar("bad.tar", &a));
}

/* Zip archives, alone and in a folder, with what Windows and macOS put into them. */
static void zips(as_test *t) {
  const mk_member m[] = {{.name = "set/", .data = "", .size = 0},
                         {.name = "set/n01443537/b.jpg", .data = "B", .size = 1},
                         {.name = "set/n01440764/a.jpg", .data = "A", .size = 1},
                         {.name = "set/README", .data = "x", .size = 1},
                         {.name = "__MACOSX/set/n01440764/._a.jpg", .data = "x", .size = 1}};
  const mk_zip z = {.m = m, .n = 5};
  as_str b = {0};
  mk_zip_write(&b, &z);
  WANTS(t, "n01440764/a.jpg:0=A;n01443537/b.jpg:1=B;", .path = put_file("z/set.zip", b.s, b.n));
  WANTS(t, "n01440764/a.jpg:0=A;", .path = at_tmp("z/set.zip/n01440764"));
  WANTS(t, "n01440764/a.jpg:0=A;n01443537/b.jpg:1=B;", .path = at_tmp("z"));
  FAILS(t, AS_E_INPUT, "zip archive, byte", .path = put_file("cut.zip", b.s, b.n - 9));
  as_str_clear(&b);
  const mk_member w[] = {{.name = "n01443537\\b.jpg", .data = "B", .size = 1},
                         {.name = "n01440764\\a.jpg", .data = "A", .size = 1}};
  const mk_zip win = {.m = w, .n = 2};
  mk_zip_write(&b, &win);
  WANTS(t, "n01440764/a.jpg:0=A;n01443537/b.jpg:1=B;", .path = put_file("win.zip", b.s, b.n));
  as_str_clear(&b);
  const mk_member none[] = {{.name = "data.pkl", .data = "x", .size = 1}};
  const mk_zip torch = {.m = none, .n = 1};
  mk_zip_write(&b, &torch);
  FAILS(t, AS_E_INPUT, "found no image among 1 files (the first is data.pkl)",
        .path = put_file("torch.zip", b.s, b.n));
  as_str_clear(&b);
}

static void shards(as_test *t) {
  tarmake a = {0};
  tarmake_text(&a, "s/b.cls", "3\n");
  tarmake_text(&a, "s/b.jpg", "B");
  tarmake_text(&a, "s/b.json", "{}");
  tarmake_text(&a, "__meta__.cls", "x");
  put_tar("w-00.tar", &a);
  tarmake_text(&a, "a.v1.jpg", "A");
  tarmake_text(&a, "a.cls", "999");
  put_tar("w-01.tar", &a);
  WANTS(t, "w-00/s/b.jpg:3=B;w-01/a.v1.jpg:999=A;", .path = at_tmp("w-{00..01}.tar"));
  FAILS(t, AS_E_INPUT, "w-02.tar: cannot open", .path = at_tmp("w-{00..02}.tar"));
  FAILS(t, AS_E_INPUT, "label 999, wanted 0..3", .path = at_tmp("w-{00..01}.tar"),
        .classes = put_text("four.txt", "a\nb\nc\nd\n"));
  tarmake_text(&a, "a.jpg", "A");
  tarmake_text(&a, "b.jpg", "B");
  tarmake_text(&a, "b.cls", "0");
  FAILS(t, AS_E_INPUT, "a.jpg: found an image without its .cls label", .path = put_tar("lost.tar", &a));
  tarmake_text(&a, "b.JPG", "B"); /* Windows' case, and labels in .json */
  tarmake_text(&a, "b.CLS", "5");
  tarmake_text(&a, "c.jpg", "C");
  tarmake_text(&a, "c.json", "{\"label\": 6, \"caption\": \"x\"}");
  tarmake_text(&a, "d.cls", "7");
  tarmake_text(&a, "d.jpg", "D");
  tarmake_text(&a, "d.json", "{\"label\": 7}");
  tarmake_text(&a, "e.json", "{\"label\": 8}");
  WANTS(t, "b.JPG:5=B;c.jpg:6=C;d.jpg:7=D;", .path = put_tar("json.tar", &a));
  tarmake_text(&a, "d.cls", "7");
  tarmake_text(&a, "d.jpg", "D");
  tarmake_text(&a, "d.json", "{\"label\": 8}");
  FAILS(t, AS_E_INPUT, "d.cls: found label 7 in the .cls, and 8 in the .json",
        .path = put_tar("two.tar", &a));
  tarmake_text(&a, "x.jpg", "X");
  tarmake_text(&a, "x.json", "[1, 2]");
  tarmake_text(&a, "y.jpg", "Y");
  WANTS(t, "x.jpg:-1=X;y.jpg:-1=Y;", .path = put_tar("captions.tar", &a));
  tarmake_text(&a, "b.jpg", "B");
  tarmake_text(&a, "b.cls", "7x");
  FAILS(t, AS_E_INPUT, "b.cls: found \"7x\", wanted a class number", .path = put_tar("text.tar", &a));
  tarmake_text(&a, "b.jpg", "B");
  tarmake_text(&a, "b.cls", "7");
  tarmake_text(&a, "b.png", "B");
  FAILS(t, AS_E_INPUT, "b.png: found a second image of this sample", .path = put_tar("second.tar", &a));
}

static void lists(as_test *t) {
  put_text("l/b.jpg", "B");
  put_text("l/a.jpg", "A");
  put_text("l/c.jpg", "C");
  const char *l = at_tmp("l"), *classes = put_text("l.classes", "x\ny\n");
  WANTS(t, "a.jpg:-1=A;b.jpg:-1=B;c.jpg:-1=C;", .path = l);
  WANTS(t, "a.jpg:5=A;b.jpg:1=B;c.jpg:999=C;", .path = l, .labels = put_text("l1", "5\nn01443537\n999\n"));
  WANTS(t, "a.jpg:1=A;b.jpg:0=B;c.jpg:1=C;", .path = l, .classes = classes,
        .labels = put_text("l2", "c.jpg y\na.jpg,y\nb.jpg x\n"));
  FAILS(t, AS_E_INPUT, "found 2 labels, wanted 3", .path = l, .labels = put_text("l3", "1\n2\n"));
  FAILS(t, AS_E_INPUT, "line 3: found label \"1000\"", .path = l, .labels = put_text("l4", "1\n2\n1000\n"));
  FAILS(t, AS_E_INPUT, "line 2: found d.jpg, which is no image", .path = l, .classes = classes,
        .labels = put_text("l5", "a.jpg x\nd.jpg x\nb.jpg x\n"));
  FAILS(t, AS_E_INPUT, "a.jpg a second time", .path = l, .classes = classes,
        .labels = put_text("l6", "a.jpg x\na.jpg x\nb.jpg x\n"));
  FAILS(t, AS_E_INPUT, "found no label", .path = l, .task = "imagenet-val");
  FAILS(t, AS_E_USAGE, "did you mean imagenet-val?", .path = l, .task = "imagenet-vall");
  FAILS(t, AS_E_USAGE, "wants labelled data", .path = l, .subset = "imagenet-r");
}

/* Images named one by one, by patterns, in lists, inside archives. */
static void ways_in(as_test *t) {
  put_text("w/n01440764/a.jpg", "A");
  put_text("w/n01440764/b.png", "B");
  put_text("w/n01443537/c d.jpg", "C");
  put_text("w/n01443537/e.txt", "");
  WANTS(t, "a.jpg:-1=A;", .path = at_tmp("w/n01440764/a.jpg"));
  const char *files[] = {at_tmp("w/n01443537"), at_tmp("w/n01440764/b.png")};
  as_dataset *ds;
  as_err err;
  CHECK_OK(t, as_dataset_open(&ds, &(as_dataset_opts){.files = files, .n_files = 2, .no_labels = true}, &err),
           err);
  if (ds) {
    CHECK_INT(t, as_dataset_count(ds), 2);
    CHECK_STR(t, as_dataset_item(ds, 0).name, at_tmp("w/n01440764/b.png"));
    CHECK_INT(t, as_dataset_item(ds, 0).label, -1);
    CHECK(t, as_dataset_is_loose(ds));
  }
  as_dataset_close(&ds);
  files[1] = at_tmp("w/no.jpg");
  CHECK_STATUS(t, as_dataset_open(&ds, &(as_dataset_opts){.files = files, .n_files = 2}, &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "no.jpg: no such image") != NULL);
  WANTS(t, "n01440764/a.jpg:0=A;n01443537/c d.jpg:1=C;", .path = at_tmp("w/*/*.jpg"));
  WANTS(t, "n01440764/b.png:0=B;", .path = at_tmp("w/n0144076[0-9]/?.png"));
  FAILS(t, AS_E_INPUT, "*.gif: no such image", .path = at_tmp("w/*/*.gif"));
  put_text("w/x/a.jpg", "A");
  put_text("w/x/b.png", "B");
  put_text("w/y/c d.jpg", "C");
  /* lists: paths from the list's folder on, a label behind them */
  put_text("w/l1.txt", "y/c d.jpg\nx/a.jpg\n");
  WANTS(t, "x/a.jpg:-1=A;y/c d.jpg:-1=C;", .path = at_tmp("w/@l1.txt"));
  put_text("w/l2.txt", "y/c d.jpg 7\nx/a.jpg\t8\tx\nx/b.png,9\n");
  WANTS(t, "x/a.jpg:8=A;x/b.png:9=B;y/c d.jpg:7=C;", .path = at_tmp("w/@l2.txt"));
  put_text("w/l3.txt", "y/c d.jpg big dog\nx/a.jpg cat\n");
  FAILS(t, AS_E_INPUT, "line 1: found \"y/c d.jpg big dog\", which is no file", .path = at_tmp("w/@l3.txt"));
  put_text("w/l4.txt", "y/c d.jpg\tbig dog\nx/a.jpg\tcat\n");
  WANTS(t, "x/a.jpg:1=A;y/c d.jpg:0=C;", .path = at_tmp("w/@l4.txt"));
  WANTS(t, "x/a.jpg:0=A;y/c d.jpg:1=C;", .path = at_tmp("w/@l4.txt"),
        .classes = put_text("l4.classes", "cat\nbig dog\n"));
  put_text("w/l5.txt", "x/a.jpg 1\nx/b.png\n");
  FAILS(t, AS_E_INPUT, "found labels for 1 of its 2 images, wanted all or none", .path = at_tmp("w/@l5.txt"));
  FAILS(t, AS_E_INPUT, "l6.txt: cannot open", .path = at_tmp("w/@l6.txt"));
  as_path_set_home(at_tmp("w"));
  WANTS(t, "a.jpg:-1=A;", .path = "~/n01440764/a.jpg");
  as_path_set_home(NULL);
  /* a place in an archive */
  tarmake a = {0};
  tarmake_text(&a, "set/train/n01440764/a.jpg", "A");
  tarmake_text(&a, "set/val/n01440764/b.jpg", "B");
  tarmake_text(&a, "set/val/n01443537/c.jpg", "C");
  put_tar("in.tar", &a);
  WANTS(t, "n01440764/b.jpg:0=B;n01443537/c.jpg:1=C;", .path = at_tmp("in.tar/set/val"));
  WANTS(t, "n01440764/b.jpg:0=B;n01443537/c.jpg:1=C;", .path = at_tmp("in.tar/val/"));
  WANTS(t, "n01440764/b.jpg:0=B;", .path = at_tmp("in.tar/v*/n*64"));
  FAILS(t, AS_E_INPUT, "found no image below test in", .path = at_tmp("in.tar/test"));
  tarmake_text(&a, "n01440764\\0.JPEG", "A");
  tarmake_text(&a, "n01443537\\0.JPEG", "B");
  WANTS(t, "n01440764/0.JPEG:0=A;n01443537/0.JPEG:1=B;", .path = put_tar("back.tar", &a));
}

static void without_labels(as_test *t) {
  put_text("wl/a.jpg", "");
  put_text("wl/b.jpg", "");
  FAILS(t, AS_E_INPUT, "none of the 2 images has a label (the first is a.jpg): found no class folders",
        .path = at_tmp("wl"), .want_labels = true);
  FAILS(t, AS_E_INPUT, "the label sets of all 2 images are empty", .path = at_tmp("wl"),
        .task = "imagenet-hard", .real = put_text("wl.json", "[[], []]"), .want_labels = true);
  WANTS(t, "a.jpg:3=;b.jpg:4=;", .path = at_tmp("wl"), .labels = put_text("wl.txt", "3\n4\n"),
        .want_labels = true);
}

/* What is not read is named, with what to do. */
static void refused(as_test *t) {
  static const struct {
    const char *name, *bytes;
    size_t n;
    const char *want;
  } cases[] = {{"x.tar.xz",
                "\xfd"
                "7zXZ\0....",
                10, "found xz compression; unpack it"},
               {"x.tar.bz2", "BZh91AY&SY", 10, "found bzip2 compression"},
               {"x.tar.zst", "\x28\xb5\x2f\xfd....", 8, "found Zstandard compression"},
               {"x.7z", "7z\xbc\xaf\x27\x1c..", 8, "found a 7-Zip archive"},
               {"x.rar", "Rar!\x1a\x07\x01\0", 8, "found a RAR archive"},
               {"x.parquet", "PAR1....", 8, "found a Parquet file"},
               {"data.mdb", "0123456789abcdef\xde\xc0\xef\xbe", 20, "found an LMDB database"},
               {"x.h5", "\x89HDF\r\n\x1a\n", 8, "found an HDF5 file"},
               {"x.tfrecord", "abc", 3, "found a TFRecord file"},
               {"x.tar", "<!DOCTYPE html>", 15, "found a web page"},
               {"x.tar.gz", "version https://git-lfs.github.com/spec/v1", 42, "found a pointer of Git LFS"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    FAILS(t, AS_E_INPUT, cases[i].want, .path = put_file(cases[i].name, cases[i].bytes, cases[i].n));
  put_text("hf/data/train-0.parquet", "PAR1");
  FAILS(t, AS_E_INPUT, "found no image among 1 files (the first is data/train-0.parquet): a Parquet file",
        .path = at_tmp("hf"));
}

/* One folder around the images is no class, and parts of a set are none. */
static void sets_in_sets(as_test *t) {
  put_text("kaggle/ILSVRC/Data/CLS-LOC/val/ILSVRC2012_val_00000002.JPEG", "2");
  put_text("kaggle/ILSVRC/Data/CLS-LOC/val/ilsvrc2012_val_00000001.jpeg", "1");
  WANTS(t, "ILSVRC2012_val_00000002.JPEG:970=2;ilsvrc2012_val_00000001.jpeg:65=1;", .path = at_tmp("kaggle"));
  put_text("tiny/val/images/val_0.JPEG", "0");
  put_text("tiny/val/images/val_1.JPEG", "1");
  WANTS(t, "val_0.JPEG:-1=0;val_1.JPEG:-1=1;", .path = at_tmp("tiny/val"));
  FAILS(t, AS_E_INPUT, "val_0.JPEG: found no label for it", .path = at_tmp("tiny/val"),
        .task = "imagenet-val");
  WANTS(t, "images/val_0.JPEG:0=0;images/val_1.JPEG:0=1;", .path = at_tmp("tiny/val"),
        .classes = put_text("images.txt", "images\nothers\n")); /* a class when it is said to be one */
  put_text("tiny/val/val_annotations.txt",
           "val_1.JPEG\tn01443537\t0\t32\t44\t62\nval_0.JPEG\tn01484850\t0\t0\t9\t9\n");
  const char *tiny = "images/val_0.JPEG:2=0;images/val_1.JPEG:1=1;";
  WANTS(t, "val_0.JPEG:2=0;val_1.JPEG:1=1;", .path = at_tmp("tiny/val"));
  WANTS(t, "val_0.JPEG:2=0;val_1.JPEG:1=1;", .path = at_tmp("tiny/val/images"));
  WANTS(t, tiny, .path = at_tmp("tiny/val"), .labels = at_tmp("tiny/val/val_annotations.txt"));
  tarmake a = {0};
  tarmake_text(&a, "t/val/images/val_0.JPEG", "0");
  tarmake_text(&a, "t/val/val_annotations.txt", "val_0.JPEG\tn01484850\t0\t0\t9\t9\n");
  WANTS(t, "val_0.JPEG:2=0;", .path = put_tar("tiny.tar", &a));
  put_text("parts/train/a.jpg", "");
  put_text("parts/Val/b.jpg", "");
  FAILS(t, AS_E_INPUT, "found the folders Val and train, which are parts of a data set and no classes",
        .path = at_tmp("parts"));
  put_text("parts/train/cat/c.jpg", "");
  remove(at_tmp("parts/train/a.jpg"));
  FAILS(t, AS_E_INPUT, "which are parts of a data set", .path = at_tmp("parts"));
  WANTS(t, "Val/b.jpg:1=;train/cat/c.jpg:0=;", .path = at_tmp("parts"),
        .classes = put_text("vehicles.txt", "train\nVal\n"));
  put_text("one/cat/a.jpg", ""); /* a set of one class has nothing to tell apart */
  WANTS(t, "a.jpg:-1=;", .path = at_tmp("one"));
  put_text("wnid/n01443537/images/a.jpg", "");
  WANTS(t, "n01443537/images/a.jpg:1=;", .path = at_tmp("wnid"));
  put_text("n17/17/a.jpeg", "");
  WANTS(t, "17/a.jpeg:17=;", .path = at_tmp("n17"), .task = "imagenet-v2");
}

/* What official names tell against the labels that are given, wherever those come from. */
static void names_against_labels(as_test *t) {
  put_text("o/ILSVRC2012_val_00000001.JPEG", "");
  put_text("o/ILSVRC2012_val_00000002.JPEG", "");
  put_text("o/ILSVRC2012_val_00000003.JPEG", "");
  const char *o = at_tmp("o");
  FAILS(t, AS_E_INPUT,
        "ILSVRC2012_val_00000001.JPEG: found label 489 (n03000134), but its name tells class 65 (n01751748); "
        "3 of 3 labels "
        "differ from the names; they are another numbering of the same classes",
        .path = o, .labels = put_text("o1", "489\n360\n170\n"));
  FAILS(t, AS_E_INPUT, "all are off by the same number", .path = o,
        .labels = put_text("o2", "66\n971\n231\n"));
  FAILS(t, AS_E_INPUT, "2 of 3 labels differ", .path = o, .labels = put_text("o3", "970\n65\n230\n"));
  FAILS(t, AS_E_INPUT, "2 of 3 labels differ", .path = o, .task = "imagenet-val",
        .labels = put_text("o4",
                           "ILSVRC2012_val_00000003 n01751748\nILSVRC2012_val_00000001 "
                           "n02105855\nILSVRC2012_val_00000002 970\n"));
  WANTS(t,
        "ILSVRC2012_val_00000001.JPEG:65=;ILSVRC2012_val_00000002.JPEG:0=;ILSVRC2012_val_00000003.JPEG:230=;",
        .path = o, .labels = put_text("o5", "65\n0\n230\n")); /* one in three: a warning */
  /* a list of classes in another order is a list of names */
  static char other[12000];
  size_t at = 0;
  for (int i = 0; i < 1000; i++) at += (size_t)sprintf(other + at, "%s\n", as_wnids[999 - i]);
  WANTS(
      t,
      "ILSVRC2012_val_00000001.JPEG:934=;ILSVRC2012_val_00000002.JPEG:29=;ILSVRC2012_val_00000003.JPEG:769=;",
      .path = o, .classes = put_text("backwards.txt", other), .labels = put_text("o6", "934\n29\n769\n"));
  FAILS(t, AS_E_INPUT, "3 of 3 labels differ", .path = o, .classes = at_tmp("backwards.txt"),
        .labels = put_text("o7", "65\n970\n230\n"));
  FAILS(t, AS_E_INPUT, "its class is n01751748, which is none of the 2 classes", .path = o,
        .classes = put_text("o8", "n01440764\nn01443537\n"));
  /* folders, shards, training images, V2's folders */
  put_text("of/n01440764/ILSVRC2012_val_00000001.JPEG", "");
  put_text("of/n01443537/n01443537_5.JPEG", "");
  put_text("of/n01484850/n01443537_7.JPEG", "");
  FAILS(t, AS_E_INPUT,
        "n01440764/ILSVRC2012_val_00000001.JPEG: found label 0 (n01440764), but its name tells class 65",
        .path = at_tmp("of"));
  tarmake a = {0};
  tarmake_text(&a, "ILSVRC2012_val_00000003.cls", "231");
  tarmake_text(&a, "ILSVRC2012_val_00000003.JPEG", "");
  FAILS(t, AS_E_INPUT, "found label 231", .path = put_tar("of.tar", &a));
  put_text("v2l/imagenetv2-top-images/7/a.jpeg", "");
  put_text("v2l/imagenetv2-top-images/10/b.jpeg", "");
  FAILS(t, AS_E_INPUT, "10/b.jpeg: found label 2 (n01484850), but its name tells class 10",
        .path = at_tmp("v2l"), .task = "imagenet-v2", .labels = put_text("v2l.txt", "2\n8\n"));
  /* ReaL's sets in the order of something else */
  for (int i = 1; i <= 40; i++) {
    char name[64];
    snprintf(name, sizeof name, "rl/ILSVRC2012_val_%08d.JPEG", i);
    put_text(name, "");
  }
  static char sets[400000];
  at = 0;
  for (int i = 0; i < 50000; i++)
    at += (size_t)sprintf(sets + at, "%s[%d]", i ? "," : "[", as_val_labels[(i + 1) % 50000]);
  sprintf(sets + at, "]");
  FAILS(t, AS_E_INPUT, "its label set lacks class 65", .path = at_tmp("rl"),
        .real = put_text("rl.json", sets));
}

/* Lists with names: parted by anything, of more images than there are, folders, several labels. */
static void named_lists(as_test *t) {
  put_text("nl/x/a b.jpg", "A");
  put_text("nl/x/c.jpg", "C");
  put_text("nl/y/d.png", "D");
  const char *nl = at_tmp("nl"), *want = "x/a b.jpg:1=A;x/c.jpg:0=C;y/d.png:1=D;";
  const char *classes = put_text("nl.classes", "cat\nbig dog\n");
  WANTS(t, want, .path = nl, .classes = classes,
        .labels = put_text("n1", "y/d.png\tbig dog\tx\nx/c.jpg\tcat\nx/a b.jpg\t1\n"));
  WANTS(t, want, .path = nl, .classes = classes,
        .labels = put_text("n2", "image,label\nd.png,big dog\n\"a b.jpg\",\"big dog\"\nc.jpg,cat,9\n"));
  WANTS(t, want, .path = nl, .classes = classes,
        .labels = put_text("n3", "d 1\na b 1\nc 0\n")); /* without suffix */
  WANTS(t, "x/a b.jpg:1=A;x/c.jpg:0=C;y/d.png:1=D;", .path = nl,
        .labels = put_text("n4", "d.png dog\nc.jpg cat\na b.jpg dog\n"));
  WANTS(t, "x/a b.jpg:0=A;x/c.jpg:0=C;y/d.png:2=D;",
        .path = nl, /* all labels, part of the images: classes stay */
        .labels = put_text("n5", "d.png dog\nc.jpg cat\na b.jpg cat\nmissing.jpg cow\n"));
  FAILS(t, AS_E_INPUT, "line 3: found e.png, which is no image of", .path = nl,
        .labels = put_text("n6", "c.jpg cat\na b.jpg cat\ne.png dog\n"));
  FAILS(t, AS_E_INPUT, "found labels for 2 of the 3 images", .path = nl,
        .labels = put_text("n7", "c.jpg cat\na b.jpg dog\n"));
  put_text("nl2/x/1.jpg", "");
  put_text("nl2/y/1.jpg", "");
  FAILS(t, AS_E_INPUT, "1.jpg, which several images of", .path = at_tmp("nl2"),
        .labels = put_text("n8", "1.jpg 3\n"));
  /* folders: several to one class, one to several */
  WANTS(t, "x/1.jpg:0=;y/1.jpg:0=;", .path = at_tmp("nl2"),
        .labels = put_text("n9", "x animal\ny animal\nz plant\n"));
  WANTS(t, "x/1.jpg:294,294,296]=;y/1.jpg:281,281]=;", .path = at_tmp("nl2"),
        .labels = put_text("n10", "x n02132136\ny n02123045\nx n02134084\n"));
  as_dataset *ds;
  as_err err;
  CHECK_OK(t, as_dataset_open(&ds, &(as_dataset_opts){.path = at_tmp("nl2"), .labels = at_tmp("n10")}, &err),
           err);
  int open = 0;
  for (size_t c = 0; ds && c < 1000; c++) open += as_dataset_mask(ds)[c];
  CHECK_INT(t, open, 3); /* the bear is told from the cat, and from nothing else */
  as_dataset_close(&ds);
  /* Kaggle's list has boxes behind the label and no suffix */
  put_text("kv/ILSVRC2012_val_00000001.JPEG", "");
  WANTS(t, "ILSVRC2012_val_00000001.JPEG:65=;", .path = at_tmp("kv"),
        .labels = put_text("LOC.csv",
                           "ImageId,PredictionString\nILSVRC2012_val_00048981,n03995372 85 1 499 272 \n"
                           "ILSVRC2012_val_00000001,n01751748 1 2 3 4 n01751748 5 6 7 8\n"));
  /* the list of all 50,000, by number */
  static char all[300000];
  size_t at = 0;
  for (int i = 0; i < 50000; i++) at += (size_t)sprintf(all + at, "%d\n", as_val_labels[i]);
  put_text("kv/ILSVRC2012_val_00050000.JPEG", "");
  WANTS(t, "ILSVRC2012_val_00000001.JPEG:65=;ILSVRC2012_val_00050000.JPEG:355=;", .path = at_tmp("kv"),
        .labels = put_text("all.txt", all));
}

#define VAL_1500 "502"

static void real_sets(as_test *t) {
  put_text("r/ILSVRC2012_val_00000002.JPEG", "2");
  put_text("r/ILSVRC2012_val_00000001.JPEG", "1");
  put_text("r2/n01440764/p.jpg", "p");
  put_text("r2/n01443537/q.jpg", "q");
  FAILS(t, AS_E_INPUT, "found 2 label sets, wanted 50000", .path = at_tmp("r"),
        .real = put_text("r.json", "[[], [970, 795]]"));
  WANTS(t, "n01440764/p.jpg:0]=p;n01443537/q.jpg:1,970,795]=q;", .path = at_tmp("r2"),
        .real = at_tmp("r.json"));
  WANTS(t, "n01440764/p.jpg:0,1]=p;n01443537/q.jpg:1]=q;", .path = at_tmp("r2"),
        .real = put_text("r3.json", "{\"q.jpg\": [], \"n01440764/p.jpg\": [1]}"));
  FAILS(t, AS_E_INPUT, "no labels for image n01443537/q.jpg", .path = at_tmp("r2"),
        .real = put_text("r4.json", "{\"n01440764/p.jpg\": [1]}"));
  FAILS(t, AS_E_INPUT, "found 1000, wanted class numbers 0..999", .path = at_tmp("r2"),
        .real = put_text("r5.json", "[[1000], []]"));
  FAILS(t, AS_E_INPUT, "r6.json: ", .path = at_tmp("r2"), .real = put_text("r6.json", "[[1], []"));
  FAILS(t, AS_E_USAGE, "wants the label sets", .path = at_tmp("r2"), .task = "imagenet-real");
  /* 50,000 sets go by the number in the name, not by rank: i-th set [i % 1000], counted from 0 */
  static char all[400000];
  size_t at = 0;
  for (int i = 0; i < 50000; i++) at += (size_t)sprintf(all + at, "%s[%d]", i ? "," : "[", i % 1000);
  sprintf(all + at, "]");
  remove(at_tmp("r/ILSVRC2012_val_00000001.JPEG"));
  put_text("r/ILSVRC2012_val_00001500.JPEG", "1500");
  WANTS(t, "ILSVRC2012_val_00000002.JPEG:970,1]=2;ILSVRC2012_val_00001500.JPEG:" VAL_1500 ",499]=1500;",
        .path = at_tmp("r"), .real = put_text("r7.json", all), .task = "imagenet-real");
}

static void selection(as_test *t) {
  tarmake a = {0};
  for (int c = 0; c < 3; c++) {
    for (int i = 0; i < 4; i++) {
      char name[32];
      snprintf(name, sizeof name, "%c/%d.jpg", 'a' + c, i);
      tarmake_text(&a, name, "");
    }
  }
  const char *p = put_tar("sel.tar", &a);
  WANTS(t, "a/1.jpg:0=;a/2.jpg:0=;b/1.jpg:1=;b/2.jpg:1=;c/1.jpg:2=;c/2.jpg:2=;", .path = p,
        .per_class_from = 1, .per_class_to = 3);
  WANTS(t, "a/3.jpg:0=;b/3.jpg:1=;", .path = p, .per_class_from = 3, .per_class_to = 9, .limit = 2);
  WANTS(t, "a/0.jpg:0=;a/1.jpg:0=;a/2.jpg:0=;", .path = p, .limit = 10, .shard = 0, .shards = 3);
  WANTS(t, "b/2.jpg:1=;b/3.jpg:1=;c/0.jpg:2=;c/1.jpg:2=;", .path = p, .limit = 10, .shard = 2, .shards = 3);
  WANTS(t, "b/0.jpg:1=;c/0.jpg:2=;", .path = p, .per_class_to = 1, .subset = put_text("sub", "c\n1\n"));
  FAILS(t, AS_E_INPUT, "line 2: found \"d\"", .path = p, .subset = put_text("sub2", "c\nd\n"));
  FAILS(t, AS_E_USAGE, "per-class 3:3", .path = p, .per_class_from = 3, .per_class_to = 3);
  FAILS(t, AS_E_INPUT, "more than 4 images", .path = p, .per_class_from = 4, .per_class_to = 5);
  FAILS(t, AS_E_USAGE, "shard 3/3", .path = p, .shard = 3, .shards = 3);
}

static void subsets(as_test *t) {
  tarmake a = {0};
  as_err err;
  as_dataset *ds;
  char name[64];
  for (size_t i = 0; i < as_imagenet_r_count; i++) {
    snprintf(name, sizeof name, "imagenet-r/%s/art_0.jpg", as_imagenet_r[i]);
    tarmake_text(&a, name, "");
  }
  const char *r = put_tar("imagenet-r.tar", &a);
  CHECK_OK(t, as_dataset_open(&ds, &(as_dataset_opts){.path = r, .task = "imagenet-r"}, &err), err);
  if (!ds) return;
  int in = 0;
  for (size_t c = 0; c < 1000; c++) in += as_dataset_mask(ds)[c];
  CHECK_INT(t, in, 200);
  CHECK_INT(t, as_dataset_classes(ds), 1000);
  CHECK(t, as_dataset_mask(ds)[1] && as_dataset_mask(ds)[988] && !as_dataset_mask(ds)[0]);
  CHECK(t, memcmp(as_dataset_mask(ds), as_dataset_present(ds), 1000) == 0);
  as_dataset_close(&ds);
  FAILS(t, AS_E_INPUT, "none of the 200 classes of imagenet-a", .path = r, .task = "imagenet-a");
}

/* ObjectNet's own files in miniature: two groups of classes, one folder that ImageNet does not know. */
static void objectnet(as_test *t) {
  static char lines[40000], ids[40000];
  as_dataset *ds;
  as_err err;
  size_t a = 0, b = 0;
  b += (size_t)snprintf(ids + b, sizeof ids - b, "{");
  for (int i = 0; i < 1000; i++) { /* id i + 1 has the name "name i" and is class 999 - i */
    a += (size_t)snprintf(lines + a, sizeof lines - a, "name %d, alias\n", i);
    b += (size_t)snprintf(ids + b, sizeof ids - b, "%s\"%d\": %d", i ? ", " : "", 999 - i, i + 1);
  }
  snprintf(ids + b, sizeof ids - b, "}");
  put_text("on/mappings/imagenet_to_label_2012_v2", lines);
  put_text("on/mappings/pytorch_to_imagenet_2012_id.json", ids);
  put_text("on/mappings/folder_to_objectnet_label.json",
           "{\"air_freshener\": \"Air freshener\", \"backpack\": \"Backpack\", \"chair\": \"Chair\"}");
  put_text("on/mappings/objectnet_to_imagenet_1k.json",
           "{\"Backpack\": \"name 5, alias\", \"Chair\": \"name 1, alias; name 999, alias\"}");
  put_text("on/images/chair/2.png", "C");
  put_text("on/images/air_freshener/1.png", "A");
  put_text("on/images/backpack/3.png", "B");
  WANTS(t, "backpack/3.png:994,994]=B;chair/2.png:998,998,0]=C;", .path = at_tmp("on"), .task = "objectnet");
  CHECK_OK(t,
           as_dataset_open(&ds, &(as_dataset_opts){.path = at_tmp("on/images"), .task = "objectnet"}, &err),
           err);
  if (ds) {
    int in = 0;
    for (int c = 0; c < 1000; c++) in += as_dataset_mask(ds)[c];
    CHECK_INT(t, in, 3);
    CHECK(t, as_dataset_mask(ds)[0] && as_dataset_mask(ds)[994] && as_dataset_mask(ds)[998]);
  }
  as_dataset_close(&ds);
  put_text("on/images/sofa/2.png", "C");
  FAILS(t, AS_E_INPUT, "class folder sofa: found no such folder", .path = at_tmp("on"), .task = "objectnet");
  put_text("lost/images/chair/1.png", "x");
  FAILS(t, AS_E_INPUT, "found no folder mappings", .path = at_tmp("lost/images"), .task = "objectnet");
}

static void corrupted(as_test *t) {
  tarmake a = {0};
  int severity = 0;
  tarmake_text(&a, "./fog/3/n01443537/x.JPEG", "F");
  tarmake_text(&a, "./fog/1/n01443537/x.JPEG", "f");
  put_tar("c/weather.tar", &a);
  tarmake_text(&a, "./spatter/1/n01440764/x.JPEG", "S");
  put_tar("c/extra.tar", &a);
  WANTS(t, "weather/fog/1/n01443537/x.JPEG:1=f;weather/fog/3/n01443537/x.JPEG:1=F;", .path = at_tmp("c"),
        .task = "imagenet-c");
  FAILS(t, AS_E_INPUT, "only the extra corruptions", .path = at_tmp("c/extra.tar"), .task = "imagenet-c");
  FAILS(t, AS_E_INPUT, "class folders below another folder", .path = at_tmp("c"));
  put_text("c1/n01443537/x.JPEG", "1"); /* one corruption at one severity, named by the path */
  WANTS(t, "n01443537/x.JPEG:1=1;", .path = at_tmp("c1"), .task = "imagenet-c");
  CHECK_INT(t, as_corruption_of("weather/fog/3/n01443537/x.JPEG", &severity), 9);
  CHECK_INT(t, severity, 3);
  CHECK_INT(t, as_corruption_of("speckle_noise/5/n01443537/x.JPEG", &severity), AS_CORRUPTIONS);
  CHECK_INT(t, as_corruption_of("fog/6/n01443537/x.JPEG", &severity), -1);
  CHECK_INT(t, as_corruption_of("fo/1/n01443537/x.JPEG", &severity), -1);
}

static void hard(as_test *t) {
  put_text("hard/b.jpg", "B");
  put_text("hard/a.jpg", "A");
  const char *real = put_text("hard.json", "{\"a.jpg\": [3, 4], \"b.jpg\": [7]}");
  WANTS(t, "a.jpg:3,3,4]=A;b.jpg:7,7]=B;", .path = at_tmp("hard"), .task = "imagenet-hard", .real = real);
  FAILS(t, AS_E_USAGE, "task imagenet-hard wants the label sets", .path = at_tmp("hard"),
        .task = "imagenet-hard");
  real = put_text("hard2.json", "{\"a.jpg\": [], \"b.jpg\": [7]}");
  WANTS(t, "b.jpg:7,7]=B;", .path = at_tmp("hard"), .task = "imagenet-hard", .real = real, .per_class_to = 5);
}

/* The real Tiny-ImageNet archive and the 500 photographs. */
static void real_archive(as_test *t) {
  const char *p = as_test_shared("tiny-imagenet-val/tiny-imagenet-val.tar");
  as_dataset *ds;
  as_err err;
  char hex[65], text[512], path[1024];
  if (!p) {
    as_test_skip(t, "no shared data");
    return;
  }
  snprintf(path, sizeof path, "%s", p);
  CHECK_OK(t, as_dataset_open(&ds, &(as_dataset_opts){.path = path}, &err), err);
  if (!ds) return;
  CHECK_INT(t, as_dataset_count(ds), 10000);
  CHECK_INT(t, as_dataset_classes(ds), 1000);
  int present = 0;
  for (size_t c = 0; c < 1000; c++) present += as_dataset_present(ds)[c];
  CHECK_INT(t, present, 200);
  CHECK_STR(t, as_dataset_item(ds, 0).name, "n01443537/val_1230.JPEG");
  as_sha256 sum;
  as_sha256_init(&sum);
  for (size_t i = 0; i < as_dataset_count(ds); i++) {
    as_blob b;
    if (as_dataset_read(ds, i, &b, &err) != AS_OK) break;
    int n = snprintf(text, sizeof text, "%s %d %zu\n", as_dataset_item(ds, i).name,
                     as_dataset_item(ds, i).label, b.n);
    as_sha256_update(&sum, text, (size_t)n);
    as_sha256_update(&sum, b.p, b.n);
    as_dataset_release(&b);
  }
  as_sha256_hex(&sum, hex);
  /* the same listing by Python's tarfile, sorted by name (tests/golden/make_dataset.py) */
  CHECK_STR(t, hex, "6dea1efdbb504b7c263d91580ebd5a87f6735c37c424462b1154f36f619d01eb");
  as_dataset_close(&ds);
  CHECK_OK(
      t,
      as_dataset_open(&ds, &(as_dataset_opts){.path = path, .per_class_from = 40, .per_class_to = 50}, &err),
      err);
  if (ds) CHECK_INT(t, as_dataset_count(ds), 2000);
  as_dataset_close(&ds);
  p = as_test_shared("photos");
  if (!p) return;
  snprintf(path, sizeof path, "%s", p);
  CHECK_OK(t, as_dataset_open(&ds, &(as_dataset_opts){.path = path}, &err), err);
  if (ds) CHECK_INT(t, as_dataset_count(ds), 500);
  as_dataset_close(&ds);
}

static void tasks(as_test *t) {
  size_t n;
  const as_task *list = as_task_list(&n);
  for (size_t i = 0; i < n; i++) {
    CHECK_STR(t, as_task_names()[i], list[i].name);
    CHECK(t, as_task_find(list[i].name) == &list[i]);
  }
  CHECK(t, as_task_names()[n] == NULL);
  CHECK(t, as_task_find("imagenet") == NULL);
  double mean = 0;
  for (int i = 0; i < AS_CORRUPTIONS; i++) mean += as_corruptions[i].alexnet_error / AS_CORRUPTIONS;
  CHECK_NEAR(t, mean, 0.7889931, 1e-6); /* of the 15 numbers in augmix's imagenet.py */
  CHECK_STR(t, as_corruptions[14].name, "jpeg_compression");
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"dataset: built-in facts", facts},
                                  {"dataset: class folders", folders},
                                  {"dataset: names of any bytes", odd_names},
                                  {"dataset: ImageNet names", imagenet_names},
                                  {"dataset: folders 0..999 as integers", integers},
                                  {"dataset: tar, tar of tars, folder of tars", archives},
                                  {"dataset: zip", zips},
                                  {"dataset: WebDataset shards", shards},
                                  {"dataset: label lists", lists},
                                  {"dataset: sets in sets", sets_in_sets},
                                  {"dataset: files, patterns, lists, places in archives", ways_in},
                                  {"dataset: no label at all", without_labels},
                                  {"dataset: what is not read is named", refused},
                                  {"dataset: labels against names", names_against_labels},
                                  {"dataset: lists with names", named_lists},
                                  {"dataset: ReaL label sets", real_sets},
                                  {"dataset: per class, limit, shard, subset", selection},
                                  {"dataset: the 200 classes of R and A", subsets},
                                  {"dataset: ObjectNet's mapping", objectnet},
                                  {"dataset: ImageNet-Hard", hard},
                                  {"dataset: ImageNet-C", corrupted},
                                  {"dataset: tasks", tasks},
                                  {"dataset: Tiny-ImageNet and the photographs", real_archive}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
