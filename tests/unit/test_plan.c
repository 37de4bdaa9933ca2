#include <string.h>

#include "eval/run/plan.h"
#include "tensor/base/text.h"
#include "tests/harness.h"

static as_status parse(as_plan *p, const char *text, as_err *err) {
  return as_plan_parse(p, text, strlen(text), "plans/x.plan", NULL, NULL, err);
}

static const char whole[] =
    "# the study in small\n"
    "[benchmark]\n"
    "name = small   # a comment\n"
    "base = val\r\n"
    "[dataset val]\n"
    "task = imagenet-val\n"
    "path = val.tar\n"
    "per-class = 40:50\n"
    "[dataset train]\n"
    "path=/abs/train\n"
    "role = train\n"
    "limit = 7\n"
    "[model a]\n"
    "weights = a#1.pth\n"
    "[model b]\n"
    "weights = b.pth\n"
    "head = heads/b.pth\n"
    "[model c]\n"
    "weights = c.pth\n"
    "head = probe\n"
    "c = 0.5\n"
    "[model d]\n"
    "weights = d.pth\n"
    "recipe = mine.recipe\n"
    "head = knn\n"
    "k = 5";

static void reads_all(as_test *t) {
  as_plan p;
  as_err err = {0};
  CHECK_OK(t, parse(&p, whole, &err), err);
  CHECK_STR(t, p.name, "small");
  CHECK_STR(t, p.unified, "mean-top1");
  CHECK_STR(t, p.base, "val");
  CHECK_INT(t, p.n_datasets, 2);
  CHECK_INT(t, p.n_models, 4);
  CHECK_STR(t, p.datasets[0].path.at, "plans/val.tar");
  CHECK_INT(t, p.datasets[0].per_class[0], 40);
  CHECK_INT(t, p.datasets[0].per_class[1], 50);
  CHECK(t, !p.datasets[0].train);
  CHECK_STR(t, p.datasets[1].path.at, "/abs/train");
  CHECK_INT(t, p.datasets[1].limit, 7);
  CHECK(t, p.datasets[1].train);
  CHECK_STR(t, p.models[0].weights.at, "plans/a#1.pth");
  CHECK_INT(t, p.models[0].kind, AS_HEAD_OWN);
  CHECK_INT(t, p.models[1].kind, AS_HEAD_FILE);
  CHECK_STR(t, p.models[1].head_file.at, "plans/heads/b.pth");
  CHECK_INT(t, p.models[2].kind, AS_HEAD_PROBE);
  CHECK_STR(t, p.models[2].c, "0.5");
  CHECK_STR(t, as_plan_protocol(&p, &p.models[2]), "lbfgs");
  CHECK_INT(t, p.models[3].kind, AS_HEAD_KNN);
  CHECK_INT(t, p.models[3].k, 5);
  CHECK_STR(t, p.models[3].recipe.at, "plans/mine.recipe");
  CHECK(t, as_plan_train_set(&p, &p.models[0]) == NULL);
  CHECK(t, as_plan_train_set(&p, &p.models[2]) == &p.datasets[1]);
  as_plan_clear(&p);
}

/* More sets than any buffer on the stack: a base, and a published figure, on the last one are found. */
static void many_sets(as_test *t) {
  as_str text = {0};
  as_plan p = {0};
  as_err err = {0};
  as_str_put(&text,
             "[benchmark]\nbase = s299\n[model m]\nweights = w\npublished = 50\npublished-on = s298\n");
  for (int i = 0; i < 300; i++) as_str_printf(&text, "[dataset s%d]\npath = s\n", i);
  CHECK_OK(t, parse(&p, as_str_c(&text), &err), err);
  CHECK_STR(t, p.base, "s299");
  CHECK_STR(t, p.models[0].published_on, "s298");
  as_plan_clear(&p);
  as_str_clear(&text);
}

/* A number beyond what a key may have is refused before it reaches the field, whatever the field's width. */
static void numbers_fit(as_test *t) {
  as_plan p = {0};
  as_err err = {0};
  CHECK_OK(t,
           parse(&p,
                 "[dataset v]\npath = v\nlimit = 9223372036854775807\n[dataset t]\npath = t\nrole = train\n"
                 "[model m]\nweights = w\nhead = knn\nk = 1000000\ntemperature = 0.5\n",
                 &err),
           err);
  CHECK(t, p.datasets[0].limit == INT64_MAX);
  CHECK_INT(t, p.models[0].k, 1000000);
  CHECK(t, p.models[0].temperature == 0.5); /* the field behind k */
  as_plan_clear(&p);
}

static void default_name(as_test *t) {
  as_plan p;
  as_err err = {0};
  CHECK_OK(t, parse(&p, "[dataset v]\npath = v\n[model m]\nweights = w\n", &err), err);
  CHECK_STR(t, p.name, "x");
  as_plan_clear(&p);
}

#define D "[dataset v]\npath = v\n"
#define M "[model m]\nweights = w\n"
#define T "[dataset t]\npath = t\nrole = train\n"
static const struct {
  const char *text, *message;
} bad[] = {
    {"", "plans/x.plan:1: found no [model NAME]"},
    {D, "found no [model NAME]"},
    {M, "found no dataset to score"},
    {"name = x\n", "plans/x.plan:1: found 'name' before the first section"},
    {"[benchmark]\nnane = x\n", "plans/x.plan:2: unknown key 'nane'; did you mean 'name'?"},
    {"[modell m]\n", "did you mean [model]?"},
    {"[thing]\n", "unknown section [thing]"},
    {"[model]\n", "wanted a name"},
    {"[model a/b]\n", "wanted a name"},
    {"[model .a]\n", "wanted a name"},
    {"[model a--b]\n", "wanted a name"},
    {"[model m\n", "wanted a section"},
    {"[benchmark]\n[benchmark]\n", "plans/x.plan:2: [benchmark] is given twice"},
    {D M D, "[dataset v] is given twice"},
    {D M M, "[model m] is given twice"},
    {D "limit = 0\n" M, "plans/x.plan:3: limit: found '0'"},
    {D "limit = 5x\n" M, "limit: found '5x'"},
    {D "limit = 1\nlimit = 2\n" M, "limit is given twice"},
    {D "per-class = 5:5\n" M, "per-class: found '5:5'"},
    {D "per-class = 5\n" M, "per-class: found '5'"},
    {D "role = trian\n" M, "role: found 'trian', wanted train or test; did you mean 'train'?"},
    {D "task =\n" M, "task has no value"},
    {D "task\n" M, "found 'task', wanted key = value"},
    {"[dataset v]\ntask = folder\n" M, "plans/x.plan:1: [dataset v] has no path"},
    {D "[model m]\nhead = own\n", "plans/x.plan:3: [model m] has no weights"},
    {D M "head = probe\n", "wants a dataset with role = train"},
    {D M "head = own\ntrain = v\n", "train is for"},
    {D M "head = probe\ntrain = v\n", "train = v is no dataset with role = train"},
    {D "[dataset trained]\npath = t\nrole = train\n" M "head = probe\ntrain = traiend\n",
     "train = traiend is no dataset with role = train; did you mean 'trained'?"},
    {D M "head = probe\n[dataset t]\npath=t\nrole=train\n[dataset u]\npath=u\nrole=train\n",
     "2 training sets"},
    {D M "c = 1\n", "[model m]: c is for head = probe"},
    {D T M "head = probe\nc = -1\n", "plans/x.plan:6: [model m]: "},
    {D T M "head = probe\nprotocol = swaw\n", "protocol 'swaw' is not known; did you mean swav?"},
    {D T M "head = probe\nprotocol = swav\nc = 1\n", "c and max-iter are for protocol = lbfgs, found swav"},
    {"[benchmark]\nprotocol = per-famework\n" D M, "did you mean per-framework?"},
    {"[benchmark]\nfeatures = half\n" D M, "features: found 'half', wanted float32 or float16"},
    {"[benchmark]\ncrops = maybe\n" D M, "crops: found 'maybe', wanted yes or no"},
    {D M "hash = sha256:12\n", "hash: found 'sha256:12'"},
    {D M "hash = crc:12345678\n", "wanted sha256: or md5: and 8 or more hex digits"},
    {D M "published = 75\npublished-on = w\n", "published-on = w is no scored dataset"},
    {D M "published-on = v\n", "published-on without published"},
    {D M "published = 101\n", "published: found '101'"},
    {D M "k = 2.5\n", "k: found '2.5'"},
    {D M "k = 1000001\n", "k: found '1000001', wanted a whole number from 1 to 1000000"},
    {D M "max-iter = 4294967297\n", "max-iter: found '4294967297'"},
    {D T M "head = prob\n", "plans/x.plan:6: [model m]: head: found 'prob'; did you mean probe?"},
    {D T M "head = kn\n", "did you mean knn?"},
    {"[benchmark]\nunified = paper\n" D M, "unified: found 'paper', wanted mean-top1"},
    {"[benchmark]\nbase = w\n" D M, "base: found 'w'"},
    {"[dataset v]\npath = \xff\n" M, "no UTF-8 text"},
};

static void refuses(as_test *t) {
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    as_plan p;
    as_err err = {0};
    CHECK_STATUS(t, parse(&p, bad[i].text, &err), AS_E_INPUT);
    if (!strstr(err.msg, bad[i].message))
      as_test_fail(t, __FILE__, __LINE__, "case %zu: \"%s\" lacks \"%s\"", i, err.msg, bad[i].message);
  }
}

/* A training's folder lies beside the plan, and its model's weights in it; a drawn world is no path. */
static void trainings(as_test *t) {
  static const char text[] =
      "[dataset v]\npath = v\n[pretrain p]\nmethod = simclr\ndata = world:seed=3\nper-class = 0:4\n"
      "precision = float16\n[pretrain q]\nmethod = byol\ndata = train\n[model m]\nweights = pretrain:p\n";
  as_plan p;
  as_err err = {0};
  CHECK_OK(t, parse(&p, text, &err), err);
  CHECK_INT(t, p.n_pretrain, 2);
  CHECK_STR(t, p.pretrain[0].data.at, "world:seed=3");
  CHECK_STR(t, p.pretrain[1].data.at, "plans/train");
  CHECK(t, p.pretrain[0].half && !p.pretrain[1].half);
  CHECK_INT(t, p.pretrain[0].per_class[1], 4);
  CHECK_STR(t, p.models[0].weights.said, "pretrain:p");
  CHECK_STR(t, p.models[0].weights.at, "plans/pretrained/p/checkpoint.safetensors");
  CHECK(t, as_plan_training_of(&p, &p.models[0]) == &p.pretrain[0]);
  as_plan_clear(&p);
}

int main(int argc, char **argv) {
  static const as_case cases[] = {{"plan: every key of a whole plan", reads_all},
                                  {"plan: named after its file", default_name},
                                  {"plan: three hundred sets", many_sets},
                                  {"plan: numbers fit their fields", numbers_fit},
                                  {"plan: bad plans are refused with line and reason", refuses},
                                  {"plan: trainings", trainings}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
