"""What a session came to, in a few sentences, from the tables that trading wrote."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from catalyst.live import records
from catalyst.live.database import Database
from catalyst.live.sentences import usd

_HOUR_NS = 3600 * 10**9
_SHOWN = 5


def summary_of(
    database: Database, account_id: str, *, began_ns: int, now_ns: int
) -> tuple[str, ...]:
    """Tell trades, signals, positions, news and the account's metrics since a session began.

    Parameters
    ----------
    database, account_id
        Whose tables; all events must be projected.
    began_ns, now_ns
        The session's beginning and its end.

    Raises
    ------
    ServiceError
        If the database can't be used.
    """
    hours = (now_ns - began_ns) / _HOUR_NS
    with database.connection() as connection:
        trades = records.get_trade_history(connection, account_id, since_ns=began_ns)
        signals = records.get_signal_history(
            connection, account_id, now_ns=now_ns, hours=hours, limit=10_000
        )
        pending = records.get_pending_signals(connection, account_id)
        held = records.get_open_positions(connection, account_id)
        polls = records.news_collection_stats(connection, account_id, now_ns=now_ns, hours=hours)
        metrics = records.calculate_portfolio_metrics(connection, account_id)
        news = {
            trade["symbol"]: records.news_with_outcomes(
                connection, account_id, trade["symbol"], now_ns=now_ns, hours=hours, limit=_SHOWN
            )
            for trade in trades
        }
    return (
        _signals(signals, pending),
        *(_trade(trade, news[trade["symbol"]]) for trade in reversed(trades)),
        _held(held),
        *(_poll(poll) for poll in polls),
        _metrics(metrics),
    )


def _signals(signals: list[dict[str, Any]], pending: list[dict[str, Any]]) -> str:
    outcomes = [signal["outcome"] for signal in signals]
    executed = sum(signal["executed"] for signal in signals)
    return (
        f"{len(signals)} signals: {outcomes.count('intent')} to be traded ({executed} filled, "
        f"{len(pending)} pending), {outcomes.count('refused')} refused, "
        f"{outcomes.count('hold')} held"
    )


def _trade(trade: dict[str, Any], news: list[dict[str, Any]]) -> str:
    told = next((one for one in news if one["trade_id"] == trade["trade_id"]), None)
    why = f'; news of {told["source"]}: "{told["headline"]}"' if told else ""
    what = (
        f"{trade['symbol']}: {trade['side']} {trade['quantity']:.0f} at {usd(trade['entry_price'])}"
    )
    if trade["status"] == "open":
        return f"{what}, still held{why}"
    left = f"left at {usd(trade['exit_price'])} ({trade['exit_reason']}), {_signed(trade['pnl'])}"
    return f"{what}, {left}{why}"


def _held(held: list[dict[str, Any]]) -> str:
    if not held:
        return "nothing is held, and no entry works"
    told = [f"{one['quantity']:+.0f} {one['symbol']} ({one['status']})" for one in held]
    return f"held or being entered: {', '.join(told)}"


def _poll(poll: dict[str, Any]) -> str:
    errors = f", {poll['errors']} errors" if poll["errors"] else ""
    return (
        f"news by {poll['source']}: {poll['given']} articles in {poll['polls']} answers, "
        f"{poll['new']} new, {poll['duplicates']} known before{errors}"
    )


def _metrics(metrics: dict[str, Any]) -> str:
    if not metrics["total_trades"]:
        return "no trade has been closed on this account"
    return (
        f"all closed trades of the account: {metrics['total_trades']}, "
        f"{metrics['win_rate']:.1f} % won, {_signed(metrics['total_pnl'])}"
    )


def _signed(amount: Decimal) -> str:
    return f"{amount:+,.2f} USD"
