#!/usr/bin/env python3
"""Writes tests/golden/methods.tsv with SciPy: the one-way layout of 12 methods of 3 seeds.

    /usr/bin/python3 tests/golden/methods.py > tests/golden/methods.tsv
"""
import numpy as np
from scipy import stats

K, N, DF = 12, 3, 24
rng = np.random.default_rng(16)
v = np.round(0.4 + 0.02 * np.repeat(rng.normal(size=K), N) + 0.006 * rng.normal(size=K * N), 4).reshape(K, N)


def emit(name, *values):
    print('\t'.join([name] + [repr(float(x)) for x in values]))


for row in v:
    emit('value', *row)
pooled = np.sqrt(v.var(axis=1, ddof=1).mean())
# the same by the analysis of variance: F = mean square between / mean square within
assert np.isclose(stats.f_oneway(*v)[0], N * v.mean(axis=1).var(ddof=1) / pooled**2)
emit('pooled', pooled)
for k in range(K):
    emit('method', v[k].mean(), v[k].std(ddof=1))
pairs = [(a, b) for a in range(K) for b in range(a + 1, K)]
t = np.array([(v[a].mean() - v[b].mean()) / (pooled * np.sqrt(2 / N)) for a, b in pairs])
p = 2 * stats.t.sf(np.abs(t), DF)
order, holm, highest = np.argsort(p, kind='stable'), np.empty(len(p)), 0.0
for place, i in enumerate(order):
    highest = max(highest, min(1.0, (len(p) - place) * p[i]))
    holm[i] = highest
for row in zip(t, p, holm):
    emit('pair', *row)
emit('half_mean', stats.t.interval(0.95, DF, 0, pooled / np.sqrt(N))[1])
emit('half_difference', stats.t.interval(0.95, DF, 0, pooled * np.sqrt(2 / N))[1])
for a, b in [(3, 3), (2, 3), (4, 4)]:
    # groups that do not overlap: the smallest p that there is
    exact = stats.permutation_test((np.arange(a) + 10.0, np.arange(b)), lambda x, y: x.mean() - y.mean(),
                                   n_resamples=np.inf).pvalue
    emit('permutation', a, b, exact)
