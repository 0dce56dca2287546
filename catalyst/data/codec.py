"""Decisions as bytes, and their digest: what makes two runs comparable to the bit.

Symbols are written by name, so that a lake with other symbols beside them gives the same bytes.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from catalyst.strategy.decisions import Decision, Order, Pattern, Screen, Signal

_SCREEN = tuple(f.name for f in fields(Screen) if f.name != "symbol")
# Signals and patterns come by the ten thousand: their numbers are packed, not printed.
_SIGNAL = struct.Struct("<13d6q")
_PATTERN = struct.Struct("<4d4q")
_ORDER = attrgetter(*(f.name for f in fields(Order) if f.name != "symbol"))


def _signal(s: Signal, name: str) -> bytes:
    numbers = _SIGNAL.pack(
        s.confidence,
        s.catalyst_score,
        s.direction,
        s.pattern_score,
        s.technical_score,
        s.volume_score,
        s.entry,
        s.stop,
        s.target_1,
        s.target_2,
        s.size_frac,
        s.value,
        s.threshold,
        s.side,
        s.categories,
        *s.pattern_key,
        s.outcome,
        s.rule,
    )
    texts = "|".join((name, s.signal_id, *s.pattern_ids, "", *s.key_factors))
    return numbers + struct.pack(f"<{len(s.news_ids)}Q", *s.news_ids) + texts.encode()


def _pattern(p: Pattern, name: str) -> bytes:
    numbers = _PATTERN.pack(
        p.confidence, p.entry, p.stop, p.target, p.timeframe_ns, p.bar_ns, p.value, p.aligned
    )
    return numbers + f"{name}|{p.pattern_id}|{p.name}".encode()


def _order(o: Order, name: str) -> bytes:
    return repr((name, _ORDER(o))).encode()


def symbol_codes(names: Sequence[str]) -> NDArray[np.uint64]:
    """Return one number for each name of a symbol table, of the name alone: uint64[m]."""
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
    parts += [_pattern(p, names[p.symbol]) for p in decision.patterns]
    parts += [_signal(s, names[s.symbol]) for s in decision.signals]
    parts += [_order(o, names[o.symbol]) for o in decision.orders]
    parts.append("|".join(decision.cancels).encode())
    return b"\n".join(len(part).to_bytes(4, "big") + part for part in parts)


def digest(
    decision: Decision, names: Sequence[str], codes: NDArray[np.uint64] | None = None
) -> str:
    """Return 32 hexadecimal digits over a decision's bytes; see `encode`."""
    return hashlib.blake2b(encode(decision, names, codes), digest_size=16).hexdigest()
