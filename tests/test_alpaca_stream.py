"""Trade updates: a connection that is lost, mute, refused or strange, and comes back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from alpaca.trading.enums import TradeEvent
from alpaca_answers import HASTE, KEYS, NOW, OLD, order_row, update_text
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from catalyst.errors import BrokerRefusalError, BrokerSilenceError
from catalyst.live.alpaca_stream import Snapshot, TradeStream
from catalyst.live.endpoint import Endpoint, Money
from catalyst.live.ports import OrderStatus, OrderUpdate

ORDER = order_row()["id"]
NEW = update_text("new", order_row())
PART = update_text(
    "partial_fill",
    order_row(filled_qty="4", status="partially_filled"),
    execution_id="e-1",
    price="9.0501",
    qty="4",
)
Play = Callable[[ServerConnection, int], Awaitable[None]]


@dataclass
class Stage:
    """Play a script to each connection that has logged in.

    Attributes
    ----------
    play
        Given the connection and which one it is, from 1; at its end the connection is closed.
    authorization, listening
        What is answered to each.
    handshake
        Answers instead of an upgrade; None lets it through.
    """

    play: Play
    authorization: dict[str, Any] = field(
        default_factory=lambda: {"status": "authorized", "action": "authenticate"}
    )
    listening: dict[str, Any] = field(default_factory=lambda: {"streams": ["trade_updates"]})
    handshake: Callable[[Request], Response | None] = lambda _: None
    connections: int = 0
    asked: list[dict[str, Any]] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    @contextlib.asynccontextmanager
    async def running(self, **options: Any) -> AsyncIterator[TradeStream]:  # noqa: ANN401
        async with serve(
            self._serve,
            "127.0.0.1",
            0,
            process_request=lambda _, request: self.handshake(request),
            close_timeout=0.2,
        ) as server:
            port = server.sockets[0].getsockname()[1]
            url = f"ws://127.0.0.1:{port}/stream"
            endpoint = Endpoint(f"http://127.0.0.1:{port}", url, Money.LOCAL)
            yield TradeStream(endpoint, KEYS, HASTE, **options)

    async def _serve(self, connection: ServerConnection) -> None:
        self.connections += 1
        number = self.connections
        for name, data in (("authorization", self.authorization), ("listening", self.listening)):
            try:
                self.asked.append(json.loads(await connection.recv()))
            except ConnectionClosed:
                return
            await connection.send(json.dumps({"stream": name, "data": data}).encode())
        await self.play(connection, number)
        await connection.close()
        self.closed.set()


async def _stay(connection: ServerConnection) -> None:
    with contextlib.suppress(Exception):
        await connection.wait_closed()


def _nothing() -> Snapshot:
    return {}


async def _first(
    stream: TradeStream, count: int, snapshot: Callable[[], Snapshot] = _nothing
) -> list[OrderUpdate | None]:
    found: list[OrderUpdate | None] = []
    async with asyncio.timeout(10), contextlib.aclosing(stream.updates(snapshot)) as updates:
        async for update in updates:
            found.append(update)
            if len(found) == count:
                return found
    return found


def _told(stage: Stage, count: int, **options: Any) -> list[OrderUpdate | None]:  # noqa: ANN401
    async def run() -> list[OrderUpdate | None]:
        async with stage.running(**options) as stream:
            return await _first(stream, count)

    return asyncio.run(run())


def test_an_execution_is_told_with_its_own_quantity_and_the_sum_of_the_order() -> None:
    async def play(connection: ServerConnection, _: int) -> None:
        await connection.send(PART)
        await _stay(connection)

    opening, update = _told(Stage(play), 2)

    assert opening is None
    assert update is not None
    assert update.execution is not None
    assert update.order.status is OrderStatus.PARTIALLY_FILLED
    found = update.execution
    assert (found.quantity, found.price, found.cumulative) == (4, "9.0501", 4)
    assert (found.execution_id, found.broker_id) == ("e-1", ORDER)
    assert found.at_ns == update.order.updated_ns == 1_696_253_700_123_456_789


def test_the_keys_are_told_as_alpaca_py_tells_them() -> None:
    stage = Stage(lambda connection, _: _stay(connection))
    _told(stage, 1)

    assert stage.asked[0] == {
        "action": "authenticate",
        "data": {"key_id": KEYS.key, "secret_key": KEYS.secret},
    }
    assert stage.asked[1] == {"action": "listen", "data": {"streams": ["trade_updates"]}}


def test_every_event_of_alpaca_and_any_other_is_passed_with_its_order() -> None:
    names = [event.value for event in TradeEvent if event.value not in {"fill", "partial_fill"}]
    names += ["done_for_day", "held", "stopped", "trade_bust", "an_event_of_tomorrow"]

    async def play(connection: ServerConnection, _: int) -> None:
        for name in names:
            await connection.send(update_text(name, order_row()))
        await _stay(connection)

    _, *updates = _told(Stage(play), 1 + len(names))

    assert [update and update.event for update in updates] == names
    assert {update and update.order.broker_id for update in updates} == {ORDER}


def test_events_that_come_twice_or_late_are_passed_as_they_come() -> None:
    async def play(connection: ServerConnection, _: int) -> None:
        for frame in (PART, PART, NEW):
            await connection.send(frame)
        await _stay(connection)

    _, *updates = _told(Stage(play), 4)

    assert [u and u.event for u in updates] == ["partial_fill", "partial_fill", "new"]


def test_a_lost_connection_is_opened_again_and_says_that_some_may_be_missing() -> None:
    async def play(connection: ServerConnection, number: int) -> None:
        await connection.send(NEW)
        if number == 1:
            connection.transport.abort()
        await _stay(connection)

    notes: list[str] = []
    found = _told(Stage(play), 4, note=notes.append)

    assert [update and update.event for update in found] == [None, "new", None, "new"]
    assert "opened again in" in notes[0]


def test_a_server_that_drops_everybody_at_once_is_not_stormed() -> None:
    async def play(connection: ServerConnection, _: int) -> None:
        del connection

    notes: list[str] = []
    _told(Stage(play), 6, note=notes.append)
    pauses = [float(note.rpartition(" again in ")[2].partition(" s")[0]) for note in notes]

    assert all(later > earlier for earlier, later in zip(pauses[::2], pauses[2::2], strict=False))
    assert 0.5 <= pauses[0] <= 1.0
    assert len(pauses) == 5


def test_pauses_are_the_same_for_the_same_seed() -> None:
    async def play(connection: ServerConnection, _: int) -> None:
        del connection

    def noted(seed: int) -> list[str]:
        notes: list[str] = []
        _told(Stage(play), 3, note=notes.append, seed=seed)
        return [note.rpartition(" again in ")[2] for note in notes]

    assert noted(7) == noted(7)
    assert noted(7) != noted(8)


def test_an_open_but_mute_connection_is_found_out_by_asking_rest() -> None:
    filled = {ORDER: (OrderStatus.FILLED, 10)}
    states: list[Snapshot] = [{ORDER: (OrderStatus.ACCEPTED, 0)}, filled]
    notes: list[str] = []

    async def run() -> list[OrderUpdate | None]:
        async with stage.running(note=notes.append, silence_s=0.1) as stream:
            return await _first(stream, 2, lambda: states.pop(0) if len(states) > 1 else states[0])

    stage = Stage(lambda connection, _: _stay(connection))

    assert asyncio.run(run()) == [None, None]
    assert stage.connections == 2
    assert "open and mute: it did not tell of 1 changed order" in notes[0]


def test_a_fill_of_an_order_that_was_sent_after_opening_shows_a_mute_connection() -> None:
    states: list[Snapshot] = [{}, {ORDER: (OrderStatus.PARTIALLY_FILLED, 4)}]

    async def run() -> list[OrderUpdate | None]:
        async with stage.running(silence_s=0.1) as stream:
            return await _first(stream, 2, lambda: states.pop(0) if len(states) > 1 else states[0])

    stage = Stage(lambda connection, _: _stay(connection))
    asyncio.run(run())

    assert stage.connections == 2


def test_a_quiet_connection_is_kept_where_rest_agrees_with_it() -> None:
    asked = 0

    def snapshot() -> Snapshot:
        nonlocal asked
        asked += 1
        if asked == 4:
            raise BrokerSilenceError("the API is down")
        # As the stream told it, and a sleeping leg of which it need not tell.
        first = {} if asked == 1 else {ORDER: (OrderStatus.PARTIALLY_FILLED, 4)}
        return first | {"a-leg": (OrderStatus.HELD, 0)}

    async def play(connection: ServerConnection, _: int) -> None:
        await connection.send(PART)
        # It comes late, and says less than what came before it.
        await connection.send(update_text("new", order_row(updated_at=OLD)))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(8):
                while asked < 7:  # noqa: ASYNC110 - it is counted in a thread
                    await asyncio.sleep(0.01)
        await connection.send(NEW)
        await _stay(connection)

    async def run() -> list[OrderUpdate | None]:
        async with stage.running(silence_s=0.05) as stream:
            return await _first(stream, 4, snapshot)

    stage = Stage(play)
    found = asyncio.run(run())

    assert [update and update.event for update in found] == [None, "partial_fill", "new", "new"]
    assert stage.connections == 1


def _noted(stage: Stage, within_s: float) -> list[str]:
    async def run() -> None:
        async with stage.running(note=notes.append) as stream:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(within_s):
                    await _first(stream, 1)

    notes: list[str] = []
    asyncio.run(run())
    return notes


def test_a_second_connection_waits_for_ninety_seconds_and_says_so() -> None:
    many = Response(429, "Too Many Requests", Headers())
    stage = Stage(lambda connection, _: _stay(connection), handshake=lambda _: many)
    notes = _noted(stage, 0.3)

    assert ["answered 429; it is opened again in 90.0 s" in note for note in notes] == [True]


def test_a_connection_limit_told_in_words_is_one_too() -> None:
    stage = Stage(
        lambda connection, _: _stay(connection),
        authorization={"status": "unauthorized", "message": "connection limit exceeded"},
    )
    notes = _noted(stage, 0.3)

    assert ["refused the keys; it is opened again in 90.0 s" in note for note in notes] == [True]


def test_refused_keys_are_not_tried_for_ever() -> None:
    stage = Stage(
        lambda connection, _: _stay(connection),
        authorization={"status": "unauthorized", "action": "authenticate"},
    )

    with pytest.raises(BrokerRefusalError, match="5 times in a row"):
        _told(stage, 1)
    assert stage.connections == 5


@pytest.mark.parametrize(
    "frame",
    [
        b"no json",
        b"[]",
        update_text("new", order_row(status="odd")),
        update_text("fill", order_row(filled_qty="10", status="filled")),
        json.dumps({"stream": "trade_updates"}).encode(),
    ],
)
def test_an_event_that_can_not_be_read_counts_as_a_gap(frame: bytes) -> None:
    async def play(connection: ServerConnection, _: int) -> None:
        await connection.send(frame)
        await connection.send(NEW)
        await _stay(connection)

    notes: list[str] = []
    found = _told(Stage(play), 3, note=notes.append)

    assert [update and update.event for update in found] == [None, None, "new"]
    assert "can't be read" in notes[0]


def test_what_was_received_is_counted_when_it_was_dealt_with() -> None:
    async def play(connection: ServerConnection, _: int) -> None:
        await connection.send(NEW)
        await connection.send(PART)
        await _stay(connection)

    async def run() -> list[int]:
        counts = []
        async with (
            Stage(play).running() as stream,
            contextlib.aclosing(stream.updates(_nothing)) as updates,
        ):
            for _ in range(3):
                await anext(updates)
                counts.append(stream.received)
        return counts

    assert asyncio.run(run()) == [0, 0, 1]


def test_it_tells_whether_it_listens_and_closes_when_it_is_left() -> None:
    async def run() -> tuple[list[bool], int]:
        states = []
        stage = Stage(lambda connection, _: _stay(connection))
        async with stage.running() as stream, asyncio.timeout(5):
            states.append(stream.listening)
            async with contextlib.aclosing(stream.updates(_nothing)) as updates:
                await anext(updates)
                states.append(stream.listening)
            states.append(stream.listening)
            await stage.closed.wait()
        return states, stream.breaks

    assert asyncio.run(run()) == ([False, True, False], 2)


def test_a_task_that_is_cancelled_closes_the_connection() -> None:
    async def run() -> bool:
        stage = Stage(lambda connection, _: _stay(connection))
        async with stage.running() as stream, asyncio.timeout(5):
            task = asyncio.create_task(_first(stream, 2))
            while not stream.listening:  # noqa: ASYNC110 - a flag is all there is
                await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.wait([task])
            await stage.closed.wait()
        return stream.listening

    assert asyncio.run(run()) is False


def test_keys_do_not_follow_a_redirect() -> None:
    async def run() -> tuple[int, list[dict[str, Any]]]:
        elsewhere = Stage(lambda connection, _: _stay(connection))
        async with elsewhere.running() as other:
            target = other._endpoint.stream_url
            moved = Response(302, "Found", Headers(Location=target))
            stage = Stage(lambda connection, _: _stay(connection), handshake=lambda _: moved)
            async with stage.running(note=notes.append) as stream:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await _first(stream, 1)
        return elsewhere.connections, elsewhere.asked

    notes: list[str] = []
    connections, asked = asyncio.run(run())

    assert connections > 0
    assert asked == []
    assert "redirects to another address" in notes[0]


def test_keys_are_in_no_log_and_no_note(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def play(connection: ServerConnection, number: int) -> None:
        if number == 1:
            await connection.close(1008, f"bad {KEYS.key} {KEYS.secret}")
            return
        await connection.send(f"{KEYS.key} {KEYS.secret}")
        await _stay(connection)

    logging.getLogger("websockets.server").setLevel(logging.WARNING)
    _told(Stage(play), 3)

    assert "trade stream" in caplog.text
    assert KEYS.key not in caplog.text
    assert KEYS.secret not in caplog.text


def test_an_execution_has_the_time_of_its_event() -> None:
    async def play(connection: ServerConnection, _: int) -> None:
        await connection.send(PART.replace(NOW.encode(), b"2023-10-02T09:35:00.5-04:00", 1))
        await _stay(connection)

    update = _told(Stage(play), 2)[1]

    assert update is not None
    assert update.execution is not None
    assert update.execution.at_ns == 1_696_253_700_500_000_000
