"""Does a score tell what prices do next? Correlation, order and decay of everything a run scored.

One test is named beforehand: confidence of signals, until the close or for one day. All others are
looked at to find questions, and say how many of them chance would bring.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from catalyst.data.report.values import Horizon, ScoreTable
from catalyst.errors import InputError
from catalyst.research.bootstrap import Draws
from catalyst.research.forward_returns import named_horizon
from catalyst.research.monotonicity import monotonicity
from catalyst.research.score_tables import (
    MOST_RANKS,
    beside_fellows,
    correlations,
    fifths,
    quantiles,
    ranks,
    score_table,
)
from catalyst.research.score_verdict import ScoreVerdict, explored_sentence, score_verdict
from catalyst.research.scored_rows import ScoredRows, scored_rows
from catalyst.research.tape import tape_of
from catalyst.strategy.values import Floats

if TYPE_CHECKING:
    from catalyst.research.result import Result

_EXPLORED = 0.05
_TENTHS, _FIFTHS = 10, 5
_SEED = 20100601
_SIGNALS, _CANDIDATES, _FINALISTS = "signals", "candidates", "finalists"
_NAMED = ("confidence", _SIGNALS)


@dataclass(frozen=True, slots=True)
class ScoreTest:
    """Hold how one score went with the returns of one horizon.

    Attributes
    ----------
    score, population, horizon
        What was asked: the score, what carried it (signals, candidates, finalists), the horizon.
    named
        Whether it was named beforehand.
    ic, low, high
        Spearman's correlation within a decision with the directed return less the market's, and
        its 95 % interval.
    p_value
        Of the correlation, two-sided.
    rising, falling
        p-values of a monotonic relation over fifths of the score, either way.
    spread_bps, spread_low, spread_high
        Highest fifth less lowest, and its 95 % interval.
    count, days
        Rows that have a fellow in their decision, and their days.
    dropped
        Rows without a bar to enter or leave at.
    """

    score: str
    population: str
    horizon: str
    named: bool
    ic: float
    low: float
    high: float
    p_value: float
    rising: float
    falling: float
    spread_bps: float
    spread_low: float
    spread_high: float
    count: int
    days: int
    dropped: int


@dataclass(frozen=True)
class ScoreCard:
    """Hold what one score told of the returns that followed.

    Attributes
    ----------
    name, population
        The score, and what carried it.
    by_level, by_rank
        Returns by bucket of about equal counts, and by place within the decision, less the mean of
        the decision.
    tests
        One for each horizon.
    """

    name: str
    population: str
    by_level: ScoreTable
    by_rank: ScoreTable
    tests: tuple[ScoreTest, ...]


@dataclass(frozen=True)
class ScoreTruth:
    """Hold the truth about a run's scores.

    Attributes
    ----------
    verdict
        Of the test named beforehand.
    explored
        How to read the other tests, in a sentence.
    named
        The test named beforehand.
    horizons
        Of the returns.
    cards
        One for each score, that of the named test first.
    tests : DataFrame
        The fields of `ScoreTest`, and stands: whether it is left after correction for all that was
        explored; null for the named one and where nothing could be told.
    buckets : DataFrame
        One row a score, kind (level, rank), bucket and horizon: mean_bps, low, high, count, days.
    """

    verdict: ScoreVerdict
    explored: str
    named: ScoreTest
    horizons: tuple[Horizon, ...]
    cards: tuple[ScoreCard, ...]
    tests: pl.DataFrame
    buckets: pl.DataFrame


def score_truth(
    result: Result,
    *,
    scores_tried: int = 1,
    seed: int = _SEED,
    tell: Callable[[str], None] = lambda _: None,
) -> ScoreTruth:
    """Find what a run's scores told of the returns that followed.

    Parameters
    ----------
    result
        A run with its lake.
    scores_tried
        How many different scores were tried on these sessions, this one included: the p-value of
        the named test is multiplied by it (Bonferroni), because the best of many was kept.
    seed
        Of the bootstrap.
    tell
        Called with what is being worked out, in a few words.

    Raises
    ------
    InputError
        If the run was opened without its lake, or no score was tried.
    """
    if scores_tried < 1:
        raise InputError(
            f"scores_tried is {scores_tried}; expected at least 1, the score of the run itself"
        )
    tape = tape_of(result)
    tell("returns after every score")
    found = scored_rows(result, tape)
    horizons, place = found.horizons, named_horizon(tape)
    most = min(result.params.screen.final_count, MOST_RANKS)
    cards: list[ScoreCard] = []
    chances = math.nan, math.nan
    for population, rows in (
        (_SIGNALS, found.signals),
        (_CANDIDATES, found.candidates),
        (_FINALISTS, found.finalists),
    ):
        beside = beside_fellows(rows, horizons)
        for name, score in rows.scores:
            tell(name)
            drawn = correlations(score, rows, horizons, seed=seed)
            if not cards:
                chances = drawn[place].above, drawn[place].below
            # Candidates are many at once, and their first five say little of the rest.
            among = (
                fifths(score, rows.decision)
                if population == _CANDIDATES
                else ranks(score, rows.decision, most=most)
            )
            levels = quantiles(score, parts=_TENTHS)
            card = ScoreCard(
                name,
                population,
                score_table(name, levels, rows, horizons, drawn=drawn, seed=seed),
                score_table(name, among, beside, horizons, drawn=drawn, seed=seed),
                _tests((name, population), score, rows, horizons, drawn, place=place, seed=seed),
            )
            cards.append(card)
    named = cards[0].tests[place]
    explored = [test for card in cards for test in card.tests if test is not named]
    stands = _stand(explored)
    return ScoreTruth(
        score_verdict(
            cards[0].by_level.correlations[place].interval,
            chances=chances,
            horizon=horizons[place],
            scores_tried=scores_tried,
        ),
        explored_sentence(explored, stands),
        named,
        horizons,
        tuple(cards),
        _test_rows([named, *explored], [None, *stands]),
        _bucket_rows(cards, horizons),
    )


def _tests(
    asked: tuple[str, str],
    score: Floats,
    rows: ScoredRows,
    horizons: Sequence[Horizon],
    drawn: Sequence[Draws],
    *,
    place: int,
    seed: int,
) -> tuple[ScoreTest, ...]:
    steps = quantiles(score, parts=_FIFTHS).bucket
    out = []
    for h, (horizon, one) in enumerate(zip(horizons, drawn, strict=True)):
        returns, interval = rows.returns[:, h], one.interval
        order = monotonicity(returns, steps, rows.day, seed=seed, block=horizon.days)
        out.append(
            ScoreTest(
                *asked,
                horizon=horizon.key,
                named=asked == _NAMED and h == place,
                ic=interval.value,
                low=interval.low,
                high=interval.high,
                p_value=min(2.0 * min(one.above, one.below), 1.0),
                rising=order.rising,
                falling=order.falling,
                spread_bps=order.spread.value,
                spread_low=order.spread.low,
                spread_high=order.spread.high,
                count=interval.count,
                days=interval.days,
                dropped=int((~np.isfinite(returns)).sum()),
            )
        )
    return tuple(out)


def _stand(explored: Sequence[ScoreTest]) -> list[bool | None]:
    """Say of each test whether it is left after Benjamini and Hochberg's correction."""
    from catalyst.research.honesty import benjamini_hochberg

    asked = [k for k, test in enumerate(explored) if math.isfinite(test.p_value)]
    stands: list[bool | None] = [None] * len(explored)
    if asked:
        kept = benjamini_hochberg([explored[k].p_value for k in asked], level=_EXPLORED)
        for k, one in zip(asked, kept.tolist(), strict=True):
            stands[k] = one
    return stands


def _test_rows(tests: Sequence[ScoreTest], stands: Sequence[bool | None]) -> pl.DataFrame:
    frame = pl.DataFrame([asdict(test) for test in tests])
    return frame.with_columns(
        pl.col(pl.Float64).fill_nan(None), stands=pl.Series(stands, dtype=pl.Boolean)
    )


def _bucket_rows(cards: Sequence[ScoreCard], horizons: Sequence[Horizon]) -> pl.DataFrame:
    rows = [
        (
            card.name,
            card.population,
            kind,
            label,
            horizon.key,
            cell.value,
            cell.low,
            cell.high,
            cell.count,
            cell.days,
        )
        for card in cards
        for kind, table in (("level", card.by_level), ("rank", card.by_rank))
        for label, cells in zip(table.buckets, table.cells, strict=True)
        for horizon, cell in zip(horizons, cells, strict=True)
    ]
    schema = {
        **dict.fromkeys(("score", "population", "kind", "bucket", "horizon"), pl.String),
        **dict.fromkeys(("mean_bps", "low", "high"), pl.Float64),
        **dict.fromkeys(("count", "days"), pl.Int64),
    }
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(pl.col(pl.Float64).fill_nan(None))
