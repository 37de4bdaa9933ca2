#include "eval/pretrain/pretrain.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/pretrain/pretrain_int.h"
#include "models/encoder.h"
#include "tensor/base/clock.h"
#include "tensor/base/file.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"

/* One training, from open to checkpoint. */
typedef struct training {
  const as_pretrain_opts *o;
  as_gallery g;
  as_ssl *ssl;
  as_monitor *monitor;
  as_augment view[AS_SSL_VIEWS];
  as_preset preset;
  char preset_text[256];
  char *checkpoint, *log_path, *state, *images, *curves;
  as_str identity, log;
  uint32_t *order;        /* [g.n] of this epoch */
  uint32_t *batch;        /* [batch] images of this step */
  as_status *status;      /* [batch] */
  as_augment_room **room; /* per worker */
  int workers;
  as_rng dice;
} training;

/* ---- views ---- */

static void make_views(void *ctx, size_t i, int worker) {
  training *t = ctx;
  as_image im;
  bool owned = false;
  const uint32_t image = t->batch[i];
  as_status s = as_gallery_get(&t->g, image, &im, &owned, NULL);
  for (size_t v = 0; s == AS_OK && v < as_ssl_views(t->ssl); v++) {
    const as_map m = as_ssl_view(t->ssl, v);
    const as_augment_of of = {t->dice, t->g.item[image], (unsigned)v, im.rgb, im.w, im.h};
    const as_augment_to to = {m.w, as_map_at(&m, i, 0, 0), as_map_row(&m), t->room[worker]};
    s = as_augment_view(&t->view[v], &of, &to, NULL);
  }
  if (owned) as_image_clear(&im);
  t->status[i] = s;
}

/* Views of the images from place `first` of the order on. */
static as_status draw_batch(training *t, size_t first, as_err *err) {
  const size_t batch = (size_t)t->o->ssl.batch;
  memcpy(t->batch, t->order + first, batch * sizeof *t->batch);
  as_par_for(batch, make_views, t);
  for (size_t i = 0; i < batch; i++)
    if (t->status[i] != AS_OK) {
      const as_item it = as_dataset_item(t->g.data, t->g.item[t->batch[i]]);
      return as_fail(err, t->status[i], "%s: could be read at the start, and cannot any more", it.name);
    }
  return AS_OK;
}

/* ---- opening ---- */

static as_status name_files(training *t, as_err *err) {
  const char *dir = t->o->dir;
  t->checkpoint = as_path_join(dir, "checkpoint.safetensors", err);
  t->log_path = as_path_join(dir, "log.tsv", err);
  t->state = as_path_join(dir, "state", err);
  t->images = as_path_join(dir, "images.tsv", err);
  t->curves = as_path_join(dir, "curves.svg", err);
  return t->checkpoint && t->log_path && t->state && t->images && t->curves ? as_make_dirs(dir, err)
                                                                            : AS_E_ENV;
}

static as_status choose_preset(training *t, as_err *err) {
  char text[96];
  const int side = as_encoder_side(t->o->ssl.arch, t->o->ssl.size + t->o->ssl.size / 4);
  (void)snprintf(text, sizeof text, "imagenet-bilinear,resize=%d,crop=%d", side, side);
  const as_status s = as_preset_parse(&t->preset, t->o->preset ? t->o->preset : text, err);
  if (s == AS_OK) as_preset_text(&t->preset, t->preset_text, sizeof t->preset_text);
  return s;
}

static as_status make_room(training *t, as_err *err) {
  const size_t batch = (size_t)t->o->ssl.batch;
  int side = 0;
  for (size_t v = 0; v < as_ssl_views(t->ssl); v++)
    side = as_ssl_view(t->ssl, v).w > side ? as_ssl_view(t->ssl, v).w : side;
  t->order = as_alloc(t->g.n, sizeof *t->order, err);
  t->batch = as_alloc(batch, sizeof *t->batch, err);
  t->status = as_alloc(batch, sizeof *t->status, err);
  t->workers = as_par_threads();
  t->room = as_calloc((size_t)t->workers, sizeof *t->room, err);
  as_status s = t->order && t->batch && t->status && t->room ? AS_OK : AS_E_ENV;
  for (int w = 0; s == AS_OK && w < t->workers; w++) s = as_augment_room_create(&t->room[w], side, err);
  return s;
}

static as_status open_training(training *t, as_pretrain_result *r, as_err *err) {
  const as_pretrain_opts *o = t->o;
  as_status s = name_files(t, err);
  if (s == AS_OK) s = choose_preset(t, err);
  for (size_t v = 0; s == AS_OK && o->ssl.method->view[v]; v++)
    s = as_augment_parse(&t->view[v], o->ssl.method->view[v], err);
  if (s == AS_OK) s = as_gallery_open(&t->g, o->data, o->lenient, o->watch, err);
  if (s != AS_OK) return s;
  if (o->images && strcmp(t->g.list_sha256, o->images) != 0)
    return as_fail(err, AS_E_INPUT,
                   "found other images than those of that training: their list has SHA-256 %s, wanted %s",
                   t->g.list_sha256, o->images);
  r->images = t->g.n, r->failed = t->g.failed;
  as_ssl_opts ssl = o->ssl;
  ssl.images = t->g.n, ssl.label = t->g.label, ssl.classes = as_dataset_classes(o->data);
  s = as_ssl_create(&t->ssl, &ssl, err);
  if (s == AS_OK) s = as_pretrain_identity(&t->identity, o, t->ssl, &t->g, t->preset_text, err);
  if (s == AS_OK) s = make_room(t, err);
  if (s == AS_OK && o->monitor)
    s = as_monitor_create(&t->monitor, &t->g, as_ssl_arch(t->ssl), &t->preset, o->monitor, err);
  return s;
}

static void close_training(training *t) {
  as_monitor_destroy(&t->monitor);
  as_ssl_destroy(&t->ssl);
  as_gallery_close(&t->g);
  for (int w = 0; t->room && w < t->workers; w++) as_augment_room_destroy(&t->room[w]);
  void *all[] = {t->room,     t->order, t->batch,  t->status, t->checkpoint,
                 t->log_path, t->state, t->images, t->curves};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) as_free(all[i]);
  as_str_clear(&t->identity);
  as_str_clear(&t->log);
}

/* ---- training ---- */

/* All images in a seeded order, with dice of an epoch that no training has; the last batch reaches back where one is
 * incomplete. */
static as_status look_at_all(training *t, as_err *err) {
  const as_pretrain_opts *o = t->o;
  const size_t batch = (size_t)o->ssl.batch;
  as_status s = AS_OK;
  as_rng_permutation(as_rng_make(o->ssl.seed, as_rng_stream("pretrain.look")), t->order, t->g.n);
  t->dice = as_augment_dice(o->ssl.seed, UINT64_MAX);
  for (size_t first = 0; s == AS_OK && first < t->g.n; first += batch) {
    as_watch_progress(o->watch, "images", first, t->g.n);
    if (as_watch_stop(o->watch)) return as_fail(err, AS_E_STOPPED, "stopped before the first epoch");
    s = draw_batch(t, first + batch <= t->g.n ? first : t->g.n - batch, err);
    if (s == AS_OK) as_ssl_look(t->ssl, t->batch);
  }
  return s;
}

/* The steps of one epoch from `step` on; the mean loss of those that were done here. */
static as_status run_epoch(training *t, size_t epoch, as_pretrain_epoch *e, as_err *err) {
  const as_pretrain_opts *o = t->o;
  const size_t steps = as_ssl_per_epoch(t->ssl);
  double sum = 0.0;
  const double start = as_seconds();
  as_rng_permutation(as_rng_make(o->ssl.seed, as_rng_stream("pretrain.order") + epoch), t->order, t->g.n);
  t->dice = as_augment_dice(o->ssl.seed, epoch);
  e->rate = as_ssl_rate(t->ssl);
  for (size_t step = 0; step < steps; step++) {
    as_watch_progress(o->watch, "steps", epoch * steps + step, steps * o->ssl.epochs);
    if (as_watch_stop(o->watch)) return AS_E_STOPPED;
    const as_status s = draw_batch(t, step * (size_t)o->ssl.batch, err);
    if (s != AS_OK) return s;
    double loss;
    as_ssl_step(t->ssl, t->batch, &loss);
    if (!isfinite(loss))
      return as_fail(err, AS_E_INPUT, "the loss is not finite in epoch %zu, step %zu (rate too high?)",
                     epoch + 1, step + 1);
    sum += loss;
  }
  e->loss = sum / (double)steps;
  e->images_per_second = (double)(steps * (size_t)o->ssl.batch) / (as_seconds() - start);
  return AS_OK;
}

static void log_epoch(as_str *log, const as_pretrain_epoch *e) {
  as_str_printf(log, "%zu\t%.6f\t%.6g\t%.4f\t%.2f\t", e->epoch, e->loss, e->rate, e->spread, e->rankme);
  if (e->knn >= 0) as_str_printf(log, "%.4f", e->knn);
  as_str_printf(log, "\t%s\n", e->warning ? e->warning : "");
}

static as_status save_curves(training *t, as_err *err) {
  const as_ssl_opts *o = &t->o->ssl;
  as_str title = {0};
  as_str_printf(&title, "%s, %s, %d pixels, batch %d, seed %llu", o->method->title, o->arch, o->size,
                o->batch, (unsigned long long)o->seed);
  as_status s = as_str_status(&title, err);
  if (s == AS_OK) s = as_pretrain_save_curves(t->curves, as_str_c(&title), &t->log, err);
  as_str_clear(&title);
  return s;
}

static as_status train(training *t, as_err *err) {
  const as_pretrain_opts *o = t->o;
  bool found;
  as_status s = as_pretrain_load_state(t->state, t->ssl, as_str_c(&t->identity), &t->log, &found, err);
  if (s != AS_OK) return s;
  size_t epoch = as_ssl_step_done(t->ssl) / as_ssl_per_epoch(t->ssl);
  if (found && o->resumed) o->resumed(o->ctx, epoch);
  if (as_ssl_wants_look(t->ssl)) s = look_at_all(t, err);
  if (!found) as_str_put(&t->log, "epoch\tloss\trate\tspread\trankme\tknn\twarning\n");
  for (; s == AS_OK && epoch < o->ssl.epochs; epoch++) {
    as_pretrain_epoch e = {
        .epoch = epoch + 1, .epochs = o->ssl.epochs, .spread = -1, .rankme = -1, .knn = -1};
    s = run_epoch(t, epoch, &e, err);
    if (s == AS_E_STOPPED)
      return as_fail(err, AS_E_STOPPED, "stopped in epoch %zu of %zu", epoch + 1, o->ssl.epochs);
    if (s == AS_OK && t->monitor) s = as_monitor_look(t->monitor, as_ssl_backbone(t->ssl), &e, err);
    if (s != AS_OK) return s;
    if (!e.warning) e.warning = as_ssl_collapse(t->ssl);
    if (!o->ssl.method->loss) e.warning = NULL; /* untrained features are alike from the start */
    log_epoch(&t->log, &e);
    s = save_curves(t, err);
    if (o->epoch) o->epoch(o->ctx, &e);
    if (s == AS_OK) s = as_pretrain_save_state(t->state, t->ssl, as_str_c(&t->identity), &t->log, err);
  }
  return s;
}

as_status as_pretrain(const as_pretrain_opts *o, as_pretrain_result *result, as_err *err) {
  training t = {.o = o};
  *result = (as_pretrain_result){0};
  as_status s = open_training(&t, result, err);
  result->was_complete = s == AS_OK && as_pretrain_is_complete(t.checkpoint, as_str_c(&t.identity));
  if (s == AS_OK && !result->was_complete) {
    s = as_file_write(t.images, as_str_c(&t.g.list), t.g.list.n, err);
    if (s == AS_OK) s = train(&t, err);
    if (s == AS_OK) s = as_file_write(t.log_path, as_str_c(&t.log), t.log.n, err);
    if (s == AS_OK)
      s = as_pretrain_save_checkpoint(t.checkpoint, o, t.ssl, &t.g, t.preset_text, as_str_c(&t.identity),
                                      err);
    if (s == AS_OK) (void)remove(t.state);
  }
  close_training(&t);
  return s;
}
