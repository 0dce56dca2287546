"""Captured numbers that equal a statistic of the whole lake: estimated with the future in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from catalyst.data.lake import Lake
from catalyst.research.audit.purity import REMAKE, Impurity, captured
from catalyst.strategy.values import Floats

TOLERANCE = 1e-12
"""Relative; another order of summation differs less than that."""

_COLUMNS = ("open", "high", "low", "close", "volume", "return")
#: A number of fewer digits may be typed, and meet a price or a mean by chance.
_DIGITS = 6
_MOST = 10_000


@dataclass(frozen=True)
class Statistics:
    """Hold statistics of a whole lake.

    Attributes
    ----------
    values : float64[n]
        Ascending.
    names
        What each is, such as ``the mean of close of ZQAA``.
    """

    values: Floats
    names: tuple[str, ...]

    def named(self, number: float) -> str:
        """Say which statistic a number equals, nothing if none."""
        gap = abs(number) * TOLERANCE
        at = int(np.searchsorted(self.values, number - gap))
        if at < len(self.values) and self.values[at] <= number + gap:
            return self.names[at]
        return ""


def statistics_of(lake: Lake, timeframe: str) -> Statistics:
    """Compute mean, deviation, extremes and median of a lake's bars, by symbol and of all.

    Parameters
    ----------
    lake
        The lake.
    timeframe
        Which bars.

    Returns
    -------
    Statistics
        Of open, high, low, close (USD), volume (shares) and the return from bar to bar.
    """
    bars = lake.bars(timeframe).select("symbol", "ts", *_COLUMNS[:-1]).sort("symbol", "ts")
    bars = bars.with_columns(pl.col("close").pct_change().over("symbol").alias("return"))
    every = [
        expression.alias(f"{name} of {column}")
        for column in _COLUMNS
        for name, expression in _of(pl.col(column)).items()
    ]
    found: dict[str, float] = {}
    for row in bars.group_by("symbol").agg(every).sort("symbol").iter_rows(named=True):
        symbol = row.pop("symbol")
        found |= {f"the {name} of {symbol}": value for name, value in row.items()}
    pooled = bars.select(every).row(0, named=True)
    found |= {f"the {name} of all symbols": value for name, value in pooled.items()}
    pairs = sorted(
        (float(value), name)
        for name, value in found.items()
        if value is not None and np.isfinite(value)
    )
    return Statistics(np.array([value for value, _ in pairs]), tuple(name for _, name in pairs))


def estimated(function: Callable[..., Any], statistics: Callable[[], Statistics]) -> list[Impurity]:
    """Name the numbers that a component holds and that equal a statistic of the whole lake.

    Parameters
    ----------
    function
        The component.
    statistics
        Gives the lake's statistics; asked only if there is a number to compare.
    """
    candidates = [
        (name, number) for name, value in captured(function) for number in _numbers(value)
    ]
    if not candidates:
        return []
    known = statistics()
    out: dict[str, Impurity] = {}
    for name, number in candidates:
        what = known.named(number)
        if what and name not in out:
            out[name] = Impurity(
                name,
                f"is {number!r}, which is {what} over the whole lake: estimated on the whole "
                f"sample, the future included; {REMAKE}",
            )
    return list(out.values())


def _of(column: pl.Expr) -> dict[str, pl.Expr]:
    return {
        "mean": column.mean(),
        "deviation": column.std(),
        "population deviation": column.std(ddof=0),
        "least": column.min(),
        "largest": column.max(),
        "median": column.median(),
    }


def _numbers(value: object) -> Iterator[float]:
    if isinstance(value, (float, np.floating)):
        number = float(value)
        if np.isfinite(number) and _digits(number) >= _DIGITS:
            yield number
    elif isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.size <= _MOST:
        for one in value.ravel().tolist():
            yield from _numbers(one)
    elif isinstance(value, Mapping) and len(value) <= _MOST:
        for one in value.values():
            yield from _numbers(one)
    elif isinstance(value, (list, tuple, set, frozenset)) and len(value) <= _MOST:
        for one in value:
            yield from _numbers(one)


def _digits(number: float) -> int:
    return len(repr(abs(number)).partition("e")[0].replace(".", "").strip("0"))
