#define _GNU_SOURCE
#include "tensor/base/sandbox.h"

#if defined(__linux__)

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tensor/base/par.h"

/* The kernel's interface, spelled out: its headers are missing where a C library other than the system's is
 * used. Numbers and layouts are those of linux/seccomp.h, linux/filter.h, linux/audit.h, linux/landlock.h. */
enum { PR_NO_NEW_PRIVILEGES = 38, PR_SECCOMP = 22, SECCOMP_FILTER = 2 };
#define RET_ALLOW 0x7fff0000u
#define RET_ERRNO 0x00050000u
#define RET_KILL 0x80000000u
enum { LOAD = 0x20, JUMP_EQ = 0x15, JUMP_ANY_BIT = 0x45, RETURN = 0x06 }; /* BPF, 32-bit words */

typedef struct filter_line {
  uint16_t code;
  uint8_t yes, no; /* lines to skip */
  uint32_t k;
} filter_line;

typedef struct filter {
  unsigned short n;
  filter_line *line;
} filter;

#if defined(__x86_64__) && !defined(__ILP32__)
#define ARCH 0xc000003eu
#elif defined(__aarch64__) && defined(__ORDER_LITTLE_ENDIAN__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARCH 0xc00000b7u
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH 0xc00000f3u
#elif defined(__s390x__)
#define ARCH 0x80000016u
#else
#define ARCH 0u
#endif

/* Where struct seccomp_data keeps what the filter looks at. Arguments have 64 bits; the low word is read. */
enum { AT_NUMBER = 0, AT_ARCH = 4, AT_ARGS = 16 };
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define AT_ARG(i) (AT_ARGS + 8 * (i) + 4)
#else
#define AT_ARG(i) (AT_ARGS + 8 * (i))
#endif

/* What reading, computing on threads and writing files take, on the C libraries that we know. */
static const int allowed[] = {
    SYS_read,
    SYS_readv,
    SYS_pread64,
    SYS_preadv,
    SYS_write,
    SYS_writev,
    SYS_pwrite64,
    SYS_pwritev,
    SYS_lseek,
    SYS_openat,
    SYS_close,
    SYS_fstat,
    SYS_newfstatat,
    SYS_statx,
    SYS_faccessat,
    SYS_readlinkat,
    SYS_getdents64,
    SYS_getcwd,
    SYS_fsync,
    SYS_fdatasync,
    SYS_ftruncate,
    SYS_fallocate,
    SYS_fadvise64,
    SYS_flock,
    SYS_fcntl,
    SYS_mkdirat,
    SYS_unlinkat,
    SYS_renameat2,
    SYS_fchmod,
    SYS_umask,
    SYS_fstatfs,
    SYS_statfs,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    SYS_msync,
    SYS_mincore,
    SYS_brk,
    SYS_futex,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_sched_setaffinity,
    SYS_set_robust_list,
    SYS_set_tid_address,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sigaltstack,
    SYS_restart_syscall,
    SYS_exit,
    SYS_exit_group,
    SYS_getpid,
    SYS_gettid,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_uname,
    SYS_sysinfo,
    SYS_getrusage,
    SYS_prlimit64,
    SYS_getrandom,
    SYS_clock_gettime,
    SYS_clock_getres,
    SYS_clock_nanosleep,
    SYS_nanosleep,
    SYS_gettimeofday,
    SYS_times,
#ifdef SYS_rseq
    SYS_rseq,
#endif
#ifdef SYS_faccessat2
    SYS_faccessat2,
#endif
#ifdef SYS_membarrier
    SYS_membarrier,
#endif
/* The older names, which newer machines do not have. */
#ifdef SYS_open
    SYS_open,
#endif
#ifdef SYS_stat
    SYS_stat,
#endif
#ifdef SYS_lstat
    SYS_lstat,
#endif
#ifdef SYS_access
    SYS_access,
#endif
#ifdef SYS_readlink
    SYS_readlink,
#endif
#ifdef SYS_mkdir
    SYS_mkdir,
#endif
#ifdef SYS_unlink
    SYS_unlink,
#endif
#ifdef SYS_rmdir
    SYS_rmdir,
#endif
#ifdef SYS_rename
    SYS_rename,
#endif
#ifdef SYS_renameat
    SYS_renameat,
#endif
#ifdef SYS_chmod
    SYS_chmod,
#endif
#ifdef SYS_time
    SYS_time,
#endif
#ifdef SYS_getrlimit
    SYS_getrlimit,
#endif
};
enum { N_ALLOWED = sizeof allowed / sizeof *allowed };

enum {
  PROT_EXECUTABLE = 4,
  CLONE_AS_THREAD = 0x00010000,
  TERMINAL_MODES = 0x5401, /* isatty */
  TERMINAL_SIZE = 0x5413,
#if defined(__s390x__)
  CLONE_FLAGS_ARG = 1
#else
  CLONE_FLAGS_ARG = 0
#endif
};

static as_status confine_calls(as_err *err) {
  filter_line line[N_ALLOWED * 2 + 48];
  size_t n = 0;
  const uint32_t denied = RET_ERRNO | EPERM, unknown = RET_ERRNO | ENOSYS;
#define LINE(code, k, yes, no) line[n++] = (filter_line){code, yes, no, (uint32_t)(k)}
  LINE(LOAD, AT_ARCH, 0, 0);
  LINE(JUMP_EQ, ARCH, 1, 0);
  LINE(RETURN, RET_KILL, 0, 0);
  LINE(LOAD, AT_NUMBER, 0, 0);
  for (size_t i = 0; i < N_ALLOWED; i++) {
    LINE(JUMP_EQ, allowed[i], 0, 1);
    LINE(RETURN, RET_ALLOW, 0, 0);
  }
  /* Memory, but none to be executed. */
  LINE(JUMP_EQ, SYS_mmap, 1, 0);
  LINE(JUMP_EQ, SYS_mprotect, 0, 4);
  LINE(LOAD, AT_ARG(2), 0, 0);
  LINE(JUMP_ANY_BIT, PROT_EXECUTABLE, 1, 0);
  LINE(RETURN, RET_ALLOW, 0, 0);
  LINE(RETURN, denied, 0, 0);
  /* Threads, but no processes. The newer call keeps its flags where a filter cannot see them; C libraries
   * fall back to the older one when it is unknown. */
#ifdef SYS_clone3
  LINE(JUMP_EQ, SYS_clone3, 0, 1);
  LINE(RETURN, unknown, 0, 0);
#else
  (void)unknown;
#endif
  LINE(JUMP_EQ, SYS_clone, 0, 4);
  LINE(LOAD, AT_ARG(CLONE_FLAGS_ARG), 0, 0);
  LINE(JUMP_ANY_BIT, CLONE_AS_THREAD, 0, 1);
  LINE(RETURN, RET_ALLOW, 0, 0);
  LINE(RETURN, denied, 0, 0);
  /* Terminals are asked what they are, not typed into. */
  LINE(JUMP_EQ, SYS_ioctl, 0, 5);
  LINE(LOAD, AT_ARG(1), 0, 0);
  LINE(JUMP_EQ, TERMINAL_MODES, 1, 0);
  LINE(JUMP_EQ, TERMINAL_SIZE, 0, 1);
  LINE(RETURN, RET_ALLOW, 0, 0);
  LINE(RETURN, denied, 0, 0);
  /* Signals to itself: abort() and the sanitizers. kill(pid, 0), which asks whether a process still runs. */
  LINE(JUMP_EQ, SYS_tgkill, 0, 4);
  LINE(LOAD, AT_ARG(0), 0, 0);
  LINE(JUMP_EQ, getpid(), 0, 1);
  LINE(RETURN, RET_ALLOW, 0, 0);
  LINE(RETURN, denied, 0, 0);
  LINE(JUMP_EQ, SYS_kill, 0, 3);
  LINE(LOAD, AT_ARG(1), 0, 0);
  LINE(JUMP_EQ, 0, 0, 1);
  LINE(RETURN, RET_ALLOW, 0, 0);
  LINE(RETURN, denied, 0, 0);
#undef LINE
  const filter program = {(unsigned short)n, line};
  if (ARCH == 0 || prctl(PR_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0 ||
      prctl(PR_SECCOMP, SECCOMP_FILTER, &program, 0, 0) != 0)
    return as_fail(err, AS_E_ENV, "sandbox: this system cannot filter system calls (%s)",
                   ARCH == 0 ? "unknown processor" : strerror(errno));
  return AS_OK;
}

/* Landlock has kept these numbers on every architecture. */
enum {
  LANDLOCK_CREATE = 444,
  LANDLOCK_ADD = 445,
  LANDLOCK_RESTRICT = 446,
  LANDLOCK_VERSION = 1,
  LANDLOCK_BENEATH = 1
};
enum {
  MAY_EXECUTE = 1 << 0,
  MAY_WRITE = 1 << 1,
  MAY_CHANGE_FOLDERS = 0x1ff << 4, /* remove and make: every kind of entry */
  MAY_MOVE = 1 << 13,              /* version 2: between folders */
  MAY_TRUNCATE = 1 << 14           /* version 3 */
};

static as_status confine_files(const char *const *writable, size_t n, bool *confined, as_err *err) {
  struct {
    uint64_t files;
  } rules = {MAY_EXECUTE | MAY_WRITE | MAY_CHANGE_FOLDERS};
  long version = syscall(LANDLOCK_CREATE, NULL, 0, LANDLOCK_VERSION);
  *confined = false;
  if (version < 1) return AS_OK;
  if (version >= 2) rules.files |= MAY_MOVE;
  if (version >= 3) rules.files |= MAY_TRUNCATE;
  int set = (int)syscall(LANDLOCK_CREATE, &rules, sizeof rules, 0);
  as_status s = AS_OK;
  if (set < 0) return as_fail(err, AS_E_ENV, "sandbox: Landlock: %s", strerror(errno));
  for (size_t i = 0; s == AS_OK && i < n; i++) {
    struct stat st;
    int fd = open(writable[i], O_PATH | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
      s = as_fail(err, AS_E_ENV, "%s: %s", writable[i], strerror(errno));
    } else {
      /* The kernel reads 12 bytes: what is allowed, and beneath what. */
      uint64_t rights = rules.files & ~(uint64_t)MAY_EXECUTE;
      int32_t beneath = fd;
      unsigned char rule[12];
      if (!S_ISDIR(st.st_mode)) rights &= MAY_WRITE | MAY_TRUNCATE;
      memcpy(rule, &rights, 8);
      memcpy(rule + 8, &beneath, 4);
      if (syscall(LANDLOCK_ADD, set, LANDLOCK_BENEATH, rule, 0) != 0)
        s = as_fail(err, AS_E_ENV, "%s: Landlock: %s", writable[i], strerror(errno));
    }
    if (fd >= 0) close(fd);
  }
  if (s == AS_OK && (prctl(PR_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0 || syscall(LANDLOCK_RESTRICT, set, 0) != 0))
    s = as_fail(err, AS_E_ENV, "sandbox: Landlock: %s", strerror(errno));
  close(set);
  *confined = s == AS_OK;
  return s;
}

as_status as_sandbox_enter(const char *const *writable, size_t n, bool *files_confined, as_err *err) {
  as_par_prepare();
  as_status s = confine_files(writable, n, files_confined, err);
  return s == AS_OK ? confine_calls(err) : s;
}

#else

as_status as_sandbox_enter(const char *const *writable, size_t n, bool *files_confined, as_err *err) {
  (void)writable, (void)n;
  *files_confined = false;
  return as_fail(err, AS_E_ENV, "sandbox: found a system other than Linux, wanted seccomp");
}

#endif
