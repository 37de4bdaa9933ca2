/* Recipes as text: key = value, a line each. */
#include <stdio.h>
#include <string.h>

#include "tensor/base/file.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"
#include "weights/recipe/recipe_int.h"

enum { MAX_TEXT = 1 << 16 };

typedef struct parser {
  as_recipe *r;
  const char *source;
  int line;
  as_err *err;
} parser;

static as_status refuse_line(const parser *p, const char *what, const char *found) {
  return as_fail(p->err, AS_E_INPUT, "%s: recipe, line %d: %s: found \"%s\"", p->source, p->line, what,
                 found);
}

static char *trim(char *s) {
  while (*s == ' ' || *s == '\t') s++;
  size_t n = strlen(s);
  while (n > 0 && strchr(" \t\r", s[n - 1])) s[--n] = 0;
  return s;
}

static as_status list_add(as_recipe_list *l, const char *item, as_err *err) {
  as_status st = as_grow(&l->item, &l->cap, l->n + 1, sizeof *l->item, err);
  if (st == AS_OK) l->item[l->n++] = item;
  return st;
}

/* "a | b | c" */
static as_status add_alternatives(as_recipe_list *l, char *value, as_err *err) {
  as_status st = AS_OK;
  while (value && st == AS_OK) {
    char *bar = strstr(value, " | ");
    if (bar) *bar = 0;
    st = list_add(l, trim(value), err);
    value = bar ? bar + 3 : NULL;
  }
  return st;
}

/* The next word of *s, cut out in place, or NULL. */
static char *next_word(char **s) {
  char *p = *s + strspn(*s, " \t");
  if (!*p) return NULL;
  char *end = p + strcspn(p, " \t");
  *s = *end ? end + 1 : end;
  *end = 0;
  return p;
}

/* "a b c" */
static as_status add_words(as_recipe_list *l, char *value, as_err *err) {
  as_status st = AS_OK;
  for (char *w, *left = value; (w = next_word(&left)) != NULL && st == AS_OK;) st = list_add(l, w, err);
  return st;
}

static bool transform_named(const char *name, as_transform *out) {
  static const struct {
    const char *name;
    as_transform t;
  } names[] = {{"hwio", AS_HWIO},         {"io", AS_IO},     {"in-rest", AS_IN_REST},
               {"rest-out", AS_REST_OUT}, {"flat", AS_FLAT}, {"squeeze", AS_SQUEEZE}};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(names[i].name, name) == 0) {
      *out = names[i].t;
      return true;
    }
  return false;
}

static as_status new_rule(parser *p, as_recipe_rule **out) {
  if (p->r->n_rules == AS_RECIPE_MAX_RULES) return refuse_line(p, "too many rules", "more than 64");
  *out = &p->r->rules[p->r->n_rules++];
  memset(*out, 0, sizeof **out);
  (*out)->why = "";
  return AS_OK;
}

/* drop = PATTERN .. [-- reason] */
static as_status on_drop(parser *p, char *value) {
  char *why = strstr(value, " -- ");
  if (why) {
    *why = 0;
    why = trim(why + 4);
  }
  for (char *w, *left = value; (w = next_word(&left)) != NULL;) {
    as_recipe_rule *rule = NULL;
    as_status st = new_rule(p, &rule);
    if (st != AS_OK) return st;
    rule->kind = AS_RULE_DROP;
    rule->whole = *w == '^';
    rule->from = w + (*w == '^');
    rule->why = why ? why : "";
  }
  return AS_OK;
}

/* rename = FROM -> TO [: transform] */
static as_status on_rename(parser *p, char *value) {
  as_recipe_rule *rule = NULL;
  char *arrow = strstr(value, " -> "), *colon = strstr(value, " : ");
  if (!arrow) return refuse_line(p, "wanted FROM -> TO [: transform]", value);
  as_status st = new_rule(p, &rule);
  if (st != AS_OK) return st;
  rule->kind = AS_RULE_RENAME;
  *arrow = 0;
  if (colon && colon > arrow) {
    *colon = 0;
    if (!transform_named(trim(colon + 3), &rule->transform))
      return refuse_line(p, "wanted hwio, io, in-rest, rest-out, flat or squeeze", trim(colon + 3));
  }
  rule->from = trim(value);
  rule->whole = *rule->from == '^';
  rule->from += rule->whole;
  rule->to = trim(arrow + 4);
  return AS_OK;
}

/* fuse = TO <- A B C: concatenated along the first axis */
static as_status on_fuse(parser *p, char *value) {
  char *arrow = strstr(value, " <- ");
  if (!arrow || p->r->n_fuse == 4) return refuse_line(p, "wanted TO <- A B .., at most four times", value);
  as_fuse *f = &p->r->fuse[p->r->n_fuse++];
  *arrow = 0;
  f->to = trim(value);
  f->n = 0;
  for (char *w, *left = arrow + 4; (w = next_word(&left)) != NULL;) {
    if (f->n == AS_RECIPE_MAX_PARTS) return refuse_line(p, "too many parts", w);
    f->part[f->n++] = w;
  }
  return f->n ? AS_OK : refuse_line(p, "no parts", f->to);
}

/* sha256:HEX of files, behind one of them directory:HEX of its zip directory */
static as_status on_known(parser *p, char *value) {
  as_recipe_list *known = &p->r->known, *directory = &p->r->known_directory;
  for (char *w, *left = value; (w = next_word(&left)) != NULL;) {
    const bool second = as_starts_with(w, "directory:");
    if (!second && !as_starts_with(w, "sha256:")) return refuse_line(p, "wanted sha256:HEX", w);
    if (second && (known->n == 0 || *directory->item[known->n - 1]))
      return refuse_line(p, "wanted sha256:HEX before each directory:HEX", w);
    w = strchr(w, ':') + 1;
    const size_t n = strlen(w);
    if (n < (second ? 64 : 8) || n > 64 || strspn(w, "0123456789abcdef") != n)
      return refuse_line(p, second ? "wanted 64 hex digits" : "wanted 8 to 64 hex digits", w);
    if (second) {
      directory->item[known->n - 1] = w;
      continue;
    }
    as_status st = list_add(known, w, p->err);
    if (st == AS_OK) st = list_add(directory, "", p->err);
    if (st != AS_OK) return st;
  }
  return AS_OK;
}

static as_status set_once(parser *p, const char **slot, const char *key, const char *value) {
  if (**slot) return refuse_line(p, "given twice", key);
  *slot = value;
  return AS_OK;
}

/* headnorm = NAME EPS: a BatchNorm without scale and shift between the features and the classifier */
static as_status on_headnorm(parser *p, char *value) {
  char *left = value, *name = next_word(&left), *eps = name ? next_word(&left) : NULL;
  if (!eps || next_word(&left) || !as_parse_f64(eps, &p->r->headnorm_eps) || !(p->r->headnorm_eps > 0))
    return refuse_line(p, "wanted NAME EPS", value);
  return set_once(p, &p->r->headnorm, "headnorm", name);
}

/* where = FILE | URL [| remark] */
static as_status on_where(parser *p, char *value) {
  const char *bar = strstr(value, " | ");
  if (!bar || !strstr(bar, "://")) return refuse_line(p, "wanted FILE | URL [| remark]", value);
  return list_add(&p->r->where, value, p->err);
}

static as_status set_bool(parser *p, bool *slot, const char *value) {
  if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0) return refuse_line(p, "wanted yes or no", value);
  *slot = value[0] == 'y';
  return AS_OK;
}

static as_status on_pair(parser *p, char *key, char *value) {
  as_recipe *r = p->r;
  static const char *const keys[] = {"title", "arch",    "preset",    "note",   "probe",    "assume",
                                     "map",   "head",    "unwrap",    "prefix", "need",     "never",
                                     "drop",  "rename",  "fuse",      "bare",   "known",    "keys",
                                     "rest",  "generic", "published", "where",  "headnorm", "refuse"};
  if (strcmp(key, "title") == 0) return set_once(p, &r->title, key, value);
  if (strcmp(key, "arch") == 0) return set_once(p, &r->arch, key, value);
  if (strcmp(key, "preset") == 0) return set_once(p, &r->preset, key, value);
  if (strcmp(key, "note") == 0) return set_once(p, &r->note, key, value);
  if (strcmp(key, "probe") == 0) return set_once(p, &r->probe, key, value);
  if (strcmp(key, "assume") == 0) return set_once(p, &r->assume, key, value);
  if (strcmp(key, "rest") == 0) return set_once(p, &r->rest, key, value);
  if (strcmp(key, "map") == 0) {
    if (strcmp(value, "simclr") != 0) return refuse_line(p, "the only procedure is simclr", value);
    return set_once(p, &r->map, key, value);
  }
  if (strcmp(key, "head") == 0) {
    size_t n = strlen(value);
    r->head_optional = n > 0 && value[n - 1] == '?';
    if (r->head_optional) value[n - 1] = 0;
    return set_once(p, &r->head, key, value);
  }
  if (strcmp(key, "headnorm") == 0) return on_headnorm(p, value);
  if (strcmp(key, "refuse") == 0) return set_once(p, &r->refuse, key, value);
  if (strcmp(key, "unwrap") == 0) return add_alternatives(&r->unwrap, value, p->err);
  if (strcmp(key, "prefix") == 0) return add_alternatives(&r->prefix, value, p->err);
  if (strcmp(key, "need") == 0) return add_words(&r->need, value, p->err);
  if (strcmp(key, "never") == 0) return add_words(&r->never, value, p->err);
  if (strcmp(key, "published") == 0) return list_add(&r->published, value, p->err);
  if (strcmp(key, "where") == 0) return on_where(p, value);
  if (strcmp(key, "drop") == 0) return on_drop(p, value);
  if (strcmp(key, "rename") == 0) return on_rename(p, value);
  if (strcmp(key, "fuse") == 0) return on_fuse(p, value);
  if (strcmp(key, "known") == 0) return on_known(p, value);
  if (strcmp(key, "keys") == 0) return set_bool(p, &r->by_keys, value);
  if (strcmp(key, "bare") == 0) {
    as_status st = set_bool(p, &r->needs_module, value);
    r->needs_module = !r->needs_module;
    return st;
  }
  if (strcmp(key, "generic") == 0) return set_bool(p, &r->generic, value);
  const char *near = as_nearest(key, keys, sizeof keys / sizeof *keys);
  return as_fail(p->err, AS_E_INPUT, "%s: recipe, line %d: unknown key \"%s\"%s%s", p->source, p->line, key,
                 near ? "; nearest: " : "", near ? near : "");
}

static as_status parse_lines(parser *p, char *text) {
  while (text) {
    char *nl = strchr(text, '\n');
    if (nl) *nl = 0;
    p->line++;
    char *line = trim(text);
    if (*line && *line != '#') {
      char *eq = strchr(line, '=');
      if (!eq) return refuse_line(p, "wanted key = value", line);
      *eq = 0;
      as_status st = on_pair(p, trim(line), trim(eq + 1));
      if (st != AS_OK) return st;
    }
    text = nl ? nl + 1 : NULL;
  }
  if (!*p->r->refuse && (!*p->r->arch || !*p->r->preset))
    return refuse_line(p, "missing at the end", *p->r->arch ? "preset" : "arch");
  if (p->r->unwrap.n == 0) return list_add(&p->r->unwrap, ".", p->err);
  return AS_OK;
}

/* "weights/recipe/recipes/moco-v2.recipe" -> "moco-v2" */
static as_status name_from(as_recipe *r, const char *source, as_err *err) {
  const char *base = as_path_base(source);
  size_t n = strlen(base);
  if (as_ends_with(base, ".recipe")) n -= strlen(".recipe");
  r->name = as_strndup(base, n, err);
  return r->name ? AS_OK : AS_E_ENV;
}

as_status as_recipe_parse(as_recipe **out, const char *text, size_t n, const char *source, as_err *err) {
  *out = NULL;
  if (n > MAX_TEXT || memchr(text, 0, n))
    return as_fail(err, AS_E_INPUT, "%s: no recipe (over 64 KiB, or holds NUL bytes)", source);
  as_recipe *r = as_calloc(1, sizeof *r, err);
  if (!r) return AS_E_ENV;
  r->title = r->arch = r->preset = r->note = r->head = r->probe = r->assume = r->map = r->rest = r->headnorm =
      r->refuse = "";
  r->by_keys = true;
  r->source = as_strndup(text, n, err);
  r->text = as_strndup(text, n, err);
  as_status st = r->source && r->text ? name_from(r, source, err) : AS_E_ENV;
  parser p = {r, source, 0, err};
  if (st == AS_OK) st = parse_lines(&p, r->text);
  if (st != AS_OK)
    as_recipe_destroy(&r);
  else
    *out = r;
  return st;
}

void as_recipe_destroy(as_recipe **recipe) {
  as_recipe *r = *recipe;
  if (!r) return;
  *recipe = NULL;
  as_recipe_list *const lists[] = {&r->unwrap, &r->prefix,          &r->need,      &r->never,
                                   &r->known,  &r->known_directory, &r->published, &r->where};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) as_free((void *)lists[i]->item);
  as_free((void *)(uintptr_t)r->name);
  as_free(r->source);
  as_free(r->at);
  as_free(r->text);
  as_free(r);
}

/* ---- variants ---- */

/* "module." out of the patterns of a recipe's text, where it is a component of its own. */
static as_status without_module(as_str *out, const char *text, as_err *err) {
  static const char word[] = "module.";
  for (const char *p = text; *p;) {
    const bool starts = p == text || strchr(" \t\n^.|", p[-1]);
    if (starts && as_starts_with(p, word))
      p += sizeof word - 1;
    else
      as_str_putc(out, *p++);
  }
  return as_str_status(out, err);
}

as_status as_recipe_variant(as_recipe **out, const as_recipe *r, const char *at, bool bare, as_err *err) {
  as_str text = {0};
  *out = NULL;
  as_status st = AS_OK;
  if (bare)
    st = without_module(&text, r->source, err);
  else
    as_str_put(&text, r->source);
  if (st == AS_OK) st = as_str_status(&text, err);
  if (st == AS_OK) st = as_recipe_parse(out, as_str_c(&text), text.n, r->name, err);
  as_str_clear(&text);
  if (st != AS_OK) return st;
  (*out)->bare = bare;
  if (!at) return AS_OK;
  (*out)->at = as_strdup(at, err);
  if ((*out)->at) {
    if (bare) as_wrappers_cut((*out)->at, false);
    if (bare) as_wrappers_cut((*out)->at, true);
    return AS_OK;
  }
  as_recipe_destroy(out);
  return AS_E_ENV;
}
