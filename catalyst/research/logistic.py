"""Logistic regression with coefficients that are not negative: a score may only raise the odds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from catalyst.strategy.values import Floats

PRIOR_SD = 10.0
"""Standard deviation of a coefficient before anything is seen, in log odds over a score's whole
range: it keeps a fit finite where a component tells the outcomes apart, and is hardly felt else."""
_TOLERANCE = 1e-10
_MOST_STEPS = 1_000


@dataclass(frozen=True)
class Logistic:
    """Hold a non-negative logistic regression: p = 1 / (1 + exp(-(intercept + x . weights)))."""

    intercept: float
    weights: tuple[float, ...]

    def probability(self, x: Floats) -> Floats:
        """Return the probability of each row of ``x``, float64[n, k]: float64[n]."""
        z = self.intercept + np.einsum("nk,k->n", x, np.array(self.weights, np.float64))
        found: Floats = 0.5 * (1.0 + np.tanh(0.5 * z))
        return found


def non_negative_logistic(x: Floats, y: Floats, counts: Floats) -> Logistic:
    """Fit a logistic regression whose coefficients are not negative.

    The most likely coefficients from zero up, under a normal prior of standard deviation
    `PRIOR_SD`; the intercept is free. The loss is convex, so there is one minimum; it is found by
    L-BFGS-B. Sums are taken without BLAS, and don't depend on the number of threads.

    Parameters
    ----------
    x : float64[n, k]
        Of the order of 1.
    y : float64[n]
        0 or 1, both of them there.
    counts : float64[n]
        How much each row counts, not negative.
    """
    from scipy.optimize import minimize

    total = float(counts.sum())
    share = counts / total
    ridge = 1.0 / (PRIOR_SD**2 * total)
    sign = 2.0 * y - 1.0

    def loss(at: Floats) -> tuple[float, Floats]:
        margin = sign * (at[0] + np.einsum("nk,k->n", x, at[1:]))
        # log(1 + exp(-m)), and its slope, without overflow.
        value = float((share * np.logaddexp(0.0, -margin)).sum())
        slope = -share * sign * 0.5 * (1.0 - np.tanh(0.5 * margin))
        gradient = np.concatenate([[slope.sum()], np.einsum("n,nk->k", slope, x)])
        gradient[1:] += ridge * at[1:]
        return value + 0.5 * ridge * float((at[1:] ** 2).sum()), gradient

    rate = float((share * y).sum())
    start = np.zeros(x.shape[1] + 1)
    start[0] = math.log(rate / (1.0 - rate))
    found = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(None, None)] + [(0.0, None)] * x.shape[1],
        options={"ftol": 0.0, "gtol": _TOLERANCE, "maxiter": _MOST_STEPS},
    )
    intercept, *weights = found.x.tolist()
    return Logistic(intercept, tuple(weights))
