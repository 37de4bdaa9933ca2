#!/bin/sh
# Changes one sign or factor in each method of models/ssl and in what methods share, and sees that a test notices: a proof
# that cannot fail proves nothing. Works on a copy; prints one line per mutation; exit 1 if one went unnoticed.
# Usage: tests/mutate-methods.sh [work folder]      (about ten minutes on a free core)
set -u
work=${1:-$(mktemp -d)}
mkdir -p "$work" && cp -rp Makefile tensor nn models tests "$work" && cd "$work" || exit 4
missed=0 count=0 build="make -s -j2 CFLAGS=-O1 BUILD=b"
# The quickest first; a mutation is caught by the first one that fails.
tests='test_losses test_ssl_grads test_kmeans test_clustering test_ssl test_collapse'
noticed() { # by one of the tests; by: its name, and what it says
  for by in $tests; do
    $build ROOMS='tensor/base tensor nn models' "b/t/$by" >build.log 2>&1 || { by='build' && return 2; }
    OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive timeout 900 "b/t/$by" >test.log 2>&1 || return 0
  done
  return 1
}
# try FILE 's/from/to/' : the change must alter the file, build, and make a test fail
try() {
  count=$((count + 1)) file=models/ssl/$1
  cp "$file" saved
  sed "$2" saved >"$file"
  if cmp -s saved "$file"; then
    missed=$((missed + 1))
    echo "MISSED  $1: $2 changes nothing"
  else
    noticed
    case $? in
      0) echo "caught  $1: $2  ($by: $(grep -m1 -o '[a-z_]*\.[ch]:[0-9]*: .*' test.log | cut -c1-60))" ;;
      1) missed=$((missed + 1)) && echo "MISSED  $1: $2" ;;
      2) missed=$((missed + 1)) && echo "MISSED  $1: $2 does not build" ;;
    esac
  fi
  cp saved "$file"
}
noticed
[ $? -eq 1 ] || { cat build.log test.log; exit 4; }

# each method: its loss, its gradient, what it remembers
try simclr.c 's/row\[pos\] = row\[pos\] - 1.0f/row[pos] = row[pos] + 1.0f/'
try simclr.c 's/scale \* (c->logits\[i \* n + j\] + /scale * (c->logits[i * n + j] - /'
try simclr.c 's/const size_t pos = (i + n \/ 2) % n/const size_t pos = (i + 1) % n/'
try moco.c 's/fmaf(p0 - 1.0f/fmaf(p0 + 1.0f/'
try moco.c 's/m->next = (m->next + batch) % m->k/m->next = (m->next + 0 * batch) % m->k/'
try moco.c 's/as_store_ema(&s->teacher, &s->student, as_ssl_value(s, "ema"))/as_store_ema(\&s->teacher, \&s->student, 1.0 - as_ssl_value(s, "ema"))/'
try moco.c 's/if (bn) head/if (!bn) head/'
try mocov3.c 's/(float)(2.0 \/ (double)n)/(float)(1.0 \/ (double)n)/'
try mocov3.c 's/q\[v\], k\[1 - v\]/q[v], k[v]/'
try mocov3.c 's/as_store_ema(&s->teacher, &s->student, as_schedule_at(&s->ema, s->step))/as_store_ema(\&s->teacher, \&s->student, 1.0 - as_schedule_at(\&s->ema, s->step))/'
try pcl.c 's/as_log(n + 10.0)/as_log(n + 1.0)/'
try pcl.c 's/row\[own\] -= 1.0f/row[own] += 1.0f/'
try pcl.c 's/tau \* m->phi\[c\] \/ (sum/tau * m->phi[c] * (sum/'
try swav.c 's/logits->data + i \* batch \* k/logits->data + (1 - i) * batch * k/'
try swav.c 's/(m->next + batch) % m->queue/(m->next + 0 * batch) % m->queue/'
try swav.c 's/(double)s->step < as_ssl_value(s, "frozen")/(double)s->step > as_ssl_value(s, "frozen")/'
try multicrop.c 's/scale \* (n \* row\[j\] - target)/scale * (n * row[j] + target)/'
try multicrop.c 's/AS_LARGE_VIEWS \* (double)(views - 1)/AS_LARGE_VIEWS * (double)views/'
try deepcluster.c 's/\.spherical = true/.spherical = false/'
try deepcluster.c 's/slot\[m->bank.prototypes.slot\].absent = true/slot[m->bank.prototypes.slot].absent = false/'
try bank.c 's/row\[l\] = row\[l\] - 1.0f/row[l] = row[l] + 1.0f/'
try bank.c 's/(double)labelled \* (double)heads/(double)labelled/'
try sela.c 's/if (row\[j\] > row\[best\])/if (row[j] < row[best])/'
try sela.c 's/(double)s->step < as_ssl_value(s, "frozen")/(double)s->step > as_ssl_value(s, "frozen")/'
try byol.c 's/z\[1 - v\], 2.0 \/ batch/z[1 - v], 1.0 \/ batch/'
try byol.c 's/4.0 - 2.0 \* cosines/4.0 + 2.0 * cosines/'
try byol.c 's/as_schedule_at(&s->ema, s->step)/1.0 - as_schedule_at(\&s->ema, s->step)/'
try obow.c 's/m->bags.mu = 0.5/m->bags.mu = 1.5/'
try obow.c 's/as_store_ema(&s->teacher, &s->student, as_schedule_at(&s->ema, s->step))/as_store_ema(\&s->teacher, \&s->student, 1.0 - as_schedule_at(\&s->ema, s->step))/'
try obow_parts.c 's/2.0f \* score\[c\] - b->squares/2.0f * score[c] + b->squares/'
try obow_parts.c 's/scale \* (p\[c\] - t\[c\])/scale * (p[c] + t[c])/'
try obow_parts.c 's/delta \/ fmax(b->mu/delta * fmax(b->mu/'
try dino.c 's/t->data\[r \* k + j\] - m->centre/t->data[r * k + j] + m->centre/'
try dino.c 's/keep \* m->centre\[j\] + take/keep * m->centre[j] - take/'
try dino.c 's/as_schedule_at(&s->ema, s->step)/1.0 - as_schedule_at(\&s->ema, s->step)/'
try dino.c 's/absent = s->step < s->per_epoch/absent = s->step > s->per_epoch/'
try dino.c 's/most \/ (norm + 1e-6)/most * (norm + 1e-6)/'
try simsiam.c 's/z\[1 - v\], 0.5 \/ batch/z[1 - v], 1.0 \/ batch/'
try simsiam.c 's/return -0.5 \* cosines/return 0.5 * cosines/'
try barlow.c 's/i == j ? c - 1.0 : c/i == j ? c + 1.0 : c/'
try barlow.c 's/(float)(2.0 \* k \* off/(float)(1.0 * k * off/'
try vicreg.c 's/-0.5 \* b \/ (d/0.5 * b \/ (d/'
try vicreg.c 's/4.0 \* c \* cov \/ (d/2.0 * c * cov \/ (d/'
try vicreg.c 's/pull = k \* (z->data\[at\] - o/pull = k * (z->data[at] + o/'
try supervised.c 's/\*right = \*right - 1.0f/*right = *right + 1.0f/'
# what they share
try ssl_parts.c 's/(float)(-scale \* (/(float)(scale * (/'
try ssl_parts.c 's/(double)b\[i\] \/ nb - cosine/(double)b[i] \/ nb + cosine/'
try ssl_parts.c 's/\.start = start, \.end = 1.0/.start = start, .end = 0.0/'
try kmeans.c 's/score\[c\] - b->m->half\[c\]/score[c] + b->m->half[c]/'
try kmeans.c 's/(float)(0.5 \* square)/(float)square/'
try sinkhorn.c 's/(j->q\[i\] - j->top) \/ j->eps/(j->q[i] - j->top) * j->eps/'
echo "$count mutations, $missed missed"
[ "$missed" = 0 ]
