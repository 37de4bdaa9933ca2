/* Status codes and the one-line message record that every fallible function fills.
 *
 * A function that can fail returns as_status and takes an as_err as its last argument. The message
 * is one line without a final newline; it names the file (and tensor or byte offset), what was
 * found and what was wanted. The values equal the exit codes of the command line, so that tools/
 * needs no table. */
#ifndef AS_TENSOR_BASE_STATUS_H
#define AS_TENSOR_BASE_STATUS_H

#if !defined(__STDC_VERSION__) || __STDC_VERSION__ < 201112L
#error "assay is C11: build with -std=c11 or later"
#endif

#if defined(__GNUC__)
#define AS_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#else
#define AS_PRINTF(fmt, first)
#endif

typedef enum as_status {
  AS_OK = 0,
  AS_E_CHECK = 1,   /* ran to its end and a check failed */
  AS_E_USAGE = 2,   /* the caller asked for something impossible */
  AS_E_INPUT = 3,   /* a file is missing, damaged, foreign or does not fit */
  AS_E_ENV = 4,     /* I/O, memory or CPU */
  AS_E_STOPPED = 75 /* stopped early by a signal; the state is saved and can be resumed */
} as_status;

typedef struct as_err {
  as_status status;
  char msg[1024];
} as_err;

/* Writes the message (one too long loses its middle; control bytes from files become '?') and returns `status`,
 * so that a caller can write `return as_fail(err, AS_E_INPUT, "...")`. `err` may be NULL. */
as_status as_fail(as_err *err, as_status status, const char *fmt, ...) AS_PRINTF(3, 4);

/* Puts "text: " before the message that a callee left; returns err's status. */
as_status as_fail_in(as_err *err, const char *fmt, ...) AS_PRINTF(2, 3);

#endif
