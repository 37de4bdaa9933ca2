/* A dataset: an ordered list of images with their labels, wherever the bytes lie. */
#ifndef AS_DATA_SETS_DATASET_H
#define AS_DATA_SETS_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/base/status.h"

typedef struct as_dataset_opts {
  const char *path;         /* folder, archive, image, pattern or list: as_dataset_open */
  const char *const *files; /* [n_files] images and folders instead of path; 0 = none */
  size_t n_files;
  bool no_labels;      /* images alone: what their names or folders tell is left aside */
  bool want_labels;    /* a set without any label is an error (as_dataset_want_labels) */
  const char *task;    /* imagenet-val, ... or NULL / "folder" */
  const char *classes; /* file of class names in class order; NULL = the built-in 1000 wnids when every
                          class name is one of them (or 0..999), else the sorted names found; "by-value", "by-text":
                          the order of class folders that are numbers */
  const char *labels;  /* flat data: file with a label per line, in name order, or "name label" in any
                          order; a label is a class index or a class name; or the development
                          kit's tar.gz for images called ILSVRC2012_val_* */
  const char *real;    /* ReaL label sets (json): [[...], ...] in the order of ILSVRC2012_val_* (other
                          images: of names), or {"name": [...], ...} */
  const char *subset;  /* "imagenet-r", "imagenet-a" or a file: argmax over these classes only, and
                          only their images (on val: the clean partner of the 200-class sets) */
  const char *flavour; /* of imagenet-v2; "coarse": the 20 classes of CIFAR-100 */
  int64_t limit;       /* first N images, 0 = all */
  int64_t per_class_from, per_class_to; /* rows a..b-1 of each class; 0, 0 = all */
  int64_t shard, shards;                /* contiguous part shard of 0..shards-1; 0, 0 = all */
} as_dataset_opts;

typedef struct as_dataset as_dataset;

typedef struct as_item {
  const char *name;  /* relative to the dataset: "n01440764/val_1.JPEG"; escaped (tensor/base/text.h), so it
                        can be written, read back and printed as it is; borrowed */
  int label;         /* class index, -1 = unlabelled */
  const int *labels; /* several right answers (ReaL), or NULL */
  int n_labels;      /* 0 with labels != NULL: not scored */
} as_item;

/* Indexes everything, reads no image. path is a folder of class folders, a flat folder, files named by class
 * (n01440764_*.JPEG), a tar or tar.gz of any of these, a tar or folder of tars (one per class), WebDataset shards
 * ("dir/name-{000000..000063}.tar", a folder of them, one of them), one image, a pattern of images or archives
 * ("dir/x*.jpg"), a list of images ("@list.txt": a path a line, from the list's folder on, and a label behind it or
 * not), or a place in an archive ("x.tar/val"). Images named one by one have labels by a list only. Members are sorted
 * by name, bytewise; class folders 0..999 as integers. Names in archives are labels, never paths. A folder that all
 * members share is left out of the names.
 * Selection, in this order: subset, per class, limit, shard.
 * A class folder that is no class, a label list that does not fit, labels that contradict official names, an empty
 * dataset: AS_E_INPUT. */
as_status as_dataset_open(as_dataset **out, const as_dataset_opts *opts, as_err *err);
void as_dataset_close(as_dataset **ds);

size_t as_dataset_count(const as_dataset *ds);
/* Images named one by one (files, one image, a pattern, "@list") and without labels: each is of interest, not the
 * set. */
bool as_dataset_is_loose(const as_dataset *ds);
/* AS_E_INPUT that says where was looked when no image has a right answer: for whoever is about to count some. */
as_status as_dataset_want_labels(const as_dataset *ds, as_err *err);
as_item as_dataset_item(const as_dataset *ds, size_t i);
size_t as_dataset_classes(const as_dataset *ds); /* 0 = unlabelled data */
const char *as_dataset_class_name(const as_dataset *ds, size_t c);
/* The class of that name, -1 = none. */
int as_dataset_class_find(const as_dataset *ds, const char *name);
/* Bytes of item i. *p is valid until as_dataset_release with the same token. Thread-safe. */
typedef struct as_blob {
  const uint8_t *p;
  size_t n;
  void *owned; /* private */
  int record;  /* private: bare pixels, which as_blob_unpack makes an image */
} as_blob;
as_status as_dataset_read(const as_dataset *ds, size_t i, as_blob *blob, as_err *err);
/* What a decoder wants: a few files of full ImageNet are gzipped, and become the image inside; bare pixels (CIFAR,
 * STL-10) become a PNG file of them; others stay as they are. On failure the blob still wants its release. */
as_status as_blob_unpack(as_blob *blob, as_err *err);
void as_dataset_release(as_blob *blob);
/* Classes that have an image here, as bytes 0 / 1 per class; NULL = unlabelled data. A probe trained
 * on 200 of the 1000 classes finds its own 200 with it. */
const uint8_t *as_dataset_present(const as_dataset *ds);
/* Classes to which argmax is restricted, as bytes 0 / 1 per class, or NULL = all. */
const uint8_t *as_dataset_mask(const as_dataset *ds);
const char *as_dataset_task(const as_dataset *ds);

#endif
