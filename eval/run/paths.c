#define _XOPEN_SOURCE 700
#include "eval/run/paths.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/base/mem.h"
#include "tensor/base/text.h"

char *as_path_real(const char *path, as_err *err) {
  char *real = realpath(path, NULL);
  if (!real) {
    as_fail(err, AS_E_INPUT, "%s: %s", path, strerror(errno));
    return NULL;
  }
  char *copy = as_strdup(real, err);
  free(real);
  return copy;
}

char *as_path_between(const char *from, const char *to, as_err *err) {
  char *a = as_path_real(from, err), *b = a ? as_path_real(to, err) : NULL, *made = NULL;
  as_str out = {0};
  if (a && b) {
    /* What both begin with, up to the end of a name in both: "/x/run" and "/x/runs" share "/x". */
    size_t n = 0, same = 0;
    for (;; n++) {
      const bool end_a = !a[n] || a[n] == '/', end_b = !b[n] || b[n] == '/';
      if (end_a && end_b) same = n;
      if (!a[n] || a[n] != b[n]) break;
    }
    for (const char *p = a + same; *p; p++)
      if (*p == '/' && p[1]) as_str_put(&out, out.n ? "/.." : "..");
    const char *rest = b[same] == '/' ? b + same + 1 : b + same;
    if (*rest) as_str_printf(&out, "%s%s", out.n ? "/" : "", rest);
    if (out.n == 0) as_str_putc(&out, '.');
    if (as_str_status(&out, err) == AS_OK) made = as_strdup(as_str_c(&out), err);
  }
  as_str_clear(&out);
  as_free(a);
  as_free(b);
  return made;
}

as_status as_roots_add(as_roots *r, const char *text, as_err *err) {
  const char *eq = strchr(text, '=');
  if (!eq || eq == text || !eq[1])
    return as_fail(err, AS_E_USAGE, "--root: found '%s', wanted OLD=NEW, two folders", text);
  as_root *grown = as_alloc(r->n + 1, sizeof *grown, err);
  if (!grown) return AS_E_ENV;
  if (r->n) memcpy(grown, r->root, r->n * sizeof *grown);
  size_t n = (size_t)(eq - text);
  while (n > 1 && text[n - 1] == '/') n--;
  grown[r->n++] = (as_root){text, eq + 1, n};
  as_free(r->root);
  r->root = grown;
  return AS_OK;
}

void as_roots_clear(as_roots *r) {
  as_free(r->root);
  memset(r, 0, sizeof *r);
}

char *as_roots_map(const as_roots *r, const char *path, as_err *err) {
  for (size_t i = 0; r && i < r->n; i++) {
    const as_root *o = &r->root[i];
    const char *rest = path + o->n_old;
    if (strncmp(path, o->old, o->n_old) != 0 || (*rest && *rest != '/' && o->old[o->n_old - 1] != '/'))
      continue;
    as_str out = {0};
    as_str_put(&out, o->now);
    if (*rest && out.s && out.s[out.n - 1] != '/' && *rest != '/') as_str_putc(&out, '/');
    as_str_put(&out, rest);
    char *made = as_str_status(&out, err) == AS_OK ? as_strdup(as_str_c(&out), err) : NULL;
    as_str_clear(&out);
    return made;
  }
  return NULL;
}
