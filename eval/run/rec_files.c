/* Are a run's files what its record says they are? */
#include <stdio.h>
#include <string.h>

#include "eval/run/rec.h"
#include "eval/run/record.h"
#include "tensor/base/hash/sha256.h"

as_rec_seal as_rec_check_seal(const as_rec *r) {
  const char *sha = as_rec_digits(r->root, AS_RECORD_SEAL), *text = (const char *)r->file.data;
  char line[40], hex[65];
  if (!as_json_get(r->root, AS_RECORD_SEAL)) return AS_SEAL_NONE;
  const size_t n = (size_t)snprintf(line, sizeof line, "\n  \"%s\": ", AS_RECORD_SEAL);
  if (!sha) return AS_SEAL_BROKEN;
  for (size_t at = r->file.size > n ? r->file.size - n : 0; at > 0; at--) {
    if (memcmp(text + at, line, n) != 0) continue;
    as_sha256_of(text, at + 1, hex);
    return strcmp(hex, sha) == 0 ? AS_SEAL_HOLDS : AS_SEAL_BROKEN;
  }
  return AS_SEAL_BROKEN;
}

as_status as_rec_check_files(const as_rec *r, as_rec_file_fn *found, void *ctx, as_err *err) {
  for (const as_json *e = as_rec_list(r, "files"); e; e = e->next) {
    const char *name = as_rec_text(e, "name");
    char hex[65];
    as_file f = {0};
    const bool there = as_rec_has_file(r, "%s", name);
    as_status s = there ? as_rec_file(r, &f, err, "%s", name) : AS_OK;
    if (s != AS_OK) return s;
    if (there) as_sha256_of(f.data, f.size, hex);
    found(ctx, name, as_rec_digits(e, "sha256"), there ? hex : NULL);
    as_file_close(&f);
  }
  return AS_OK;
}
