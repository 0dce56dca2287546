"""What a data vendor is: tables, limits, a plan of work, and pages of rows in the lake's terms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    import polars as pl


class Span(NamedTuple):
    """Hold an interval of time: nanoseconds UTC, the end excluded."""

    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Request:
    """Say what to pull.

    Attributes
    ----------
    tables : tuple of str
        Of bars, news, actions, in the order in which they are pulled.
    symbols : tuple of str
        In the lake's spelling, ascending, each once.
    span : Span
        From New York midnight to New York midnight, or to the last instant the vendor gives.
    timeframe : str
        Of bars.
    feed : str
        Of bars, for vendors with several; empty otherwise.
    """

    tables: tuple[str, ...]
    symbols: tuple[str, ...]
    span: Span
    timeframe: str
    feed: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Hold one piece of work: fetched whole, committed whole, then marked as done.

    Attributes
    ----------
    table, symbols, span
        What it holds.
    again : bool
        Whether its span was pulled before: what is new in it is known from this pull only.
    """

    table: str
    symbols: tuple[str, ...]
    span: Span
    again: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """Hold one answer of a vendor.

    Attributes
    ----------
    frame : DataFrame
        Rows with the lake's column names; may be empty.
    raw : Series or None
        Each row as the vendor wrote it (JSON text), where `frame` does not hold all of it.
    unknown : tuple of str
        Symbols the vendor does not know; it was asked for the others.
    notes : tuple of str
        What was left out, one sentence each.
    """

    frame: pl.DataFrame
    raw: pl.Series | None = None
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """Say what a vendor bears.

    Attributes
    ----------
    per_minute : int
        Most requests in any 60 seconds, of all processes with one key together.
    burst : int
        Of these, as many may be sent at once.
    """

    per_minute: int
    burst: int


class Watcher(Protocol):
    """Be told how the requests of a vendor go, for progress and for the summary."""

    def requested(self) -> None:
        """Count a request that was sent."""

    def retried(self, why: str) -> None:
        """Count a request that is sent again."""

    def waiting(self, seconds: float, why: str) -> None:
        """Learn of a pause before the next request; 0 s: it is over."""


class Vendor(Protocol):
    """Give the rows of one vendor; see ``docs/vendors.md`` for how to add one."""

    @property
    def name(self) -> str:
        """Give the name used with ``--source``."""

    @property
    def tables(self) -> tuple[str, ...]:
        """Name the tables it has."""

    @property
    def limits(self) -> Limits:
        """Say how many requests it bears."""

    def source(self, request: Request, table: str) -> str:
        """Name a series of one kind; what is done is kept under this name."""

    def settled_ns(self, table: str) -> int:
        """Say after how many nanoseconds its rows no longer change as a rule."""

    def within_reach(
        self, request: Request, now_ns: int, *, start_is_told: bool, end_is_told: bool
    ) -> tuple[Request, tuple[str, ...]]:
        """Cut a request to what the vendor has; say what was cut.

        Raises
        ------
        InputError
            If more was told than the vendor has.
        """

    def plan(
        self, request: Request, table: str, missing: Mapping[str, Sequence[Span]]
    ) -> list[Chunk]:
        """Divide the missing spans of a table into chunks, the same ones each time."""

    def fetch(self, request: Request, chunk: Chunk) -> Iterator[Page]:
        """Ask for a chunk, a page at a time.

        Raises
        ------
        VendorError
            If the vendor refuses, or does not answer after all tries.
        InputError
            If it refuses the keys.
        """

    def options(self, request: Request, table: str) -> dict[str, Any]:
        """Give the import options of a table's rows: source, adjustment, timeframe, provider."""


#: Makes a vendor: given its watcher.
Open = Callable[[Watcher], Vendor]
