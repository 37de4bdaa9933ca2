/* The sandbox from inside: what must fail fails, what the program needs works. Each case is a child process. */
#define _DEFAULT_SOURCE
#define _POSIX_C_SOURCE 200809L
#include "tensor/base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tensor/base/file.h"
#include "tensor/base/par.h"
#include "tests/harness.h"

enum { UNAVAILABLE = 77, FILES_OPEN = 78 };

static char inside[512], outside[512], device[] = "/dev/null";

static const char *at(const char *dir, const char *name) {
  static char path[1024];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  return path;
}

/* The number of the first expectation that did not hold, 0 when all did. */
#define EXPECT(cond)       \
  do {                     \
    n++;                   \
    if (!(cond)) return n; \
  } while (0)

static int calls(bool files) {
  int n = 0;
  char *const argv[] = {(char *)"true", NULL};
  (void)files;
  EXPECT(socket(AF_INET, SOCK_STREAM, 0) == -1 && errno == EPERM);
  EXPECT(socket(AF_UNIX, SOCK_STREAM, 0) == -1 && errno == EPERM);
  EXPECT(execve("/bin/true", argv, NULL) == -1 && errno == EPERM);
  pid_t child = fork();
  if (child == 0) _exit(0);
  EXPECT(child == -1);
  EXPECT(kill(getppid(), SIGUSR1) == -1 && errno == EPERM);
  EXPECT(kill(getppid(), 0) == 0);
  EXPECT(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
  void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  EXPECT(p != MAP_FAILED);
  EXPECT(mprotect(p, 4096, PROT_READ | PROT_EXEC) == -1);
  EXPECT(mprotect(p, 4096, PROT_READ) == 0);
  EXPECT(chroot("/") == -1);
  return 0;
}

static void add(void *ctx, size_t chunk, int worker) {
  (void)worker;
  ((size_t *)ctx)[chunk] = chunk;
}

static int threads(bool files) {
  int n = 0;
  size_t got[64], sum = 0;
  (void)files;
  as_par_set_threads(3);
  as_par_for(64, add, got);
  for (size_t i = 0; i < 64; i++) sum += got[i];
  EXPECT(sum == 64 * 63 / 2);
  return 0;
}

static int files(bool confined) {
  int n = 0;
  as_file f = {0};
  if (!confined) return FILES_OPEN;
  EXPECT(as_file_write(at(inside, "new"), "x", 1, NULL) == AS_OK);
  EXPECT(as_file_write(at(inside, "new"), "xy", 2, NULL) == AS_OK);
  EXPECT(as_make_dirs(at(inside, "a/b"), NULL) == AS_OK);
  EXPECT(as_file_write(at(inside, "a/b/c"), "x", 1, NULL) == AS_OK);
  EXPECT(as_file_open(&f, at(outside, "old"), NULL) == AS_OK && f.size == 3);
  as_file_close(&f);
  EXPECT(as_file_write(at(outside, "new"), "x", 1, NULL) == AS_E_ENV);
  EXPECT(open(at(outside, "old"), O_WRONLY) == -1 && errno == EACCES);
  EXPECT(unlink(at(outside, "old")) == -1 && errno == EACCES);
  EXPECT(mkdir(at(outside, "folder"), 0777) == -1);
  char from[1024];
  snprintf(from, sizeof from, "%s", at(inside, "new"));
  EXPECT(rename(from, at(outside, "moved")) == -1);
  EXPECT(open(device, O_WRONLY) >= 0);
  return 0;
}

static void in_child(as_test *t, int (*body)(bool)) {
  snprintf(inside, sizeof inside, "%s/inside", as_test_tmp());
  snprintf(outside, sizeof outside, "%s/outside", as_test_tmp());
  CHECK_STATUS(t, as_make_dirs(inside, NULL), AS_OK);
  CHECK_STATUS(t, as_make_dirs(outside, NULL), AS_OK);
  CHECK_STATUS(t, as_file_write(at(outside, "old"), "old", 3, NULL), AS_OK);
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    const char *writable[] = {inside, device};
    bool confined;
    if (as_sandbox_enter(writable, 2, &confined, NULL) != AS_OK) _exit(UNAVAILABLE);
    _exit(body(confined));
  }
  int status = 0;
  CHECK(t, child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status));
  if (!WIFEXITED(status)) return;
  if (WEXITSTATUS(status) == UNAVAILABLE)
    as_test_skip(t, "this system cannot filter system calls");
  else if (WEXITSTATUS(status) == FILES_OPEN)
    as_test_skip(t, "this kernel has no Landlock");
  else
    CHECK_INT(t, WEXITSTATUS(status), 0);
}

static void no_calls(as_test *t) {
  in_child(t, calls);
}

static void with_threads(as_test *t) {
  in_child(t, threads);
}

static void only_there(as_test *t) {
  in_child(t, files);
}

static void missing_place(as_test *t) {
  const char *writable[] = {"/no/such/folder"};
  bool confined;
  as_err err;
  pid_t child = fork();
  if (child == 0) _exit((int)as_sandbox_enter(writable, 1, &confined, &err));
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(t, WIFEXITED(status));
  /* Without Landlock the places do not matter. */
  CHECK(t, WEXITSTATUS(status) == AS_E_ENV || WEXITSTATUS(status) == AS_OK);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"no programs, processes, sockets, signals or code", no_calls},
                                  {"threads work", with_threads},
                                  {"files are written in their place alone", only_there},
                                  {"a place that is missing", missing_place}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
