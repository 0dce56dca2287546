"""Alpaca's trade updates: one connection that comes back slowly, and is known to be mute.

alpaca-py's `TradingStream` is not used. It hands events to a callback that can't say that the
connection was lost and what came meanwhile is missing; it waits on an open but mute connection for
ever, and after an exception in between it turns every 10 ms (its issue 740); it parses prices to
floats; and it stands on the legacy part of websockets, which the next major release drops. What
is left of it, two messages, is sent here as it sends them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from catalyst.errors import BrokerError, BrokerRefusalError, BrokerSilenceError
from catalyst.live.alpaca_orders import update_of
from catalyst.live.endpoint import Endpoint, Keys, Money
from catalyst.live.pacing import Pace, growing
from catalyst.live.ports import BrokerOrder, OrderStatus, OrderUpdate
from catalyst.live.threads import in_thread

#: Status and filled shares by broker id, as REST tells them.
Snapshot = Mapping[str, tuple[OrderStatus, int]]

#: Seconds without a message after which REST is asked whether something was kept from us.
SILENCE_S: Final = 20.0
#: Alpaca holds a dead connection for 90 s, and bears one for each key.
LIMIT_PAUSE_S: Final = 90.0

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
_LEAST_PAUSE_S = 1.0
# A connection that lived as long was a good one: the next pause is the first again.
_GOOD_S = 30.0
# How long an event may be behind the answer to a question.
_GRACE_S = 2.0
_OPEN_S = 10.0
_PING_S = 10.0
_UNAUTHORIZED_TRIES = 5
_BUFFERED = 1024
# A fast exchange's silence is short, and each costs a question.
_LEAST_SILENCE_S, _LEAST_STEPPED_SILENCE_S = 1.0, 5.0
_STREAM = "trade_updates"
_LIMIT_WORDS = "connection limit"
_LOG = logging.getLogger(__name__)
# The library writes every frame to its log at DEBUG, and the first has the keys.
_QUIET = logging.getLogger(f"{__name__}.frames")
_QUIET.setLevel(logging.WARNING)


def log_note(text: str) -> None:
    """Write a note of the stream to the log."""
    _LOG.warning(text)


class TradeStream:
    """Hold the one connection on which an account's order events come.

    Parameters
    ----------
    seed
        Of the chance in the pauses.
    note
        Told in a sentence why the connection was given up, and what is done.
    silence_s
        Seconds of the exchange without a message after which REST is asked.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        keys: Keys,
        pace: Pace,
        *,
        seed: int = 0,
        note: Callable[[str], None] = log_note,
        silence_s: float = SILENCE_S,
    ) -> None:
        self._endpoint = endpoint
        self._keys = keys
        self._pace = pace
        self._rng = random.Random(seed)  # noqa: S311 - it spreads pauses, it guards nothing
        self._note = note
        self._silence_s = silence_s
        # By broker id: when the broker last changed the order, and into what.
        self._told: dict[str, tuple[int, OrderStatus, int]] = {}
        self.listening = False
        self.received = 0
        self.breaks = 0

    @property
    def kind(self) -> str:
        """Name what is received as the paper exchange counts it."""
        return "trade_updates"

    async def read(self) -> None:
        """Return at once: events are dealt with as they come."""

    async def settle(self) -> None:
        """Return at once: what was missed is asked for by whoever reads the None."""

    async def updates(
        self, snapshot: Callable[[], Snapshot]
    ) -> AsyncGenerator[OrderUpdate | None, None]:
        """Yield order events as they come, and None each time some may be missing.

        None comes after each opening, and for a message that can't be read. The connection is
        opened again for ever, after 1 to 30 s, or 90 s where Alpaca says that there is one already.

        Parameters
        ----------
        snapshot
            Asks REST for the latest orders; called in a thread. What it says and the stream never
            said shows that an open connection is mute.

        Raises
        ------
        BrokerRefusalError
            If the keys are refused five times in a row.
        """
        pauses = growing(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, self._rng)
        refused = 0
        while True:
            begun = time.monotonic()
            try:
                async with contextlib.aclosing(self._once(snapshot)) as opened:
                    async for update in opened:
                        refused = 0
                        yield update
            except _LostError as error:
                lost = error
            finally:
                self._lost()
            refused += lost.unauthorized
            if refused >= _UNAUTHORIZED_TRIES:
                raise BrokerRefusalError(
                    401, 0, f"the trade stream refused the keys {refused} times in a row"
                )
            if time.monotonic() - begun >= self._pace.ours(_GOOD_S):
                pauses = growing(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, self._rng)
            pause = LIMIT_PAUSE_S if lost.limit else next(pauses)
            self._note(
                f"the trade stream at {self._endpoint.url} {lost}; it is opened again in "
                f"{pause:.1f} s, and no entry may be sent until then"
            )
            # At hundreds of times the speed a paper exchange that is gone would be hammered.
            await asyncio.sleep(max(self._pace.ours(pause), min(pause, _LEAST_PAUSE_S)))

    async def _once(
        self, snapshot: Callable[[], Snapshot]
    ) -> AsyncGenerator[OrderUpdate | None, None]:
        """Yield the events of one connection; it ends in a `_LostError`."""
        baseline: asyncio.Task[Snapshot] | None = None
        try:
            async with self._connection() as socket:
                await self._log_in(socket)
                # Asked beside: an API that hangs must not keep events waiting.
                baseline = asyncio.create_task(in_thread(snapshot, name="trade-stream-baseline"))
                self._told = {}
                self.listening = True
                self.breaks += 1
                yield None
                while True:
                    frame = await self._frame(socket, self._silence())
                    if frame is None:
                        frame = await self._doubted(socket, snapshot, baseline)
                        baseline = None
                    for update in self._read(frame):
                        yield update
                        # Counted when it was dealt with, for whoever waits for that.
                        self.received += 1
        except InvalidStatus as error:
            status = error.response.status_code
            raise _LostError(
                f"answered {status}", limit=status == 429, unauthorized=status in {401, 403}
            ) from None
        except ConnectionClosed as error:
            raise _LostError("was closed", limit=_is_limit(str(error))) from None
        except (OSError, TimeoutError, WebSocketException, ValueError) as error:
            # Texts of such errors may hold what was sent.
            raise _LostError(f"failed ({type(error).__name__})") from None
        finally:
            if baseline is not None:
                baseline.cancel()

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[ClientConnection]:
        here = self._endpoint.money is Money.LOCAL
        url = self._endpoint.stream_url
        connection = connect(
            url,
            proxy=None if here else True,
            compression=None if here else "deflate",
            open_timeout=_OPEN_S,
            ping_interval=_PING_S,
            ping_timeout=_PING_S,
            close_timeout=1.0,
            max_queue=_BUFFERED,
            logger=_QUIET,
        )
        async with connection as socket:
            # It follows redirects; keys go to nobody else than the endpoint.
            if connection.uri != url:
                raise _LostError("redirects to another address")
            yield socket

    async def _log_in(self, socket: ClientConnection) -> None:
        keys = {"key_id": self._keys.key, "secret_key": self._keys.secret}
        async with asyncio.timeout(_OPEN_S):
            await socket.send(json.dumps({"action": "authenticate", "data": keys}))
            told = await self._answer(socket, "authorization")
            if told.get("status") != "authorized":
                limit = _is_limit(str(told))
                raise _LostError("refused the keys", limit=limit, unauthorized=not limit)
            wanted = {"streams": [_STREAM]}
            await socket.send(json.dumps({"action": "listen", "data": wanted}))
            told = await self._answer(socket, "listening")
            if _STREAM not in (told.get("streams") or ()):
                raise _LostError("does not give trade updates")

    async def _answer(self, socket: ClientConnection, name: str) -> Mapping[str, Any]:
        while True:
            found = _message(await socket.recv())
            if found is not None and found.get("stream") == name:
                data = found.get("data")
                return data if isinstance(data, Mapping) else {}
            # What comes before is missing like all that came before it.
            self.received += found is not None and found.get("stream") == _STREAM
            if _is_limit(str(found)):
                raise _LostError("says that there is a connection already", limit=True)

    async def _frame(self, socket: ClientConnection, within_s: float) -> str | bytes | None:
        try:
            async with asyncio.timeout(within_s):
                return await socket.recv()
        except TimeoutError:
            return None

    async def _doubted(
        self,
        socket: ClientConnection,
        snapshot: Callable[[], Snapshot],
        baseline: asyncio.Task[Snapshot] | None,
    ) -> str | bytes | None:
        """Compare with REST after a silence; what comes meanwhile is given, a mute line is left."""
        try:
            if baseline is not None:
                self._believe(await baseline)
            found = await in_thread(snapshot, name="trade-stream-doubt")
        except BrokerError:
            # REST is silent, too; whether the line is alive is for the pings to tell.
            return None
        kept = self._kept_back(found)
        if not kept:
            self._believe(found)
            return None
        self.listening = False
        frame = await self._frame(socket, self._pace.ours(_GRACE_S))
        if frame is None:
            raise _LostError(
                f"is open and mute: it did not tell of {kept} changed order"
                f"{'' if kept == 1 else 's'} that REST knows"
            )
        self.listening = True
        return frame

    def _silence(self) -> float:
        least = _LEAST_SILENCE_S if self._pace.everything else _LEAST_STEPPED_SILENCE_S
        return max(min(least, self._silence_s), self._pace.ours(self._silence_s))

    def _read(self, frame: str | bytes | None) -> tuple[OrderUpdate | None, ...]:
        if frame is None:
            return ()
        found = _message(frame)
        if found is not None and found.get("stream") != _STREAM:
            if _is_limit(str(found)):
                raise _LostError("says that there is a connection already", limit=True)
            return ()
        try:
            update = update_of(None if found is None else found.get("data"))
        except BrokerSilenceError as error:
            self._note(f"a trade update can't be read, REST is asked instead: {error}")
            return (None,)
        self._tell(update.order)
        return (update,)

    def _tell(self, order: BrokerOrder) -> None:
        # An event that comes late says less than one that came before it.
        if order.updated_ns >= self._told.get(order.broker_id, (0,))[0]:
            state = (order.updated_ns, order.status, order.filled)
            self._told[order.broker_id] = state

    def _believe(self, found: Snapshot) -> None:
        for broker_id, (status, filled) in found.items():
            self._told.setdefault(broker_id, (0, status, filled))

    def _kept_back(self, found: Snapshot) -> int:
        kept = 0
        for broker_id, (status, filled) in found.items():
            told = self._told.get(broker_id)
            # Alpaca need not tell of a leg that sleeps: a new order counts from its first fill on;
            # nor of a stop that goes when its target has filled.
            changed = told is not None and status is not told[1] and not told[1].final
            kept += (
                filled > 0
                if told is None
                else filled > told[2] or (changed and status is not OrderStatus.CANCELED)
            )
        return kept

    def _lost(self) -> None:
        self.breaks += self.listening
        self.listening = False


class _LostError(Exception):
    def __init__(self, why: str, *, limit: bool = False, unauthorized: bool = False) -> None:
        super().__init__(why)
        self.limit = limit
        self.unauthorized = unauthorized


def _message(frame: str | bytes) -> Mapping[str, Any] | None:
    try:
        # Alpaca sends its JSON in binary frames; numbers stay the text they are.
        found = json.loads(frame, parse_float=str)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _is_limit(text: str) -> bool:
    return _LIMIT_WORDS in text.lower()
