#include "tools/differ.h"

#include <stdio.h>
#include <string.h>

void as_diff_add(as_diff *d, const char *where, const char *a, const char *b) {
  if (d->n++ < AS_DIFF_SHOWN) as_str_printf(&d->lines, "%s: %.200s | %.200s\n", where, a, b);
}

static const char *json_text(const as_json *v, char *buf, size_t size) {
  static const char *const names[] = {"null", "bool", "number", "string", "array", "object"};
  if (!v) return "absent";
  if (v->type == AS_JSON_STRING || v->type == AS_JSON_NUMBER) return v->text;
  if (v->type == AS_JSON_BOOL) return v->boolean ? "true" : "false";
  if (v->type == AS_JSON_ARRAY || v->type == AS_JSON_OBJECT)
    snprintf(buf, size, "%s of %zu", names[v->type], v->count);
  else
    snprintf(buf, size, "%s", names[v->type]);
  return buf;
}

/* Elements of lists are named by what they are about: a cell by model and dataset. */
static void label_of(const as_json *v, size_t i, char *buf, size_t size) {
  const as_json *m = v->type == AS_JSON_OBJECT ? as_json_get(v, "model") : NULL;
  const as_json *d = v->type == AS_JSON_OBJECT ? as_json_get(v, "dataset") : NULL;
  const as_json *n = v->type == AS_JSON_OBJECT ? as_json_get(v, "name") : NULL;
  if (m && d)
    snprintf(buf, size, "[%s on %s]", m->text, d->text);
  else if (m || n)
    snprintf(buf, size, "[%s]", m ? m->text : n->text);
  else
    snprintf(buf, size, "[%zu]", i);
}

static bool skipped(const as_diff *d, const char *where, const char *key) {
  if (*where) return false;
  for (const char *const *k = d->skip; k && *k; k++)
    if (strcmp(*k, key) == 0) return true;
  return false;
}

static void compare_json(as_diff *d, const char *where, const as_json *a, const as_json *b) {
  char ta[64], tb[64], at[512], label[160];
  if (!a || !b || a->type != b->type) {
    as_diff_add(d, where, json_text(a, ta, sizeof ta), json_text(b, tb, sizeof tb));
    return;
  }
  if (a->type == AS_JSON_OBJECT) {
    for (const as_json *x = a->child; x; x = x->next) {
      if (skipped(d, where, x->key)) continue;
      snprintf(at, sizeof at, "%s%s%s", where, *where ? "." : "", x->key);
      compare_json(d, at, x, as_json_get(b, x->key));
    }
    for (const as_json *y = b->child; y; y = y->next)
      if (!as_json_get(a, y->key) && !skipped(d, where, y->key)) {
        snprintf(at, sizeof at, "%s%s%s", where, *where ? "." : "", y->key);
        compare_json(d, at, NULL, y);
      }
  } else if (a->type == AS_JSON_ARRAY) {
    const as_json *x = a->child, *y = b->child;
    if (a->count != b->count) as_diff_add(d, where, json_text(a, ta, sizeof ta), json_text(b, tb, sizeof tb));
    for (size_t i = 0; x && y; i++, x = x->next, y = y->next) {
      label_of(x, i, label, sizeof label);
      snprintf(at, sizeof at, "%s%s", where, label);
      compare_json(d, at, x, y);
    }
  } else if (strcmp(json_text(a, ta, sizeof ta), json_text(b, tb, sizeof tb)) != 0) {
    as_diff_add(d, where, json_text(a, ta, sizeof ta), json_text(b, tb, sizeof tb));
  }
}

void as_diff_json(as_diff *d, const as_json *a, const as_json *b) {
  compare_json(d, "", a, b);
}
