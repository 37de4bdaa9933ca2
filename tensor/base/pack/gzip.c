/* A restart point is a saved decoder state of 46 KB. Their number is bounded: when the list is full every
 * second one goes and the spacing doubles, so memory (47 MB at most) does not grow with the archive.
 * Reads in the archive's own order are served by cursors that go on where they stopped. */
#include "tensor/base/pack/gzip.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#include "tensor/base/checked.h"
#include "tensor/base/mem.h"
#include "tensor/base/pack/inflate.h"

enum { MAX_POINTS = 1024, CURSORS = 8, SCRATCH = 1 << 15, CHUNK = 1 << 16 };
#define FIRST_SPACING ((uint64_t)1 << 18)

/* A decoder and where it stands in both streams. */
typedef struct place {
  as_inflate *state;
  uint64_t out; /* decoded bytes before it */
  uint64_t in;  /* compressed bytes before it */
  bool done;
  uint8_t *chunk; /* [CHUNK], the compressed bytes from `in` on are chunk[chunk_at, chunk_n) */
  size_t chunk_at, chunk_n;
} place;

typedef struct cursor {
  atomic_flag busy;
  place at;
} cursor;

typedef struct point {
  uint8_t *saved;
  uint64_t out, in;
} point;

struct as_gzip {
  char *path;
  as_disk disk;
  place pass;     /* the forward pass: the decoder */
  uint8_t *ahead; /* bytes that it has decoded, but the reader has not had yet: they were pending when a */
  size_t ahead_n, ahead_at, ahead_cap; /* point was noted, and a state is small only when none are */
  point point[MAX_POINTS];
  size_t points;
  uint64_t spacing;
  cursor cursor[CURSORS];
};

bool as_gzip_is(const uint8_t *p, size_t n) {
  return n >= 3 && p[0] == 0x1f && p[1] == 0x8b && p[2] == 8;
}

static as_status start_at(place *to, const point *from, as_err *err) {
  *to = (place){.out = from->out, .in = from->in};
  return as_inflate_restore(&to->state, from->saved, err);
}

static void drop_place(place *p) {
  if (p->state) as_inflate_destroy(&p->state);
  as_free(p->chunk);
  memset(p, 0, sizeof *p);
}

as_status as_gzip_open(as_gzip **out, const char *path, as_err *err) {
  as_disk disk;
  *out = NULL;
  as_status s = as_disk_open(&disk, path, err);
  return s == AS_OK ? as_gzip_take(out, disk, err) : s;
}

as_status as_gzip_take(as_gzip **out, as_disk disk, as_err *err) {
  as_gzip *g = as_calloc(1, sizeof *g, err);
  *out = NULL;
  if (!g) {
    as_disk_close(&disk);
    return AS_E_ENV;
  }
  g->disk = disk;
  for (int i = 0; i < CURSORS; i++) atomic_flag_clear(&g->cursor[i].busy);
  g->spacing = FIRST_SPACING;
  g->path = as_strdup(disk.path, err);
  as_status s = g->path ? AS_OK : AS_E_ENV;
  g->disk.path = g->path; /* the caller's need not live as long */
  if (s == AS_OK) s = as_inflate_create(&g->pass.state, AS_DEFLATE_GZIP, err);
  if (s == AS_OK) s = as_inflate_save(&g->point[0].saved, g->pass.state, err);
  if (s == AS_OK) g->points = 1;
  if (s != AS_OK) as_gzip_close(&g);
  *out = g;
  return s;
}

void as_gzip_close(as_gzip **gzip) {
  as_gzip *g = *gzip;
  if (!g) return;
  drop_place(&g->pass);
  for (size_t i = 0; i < g->points; i++) as_free(g->point[i].saved);
  as_free(g->ahead);
  for (int i = 0; i < CURSORS; i++) drop_place(&g->cursor[i].at);
  as_disk_close(&g->disk);
  as_free(g->path);
  as_free(g);
  *gzip = NULL;
}

/* Has compressed bytes ready at p->in, when the file has more. */
static as_status next_chunk(const as_gzip *g, place *p, as_err *err) {
  if (!p->chunk) p->chunk = as_alloc(CHUNK, 1, err);
  if (!p->chunk) return AS_E_ENV;
  p->chunk_at = 0;
  return as_disk_read(&g->disk, p->in, CHUNK, p->chunk, &p->chunk_n, err);
}

/* The next at most n decoded bytes into out; *got == 0 with p->done set at the end. */
static as_status feed_place(const as_gzip *g, place *p, uint8_t *out, size_t n, size_t *got, as_err *err) {
  *got = 0;
  while (*got == 0 && !p->done && n > 0) {
    const bool fresh = p->chunk_at == p->chunk_n;
    as_status s = fresh ? next_chunk(g, p, err) : AS_OK;
    if (s != AS_OK) return s;
    as_inflate_io io = {p->chunk + p->chunk_at, p->chunk_n - p->chunk_at, out, n, false};
    s = as_inflate_feed(p->state, &io, err);
    const size_t used = p->chunk_n - p->chunk_at - io.in_n;
    *got = n - io.out_n;
    p->done = io.done;
    p->chunk_at += used;
    p->in += used;
    p->out += *got;
    if (s != AS_OK) return as_fail_in(err, "%s", g->path);
    if (*got > 0 || p->done || used > 0) continue;
    if (fresh) {
      return as_fail(err, AS_E_INPUT,
                     "%s: byte %" PRIu64 ": found the end of the file inside the compressed data", g->path,
                     g->disk.size);
    }
    p->chunk_n = p->chunk_at; /* too few to go on: read again from here */
  }
  return AS_OK;
}

/* Decodes up to offset `at`, throwing the bytes away. */
static as_status skip_to(const as_gzip *g, place *p, uint64_t at, as_err *err) {
  uint8_t scratch[SCRATCH / 4];
  as_status s = AS_OK;
  while (s == AS_OK && p->out < at && !p->done) {
    size_t want = at - p->out < sizeof scratch ? (size_t)(at - p->out) : sizeof scratch, got;
    s = feed_place(g, p, scratch, want, &got, err);
  }
  return s;
}

static as_status read_on(const as_gzip *g, place *p, size_t n, uint8_t *out, size_t *got, as_err *err) {
  as_status s = AS_OK;
  for (*got = 0; s == AS_OK && *got < n && !p->done;) {
    size_t part;
    s = feed_place(g, p, out + *got, n - *got, &part, err);
    *got += part;
  }
  return s;
}

/* Draws what the decoder has pending into g->ahead, so that its state becomes small. */
static as_status draw_pending(as_gzip *g, as_err *err) {
  size_t n = as_inflate_pending(g->pass.state), got;
  void *p = g->ahead;
  as_status s = as_grow(&p, &g->ahead_cap, n + 1, 1, err);
  g->ahead = p;
  if (s != AS_OK) return s;
  s = feed_place(g, &g->pass, g->ahead, n, &got, err);
  g->ahead_n = got;
  g->ahead_at = 0;
  return s;
}

static as_status note_point(as_gzip *g, as_err *err) {
  if (g->ahead_at < g->ahead_n || g->pass.done || g->pass.out < g->point[g->points - 1].out + g->spacing)
    return AS_OK;
  if (g->points == MAX_POINTS) {
    size_t kept = 0;
    for (size_t i = 0; i < g->points; i++) {
      if (i % 2 == 0) {
        g->point[kept++] = g->point[i];
      } else {
        as_free(g->point[i].saved);
      }
    }
    g->points = kept;
    g->spacing *= 2;
    return AS_OK;
  }
  as_status s = draw_pending(g, err);
  if (s != AS_OK) return s;
  point *p = &g->point[g->points];
  s = as_inflate_save(&p->saved, g->pass.state, err);
  p->out = g->pass.out;
  p->in = g->pass.in;
  if (s == AS_OK) g->points++;
  return s;
}

/* The next at most n bytes of the forward pass. */
static as_status pass_on(as_gzip *g, uint8_t *out, size_t n, size_t *got, as_err *err) {
  size_t ready = g->ahead_n - g->ahead_at;
  if (ready > 0) {
    *got = n < ready ? n : ready;
    memcpy(out, g->ahead + g->ahead_at, *got);
    g->ahead_at += *got;
    return AS_OK;
  }
  as_status s = feed_place(g, &g->pass, out, n, got, err);
  return s == AS_OK ? note_point(g, err) : s;
}

as_status as_gzip_fetch(void *gzip, uint64_t at, size_t n, uint8_t *out, size_t *got, as_err *err) {
  as_gzip *g = gzip;
  uint8_t scratch[SCRATCH / 4];
  as_status s = AS_OK;
  size_t part = 1;
  *got = 0;
  uint64_t here = g->pass.out - (g->ahead_n - g->ahead_at);
  if (at < here) return as_fail(err, AS_E_USAGE, "%s: the forward pass cannot go back", g->path);
  while (s == AS_OK && here < at && part > 0) {
    s = pass_on(g, scratch, at - here < sizeof scratch ? (size_t)(at - here) : sizeof scratch, &part, err);
    here += part;
  }
  if (s != AS_OK) return s;
  if (here < at) { /* the last member's bytes are cut off */
    return as_fail(err, AS_E_INPUT,
                   "%s: found %" PRIu64 " bytes of decoded data, wanted %" PRIu64 " at least", g->path, here,
                   at);
  }
  for (part = 1; s == AS_OK && *got < n && part > 0;) {
    s = pass_on(g, out + *got, n - *got, &part, err);
    *got += part;
  }
  return s;
}

/* The last restart point at or before `at`. */
static const point *point_before(const as_gzip *g, uint64_t at) {
  size_t lo = 0, hi = g->points;
  while (hi - lo > 1) {
    size_t mid = lo + (hi - lo) / 2;
    if (g->point[mid].out <= at) {
      lo = mid;
    } else {
      hi = mid;
    }
  }
  return &g->point[lo];
}

/* A free cursor, held: the one nearest before `at`, else one that is of no use there. NULL: all busy. */
static cursor *take_cursor(as_gzip *g, uint64_t at) {
  cursor *best = NULL;
  for (int i = 0; i < CURSORS; i++) {
    cursor *c = &g->cursor[i];
    if (atomic_flag_test_and_set(&c->busy)) continue;
    bool fits = c->at.state && c->at.out <= at, best_fits = best && best->at.state && best->at.out <= at;
    bool better = !best || (fits && (!best_fits || c->at.out > best->at.out)) ||
                  (!fits && !best_fits && !c->at.state && best->at.state);
    cursor *loser = better ? best : c;
    if (better) best = c;
    if (loser) atomic_flag_clear(&loser->busy);
  }
  return best;
}

as_status as_gzip_read(const as_gzip *gzip, uint64_t at, size_t n, uint8_t *out, as_err *err) {
  as_gzip *g =
      (as_gzip *)(uintptr_t)gzip; /* cursors are a cache behind a const interface, each under its flag */
  place own = {0};
  size_t got = 0;
  cursor *c = take_cursor(g, at);
  place *p = c ? &c->at : &own;
  const point *start = point_before(g, at);
  as_status s = AS_OK;
  if (!p->state || p->out > at || p->out < start->out) {
    drop_place(p);
    s = start_at(p, start, err);
  }
  if (s == AS_OK) s = skip_to(g, p, at, err);
  if (s == AS_OK) s = read_on(g, p, n, out, &got, err);
  if (s == AS_OK && got < n)
    s = as_fail(err, AS_E_INPUT, "%s: found the end of the data at byte %" PRIu64, g->path, p->out);
  if (s != AS_OK || !c) {
    drop_place(p);
  }
  if (c) atomic_flag_clear(&c->busy);
  return s;
}

as_status as_unpack(as_inflate_format format, const uint8_t *p, size_t n, size_t max, uint8_t **out,
                    size_t *out_n, as_err *err) {
  as_inflate *state;
  void *buf = NULL;
  size_t cap = 0, got = 0;
  as_inflate_io io = {.in = p, .in_n = n};
  *out = NULL;
  *out_n = 0;
  as_status s = as_inflate_create(&state, format, err);
  if (s != AS_OK) return s;
  while (s == AS_OK && !io.done) {
    if (got > max) {
      s = as_fail(err, AS_E_INPUT, "compressed data: found over %zu bytes in it", max);
      break;
    }
    s = as_grow(&buf, &cap, got + SCRATCH, 1, err);
    if (s != AS_OK) break;
    const size_t in_n = io.in_n;
    io.out = (uint8_t *)buf + got;
    io.out_n = cap - got;
    s = as_inflate_feed(state, &io, err);
    const size_t made = cap - got - io.out_n;
    got += made;
    if (s == AS_OK && io.in_n == in_n && made == 0 && !io.done)
      s = as_fail(err, AS_E_INPUT, "byte %zu: found the end of compressed data inside it", n);
  }
  as_inflate_destroy(&state);
  if (s == AS_OK) {
    *out = buf;
    *out_n = got;
  } else {
    as_free(buf);
  }
  return s;
}
