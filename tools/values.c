#include "tools/values.h"

#include <stdlib.h>
#include <string.h>

#include "tensor/base/mem.h"

/* Reads "2,0" into index[]; *n gets how many there are. */
static as_status parse_place(const as_view *v, const char *at, int64_t index[AS_MAX_RANK], int *n,
                             as_err *err) {
  char shape[96];
  const char *p = at;
  *n = 0;
  if (strcmp(at, "all") == 0) return AS_OK;
  while (*p) {
    char *end;
    if (*p < '0' || *p > '9') break;
    const long long i = strtoll(p, &end, 10);
    if (*n == v->rank || i >= v->shape[*n]) break;
    index[(*n)++] = i;
    p = end;
    if (*p == ',' && p[1])
      p++;
    else
      break;
  }
  if (*p)
    return as_fail(err, AS_E_USAGE, "--values: found '%s', wanted all, or indices such as 0,1 inside %s", at,
                   as_shape_text(v->shape, v->rank, shape, sizeof shape));
  return AS_OK;
}

as_status as_values_put(as_str *out, const as_view *v, const char *at, as_err *err) {
  int64_t index[AS_MAX_RANK] = {0};
  int given = 0;
  as_status s = parse_place(v, at, index, &given, err);
  if (s != AS_OK) return s;
  size_t n = 0, skip = 0;
  if (!as_shape_numel(v->shape, v->rank, &n))
    return as_fail(err, AS_E_INPUT, "more elements than memory has");
  float *x = as_alloc(n ? n : 1, sizeof *x, err);
  if (!x) return AS_E_ENV;
  s = as_view_to_f32(v, x, NULL, err);
  size_t count = n; /* elements below the place */
  for (int i = 0; i < given; i++) {
    count /= (size_t)v->shape[i];
    skip += (size_t)index[i] * count;
  }
  const int last = given < v->rank ? v->rank - 1 : v->rank; /* a line holds the axes from here on */
  const size_t row = last < v->rank ? (size_t)v->shape[last] : 1;
  for (size_t k = 0; s == AS_OK && k < count; k++) {
    if (k % row == 0) {
      for (int i = 0; i < last; i++) as_str_printf(out, "%s%lld", i ? "," : "", (long long)index[i]);
      as_str_put(out, last ? ":" : "");
    }
    as_str_printf(out, "%s%.9g", last || k ? " " : "", (double)x[skip + k]);
    if (k % row + 1 < row) continue;
    as_str_putc(out, '\n');
    for (int i = last - 1; i >= given && ++index[i] == v->shape[i]; i--) index[i] = 0;
  }
  as_free(x);
  return s;
}

as_status as_values_put_pixels(as_str *out, const as_image *im, const char *at, as_err *err) {
  as_view v = {.data = im->rgb,
               .bytes = (size_t)im->h * (size_t)im->w * 3,
               .dtype = AS_U8,
               .rank = 3,
               .shape = {im->h, im->w, 3}};
  as_view_set_contiguous(&v);
  return as_values_put(out, &v, at, err);
}
