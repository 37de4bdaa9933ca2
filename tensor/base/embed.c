#include "tensor/base/embed.h"

#include <string.h>

#include "tensor/base/mem.h"

char *as_embedded_text(const as_embedded *file, size_t *n, as_err *err) {
  size_t total = 0;
  for (const char *const *p = file->part; *p; p++) total += strlen(*p);
  char *text = as_alloc(total + 1, 1, err);
  if (!text) return NULL;
  char *at = text;
  for (const char *const *p = file->part; *p; p++) {
    size_t len = strlen(*p);
    memcpy(at, *p, len);
    at += len;
  }
  *at = '\0';
  if (n) *n = total;
  return text;
}

const as_embedded *as_embedded_find(const as_embedded *files, size_t count, const char *name) {
  for (size_t i = 0; i < count; i++) {
    if (strcmp(files[i].name, name) == 0) return &files[i];
  }
  return NULL;
}
