#!/usr/bin/env python3
"""Writes tests/golden/probe.tsv: scikit-learn's logistic regression in float64 on counter-RNG data.

Features and labels are functions of the counter RNG (tensor/base/math/rng.h), so that the test makes the
same ones. Per C: the loss (sum of losses + |W|^2 / (2 C)), then the intercepts and the first weights.
    /usr/bin/python3 tests/golden/probe.py > tests/golden/probe.tsv
"""
import numpy as np
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

N, D, K = 700, 33, 5
np.seterr(over='ignore')
G = 0x9E3779B97F4A7C15
MASK = (1 << 64) - 1


def mix(z):
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def uniform(seed, stream, n):
    key = mix(np.array([(seed + G * (stream + 1)) & MASK], dtype=np.uint64))
    bits = mix(key + np.uint64(G) * (np.arange(n, dtype=np.uint64) + np.uint64(1)))
    return (bits >> np.uint64(11)) * 2.0 ** -53


y = (uniform(11, 0, N) * K).astype(int)
centre = uniform(11, 1, K * D).reshape(K, D).astype(np.float32)
noise = uniform(11, 2, N * D).reshape(N, D).astype(np.float32)
# all positive with a common mean, as features behind a ReLU are; float32 sums, one rounding each
X = (centre[y] + np.float32(2) * noise + np.float32(3)).astype(np.float32)
X = X.astype(np.float64)


def loss(w, b, c):
    z = X @ w.T + b
    m = z.max(1, keepdims=True)
    return (np.log(np.exp(z - m).sum(1)) + m[:, 0] - z[np.arange(N), y]).sum() + 0.5 / c * (w ** 2).sum()


for c in (0.01, 1.0, 100.0):
    m = LogisticRegression(C=c, tol=1e-10, max_iter=20000, multi_class='multinomial').fit(X, y)

    # scikit-learn's L-BFGS ends on its own flatness rule; BFGS on centred features (the same problem with
    # other intercepts) removes the rest
    mean = X.mean(0)
    Xc = X - mean

    def f(v):
        w, b = v[:K * D].reshape(K, D), v[K * D:]
        z = Xc @ w.T + b
        mx = z.max(1, keepdims=True)
        e = np.exp(z - mx)
        s = e.sum(1, keepdims=True)
        g = e / s
        val = (np.log(s[:, 0]) + mx[:, 0] - z[np.arange(N), y]).sum() + 0.5 / c * (w ** 2).sum()
        g[np.arange(N), y] -= 1
        return val, np.concatenate([(g.T @ Xc + w / c).ravel(), g.sum(0)])

    v0 = np.concatenate([m.coef_.ravel(), m.intercept_ + m.coef_ @ mean])
    r = minimize(f, v0, jac=True, method='BFGS', options={'gtol': 1e-7, 'maxiter': 3000})
    theirs = loss(m.coef_, m.intercept_, c)
    assert r.fun <= theirs < r.fun * (1 + 1e-3), (r.fun, theirs)
    w, b = r.x[:K * D].reshape(K, D), r.x[K * D:]
    b = b - w @ mean
    b = b - b.mean()  # the loss does not change with a common shift
    print('\t'.join(repr(float(v)) for v in [c, r.fun, *b, *w[:, 0], *w[:, 7]]))
