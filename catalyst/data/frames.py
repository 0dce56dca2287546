"""Tables from memory, and columns of types that no table of a lake has, as text."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from catalyst.data.messages import shown
from catalyst.errors import ImportFileError

if TYPE_CHECKING:
    import polars as pl

# Years 1 to 9999, a day less at both ends for any zone: what a time may be to be written.
_FIRST_S, _LAST_S = -62_135_510_400, 253_402_214_400
_DAY_S = 86_400
_PER_SECOND = {"ms": 10**3, "us": 10**6, "ns": 10**9}


def frame_given(data: object) -> pl.DataFrame:
    """Take a polars, pandas or Arrow table as a polars frame, without copying where possible.

    Raises
    ------
    ImportFileError
        If it is something else, or can't be taken.
    """
    import polars as pl
    import pyarrow as pa

    if isinstance(data, pl.DataFrame):
        return data
    if isinstance(data, pl.LazyFrame):
        return data.collect()
    kind = type(data)
    foreign: Any = data
    try:
        if kind.__module__.startswith("pandas") and hasattr(foreign, "reset_index"):
            # pandas keeps the time in the index as often as not.
            told = foreign.index.nlevels > 1 or foreign.index.name is not None
            flat = foreign.reset_index() if told or hasattr(foreign.index, "tz") else foreign
            flat = flat.rename(columns=str)
            return pl.from_pandas(flat, nan_to_null=False)
        if hasattr(foreign, "__arrow_c_stream__"):
            table = pl.from_arrow(foreign)
            if isinstance(table, pl.DataFrame):
                return table
    except (pa.ArrowException, pl.exceptions.PolarsError, ValueError, TypeError) as error:
        raise ImportFileError(
            f"the {kind.__module__}.{kind.__name__} can't be taken: {shown(error)}; expected "
            "columns of one type each"
        ) from None
    raise ImportFileError(
        f"a {kind.__module__}.{kind.__name__} is no table; expected polars, pandas or Arrow"
    )


def known_frame(frame: pl.DataFrame, *, lists: bool = True) -> pl.DataFrame:
    """Write columns of types that no table has as text, for the rules to judge and to be kept.

    Nested values become JSON, durations and times outside the years 1 to 9999 text, binary values
    text if they are UTF-8, else hexadecimal digits.

    Parameters
    ----------
    frame
        The rows.
    lists
        Whether lists of text stay, as the tickers of an article.
    """
    changed = [
        text
        for column in frame.get_columns()
        if (text := _as_text(column, lists=lists)) is not column
    ]
    return frame.with_columns(changed) if changed else frame


def json_text(value: object) -> str:
    """Write a value as JSON; what JSON has not becomes text.

    NaN and infinities become ``NaN``, ``Infinity`` and ``-Infinity``, times ISO 8601, bytes as
    `bytes_text` writes them.
    """
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))


def bytes_text(value: bytes) -> str:
    """Decode UTF-8, or else give hexadecimal digits."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()


def _as_text(column: pl.Series, *, lists: bool) -> pl.Series:
    import polars as pl

    dtype = column.dtype
    if isinstance(dtype, pl.Datetime | pl.Date):
        return _writable(column)
    if isinstance(dtype, pl.List) and dtype.inner == pl.String and lists:
        return column
    if isinstance(dtype, pl.Duration):
        return column.dt.to_string("iso")
    if dtype.is_nested() or dtype in (pl.Object, pl.Binary):
        texts = [_text(value) for value in column.to_list()]
        return pl.Series(column.name, texts, dtype=pl.String)
    if isinstance(dtype, pl.Categorical | pl.Enum) or dtype in (pl.Int128, pl.UInt128):
        return column.cast(pl.String)
    return column


def _writable(column: pl.Series) -> pl.Series:
    import polars as pl

    dtype = column.dtype
    number = column.to_physical().cast(pl.Int64)
    if isinstance(dtype, pl.Datetime):
        unit: str = dtype.time_unit
        scale = _PER_SECOND[dtype.time_unit]
        first, last = _FIRST_S * scale, _LAST_S * scale
        # In nanoseconds every int64 is within these years.
        if scale == _PER_SECOND["ns"]:
            return column
    else:
        unit = "d"
        first, last = _FIRST_S // _DAY_S, _LAST_S // _DAY_S
    inside = number.is_between(first, last)
    if inside.all():
        return column
    frame = pl.DataFrame({"number": number, "inside": inside})
    sound = frame.select(pl.when("inside").then("number").cast(dtype).alias(column.name))
    written = sound.to_series().dt.to_string("iso")
    # With its unit, or it would be read as a number of another unit.
    texts = pl.coalesce(pl.lit(written), pl.format(f"{{}} {unit}", "number"))
    return frame.select(texts.alias(column.name)).to_series()


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return bytes_text(value) if isinstance(value, bytes) else json_text(value)


def _plain(value: object) -> object:
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, dict):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, bytes):
        return bytes_text(value)
    if isinstance(value, Sequence):
        return [_plain(part) for part in value]
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
