/* Names without the wrappers that training tools leave in them. A wrapper module adds one component to the names of
 * everything inside it; it may sit around the whole network or around any part of it, and means nothing for what the
 * network computes. */
#include <stdlib.h>
#include <string.h>

#include "tensor/base/mem.h"
#include "weights/containers/state_int.h"

static const char *const tool_wrappers[] = {
    "_orig_mod",                  /* torch.compile: torch/_dynamo/eval_frame.py OptimizedModule */
    "_fsdp_wrapped_module",       /* FSDP: torch/distributed/fsdp/_common_utils.py */
    "_fpw_module",                /* FSDP before 2.0 and FairScale */
    "_checkpoint_wrapped_module", /* torch/distributed/algorithms/_checkpoint/checkpoint_wrapper.py */
    "_forward_module",            /* Lightning Fabric */
    "_wrapped_module",
};
/* DataParallel, DistributedDataParallel, timm's and torch's moving averages. Kept apart from the others, for published
 * recipes speak of it. */
static const char ddp_wrapper[] = "module";

/* The length of the wrapper that the component at p is, its dot included, or 0. */
static size_t wrapper_at(const char *p, bool ddp) {
  const size_t n = strcspn(p, "./");
  if (p[n] != '.') return 0;
  if (ddp && n == sizeof ddp_wrapper - 1 && memcmp(p, ddp_wrapper, n) == 0) return n + 1;
  for (size_t i = 0; i < sizeof tool_wrappers / sizeof *tool_wrappers; i++)
    if (strlen(tool_wrappers[i]) == n && memcmp(p, tool_wrappers[i], n) == 0) return n + 1;
  return 0;
}

void as_wrappers_cut(char *name, bool ddp) {
  char *out = name;
  for (const char *p = name; *p;) {
    for (size_t n; (n = wrapper_at(p, ddp)) != 0;) p += n;
    while (*p && *p != '.' && *p != '/') *out++ = *p++;
    if (*p) *out++ = *p++;
  }
  *out = 0;
}

static int by_text(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Are the shortened names still one for each tensor? `scratch` holds n pointers. */
static bool all_distinct(const as_state *s, bool ddp, const char **scratch) {
  for (size_t i = 0; i < s->n; i++) scratch[i] = ddp ? s->entries[i].bare : s->entries[i].plain;
  qsort((void *)scratch, s->n, sizeof *scratch, by_text);
  for (size_t i = 1; i < s->n; i++)
    if (strcmp(scratch[i - 1], scratch[i]) == 0) return false;
  return true;
}

/* The name without wrappers: `from` itself where it has none, else a copy that the state keeps. */
static as_status shorten(as_state *s, const char *from, bool ddp, const char **out, as_err *err) {
  char *copy = as_strdup(from, err);
  if (!copy) return AS_E_ENV;
  as_wrappers_cut(copy, ddp);
  *out = copy;
  if (strcmp(copy, from) != 0) return as_state_keep(s, copy, err);
  *out = from;
  as_free(copy);
  return AS_OK;
}

as_status as_state_shorten_names(as_state *s, as_err *err) {
  const char **scratch = as_alloc(s->n, sizeof *scratch, err);
  as_status st = scratch ? AS_OK : AS_E_ENV;
  for (int ddp = 0; ddp <= 1 && st == AS_OK; ddp++) {
    for (size_t i = 0; i < s->n && st == AS_OK; i++) {
      as_state_entry *e = &s->entries[i];
      st = ddp ? shorten(s, e->plain, true, &e->bare, err) : shorten(s, e->name, false, &e->plain, err);
    }
    /* Two tensors that only a wrapper tells apart keep their wrappers. */
    const bool keep = st == AS_OK && !all_distinct(s, ddp, scratch);
    for (size_t i = 0; keep && i < s->n; i++) {
      as_state_entry *e = &s->entries[i];
      if (ddp)
        e->bare = e->plain;
      else
        e->plain = e->name;
    }
  }
  as_free((void *)scratch);
  return st;
}
