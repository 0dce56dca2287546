"""Text of columns: its header, and its records as frames of text, a block at a time."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catalyst.data.formats.chunks import (
    RECORD_BYTES,
    Chunk,
    decoded,
    first_end,
    lost_row,
    text_chunks,
    utf8_pieces,
    with_last,
)
from catalyst.data.formats.content import Content, Piece
from catalyst.data.given import Given
from catalyst.data.messages import shown
from catalyst.errors import ImportFileError

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

#: Rule of a row that can't be split into the columns of the header.
BROKEN = "columns"

_DELIMITERS = (",", ";", "\t", "|")
_HEAD_BYTES = 65_536
_MOST_COLUMNS = 20_000


@dataclass(frozen=True, slots=True)
class Header:
    """Hold what the first line of a text says.

    Attributes
    ----------
    names : tuple of str
        Names of the columns, each once; an unnamed one is ``unnamed N``.
    delimiter : str
        Sign between values.
    """

    names: tuple[str, ...]
    delimiter: str


@dataclass(frozen=True, slots=True, eq=False)
class TextBlock:
    """Hold some records of a text.

    Attributes
    ----------
    frame : DataFrame
        The records that have as many values as there are columns, all text.
    line : int64[n]
        Line of the file on which each of them starts.
    broken : list of (int, str)
        The other records: line, and the record as JSON.
    first_line, next_line : int
        Lines on which the block begins and the next one does.
    notes : list of str
        What was guessed; counts of the whole file come with its last block.
    end_byte : int
        Bytes of the file read by then.
    last : bool
        Whether it is the last block of the file.
    """

    frame: pl.DataFrame
    line: NDArray[np.int64]
    broken: list[tuple[int, str]]
    first_line: int
    next_line: int
    notes: list[str] = field(default_factory=list)
    end_byte: int = 0
    last: bool = False

    def given(
        self,
        file: str,
        frame: pl.DataFrame | None = None,
        *,
        original: pl.DataFrame | None = None,
    ) -> Given:
        """Give the block as rows of `file`; `frame` in the place of its own, row by row."""
        return Given(
            self.frame if frame is None else frame,
            file,
            self.line,
            [(line, BROKEN, row) for line, row in self.broken],
            tuple(self.notes),
            self.end_byte,
            original=original,
        )


def header_of(head: bytes, content: Content) -> Header:
    """Read the names of the columns and guess the sign between them.

    Parameters
    ----------
    head
        The beginning of the text, without blank lines before the header.
    content
        The file, for messages.

    Raises
    ------
    ImportFileError
        If there is one column only, or there are too many.
    """
    sniffed = head if b"\n" not in head[:_HEAD_BYTES] else head[:_HEAD_BYTES]
    text = decoded(sniffed)
    first = text.splitlines()[0] if text else ""
    delimiter = max(_DELIMITERS, key=lambda one: len(_record(first, one)))
    end = first_end(head, delimiter)
    # A name ends at a NUL where one library hands it to another.
    names = [
        name.replace("\0", "\ufffd").strip() for name in _record(decoded(head[:end]), delimiter)
    ]
    if len(names) < 2:
        raise ImportFileError(
            f"{shown(content.path)} has one column only in its first line; expected names separated"
            " by a comma, semicolon, tab or bar"
        )
    if len(names) > _MOST_COLUMNS:
        raise ImportFileError(
            f"{shown(content.path)} has {len(names):,} columns; expected at most {_MOST_COLUMNS:,}"
        )
    second = head[end : end + first_end(head[end:], delimiter)]
    if len(_record(decoded(second), delimiter)) == len(names) + 1:
        # Some tools number their rows and give the numbers no name.
        names = ["", *names]
    return Header(_unique(names), delimiter)


def text_blocks(
    content: Content, *, names: Sequence[str] | None = None, delimiter: str = ","
) -> Iterator[TextBlock]:
    """Read the records of a text.

    Parameters
    ----------
    content
        The file.
    names
        Names of the columns of a file without a header; None: its first line names them.
    delimiter
        Sign between values of a file without a header.

    Raises
    ------
    ImportFileError
        If the file is empty, binary, unreadable, or has no header of at least two columns.
    """
    notes: list[str] = []
    pieces = utf8_pieces(content, notes)
    piece = next(pieces, None)
    data = b"" if piece is None else piece.data
    rows = data.lstrip(b"\r\n")
    if piece is None or not rows.strip():
        raise ImportFileError(
            f"{shown(content.path)} is empty; expected a line of column names and rows below it"
        )
    line = 1 + data[: len(data) - len(rows)].count(b"\n")
    if names is None:
        header = header_of(rows, content)
        if header.delimiter != ",":
            sign = "tab" if header.delimiter == "\t" else header.delimiter
            notes.append(f"delimiter guessed: {sign}")
        end = first_end(rows, header.delimiter)
        line += rows[:end].count(b"\n")
        rows = rows[end:]
    else:
        header = Header(tuple(names), delimiter)
    every = chain([Piece(rows, piece.end_byte)], pieces)
    yield from _blocks(every, header, line, notes, content)


def _blocks(
    pieces: Iterable[Piece], header: Header, line: int, notes: list[str], content: Content
) -> Iterator[TextBlock]:
    import polars as pl

    nothing = pl.DataFrame(schema=dict.fromkeys(header.names, pl.String))
    no_lines = np.empty(0, np.int64)
    given = recoded = 0
    empty = True
    for chunk, last in with_last(text_chunks(pieces, delimiter=header.delimiter)):
        empty = False
        if isinstance(chunk, Chunk):
            block = _parsed(chunk, header, line, content)
            recoded += chunk.recoded
        else:
            lost = [(line, chunk.row)]
            block = TextBlock(nothing, no_lines, lost, line, line + 1, [], chunk.end_byte)
        line = block.next_line
        given += block.frame.height + len(block.broken)
        if last:
            notes += _counted(recoded, given)
        yield TextBlock(
            block.frame,
            block.line,
            block.broken,
            block.first_line,
            line,
            list(notes),
            block.end_byte,
            last,
        )
    if empty:
        end = content.size_bytes
        notes += _counted(0, 0)
        yield TextBlock(nothing, no_lines, [], line, line, notes, end, last=True)


def _counted(recoded: int, given: int) -> list[str]:
    notes = []
    if recoded:
        lines = "1 line that is" if recoded == 1 else f"{recoded:,} lines that are"
        notes.append(f"encoding guessed: windows-1252 for {lines} no UTF-8")
    if not given:
        notes.append("a file without rows: nothing stands below its header")
    return notes


def _record(text: str, delimiter: str) -> list[str]:
    limit = csv.field_size_limit(2 * RECORD_BYTES)
    try:
        return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
    except csv.Error:
        return []
    finally:
        csv.field_size_limit(limit)


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    taken = set(names)
    seen: dict[str, int] = {}
    unique = []
    for position, written in enumerate(names):
        name = written or f"unnamed {position + 1}"
        # Repeated names: the second keeps a number, so that no value is lost.
        number = seen.get(name, 0) + 1
        seen[name] = number
        while number > 1 and (numbered := f"{name} {number}") in taken:
            number += 1
        unique.append(name if number == 1 else numbered)
        taken.add(unique[-1])
        seen[name] = number
    return tuple(unique)


def _parsed(chunk: Chunk, header: Header, line: int, content: Content) -> TextBlock:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    broken: list[tuple[int, str]] = []

    def reject(row: arrow_csv.InvalidRow) -> str:
        broken.append((row.number - 1, row.text))
        return "skip"

    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(chunk.data),
            # One thread: only then does Arrow number the rows that it rejects. One block: a chunk
            # holds whole records, and Arrow need not look for their ends.
            read_options=arrow_csv.ReadOptions(
                column_names=header.names, use_threads=False, block_size=len(chunk.data) + 1
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=header.delimiter,
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=reject,
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(header.names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowException as error:
        reason = shown(str(error).splitlines()[0])
        raise ImportFileError(
            f"{shown(content.path)} can't be read as text of columns: {reason}"
        ) from None
    return _with_lines(table, broken, chunk, line)


def _with_lines(
    table: pa.Table, broken: list[tuple[int, str]], chunk: Chunk, line: int
) -> TextBlock:
    """Say on which line each record starts; drop blank ones, keep overlong ones by their hash."""
    import polars as pl

    frame = pl.DataFrame(table)
    n = frame.height + len(broken)
    record = np.array([number for number, _ in broken], np.int64)
    good = np.delete(np.arange(n), record) if broken else np.arange(n)
    breaks = np.zeros(n, np.int64)
    if chunk.quoted and chunk.data.count(b"\n") + (not chunk.data.endswith(b"\n")) != n:
        inside = [pl.col(name).str.count_matches("\n", literal=True) for name in frame.columns]
        counted = frame.select(pl.sum_horizontal(inside)).to_series()
        breaks[good] = counted.cast(pl.Int64).to_numpy()
        breaks[record] = [text.count("\n") for _, text in broken]
    ends = line + np.cumsum(breaks + 1)
    start = ends - (breaks + 1)
    rows = [(int(start[place]), lost_row(text.encode())) for place, text in broken if text.strip()]
    kept = np.ones(frame.height, np.bool_)
    # A row is blank if all of it is, so if its first value is.
    if (frame.to_series(0).str.len_bytes() == 0).any():
        filled = frame.select(pl.any_horizontal(pl.all().str.len_bytes() > 0)).to_series()
        kept &= filled.to_numpy()
    if len(chunk.data) > RECORD_BYTES:
        sizes = frame.select(pl.sum_horizontal(pl.all().str.len_bytes())).to_series().to_numpy()
        for place in np.flatnonzero(sizes > RECORD_BYTES).tolist():
            kept[place] = False
            text = json.dumps(frame.row(place), ensure_ascii=False)
            rows.append((int(start[good[place]]), lost_row(text.encode())))
        rows.sort()
    following = int(ends[-1]) if n else line
    lines = start[good]
    if not kept.all():
        frame, lines = frame.filter(pl.Series(kept)), lines[kept]
    return TextBlock(frame, lines, rows, line, following, [], chunk.end_byte)
