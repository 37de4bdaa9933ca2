/* The samples of WebDataset shards: members that share a key belong together. */
#include <string.h>

#include "data/sets/source_int.h"
#include "tensor/base/file.h"

/* Length of the key: up to the first dot of the base name (webdataset's base_plus_ext). */
static size_t key_len(const char *name) {
  const char *base = as_path_base(name), *dot = strchr(base, '.');
  return dot ? (size_t)(dot - name) : strlen(name);
}

as_status as_source_pair_shard(as_source *s, const char *path, size_t first, as_err *err) {
  size_t kept = first, i = first;
  while (i < s->n) {
    const char *name = s->pool + s->entry[i].name;
    size_t len = key_len(name), end = i, image = SIZE_MAX, cls = SIZE_MAX;
    for (; end < s->n; end++) {
      const char *other = s->pool + s->entry[end].name;
      if (key_len(other) != len || memcmp(other, name, len) != 0) break;
      size_t *slot = as_name_is_image(other) ? &image : &cls;
      if (*slot != SIZE_MAX)
        return as_fail(err, AS_E_INPUT, "%s: %s: found a second %s of this sample", path, other,
                       slot == &cls ? "label" : "image");
      *slot = end;
    }
    if (image == SIZE_MAX || cls == SIZE_MAX)
      return as_fail(err, AS_E_INPUT, "%s: %s: found %s", path, name,
                     cls == SIZE_MAX ? "an image without its .cls label" : "a .cls label without its image");
    as_entry e = s->entry[image];
    e.label = s->entry[cls].label;
    s->entry[kept++] = e;
    i = end;
  }
  s->n = kept;
  return AS_OK;
}
