/* Files: whole-file read-only access, directory listing, and writers that never leave half a file. */
#ifndef AS_TENSOR_BASE_FILE_H
#define AS_TENSOR_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "tensor/base/status.h"

/* Opens a file to read, without ever waiting: a regular file, or the pipe at the other end of /dev/stdin and /dev/fd/N,
 * which a shell hands over for "<(...)" and "|". A named pipe, a socket, a device, a folder: AS_E_INPUT that says what
 * it is, and nothing is read of it. Missing or unreadable: AS_E_INPUT; no descriptor or memory left: AS_E_ENV. The
 * caller closes *fd. */
typedef struct as_opened {
  int fd;
  bool stream;       /* the pipe: it has no size, and can be read once */
  uint64_t size;     /* bytes of a regular file */
  uint64_t which[2]; /* its device and inode: two paths with the same are one file */
} as_opened;
as_status as_open_read(as_opened *o, const char *path, as_err *err);

/* A whole file in memory: mapped where it is a regular file, read otherwise (pipes). */
typedef struct as_file {
  const uint8_t *data; /* never NULL after a successful open, also for empty files */
  size_t size;
  void *map;   /* private */
  void *owned; /* private */
} as_file;

/* Missing, unreadable or a directory: AS_E_INPUT naming the path; out of memory: AS_E_ENV. */
as_status as_file_open(as_file *f, const char *path, as_err *err);
void as_file_close(as_file *f); /* zeroed or closed twice is fine */
/* The n bytes at p, inside the file's data, will not be read soon: where the file is mapped, their pages
 * leave this process's memory and come back from the file when they are read again. */
void as_file_release(const as_file *f, const void *p, size_t n);
/* How the n bytes at p will be used, for the disk's sake where they lie in a mapped file: their pages are fetched from now
 * on, while the caller works at others; or rows will be read here and there, so that nothing beside them is to be
 * fetched; or that is over. Any memory may be named; no result depends on it. */
typedef enum as_access { AS_ACCESS_SOON, AS_ACCESS_SCATTERED, AS_ACCESS_ORDERED } as_access;
void as_file_expect(const void *p, size_t n, as_access how);

typedef enum as_path_kind { AS_PATH_NONE, AS_PATH_FILE, AS_PATH_DIR, AS_PATH_OTHER } as_path_kind;
as_path_kind as_path_kind_of(const char *path); /* follows links */
int64_t as_path_size(const char *path);         /* bytes of a regular file, -1 otherwise */

/* "dir/name" (name alone when dir is NULL, "" or name is absolute). "~/x" is x in the home folder, where one was told.
 * Release with as_free. */
char *as_path_join(const char *dir, const char *name, as_err *err);
/* The user's home folder, which the library does not look for; NULL: none. Kept by pointer. */
void as_path_set_home(const char *dir);
/* The part after the last '/', borrowed from path. */
const char *as_path_base(const char *path);
/* The folder part, "." when there is none. Release with as_free. */
char *as_path_dir(const char *path, as_err *err);

/* Creates the folder and its missing parents. */
as_status as_make_dirs(const char *path, as_err *err);

/* Entries of a folder without "." and "..", sorted bytewise. Release with as_names_clear. */
typedef struct as_names {
  char **name;
  size_t n;
  size_t cap;
} as_names;
as_status as_dir_list(as_names *out, const char *path, as_err *err);
void as_names_clear(as_names *names);

/* Atomic output: bytes go to a sibling temporary; commit flushes, fsyncs, renames over `path` and
 * fsyncs the folder; abort removes the temporary. A write error is sticky and reported by commit.
 * What exists and is no regular file (a device, a pipe) is written to as it is. Open also removes what
 * killed processes left of the same output.
 *   as_out o;
 *   if ((s = as_out_open(&o, path, err)) != AS_OK) return s;
 *   as_out_write(&o, p, n); as_out_printf(&o, "...");
 *   return as_out_commit(&o, err);                                                        */
typedef struct as_out {
  FILE *f;
  char *path;
  char *temp;
  int error; /* errno of the first failure, 0 = none */
} as_out;
as_status as_out_open(as_out *o, const char *path, as_err *err);
void as_out_write(as_out *o, const void *p, size_t n);
void as_out_printf(as_out *o, const char *fmt, ...) AS_PRINTF(2, 3);
as_status as_out_commit(as_out *o, as_err *err); /* always releases; AS_E_ENV on failure */
void as_out_abort(as_out *o);                    /* zeroed or finished is fine */

/* Removes the temporaries of all outputs that are open. For a signal handler that ends the process: it calls
 * nothing but unlink. */
void as_out_abandon(void);

/* Removes the temporaries (NAME.tmpPID) that killed processes left in a folder: those whose process no
 * longer runs on this machine. What cannot be read or removed stays. */
void as_out_sweep(const char *dir);

/* Whole buffer to a file, atomically. */
as_status as_file_write(const char *path, const void *p, size_t n, as_err *err);

#endif
