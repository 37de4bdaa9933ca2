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

static const place *find_place(const place *p, size_t n, const char *name) {
  const place key = {.name = name};
  return bsearch(&key, p, n, sizeof *p, by_name);
}

/* The nearest folder above a name that is a link, as the length of its name; 0: none. */
static size_t linked_folder(const place *p, size_t n, char *name, const place **link) {
  for (char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    *link = find_place(p, n, name);
    *slash = '/';
    if (*link && (*link)->link != SIZE_MAX) return (size_t)(slash - name);
  }
  return 0;
}

/* Where a name leads through links: *to are the bytes; NULL with a name left: maybe a folder of that name. */
static as_status resolve(const as_links *l, const place *p, size_t n, as_str *name, const place **to,
                         as_err *err) {
  for (int hop = 0; hop < MAX_HOPS; hop++) {
    as_str next = {0};
    size_t head = 0;
    const place *link = *to = find_place(p, n, as_str_c(name));
    if (*to && (*to)->link == SIZE_MAX) return AS_OK;
    if (!*to && (head = linked_folder(p, n, name->s, &link)) == 0) return AS_OK;
    as_str_put(&next, l->text.s + l->item[link->link].target);
    if (head > 0) as_str_put(&next, name->s + head);
    as_str_clear(name);
    *name = next;
    const as_status s = as_str_status(name, err);
    if (s != AS_OK) return s;
  }
  *to = NULL;
  as_str_clear(name); /* a circle */
  return AS_OK;
}

/* What linked folders add: names, one behind the other with a NUL each, and their bytes. */
typedef struct additions {
  as_links list;
  size_t most;
} additions;

/* The images below a folder, as the link calls them. */
static as_status add_folder(additions *add, const as_links *l, const place *p, size_t n, const char *link,
                            const char *folder, bool *any, as_err *err) {
  const size_t len = strlen(folder);
  size_t lo = 0, hi = n;
  while (lo < hi) { /* the first name from "folder/" on */
    const size_t mid = lo + (hi - lo) / 2;
    const int order = strncmp(p[mid].name, folder, len);
    if (order < 0 || (order == 0 && (unsigned char)p[mid].name[len] < '/'))
      lo = mid + 1;
    else
      hi = mid;
  }
  as_status s = AS_OK;
  for (; s == AS_OK && lo < n && strncmp(p[lo].name, folder, len) == 0 && p[lo].name[len] == '/'; lo++) {
    if (!as_name_is_image(p[lo].name)) continue;
    const place *to = &p[lo];
    as_str name = {0};
    as_str_put(&name, to->name);
    if (to->link != SIZE_MAX) s = resolve(l, p, n, &name, &to, err);
    as_str_clear(&name);
    if (s != AS_OK || !to) continue;
    as_str_printf(&name, "%s%s", link, p[lo].name + len);
    s = as_str_status(&name, err);
    if (s == AS_OK) s = as_links_add_file(&add->list, as_str_c(&name), to->at, to->size, err);
    as_str_clear(&name);
    *any = true;
    if (s == AS_OK && add->list.n > add->most)
      s = as_fail(err, AS_E_INPUT, "links to folders: found over %zu images in them", add->most);
  }
  return s;
}

/* Link i: its entry gets the bytes, or its folder's images are noted. *lost: it leads to nothing. */
static as_status settle_one(const as_links *l, as_source *s, const place *p, size_t n, size_t i,
                            additions *add, bool *lost, as_err *err) {
  const as_linked *it = &l->item[i];
  const place *to = NULL;
  as_str name = {0};
  as_str_put(&name, l->text.s + it->target);
  as_status st = as_str_status(&name, err);
  if (st == AS_OK) st = resolve(l, p, n, &name, &to, err);
  while (name.n > 0 && name.s[name.n - 1] == '/') name.s[--name.n] = '\0';
  *lost = !to;
  if (st == AS_OK && to && it->entry != SIZE_MAX) {
    s->entry[it->entry].at = to->at;
    s->entry[it->entry].size = to->size;
  } else if (st == AS_OK && !to && it->entry == SIZE_MAX && name.n > 0) {
    bool any = false;
    st = add_folder(add, l, p, n, l->text.s + it->name, as_str_c(&name), &any, err);
    *lost = !any;
  }
  as_str_clear(&name);
  return st;
}

as_status as_links_settle(as_links *l, as_source *s, uint32_t box, size_t first, const char *prefix,
                          const char *path, as_err *err) {
  size_t n, lost = 0, skip = prefix && *prefix ? strlen(prefix) + 1 : 0;
  const as_linked *lost_first = NULL;
  additions add = {.most = 1u << 24};
  if (l->links == 0) return AS_OK;
  place *p = all_places(l, s, first, skip, &n, err);
  as_status st = p ? AS_OK : AS_E_ENV;
  for (size_t i = 0; st == AS_OK && i < l->n; i++) {
    bool nowhere;
    if (l->item[i].target == SIZE_MAX) continue;
    st = settle_one(l, s, p, n, i, &add, &nowhere, err);
    if (nowhere && lost++ == 0) lost_first = &l->item[i];
  }
  as_free(p); /* its names lie in the pool, which grows now */
  for (size_t i = 0; st == AS_OK && i < add.list.n; i++) {
    const as_linked *it = &add.list.item[i];
    st = as_source_add(s, prefix, add.list.text.s + it->name, box, it->at, it->size, err);
  }
  as_links_clear(&add.list);
  if (st == AS_OK && lost_first)
    as_log_line(AS_LOG_WARN, "%s: %zu %s left out: %s leads to no file of the archive", path, lost,
                lost == 1 ? "link was" : "links were", l->text.s + lost_first->name);
  return st;
}

void as_links_drop(as_source *s, size_t first) {
  size_t kept = first;
  for (size_t i = first; i < s->n; i++) {
    if (s->entry[i].at != AS_AT_LINK) s->entry[kept++] = s->entry[i];
  }
  s->n = kept;
}
