"""The score, before costs: whether a higher confidence went with a better return."""

from __future__ import annotations

from dataclasses import dataclass

from catalyst.data.report.values import Horizon
from catalyst.research.bootstrap import Draws, rank_draws
from catalyst.research.edge_leg import Leg, untold
from catalyst.research.forward_returns import named_horizon
from catalyst.research.result import Result
from catalyst.research.score_verdict import score_verdict
from catalyst.research.scored_rows import scored_rows
from catalyst.research.tape import tape_of

_SEED_DIGITS = 15
_NOTHING = "There are no signals with a direction, so there is no score to judge."


@dataclass(frozen=True, slots=True)
class Score:
    """Hold the score's leg, and the sentences that it bears out."""

    leg: Leg
    reasons: tuple[str, ...]


def score_of(result: Result, *, n_scores: int) -> Score:
    """Judge whether a run's confidence ranks its signals by what followed.

    The test that is named beforehand (`catalyst.research.score_verdict.score_verdict`): the rank
    correlation within a decision of the confidence with the return in the signal's direction, less
    the market's, until the close; with daily bars, over a day.

    Parameters
    ----------
    result
        A run with its lake and all its tables.
    n_scores
        How many different scores were tried on this data: p-values are multiplied by it.

    Raises
    ------
    InputError
        If the run was opened without its lake.
    """
    if not result.signals.height:
        return Score(untold(tests=n_scores), (_NOTHING,))
    tape = tape_of(result)
    scored, place = scored_rows(result, tape), named_horizon(tape)
    rows, horizon = scored.signals, scored.horizons[place]
    draws = rank_draws(
        dict(rows.scores)["confidence"],
        rows.returns[:, place],
        rows.decision,
        rows.day,
        seed=int(result.summary["decision_digest"][:_SEED_DIGITS], 16),
        block=horizon.days,
    )
    return judged(draws, horizon, n_scores=n_scores)


def judged(draws: Draws, horizon: Horizon, *, n_scores: int) -> Score:
    """Judge a rank correlation.

    Parameters
    ----------
    draws
        From `catalyst.research.bootstrap.rank_draws`.
    horizon
        Of the returns.
    n_scores
        As in `score_of`.
    """
    found, chances = draws.interval, (draws.above, draws.below)
    verdict = score_verdict(found, chances=chances, horizon=horizon, scores_tried=n_scores)
    leg = Leg(
        verdict.word,
        *(found.value, found.low, found.high),
        verdict.p_better,
        draws.above,
        n_scores,
        *(found.count, found.days),
    )
    return Score(leg, verdict.reasons)
