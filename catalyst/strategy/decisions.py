"""What a step decides: the funnel it saw, patterns, signals, orders; and what comes back, fills."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from catalyst.strategy.reasons import Kind, Outcome, Reason, Role, Side
from catalyst.strategy.values import Bytes, Floats, Indices

if TYPE_CHECKING:
    from catalyst.strategy.portfolio import Entry


@dataclass(frozen=True)
class Order:
    """Hold one order as it is sent.

    Attributes
    ----------
    order_id, entry_id, signal_id
        Functions of content, 20 hexadecimal digits.
    symbol
        Index in the run's symbol table.
    leg
        0 for the half with target 1, 1 for the half with target 2, -1 for an exit of both.
    limit, stop
        USD, NaN where not of that kind.
    extended
        Whether it may fill outside regular hours.
    parent_id
        The entry whose fill brings it to life, empty for an order that works at once.
    replaces_id
        The order it replaces, empty for none.
    """

    order_id: str
    entry_id: str
    signal_id: str
    symbol: int
    side: Side
    role: Role
    kind: Kind
    quantity: int
    limit: float
    stop: float
    leg: int
    extended: bool
    submitted_ns: int
    parent_id: str = ""
    replaces_id: str = ""


@dataclass(frozen=True)
class Fill:
    """Hold one execution.

    Attributes
    ----------
    price
        USD on 0.0001.
    fee_micro
        Micro-dollars.
    slippage_micro
        What slippage and rounding took, micro-dollars: quantity times the distance between the
        price and what it was before either; 0 for a limit that filled at its own price.
    filled_ns
        The bar's open for a fill at the open, else the bar's end; live, the broker's time.
    order, entry
        The order and its entry as they were last known, for an order that had been cancelled when
        it filled: at a broker, a cancel can come too late. None in replay.
    """

    fill_id: str
    order_id: str
    symbol: int
    side: Side
    quantity: int
    price: float
    fee_micro: int
    filled_ns: int
    slippage_micro: int = 0
    order: Order | None = None
    entry: Entry | None = None


@dataclass(frozen=True)
class Screen:
    """Hold who passed each stage of the funnel, and why the others did not.

    One row a symbol and stage.

    Attributes
    ----------
    symbol : int32[n]; stage : int8[n] (50, 20, 5); reason : int8[n]
        `Reason`; ``PASSED`` for those that passed.
    value, threshold : float64[n]
        The two numbers compared; NaN where none were.
    catalyst_score, direction, price, volume, change_frac, rvol : float64[n]
        What the symbol looked like.
    """

    symbol: Indices
    stage: Bytes
    reason: Bytes
    value: Floats
    threshold: Floats
    catalyst_score: Floats
    direction: Floats
    price: Floats
    volume: Floats
    change_frac: Floats
    rvol: Floats


class Pattern(NamedTuple):
    """Hold one detected pattern of a finalist."""

    pattern_id: str
    symbol: int
    timeframe_ns: int
    bar_ns: int
    name: str
    value: int
    confidence: float
    aligned: int
    entry: float
    stop: float
    target: float


class Signal(NamedTuple):
    """Hold one scored finalist, its levels, and what became of it.

    Attributes
    ----------
    side
        +1 long, -1 short, 0 without a direction.
    confidence, catalyst_score, pattern_score, technical_score, volume_score
        0 to 100; the technical score is that of the signal's side.
    entry, stop, target_1, target_2
        USD; levels on the broker's tick, NaN without a direction.
    size_frac
        Cap times band: fraction of equity.
    news_ids
        The articles that made the catalyst score, in their order.
    categories
        Bit mask of their categories.
    pattern_key
        Timeframe and start of the best detection's last bar (ns); (0, -1) without one.
    rule, value, threshold
        Why it is held or refused, and the two numbers compared.
    scores
        What each scored component gave, in the order of ``Params.scored``; weighted and summed in
        that order they are the confidence.
    """

    signal_id: str
    symbol: int
    side: int
    confidence: float
    catalyst_score: float
    direction: float
    pattern_score: float
    technical_score: float
    volume_score: float
    entry: float
    stop: float
    target_1: float
    target_2: float
    size_frac: float
    news_ids: tuple[int, ...]
    pattern_ids: tuple[str, ...]
    key_factors: tuple[str, ...]
    categories: int
    pattern_key: tuple[int, int]
    outcome: Outcome = Outcome.HOLD
    rule: Reason = Reason.PASSED
    value: float = float("nan")
    threshold: float = float("nan")
    scores: tuple[float, ...] = ()


@dataclass(frozen=True)
class Decision:
    """Hold everything one step decided.

    Attributes
    ----------
    cancels
        Ids of the orders to cancel, before any is sent, with the role that asked for it.
    orders
        Orders to send, in order.
    """

    asof_ns: int
    scan: bool
    screen: Screen | None = None
    patterns: tuple[Pattern, ...] = ()
    signals: tuple[Signal, ...] = ()
    cancels: tuple[str, ...] = ()
    orders: tuple[Order, ...] = ()
