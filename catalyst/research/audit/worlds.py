"""The worlds beside a run: markets with the run's past and another future."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from catalyst.data.feed import Feed
from catalyst.data.market import Market
from catalyst.research.audit import differences
from catalyst.research.audit.facts import TOLERANCE, last_days, of_facts, tables_of
from catalyst.research.audit.original import Original
from catalyst.research.audit.plugs import Plugs
from catalyst.research.audit.remade import Perturbation, RemadeLake
from catalyst.research.audit.served import FrameLake, ReadableLake
from catalyst.research.audit.violations import Findings
from catalyst.strategy.decisions import Decision, Fill
from catalyst.strategy.funnel import narrow
from catalyst.strategy.params import Params
from catalyst.strategy.portfolio import PortfolioState
from catalyst.strategy.session import Look
from catalyst.strategy.step import step
from catalyst.strategy.values import MarketView, Session, Survey

if TYPE_CHECKING:
    import polars as pl

    from catalyst.data.lake import Lake

NEAR_SESSIONS = 5
"""Sessions before an instant whose facts are compared; what is older has had its turn."""

_WHOLE_ROWS = 20_000

Seen = tuple[tuple[Fill, ...], Survey]


@dataclass(frozen=True)
class Told:
    """Hold what a loader gave to the run, to be compared with what it gives elsewhere.

    Attributes
    ----------
    tables
        Kind, name and rows of each table, with `_known`.
    timeframes
        Of the bars that the loader itself gives.
    near
        Whether only the last sessions before an instant are compared.
    reads
        How often it read the lake when it was called.
    """

    tables: list[tuple[str, str, pl.DataFrame]]
    timeframes: list[str]
    near: bool
    reads: int


def told(loaded: ReadableLake, reads: int, *, grace_ns: int) -> Told:
    """Read all tables of what a loader returned."""
    frames = list(loaded.own) if isinstance(loaded, FrameLake) else loaded.timeframes()
    tables = list(tables_of(loaded, frames, grace_ns=grace_ns, start=None, end=None))
    large = not isinstance(loaded, FrameLake)
    near = large or any(rows.height > _WHOLE_ROWS for _, _, rows in tables)
    return Told(tables, frames, near, reads)


def _feed_of(run: Market) -> Feed:
    # An audit's market is fed from a lake.
    return cast("Feed", run.feed)


class World:
    """Walk beside a run's market in one perturbation.

    Parameters
    ----------
    perturbation
        ``cut`` or ``other``.
    original, plugs
        The lake, and what is plugged in.
    params
        Those of this world: fitted on its lake, if they are fitted.
    findings
        Where differences go.
    """

    def __init__(
        self,
        perturbation: Perturbation,
        original: Original,
        plugs: Plugs,
        params: Params,
        findings: Findings,
    ) -> None:
        self.perturbation: Perturbation = perturbation
        self.original = original
        self.plugs = plugs
        self.params = params
        self.findings = findings
        self.tolerance = TOLERANCE if plugs.loader or plugs.view_builder else 0.0
        self.at_ns = -1
        self.market: Market | None = None
        self.fills: tuple[Fill, ...] = ()
        self.survey: Survey | None = None
        self.alike = True
        self._lake: RemadeLake | None = None
        self._exact: list[Callable[[], differences.Difference | None]] = []

    def enter(self, run: Market) -> None:
        """Begin with what the run's market knows; its facts are the run's until `remake`."""
        self.market = run.twin()
        self.at_ns = -1

    def leave(self) -> None:
        """Stop walking; nothing is compared until `enter`."""
        self.market = None
        if self._lake is not None:
            self._lake.expire()
            self._lake = None

    def remake(self, at_ns: int, run: Market, before: Told | None) -> None:
        """Put another future into this world's market: the one behind an instant."""
        if self.market is None or self.at_ns == at_ns:
            return
        if self._lake is not None:
            self._lake.expire()
        lake = self._fresh(at_ns)
        self._lake, self.at_ns = lake, at_ns
        if before is None:
            self.market.reread(_feed_of(run).reading(cast("Lake", lake)))
            return
        loaded: list[ReadableLake] = []
        if self._failed(at_ns, "loader", lambda: loaded.append(self._reload(lake, run, before))):
            self.market = None
            return
        if not self.findings.full("facts"):
            self._compare_facts(at_ns, loaded[0], before)
        if not lake.reads:
            what = "the loader did not read the lake it was given: it can't be vouched for"
            self.findings.say(at_ns, self.perturbation, "loader", what)

    def _reload(self, lake: RemadeLake, run: Market, before: Told) -> ReadableLake:
        assert self.market is not None  # noqa: S101 - remake has asked
        loaded = self.plugs.loaded(lake, timeframe=_feed_of(run).timeframe)
        if before.reads and not lake.reads:
            what = (
                "the loader read the lake at its first call only and keeps what it read; read at "
                "each call anew"
            )
            self.findings.say(lake.at_ns, self.perturbation, "loader", what)
        self.market.reread(_feed_of(run).reading(cast("Lake", loaded)))
        return loaded

    def _compare_facts(self, at_ns: int, loaded: ReadableLake, before: Told) -> None:
        import polars as pl

        start, end = last_days(at_ns, NEAR_SESSIONS) if before.near else (None, None)
        grace_ns = self.original.grace_ns
        frames = before.timeframes
        tables = tables_of(loaded, frames, grace_ns=grace_ns, start=start, end=end)
        for (kind, label, was), (_, _, became) in zip(before.tables, tables, strict=True):
            rows = was
            if start is not None and kind == "bars":
                day = pl.col("ts").dt.convert_time_zone("America/New_York").dt.date()
                rows = was.filter(day.is_between(start, end))
            elif start is not None and kind == "news":
                rows = was.filter(pl.col("known_at").dt.date().is_between(start, end))
            known = pl.col("_known") <= at_ns
            found = of_facts(kind, label, rows.filter(known), became.filter(known))
            if found is not None:
                self.findings.add(at_ns, self.perturbation, "facts", found)

    def open(self, session: Session) -> None:
        """Begin a session."""
        if self.market is not None and self._failed(
            session.pre_ns, "facts", lambda: self._opened(session)
        ):
            self.market = None

    def _opened(self, session: Session) -> None:
        assert self.market is not None  # noqa: S101 - open has asked
        self.market.open_session(session)

    def advance(self, at_ns: int) -> None:
        """Let time pass, and see what is to be seen."""
        if self.market is None:
            return
        self.fills, self.survey = self.market.advance(at_ns)
        self.alike = True
        self._exact = []

    def compare_seen(self, run: Market, fills: tuple[Fill, ...], survey: Survey) -> None:
        """Compare fills and survey with the run's, all plugs applied."""
        if self.market is None or self.survey is None:
            return
        at_ns, own = survey.asof_ns, self.survey

        def plug() -> None:
            self.fills = self.plugs.filled(self.fills, self._fresh(at_ns))
            self.survey = self.plugs.seen(own, self._fresh(at_ns))

        if self._failed(at_ns, "survey", plug):
            self.alike = False
            return
        names = run.feed.names
        self._note(at_ns, "fill", differences.of_fills(fills, self.fills, names))
        found = differences.of_survey(survey, self.survey, names, tolerance=self.tolerance)
        self._note(at_ns, "survey", found)
        seen = self.survey
        self._exact.append(lambda: differences.of_survey(survey, seen, names))

    def compare_view(self, ask: Look, view: MarketView, state: PortfolioState) -> Decision | None:
        """Compare the view, and decide in this world; None where that is impossible."""
        if self.market is None or self.survey is None:
            return None
        market, survey, params = self.market, self.survey, self.params.on(view.session.day)
        made: list[Decision] = []

        def look(symbols: Any) -> MarketView:  # noqa: ANN401 - int32[k]
            one = Look(ask.asof_ns, symbols, survey, ask.scan, ask.choose)
            return self.plugs.seen(market.look(one), self._fresh(ask.asof_ns))

        def decide() -> None:
            own = look(ask.symbols)
            found = differences.of_view(view, own, tolerance=self.tolerance)
            self._note(ask.asof_ns, "view", found)
            first = own
            self._exact.append(lambda: differences.of_view(view, first))
            narrowed = None
            if ask.scan:
                narrowed = narrow(survey, state.active, params, choose=ask.choose)
                held = np.array([e.symbol for e in state.entries], np.int32)
                wanted = np.union1d(held, narrowed.passed).astype(np.int32)
                if wanted.tolist() != ask.symbols.tolist():
                    own = look(wanted)
            made.append(step(state, own, self.fills, params, narrowed=narrowed)[1])

        if self._failed(ask.asof_ns, "view", decide):
            self.alike = False
        return made[0] if made else None

    def compare_decision(self, was: Decision, became: Decision | None, run: Market) -> None:
        """Compare what was decided."""
        if self.market is None or became is None:
            return
        found = differences.of_decision(was, became, run.feed.names)
        if found is not None and self.alike and any(test() is not None for test in self._exact):
            return  # The last bits of what was seen differ, and so may the decision's.
        if found is not None and self.alike and self.params is self.market.params:
            what = (
                f"{found.what}, though all that was seen was the same: a component keeps state "
                "between calls or reads what isn't its argument"
            )
            found = differences.Difference(found.symbol, what, found.was, found.became)
        self._note(was.asof_ns, "decision", found)

    def follow(self, run: Market) -> None:
        """Take the run's book; after a difference, all that the run's market knows."""
        if self.market is None:
            return
        if not self.alike:
            self.enter(run)
        self.market.book = run.book

    def _note(self, at_ns: int, layer: str, found: differences.Difference | None) -> None:
        if found is not None:
            self.alike = False
            self.findings.add(at_ns, self.perturbation, layer, found)

    def _fresh(self, at_ns: int) -> RemadeLake:
        return RemadeLake(
            self.original, self.perturbation, at_ns, late_bars=self.plugs.plant(self.original)
        )

    def _failed(self, at_ns: int, layer: str, act: Callable[[], object]) -> bool:
        # What runs in the run and fails here needs the future to exist.
        try:
            act()
        except Exception as error:  # noqa: BLE001 - code of a user may raise anything
            reason = str(error).partition("\n")[0]
            what = f"failed without the future ({type(error).__name__}: {reason})"
            self.findings.say(at_ns, self.perturbation, layer, what)
            return True
        return False
