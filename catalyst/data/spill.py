"""Rows put aside until all are known, to be taken up again by a whole-number key.

An import visits each session once, however its files are sorted. Rows wait here for that: in
memory while they are few, then as uncompressed Arrow files, each sorted by the key, so that the
rows of some keys are slices of it.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

#: Rows beyond this many bytes go to disk.
BUDGET_BYTES = 192 * 2**20
# Smaller additions are put together first: each run costs a slice at every visit.
_RUN_BYTES = 4 * 2**20
_RUNS_AT_ONCE = 16


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    table: pa.Table
    keys: NDArray[np.int64]
    starts: NDArray[np.int64]
    mapped: mmap.mmap | None

    def holds(self, first: int, last: int) -> bool:
        start, stop = np.searchsorted(self.keys, [first, last + 1])
        return bool(start < stop)

    def within(self, first: int, last: int) -> pa.Table:
        start, stop = np.searchsorted(self.keys, [first, last + 1])
        return self.table.slice(
            int(self.starts[start]), int(self.starts[stop] - self.starts[start])
        )


def batches(
    sizes: Mapping[int, int],
    rows: int,
    *,
    weights: Mapping[int, int] | None = None,
    weight: int = 0,
) -> list[tuple[int, int]]:
    """Split keys into ranges, first and last key, of bounded size or of one key.

    Parameters
    ----------
    sizes
        Rows of each key.
    rows
        Most rows of a range.
    weights, weight
        Bytes of each key, and the most of a range; not asked if left out.
    """
    found: list[tuple[int, int]] = []
    held, held_weight = rows, weight
    for key in sorted(sizes):
        size, heavy = sizes[key], 0 if weights is None else weights.get(key, 0)
        if held + size > rows or held_weight + heavy > weight:
            found.append((key, key))
            held, held_weight = size, heavy
        else:
            found[-1] = (found[-1][0], key)
            held, held_weight = held + size, held_weight + heavy
    return found


class Spill:
    """Keep frames of one schema, to be read back by ranges of a key.

    Parameters
    ----------
    folder
        Where files go that memory does not hold; they are the caller's to remove.
    name
        First letters of their names.
    budget_bytes
        How much stays in memory.
    """

    def __init__(self, folder: Path, name: str, *, budget_bytes: int = BUDGET_BYTES) -> None:
        self._folder = folder
        self._name = name
        self._budget = budget_bytes
        self._held = 0
        self._runs: list[_Run] = []
        self._waiting: list[tuple[pl.DataFrame, NDArray[np.int64]]] = []
        self._waiting_bytes = 0
        self._sizes: dict[int, int] = {}
        self._weights: dict[int, int] = {}

    def __len__(self) -> int:
        """Give the number of rows."""
        return sum(self._sizes.values())

    def add(self, frame: pl.DataFrame, key: NDArray[np.int64]) -> None:
        """Add rows, each with its key, in any order."""
        if not frame.height:
            return
        present, counts = np.unique(key, return_counts=True)
        size = int(frame.estimated_size())
        for one, count in zip(present.tolist(), counts.tolist(), strict=True):
            self._sizes[one] = self._sizes.get(one, 0) + count
            # A mean would do for rows of one width; a long text weighs on its block's keys alike.
            self._weights[one] = self._weights.get(one, 0) + size * count // frame.height
        self._waiting.append((frame, key))
        self._waiting_bytes += size
        if self._waiting_bytes >= _RUN_BYTES:
            self._close_run()

    def sizes(self) -> dict[int, int]:
        """Give the number of rows of each key, keys ascending."""
        return dict(sorted(self._sizes.items()))

    def weights(self) -> dict[int, int]:
        """Give about the bytes of each key, keys ascending."""
        return dict(sorted(self._weights.items()))

    def read(self, first: int, last: int) -> pl.DataFrame:
        """Read the rows with keys from `first` to `last`, both included and present."""
        import polars as pl
        import pyarrow as pa

        self._close_run()
        copied = []
        held = [run for run in self._runs if run.holds(first, last)]
        for place in range(0, len(held), _RUNS_AT_ONCE):
            some = held[place : place + _RUNS_AT_ONCE]
            slices = [run.within(first, last) for run in some]
            copied.append(pa.concat_tables(slices).combine_chunks())
            # The kernel maps more than is read, and all of it would count as our memory.
            for run in some:
                if run.mapped is not None:
                    run.mapped.madvise(mmap.MADV_DONTNEED)
        return pl.DataFrame(pa.concat_tables(copied).combine_chunks())

    def _close_run(self) -> None:
        import polars as pl

        if not self._waiting:
            return
        frame = pl.concat([one for one, _ in self._waiting])
        key = np.concatenate([one for _, one in self._waiting])
        self._waiting, self._waiting_bytes = [], 0
        if (np.diff(key) < 0).any():
            order = np.argsort(key, kind="stable")
            frame, key = frame[order], key[order]
        starts = np.flatnonzero(np.diff(key, prepend=key[0] - 1))
        table = frame.to_arrow()
        mapped = None
        self._held += table.nbytes
        if self._held > self._budget:
            self._held -= table.nbytes
            table, mapped = _written(table, self._folder / f"{self._name}-{len(self._runs)}.arrow")
        self._runs.append(_Run(table, key[starts], np.append(starts, len(key)), mapped))


def _written(table: pa.Table, path: Path) -> tuple[pa.Table, mmap.mmap]:
    import pyarrow as pa

    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return pa.ipc.open_file(pa.py_buffer(mapped)).read_all(), mapped
