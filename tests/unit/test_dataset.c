/* Layouts, classes, selection, the sets of the field: over folders and archives made here, and the shared real data. */
#include "data/sets/labels.h"
#include "data/sets/tasks.h"
#include "tensor/base/hash/sha256.h"
#include "tests/setmake.h"

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
  CHECK_INT(t, as_wnid_names_count, 1000);
  CHECK_STR(t, as_wnid_name("n01443537", 9), "goldfish, Carassius auratus");
  CHECK_STR(t, as_wnid_name("n15075141", 9), "toilet tissue, toilet paper, bathroom tissue");
  CHECK(t, as_wnid_name("n00000000", 9) == NULL);
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
  FAILS(t, AS_E_INPUT, "found loose.jpg beside folders of images", .path = f);
  FAILS(t, AS_E_INPUT, "nowhere: cannot open", .path = at_tmp("nowhere"));
  FAILS(t, AS_E_INPUT, "neither a folder nor an archive", .path = at_tmp("f/cat/notes.txt"));
  put_text("none/x.txt", "");
  FAILS(t, AS_E_INPUT, "found no image among 1 files (the first is x.txt)", .path = at_tmp("none"));
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
  static const as_case cases[] = {
      {"dataset: built-in facts", facts},
      {"dataset: class folders", folders},
      {"dataset: ImageNet names", imagenet_names},
      {"dataset: per class, limit, shard, subset", selection},
      {"dataset: the 200 classes of R and A", subsets},
      {"dataset: ObjectNet's mapping", objectnet},
      {"dataset: ImageNet-Hard", hard},
      {"dataset: ImageNet-C", corrupted},
      {"dataset: tasks", tasks},
      {"dataset: Tiny-ImageNet and the photographs", real_archive},
  };
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
