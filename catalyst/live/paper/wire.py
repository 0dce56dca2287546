"""The JSON shapes of the trading side, as Alpaca's clients read them."""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Mapping
from typing import Any

from catalyst.data.calendar import NEW_YORK, day_to_date
from catalyst.live.paper.account import PaperAccount
from catalyst.live.paper.holdings import Execution, Holding, Payment
from catalyst.live.paper.moments import Moment, Update
from catalyst.live.paper.orders import PaperOrder
from catalyst.live.paper.standings import MULTIPLIER, buying_power_micro
from catalyst.strategy.broker_rules import Refusal
from catalyst.strategy.money import MICRO, notional_micro
from catalyst.strategy.order_text import NANO, nano_text
from catalyst.strategy.tickets import OrderRequest
from catalyst.strategy.values import Session

Json = dict[str, Any]

_NANO_MICRO = NANO // MICRO
_TICK_NANO = NANO // 10_000


def instant(ns: int) -> str:
    """Write an instant (ns UTC) as RFC 3339, to the nanosecond where it has one."""
    seconds, rest = divmod(ns, 10**9)
    text = dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:09d}Z" if rest else f"{text}Z"


def moment_of(text: str) -> int:
    """Read an RFC 3339 instant or a date as ns UTC.

    Raises
    ------
    ValueError
        If it is neither.
    """
    head, dot, rest = text.partition(".")
    fraction = ""
    if dot:
        fraction = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        head += rest[len(fraction) :]
    at = dt.datetime.fromisoformat(head)
    at = at if at.tzinfo else at.replace(tzinfo=dt.UTC)
    return int(at.timestamp()) * 10**9 + int(fraction[:9].ljust(9, "0") or 0)


def in_new_york(ns: int) -> str:
    """Write an instant as Alpaca's clock does, in New York time with its offset."""
    seconds, rest = divmod(ns, 10**9)
    at = dt.datetime.fromtimestamp(seconds, NEW_YORK).isoformat()
    return f"{at[:19]}.{rest:09d}{at[19:]}" if rest else at


def usd(micro: int) -> str:
    """Write micro-dollars as decimal text in USD."""
    return nano_text(micro * _NANO_MICRO)


def asset_id(symbol: str) -> str:
    """Return the UUID of an asset, a function of its symbol."""
    digest = hashlib.blake2b(f"asset|{symbol}".encode(), digest_size=16).digest()
    return str(uuid.UUID(bytes=digest, version=4))


def refusal_body(no: Refusal) -> Json:
    """Return the body of a refusal."""
    return {"code": no.code, "message": no.message}


def request_of(body: Mapping[str, Any]) -> OrderRequest:
    """Read an order's body; numbers in it must have been kept as their text."""

    def text(name: str, source: Mapping[str, Any] = body) -> str:
        value = source.get(name)
        return "" if value is None else str(value)

    profit, loss = body.get("take_profit") or {}, body.get("stop_loss") or {}
    profit_limit = text("limit_price", profit)
    limit = text("limit_price")
    shape = text("order_class") or "simple"
    if shape == "oco":
        profit_limit, limit = profit_limit or limit, ""
    return OrderRequest(
        client_order_id=text("client_order_id"),
        symbol=text("symbol"),
        side=text("side"),
        quantity=text("qty"),
        type=text("type"),
        time_in_force=text("time_in_force"),
        limit_price=limit,
        stop_price=text("stop_price"),
        order_class=shape,
        take_profit_limit=profit_limit,
        stop_loss_stop=text("stop_price", loss),
        stop_loss_limit=text("limit_price", loss),
        extended_hours=body.get("extended_hours") is True,
    )


def order_json(order: PaperOrder, legs: list[Json] | None = None) -> Json:
    """Return an order; legs only where they were asked for."""
    average = None
    if order.filled:
        average = nano_text(round(order.value_e4 * _TICK_NANO / order.filled))
    closed = instant(order.closed_ns) if order.closed_ns >= 0 else None
    return {
        "id": order.broker_id,
        "client_order_id": order.client_order_id,
        "created_at": instant(order.accepted_ns),
        "updated_at": instant(order.updated_ns),
        "submitted_at": instant(order.accepted_ns),
        "filled_at": instant(order.filled_ns) if order.status == "filled" else None,
        "expired_at": closed if order.status == "expired" else None,
        "expires_at": instant(order.expires_ns) if order.expires_ns >= 0 else None,
        "canceled_at": closed if order.status == "canceled" else None,
        "failed_at": None,
        "replaced_at": closed if order.status == "replaced" else None,
        "replaced_by": order.replaced_by or None,
        "replaces": order.replaces or None,
        "asset_id": asset_id(order.symbol),
        "symbol": order.symbol,
        "asset_class": "us_equity",
        "notional": None,
        "qty": str(order.quantity),
        "filled_qty": str(order.filled),
        "filled_avg_price": average,
        "order_class": "" if order.order_class == "simple" else order.order_class,
        "order_type": order.kind,
        "type": order.kind,
        "side": order.side.label,
        "position_intent": _intent(order),
        "time_in_force": order.time_in_force,
        "limit_price": order.limit or None,
        "stop_price": order.stop or None,
        "status": order.status,
        "extended_hours": order.extended,
        "legs": legs,
        "trail_percent": None,
        "trail_price": None,
        "hwm": None,
        "source": None,
        "subtag": None,
    }


def update_json(update: Update) -> Json:
    """Return an event of the trade stream."""
    data: Json = {
        "event": update.event,
        "timestamp": instant(update.at_ns),
        "order": order_json(update.order),
        "position_qty": str(update.position),
    }
    execution = update.execution
    if execution is not None:
        data |= {
            "timestamp": instant(execution.filled_ns),
            "execution_id": execution.execution_id,
            "price": execution.price,
            "qty": str(execution.quantity),
        }
    return {"stream": "trade_updates", "data": data}


def account_json(account: PaperAccount, moment: Moment, created_ns: int) -> Json:
    """Return an account, without the fields of the pattern-day-trader rule."""
    marks, holdings = moment.marks, account.holdings
    equity = account.equity_micro(marks)
    net = holdings.positions_micro(marks)
    gross = holdings.positions_micro(marks, gross=True)
    power = max(buying_power_micro(account, moment), 0)
    return {
        "id": account.account_id,
        "account_number": account_number(account.account_id),
        "status": "ACTIVE",
        "crypto_status": "INACTIVE",
        "currency": "USD",
        "buying_power": usd(power),
        "regt_buying_power": usd(power),
        "non_marginable_buying_power": usd(max(power // MULTIPLIER, 0)),
        "cash": usd(holdings.cash_micro),
        "accrued_fees": "0",
        "pending_transfer_in": "0",
        "portfolio_value": usd(equity),
        "trading_blocked": False,
        "transfers_blocked": False,
        "account_blocked": False,
        "created_at": instant(created_ns),
        "trade_suspended_by_user": False,
        "multiplier": str(MULTIPLIER),
        "shorting_enabled": True,
        "equity": usd(equity),
        "last_equity": usd(account.last_equity_micro),
        "long_market_value": usd((gross + net) // 2),
        "short_market_value": usd((net - gross) // 2),
        "position_market_value": usd(net),
        "initial_margin": usd(gross // MULTIPLIER),
        "maintenance_margin": usd(gross * 3 // 10),
        "last_maintenance_margin": "0",
        "sma": "0",
    }


def history_json(account: PaperAccount) -> Json:
    """Return an account's equity at the end of each session; Alpaca sends numbers here."""
    base = account.holdings.initial_micro
    rows = account.equities
    return {
        "timestamp": [at_ns // 10**9 for at_ns, _ in rows],
        "equity": [micro / MICRO for _, micro in rows],
        "profit_loss": [(micro - base) / MICRO for _, micro in rows],
        "profit_loss_pct": [micro / base - 1 for _, micro in rows],
        "base_value": base / MICRO,
        "timeframe": "1D",
    }


def account_number(account_id: str) -> str:
    """Return the number of a paper account, as Alpaca writes them."""
    return f"PA{account_id.replace('-', '')[:10].upper()}"


def position_json(
    symbol: str, holding: Holding, mark: float, available: int, before: float | None
) -> Json:
    """Return a position at a mark; `before` is the last session's close (USD), None for none."""
    value = notional_micro(mark, holding.quantity)
    gain = value - holding.cost_micro
    last = before or mark
    today = notional_micro(mark, holding.quantity) - notional_micro(last, holding.quantity)
    cost = abs(holding.cost_micro)
    return {
        "asset_id": asset_id(symbol),
        "symbol": symbol,
        "exchange": "NASDAQ",
        "asset_class": "us_equity",
        "asset_marginable": True,
        "qty": str(holding.quantity),
        "qty_available": str(available if holding.quantity > 0 else -available),
        "avg_entry_price": nano_text(holding.average_nano),
        "side": "long" if holding.quantity > 0 else "short",
        "market_value": usd(value),
        "cost_basis": usd(holding.cost_micro),
        "unrealized_pl": usd(gain),
        "unrealized_plpc": _ratio(gain, cost),
        "unrealized_intraday_pl": usd(today),
        "unrealized_intraday_plpc": _ratio(today, cost),
        "current_price": nano_text(round(mark * NANO)),
        "lastday_price": nano_text(round(last * NANO)),
        "change_today": f"{mark / last - 1:.6f}",
    }


def activity_json(account_id: str, record: Execution | Payment) -> Json:
    """Return an activity: an execution, a dividend or a split."""
    if isinstance(record, Execution):
        whole = record.status == "filled"
        return {
            "id": activity_id(record),
            "account_id": account_id,
            "activity_type": "FILL",
            "transaction_time": instant(record.filled_ns),
            "type": "fill" if whole else "partial_fill",
            "price": record.price,
            "qty": str(record.quantity),
            "side": "buy" if record.side > 0 else "sell",
            "symbol": record.symbol,
            "leaves_qty": str(max(record.order_quantity - record.cumulative, 0)),
            "order_id": record.broker_id,
            "cum_qty": str(record.cumulative),
            "order_status": record.status,
        }
    day = dt.datetime.fromtimestamp(record.booked_ns // 10**9, NEW_YORK).date()
    return {
        "id": activity_id(record),
        "account_id": account_id,
        "activity_type": "DIV" if record.kind == "dividend" else "SPLIT",
        "date": str(day),
        "net_amount": usd(record.cash_micro),
        "description": f"{record.kind} of {record.symbol}",
        "symbol": record.symbol,
        "qty": str(record.after if record.kind == "dividend" else record.after - record.before),
        "per_share_amount": str(record.value),
        "status": "executed",
    }


def activity_id(record: Execution | Payment) -> str:
    """Return the id of an activity: when it was booked, and the execution's id."""
    at = dt.datetime.fromtimestamp(record.booked_ns // 10**9, dt.UTC)
    name = record.execution_id if isinstance(record, Execution) else record.payment_id
    return f"{at:%Y%m%d%H%M%S}{record.booked_ns // 10**6 % 1000:03d}::{name}"


def asset_json(symbol: str) -> Json:
    """Return an asset that trades here."""
    return {
        "id": asset_id(symbol),
        "class": "us_equity",
        "exchange": "NASDAQ",
        "symbol": symbol,
        "name": symbol,
        "status": "active",
        "tradable": True,
        "marginable": True,
        "maintenance_margin_requirement": 30,
        "shortable": True,
        "easy_to_borrow": True,
        "fractionable": False,
        "attributes": [],
    }


def clock_json(now_ns: int, session: Session, after: Session) -> Json:
    """Return the market's clock."""
    is_open = session.open_ns <= now_ns < session.close_ns
    next_open = session.open_ns if now_ns < session.open_ns else after.open_ns
    next_close = session.close_ns if now_ns < session.close_ns else after.close_ns
    return {
        "timestamp": in_new_york(now_ns),
        "is_open": is_open,
        "next_open": in_new_york(next_open),
        "next_close": in_new_york(next_close),
    }


def calendar_json(session: Session) -> Json:
    """Return a session of the calendar."""

    def at(ns: int) -> dt.datetime:
        return dt.datetime.fromtimestamp(ns // 10**9, NEW_YORK)

    return {
        "date": str(day_to_date(session.day)),
        "open": f"{at(session.open_ns):%H:%M}",
        "close": f"{at(session.close_ns):%H:%M}",
        "session_open": f"{at(session.pre_ns):%H%M}",
        "session_close": f"{at(session.post_ns):%H%M}",
    }


def _intent(order: PaperOrder) -> str:
    return f"{order.side.label}_to_{'open' if order.opening else 'close'}"


def _ratio(part: int, whole: int) -> str:
    return f"{part / whole:.6f}" if whole else "0"
