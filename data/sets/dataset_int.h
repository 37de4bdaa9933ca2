/* Private to data/: what the parts of dataset.c share. */
#ifndef AS_DATA_SETS_DATASET_INT_H
#define AS_DATA_SETS_DATASET_INT_H

#include "data/sets/classes_int.h"
#include "data/sets/dataset.h"
#include "data/sets/source_int.h"
#include "data/sets/tasks.h"
#include "tensor/base/lines.h"

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
  bool classes_given;   /* by the caller, not from the names found */
  as_class_order order; /* of classes that are numbers */
  const as_task *task;
  char *path, *flavour;
  as_set_layout layout;
  as_row *row;
  size_t n;
  bool labelled_by_folder; /* a list gave some images the label of their folder */
  bool has_real;
  int *real; /* label sets, one after the other */
  size_t n_reals, reals_cap;
  uint8_t *mask;    /* [classes], or NULL */
  uint8_t *present; /* [classes] */
};

/* Where the bytes of an image lie; false: the file is gone. */
bool as_dataset_place(const as_dataset *ds, size_t i, as_place *place);
/* The last n bytes of an image, all of them when it has fewer. Released like as_dataset_read's. */
as_status as_dataset_read_end(const as_dataset *ds, size_t i, uint64_t n, as_blob *blob, as_err *err);

/* The list of classes that the caller gives, if any. */
as_status as_dataset_give_classes(as_dataset *ds, const as_dataset_opts *o, as_err *err);
/* Sets layout and names (the folder that all share is cut off). */
as_status as_dataset_find_layout(as_dataset *ds, const as_dataset_opts *o, as_err *err);
/* The class name of a row inside its name, where the layout has it there. */
const char *as_dataset_class_in(const as_dataset *ds, const as_row *r, size_t *len);
/* Classes from the names found, unless they are given. */
as_status as_dataset_infer_classes(as_dataset *ds, as_err *err);
/* Classes and labels of all rows. */
as_status as_dataset_label(as_dataset *ds, const as_dataset_opts *o, as_err *err);
/* ObjectNet: label sets and mask from its own mapping; images of other classes go. */
as_status as_dataset_label_objectnet(as_dataset *ds, as_err *err);
/* --labels; rows are sorted. */
as_status as_dataset_label_list(as_dataset *ds, const char *path, as_err *err);
/* The same from lines that are read already; `path` is for messages. */
as_status as_dataset_label_lines(as_dataset *ds, const char *path, const as_lines *l, as_err *err);

/* Labels that stand beside the images in a list of them. */
as_status as_dataset_label_texts(as_dataset *ds, as_err *err);

/* Labels against what the names of ILSVRC2012's images tell. */
typedef struct as_agreement {
  size_t known, differ; /* images whose name tells a class, and those of them that have another label */
  size_t first;         /* row of the first that differs */
  int want;             /* the class that its name tells, as a rank among the 1000 */
  int64_t shift;        /* label less rank, where it is the same for all; else 0 */
  bool renumbered;      /* each class always has the same other one's number */
} as_agreement;
as_status as_dataset_compare_names(const as_dataset *ds, as_agreement *a, as_err *err);
/* One line about the first that differs; differ > 0. */
void as_agreement_text(const as_dataset *ds, const as_agreement *a, char *out, size_t size);
/* AS_E_INPUT when most labels contradict the names; a warning when some do. */
as_status as_dataset_trust_labels(const as_dataset *ds, as_err *err);
/* A warning when the classes given are the 1000 in another order than the built-in one. */
as_status as_dataset_warn_order(const as_dataset *ds, const char *list, as_err *err);
/* as_dataset_open without as_dataset_trust_labels: for whoever reports what is wrong. */
as_status as_dataset_open_as_is(as_dataset **out, const as_dataset_opts *opts, as_err *err);
/* --real; rows are sorted and nothing is left out yet. */
as_status as_dataset_read_real(as_dataset *ds, const char *path, as_err *err);
/* --subset, or the task's own. */
as_status as_dataset_read_subset(as_dataset *ds, const char *subset, as_err *err);

#endif
