"""What parameters hold: their fields one by one, the hash over them, and how two differ."""

from __future__ import annotations

import hashlib
from dataclasses import fields, is_dataclass
from typing import Any

from catalyst.strategy.components import Component

_NOT_CONTENT = {"variant", "hash"}


def content(params: Any) -> dict[str, object]:  # noqa: ANN401 - Params, which imports this
    """Return every number by ``section.field``, and every component by its kind.

    Parameters
    ----------
    params
        A `catalyst.strategy.params.Params`.
    """
    out: dict[str, object] = {}
    for item in fields(params):
        value = getattr(params, item.name)
        if item.name in _NOT_CONTENT:
            continue
        if is_dataclass(value) and not isinstance(value, Component):
            out |= {f"{item.name}.{f.name}": getattr(value, f.name) for f in fields(value)}
        else:
            out[item.name] = value
    return out


def content_hash(params: Any) -> str:  # noqa: ANN401 - see `content`
    """Return 16 hexadecimal digits over `content`."""
    text = "\n".join(f"{name}={value!r}" for name, value in content(params).items())
    return hashlib.sha256(text.encode()).hexdigest()[:16]


_SCORING = (
    "catalyst.",
    "screen.",
    "pattern.",
    "technical.",
    "control.",
    "catalyst_score",
    "technical_score",
    "volume_score",
    "patterns",
    "entry_filters",
    "scored",
    "by_date",
    "signal.direction_from_catalyst",
)


def score_hash(params: Any) -> str:  # noqa: ANN401 - see `content`
    """Return 16 hexadecimal digits over what shapes the scores: not exits, sizes or execution."""
    text = "\n".join(
        f"{name}={value!r}" for name, value in content(params).items() if name.startswith(_SCORING)
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def differences(params: Any, other: Any) -> dict[str, tuple[object, object]]:  # noqa: ANN401 - see `content`
    """Return what differs: by name, the value in the first and in the second."""
    mine, theirs = content(params), content(other)
    return {name: (mine[name], theirs[name]) for name in mine if mine[name] != theirs[name]}


def shown_value(value: object) -> str:
    """Write a value of `content` as a person would: components by name, floats without dust."""
    if isinstance(value, Component):
        return value.name
    if isinstance(value, tuple):
        if len(value) == 2 and isinstance(value[0], Component) and isinstance(value[1], float):
            return f"{value[0].name} {value[1]:g}"
        return ", ".join(map(shown_value, value)) or "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:,.10g}" if isinstance(value, (int, float)) else str(value)
