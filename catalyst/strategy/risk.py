"""The risk gate, sizing, and the orders of an entry (specification, section 8)."""

from __future__ import annotations

import math
from dataclasses import replace

from catalyst.strategy.clock import MINUTE_NS, bar_ends, flatten_instant
from catalyst.strategy.decisions import Order, Signal
from catalyst.strategy.draw import entries_due
from catalyst.strategy.ids import content_id
from catalyst.strategy.money import MICRO, on_tick
from catalyst.strategy.params import Params
from catalyst.strategy.portfolio import Entry, PortfolioState
from catalyst.strategy.reasons import Kind, Outcome, Reason, Role, Side
from catalyst.strategy.values import MarketState, MarketView

_NAN = float("nan")
_BPS = 10_000.0


def serve(
    state: PortfolioState, view: MarketView, signal: Signal, row: int, params: Params
) -> tuple[PortfolioState, Signal, tuple[Order, ...]]:
    """Pass one signal through the gate; size it and make its orders if nothing refuses it.

    Parameters
    ----------
    state
        After the signals served before it.
    view
        Bars of the instant.
    signal
        A signal with the outcome ``INTENT``.
    row
        Its row in the view's panels.
    params
        Limits.

    Returns
    -------
    state, signal, orders
        The signal with the outcome ``REFUSED``, rule, value and threshold if it was refused.
    """
    refusal = _refusal(state, view, signal, params)
    if refusal is not None:
        return state, _refused(signal, *refusal), ()
    limit = entry_limit(view, signal, params)
    wanted = _quantity(state, view, signal, row, limit, params)
    quantity = math.floor(wanted) if wanted > 0 else 0
    if quantity < 1:
        return state, _refused(signal, Reason.SIZE_ZERO, wanted, 1.0), ()
    entry = _entry(view, signal, row, quantity, limit, params)
    entries = tuple(sorted((*state.entries, entry), key=lambda e: e.symbol))
    after = replace(
        state,
        entries=entries,
        entries_today=state.entries_today + 1,
        used_patterns=(*state.used_patterns, (signal.symbol, *signal.pattern_key)),
    )
    return after, signal, entry.orders


def entry_limit(view: MarketView, signal: Signal, params: Params) -> float:
    """Return the limit of an entry order in USD, rounded away from a worse price."""
    regular = view.grid.daily or view.state is MarketState.REGULAR
    bps = params.execution.entry_collar_bps if regular else params.execution.extended_collar_bps
    return on_tick(signal.entry * (1.0 + signal.side * bps / _BPS), up=signal.side < 0)


def _refused(signal: Signal, rule: Reason, value: float, threshold: float) -> Signal:
    return signal._replace(outcome=Outcome.REFUSED, rule=rule, value=value, threshold=threshold)


def _refusal(
    state: PortfolioState, view: MarketView, signal: Signal, params: Params
) -> tuple[Reason, float, float] | None:
    p = params.risk
    if signal.side < 0 and not params.signal.allow_short:
        return Reason.ALLOW_SHORT, -1.0, 0.0
    if len(state.entries) >= p.positions_max:
        return Reason.POSITIONS_MAX, len(state.entries), p.positions_max
    if any(e.symbol == signal.symbol for e in state.entries):
        return Reason.SYMBOL_BUSY, 1.0, 1.0
    if state.entries_today >= p.entries_a_day:
        return Reason.ENTRIES_A_DAY, state.entries_today, p.entries_a_day
    if state.lost_today:
        lost = 1.0 - state.equity_micro / state.day_start_micro
        return Reason.DAILY_LOSS, lost, p.daily_loss_frac
    if signal.pattern_key[1] >= 0 and (signal.symbol, *signal.pattern_key) in state.used_patterns:
        return Reason.PATTERN_USED, 1.0, 1.0
    if signal.symbol in state.stopped_today:
        return Reason.STOPPED_OUT, 1.0, 1.0
    flatten = flatten_instant(view.session, view.grid, params)
    if flatten is not None and view.asof_ns >= flatten - p.quiet_minutes * MINUTE_NS:
        return Reason.QUIET_TIME, (flatten - view.asof_ns) / MINUTE_NS, p.quiet_minutes
    due = entries_due(params, view.session, view.asof_ns)
    if due is not None and state.entries_today >= due:
        return Reason.CONTROL_PACE, state.entries_today, due
    return None


def _quantity(
    state: PortfolioState, view: MarketView, signal: Signal, row: int, limit: float, params: Params
) -> float:
    marks = dict(state.marks)
    exposure = sum(e.held * marks[e.symbol] for e in state.entries if e.held)
    working = sum((e.quantity - e.filled) * e.limit for e in state.entries if e.works)
    equity = state.equity_micro / MICRO
    by_money = min(signal.size_frac * equity, equity - exposure - working) / limit
    n = int(view.base.count[row])
    bars = view.base.volume[row, max(0, n - params.risk.volume_bars) : n]
    total = 0.0
    for volume in bars.tolist():
        total += volume
    by_volume = params.risk.volume_frac * total / len(bars) if len(bars) else 0.0
    return min(by_money, by_volume)


def _entry(
    view: MarketView, signal: Signal, row: int, quantity: int, limit: float, params: Params
) -> Entry:
    entry_id = content_id("entry", signal.signal_id)
    side = Side(signal.side)
    halves = ((quantity + 1) // 2, quantity // 2) if quantity > 1 else (0, 1)
    bracket = view.grid.daily or view.state is MarketState.REGULAR
    n = int(view.base.count[row])
    entry = Entry(
        entry_id,
        signal.signal_id,
        signal.symbol,
        signal.side,
        view.asof_ns,
        quantity,
        halves,
        limit,
        signal.stop,
        signal.target_1,
        signal.target_2,
        _expiry(view, params, bracket=bracket),
        signal.catalyst_score,
        signal.confidence,
        last_bar_ns=int(view.base.ts_ns[row, n - 1]) if n else -1,
    )
    if not bracket:
        order = make_order(
            entry,
            view.asof_ns,
            Role.ENTRY,
            Kind.LIMIT,
            quantity,
            side=side,
            limit=limit,
            extended=True,
        )
        return replace(entry, orders=(order,))
    orders: list[Order] = []
    for leg, shares in enumerate(halves):
        if not shares:
            continue
        parent = make_order(
            entry, view.asof_ns, Role.ENTRY, Kind.LIMIT, shares, side=side, limit=limit, leg=leg
        )
        orders.append(parent)
        orders += protection(entry, view.asof_ns, leg, shares, parent_id=parent.order_id)
    return replace(entry, orders=tuple(orders))


def _expiry(view: MarketView, params: Params, *, bracket: bool) -> int:
    if view.grid.daily:
        return view.asof_ns + 1
    opens = [view.session.pre_ns, *bar_ends(view.session, view.grid)]
    first = next((k for k, t in enumerate(opens) if t >= view.asof_ns), len(opens) - 1)
    last = opens[min(first + params.execution.entry_bars, len(opens) - 1)]
    return min(last, view.session.close_ns) if bracket else last


def protection(
    entry: Entry, asof_ns: int, leg: int, shares: int, *, parent_id: str = ""
) -> list[Order]:
    """Return stop and target of one half of an entry; with a parent they sleep until it fills."""
    stop = entry.stop if math.isnan(entry.trail) else entry.trail
    role = Role.STOP if math.isnan(entry.trail) else Role.TRAILING_STOP
    return [
        make_order(
            entry, asof_ns, role, Kind.STOP, shares, stop=stop, leg=leg, parent_id=parent_id
        ),
        target_order(entry, asof_ns, leg, shares, parent_id=parent_id),
    ]


def target_order(
    entry: Entry, asof_ns: int, leg: int, shares: int, *, parent_id: str = ""
) -> Order:
    """Return the target of one half of an entry, a limit that also works outside regular hours."""
    role, price = (Role.TARGET_1, entry.target_1) if leg == 0 else (Role.TARGET_2, entry.target_2)
    return make_order(
        entry,
        asof_ns,
        role,
        Kind.LIMIT,
        shares,
        limit=price,
        leg=leg,
        extended=True,
        parent_id=parent_id,
    )


def make_order(
    entry: Entry,
    asof_ns: int,
    role: Role,
    kind: Kind,
    quantity: int,
    *,
    side: Side | None = None,
    limit: float = _NAN,
    stop: float = _NAN,
    leg: int = -1,
    extended: bool = False,
    parent_id: str = "",
    replaces_id: str = "",
) -> Order:
    """Return an order of an entry; without a side it is an exit.

    The id is a function of entry, role, half and instant.
    """
    order_id = content_id(
        "order", entry.entry_id, role.label, leg, asof_ns, entry.revision, parent_id != ""
    )
    side = Side(-entry.side) if side is None else side
    return Order(
        order_id,
        entry.entry_id,
        entry.signal_id,
        entry.symbol,
        side,
        role,
        kind,
        quantity,
        limit,
        stop,
        leg,
        extended,
        asof_ns,
        parent_id,
        replaces_id,
    )
