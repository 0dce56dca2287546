"""What the best of a search would reach by luck alone, from the trials that the ledger counted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from catalyst.data.metrics import SESSIONS_A_YEAR
from catalyst.data.search_ledger import NOTHING_ASKED, Trial
from catalyst.research.honesty import expected_best_sharpe
from catalyst.research.outcome import Outcome
from catalyst.research.result import Result
from catalyst.research.tape import lake_of_run
from catalyst.research.trial_records import asked_of, moments
from catalyst.strategy.param_content import score_hash

FEWEST_SESSIONS = 20
"""A Sharpe ratio of fewer sessions says nothing of how far apart trials lie: its tails are fat."""


@dataclass(frozen=True, slots=True)
class Question:
    """Name what was asked of data, whatever the exits: scores, bars, symbols and sources.

    Attributes
    ----------
    score_hash, timeframe, asked
        As in `catalyst.data.search_ledger.Trial`.
    """

    score_hash: str
    timeframe: str = ""
    asked: str = NOTHING_ASKED


@dataclass(frozen=True, slots=True)
class Luck:
    """Hold how often data was asked, and what that alone would reach.

    Attributes
    ----------
    n_trials
        How many trials bear on the data.
    n_scores
        How many different questions of the score there are among them; see `scores_tried`.
    best_of
        How many the threshold is the best of: `n_trials`, or `n_scores` where that reaches more.
    sharpe_std
        Standard deviation that the Sharpe ratios of so many are taken to have, a session's: that of
        strangers, or less where trials resemble each other.
    sharpe
        The Sharpe ratio, a session's, that the best of them is expected to reach without an edge.
    """

    n_trials: int
    n_scores: int
    best_of: int
    sharpe_std: float
    sharpe: float

    @property
    def sharpe_annual(self) -> float:
        """Return `sharpe` as a year's."""
        return self.sharpe * math.sqrt(SESSIONS_A_YEAR)


def luck_of(trials: Sequence[Trial], n_sessions: int) -> Luck:
    """Return what the best of some trials would reach by luck alone over so many sessions.

    Two answers, of which the higher counts. The best of the different scores, as far apart as
    strangers are: one over the square root of the sessions. And half the distance from the best to
    the worst of all trials, which is what the best reaches if none has an edge, however much they
    resemble each other; at most what the best of so many strangers would. Neither falls by a trial
    more, whatever came of it.

    Parameters
    ----------
    trials
        Those that bear on the data, at least one.
    n_sessions
        Of the run that is judged. A Sharpe ratio of another span is brought to this one: it
        scatters by one over the square root of its sessions. One of under twenty sessions counts,
        and says nothing of how far apart trials lie.
    """
    known = [
        trial.excess_sharpe * math.sqrt(trial.n_sessions / n_sessions)
        for trial in trials
        if trial.excess_sharpe is not None and trial.n_sessions >= FEWEST_SESSIONS
    ]
    n_trials, n_scores = len(trials), scores_tried(trials, n_sessions)
    strangers = 1.0 / math.sqrt(n_sessions)
    floor = expected_best_sharpe(n_scores, strangers)
    most = expected_best_sharpe(n_trials, strangers)
    reached = min((max(known) - min(known)) / 2, most) if known else 0.0
    if reached <= floor:
        return Luck(n_trials, n_scores, n_scores, strangers, floor)
    return Luck(n_trials, n_scores, n_trials, strangers * reached / most, reached)


def scores_tried(trials: Sequence[Trial], n_sessions: int) -> int:
    """Count the different questions that some trials asked of a score.

    Another score, timeframe, choice of symbols or of sources is another question; so is another
    span, if it is at least half as long as the one that is judged. Shorter ones, such as the folds
    of a walk-forward, are the same question asked of a part.

    Parameters
    ----------
    trials
        Those that bear on the data.
    n_sessions
        Of the run that is judged.
    """
    spans: dict[Question, set[tuple[int, int]]] = {}
    for trial in trials:
        asked = spans.setdefault(Question(trial.score_hash, trial.timeframe, trial.asked), set())
        if 2 * trial.n_sessions >= n_sessions:
            asked.add((trial.first_day, trial.last_day))
    return sum(max(len(found), 1) for found in spans.values())


def question_of(result: Result) -> Question:
    """Return what a run asked.

    Raises
    ------
    InputError
        If it was opened without its lake.
    """
    asked = asked_of(result.summary, lake_of_run(result))
    return Question(score_hash(result.params), result.summary["timeframe"], asked)


def with_judged(
    trials: Sequence[Trial], judged: Sequence[Outcome], asked: Sequence[Question | None]
) -> list[Trial]:
    """Return trials together with what is judged, each once, whether the ledger knows it or not.

    Parameters
    ----------
    trials
        Those that bear on the data.
    judged
        Outcomes over one span.
    asked
        What each asked; None where that isn't known: then parameters and span tell whether the
        ledger has it.
    """
    known: set[tuple[str, int, int, Question | None]] = set()
    for t in trials:
        same = (t.params_hash, t.first_day, t.last_day)
        known |= {(*same, None), (*same, Question(t.score_hash, t.timeframe, t.asked))}
    out = list(trials)
    for one, question in zip(judged, asked, strict=True):
        span = (int(one.days[0]), int(one.days[-1])) if len(one.days) else (0, 0)
        if (one.params_hash, *span, question) in known:
            continue
        what = question or Question(one.params_hash)
        sharpe, skewness, kurtosis = moments(one.returns)
        out.append(
            Trial(
                trial_id=f"judged {one.params_hash}",
                lake="",
                data_digest="",
                params_hash=one.params_hash,
                score_hash=what.score_hash,
                variant=one.variant,
                timeframe=what.timeframe,
                first_day=span[0],
                last_day=span[1],
                n_sessions=len(one.days),
                sharpe=sharpe,
                skewness=skewness,
                kurtosis=kurtosis,
                excess_sharpe=moments(one.excess)[0],
                n_trades=int(one.metrics["n_trades"] or 0),
                returns=b"",
                asked=what.asked,
            )
        )
    return out


def sentence_of(luck: Luck) -> str:
    """Say what luck alone would reach, a year's Sharpe ratio."""
    if luck.n_trials == 1:
        return "The ledger knows no other trial on this data, and vouches for nothing else."
    scores = ""
    if luck.best_of != luck.n_trials:
        scores = f", for {luck.n_scores:,} different score" + ("" if luck.n_scores == 1 else "s")
    return (
        f"{luck.n_trials:,} trials have looked at this data{scores}: the best of so many would "
        f"reach a Sharpe ratio of {luck.sharpe_annual:.2f} a year by luck alone."
    )
