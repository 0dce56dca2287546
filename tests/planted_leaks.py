"""Leaks as users make them, each through the plug where it would be made, and clean twins."""

from __future__ import annotations

import datetime as dt
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from worlds import FIVE_MINUTES, LOOSE, copied, daily_lake, scratch

from catalyst import Lake, Params
from catalyst.data.sample import simulate
from catalyst.data.sample_lake import write_sample
from catalyst.research.audit import LookaheadAudit, audit_lookahead
from catalyst.strategy.decisions import Fill
from catalyst.strategy.values import BarPanel, Floats, MarketView, Survey

Plug = Callable[..., Any]
_DATE = pl.col("ts").dt.convert_time_zone("America/New_York").dt.date()


def params(**changes: Any) -> Params:  # noqa: ANN401 - one keyword a field
    return Params.load("spec").replace(allow_short=True, flatten_at_close=False, **LOOSE, **changes)


@cache
def tiny_lake() -> Lake:
    """10 symbols, 16 sessions of 5-minute bars; not to be written to."""
    return write_sample(simulate(n_symbols=10, n_sessions=16), scratch() / "tiny")


@cache
def split_lake() -> Lake:
    """The tiny market with a split and dividends for everyone while it is looked at."""
    lake = copied(tiny_lake(), scratch() / "tiny-splits")
    symbols, days = tiny_lake().symbols("5m"), tiny_lake().days("5m")
    rows = [(name, days[-2 + k % 2], "split", 1.5) for k, name in enumerate(symbols)]
    rows += [(name, day, "dividend", 0.13) for name in symbols for day in days[-3:]]
    columns = ["symbol", "ex_date", "kind", "value"]
    lake.add_actions(pl.DataFrame(rows, schema=columns, orient="row"))
    return lake


@cache
def corrected_lake() -> Lake:
    """The tiny market with bars that were corrected an hour after their end."""
    lake = copied(tiny_lake(), scratch() / "tiny-corrected")
    bars = tiny_lake().bars("5m").filter(pl.col("volume") % 5 == 0)
    lake.add_bars(
        bars.with_columns(pl.col("high") * 1.5, known_at=pl.col("known_at") + dt.timedelta(hours=1))
    )
    return lake


@cache
def two_sources() -> Lake:
    """The tiny market from two vendors, one of which prints other prices."""
    lake = copied(tiny_lake(), scratch() / "two-sources")
    bars = tiny_lake().bars("5m")
    factor = 1.0 + (bars["volume"] % 7) / 100.0
    lake.add_bars(
        bars.with_columns(
            (pl.col("close") * factor).alias("close"), source=pl.lit("vendor")
        ).with_columns(
            high=pl.max_horizontal("high", "close"), low=pl.min_horizontal("low", "close")
        )
    )
    return lake


@dataclass(frozen=True)
class Case:
    """One plugged-in run: what is plugged in where, which lake, and how many of its last days."""

    name: str
    plug: dict[str, Any]
    lake: Callable[[], Lake] = tiny_lake
    timeframe: str = "5m"
    days: int = 1


# Loaders -----------------------------------------------------------------------------------------


def bars_with(*changes: pl.Expr, timeframe: str = "5m", **named: pl.Expr) -> Plug:
    """Make a loader that changes columns of the bars."""

    def loader(lake: Lake) -> dict[str, pl.DataFrame]:
        return {"bars": lake.bars(timeframe).with_columns(*changes, **named)}

    return loader


def news_with(**named: pl.Expr) -> Plug:
    """Make a loader that changes columns of the news."""

    def loader(lake: Lake) -> dict[str, pl.DataFrame]:
        return {"news": lake.news().with_columns(**named)}

    return loader


def stamped_earlier(lake: Lake) -> dict[str, pl.DataFrame]:
    bars = lake.bars("5m").with_columns(pl.col("ts", "known_at") - FIVE_MINUTES)
    local = pl.col("ts").dt.convert_time_zone("America/New_York")
    return {"bars": bars.filter(local.dt.hour() >= 4)}


def adjusted_backwards(lake: Lake) -> dict[str, pl.DataFrame]:
    bars, splits = lake.bars("5m"), lake.actions().filter(pl.col("kind") == "split")
    for symbol, day, ratio in splits.select("symbol", "ex_date", "value").rows():
        earlier = (pl.col("symbol") == symbol) & (day > _DATE)
        bars = bars.with_columns(
            pl.when(earlier).then(pl.col(name) / ratio).otherwise(pl.col(name)).alias(name)
            for name in ("open", "high", "low", "close")
        )
    return {"bars": bars.with_columns(adjustment=pl.lit("split"))}


def tomorrows_universe(lake: Lake) -> dict[str, pl.DataFrame]:
    day = dt.timedelta(days=1)
    return {
        "universe": lake.universe().with_columns(pl.col("from") - day, pl.col("known_at") - day)
    }


def revised_news(lake: Lake) -> dict[str, pl.DataFrame]:
    news = lake.news().sort("known_at")
    key = ["news_id", "symbol"]
    first = news.group_by(key).agg(pl.col("known_at").min())
    last = news.unique(key, keep="last", maintain_order=True).drop("known_at")
    return {"news": last.join(first, on=key).select(news.columns)}


def corrected_bars(lake: Lake) -> dict[str, pl.DataFrame]:
    bars = lake.bars("5m").sort("known_at")
    last = bars.unique(["symbol", "ts"], keep="last", maintain_order=True)
    return {"bars": last.with_columns(known_at=pl.col("ts") + FIVE_MINUTES)}


def holes_filled_backwards(lake: Lake) -> dict[str, pl.DataFrame]:
    bars = lake.bars("5m")
    grid = bars.select("ts").unique().join(bars.select("symbol").unique(), how="cross")
    filled = grid.join(bars, on=["symbol", "ts"], how="left").sort("symbol", "ts")
    filled = filled.with_columns(pl.exclude("symbol", "ts").backward_fill().over("symbol"))
    return {"bars": filled.drop_nulls().with_columns(known_at=pl.col("ts") + FIVE_MINUTES)}


def resampled(lake: Lake, *, closed: Any) -> dict[str, dict[str, pl.DataFrame]]:  # noqa: ANN401 - a literal of polars
    bars = lake.bars("5m").sort("symbol", "ts")
    made = bars.group_by_dynamic("ts", every="15m", closed=closed, label="left", group_by="symbol")
    quarter = made.agg(
        pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last(),
        pl.col("volume").sum(), pl.col("source").first(), pl.col("adjustment").first(),
    )  # fmt: skip
    return {"bars": {"15m": quarter.with_columns(known_at=pl.col("ts") + 3 * FIVE_MINUTES)}}


def labelled_left(lake: Lake) -> object:
    return resampled(lake, closed="right")


def labelled_right(lake: Lake) -> object:
    return resampled(lake, closed="left")


def winners_only(lake: Lake) -> dict[str, pl.DataFrame]:
    bars = lake.bars("5m").sort("ts")
    rose = pl.col("close").last() > pl.col("close").first()
    kept = bars.group_by("symbol").agg(rose=rose).filter("rose")["symbol"]
    return {"bars": bars.filter(pl.col("symbol").is_in(kept.to_list()))}


def best_source(lake: Lake) -> dict[str, pl.DataFrame]:
    bars = lake.bars("5m").sort("ts")
    last = bars.group_by("symbol", "source").agg(pl.col("close").last()).sort("close", "source")
    best = last.unique("symbol", keep="last", maintain_order=True).select("symbol", "source")
    return {"bars": bars.join(best, on=["symbol", "source"])}


def early_dividends(lake: Lake) -> dict[str, pl.DataFrame]:
    day = dt.timedelta(days=1)
    paid = pl.col("kind") == "dividend"
    ex_date = pl.when(paid).then(pl.col("ex_date") - day).otherwise("ex_date")
    return {"actions": lake.actions().with_columns(ex_date=ex_date)}


def known_splits_early(lake: Lake) -> dict[str, pl.DataFrame]:
    return {"actions": lake.actions().with_columns(pl.col("known_at") - dt.timedelta(days=3))}


class Cached:
    """A loader that reads the lake once in its life."""

    def __init__(self) -> None:
        self.frames: dict[str, pl.DataFrame] = {}

    def __call__(self, lake: Lake) -> dict[str, pl.DataFrame]:
        if not self.frames:
            self.frames["bars"] = lake.bars("5m")
        return self.frames


def captured(lake: Callable[[], Lake]) -> Plug:
    def loader(_lake: Lake) -> dict[str, pl.DataFrame]:
        return {"bars": lake().bars("5m")}

    return loader


def of_files(lake: Lake) -> dict[str, pl.DataFrame]:
    bars = Lake(lake.root).bars("5m")
    return {"bars": bars.with_columns(volume=pl.col("volume") / pl.col("volume").mean())}


def _loader_leaks() -> list[Case]:
    of = "symbol"
    session = (of, _DATE)
    leaks: dict[str, Plug] = {
        "bars stamped a bar earlier": stamped_earlier,
        "bars known at their start": bars_with(known_at=pl.col("ts")),
        "next close, shift(-1)": bars_with(close=pl.col("close").shift(-1).over(of).fill_null(1.0)),
        "close of a centred window": bars_with(
            close=pl.col("close").rolling_mean(5, min_samples=1, center=True).over(of)
        ),
        "high of the day": bars_with(high=pl.col("high").max().over(session)),
        "volume of the session": bars_with(volume=pl.col("volume").sum().over(session)),
        "volume over the mean of the whole sample": bars_with(
            volume=pl.col("volume") / pl.col("volume").mean().over(of)
        ),
        "volume as a rank of the whole sample": bars_with(volume=pl.col("volume").rank().over(of)),
        "volume as a running sum of the lake": bars_with(
            volume=pl.col("volume").cum_sum().over(of)
        ),
        "open at the close before: fills at the signal's price": bars_with(
            open=pl.col("close").shift(1).over(of).fill_null(pl.col("open"))
        ),
        "holes filled backwards": holes_filled_backwards,
        "winners only": winners_only,
        "universe of tomorrow": tomorrows_universe,
        "news when published": news_with(known_at=pl.col("published_at")),
        "news revised": revised_news,
        "sentiment of the next article": news_with(
            sentiment=pl.col("sentiment").shift(-1).over(of).fill_null(0.0)
        ),
        "sentiment ranked over the whole sample": news_with(
            sentiment=pl.col("sentiment").rank() / pl.len() * 2 - 1
        ),
        "cluster rank counted from its end": news_with(
            cluster_rank=(pl.len().over("cluster_id") - 1).cast(pl.Int32) - pl.col("cluster_rank")
        ),
        "a lake read once and kept": Cached(),
        "another lake than the one given": captured(tiny_lake),
        "files of the lake, normalised over the sample": of_files,
    }
    on_actions: dict[str, Plug] = {
        "prices adjusted with later splits": adjusted_backwards,
        "dividends before their ex-date": early_dividends,
        "splits known before they were": known_splits_early,
    }
    return [
        *(Case(name, {"loader": plug}) for name, plug in leaks.items()),
        *(Case(name, {"loader": plug}, split_lake, days=2) for name, plug in on_actions.items()),
        Case("larger bars that hold the next bar", {"loader": labelled_left}, timeframe="15m"),
        Case("corrected bars as first known", {"loader": corrected_bars}, corrected_lake),
        Case("the better source, by hindsight", {"loader": best_source}, two_sources),
        Case(
            "daily bars known at their open",
            {"loader": bars_with(known_at=pl.col("ts"), timeframe="1d")},
            daily_lake,
            "1d",
            12,
        ),
    ]


# View builders -----------------------------------------------------------------------------------


def _by_symbol(frame: pl.DataFrame, value: pl.Expr) -> dict[str, float]:
    return dict(frame.group_by("symbol").agg(value).sort("symbol").iter_rows())


def _day_of(asof_ns: int) -> dt.date:
    return dt.datetime.fromtimestamp(asof_ns // 10**9, dt.UTC).date()


def survey_with(name: str, change: Callable[[Survey, Any], Floats]) -> Plug:
    def view_builder(seen: Survey | MarketView, lake: Lake) -> Survey | MarketView:
        if isinstance(seen, MarketView):
            return seen
        changed: dict[str, Any] = {name: change(seen, lake)}
        return replace(seen, **changed)

    return view_builder


def _listed(lake: Lake, values: dict[str, float]) -> Floats:
    return np.array([values.get(name, np.nan) for name in lake.symbols("5m")])


def todays_close(seen: Survey, lake: Lake) -> Floats:
    day = _day_of(seen.asof_ns)
    return _listed(lake, _by_symbol(lake.bars("5m", start=day, end=day), pl.col("close").last()))


def full_days_rvol(seen: Survey, lake: Lake) -> Floats:
    day = _day_of(seen.asof_ns)
    volume = _listed(lake, _by_symbol(lake.bars("5m", start=day, end=day), pl.col("volume").sum()))
    return volume / seen.mean_volume


def closes_with_todays(seen: Survey, lake: Lake) -> Floats:
    return np.column_stack([seen.session_close[:, 1:], todays_close(seen, lake)])


def rank_of_the_sample(seen: Survey, lake: Lake) -> Floats:
    low = _listed(lake, _by_symbol(lake.bars("5m"), pl.col("volume").mean()))
    return seen.rvol * (low / np.nanmax(low))


def next_bars_close(seen: Survey | MarketView, lake: Lake) -> Survey | MarketView:
    if isinstance(seen, Survey) or not len(seen.symbols):
        return seen
    day = _day_of(seen.asof_ns)
    bars = lake.bars("5m", start=day, end=day)
    later = bars.filter(pl.col("ts").dt.timestamp("ns") >= seen.asof_ns)
    values = _by_symbol(later, pl.col("close").first())
    close = seen.base.close.copy()
    for row, symbol in enumerate(seen.symbols.tolist()):
        if seen.base.count[row]:
            at = seen.base.count[row] - 1
            close[row, at] = values.get(seen.names[symbol], close[row, at])
    return replace(seen, base=replace(seen.base, close=close))


def articles_published(seen: Survey, lake: Lake) -> Floats:
    news = lake.news(start=_day_of(seen.asof_ns))
    known = news.filter(pl.col("published_at").dt.timestamp("ns") <= seen.asof_ns)
    count = _listed(lake, _by_symbol(known, pl.len()))
    return np.nan_to_num(count) + seen.rvol


def counted() -> Plug:
    calls = itertools.count()
    return survey_with("price", lambda seen, _lake: seen.price + next(calls) * 1e-3)


def read_once() -> Plug:
    kept: dict[str, Floats] = {}

    def change(seen: Survey, lake: Lake) -> Floats:
        if not kept:
            kept["volume"] = _listed(lake, _by_symbol(lake.bars("5m"), pl.col("volume").mean()))
        return kept["volume"]

    return survey_with("mean_volume", change)


def summed_up(seen: Survey, lake: Lake) -> Floats:
    known = lake.bars("5m", end=_day_of(seen.asof_ns) - dt.timedelta(days=1))
    return _listed(lake, _by_symbol(known, pl.col("volume").sum()))


def files_of_tomorrow(seen: Survey, lake: Lake) -> Floats:
    paths = sorted(Path(lake.root).glob("bars/timeframe=5m/*/*.parquet"))
    whole = pl.scan_parquet(paths[-3:], hive_partitioning=False)
    top = whole.group_by("symbol").agg(pl.col("volume").max()).collect()
    return _listed(lake, dict(top.iter_rows())) + 0.0 * seen.price


def _view_leaks() -> list[Case]:
    of_survey: dict[str, tuple[str, Callable[[Survey, Any], Floats]]] = {
        "today's close as the previous one": ("previous_close", todays_close),
        "relative volume of the whole day": ("rvol", full_days_rvol),
        "closes of the sessions with today's": ("session_close", closes_with_todays),
        "relative volume scaled over the whole sample": ("rvol", rank_of_the_sample),
        "articles that are published but not known": ("rvol", articles_published),
        "volume summed up since the lake began": ("mean_volume", summed_up),
        "files of sessions to come": ("mean_volume", files_of_tomorrow),
    }
    return [
        *(
            Case(name, {"view_builder": survey_with(column, change)})
            for name, (column, change) in of_survey.items()
        ),
        Case("the next bar's close", {"view_builder": next_bars_close}),
        Case("a count of calls", {"view_builder": counted()}),
        Case("a view builder that reads once", {"view_builder": read_once()}),
    ]


# Fits, fills and components ----------------------------------------------------------------------


def median_volume(lake: Lake) -> Params:
    return params().replace(volume_min=float(lake.bars("5m")["volume"].median()))  # type: ignore[arg-type]


def best_hindsight_price(lake: Lake) -> Params:
    bars = lake.bars("5m").sort("ts")
    grew = pl.col("close").last() / pl.col("close").first()
    best = bars.group_by("symbol").agg(grew=grew, top=pl.col("close").max()).sort("grew", "symbol")
    return params().replace(price_max=float(best["top"][-1]))


def normalised_score(lake: Lake) -> Params:
    close = lake.bars("5m")["close"]
    mean, spread = float(close.mean()), float(close.std())  # type: ignore[arg-type]

    def score(bars: BarPanel, _params: Params) -> Floats:
        last = bars.close[np.arange(len(bars.count)), np.maximum(bars.count - 1, 0)]
        return np.clip(50.0 + 10.0 * (last - mean) / spread, 0.0, 100.0)

    return params().replace(technical_score=score)


def cheaper(fills: tuple[Fill, ...], _lake: Lake) -> tuple[Fill, ...]:
    return tuple(replace(f, price=round(f.price * (1 - 0.001 * f.side), 4)) for f in fills)


def sooner(fills: tuple[Fill, ...], _lake: Lake) -> tuple[Fill, ...]:
    return tuple(replace(f, filled_ns=f.filled_ns - 1) for f in fills)


def without_losers(fills: tuple[Fill, ...], lake: Lake) -> tuple[Fill, ...]:
    bars = lake.bars("5m", end=tiny_lake().days("5m")[-1]) if fills else None
    last = {} if bars is None else _by_symbol(bars, pl.col("close").last())
    names = sorted(last)
    return tuple(f for f in fills if f.side * last[names[f.symbol]] > f.side * f.price)


def at_the_close(fills: tuple[Fill, ...], lake: Lake) -> tuple[Fill, ...]:
    names = lake.symbols("5m")
    out = []
    for f in fills:
        day = _day_of(f.filled_ns)
        bars = lake.bars("5m", start=day, end=day, symbols=[names[f.symbol]])
        best = bars["low" if f.side > 0 else "high"]
        price = best.min() if f.side > 0 else best.max()
        out.append(replace(f, price=float(price)))  # type: ignore[arg-type]
    return tuple(out)


TABLE: dict[float, float] = {}
CALLS: list[int] = []
LAKE: Lake | None = None


def _last(bars: BarPanel) -> Floats:
    found: Floats = bars.close[np.arange(len(bars.count)), np.maximum(bars.count - 1, 0)]
    return found


def from_a_table(bars: BarPanel, _params: Params) -> Floats:
    return np.array([100.0 * (TABLE.get(float(c), 0.0) > c) for c in _last(bars)])


def from_the_lake(bars: BarPanel, _params: Params) -> Floats:
    top = 0.0 if LAKE is None else float(LAKE.bars("5m")["close"].max())  # type: ignore[arg-type]
    return np.clip(_last(bars) / max(top, 1.0) * 100.0, 0.0, 100.0)


def from_a_file(bars: BarPanel, _params: Params) -> Floats:
    text = Path(__file__).read_text(encoding="utf-8")
    return np.full(len(bars.count), len(text) % 100.0)


def from_the_clock(bars: BarPanel, _params: Params) -> Floats:
    return np.full(len(bars.count), time.time() % 100.0)


def from_chance(bars: BarPanel, _params: Params) -> Floats:
    return np.random.default_rng().uniform(0.0, 100.0, len(bars.count))


def with_memory(bars: BarPanel, _params: Params) -> Floats:
    CALLS.append(len(bars.count))
    return np.full(len(bars.count), len(CALLS) % 100.0)


def filled_table() -> dict[str, Any]:
    bars = tiny_lake().bars("5m").sort("symbol", "ts")
    after = pl.col("close").shift(-1).over("symbol").fill_null(0.0)
    TABLE.update(bars.select("close", after.alias("after")).iter_rows())
    return {"technical_score": from_a_table}


def _others() -> list[Case]:
    global LAKE  # noqa: PLW0603 - as a notebook's first cell would
    LAKE = tiny_lake()
    scores = {
        "a table of the next closes in a global": from_a_table,
        "a lake in a global": from_the_lake,
        "a file": from_a_file,
        "the clock": from_the_clock,
        "chance": from_chance,
        "memory of earlier calls": with_memory,
    }
    filled_table()
    return [
        Case("a fitted threshold of the whole sample", {"params": median_volume}),
        Case("a price limit by hindsight", {"params": best_hindsight_price}),
        Case("a score normalised over the whole sample", {"params": normalised_score}),
        Case("fills cheaper than the bars", {"fills": cheaper}),
        Case("fills before their time", {"fills": sooner}),
        Case("fills without the losers", {"fills": without_losers}),
        Case("fills at the day's best price", {"fills": at_the_close}),
        *(Case(name, {"params": params(technical_score=score)}) for name, score in scores.items()),
    ]


def leaks() -> list[Case]:
    """List every planted leak."""
    return [*_loader_leaks(), *_view_leaks(), *_others(), *_beside()]


def audited(case: Case, *, sample: int = 4) -> LookaheadAudit:
    """Audit a case at a few instants."""
    plug = dict(case.plug)
    daily = case.timeframe == "1d"
    usual = Params.load("spec", timeframe="1d").replace(**LOOSE) if daily else params()
    used = plug.pop("params", usual)
    start = case.lake().days("1d" if daily else "5m")[-case.days]
    return audit_lookahead(
        case.lake(),
        used,
        timeframe=case.timeframe,
        start=start,
        sample=sample,
        replays=False,
        **plug,
    )


# What lies beside the lake ------------------------------------------------------------------------


@cache
def notes_of_tomorrow() -> Path:
    """A table that somebody made of the whole lake once: each day's return of each symbol."""
    path = scratch() / "returns.csv"
    bars = tiny_lake().bars("5m").group_by("symbol", _DATE).agg(pl.col("close").last())
    bars.sort("symbol", "ts").write_csv(path)
    np.save(path.with_suffix(".npy"), bars["close"].to_numpy())
    return path


def weighed_by_notes(lake: Lake) -> dict[str, pl.DataFrame]:
    notes = pl.read_csv(notes_of_tomorrow())
    tone = 0.0001 * float(notes["close"][0])
    return {"news": lake.news().with_columns(sentiment=pl.col("sentiment") * (1.0 - tone))}


def weighed_by_array(lake: Lake) -> dict[str, pl.DataFrame]:
    tone = 0.0001 * float(np.load(notes_of_tomorrow().with_suffix(".npy"))[0])
    return {"news": lake.news().with_columns(sentiment=pl.col("sentiment") * (1.0 - tone))}


def weighed_by_the_real_lake(lake: Lake) -> dict[str, pl.DataFrame]:
    tone = 0.0001 * float(Lake(tiny_lake().root).bars("5m")["close"][-1])
    return {"news": lake.news().with_columns(sentiment=pl.col("sentiment") * (1.0 - tone))}


def rvol_from_notes(seen: Survey, lake: Lake) -> Floats:
    lake.days("5m")
    with notes_of_tomorrow().open(encoding="utf-8") as file:
        return seen.rvol * (1.0 + 0.001 * len(file.readline()))


def without_fees(fills: tuple[Fill, ...], _lake: Lake) -> tuple[Fill, ...]:
    return tuple(replace(f, fee_micro=0) for f in fills)


def _beside() -> list[Case]:
    charged = params(taf_fee_usd=0.01)
    return [
        Case("a loader with notes of tomorrow", {"loader": weighed_by_notes}),
        Case("a loader with an array of tomorrow", {"loader": weighed_by_array}),
        Case("a loader with the real lake", {"loader": weighed_by_the_real_lake}),
        Case("a view with notes", {"view_builder": survey_with("rvol", rvol_from_notes)}),
        Case("fills without their fees", {"fills": without_fees, "params": charged}),
    ]


def smoothed_volume(lake: Lake) -> dict[str, pl.DataFrame]:
    mean = pl.col("volume").rolling_mean(5, min_samples=1).over("symbol")
    return {"bars": lake.bars("5m").sort("symbol", "ts").with_columns(volume=mean)}


def news_from_files(lake: Lake) -> dict[str, pl.DataFrame]:
    files = pl.scan_parquet(f"{lake.root}/bars/timeframe=5m/*/*.parquet", hive_partitioning=False)
    assert files.select(pl.col("close").count()).collect().item() > 0
    return {"news": lake.news().filter(pl.col("tier") <= 4)}


def written_down(_lake: Lake) -> Params:
    return params().replace(volume_min=250_000)


# Clean twins -------------------------------------------------------------------------------------


def first_versions(lake: Lake) -> dict[str, pl.DataFrame]:
    bars = lake.bars("5m").sort("known_at")
    return {"bars": bars.unique(["symbol", "ts"], keep="first", maintain_order=True)}


def only_some(lake: Lake) -> dict[str, pl.DataFrame]:
    names = lake.symbols("5m")[:7]
    wanted = pl.col("symbol").is_in(names)
    return {"bars": lake.bars("5m").filter(wanted), "news": lake.news().filter(wanted)}


def later_news(lake: Lake) -> dict[str, pl.DataFrame]:
    return {"news": lake.news().with_columns(pl.col("known_at") + dt.timedelta(minutes=15))}


def good_sources(lake: Lake) -> dict[str, pl.DataFrame]:
    return {"news": lake.news().filter(pl.col("tier") <= 3)}


def as_files(lake: Lake) -> Lake:
    return Lake(lake.root)


def as_it_is(lake: Lake) -> Lake:
    return lake


def calm(seen: Survey, _lake: Lake) -> Floats:
    return np.minimum(seen.rvol, 3.0)


def mean_of_known_sessions(seen: Survey, lake: Lake) -> Floats:
    days = [day for day in lake.days("5m") if day < _day_of(seen.asof_ns)][-5:]
    bars = lake.bars("5m", start=days[0], end=days[-1])
    known = bars.filter(pl.col("known_at").dt.timestamp("ns") <= seen.asof_ns)
    return _listed(lake, _by_symbol(known, pl.col("volume").sum() / len(days)))


def untouched(seen: Survey | MarketView, _lake: Lake) -> Survey | MarketView:
    return seen


def fitted_before(lake: Lake) -> Params:
    first = lake.days("5m")[8]
    volume = lake.bars("5m", end=first)["volume"].median()
    return params().replace(volume_min=float(volume))  # type: ignore[arg-type]


def dearer(fills: tuple[Fill, ...], _lake: Lake) -> tuple[Fill, ...]:
    return tuple(replace(f, price=round(f.price * (1 + 0.001 * f.side), 4)) for f in fills)


def clean() -> list[Case]:
    """List plugs without a leak."""
    loaders: dict[str, Plug] = {
        "the lake as it is": as_it_is,
        "the lake's files": as_files,
        "the same frames": bars_with(),
        "first versions": first_versions,
        "some symbols": only_some,
        "news fifteen minutes later": later_news,
        "news of good sources": good_sources,
        "smoothed volume": smoothed_volume,
        "the lake's files by polars": news_from_files,
    }
    builders: dict[str, Plug] = {
        "a cap on relative volume": survey_with("rvol", calm),
        "a mean of known sessions": survey_with("mean_volume", mean_of_known_sessions),
        "nothing changed": untouched,
    }
    return [
        *(Case(name, {"loader": plug}) for name, plug in loaders.items()),
        *(Case(name, {"view_builder": plug}) for name, plug in builders.items()),
        Case("larger bars of what has ended", {"loader": labelled_right}, timeframe="15m"),
        Case("a fit on the first sessions", {"params": fitted_before}),
        Case("a fit that fits nothing", {"params": written_down}),
        Case("fills dearer than the bars", {"fills": dearer}),
        Case("splits and dividends", {"loader": as_it_is}, split_lake),
        Case("two sources", {"loader": as_it_is}, two_sources),
        Case("first versions of corrected bars", {"loader": first_versions}, corrected_lake),
    ]
