#include "eval/pretrain/training.h"

#include <assert.h>
#include <string.h>

#include "eval/pretrain/pretrain_int.h"
#include "tensor/base/file.h"
#include "tensor/base/mem.h"

enum { LATER_TEXT = 32 * AS_SSL_PARAMS }; /* ",NAME=0" of as many hyper-parameters */

/* ---- words ---- */

static void put_option(as_str *out, const char *name, const char *value) {
  if (value) as_str_printf(out, "--%s %s ", name, value);
}

/* The options that choose images, then their place: its last part alone, since folders move. */
static void put_data_words(as_str *out, const as_training *t, const char *world) {
  const as_dataset_opts *d = &t->data;
  put_option(out, "task", d->task);
  put_option(out, "classes", d->classes ? as_path_base(d->classes) : NULL);
  put_option(out, "labels", d->labels ? as_path_base(d->labels) : NULL);
  put_option(out, "subset", d->subset ? as_path_base(d->subset) : NULL);
  put_option(out, "flavour", d->flavour);
  if (d->per_class_to)
    as_str_printf(out, "--per-class %lld:%lld ", (long long)d->per_class_from, (long long)d->per_class_to);
  if (d->limit) as_str_printf(out, "--limit %lld ", (long long)d->limit);
  if (d->shards) as_str_printf(out, "--shard %lld/%lld ", (long long)d->shard, (long long)d->shards);
  if (t->lenient) as_str_put(out, "--lenient ");
  as_str_printf(out, "--data %s", *world ? world : as_path_base(d->path));
}

/* What gives this checkpoint again, from any folder that has the images. */
static void put_command(as_str *out, const as_training *t, const as_ssl_opts *o, const char *data) {
  as_str_printf(out, "assay pretrain --method %s --arch %s --size %d --batch %d --epochs %zu --seed %llu ",
                o->method->name, o->arch, o->size, o->batch, o->epochs, (unsigned long long)o->seed);
  put_option(out, "set", t->values && *t->values ? t->values : NULL);
  put_option(out, "preset", t->preset);
  if (t->half) as_str_put(out, "--half ");
  as_str_put(out, data);
}

/* "NAME=VALUE,NAME=VALUE"; the names point into text, which is cut up. */
static as_status read_values(as_ssl_opts *o, char *text, as_err *err) {
  for (char *p = text; p && *p;) {
    char *next = strchr(p, ','), *eq = strchr(p, '=');
    if (next) *next++ = '\0';
    if (!eq || (next && eq >= next))
      return as_fail(err, AS_E_USAGE, "--set: found \"%s\", wanted NAME=VALUE", p);
    *eq = '\0';
    if (o->n_values == AS_SSL_PARAMS) return as_fail(err, AS_E_USAGE, "--set: over %d values", AS_SSL_PARAMS);
    if (!as_parse_f64(eq + 1, &o->value[o->n_values]))
      return as_fail(err, AS_E_USAGE, "--set %s: found \"%s\", wanted a number", p, eq + 1);
    o->name[o->n_values++] = p;
    p = next;
  }
  return AS_OK;
}

/* What the words leave open is settled here, once. values: a copy of them, which is cut up. */
static as_status resolve(as_ssl_opts *ssl, const as_training *t, char *values, as_err *err) {
  *ssl = (as_ssl_opts){.arch = t->arch ? t->arch : AS_TRAINING_ARCH,
                       .size = t->size ? (int)t->size : 32,
                       .batch = t->batch ? (int)t->batch : 128,
                       .epochs = t->epochs ? (size_t)t->epochs : AS_TRAINING_EPOCHS,
                       .seed = (uint64_t)t->seed};
  const as_status s = as_ssl_method_find(&ssl->method, t->method, err);
  if (s == AS_OK && !t->epochs && !ssl->method->loss) ssl->epochs = 1; /* nothing to repeat */
  return s == AS_OK && values ? read_values(ssl, values, err) : s;
}

as_status as_training_words(const as_training *t, as_str *said, as_str *command, as_err *err) {
  as_ssl_opts ssl;
  as_str world = {0};
  as_status s = resolve(&ssl, t, NULL, err);
  if (s == AS_OK && !t->data_said && as_training_is_world(t->data.path))
    s = as_training_world(&world, t->data.path, err);
  if (s == AS_OK && t->data_said)
    as_str_put(said, t->data_said);
  else if (s == AS_OK)
    put_data_words(said, t, as_str_c(&world));
  if (s == AS_OK && command && t->command)
    as_str_put(command, t->command);
  else if (s == AS_OK && command)
    put_command(command, t, &ssl, as_str_c(said));
  as_str_clear(&world);
  if (s == AS_OK) s = as_str_status(said, err);
  return s == AS_OK && command ? as_str_status(command, err) : s;
}

as_status as_training_start(as_training_open *o, const as_training *t, const char *world_dir, as_err *err) {
  as_dataset_opts data = t->data;
  char *train = NULL;
  *o = (as_training_open){.opts = {.preset = t->preset, .lenient = t->lenient, .half = t->half}};
  o->values = as_strdup(t->values ? t->values : "", err);
  as_status s = o->values ? resolve(&o->opts.ssl, t, o->values, err) : AS_E_ENV;
  if (s == AS_OK) s = as_training_words(t, &o->said, &o->command, err);
  if (s == AS_OK && as_training_is_world(data.path)) {
    s = as_training_draw(world_dir, data.path, &train, err);
    data.path = train;
  }
  if (s == AS_OK) s = as_dataset_open(&o->data, &data, err);
  o->opts.data = o->data;
  o->opts.data_said = as_str_c(&o->said);
  o->opts.command = as_str_c(&o->command);
  o->opts.images = t->images;
  as_free(train);
  return s;
}

static as_status count_images(size_t *n, const as_training *t, as_err *err) {
  if (as_training_is_world(t->data.path)) return as_training_world_images(n, &t->data, err);
  as_dataset *ds = NULL;
  const as_status s = as_dataset_open(&ds, &t->data, err);
  if (s == AS_OK) *n = as_dataset_count(ds);
  as_dataset_close(&ds);
  return s;
}

as_status as_training_method_make(as_training_method *m, const as_training *t, size_t batches, size_t epochs,
                                  as_err *err) {
  *m = (as_training_method){.values = as_strdup(t->values ? t->values : "", err)};
  as_status s = m->values ? resolve(&m->opts, t, m->values, err) : AS_E_ENV;
  if (s == AS_OK) s = count_images(&m->images, t, err);
  m->epochs = m->opts.epochs;
  const size_t few = batches * (size_t)m->opts.batch;
  m->opts.images = batches && few < m->images ? few : m->images;
  if (epochs) m->opts.epochs = epochs;
  m->label = as_calloc(m->opts.images ? m->opts.images : 1, sizeof *m->label, err);
  m->opts.label = m->label, m->opts.classes = 16; /* any will do: the images are not looked at */
  if (s == AS_OK && !m->label) s = AS_E_ENV;
  return s == AS_OK ? as_ssl_create(&m->ssl, &m->opts, err) : s;
}

void as_training_method_clear(as_training_method *m) {
  as_ssl_destroy(&m->ssl);
  as_free(m->label);
  as_free(m->values);
  *m = (as_training_method){0};
}

as_status as_training_try(const as_training *t, as_err *err) {
  as_training_method m;
  const as_status s = as_training_method_make(&m, t, 0, 0, err);
  as_training_method_clear(&m);
  return s;
}

void as_training_close(as_training_open *o) {
  as_dataset_close(&o->data);
  as_str_clear(&o->said);
  as_str_clear(&o->command);
  as_free(o->values);
  *o = (as_training_open){0};
}

/* ---- from a checkpoint ---- */

/* The next word of a line, cut off in place; NULL at its end. */
static char *next_word(char **line) {
  char *p = *line;
  while (*p == ' ') p++;
  if (!*p) return NULL;
  char *end = strchr(p, ' ');
  if (end) *end++ = '\0';
  *line = end ? end : p + strlen(p);
  return p;
}

/* The line of as_pretrain_identity: what is no word of the training itself is a hyper-parameter, and those go back to
 * the form of --set, in place. */
static as_status read_identity(as_training *t, char *line, as_err *err) {
  char *values = line;
  bool whole = true;
  for (char *w; whole && (w = next_word(&line));) {
    char *eq = strchr(w, '=');
    if (!eq) return as_fail(err, AS_E_INPUT, "assay.training: found \"%s\", wanted name=value", w);
    *eq = '\0';
    const char *v = eq + 1;
    if (strcmp(w, "profile") == 0)
      whole = strcmp(v, AS_TRAIN_PROFILE) == 0;
    else if (strcmp(w, "method") == 0)
      t->method = v;
    else if (strcmp(w, "arch") == 0)
      t->arch = v;
    else if (strcmp(w, "preset") == 0)
      t->preset = v;
    else if (strcmp(w, "images") == 0)
      t->images = v;
    else if (strcmp(w, "labels") == 0)
      whole = strlen(v) == 64; /* they come with the images, and the checkpoint's bytes hold this hash */
    else if (strcmp(w, "precision") == 0)
      t->half = strcmp(v, "float16") == 0;
    else if (strcmp(w, "size") == 0)
      whole = as_parse_i64(v, 1, 100000, &t->size);
    else if (strcmp(w, "batch") == 0)
      whole = as_parse_i64(v, 1, 1 << 20, &t->batch);
    else if (strcmp(w, "epochs") == 0)
      whole = as_parse_i64(v, 1, 1 << 30, &t->epochs);
    else if (strcmp(w, "seed") == 0)
      whole = as_parse_i64(v, 0, INT64_MAX, &t->seed);
    else {
      *eq = '=';
      values = w;
      break;
    }
    values = NULL;
  }
  if (!whole || !t->method || !t->arch || !t->preset || !t->images)
    return as_fail(err, AS_E_INPUT, "assay.training: found no whole description of a %s training",
                   AS_TRAIN_PROFILE);
  if (values) {
    if (*line) values[strlen(values)] = ' '; /* the word's end again */
    for (char *p = values; *p; p++)
      if (*p == ' ') *p = ',';
    t->values = values;
  }
  return AS_OK;
}

static bool names_value(const char *values, const char *name) {
  const size_t n = strlen(name);
  for (const char *p = values; p; p = strchr(p, ','), p = p ? p + 1 : NULL)
    if (strncmp(p, name, n) == 0 && p[n] == '=') return true;
  return false;
}

/* The hyper-parameters that the method has gained since it was trained, as they were then. */
static as_status put_later_values(as_str *out, const as_training *t, as_err *err) {
  const as_ssl_method *m;
  as_status s = as_ssl_method_find(&m, t->method, err);
  if (s != AS_OK) return s;
  const as_ssl_param *p;
  if (t->values) as_str_put(out, t->values);
  for (size_t i = 0; (p = as_ssl_param_at(m, i)) != NULL; i++)
    if (as_ssl_param_is_later(m, p->name) && !(t->values && names_value(t->values, p->name)))
      as_str_printf(out, "%s%s=0", as_str_c(out)[0] ? "," : "", p->name);
  return as_str_status(out, err);
}

/* The line of put_data_words, cut up in place. Files of classes, labels and subsets are asked for like the images. */
static as_status read_data_words(as_training *t, char *line, as_err *err) {
  char *colon;
  for (char *w; (w = next_word(&line));) {
    if (strcmp(w, "--lenient") == 0) {
      t->lenient = true;
      continue;
    }
    if (strcmp(w, "--data") == 0) {
      t->data.path = as_training_is_world(line) ? line : NULL;
      return AS_OK;
    }
    char *v = next_word(&line);
    as_dataset_opts *d = &t->data;
    bool fine = v != NULL;
    if (fine && strcmp(w, "--task") == 0) d->task = v;
    if (fine && strcmp(w, "--flavour") == 0) d->flavour = v;
    if (fine && strcmp(w, "--subset") == 0) d->subset = v;
    if (fine && strcmp(w, "--limit") == 0) fine = as_parse_i64(v, 1, INT64_MAX, &d->limit);
    if (fine && strcmp(w, "--per-class") == 0 && (colon = strchr(v, ':')) != NULL) {
      *colon = '\0';
      fine = as_parse_i64(v, 0, INT64_MAX, &d->per_class_from) &&
             as_parse_i64(colon + 1, 1, INT64_MAX, &d->per_class_to);
    }
    if (fine && strcmp(w, "--shard") == 0 && (colon = strchr(v, '/')) != NULL) {
      *colon = '\0';
      fine = as_parse_i64(v, 0, INT64_MAX, &d->shard) && as_parse_i64(colon + 1, 1, INT64_MAX, &d->shards);
    }
    if (!fine) return as_fail(err, AS_E_INPUT, "assay.data: found \"%s\" without its value", w);
  }
  return as_fail(err, AS_E_INPUT, "assay.data: found no --data");
}

as_status as_training_of_checkpoint(as_training *t, char **owned, const as_state *checkpoint, as_err *err) {
  const char *training = as_state_meta(checkpoint, "assay.training"),
             *data = as_state_meta(checkpoint, "assay.data"),
             *command = as_state_meta(checkpoint, "assay.command");
  *t = (as_training){.command = command, .data_said = data};
  *owned = NULL;
  if (!training || !data || !command)
    return as_fail(err, AS_E_INPUT,
                   "%s: found no assay.training in its metadata, wanted a checkpoint of assay pretrain",
                   as_state_path(checkpoint));
  const size_t n = strlen(training) + 1, m = strlen(data) + 1, most = n + LATER_TEXT;
  char *text = *owned = as_alloc(n + m + most, 1, err);
  if (!text) return AS_E_ENV;
  memcpy(text, training, n);
  memcpy(text + n, data, m);
  as_status s = read_identity(t, text, err);
  if (s == AS_OK) s = read_data_words(t, text + n, err);
  as_str values = {0};
  if (s == AS_OK) s = put_later_values(&values, t, err);
  assert(s != AS_OK || values.n < most);
  if (s == AS_OK && values.n > 0) t->values = memcpy(text + n + m, values.s, values.n + 1);
  as_str_clear(&values);
  if (s != AS_OK) {
    as_fail_in(err, "%s", as_state_path(checkpoint));
    as_free(*owned);
    *owned = NULL;
  }
  return s;
}

static double value_of(const as_ssl_opts *o, const as_ssl_param *p) {
  for (size_t i = 0; i < o->n_values; i++)
    if (strcmp(o->name[i], p->name) == 0) return o->value[i];
  return p->value;
}

/* Do both mean the same hyper-parameters, those included that they leave to the defaults? */
static bool same_values(const as_training *a, const as_training *b) {
  as_ssl_opts x, y;
  as_err err;
  char *of_a = as_strdup(a->values ? a->values : "", NULL),
       *of_b = as_strdup(b->values ? b->values : "", NULL);
  bool same = of_a && of_b && resolve(&x, a, of_a, &err) == AS_OK && resolve(&y, b, of_b, &err) == AS_OK &&
              x.method == y.method;
  const as_ssl_param *p;
  for (size_t i = 0; same && (p = as_ssl_param_at(x.method, i)) != NULL; i++)
    same = value_of(&x, p) == value_of(&y, p);
  as_free(of_a);
  as_free(of_b);
  return same;
}

bool as_training_is_done(const char *path, const as_training *t, const char *command) {
  as_state *state = NULL;
  as_training was;
  as_err err;
  char *owned = NULL;
  if (as_path_kind_of(path) != AS_PATH_FILE || as_state_open(&state, path, NULL) != AS_OK) return false;
  const char *text = as_state_meta(state, "assay.command");
  const bool same = text && strcmp(text, command) == 0 &&
                    as_training_of_checkpoint(&was, &owned, state, &err) == AS_OK && same_values(t, &was);
  as_free(owned);
  as_state_close(&state);
  return same;
}
