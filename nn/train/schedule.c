#include "nn/train/schedule.h"

#include "tensor/base/math/dmath.h"

static const double pi = 3.14159265358979323846;

double as_schedule_at(const as_train_schedule *s, size_t step) {
  if (step < s->warm_up) {
    const double whole = s->warm_includes_end ? (double)(s->warm_up - 1) : (double)s->warm_up;
    return whole > 0.0 ? s->warm_from + (s->start - s->warm_from) * ((double)step / whole) : s->start;
  }
  double t = (double)(step - s->warm_up), total = (double)(s->steps - s->warm_up);
  if (s->by_epoch && s->per_epoch) {
    t = (double)((step - s->warm_up) / s->per_epoch);
    total = (double)((s->steps - s->warm_up) / s->per_epoch);
  }
  switch (s->kind) {
    case AS_SCHEDULE_CONSTANT:
      break;
    case AS_SCHEDULE_COSINE:
      return s->end + (s->start - s->end) * (0.5 * (1.0 + as_cos(pi * t / total)));
    case AS_SCHEDULE_STEPS:
      return s->start * (t >= 0.8 * total ? 0.01 : t >= 0.6 * total ? 0.1 : 1.0);
    case AS_SCHEDULE_LINEAR:
      return total > 1.0 ? s->start + (s->end - s->start) * (t / (total - 1.0)) : s->end;
  }
  return s->start;
}
