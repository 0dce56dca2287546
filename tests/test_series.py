"""A run reads one series of bars of a symbol, and notices when the lake changes under it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from catalyst import Params, replay
from catalyst.data.feed import Feed
from catalyst.data.lake import TABLES, Lake
from catalyst.data.series import Series, chosen_series, series_of
from catalyst.data.watch import unchanged
from catalyst.errors import LakeError

DAYS = [f"2024-06-{day:02d}" for day in (3, 4, 5, 6, 7)]


def _daily(days: list[str], *, volume: float, known_at: str | None = None) -> pl.DataFrame:
    rows = {
        "ts": days,
        "symbol": ["ZQA"] * len(days),
        "open": [10.0] * len(days),
        "high": [11.0] * len(days),
        "low": [9.0] * len(days),
        "close": [10.5] * len(days),
        "volume": [volume] * len(days),
    }
    frame = pl.DataFrame(rows)
    return frame if known_at is None else frame.with_columns(known_at=pl.lit(known_at))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake", create=True)


def _volumes(lake: Lake, sources: list[str] | None = None) -> list[list[float]]:
    feed = Feed(lake, "1d", sources=sources)
    sessions = feed.span(dt.date(2024, 6, 3), dt.date(2024, 6, 7))[1]
    return [feed.bars(session, grace_ns=0).rows.volume.tolist() for session in sessions]


def test_a_day_that_the_taken_source_lacks_is_not_filled_from_another(lake: Lake) -> None:
    lake.add_bars(_daily(DAYS, volume=900_000), timeframe="1d", source="alpaca-sip")
    lake.add_bars(_daily([DAYS[0], DAYS[2]], volume=9_000), timeframe="1d", source="alpaca-iex")
    lake.add_bars(_daily(DAYS[:3], volume=9_000), timeframe="1d", source="aaa", adjustment="split")

    assert _volumes(lake) == [[900_000.0]] * 5


def test_a_hole_in_the_taken_source_stays_a_hole(lake: Lake) -> None:
    lake.add_bars(_daily(DAYS[:2] + DAYS[3:], volume=900_000), timeframe="1d", source="b")
    lake.add_bars(_daily(DAYS[1:], volume=5), timeframe="1d", source="a")

    assert _volumes(lake) == [[900_000.0], [900_000.0], [], [900_000.0], [900_000.0]]


def test_what_a_source_delivers_later_does_not_change_which_one_was_taken(lake: Lake) -> None:
    lake.add_bars(_daily(DAYS, volume=7), timeframe="1d", source="z")
    late = _daily(DAYS, volume=1, known_at="2026-01-05T12:00:00Z")
    lake.add_bars(late, timeframe="1d", source="a")

    assert _volumes(lake) == [[7.0]] * 5


def test_of_series_known_at_once_the_least_adjusted_then_the_whole_market_counts() -> None:
    instant = dt.datetime(2024, 6, 3, 20, tzinfo=dt.UTC)
    rows = [("ZQA", "a", "split"), ("ZQA", "b-iex", "raw"), ("ZQA", "c-sip", "raw")]
    frame = pl.DataFrame(rows, schema=["symbol", "source", "adjustment"], orient="row")
    found = chosen_series(frame.with_columns(first_known_at=pl.lit(instant), rows=1))

    assert found == {"ZQA": Series("c-sip", 0)}


def test_the_user_may_say_which_sources_count_best_first(lake: Lake) -> None:
    lake.add_bars(_daily(DAYS, volume=7), timeframe="1d", source="z")
    lake.add_bars(_daily(DAYS, volume=1), timeframe="1d", source="a")

    assert _volumes(lake, ["z", "a"]) == [[7.0]] * 5


def test_an_unknown_source_is_named_beside_those_there_are(lake: Lake) -> None:
    lake.add_bars(_daily(DAYS, volume=7), timeframe="1d", source="z")

    with pytest.raises(LakeError, match=r"from the source sip; the lake has z"):
        chosen_series(series_of(lake.root, "1d"), sources=["sip"])


def test_more_sources_than_a_byte_can_count_stay_apart(lake: Lake) -> None:
    for number in range(200):
        bars = _daily(DAYS[:1], volume=number)
        lake.add_bars(bars, timeframe="1d", source=f"s{number:03d}")

    assert _volumes(lake, ["s128"])[0] == [128.0]


def test_a_run_says_that_there_were_several_series(lake: Lake) -> None:
    lake.add_bars(_daily(DAYS, volume=7), timeframe="1d", source="z")
    lake.add_bars(_daily(DAYS, volume=1), timeframe="1d", source="a")

    told = replay(lake, Params.load("daily")).summary
    chosen = replay(lake, Params.load("daily"), sources=["z"]).summary

    assert told["sources"] == ["a"]
    assert any("1 symbols have bars of several sources" in text for text in told["warnings"])
    assert chosen["sources"] == ["z"]
    assert not any("several sources" in text for text in chosen["warnings"])


def test_a_lake_that_is_written_to_while_it_is_read_stops_the_reader(lake: Lake) -> None:
    lake.add_bars(_daily(DAYS, volume=7), timeframe="1d", source="z")

    with (
        pytest.raises(LakeError, match="was written to while it was read"),
        unchanged(lake.root, TABLES),
    ):
        lake.add_bars(_daily(DAYS[:1], volume=8), timeframe="1d", source="y")


def test_reading_a_lake_that_stays_as_it_is_raises_nothing(lake: Lake) -> None:
    lake.add_bars(_daily(DAYS, volume=7), timeframe="1d", source="z")

    with unchanged(lake.root, TABLES):
        found = lake.bars("1d").height

    assert found == 5


@pytest.mark.parametrize(
    ("adjustment", "advice"),
    [("raw", "import it with catalyst data import actions"), ("split", "they are on two scales")],
)
def test_a_break_like_a_split_is_told_with_what_may_be_behind_it(
    lake: Lake, adjustment: str, advice: str
) -> None:
    before = _daily(DAYS[:3], volume=7)
    after = _daily(DAYS[3:], volume=7).with_columns(pl.col("open", "high", "low", "close") / 10)
    lake.add_bars(pl.concat([before, after]), timeframe="1d", adjustment=adjustment)

    warnings = replay(lake, Params.load("daily")).summary["warnings"]

    assert any(
        text.startswith("ZQA moved -90% to 2024-06-06") and advice in text for text in warnings
    )


def test_shares_of_bars_count_those_that_a_split_leaves_out(lake: Lake) -> None:
    before = _daily(DAYS[:3], volume=7)
    after = _daily(DAYS[3:], volume=7).with_columns(pl.col("open", "high", "low", "close") / 10)
    old_open = after.with_columns(open=pl.lit(10.0), high=pl.lit(10.0))
    lake.add_bars(pl.concat([before, old_open]), timeframe="1d")
    split = {"symbol": ["ZQA"], "ex_date": [DAYS[3]], "kind": ["split"], "value": [10.0]}
    lake.add_actions(pl.DataFrame(split))

    warnings = replay(lake, Params.load("daily")).summary["warnings"]

    assert (
        "1 bars showed a price of old shares on the ex-date of a split and were left out"
        in warnings
    )
    assert "100% of bar times are assumed: known at the bar's end" in warnings
