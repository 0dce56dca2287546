"""Does a higher score earn more? Forward returns by bucket of a score and by rank."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import polars as pl

from catalyst.data.report.values import Correlation, Horizon, Interval, ScoreTable
from catalyst.research.bootstrap import Draws, mean_interval, rank_draws
from catalyst.research.result import Result
from catalyst.research.scored_rows import ScoredRows, scored_rows
from catalyst.research.tape import Tape
from catalyst.strategy.values import Floats, Ints

_WIDTH = 10
MOST_RANKS = 10
_FIFTHS = ("best fifth", "second fifth", "middle fifth", "fourth fifth", "worst fifth")
_FELLOWS = ", less the mean of those of the same decision (one without fellows is left out)"
_WITHIN = "within a decision"
_SUBJECTS = {"confidence": "higher confidence", "rank of finalists": "a better rank"}


@dataclass(frozen=True)
class Buckets:
    """Sort rows into buckets of a score.

    Attributes
    ----------
    labels
        Of the buckets.
    bucket : int64[n]
        Place of each row among them; -1 for none.
    """

    labels: tuple[str, ...]
    bucket: Ints


def score_tables(
    result: Result, tape: Tape, *, seed: int
) -> tuple[tuple[Horizon, ...], tuple[ScoreTable, ...]]:
    """Return forward returns by bucket of confidence and each of its components, and by rank.

    Which rows count, and in which direction, `catalyst.research.scored_rows` says.

    Parameters
    ----------
    result
        The run.
    tape
        Its bars.
    seed
        Of the bootstrap.
    """
    found = scored_rows(result, tape)
    horizons = found.horizons
    tables = [
        score_table(
            name,
            bands(values),
            rows,
            horizons,
            drawn=correlations(values, rows, horizons, seed=seed),
            seed=seed,
        )
        for rows in (found.signals, found.candidates)
        for name, values in rows.scores
    ]
    rows = found.finalists
    _, combined = rows.scores[0]
    most = min(result.params.screen.final_count, MOST_RANKS)
    tables.append(
        score_table(
            "rank of finalists",
            ranks(combined, rows.decision, most=most),
            beside_fellows(rows, horizons),
            horizons,
            drawn=correlations(combined, rows, horizons, seed=seed),
            seed=seed,
        )
    )
    return horizons, tuple(tables)


def bands(score: Floats) -> Buckets:
    """Sort a score of 0 to 100 into ten bands of equal width."""
    labels = tuple(f"{low} to {low + _WIDTH}" for low in range(0, 100, _WIDTH))
    band = np.clip(np.nan_to_num(score, nan=-_WIDTH) // _WIDTH, -1, len(labels) - 1)
    return Buckets(labels, band.astype(np.int64))


def quantiles(score: Floats, *, parts: int) -> Buckets:
    """Sort a score into buckets of about equal counts; equal scores stay together.

    Parameters
    ----------
    score : float64[n]
        NaN belongs to no bucket.
    parts
        How many buckets, fewer where a score has few values.
    """
    known = score[np.isfinite(score)]
    if not len(known):
        return Buckets((), np.full(len(score), -1, np.int64))
    edges = np.unique(np.quantile(known, np.arange(1, parts) / parts, method="higher"))
    edges = edges[edges > known.min()]
    bucket = np.where(np.isfinite(score), np.searchsorted(edges, score, side="right"), -1)
    labels = []
    for k in range(len(edges) + 1):
        own = score[bucket == k]
        low, high = f"{own.min():.3g}", f"{own.max():.3g}"
        labels.append(low if low == high else f"{low} to {high}")
    return Buckets(tuple(labels), bucket.astype(np.int64))


def ranks(score: Floats, decision: Ints, *, most: int) -> Buckets:
    """Sort rows by their place in their decision, the best first; equal scores share the better.

    Parameters
    ----------
    score : float64[n]
        NaN has no rank.
    decision : int64[n]
        Group of each row.
    most
        The last rank that is kept.
    """
    place = _placed(score, decision, "min")["rank"].fill_nan(None).fill_null(0).to_numpy()
    rank = place.astype(np.int64) - 1
    labels = tuple(f"rank {k}" for k in range(1, most + 1))
    return Buckets(labels, np.where(rank < most, rank, -1))


def fifths(score: Floats, decision: Ints) -> Buckets:
    """Sort rows into fifths of their decision, the best first; equal scores take the middle."""
    placed = _placed(score, decision, "average")
    share = (placed["rank"] - 0.5) / placed["count"] * len(_FIFTHS)
    fifth = share.fill_null(-1.0).floor().to_numpy().astype(np.int64)
    return Buckets(_FIFTHS, fifth)


def _placed(score: Floats, decision: Ints, method: Literal["min", "average"]) -> pl.DataFrame:
    frame = pl.DataFrame({"score": score, "decision": decision}).with_columns(
        pl.col("score").fill_nan(None)
    )
    return frame.select(
        rank=pl.col("score").rank(method, descending=True).over("decision").cast(pl.Float64),
        count=pl.col("score").count().over("decision"),
    )


def beside_fellows(rows: ScoredRows, horizons: Sequence[Horizon]) -> ScoredRows:
    """Return rows with the mean of their decision taken off, NaN for one that is alone there.

    Fifth places exist on busy days only: each row is held against its fellows.
    """
    frame = pl.DataFrame(rows.returns, schema=[h.key for h in horizons]).fill_nan(None)
    fellows = frame.with_columns(decision=rows.decision).select(
        pl.when(pl.col(h.key).count().over("decision") > 1).then(
            (pl.col(h.key) - pl.col(h.key).mean()).over("decision")
        )
        for h in horizons
    )
    relative = fellows.fill_null(math.nan).to_numpy().reshape(rows.returns.shape)
    return replace(rows, about=rows.about + _FELLOWS, returns=relative)


def correlations(
    score: Floats, rows: ScoredRows, horizons: Sequence[Horizon], *, seed: int
) -> tuple[Draws, ...]:
    """Return how a score goes with the returns within a decision: one for each horizon.

    Parameters
    ----------
    score : float64[n]
        The score of each row.
    rows
        What was scored.
    horizons
        Of the returns.
    seed
        Of the bootstrap, by blocks of days as long as the horizon.
    """
    return tuple(
        rank_draws(
            score, rows.returns[:, h], rows.decision, rows.day, seed=seed, block=horizon.days
        )
        for h, horizon in enumerate(horizons)
    )


def score_table(
    name: str,
    buckets: Buckets,
    rows: ScoredRows,
    horizons: Sequence[Horizon],
    *,
    drawn: Sequence[Draws],
    seed: int,
) -> ScoreTable:
    """Return what rows earned by bucket.

    Parameters
    ----------
    name
        Of the score.
    buckets
        Where each row belongs.
    rows
        What was scored.
    horizons
        Of the returns.
    drawn
        From `correlations`.
    seed
        Of the bootstrap.
    """
    cells = []
    for key in range(len(buckets.labels)):
        own = buckets.bucket == key
        cells.append(
            tuple(
                mean_interval(rows.returns[own, h], rows.day[own], seed=seed, block=horizon.days)
                for h, horizon in enumerate(horizons)
            )
        )
    subject = _SUBJECTS.get(name, f"a higher {name}")
    told = tuple(
        Correlation(
            one.interval, correlation_sentence(one.interval, h, subject=subject, within=_WITHIN)
        )
        for one, h in zip(drawn, horizons, strict=True)
    )
    known = np.isfinite(rows.returns)
    market = [
        float(rows.market[known[:, h], h].mean()) if known[:, h].any() else math.nan
        for h in range(len(horizons))
    ]
    dropped = (~known).sum(axis=0).tolist()
    return ScoreTable(
        name,
        rows.about,
        buckets.labels,
        tuple(cells),
        told,
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
