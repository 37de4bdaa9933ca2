#include "data/sets/dataset.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "data/sets/dataset_int.h"
#include "tensor/base/log.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"

static int rows_by_name(const void *a, const void *b) {
  const as_row *x = a, *y = b;
  if (x->order != y->order) return x->order < y->order ? -1 : 1;
  int c = strcmp(x->name, y->name);
  return c ? c : (x->entry > y->entry) - (x->entry < y->entry);
}

static as_status sort_rows(as_dataset *ds, as_err *err) {
  qsort(ds->row, ds->n, sizeof *ds->row, rows_by_name);
  for (size_t i = 1; i < ds->n; i++) {
    if (ds->row[i].order == ds->row[i - 1].order && strcmp(ds->row[i].name, ds->row[i - 1].name) == 0)
      return as_fail(err, AS_E_INPUT, "%s: found two members called %s", ds->path, ds->row[i].name);
  }
  return AS_OK;
}

/* With a subset only the images of its classes are asked for: on val this is the clean partner of
 * the 200-class sets. */
static as_status keep_subset(as_dataset *ds, as_err *err) {
  size_t kept = 0;
  for (size_t i = 0; i < ds->n; i++) {
    int32_t label = ds->row[i].label;
    if (label < 0 || ds->mask[label]) ds->row[kept++] = ds->row[i];
  }
  if (kept == 0) return as_fail(err, AS_E_INPUT, "%s: found no image of the classes of the subset", ds->path);
  ds->n = kept;
  return AS_OK;
}

/* Rows a..b-1 of each class, counted in the order of names. */
static as_status keep_per_class(as_dataset *ds, int64_t from, int64_t to, as_err *err) {
  if (from < 0 || to <= from)
    return as_fail(err, AS_E_USAGE, "per-class %" PRId64 ":%" PRId64 ": wanted A:B with 0 <= A < B", from,
                   to);
  if (ds->classes.n == 0) return as_fail(err, AS_E_USAGE, "%s: per-class wants labelled data", ds->path);
  int64_t *seen = as_calloc(ds->classes.n, sizeof *seen, err);
  if (!seen) return AS_E_ENV;
  size_t kept = 0;
  for (size_t i = 0; i < ds->n; i++) {
    if (ds->row[i].label < 0) continue;
    int64_t rank = seen[ds->row[i].label]++;
    if (rank >= from && rank < to) ds->row[kept++] = ds->row[i];
  }
  as_free(seen);
  if (kept == 0)
    return as_fail(err, AS_E_INPUT,
                   "%s: found no class with more than %" PRId64 " images (per-class %" PRId64 ":%" PRId64 ")",
                   ds->path, from, from, to);
  ds->n = kept;
  return AS_OK;
}

static as_status select_rows(as_dataset *ds, const as_dataset_opts *o, as_err *err) {
  as_status s = AS_OK;
  if (ds->mask) s = keep_subset(ds, err);
  if (s == AS_OK && (o->per_class_from != 0 || o->per_class_to != 0))
    s = keep_per_class(ds, o->per_class_from, o->per_class_to, err);
  if (s != AS_OK) return s;
  if (o->limit < 0) return as_fail(err, AS_E_USAGE, "limit %" PRId64 ": wanted 0 (all) or more", o->limit);
  if (o->limit > 0 && (uint64_t)o->limit < ds->n) ds->n = (size_t)o->limit;
  if (o->shards != 0) {
    if (o->shards < 0 || o->shard < 0 || o->shard >= o->shards || o->shards > INT32_MAX)
      return as_fail(err, AS_E_USAGE, "shard %" PRId64 "/%" PRId64 ": wanted I/N with 0 <= I < N", o->shard,
                     o->shards);
    /* contiguous, so that shards joined in order are the whole; n < 2^32 and shards < 2^31 */
    size_t a = (size_t)((uint64_t)ds->n * (uint64_t)o->shard / (uint64_t)o->shards);
    size_t b = (size_t)((uint64_t)ds->n * (uint64_t)(o->shard + 1) / (uint64_t)o->shards);
    if (a == b)
      return as_fail(err, AS_E_USAGE,
                     "shard %" PRId64 "/%" PRId64 ": wanted at most as many shards as images (%zu)", o->shard,
                     o->shards, ds->n);
    memmove(ds->row, ds->row + a, (b - a) * sizeof *ds->row);
    ds->n = b - a;
  }
  return AS_OK;
}

/* Parts of ImageNet-V2, and the 20 classes of CIFAR-100 instead of its 100. */
static as_status check_flavour_name(const char *flavour, as_err *err) {
  static const char *const names[] = {"matched-frequency", "threshold-0.7", "top-images", "coarse"};
  char mean[AS_MEAN_MAX];
  for (size_t i = 0; flavour && i < sizeof names / sizeof *names; i++)
    if (strcmp(flavour, names[i]) == 0) flavour = NULL;
  if (!flavour) return AS_OK;
  return as_fail(err, AS_E_USAGE,
                 "flavour: found '%s', wanted matched-frequency, threshold-0.7, top-images or coarse%s",
                 flavour, as_did_you_mean(mean, flavour, names, sizeof names / sizeof *names));
}

static as_status find_task(as_dataset *ds, const as_dataset_opts *o, as_err *err) {
  ds->task = as_task_find(o->task);
  if (!ds->task) {
    size_t n;
    as_task_list(&n);
    const char *near = as_nearest(o->task, as_task_names(), n);
    return as_fail(err, AS_E_USAGE, "task %s: wanted one of folder, imagenet-val, ...%s%s%s", o->task,
                   near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
  }
  if (ds->task->rule == AS_RULE_ANY && !o->real)
    return as_fail(err, AS_E_USAGE, "%s: task %s wants the label sets (real = FILE.json)", o->path,
                   ds->task->name);
  return AS_OK;
}

/* The list of labels that lies beside the images (Tiny-ImageNet's). */
static as_status label_by_side_list(as_dataset *ds, as_err *err) {
  const char *name = ds->source.pool + ds->source.side.shown;
  as_blob blob = {0};
  as_lines l = {0};
  char *text;
  size_t n;
  as_status s = as_source_read(&ds->source, &ds->source.side, UINT64_MAX, &blob, err);
  if (s == AS_OK) s = as_text_decode(&text, &n, blob.p, blob.n, name, err);
  if (s == AS_OK) s = as_lines_take(&l, text, true, err);
  if (s == AS_OK) s = as_dataset_label_lines(ds, name, &l, err);
  if (s == AS_OK) as_log_line(AS_LOG_INFO, "%s: labels are those of %s", ds->path, name);
  as_lines_clear(&l);
  as_dataset_release(&blob);
  return s;
}

static as_status open_rows(as_dataset *ds, const as_dataset_opts *o, as_err *err) {
  as_status s = find_task(ds, o, err);
  if (s == AS_OK) s = check_flavour_name(o->flavour, err);
  if (s == AS_OK)
    s = as_source_open(&ds->source, ds->path, o->files, o->n_files,
                       o->flavour && strcmp(o->flavour, "coarse") == 0, err);
  if (s != AS_OK) return s;
  ds->n = ds->source.n;
  if (ds->n > UINT32_MAX) return as_fail(err, AS_E_INPUT, "%s: found %zu images, too many", ds->path, ds->n);
  ds->row = as_alloc(ds->n, sizeof *ds->row, err);
  if (!ds->row) return AS_E_ENV;
  for (size_t i = 0; i < ds->n; i++) {
    const char *name = ds->source.pool + ds->source.entry[i].shown;
    ds->row[i] = (as_row){.name = name, .entry = (uint32_t)i, .label = -1};
  }
  s = as_dataset_give_classes(ds, o, err);
  if (s == AS_OK) s = as_dataset_find_layout(ds, o, err);
  if (s == AS_OK) s = as_dataset_label(ds, o, err);
  if (s == AS_OK) s = sort_rows(ds, err);
  if (s == AS_OK && ds->layout == AS_LAYOUT_LIST)
    s = o->labels                  ? as_dataset_label_list(ds, o->labels, err)
        : ds->source.with_text > 0 ? as_dataset_label_texts(ds, err)
                                   : label_by_side_list(ds, err);
  if (s == AS_OK && o->real) s = as_dataset_read_real(ds, o->real, err);
  for (size_t i = 0; i < ds->n && s == AS_OK && ds->has_real; i++) { /* ImageNet-Hard has no single label */
    as_row *r = &ds->row[i];
    if (r->label < 0 && r->n_real > 0) r->label = ds->real[r->real];
  }
  const char *subset = o->subset && *o->subset ? o->subset : ds->task->subset;
  if (s == AS_OK && subset)
    s = ds->task->rule == AS_RULE_MAX
            ? as_fail(err, AS_E_USAGE, "%s: task %s has its own classes, no subset", ds->path, ds->task->name)
            : as_dataset_read_subset(ds, subset, err);
  if (s == AS_OK && ds->task->subset && !o->subset && ds->mask) {
    for (size_t i = 0; i < ds->n && s == AS_OK; i++) {
      if (!ds->mask[ds->row[i].label])
        s = as_fail(err, AS_E_INPUT, "%s: %s: found class %s, which is none of the 200 classes of %s",
                    ds->path, ds->row[i].name, ds->classes.name[ds->row[i].label], ds->task->name);
    }
  }
  if (s == AS_OK) s = select_rows(ds, o, err);
  if (s == AS_OK && ds->classes.n > 0) {
    ds->present = as_calloc(ds->classes.n, 1, err);
    if (!ds->present) return AS_E_ENV;
    for (size_t i = 0; i < ds->n; i++) {
      if (ds->row[i].label >= 0) ds->present[ds->row[i].label] = 1;
    }
  }
  if (s == AS_OK && ds->source.ignored > 0)
    as_log_line(AS_LOG_INFO, "%s: %zu files that are no images were left out (the first is %s)", ds->path,
                ds->source.ignored, ds->source.first_ignored);
  return s;
}

as_status as_dataset_open(as_dataset **out, const as_dataset_opts *opts, as_err *err) {
  as_status s = as_dataset_open_as_is(out, opts, err);
  if (s == AS_OK) s = as_dataset_trust_labels(*out, err);
  if (s != AS_OK) as_dataset_close(out);
  return s;
}

as_status as_dataset_open_as_is(as_dataset **out, const as_dataset_opts *opts, as_err *err) {
  *out = NULL;
  const char *path = opts->n_files > 0 ? opts->files[0] : opts->path;
  if (!path || !*path) return as_fail(err, AS_E_USAGE, "no dataset named: wanted a folder or an archive");
  as_dataset *ds = as_calloc(1, sizeof *ds, err);
  if (!ds) return AS_E_ENV;
  ds->path = as_path_join(NULL, path, err); /* "~/" too */
  ds->flavour = opts->flavour ? as_strdup(opts->flavour, err) : NULL;
  as_status s = ds->path && (ds->flavour || !opts->flavour) ? open_rows(ds, opts, err) : AS_E_ENV;
  if (s == AS_OK && opts->want_labels) s = as_dataset_want_labels(ds, err);
  if (s != AS_OK) as_dataset_close(&ds);
  *out = ds;
  return s;
}

void as_dataset_close(as_dataset **dataset) {
  as_dataset *ds = *dataset;
  if (!ds) return;
  as_source_close(&ds->source);
  as_classes_clear(&ds->classes);
  as_free(ds->path);
  as_free(ds->flavour);
  as_free(ds->row);
  as_free(ds->real);
  as_free(ds->mask);
  as_free(ds->present);
  as_free(ds);
  *dataset = NULL;
}

size_t as_dataset_count(const as_dataset *ds) {
  return ds->n;
}

bool as_dataset_is_loose(const as_dataset *ds) {
  return ds->source.picked && ds->layout == AS_LAYOUT_UNLABELLED;
}

as_status as_dataset_want_labels(const as_dataset *ds, as_err *err) {
  for (size_t i = 0; i < ds->n; i++) {
    if (ds->has_real ? ds->row[i].n_real > 0 : ds->row[i].label >= 0) return AS_OK;
  }
  if (ds->has_real)
    return as_fail(err, AS_E_INPUT, "%s: the label sets of all %zu images are empty", ds->path, ds->n);
  return as_fail(
      err, AS_E_INPUT,
      "%s: none of the %zu images has a label (the first is %s): found no class folders, no .cls members, no "
      "wnids or ILSVRC2012 numbers in their names; wanted a list of labels (--labels)",
      ds->path, ds->n, ds->row[0].name);
}

as_item as_dataset_item(const as_dataset *ds, size_t i) {
  const as_row *r = &ds->row[i];
  as_item item = {.name = r->name, .label = r->label};
  if (ds->has_real) {
    item.labels = ds->real + r->real;
    item.n_labels = (int)r->n_real;
  }
  return item;
}

size_t as_dataset_classes(const as_dataset *ds) {
  return ds->classes.n;
}
const char *as_dataset_class_name(const as_dataset *ds, size_t c) {
  return ds->classes.name[c];
}

int as_dataset_class_find(const as_dataset *ds, const char *name) {
  return as_classes_find(&ds->classes, name, strlen(name));
}
const uint8_t *as_dataset_mask(const as_dataset *ds) {
  return ds->mask;
}
const uint8_t *as_dataset_present(const as_dataset *ds) {
  return ds->present;
}
const char *as_dataset_task(const as_dataset *ds) {
  return ds->task->name;
}

/* ---- bytes ------------------------------------------------------------------------------------ */

static const as_entry *entry_of(const as_dataset *ds, size_t i) {
  return &ds->source.entry[ds->row[i].entry];
}

bool as_dataset_place(const as_dataset *ds, size_t i, as_place *place) {
  return as_source_place(&ds->source, entry_of(ds, i), place);
}

as_status as_dataset_read_end(const as_dataset *ds, size_t i, uint64_t n, as_blob *blob, as_err *err) {
  return as_source_read(&ds->source, entry_of(ds, i), n, blob, err);
}

as_status as_dataset_read(const as_dataset *ds, size_t i, as_blob *blob, as_err *err) {
  return as_source_read(&ds->source, entry_of(ds, i), UINT64_MAX, blob, err);
}
