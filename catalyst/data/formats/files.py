"""Opening a file in the format that the user names, or that it looks like."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from catalyst.data.formats import benzinga, fnspid, lean, parquet, twitter, yahoo
from catalyst.data.formats.chunks import RECORD_BYTES
from catalyst.data.formats.content import PIECE_BYTES, Content
from catalyst.data.formats.guesses import CSV, Seen, look_at
from catalyst.data.formats.opened import Opened
from catalyst.data.formats.tables import text_blocks
from catalyst.data.given import Given
from catalyst.data.messages import shown
from catalyst.errors import ImportFileError

FORMATS = (
    CSV,
    parquet.FORMAT,
    yahoo.FORMAT,
    lean.FORMAT,
    twitter.FORMAT,
    benzinga.FORMAT,
    fnspid.FORMAT,
)
#: Upper bound of the text of one block, about: what is read at a time, after a record cut short.
BLOCK_BYTES = PIECE_BYTES + RECORD_BYTES

_EXPECTED = {
    yahoo.FORMAT: "the columns Date,Open,High,Low,Close,Adj Close,Volume",
    lean.FORMAT: lean.EXPECTED.removeprefix("expected "),
    twitter.FORMAT: "a tweet as a JSON object in each line",
    benzinga.FORMAT: "the columns headline,url,publisher,date,stock or title,date,stock",
    fnspid.FORMAT: "the columns Date,Headline,URL or Date,Article_title,Stock_symbol and others",
}
_TABLES = {
    yahoo.FORMAT: ("bars",),
    twitter.FORMAT: ("news",),
    benzinga.FORMAT: ("news",),
    fnspid.FORMAT: ("news",),
}


def open_file(path: Path, *, table: str, format_: str | None = None) -> Opened:
    """Open a file; its rows are read when its blocks are asked for.

    Parameters
    ----------
    path
        The file: plain, gzip, or a zip of one file.
    table
        ``bars``, ``news``, ``actions`` or ``universe``.
    format_
        One of `FORMATS`; None: guessed by its first bytes, its header, then its name, and said in
        the notes.

    Raises
    ------
    ImportFileError
        If the file can't be read, is of no known format, or not of the one named.
    """
    if format_ is not None and format_ not in FORMATS:
        raise ImportFileError(
            f"'{shown(format_)}' is no format; expected one of {', '.join(FORMATS)}"
        )
    seen = look_at(path)
    seen.content.refuse_several()
    if format_ is None:
        return _guessed(seen, table)
    wanted = _TABLES.get(format_, (table,))
    if table not in wanted:
        raise ImportFileError(
            f"--format {format_} is for {' and '.join(wanted)}; expected 'catalyst data import "
            f"{wanted[0]}' with it"
        )
    return _open(seen, format_, table, ())


def _guessed(seen: Seen, table: str) -> Opened:
    format_ = seen.format
    path = shown(seen.content.path)
    if seen.error:
        raise ImportFileError(seen.error)
    if not format_:
        raise ImportFileError(
            f"{path} is no Parquet file and its name does not say what it is; "
            f"expected --format with one of {', '.join(FORMATS)}"
        )
    if table not in seen.tables and seen.header is not None:
        # Its columns may say enough for this table; if not, the missing ones are named.
        format_ = CSV
    return _open(seen, format_, table, (f"format guessed: {format_}",))


def _open(seen: Seen, format_: str, table: str, notes: Sequence[str]) -> Opened:
    content = seen.content
    if format_ == parquet.FORMAT:
        return parquet.open_parquet(content, table, notes)
    if seen.format == parquet.FORMAT:
        raise ImportFileError(f"{shown(content.path)} is Parquet; expected {format_} as you said")
    if format_ == CSV:
        return _open_csv(content, notes)
    header = seen.header
    if format_ == lean.FORMAT and seen.lean is not None:
        return lean.open_lean(content, seen.lean, table, notes)
    if format_ == twitter.FORMAT:
        return twitter.open_twitter(content, notes)
    if header is not None:
        if format_ == yahoo.FORMAT and yahoo.is_yahoo(header.names):
            return yahoo.open_yahoo(content, header.names, notes)
        if format_ == benzinga.FORMAT and benzinga.is_benzinga(header.names):
            return benzinga.open_benzinga(content, header, notes)
        if format_ == fnspid.FORMAT and fnspid.is_fnspid(header.names):
            return fnspid.open_fnspid(content, header, notes)
    raise ImportFileError(
        f"{shown(content.path)} is not in the form of {format_}; expected {_EXPECTED[format_]}"
    )


def _open_csv(content: Content, notes: Sequence[str]) -> Opened:
    file = str(content.path)

    def read() -> Iterator[Given]:
        for block in text_blocks(content):
            yield block.given(file)

    return Opened(file, CSV, content.size_bytes, tuple(notes), read)
