#include <stdio.h>
#include <string.h>

#include "eval/door/lab_int.h"
#include "tensor/base/mem.h"
#include "tensor/base/par.h"
#include "tensor/base/release.h"
#include "tensor/runtime.h"

/* What the first lab fixed for the process; both are names that outlive it. */
static atomic_flag opening = ATOMIC_FLAG_INIT;
static bool fixed;

const char *as_lab_version(void) {
  return AS_VERSION;
}

int as_lab_abi(void) {
  return AS_ABI;
}

const char *as_lab_cpu(void) {
  return as_cpu_name();
}

const char *as_lab_profile(void) {
  return as_profile_name();
}

as_status as_lab_take_options(void *to, size_t size, const void *from, as_err *err) {
  size_t given = 0;
  memset(to, 0, size);
  if (!from) return AS_OK;
  memcpy(&given, from, sizeof given);
  if (given <= sizeof given)
    return as_fail(err, AS_E_USAGE, "options: found a size of %zu, wanted their sizeof", given);
  memcpy(to, from, given < size ? given : size);
  return AS_OK;
}

/* as_init has no lock of its own: whoever comes second waits here, which is short, and then asks for the same. */
static as_status fix_process(const as_lab_options *o, as_err *err) {
  as_status s = AS_OK;
  while (atomic_flag_test_and_set(&opening)) continue;
  if (!fixed) {
    s = as_init(&(as_init_opts){.cpu = o->cpu, .profile = o->profile}, err);
    fixed = s == AS_OK;
  } else if (o->cpu && strcmp(o->cpu, as_cpu_name()) != 0) {
    s = as_fail(err, AS_E_USAGE, "cpu: found '%s', but this process computes with %s since its first lab",
                o->cpu, as_cpu_name());
  } else if (o->profile && strcmp(o->profile, as_profile_name()) != 0) {
    s = as_fail(err, AS_E_USAGE, "profile: found '%s', but this process computes in %s since its first lab",
                o->profile, as_profile_name());
  }
  atomic_flag_clear(&opening);
  return s;
}

static void report_progress(void *ctx, const char *what, size_t done, size_t total) {
  as_lab *lab = ctx;
  if (lab->o.progress) lab->o.progress(lab->o.ctx, what, done, total);
}

static bool asked_to_stop(void *ctx) {
  as_lab *lab = ctx;
  return atomic_load(&lab->stopped) != 0 || (lab->o.stop && lab->o.stop(lab->o.ctx) != 0);
}

int as_lab_open(as_lab **out, const as_lab_options *options) {
  as_lab *lab = *out = as_calloc(1, sizeof *lab, NULL);
  if (!lab) return AS_LAB_ENV;
  as_status s = as_lab_take_options(&lab->o, sizeof lab->o, options, &lab->err);
  atomic_init(&lab->stopped, 0);
  lab->watch = (as_watch){.progress = report_progress, .stop = asked_to_stop, .ctx = lab};
  if (s == AS_OK && lab->o.threads < 0)
    s = as_fail(&lab->err, AS_E_USAGE, "threads: found %d, wanted 0 or more", lab->o.threads);
  return (int)(s == AS_OK ? fix_process(&lab->o, &lab->err) : s);
}

void as_lab_close(as_lab *lab) {
  as_free(lab);
}

const char *as_lab_error(const as_lab *lab) {
  return lab ? lab->err.msg : "no memory";
}

void as_lab_stop(as_lab *lab) {
  atomic_store(&lab->stopped, 1);
}

as_err *as_lab_enter(as_lab *lab) {
  lab->outer = as_par_use(lab->o.threads);
  return &lab->err;
}

int as_lab_leave(as_lab *lab, as_status s) {
  as_par_use(lab->outer);
  if (s == AS_E_STOPPED) atomic_store(&lab->stopped, 0); /* the next call is another wish */
  return (int)s;
}

void *as_lab_make(as_lab *lab, size_t size) {
  return as_calloc(1, size, &lab->err);
}
