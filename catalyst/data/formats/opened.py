"""A file whose format is known: its rows in blocks of bounded size, and what the format implies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from catalyst.data.frames import frame_given, known_frame
from catalyst.data.given import FRAME, Given

_FRAME_ROWS = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """Hold a file whose format is known.

    Attributes
    ----------
    file : str
        Name as the user wrote it; rejected rows are kept under it.
    format : str
        One of `catalyst.data.formats.FORMATS`, or ``frame`` for rows that come from memory.
    size_bytes : int
        Size of the file, for progress.
    notes : tuple of str
        What was guessed in opening it.
    preset : mapping
        What the format implies, by name of option: mapping, symbol, timeframe, tz, stamp, source,
        adjustment, date_format, provider, latency_s. What the user says is stronger.
    read : callable
        Reads the file from its start, a block at a time; called by `blocks`.
    """

    file: str
    format: str
    size_bytes: int
    notes: tuple[str, ...]
    read: Callable[[], Iterator[Given]]
    preset: Mapping[str, Any] = field(default_factory=dict)

    def blocks(self) -> Iterator[Given]:
        """Read the rows, a block at a time; the same blocks each time this is called."""
        return self.read()


def opened_frame(
    data: object, file: str = FRAME, *, block_rows: int = _FRAME_ROWS, lists: bool = True
) -> Opened:
    """Take a polars, pandas or Arrow table as an opened file.

    Parameters
    ----------
    data
        The table.
    file
        Name under which rejected rows are kept.
    block_rows
        Largest number of rows of a block.
    lists
        Whether lists of text stay, as the tickers of an article; see `known_frame`.

    Raises
    ------
    ImportFileError
        If `data` is no table.
    """
    import numpy as np

    frame = known_frame(frame_given(data), lists=lists)

    def read() -> Iterator[Given]:
        for start in range(0, max(frame.height, 1), block_rows):
            part = frame[start : start + block_rows]
            yield Given(part, file, np.arange(start + 1, start + part.height + 1))

    return Opened(file, "frame", int(frame.estimated_size()), (), read)
