"""Bars and articles that decisions rest on, into the database and back to the bit."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from typing import Any

import psycopg

from catalyst.live.input_rows import NEWS_COLUMNS, BarColumns, InputRows
from catalyst.live.record_writes import insert_news_article
from catalyst.live.statements import statement

_COPIED = (
    *("text", "text", "text", "timestamptz"),
    *(["float8"] * 5),
    *("text", "int2", "int8", "int8", "int4"),
)
_DAY_NS = 86_400 * 10**9
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def write_inputs(
    connection: psycopg.Connection[Any], account_id: str, seq: int, rows: InputRows
) -> None:
    """Write the rows of one `Inputs` event, in its transaction.

    Parameters
    ----------
    seq
        The event's place in the journal.
    """
    if len(rows.bars):
        with (
            connection.cursor() as cursor,
            cursor.copy(statement("inputs_copy_bars")) as copy,
        ):
            copy.set_types(_COPIED)
            for place, bar in enumerate(rows.bars.rows()):
                symbol, ts_ns, *prices, adjusted, source, known_ns = bar
                copy.write_row(
                    (
                        *(account_id, rows.timeframe, symbol, _instant(ts_ns)),
                        *(float(price) for price in prices),
                        *(source, adjusted, known_ns, seq, place),
                    )
                )
    if rows.news:
        insert_news_article(connection, *rows.news)
        seen = [
            {
                "account_id": account_id,
                "seq": seq,
                "place": place,
                **{name: row[name] for name in ("news_id", "symbol", "known_ns")},
                "told": json.dumps({name: row[name] for name in NEWS_COLUMNS}, ensure_ascii=False),
            }
            for place, row in enumerate(rows.news)
        ]
        with connection.cursor() as cursor:
            cursor.executemany(statement("inputs_see_article"), seen)


def read_inputs(
    connection: psycopg.Connection[Any], account_id: str, *, first_seq: int, last_seq: int
) -> list[tuple[int, InputRows]]:
    """Read the rows of all `Inputs` events in a part of a journal, by the event's place."""
    asked = {"account_id": account_id, "first_seq": first_seq, "last_seq": last_seq}
    with connection.cursor(binary=True) as cursor:
        bars = _by_seq(cursor.execute(statement("inputs_bars"), asked))
        news = _by_seq(cursor.execute(statement("inputs_news"), asked))
    found = []
    for seq in sorted(bars.keys() | news.keys()):
        columns = BarColumns.of(row[1:] for row in bars.get(seq, ()))
        timeframe = bars[seq][0][0] if seq in bars else ""
        articles = [json.loads(told) for (told,) in news.get(seq, ())]
        found.append((seq, InputRows(timeframe, columns, articles)))
    return found


def months_of(rows: InputRows) -> set[int]:
    """Return the beginnings of the months of UTC that rows fall into, ns: each is a partition."""
    days = {int(ns) // _DAY_NS for ns in rows.bars.ts_ns}
    days |= {row["known_ns"] // _DAY_NS for row in rows.news}
    firsts = {(_EPOCH + dt.timedelta(days=day)).replace(day=1) for day in days}
    return {(first - _EPOCH).days * _DAY_NS for first in firsts}


def _by_seq(rows: Iterable[tuple[Any, ...]]) -> dict[int, list[tuple[Any, ...]]]:
    found: dict[int, list[tuple[Any, ...]]] = {}
    for seq, *row in rows:
        found.setdefault(seq, []).append(tuple(row))
    return found


def _instant(ns: int) -> dt.datetime:
    # A bar begins on a whole second.
    return _EPOCH + dt.timedelta(microseconds=int(ns) // 1000)
