/* The binary files of CIFAR-10, CIFAR-100 and STL-10: pixels, labels, classes, parts; in folders and archives. */
#include "data/image/image.h"
#include "data/sets/twins.h"
#include "tests/ckptmake.h"
#include "tests/setmake.h"

/* The value of a pixel: of image i, plane c, row y, column x. */
static uint8_t value_at(size_t i, size_t c, size_t y, size_t x) {
  return (uint8_t)(i * 7 + c * 80 + y * 3 + x * 5);
}

/* n records, each behind `labels` bytes: first[i % 10], then i % 100. */
static const char *put_records(const char *name, size_t n, size_t labels, size_t side, bool by_column) {
  size_t pixels = side * side * 3, at = 0;
  uint8_t *p = malloc(n * (labels + pixels));
  if (!p) abort();
  for (size_t i = 0; i < n; i++) {
    if (labels > 1) p[at++] = (uint8_t)(i % 20);
    if (labels > 0) p[at++] = (uint8_t)(labels > 1 ? 99 - i % 100 : (i * 3) % 10);
    for (size_t c = 0; c < 3; c++)
      for (size_t a = 0; a < side; a++)
        for (size_t b = 0; b < side; b++) p[at++] = by_column ? value_at(i, c, b, a) : value_at(i, c, a, b);
  }
  const char *path = put_file(name, p, at);
  free(p);
  return path;
}

static as_dataset *open_set(as_test *t, const char *path, const char *flavour) {
  as_dataset *ds = NULL;
  as_err err = {AS_OK, ""};
  CHECK_OK(t, as_dataset_open(&ds, &(as_dataset_opts){.path = path, .flavour = flavour}, &err), err);
  return ds;
}

/* Image i decodes to the pixels of record `of`. */
static void check_pixels(as_test *t, const as_dataset *ds, size_t i, size_t of, int side) {
  as_blob blob;
  as_image im;
  as_err err = {AS_OK, ""};
  int wrong = 0;
  CHECK_OK(t, as_dataset_read(ds, i, &blob, &err), err);
  CHECK_INT(t, blob.n, side * side * 3);
  CHECK_OK(t, as_blob_unpack(&blob, &err), err);
  CHECK_OK(t, as_image_decode(&im, blob.p, blob.n, 0, NULL, &err), err);
  CHECK(t, im.w == side && im.h == side);
  for (int y = 0; y < side; y++)
    for (int x = 0; x < side; x++)
      for (int c = 0; c < 3; c++)
        wrong += im.rgb[(y * side + x) * 3 + c] != value_at(of, (size_t)c, (size_t)y, (size_t)x);
  CHECK_INT(t, wrong, 0);
  as_image_clear(&im);
  as_dataset_release(&blob);
}

static void cifar10(as_test *t) {
  put_records("c10/data_batch_1.bin", 3, 1, 32, false);
  put_records("c10/data_batch_2.bin", 2, 1, 32, false);
  put_records("c10/test_batch.bin", 12, 1, 32, false);
  put_text("c10/batches.meta.txt",
           "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n");
  put_text("c10/readme.html", "x");
  as_dataset *ds = open_set(t, at_tmp("c10/test_batch.bin"), NULL);
  if (ds) {
    CHECK_INT(t, as_dataset_count(ds), 12);
    CHECK_STR(t, as_dataset_item(ds, 0).name, "test_batch/00000");
    CHECK_INT(t, as_dataset_item(ds, 0).label, 0);
    CHECK_INT(t, as_dataset_item(ds, 11).label, 3);
    CHECK_INT(t, as_dataset_classes(ds), 10);
    CHECK_STR(t, as_dataset_class_name(ds, 9), "truck");
    check_pixels(t, ds, 0, 0, 32);
    check_pixels(t, ds, 11, 11, 32);
  }
  as_dataset_close(&ds);
  FAILS(t, AS_E_INPUT,
        "found data_batch_1.bin and test_batch.bin, the training and the test part; wanted one of them",
        .path = at_tmp("c10"));
  ds = open_set(t, at_tmp("c10/data_batch_*.bin"), NULL);
  if (ds) {
    CHECK_INT(t, as_dataset_count(ds), 5);
    CHECK_STR(t, as_dataset_item(ds, 4).name, "data_batch_2/00001");
    check_pixels(t, ds, 4, 1, 32);
  }
  as_dataset_close(&ds);
  /* the same in the published archive, plain and gzipped, a part of it named behind the path */
  tarmake a = {0};
  const char *const names[] = {"data_batch_1.bin", "data_batch_2.bin", "test_batch.bin", "batches.meta.txt"};
  for (size_t i = 0; i < 4; i++) {
    char path[96], member[96];
    size_t n;
    snprintf(path, sizeof path, "c10/%s", names[i]);
    snprintf(member, sizeof member, "cifar-10-batches-bin/%s", names[i]);
    unsigned char *p = as_test_read(at_tmp(path), &n);
    if (!p) abort();
    tarmake_file(&a, member, p, n);
    free(p);
  }
  put_tar("c10.tar", &a);
  FAILS(t, AS_E_INPUT, "the training and the test part", .path = at_tmp("c10.tar"));
  ds = open_set(t, at_tmp("c10.tar/test_batch.bin"), NULL);
  if (ds) {
    CHECK_INT(t, as_dataset_count(ds), 12);
    check_pixels(t, ds, 7, 7, 32);
  }
  as_dataset_close(&ds);
  ds = open_set(t, at_tmp("c10.tar/cifar-10-batches-bin/data_batch_?.bin"), NULL);
  if (ds) CHECK_INT(t, as_dataset_count(ds), 5);
  if (ds) check_pixels(t, ds, 3, 0, 32);
  as_twins w;
  as_err err;
  if (ds) { /* records are known by their places and bytes like files */
    CHECK_OK(t, as_twins_quick(&w, ds, NULL, 1 << 30, &err), err);
    CHECK_INT(t, w.n, 2); /* both batches begin with the same two */
    as_twins_clear(&w);
  }
  as_dataset_close(&ds);
  put_text("odd/test_batch.bin", "no records");
  FAILS(t, AS_E_INPUT, "no whole records of CIFAR or STL-10", .path = at_tmp("odd/test_batch.bin"));
  uint8_t bad[3073] = {10};
  FAILS(t, AS_E_INPUT, "test_batch.bin: image 0: found label 10, wanted one of 10 classes",
        .path = put_file("bad/test_batch.bin", bad, sizeof bad));
  put_text("py/cifar-10-batches-py/data_batch_1", "x");
  FAILS(t, AS_E_INPUT, "Python's version of CIFAR; take the binary one", .path = at_tmp("py"));
}

/* Members of a zip are unpacked whole. */
static void zipped(as_test *t) {
  size_t size;
  unsigned char *whole = as_test_read(put_records("zipped/test_batch.bin", 12, 1, 32, false), &size);
  const mk_member m[] = {{.name = "cifar/test_batch.bin", .data = (const char *)whole, .size = size},
                         {.name = "cifar/readme.html", .data = "x", .size = 1}};
  const mk_zip z = {.m = m, .n = 2};
  as_str zip = {0};
  mk_zip_write(&zip, &z);
  as_dataset *ds = open_set(t, put_file("c10.zip", zip.s, zip.n), NULL);
  if (ds) {
    CHECK_INT(t, as_dataset_count(ds), 12);
    CHECK_INT(t, as_dataset_item(ds, 11).label, 3);
    CHECK_STR(t, as_dataset_class_name(ds, 9), "truck");
    check_pixels(t, ds, 0, 0, 32);
    check_pixels(t, ds, 11, 11, 32);
  }
  as_dataset_close(&ds);
  as_str_clear(&zip);
  free(whole);
}

static void cifar100(as_test *t) {
  put_records("c100/train.bin", 101, 2, 32, false);
  put_records("c100/test.bin", 4, 2, 32, false);
  as_dataset *ds = open_set(t, at_tmp("c100/test.bin"), NULL);
  if (ds) {
    CHECK_INT(t, as_dataset_classes(ds), 100);
    CHECK_STR(t, as_dataset_class_name(ds, 99), "99"); /* nothing tells their names */
    CHECK_INT(t, as_dataset_item(ds, 3).label, 96);
    check_pixels(t, ds, 3, 3, 32);
  }
  as_dataset_close(&ds);
  char fine[1200];
  size_t at = 0;
  for (int i = 0; i < 100; i++) at += (size_t)snprintf(fine + at, sizeof fine - at, "fine_%d\n", i);
  put_text("c100/fine_label_names.txt", fine);
  put_text("c100/coarse_label_names.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\nm\nn\no\np\nq\nr\ns\nt\n");
  ds = open_set(t, at_tmp("c100/train.bin"), NULL);
  if (ds) CHECK_STR(t, as_dataset_class_name(ds, 7), "fine_7");
  if (ds) CHECK_INT(t, as_dataset_item(ds, 100).label, 99);
  as_dataset_close(&ds);
  ds = open_set(t, at_tmp("c100/test.bin"), "coarse");
  if (ds) {
    CHECK_INT(t, as_dataset_classes(ds), 20);
    CHECK_INT(t, as_dataset_item(ds, 3).label, 3);
    CHECK_STR(t, as_dataset_class_name(ds, 3), "d");
  }
  as_dataset_close(&ds);
}

static void stl10(as_test *t) {
  const uint8_t y[] = {1, 10, 3}, wrong[] = {1, 0, 3};
  put_records("stl/test_X.bin", 3, 0, 96, true);
  put_file("stl/test_y.bin", y, sizeof y);
  put_records("stl/unlabeled_X.bin", 2, 0, 96, true);
  put_text("stl/fold_indices.txt", "0 1\n");
  as_dataset *ds = open_set(t, at_tmp("stl/test_X.bin"), NULL);
  if (ds) {
    CHECK_INT(t, as_dataset_count(ds), 3);
    CHECK_STR(t, as_dataset_item(ds, 1).name, "test_X/00001");
    CHECK_INT(t, as_dataset_item(ds, 1).label, 9);
    CHECK_STR(t, as_dataset_class_name(ds, 7), "monkey");
    check_pixels(t, ds, 0, 0, 96);
    check_pixels(t, ds, 2, 2, 96);
  }
  as_dataset_close(&ds);
  ds = open_set(t, at_tmp("stl/unlabeled_X.bin"), NULL);
  if (ds) {
    CHECK_INT(t, as_dataset_count(ds), 2);
    CHECK_INT(t, as_dataset_item(ds, 1).label, -1);
  }
  as_dataset_close(&ds);
  FAILS(t, AS_E_INPUT, "the test and the unlabeled part", .path = at_tmp("stl"));
  put_file("stl/test_y.bin", wrong, sizeof wrong);
  FAILS(t, AS_E_INPUT, "test_X.bin: image 1: found label -1", .path = at_tmp("stl/test_X.bin"));
  put_file("stl/test_y.bin", y, 2);
  FAILS(t, AS_E_INPUT, "test_y.bin: found 2 labels, wanted 3", .path = at_tmp("stl/test_X.bin"));
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"records: CIFAR-10", cifar10},
                                  {"records: CIFAR-10 in a zip", zipped},
                                  {"records: CIFAR-100", cifar100},
                                  {"records: STL-10", stl10}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
