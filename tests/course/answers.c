/* Checks a reader's answers to a chapter's exercises against the hashes of the right ones.
 *
 *   course-check CHAPTER ANSWERS HASHES    a line per exercise; 0 if all are right
 *   course-check CHAPTER WORKED            the lines of HASHES for a file of right answers
 *
 * An answer is "NAME = TEXT"; '#' starts a comment line. A right answer with decimals accepts one unit more or less in its
 * last place, which is what rounding on the way costs; whole numbers and words are compared as they are, words without
 * regard to case. HASHES has lines "CHAPTER.NAME DECIMALS HASH", the first 16 digits of the SHA-256 of
 * "assay course CHAPTER.NAME ANSWER". */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/base/hash/sha256.h"

enum { TEXT = 200 };

/* Cuts blanks from both ends, makes runs of them one blank and letters small. */
static void tidy(char *s) {
  size_t n = 0;
  for (const char *p = s; *p; p++) {
    if (!isspace((unsigned char)*p))
      s[n++] = (char)tolower((unsigned char)*p);
    else if (n && s[n - 1] != ' ')
      s[n++] = ' ';
  }
  while (n && s[n - 1] == ' ') n--;
  s[n] = 0;
}

/* The next "NAME = TEXT" of a file. */
static int next_answer(FILE *f, char name[TEXT], char text[TEXT]) {
  char line[2 * TEXT];
  while (fgets(line, sizeof line, f)) {
    char *eq = strchr(line, '=');
    if (*line == '#' || !eq || eq - line >= TEXT || strlen(eq) >= TEXT) continue;
    *eq = 0;
    strcpy(name, line);
    strcpy(text, eq + 1);
    tidy(name);
    tidy(text);
    return 1;
  }
  return 0;
}

static int is_number(const char *s, double *value) {
  char *end;
  *value = strtod(s, &end);
  return end != s && !*end;
}

static void hash_answer(const char *key, const char *answer, char hex[17]) {
  char all[3 * TEXT], digits[65];
  as_sha256 sum;
  const int n = snprintf(all, sizeof all, "assay course %s %s", key, answer);
  as_sha256_init(&sum);
  as_sha256_update(&sum, all, (size_t)n);
  as_sha256_hex(&sum, digits);
  snprintf(hex, 17, "%.16s", digits);
}

/* Is it the answer whose hash is given, or its neighbour in the last place? */
static int is_right(const char *key, const char *answer, int decimals, const char *want) {
  double value, unit = 1;
  char hex[17], text[TEXT];
  if (!is_number(answer, &value)) {
    hash_answer(key, answer, hex);
    return strcmp(hex, want) == 0;
  }
  for (int i = 0; i < decimals; i++) unit /= 10;
  for (int step = -1; step <= 1; step++) {
    if (step && decimals == 0) continue;
    snprintf(text, sizeof text, "%.*f", decimals, value + step * unit);
    if (strtod(text, NULL) == 0) snprintf(text, sizeof text, "%.*f", decimals, 0.0);
    if (decimals == 0 && strtod(text, NULL) != value) return 0; /* 7.4 is not 7 */
    hash_answer(key, text, hex);
    if (strcmp(hex, want) == 0) return 1;
  }
  return 0;
}

static int print_hashes(const char *chapter, FILE *worked) {
  char name[TEXT], text[TEXT], key[2 * TEXT], hex[17];
  double value;
  while (next_answer(worked, name, text)) {
    const char *point = is_number(text, &value) ? strchr(text, '.') : NULL;
    snprintf(key, sizeof key, "%s.%s", chapter, name);
    hash_answer(key, text, hex);
    printf("%s %d %s\n", key, point ? (int)strlen(point + 1) : 0, hex);
  }
  return 0;
}

static int check_answers(const char *chapter, const char *path, FILE *hashes) {
  char line[TEXT], key[TEXT], want[TEXT], name[TEXT], text[TEXT];
  const size_t n = strlen(chapter);
  int decimals, wrong = 0, all = 0;
  while (fgets(line, sizeof line, hashes)) {
    if (strncmp(line, chapter, n) != 0 || line[n] != '.') continue;
    if (sscanf(line, "%199s %d %199s", key, &decimals, want) != 3) continue;
    const char *says = "no answer yet";
    FILE *f = fopen(path, "r");
    while (f && next_answer(f, name, text))
      if (strcmp(name, key + n + 1) == 0 && strcmp(text, "?") != 0)
        says = is_right(key, text, decimals, want) ? "right" : "not right";
    if (f) fclose(f);
    printf("  %s: %s\n", key + n + 1, says);
    wrong += strcmp(says, "right") != 0;
    all++;
  }
  printf("  %d of %d right\n", all - wrong, all);
  return wrong || !all;
}

int main(int argc, char **argv) {
  if (argc != 3 && argc != 4) return 2;
  FILE *f = fopen(argv[argc - 1], "r");
  if (!f) return fprintf(stderr, "course-check: cannot open %s\n", argv[argc - 1]), 3;
  const int status = argc == 3 ? print_hashes(argv[1], f) : check_answers(argv[1], argv[2], f);
  fclose(f);
  return status;
}
