"""Patterns of the finalists: candlesticks and momentum events, weighed against the catalyst.

Source: the specification, section 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit

from catalyst.strategy.candles import PATTERN_TABLE, PATTERNS, detect_last_nb
from catalyst.strategy.decisions import Pattern
from catalyst.strategy.ids import content_id
from catalyst.strategy.own_calls import Caller
from catalyst.strategy.params import Params, PatternParams
from catalyst.strategy.values import Bytes, Flags, Floats, Indices, Ints, MarketView

EVENTS = ("GAP", "SURGE")
"""Momentum events: a bar that opens away from the previous close, a bar of unusual volume."""

_PANEL = ("ts_ns", "open", "high", "low", "close", "volume", "count")
_NAMES = (*PATTERNS, *EVENTS)
_SPANS = (*(info.span for info in PATTERN_TABLE), 1, 1)
_DIRECTED = (*(info.directed for info in PATTERN_TABLE), True, True)


@dataclass(frozen=True)
class Verdict:
    """Hold what the patterns of one symbol say together.

    Attributes
    ----------
    score
        0 to 100.
    side
        +1 bullish, -1 bearish, 0 without a direction.
    best
        The detection that gives score and side, None without any.
    patterns
        Every detection, finest timeframe first.
    cancelled
        Whether equally strong bullish and bearish detections cancelled out.
    """

    score: float
    side: int
    best: Pattern | None
    patterns: tuple[Pattern, ...]
    cancelled: bool = False


UNASKED = Verdict(0.0, 0, None, ())
"""What is said where no pattern is asked for."""


def boosted(confidence: float, factor: float) -> float:
    """Return a confidence whose distance to 100 is divided by ``factor``."""
    return 100.0 - (100.0 - confidence) / factor


def judge(view: MarketView, rows: Ints, leanings: Ints, params: Params) -> list[Verdict]:
    """Detect and weigh the patterns of some symbols.

    Parameters
    ----------
    view
        Holds the bars of every pattern timeframe.
    rows : int[k]
        Rows of the view's panels.
    leanings : int[k]
        Sign of each symbol's catalyst.
    params
        Confidences and boosts.

    Returns
    -------
    list of k `Verdict`
    """
    found: list[list[_Found]] = [[] for _ in rows]
    if view.frames:
        _detect(view, rows, params, found)
    return [
        _verdict(view, int(view.symbols[row]), hits, int(lean), params)
        for row, hits, lean in zip(rows, found, leanings, strict=True)
    ]


class _Found(NamedTuple):
    name: str
    value: int
    directed: bool
    event: bool
    base: float
    length_ns: int
    bar_ns: int
    more_volume: bool
    trend: int
    close: float
    low: float
    high: float


def _detect(view: MarketView, rows: Ints, params: Params, found: list[list[_Found]]) -> None:
    p = params.pattern
    frames, k = len(view.frames), len(rows)
    values = np.zeros((frames, k, len(_NAMES)), np.int8)
    trend, more = np.zeros((frames, k, 3), np.int8), np.zeros((frames, k), np.bool_)
    low, high = np.full((frames, k, 3), np.nan), np.full((frames, k, 3), np.nan)
    close = np.full((frames, k), np.nan)
    ts, open_, highs, lows, closes, volumes, counts = (
        tuple(getattr(panel, name) for panel in view.frames) for name in _PANEL
    )
    detect_frames_nb(
        ts,
        open_,
        highs,
        lows,
        closes,
        volumes,
        counts,
        view.frame_slot_ns,
        rows,
        p.gap_min,
        p.surge_min,
        p.surge_bars,
        p.trend_bars,
        values,
        more,
        trend,
        low,
        high,
        close,
    )

    def add(
        f: int,
        r: int,
        name: str,
        value: int,
        base: float,
        *,
        span: int,
        directed: bool,
        event: bool,
    ) -> None:
        at = (f, r, span - 1)
        found[r].append(
            _Found(
                name,
                value,
                directed,
                event,
                base,
                view.frame_ns[f],
                view.frame_slot_ns[f],
                bool(more[f, r]),
                int(trend[at]),
                float(close[f, r]),
                float(low[at]),
                float(high[at]),
            )
        )

    confidence = _base_confidence(params)
    for f, r, j in zip(*(at.tolist() for at in values.nonzero()), strict=True):
        name = _NAMES[j]
        if name in confidence:
            event = name in EVENTS
            add(
                f,
                r,
                name,
                int(values[f, r, j]),
                confidence[name],
                span=_SPANS[j],
                directed=_DIRECTED[j],
                event=event,
            )
    for component in params.patterns:
        if component.function is None:
            continue
        for f, panel in enumerate(view.frames):
            for r, row in enumerate(rows):
                if np.isfinite(close[f, r]):
                    n = int(panel.count[row])
                    series = (getattr(panel, name)[row, :n] for name in _PANEL[1:6])
                    caller = Caller(view.asof_ns, (view.names[view.symbols[row]],))
                    value = caller.pattern(component, *series)
                    if value:
                        base = p.custom_confidence
                        add(f, r, component.name, value, base, span=1, directed=True, event=False)


def _base_confidence(params: Params) -> dict[str, float]:
    """Return the confidence of each built-in pattern that the variant names."""
    p = params.pattern
    by_family = {
        "doji": p.doji_confidence,
        "hammer": p.hammer_confidence,
        "pair": p.pair_confidence,
        "triple": p.triple_confidence,
    }
    candlesticks = {info.name: by_family[info.family] for info in PATTERN_TABLE}
    out: dict[str, float] = {}
    for component in params.patterns:
        if component.name == "candlesticks":
            out.update(candlesticks)
        elif component.name == "events":
            out.update(GAP=p.gap_confidence, SURGE=p.surge_confidence)
        elif component.function is None:
            out[component.name] = candlesticks[component.name]
    return out


def _verdict(
    view: MarketView, symbol: int, hits: list[_Found], leaning: int, params: Params
) -> Verdict:
    p = params.pattern
    candles = {_sign(h.value) for h in hits if h.directed and not h.event}
    name = view.names[symbol]
    patterns, sides = [], []
    for h in hits:
        side = (
            _sign(h.value)
            if h.directed and (not h.event or p.events_alone or _sign(h.value) in candles)
            else 0
        )
        confidence = h.base
        if side and side == leaning:
            confidence = boosted(confidence, p.aligned_boost)
        elif side and side == -leaning:
            confidence *= p.opposed_factor
        if h.more_volume:
            confidence = boosted(confidence, p.volume_boost)
        if side and h.trend == (side if h.event else -side):
            confidence = boosted(confidence, p.trend_boost)
        stop = h.low if side > 0 else h.high if side < 0 else float("nan")
        target = h.close + params.risk.target_1_r * (h.close - stop)
        sides.append(side)
        patterns.append(
            Pattern(
                content_id("pattern", name, view.asof_ns, h.length_ns, h.name, h.bar_ns),
                symbol,
                h.length_ns,
                h.bar_ns,
                h.name,
                h.value,
                confidence,
                side * leaning,
                h.close,
                stop,
                target,
            )
        )
    return _pooled(patterns, sides, p)


def _pooled(patterns: list[Pattern], sides: list[int], p: PatternParams) -> Verdict:
    best: dict[int, Pattern] = {}
    for pattern, side in zip(patterns, sides, strict=True):
        if side not in best or pattern.confidence > best[side].confidence:
            best[side] = pattern
    everything = tuple(patterns)
    up, down = best.get(1), best.get(-1)
    if up and down:
        if up.confidence == down.confidence:
            return Verdict(0.0, 0, up, everything, cancelled=True)
        side = 1 if up.confidence > down.confidence else -1
        return Verdict(best[side].confidence, side, best[side], everything)
    if up or down:
        side = 1 if up else -1
        score = best[side].confidence
        if sides.count(side) > 1:
            score = boosted(score, p.agree_boost)
        return Verdict(score, side, best[side], everything)
    alone = best.get(0)
    return Verdict(alone.confidence if alone else 0.0, 0, alone, everything)


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)


@njit(cache=True, nogil=True, error_model="numpy")
def detect_frames_nb(
    ts: tuple[Ints, ...],
    o: tuple[Floats, ...],
    h: tuple[Floats, ...],
    low: tuple[Floats, ...],
    c: tuple[Floats, ...],
    v: tuple[Floats, ...],
    count: tuple[Indices, ...],
    slot_ns: tuple[int, ...],
    rows: Ints,
    gap_min: float,
    surge_min: float,
    surge_bars: int,
    trend_bars: int,
    values: Bytes,
    more_volume: Flags,
    trend: Bytes,
    lowest: Floats,
    highest: Floats,
    last: Floats,
) -> None:
    """Detect the patterns of every timeframe at the last complete bar of some symbols.

    Parameters
    ----------
    ts, o, h, low, c, v, count : tuples of f arrays
        The arrays of a `BarPanel` of each timeframe.
    slot_ns : tuple of f int
        Start of each timeframe's last complete slot (-1: none); a symbol whose last bar is another
        one has no pattern.
    rows : int[k]
        Rows of the panels asked about.
    gap_min, surge_min, surge_bars, trend_bars
        Thresholds and windows.
    values : int8[f, k, 15]
        Result: TA-Lib's values of the 13 candlesticks, then +-100 for a gap and a surge.
    more_volume : bool[f, k]
        Result: whether the last bar has more volume than each of the two before.
    trend : int8[f, k, 3]
        Result: sign of close less SMA at the bar before a pattern of 1, 2 or 3 bars; 0 where
        unknown.
    lowest, highest : float64[f, k, 3]
        Result: extremes of the last 1, 2 and 3 bars, USD.
    last : float64[f, k]
        Result: close of the last bar, USD; NaN where it does not fill the slot.
    """
    for f in range(len(ts)):
        for r in range(rows.shape[0]):
            i = rows[r]
            n = count[f][i]
            t = n - 1
            if n == 0 or slot_ns[f] < 0 or ts[f][i, t] != slot_ns[f]:
                continue
            closes, volumes = c[f][i], v[f][i]
            last[f, r] = closes[t]
            detect_last_nb(o[f][i], h[f][i], low[f][i], closes, n, values[f, r, :13])
            if n > 1:
                gap = o[f][i, t] / closes[t - 1] - 1.0
                values[f, r, 13] = 100 if gap >= gap_min else -100 if gap <= -gap_min else 0
            if n > surge_bars:
                total = 0.0
                for a in range(t - surge_bars, t):
                    total += volumes[a]
                if volumes[t] >= surge_min * (total / surge_bars) and volumes[t] > 0.0:
                    opened = o[f][i, t]
                    values[f, r, 14] = (
                        100 if closes[t] > opened else -100 if closes[t] < opened else 0
                    )
            more_volume[f, r] = (
                n > 2 and volumes[t] > volumes[t - 1] and volumes[t] > volumes[t - 2]
            )
            for s in range(3):
                if n > s:
                    lowest[f, r, s] = (
                        min(low[f][i, t - s], lowest[f, r, s - 1]) if s else low[f][i, t]
                    )
                    highest[f, r, s] = (
                        max(h[f][i, t - s], highest[f, r, s - 1]) if s else h[f][i, t]
                    )
                b = t - s - 1
                if b + 1 >= trend_bars:
                    total = 0.0
                    for a in range(b + 1 - trend_bars, b + 1):
                        total += closes[a]
                    mean = total / trend_bars
                    trend[f, r, s] = 1 if closes[b] > mean else -1 if closes[b] < mean else 0
