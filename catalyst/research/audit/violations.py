"""What a look-ahead audit finds, and how much of it is told."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from catalyst.research.audit.differences import Difference, clock

LISTED = 20
"""Violations of one layer and perturbation that are listed; more tell nothing new."""


@dataclass(frozen=True)
class Violation:
    """Name one thing that was seen, filled or decided with knowledge of the future.

    Attributes
    ----------
    instant
        When, UTC; None where it is no matter of an instant.
    perturbation
        ``cut`` (all that is known later is gone), ``other`` (it is otherwise, and there are late
        facts about the past), or what else was tried: ``again``, ``start``, ``lake``, ``replay``.
    layer
        ``facts``, ``survey``, ``view``, ``fill``, ``decision``, ``fit``, ``loader``, ``view
        builder``, ``component``, ``replay``.
    symbol
        Empty where it concerns none.
    what
        What was seen.
    was, became
        Its value in the run, and in the other world.
    """

    instant: dt.datetime | None
    perturbation: str
    layer: str
    symbol: str
    what: str
    was: str
    became: str

    def __str__(self) -> str:
        """Return a sentence."""
        when = "" if self.instant is None else f"{clock(_ns(self.instant))} New York: "
        symbol = f"{self.symbol} " if self.symbol else ""
        values = f", {self.was} became {self.became}" if self.was or self.became else ""
        return f"{when}{symbol}{self.what}{values} ({self.layer}, {self.perturbation})"

    def as_mapping(self) -> dict[str, Any]:
        """Return the fields for JSON; the instant as ISO text, UTC."""
        found = asdict(self)
        found["instant"] = None if self.instant is None else self.instant.isoformat()
        return found


@dataclass
class Findings:
    """Collect violations, at most `LISTED` of a layer and perturbation."""

    listed: list[Violation] = field(default_factory=list)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, at_ns: int | None, perturbation: str, layer: str, difference: Difference) -> None:
        """Take a difference in."""
        key = (layer, perturbation)
        self.counts[key] += 1
        if self.counts[key] <= LISTED:
            instant = None
            if at_ns is not None:
                instant = dt.datetime.fromtimestamp(at_ns // 10**9, dt.UTC)
            d = difference
            found = Violation(instant, perturbation, layer, d.symbol, d.what, d.was, d.became)
            if found not in self.listed:
                self.listed.append(found)

    def say(self, at_ns: int | None, perturbation: str, layer: str, what: str) -> None:
        """Take a sentence in."""
        self.add(at_ns, perturbation, layer, Difference("", what, "", ""))

    def full(self, layer: str) -> bool:
        """Tell whether a layer has told enough in every perturbation that found something."""
        told = [n for (one, _), n in self.counts.items() if one == layer]
        return bool(told) and min(told) >= LISTED

    @property
    def unlisted(self) -> int:
        """Return how many violations are counted but not listed."""
        return sum(max(n - LISTED, 0) for n in self.counts.values())


def _ns(instant: dt.datetime) -> int:
    return int(instant.timestamp()) * 10**9
