"""Variants replayed together: one pass over the data, each with its own account and tables.

Compare with the live driver: both send the session loop what it asks for; nothing below knows which
of them it is.
"""

from __future__ import annotations

import copy
import datetime as dt
import json
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from catalyst.data.calendar import day_to_date
from catalyst.data.feed import Feed
from catalyst.data.lake import TABLES, Lake
from catalyst.data.market import Market
from catalyst.data.metrics import Benchmarks, Curve
from catalyst.data.recorder import Recorder
from catalyst.data.search_ledger import DEFAULT, Counting, ledger_of
from catalyst.data.tables import TableWriter
from catalyst.data.watch import unchanged
from catalyst.research.result import Result
from catalyst.research.run_summary import summarise
from catalyst.research.trial_records import count
from catalyst.strategy.exchange import Book
from catalyst.strategy.history import history_key
from catalyst.strategy.ledger import begin
from catalyst.strategy.money import MICRO
from catalyst.strategy.params import Params
from catalyst.strategy.portfolio import PortfolioState
from catalyst.strategy.session import (
    Actions,
    Advance,
    Decided,
    Look,
    Request,
    run_session,
    sees_whole_windows,
)
from catalyst.strategy.values import MarketView, Session, Survey

Progress = Callable[[int, int, dt.date], None]
Tables = Literal["all", "money"]


def replay_together(
    lake: Lake,
    variants: Sequence[Params],
    *,
    timeframe: str | None = None,
    start: dt.date | None = None,
    end: dt.date | None = None,
    symbols: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
    feed: Feed | None = None,
    tables: Tables = "all",
    progress: Progress | None = None,
    ledger: Counting = DEFAULT,
) -> list[Result]:
    """Replay variants over a lake in one pass over the data.

    Parameters
    ----------
    lake, timeframe, start, end, symbols, sources, progress, feed, ledger
        As in `catalyst.research.replay.replay`.
    variants
        In any number. Those that see the same history share it; others take a pass each.
    tables
        ``money`` leaves decisions, candidates, patterns and signals empty, and with them the
        decision digest and what binds: enough to compare outcomes, and faster.

    Returns
    -------
    list of Result
        In the order of the variants; each holds the bytes that it would hold alone.

    Raises
    ------
    LakeError
        If the lake has no such bars, symbols, sources or sessions, or is written to meanwhile.
    ConservationError
        If money or shares don't add up exactly.
    OutputError
        If the ledger can't be written.
    """
    counted = ledger_of(ledger)
    groups: dict[tuple[object, ...], list[int]] = {}
    for k, params in enumerate(variants):
        groups.setdefault(history_key(params), []).append(k)
    found: dict[int, Result] = {}
    # Until all is counted: whoever interrupts twice ends the process before Python would tidy up.
    with ExitStack() as unfinished:
        with unchanged(lake.root, TABLES):
            feed = feed or Feed(lake, timeframe, symbols, sources)
            for number, places in enumerate(groups.values()):
                chosen = [variants[k] for k in places]
                told = _part(progress, number, len(groups))
                span = (_date(start), _date(end))
                # A feed counts what it read: each pass reads it all.
                results = _one_pass(
                    copy.copy(feed), chosen, span, unfinished, tables=tables, progress=told
                )
                found.update(zip(places, results, strict=True))
        out = [found[k] for k in range(len(variants))]
        if counted is not None:
            count(out, lake, counted)
        unfinished.pop_all()
    return out


@dataclass
class _Account:
    """One variant in the pass: its state, its working orders, what it leaves behind."""

    params: Params
    folder: tempfile.TemporaryDirectory[str]
    writer: TableWriter
    recorder: Recorder
    state: PortfolioState
    curve: Curve
    book: Book = field(default_factory=Book)
    since_ns: int = 0
    rules: Params = field(default_factory=Params)
    loop: Generator[Request, Any, PortfolioState] | None = None
    ask: Request | None = None

    def open_session(self, session: Session, market: Market) -> None:
        self.since_ns = session.pre_ns
        self.rules = self.params.on(session.day)
        self.loop = run_session(self.state, session, grid=market.feed.grid, params=self.rules)
        self._send(None, market)

    def _send(self, answer: object, market: Market) -> None:
        """Answer the loop until it asks for time to pass, or for a look, or has ended."""
        assert self.loop is not None  # noqa: S101 - a session is open
        while True:
            try:
                ask = self.loop.send(answer)
            except StopIteration as stop:
                self.state, self.ask = stop.value, None
                return
            match ask:
                case Advance(idle=True):
                    answer = None
                case Advance() | Look():
                    self.ask = ask
                    return
                case Decided(decision, after, adjustments):
                    self.book = self.book.changed(decision.cancels, decision.orders)
                    grown = market.path.at(decision.asof_ns)
                    self.recorder.decided(decision, after, adjustments, market=grown)
                    answer = None
                case Actions(_, symbols):
                    answer = market.actions_of(symbols)

    def advance(self, asof_ns: int, survey: Survey, market: Market) -> Look:
        """Meet the bars that ended; return what the variant wants to look at."""
        self.book, fills = market.matched(self.book, self.since_ns, asof_ns, self.rules.execution)
        self.since_ns = asof_ns
        self.recorder.fills(fills)
        self._send((fills, survey), market)
        assert isinstance(self.ask, Look)  # noqa: S101 - the loop looks after it has advanced
        return self.ask

    def look(self, view: MarketView, market: Market) -> None:
        self._send(view, market)


def _one_pass(
    feed: Feed,
    variants: Sequence[Params],
    span: tuple[dt.date | None, dt.date | None],
    unfinished: ExitStack,
    *,
    tables: Tables,
    progress: Progress | None,
) -> list[Result]:
    before, sessions = feed.span(*span)
    market = Market(feed, variants[0])
    market.warm_up(before)
    benchmarks = Benchmarks()
    with ExitStack() as open_writers:
        accounts = [_account(feed, params, unfinished, open_writers, tables) for params in variants]
        for k, session in enumerate(sessions):
            market.open_session(session)
            if k + 1 < len(sessions):
                market.read_ahead(sessions[k + 1])
            _drive(accounts, session, market)
            market.close_session()
            benchmarks.add(market.returns, market.closes)
            for account in accounts:
                account.recorder.check(account.state)
                values = account.curve.values
                values.append(account.state.equity_micro / MICRO)
                growth = (values[-1] / values[0], *benchmarks.growth)
                account.writer.row("benchmarks", (session.close_ns, *growth))
            if progress is not None:
                progress(k + 1, len(sessions), day_to_date(session.day))
        still_open = [account.recorder.finish() for account in accounts]
    data_digest = feed.lake.digest()
    for account, positions in zip(accounts, still_open, strict=True):
        summary = summarise(
            feed,
            account.params,
            sessions,
            counts=market.counts,
            recorder=account.recorder,
            curve=account.curve,
            benchmarks=benchmarks,
            open_positions=positions,
            data_digest=data_digest,
        )
        Path(account.folder.name, "summary.json").write_text(
            json.dumps(summary, indent=2) + "\n", encoding="utf-8"
        )
    return [Result(account.params, account.folder, feed.lake) for account in accounts]


def _account(
    feed: Feed, params: Params, unfinished: ExitStack, open_writers: ExitStack, tables: Tables
) -> _Account:
    folder = tempfile.TemporaryDirectory(prefix="catalyst-run-")
    unfinished.push(folder)
    writer = open_writers.enter_context(TableWriter(Path(folder.name)))
    state = begin(params)
    recorder = Recorder(writer, feed.names, state.cash_micro, money_only=tables == "money")
    curve = Curve([state.cash_micro / MICRO])
    return _Account(params, folder, writer, recorder, state, curve)


def _drive(accounts: Sequence[_Account], session: Session, market: Market) -> None:
    for account in accounts:
        account.open_session(session, market)
    while True:
        waiting = [(a, a.ask) for a in accounts if isinstance(a.ask, Advance)]
        if not waiting:
            return
        asof_ns = min(ask.asof_ns for _, ask in waiting)
        survey = market.survey(asof_ns)
        views: dict[tuple[object, ...], MarketView] = {}
        for account, ask in waiting:
            if ask.asof_ns == asof_ns:
                look = account.advance(asof_ns, survey, market)
                # Equal asks get the same view: it is never written to.
                whole = sees_whole_windows(look, account.rules)
                key = (look.symbols.tobytes(), look.scan, look.choose, whole)
                if key not in views:
                    views[key] = market.look(look, account.rules)
                account.look(views[key], market)


def _part(progress: Progress | None, number: int, passes: int) -> Progress | None:
    if progress is None or passes == 1:
        return progress
    tell = progress

    def told(done: int, total: int, day: dt.date) -> None:
        tell(number * total + done, passes * total, day)

    return told


def _date(day: dt.date | str | None) -> dt.date | None:
    return dt.date.fromisoformat(day) if isinstance(day, str) else day
