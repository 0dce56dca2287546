"""Decisions as bytes, and their digest: what makes two runs comparable to the bit.

Symbols are written by name, so that a lake with other symbols beside them gives the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from catalyst.strategy.decisions import Decision, Order, Pattern, Screen, Signal

_SCREEN = tuple(f.name for f in fields(Screen) if f.name != "symbol")
_CONTENT = {
    Pattern: attrgetter(*(name for name in Pattern._fields if name != "symbol")),
    Signal: attrgetter(*(name for name in Signal._fields if name != "symbol")),
    Order: attrgetter(*(f.name for f in fields(Order) if f.name != "symbol")),
}


def symbol_codes(names: Sequence[str]) -> NDArray[np.uint64]:
    """Return one number for each name of a symbol table, a function of the name alone: uint64[m]."""
    joined = b"".join(hashlib.blake2b(name.encode(), digest_size=8).digest() for name in names)
    return np.frombuffer(joined, ">u8").astype(np.uint64)


def encode(
    decision: Decision, names: Sequence[str], codes: NDArray[np.uint64] | None = None
) -> bytes:
    """Return a decision as bytes.

    Parameters
    ----------
    decision
        Any decision of a step.
    names
        The run's symbol table.
    codes : uint64[m]
        `symbol_codes` of the table, if the caller has them already.

    Returns
    -------
    bytes
        Equal for two decisions if and only if every field is, floats to the bit.
    """
    parts = [repr((decision.asof_ns, decision.scan)).encode()]
    screen = decision.screen
    if screen is not None:
        codes = symbol_codes(names) if codes is None else codes
        parts.append(codes[screen.symbol].tobytes())
        parts += [getattr(screen, name).tobytes() for name in _SCREEN]
    for kind, values in (
        (Pattern, decision.patterns),
        (Signal, decision.signals),
        (Order, decision.orders),
    ):
        content = _CONTENT[kind]
        parts += [repr((names[value.symbol], content(value))).encode() for value in values]
    parts.append("|".join(decision.cancels).encode())
    return b"\n".join(len(part).to_bytes(4, "big") + part for part in parts)


def digest(
    decision: Decision, names: Sequence[str], codes: NDArray[np.uint64] | None = None
) -> str:
    """Return 32 hexadecimal digits over a decision's bytes; see `encode`."""
    return hashlib.blake2b(encode(decision, names, codes), digest_size=16).hexdigest()
