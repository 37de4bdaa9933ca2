/* A world that is drawn for a training. */
#include <stdio.h>
#include <string.h>

#include "data/image/jpegenc.h"
#include "data/world/world.h"
#include "eval/pretrain/pretrain_int.h"
#include "eval/pretrain/training.h"
#include "tensor/base/clock.h"
#include "tensor/base/file.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"

bool as_training_is_world(const char *path) {
  return path && (strcmp(path, "world") == 0 || as_starts_with(path, "world:"));
}

/* "key=value,key=value", cut up in place: each value into the number of that key. what: for messages. */
typedef struct number_key {
  const char *name;
  int64_t *to, min, max;
} number_key;

static as_status read_world_words(char *text, const number_key *key, size_t n, as_err *err) {
  for (char *p = text; p && *p;) {
    char *next = strchr(p, ','), *eq = strchr(p, '=');
    if (next) *next++ = '\0';
    size_t k = 0;
    if (eq) *eq = '\0';
    while (k < n && strcmp(key[k].name, p) != 0) k++;
    if (!eq || k == n)
      return as_fail(err, AS_E_USAGE, "world: found \"%s\", wanted seed=, size=, classes= or per-class=", p);
    if (!as_parse_i64(eq + 1, key[k].min, key[k].max, key[k].to))
      return as_fail(err, AS_E_USAGE, "world: %s: found \"%s\", wanted a number from %lld to %lld", p, eq + 1,
                     (long long)key[k].min, (long long)key[k].max);
    p = next;
  }
  return AS_OK;
}

/* The words of a world, and the same in full: seed, size, classes and images of a class, whatever was left out. */
static as_status read_world(as_world_opts *o, as_str *said, const char *path, as_err *err) {
  int64_t seed = 0, size = 48, classes = (int64_t)as_world_classes(), count = 800;
  const number_key keys[] = {{"seed", &seed, 0, INT64_MAX},
                             {"size", &size, 32, 512},
                             {"classes", &classes, 2, (int64_t)as_world_classes()},
                             {"per-class", &count, 1, 9999}};
  char *words = as_strdup(path[5] ? path + 6 : "", err);
  as_status s = words ? read_world_words(words, keys, sizeof keys / sizeof *keys, err) : AS_E_ENV;
  as_free(words);
  *o = (as_world_opts){.seed = (uint64_t)seed, .size = (int)size, .classes = (int)classes};
  for (int k = 0; k < AS_WORLD_SETS; k++) o->per_class[k] = k == AS_WORLD_TRAIN ? (int)count : -1;
  as_str_printf(said, "world:seed=%lld,size=%lld,classes=%lld,per-class=%lld", (long long)seed,
                (long long)size, (long long)classes, (long long)count);
  return s == AS_OK ? as_str_status(said, err) : s;
}

/* Does the file say this and nothing else? */
static bool file_says(const char *path, const char *text) {
  as_file f = {0};
  if (as_path_kind_of(path) != AS_PATH_FILE || as_file_open(&f, path, NULL) != AS_OK) return false;
  const bool same = f.size == strlen(text) && memcmp(f.data, text, f.size) == 0;
  as_file_close(&f);
  return same;
}

as_status as_training_world(as_str *said, const char *words, as_err *err) {
  as_world_opts w;
  return read_world(&w, said, words, err);
}

as_status as_training_world_images(size_t *n, const as_dataset_opts *data, as_err *err) {
  as_world_opts w;
  as_str said = {0};
  const as_status s = read_world(&w, &said, data->path, err);
  as_str_clear(&said);
  if (s != AS_OK) return s;
  int64_t count = w.per_class[AS_WORLD_TRAIN];
  if (data->per_class_from || data->per_class_to) {
    const int64_t end = data->per_class_to < count ? data->per_class_to : count;
    count = end > data->per_class_from ? end - data->per_class_from : 0;
  }
  count *= w.classes;
  if (data->limit > 0 && data->limit < count) count = data->limit;
  if (data->shards > 0 && data->shards <= INT32_MAX && data->shard >= 0 && data->shard < data->shards)
    count = count * (data->shard + 1) / data->shards - count * data->shard / data->shards;
  *n = (size_t)count;
  return AS_OK;
}

bool as_training_is_drawn(const char *world_dir, const char *words) {
  as_world_opts w;
  as_str said = {0};
  char *stamp = as_path_join(world_dir, "drawn", NULL);
  const bool drawn =
      stamp && read_world(&w, &said, words, NULL) == AS_OK && file_says(stamp, as_str_c(&said));
  as_str_clear(&said);
  as_free(stamp);
  return drawn;
}

as_status as_training_draw(const char *dir, const char *words, char **train, as_err *err) {
  as_world_opts w;
  as_str said = {0};
  char *stamp = as_path_join(dir, "drawn", err);
  *train = as_path_join(dir, as_world_set_name(AS_WORLD_TRAIN), err);
  as_status s = stamp && *train ? read_world(&w, &said, words, err) : AS_E_ENV;
  if (s == AS_OK && !file_says(stamp, as_str_c(&said))) {
    s = as_world_write(dir, &w, err);
    if (s == AS_OK) s = as_file_write(stamp, as_str_c(&said), said.n, err);
  }
  as_str_clear(&said);
  as_free(stamp);
  return s;
}

typedef struct sketch_job {
  as_world_opts world;
  bool failed;
} sketch_job;

/* One picture as drawing a world makes it, but for the file. */
static void sketch(void *ctx, size_t i, int worker) {
  (void)worker;
  sketch_job *j = ctx;
  const int side = j->world.size;
  const size_t classes = (size_t)j->world.classes;
  int labels[4], n_labels;
  size_t n = 0;
  uint8_t *jpeg = NULL, *rgb = as_alloc((size_t)side * (size_t)side, 3, NULL);
  if (!rgb ||
      as_world_draw(&j->world, AS_WORLD_TRAIN, i % classes, (int)(i / classes), rgb, labels, &n_labels,
                    NULL) != AS_OK ||
      as_jpeg_encode(&jpeg, &n, rgb, side, side, AS_WORLD_QUALITY, AS_JPEG_420, NULL) != AS_OK)
    j->failed = true;
  as_free(jpeg);
  as_free(rgb);
}

as_status as_training_draw_cost(double *seconds, const char *words, as_err *err) {
  enum { PIXELS = 128 * 48 * 48 };
  sketch_job j = {0};
  as_str said = {0};
  as_status s = read_world(&j.world, &said, words, err);
  as_str_clear(&said);
  *seconds = 0;
  if (s != AS_OK) return s;
  const double images = (double)j.world.classes * (double)j.world.per_class[AS_WORLD_TRAIN];
  const size_t few = (size_t)(PIXELS / (j.world.size * j.world.size) + as_par_threads()),
               n = images < (double)few ? (size_t)images : few;
  const double start = as_seconds();
  as_par_for(n, sketch, &j);
  *seconds = (as_seconds() - start) * images / (double)n;
  return j.failed ? as_fail(err, AS_E_ENV, "world: no memory for a picture") : AS_OK;
}

static void remove_file(const char *dir, const char *name) {
  char *path = as_path_join(dir, name, NULL);
  if (path) (void)remove(path);
  as_free(path);
}

/* Pictures of one class. */
static void remove_pictures(const char *train, const char *class_name) {
  as_names names = {0};
  char *dir = as_path_join(train, class_name, NULL);
  if (dir && as_path_kind_of(dir) == AS_PATH_DIR && as_dir_list(&names, dir, NULL) == AS_OK)
    for (size_t i = 0; i < names.n; i++)
      if (as_starts_with(names.name[i], "train_") && as_ends_with(names.name[i], ".jpg"))
        remove_file(dir, names.name[i]);
  as_names_clear(&names);
  if (dir) (void)remove(dir);
  as_free(dir);
}

void as_training_remove(const char *dir) {
  static const char *const own[] = {"checkpoint.safetensors", "log.tsv", "images.tsv", "curves.svg", "state"};
  static const char *const drawn[] = {"drawn", "classes.txt", "overview.jpg", "texture.json", "real.json"};
  for (size_t i = 0; i < sizeof own / sizeof *own; i++) remove_file(dir, own[i]);
  char *world = as_path_join(dir, "world", NULL),
       *train = world ? as_path_join(world, as_world_set_name(AS_WORLD_TRAIN), NULL) : NULL;
  char *stamp = world ? as_path_join(world, "drawn", NULL) : NULL;
  if (train && stamp && as_path_kind_of(stamp) == AS_PATH_FILE) {
    for (size_t c = 0; c < as_world_classes(); c++) remove_pictures(train, as_world_class_name(c));
    (void)remove(train);
    for (size_t i = 0; i < sizeof drawn / sizeof *drawn; i++) remove_file(world, drawn[i]);
    (void)remove(world);
  }
  as_free(stamp);
  as_free(train);
  as_free(world);
  (void)remove(dir);
}
