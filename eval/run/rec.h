/* The one way in to what a run or a shard left: its folder or its JSON file, the schema, the plan, the files. */
#ifndef AS_EVAL_RUN_REC_H
#define AS_EVAL_RUN_REC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eval/run/plan.h"
#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tensor/base/status.h"

typedef enum as_rec_kind {
  AS_REC_RUN,  /* record.json, schema assay.record/1 */
  AS_REC_SHARD /* shard.json, schema assay.shard/1 */
} as_rec_kind;

typedef struct as_rec {
  char *path;               /* of the JSON file */
  char *dir;                /* the folder of the run; of a packed one the folder of its archive */
  struct as_rec_pack *pack; /* its files, where they are in an archive (rec_pack.h); owned */
  char *
      work; /* a run that is finished, but whose files are not all in their places yet: where they come from */
  as_file file;
  as_json_doc *doc;
  const as_json *root;
} as_rec;

/* Columns of cells/MODEL--SET.tsv. */
enum { AS_COL_NAME, AS_COL_LABEL, AS_COL_TOP, AS_COL_LOGITS, AS_COL_STATUS, AS_COL_CONFIDENCE };

/* `path` is the folder, the JSON file in it, which is then read as it is, or for a run a tar or tar.gz of its folder.
 * AS_E_INPUT: none there, no JSON, another schema, a member that
 * readers rely on is missing: the texts profile, plan and plan_file, the lists models, datasets and cells
 * (groups for a shard) with objects that say what they are about, by names that a plan could give. */
as_status as_rec_open(as_rec *r, const char *path, as_rec_kind kind, as_err *err);
void as_rec_close(as_rec *r); /* zeroed or closed is fine */

/* The JSON file that `path`, a folder or that file, stands for. Release with as_free. */
char *as_rec_path(const char *path, as_rec_kind kind, as_err *err);
/* The folder of the same. Release with as_free. */
char *as_rec_dir(const char *path, as_err *err);

/* Where the plan's relative paths start stands beside the record, in DIR/place.json: the plan's folder as seen from DIR,
 * which holds when both travel together, and its absolute path, which holds when the run alone does. Written when it
 * changes; DIR exists. */
as_status as_place_write(const char *dir, const as_plan *plan, as_err *err);
/* The plan that was run. Its relative paths start in the first of these folders in which any of its files is: the plan's
 * as seen from DIR, the absolute one, DIR, the folder above. `roots` (NULL: none) go before. *moved (may be NULL): the
 * second one, although the record does not lie where it was made. AS_E_INPUT: none of its files is in any of them. */
as_status as_rec_plan(const as_rec *r, const as_roots *roots, as_plan *out, bool *moved, as_err *err);
/* A file beside the record, by its name in the run's folder; open while the record is. AS_E_INPUT: not there. */
as_status as_rec_file(const as_rec *r, as_file *f, as_err *err, const char *fmt, ...) AS_PRINTF(4, 5);
bool as_rec_has_file(const as_rec *r, const char *fmt, ...) AS_PRINTF(2, 3);
/* Its path, where the run is no archive; for messages also there. Release with as_free. */
char *as_rec_file_path(const as_rec *r, as_err *err, const char *fmt, ...) AS_PRINTF(3, 4);

/* Was the record changed since it was written? It ends with the hash of all before it. */
typedef enum as_rec_seal {
  AS_SEAL_NONE /* of an older version */,
  AS_SEAL_HOLDS,
  AS_SEAL_BROKEN
} as_rec_seal;
as_rec_seal as_rec_check_seal(const as_rec *r);
/* Every file that the record vouches for: its name, its recorded hash, and the hash that it has now, NULL where it is
 * gone. */
typedef void as_rec_file_fn(void *ctx, const char *name, const char *recorded, const char *now);
as_status as_rec_check_files(const as_rec *r, as_rec_file_fn *found, void *ctx, as_err *err);

/* The first element of a list, NULL where it is empty or absent. */
const as_json *as_rec_list(const as_rec *r, const char *key);
/* The element of a list in which member a is the text x (and member b is y, unless b is NULL). */
const as_json *as_rec_find(const as_rec *r, const char *key, const char *a, const char *x, const char *b,
                           const char *y);
/* The text of a member; NULL where it is absent or of another type. */
const char *as_rec_text(const as_json *object, const char *key);
/* The 64 hex digits of a member; NULL where it is absent or anything else. */
const char *as_rec_digits(const as_json *object, const char *key);
/* The whole number of a member, 0 to 2^40; false where it is absent or another. */
bool as_rec_count(const as_json *object, const char *key, int64_t *out);

#endif
