"""What must hold after a session, however often its process died: the exchange's books say so."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from live_world import session_on
from pydantic import SecretStr

from catalyst.live.database import Database
from catalyst.live.events import Decided, Event, Filled, Intent, SessionClosed
from catalyst.live.journal_reading import events_of, verify
from catalyst.strategy.money import notional_micro, to_micro

if TYPE_CHECKING:
    from live_run import Course
    from paper_exchange import Exchange

_GRAVE = ("unknown_fill", "unknown_position", "cash_differs")
Json = dict[str, Any]
_Books = dict[tuple[str, str], tuple[int, Decimal]]


def broken_laws(
    course: Course, exchange: Exchange, url: SecretStr, seen: Path, proof: Json | None
) -> None:
    """Add what a session broke, and what became of it, to its course."""
    ledger = exchange.ledger()
    executed = [a for a in ledger["activities"] if a["activity_type"] == "FILL"]
    course.trades = [
        (a["transaction_time"][11:], a["symbol"], _signed(a), a["price"]) for a in executed
    ]
    with Database(url) as database:
        events = list(events_of(database, course.account))
        with database.connection() as connection:
            rows = connection.execute(_ALERTS, {"account": course.account}).fetchall()
            course.alerts = [tuple(row) for row in rows]
            held = connection.execute(_HELD, {"account": course.account}).fetchall()
            filled = connection.execute(_FILLED, {"account": course.account}).fetchall()
            begun = connection.execute(_BEGUN, {"account": course.account}).fetchall()
        wrong = verify(database, course.account)
    told = course.broken
    told += _duplicates(ledger, events, executed)
    told += _lost(events, executed)
    told += _unprotected(course.day, seen)
    told += _books(ledger, events)
    told += _conserved(events, to_micro(float(ledger["initial"])))
    if wrong is not None:
        told.append(f"the chain is broken at {wrong}")
    if held:
        told.append(f"execution.positions holds {held}, the broker {ledger['positions']}")
    ours = {(broker_id, side): (int(n), Decimal(value)) for broker_id, side, n, value in filled}
    if ours != (theirs := _by_order(executed)):
        told.append(f"execution.fills: {_difference(ours, theirs)}")
    if begun:
        told.append(f"cycles are still open: {begun}")
    grave = [alert for alert in course.alerts if alert[0] in _GRAVE]
    if grave:
        told.append(f"alerts: {grave}")
    if proof is not None and (proof.get("verdict") != "identical"):
        told.append(f"parity: {proof.get('verdict')}, {proof.get('first_difference')}")


_ALERTS = """
SELECT rule, severity::text, text FROM notification.alerts
WHERE account_id = %(account)s ORDER BY alert_id
"""
_HELD = """
SELECT symbol, quantity FROM execution.positions
WHERE account_id = %(account)s AND status <> 'closed'
"""
_FILLED = """
SELECT broker_id, side::text, sum(quantity), sum(quantity * price)
FROM execution.fills WHERE account_id = %(account)s GROUP BY 1, 2
"""
_BEGUN = """
SELECT cycle_id FROM strategy_engine.trading_cycles
WHERE account_id = %(account)s AND status = 'started'
"""


def _signed(activity: Json) -> int:
    quantity = int(activity["qty"])
    return quantity if activity["side"] == "buy" else -quantity


def _duplicates(ledger: Json, events: list[Event], executed: list[Json]) -> list[str]:
    """No two orders enter by the same order, nothing is bought twice, nothing sold twice."""
    out = []
    buys = [o for o in ledger["orders"] if o["side"] == "buy"]
    for order_id, count in Counter(o["client_order_id"].partition("-")[0] for o in buys).items():
        if count > 1:
            out.append(f"the entry {order_id} was sent {count} times")
    entries: dict[str, tuple[str, int]] = {}
    for event in events:
        body = event.body
        if isinstance(body, Intent) and body.purpose == "entry" and body.entry is not None:
            entries[body.entry_id] = body.symbol, int(body.entry["quantity"])
    wanted: Counter[str] = Counter()
    for symbol, quantity in entries.values():
        wanted[symbol] += quantity
    bought: Counter[str] = Counter()
    shares: Counter[str] = Counter()
    for activity in executed:
        symbol, quantity = activity["symbol"], _signed(activity)
        bought[symbol] += max(quantity, 0)
        shares[symbol] += quantity
        if shares[symbol] < 0:
            out.append(f"{-shares[symbol]} shares of {symbol} were sold twice")
    out += [
        f"{n} shares of {symbol} were bought, {wanted[symbol]} decided"
        for symbol, n in bought.items()
        if n > wanted[symbol]
    ]
    return out


def _by_order(executed: list[Json]) -> _Books:
    out: _Books = defaultdict(lambda: (0, Decimal(0)))
    for activity in executed:
        key = activity["order_id"], activity["side"]
        quantity = int(activity["qty"])
        before = out[key]
        out[key] = before[0] + quantity, before[1] + quantity * Decimal(activity["price"])
    return dict(out)


def _lost(events: list[Event], executed: list[Json]) -> list[str]:
    """The journal's fills are the exchange's executions, in shares and price, order by order."""
    ours: _Books = {}
    for event in events:
        body = event.body
        if isinstance(body, Filled):
            before = ours.get((body.broker_id, body.side), (0, Decimal(0)))
            value = body.quantity * Decimal(repr(body.price))
            ours[body.broker_id, body.side] = before[0] + body.quantity, before[1] + value
    theirs = _by_order(executed)
    return [] if ours == theirs else [f"fills: {_difference(ours, theirs)}"]


def _difference(ours: _Books, theirs: _Books) -> str:
    apart = {k for k in {*ours, *theirs} if ours.get(k) != theirs.get(k)}
    return "; ".join(f"{k}: ours {ours.get(k)}, theirs {theirs.get(k)}" for k in sorted(apart))


def _unprotected(day: str, seen: Path) -> list[str]:
    """In regular hours stops, or market orders that sell, cover every share before time goes on."""
    open_ns, out = session_on(day).open_ns, []
    for line in seen.read_text().splitlines():
        row = json.loads(line)
        for symbol, held in row["held"].items():
            covered = sum(_covers(o) for o in row["orders"] if o["symbol"] == symbol)
            if covered < held:
                minute = (row["now_ns"] - open_ns) / 60e9
                for_s = (row["to_ns"] - row["now_ns"]) / 1e9
                out.append(
                    f"{held - covered} of {held} shares of {symbol} are unprotected at the open "
                    f"+{minute:.2f} min for {for_s:g} s"
                )
    return out


def _covers(order: Json) -> int:
    left = int(order["qty"]) - int(order["filled_qty"])
    legs = order.get("legs") or []
    if order["side"] == "buy":
        # Legs protect what their entry has bought.
        bought = int(order["filled_qty"])
        return sum(
            max(min(int(leg["qty"]), bought) - int(leg["filled_qty"]), 0)
            for leg in legs
            if _is_live_stop(leg)
        )
    if order["type"] == "market" and _is_live(order):
        return left
    if _is_live_stop(order):
        return left
    return max(
        (int(leg["qty"]) - int(leg["filled_qty"]) for leg in legs if _is_live_stop(leg)), default=0
    )


def _is_live(order: Json) -> bool:
    return order["status"] in ("new", "accepted", "held", "partially_filled")


def _is_live_stop(order: Json) -> bool:
    return _is_live(order) and order["type"] == "stop"


def _books(ledger: Json, events: list[Event]) -> list[str]:
    """At the end the journal's cash and shares are the broker's, and the session is closed."""
    closed = [e.body for e in events if isinstance(e.body, SessionClosed)]
    if not closed:
        return ["the session was not closed"]
    body, out = closed[-1], []
    cash = round(Decimal(ledger["cash"]) * 1_000_000)
    if not body.cash_micro == body.broker_cash_micro == cash:
        out.append(f"cash: {body.cash_micro}, {body.broker_cash_micro} told, {cash} there")
    if body.positions != ledger["positions"]:
        out.append(f"positions: {body.positions}, {ledger['positions']} there")
    if ledger["positions"]:
        out.append(f"at the end {ledger['positions']} are held")
    working = [o["id"] for o in ledger["orders"] if _is_live(o)]
    if working:
        out.append(f"at the end {working} still work")
    return out


def _conserved(events: list[Event], initial_micro: int) -> list[str]:
    """After each decision cash is what there was at first, and what fills that it knew brought."""
    fills = [(e.seq, e.body) for e in events if isinstance(e.body, Filled)]
    out = []
    for event in events:
        body = event.body
        if not isinstance(body, Decided):
            continue
        cash = initial_micro - sum(
            notional_micro(f.price, f.quantity) * (1 if f.side == "buy" else -1)
            for seq, f in fills
            if seq <= body.fills_seq
        )
        if body.state["cash_micro"] != cash:
            out.append(f"cash after {body.asof_ns} is {body.state['cash_micro']}, not {cash}")
    return out
