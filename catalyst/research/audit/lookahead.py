"""The look-ahead audit: whether anything seen, filled or decided knew what came later."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, cast

from catalyst.data.feed import Feed
from catalyst.data.lake import TABLES, Lake
from catalyst.data.watch import unchanged
from catalyst.errors import CatalystError, InputError
from catalyst.research.audit.claims import check_code, check_known, check_start, shorter_by
from catalyst.research.audit.differences import clock
from catalyst.research.audit.fits import Fitted, changes
from catalyst.research.audit.from_scratch import guarded, replay_cut
from catalyst.research.audit.instants import candidates, sample
from catalyst.research.audit.lockstep import Progress, Walk, own_bars
from catalyst.research.audit.original import Original
from catalyst.research.audit.outside_reads import outside_of, outside_text
from catalyst.research.audit.plugs import FillsPlug, Fit, Loader, Plugs, ViewBuilder
from catalyst.research.audit.remade import PERTURBATIONS, RemadeLake
from catalyst.research.audit.served import FrameLake
from catalyst.research.audit.violations import Findings, Violation
from catalyst.research.audit.worlds import Told, World, told
from catalyst.strategy.params import Params
from catalyst.strategy.values import Session

LOADER_SAMPLE = 60
VIEW_SAMPLE = 400
"""Decision times looked at with a loader and with a view builder, where no number is told."""


@dataclass(frozen=True)
class LookaheadAudit:
    """Hold what an audit looked at and what it found.

    Attributes
    ----------
    instants, decision_times
        Decision times looked at, and all there are.
    perturbations
        Futures put in place of the run's: one each of ``cut`` and ``other`` for every instant.
    violations
        What knew of the future, at most 20 of a kind.
    unlisted
        How many more were counted.
    coverage
        What was and what was not covered, a sentence a line.
    verdict
        ``found``, ``clean``, or ``clean as far as the data is``: where times are assumed or prices
        adjusted, what was done before the data came into the lake can't be seen.
    decision_digest
        Of the audited run, as in a run's summary.
    """

    instants: int
    decision_times: int
    perturbations: int
    violations: list[Violation]
    unlisted: int
    coverage: str
    verdict: str
    decision_digest: str

    @property
    def ok(self) -> bool:
        """Tell whether nothing was found."""
        return not self.violations

    def as_mapping(self) -> dict[str, Any]:
        """Return everything for JSON."""
        return {
            "ok": self.ok,
            "verdict": self.verdict,
            "instants": self.instants,
            "decision_times": self.decision_times,
            "perturbations": self.perturbations,
            "violations": [one.as_mapping() for one in self.violations],
            "unlisted": self.unlisted,
            "coverage": self.coverage,
            "decision_digest": self.decision_digest,
        }

    def __repr__(self) -> str:
        lines = [self._head(), *(f"  {one}" for one in self.violations[:20])]
        if len(self.violations) > 20:
            lines.append(f"  and {len(self.violations) - 20} more in .violations")
        return "\n".join([*lines, *(f"  {line}" for line in self.coverage.splitlines())])

    def _repr_html_(self) -> str:
        rows = "".join(
            "<tr>"
            + "".join(
                f"<td>{escape(text)}</td>"
                for text in (_when(v), v.layer, v.perturbation, v.symbol, v.what, v.was, v.became)
            )
            + "</tr>"
            for v in self.violations[:50]
        )
        names = ("New York time", "layer", "tried", "symbol", "what", "was", "became")
        head = "".join(f"<th>{name}</th>" for name in names)
        table = f"<table><tr>{head}</tr>{rows}</table>" if rows else ""
        notes = "<br>".join(escape(line) for line in self.coverage.splitlines())
        return f"<p><b>{escape(self._head())}</b></p>{table}<p><small>{notes}</small></p>"

    def _head(self) -> str:
        n = len(self.violations) + self.unlisted
        found = "no violation" if not n else f"{n:,} violation{'s' if n > 1 else ''}"
        return (
            f"look-ahead audit: {found} ({self.verdict}) at {self.instants:,} of "
            f"{self.decision_times:,} decision times, {self.perturbations:,} perturbations"
        )


def audit_lookahead(
    lake: Lake,
    params: Params | Fit,
    *,
    timeframe: str | None = None,
    start: dt.date | str | None = None,
    end: dt.date | str | None = None,
    symbols: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
    loader: Loader | None = None,
    view_builder: ViewBuilder | None = None,
    fills: FillsPlug | None = None,
    sample: int | str | None = None,
    seed: int = 0,
    replays: bool = True,
    progress: Progress | None = None,
) -> LookaheadAudit:
    """Walk a run with two worlds beside it that have another future, and compare.

    Before each decision at t, both worlds get everything that isn't known yet anew: in one it is
    cut off, in the other it is otherwise, and facts about the past that are known just after t are
    planted. What is seen, filled and decided at t must be the same.

    Parameters
    ----------
    lake
        The lake.
    params
        The variant, or ``f(lake) -> Params`` where parameters are fitted on data.
    timeframe, start, end, symbols, sources
        As in `catalyst.replay`.
    loader
        ``f(lake) -> lake``, or a dict of frames: ``bars`` (or bars by timeframe), ``news``,
        ``actions``, ``universe``; what it leaves out comes from the lake.
    view_builder
        ``f(seen, lake) -> seen``, called with a `Survey` when time passes and with a `MarketView`
        when a decision looks.
    fills
        ``f(fills, lake) -> fills``, called with what the book filled.
    sample
        How many decision times to look at; ``all``; None for all, or 60 with a loader and 400 with
        a view builder.
    seed
        Of the values in the other world.
    replays
        Whether to replay from scratch, at the end, over a few lakes cut on disk, if nothing has
        been found before.
    progress
        Called after each session with sessions done, sessions in all, and the date.

    Raises
    ------
    InputError
        If the lake has no such bars, or something plugged in has another shape or fails on the lake
        itself.

    Examples
    --------
    >>> audit = audit_lookahead(Lake("my-lake"), Params.load("spec"))  # doctest: +SKIP
    >>> audit.ok, audit.instants  # doctest: +SKIP
    (True, 18240)
    """
    plugs = Plugs(params, loader, view_builder, fills)
    count = _count(sample, plugs)
    with (
        tempfile.TemporaryDirectory(prefix="catalyst-audit-") as scratch,
        unchanged(lake.root, TABLES),
    ):
        audit = _Audit(lake, plugs, Path(scratch), seed)
        audit.open(timeframe, symbols, sources)
        return audit.walk((_date(start), _date(end)), count, progress, replays=replays)


class _Audit:
    # One audit while it runs.
    def __init__(self, lake: Lake, plugs: Plugs, scratch: Path, seed: int) -> None:
        self.lake = lake
        self.plugs = plugs
        self.findings = Findings()
        whole = Original(lake, grace_ns=0, seed=seed, scratch=scratch)
        with self._watched("fit", scratch):
            self.params: Params = self._tried("fit", lambda: plugs.fitted(RemadeLake(whole)))
        grace_ns = round(self.params.execution.bar_grace_s * 1e9)
        self.original = Original(lake, grace_ns=grace_ns, seed=seed, scratch=scratch)
        self.components = check_code(plugs, self.params, self.findings)

    @contextmanager
    def _watched(self, name: str, scratch: Path) -> Iterator[None]:
        if name not in dict(self.plugs.given):
            yield
            return
        with outside_of(scratch) as read:
            yield
        for path in read:
            self.findings.say(None, "lake", name, outside_text(name, path))

    @staticmethod
    def _tried(name: str, act: Any) -> Any:  # noqa: ANN401 - a call and its result
        try:
            return act()
        except CatalystError:
            raise
        except Exception as error:
            reason = str(error).partition("\n")[0]
            raise InputError(
                f"the {name} failed on the lake itself ({type(error).__name__}: {reason}); mend it "
                "before it is audited"
            ) from error

    def open(
        self,
        timeframe: str | None,
        symbols: Sequence[str] | None,
        sources: Sequence[str] | None,
    ) -> None:
        whole = RemadeLake(self.original)
        with self._watched("loader", self.original.scratch):
            loaded = self._tried("loader", lambda: self.plugs.loaded(whole, timeframe=timeframe))
        reads = whole.reads
        if timeframe is None and isinstance(loaded, FrameLake) and loaded.own:
            timeframe = next(name for name in loaded.timeframes() if name in loaded.own)
        plugged = self.plugs.loader is not None
        self.feed = Feed(
            cast("Lake", loaded) if plugged else self.lake, timeframe, symbols, sources
        )
        self.asked = (self.feed.timeframe, symbols, sources)
        self.told: Told | None = None
        self.own = None
        if plugged:
            self.told = self._tried(
                "loader", lambda: told(loaded, reads, grace_ns=self.original.grace_ns)
            )
            self.own = own_bars(self.feed, self.lake)

    def walk(
        self,
        span: tuple[dt.date | None, dt.date | None],
        count: int | None,
        progress: Progress | None,
        *,
        replays: bool,
    ) -> LookaheadAudit:
        before, sessions = self.feed.span(*span)
        timeframe = str(self.feed.timeframe)
        if self.told is not None:
            check_known(self.told, self.original, self.findings)
            check_start(self.told, self.plugs, self.original, timeframe, self.findings)
        chosen = None
        if count is not None:
            grid = self.feed.grid
            chosen = sample(sessions, grid, self.params, self.original, timeframe, count=count)
        walk = Walk(
            self.original,
            self.plugs,
            self.params,
            self.feed,
            self._worlds(sessions, chosen),
            self.findings,
            chosen,
            self.told,
            self.own,
            shorter_by(self.feed.lake.days(timeframe)) if self.plugs.view_builder else 0,
        )
        walk.run(before, sessions, progress)
        scans = [at for one in candidates(sessions, self.feed.grid, self.params) for at in one]
        wanted = replays and not self.findings.listed
        cuts = guarded(self.original, timeframe, sorted(scans)) if wanted else []
        run = (sessions, walk.digests)
        done = [
            at
            for at in cuts
            if replay_cut(at, self.original, self.plugs, self.asked, run, self.findings)
        ]
        return self._result(walk, done)

    def _worlds(self, sessions: Sequence[Session], chosen: Sequence[int] | None) -> list[World]:
        scans = candidates(sessions, self.feed.grid, self.params)
        first = chosen[0] if chosen else scans[0][0]
        made = []
        for one in PERTURBATIONS:
            params = self.params
            if not isinstance(self.plugs.params, Params):
                fit = Fitted(self.plugs, self.params, self.original, self.findings)
                params = fit.compared(one, first, sessions)
                for at in changes(self.params, sessions, scans):
                    if at > first:
                        fit.compared(one, at, sessions)
            made.append(World(one, self.original, self.plugs, params, self.findings))
        return made

    def _result(self, walk: Walk, done: Sequence[int]) -> LookaheadAudit:
        from catalyst.research.audit.coverage import coverage, shortcomings

        short = shortcomings(walk)
        listed = self.findings.listed
        verdict = (
            "found" if listed else f"clean as far as the data is: {short}" if short else "clean"
        )
        return LookaheadAudit(
            instants=walk.instants,
            decision_times=walk.decision_times,
            perturbations=walk.instants * len(PERTURBATIONS),
            violations=listed,
            unlisted=self.findings.unlisted,
            coverage=coverage(walk, done, self.components),
            verdict=verdict,
            decision_digest=walk.decision_digest,
        )


def _count(told_: int | str | None, plugs: Plugs) -> int | None:
    if told_ is None:
        if plugs.loader is not None:
            return LOADER_SAMPLE
        return None if plugs.view_builder is None else VIEW_SAMPLE
    if told_ == "all":
        return None
    if isinstance(told_, str) and told_.isdecimal():
        told_ = int(told_)
    if isinstance(told_, bool) or not isinstance(told_, int) or told_ < 1:
        raise InputError(
            f"sample is {told_!r}; expected a number of decision times from 1 on, or all"
        )
    return told_


def _date(day: dt.date | str | None) -> dt.date | None:
    if not isinstance(day, str):
        return day
    try:
        return dt.date.fromisoformat(day)
    except ValueError:
        raise InputError(f"{day!r} is no date; expected one such as 2024-01-02") from None


def _when(violation: Violation) -> str:
    if violation.instant is None:
        return ""
    return clock(int(violation.instant.timestamp()) * 10**9)
