/* A run in an archive (tar, tar.gz): its files, in memory. Private to eval/run. */
#ifndef AS_EVAL_RUN_REC_PACK_H
#define AS_EVAL_RUN_REC_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/base/file.h"
#include "tensor/base/status.h"

typedef struct as_rec_pack as_rec_pack;

/* Is it an archive, by its first bytes? */
bool as_rec_pack_is(const uint8_t *p, size_t n);
/* Reads the files of the one run in the archive: those that runs write, without feature rows. Images and weights that
 * were packed along are passed over. AS_E_INPUT: damaged, no record.json or two, over 1 GiB of such files. */
as_status as_rec_pack_open(as_rec_pack **out, const char *path, as_err *err);
void as_rec_pack_close(as_rec_pack **p);
/* The folder of the run in the archive: "" or "runs/out". Borrowed. */
const char *as_rec_pack_folder(const as_rec_pack *p);
/* A file by its name in the run's folder; its bytes stay the archive's. false: not there. */
bool as_rec_pack_find(const as_rec_pack *p, const char *name, as_file *f);

#endif
