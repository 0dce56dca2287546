"""What a signal was worth: confidence, size band, direction and levels."""

from __future__ import annotations

from catalyst.data.figures import against, number, percent, price
from catalyst.data.story import Fact, Section, Value
from catalyst.research.article_weights import check
from catalyst.research.funnel_story import REASONS
from catalyst.research.run_books import Row, RunBooks
from catalyst.strategy.components import BUILT_IN
from catalyst.strategy.draw import is_on
from catalyst.strategy.params import Params
from catalyst.strategy.values import MarketState

_COLUMN = {name: f"{name}_score" for name in BUILT_IN["scored"]}


def confidence_section(books: RunBooks, signal: Row, state: MarketState) -> Section:
    """Tell which components made the confidence, and which size it allows.

    Raises
    ------
    InputError
        If the weighted scores don't add up to the recorded confidence.
    """
    params = books.rules(signal["decided_at"])
    facts: list[Fact] = []
    total = 0.0
    for (component, weight), score in zip(params.scored, signal["scores"], strict=True):
        total += weight * score
        own = "" if component.name in BUILT_IN["scored"] else " (your own)"
        if not own:
            constant = component.name == "half_size"
            recorded = params.signal.half_from if constant else signal[_COLUMN[component.name]]
            check(f"{component.name} score", score, recorded)
        facts.append(
            Fact(
                f"{component.name}{own}: {number(score)} × {number(weight, 4)} = "
                f"{number(weight * score)}",
                {"component": component.name, "score": score, "weight": weight},
                cells=(
                    f"{component.name}{own}",
                    number(score),
                    number(weight, 4),
                    number(weight * score),
                ),
            )
        )
    check("confidence", total, signal["confidence"])
    facts.append(_band_fact(signal, params, state, daily=books.grid.daily))
    return Section(
        f"Confidence {number(total)}", tuple(facts), ("component", "score", "weight", "adds")
    )


def _band_fact(signal: Row, params: Params, state: MarketState, *, daily: bool) -> Fact:
    p, confidence = params.signal, signal["confidence"]
    if confidence > p.full_above:
        band, text = p.bands[0], f"above {number(p.full_above)}: full size"
    elif confidence >= p.half_from:
        band, text = p.bands[1], f"from {number(p.half_from)}: the second size"
    elif confidence >= p.quarter_from:
        band, text = p.bands[2], f"from {number(p.quarter_from)}: the third size"
    else:
        band, text = 0.0, f"below {number(p.quarter_from)}: none"
    cap = params.risk.cap_frac
    early = state is MarketState.PRE_MARKET and not daily
    if early:
        cap = params.risk.cap_frac_pre_market
    check("size", cap * band, signal["position_size_frac"])
    where = " pre-market" if early else ""
    values: dict[str, Value] = {
        "confidence": confidence,
        "band": band,
        "cap_frac": cap,
        "position_size_frac": signal["position_size_frac"],
    }
    return Fact(
        f"{text}, band {number(band)} × cap{where} {percent(cap)} = "
        f"{percent(signal['position_size_frac'])} of equity",
        values,
    )


def direction_section(books: RunBooks, signal: Row) -> Section:
    """Tell the signal's direction, or why it has none, and its levels."""
    params = books.rules(signal["decided_at"])
    facts = []
    side = signal["side"]
    source = "the news" if params.signal.direction_from_catalyst else "the best directed pattern"
    source = "the draw, always" if is_on(params) else source
    band = params.catalyst.neutral_band
    tone = signal["direction"]
    leaning = "positive" if tone > band else "negative" if tone < -band else "neutral"
    values: dict[str, Value] = {"side": side, "direction": tone}
    if side == "none":
        facts.append(Fact("no direction", values))
    else:
        agrees = {"positive": "long", "negative": "short"}.get(leaning)
        with_news = (
            "the news is neutral" if agrees is None else f"the news is {leaning} ({tone:+.2f})"
        )
        facts.append(Fact(f"{side}, from {source}; {with_news}", values))
        facts.append(_levels_fact(signal, params))
    if signal["outcome"] == "hold":
        facts.append(hold_fact(signal))
    title = "Direction and levels" if side != "none" else "Direction"
    return Section(title, tuple(facts))


def hold_fact(signal: Row) -> Fact:
    """Tell why a signal was held, or refused, with the two numbers compared."""
    reason = REASONS[signal["rule"]]
    text = f"{'held' if signal['outcome'] == 'hold' else 'refused'}: it {reason.text}"
    compared = _compared(signal)
    values: dict[str, Value] = {
        "rule": signal["rule"],
        "value": signal["value"],
        "threshold": signal["threshold"],
    }
    return Fact(f"{text}{compared}", values, "stopped")


def _compared(signal: Row) -> str:
    rule, value, limit = signal["rule"], signal["value"], signal["threshold"]
    had, least = against(value, limit)
    texts = {
        "confidence_min": f": {had}, at least {least}",
        "neutral_catalyst": f": {value:+.3f}, within ±{number(limit)}",
        "positions_max": f": {number(value)} of {number(limit)}",
        "entries_a_day": f": {number(value)} of {number(limit)}",
        "daily_loss": f": {percent(value, 2)}, limit {percent(limit, 2)}",
        "quiet_time": f": {number(value)} min before it, {number(limit)} min are kept free",
        "control_pace": f": {number(value)} placed today, {number(limit)} by then in that run",
        "size_zero": f": {number(value, 3)} shares",
    }
    return texts.get(rule, "")


def _levels_fact(signal: Row, params: Params) -> Fact:
    p, catalyst = params.risk, signal["catalyst_score"]
    factor, why = 1.0, "no factor"
    if catalyst >= p.stop_tight_from:
        factor = p.stop_tight
        why = f"× {number(factor, 3)}, catalyst {number(catalyst)} ≥ {number(p.stop_tight_from)}"
    elif catalyst < p.stop_wide_below:
        factor = p.stop_wide
        why = f"× {number(factor, 3)}, catalyst {number(catalyst)} < {number(p.stop_wide_below)}"
    frac = p.stop_frac * factor if factor != 1.0 else p.stop_frac
    names = ("entry", "stop", "target_1", "target_2", "risk_reward")
    values: dict[str, Value] = {name: signal[name] for name in names}
    values |= {"stop_frac": p.stop_frac, "stop_factor": factor}
    how = Fact(f"stop distance {percent(p.stop_frac, 2)} ({why}) = {percent(frac, 3)} of the entry")
    return Fact(
        f"entry {price(signal['entry'])} (last close), stop {price(signal['stop'])}, target 1 "
        f"{price(signal['target_1'])} ({number(p.target_1_r)} × risk), target 2 "
        f"{price(signal['target_2'])} ({number(p.target_2_r)} × risk)",
        values,
        details=(how,),
    )
