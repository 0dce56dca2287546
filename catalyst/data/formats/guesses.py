"""Which format a file has, by what it holds first, then by its name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from catalyst.data.formats import benzinga, fnspid, lean, parquet, twitter, yahoo
from catalyst.data.formats.chunks import decoded, utf8_pieces
from catalyst.data.formats.content import Content, content_of
from catalyst.data.formats.lean_names import TABLES, LeanFile, lean_file
from catalyst.data.formats.tables import Header, header_of
from catalyst.errors import ImportFileError

CSV = "csv"
_BINARY = "binary files"
_SEVERAL = "zips of several files"
_TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
_HEAD_BYTES = 65_536
_EVERY = ("bars", "news", "actions", "universe")


@dataclass(frozen=True, slots=True)
class Seen:
    """Hold what a look at a file's beginning tells.

    Attributes
    ----------
    content : Content
        The file.
    format : str
        The format, empty if none is known.
    tables : tuple of str
        Tables that it may go into; empty for one that is of no use to any.
    lean : LeanFile or None
        What it is to LEAN.
    header : Header or None
        Its columns, if it is text that has some.
    why : str
        What a file of no use is, for a note; empty else.
    error : str
        The sentence to say if such a file is to be read all the same.
    """

    content: Content
    format: str
    tables: tuple[str, ...]
    lean: LeanFile | None = None
    header: Header | None = None
    why: str = ""
    error: str = ""


def look_at(path: Path) -> Seen:
    """Look at the beginning of a file.

    Raises
    ------
    ImportFileError
        If it can't be read.
    """
    content = content_of(path)
    if content.packing == "several":
        return Seen(content, "", (), why=_SEVERAL)
    head = content.head(_HEAD_BYTES)
    if head.startswith(parquet.MAGIC):
        return Seen(content, parquet.FORMAT, _EVERY)
    try:
        text = next((piece.data for piece in utf8_pieces(content, [], _HEAD_BYTES)), b"")
    except ImportFileError as error:
        return Seen(content, "", (), why=_BINARY, error=str(error))
    rows = text.lstrip(b"\r\n")
    first = decoded(rows.partition(b"\n")[0]).rstrip("\r")
    as_lean = lean_file(content, first)
    if as_lean is not None:
        kind = as_lean.kind
        if kind not in TABLES:
            return Seen(content, lean.FORMAT, (), as_lean, why=f"LEAN {kind}")
        return Seen(content, lean.FORMAT, (TABLES[kind],), as_lean)
    if twitter.is_twitter(decoded(rows)):
        return Seen(content, twitter.FORMAT, ("news",))
    return _as_columns(content, rows)


def _as_columns(content: Content, rows: bytes) -> Seen:
    suffixes = [suffix.lower() for suffix in Path(content.name).suffixes]
    named = bool(suffixes) and suffixes[-1] in _TEXT_SUFFIXES
    try:
        header = header_of(rows, content)
    except ImportFileError:
        header = None
    if header is not None:
        for found, known, tables in (
            (yahoo.FORMAT, yahoo.is_yahoo, ("bars",)),
            (benzinga.FORMAT, benzinga.is_benzinga, ("news",)),
            (fnspid.FORMAT, fnspid.is_fnspid, ("news",)),
        ):
            if known(header.names):
                return Seen(content, found, tables, header=header)
    if named and header is None:
        return Seen(content, CSV, (), why="text without columns")
    if named:
        return Seen(content, CSV, _EVERY, header=header)
    return Seen(content, "", (), header=header, why="files of no known kind")
