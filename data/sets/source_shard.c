/* The samples of WebDataset shards: members that share a key belong together. */
#include <string.h>

#include "data/sets/source_int.h"
#include "tensor/base/file.h"
#include "tensor/base/text.h"

/* Length of the key: up to the first dot of the base name (webdataset's base_plus_ext). */
static size_t key_len(const char *name) {
  const char *base = as_path_base(name), *dot = strchr(base, '.');
  return dot ? (size_t)(dot - name) : strlen(name);
}

/* What a member of a sample is. */
typedef enum part { PART_IMAGE, PART_CLS, PART_JSON, PARTS } part;

static part part_of(const char *name) {
  const char *dot = strrchr(name, '.');
  return as_name_is_image(name) ? PART_IMAGE : as_same_letters(dot, ".cls") ? PART_CLS : PART_JSON;
}

/* The members [i, end) of one key: the image, with the label that is beside it. *has_image is false when there is
 * nothing but a .json, which is no sample then. */
static as_status pair_sample(const as_source *s, const char *path, size_t i, size_t end, as_entry *out,
                             bool *has_image, as_err *err) {
  static const char *const what[PARTS] = {"image", "label", "label"};
  const char *name = s->pool + s->entry[i].shown;
  size_t at[PARTS] = {SIZE_MAX, SIZE_MAX, SIZE_MAX};
  for (; i < end; i++) {
    const char *other = s->pool + s->entry[i].shown;
    part k = part_of(s->pool + s->entry[i].name);
    if (at[k] != SIZE_MAX)
      return as_fail(err, AS_E_INPUT, "%s: %s: found a second %s of this sample", path, other, what[k]);
    at[k] = i;
  }
  *has_image = at[PART_IMAGE] != SIZE_MAX;
  if (!*has_image && at[PART_CLS] == SIZE_MAX) return AS_OK;
  size_t label = at[PART_CLS] != SIZE_MAX ? at[PART_CLS] : at[PART_JSON];
  if (!*has_image || label == SIZE_MAX)
    return as_fail(err, AS_E_INPUT, "%s: %s: found %s", path, name,
                   *has_image ? "an image without its .cls label" : "a .cls label without its image");
  if (at[PART_CLS] != SIZE_MAX && at[PART_JSON] != SIZE_MAX &&
      s->entry[at[PART_CLS]].label != s->entry[at[PART_JSON]].label)
    return as_fail(err, AS_E_INPUT, "%s: %s: found label %d in the .cls, and %d in the .json", path, name,
                   (int)s->entry[at[PART_CLS]].label, (int)s->entry[at[PART_JSON]].label);
  *out = s->entry[at[PART_IMAGE]];
  out->label = s->entry[label].label;
  return AS_OK;
}

as_status as_source_pair_shard(as_source *s, const char *path, size_t first, as_err *err) {
  size_t kept = first, i = first;
  while (i < s->n) {
    const char *name = s->pool + s->entry[i].name;
    size_t len = key_len(name), end = i;
    for (; end < s->n; end++) {
      const char *other = s->pool + s->entry[end].name;
      if (key_len(other) != len || memcmp(other, name, len) != 0) break;
    }
    as_entry e = {0};
    bool has_image = false;
    as_status st = pair_sample(s, path, i, end, &e, &has_image, err);
    if (st != AS_OK) return st;
    if (has_image) s->entry[kept++] = e;
    i = end;
  }
  s->n = kept;
  return AS_OK;
}
