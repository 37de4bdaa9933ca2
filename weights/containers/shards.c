/* Sharded safetensors: model.safetensors.index.json says which shard holds which tensor. The shards
 * are found by listing the index's own folder for NAME-00001-of-0000N.safetensors; the file names in
 * the JSON are only compared with them, so that no path from inside a file is ever opened. */
#include <stdio.h>
#include <string.h>

#include "tensor/base/json.h"
#include "tensor/base/lines.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"
#include "weights/containers/state_int.h"

enum { MAX_LISTED = 10000 /* tensors of an index; each is looked up in a list */ };

/* STEM-DDDDD-of-DDDDD.safetensors */
static bool is_shard(const char *name, const char *stem, size_t stem_n) {
  if (strncmp(name, stem, stem_n) != 0) return false;
  const char *p = name + stem_n;
  static const char pattern[] = "-#####-of-#####.safetensors";
  for (const char *q = pattern; *q; p++, q++)
    if (*q == '#' ? (*p < '0' || *p > '9') : *p != *q) return false;
  return *p == 0;
}

static as_status read_shards(as_state *s, const as_names *names, const char *dir, const char *stem,
                             size_t stem_n, const as_json *map, as_err *err) {
  size_t shards = 0;
  as_status st = AS_OK;
  for (size_t i = 0; i < names->n && st == AS_OK; i++) {
    if (!is_shard(names->name[i], stem, stem_n)) continue;
    size_t from = s->n, size = 0;
    const uint8_t *data = NULL;
    char *path = as_path_join(dir, names->name[i], err);
    if (!path) return AS_E_ENV;
    st = as_state_map(s, path, &data, &size, err);
    if (st == AS_OK) st = as_state_read_safetensors(s, data, size, path, err);
    as_free(path);
    shards++;
    for (size_t k = from; k < s->n && st == AS_OK; k++) {
      const as_json *where = as_json_get(map, s->entries[k].name);
      if (!where || where->type != AS_JSON_STRING || strcmp(where->text, names->name[i]) != 0)
        st = as_fail(err, AS_E_INPUT, "%s: tensor %s lies in %s, the index says %s", s->path,
                     s->entries[k].name, names->name[i],
                     where && where->type == AS_JSON_STRING ? where->text : "nowhere");
    }
  }
  if (st == AS_OK && shards == 0)
    st = as_fail(err, AS_E_INPUT, "%s: no shard %.*s-*-of-*.safetensors beside it", s->path, (int)stem_n,
                 stem);
  if (st == AS_OK && s->n != map->count)
    st = as_fail(err, AS_E_INPUT, "%s: the index lists %zu tensors, the shards hold %zu (a shard missing?)",
                 s->path, map->count, s->n);
  return st;
}

static as_status check_index(const as_json *map, const as_json_doc *doc, const char *path, as_err *err) {
  const char *base = as_path_base(path);
  if (!map || map->type != AS_JSON_OBJECT)
    return as_fail(err, AS_E_INPUT,
                   "%s: JSON without weight_map; wanted a checkpoint or a safetensors shard index", path);
  if (as_json_duplicate_key(doc))
    return as_fail(err, AS_E_INPUT, "%s: the key %s occurs twice", path, as_json_duplicate_key(doc));
  if (map->count > MAX_LISTED)
    return as_fail(err, AS_E_INPUT, "%s: a shard index of %zu tensors; at most %d are read", path, map->count,
                   (int)MAX_LISTED);
  if (map->child && map->child->type == AS_JSON_STRING && as_ends_with(map->child->text, ".bin"))
    return as_fail(err, AS_E_INPUT,
                   "%s: an index of shards like %s; only safetensors shards are joined (save_pretrained with "
                   "safe_serialization=True writes them)",
                   path, map->child->text);
  if (!as_ends_with(base, ".safetensors.index.json"))
    return as_fail(err, AS_E_INPUT, "%s: a shard index must be called NAME.safetensors.index.json", path);
  return AS_OK;
}

as_status as_state_read_shards(as_state *s, const uint8_t *data, size_t size, const char *path, as_err *err) {
  as_json_doc *doc = NULL;
  char *text = NULL;
  as_status st = as_text_decode(&text, &size, data, size, path, err);
  if (st == AS_OK && (st = as_json_parse(&doc, text, size, err)) != AS_OK) (void)as_fail_in(err, "%s", path);
  as_free(text);
  if (st != AS_OK) return st;
  const as_json *root = as_json_root(doc);
  const as_json *map = root->type == AS_JSON_OBJECT ? as_json_get(root, "weight_map") : NULL;
  const char *base = as_path_base(path);
  as_names names = {0};
  char *dir = NULL;
  st = check_index(map, doc, path, err);
  if (st == AS_OK && !(dir = as_path_dir(path, err))) st = AS_E_ENV;
  if (st == AS_OK) st = as_dir_list(&names, dir, err);
  if (st == AS_OK)
    st = read_shards(s, &names, dir, base, strlen(base) - strlen(".safetensors.index.json"), map, err);
  if (st == AS_OK) s->container = "safetensors-shards";
  as_names_clear(&names);
  as_free(dir);
  as_json_free(&doc);
  return st;
}
