"""What one bar fills (section 9)."""

from __future__ import annotations

import math
from typing import Any

from reference.account import Entry, ExitOrder, Fill, Leg
from reference.bars import Bar
from reference.prices import fill_price


class BarBook:
    """One bar of one symbol, with the shares that are still to be had in it."""

    def __init__(self, bar: Bar, entry: Entry, *, regular: bool, numbers: dict[str, Any]) -> None:
        self.bar = bar
        self.entry = entry
        self.regular = regular
        self.slippage_bps: float = numbers["fills"]["slippage_bps"]
        self.impact_bps: float = numbers["fills"]["impact_bps"]
        self.room: int = math.floor(numbers["fills"]["share_of_volume"] * bar.volume)
        self.fills: list[Fill] = []

    def slipped(self, price: float, quantity: int, *, buying: bool) -> float:
        """Return a price made worse by slippage, not yet rounded."""
        bps = self.slippage_bps + self.impact_bps * math.sqrt(quantity / self.bar.volume)
        return price * (1.0 + bps / 10_000.0 if buying else 1.0 - bps / 10_000.0)

    def take(self, wanted: int) -> int:
        """Take up to `wanted` shares out of the bar."""
        got = min(wanted, self.room)
        self.room -= got
        return got

    def reached_through(self, limit: float, *, buying: bool) -> bool:
        """Say whether the bar traded strictly through a limit."""
        return self.bar.low < limit if buying else self.bar.high > limit

    def limit_fill(self, limit: float, *, buying: bool) -> tuple[float, int]:
        """Return the better of limit and open, and when that was."""
        if (self.bar.open < limit) if buying else (self.bar.open > limit):
            return self.bar.open, self.bar.ts
        return limit, self.bar.end

    def work(self) -> list[Fill]:
        """Let the bar meet the orders of the entry, and return the fills."""
        entry = self.entry
        if self.bar.volume <= 0.0:
            return self.fills
        if entry.exit is not None:
            if self.bar.ts >= entry.exit.sent_at:
                self.leave_by(entry.exit)
            return self.fills
        if entry.held and self.bar.ts >= entry.protected_from:
            self.protect(targets=True)
        if self.may_enter():
            at_open = self.buy()
            if not entry.plain and entry.held:
                self.protect(targets=at_open)
        return self.fills

    def may_enter(self) -> bool:
        """Say whether the entry's order works in this bar."""
        entry = self.entry
        alive = entry.decided_at <= self.bar.ts < entry.expires_at
        return entry.working and entry.exit is None and alive and (entry.plain or self.regular)

    def buy(self) -> bool:
        """Fill the entry as far as the bar goes; say whether that was at its open."""
        entry = self.entry
        buying = entry.side > 0
        if not self.reached_through(entry.limit, buying=buying):
            return False
        price, at = self.limit_fill(entry.limit, buying=buying)
        at_open = at == self.bar.ts
        for leg, wanted in self.wanted():
            quantity = self.take(wanted)
            if quantity == 0:
                continue
            paid = price
            if at_open:
                paid = self.slipped(price, quantity, buying=buying)
                paid = min(paid, entry.limit) if buying else max(paid, entry.limit)
            self.fills.append(entry.enter(leg, quantity, fill_price(paid, buying=buying), at))
        if entry.filled == entry.quantity:
            entry.working = False
        if entry.plain and self.fills:
            entry.protected_from = self.bar.end
        return at_open

    def wanted(self) -> list[tuple[Leg, int]]:
        """Return the halves and what each still waits for; a plain limit is one order."""
        if self.entry.plain:
            return [(self.entry.legs[0], self.entry.quantity - self.entry.filled)]
        return [(leg, leg.ordered - leg.filled) for leg in self.entry.legs]

    def protect(self, *, targets: bool) -> None:
        """Let the bar meet the stop, then the targets if they work."""
        entry = self.entry
        long = entry.side > 0
        touched = self.bar.low <= entry.stop if long else self.bar.high >= entry.stop
        if touched and self.regular:
            self.stop_out()
            return
        if not targets:
            return
        for leg in entry.legs:
            if leg.held == 0 or not self.reached_through(leg.target, buying=not long):
                continue
            price, at = self.limit_fill(leg.target, buying=not long)
            quantity = self.take(leg.held)
            if quantity:
                paid = fill_price(price, buying=not long)
                self.fills.append(entry.leave(leg, quantity, paid, at, leg.role))

    def stop_out(self) -> None:
        """Fill the triggered stops; what the bar has no room for becomes market orders."""
        entry = self.entry
        long = entry.side > 0
        beyond = self.bar.open <= entry.stop if long else self.bar.open >= entry.stop
        price = self.bar.open if beyond else entry.stop
        entry.working = False
        self.sell_halves(price, self.bar.ts if beyond else self.bar.end, entry.stop_role)
        if entry.held:
            entry.exit = ExitOrder(entry.stop_role, None, by_leg=True, sent_at=self.bar.end)

    def sell_halves(self, price: float, at: int, role: str) -> None:
        """Fill each half at `price` made worse by its own slippage."""
        entry = self.entry
        buying = entry.side < 0
        for leg in entry.legs:
            quantity = self.take(leg.held)
            if quantity:
                paid = fill_price(self.slipped(price, quantity, buying=buying), buying=buying)
                self.fills.append(entry.leave(leg, quantity, paid, at, role))

    def leave_by(self, order: ExitOrder) -> None:
        """Fill a working exit: at the open as a market order, or as a limit."""
        entry = self.entry
        buying = entry.side < 0
        if order.limit is None:
            if not self.regular:
                return
            if order.by_leg:
                self.sell_halves(self.bar.open, self.bar.ts, order.role)
                return
            price, at = self.bar.open, self.bar.ts
            quantity = self.take(entry.held)
            if quantity:
                price = self.slipped(price, quantity, buying=buying)
        else:
            if not self.reached_through(order.limit, buying=buying):
                return
            price, at = self.limit_fill(order.limit, buying=buying)
            quantity = self.take(entry.held)
        if quantity:
            paid = fill_price(price, buying=buying)
            self.fills.append(entry.leave_whole(quantity, paid, at, order.role))
