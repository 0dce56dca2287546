"""The event study: what it takes for known, what it compares with, and what it finds."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from event_worlds import (
    DAYS,
    NEWS_DAY,
    SYMBOLS,
    Price,
    curve,
    flat,
    market,
    mean,
    ny,
    simulated,
    study_of,
    told,
)

from catalyst.cli import app as cli
from catalyst.errors import InputError, LakeError, OutputError
from catalyst.research.event_bands import bands
from catalyst.research.event_study import EventStudy, event_study
from catalyst.research.event_tables import CLOCKS

Asked = Callable[..., tuple[object, str, str]]
KNOWN = dt.timedelta(seconds=1)
ONE = np.ones(1, np.int64)


def step(symbol: str, size: float, since: dt.datetime) -> Price:
    """Give a price that is 100, and of one symbol 100 + size from an instant on."""

    def price(name: str, start: dt.datetime) -> float:
        return 100.0 + size * (name == symbol and start >= since)

    return price


# What is zero.


def test_a_bar_that_opens_when_the_news_is_known_is_bar_zero(tmp_path: Path) -> None:
    lake = told(market(tmp_path), ny("10:15"))

    assert event_study(lake).events["entry_at"].to_list() == [ny("10:15")]


def test_a_bar_that_opened_a_second_before_is_not_bar_zero(tmp_path: Path) -> None:
    lake = told(market(tmp_path), ny("10:15") + KNOWN)

    assert event_study(lake).events["entry_at"].to_list() == [ny("10:30")]


def test_what_moved_between_publication_and_bar_zero_is_gone_before(tmp_path: Path) -> None:
    moved = market(tmp_path, step("AAA", 2.0, ny("10:00")))
    study = event_study(told(moved, ny("10:30"), published=ny("10:00")))

    assert study.events["before"].to_list() == pytest.approx([0.02])
    assert curve(study, "day", 0) == pytest.approx(0.0)


def test_what_moves_after_bar_zero_opened_could_be_earned(tmp_path: Path) -> None:
    moved = market(tmp_path, step("AAA", 2.0, ny("11:00")))
    study = event_study(told(moved, ny("10:30"), published=ny("10:00")))

    assert study.events["before"].to_list() == [0.0]
    assert curve(study, "minute", 30) == pytest.approx(0.0)
    assert curve(study, "minute", 45) == pytest.approx(200.0)
    assert curve(study, "day", 0) == pytest.approx(200.0)


def test_the_clock_of_publication_shows_the_jump_that_the_other_does_not(tmp_path: Path) -> None:
    moved = market(tmp_path, step("AAA", 2.0, ny("10:00")))
    study = event_study(told(moved, ny("11:00"), published=ny("10:00")))
    found = [
        mean(study, 60, clock=clock, unit="minute", measure="abnormal_return") for clock in CLOCKS
    ]

    assert found == pytest.approx([0.0, 200.0])


@pytest.mark.parametrize(("hours", "entry"), [("regular", "09:30"), ("extended", "07:15")])
def test_news_before_the_open_waits_for_the_open_unless_extended_hours_are_asked_for(
    tmp_path: Path, hours: str, entry: str
) -> None:
    lake = told(market(tmp_path, first="04:00", last="19:45"), ny("07:10"))

    assert event_study(lake, hours=hours).events["entry_at"].to_list() == [ny(entry)]


def test_news_after_the_close_is_traded_in_the_next_session(tmp_path: Path) -> None:
    lake = told(market(tmp_path), ny("17:00"))

    assert event_study(lake).events["entry_at"].to_list() == [ny("09:30", DAYS[27])]


def test_what_is_bought_after_the_close_is_held_to_the_next_close(tmp_path: Path) -> None:
    def price(symbol: str, start: dt.datetime) -> float:
        return 100.0 + 2.0 * (symbol == "AAA" and start >= ny("17:00"))

    lake = told(market(tmp_path, price, first="04:00", last="19:45"), ny("18:00"))
    study = event_study(lake, hours="extended")

    assert study.events["entry_at"].to_list() == [ny("18:00")]
    assert curve(study, "day", 0) == pytest.approx(0.0)
    assert curve(study, "day", -1) == pytest.approx(1e4 * (100 / 102 - 1))


# What is compared.


def test_the_markets_move_is_taken_off(tmp_path: Path) -> None:
    def price(_symbol: str, start: dt.datetime) -> float:
        return 103.0 if start >= ny("11:00") else 100.0

    study = event_study(told(market(tmp_path, price), ny("10:30")))

    assert curve(study, "day", 0) == pytest.approx(0.0)


def test_the_symbol_itself_is_no_part_of_its_market(tmp_path: Path) -> None:
    study = event_study(told(market(tmp_path, step("AAA", 3.0, ny("11:00"))), ny("10:30")))

    assert curve(study, "day", 0) == pytest.approx(300.0)


def test_beta_takes_off_what_the_symbol_usually_moves_with_the_market(tmp_path: Path) -> None:
    swings = np.cumprod(1.0 + 0.01 * np.sin(np.arange(len(DAYS)) * 1.7))
    double = np.cumprod(1.0 + 0.02 * np.sin(np.arange(len(DAYS)) * 1.7))

    def price(symbol: str, start: dt.datetime) -> float:
        k = DAYS.index(start.date())
        return 100.0 * float(double[k] if symbol == "AAA" else swings[k])

    day = DAYS[-3]
    lake = told(market(tmp_path, price), ny("10:30", day))
    plain = curve(event_study(lake), "day", 1)
    adjusted = curve(event_study(lake, adjust="beta"), "day", 1)

    assert abs(adjusted) < 1e-6 < abs(plain)


def test_beta_knows_nothing_of_the_sessions_from_the_event_on(tmp_path: Path) -> None:
    def price(later: float) -> Price:
        rng = np.random.default_rng(5)
        paths = {s: 100.0 + np.cumsum(rng.normal(0, 1, len(DAYS))) for s in SYMBOLS}

        def one(symbol: str, start: dt.datetime) -> float:
            k = DAYS.index(start.date())
            extra = later if symbol == "BBB" and k > 36 else 0.0
            return float(paths[symbol][k]) + extra

        return one

    found = []
    for name, later in (("a", 0.0), ("b", 25.0)):
        lake = told(market(tmp_path / name, price(later)), ny("10:30", DAYS[35]))
        found.append(curve(event_study(lake, adjust="beta"), "day", 1))

    assert found[0] == found[1]
    assert math.isfinite(found[0])


def test_a_split_is_no_loss(tmp_path: Path) -> None:
    after = DAYS[27]

    def price(symbol: str, start: dt.datetime) -> float:
        return 50.0 if symbol == "AAA" and start.date() >= after else 100.0

    lake = told(market(tmp_path, price), ny("10:30"))
    lake.add_actions(
        pl.DataFrame({"symbol": ["AAA"], "ex_date": [after], "kind": ["split"], "value": [2.0]})
    )
    study = event_study(lake)

    assert [curve(study, "day", day) for day in (-1, 0, 1, 5)] == pytest.approx([0.0] * 4)


def test_a_halt_has_no_price_and_is_counted(tmp_path: Path) -> None:
    def price(symbol: str, start: dt.datetime) -> float | None:
        return None if symbol == "AAA" and ny("11:00") <= start < ny("14:00") else 100.0

    study = event_study(told(market(tmp_path, price), ny("10:30")))
    halted = study.curves.filter(
        grouping="all", clock="known", unit="minute", measure="abnormal_return", horizon=120
    )

    assert math.isnan(curve(study, "minute", 120))
    assert curve(study, "minute", 30) == curve(study, "minute", 240) == 0.0
    assert halted["events"].to_list() == [0]


def test_a_symbol_without_a_bar_until_the_next_sessions_end_is_no_event(tmp_path: Path) -> None:
    def price(symbol: str, start: dt.datetime) -> float | None:
        gone = symbol == "AAA" and ny("10:30") <= start < ny("09:30", DAYS[28])
        return None if gone else 100.0

    lake = told(market(tmp_path, price), ny("10:30"))
    told(lake, ny("10:30"), symbol="BBB", headline="BBB earnings beat estimates, profit surges")
    study = event_study(lake)

    assert study.events["symbol"].to_list() == ["BBB"]
    assert study.dropped["no bar until the end of the next session"] == 1


def test_minutes_end_with_the_session(tmp_path: Path) -> None:
    lake = told(market(tmp_path, first="04:00", last="19:45"), ny("15:00"))
    study = event_study(lake)

    assert curve(study, "minute", 60) == 0.0
    assert math.isnan(curve(study, "minute", 75))
    assert math.isfinite(curve(study, "minute", 75 - 120))


def test_on_a_half_day_the_close_is_early(tmp_path: Path) -> None:
    half = dt.date(2014, 7, 3)
    days = [*DAYS[6:], *(dt.date(2014, 6, 25) + dt.timedelta(days=k) for k in (0, 1, 2, 5, 6, 7))]
    rows = [
        (symbol, ny("09:30", day) + dt.timedelta(minutes=15 * k), *[100.0 + k] * 4, 1e3)
        for day in [*days, half]
        for symbol in SYMBOLS
        for k in range(26)
    ]
    names = ["symbol", "ts", "open", "high", "low", "close", "volume"]
    frame = pl.DataFrame(rows, schema=names, orient="row")
    lake = market(tmp_path)
    lake.add_bars(
        frame.with_columns(pl.col("ts").cast(pl.Datetime("ns", "UTC"))).filter(
            pl.col("ts").dt.date() == half
        ),
        timeframe="15m",
        source="made",
    )
    told(lake, ny("10:30", half))
    study = event_study(lake, adjust="none")

    # The last bar of 12:45 closes at 113, and one enters at 104.
    assert curve(study, "day", 0) == pytest.approx((113 / 104 - 1) * 1e4)


def test_volume_is_held_against_the_same_slot_of_the_sessions_before(tmp_path: Path) -> None:
    def volume(symbol: str, start: dt.datetime) -> float:
        usual = 2_000.0 if start.time() == ny("10:30", start.date()).time() else 500.0
        return usual * (3.0 if symbol == "AAA" and start >= ny("10:30") else 1.0)

    lake = told(market(tmp_path, flat, volume=volume), ny("10:30"))
    study = event_study(lake)
    wanted = {"clock": "known", "unit": "minute", "measure": "abnormal_volume"}

    assert [mean(study, h, **wanted) for h in (0, 15, 30)] == pytest.approx([1.0, 3.0, 3.0])


# Which news counts.


def test_a_story_is_one_event_however_often_it_is_told(tmp_path: Path) -> None:
    lake = told(market(tmp_path), ny("10:30"))
    told(lake, ny("10:45"), source="CNBC")
    told(lake, ny("10:50"), source="Benzinga")
    study = event_study(lake, by=["repeat"])
    groups = study.table.filter(grouping="repeat").select("group", "events").rows()

    assert study.count == 1
    assert study.dropped["same story again"] == 2
    assert groups == [("first", 1), ("repeat", 1)]


def test_news_without_a_category_counts_if_asked_for(tmp_path: Path) -> None:
    lake = told(market(tmp_path), ny("10:30"), headline="AAA has a great and happy day")

    with pytest.raises(LakeError, match="no catalyst category: 1"):
        event_study(lake)
    assert event_study(lake, every=True).count == 1


def test_a_symbol_that_was_no_member_yet_is_left_out(tmp_path: Path) -> None:
    lake = told(market(tmp_path), ny("10:30"))
    told(lake, ny("10:30"), symbol="BBB", headline="BBB earnings beat estimates, profit surges")
    lake.add_universe(
        pl.DataFrame(
            {"symbol": list(SYMBOLS), "from": [DAYS[30], *[DAYS[0]] * 3], "to": [None] * 4},
            schema_overrides={"to": pl.Date},
        )
    )
    study = event_study(lake)

    assert study.events["symbol"].to_list() == ["BBB"]
    assert study.dropped["not in the universe"] == 1


def test_the_test_named_beforehand_is_the_same_whatever_groups_are_shown() -> None:
    lake = simulated(edge=True)
    found = event_study(lake, by=["tercile"]).named

    assert found == study_of(edge=True).named


def test_later_days_change_no_event_of_before(tmp_path: Path) -> None:
    lake = simulated(edge=True)
    days = lake.days("15m")
    short = event_study(lake, end=days[30])
    whole = study_of(edge=True).events.filter(
        pl.col("news_id").is_in(short.events["news_id"].implode())
    )
    same = ["news_id", "symbol", "entry_at", "before", "minutes"]

    assert short.events.select(same).equals(whole.select(same), null_equal=True)


# What it finds.


def planted(study: EventStudy, *, edge: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give signed return over the drift, the planted one and the day, of events that may drift."""
    lake = simulated(edge=edge)
    truth = pl.read_parquet(lake.root / "truth.parquet").filter("eligible")
    urls = lake.news().select("news_id", "symbol", "url").unique()
    rows = study.events.join(urls, on=["news_id", "symbol"]).join(truth, on=["url", "symbol"])
    place = list(study.horizons["minute"]).index(180)
    moved = rows["minutes"].list.get(place).to_numpy() * rows["direction"].to_numpy() * 1e4
    meant = rows["drift_bps"].to_numpy() * rows["direction_right"].to_numpy()
    return moved, meant, rows["session"].cast(pl.Int32).to_numpy().astype(np.int64)


@pytest.mark.parametrize("edge", [True, False])
def test_the_planted_edge_lies_in_its_interval_and_zero_only_where_none_was(*, edge: bool) -> None:
    moved, meant, days = planted(study_of(edge=edge), edge=edge)
    known = np.isfinite(moved)
    found = bands(moved[:, None], days - days.min(), ONE, n_days=int(np.ptp(days)) + 1, seed=1)
    size = float(meant[known].mean())

    assert found.low[0] < size < found.high[0]
    assert bool(found.low[0] > 0) is edge
    assert (size > 50) is edge


def test_the_verdict_is_supported_with_the_edge_and_not_shown_without() -> None:
    assert [study_of(edge=edge).named.word for edge in (True, False)] == ["supported", "not shown"]


def test_news_moves_price_before_it_can_be_known() -> None:
    for edge in (True, False):
        row = study_of(edge=edge).table.row(0, named=True)

        assert row["before_low"] > 0
        assert row["before"] > row["close"]


def test_a_slow_reading_of_the_bars_gives_the_same_returns() -> None:
    study = study_of(edge=True)
    lake = simulated(edge=True)
    bars = lake.bars("15m").sort("symbol", "ts")
    local = pl.col("ts").dt.convert_time_zone("America/New_York")
    regular = bars.with_columns(day=local.dt.date(), clock=local.dt.time()).filter(
        pl.col("clock") >= dt.time(9, 30), pl.col("clock") < dt.time(16)
    )
    splits = {
        (s, d): v
        for s, d, v in lake.actions()
        .filter(kind="split")
        .select("symbol", "ex_date", "value")
        .rows()
    }
    compared = 0
    for row in study.events.sample(12, seed=3).iter_rows(named=True):
        if any(day == row["session"] for _, day in splits):
            continue
        day = regular.filter(pl.col("day") == row["session"])
        gains = {}
        for (symbol,), own in day.group_by("symbol"):
            ahead = own.filter(pl.col("ts") >= row["entry_at"])
            before = own.filter(pl.col("ts") < row["entry_at"])
            if ahead.height and (ahead["ts"][0] == row["entry_at"] or before.height):
                opens = ahead["ts"][0] == row["entry_at"]
                paid = ahead["open"][0] if opens else before["close"][-1]
                gains[symbol] = own["close"][-1] / paid - 1.0
        others = [gain for symbol, gain in gains.items() if symbol != row["symbol"]]
        expected = gains[row["symbol"]] - float(np.mean(others))
        place = list(study.horizons["day"]).index(0)

        assert row["days"][place] == pytest.approx(expected, abs=1e-12)

        compared += 1

    assert compared > 8


def test_a_study_made_twice_is_the_same() -> None:
    again = event_study(simulated(edge=True))
    study = study_of(edge=True)

    assert again.named == study.named
    assert again.curves.equals(study.curves)
    assert again.events.equals(study.events)


# Bands.


def test_bands_are_wider_where_events_of_a_day_hang_together() -> None:
    rng = np.random.default_rng(1)
    days = np.repeat(np.arange(60), 20)
    alone = rng.normal(0, 1, 1200)
    together = np.repeat(rng.normal(0, 1, 60), 20)
    wide = [
        float((found.high - found.low)[0])
        for found in (
            bands(values[:, None], days, ONE, n_days=60, seed=1) for values in (alone, together)
        )
    ]

    assert wide[1] > 3 * wide[0]


def test_bands_claim_an_edge_where_there_is_none_about_once_in_twenty() -> None:
    rng = np.random.default_rng(2)
    days = np.repeat(np.arange(40), 5)
    values = rng.normal(0, 1, (200, 400)) + np.repeat(rng.normal(0, 1, (40, 400)), 5, axis=0)
    found = bands(values, days, np.ones(400, np.int64), n_days=40, seed=1)
    claimed = float((found.p_value < 0.05).mean())

    assert 0.02 <= claimed <= 0.08


def test_below_twenty_days_there_is_no_band() -> None:
    values = np.arange(19.0)[:, None]
    found = bands(values, np.arange(19), ONE, n_days=19, seed=1)

    assert found.value[0] == 9.0
    assert np.isnan(found.low[0])
    assert np.isnan(found.p_value[0])


def test_a_weight_of_two_counts_like_two_events() -> None:
    values = np.array([[1.0], [4.0]])
    found = bands(values, np.array([0, 1]), ONE, n_days=2, seed=1, weights=np.array([2.0, 1.0]))

    assert found.value[0] == 2.0


# The command.


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Asked:
    def run(*arguments: object) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["catalyst", "study", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        told = capsys.readouterr()
        return stop.value.code or 0, told.out, told.err

    return run


def test_json_says_edge_test_and_groups(asked: Asked) -> None:
    status, out, _ = asked("events", "--lake", simulated(edge=True).root, "--by", "tier", "--json")
    found = json.loads(out)

    assert status == 0
    assert found["edge"] == "supported"
    assert found["test"]["low"] > 0
    assert {row["grouping"] for row in found["groups"]} == {"all", "tier"}


def test_a_study_leaves_tables_and_a_page_that_asks_for_nothing(tmp_path: Path) -> None:
    folder = study_of(edge=True).save(tmp_path / "study")
    page = (folder / "events.html").read_text()
    frames = [
        pl.read_parquet(folder / f"{name}.parquet").height for name in ("events", "curves", "table")
    ]

    assert all(frames)
    assert page.index("edge: supported") < page.index("<table")
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", page)
    with pytest.raises(OutputError, match="--force"):
        study_of(edge=True).save(folder)


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")

    with pytest.raises(OutputError, match="no such study"):
        study_of(edge=True).save(tmp_path, force=True)


def test_one_symbol_has_no_market(tmp_path: Path) -> None:
    lake = told(market(tmp_path), ny("10:30"))

    with pytest.raises(InputError, match="--adjust none"):
        event_study(lake, symbols=["AAA"])
    assert event_study(lake, symbols=["AAA"], adjust="none").count == 1


@pytest.mark.parametrize("option", ["by", "hours", "adjust"])
def test_an_unknown_option_is_named_with_what_there_is(option: str, tmp_path: Path) -> None:
    lake = told(market(tmp_path), ny("10:30"))
    value = ["weather"] if option == "by" else "weather"

    with pytest.raises(InputError, match=r"'weather'.*expected"):
        event_study(lake, **{option: value})  # type: ignore[arg-type]


def test_the_day_of_the_news_is_the_one_that_the_worlds_say() -> None:
    assert DAYS[26] == NEWS_DAY
