/* JSON (RFC 8259): a strict parser with limits, and a writer. */
#ifndef AS_TENSOR_BASE_JSON_H
#define AS_TENSOR_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/base/status.h"
#include "tensor/base/text.h"

typedef enum as_json_type {
  AS_JSON_NULL,
  AS_JSON_BOOL,
  AS_JSON_NUMBER,
  AS_JSON_STRING,
  AS_JSON_ARRAY,
  AS_JSON_OBJECT
} as_json_type;

/* Nodes live in their document and are read-only. Children are a linked list in file order. */
typedef struct as_json {
  as_json_type type;
  bool boolean;
  double number;
  const char *text; /* string value, or the number as written; NUL-terminated */
  size_t text_len;  /* strings may hold \u0000 */
  const char *key;  /* when this node is an object's member */
  size_t key_len;
  size_t count; /* children */
  const struct as_json *child;
  const struct as_json *next;
} as_json;

typedef struct as_json_doc as_json_doc;

/* Refuses: anything RFC 8259 refuses, invalid UTF-8, depth over 64, trailing bytes, numbers that are
 * not finite as doubles. The message holds the byte offset. */
as_status as_json_parse(as_json_doc **out, const char *text, size_t n, as_err *err);
/* The JSON in a file, which may be UTF-16 or begin with a byte order mark, as Windows writes it. */
as_status as_json_load(as_json_doc **out, const char *path, as_err *err);
void as_json_free(as_json_doc **doc);
const as_json *as_json_root(const as_json_doc *doc);
/* A key that stands twice in one object, or NULL. RFC 8259 only advises against that; formats where
 * it would be an attack (safetensors) refuse on it. */
const char *as_json_duplicate_key(const as_json_doc *doc);
/* The first member of that name, or NULL; also NULL when `object` is none. */
const as_json *as_json_get(const as_json *object, const char *key);
/* Exact integer value of a number written without fraction or exponent. */
bool as_json_i64(const as_json *v, int64_t *out);
bool as_json_u64(const as_json *v, uint64_t *out);

/* Writer on an as_str: two-space indented; the caller nests correctly (asserted). */
typedef struct as_jsonw {
  as_str *out;
  int depth;
  bool first[32];  /* nothing written yet at this depth */
  char closer[32]; /* '}' or ']' */
  bool after_key;
  bool compact; /* one line, no spaces but after ':' and ',' */
} as_jsonw;
void as_jsonw_init(as_jsonw *w, as_str *out, bool compact);
void as_jsonw_object(as_jsonw *w);
void as_jsonw_array(as_jsonw *w);
void as_jsonw_end(as_jsonw *w); /* closes what was opened last */
void as_jsonw_key(as_jsonw *w, const char *key);
void as_jsonw_str(as_jsonw *w, const char *s); /* NULL writes null; bytes that are no UTF-8 become U+FFFD */
void as_jsonw_text(as_jsonw *w, const char *key, const char *value); /* a member of the object, in one call */
void as_jsonw_i64(as_jsonw *w, int64_t v);
void as_jsonw_u64(as_jsonw *w, uint64_t v);
void as_jsonw_f64(as_jsonw *w, double v); /* shortest round-trip; not finite: null */
void as_jsonw_bool(as_jsonw *w, bool v);
void as_jsonw_null(as_jsonw *w);
/* A member with its value. */
void as_jsonw_put_str(as_jsonw *w, const char *key, const char *s);
void as_jsonw_put_i64(as_jsonw *w, const char *key, int64_t v);
void as_jsonw_put_u64(as_jsonw *w, const char *key, uint64_t v);
void as_jsonw_put_f64(as_jsonw *w, const char *key, double v);
void as_jsonw_put_bool(as_jsonw *w, const char *key, bool v);

#endif
