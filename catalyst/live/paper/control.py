"""The exchange's own routes: stepping its clock, faults, its ledger."""

from __future__ import annotations

import json
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from catalyst.data.calendar import day_to_date
from catalyst.errors import InputError
from catalyst.live.paper.door import key_of
from catalyst.live.paper.exchange import account_id_of
from catalyst.live.paper.floor import Floor
from catalyst.live.paper.wire import Json, activity_json, order_json, usd


def control_routes(floor: Floor) -> list[Route]:
    """Return the exchange's own routes."""
    kept = _Control(floor)
    return [
        Route("/catalyst/clock", kept.clock),
        Route("/catalyst/clock", kept.step, methods=["POST"]),
        Route("/catalyst/faults", kept.faults, methods=["POST"]),
        Route("/catalyst/ledger", kept.ledger),
    ]


class _Control:
    def __init__(self, floor: Floor) -> None:
        self.floor = floor

    async def clock(self, request: Request) -> Response:
        return JSONResponse(self._clock(request))

    async def step(self, request: Request) -> Response:
        body = await _json(request)
        to_ns = body.get("to_ns") if isinstance(body, dict) else None
        if not isinstance(to_ns, int) or isinstance(to_ns, bool):
            raise InputError(f"to_ns is {to_ns!r}; expected an instant in ns UTC")
        if self.floor.pace is not None:
            raise InputError(
                "the exchange's time runs by itself; start it with --speed 0 to step it"
            )
        self.floor.advance(to_ns)
        await self.floor.hub.flush()
        return JSONResponse(self._clock(request))

    async def faults(self, request: Request) -> Response:
        return JSONResponse({"faults": self.floor.add_faults(await _json(request))})

    async def ledger(self, request: Request) -> Response:
        del request
        exchange = self.floor.exchange
        told: list[Json] = []
        for account in exchange.accounts.values():
            held = account.holdings.held
            told.append(
                {
                    "account_id": account.account_id,
                    "initial": usd(account.holdings.initial_micro),
                    "cash": usd(account.holdings.cash_micro),
                    "equity": usd(account.equity_micro(exchange.marks)),
                    "positions": {symbol: held[symbol].quantity for symbol in sorted(held)},
                    "orders": [order_json(o) for o in account.orders.values()],
                    "activities": [
                        activity_json(account.account_id, r) | {"booked_ns": r.booked_ns}
                        for r in account.holdings.records
                    ],
                }
            )
        plan = [asdict(rule) for rule in exchange.faults.rules]
        return JSONResponse({"now_ns": exchange.now_ns, "accounts": told, "faults": plan})

    def _clock(self, request: Request) -> Json:
        exchange, pace, hub = self.floor.exchange, self.floor.pace, self.floor.hub
        key = key_of(request.headers)
        account_id = account_id_of(key) if key else ""
        session = exchange.current
        lines = [x for x in hub.lines if x.account_id == account_id]
        return {
            "now_ns": exchange.now_ns,
            "speed": pace.speed if pace else 0,
            "waits": bool(pace and pace.waits),
            "timeframe": exchange.feed.timeframe,
            "session": str(day_to_date(session.day)),
            "pre_ns": session.pre_ns,
            "open_ns": session.open_ns,
            "close_ns": session.close_ns,
            "post_ns": session.post_ns,
            "ended": exchange.now_ns >= exchange.end_ns,
            "sent": hub.sent(account_id),
            "sockets": {x.stream: x.sent for x in lines},
        }


async def _json(request: Request) -> object:
    try:
        body: object = json.loads(await request.body())
    except ValueError:
        raise InputError("the request's body is no JSON") from None
    return body
