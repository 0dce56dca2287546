"""What an edge is judged by: legs with a word each, named before anything is looked at."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

Word = Literal["supported", "not shown", "contradicted"]
SUPPORTED: Word = "supported"
NOT_SHOWN: Word = "not shown"
CONTRADICTED: Word = "contradicted"

LEVEL = 0.025
"""One-sided level of each leg: both together are right 19 times out of 20."""
FEWEST_TRADES = 30
"""Below so many closed trades nothing is concluded, as in the report."""
BPS = 1e4


@dataclass(frozen=True, slots=True)
class Leg:
    """Hold one test of an edge.

    Attributes
    ----------
    word
        Supported, not shown or contradicted.
    value, low, high
        What was measured, and its 95 % interval; NaN where there is none. Money: bps of equity a
        session, after costs, beside the market. Score: a rank correlation.
    p_value
        One-sided, that it is above zero by luck alone, corrected for everything that was tried;
        NaN where it can't be told.
    alone
        The same before correction.
    tests
        For how many tries it is corrected.
    count, days
        Sessions of money, pairs of a score; and the days with any.
    """

    word: Word
    value: float
    low: float
    high: float
    p_value: float
    alone: float
    tests: int
    count: int
    days: int

    def as_mapping(self) -> dict[str, float | int | str | None]:
        """Return the fields by name, None for NaN."""
        return known(asdict(self))


def known(figures: dict[str, Any]) -> dict[str, Any]:
    """Return figures by name, None for NaN: JSON has no other word for what isn't there."""
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in figures.items()
    }


def untold(*, tests: int, count: int = 0, days: int = 0) -> Leg:
    """Return the leg of something that can't be judged."""
    nan = math.nan
    return Leg(NOT_SHOWN, nan, nan, nan, nan, nan, tests, count, days)
