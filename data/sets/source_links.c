/* Links in archives. Tar keeps a file that has several names once, and further names as links to it; folders of links
 * into a store of files are archived as they are. A link stands for the bytes of the member that it leads to. */
#include "data/sets/source_links_int.h"

#include <stdlib.h>
#include <string.h>

#include "tensor/base/log.h"
#include "tensor/base/mem.h"

enum { MAX_HOPS = 16 };

void as_links_clear(as_links *l) {
  as_free(l->item);
  as_str_clear(&l->text);
  memset(l, 0, sizeof *l);
}

static as_status add_linked(as_links *l, const char *name, const as_linked *item, as_err *err) {
  void *p = l->item;
  as_status s = as_grow(&p, &l->cap, l->n + 1, sizeof *l->item, err);
  l->item = p;
  if (s != AS_OK) return s;
  l->item[l->n] = *item;
  l->item[l->n].name = l->text.n;
  l->n++;
  as_str_put(&l->text, name);
  as_str_putc(&l->text, '\0');
  return as_str_status(&l->text, err);
}

as_status as_links_add_file(as_links *l, const char *name, uint64_t at, uint64_t size, as_err *err) {
  const as_linked item = {.target = SIZE_MAX, .entry = SIZE_MAX, .at = at, .size = size};
  return add_linked(l, name, &item, err);
}

/* "a/b/c.jpg" and "../d.jpg": "a/d.jpg". Climbing out of the archive gives a name that no member has. */
static void put_target(as_str *out, const char *name, const char *target, bool hard) {
  size_t from = out->n;
  const char *slash = strrchr(name, '/');
  if (!hard && target[0] != '/' && slash) as_str_putn(out, name, (size_t)(slash - name) + 1);
  if (!hard && target[0] == '/') as_str_put(out, "//"); /* a place on the disk, not in the archive */
  for (const char *p = target; *p;) {
    size_t n = strcspn(p, "/");
    if (n == 2 && p[0] == '.' && p[1] == '.') {
      size_t end = out->n > from ? out->n - 1 : from; /* without its slash */
      while (end > from && out->s[end - 1] != '/') end--;
      if (out->n == from)
        as_str_put(out, "//");
      else
        out->n = end;
    } else if (n > 0 && !(n == 1 && p[0] == '.')) {
      as_str_putn(out, p, n);
      if (p[n]) as_str_putc(out, '/');
    }
    p += n;
    while (*p == '/') p++;
  }
  as_str_putc(out, '\0');
}

as_status as_links_add(as_links *l, const char *name, const char *target, bool hard, size_t entry,
                       as_err *err) {
  as_linked item = {.entry = entry, .target = l->text.n};
  put_target(&l->text, name, target, hard);
  l->links++;
  return add_linked(l, name, &item, err);
}

/* ---- settling --------------------------------------------------------------------------------- */

typedef struct place {
  const char *name;
  uint64_t at, size;
  size_t link; /* as_linked that leads on; SIZE_MAX: these are the bytes */
} place;

static int by_name(const void *a, const void *b) {
  return strcmp(((const place *)a)->name, ((const place *)b)->name);
}

/* Everything that has a name: images of the source from `first` on, and the list's own items. */
static place *all_places(const as_links *l, const as_source *s, size_t first, size_t skip, size_t *n,
                         as_err *err) {
  place *p = as_alloc(s->n - first + l->n + 1, sizeof *p, err);
  *n = 0;
  if (!p) return NULL;
  for (size_t i = first; i < s->n; i++) {
    const as_entry *e = &s->entry[i];
    if (e->at != AS_AT_LINK) p[(*n)++] = (place){s->pool + e->name + skip, e->at, e->size, SIZE_MAX};
  }
  for (size_t i = 0; i < l->n; i++) {
    const as_linked *it = &l->item[i];
    p[(*n)++] = (place){l->text.s + it->name, it->at, it->size, it->target == SIZE_MAX ? SIZE_MAX : i};
  }
  qsort(p, *n, sizeof *p, by_name);
  return p;
}

static const place *follow(const as_links *l, const place *p, size_t n, size_t link) {
  for (int hop = 0; hop < MAX_HOPS; hop++) {
    const place key = {.name = l->text.s + l->item[link].target};
    const place *to = bsearch(&key, p, n, sizeof *p, by_name);
    if (!to || to->link == SIZE_MAX) return to;
    link = to->link;
  }
  return NULL;
}

as_status as_links_settle(as_links *l, as_source *s, size_t first, const char *prefix, const char *path,
                          as_err *err) {
  size_t n, kept = first, lost = 0, skip = prefix && *prefix ? strlen(prefix) + 1 : 0;
  const as_linked *lost_first = NULL;
  if (l->links == 0) return AS_OK;
  place *p = all_places(l, s, first, skip, &n, err);
  if (!p) return AS_E_ENV;
  for (size_t i = 0; i < l->n; i++) {
    const as_linked *it = &l->item[i];
    if (it->target == SIZE_MAX) continue;
    const place *to = follow(l, p, n, i);
    if (to && it->entry != SIZE_MAX) {
      s->entry[it->entry].at = to->at;
      s->entry[it->entry].size = to->size;
    } else if (!to && lost++ == 0) {
      lost_first = it;
    }
  }
  as_free(p);
  for (size_t i = first; i < s->n; i++) {
    if (s->entry[i].at != AS_AT_LINK) s->entry[kept++] = s->entry[i];
  }
  s->n = kept;
  if (lost_first)
    as_log_line(AS_LOG_WARN, "%s: %zu %s left out: %s leads to no file of the archive", path, lost,
                lost == 1 ? "link was" : "links were", l->text.s + lost_first->name);
  return AS_OK;
}
