"""Entries, positions and money (section 8)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from reference.bars import Action
from reference.market import Market
from reference.prices import MICRO, micro, on_tick
from reference.signals import Signal


@dataclass
class Leg:
    """One of the two halves: what was ordered, what has filled, what is still held."""

    role: str  # target_1 or target_2
    target: float
    ordered: int
    filled: int = 0
    held: int = 0


@dataclass
class ExitOrder:
    """A working exit of the whole position; a market order has no limit.

    `by_leg` marks the rest of triggered stops, which are an order for each half.
    """

    role: str
    limit: float | None
    by_leg: bool
    sent_at: int


@dataclass(frozen=True)
class Fill:
    """A fill; `price` lies on the 0.0001 grid."""

    symbol: str
    side: int  # 1 bought, -1 sold
    quantity: int
    price: float
    filled_at: int
    role: str
    entry_id: str


@dataclass
class Entry:
    """One `entry_id`: its working order, its position, its protection, from placed to flat."""

    entry_id: str
    signal: Signal
    side: int
    quantity: int
    limit: float
    plain: bool
    decided_at: int
    expires_at: int
    stop: float
    first_stop: float
    legs: list[Leg]
    working: bool = True
    protected_from: int = 0
    trailing: bool = False
    exit: ExitOrder | None = None
    first_fill_at: int | None = None
    seen_until: int = -1  # start of the newest bar that a look has met
    extreme: float | None = None  # best price of the bars since the first fill, as first seen
    bought: float = 0.0  # entry shares, in shares of today
    entry_usd: float = 0.0
    sold: float = 0.0  # likewise, and what was paid for a fraction
    exit_usd: float = 0.0
    cash_micro: int = 0
    fills: list[Fill] = field(default_factory=list)

    @property
    def symbol(self) -> str:
        """Return the symbol."""
        return self.signal.symbol

    @property
    def held(self) -> int:
        """Return the shares held, a count without sign."""
        return sum(leg.held for leg in self.legs)

    @property
    def filled(self) -> int:
        """Return the shares the entry has got so far."""
        return sum(leg.filled for leg in self.legs)

    @property
    def average(self) -> float:
        """Return the average entry price in shares of today."""
        return self.entry_usd / self.bought

    @property
    def stop_role(self) -> str:
        """Return the role that the stop has now."""
        return "trailing_stop" if self.trailing else "stop"

    @property
    def target_1_filled(self) -> bool:
        """Say whether the first half has got all that it will get and has left at its target."""
        if len(self.legs) < 2 or self.working:
            return False
        first = self.legs[0]
        out = sum(fill.quantity for fill in self.fills if fill.role == "target_1")
        return first.held == 0 and out > 0

    def enter(self, leg: Leg, quantity: int, price: float, at: int) -> Fill:
        """Book an entry fill on a half."""
        total = self.filled + quantity
        if self.plain:
            self._share_out(total)
        else:
            leg.filled += quantity
            leg.held += quantity
        if self.first_fill_at is None:
            self.first_fill_at = at
        self.bought += quantity
        self.entry_usd += quantity * price
        return self._book(self.side, quantity, price, at, "entry")

    def leave(self, leg: Leg, quantity: int, price: float, at: int, role: str) -> Fill:
        """Book an exit fill on a half; the next look cancels what is left of the entry."""
        leg.held -= quantity
        return self._book(-self.side, quantity, price, at, role)

    def leave_whole(self, quantity: int, price: float, at: int, role: str) -> Fill:
        """Book one exit fill on the position, the first half first."""
        rest = quantity
        for leg in self.legs:
            part = min(rest, leg.held)
            leg.held -= part
            rest -= part
        return self._book(-self.side, quantity, price, at, role)

    def _book(self, side: int, quantity: int, price: float, at: int, role: str) -> Fill:
        self.cash_micro -= side * micro(price, quantity)
        if role != "entry":
            self.sold += quantity
            self.exit_usd += quantity * price
        fill = Fill(self.symbol, side, quantity, price, at, role, self.entry_id)
        self.fills.append(fill)
        return fill

    def _share_out(self, total: int) -> None:
        # A plain limit has no bracket: the halves are of what has filled, one share is the second.
        first = 0 if total == 1 else total - total // 2
        for leg, part in zip(self.legs, (first, total - first), strict=True):
            leg.held += part - leg.filled
            leg.filled = part


def new_legs(quantity: int, signal: Signal, *, plain: bool) -> list[Leg]:
    """Return the halves of an order; the odd share is in the first, one share is the second."""
    if plain:
        return [
            Leg("target_1", signal.target_1, quantity),
            Leg("target_2", signal.target_2, 0),
        ]
    if quantity == 1:
        return [Leg("target_2", signal.target_2, 1)]
    second = quantity // 2
    return [
        Leg("target_1", signal.target_1, quantity - second),
        Leg("target_2", signal.target_2, second),
    ]


class Account:
    """Cash, the open entries by symbol, and what the day has seen."""

    def __init__(self, market: Market, numbers: dict[str, Any]) -> None:
        self.market = market
        self.numbers = numbers
        self.cash_micro = round(numbers["risk"]["initial_equity"] * MICRO)
        self.open: dict[str, Entry] = {}
        self.entries_today = 0
        self.stopped_today: set[str] = set()
        self.loss_seen = False
        self.loss_value = 0.0
        self.last_mark: float = numbers["risk"]["initial_equity"]
        self.used: set[tuple[str, str, int]] = set()

    def positions_usd(self, asof: int) -> float:
        """Return the signed value of the positions at the last known closes."""
        return sum(
            entry.side * entry.held * self.market.last_close(symbol, asof)
            for symbol, entry in sorted(self.open.items())
            if entry.held
        )

    def exposure_usd(self, asof: int) -> float:
        """Return the unsigned value of the positions at the last known closes."""
        return sum(
            entry.held * self.market.last_close(symbol, asof)
            for symbol, entry in sorted(self.open.items())
            if entry.held
        )

    def working_usd(self) -> float:
        """Return what the working entries may still take, at their limits."""
        return sum(
            (
                (entry.quantity - entry.filled) * entry.limit
                for _, entry in sorted(self.open.items())
                if entry.working
            ),
            0.0,
        )

    def equity_usd(self, asof: int) -> float:
        """Return cash plus positions at the last known closes."""
        return float(self.cash_micro / MICRO + self.positions_usd(asof))

    def start_day(self) -> None:
        """Forget what counted for the day before."""
        self.entries_today = 0
        self.stopped_today = set()
        self.loss_seen = False

    def watch_loss(self, asof: int) -> None:
        """Latch the daily loss once the marked equity has fallen far enough."""
        change = self.equity_usd(asof) / self.last_mark - 1.0
        if not self.loss_seen and change <= -self.numbers["risk"]["daily_loss_frac"]:
            self.loss_seen = True
            self.loss_value = change

    def apply(self, action: Action, asof: int) -> None:
        """Apply a split or a dividend to an open entry, where its bars are not adjusted already."""
        entry = self.open.get(action.symbol)
        if entry is None:
            return
        bars = self.market.last_bars(action.symbol, asof, 1)
        adjustment = bars[-1].adjustment if bars else "raw"
        held_before = entry.first_fill_at is not None and entry.first_fill_at < action.ex_ns
        if action.kind == "split":
            if adjustment == "raw":
                self._split(entry, action.value, action.effective)
        elif adjustment != "all" and held_before:
            self.cash_micro += round(action.value * MICRO) * entry.side * entry.held

    def _split(self, entry: Entry, ratio: float, asof: int) -> None:
        entry.working = False
        exact = entry.held * ratio
        whole = math.floor(round(exact, 9))
        later = [math.floor(round(leg.held * ratio, 9)) for leg in entry.legs[1:]]
        for leg, held in zip(entry.legs, [whole - sum(later), *later], strict=True):
            leg.held = held
            leg.target = on_tick(leg.target / ratio, up=entry.side < 0)
        entry.stop = on_tick(entry.stop / ratio, up=entry.side > 0)
        entry.first_stop = on_tick(entry.first_stop / ratio, up=entry.side > 0)
        if entry.extreme is not None:
            entry.extreme /= ratio
        entry.bought *= ratio
        entry.sold *= ratio
        if entry.exit is not None and entry.exit.limit is not None:
            entry.exit.limit = on_tick(entry.exit.limit / ratio, up=entry.side > 0)
        rest_usd = (exact - whole) * self.market.last_close(entry.symbol, asof)
        paid = entry.side * round(rest_usd * MICRO) if exact > whole else 0
        self.cash_micro += paid
        entry.cash_micro += paid
        if paid:
            entry.sold += exact - whole
            entry.exit_usd += rest_usd
