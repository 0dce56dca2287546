"""The bars of a run's sessions as they traded, one symbol at a time, for looking back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from catalyst.data.calendar import day_to_date
from catalyst.data.feed import Feed
from catalyst.data.lake import Lake
from catalyst.data.session_bars import SessionBars
from catalyst.errors import InputError
from catalyst.research.result import Result
from catalyst.strategy.values import Floats, Ints, Session

# More than the sessions that one look reaches over; a daily session is small.
_KEPT, _KEPT_DAILY = 12, 32


@dataclass(frozen=True)
class Stretch:
    """Hold consecutive bars of one symbol, ascending.

    Attributes
    ----------
    ts_ns, ends_ns : int64[n]
        Begin and end.
    session : int64[n]
        Position of each bar's session in `Tape.sessions`.
    open, high, low, close, volume : float64[n]
        USD, shares; in the shares of the last bar where prices are raw.
    ratio : float64[n]
        Shares of the last bar for one of each bar's: what prices were divided by.
    """

    ts_ns: Ints
    ends_ns: Ints
    session: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    ratio: Floats


@dataclass
class Tape:
    """Read sessions of a lake as a run read them, and keep the last few.

    Parameters
    ----------
    feed
        The run's lake, symbols and sources.
    sessions
        From the run's first session to the lake's last.
    grace_ns
        A bar known this soon after its end counts as known at its end.
    wait_ns
        How long an entry order works.

    Attributes
    ----------
    index
        Position of each symbol.
    closes_ns : int64[sessions]
        Closes of regular hours.
    """

    feed: Feed
    sessions: Sequence[Session]
    grace_ns: int
    wait_ns: int
    closes_ns: Ints = field(init=False)
    index: dict[str, int] = field(init=False)
    _kept: dict[int, SessionBars] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.index = {name: i for i, name in enumerate(self.feed.names)}
        self.closes_ns = np.array([s.close_ns for s in self.sessions], np.int64)
        self._posts = np.array([s.post_ns for s in self.sessions], np.int64)
        self._splits = [a for a in self.feed.actions if a.kind == "split"]

    def session_at(self, at_ns: Ints) -> Ints:
        """Return the position of the session that holds each instant, or of the next one."""
        return np.searchsorted(self._posts, at_ns, side="left")

    def bars(self, k: int) -> SessionBars:
        """Return the bars of a session, without those that still show old shares on an ex-date."""
        if k not in self._kept:
            found = self.feed.bars(self.sessions[k], grace_ns=self.grace_ns)
            for action in self._splits:
                if action.day == self.sessions[k].day and found.adjusted[action.symbol] == 0:
                    close = self._last_close(k, action.symbol)
                    found, _ = found.without_old_shares(action.symbol, close, action.value)
            self._kept[k] = found
            if len(self._kept) > (_KEPT_DAILY if self.feed.grid.daily else _KEPT):
                del self._kept[next(iter(self._kept))]
        return self._kept[k]

    def _last_close(self, k: int, symbol: int) -> float:
        if k == 0:
            return float("nan")
        before = self.bars(k - 1)
        start, stop = before.start[symbol], before.start[symbol + 1]
        return float(before.traded.close[stop - 1]) if stop > start else float("nan")

    def stretch(self, symbol: int, first: int, last: int) -> Stretch:
        """Return a symbol's bars of some sessions, the first and last (included) by position."""
        first, last = max(first, 0), min(last, len(self.sessions) - 1)
        found = [(k, self.bars(k)) for k in range(first, last + 1)]
        spans = [(k, bars, slice(*bars.start[symbol : symbol + 2].tolist())) for k, bars in found]
        columns = {
            name: np.concatenate([getattr(bars.traded, name)[at] for _, bars, at in spans])
            for name in ("ts_ns", "open", "high", "low", "close", "volume")
        }
        ends = np.concatenate([bars.ends_ns[at] for _, bars, at in spans])
        counts = [at.stop - at.start for _, _, at in spans]
        session = np.repeat(np.arange(first, last + 1, dtype=np.int64), counts)
        raw = any(bars.adjusted[symbol] == 0 for _, bars, _ in spans)
        ratio = np.ones(len(session))
        if raw and any(action.symbol == symbol for action in self._splits):
            ratio = self._new_shares(symbol, session)
            for name in ("open", "high", "low", "close"):
                columns[name] = columns[name] / ratio
            columns["volume"] = columns["volume"] * ratio
        return Stretch(ends_ns=ends, session=session, ratio=ratio, **columns)

    def _new_shares(self, symbol: int, session: Ints) -> Floats:
        ratio = np.ones(len(session))
        if len(session):
            days = np.array([self.sessions[k].day for k in session.tolist()], np.int64)
            for a in self._splits:
                if a.symbol == symbol and a.day <= days[-1]:
                    ratio[days < a.day] *= a.value
        return ratio


def tape_of(result: Result) -> Tape:
    """Open the bars of a run.

    Raises
    ------
    InputError
        If the run was opened without its lake.
    """
    summary, asked = result.summary, result.summary["asked"]
    feed = Feed(lake_of_run(result), summary["timeframe"], asked["symbols"], asked["sources"])
    _, sessions = feed.span(dt.date.fromisoformat(summary["start"]), None)
    execution = result.params.execution
    return Tape(
        feed,
        sessions,
        grace_ns=round(execution.bar_grace_s * 1e9),
        wait_ns=execution.entry_bars * feed.grid.timeframe_ns,
    )


def lake_of_run(result: Result) -> Lake:
    """Return the lake of a run.

    Raises
    ------
    InputError
        If the run was opened without it.
    """
    if result.lake is None:
        raise InputError(
            f"the run {result.folder} was opened without its lake, and a report shows bars and "
            "headlines; give it with Result.open(folder, lake)"
        )
    return result.lake


def date_of(session: Session) -> dt.date:
    """Return the New York date of a session."""
    return day_to_date(session.day)
