/* Where images lie: folders, archives of every kind, links, lists, patterns; what is not read. */
#include "tests/ckptmake.h"
#include "tests/setmake.h"

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

/* A link is the bytes of what it leads to. */
static void links(as_test *t) {
  tarmake a = {0}, inner = {0};
  char deep[300] = "n01443537/";
  tarmake_text(&a, "./n01440764/0.jpg", "zero");
  tarmake_link(&a, "n01443537/1.jpg", '1', "./n01440764/0.jpg");
  tarmake_link(&a, "n01443537/2.jpg", '2', "../n01440764/./0.jpg");
  tarmake_link(&a, "n01443537/3.jpg", '2', "2.jpg"); /* a link to a link */
  tarmake_link(&a, "n01443537/4.jpg", '2',
               "../store/abc"); /* to what comes later, and is called as no image */
  tarmake_link(&a, "n01443537/5.jpg", '2', "later.jpg");
  tarmake_link(&a, "n01443537/lost.jpg", '2', "nowhere.jpg");
  tarmake_link(&a, "n01443537/loop.jpg", '2', "loop.jpg");
  tarmake_link(&a, "n01443537/out.jpg", '2', "../../n01440764/0.jpg");
  tarmake_link(&a, "n01443537/root.jpg", '2', "/n01440764/0.jpg");
  tarmake_text(&a, "store/abc", "blob");
  tarmake_text(&a, "n01443537/later.jpg", "later");
  const char *want =
      "n01440764/0.jpg:0=zero;n01443537/1.jpg:1=zero;n01443537/2.jpg:1=zero;n01443537/3.jpg:1=zero;"
      "n01443537/4.jpg:1=blob;n01443537/5.jpg:1=later;n01443537/later.jpg:1=later;";
  log_count = 0;
  as_log_set(count_log, (void *)(uintptr_t) "4 links were left out: n01443537/lost.jpg leads to no file");
  WANTS(t, want, .path = put_tar("links.tar", &a));
  CHECK_INT(t, log_count, 1);
  /* names of over 100 bytes: GNU's and pax's */
  memset(deep + 10, 'x', 150);
  strcpy(deep + 160, ".jpg");
  tarmake_file(&a, deep, "", 0);
  a.n = 0;
  tarmake_header(&a, "././@LongLink", 'L', strlen(deep) + 1, "ustar  ");
  tarmake_put(&a, deep, strlen(deep) + 1);
  tarmake_pad(&a);
  tarmake_text(&a, "cut", "deep");
  tarmake_header(&a, "././@LongLink", 'K', strlen(deep) + 1, "ustar  ");
  tarmake_put(&a, deep, strlen(deep) + 1);
  tarmake_pad(&a);
  tarmake_link(&a, "n01440764/a.jpg", '1', "cut");
  char pax[300];
  int n = snprintf(pax, sizeof pax, "%zu linkpath=%s\n", strlen(deep) + 14, deep);
  tarmake_file(&a, "pax", "", 0);
  a.n -= 512;
  tarmake_header(&a, "pax", 'x', (size_t)n, "ustar\00000");
  tarmake_put(&a, pax, (size_t)n);
  tarmake_pad(&a);
  tarmake_link(&a, "n01440764/b.jpg", '1', "cut");
  char both[400];
  snprintf(both, sizeof both, "n01440764/a.jpg:0=deep;n01440764/b.jpg:0=deep;%s:1=deep;", deep);
  WANTS(t, both, .path = put_tar("long.tar", &a));
  /* in a tar in a tar, and in a shard */
  tarmake_text(&inner, "n01440764_1.JPEG", "I");
  tarmake_link(&inner, "n01440764_2.JPEG", '1', "n01440764_1.JPEG");
  tarmake_end(&inner);
  tarmake_file(&a, "n01440764.tar", inner.p, inner.n);
  WANTS(t, "n01440764/n01440764_1.JPEG:0=I;n01440764/n01440764_2.JPEG:0=I;", .path = put_tar("tars.tar", &a));
  free(inner.p);
  tarmake_text(&a, "a.jpg", "A");
  tarmake_text(&a, "a.cls", "1");
  tarmake_link(&a, "b.jpg", '1', "a.jpg");
  tarmake_text(&a, "b.cls", "2");
  WANTS(t, "a.jpg:1=A;b.jpg:2=A;", .path = put_tar("shard.tar", &a));
  const mk_member m[] = {{.name = "n01440764/a.jpg", .data = "A", .size = 1},
                         {.name = "n01440764/b.jpg", .data = "a.jpg", .size = 5, .mode = 0120777}};
  const mk_zip z = {.m = m, .n = 2};
  as_str b = {0};
  mk_zip_write(&b, &z);
  WANTS(t, "n01440764/a.jpg:0=A;n01440764/b.jpg:0=A;", .path = put_file("links.zip", b.s, b.n));
  as_str_clear(&b);
}

/* Links to folders stand for the images in them; labels may be links, too. */
static void linked_folders(as_test *t) {
  tarmake a = {0};
  tarmake_text(&a, "store/x/1.jpg", "one");
  tarmake_text(&a, "store/x/notes.txt", "no image");
  tarmake_text(&a, "store/x-ray/2.jpg", "two");
  tarmake_link(&a, "val/n01440764", '2', "../store/x");
  tarmake_link(&a, "val/n01443537", '2', "../again/"); /* through another link */
  tarmake_link(&a, "again", '2', "store/x-ray");
  tarmake_link(&a, "val/n01484850/deep.jpg", '2', "../../again/2.jpg"); /* a file below a linked folder */
  tarmake_link(&a, "val/n01491361", '2', "../store/none");
  tarmake_link(&a, "ring/a", '2', "../ring/b");
  tarmake_link(&a, "ring/b", '2', "../ring/a");
  log_count = 0;
  as_log_set(count_log, (void *)(uintptr_t) "3 links were left out: val/n01491361 leads to no file");
  const char *tar = put_tar("folders.tar", &a);
  char inside[600];
  snprintf(inside, sizeof inside, "%s/val", tar);
  WANTS(t, "n01440764/1.jpg:0=one;n01443537/2.jpg:1=two;n01484850/deep.jpg:2=two;", .path = inside);
  CHECK(t, log_count >= 1);
  const mk_member m[] = {{.name = "store/1.jpg", .data = "A", .size = 1},
                         {.name = "val/n01440764", .data = "../store", .size = 8, .mode = 0120777}};
  const mk_zip z = {.m = m, .n = 2};
  as_str b = {0};
  mk_zip_write(&b, &z);
  snprintf(inside, sizeof inside, "%s/val", put_file("folders.zip", b.s, b.n));
  WANTS(t, "n01440764/1.jpg:0=A;", .path = inside);
  as_str_clear(&b);
  tarmake_text(&a, "a.jpg", "A");
  tarmake_text(&a, "a.cls", "1");
  tarmake_text(&a, "b.jpg", "B");
  tarmake_link(&a, "b.cls", '1', "a.cls");
  tarmake_text(&a, "c.jpg", "C");
  tarmake_link(&a, "c.json", '2', "d.json"); /* to what comes later */
  tarmake_text(&a, "d.jpg", "D");
  tarmake_text(&a, "d.json", "{\"label\": 7}");
  WANTS(t, "a.jpg:1=A;b.jpg:1=B;c.jpg:7=C;d.jpg:7=D;", .path = put_tar("labels.tar", &a));
  tarmake_text(&a, "a.jpg", "A");
  tarmake_text(&a, "word", "one");
  tarmake_link(&a, "a.cls", '1', "word");
  FAILS(t, AS_E_INPUT, "a.cls: found \"one\", wanted a class number", .path = put_tar("word.tar", &a));
}

/* Bytes behind the end of a tar, and an end that nothing marks. */
static void ends(as_test *t) {
  tarmake a = {0}, b = {0};
  tarmake_text(&a, "n01440764/a.jpg", "A");
  size_t bare = a.n;
  tarmake_end(&a);
  tarmake_put(&a, NULL, 10240); /* padding is nothing to say */
  log_count = 0;
  as_log_set(count_log, (void *)(uintptr_t) "");
  WANTS(t, "n01440764/a.jpg:0=A;", .path = put_file("padded.tar", a.p, a.n));
  CHECK_INT(t, log_count, 0);
  tarmake_put(&b, a.p, a.n);
  tarmake_put(&b, a.p, a.n);
  as_log_set(count_log,
             (void *)(uintptr_t) "bytes behind the end of the archive, from byte 12288 on, are not read");
  WANTS(t, "n01440764/a.jpg:0=A;", .path = put_file("joined.tar", b.p, b.n));
  CHECK_INT(t, log_count, 1);
  as_log_set(count_log, (void *)(uintptr_t) "has no end mark behind its last member");
  WANTS(t, "n01440764/a.jpg:0=A;", .path = put_file("bare.tar", a.p, bare));
  CHECK_INT(t, log_count, 2);
  as_log_set(NULL, NULL);
  free(a.p);
  free(b.p);
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
  FAILS(t, AS_E_INPUT, "*.gif: no file matches this pattern", .path = at_tmp("w/*/*.gif"));
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

int main(int argc, char **argv) {
  static const as_case cases[] = {
      {"dataset: names of any bytes", odd_names},
      {"dataset: tar, tar of tars, folder of tars", archives},
      {"dataset: zip", zips},
      {"dataset: links in archives", links},
      {"dataset: links to folders, links as labels", linked_folders},
      {"dataset: ends of archives", ends},
      {"dataset: WebDataset shards", shards},
      {"dataset: files, patterns, lists, places in archives", ways_in},
      {"dataset: what is not read is named", refused},
  };
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
