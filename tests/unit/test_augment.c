/* Views against torchvision and Pillow with the same dice (tests/golden/make_augment.py); what views depend on; the words. */
#include <stdio.h>
#include <stdlib.h>

#include "data/augment/augment.h"
#include "tensor/base/cpu.h"
#include "tensor/base/hash/sha256.h"
#include "tensor/base/mem.h"
#include "tests/harness.h"

enum { W = 48, H = 40, SIDE = 32, PIXELS = SIDE * SIDE * 3 };
static uint8_t image[H * W * 3];

static void make_image(void) {
  for (int y = 0; y < H; y++)
    for (int x = 0; x < W; x++)
      for (int c = 0; c < 3; c++)
        image[(y * W + x) * 3 + c] = (uint8_t)((x * 5 + y * 3 + c * 40 + (x * y) % 17 * 6) % 256);
}

static void draw_side(as_test *t, const char *words, uint64_t epoch, uint64_t i, unsigned v, int side,
                      float *out) {
  as_augment a;
  as_err err = {0};
  as_augment_room *room = NULL;
  CHECK_OK(t, as_augment_room_create(&room, side, &err), err);
  CHECK_OK(t, as_augment_parse(&a, words, &err), err);
  for (int c = 0; c < 3; c++) a.mean[c] = 0.0f, a.std[c] = 1.0f;
  const as_augment_of of = {as_augment_dice(7, epoch), i, v, image, W, H};
  const as_augment_to to = {side, out, (size_t)side * 3, room};
  CHECK_OK(t, as_augment_view(&a, &of, &to, &err), err);
  as_augment_room_destroy(&room);
}

static void draw_view(as_test *t, const char *words, uint64_t epoch, uint64_t i, unsigned v, float *out) {
  draw_side(t, words, epoch, i, v, SIDE, out);
}

static void goldens(as_test *t) {
  size_t n, lines = 0;
  char *text = (char *)as_test_read(as_test_golden("augment.tsv"), &n);
  CHECK(t, text != NULL);
  float got[PIXELS];
  double worst = 0;
  for (char *line = text, *next; line && *line; line = next) {
    next = strchr(line, '\n');
    if (next) *next++ = '\0';
    char name[16];
    unsigned img, view;
    if (sscanf(line, "%15s %u %u", name, &img, &view) != 3) continue;
    draw_view(t, name, 3, img, view, got);
    char *p = line;
    for (int tabs = 0; tabs < 3; tabs++) p = strchr(p, '\t') + 1;
    while (*p) {
      const unsigned long at = strtoul(p, &p, 10);
      const double want = strtod(p, &p);
      if (at < PIXELS && fabs((double)got[at] - want) > worst) worst = fabs((double)got[at] - want);
      while (*p == '\t') p++;
    }
    lines++;
  }
  CHECK_INT(t, lines, 120);
  CHECK_NEAR(t, worst, 0.0, 1e-6);
  free(text);
}

/* The same bits everywhere, plain C or vectors, whole blocks or what is left over; the hash is of our own making. */
static void bits(as_test *t) {
  static const int sides[] = {32, 24, 7, 33};
  float *out = as_alloc(PIXELS * 2, sizeof *out, NULL);
  for (int simd = 0; simd < 2; simd++) {
    as_sha256 sum;
    char hex[65];
    (void)as_cpu_limit(simd ? NULL : "ref", NULL);
    as_sha256_init(&sum);
    for (const char *const *name = as_augment_names(); *name; name++)
      for (uint64_t i = 0; i < 12; i++) {
        const int side = sides[i % 4];
        memset(out, 0, PIXELS * 2 * sizeof *out);
        draw_side(t, *name, 3, i, (unsigned)i % 3, side, out);
        for (int k = 0; k < side * side * 3; k++) {
          uint32_t word;
          memcpy(&word, &out[k], 4);
          const uint8_t le[4] = {(uint8_t)word, (uint8_t)(word >> 8), (uint8_t)(word >> 16),
                                 (uint8_t)(word >> 24)};
          as_sha256_update(&sum, le, 4);
        }
      }
    as_sha256_hex(&sum, hex);
    CHECK_STR(t, hex, "83dced6ed146602b737fc8597f0b89e3cac56ce3fdcc0f1a6e5b567c5073a5f1");
  }
  as_free(out);
}

static void dice(as_test *t) {
  float a[PIXELS], b[PIXELS];
  draw_view(t, "simclr", 0, 5, 1, a);
  draw_view(t, "simclr", 0, 5, 1, b);
  CHECK(t, memcmp(a, b, sizeof a) == 0);
  draw_view(t, "simclr", 1, 5, 1, b);
  CHECK(t, memcmp(a, b, sizeof a) != 0);
  draw_view(t, "simclr", 0, 6, 1, b);
  CHECK(t, memcmp(a, b, sizeof a) != 0);
  draw_view(t, "simclr", 0, 5, 0, b);
  CHECK(t, memcmp(a, b, sizeof a) != 0);
  /* Shares: 400 views each. */
  int grey = 0, solar = 0;
  for (uint64_t i = 0; i < 400; i++) {
    draw_view(t, "grey=.2", 0, i, 0, a);
    grey += a[0] == a[1] && a[300] == a[301] && a[1000] == a[1001];
    draw_view(t, "none,solarise=.3", 0, i, 0, a);
    draw_view(t, "none", 0, i, 0, b);
    solar += memcmp(a, b, sizeof a) != 0;
  }
  CHECK(t, grey > 50 && grey < 110);
  CHECK(t, solar > 90 && solar < 150);
}

static void words(as_test *t) {
  as_augment a;
  as_err err = {0};
  for (const char *const *name = as_augment_names(); *name; name++)
    CHECK_OK(t, as_augment_parse(&a, *name, &err), err);
  CHECK_OK(t, as_augment_parse(&a, "simclr,crop=.5:.75,blur=1:2:3", &err), err);
  CHECK(t, a.crop_lo == 0.5 && a.crop_hi == 0.75 && a.sigma_hi == 3.0 && a.grey == 0.2);
  CHECK_STATUS(t, as_augment_parse(&a, "simclt", &err), AS_E_USAGE);
  CHECK(t, strstr(err.msg, "simclr") != NULL);
  static const char *const wrong[] = {
      "crop=1",         "crop=.5:.2",  "crop=0:2", "flip=",    "flip=x", "grey=1.5",
      "jitter=1:1:1:1", "blur=.5:0:1", "colour=1", "simclr,,", "crop",   "flip=.5:.5"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    CHECK_STATUS(t, as_augment_parse(&a, wrong[i], &err), AS_E_USAGE);
}

int main(int argc, char **argv) {
  make_image();
  static const as_case cases[] = {{"views as torchvision and Pillow make them", goldens},
                                  {"the same bits everywhere", bits},
                                  {"what a view depends on", dice},
                                  {"names and keys", words}};
  return as_test_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
