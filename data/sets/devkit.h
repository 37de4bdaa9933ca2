/* The ILSVRC2012 development kit: the ground truth of val in ILSVRC2012 ids (1..1000, in an order of
 * their own), and the map from ids to wnids. */
#ifndef AS_DATA_SETS_DEVKIT_H
#define AS_DATA_SETS_DEVKIT_H

#include <stddef.h>
#include <stdint.h>

#include "tensor/base/status.h"

/* Reads ILSVRC2012_devkit_t12.tar.gz in place: data/meta.mat gives each id's wnid, and
 * data/ILSVRC2012_validation_ground_truth.txt the id of each image; labels[i] becomes the class (rank
 * of the sorted wnid) of ILSVRC2012_val_(i + 1). The result must be the built-in list: AS_E_INPUT with
 * the first difference otherwise. labels holds as_val_labels_count. */
as_status as_devkit_labels(const char *path, uint16_t *labels, as_err *err);

/* The same from the bytes of the two members, without the comparison. */
as_status as_devkit_join(const uint8_t *meta, size_t meta_n, const uint8_t *truth, size_t truth_n,
                         uint16_t *labels, as_err *err);

#endif
