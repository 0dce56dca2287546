"""The first thing in which two decisions, or two states, differ, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]
Key = Callable[[Json], str]


def decision_difference(journalled: Json, replayed: Json) -> str | None:
    """Say in what a decision differs first; None if they are equal to the bit.

    Parameters
    ----------
    journalled, replayed
        As `catalyst.data.state_codec.decision_json` writes them.
    """
    if journalled["scan"] != replayed["scan"]:
        return _both("scan", journalled["scan"], replayed["scan"])
    return (
        _screens(journalled["screen"], replayed["screen"])
        or _rows(journalled, replayed, "patterns", _pattern)
        or _rows(journalled, replayed, "signals", lambda s: f"signal of {s['symbol']}")
        or _rows(journalled, replayed, "orders", _order)
        or _values("cancels", journalled["cancels"], replayed["cancels"])
    )


def state_difference(journalled: Json, replayed: Json) -> str | None:
    """Say in what a state differs first; None if they are equal to the bit.

    Parameters
    ----------
    journalled, replayed
        As `catalyst.data.state_codec.state_json` writes them.
    """
    found = _rows(journalled, replayed, "entries", lambda e: f"entry of {e['symbol']}")
    if found is not None:
        return found
    marks = {"marks": [{"symbol": s, "mark": m} for s, m in journalled["marks"]]}
    others = {"marks": [{"symbol": s, "mark": m} for s, m in replayed["marks"]]}
    return _rows(marks, others, "marks", lambda m: f"mark of {m['symbol']}") or _fields(
        "",
        {k: v for k, v in journalled.items() if k not in ("entries", "marks")},
        {k: v for k, v in replayed.items() if k not in ("entries", "marks")},
    )


def _screens(journalled: Json | None, replayed: Json | None) -> str | None:
    if journalled is None or replayed is None:
        return None if journalled is replayed else _both("screen", journalled, replayed)
    mine, theirs = ({"rows": _by_row(one)} for one in (journalled, replayed))
    return _rows(
        mine, theirs, "rows", lambda r: f"screen row of {r['symbol']} at stage {r['stage']}"
    )


def _by_row(screen: Json) -> list[Json]:
    names = list(screen)
    return [dict(zip(names, row, strict=True)) for row in zip(*screen.values(), strict=True)]


def _rows(journalled: Json, replayed: Json, name: str, key: Key) -> str | None:
    mine, theirs = ({key(r): r for r in side[name]} for side in (journalled, replayed))
    for label, row in mine.items():
        if label not in theirs:
            return f"{label}: only in the journal"
        found = _fields(f"{label}: ", row, theirs[label])
        if found is not None:
            return found
    for label in theirs:
        if label not in mine:
            return f"{label}: only in the replay"
    if list(mine) != list(theirs):
        return f"{name} in another order"
    return None


def _fields(label: str, mine: Json, theirs: Json) -> str | None:
    for name, value in mine.items():
        other = theirs.get(name)
        if name == "orders":
            found = _rows(mine, theirs, name, _order)
            found = None if found is None else label + found
        else:
            found = _values(label + name, value, other)
        if found is not None:
            return found
    return None


def _values(label: str, mine: object, theirs: object) -> str | None:
    # Printed, so that -0.0 is not 0.0 and a float not the integer of the same value.
    return None if repr(mine) == repr(theirs) else _both(label, mine, theirs)


def _both(label: str, mine: object, theirs: object) -> str:
    return f"{label} {_shown(mine)} in the journal, {_shown(theirs)} in the replay"


def _shown(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_shown, value)) or "none"
    return str(value)


def _pattern(pattern: Json) -> str:
    return f"pattern {pattern['name']} of {pattern['symbol']} ({pattern['pattern_id']})"


def _order(order: Json) -> str:
    return f"{order['role']} order {order['order_id']} of {order['symbol']}"
