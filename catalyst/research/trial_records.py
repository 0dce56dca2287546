"""Runs as trials in the ledger of searches."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from catalyst.data.lake import Lake
from catalyst.data.lake_files import bar_hashes
from catalyst.data.search_ledger import NOTHING_ASKED, SearchLedger, Trial
from catalyst.research.outcome import Outcome, outcome_of
from catalyst.research.result import Result
from catalyst.strategy.param_content import score_hash
from catalyst.strategy.params import Params
from catalyst.strategy.values import Floats

_DIGITS = 16
_LEAST_SPREAD = 1e-12
"""Returns that vary less are equal but for rounding: they have no Sharpe ratio."""


def count(results: Sequence[Result], lake: Lake, ledger: SearchLedger) -> None:
    """Count runs as trials of a lake.

    Raises
    ------
    OutputError
        If the ledger can't be written.
    """
    trials = [trial_of(r.summary, r.params, lake, outcome_of(r)) for r in results]
    record(trials, lake, ledger)


def record(trials: Sequence[Trial], lake: Lake, ledger: SearchLedger) -> None:
    """Count trials of a lake, with the hashes of its sessions where they aren't on record.

    Raises
    ------
    OutputError
        If the ledger can't be written.
    """
    digests = {t.data_digest for t in trials}
    ledger.record(trials, _unknown_sessions(digests, lake, ledger))


def _unknown_sessions(
    digests: Iterable[str], lake: Lake, ledger: SearchLedger
) -> list[tuple[str, int, str]]:
    unknown = sorted(digest for digest in digests if not ledger.knows(digest))
    hashes = bar_hashes(lake.root) if unknown else []
    return [(digest, _day(date), text) for digest in unknown for date, text in hashes]


def trial_of(summary: dict[str, Any], params: Params, lake: Lake, outcome: Outcome) -> Trial:
    """Make a trial of a run.

    Parameters
    ----------
    summary
        Content of its ``summary.json``.
    params
        What ran.
    lake
        What was replayed.
    outcome
        What came of it.
    """
    excess_sharpe, _, _ = moments(outcome.excess)
    return trial_of_returns(summary, params, lake, outcome.returns, excess_sharpe)


def trial_of_returns(
    summary: dict[str, Any],
    params: Params,
    lake: Lake,
    returns: Floats,
    excess_sharpe: float | None,
) -> Trial:
    """Make a trial of what is known of a run that is over.

    Parameters
    ----------
    summary, params, lake
        As in `trial_of`.
    returns : float64[n_sessions]
        Simple returns of equity by session.
    excess_sharpe
        A session's; see `catalyst.data.search_ledger.Trial`.
    """
    first, last = (_day(summary[name]) for name in ("start", "end"))
    sharpe, skewness, kurtosis = moments(returns)
    named = _named(summary, lake)
    identity = (
        params.hash,
        summary["data_digest"],
        summary["timeframe"],
        first,
        last,
        named,
    )
    return Trial(
        _hash(identity),
        lake_key(lake),
        summary["data_digest"],
        params.hash,
        score_hash(params),
        params.variant,
        summary["timeframe"],
        first,
        last,
        len(returns),
        sharpe,
        skewness,
        kurtosis,
        excess_sharpe,
        summary["n_trades"],
        returns.astype("<f8").tobytes(),
        asked_of(summary, lake),
    )


def asked_of(summary: dict[str, Any], lake: Lake) -> str:
    """Return the hash of the symbols and sources that a run asked for: `Trial.asked`."""
    named = _named(summary, lake)
    return _hash(named) if any(named.values()) else NOTHING_ASKED


def _named(summary: dict[str, Any], lake: Lake) -> dict[str, Any]:
    """Return what was asked for; whoever names every symbol has chosen none."""
    named: dict[str, Any] = summary["asked"]
    if named["symbols"] is None:
        return named
    chosen = set(named["symbols"])
    every = _symbols(str(lake.root), summary["data_digest"], summary["timeframe"])
    return named | {"symbols": None if every <= chosen else sorted(chosen)}


@lru_cache(maxsize=8)
def _symbols(root: str, _digest: str, timeframe: str) -> frozenset[str]:
    return frozenset(Lake(root).symbols(timeframe))


def _hash(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:_DIGITS]


def moments(returns: Floats) -> tuple[float | None, float | None, float | None]:
    """Return Sharpe ratio by period, skewness and raw kurtosis; None each without variance.

    Parameters
    ----------
    returns : float64[n]
        Returns by period.
    """
    if len(returns) < 2:
        return None, None, None
    mean = float(returns.mean())
    deviations = returns - mean
    variance = float(np.mean(deviations**2))
    if variance <= _LEAST_SPREAD**2:
        return None, None, None
    spread = float(returns.std(ddof=1))
    skewness = float(np.mean(deviations**3)) / variance**1.5
    return mean / spread, skewness, float(np.mean(deviations**4)) / variance**2


def lake_key(lake: Lake) -> str:
    """Return a hash of where a lake's folder is: the ledger keeps no path."""
    return hashlib.sha256(str(lake.root.resolve()).encode()).hexdigest()[:_DIGITS]


def bearing_trials(summary: dict[str, Any], lake: Lake, ledger: SearchLedger) -> list[Trial]:
    """Return the trials that bear on a run: those that saw at least one of its sessions.

    Parameters
    ----------
    summary
        Content of the run's ``summary.json``.
    lake
        What was replayed.
    ledger
        Where trials are counted.

    Raises
    ------
    OutputError
        If the ledger can't be read.
    """
    first, last = (_day(summary[name]) for name in ("start", "end"))
    return _bearing(lake, ledger, summary["data_digest"], first, last)


def lake_trials(lake: Lake, ledger: SearchLedger) -> list[Trial]:
    """Return the trials that saw at least one session of a lake, as `bearing_trials`."""
    days = [day for timeframe in lake.timeframes() for day in lake.days(timeframe)]
    if not days:
        return []
    span = (_day(str(min(days))), _day(str(max(days))))
    return _bearing(lake, ledger, lake.digest(), *span)


def _bearing(lake: Lake, ledger: SearchLedger, digest: str, first: int, last: int) -> list[Trial]:
    if not ledger.path.exists():
        return []
    # Data that was never replayed, such as a copy, may hold sessions that were.
    ledger.record([], _unknown_sessions({digest}, lake, ledger))
    return ledger.bearing(lake_key(lake), digest, first, last)


def _day(text: str) -> int:
    return (dt.date.fromisoformat(text) - dt.date(1970, 1, 1)).days
