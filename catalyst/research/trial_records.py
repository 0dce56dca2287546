"""Runs as trials in the ledger of searches."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from catalyst.data.lake import Lake
from catalyst.data.lake_files import bar_hashes
from catalyst.data.search_ledger import SearchLedger, Trial
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
    first, last = (_day(summary[name]) for name in ("start", "end"))
    sharpe, skewness, kurtosis = moments(outcome.returns)
    excess_sharpe, _, _ = moments(outcome.excess)
    identity = (
        params.hash,
        summary["data_digest"],
        summary["timeframe"],
        first,
        last,
        summary["asked"],
    )
    return Trial(
        hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:_DIGITS],
        lake_key(lake),
        summary["data_digest"],
        params.hash,
        score_hash(params),
        params.variant,
        summary["timeframe"],
        first,
        last,
        len(outcome.returns),
        sharpe,
        skewness,
        kurtosis,
        excess_sharpe,
        summary["n_trades"],
        outcome.returns.astype("<f8").tobytes(),
    )


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
