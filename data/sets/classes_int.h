/* From class folders (or file-name stems, or shard labels) to class indices. Private to data/. */
#ifndef AS_DATA_SETS_CLASSES_INT_H
#define AS_DATA_SETS_CLASSES_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/base/lines.h"
#include "tensor/base/status.h"

typedef struct as_classes {
  char **name; /* in class order; owned unless builtin */
  size_t n, cap;
  uint32_t *by_name; /* class indices in bytewise order of their names */
  bool builtin;      /* the 1000 wnids */
  bool integers;     /* names were numbers: sorted as integers */
} as_classes;

void as_classes_clear(as_classes *c);
/* The built-in 1000 wnids. */
as_status as_classes_imagenet(as_classes *c, as_err *err);
/* A file: a name per line ("n01440764 tench": the wnid counts), a JSON array of names, or a JSON
 * object name -> index (torchvision's class_to_idx). */
as_status as_classes_read(as_classes *c, const char *path, as_err *err);
/* From lines, a name each. */
as_status as_classes_of_lines(as_classes *c, const char *where, const as_lines *l, as_err *err);
/* Numbers have two orders: torchvision's ImageFolder sorts 0, 1, 10, 2 as text. */
typedef enum as_class_order { AS_ORDER_ASK, AS_ORDER_BY_VALUE, AS_ORDER_BY_TEXT } as_class_order;

/* From the names found, bytewise sorted without repetition: the built-in 1000 when they are all wnids of it or all
 * numbers 0..999; other numbers in the order that the caller wants (AS_ORDER_ASK: AS_E_INPUT where the two differ);
 * else the names themselves. A name that is no class among others that are: AS_E_INPUT naming it. `imagenet`: the task
 * says that it must be the 1000. */
as_status as_classes_infer(as_classes *c, const char *where, const char *const *names, size_t n,
                           bool imagenet, as_class_order order, as_err *err);
/* -1: no such class. */
int as_classes_find(const as_classes *c, const char *name, size_t len);

/* "0", "17" but not "007" or "1e3": value, else -1. */
int64_t as_plain_integer(const char *s, size_t len);

#endif
