"""Is there an edge in the score? One test named beforehand, in words that it bears out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from catalyst.data.report.values import Horizon, Interval
from catalyst.research.bootstrap import FEWEST_DAYS

Word = Literal["supported", "not shown", "contradicted"]
LEVEL = 0.025
"""Of the named test, one-sided, each way."""


@dataclass(frozen=True)
class ScoreVerdict:
    """Hold whether a score told what followed.

    Attributes
    ----------
    word
        ``supported``, ``not shown`` or ``contradicted``: the higher the score, the worse.
    sentence
        What people read first.
    reasons
        What it rests on, in sentences.
    p_better, p_worse
        One-sided p-values either way, after correction for the scores tried; NaN where nothing can
        be told.
    """

    word: Word
    sentence: str
    reasons: tuple[str, ...]
    p_better: float
    p_worse: float


class Tested(Protocol):
    """A test that was explored."""

    @property
    def p_value(self) -> float:
        """Return its p-value, NaN where nothing could be told."""


def score_verdict(
    found: Interval, *, chances: tuple[float, float], horizon: Horizon, scores_tried: int = 1
) -> ScoreVerdict:
    """Judge the test named beforehand: confidence of signals over its horizon.

    Parameters
    ----------
    found
        Rank correlation within a decision.
    chances
        One-sided p-values that it is so far above, and so far below, zero by luck: NaN where that
        can't be told (`catalyst.research.bootstrap.Draws`).
    horizon
        Of the returns.
    scores_tried
        Different scores tried on these sessions, this one included.
    """
    over = horizon.label if horizon.label.startswith("to ") else f"over {horizon.label}"
    better, worse = (min(chance * scores_tried, 1.0) for chance in chances)
    words: tuple[Word, Word, Word] = ("supported", "contradicted", "not shown")
    word = words[0] if better <= LEVEL else words[1] if worse <= LEVEL else words[2]
    those = "of signals of one decision, those with higher confidence did"
    says = {
        "supported": f"{those} better {over}",
        "contradicted": f"{those} worse {over}",
        "not shown": f"higher confidence can't be told to have paid {over}",
    }[word]
    return ScoreVerdict(
        word,
        f"Edge in the score: {word}: {says}.",
        _reasons(found, chances, scores_tried),
        better,
        worse,
    )


def _reasons(found: Interval, chances: tuple[float, float], tried: int) -> tuple[str, ...]:
    values = f"{found.count:,} signals with a fellow in their decision, on {found.days:,} days"
    if not math.isfinite(found.value):
        return (f"No two signals of one decision differ in confidence and in return ({values}).",)
    correlation = f"Spearman's correlation within a decision is {found.value:+.3f}"
    if not math.isfinite(found.low):
        return (f"{correlation}, but {values} are too few: {FEWEST_DAYS} days are needed.",)
    alone, way = (chances[0], "above") if found.value >= 0 else (chances[1], "below")
    chance = f"The chance of one so far {way} zero without an edge is {alone:.3g}"
    if tried > 1:
        several = alone * tried
        comes_to = "almost surely" if several >= 1 else f"with a chance of at most {several:.3g}"
        chance += (
            f" alone; the best of the {tried:,} different scores tried on this data would be so "
            f"far by luck {comes_to}"
        )
    return (
        f"{correlation}, 95 % from {found.low:+.3f} to {found.high:+.3f}; {values}.",
        f"{chance}; {LEVEL:g} is asked for.",
    )


def explored_sentence(explored: Sequence[Tested], stands: Sequence[bool | None]) -> str:
    """Say how many of the other tests to expect by chance, and how many stand after correction.

    Parameters
    ----------
    explored
        All tests but the named one.
    stands
        Of each, whether it is left after correction; None where nothing could be told.
    """
    told = [test for test in explored if math.isfinite(test.p_value)]
    if not told:
        return "Nothing else could be told."
    alone = sum(test.p_value <= 2 * LEVEL for test in told)
    left = sum(one is True for one in stands)
    return (
        f"That was the one test named beforehand. Of the {len(told):,} others, {alone:,} would "
        f"pass alone, and {2 * LEVEL * len(told):.0f} would by chance if no score meant anything; "
        f"{left:,} stand after correction for all of them (Benjamini and Hochberg, 5 %). They are "
        "questions for other data, not answers."
    )
