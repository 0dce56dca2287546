"""What a user asks a story about: an id or its beginning, a symbol at an instant, a session."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

import polars as pl

from catalyst.data.calendar import day_to_date
from catalyst.data.calendar import sessions as exchange_sessions
from catalyst.data.figures import eastern
from catalyst.data.messages import listed, shown
from catalyst.data.spans import bounded
from catalyst.data.symbols import joined_symbol
from catalyst.errors import InputError
from catalyst.research.run_books import RunBooks
from catalyst.strategy.values import Session

_LEAST_DIGITS = 6
_HEX = re.compile(r"[0-9a-f]+")
_PLACES = (
    ("trade", "trades", "trade_id"),
    ("entry", "orders", "entry_id"),
    ("signal", "signals", "signal_id"),
    ("order", "orders", "order_id"),
    ("fill", "fills", "fill_id"),
    ("pattern", "patterns", "pattern_id"),
)
_FORMS = (
    "expected an id of the run's tables, or its first 6 digits or more, or SYMBOL@INSTANT such as "
    "AAPL@2015-03-02T10:05"
)


@dataclass(frozen=True)
class Found:
    """Hold an id that was found: its kind (``trade``, ``signal``, ``news``, ...) and the whole."""

    kind: str
    id: str


def find_id(books: RunBooks, text: str) -> Found:
    """Find what an id or its beginning names.

    Raises
    ------
    InputError
        If it names nothing, or more than one thing.
    """
    given = text.strip().lower()
    if not _HEX.fullmatch(given):
        raise InputError(f"{shown(text)!r} is neither an id nor a symbol at an instant; {_FORMS}")
    if len(given) < _LEAST_DIGITS:
        raise InputError(
            f"the id {given!r} has {len(given)} digits; give at least {_LEAST_DIGITS} of them"
        )
    found: list[Found] = []
    for kind, table, column in _PLACES:
        ids = getattr(books.result, table)[column]
        found += [
            Found(kind, name)
            for name in ids.filter(ids.str.starts_with(given)).unique(maintain_order=True)
        ]
    news = books.result.signals.select(pl.col("news_ids").explode())["news_ids"].drop_nulls()
    news = news.filter(news.str.starts_with(given)).unique(maintain_order=True)
    found += [Found("news", name) for name in news]
    if not found:
        raise InputError(
            f"the run {books.result.folder} has no id that begins with {given!r}; ids are 20 "
            "hexadecimal digits (of news 16), in trades.parquet, signals.parquet, orders.parquet, "
            "fills.parquet and patterns.parquet of the run's folder"
        )
    if len(found) > 1:
        names = listed((f"{one.kind} {one.id}" for one in found), most=6)
        raise InputError(
            f"the id {given!r} begins {len(found)} ids: {names}; give more of its digits"
        )
    return found[0]


@dataclass(frozen=True)
class Asked:
    """Hold a symbol at an instant (ns UTC), or over a whole session where ``asof_ns`` is None."""

    symbol: str
    session: Session
    asof_ns: int | None


def read_symbol_at(books: RunBooks, text: str) -> Asked:
    """Read ``SYMBOL@INSTANT``; an instant without a zone is New York time, a date a session.

    Raises
    ------
    InputError
        If it is malformed, or names a symbol or an instant that the run does not have.
    """
    name, _, when = text.partition("@")
    symbol = joined_symbol(name)
    if not symbol or not when.strip():
        raise InputError(f"{shown(text)!r} lacks its symbol or its instant; {_FORMS}")
    if symbol not in books.symbols:
        raise InputError(
            f"the run has no symbol {shown(symbol)}; it has {listed(books.symbols, most=8)}"
        )
    try:
        day, asof_ns = bounded(when.strip().replace("T", " ") if "T" in when else when.strip())
    except InputError:
        day, asof_ns = None, None
    if day is None:
        raise InputError(
            f"{shown(when)!r} is no instant; expected New York time such as 2015-03-02T10:05, or a "
            "date such as 2015-03-02"
        )
    session = read_session(books, day)
    if asof_ns is not None and not session.pre_ns <= asof_ns <= session.post_ns:
        raise InputError(
            f"{eastern(asof_ns)} lies outside the session's hours; expected "
            f"{eastern(session.pre_ns)} to {eastern(session.post_ns)}"
        )
    return Asked(symbol, session, asof_ns)


def read_session(books: RunBooks, day: dt.date | str) -> Session:
    """Find the run's session of a date.

    Raises
    ------
    InputError
        If it is no date, no session of the exchange, or not of the run.
    """
    if isinstance(day, str):
        try:
            day = dt.date.fromisoformat(day.strip())
        except ValueError:
            raise InputError(
                f"the session is {shown(day)!r}; expected a date such as 2015-03-02"
            ) from None
    held = {day_to_date(s.day): s for s in books.sessions}
    if day in held:
        return held[day]
    first, last = min(held), max(held)
    if not first <= day <= last:
        raise InputError(
            f"{day} is outside the run, which has the sessions {first} to {last}; choose one of "
            "them, or replay that day"
        )
    later = next(iter(exchange_sessions(day, last)))
    raise InputError(f"{day}, a {day:%A}, is no session of the exchange; the next one is {later}")
