"""Rows into the tables of news, scans, patterns, signals and trades: checked, then written.

Each function takes any number of rows, in one round trip, within the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import psycopg

from catalyst.live.record_rules import (
    check_article,
    check_candidate,
    check_exit,
    check_indicators,
    check_pattern,
    check_signal,
    check_trade,
)
from catalyst.live.statements import statement

Connection = psycopg.Connection[Any]
Row = Mapping[str, Any]


def insert_news_article(connection: Connection, *articles: Row) -> int:
    """Write articles; one that is there already changes nothing.

    Parameters
    ----------
    connection
        In a transaction.
    articles
        As `catalyst.live.input_rows.news_row` gives them.

    Returns
    -------
    int
        How many were new.

    Raises
    ------
    InputError
        If one lacks what it needs; none is written then. So it is with all functions here.
    """
    return _write(connection, "insert_news_article", check_article, articles)


def insert_news_collection(connection: Connection, *polls: Row) -> int:
    """Write what sources gave when they were asked.

    ``account_id``, ``source``, ``asked_ns``, ``given``, ``new``, ``duplicates``, ``errors``,
    ``error``, ``metadata`` (JSON text).
    """
    return _write(connection, "insert_news_collection", _anything, polls)


def insert_trading_candidate(connection: Connection, *candidates: Row) -> int:
    """Write who passed a stage of the funnel, and who did not and why."""
    return _write(connection, "insert_trading_candidate", check_candidate, candidates)


def insert_pattern_detection(connection: Connection, *patterns: Row) -> int:
    """Write detected patterns."""
    return _write(connection, "insert_pattern_detection", check_pattern, patterns)


def insert_technical_indicators(connection: Connection, *indicators: Row) -> int:
    """Write the indicators of finalists, one row a symbol and timeframe."""
    return _write(connection, "insert_technical_indicators", check_indicators, indicators)


def insert_trading_signal(connection: Connection, *signals: Row) -> int:
    """Write scored finalists with their levels, their reasons, and what became of them."""
    return _write(connection, "insert_trading_signal", check_signal, signals)


def insert_trade_record(connection: Connection, *trades: Row) -> int:
    """Write a trade at its first fill, or what more fills made of its entry."""
    return _write(connection, "insert_trade_record", check_trade, trades)


def update_trade_exit(connection: Connection, *exits: Row) -> int:
    """Write what ended a trade: price, profit, reason, and whether its news was right."""
    return _write(connection, "update_trade_exit", check_exit, exits)


def mark_signal_executed(connection: Connection, *executed: Row) -> int:
    """Tie signals to the trades they became: ``account_id``, ``signal_id``, ``trade_id``."""
    return _write(connection, "mark_signal_executed", _anything, executed)


def _write(
    connection: Connection, name: str, check: Callable[[Row], None], rows: tuple[Row, ...]
) -> int:
    for row in rows:
        check(row)
    if not rows:
        return 0
    with connection.cursor() as cursor:
        cursor.executemany(statement(name), rows)
        return cursor.rowcount


def _anything(_: Row) -> None:
    pass
