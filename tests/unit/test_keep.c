/* Fits that are stopped and go on: the bits of one that was never stopped, wherever it was. */
#include "eval/learn/keep.h"

#include <stdio.h>
#include <stdlib.h>

#include "eval/features/feature_set.h"
#include "eval/features/npy.h"
#include "eval/learn/linhead.h"
#include "tensor/base/file.h"
#include "tensor/base/math/rng.h"
#include "tensor/runtime.h"
#include "tests/harness.h"

enum {
  N = 9000,
  D = 17,
  K = 5
}; /* more rows than one slab of the sums in float, and than two of those in double */
static float x[N * D];
static int y[N];
static const as_labelled rows = {.x = x, .y = y, .n = N, .d = D, .classes = K};

static void make_data(void) {
  as_rng r0 = as_rng_make(11, 0), r1 = as_rng_make(11, 1), r2 = as_rng_make(11, 2);
  for (int i = 0; i < N; i++) {
    y[i] = (int)(as_rng_uniform(r0, (uint64_t)i) * K);
    for (int j = 0; j < D; j++) {
      float centre = (float)as_rng_uniform(r1, (uint64_t)(y[i] * D + j));
      float noise = (float)as_rng_uniform(r2, (uint64_t)(i * D + j));
      x[i * D + j] = (centre + 3.0f * noise) + 3.0f;
    }
    if (i % 7 == 3) y[i] = -1; /* as where an image failed */
  }
}

/* Says stop when it is asked for the n-th time. */
typedef struct stopper {
  int asked, at;
} stopper;

static bool is_time(void *ctx) {
  stopper *s = ctx;
  return ++s->asked == s->at;
}

typedef struct fit_case {
  const char *name;
  const char *protocol; /* NULL: L-BFGS */
  const char *c;
  int epochs;
} fit_case;

static as_status fit_once(const fit_case *c, as_keep *keep, as_linhead *h, as_probe_result *r, as_err *err) {
  as_path_opts path = {.seed = 3, .keep = keep};
  as_probe_opts o = {.keep = keep};
  memset(r, 0, sizeof *r);
  if (c->protocol) {
    as_protocol p = *as_protocol_named(c->protocol);
    p.epochs = c->epochs;
    p.batch = 1000;
    p.lr *= 0.01;
    return as_linhead_protocol(h, &rows, &p, 7, keep, err);
  }
  if (as_path_parse(c->c, &o.c, &path, err) != AS_OK) return AS_E_USAGE;
  if (path.count == 0) return as_linhead_fit(h, &rows, &o, r, err);
  as_path_result tried;
  as_status s = as_linhead_path(h, &rows, &path, &tried, err);
  if (s != AS_OK) return s;
  *r = tried.fit;
  r->evaluations += 1000 * (int)tried.best;
  as_path_clear(&tried);
  return s;
}

/* The fit, stopped whenever it has been asked `each` times, until it is done. Returns how often it was stopped. */
static int fit_in_pieces(as_test *t, const fit_case *c, const char *path, int each, as_linhead *h,
                         as_probe_result *r) {
  as_err err;
  for (int stops = 0;; stops++) {
    stopper s = {0, each};
    const as_watch watch = {.stop = is_time, .ctx = &s};
    as_keep *keep = NULL;
    CHECK_OK(t, as_keep_create(&keep, path, &watch, &err), err);
    as_status st = fit_once(c, keep, h, r, &err);
    if (st == AS_E_STOPPED) CHECK(t, as_path_kind_of(path) == AS_PATH_FILE && strstr(err.msg, path) != NULL);
    as_keep_destroy(&keep, st == AS_OK);
    if (st != AS_E_STOPPED) {
      CHECK_OK(t, st, err);
      CHECK(t, as_path_kind_of(path) == AS_PATH_NONE);
      return stops;
    }
    if (stops > 2000) {
      as_test_fail(t, __FILE__, __LINE__, "gets nowhere");
      return stops;
    }
  }
}

static bool same_head(const as_linhead *a, const as_linhead *b) {
  char one[65], other[65];
  as_linhead_sha256(a, one);
  as_linhead_sha256(b, other);
  return strcmp(one, other) == 0 && strcmp(a->source, b->source) == 0;
}

static const fit_case fits[] = {{"C = 1", NULL, "1", 0},
                                {"C by decades", NULL, "3000", 0},
                                {"a path", NULL, "0.001:10:3", 0},
                                {"SGD", "fixed", NULL, 3},
                                {"LARS with BatchNorm", "mae", NULL, 2}};

static void stopped_anywhere(as_test *t) {
  char path[512];
  as_err err;
  make_data();
  snprintf(path, sizeof path, "%s/fit.state", as_test_tmp());
  for (size_t i = 0; i < sizeof fits / sizeof *fits; i++) {
    as_linhead whole, parts;
    as_probe_result want, got;
    CHECK_OK(t, fit_once(&fits[i], NULL, &whole, &want, &err), err);
    for (int each = 2; each < 40; each = each * 4 + 1) { /* at every step, at every eighth, ... */
      const int stops = fit_in_pieces(t, &fits[i], path, each, &parts, &got);
      if (stops < (each == 2 ? 5 : 0))
        as_test_fail(t, __FILE__, __LINE__, "%s: stopped %d times only", fits[i].name, stops);
      if (!same_head(&whole, &parts) || memcmp(&want, &got, sizeof got) != 0)
        as_test_fail(t, __FILE__, __LINE__, "%s, stopped every %d: \"%s\" is not \"%s\"", fits[i].name, each,
                     parts.source, whole.source);
      as_linhead_clear(&parts);
    }
    as_linhead_clear(&whole);
  }
}

/* Leaves a state of c at its third step. */
static void leave_state(as_test *t, const fit_case *c, const char *path) {
  stopper s = {0, 3};
  const as_watch watch = {.stop = is_time, .ctx = &s};
  as_err err;
  as_linhead h;
  as_probe_result r;
  as_keep *keep = NULL;
  CHECK_OK(t, as_keep_create(&keep, path, &watch, &err), err);
  CHECK_STATUS(t, fit_once(c, keep, &h, &r, &err), AS_E_STOPPED);
  as_keep_destroy(&keep, false);
}

/* Fits c with what lies at `path`; is it the fit from nothing, after as many questions? */
static void is_from_nothing(as_test *t, const fit_case *c, const char *path, bool fresh) {
  stopper with = {0, 0}, without = {0, 0};
  as_err err;
  as_linhead a, b;
  as_probe_result r;
  for (int i = 0; i < 2; i++) {
    const as_watch watch = {.stop = is_time, .ctx = i ? &without : &with};
    as_keep *keep = NULL;
    CHECK_OK(t, as_keep_create(&keep, i ? NULL : path, &watch, &err), err);
    CHECK_OK(t, fit_once(c, keep, i ? &b : &a, &r, &err), err);
    as_keep_destroy(&keep, true);
  }
  CHECK(t, same_head(&a, &b));
  if (fresh)
    CHECK_INT(t, with.asked, without.asked);
  else
    CHECK(t, with.asked < without.asked);
  as_linhead_clear(&a);
  as_linhead_clear(&b);
}

static void other_states(as_test *t) {
  char path[512];
  make_data();
  snprintf(path, sizeof path, "%s/other.state", as_test_tmp());
  leave_state(t, &fits[0], path);
  is_from_nothing(t, &fits[0], path, false);
  leave_state(t, &fits[1], path); /* another C */
  is_from_nothing(t, &fits[0], path, true);
  leave_state(t, &fits[0], path); /* another value of a feature */
  x[D + 3] += 1.0f;
  is_from_nothing(t, &fits[0], path, true);
  leave_state(t, &fits[3], path); /* another label */
  y[1] = (y[1] + 1) % K;
  is_from_nothing(t, &fits[3], path, true);
  leave_state(t, &fits[3], path); /* damage */
  size_t n;
  as_err err;
  unsigned char *bytes = as_test_read(path, &n);
  CHECK(t, bytes != NULL && n > 200);
  if (!bytes) return;
  bytes[150] ^= 4;
  CHECK_OK(t, as_file_write(path, bytes, n, &err), err);
  is_from_nothing(t, &fits[3], path, true);
  bytes[150] ^= 4; /* and a state that was cut off */
  CHECK_OK(t, as_file_write(path, bytes, n / 2, &err), err);
  is_from_nothing(t, &fits[3], path, true);
  free(bytes);
}

/* The rows of a mapped file, and those that its reader put into memory. */
static void from_disk(as_test *t) {
  char npy[512], tsv[512], line[64];
  as_err err;
  as_feature_set f;
  as_linhead memory, disk;
  as_probe_result r;
  as_out o;
  const int64_t shape[2] = {N, D};
  make_data();
  snprintf(npy, sizeof npy, "%s/rows.npy", as_test_tmp());
  snprintf(tsv, sizeof tsv, "%s/rows.tsv", as_test_tmp());
  CHECK_OK(t, as_npy_write_f32(npy, x, shape, 2, &err), err);
  CHECK_OK(t, as_out_open(&o, tsv, &err), err);
  as_out_printf(&o, "row\tname\tlabel\tstatus\n");
  for (int i = 0; i < N; i++) {
    snprintf(line, sizeof line, "%d\t%d.jpg\t%d\t%s\n", i, i, y[i], y[i] < 0 ? "failed" : "ok");
    as_out_printf(&o, "%s", line);
  }
  CHECK_OK(t, as_out_commit(&o, &err), err);
  CHECK_OK(t, as_feature_set_read(&f, npy, &err), err);
  CHECK(t, f.x != NULL && !f.wide);
  const as_labelled mapped = {.x = f.x, .y = f.label, .n = f.n, .d = f.d, .classes = f.classes};
  CHECK_OK(t, as_linhead_fit(&memory, &rows, &(as_probe_opts){0}, &r, &err), err);
  CHECK_OK(t, as_linhead_fit(&disk, &mapped, &(as_probe_opts){0}, &r, &err), err);
  CHECK(t, same_head(&memory, &disk));
  as_linhead_clear(&memory);
  as_linhead_clear(&disk);
  const as_protocol *p = as_protocol_named("mae");
  as_protocol few = *p;
  few.epochs = 2;
  CHECK_OK(t, as_linhead_protocol(&memory, &rows, &few, 1, NULL, &err), err);
  CHECK_OK(t, as_linhead_protocol(&disk, &mapped, &few, 1, NULL, &err), err);
  CHECK(t, same_head(&memory, &disk));
  as_linhead_clear(&memory);
  as_linhead_clear(&disk);
  as_feature_set_clear(&f);
}

/* How many bytes of rows may be kept in memory: none, all; rows without a class are passed over or were never there. */
static void any_memory(as_test *t) {
  static float few[N * D], w[2][K * D], b[2][K];
  static int of[N];
  as_err err;
  as_probe_result r[2];
  size_t n = 0;
  make_data();
  for (size_t i = 0; i < N; i++)
    if (y[i] >= 0) {
      memcpy(few + n * D, x + i * D, D * sizeof *x);
      of[n++] = y[i];
    }
  const as_labelled packed = {.x = few, .y = of, .n = n, .d = D, .classes = K};
  for (int i = 0; i < 2; i++) {
    as_probe *p;
    CHECK_OK(t, as_probe_open(&p, i ? &packed : &rows, i ? (size_t)1 << 30 : 1, &err), err);
    CHECK_OK(t, as_probe_run(p, &(as_probe_opts){0}, w[i], b[i], &r[i], &err), err);
    as_probe_close(&p);
  }
  CHECK(t, memcmp(w[0], w[1], sizeof w[0]) == 0 && memcmp(b[0], b[1], sizeof b[0]) == 0);
  CHECK(t, memcmp(&r[0], &r[1], sizeof r[0]) == 0);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"keep: stopped anywhere", stopped_anywhere},
                                  {"keep: other states are not taken", other_states},
                                  {"keep: rows from disk and from memory", from_disk},
                                  {"keep: any memory", any_memory}};
  as_err err;
  if (as_init(NULL, &err) != AS_OK) {
    fprintf(stderr, "%s\n", err.msg);
    return 1;
  }
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
