"""Every number and component of the strategy, as one frozen value with a hash.

Source of the defaults: the strategy's specification (variant ``spec``). Nothing below the drivers decides
anything by a literal; it reads a field of `Params`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, ClassVar

import numpy as np

from catalyst.errors import ParamsError
from catalyst.strategy.components import Component, as_component


def _number(default: float, low: float, high: float, unit: str) -> Any:
    return field(default=default, metadata={"low": low, "high": high, "unit": unit})


def _switch(default: bool, meaning: str) -> Any:
    return field(default=default, metadata={"unit": meaning})


def _numbers(default: tuple[float, ...], low: float, high: float, unit: str) -> Any:
    return field(default=default, metadata={"low": low, "high": high, "unit": unit})


CATEGORIES = (
    "earnings",
    "fda",
    "merger",
    "analyst",
    "insider",
    "legal",
    "product",
    "guidance",
    "partnership",
    "ipo",
    "bankruptcy",
    "dividend",
)
"""Catalyst categories in the order of the bits of a category mask."""


@dataclass(frozen=True)
class CatalystParams:
    """Weigh articles into a catalyst score (specification, section 3)."""

    news_hours: float = _number(24, 0.25, 24 * 30, "hours since publication")
    tau_hours: float = _number(4, 0.01, 24 * 30, "hours; e-folding time of an article's weight")
    tier_weights: tuple[float, ...] = _numbers(
        (1.0, 0.8, 0.6, 0.4, 0.2), 0, 10, "weight of tiers 1..5"
    )
    earnings_weight: float = _number(1.2, 0, 10, "weight")
    fda_weight: float = _number(1.5, 0, 10, "weight")
    merger_weight: float = _number(1.3, 0, 10, "weight")
    other_weight: float = _number(1.0, 0, 10, "weight of any other category, or none")
    state_weights: tuple[float, ...] = _numbers(
        (2.0, 1.0, 0.8, 1.0), 0, 10, "weight of pre_market, regular, after_hours, closed"
    )
    first_weight: float = _number(1.0, 0, 10, "weight of the first of a cluster")
    copy_weight: float = _number(0.25, 0, 10, "weight of a later copy")
    neutral_band: float = _number(0.1, 0, 1, "direction within +- this is neutral")

    arrays: ClassVar[tuple[Any, ...]]
    """Weights as the kernel takes them: tiers, categories, no category, states, first, copy; set by `Params`."""

    def weights(self) -> tuple[Any, ...]:
        """Return the weights as `arrays` holds them."""
        special = {
            "earnings": self.earnings_weight,
            "fda": self.fda_weight,
            "merger": self.merger_weight,
        }
        categories = [special.get(name, self.other_weight) for name in CATEGORIES]
        arrays = [
            np.array(x, np.float64) for x in (self.tier_weights, categories, self.state_weights)
        ]
        for array in arrays:
            array.setflags(write=False)
        tiers, by_category, states = arrays
        return tiers, by_category, self.other_weight, states, self.first_weight, self.copy_weight


@dataclass(frozen=True)
class ScreenParams:
    """Narrow the market 50 -> 20 -> 5 (specification, section 4)."""

    active_count: int = _number(50, 1, 10_000, "symbols of the first stage")
    catalyst_count: int = _number(20, 1, 10_000, "symbols of the second stage")
    final_count: int = _number(5, 1, 1_000, "symbols of the last stage")
    scan_minutes: int = _number(5, 5, 390, "minutes between scans")
    scan_minutes_after_hours: int = _number(60, 5, 390, "minutes between scans after hours")
    active_minutes: int = _number(30, 5, 1_440, "minutes between choices of the first stage")
    catalyst_required: bool = _switch(True, "off only in control variants")
    catalyst_min: float = _number(30, 0, 100, "catalyst score")
    sessions_min: int = _number(5, 1, 20, "sessions of history")
    mean_sessions: int = _number(20, 1, 20, "sessions of a daily mean")
    price_min: float = _number(1, 0, 1e7, "USD")
    price_max: float = _number(500, 0, 1e7, "USD")
    volume_min: float = _number(500_000, 0, 1e12, "shares a day")
    rvol_min: float = _number(1.5, 0, 1_000, "times the usual volume")
    rvol_sessions_min: int = _number(5, 1, 20, "sessions of relative volume")
    rvol_history: bool = _switch(True, "refuse symbols without a history of relative volume")
    combined_catalyst: float = _number(0.5, 0, 1, "weight")
    combined_technical: float = _number(0.3, 0, 1, "weight")
    combined_volume: float = _number(0.2, 0, 1, "weight")


@dataclass(frozen=True)
class PatternParams:
    """Detect and weigh patterns (specification, section 5)."""

    timeframes: tuple[int, ...] = field(
        default=(5, 15, 60), metadata={"low": 1, "high": 390, "unit": "minutes"}
    )
    gap_min: float = _number(0.02, 0, 1, "fraction of the previous close")
    surge_min: float = _number(2.0, 1, 1_000, "times the mean volume")
    surge_bars: int = _number(20, 2, 30, "bars of the mean volume")
    trend_bars: int = _number(20, 2, 30, "bars of the trend's SMA")
    doji_confidence: float = _number(60, 0, 100, "score")
    hammer_confidence: float = _number(65, 0, 100, "score")
    pair_confidence: float = _number(70, 0, 100, "score of engulfing, harami, piercing, dark cloud")
    triple_confidence: float = _number(75, 0, 100, "score of stars, soldiers, crows")
    gap_confidence: float = _number(70, 0, 100, "score")
    surge_confidence: float = _number(65, 0, 100, "score")
    custom_confidence: float = _number(65, 0, 100, "score of a user's own pattern")
    aligned_boost: float = _number(1.5, 1, 100, "boost of a pattern that agrees with the catalyst")
    opposed_factor: float = _number(0.7, 0, 1, "factor of one that fights it")
    volume_boost: float = _number(1.1, 1, 100, "boost")
    trend_boost: float = _number(1.1, 1, 100, "boost")
    agree_boost: float = _number(1.1, 1, 100, "boost of two or more directed, none opposed")
    events_alone: bool = _switch(
        False, "let gaps and surges give a direction without a candlestick"
    )


@dataclass(frozen=True)
class TechnicalParams:
    """Score trend and volume (specification, section 6)."""

    window: int = _number(250, 60, 500, "bars of every recursive indicator")
    bars_min: int = _number(60, 60, 500, "own bars of the base timeframe")
    base_score: float = _number(50, 0, 100, "score")
    rsi_bars: int = _number(14, 2, 50, "bars")
    rsi_low: float = _number(30, 0, 100, "RSI")
    rsi_high: float = _number(70, 0, 100, "RSI")
    rsi_points: float = _number(20, 0, 100, "points")
    macd_fast: int = _number(12, 2, 50, "bars")
    macd_slow: int = _number(26, 3, 59, "bars")
    macd_signal: int = _number(9, 2, 50, "bars")
    macd_points: float = _number(15, 0, 100, "points")
    sma_fast: int = _number(20, 2, 59, "bars")
    sma_slow: int = _number(50, 2, 60, "bars")
    sma_points: float = _number(15, 0, 100, "points")
    ema_bars: int = _number(9, 2, 50, "bars")
    ema_points: float = _number(10, 0, 100, "points")
    volume_levels: tuple[float, ...] = _numbers(
        (2.0, 1.5, 1.0), 0, 1_000, "relative volume, descending"
    )
    volume_scores: tuple[float, ...] = _numbers(
        (90, 70, 50, 30), 0, 100, "score at each level, and below"
    )


@dataclass(frozen=True)
class SignalParams:
    """Turn confidence into size and levels (specification, section 7)."""

    full_above: float = _number(70, 0, 100, "confidence, exclusive")
    half_from: float = _number(50, 0, 100, "confidence")
    quarter_from: float = _number(30, 0, 100, "confidence")
    bands: tuple[float, ...] = _numbers((1.0, 0.5, 0.25), 0, 1, "size bands")
    allow_short: bool = _switch(False, "trade bearish signals")
    direction_from_catalyst: bool = _switch(
        False, "take the direction from the catalyst, ask for no pattern"
    )


@dataclass(frozen=True)
class RiskParams:
    """Gate, size and leave positions (specification, sections 7 and 8)."""

    initial_equity_usd: float = _number(100_000, 1, 1e12, "USD")
    stop_frac: float = _number(0.02, 0.0001, 0.5, "fraction of the entry")
    stop_tight_from: float = _number(70, 0, 101, "catalyst score")
    stop_tight: float = _number(0.75, 0.01, 10, "factor")
    stop_wide_below: float = _number(40, 0, 100, "catalyst score")
    stop_wide: float = _number(1.5, 0.01, 10, "factor")
    target_1_r: float = _number(1.5, 0.01, 100, "multiples of the risk")
    target_2_r: float = _number(3.0, 0.01, 100, "multiples of the risk")
    cap_frac: float = _number(0.20, 0, 1, "fraction of equity")
    cap_frac_pre_market: float = _number(0.10, 0, 1, "fraction of equity")
    volume_frac: float = _number(0.01, 0, 1, "fraction of the mean bar volume")
    volume_bars: int = _number(20, 1, 60, "bars of that mean")
    positions_max: int = _number(5, 1, 1_000, "positions and working entries")
    entries_a_day: int = _number(20, 1, 100_000, "entries")
    daily_loss_frac: float = _number(0.05, 0.0001, 1, "fraction of the last session's mark")
    quiet_minutes: int = _number(30, 0, 390, "minutes before the flatten without entries")
    trail_frac: float = _number(0.01, 0.0001, 0.5, "fraction below the high")
    reversal_min: float = _number(30, 0, 100, "catalyst score of the news against a position")
    time_stop_hours: float = _number(2, 0, 24 * 30, "hours")
    time_stop_bars: int = _number(2, 1, 1_000, "daily bars")
    flatten_at_close: bool = _switch(True, "leave every position before the close")
    flatten_minutes: int = _number(5, 0, 390, "minutes before the close")


@dataclass(frozen=True)
class ExecutionParams:
    """Place and fill orders (specification, sections 8 and 9)."""

    entry_collar_bps: float = _number(50, 0, 10_000, "bps around the signal's entry")
    extended_collar_bps: float = _number(10, 0, 10_000, "bps outside regular hours")
    entry_bars: int = _number(3, 1, 1_000, "base bars an entry lives")
    watch_frac: float = _number(0.01, 0, 0.5, "fraction beyond the close of a watched exit's limit")
    slippage_bps: float = _number(2, 0, 10_000, "bps")
    impact_bps: float = _number(10, 0, 10_000, "bps times the root of quantity over bar volume")
    bar_grace_s: float = _number(
        2, 0, 60, "seconds after its end within which a bar still counts as in time"
    )
    participation_frac: float = _number(0.10, 0, 1, "fraction of a bar's volume that may fill")
    sec_fee_rate: float = _number(0, 0, 0.01, "fraction of the value sold")
    taf_fee_usd: float = _number(0, 0, 1, "USD a share sold")


SECTIONS: dict[str, type] = {
    "catalyst": CatalystParams,
    "screen": ScreenParams,
    "pattern": PatternParams,
    "technical": TechnicalParams,
    "signal": SignalParams,
    "risk": RiskParams,
    "execution": ExecutionParams,
}
SCORED = (("catalyst", 0.35), ("pattern", 0.35), ("technical", 0.20), ("volume", 0.10))
COMPONENTS = (
    "catalyst_score",
    "technical_score",
    "volume_score",
    "patterns",
    "entry_filters",
    "exits",
    "scored",
)
_OWNER = {f.name: name for name, cls in SECTIONS.items() for f in fields(cls)}


@dataclass(frozen=True)
class Params:
    """Hold every number and component of one scoring variant.

    Attributes
    ----------
    variant
        Name for people; not part of the hash.
    catalyst, screen, pattern, technical, signal, risk, execution
        The numbers, by section of the specification.
    catalyst_score, technical_score, volume_score
        Components: a built-in's name, ``module:function``, or a function.
    patterns, entry_filters, exits
        Tuples of components; a pattern is a TA-Lib name or a function.
    scored
        Pairs of scored component and weight; their weighted sum is the confidence.
    hash
        16 hexadecimal digits over every number and every component's source, not the variant's name.

    Raises
    ------
    ParamsError
        If a field is unknown, of the wrong type or out of its range.
    """

    variant: str = "spec"
    catalyst: CatalystParams = CatalystParams()
    screen: ScreenParams = ScreenParams()
    pattern: PatternParams = PatternParams()
    technical: TechnicalParams = TechnicalParams()
    signal: SignalParams = SignalParams()
    risk: RiskParams = RiskParams()
    execution: ExecutionParams = ExecutionParams()
    catalyst_score: Component = Component("spec")
    technical_score: Component = Component("spec")
    volume_score: Component = Component("spec")
    patterns: tuple[Component, ...] = (Component("candlesticks"), Component("events"))
    entry_filters: tuple[Component, ...] = ()
    exits: tuple[Component, ...] = (
        Component("news_reversal"),
        Component("time_stop"),
        Component("flatten"),
    )
    scored: tuple[tuple[Component, float], ...] = tuple((Component(n), w) for n, w in SCORED)

    hash: str = field(init=False, default="", compare=False, repr=False)

    load: ClassVar[Callable[..., Params]]

    def __post_init__(self) -> None:
        for name, cls in SECTIONS.items():
            section = getattr(self, name)
            checked = {
                f.name: _checked(f"{name}.{f.name}", f, getattr(section, f.name))
                for f in fields(cls)
            }
            object.__setattr__(self, name, cls(**checked))
        _check_relations(self)
        object.__setattr__(self.catalyst, "arrays", self.catalyst.weights())
        object.__setattr__(self, "hash", _hash(self))

    def replace(self, **changes: Any) -> Params:
        """Return a copy with the named fields changed.

        Parameters
        ----------
        **changes
            A leaf of any section by its own name (``price_max=1000``), a component
            (``technical_score=my_function``), a whole section as a mapping, or ``variant``.

        Raises
        ------
        ParamsError
            If a name is unknown or a value is out of range.
        """
        tree = {name: value for name, value in changes.items() if name not in _OWNER}
        whole = self.updated(tree)
        leaves: dict[str, dict[str, Any]] = {}
        for name in changes.keys() & _OWNER.keys():
            leaves.setdefault(_OWNER[name], {})[name] = changes[name]
        return whole.updated(leaves) if leaves else whole

    def updated(self, tree: Mapping[str, Any]) -> Params:
        """Return a copy with a nested mapping laid over it, as a variant's YAML file holds it.

        Raises
        ------
        ParamsError
            If a name is unknown or a value is out of range.
        """
        new: dict[str, Any] = {}
        for name, value in tree.items():
            if name == "variant":
                new[name] = str(value)
            elif name in SECTIONS:
                if not isinstance(value, Mapping):
                    msg = f"parameter section {name} is {value!r}; expected names with values, such as {name}: {{...}}"
                    raise ParamsError(msg)
                known = {f.name for f in fields(SECTIONS[name])}
                for leaf in value:
                    if leaf not in known:
                        raise ParamsError(
                            _unknown(f"{name}.{leaf}", [f"{name}.{k}" for k in sorted(known)])
                        )
                new[name] = replace(getattr(self, name), **dict(value))
            elif name == "scored":
                new[name] = _scored(value)
            elif name in ("patterns", "entry_filters", "exits"):
                if isinstance(value, str) or not isinstance(value, (list, tuple)):
                    raise ParamsError(
                        f"{name} is {value!r}; expected a list of component names or functions"
                    )
                new[name] = tuple(as_component(name, v) for v in value)
            elif name in COMPONENTS:
                new[name] = as_component(name, value)
            else:
                raise ParamsError(_unknown(name, [*SECTIONS, *COMPONENTS, "variant"]))
        return replace(self, **new)

    def as_mapping(self) -> dict[str, Any]:
        """Return the nested mapping of every field, components by name; the form that YAML files hold."""
        tree: dict[str, Any] = {"variant": self.variant}
        for name, cls in SECTIONS.items():
            section = getattr(self, name)
            tree[name] = {f.name: _plain(getattr(section, f.name)) for f in fields(cls)}
        for name in ("catalyst_score", "technical_score", "volume_score"):
            tree[name] = getattr(self, name).name
        for name in ("patterns", "entry_filters", "exits"):
            tree[name] = [c.name for c in getattr(self, name)]
        tree["scored"] = {c.name: w for c, w in self.scored}
        return tree


def _hash(params: Params) -> str:
    lines = []
    for name, cls in SECTIONS.items():
        section = getattr(params, name)
        lines += [f"{name}.{f.name}={getattr(section, f.name)!r}" for f in fields(cls)]
    lines += [f"{name}={getattr(params, name)!r}" for name in COMPONENTS]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _scored(value: Any) -> tuple[tuple[Component, float], ...]:
    pairs = list(value.items()) if isinstance(value, Mapping) else value
    if not isinstance(pairs, (list, tuple)) or not pairs:
        raise ParamsError(
            f"scored is {value!r}; expected component names with weights, such as catalyst: 0.35"
        )
    out = []
    for component, weight in pairs:
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 <= weight <= 1:
            raise ParamsError(
                f"scored weight of {component} is {weight!r}; expected a number from 0 to 1"
            )
        out.append((as_component("scored", component), float(weight)))
    if (total := sum(weight for _, weight in out)) > 1.0 + 1e-9:
        raise ParamsError(
            f"the weights of scored add up to {total:g}; expected at most 1, so that confidence stays below 100"
        )
    return tuple(out)


def _checked(name: str, spec: Field[Any], value: Any) -> Any:
    kind = str(spec.type)
    meta = spec.metadata
    if kind == "bool":
        if not isinstance(value, bool):
            raise ParamsError(f"{name} is {value!r}; expected true or false ({meta['unit']})")
        return value
    if kind.startswith("tuple"):
        if (
            not isinstance(value, (tuple, list))
            or (name != "pattern.timeframes" and len(value) != len(spec.default))
            or not len(value)
        ):
            raise ParamsError(
                f"{name} is {value!r}; expected {len(spec.default)} numbers ({meta['unit']})"
            )
        inner = int if "int" in kind else float
        numbers = tuple(_in_range(name, meta, inner, v) for v in value)
        if name == "pattern.timeframes" and len(set(numbers)) < len(numbers):
            raise ParamsError(f"{name} is {value!r}; expected each timeframe once")
        return numbers
    return _in_range(name, meta, int if kind == "int" else float, value)


def _in_range(name: str, meta: Mapping[str, Any], kind: type, value: Any) -> Any:
    expected = f"expected {'a whole number' if kind is int else 'a number'} from {meta['low']:g} to {meta['high']:g} ({meta['unit']})"
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not meta["low"] <= value <= meta["high"]
    ):
        raise ParamsError(f"{name} is {value!r}; {expected}")
    if kind is int and value != int(value):
        raise ParamsError(f"{name} is {value!r}; {expected}")
    return kind(value)


def _unknown(name: str, known: list[str]) -> str:
    leaf = name.rsplit(".", maxsplit=1)[-1]
    owner = _OWNER.get(leaf)
    hint = f"did you mean {owner}.{leaf}?" if owner else f"known are {', '.join(known)}"
    return f"there is no parameter {name}; {hint}"


def _check_relations(params: Params) -> None:
    pairs = (
        ("screen.price_min", params.screen.price_min, "screen.price_max", params.screen.price_max),
        ("risk.target_1_r", params.risk.target_1_r, "risk.target_2_r", params.risk.target_2_r),
        (
            "signal.quarter_from",
            params.signal.quarter_from,
            "signal.half_from",
            params.signal.half_from,
        ),
        (
            "signal.half_from",
            params.signal.half_from,
            "signal.full_above",
            params.signal.full_above,
        ),
        (
            "technical.macd_fast",
            params.technical.macd_fast,
            "technical.macd_slow",
            params.technical.macd_slow,
        ),
        (
            "technical.bars_min",
            params.technical.bars_min,
            "technical.window",
            params.technical.window,
        ),
    )
    for low_name, low, high_name, high in pairs:
        if low > high:
            raise ParamsError(
                f"{low_name} is {low!r}, above {high_name} {high!r}; expected at most that"
            )
