/* Hyper-parameters: which there are, what they are worth, and what they may be. */
#include <math.h>
#include <string.h>

#include "models/ssl/ssl_int.h"
#include "tensor/base/text.h"

static const as_ssl_param shared[] = {
    {"lr", 2e-3, "learning rate", ""},
    {"lr-end", 0.0, "learning rate at the end of the cosine", ""},
    {"weight-decay", 1e-4, "", ""},
    {"warm-up", 0.0, "epochs in which the rate rises from 0", ""},
    {"optimizer", 3.0, "0 SGD, 1 LARS, 2 LARC, 3 AdamW", ""},
    {"momentum", 0.9, "of SGD, LARS and LARC", ""},
    {NULL, 0, NULL, NULL},
};

static const as_ssl_param *named_in(const as_ssl_param *list, const char *name) {
  for (const as_ssl_param *p = list; p && p->name; p++)
    if (strcmp(p->name, name) == 0) return p;
  return NULL;
}

static const as_ssl_param *find_param(const as_ssl_method *m, const char *name) {
  const as_ssl_param *own = named_in(m->params, name);
  return own ? own : named_in(shared, name);
}

const as_ssl_param *as_ssl_param_at(const as_ssl_method *m, size_t i) {
  for (const as_ssl_param *p = m->params; p && p->name; p++)
    if (i-- == 0) return p;
  for (const as_ssl_param *p = shared; p->name; p++)
    if (!named_in(m->params, p->name) && i-- == 0) return p;
  return NULL;
}

bool as_ssl_param_is_later(const as_ssl_method *m, const char *name) {
  static const char *const later[][2] = {{"moco", "head-bn"}, {"pcl", "head-bn"}};
  for (size_t i = 0; i < sizeof later / sizeof *later; i++)
    if (strcmp(later[i][0], m->name) == 0 && strcmp(later[i][1], name) == 0) return true;
  return false;
}

double as_ssl_value(const as_ssl *s, const char *param) {
  for (size_t i = 0; i < s->o.n_values; i++)
    if (strcmp(s->o.name[i], param) == 0) return s->o.value[i];
  const as_ssl_param *p = find_param(s->method, param);
  return p ? p->value : 0.0;
}

/* ---- what they may be ----
 *
 * The same for every method that has a parameter of the name. What depends on other values (a queue of whole batches, words
 * for a step) each method sees to. */

static const struct {
  const char *name;
  double least, most;
  bool whole;
} ranges[] = {
    {"temperature", 1e-4, 1e3, false}, /* divisors of logits */
    {"tau-student", 1e-4, 1e3, false}, {"tau-teacher", 1e-4, 1e3, false},
    {"kappa", 1e-4, 1e4, false}, /* factors of logits */
    {"delta", 1e-4, 1e4, false},       {"epsilon", 0, 1e3, false},
    {"clip", 1e-9, 1e9, false},        {"lambda", 0, 1e6, false},
    {"invariance", 0, 1e6, false},     {"variance", 0, 1e6, false},
    {"covariance", 0, 1e6, false},     {"lr", 0, 1e30, false},
    {"lr-end", 0, 1e30, false},        {"weight-decay", 0, 1e3, false},
    {"momentum", 0, 1, false},         {"ema", 0, 1, false},
    {"centre", 0, 1, false},           {"mu-ema", 0, 1, false},
    {"warm-up", 0, 1e9, false}, /* epochs */
    {"frozen", 0, 1e9, false},         {"queue-from", 0, 1e9, false},
    {"cluster-from", 0, 1e9, false},   {"optimizer", 0, 3, true},
    {"head-bn", 0, 1, true},           {"average", 0, 1, true},
    {"small-views", 0, 1e6, true},     {"width", 1, 1e6, true},
    {"hidden", 1, 1e6, true},          {"bottleneck", 1, 1e6, true},
    {"narrow", 1, 1e6, true},          {"heads", 0, 1e6, true},
    {"prototypes", 0, 1e6, true},      {"words", 0, 1e6, true},
    {"words-a-step", 0, 1e6, true},    {"group", 0, 1e6, true},
    {"queue", 0, 1e9, true},           {"rounds", 1, 1e6, true},
    {"sinkhorn", 0, 1e3, true},        {"cut", 0, 1e6, true},
    {"clusters-1", 0, 1e9, true},      {"clusters-2", 0, 1e9, true},
    {"clusters-3", 0, 1e9, true},
};

bool as_ssl_range(const char *param, double *least, double *most, bool *whole) {
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
    if (strcmp(ranges[i].name, param) == 0) {
      *least = ranges[i].least, *most = ranges[i].most, *whole = ranges[i].whole;
      return true;
    }
  return false;
}

static as_status check_value(const as_ssl_opts *o, const char *param, double v, as_err *err) {
  double least, most;
  bool whole;
  if (!as_ssl_range(param, &least, &most, &whole)) return AS_OK;
  if (v >= least && v <= most && (!whole || v == floor(v))) return AS_OK;
  return as_fail(err, AS_E_USAGE, "%s: %s: found %g, wanted %s%g to %g", o->method->title, param, v,
                 whole ? "a whole number from " : "", least, most);
}

as_status as_ssl_check_values(const as_ssl_opts *o, as_err *err) {
  for (size_t i = 0; i < o->n_values; i++) {
    if (find_param(o->method, o->name[i])) {
      const as_status s = check_value(o, o->name[i], o->value[i], err);
      if (s != AS_OK) return s;
      continue;
    }
    const char *names[2 * AS_SSL_PARAMS];
    size_t n = 0;
    for (const as_ssl_param *p; (p = as_ssl_param_at(o->method, n)) != NULL;) names[n++] = p->name;
    const char *near = as_nearest(o->name[i], names, n);
    return as_fail(err, AS_E_USAGE, "%s has no parameter \"%s\"%s%s", o->method->title, o->name[i],
                   near ? "; nearest: " : "", near ? near : "");
  }
  return AS_OK;
}
