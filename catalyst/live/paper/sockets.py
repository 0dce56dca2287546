"""The three websockets: trade updates, bars, news."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgpack
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from catalyst.live.paper.exchange import account_id_of
from catalyst.live.paper.floor import Floor
from catalyst.live.paper.hub import Hub, Line, encoded

_AUTH_S = 10.0
_TRY_LATER = 1013
_CHANNELS = (
    "trades",
    "quotes",
    "bars",
    "updatedBars",
    "dailyBars",
    "statuses",
    "lulds",
    "corrections",
    "cancelErrors",
)


def socket_routes(floor: Floor) -> list[WebSocketRoute]:
    """Return the routes of the sockets."""

    async def trading(socket: WebSocket) -> None:
        await _trade_stream(socket, floor)

    async def bars(socket: WebSocket) -> None:
        await _data_stream(socket, floor, "bars")

    async def news(socket: WebSocket) -> None:
        await _data_stream(socket, floor, "news")

    return [
        WebSocketRoute("/stream", trading),
        WebSocketRoute("/v2/sip", bars),
        WebSocketRoute("/v2/iex", bars),
        WebSocketRoute("/v1beta1/news", news),
    ]


async def _trade_stream(socket: WebSocket, floor: Floor) -> None:
    await socket.accept()
    if floor.exchange.faults.refuses("trade_updates", floor.exchange.now_ns):
        await socket.close(_TRY_LATER)
        return
    line: Line | None = None
    writer: asyncio.Task[None] | None = None
    try:
        while True:
            wait = None if line else _AUTH_S
            message = await asyncio.wait_for(_received(socket, _loads), wait)
            action, data = message.get("action"), message.get("data") or message
            if action in ("authenticate", "auth"):
                key = data.get("key_id") or data.get("key")
                secret = data.get("secret_key") or data.get("secret")
                allowed = bool(key and secret)
                if allowed and line is None:
                    line = _taken_over(floor.hub, account_id_of(str(key)))
                    writer = asyncio.create_task(_write(socket, line))
                status = "authorized" if allowed else "unauthorized"
                body = {"action": "authenticate", "status": status}
                await socket.send_bytes(_dumped({"stream": "authorization", "data": body}))
                if not allowed:
                    break
            elif action == "listen" and line is not None:
                streams = [s for s in data.get("streams") or [] if s == "trade_updates"]
                line.topics = {s: {"*"} for s in streams}
                told = {"stream": "listening", "data": {"streams": streams}}
                line.queue.put_nowait(_dumped(told))
    except (WebSocketDisconnect, TimeoutError, RuntimeError, ValueError):
        pass
    finally:
        await _ended(socket, floor.hub, line, writer)


def _taken_over(hub: Hub, account_id: str) -> Line:
    # Of two trade streams of an account the newer one stays.
    before = hub.line_of(account_id, "trade_updates")
    if before is not None:
        hub.drop(before)
    line = Line(account_id, "trade_updates")
    hub.lines.append(line)
    return line


async def _data_stream(socket: WebSocket, floor: Floor, stream: str) -> None:
    await socket.accept()
    if floor.exchange.faults.refuses(stream, floor.exchange.now_ns):
        await socket.close(_TRY_LATER)
        return
    packed = socket.headers.get("content-type", "") == "application/msgpack"
    hub = floor.hub
    line: Line | None = None
    writer: asyncio.Task[None] | None = None

    async def say(message: dict[str, Any]) -> None:
        frame = encoded([message], packed=packed)
        await (socket.send_bytes(frame) if isinstance(frame, bytes) else socket.send_text(frame))

    try:
        await say({"T": "success", "msg": "connected"})
        while True:
            wait = None if line else _AUTH_S
            message = await asyncio.wait_for(
                _received(socket, _unpacked if packed else _loads), wait
            )
            action = message.get("action")
            if action == "auth" and line is None:
                if not (message.get("key") and message.get("secret")):
                    await say({"T": "error", "code": 402, "msg": "auth failed"})
                    break
                account_id = account_id_of(str(message["key"]))
                if hub.line_of(account_id, stream) is not None:
                    await say({"T": "error", "code": 406, "msg": "connection limit exceeded"})
                    break
                await say({"T": "success", "msg": "authenticated"})
                line = Line(account_id, stream, packed=packed)
                hub.lines.append(line)
                writer = asyncio.create_task(_write(socket, line))
            elif line is None:
                await say({"T": "error", "code": 401, "msg": "not authenticated"})
            elif action in ("subscribe", "unsubscribe"):
                _subscribe(line, message, add=action == "subscribe")
                if message.get("bars") and floor.pace is not None:
                    floor.pace.begin()
                told = {c: sorted(line.topics.get(c, ())) for c in _channels(stream)}
                frame = encoded([{"T": "subscription", **told}], packed=packed)
                line.queue.put_nowait(frame)
            else:
                frame = encoded(
                    [{"T": "error", "code": 400, "msg": "invalid syntax"}], packed=packed
                )
                line.queue.put_nowait(frame)
    except (WebSocketDisconnect, TimeoutError, RuntimeError, ValueError):
        pass
    finally:
        await _ended(socket, hub, line, writer)


def _channels(stream: str) -> tuple[str, ...]:
    return ("news",) if stream == "news" else _CHANNELS


def _subscribe(line: Line, message: dict[str, Any], *, add: bool) -> None:
    for channel in _channels(line.stream):
        names = {str(name) for name in message.get(channel) or ()}
        before = line.topics.get(channel, set())
        line.topics[channel] = before | names if add else before - names


async def _write(socket: WebSocket, line: Line) -> None:
    while True:
        frame = await line.queue.get()
        try:
            if frame is None:
                await socket.close(1011)
                return
            if isinstance(frame, bytes):
                await socket.send_bytes(frame)
            else:
                await socket.send_text(frame)
        except (WebSocketDisconnect, RuntimeError):
            return
        finally:
            line.queue.task_done()


async def _ended(
    socket: WebSocket, hub: Hub, line: Line | None, writer: asyncio.Task[None] | None
) -> None:
    if line is not None and line in hub.lines:
        hub.lines.remove(line)
    if writer is not None:
        writer.cancel()
        with suppress(asyncio.CancelledError):
            await writer
    if line is not None:
        while not line.queue.empty():
            line.queue.get_nowait()
            line.queue.task_done()
    with suppress(RuntimeError, WebSocketDisconnect):
        await socket.close()


async def _received(socket: WebSocket, read: Callable[[bytes | str], object]) -> dict[str, Any]:
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1000))
    raw = message.get("bytes") or message.get("text") or ""
    body = read(raw)
    if not isinstance(body, dict):
        raise ValueError("a message is no object")  # noqa: TRY004 - what was sent, not a type
    return body


def _loads(raw: bytes | str) -> object:
    return json.loads(raw)


def _unpacked(raw: bytes | str) -> object:
    return msgpack.unpackb(raw) if isinstance(raw, bytes) else json.loads(raw)


def _dumped(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode()
