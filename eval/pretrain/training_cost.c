/* How long a training takes, from a small one that is done on the spot: the real method on made pictures.
 *
 * Methods differ in what they do besides steps: DeepCluster-v2, SeLa-v2 and PCL cluster what they remember of all images at the
 * start of an epoch, and the two first look at every image before. So the small training has two epochs, and the first
 * step of the second one shows what clustering costs for its images; that grows with their number. What is not measured
 * (decoding, the monitor, files after each epoch) is a small share. */
#include <stdlib.h>
#include <string.h>

#include "eval/pretrain/pretrain_int.h"
#include "tensor/base/clock.h"
#include "tensor/base/math/rng.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"

#define OTHER_SHARE 1.04 /* all of a training, in parts of what is measured */
enum { BATCHES = 4 /* of an epoch of the small training */, EPOCHS = 2 };

typedef struct small_training {
  as_training_method m;
  as_augment view[AS_SSL_VIEWS];
  uint8_t *rgb;           /* [side, side, 3] noise */
  int side;               /* of the picture */
  as_augment_room **room; /* [workers] */
  int workers;
  uint32_t *image; /* [batch] */
} small_training;

static void close_small(small_training *q) {
  for (int w = 0; q->room && w < q->workers; w++) as_augment_room_destroy(&q->room[w]);
  as_free(q->room);
  as_free(q->rgb);
  as_free(q->image);
  as_training_method_clear(&q->m);
}

/* A few batches of images, more where the method wants more: clusters cannot outnumber them. */
static as_status open_small(small_training *q, const as_training *t, as_err *err) {
  as_status s = AS_E_USAGE;
  bool whole = false;
  for (size_t batches = BATCHES; s != AS_OK && !whole; batches *= 2) {
    as_training_method_clear(&q->m);
    s = as_training_method_make(&q->m, t, batches, EPOCHS, err);
    whole = batches * (size_t)q->m.opts.batch >= q->m.images;
  }
  if (s != AS_OK) return s;
  q->side = q->m.opts.size + q->m.opts.size / 2;
  q->workers = as_par_threads();
  q->rgb = as_alloc((size_t)q->side * (size_t)q->side * 3, 1, err);
  q->image = as_alloc((size_t)q->m.opts.batch, sizeof *q->image, err);
  q->room = as_calloc((size_t)q->workers, sizeof *q->room, err);
  if (!q->rgb || !q->image || !q->room) return AS_E_ENV;
  const as_rng noise = as_rng_make(0, as_rng_stream("pretrain.cost"));
  for (size_t i = 0; i < (size_t)q->side * (size_t)q->side * 3; i++)
    q->rgb[i] = (uint8_t)as_rng_below(noise, i, 256);
  for (size_t v = 0; s == AS_OK && q->m.opts.method->view[v]; v++)
    s = as_augment_parse(&q->view[v], q->m.opts.method->view[v], err);
  for (int w = 0; s == AS_OK && w < q->workers; w++)
    s = as_augment_room_create(&q->room[w], q->m.opts.size, err);
  return s;
}

static void make_views(void *ctx, size_t i, int worker) {
  small_training *q = ctx;
  const as_rng dice = as_augment_dice(0, as_ssl_step_done(q->m.ssl));
  for (size_t v = 0; v < as_ssl_views(q->m.ssl); v++) {
    const as_map m = as_ssl_view(q->m.ssl, v);
    const as_augment_of of = {dice, q->image[i], (unsigned)v, q->rgb, q->side, q->side};
    const as_augment_to to = {m.w, as_map_at(&m, i, 0, 0), as_map_row(&m), q->room[worker]};
    (void)as_augment_view(&q->view[v], &of, &to, NULL); /* a view that memory is short for costs no time */
  }
}

/* Views and a step, or a look, of batch number n of an epoch. */
static double time_batch(small_training *q, size_t n, bool look) {
  const size_t batch = (size_t)q->m.opts.batch;
  const double start = as_seconds();
  double loss;
  for (size_t i = 0; i < batch; i++) q->image[i] = (uint32_t)(n * batch + i);
  as_par_for(batch, make_views, q);
  if (look)
    as_ssl_look(q->m.ssl, q->image);
  else
    as_ssl_step(q->m.ssl, q->image, &loss);
  return as_seconds() - start;
}

static int by_size(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

as_status as_training_estimate(as_training_cost *cost, const as_training *t, as_err *err) {
  small_training q = {0};
  *cost = (as_training_cost){0};
  as_status s = open_small(&q, t, err);
  if (s == AS_OK) {
    const size_t steps = as_ssl_per_epoch(q.m.ssl), batch = (size_t)q.m.opts.batch;
    const double batches = (double)(q.m.images / batch), epochs = (double)q.m.epochs;
    double look = 0.0, first = 0.0, step[2 * BATCHES];
    size_t n = 0;
    for (size_t i = 0; as_ssl_wants_look(q.m.ssl) && i < steps; i++) look += time_batch(&q, i, true);
    for (size_t i = 0; i < EPOCHS * steps; i++) {
      const double took = time_batch(&q, i % steps, false);
      if (i == steps) first = took;
      if (i % steps && n < 2 * BATCHES) step[n++] = took; /* the very first one touches the memory, too */
    }
    qsort(step, n, sizeof *step, by_size);
    const double usual = n ? step[n / 2] : first, clusters = first > usual ? first - usual : 0.0;
    *cost = (as_training_cost){
        .images = q.m.images,
        .epochs = q.m.epochs,
        .title = q.m.opts.method->title,
        .seconds =
            OTHER_SHARE * (epochs * batches * usual + (epochs * clusters + look) * batches / (double)steps)};
  }
  close_small(&q);
  if (s == AS_OK && as_training_is_world(t->data.path))
    s = as_training_draw_cost(&cost->drawing, t->data.path, err);
  return s;
}
