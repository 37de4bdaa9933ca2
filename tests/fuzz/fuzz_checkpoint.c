/* libFuzzer target: every container of weights/ through as_state_open_bytes, then what a reader of the state does: remarks,
 * the choice of a recipe, its architecture, every view's bytes.
 * The checksums of zip members are put right first, so that changes inside a member are reached too. */
#include <stdlib.h>
#include <string.h>

#include "tensor/base/bytes.h"
#include "tensor/base/hash/crc32.h"
#include "weights/containers/state.h"
#include "weights/match.h"
#include "weights/recipe/recipe.h"

/* Descriptor-less stored members: recompute the CRC in local header and directory. */
static void repair(uint8_t *p, size_t n) {
  for (size_t i = 0; i + 46 <= n; i++) {
    if (as_le32(p + i) != 0x02014b50u) continue;
    size_t at = as_le32(p + i + 42), size = as_le32(p + i + 20);
    if (n < 30 || at > n - 30 || as_le32(p + at) != 0x04034b50u) continue;
    size_t body = at + 30 + as_le16(p + at + 26) + as_le16(p + at + 28);
    if (body > n || size > n - body || as_le16(p + i + 10) != 0) continue;
    uint32_t crc = as_crc32(0, p + body, size);
    as_put_le32(p + i + 16, crc);
    if (!(as_le16(p + at + 6) & 8))
      as_put_le32(p + at + 14, crc);
    else if (n - body - size >= 8)
      as_put_le32(p + body + size + 4, crc);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
  as_state *s = NULL;
  as_err err = {AS_OK, ""};
  uint8_t *copy = malloc(n ? n : 1);
  if (!copy) return 0;
  memcpy(copy, p, n);
  repair(copy, n);
  as_status st = as_state_open_bytes(&s, copy, n, "fuzz", &err);
  if (st != AS_OK && st != AS_E_INPUT) abort(); /* a file's content is never the environment's fault */
  if (st == AS_OK) {
    const as_state_entry *e = as_state_entries(s);
    unsigned sum = 0;
    for (size_t i = 0; i < as_state_count(s); i++)
      for (size_t k = 0; k < e[i].view.bytes; k++) sum += ((const uint8_t *)e[i].view.data)[k];
    const as_recipe *r = NULL;
    as_view w, b;
    as_recipe *owned = NULL;
    char text[AS_RECIPE_ASSUMED];
    if (as_recipe_choose(&r, &owned, s, NULL, text, &err) == AS_OK) {
      (void)as_recipe_resolve_arch(r, s, 0, text, sizeof text, &err);
      (void)as_match_head(&w, &b, s, r, "fc", &err);
    }
    as_recipe_destroy(&owned);
    if (as_match_head(&w, &b, s, NULL, NULL, &err) == AS_OK) /* the views' last bytes are there */
      sum += ((const uint8_t *)w.data)[w.bytes ? w.bytes - 1 : 0] * (w.bytes > 0);
    if (sum == 0xdeadbeefu) (void)as_state_sha256(s);
  }
  as_state_close(&s);
  free(copy);
  return 0;
}
