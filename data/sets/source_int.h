/* Where a dataset's bytes lie: folders and archives, listed once, read in place. Private to data/. */
#ifndef AS_DATA_SETS_SOURCE_INT_H
#define AS_DATA_SETS_SOURCE_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/archive/tar.h"
#include "data/sets/dataset.h"
#include "tensor/base/disk.h"
#include "tensor/base/file.h"
#include "tensor/base/lines.h"
#include "tensor/base/pack/gzip.h"
#include "tensor/base/pack/zip_disk.h"
#include "tensor/base/status.h"

/* A folder or an archive. */
typedef struct as_box {
  char *path;       /* owned */
  as_disk disk;     /* tar, zip */
  as_gzip *gzip;    /* tar.gz */
  as_zip_disk *zip; /* zip; offsets of its entries are members */
  uint8_t *bytes;   /* a member of a zip that was unpacked whole, owned */
  bool folder;
} as_box;

enum { AS_NO_LABEL = -1 };

/* Bare pixels: planes R, G, B of 32 x 32 by rows, of 96 x 96 by columns. */
enum { AS_RECORD_NONE, AS_RECORD_CIFAR, AS_RECORD_STL };

/* A file of records, of labels or of names of classes (source_records.c). */
typedef struct as_record_file {
  char *name; /* owned, once noted */
  int kind;
  uint32_t box;
  uint64_t at, size; /* in the box */
  bool wanted;       /* it lies where the path leads inside the archive */
  size_t n;          /* records, or bytes */
  uint8_t *side;     /* [2 n] the labels before each record's pixels, or [n] the file itself; owned */
} as_record_file;

typedef struct as_entry {
  size_t name;   /* offset in as_source.pool: as the folder or archive has it */
  size_t shown;  /* likewise: escaped (tensor/base/text.h); the same place for almost all names */
  uint64_t at;   /* archives: offset of the bytes */
  uint64_t size; /* archives */
  size_t text;   /* its label in a list of images, as text in the pool; 0 = none */
  uint32_t box;
  uint8_t record; /* AS_RECORD_: these bytes are bare pixels */
  int32_t label;  /* of the .cls or .json member beside it (WebDataset), else AS_NO_LABEL */
} as_entry;

typedef struct as_source {
  const char *path; /* borrowed */
  as_box *box;
  size_t n_boxes, box_cap;
  as_entry *entry; /* images only, in the order met */
  size_t n, cap;
  char *pool; /* names, each NUL-terminated */
  size_t pool_n, pool_cap;
  char *empty_folder; /* the first top-level folder without an image, or NULL */
  bool has_side;      /* a list of labels that lies among the images: Tiny-ImageNet's val_annotations.txt */
  as_entry side;
  as_record_file *records; /* [n_records] used when there are no images */
  size_t n_records, records_cap;
  as_lines class_names; /* of the set that the records are; n = 0: unknown */
  bool coarse;          /* CIFAR-100: its 20 classes, not the 100 */
  size_t ignored;       /* files that are no images */
  char *first_ignored;
  bool labelled;    /* every image has a label of its own (WebDataset) */
  size_t with_text; /* images with a label in the list: all or none */
  bool picked;      /* images that were named, not found in a folder or archive: */
  bool loose;       /* one by one, so that the folders they lie in are no classes */
  char *archive;    /* of a path that leads through an archive: its file, */
  char *inner;      /* and what members must lie below; NULL = all */
  size_t skipped;   /* images elsewhere in it */
  char *first_skipped;
} as_source;

/* Lists everything below path: a folder, a folder of archives, a tar, a tar.gz, a tar of tars, an image, shards
 * "name-{0000..0012}.tar", a pattern "dir/x*.jpg", a list "@list.txt", or a place inside an archive "x.tar/val". With
 * files[n], n > 0: these images, and those in these folders. AS_E_INPUT when it is none of these or holds no image. */
as_status as_source_open(as_source *s, const char *path, const char *const *files, size_t n, bool coarse,
                         as_err *err);
void as_source_close(as_source *s);

/* Used by the readers. */
as_status as_source_add_box(as_source *s, const char *path, uint32_t *index, as_err *err);
as_status as_source_add(as_source *s, const char *prefix, const char *name, uint32_t box, uint64_t at,
                        uint64_t size, as_err *err);
/* A file that is no image; the arguments are those of as_source_add. */
as_status as_source_ignore(as_source *s, const char *prefix, const char *name, uint32_t box, uint64_t at,
                           uint64_t size, as_err *err);
as_status as_source_add_folder(as_source *s, as_err *err);
/* The images below dir of a box that is a folder. */
as_status as_source_walk(as_source *s, const char *root, const char *dir, uint32_t box, as_err *err);
as_status as_source_add_archives(as_source *s, const as_names *archives, as_err *err);
as_status as_source_add_files(as_source *s, const char *const *files, size_t n, as_err *err);
as_status as_source_add_list(as_source *s, as_err *err);
/* *taken: the path is such a pattern. */
as_status as_source_add_shards(as_source *s, bool *taken, as_err *err);
as_status as_source_add_glob(as_source *s, bool *taken, as_err *err);
/* Does a member lie where the path leads inside its archive? */
bool as_source_wants(const as_source *s, const char *prefix, const char *name);
/* Has it a name that a file of records, labels or classes has? */
bool as_source_may_be_records(const char *name);
/* Notes such a file, f->wanted for later use; its bytes begin at `at` of what fetch reads. Other sizes are ignored. */
as_status as_source_note_records(as_source *s, const as_record_file *f, as_tar_fetch fetch, void *ctx,
                                 uint64_t at, as_err *err);
/* The same of a file on disk, in a box of its own. */
as_status as_source_note_file(as_source *s, const char *path, const char *name, as_err *err);
/* The records that were noted become the source's images. AS_E_INPUT when they are of several parts of a set. */
as_status as_source_use_records(as_source *s, as_err *err);
void as_source_drop_records(as_source *s);
/* Bare pixels in a blob become a PNG file of them. */
as_status as_record_to_png(as_blob *blob, as_err *err);
/* Text at the end of the pool. */
as_status as_source_add_text(as_source *s, const char *text, as_err *err);
/* The escaped form of an entry's name. */
as_status as_source_show(as_source *s, as_entry *e, as_err *err);
/* What to do with a file that is no image and no archive that is read, by its name; NULL: nothing to say. */
const char *as_source_advice(const char *name);
/* AS_E_INPUT: there is no such file. */
as_status as_source_no_image(const char *path, as_err *err);
/* AS_E_INPUT that names what the first bytes of a file are, when they are known and are not read. */
as_status as_source_refuse(const char *path, const uint8_t *p, size_t n, as_err *err);
/* Lists an archive; member names get "prefix/" in front (NULL: none). */
as_status as_source_add_archive(as_source *s, const char *path, const char *prefix, as_err *err);
/* The members of a tar; *labels becomes true when there are labels among them (a shard of WebDataset). */
as_status as_source_list_tar(as_source *s, as_tar *t, uint32_t box, const char *prefix, bool *labels,
                             as_err *err);
as_status as_source_list_zip(as_source *s, uint32_t box, const char *prefix, as_err *err);
void as_source_close_zip(as_box *box); /* and what was unpacked of one */
/* Turns the entries from `first` on, in archive order, from members to samples (WebDataset): the
 * images keep the label of the .cls member with the same key, and the .cls members go. */
as_status as_source_pair_shard(as_source *s, const char *path, size_t first, as_err *err);

/* Where the bytes of an entry lie, without reading them. */
typedef struct as_place {
  bool known;        /* false: a pipe's bytes; then size alone is told */
  uint64_t which[2]; /* device and inode of the file */
  uint64_t at, size; /* in it */
} as_place;
/* False: the file is gone. */
bool as_source_place(const as_source *s, const as_entry *e, as_place *place);
/* The last n bytes of an entry, all of them when it has fewer. The blob wants as_dataset_release. Thread-safe. */
as_status as_source_read(const as_source *s, const as_entry *e, uint64_t n, as_blob *blob, as_err *err);

bool as_name_is_image(const char *name); /* by suffix: only for telling images from other files */

#endif
