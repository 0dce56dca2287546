"""Text in chunks of whole records, as UTF-8, whatever its encoding and however long its lines."""

from __future__ import annotations

import codecs
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from catalyst.data.formats.content import PIECE_BYTES, Content, Piece
from catalyst.data.messages import shown
from catalyst.errors import ImportFileError

#: The longest record that is read; a longer one is kept by its beginning, length and SHA-256.
RECORD_BYTES = 8 * 2**20

_T = TypeVar("_T")
_KEPT_CHARS = 1_000
_QUOTE = 34
_LINE_ENDS = (10, 13)
_SNIFFED_BYTES = 65_536
_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_UTF_32 = (b"\xff\xfe\0\0", b"\0\0\xfe\xff")
# Windows-1252 leaves five bytes open. Browsers read them as control characters, so that no byte
# is lost: https://encoding.spec.whatwg.org/index-windows-1252.txt
_WINDOWS_1252 = "".join(
    bytes([byte]).decode("cp1252", errors="replace").replace("\ufffd", chr(byte))
    for byte in range(256)
)
_CONTROL = bytes(set(range(32)) - {9, 10, 12, 13, 27})


@dataclass(frozen=True, slots=True)
class Chunk:
    """Hold whole records of a text.

    Attributes
    ----------
    data : bytes
        UTF-8; every record ends in it.
    end_byte : int
        Bytes of the file read by then, for progress.
    recoded : int
        Lines of it that were no UTF-8 and were read as windows-1252.
    quoted : bool
        Whether a quoted value may hold a line end.
    """

    data: bytes
    end_byte: int
    recoded: int
    quoted: bool


@dataclass(frozen=True, slots=True)
class Lost:
    """Hold one line that is no record: too long, or its quoted value never ends.

    Attributes
    ----------
    row : str
        The line as JSON: a text, or its beginning, length and SHA-256 if it is longer than
        `RECORD_BYTES`.
    end_byte : int
        Bytes of the file read by then.
    """

    row: str
    end_byte: int


def utf8_pieces(
    content: Content, notes: list[str], piece_bytes: int = PIECE_BYTES
) -> Iterator[Piece]:
    """Read a text as UTF-8, but for single lines that are none; see `text_chunks`.

    Parameters
    ----------
    content
        The file.
    notes
        What is guessed is added here.

    Raises
    ------
    ImportFileError
        If the file is binary, or says by its mark that it is UTF-16 and is none.
    """
    encoding, skip = "utf-8", 0
    decoder: codecs.IncrementalDecoder | None = None
    old_mac = False
    for number, piece in enumerate(content.pieces(piece_bytes)):
        data = piece.data
        if number == 0:
            if data.startswith(_UTF_32):
                raise ImportFileError(
                    f"{shown(content.path)} is UTF-32 by its first bytes; expected UTF-8 or UTF-16;"
                    " save it so"
                )
            for mark, found in _MARKS:
                if data.startswith(mark):
                    encoding, skip = found, len(mark)
                    break
            data = data[skip:]
            if encoding == "utf-8":
                _refuse_binary(data[:_SNIFFED_BYTES], content)
            else:
                notes.append(f"encoding guessed: {encoding[:6]}")
                decoder = codecs.getincrementaldecoder(encoding)()
            old_mac = encoding == "utf-8" and _has_only_returns(data[:_SNIFFED_BYTES])
        if decoder is not None:
            data = _decoded(decoder, data, content).encode()
        elif old_mac:
            data = data.replace(b"\r", b"\n")
        yield Piece(data, piece.end_byte)
    if decoder is not None:
        _decoded(decoder, b"", content, final=True)


def text_chunks(pieces: Iterable[Piece], *, delimiter: str | None) -> Iterator[Chunk | Lost]:
    """Cut a text into chunks of whole records.

    A quote opens a value only where a value begins; inside it line ends are text. A quoted value
    that does not end within `RECORD_BYTES` costs one line: reading goes on with the next one. A
    line that is no UTF-8 is read as windows-1252.

    Parameters
    ----------
    pieces
        The text.
    delimiter
        Sign between values; None: nothing is quoted, and every line is a record.
    """
    code = None if delimiter is None else ord(delimiter)
    data, end_byte = b"", 0
    long: _LongLine | None = None
    for piece, final in with_last(pieces):
        end_byte = piece.end_byte
        data += piece.data
        while data or (final and long is not None):
            if long is not None:
                newline = data.find(b"\n")
                long.add(data if newline < 0 else data[:newline])
                data = b"" if newline < 0 else data[newline + 1 :]
                if newline >= 0 or final:
                    yield Lost(long.row(), end_byte)
                    long = None
                continue
            cut, quoted = _last_end(data, code, final=final)
            if cut:
                text, recoded = _as_utf8(data[:cut])
                yield Chunk(text, end_byte, recoded, quoted)
                data = data[cut:]
                continue
            if not final and len(data) <= RECORD_BYTES:
                break
            newline = data.find(b"\n")
            if newline < 0 and not final:
                long, data = _LongLine(data), b""
                continue
            line, _, data = data.partition(b"\n")
            yield Lost(lost_row(line), end_byte)


def with_last(items: Iterable[_T]) -> Iterator[tuple[_T, bool]]:
    """Give each item and whether it is the last one."""
    before: list[_T] = []
    for item in items:
        if before:
            yield before.pop(), False
        before.append(item)
    if before:
        yield before[0], True


def first_end(data: bytes, delimiter: str) -> int:
    """Give the place after the end of the first record; the length of `data` if it has none."""
    marks = _quotes(data, ord(delimiter))
    place = data.find(b"\n")
    while place >= 0:
        inside = int(np.searchsorted(marks, place))
        if inside % 2 == 0:
            return place + 1
        if inside == len(marks):
            break
        place = data.find(b"\n", int(marks[inside]))
    return len(data)


def decoded(data: bytes) -> str:
    """Decode text that is UTF-8, or else windows-1252."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return str(codecs.charmap_decode(data, "strict", _WINDOWS_1252)[0])


def lost_row(data: bytes) -> str:
    """Write a record as the JSON that quarantine keeps: whole, or its beginning if too long."""
    if len(data) > RECORD_BYTES:
        return _LongLine(data).row()
    return json.dumps(decoded(data).rstrip("\r\n"), ensure_ascii=False)


class _LongLine:
    __slots__ = ("_bytes", "_first", "_sha256")

    def __init__(self, data: bytes) -> None:
        self._first = data[:_KEPT_CHARS]
        self._bytes = 0
        self._sha256 = hashlib.sha256()
        self.add(data)

    def add(self, data: bytes) -> None:
        self._bytes += len(data)
        self._sha256.update(data)

    def row(self) -> str:
        begins = decoded(self._first)
        found = {"begins": begins, "bytes": self._bytes, "sha256": self._sha256.hexdigest()}
        return json.dumps(found, ensure_ascii=False)


def _refuse_binary(head: bytes, content: Content) -> None:
    first = head.partition(b"\n")[0]
    strange = len(head) - len(head.translate(None, _CONTROL))
    if b"\x00" in first or strange * 50 > len(head):
        raise ImportFileError(
            f"{shown(content.path)} is binary; expected text, or Parquet with --format parquet"
        )


def _has_only_returns(head: bytes) -> bool:
    return b"\r" in head and b"\n" not in head


def _decoded(
    decoder: codecs.IncrementalDecoder, data: bytes, content: Content, *, final: bool = False
) -> str:
    try:
        return decoder.decode(data, final)
    except UnicodeDecodeError as error:
        raise ImportFileError(
            f"{shown(content.path)} begins as UTF-16 and is none: {error.reason}; "
            "expected text in one encoding; save it as UTF-8"
        ) from None


def _as_utf8(data: bytes) -> tuple[bytes, int]:
    try:
        data.decode()
    except UnicodeDecodeError:
        pass
    else:
        return data, 0
    # Line by line, so that it does not depend on where a chunk was cut.
    recoded = 0
    lines = data.split(b"\n")
    for place, line in enumerate(lines):
        if line.isascii():
            continue
        try:
            line.decode()
        except UnicodeDecodeError:
            lines[place] = decoded(line).encode()
            recoded += 1
    return b"\n".join(lines), recoded


def _last_end(data: bytes, delimiter: int | None, *, final: bool) -> tuple[int, bool]:
    """Give the place after the last record that ends in `data`, and whether there are quotes."""
    if delimiter is None or b'"' not in data:
        return (len(data) if final else data.rfind(b"\n") + 1), False
    marks = _quotes(data, delimiter)
    lengths = marks[1::2] - marks[0::2][: len(marks) // 2]
    if len(lengths) and lengths.max() > RECORD_BYTES:
        # So long a value is a quote too many: as one that never ends.
        marks = marks[: 2 * int(np.argmax(lengths > RECORD_BYTES)) + 1]
    if final and len(marks) % 2 == 0:
        return len(data), True
    place = data.rfind(b"\n")
    while place >= 0:
        inside = int(np.searchsorted(marks, place))
        if inside % 2 == 0:
            return place + 1, True
        place = data.rfind(b"\n", 0, int(marks[inside - 1]))
    return 0, True


def _quotes(data: bytes, delimiter: int) -> NDArray[np.int64]:
    """Give the places of the quotes that open and close values, in turn."""
    signs = np.frombuffer(data, np.uint8)
    marks = np.flatnonzero(signs == _QUOTE)
    opening = marks[0::2]
    before = signs[np.maximum(opening - 1, 0)]
    fits = (opening == 0) | np.isin(before, (delimiter, *_LINE_ENDS))
    # Two quotes within a value close it and open it again.
    fits[1:] |= opening[1:] - 1 == marks[1::2][: len(opening) - 1]
    if fits.all():
        return marks
    return _quotes_slowly(data, delimiter)


def _quotes_slowly(data: bytes, delimiter: int) -> NDArray[np.int64]:
    # Some quote stands within a value, as in 5" or Joe "X" Doe: look at each in turn.
    starts = (delimiter, *_LINE_ENDS)
    found: list[int] = []
    place = 0
    while (opening := data.find(b'"', place)) >= 0:
        place = opening + 1
        if opening and data[opening - 1] not in starts:
            continue
        closing = data.find(b'"', place)
        while closing >= 0 and data[closing + 1 : closing + 2] == b'"':
            closing = data.find(b'"', closing + 2)
        found.append(opening)
        if closing < 0:
            break
        found.append(closing)
        place = closing + 1
    return np.array(found, np.int64)
