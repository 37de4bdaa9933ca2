/* Names and patterns: what a pattern matches, what a rename makes of the captures. */
#include <stdio.h>
#include <string.h>

#include "tensor/base/text.h"
#include "weights/recipe/recipe_int.h"

enum { MAX_MATCHED = 256 /* bytes; bounds the backtracking */ };

static bool digit(char c) {
  return c >= '0' && c <= '9';
}

/* Backtracks over '*' only; patterns are short and hold at most four captures. */
static bool match_glob(const char *p, const char *s, as_capture *caps, int depth, int *n) {
  while (*p && *p != '*' && *p != '%') {
    if (*p++ != *s) return false;
    s++;
  }
  if (!*p) {
    *n = depth;
    return !*s;
  }
  if (depth == AS_RECIPE_MAX_CAPTURES) return false;
  size_t most = 0;
  if (*p == '%')
    while (digit(s[most])) most++;
  else
    most = strlen(s);
  size_t least = *p == '%' ? most : 0; /* all digits or none */
  if (*p == '%' && most == 0) return false;
  for (size_t k = most + 1; k-- > least;) {
    caps[depth] = (as_capture){s, k};
    if (match_glob(p + 1, s + k, caps, depth + 1, n)) return true;
  }
  return false;
}

bool as_glob(const char *pattern, const char *name, as_capture *caps, int *n_caps) {
  as_capture own[AS_RECIPE_MAX_CAPTURES];
  int n = 0;
  if (strlen(name) > MAX_MATCHED) return false;
  if (!match_glob(pattern, name, caps ? caps : own, 0, &n)) return false;
  if (n_caps) *n_caps = n;
  return true;
}

bool as_glob_expand(const char *to, const as_capture *caps, int n, char *out, size_t size) {
  size_t k = 0;
  while (*to) {
    if (*to != '{') {
      if (k + 1 >= size) return false;
      out[k++] = *to++;
      continue;
    }
    if (!digit(to[1]) || to[1] - '1' < 0 || to[1] - '1' >= n) return false;
    const as_capture *c = &caps[to[1] - '1'];
    to += 2;
    char number[32];
    const char *text = c->p;
    size_t len = c->n;
    if (*to == '+' && digit(to[1])) {
      int64_t v = 0;
      if (len == 0 || len >= sizeof number) return false;
      memcpy(number, c->p, len);
      number[len] = 0;
      if (!as_parse_i64(number, 0, 1000000, &v)) return false;
      len = (size_t)snprintf(number, sizeof number, "%lld", (long long)v + (to[1] - '0'));
      text = number;
      to += 2;
    }
    if (*to++ != '}' || len >= size - k) return false;
    memcpy(out + k, text, len);
    k += len;
  }
  out[k] = 0;
  return true;
}

const char *as_under_root(const char *name, const char *root) {
  const size_t n = strlen(root);
  if (strcmp(root, ".") == 0) return name;
  return strncmp(name, root, n) == 0 && name[n] == '/' ? name + n + 1 : NULL;
}

/* The part of a name behind a place, which may lack its last separator. */
static const char *behind(const char *name, const char *place) {
  const size_t n = strlen(place);
  if (strncmp(name, place, n) != 0) return NULL;
  if (n == 0 || place[n - 1] == '/' || place[n - 1] == '.') return name + n;
  return name[n] == '/' || name[n] == '.' ? name + n + 1 : NULL;
}

const char *as_recipe_sees(const as_recipe *r, const as_state_entry *e, const char *root) {
  const char *seen = r->bare ? e->bare : e->plain,
             *name = r->at ? behind(seen, root) : as_under_root(seen, root);
  const bool flat = r->at || (strcmp(root, ".") == 0 && r->unwrap.n > 1);
  const char *slash = name ? strchr(name, '/') : NULL;
  /* "ema/conv1.weight" is another dictionary's, "fc._packed_params/0" a part of a tensor of this one. */
  return flat && slash && !memchr(name, '.', (size_t)(slash - name)) ? NULL : name;
}

const char *as_name_counts(const char *name) {
  static const struct {
    const char *last, *why; /* the last component of the name */
  } counters[] = {{"num_batches_tracked", "counts training steps"},
                  {"n_averaged", "counts averaged steps"},
                  {"total_ops", "a profiler's count"},
                  {"total_params", "a profiler's count"}};
  const char *last = name;
  for (const char *p = name; *p; p++)
    if (*p == '.' || *p == '/') last = p + 1;
  for (size_t i = 0; i < sizeof counters / sizeof *counters; i++)
    if (strcmp(counters[i].last, last) == 0) return counters[i].why;
  return NULL;
}
