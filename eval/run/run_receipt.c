/* Receipts: beside a table of a cell or a head in work/ stands NAME.json, which says what it was made from. A run that
 * was cut off finds by them what it need not compute again.
 *
 *   {"version", "commit", "key", "sha256" of the file, "made": what the record will say of it} */
#include <string.h>

#include "eval/run/prints.h"
#include "eval/run/run_int.h"
#include "tensor/base/mem.h"

bool as_receipt_same_build(const as_json *object, const as_build_info *build) {
  const char *version = as_rec_text(object, "version"), *commit = as_rec_text(object, "commit");
  return version && commit && strcmp(version, build->version) == 0 && strcmp(commit, build->commit) == 0;
}

/* Does the receipt belong to this key and to the file as it is? */
static bool is_valid(const as_json *root, const as_build_info *build, const char *key, const char *file) {
  const char *have = as_rec_digits(root, "key"), *sha = as_rec_digits(root, "sha256");
  char hex[65];
  return have && sha && strcmp(have, key) == 0 && as_receipt_same_build(root, build) &&
         as_file_sha256(file, hex, NULL) == AS_OK && strcmp(hex, sha) == 0;
}

const as_json *as_receipt_open(as_json_doc **doc, const as_run_folder *folder, const as_build_info *build,
                               const char *key, const char *name) {
  char *file = as_run_folder_new(folder, NULL, "%s", name),
       *path = as_run_folder_new(folder, NULL, "%s.json", name);
  as_file f = {0};
  const as_json *made = NULL;
  *doc = NULL;
  if (file && path && as_path_kind_of(path) == AS_PATH_FILE && as_file_open(&f, path, NULL) == AS_OK &&
      as_json_parse(doc, (const char *)f.data, f.size, NULL) == AS_OK &&
      is_valid(as_json_root(*doc), build, key, file))
    made = as_json_get(as_json_root(*doc), "made");
  if (!made) as_json_free(doc);
  as_file_close(&f);
  as_free(file);
  as_free(path);
  return made;
}

as_status as_receipt_write(const as_run_folder *folder, const as_build_info *build, const char *key,
                           const char *name, as_receipt_fn *put, const void *ctx, as_err *err) {
  char *file = as_run_folder_new(folder, err, "%s", name),
       *path = as_run_folder_new(folder, err, "%s.json", name);
  as_str text = {0};
  as_jsonw w;
  char hex[65];
  as_status s = file && path ? as_file_sha256(file, hex, err) : AS_E_ENV;
  if (s == AS_OK) {
    as_jsonw_init(&w, &text, true);
    as_jsonw_object(&w);
    as_jsonw_put_str(&w, "version", build->version);
    as_jsonw_put_str(&w, "commit", build->commit);
    as_jsonw_put_str(&w, "key", key);
    as_jsonw_put_str(&w, "sha256", hex);
    as_jsonw_key(&w, "made");
    put(&w, ctx);
    as_jsonw_end(&w);
    s = as_str_status(&text, err);
  }
  if (s == AS_OK) s = as_file_write(path, as_str_c(&text), text.n, err);
  as_str_clear(&text);
  as_free(file);
  as_free(path);
  return s;
}
