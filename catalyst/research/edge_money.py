"""Money, after costs: what a run earned beside the market, and whether luck explains it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from catalyst.data.metrics import SESSIONS_A_YEAR
from catalyst.research.edge_leg import (
    BPS,
    CONTRADICTED,
    FEWEST_TRADES,
    LEVEL,
    NOT_SHOWN,
    SUPPORTED,
    Leg,
    Word,
    untold,
)
from catalyst.research.edge_luck import Luck, sentence_of
from catalyst.research.honesty import probabilistic_sharpe
from catalyst.research.outcome import Outcome
from catalyst.research.stationary import stationary_mean
from catalyst.research.trial_records import moments
from catalyst.strategy.values import Floats

FEWEST_INVESTED = 40
"""Days with money at work: in fewer, small gains hide a rare loss too easily."""
_SEED = 1
_YEAR = math.sqrt(SESSIONS_A_YEAR)


@dataclass(frozen=True, slots=True)
class Money:
    """Hold the money's leg, the sentences it bears out, and its figures by name."""

    leg: Leg
    reasons: tuple[str, ...]
    figures: dict[str, float | None]


def money_of(outcome: Outcome, luck: Luck, *, closed: int) -> Money:
    """Judge what an outcome earned beside the market, held with as much money as it used.

    Supported needs two things: a deflated Sharpe ratio of at least 0.975, and a 95 % interval of
    the mean above zero. Contradicted needs the same of the other side, before costs.

    Parameters
    ----------
    outcome
        By session.
    luck
        From `catalyst.research.edge_luck.luck_of`, over as many sessions.
    closed
        Closed trades.
    """
    n = len(outcome.days)
    active = int(np.count_nonzero((outcome.exposure != 0.0) | (outcome.returns != 0.0)))
    excess, gross = outcome.excess, outcome.gross_excess
    figures: dict[str, float | None] = {
        "n_trials": luck.n_trials,
        "n_scores": luck.n_scores,
        "best_of": luck.best_of,
        "trials_sharpe_std": luck.sharpe_std,
        "sharpe_of_luck": luck.sharpe,
        "sharpe_of_luck_annual": luck.sharpe_annual,
        "closed_trades": closed,
        "days_invested": active,
    }
    net = _tested(excess, luck)
    if closed < FEWEST_TRADES or active < FEWEST_INVESTED or net is None:
        few = closed < FEWEST_TRADES or active < FEWEST_INVESTED
        why = _too_few(closed, active) if few else _constant(excess)
        return Money(untold(tests=luck.n_trials, count=n, days=active), (why,), figures)
    before, other = _tested(gross, luck), _tested(-gross, luck)
    word: Word = NOT_SHOWN
    if net.p_value <= LEVEL and net.low > 0:
        word = SUPPORTED
    elif other is not None and other.p_value <= LEVEL and other.low > 0:
        word = CONTRADICTED
    figures |= {
        "excess_bps": net.value,
        "excess_bps_low": net.low,
        "excess_bps_high": net.high,
        "excess_sharpe": net.sharpe,
        "excess_sharpe_annual": net.sharpe * _YEAR,
        "probabilistic_sharpe": 1.0 - net.alone,
        "deflated_sharpe": 1.0 - net.p_value,
        "gross_excess_bps": before.value if before else None,
        "gross_excess_bps_low": before.low if before else None,
        "gross_excess_bps_high": before.high if before else None,
        "deflated_sharpe_of_other_side": 1.0 - other.p_value if other else None,
    }
    leg = Leg(word, net.value, net.low, net.high, net.p_value, net.alone, luck.n_trials, n, active)
    return Money(leg, _reasons(net, before, luck, excess, word), figures)


@dataclass(frozen=True, slots=True)
class _Tested:
    """Hold returns as they were tested: bps a session, a Sharpe ratio, p-values."""

    value: float
    low: float
    high: float
    sharpe: float
    alone: float
    p_value: float


def _tested(returns: Floats, luck: Luck) -> _Tested | None:
    """Test that returns are above zero; None without variance."""
    sharpe, skewness, kurtosis = moments(returns)
    if sharpe is None or skewness is None or kurtosis is None:
        return None
    alone, deflated = (
        probabilistic_sharpe(
            sharpe,
            benchmark=benchmark,
            n_observations=len(returns),
            skewness=skewness,
            kurtosis=kurtosis,
        )
        for benchmark in (0.0, luck.sharpe)
    )
    mean = stationary_mean(returns * BPS, seed=_SEED)
    return _Tested(mean.value, mean.low, mean.high, sharpe, 1.0 - alone, 1.0 - deflated)


def _reasons(
    net: _Tested, before: _Tested | None, luck: Luck, excess: Floats, word: Word
) -> tuple[str, ...]:
    n = len(excess)
    earned = "earned" if net.value >= 0 else "lost"
    gap = (
        f"Beside the market, held with as much money, it {earned} {abs(net.value):.2f} bps of its "
        f"equity a session after costs; 95 % of the means of {n:,} sessions drawn again lie "
        f"between {net.low:+.2f} and {net.high:+.2f}."
    )
    out = [gap, f"{sentence_of(luck)} {_sentence_of_sharpe(net, luck)}"]
    if net.value > 0:
        out.append(_sentence_of_losses(excess * BPS))
    if before is not None:
        told = f"Before fees and slippage it would be {before.value:+.2f} bps a session"
        span = f"95 % from {before.low:+.2f} to {before.high:+.2f}"
        against = ": the other side of these trades had the edge" if word == CONTRADICTED else ""
        out.append(f"{told}, {span}{against}.")
    return tuple(out)


def _sentence_of_sharpe(net: _Tested, luck: Luck) -> str:
    name = "deflated" if luck.n_trials > 1 else "probabilistic"
    return (
        f"This one has {net.sharpe * _YEAR:+.2f}: a {name} Sharpe ratio of {1 - net.p_value:.3f}, "
        f"where {1 - LEVEL:.3f} would show an edge."
    )


def _sentence_of_losses(excess: Floats) -> str:
    """Say how large a loss would undo the gain: none may have come yet."""
    worst, whole = float(excess.min()), float(excess.sum())
    told = (
        f"The worst session lost {-worst:,.2f} bps"
        if worst < 0
        else f"The worst session earned {worst:,.2f} bps"
    )
    return f"{told}; one more that lost {whole:,.2f} would undo all that {len(excess):,} earned."


def _too_few(closed: int, active: int) -> str:
    return (
        f"{_counted(closed, 'closed trade')} on {_counted(active, 'day')} can't tell an edge "
        f"from luck: {FEWEST_TRADES} trades and {FEWEST_INVESTED} days are the least."
    )


def _constant(excess: Floats) -> str:
    each = float(excess.mean()) * BPS if len(excess) else 0.0
    return (
        f"Beside the market it earned {each:+.2f} bps in every session alike: without a spread "
        "luck can't be told from an edge."
    )


def _counted(n: int, noun: str) -> str:
    return f"{n:,} {noun}" + ("" if n == 1 else "s")
