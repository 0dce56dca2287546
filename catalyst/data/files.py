"""Files of rows: Parquet as it is, text with every value as text."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from catalyst.data.given import Given
from catalyst.errors import ImportFileError

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

FORMATS = ("csv", "parquet")

_SUFFIXES = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_DELIMITERS = (",", ";", "\t", "|")
_PARQUET_MAGIC = b"PAR1"
_BROKEN = "columns"
_SNIFFED_BYTES = 65_536


def guessed_format(path: Path) -> str:
    """Tell the format of a file by its first bytes, then by the end of its name.

    Raises
    ------
    ImportFileError
        If it is neither Parquet nor named as text.
    """
    with _opened(path) as file:
        head = file.read(len(_PARQUET_MAGIC))
    if head == _PARQUET_MAGIC:
        return "parquet"
    found = _SUFFIXES.get(path.suffix.lower())
    if found is None or found == "parquet":
        raise ImportFileError(
            f"{path} is no Parquet file and its name does not say what it is; "
            f"expected --format with one of {', '.join(FORMATS)}"
        )
    return found


def files_in(paths: Sequence[Path], *, format_: str | None = None) -> list[Path]:
    """List the files to import: files as named, folders by the files in them, names ascending.

    Raises
    ------
    ImportFileError
        If a path is missing, or a folder holds no file of a known kind.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(
                file
                for file in path.rglob("*")
                if file.is_file()
                and _SUFFIXES.get(file.suffix.lower()) in ({format_} if format_ else set(FORMATS))
            )
            if not inside:
                raise ImportFileError(
                    f"the folder {path} holds no {format_ or ' or '.join(FORMATS)} file"
                )
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise ImportFileError(f"there is no file {path}; expected a file or a folder of files")
    return found


def read_file(path: Path, *, format_: str | None = None) -> Given:
    """Read the rows of a file, untouched.

    Parameters
    ----------
    path
        The file.
    format_
        ``csv`` or ``parquet``; None: guessed, and the guess is in the notes.

    Raises
    ------
    ImportFileError
        If the file is empty, unreadable, or not of that format.
    """
    notes = []
    if format_ is None:
        format_ = guessed_format(path)
        notes.append(f"format guessed: {format_}")
    if format_ not in FORMATS:
        raise ImportFileError(f"'{format_}' is no format; expected one of {', '.join(FORMATS)}")
    return _read_parquet(path, notes) if format_ == "parquet" else _read_text(path, notes)


def _read_parquet(path: Path, notes: list[str]) -> Given:
    import polars as pl

    try:
        frame = pl.read_parquet(path, hive_partitioning=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ImportFileError(f"{path} can't be read as Parquet: {reason}") from None
    return Given(frame, str(path), notes=tuple(notes))


def _read_text(path: Path, notes: list[str]) -> Given:
    with _opened(path) as file:
        content = file.read()
    if not content.strip():
        raise ImportFileError(f"{path} is empty; expected a line of column names and rows below it")
    content, encoding = _utf8(content, path)
    if encoding != "utf-8":
        notes.append(f"encoding guessed: {encoding}")
    header, delimiter = _header(content, path)
    if delimiter != ",":
        notes.append(f"delimiter guessed: {'tab' if delimiter == chr(9) else delimiter}")
    skipped = len(content) - len(content.lstrip(b"\r\n"))
    table, broken = _parsed(content[skipped:], header, delimiter, path)
    frame, line, rows = _with_lines(table, broken)
    first = 1 + content[:skipped].count(b"\n")
    rejected = [(first + number, _BROKEN, text) for number, text in rows]
    return Given(frame, str(path), first + line, rejected, tuple(notes))


def _opened(path: Path) -> Any:  # noqa: ANN401 - an open binary file
    try:
        return path.open("rb")
    except OSError as error:
        raise ImportFileError(f"{path} can't be opened: {error.strerror}") from None


def _utf8(content: bytes, path: Path) -> tuple[bytes, str]:
    for mark, encoding in (
        (b"\xef\xbb\xbf", "utf-8"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if content.startswith(mark):
            try:
                text = content.decode("utf-8-sig" if encoding == "utf-8" else encoding)
            except UnicodeDecodeError:
                break
            return text.encode(), encoding
    if b"\x00" in content[:_SNIFFED_BYTES]:
        raise ImportFileError(f"{path} is binary; expected text, or Parquet with --format parquet")
    try:
        content.decode()
    except UnicodeDecodeError:
        # Old Windows exports; every byte is a character there, so nothing is lost.
        return content.decode("cp1252", errors="replace").encode(), "windows-1252"
    return content, "utf-8"


def _header(content: bytes, path: Path) -> tuple[list[str], str]:
    text = content[:_SNIFFED_BYTES].decode(errors="ignore").lstrip("\r\n")
    first = text.splitlines()[0]
    delimiter = max(_DELIMITERS, key=lambda one: len(next(csv.reader([first], delimiter=one))))
    records = csv.reader(io.StringIO(text), delimiter=delimiter)
    names = [name.strip() for name in next(records)]
    if len(names) < 2:
        raise ImportFileError(
            f"{path} has one column only in its first line; expected names separated by a comma, "
            "semicolon, tab or bar"
        )
    if len(next(records, [])) == len(names) + 1:
        # Some tools number their rows and give the numbers no name.
        names = ["", *names]
    seen: dict[str, int] = {}
    unique = []
    for position, written in enumerate(names):
        name = written or f"unnamed {position + 1}"
        # Repeated names: the second keeps a number, so that no value is lost.
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name} {seen[name]}")
    return unique, delimiter


def _parsed(
    content: bytes, header: list[str], delimiter: str, path: Path
) -> tuple[pa.Table, list[tuple[int, str]]]:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    broken: list[tuple[int, str]] = []

    def reject(row: arrow_csv.InvalidRow) -> str:
        broken.append((row.number, row.text))
        return "skip"

    try:
        table = arrow_csv.read_csv(
            io.BytesIO(content),
            # One thread: only then does Arrow number the rows that it rejects.
            read_options=arrow_csv.ReadOptions(
                column_names=header, skip_rows=1, use_threads=False, block_size=1 << 24
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=delimiter,
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=reject,
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0]
        raise ImportFileError(f"{path} can't be read as text of columns: {reason}") from None
    return table, broken


def _with_lines(
    table: pa.Table, broken: list[tuple[int, str]]
) -> tuple[pl.DataFrame, NDArray[np.int64], list[tuple[int, str]]]:
    """Say on which line, counted from the header's, each record starts; drop blank lines."""
    import polars as pl

    frame = pl.DataFrame(table)
    n = frame.height + len(broken)
    # Arrow numbers records from 1, which is the header.
    record = np.array([number - 2 for number, _ in broken], np.int64)
    good = np.delete(np.arange(n), record)
    breaks = np.zeros(n, np.int64)
    inside = [pl.col(name).str.count_matches("\n", literal=True) for name in frame.columns]
    breaks[good] = frame.select(pl.sum_horizontal(inside)).to_series().cast(pl.Int64).to_numpy()
    breaks[record] = [text.count("\n") for _, text in broken]
    start = 1 + np.cumsum(breaks + 1) - (breaks + 1)
    filled = frame.select(pl.any_horizontal(pl.all().str.len_bytes() > 0)).to_series()
    rows = [
        (int(start[place]), json.dumps(text, ensure_ascii=False))
        for place, (_, text) in zip(record.tolist(), broken, strict=True)
        if text.strip()
    ]
    return frame.filter(filled), start[good][filled.to_numpy()], rows
