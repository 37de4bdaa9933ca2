#!/usr/bin/env python3
"""Writes tests/golden/dmath.tsv: function, arguments and the exact value rounded once to double.

Needs mpmath (50 digits). Arguments and values are C hexadecimal floating-point numbers.
    python3 tests/golden/dmath.py > tests/golden/dmath.tsv
"""
import random
from mpmath import mp, mpf
import mpmath as m

mp.dps = 50
random.seed(20240611)


def emit(name, want, *args):
    w = float(want)
    print('\t'.join([name] + [float(a).hex() for a in args] + [w.hex()]))


def uni(a, b, n):
    return [random.uniform(a, b) for _ in range(n)]


def logu(a, b, n):
    return [float(m.e ** random.uniform(float(m.log(a)), float(m.log(b)))) for _ in range(n)]


for x in uni(-745, 709.7, 24) + uni(-1, 1, 12) + [1e-300, -1e-17, 0.34657359, 709.782712893384, -708.5, -740.25]:
    emit('exp', m.exp(mpf(x)), x)
for x in uni(-3, 3, 20) + logu(1e-20, 1, 8) + [-1e-9, -0.5, 0.3465735902799726, -0.3465735902799728, 39.5, -37.1, 700.0]:
    emit('expm1', m.expm1(mpf(x)), x)
for x in logu(1e-308, 1e308, 16) + uni(0.5, 2, 20) + [5e-324, 1e-310, 1 - 2**-53, 1 + 2**-52, 0.7071067811865475, 0.7071067811865476]:
    emit('log', m.log(mpf(x)), x)
for x in uni(-0.999, 3, 20) + logu(1e-18, 1e18, 10) + [-1e-12, -0.29, 0.41, -1 + 2**-53]:
    emit('log1p', m.log1p(mpf(x)), x)
for x in uni(-10, 10, 20) + uni(-1e6, 1e6, 16) + [1e-9, -3.141592653589793, 1.5707963267948966, 355.0, 710.0, 103993.0, 1048575.5]:
    emit('sin', m.sin(mpf(x)), x)
    emit('cos', m.cos(mpf(x)), x)
for x in uni(-3, 3, 20) + logu(1e-12, 1, 6) + [18.9, -21.9]:
    emit('tanh', m.tanh(mpf(x)), x)
for x in uni(-3, 3, 24) + logu(1e-12, 1, 6) + [1.0, 5.9]:
    emit('erf', m.erf(mpf(x)), x)
for x in uni(-3, 3, 20) + uni(0.5, 26, 28) + [0.5, 1.0, 4.0, 26.5]:
    emit('erfc', m.erfc(mpf(x)), x)
for x, y in list(zip(logu(1e-5, 1e5, 20), uni(-40, 40, 20))) + [(1.0000001, 1e9), (0.5, 1074.0), (2.0, 0.5), (1e-300, 1.02), (0.99, 50000.0), (10.0, -300.5)]:
    emit('pow', mpf(x) ** mpf(y), x, y)
for x in uni(0.01, 12, 40) + logu(1e-10, 1e10, 20) + [0.5, 1.5, 2.5, 10.0, 1 + 1e-8, 2 - 1e-8, 50001.0]:
    emit('lgamma', m.loggamma(mpf(x)), x)
for z in uni(-8, 8, 30) + uni(-37, -8, 10) + [-38.0]:
    emit('norm_cdf', m.ncdf(mpf(z)), z)
for p in uni(0.001, 0.999, 20) + logu(1e-300, 0.1, 16) + [0.975, 0.995, 0.75, 0.25, 0.5 + 2**-40, 1 - 2**-53]:
    q = mpf(p)
    emit('norm_ppf', m.sqrt(2) * m.erfinv(2 * q - 1) if p > 1e-5 else
         m.findroot(lambda z: m.log(m.ncdf(z)) - m.log(q), -m.sqrt(-2 * m.log(q))), p)


def beta_inc(a, b, x):
    mp.dps = 60
    if a + b < 3000:
        v = m.betainc(a, b, 0, x, regularized=True)
    else:  # front * 2F1(a + b, 1; a + 1; x) / a, the positive series
        a, b, x = mpf(a), mpf(b), mpf(x)
        flip = x > (a + 1) / (a + b + 2)
        if flip:
            a, b, x = b, a, 1 - x
        front = m.exp(a * m.log(x) + b * m.log(1 - x) + m.loggamma(a + b) - m.loggamma(a) - m.loggamma(b))
        term = s = mpf(1)
        k = 0
        while term > s * mpf(10) ** -45:
            term *= (a + b + k) * x / (a + 1 + k)
            s += term
            k += 1
        v = front * s / a
        if flip:
            v = 1 - v
    mp.dps = 50
    return v


def ab():
    out = [(float(random.randint(1, 60)), float(random.randint(1, 60))) for _ in range(14)]
    out += [(random.uniform(0.05, 5), random.uniform(0.05, 5)) for _ in range(8)]
    out += [(38065.0, 11936.0), (38066.0, 11935.0), (1.0, 50000.0), (49999.0, 2.0), (0.5, 500.0), (12345.0, 300.0)]
    return out


for a, b in ab():
    mean = a / (a + b)
    sd = (mean * (1 - mean) / (a + b + 1)) ** 0.5
    for k in (-2.5, -0.3, 1.7):
        x = min(max(mean + k * sd, mean / 50), 1 - (1 - mean) / 50)
        v = beta_inc(a, b, x)
        emit('beta_inc', v, a, b, x)
    for p in (0.0025, 0.025, 0.5, 0.975):
        # the root is polished with the exact function; start from bisection
        lo, hi = mpf(0), mpf(1)
        x = mpf(mean)
        for _ in range(60):
            f = beta_inc(a, b, x) - mpf(p)
            if f > 0:
                hi = x
            else:
                lo = x
            with mp.workdps(60):
                pdf = m.exp((a - 1) * m.log(x) + (b - 1) * m.log(1 - x) + m.loggamma(a + b) - m.loggamma(a) - m.loggamma(b))
                nx = x - f / pdf
            if not lo < nx < hi:
                nx = m.sqrt(lo * hi) if lo > 0 and hi / lo > 4 else (lo + hi) / 2
            done = abs(nx - x) < abs(x) * mpf(10) ** -25
            x = nx
            if done:
                break
        emit('beta_inv', x, a, b, p)
for a in [0.05, 0.5, 1.0, 2.5, 7.0, 15.0, 40.0, 500.0, 25000.0]:
    for k in (-3, -0.7, 0.2, 1.5, 6):
        x = max(a + k * a ** 0.5, a / 100)
        emit('gamma_inc', m.gammainc(a, 0, x, regularized=True), a, x)
        emit('gamma_inc_upper', m.gammainc(a, x, m.inf, regularized=True), a, x)
