"""What parameters hold: their fields one by one, the hash over them, and how two differ."""

from __future__ import annotations

import hashlib
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from catalyst.strategy.components import MOVE_SCORES, Component

_NOT_CONTENT = {"variant", "hash", "by_date"}
# Of a long list a person wants to know that it is there.
_MOST_SHOWN = 24


def content(params: Any, *, idle: bool = False) -> dict[str, object]:  # noqa: ANN401 - Params, which imports this
    """Return every number by ``section.field``, and every component by its kind.

    Parameters
    ----------
    params
        A `catalyst.strategy.params.Params`. Of each entry of its ``by_date`` the hash is given.
    idle
        Whether to give sections, too, that are as they are by default and not used.
    """
    out: dict[str, object] = {}
    for item in fields(params):
        value = getattr(params, item.name)
        if item.name in _NOT_CONTENT or (not idle and is_idle(params, item.name)):
            continue
        if is_dataclass(value) and not isinstance(value, Component):
            out |= {f"{item.name}.{f.name}": getattr(value, f.name) for f in fields(value)}
        else:
            out[item.name] = value
    return out | {f"by_date.{day_text(day)}": entry.hash for day, entry in params.by_date}


def is_idle(params: Any, section: str) -> bool:  # noqa: ANN401 - see `content`
    """Tell whether a section of controls and variants is as it is by default, and not used."""
    used = {"move": params.technical_score.name in MOVE_SCORES, "control": False}
    if section not in used or used[section]:
        return False
    value = getattr(params, section)
    return bool(value == type(value)())


def day_text(day: int) -> str:
    """Return the ISO date of a day since 1970-01-01."""
    return str(np.datetime64(day, "D"))


def content_hash(params: Any) -> str:  # noqa: ANN401 - see `content`
    """Return 16 hexadecimal digits over `content`."""
    text = "\n".join(f"{name}={value!r}" for name, value in content(params).items())
    return hashlib.sha256(text.encode()).hexdigest()[:16]


_SCORING = (
    "catalyst.",
    "screen.",
    "pattern.",
    "technical.",
    "move.",
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
    mine, theirs = content(params, idle=True), content(other, idle=True)
    pairs = {name: (mine.get(name, ()), theirs.get(name, ())) for name in mine | theirs}
    return {name: (own, other) for name, (own, other) in pairs.items() if own != other}


def shown_value(value: object) -> str:
    """Write a value of `content` as a person would: components by name, floats without dust."""
    if isinstance(value, Component):
        return value.name
    if isinstance(value, tuple):
        if len(value) == 2 and isinstance(value[0], Component) and isinstance(value[1], float):
            return f"{value[0].name} {value[1]:g}"
        if len(value) > _MOST_SHOWN:
            return f"{len(value):,} values"
        return ", ".join(map(shown_value, value)) or "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:,.10g}" if isinstance(value, (int, float)) else str(value)
