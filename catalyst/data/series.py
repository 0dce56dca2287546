"""Which bars of a symbol a run reads: one source and one adjustment of them, from first to last.

A run that took another source whenever one was missing for a day would see volumes of two feeds as
one history (IEX prints a few percent of what SIP does) and prices on two scales.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from catalyst.data.bar_rules import ADJUSTMENTS
from catalyst.data.lake_files import dated_folders, parts
from catalyst.errors import LakeError

if TYPE_CHECKING:
    import polars as pl

    from catalyst.data.lake import Lake

# Feeds of one venue: a few percent of the market's volume, so any other source is better.
_PARTIAL_FEED = "-iex"


@dataclass(frozen=True, slots=True)
class Series:
    """Name one series of bars of a symbol.

    Attributes
    ----------
    source
        Who delivered it, with its feed, such as ``alpaca-sip``.
    adjusted
        0 raw, 1 split, 2 all (splits and dividends), as in `catalyst.data.bar_rows.BarRows`.
    """

    source: str
    adjusted: int


@runtime_checkable
class _TellsSeries(Protocol):
    # A lake in memory has no files to look into.
    def series(self, timeframe: str) -> pl.DataFrame: ...


def series_in(lake: Lake, timeframe: str) -> pl.DataFrame:
    """List the series of bars in a lake, or in what has a lake's reading methods and `series`."""
    if isinstance(lake, _TellsSeries):
        return lake.series(timeframe)
    return series_of(lake.root, timeframe)


def series_kept(series: Mapping[str, Series], lake: Lake, timeframe: str) -> Mapping[str, Series]:
    """Keep the series that a lake has, and choose the others from what it has."""
    present = series_in(lake, timeframe)
    there = set(present.select("symbol", "source").rows())
    kept = {name: one for name, one in series.items() if (name, one.source) in there}
    return {**chosen_series(present), **kept}


def series_of(root: Path, timeframe: str) -> pl.DataFrame:
    """List the series of bars of a timeframe.

    Returns
    -------
    DataFrame
        symbol, source, adjustment, first_known_at (datetime[ns, UTC]: when a bar of it was known
        first), rows; by symbol, source, adjustment.
    """
    import polars as pl

    folder = root / "bars" / f"timeframe={timeframe}"
    paths = [path for _, part in dated_folders(folder) for path in parts(part)]
    key = ["symbol", "source", "adjustment"]
    if not paths:
        instant = pl.Datetime("ns", "UTC")
        texts = pl.DataFrame(schema=dict.fromkeys(key, pl.String))
        return texts.with_columns(
            first_known_at=pl.lit(None, instant), rows=pl.lit(None, pl.UInt32)
        )
    return (
        pl.scan_parquet(paths, hive_partitioning=False, glob=False)
        .group_by(key)
        .agg(first_known_at=pl.col("known_at").min(), rows=pl.len())
        .sort(key)
        .collect()
    )


def chosen_series(
    series: pl.DataFrame, *, sources: Sequence[str] | None = None
) -> Mapping[str, Series]:
    """Choose the series of each symbol.

    Parameters
    ----------
    series
        From `series_of`.
    sources
        Names of sources, best first; a symbol that none of them has is left out. None: the series
        whose bars were known first, so that what is added to a lake later can't change what a run
        saw before; among equals the least adjusted, then the feed of the whole market before that
        of one venue, then the first by name.

    Raises
    ------
    LakeError
        If a source is in none of the series.
    """
    import polars as pl

    ranked = series.with_columns(
        adjusted=pl.col("adjustment").replace_strict(
            {name: code for code, name in enumerate(ADJUSTMENTS)}, return_dtype=pl.Int64
        ),
        partial=pl.col("source").str.ends_with(_PARTIAL_FEED),
        wish=pl.lit(0, pl.Int64),
    )
    if sources is not None:
        present = series["source"].unique().sort().to_list()
        missing = [name for name in sources if name not in present]
        if missing:
            raise LakeError(
                f"no bars come from the source {', '.join(missing)}; the lake has "
                f"{', '.join(present)}"
            )
        wish = {name: place for place, name in enumerate(sources)}
        ranked = ranked.filter(pl.col("source").is_in(list(wish))).with_columns(
            wish=pl.col("source").replace_strict(wish, return_dtype=pl.Int64)
        )
    order = ["symbol", "wish", "first_known_at", "adjusted", "partial", "source"]
    first = ranked.sort(order).group_by("symbol", maintain_order=True).first()
    rows = first.select("symbol", "source", "adjusted").iter_rows()
    return {symbol: Series(source, adjusted) for symbol, source, adjusted in rows}
