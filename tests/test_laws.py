"""Laws of the core on long random runs: money, protection, agreement of book and state, ids."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pytest
from builders import GRIDS, SPEC, Desk, news
from hypothesis import given, settings
from hypothesis import strategies as st

from catalyst.strategy.clock import bar_ends, flatten_instant, is_regular_bar, scan_instants
from catalyst.strategy.decisions import Fill
from catalyst.strategy.exchange import Bar, Working
from catalyst.strategy.money import notional_micro
from catalyst.strategy.news import empty_news
from catalyst.strategy.params import Params
from catalyst.strategy.portfolio import Action, Entry
from catalyst.strategy.reasons import Role

DAYS = ("2015-03-03", "2015-03-04", "2015-03-05")
STOPS = (Role.STOP, Role.TRAILING_STOP)
SLIP_FRAC = (2 + 10 * math.sqrt(0.1)) / 1e4
PARAMS = {
    "flat by the close": SPEC.replace(allow_short=True, quiet_minutes=0),
    "held overnight": SPEC.replace(
        allow_short=True, quiet_minutes=0, flatten_at_close=False, time_stop_hours=48
    ),
}


@dataclass
class Watch:
    """What a run must never do, checked after every look."""

    desk: Desk
    cash_micro: int
    held: int = 0
    trails: dict[str, tuple[int, float]] = field(default_factory=dict)
    fill_ids: set[str] = field(default_factory=set)
    entered: int = 0

    def bar(self, made: Bar, fills: tuple[Fill, ...]) -> None:
        assert sum(f.quantity for f in fills) <= 0.1 * made.volume + 1e-9
        for f in fills:
            assert f.quantity > 0
            assert (
                made.low * (1 - SLIP_FRAC) - 1e-4 <= f.price <= made.high * (1 + SLIP_FRAC) + 1e-4
            )
            assert f.filled_ns in (made.ts_ns, made.end_ns)
            assert f.fill_id not in self.fill_ids
            self.fill_ids.add(f.fill_id)
            self.cash_micro -= f.side * notional_micro(f.price, f.quantity)
            self.held += f.side * f.quantity
            order = self.desk.orders[f.order_id]
            if order.role is Role.ENTRY:
                self.entered += f.quantity
                limit = order.limit
                assert (f.price - limit) * order.side <= 1e-9

    def look(self, asof_ns: int) -> None:
        desk = self.desk
        assert desk.state.cash_micro == self.cash_micro
        working = desk.book.working.get(desk.symbol, ())
        if desk.flat:
            assert self.held == 0
            assert working == ()
            return
        e = desk.entry
        assert e.side * self.held == e.held >= 0
        assert sum(e.leg_filled) - sum(e.leg_exited) == e.held
        assert all(0 <= out <= into for out, into in zip(e.leg_exited, e.leg_filled, strict=True))
        assert e.held or e.works, "an entry that neither holds nor works is kept"
        self._books_agree(e, working)
        self._trail(e)
        if e.held:
            self._protected(e, working, asof_ns)

    def _books_agree(self, e: Entry, working: tuple[Working, ...]) -> None:
        mine = {o.order_id: o for o in e.orders}
        for w in working:
            assert w.order.order_id in mine, f"the book works a {w.order.role.label} nobody knows"
            if w.order.role is not Role.ENTRY and w.live:
                leg = w.order.leg
                shares = e.held if leg < 0 else e.leg_filled[leg] - e.leg_exited[leg]
                assert w.left <= shares, f"{w.order.role.label} of {w.left} covers {shares}"
        known = {w.order.order_id for w in working}
        stopped = {w.order.leg for w in working if w.triggered}
        for o in e.orders:
            assert o.order_id in known or o.leg in stopped, f"the {o.role.label} is nowhere"

    def _trail(self, e: Entry) -> None:
        if math.isnan(e.trail):
            assert e.entry_id not in self.trails
            return
        revision, before = self.trails.get(e.entry_id, (e.revision, e.trail))
        if revision == e.revision:
            assert (e.trail - before) * e.side >= 0, "the trailing stop came back"
        assert (e.trail - e.stop) * e.side >= 0
        self.trails[e.entry_id] = (e.revision, e.trail)

    def _protected(self, e: Entry, working: tuple[Working, ...], asof_ns: int) -> None:
        session, grid = self.desk.session, self.desk.grid
        leaving = [w for w in working if w.order.leg < 0 and w.order.role is not Role.ENTRY]
        if e.exiting is not None:
            triggered = [w.left for w in working if w.triggered]
            assert sum(w.left for w in leaving) + sum(triggered) == e.held
            return
        assert not leaving
        flatten = flatten_instant(session, grid, self.desk.params)
        assert flatten is None or asof_ns < flatten, "held after the flatten without leaving"
        if not session.open_ns <= asof_ns < session.close_ns:
            return
        for leg in (0, 1):
            shares = e.leg_filled[leg] - e.leg_exited[leg]
            stops = [
                w.left for w in working if w.live and w.order.leg == leg and w.order.role in STOPS
            ]
            assert sum(stops) == shares, f"half {leg} holds {shares} and {stops} are protected"


def random_bars(rng: np.random.Generator, desk: Desk, price: float) -> list[Bar]:
    """Give a session of bars: gaps, holes, quiet ones, wild ones, some without volume."""
    session, grid = desk.session, desk.grid
    f = grid.timeframe_ns
    out = []
    for end in bar_ends(session, grid):
        if rng.random() < 0.1:
            continue
        wild = rng.choice([0.001, 0.004, 0.02])
        open_ = price * (1 + rng.normal(0, wild / 2))
        close = open_ * (1 + rng.normal(0, wild))
        high = max(open_, close) * (1 + abs(rng.normal(0, wild / 2)))
        low = min(open_, close) * (1 - abs(rng.normal(0, wild / 2)))
        open_, high, low, close = (round(x, 4) for x in (open_, high, low, close))
        volume = float(rng.choice([0, 7, 150, 900, 20_000, 1_000_000]))
        start = end - f
        out.append(
            Bar(start, end, open_, high, low, close, volume, is_regular_bar(session, start, f))
        )
        price = close
    return out


def run(seed: int, params: Params, name: str, *, actions: bool = True) -> Watch:
    """Trade one symbol at random for three sessions, watched."""
    rng = np.random.default_rng(seed)
    desk = Desk(params, GRIDS[name], day=DAYS[0])
    watch = Watch(desk, desk.state.cash_micro)
    price = 100.0
    for number, day in enumerate(DAYS):
        if number:
            done: list[Action] = []
            if actions and rng.random() < 0.5:
                ratio = float(rng.choice([7.0, 2.0, 1.5, 0.5, 0.1]))
                done = [Action(0, desk.session.day, "split", ratio, 0)]
                price /= ratio
                watch.held = 0
            if actions and rng.random() < 0.5:
                done.append(Action(0, desk.session.day, "dividend", 0.37, 0))
            equity = desk.state.equity_micro
            adjusted = desk.open(day, *done)
            dividends = sum(a.cash_micro for a in adjusted if a.kind == "dividend")
            watch.cash_micro += sum(a.cash_micro for a in adjusted)
            assert abs(desk.state.equity_micro - equity - dividends) <= 1
            watch.held = sum(e.side * e.held for e in desk.state.entries)
        bars = random_bars(rng, desk, price)
        by_end = {b.end_ns: b for b in bars}
        price = bars[-1].close
        desk.news = empty_news()
        looks = {
            *bar_ends(desk.session, desk.grid),
            *scan_instants(desk.session, desk.grid, params),
        }
        for end in sorted(looks):
            fills: tuple[Fill, ...] = ()
            b = by_end.get(end)
            if b is not None:
                desk.book, fills = desk.book.match(0, b, params.execution)
                desk.bars = [*desk.bars[-20:], b]
                watch.bar(b, fills)
            if not desk.flat and rng.random() < 0.01:
                side = desk.entry.side
                desk.news = news({"published_ns": end - 1, "sentiment": -0.9 * side, "state": 0})
            desk.look(end, fills)
            watch.look(end)
            flatten = flatten_instant(desk.session, desk.grid, params)
            if (
                b is not None
                and desk.flat
                and (flatten is None or end < flatten)
                and rng.random() < 0.2
            ):
                enter(desk, rng, b)
                watch.look(end)
    return watch


def enter(desk: Desk, rng: np.random.Generator, b: Bar) -> None:
    """Serve a signal at the close of a bar, 2 % stop, targets at 1.5 and 3 times that."""
    side = int(rng.choice([1, -1]))
    levels = [round(b.close * (1 + side * x), 2) for x in (-0.02, 0.03, 0.06)]
    state = desk.state
    desk.news = empty_news()
    desk.state = type(state)(
        **{**vars(state), "stopped_today": (), "entries_today": 0, "lost_today": False}
    )
    if sum(x.volume for x in desk.bars[-20:]) / len(desk.bars[-20:]) < 200:
        return
    desk.enter(
        b.end_ns,
        side=side,
        entry=b.close,
        stop=levels[0],
        target_1=levels[1],
        target_2=levels[2],
        size_frac=0.2,
        signal_id=f"{b.end_ns}",
    )


@pytest.mark.parametrize("name", ["5m", "15m", "1h", "1h from the open"])
@pytest.mark.parametrize("kind", PARAMS)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=25)
def test_no_run_loses_a_share_a_micro_dollar_or_its_protection(
    name: str, kind: str, seed: int
) -> None:
    watch = run(seed, PARAMS[kind], name)

    assert len(watch.fill_ids) == len(watch.desk.fills)
