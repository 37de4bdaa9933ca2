#include "data/sets/labels.h"

#include <string.h>

enum { WNID = 9, VAL_DIGITS = 8 };

int as_wnid_class(const char *s, size_t n) {
  if (n != WNID) return -1;
  size_t lo = 0, hi = as_wnids_count;
  while (lo < hi) {
    size_t mid = lo + (hi - lo) / 2;
    int c = memcmp(s, as_wnids[mid], WNID);
    if (c == 0) return (int)mid;
    if (c < 0) {
      hi = mid;
    } else {
      lo = mid + 1;
    }
  }
  return -1;
}

const char *as_wnid_name(const char *s, size_t n) {
  int c = as_wnid_class(s, n);
  return c >= 0 && (size_t)c < as_wnid_names_count ? as_wnid_names[c] : NULL;
}

int as_val_number(const char *name) {
  static const char stem[] = "ilsvrc2012_val_";
  const char *base = strrchr(name, '/');
  base = base ? base + 1 : name;
  for (const char *p = stem; *p; p++, base++) { /* Windows' tools change the case of names */
    char c = *base >= 'A' && *base <= 'Z' ? (char)(*base - 'A' + 'a') : *base;
    if (c != *p) return 0;
  }
  int v = 0;
  for (int i = 0; i < VAL_DIGITS; i++) {
    if (base[i] < '0' || base[i] > '9') return 0;
    v = v * 10 + (base[i] - '0'); /* eight digits fit an int */
  }
  if (base[VAL_DIGITS] != '.' && base[VAL_DIGITS] != '_' && base[VAL_DIGITS] != '\0') return 0;
  return v >= 1 && (size_t)v <= as_val_labels_count ? v : 0;
}
