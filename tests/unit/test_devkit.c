/* MAT-files and the ILSVRC2012 development kit. Goldens: tests/golden/make_devkit.py (SciPy). */
#include "data/sets/devkit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/archive/matfile.h"
#include "data/sets/dataset.h"
#include "data/sets/labels.h"
#include "tensor/base/bytes.h"
#include "tensor/base/hash/crc32.h"
#include "tests/harness.h"
#include "tests/tarmake.h"

static as_status visit(void *ctx, const as_mat_field *f, as_err *err) {
  char *out = ctx;
  (void)err;
  size_t n = strlen(out);
  if (f->number) {
    snprintf(out + n, 2000 - n, "%zu.%s=%g;", f->element, f->name, f->value);
  } else {
    snprintf(out + n, 2000 - n, "%zu.%s=\"%s\";", f->element, f->name, f->text);
  }
  return AS_OK;
}

static void mat(as_test *t) {
  char out[2000] = "";
  as_err err;
  size_t n;
  unsigned char *p = as_test_read(as_test_golden("devkit_plain.mat"), &n);
  if (!p) {
    as_test_fail(t, __FILE__, __LINE__, "no golden");
    return;
  }
  CHECK_OK(t, as_mat_structs(p, n, "m", "synsets", visit, out, &err), err);
  CHECK_STR(t, out,
            "0.ILSVRC2012_ID=1;0.WNID=\"n03425413\";0.words=\"word 1\";0.num_children=0;0.children=\"\";"
            "1.ILSVRC2012_ID=2;1.WNID=\"n03929660\";1.words=\"word 2\";1.num_children=0;1.children=\"\";"
            "2.ILSVRC2012_ID=1002;2.WNID=\"n00001740\";2.words=\"word 1002\";2.num_children=2;2.children=1;");
  CHECK_STATUS(t, as_mat_structs(p, n, "m", "synset", visit, out, &err), AS_E_INPUT);
  CHECK_STATUS(t, as_mat_structs(p, 100, "m", "synsets", visit, out, &err), AS_E_INPUT);
  /* cut and changed anywhere: an answer or a message, never beyond the bytes (seen by ASan) */
  int good = 0;
  for (size_t k = 0; k < n; k++) {
    unsigned char *cut = malloc(k + 1);
    if (!cut) abort();
    memcpy(cut, p, k);
    out[0] = '\0';
    good += as_mat_structs(cut, k, "m", "synsets", visit, out, &err) == AS_OK;
    free(cut);
    p[k] ^= 0x41;
    out[0] = '\0';
    as_status s = as_mat_structs(p, n, "m", "synsets", visit, out, &err);
    CHECK(t, s == AS_OK || s == AS_E_INPUT);
    p[k] ^= 0x41;
  }
  CHECK_INT(t, good, 0);
  free(p);
}

/* gzip of stored blocks. */
static const char *save_gzip(const tarmake *a, const char *name) {
  static char path[600];
  static const uint8_t head[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};
  uint8_t w[8];
  snprintf(path, sizeof path, "%s/%s", as_test_tmp(), name);
  FILE *f = fopen(path, "wb");
  if (!f) abort();
  fwrite(head, 1, 10, f);
  for (size_t at = 0; at < a->n; at += 65535) {
    size_t n = a->n - at < 65535 ? a->n - at : 65535;
    uint8_t block[5] = {at + n == a->n, (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)~n, (uint8_t)(~n >> 8)};
    fwrite(block, 1, 5, f);
    fwrite(a->p + at, 1, n, f);
  }
  as_put_le32(w, as_crc32(0, a->p, a->n));
  as_put_le32(w + 4, (uint32_t)a->n);
  fwrite(w, 1, 8, f);
  fclose(f);
  return path;
}

/* A development kit whose ground truth has the ids of make_devkit.py; `wrong`: image 3 has another. */
static const char *make_kit(const char *name, int wrong, int lines) {
  tarmake a = {0};
  size_t n, at = 0;
  char *text = malloc(6 * 50000);
  unsigned char *meta = as_test_read(as_test_golden("devkit_meta.mat"), &n);
  if (!text || !meta) abort();
  for (int i = 0; i < lines; i++) {
    int c = as_val_labels[i];
    if (wrong && i == 2) c = (c + 1) % 1000;
    at += (size_t)sprintf(text + at, "%d\n", (7 * c + 3) % 1000 + 1);
  }
  tarmake_text(&a, "ILSVRC2012_devkit_t12/readme.txt", "x");
  tarmake_file(&a, "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt", text, at);
  tarmake_file(&a, "ILSVRC2012_devkit_t12/data/meta.mat", meta, n);
  tarmake_end(&a);
  const char *path = save_gzip(&a, name);
  free(text);
  free(meta);
  free(a.p);
  return path;
}

static void kit(as_test *t) {
  static uint16_t labels[50000];
  as_err err = {0};
  CHECK_OK(t, as_devkit_labels(make_kit("kit.tar.gz", 0, 50000), labels, &err), err);
  CHECK(t, memcmp(labels, as_val_labels, sizeof labels) == 0);
  CHECK_STATUS(t, as_devkit_labels(make_kit("wrong.tar.gz", 1, 50000), labels, &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "ILSVRC2012_val_00000003: found class 231") != NULL);
  CHECK(t, strstr(err.msg, "says 230") != NULL);
  CHECK_STATUS(t, as_devkit_labels(make_kit("short.tar.gz", 0, 49999), labels, &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "found 49999 lines, wanted 50000") != NULL);
  CHECK_STATUS(t, as_devkit_labels(as_test_golden("shuffled.tar.gz"), labels, &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "wanted the ILSVRC2012 development kit") != NULL);
}

static void as_list(as_test *t) {
  tarmake a = {0};
  as_err err;
  as_dataset *ds = NULL;
  char path[600];
  tarmake_text(&a, "ILSVRC2012_val_00000002.JPEG", "2");
  tarmake_text(&a, "ILSVRC2012_val_00000001.JPEG", "1");
  tarmake_end(&a);
  snprintf(path, sizeof path, "%s", save_gzip(&a, "val.tar.gz"));
  free(a.p);
  as_dataset_opts o = {.path = path, .task = "imagenet-val", .labels = make_kit("kit2.tar.gz", 0, 50000)};
  CHECK_OK(t, as_dataset_open(&ds, &o, &err), err);
  if (!ds) return;
  CHECK_INT(t, as_dataset_item(ds, 0).label, 65);
  CHECK_INT(t, as_dataset_item(ds, 1).label, 970);
  as_dataset_close(&ds);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"devkit: struct arrays of MAT-files", mat},
                                  {"devkit: ids to classes, against the built-in list", kit},
                                  {"devkit: as a list of labels", as_list}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
