"""How much a value changes with the length of history before it, and from where on it doesn't."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from catalyst.strategy.values import Floats

CLOSE = 1e-6
"""Relative change below which a value counts as nearly the same."""

_COARSE = 8
_ENDLESS_FRAC = 0.9


@dataclass(frozen=True)
class Point:
    """Hold what a history of ``n`` bars or sessions does to a value.

    Attributes
    ----------
    n
        Bars or sessions.
    changed_frac
        Share of the values that differ from those with the full history, to the bit.
    largest_frac, median_frac
        Of those that differ: relative change, 1 where one of the two is unknown; 0 without any.
    """

    n: int
    changed_frac: float
    largest_frac: float
    median_frac: float


@dataclass(frozen=True)
class Warmup:
    """Hold how much history a value needs.

    Attributes
    ----------
    name
        Such as ``EMA 9``.
    unit
        ``5m bars``, or ``sessions``.
    points
        What shorter histories do.
    exact, close
        The least length from which on nothing changes, to the bit and to `CLOSE`; None if the
        longest history there is still makes a difference.
    longest
        Bars or sessions of the full history.
    values
        Values compared.
    own
        Whether it is a component of the user's.
    bound
        Bars that the strategy gives at most; 0 for none.
    """

    name: str
    unit: str
    points: tuple[Point, ...]
    exact: int | None
    close: int | None
    longest: int
    values: int
    own: bool = False
    bound: int = 0

    @property
    def endless(self) -> bool:
        """Tell whether a component of the user's still changes when the oldest tenth is dropped.

        Only told where the history is longer than what the strategy gives at most.
        """
        if not self.own or self.longest <= self.bound or not self.values:
            return False
        return self.close is None or self.close > _ENDLESS_FRAC * self.longest

    def as_dict(self) -> dict[str, Any]:
        """Return the measurement as values for JSON."""
        return {
            "name": self.name,
            "unit": self.unit,
            "exact_from": self.exact,
            "close_from": self.close,
            "longest": self.longest,
            "values": self.values,
            "own": self.own,
            "endless": self.endless,
            "points": [vars(point) for point in self.points],
        }


def measured(
    name: str,
    unit: str,
    value_at: Callable[[int], Floats],
    *,
    longest: int,
    lengths: Sequence[int],
    own: bool = False,
    bound: int = 0,
    every: bool = True,
) -> Warmup:
    """Measure how a value depends on the length of history.

    Parameters
    ----------
    name, unit
        As in `Warmup`.
    value_at
        Gives the values, float64[s], with the last n bars or sessions only; NaN is unknown.
    longest
        The full history.
    lengths
        Lengths to tell of.
    own, bound
        As in `Warmup`.
    every
        Whether any length may be asked for: the least one is then found exactly. Else it is looked
        for by halving between ``lengths``, because each is dear.
    """
    known: dict[int, Floats] = {}

    def at(n: int) -> Floats:
        if n not in known:
            known[n] = value_at(n)
        return known[n]

    full = at(longest)
    shown = [n for n in sorted(set(lengths)) if n < longest]
    points = tuple(_point(n, at(n), full) for n in shown)
    find = _scanned if every else _halved
    return Warmup(
        name,
        unit,
        points,
        find(lambda n: not changes(at(n), full), longest, shown),
        find(lambda n: not changes(at(n), full, CLOSE), longest, shown),
        longest,
        int(np.isfinite(full).sum()),
        own,
        bound,
    )


def changes(values: Floats, full: Floats, tolerance: float = 0.0) -> bool:
    """Tell whether any of some values differs by more than a relative tolerance."""
    if values.shape != full.shape:
        return True
    if not tolerance:
        return not np.array_equal(values, full, equal_nan=True)
    return bool((_relative(values, full) > tolerance).any())


def _point(n: int, values: Floats, full: Floats) -> Point:
    different = ~((values == full) | (np.isnan(values) & np.isnan(full)))
    if not different.any():
        return Point(n, 0.0, 0.0, 0.0)
    by = _relative(values[different], full[different])
    return Point(n, float(different.mean()), float(by.max()), float(np.median(by)))


def _relative(values: Floats, full: Floats) -> Floats:
    size = np.maximum(np.abs(values), np.abs(full))
    with np.errstate(invalid="ignore", divide="ignore"):
        by = np.where(values == full, 0.0, np.abs(values - full) / size)
    unknown = np.isnan(values) != np.isnan(full)
    both = np.isnan(values) & np.isnan(full)
    out: Floats = np.where(both, 0.0, np.where(unknown, 1.0, by))
    return out


def _scanned(same: Callable[[int], bool], longest: int, shown: Sequence[int]) -> int | None:
    # Down in steps, then up one by one: below what is read, nearly every length makes a difference.
    del shown
    n = longest - 1
    while n > 0 and same(n):
        n -= _COARSE if n > _COARSE else 1
    if n <= 0:
        return 1 if not same(0) else 0
    for m in range(min(n + _COARSE, longest) - 1, n, -1):
        if not same(m):
            return m + 1 if m + 1 < longest else None
    return n + 1 if n + 1 < longest else None


def _halved(same: Callable[[int], bool], longest: int, shown: Sequence[int]) -> int | None:
    different, equal = 0, longest
    for n in sorted(shown, reverse=True):
        if not same(n):
            different = n
            break
        equal = n
    while equal - different > 1:
        middle = (equal + different) // 2
        if same(middle):
            equal = middle
        else:
            different = middle
    return equal if equal < longest else None
