"""Parts of a lake's sessions, searched one after the other."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

from catalyst.data.calendar import day_to_date
from catalyst.data.feed import Feed
from catalyst.data.lake import Lake
from catalyst.research.sweep import Span, Tell
from catalyst.strategy.values import Ints


def session_days(lake: Lake, span: Span) -> list[dt.date]:
    """Return the dates of the sessions of a span, ascending."""
    feed = Feed(lake, span.timeframe, span.symbols, span.sources)
    _, sessions = feed.span(span.start, span.end)
    return [day_to_date(session.day) for session in sessions]


def part_of(span: Span, days: Sequence[dt.date], places: Ints) -> Span:
    """Return the part of a span from the first to the last of some sessions."""
    return replace(span, start=days[int(places[0])], end=days[int(places[-1])])


def part_told(tell: Tell | None, part: int, parts: int) -> Tell | None:
    """Return what tells of one part of a search as of the whole."""
    if tell is None:
        return None
    told = tell

    def of_whole(done: float, total: int) -> None:
        told(part * total + done, parts * total)

    return of_whole
