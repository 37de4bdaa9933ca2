/* Datasets on files that change under way, pipes, and more archives than descriptors. */
#define _POSIX_C_SOURCE 200809L
#include "tensor/base/disk.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "data/sets/dataset.h"
#include "tensor/base/file.h"
#include "tensor/base/mem.h"
#include "tests/harness.h"
#include "tests/tarmake.h"

static char paths[4][512];

static const char *at_tmp(int slot, const char *name) {
  snprintf(paths[slot], sizeof paths[0], "%s/%s", as_test_tmp(), name);
  return paths[slot];
}

static void put(const char *path, const void *p, size_t n) {
  as_err err;
  if (as_file_write(path, p, n, &err) != AS_OK) abort();
}

/* Three images of 3000 bytes each, the letter of their name repeated. */
static tarmake three(void) {
  tarmake a = {0};
  char body[3001] = "";
  for (int i = 0; i < 3; i++) {
    char name[] = "n01440764/x.jpg";
    name[10] = (char)('a' + i);
    memset(body, name[10], 3000);
    tarmake_text(&a, name, body);
  }
  tarmake_end(&a);
  return a;
}

static as_status read_one(const as_dataset *ds, size_t i, as_err *err) {
  as_blob blob;
  as_status s = as_dataset_read(ds, i, &blob, err);
  if (s == AS_OK && (blob.n != 3000 || blob.p[0] != 'a' + (int)i || blob.p[2999] != 'a' + (int)i))
    s = AS_E_CHECK;
  as_dataset_release(&blob);
  return s;
}

static void reads(as_test *t) {
  as_disk d;
  as_err err;
  uint8_t out[8];
  size_t got;
  const char *path = at_tmp(0, "ten");
  put(path, "0123456789", 10);
  CHECK_OK(t, as_disk_open(&d, path, &err), err);
  CHECK_INT(t, d.size, 10);
  for (int again = 0; again < 2; again++, as_disk_rest(&d)) {
    CHECK_OK(t, as_disk_read(&d, 3, 4, out, &got, &err), err);
    CHECK(t, got == 4 && memcmp(out, "3456", 4) == 0);
    CHECK_OK(t, as_disk_read(&d, 8, 4, out, &got, &err), err);
    CHECK(t, got == 2 && memcmp(out, "89", 2) == 0);
    CHECK_OK(t, as_disk_read(&d, UINT64_MAX, 4, out, &got, &err), err);
    CHECK_INT(t, got, 0);
    as_disk_part part = {&d, 2, 5};
    CHECK_OK(t, as_disk_fetch(&part, 3, 8, out, &got, &err), err);
    CHECK(t, got == 2 && memcmp(out, "56", 2) == 0);
    CHECK_OK(t, as_disk_fetch(&part, 5, 8, out, &got, &err), err);
    CHECK_INT(t, got, 0);
  }
  as_disk_close(&d);
  as_disk_close(&d);
  uint8_t *all;
  CHECK_OK(t, as_disk_load(path, 10, &all, &got, &err), err);
  CHECK(t, got == 10 && memcmp(all, "0123456789", 10) == 0);
  as_free(all);
  CHECK_STATUS(t, as_disk_load(path, 9, &all, &got, &err), AS_E_INPUT);
  CHECK_STATUS(t, as_disk_load(as_test_tmp(), 9, &all, &got, &err), AS_E_INPUT);
  CHECK_STATUS(t, as_disk_load("/nowhere/x", 9, &all, &got, &err), AS_E_INPUT);
}

static void shorter(as_test *t) {
  tarmake a = three();
  as_dataset *ds;
  as_err err;
  const char *path = at_tmp(0, "shrinks.tar");
  put(path, a.p, a.n);
  CHECK_OK(t, as_dataset_open(&ds, &(as_dataset_opts){.path = path}, &err), err);
  for (size_t i = 0; i < 3; i++) CHECK_OK(t, read_one(ds, i, &err), err);
  CHECK_INT(t, truncate(path, 3584 + 512 + 100), 0); /* inside the second image */
  CHECK_OK(t, read_one(ds, 0, &err), err);
  CHECK_STATUS(t, read_one(ds, 1, &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "it became shorter while it was read") != NULL);
  CHECK_STATUS(t, read_one(ds, 2, &err), AS_E_INPUT);
  put(at_tmp(1, "other.tar"), a.p, a.n); /* the same bytes, but another file */
  CHECK_INT(t, rename(paths[1], path), 0);
  CHECK_STATUS(t, read_one(ds, 0, &err), AS_E_INPUT);
  CHECK(t, strstr(err.msg, "another file in its place") != NULL);
  as_dataset_close(&ds);
  free(a.p);
  /* an image of a folder that goes away or is emptied after the listing */
  as_make_dirs(at_tmp(1, "d/n01440764"), &err);
  put(at_tmp(0, "d/n01440764/a.jpg"), "A", 1);
  put(at_tmp(2, "d/n01440764/b.jpg"), "B", 1);
  CHECK_OK(t, as_dataset_open(&ds, &(as_dataset_opts){.path = at_tmp(1, "d")}, &err), err);
  CHECK_INT(t, truncate(paths[0], 0), 0);
  CHECK_INT(t, unlink(paths[2]), 0);
  as_blob blob;
  CHECK_OK(t, as_dataset_read(ds, 0, &blob, &err), err);
  CHECK_INT(t, blob.n, 0);
  as_dataset_release(&blob);
  CHECK_STATUS(t, as_dataset_read(ds, 1, &blob, &err), AS_E_INPUT);
  as_dataset_close(&ds);
}

static void shorter_gzip(as_test *t) {
  size_t n;
  as_dataset *ds;
  as_err err;
  unsigned char *p = as_test_read(as_test_golden("shuffled.tar.gz"), &n);
  const char *path = at_tmp(0, "shrinks.tar.gz");
  if (!p) abort();
  put(path, p, n);
  CHECK_OK(t, as_dataset_open(&ds, &(as_dataset_opts){.path = path}, &err), err);
  CHECK_INT(t, truncate(path, (off_t)(n / 4)), 0);
  size_t good = 0, bad = 0;
  for (size_t i = 0; i < as_dataset_count(ds); i++) {
    as_blob blob;
    as_status s = as_dataset_read(ds, i, &blob, &err);
    good += s == AS_OK;
    bad += s == AS_E_INPUT;
    if (s != AS_OK) CHECK(t, strstr(err.msg, "became shorter") != NULL);
    as_dataset_release(&blob);
  }
  CHECK(t, bad > 0);
  CHECK_INT(t, good + bad, as_dataset_count(ds));
  as_dataset_close(&ds);
  free(p);
}

/* Both archive kinds through a pipe, which can be read once only. */
static void pipes(as_test *t) {
  if (access("/dev/fd/0", F_OK) != 0) {
    as_test_skip(t, "this system has no /dev/fd");
    return;
  }
  for (int gz = 0; gz < 2; gz++) {
    tarmake a = {0};
    if (gz)
      a.p = as_test_read(as_test_golden("shuffled.tar.gz"), &a.n);
    else
      a = three();
    int end[2];
    if (pipe(end) != 0 || !a.p) abort();
    fcntl(end[1], F_SETFL, O_NONBLOCK);
    bool fits = write(end[1], a.p, a.n) == (ssize_t)a.n;
    close(end[1]);
    char path[32];
    snprintf(path, sizeof path, "/dev/fd/%d", end[0]);
    as_dataset *ds = NULL;
    as_err err;
    if (fits) {
      CHECK_OK(t, as_dataset_open(&ds, &(as_dataset_opts){.path = path}, &err), err);
      for (size_t i = 0; ds && i < as_dataset_count(ds); i++) {
        as_blob blob;
        CHECK_OK(t, as_dataset_read(ds, i, &blob, &err), err);
        as_dataset_release(&blob);
      }
      if (!gz && ds) CHECK_OK(t, read_one(ds, 2, &err), err);
      as_dataset_close(&ds);
    }
    CHECK(t, fits);
    close(end[0]);
    free(a.p);
  }
}

/* What would be waited for, or read without end, is refused, and nothing is read of it: as a set, as an image in one,
 * and as a file that is read whole. */
static void no_files(as_test *t) {
  char pipe_path[600], socket_path[600];
  snprintf(pipe_path, sizeof pipe_path, "%s", at_tmp(0, "fifo"));
  snprintf(socket_path, sizeof socket_path, "%s", at_tmp(0, "socket"));
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  int sock = socket(AF_UNIX, SOCK_STREAM, 0);
  if (strlen(socket_path) >= sizeof name.sun_path || sock < 0) abort();
  memcpy(name.sun_path, socket_path, strlen(socket_path) + 1);
  if (mkfifo(pipe_path, 0600) != 0 || bind(sock, (struct sockaddr *)&name, sizeof name) != 0) abort();
  const char *const odd[][2] = {{pipe_path, "found a named pipe, wanted a file"},
                                {socket_path, "found a socket, wanted a file"},
                                {"/dev/zero", "found a device, wanted a file"},
                                {"/dev/null", "found a device, wanted a file"}};
  for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
    as_dataset *ds;
    as_file f;
    as_disk d;
    as_err err = {0};
    CHECK_STATUS(t, as_dataset_open(&ds, &(as_dataset_opts){.path = odd[i][0]}, &err), AS_E_INPUT);
    CHECK(t, strstr(err.msg, odd[i][1]) != NULL);
    CHECK_STATUS(t, as_file_open(&f, odd[i][0], &err), AS_E_INPUT);
    CHECK(t, strstr(err.msg, odd[i][1]) != NULL);
    CHECK_STATUS(t, as_disk_open(&d, odd[i][0], &err), AS_E_INPUT);
    CHECK(t, strstr(err.msg, odd[i][1]) != NULL);
  }
  char folder[700];
  as_err err;
  snprintf(folder, sizeof folder, "%s", at_tmp(0, "holds"));
  if (as_make_dirs(folder, &err) != AS_OK) abort();
  snprintf(folder, sizeof folder, "%s", at_tmp(0, "holds/a.jpg"));
  if (mkfifo(folder, 0600) != 0) abort();
  snprintf(folder, sizeof folder, "%s", at_tmp(0, "holds/b.jpg"));
  if (symlink("/dev/zero", folder) != 0) abort();
  as_dataset *ds = NULL;
  CHECK_OK(t, as_dataset_open(&ds, &(as_dataset_opts){.path = at_tmp(0, "holds")}, &err), err);
  for (size_t i = 0; ds && i < 2; i++) {
    as_blob blob;
    CHECK_STATUS(t, as_dataset_read(ds, i, &blob, &err), AS_E_INPUT);
    CHECK(t, strstr(err.msg, odd[2 * i][1]) != NULL);
  }
  as_dataset_close(&ds);
  close(sock);
}

static void descriptors(as_test *t) {
  struct rlimit before, few;
  enum { SHARDS = 60 };
  tarmake a = {0};
  as_err err;
  tarmake_text(&a, "k.jpg", "J");
  tarmake_text(&a, "k.cls", "7");
  tarmake_end(&a);
  for (int i = 0; i < SHARDS; i++) {
    char name[32];
    snprintf(name, sizeof name, "many-%02d.tar", i);
    put(at_tmp(0, name), a.p, a.n);
  }
  free(a.p);
  if (getrlimit(RLIMIT_NOFILE, &before) != 0) abort();
  few = before;
  few.rlim_cur = 24;
  CHECK_INT(t, setrlimit(RLIMIT_NOFILE, &few), 0);
  as_dataset *ds = NULL;
  CHECK_OK(t, as_dataset_open(&ds, &(as_dataset_opts){.path = at_tmp(0, "many-{00..59}.tar")}, &err), err);
  for (size_t i = 0; ds && i < SHARDS; i++) {
    as_blob blob;
    CHECK_OK(t, as_dataset_read(ds, i, &blob, &err), err);
    CHECK(t, blob.n == 1 && blob.p[0] == 'J');
    as_dataset_release(&blob);
  }
  as_dataset_close(&ds);
  setrlimit(RLIMIT_NOFILE, &before);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"disk: ranges, parts, whole files", reads},
                                  {"disk: a tar or a folder that changes while it is used", shorter},
                                  {"disk: a tar.gz that becomes shorter", shorter_gzip},
                                  {"disk: archives from pipes", pipes},
                                  {"disk: named pipes, sockets and devices are refused", no_files},
                                  {"disk: more archives than descriptors", descriptors}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
