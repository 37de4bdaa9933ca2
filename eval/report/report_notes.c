/* What must be said of cells that are not like the others of their column, and of sets that are not what
 * their names promise: as marks beside the accuracies, as words in CSV and JSON, and as sentences under every
 * table. */
#include <math.h>
#include <string.h>

#include "eval/report/report_int.h"
#include "tensor/base/mem.h"

/* Has the set images twice, or some that another set of the table has too? */
static bool has_twins(const as_results *r, size_t k) {
  bool any = r->sets[k].twice.n > 0;
  for (size_t i = 0; i < r->n_overlaps; i++) any = any || r->overlaps[i].a == k || r->overlaps[i].b == k;
  return any;
}

void as_put_marks(as_str *out, const as_sum *s, size_t model, size_t set, bool ascii) {
  const as_cell *c = as_results_cell(s->r, model, set);
  if (c->n_failed > 0) as_str_putc(out, '*');
  if (as_cell_measured(c) && has_twins(s->r, set)) as_str_put(out, ascii ? "=" : "\xC2\xA7");
  if (as_sum_at(s, model, set)->apart) as_str_put(out, ascii ? "+" : "\xE2\x80\xA0");
  if (c->in_train.n > 0) as_str_put(out, ascii ? "#" : "\xE2\x80\xA1");
}

void as_put_status(as_str *out, const as_sum *s, size_t model, size_t set) {
  const as_cell *c = as_results_cell(s->r, model, set);
  const as_sum_cell *d = as_sum_at(s, model, set);
  const struct {
    bool holds;
    const char *name;
  } what[] = {{!d->ok && !d->apart, "absent"},
              {(d->ok || d->apart) && c->n_failed > 0, "failures"},
              {d->apart, "apart"},
              {(d->ok || d->apart) && has_twins(s->r, set), "twins"},
              {c->in_train.n > 0, "in-train"}};
  size_t n = 0;
  for (size_t i = 0; i < sizeof what / sizeof *what; i++)
    if (what[i].holds) as_str_printf(out, "%s%s", n++ ? "+" : "", what[i].name);
  if (n == 0) as_str_put(out, "ok");
}

void as_put_set_facts(as_str *out, const as_sum *s, size_t k) {
  const as_results *r = s->r;
  const as_results_set *d = &r->sets[k];
  size_t over = s->among[k].n;
  bool counted = d->rule && strstr(d->rule, " classes") != NULL; /* the rule already says over how many */
  as_str_put(out, d->rule && *d->rule ? d->rule : "top-1");
  if (over && over != d->classes)
    as_str_printf(out, ", here over %zu classes", over);
  else if (over && !counted)
    as_str_printf(out, ", argmax over %zu classes", over);
  int64_t most = 0, least = INT64_MAX;
  for (size_t m = 0; m < r->n_models; m++) {
    const as_cell *c = as_results_cell(r, m, k);
    if (!c->present || c->n_expected <= 0) continue;
    if (c->n_expected > most) most = c->n_expected;
    if (c->n_expected < least) least = c->n_expected;
  }
  if (most > 0 && least == most) as_str_printf(out, ", %lld images", (long long)most);
  if (most > 0 && least != most)
    as_str_printf(out, ", %lld to %lld images", (long long)least, (long long)most);
  if (k == r->base) as_str_put(out, " (base)");
}

/* Takes over the text; an empty one is no note. */
static as_status take_note(as_sum *s, as_str *text, as_err *err) {
  as_status st = as_str_status(text, err);
  if (st == AS_OK && text->n) {
    size_t cap = s->n_notes;
    char *copy = NULL;
    st = as_grow(&s->notes, &cap, s->n_notes + 1, sizeof *s->notes, err);
    if (st == AS_OK && !(copy = as_strdup(as_str_c(text), err))) st = AS_E_ENV;
    if (st == AS_OK) s->notes[s->n_notes++] = copy;
  }
  as_str_clear(text);
  return st;
}

/* "a", "a and b", "a, b, c and 3 more". */
typedef struct name_list {
  as_str text;
  size_t n;
  as_str last;
} name_list;

enum { NAMED = 3 };

static void list_name(name_list *l, const char *name) {
  if (l->n++ >= NAMED) return;
  if (l->n > 2) as_str_put(&l->text, ", ");
  if (l->n > 1) as_str_put(&l->text, as_str_c(&l->last));
  as_str_clear(&l->last);
  as_str_put(&l->last, name);
}

/* Appends the list, and empties it. */
static void put_name_list(as_str *out, name_list *l) {
  as_str_put(out, as_str_c(&l->text));
  if (l->n > NAMED)
    as_str_printf(out, ", %s and %zu more", as_str_c(&l->last), l->n - NAMED);
  else
    as_str_printf(out, "%s%s", l->n > 1 ? " and " : "", as_str_c(&l->last));
  if (l->text.failed || l->last.failed) out->failed = true;
  as_str_clear(&l->text);
  as_str_clear(&l->last);
  l->n = 0;
}

/* Do the same words fit the cells of models a and b on set k? a = b: is there anything to say of it? */
typedef bool (*cell_rule)(const as_sum *s, size_t k, size_t a, size_t b);

static bool same_apart(const as_sum *s, size_t k, size_t a, size_t b) {
  as_candidates x = as_results_among(s->r, a, k), y = as_results_among(s->r, b, k);
  return as_sum_at(s, a, k)->apart && as_sum_at(s, b, k)->apart && as_candidates_same(&x, &y);
}

static bool same_hopeless(const as_sum *s, size_t k, size_t a, size_t b) {
  const as_cell *x = as_results_cell(s->r, a, k), *y = as_results_cell(s->r, b, k);
  return x->n_hopeless > 0 && x->n_hopeless == y->n_hopeless && x->among.n == y->among.n;
}

static bool same_in_train(const as_sum *s, size_t k, size_t a, size_t b) {
  const as_shared *x = &as_results_cell(s->r, a, k)->in_train, *y = &as_results_cell(s->r, b, k)->in_train;
  return x->n > 0 && x->n == y->n && x->n_bytes == y->n_bytes;
}

/* A sentence for every group of models of column k that a rule fits; say writes it. */
static as_status note_groups(as_sum *s, size_t k, cell_rule rule,
                             void (*say)(as_str *out, const as_sum *s, size_t k, size_t model,
                                         name_list *names),
                             as_err *err) {
  size_t n = s->r->n_models;
  bool *said = as_calloc(n, sizeof *said, err);
  as_status st = said ? AS_OK : AS_E_ENV;
  for (size_t m = 0; st == AS_OK && m < n; m++) {
    name_list names = {0};
    as_str text = {0};
    if (said[m] || !rule(s, k, m, m)) continue;
    for (size_t j = m; j < n; j++) {
      if (said[j] || !rule(s, k, m, j)) continue;
      said[j] = true;
      list_name(&names, as_model_name(s->r, j));
    }
    say(&text, s, k, m, &names);
    st = take_note(s, &text, err);
  }
  as_free(said);
  return st;
}

static void say_apart(as_str *out, const as_sum *s, size_t k, size_t m, name_list *names) {
  size_t own = as_results_among(s->r, m, k).n, main = s->among[k].n;
  bool several = names->n > 1;
  as_str_printf(out, "Apart (\xE2\x80\xA0) on %s: ", as_set_name(s->r, k));
  put_name_list(out, names);
  as_str_printf(
      out,
      " chose among %s%zu classes, the other models among %zu. The more can win, the harder: %s shown, but "
      "neither ranked nor tested against the others, and in no unified metric.",
      own == main ? "other " : "", own, main, several ? "they are" : "it is");
}

/* The models of column k that were scored over fewer classes than they know, so that all are comparable. */
static as_status note_common(as_sum *s, size_t k, as_err *err) {
  const as_results *r = s->r;
  as_str text = {0};
  size_t n = 0;
  for (size_t m = 0; m < r->n_models; m++) {
    const as_cell *c = as_results_cell(r, m, k);
    if (!as_cell_measured(c) || c->own.n == 0) continue;
    if (n == 0)
      as_str_printf(&text, "%s: scored over the %zu classes that every model of the column knows.",
                    as_set_name(r, k), c->among.n);
    if (n++ < NAMED && c->own_used > 0)
      as_str_printf(&text, "%s %s over all %zu of its own: %s %%", n == 1 ? "" : ",", as_model_name(r, m),
                    c->own.n, as_pct((double)c->own_correct / (double)c->own_used, 2).s);
  }
  if (n > NAMED) as_str_printf(&text, " and %zu more", n - NAMED);
  if (n) as_str_put(&text, ".");
  return take_note(s, &text, err);
}

static void say_hopeless(as_str *out, const as_sum *s, size_t k, size_t m, name_list *names) {
  const as_cell *c = as_results_cell(s->r, m, k);
  as_str_printf(out, "%s: of %lld of %lld images no right answer is among the %zu classes that can win for ",
                as_set_name(s->r, k), (long long)c->n_hopeless, (long long)c->n_expected, c->among.n);
  put_name_list(out, names);
  as_str_put(out, ": they count as wrong, whatever the model says.");
}

static void put_examples(as_str *out, const as_shared *d) {
  if (d->n_bytes == d->n)
    as_str_put(out, " (the same files");
  else
    as_str_printf(out, " (%lld of them the same files, the others the same pixels", (long long)d->n_bytes);
  for (size_t i = 0; i < AS_SHARED_KEPT && d->example[i]; i++)
    as_str_printf(out, "%s%s", i ? ", " : ": ", d->example[i]);
  as_str_put(out, ")");
}

/* Test images that the models' heads have learned from. */
static void say_in_train(as_str *out, const as_sum *s, size_t k, size_t m, name_list *names) {
  const as_cell *c = as_results_cell(s->r, m, k);
  as_str_printf(out, "In training (\xE2\x80\xA1) on %s: %lld of %lld images are in the training set of ",
                as_set_name(s->r, k), (long long)c->in_train.n, (long long)c->n_expected);
  put_name_list(out, names);
  put_examples(out, &c->in_train);
  as_str_put(out, ": what a head has learned by heart is no test of it.");
}

static as_status note_twice(as_sum *s, size_t k, as_err *err) {
  const as_results_set *d = &s->r->sets[k];
  as_str text = {0};
  if (d->twice.n > 0) {
    as_str_printf(&text, "Twins (\xC2\xA7) in %s: %lld image%s more than once", as_set_name(s->r, k),
                  (long long)d->twice.n, d->twice.n == 1 ? " is there" : "s are there");
    put_examples(&text, &d->twice);
    as_str_put(&text, ": they weigh more than the others, and the intervals are too short.");
  }
  return take_note(s, &text, err);
}

static as_status note_overlap(as_sum *s, const as_set_overlap *o, as_err *err) {
  as_str text = {0};
  as_str_printf(&text, "Twins (\xC2\xA7): %s and %s share %lld image%s", as_set_name(s->r, o->a),
                as_set_name(s->r, o->b), (long long)o->shared.n, o->shared.n == 1 ? "" : "s");
  put_examples(&text, &o->shared);
  as_str_put(&text, ": the unified metric counts them twice, and its interval is too short.");
  return take_note(s, &text, err);
}

static as_status note_not_converged(as_sum *s, as_err *err) {
  const as_results *r = s->r;
  name_list names = {0};
  as_str text = {0};
  double worst = 0.0;
  for (size_t m = 0; m < r->n_models; m++) {
    const as_probe_facts *p = &r->models[m].probe;
    if (!p->known || p->converged) continue;
    list_name(&names, as_model_name(r, m));
    worst = fmax(worst, p->bound);
  }
  if (names.n) {
    as_str_put(&text, "Not converged: the probe of ");
    put_name_list(&text, &names);
    as_str_printf(&text, " ended before the loss was at its minimum; it may lie %s %% above it.",
                  as_pct(worst, 4).s);
  }
  return take_note(s, &text, err);
}

as_status as_sum_notes(as_sum *s, as_err *err) {
  const as_results *r = s->r;
  as_status st = note_not_converged(s, err);
  for (size_t k = 0; st == AS_OK && k < r->n_sets; k++) {
    st = note_groups(s, k, same_apart, say_apart, err);
    if (st == AS_OK) st = note_common(s, k, err);
    if (st == AS_OK) st = note_groups(s, k, same_hopeless, say_hopeless, err);
    if (st == AS_OK) st = note_groups(s, k, same_in_train, say_in_train, err);
    if (st == AS_OK) st = note_twice(s, k, err);
  }
  for (size_t i = 0; st == AS_OK && i < r->n_overlaps; i++) st = note_overlap(s, &r->overlaps[i], err);
  return st;
}
