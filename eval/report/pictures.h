/* The images that a page shows. Which ones follows from the results alone; who can open the sets fetches them, small,
 * and gives them back to the page: as_pictures_choose, then eval/run/thumbs.h, then as_report_opts.pictures. */
#ifndef AS_EVAL_REPORT_PICTURES_H
#define AS_EVAL_REPORT_PICTURES_H

#include <stddef.h>
#include <stdint.h>

#include "eval/stats/results.h"
#include "tensor/base/status.h"

enum { AS_PICTURE_SIDE = 64 }; /* pixels of the longer side, at most */

typedef struct as_picture {
  size_t set;     /* of the results */
  uint32_t image; /* which of the set's images, as as_results_set.image counts them */
  uint8_t *jpeg;  /* [n] owned; NULL: there is none, and the page says so */
  size_t n;
  int w, h;
} as_picture;

typedef struct as_pictures {
  as_picture *pic; /* [n] by rising set and image, each once; owned */
  size_t n;
  char **why; /* [n_sets] a sentence: why no image of the set can be shown; NULL: they can. Owned */
  size_t n_sets;
} as_pictures;

/* The images that the page of these results shows; none are fetched yet. Clear it in failure, too. */
as_status as_pictures_choose(as_pictures *p, const as_results *r, as_err *err);
void as_pictures_clear(as_pictures *p);
/* NULL: not among them. */
const as_picture *as_pictures_find(const as_pictures *p, size_t set, uint32_t image);

#endif
