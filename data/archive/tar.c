/* Field offsets: POSIX.1-1988 ustar, GNU tar manual "Basic Tar Format". */
#include "data/archive/tar.h"

#include <inttypes.h>
#include <string.h>

#include "tensor/base/checked.h"
#include "tensor/base/mem.h"

enum {
  F_NAME = 0,
  F_NAME_LEN = 100,
  F_SIZE = 124,
  F_SIZE_LEN = 12,
  F_SUM = 148,
  F_SUM_LEN = 8,
  F_TYPE = 156,
  F_LINK = 157,
  F_LINK_LEN = 100,
  F_MAGIC = 257,
  F_PREFIX = 345,
  F_PREFIX_LEN = 155
};

void as_tar_init(as_tar *t, const char *path, as_tar_fetch fetch, void *ctx, uint64_t size) {
  memset(t, 0, sizeof *t);
  t->path = path;
  t->fetch = fetch;
  t->ctx = ctx;
  t->size = size;
}

void as_tar_clear(as_tar *t) {
  as_str_clear(&t->name);
  as_str_clear(&t->link);
  as_str_clear(&t->long_name);
  as_str_clear(&t->long_link);
  as_str_clear(&t->pax_name);
  as_str_clear(&t->pax_link);
}

/* Octal digits after optional spaces, ended by a space, a NUL or the field's end. */
static bool parse_octal(const uint8_t *p, size_t n, uint64_t *out) {
  size_t i = 0;
  while (i < n && p[i] == ' ') i++;
  uint64_t v = 0;
  size_t digits = 0;
  for (; i < n && p[i] >= '0' && p[i] <= '7'; i++, digits++) {
    if (v >> 61) return false;
    v = v << 3 | (uint64_t)(p[i] - '0');
  }
  if (i < n && p[i] != ' ' && p[i] != '\0') return false;
  *out = v;
  return digits > 0 || (i < n && p[i] == '\0'); /* an all-NUL field is 0 in some old archives */
}

/* Octal, or GNU base-256: first bit set, the rest a big-endian number (0xff: negative, refused). */
static bool parse_size_field(const uint8_t *p, size_t n, uint64_t *out) {
  if (!(p[0] & 0x80)) return parse_octal(p, n, out);
  if (p[0] & 0x40) return false;
  uint64_t v = p[0] & 0x3f;
  for (size_t i = 1; i < n; i++) {
    if (v >> 56) return false;
    v = v << 8 | p[i];
  }
  *out = v;
  return true;
}

bool as_tar_is_header(const uint8_t block[AS_TAR_BLOCK]) {
  uint64_t want;
  if (!parse_octal(block + F_SUM, F_SUM_LEN, &want)) return false;
  int64_t plain = 0, with_sign = 0; /* some old tars summed signed chars */
  for (int i = 0; i < AS_TAR_BLOCK; i++) {
    int c = i >= F_SUM && i < F_SUM + F_SUM_LEN ? ' ' : block[i];
    plain += c;
    with_sign += c < 128 ? c : c - 256;
  }
  return block[0] != '\0' && (want == (uint64_t)plain || (with_sign >= 0 && want == (uint64_t)with_sign));
}

static bool block_is_zero(const uint8_t block[AS_TAR_BLOCK]) {
  for (int i = 0; i < AS_TAR_BLOCK; i++) {
    if (block[i]) return false;
  }
  return true;
}

static size_t bounded_len(const uint8_t *p, size_t max) {
  const uint8_t *nul = memchr(p, 0, max);
  return nul ? (size_t)(nul - p) : max;
}

/* The body of an 'L' or 'x' member, size already bounded; out holds size bytes. */
static as_status read_meta_body(as_tar *t, uint64_t at, size_t size, uint8_t *out, as_err *err) {
  size_t got = 0;
  as_status s = t->fetch(t->ctx, at, size, out, &got, err);
  if (s != AS_OK) return s;
  if (got < size) {
    return as_fail(err, AS_E_INPUT, "%s: byte %" PRIu64 ": found the end of the archive inside a long name",
                   t->path, at);
  }
  return AS_OK;
}

/* Records "LEN KEY=VALUE\n", LEN counting itself. Only path, linkpath and size matter. */
static as_status read_pax_records(as_tar *t, uint64_t at, const uint8_t *p, size_t n, as_err *err) {
  size_t i = 0;
  while (i < n) {
    size_t len = 0, j = i;
    for (; j < n && p[j] >= '0' && p[j] <= '9' && len <= AS_TAR_PAX_MAX; j++)
      len = len * 10 + (size_t)(p[j] - '0');
    if (j == i || j >= n || p[j] != ' ' || len < j - i + 3 || len > n - i || p[i + len - 1] != '\n') {
      return as_fail(err, AS_E_INPUT,
                     "%s: byte %" PRIu64 ": found a pax record that is not \"LENGTH KEY=VALUE\"", t->path,
                     at + i);
    }
    const uint8_t *key = p + j + 1, *end = p + i + len - 1;
    size_t key_len = (size_t)(end - key);
    const uint8_t *eq = memchr(key, '=', key_len);
    bool path = eq && eq - key == 4 && memcmp(key, "path", 4) == 0;
    bool link = eq && eq - key == 8 && memcmp(key, "linkpath", 8) == 0;
    if (path || link) {
      size_t value_len = (size_t)(end - eq) - 1;
      as_str *to = path ? &t->pax_name : &t->pax_link;
      if (value_len > AS_TAR_NAME_MAX) {
        return as_fail(err, AS_E_INPUT, "%s: byte %" PRIu64 ": found a name of %zu bytes, wanted at most %d",
                       t->path, at + i, value_len, AS_TAR_NAME_MAX);
      }
      as_str_clear(to);
      as_str_putn(to, (const char *)eq + 1, bounded_len(eq + 1, value_len));
    } else if (eq && eq - key == 4 && memcmp(key, "size", 4) == 0) {
      uint64_t v = 0;
      bool ok = eq + 1 < end;
      for (const uint8_t *q = eq + 1; q < end && ok; q++) {
        ok = *q >= '0' && *q <= '9' && v <= (UINT64_MAX - 9) / 10;
        if (ok) v = v * 10 + (uint64_t)(*q - '0');
      }
      if (!ok) {
        return as_fail(err, AS_E_INPUT, "%s: byte %" PRIu64 ": found a pax size that is no number", t->path,
                       at + i);
      }
      t->pax_size = v;
      t->has_pax_size = true;
    }
    i += len;
  }
  return AS_OK;
}

/* A meta member: long name ('L', 'K') or pax ('x', 'g'). */
static as_status read_meta(as_tar *t, char type, uint64_t at, uint64_t size, as_err *err) {
  uint64_t max = type == 'L' || type == 'K' ? AS_TAR_NAME_MAX + 1 : AS_TAR_PAX_MAX;
  if (size > max) {
    return as_fail(err, AS_E_INPUT,
                   "%s: byte %" PRIu64 ": found a %s of %" PRIu64 " bytes, wanted at most %" PRIu64, t->path,
                   at, type == 'L' || type == 'K' ? "name" : "pax header", size, max);
  }
  if (type == 'g') return AS_OK; /* global remarks do not concern us */
  uint8_t *p = as_alloc((size_t)size + 1, 1, err);
  if (!p) return AS_E_ENV;
  as_status s = read_meta_body(t, at, (size_t)size, p, err);
  if (s == AS_OK && type != 'x') {
    as_str *to = type == 'L' ? &t->long_name : &t->long_link;
    as_str_clear(to);
    as_str_putn(to, (const char *)p, bounded_len(p, (size_t)size));
  } else if (s == AS_OK) {
    s = read_pax_records(t, at, p, (size_t)size, err);
  }
  as_free(p);
  return s;
}

static void member_name(as_tar *t, const uint8_t *block) {
  as_str_clear(&t->name);
  if (t->pax_name.n > 0) {
    as_str_putn(&t->name, t->pax_name.s, t->pax_name.n);
  } else if (t->long_name.n > 0) {
    as_str_putn(&t->name, t->long_name.s, t->long_name.n);
  } else {
    /* GNU archives ("ustar  ") keep times where ustar ("ustar\0") keeps the prefix */
    size_t prefix =
        memcmp(block + F_MAGIC, "ustar", 6) == 0 ? bounded_len(block + F_PREFIX, F_PREFIX_LEN) : 0;
    if (prefix > 0) {
      as_str_putn(&t->name, (const char *)block + F_PREFIX, prefix);
      as_str_putc(&t->name, '/');
    }
    as_str_putn(&t->name, (const char *)block + F_NAME, bounded_len(block + F_NAME, F_NAME_LEN));
  }
}

/* A name without leading "./" and "/". */
static const char *from_root(const char *name) {
  while (name[0] == '/' || (name[0] == '.' && name[1] == '/')) name += name[0] == '/' ? 1 : 2;
  return name;
}

static void member_link(as_tar *t, const uint8_t *block, as_tar_member *m) {
  const as_str *given = t->pax_link.n > 0 ? &t->pax_link : &t->long_link;
  as_str_clear(&t->link);
  if (given->n > 0) {
    as_str_putn(&t->link, given->s, given->n);
  } else {
    as_str_putn(&t->link, (const char *)block + F_LINK, bounded_len(block + F_LINK, F_LINK_LEN));
  }
  m->hard = block[F_TYPE] == '1';
  m->link = m->hard ? from_root(as_str_c(&t->link)) : as_str_c(&t->link);
}

/* Is what was announced for the next member, or its text, in memory? */
static as_status texts_status(const as_tar *t, as_err *err) {
  const as_str *all[] = {&t->name, &t->link, &t->long_name, &t->long_link, &t->pax_name, &t->pax_link};
  as_status s = AS_OK;
  for (size_t i = 0; i < sizeof all / sizeof *all && s == AS_OK; i++) s = as_str_status(all[i], err);
  return s;
}

as_status as_tar_next(as_tar *t, as_tar_member *m, bool *got_member, as_err *err) {
  uint8_t block[AS_TAR_BLOCK];
  *got_member = false;
  t->has_pax_size = false;
  as_str_clear(&t->long_name);
  as_str_clear(&t->long_link);
  as_str_clear(&t->pax_name);
  as_str_clear(&t->pax_link);
  while (!t->done) {
    uint64_t at = t->next, size;
    size_t got = 0;
    as_status s = t->fetch(t->ctx, at, sizeof block, block, &got, err);
    if (s != AS_OK) return s;
    if (got == 0 || (got == sizeof block && block_is_zero(block))) {
      t->marked = got > 0;
      if (t->long_name.n > 0 || t->pax_name.n > 0 || t->has_pax_size)
        return as_fail(err, AS_E_INPUT,
                       "%s: byte %" PRIu64 ": found the end after a long name, wanted its member", t->path,
                       at);
      t->done = true;
      break;
    }
    if (got < sizeof block) {
      return as_fail(err, AS_E_INPUT,
                     "%s: byte %" PRIu64 ": found %zu bytes at the end, wanted a header of 512", t->path, at,
                     got);
    }
    if (!as_tar_is_header(block)) {
      return as_fail(err, AS_E_INPUT, "%s: byte %" PRIu64 ": found no tar header (its checksum is wrong)",
                     t->path, at);
    }
    if (!parse_size_field(block + F_SIZE, F_SIZE_LEN, &size)) {
      return as_fail(err, AS_E_INPUT, "%s: byte %" PRIu64 ": found a size field that is no number", t->path,
                     at + F_SIZE);
    }
    char type = (char)block[F_TYPE];
    bool is_meta = type == 'L' || type == 'K' || type == 'x' || type == 'g';
    if (!is_meta && t->has_pax_size) size = t->pax_size;
    /* links, folders and devices may state a size, but no bytes follow them */
    if (type >= '1' && type <= '6') size = 0;
    uint64_t data = at + AS_TAR_BLOCK, end, next;
    if (!as_add_u64(data, size, &end) || !as_add_u64(end, AS_TAR_BLOCK - 1, &next) || end > t->size) {
      return as_fail(err, AS_E_INPUT,
                     "%s: byte %" PRIu64 ": found a member of %" PRIu64 " bytes, but %" PRIu64
                     " are left (truncated?)",
                     t->path, at, size, t->size > data ? t->size - data : 0);
    }
    t->next = next / AS_TAR_BLOCK * AS_TAR_BLOCK;
    if (is_meta) {
      if ((s = read_meta(t, type, data, size, err)) != AS_OK) return s;
      continue;
    }
    member_name(t, block);
    *m = (as_tar_member){.at = data, .size = size};
    if (type == '1' || type == '2') member_link(t, block, m);
    if ((s = texts_status(t, err)) != AS_OK) return s;
    const char *name = from_root(as_str_c(&t->name));
    if (type == 'S') {
      return as_fail(err, AS_E_INPUT,
                     "%s: byte %" PRIu64 ": member %s: found a sparse file, wanted a plain one", t->path, at,
                     name);
    }
    size_t len = strlen(name);
    m->name = name;
    m->file = (type == '0' || type == '\0' || type == '7') && len > 0 && name[len - 1] != '/';
    *got_member = true;
    return AS_OK;
  }
  return AS_OK;
}

as_status as_tar_rest(as_tar *t, uint64_t *at, uint64_t *n, as_err *err) {
  enum { STEP = 1 << 16 };
  size_t got = 1;
  bool found = false;
  *at = *n = 0;
  uint8_t *p = as_alloc(STEP, 1, err);
  as_status s = p ? AS_OK : AS_E_ENV;
  for (uint64_t here = t->next + (t->marked ? AS_TAR_BLOCK : 0); s == AS_OK && got > 0; here += got) {
    s = t->fetch(t->ctx, here, STEP, p, &got, err);
    for (size_t i = 0; s == AS_OK && i < got && !found; i++) {
      found = p[i] != 0;
      if (found) *at = here + i;
    }
    if (s == AS_OK && found) *n = here + got - *at;
  }
  as_free(p);
  return s;
}
