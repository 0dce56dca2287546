"""The paper exchange without its sockets: time passes, orders meet bars, things become known."""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from dataclasses import dataclass, field

import numpy as np

from catalyst.data.calendar import day_to_date, sessions
from catalyst.data.feed import Feed
from catalyst.live.paper.account import PaperAccount
from catalyst.live.paper.faults import Faults
from catalyst.live.paper.moments import Moment, Update
from catalyst.live.paper.tape import Article, Quoted, Tape, opened
from catalyst.strategy.clock import MINUTE_NS
from catalyst.strategy.params import ExecutionParams
from catalyst.strategy.portfolio import Action
from catalyst.strategy.values import Session

EARLY_NS = 5 * MINUTE_NS
"""The exchange wakes so long before its first session's 04:00."""

_AROUND = dt.timedelta(days=15)


@dataclass(frozen=True)
class Terms:
    """Hold how the exchange trades.

    Attributes
    ----------
    execution
        The fill model's numbers.
    cash_micro
        Initial cash of each account, micro-dollars.
    arrival_ns
        An order accepted so long after a bar opened still meets that bar.
    """

    execution: ExecutionParams
    cash_micro: int
    arrival_ns: int = 10 * 10**9


@dataclass(frozen=True)
class Happened:
    """Hold what an instant brought, in the order in which it is told: fills, bars, news."""

    at_ns: int
    updates: list[tuple[str, Update]] = field(default_factory=list)
    bars: list[Quoted] = field(default_factory=list)
    articles: list[Article] = field(default_factory=list)


class PaperExchange:
    """Play sessions of a feed against any number of accounts.

    Parameters
    ----------
    feed
        The lake's base bars.
    start
        First session, or the first after this date; None for the lake's first.
    n_sessions
        How many; None for all there are.
    terms
        How it trades.

    Attributes
    ----------
    now_ns
        Exchange's time, ns UTC.
    sessions
        The sessions it plays, ascending.
    accounts
        By account id.
    marks
        Last known prices by symbol, USD.
    closes_before
        Those of the end of the last session.
    faults
        What goes wrong on purpose.
    """

    def __init__(
        self, feed: Feed, start: dt.date | None, n_sessions: int | None, terms: Terms
    ) -> None:
        before, chosen = feed.span(start, None)
        self.feed, self.terms = feed, terms
        self.sessions = chosen[:n_sessions]
        self.accounts: dict[str, PaperAccount] = {}
        self.marks: dict[str, float] = {}
        self.closes_before: dict[str, float] = {}
        self.faults = Faults()
        self.tradable = frozenset(feed.names)
        self.now_ns = self.sessions[0].pre_ns - EARLY_NS
        self._calendar = calendar_around(self.sessions)
        self._mark_ns: dict[str, int] = {}
        self._index = {name: i for i, name in enumerate(feed.names)}
        self._actions = [a for a in feed.actions if a.day >= self.sessions[0].day]
        self._adjusted = np.full(len(feed.names), -1, np.int8)
        self._at = 0
        self._tape: Tape | None = None
        self._place = 0
        if before:
            rows = feed.bars(before[-1], grace_ns=self._grace_ns).traded
            symbols = [feed.names[i] for i in rows.symbol.tolist()]
            self.marks.update(zip(symbols, rows.close.tolist(), strict=True))
            self.closes_before = dict(self.marks)

    @property
    def _grace_ns(self) -> int:
        return round(self.terms.execution.bar_grace_s * 1e9)

    @property
    def end_ns(self) -> int:
        """Return when the clock stops: a while after the last session."""
        return self.sessions[-1].post_ns + EARLY_NS

    @property
    def next_ns(self) -> int | None:
        """Return the next instant at which something happens; None after the end."""
        tape = self._opened()
        if tape is None:
            return None
        return int(tape.instants[self._place])

    @property
    def current(self) -> Session:
        """Return the session that is played: the next one from the end of the last on."""
        left = [s for s in self.sessions if self.now_ns < s.post_ns]
        return left[0] if left else self.sessions[-1]

    def account(self, key: str) -> PaperAccount:
        """Return the account of an API key; a new key opens one."""
        return self.account_of(account_id_of(key))

    def account_of(self, account_id: str) -> PaperAccount:
        """Return an account by its id, opened if it is new."""
        if account_id not in self.accounts:
            self.accounts[account_id] = PaperAccount(account_id, self.terms.cash_micro)
        return self.accounts[account_id]

    def advance(self, to_ns: int) -> list[Happened]:
        """Let time pass until an instant (never back, never past the end); return what happened."""
        to_ns = min(to_ns, self.end_ns)
        out = []
        while (at_ns := self.next_ns) is not None and at_ns <= to_ns:
            self.now_ns = max(self.now_ns, at_ns)
            happened = self._happen(at_ns)
            if happened.updates or happened.bars or happened.articles:
                out.append(happened)
            self._place += 1
        self.now_ns = max(self.now_ns, to_ns)
        return out

    @property
    def session(self) -> Session:
        """Return the session that contains or precedes now, by the exchange's calendar."""
        return self._calendar[self._session_at()]

    @property
    def next_session(self) -> Session:
        """Return the session after that."""
        return self._calendar[self._session_at() + 1]

    def moment(self) -> Moment:
        """Return what an account needs to know of now."""
        now, this, after = self.now_ns, self.session, self.next_session
        length = self.feed.grid.timeframe_ns
        day = this if now < this.close_ns else after
        extended = this if now < this.post_ns else after
        opening = this if now < this.open_ns else after
        return Moment(
            now_ns=now,
            session=this,
            marks=self.marks,
            tradable=self.tradable,
            expiry=(self._day_end(day), extended.post_ns, opening.open_ns + length),
            open=(this.open_ns <= now < this.close_ns, this.pre_ns <= now < this.post_ns),
        )

    def _day_end(self, session: Session) -> int:
        # A bar that overlaps the close ends after it, and day orders may still meet it.
        grid = self.feed.grid
        if grid.daily or not grid.from_open:
            return session.close_ns
        length = session.close_ns - session.open_ns
        return session.open_ns + -(-length // grid.timeframe_ns) * grid.timeframe_ns

    def _session_at(self) -> int:
        starts = [s.pre_ns for s in self._calendar]
        return max(int(np.searchsorted(starts, self.now_ns, side="right")) - 1, 0)

    def _opened(self) -> Tape | None:
        tape = self._tape
        while tape is None or self._place >= len(tape.instants):
            if tape is not None:
                self._at += 1
            if self._at >= len(self.sessions):
                return None
            tape = self._open(self.sessions[self._at], tape)
        return tape

    def _open(self, session: Session, before: Tape | None) -> Tape:
        due = [a for a in self._actions if a.day <= session.day]
        closes = np.array([self.marks.get(name, np.nan) for name in self.feed.names])
        tape = opened(
            self.feed,
            session,
            after_ns=before.session.post_ns if before else self.now_ns,
            grace_ns=self._grace_ns,
            late=before.unpublished() if before else [],
            closes=closes,
            splits=[(a.symbol, a.value, a.known_ns) for a in due if a.kind == "split"],
        )
        self._adjusted = np.where(
            tape.bars.adjusted >= 0, tape.bars.adjusted, self._adjusted
        ).astype(np.int8)
        self._tape, self._place = tape, 0
        return tape

    def _happen(self, at_ns: int) -> Happened:
        tape = self._tape
        assert tape is not None  # noqa: S101 - there is an instant to come
        session = tape.session
        out = Happened(at_ns)
        if at_ns == session.pre_ns:
            self._act(session, out)
        self._trade(tape, at_ns, out)
        for quoted in tape.published(at_ns):
            if self.faults.halted(quoted.symbol, quoted.ts_ns):
                continue
            out.bars.append(quoted)
            if quoted.ts_ns >= self._mark_ns.get(quoted.symbol, 0):
                self._mark_ns[quoted.symbol] = quoted.ts_ns
                self.marks[quoted.symbol] = quoted.close
        out.articles.extend(tape.articles(at_ns))
        if at_ns == session.post_ns:
            self.closes_before = dict(self.marks)
        for account in self.accounts.values():
            self._tell(out, account, account.expire(at_ns))
            if at_ns in (session.pre_ns, session.open_ns):
                extended = at_ns == session.pre_ns
                self._tell(out, account, account.wake(at_ns, extended=extended))
            if at_ns == session.post_ns:
                account.equities.append((at_ns, account.equity_micro(self.marks)))
        return out

    def _trade(self, tape: Tape, at_ns: int, out: Happened) -> None:
        for account in self.accounts.values():
            for symbol in sorted(account.working_symbols):
                bar = tape.bar_of(self._index[symbol], at_ns)
                if bar is None or self.faults.halted(symbol, bar.ts_ns):
                    continue
                self.marks.setdefault(symbol, bar.open)
                met = account.meet(
                    symbol,
                    bar,
                    self.terms.execution,
                    arrival_ns=self.terms.arrival_ns,
                    most_shares=self.faults.cap(symbol, bar.ts_ns),
                    legs_wait=self.faults.legs_wait(symbol, bar.ts_ns),
                )
                self._tell(out, account, met)

    def _act(self, session: Session, out: Happened) -> None:
        due = [a for a in self._actions if a.day <= session.day]
        self._actions = self._actions[len(due) :]
        # Adjusted bars contain splits; bars adjusted for everything contain dividends too.
        kinds = {0: ("split", "dividend"), 1: ("dividend",)}
        for action in due:
            if action.kind in kinds.get(int(self._adjusted[action.symbol]), ()):
                self._apply(action, session.pre_ns, out)

    def _apply(self, action: Action, at_ns: int, out: Happened) -> None:
        symbol = self.feed.names[action.symbol]
        if action.kind == "split" and symbol in self.marks:
            self.marks[symbol] /= action.value
        for account in self.accounts.values():
            if action.kind == "dividend":
                account.dividend(symbol, action.value, at_ns)
            else:
                mark = self.marks.get(symbol, 0.0)
                self._tell(out, account, account.split(symbol, action.value, mark, at_ns))

    @staticmethod
    def _tell(out: Happened, account: PaperAccount, updates: list[Update]) -> None:
        out.updates.extend((account.account_id, update) for update in updates)


def account_id_of(key: str) -> str:
    """Return the UUID of an API key's account; the key can't be read from it."""
    digest = hashlib.blake2b(f"account|{key}".encode(), digest_size=16).digest()
    return str(uuid.UUID(bytes=digest, version=4))


def calendar_around(played: list[Session]) -> list[Session]:
    """Return the calendar's sessions from two weeks before some sessions to two weeks after."""
    first, last = day_to_date(played[0].day), day_to_date(played[-1].day)
    table = sessions(first - _AROUND, last + _AROUND)
    columns = (table.day, table.pre_ns, table.open_ns, table.close_ns, table.post_ns)
    return [Session(*row) for row in zip(*(c.tolist() for c in columns), strict=True)]
