"""The bars of a live session: streamed, added up, and asked for where the stream had a gap."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from catalyst.data import calendar
from catalyst.data.timeframes import LENGTH_NS
from catalyst.data.vendors.protocol import Span
from catalyst.live.backfill import Backfill
from catalyst.live.bar_slots import BarArrival, BarSlots, Values, session_place
from catalyst.live.gap_filler import GapFiller
from catalyst.live.market_socket import MarketSocket, Message
from catalyst.live.threads import in_thread

_SILENT_BARS = 2
_NUMBERS = ("o", "h", "l", "c", "v")
#: Kinds of messages that are bars: of the minute, and one of them corrected.
BAR_KINDS = frozenset({"b", "u"})


class ArrivalClock(Protocol):
    """Tell the exchange's time, and when something that has just come in became known."""

    def now_ns(self) -> int:
        """Return the exchange's time, ns UTC."""

    def arrival_ns(self, said_ns: int) -> int:
        """Return when something became known that says it could be known at an instant."""


@dataclass
class BarFeed:
    """Collect bars as they become known, and say when they can't be trusted to be complete.

    Parameters
    ----------
    socket
        Of bars and their corrections.
    backfill
        Where missing bars are asked for.
    slots
        Base bars.
    timeframe
        Of the stream's bars, such as ``1m``.
    clock
        The exchange's time.
    begin_ns
        From when on bars are wanted, ns UTC; what `seen` holds is not asked for again.
    tell
        Told, in a sentence, when the feed goes blind and when it sees again.

    Attributes
    ----------
    received
        How many messages with bars came in.
    """

    socket: MarketSocket
    backfill: Backfill
    slots: BarSlots
    timeframe: str
    clock: ArrivalClock
    begin_ns: int
    tell: Callable[[str], None]
    received: int = field(init=False, default=0)
    gaps: GapFiller = field(init=False)
    _reopened_ns: int = field(init=False, default=0)
    _told: bool = field(init=False, default=True)

    kind = "bars"

    def __post_init__(self) -> None:
        part_ns = LENGTH_NS[self.timeframe]
        self.gaps = GapFiller(
            self._ask, self.socket, self.clock, every_ns=part_ns, overlap_ns=2 * part_ns
        )
        self.gaps.missing(self.begin_ns)

    @property
    def breaks(self) -> int:
        """Count openings and losses of the connection."""
        return self.socket.breaks

    @property
    def blind(self) -> bool:
        """Tell whether bars may be missing, so that nothing new may be entered."""
        return bool(self.why)

    @property
    def why(self) -> str:
        """Say why the feed is blind, empty if it isn't."""
        if self.socket.refused:
            return f"the bar stream refuses {self.socket.refused}"
        if self.gaps.since_ns is not None:
            cause = self.socket.why or self.gaps.failed or "they are being asked for"
            return f"bars since {new_york(self.gaps.since_ns)} may be missing: {cause}"
        silent_ns = self._silent_since()
        if silent_ns is not None:
            return f"no bar of any symbol since {new_york(silent_ns)}"
        return ""

    def remember(self, bars: Iterable[BarArrival]) -> None:
        """Take in what an earlier process of this session saw; it is neither given nor asked for.

        To be called before `run`.
        """
        for bar in bars:
            self.slots.remember(bar)
        if self.slots.latest_ns > self.begin_ns:
            self.gaps.since_ns = self.slots.latest_ns - self.gaps.overlap_ns

    def drain(self, asof_ns: int) -> tuple[BarArrival, ...]:
        """Give the bars that a decision at an instant may know; see `BarSlots.drain`."""
        return self.slots.drain(asof_ns)

    async def run(self) -> None:
        """Read the stream for ever."""
        async for found in self.socket.messages():
            if found is None:
                self.gaps.missing(self._sure_ns())
            else:
                self.take(found)

    def take(self, messages: Sequence[Message]) -> None:
        """Take in messages of the stream; those that hold no bar are left out."""
        part_ns = self.slots.part_ns
        for message in messages:
            if message.get("T") not in BAR_KINDS:
                continue
            self.received += 1
            try:
                ts_ns = message["t"].to_unix_nano()
                o, h, low, c, v = (float(message[name]) for name in _NUMBERS)
            except (AttributeError, KeyError, TypeError, ValueError):
                self.slots.refused += 1
                continue
            values: Values = (o, h, low, c, v)
            # When a correction could be known, it doesn't say.
            said_ns = ts_ns + part_ns if message["T"] == "b" else 0
            self.slots.take(str(message.get("S")), ts_ns, values, self.clock.arrival_ns(said_ns))

    async def look(self) -> None:
        """Open a mute stream again, and tell what changed; to be called now and then."""
        silent_ns = self._silent_since()
        patience_ns = _SILENT_BARS * self.slots.grid.timeframe_ns
        now_ns = self.clock.now_ns()
        if silent_ns is not None and self.socket.subscribed:
            if now_ns - self._reopened_ns >= patience_ns:
                self._reopened_ns = now_ns
                self.gaps.missing(self._sure_ns())
                await self.socket.reopen(f"no bar of any symbol since {new_york(silent_ns)}")
        elif not self.socket.subscribed and self.gaps.since_ns is None:
            self.gaps.missing(self._sure_ns())
        if self.blind != self._told:
            self._told = self.blind
            self.tell(f"the bars are blind: {self.why}" if self.blind else "the bars are complete")

    async def read(self) -> None:
        """Return once what was written to the stream by now was taken in."""
        await self.socket.settle()

    async def settle(self) -> None:
        """Return once a gap was asked for, or patience with it is over."""
        await self.socket.settle()
        await self.look()
        await self.gaps.settle()

    def _sure_ns(self) -> int:
        # What came before the last bar was complete then, but for what came late.
        last_ns = self.slots.latest_ns - self.gaps.overlap_ns
        return max(self.begin_ns, min(last_ns, self.clock.now_ns()))

    def _silent_since(self) -> int | None:
        now_ns = self.clock.now_ns()
        place = session_place(now_ns)
        if place < 0:
            return None
        every = calendar.sessions()
        open_ns, close_ns = int(every.open_ns[place]), int(every.close_ns[place])
        if not open_ns <= now_ns <= close_ns:
            return None
        since_ns = max(self.slots.latest_ns, open_ns)
        patience_ns = _SILENT_BARS * self.slots.grid.timeframe_ns + self.slots.grace_ns
        return since_ns if now_ns - since_ns > patience_ns else None

    async def _ask(self, since_ns: int, now_ns: int) -> None:
        part_ns = self.slots.part_ns
        first_ns = since_ns - since_ns % part_ns
        # The last bar that has ended starts one length before now.
        span = Span(first_ns, now_ns - part_ns + 1)
        if span.end_ns <= span.start_ns:
            return
        symbols = tuple(self.slots.series)

        def asked() -> list[tuple[str, int, Values]]:
            return list(self.backfill.bars(symbols, span, timeframe=self.timeframe))

        found = await in_thread(asked, name="bar-backfill")
        arrived_ns = self.clock.now_ns()
        for symbol, ts_ns, values in found:
            self.slots.take(symbol, ts_ns, values, arrived_ns)


def new_york(ns: int) -> str:
    """Write an instant for people: New York time, marked as such."""
    at = dt.datetime.fromtimestamp(ns // calendar.SECOND_NS, calendar.NEW_YORK)
    return f"{at:%Y-%m-%d %H:%M:%S} New York time"
