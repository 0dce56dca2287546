"""Bars of one timeframe as a panel: what each series did in each session.

A series is what one source says of one symbol under one adjustment. Sessions are read one after
another, or a few at a time where they are small, and each leaves some 350 bytes a series (150 for
daily bars): a year of 500 symbols takes 45 MB, whatever the number of its bars.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalyst.data import calendar, timeframes
from catalyst.data.checks import bar_kernel as k
from catalyst.data.checks.blocks import Block, Series, blocks

if TYPE_CHECKING:
    from catalyst.data.lake import Lake

# Blocks are independent of each other and decoding and kernels release the lock.
_READERS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Hold one timeframe; rows ascending by series and session.

    Attributes
    ----------
    timeframe : str
        Such as 5m.
    series : tuple of Series
        Ascending.
    starts : int64[s + 1]
        First row of each series, and the number of rows.
    session : int32[rows]
        Position in `catalyst.data.calendar.sessions()`.
    n_slots : int64[rows]
        Bars that regular hours of the session have.
    prices, facts, present, profile, content : [rows, ...]
        See `catalyst.data.checks.bar_kernel`.
    n_bars : int
        Bars read.
    repeats : tuple of Repeat
        Rows that say the same again under a later `known_at`, by series.
    """

    timeframe: str
    series: tuple[Series, ...]
    starts: NDArray[np.int64]
    session: NDArray[np.int32]
    n_slots: NDArray[np.int64]
    prices: NDArray[np.float64]
    facts: NDArray[np.float32]
    present: NDArray[np.uint8]
    profile: NDArray[np.float32]
    content: NDArray[np.uint64]
    n_bars: int
    repeats: tuple[tuple[int, int, int, int], ...]

    @property
    def is_daily(self) -> bool:
        """Tell whether a bar is a session."""
        return self.timeframe == timeframes.DAILY

    @property
    def length_minutes(self) -> int:
        """Give the minutes of a bar; 390 for a daily one."""
        return 390 if self.is_daily else timeframes.LENGTH_NS[self.timeframe] // calendar.MINUTE_NS

    def __len__(self) -> int:
        return len(self.session)

    def rows(self, series: int) -> slice:
        """Give the rows of a series."""
        return slice(int(self.starts[series]), int(self.starts[series + 1]))

    def date(self, session: int) -> str:
        """Give the date of a session, ISO."""
        return str(calendar.day_to_date(int(calendar.sessions().day[session])))

    def clock(self, session: int, slot: int) -> str:
        """Give the New York time at which a regular slot begins, as 2024-03-04 09:35."""
        every = calendar.sessions()
        length = self.length_minutes
        opened = int(every.open_ns[session])
        # Bars on the clock begin before the open; the slot is named by the open all the same.
        ns = opened + slot * length * calendar.MINUTE_NS
        moment = dt.datetime.fromtimestamp(ns // calendar.SECOND_NS, calendar.NEW_YORK)
        return moment.strftime("%Y-%m-%d %H:%M")

    def groups(self) -> dict[tuple[str, str], list[int]]:
        """Give the series of each source and adjustment."""
        found: dict[tuple[str, str], list[int]] = {}
        for number, one in enumerate(self.series):
            found.setdefault((one.source, one.adjustment), []).append(number)
        return found


def read_panel(
    lake: Lake,
    timeframe: str,
    *,
    symbols: Sequence[str] | None = None,
    first: dt.date | None = None,
    last: dt.date | None = None,
) -> Panel:
    """Read the bars of a timeframe, each once.

    Parameters
    ----------
    lake, timeframe
        The lake, and one of its timeframes.
    symbols
        Only these, as the lake spells them.
    first, last
        Only these sessions, both included.
    """
    length = timeframes.LENGTH_NS.get(timeframe)
    names: dict[Series, int] = {}
    parts: list[_Part] = []
    wanted = None if symbols is None else frozenset(symbols)
    days = [
        day
        for day in lake.days(timeframe)
        if (first is None or day >= first) and (last is None or day <= last)
    ]
    found = blocks(lake, timeframe, days, symbols=wanted)
    with ThreadPoolExecutor(_READERS) as pool:
        parts.extend(
            part._replace(series=_numbered(part, names)) for part in _ahead(pool, found, length)
        )
    return _panel(timeframe, names, parts)


class _Part(NamedTuple):
    """What a block leaves; `series` holds positions in `names` until they are numbered."""

    names: list[Series]
    series: NDArray[np.int32]
    session: NDArray[np.int32]
    n_slots: NDArray[np.int64]
    groups: k.Groups
    n_bars: int
    repeats: list[tuple[int, int]]


def _ahead(
    pool: ThreadPoolExecutor, found: Iterator[Callable[[], Block]], length: int | None
) -> Iterator[_Part]:
    # Submitting all at once would hold every block that is read and not yet summed up.
    waiting: list[Future[_Part]] = []
    for read in found:
        waiting.append(pool.submit(_part, read, length))
        if len(waiting) > _READERS:
            yield waiting.pop(0).result()
    for one in waiting:
        yield one.result()


def _part(read: Callable[[], Block], length: int | None) -> _Part:
    block = read()
    every = calendar.sessions()
    key = block.session.astype(np.int64) * (len(block.names) + 1) + block.series
    starts = np.flatnonzero(np.diff(key, prepend=-1))
    ends = np.append(starts[1:], len(key))
    session, series = block.session[starts], block.series[starts]
    opened, closed = every.open_ns[session], every.close_ns[session]
    if length is None:
        n_slots, step = np.ones(len(starts), np.int64), calendar.DAY_NS // 4
    else:
        n_slots, step = -(-(closed - opened) // length), length
    widest = 1 if length is None else int(-(-390 * calendar.MINUTE_NS // length))
    found = k.group_arrays(len(starts), widest, profiled=length is not None)
    k.summarise_nb(
        starts,
        ends,
        block.ts_ns,
        block.open,
        block.high,
        block.low,
        block.close,
        block.volume,
        every.pre_ns[session],
        opened,
        n_slots,
        step,
        found.prices,
        found.facts,
        found.present,
        found.profile,
        found.content,
    )
    return _Part(block.names, series, session, n_slots, found, len(block.ts_ns), block.repeats)


def _numbered(part: _Part, names: dict[Series, int]) -> NDArray[np.int32]:
    used, place = np.unique(part.series, return_inverse=True)
    numbers = [names.setdefault(part.names[one], len(names)) for one in used.tolist()]
    return np.array(numbers, np.int32)[place]


def _panel(timeframe: str, names: dict[Series, int], parts: list[_Part]) -> Panel:
    order = sorted(names)
    rank = np.empty(len(order), np.int32)
    for place, name in enumerate(order):
        rank[names[name]] = place

    series = rank[np.concatenate([np.empty(0, np.int32), *(part.series for part in parts)])]
    session = np.concatenate([np.empty(0, np.int32), *(part.session for part in parts)])
    n_slots = np.concatenate([np.empty(0, np.int64), *(part.n_slots for part in parts)])
    rows = np.lexsort((session, series))
    length = timeframes.LENGTH_NS.get(timeframe)
    widest = 1 if length is None else int(-(-390 * calendar.MINUTE_NS // length))
    empty = k.group_arrays(0, widest, profiled=length is not None)
    groups = [empty, *(part.groups for part in parts)]
    counts = np.bincount(series, minlength=len(order))
    repeats: dict[int, list[int]] = {}
    for part in parts:
        for one, when in part.repeats:
            repeats.setdefault(int(rank[names[part.names[one]]]), []).append(when)
    return Panel(
        timeframe,
        tuple(order),
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        session[rows],
        n_slots[rows],
        np.concatenate([one.prices for one in groups])[rows],
        np.concatenate([one.facts for one in groups])[rows],
        np.concatenate([one.present for one in groups])[rows],
        np.concatenate([one.profile for one in groups])[rows],
        np.concatenate([one.content for one in groups])[rows],
        sum(part.n_bars for part in parts),
        tuple(
            (one, min(sessions), max(sessions), len(sessions))
            for one, sessions in sorted(repeats.items())
        ),
    )
