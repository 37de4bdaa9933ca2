/* Private to data/: what the parts of dataset.c share. */
#ifndef AS_DATA_SETS_DATASET_INT_H
#define AS_DATA_SETS_DATASET_INT_H

#include "data/sets/classes_int.h"
#include "data/sets/dataset.h"
#include "data/sets/source_int.h"
#include "data/sets/tasks.h"

typedef enum as_set_layout {
  AS_LAYOUT_FOLDERS, /* class/..., the class is the first folder */
  AS_LAYOUT_DEEP,    /* corruption/severity/wnid/...: the class is the folder that is a wnid */
  AS_LAYOUT_FILES,   /* n01440764_10026.JPEG */
  AS_LAYOUT_VAL,     /* ILSVRC2012_val_00000001.JPEG: labels built in */
  AS_LAYOUT_SHARDS,  /* .cls members */
  AS_LAYOUT_LIST,    /* --labels */
  AS_LAYOUT_UNLABELLED
} as_set_layout;

typedef struct as_row {
  const char *name; /* in the source's pool, behind the common folder */
  int64_t order;    /* integer class folders sort as integers; 0 elsewhere */
  uint32_t entry;
  int32_t label;         /* -1: none */
  uint32_t real, n_real; /* in as_dataset.real */
} as_row;

struct as_dataset {
  as_source source;
  as_classes classes;
  const as_task *task;
  char *path, *flavour;
  as_set_layout layout;
  as_row *row;
  size_t n;
  bool has_real;
  int *real; /* label sets, one after the other */
  size_t n_reals, reals_cap;
  uint8_t *mask;    /* [classes], or NULL */
  uint8_t *present; /* [classes] */
};

/* Where the bytes of an image lie, without reading them. */
typedef struct as_place {
  bool known;        /* false: a pipe's bytes; then size alone is told */
  uint64_t which[2]; /* device and inode of the file */
  uint64_t at, size; /* in it */
} as_place;
/* False: the file is gone. */
bool as_dataset_place(const as_dataset *ds, size_t i, as_place *place);
/* The last n bytes of an image, all of them when it has fewer. Released like as_dataset_read's. */
as_status as_dataset_read_end(const as_dataset *ds, size_t i, uint64_t n, as_blob *blob, as_err *err);

/* Sets layout and names (the folder that all share is cut off). */
as_status as_dataset_find_layout(as_dataset *ds, const as_dataset_opts *o, as_err *err);
/* Classes and labels of all rows. */
as_status as_dataset_label(as_dataset *ds, const as_dataset_opts *o, as_err *err);
/* ObjectNet: label sets and mask from its own mapping; images of other classes go. */
as_status as_dataset_label_objectnet(as_dataset *ds, as_err *err);
/* --labels; rows are sorted. */
as_status as_dataset_label_list(as_dataset *ds, const char *path, as_err *err);
/* --real; rows are sorted and nothing is left out yet. */
as_status as_dataset_read_real(as_dataset *ds, const char *path, as_err *err);
/* --subset, or the task's own. */
as_status as_dataset_read_subset(as_dataset *ds, const char *subset, as_err *err);

#endif
