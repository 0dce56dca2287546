"""From a candidate to a signal: confidence, direction, stop and targets (section 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reference import patterns
from reference.funnel import NAN, Desk, Facts
from reference.patterns import PatternView
from reference.prices import on_tick
from reference.technical import volume_score


@dataclass
class Signal:
    """A signal and what became of it; `outcome` is hold until the risk gate has spoken."""

    symbol: str
    decided_at: int
    side: int
    confidence: float
    components: dict[str, float]
    entry: float
    stop: float
    target_1: float
    target_2: float
    band: float
    best: patterns.Detection | None
    facts: Facts
    outcome: str = "hold"
    rule: str = ""
    value: float = float("nan")
    threshold: float = float("nan")
    size_frac: float = 0.0

    @property
    def signal_id(self) -> str:
        """Return an id made of its instant and symbol."""
        return f"{self.decided_at}:{self.symbol}"

    @property
    def pattern_key(self) -> tuple[str, str, int] | None:
        """Return the pattern bars that may enter once, None without a directed pattern."""
        if self.best is None:
            return None
        return self.symbol, self.best.timeframe, self.best.last_ts

    def row(self) -> dict[str, Any]:
        """Return the signal as a row of the table `signals`."""
        risk = abs(self.entry - self.stop)
        return {
            "signal_id": self.signal_id,
            "symbol": self.symbol,
            "decided_at": self.decided_at,
            "side": {1: "long", -1: "short", 0: "none"}[self.side],
            "confidence": self.confidence,
            "catalyst_score": self.components["catalyst"],
            "pattern_score": self.components["pattern"],
            "technical_score": self.components["technical"],
            "volume_score": self.components["volume"],
            "entry": self.entry,
            "stop": self.stop,
            "target_1": self.target_1,
            "target_2": self.target_2,
            "risk_reward": abs(self.target_2 - self.entry) / risk if risk > 0.0 else float("nan"),
            "position_size_frac": self.size_frac,
            "catalyst_type": self.facts.catalyst.leading_category,
            "news_ids": list(self.facts.catalyst.news_ids),
            "outcome": self.outcome,
            "rule": self.rule,
            "value": self.value,
            "threshold": self.threshold,
        }


def levels(
    entry: float, side: int, catalyst_score: float, numbers: dict[str, Any]
) -> tuple[float, float, float]:
    """Return stop, target 1 and target 2 on the broker's tick, rounded to the earlier exit."""
    distance = numbers["stop_frac"]
    if catalyst_score >= numbers["strong_catalyst"]:
        distance *= numbers["strong_factor"]
    elif catalyst_score < numbers["weak_catalyst"]:
        distance *= numbers["weak_factor"]
    long = side > 0
    return (
        on_tick(entry * (1.0 - side * distance), up=long),
        on_tick(entry * (1.0 + side * distance * numbers["target_1_risk"]), up=not long),
        on_tick(entry * (1.0 + side * distance * numbers["target_2_risk"]), up=not long),
    )


def _band(confidence: float, numbers: dict[str, Any]) -> float:
    full, half, quarter = numbers["bands"]
    if confidence > numbers["full_above"]:
        return float(full)
    if confidence >= numbers["half_from"]:
        return float(half)
    return float(quarter) if confidence >= numbers["quarter_from"] else 0.0


def judge(desk: Desk, symbol: str, asof: int) -> tuple[Signal, PatternView]:
    """Return the signal of a candidate at `asof` and the patterns it rests on.

    Its `rule` is empty if it asks for an entry; otherwise it holds, for that reason.
    """
    facts = desk.facts(symbol, asof)
    numbers = desk.numbers["signal"]
    seen = patterns.view(
        desk.market,
        symbol,
        asof,
        catalyst_sign=facts.catalyst_sign,
        numbers=desk.numbers,
    )
    by_catalyst = numbers["direction"] == "catalyst"
    side = facts.catalyst_sign if by_catalyst else seen.side
    components = {
        "catalyst": facts.catalyst.score,
        "pattern": seen.score,
        "technical": desk.technical(facts, side or facts.side),
        "volume": volume_score(facts.rvol),
    }
    weights = numbers["weights"]
    confidence = sum(weights[name] * components[name] for name in weights)
    stop, target_1, target_2 = (
        levels(facts.price, side, components["catalyst"], numbers) if side else (NAN, NAN, NAN)
    )
    signal = Signal(
        symbol,
        asof,
        side,
        confidence,
        components,
        facts.price,
        stop,
        target_1,
        target_2,
        _band(confidence, numbers),
        seen.best,
        facts,
    )
    if side == 0:
        if by_catalyst:
            signal.rule, signal.value = "neutral_catalyst", facts.catalyst.direction
            signal.threshold = desk.numbers["news"]["neutral_band"]
        else:
            signal.rule = "patterns_cancel" if seen.cancelled else "no_pattern"
            signal.value, signal.threshold = 0.0, 1.0
    elif side * facts.catalyst_sign < 0:
        signal.rule, signal.value = "fights_catalyst", facts.catalyst.direction
        signal.threshold = -side * desk.numbers["news"]["neutral_band"]
    elif signal.band == 0.0:
        signal.rule, signal.value = "confidence", confidence
        signal.threshold = numbers["quarter_from"]
    return signal, seen
