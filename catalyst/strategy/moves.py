"""Technical scores that go by the move of some days: ``momentum_chase`` and ``pullback``.

Source: the specification, section 10; what its page leaves open is said at each.
"""

from __future__ import annotations

import numpy as np

from catalyst.strategy.indicators import rsi_at_nb
from catalyst.strategy.params import Params
from catalyst.strategy.values import BarPanel, Floats, Indices, Survey


def moves(survey: Survey, symbols: Indices, sessions: int) -> Floats:
    """Return each symbol's return since the close some own sessions before today.

    Parameters
    ----------
    survey
        Numbers of every symbol at an instant; prices in today's shares, splits as known by then.
    symbols : int32[k]
        Whom to ask about.
    sessions
        Own sessions back, today's not counted: with 1, since the last close before today.

    Returns
    -------
    float64[k]
        A fraction: last known close over that close, less 1. NaN where either is unknown.
    """
    before = survey.session_close[symbols, survey.session_close.shape[1] - sessions]
    change: Floats = survey.price[symbols] / before - 1.0
    return change


def momentum_chase_scores(move: Floats, params: Params) -> Floats:
    """Return the score of a long that buys what has risen, 0 to 100.

    The base score plus 500 points a whole return, clipped. An unknown move gives the base score.

    Parameters
    ----------
    move : float64[k]
        As `moves` gives them.
    params
        ``technical.base_score``, ``move.chase_points``.
    """
    base = params.technical.base_score
    points = np.where(np.isnan(move), 0.0, params.move.chase_points * move)
    score: Floats = np.clip(base + points, 0.0, 100.0)
    return score


def pullback_scores(move: Floats, rsi: Floats, params: Params) -> Floats:
    """Return the score of a long after a middling move that has calmed down, 0 to 100.

    The base score; 25 points more for a move of 3 to 7 % of size, up or down, and as many less for
    another one; the same for an RSI of 40 to 60. Ends count as inside. What is unknown gives and
    takes nothing. (The page says "move" here where it says "return" of ``momentum_chase``, so the
    size is read, not the sign.)

    Parameters
    ----------
    move, rsi : float64[k]
        As `moves` and `rsi_of` give them.
    params
        ``technical.base_score`` and the section ``move``.
    """
    p = params.move
    score = np.full(len(move), params.technical.base_score)
    for value, low, high, points in (
        (np.abs(move), p.move_low, p.move_high, p.move_points),
        (rsi, p.calm_rsi_low, p.calm_rsi_high, p.calm_rsi_points),
    ):
        inside = (value >= low) & (value <= high)
        score += np.where(np.isnan(value), 0.0, np.where(inside, points, -points))
    clipped: Floats = np.clip(score, 0.0, 100.0)
    return clipped


def rsi_of(bars: BarPanel, params: Params) -> Floats:
    """Return each symbol's RSI at its last base bar, as the specification's technical score has it.

    Parameters
    ----------
    bars
        Base bars of k symbols.
    params
        ``technical.rsi_bars``, ``technical.window`` and ``technical.bars_min``.

    Returns
    -------
    float64[k]
        NaN with fewer bars than ``technical.bars_min``.
    """
    p = params.technical
    out = np.full(len(bars.count), np.nan)
    for k, n in enumerate(bars.count.tolist()):
        if n >= p.bars_min:
            out[k] = rsi_at_nb(bars.close[k], n - 1, p.rsi_bars, p.window)
    return out


def move_scores(bars: BarPanel, survey: Survey, symbols: Indices, params: Params) -> Floats:
    """Return the technical score of a long by the variant's built-in that goes by moves.

    Parameters
    ----------
    bars
        Base bars of the symbols, in their order.
    survey, symbols
        As for `moves`.
    params
        ``technical_score`` is one of `components.MOVE_SCORES`.

    Returns
    -------
    float64[k]
        0 to 100.
    """
    move = moves(survey, symbols, params.move.move_sessions)
    if params.technical_score.name == "momentum_chase":
        return momentum_chase_scores(move, params)
    return pullback_scores(move, rsi_of(bars, params), params)
