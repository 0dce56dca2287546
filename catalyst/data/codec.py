"""Decisions as bytes, and their digest: what makes two runs comparable to the bit.

Symbols are written by name, so that a lake with other symbols beside them gives the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import fields

from catalyst.strategy.decisions import Decision, Order, Pattern, Screen, Signal

_SCREEN = tuple(f.name for f in fields(Screen) if f.name != "symbol")
_PATTERN, _SIGNAL, _ORDER = (tuple(f.name for f in fields(c)) for c in (Pattern, Signal, Order))


def encode(decision: Decision, names: Sequence[str]) -> bytes:
    """Return a decision as bytes.

    Parameters
    ----------
    decision
        Any decision of a step.
    names
        The run's symbol table.

    Returns
    -------
    bytes
        Equal for two decisions if and only if every field is, floats to the bit.
    """
    parts = [repr((decision.asof_ns, decision.scan)).encode()]
    screen = decision.screen
    if screen is not None:
        parts.append("|".join([names[i] for i in screen.symbol.tolist()]).encode())
        parts += [getattr(screen, name).tobytes() for name in _SCREEN]
    for values, columns in (
        (decision.patterns, _PATTERN),
        (decision.signals, _SIGNAL),
        (decision.orders, _ORDER),
    ):
        for value in values:
            parts.append(repr([_named(value, column, names) for column in columns]).encode())
    parts.append("|".join(decision.cancels).encode())
    return b"\n".join(len(part).to_bytes(4, "big") + part for part in parts)


def _named(value: Pattern | Signal | Order, column: str, names: Sequence[str]) -> object:
    content = getattr(value, column)
    if column == "symbol":
        return names[content]
    if column == "pattern_key":
        return (names[content[0]], *content[1:])
    return content


def digest(decision: Decision, names: Sequence[str]) -> str:
    """Return 32 hexadecimal digits over a decision's bytes."""
    return hashlib.blake2b(encode(decision, names), digest_size=16).hexdigest()
