"""What was scored in a run, with what prices did afterwards: signals, candidates, finalists."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl

from catalyst.data.report.values import Horizon
from catalyst.research.forward_returns import Forward, forward_returns, horizons_of
from catalyst.research.result import Result
from catalyst.research.tape import Tape
from catalyst.strategy.values import Floats, Ints

_BPS = 1e4
_BUILT_IN = ("catalyst", "pattern", "technical", "volume")
_OF_SIGNALS = "signals with a direction, taken or not, in their own direction"
_OF_CANDIDATES = (
    "every symbol that stage 20 was asked about, at every scan, in the direction of its news "
    "(neutral news as bought)"
)
_OF_FINALISTS = "the last stage's finalists at every scan, in the direction of their news"


@dataclass(frozen=True)
class ScoredRows:
    """Hold rows of one kind, and what each would have earned.

    Attributes
    ----------
    about
        Which rows they are, for people.
    returns : float64[n, horizons]
        Return in the row's direction less the market's, bps; NaN where there was no bar to enter
        or leave at.
    market : float64[n, horizons]
        What was taken off, bps.
    decision : int64[n]
        Instant of the decision, ns UTC.
    day : int64[n]
        Place of its session.
    scores
        Name and values, float64[n], of each score; NaN where a row has none.
    """

    about: str
    returns: Floats
    market: Floats
    decision: Ints
    day: Ints
    scores: tuple[tuple[str, Floats], ...]


@dataclass(frozen=True)
class Scored:
    """Hold what a run scored: signals with a direction, candidates of stage 20, finalists."""

    horizons: tuple[Horizon, ...]
    signals: ScoredRows
    candidates: ScoredRows
    finalists: ScoredRows


def scored_rows(result: Result, tape: Tape) -> Scored:
    """Gather what a run scored, with the returns that followed.

    Signals count with their side, whatever became of them, and are scored by confidence and each of
    its components; candidates, which no pattern has chosen, by their catalyst score, and finalists
    by their combined score, both in the direction of their news (neutral news as bought). From
    every return the mean return of the run's symbols after the same instant is taken off.

    Parameters
    ----------
    result
        The run.
    tape
        Its bars.
    """
    signals = result.signals.filter(pl.col("side").is_in(["long", "short"]))
    stages = result.candidates.select(
        "decided_at", "symbol", "stage", "passed", "value", "catalyst_score", "direction"
    )
    candidates = stages.filter(pl.col("stage") == 20)
    finalists = stages.filter((pl.col("stage") == 5) & pl.col("passed"))
    catalyst = ("catalyst score of candidates", candidates["catalyst_score"].to_numpy())
    ahead = _looked_ahead(
        tape,
        (
            _OF_SIGNALS,
            signals,
            np.where((signals["side"] == "long").to_numpy(), 1.0, -1.0),
            _scores(result, signals),
        ),
        (
            _OF_CANDIDATES,
            candidates,
            _leaning(candidates, result),
            (catalyst,),
        ),
        (
            _OF_FINALISTS,
            finalists,
            _leaning(finalists, result),
            (("combined score of finalists", finalists["value"].to_numpy()),),
        ),
    )
    return Scored(horizons_of(tape), *ahead)


def _scores(result: Result, signals: pl.DataFrame) -> tuple[tuple[str, Floats], ...]:
    out = [("confidence", signals["confidence"].to_numpy())]
    for place, (component, _) in enumerate(result.params.scored):
        name = f"{component.name} score" if component.name in _BUILT_IN else component.name
        value = pl.col("scores").list.get(place, null_on_oob=True).fill_null(math.nan)
        out.append((name, signals.select(value).to_series().to_numpy()))
    return tuple(out)


def _leaning(candidates: pl.DataFrame, result: Result) -> Floats:
    band = result.params.catalyst.neutral_band
    return np.where(candidates["direction"].to_numpy() < -band, -1.0, 1.0)


_Asked = tuple[str, pl.DataFrame, Floats, tuple[tuple[str, Floats], ...]]


def _looked_ahead(tape: Tape, *asked: _Asked) -> list[ScoredRows]:
    """Look ahead of all rows in one pass over the sessions."""
    decided = [frame["decided_at"].cast(pl.Int64).to_numpy() for _, frame, _, _ in asked]
    names = pl.DataFrame({"symbol": list(tape.index), "index": list(tape.index.values())})
    symbol = [
        frame.join(names, on="symbol", how="left", maintain_order="left")["index"]
        .cast(pl.Int32)
        .to_numpy()
        for _, frame, _, _ in asked
    ]
    found = forward_returns(tape, np.concatenate(symbol), np.concatenate(decided))
    cuts = np.cumsum([len(part) for part in decided])[:-1]
    own, market = np.split(found.own, cuts), np.split(found.market, cuts)
    return [
        _rows(about, Forward(own[k], market[k]), side, decided[k], tape, scores)
        for k, (about, _, side, scores) in enumerate(asked)
    ]


def _rows(
    about: str,
    found: Forward,
    side: Floats,
    decided: Ints,
    tape: Tape,
    scores: tuple[tuple[str, Floats], ...],
) -> ScoredRows:
    market = found.market * side[:, None] * _BPS
    returns = found.own * side[:, None] * _BPS - market
    return ScoredRows(about, returns, market, decided, tape.session_at(decided), scores)
