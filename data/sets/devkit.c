#include "data/sets/devkit.h"

#include <inttypes.h>
#include <string.h>

#include "data/archive/matfile.h"
#include "data/archive/tar.h"
#include "data/sets/labels.h"
#include "tensor/base/file.h"
#include "tensor/base/mem.h"
#include "tensor/base/pack/gzip.h"

enum { MEMBER_MAX = 1 << 26, IDS = 1000 };

/* The leaf synsets have ids 1..1000; what is above them in WordNet's tree has larger ones. */
typedef struct id_map {
  int16_t class_of[IDS + 1];
  size_t element;
  double id;
  char wnid[64];
  size_t known;
} id_map;

static as_status settle_id(id_map *m, as_err *err) {
  if (!(m->id >= 1 && m->id <= IDS) || m->wnid[0] == '\0') return AS_OK;
  int id = (int)m->id, c = as_wnid_class(m->wnid, strlen(m->wnid));
  if (c < 0 || m->class_of[id] >= 0)
    return as_fail(err, AS_E_INPUT, "meta.mat: ILSVRC2012 id %d: found %s %s", id, m->wnid,
                   c < 0 ? "which is none of the 1000 wnids" : "for an id that has a wnid already");
  m->class_of[id] = (int16_t)c;
  m->known++;
  m->id = 0;
  m->wnid[0] = '\0';
  return AS_OK;
}

static as_status visit_synset(void *ctx, const as_mat_field *f, as_err *err) {
  id_map *m = ctx;
  if (f->element != m->element) {
    m->element = f->element;
    m->id = 0;
    m->wnid[0] = '\0';
  }
  if (strcmp(f->name, "ILSVRC2012_ID") == 0 && f->number) {
    m->id = f->value;
  } else if (strcmp(f->name, "WNID") == 0) {
    memcpy(m->wnid, f->text, sizeof m->wnid);
  } else {
    return AS_OK;
  }
  return settle_id(m, err);
}

/* Lines of one id each. */
static as_status ground_truth(const uint8_t *p, size_t n, const id_map *m, uint16_t *labels, as_err *err) {
  size_t count = 0, i = 0;
  while (i < n) {
    int id = 0;
    size_t start = i;
    for (; i < n && p[i] >= '0' && p[i] <= '9' && id <= IDS; i++) id = id * 10 + (p[i] - '0');
    if (i == start || id < 1 || id > IDS || (i < n && p[i] != '\n' && p[i] != '\r'))
      return as_fail(err, AS_E_INPUT, "ground truth, line %zu: wanted an ILSVRC2012 id 1..%d", count + 1,
                     IDS);
    while (i < n && (p[i] == '\n' || p[i] == '\r')) i++;
    if (count == as_val_labels_count)
      return as_fail(err, AS_E_INPUT, "ground truth: found over %zu lines", count);
    labels[count++] = (uint16_t)m->class_of[id];
  }
  if (count != as_val_labels_count)
    return as_fail(err, AS_E_INPUT, "ground truth: found %zu lines, wanted %zu", count, as_val_labels_count);
  return AS_OK;
}

/* A member's bytes; the archive is small enough to take two passes. */
static as_status read_kit_member(const char *path, const char *suffix, uint8_t **out, size_t *n,
                                 as_err *err) {
  as_gzip *g;
  as_tar t;
  as_tar_member m;
  bool got;
  *out = NULL;
  as_status s = as_gzip_open(&g, path, err);
  if (s != AS_OK) return s;
  as_tar_init(&t, path, as_gzip_fetch, g, UINT64_MAX);
  while ((s = as_tar_next(&t, &m, &got, err)) == AS_OK && got) {
    size_t len = strlen(m.name), end = strlen(suffix);
    if (!m.file || len < end || strcmp(m.name + len - end, suffix) != 0) continue;
    if (m.size > MEMBER_MAX) {
      s = as_fail(err, AS_E_INPUT, "%s: %s: found %" PRIu64 " bytes, too many", path, m.name, m.size);
      break;
    }
    *n = (size_t)m.size;
    *out = as_alloc(*n + 1, 1, err);
    size_t read = 0;
    s = *out ? as_gzip_fetch(g, m.at, *n, *out, &read, err) : AS_E_ENV;
    if (s == AS_OK && read < *n)
      s = as_fail(err, AS_E_INPUT, "%s: %s: found its end after %zu bytes", path, m.name, read);
    break;
  }
  if (s == AS_OK && !*out)
    s = as_fail(err, AS_E_INPUT, "%s: found no %s in it; wanted the ILSVRC2012 development kit", path,
                suffix);
  as_tar_clear(&t);
  as_gzip_close(&g);
  return s;
}

as_status as_devkit_join(const uint8_t *meta, size_t meta_n, const uint8_t *truth, size_t truth_n,
                         uint16_t *labels, as_err *err) {
  id_map map = {.element = SIZE_MAX};
  memset(map.class_of, -1, sizeof map.class_of);
  as_status s = as_mat_structs(meta, meta_n, "meta.mat", "synsets", visit_synset, &map, err);
  if (s == AS_OK && map.known != IDS)
    s = as_fail(err, AS_E_INPUT, "meta.mat: found wnids of %zu ids, wanted %d", map.known, IDS);
  return s == AS_OK ? ground_truth(truth, truth_n, &map, labels, err) : s;
}

as_status as_devkit_labels(const char *path, uint16_t *labels, as_err *err) {
  uint8_t *meta = NULL, *truth = NULL;
  size_t meta_n = 0, truth_n = 0;
  as_status s = read_kit_member(path, "data/meta.mat", &meta, &meta_n, err);
  if (s == AS_OK)
    s = read_kit_member(path, "data/ILSVRC2012_validation_ground_truth.txt", &truth, &truth_n, err);
  if (s == AS_OK) {
    s = as_devkit_join(meta, meta_n, truth, truth_n, labels, err);
    if (s == AS_E_INPUT) as_fail_in(err, "%s", path);
  }
  as_free(meta);
  as_free(truth);
  for (size_t i = 0; i < as_val_labels_count && s == AS_OK; i++) {
    if (labels[i] != as_val_labels[i])
      s = as_fail(err, AS_E_INPUT,
                  "%s: ILSVRC2012_val_%08zu: found class %d (%s), the built-in list says %d (%s)", path,
                  i + 1, labels[i], as_wnids[labels[i]], as_val_labels[i], as_wnids[as_val_labels[i]]);
  }
  return s;
}
