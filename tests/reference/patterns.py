"""Candlesticks by TA-Lib, momentum events, and the pattern score (section 5)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import talib
import talib.abstract

from reference.bars import Bar
from reference.market import Market
from reference.presets import Numbers
from reference.sessions import MINUTE_NS


@dataclass(frozen=True)
class Kind:
    """A candlestick: TA-Lib's name, our base confidence and how many bars it is drawn with."""

    name: str
    confidence: float
    length: int


CANDLESTICKS = (
    Kind("CDLDOJI", 60.0, 1),
    Kind("CDLHAMMER", 65.0, 1),
    Kind("CDLHANGINGMAN", 65.0, 1),
    Kind("CDLINVERTEDHAMMER", 65.0, 1),
    Kind("CDLSHOOTINGSTAR", 65.0, 1),
    Kind("CDLENGULFING", 70.0, 2),
    Kind("CDLHARAMI", 70.0, 2),
    Kind("CDLPIERCING", 70.0, 2),
    Kind("CDLDARKCLOUDCOVER", 70.0, 2),
    Kind("CDLMORNINGSTAR", 75.0, 3),
    Kind("CDLEVENINGSTAR", 75.0, 3),
    Kind("CDL3WHITESOLDIERS", 75.0, 3),
    Kind("CDL3BLACKCROWS", 75.0, 3),
)
LOOKBACK = {kind.name: int(getattr(talib.abstract, kind.name).lookback) for kind in CANDLESTICKS}
GAP = Kind("gap", 70.0, 1)
SURGE = Kind("volume_surge", 65.0, 1)
BARS_ASKED = 40


@dataclass(frozen=True)
class Detection:
    """A pattern on the last complete bar of a timeframe.

    `value` is what was detected (TA-Lib's value, or +-100 for an event), `side` the direction it
    has in the end: 1, -1, or 0 for a doji and an event that no candlestick confirms.
    """

    symbol: str
    timeframe: str
    kind: Kind
    name: str
    value: int
    side: int
    last_ts: int
    confidence: float
    is_event: bool


@dataclass(frozen=True)
class PatternView:
    """What the patterns of a symbol say together; `best` is None if there is none directed."""

    score: float
    side: int
    best: Detection | None
    detections: tuple[Detection, ...]
    cancelled: bool


def boosted(confidence: float, factor: float) -> float:
    """Return a confidence whose distance to 100 was divided by `factor`."""
    return 100.0 - (100.0 - confidence) / factor


def candlestick_value(name: str, bars: list[Bar]) -> int:
    """Return TA-Lib's value at the last bar, 0 with too few bars.

    It is given exactly the bars it needs, so that its running sums start afresh here.
    """
    needed = LOOKBACK[name] + 1
    if len(bars) < needed:
        return 0
    window = bars[-needed:]
    columns = [
        np.array([getattr(bar, field) for bar in window], dtype=np.float64)
        for field in ("open", "high", "low", "close")
    ]
    return int(getattr(talib, name)(*columns)[-1])


def _events(bars: list[Bar], numbers: Numbers) -> list[tuple[Kind, str, int]]:
    patterns = numbers["patterns"]
    found: list[tuple[Kind, str, int]] = []
    last = bars[-1]
    if len(bars) >= 2:
        change = last.open / bars[-2].close - 1.0
        if change >= patterns["gap_frac"]:
            found.append((GAP, "gap_up", 100))
        elif change <= -patterns["gap_frac"]:
            found.append((GAP, "gap_down", -100))
    count = patterns["surge_bars"]
    if len(bars) > count:
        usual = sum(bar.volume for bar in bars[-count - 1 : -1]) / count
        body = last.close - last.open
        if last.volume > 0.0 and last.volume >= patterns["surge_ratio"] * usual and body != 0.0:
            found.append((SURGE, "volume_surge", 100 if body > 0 else -100))
    return found


def detect(symbol: str, timeframe: str, bars: list[Bar], numbers: Numbers) -> list[Detection]:
    """Return what the last of `bars` completes, at its base confidence and its own direction."""
    found: list[Detection] = []
    if not bars:
        return found
    for kind in CANDLESTICKS:
        value = candlestick_value(kind.name, bars)
        if value != 0:
            side = 0 if kind.name == "CDLDOJI" else (1 if value > 0 else -1)
            found.append(
                Detection(
                    symbol,
                    timeframe,
                    kind,
                    kind.name,
                    value,
                    side,
                    bars[-1].ts,
                    kind.confidence,
                    False,
                )
            )
    for kind, name, value in _events(bars, numbers):
        side = (value > 0) - (value < 0)
        found.append(
            Detection(
                symbol, timeframe, kind, name, value, side, bars[-1].ts, kind.confidence, True
            )
        )
    return found


def _trend_fits(detection: Detection, bars: list[Bar], numbers: Numbers) -> bool:
    count = numbers["patterns"]["trend_bars"]
    before = bars[: len(bars) - detection.kind.length]
    if detection.side == 0 or len(before) < count:
        return False
    average = sum(bar.close for bar in before[-count:]) / count
    trend = (before[-1].close > average) - (before[-1].close < average)
    return bool(trend == (detection.side if detection.is_event else -detection.side))


def _weighed(
    detection: Detection, bars: list[Bar], catalyst_sign: int, numbers: Numbers
) -> Detection:
    patterns = numbers["patterns"]
    confidence = detection.confidence
    agreement = detection.side * catalyst_sign
    if agreement > 0:
        confidence = boosted(confidence, patterns["aligned_boost"])
    elif agreement < 0:
        confidence *= patterns["opposed_factor"]
    if len(bars) >= 3 and bars[-1].volume > max(bars[-2].volume, bars[-3].volume):
        confidence = boosted(confidence, patterns["volume_boost"])
    if _trend_fits(detection, bars, numbers):
        confidence = boosted(confidence, patterns["trend_boost"])
    return replace(detection, confidence=confidence)


def _pooled(
    market: Market, symbol: str, asof: int, numbers: Numbers
) -> list[tuple[Detection, list[Bar]]]:
    frames: list[tuple[str, int | None]] = [("1d", None)]
    if not market.daily:
        offered = sorted(numbers["patterns"]["timeframes_min"])
        frames = [
            (f"{minutes}m", minutes) for minutes in offered if minutes * MINUTE_NS >= market.base_ns
        ]
    pooled = []
    for timeframe, minutes in frames:
        bars = market.larger_bars(symbol, minutes, asof, BARS_ASKED)
        pooled += [(one, bars) for one in detect(symbol, timeframe, bars, numbers)]
    return pooled


def view(
    market: Market, symbol: str, asof: int, *, catalyst_sign: int, numbers: Numbers
) -> PatternView:
    """Return the pattern score and direction of a symbol at `asof`.

    Parameters
    ----------
    market : Market
        The bars.
    symbol : str
        The symbol.
    asof : int
        Instant, ns UTC.
    catalyst_sign : int
        1, -1, or 0 for a neutral catalyst.
    numbers : dict
        The strategy's numbers.

    Returns
    -------
    PatternView
        Detections by timeframe, then in the order of the list of patterns.
    """
    pooled = _pooled(market, symbol, asof, numbers)
    if not numbers["patterns"]["events_alone"]:
        confirmed = {one.side for one, _ in pooled if not one.is_event}
        pooled = [
            (replace(one, side=0) if one.is_event and one.side not in confirmed else one, bars)
            for one, bars in pooled
        ]
    weighed = tuple(_weighed(one, bars, catalyst_sign, numbers) for one, bars in pooled)
    directed = [one for one in weighed if one.side != 0]
    if not directed:
        score = max((one.confidence for one in weighed), default=0.0)
        return PatternView(score, 0, None, weighed, cancelled=False)
    # `max` keeps the first of equals: the finest timeframe, then the order of the list.
    best = max(directed, key=lambda one: one.confidence)
    opposing = [one for one in directed if one.side != best.side]
    if any(one.confidence == best.confidence for one in opposing):
        return PatternView(0.0, 0, None, weighed, cancelled=True)
    score = best.confidence
    if len(directed) >= 2 and not opposing:
        score = boosted(score, numbers["patterns"]["agreement_boost"])
    return PatternView(score, best.side, best, weighed, cancelled=False)


def row(detection: Detection, asof: int, catalyst_sign: int) -> dict[str, Any]:
    """Return a detection as a row of the table `patterns`."""
    return {
        "pattern_id": ":".join(
            (detection.symbol, detection.timeframe, str(detection.last_ts), detection.name)
        ),
        "decided_at": asof,
        "symbol": detection.symbol,
        "timeframe": detection.timeframe,
        "pattern": detection.name,
        "value": detection.value,
        "side": detection.side,
        "confidence": detection.confidence,
        "aligned": detection.side * catalyst_sign > 0,
        "last_ts": detection.last_ts,
    }
