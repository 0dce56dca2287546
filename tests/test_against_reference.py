"""Two implementations of the strategy, written apart, on the same facts: they must agree.

`tests/reference` is slow and obvious and was written from the strategy's text alone; its
`CHOICES.md` says how it reads what the text leaves open. Whatever the two decide is compared: who
passed the funnel and why not, patterns, signals, refusals, fills, trades and the cash at the end.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from reference.presets import DAILY, INTRADAY, THIN
from reference_comparison import differences, exits, numbers_of, run_both

from catalyst.data.lake import Lake
from catalyst.data.sample import Sample, simulate
from catalyst.data.variants import load
from catalyst.strategy.params import Params

NEW_YORK = "America/New_York"
MINUTE_NS = 60_000_000_000
MINUTES = {"5m": 5, "15m": 15, "1h": 60}

# Gates so wide that a small market trades, and a stop so near that every exit happens.
WIDE = Params().replace(volume_min=1_000, rvol_min=0.2)
BUSY = WIDE.replace(stop_frac=0.004, allow_short=True, flatten_at_close=False)
STOPS = {"stop", "target_1", "target_2", "trailing_stop"}


def larger(bars: pl.DataFrame, minutes: int) -> pl.DataFrame:
    """Make bars on the clock out of finer ones."""
    length_ns = minutes * MINUTE_NS
    start = pl.col("ts").cast(pl.Int64) // length_ns * length_ns
    return (
        bars.with_columns(start.cast(pl.Datetime("ns", "UTC")).alias("ts"))
        .group_by("symbol", "ts", maintain_order=True)
        .agg(
            pl.col("open").first(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("close").last(),
            pl.col("volume").sum(),
        )
    )


def split_at(bars: pl.DataFrame, actions: pl.DataFrame) -> pl.DataFrame:
    """Quote bars from a split's ex-date on in new shares."""
    day = pl.col("ts").dt.convert_time_zone(NEW_YORK).dt.date()
    for symbol, ex_date, kind, value in actions.select("symbol", "ex_date", "kind", "value").rows():
        if kind == "split":
            after = (pl.col("symbol") == symbol) & (day >= ex_date)
            ratio = pl.when(after).then(value).otherwise(1.0)
            bars = bars.with_columns(
                pl.col("open", "high", "low", "close") / ratio, pl.col("volume") * ratio
            ).with_columns(pl.col("open", "high", "low", "close").round(4))
    return bars


def messy(bars: pl.DataFrame, *, minutes: int, seed: int = 3) -> pl.DataFrame:
    """Make holes, bars without volume, bars that come late, and corrections of earlier bars."""
    rng = np.random.default_rng(seed)
    bars = bars.filter(pl.Series(rng.random(bars.height) > 0.1))
    n = bars.height
    kind = rng.random(n)
    # Up to 2 s is in time.
    delay_s = np.where(kind < 0.02, rng.integers(3, 2_400, n), rng.integers(0, 3, n))
    bars = bars.with_columns(
        pl.when(pl.Series(kind > 0.97)).then(0.0).otherwise(pl.col("volume")).alias("volume"),
        (
            pl.col("ts")
            + pl.duration(minutes=minutes)
            + pl.duration(seconds=pl.lit(pl.Series(delay_s)))
        ).alias("known_at"),
    )
    wrong = bars.filter(pl.Series(rng.random(n) < 0.02))
    factor = 1.0 + 0.004 * pl.Series(rng.standard_normal(wrong.height))
    later_s = pl.Series(rng.integers(1, 5_000, wrong.height))
    right = wrong.with_columns(
        (pl.col("close") * factor).round(2).alias("close"),
        pl.col("volume") * 2,
        (pl.col("known_at") + pl.duration(seconds=pl.lit(later_s))).alias("known_at"),
    ).with_columns(pl.max_horizontal("high", "close"), pl.min_horizontal("low", "close"))
    return pl.concat([bars, right.select(bars.columns)])


def invented_actions(bars: pl.DataFrame, seed: int = 19) -> pl.DataFrame:
    """Draw splits and dividends of every symbol, known three days ahead."""
    rng = np.random.default_rng(seed)
    days = bars["ts"].dt.convert_time_zone(NEW_YORK).dt.date().unique().sort()
    rows = []
    for symbol in bars["symbol"].unique().sort():
        first, second, third = rng.choice(np.arange(3, len(days)), 3, replace=False)
        # The last two fall on one day: a dividend is of the new shares.
        for k, place in enumerate((first, second, third, third)):
            day = days[int(place)]
            kind = "dividend" if k % 2 else "split"
            value = round(rng.uniform(0.01, 2.0), 2) if k % 2 else rng.choice([2.0, 1.5, 0.1, 3.0])
            known = dt.datetime.combine(day, dt.time(8), dt.UTC) - dt.timedelta(days=3)
            rows.append((symbol, day, kind, float(value), known))
    names = ["symbol", "ex_date", "kind", "value", "known_at"]
    return pl.DataFrame(rows, schema=names, orient="row")


def stored(
    root: Path,
    sample: Sample,
    bars: pl.DataFrame,
    *,
    timeframe: str,
    actions: pl.DataFrame | None = None,
) -> Lake:
    """Write bars with the sample's news, actions and memberships as a lake."""
    lake = Lake(root, create=True)
    lake.add_bars(bars, timeframe=timeframe)
    lake.add_news(sample.news)
    lake.add_actions(sample.actions if actions is None else actions)
    # The simulator's last day is the first without the symbol; a lake's is the last with it.
    members = sample.universe.with_columns(pl.col("to").dt.offset_by("-1d"))
    lake.add_universe(members.select("symbol", "from", "to", "known_at"))
    assert not lake.quarantine().height
    return lake


@pytest.fixture(scope="module")
def sample() -> Sample:
    return simulate(n_symbols=8, n_sessions=16)


@pytest.fixture(scope="module")
def lakes(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Lake]:
    """Store clean bars of three lengths."""
    bars = sample.bars.drop("source")
    return {
        timeframe: stored(
            tmp_path_factory.mktemp(timeframe),
            sample,
            bars if minutes == MINUTES["5m"] else larger(bars, minutes),
            timeframe=timeframe,
        )
        for timeframe, minutes in MINUTES.items()
    }


@pytest.fixture(scope="module")
def messy_lake(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Store bars with every flaw that a feed has, and splits and dividends of every symbol."""
    bars = larger(sample.bars.drop("source"), 15)
    actions = invented_actions(bars)
    flawed = messy(split_at(bars, actions), minutes=15)
    root = tmp_path_factory.mktemp("messy")
    return stored(root, sample, flawed, timeframe="15m", actions=actions)


def test_both_start_from_the_same_numbers() -> None:
    assert numbers_of(Params()) == INTRADAY
    assert numbers_of(load("daily")) == DAILY
    assert numbers_of(load("thin")) == THIN


@pytest.mark.parametrize(
    ("timeframe", "start"),
    [
        # Seven sessions, of which the fifth is half a day; those before are history.
        ("5m", dt.date(2023, 6, 27)),
        ("15m", None),
        ("1h", None),
    ],
    ids=["5m", "15m", "1h"],
)
def test_both_decide_the_same_with_the_flatten(
    lakes: dict[str, Lake], timeframe: str, start: dt.date | None
) -> None:
    result, reference = run_both(lakes[timeframe], WIDE, timeframe, start)

    assert differences(result, reference) == []
    assert "flatten" in exits(reference)


@pytest.mark.parametrize("timeframe", ["15m", "1h"])
def test_both_decide_the_same_overnight_and_short(lakes: dict[str, Lake], timeframe: str) -> None:
    result, reference = run_both(lakes[timeframe], BUSY, timeframe)

    assert differences(result, reference) == []
    assert {trade["side"] for trade in reference.trades} == {"long", "short"}
    assert exits(reference) >= {"stop", "target_1", "time_stop"}


def test_both_share_a_thin_bar_alike(lakes: dict[str, Lake]) -> None:
    thin = BUSY.replace(participation_frac=0.002)
    result, reference = run_both(lakes["15m"], thin, "15m")

    assert differences(result, reference) == []
    assert len(reference.fills) > 3 * len(reference.trades)


def test_both_decide_the_same_on_flawed_bars(messy_lake: Lake) -> None:
    result, reference = run_both(messy_lake, BUSY, "15m")

    assert differences(result, reference) == []
    assert exits(reference) >= STOPS
    assert set(result.adjustments["kind"]) == {"split", "dividend"}


@pytest.mark.parametrize(
    "changes",
    [
        {
            "direction_from_catalyst": True,
            "scored": {"catalyst": 1.0},
            "active_count": 6,
            "catalyst_count": 3,
            "final_count": 2,
        },
        {"catalyst_required": False, "scored": {"pattern": 1.0}, "active_count": 6},
        {"events_alone": True, "positions_max": 1, "entries_a_day": 2, "daily_loss_frac": 0.0001},
    ],
    ids=["news only", "pattern only", "events alone and narrow limits"],
)
def test_both_decide_the_same_in_other_variants(
    lakes: dict[str, Lake], changes: dict[str, object]
) -> None:
    result, reference = run_both(lakes["15m"], WIDE.replace(**changes), "15m")

    assert differences(result, reference) == []
    assert reference.trades


def test_both_decide_the_same_on_daily_bars(tmp_path: Path) -> None:
    sample = simulate(n_symbols=10, n_sessions=100, bar_minutes=30)
    day = pl.col("ts").dt.convert_time_zone(NEW_YORK).dt.date()
    bars = larger(sample.bars.with_columns(day.cast(pl.Datetime("ns", "UTC")).alias("ts")), 1_440)
    lake = stored(tmp_path, sample, bars, timeframe="1d")
    changes = ["screen.volume_min=1000", "screen.rvol_min=0.5", "signal.allow_short=true"]
    result, reference = run_both(lake, load("spec", timeframe="1d", settings=changes), "1d")

    assert differences(result, reference) == []
    assert exits(reference) >= {"stop", "target_1", "time_stop"}


def test_both_decide_the_same_on_real_daily_bars_and_tweets(
    shared_data: Path, tmp_path: Path
) -> None:
    symbols = ["AMZN", "BAC", "CAT", "DIS", "FB", "GE", "GOOG", "INTC", "KO", "MSFT", "WMT", "XOM"]
    lake = Lake(tmp_path, create=True)
    folder = shared_data / "stocknet"
    wanted = pl.col("symbol").is_in(symbols)
    bars = pl.read_parquet(folder / "bars_1d.parquet").filter(
        wanted & pl.col("ts").dt.date().is_between(dt.date(2013, 7, 1), dt.date(2014, 8, 31))
    )
    lake.add_bars(bars.drop("adj_close"), timeframe="1d", adjustment="split")
    lake.add_news(tweets(folder, wanted & (pl.col("ts_utc").dt.date() < dt.date(2014, 9, 1))))
    start = dt.date(2014, 1, 2)
    changes = ["screen.rvol_min=0.8", "signal.allow_short=true"]
    params = load("spec", timeframe="1d", settings=changes)
    result, reference = run_both(lake, params, "1d", start)

    assert differences(result, reference) == []
    assert exits(reference) >= STOPS | {"time_stop", "news_reversal"}


def test_both_decide_the_same_on_real_hourly_bars_across_a_split(
    shared_data: Path, tmp_path: Path
) -> None:
    lake = Lake(tmp_path, create=True)
    folder = shared_data / "lean"
    wanted = pl.col("symbol").is_in(["AAPL", "BAC"])
    bars = pl.read_parquet(folder / "bars_1h.parquet").filter(
        wanted & pl.col("ts").dt.date().is_between(dt.date(2014, 2, 1), dt.date(2014, 7, 31))
    )
    lake.add_bars(bars, timeframe="1h")
    lake.add_actions(pl.read_parquet(folder / "factors.parquet").filter(wanted))
    lake.add_news(
        tweets(
            shared_data / "stocknet",
            wanted
            & (pl.col("ts_utc").dt.date().is_between(dt.date(2014, 4, 1), dt.date(2014, 7, 31))),
        )
    )
    # Held for days, so that something is held over the split whatever the tweets are taken to say.
    params = BUSY.replace(
        price_max=1_000, rvol_min=0.5, stop_frac=0.01, time_stop_hours=96, reversal_min=90
    )
    result, reference = run_both(lake, params, "1h", dt.date(2014, 4, 2))

    assert differences(result, reference) == []
    assert "split" in set(result.adjustments["kind"])
    assert exits(reference) >= STOPS


def tweets(folder: Path, wanted: pl.Expr) -> pl.DataFrame:
    """Read tweets as reports; a retweet has a time of its own."""
    found = pl.read_parquet(folder / "news.parquet").filter(wanted)
    return found.select(
        "id", "symbol", "headline", "source", pl.col("ts_utc").alias("published_at")
    )
