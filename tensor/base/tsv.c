#include "tensor/base/tsv.h"

#include <string.h>

void as_tsv_open(as_tsv *t, const void *text, size_t n) {
  memset(t, 0, sizeof *t);
  t->next = text;
  t->end = t->next + n;
}

bool as_tsv_next(as_tsv *t) {
  if (t->next == t->end) return false;
  const char *nl = memchr(t->next, '\n', (size_t)(t->end - t->next));
  const char *stop = nl ? nl : t->end, *at = t->next;
  t->next = nl ? nl + 1 : t->end;
  if (stop > at && stop[-1] == '\r') stop--;
  t->line = at;
  t->line_n = (size_t)(stop - at);
  t->number++;
  t->n = 0;
  for (int i = 0; i < AS_TSV_FIELDS; i++) {
    const char *tab = at ? memchr(at, '\t', (size_t)(stop - at)) : NULL;
    t->field[i] = at ? at : stop;
    t->size[i] = at ? (size_t)((tab ? tab : stop) - at) : 0;
    t->n += at != NULL;
    at = tab ? tab + 1 : NULL;
  }
  return true;
}

bool as_tsv_is(const as_tsv *t, int i, const char *text) {
  return t->size[i] == strlen(text) && memcmp(t->field[i], text, t->size[i]) == 0;
}

int as_tsv_number(const as_tsv *t, int i) {
  const char *p = t->field[i];
  int v = 0;
  size_t n = 0;
  for (; n < t->size[i] && p[n] >= '0' && p[n] <= '9' && v < 100000000; n++) v = 10 * v + (p[n] - '0');
  return n ? v : -1;
}
