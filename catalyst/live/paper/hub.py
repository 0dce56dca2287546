"""Who listens to the exchange, and what each is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgpack

from catalyst.live.paper.exchange import Happened
from catalyst.live.paper.faults import Faults
from catalyst.live.paper.market_wire import article_message, bar_message
from catalyst.live.paper.moments import Update
from catalyst.live.paper.wire import Json, update_json

STREAMS = ("trade_updates", "bars", "news")

_FLUSH_S = 5.0


@dataclass
class Line:
    """Hold one connected socket.

    Attributes
    ----------
    stream
        ``trade_updates``, ``bars`` or ``news``.
    packed
        Whether messages go as msgpack, else as JSON.
    topics
        What it has asked for: by channel, symbols, ``*`` for all.
    sent
        Messages written so far.
    mute
        Whether it stays open and hears nothing more.
    queue
        Frames to be written; None ends the connection.
    """

    account_id: str
    stream: str
    packed: bool = False
    topics: dict[str, set[str]] = field(default_factory=dict)
    sent: int = 0
    mute: bool = False
    queue: asyncio.Queue[bytes | str | None] = field(default_factory=asyncio.Queue)

    def wants(self, channel: str, symbols: tuple[str, ...]) -> bool:
        """Tell whether it has asked for a channel and one of some symbols."""
        topics = self.topics.get(channel, set())
        return "*" in topics or any(s in topics for s in symbols)


@dataclass(frozen=True)
class _Letter:
    # One message on its way to a line: what makes it, and what it is about.
    event: str
    symbol: str
    make: Callable[[bool], Json]


class Hub:
    """Keep the connected sockets and write to them what happens.

    Parameters
    ----------
    faults
        What goes wrong with messages.
    """

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self.lines: list[Line] = []
        self._counts: dict[tuple[str, str], int] = {}
        self._late: list[tuple[int, Line, _Letter]] = []

    def line_of(self, account_id: str, stream: str) -> Line | None:
        """Return the open socket of an account's stream."""
        for line in self.lines:
            if (line.account_id, line.stream) == (account_id, stream):
                return line
        return None

    def sent(self, account_id: str) -> dict[str, int]:
        """Return how many messages have been written to an account's sockets, by stream."""
        return {stream: self._counts.get((account_id, stream), 0) for stream in STREAMS}

    def publish(self, happened: Happened) -> None:
        """Tell what an instant brought: fills, then bars, then news."""
        for account_id, update in happened.updates:
            self.tell(account_id, [update], happened.at_ns)
        if happened.bars:
            self._market("bars", happened)
        if happened.articles:
            self._market("news", happened)

    def tell(self, account_id: str, updates: list[Update], now_ns: int) -> None:
        """Tell an account's trade stream what happened to its orders."""
        for line in [x for x in self.lines if x.account_id == account_id]:
            if line.stream == "trade_updates" and line.wants("trade_updates", ()):
                letters = [
                    _Letter(u.event, u.order.symbol, lambda _, u=u: update_json(u))  # type: ignore[misc] # bound now
                    for u in updates
                ]
                self._write(line, letters, now_ns)

    def release(self, now_ns: int) -> None:
        """Write the messages whose delay is over."""
        due = [row for row in self._late if row[0] <= now_ns]
        if not due:
            return
        self._late = [row for row in self._late if row[0] > now_ns]
        for _, line, letter in sorted(due, key=lambda row: row[0]):
            if line in self.lines and not line.mute:
                self._send(line, [letter])

    async def flush(self) -> None:
        """Wait until everything is written; a reader that takes nothing is cut off."""
        for line in list(self.lines):
            try:
                await asyncio.wait_for(line.queue.join(), _FLUSH_S)
            except TimeoutError:
                self.drop(line)

    def drop(self, line: Line) -> None:
        """End a connection."""
        if line in self.lines:
            self.lines.remove(line)
        line.queue.put_nowait(None)

    def _market(self, stream: str, happened: Happened) -> None:
        shared: dict[bool, bytes | str] = {}
        for line in [x for x in self.lines if x.stream == stream]:
            letters = _letters(line, stream, happened)
            if not letters:
                continue
            whole = len(letters) == len(happened.bars if stream == "bars" else happened.articles)
            if whole and not any(f.on == "stream" for f in self._faults.rules):
                # Most listen to everything: it is written out once for all of them.
                if not line.mute:
                    if line.packed not in shared:
                        shared[line.packed] = _frame(line, letters)
                    self._put(line, shared[line.packed], len(letters))
            else:
                self._write(line, letters, happened.at_ns)

    def _write(self, line: Line, letters: list[_Letter], now_ns: int) -> None:
        kept: list[_Letter] = []
        end = False
        for letter in letters:
            faults = self._faults.of_message(line.stream, letter.event, letter.symbol, now_ns)
            does = {f.do: f for f in faults}
            line.mute = line.mute or "mute" in does
            end = end or "disconnect" in does
            if line.mute or end or "drop" in does:
                continue
            if "delay" in does:
                late_ns = now_ns + round(does["delay"].seconds * 1e9)
                self._late.append((late_ns, line, letter))
                continue
            kept += [letter] * (2 if "duplicate" in does else 1)
        self._send(line, kept)
        if end:
            self.drop(line)

    def _send(self, line: Line, letters: list[_Letter]) -> None:
        if line.stream == "trade_updates":
            for letter in letters:
                # Alpaca sends the trade stream's JSON in binary frames.
                self._put(line, json.dumps(letter.make(False)).encode(), 1)
        elif letters:
            self._put(line, _frame(line, letters), len(letters))

    def _put(self, line: Line, frame: bytes | str, count: int) -> None:
        line.queue.put_nowait(frame)
        line.sent += count
        key = (line.account_id, line.stream)
        self._counts[key] = self._counts.get(key, 0) + count


def encoded(messages: list[Any], *, packed: bool) -> bytes | str:
    """Write messages of a data stream as one frame."""
    if packed:
        frame: bytes = msgpack.packb(messages)
        return frame
    return json.dumps(messages)


def _frame(line: Line, letters: list[_Letter]) -> bytes | str:
    return encoded([letter.make(line.packed) for letter in letters], packed=line.packed)


def _letters(line: Line, stream: str, happened: Happened) -> list[_Letter]:
    out: list[_Letter] = []
    if stream == "bars":
        for bar in happened.bars:
            if line.wants("updatedBars" if bar.again else "bars", (bar.symbol,)):
                make = lambda packed, b=bar: bar_message(b, packed=packed)  # noqa: E731
                out.append(_Letter("bar", bar.symbol, make))
        return out
    for article in happened.articles:
        if line.wants("news", article.symbols):
            make = lambda packed, a=article: article_message(a, packed=packed)  # noqa: E731
            out.append(_Letter("news", article.symbols[0] if article.symbols else "", make))
    return out
