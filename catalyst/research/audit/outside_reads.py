"""Files that a plug reads beside the lake it was given: no audit can remake those."""

from __future__ import annotations

import os
import sys
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from catalyst.research.audit.user_code import is_users_file

_EVENTS = ("open", "os.listdir", "os.scandir", "sqlite3.connect")
#: Native readers open files without telling Python; their entry points name the file.
_READERS = ("polars", "pyarrow", "pandas", "numpy", "duckdb", "catalyst.data.lake")
_FILES = ("source", "sources", "path", "root", "filepath_or_buffer", "file", "io", "where")
_DATA = (
    *(".parquet", ".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".npy", ".npz", ".arrow"),
    *(".feather", ".pkl", ".pickle", ".db", ".sqlite", ".txt", ".gz", ".zst", ".zip", ".xlsx"),
)


class _Watch(threading.local):
    allowed: Path | None = None
    found: dict[str, None] | None = None


_WATCH = _Watch()
_HOOKED: list[bool] = []


@contextmanager
def outside_of(folder: Path) -> Iterator[dict[str, None]]:
    """Watch which data the user's code reads outside a folder while it runs in this thread.

    Yields
    ------
    dict
        Its keys are the paths, in the order of reading: files that look like data by their names,
        and folders of lakes. What DuckDB is told in SQL can't be seen.
    """
    if not _HOOKED:
        # An audit hook can't be taken away again; it looks at a flag of its thread.
        sys.addaudithook(_on_event)
        _HOOKED.append(True)
    before = (_WATCH.allowed, _WATCH.found, sys.getprofile())
    found: dict[str, None] = {}
    _WATCH.allowed, _WATCH.found = folder.resolve(), found
    sys.setprofile(_on_call)
    try:
        yield found
    finally:
        sys.setprofile(before[2])
        _WATCH.allowed, _WATCH.found = before[:2]


def outside_text(name: str, path: str) -> str:
    """Say in a sentence that a plug read beside its lake."""
    return (
        f"the {name} reads {path}, which is not of the lake it was given, so that the audit can't "
        "remake it; put it into the lake, or into the code if it is a constant table"
    )


def _on_call(frame: types.FrameType, event: str, _argument: object) -> None:
    caller = frame.f_back
    if _WATCH.found is None or event != "call" or caller is None:
        return
    module = str(frame.f_globals.get("__name__"))
    if not module.startswith(_READERS) or not _is_users(caller):
        return
    for name in _FILES:
        value = frame.f_locals.get(name)
        for one in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(one, (str, os.PathLike)):
                _note(one)


def _on_event(event: str, arguments: tuple[object, ...]) -> None:
    if _WATCH.found is None or event not in _EVENTS or not arguments:
        return
    path = arguments[0]
    if not isinstance(path, (str, bytes, os.PathLike)):
        return
    # Whose call it was: the lake's own reading is no concern, nor are imports.
    frame: types.FrameType | None = sys._getframe(1)  # noqa: SLF001 - there is no other way
    while frame is not None:
        module = str(frame.f_globals.get("__name__"))
        if module.startswith(("catalyst.", "importlib", "_frozen_importlib", "linecache")):
            return
        if _is_users(frame):
            _note(os.fsdecode(path))
            return
        frame = frame.f_back


def _is_users(frame: types.FrameType) -> bool:
    return is_users_file(frame.f_code.co_filename, str(frame.f_globals.get("__name__")))


def _note(path: str | os.PathLike[str]) -> None:
    found, allowed = _WATCH.found, _WATCH.allowed
    if found is None or allowed is None:
        return
    _WATCH.found = None  # looking at the path must not be heard
    try:
        place = Path(str(path).partition("*")[0]).absolute()
        if not place.exists() or place.resolve().is_relative_to(allowed):
            return
        if place.is_dir() or place.name.lower().endswith(_DATA):
            found[str(path)] = None
    except (OSError, ValueError):
        return
    finally:
        _WATCH.found = found
