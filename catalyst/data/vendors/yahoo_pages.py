"""Yahoo's tables become rows of the lake, its adjustment for splits undone.

Yahoo gives prices, volumes and dividends in today's shares: after each split all of its history is
another. The splits come with the prices, so both are turned back into what was quoted on the day.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from catalyst.data.calendar import SECOND_NS

if TYPE_CHECKING:
    import polars as pl

_PRICES = ("Open", "High", "Low", "Close")
# Quotes have ticks of a cent from one dollar, of a hundredth of a cent below (SEC rule 612).
_CENT_FROM_USD = 1.0


def splits_of(daily: Any) -> list[tuple[dt.date, float]]:  # noqa: ANN401 - pandas
    """List the splits of a daily table: ex-date, new shares per old."""
    ratios = daily["Stock Splits"].to_numpy(dtype=float)
    stamps = [stamp.date() for stamp in daily.index]
    return [(date, float(r)) for date, r in zip(stamps, ratios, strict=True) if r > 0]


def later_ratios(dates: list[dt.date], splits: list[tuple[dt.date, float]]) -> NDArray[np.float64]:
    """Multiply, for each date, the ratios of the splits whose ex-date is later."""
    found = np.ones(len(dates))
    for ex_date, ratio in splits:
        found *= np.where([date < ex_date for date in dates], ratio, 1.0)
    return found


def bar_rows(
    symbol: str,
    found: Any,  # noqa: ANN401 - pandas
    splits: list[tuple[dt.date, float]],
    *,
    daily: bool,
) -> pl.DataFrame:
    """Turn a table of yfinance into bars with raw prices, on the tick, and whole shares.

    Yahoo's numbers have single precision, so the product with a ratio is a hair off the price that
    was quoted; the tick nearest to it is that price. A row of nulls stays one, for quarantine.
    """
    import polars as pl

    if not len(found):
        return empty("bars")
    dates = [stamp.date() for stamp in found.index]
    ratio = later_ratios(dates, splits)
    if daily:
        stamps = pl.Series("ts", [str(date) for date in dates], dtype=pl.String)
    else:
        ns = [int(stamp.timestamp()) * SECOND_NS for stamp in found.index]
        stamps = pl.Series("ts", ns, dtype=pl.Int64).cast(pl.Datetime("ns", "UTC"))
    prices = {name.lower(): _on_tick(found[name].to_numpy(dtype=float) * ratio) for name in _PRICES}
    volume = np.round(found["Volume"].to_numpy(dtype=float) / ratio)
    return pl.DataFrame({"symbol": [symbol] * len(dates), "ts": stamps, **prices, "volume": volume})


def action_rows(
    symbol: str,
    found: Any,  # noqa: ANN401 - pandas
    splits: list[tuple[dt.date, float]],
) -> pl.DataFrame:
    """Turn a table of yfinance into splits, and dividends in US dollars a share of their day."""
    import polars as pl

    dates = [stamp.date() for stamp in found.index]
    dividends = found["Dividends"].to_numpy(dtype=float) * later_ratios(dates, splits)
    asked = frozenset(dates)
    rows = [(symbol, str(date), "split", ratio) for date, ratio in splits if date in asked]
    rows += [
        (symbol, str(date), "dividend", round(float(value), 6))
        for date, value in zip(dates, dividends, strict=True)
        if value > 0
    ]
    return pl.DataFrame(rows, schema=empty("actions").schema, orient="row")


def empty(table: str) -> pl.DataFrame:
    """Give a page without rows."""
    import polars as pl

    if table == "actions":
        texts = dict.fromkeys(("symbol", "ex_date", "kind"), pl.String)
        return pl.DataFrame(schema={**texts, "value": pl.Float64})
    numbers = dict.fromkeys(("open", "high", "low", "close", "volume"), pl.Float64)
    return pl.DataFrame(schema={"symbol": pl.String, "ts": pl.String, **numbers})


def nothing() -> Any:  # noqa: ANN401 - pandas
    """Give a table of yfinance without rows."""
    import pandas as pd

    columns = [*_PRICES, "Volume", "Dividends", "Stock Splits"]
    return pd.DataFrame(columns=columns, index=pd.DatetimeIndex([], tz="UTC"))


def _on_tick(prices: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(prices < _CENT_FROM_USD, np.round(prices, 4), np.round(prices, 2))
