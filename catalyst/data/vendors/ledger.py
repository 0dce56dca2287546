"""What was pulled already: which spans of which symbols; kept in the lake, after each commit."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from catalyst.data.calendar import SECOND_NS
from catalyst.data.vendors.protocol import Span
from catalyst.errors import LakeError

FOLDER = ".pulled"

# What was pulled less than an hour ago is not asked again, although it may still change.
_RECENT_NS = 3_600 * SECOND_NS
# A pull that stopped longer ago starts anew: its rows would claim to be older than they are.
_RESUMED_NS = 12 * _RECENT_NS


class Missing(NamedTuple):
    """Hold what is to be pulled, by symbol: what never was, and what was and may have changed."""

    fresh: dict[str, list[Span]]
    again: dict[str, list[Span]]


@dataclass(slots=True)
class _Done:
    """Hold what was pulled of one symbol: all of it, the settled part, and the latest pulls."""

    covered: list[Span] = field(default_factory=list)
    settled: list[Span] = field(default_factory=list)
    recent: list[tuple[Span, int]] = field(default_factory=list)


class Ledger:
    """Hold what was pulled into one lake from one vendor.

    Parameters
    ----------
    root : Path
        The lake's folder; the file is ``.pulled/NAME.json`` in it, and goes when the lake goes.
    name : str
        The vendor's.

    Raises
    ------
    LakeError
        If the file can't be read.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.path = root / FOLDER / f"{name}.json"
        self._begun: dict[str, int] = {}
        self._done: dict[str, dict[str, _Done]] = {}
        if self.path.exists():
            self._begun, self._done = _read(self.path)

    def begin(self, pull: str, now_ns: int) -> int:
        """Write down when a pull begins, or find when it did, if it was cut short.

        Parameters
        ----------
        pull
            What is pulled, as text: the same words are the same pull.
        now_ns
            The time.

        Returns
        -------
        int
            The instant at which its rows count as fetched. A pull that goes on within twelve hours
            keeps its instant, and so stores what one without a break would have stored.
        """
        before = self._begun.get(pull)
        if before is not None and 0 <= now_ns - before < _RESUMED_NS:
            return before
        self._begun = {
            words: at_ns
            for words, at_ns in self._begun.items()
            if 0 <= now_ns - at_ns < _RESUMED_NS
        } | {pull: now_ns}
        self._write()
        return now_ns

    def end(self, pull: str) -> None:
        """Forget when a pull began: it is through."""
        self._begun.pop(pull, None)
        self._write()

    def missing(
        self,
        source: str,
        symbols: Iterable[str],
        span: Span,
        *,
        fetched_ns: int,
        now_ns: int,
        refresh: bool = False,
    ) -> Missing:
        """List what of a span is to be pulled.

        Parameters
        ----------
        source, symbols, span
            What is wanted.
        fetched_ns
            When this pull began: what it did before it was cut short is not done again.
        now_ns
            The time.
        refresh
            Look for revisions of what is settled, too.
        """
        found = Missing({}, {})
        for symbol in symbols:
            done = self._done.get(source, {}).get(symbol, _Done())
            fresh = without(span, done.covered)
            if fresh:
                found.fresh[symbol] = fresh
            sure = [] if refresh else list(done.settled)
            sure += [
                part
                for part, at_ns in done.recent
                if at_ns == fetched_ns or (not refresh and 0 <= now_ns - at_ns < _RECENT_NS)
            ]
            again = without(span, merged([*fresh, *sure]))
            if again:
                found.again[symbol] = again
        return found

    def add(
        self,
        source: str,
        symbols: Iterable[str],
        span: Span,
        *,
        fetched_ns: int,
        settled_ns: int,
    ) -> None:
        """Mark a span as pulled, and write the file; its rows must be in the lake by now.

        Parameters
        ----------
        source, symbols, span
            What was pulled.
        fetched_ns
            When the pull began.
        settled_ns
            Age in ns at which rows no longer change; what is younger is pulled again another time.
        """
        series = self._done.setdefault(source, {})
        for symbol in symbols:
            done = series.setdefault(symbol, _Done())
            done.covered = merged([*done.covered, span])
            settled_end_ns = min(span.end_ns, fetched_ns - settled_ns)
            done.settled = merged([*done.settled, Span(span.start_ns, settled_end_ns)])
            # Spans of this pull are kept whole, so that refreshing goes on where it was.
            done.recent = [
                (part, at_ns)
                for part, at_ns in done.recent
                if 0 <= fetched_ns - at_ns < _RECENT_NS and not _inside(part, span)
            ]
            done.recent.append((span, fetched_ns))
        self._write()

    def _write(self) -> None:
        content = {
            "begun": dict(sorted(self._begun.items())),
            "done": {
                source: {
                    symbol: {
                        "covered": [list(span) for span in done.covered],
                        "settled": [list(span) for span in done.settled],
                        "recent": [[*span, at_ns] for span, at_ns in done.recent],
                    }
                    for symbol, done in sorted(series.items())
                }
                for source, series in sorted(self._done.items())
            },
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(".new")
        with temporary.open("w", encoding="ascii") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path)


@contextmanager
def only_pull(root: Path, name: str) -> Iterator[None]:
    """Hold the lock of one vendor's pulls into a lake.

    Raises
    ------
    LakeError
        If another process pulls from this vendor into this lake.
    """
    folder = root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("a", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LakeError(
                f"another process pulls from {name} into {root}; wait until it has finished, or "
                "pull into another lake with --lake"
            ) from None
        yield


def merged(spans: Iterable[Span]) -> list[Span]:
    """Join spans that overlap or touch; ascending."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.start_ns <= found[-1].end_ns:
            found[-1] = Span(found[-1].start_ns, max(found[-1].end_ns, span.end_ns))
        elif span.start_ns < span.end_ns:
            found.append(span)
    return found


def without(span: Span, done: Sequence[Span]) -> list[Span]:
    """Give the parts of a span that lie in none of `done`, which are disjoint and ascending."""
    found = []
    start_ns = span.start_ns
    for part in done:
        if part.start_ns >= span.end_ns:
            break
        if part.start_ns > start_ns:
            found.append(Span(start_ns, part.start_ns))
        start_ns = max(start_ns, part.end_ns)
    if start_ns < span.end_ns:
        found.append(Span(start_ns, span.end_ns))
    return found


def _inside(part: Span, span: Span) -> bool:
    return span.start_ns <= part.start_ns and part.end_ns <= span.end_ns


def _read(path: Path) -> tuple[dict[str, int], dict[str, dict[str, _Done]]]:
    try:
        content = json.loads(path.read_text(encoding="ascii"))
        begun = {str(words): int(at_ns) for words, at_ns in content["begun"].items()}
        done = {source: _series(series) for source, series in content["done"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise LakeError(
            f"{path} can't be read as what was pulled already; remove it, and the next pull asks "
            "for everything once more, without changing the lake"
        ) from None
    return begun, done


def _series(series: Mapping[str, Mapping[str, Any]]) -> dict[str, _Done]:
    return {
        symbol: _Done(
            [Span(int(start), int(end)) for start, end in done["covered"]],
            [Span(int(start), int(end)) for start, end in done["settled"]],
            [(Span(int(start), int(end)), int(at)) for start, end, at in done["recent"]],
        )
        for symbol, done in series.items()
    }
