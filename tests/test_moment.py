"""A moment rebuilt from the lake is what the run saw."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest
from worlds import daily_lake, small_lake, small_run

from catalyst import Lake, Params, replay
from catalyst.data.feed import Feed
from catalyst.errors import InputError
from catalyst.research.moment import moment
from catalyst.research.result import Result
from catalyst.strategy.decisions import Screen
from catalyst.strategy.funnel import finish

SPEC = Params.load("spec")
DAILY = Params.load("spec", timeframe="1d")


def _recomputed(lake: Lake, params: Params, at: dt.datetime) -> Screen:
    feed = Feed(lake)
    known = moment(feed, params, int(at.timestamp()) * 10**9)
    return finish(known.view, known.narrowed, params)[0]


def _recorded(run: Result, at: dt.datetime) -> pl.DataFrame:
    return run.candidates.filter(pl.col("decided_at") == at)


@pytest.mark.parametrize("k", [0, 1, 400, 1_033, -2])
def test_the_funnel_of_a_moment_is_the_one_the_run_recorded(k: int) -> None:
    at = small_run().candidates["decided_at"].unique().sort()[k]
    screen = _recomputed(small_lake(), SPEC, at)
    recorded = _recorded(small_run(), at)

    assert recorded.height > 0
    assert recorded["catalyst_score"].to_list() == screen.catalyst_score.tolist()
    assert recorded["value"].equals(pl.Series("value", screen.value))


def test_a_daily_moment_is_the_close() -> None:
    run = replay(daily_lake(), DAILY)
    at = run.candidates["decided_at"].unique().sort()[-3]
    screen = _recomputed(daily_lake(), DAILY, at)

    assert _recorded(run, at)["catalyst_score"].to_list() == screen.catalyst_score.tolist()


@pytest.mark.parametrize("text", ["2023-07-15T12:00", "2023-07-14T23:00", "2031-01-06T15:00"])
def test_an_instant_outside_every_session_is_refused(text: str) -> None:
    at = dt.datetime.fromisoformat(f"{text}+00:00") + dt.timedelta(hours=4)

    with pytest.raises(InputError, match="is in no session"):
        moment(Feed(small_lake()), SPEC, int(at.timestamp()) * 10**9)


def test_less_history_can_be_given() -> None:
    at = small_run().candidates["decided_at"].max()
    assert isinstance(at, dt.datetime)
    known = moment(Feed(small_lake()), SPEC, int(at.timestamp()) * 10**9, sessions=3)

    assert int(known.survey.n_sessions.max()) == 3
