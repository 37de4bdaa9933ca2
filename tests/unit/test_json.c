/* The JSON parser against JSONTestSuite (nst/JSONTestSuite, test_parsing): every y_ file parses, every n_ file is refused,
 * i_ files do either; and each message tells the byte. */
#include <stdio.h>
#include <stdlib.h>

#include "tensor/base/file.h"
#include "tensor/base/json.h"
#include "tests/harness.h"

static void suite(as_test *t) {
  const char *found = as_test_shared("corpora/json-parsing/test_parsing");
  as_names names = {0};
  as_err err = {AS_OK, ""};
  if (!found) {
    as_test_skip(t, "no JSONTestSuite");
    return;
  }
  char dir[1000], path[2000];
  snprintf(dir, sizeof dir, "%s", found);
  CHECK_OK(t, as_dir_list(&names, dir, &err), err);
  int yes = 0, no = 0;
  for (size_t i = 0; i < names.n; i++) {
    const char *name = names.name[i];
    if (!strstr(name, ".json") || name[1] != '_') continue;
    as_file f = {0};
    snprintf(path, sizeof path, "%s/%s", dir, name);
    CHECK_OK(t, as_file_open(&f, path, &err), err);
    char *copy = malloc(f.size ? f.size : 1); /* its own block: a byte read too many is seen */
    memcpy(copy, f.data, f.size);
    as_json_doc *doc = NULL;
    err.msg[0] = 0;
    as_status st = as_json_parse(&doc, copy, f.size, &err);
    if (name[0] == 'y' && st != AS_OK) as_test_fail(t, __FILE__, __LINE__, "%s refused: %s", name, err.msg);
    if (name[0] == 'n' && st != AS_E_INPUT) as_test_fail(t, __FILE__, __LINE__, "%s accepted", name);
    if (st != AS_OK && !strstr(err.msg, "byte"))
      as_test_fail(t, __FILE__, __LINE__, "%s: no byte in \"%s\"", name, err.msg);
    yes += name[0] == 'y';
    no += name[0] == 'n';
    as_json_free(&doc);
    free(copy);
    as_file_close(&f);
  }
  CHECK(t, yes > 80 && no > 150);
  as_names_clear(&names);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"json JSONTestSuite", suite}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
