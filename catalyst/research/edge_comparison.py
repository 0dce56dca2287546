"""A set of variants judged together: which edges stand, and whether choosing among them is luck."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from catalyst.data.search_ledger import Trial
from catalyst.errors import InputError
from catalyst.research.edge import Edge, edge_of, edge_of_outcome
from catalyst.research.edge_leg import (
    CONTRADICTED,
    LEVEL,
    NOT_SHOWN,
    SUPPORTED,
    Word,
    known,
)
from catalyst.research.edge_luck import question_of, sentence_of, with_judged
from catalyst.research.honesty import (
    SpaResult,
    benjamini_hochberg,
    probability_of_backtest_overfitting,
    superior_predictive_ability,
)
from catalyst.research.outcome import Outcome, outcome_of
from catalyst.research.result import Result

_SEED = 1
_SPLITS = 16
_FEWEST_SPLITS = 4
_FEWEST_SESSIONS = 20


@dataclass(frozen=True, slots=True)
class EdgeComparison:
    """Hold what a set of variants shows.

    Attributes
    ----------
    word
        Supported if at least one variant's edge stands; contradicted if every one is; else not
        shown.
    edges
        One a variant, in the order given.
    stands
        Which of them are supported in themselves, are left after Benjamini and Hochberg's procedure
        over the set, and belong to a set whose best is no luck by Hansen's test.
    spa
        Hansen's test over the set's returns beside the market; None under twenty sessions.
    overfitting
        The probability of backtest overfitting over the set; NaN for one variant or few sessions.
    reasons
        Sentences that people read first.
    """

    word: Word
    edges: tuple[Edge, ...]
    stands: tuple[bool, ...]
    spa: SpaResult | None
    overfitting: float
    reasons: tuple[str, ...]

    @property
    def headline(self) -> str:
        """Return what people read first."""
        return f"edge: {self.word}"

    def as_mapping(self) -> dict[str, Any]:
        """Return all of it for JSON."""
        return {
            "edge": self.word,
            "reasons": list(self.reasons),
            "stands": list(self.stands),
            "spa_p_value": self.spa.p_value if self.spa else None,
            **known({"probability_of_backtest_overfitting": self.overfitting}),
            "edges": [edge.as_mapping() for edge in self.edges],
        }


def compare_edges(
    ran: Sequence[Result] | Sequence[Outcome], *, trials: Sequence[Trial]
) -> EdgeComparison:
    """Judge variants that ran over the same sessions.

    Parameters
    ----------
    ran
        Results with their lake, or outcomes, whose scores can't be judged.
    trials
        Those that bear on them; see `catalyst.research.edge.edge_of`.

    Raises
    ------
    InputError
        If there is none, or they ran over different sessions.
    """
    if not ran:
        raise InputError("there is nothing to compare; expected at least one run")
    outcomes = [one if isinstance(one, Outcome) else outcome_of(one) for one in ran]
    days = outcomes[0].days
    for outcome in outcomes[1:]:
        if not np.array_equal(outcome.days, days):
            raise InputError(
                f"{outcome.variant} ran over {len(outcome.days)} sessions, not over the "
                f"{len(days)} of {outcomes[0].variant}; compare variants over one span"
            )
    asked = [None if isinstance(one, Outcome) else question_of(one) for one in ran]
    # Whoever compares them has tried them all, counted or not.
    trials = with_judged(trials, outcomes, asked)
    edges = tuple(
        edge_of_outcome(one, trials=trials)
        if isinstance(one, Outcome)
        else edge_of(one, trials=trials)
        for one in ran
    )
    excess = np.stack([outcome.excess for outcome in outcomes], axis=1)
    spa = superior_predictive_ability(excess, seed=_SEED) if len(days) >= _FEWEST_SESSIONS else None
    overfitting = _overfitting(excess)
    alone = np.array([edge.money.alone for edge in edges])
    judged = np.isfinite(alone)
    left = np.zeros(len(edges), np.bool_)
    left[judged] = benjamini_hochberg(alone[judged], level=LEVEL)
    sound = spa is not None and spa.p_value <= LEVEL
    stands = tuple(
        bool(edge.word == SUPPORTED and found and sound)
        for edge, found in zip(edges, left, strict=True)
    )
    word: Word = NOT_SHOWN
    if any(stands):
        word = SUPPORTED
    elif all(edge.word == CONTRADICTED for edge in edges):
        word = CONTRADICTED
    names = [outcome.variant for outcome in outcomes]
    reasons = (
        _of_variants(names, edges, stands),
        sentence_of(edges[0].luck),
        *_of_set(int(judged.sum()), int(left.sum()), spa, overfitting),
    )
    return EdgeComparison(word, edges, stands, spa, overfitting, reasons)


def _overfitting(excess: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    sessions, variants = excess.shape
    splits = min(_SPLITS, sessions // 4 * 2)
    if variants < 2 or splits < _FEWEST_SPLITS:
        return math.nan
    return probability_of_backtest_overfitting(excess, splits)


def _of_variants(names: Sequence[str], edges: Sequence[Edge], stands: Sequence[bool]) -> str:
    told = []
    for word in (SUPPORTED, CONTRADICTED):
        those = [
            name
            for name, edge, stand in zip(names, edges, stands, strict=True)
            if (stand if word == SUPPORTED else edge.word == CONTRADICTED)
        ]
        if those:
            told.append(f"{word} for {_listed(those)}")
    return f"Of {_counted(len(names), 'variant')} an edge is {', '.join(told) or 'not shown'}."


def _of_set(judged: int, left: int, spa: SpaResult | None, overfitting: float) -> list[str]:
    out = []
    if judged:
        out.append(
            f"By Benjamini and Hochberg's procedure {left:,} of {judged:,} that can be judged earn "
            "more than the market held with as much money."
        )
    if spa is not None:
        more = "does" if spa.p_value <= LEVEL else "can't be told to"
        out.append(
            f"By Hansen's test the best of them {more} earn more than nothing: p {spa.p_value:.3f}."
        )
    if math.isfinite(overfitting):
        out.append(
            f"Whoever chose the best in one half of the sessions got one below the median in the "
            f"other half {overfitting:.0%} of the time; 50 % is luck."
        )
    return out


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _counted(n: int, noun: str) -> str:
    return f"{n:,} {noun}" + ("" if n == 1 else "s")
