"""The news of a live session: streamed, asked for where the stream had a gap, read as it comes."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from msgpack import Timestamp

from catalyst.data.calendar import MINUTE_NS, SECOND_NS
from catalyst.data.vendors.protocol import Span
from catalyst.errors import CatalystError
from catalyst.live.gap_filler import GapFiller
from catalyst.live.market_socket import MarketSocket, Message
from catalyst.live.news_reader import NewsReader, Report, Tally
from catalyst.live.threads import in_thread

_OVERLAP_NS = 15 * MINUTE_NS
# Other vendors publish what they date hours ago.
_LATE_NS = 6 * 60 * MINUTE_NS
_DAY_NS = 24 * 60 * MINUTE_NS
_EVERY_NS = MINUTE_NS
# A stream may be open and mute, and a quiet hour looks the same: REST is asked all the same.
_POLL_S = 60.0
_DEAD_S = 180.0


class NewsSource(Protocol):
    """Be asked for articles: Alpaca's REST, or another vendor's."""

    @property
    def name(self) -> str:
        """Give the provider's name in the lake."""

    def articles(self, span: Span) -> Iterable[Mapping[str, Any]]:
        """Yield the articles of a span, with the fields of Alpaca's REST.

        Raises
        ------
        CatalystError
            If the source doesn't answer, or refuses.
        """


class NewsClock(Protocol):
    """Tell the exchange's time, and when something that has just come in became known."""

    @property
    def stepped(self) -> bool:
        """Tell whether time stands still until it is stepped on."""

    def now_ns(self) -> int:
        """Return the exchange's time, ns UTC."""

    def arrival_ns(self, said_ns: int) -> int:
        """Return when something became known that says it could be known at an instant."""


class Collected(NamedTuple):
    """Count what one question to a source, or the stream since the last drain, brought.

    Attributes
    ----------
    source
        Provider, and whether by ``stream`` or ``rest``.
    asked_ns
        Exchange time, ns UTC.
    given
        Articles that came.
    new, duplicates, refused
        Articles that made at least one row; none, since all was known; none, since they broke a
        rule of the lake (`catalyst.data.news_intake.NewsRule`).
    errors
        1 if there was no answer.
    why
        Why not.
    """

    source: str
    asked_ns: int
    given: int
    new: int
    duplicates: int
    refused: int
    errors: int = 0
    why: str = ""


@dataclass
class NewsFeed:
    """Collect articles as they become known, and say when their source is dead.

    Parameters
    ----------
    socket
        Of all news.
    source
        Where missing articles are asked for.
    reader
        Makes rows of them.
    clock
        The exchange's time.
    begin_ns
        When this process begins to see, ns UTC; a day before is asked for.
    tell
        Told, in a sentence, when the source dies and when it is back.

    Attributes
    ----------
    received
        How many messages with articles came in.
    """

    socket: MarketSocket
    source: NewsSource
    reader: NewsReader
    clock: NewsClock
    begin_ns: int
    tell: Callable[[str], None]
    received: int = field(init=False, default=0)
    gaps: GapFiller = field(init=False)
    _pending: list[Report] = field(init=False, default_factory=list)
    _ready: list[dict[str, Any]] = field(init=False, default_factory=list)
    _asked: dict[int, tuple[str, int]] = field(init=False, default_factory=dict)
    _collected: list[Collected] = field(init=False, default_factory=list)
    _poll: int = field(init=False, default=0)
    _stream_poll: int = field(init=False, default=-1)
    _floor_ns: int = field(init=False, default=0)
    _reading: threading.Lock = field(init=False, default_factory=threading.Lock, repr=False)
    _taking: threading.Lock = field(init=False, default_factory=threading.Lock, repr=False)
    _told: bool = field(init=False, default=True)

    kind = "news"

    def __post_init__(self) -> None:
        self.gaps = GapFiller(
            self._ask, self.socket, self.clock, every_ns=_EVERY_NS, overlap_ns=_OVERLAP_NS
        )
        self.gaps.missing(self.begin_ns - _DAY_NS)
        self._floor_ns = self.reader.latest_ns

    @property
    def breaks(self) -> int:
        """Count openings and losses of the connection."""
        return self.socket.breaks

    @property
    def dead(self) -> bool:
        """Tell whether no news can come: entries must stop, exits never."""
        return bool(self.why)

    @property
    def why(self) -> str:
        """Say why the source is dead, empty if it isn't."""
        if self.socket.subscribed:
            # An open connection answers pings; the last ten seconds' loss is found by itself.
            silent_s = time.monotonic() - self.gaps.answered_at
            if self.gaps.failed and silent_s > _DEAD_S:
                return f"the news stream is mute and REST fails: {self.gaps.failed}"
            return ""
        stream = self.socket.refused and f"it refuses {self.socket.refused}"
        stream = stream or self.socket.why
        if self.gaps.failed:
            return f"the news stream is closed ({stream}) and REST fails: {self.gaps.failed}"
        age_s = time.monotonic() - self.gaps.answered_at
        if not self.gaps.answered_at or age_s > _DEAD_S:
            return f"the news stream is closed ({stream}) and REST has not answered yet"
        return ""

    def remember(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take in rows that an earlier process of this session gave out; before `run`."""
        self.reader.remember(rows)
        self._floor_ns = self.reader.latest_ns

    async def run(self) -> None:
        """Read the stream for ever."""
        async for found in self.socket.messages():
            if found is None:
                self.gaps.missing((self.gaps.asked_ns or self.begin_ns) - _OVERLAP_NS)
            else:
                self.take(found)

    def take(self, messages: Sequence[Message]) -> None:
        """Take in messages of the stream; those that hold no article are left out."""
        for message in messages:
            if message.get("T") != "n":
                continue
            self.received += 1
            if self._stream_poll < 0:
                self._stream_poll = self._new_poll(f"{self.source.name} stream")
            article = _article({k: v for k, v in message.items() if k != "T"})
            said_ns = max(_instant(article, "created_at"), _instant(article, "updated_at"))
            arrived_ns = self.clock.arrival_ns(said_ns)
            self._wait(article, arrived_ns, self._stream_poll, provider=self.source.name)

    def drain(self, asof_ns: int) -> list[dict[str, Any]]:
        """Give the rows that became known by an instant, each once; any thread may ask.

        Returns
        -------
        list of dict
            As `NewsReader.read` gives them, ascending by (known_ns, news_id, symbol).
        """
        with self._reading:
            self._read(self._batch(asof_ns, drained=True))
            now = [row for row in self._ready if row["known_ns"] <= asof_ns]
            self._ready = [row for row in self._ready if row["known_ns"] > asof_ns]
        return now

    def collected(self) -> tuple[Collected, ...]:
        """Give what the questions answered since the last call brought; after `drain`."""
        found, self._collected = tuple(self._collected), []
        return found

    async def ask_now_and_then(self, source: NewsSource, *, every_s: float) -> None:
        """Ask another source for ever; what it lacks or refuses is counted, and kills nothing."""
        since_ns = self.begin_ns - _DAY_NS
        while True:
            now_ns = self.clock.now_ns()
            with contextlib.suppress(CatalystError):
                await self._ask_source(source, since_ns, now_ns)
                since_ns = now_ns - _LATE_NS
            await asyncio.sleep(every_s)

    async def look(self) -> None:
        """Read ahead, ask REST every minute, tell what changed; to be called now and then."""
        if self._pending and not self.clock.stepped and self._reading.acquire(blocking=False):
            # Reading takes 20 ms and more; a decision shall not wait for it.
            batch = self._batch(self.clock.now_ns())
            await in_thread(lambda: self._read_ahead(batch), name="news-reader")
        self._look_back()
        if self.dead != self._told:
            self._told = self.dead
            self.tell(f"the news are dead: {self.why}" if self.dead else "the news come in")

    async def read(self) -> None:
        """Return once what was written to the stream by now was taken in."""
        await self.socket.settle()

    async def settle(self) -> None:
        """Return once a gap was asked for, or patience with it is over."""
        await self.socket.settle()
        self._look_back()
        await self.gaps.settle()

    def _look_back(self) -> None:
        old = time.monotonic() - self.gaps.answered_at > _POLL_S
        if self.gaps.since_ns is None and (old or not self.socket.subscribed):
            since_ns = self.gaps.asked_ns or self.begin_ns
            self.gaps.missing(since_ns - _OVERLAP_NS)

    def _batch(self, until_ns: int, *, drained: bool = False) -> list[Report]:
        with self._taking:
            batch = [report for report in self._pending if report.known_ns <= until_ns]
            self._pending = [report for report in self._pending if report.known_ns > until_ns]
            # What comes later is known later: clusters are told in this order, and a decision
            # that was made without an article did not know it.
            known = [report.known_ns for report in batch]
            self._floor_ns = max(self._floor_ns, *known, until_ns if drained else 0)
            self._stream_poll = -1
        return batch

    def _read_ahead(self, batch: Sequence[Report]) -> None:
        try:
            self._read(batch)
        finally:
            self._reading.release()

    def _read(self, batch: Sequence[Report]) -> None:
        rows, tallies = self.reader.read(batch)
        self._ready += rows
        for poll, tally in tallies.items():
            self._count(poll, tally)

    def _wait(
        self, article: Mapping[str, Any], arrived_ns: int, poll: int, *, provider: str
    ) -> None:
        with self._taking:
            known_ns = max(arrived_ns, _instant(article, "created_at"), self._floor_ns + 1)
            self._pending.append(Report(known_ns, poll, provider, article))

    def _new_poll(self, source: str) -> int:
        self._poll += 1
        self._asked[self._poll] = (source, self.clock.now_ns())
        return self._poll

    def _count(self, poll: int, tally: Tally) -> None:
        source, asked_ns = self._asked[poll]
        self._collected.append(Collected(source, asked_ns, *tally))

    async def _ask(self, since_ns: int, now_ns: int) -> None:
        await self._ask_source(self.source, since_ns, now_ns)

    async def _ask_source(self, source: NewsSource, since_ns: int, now_ns: int) -> None:
        poll = self._new_poll(f"{source.name} rest")
        span = Span(since_ns, now_ns + 1)
        try:
            found = await in_thread(lambda: list(source.articles(span)), name="news-backfill")
        except CatalystError as error:
            name, asked_ns = self._asked.pop(poll)
            self._collected.append(Collected(name, asked_ns, 0, 0, 0, 0, 1, str(error)))
            raise
        if not found:
            self._count(poll, Tally(0, 0, 0, 0))
        arrived_ns = self.clock.now_ns()
        for article in found:
            self._wait(_article(article), arrived_ns, poll, provider=source.name)


def _article(told: Mapping[str, Any]) -> dict[str, Any]:
    # Alpaca numbers its articles; all else that is read is text, or a list of texts.
    number = told.get("id")
    plain = {name: _plain(value) for name, value in told.items()}
    return plain | ({"id": number} if type(number) is int else {})


def _plain(value: Any) -> Any:  # noqa: ANN401 - what msgpack or JSON hold
    """Give a value as JSON has it: instants as text, and no NUL, which no database keeps."""
    if isinstance(value, Timestamp):
        ns = value.to_unix_nano()
        at = dt.datetime.fromtimestamp(ns // SECOND_NS, dt.UTC)
        fraction = f".{ns % SECOND_NS:09d}".rstrip("0").rstrip(".")
        return f"{at:%Y-%m-%dT%H:%M:%S}{fraction}Z"
    if isinstance(value, str):
        told = value.replace("\0", "\N{REPLACEMENT CHARACTER}")
        return told.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list):
        return [one for one in map(_plain, value) if isinstance(one, str)]
    # What is no text says nothing here, and must not stop what does.
    return None


def _instant(article: Mapping[str, Any], name: str) -> int:
    """Read an instant, ns UTC; 0 for none, which the rules of the lake then find."""
    text = article.get(name)
    if not isinstance(text, str):
        return 0
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        return 0
    if at.tzinfo is None:
        return 0
    whole = int(at.replace(microsecond=0).timestamp()) * SECOND_NS
    _, dot, rest = text.partition(".")
    digits = ""
    for letter in rest if dot else "":
        if not letter.isdigit():
            break
        digits += letter
    return whole + int(digits[:9].ljust(9, "0") or 0)
