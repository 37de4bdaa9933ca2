#include "data/sets/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "data/image/image.h"
#include "data/sets/dataset_int.h"
#include "data/sets/labels.h"
#include "tensor/base/hash/md5.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"

enum { PROBES = 48 }; /* images whose headers are looked at */

typedef struct check {
  as_findings *out;
  const as_dataset *ds;
  as_status status;
  as_err *err;
} check;

static void finding(check *c, as_finding_level level, const char *fmt, ...) AS_PRINTF(3, 4);
static void finding(check *c, as_finding_level level, const char *fmt, ...) {
  void *p = c->out->item;
  as_status s = as_grow(&p, &c->out->cap, c->out->n + 1, sizeof *c->out->item, c->err);
  c->out->item = p;
  if (s != AS_OK) {
    c->status = s;
    return;
  }
  as_finding *f = &c->out->item[c->out->n++];
  int n = snprintf(f->text, sizeof f->text, "%s: ", c->ds->path);
  va_list ap;
  va_start(ap, fmt);
  if (n >= 0 && (size_t)n < sizeof f->text) vsnprintf(f->text + n, sizeof f->text - (size_t)n, fmt, ap);
  va_end(ap);
  f->level = level;
  c->out->wrong += level == AS_FINDING_WRONG;
}

void as_findings_clear(as_findings *f) {
  as_free(f->item);
  memset(f, 0, sizeof *f);
}

static bool is_task(const check *c, const char *name) {
  return strcmp(c->ds->task->name, name) == 0;
}

/* ---- counts ----------------------------------------------------------------------------------- */

/* Other counts that are known to go around, and where they come from. */
static const char *known_count(const as_task *task, size_t n) {
  static const struct {
    const char *task;
    size_t n;
    const char *what;
  } known[] = {
      {"imagenet-val", 48238, "val without the 1,762 images of the development kit's blacklist"},
      {"imagenet-val", 10000, "a tenth of val, or an ImageNet-V2 set"},
      {"imagenet-sketch", 50000, "what its README says; the released set has 50,889"},
      {"imagenet-sketch", 50874, "the list of paths in its repository"},
      {"imagenet-hard", 13925, "an earlier revision, with other labels"},
      {"imagenet-hard", 13630, "an earlier revision, with other labels"},
      {"imagenet-hard", 11350, "an earlier revision, with other labels"},
      {"imagenet-c", 50000, "one corruption at one severity"},
      {"imagenet-c", 250000, "one corruption"},
      {"imagenet-c", 4750000, "all 19 corruptions; the benchmark's mCE is over the first 15"},
      {"objectnet", 50273, "all 313 classes; 113 of them are ImageNet's"},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    if (strcmp(known[i].task, task->name) == 0 && known[i].n == n) return known[i].what;
  }
  return NULL;
}

/* Names the first of val's images that are not there. */
static void check_missing_val(check *c) {
  uint8_t *there = as_calloc(as_val_labels_count + 1, 1, c->err);
  if (!there) {
    c->status = AS_E_ENV;
    return;
  }
  size_t numbered = 0, missing = 0;
  int first = 0;
  for (size_t i = 0; i < c->ds->n; i++) {
    int v = as_val_number(c->ds->row[i].name);
    numbered += v > 0;
    there[v] = 1;
  }
  for (size_t v = 1; v <= as_val_labels_count; v++) {
    if (there[v]) continue;
    if (missing++ == 0) first = (int)v;
  }
  as_free(there);
  if (numbered == c->ds->n && missing > 0)
    finding(c, AS_FINDING_WRONG, "%zu images are missing, the first is ILSVRC2012_val_%08d", missing, first);
}

static void check_counts(check *c) {
  const as_task *t = c->ds->task;
  if (t->images == 0) return;
  if ((int64_t)c->ds->n == t->images) {
    finding(c, AS_FINDING_OK, "%" PRId64 " images, as published", t->images);
  } else {
    const char *what = known_count(t, c->ds->n);
    finding(c, AS_FINDING_WRONG, "found %zu images, wanted %" PRId64 "%s%s", c->ds->n, t->images,
            what ? ": this is " : "", what ? what : "");
    if (is_task(c, "imagenet-val") || is_task(c, "imagenet-real")) check_missing_val(c);
  }
}

static void check_per_class(check *c) {
  const as_task *t = c->ds->task;
  size_t classes = c->ds->classes.n, present = 0, odd = 0, first = 0;
  if (classes == 0 || t->rule == AS_RULE_MAX) return;
  int64_t *n = as_calloc(classes, sizeof *n, c->err);
  if (!n) {
    c->status = AS_E_ENV;
    return;
  }
  for (size_t i = 0; i < c->ds->n; i++) {
    if (c->ds->row[i].label >= 0) n[c->ds->row[i].label]++;
  }
  for (size_t k = 0; k < classes; k++) {
    present += n[k] > 0;
    if (t->per_class > 0 && n[k] != t->per_class && odd++ == 0) first = k;
  }
  if (t->present > 0 && (int64_t)present != t->present)
    finding(c, AS_FINDING_WRONG, "found images of %zu classes, wanted %" PRId64, present, t->present);
  if (odd > 0)
    finding(c, AS_FINDING_WRONG,
            "class %s: found %" PRId64 " images, wanted %" PRId64 " (%zu classes differ)",
            c->ds->classes.name[first], n[first], t->per_class, odd);
  as_free(n);
}

/* ---- labels ----------------------------------------------------------------------------------- */

/* The images of ILSVRC2012 tell their class by their names, wherever the labels were taken from. */
static void check_names(check *c) {
  as_agreement a;
  char text[700];
  as_status s = as_dataset_compare_names(c->ds, &a, c->err);
  if (s != AS_OK) {
    c->status = s;
  } else if (c->ds->has_real ? a.differ * 2 > a.known : a.differ > 0) {
    as_agreement_text(c->ds, &a, text, sizeof text);
    finding(c, AS_FINDING_WRONG, "%s", text);
  } else if (a.known > 0 && !c->ds->has_real) {
    finding(c, AS_FINDING_OK, "%zu labels are those that the names of the images tell", a.known);
  }
}

static void check_real_sets(check *c) {
  size_t scored = 0;
  if (!c->ds->has_real) return;
  for (size_t i = 0; i < c->ds->n; i++) scored += c->ds->row[i].n_real > 0;
  int64_t want = c->ds->task->scored;
  if (c->ds->task->rule != AS_RULE_ANY || want == 0 || (int64_t)c->ds->n != c->ds->task->images) return;
  finding(c, (int64_t)scored == want ? AS_FINDING_OK : AS_FINDING_WRONG,
          "%zu images have labels and are scored, published are %" PRId64, scored, want);
}

/* ---- flavour ---------------------------------------------------------------------------------- */

static const char *flavour_in(const char *text) {
  static const char *const flavours[][2] = {{"matched-frequency", "matched-frequency"},
                                            {"threshold0.7", "threshold-0.7"},
                                            {"threshold-0.7", "threshold-0.7"},
                                            {"top-images", "top-images"}};
  for (size_t i = 0; i < sizeof flavours / sizeof *flavours; i++) {
    if (strstr(text, flavours[i][0])) return flavours[i][1];
  }
  return NULL;
}

static void check_flavour(check *c) {
  if (!is_task(c, "imagenet-v2")) return;
  const as_row *r = &c->ds->row[0];
  const char *whole = c->ds->source.pool + c->ds->source.entry[r->entry].shown;
  char cut[256];
  snprintf(cut, sizeof cut, "%.*s", (int)(r->name - whole > 255 ? 255 : r->name - whole), whole);
  const char *in_name = flavour_in(cut), *in_path = flavour_in(c->ds->path);
  const char *is = in_name ? in_name : in_path, *want = c->ds->flavour ? flavour_in(c->ds->flavour) : NULL;
  if (!is)
    finding(c, AS_FINDING_NOTE,
            "its name does not tell the flavour; published numbers are mostly of matched-frequency");
  else if (want && strcmp(is, want) != 0)
    finding(c, AS_FINDING_WRONG, "found flavour %s, wanted %s (they are up to 15 points apart)", is, want);
  else
    finding(c, want ? AS_FINDING_OK : AS_FINDING_NOTE, "flavour %s", is);
}

/* ---- pixels ----------------------------------------------------------------------------------- */

/* Sizes of a few images, evenly over the set. */
static void check_sizes(check *c) {
  size_t n = c->ds->n < PROBES ? c->ds->n : PROBES, bad = 0, same_short = 0, seen = 0;
  int w = 0, h = 0, same = 1, short_side = 0;
  for (size_t k = 0; k < n; k++) {
    as_blob b;
    as_image_info info;
    as_err e;
    size_t i = c->ds->n / n * k;
    if (as_dataset_read(c->ds, i, &b, &e) != AS_OK) {
      bad++;
      continue;
    }
    if (as_blob_unpack(&b, &e) != AS_OK || as_image_probe(&info, b.p, b.n, &e) != AS_OK) {
      if (bad++ == 0) finding(c, AS_FINDING_DAMAGED, "%s: %s", c->ds->row[i].name, e.msg);
    } else {
      int s = info.w < info.h ? info.w : info.h;
      if (seen++ == 0) {
        w = info.w;
        h = info.h;
        short_side = s;
      }
      same = same && info.w == w && info.h == h;
      same_short += s == short_side;
    }
    as_dataset_release(&b);
  }
  if (bad > 0) finding(c, AS_FINDING_DAMAGED, "%zu of %zu images looked at cannot be read", bad, n);
  if (seen < 8) return;
  if (is_task(c, "imagenet-c")) {
    bool fits = same && w == 224 && h == 224;
    finding(c, fits ? AS_FINDING_OK : AS_FINDING_WRONG, "images of %d x %d%s", w, h,
            fits ? ", as published" : "; the published files are all 224 x 224, and are not resized");
  } else if (c->ds->task->imagenet && same) {
    finding(c, AS_FINDING_WRONG,
            "all %zu images looked at are %d x %d: resized copies; the published ones differ in size", seen,
            w, h);
  } else if (c->ds->task->imagenet && same_short == seen) {
    finding(c, AS_FINDING_WRONG,
            "all %zu images looked at have a short side of %d: resized copies, their pixels differ", seen,
            short_side);
  }
}

static as_status md5_of_file(const char *path, char hex[33], as_err *err) {
  enum { STEP = 1 << 20 };
  as_disk d;
  as_md5 sum;
  size_t got = 1;
  uint8_t *p = as_alloc(STEP, 1, err);
  as_status s = p ? as_disk_open(&d, path, err) : AS_E_ENV;
  if (s != AS_OK) {
    as_free(p);
    return s;
  }
  as_md5_init(&sum);
  for (uint64_t at = 0; s == AS_OK && got > 0; at += got) {
    s = as_disk_read(&d, at, STEP, p, &got, err);
    if (s == AS_OK) as_md5_update(&sum, p, got);
  }
  as_md5_hex(&sum, hex);
  as_disk_close(&d);
  as_free(p);
  return s;
}

/* torchvision/datasets/imagenet.py, ARCHIVE_META. */
static void check_archive_sum(check *c) {
  static const char *const known[][2] = {{"ILSVRC2012_img_val.tar", "29b22e2961454d5413ddabcf34fc5622"},
                                         {"ILSVRC2012_img_train.tar", "1d675b47d978889d74fa0da5fadfb00e"}};
  const char *base = as_path_base(c->ds->path);
  char hex[33];
  for (size_t i = 0; i < sizeof known / sizeof *known && c->status == AS_OK; i++) {
    if (strcmp(base, known[i][0]) != 0) continue;
    c->status = md5_of_file(c->ds->path, hex, c->err);
    if (c->status != AS_OK) return;
    bool equal = strcmp(hex, known[i][1]) == 0;
    finding(c, equal ? AS_FINDING_OK : AS_FINDING_WRONG, "MD5 %s%s%s", hex,
            equal ? ", as published" : ", published is ", equal ? "" : known[i][1]);
  }
}

as_status as_dataset_check(as_findings *out, const as_dataset_opts *opts, bool deep, as_err *err) {
  as_dataset_opts whole = *opts;
  as_dataset *ds;
  memset(out, 0, sizeof *out);
  whole.limit = whole.per_class_from = whole.per_class_to = whole.shard = whole.shards = 0;
  as_status s = as_dataset_open_as_is(&ds, &whole, err);
  if (s != AS_OK) return s;
  check c = {out, ds, AS_OK, err};
  if (opts->subset && *opts->subset) {
    finding(&c, AS_FINDING_NOTE, "a subset of the classes: counts are not compared");
  } else {
    check_counts(&c);
    check_per_class(&c);
    check_real_sets(&c);
  }
  check_names(&c);
  check_flavour(&c);
  check_sizes(&c);
  if (deep) check_archive_sum(&c);
  as_dataset_close(&ds);
  if (c.status != AS_OK) as_findings_clear(out);
  return c.status;
}
