"""Facts that a loader gives: the same whatever follows, and known no earlier than the lake says."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

import polars as pl

from catalyst.data.calendar import day_to_date, sessions
from catalyst.data.timeframes import DAILY, LENGTH_NS
from catalyst.research.audit.differences import Difference, clock
from catalyst.research.audit.served import ReadableLake

_INSTANT = pl.Datetime("ns", "UTC")
_KEYS: dict[str, tuple[str, ...]] = {
    "bars": ("symbol", "ts", "source", "adjustment", "_version"),
    "news": ("news_id", "symbol", "known_at"),
    "actions": ("symbol", "ex_date", "kind", "known_at"),
    "universe": ("symbol", "from", "known_at"),
}
_VALUES: dict[str, tuple[str, ...]] = {
    "bars": ("open", "high", "low", "close", "volume"),
    "news": (
        "published_at", "headline", "tier", "categories", "sentiment", "market_state",
        "cluster_rank", "cluster_id", "cluster_sources", "confirmed_by", "breaking",
    ),
    "actions": ("value",),
    "universe": ("to",),
}  # fmt: skip
TOLERANCE = 1e-9
"""Relative; sums over other lengths give other last bits."""


def bars_of(
    lake: ReadableLake,
    timeframe: str,
    *,
    grace_ns: int,
    start: dt.date | None = None,
    end: dt.date | None = None,
) -> pl.DataFrame:
    """Read bars with `_known`, when a strategy may see each (ns UTC), by the specification."""
    frame = lake.bars(timeframe, start=start, end=end)
    ts = pl.col("ts").dt.timestamp("ns")
    if timeframe == DAILY:
        table = sessions()
        at = table.containing(frame["ts"].dt.timestamp("ns").to_numpy())
        frame = frame.with_columns(_end=pl.Series(table.close_ns[at]))
    else:
        frame = frame.with_columns(_end=ts + LENGTH_NS[timeframe])
    known = pl.col("known_at").dt.timestamp("ns")
    one = ("symbol", "ts", "source", "adjustment")
    frame = frame.sort(*one, "known_at", maintain_order=True)
    again = pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in one)
    frame = frame.with_columns(_again=again.fill_null(value=False))
    in_time = ~pl.col("_again") & (known <= pl.col("_end") + grace_ns)
    return frame.with_columns(
        _known=pl.when(in_time).then("_end").otherwise(pl.max_horizontal(known, "_end")),
        _version=pl.when(in_time).then(0).otherwise(known),
    ).drop("_end", "_again")


def tables_of(
    lake: ReadableLake,
    timeframes: Sequence[str],
    *,
    grace_ns: int,
    start: dt.date | None,
    end: dt.date | None,
) -> Iterator[tuple[str, str, pl.DataFrame]]:
    """Read every table with `_known`: its kind, what to call it, and its rows.

    Parameters
    ----------
    start, end
        Sessions of bars and UTC dates of news, both included; None for all.
    """
    for name in timeframes:
        yield (
            "bars",
            f"{name} bars",
            bars_of(lake, name, grace_ns=grace_ns, start=start, end=end),
        )
    known = pl.col("known_at").dt.timestamp("ns").alias("_known")
    news = lake.news(start=start, end=end).with_columns(known)
    yield "news", "news", news.with_columns(pl.col("categories").list.join(","))
    yield "actions", "actions", lake.actions().with_columns(known)
    yield "universe", "universe", lake.universe().with_columns(known)


def of_facts(
    kind: str, label: str, was: pl.DataFrame, became: pl.DataFrame, *, tolerance: float = TOLERANCE
) -> Difference | None:
    """Compare rows of a table; None if every row is in both, with values equal to a tolerance.

    Parameters
    ----------
    kind, label
        As `tables_of` gives them.
    was, became
        Rows known at one instant.
    """
    key = [name for name in _KEYS[kind] if name in was.columns]
    values = [name for name in _VALUES[kind] if name in was.columns and name in became.columns]
    a, b = (one.select(*key, *values).sort(*key, *values) for one in (was, became))
    if a.equals(b, null_equal=True):
        return None
    # Rows of one key that are twice there are told apart by their order.
    number = pl.int_range(pl.len()).over(key).alias("_number")
    a, b = a.with_columns(number), b.with_columns(number)
    joined = a.with_columns(_a=pl.lit(value=True)).join(
        b.with_columns(_b=pl.lit(value=True)),
        on=[*key, "_number"],
        how="full",
        coalesce=True,
        nulls_equal=True,
        suffix="_became",
    )
    unlike = {name: _unlike(a.schema[name], name, tolerance) for name in values}
    missing = pl.col("_a").is_null() | pl.col("_b").is_null()
    rows = joined.filter(missing | pl.any_horizontal(*unlike.values(), pl.lit(value=False)))
    if not rows.height:
        return None
    rows = rows.sort("ts" if kind == "bars" else "known_at", *key)
    row = rows.row(0, named=True)
    where = _where(kind, label, row)
    symbol = row.get("symbol") or ""
    if row["_a"] is None or row["_b"] is None:
        there, gone = "there", "not there"
        return Difference(
            symbol,
            f"a row of {where} ({rows.height} rows differ)",
            gone if row["_a"] is None else there,
            gone if row["_b"] is None else there,
        )
    first = rows.head(1)
    name = next(name for name, test in unlike.items() if first.filter(test).height)
    return Difference(
        symbol,
        f"{name} of {where} ({rows.height} rows differ)",
        _text(row[name]),
        _text(row[f"{name}_became"]),
    )


def early(
    kind: str, label: str, given: pl.DataFrame, lake: pl.DataFrame
) -> tuple[Difference, int] | None:
    """Find a fact that a loader says was known before the lake says so.

    By its key; and by key and values, so that what was revised later isn't taken for the first
    version.

    Returns
    -------
    (Difference, int) or None
        What was claimed, and when (ns UTC).
    """
    key = [name for name in _KEYS[kind] if name not in {"known_at", "_version"}]
    loose = [name for name in key if name not in {"source", "adjustment"}]
    if kind == "universe":
        loose = ["symbol", "from", "to"]
    values = [name for name in _VALUES[kind] if name in given.columns and name in lake.columns]
    claimed = pl.col("known_at").dt.timestamp("ns") if kind != "bars" else pl.col("_claimed")
    if kind == "bars":
        # Within the grace a bar counts as known at its end; before its end nobody knows it.
        raw = pl.col("known_at").dt.timestamp("ns")
        given = given.with_columns(_claimed=pl.min_horizontal(raw, pl.col("_known")))
    for on in (loose, [*loose, *(name for name in values if name not in loose)]):
        first = lake.group_by(on).agg(_lake=pl.col("_known").min())
        found = given.join(first, on=on, how="inner", nulls_equal=True)
        found = found.filter(claimed < pl.col("_lake"))
        if found.height:
            row = found.sort("_lake").row(0, named=True)
            said = row["_claimed"] if kind == "bars" else row["_known"]
            what = f"when a row of {_where(kind, label, row)} was known ({found.height} rows)"
            return Difference(row.get("symbol") or "", what, clock(row["_lake"]), clock(said)), int(
                said
            )
    return None


def _unlike(kind: pl.DataType, name: str, tolerance: float) -> pl.Expr:
    a, b = pl.col(name), pl.col(f"{name}_became")
    if kind.is_float() or kind.is_integer():
        a, b = a.cast(pl.Float64), b.cast(pl.Float64)
        scale = pl.max_horizontal(a.abs(), b.abs(), pl.lit(1e-12))
        far = ((a - b).abs() > tolerance * scale) | (a.is_nan() != b.is_nan())
        return far.fill_null(value=False) | (a.is_null() != b.is_null())
    return a.ne_missing(b)


def _where(kind: str, label: str, row: dict[str, object]) -> str:
    if kind == "bars":
        ts = row["ts"]
        assert isinstance(ts, dt.datetime)  # noqa: S101 - a column of instants
        return f"{label} at {clock(int(ts.timestamp()) * 10**9)}"
    if kind == "news":
        return f"news, article {row['news_id']}"
    day = row["ex_date"] if kind == "actions" else row["from"]
    return f"{label} of {day}"


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.10g}"
    return "none" if value is None else str(value)


def last_days(at_ns: int, count: int) -> tuple[dt.date, dt.date]:
    """Return the first and last of the sessions up to an instant, ``count`` of them."""
    table = sessions()
    k = int(table.pre_ns.searchsorted(at_ns, side="right")) - 1
    return day_to_date(int(table.day[max(k - count + 1, 0)])), day_to_date(int(table.day[k]))
