/* Zip archives: ImageNet-Sketch, ObjectNet, Tiny-ImageNet and what Kaggle sends. */
#include <string.h>

#include "data/sets/source_int.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"

/* Labels in members (.cls) belong to WebDataset, which is tar alone. */
as_status as_source_list_zip(as_source *s, uint32_t box, const char *prefix, as_err *err) {
  as_zip_disk *z = as_calloc(1, sizeof *z, err);
  if (!z) return AS_E_ENV;
  s->box[box].zip = z;
  as_status st = as_zip_disk_open(z, &s->box[box].disk, err);
  for (size_t i = 0; i < z->n && st == AS_OK; i++) {
    const char *name = z->names + z->member[i].name;
    while (name[0] == '/' || (name[0] == '.' && name[1] == '/')) name += name[0] == '/' ? 1 : 2;
    uint64_t size = z->member[i].size;
    if (as_name_is_image(name)) {
      st = as_source_add(s, prefix, name, box, i, size, err);
    } else if (as_path_base(name)[0] != '.') {
      st = as_source_ignore(s, prefix, name, box, i, size, err);
    }
  }
  return st;
}

void as_source_close_zip(as_box *box) {
  if (!box->zip) return;
  as_zip_disk_close(box->zip);
  as_free(box->zip);
  box->zip = NULL;
}
