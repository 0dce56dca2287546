"""What a check says: findings, and the kinds there are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """Hold one suspicion about the data.

    Attributes
    ----------
    kind : str
        One of `catalyst.data.checks.kinds.KINDS`.
    severity : int
        0 to 100: how much a backtest over it would be wrong, and how sure it is.
    table : str
        bars, news or actions.
    source : str
        Source of bars, or provider or source of news; empty if it concerns all.
    symbol : str
        Empty if it concerns a whole source.
    timeframe : str
        Empty for news.
    first, last : str
        First and last date or instant concerned, ISO, UTC for instants.
    count : int
        Rows, sessions, days or stories concerned; the text says which.
    value, expected : float or None
        What was measured, and what would be usual.
    text : str
        One sentence: what, where, what was expected, what to do.
    """

    kind: str
    severity: int
    table: str
    source: str
    symbol: str
    timeframe: str
    first: str
    last: str
    count: int
    value: float | None
    expected: float | None
    text: str

    def as_dict(self) -> dict[str, Any]:
        """Give the finding as JSON-ready values."""
        return asdict(self)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Order findings: the most severe first, then the larger, then by name and time."""
    return sorted(
        findings,
        key=lambda f: (
            -f.severity,
            -f.count,
            f.kind,
            f.table,
            f.source,
            f.symbol,
            f.timeframe,
            f.first,
            f.text,
        ),
    )


def bounded_severity(value: float, *, least: int = 1, most: int = 100) -> int:
    """Round a severity and keep it in its range."""
    return int(min(max(round(value), least), most))
