/* What `run --check` says of sets that are not what their task names. */
#include "data/sets/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/image/jpegenc.h"
#include "data/sets/labels.h"
#include "tensor/base/hash/md5.h"
#include "tensor/base/mem.h"
#include "tests/harness.h"
#include "tests/tarmake.h"

static void md5(as_test *t) {
  /* RFC 1321, A.5 */
  static const char *const v[][2] = {
      {"", "d41d8cd98f00b204e9800998ecf8427e"},
      {"abc", "900150983cd24fb0d6963f7d28e17f72"},
      {"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
      {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "d174ab98d277d9f5a5611c2c9f419d9f"},
      {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
       "57edf4a22be3c955ac49da2e2107b67a"}};
  char hex[33];
  for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
    as_md5_of(v[i][0], strlen(v[i][0]), hex);
    CHECK_STR(t, hex, v[i][1]);
  }
}

static const char *save(tarmake *a, const char *name) {
  static char path[4][600];
  static int next;
  char *p = path[next++ % 4];
  tarmake_end(a);
  snprintf(p, sizeof path[0], "%s/%s", as_test_tmp(), name);
  FILE *f = fopen(p, "wb");
  if (!f || fwrite(a->p, 1, a->n, f) != a->n) abort();
  fclose(f);
  free(a->p);
  memset(a, 0, sizeof *a);
  return p;
}

/* A finding of this level with this text. */
static void expect(as_test *t, const as_findings *f, as_finding_level level, const char *text, int line) {
  for (size_t i = 0; i < f->n; i++) {
    if (f->item[i].level == level && strstr(f->item[i].text, text)) return;
  }
  as_test_fail(t, __FILE__, line, "no finding %d \"%s\" among %zu; the last is \"%s\"", (int)level, text,
               f->n, f->n ? f->item[f->n - 1].text : "");
}
#define EXPECT(f, level, text) expect(t, f, AS_FINDING_##level, text, __LINE__)

static uint8_t *jpeg_of(int w, int h, size_t *n) {
  uint8_t *rgb = calloc((size_t)w * (size_t)h, 3), *out;
  if (!rgb || as_jpeg_encode(&out, n, rgb, w, h, 50, AS_JPEG_420, NULL) != AS_OK) abort();
  free(rgb);
  return out;
}

/* A whole val in one archive of 50,000 members: one pass, labels built in. */
static void whole_val(as_test *t) {
  tarmake a = {0};
  as_err err;
  as_findings f;
  size_t n, m;
  uint8_t *one = jpeg_of(40, 30, &n), *other = jpeg_of(33, 50, &m);
  char name[64];
  for (int i = 1; i <= 50000; i++) {
    snprintf(name, sizeof name, "ILSVRC2012_val_%08d.JPEG", i);
    if (i % 2) {
      tarmake_file(&a, name, one, n);
    } else {
      tarmake_file(&a, name, other, m);
    }
  }
  as_free(other);
  as_dataset_opts o = {.path = save(&a, "ILSVRC2012_img_val.tar"), .task = "imagenet-val", .limit = 5};
  CHECK_OK(t, as_dataset_check(&f, &o, true, &err), err);
  EXPECT(&f, OK, "50000 images, as published");
  EXPECT(&f, OK, "50000 labels are those that the names of the images tell");
  EXPECT(&f, WRONG, "published is 29b22e2961454d5413ddabcf34fc5622");
  CHECK_INT(t, f.wrong, 1);
  as_findings_clear(&f);
  /* two images short, all of one size, and numbered as something else */
  FILE *labels = NULL;
  char path[600];
  snprintf(path, sizeof path, "%s/labels.txt", as_test_tmp());
  labels = fopen(path, "w");
  if (!labels) abort();
  for (int i = 1; i <= 50000; i++) {
    snprintf(name, sizeof name, "ILSVRC2012_val_%08d.JPEG", i);
    if (i == 7 || i == 50000) continue;
    tarmake_file(&a, name, one, n);
    fprintf(labels, "%d\n", as_val_labels[i - 1] * 7 % 1000);
  }
  fclose(labels);
  as_free(one);
  o = (as_dataset_opts){.path = save(&a, "short.tar"), .task = "imagenet-val", .labels = path};
  CHECK_OK(t, as_dataset_check(&f, &o, false, &err), err);
  EXPECT(&f, WRONG, "found 49998 images, wanted 50000");
  EXPECT(&f, WRONG, "2 images are missing, the first is ILSVRC2012_val_00000007");
  EXPECT(&f, WRONG, "found 49 images, wanted 50 (2 classes differ)");
  EXPECT(&f, WRONG,
         "its name tells class 65 (n01751748); 49898 of 49998 labels differ "
         "from the names; they are another numbering");
  EXPECT(&f, WRONG, "images looked at are 40 x 30: resized copies");
  as_findings_clear(&f);
}

static void flavours(as_test *t) {
  tarmake a = {0};
  as_err err;
  as_findings f;
  char name[96];
  for (int i = 0; i < 1000; i++) {
    snprintf(name, sizeof name, "imagenetv2-top-images-format-val/%d/x.jpeg", i);
    tarmake_text(&a, name, "no image");
  }
  as_dataset_opts o = {.path = save(&a, "v2.tar"), .task = "imagenet-v2", .flavour = "matched-frequency"};
  CHECK_OK(t, as_dataset_check(&f, &o, false, &err), err);
  EXPECT(&f, WRONG, "found flavour top-images, wanted matched-frequency");
  EXPECT(&f, WRONG, "found 1000 images, wanted 10000");
  EXPECT(&f, DAMAGED, "48 of 48 images looked at cannot be read");
  as_findings_clear(&f);
  o.flavour = "top-images";
  CHECK_OK(t, as_dataset_check(&f, &o, false, &err), err);
  EXPECT(&f, OK, "flavour top-images");
  as_findings_clear(&f);
  /* labels that count from 1 */
  char path[600];
  snprintf(path, sizeof path, "%s/from1.txt", as_test_tmp());
  FILE *labels = fopen(path, "w");
  if (!labels) abort();
  for (int i = 1; i <= 300; i++) {
    if (as_val_labels[i - 1] == 999) continue;
    snprintf(name, sizeof name, "ILSVRC2012_val_%08d.JPEG", i);
    tarmake_text(&a, name, "x");
    fprintf(labels, "%d\n", as_val_labels[i - 1] + 1);
  }
  fclose(labels);
  o = (as_dataset_opts){.path = save(&a, "from1.tar"), .task = "imagenet-val", .labels = path};
  CHECK_OK(t, as_dataset_check(&f, &o, false, &err), err);
  EXPECT(&f, WRONG, "labels differ from the names; all are off by the same number: wanted numbers from 0");
  as_findings_clear(&f);
  /* ILSVRC ids as folder names */
  for (int i = 1; i <= 1000; i++) {
    snprintf(name, sizeof name, "%d/x.jpeg", i);
    tarmake_text(&a, name, "x");
  }
  o = (as_dataset_opts){.path = save(&a, "ids.tar"), .task = "imagenet-val"};
  CHECK_STATUS(t, as_dataset_check(&f, &o, false, &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "ILSVRC2012 ids count from 1") != NULL);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"check: md5 vectors of RFC 1321", md5},
                                  {"check: val of 50,000 members", whole_val},
                                  {"check: flavours and ids of ImageNet-V2 and val", flavours}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
