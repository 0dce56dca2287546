"""What scans saw, found and thought, how the account stood, and what happened, as rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import psycopg

from catalyst.live.dollars import dollars
from catalyst.live.events import (
    Alert,
    Control,
    Decided,
    Event,
    Filled,
    Found,
    Missed,
    Refused,
    SessionClosed,
    SessionOpened,
    Unanswered,
    Withheld,
)
from catalyst.live.projections_trades import count_sources, project_adjustment, project_fill
from catalyst.live.record_writes import (
    insert_pattern_detection,
    insert_technical_indicators,
    insert_trading_candidate,
    insert_trading_signal,
)
from catalyst.live.sentences import sentence_of
from catalyst.live.statements import statement
from catalyst.strategy.candles import PATTERNS
from catalyst.strategy.clock import timeframe_label
from catalyst.strategy.money import MICRO
from catalyst.strategy.news import category_names
from catalyst.strategy.reasons import Reason

Connection = psycopg.Connection[Any]
Json = dict[str, Any]

_SCREEN = (
    *("symbol", "stage", "reason", "value", "threshold", "catalyst_score", "direction"),
    *("price", "volume", "change_frac", "rvol"),
)
_INDICATORS = (
    *("rsi", "macd", "macd_signal", "macd_histogram", "sma20", "sma50", "ema9", "atr"),
    *("bollinger_upper", "bollinger_lower", "vwap", "volume_ratio", "technical_score", "signal"),
)
_TOLD = (
    *(SessionOpened, Decided, Missed, Refused, Unanswered, Withheld, Filled, Found, Alert),
    *(Control, SessionClosed),
)
_SIGNAL = (
    *("signal_id", "symbol", "confidence", "catalyst_score", "direction", "pattern_score"),
    *("technical_score", "volume_score", "target_1", "target_2", "key_factors", "pattern_ids"),
    *("outcome", "value", "threshold"),
)
_TYPES = {1: ("BUY", "buy"), -1: ("SELL", "sell"), 0: ("HOLD", None)}


def project_research_side(connection: Connection, account_id: str, event: Event) -> None:
    """Write what an event says of the research side's tables; the journal's order is kept.

    Raises
    ------
    InputError
        If a row is not what it must be; see `catalyst.live.record_rules`.
    """
    said = {"account_id": account_id, "seq": event.seq, "at_ns": event.at_ns}
    match event.body:
        case SessionOpened() as body:
            told = {"variant": body.variant, "params_hash": body.params_hash}
            params = json.dumps(body.params)
            connection.execute(statement("research_strategy"), {**said, **told, "params": params})
        case Decided() as body:
            _decided(connection, said, body)
        case Withheld() as body:
            _risk(connection, said, [_withheld(body)])
        case Filled() as body:
            project_fill(connection, account_id, event.seq, body)
        case SessionClosed():
            count_sources(connection, account_id, event)
        case _:
            pass
    if isinstance(event.body, _TOLD):
        _tell(connection, said, event)


def _decided(connection: Connection, said: Json, decided: Decided) -> None:
    decision = decided.decision
    screen = decision["screen"]
    rows = [] if screen is None else _candidates(decided.asof_ns, screen)
    insert_trading_candidate(connection, *({**said, **row} for row in rows))
    patterns = [_pattern(decided.asof_ns, pattern) for pattern in decision["patterns"]]
    insert_pattern_detection(connection, *({**said, **row} for row in patterns))
    indicators = [_indicators(decided.asof_ns, one) for one in decision.get("indicators") or ()]
    insert_technical_indicators(connection, *({**said, **row} for row in indicators))
    if decision["signals"]:
        row = connection.execute(statement("research_strategy_of"), said).fetchone()
        known = {"strategy_id": row[0] if row else None}
        names = {pattern["pattern_id"]: pattern["name"] for pattern in decision["patterns"]}
        signals = [_signal(decided.asof_ns, one, names) for one in decision["signals"]]
        insert_trading_signal(connection, *({**said, **known, **row} for row in signals))
        refused = [one for one in decision["signals"] if one["outcome"] == "refused"]
        _risk(connection, said, [_refusal(one) for one in refused])
    for adjustment in decided.adjustments:
        project_adjustment(connection, said["account_id"], said["seq"], adjustment)
    _portfolio(connection, said, decided)
    if decision["scan"]:
        counts = {
            "asof_ns": decided.asof_ns,
            "candidates": sum(row["passed"] for row in rows if row["stage"] == 50),
            "patterns": len(patterns),
            "signals": len(decision["signals"]),
            "trades": len({o["entry_id"] for o in decision["orders"] if o["role"] == "entry"}),
        }
        connection.execute(statement("research_cycle_counts"), {**said, **counts})


def _candidates(asof_ns: int, screen: Json) -> list[Json]:
    columns = [screen[name] for name in _SCREEN]
    rows = [dict(zip(_SCREEN, row, strict=True)) for row in zip(*columns, strict=True)]
    passed = Reason.PASSED.label
    return [
        {**row, "decided_ns": asof_ns, "passed": row["reason"] == passed, "scan_type": None}
        for row in rows
    ]


def _pattern(asof_ns: int, pattern: Json) -> Json:
    return {
        **{key: pattern[key] for key in ("pattern_id", "symbol", "value", "confidence", "aligned")},
        "decided_ns": asof_ns,
        "timeframe": timeframe_label(pattern["timeframe_ns"]),
        "bar_ns": pattern["bar_ns"],
        "pattern_type": "candlestick" if pattern["name"] in PATTERNS else "advanced",
        "pattern_name": pattern["name"],
        "entry_price": pattern["entry"],
        "stop_loss": pattern["stop"],
        "target_price": pattern["target"],
    }


def _indicators(asof_ns: int, told: Json) -> Json:
    return {
        "symbol": told["symbol"],
        "timeframe": told["timeframe"],
        "calculated_ns": asof_ns,
        **{name: told.get(name) for name in _INDICATORS},
    }


def _signal(asof_ns: int, signal: Json, names: Json) -> Json:
    kind, side = _TYPES[signal["side"]]
    patterns = [names[one] for one in signal["pattern_ids"] if one in names]
    return {
        **{key: signal[key] for key in _SIGNAL},
        "decided_ns": asof_ns,
        # A weighted sum of hundreds may be one bit above a hundred.
        "confidence": min(signal["confidence"], 100.0),
        # The target of a short of a cheap share may lie below nothing: it can't be reached.
        **{name: _above_nothing(signal[name]) for name in ("target_1", "target_2")},
        "signal_type": kind,
        "side": side,
        "recommended_entry": signal["entry"],
        "stop_loss": signal["stop"],
        "risk_reward_ratio": _reward(signal),
        "position_size_frac": signal["size_frac"],
        "catalyst_type": "+".join(category_names(signal["categories"])),
        "detected_patterns": patterns,
        "news_ids": [f"{one:016x}" for one in signal["news_ids"]],
        "rule": None if signal["rule"] == Reason.PASSED.label else signal["rule"],
    }


def _above_nothing(price: float | None) -> float | None:
    return price if price is not None and price > 0 else None


def _reward(signal: Json) -> float | None:
    entry, stop, target, side = (signal[key] for key in ("entry", "stop", "target_1", "side"))
    if entry is None or stop is None or target is None or not (entry - stop) * side > 0:
        return None
    return float((target - entry) / (entry - stop))


def _refusal(signal: Json) -> Json:
    told = {key: signal[key] for key in ("symbol", "rule", "value", "threshold", "signal_id")}
    return {**told, "order_id": None, "text": Reason[signal["rule"].upper()].text}


def _withheld(body: Withheld) -> Json:
    told = {key: getattr(body, key) for key in ("symbol", "rule", "value", "threshold")}
    return {**told, "order_id": body.order_id, "signal_id": None, "text": sentence_of(body)}


def _risk(connection: Connection, said: Json, rows: Sequence[Json]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            statement("research_risk_event"),
            [{**said, **row, "place": place} for place, row in enumerate(rows)],
        )


def _portfolio(connection: Connection, said: Json, decided: Decided) -> None:
    if decided.adjustments:
        # The look at 04:00 follows with the same instant; a curve has one row an instant.
        return
    state = decided.state
    marks = dict(state["marks"])
    worth = cost = count = 0
    for entry in state["entries"]:
        held = entry["filled"] - entry["exited"]
        if held:
            count += 1
            worth += round(entry["side"] * held * marks[entry["symbol"]] * MICRO)
            cost += entry["side"] * round(entry["cost_micro"] * held / entry["filled"])
    connection.execute(
        statement("research_portfolio"),
        {
            **said,
            "asof_ns": decided.asof_ns,
            "cash": dollars(state["cash_micro"]),
            "positions_value": dollars(worth),
            "unrealized": dollars(worth - cost),
            "day_start": dollars(state["day_start_micro"]),
            "n_positions": count,
        },
    )


def _tell(connection: Connection, said: Json, event: Event) -> None:
    connection.execute(
        statement("research_workflow"),
        {
            **said,
            "cycle_id": None,
            "phase": event.body.kind,
            "status": "",
            "text": sentence_of(event.body),
            "items": None,
        },
    )
