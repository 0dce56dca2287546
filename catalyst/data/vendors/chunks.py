"""Spans of dates, and their division into chunks of work on a fixed grid of months."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from catalyst.data import calendar
from catalyst.data.vendors.protocol import Chunk, Span


def midnight_ns(date: dt.date) -> int:
    """Give the instant at which a date begins in New York, ns UTC."""
    begin = dt.datetime(date.year, date.month, date.day, tzinfo=calendar.NEW_YORK)
    return int(begin.timestamp()) * calendar.SECOND_NS


def span_of(first: dt.date, last: dt.date) -> Span:
    """Give the span of the dates from `first` to `last`, both included."""
    return Span(midnight_ns(first), midnight_ns(last + dt.timedelta(days=1)))


def date_of(ns: int) -> dt.date:
    """Give the New York date of an instant."""
    return instant(ns).astimezone(calendar.NEW_YORK).date()


def last_date_of(span: Span) -> dt.date:
    """Give the last New York date that a span touches."""
    return date_of(span.end_ns - 1)


def instant(ns: int) -> dt.datetime:
    """Give an instant as a datetime in UTC, to the microsecond below."""
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=ns // 1_000)


def last_finished_session(now_ns: int) -> dt.date:
    """Give the last session before today in New York, whose bars no longer grow."""
    every = calendar.sessions()
    place = int(np.searchsorted(every.day, calendar.date_to_day(date_of(now_ns)))) - 1
    return calendar.day_to_date(int(every.day[place]))


def divided(
    table: str, missing: Mapping[str, Sequence[Span]], *, months: int, symbols: int
) -> list[Chunk]:
    """Divide missing spans into chunks: earlier ones first, then by symbol.

    Parameters
    ----------
    table, missing
        What is wanted, by symbol.
    months
        Spans are cut at New York midnight of the first day of every so many months since January of
        year 1, wherever a request begins: the same work is the same chunk in every pull.
    symbols
        Most symbols of a chunk.
    """
    together: dict[Span, list[str]] = {}
    for symbol, spans in sorted(missing.items()):
        for span in spans:
            for part in _cut(span, months):
                together.setdefault(part, []).append(symbol)
    return [
        Chunk(table, tuple(names[start : start + symbols]), span)
        for span, names in sorted(together.items())
        for start in range(0, len(names), symbols)
    ]


def _cut(span: Span, months: int) -> Iterator[Span]:
    start_ns = span.start_ns
    while start_ns < span.end_ns:
        date = date_of(start_ns)
        number = (date.year * 12 + date.month - 1) // months * months + months
        border_ns = midnight_ns(dt.date(number // 12, number % 12 + 1, 1))
        end_ns = min(span.end_ns, border_ns)
        yield Span(start_ns, end_ns)
        start_ns = end_ns
