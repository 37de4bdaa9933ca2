#include "tensor/base/json.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/base/checked.h"
#include "tensor/base/lines.h"
#include "tensor/base/mem.h"

enum { MAX_DEPTH = 64, FIRST_BLOCK = 4096, MAX_BLOCK = 1 << 20, FILE_MAX = 1 << 30 };

/* Nodes and strings come from a list of blocks that is freed as a whole. */
typedef struct block {
  struct block *next;
} block;

struct as_json_doc {
  block *blocks;
  unsigned char *at, *end; /* free part of the newest block */
  size_t block_size;
  as_json root;
  const char *duplicate;
};

typedef struct parser {
  as_json_doc *doc;
  const char *s;
  size_t n, pos;
  as_err *err;
} parser;

static as_status json_error(parser *p, const char *what) {
  return as_fail(p->err, AS_E_INPUT, "json, byte %zu: %s", p->pos, what);
}

static void *doc_bytes(parser *p, size_t bytes) {
  as_json_doc *d = p->doc;
  bytes = (bytes + 15) & ~(size_t)15;
  if ((size_t)(d->end - d->at) < bytes) {
    size_t size = bytes > d->block_size ? bytes : d->block_size;
    block *b = as_alloc(size + 64, 1, p->err); /* 64 keeps the payload aligned */
    if (!b) return NULL;
    b->next = d->blocks;
    d->blocks = b;
    d->at = (unsigned char *)b + 64;
    d->end = d->at + size;
    if (d->block_size < MAX_BLOCK) d->block_size *= 2;
  }
  void *q = d->at;
  d->at += bytes;
  return q;
}

static void skip_blank(parser *p) {
  while (p->pos < p->n) {
    char c = p->s[p->pos];
    if (c != ' ' && c != '\t' && c != '\n' && c != '\r') break;
    p->pos++;
  }
}

static bool hex4(const parser *p, size_t at, uint32_t *out) {
  uint32_t v = 0;
  if (p->n - at < 4) return false;
  for (int i = 0; i < 4; i++) {
    char c = p->s[at + (size_t)i];
    unsigned d;
    if (c >= '0' && c <= '9')
      d = (unsigned)(c - '0');
    else if (c >= 'a' && c <= 'f')
      d = (unsigned)(c - 'a') + 10;
    else if (c >= 'A' && c <= 'F')
      d = (unsigned)(c - 'A') + 10;
    else
      return false;
    v = v << 4 | d;
  }
  *out = v;
  return true;
}

/* After the opening quote. The decoded text is never longer than the source. */
static as_status parse_string(parser *p, const char **text, size_t *len) {
  size_t end = p->pos, n = 0;
  while (end < p->n && p->s[end] != '"') end += p->s[end] == '\\' && end + 1 < p->n ? 2 : 1;
  if (end >= p->n) {
    p->pos = p->n;
    return json_error(p, "string without an end");
  }
  char *o = doc_bytes(p, end - p->pos + 1);
  if (!o) return AS_E_ENV;
  while (p->pos < end) {
    unsigned char c = (unsigned char)p->s[p->pos];
    if (c < 0x20) return json_error(p, "control character in a string");
    if (c != '\\') {
      o[n++] = (char)c;
      p->pos++;
      continue;
    }
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *e = memchr(from, p->s[p->pos + 1], sizeof from - 1);
    if (e) {
      o[n++] = to[e - from];
      p->pos += 2;
      continue;
    }
    uint32_t u, low;
    if (p->s[p->pos + 1] != 'u' || !hex4(p, p->pos + 2, &u))
      return json_error(p, "unknown escape in a string");
    p->pos += 6;
    if (u >= 0xd800 && u < 0xdc00 && p->n - p->pos >= 6 && p->s[p->pos] == '\\' && p->s[p->pos + 1] == 'u' &&
        hex4(p, p->pos + 2, &low) && low >= 0xdc00 && low < 0xe000) {
      u = 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00);
      p->pos += 6;
    } else if (u >= 0xd800 && u < 0xe000) {
      return json_error(p, "half a surrogate pair in a string");
    }
    n += as_put_utf8(o + n, u);
  }
  p->pos = end + 1;
  o[n] = '\0';
  *text = o;
  *len = n;
  return AS_OK;
}

static as_status parse_number(parser *p, as_json *v) {
  size_t start = p->pos, i = p->pos;
#define DIGIT(k) ((k) < p->n && p->s[k] >= '0' && p->s[k] <= '9')
  if (p->s[i] == '-') i++;
  if (!DIGIT(i)) return json_error(p, "found neither a value nor a number");
  if (p->s[i] == '0')
    i++;
  else
    while (DIGIT(i)) i++;
  if (i < p->n && p->s[i] == '.') {
    i++;
    if (!DIGIT(i)) return json_error(p, "number without digits after the point");
    while (DIGIT(i)) i++;
  }
  if (i < p->n && (p->s[i] == 'e' || p->s[i] == 'E')) {
    i++;
    if (i < p->n && (p->s[i] == '-' || p->s[i] == '+')) i++;
    if (!DIGIT(i)) return json_error(p, "number without digits in its exponent");
    while (DIGIT(i)) i++;
  }
#undef DIGIT
  char *text = doc_bytes(p, i - start + 1);
  if (!text) return AS_E_ENV;
  memcpy(text, p->s + start, i - start);
  text[i - start] = '\0';
  v->type = AS_JSON_NUMBER;
  v->text = text;
  v->text_len = i - start;
  if (!as_parse_f64(text, &v->number)) return json_error(p, "number out of range");
  p->pos = i;
  return AS_OK;
}

static int by_key(const void *a, const void *b) {
  const as_json *x = *(const as_json *const *)a, *y = *(const as_json *const *)b;
  int c = memcmp(x->key, y->key, x->key_len < y->key_len ? x->key_len : y->key_len);
  if (c) return c;
  return x->key_len < y->key_len ? -1 : x->key_len > y->key_len;
}

static as_status note_duplicates(parser *p, const as_json *object) {
  if (object->count < 2 || p->doc->duplicate) return AS_OK;
  const as_json **v = as_alloc(object->count, sizeof *v, p->err);
  if (!v) return AS_E_ENV;
  size_t n = 0;
  for (const as_json *c = object->child; c; c = c->next) v[n++] = c;
  qsort(v, n, sizeof *v, by_key);
  for (size_t i = 1; i < n && !p->doc->duplicate; i++)
    if (by_key(&v[i - 1], &v[i]) == 0) p->doc->duplicate = v[i]->key;
  as_free(v);
  return AS_OK;
}

static as_status parse_any(parser *p, as_json *v, int depth);

/* After the opening bracket or brace. */
static as_status parse_children(parser *p, as_json *v, int depth) {
  const bool object = v->type == AS_JSON_OBJECT;
  const char close = object ? '}' : ']';
  const as_json **tail = &v->child;
  as_status s;
  if (depth >= MAX_DEPTH) return json_error(p, "nested deeper than 64");
  skip_blank(p);
  if (p->pos < p->n && p->s[p->pos] == close) {
    p->pos++;
    return AS_OK;
  }
  for (;;) {
    as_json *c = doc_bytes(p, sizeof *c);
    if (!c) return AS_E_ENV;
    memset(c, 0, sizeof *c);
    skip_blank(p);
    if (object) {
      if (p->pos >= p->n || p->s[p->pos] != '"') return json_error(p, "wanted a key in quotes");
      p->pos++;
      if ((s = parse_string(p, &c->key, &c->key_len)) != AS_OK) return s;
      skip_blank(p);
      if (p->pos >= p->n || p->s[p->pos] != ':') return json_error(p, "wanted ':'");
      p->pos++;
    }
    if ((s = parse_any(p, c, depth + 1)) != AS_OK) return s;
    *tail = c;
    tail = &c->next;
    v->count++;
    skip_blank(p);
    if (p->pos < p->n && p->s[p->pos] == close) break;
    if (p->pos >= p->n || p->s[p->pos] != ',')
      return json_error(p, object ? "wanted ',' or '}'" : "wanted ',' or ']'");
    p->pos++;
  }
  p->pos++;
  return object ? note_duplicates(p, v) : AS_OK;
}

static bool word(parser *p, const char *w) {
  size_t n = strlen(w);
  if (p->n - p->pos < n || memcmp(p->s + p->pos, w, n) != 0) return false;
  p->pos += n;
  return true;
}

static as_status parse_any(parser *p, as_json *v, int depth) {
  skip_blank(p);
  if (p->pos >= p->n) return json_error(p, "ends where a value was wanted");
  switch (p->s[p->pos]) {
    case '{':
    case '[':
      v->type = p->s[p->pos] == '{' ? AS_JSON_OBJECT : AS_JSON_ARRAY;
      p->pos++;
      return parse_children(p, v, depth);
    case '"':
      v->type = AS_JSON_STRING;
      p->pos++;
      return parse_string(p, &v->text, &v->text_len);
    case 't':
    case 'f':
      v->type = AS_JSON_BOOL;
      v->boolean = p->s[p->pos] == 't';
      return word(p, v->boolean ? "true" : "false") ? AS_OK : json_error(p, "unknown word");
    case 'n':
      v->type = AS_JSON_NULL;
      return word(p, "null") ? AS_OK : json_error(p, "unknown word");
    default:
      return parse_number(p, v);
  }
}

as_status as_json_parse(as_json_doc **out, const char *text, size_t n, as_err *err) {
  *out = NULL;
  as_json_doc *doc = as_calloc(1, sizeof *doc, err);
  if (!doc) return AS_E_ENV;
  doc->block_size = FIRST_BLOCK;
  parser p = {doc, text, n, 0, err};
  as_status s = as_is_utf8(text, n) ? parse_any(&p, &doc->root, 0) : json_error(&p, "not UTF-8");
  if (s == AS_OK) {
    skip_blank(&p);
    if (p.pos != n) s = json_error(&p, "bytes after the value");
  }
  if (s != AS_OK)
    as_json_free(&doc);
  else
    *out = doc;
  return s;
}

as_status as_json_load(as_json_doc **out, const char *path, as_err *err) {
  char *text;
  size_t n;
  *out = NULL;
  as_status s = as_text_load(&text, &n, path, FILE_MAX, err);
  if (s != AS_OK) return s;
  s = as_json_parse(out, text, n, err);
  as_free(text);
  return s == AS_OK ? s : as_fail_in(err, "%s", path);
}

void as_json_free(as_json_doc **doc) {
  if (!*doc) return;
  for (block *b = (*doc)->blocks, *next; b; b = next) {
    next = b->next;
    as_free(b);
  }
  as_free(*doc);
  *doc = NULL;
}

const as_json *as_json_root(const as_json_doc *doc) {
  return &doc->root;
}
const char *as_json_duplicate_key(const as_json_doc *doc) {
  return doc->duplicate;
}

const as_json *as_json_get(const as_json *object, const char *key) {
  if (!object || object->type != AS_JSON_OBJECT) return NULL;
  size_t n = strlen(key);
  for (const as_json *c = object->child; c; c = c->next)
    if (c->key_len == n && memcmp(c->key, key, n) == 0) return c;
  return NULL;
}

bool as_json_i64(const as_json *v, int64_t *out) {
  return v && v->type == AS_JSON_NUMBER && as_parse_i64(v->text, INT64_MIN, INT64_MAX, out);
}

bool as_json_u64(const as_json *v, uint64_t *out) {
  return v && v->type == AS_JSON_NUMBER && as_parse_u64(v->text, out);
}

/* ---- writer ----------------------------------------------------------------------------------- */

void as_jsonw_init(as_jsonw *w, as_str *out, bool compact) {
  memset(w, 0, sizeof *w);
  w->out = out;
  w->first[0] = true;
  w->compact = compact;
}

static void new_line(as_jsonw *w, bool comma) { /* and the indent */
  static const char line[] = ",\n                                                                ";
  as_str_putn(w->out, line + !comma, 1 + comma + 2 * (size_t)w->depth); /* depth is below 32 */
}

/* Comma, line break and indent before a value or key. */
static void separate(as_jsonw *w) {
  if (w->after_key) {
    w->after_key = false;
    return;
  }
  bool comma = !w->first[w->depth];
  w->first[w->depth] = false;
  if (w->depth && !w->compact)
    new_line(w, comma);
  else if (comma)
    as_str_put(w->out, w->compact ? ", " : ",");
}

static void open_level(as_jsonw *w, char c) {
  separate(w);
  as_str_putc(w->out, c);
  assert(w->depth + 1 < (int)(sizeof w->first / sizeof *w->first));
  w->depth++;
  w->first[w->depth] = true;
  w->closer[w->depth] = c == '{' ? '}' : ']';
}

void as_jsonw_object(as_jsonw *w) {
  open_level(w, '{');
}
void as_jsonw_array(as_jsonw *w) {
  open_level(w, '[');
}

void as_jsonw_end(as_jsonw *w) {
  assert(w->depth > 0 && !w->after_key);
  char c = w->closer[w->depth];
  bool empty = w->first[w->depth];
  w->depth--;
  if (!empty && !w->compact) new_line(w, false);
  as_str_putc(w->out, c);
  if (w->depth == 0 && !w->compact) as_str_putc(w->out, '\n');
}

/* U+2028 and U+2029 part lines, U+202A to U+202E and U+2066 to U+2069 turn the direction of what follows. */
static bool turns_direction(const char *s) {
  unsigned char a = (unsigned char)s[1], b = (unsigned char)s[2];
  return s[0] == '\xe2' && ((a == 0x80 && b >= 0xa8 && b <= 0xae) || (a == 0x81 && b >= 0xa6 && b <= 0xa9));
}

static void put_quoted(as_jsonw *w, const char *s) {
  as_str_putc(w->out, '"');
  for (; *s; s++) {
    size_t run = 0;
    while (s[run] >= 0x20 && s[run] < 0x7f && s[run] != '"' && s[run] != '\\') run++;
    as_str_putn(w->out, s, run);
    s += run;
    if (!*s) break;
    unsigned char c = (unsigned char)*s;
    if (c == '"' || c == '\\') {
      as_str_putc(w->out, '\\');
      as_str_putc(w->out, (char)c);
    } else if (c == '\n') {
      as_str_put(w->out, "\\n");
    } else if (c == '\t') {
      as_str_put(w->out, "\\t");
    } else if (c < 0x20 || c == 0x7f) {
      as_str_printf(w->out, "\\u%04x", (unsigned)c);
    } else {
      size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2, have = 1;
      while (have < n && s[have]) have++;
      if (c == 0xc2 && have == n && (unsigned char)s[1] <= 0x9f) { /* C1: terminals obey them, too */
        as_str_printf(w->out, "\\u%04x", (unsigned)(unsigned char)s[1]);
        s++;
      } else if (have == n && n == 3 && turns_direction(s)) {
        as_str_printf(w->out, "\\u20%02x",
                      s[1] == '\x81' ? 0x40u + (unsigned)(s[2] & 0x3f) : (unsigned)(s[2] & 0x3f));
        s += 2;
      } else if (have == n && as_is_utf8(s, n)) {
        as_str_putn(w->out, s, n);
        s += n - 1;
      } else {
        as_str_put(w->out, "\xef\xbf\xbd");
      }
    }
  }
  as_str_putc(w->out, '"');
}

void as_jsonw_key(as_jsonw *w, const char *key) {
  assert(w->depth > 0 && w->closer[w->depth] == '}' && !w->after_key);
  separate(w);
  put_quoted(w, key);
  as_str_putn(w->out, ": ", 2);
  w->after_key = true;
}

void as_jsonw_str(as_jsonw *w, const char *s) {
  if (!s) {
    as_jsonw_null(w);
    return;
  }
  separate(w);
  put_quoted(w, s);
}

void as_jsonw_text(as_jsonw *w, const char *key, const char *value) {
  as_jsonw_key(w, key);
  as_jsonw_str(w, value);
}

void as_jsonw_i64(as_jsonw *w, int64_t v) {
  if (v >= 0) {
    as_jsonw_u64(w, (uint64_t)v);
    return;
  }
  separate(w);
  as_str_printf(w->out, "%lld", (long long)v);
}

void as_jsonw_u64(as_jsonw *w, uint64_t v) {
  char digits[20], *p = digits + sizeof digits;
  do *--p = (char)('0' + v % 10);
  while (v /= 10);
  separate(w);
  as_str_putn(w->out, p, (size_t)(digits + sizeof digits - p));
}

void as_jsonw_f64(as_jsonw *w, double v) {
  if (!isfinite(v)) {
    as_jsonw_null(w);
    return;
  }
  char buf[32];
  separate(w);
  as_f64_text(v, buf);
  as_str_put(w->out, buf);
}

void as_jsonw_bool(as_jsonw *w, bool v) {
  separate(w);
  as_str_put(w->out, v ? "true" : "false");
}

void as_jsonw_null(as_jsonw *w) {
  separate(w);
  as_str_put(w->out, "null");
}

void as_jsonw_put_str(as_jsonw *w, const char *key, const char *s) {
  as_jsonw_key(w, key);
  as_jsonw_str(w, s);
}

void as_jsonw_put_i64(as_jsonw *w, const char *key, int64_t v) {
  as_jsonw_key(w, key);
  as_jsonw_i64(w, v);
}

void as_jsonw_put_u64(as_jsonw *w, const char *key, uint64_t v) {
  as_jsonw_key(w, key);
  as_jsonw_u64(w, v);
}

void as_jsonw_put_f64(as_jsonw *w, const char *key, double v) {
  as_jsonw_key(w, key);
  as_jsonw_f64(w, v);
}

void as_jsonw_put_bool(as_jsonw *w, const char *key, bool v) {
  as_jsonw_key(w, key);
  as_jsonw_bool(w, v);
}
