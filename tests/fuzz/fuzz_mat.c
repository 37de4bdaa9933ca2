/* libFuzzer target: MAT-files of any bytes, plain and as the development kit's meta.mat. Fields must come in order,
 * with text that ends, and the reading must end in a time bounded by the file's length.
 * Seeds: tests/golden/devkit_*.mat, each behind one byte. */
#include <stdlib.h>
#include <string.h>

#include "data/archive/matfile.h"
#include "data/sets/devkit.h"
#include "data/sets/labels.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

typedef struct seen {
  size_t element, calls, stop;
  double sum;
} seen;

static as_status visit(void *ctx, const as_mat_field *f, as_err *err) {
  seen *s = ctx;
  if (f->element < s->element || f->element > s->element + 1) abort();
  if (strlen(f->name) > 64 || !memchr(f->text, 0, sizeof f->text)) abort();
  s->element = f->element;
  s->sum += f->number ? f->value : 0;
  if (++s->calls > (size_t)1 << 24) abort();
  return s->calls == s->stop ? as_fail(err, AS_E_USAGE, "enough") : AS_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
  static uint16_t labels[1 << 16];
  if (n < 1 || as_val_labels_count > sizeof labels / sizeof *labels) return 0;
  as_err err;
  seen s = {.stop = p[0]};
  as_status st = as_mat_structs(p + 1, n - 1, "fuzz", "synsets", visit, &s, &err);
  if (s.stop > 0 && s.calls == s.stop && st != AS_E_USAGE) abort();
  size_t half = 1 + (n - 1) / 2;
  (void)as_devkit_join(p + 1, n - 1, p + half, n - half, labels, &err);
  return 0;
}
