"""Rows out of the tables of news, scans, patterns, signals and trades, as mappings.

Each function reads what stood at an instant that the caller names; none looks at a clock.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row

from catalyst.live.statements import statement

Connection = psycopg.Connection[Any]
Row = dict[str, Any]

_DAY_H = 24.0


def get_recent_news(
    connection: Connection,
    *,
    now_ns: int,
    hours: float = _DAY_H,
    symbol: str | None = None,
    pre_market: bool | None = None,
    limit: int = 100,
) -> list[Row]:
    """Read articles known in the last hours, the newest first.

    Parameters
    ----------
    connection
        Any.
    now_ns
        What is known later is left out.
    hours
        How far to look back.
    symbol
        Of this one only; None for all.
    pre_market
        Only those published before an open, or only the others; None for both.
    limit
        At most.
    """
    return _rows(
        connection,
        "get_recent_news",
        now_ns=now_ns,
        hours=hours,
        symbol=symbol,
        pre_market=pre_market,
        limit=limit,
    )


def news_collection_stats(
    connection: Connection, account_id: str, *, now_ns: int, hours: float = _DAY_H
) -> list[Row]:
    """Sum up by source what polls gave: polls, given, new, duplicates, errors, last asked."""
    return _rows(
        connection, "news_collection_stats", account_id=account_id, now_ns=now_ns, hours=hours
    )


def get_candidates_for_analysis(
    connection: Connection,
    account_id: str,
    *,
    now_ns: int,
    hours: float = 1.0,
    limit: int = 5,
    untraded: bool = False,
) -> list[Row]:
    """Read the best candidates of the last hour: each symbol as last seen, by catalyst score.

    Parameters
    ----------
    untraded
        Leave out symbols with an open position or a working entry.
    """
    return _rows(
        connection,
        "get_candidates_for_analysis",
        account_id=account_id,
        now_ns=now_ns,
        hours=hours,
        limit=limit,
        untraded=untraded,
    )


def get_pattern_history(
    connection: Connection, account_id: str, symbol: str, *, now_ns: int, hours: float = _DAY_H
) -> list[Row]:
    """Read the patterns of a symbol, the newest first."""
    return _rows(
        connection,
        "get_pattern_history",
        account_id=account_id,
        symbol=symbol,
        now_ns=now_ns,
        hours=hours,
    )


def get_latest_indicators(
    connection: Connection, account_id: str, symbol: str, timeframe: str | None = None
) -> list[Row]:
    """Read a symbol's last indicators, one row a timeframe."""
    return _rows(
        connection,
        "get_latest_indicators",
        account_id=account_id,
        symbol=symbol,
        timeframe=timeframe,
    )


def get_signal_history(
    connection: Connection,
    account_id: str,
    *,
    now_ns: int,
    hours: float = _DAY_H,
    symbol: str | None = None,
    limit: int = 100,
) -> list[Row]:
    """Read signals with what became of them, the newest first."""
    return _rows(
        connection,
        "get_signal_history",
        account_id=account_id,
        now_ns=now_ns,
        hours=hours,
        symbol=symbol,
        limit=limit,
    )


def get_pending_signals(connection: Connection, account_id: str) -> list[Row]:
    """Read the signals that are to be traded and whose entry has not filled but still may."""
    return _rows(connection, "get_pending_signals", account_id=account_id)


def get_open_positions(connection: Connection, account_id: str) -> list[Row]:
    """Read positions and working entries, by symbol, shares signed."""
    return _rows(connection, "get_open_positions", account_id=account_id)


def get_trade_history(
    connection: Connection,
    account_id: str,
    *,
    since_ns: int = 0,
    symbol: str | None = None,
    limit: int = 1000,
) -> list[Row]:
    """Read trades entered since an instant, the newest first, open ones too."""
    return _rows(
        connection,
        "get_trade_history",
        account_id=account_id,
        since_ns=since_ns,
        symbol=symbol,
        limit=limit,
    )


def calculate_portfolio_metrics(connection: Connection, account_id: str) -> Row:
    """Read what the account made: closed trades, wins, profit, fees, open positions, equity.

    Returns
    -------
    dict
        Zeros where nothing was traded; ``win_rate`` and ``average_pnl`` are None then, ``cash`` and
        ``equity`` before the first decision.
    """
    [row] = _rows(connection, "calculate_portfolio_metrics", account_id=account_id)
    return row


def news_with_outcomes(
    connection: Connection,
    account_id: str,
    symbol: str,
    *,
    now_ns: int,
    hours: float = _DAY_H,
    limit: int = 100,
) -> list[Row]:
    """Read a symbol's recent news with the trade each led to, and how good its source is."""
    return _rows(
        connection,
        "news_with_outcomes",
        account_id=account_id,
        symbol=symbol,
        now_ns=now_ns,
        hours=hours,
        limit=limit,
    )


def _rows(connection: Connection, name: str, **asked: object) -> list[Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement(name), asked).fetchall()
