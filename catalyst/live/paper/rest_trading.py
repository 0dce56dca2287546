"""The trading routes under ``/v2``: account, orders, positions, activities, assets, clock."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from catalyst.data.calendar import FIRST, LAST, NEW_YORK, sessions
from catalyst.errors import InputError
from catalyst.live.paper import wire
from catalyst.live.paper.account import PaperAccount
from catalyst.live.paper.door import answered, asked_date, asked_instant, asked_number, no, visitor
from catalyst.live.paper.floor import Floor
from catalyst.live.paper.orders import PaperOrder
from catalyst.live.paper.requests import symbol_named
from catalyst.live.paper.standings import held_for_orders
from catalyst.strategy.broker_rules import NOT_FOUND
from catalyst.strategy.values import Session

Endpoint = Callable[[Request], Awaitable[Response]]

_MOST_ORDERS, _MOST_ACTIVITIES = 500, 100


def trading_routes(floor: Floor) -> list[Route]:
    """Return the routes of the trading side."""
    kept = _Trading(floor)
    table: list[tuple[str, str, Endpoint]] = [
        ("GET", "/v2/account", kept.account),
        ("GET", "/v2/account/configurations", kept.configurations),
        ("GET", "/v2/account/portfolio/history", kept.history),
        ("GET", "/v2/account/activities", kept.activities),
        ("GET", "/v2/account/activities/{kind}", kept.activities),
        ("GET", "/v2/orders:by_client_order_id", kept.order_by_client_id),
        ("POST", "/v2/orders", kept.submit),
        ("GET", "/v2/orders", kept.orders),
        ("DELETE", "/v2/orders", kept.cancel_all),
        ("GET", "/v2/orders/{id}", kept.order),
        ("PATCH", "/v2/orders/{id}", kept.replace),
        ("DELETE", "/v2/orders/{id}", kept.cancel),
        ("GET", "/v2/positions", kept.positions),
        ("DELETE", "/v2/positions", kept.close_all),
        ("GET", "/v2/positions/{symbol}", kept.position),
        ("DELETE", "/v2/positions/{symbol}", kept.close),
        ("GET", "/v2/assets", kept.assets),
        ("GET", "/v2/assets/{symbol}", kept.asset),
        ("GET", "/v2/clock", kept.clock),
        ("GET", "/v2/calendar", kept.calendar),
    ]
    return [Route(path, endpoint, methods=[method]) for method, path, endpoint in table]


class _Trading:
    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.exchange = floor.exchange

    def _account(self, request: Request) -> PaperAccount:
        return self.exchange.account_of(visitor(request))

    async def account(self, request: Request) -> Response:
        account = self._account(request)
        body = wire.account_json(account, self.exchange.moment(), self.floor.created_ns)
        return JSONResponse(body)

    async def configurations(self, request: Request) -> Response:
        del request
        return JSONResponse(
            {
                "fractional_trading": False,
                "max_margin_multiplier": "2",
                "no_shorting": False,
                "suspend_trade": False,
                "trade_confirm_email": "none",
                "ptp_no_exception_entry": False,
            }
        )

    async def history(self, request: Request) -> Response:
        return JSONResponse(wire.history_json(self._account(request)))

    async def submit(self, request: Request) -> Response:
        body = await _body(request)
        return answered(self.floor.carry_out(self._account(request), "submit", body))

    async def cancel(self, request: Request) -> Response:
        body = {"id": request.path_params["id"]}
        return answered(self.floor.carry_out(self._account(request), "cancel", body))

    async def cancel_all(self, request: Request) -> Response:
        return answered(self.floor.carry_out(self._account(request), "cancel_all", {}))

    async def replace(self, request: Request) -> Response:
        body = {**await _body(request), "id": request.path_params["id"]}
        return answered(self.floor.carry_out(self._account(request), "replace", body))

    async def close(self, request: Request) -> Response:
        symbol = symbol_named(self.exchange, request.path_params["symbol"])
        body = {**request.query_params, "symbol": symbol}
        return answered(self.floor.carry_out(self._account(request), "close", body))

    async def close_all(self, request: Request) -> Response:
        body = dict(request.query_params)
        return answered(self.floor.carry_out(self._account(request), "close_all", body))

    async def orders(self, request: Request) -> Response:
        account, query = self._account(request), request.query_params
        status, nested = query.get("status", "open"), query.get("nested", "").lower() == "true"
        limit = min(asked_number(query, "limit", 50), _MOST_ORDERS)
        after, until = asked_instant(query, "after"), asked_instant(query, "until")
        symbols = {s for s in query.get("symbols", "").split(",") if s}
        found = []
        for order in account.orders.values():
            if nested and order.parent_id:
                continue
            if (
                (symbols and order.symbol not in symbols)
                or ("side" in query and query["side"] != order.side.label)
                or (after is not None and order.accepted_ns <= after)
                or (until is not None and order.accepted_ns >= until)
                or not _is(account, order, status, nested=nested)
            ):
                continue
            found.append(order)
        if query.get("direction", "desc") != "asc":
            found.reverse()
        return JSONResponse([_shown(account, o, nested=nested) for o in found[:limit]])

    async def order(self, request: Request) -> Response:
        account, broker_id = self._account(request), request.path_params["id"]
        order = account.orders.get(broker_id)
        if order is None:
            return no(404, NOT_FOUND, f"order not found for {broker_id}")
        nested = request.query_params.get("nested", "").lower() == "true"
        return JSONResponse(_shown(account, order, nested=nested))

    async def order_by_client_id(self, request: Request) -> Response:
        account = self._account(request)
        client_id = request.query_params.get("client_order_id", "")
        broker_id = account.by_client.get(client_id)
        if broker_id is None:
            return no(404, NOT_FOUND, f"order not found for {client_id}")
        return JSONResponse(_shown(account, account.orders[broker_id], nested=True))

    async def positions(self, request: Request) -> Response:
        account = self._account(request)
        return JSONResponse([self._position(account, s) for s in sorted(account.holdings.held)])

    async def position(self, request: Request) -> Response:
        account = self._account(request)
        symbol = symbol_named(self.exchange, request.path_params["symbol"])
        if symbol not in account.holdings.held:
            return no(404, NOT_FOUND, "position does not exist")
        return JSONResponse(self._position(account, symbol))

    def _position(self, account: PaperAccount, symbol: str) -> wire.Json:
        holding = account.holdings.held[symbol]
        available = abs(holding.quantity) - held_for_orders(account, symbol)
        mark = self.exchange.marks[symbol]
        before = self.exchange.closes_before.get(symbol)
        return wire.position_json(symbol, holding, mark, max(available, 0), before)

    async def activities(self, request: Request) -> Response:
        account, query = self._account(request), request.query_params
        kinds = request.path_params.get("kind") or query.get("activity_types", "")
        wanted = {k for k in kinds.split(",") if k}
        after, until = asked_instant(query, "after"), asked_instant(query, "until")
        day = query.get("date")
        size = min(asked_number(query, "page_size", _MOST_ACTIVITIES), _MOST_ACTIVITIES)
        rows = [
            record
            for record in account.holdings.records
            if (after is None or record.booked_ns > after)
            and (until is None or record.booked_ns < until)
            and (day is None or _date(record.booked_ns) == day)
        ]
        if query.get("direction", "desc") != "asc":
            rows.reverse()
        told = [wire.activity_json(account.account_id, r) for r in rows]
        told = [t for t in told if not wanted or t["activity_type"] in wanted]
        ids = [t["id"] for t in told]
        token = query.get("page_token")
        start = ids.index(token) + 1 if token in ids else 0
        return JSONResponse(told[start : start + size])

    async def assets(self, request: Request) -> Response:
        wanted = request.query_params.get("status", "active") == "active"
        names = self.exchange.feed.names if wanted else ()
        return JSONResponse([wire.asset_json(name) for name in names])

    async def asset(self, request: Request) -> Response:
        symbol = symbol_named(self.exchange, request.path_params["symbol"])
        if symbol not in self.exchange.tradable:
            return no(404, NOT_FOUND, f"asset not found for {symbol}")
        return JSONResponse(wire.asset_json(symbol))

    async def clock(self, request: Request) -> Response:
        del request
        exchange = self.exchange
        return JSONResponse(
            wire.clock_json(exchange.now_ns, exchange.session, exchange.next_session)
        )

    async def calendar(self, request: Request) -> Response:
        query = request.query_params
        first = min(max(asked_date(query, "start") or FIRST, FIRST), LAST)
        last = min(max(asked_date(query, "end") or LAST, first), LAST)
        table = sessions(first, last)
        columns = (table.day, table.pre_ns, table.open_ns, table.close_ns, table.post_ns)
        rows = zip(*(c.tolist() for c in columns), strict=True)
        return JSONResponse([wire.calendar_json(Session(*row)) for row in rows])


def _is(account: PaperAccount, order: PaperOrder, status: str, *, nested: bool) -> bool:
    if status == "all":
        return True
    if nested:
        alive = order.open or any(leg.open for leg in account.legs_of(order.broker_id))
        return alive == (status == "open")
    if status == "open":
        # A leg that waits is shown inside its parent, and nowhere else.
        return order.open and order.status != "held"
    return not order.open


def _shown(account: PaperAccount, order: PaperOrder, *, nested: bool) -> wire.Json:
    legs = [wire.order_json(leg) for leg in account.legs_of(order.broker_id)] if nested else []
    return wire.order_json(order, legs or None)


def _date(ns: int) -> str:
    return str(dt.datetime.fromtimestamp(ns // 10**9, NEW_YORK).date())


async def _body(request: Request) -> Mapping[str, Any]:
    # Numbers stay the text they were: 9.050000190734863 must be seen, not rounded.
    try:
        body = json.loads(await request.body(), parse_float=str, parse_int=str)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise InputError("the request's body is no JSON object")
    return body
