"""What events say of orders, fills, positions and cash, as rows, in the events' own transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import psycopg

from catalyst.live.dollars import dollars, fill_dollars, shortest
from catalyst.live.events import (
    Alert,
    Answered,
    Cycle,
    Decided,
    Event,
    Filled,
    Intent,
    OrderChanged,
    Refused,
    SessionOpened,
    Withheld,
)
from catalyst.live.statements import statement
from catalyst.strategy.money import notional_micro

Json = dict[str, Any]

# A cancel concerns an order that has its row already.
_SENDS = ("entry", "protect", "exit", "replace")
_STOPS = ("stop", "stop_limit")


def project_order_side(connection: psycopg.Connection[Any], account_id: str, event: Event) -> None:
    """Bring orders, fills, positions, cash, cycles and alerts to where an event leaves them.

    Raises
    ------
    psycopg.errors.UniqueViolation
        If the event opens a second entry in a symbol, or books a fill a second time.
    """
    writer = _Writer(connection, account_id, event)
    match event.body:
        case SessionOpened() as body:
            cash = dollars(body.state["cash_micro"])
            writer.write("orders_opening_cash", cash=cash)
            writer.write("orders_opening_balance", cash=cash)
        case Decided() as body:
            writer.decided(body)
        case Intent() as body if body.purpose in _SENDS:
            writer.intended(body)
        case Answered() as body:
            writer.answered(body)
        case Refused() as body:
            writer.refused(body)
        case OrderChanged() as body:
            writer.told(body.order, body.order_id, body.entry_id)
            writer.settle(body.entry_id)
        case Filled() as body:
            writer.filled(body)
        case Withheld() as body:
            writer.write("orders_withhold", **vars(body))
            writer.settle(body.entry_id)
        case Alert() as body:
            writer.write("orders_alert_over" if body.over else "orders_alert", **vars(body))
        case Cycle() as body:
            writer.write("orders_cycle", **{**vars(body), "stages_ms": json.dumps(body.stages_ms)})
        case _:
            pass


class _Writer:
    def __init__(self, connection: psycopg.Connection[Any], account_id: str, event: Event) -> None:
        self._connection = connection
        self._said = {"account_id": account_id, "seq": event.seq, "at_ns": event.at_ns}

    def write(self, name: str, **values: object) -> psycopg.Cursor[Any]:
        return self._connection.execute(statement(name), {**self._said, **values})

    def settle(self, entry_id: str) -> None:
        if entry_id:
            self.write("orders_settle", entry_id=entry_id)

    def decided(self, decided: Decided) -> None:
        for place, adjustment in enumerate(decided.adjustments):
            self._adjust(place, adjustment)
        marks = [mark for mark in decided.state["marks"] if mark[1] is not None]
        if marks:
            self.write(
                "orders_mark",
                symbols=[symbol for symbol, _ in marks],
                marks=[shortest(mark) for _, mark in marks],
            )

    def _adjust(self, place: int, adjustment: Json) -> None:
        cash, kind = adjustment["cash_micro"], adjustment["kind"]
        entry_id, symbol = adjustment["entry_id"], adjustment["symbol"]
        self.write(
            "orders_adjust",
            entry_id=entry_id,
            kind=kind,
            value=shortest(adjustment["value"]),
            before=adjustment["quantity_before"],
            after=adjustment["quantity_after"],
            cash=dollars(cash),
        )
        self.settle(entry_id)
        if cash:
            self.write(
                "orders_transact",
                transaction_id=f"{entry_id}-{kind}-{adjustment['ts_ns']}-{place}",
                kind=kind,
                amount=dollars(cash),
                symbol=symbol,
                entry_id=entry_id,
                fill_id=None,
                place=place,
                description=f"{kind} of {symbol}",
            )

    def intended(self, intent: Intent) -> None:
        request = intent.request
        entry_id = intent.entry_id or None
        side = request.get("side") or None
        if intent.purpose == "entry":
            self.write(
                "orders_open_position",
                entry_id=entry_id,
                signal_id=intent.signal_id or None,
                symbol=intent.symbol,
                side=side,
            )
        own = _served(intent.orders, str(request.get("type", "")), leg=False)
        serves = {o["order_id"]: {k: o[k] for k in ("role", "kind", "leg")} for o in intent.orders}
        self.write(
            "orders_intend",
            client_order_id=intent.client_order_id,
            order_id=own["order_id"] if own else next(iter(intent.order_ids), None),
            order_ids=intent.order_ids,
            entry_id=entry_id,
            signal_id=intent.signal_id or None,
            leg=intent.leg,
            symbol=intent.symbol,
            side=side,
            role=own["role"] if own else "entry" if intent.purpose == "entry" else None,
            purpose=intent.purpose,
            order_type=request.get("type") or None,
            order_class=request.get("order_class") or None,
            time_in_force=request.get("time_in_force") or None,
            extended_hours=request.get("extended_hours"),
            quantity=request.get("quantity") or None,
            limit_price=request.get("limit_price") or None,
            stop_price=request.get("stop_price") or None,
            replaces=intent.target_broker_id or None,
            metadata=json.dumps({"serves": serves}),
        )

    def answered(self, answered: Answered) -> None:
        client_id = answered.client_order_id
        row = self.write("orders_served", client_order_id=client_id).fetchone()
        serves, entry_id = row or ({}, None)
        served = [{"order_id": key, **told} for key, told in (serves or {}).items()]
        for order in answered.orders:
            own = _served(served, order["kind"], leg=order["client_order_id"] != client_id)
            self.told(order, own["order_id"] if own else None, entry_id)
        self.write("orders_answered", client_order_id=client_id)

    def told(self, order: Json, order_id: str | None, entry_id: str | None) -> None:
        self.write(
            "orders_told",
            client_order_id=order["client_order_id"] or order["broker_id"],
            broker_id=order["broker_id"],
            parent_id=order["parent_id"] or None,
            order_id=order_id or None,
            entry_id=entry_id or None,
            symbol=order["symbol"],
            side=order["side"],
            order_type=order["kind"],
            order_class=order["order_class"] or None,
            time_in_force=order["time_in_force"] or None,
            extended_hours=order["extended_hours"],
            status=order["status"],
            quantity=order["quantity"],
            filled=order["filled"],
            limit_price=order["limit_price"] or None,
            stop_price=order["stop_price"] or None,
            average_price=order["average_price"] or None,
            replaced_by=order["replaced_by"] or None,
            replaces=order["replaces"] or None,
            submitted_ns=order["submitted_ns"] or None,
            updated_ns=order["updated_ns"] or self._said["at_ns"],
        )
        if order["replaces"]:
            told = {"broker_id": order["broker_id"], "replaces": order["replaces"]}
            self.write("orders_replace", **told)

    def refused(self, refused: Refused) -> None:
        row = self.write(
            "orders_refused",
            client_order_id=refused.client_order_id,
            refusal=f"{refused.http} ({refused.code}): {refused.message}",
        ).fetchone()
        if row is not None and row[0]:
            self.settle(row[0])

    def filled(self, fill: Filled) -> None:
        fee = dollars(fill.fee_micro)
        money: Mapping[str, object] = {
            "entry_id": fill.entry_id or None,
            "side": fill.side,
            "quantity": fill.quantity,
            "price": fill_dollars(fill.price),
            "fee": fee,
            "filled_ns": fill.filled_ns,
        }
        if not fill.client_order_id:
            self.write(
                "orders_stranger",
                **money,
                broker_id=fill.broker_id,
                order_id=fill.order_id or None,
                symbol=fill.symbol,
                role=fill.role or None,
            )
        self.write(
            "orders_fill",
            **money,
            fill_id=fill.fill_id,
            client_order_id=fill.client_order_id,
            broker_id=fill.broker_id,
            execution_id=fill.execution_id,
            order_id=fill.order_id or None,
            symbol=fill.symbol,
            role=fill.role or None,
        )
        self.write("orders_book", **money)
        worth = notional_micro(fill.price, fill.quantity)
        sums = [("fill", -worth if fill.side == "buy" else worth)]
        sums += [("fee", -fill.fee_micro)] if fill.fee_micro else []
        for place, (kind, amount) in enumerate(sums):
            self.write(
                "orders_transact",
                transaction_id=fill.fill_id if kind == "fill" else f"{fill.fill_id}-fee",
                kind=kind,
                amount=dollars(amount),
                symbol=fill.symbol,
                entry_id=fill.entry_id or None,
                fill_id=fill.fill_id,
                place=place,
                description=f"{fill.side} {fill.quantity} {fill.symbol} ({fill.role})",
            )
        self.settle(fill.entry_id)


def _served(orders: list[Json], kind: str, *, leg: bool) -> Json | None:
    # Of a bracket: entry, stop, target. Of an OCO: stop, target; its parent is the target.
    if len(orders) < 2 or (orders[0]["role"] == "entry" and not leg):
        return orders[0] if orders else None
    wanted = "stop" if kind in _STOPS else "limit"
    return next((o for o in orders if o["role"] != "entry" and o["kind"] == wanted), None)
