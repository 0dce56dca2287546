"""The files to import: as named, or those in a folder that are of use, in ascending order."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from catalyst.data.formats import benzinga, fnspid, lean, twitter, yahoo
from catalyst.data.formats.guesses import CSV, Seen, look_at
from catalyst.data.formats.lean_names import NAMES
from catalyst.data.messages import shown
from catalyst.errors import ImportFileError

_COLUMNS = (CSV, yahoo.FORMAT, benzinga.FORMAT, fnspid.FORMAT)


@dataclass(frozen=True, slots=True)
class Found:
    """Hold the files to import.

    Attributes
    ----------
    files : list of Path
        The files, those of a folder by path, ascending.
    notes : tuple of str
        What was left out in folders, and why, counted.
    """

    files: list[Path]
    notes: tuple[str, ...]


def files_in(paths: Sequence[Path], *, table: str, format_: str | None = None) -> Found:
    """List the files to import.

    A file that is named is taken; in a folder those are taken that a look at their beginning shows
    to be of use for the table, and of the format if one is named.

    Raises
    ------
    ImportFileError
        If a path is missing, or a folder holds no file of use.
    """
    files: list[Path] = []
    skipped: dict[str, list[Path]] = {}
    for path in paths:
        if not _is_folder(path):
            files.append(path)
            continue
        inside: list[Path] = []
        for file, why in _walk(path, set()):
            reason = why or _no_use(file, table, format_)
            if reason:
                skipped.setdefault(reason, []).append(file)
            else:
                inside.append(file)
        if not inside:
            raise ImportFileError(
                f"the folder {shown(path)} holds no {format_ or 'known'} file of {table}"
                + "".join(f"; {note}" for note in _said(skipped))
            )
        files += inside
    return Found(files, _said(skipped))


def _said(skipped: dict[str, list[Path]]) -> tuple[str, ...]:
    notes = []
    for reason, files in sorted(skipped.items()):
        others = f" and {len(files) - 1:,} more" if len(files) > 1 else ""
        notes.append(f"skipped: {reason}: {shown(files[0])}{others}")
    return tuple(notes)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _walk(folder: Path, seen: set[tuple[int, int]]) -> Iterator[tuple[Path, str]]:
    """Give the files in a folder, by path, and why one is no file at all."""
    try:
        status = folder.stat()
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise ImportFileError(f"{shown(folder)} can't be opened: {error.strerror}") from None
    identity = (status.st_dev, status.st_ino)
    if identity in seen:
        yield folder, "links that lead back to a folder"
        return
    for entry in entries:
        path = folder / entry.name
        try:
            mode = path.stat().st_mode
        except OSError:
            yield path, "links that lead nowhere"
            continue
        if entry.name.startswith("."):
            yield path, "hidden files"
        elif stat.S_ISDIR(mode):
            yield from _walk(path, seen | {identity})
        elif not stat.S_ISREG(mode):
            yield path, "pipes, devices and sockets"
        else:
            yield path, "" if path.stat().st_size else "empty files"


def _no_use(file: Path, table: str, format_: str | None) -> str:
    seen = look_at(file)
    if seen.why:
        return seen.why
    if format_ is not None:
        return "" if _may_be(seen, format_, table) else f"files that are no {format_}"
    if table not in seen.tables:
        kind = f"{seen.format} files" if seen.lean is None else NAMES[seen.lean.kind]
        return f"{kind}, which are for {' and '.join(seen.tables)}"
    return ""


def _may_be(seen: Seen, format_: str, table: str) -> bool:
    if format_ == lean.FORMAT:
        return seen.format == lean.FORMAT and table in seen.tables
    if format_ == CSV:
        return seen.format in _COLUMNS
    if format_ == twitter.FORMAT:
        return seen.format == twitter.FORMAT
    return seen.format == format_
