"""Has a run an edge? A word, the reasons for it, and the figures behind them.

Two legs, each named before anything is looked at, each one-sided at 2.5 %: money, after costs and
after all that was tried, which is the headline; and the score, before costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from catalyst.data.report.values import Interval
from catalyst.data.search_ledger import Trial
from catalyst.research.edge_intervals import headline_intervals
from catalyst.research.edge_leg import Leg, Word, known, untold
from catalyst.research.edge_luck import Luck, luck_of, question_of, with_judged
from catalyst.research.edge_money import money_of
from catalyst.research.edge_score import score_of
from catalyst.research.outcome import Outcome, outcome_of
from catalyst.research.result import Result

__all__ = ["Edge", "Interval", "Leg", "Word", "edge_of", "edge_of_outcome"]

_SYNTHETIC = "The market is simulated: whatever stands here says nothing about a real one."


@dataclass(frozen=True, slots=True)
class Edge:
    """Hold whether there is an edge.

    Attributes
    ----------
    word
        Supported, not shown or contradicted: the money's, after costs.
    money, score
        The legs; the score's is empty where a run has no table of signals.
    reasons
        Sentences, the money's first.
    figures
        What they were made from; None where there is no such figure. Sharpe ratios are a session's
        unless named annual.
    intervals
        Headline figures with their 95 % intervals.
    luck
        What was tried on the data, and what that alone would reach.
    """

    word: Word
    money: Leg
    score: Leg
    reasons: tuple[str, ...]
    figures: dict[str, float | None]
    intervals: dict[str, Interval]
    luck: Luck

    @property
    def headline(self) -> str:
        """Return what people read first."""
        return f"edge: {self.word}"

    def as_mapping(self) -> dict[str, Any]:
        """Return all of it for JSON."""
        return {
            "edge": self.word,
            "reasons": list(self.reasons),
            "money": self.money.as_mapping(),
            "score": self.score.as_mapping(),
            "figures": known(self.figures),
            "intervals": {name: known(asdict(one)) for name, one in self.intervals.items()},
        }


def edge_of(result: Result, *, trials: Sequence[Trial]) -> Edge:
    """Judge a run: its money after costs and after all that was tried, and its score before costs.

    Parameters
    ----------
    result
        A run with its lake.
    trials
        Those that bear on it (`catalyst.research.trial_records.bearing_trials`). The run itself
        counts, whether it is among them or not.

    Returns
    -------
    Edge
        A function of the run, its lake and the trials.

    Raises
    ------
    InputError
        If the run was opened without its lake.
    """
    outcome = outcome_of(result)
    own = with_judged(trials, [outcome], [question_of(result)])
    luck = luck_of(own, len(outcome.days))
    money = money_of(outcome, luck, closed=result.summary["n_closed_trades"])
    score = score_of(result, n_scores=luck.n_scores)
    synthetic = (_SYNTHETIC,) if result.summary["synthetic"] else ()
    return Edge(
        money.leg.word,
        money.leg,
        score.leg,
        (*money.reasons, *score.reasons, *synthetic),
        money.figures,
        headline_intervals(result, outcome),
        luck,
    )


def edge_of_outcome(outcome: Outcome, *, trials: Sequence[Trial]) -> Edge:
    """Judge an outcome by its money alone: it keeps no signals.

    Parameters
    ----------
    outcome
        Of a trial.
    trials
        As in `edge_of`.
    """
    own = with_judged(trials, [outcome], [None])
    luck = luck_of(own, len(outcome.days))
    # Entries stand for closed trades: they differ by what was held at the end.
    money = money_of(outcome, luck, closed=int(outcome.metrics["n_trades"] or 0))
    score = untold(tests=luck.n_scores)
    return Edge(money.leg.word, money.leg, score, money.reasons, money.figures, {}, luck)
