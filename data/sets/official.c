/* Labels against file names. The images of ILSVRC2012 carry their class in their names: a training image its wnid, a
 * validation image a number that the built-in list gives a class. Labels from elsewhere (a folder, a list, a shard)
 * must say the same, on any part of the set; the usual mistakes are another numbering of the classes, numbers from 1,
 * and a list in the order of other images. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "data/sets/dataset_int.h"
#include "data/sets/labels.h"
#include "tensor/base/file.h"
#include "tensor/base/log.h"
#include "tensor/base/mem.h"

enum { CLASSES = 1000, WNID_LEN = 9 };

/* The class that an image's name tells, as a rank among the 1000 wnids; -1: none. The folder counts where it did not
 * give the label itself: a wnid, or the number of an ImageNet-V2 folder. */
static int class_in_name(const as_dataset *ds, const char *name) {
  const char *base = as_path_base(name), *p = name;
  int v = as_val_number(name), c = -1;
  if (v > 0) return as_val_labels[v - 1];
  if (strlen(base) > WNID_LEN && base[WNID_LEN] == '_') c = as_wnid_class(base, WNID_LEN);
  bool other = (ds->layout == AS_LAYOUT_LIST && !ds->labelled_by_folder) || ds->layout == AS_LAYOUT_SHARDS;
  bool v2 = strcmp(ds->task->name, "imagenet-v2") == 0 || strstr(ds->path, "imagenetv2") ||
            strstr(name, "imagenetv2");
  for (const char *slash; other && c < 0 && (slash = strchr(p, '/')) != NULL; p = slash + 1) {
    c = as_wnid_class(p, (size_t)(slash - p));
    int64_t number = as_plain_integer(p, (size_t)(slash - p));
    if (v2 && number >= 0 && number < CLASSES) c = (int)number;
  }
  return c;
}

/* The rank of each class of the set among the 1000 wnids, -1 where it is none of them; NULL: out of memory. */
static int16_t *ranks_of(const as_dataset *ds, as_err *err) {
  int16_t *rank = as_alloc(ds->classes.n + 1, sizeof *rank, err);
  for (size_t c = 0; rank && c < ds->classes.n; c++)
    rank[c] = (int16_t)as_wnid_class(ds->classes.name[c], strlen(ds->classes.name[c]));
  return rank;
}

/* Is one of the right answers of r the class of this rank? */
static bool set_has_class(const as_dataset *ds, const as_row *r, const int16_t *rank, int want) {
  for (uint32_t k = 0; k < r->n_real; k++) {
    if (rank[ds->real[r->real + k]] == want) return true;
  }
  return false;
}

as_status as_dataset_compare_names(const as_dataset *ds, as_agreement *a, as_err *err) {
  int16_t there[CLASSES], back[CLASSES];
  memset(a, 0, sizeof *a);
  memset(there, -1, sizeof there);
  memset(back, -1, sizeof back);
  int16_t *rank = ranks_of(ds, err);
  if (!rank) return AS_E_ENV;
  a->renumbered = true;
  for (size_t i = 0; i < ds->n; i++) {
    const as_row *r = &ds->row[i];
    int want = class_in_name(ds, r->name), got = r->label < 0 ? -1 : rank[r->label];
    if (ds->has_real) {
      if (want < 0 || r->n_real == 0 || rank[ds->real[r->real]] < 0) continue;
      a->known++;
      if (!set_has_class(ds, r, rank, want) && a->differ++ == 0) a->first = i;
      continue;
    }
    if (want < 0 || got < 0) continue;
    if (a->known++ == 0) a->shift = got - want;
    if (got - want != a->shift) a->shift = 0;
    if (got != want && a->differ++ == 0) a->first = i;
    if (there[want] < 0 && back[got] < 0) {
      there[want] = (int16_t)got;
      back[got] = (int16_t)want;
    }
    a->renumbered = a->renumbered && there[want] == got && back[got] == want;
  }
  as_free(rank);
  if (a->differ > 0) a->want = class_in_name(ds, ds->row[a->first].name);
  return AS_OK;
}

void as_agreement_text(const as_dataset *ds, const as_agreement *a, char *out, size_t size) {
  const as_row *r = &ds->row[a->first];
  if (ds->has_real) {
    snprintf(
        out, size,
        "%s: its label set lacks class %d (%s), which its name tells; so do %zu of %zu (with ReaL's own file "
        "about 1 in 10 do)",
        r->name, a->want, as_wnids[a->want], a->differ, a->known);
    return;
  }
  const char *why = "";
  if (a->shift != 0 && a->known > 1) {
    why = "; all are off by the same number: wanted numbers from 0";
  } else if (a->renumbered && a->differ > 1) {
    why =
        "; they are another numbering of the same classes (ILSVRC2012 ids are not ranks of sorted wnids): "
        "wanted "
        "ranks, or the classes in the order of the numbers (--classes)";
  }
  snprintf(
      out, size,
      "%s: found label %d (%s), but its name tells class %d (%s); %zu of %zu labels differ from the names%s",
      r->name, (int)r->label, ds->classes.name[r->label], a->want, as_wnids[a->want], a->differ, a->known,
      why);
}

/* ReaL's sets hold the original label of nine images in ten: of so many images, half are not there by chance. */
enum { SURE_SETS = 20 };

as_status as_dataset_trust_labels(const as_dataset *ds, as_err *err) {
  as_agreement a;
  char text[700];
  as_status s = as_dataset_compare_names(ds, &a, err);
  bool most = a.differ * 2 > a.known;
  if (s != AS_OK || a.differ == 0 || (ds->has_real && !most)) return s;
  as_agreement_text(ds, &a, text, sizeof text);
  if (most && (!ds->has_real || a.known >= SURE_SETS))
    return as_fail(err, AS_E_INPUT, "%s: %s", ds->path, text);
  as_log_line(AS_LOG_WARN, "%s: %s", ds->path, text);
  return AS_OK;
}

as_status as_dataset_warn_order(const as_dataset *ds, const char *list, as_err *err) {
  size_t first = SIZE_MAX, known = 0;
  if (ds->classes.n != as_wnids_count || ds->classes.builtin) return AS_OK;
  int16_t *rank = ranks_of(ds, err);
  if (!rank) return AS_E_ENV;
  for (size_t c = 0; c < ds->classes.n; c++) {
    known += rank[c] >= 0;
    if (first == SIZE_MAX && rank[c] != (int)c) first = c;
  }
  as_free(rank);
  if (known == as_wnids_count && first != SIZE_MAX)
    as_log_line(
        AS_LOG_WARN,
        "%s: the 1000 classes of ImageNet in an order of its own (class %zu is %s, sorted it would be %s): "
        "right only for a head that was trained in this order",
        list, first, ds->classes.name[first], as_wnids[first]);
  return AS_OK;
}
