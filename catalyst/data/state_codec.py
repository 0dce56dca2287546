"""Decisions and the strategy's state as JSON values, and back, to the bit.

Symbols are written by name: tomorrow's symbol table may hold one more. Floats are JSON numbers,
which Python prints so that they come back the same; NaN, which JSON has not, is null.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from enum import IntEnum
from typing import Any

import numpy as np

from catalyst.errors import InputError
from catalyst.strategy.decisions import Decision, Fill, Order, Pattern, Screen, Signal
from catalyst.strategy.portfolio import Adjustment, Entry, PortfolioState
from catalyst.strategy.reasons import Kind, Outcome, Reason, Role, Side
from catalyst.strategy.values import Bytes, Floats

Json = dict[str, Any]


_LABELLED: dict[str, type[IntEnum]] = {
    "side": Side,
    "role": Role,
    "kind": Kind,
    "outcome": Outcome,
    "rule": Reason,
    "exiting": Role,
}


def state_json(state: PortfolioState, names: Sequence[str]) -> Json:
    """Return a state as JSON values; see `state_from`."""
    return {
        "cash_micro": state.cash_micro,
        "entries": [entry_json(e, names) for e in state.entries],
        "marks": [[names[i], mark] for i, mark in state.marks],
        "day": state.day,
        "day_start_micro": state.day_start_micro,
        "entries_today": state.entries_today,
        "lost_today": state.lost_today,
        "stopped_today": [names[i] for i in state.stopped_today],
        "used_patterns": [[names[i], frame, bar] for i, frame, bar in state.used_patterns],
        "active": [names[i] for i in state.active.tolist()],
    }


def state_from(values: Mapping[str, Any], index: Mapping[str, int]) -> PortfolioState:
    """Return the state that `state_json` was given.

    Parameters
    ----------
    values
        JSON values.
    index
        Position of each symbol in the run's table.

    Raises
    ------
    InputError
        If the table lacks a symbol that is held or working; one that is only remembered is
        forgotten.
    """
    return PortfolioState(
        cash_micro=values["cash_micro"],
        entries=tuple(
            sorted((entry_from(e, index) for e in values["entries"]), key=lambda e: e.symbol)
        ),
        marks=tuple(sorted((_known(name, index), mark) for name, mark in values["marks"])),
        day=values["day"],
        day_start_micro=values["day_start_micro"],
        entries_today=values["entries_today"],
        lost_today=values["lost_today"],
        stopped_today=tuple(sorted(index[s] for s in values["stopped_today"] if s in index)),
        used_patterns=tuple(
            (index[s], frame, bar) for s, frame, bar in values["used_patterns"] if s in index
        ),
        active=np.array(sorted(index[s] for s in values["active"] if s in index), np.int32),
    )


def entry_json(entry: Entry, names: Sequence[str]) -> Json:
    """Return an entry as JSON values, its orders with it."""
    out = _fields(entry, names)
    out["orders"] = [order_json(o, names) for o in entry.orders]
    return out


def entry_from(values: Mapping[str, Any], index: Mapping[str, int]) -> Entry:
    """Return the entry that `entry_json` was given."""
    given = _read(values, index, floats=_ENTRY_FLOATS)
    for name in ("leg_quantity", "leg_filled", "leg_exited"):
        given[name] = tuple(given[name])
    given["orders"] = tuple(order_from(o, index) for o in values["orders"])
    return Entry(**given)


def order_json(order: Order, names: Sequence[str]) -> Json:
    """Return an order as JSON values."""
    return _fields(order, names)


def order_from(values: Mapping[str, Any], index: Mapping[str, int]) -> Order:
    """Return the order that `order_json` was given."""
    return Order(**_read(values, index, floats=("limit", "stop")))


def fill_json(fill: Fill, names: Sequence[str]) -> Json:
    """Return a fill as JSON values."""
    out = _fields(fill, names)
    out["order"] = None if fill.order is None else order_json(fill.order, names)
    out["entry"] = None if fill.entry is None else entry_json(fill.entry, names)
    return out


def fill_from(values: Mapping[str, Any], index: Mapping[str, int]) -> Fill:
    """Return the fill that `fill_json` was given."""
    given = _read(values, index, floats=())
    order, entry = given["order"], given["entry"]
    given["order"] = None if order is None else order_from(order, index)
    given["entry"] = None if entry is None else entry_from(entry, index)
    return Fill(**given)


def adjustment_json(adjustment: Adjustment, names: Sequence[str]) -> Json:
    """Return what a corporate action did as JSON values."""
    return _fields(adjustment, names)


def decision_json(decision: Decision, names: Sequence[str]) -> Json:
    """Return a decision as JSON values.

    The screen is a table of columns, one row a symbol and stage; its reasons are labels.
    """
    return {
        "asof_ns": decision.asof_ns,
        "scan": decision.scan,
        "screen": None if decision.screen is None else _screen_json(decision.screen, names),
        "patterns": [_fields(p, names) for p in decision.patterns],
        "signals": [_fields(s, names) for s in decision.signals],
        "cancels": list(decision.cancels),
        "orders": [order_json(o, names) for o in decision.orders],
    }


def decision_from(values: Mapping[str, Any], index: Mapping[str, int]) -> Decision:
    """Return the decision that `decision_json` was given."""
    screen = values["screen"]
    return Decision(
        values["asof_ns"],
        scan=values["scan"],
        screen=None if screen is None else _screen_from(screen, index),
        patterns=tuple(
            Pattern(**_read(p, index, floats=("confidence", "entry", "stop", "target")))
            for p in values["patterns"]
        ),
        signals=tuple(_signal_from(s, index) for s in values["signals"]),
        cancels=tuple(values["cancels"]),
        orders=tuple(order_from(o, index) for o in values["orders"]),
    )


def _screen_json(screen: Screen, names: Sequence[str]) -> Json:
    out: Json = {"symbol": [names[i] for i in screen.symbol.tolist()]}
    for field in fields(Screen):
        if field.name == "reason":
            out["reason"] = [Reason(r).label for r in screen.reason.tolist()]
        elif field.name != "symbol":
            out[field.name] = [_json(v, names) for v in getattr(screen, field.name).tolist()]
    return out


def _screen_from(values: Mapping[str, Any], index: Mapping[str, int]) -> Screen:
    stage: Bytes = np.array(values["stage"], np.int8)
    reason: Bytes = np.array([_label(Reason, r) for r in values["reason"]], np.int8)
    columns: dict[str, Floats] = {
        name: np.array([math.nan if v is None else v for v in values[name]], np.float64)
        for name in _SCREEN_FLOATS
    }
    symbol = np.array([_known(s, index) for s in values["symbol"]], np.int32)
    return Screen(symbol=symbol, stage=stage, reason=reason, **columns)


def _signal_from(values: Mapping[str, Any], index: Mapping[str, int]) -> Signal:
    given = _read(values, index, floats=_SIGNAL_FLOATS)
    for name in ("news_ids", "pattern_ids", "key_factors", "pattern_key"):
        given[name] = tuple(given[name])
    given["scores"] = tuple(math.nan if v is None else v for v in given["scores"])
    return Signal(**given)


def _fields(value: Any, names: Sequence[str]) -> Json:  # noqa: ANN401 - any of our values
    keys = value._fields if hasattr(value, "_fields") else [f.name for f in fields(value)]
    out: Json = {}
    for key in keys:
        one = getattr(value, key)
        if key == "symbol":
            out[key] = names[one]
        elif key in _LABELLED and isinstance(one, IntEnum):
            out[key] = _LABELLED[key](one).name.lower()
        elif key not in ("orders", "order", "entry") or isinstance(one, float):
            out[key] = _json(one, names)
    return out


def _json(value: Any, names: Sequence[str]) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, tuple):
        return [_json(v, names) for v in value]
    return value


def _read(
    values: Mapping[str, Any], index: Mapping[str, int], *, floats: Sequence[str]
) -> dict[str, Any]:
    out = dict(values)
    for key, value in values.items():
        if key == "symbol":
            out[key] = _known(value, index)
        elif key in _LABELLED and isinstance(value, str):
            out[key] = _label(_LABELLED[key], value)
        elif value is None and key in floats:
            out[key] = math.nan
    return out


def _label(kind: type[IntEnum], label: str) -> IntEnum:
    return kind[label.upper()]


def _known(name: str, index: Mapping[str, int]) -> int:
    if name not in index:
        raise InputError(
            f"the journal speaks of {name}, which has no bars in the lake; import its bars, or "
            "start with --symbols that include it"
        )
    return index[name]


def _float_names(kind: Any) -> tuple[str, ...]:  # noqa: ANN401 - a class of ours
    told = {name: getattr(t, "__forward_arg__", t) for name, t in kind.__annotations__.items()}
    return tuple(name for name, kind_told in told.items() if kind_told == "float")


_ENTRY_FLOATS = _float_names(Entry)
_SIGNAL_FLOATS = _float_names(Signal)
_SCREEN_FLOATS = tuple(name for name, told in Screen.__annotations__.items() if told == "Floats")
