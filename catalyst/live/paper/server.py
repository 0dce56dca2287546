"""The paper exchange as a server: REST and websockets on one port of this machine."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from catalyst.errors import InputError
from catalyst.live.paper.control import control_routes
from catalyst.live.paper.door import Rates, key_of, no
from catalyst.live.paper.exchange import account_id_of
from catalyst.live.paper.faults import Fault
from catalyst.live.paper.floor import Floor
from catalyst.live.paper.rest_data import data_routes
from catalyst.live.paper.rest_trading import trading_routes
from catalyst.live.paper.sockets import socket_routes
from catalyst.strategy.broker_rules import BAD_REQUEST, NOT_FOUND

_UNAUTHORIZED, _TOO_MANY, _INTERNAL = 40110000, 42910000, 50010000
_DATA = ("/v2/stocks", "/v1beta1/", "/v1/")
_STOP_S = 1
_LONGEST_NAP_S = 0.25
_WORDS = {
    429: (_TOO_MANY, "rate limit exceeded"),
    500: (_INTERNAL, "internal server error occurred"),
    504: (_INTERNAL, "gateway timeout"),
}


def application(floor: Floor) -> ASGIApp:
    """Return the exchange as an ASGI application."""
    routes = [
        *trading_routes(floor),
        *data_routes(floor),
        *control_routes(floor),
        *socket_routes(floor),
    ]
    app = Starlette(
        routes=routes,
        exception_handlers={InputError: _bad_input, HTTPException: _no_route},
    )
    return _Gate(app, floor)


async def serve(
    floor: Floor, listening: socket.socket, *, ready: Callable[[], None] = lambda: None
) -> None:
    """Serve until a signal or a cancel asks to stop.

    Parameters
    ----------
    floor
        The exchange.
    listening
        A bound socket.
    ready
        Called once requests are answered.
    """
    config = uvicorn.Config(
        application(floor),
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="websockets-sansio",
        timeout_graceful_shutdown=_STOP_S,
        server_header=False,
    )
    server = _Server(config, ready)
    running = None
    if floor.pace is not None:
        floor.pace.start(floor.exchange.now_ns)
        running = asyncio.create_task(_run_clock(floor, server))
    try:
        await server.serve(sockets=[listening])
    finally:
        if running is not None:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
        if floor.log is not None:
            floor.log.close()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._ready()


async def _run_clock(floor: Floor, server: uvicorn.Server) -> None:
    pace = floor.pace
    assert pace is not None  # noqa: S101 - the caller asked
    try:
        while True:
            floor.catch_up()
            next_ns = floor.exchange.next_ns
            if next_ns is None:
                return
            await asyncio.sleep(min(max(pace.seconds_until(next_ns), 0.0), _LONGEST_NAP_S))
    except Exception:
        # An exchange whose time stands still must not go on answering.
        server.should_exit = True
        raise


class _Gate:
    """Let time pass, ask for a key, count, and let go wrong what shall go wrong."""

    def __init__(self, app: ASGIApp, floor: Floor) -> None:
        self._app, self._floor = app, floor
        self._rates = Rates()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._floor.catch_up()
        path = str(scope["path"])
        if path.startswith("/catalyst/"):
            await self._app(scope, receive, send)
            return
        key = key_of(Request(scope).headers)
        if key is None:
            response = no(401, _UNAUTHORIZED, "request is not authorized")
            await response(scope, receive, send)
            return
        exchange = self._floor.exchange
        side = "data" if path.startswith(_DATA) else "trading"
        passes, headers = self._rates.take(account_id_of(key), side, exchange.now_ns)
        if not passes:
            await self._answer(429, headers, scope, receive, send)
            return
        faults = exchange.faults.of_request(scope["method"], path, exchange.now_ns)
        await self._pass(faults, headers, scope, receive, send)

    async def _pass(
        self,
        faults: list[Fault],
        headers: dict[str, str],
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        for fault in faults:
            if fault.do == "latency":
                await asyncio.sleep(fault.seconds)
        wrong = [f for f in faults if f.do != "latency"]
        if not wrong:
            await self._app(scope, receive, _with(headers, send))
            return
        fault = wrong[0]
        if fault.accepted:
            await self._app(scope, receive, _nowhere)
        if fault.do == "drop":
            await _cut(send)
            return
        await self._answer(fault.status, headers, scope, receive, send)

    @staticmethod
    async def _answer(
        status: int, headers: dict[str, str], scope: Scope, receive: Receive, send: Send
    ) -> None:
        code, words = _WORDS.get(status, (status * 100_000 + 10_000, "failed on purpose"))
        response = no(status, code, words)
        response.headers.update(headers)
        await response(scope, receive, send)


def _with(headers: dict[str, str], send: Send) -> Send:
    extra = [(k.lower().encode(), v.encode()) for k, v in headers.items()]

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *extra]}
        await send(message)

    return sent


async def _nowhere(message: Message) -> None:
    del message


async def _cut(send: Send) -> None:
    # What uvicorn gives to send is bound to the connection. Without it, an answer that ends before
    # its length makes uvicorn close the connection, too.
    transport: Any = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is not None:
        transport.abort()
        return
    headers = [(b"content-length", b"1000"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def _bad_input(request: Request, error: Exception) -> Response:
    del request
    return no(422, BAD_REQUEST, str(error))


async def _no_route(request: Request, error: Exception) -> Response:
    del request
    status = getattr(error, "status_code", 404)
    return no(status, NOT_FOUND, "endpoint not found")
