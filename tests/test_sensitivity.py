"""What is left when assumed news times are later: real replays, in which nothing else moves."""

from __future__ import annotations

import datetime as dt
from functools import cache

import polars as pl
import pytest
from worlds import LOOSE, scratch, small_lake, small_sample

from catalyst import Lake, Params, replay
from catalyst.data.feed import Feed
from catalyst.errors import InputError
from catalyst.research.result import Result
from catalyst.research.sensitivity import FILE, read_sensitivity, sensitivity

QUARTER_NS = 15 * 60 * 10**9
LAST = dt.date(2023, 6, 30)


def _assumed_lake(name: str, latency_s: float) -> Lake:
    sample = small_sample()
    root = scratch() / name
    if root.exists():
        return Lake(root)
    lake = Lake(root, create=True)
    until = pl.col("ts").dt.date() <= LAST
    lake.add_bars(sample.bars.filter(until), timeframe="5m", source="synthetic")
    news = sample.news.drop("known_at", strict=False).drop("collected_at", strict=False)
    lake.add_news(news, latency_s=latency_s)
    return lake


def _params() -> Params:
    return Params.load("spec").replace(**LOOSE)


@cache
def _assumed_run() -> Result:
    return replay(_assumed_lake("assumed", 60), _params())


def test_a_delay_gives_the_run_of_a_lake_whose_news_came_so_much_later() -> None:
    lake = _assumed_lake("assumed", 60)
    later = _assumed_lake("assumed-later", 60 + 15 * 60)

    moved = replay(lake, _params(), feed=Feed(lake, assumed_delay_ns=QUARTER_NS))

    assert moved.summary["decision_digest"] != _assumed_run().summary["decision_digest"]
    assert moved.summary["decision_digest"] == replay(later, _params()).summary["decision_digest"]


def test_a_known_time_does_not_move() -> None:
    days = [day for day in small_lake().days("5m") if day <= LAST]
    told = [
        replay(small_lake(), _params(), start=days[-3], end=days[-1], feed=feed)
        for feed in (Feed(small_lake()), Feed(small_lake(), assumed_delay_ns=QUARTER_NS))
    ]

    assert told[0].summary["decision_digest"] == told[1].summary["decision_digest"]


def test_the_table_begins_with_the_run_itself_and_counts_what_moved() -> None:
    run = _assumed_run()
    seen: list[tuple[int, int]] = []

    found = sensitivity(
        run, minutes=[60], progress=lambda done, total, _: seen.append((done, total))
    )

    now, later = found.iter_rows(named=True)
    assert (now["minutes"], now["moved"], now["changed"]) == (0, 0, 0)
    assert now["net_pnl"] == run.summary["net_pnl"]
    assert later["minutes"] == 60
    assert later["moved"] == later["articles"]
    assert 0 < later["changed"] <= later["decisions"]
    assert seen[-1] == (run.summary["sessions"], run.summary["sessions"])
    kept = read_sensitivity(run.folder)
    assert kept is not None
    assert kept.equals(found)
    (run.folder / FILE).unlink()


def test_without_assumed_times_there_is_nothing_to_replay() -> None:
    run = replay(small_lake(), _params(), end=small_lake().days("5m")[8])

    found = sensitivity(run)

    assert found["minutes"].to_list() == [0]


def test_a_run_without_its_lake_is_refused() -> None:
    run = _assumed_run()

    with pytest.raises(InputError, match="opened without its lake"):
        sensitivity(Result(run.params, run.folder))
