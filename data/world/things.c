/* Sixteen things from everyday life. Each drawing varies with the pen's random numbers: the number
 * of petals, scoops, windows; what is open or shut, striped or spotted. */
#include "data/world/things.h"

#define POLY(role, ...) as_pen_polygon(p, AS_##role, AS_XY(__VA_ARGS__))
#define CURVE(role, ...) as_pen_curve(p, AS_##role, AS_XY(__VA_ARGS__))
#define LINE(role, width, ...) as_pen_line(p, AS_##role, width, AS_XY(__VA_ARGS__))
#define OVAL(role, cx, cy, rx, ry) as_pen_ellipse(p, AS_##role, cx, cy, rx, ry, 0)
#define LIMB(role, x0, y0, x1, y1, w) as_pen_limb(p, AS_##role, x0, y0, x1, y1, w)
#define PICK(lo, hi) as_pen_random(p, lo, hi)
#define S(v) ((int16_t)(v))

static void balloon(as_pen *p) {
  int fat = PICK(640, 800), gores = PICK(0, 2);
  LINE(DARK, 30, -190, 420, -130, 760);
  LINE(DARK, 30, 190, 420, 130, 760);
  CURVE(MAIN, 0, -950, S(fat * 3 / 4), -760, S(fat), -270, S(fat * 3 / 5), 230, 190, 520, -190, 520,
        S(-fat * 3 / 5), 230, S(-fat), -270, S(-fat * 3 / 4), -760);
  if (gores > 0)
    CURVE(SECOND, 0, -940, S(fat / 2), -650, S(fat * 3 / 5), -270, 330, 230, 110, 510, -110, 510, -330, 230,
          S(-fat * 3 / 5), -270, S(-fat / 2), -650);
  if (gores > 0)
    CURVE(MAIN, 0, -930, S(fat / 5), -650, S(fat / 4), -270, 130, 230, 40, 500, -40, 500, -130, 230,
          S(-fat / 4), -270, S(-fat / 5), -650);
  if (gores == 0) OVAL(SECOND, 0, -270, fat * 19 / 20, 110);
  POLY(WOOD, -170, 720, 170, 720, 130, 960, -130, 960);
}

static void boat(as_pen *p) {
  int jib = PICK(0, 1);
  LINE(DARK, 60, 0, 350, 0, -900);
  POLY(LIGHT, 50, -820, 50, 230, S(PICK(600, 800)), 230);
  if (jib) POLY(SECOND, -50, -640, -50, 230, -560, 230);
  POLY(ACCENT, 0, -980, 0, -800, S(PICK(150, 260)), -890);
  POLY(MAIN, -920, 330, 920, 330, 620, 800, -600, 800);
  LINE(LIGHT, 60, -780, 480, 790, 480);
  if (PICK(0, 1)) {
    for (int i = 0; i < 3; i++) OVAL(LIGHT, -350 + 330 * i, 620, 70, 70);
  }
}

static void butterfly(as_pen *p) {
  int spots = PICK(1, 2);
  for (int side = -1; side <= 1; side += 2) {
    CURVE(MAIN, S(60 * side), -150, S(420 * side), -800, S(920 * side), -760, S(900 * side), -250,
          S(420 * side), 60);
    CURVE(SECOND, S(60 * side), 60, S(520 * side), 90, S(800 * side), 420, S(560 * side), 820, S(200 * side),
          560);
    OVAL(ACCENT, 640 * side, -480, 150, 150);
    if (spots == 2) OVAL(LIGHT, 520 * side, 430, 110, 110);
    LINE(DARK, 30, S(20 * side), -420, S(160 * side), -760, S(300 * side), -860);
  }
  OVAL(DARK, 0, 60, 90, 520);
  OVAL(DARK, 0, -480, 110, 110);
}

static void cactus(as_pen *p) {
  int left = PICK(-200, 200), right = PICK(-300, 100), arms = PICK(1, 3);
  if (arms & 1) {
    LIMB(MAIN, 0, left + 250, -560, left + 200, 230);
    LIMB(MAIN, -560, left + 200, -560, left - 350, 230);
  }
  if (arms & 2) {
    LIMB(MAIN, 0, right + 200, 560, right + 150, 230);
    LIMB(MAIN, 560, right + 150, 560, right - 320, 230);
  }
  LIMB(MAIN, 0, 650, 0, -700, 420);
  for (int i = 0; i < 6; i++) {
    int y = -700 + 220 * i;
    LINE(LIGHT, 25, -90, S(y), -30, S(y + 50));
    LINE(LIGHT, 25, 90, S(y + 90), 30, S(y + 140));
  }
  if (PICK(0, 1)) {
    for (int k = -1; k <= 1; k++) OVAL(ACCENT, 90 * k, k ? -900 : -960, 90, 90);
  }
  POLY(WOOD, -420, 560, 420, 560, 320, 960, -320, 960);
  POLY(WOOD, -480, 480, 480, 480, 480, 610, -480, 610);
}

static void cat(as_pen *p) {
  int tail = PICK(0, 1) ? 1 : -1;
  LIMB(MAIN, 350 * tail, 780, 760 * tail, 560, 170);
  LIMB(MAIN, 760 * tail, 560, 820 * tail, 130, 160);
  CURVE(MAIN, 0, -150, 430, 150, 560, 750, 380, 960, -380, 960, -560, 750, -430, 150);
  OVAL(LIGHT, 0, 520, 230, 300);
  LIMB(MAIN, -200, 600, -200, 880, 190);
  LIMB(MAIN, 200, 600, 200, 880, 190);
  POLY(MAIN, -520, -450, -460, -980, -100, -720);
  POLY(MAIN, 520, -450, 460, -980, 100, -720);
  POLY(ACCENT, -440, -570, -410, -840, -220, -700);
  POLY(ACCENT, 440, -570, 410, -840, 220, -700);
  OVAL(MAIN, 0, -390, 540, 420);
  if (PICK(0, 1)) {
    for (int k = -1; k <= 1; k++) LINE(DARK, 40, S(120 * k), -780, S(90 * k), -620);
  }
  for (int side = -1; side <= 1; side += 2) {
    OVAL(LIGHT, 210 * side, -430, 120, 130);
    OVAL(DARK, 210 * side, -430, 50, 110);
    LINE(DARK, 22, S(160 * side), -220, S(620 * side), -290);
    LINE(DARK, 22, S(160 * side), -180, S(620 * side), -130);
  }
  POLY(ACCENT, -80, -290, 80, -290, 0, -200);
}

static void fish(as_pen *p) {
  int stripes = PICK(0, 3), tall = PICK(430, 600), up = PICK(380, 520), down = PICK(380, 520);
  POLY(SECOND, 480, 0, 980, S(-up), 820, 0, 980, S(down));
  POLY(SECOND, -250, S(-tall * 3 / 4), 60, S(-tall - 260), 330, S(-tall / 2));
  CURVE(MAIN, -950, 30, -620, S(-tall * 3 / 4), -150, S(-tall), 350, S(-tall / 2), 650, 0, 350, S(tall / 2),
        -150, S(tall), -620, S(tall * 3 / 4));
  for (int i = 0; i < stripes; i++) {
    int x = -330 + 260 * i, h = tall * (10 - 2 * i) / 13;
    LINE(LIGHT, 90, S(x), S(-h), S(x + 60), 0, S(x), S(h));
  }
  OVAL(LIGHT, -600, -130, 130, 130);
  OVAL(DARK, -620, -130, 65, 65);
  LINE(DARK, 35, -920, 130, -720, 210);
  POLY(ACCENT, -200, 120, 120, 40, 60, 330);
}

static void flower(as_pen *p) {
  int petals = PICK(5, 9), reach = PICK(300, 360), y0 = -380;
  LIMB(LEAF, 0, 960, 0, y0, 90);
  as_pen_ellipse(p, AS_LEAF, 270, 560, 300, 110, -110);
  if (PICK(0, 1)) as_pen_ellipse(p, AS_LEAF, -270, 700, 300, 110, 110);
  for (int i = 0; i < petals; i++) {
    int a = i * AS_TURN / petals;
    as_pen_ellipse(p, AS_MAIN, reach * as_icos(a) / 16384, y0 + reach * as_isin(a) / 16384, 270,
                   1150 / petals, a);
  }
  OVAL(ACCENT, 0, y0, 210, 210);
}

static void house(as_pen *p) {
  int wide = PICK(620, 800), chimney = PICK(0, 1);
  if (chimney) POLY(DARK, 330, -800, 530, -800, 530, -300, 330, -300);
  POLY(MAIN, S(-wide), -150, S(wide), -150, S(wide), 900, S(-wide), 900);
  POLY(SECOND, S(-wide - 150), -120, 0, -900, S(wide + 150), -120);
  POLY(WOOD, -160, 300, 160, 300, 160, 900, -160, 900);
  OVAL(LIGHT, 90, 620, 35, 35);
  for (int side = -1; side <= 1; side += 2) {
    int x = side * (wide / 2 + 80);
    POLY(LIGHT, S(x - 130), 120, S(x + 130), 120, S(x + 130), 420, S(x - 130), 420);
    LINE(DARK, 35, S(x), 120, S(x), 420);
    LINE(DARK, 35, S(x - 130), 270, S(x + 130), 270);
  }
  if (PICK(0, 1)) OVAL(LIGHT, 0, -430, 130, 130);
}

static void icecream(as_pen *p) {
  int scoops = PICK(1, 3);
  POLY(WOOD, -400, 50, 400, 50, 0, 970);
  LINE(DARK, 30, -250, 60, 110, 700);
  LINE(DARK, 30, 50, 60, 200, 490);
  LINE(DARK, 30, 250, 60, -110, 700);
  LINE(DARK, 30, -50, 60, -200, 490);
  if (scoops == 1) {
    OVAL(MAIN, 0, -200, 460, 430);
  } else {
    OVAL(SECOND, -230, -120, 330, 310);
    OVAL(MAIN, 230, -120, 330, 310);
    if (scoops == 3) OVAL(LIGHT, 0, -480, 340, 310);
  }
  LIMB(MAIN, -330, 40, 330, 40, 130);
  OVAL(ACCENT, 0, scoops == 3 ? -830 : scoops == 2 ? -480 : -690, 110, 110);
}

static void kite(as_pen *p) {
  int16_t bend = S(PICK(-250, 250));
  LINE(DARK, 28, 0, 350, bend, 600, S(-bend), 780, bend, 980);
  for (int i = 0; i < 3; i++) {
    int x = i == 1 ? -bend : bend, y = 600 + 180 * i;
    POLY(ACCENT, S(x), S(y), S(x - 170), S(y - 80), S(x - 170), S(y + 80));
    POLY(ACCENT, S(x), S(y), S(x + 170), S(y - 80), S(x + 170), S(y + 80));
  }
  POLY(MAIN, 0, -980, 0, -350, -640, -350);
  POLY(SECOND, 0, -980, 640, -350, 0, -350);
  POLY(SECOND, -640, -350, 0, -350, 0, 380);
  POLY(MAIN, 0, -350, 640, -350, 0, 380);
}

static void mushroom(as_pen *p) {
  int spots = PICK(3, 6), tall = PICK(-980, -700);
  CURVE(LIGHT, -220, -50, 220, -50, 260, 500, 360, 900, 0, 970, -360, 900, -260, 500);
  CURVE(MAIN, 0, S(tall), 620, S(tall / 2 - 200), 930, 60, 480, 170, 0, 120, -480, 170, -930, 60, -620,
        S(tall / 2 - 200));
  for (int i = 0; i < spots; i++) {
    int x = -560 + 1120 * i / (spots - 1), y = (i % 2 ? -130 : -380) + (x < 0 ? -x : x) / 5;
    OVAL(LIGHT, x, y, 100 + 20 * (i % 3), 80 + 20 * (i % 2));
  }
  LINE(DARK, 22, -200, 190, 200, 190);
}

static void owl(as_pen *p) {
  int squint = PICK(0, 70);
  CURVE(MAIN, -520, -930, 0, -760, 520, -930, 640, -350, 660, 350, 380, 860, -380, 860, -660, 350, -640,
        -350);
  OVAL(LIGHT, 0, 330, 380, 450);
  for (int row = 0; row < 3; row++) {
    for (int k = -1; k <= 1; k++)
      LINE(DARK, 35, S(200 * k - 70), S(120 + 200 * row), S(200 * k), S(180 + 200 * row), S(200 * k + 70),
           S(120 + 200 * row));
  }
  for (int side = -1; side <= 1; side += 2) {
    as_pen_ellipse(p, AS_SECOND, 610 * side, 230, 170, 480, 40 * side);
    OVAL(LIGHT, 270 * side, -440, 260, 260);
    OVAL(DARK, (270 - squint) * side, -430, 120, 120);
    LINE(ACCENT, 60, S(200 * side), 860, S(200 * side), 960);
  }
  POLY(ACCENT, -100, -330, 100, -330, 0, -110);
}

static void rocket(as_pen *p) {
  int windows = PICK(1, 2);
  POLY(ACCENT, -230, 620, 230, 620, S(PICK(-60, 60)), 990);
  POLY(LIGHT, -120, 620, 120, 620, 0, 830);
  POLY(SECOND, -280, 150, -680, 680, -250, 620);
  POLY(SECOND, 280, 150, 680, 680, 250, 620);
  CURVE(MAIN, 0, -980, 260, -560, 340, 0, 250, 650, -250, 650, -340, 0, -260, -560);
  POLY(SECOND, 0, -960, 190, -640, -190, -640);
  OVAL(DARK, 0, -250, 170, 170);
  OVAL(LIGHT, 0, -250, 120, 120);
  if (windows == 2) OVAL(LIGHT, 0, 180, 110, 110);
  LIMB(SECOND, 0, 480, 0, 700, 90);
}

static void snowman(as_pen *p) {
  int hat = PICK(0, 2);
  LINE(WOOD, 55, -330, -20, -820, S(PICK(-350, 50)));
  LINE(WOOD, 55, 330, -20, 820, S(PICK(-350, 50)));
  OVAL(MAIN, 0, 600, 470, 400);
  OVAL(MAIN, 0, 30, 360, 320);
  OVAL(MAIN, 0, -470, 280, 270);
  LIMB(SECOND, -220, -250, 220, -250, 110);
  LIMB(SECOND, 160, -230, 220, 100, 110);
  for (int i = 0; i < 3; i++) OVAL(DARK, 0, -60 + 190 * i, 45, 45);
  OVAL(DARK, -100, -540, 40, 40);
  OVAL(DARK, 100, -540, 40, 40);
  POLY(ACCENT, 0, -490, 0, -410, 260, -430);
  if (hat > 0) {
    POLY(DARK, -210, -980, 210, -980, 210, -680, -210, -680);
    LIMB(DARK, -350, -680, 350, -680, 90);
    if (hat > 1) LIMB(ACCENT, -170, -760, 170, -760, 70);
  } else {
    CURVE(ACCENT, -270, -600, 0, -1000, 270, -600, 0, -680);
  }
}

static void tree(as_pen *p) {
  LIMB(WOOD, 0, 930, 0, 100, 230);
  if (PICK(0, 1)) { /* conifer */
    POLY(MAIN, -700, 600, 700, 600, 0, -100);
    POLY(MAIN, -560, 150, 560, 150, 0, -520);
    POLY(MAIN, -400, -280, 400, -280, 0, -960);
  } else {
    OVAL(MAIN, -400, -50, 430, 380);
    OVAL(MAIN, 400, -50, 430, 380);
    OVAL(MAIN, PICK(-100, 100), -430, 520, 480);
    if (PICK(0, 1)) { /* fruit */
      for (int i = 0; i < 5; i++) OVAL(ACCENT, -480 + 240 * i, i % 2 ? -350 : -30, 75, 75);
    }
  }
}

static void umbrella(as_pen *p) {
  int side = PICK(0, 1) ? 1 : -1;
  LINE(DARK, 65, 0, -850, 0, 780, S(60 * side), 920, S(190 * side), 930, S(260 * side), 800);
  CURVE(MAIN, -950, 40, -850, -380, -480, -760, 0, -880, 480, -760, 850, -380, 950, 40, 640, -90, 320, 40, 0,
        -90, -320, 40, -640, -90);
  CURVE(SECOND, -320, 30, -280, -480, 0, -880, 280, -480, 320, 30, 0, -80);
  LINE(DARK, 60, 0, -870, 0, -980);
}

/* Skins are far apart, so that each tells its class by itself. Hue 0 is red, 256 yellow, 512 green, 768 cyan, 1024
 * blue, 1280 magenta. */
const as_thing as_things[AS_THINGS] = {
    {"balloon",
     balloon,
     {{1440, 1600}, {170, 240}, {180, 250}, AS_STRIPES, AS_LIGHT, {7, 9}, 1, 0},
     1,
     {AS_OUTDOORS, AS_SEA}},
    {"boat",
     boat,
     {{900, 1040}, {120, 220}, {110, 210}, AS_STRIPES, AS_LIGHT, {6, 8}, 0, 1},
     0,
     {AS_SEA, AS_SEA}},
    {"butterfly",
     butterfly,
     {{60, 170}, {180, 250}, {190, 250}, AS_DOTS, AS_DARK, {6, 9}, 1, 0},
     1,
     {AS_LEAVES, AS_OUTDOORS}},
    {"cactus",
     cactus,
     {{400, 560}, {120, 210}, {90, 170}, AS_STRIPES, AS_DARK, {5, 7}, 1, 0},
     0,
     {AS_OUTDOORS, AS_INDOORS}},
    {"cat",
     cat,
     {{80, 170}, {60, 170}, {90, 200}, AS_STRIPES, AS_DARK, {6, 8}, 1, 1},
     0,
     {AS_INDOORS, AS_INDOORS}},
    {"fish",
     fish,
     {{700, 860}, {120, 220}, {150, 240}, AS_CHECKS, AS_LIGHT, {3, 5}, 1, 0},
     1,
     {AS_SEA, AS_STUDIO}},
    {"flower",
     flower,
     {{1260, 1430}, {120, 230}, {190, 255}, AS_PLAIN, AS_LIGHT, {4, 4}, 1, 0},
     0,
     {AS_LEAVES, AS_INDOORS}},
    {"house",
     house,
     {{30, 110}, {100, 170}, {130, 210}, AS_CHECKS, AS_DARK, {3, 5}, 1, 0},
     0,
     {AS_OUTDOORS, AS_OUTDOORS}},
    {"icecream",
     icecream,
     {{1200, 1500}, {50, 110}, {220, 255}, AS_DOTS, AS_ACCENT, {5, 7}, 1, 0},
     0,
     {AS_STUDIO, AS_INDOORS}},
    {"kite",
     kite,
     {{200, 300}, {170, 250}, {190, 250}, AS_CHECKS, AS_SECOND, {5, 7}, 1, 0},
     1,
     {AS_OUTDOORS, AS_SEA}},
    {"mushroom",
     mushroom,
     {{1480, 1590}, {180, 240}, {130, 220}, AS_DOTS, AS_LIGHT, {7, 10}, 1, 0},
     0,
     {AS_LEAVES, AS_LEAVES}},
    {"owl",
     owl,
     {{70, 180}, {70, 160}, {70, 150}, AS_GRAIN, AS_LIGHT, {3, 5}, 1, 0},
     0,
     {AS_NIGHT, AS_LEAVES}},
    {"rocket",
     rocket,
     {{0, 1535}, {0, 40}, {150, 220}, AS_STRIPES, AS_ACCENT, {7, 9}, 1, -1},
     1,
     {AS_NIGHT, AS_NIGHT}},
    {"snowman",
     snowman,
     {{850, 1000}, {0, 40}, {225, 255}, AS_GRAIN, AS_LIGHT, {4, 7}, 1, 0},
     0,
     {AS_NIGHT, AS_OUTDOORS}},
    {"tree",
     tree,
     {{280, 480}, {110, 220}, {70, 170}, AS_GRAIN, AS_DARK, {3, 6}, 1, 0},
     0,
     {AS_OUTDOORS, AS_OUTDOORS}},
    {"umbrella",
     umbrella,
     {{1060, 1240}, {130, 230}, {110, 220}, AS_PLAIN, AS_LIGHT, {4, 4}, 1, 0},
     1,
     {AS_STUDIO, AS_OUTDOORS}},
};
