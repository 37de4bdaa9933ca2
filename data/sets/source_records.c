/* The binary files of CIFAR-10, CIFAR-100 and STL-10: records of pixels, with their labels.
 *
 *   CIFAR-10    data_batch_1.bin ... 5, test_batch.bin     label, 3072 bytes
 *   CIFAR-100   train.bin, test.bin                        coarse label, fine label, 3072 bytes
 *   STL-10      train_X.bin, test_X.bin, unlabeled_X.bin   27648 bytes; labels from 1 on in train_y.bin, test_y.bin
 *
 * Sources: cs.toronto.edu/~kriz/cifar.html and cs.stanford.edu/~acoates/stl10. What is found while a folder or an
 * archive is listed is noted, with labels and names of classes; when there are no images, it is used. */
#include <string.h>

#include "data/sets/source_int.h"
#include "tensor/base/lines.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"

typedef enum record_kind {
  CIFAR10,
  CIFAR100,
  STL10,
  LAST_IMAGES = STL10,
  STL10_LABELS,
  CLASS_NAMES,
  KINDS
} record_kind;

static const struct {
  size_t labels, pixels; /* bytes of a record; 0: no records */
  uint64_t most;         /* bytes of the whole file that are believable; 0: any */
  int record;
  size_t classes;
  const char *names; /* of the classes, where no file tells them */
  const char *names_file;
} sets[KINDS] = {
    [CIFAR10] = {1, 3072, 0, AS_RECORD_CIFAR, 10,
                 "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n",
                 "batches.meta.txt"},
    [CIFAR100] = {2, 3072, 0, AS_RECORD_CIFAR, 100, NULL, "fine_label_names.txt"},
    [STL10] = {0, 27648, 0, AS_RECORD_STL, 10,
               "airplane\nbird\ncar\ncat\ndeer\ndog\nhorse\nmonkey\nship\ntruck\n", "class_names.txt"},
    [STL10_LABELS] = {0, 0, 1 << 24, 0, 0, NULL, NULL},
    [CLASS_NAMES] = {0, 0, 1 << 16, 0, 0, NULL, NULL},
};
enum { COARSE_CLASSES = 20 };
#define COARSE_NAMES "coarse_label_names.txt"

/* What a file is, by its name; -1: nothing that is known here. */
static int kind_of_name(const char *base) {
  if (as_starts_with(base, "data_batch") || as_starts_with(base, "test_batch"))
    return as_ends_with(base, ".bin") ? CIFAR10 : -1;
  if (strcmp(base, "train.bin") == 0 || strcmp(base, "test.bin") == 0) return CIFAR100;
  if (as_ends_with(base, "_X.bin")) return STL10;
  if (as_ends_with(base, "_y.bin")) return STL10_LABELS;
  for (int k = 0; k <= LAST_IMAGES; k++) {
    if (strcmp(base, sets[k].names_file) == 0) return CLASS_NAMES;
  }
  return strcmp(base, COARSE_NAMES) == 0 ? CLASS_NAMES : -1;
}

bool as_source_may_be_records(const char *name) {
  return kind_of_name(as_path_base(name)) >= 0;
}

as_status as_source_note_records(as_source *s, const as_record_file *f, as_tar_fetch fetch, void *ctx,
                                 uint64_t at, as_err *err) {
  int k = kind_of_name(as_path_base(f->name));
  if (k < 0 || f->size == 0 || (sets[k].most > 0 && f->size > sets[k].most)) return AS_OK;
  size_t step = sets[k].labels + sets[k].pixels, got;
  if (step > 0 && f->size % step != 0) return AS_OK;
  void *p = s->records;
  as_status st = as_grow(&p, &s->records_cap, s->n_records + 1, sizeof *s->records, err);
  s->records = p;
  if (st != AS_OK) return st;
  as_record_file *r = &s->records[s->n_records++];
  *r = *f;
  r->kind = k;
  r->n = step > 0 ? (size_t)(f->size / step) : (size_t)f->size;
  r->name = as_strdup(f->name, err);
  r->side = as_calloc(r->n + 1, 2, err);
  if (!r->name || !r->side) return AS_E_ENV;
  if (step == 0) return fetch(ctx, at, r->n, r->side, &got, err);
  for (size_t i = 0; i < r->n && sets[k].labels > 0 && st == AS_OK; i++)
    st = fetch(ctx, at + i * step, sets[k].labels, r->side + 2 * i, &got, err);
  return st;
}

as_status as_source_note_file(as_source *s, const char *path, const char *name, as_err *err) {
  int64_t size = as_path_size(path);
  as_record_file f = {.name = (char *)(uintptr_t)name, .size = (uint64_t)size, .wanted = true};
  if (size <= 0) return AS_OK;
  as_status st = as_source_add_box(s, path, &f.box, err);
  if (st != AS_OK) return st;
  as_disk *disk = &s->box[f.box].disk;
  if ((st = as_disk_open(disk, s->box[f.box].path, err)) != AS_OK) return st;
  as_disk_part part = {disk, 0, disk->size};
  st = as_source_note_records(s, &f, as_disk_fetch, &part, 0, err);
  as_disk_rest(disk);
  return st;
}

/* ---- which of them ---------------------------------------------------------------------------- */

static bool is_wanted_image(const as_record_file *r) {
  return r->kind <= LAST_IMAGES && r->wanted;
}

/* "train", "test" or "unlabeled": what must not be mixed. */
static const char *part_of(const as_record_file *r) {
  const char *base = as_path_base(r->name);
  return as_starts_with(base, "test") ? "test" : as_starts_with(base, "unl") ? "unlabeled" : "training";
}

static as_status check_parts(const as_source *s, const as_record_file **first, as_err *err) {
  *first = NULL;
  for (size_t i = 0; i < s->n_records; i++) {
    const as_record_file *r = &s->records[i], *f = *first;
    if (!is_wanted_image(r)) continue;
    if (!f) {
      *first = r;
    } else if (f->kind != r->kind) {
      return as_fail(err, AS_E_INPUT, "%s: found %s and %s, which are of different sets", s->path, f->name,
                     r->name);
    } else if (strcmp(part_of(f), part_of(r)) != 0) {
      return as_fail(
          err, AS_E_INPUT,
          "%s: found %s and %s, the %s and the %s part; wanted one of them: name it behind the path (%s/%s)",
          s->path, f->name, r->name, part_of(f), part_of(r), s->path, as_path_base(r->name));
    }
  }
  return AS_OK;
}

/* The file in r's folder with this name, or NULL. */
static const as_record_file *file_beside(const as_source *s, const as_record_file *r, const char *name) {
  size_t dir = (size_t)(as_path_base(r->name) - r->name);
  for (size_t i = 0; i < s->n_records; i++) {
    const char *other = s->records[i].name;
    if (strncmp(other, r->name, dir) == 0 && strcmp(other + dir, name) == 0) return &s->records[i];
  }
  return NULL;
}

/* ---- labels and classes ----------------------------------------------------------------------- */

static as_status name_classes(as_source *s, const as_record_file *r, as_err *err) {
  size_t want = r->kind == CIFAR100 && s->coarse ? COARSE_CLASSES : sets[r->kind].classes, n;
  const as_record_file *f =
      file_beside(s, r, r->kind == CIFAR100 && s->coarse ? COARSE_NAMES : sets[r->kind].names_file);
  as_str numbers = {0};
  char *text = NULL;
  for (size_t i = 0; i < want && !f && !sets[r->kind].names; i++) as_str_printf(&numbers, "%zu\n", i);
  const char *known = sets[r->kind].names ? sets[r->kind].names : as_str_c(&numbers);
  as_status st = as_str_status(&numbers, err);
  if (st == AS_OK)
    st = as_text_decode(&text, &n, f ? (const char *)f->side : known, f ? f->n : strlen(known), r->name, err);
  as_str_clear(&numbers);
  if (st == AS_OK) st = as_lines_take(&s->class_names, text, true, err);
  if (st == AS_OK && s->class_names.n != want)
    st = as_fail(err, AS_E_INPUT, "%s: %s: found %zu classes, wanted %zu", s->path, f ? f->name : "",
                 s->class_names.n, want);
  return st;
}

/* Label of record i; y: STL-10's file of labels, or NULL. */
static int label_at(const as_source *s, const as_record_file *r, const as_record_file *y, size_t i) {
  if (r->kind == CIFAR10) return r->side[2 * i];
  if (r->kind == CIFAR100) return r->side[2 * i + (s->coarse ? 0 : 1)];
  return y ? y->side[i] - 1 : AS_NO_LABEL;
}

static as_status add_records(as_source *s, const as_record_file *r, as_err *err) {
  size_t step = sets[r->kind].labels + sets[r->kind].pixels;
  const char *base = as_path_base(r->name);
  char name[80], labels[80];
  int stem = (int)(strlen(base) < 60 ? strlen(base) - 4 : 56); /* without ".bin" */
  snprintf(labels, sizeof labels, "%.*sy.bin", stem - 1, base);
  const as_record_file *y = r->kind == STL10 ? file_beside(s, r, labels) : NULL;
  if (y && y->n != r->n)
    return as_fail(err, AS_E_INPUT, "%s: %s: found %zu labels, wanted %zu", s->path, y->name, y->n, r->n);
  as_status st = AS_OK;
  for (size_t i = 0; i < r->n && st == AS_OK; i++) {
    int label = label_at(s, r, y, i);
    if ((r->kind != STL10 || y) && (label < 0 || (size_t)label >= s->class_names.n))
      return as_fail(err, AS_E_INPUT, "%s: %s: image %zu: found label %d, wanted one of %zu classes", s->path,
                     r->name, i, label, s->class_names.n);
    snprintf(name, sizeof name, "%.*s/%05zu", stem, base, i);
    st = as_source_add(s, NULL, name, r->box, r->at + i * step + sets[r->kind].labels, sets[r->kind].pixels,
                       err);
    if (st != AS_OK) break;
    s->entry[s->n - 1].label = label;
    s->entry[s->n - 1].record = (uint8_t)sets[r->kind].record;
  }
  return st;
}

as_status as_source_use_records(as_source *s, as_err *err) {
  const as_record_file *first;
  char *inner = s->inner;
  as_status st = check_parts(s, &first, err);
  if (st == AS_OK && first) st = name_classes(s, first, err);
  if (first) s->ignored = 0; /* they are what the set consists of */
  s->inner = NULL;           /* it chose among files, not among the images in them */
  for (size_t i = 0; i < s->n_records && st == AS_OK; i++) {
    if (is_wanted_image(&s->records[i])) st = add_records(s, &s->records[i], err);
  }
  s->inner = inner;
  return st;
}

void as_source_drop_records(as_source *s) {
  for (size_t i = 0; i < s->n_records; i++) {
    as_free(s->records[i].name);
    as_free(s->records[i].side);
  }
  as_free(s->records);
  as_lines_clear(&s->class_names);
}
