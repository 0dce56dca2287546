"""What the strategy remembers: entries, cash, marks and the day's counters."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from catalyst.strategy.decisions import Order
from catalyst.strategy.reasons import Role
from catalyst.strategy.values import Indices


@dataclass(frozen=True)
class Entry:
    """Hold one ``entry_id`` from its order to flat: working entry and position are one thing.

    Attributes
    ----------
    side
        +1 long, -1 short.
    quantity, filled, exited
        Shares ordered, bought into, and left again; both halves together.
    leg_quantity, leg_filled, leg_exited
        The same by half.
    limit
        USD of the entry order.
    cost_micro
        Sum of price x quantity of the entry's fills, micro-dollars, positive.
    stop, target_1, target_2
        Levels fixed by the signal, USD, scaled by splits since.
    trail
        Level of the trailing stop, NaN before target 1 filled.
    extreme
        Highest high (short: lowest low) of the bars that opened at or after the first fill; NaN
        before.
    first_fill_ns
        -1 before the first fill.
    bars_held
        Own base bars that ended since the first fill, the bar of entry included.
    expires_ns
        When the unfilled rest is cancelled.
    exiting
        The role under which the whole position is being left, None while protected.
    """

    entry_id: str
    signal_id: str
    symbol: int
    side: int
    decided_ns: int
    quantity: int
    leg_quantity: tuple[int, int]
    limit: float
    stop: float
    target_1: float
    target_2: float
    expires_ns: int
    catalyst_score: float
    confidence: float
    filled: int = 0
    exited: int = 0
    target_1_exited: int = 0
    leg_filled: tuple[int, int] = (0, 0)
    leg_exited: tuple[int, int] = (0, 0)
    cost_micro: int = 0
    trail: float = float("nan")
    extreme: float = float("nan")
    first_fill_ns: int = -1
    last_bar_ns: int = -1
    bars_held: int = 0
    exiting: Role | None = None
    revision: int = 0
    orders: tuple[Order, ...] = ()

    @property
    def held(self) -> int:
        """Return the shares held, both halves together."""
        return self.filled - self.exited

    @property
    def works(self) -> bool:
        """Tell whether an entry order is still working."""
        return any(o.role is Role.ENTRY for o in self.orders)

    @property
    def average_price(self) -> float:
        """Return the average entry price in USD; NaN before the first fill."""
        return self.cost_micro / self.filled / 1e6 if self.filled else float("nan")


@dataclass(frozen=True)
class PortfolioState:
    """Hold everything the strategy remembers between steps.

    Attributes
    ----------
    cash_micro
        Micro-dollars.
    entries
        Working entries and positions, by symbol.
    marks
        Last known close of each held symbol, USD, by symbol.
    day
        Session the day's counters belong to (days since 1970-01-01).
    day_start_micro
        Equity at the last session's mark.
    entries_today, lost_today, stopped_today
        Entries placed, whether the daily loss was reached, symbols stopped out.
    used_patterns
        (symbol, timeframe, last bar) of pattern bars that were entered on.
    active : int32[<=50]
        The symbols of the first stage.
    """

    cash_micro: int
    entries: tuple[Entry, ...] = ()
    marks: tuple[tuple[int, float], ...] = ()
    day: int = -1
    day_start_micro: int = 0
    entries_today: int = 0
    lost_today: bool = False
    stopped_today: tuple[int, ...] = ()
    used_patterns: tuple[tuple[int, int, int], ...] = ()
    active: Indices = field(default_factory=lambda: np.empty(0, np.int32))

    @property
    def positions_micro(self) -> int:
        """Return the value of all positions at their marks, micro-dollars."""
        marks = dict(self.marks)
        return sum(round(e.side * e.held * marks[e.symbol] * 1e6) for e in self.entries if e.held)

    @property
    def equity_micro(self) -> int:
        """Return cash plus positions at the last known close, micro-dollars."""
        return self.cash_micro + self.positions_micro


@dataclass(frozen=True)
class Action:
    """Hold one corporate action that takes effect at 04:00 of ``day``.

    Attributes
    ----------
    kind
        ``split`` (value: new shares for one old) or ``dividend`` (value: USD a share).
    known_ns
        When it could be known.
    """

    symbol: int
    day: int
    kind: str
    value: float
    known_ns: int


@dataclass(frozen=True)
class Adjustment:
    """Hold what a corporate action did to a position: shares before and after, micro-dollars."""

    ts_ns: int
    entry_id: str
    symbol: int
    kind: str
    value: float
    quantity_before: int
    quantity_after: int
    cash_micro: int
