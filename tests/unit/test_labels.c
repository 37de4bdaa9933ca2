/* Labels: numbers, lists of every kind, official names against them, sets in sets. */
#include "data/sets/labels.h"
#include "tests/setmake.h"

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
  log_count = 0; /* and it is said, because most heads have the sorted order */
  as_log_set(
      count_log,
      (void *)(uintptr_t) "in an order of its own (class 0 is n15075141, sorted it would be n01440764)");
  WANTS(
      t,
      "ILSVRC2012_val_00000001.JPEG:934=;ILSVRC2012_val_00000002.JPEG:29=;ILSVRC2012_val_00000003.JPEG:769=;",
      .path = o, .classes = at_tmp("backwards.txt"));
  CHECK_INT(t, log_count, 1);
  as_log_set(NULL, NULL);
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

int main(int argc, char **argv) {
  static const as_case cases[] = {
      {"dataset: folders 0..999 as integers", integers},
      {"dataset: label lists", lists},
      {"dataset: sets in sets", sets_in_sets},
      {"dataset: no label at all", without_labels},
      {"dataset: labels against names", names_against_labels},
      {"dataset: lists with names", named_lists},
      {"dataset: ReaL label sets", real_sets},
  };
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
