"""New entries: sent once, or withheld for good with the rule that stood against it."""

from __future__ import annotations

from dataclasses import asdict

from catalyst.data.state_codec import entry_json, order_json
from catalyst.live.acts import Acts, Situation
from catalyst.live.events import Intent, Withheld
from catalyst.live.mirror import Mirror
from catalyst.strategy.portfolio import Entry, PortfolioState
from catalyst.strategy.reasons import Role
from catalyst.strategy.tickets import entry_request

_SECOND_NS = 10**9


def send_entries(state: PortfolioState, mirror: Mirror, at: Situation, out: Acts) -> None:
    """Add what sends, or withholds, every entry that has not been decided on yet.

    Parameters
    ----------
    state
        After the last decision.
    mirror
        The broker's orders.
    at
        Limits, and whether entries are stopped.
    out
        Is added to.
    """
    for entry in state.entries:
        new = [o for o in entry.orders if o.role is Role.ENTRY and not mirror.was_sent(o.order_id)]
        if not new:
            continue
        symbol = at.names[entry.symbol]
        refusal = _entry_refusal(entry, symbol, state, mirror, at)
        if refusal is not None:
            rule, value, threshold = refusal
            out.acts += [
                Withheld(o.order_id, entry.entry_id, symbol, rule, value, threshold) for o in new
            ]
            continue
        for order in new:
            children = tuple(o for o in entry.orders if o.parent_id == order.order_id)
            client_id = f"{order.order_id}-0"
            request = entry_request(order, children, symbol=symbol, client_order_id=client_id)
            served = [order, *children]
            out.waiting = True
            out.acts.append(
                Intent(
                    client_id,
                    [o.order_id for o in served],
                    entry.entry_id,
                    order.leg,
                    symbol,
                    "entry",
                    asdict(request),
                    signal_id=entry.signal_id,
                    orders=[order_json(o, at.names) for o in served],
                    entry=entry_json(entry, at.names),
                )
            )


def _entry_refusal(
    entry: Entry, symbol: str, state: PortfolioState, mirror: Mirror, at: Situation
) -> tuple[str, float | None, float | None] | None:
    if at.no_entries:
        return at.no_entries, None, None
    age_ns = at.now_ns - entry.decided_ns
    if age_ns > at.stale_ns:
        return "stale", age_ns / _SECOND_NS, at.stale_ns / _SECOND_NS
    if symbol in at.foreign:
        return "foreign_in_symbol", None, None
    ended = [
        o
        for o in mirror.live_of_symbol(symbol)
        if o.broker_id not in mirror.serves or mirror.serves[o.broker_id].entry_id != entry.entry_id
    ]
    if ended:
        return "symbol_busy_at_broker", float(len(ended)), 0.0
    others = {at.names[e.symbol] for e in state.entries if e.entry_id != entry.entry_id}
    count = len((at.held | others | at.foreign) - {symbol})
    if count >= at.positions_max:
        return "positions_max", float(count), float(at.positions_max)
    return None
