/* Messages that say why, whatever the path: long ones, and reasons that another call could overwrite. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tensor/base/file.h"
#include "tensor/base/mem.h"
#include "tensor/base/text.h"
#include "tests/harness.h"

/* A relative path of about n bytes, of two-byte characters. */
static const char *long_path(size_t n) {
  static char path[8192];
  size_t k = 0;
  while (k + 2 < n) {
    memcpy(path + k, k % 200 == 198 ? "/a" : "\xc3\xa4", 2);
    k += 2;
  }
  path[k] = '\0';
  return path;
}

static void long_paths(as_test *t) {
  as_err e;
  as_file f;
  for (size_t n = 900; n < 5000; n += 7) {
    as_fail(&e, AS_E_INPUT, "%s: cannot open: %s", long_path(n), "the reason");
    CHECK(t, as_ends_with(e.msg, ": cannot open: the reason"));
    CHECK(t, as_starts_with(e.msg, "\xc3\xa4\xc3\xa4"));
    CHECK(t, as_is_utf8(e.msg, strlen(e.msg)));
    as_fail(&e, AS_E_INPUT, "the reason");
    CHECK_STATUS(t, as_fail_in(&e, "%s", long_path(n)), AS_E_INPUT);
    CHECK(t, as_ends_with(e.msg, ": the reason"));
    CHECK(t, as_is_utf8(e.msg, strlen(e.msg)));
  }
  CHECK_STATUS(t, as_file_open(&f, long_path(3000), &e), AS_E_INPUT);
  CHECK(t, as_ends_with(e.msg, strerror(ENOENT)));
  CHECK_STATUS(t, as_file_write(long_path(3000), "", 0, &e), AS_E_ENV);
  CHECK(t, as_ends_with(e.msg, strerror(ENOENT)));
}

static void folders_that_cannot_be_made(as_test *t) {
  /* Whatever the system says of the first folder that cannot be made, it is not "No such file". */
  static const char *const places[] = {"/proc/sys/assay-test", "/sys/assay-test", "/proc/assay-test"};
  as_err e;
  char path[128];
  int tried = 0;
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    if (mkdir(places[i], 0777) == 0) {
      rmdir(places[i]);
      continue;
    }
    if (errno == ENOENT) continue;
    const char *why = strerror(errno);
    snprintf(path, sizeof path, "%s/below", places[i]);
    CHECK_STATUS(t, as_make_dirs(path, &e), AS_E_ENV);
    CHECK(t, as_ends_with(e.msg, why));
    tried++;
  }
  if (!tried) as_test_skip(t, "every folder can be made here");
}

static void left_over(as_test *t) {
  as_err e;
  as_out o;
  as_names names;
  char dir[256], path[300];
  snprintf(dir, sizeof dir, "%s/left", as_test_tmp());
  CHECK_OK(t, as_make_dirs(dir, &e), e);
  static const char *const there[] = {"x.tmp2147483647", "x.tmp1", "x.tmp", "y.tmp2147483647",
                                      "xx.tmp2147483647"};
  for (int i = 0; i < 5; i++) {
    char *p = as_path_join(dir, there[i], &e);
    CHECK_OK(t, as_file_write(p, "", 0, &e), e);
    as_free(p);
  }
  snprintf(path, sizeof path, "%s/x", dir);
  CHECK_OK(t, as_file_write(path, "1", 1, &e), e);
  CHECK_OK(t, as_dir_list(&names, dir, &e), e); /* x and all but the first */
  CHECK_INT(t, names.n, 5);
  for (size_t i = 0; i < names.n; i++) CHECK(t, strcmp(names.name[i], there[0]) != 0);
  as_names_clear(&names);
  /* A signal handler removes what is unfinished; what is finished stays. */
  CHECK_OK(t, as_out_open(&o, path, &e), e);
  as_out_write(&o, "2", 1);
  as_out_abandon();
  CHECK_OK(t, as_dir_list(&names, dir, &e), e);
  CHECK_INT(t, names.n, 5);
  as_names_clear(&names);
  CHECK_STATUS(t, as_out_commit(&o, &e), AS_E_ENV);
  CHECK_INT(t, as_path_size(path), 1);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"messages: long paths keep the reason", long_paths},
                                  {"messages: why a folder cannot be made", folders_that_cannot_be_made},
                                  {"outputs: what killed processes left", left_over}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
