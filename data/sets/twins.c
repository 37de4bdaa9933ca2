#include "data/sets/twins.h"

#include <stdlib.h>
#include <string.h>

#include "data/image/image.h"
#include "data/sets/dataset_int.h"
#include "tensor/base/bytes.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"

enum { TAIL = 4096 };

void as_twins_clear(as_twins *t) {
  as_free(t->pair);
  memset(t, 0, sizeof *t);
}

static as_status add_twin(as_twins *t, size_t a, size_t b, bool same_bytes, as_err *err) {
  void *p = t->pair;
  as_status s = as_grow(&p, &t->cap, t->n + 1, sizeof *t->pair, err);
  t->pair = p;
  if (s != AS_OK) return s;
  t->pair[t->n++] = (as_image_twin){a, b, same_bytes};
  t->n_bytes += same_bytes;
  return AS_OK;
}

/* ---- prints ----------------------------------------------------------------------------------- */

typedef struct print_job {
  const as_dataset *ds;
  size_t first;
  bool pixels;
  as_image_print *out;
  as_status *status; /* [n] */
} print_job;

static void digest_of(const void *p, size_t n, uint8_t out[32]) {
  as_sha256 sum;
  as_sha256_init(&sum);
  as_sha256_update(&sum, p, n);
  as_sha256_final(&sum, out);
}

static void digest_pixels(const as_image *im, uint8_t out[32]) {
  uint8_t side[8];
  as_sha256 sum;
  as_put_le32(side, (uint32_t)im->w);
  as_put_le32(side + 4, (uint32_t)im->h);
  as_sha256_init(&sum);
  as_sha256_update(&sum, side, sizeof side);
  as_sha256_update(&sum, im->rgb, (size_t)im->w * (size_t)im->h * 3);
  as_sha256_final(&sum, out);
}

static void print_image(void *ctx, size_t i, int worker) {
  print_job *j = ctx;
  as_image_print *p = &j->out[i];
  as_blob blob;
  as_image im;
  (void)worker;
  memset(p, 0, sizeof *p);
  as_status s = as_dataset_read(j->ds, j->first + i, &blob, NULL);
  if (s == AS_OK) digest_of(blob.p, blob.n, p->bytes);
  if (s == AS_OK && j->pixels) {
    s = as_blob_unpack(&blob, NULL);
    if (s == AS_OK) s = as_image_decode(&im, blob.p, blob.n, 1, NULL, NULL);
    if (s == AS_OK) {
      digest_pixels(&im, p->pixels);
      as_image_clear(&im);
    }
  }
  as_dataset_release(&blob);
  j->status[i] = s == AS_E_ENV ? s : AS_OK;
}

as_status as_twins_print(as_image_print *out, const as_dataset *ds, size_t first, size_t n, bool pixels,
                         as_err *err) {
  print_job j = {ds, first, pixels, out, as_alloc(n + 1, sizeof *j.status, err)};
  if (!j.status) return AS_E_ENV;
  as_par_for(n, print_image, &j);
  as_status s = AS_OK;
  for (size_t i = 0; i < n && s == AS_OK; i++) {
    if (j.status[i] == AS_OK) continue;
    as_blob blob; /* once more, for the message */
    s = as_dataset_read(ds, first + i, &blob, err);
    as_dataset_release(&blob);
    if (s == AS_OK) s = as_fail(err, AS_E_ENV, "%s: out of memory", as_dataset_item(ds, first + i).name);
  }
  as_free(j.status);
  return s;
}

/* ---- matching --------------------------------------------------------------------------------- */

typedef struct keyed {
  const uint8_t *key; /* [32] */
  size_t index;
} keyed;

static bool is_known(const uint8_t key[32]) {
  static const uint8_t none[32];
  return memcmp(key, none, sizeof none) != 0;
}

static int by_key_then_index(const void *a, const void *b) {
  const keyed *x = a, *y = b;
  int c = memcmp(x->key, y->key, 32);
  return c ? c : (x->index > y->index) - (x->index < y->index);
}

/* The known keys of prints[n] at `offset` inside a print, sorted, equal ones in the order of their images. */
static keyed *sort_keys(const as_image_print *prints, size_t n, size_t offset, size_t *kept, as_err *err) {
  keyed *k = as_alloc(n + 1, sizeof *k, err);
  *kept = 0;
  if (!k) return NULL;
  for (size_t i = 0; i < n; i++) {
    const uint8_t *key = (const uint8_t *)&prints[i] + offset;
    if (is_known(key)) k[(*kept)++] = (keyed){key, i};
  }
  qsort(k, *kept, sizeof *k, by_key_then_index);
  return k;
}

/* The first image with this key, SIZE_MAX when there is none. */
static size_t first_with(const keyed *k, size_t n, const uint8_t key[32]) {
  size_t lo = 0, hi = n;
  if (!is_known(key)) return SIZE_MAX;
  while (lo < hi) {
    size_t mid = lo + (hi - lo) / 2;
    if (memcmp(k[mid].key, key, 32) < 0) {
      lo = mid + 1;
    } else {
      hi = mid;
    }
  }
  return lo < n && memcmp(k[lo].key, key, 32) == 0 ? k[lo].index : SIZE_MAX;
}

as_status as_twins_match(as_twins *out, const as_image_print *a, size_t na, const as_image_print *b,
                         size_t nb, as_err *err) {
  const as_image_print *in = b ? b : a;
  size_t n = b ? nb : na, n_bytes, n_pixels = 0;
  *out = (as_twins){.whole = true};
  keyed *bytes = sort_keys(in, n, offsetof(as_image_print, bytes), &n_bytes, err);
  keyed *pixels = bytes ? sort_keys(in, n, offsetof(as_image_print, pixels), &n_pixels, err) : NULL;
  as_status s = pixels ? AS_OK : AS_E_ENV;
  for (size_t i = 0; i < na && s == AS_OK; i++) {
    size_t end = b ? SIZE_MAX : i; /* within a set only earlier images count, and an image is its own twin */
    size_t same = first_with(bytes, n_bytes, a[i].bytes), like = first_with(pixels, n_pixels, a[i].pixels);
    if (same < end) {
      s = add_twin(out, i, same, true, err);
    } else if (like < end) {
      s = add_twin(out, i, like, false, err);
    }
  }
  as_free(bytes);
  as_free(pixels);
  if (s != AS_OK) as_twins_clear(out);
  return s;
}

/* ---- the quick way ---------------------------------------------------------------------------- */

/* An image of either set. */
typedef struct sized {
  as_place place;
  size_t index;
  bool second;     /* of set b */
  bool done;       /* of set a, and its twin is found */
  uint8_t key[32]; /* SHA-256 of as much of it as the stage looks at; zeros: unreadable */
} sized;

typedef struct quick {
  const as_dataset *a, *b;
  uint64_t left; /* bytes that may still be read */
  as_twins *out;
  as_err *err;
} quick;

/* Images of set a before those of set b, each in their order. */
static int by_image(const sized *x, const sized *y) {
  if (x->second != y->second) return x->second ? 1 : -1;
  return (x->index > y->index) - (x->index < y->index);
}

static int by_place(const void *a, const void *b) {
  const sized *x = a, *y = b;
  const uint64_t u[4] = {!x->place.known, x->place.which[0], x->place.which[1], x->place.at};
  const uint64_t v[4] = {!y->place.known, y->place.which[0], y->place.which[1], y->place.at};
  for (int i = 0; i < 4; i++) {
    if (u[i] != v[i]) return u[i] < v[i] ? -1 : 1;
  }
  return by_image(x, y);
}

static int by_size(const void *a, const void *b) {
  const sized *x = a, *y = b;
  if (x->place.size != y->place.size) return x->place.size < y->place.size ? -1 : 1;
  return by_image(x, y);
}

static int by_content(const void *a, const void *b) {
  const sized *x = a, *y = b;
  int c = memcmp(x->key, y->key, sizeof x->key);
  return c ? c : by_image(x, y);
}

static int by_first(const void *a, const void *b) {
  const as_image_twin *x = a, *y = b;
  return (x->a > y->a) - (x->a < y->a);
}

/* e[n], in the order of images, are the same image: each of set a is a twin of the first of the other set, or of the
 * first of its own. */
static as_status add_run(quick *q, sized *e, size_t n) {
  size_t na = 0;
  while (na < n && !e[na].second) na++;
  size_t first = q->b ? na : 0;
  as_status s = AS_OK;
  for (size_t i = q->b ? 0 : 1; i < na && first < n && s == AS_OK; i++) {
    if (e[i].done) continue;
    e[i].done = true;
    s = add_twin(q->out, e[i].index, e[first].index, true, q->err);
  }
  return s;
}

/* Can an image of set a still find a twin among e[n]? */
static bool is_open(const quick *q, const sized *e, size_t n) {
  bool open = false, other = !q->b;
  for (size_t i = 0; i < n; i++) {
    open = open || (!e[i].second && !e[i].done);
    other = other || e[i].second;
  }
  return n > 1 && open && other;
}

typedef enum stage { STAGE_TAIL, STAGE_ALL, STAGE_SAME } stage;

/* e[n] are equal as far as the stages before this one looked: looks at more of them, and goes on with those that are
 * still equal. */
static as_status refine(quick *q, sized *e, size_t n, stage at) {
  uint64_t size = e->place.size, read = at == STAGE_TAIL ? TAIL : size;
  if (!is_open(q, e, n) || !q->out->whole) return AS_OK;
  if (at == STAGE_SAME) return add_run(q, e, n);
  if (at == STAGE_TAIL && size <= TAIL) return refine(q, e, n, STAGE_ALL);
  for (size_t i = 0; i < n; i++) {
    as_blob blob;
    if (read > q->left) {
      q->out->whole = false;
      return AS_OK;
    }
    q->left -= read;
    memset(e[i].key, 0, sizeof e[i].key);
    if (as_dataset_read_end(e[i].second ? q->b : q->a, e[i].index, read, &blob, NULL) != AS_OK) continue;
    digest_of(blob.p, blob.n, e[i].key);
    as_dataset_release(&blob);
  }
  qsort(e, n, sizeof *e, by_content);
  as_status s = AS_OK;
  for (size_t i = 0, end; i < n && s == AS_OK; i = end) {
    for (end = i + 1; end < n && memcmp(e[end].key, e[i].key, sizeof e->key) == 0;) end++;
    if (is_known(e[i].key)) s = refine(q, e + i, end - i, (stage)(at + 1));
  }
  return s;
}

as_status as_twins_quick(as_twins *out, const as_dataset *a, const as_dataset *b, uint64_t most,
                         as_err *err) {
  size_t na = as_dataset_count(a), nb = b ? as_dataset_count(b) : 0, n = 0;
  quick q = {a, b, most, out, err};
  *out = (as_twins){.whole = true};
  sized *e = as_calloc(na + nb, sizeof *e, err);
  if (!e) return AS_E_ENV;
  for (size_t i = 0; i < na + nb; i++) {
    sized *to = &e[n];
    to->second = i >= na;
    to->index = i < na ? i : i - na;
    n += as_dataset_place(to->second ? b : a, to->index, &to->place) && to->place.size > 0;
  }
  as_status s = AS_OK;
  if (n > 0) qsort(e, n, sizeof *e, by_place);
  for (size_t i = 0, end; i < n && e[i].place.known && s == AS_OK; i = end) {
    for (end = i + 1; end < n && e[end].place.known && e[end].place.which[0] == e[i].place.which[0] &&
                      e[end].place.which[1] == e[i].place.which[1] && e[end].place.at == e[i].place.at;)
      end++;
    s = add_run(&q, e + i, end - i);
  }
  if (n > 0) qsort(e, n, sizeof *e, by_size);
  for (size_t i = 0, end; i < n && s == AS_OK; i = end) {
    for (end = i + 1; end < n && e[end].place.size == e[i].place.size;) end++;
    s = refine(&q, e + i, end - i, STAGE_TAIL);
  }
  as_free(e);
  if (out->n > 0) qsort(out->pair, out->n, sizeof *out->pair, by_first);
  if (s != AS_OK) as_twins_clear(out);
  return s;
}
