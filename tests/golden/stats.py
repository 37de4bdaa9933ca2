#!/usr/bin/env python3
"""Writes tests/golden/stats.tsv with SciPy: a name, arguments and the wanted value per line.

    /usr/bin/python3 tests/golden/stats.py > tests/golden/stats.tsv
"""
import numpy as np
from scipy import optimize, stats
from scipy.stats import binomtest

rng = np.random.default_rng(7)


def emit(name, want, *args):
    print('\t'.join([name] + [repr(float(a)) for a in args] + [repr(float(want))]))


for x in [0.01, 0.5, 3.84, 12.0019, 40, 200]:
    for df in [1, 4, 11, 1554]:
        if stats.chi2.sf(x, df) > 1e-200:
            emit('chi2_sf', stats.chi2.sf(x, df), x, df)
for f in [0.2, 1, 3.7, 25]:
    for d1, d2 in [(1, 4), (11, 44), (3, 7), (1554, 6216)]:
        if stats.f.sf(f, d1, d2) > 1e-200:
            emit('f_sf', stats.f.sf(f, d1, d2), f, d1, d2)
for t in [-3, -0.2, 0, 0.7, 2.776, 9]:
    for df in [1, 4, 30, 1000]:
        emit('t_sf', stats.t.sf(t, df), t, df)
for k, n, p in [(0, 5, .5), (3, 10, .5), (220, 520, .5), (60, 100, .7), (38000, 50000, .76), (4900, 10000, .5)]:
    emit('binom_cdf', stats.binom.cdf(k, n, p), k, n, p)
for q in [0.5, 2, 3.3, 4.6, 7]:
    for k in [2, 3, 12, 50]:
        emit('range_cdf', stats.studentized_range.cdf(q, k, np.inf), q, k)
for z in [-30, -8.2, -3, -1.96, -0.5, 0, 0.1, 1, 2.5758, 6]:
    emit('norm_cdf', stats.norm.cdf(z), z)
for p in [1e-200, 1e-12, 0.0025, 0.025, 0.3, 0.5, 0.84, 0.975, 0.9975, 1 - 1e-12]:
    emit('norm_ppf', stats.norm.ppf(p), p)
for a, b in [(0.5, 0.5), (1, 1), (3, 4), (7, 4), (0.5, 44), (120, 80), (38065, 11936), (2.5, 3108)]:
    mean = a / (a + b)
    for x in [mean / 3, mean, mean + (1 - mean) / 40]:
        if stats.beta.cdf(x, a, b) > 1e-250:
            emit('beta_cdf', stats.beta.cdf(x, a, b), x, a, b)
    for p in [0.0025, 0.025, 0.5, 0.975]:
        emit('beta_ppf', stats.beta.ppf(p, a, b), p, a, b)
for k in [2, 3, 5, 12, 20, 100]:
    for alpha in [0.05, 0.1]:
        # SciPy's own ppf stops early: the root of its cdf, found again
        q = optimize.brentq(lambda q: stats.studentized_range.cdf(q, k, np.inf) - (1 - alpha), 0.5, 12, xtol=1e-14, rtol=1e-14)
        emit('nemenyi_q', q / np.sqrt(2), k, alpha)
for k, n in [(7, 10), (0, 10), (10, 10), (1, 50000), (38065, 50000), (49999, 50000), (6235, 10000), (10812, 30000)]:
    for conf in [0.95, 0.995]:
        b = binomtest(k, n)
        for name, method in [('wilson', 'wilson')]:
            ci = b.proportion_ci(conf, method)
            emit(name + '_lo', ci.low, k, n, conf)
            emit(name + '_hi', ci.high, k, n, conf)
        # not binomtest's own exact interval: its root finder stops at 1e-12 absolute
        emit('clopper_pearson_lo', stats.beta.ppf((1 - conf) / 2, k, n - k + 1) if k else 0, k, n, conf)
        emit('clopper_pearson_hi', stats.beta.ppf((1 + conf) / 2, k + 1, n - k) if k < n else 1, k, n, conf)
for b, c in [(300, 220), (5, 1), (0, 7), (12, 12), (1, 0), (2100, 2340)]:
    exact = binomtest(min(b, c), b + c, .5).pvalue
    emit('mcnemar_exact', exact, b, c)
    tail = 2 * stats.binom.cdf(min(b, c), b + c, .5)
    emit('mcnemar_mid', min(1, tail - stats.binom.pmf(min(b, c), b + c, .5)), b, c)


def lists(tag, x, y):
    for v in (tag + '_x', x), (tag + '_y', y):
        print('\t'.join(['data'] + [v[0]] + [repr(float(a)) for a in v[1]]))


for i, n in enumerate([5, 12, 40]):
    x = np.round(rng.normal(size=n), 1)
    y = np.round(x + rng.normal(size=n), 1)
    lists(f'pair{i}', x, y)
    emit(f'pair{i}_tau', stats.kendalltau(x, y)[0])
    emit(f'pair{i}_rho', stats.spearmanr(x, y)[0])
    r = stats.linregress(x, y)
    for key in ('slope', 'intercept', 'rvalue', 'stderr', 'intercept_stderr'):
        emit(f'pair{i}_{key}', getattr(r, key))
m = rng.normal(size=(6, 5)) + np.arange(6)[:, None] / 2  # no ties: SciPy corrects for them, Demsar does not
print('\t'.join(['data', 'friedman'] + [repr(float(a)) for a in m.ravel()]))
chi2, p = stats.friedmanchisquare(*m)
emit('friedman_chi2', chi2)
emit('friedman_p', p)
