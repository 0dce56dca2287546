"""Signals: confidence, direction, levels and reasons of the finalists (section 7)."""

from __future__ import annotations

import math

import numpy as np

from catalyst.strategy.decisions import Signal
from catalyst.strategy.draw import is_on
from catalyst.strategy.funnel import Finalists, Narrowed
from catalyst.strategy.ids import content_id
from catalyst.strategy.money import on_tick
from catalyst.strategy.news import category_names, sign
from catalyst.strategy.own_calls import Caller
from catalyst.strategy.params import Params
from catalyst.strategy.patterns import UNASKED, Verdict, judge
from catalyst.strategy.reasons import Outcome, Reason
from catalyst.strategy.values import MarketState, MarketView

_NAN = float("nan")


def score(
    view: MarketView, narrowed: Narrowed, finalists: Finalists, params: Params
) -> list[tuple[Signal, Verdict]]:
    """Score the finalists.

    Parameters
    ----------
    view
        Bars and news of the instant.
    narrowed, finalists
        The funnel.
    params
        Weights, bands, levels.

    Returns
    -------
    list of (Signal, Verdict)
        By confidence, highest first, then by symbol; drawn by lot, in the order of the draw. A
        signal that may be traded has the outcome ``INTENT`` until the risk gate says otherwise; the
        others are holds with their reason. What is drawn is long, whatever its news and bars say.
    """
    if not len(finalists.row):
        return []
    if is_on(params):
        return [
            (_signal(view, narrowed, finalists, k, 0, UNASKED, params), UNASKED)
            for k in range(len(finalists.row))
        ]
    leanings = np.array([sign(float(narrowed.direction[s]), params) for s in finalists.symbol])
    verdicts = judge(view, finalists.row, leanings, params)
    out = [
        (_signal(view, narrowed, finalists, k, int(leanings[k]), verdict, params), verdict)
        for k, verdict in enumerate(verdicts)
    ]
    return sorted(out, key=lambda pair: (-pair[0].confidence, pair[0].symbol))


def _signal(
    view: MarketView,
    narrowed: Narrowed,
    finalists: Finalists,
    k: int,
    leaning: int,
    verdict: Verdict,
    params: Params,
) -> Signal:
    symbol = int(finalists.symbol[k])
    side = leaning if params.signal.direction_from_catalyst else verdict.side
    side = 1 if is_on(params) else side
    toward = side or leaning or 1
    catalyst = float(narrowed.score[symbol])
    technical = float(finalists.technical[k])
    technical = technical if toward > 0 else 100.0 - technical
    volume = float(finalists.volume[k])
    parts = {
        "catalyst": catalyst,
        "pattern": verdict.score,
        "technical": technical,
        "volume": volume,
        "half_size": params.signal.half_from,
    }
    confidence = 0.0
    scores: list[float] = []
    for component, weight in params.scored:
        if component.function is not None:
            caller = Caller(view.asof_ns, (view.names[symbol],))
            row = int(finalists.row[k])
            scores.append(caller.scored(component, view, row, toward, params))
        else:
            scores.append(parts[component.name])
        confidence += weight * scores[-1]
    band = _band(confidence, params)
    entry = float(view.survey.price[symbol])
    stop, target_1, target_2 = (
        _levels(entry, side, catalyst, params) if side else (_NAN, _NAN, _NAN)
    )
    rule, value, threshold = _hold(
        side,
        leaning,
        verdict,
        direction=float(narrowed.direction[symbol]),
        confidence=confidence,
        band=band,
        params=params,
    )
    cap = params.risk.cap_frac
    if view.state is MarketState.PRE_MARKET and not view.grid.daily:
        cap = params.risk.cap_frac_pre_market
    rows = np.flatnonzero(view.survey.news.symbol == symbol)
    categories = int(np.bitwise_or.reduce(view.survey.news.categories[rows]))
    best = verdict.best
    key = (best.timeframe_ns, best.bar_ns) if best else (0, -1)
    return Signal(
        content_id("signal", params.hash, view.names[symbol], view.asof_ns),
        symbol,
        side,
        confidence,
        catalyst,
        float(narrowed.direction[symbol]),
        verdict.score,
        technical,
        volume,
        entry,
        stop,
        target_1,
        target_2,
        cap * band,
        tuple(view.survey.news.news_id[rows].tolist()),
        tuple(p.pattern_id for p in verdict.patterns),
        _factors(view, symbol, categories, verdict, parts),
        categories,
        key,
        Outcome.INTENT if rule is Reason.PASSED else Outcome.HOLD,
        rule,
        value,
        threshold,
        tuple(scores),
    )


def _band(confidence: float, params: Params) -> float:
    p = params.signal
    if confidence > p.full_above:
        return p.bands[0]
    if confidence >= p.half_from:
        return p.bands[1]
    return p.bands[2] if confidence >= p.quarter_from else 0.0


def _levels(entry: float, side: int, catalyst: float, params: Params) -> tuple[float, float, float]:
    p = params.risk
    frac = p.stop_frac
    if catalyst >= p.stop_tight_from:
        frac *= p.stop_tight
    elif catalyst < p.stop_wide_below:
        frac *= p.stop_wide
    risk = entry * frac
    long = side > 0
    stop = on_tick(entry - side * risk, up=long)
    return (
        stop,
        on_tick(entry + side * p.target_1_r * risk, up=not long),
        on_tick(entry + side * p.target_2_r * risk, up=not long),
    )


def _hold(
    side: int,
    leaning: int,
    verdict: Verdict,
    *,
    direction: float,
    confidence: float,
    band: float,
    params: Params,
) -> tuple[Reason, float, float]:
    if not side and params.signal.direction_from_catalyst:
        return Reason.NEUTRAL_CATALYST, direction, params.catalyst.neutral_band
    if not side:
        if verdict.cancelled:
            return Reason.CANCELLED_OUT, 0.0, _NAN
        if not verdict.patterns:
            return Reason.NO_PATTERN, 0.0, 1.0
        return Reason.UNDIRECTED, 0.0, 1.0
    if leaning == -side:
        return Reason.FIGHTS_CATALYST, float(side), float(leaning)
    if band == 0.0:
        return Reason.CONFIDENCE_MIN, confidence, params.signal.quarter_from
    return Reason.PASSED, _NAN, _NAN


def _factors(
    view: MarketView, symbol: int, categories: int, verdict: Verdict, parts: dict[str, float]
) -> tuple[str, ...]:
    rvol = float(view.survey.rvol[symbol])
    out = [f"catalyst {parts['catalyst']:.1f}"]
    out += category_names(categories)
    if verdict.best is not None:
        minutes = verdict.best.timeframe_ns // 60_000_000_000
        out.append(f"{verdict.best.name} {minutes} min {verdict.best.confidence:.1f}")
    out.append(f"technical {parts['technical']:.0f}")
    if not math.isnan(rvol):
        out.append(f"rvol {rvol:.2f}")
    return tuple(out)
