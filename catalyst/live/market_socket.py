"""One of Alpaca's data sockets, held open: connected, authenticated, subscribed, and again.

alpaca-py's own streams are not used here. They don't say when they lost the connection and opened
it again, so nobody could ask for what was missed in between; an error other than a closed socket
makes them read the broken one again without a pause; they keep a dead peer for three minutes; and
stopping takes up to five seconds (`alpaca.data.live.websocket`, 0.44).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgpack
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidURI, WebSocketException

from catalyst.errors import InputError

Message = Mapping[str, Any]

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 30.0
_STEADY_S = 10.0
_ANSWER_S = 10.0
_PING_S = 10.0
_LOOK_S = 0.001
_LONGEST_MESSAGE = 16 * 2**20
#: Codes by which Alpaca says that asking again changes nothing; see its "Real-time stock data".
_FATAL = {402: "the keys", 405: "so many symbols", 408: "this feed", 409: "this subscription"}

# At level DEBUG websockets logs whole messages, and the first one holds the keys.
_log = logging.getLogger("catalyst.live.market_socket")
_log.setLevel(logging.WARNING)


class RefusedError(Exception):
    """Raise inside when the server says no: its code and words."""

    def __init__(self, code: int, told: str) -> None:
        super().__init__(code, told)
        self.code = code
        self.told = told


@dataclass
class MarketSocket:
    """Hold one data socket open, and open it again with growing pauses.

    Parameters
    ----------
    url
        Such as ``wss://stream.data.alpaca.markets/v2/iex``.
    key, secret
        Of the account.
    channels
        What to subscribe to: ``{"bars": ["AAPL"]}``.

    Attributes
    ----------
    subscribed
        Whether it is open and the server confirmed the subscription.
    why
        Why it is not, in words, empty while it is.
    refused
        What the server said no to for good, empty for nothing.
    breaks
        How many times it was opened or lost.
    """

    url: str
    key: str = field(repr=False)
    secret: str = field(repr=False)
    channels: Mapping[str, Sequence[str]]
    subscribed: bool = field(init=False, default=False)
    why: str = field(init=False, default="not opened yet")
    refused: str = field(init=False, default="")
    breaks: int = field(init=False, default=0)
    _dropped: str = field(init=False, default="")
    _connection: ClientConnection | None = field(init=False, default=None, repr=False)

    def __post_init__(self) -> None:
        if urlsplit(self.url).scheme not in {"ws", "wss"}:
            raise InputError(f"{self.url} is no address of a stream; expected ws:// or wss://")

    async def messages(self) -> AsyncGenerator[Sequence[Message] | None, None]:
        """Yield messages as they come, for ever; None whenever it has been opened (again).

        After a None, what was sent while it was closed is missing. Instants are
        `msgpack.Timestamp`.
        """
        pause = _FIRST_PAUSE_S
        while True:
            opened_at = time.monotonic()
            heard = False
            try:
                async with contextlib.aclosing(self._once()) as opened:
                    async for found in opened:
                        heard = heard or bool(found)
                        yield found
                self._lost("the server closed it")
            except RefusedError as error:
                self._lost(f"the server refused with {error.code}: {error.told}")
                if error.code in _FATAL:
                    self.refused = f"{_FATAL[error.code]} ({error.code}: {error.told})"
                    pause = _LONGEST_PAUSE_S
            except (WebSocketException, OSError, TimeoutError, ValueError, InvalidURI) as error:
                self._lost(type(error).__name__)
            # A server that takes us in and drops us at once must not be stormed.
            if heard and time.monotonic() - opened_at > _STEADY_S:
                pause = _FIRST_PAUSE_S
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    async def reopen(self, why: str) -> None:
        """Drop the connection, as one that is open and mute; it is opened again at once."""
        connection = self._connection
        if connection is not None:
            self._lost(why)
            self._dropped = why
            # A dead peer never confirms; nobody waits for it.
            connection.transport.abort()

    async def settle(self) -> None:
        """Return once what the server wrote by now was read, its farewell included."""
        connection = self._connection
        if connection is None:
            return
        try:
            async with asyncio.timeout(_PING_S):
                # The answer comes after all that was written before.
                await (await connection.ping())
        except (WebSocketException, OSError):
            ends = time.monotonic() + _PING_S
            while (  # noqa: ASYNC110 - its reader says when
                self._connection is connection and time.monotonic() < ends
            ):
                await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            if self._connection is connection:
                await self.reopen("it answered no ping")

    def _lost(self, why: str) -> None:
        if self.subscribed:
            self.breaks += 1
        self.subscribed = False
        self._connection = None
        self.why, self._dropped = self._dropped or why, ""

    async def _once(self) -> AsyncGenerator[Sequence[Message] | None, None]:
        here = urlsplit(self.url).hostname in {"127.0.0.1", "localhost", "::1"}
        async with connect(
            self.url,
            additional_headers={"Content-Type": "application/msgpack"},
            proxy=None if here else True,
            compression=None if here else "deflate",
            open_timeout=_ANSWER_S,
            ping_interval=_PING_S,
            ping_timeout=_PING_S,
            close_timeout=1.0,
            max_size=_LONGEST_MESSAGE,
            max_queue=1024,
            logger=_log,
        ) as connection:
            await self._expect(connection, "success")
            login = {"action": "auth", "key": self.key, "secret": self.secret}
            await connection.send(msgpack.packb(login))
            await self._expect(connection, "success")
            wanted = {name: list(symbols) for name, symbols in self.channels.items()}
            await connection.send(msgpack.packb({"action": "subscribe", **wanted}))
            early = await self._expect(connection, "subscription")
            self._connection = connection
            self.subscribed, self.why, self.refused = True, "", ""
            self.breaks += 1
            yield None
            if early:
                yield early
            async for frame in connection:
                yield _messages(frame)

    async def _expect(self, connection: ClientConnection, kind: str) -> list[Message]:
        """Read until the answer comes; give the market's messages that came with it."""
        early: list[Message] = []
        async with asyncio.timeout(_ANSWER_S):
            while True:
                answered = False
                for message in _messages(await connection.recv()):
                    if message.get("T") == kind:
                        answered = True
                    elif message.get("T") not in {"success", "subscription"}:
                        early.append(message)
                if answered:
                    return early


def _messages(frame: str | bytes) -> list[Message]:
    if isinstance(frame, str):
        raise ValueError("text where msgpack was expected")  # noqa: TRY004 - as any odd content
    found = msgpack.unpackb(frame)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ValueError("no list of messages")
    for one in found:
        if one.get("T") == "error":
            raise RefusedError(int(one.get("code") or 0), str(one.get("msg") or "no reason given"))
    return found
