/* The folder of a run. One process at a time works in it, and whoever reads it finds a whole run at any moment: the
 * old one or the new one.
 *
 *   DIR/record.json, table.txt, table.csv, report.html, cells/, heads/, prints/   the finished run
 *   DIR/place.json      where the plan's folder is (rec.h)
 *   DIR/rows/KEY.rows   its feature rows, for the next run in this folder
 *   DIR/work/           the run under way: feature rows, and its files under the names that they will have
 *   DIR/lock            who works here; the lock on it ends with its process
 *
 * Nothing of the finished run is touched while the next one computes. When that has written all its files to work/, it
 * writes work/record.json: from this moment it is the finished one, and readers (rec.h) take a file from work/ if it is
 * there. Then the files are moved to their places, record.json last. Whoever was killed between leaves the moving to
 * the next one that opens the folder. */
#ifndef AS_EVAL_RUN_RUN_FOLDER_H
#define AS_EVAL_RUN_RUN_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "eval/run/rec.h"
#include "eval/run/record.h"
#include "tensor/base/status.h"
#include "tensor/base/text.h"

/* What a run does with what it finds in its folder. */
typedef enum as_run_start {
  AS_RUN_CONTINUE, /* takes over what is finished and what was computed, and computes what is new */
  AS_RUN_REDO,     /* computes everything by this build; goes on from where such a run was cut off (verify) */
  AS_RUN_FRESH     /* computes everything; nothing is taken over */
} as_run_start;

typedef struct as_run_folder {
  char *dir, *work; /* owned */
  as_run_start start;
  int lock;    /* descriptor; -1: none */
  bool stands; /* there is a finished run: `old` */
  as_rec old;
  as_run_file *file; /* [n_files] of the new run, in the order of as_run_folder_add; owned */
  size_t n_files, cap_files;
} as_run_folder;

/* Makes the folder where it is absent, locks it, finishes what a killed process left half moved, and opens the finished
 * run, if that may be taken over from. AS_E_ENV: another process works there (it is named), or the folder cannot be
 * written. Close it in failure, too. */
as_status as_run_folder_open(as_run_folder *f, const char *dir, as_run_start start, as_err *err);
/* Gives the lock back, and removes work/ where nothing is left in it. Zeroed or closed is fine. */
void as_run_folder_close(as_run_folder *f);

/* Removes what a run leaves in its folder, and the folder if nothing else is in it. */
void as_run_folder_remove(const char *dir);

/* Where a file of the new run is written: DIR/work/NAME. Its folder is there. Release with as_free. */
char *as_run_folder_new(const as_run_folder *f, as_err *err, const char *fmt, ...) AS_PRINTF(3, 4);
/* Is NAME of the finished run as its record has it? Then the new run may take it over. */
bool as_run_folder_has(const as_run_folder *f, const char *fmt, ...) AS_PRINTF(2, 3);
/* NAME belongs to the new run: as it is in work/, else as it is in DIR. */
as_status as_run_folder_add(as_run_folder *f, as_err *err, const char *fmt, ...) AS_PRINTF(3, 4);

/* The new run is finished: `record` becomes DIR/record.json, and the files that were added take their places; files of
 * cells/, heads/ and prints/ that were not are removed. */
as_status as_run_folder_finish(as_run_folder *f, const as_str *record, as_err *err);
/* The finished run stays as it is: what work/ holds beside feature rows is thrown away. */
void as_run_folder_discard(const as_run_folder *f);

/* The log of the rows with this key: the finished run's where that has one, else the one under way. */
char *as_run_folder_rows(const as_run_folder *f, const char key[65], as_err *err);
/* Keeps the rows of the n keys in rows/ as long as all together they have at most `most` bytes, in this order, and
 * removes all others. *kept: bytes that are kept; *left: keys that were not. */
void as_run_folder_keep_rows(const as_run_folder *f, const char (*key)[65], size_t n, int64_t most,
                             int64_t *kept, size_t *left);

#endif
