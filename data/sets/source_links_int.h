/* Links in archives, for their readers. Private to data/sets. */
#ifndef AS_DATA_SETS_SOURCE_LINKS_INT_H
#define AS_DATA_SETS_SOURCE_LINKS_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/sets/source_int.h"
#include "tensor/base/text.h"

/* A link, or a file that is no image and that a link may lead to. */
typedef struct as_linked {
  size_t name, target; /* offsets in the text; target SIZE_MAX: a file */
  size_t entry;        /* the source's entry of a link that is called as an image; SIZE_MAX: none */
  uint64_t at, size;   /* of a file's bytes */
} as_linked;

typedef struct as_links {
  as_linked *item;
  size_t n, cap, links;
  as_str text;
} as_links;

#define AS_AT_LINK UINT64_MAX /* as_entry.at of a link, until it is settled */

as_status as_links_add_file(as_links *l, const char *name, uint64_t at, uint64_t size, as_err *err);
/* `hard`: target is a member's name; else a path from the link's folder on. */
as_status as_links_add(as_links *l, const char *name, const char *target, bool hard, size_t entry,
                       as_err *err);
/* After the listing: the source's entries from `first` on get the bytes that their links lead to; a link to a folder adds
 * the images in it, under its own name; links that lead nowhere are said. box: of the archive; prefix: what is in front
 * of its names. AS_E_INPUT: links to folders that multiply the images without end. */
as_status as_links_settle(as_links *l, as_source *s, uint32_t box, size_t first, const char *prefix,
                          const char *path, as_err *err);
/* Takes away the entries that lead nowhere. */
void as_links_drop(as_source *s, size_t first);
void as_links_clear(as_links *l);

#endif
