/* The built-in label facts: identifiers of the field, embedded from data/lists by tests/generate.sh. */
#ifndef AS_DATA_SETS_LABELS_H
#define AS_DATA_SETS_LABELS_H

#include <stddef.h>
#include <stdint.h>

/* The 1000 wnids ("n01440764") in class order, which is bytewise order. */
extern const char *const as_wnids[];
extern const size_t as_wnids_count;

/* Their names for people, in the same order: "goldfish, Carassius auratus". The first one, up to the comma, is the
 * usual one; a few occur twice (crane the bird, crane the machine). */
extern const char *const as_wnid_names[];
extern const size_t as_wnid_names_count;

/* The 200 classes each of ImageNet-A and ImageNet-R, as wnids in bytewise order. */
extern const char *const as_imagenet_a[];
extern const size_t as_imagenet_a_count;
extern const char *const as_imagenet_r[];
extern const size_t as_imagenet_r_count;

/* Class of ILSVRC2012_val_00000001.JPEG, ..., _00050000.JPEG. */
extern const uint16_t as_val_labels[];
extern const size_t as_val_labels_count;

/* Class of a wnid, -1 when it is none of the 1000. s need not end at n. */
int as_wnid_class(const char *s, size_t n);

/* Its name for people, "goldfish, Carassius auratus", or NULL. */
const char *as_wnid_name(const char *s, size_t n);

/* n of "ILSVRC2012_val_%08d.JPEG" (1..50000), in any case of letters; 0 when the base name is not of that form. */
int as_val_number(const char *name);

#endif
