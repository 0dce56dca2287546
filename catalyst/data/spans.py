"""Spans of time, as a caller asks for them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

from catalyst.data.calendar import NEW_YORK
from catalyst.data.stamps import Moment, stamp_ns
from catalyst.data.symbols import joined_symbol
from catalyst.errors import InputError

if TYPE_CHECKING:
    import polars as pl


def bounded(
    moment: Moment | None, *, zone: dt.tzinfo = NEW_YORK
) -> tuple[dt.date | None, int | None]:
    """Read a bound as a caller may write it.

    Parameters
    ----------
    moment
        A date, an instant, or ISO text of either; a time without a zone is New York time.
    zone
        In which an instant's date is wanted.

    Returns
    -------
    (date or None, int or None)
        The date of the bound; and its instant, ns UTC, unless it is a whole date.

    Raises
    ------
    InputError
        If it is none of these.
    """
    if moment is None:
        return None, None
    if isinstance(moment, str) and len(moment) == len("2014-06-09"):
        return _date(moment), None
    if isinstance(moment, dt.date) and not isinstance(moment, dt.datetime):
        return moment, None
    ns = stamp_ns(moment)
    return dt.datetime.fromtimestamp(ns // 1_000_000_000, zone).date(), ns


def within(
    frame: pl.DataFrame,
    time: str,
    symbols: Sequence[str] | None,
    from_ns: int | None,
    to_ns: int | None,
) -> pl.DataFrame:
    """Select the rows of some symbols, and from one instant until before another, ns UTC."""
    import polars as pl

    ns = pl.col(time).dt.timestamp("ns")
    if symbols is not None:
        wanted = sorted({joined_symbol(symbol) for symbol in symbols})
        frame = frame.filter(pl.col("symbol").is_in(wanted))
    if from_ns is not None:
        frame = frame.filter(ns >= from_ns)
    return frame if to_ns is None else frame.filter(ns < to_ns)


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise InputError(f"'{text}' is no date; expected one such as 2014-06-09") from None
