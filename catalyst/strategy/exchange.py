"""A matching engine for one symbol and one bar: the fill model of replay and of the paper exchange.

Source: the specification, section 9. Within a bar: exits of what was held before, stops before
targets; then entries; then the protection of what has just been entered. All fills of a symbol in a
bar share ``participation_frac`` of its volume. Halted symbols have no bar and fill nothing; a bar
without volume fills nothing.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from typing import NamedTuple

from catalyst.strategy.decisions import Fill, Order
from catalyst.strategy.money import MICRO, fill_price, notional_micro
from catalyst.strategy.params import ExecutionParams
from catalyst.strategy.reasons import Kind, Role, Side


class Bar(NamedTuple):
    """Hold one base bar as the exchange sees it: start and end in ns, prices in USD, shares.

    ``regular`` says whether it overlaps regular hours.
    """

    ts_ns: int
    end_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    regular: bool


class Working(NamedTuple):
    """Hold an order in the book: what is left of it, and whether its stop was triggered."""

    order: Order
    left: int
    live: bool
    triggered: bool = False


@dataclass(frozen=True)
class Book:
    """Hold the working orders by symbol, in the order in which they came."""

    working: dict[int, tuple[Working, ...]] = field(default_factory=dict)

    def changed(self, cancels: tuple[str, ...], orders: tuple[Order, ...]) -> Book:
        """Return the book after cancels, then new orders.

        An order with a parent sleeps until the parent fills, and then covers what has filled.
        """
        if not cancels and not orders:
            return self
        working = dict(self.working)
        if cancels:
            gone = set(cancels)
            for symbol, rows in self.working.items():
                kept = tuple(w for w in rows if w.order.order_id not in gone)
                if kept:
                    working[symbol] = kept
                elif len(kept) != len(rows):
                    del working[symbol]
        for order in orders:
            sleeping = bool(order.parent_id)
            row = Working(order, 0 if sleeping else order.quantity, live=not sleeping)
            working[order.symbol] = (*working.get(order.symbol, ()), row)
        return Book(working)

    def match(
        self, symbol: int, bar: Bar, params: ExecutionParams
    ) -> tuple[Book, tuple[Fill, ...]]:
        """Return the book and the fills after one bar of one symbol.

        Parameters
        ----------
        symbol
            Index in the run's symbol table.
        bar
            A base bar; orders sent after it opened don't meet it.
        params
            Slippage, participation and fees.
        """
        rows = self.working.get(symbol)
        if not rows:
            return self, ()
        left, fills = _match(list(rows), bar, params)
        working = dict(self.working)
        if left:
            working[symbol] = left
        else:
            del working[symbol]
        return Book(working), fills


class _Bar:
    # The state of matching inside one bar: the volume still to be shared and the fills so far.
    __slots__ = ("bar", "budget", "fills", "params", "rows")

    def __init__(self, rows: list[Working], bar: Bar, params: ExecutionParams) -> None:
        self.rows = rows
        self.bar = bar
        self.params = params
        self.budget = math.floor(params.participation_frac * bar.volume)
        self.fills: list[Fill] = []

    def slipped(self, price: float, quantity: int, side: Side) -> float:
        cost_bps = self.params.slippage_bps + self.params.impact_bps * math.sqrt(
            quantity / self.bar.volume
        )
        return price * (1.0 + side * cost_bps / 10_000.0)

    def fill(
        self, i: int, price: float, *, slip: bool, at_open: bool, cap: float = math.nan
    ) -> int:
        row = self.rows[i]
        quantity = min(row.left, self.budget)
        if quantity <= 0:
            return 0
        side = row.order.side
        unslipped = price
        if slip:
            price = self.slipped(price, quantity, side)
        price = fill_price(price, buy=side is Side.BUY)
        if not math.isnan(cap):
            price = min(price, cap) if side is Side.BUY else max(price, cap)
        self.budget -= quantity
        self.rows[i] = row._replace(left=row.left - quantity)
        filled_ns = self.bar.ts_ns if at_open else self.bar.end_ns
        number = len(self.fills)
        text = f"{row.order.order_id}|{self.bar.ts_ns}|{number}"
        fill_id = hashlib.blake2b(text.encode(), digest_size=10).hexdigest()
        fee = _fee_micro(price, quantity, side, self.params)
        slippage = notional_micro(price, quantity) - round(unslipped * quantity * MICRO)
        self.fills.append(
            Fill(
                fill_id,
                row.order.order_id,
                row.order.symbol,
                side,
                quantity,
                price,
                fee,
                filled_ns,
                side * slippage,
            )
        )
        return quantity

    def exits(self, which: list[int], *, targets: bool) -> None:
        bar = self.bar
        for i in which:
            row = self.rows[i]
            if row.order.kind is Kind.MARKET or row.triggered:
                if bar.regular:
                    self.fill(i, bar.open, slip=True, at_open=True)
            elif row.order.kind is Kind.STOP and bar.regular and _touched(row.order, bar):
                self.rows[i] = row._replace(triggered=True)
                gapped = (bar.open - row.order.stop) * row.order.side >= 0
                self.fill(i, bar.open if gapped else row.order.stop, slip=True, at_open=gapped)
        if not targets:
            return
        for i in which:
            order = self.rows[i].order
            if order.kind is not Kind.LIMIT or not (bar.regular or order.extended):
                continue
            if self._sibling_triggered(i) or not _through(order, bar):
                continue
            better = (order.limit - bar.open) * order.side > 0
            self.fill(i, bar.open if better else order.limit, slip=False, at_open=better)

    def _sibling_triggered(self, i: int) -> bool:
        order = self.rows[i].order
        return any(
            w.triggered and w.order.entry_id == order.entry_id and w.order.leg == order.leg
            for w in self.rows
        )

    def enter(self, which: list[int]) -> None:
        # Both halves before anything they wake: then the stops, then the targets.
        bar = self.bar
        woken: list[int] = []
        all_at_open = True
        stopped = {w.order.entry_id for w in self.rows if w.triggered}
        for i in which:
            order = self.rows[i].order
            if (
                order.entry_id in stopped
                or not (bar.regular or order.extended)
                or not _through(order, bar)
            ):
                continue
            at_open = (order.limit - bar.open) * order.side > 0
            price = bar.open if at_open else order.limit
            quantity = self.fill(i, price, slip=at_open, at_open=at_open, cap=order.limit)
            if not quantity:
                continue
            all_at_open = all_at_open and at_open
            for j, row in enumerate(self.rows):
                if row.order.parent_id == order.order_id:
                    self.rows[j] = row._replace(left=row.left + quantity, live=True)
                    woken.append(j)
        self.exits(woken, targets=all_at_open)


def _match(
    rows: list[Working], bar: Bar, params: ExecutionParams
) -> tuple[tuple[Working, ...], tuple[Fill, ...]]:
    at = _Bar(rows, bar, params)
    if bar.volume > 0:
        ready = [i for i, w in enumerate(rows) if w.live and w.order.submitted_ns <= bar.ts_ns]
        entries = [i for i in ready if rows[i].order.role is Role.ENTRY]
        held = [i for i in ready if rows[i].order.role is not Role.ENTRY]
        at.exits(held, targets=True)
        at.enter(entries)
    return _settled(at), tuple(at.fills)


def _settled(at: _Bar) -> tuple[Working, ...]:
    done = {
        w.order.order_id for w in at.rows if w.live and w.left == 0 and w.order.role is Role.ENTRY
    }
    kept = []
    for w in at.rows:
        if w.live and w.left == 0:
            parent_works = w.order.parent_id and any(
                p.order.order_id == w.order.parent_id and p.order.order_id not in done
                for p in at.rows
            )
            if not parent_works:
                continue
        kept.append(w)
    return tuple(_reconciled(kept, at.fills, at.rows))


def _reconciled(kept: list[Working], fills: list[Fill], rows: list[Working]) -> list[Working]:
    # An order shrinks by what its one-cancels-other sibling has filled; siblings of triggered stops
    # go.
    by_order: dict[str, int] = {}
    for f in fills:
        by_order[f.order_id] = by_order.get(f.order_id, 0) + f.quantity
    if not by_order and not any(w.triggered for w in kept):
        return kept
    orders = {w.order.order_id: w.order for w in rows}
    out = []
    for w in kept:
        order = w.order
        if order.role is Role.ENTRY or order.leg < 0 or not w.live:
            out.append(w)
            continue
        siblings = [
            o
            for o in orders.values()
            if o.entry_id == order.entry_id
            and o.leg == order.leg
            and o.role is not Role.ENTRY
            and o.order_id != order.order_id
        ]
        left = w.left - sum(by_order.get(o.order_id, 0) for o in siblings)
        stopped = any(
            r.triggered and r.order.order_id in {o.order_id for o in siblings} for r in rows
        )
        parent_alive = any(r.order.order_id == order.parent_id for r in kept)
        if (left <= 0 or stopped) and not parent_alive:
            continue
        out.append(w._replace(left=max(left, 0)))
    return out


def _touched(order: Order, bar: Bar) -> bool:
    return bar.low <= order.stop if order.side is Side.SELL else bar.high >= order.stop


def _through(order: Order, bar: Bar) -> bool:
    return bar.low < order.limit if order.side is Side.BUY else bar.high > order.limit


def _fee_micro(price: float, quantity: int, side: Side, params: ExecutionParams) -> int:
    if side is Side.BUY or (params.sec_fee_rate == 0 and params.taf_fee_usd == 0):
        return 0
    usd = price * quantity * params.sec_fee_rate + quantity * params.taf_fee_usd
    return math.ceil(round(usd * MICRO, 3))
