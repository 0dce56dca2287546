"""Sweeps: many variants over one span, run wherever there is room, and told of whole.

What a sweep writes is a function of its grid, the lake and the code: not of how many workers ran
it, of what was killed meanwhile, or of when it was resumed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from catalyst.data.calendar import day_to_date
from catalyst.data.lake import Lake
from catalyst.data.search_ledger import DEFAULT, Counting, ledger_of
from catalyst.data.version import code_version
from catalyst.errors import ComponentError, InputError, LakeError
from catalyst.research.compiled_trials import group_key
from catalyst.research.outcome import Outcome
from catalyst.research.sweep_grid import Grid
from catalyst.research.sweep_parts import Came, Parts
from catalyst.research.sweep_points import Point, count_points, searched
from catalyst.research.sweep_tables import objective_of
from catalyst.research.tasks import cores, run_tasks
from catalyst.research.trial_records import record, trial_of
from catalyst.research.trials import run_trials
from catalyst.strategy.params import Params

_CHUNK = 32
#: Trials that are traded by a compiled loop after one pass: so few that it isn't worth it, and so
#: many that what a kill may cost stays small.
_SHARED, _MOST_SHARED = 8, 256
_CHUNK_OF_CLUSTER = 8

Tell = Callable[[float, int], None]
"""Called with trials done, parts of one counted, and trials in all."""


@dataclass(frozen=True)
class Span:
    """Hold what of a lake is replayed, as `replay` takes it; None for all there is."""

    timeframe: str
    start: dt.date | None = None
    end: dt.date | None = None
    symbols: tuple[str, ...] | None = None
    sources: tuple[str, ...] | None = None

    def as_mapping(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "timeframe": self.timeframe,
            "start": None if self.start is None else str(self.start),
            "end": None if self.end is None else str(self.end),
            "symbols": None if self.symbols is None else list(self.symbols),
            "sources": None if self.sources is None else list(self.sources),
        }


@dataclass(frozen=True)
class Workers:
    """Say where trials run: processes beside this one, None for one a core; or a Dask scheduler."""

    processes: int | None = None
    cluster: str | None = None


@dataclass(frozen=True)
class Chunk:
    """Hold what a worker is given: variants that share a pass over the data."""

    root: str
    variants: tuple[Params, ...]
    span: Span
    expected: tuple[str, str] | None = None


def plan_of(lake: Lake, grid: Grid, base: Params, span: Span) -> dict[str, Any]:
    """Return what a sweep is a function of, as JSON holds it."""
    return {
        "grid": grid.as_mapping(),
        "params_hash": base.hash,
        "span": span.as_mapping(),
        "data_digest": lake.digest(),
        "code_version": code_version(),
    }


def run_points(
    lake: Lake,
    grid: Grid,
    base: Params,
    span: Span,
    *,
    parts: Parts,
    workers: Workers,
    tell: Tell | None = None,
    ledger: Counting = DEFAULT,
) -> tuple[list[Point], list[Came]]:
    """Run a search to its end.

    Parameters
    ----------
    lake, span
        What is replayed.
    grid, base
        What is searched, laid over which variant.
    parts
        Where finished trials are kept; what is there is not run again.
    workers
        Where trials run.
    tell
        Told how far it is.
    ledger
        Where trials are counted, by this process.

    Returns
    -------
    (list of Point, list of Outcome or str)
        All trials in their order, and of each what came of it or why nothing did.

    Raises
    ------
    LakeError
        If the lake has no such bars, symbols, sources or sessions, or is written to meanwhile.
    """
    run = _Run(lake, span, parts, workers, tell, ledger, count_points(grid), parts.read())
    points: list[Point] = []
    came: list[Came] = []
    search = searched(grid, base)
    values: list[float | None] | None = None
    while True:
        try:
            batch = next(search) if values is None else search.send(values)
        except StopIteration:
            return points, came
        found = run.batch(batch)
        points += batch
        came += found
        values = [objective_of(one, grid.objective) for one in found]


@dataclass
class _Run:
    lake: Lake
    span: Span
    parts: Parts
    workers: Workers
    tell: Tell | None
    ledger: Counting
    total: int
    known: dict[str, Came]
    finished: int = 0
    digest: str = field(init=False)
    uncounted: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.digest = self.lake.digest()
        self.uncounted = set(self.known)

    def batch(self, points: Sequence[Point]) -> list[Came]:
        """Run what isn't known yet of some points; equal parameters run once."""
        asked = {p.params.hash: p.params for p in points if p.params is not None}
        missing = [params for key, params in asked.items() if key not in self.known]
        # What an earlier start has finished may have been counted in another ledger, or in none.
        earlier = [params for key, params in asked.items() if key in self.uncounted]
        self._count(earlier, [self.known[params.hash] for params in earlier])
        self.uncounted -= asked.keys()
        # Invalid and repeated trials, and those of an earlier start, are done as they are.
        self._told(len(points) - len(missing))
        chunks = self._chunks(missing)
        task = run_chunk
        if self._is_here(len(chunks)):
            task = partial(run_chunk, tell=self._told_within)
        run_tasks(
            task,
            chunks,
            done=lambda place, found: self._done(chunks[place], found),
            processes=self.workers.processes,
            cluster=self.workers.cluster,
        )
        return [p.error or "" if p.params is None else self.known[p.params.hash] for p in points]

    def _is_here(self, chunks: int) -> bool:
        return self.workers.cluster is None and (self.workers.processes == 1 or chunks == 1)

    def _chunks(self, variants: Sequence[Params]) -> list[Chunk]:
        on_cluster = self.workers.cluster is not None
        expected = (code_version(), self.digest) if on_cluster else None
        root = str(self.lake.root.absolute())
        count = 1 if on_cluster else self.workers.processes or cores()
        most = _CHUNK_OF_CLUSTER if on_cluster else _CHUNK
        groups: dict[tuple[object, ...] | None, list[Params]] = {}
        for params in variants:
            groups.setdefault(group_key(params), []).append(params)
        # Trials that share a pass stay together: each further chunk of them may take one more.
        shared = [g for key, g in groups.items() if key is not None and len(g) >= _SHARED]
        alone = [p for key, g in groups.items() if key is None or len(g) < _SHARED for p in g]
        parts = [(group, max(most, _SHARED, -(-len(group) // count))) for group in shared]
        parts.append((alone, max(min(most, -(-len(alone) // count)), 1)))
        return [
            Chunk(root, tuple(part[k : k + size]), self.span, expected)
            for part, size in ((g, min(size, _MOST_SHARED)) for g, size in parts)
            for k in range(0, len(part), size)
        ]

    def _done(self, chunk: Chunk, found: list[Came]) -> None:
        self._count(chunk.variants, found)
        came = {params.hash: one for params, one in zip(chunk.variants, found, strict=True)}
        self.parts.write(came)
        self.known |= came
        self._told(len(found))

    def _count(self, variants: Sequence[Params], found: Sequence[Came]) -> None:
        counted = ledger_of(self.ledger)
        if counted is not None:
            trials = [
                trial_of(_summary_of(one, self.span, self.digest), params, self.lake, one)
                for params, one in zip(variants, found, strict=True)
                if isinstance(one, Outcome)
            ]
            record(trials, self.lake, counted)

    def _told(self, count: int) -> None:
        self.finished += count
        if self.tell is not None:
            self.tell(self.finished, self.total)

    def _told_within(self, part: float, count: int) -> None:
        if self.tell is not None:
            self.tell(self.finished + part * count, self.total)


def run_chunk(chunk: Chunk, *, tell: Callable[[float, int], None] | None = None) -> list[Came]:
    """Run the variants of a chunk in one pass; a component's failure is what came of its variant.

    Parameters
    ----------
    chunk
        What to run.
    tell
        Called with the part that is done and the number of variants.

    Raises
    ------
    InputError
        If this machine has another lake or other code than the one that sent the chunk.
    """
    lake = _lake_of(chunk)

    def told(done: int, total: int, _day: dt.date) -> None:
        if tell is not None:
            tell(done / total, len(chunk.variants))

    run = partial(
        run_trials,
        lake,
        timeframe=chunk.span.timeframe,
        start=chunk.span.start,
        end=chunk.span.end,
        symbols=chunk.span.symbols,
        sources=chunk.span.sources,
        progress=told,
        ledger=None,
    )
    try:
        return list(run(chunk.variants))
    except ComponentError as error:
        if len(chunk.variants) == 1:
            return [str(error)]
        alone = (Chunk(chunk.root, (one,), chunk.span) for one in chunk.variants)
        return [run_chunk(one)[0] for one in alone]


def _lake_of(chunk: Chunk) -> Lake:
    if chunk.expected is None:
        return Lake(chunk.root)
    code, data = chunk.expected
    if code_version() != code:
        raise InputError(
            f"a worker of the cluster has catalyst {code_version()}, not {code}; install the same "
            "on every machine, and start the workers anew"
        )
    try:
        lake = Lake(chunk.root)
        digest = lake.digest()
    except LakeError:
        raise InputError(
            f"a worker of the cluster has no lake at {chunk.root}; copy or mount it there"
        ) from None
    if digest != data:
        raise InputError(
            f"the lake {chunk.root} of a worker holds other data ({digest[:16]}) than the one here "
            f"({data[:16]}); copy it there anew"
        )
    return lake


def _summary_of(one: Outcome, span: Span, digest: str) -> dict[str, Any]:
    first, last = (str(day_to_date(int(one.days[k]))) for k in (0, -1))
    return summary_of_trial(span, digest, (first, last), int(one.metrics["n_trades"] or 0))


def summary_of_trial(
    span: Span, digest: str, days: tuple[str, str], n_trades: int
) -> dict[str, Any]:
    """Return what the ledger asks of a run's summary.

    Parameters
    ----------
    span, digest
        What was asked for, and of which data.
    days
        The first and the last session, ISO dates.
    n_trades
        Entries.
    """
    first, last = days
    return {
        "data_digest": digest,
        "timeframe": span.timeframe,
        "start": first,
        "end": last,
        "asked": {
            "symbols": None if span.symbols is None else sorted(span.symbols),
            "sources": None if span.sources is None else list(span.sources),
        },
        "n_trades": n_trades,
    }
