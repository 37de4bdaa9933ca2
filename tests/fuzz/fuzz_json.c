/* libFuzzer target: what the JSON parser accepts it must be able to write and read back to the same tree. */
#include <stdlib.h>
#include <string.h>

#include "tensor/base/json.h"

static void put(as_jsonw *w, const as_json *v) {
  switch (v->type) {
    case AS_JSON_NULL:
      as_jsonw_null(w);
      break;
    case AS_JSON_BOOL:
      as_jsonw_bool(w, v->boolean);
      break;
    case AS_JSON_NUMBER:
      as_jsonw_f64(w, v->number);
      break;
    case AS_JSON_STRING:
      as_jsonw_str(w, v->text);
      break;
    case AS_JSON_ARRAY:
    case AS_JSON_OBJECT:
      if (v->type == AS_JSON_ARRAY)
        as_jsonw_array(w);
      else
        as_jsonw_object(w);
      for (const as_json *c = v->child; c; c = c->next) {
        if (v->type == AS_JSON_OBJECT) as_jsonw_key(w, c->key);
        put(w, c);
      }
      as_jsonw_end(w);
  }
}

static int depth_of(const as_json *v) {
  int deepest = 0;
  for (const as_json *c = v->child; c; c = c->next) {
    int d = depth_of(c);
    if (d > deepest) deepest = d;
  }
  return deepest + (v->type >= AS_JSON_ARRAY);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
  as_json_doc *a = NULL, *b = NULL;
  as_err err;
  as_str first = {0}, second = {0};
  if (as_json_parse(&a, (const char *)p, n, &err) != AS_OK) return 0;
  if (depth_of(as_json_root(a)) < 30) { /* the writer's depth is bounded; its callers nest a handful */
    as_jsonw w;
    as_jsonw_init(&w, &first, true);
    put(&w, as_json_root(a));
    if (as_json_parse(&b, as_str_c(&first), first.n, &err) != AS_OK) abort();
    as_jsonw_init(&w, &second, true);
    put(&w, as_json_root(b));
    if (strcmp(as_str_c(&first), as_str_c(&second)) != 0) abort();
  }
  as_json_free(&a);
  as_json_free(&b);
  as_str_clear(&first);
  as_str_clear(&second);
  return 0;
}
