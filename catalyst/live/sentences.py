"""What the journal holds, as sentences for people."""

from __future__ import annotations

import datetime as dt

from catalyst.data.calendar import NEW_YORK
from catalyst.live.events import (
    Alert,
    Body,
    Control,
    Decided,
    Filled,
    Found,
    Intent,
    Missed,
    Refused,
    SessionClosed,
    SessionOpened,
    Unanswered,
    Withheld,
)
from catalyst.strategy.reasons import Reason


def new_york(at_ns: int) -> str:
    """Write an instant as ISO text of New York, to the second."""
    return dt.datetime.fromtimestamp(at_ns // 10**9, NEW_YORK).isoformat()


def usd(price: float | str) -> str:
    """Write a price with two decimals, or as many as it has up to four."""
    whole, _, fraction = f"{float(price):.4f}".partition(".")
    return f"{whole}.{fraction[:2]}{fraction[2:].rstrip('0')}"


def sentence_of(body: Body) -> str:
    """Say in one sentence what an event of the journal means to a person."""
    match body:
        case SessionOpened():
            done = "taken up again" if body.resumed else "opened"
            text = f"session {body.day} {done}: {body.variant} on {body.timeframe} bars"
        case Decided():
            text = _decided(body)
        case Missed():
            text = f"missed the decision of {new_york(body.asof_ns)[11:16]} NY: {body.why}"
        case Intent():
            text = _intent(body)
        case Refused():
            text = f"the broker refused {body.client_order_id}: {body.message} ({body.http})"
        case Unanswered():
            text = f"no answer for {body.client_order_id}, it is looked for: {body.why}"
        case Withheld():
            text = f"{body.symbol}: entry withheld, {_rule(body.rule)}{_compared(body)}"
        case Filled():
            done = "bought" if body.side == "buy" else "sold"
            role = body.role.replace("_", " ")
            text = f"{done} {body.quantity:,} {body.symbol} at {usd(body.price)} ({role})"
        case Found() | Alert():
            over = isinstance(body, Alert) and body.over and not body.text.startswith("over: ")
            text = f"over: {body.text}" if over else body.text
        case Control():
            text = f"{body.command} asked for by {body.by}"
        case SessionClosed():
            text = (
                f"session {body.day} closed: equity {_money(body.equity_micro)}, the broker's "
                f"{_money(body.broker_equity_micro)}"
            )
        case _:
            text = body.kind.replace("_", " ")
    return text


def _decided(body: Decided) -> str:
    signals = body.decision.get("signals") or []
    sent = sum(one.get("outcome") == "intent" for one in signals)
    return f"decided: {len(signals)} signals, {sent} of them to be traded"


def _intent(body: Intent) -> str:
    if body.purpose == "cancel":
        return f"cancels an order of {body.symbol}"
    if body.purpose == "replace":
        price = body.request.get("stop_price") or "?"
        return f"moves the stop of {body.symbol} to {price}"
    told = body.request
    price = told.get("limit_price") or told.get("stop_price") or "market"
    what = f"{told.get('side', '?')} {told.get('quantity', '?')} {body.symbol} at {price}"
    return f"sends {body.purpose}: {what}"


def _rule(rule: str) -> str:
    try:
        return Reason[rule.upper()].text
    except KeyError:
        return rule.replace("_", " ")


def _compared(body: Withheld) -> str:
    if body.value is None or body.threshold is None:
        return ""
    return f" ({body.value:g}, threshold {body.threshold:g})"


def _money(micro: int) -> str:
    cents = round(micro / 10_000)
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100:,}.{abs(cents) % 100:02d}"
