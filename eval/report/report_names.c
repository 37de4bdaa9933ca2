#include "eval/report/report_names.h"

#include <stdlib.h>
#include <string.h>

#include "eval/report/report_fmt.h"
#include "tensor/base/mem.h"

typedef struct shown_name {
  const char *shown, *full;
  size_t at;
} shown_name;

static int by_shown(const void *a, const void *b) {
  const shown_name *x = a, *y = b;
  int c = strcmp(x->shown, y->shown);
  return c ? c : strcmp(x->full, y->full);
}

enum { MORE = 4, ROUNDS = 8 }; /* columns at a time; after so many times names are there in full */

/* Gives names that look like another one more room; false where there are none. */
static bool give_room(const as_short_names *names, shown_name *sorted, size_t *room, int round) {
  bool any = false;
  qsort(sorted, names->n, sizeof *sorted, by_shown);
  for (size_t i = 0, j; i < names->n; i = j) {
    for (j = i + 1; j < names->n && strcmp(sorted[j].shown, sorted[i].shown) == 0;) j++;
    if (strcmp(sorted[i].full, sorted[j - 1].full) == 0) continue; /* one name, however often */
    for (size_t k = i; k < j; k++) {
      if (room[sorted[k].at] == 0) continue; /* it is there in full */
      room[sorted[k].at] = round < ROUNDS ? room[sorted[k].at] + MORE : 0;
      any = true;
    }
  }
  return any;
}

as_status as_short_names_make(as_short_names *out, const char *const *name, size_t n, size_t max, bool ascii,
                              as_err *err) {
  size_t *room = as_alloc(n ? n : 1, sizeof *room, err);
  shown_name *sorted = as_alloc(n ? n : 1, sizeof *sorted, err);
  out->s = as_calloc(n ? n : 1, sizeof *out->s, err);
  out->n = n;
  bool ok = room && sorted && out->s, again = ok;
  for (size_t i = 0; ok && i < n; i++) room[i] = max;
  for (int round = 0; again; round++) {
    for (size_t i = 0; i < n; i++) {
      const char *full = name[i] ? name[i] : "?";
      if (room[i] >= as_text_columns(full)) room[i] = 0;
      out->s[i].n = 0;
      as_put_name(&out->s[i], full, room[i], ascii);
      ok = ok && !out->s[i].failed;
      sorted[i] = (shown_name){as_str_c(&out->s[i]), full, i};
    }
    again = ok && max > 0 && give_room(out, sorted, room, round);
  }
  as_free(room);
  as_free(sorted);
  if (ok) return AS_OK;
  if (!out->s) out->n = 0;
  as_short_names_clear(out);
  return as_fail(err, AS_E_ENV, "report: out of memory");
}

void as_short_names_clear(as_short_names *names) {
  for (size_t i = 0; i < names->n; i++) as_str_clear(&names->s[i]);
  as_free(names->s);
  memset(names, 0, sizeof *names);
}
