"""The technical and volume scores, point by point."""

from __future__ import annotations

import math

import numpy as np

from catalyst.data.figures import number, price
from catalyst.data.story import Fact, Section, Value
from catalyst.research.article_weights import check
from catalyst.research.run_books import Row, RunBooks
from catalyst.research.walk import Known
from catalyst.strategy.funnel import technical_scores, volume_scores
from catalyst.strategy.indicators import (
    ema_at_nb,
    macd_hist_at_nb,
    rsi_at_nb,
    sma_at_nb,
)
from catalyst.strategy.params import Params
from catalyst.strategy.values import BarPanel, Floats


def technical_section(books: RunBooks, known: Known, symbol: str, signal: Row) -> Section:
    """Tell which points made a signal's technical score, and what its volume is worth.

    Raises
    ------
    InputError
        If the points don't give the recorded scores.
    """
    params = books.params
    toward = toward_of(signal, params)
    base = _one(known.view.base, known.row(symbol))
    facts: list[Fact] = []
    own = params.technical_score
    if own.function is not None:
        long = float(np.asarray(own.function(base, params), np.float64)[0])
        facts.append(
            Fact(f"{own.name} gives a long {number(long)}", {"component": own.name, "score": long})
        )
    else:
        long = float(technical_scores(base, params)[0])
        n = int(base.count[0])
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
