/* ObjectNet: 313 folders, of which 113 are classes that ImageNet has too, many to one. The mapping is
 * read from the four files that come with the set:
 *
 *   folder_to_objectnet_label.json   folder -> ObjectNet label
 *   objectnet_to_imagenet_1k.json    ObjectNet label -> "ImageNet label; ImageNet label; ..."
 *   imagenet_to_label_2012_v2        line i: the ImageNet label of the i-th ILSVRC2012 id
 *   pytorch_to_imagenet_2012_id.json class (rank of the sorted wnid) -> ILSVRC2012 id
 *
 * Published rule: the largest logit of each group, argmax over the 113 groups. That is the argmax over
 * the union of the groups' classes, right when it falls into the image's group: so an item gets the
 * classes of its group as labels, and the mask is the union. (Top-5 counts classes, not groups.) */
#include <inttypes.h>
#include <string.h>

#include "data/sets/dataset_int.h"
#include "data/sets/labels.h"
#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tensor/base/lines.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"

enum { CLASSES = 1000 };

typedef struct mapping {
  char *dir;
  as_json_doc *folders, *groups, *ids;
  as_lines names;
  int16_t class_of_line[CLASSES];
} mapping;

static as_status read_mapping_json(const mapping *m, const char *name, as_json_doc **doc, as_err *err) {
  char *path = as_path_join(m->dir, name, err);
  if (!path) return AS_E_ENV;
  as_status s = as_json_load(doc, path, err);
  if (s == AS_OK && as_json_root(*doc)->type != AS_JSON_OBJECT)
    s = as_fail(err, AS_E_INPUT, "%s: wanted a JSON object", path);
  as_free(path);
  return s;
}

/* mappings/ lies beside images/: in the folder that was named, below it, or beside it. */
static as_status find_dir(mapping *m, const char *path, as_err *err) {
  static const char *const places[] = {"mappings", "objectnet-1.0/mappings", "../mappings"};
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    m->dir = as_path_join(path, places[i], err);
    if (!m->dir) return AS_E_ENV;
    if (as_path_kind_of(m->dir) == AS_PATH_DIR) return AS_OK;
    as_free(m->dir);
    m->dir = NULL;
  }
  return as_fail(err, AS_E_INPUT,
                 "%s: found no folder mappings, which comes with ObjectNet and tells its classes", path);
}

/* The ids count from 0 or from 1; a permutation of 1000 of them tells which. */
static as_status read_ids(mapping *m, as_err *err) {
  int64_t least = INT64_MAX;
  const as_json *root = as_json_root(m->ids);
  memset(m->class_of_line, -1, sizeof m->class_of_line);
  for (int pass = 0; pass < 2; pass++) {
    for (const as_json *v = root->child; v; v = v->next) {
      int64_t id, c = as_plain_integer(v->key, v->key_len);
      bool number =
          as_json_i64(v, &id) || (v->type == AS_JSON_STRING && as_parse_i64(v->text, 0, CLASSES, &id));
      if (!number || id < 0 || id > CLASSES || c < 0 || c >= CLASSES)
        return as_fail(err, AS_E_INPUT,
                       "%s/pytorch_to_imagenet_2012_id.json: %s: wanted class -> id, both below 1001", m->dir,
                       v->key);
      if (id < least) least = id;
      if (pass == 1 && id - least < CLASSES) m->class_of_line[id - least] = (int16_t)c;
    }
  }
  return AS_OK;
}

static as_status open_mapping(mapping *m, const char *path, as_err *err) {
  as_status s = find_dir(m, path, err);
  if (s == AS_OK) s = read_mapping_json(m, "folder_to_objectnet_label.json", &m->folders, err);
  if (s == AS_OK) s = read_mapping_json(m, "objectnet_to_imagenet_1k.json", &m->groups, err);
  if (s == AS_OK) s = read_mapping_json(m, "pytorch_to_imagenet_2012_id.json", &m->ids, err);
  if (s == AS_OK) s = read_ids(m, err);
  if (s != AS_OK) return s;
  char *names = as_path_join(m->dir, "imagenet_to_label_2012_v2", err);
  if (!names) return AS_E_ENV;
  s = as_lines_read(&m->names, names, true, err);
  if (s == AS_OK && m->names.n != CLASSES)
    s = as_fail(err, AS_E_INPUT, "%s: found %zu labels, wanted %d", names, m->names.n, CLASSES);
  as_free(names);
  return s;
}

static void close_mapping(mapping *m) {
  as_free(m->dir);
  as_json_free(&m->folders);
  as_json_free(&m->groups);
  as_json_free(&m->ids);
  as_lines_clear(&m->names);
}

/* Adds the classes of "tennis racket, racket; ..." to the dataset's label sets and to the mask. */
static as_status add_group(as_dataset *ds, const mapping *m, const as_json *group, uint32_t *first,
                           uint32_t *n, as_err *err) {
  *first = (uint32_t)ds->n_reals;
  *n = 0;
  for (const char *p = group->text, *end; *p; p = *end ? end + 2 : end) {
    end = strstr(p, "; ");
    if (!end) end = p + strlen(p);
    size_t len = (size_t)(end - p), line = 0;
    while (line < m->names.n && (strncmp(m->names.line[line], p, len) != 0 || m->names.line[line][len]))
      line++;
    int c = line < m->names.n ? m->class_of_line[line] : -1;
    if (c < 0)
      return as_fail(err, AS_E_INPUT,
                     "%s/objectnet_to_imagenet_1k.json: %s: found label \"%.*s\", which is no class", m->dir,
                     group->key, (int)(len > 80 ? 80 : len), p);
    void *q = ds->real;
    as_status s = as_grow(&q, &ds->reals_cap, ds->n_reals + 1, sizeof *ds->real, err);
    ds->real = q;
    if (s != AS_OK) return s;
    ds->real[ds->n_reals++] = c;
    ds->mask[c] = 1;
    (*n)++;
  }
  if (*n == 0)
    return as_fail(err, AS_E_INPUT, "%s/objectnet_to_imagenet_1k.json: %s: found no label", m->dir,
                   group->key);
  return AS_OK;
}

static const as_json *group_of(const mapping *m, const char *folder, size_t len, const char *where,
                               as_err *err, as_status *s) {
  char key[256];
  if (len >= sizeof key) len = sizeof key - 1;
  memcpy(key, folder, len);
  key[len] = '\0';
  const as_json *label = as_json_get(as_json_root(m->folders), key);
  if (!label || label->type != AS_JSON_STRING) {
    *s = as_fail(err, AS_E_INPUT,
                 "%s: class folder %s: found no such folder in %s/folder_to_objectnet_label.json", where, key,
                 m->dir);
    return NULL;
  }
  const as_json *group = as_json_get(as_json_root(m->groups), label->text);
  return group && group->type == AS_JSON_STRING ? group : NULL; /* NULL: not among ImageNet's classes */
}

static as_status label_groups(as_dataset *ds, const mapping *m, as_err *err) {
  size_t kept = 0, last_len = 0;
  const char *last = NULL;
  const as_json *group = NULL;
  uint32_t first = 0, n = 0;
  as_status s = AS_OK;
  /* every group takes part in the argmax, whether it has an image here or not */
  for (const as_json *g = as_json_root(m->groups)->child; g && s == AS_OK; g = g->next) {
    s = g->type == AS_JSON_STRING
            ? add_group(ds, m, g, &first, &n, err)
            : as_fail(err, AS_E_INPUT, "%s/objectnet_to_imagenet_1k.json: %s: wanted labels as text", m->dir,
                      g->key);
  }
  for (size_t i = 0; i < ds->n && s == AS_OK; i++) {
    as_row r = ds->row[i];
    size_t len = strcspn(r.name, "/");
    if (!last || len != last_len || memcmp(last, r.name, len) != 0) {
      last = r.name;
      last_len = len;
      group = group_of(m, r.name, len, ds->path, err, &s);
      if (group && s == AS_OK) s = add_group(ds, m, group, &first, &n, err);
    }
    if (!group || s != AS_OK) continue;
    r.real = first;
    r.n_real = n;
    r.label = ds->real[first];
    ds->row[kept++] = r;
  }
  if (s == AS_OK && kept == 0)
    s = as_fail(err, AS_E_INPUT, "%s: found no image of the classes that ImageNet has too", ds->path);
  if (s == AS_OK) ds->n = kept;
  return s;
}

as_status as_dataset_label_objectnet(as_dataset *ds, as_err *err) {
  mapping m = {0};
  as_status s = as_classes_imagenet(&ds->classes, err);
  if (s != AS_OK) return s;
  ds->mask = as_calloc(ds->classes.n, 1, err);
  if (!ds->mask) return AS_E_ENV;
  s = open_mapping(&m, ds->path, err);
  if (s == AS_OK) s = label_groups(ds, &m, err);
  close_mapping(&m);
  ds->has_real = s == AS_OK;
  return s;
}
