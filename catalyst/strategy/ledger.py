"""Cash, shares and the day's counters: what fills, corporate actions and a new day do to the state.

Every amount is a whole number of micro-dollars; nothing here rounds but the cash paid for fractions
of a share.
"""

from __future__ import annotations

import math
from dataclasses import replace

from catalyst.strategy.clock import DAY_NS
from catalyst.strategy.decisions import Fill, Order
from catalyst.strategy.money import MICRO, notional_micro, on_tick
from catalyst.strategy.params import Params
from catalyst.strategy.portfolio import Action, Adjustment, Entry, PortfolioState
from catalyst.strategy.reasons import Kind, Role, Side
from catalyst.strategy.risk import make_order
from catalyst.strategy.values import Session

_PATTERN_MEMORY_NS = 15 * DAY_NS
_STOPS = (Role.STOP, Role.TRAILING_STOP)


def begin(params: Params) -> PortfolioState:
    """Return the state before the first session: cash only."""
    cash = round(params.risk.initial_equity_usd * MICRO)
    return PortfolioState(cash, day_start_micro=cash)


def roll_day(state: PortfolioState, session: Session) -> PortfolioState:
    """Start a session's counters; the last known marks become the last session's mark."""
    if state.day == session.day:
        return state
    used = tuple(
        key for key in state.used_patterns if key[2] >= session.pre_ns - _PATTERN_MEMORY_NS
    )
    return replace(
        state,
        day=session.day,
        day_start_micro=state.equity_micro,
        entries_today=0,
        lost_today=False,
        stopped_today=(),
        used_patterns=used,
    )


def apply_fills(state: PortfolioState, fills: tuple[Fill, ...]) -> PortfolioState:
    """Book executions: cash, shares by half, and what is left of each order.

    A fill of an order that had been cancelled names order and entry; an entry that had gone comes
    back with its levels and without orders, so that the next look protects it.

    Raises
    ------
    KeyError
        If a fill belongs to no order of the state and names none.
    """
    if not fills:
        return state
    cash = state.cash_micro
    stopped = set(state.stopped_today)
    entries = {e.entry_id: e for e in state.entries}
    by_order = {o.order_id: (e.entry_id, o) for e in state.entries for o in e.orders}
    marks = dict(state.marks)
    for fill in fills:
        if fill.order_id not in by_order and fill.order is not None and fill.entry is not None:
            by_order[fill.order_id] = (fill.entry.entry_id, fill.order)
            entries.setdefault(fill.entry.entry_id, replace(fill.entry, orders=()))
        entry_id, order = by_order[fill.order_id]
        cash -= fill.side * notional_micro(fill.price, fill.quantity) + fill.fee_micro
        entries[entry_id] = _filled(entries[entry_id], order, fill)
        marks[fill.symbol] = marks.get(fill.symbol, fill.price)
        if order.role in _STOPS:
            stopped.add(fill.symbol)
    for fill in fills:
        entry_id, order = by_order[fill.order_id]
        entries[entry_id] = _leaving(entries[entry_id], order)
    return replace(
        state,
        cash_micro=cash,
        entries=tuple(sorted((_swept(e) for e in entries.values()), key=lambda e: e.symbol)),
        marks=tuple(sorted(marks.items())),
        stopped_today=tuple(sorted(stopped)),
    )


def _filled(entry: Entry, order: Order, fill: Fill) -> Entry:
    orders = tuple(
        replace(o, quantity=o.quantity - fill.quantity) if o.order_id == order.order_id else o
        for o in entry.orders
    )
    if order.role is Role.ENTRY:
        filled = entry.filled + fill.quantity
        halves = (
            _halves(filled) if order.leg < 0 else _plus(entry.leg_filled, order.leg, fill.quantity)
        )
        return replace(
            entry,
            orders=orders,
            filled=filled,
            leg_filled=halves,
            cost_micro=entry.cost_micro + notional_micro(fill.price, fill.quantity),
            first_fill_ns=fill.filled_ns if entry.first_fill_ns < 0 else entry.first_fill_ns,
        )
    legs = entry.leg_exited
    if order.leg < 0:
        first = min(fill.quantity, entry.leg_filled[0] - legs[0])
        legs = (legs[0] + first, legs[1] + fill.quantity - first)
    else:
        legs = _plus(legs, order.leg, fill.quantity)
    target_1 = entry.target_1_exited + (fill.quantity if order.role is Role.TARGET_1 else 0)
    return replace(
        entry,
        orders=orders,
        exited=entry.exited + fill.quantity,
        leg_exited=legs,
        target_1_exited=target_1,
    )


def _leaving(entry: Entry, order: Order) -> Entry:
    # The rest of a triggered stop is a market order for good; one filled in parts has no rest.
    left = any(o.order_id == order.order_id and o.quantity > 0 for o in entry.orders)
    if entry.exiting is not None or order.role not in _STOPS or not left:
        return entry
    return replace(entry, exiting=order.role)


def _halves(quantity: int) -> tuple[int, int]:
    return (0, quantity) if quantity < 2 else ((quantity + 1) // 2, quantity // 2)


def _plus(legs: tuple[int, int], leg: int, quantity: int) -> tuple[int, int]:
    return (legs[0] + quantity, legs[1]) if leg == 0 else (legs[0], legs[1] + quantity)


def _swept(entry: Entry) -> Entry:
    # Done are filled orders, and the protection of a half that is entered no more and flat.
    live = tuple(o for o in entry.orders if o.quantity > 0)
    entering = {o.leg for o in live if o.role is Role.ENTRY}
    kept = []
    for o in live:
        if o.role is Role.ENTRY or -1 in entering or o.leg in entering:
            kept.append(o)
            continue
        held = entry.held if o.leg < 0 else entry.leg_filled[o.leg] - entry.leg_exited[o.leg]
        if held > 0:
            kept.append(replace(o, quantity=min(o.quantity, held)))
    return replace(entry, orders=tuple(kept))


def apply_actions(
    state: PortfolioState, actions: tuple[Action, ...], session: Session
) -> tuple[PortfolioState, tuple[str, ...], tuple[Order, ...], tuple[Adjustment, ...]]:
    """Apply splits and dividends to what is held, at 04:00 of the ex-date.

    A split scales shares, levels, marks and the resting exits; working entries are cancelled; the
    fraction of a share that is left is paid in cash at the scaled mark. A dividend is credited as
    cash (a short pays it).

    Parameters
    ----------
    state
        Before the session's first look.
    actions
        Actions whose ex-date is this session, of unadjusted symbols (dividends also of
        split-adjusted ones).
    session
        The session.

    Returns
    -------
    state, cancels, orders, adjustments
        The new state, ids of orders to cancel, the scaled orders that replace them, and what was
        done.
    """
    cancels: list[str] = []
    orders: list[Order] = []
    done: list[Adjustment] = []
    for action in actions:
        for entry in state.entries:
            if entry.symbol != action.symbol:
                continue
            if action.kind == "dividend":
                cash = round(entry.side * entry.held * action.value * MICRO)
                if entry.held:
                    done.append(_adjustment(entry, action, session, entry.held, cash))
                state = replace(state, cash_micro=state.cash_micro + cash)
            elif action.kind == "split":
                state = _split(state, entry, action, session, cancels, orders, done)
    return state, tuple(cancels), tuple(orders), tuple(done)


def _adjustment(
    entry: Entry, action: Action, session: Session, after: int, cash: int
) -> Adjustment:
    return Adjustment(
        session.pre_ns,
        entry.entry_id,
        entry.symbol,
        action.kind,
        action.value,
        entry.side * entry.held,
        entry.side * after,
        cash,
    )


def _split(
    state: PortfolioState,
    entry: Entry,
    action: Action,
    session: Session,
    cancels: list[str],
    orders: list[Order],
    done: list[Adjustment],
) -> PortfolioState:
    ratio = action.value
    cancels += [o.order_id for o in entry.orders]
    others = tuple(e for e in state.entries if e.entry_id != entry.entry_id)
    if not entry.held:
        return replace(state, entries=others)
    marks = dict(state.marks)
    mark = marks[entry.symbol] / ratio
    exact = entry.held * ratio
    held = math.floor(exact + 1e-9)
    cash = round(entry.side * max(exact - held, 0.0) * mark * MICRO)
    if exact - held < 1e-9:
        cash = 0
    up = entry.side > 0
    second = math.floor((entry.leg_filled[1] - entry.leg_exited[1]) * ratio + 1e-9)
    legs = (held - second, second)
    scaled = replace(
        entry,
        quantity=held,
        filled=held,
        exited=0,
        target_1_exited=0,
        leg_quantity=legs,
        leg_filled=legs,
        leg_exited=(0, 0),
        cost_micro=round(entry.cost_micro * entry.held / entry.filled * (held / exact)),
        limit=entry.limit / ratio,
        stop=on_tick(entry.stop / ratio, up=up),
        target_1=on_tick(entry.target_1 / ratio, up=not up),
        target_2=on_tick(entry.target_2 / ratio, up=not up),
        trail=entry.trail if math.isnan(entry.trail) else on_tick(entry.trail / ratio, up=up),
        extreme=entry.extreme / ratio,
        revision=entry.revision + 1,
        orders=(),
    )
    exits = tuple(
        _rescaled(scaled, o, session, ratio) for o in entry.orders if o.role is not Role.ENTRY
    )
    exits = tuple(o for o in exits if o.quantity > 0)
    scaled = replace(scaled, orders=exits)
    orders += exits
    done.append(_adjustment(entry, action, session, held, cash))
    marks[entry.symbol] = mark
    kept = (*others, scaled) if held else others
    if not held:
        cancels += [o.order_id for o in exits]
    return replace(
        state,
        cash_micro=state.cash_micro + cash,
        entries=tuple(sorted(kept, key=lambda e: e.symbol)),
        marks=tuple(sorted(marks.items())),
    )


def _rescaled(entry: Entry, order: Order, session: Session, ratio: float) -> Order:
    shares = entry.held if order.leg < 0 else entry.leg_filled[order.leg]
    buys = order.side is Side.BUY
    limit = order.limit
    if order.role is Role.TARGET_1:
        limit = entry.target_1
    elif order.role is Role.TARGET_2:
        limit = entry.target_2
    elif order.kind is Kind.LIMIT:
        limit = on_tick(order.limit / ratio, up=buys)
    stop = order.stop
    if order.kind is Kind.STOP:
        stop = entry.trail if order.role is Role.TRAILING_STOP else entry.stop
    return make_order(
        entry,
        session.pre_ns,
        order.role,
        order.kind,
        shares,
        limit=limit,
        stop=stop,
        leg=order.leg,
        extended=order.extended,
        replaces_id=order.order_id,
    )
