"""A lake watched while it is read: whoever reads for minutes must know that nothing was written."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from catalyst.errors import LakeError


@contextmanager
def unchanged(root: Path, folders: Sequence[str]) -> Iterator[None]:
    """Read from a lake, and make sure that it stayed as it was.

    Parameters
    ----------
    root
        The lake's folder.
    folders
        Names of its tables.

    Raises
    ------
    LakeError
        At the end, if a Parquet file of these tables was added, replaced or removed meanwhile. By
        size and time of change; `Lake.digest` hashes contents and takes seconds for a large lake.
    """
    before = _state(root, folders)
    yield
    if _state(root, folders) != before:
        raise LakeError(
            f"the lake {root} was written to while it was read, so the result would mix two "
            "states of it; wait for the import to finish, then repeat the command"
        )


def _state(root: Path, folders: Sequence[str]) -> list[tuple[str, int, int]]:
    return sorted(entry for folder in folders for entry in _files(str(root / folder)))


def _files(folder: str) -> Iterator[tuple[str, int, int]]:
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.is_dir():
            yield from _files(entry.path)
        elif entry.name.endswith(".parquet"):
            about = entry.stat()
            yield entry.path, about.st_size, about.st_mtime_ns
