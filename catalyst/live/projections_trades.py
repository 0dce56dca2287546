"""Round trips from fills alone, and how the sources of their news did."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import psycopg

from catalyst.data.books import Trade
from catalyst.live.dollars import dollars
from catalyst.live.events import Event, Filled
from catalyst.live.record_writes import (
    insert_trade_record,
    mark_signal_executed,
    update_trade_exit,
)
from catalyst.live.statements import statement
from catalyst.strategy.decisions import Fill, Signal
from catalyst.strategy.ids import content_id
from catalyst.strategy.money import MICRO
from catalyst.strategy.portfolio import Adjustment
from catalyst.strategy.reasons import Role, Side

Connection = psycopg.Connection[Any]
Json = dict[str, Any]


def project_fill(connection: Connection, account_id: str, seq: int, fill: Filled) -> None:
    """Write the trade of a fill's entry as all its fills up to this one make it."""
    if fill.entry_id:
        _write(connection, account_id, seq, fill.entry_id, [])


def project_adjustment(connection: Connection, account_id: str, seq: int, adjustment: Json) -> None:
    """Write what a split or a dividend made of a trade."""
    _write(connection, account_id, seq, adjustment["entry_id"], [adjustment])


def count_sources(connection: Connection, account_id: str, closed: Event) -> None:
    """Count what each source told in a session that closes, and how its trades did, afresh."""
    said = {"account_id": account_id, "seq": closed.seq, "at_ns": closed.at_ns}
    connection.execute(statement("trades_count_session"), said)
    connection.execute(statement("trades_count_outcomes"), said)


def _write(
    connection: Connection, account_id: str, seq: int, entry_id: str, adjustments: list[Json]
) -> None:
    said = {"account_id": account_id, "seq": seq, "entry_id": entry_id}
    entry = connection.execute(statement("trades_entry"), said).fetchone()
    if entry is None:
        return
    symbol, signal_id, side, decided_ns, catalyst_type, *scores, known = entry
    adjusted = [*(known or []), *({**one, "seq": seq} for one in adjustments)]
    fills = connection.execute(statement("trades_fills"), said).fetchall()
    if not fills:
        return
    trade = _folded(_signal(signal_id, side, scores), decided_ns or -1, fills, adjusted)
    if not trade.bought:
        return
    trade_id = content_id("trade", entry_id)
    news_ids = scores[2] or []
    insert_trade_record(
        connection,
        {
            **said,
            "trade_id": trade_id,
            "signal_id": signal_id if decided_ns is not None else None,
            "symbol": symbol,
            "side": side,
            "quantity": round(trade.bought),
            "entry_price": _mean(trade.cost_micro, trade.bought),
            "entry_ns": trade.entry_ns,
            "fees": dollars(trade.fees_micro),
            "decided_ns": decided_ns,
            "stop_loss": scores[3],
            "take_profit": scores[4],
            "entry_catalyst": catalyst_type,
            "entry_news_id": news_ids[0] if news_ids else None,
            "news_ids": news_ids,
            "catalyst_score_at_entry": scores[0],
            "confidence": scores[1],
            "metadata": json.dumps(
                {"adjustments": adjusted, "dividends": str(dollars(trade.dividends_micro))}
            ),
        },
    )
    told = {"account_id": account_id, "signal_id": signal_id, "trade_id": trade_id}
    mark_signal_executed(connection, {**told, "executed_ns": trade.entry_ns})
    if trade.held == 0 and trade.sold:
        _close(connection, said, trade_id, trade)


def _close(connection: Connection, said: Json, trade_id: str, trade: Trade) -> None:
    pnl = trade.pnl_micro
    bought, sold = trade.cost_micro / trade.bought, trade.proceeds_micro / trade.sold
    moved = trade.side * (sold - bought) / bought
    update_trade_exit(
        connection,
        {
            **said,
            "trade_id": trade_id,
            "exit_price": _mean(trade.proceeds_micro, trade.sold),
            "exit_ns": trade.exit_ns,
            "exit_reason": "+".join(trade.reasons),
            "pnl": dollars(pnl),
            "pnl_percentage": Decimal(100 * pnl) / trade.cost_micro,
            # News was right if money was made with it; breaking even says nothing.
            "catalyst_confirmed": None if pnl == 0 else pnl > 0,
            "outcome_category": "win" if pnl > 0 else "loss" if pnl < 0 else "break_even",
            # Costs and the size of the stop apart: which way the price went.
            "moved": json.dumps({"price_move_frac": moved, "moved_as_expected": moved > 0}),
        },
    )
    connection.execute(statement("trades_count_outcomes"), {**said, "at_ns": trade.exit_ns})


def _folded(
    signal: Signal, decided_ns: int, fills: list[tuple[Any, ...]], adjustments: list[Json]
) -> Trade:
    trade = Trade(signal, 0, signal.side, decided_ns)
    waiting = list(adjustments)
    for seq, fill_id, order_id, side, role, quantity, price, fee, filled_ns in fills:
        while waiting and waiting[0]["seq"] < seq:
            trade.adjust(_adjustment(waiting.pop(0)))
        fee_micro = int(fee * MICRO)
        bought = Side[side.upper()]
        fill = Fill(fill_id, order_id, 0, bought, int(quantity), float(price), fee_micro, filled_ns)
        trade.fill(fill, Role[role.upper()])
    for one in waiting:
        trade.adjust(_adjustment(one))
    return trade


def _adjustment(told: Json) -> Adjustment:
    return Adjustment(
        told["ts_ns"],
        told["entry_id"],
        0,
        told["kind"],
        told["value"],
        told["quantity_before"],
        told["quantity_after"],
        told["cash_micro"],
    )


def _signal(signal_id: str | None, side: str, scores: list[Any]) -> Signal:
    catalyst, confidence, _, stop, target_1 = scores
    nan = math.nan
    return Signal(
        signal_id=signal_id or "",
        symbol=0,
        side=1 if side == "buy" else -1,
        confidence=nan if confidence is None else confidence,
        catalyst_score=nan if catalyst is None else catalyst,
        direction=nan,
        pattern_score=nan,
        technical_score=nan,
        volume_score=nan,
        entry=nan,
        stop=nan if stop is None else float(stop),
        target_1=nan if target_1 is None else float(target_1),
        target_2=nan,
        size_frac=nan,
        news_ids=(),
        pattern_ids=(),
        key_factors=(),
        categories=0,
        pattern_key=(0, -1),
    )


def _mean(micro: int, shares: float) -> Decimal:
    return Decimal(micro) / Decimal(repr(shares)) / MICRO
