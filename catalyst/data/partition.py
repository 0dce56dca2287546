"""Files of the lake on disk: changed by one writer at a time, wholly or not at all.

A `Transaction` writes new files to the lake's ``.tmp`` folder. To commit, it writes a manifest
there that says where each belongs, renames them into their places and removes the manifest. Whoever
opens a lake that has a manifest finishes what it says; without one, what lies in ``.tmp`` is
nothing, and the next writer removes it. So a writer that is killed leaves the lake as it was, or as
it was to be.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any

from catalyst.data.lake_files import DATE, dated_folders, parts
from catalyst.errors import LakeError

if TYPE_CHECKING:
    import pyarrow as pa

PART = "part.parquet"

_LOCK = ".lock"
_TEMPORARY = ".tmp"
_MANIFEST = f"{_TEMPORARY}/manifest.json"
_SCRATCH = f"{_TEMPORARY}/scratch"
_COMPRESSION_LEVEL = 3
_FEW = 16
# A commit renames files, some thousand a second; ten seconds are long for one.
_WAITS, _WAIT_S = 200, 0.05
_FEW_WAITS = 3


class Transaction:
    """Collect changes to the files of a lake; nothing of them shows before `commit`.

    Parameters
    ----------
    root
        The lake's folder; the caller holds its lock, as `only_writer` does.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._prepared: dict[str, dict[str, Path]] = {}
        self._removed: set[str] = set()

    @property
    def scratch(self) -> Path:
        """Folder for files that are of use only until the commit."""
        folder = self.root / _SCRATCH
        folder.mkdir(exist_ok=True)
        return folder

    def new_file(self, relative: str) -> Path:
        """Say where to write the file that `relative`, a path in the lake with ``/``, shall be."""
        path = self.root / _TEMPORARY / relative.replace("/", "+")
        self._removed.discard(relative)
        folder, _, name = relative.rpartition("/")
        self._prepared.setdefault(folder, {})[name] = path
        return path

    def write_table(
        self, relative: str, *, table: pa.Table, metadata: Mapping[str, str] | None = None
    ) -> None:
        """Write one Parquet file anew; equal tables give equal bytes.

        Parameters
        ----------
        relative
            The path in the lake, with ``/``, that the file shall have.
        table
            Its rows, in the order to be stored; one row group.
        metadata
            Key-value metadata of the file.
        """
        import pyarrow.parquet as pq

        stored = table.replace_schema_metadata(dict(metadata) if metadata else None)
        pq.write_table(
            stored,
            self.new_file(relative),
            compression="zstd",
            compression_level=_COMPRESSION_LEVEL,
            # Numbers hardly repeat: without dictionaries of them a day of real minutes takes a
            # fifth less and is written as much faster.
            use_dictionary=_dictionaries(stored.schema),
            # One row group, so that a dictionary column comes back as one chunk with one
            # dictionary.
            row_group_size=max(1, stored.num_rows),
        )

    def remove(self, relative: str) -> None:
        """Remove one file of the lake if it is there, and its folder once that is empty."""
        self.forget(relative)
        if (self.root / relative).exists():
            self._removed.add(relative)

    def forget(self, relative: str) -> None:
        """Leave one file of the lake as it is, whatever was to become of it."""
        self._removed.discard(relative)
        folder, _, name = relative.rpartition("/")
        prepared = self._prepared.get(folder, {}).pop(name, None)
        if prepared is not None:
            prepared.unlink(missing_ok=True)

    def path(self, relative: str) -> Path | None:
        """Say where to read a file of the lake as it will be; None: it is not or no longer."""
        folder, _, name = relative.rpartition("/")
        prepared = self._prepared.get(folder, {}).get(name)
        if prepared is not None:
            return prepared
        path = self.root / relative
        return path if relative not in self._removed and path.exists() else None

    def parts(self, folder: str) -> dict[str, Path]:
        """List the Parquet files of a folder as it will be: their names, and where to read them."""
        names = {Path(path).name for path in parts(self.root / folder)}
        names |= set(self._prepared.get(folder, ()))
        found = {name: self.path(f"{folder}/{name}") for name in sorted(names)}
        return {name: path for name, path in found.items() if path is not None}

    def dates(self, folder: str) -> list[dt.date]:
        """List the dates of which a folder will have ``date=YYYY-MM-DD`` partitions, ascending."""
        stored = {date for date, _ in dated_folders(self.root / folder)}
        for inside in self._prepared:
            parent, _, name = inside.rpartition("/")
            dated = DATE.fullmatch(name)
            if dated and parent == folder:
                stored.add(dt.date.fromisoformat(dated.group(1)))
        return sorted(date for date in stored if self.parts(f"{folder}/date={date}"))

    def commit(self) -> None:
        """Put all files in their places; from the manifest on, whoever comes next would finish."""
        shutil.rmtree(self.root / _SCRATCH, ignore_errors=True)
        files = {
            path.name: f"{folder}/{name}"
            for folder, prepared in sorted(self._prepared.items())
            for name, path in sorted(prepared.items())
        }
        if not files and not self._removed:
            return
        _synchronise_all([self.root / _TEMPORARY / name for name in files])
        manifest = {"files": files, "removed": sorted(self._removed)}
        path = self.root / _MANIFEST
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        _synchronise(draft)
        os.replace(draft, path)  # noqa: PTH105 - one name for every rename, which a test counts
        _synchronise(path.parent)
        _synchronise(self.root)
        self._prepared.clear()
        self._removed.clear()
        _finish(self.root)


@contextmanager
def only_writer(root: Path, *, wait_s: float = 0.0) -> Iterator[Transaction]:
    """Hold the lake's write lock, and commit when the block ends without an error.

    What an interrupted writer left is finished, then cleared, first.

    Parameters
    ----------
    root
        The lake's folder; made if it is missing.
    wait_s
        How many seconds to wait for another writer to end.

    Raises
    ------
    LakeError
        If another process is writing to this lake, or it can't be written.
    """
    try:
        os.fspath(root).encode()
        new = not root.exists()
        root.mkdir(parents=True, exist_ok=True)
        lock = (root / _LOCK).open("a+", encoding="ascii")
    except UnicodeEncodeError:
        # Arrow can't open it.
        raise LakeError(
            f"the lake's path {root} is not UTF-8; expected a path that is; give another"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise LakeError(f"the lake {root} can't be written: {reason}") from None
    with lock:
        # A reader that clears what an interrupted writer left has the lock for an instant.
        for left in range(max(round(wait_s / _WAIT_S), _FEW_WAITS), -1, -1):
            if _locked(lock):
                break
            if not left:
                raise LakeError(
                    f"the lake {root} is being written by process {_writer(lock)}; "
                    "one writer at a time: wait until it has finished, then repeat the command"
                )
            time.sleep(_WAIT_S)
        lock.seek(0)
        lock.truncate()
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        _finish(root)
        (root / _TEMPORARY).mkdir()
        try:
            transaction = Transaction(root)
            yield transaction
            _committed(transaction)
        except OSError as error:
            reason = error.strerror or str(error).splitlines()[0]
            raise LakeError(
                f"the lake {root} can't be written: {reason}; nothing was imported by halves: "
                "make room or give the rights it needs, then repeat the command"
            ) from None
        finally:
            _finish(root)
            lock.truncate(0)
            if new and len(list(root.iterdir())) == 1:
                # What failed leaves no lake where there was none.
                shutil.rmtree(root)


def finish_interrupted(root: Path) -> None:
    """Finish the commit of a writer that was interrupted, and clear what it left.

    Where no writer was interrupted, nothing is written; what was left before a commit harms nobody,
    so it may stay where the folder can't be written.

    Raises
    ------
    LakeError
        If a writer is still committing after some seconds, or a commit can't be finished.
    """
    for _ in range(_WAITS):
        is_commit = (root / _MANIFEST).exists()
        if not is_commit and not (root / _TEMPORARY).exists():
            return
        try:
            with (root / _LOCK).open("a+", encoding="ascii") as lock:
                if _locked(lock):
                    _finish(root)
                    lock.truncate(0)
                    return
                writer = _writer(lock)
        except OSError as error:
            if not is_commit:
                return
            raise LakeError(
                f"an import into the lake {root} was interrupted while it was put in place, and it "
                f"can't be finished: {error.strerror}; make the folder writable and repeat"
            ) from None
        if not is_commit:
            return
        time.sleep(_WAIT_S)
    raise LakeError(
        f"process {writer} is putting an import into the lake {root}; repeat the command when it "
        "has finished"
    )


def _committed(transaction: Transaction) -> None:
    try:
        transaction.commit()
    except KeyboardInterrupt:
        # Half a commit is none: once the manifest stands, the import is done, and says so.
        if not (transaction.root / _MANIFEST).exists():
            raise
        _finish(transaction.root)


def _finish(root: Path) -> None:
    """Do what a manifest says, as often as it takes, and clear the temporary folder."""
    manifest = root / _MANIFEST
    if manifest.exists():
        told = _told(root)
        folders: dict[Path, None] = {}
        for name, relative in told["files"].items():
            temporary, target = root / _TEMPORARY / name, root / relative
            new = [folder for folder in target.parents if not folder.exists()]
            target.parent.mkdir(parents=True, exist_ok=True)
            # A new folder is an entry of its parent, and must survive a power cut as the file does.
            folders.update(dict.fromkeys((target.parent, *(folder.parent for folder in new))))
            if temporary.exists():
                os.replace(temporary, target)  # noqa: PTH105 - as above
            elif not target.exists():
                raise LakeError(
                    f"the lake {root} lost the file {relative} of an interrupted import; restore "
                    f"it, or remove {manifest} and import again"
                )
        for relative in told["removed"]:
            path = root / relative
            path.unlink(missing_ok=True)
            if path.parent.is_dir() and path.parent != root and not any(path.parent.iterdir()):
                path.parent.rmdir()
            folders[path.parent if path.parent.is_dir() else path.parent.parent] = None
        _synchronise_all([folder for folder in folders if folder.is_dir()])
        manifest.unlink()
    shutil.rmtree(root / _TEMPORARY, ignore_errors=True)


def _told(root: Path) -> dict[str, Any]:
    manifest = root / _MANIFEST
    try:
        told: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))
        paths = [PurePosixPath(path) for path in (*told["files"].values(), *told["removed"])]
        sound = all("/" not in name for name in told["files"])
    except (ValueError, TypeError, KeyError, AttributeError):
        paths, sound = [], False
    # A lake may come from anyone; what it says touches no file outside of it.
    if not sound or any(path.is_absolute() or ".." in path.parts for path in paths):
        raise LakeError(
            f"{manifest} is not what catalyst writes there; remove it and import again what was "
            "imported last"
        )
    return told


def _dictionaries(schema: pa.Schema) -> list[str] | bool:
    import pyarrow as pa

    texts = {pa.string(), pa.large_string(), pa.string_view()}
    nested = any(pa.types.is_nested(field.type) for field in schema)
    return nested or [field.name for field in schema if field.type in texts]


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _writer(lock: IO[str]) -> str:
    lock.seek(0)
    return lock.read().strip() or "unknown"


def _synchronise_all(paths: Sequence[Path]) -> None:
    if len(paths) > _FEW:
        # One flush of everything costs less than one of each file: 1 s instead of 50 s for 4,465
        # daily files on a busy disk.
        os.sync()
        return
    for path in paths:
        _synchronise(path)


def _synchronise(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
