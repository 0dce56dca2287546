"""What a row must be before it is written: one sentence for what it is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catalyst.errors import InputError

_SIDES = ("BUY", "SELL")
_SIGNALS = (*_SIDES, "HOLD")
_BROKER_SIDES = ("buy", "sell")


def check_article(row: Mapping[str, Any]) -> None:
    """Refuse an article without an id, a headline or an instant; see `InputError`."""
    _require(row, "article", "news_id", ("news_id", "headline", "published_ns", "known_ns"))


def check_candidate(row: Mapping[str, Any]) -> None:
    """Refuse a candidate without a symbol, of no known stage, or at a price of nothing."""
    _require(row, "candidate", "symbol", ("symbol", "decided_ns", "reason"))
    _one_of(row, "candidate", "stage", (50, 20, 5))
    _positive(row, "candidate", ("price",), or_none=True)


def check_pattern(row: Mapping[str, Any]) -> None:
    """Refuse a pattern without an id, a symbol or a name, or with a confidence out of range."""
    _require(row, "pattern", "symbol", ("pattern_id", "symbol", "pattern_name", "timeframe"))
    _within(row, "pattern", "confidence", 0, 100)


def check_indicators(row: Mapping[str, Any]) -> None:
    """Refuse indicators of no symbol or timeframe."""
    _require(row, "set of indicators", "symbol", ("symbol", "timeframe", "calculated_ns"))


def check_signal(row: Mapping[str, Any]) -> None:
    """Refuse a signal without an id, a symbol or a type, or whose numbers can't be."""
    _require(row, "signal", "symbol", ("signal_id", "symbol", "signal_type", "decided_ns"))
    _one_of(row, "signal", "signal_type", _SIGNALS)
    _within(row, "signal", "confidence", 0, 100)
    if row["signal_type"] in _SIDES:
        _positive(row, "signal", ("recommended_entry", "stop_loss"))
        _positive(row, "signal", ("target_1", "target_2"), or_none=True)


def check_trade(row: Mapping[str, Any]) -> None:
    """Refuse a trade without symbol, side, quantity and entry price, all of them possible ones.

    Raises
    ------
    InputError
        With what is wrong and what was expected.
    """
    _require(row, "trade", "symbol", ("trade_id", "entry_id", "symbol", "side"))
    _one_of(row, "trade", "side", _BROKER_SIDES)
    _positive(row, "trade", ("quantity", "entry_price"))


def check_exit(row: Mapping[str, Any]) -> None:
    """Refuse the exit of a trade without price, profit or reason."""
    _require(row, "exit", "trade_id", ("trade_id", "exit_ns", "pnl", "exit_reason"))
    _positive(row, "exit", ("exit_price",))


def _require(row: Mapping[str, Any], what: str, name: str, fields: tuple[str, ...]) -> None:
    for field in fields:
        if row.get(field) in (None, ""):
            raise InputError(
                f"a {what} ({name} {row.get(name)!r}) has no {field}; expected a value, so it was "
                "not written"
            )


def _one_of(row: Mapping[str, Any], what: str, field: str, allowed: tuple[Any, ...]) -> None:
    if row.get(field) not in allowed:
        raise InputError(
            f"a {what} of {row.get('symbol')} has {field} {row.get(field)!r}; expected one of "
            f"{', '.join(map(str, allowed))}, so it was not written"
        )


def _positive(
    row: Mapping[str, Any], what: str, fields: tuple[str, ...], *, or_none: bool = False
) -> None:
    for field in fields:
        value = row.get(field)
        if value is None and or_none:
            continue
        if value is None or not value > 0:
            name = row.get("symbol") or row.get("trade_id")
            raise InputError(
                f"a {what} of {name} has {field} {value}; expected more than 0, so it was not "
                "written"
            )


def _within(row: Mapping[str, Any], what: str, field: str, low: float, high: float) -> None:
    value = row.get(field)
    if value is not None and not low <= value <= high:
        raise InputError(
            f"a {what} of {row.get('symbol')} has {field} {value}; expected {low} to {high}, so it "
            "was not written"
        )
