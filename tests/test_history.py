"""What is known so far, against dictionaries of bars in plain Python, and its laws."""

from __future__ import annotations

import copy
import random
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from builders import DAILY, GRIDS, SPEC, at, sessions_from
from hypothesis import given, settings
from hypothesis import strategies as st

from catalyst.strategy.clock import HOUR_NS, MINUTE_NS, bar_ends, slot_of
from catalyst.strategy.history import FRAME_BARS, History, Rows, history_sessions
from catalyst.strategy.values import BarPanel, Grid, Session, Survey

M = 3
ALL = np.arange(M, dtype=np.int32)
EVERYONE = np.ones(M, np.bool_)
COLUMNS = ("ts_ns", "open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class Told:
    """One version of a bar, and when it is told."""

    known_ns: int
    symbol: int
    ts_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    raw: bool = True


def rows(told: list[Told]) -> Rows:
    def column(name: str, kind: Any) -> Any:  # noqa: ANN401 - an array of that kind
        return np.array([getattr(t, name) for t in told], kind)

    o, h, low, c, v = (column(name, np.float64) for name in COLUMNS[1:])
    raw = column("raw", np.bool_)
    return Rows(column("symbol", np.int32), column("ts_ns", np.int64), o, h, low, c, v, raw)


class Teller:
    """A history that is told bars in the order in which they became known, as in a replay."""

    def __init__(self, grid: Grid, sessions: list[Session], told: list[Told]) -> None:
        self.grid = grid
        self.sessions = sessions
        self.told = sorted(told, key=lambda t: (t.known_ns, t.symbol, t.ts_ns))
        self.rows = rows(self.told)
        self.at = 0
        self.history = History(M, grid, SPEC)

    def until(self, asof_ns: int) -> History:
        for session in self.sessions:
            opened = bool(self.history._sessions) and self.history.session.day >= session.day
            if session.pre_ns <= asof_ns and not opened:
                if self.history._sessions:
                    self._tell(self.history.session.post_ns)
                self.history.open_session(session, member=EVERYONE)
        self._tell(asof_ns)
        return self.history

    def _tell(self, asof_ns: int) -> None:
        end = self.at
        while end < len(self.told) and self.told[end].known_ns <= asof_ns:
            end += 1
        self.history.push(self.rows, self.at, end)
        self.at = end


def seen(history: History, asof_ns: int) -> tuple[BarPanel, tuple[BarPanel, ...], Survey]:
    base = history.panel(ALL, SPEC.technical.window, asof_ns=asof_ns)
    frames = tuple(
        history.panel(ALL, FRAME_BARS, asof_ns=asof_ns, frame_ns=f) for f in history.frame_ns
    )
    return base, frames, history.survey(asof_ns)


def cut(panel: BarPanel, k: int) -> list[tuple[Any, ...]]:
    """Give the bars of one row of a panel."""
    n = int(panel.count[k])
    columns = [getattr(panel, name)[k, :n].tolist() for name in COLUMNS]
    return list(zip(*columns, strict=True))


def same(one: Any, two: Any, only: int | None = None) -> None:  # noqa: ANN401 - what `seen` gives
    for a, b in zip((one[0], *one[1]), (two[0], *two[1]), strict=True):
        for k in range(M) if only is None else [only]:
            assert cut(a, k) == cut(b, k)
    for name in (
        "member",
        "n_sessions",
        "mean_volume",
        "mean_dollars",
        "price",
        "previous_close",
        "n_bars",
        "rvol",
        "rvol_sessions",
        "session_close",
    ):
        a, b = getattr(one[2], name), getattr(two[2], name)
        if only is not None:
            a, b = a[only], b[only]
        np.testing.assert_array_equal(a, b, err_msg=name)


def market(
    seed: int,
    grid: Grid,
    sessions: list[Session],
    *,
    share: float,
    late: float = 0.0,
    corrected: float = 0.0,
) -> list[Told]:
    """Make bars of three symbols: a share of all slots, some told late, some told twice."""
    rng = np.random.default_rng(seed)
    out = []
    price = np.full(M, 50.0)
    for session in sessions:
        for end in bar_ends(session, grid):
            for symbol in range(M):
                if rng.random() >= share:
                    continue
                o, c = price[symbol] * (1 + rng.normal(0, 0.003, 2))
                price[symbol] = c
                bar = Told(
                    end,
                    symbol,
                    session.open_ns if grid.daily else end - grid.timeframe_ns,
                    round(o, 4),
                    round(max(o, c) * 1.001, 4),
                    round(min(o, c) * 0.999, 4),
                    round(c, 4),
                    float(rng.integers(0, 5_000)),
                )
                if rng.random() < late:
                    bar = replace(bar, known_ns=end + int(rng.integers(1, 40)) * MINUTE_NS)
                out.append(bar)
                if rng.random() < corrected:
                    again = bar.known_ns + int(rng.integers(1, 90)) * MINUTE_NS
                    out.append(
                        replace(
                            bar,
                            known_ns=again,
                            high=bar.high + 1,
                            volume=bar.volume + 7,
                            close=bar.close + 0.5,
                        )
                    )
    return out


def latest(told: list[Told], asof_ns: int) -> list[dict[int, Told]]:
    """Give each symbol's bars known at an instant, the newest version of each, by start."""
    out: list[dict[int, Told]] = [{} for _ in range(M)]
    for t in sorted(told, key=lambda t: (t.known_ns, t.symbol, t.ts_ns)):
        if t.known_ns <= asof_ns:
            out[t.symbol][t.ts_ns] = t
    return [dict(sorted(d.items())) for d in out]


def larger(
    bars: dict[int, Told], sessions: list[Session], asof_ns: int, length: int
) -> list[tuple[Any, ...]]:
    """Cut larger bars from base bars in plain Python; those that have not ended are left out."""
    groups: dict[tuple[int, int], list[Told]] = {}
    for ts, t in bars.items():
        session = next(s for s in sessions if s.pre_ns <= ts < s.post_ns)
        groups.setdefault(slot_of(session, ts, length), []).append(t)
    return [
        (
            start,
            g[0].open,
            max(t.high for t in g),
            min(t.low for t in g),
            g[-1].close,
            sum(t.volume for t in g),
        )
        for (start, end), g in groups.items()
        if end <= asof_ns
    ]


SESSIONS = sessions_from("2015-03-02", 4)
INSTANTS = st.tuples(st.integers(0, 3), st.integers(0, 192)).map(
    lambda x: SESSIONS[x[0]].pre_ns + x[1] * 5 * MINUTE_NS
)


@pytest.mark.parametrize("name", ["5m", "15m"])
@given(seed=st.integers(0, 2**32), asof=INSTANTS)
@settings(max_examples=20)
def test_larger_bars_are_those_cut_from_the_base_bars_known(
    name: str, seed: int, asof: int
) -> None:
    told = market(seed, GRIDS[name], SESSIONS, share=0.3, late=0.1, corrected=0.1)
    history = Teller(GRIDS[name], SESSIONS, told).until(asof)
    known = latest(told, asof)
    base, frames, _ = seen(history, asof)

    for k in range(M):
        expected = [(ts, t.open, t.high, t.low, t.close, t.volume) for ts, t in known[k].items()]
        assert cut(base, k) == expected[-250:]
        for length, frame in zip(history.frame_ns, frames, strict=True):
            if length > GRIDS[name].timeframe_ns:
                assert cut(frame, k) == larger(known[k], SESSIONS, asof, length)[-FRAME_BARS:]


@given(seed=st.integers(0, 2**32), minute=st.integers(0, 960))
@settings(max_examples=8)
def test_larger_bars_of_minutes_survive_the_ring(seed: int, minute: int) -> None:
    sessions = SESSIONS[:2]
    told = market(seed, GRIDS["1m"], sessions, share=0.9, late=0.02, corrected=0.02)
    asof = sessions[1].pre_ns + minute * MINUTE_NS
    history = Teller(GRIDS["1m"], sessions, told).until(asof)
    known = latest(told, asof)

    for length in history.frame_ns:
        frame = history.panel(ALL, FRAME_BARS, asof_ns=asof, frame_ns=length)
        for k in range(M):
            assert cut(frame, k) == larger(known[k], sessions, asof, length)[-FRAME_BARS:]


@given(seed=st.integers(0, 2**32), asof=INSTANTS)
@settings(max_examples=20)
def test_sessions_and_relative_volume_are_those_of_plain_sums(seed: int, asof: int) -> None:
    sessions = sessions_from("2015-03-02", 9)
    asof += sessions[5].pre_ns - SESSIONS[0].pre_ns
    told = market(seed, GRIDS["15m"], sessions, share=0.2, late=0.1, corrected=0.1)
    survey = Teller(GRIDS["15m"], sessions, told).until(asof).survey(asof)
    today = next(s for s in reversed(sessions) if s.pre_ns <= asof)
    known = latest(told, asof)

    for k in range(M):
        days = [
            [t for ts, t in known[k].items() if s.pre_ns <= ts < s.post_ns]
            for s in sessions
            if s.day < today.day
        ]
        own = [d for d in days if d]
        now = [t for ts, t in known[k].items() if ts >= today.pre_ns]
        assert survey.n_sessions[k] == len(own)
        assert survey.mean_volume[k] == pytest.approx(
            sum(t.volume for d in own for t in d) / len(own)
        )
        assert survey.mean_dollars[k] == pytest.approx(
            sum(t.volume * t.close for d in own for t in d) / len(own)
        )
        assert survey.price[k] == ([*own[-1], *now][-1]).close
        gone = asof - today.pre_ns
        usual = sum(
            t.volume
            for s, d in zip([s for s in sessions if s.day < today.day], days, strict=True)
            for t in d
            if t.ts_ns + 15 * MINUTE_NS - s.pre_ns <= gone
        ) / len(own)
        so_far = sum(t.volume for t in now if t.ts_ns + 15 * MINUTE_NS <= asof)
        if len(own) < 5:
            assert np.isnan(survey.rvol[k])
        else:
            assert survey.rvol[k] == pytest.approx(so_far / usual if usual else 0.0)


# Laws


@given(seed=st.integers(0, 2**32), one=INSTANTS, two=INSTANTS)
@settings(max_examples=20)
def test_what_is_told_later_changes_no_bit_of_what_was_seen(seed: int, one: int, two: int) -> None:
    early, late = sorted((one, two))
    told = market(seed, GRIDS["5m"], SESSIONS, share=0.3, late=0.1, corrected=0.1)
    teller = Teller(GRIDS["5m"], SESSIONS, told)
    before = seen(teller.until(early), early)
    kept = copy.deepcopy(before)
    teller.until(late)
    known_only = Teller(GRIDS["5m"], SESSIONS, [t for t in told if t.known_ns <= early]).until(
        early
    )

    same(before, kept)
    same(before, seen(known_only, early))


@given(seed=st.integers(0, 2**32), asof=INSTANTS, symbol=st.integers(0, M - 1))
@settings(max_examples=20)
def test_other_symbols_change_no_bit(seed: int, asof: int, symbol: int) -> None:
    told = market(seed, GRIDS["5m"], SESSIONS, share=0.3, late=0.1, corrected=0.1)
    whole = Teller(GRIDS["5m"], SESSIONS, told).until(asof)
    alone = Teller(GRIDS["5m"], SESSIONS, [t for t in told if t.symbol == symbol]).until(asof)

    same(seen(whole, asof), seen(alone, asof), only=symbol)


@given(seed=st.integers(0, 2**32), asof=INSTANTS)
@settings(max_examples=20)
def test_how_bars_are_handed_over_changes_no_bit(seed: int, asof: int) -> None:
    told = market(seed, GRIDS["5m"], SESSIONS, share=0.3, late=0.1, corrected=0.1)
    at_once = Teller(GRIDS["5m"], SESSIONS, told).until(asof)
    bit_by_bit = Teller(GRIDS["5m"], SESSIONS, told)
    for t in range(SESSIONS[0].pre_ns, asof, 35 * MINUTE_NS):
        bit_by_bit.until(t)

    same(seen(at_once, asof), seen(bit_by_bit.until(asof), asof))


@given(seed=st.integers(0, 2**32), asof=INSTANTS)
@settings(max_examples=20)
def test_a_bar_that_came_late_ends_where_it_would_have_been_in_order(seed: int, asof: int) -> None:
    told = market(seed, GRIDS["5m"], SESSIONS, share=0.3, late=0.2)
    known = [t for t in told if t.known_ns <= asof]
    in_order = [replace(t, known_ns=t.ts_ns + 5 * MINUTE_NS) for t in known]
    one = seen(Teller(GRIDS["5m"], SESSIONS, known).until(asof), asof)
    two = seen(Teller(GRIDS["5m"], SESSIONS, in_order).until(asof), asof)

    np.testing.assert_allclose(one[2].mean_dollars, two[2].mean_dollars, rtol=1e-12)
    dollars = one[2].mean_dollars
    same(one, (two[0], two[1], replace(two[2], mean_dollars=dollars)))


@given(seed=st.integers(0, 2**32), asof=INSTANTS, swap=st.randoms(use_true_random=False))
@settings(max_examples=15)
def test_the_order_of_symbols_within_an_instant_changes_no_bit(
    seed: int, asof: int, swap: random.Random
) -> None:
    told = market(seed, GRIDS["5m"], SESSIONS, share=0.5)
    one, two = Teller(GRIDS["5m"], SESSIONS, told), Teller(GRIDS["5m"], SESSIONS, told)
    swap.shuffle(two.told)
    two.told.sort(key=lambda t: t.known_ns)
    two.rows = rows(two.told)

    same(seen(one.until(asof), asof), seen(two.until(asof), asof))


@pytest.mark.parametrize(("name", "share"), [("15m", 0.1), ("1h", 0.5)])
@given(seed=st.integers(0, 2**32), minute=st.integers(0, 192))
@settings(max_examples=3)
def test_a_history_that_begins_within_reach_is_the_same(
    name: str, share: float, seed: int, minute: int
) -> None:
    grid = GRIDS[name]
    reach = history_sessions(grid)
    sessions = sessions_from("2014-03-03", reach + 6)
    told = market(seed, grid, sessions, share=share, late=0.05, corrected=0.05)
    asof = sessions[-1].pre_ns + minute * 5 * MINUTE_NS
    whole = Teller(grid, sessions, told).until(asof)
    first = sessions[-reach - 1]
    late_start = Teller(
        grid, sessions[-reach - 1 :], [t for t in told if t.ts_ns >= first.pre_ns]
    ).until(asof)

    same(seen(whole, asof), seen(late_start, asof))


def test_a_daily_history_that_begins_within_reach_is_the_same() -> None:
    reach = history_sessions(DAILY)
    sessions = sessions_from("2012-01-03", reach + 20)
    told = market(1, DAILY, sessions, share=0.9)
    asof = sessions[-1].close_ns
    whole = Teller(DAILY, sessions, told).until(asof)
    late_start = Teller(
        DAILY, sessions[-reach - 1 :], [t for t in told if t.ts_ns >= sessions[-reach - 1].pre_ns]
    )

    same(seen(whole, asof), seen(late_start.until(asof), asof))


# Cases


def one_bar(clock: str, **changes: Any) -> Told:  # noqa: ANN401 - one keyword a field
    ts = at(clock, "2015-03-02")
    made = Told(ts + 5 * MINUTE_NS, 0, ts, 10.0, 11.0, 9.0, 10.5, 100.0)
    return replace(made, **changes)


def test_a_bar_is_not_seen_before_it_is_known() -> None:
    late = one_bar("09:30", known_ns=at("10:00", "2015-03-02"))
    teller = Teller(GRIDS["5m"], SESSIONS, [late])

    assert seen(teller.until(late.known_ns - 1), late.known_ns - 1)[0].count.tolist() == [0, 0, 0]
    assert seen(teller.until(late.known_ns), late.known_ns)[0].count.tolist() == [1, 0, 0]


def test_a_correction_replaces_the_bar_and_what_was_made_of_it() -> None:
    first = one_bar("09:30")
    better = replace(first, known_ns=first.known_ns + MINUTE_NS, high=20.0, low=5.0, volume=40.0)
    asof = at("10:30", "2015-03-02")
    history = Teller(GRIDS["5m"], SESSIONS, [first, better, one_bar("09:35")]).until(asof)
    frame = history.panel(ALL, 5, asof_ns=asof, frame_ns=HOUR_NS)

    assert cut(frame, 0) == [(first.ts_ns, 10.0, 20.0, 5.0, 10.5, 140.0)]


def test_a_symbol_with_a_single_bar_is_seen_with_it() -> None:
    asof = at("10:30", "2015-03-02")
    history = Teller(GRIDS["5m"], SESSIONS, [one_bar("09:30")]).until(asof)
    base, _, survey = seen(history, asof)

    assert base.count.tolist() == [1, 0, 0]
    assert survey.price.tolist()[:1] == [10.5]
    assert np.isnan(survey.price[1:]).all()
    assert np.isnan(survey.rvol).all()
    assert survey.n_sessions.tolist() == [0, 0, 0]


def test_a_split_scales_the_bars_before_it_and_no_others() -> None:
    told = [one_bar("09:30"), one_bar("09:30", symbol=1), one_bar("09:30", symbol=2, raw=False)]
    tomorrow = [
        replace(t, ts_ns=t.ts_ns + 24 * HOUR_NS, known_ns=t.known_ns + 24 * HOUR_NS) for t in told
    ]
    asof = at("10:00", "2015-03-03")
    history = Teller(GRIDS["5m"], SESSIONS, [*told, *tomorrow]).until(asof)
    before = seen(history, asof)
    for symbol in (0, 2):
        history.add_split(symbol, SESSIONS[1].pre_ns, ratio=2.0)
    base, frames, survey = seen(history, asof)

    assert cut(base, 0)[0][1:] == (5.0, 5.5, 4.5, 5.25, 200.0)
    assert cut(base, 0)[1][1:] == (10.0, 11.0, 9.0, 10.5, 100.0)
    assert cut(base, 1) == cut(before[0], 1)
    assert cut(base, 2) == cut(before[0], 2)
    assert [cut(f, 0)[0][5] for f in frames] == [200.0] * len(frames)
    assert survey.mean_volume.tolist() == [200.0, 100.0, 100.0]
    assert survey.mean_dollars.tolist() == [1050.0] * 3
    assert survey.previous_close.tolist() == [5.25, 10.5, 10.5]


def test_coarser_bars_give_sessions_but_no_relative_volume() -> None:
    history = History(M, GRIDS["5m"], SPEC)
    for session in SESSIONS[:3]:
        history.open_session(session, member=EVERYONE)
    told = one_bar("09:30")
    history.push(rows([told]), 0, 1)
    totals = (np.array([500.0, 900.0]), np.array([5_000.0, 9_000.0]), np.array([9.5, 8.5]))
    history.add_coarse(
        SESSIONS[0], np.array([0, 1], np.int32), totals=totals, raw=np.ones(2, np.bool_)
    )
    survey = history.survey(SESSIONS[2].open_ns)

    assert survey.n_sessions.tolist() == [1, 1, 0]
    assert survey.rvol_sessions.tolist() == [1, 0, 0]
    assert survey.mean_volume.tolist()[:2] == [100.0, 900.0]
    assert survey.previous_close.tolist()[:2] == [10.5, 8.5]


def test_a_bar_that_comes_behind_a_whole_window_changes_nothing() -> None:
    minute = GRIDS["1m"]
    start = SESSIONS[0].pre_ns
    told = [
        Told(start + (k + 1) * MINUTE_NS, 0, start + k * MINUTE_NS, 10, 10, 10, 10, 10.0)
        for k in range(700)
    ]
    old = replace(told[100], known_ns=told[-1].known_ns, volume=99.0)
    asof = told[-1].known_ns
    one = Teller(minute, SESSIONS, told).until(asof)
    two = Teller(minute, SESSIONS, [*told, old]).until(asof)

    same(seen(one, asof), seen(two, asof))
