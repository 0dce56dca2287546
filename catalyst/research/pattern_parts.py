"""The patterns of a signal: on which bars, and how each confidence came about."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from catalyst.data.figures import eastern, iso_utc, number, price
from catalyst.data.story import Fact, Section, Value
from catalyst.data.visible import visible
from catalyst.errors import InputError
from catalyst.research.article_weights import check
from catalyst.research.run_books import Row, RunBooks
from catalyst.research.walk import Known
from catalyst.strategy.candles import PATTERN_TABLE, PATTERNS
from catalyst.strategy.clock import slot_of, timeframe_label
from catalyst.strategy.decisions import Pattern
from catalyst.strategy.draw import is_on
from catalyst.strategy.news import sign
from catalyst.strategy.params import Params
from catalyst.strategy.patterns import EVENTS, UNASKED, boosted, detect_frames_nb, judge
from catalyst.strategy.values import MarketView

_TABLE = {info.name: info for info in PATTERN_TABLE}
_NAMES = {
    "CDLDOJI": "doji",
    "CDLHAMMER": "hammer",
    "CDLHANGINGMAN": "hanging man",
    "CDLINVERTEDHAMMER": "inverted hammer",
    "CDLSHOOTINGSTAR": "shooting star",
    "CDLENGULFING": "engulfing",
    "CDLHARAMI": "harami",
    "CDLPIERCING": "piercing",
    "CDLDARKCLOUDCOVER": "dark cloud cover",
    "CDLMORNINGSTAR": "morning star",
    "CDLEVENINGSTAR": "evening star",
    "CDL3WHITESOLDIERS": "three white soldiers",
    "CDL3BLACKCROWS": "three black crows",
    "GAP": "gap",
    "SURGE": "volume surge",
}
_SIDES = {1: "bullish", -1: "bearish", 0: "without a direction"}


BEST = " (the best)"
"""What the sentence of a signal's best pattern ends with."""


class Shape(NamedTuple):
    """Hold what a timeframe's last bars say beside their pattern.

    ``trend`` is the sign of close less SMA before a pattern of 1, 2 and 3 bars.
    """

    more_volume: bool
    trend: tuple[int, int, int]


def pattern_section(books: RunBooks, known: Known, symbol: str, signal: Row) -> Section:
    """Tell which patterns a signal rests on.

    Raises
    ------
    InputError
        If the bars of the lake don't give the recorded patterns.
    """
    params, view, row = books.rules(known.asof_ns), known.view, known.row(symbol)
    if is_on(params):
        check("pattern score", UNASKED.score, signal["pattern_score"])
        text = "finalists are drawn by lot, whatever their bars show"
        return Section("Patterns: not asked for", (Fact(text),))
    leaning = sign(signal["direction"], params)
    verdict = judge(view, np.array([row]), np.array([leaning]), params)[0]
    if [p.pattern_id for p in verdict.patterns] != list(signal["pattern_ids"]):
        raise InputError(
            f"the bars of {symbol} at {eastern(known.asof_ns)} show "
            f"{len(verdict.patterns)} patterns, and the run recorded "
            f"{len(signal['pattern_ids'])} others: the lake or the code is another than the run's; "
            "replay it again"
        )
    check("pattern score", verdict.score, signal["pattern_score"])
    directed = {_sign(p.value) for p in verdict.patterns if _is_directed(p.name) and not _event(p)}
    shapes: dict[int, Shape] = {}
    facts = []
    for pattern in verdict.patterns:
        length = pattern.timeframe_ns
        if length not in shapes:
            shapes[length] = _shape(view, row, length, params)
        side = _side(pattern, directed, params)
        best = verdict.best is not None and pattern.pattern_id == verdict.best.pattern_id
        facts.append(_pattern_fact(view, row, pattern, side, leaning, shapes[length], params, best))
    facts.append(_pooled(verdict, params))
    n = len(verdict.patterns)
    title = f"Patterns: score {number(verdict.score)}, {_SIDES[verdict.side]}, from {n} detected"
    return Section(title, tuple(facts))


def pattern_name(name: str) -> str:
    """Return a pattern's name for people."""
    return _NAMES.get(name, visible(name))


def _pooled(verdict: Any, params: Params) -> Fact:  # noqa: ANN401 - a Verdict of the strategy
    best = verdict.best
    if best is None:
        return Fact("no pattern on the last complete bar of any timeframe", {"pattern_score": 0.0})
    name = f"{pattern_name(best.name)} {timeframe_label(best.timeframe_ns)}"
    values: dict[str, Value] = {
        "pattern_score": verdict.score,
        "side": verdict.side,
        "best_pattern_id": best.pattern_id,
    }
    if verdict.cancelled:
        return Fact("equally strong bullish and bearish patterns cancel out", values, "stopped")
    text = f"the best is {name}, {number(best.confidence)}"
    if verdict.score != best.confidence:
        boost = params.pattern.agree_boost
        check("pooled pattern score", boosted(best.confidence, boost), verdict.score)
        text += (
            f"; another agrees and none opposes: boost {number(boost)} → {number(verdict.score)}"
        )
    return Fact(text, values)


def _pattern_fact(
    view: MarketView,
    row: int,
    pattern: Pattern,
    side: int,
    leaning: int,
    shape: Shape,
    params: Params,
    best: bool,  # noqa: FBT001 - one of many columns of a fact
) -> Fact:
    p = params.pattern
    span = _TABLE[pattern.name].span if pattern.name in _TABLE else 1
    confidence = _base(pattern.name, params)
    steps = [f"base {number(confidence)}"]
    values: dict[str, Value] = {
        "pattern_id": pattern.pattern_id,
        "pattern": pattern.name,
        "timeframe": timeframe_label(pattern.timeframe_ns),
        "bar_ts": iso_utc(pattern.bar_ns),
        "value": pattern.value,
        "aligned": pattern.aligned,
        "base": confidence,
    }

    def boost(factor: float, why: str) -> float:
        steps.append(f"{why}, boost {number(factor)} → {number(boosted(confidence, factor))}")
        return boosted(confidence, factor)

    if side and side == leaning:
        confidence = boost(p.aligned_boost, "agrees with the news")
    elif side and side == -leaning:
        confidence *= p.opposed_factor
        steps.append(f"fights the news, × {number(p.opposed_factor)} → {number(confidence)}")
    if shape.more_volume:
        confidence = boost(p.volume_boost, "more volume than each of the two bars before")
    trend = shape.trend[span - 1]
    if side and trend == (side if _event(pattern) else -side):
        way = "continues" if _event(pattern) else "reverses"
        confidence = boost(p.trend_boost, f"{way} the trend")
    check(f"confidence of {pattern.name}", confidence, pattern.confidence)
    values |= {"confidence": confidence, "trend": trend, "more_volume": shape.more_volume}
    label = timeframe_label(pattern.timeframe_ns)
    star = BEST if best else ""
    details = (Fact(", ".join(steps)), *_bars(view, row, pattern, span))
    text = f"{pattern_name(pattern.name)} on {label}, {_SIDES[side]}: {number(confidence)}{star}"
    return Fact(text, values, details=details)


def _bars(view: MarketView, row: int, pattern: Pattern, span: int) -> list[Fact]:
    panel = view.frames[view.frame_ns.index(pattern.timeframe_ns)]
    n = int(panel.count[row])
    facts = []
    for t in range(max(0, n - span), n):
        ts = int(panel.ts_ns[row, t])
        o, h, low, c, v = (
            float(getattr(panel, name)[row, t])
            for name in ("open", "high", "low", "close", "volume")
        )
        when = _bar_time(view, ts, pattern.timeframe_ns)
        facts.append(
            Fact(
                f"bar {when}: O {price(o)} H {price(h)} L {price(low)} C {price(c)} V {v:,.0f}",
                {"ts": iso_utc(ts), "open": o, "high": h, "low": low, "close": c, "volume": v},
                "quiet",
            )
        )
    return facts


def _bar_time(view: MarketView, ts: int, length_ns: int) -> str:
    if view.grid.daily:
        return eastern(ts)[:10]
    end = ts + length_ns
    inside = view.session.pre_ns <= ts < view.session.post_ns
    if inside and length_ns > view.grid.timeframe_ns:
        end = slot_of(view.session, ts, length_ns)[1]
    date = "" if inside else f"{eastern(ts)[:10]} "
    until = eastern(end, date=False)
    return f"{date}{eastern(ts, date=False, marked=False)}-{until}"


def _shape(view: MarketView, row: int, length_ns: int, params: Params) -> Shape:
    p = params.pattern
    f = view.frame_ns.index(length_ns)
    panel = view.frames[f]
    values = np.zeros((1, 1, len(PATTERNS) + len(EVENTS)), np.int8)
    more, trend = np.zeros((1, 1), np.bool_), np.zeros((1, 1, 3), np.int8)
    low, high = np.full((1, 1, 3), math.nan), np.full((1, 1, 3), math.nan)
    detect_frames_nb(
        (panel.ts_ns,),
        (panel.open,),
        (panel.high,),
        (panel.low,),
        (panel.close,),
        (panel.volume,),
        (panel.count,),
        (view.frame_slot_ns[f],),
        np.array([row]),
        p.gap_min,
        p.surge_min,
        p.surge_bars,
        p.trend_bars,
        values,
        more,
        trend,
        low,
        high,
        np.full((1, 1), math.nan),
    )
    one, two, three = trend[0, 0].tolist()
    return Shape(bool(more[0, 0]), (one, two, three))


def _side(pattern: Pattern, candles: set[int], params: Params) -> int:
    if not _is_directed(pattern.name):
        return 0
    way = _sign(pattern.value)
    if _event(pattern) and not params.pattern.events_alone and way not in candles:
        return 0
    return way


def _base(name: str, params: Params) -> float:
    p = params.pattern
    if name in _TABLE:
        family: float = getattr(p, f"{_TABLE[name].family}_confidence")
        return family
    if name in EVENTS:
        return p.gap_confidence if name == "GAP" else p.surge_confidence
    return p.custom_confidence


def _is_directed(name: str) -> bool:
    return name not in _TABLE or _TABLE[name].directed


def _event(pattern: Pattern) -> bool:
    return pattern.name in EVENTS


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)
