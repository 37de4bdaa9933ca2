/* Images that are named one by one: on the command line, by a pattern, in a list. */
#define _POSIX_C_SOURCE 200809L
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "data/sets/source_int.h"
#include "tensor/base/lines.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"

/* A box without a folder: names of its entries are paths. */
static as_status add_free_box(as_source *s, uint32_t *box, as_err *err) {
  as_status st = as_source_add_box(s, "", box, err);
  if (st == AS_OK) s->box[*box].folder = true;
  return st;
}

as_status as_source_add_files(as_source *s, const char *const *files, size_t n, as_err *err) {
  uint32_t box;
  as_status st = add_free_box(s, &box, err);
  s->loose = s->picked = true;
  for (size_t i = 0; i < n && st == AS_OK; i++) {
    as_path_kind kind = as_path_kind_of(files[i]);
    if (kind == AS_PATH_DIR) {
      st = as_source_walk(s, "", files[i], box, err);
    } else if (kind == AS_PATH_NONE) {
      st = as_source_no_image(files[i], err);
    } else {
      st = as_source_add(s, NULL, files[i], box, 0, 0, err);
    }
  }
  return st;
}

static int by_bytes(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

as_status as_source_add_glob(as_source *s, bool *is_pattern, as_err *err) {
  glob_t g = {0};
  if (!strpbrk(s->path, "*?[")) return AS_OK;
  int r = glob(s->path, GLOB_NOSORT, NULL, &g);
  *is_pattern = r == 0;
  if (r == GLOB_NOSPACE) return as_fail(err, AS_E_ENV, "%s: out of memory", s->path);
  if (r != 0) {
    globfree(&g);
    return AS_OK; /* not found: it may lead into an archive */
  }
  qsort(g.gl_pathv, g.gl_pathc, sizeof *g.gl_pathv, by_bytes); /* glob sorts by the locale */
  as_status st = AS_OK;
  bool images = true;
  for (size_t i = 0; i < g.gl_pathc; i++) images = images && as_name_is_image(g.gl_pathv[i]);
  as_names names = {.name = g.gl_pathv, .n = g.gl_pathc, .cap = g.gl_pathc};
  if (images) {
    st = as_source_add_files(s, (const char *const *)g.gl_pathv, g.gl_pathc, err);
    s->loose = false; /* a pattern may go over class folders */
  } else {
    st = as_source_add_archives(s, &names, err);
  }
  globfree(&g);
  return st;
}

/* "PATH", or "PATH LABEL" with a tab, a comma or blanks between: the file that is there tells which. */
static as_status add_list_line(as_source *s, const char *dir, char *line, uint32_t box, size_t number,
                               as_err *err) {
  static const char *const parting[] = {"\t", ",", " \t"};
  char *label = NULL;
  for (int k = -1; k < (int)(sizeof parting / sizeof *parting); k++) {
    char *cut = NULL, kept = '\0';
    if (k >= 0) {
      for (char *p = line; *p; p++) { /* the first tab or comma, the last blank */
        if (strchr(parting[k], *p) && (k == 2 || !cut)) cut = p;
      }
      if (!cut) continue;
      kept = *cut;
      *cut = '\0';
    }
    char *path = as_path_join(dir, line, err);
    if (!path) return AS_E_ENV;
    if (as_path_kind_of(path) != AS_PATH_NONE) {
      label = cut ? cut + 1 + strspn(cut + 1, " \t") : NULL;
      if (label && k < 2) label[strcspn(label, k == 0 ? "\t" : ",")] = '\0';
      as_status st = as_source_add(s, NULL, line, box, 0, 0, err);
      if (st == AS_OK && label && *label) {
        s->entry[s->n - 1].text = s->pool_n;
        st = as_source_add_text(s, label, err);
        s->with_text++;
      }
      as_free(path);
      return st;
    }
    as_free(path);
    if (cut) *cut = kept;
  }
  return as_fail(err, AS_E_INPUT, "%s: line %zu: found \"%.200s\", which is no file (paths start in %s)",
                 s->path, number, line, *dir ? dir : "the list's folder");
}

as_status as_source_add_list(as_source *s, as_err *err) {
  const char *base = as_path_base(s->path); /* "lists/@val.txt" in a plan means lists/val.txt */
  as_str path = {0};
  as_lines l = {0};
  uint32_t box = 0;
  as_str_putn(&path, s->path, (size_t)(base - s->path));
  as_str_put(&path, base + 1);
  as_status st = as_str_status(&path, err);
  char *dir = st == AS_OK ? as_path_dir(as_str_c(&path), err) : NULL;
  if (!dir) st = AS_E_ENV;
  if (st == AS_OK) st = as_lines_read(&l, as_str_c(&path), true, err);
  if (st == AS_OK) st = as_source_add_box(s, dir, &box, err);
  if (st == AS_OK) s->box[box].folder = true;
  s->loose = s->picked = true;
  for (size_t i = 0; i < l.n && st == AS_OK; i++)
    st = add_list_line(s, dir, l.line[i], box, l.number[i], err);
  if (st == AS_OK && s->with_text > 0 && s->with_text < s->n)
    st = as_fail(err, AS_E_INPUT, "%s: found labels for %zu of its %zu images, wanted all or none",
                 as_str_c(&path), s->with_text, s->n);
  as_lines_clear(&l);
  as_str_clear(&path);
  as_free(dir);
  return st;
}
