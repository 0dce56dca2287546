"""What the best of a search would reach by luck alone, from the trials that the ledger counted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from catalyst.data.metrics import SESSIONS_A_YEAR
from catalyst.data.search_ledger import Trial
from catalyst.research.honesty import expected_best_sharpe
from catalyst.research.outcome import Outcome
from catalyst.research.trial_records import moments

_FEWEST_FOR_SPREAD = 10
"""Of fewer Sharpe ratios a standard deviation is a guess; theory's is taken."""


@dataclass(frozen=True, slots=True)
class Luck:
    """Hold how often data was asked, and what that alone would reach.

    Attributes
    ----------
    n_trials
        How many trials bear on the data.
    n_scores
        How many different ways of scoring there are among them.
    best_of
        How many the threshold is the best of: `n_trials`, or `n_scores` where that reaches more.
    sharpe_std
        Standard deviation of the Sharpe ratios of those, a session's.
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

    Two answers, of which the higher counts: the best of all trials, as far apart as they are; and
    the best of the different scores, as far apart as strangers would be where they are few. The
    second keeps a thousand stops of one idea, all alike, from hiding that ten ideas were tried.

    Parameters
    ----------
    trials
        Those that bear on the data, at least one.
    n_sessions
        Of the run that is judged. A Sharpe ratio of another span is brought to this one: it
        scatters by one over the square root of its sessions.
    """
    by_score: dict[str, list[float]] = {}
    for trial in trials:
        scaled = by_score.setdefault(trial.score_hash, [])
        if trial.excess_sharpe is not None:
            scaled.append(trial.excess_sharpe * math.sqrt(trial.n_sessions / n_sessions))
    every = [value for group in by_score.values() for value in group]
    means = [float(np.mean(group)) for group in by_score.values() if group]
    n_trials, n_scores = len(trials), len(by_score)
    found = []
    for n, values in ((n_trials, every), (n_scores, means)):
        enough = len(values) >= _FEWEST_FOR_SPREAD
        spread = float(np.std(values, ddof=1)) if enough else 1.0 / math.sqrt(n_sessions)
        found.append((expected_best_sharpe(n, spread), n, spread))
    sharpe, best_of, spread = max(found)
    return Luck(n_trials, n_scores, best_of, spread, sharpe)


def with_judged(
    trials: Sequence[Trial], judged: Sequence[Outcome], scores: Sequence[str]
) -> list[Trial]:
    """Return trials together with what is judged, each once, whether the ledger knows it or not.

    Parameters
    ----------
    trials
        Those that bear on the data.
    judged
        Outcomes over one span.
    scores
        The score's hash of each.
    """
    known = {(t.params_hash, t.first_day, t.last_day) for t in trials}
    out = list(trials)
    for one, score in zip(judged, scores, strict=True):
        span = (int(one.days[0]), int(one.days[-1])) if len(one.days) else (0, 0)
        if (one.params_hash, *span) in known:
            continue
        sharpe, skewness, kurtosis = moments(one.returns)
        out.append(
            Trial(
                trial_id=f"judged {one.params_hash}",
                lake="",
                data_digest="",
                params_hash=one.params_hash,
                score_hash=score,
                variant=one.variant,
                timeframe="",
                first_day=span[0],
                last_day=span[1],
                n_sessions=len(one.days),
                sharpe=sharpe,
                skewness=skewness,
                kurtosis=kurtosis,
                excess_sharpe=moments(one.excess)[0],
                n_trades=int(one.metrics["n_trades"] or 0),
                returns=b"",
            )
        )
    return out


def sentence_of(luck: Luck) -> str:
    """Say what luck alone would reach, a year's Sharpe ratio."""
    if luck.n_trials == 1:
        return "It is the only trial on this data, so that nothing was chosen."
    many = f"{luck.n_trials:,} trials"
    if luck.best_of != luck.n_trials:
        many += f" of {luck.n_scores:,} scores"
    return (
        f"{many} have looked at this data: the best of so many would reach a Sharpe ratio of "
        f"{luck.sharpe_annual:.2f} a year by luck alone."
    )
