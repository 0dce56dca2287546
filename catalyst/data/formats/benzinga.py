"""Benzinga's headlines as published on Kaggle, raw or processed.

The raw layout is index, headline, url, publisher, date, stock; the processed one index, title,
date, stock. The publisher is the author at Benzinga. A headline may hold a line end that is not
quoted, which breaks its record over two lines.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from catalyst.data.formats.content import Content
from catalyst.data.formats.opened import Opened
from catalyst.data.formats.tables import BROKEN, Header, TextBlock, text_blocks
from catalyst.data.given import Given
from catalyst.data.stamps import NEW_YORK_NAME

if TYPE_CHECKING:
    import polars as pl

FORMAT = "benzinga-csv"

_LAYOUTS = (
    ("headline", "url", "publisher", "date", "stock"),
    ("title", "date", "stock"),
)
_STAMP = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}([+-]\d{2}:\d{2})?")
_TICKER = re.compile(r"[A-Z][A-Z0-9.\-]{0,9}")
_Broken = tuple[int, str]


def is_benzinga(names: Sequence[str]) -> bool:
    """Tell whether these are the columns of one of the two layouts."""
    told = tuple(name.strip().lower() for name in names if not name.startswith("unnamed"))
    return told in _LAYOUTS


def open_benzinga(content: Content, header: Header, notes: Sequence[str]) -> Opened:
    """Open a file of Benzinga's headlines.

    A record that an unquoted line end broke over two lines is put together where that can be done
    in one way only, and counted in a note; else both lines are broken rows.
    """
    file = str(content.path)
    written = {name.strip().lower(): name for name in header.names}
    told = {
        "headline": written.get("headline") or written["title"],
        "published_at": written["date"],
        "symbol": written["stock"],
    }
    if "publisher" in written:
        told |= {"author": written["publisher"], "url": written["url"]}
    preset = {
        "mapping": told,
        "source": "Benzinga",
        "provider": "benzinga",
        "tz": NEW_YORK_NAME,
    }

    def read() -> Iterator[Given]:
        joiner = _Joiner(header)
        for block in text_blocks(content):
            yield joiner.given(block, file)

    return Opened(file, FORMAT, content.size_bytes, tuple(notes), read, preset)


class _Joiner:
    """Put records together that were broken over two lines, also where a block ends between."""

    __slots__ = ("_header", "_joined", "_waiting")

    def __init__(self, header: Header) -> None:
        self._header = header
        self._joined = 0
        self._waiting: list[_Broken] = []

    def given(self, block: TextBlock, file: str) -> Given:
        candidates = [*self._waiting, *block.broken]
        self._waiting = []
        whole: list[tuple[int, list[str]]] = []
        broken: list[_Broken] = []
        while candidates:
            line, row = candidates.pop(0)
            if not candidates and line == block.next_line - 1 and not block.last:
                self._waiting = [(line, row)]
                break
            found = None
            if candidates and candidates[0][0] == line + 1:
                found = self._record(row, candidates[0][1])
            if found is None:
                broken.append((line, row))
            else:
                whole.append((line, found))
                candidates.pop(0)
        self._joined += len(whole)
        notes = list(block.notes)
        if block.last and self._joined:
            records = "1 record" if self._joined == 1 else f"{self._joined:,} records"
            notes.append(f"benzinga-csv: {records} broken over two lines put together")
        frame, lines = _with_records(block, whole)
        rejected = [(line, BROKEN, row) for line, row in broken]
        return Given(frame, file, lines, rejected, tuple(notes), block.end_byte)

    def _record(self, first: str, second: str) -> list[str] | None:
        before, after = (_fields(row, self._header.delimiter) for row in (first, second))
        if not before or not after:
            return None
        record = [*before[:-1], f"{before[-1]}\n{after[0]}".strip(), *after[1:]]
        if len(record) != len(self._header.names) or not before[0].isdigit():
            return None
        # A line with a number of its own is a record of its own.
        date, stock = record[-2:]
        sound = _STAMP.fullmatch(date) and _TICKER.fullmatch(stock) and not after[0].isdigit()
        return record if sound else None


def _fields(row: str, delimiter: str) -> list[str]:
    text = json.loads(row)
    if not isinstance(text, str):
        return []
    try:
        return next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error:
        return []


def _with_records(
    block: TextBlock, records: list[tuple[int, list[str]]]
) -> tuple[pl.DataFrame, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    import polars as pl

    if not records:
        return block.frame, block.line
    more = pl.DataFrame(
        [row for _, row in records], schema=block.frame.schema, orient="row", strict=False
    )
    lines = np.concatenate([block.line, np.array([line for line, _ in records], np.int64)])
    order = np.argsort(lines, kind="stable")
    return pl.concat([block.frame, more])[order], lines[order]
