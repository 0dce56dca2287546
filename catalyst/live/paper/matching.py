"""Orders of one account against one bar of one symbol, by the fill model that replay uses."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from catalyst.live.paper.orders import PaperOrder
from catalyst.strategy.decisions import Fill, Order
from catalyst.strategy.exchange import Bar, Book, Working
from catalyst.strategy.order_text import NANO
from catalyst.strategy.params import ExecutionParams
from catalyst.strategy.reasons import Kind, Role, Side

_SYMBOL = 0
_ALONE = -1


@dataclass(frozen=True)
class Matched:
    """Hold the orders after a bar, in their order, and the fills in theirs."""

    orders: tuple[PaperOrder, ...]
    fills: tuple[Fill, ...]


def matched(
    orders: tuple[PaperOrder, ...],
    bar: Bar,
    params: ExecutionParams,
    *,
    arrival_ns: int,
    most_shares: int | None = None,
) -> Matched:
    """Match the open orders of one symbol against a bar.

    Parameters
    ----------
    orders
        In the order in which they came.
    bar
        The bar.
    params
        Slippage, participation, fees.
    arrival_ns
        An order accepted so long after a bar opened still meets that bar.
    most_shares
        No more than so many shares fill in this bar; None for what the model gives.
    """
    rows = tuple(_working(o, arrival_ns) for o in orders if _in_book(o))
    if most_shares is not None and bar.volume > 0:
        frac = min(params.participation_frac, (most_shares + 0.5) / bar.volume)
        params = replace(params, participation_frac=frac)
    book, fills = Book({_SYMBOL: rows}).match(_SYMBOL, bar, params)
    after = {w.order.order_id: w for w in book.working.get(_SYMBOL, ())}
    filled: dict[str, list[Fill]] = {}
    for fill in fills:
        filled.setdefault(fill.order_id, []).append(fill)
    parents = {w.order.order_id for w in after.values()}
    out = []
    for order in orders:
        if not _in_book(order):
            out.append(_touched(order, bar))
            continue
        new = _after(order, after.get(order.broker_id), filled.get(order.broker_id, []))
        waits = order.parent_id in parents and order.order_class != "oco"
        if order.leg and new.live and not waits:
            # What a leg covers is what the entry has bought and no other leg has sold.
            new = replace(new, quantity=new.filled + new.left)
        out.append(new)
    return Matched(tuple(out), fills)


def _in_book(order: PaperOrder) -> bool:
    return order.kind != "stop_limit" or order.triggered


def _working(order: PaperOrder, arrival_ns: int) -> Working:
    entry = order.opening and order.kind in ("limit", "market", "stop_limit")
    limit, stop = order.limit_nano / NANO, order.stop_nano / NANO
    kind = {"market": Kind.MARKET, "stop": Kind.STOP}.get(order.kind, Kind.LIMIT)
    if entry and kind is Kind.MARKET:
        # To the fill model an entry at the market is one whose limit every price meets.
        kind, limit = Kind.LIMIT, math.inf if order.side is Side.BUY else 0.0
    role = Role.ENTRY if entry else Role.MANUAL
    model = Order(
        order_id=order.broker_id,
        entry_id=order.group_id,
        signal_id="",
        symbol=_SYMBOL,
        side=order.side,
        role=role,
        kind=kind,
        quantity=order.quantity,
        limit=limit,
        stop=stop,
        leg=0 if order.leg or order.wakes else _ALONE,
        extended=order.extended,
        submitted_ns=order.accepted_ns - arrival_ns,
        parent_id="" if order.order_class == "oco" else order.parent_id,
    )
    triggered = order.triggered and order.kind == "stop"
    return Working(model, order.left, live=order.live, triggered=triggered)


def _after(order: PaperOrder, row: Working | None, fills: list[Fill]) -> PaperOrder:
    shares = sum(f.quantity for f in fills)
    value = sum(round(f.price * 10_000) * f.quantity for f in fills)
    return replace(
        order,
        filled=order.filled + shares,
        value_e4=order.value_e4 + value,
        filled_ns=fills[-1].filled_ns if fills else order.filled_ns,
        left=row.left if row else 0,
        live=row.live if row else order.live,
        triggered=order.triggered
        or bool(row and row.triggered)
        or (order.kind == "stop" and shares > 0),
    )


def _touched(order: PaperOrder, bar: Bar) -> PaperOrder:
    # A stop-limit becomes a limit order that works from the next bar on.
    stop = order.stop_nano / NANO
    hit = bar.low <= stop if order.side is Side.SELL else bar.high >= stop
    on_time = order.live and order.accepted_ns <= bar.ts_ns
    return replace(order, triggered=True) if hit and bar.regular and on_time else order
