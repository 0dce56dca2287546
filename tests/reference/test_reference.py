"""Scenarios worked out by hand for the reference's fills, exits and corporate actions."""

from __future__ import annotations

import random
from datetime import date
from typing import Any

import numpy as np
import pytest
import talib

from reference.account import Account, Entry, new_legs
from reference.bars import Bar
from reference.exchange import BarBook
from reference.funnel import Desk, Facts
from reference.look import Look
from reference.market import Market
from reference.news import Catalyst, Newsroom, catalyst_of
from reference.patterns import boosted
from reference.presets import INTRADAY, replaced
from reference.prices import on_tick
from reference.run import Reference, run_reference
from reference.sessions import MINUTE_NS, Calendar, Session, new_york
from reference.signals import Signal, levels
from reference.technical import atr, macd_histogram, rsi

CALENDAR = Calendar(date(2014, 5, 1), date(2014, 6, 20))
SESSION = next(one for one in CALENDAR.sessions if one.day == date(2014, 6, 6))
FIVE = 5 * MINUTE_NS
NOON = SESSION.open + 30 * FIVE


def bar(ts: int, prices: tuple[float, float, float, float], volume: float = 1_000_000.0) -> Bar:
    return Bar(ts, ts + FIVE, *prices, volume, ts + FIVE, "raw")


def signal(symbol: str = "ABC") -> Signal:
    facts = Facts(
        symbol, Catalyst(50.0, 0.5, (), ""), 1, 100.0, 1e6, 1e8, 20, 0.0, 0.0, 2.0, 20, 100, []
    )
    scores = {"catalyst": 50.0, "pattern": 70.0, "technical": 50.0, "volume": 90.0}
    return Signal(
        symbol, NOON, 1, 61.0, scores, 100.0, 98.0, 103.0, 106.0, 0.5, None, facts, "intent"
    )


def placed(quantity: int, *, plain: bool = False, at: int = NOON) -> Entry:
    one = signal()
    return Entry(
        "e1",
        one,
        1,
        quantity,
        100.10 if plain else 100.50,
        plain,
        at,
        at + 3 * FIVE,
        one.stop,
        one.stop,
        new_legs(quantity, one, plain=plain),
    )


def held(quantity: int) -> Entry:
    entry = placed(quantity, at=NOON - 6 * FIVE)
    for leg in entry.legs:
        entry.enter(leg, leg.ordered, 100.0, NOON - 6 * FIVE)
    entry.working = False
    return entry


def told(entry: Entry, one: Bar, *, regular: bool = True) -> list[tuple[str, int, float, int]]:
    fills = BarBook(one, entry, regular=regular, numbers=INTRADAY).work()
    return [(fill.role, fill.quantity, fill.price, fill.filled_at) for fill in fills]


def market_of(rows: list[Bar], actions: list[dict[str, Any]] | None = None) -> Market:
    table = [
        {
            "symbol": "ABC",
            "ts": one.ts,
            "timeframe": "5m",
            "open": one.open,
            "high": one.high,
            "low": one.low,
            "close": one.close,
            "volume": one.volume,
            "known_at": one.end,
            "adjustment": "raw",
        }
        for one in rows
    ]
    return Market(table, actions or [], [], calendar=CALENDAR, base="5m", numbers=INTRADAY)


def look(market: Market, entry: Entry, asof: int, session: Session = SESSION) -> None:
    account = Account(market, INTRADAY)
    account.open[entry.symbol] = entry
    desk = Desk(market, Newsroom([]), INTRADAY)
    Look(account, desk, before=asof - FIVE, asof=asof, session=session, orders=[]).take(entry)


def test_an_entry_at_the_open_pays_slippage_for_each_half() -> None:
    entry = placed(101)

    actual = told(entry, bar(NOON, (100.20, 101.0, 99.5, 100.8)))

    # 100.20 * (1 + 2.0714 bps) = 100.22076 and with 2.0707 bps 100.22075: both up to 100.2208.
    assert actual == [("entry", 51, 100.2208, NOON), ("entry", 50, 100.2208, NOON)]


def test_slippage_at_the_open_stops_at_the_limit() -> None:
    actual = told(placed(1), bar(NOON, (100.49, 101.0, 99.5, 100.8)))

    assert actual == [("entry", 1, 100.5, NOON)]


def test_a_limit_that_is_only_touched_does_not_fill() -> None:
    assert told(placed(10), bar(NOON, (100.80, 101.0, 100.50, 100.8))) == []


def test_the_stop_is_first_in_a_bar_that_reaches_both() -> None:
    # 98 * (1 - (2 + 10 * sqrt(50 / 1e6)) bps) = 97.979707, down to 97.9797, known by the bar's end.
    actual = told(held(100), bar(NOON, (100.0, 107.0, 97.0, 104.0)))

    assert actual == [("stop", 50, 97.9797, NOON + FIVE), ("stop", 50, 97.9797, NOON + FIVE)]


def test_an_entry_inside_its_bar_meets_the_stop_but_no_target() -> None:
    entry = placed(2)

    actual = told(entry, bar(NOON, (101.0, 107.0, 99.0, 104.0)))

    assert actual == [("entry", 1, 100.5, NOON + FIVE), ("entry", 1, 100.5, NOON + FIVE)]
    assert entry.held == 2


def test_an_entry_inside_its_bar_is_stopped_in_it() -> None:
    roles = [fill[0] for fill in told(placed(2), bar(NOON, (101.0, 101.0, 97.0, 97.5)))]

    assert roles == ["entry", "entry", "stop", "stop"]


def test_an_entry_at_the_open_can_take_its_targets_in_the_same_bar() -> None:
    actual = told(placed(2), bar(NOON, (100.0, 104.0, 99.0, 103.5)))

    assert [(role, price) for role, _, price, _ in actual][2:] == [("target_1", 103.0)]


def test_an_open_beyond_the_stop_fills_and_is_stopped_at_once() -> None:
    actual = told(placed(2), bar(NOON, (97.0, 97.5, 96.5, 97.2)))

    # A share in a million slips 2.01 bps: 97.019497 up, 96.980503 down; both at the open.
    assert actual == [
        ("entry", 1, 97.0195, NOON),
        ("entry", 1, 97.0195, NOON),
        ("stop", 1, 96.9805, NOON),
        ("stop", 1, 96.9805, NOON),
    ]


def test_a_gap_beyond_the_stop_fills_at_the_open() -> None:
    actual = told(held(2), bar(NOON, (95.0, 96.0, 94.0, 95.5)))

    assert actual == [("stop", 1, 94.9809, NOON), ("stop", 1, 94.9809, NOON)]


def test_the_fills_of_a_bar_share_a_tenth_of_its_volume() -> None:
    entry = placed(100)

    quantities = [
        [fill[1] for fill in told(entry, bar(NOON + i * FIVE, (100.0, 101.0, 99.5, 100.5), 600.0))]
        for i in range(3)
    ]

    assert quantities == [[50, 10], [40], []]
    assert not entry.working


def test_the_rest_of_a_triggered_stop_is_a_market_order() -> None:
    entry = held(100)

    first = told(entry, bar(NOON, (100.0, 101.0, 97.0, 97.5), 600.0))
    second = told(entry, bar(NOON + FIVE, (99.0, 107.0, 98.5, 106.0)))

    assert [(role, quantity) for role, quantity, _, _ in first] == [("stop", 50), ("stop", 10)]
    # 99 * (1 - (2 + 10 * sqrt(40 / 1e6)) bps) = 98.979574
    assert second == [("stop", 40, 98.9795, NOON + FIVE)]


def test_a_zero_volume_bar_fills_nothing_and_triggers_nothing() -> None:
    entry = held(100)

    assert told(entry, bar(NOON, (97.0, 97.0, 97.0, 97.0), 0.0)) == []
    assert entry.exit is None


def test_the_second_half_trails_once_target_1_has_filled() -> None:
    entry = held(100)
    bars = [bar(NOON - 6 * FIVE + i * FIVE, (100.0, 100.5, 99.5, 100.4)) for i in range(6)]
    bars.append(bar(NOON, (102.0, 104.0, 101.5, 103.5)))
    bars.append(bar(NOON + FIVE, (103.5, 105.0, 103.2, 104.5)))
    bars.append(bar(NOON + 2 * FIVE, (104.0, 104.2, 103.0, 103.1)))
    market = market_of(bars)
    levels_seen, fills = [], []
    for one in bars[6:]:
        fills += told(entry, one)
        look(market, entry, one.end)
        levels_seen.append(entry.stop)

    # Highs of earlier bars only: 1 % below 104 is 102.96, below 105 it is 103.95;
    # 103.95 less 2.0707 bps is 103.928475.
    assert levels_seen[:2] == [102.96, 103.95]
    assert [(role, price) for role, _, price, _ in fills] == [
        ("target_1", 103.0),
        ("trailing_stop", 103.9284),
    ]


def test_a_split_scales_a_position_and_pays_the_fraction() -> None:
    monday = CALENDAR.sessions[CALENDAR.latest(SESSION.open) + 1]
    split = {
        "symbol": "ABC",
        "kind": "split",
        "value": 1.5,
        "ex_date": monday.day,
        "known_at": SESSION.open,
    }
    market = market_of([bar(NOON, (100.0, 100.5, 99.5, 102.0))], [split])
    account = Account(market, INTRADAY)
    entry = account.open["ABC"] = held(101)
    before = account.cash_micro

    account.apply(market.actions[0], monday.pre)

    # 151.5 shares: 151 and half a share at 102 / 1.5 = 68.
    assert (entry.held, account.cash_micro - before) == (151, 34_000_000)
    assert [leg.held for leg in entry.legs] == [76, 75]
    assert (entry.stop, entry.legs[0].target) == (65.34, 68.66)
    assert entry.average == pytest.approx(100.0 / 1.5)
    assert market.last_close("ABC", monday.pre) == 68.0


def test_a_stop_reached_before_the_open_leaves_as_a_limit_that_is_renewed() -> None:
    entry = held(100)
    early = new_york(SESSION.day, 8)
    bars = [
        bar(early, (98.5, 98.6, 97.5, 97.6)),
        bar(early + FIVE, (96.0, 96.2, 95.8, 96.0)),
        bar(early + 2 * FIVE, (95.5, 96.0, 95.4, 95.9)),
    ]
    market = market_of(bars)
    outcomes = []
    for one in bars:
        fills = told(entry, one, regular=False)
        look(market, entry, one.end)
        outcomes.append((fills, None if entry.exit is None else entry.exit.limit))

    # 0.99 * 97.6 = 96.624, up to 96.63, is not reached; 0.99 * 96 = 95.04 fills at the open.
    assert outcomes[0] == ([], 96.63)
    assert outcomes[1] == ([], 95.04)
    assert outcomes[2][0] == [("stop", 100, 95.5, early + 2 * FIVE)]


def test_a_target_works_as_a_limit_outside_regular_hours_and_a_stop_does_not() -> None:
    actual = told(held(100), bar(SESSION.pre, (100.0, 104.0, 90.0, 101.0)), regular=False)

    assert actual == [("target_1", 50, 103.0, SESSION.pre + FIVE)]


def test_a_plain_entry_is_protected_from_the_next_bar_on() -> None:
    entry = placed(5, plain=True, at=SESSION.open - FIVE)

    first = told(entry, bar(SESSION.open, (100.0, 107.0, 97.0, 100.0)))

    assert [fill[:2] for fill in first] == [("entry", 5)]
    assert [leg.held for leg in entry.legs] == [3, 2]
    assert entry.protected_from == SESSION.open + FIVE


def test_a_losing_position_leaves_after_two_hours() -> None:
    entry = held(100)
    entry.first_fill_at = NOON - 24 * FIVE
    market = market_of([bar(NOON - FIVE, (100.0, 100.2, 99.0, 99.9))])

    look(market, entry, NOON)

    assert entry.exit is not None
    assert (entry.exit.role, entry.exit.limit) == ("time_stop", None)


def test_flatten_is_at_the_last_boundary_five_minutes_before_the_close() -> None:
    entry = held(100)
    asof = SESSION.close - FIVE
    entry.first_fill_at = asof - FIVE
    market = market_of([bar(asof - FIVE, (100.0, 102.2, 99.0, 102.0))])

    look(market, entry, asof)

    assert entry.exit is not None
    assert entry.exit.role == "flatten"


def test_levels_round_towards_the_earlier_exit() -> None:
    # 33.33 at 2 %: 32.6634 up, 34.3299 and 35.3298 down; short the other way round.
    assert levels(33.33, 1, 50.0, INTRADAY["signal"]) == (32.67, 34.32, 35.32)
    assert levels(33.33, -1, 50.0, INTRADAY["signal"]) == (33.99, 32.34, 31.34)
    assert on_tick(100.0 * 0.98, up=True) == 98.0


def test_a_boost_works_on_the_distance_to_the_top() -> None:
    assert boosted(70.0, 1.5) == 80.0


def test_an_article_weighs_by_tier_age_category_state_and_cluster() -> None:
    row = {
        "symbol": "ABC",
        "news_id": "0" * 16,
        "known_at": NOON,
        "published_at": NOON,
        "tier": 2,
        "categories": ["earnings", "fda"],
        "sentiment": 0.5,
        "market_state": "pre_market",
        "cluster_rank": 1,
    }
    articles = Newsroom([row]).by_symbol["ABC"]

    later = NOON + 4 * 60 * MINUTE_NS
    catalyst = catalyst_of(articles, asof=later, numbers=INTRADAY)

    # w = 0.8 * exp(-1) * 1.5 * 2 * 0.25 = 0.2207277
    assert catalyst.score == pytest.approx(19.8065, abs=1e-4)
    assert catalyst.direction == pytest.approx(0.5)


def test_the_indicators_are_those_of_talib_on_the_same_window() -> None:
    rng = np.random.default_rng(3)
    closes = 50.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, 250)))
    bars = [bar(i * FIVE, (c, c * 1.01, c * 0.98, c)) for i, c in enumerate(closes)]
    highs, lows = closes * 1.01, closes * 0.98

    assert rsi(list(closes)) == pytest.approx(talib.RSI(closes, 14)[-1])
    assert macd_histogram(list(closes)) == pytest.approx(talib.MACD(closes, 12, 26, 9)[2][-1])
    assert atr(bars) == pytest.approx(talib.ATR(highs, lows, closes, 14)[-1])


def synthetic_lake() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    rng = random.Random(5)  # noqa: S311 - prices, not secrets
    bars: list[dict[str, Any]] = []
    news: list[dict[str, Any]] = []
    for symbol in ("AAA", "BBB", "CCC", "DDD"):
        price = rng.uniform(20.0, 200.0)
        for session in CALENDAR.sessions[5:22]:
            for ts in range(session.pre, session.post, FIVE):
                regular = session.open <= ts < session.close
                if rng.random() < (0.02 if regular else 0.5):
                    continue
                first = price * (1.0 + rng.gauss(0.0, 0.0005))
                price = first * (1.0 + rng.gauss(0.0, 0.003))
                bars.append(
                    {
                        "symbol": symbol,
                        "ts": ts,
                        "timeframe": "5m",
                        "open": first,
                        "high": max(first, price) * (1.0 + abs(rng.gauss(0.0, 0.001))),
                        "low": min(first, price) * (1.0 - abs(rng.gauss(0.0, 0.001))),
                        "close": price,
                        "volume": float(int(20_000 * rng.lognormvariate(0.0, 1.0))),
                        "known_at": ts + FIVE,
                        "adjustment": "raw",
                    }
                )
            for _ in range(6):
                published = session.pre + int(rng.random() * 14 * 60) * MINUTE_NS
                news.append(
                    {
                        "news_id": f"{rng.getrandbits(64):016x}",
                        "symbol": symbol,
                        "known_at": published + MINUTE_NS,
                        "published_at": published,
                        "tier": rng.randint(1, 5),
                        "categories": rng.choice([[], ["fda"], ["earnings"]]),
                        "sentiment": rng.uniform(-0.5, 1.0),
                        "market_state": CALENDAR.state(published),
                        "cluster_rank": rng.randint(0, 1),
                    }
                )
    return bars, news


NUMBERS = replaced(INTRADAY, {"screen.rvol_min": 0.8, "risk.allow_short": True})


def run(bars: list[dict[str, Any]], news: list[dict[str, Any]]) -> Reference:
    first, last = CALENDAR.sessions[15].day, CALENDAR.sessions[20].day
    return run_reference(bars, news, [], [], NUMBERS, timeframe="5m", start=first, end=last)


def test_a_run_conserves_money() -> None:
    out = run(*synthetic_lake())
    moved = sum(
        (1 if row["side"] == "sell" else -1) * row["quantity"] * round(row["price"] * 10_000)
        for row in out.fills
    )

    assert len(out.trades) >= 10
    assert not out.open_entries
    assert out.equity[-1]["equity"] == 100_000.0 + moved / 10_000
    assert sum(row["pnl"] for row in out.trades) == pytest.approx(moved / 10_000)


def test_the_future_changes_no_earlier_decision() -> None:
    bars, news = synthetic_lake()
    asof = CALENDAR.sessions[17].open + 17 * FIVE
    known_bars = [row for row in bars if row["known_at"] <= asof]
    known_news = [row for row in news if row["known_at"] <= asof]

    whole, cut = run(bars, news), run(known_bars, known_news)

    for table in ("candidates", "signals"):
        expected = [repr(row) for row in getattr(whole, table) if row["decided_at"] <= asof]
        actual = [repr(row) for row in getattr(cut, table) if row["decided_at"] <= asof]

        assert expected
        assert actual == expected
