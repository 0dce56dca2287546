"""What price and volume did around events, beside the market: one pass over the sessions.

Source: MacKinlay 1997, "Event studies in economics and finance". Returns are held from event time
zero, own less the market's over the same span, as in Barber and Lyon 1997: sums of returns of
five-minute bars would count the bounce between bid and ask as gains.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from catalyst.data.calendar import day_to_date
from catalyst.data.feed import Feed
from catalyst.research.event_slots import Slots, slots_of
from catalyst.research.tape import Tape
from catalyst.strategy.clock import MINUTE_NS
from catalyst.strategy.values import Flags, Floats, Grid, Ints, Session

DAYS = np.arange(-5, 11, dtype=np.int64)
"""Horizons in sessions; 0 is the first close after bar 0 opened."""
ADJUSTMENTS = ("market", "beta", "none")
HOURS = ("regular", "extended")
BASELINE, FEWEST_BASELINE = 20, 5
"""Sessions of usual volume, and how many of them there must be."""
BETA_SESSIONS, FEWEST_BETA = 60, 30
_FROM_MINUTES, _TO_MINUTES, _STEP_MINUTES = -60, 240, 5
_KEPT = 5
_MOST_CELLS = 4_000_000
_GRACE_NS = 2_000_000_000
Progress = Callable[[int, int, dt.date], None]


@dataclass(frozen=True)
class Paths:
    """Hold what happened around n events; NaN where there was no price.

    Attributes
    ----------
    minutes : int64[M]
        Horizons in minutes; none with daily bars.
    entry_ns : int64[n]
        Open of bar 0, the first of the symbol that one could have traded; -1 without one.
    session : int64[n]
        Position of its session in the study, -1 without.
    member : bool[n]
        Whether the symbol was in the universe of that session, as known before it began.
    before : float64[n]
        Abnormal return from the last close before publication to the open of bar 0: what had
        happened before one could act.
    days, minute_paths : dict of str to float64[n, H]
        Abnormal return by horizon on the clocks ``known`` (from the open of bar 0) and
        ``published`` (minutes: from the last close before publication; days: from the close of the
        session before it).
    day_volumes, minute_volumes : dict of str to float64[n, H]
        Volume as a multiple of the usual: of the session; of the bar that ends at the horizon.
    """

    minutes: Ints
    entry_ns: Ints
    session: Ints
    member: Flags
    before: Floats
    days: dict[str, Floats]
    minute_paths: dict[str, Floats]
    day_volumes: dict[str, Floats]
    minute_volumes: dict[str, Floats]


def event_paths(
    feed: Feed,
    sessions: list[Session],
    symbol: Ints,
    times: tuple[Ints, Ints],
    *,
    hours: str = "regular",
    adjust: str = "market",
    progress: Progress | None = None,
) -> Paths:
    """Follow price and volume around events.

    Parameters
    ----------
    feed
        The lake's bars.
    sessions
        Consecutive.
    symbol : int64[n]
        Index of each event's symbol in the feed.
    times : (int64[n], int64[n])
        When each became known and was published, ns UTC.
    hours
        Where bar 0 may lie: ``regular`` or ``extended`` hours.
    adjust
        ``market``: less the mean return of all other members of the universe; ``beta``: less beta
        times it, beta from up to 60 sessions that ended before the event (at least 30); ``none``.
    progress
        Called with sessions done, their number and the date.
    """
    tape = Tape(feed, sessions, grace_ns=_GRACE_NS, wait_ns=0)
    walk = _Walk(tape, symbol, *times, extended=hours == "extended", adjust=adjust)
    for k, session in enumerate(sessions):
        walk.enter(k)
        if progress:
            progress(k + 1, len(sessions), day_to_date(session.day))
    walk.finish()
    return walk.paths


@dataclass
class _Walk:
    """Walk through the sessions; what an event needs of later ones waits until they are there."""

    tape: Tape
    symbol: Ints
    known_ns: Ints
    published_ns: Ints
    extended: bool
    adjust: str
    paths: Paths = field(init=False)

    def __post_init__(self) -> None:
        self.feed = self.tape.feed
        n, m, k = len(self.symbol), len(self.feed.names), len(self.tape.sessions)
        self.minutes = _minutes(self.feed.grid)
        width = len(self.minutes)
        self.paths = Paths(
            self.minutes,
            np.full(n, -1, np.int64),
            np.full(n, -1, np.int64),
            np.zeros(n, np.bool_),
            np.full(n, np.nan),
            *(
                {clock: np.full((n, size), np.nan) for clock in ("known", "published")}
                for size in (len(DAYS), width, len(DAYS), width)
            ),
        )
        self.closes, self.volumes = np.full((k, m), np.nan), np.full((k, m), np.nan)
        self.members = np.zeros((k, m), np.bool_)
        self.factor, self.before = np.ones(m), np.full(m, np.nan)
        self.usual: list[Floats] = []
        self.kept: dict[int, Slots] = {}
        self.pending: list[tuple[int, Ints, Ints, Floats]] = []
        posts = np.array([s.post_ns for s in self.tape.sessions], np.int64)
        closes = self.tape.closes_ns
        pre = np.array([s.pre_ns for s in self.tape.sessions], np.int64)
        self.known_in = np.searchsorted(posts, self.known_ns, side="left")
        self.published_in = np.searchsorted(pre, self.published_ns, side="right") - 1
        self.published_day = np.searchsorted(closes, self.published_ns, side="right")
        self.waiting = np.empty(0, np.int64)
        # The session whose close comes first after bar 0.
        self.day_zero = np.full(n, -1, np.int64)

    def enter(self, k: int) -> None:
        session = self.tape.sessions[k]
        bars = self.tape.bars(k)
        for action in self.feed.actions:
            raw = bars.adjusted[action.symbol] == 0
            if action.kind == "split" and action.day == session.day and raw:
                self.factor[action.symbol] *= action.value
        slots = slots_of(bars, session, self.feed.grid, factor=self.factor, before=self.before)
        self.before = slots.seen[:, -1]
        self.closes[k] = slots.close
        traded = np.isfinite(slots.volume).any(axis=1)
        self.volumes[k] = np.where(traded, np.nansum(slots.volume, axis=1), np.nan)
        self.members[k] = self.feed.members(session, known_by_ns=session.pre_ns)
        self.kept[k] = slots
        self.kept.pop(k - _KEPT, None)
        usual = self._usual()
        self._known(k, slots, usual)
        if len(self.minutes):
            self._published(k, slots, usual)
        self.usual = [*self.usual, slots.volume][-BASELINE:]
        while self.pending and self.pending[0][0] + int(DAYS[-1]) < k:
            self._days_after(*self.pending.pop(0))

    def finish(self) -> None:
        for one in self.pending:
            self._days_after(*one)
        self._days_published()
        self._day_volumes()

    def _usual(self) -> Floats:
        if not (self.usual and len(self.minutes)):
            return np.empty((0, 0))
        stack = np.stack(self.usual)
        there = np.isfinite(stack[:, :, 0])
        count = there.sum(axis=0)[:, None]
        total = np.where(np.isfinite(stack), stack, 0.0).sum(axis=0)
        mean: Floats = np.divide(
            total, count, out=np.full(total.shape, np.nan), where=count >= FEWEST_BASELINE
        )
        return np.where(mean > 0.0, mean, np.nan)

    def _known(self, k: int, slots: Slots, usual: Floats) -> None:
        new = np.flatnonzero(self.known_in == k)
        asked = np.concatenate([self.waiting, new])
        first, last = (0, len(slots.starts_ns)) if self.extended else (slots.first, slots.last)
        earliest = np.searchsorted(slots.starts_ns, self.known_ns[asked], side="left")
        earliest = np.maximum(earliest, first)
        late = np.arange(len(slots.starts_ns)) >= earliest[:, None]
        opens: Flags = np.isfinite(slots.open[self.symbol[asked]]) & late
        opens[:, last:] = False
        found: Flags = np.asarray(opens.any(axis=1))
        # One whole session is waited for; a symbol that rests longer has no bar 0.
        self.waiting = new[~found[len(self.waiting) :]]
        events, at = asked[found], np.argmax(opens[found], axis=1)
        if not len(events):
            return
        self.paths.entry_ns[events] = slots.starts_ns[at]
        self.paths.session[events] = k
        self.paths.member[events] = self.members[k, self.symbol[events]]
        places, which = np.unique(at, return_inverse=True)
        prices = slots.entry_prices(places)
        self.day_zero[events] = k + (at >= slots.last)
        self.pending.append((k, events, which, prices))
        beta = self._beta(k)[self.symbol[events]]
        self.paths.before[events] = self._before(k, events, prices[:, which], beta)
        if len(self.minutes):
            wide = slots.fresh.copy()
            volume = slots.volume.copy()
            wide[:, last + 1 :], volume[:, last:] = np.nan, np.nan
            self._minute_paths("known", (k, events, beta), (places, which, prices), wide)
            self._minute_volumes("known", events, at, volume, usual)

    def _published(self, k: int, slots: Slots, usual: Floats) -> None:
        open_still = self.published_ns < self.tape.sessions[k].post_ns
        events = np.flatnonzero((self.published_in == k) & open_still)
        if not len(events):
            return
        at = np.searchsorted(slots.ends_ns, self.published_ns[events], side="right")
        places, which = np.unique(at, return_inverse=True)
        beta = self._beta(k)[self.symbol[events]]
        anchor = slots.seen[:, places]
        self._minute_paths("published", (k, events, beta), (places, which, anchor), slots.fresh)
        self._minute_volumes("published", events, at, slots.volume, usual)

    def _minute_paths(
        self,
        clock: str,
        whose: tuple[int, Ints, Floats],
        anchors: tuple[Ints, Ints, Floats],
        prices: Floats,
    ) -> None:
        k, events, beta = whose
        places, which, anchor = anchors
        step = self.feed.grid.timeframe_ns // MINUTE_NS
        shift = self.minutes // step
        own = self.symbol[events]
        chunk = max(_MOST_CELLS // (len(anchor) * len(shift)), 1)
        for begin in range(0, len(places), chunk):
            part = slice(begin, begin + chunk)
            cells = places[part, None] + shift
            inside = (cells >= 0) & (cells < prices.shape[1])
            levels = prices[:, np.clip(cells, 0, prices.shape[1] - 1)]
            gains = np.where(inside, levels / anchor[:, part, None] - 1.0, np.nan)
            rows = np.flatnonzero((which >= begin) & (which < begin + chunk))
            held = which[rows] - begin
            found = self._abnormal(gains, self.members[k], (own[rows], held), beta[rows])
            # At zero itself one has the price that one starts from.
            found[:, self.minutes == 0] = np.where(
                np.isfinite(anchor[own[rows], which[rows]])[:, None], 0.0, np.nan
            )
            self.paths.minute_paths[clock][events[rows]] = found

    def _minute_volumes(
        self, clock: str, events: Ints, at: Ints, volume: Floats, usual: Floats
    ) -> None:
        if not usual.size:
            return
        step = self.feed.grid.timeframe_ns // MINUTE_NS
        cells = at[:, None] + self.minutes // step - 1
        inside = (cells >= 0) & (cells < volume.shape[1])
        cells = np.clip(cells, 0, volume.shape[1] - 1)
        own = self.symbol[events][:, None]
        ratio = volume[own, cells] / usual[own, cells]
        self.paths.minute_volumes[clock][events] = np.where(inside, ratio, np.nan)

    def _abnormal(
        self, gains: Floats, members: Flags, whose: tuple[Ints, Ints], beta: Floats
    ) -> Floats:
        """Return own gains less the others' mean: gains float64[m, places, H], float64[n, H]."""
        own, place = whose
        mine = gains[own, place]
        if self.adjust == "none":
            return mine
        counted = np.isfinite(gains) & members[:, None, None]
        total = np.where(counted, gains, 0.0).sum(axis=0)[place]
        count = counted.sum(axis=0)[place]
        in_market = counted[own, place]
        others = count - in_market
        rest = total - np.where(in_market, mine, 0.0)
        market = np.divide(rest, others, out=np.full(rest.shape, np.nan), where=others > 0)
        found: Floats = mine - market * (beta[:, None] if self.adjust == "beta" else 1.0)
        return found

    def _before(self, k: int, events: Ints, entry: Floats, beta: Floats) -> Floats:
        out = np.full(len(events), np.nan)
        for place in np.unique(self.published_in[events]).tolist():
            slots = self.kept.get(place)
            if slots is None:
                continue
            rows = np.flatnonzero(self.published_in[events] == place)
            at = np.searchsorted(slots.ends_ns, self.published_ns[events[rows]], side="right")
            gains = (entry[:, rows] / slots.seen[:, at] - 1.0)[:, :, None]
            whose = (self.symbol[events[rows]], np.arange(len(rows)))
            out[rows] = self._abnormal(gains, self.members[k], whose, beta[rows])[:, 0]
        return out

    def _beta(self, k: int) -> Floats:
        m = len(self.before)
        if self.adjust != "beta":
            return np.ones(m)
        first = max(k - BETA_SESSIONS, 1)
        if k - first < FEWEST_BETA:
            return np.full(m, np.nan)
        returns = self.closes[first:k] / self.closes[first - 1 : k - 1] - 1.0
        counted = np.isfinite(returns) & self.members[first:k]
        mine = np.where(counted, returns, 0.0)
        # As where returns are adjusted, a symbol is no part of its own market.
        others = counted.sum(axis=1)[:, None] - counted
        rest = mine.sum(axis=1)[:, None] - mine
        market = np.divide(rest, others, out=np.full(rest.shape, np.nan), where=others > 0)
        both = np.isfinite(returns) & np.isfinite(market)
        n = both.sum(axis=0)
        x, y = np.where(both, market, 0.0), np.where(both, returns, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            covariance = (x * y).sum(axis=0) / n - x.sum(axis=0) * y.sum(axis=0) / n**2
            variance = (x * x).sum(axis=0) / n - (x.sum(axis=0) / n) ** 2
            beta = covariance / variance
        return np.where((n >= FEWEST_BETA) & (variance > 0.0), beta, np.nan)

    def _days_after(self, k: int, events: Ints, which: Ints, entry: Floats) -> None:
        beta = self._beta(k)
        for zero in np.unique(self.day_zero[events]).tolist():
            rows = np.flatnonzero(self.day_zero[events] == zero)
            gains = self._closes_at(zero + DAYS).T[:, None, :] / entry[:, :, None] - 1.0
            own = self.symbol[events[rows]]
            found = self._abnormal(gains, self.members[k], (own, which[rows]), beta[own])
            self.paths.days["known"][events[rows]] = found

    def _days_published(self) -> None:
        last = len(self.closes)
        inside = (self.published_day >= 1) & (self.published_day < last)
        for k in np.unique(self.published_day[inside]).tolist():
            events = np.flatnonzero(self.published_day == k)
            beta = self._beta(k)[self.symbol[events]]
            anchor = self.closes[k - 1]
            gains = (self._closes_at(k + DAYS) / anchor - 1.0).T[:, None, :]
            whose = (self.symbol[events], np.zeros(len(events), np.int64))
            found = self._abnormal(gains, self.members[k], whose, beta)
            self.paths.days["published"][events] = found

    def _closes_at(self, places: Ints) -> Floats:
        inside = (places >= 0) & (places < len(self.closes))
        rows = self.closes[np.clip(places, 0, len(self.closes) - 1)]
        return np.where(inside[:, None], rows, np.nan)

    def _day_volumes(self) -> None:
        """Hold each session's volume against the 20 sessions before the whole window."""
        for clock, day in (("known", self.day_zero), ("published", self.published_day)):
            for k in np.unique(day[(day >= 0) & (day < len(self.volumes))]).tolist():
                end = max(k + int(DAYS[0]), 0)
                past = self.volumes[max(end - BASELINE, 0) : end]
                count = np.isfinite(past).sum(axis=0)
                total = np.where(np.isfinite(past), past, 0.0).sum(axis=0)
                sound = (count >= FEWEST_BASELINE) & (total > 0.0)
                usual = np.divide(total, count, out=np.full(len(total), np.nan), where=sound)
                places = k + DAYS
                inside = (places >= 0) & (places < len(self.volumes))
                rows = self.volumes[np.clip(places, 0, len(self.volumes) - 1)]
                ratio = np.where(inside[:, None], rows, np.nan) / usual
                events = np.flatnonzero(day == k)
                self.paths.day_volumes[clock][events] = ratio[:, self.symbol[events]].T


def _minutes(grid: Grid) -> Ints:
    if grid.daily:
        return np.empty(0, np.int64)
    step = max(grid.timeframe_ns // MINUTE_NS, _STEP_MINUTES)
    return np.arange(_FROM_MINUTES // step * step, _TO_MINUTES + 1, step, dtype=np.int64)
