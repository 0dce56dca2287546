"""No decision knows the future: cut it off or scramble it, and what was decided before stays."""

from __future__ import annotations

import datetime as dt
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from worlds import (
    FIVE_MINUTES,
    INSTANT,
    LOOSE,
    copied,
    digests,
    small_lake,
    small_sample,
    with_bars,
)

from catalyst import Lake, Params, replay
from catalyst.research.result import Result

START = dt.date(2023, 7, 10)
# Before the open, at it, within bars, at scans, at the close, after hours, over a weekend; the
# instants in between two bars ask whether a bar that is half over is seen.
# What is known within two seconds of a bar's end counts as known at its end (`bar_grace_s`).
_SOON = dt.timedelta(seconds=3)
INSTANTS = [
    dt.datetime.fromisoformat(f"2023-07-{text}+00:00")
    for text in (
        "10T09:00:00", "10T13:30:00", "11T14:02:30", "11T15:15:00", "11T18:10:00", "12T19:55:00",
        "12T22:00:00", "13T11:47:13", "14T18:50:00", "15T12:00:00", "17T10:45:00", "17T17:05:01",
    )
]  # fmt: skip


def _params() -> Params:
    # Wide gates and nights: most instants then have something held, working or just decided.
    return Params.load("spec").replace(allow_short=True, flatten_at_close=False, **LOOSE)


def _run(lake: Lake, end: dt.date | None = None) -> Result:
    return replay(lake, _params(), start=START, end=end)


@cache
def _whole() -> Result:
    return _run(small_lake())


def _known_at(news: pl.DataFrame) -> pl.DataFrame:
    known = pl.max_horizontal("published_at", "collected_at")
    return news.with_columns(known=known)


def _without_news(root: Path) -> Lake:
    """Copy the lake but its news and memberships, which a test gives anew."""
    new = copied(small_lake(), root)
    for table in ("news", "universe", "actions"):
        for path in sorted((new.root / table).rglob("*.parquet")):
            path.unlink()
    return new


def _truncated(root: Path, instant: dt.datetime) -> Lake:
    """Leave out what wasn't known yet; the news is enriched without knowing what followed it."""
    sample, new = small_sample(), _without_news(root)
    local = instant.astimezone(tz=None).date()
    for folder in sorted((new.root / "bars/timeframe=5m").iterdir()):
        day = dt.date.fromisoformat(folder.name.removeprefix("date="))
        if day >= local - dt.timedelta(days=1):
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()
            bars = small_lake().bars("5m", start=day, end=day)
            kept = bars.filter(pl.col("known_at") <= instant)
            if kept.height:
                new.add_bars(kept)
    new.add_news(_known_at(sample.news).filter(pl.col("known") <= instant).drop("known"))
    new.add_actions(sample.actions.filter(pl.col("known_at") <= instant))
    members = sample.universe.filter(pl.col("known_at") <= instant)
    new.add_universe(members.select("symbol", "from", pl.col("to").dt.offset_by("-1d"), "known_at"))
    return new


def _scrambled(root: Path, instant: dt.datetime) -> Lake:
    """Change all that was known later: prices, volumes, texts, and corrections of the past."""
    rng = np.random.default_rng(int(instant.timestamp()))

    def other_bars(bars: pl.DataFrame) -> pl.DataFrame:
        late = bars.filter(pl.col("known_at") > instant)
        factor = np.round(rng.uniform(0.5, 2.0, late.height), 2)
        prices = (pl.col(name) * pl.Series(factor) for name in ("open", "high", "low", "close"))
        volume = pl.Series(rng.integers(1, 10**6, late.height).astype(float))
        late = late.with_columns(*prices, volume=volume)
        early = bars.filter(pl.col("known_at") <= instant)
        wrong = early.sample(fraction=0.3, seed=1).with_columns(
            *(pl.col(name) * 3 for name in ("open", "high", "low", "close")),
            known_at=(pl.lit(instant) + _SOON).cast(INSTANT),
        )
        return pl.concat([early, wrong, late]).sort("symbol", "ts", "known_at")

    since = instant.date() - dt.timedelta(days=4)
    days = [day for day in small_lake().days("5m") if day >= since]
    new = with_bars(small_lake(), root, days, other_bars)
    for path in sorted((new.root / "news").rglob("*.parquet")):
        path.unlink()
    news = _known_at(small_sample().news)
    late = news.filter(pl.col("known") > instant)
    order = rng.permutation(late.height)
    late = late.with_columns(late["headline"].gather(order), late["symbols"].gather(order[::-1]))
    new.add_news(pl.concat([news.filter(pl.col("known") <= instant), late]).drop("known"))
    later = (pl.lit(instant) + _SOON).cast(INSTANT)
    ex_date = max(instant.date() + dt.timedelta(days=1), dt.date(2023, 7, 13))
    surprise = {"symbol": small_lake().symbols("5m"), "ex_date": ex_date}
    new.add_actions(
        pl.DataFrame(surprise).with_columns(kind=pl.lit("split"), value=pl.lit(3.0), known_at=later)
    )
    ends = pl.DataFrame({"symbol": small_lake().symbols("5m")[:10], "from": dt.date(2023, 6, 1)})
    new.add_universe(ends.with_columns(to=pl.lit(dt.date(2023, 6, 2)), known_at=later))
    return new


@pytest.mark.parametrize("instant", INSTANTS, ids=lambda one: f"{one:%d-%H%M%S}")
def test_cutting_off_the_future_changes_no_earlier_decision(
    instant: dt.datetime, tmp_path: Path
) -> None:
    cut = _run(_truncated(tmp_path / "lake", instant), end=instant.date())

    expected = digests(_whole(), until=instant)

    assert len(expected) > 0
    assert digests(cut, until=instant) == expected


# The look-ahead audit scrambles the future of every decision; here it is enriched anew, too.
@pytest.mark.parametrize("instant", INSTANTS[::3], ids=lambda one: f"{one:%d-%H%M%S}")
def test_scrambling_the_future_changes_no_earlier_decision(
    instant: dt.datetime, tmp_path: Path
) -> None:
    # Far enough that a session follows even a Saturday.
    end = instant.date() + dt.timedelta(days=2)
    other = _run(_scrambled(tmp_path / "lake", instant), end=end)

    assert digests(other, until=instant) == digests(_whole(), until=instant)
    assert digests(other) != digests(_whole())[: other.decisions.height]


def test_a_bar_is_not_seen_before_it_ends(tmp_path: Path) -> None:
    def later(bars: pl.DataFrame) -> pl.DataFrame:
        return bars.with_columns(known_at=pl.col("ts") + FIVE_MINUTES + dt.timedelta(seconds=1))

    # A second is within the grace of live feeds, so nothing changes; a minute isn't.
    days = [day for day in small_lake().days("5m") if day >= START]
    soon = with_bars(small_lake(), tmp_path / "soon", days, later)
    minute = with_bars(
        small_lake(),
        tmp_path / "minute",
        days,
        lambda bars: later(bars).with_columns(
            known_at=pl.col("known_at") + dt.timedelta(minutes=1)
        ),
    )

    assert digests(_run(soon)) == digests(_whole())
    assert digests(_run(minute)) != digests(_whole())
    assert _run(minute).fills.height == 0


def test_a_later_start_sees_the_same_candidates_patterns_and_scores() -> None:
    params = Params.load("spec")
    whole = replay(small_lake(), params)
    late = replay(small_lake(), params, start=START)
    since = pl.col("decided_at") >= late.decisions["decided_at"][0]
    own = ["outcome", "rule", "value", "threshold"]

    assert late.candidates.equals(whole.candidates.filter(since))
    assert late.candidates.filter(pl.col("stage") != 50).height > 1_000
    assert late.patterns.equals(whole.patterns.filter(since))
    assert late.signals.drop(own).equals(whole.signals.filter(since).drop(own))


def test_the_end_of_a_run_changes_nothing_before_it() -> None:
    part = _run(small_lake(), end=dt.date(2023, 7, 13))

    assert digests(part) == digests(_whole())[: part.decisions.height]
