"""The market of a replay: time passes, bars become known, orders meet bars."""

from __future__ import annotations

import copy
from bisect import bisect_left
from concurrent.futures import Future
from dataclasses import replace
from threading import Thread

import numpy as np

from catalyst.data.calendar import day_to_date
from catalyst.data.known_source import KnownSource
from catalyst.data.market_path import MarketPath, opening_values
from catalyst.data.matching import match
from catalyst.data.metrics import Jump
from catalyst.data.run_counts import Counts
from catalyst.data.session_bars import SessionBars
from catalyst.strategy.clock import (
    DAY_NS,
    last_base_bar,
    last_complete_slot,
    market_state,
)
from catalyst.strategy.decisions import Decision, Fill
from catalyst.strategy.exchange import Book
from catalyst.strategy.history import FRAME_BARS, History, Rows
from catalyst.strategy.news import empty_news
from catalyst.strategy.params import ExecutionParams, Params
from catalyst.strategy.portfolio import Action
from catalyst.strategy.session import Look, sees_whole_windows
from catalyst.strategy.values import Bytes, Floats, Ints, MarketView, NewsBatch, Session, Survey

_LOOK_BARS = 8
# A 2:1 split on a day of +-10 % shows as -55 to -45 %, a 1:2 one as +80 to +120 %.
_FELL, _ROSE = -0.45, 0.8
_NEWS_REACH_NS = 15 * DAY_NS
_FAR = 1 << 40


class Market:
    """Answer the session loop from a feed.

    Parameters
    ----------
    feed
        The lake, in the order of time.
    params
        Windows, fill model, costs.
    exchange
        Whose splits and dividends the broker books, known or not, where that is not the feed.

    Attributes
    ----------
    rules
        The parameters of the open session.
    book
        The exchange's working orders.
    adjusted : int8[m]
        How each symbol's latest bars are adjusted: 0 raw, 1 split, 2 all, -1 unseen.
    closes, returns : float64[m]
        Each symbol's last close (USD), and its total return over the current session; NaN without
        bars.
    counts
        What a reader should know of the data of the whole run.
    path
        What all symbols held equally made, from bar to bar.
    """

    def __init__(
        self, feed: KnownSource, params: Params, *, exchange: KnownSource | None = None
    ) -> None:
        m = len(feed.names)
        self.feed = feed
        self.params = params
        self.rules = params
        self.book = Book()
        self.history = History(m, feed.grid, params)
        self.adjusted: Bytes = np.full(m, -1, np.int8)
        self.closes: Floats = np.full(m, np.nan)
        self.returns: Floats = np.full(m, np.nan)
        self.counts = Counts()
        self.path = MarketPath()
        self._asof_ns = 0
        self._news_ns = 0
        self._news = empty_news()
        self._news_at = 0
        self._ahead: Future[tuple[SessionBars, NewsBatch]] | None = None
        self._today: SessionBars | None = None
        self._queue: Rows | None = None
        self._queue_known: Ints = np.empty(0, np.int64)
        self._pushed = 0
        self._actions = list((exchange or feed).actions)
        self._ex_today: tuple[Action, ...] = ()
        self._opened: list[tuple[int, int]] = []
        self._late: list[tuple[Session, tuple[Action, ...], Floats]] = []
        self._unknown_splits: list[tuple[int, Action, int]] = []
        self._before: Session | None = None
        self._ex_before: tuple[Action, ...] = ()
        self._closes_before = self.closes

    def warm_up(self, before: list[Session]) -> None:
        """Feed history with the sessions before the first; nothing is decided or traded."""
        for k, session in enumerate(before):
            self.open_session(session)
            if k + 1 < len(before):
                self.read_ahead(before[k + 1])
            self._push_until(session.post_ns)
            self.close_session()
        self.counts, self.path = Counts(), MarketPath()

    def open_session(self, session: Session) -> None:
        """Begin a session: yesterday's coarser bars, today's splits, universe and bars to come."""
        if self._before is not None:
            coarse = self.feed.coarse(self._before, known_by_ns=session.pre_ns)
            if coarse is not None:
                symbol, totals, raw = coarse
                self.history.add_coarse(self._before, symbol, totals=totals, raw=raw)
        self.rules = self.params.on(session.day)
        cut = session.close_ns if self.feed.grid.daily else session.pre_ns
        self.history.open_session(session, member=self.feed.members(session, known_by_ns=cut))
        self._take_actions(session)
        self._today, self._news = self._ahead.result() if self._ahead else self._read(session)
        self._news_at, self._ahead = 0, None
        self.counts.late_bars += self._today.late
        self.counts.assumed_bars += self._today.assumed
        self.counts.bars += len(self._today.known_ns)
        self.counts.adjusted_bars += int((~self._today.rows.raw).sum())
        self._today, dropped = _in_new_shares(self._today, self._ex_today, self.closes)
        self.counts.old_share_bars += dropped
        self._queue, self._queue_known = self._queued(self._today)
        self._pushed = 0
        self._today_is(session)
        self._asof_ns = session.pre_ns
        self.counts.newsless_sessions += not len(self._news.symbol)
        self._push_news(session.pre_ns)
        self._before = session
        self.adjusted = np.where(
            self._today.adjusted >= 0, self._today.adjusted, self.adjusted
        ).astype(np.int8)
        opening = opening_values(self.closes, self._ex_today, self.adjusted)
        self.path.open_session(self._today, *opening)

    def read_ahead(self, session: Session) -> None:
        """Read the next session's files beside this one's decisions; nothing looks at them yet."""
        ahead: Future[tuple[SessionBars, NewsBatch]] = Future()

        def read() -> None:
            try:
                ahead.set_result(self._read(session))
            except BaseException as error:  # noqa: BLE001 - raised where the session is opened
                ahead.set_exception(error)

        # No pool: one that is interrupted while it starts its thread keeps Python from ending.
        self._ahead = ahead
        Thread(target=read, name="read-ahead", daemon=True).start()

    def reread(self, feed: KnownSource) -> None:
        """Forget what isn't known yet, and read it anew; between sessions, the next one's facts.

        What is known stays; an audit puts another future into the market.

        The feed's symbol table, series and grid must be the same.
        """
        self.feed = feed
        self._unknown_splits = [
            (a.known_ns, a, self._opened[at][1])
            for a in feed.actions
            if a.kind == "split" and a.known_ns > self._asof_ns
            if (at := bisect_left(self._opened, (a.day, 0))) < len(self._opened)
        ]
        if self._today is None or self._before is None:
            return
        session, grace_ns = self._before, round(self.params.execution.bar_grace_s * 1e9)
        self._today, _ = _in_new_shares(
            feed.bars(session, grace_ns=grace_ns), self._ex_today, self.closes
        )
        self._queue, self._queue_known = self._today.rows, self._today.known_ns
        for late, actions, closes in self._late:
            bars, _ = _in_new_shares(feed.bars(late, grace_ns=grace_ns), actions, closes)
            self._pushed = int(bars.known_ns.searchsorted(self._asof_ns, side="right"))
            today = replace(self._today, rows=self._queue, known_ns=self._queue_known)
            self._queue, self._queue_known = bars.rows, bars.known_ns
            self._queue, self._queue_known = self._queued(today)
        self._pushed = int(self._queue_known.searchsorted(self._asof_ns, side="right"))
        self._news, self._news_at = feed.news(self._asof_ns, session.post_ns), 0

    def twin(self) -> Market:
        """Return a market that knows the same, and shares nothing that changes."""
        other = copy.copy(self)
        kept = {id(one): one for one in (self.params, self.feed.grid)}
        other.history = copy.deepcopy(self.history, kept)
        other.counts, other.path = copy.deepcopy(self.counts), copy.copy(self.path)
        for name in ("_opened", "_late", "_unknown_splits"):
            setattr(other, name, list(getattr(self, name)))
        return other

    def _read(self, session: Session) -> tuple[SessionBars, NewsBatch]:
        after_ns = self._news_ns or session.pre_ns - _NEWS_REACH_NS
        self._news_ns = session.post_ns
        grace_ns = round(self.params.execution.bar_grace_s * 1e9)
        return self.feed.bars(session, grace_ns=grace_ns), self.feed.news(after_ns, session.post_ns)

    def _queued(self, today: SessionBars) -> tuple[Rows, Ints]:
        if self._queue is None or self._pushed == len(self._queue_known):
            return today.rows, today.known_ns
        known = np.concatenate([self._queue_known[self._pushed :], today.known_ns])
        columns = {
            name: np.concatenate(
                [getattr(self._queue, name)[self._pushed :], getattr(today.rows, name)]
            )
            for name in Rows.__dataclass_fields__
        }
        order = np.lexsort((columns["ts_ns"], columns["symbol"], known))
        return Rows(**{name: values[order] for name, values in columns.items()}), known[order]

    def _today_is(self, session: Session) -> None:
        # Bars of earlier sessions that are still to become known, and what their day was like.
        assert self._queue is not None  # noqa: S101 - a session is open
        oldest = int(self._queue.ts_ns.min()) if len(self._queue_known) else session.pre_ns
        self._late = [row for row in self._late if oldest < row[0].post_ns < session.post_ns]
        if self._before is not None and oldest < self._before.post_ns:
            self._late.append((self._before, self._ex_before, self._closes_before))
        self._ex_before, self._closes_before = self._ex_today, self.closes

    def _take_actions(self, session: Session) -> None:
        due = [a for a in self._actions if a.day <= session.day]
        self._actions = self._actions[len(due) :]
        self._ex_today = tuple(due)
        taken = self._opened[-1][0] if self._opened else -_FAR
        self._unknown_splits += [
            (a.known_ns, a, session.pre_ns)
            for a in self.feed.actions
            if taken < a.day <= session.day and a.kind == "split"
        ]
        self._opened.append((session.day, session.pre_ns))
        self._let_splits_in(session.pre_ns)

    def _let_splits_in(self, asof_ns: int) -> None:
        if not self._unknown_splits:
            return
        for known_ns, action, ex_ns in self._unknown_splits:
            if known_ns <= asof_ns:
                self.history.add_split(action.symbol, ex_ns, ratio=action.value)
        self._unknown_splits = [row for row in self._unknown_splits if row[0] > asof_ns]

    def actions_of(
        self, symbols: tuple[int, ...], *, after_day: int | None = None
    ) -> tuple[Action, ...]:
        """Return today's actions of held symbols that their bars don't contain already.

        The broker books them on the ex-date, known or not. Adjusted bars contain splits; bars
        adjusted for everything contain dividends too. With ``after_day`` (days since 1970-01-01),
        those of all days after it up to today.
        """
        kinds = {0: ("split", "dividend"), 1: ("dividend",)}
        actions = self._ex_today
        if after_day is not None:
            actions = tuple(a for a in self.feed.actions if after_day < a.day <= self.session.day)
        return tuple(
            a
            for a in actions
            if a.symbol in symbols and a.kind in kinds.get(int(self.adjusted[a.symbol]), ())
        )

    def advance(self, asof_ns: int) -> tuple[tuple[Fill, ...], Survey]:
        """Let time pass: match the book against the bars that ended; let facts become known."""
        self.book, fills = self.matched(self.book, self._asof_ns, asof_ns, self.rules.execution)
        return fills, self.survey(asof_ns)

    def survey(self, asof_ns: int) -> Survey:
        """Let facts become known until an instant; the book stays as it is."""
        self._let_splits_in(asof_ns)
        self._push_until(asof_ns)
        self._asof_ns = asof_ns
        return self.history.survey(asof_ns)

    def _push_until(self, asof_ns: int) -> None:
        assert self._queue is not None  # noqa: S101 - a session is open
        end = int(self._queue_known.searchsorted(asof_ns, side="right"))
        self.history.push(self._queue, self._pushed, end)
        self._pushed = max(end, self._pushed)
        self._push_news(asof_ns)

    def _push_news(self, asof_ns: int) -> None:
        known = self._news.known_ns
        if self._news_at < len(known) and known[self._news_at] <= asof_ns:
            end = int(known.searchsorted(asof_ns, side="right"))
            part = slice(self._news_at, end)
            self.history.news.push(
                replace(self._news, **{k: v[part] for k, v in vars(self._news).items()})
            )
            self._news_at = end

    @property
    def bars_today(self) -> SessionBars:
        """Return the bars of the open session, those to come included."""
        assert self._today is not None  # noqa: S101 - a session is open
        return self._today

    @property
    def news_today(self) -> NewsBatch:
        """Return the news read for the open session, what is to come included."""
        return self._news

    def fills_on(self, today: SessionBars, asof_ns: int) -> tuple[Fill, ...]:
        """Return what the working orders would fill until an instant on other bars."""
        orders, since_ns = self.rules.execution, self._asof_ns
        return match(self.book, today, self.session, self.feed.grid, (since_ns, asof_ns), orders)[1]

    def matched(
        self, book: Book, since_ns: int, asof_ns: int, execution: ExecutionParams
    ) -> tuple[Book, tuple[Fill, ...]]:
        """Match any account's working orders against today's bars that ended in between."""
        span_ns = (since_ns, asof_ns)
        return match(book, self.bars_today, self.session, self.feed.grid, span_ns, execution)

    @property
    def session(self) -> Session:
        """Return the open session."""
        return self.history.session

    def look(self, ask: Look, params: Params | None = None) -> MarketView:
        """Copy out the view of an instant; for another variant with the same `history_key`."""
        history, session = self.history, self.history.session
        frames, slots = [], []
        whole = sees_whole_windows(ask, params or self.rules)
        depth = self.params.technical.window if whole else _LOOK_BARS
        for length in history.frame_ns if whole else ():
            frames.append(
                history.panel(ask.symbols, FRAME_BARS, asof_ns=ask.asof_ns, frame_ns=length)
            )
            if length == self.feed.grid.timeframe_ns:
                slots.append(
                    last_base_bar(session, history.session_before, ask.asof_ns, self.feed.grid)
                )
            else:
                slots.append(
                    last_complete_slot(session, history.session_before, ask.asof_ns, length)
                )
        return MarketView(
            ask.asof_ns,
            self.feed.names,
            session,
            self.feed.grid,
            market_state(session, ask.asof_ns),
            ask.scan,
            ask.choose,
            ask.survey,
            ask.symbols,
            history.panel(ask.symbols, depth, asof_ns=ask.asof_ns),
            tuple(frames),
            history.frame_ns if whole else (),
            tuple(slots),
        )

    def decided(self, decision: Decision) -> None:
        """Take a decision's cancels and orders into the book."""
        self.book = self.book.changed(decision.cancels, decision.orders)

    def close_session(self) -> None:
        """End a session: what became known until 20:00 is known, and each symbol has its return."""
        self._push_until(self.history.session.post_ns)
        self._asof_ns = self.history.session.post_ns
        today = self.bars_today
        some = today.start[1:] > today.start[:-1]
        close = np.full(len(some), np.nan)
        close[some] = today.traded.close[today.start[1:][some] - 1]
        before, paid = opening_values(self.closes, self._ex_today, self.adjusted)
        self.returns = (close + paid) / before - 1.0
        split_like = (self.returns < _FELL) | (self.returns > _ROSE)
        for i in np.flatnonzero(split_like).tolist():
            day = str(day_to_date(self.history.session.day))
            jump = Jump(
                self.feed.names[i], day, float(self.returns[i]), bool(self.adjusted[i] == 0)
            )
            self.counts.jumps.append(jump)
        self.closes = np.where(some, close, before)


def _in_new_shares(
    bars: SessionBars, actions: tuple[Action, ...], closes: Floats
) -> tuple[SessionBars, int]:
    count = 0
    for a in actions:
        if a.kind == "split":
            bars, dropped = bars.without_old_shares(
                a.symbol, float(closes[a.symbol]), a.value, known_ns=a.known_ns
            )
            count += dropped
    return bars, count
