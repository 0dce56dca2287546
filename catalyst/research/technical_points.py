"""The technical and volume scores, point by point."""

from __future__ import annotations

import math

import numpy as np

from catalyst.data.figures import count, number, percent, price
from catalyst.data.story import Fact, Section, Value
from catalyst.research.article_weights import check
from catalyst.research.run_books import Row, RunBooks
from catalyst.research.walk import Known
from catalyst.strategy.components import MOVE_SCORES
from catalyst.strategy.draw import is_on
from catalyst.strategy.funnel import long_scores, volume_scores
from catalyst.strategy.indicators import (
    ema_at_nb,
    macd_hist_at_nb,
    rsi_at_nb,
    sma_at_nb,
)
from catalyst.strategy.moves import rsi_of
from catalyst.strategy.params import Params
from catalyst.strategy.values import BarPanel, Floats


def technical_section(books: RunBooks, known: Known, symbol: str, signal: Row) -> Section:
    """Tell which points made a signal's technical score, and what its volume is worth.

    Raises
    ------
    InputError
        If the points don't give the recorded scores.
    """
    params = books.rules(known.asof_ns)
    toward = toward_of(signal, params)
    base = _one(known.view.base, known.row(symbol))
    facts: list[Fact] = []
    own = params.technical_score
    if own.function is not None:
        long = float(np.asarray(own.function(base, params), np.float64)[0])
        facts.append(
            Fact(f"{own.name} gives a long {number(long)}", {"component": own.name, "score": long})
        )
    elif own.name in MOVE_SCORES:
        long = _long(base, known, symbol, params)
        facts += move_points(base, known, symbol, params, long)
    else:
        long = _long(base, known, symbol, params)
        n = int(base.count[0])
        if is_on(params) and n < params.technical.bars_min:
            facts.append(Fact(f"{count(n, 'bar')} tell nothing: {number(long)}", {"bars": n}))
        else:
            facts += points(base.close[0, :n], params, long)
    if toward < 0:
        facts.append(
            Fact(f"for a short 100 − {number(long)} = {number(signal['technical_score'])}")
        )
    check("technical score", long if toward > 0 else 100.0 - long, signal["technical_score"])
    facts.append(volume_fact(params, float(known.survey.rvol[known.index(symbol)]), signal))
    title = (
        f"Technical {number(signal['technical_score'])} and volume "
        f"{number(signal['volume_score'])}, on {books.timeframe} bars"
    )
    return Section(title, tuple(facts))


def _long(base: BarPanel, known: Known, symbol: str, params: Params) -> float:
    index = np.array([known.index(symbol)], np.int32)
    return float(long_scores(base, known.survey, index, params, names=(symbol,))[0])


def move_points(
    base: BarPanel, known: Known, symbol: str, params: Params, score: float
) -> list[Fact]:
    """Return the points of a technical score that goes by the move of some days.

    Parameters
    ----------
    base
        The symbol's base bars, one row.
    known, symbol, params
        What was known, of whom, and the numbers.
    score
        The technical score of a long that they must add up to.

    Raises
    ------
    InputError
        If they don't.
    """
    p, start = params.move, params.technical.base_score
    survey, i = known.survey, known.index(symbol)
    sessions = count(p.move_sessions, "session")
    last, before = float(survey.price[i]), float(survey.session_close[i, -p.move_sessions])
    move = last / before - 1.0
    facts = [Fact(f"starts at {number(start)}", {"points": start})]
    if math.isnan(move):
        text, gained = f"the close {sessions} back is unknown", [0.0]
    else:
        text = f"{price(last)} after {price(before)}, {sessions} back: {percent(move, 2)}"
        gained = [p.chase_points * move]
    if params.technical_score.name == "momentum_chase":
        facts.append(Fact(f"{text}: {gained[0]:+.2f}", {"move": move, "points": gained[0]}))
    else:
        rsi = float(rsi_of(base, params)[0])
        gained = [
            _inside(abs(move), p.move_low, p.move_high, p.move_points),
            _inside(rsi, p.calm_rsi_low, p.calm_rsi_high, p.calm_rsi_points),
        ]
        asked = f"{percent(p.move_low)} to {percent(p.move_high)}, up or down"
        facts.append(Fact(f"{text} ({asked}): {gained[0]:+g}", {"move": move, "points": gained[0]}))
        asked = f"{number(p.calm_rsi_low)} to {number(p.calm_rsi_high)}"
        told = f"RSI({params.technical.rsi_bars}) {number(rsi)} ({asked}): {gained[1]:+g}"
        facts.append(Fact(told, {"rsi": rsi, "points": gained[1]}))
    total = start
    for points_of in gained:
        total += points_of
    clipped = min(max(total, 0.0), 100.0)
    if clipped != total:
        facts.append(Fact(f"{number(total)} is clipped to {number(clipped)}"))
    check("sum of technical points", clipped, score)
    return facts


def _inside(value: float, low: float, high: float, points: float) -> float:
    if math.isnan(value):
        return 0.0
    return points if low <= value <= high else -points


def toward_of(signal: Row, params: Params) -> int:
    """Return the side in which a signal's technical score is taken: its own, else its news'."""
    side = {"long": 1, "short": -1}.get(signal["side"], 0)
    band = params.catalyst.neutral_band
    leaning = 1 if signal["direction"] > band else -1 if signal["direction"] < -band else 0
    return side or leaning or 1


def points(close: Floats, params: Params, score: float) -> list[Fact]:
    """Return the points of a long, one fact a rule.

    Parameters
    ----------
    close : float64[n]
        The symbol's closes, USD, oldest first.
    params
        Periods and points.
    score
        The technical score they must add up to.

    Raises
    ------
    InputError
        If they don't.
    """
    p = params.technical
    t = len(close) - 1
    if math.isnan(score):
        return [Fact(f"unknown: {len(close)} bars are too few", {"bars": len(close)})]
    rsi = rsi_at_nb(close, t, p.rsi_bars, p.window)
    hist = macd_hist_at_nb(close, t, p.macd_fast, p.macd_slow, p.macd_signal, p.window)
    short, long = sma_at_nb(close, t, p.sma_fast), sma_at_nb(close, t, p.sma_slow)
    # The value one bar before in the same recursion: both begin at the window's first bar.
    recent = np.ascontiguousarray(close[max(0, t + 1 - p.window) :])
    last = len(recent) - 1
    ema = ema_at_nb(recent, last, p.ema_bars, len(recent))
    before = ema_at_nb(recent, last - 1, p.ema_bars, len(recent))
    now = float(close[t])
    rules: list[tuple[str, float, dict[str, Value]]] = [
        (
            f"RSI({p.rsi_bars}) {number(rsi)} ({number(p.rsi_low)} to {number(p.rsi_high)})",
            p.rsi_points if rsi < p.rsi_low else -p.rsi_points if rsi > p.rsi_high else 0.0,
            {"rsi": rsi, "low": p.rsi_low, "high": p.rsi_high},
        ),
        (
            f"MACD({p.macd_fast},{p.macd_slow},{p.macd_signal}) histogram {hist:+.4f}",
            p.macd_points if hist > 0 else -p.macd_points if hist < 0 else 0.0,
            {"macd_histogram": hist},
        ),
        (
            f"close {price(now)}, SMA{p.sma_fast} {price(short)}, SMA{p.sma_slow} {price(long)}",
            p.sma_points if now > short > long else -p.sma_points if now < short < long else 0.0,
            {"close": now, "sma_fast": short, "sma_slow": long},
        ),
        (
            f"EMA{p.ema_bars} {price(ema)}, a bar before {price(before)}",
            p.ema_points if ema > before else -p.ema_points if ema < before else 0.0,
            {"ema": ema, "ema_before": before},
        ),
    ]
    total = p.base_score
    facts = [Fact(f"starts at {number(p.base_score)}", {"points": p.base_score})]
    for text, gained, values in rules:
        # As the kernel adds them: nothing where no rule holds.
        total = total + gained if gained else total
        facts.append(Fact(f"{text}: {gained:+g}", {**values, "points": gained}))
    clipped = min(max(total, 0.0), 100.0)
    if clipped != total:
        facts.append(Fact(f"{number(total)} is clipped to {number(clipped)}"))
    check("sum of technical points", clipped, score)
    return facts


def volume_fact(params: Params, rvol: float, signal: Row) -> Fact:
    """Tell what a relative volume is worth.

    Raises
    ------
    InputError
        If it doesn't give the recorded score.
    """
    own = params.volume_score
    one = np.array([rvol])
    values: dict[str, Value] = {"rvol": rvol, "volume_score": signal["volume_score"]}
    text = f"relative volume {number(rvol)}"
    if own.function is not None:
        found = float(np.asarray(own.function(one, params), np.float64)[0])
        text += f": {own.name} gives {number(found)}"
        values["component"] = own.name
    else:
        found = float(volume_scores(one, params)[0])
        levels = params.technical.volume_levels
        reached = [level for level in levels if rvol >= level]
        why = f"from {number(max(reached))} on" if reached else f"below {number(min(levels))}"
        text += f", {why}: {number(found)}"
    check("volume score", found, signal["volume_score"])
    return Fact(text, values)


def _one(panel: BarPanel, row: int) -> BarPanel:
    names = ("ts_ns", "open", "high", "low", "close", "volume", "count")
    return BarPanel(*(getattr(panel, name)[row : row + 1] for name in names))
