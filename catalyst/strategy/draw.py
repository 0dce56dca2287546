"""The control: finalists drawn by lot, entries no more often than the run it controls."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from catalyst.strategy.funnel_kernels import Stage
from catalyst.strategy.params import Params
from catalyst.strategy.reasons import Reason
from catalyst.strategy.values import Floats, Indices, Session, Survey

_BITS = 53


def is_on(params: Params) -> bool:
    """Tell whether finalists are drawn by lot."""
    return params.control.seed >= 0


def lot(seed: int, asof_ns: int, name: str) -> float:
    """Return a symbol's lot at an instant, in (0, 1]; the highest are drawn.

    1 less the first 53 bits of the SHA-256 of ``seed|asof_ns|name`` (decimal numbers, UTF-8) as a
    fraction: the smallest hash is the highest lot. It depends on the symbol's name, not on which
    other symbols there are, and is the same on every machine.

    Parameters
    ----------
    seed
        ``control.seed``.
    asof_ns
        The instant, ns UTC.
    name
        The symbol.
    """
    digest = hashlib.sha256(f"{seed}|{asof_ns}|{name}".encode()).digest()
    return 1.0 - (int.from_bytes(digest[:8], "big") >> (64 - _BITS)) / 2.0**_BITS


def lots(params: Params, asof_ns: int, names: Sequence[str]) -> Floats:
    """Return the lot of each symbol, float64[k]."""
    return np.array([lot(params.control.seed, asof_ns, name) for name in names], np.float64)


def open_stages(active: Indices, score: Floats, survey: Survey) -> tuple[Stage, Stage]:
    """Pass the first stage on as it is, but for symbols that have no price.

    Parameters
    ----------
    active : int32[k]
        Symbols of the first stage, ascending.
    score : float64[m]
        Catalyst score of every symbol; recorded, not asked for.
    survey
        Numbers of every symbol.

    Returns
    -------
    ranked, validated
        As `funnel_kernels.stages_nb` gives them.
    """
    k = len(active)
    passed, free = np.zeros(k, np.int8), np.full(k, np.nan)
    unpriced = np.isnan(survey.price[active])
    reason = np.where(unpriced, int(Reason.BARS_MIN), 0).astype(np.int8)
    value = np.where(unpriced, survey.n_bars[active].astype(np.float64), np.nan)
    threshold = np.where(unpriced, 1.0, np.nan)
    return (active, passed, score[active], free), (active, reason, value, threshold)


def entries_due(params: Params, session: Session, asof_ns: int) -> int | None:
    """Return how many entries the run that is matched had made today; None if none is matched.

    Parameters
    ----------
    params
        ``control.entry_instants``.
    session
        Today's.
    asof_ns
        The instant; entries decided at it count.
    """
    instants = params.control.entry_instants
    if not is_on(params) or not instants:
        return None
    return sum(session.pre_ns <= at <= asof_ns for at in instants)
