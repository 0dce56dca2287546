"""Faults as feeds make them, planted in clean rows before import, with where they must be found."""
# ruff: noqa: ARG001 - all changes to rows have one signature, whatever they need of it

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from numpy.random import Generator

from catalyst.data import calendar

MINUTE = pl.duration(minutes=1)
PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True)
class Expected:
    """Say where one planted fault must be found: any of `kinds`, there and then.

    An empty symbol or source stands for any; a fault of many symbols may be told of the source.
    """

    kinds: frozenset[str]
    symbol: str
    source: str
    first: dt.date
    last: dt.date


@dataclass(frozen=True, slots=True)
class World:
    """Hold rows as they will be imported: bars by (timeframe, adjustment), actions, news."""

    bars: dict[tuple[str, str], pl.DataFrame] = field(default_factory=dict)
    actions: pl.DataFrame | None = None
    news: pl.DataFrame | None = None
    expected: tuple[Expected, ...] = ()
    later: dict[tuple[str, str], pl.DataFrame] = field(default_factory=dict)

    def one(self) -> tuple[tuple[str, str], pl.DataFrame]:
        """Give the only table of bars."""
        return next(iter(self.bars.items()))


Plant = Callable[[World, Generator, int], World]


def clean_market(
    *,
    n_symbols: int,
    n_sessions: int,
    minutes: int,
    seed: int,
    first: dt.date = dt.date(2022, 1, 3),
) -> World:
    """Invent liquid bars in regular hours: every slot traded, nothing wrong."""
    rng = np.random.default_rng(seed)
    sessions = calendar.sessions(first)[:n_sessions]
    symbols = [f"QA{chr(65 + n // 26)}{chr(65 + n % 26)}" for n in range(n_symbols)]
    price = np.exp(rng.uniform(np.log(8), np.log(400), n_symbols))
    size = np.exp(rng.normal(8.5, 0.8, n_symbols)) * minutes
    sigma = rng.uniform(0.01, 0.025, n_symbols)
    frames = []
    for number in range(n_sessions):
        slots = int((sessions.close_ns[number] - sessions.open_ns[number]) // 6e10) // minutes
        shape = (n_symbols, slots)
        hours = np.linspace(-1, 1, slots)
        wide = 1 + 1.2 * np.abs(hours) ** 3
        market = rng.standard_t(5) * 0.006
        price = price * np.exp(0.4 * market + sigma * 0.45 * rng.standard_t(5, n_symbols))
        steps = rng.standard_t(5, shape) * (sigma[:, None] / np.sqrt(slots)) * wide * 0.7
        close = price[:, None] * np.exp(np.cumsum(steps, axis=1) + market * 0.5 / slots)
        opened = np.concatenate([price[:, None], close[:, :-1]], axis=1)
        reach = np.abs(rng.normal(0, 0.35, (2, *shape))) * sigma[:, None] / np.sqrt(slots)
        price = close[:, -1]
        volume = size[:, None] * wide * np.exp(rng.normal(0, 0.4, shape))
        volume = volume * np.exp(rng.normal(0, 0.3, (n_symbols, 1)))
        start = sessions.open_ns[number] + np.arange(slots) * minutes * calendar.MINUTE_NS
        columns = {
            "symbol": np.repeat(symbols, slots),
            "ts": np.tile(start, n_symbols),
            "open": opened.ravel(),
            "high": (np.maximum(opened, close) * (1 + reach[0])).ravel(),
            "low": (np.minimum(opened, close) * (1 - reach[1])).ravel(),
            "close": close.ravel(),
            "volume": np.ceil(volume).ravel(),
        }
        frames.append(pl.DataFrame(columns))
    whole = pl.concat(frames).with_columns(
        pl.col("ts").cast(pl.Datetime("ns", "UTC")),
        *(pl.col(name).round(2) for name in PRICES),
        source=pl.lit("alpha"),
    )
    return World(bars={(f"{minutes}m", "raw"): whole})


def as_daily(world: World, *, adjustment: str = "raw") -> World:
    """Sum a market up to daily bars, stamped with their dates."""
    _, bars = world.one()
    daily = daily_of(bars)
    return replace(world, bars={("1d", adjustment): daily})


def daily_of(bars: pl.DataFrame) -> pl.DataFrame:
    """Sum regular bars up to one a day."""
    return (
        bars.with_columns(day=day_of())
        .group_by("symbol", "day", "source", maintain_order=True)
        .agg(
            pl.col("open").first(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("close").last(),
            pl.col("volume").sum(),
        )
        .select("symbol", pl.col("day").cast(pl.String).alias("ts"), *PRICES, "volume", "source")
    )


def day_of() -> pl.Expr:
    """Give the session's date of a bar, whether it has a time or is a day."""
    return pl.col("ts").dt.convert_time_zone("America/New_York").dt.date()


def days_of(bars: pl.DataFrame) -> pl.Expr:
    """Give the date for either form of `ts`."""
    return pl.col("ts").str.to_date() if bars.schema["ts"] == pl.String else day_of()


def drawn(
    bars: pl.DataFrame, rng: Generator, n: int, *, margin: int = 6, apart: bool = True
) -> list[tuple[str, dt.date]]:
    """Draw symbols and days that all have bars, none of a day near the ends."""
    there = bars.select("symbol", day=days_of(bars)).unique().sort("symbol", "day")
    names = there["symbol"].unique().sort().to_list()
    picked = (
        list(rng.permutation(names)) if apart and len(names) >= n else list(rng.choice(names, n))
    )
    found: list[tuple[str, dt.date]] = []
    for symbol in picked[:n]:
        days = there.filter(pl.col("symbol") == symbol)["day"].to_list()
        low, high = min(margin, len(days) // 3), max(len(days) - margin, len(days) // 3 + 1)
        # No two on one day, where there are enough: one could undo the other.
        taken = {day for _, day in found}
        free = [day for day in days[low:high] if day not in taken] or days[low:high]
        found.append((str(symbol), free[int(rng.integers(0, len(free)))]))
    return found


def bar_plant(
    kinds: str,
    change: Callable[[pl.DataFrame, Generator, str, dt.date, int], pl.DataFrame],
    *,
    margin: int = 6,
    until_end: bool = False,
    whole_source: bool = False,
) -> Plant:
    """Make a plant of a change to the rows of one symbol and day."""
    wanted = frozenset(kinds.split())

    def plant(world: World, rng: Generator, n: int) -> World:
        key, bars = world.one()
        expected = []
        end = bars.select(days_of(bars).max()).item()
        # An end is early only if most symbols go on.
        share = 3 if change is end_early else 1
        n = min(n, max(bars["symbol"].n_unique() // share, 1))
        chosen = drawn(bars, rng, n, margin=margin)
        if whole_source:
            days = sorted({day for _, day in chosen})
            chosen = [("", day) for day in days]
        for number, (symbol, day) in enumerate(chosen):
            bars = change(bars, rng, symbol, day, number)
            last = end if until_end else day
            source = "" if key[0] == "1d" and not symbol else str(bars["source"][0])
            expected.append(Expected(wanted, symbol, source, day, last))
        return replace(world, bars={key: bars}, expected=tuple(expected))

    return plant


def regular(bars: pl.DataFrame, symbol: str, day: dt.date) -> pl.Expr:
    """Select the regular hours of one symbol's day."""
    rows = mask(bars, symbol, day)
    if bars.schema["ts"] == pl.String:
        return rows
    every = calendar.sessions()
    place = every.index_of(day)
    ns = pl.col("ts").dt.timestamp("ns")
    return rows & (ns >= int(every.open_ns[place])) & (ns < int(every.close_ns[place]))


def mask(bars: pl.DataFrame, symbol: str, day: dt.date) -> pl.Expr:
    """Select one symbol's day, or all symbols' if it is empty."""
    own = days_of(bars) == day
    return own & (pl.col("symbol") == symbol) if symbol else own


def scaled(
    bars: pl.DataFrame, rows: pl.Expr, factor: float, names: tuple[str, ...]
) -> pl.DataFrame:
    """Multiply columns in some rows, rounded to a hundredth of a cent."""
    return bars.with_columns(
        pl.when(rows).then((pl.col(name) * factor).round(4)).otherwise(pl.col(name)).alias(name)
        for name in names
    )


def _nth(bars: pl.DataFrame, rows: pl.Expr, first: int, last: int) -> pl.Expr:
    marked = bars.with_row_index("row_").filter(rows)["row_"].to_list()
    wanted = marked[first:last]
    return pl.int_range(pl.len()).is_in(wanted)


def drop_session(
    bars: pl.DataFrame, rng: Generator, symbol: str, day: dt.date, number: int
) -> pl.DataFrame:
    """Leave out a day."""
    return bars.filter(~mask(bars, symbol, day))


def drop_hours(
    bars: pl.DataFrame, rng: Generator, symbol: str, day: dt.date, number: int
) -> pl.DataFrame:
    """Leave out 20 to 120 minutes in the middle of a day."""
    rows = regular(bars, symbol, day)
    n = bars.filter(rows)["ts"].n_unique()
    length = max(int(n * rng.uniform(0.12, 0.35)), 4)
    first = int(rng.integers(n // 6, n - length - n // 6))
    if symbol:
        return bars.filter(~_nth(bars, rows, first, first + length))
    stamps = bars.filter(rows)["ts"].unique().sort()[first : first + length]
    return bars.filter(~pl.col("ts").is_in(stamps.implode()))


def truncate(
    bars: pl.DataFrame, rng: Generator, symbol: str, day: dt.date, number: int
) -> pl.DataFrame:
    """Begin a day late or end it early, by an hour or more."""
    rows = regular(bars, symbol, day)
    n = bars.filter(rows).height
    length = int(n * rng.uniform(0.18, 0.6))
    cut = (0, length) if number % 2 else (n - length, n)
    return bars.filter(~_nth(bars, rows, *cut))


def thin(
    bars: pl.DataFrame, rng: Generator, symbol: str, day: dt.date, number: int
) -> pl.DataFrame:
    """Lose 40 % of a day's bars here and there."""
    lost = pl.Series(rng.random(bars.height) < 0.4)
    return bars.filter(~(mask(bars, symbol, day) & lost))


def copy_day(
    bars: pl.DataFrame, rng: Generator, symbol: str, day: dt.date, number: int
) -> pl.DataFrame:
    """Fill a day with the bars of a session before."""
    days = bars.filter(pl.col("symbol") == symbol).select(days_of(bars)).to_series().unique().sort()
    place = days.index_of(day)
    before = days[int(rng.integers(0, place or 1))]
    rows = bars.filter(mask(bars, symbol, before))
    if bars.schema["ts"] == pl.String:
        rows = rows.with_columns(ts=pl.lit(str(day)))
    else:
        every = calendar.sessions()
        step = int(every.open_ns[every.index_of(day)] - every.open_ns[every.index_of(before)])
        rows = rows.with_columns(pl.col("ts") + pl.duration(nanoseconds=step))
    return pl.concat([bars.filter(~mask(bars, symbol, day)), rows])


def copy_symbol(
    bars: pl.DataFrame, rng: Generator, symbol: str, day: dt.date, number: int
) -> pl.DataFrame:
    """Fill a symbol's days with another's."""
    names = [name for name in bars["symbol"].unique().sort() if name != symbol]
    other = str(rng.choice(names))
    rows = bars.filter(mask(bars, other, day)).with_columns(symbol=pl.lit(symbol))
    return pl.concat([bars.filter(~mask(bars, symbol, day)), rows])


def stick(
    bars: pl.DataFrame, rng: Generator, symbol: str, day: dt.date, number: int
) -> pl.DataFrame:
    """Repeat one bar's values for a while."""
    rows = regular(bars, symbol, day)
    part = bars.filter(rows)
    n = part.height
    length = min(int(rng.integers(8, 30)), n - 2)
    first = int(rng.integers(0, n - length))
    held = part.filter(pl.col("high") > pl.col("low"))
    values = held.row(len(held) // 2, named=True)
    return bars.with_columns(
        pl.when(_nth(bars, rows, first, first + length))
        .then(pl.lit(values[name]))
        .otherwise(pl.col(name))
        .alias(name)
        for name in (*PRICES, "volume")
    )


def scale_day(factors: tuple[float, ...]) -> Callable[..., pl.DataFrame]:
    """Multiply a day's prices."""

    def change(
        bars: pl.DataFrame, rng: Generator, symbol: str, day: dt.date, number: int
    ) -> pl.DataFrame:
        return scaled(bars, mask(bars, symbol, day), factors[number % len(factors)], PRICES)

    return change


def scale_bars(
    factors: tuple[float, ...], names: tuple[str, ...], most: int
) -> Callable[..., pl.DataFrame]:
    """Multiply some fields of one bar or a few."""

    def change(
        bars: pl.DataFrame, rng: Generator, symbol: str, day: dt.date, number: int
    ) -> pl.DataFrame:
        rows = mask(bars, symbol, day)
        n = bars.filter(rows).height
        length = min(int(rng.integers(1, most + 1)), max(n // 3, 1))
        first = int(rng.integers(0, n - length + 1))
        part = _nth(bars, rows, first, first + length)
        return scaled(bars, part, factors[number % len(factors)], names)

    return change


def spike(
    bars: pl.DataFrame, rng: Generator, symbol: str, day: dt.date, number: int
) -> pl.DataFrame:
    """Put one bar's high up or low down by 12 to 40 %."""
    rows = regular(bars, symbol, day)
    n = bars.filter(rows).height
    at = int(rng.integers(1, n - 1)) if n > 2 else 0
    size = float(rng.uniform(0.12, 0.4)) if n > 2 else float(rng.uniform(0.35, 0.6))
    part = _nth(bars, rows, at, at + 1)
    if number % 2:
        return scaled(bars, part, 1 + size, ("high",))
    return scaled(bars, part, 1 - size, ("low",))


def before(bars: pl.DataFrame, symbol: str, day: dt.date) -> pl.Expr:
    """Select a symbol's rows before a day."""
    return (pl.col("symbol") == symbol) & (days_of(bars) < day)


SPLITS = (2.0, 3.0, 7.0, 10.0, 1.5, 0.125, 0.1, 4.0, 20.0, 0.05)


def split_jump(
    bars: pl.DataFrame, rng: Generator, symbol: str, day: dt.date, number: int
) -> pl.DataFrame:
    """Make raw prices of a split, volumes too in half of the cases."""
    ratio = SPLITS[number % len(SPLITS)]
    rows = before(bars, symbol, day)
    bars = scaled(bars, rows, ratio, PRICES)
    return scaled(bars, rows, 1 / ratio, ("volume",)) if number % 2 else bars


def split_plant(kind: str, power: int, *, later: int = 0) -> Plant:
    """Record splits, and give prices before them the wrong power of the ratio.

    0 is adjusted, 1 is raw, -1 adjusted twice; `later` moves the recorded date.
    """

    def plant(world: World, rng: Generator, n: int) -> World:
        key, bars = world.one()
        expected, actions = [], []
        for number, (symbol, day) in enumerate(drawn(bars, rng, n)):
            ratio = SPLITS[number % len(SPLITS)]
            rows = before(bars, symbol, day)
            bars = scaled(bars, rows, ratio**power, PRICES)
            bars = scaled(bars, rows, ratio ** (-1 if power else 0), ("volume",))
            every = calendar.sessions()
            ex = calendar.day_to_date(int(every.day[every.index_of(day) + later]))
            actions.append((symbol, str(ex), "split", ratio))
            expected.append(Expected(frozenset(kind.split()), symbol, "", day, ex))
        schema = ["symbol", "ex_date", "kind", "value"]
        frame = pl.DataFrame(actions, schema=schema, orient="row")
        if world.actions is not None:
            before_ = world.actions.select(pl.col(name).cast(frame.schema[name]) for name in schema)
            frame = pl.concat([before_, frame])
        return replace(world, bars={key: bars}, actions=frame, expected=tuple(expected))

    return plant


def shift_clock(
    bars: pl.DataFrame, rng: Generator, symbol: str, day: dt.date, number: int
) -> pl.DataFrame:
    """Move a symbol's day by an hour or more."""
    minutes = (60, 120, -60, 240)[number % 4]
    moved = pl.col("ts") + pl.duration(minutes=minutes)
    rows = mask(bars, symbol, day)
    return bars.with_columns(pl.when(rows).then(moved).otherwise(pl.col("ts")).alias("ts"))


def scale_volume(factors: tuple[float, ...]) -> Callable[..., pl.DataFrame]:
    """Multiply a day's volume."""

    def change(
        bars: pl.DataFrame, rng: Generator, symbol: str, day: dt.date, number: int
    ) -> pl.DataFrame:
        return scaled(bars, mask(bars, symbol, day), factors[number % len(factors)], ("volume",))

    return change


def switch_feed(
    bars: pl.DataFrame, rng: Generator, symbol: str, day: dt.date, number: int
) -> pl.DataFrame:
    """Give a symbol 2 to 5 % of its volume from a day on."""
    rows = (pl.col("symbol") == symbol) & (days_of(bars) >= day)
    return scaled(bars, rows, float(rng.uniform(0.02, 0.05)), ("volume",))


def no_volume(
    bars: pl.DataFrame, rng: Generator, symbol: str, day: dt.date, number: int
) -> pl.DataFrame:
    """Take the volume of most of a day's bars away."""
    lost = pl.Series(rng.random(bars.height) < 0.7) if bars.schema["ts"] != pl.String else True
    return bars.with_columns(
        pl.when(mask(bars, symbol, day) & lost)
        .then(0.0)
        .otherwise(pl.col("volume"))
        .alias("volume")
    )


def placeholder(
    bars: pl.DataFrame, rng: Generator, symbol: str, day: dt.date, number: int
) -> pl.DataFrame:
    """Give a symbol one volume from a day on."""
    rows = (pl.col("symbol") == symbol) & (days_of(bars) >= day)
    return bars.with_columns(pl.when(rows).then(15.0).otherwise(pl.col("volume")).alias("volume"))


def end_early(
    bars: pl.DataFrame, rng: Generator, symbol: str, day: dt.date, number: int
) -> pl.DataFrame:
    """Leave out a symbol's newest sessions."""
    return bars.filter(~((pl.col("symbol") == symbol) & (days_of(bars) >= day)))


def round_prices(
    bars: pl.DataFrame, rng: Generator, symbol: str, day: dt.date, number: int
) -> pl.DataFrame:
    """Round a symbol's prices to 0.10."""
    rows = pl.col("symbol") == symbol
    return bars.with_columns(
        pl.when(rows).then((pl.col(name) * 10).round() / 10).otherwise(pl.col(name)).alias(name)
        for name in PRICES
    )


def stamp_ends(
    bars: pl.DataFrame, rng: Generator, symbol: str, day: dt.date, number: int
) -> pl.DataFrame:
    """Name a symbol's bars by their ends."""
    step = bars.filter(pl.col("symbol") == symbol)["ts"].sort().diff().min()
    moved = pl.col("ts") + pl.lit(step)
    rows = pl.col("symbol") == symbol
    return bars.with_columns(pl.when(rows).then(moved).otherwise(pl.col("ts")).alias("ts"))


def coarsen(
    bars: pl.DataFrame, rng: Generator, symbol: str, day: dt.date, number: int
) -> pl.DataFrame:
    """Keep a symbol's bars of every half hour only."""
    rows = (pl.col("symbol") == symbol) & (pl.col("ts").dt.minute() % 30 != 0)
    return bars.filter(~rows)


def with_conflicts(world: World, rng: Generator, n: int) -> World:
    """Give some bars again with other values."""
    key, bars = world.one()
    chosen = drawn(bars, rng, n)
    rows = pl.concat([bars.filter(mask(bars, *one)).head(3) for one in chosen])
    again = scaled(rows, pl.lit(value=True), 1.01, PRICES)
    expected = [
        Expected(frozenset({"conflicting_rows"}), "", "", day, day) for _, day in chosen[:1]
    ]
    return replace(world, later={key: again}, expected=tuple(expected))


def with_versions(world: World, rng: Generator, n: int) -> World:
    """Give some bars again with the same values, known a week later."""
    key, bars = world.one()
    chosen = drawn(bars, rng, n)
    rows = pl.concat([bars.filter(mask(bars, *one)).head(3) for one in chosen])
    stamp = (
        rows["ts"]
        if rows.schema["ts"] != pl.String
        else rows["ts"].str.to_datetime(time_zone="UTC")
    )
    again = rows.with_columns(known_at=stamp.dt.offset_by("7d"))
    kinds = frozenset({"duplicate_bar"})
    expected = [Expected(kinds, symbol, "", day, day) for symbol, day in chosen]
    return replace(world, later={key: again}, expected=tuple(expected))


def with_daily(change: Callable[..., pl.DataFrame] | None, kinds: str) -> Plant:
    """Put daily bars beside finer ones, and change some."""

    def plant(world: World, rng: Generator, n: int) -> World:
        key, bars = world.one()
        every = calendar.sessions()
        ns = bars["ts"].dt.timestamp("ns").to_numpy()
        place = every.containing(ns)
        inside = (ns >= every.open_ns[place]) & (ns < every.close_ns[place])
        daily = daily_of(bars.filter(pl.Series(inside)))
        expected = []
        for number, (symbol, day) in enumerate(drawn(bars, rng, n, margin=12)):
            if change is not None:
                daily = change(daily, rng, symbol, day, number)
            week = dt.timedelta(days=10)
            when = (day - week, day + week) if change is off_a_day else (day, day)
            expected.append(Expected(frozenset(kinds.split()), symbol, "", *when))
        return replace(
            world,
            bars={key: bars, ("1d", key[1]): daily},
            expected=tuple(expected) if kinds else (),
        )

    return plant


def off_a_day(
    daily: pl.DataFrame, rng: Generator, symbol: str, day: dt.date, number: int
) -> pl.DataFrame:
    """Date a symbol's daily bars one session late from five before a day on to five after it."""
    every = calendar.sessions()
    own = daily.filter(pl.col("symbol") == symbol).sort("ts")
    days = own["ts"].to_list()
    place = days.index(str(day))
    low, high = max(place - 6, 0), min(place + 6, len(days) - 1)
    shifted = {
        one: str(
            calendar.day_to_date(int(every.day[every.index_of(dt.date.fromisoformat(one)) + 1]))
        )
        for one in days[low:high]
    }
    moved = own.filter(~(pl.col("ts") == days[high])).with_columns(pl.col("ts").replace(shifted))
    return pl.concat([daily.filter(pl.col("symbol") != symbol), moved])


def with_second_source(kinds: str, change: Callable[..., pl.DataFrame]) -> Plant:
    """Put a second source beside the first, and change it."""

    def plant(world: World, rng: Generator, n: int) -> World:
        key, bars = world.one()
        other = bars.with_columns(source=pl.lit("beta"))
        expected = []
        end = bars.select(days_of(bars).max()).item()
        for number, (symbol, day) in enumerate(drawn(bars, rng, n, margin=8)):
            other = change(other, rng, symbol, day, number)
            expected.append(Expected(frozenset(kinds.split()), symbol, "", day, end))
        both = pl.concat([bars, other])
        return replace(world, bars={key: both}, expected=tuple(expected))

    return plant


def thin_volume(
    bars: pl.DataFrame, rng: Generator, symbol: str, day: dt.date, number: int
) -> pl.DataFrame:
    """Give a symbol 3 % of its volume."""
    return scaled(bars, pl.col("symbol") == symbol, 0.03, ("volume",))


def reuse(
    bars: pl.DataFrame, rng: Generator, symbol: str, day: dt.date, number: int
) -> pl.DataFrame:
    """Let another company have the ticker after two years."""
    rows = before(bars, symbol, day)
    earlier = bars.filter(rows)
    every = calendar.sessions()
    moved = {
        one: str(
            calendar.day_to_date(int(every.day[every.index_of(dt.date.fromisoformat(one)) - 500]))
        )
        for one in earlier["ts"].unique().to_list()
    }
    earlier = scaled(
        earlier.with_columns(pl.col("ts").replace(moved)), pl.lit(value=True), 0.2, PRICES
    )
    return pl.concat([bars.filter(~rows), earlier])


INTRADAY: dict[str, Plant] = {
    "drop a session": bar_plant("missing_session", drop_session),
    "drop a session of the source": bar_plant("source_outage", drop_session, whole_source=True),
    "drop hours": bar_plant("missing_bars", drop_hours),
    "drop hours of the source": bar_plant("source_outage", drop_hours, whole_source=True),
    "truncate": bar_plant("truncated_session", truncate),
    "drop bars here and there": bar_plant("missing_bars truncated_session", thin),
    "end early": bar_plant("ends_early", end_early, until_end=True),
    "coarser bars": bar_plant("coarse_bars", coarsen),
    "times of ends": bar_plant("end_stamps", stamp_ends),
    "another clock": bar_plant("shifted_time", shift_clock),
    "copy a session": bar_plant("repeated_session", copy_day),
    "copy a symbol": bar_plant("shared_bars", copy_symbol),
    "repeat a bar": bar_plant("stuck_feed", stick),
    "other values again": with_conflicts,
    "same values again": with_versions,
    "sessions x100, /100, x10, x1000": bar_plant(
        "scale_error", scale_day((100.0, 0.01, 10.0, 1000.0, 0.1))
    ),
    "bars x100, /100, x10": bar_plant("scale_error", scale_bars((100.0, 0.01, 10.0), PRICES, 12)),
    "lows /10, /100": bar_plant("scale_error", scale_bars((0.1, 0.01), ("low",), 1)),
    "highs x10, x100": bar_plant("scale_error", scale_bars((10.0, 100.0), ("high",), 1)),
    "spikes": bar_plant("bad_print", spike),
    "round to 0.10": bar_plant("rounded_prices", round_prices),
    "split not recorded": bar_plant("split_unrecorded level_break", split_jump, margin=12),
    "split adjusted, called raw": split_plant("split_adjusted_raw", 0),
    "split adjusted twice": split_plant("split_adjusted_twice", -1),
    "split on a wrong date": split_plant("split_date", 1, later=2),
    "volume x1000, /100, x100": bar_plant("volume_scale", scale_volume((1000.0, 0.01, 100.0))),
    "volume of another feed": bar_plant("volume_shift", switch_feed, margin=14, until_end=True),
    "no volume": bar_plant("zero_volume", no_volume),
    "placeholder volume": bar_plant("placeholder_volume", placeholder, margin=12, until_end=True),
    "second source, thin": with_second_source("thin_feed", thin_volume),
    "second source, split": with_second_source("sources_split", split_jump),
    "second source, price off": with_second_source("sources_disagree", scale_day((1.04, 0.97))),
    "daily price off": with_daily(scale_day((1.03, 0.96, 1.1)), "daily_disagrees scale_error"),
    "daily a day late": with_daily(off_a_day, "shifted_day"),
    "daily volume of all": with_daily(thin_volume, "thin_feed"),
}
DAILY: dict[str, Plant] = {
    "drop a session": INTRADAY["drop a session"],
    "drop a session of the source": INTRADAY["drop a session of the source"],
    "end early": INTRADAY["end early"],
    "copy a session": bar_plant("repeated_session stuck_feed", copy_day),
    "copy a symbol": INTRADAY["copy a symbol"],
    "other values again": with_conflicts,
    "same values again": with_versions,
    "sessions x100, /100, x10, x1000": INTRADAY["sessions x100, /100, x10, x1000"],
    "lows /10, /100": INTRADAY["lows /10, /100"],
    "highs x10, x100": INTRADAY["highs x10, x100"],
    "spikes": INTRADAY["spikes"],
    "split not recorded": bar_plant("split_unrecorded level_break", split_jump, margin=12),
    "split adjusted, called raw": split_plant("split_adjusted_raw", 0),
    "split adjusted twice": split_plant("split_adjusted_twice", -1),
    "split on a wrong date": split_plant("split_date", 1, later=2),
    "volume x1000, /100, x100": INTRADAY["volume x1000, /100, x100"],
    "volume of another feed": INTRADAY["volume of another feed"],
    "no volume": INTRADAY["no volume"],
    "placeholder volume": bar_plant(
        "placeholder_volume volume_shift", placeholder, margin=12, until_end=True
    ),
    "ticker reused": bar_plant("reused_ticker", reuse, margin=12),
    "second source, thin": INTRADAY["second source, thin"],
    "second source, split": INTRADAY["second source, split"],
}
