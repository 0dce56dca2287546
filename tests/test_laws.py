"""Laws of the core on long random runs: money, protection, agreement of book and state, ids."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest
from builders import FIVE, GRIDS, NAMES, SPEC, Desk, at, news, view
from hypothesis import given, settings
from hypothesis import strategies as st

from catalyst.strategy.clock import bar_ends, flatten_instant, is_regular_bar, scan_instants
from catalyst.strategy.decisions import Decision, Fill
from catalyst.strategy.exchange import Bar, Working
from catalyst.strategy.ledger import begin
from catalyst.strategy.money import notional_micro
from catalyst.strategy.news import empty_news
from catalyst.strategy.params import Params
from catalyst.strategy.portfolio import Action, Entry, PortfolioState
from catalyst.strategy.reasons import Outcome, Role
from catalyst.strategy.step import step
from catalyst.strategy.values import MarketView

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
@settings(max_examples=12)
def test_no_run_loses_a_share_a_micro_dollar_or_its_protection(
    name: str, kind: str, seed: int
) -> None:
    watch = run(seed, PARAMS[kind], name)

    assert len(watch.fill_ids) == len(watch.desk.fills)


# The step is a function of its inputs alone


@dataclass
class Answers:
    """One instant's inputs of the step, and a copy of them made before."""

    state: PortfolioState
    view: MarketView
    params: Params

    def step(self) -> tuple[PortfolioState, Decision]:
        return step(self.state, self.view, (), self.params)


def instant(seed: int, *, held: bool) -> Answers:
    """Give a scan of seven symbols with random bars and news, with or without a position."""
    rng = np.random.default_rng(seed)
    f = FIVE.timeframe_ns
    now = at("12:00")
    bars: dict[int, list[Bar]] = {}
    for symbol in range(len(NAMES)):
        close = 100 * np.exp(np.cumsum(rng.normal(0, 0.004, 80)))
        open_ = np.concatenate([[100.0], close[:-1]]) * np.exp(rng.normal(0, 0.002, 80))
        wick = np.exp(np.abs(rng.normal(0, 0.003, (2, 80))))
        high, low = np.maximum(open_, close) * wick[0], np.minimum(open_, close) / wick[1]
        volume = np.floor(1e5 * rng.random(80) + 1e4)
        rows: list[list[float]] = np.stack([open_, high, low, close, volume]).T.tolist()
        bars[symbol] = [
            Bar(now - (80 - k) * f, now - (79 - k) * f, o, h, low_, c, v, regular=True)
            for k, (o, h, low_, c, v) in enumerate(rows)
        ]
    batch = news(
        *[
            {
                "symbol": int(rng.integers(0, 7)),
                "published_ns": now - 10**9 * (40 - k),
                "sentiment": float(rng.uniform(-1, 1)),
            }
            for k in range(20)
        ]
    )
    price = np.array([bars[s][-1].close for s in range(7)])
    seen = view("12:00", bars, scan=True, news=batch, price=price)
    frame = replace(seen.base)
    seen = replace(seen, frames=(frame,), frame_ns=(f,), frame_slot_ns=(now - f,))
    stopped = (0, 1, 2, 3) if seed % 3 == 0 else ()
    state = replace(begin(SPEC), day=seen.session.day, stopped_today=stopped)
    if held:
        desk = Desk(SPEC)
        desk.enter("11:00", shares=100)
        desk.trade(("11:00", 100, 100, 100, 100, 1e6))
        state = desk.state
    return Answers(
        state,
        seen,
        SPEC.replace(
            allow_short=True, catalyst_min=0, events_alone=True, half_from=31, quarter_from=1
        ),
    )


def alike(one: Any, two: Any) -> bool:  # noqa: ANN401 - values of any shape, compared to the bit
    if isinstance(one, np.ndarray):
        return bool(
            one.dtype == two.dtype and one.shape == two.shape and one.tobytes() == two.tobytes()
        )
    if is_dataclass(one):
        return type(one) is type(two) and all(
            alike(getattr(one, f.name), getattr(two, f.name)) for f in fields(one)
        )
    if isinstance(one, (tuple, list)):
        return len(one) == len(two) and all(alike(a, b) for a, b in zip(one, two, strict=True))
    return bool(one == two or (one != one and two != two))  # noqa: PLR0124 - NaN


@given(seed=st.integers(0, 2**32), held=st.booleans())
@settings(max_examples=20)
def test_a_step_changes_none_of_its_inputs_and_repeats_itself(seed: int, held: int) -> None:
    asked = instant(seed, held=bool(held))
    kept = copy.deepcopy((asked.state, asked.view))
    one, two = asked.step(), asked.step()

    assert alike((asked.state, asked.view), kept)
    assert alike(one, two)


def test_the_steps_under_that_law_do_something() -> None:
    decisions = [instant(seed, held=seed % 2 == 0).step()[1] for seed in range(30)]
    outcomes = {s.outcome for d in decisions for s in d.signals}

    assert outcomes == set(Outcome)
    assert sum(len(d.orders) for d in decisions) > 30
    assert sum(len(d.patterns) for d in decisions) > 30


def test_incident_20_without_news_nothing_is_entered() -> None:
    for seed in range(30):
        asked = instant(seed, held=False)
        quiet = replace(asked.view, survey=replace(asked.view.survey, news=empty_news()))
        state, decision = step(asked.state, quiet, (), SPEC)

        assert decision.orders == ()
        assert decision.signals == ()
        assert state.entries == ()


def test_incident_20_without_news_exits_go_on() -> None:
    desk = Desk(SPEC)
    desk.enter("10:00", shares=100)
    desk.trade(("10:00", 100, 100, 100, 100, 1e6), ("15:50", 101, 101, 101, 101, 1e6))

    assert desk.entry.exiting is Role.FLATTEN


def test_a_symbol_without_news_changes_no_decision_about_the_others() -> None:
    for seed in range(20):
        asked = instant(seed, held=False)
        told = set(asked.view.survey.news.symbol.tolist())
        silent = [s for s in range(7) if s not in told]
        louder = replace(
            asked.view.survey,
            rvol=np.where(np.isin(np.arange(7), silent), 99.0, 2.0),
            price=asked.view.survey.price.copy(),
        )
        one = asked.step()[1]
        two = step(asked.state, replace(asked.view, survey=louder), (), asked.params)[1]

        assert alike([one.orders, one.signals], [two.orders, two.signals])
