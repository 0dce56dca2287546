"""Rows as given: a frame, where its rows come from, and the text of one row."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catalyst.data.frames import json_text

if TYPE_CHECKING:
    import polars as pl

_TIME_OF_DAY = re.compile(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( ?[AaPp][Mm])?")
#: Name of the file of rows that come from memory.
FRAME = "<frame>"


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """Hold the rows of one file or frame, untouched.

    Attributes
    ----------
    frame : DataFrame
        Its rows; all columns are text if they come from a text file.
    file : str
        Name of the file, as the user wrote it.
    line : int64[n] or None
        Line of each row in the file; None: rows are numbered from 1.
    broken : list of (int, str, str)
        Rows that could not be split into columns: line, rule and JSON text.
    notes : tuple of str
        What was guessed in reading the file.
    end_byte : int or None
        Bytes of the file that had been read with these rows, for progress; None: not told.
    raw : Series of String or None
        Each row as it stands in the file, as JSON: an object, or a text in quotes; None: the
        columns are the row.
    original : DataFrame or None
        The columns that are the row, where `frame` holds what was made of them; None: `frame`.
    """

    frame: pl.DataFrame
    file: str = FRAME
    line: NDArray[np.int64] | None = None
    broken: list[tuple[int, str, str]] = field(default_factory=list)
    notes: tuple[str, ...] = ()
    end_byte: int | None = None
    raw: pl.Series | None = None
    original: pl.DataFrame | None = None

    def __len__(self) -> int:
        """Give the number of rows, broken ones included."""
        return self.frame.height + len(self.broken)

    def lines(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give the lines of the rows at these positions of the frame."""
        return rows + 1 if self.line is None else self.line[rows]

    def texts(self, rows: NDArray[np.int64]) -> list[str]:
        """Write the rows at these positions as JSON, every value as given.

        Numbers stay numbers, text stays text; NaN and infinities, which JSON has not, become the
        texts ``NaN``, ``Infinity`` and ``-Infinity``; times are ISO 8601.
        """
        if self.raw is not None:
            return list(self.raw[rows])
        picked = (self.frame if self.original is None else self.original)[rows]
        return [json_text(row) for row in picked.iter_rows(named=True)]


def joined_text(frame: pl.DataFrame, names: tuple[str, ...]) -> pl.Series:
    """Give one column, or several as text joined by a space (a date and a time of day)."""
    import polars as pl

    if len(names) == 1:
        return frame[names[0]]
    parts = [pl.col(name).cast(pl.String).str.strip_chars() for name in names]
    return frame.select(pl.concat_str(parts, separator=" ").alias("+".join(names))).to_series()


def time_columns(frame: pl.DataFrame, names: tuple[str, ...]) -> tuple[str, ...]:
    """Put the column of dates before a guessed column that holds times of day only.

    Parameters
    ----------
    frame
        The rows.
    names
        The columns of the time, as told or guessed.
    """
    import polars as pl

    if len(names) != 1 or frame[names[0]].dtype != pl.String:
        return names
    first = frame[names[0]].drop_nulls().str.strip_chars().head(1)
    if not len(first) or not _TIME_OF_DAY.fullmatch(first[0]):
        return names
    dates = [name for name in frame.columns if name.strip().lower() == "date" and name != names[0]]
    return (dates[0], names[0]) if dates else names
