"""Rows kept in quarantine, opened again: as they were read, whatever became of their file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from catalyst.data.formats import lean, twitter
from catalyst.data.formats.opened import Opened
from catalyst.data.given import Given

if TYPE_CHECKING:
    import polars as pl


def opened_again(
    rows: Sequence[tuple[int, str, str]], *, file: str, options: Mapping[str, Any]
) -> Opened:
    """Open rejected rows of one file that were read in one way.

    Parameters
    ----------
    rows
        Line, rule and JSON text of each row.
    file
        Name of their file.
    options
        How they were read, as quarantine keeps it: format, raw and the names of options. Options
        become the preset, so that what the user says is stronger.

    Returns
    -------
    Opened
        One block. A row that could not be split into columns stays as it is, with its rule.
    """
    format_ = str(options.get("format", "frame"))
    implied = {name: value for name, value in options.items() if name not in {"format", "raw"}}
    in_order = sorted(rows)
    size = sum(len(text) for _, _, text in rows)

    def read() -> Iterator[Given]:
        if options.get("raw") and format_ == twitter.FORMAT:
            texts = [(line, _line(text)) for line, _, text in in_order]
            yield twitter.tweets_of(texts, file)[0]
            return
        held = [(line, rule, text, json.loads(text)) for line, rule, text in in_order]
        whole = [(line, row) for line, _, _, row in held if _is_row(row)]
        broken = [(line, rule, text) for line, rule, text, row in held if not _is_row(row)]
        frame = _frame([row for _, row in whole])
        original = None
        if format_ == lean.FORMAT and "time" in frame.columns:
            original, frame = frame, lean.bars_of(frame)
        lines = np.array([line for line, _ in whole], np.int64)
        yield Given(frame, file, lines, broken, original=original)

    return Opened(file, format_, size, (), read, implied)


def _line(text: str) -> str:
    # A line that was no tweet is kept as a JSON text, a tweet as its own line.
    found = json.loads(text) if text.startswith('"') else text
    return str(found)


def _is_row(row: object) -> bool:
    # An object is a row, but for what is left of one that was too long.
    return isinstance(row, dict) and set(row) != {"begins", "bytes", "sha256"}


def _frame(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    import polars as pl

    names = list(dict.fromkeys(name for row in rows for name in row))
    return pl.DataFrame([_column(name, [row.get(name) for row in rows]) for name in names])


def _column(name: str, values: list[Any]) -> pl.Series:
    import polars as pl

    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return pl.Series(name, values, dtype=pl.String)
    if kinds == {bool}:
        return pl.Series(name, values, dtype=pl.Boolean)
    if kinds == {int} and all(value is None or abs(value) < 2**63 for value in values):
        return pl.Series(name, values, dtype=pl.Int64)
    if kinds <= {int, float}:
        return pl.Series(name, values, dtype=pl.Float64, strict=False)
    if kinds == {list} and all(isinstance(part, str) for value in values for part in value or ()):
        return pl.Series(name, values, dtype=pl.List(pl.String))
    texts = [
        value if value is None or isinstance(value, str) else json.dumps(value) for value in values
    ]
    return pl.Series(name, texts, dtype=pl.String)
