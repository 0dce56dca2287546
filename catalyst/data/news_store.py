"""News on disk: one Parquet file of each UTC day of `known_at`, read back whole."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from catalyst.data.lake_files import dated_folders, parts
from catalyst.errors import LakeError

if TYPE_CHECKING:
    import polars as pl

FOLDER = "news"


def read_news(
    root: Path, *, first: dt.date | None = None, last: dt.date | None = None
) -> pl.DataFrame:
    """Read the news known on the UTC days from `first` to `last`, both included.

    Returns
    -------
    DataFrame
        The columns of `catalyst.data.enrichment.schema.ENRICHED`, by known_at, news_id, symbol.
    """
    return _read(
        [
            folder
            for date, folder in dated_folders(root / FOLDER)
            if (first is None or date >= first) and (last is None or date <= last)
        ]
    )


def read_news_of(root: Path, date: dt.date) -> pl.DataFrame:
    """Read the news known on one UTC day; see `read_news`."""
    return _read([root / FOLDER / f"date={date}"])


def news_symbols(root: Path) -> list[str]:
    """List the symbols that have news, ascending."""
    import polars as pl

    paths = [path for _, folder in dated_folders(root / FOLDER) for path in parts(folder)]
    if not paths:
        return []
    symbols = pl.scan_parquet(paths, hive_partitioning=False, glob=False).select(
        pl.col("symbol").unique()
    )
    found: list[str] = symbols.filter(pl.col("symbol") != "").collect().to_series().sort().to_list()
    return found


def _read(folders: Sequence[Path]) -> pl.DataFrame:
    return read_news_files([path for folder in folders for path in parts(folder)])


def read_news_files(paths: Sequence[str | Path], *, any_age: bool = False) -> pl.DataFrame:
    """Read news files whole; those of an older catalyst, which lack columns, if `any_age`."""
    import polars as pl

    from catalyst.data.enrichment.schema import ENRICHED

    if not paths:
        return pl.DataFrame(schema=ENRICHED)
    # Files of an older catalyst lack columns: enriching them again fills these in.
    found = pl.scan_parquet(
        [str(path) for path in paths],
        schema=dict(ENRICHED),
        missing_columns="insert" if any_age else "raise",
        hive_partitioning=False,
        glob=False,
    )
    try:
        return found.collect()
    except pl.exceptions.ColumnNotFoundError as error:
        root = Path(paths[0]).parents[2]
        raise LakeError(
            f"the news of {root} was stored by an older catalyst and lacks columns; run "
            f"`catalyst data enrich --lake {root}` once"
        ) from error
