/* Is this really the set that its task names? Compares with what was published, and names the mistakes
 * that people really make: missing files, a wrong label order, another flavour, resized copies. */
#ifndef AS_DATA_SETS_CHECK_H
#define AS_DATA_SETS_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "data/sets/dataset.h"
#include "tensor/base/status.h"

typedef enum as_finding_level {
  AS_FINDING_OK,      /* as published */
  AS_FINDING_NOTE,    /* worth knowing, or cannot be told */
  AS_FINDING_DAMAGED, /* images that cannot be read: a run goes on, and counts them as failed */
  AS_FINDING_WRONG    /* results on this data would not be results on the named set */
} as_finding_level;

typedef struct as_finding {
  as_finding_level level;
  char text[800]; /* one line, naming the path */
} as_finding;

typedef struct as_findings {
  as_finding *item;
  size_t n, cap, wrong;
} as_findings;

/* Opens the whole set of opts (its limit, per-class rows and shard are left aside), and looks at counts,
 * classes, labels and at the sizes of a few images. `deep`: also the MD5 of an archive whose sum is
 * published, which reads all of it. The status is that of opening or of memory; what was found stands
 * in *out. Release with as_findings_clear. */
as_status as_dataset_check(as_findings *out, const as_dataset_opts *opts, bool deep, as_err *err);
void as_findings_clear(as_findings *f);

#endif
