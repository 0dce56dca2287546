"""Trials: how a search runs many variants over one span.

Those that differ in exits, weights, bands, limits and costs only share one pass over the data and
are traded by a compiled loop; the others are replayed. Which of the two ran changes no figure.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

from catalyst.data.calendar import day_to_date
from catalyst.data.feed import Feed
from catalyst.data.lake import TABLES, Lake
from catalyst.data.search_ledger import DEFAULT, Counting, SearchLedger, ledger_of
from catalyst.data.watch import unchanged
from catalyst.research.compiled_outcomes import (
    check_equal,
    chosen_checks,
    compiled_outcome,
    compiled_summary,
)
from catalyst.research.compiled_trials import group_key, shared_part, trade
from catalyst.research.finalists import Finals, record_finals
from catalyst.research.outcome import Outcome, outcome_of
from catalyst.research.together import Progress, replay_together
from catalyst.research.trial_records import record, trial_of
from catalyst.strategy.params import Params
from catalyst.strategy.values import Session

_TOGETHER = 32
"""Variants a pass: each keeps its account's rows in memory until they are written."""

_WORTH = 8
"""Fewer trials of a group are replayed: a pass that records takes as long, and two are anyway."""

_DEPTHS = (20, 60)
"""Bars of volume that are recorded: the specification's, or as many as there may be."""


def run_trials(
    lake: Lake,
    variants: Sequence[Params],
    *,
    timeframe: str | None = None,
    start: dt.date | None = None,
    end: dt.date | None = None,
    symbols: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
    progress: Progress | None = None,
    ledger: Counting = DEFAULT,
) -> list[Outcome]:
    """Run variants over one span of a lake, in this process.

    Parameters
    ----------
    lake, timeframe, start, end, symbols, sources, ledger
        As in `catalyst.research.replay.replay`.
    variants
        In any number.
    progress
        Called with sessions done, sessions in all passes, and the date.

    Returns
    -------
    list of Outcome
        In the order of the variants; each a function of its parameters, the lake and the span, not
        of what else was tried.

    Raises
    ------
    LakeError
        If the lake has no such bars, symbols, sources or sessions, or is written to meanwhile.
    ConservationError
        If a compiled trial that was replayed, too, came to something else.
    OutputError
        If the ledger can't be written.
    """
    counted = ledger_of(ledger)
    groups = _groups(variants)
    alone = len(variants) - sum(map(len, groups))
    # Two trials of each group are replayed, too.
    told = _Told(progress, len(groups) + -(-(alone + 2 * len(groups)) // _TOGETHER))
    found: dict[int, Outcome] = {}
    checks: list[int] = []
    with unchanged(lake.root, TABLES):
        digest = lake.digest() if groups else ""
        for places in groups:
            feed = Feed(lake, timeframe, symbols, sources)
            some = [variants[k] for k in places]
            finals = _finals(feed, some, (_date(start), _date(end)), digest, told)
            done = _compiled(finals, variants, places)
            if counted is not None:
                _count(finals, variants, done, digest, counted)
            found |= done
            compiled = sorted(done)
            chosen = chosen_checks([variants[k] for k in compiled], [done[k] for k in compiled])
            checks += [compiled[k] for k in chosen]
    missing = [k for k in range(len(variants)) if k not in found]
    for places, counting in ((missing, ledger), (sorted(checks), None)):
        for first in range(0, len(places), _TOGETHER):
            part = places[first : first + _TOGETHER]
            results = replay_together(
                lake,
                [variants[k] for k in part],
                timeframe=timeframe,
                start=start,
                end=end,
                symbols=symbols,
                sources=sources,
                tables="money",
                progress=told.next_pass(),
                ledger=counting,
            )
            for k, result in zip(part, results, strict=True):
                outcome = outcome_of(result)
                if k in found:
                    check_equal(found[k], outcome)
                found[k] = outcome
    return [found[k] for k in range(len(variants))]


def _groups(variants: Sequence[Params]) -> list[list[int]]:
    groups: dict[tuple[object, ...], list[int]] = {}
    for k, params in enumerate(variants):
        key = group_key(params)
        if key is not None:
            groups.setdefault(key, []).append(k)
    return [places for places in groups.values() if len(places) >= _WORTH]


def _finals(
    feed: Feed,
    variants: Sequence[Params],
    span: tuple[dt.date | None, dt.date | None],
    digest: str,
    told: _Told,
) -> Finals:
    most = max(params.risk.volume_bars for params in variants)
    depth = next(depth for depth in _DEPTHS if depth >= most)
    params = shared_part(variants[0])
    asked = tuple(None if names is None else tuple(names) for names in (feed.symbols, feed.sources))
    key = (str(feed.lake.root), digest, feed.timeframe, *asked, *span, params.hash, depth)
    tell = told.next_pass()
    if key not in _KEPT:
        # A worker is sent its variants in parts, and the next part asks for the same pass.
        _KEPT.clear()
        _KEPT[key] = record_finals(
            feed, params, feed.span(*span), depth=depth, progress=_by_date(tell)
        )
    return _KEPT[key]


_KEPT: dict[tuple[object, ...], Finals] = {}


def _by_date(tell: Progress | None) -> Callable[[int, int, Session], None] | None:
    if tell is None:
        return None
    progress = tell

    def recorded(done: int, total: int, session: Session) -> None:
        progress(done, total, day_to_date(session.day))

    return recorded


def _compiled(finals: Finals, variants: Sequence[Params], places: list[int]) -> dict[int, Outcome]:
    done = trade(finals, [variants[k] for k in places])
    return {
        k: compiled_outcome(finals, variants[k], one)
        for k, one in zip(places, done, strict=True)
        if one is not None
    }


def _count(
    finals: Finals,
    variants: Sequence[Params],
    outcomes: dict[int, Outcome],
    digest: str,
    ledger: SearchLedger,
) -> None:
    lake = finals.feed.lake
    trials = [
        trial_of(compiled_summary(finals, outcome, digest), variants[k], lake, outcome)
        for k, outcome in outcomes.items()
    ]
    record(trials, lake, ledger)


class _Told:
    # Progress over passes: sessions done of all passes' sessions.
    def __init__(self, progress: Progress | None, passes: int) -> None:
        self._progress = progress
        self._passes = passes
        self._number = -1

    def next_pass(self) -> Progress | None:
        self._number += 1
        if self._progress is None:
            return None
        tell, number, passes = self._progress, self._number, max(self._passes, self._number + 1)

        def told(done: int, total: int, day: dt.date) -> None:
            tell(number * total + done, passes * total, day)

        return told


def _date(day: dt.date | str | None) -> dt.date | None:
    return dt.date.fromisoformat(day) if isinstance(day, str) else day
