"""How detections are weighed against the catalyst, volume, trend and each other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from builders import FIVE, NAMES, SPEC, at, panel, session_of, survey
from hypothesis import given
from hypothesis import strategies as st

from catalyst.strategy.clock import MINUTE_NS
from catalyst.strategy.exchange import Bar
from catalyst.strategy.params import Params
from catalyst.strategy.patterns import Verdict, boosted, judge
from catalyst.strategy.values import MarketState, MarketView

NOON = at("12:00")
Shape = tuple[float, float, float, float, float]


def verdict(
    *frames: list[Shape],
    params: Params = SPEC,
    leaning: int = 0,
    lengths: tuple[int, ...] = (5, 15, 60),
    lag: int = 0,
) -> Verdict:
    """Judge one symbol by the bars of some timeframes; `lag` slots are missing at the end."""
    made, slots = [], []
    for shapes, minutes in zip(frames, lengths, strict=False):
        f = minutes * MINUTE_NS
        n = len(shapes) + lag
        bars = [
            Bar(NOON - (n - k) * f, NOON - (n - k - 1) * f, *shape, regular=True)
            for k, shape in enumerate(shapes)
        ]
        made.append(panel(bars))
        slots.append(NOON - f)
    view = MarketView(
        NOON,
        NAMES,
        session_of(),
        FIVE,
        MarketState.REGULAR,
        True,
        False,
        survey(NOON),
        np.array([0], np.int32),
        made[0],
        tuple(made),
        tuple(m * MINUTE_NS for m in lengths[: len(frames)]),
        tuple(slots),
    )
    return judge(view, np.array([0]), np.array([leaning]), params)[0]


def flat(count: int = 30, *, price: float = 100.0, volume: float = 100.0) -> list[Shape]:
    """Give bars with a body of 1 and shadows of a half, white and black in turn, around a price."""
    return [
        (price - 0.5, price + 1, price - 1, price + 0.5, volume)
        if k % 2
        else (price + 0.5, price + 1, price - 1, price - 0.5, volume)
        for k in range(count)
    ]


BULL: list[Shape] = [(99.8, 99.9, 98.9, 99.0, 100.0), (98.9, 101.1, 98.8, 101.0, 100.0)]
BEAR: list[Shape] = [(99.0, 100.1, 98.9, 100.0, 100.0), (100.1, 100.2, 97.9, 98.0, 100.0)]
GAP: list[Shape] = [(103.0, 104.5, 102.5, 104.0, 100.0)]
ONLY = SPEC.replace(patterns=["CDLENGULFING"], trend_boost=1)


def values(told: Verdict) -> list[tuple[str, int]]:
    return [(p.name, p.value) for p in told.patterns]


@pytest.mark.parametrize(
    ("confidence", "factor", "expected"), [(70, 1.5, 80), (100, 9, 100), (0, 2, 50), (65, 1, 65)]
)
def test_a_boost_works_on_the_distance_to_the_top(
    confidence: float, factor: float, expected: float
) -> None:
    assert boosted(confidence, factor) == pytest.approx(expected)


@given(st.floats(1, 99.9), st.floats(1.0001, 100), st.floats(1.0001, 100))
def test_incident_13_no_boost_saturates_and_the_order_stays(
    confidence: float, one: float, two: float
) -> None:
    assert confidence < boosted(boosted(confidence, one), two) < 100
    assert boosted(confidence / 2, one) < boosted(confidence, one)


@pytest.mark.parametrize(("shapes", "side"), [(BULL, 1), (BEAR, -1)])
@pytest.mark.parametrize("leaning", [1, 0, -1])
def test_a_pattern_is_boosted_by_news_of_its_side_and_damped_by_the_others(
    shapes: list[Shape], side: int, leaning: int
) -> None:
    told = verdict(flat() + shapes, params=ONLY, leaning=leaning)
    expected = {1: 80.0, 0: 70.0, -1: 49.0}[side * leaning]

    assert values(told) == [("CDLENGULFING", 100 * side)]
    assert told.side == side
    assert told.score == pytest.approx(expected)
    assert [p.aligned for p in told.patterns] == [side * leaning]


def test_more_volume_than_each_of_the_two_bars_before_boosts() -> None:
    for before, boost in (((100, 149), True), ((100, 150), False), ((150, 100), False)):
        shapes = flat()
        shapes[-1] = (*shapes[-1][:4], float(before[0]))
        told = verdict(
            [*shapes, (*BULL[0][:4], float(before[1])), (*BULL[1][:4], 150.0)], params=ONLY
        )

        assert told.score == pytest.approx(boosted(70, 1.1) if boost else 70)


@pytest.mark.parametrize(
    ("drift", "fits"), [(-0.2, True), (0.2, False)], ids=["after a fall", "after a rise"]
)
def test_a_candlestick_fits_a_trend_that_it_reverses(drift: float, fits: int) -> None:
    shapes = [
        (o + drift * k, h + drift * k, low + drift * k, c + drift * k, v)
        for k, (o, h, low, c, v) in enumerate(flat())
    ]
    last = shapes[-1][3]
    bull = [
        (o - 99 + last, h - 99 + last, low - 99 + last, c - 99 + last, v)
        for o, h, low, c, v in BULL
    ]
    told = verdict(shapes + bull, params=SPEC.replace(patterns=["CDLENGULFING"]))

    assert told.score == pytest.approx(boosted(70, 1.1) if fits else 70)


def test_an_event_alone_gives_no_direction() -> None:
    params = SPEC.replace(patterns=["events"])
    told = verdict(flat() + GAP, params=params, leaning=1)

    assert values(told) == [("GAP", 100)]
    assert (told.side, told.score) == (0, 70)


def test_events_may_be_let_to_give_a_direction() -> None:
    told = verdict(
        flat() + GAP,
        params=SPEC.replace(patterns=["events"], events_alone=True, trend_boost=1),
        leaning=1,
    )

    assert told.side == 1
    assert told.score == pytest.approx(80)


def test_an_event_is_directed_beside_a_candlestick_of_its_own_side_in_any_timeframe() -> None:
    params = SPEC.replace(patterns=["CDLENGULFING", "events"], trend_boost=1)
    told = verdict(flat() + GAP, flat() + BULL, params=params)
    against = verdict(flat() + GAP, flat() + BEAR, params=params)

    assert told.side == 1
    assert told.score == pytest.approx(boosted(70, 1.1))
    assert (against.side, against.score) == (-1, 70)


@pytest.mark.parametrize(
    ("open_", "value"), [(102.51, 100), (102.49, 0), (98.49, -100), (98.51, 0)]
)
def test_a_gap_is_two_percent_between_close_and_open(open_: float, value: int) -> None:
    shapes = flat(31)
    shapes[-1] = (shapes[-1][0], 101, 99, 100.5, 100.0)
    told = verdict(
        [*shapes, (open_, open_ + 1, open_ - 1, open_ + 0.1, 100.0)],
        params=SPEC.replace(patterns=["events"]),
    )

    assert values(told) == ([("GAP", value)] if value else [])


@pytest.mark.parametrize(
    ("volume", "close", "value"),
    [(200, 100.2, 100), (200, 99.8, -100), (199, 100.2, 0), (200, 100.0, 0)],
)
def test_a_surge_is_twice_the_mean_of_the_twenty_bars_before(
    volume: float, close: float, value: int
) -> None:
    told = verdict(
        [*flat(), (100.0, 101, 99, close, float(volume))], params=SPEC.replace(patterns=["events"])
    )

    assert values(told) == ([("SURGE", value)] if value else [])


def test_two_of_one_side_and_none_against_agree() -> None:
    told = verdict(flat() + BULL, flat() + BULL, params=ONLY)

    assert told.score == pytest.approx(boosted(70, 1.1))


def test_equal_and_opposite_detections_cancel() -> None:
    told = verdict(flat() + BULL, flat() + BEAR, params=ONLY)

    assert (told.side, told.score, told.cancelled) == (0, 0.0, True)


def test_the_stronger_of_two_opposed_wins_without_agreement() -> None:
    told = verdict(flat() + BULL, flat() + BEAR, flat() + BULL, params=ONLY, leaning=1)

    assert (told.side, told.cancelled) == (1, False)
    assert told.score == pytest.approx(80)


def test_among_equals_the_finest_timeframe_is_the_best() -> None:
    told = verdict(flat() + BULL, flat() + BULL, params=ONLY)

    assert told.best is not None
    assert told.best.timeframe_ns == 5 * MINUTE_NS


def test_a_doji_gives_no_direction_and_takes_none() -> None:
    doji: list[Shape] = [(100.0, 101.0, 99.0, 100.0, 100.0)]
    params = SPEC.replace(patterns=["CDLDOJI", "CDLENGULFING"], trend_boost=1, doji_confidence=99)
    alone = verdict(flat() + doji, params=params, leaning=1)
    beside = verdict(flat() + doji, flat() + BULL, params=params)

    assert (alone.side, alone.score) == (0, 99)
    assert (beside.side, beside.score) == (1, 70)


def test_a_pattern_counts_in_the_last_complete_slot_only() -> None:
    assert verdict(flat() + BULL, params=ONLY, lag=1).patterns == ()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_symbol_with_hardly_any_bars_has_no_pattern(count: int) -> None:
    told = verdict(flat(count), params=SPEC.replace(patterns=["candlesticks", "events"]))

    assert (told.score, told.side, told.best, told.patterns) == (0.0, 0, None, ())


def test_a_pattern_tells_its_levels() -> None:
    told = verdict(flat() + BULL, params=ONLY).patterns[0]

    assert (told.entry, told.stop) == (101.0, 98.8)
    assert told.target == pytest.approx(101 + 1.5 * 2.2)
    assert told.bar_ns == NOON - 5 * MINUTE_NS


@given(st.integers(0, 2**32), st.sampled_from((1, -1)))
def test_what_is_bullish_upside_down_is_bearish(seed: int, leaning: int) -> None:
    rng = np.random.default_rng(seed)
    frames, mirrored = [], []
    for _ in range(3):
        close = 128 + np.round(np.cumsum(rng.normal(0, 0.5, 40)) * 8) / 8
        open_ = close + np.round(rng.normal(0, 0.5, 40) * 8) / 8 + 1 / 16  # no bar without a body
        high = np.maximum(open_, close) + np.round(rng.random(40) * 8) / 8
        low = np.minimum(open_, close) - np.round(rng.random(40) * 8) / 8
        volume = rng.integers(1, 9, 40) * 100.0
        columns = (x.tolist() for x in (open_, high, low, close, volume))
        frames.append(list(zip(*columns, strict=True)))
        mirrored.append([(256 - a, 256 - c, 256 - b, 256 - d, e) for a, b, c, d, e in frames[-1]])
    params = SPEC.replace(patterns=["CDLENGULFING", "CDLHARAMI"])
    one = verdict(*frames, params=params, leaning=leaning)
    two = verdict(*mirrored, params=params, leaning=-leaning)

    assert (one.score, one.side, one.cancelled) == (two.score, -two.side, two.cancelled)


def test_a_users_own_pattern_sees_the_bars_and_has_its_own_confidence() -> None:
    sizes: list[int] = []

    def rises(open_: Any, high: Any, low: Any, close: Any, volume: Any) -> int:  # noqa: ANN401 - series
        sizes.append(len(close))
        return int(close[-1] > close[-2]) * 100

    told = verdict(
        flat() + BULL, params=SPEC.replace(patterns=[rises], trend_boost=1, custom_confidence=55)
    )

    assert (told.side, told.score) == (1, 55)
    assert set(sizes) == {32}
    assert math.isfinite(told.patterns[0].target)
