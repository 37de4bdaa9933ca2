/* Images that are there twice: within a set, or in two sets. A head that learned from an image knows its label, and
 * an image that is counted twice is no second observation.
 *
 *   run:      as_twins_print (reads and decodes every image), then as_twins_match of the prints
 *   --check:  as_twins_quick (sizes first; reads only files of equal size, and stops at a limit) */
#ifndef AS_DATA_SETS_TWINS_H
#define AS_DATA_SETS_TWINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/sets/dataset.h"
#include "tensor/base/status.h"

/* What an image is known by. Zeros equal nothing. */
typedef struct as_image_print {
  uint8_t bytes[32]; /* SHA-256 of the file as it lies in the set; zeros: it cannot be read */
  uint8_t
      pixels[32]; /* SHA-256 of width and height (32 bits each, little-endian) and the rows of RGB, before any
                         preset: equal for copies in another container, or with other metadata. Zeros: not asked
                         for, or it cannot be decoded even leniently */
} as_image_print;

/* Prints of images first .. first + n - 1 into out[n], in parallel; call it in pieces of some hundreds to look at a
 * watch in between. With `pixels` every image is decoded, all of it, whatever its preset will leave of it. An image
 * that cannot be read is no error. AS_E_ENV: out of memory, or the disk fails. */
as_status as_twins_print(as_image_print *out, const as_dataset *ds, size_t first, size_t n, bool pixels,
                         as_err *err);

typedef struct as_image_twin {
  size_t a,
      b; /* image a of the first set is image b of the second; of several b the first. Within a set: b < a */
  bool same_bytes; /* the same file, byte for byte; else only the pixels are equal */
} as_image_twin;

typedef struct as_twins {
  as_image_twin *pair; /* [n] in rising order of a, which occurs once; owned */
  size_t n, cap;
  size_t n_bytes; /* of these, with equal bytes */
  bool whole;     /* false: as_twins_quick reached its limit, so there may be more */
} as_twins;
void as_twins_clear(as_twins *t);

/* Which of a[na] are in b[nb] too. b NULL: which of a repeat an earlier image of a. */
as_status as_twins_match(as_twins *out, const as_image_print *a, size_t na, const as_image_print *b,
                         size_t nb, as_err *err);

/* The same from the sets themselves, by bytes alone, and cheaply: the same place on a disk is the same image; what
 * differs in size is not; of the rest the last 4 KB are compared, and whole files only where those are equal. Stops
 * after `most` bytes were read. b NULL: within a. */
as_status as_twins_quick(as_twins *out, const as_dataset *a, const as_dataset *b, uint64_t most, as_err *err);

#endif
