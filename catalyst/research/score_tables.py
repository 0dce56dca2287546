"""Does a higher score earn more? Forward returns by bucket of a score and by rank."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from catalyst.data.report.values import Correlation, Horizon, Interval, ScoreTable
from catalyst.research.bootstrap import mean_interval, rank_correlation
from catalyst.research.forward_returns import Forward, forward_returns, horizons_of
from catalyst.research.result import Result
from catalyst.research.tape import Tape
from catalyst.strategy.values import Floats, Ints

_BPS = 1e4
_WIDTH = 10
_MOST_RANKS = 10
_BUILT_IN = ("catalyst", "pattern", "technical", "volume")
_OF_FINALISTS = (
    "the last stage's finalists at every scan, in the direction of their news, less the mean of "
    "the finalists of the same decision (one without fellows is left out)"
)
_IN_A_DAY, _IN_A_DECISION = "within a day", "within a decision"


@dataclass(frozen=True)
class _Rows:
    """Hold scored rows: returns less the market's, bps, in each row's direction, NaN unknown."""

    returns: Floats
    market: Floats
    decision: Ints
    day: Ints


def score_tables(
    result: Result, tape: Tape, *, seed: int
) -> tuple[tuple[Horizon, ...], tuple[ScoreTable, ...]]:
    """Return forward returns by bucket of confidence and each of its components, and by rank.

    Signals count with their side, whatever became of them, candidates in the direction of their
    news (neutral ones as bought). From every return the mean return of the run's symbols after the
    same instant is taken off.

    Parameters
    ----------
    result
        The run.
    tape
        Its bars.
    seed
        Of the bootstrap.
    """
    horizons = horizons_of(tape)
    signals = result.signals.filter(pl.col("side").is_in(["long", "short"]))
    stages = result.candidates.select(
        "decided_at", "symbol", "stage", "passed", "value", "catalyst_score", "direction"
    )
    candidates = stages.filter(pl.col("stage") == 20)
    finalists = stages.filter((pl.col("stage") == 5) & pl.col("passed"))
    signals_ahead, candidates_ahead, finalists_ahead = _looked_ahead(
        tape,
        (signals, np.where((signals["side"] == "long").to_numpy(), 1.0, -1.0)),
        (candidates, _leaning(candidates, result)),
        (finalists, _leaning(finalists, result)),
    )
    about = "signals with a direction, taken or not, in their own direction"
    tables = [
        _by_bucket(name, about, values, signals_ahead, horizons, within=_IN_A_DAY, seed=seed)
        for name, values in _scores(result, signals)
    ]
    tables.append(
        _by_bucket(
            "catalyst score of candidates",
            "every symbol that stage 20 was asked about, at every scan, in the direction of its "
            "news (neutral news as bought)",
            candidates["catalyst_score"].to_numpy(),
            candidates_ahead,
            horizons,
            within=_IN_A_DECISION,
            seed=seed,
        )
    )
    ranks = finalists.select(
        pl.col("value").rank("ordinal", descending=True).over("decided_at").cast(pl.Float64)
    )
    most = min(result.params.screen.final_count, _MOST_RANKS)
    rank = ranks.to_series().to_numpy()
    tables.append(_by_rank(rank, finalists_ahead, horizons, ranks=most, seed=seed))
    return horizons, tuple(tables)


def _scores(result: Result, signals: pl.DataFrame) -> list[tuple[str, Floats]]:
    out = [("confidence", signals["confidence"].to_numpy())]
    for place, (component, _) in enumerate(result.params.scored):
        name = f"{component.name} score" if component.name in _BUILT_IN else component.name
        value = pl.col("scores").list.get(place, null_on_oob=True).fill_null(math.nan)
        out.append((name, signals.select(value).to_series().to_numpy()))
    return out


def _leaning(candidates: pl.DataFrame, result: Result) -> Floats:
    band = result.params.catalyst.neutral_band
    return np.where(candidates["direction"].to_numpy() < -band, -1.0, 1.0)


def _looked_ahead(tape: Tape, *frames: tuple[pl.DataFrame, Floats]) -> list[_Rows]:
    """Look ahead of all rows in one pass over the sessions."""
    decided = [frame["decided_at"].cast(pl.Int64).to_numpy() for frame, _ in frames]
    names = pl.DataFrame({"symbol": list(tape.index), "index": list(tape.index.values())})
    symbol = [
        frame.join(names, on="symbol", how="left", maintain_order="left")["index"]
        .cast(pl.Int32)
        .to_numpy()
        for frame, _ in frames
    ]
    found = forward_returns(tape, np.concatenate(symbol), np.concatenate(decided))
    cuts = np.cumsum([len(part) for part in decided])[:-1]
    own, market = np.split(found.own, cuts), np.split(found.market, cuts)
    return [
        _rows(Forward(own[k], market[k]), side, decided[k], tape)
        for k, (_, side) in enumerate(frames)
    ]


def _rows(found: Forward, side: Floats, decided: Ints, tape: Tape) -> _Rows:
    market = found.market * side[:, None] * _BPS
    returns = found.own * side[:, None] * _BPS - market
    return _Rows(returns, market, decided, tape.session_at(decided))


def _by_bucket(
    name: str,
    about: str,
    score: Floats,
    rows: _Rows,
    horizons: Sequence[Horizon],
    *,
    within: str,
    seed: int,
) -> ScoreTable:
    buckets = np.clip(score // _WIDTH, 0, 100 // _WIDTH - 1)
    labels = tuple(f"{low} to {low + _WIDTH}" for low in range(0, 100, _WIDTH))
    return _table(
        (name, "higher confidence" if name == "confidence" else f"a higher {name}", about, within),
        (score, buckets, range(len(labels))),
        rows,
        horizons,
        labels=labels,
        seed=seed,
    )


def _by_rank(
    rank: Floats, rows: _Rows, horizons: Sequence[Horizon], *, ranks: int, seed: int
) -> ScoreTable:
    # Fifth places exist on busy days only: each finalist is held against its fellows.
    frame = pl.DataFrame(rows.returns, schema=[h.key for h in horizons]).fill_nan(None)
    fellows = frame.with_columns(decision=rows.decision).select(
        pl.when(pl.col(h.key).count().over("decision") > 1).then(
            (pl.col(h.key) - pl.col(h.key).mean()).over("decision")
        )
        for h in horizons
    )
    relative = fellows.fill_null(math.nan).to_numpy().reshape(rows.returns.shape)
    return _table(
        (
            "rank of finalists",
            "a better rank",
            _OF_FINALISTS,
            _IN_A_DECISION,
        ),
        (-rank, rank, range(1, ranks + 1)),
        _Rows(relative, rows.market, rows.decision, rows.day),
        horizons,
        labels=tuple(f"rank {k}" for k in range(1, ranks + 1)),
        seed=seed,
    )


def _table(
    words: tuple[str, str, str, str],
    scored: tuple[Floats, Floats, range],
    rows: _Rows,
    horizons: Sequence[Horizon],
    *,
    labels: tuple[str, ...],
    seed: int,
) -> ScoreTable:
    name, subject, about, within = words
    score, bucket, keys = scored
    cells = []
    for key in keys:
        own = bucket == key
        cells.append(
            tuple(
                mean_interval(rows.returns[own, h], rows.day[own], seed=seed, block=horizon.days)
                for h, horizon in enumerate(horizons)
            )
        )
    groups = rows.day if within == _IN_A_DAY else rows.decision
    correlations = []
    for h, horizon in enumerate(horizons):
        found = rank_correlation(
            score, rows.returns[:, h], groups, rows.day, seed=seed, block=horizon.days
        )
        sentence = correlation_sentence(found, horizon, subject=subject, within=within)
        correlations.append(Correlation(found, sentence))
    known = np.isfinite(rows.returns)
    market = [
        float(rows.market[known[:, h], h].mean()) if known[:, h].any() else math.nan
        for h in range(len(horizons))
    ]
    dropped = (~known).sum(axis=0).tolist()
    return ScoreTable(
        name,
        about,
        labels,
        tuple(cells),
        tuple(correlations),
        tuple(market),
        tuple(int(n) for n in dropped),
    )


def correlation_sentence(found: Interval, horizon: Horizon, *, subject: str, within: str) -> str:
    """Say whether a higher score paid, and how sure that is.

    Parameters
    ----------
    found
        Spearman's correlation.
    horizon
        Of the returns.
    subject
        Of the sentence, such as "a higher confidence".
    within
        Within what the ranks were taken.
    """
    over = horizon.label if horizon.label.startswith("to ") else f"over {horizon.label}"
    values = f"{found.count:,} values on {found.days:,} days"
    if not math.isfinite(found.value):
        return f"Whether {subject} pays {over} can't be told: nothing to compare in {values}."
    correlation = f"Spearman's correlation {within} {found.value:+.3f}"
    if not math.isfinite(found.low):
        return f"Whether {subject} pays {over} can't be told yet: {correlation}, but only {values}."
    verb = {1: "paid", 0: "did not measurably pay", -1: "paid less"}[found.sign]
    return (
        f"{subject[0].upper()}{subject[1:]} {verb} {over}: {correlation}, 95 % from "
        f"{found.low:+.3f} to {found.high:+.3f}, {values}."
    )
