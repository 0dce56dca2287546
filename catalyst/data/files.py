"""Files read whole, for callers that do not take blocks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from catalyst.data import formats
from catalyst.data.given import Given


def files_in(
    paths: Sequence[Path], *, table: str = "bars", format_: str | None = None
) -> list[Path]:
    """List the files to import; see `catalyst.data.formats.files_in`."""
    return formats.files_in(paths, table=table, format_=format_).files


def read_file(path: Path, *, table: str = "bars", format_: str | None = None) -> Given:
    """Read all rows of a file, untouched; see `catalyst.data.formats.open_file`."""
    import polars as pl

    opened = formats.open_file(path, table=table, format_=format_)
    blocks = list(opened.blocks())
    notes = (*opened.notes, *(note for block in blocks for note in block.notes))
    lines = [block.lines(np.arange(block.frame.height)) for block in blocks]
    raw = [block.raw for block in blocks if block.raw is not None]
    return Given(
        pl.concat([block.frame for block in blocks]),
        opened.file,
        np.concatenate(lines),
        [row for block in blocks for row in block.broken],
        tuple(dict.fromkeys(notes)),
        raw=pl.concat(raw) if raw else None,
    )
