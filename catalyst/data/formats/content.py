"""The bytes of a file, be it plain, gzip or zip, read a piece at a time; nothing is unpacked."""

from __future__ import annotations

import gzip
import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from catalyst.data.messages import shown
from catalyst.errors import ImportFileError

#: Bytes read at a time.
PIECE_BYTES = 8 * 2**20
#: A packed file may expand to the larger of this size and this many times its own.
EXPANDED_BYTES = 256 * 2**20
EXPANDED_RATIO = 100

_HEAD_BYTES = 65_536
_GZIP = b"\x1f\x8b"
_ZIPS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
# The list of a zip's members is read whole, so its length is looked at first. A member has at
# least 46 bytes of it.
_ZIP_LIST_BYTES = 2**20
_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
# What the standard library raises on damaged archives: zipfile a RuntimeError for an encrypted
# member, a NotImplementedError for a method that it lacks.
_UNREADABLE = (EOFError, OSError, RuntimeError, NotImplementedError, zlib.error, struct.error)


@dataclass(frozen=True, slots=True)
class Piece:
    """Hold a piece of what a file holds.

    Attributes
    ----------
    data : bytes
        `PIECE_BYTES` of it, the last piece less.
    end_byte : int
        Bytes of the file, packed as it is, that had been read by then.
    """

    data: bytes
    end_byte: int


@dataclass(frozen=True, slots=True)
class Content:
    """Hold what is known of a file before it is read.

    Attributes
    ----------
    path : Path
        The file.
    packing : str
        ``plain``, ``gzip``, ``zip``, or ``several`` for a zip of several files or of none.
    name : str
        Name of what is inside: the file's without ``.gz``, or that of the zip's only member.
    size_bytes : int
        Size of the file, packed as it is.
    """

    path: Path
    packing: str
    name: str
    size_bytes: int

    def refuse_several(self) -> None:
        """Raise ImportFileError if this is a zip of several files, or of none."""
        if self.packing == "several":
            raise ImportFileError(
                f"{shown(self.path)} is a zip of several files or of none; expected one file in it;"
                " unpack it and import the folder"
            )

    def head(self, n_bytes: int = _HEAD_BYTES) -> bytes:
        """Read the first bytes of what is inside.

        Raises
        ------
        ImportFileError
            If the file can't be read or unpacked.
        """
        for piece in self.pieces(n_bytes):
            return piece.data
        return b""

    def pieces(self, piece_bytes: int = PIECE_BYTES) -> Iterator[Piece]:
        """Read what is inside, a piece at a time.

        Raises
        ------
        ImportFileError
            If the file can't be read, ends early, or expands beyond `EXPANDED_RATIO` and
            `EXPANDED_BYTES`.
        """
        self.refuse_several()
        most = max(EXPANDED_BYTES, EXPANDED_RATIO * self.size_bytes)
        done = 0
        with _file(self.path) as file:
            try:
                with self._inside(file) as inside:
                    while data := _full(inside, piece_bytes):
                        done += len(data)
                        if self.packing != "plain" and done > most:
                            raise ImportFileError(
                                f"{shown(self.path)} expands to more than {most // 2**20:,} MiB, "
                                f"more than {EXPANDED_RATIO} times its size, as a zip bomb does; "
                                "if it is sound, unpack it and import what comes out"
                            )
                        yield Piece(data, file.tell())
            except (*_UNREADABLE, zipfile.BadZipFile) as error:
                reason = shown(error) or type(error).__name__
                raise ImportFileError(
                    f"{shown(self.path)} can't be read to its end as {self.packing}: {reason}; "
                    "expected a whole file; get it anew"
                ) from None

    @contextmanager
    def _inside(self, file: BinaryIO) -> Iterator[io.BufferedIOBase | BinaryIO]:
        if self.packing == "gzip":
            with gzip.GzipFile(fileobj=file, mode="rb") as unpacked:
                yield unpacked
        elif self.packing == "zip":
            with zipfile.ZipFile(file) as archive, archive.open(self.name) as member:
                yield member  # type: ignore[misc]  # typeshed has it as IO[bytes]
        else:
            yield file


def content_of(path: Path) -> Content:
    """Look at a file: how it is packed and what it is called inside.

    Raises
    ------
    ImportFileError
        If it is missing, no regular file, unreadable, empty, or a zip that can't be read as one
        file.
    """
    size = _size_bytes(path)
    with _file(path) as file:
        magic = _first(file, path)
    if magic.startswith(_ZIPS):
        member = _only_member(path, size)
        return Content(path, "several" if member is None else "zip", member or "", size)
    if magic.startswith(_GZIP):
        name = path.name[:-3] if path.suffix.lower() == ".gz" else path.name
        return Content(path, "gzip", name, size)
    return Content(path, "plain", path.name, size)


def _size_bytes(path: Path) -> int:
    try:
        found = path.stat()
    except FileNotFoundError:
        raise ImportFileError(
            f"there is no file {shown(path)}; expected a file or a folder of files"
        ) from None
    except (OSError, ValueError) as error:
        raise ImportFileError(f"{shown(path)} can't be opened: {_reason(error)}") from None
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe, device or socket"
        raise ImportFileError(f"{shown(path)} is {kind}; expected a regular file")
    if not found.st_size:
        raise ImportFileError(f"{shown(path)} is empty; expected a file with rows")
    return found.st_size


@contextmanager
def _file(path: Path) -> Iterator[BinaryIO]:
    try:
        file = path.open("rb")
    except (OSError, ValueError) as error:
        raise ImportFileError(f"{shown(path)} can't be opened: {_reason(error)}") from None
    with file:
        yield file


def _first(file: BinaryIO, path: Path) -> bytes:
    try:
        return file.read(4)
    except OSError as error:
        raise ImportFileError(f"{shown(path)} can't be read: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    return shown(getattr(error, "strerror", None) or error)


def _full(file: io.BufferedIOBase | BinaryIO, n_bytes: int) -> bytes:
    # A packed stream gives what it has; pieces must not depend on how it was packed.
    found = file.read(n_bytes)
    if len(found) in (0, n_bytes):
        return found
    parts, have = [found], len(found)
    while have < n_bytes and (more := file.read(n_bytes - have)):
        parts.append(more)
        have += len(more)
    return b"".join(parts)


def _only_member(path: Path, size: int) -> str | None:
    with _file(path) as file:
        try:
            if _list_bytes(file, size) > _ZIP_LIST_BYTES:
                return None
            with zipfile.ZipFile(file) as archive:
                members = [one for one in archive.infolist() if not _is_clutter(one)]
        except (*_UNREADABLE, zipfile.BadZipFile, UnicodeError) as error:
            raise ImportFileError(
                f"{shown(path)} can't be read as a zip: {shown(error)}; expected a whole file; "
                "get it anew"
            ) from None
    if len(members) != 1:
        return None
    [member] = members
    if member.flag_bits & _ENCRYPTED:
        raise ImportFileError(f"{shown(path)} is an encrypted zip; expected one without a password")
    if member.compress_type not in _ZIP_METHODS:
        raise ImportFileError(
            f"{shown(path)} is a zip compressed by method {member.compress_type}; expected deflate"
        )
    if member.filename.lower().endswith((".zip", ".gz")):
        raise ImportFileError(
            f"{shown(path)} is a zip that holds {shown(member.filename)}; expected a file of rows, "
            "not packed a second time"
        )
    return member.filename


def _is_clutter(member: zipfile.ZipInfo) -> bool:
    return member.is_dir() or member.filename.startswith("__MACOSX/")


def _list_bytes(file: BinaryIO, size: int) -> int:
    """Read from a zip's end how long the list of its members is."""
    tail = min(size, 65_557 + 20)
    file.seek(size - tail)
    end = file.read(tail)
    place = end.rfind(b"PK\x05\x06")
    if place < 0 or place + 22 > len(end):
        raise zipfile.BadZipFile("it has no list of its files, so its end is missing")
    (length,) = struct.unpack_from("<L", end, place + 12)
    locator = end.rfind(b"PK\x06\x07", 0, place)
    if locator >= 0 and locator + 16 <= len(end):
        (offset,) = struct.unpack_from("<Q", end, locator + 8)
        file.seek(min(offset, size))
        record = file.read(56)
        if record.startswith(b"PK\x06\x06") and len(record) == 56:
            (length,) = struct.unpack_from("<Q", record, 40)
    file.seek(0)
    return int(length)
