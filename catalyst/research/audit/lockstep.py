"""A run with two worlds beside it that have its past and another future."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from catalyst.data.calendar import day_to_date
from catalyst.data.codec import digest
from catalyst.data.feed import Feed
from catalyst.data.lake import Lake
from catalyst.data.market import Market
from catalyst.research.audit import differences
from catalyst.research.audit.fills import OwnBars, better
from catalyst.research.audit.instants import every_instant
from catalyst.research.audit.original import Original
from catalyst.research.audit.outside_reads import outside_of, outside_text
from catalyst.research.audit.plugs import Plugs, failing
from catalyst.research.audit.remade import RemadeLake
from catalyst.research.audit.violations import Findings
from catalyst.research.audit.worlds import Told, World
from catalyst.strategy.decisions import Decision, Fill
from catalyst.strategy.ledger import begin, roll_day
from catalyst.strategy.params import Params
from catalyst.strategy.portfolio import PortfolioState
from catalyst.strategy.session import Actions, Advance, Decided, Look, run_session
from catalyst.strategy.values import MarketView, Session, Survey

Progress = Callable[[int, int, dt.date], None]

_AGAIN = 8
"""Instants at which each plug is called twice with the same arguments."""

_START_TOLERANCE = 1e-6


@dataclass
class Walk:
    """Walk a run, with worlds beside it at some instants or all.

    Attributes
    ----------
    original, plugs, params, feed
        The lake; what is plugged in; the run's parameters and feed.
    worlds
        The worlds beside it.
    findings
        Where differences go.
    chosen
        Decision times to look at, ascending; None for all.
    told
        What the loader gave, None without one.
    own
        The lake's own bars beside the loader's; None without a loader, or where it has none.
    shorter
        How many sessions to leave out at the beginning, to see whether a view depends on them.
    instants, decision_times
        Decision times looked at, and all there were.
    digests
        Each decision's, by instant.
    """

    original: Original
    plugs: Plugs
    params: Params
    feed: Feed
    worlds: list[World]
    findings: Findings
    chosen: Sequence[int] | None
    told: Told | None
    own: OwnBars | None
    shorter: int

    def __post_init__(self) -> None:
        """Begin at nothing."""
        self.market = Market(self.feed, self.params)
        self.state: PortfolioState = begin(self.params)
        self.instants = 0
        self.decision_times = 0
        self.digests: list[tuple[int, str]] = []
        self._digest = hashlib.sha256()
        self._looked_at = False
        self._late = False
        self._again = 0
        self._watches: dict[str, int] = {}
        self._wanted = set(self.chosen or ())

    @property
    def decision_digest(self) -> str:
        """Return the digest over all decisions, as in a run's summary."""
        return self._digest.hexdigest()

    def run(
        self, before: list[Session], sessions: list[Session], progress: Progress | None
    ) -> None:
        """Walk through all sessions."""
        self.market.warm_up(before)
        late_from = len(sessions) - max(1, len(sessions) // 10)
        for k, session in enumerate(sessions):
            self._late = k >= late_from
            self._session(session)
            if progress is not None:
                progress(k + 1, len(sessions), day_to_date(session.day))

    def _session(self, session: Session) -> None:
        market, grid = self.market, self.feed.grid
        every = every_instant(session, grid, self.params)
        ahead = every if self.chosen is None else [at for at in every if at in self._wanted]
        if ahead:
            for world in self.worlds:
                world.enter(market)
                world.remake(ahead[0], market, self.told)
                world.open(session)
        market.open_session(session)
        if self.own is not None:
            grace_ns = self.original.grace_ns
            for found in self.own.open(session, market.bars_today, grace_ns=grace_ns):
                self.findings.add(session.pre_ns, "lake", "fill", found)
        self._drive(session, ahead)
        market.close_session()
        for world in self.worlds:
            world.leave()

    def _drive(self, session: Session, ahead: list[int]) -> None:
        self.state = roll_day(self.state, session)
        loop = run_session(self.state, session, grid=self.feed.grid, params=self.params)
        answer: Any = None
        decided: list[Decision | None] = []
        while True:
            try:
                ask = loop.send(answer)
            except StopIteration as stop:
                self.state = stop.value
                return
            match ask:
                case Advance(idle=True):
                    answer = None
                case Advance(asof_ns):
                    answer = self._advance(asof_ns)
                case Look():
                    view = self._view(ask)
                    answer = view
                    decided = []
                    if self._looked_at:
                        decided = [w.compare_view(ask, view, self.state) for w in self.worlds]
                case Decided(decision, after, _):
                    self._decided(decision, after, decided, ahead)
                    decided, answer = [], None
                case Actions(_, symbols):
                    answer = self.market.actions_of(symbols)

    def _advance(self, at_ns: int) -> tuple[tuple[Fill, ...], Survey]:
        market, names = self.market, self.feed.names
        self._looked_at = self.chosen is None or at_ns in self._wanted
        self.instants += self._looked_at
        self.decision_times += 1
        for world in self.worlds:
            if self._looked_at:
                world.remake(at_ns, market, self.told)
            world.advance(at_ns)
        model = None
        if self.own is not None and market.book.working:
            model = market.fills_on(self.own.bars, at_ns)
        found, seen = market.advance(at_ns)
        if self.own is not None and model is not None:
            for one in better(found, model, names, scale=self.own.scale):
                self.findings.add(at_ns, "lake", "fill", one)
        fills = self._filled(found, at_ns)
        survey = self._seen(seen)
        if self._looked_at:
            for world in self.worlds:
                world.compare_seen(market, fills, survey)
        return fills, survey

    def _filled(self, found: tuple[Fill, ...], at_ns: int) -> tuple[Fill, ...]:
        if self.plugs.fills is None:
            return found
        with failing("fills", at_ns), self._watched("fills", at_ns, due=bool(found)):
            fills = self.plugs.filled(found, RemadeLake(self.original))
        flaws = list(better(fills, found, self.feed.names, scale=None))
        for one in flaws:
            self.findings.add(at_ns, "lake", "fill", one)
        # The ledger would not survive fills of no order.
        return found if flaws else fills

    def _seen(self, seen: Any) -> Any:  # noqa: ANN401 - a Survey or a MarketView, and back
        if self.plugs.view_builder is None:
            return seen
        lake = RemadeLake(self.original)
        due = self._looked_at and self._again < _AGAIN
        with (
            failing("view builder", seen.asof_ns),
            self._watched("view builder", seen.asof_ns, due=due),
        ):
            found = self.plugs.seen(seen, lake)
        if self._looked_at and self._again < _AGAIN:
            self._again += isinstance(seen, MarketView)
            again = RemadeLake(self.original)
            second = self.plugs.seen(seen, again)
            self._compare_again(found, second, "again", 0.0)
            if lake.reads != again.reads:
                what = (
                    "the view builder reads another amount when it is called again with the same "
                    "arguments: it keeps what it read; read at each call anew"
                )
                self.findings.say(found.asof_ns, "again", "view builder", what)
        if self._looked_at and self._late and self.shorter:
            short = self.plugs.seen(seen, RemadeLake(self.original, drop=self.shorter))
            self._compare_again(found, short, "start", _START_TOLERANCE)
        return found

    @contextmanager
    def _watched(self, name: str, at_ns: int, *, due: bool) -> Iterator[None]:
        # Watching slows code down, so only the first calls are.
        if not due or self._watches.get(name, 0) >= 2 * _AGAIN:
            yield
            return
        self._watches[name] = self._watches.get(name, 0) + 1
        with outside_of(self.original.scratch) as read:
            yield
        for path in read:
            self.findings.say(at_ns, "lake", name, outside_text(name, path))

    def _compare_again(self, was: Any, became: Any, tried: str, tolerance: float) -> None:  # noqa: ANN401 - two surveys or two views
        if isinstance(was, Survey):
            one = differences.of_survey(was, became, self.feed.names, tolerance=tolerance)
        else:
            one = differences.of_view(was, became, tolerance=tolerance)
        if one is not None:
            why = {
                "again": "differs when it is asked for again: the view builder keeps state",
                "start": "depends on where the data begins: a running sum or an expanding mean",
            }[tried]
            told = differences.Difference(one.symbol, f"{one.what} {why}", one.was, one.became)
            layer = "view builder" if tried == "again" else "start"
            self.findings.add(was.asof_ns, tried, layer, told)

    def _view(self, ask: Look) -> MarketView:
        view: MarketView = self._seen(self.market.look(ask))
        return view

    def _decided(
        self,
        decision: Decision,
        after: PortfolioState,
        decided: list[Decision | None],
        ahead: list[int],
    ) -> None:
        market = self.market
        market.decided(decision)
        text = digest(decision, self.feed.names)
        self._digest.update(text.encode())
        self.digests.append((decision.asof_ns, text))
        self.state = after
        for world, became in zip(self.worlds, decided, strict=False):
            world.compare_decision(decision, became, market)
        later = int(np.searchsorted(ahead, decision.asof_ns, side="right"))
        for world in self.worlds:
            world.follow(market)
            if self.chosen is not None:
                if later < len(ahead):
                    world.remake(ahead[later], market, self.told)
                elif decided:
                    world.leave()


def own_bars(feed: Feed, lake: Lake) -> OwnBars | None:
    """Return the lake's own bars in the symbol table of a loader's; None where it has none."""
    if feed.timeframe not in lake.timeframes():
        return None
    return OwnBars(feed.reading(lake, anew=True))
